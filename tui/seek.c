/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * seek.c - to the next event of a kind, exactly. The timeline tells which stretches
 * cannot have one; the others are read, so much at a time that a frame is not late.
 */
#include <errno.h>

#include "tui/draw.h"
#include "tui/past.h"

#define MS	   1000000ULL
#define LATE	   (250 * MS) /* by so much may a point count an event of another's time */
#define STEP_FIRST (20 * MS)  /* stretches begin so long, and grow where little happens */
#define STEP_MOST  60000000000ULL
#define READ_MOST  16384 /* events of a stretch: else it is halved */
#define INSTANT	   65536 /* of one instant: more than anybody can look at */
#define SLICE	   32768 /* events read at a time: some ms         */
#define READ_COST  1024	 /* ... for which a stretch counts at least */

static const struct mp_timeline *timeline(const struct tui_frame *f)
{
	const struct mp_proc *p = tui_view_proc(f->view, f->now);

	return p && p->tl.n && p->tl.width ? &p->tl : NULL;
}

uint64_t tui_burst_from(const struct mp_timeline *tl)
{
	uint64_t most = 0, rate;

	for (size_t i = 0; i < tl->n; i++)
		most = tl->p[i].faults > most ? tl->p[i].faults : most;
	rate = most * 1000000000ULL / tl->width / 10;
	return rate > TUI_BURST_LEAST ? rate : TUI_BURST_LEAST;
}

static bool in_burst(const struct mp_timeline *tl, size_t q, uint64_t from)
{
	return tl->p[q].faults * 1000000000ULL / tl->width >= from;
}

/* A point that may have such an event; it never misses one. */
static bool hint(const struct mp_timeline *tl, size_t q, unsigned kinds, uint64_t burst)
{
	const struct mp_point *p = &tl->p[q];

	if (kinds & TUI_K_BURST)
		return in_burst(tl, q, burst) && (!q || !in_burst(tl, q - 1, burst));
	return ((kinds & TUI_K_GC) && (p->gc_minor || p->gc_major || p->gc_other)) ||
	       ((kinds & TUI_K_RELEASE) &&
		(p->madvise || p->munmap || p->brk_calls || p->madvise_pages || p->munmap_pages)) ||
	       ((kinds & TUI_K_MAP) && p->mmap_bytes >= TUI_BIG_MAP) ||
	       ((kinds & TUI_K_FORK) && p->forks) || ((kinds & TUI_K_NOTE) && p->note) ||
	       ((kinds & TUI_K_LOSS) && p->lost);
}

static size_t point_of(const struct mp_timeline *tl, uint64_t ts)
{
	size_t q = ts <= tl->start ? 0 : (ts - tl->start) / tl->width;

	return q < tl->n ? q : tl->n - 1;
}

static uint64_t less(uint64_t ts, uint64_t by)
{
	return ts > by ? ts - by : 0;
}

/* --- the stretch to be read next --------------------------------------------------- */

struct stretch {
	uint64_t t0, t1;
};

static bool ahead(const struct tui_seek *s, const struct mp_timeline *tl, uint64_t now,
		  struct stretch *to)
{
	size_t q = point_of(tl, less(s->pos, LATE));
	uint64_t at;

	while (q < tl->n && !hint(tl, q, s->kinds, s->burst))
		q++;
	if (q == tl->n || s->pos > now)
		return false;
	at = less(tl->start + q * tl->width, LATE);
	to->t0 = at > s->pos ? at : s->pos;
	to->t1 = now + 1 - to->t0 > s->step ? to->t0 + s->step : now + 1;
	return true;
}

static bool behind(const struct tui_seek *s, const struct mp_timeline *tl, struct stretch *to)
{
	uint64_t first = less(tl->start, LATE), end;
	size_t q = point_of(tl, s->pos + LATE) + 1;

	while (q && !hint(tl, q - 1, s->kinds, s->burst))
		q--;
	if (!q || s->pos <= first)
		return false;
	end = tl->start + q * tl->width + LATE;
	to->t1 = end < s->pos ? end : s->pos;
	to->t0 = to->t1 - first > s->step ? to->t1 - s->step : first;
	return true;
}

/*
 * A burst begins with the first fault of its first point, [begin, end): that one is
 * wanted or the whole point is not. `head`: read up to there.
 */
static bool burst(struct tui_seek *s, const struct mp_timeline *tl, struct stretch *to)
{
	size_t q = point_of(tl, s->dir > 0 ? s->pos : less(s->pos, 1));

	if (s->dir > 0) {
		if (s->pos >= tl->start + tl->n * tl->width)
			return false;
		while (q < tl->n && !hint(tl, q, TUI_K_BURST, s->burst))
			q++;
		if (q == tl->n)
			return false;
	} else {
		if (s->pos <= tl->start)
			return false;
		while (!hint(tl, q, TUI_K_BURST, s->burst))
			if (!q--)
				return false;
	}
	s->begin = tl->start + q * tl->width;
	s->end = s->begin + tl->width;
	to->t0 = s->head > s->begin && s->head < s->end ? s->head : s->begin;
	to->t1 = s->end - to->t0 > s->step ? to->t0 + s->step : s->end;
	return true;
}

static bool next_stretch(struct tui_seek *s, const struct mp_timeline *tl, uint64_t now,
			 struct stretch *to)
{
	if (s->kinds & TUI_K_BURST)
		return burst(s, tl, to);
	return s->dir > 0 ? ahead(s, tl, now, to) : behind(s, tl, to);
}

/* The stretch had nothing, or a burst's beginning that is not wanted: where to go on. */
static void passed(struct tui_seek *s, const struct stretch *st, bool refused)
{
	if (!(s->kinds & TUI_K_BURST))
		s->pos = s->dir > 0 ? st->t1 : st->t0;
	else if (!refused && st->t1 < s->end)
		s->head = st->t1;
	else
		s->pos = s->dir > 0 ? s->end : s->begin;
	s->step = s->step < STEP_MOST / 2 ? s->step * 2 : STEP_MOST;
}

/* --- what is in it ----------------------------------------------------------------- */

/* -1, 0, 1: before, at, behind the place where the seek began. */
static int place(const struct tui_seek *s, const struct tui_happened *h)
{
	if (h->e.ts != s->ts)
		return h->e.ts < s->ts ? -1 : 1;
	return h->nth < s->nth ? -1 : h->nth > s->nth;
}

/* The one nearest to where the seek began, or NULL; refused: a burst begins here, and
 * it is not that one. */
static const struct tui_happened *find(const struct tui_seek *s, const struct tui_batch *b,
				       bool *refused)
{
	const struct tui_happened *last = NULL;

	for (size_t i = 0; i < b->n; i++) {
		const struct tui_happened *h = &b->v[i];

		if (s->kinds & TUI_K_BURST) {
			if (!(h->kinds & TUI_K_FAULT))
				continue;
			*refused = place(s, h) != s->dir;
			return *refused ? NULL : h;
		}
		if (!(h->kinds & s->kinds) || place(s, h) != s->dir)
			continue;
		if (s->dir > 0)
			return h;
		last = h;
	}
	return last;
}

static void done(struct tui_frame *f, const struct tui_happened *h, const char *say)
{
	struct tui_view *v = f->view;

	v->seek.kinds = 0;
	if (h)
		tui_view_go(v, f->now, h->e.ts, h->nth);
	else
		tui_view_say(v, "%s", say);
}

static const char *nothing(const struct tui_seek *s)
{
	bool on = s->dir > 0;

	switch (s->kinds) {
	case TUI_K_GC:
		return on ? "no later collection" : "no earlier collection";
	case TUI_K_RELEASE:
		return on ? "no later release" : "no earlier release";
	case TUI_K_BURST:
		return on ? "no later burst of faults" : "no earlier burst of faults";
	default:
		return on ? "no later event" : "no earlier event";
	}
}

/* One stretch. Returns what it cost, in events. */
static size_t look(struct tui_frame *f)
{
	struct tui_seek *s = &f->view->seek;
	const struct mp_timeline *tl = timeline(f);
	const struct tui_happened *h;
	bool refused = false;
	struct stretch st;
	int r;

	if (!tl || !next_stretch(s, tl, f->now->now, &st)) {
		done(f, NULL, nothing(s));
		return 0;
	}
	r = tui_past_read(f, st.t0, st.t1, st.t1 - st.t0 > 1 ? READ_MOST : INSTANT, &f->batch);
	if (r == 1 && st.t1 - st.t0 == 1) {
		tui_view_say(f->view, "passed over an instant of more than %d events", INSTANT);
		passed(s, &st, false);
		return f->batch.seen + READ_COST;
	}
	if (r == 1) {
		s->step = (st.t1 - st.t0) / 4 ? (st.t1 - st.t0) / 4 : 1;
		return f->batch.seen + READ_COST;
	}
	if (r < 0) {
		done(f, NULL,
		     r == -ENODATA ? "that time is no longer kept" : "the events cannot be read");
		return 0;
	}
	h = find(s, &f->batch, &refused);
	if (h)
		done(f, h, NULL);
	else
		passed(s, &st, refused);
	return f->batch.seen + READ_COST;
}

bool tui_seek_work(struct tui_frame *f)
{
	struct tui_seek *s = &f->view->seek;
	size_t cost = 0;

	while (s->kinds && cost < SLICE)
		cost += look(f);
	return s->kinds != 0;
}

/* Without single events: from point to point. */
static void by_points(struct tui_frame *f, const struct mp_timeline *tl, unsigned kinds, int dir)
{
	uint64_t burst = tui_burst_from(tl);
	size_t q = point_of(tl, f->view->cursor);

	while (dir > 0 ? q + 1 < tl->n : q > 0) {
		q = dir > 0 ? q + 1 : q - 1;
		if (hint(tl, q, kinds, burst)) {
			f->view->cursor = tl->start + q * tl->width;
			f->view->exact = false;
			return;
		}
	}
}

void tui_seek(struct tui_frame *f, unsigned kinds, int dir)
{
	const struct mp_timeline *tl = timeline(f);
	struct tui_view *v = f->view;
	uint64_t at = tui_view_moment(v, f->now);

	if (!tl)
		return;
	v->seek = (struct tui_seek){ .kinds = kinds,
				     .dir = dir,
				     .ts = at,
				     .nth = v->exact && !v->follow ? v->nth : UINT32_MAX,
				     .pos = dir > 0 ? at : at + 1,
				     .step = STEP_FIRST,
				     .burst = kinds & TUI_K_BURST ? tui_burst_from(tl) : 0 };
	if (!f->src || !f->src->events) {
		v->seek.kinds = 0;
		tui_view_freeze(v, f->now);
		by_points(f, tl, kinds, dir);
		return;
	}
	tui_seek_work(f);
}
