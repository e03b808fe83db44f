/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gclog_legacy.c - what HotSpot 8 prints with -verbose:gc, PrintGC and PrintGCDetails.
 *
 *   0.053: [GC (Allocation Failure) 0.053: [ParNew: 8702K->1056K(9792K), 0.0011 secs]
 *          8702K->1056K(31680K), 0.0011971 secs] [Times: user=0.01 sys=0.00, real=0.00 secs]
 *   2026-11-21T04:29:25.866+0000: 0.070: [GC (CMS Initial Mark) [1 CMS-initial-mark: ...
 *   0.046: [GC pause (G1 Evacuation Pause) (young), 0.0012595 secs]
 *      [Eden: ... Heap: 7168.0K(32.0M)->904.0K(32.0M)]
 *
 * The stamp is of the start. A record is what lies between its bracket and the one that
 * closes it, and may go over many lines: other text is printed into it. Its own sizes and
 * its length stand right within that bracket, those of the generations deeper. G1 prints
 * the sizes in the block behind, so that such a record waits for them.
 */
#include "user/rt/gclog_int.h"

enum { BEFORE, AFTER, CAPACITY, HAVE };

/* "12K->8K(32K)". */
static bool change(struct scan *s, uint64_t v[4])
{
	uint64_t before, after, cap;
	struct scan t = *s;

	if (!gclog_size(&t, &before) || !scan_is(&t, "->"))
		return false;
	t.p += 2;
	if (!gclog_size(&t, &after) || !scan_lit(&t, "(") || !gclog_size(&t, &cap) ||
	    !scan_lit(&t, ")"))
		return false;
	v[BEFORE] = before;
	v[AFTER] = after;
	v[CAPACITY] = cap;
	v[HAVE] = 1;
	*s = t;
	return true;
}

static void set_sizes(struct mp_gclog_gc *gc, const uint64_t v[4])
{
	if (!v[HAVE])
		return;
	gc->before = v[BEFORE];
	gc->after = v[AFTER];
	gc->cafter = v[CAPACITY];
}

/* Reads the record on; true when its bracket closes. */
static bool read_on(struct gclog_legacy *l, struct scan *s)
{
	uint64_t ns;

	for (; s->p < s->end; s->p++) {
		struct scan t = *s;

		if (*s->p == '[') {
			/* "[0x00..., 0x00...)" of a heap table closes with another */
			l->depth += !(s->end - s->p > 2 && s->p[1] == '0' && s->p[2] == 'x');
		} else if (*s->p == ']') {
			if (--l->depth <= 0) {
				s->p++;
				return true;
			}
		} else if (l->depth == 1 && scan_digit(*s->p)) {
			if (change(&t, l->sizes)) {
				s->p = t.p - 1;
				continue;
			}
			/* other numbers go by as a whole: "0.053" is no size of 53 */
			if (scan_dec(&t, 9, &ns) && t.p > s->p) {
				if (scan_is(&t, " secs]"))
					l->gc.pause = ns;
				s->p = t.p - 1;
			}
		}
	}
	return false;
}

/* The stamps in front of the record: a date, seconds since the start, or nothing. */
static void stamps(const char *from, const char *to, struct mp_gclog_gc *gc)
{
	struct scan s = { from, to };
	const char *last = NULL;
	struct scan d = s;

	gclog_date(&d, &gc->wall, &gc->wall_local);
	/* "...: 0.070: [": the seconds stand between the last two colons */
	for (const char *p = to; p > from && !last; p--)
		if (p[-1] == ':')
			last = p - 1;
	if (!last)
		return;
	s.p = last;
	while (s.p > from && (scan_digit(s.p[-1]) || s.p[-1] == '.' || s.p[-1] == ','))
		s.p--;
	s.end = last;
	if (!scan_dec(&s, 9, &gc->t) || !scan_end(&s))
		gc->t = MP_UNKNOWN;
}

/* Causes are in parentheses behind "GC", where PrintGCCause is on; G1 has "pause" first. */
static void words(struct mp_gclog_gc *gc, struct scan s)
{
	const char *close = NULL;
	int depth = 0;

	scan_lit(&s, "pause");
	scan_blanks(&s);
	for (const char *p = s.p; p < s.end && scan_peek(&s) == '(' && !close; p++) {
		depth += *p == '(' ? 1 : *p == ')' ? -1 : 0;
		close = depth ? NULL : p;
	}
	if (close)
		scan_copy(gc->reason, sizeof(gc->reason), s.p + 1, close);
}

static const struct opener {
	const char *text, *name;
	uint8_t kind;
} openers[] = {
	{ "[Full GC", "Full GC", MP_GC_COMPACT },
	{ "[GC pause", "GC pause", MP_GC_MINOR },
	{ "[GC remark", "GC remark", MP_GC_OTHER },
	{ "[GC cleanup", "GC cleanup", MP_GC_OTHER },
	{ "[GC (CMS Initial Mark)", "GC", MP_GC_OTHER },
	{ "[GC (CMS Final Remark)", "GC", MP_GC_OTHER },
	{ "[GC (", "GC", MP_GC_MINOR },
	{ "[GC [1 CMS-initial-mark", "GC", MP_GC_OTHER },
	{ "[GC[YG occupancy", "GC", MP_GC_OTHER },
	{ "[GC [YG occupancy", "GC", MP_GC_OTHER },
	{ "[GC  ", "GC", MP_GC_MINOR },
	{ "[GC--", "GC", MP_GC_MINOR },
};

/* The record that begins in this line; s goes behind its opening words. */
static const struct opener *opens(struct scan *s)
{
	const char *at = scan_find(s, "[Full GC"), *gc = scan_find(s, "[GC");

	at = !at || (gc && gc < at) ? gc : at;
	for (size_t i = 0; at && i < sizeof(openers) / sizeof(openers[0]); i++) {
		struct scan t = { at, s->end };

		if (!scan_is(&t, openers[i].text))
			continue;
		s->p = at;
		return &openers[i];
	}
	/* "0.050: [GC0.050: [ParNew": no cause, and details right behind */
	if (at && s->end - at > 4 && scan_is(&(struct scan){ at, s->end }, "[GC") &&
	    (scan_digit(at[3]) || at[3] == '[')) {
		s->p = at;
		return &openers[10];
	}
	return NULL;
}

static void begin(struct gclog_legacy *l, struct scan *s, const struct opener *o, const char *line)
{
	memset(l, 0, sizeof(*l));
	gclog_blank(&l->gc, MP_GCLOG_LEGACY);
	stamps(line, s->p, &l->gc);
	l->gc.kind = o->kind;
	l->gc.at_start = true;
	snprintf(l->gc.name, sizeof(l->gc.name), "%s", o->name);
	l->open = true;
	l->depth = 1;
	s->p += o->kind == MP_GC_COMPACT ? strlen("[Full GC") : strlen("[GC");
	words(&l->gc, *s);
}

/* The record is closed: whole, or waiting for the sizes of G1's block. */
static enum gclog_found closed(struct gclog_legacy *l, struct mp_gclog_gc *gc)
{
	l->open = false;
	set_sizes(&l->gc, l->sizes);
	if (l->gc.pause == MP_UNKNOWN)
		return GCLOG_BAD;
	l->waits = !l->sizes[HAVE] && !strcmp(l->gc.name, "GC pause");
	if (l->waits)
		return GCLOG_NO;
	*gc = l->gc;
	return GCLOG_YES;
}

/* "Heap: 7168.0K(32.0M)->904.0K(32.0M)]" of G1's block. */
static bool block_sizes(struct scan s, struct mp_gclog_gc *gc)
{
	const char *p = scan_find(&s, "Heap: ");
	uint64_t before, cbefore, after, cafter;

	if (!p)
		return false;
	s.p = p + strlen("Heap: ");
	if (!gclog_size(&s, &before) || !scan_lit(&s, "(") || !gclog_size(&s, &cbefore) ||
	    !scan_lit(&s, ")->") || !gclog_size(&s, &after) || !scan_lit(&s, "(") ||
	    !gclog_size(&s, &cafter))
		return false;
	gc->before = before;
	gc->cbefore = cbefore;
	gc->after = after;
	gc->cafter = cafter;
	return true;
}

enum gclog_found gclog_legacy_end(struct gclog_legacy *l, struct mp_gclog_gc *gc)
{
	enum gclog_found r = l->open ? GCLOG_BAD : l->waits ? GCLOG_YES : GCLOG_NO;

	if (r == GCLOG_YES)
		*gc = l->gc;
	l->open = l->waits = false;
	return r;
}

/* A line while a record is open. */
static enum gclog_found go_on(struct gclog_legacy *l, struct scan s, struct mp_gclog_gc *gc)
{
	l->len += (size_t)(s.end - s.p);
	if (l->len > LEGACY_TEXT) {
		l->open = false;
		return GCLOG_BAD;
	}
	return read_on(l, &s) ? closed(l, gc) : GCLOG_NO;
}

enum gclog_found gclog_legacy(struct gclog_legacy *l, struct scan s, struct mp_gclog_gc *gc)
{
	const char *line = s.p;
	enum gclog_found before = GCLOG_NO, r;
	const struct opener *o;

	if (l->waits && block_sizes(s, &l->gc)) {
		l->waits = false;
		*gc = l->gc;
		return GCLOG_YES;
	}
	o = opens(&s);
	if (!o)
		return l->open ? go_on(l, s, gc) : GCLOG_NO;
	if (l->open || l->waits) /* another begins: the one before is what it is */
		before = gclog_legacy_end(l, gc);
	begin(l, &s, o, line);
	l->dropped = before == GCLOG_BAD;
	before = l->dropped ? GCLOG_NO : before;
	if (!read_on(l, &s))
		return before;
	/* two records of one line: the first of them waited, the second can wait too */
	if (before == GCLOG_YES) {
		set_sizes(&l->gc, l->sizes);
		l->open = false;
		l->waits = l->gc.pause != MP_UNKNOWN;
		return before;
	}
	r = closed(l, gc);
	return r == GCLOG_NO ? before : r;
}
