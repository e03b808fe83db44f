/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gclog_unified.c - HotSpot's unified logging, JDK 9 and later (JDK: gcTraceTime.cpp,
 * logDecorators.hpp, gc/z).
 *
 *   [0.158s][info][gc] GC(3) Pause Young (Normal) (G1 Evacuation Pause) 6M->1M(34M) 1.450ms
 *   [0.215s][info][gc] GC(1) Garbage Collection (Allocation Stall) 160M(100%)->28M(18%)
 *   [0.118s][info][gc] GC(0) Major Collection (Warmup) 16M(10%)->48M(30%) 0.020s
 *   [0.120s][info][gc,phases] GC(1) y: Pause Mark Start (Major) 0.007ms
 *
 * A record is a pause with its length, or a whole cycle of ZGC, which has none before the
 * generational one. Stamps are of the end. Decorations stand in a fixed order whatever was
 * asked for, any of them may be missing, and two that look alike are told apart by order
 * and magnitude. Sizes are cut off to their unit.
 */
#include <time.h>

#include "user/rt/gclog_int.h"

#define MS 1000000ULL

bool gclog_date(struct scan *s, uint64_t *wall, bool *local)
{
	uint64_t v[6], frac = 0, zh, zm;
	struct tm tm = { 0 };
	struct scan t = *s;
	int64_t zone = 0;
	char sign;

	for (int i = 0; i < 6; i++) {
		static const char sep[] = "--T::";

		if (!scan_u64(&t, &v[i]) || v[i] > (i ? 99 : 2200) ||
		    (i < 5 && (scan_peek(&t) != sep[i] || !scan_digit(*++t.p))))
			return false;
	}
	if (scan_peek(&t) == '.' || scan_peek(&t) == ',') {
		t.p++;
		if (!scan_u64(&t, &frac) || frac > 999)
			return false;
	}
	sign = scan_peek(&t);
	*local = sign != '+' && sign != '-' && sign != 'Z';
	if (sign == '+' || sign == '-') {
		t.p++;
		if (!scan_u64(&t, &zh) || zh > 9999)
			return false;
		zm = zh % 100 + zh / 100 * 60;
		zone = sign == '-' ? -(int64_t)zm : (int64_t)zm;
	}
	tm.tm_year = (int)v[0] - 1900;
	tm.tm_mon = (int)v[1] - 1;
	tm.tm_mday = (int)v[2];
	tm.tm_hour = (int)v[3];
	tm.tm_min = (int)v[4];
	tm.tm_sec = (int)v[5];
	*wall = (uint64_t)(timegm(&tm) - zone * 60) * 1000 * MS + frac * MS;
	*s = t;
	return true;
}

/* What the decorations say. */
struct stamps {
	uint64_t up, wall;
	uint64_t ns[2];
	unsigned n_ns;
	uint32_t pid; /* pid comes before tid; alone it may be either */
	bool local;
};

static void decoration(struct stamps *st, struct scan d)
{
	struct scan t = d;
	uint64_t v;

	if (scan_dec(&t, 9, &v) && scan_is(&t, "s") && t.p + 1 == t.end) {
		st->up = v;
		return;
	}
	t = d;
	if (scan_u64(&t, &v) && scan_is(&t, "ms") && t.p + 2 == t.end && v < UINT64_MAX / MS) {
		/* ms since 1970, or since the start: nothing runs for thirty years */
		*(v > 1000000000000ULL ? &st->wall : &st->up) = v * MS;
		return;
	}
	t = d;
	if (scan_u64(&t, &v) && scan_is(&t, "ns") && t.p + 2 == t.end && st->n_ns < 2) {
		st->ns[st->n_ns++] = v;
		return;
	}
	t = d;
	if (!st->pid && scan_u64(&t, &v) && t.p == t.end && v <= INT32_MAX)
		st->pid = (uint32_t)v;
	if (d.end - d.p > 18 && d.p[4] == '-' && d.p[10] == 'T')
		gclog_date(&d, &st->wall, &st->local);
}

/* timenanos is CLOCK_MONOTONIC, uptimenanos counts from the start and comes behind it.
 * Alone it is the one that is near the uptime, if that is told. */
static void settle(const struct stamps *st, struct mp_gclog_gc *gc)
{
	uint64_t near = 2000 * MS;

	gc->t = st->up;
	gc->wall = st->wall;
	gc->wall_local = st->local;
	gc->pid = st->pid;
	if (st->n_ns == 2) {
		gc->mono = st->ns[0];
		gc->t = st->ns[1];
	} else if (st->n_ns == 1 && st->up != MP_UNKNOWN && st->ns[0] > st->up + near) {
		gc->mono = st->ns[0];
	} else if (st->n_ns == 1) {
		gc->t = st->ns[0];
	}
}

static void decorations(struct scan *s, struct mp_gclog_gc *gc)
{
	struct stamps st = { .up = MP_UNKNOWN, .wall = MP_UNKNOWN };

	while (scan_peek(s) == '[') {
		const char *close = memchr(s->p, ']', (size_t)(s->end - s->p));

		if (!close)
			break;
		decoration(&st, (struct scan){ s->p + 1, close });
		s->p = close + 1;
	}
	settle(&st, gc);
}

/* "6M->1M(34M)", "160M(100%)->28M(18%)" right before `end`, blanks apart: where it begins,
 * or NULL. */
static const char *sizes(const struct scan *s, const char *end, struct mp_gclog_gc *gc)
{
	const char *arrow = NULL, *from;
	uint64_t percent;
	struct scan t;

	for (const char *p = end - 1; p > s->p + 1 && !arrow; p--)
		if (p[0] == '>' && p[-1] == '-')
			arrow = p + 1;
	if (!arrow)
		return NULL;
	for (from = arrow - 2; from > s->p && from[-1] != ' '; from--)
		;
	t = (struct scan){ from, end };
	if (!gclog_size(&t, &gc->before))
		return NULL;
	if (scan_lit(&t, "(") && (!scan_u64(&t, &percent) || !scan_lit(&t, "%)")))
		return NULL;
	if (!scan_lit(&t, "->") || !gclog_size(&t, &gc->after) || !scan_lit(&t, "("))
		return NULL;
	if (!gclog_size(&t, &gc->cafter) || scan_is(&t, "%"))
		gc->cafter = MP_UNKNOWN;
	return from;
}

/* "1.450ms", "6.363 ms", "0.020s" at the end: where it begins, or NULL. */
static const char *length(const struct scan *s, uint64_t *ns)
{
	const char *p = s->end, *from;
	struct scan t;

	while (p > s->p && (p[-1] == ' ' || p[-1] == '\r'))
		p--;
	if (p - s->p < 3 || p[-1] != 's')
		return NULL;
	from = p[-2] == 'm' ? p - 2 : p - 1;
	while (from > s->p && from[-1] == ' ')
		from--;
	while (from > s->p && (scan_digit(from[-1]) || from[-1] == '.' || from[-1] == ','))
		from--;
	t = (struct scan){ from, p };
	if (p[-2] == 'm' ? !scan_dec(&t, 6, ns) : !scan_dec(&t, 9, ns))
		return NULL;
	return from;
}

/* Details of a pause that are no cause. */
static bool is_detail(const char *from, size_t n)
{
	static const char words[][20] = { "unload classes",
					  "process weakrefs",
					  "update refs",
					  "Young",
					  "Old",
					  "Global",
					  "Major",
					  "Minor",
					  "Normal",
					  "Mixed",
					  "Concurrent Start",
					  "Prepare Mixed" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (n < sizeof(words[i]) && !words[i][n] && !memcmp(words[i], from, n))
			return true;
	return false;
}

/* "Pause Young (Normal) (G1 Evacuation Pause)": the last parentheses are the cause; it may
 * have some itself: "(System.gc())". */
static void title(struct mp_gclog_gc *gc, const char *from, const char *to)
{
	const char *open;
	int depth = 0;

	while (to > from && to[-1] == ' ')
		to--;
	open = to;
	if (to > from && to[-1] == ')') {
		do {
			open--;
			depth += *open == ')' ? 1 : *open == '(' ? -1 : 0;
		} while (depth && open > from);
	}
	if (!depth && open < to && open > from && !is_detail(open + 1, (size_t)(to - open - 2))) {
		scan_copy(gc->reason, sizeof(gc->reason), open + 1, to - 1);
		to = open;
	}
	scan_copy(gc->name, sizeof(gc->name), from, to);
}

static uint8_t kind_of(const struct scan *s)
{
	if (scan_is(s, "Pause Young") || scan_is(s, "Minor Collection"))
		return MP_GC_MINOR;
	if (scan_is(s, "Pause Full") || scan_is(s, "Pause Degenerated"))
		return MP_GC_COMPACT;
	if (scan_is(s, "Garbage Collection") || scan_is(s, "Major Collection"))
		return MP_GC_MAJOR;
	return MP_GC_OTHER;
}

/* A whole cycle of ZGC: sizes, and since it has generations its length. */
static enum gclog_found cycle(const struct scan *s, struct mp_gclog_gc *gc)
{
	const char *end = length(s, &gc->span), *from = sizes(s, end ? end : s->end, gc);

	if (!from) /* the line of its start */
		return scan_find(s, "->") ? GCLOG_BAD : GCLOG_NO;
	gc->concurrent = true;
	title(gc, s->p, from);
	return GCLOG_YES;
}

static enum gclog_found pause(const struct scan *s, struct mp_gclog_gc *gc)
{
	const char *end = length(s, &gc->pause), *from;

	if (!end) /* the line of its start; cut off behind the sizes it is no start */
		return scan_find(s, "->") ? GCLOG_BAD : GCLOG_NO;
	from = sizes(s, end, gc);
	title(gc, s->p, from ? from : end);
	return GCLOG_YES;
}

enum gclog_found gclog_unified(struct scan s, struct mp_gclog_gc *gc)
{
	struct scan t;

	gclog_blank(gc, MP_GCLOG_UNIFIED);
	decorations(&s, gc);
	if (!scan_lit(&s, "GC(") || !scan_u64(&s, &gc->id) || !scan_lit(&s, ")"))
		return GCLOG_NO;
	scan_blanks(&s);
	t = s; /* the generation it works for: "y: " "Y: " "O: " */
	if (s.end - s.p > 3 && strchr("yYO", s.p[0]) && s.p[1] == ':' && s.p[2] == ' ')
		t.p += 3;
	gc->kind = kind_of(&t);
	if (scan_is(&t, "Pause "))
		return pause(&t, gc);
	if (gc->kind != MP_GC_OTHER)
		return cycle(&t, gc);
	return GCLOG_NO;
}
