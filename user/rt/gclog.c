/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gclog.c - a log cut into lines, and each given to the grammar that its first
 * characters ask for.
 */
#include "user/rt/gclog.h"

#include <stdlib.h>

#include "user/rt/gclog_int.h"

struct mp_gclog {
	int (*fn)(void *ctx, const struct mp_gclog_gc *gc);
	void *ctx;
	int said; /* by fn */
	struct mp_gclog_stats stats;
	struct gclog_legacy legacy;
	struct mp_gclog_gc last; /* waits for what is released behind it */
	bool waits;
	bool last_few; /* within V8's report of a full heap */
	char *line;    /* one that was cut */
	size_t n;
};

static const struct {
	const char *runtime, *variant;
} langs[MP_GCLOG_LANGS] = {
	[MP_GCLOG_NONE] = { "", "" },
	[MP_GCLOG_V8] = { "v8", "trace-gc" },
	[MP_GCLOG_V8_NVP] = { "v8", "trace-gc-nvp" },
	[MP_GCLOG_GO] = { "go", "gctrace" },
	[MP_GCLOG_UNIFIED] = { "jvm", "unified" },
	[MP_GCLOG_LEGACY] = { "jvm", "print-gc" },
	[MP_GCLOG_MPGC] = { "gc", "jsonl" },
};

const char *mp_gclog_runtime(enum mp_gclog_lang lang)
{
	return langs[lang].runtime;
}

const char *mp_gclog_variant(enum mp_gclog_lang lang)
{
	return langs[lang].variant;
}

void gclog_blank(struct mp_gclog_gc *gc, enum mp_gclog_lang lang)
{
	gc->lang = lang;
	gc->kind = 0;
	gc->concurrent = gc->at_start = false;
	gc->t = gc->wall = gc->mono = gc->pause = gc->span = MP_UNKNOWN;
	gc->before = gc->after = gc->cbefore = gc->cafter = gc->goal = MP_UNKNOWN;
	gc->released = gc->id = gc->marked = MP_UNKNOWN;
	gc->isolate = 0;
	gc->pid = 0;
	gc->wall_local = false;
	gc->name[0] = gc->reason[0] = '\0';
}

bool gclog_size(struct scan *s, uint64_t *bytes)
{
	static const char units[] = "BKMGT";
	struct scan t = *s;
	const char *unit;
	uint64_t milli;

	if (!scan_dec(&t, 3, &milli) || milli >> 50)
		return false;
	unit = scan_peek(&t) ? memchr(units, scan_peek(&t), sizeof(units) - 1) : NULL;
	if (unit)
		t.p++;
	if (unit && (unit - units) * 10 + 50 > 63 && milli >> (63 - (unit - units) * 10))
		return false;
	*bytes = (milli << (unit ? (unit - units) * 10 : 0)) / 1000;
	*s = t;
	return true;
}

struct mp_gclog *mp_gclog_new(int (*fn)(void *ctx, const struct mp_gclog_gc *gc), void *ctx)
{
	struct mp_gclog *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->fn = fn;
	l->ctx = ctx;
	l->line = malloc(MP_GCLOG_LINE);
	if (!l->line) {
		free(l);
		return NULL;
	}
	return l;
}

void mp_gclog_free(struct mp_gclog *l)
{
	if (!l)
		return;
	free(l->line);
	free(l);
}

const struct mp_gclog_stats *mp_gclog_stats(const struct mp_gclog *l)
{
	return &l->stats;
}

enum mp_gclog_lang mp_gclog_lang(const struct mp_gclog_stats *s)
{
	enum mp_gclog_lang best = MP_GCLOG_NONE;

	for (int i = 1; i < MP_GCLOG_LANGS; i++)
		if (s->of[i] > s->of[best])
			best = (enum mp_gclog_lang)i;
	return best;
}

static void hand_out(struct mp_gclog *l)
{
	if (!l->waits)
		return;
	l->waits = false;
	if (!l->said)
		l->said = l->fn(l->ctx, &l->last);
}

static void found(struct mp_gclog *l, enum gclog_found r, const struct mp_gclog_gc *gc)
{
	if (r == GCLOG_BAD)
		l->stats.bad++;
	if (r != GCLOG_YES)
		return;
	hand_out(l);
	l->last = *gc;
	l->waits = true;
	l->stats.events++;
	l->stats.of[gc->lang]++;
}

static void released(struct mp_gclog *l, uint64_t bytes)
{
	if (l->waits)
		l->last.released = (l->last.released == MP_UNKNOWN ? 0 : l->last.released) + bytes;
}

/* V8 repeats its last lines before it ends, cut and without line ends. */
static bool last_few(struct mp_gclog *l, const struct scan *s)
{
	if (scan_is(s, "<--- ")) {
		l->last_few = scan_is(s, "<--- Last few GCs");
		return true;
	}
	if (l->last_few && (scan_is(s, "FATAL ERROR") || scan_is(s, "=====")))
		l->last_few = false;
	if (l->last_few && scan_peek(s))
		l->stats.repeated++;
	return l->last_few;
}

/* Lines of V8 have a colon behind the number in their first brackets. */
static bool v8_first(const struct scan *s)
{
	const char *p = s->p + 1;

	while (p < s->end && scan_digit(*p))
		p++;
	return p < s->end && (*p == ':' || *p == ']') && p > s->p + 1;
}

static enum gclog_found v8_line(const struct scan *s, struct mp_gclog_gc *gc)
{
	enum gclog_found r = gclog_v8(*s, gc);

	return r == GCLOG_NO ? gclog_v8_nvp(*s, gc) : r;
}

/* Lines with brackets: V8's, unified ones, HotSpot 8's. */
static enum gclog_found bracketed(struct mp_gclog *l, const struct scan *s, struct mp_gclog_gc *gc)
{
	enum gclog_found r = GCLOG_NO;

	if (scan_peek(s) == '[' && !v8_first(s)) {
		r = gclog_unified(*s, gc);
		return r == GCLOG_NO ? gclog_legacy(&l->legacy, *s, gc) : r;
	}
	if (!l->legacy.open)
		r = v8_line(s, gc);
	return r == GCLOG_NO ? gclog_legacy(&l->legacy, *s, gc) : r;
}

static void take_line(struct mp_gclog *l, const char *text, size_t n)
{
	struct scan s = { text, text + n };
	enum gclog_found r = GCLOG_NO;
	struct mp_gclog_gc gc;
	uint64_t bytes;

	if (n > MP_GCLOG_LINE)
		s.end = text + MP_GCLOG_LINE;
	else if (n && text[n - 1] == '\r')
		s.end--;
	l->stats.lines++;
	if (scan_end(&s) || l->said)
		return;
	if ((*s.p == '<' || l->last_few) && last_few(l, &s))
		return;
	if (*s.p == 'g' && scan_is(&s, "gc "))
		r = gclog_go(s, &gc);
	else if (*s.p == 's' && gclog_go_released(s, &bytes))
		released(l, bytes);
	else if (*s.p == '{' && scan_is(&s, "{\"type\":\"gc\""))
		r = gclog_mpgc(s, &gc);
	else if (*s.p == '{' && gclog_mpgc_released(s, &bytes))
		released(l, bytes);
	else if (*s.p == 'G' && scan_is(&s, "GC("))
		r = gclog_unified(s, &gc);
	else if (l->legacy.open || l->legacy.waits || memchr(s.p, '[', (size_t)(s.end - s.p)))
		r = bracketed(l, &s, &gc);
	l->stats.bad += l->legacy.dropped;
	l->legacy.dropped = false;
	found(l, r, &gc);
}

/* Adds to the cut line what there is room for. */
static void keep(struct mp_gclog *l, const char *bytes, size_t n)
{
	size_t room = MP_GCLOG_LINE - l->n;

	n = n < room ? n : room;
	memcpy(l->line + l->n, bytes, n);
	l->n += n;
}

int mp_gclog_feed(struct mp_gclog *l, const char *bytes, size_t n)
{
	const char *end = bytes + n, *nl;

	l->stats.bytes += n;
	while (bytes < end && !l->said) {
		nl = memchr(bytes, '\n', (size_t)(end - bytes));
		if (!nl) {
			keep(l, bytes, (size_t)(end - bytes));
			break;
		}
		if (l->n) {
			keep(l, bytes, (size_t)(nl - bytes));
			take_line(l, l->line, l->n);
			l->n = 0;
		} else {
			take_line(l, bytes, (size_t)(nl - bytes));
		}
		bytes = nl + 1;
	}
	return l->said;
}

int mp_gclog_idle(struct mp_gclog *l)
{
	hand_out(l);
	return l->said;
}

int mp_gclog_end(struct mp_gclog *l)
{
	struct mp_gclog_gc gc;

	if (l->n)
		take_line(l, l->line, l->n);
	l->n = 0;
	found(l, gclog_legacy_end(&l->legacy, &gc), &gc);
	hand_out(l);
	l->last_few = false;
	return l->said;
}
