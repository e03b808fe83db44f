/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gclog_mpgc.c - the JSON lines of the collector in gc/ (gc/log.c; libmpgc(3)). Keys are
 * looked for by name; what is no such line is passed over.
 */
#include "user/rt/gclog_int.h"

static bool value_of(const struct scan *s, const char *key, struct scan *v)
{
	const char *p = scan_find(s, key);

	if (!p)
		return false;
	*v = (struct scan){ p + strlen(key), s->end };
	return true;
}

/* A number, or MP_UNKNOWN for null and for what is not there. */
static uint64_t number_of(const struct scan *s, const char *key)
{
	struct scan v;
	uint64_t n;

	return value_of(s, key, &v) && scan_u64(&v, &n) ? n : MP_UNKNOWN;
}

static void text_of(const struct scan *s, const char *key, char *buf, size_t size)
{
	const char *close;
	struct scan v;

	if (!value_of(s, key, &v))
		return;
	close = memchr(v.p, '"', (size_t)(v.end - v.p));
	if (close)
		scan_copy(buf, size, v.p, close);
}

enum gclog_found gclog_mpgc(struct scan s, struct mp_gclog_gc *gc)
{
	if (!scan_is(&s, "{\"type\":\"gc\","))
		return GCLOG_NO;
	gclog_blank(gc, MP_GCLOG_MPGC);
	gc->id = number_of(&s, "\"n\":");
	gc->isolate = number_of(&s, "\"heap\":");
	gc->mono = number_of(&s, "\"start_ns\":");
	gc->pause = number_of(&s, "\"pause_ns\":");
	gc->before = number_of(&s, "\"before\":");
	gc->after = number_of(&s, "\"after\":");
	gc->cbefore = number_of(&s, "\"committed_before\":");
	gc->cafter = number_of(&s, "\"committed_after\":");
	gc->goal = number_of(&s, "\"goal\":");
	gc->at_start = true;
	text_of(&s, "\"kind\":\"", gc->name, sizeof(gc->name));
	text_of(&s, "\"reason\":\"", gc->reason, sizeof(gc->reason));
	gc->kind = !strcmp(gc->name, "minor")	  ? MP_GC_MINOR
		   : !strcmp(gc->name, "major")	  ? MP_GC_MAJOR
		   : !strcmp(gc->name, "compact") ? MP_GC_COMPACT
						  : MP_GC_OTHER;
	if (gc->kind == MP_GC_OTHER || gc->mono == MP_UNKNOWN || gc->pause == MP_UNKNOWN ||
	    gc->before == MP_UNKNOWN || s.end[-1] != '}')
		return GCLOG_BAD;
	return GCLOG_YES;
}

bool gclog_mpgc_released(struct scan s, uint64_t *bytes)
{
	if (!scan_is(&s, "{\"type\":\"release\","))
		return false;
	*bytes = number_of(&s, "\"bytes\":");
	return *bytes != MP_UNKNOWN;
}
