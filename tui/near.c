/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * near.c - the events around the moment looked at, bounded in number whatever happens
 * there: some hundred rows, of which one may be a run of thousands of faults.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tui/draw.h"
#include "tui/past.h"
#include "user/util/util.h"

#define MS	  1000000ULL
#define STEP	  (10 * MS)  /* stretches begin so long                               */
#define ROWS	  100	     /* wanted on either side                                 */
#define ROWS_MOST 400	     /* ... held                                              */
#define EVENTS	  6000	     /* ... but no more events than these                     */
#define READ_MOST 4096	     /* of a stretch                                          */
#define SLICE	  16384	     /* read at a time                                        */
#define READ_COST 1024	     /* ... for which a stretch counts at least               */
#define AHEAD	  (50 * MS)  /* a moment so little behind what is read goes on there  */
#define RUN_GAP	  (5 * MS)   /* faults farther apart are two runs                     */
#define RUN_LONG  (20 * MS)  /* a run ends where such a stretch of the clock does     */
#define LATE	  (250 * MS) /* before its timeline a process has no events           */

static void reset(struct tui_near *n, uint64_t at, uint32_t mm)
{
	n->all.n = n->n_rows = 0;
	n->lo = n->hi = at + 1;
	n->step_lo = n->step_hi = STEP;
	n->start = n->end = false;
	n->err = 0;
	n->mm = mm;
}

/* The first event that is later than ts. */
static size_t behind(const struct tui_near *n, uint64_t ts)
{
	size_t lo = 0, hi = n->all.n, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (n->all.v[mid].e.ts <= ts)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Puts a batch before or behind what there is. */
static int join(struct tui_near *n, const struct tui_batch *b, bool front)
{
	struct tui_batch *a = &n->all;
	size_t at = front ? 0 : a->n;

	if (mp_grow(&a->v, &a->cap, a->n + b->n + 1, sizeof(a->v[0])))
		return -ENOMEM;
	memmove(&a->v[at + b->n], &a->v[at], (a->n - at) * sizeof(a->v[0]));
	if (b->n)
		memcpy(&a->v[at], b->v, b->n * sizeof(a->v[0]));
	a->n += b->n;
	return 0;
}

/* --- rows ------------------------------------------------------------------------------ */

static bool same_run(const struct tui_happened *a, const struct tui_happened *b)
{
	return (a->kinds & TUI_K_FAULT) && (b->kinds & TUI_K_FAULT) &&
	       b->e.ts - a->e.ts <= RUN_GAP && a->e.ts / RUN_LONG == b->e.ts / RUN_LONG;
}

static int make_rows(struct tui_near *n)
{
	const struct tui_batch *a = &n->all;

	n->n_rows = 0;
	for (size_t i = 0; i < a->n; i++) {
		if (i && same_run(&a->v[i - 1], &a->v[i])) {
			n->row[n->n_rows - 1].n++;
			continue;
		}
		if (mp_grow(&n->row, &n->cap_rows, n->n_rows + 1, sizeof(n->row[0])))
			return -ENOMEM;
		n->row[n->n_rows++] = (struct tui_near_row){ i, 1 };
	}
	return 0;
}

/* Rows before and behind a moment. */
static void count_rows(const struct tui_near *n, uint64_t at, size_t *before, size_t *after)
{
	size_t mid = behind(n, at), lo = 0;

	while (lo < n->n_rows && n->row[lo].first < mid)
		lo++;
	*before = lo;
	*after = n->n_rows - lo;
}

static void cut_end(struct tui_near *n, uint64_t hi)
{
	n->hi = hi;
	n->all.n = behind(n, hi - 1);
	n->end = false;
	n->step_hi = STEP;
}

static void cut_start(struct tui_near *n, uint64_t lo)
{
	struct tui_batch *a = &n->all;
	size_t cut = behind(n, lo - 1);

	n->lo = lo;
	memmove(a->v, a->v + cut, (a->n - cut) * sizeof(a->v[0]));
	a->n -= cut;
	n->start = false;
	n->step_lo = STEP;
}

/* What is far from the moment goes, whole times of it. */
static void trim(struct tui_near *n, uint64_t at)
{
	const struct tui_batch *a = &n->all;
	size_t mid = behind(n, at);

	if (a->n - mid > 2 * EVENTS)
		cut_end(n, a->v[mid + EVENTS].e.ts);
	if (mid > 2 * EVENTS)
		cut_start(n, a->v[mid - EVENTS].e.ts);
}

/*
 * The same by rows: a storm of calls has thousands of them, which every frame would go
 * through. Where one time has so many that too few would be left, it stays.
 */
static int trim_rows(struct tui_near *n, uint64_t at)
{
	const struct tui_batch *a = &n->all;
	size_t rows[2], cut;
	uint64_t ts;

	if (make_rows(n))
		return -ENOMEM;
	count_rows(n, at, &rows[0], &rows[1]);
	if (rows[1] > ROWS_MOST) {
		ts = a->v[n->row[rows[0] + 2 * ROWS].first].e.ts;
		if (ts > a->v[n->row[rows[0] + ROWS].first].e.ts)
			cut_end(n, ts);
	}
	if (rows[0] > ROWS_MOST) {
		cut = rows[0] - 2 * ROWS;
		cut_start(n, a->v[n->row[cut].first].e.ts);
	}
	return make_rows(n);
}

/* --- reading --------------------------------------------------------------------------- */

/* One stretch before (back) or behind. Returns what it cost, in events. */
static size_t extend(struct tui_frame *f, struct tui_near *n, uint64_t first, bool back)
{
	uint64_t *step = back ? &n->step_lo : &n->step_hi;
	uint64_t last = f->now->now + 1, t0 = n->hi, t1 = n->lo;
	int r;

	if (back)
		t0 = t1 > first && t1 - first > *step ? t1 - *step : first;
	else
		t1 = last > t0 && last - t0 > *step ? t0 + *step : last;
	r = t0 < t1 ? tui_past_read(f, t0, t1, READ_MOST, &f->batch) : 0;
	if (t0 >= t1)
		f->batch.n = f->batch.seen = 0;
	if (r == 1 && t1 - t0 > 1) {
		*step = (t1 - t0) / 4 ? (t1 - t0) / 4 : 1;
		return f->batch.seen + READ_COST;
	}
	if (!r)
		r = join(n, &f->batch, back);
	if (r) { /* gone, unreadable, or more at one instant than anybody can look at */
		n->err = r < 0 && r != -ENODATA ? r : 0;
		*(back ? &n->start : &n->end) = true;
		return READ_COST;
	}
	if (back)
		n->lo = t0;
	else
		n->hi = t1 > n->hi ? t1 : n->hi;
	*(back ? &n->start : &n->end) = back ? t0 <= first : t1 >= last;
	*step *= 2;
	return f->batch.seen + READ_COST;
}

bool tui_near_work(struct tui_frame *f)
{
	const struct mp_proc *p = tui_view_proc(f->view, f->now);
	uint64_t at = tui_view_moment(f->view, f->now), first;
	struct tui_near *n = &f->near;
	size_t cost = 0, rows[2], mid;

	if (!p || !p->tl.n || !f->src || !f->src->events)
		return false;
	first = p->tl.start > LATE ? p->tl.start - LATE : 0;
	if (n->mm != p->mm || at + 1 < n->lo || at >= n->hi + AHEAD || !n->hi)
		reset(n, at, p->mm);
	if (n->hi <= f->now->now && !n->err)
		n->end = false; /* live: more has come */
	while (cost < SLICE) {
		bool back, on;

		if (make_rows(n))
			return false;
		count_rows(n, at, &rows[0], &rows[1]);
		mid = behind(n, at);
		back = !n->start && rows[0] < ROWS && mid < EVENTS;
		on = !n->end && (n->hi <= at || (rows[1] < ROWS && n->all.n - mid < EVENTS));
		if (!back && !on)
			return false;
		cost += extend(f, n, first, back);
		trim(n, at);
		if (trim_rows(n, at))
			return false;
	}
	return make_rows(n) == 0;
}

void tui_near_free(struct tui_near *n)
{
	tui_batch_free(&n->all);
	free(n->row);
	memset(n, 0, sizeof(*n));
}
