/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gclog_v8.c - V8's --trace-gc and --trace-gc-nvp as a log has them. The plain line is
 * read by v8.c, which the live source uses too.
 *
 *   [22871:0x198fbd00]       36 ms: pause=2.6 mutator=30.3 gc=s ... total_size_before=5387800
 *   [29607:0x1f147000:0]     30 ms: pause=1.6 ... start_object_size=6180120 ...
 *   [4276:0xc09d000:0]       27 ms: GC: {"pause":1.709,"gc":"s",...}
 */
#include "user/rt/gclog_int.h"
#include "user/rt/v8.h"

/* The place where a record may begin: lines of others can stand in front of it. */
static bool find_head(struct scan *s, uint64_t *isolate, uint64_t *t, struct scan *rest)
{
	while (!scan_end(s)) {
		const char *p = memchr(s->p, '[', (size_t)(s->end - s->p));

		if (!p)
			return false;
		s->p = p;
		*rest = *s;
		if (s->end - p > 1 && scan_digit(p[1]) && v8_gc_head(rest, isolate, t))
			return true;
		s->p = p + 1;
	}
	return false;
}

/* The number in the brackets that s begins with. */
static uint32_t pid_of(struct scan s)
{
	uint64_t pid;

	s.p++;
	return scan_u64(&s, &pid) && pid <= UINT32_MAX ? (uint32_t)pid : 0;
}

/* Lines that begin like a collection's and are no other thing --trace-gc-verbose says. */
static bool looks_like_one(struct scan rest)
{
	static const char *const names[] = { "Scavenge ", "Mark-", "Minor Mark",
					     "Incremental Mark" };

	scan_blanks(&rest);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (scan_is(&rest, names[i]))
			return !scan_find(&rest, "scanning");
	return false;
}

enum gclog_found gclog_v8(struct scan s, struct mp_gclog_gc *gc)
{
	struct scan rest;
	struct v8_gc g;
	uint64_t isolate, t;

	if (!find_head(&s, &isolate, &t, &rest))
		return GCLOG_NO;
	if (!v8_gc_body(rest, &g))
		return looks_like_one(rest) ? GCLOG_BAD : GCLOG_NO;
	gclog_blank(gc, MP_GCLOG_V8);
	gc->kind = g.kind;
	gc->t = t;
	gc->isolate = isolate;
	gc->pid = pid_of(s);
	gc->before = g.before;
	gc->after = g.after;
	gc->cbefore = g.cbefore;
	gc->cafter = g.cafter;
	gc->pause = g.pause_ns;
	memcpy(gc->name, g.name, sizeof(g.name));
	memcpy(gc->reason, g.reason, sizeof(g.reason));
	return GCLOG_YES;
}

/* --- name=value --------------------------------------------------------------------- */

/* Where the value of a name stands: "name=" between blanks, or "\"name\":" in JSON. */
static bool value_of(const struct scan *s, bool json, const char *name, struct scan *v)
{
	char key[48];
	const char *p;

	snprintf(key, sizeof(key), json ? "\"%s\":" : " %s=", name);
	p = scan_find(s, key);
	if (!p)
		return false;
	*v = (struct scan){ p + strlen(key), s->end };
	return true;
}

static void bytes_of(const struct scan *s, bool json, const char *name, const char *older,
		     uint64_t *to)
{
	struct scan v;

	if (value_of(s, json, name, &v) || (older && value_of(s, json, older, &v)))
		if (!scan_u64(&v, to))
			*to = MP_UNKNOWN;
}

static void text_of(const struct scan *s, const char *name, char *buf, size_t size)
{
	const char *close;
	struct scan v;

	if (!value_of(s, true, name, &v) || scan_peek(&v) != '"')
		return;
	close = memchr(v.p + 1, '"', (size_t)(v.end - v.p - 1));
	if (close)
		scan_copy(buf, size, v.p + 1, close);
}

/* s: scavenge; mc: mark-compact; ms: mark-sweep (up to Node 18); mmc, mms: minor ones. */
static bool kind_of(const struct scan *s, bool json, struct mp_gclog_gc *gc)
{
	static const struct {
		const char *code, *name;
		uint8_t kind;
	} kinds[] = { { "mmc", "Minor Mark-Compact", MP_GC_MINOR },
		      { "mms", "Minor Mark-Sweep", MP_GC_MINOR },
		      { "imc", "Incremental Mark-Compact", MP_GC_COMPACT },
		      { "mc", "Mark-Compact", MP_GC_COMPACT },
		      { "ms", "Mark-sweep", MP_GC_MAJOR },
		      { "s", "Scavenge", MP_GC_MINOR } };
	struct scan v;

	if (!value_of(s, json, "gc", &v))
		return false;
	if (scan_peek(&v) == '"')
		v.p++;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!scan_is(&v, kinds[i].code))
			continue;
		gc->kind = kinds[i].kind;
		snprintf(gc->name, sizeof(gc->name), "%s", kinds[i].name);
		return true;
	}
	gc->kind = MP_GC_OTHER;
	return true;
}

enum gclog_found gclog_v8_nvp(struct scan s, struct mp_gclog_gc *gc)
{
	uint64_t isolate, t;
	struct scan rest, v;
	bool json;

	if (!find_head(&s, &isolate, &t, &rest))
		return GCLOG_NO;
	scan_blanks(&rest);
	json = scan_is(&rest, "GC: {");
	if (!json && !scan_is(&rest, "pause="))
		return GCLOG_NO;
	rest.p--; /* its blank: every name has one in front */
	gclog_blank(gc, MP_GCLOG_V8_NVP);
	gc->t = t;
	gc->isolate = isolate;
	gc->pid = pid_of(s);
	bytes_of(&rest, json, "start_object_size", "total_size_before", &gc->before);
	bytes_of(&rest, json, "end_object_size", "total_size_after", &gc->after);
	bytes_of(&rest, json, "start_memory_size", NULL, &gc->cbefore);
	bytes_of(&rest, json, "end_memory_size", NULL, &gc->cafter);
	text_of(&rest, "reason", gc->reason, sizeof(gc->reason));
	if (!kind_of(&rest, json, gc) || !value_of(&rest, json, "pause", &v) ||
	    !scan_dec(&v, 6, &gc->pause) || gc->before == MP_UNKNOWN || gc->after == MP_UNKNOWN)
		return GCLOG_BAD;
	return GCLOG_YES;
}
