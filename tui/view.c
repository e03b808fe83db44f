/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * view.c - the time axis and the cursor on it. No drawing, no keys.
 */
#include "tui/view.h"

#include <string.h>

#define LIVE_SPAN 60000000000ULL /* ns shown of a live session */

void tui_view_init(struct tui_view *v, bool live)
{
	memset(v, 0, sizeof(*v));
	v->follow = true;
	v->fit = !live;
}

static const struct mp_timeline *timeline(const struct mp_model *m)
{
	const struct mp_proc *p = mp_model_main(m);

	return p && p->tl.n && p->tl.width ? &p->tl : NULL;
}

/* Index of the point that covers ts, kept inside the timeline. */
static size_t point_of(const struct mp_timeline *tl, uint64_t ts)
{
	size_t q = ts <= tl->start ? 0 : (ts - tl->start) / tl->width;

	return q < tl->n ? q : tl->n - 1;
}

/*
 * A young session is shown whole. The span grows in steps: one that grew with
 * every frame would never hold still.
 */
static uint64_t auto_span(uint64_t age)
{
	static const unsigned steps[] = { 5, 10, 20, 30 };

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (age <= steps[i] * 1000000000ULL)
			return steps[i] * 1000000000ULL;
	return LIVE_SPAN;
}

static uint64_t div_up(uint64_t a, uint64_t b)
{
	return a / b + (a % b != 0);
}

void tui_view_window(struct tui_view *v, const struct mp_model *m, bool live, int cols,
		     struct tui_window *win)
{
	uint64_t age, span;
	int64_t last;

	memset(win, 0, sizeof(*win));
	win->cols = cols;
	win->cursor = -1;
	win->colw = 1;
	win->tl = timeline(m);
	if (!win->tl || cols < 1)
		return;
	age = win->tl->n * win->tl->width;
	span = v->fit ? age : v->span ? v->span : live ? auto_span(age) : age;
	win->colw = div_up(span, (uint64_t)cols);
	if (!v->follow && v->colw)
		win->colw = v->colw;
	last = tui_window_col(win, win->tl->n - 1);
	if (v->follow) {
		win->col0 = last >= cols ? last - cols + 1 : 0;
	} else {
		int64_t col = tui_window_col(win, point_of(win->tl, v->cursor));

		win->col0 = v->col0;
		if (col < win->col0)
			win->col0 = col;
		if (col >= win->col0 + cols)
			win->col0 = col - cols + 1;
		win->cursor = (int)(col - win->col0);
	}
	v->col0 = win->col0;
	v->colw = win->colw;
}

size_t tui_window_point(const struct tui_window *win, int col)
{
	return (uint64_t)(win->col0 + col) * win->colw / win->tl->width;
}

int64_t tui_window_col(const struct tui_window *win, size_t q)
{
	return (int64_t)div_up((q + 1) * win->tl->width, win->colw) - 1;
}

bool tui_window_merge(const struct tui_window *win, int col, struct mp_point *out)
{
	const struct mp_timeline *tl = win->tl;
	size_t a, b;

	if (!tl || col < 0 || col >= win->cols)
		return false;
	a = tui_window_point(win, col);
	b = tui_window_point(win, col + 1);
	if (a >= tl->n)
		return false;
	if (b > a)
		return mp_tl_merge(tl, tl->start + a * tl->width, tl->start + b * tl->width, out);
	*out = tl->p[a];
	out->faults = out->gc_minor = out->gc_major = 0;
	out->madvise = out->mmap = out->munmap = out->brk_calls = 0;
	out->madvise_pages = out->munmap_pages = out->mmap_bytes = 0;
	out->forks = out->lost = out->note = 0;
	out->gc_pause = 0;
	return true;
}

uint64_t tui_view_moment(const struct tui_view *v, const struct mp_model *m)
{
	const struct mp_timeline *tl = timeline(m);
	uint64_t ts;

	if (v->follow || !tl)
		return m->now;
	ts = tl->start + (point_of(tl, v->cursor) + 1) * tl->width - 1;
	return ts < m->now ? ts : m->now;
}

const struct mp_point *tui_view_point(const struct tui_view *v, const struct mp_model *m)
{
	const struct mp_timeline *tl = timeline(m);

	if (!tl)
		return NULL;
	return v->follow ? &tl->p[tl->n - 1] : &tl->p[point_of(tl, v->cursor)];
}

void tui_view_freeze(struct tui_view *v, const struct mp_model *m)
{
	const struct mp_timeline *tl = timeline(m);

	if (!v->follow || !tl)
		return;
	v->follow = false;
	v->cursor = tl->start + (tl->n - 1) * tl->width;
}

void tui_view_move(struct tui_view *v, const struct mp_model *m, const struct tui_window *win,
		   int columns)
{
	const struct mp_timeline *tl = timeline(m);
	int64_t col, last;
	size_t q;

	if (!tl || !win->tl)
		return;
	tui_view_freeze(v, m);
	col = tui_window_col(win, point_of(tl, v->cursor)) + columns;
	last = tui_window_col(win, tl->n - 1);
	col = col < 0 ? 0 : col > last ? last : col;
	/* onto the column's last point: that is the one the plot draws */
	q = (uint64_t)(col + 1) * win->colw / tl->width;
	if (q > 0)
		q--;
	v->cursor = tl->start + (q < tl->n ? q : tl->n - 1) * tl->width;
}

void tui_view_event(struct tui_view *v, const struct mp_model *m, int dir)
{
	const struct mp_timeline *tl = timeline(m);
	size_t q;

	if (!tl)
		return;
	tui_view_freeze(v, m);
	q = point_of(tl, v->cursor);
	while (dir > 0 ? q + 1 < tl->n : q > 0) {
		const struct mp_point *p;

		q = dir > 0 ? q + 1 : q - 1;
		p = &tl->p[q];
		if (p->gc_minor || p->gc_major || p->madvise_pages || p->munmap_pages || p->note) {
			v->cursor = tl->start + q * tl->width;
			return;
		}
	}
}

void tui_view_zoom(struct tui_view *v, const struct tui_window *win, int dir)
{
	uint64_t cols = (uint64_t)(win->cols > 0 ? win->cols : 1);
	uint64_t all, colw;

	if (!win->tl)
		return;
	all = div_up(win->tl->n * win->tl->width, cols);
	colw = dir > 0 ? win->colw / 2 : win->colw * 2;
	if (dir > 0 && colw < win->tl->width)
		colw = win->colw < win->tl->width ? win->colw : win->tl->width;
	if (dir < 0 && colw > all)
		colw = all > win->colw ? all : win->colw;
	if (!v->follow && win->cursor >= 0) {
		/* the cursor keeps its place on the screen */
		int64_t at = (int64_t)((uint64_t)(win->col0 + win->cursor) * win->colw / colw);

		v->col0 = at > win->cursor ? at - win->cursor : 0;
	}
	v->fit = false;
	v->colw = colw;
	v->span = colw * cols;
}

void tui_view_fit(struct tui_view *v, const struct tui_window *win)
{
	v->fit = true;
	v->col0 = 0;
	if (win->tl && win->cols > 0)
		v->colw = div_up(win->tl->n * win->tl->width, (uint64_t)win->cols);
}
