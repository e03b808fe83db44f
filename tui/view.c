/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * view.c - the time axis and the cursor on it. No drawing, no keys.
 */
#include "tui/view.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LIVE_SPAN 60000000000ULL /* ns shown of a live session */

void tui_view_init(struct tui_view *v, bool live)
{
	memset(v, 0, sizeof(*v));
	v->follow = true;
	v->fit = !live;
	for (int i = 0; i < TUI_PANES; i++)
		v->ps[i].sort = -1;
}

void tui_view_say(struct tui_view *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(v->wish.say, sizeof(v->wish.say), fmt, ap);
	va_end(ap);
}

const struct mp_proc *tui_view_proc(const struct tui_view *v, const struct mp_model *m)
{
	const struct mp_proc *p = v->mm ? mp_model_proc((struct mp_model *)m, v->mm) : NULL;

	if (!v->mm)
		return mp_model_main(m);
	return p ? p : mp_model_pid(m, v->pid);
}

static const struct mp_timeline *timeline(const struct tui_view *v, const struct mp_model *m)
{
	const struct mp_proc *p = tui_view_proc(v, m);

	if (v->list)
		return v->all && v->all->n ? v->all : NULL;
	return p && p->tl.n && p->tl.width ? &p->tl : NULL;
}

/* Index of the point that covers ts, kept inside the timeline. */
static size_t point_of(const struct mp_timeline *tl, uint64_t ts)
{
	size_t q = ts <= tl->start ? 0 : (ts - tl->start) / tl->width;

	return q < tl->n ? q : tl->n - 1;
}

static uint64_t div_up(uint64_t a, uint64_t b)
{
	return a / b + (a % b != 0);
}

bool tui_view_fine(const struct tui_view *v, const struct mp_timeline *tl)
{
	return v->fine && !v->list && v->colw && v->colw < tl->width;
}

/* The column of a moment, where columns are narrower than points. */
static int64_t fine_col(const struct mp_timeline *tl, uint64_t colw, uint64_t ts)
{
	return ts <= tl->start ? 0 : (int64_t)((ts - tl->start) / colw);
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

void tui_view_window(struct tui_view *v, const struct mp_model *m, bool live, int cols,
		     struct tui_window *win)
{
	uint64_t age, span;
	int64_t last;

	memset(win, 0, sizeof(*win));
	win->cols = cols;
	win->cursor = -1;
	win->colw = 1;
	win->tl = timeline(v, m);
	if (!win->tl || cols < 1) {
		if (v->colw) /* time goes on in the columns that were there */
			win->colw = v->colw;
		return;
	}
	age = win->tl->n * win->tl->width;
	span = v->fit ? age : v->span ? v->span : live ? auto_span(age) : age;
	win->colw = div_up(span, (uint64_t)cols);
	if (!v->follow && v->colw)
		win->colw = v->colw;
	last = tui_window_col(win, win->tl->n - 1);
	if (v->follow) {
		win->col0 = last >= cols ? last - cols + 1 : 0;
	} else {
		int64_t col = v->fine && !v->list && win->colw < win->tl->width
				      ? fine_col(win->tl, win->colw, v->cursor)
				      : tui_window_col(win, point_of(win->tl, v->cursor));

		win->col0 = v->col0;
		if (col < win->col0)
			win->col0 = col;
		if (col >= win->col0 + cols)
			win->col0 = col - cols + 1;
		win->cursor = (int)(col - win->col0);
	}
	v->col0 = win->col0;
	v->colw = win->colw;
	v->cols = cols;
}

/* How many columns the plot has, or had before the table took its place; 0: none yet. */
static uint64_t columns_of(const struct tui_view *v, const struct tui_window *win)
{
	int cols = win->cols > 0 ? win->cols : v->cols;

	return cols > 0 ? (uint64_t)cols : 0;
}

size_t tui_window_point(const struct tui_window *win, int col)
{
	return (uint64_t)(win->col0 + col) * win->colw / win->tl->width;
}

int64_t tui_window_col(const struct tui_window *win, size_t q)
{
	return (int64_t)div_up((q + 1) * win->tl->width, win->colw) - 1;
}

static void no_events(struct mp_point *p)
{
	p->faults = p->gc_minor = p->gc_major = p->gc_other = 0;
	p->madvise = p->mmap = p->munmap = p->brk_calls = 0;
	p->madvise_pages = p->munmap_pages = p->mmap_bytes = 0;
	p->majors = p->madv_free = p->madv_other = p->mremap = 0;
	p->lazy_pages = p->gc_pause_major = p->gc_pause_max = 0;
	p->forks = p->lost = p->note = 0;
	p->gc_pause = 0;
}

/* The same from the finer timeline, whose points begin where they like: a column has
 * those that begin in it. False: it does not cover the column. */
static bool merge_fine(const struct tui_window *win, int col, struct mp_point *out)
{
	const struct mp_timeline *f = win->fine;
	uint64_t t0 = win->tl->start + (uint64_t)(win->col0 + col) * win->colw;
	uint64_t a, b;

	if (!f || t0 < f->start || t0 >= f->start + f->n * f->width)
		return false;
	a = div_up(t0 - f->start, f->width);
	b = div_up(t0 + win->colw - f->start, f->width);
	if (b > a && a < f->n)
		return mp_tl_merge(f, f->start + a * f->width, f->start + b * f->width, out);
	*out = f->p[a ? a - 1 : 0];
	no_events(out);
	return true;
}

bool tui_window_merge(const struct tui_window *win, int col, struct mp_point *out)
{
	const struct mp_timeline *tl = win->tl;
	size_t a, b;

	if (!tl || col < 0 || col >= win->cols)
		return false;
	if (merge_fine(win, col, out))
		return true;
	a = tui_window_point(win, col);
	b = tui_window_point(win, col + 1);
	if (a >= tl->n)
		return false;
	if (b > a)
		return mp_tl_merge(tl, tl->start + a * tl->width, tl->start + b * tl->width, out);
	*out = tl->p[a];
	no_events(out);
	return true;
}

static uint64_t last_moment(const struct tui_view *v, const struct mp_timeline *tl)
{
	if (v->exact)
		return v->cursor;
	if (tui_view_fine(v, tl))
		return tl->start + ((uint64_t)fine_col(tl, v->colw, v->cursor) + 1) * v->colw - 1;
	return tl->start + (point_of(tl, v->cursor) + 1) * tl->width - 1;
}

uint64_t tui_view_moment(const struct tui_view *v, const struct mp_model *m)
{
	const struct mp_timeline *tl = timeline(v, m);
	uint64_t ts;

	if (v->follow || !tl)
		return m->now;
	ts = last_moment(v, tl);
	return ts < m->now ? ts : m->now;
}

const struct mp_point *tui_view_point(const struct tui_view *v, const struct mp_model *m)
{
	const struct mp_timeline *tl = timeline(v, m);

	if (!tl)
		return NULL;
	return v->follow ? &tl->p[tl->n - 1] : &tl->p[point_of(tl, v->cursor)];
}

void tui_view_freeze(struct tui_view *v, const struct mp_model *m)
{
	const struct mp_timeline *tl = timeline(v, m);

	if (!v->follow || !tl)
		return;
	v->follow = v->exact = false;
	v->cursor = tl->start + (tl->n - 1) * tl->width;
	if (tui_view_fine(v, tl) && m->now > v->cursor)
		v->cursor = m->now;
}

/* Columns narrower than points: the cursor goes by columns. */
static void move_fine(struct tui_view *v, const struct mp_timeline *tl, uint64_t now, int columns)
{
	int64_t col = fine_col(tl, v->colw, v->cursor) + columns;
	int64_t last = fine_col(tl, v->colw, now);

	col = col < 0 ? 0 : col > last ? last : col;
	v->cursor = tl->start + (uint64_t)col * v->colw;
}

void tui_view_move(struct tui_view *v, const struct mp_model *m, const struct tui_window *win,
		   int columns)
{
	const struct mp_timeline *tl = timeline(v, m);
	int64_t col, last;
	size_t q;

	if (!tl || !win->tl)
		return;
	tui_view_freeze(v, m);
	v->exact = false;
	v->seek.kinds = 0;
	if (tui_view_fine(v, tl)) {
		move_fine(v, tl, m->now, columns);
		return;
	}
	col = tui_window_col(win, point_of(tl, v->cursor)) + columns;
	last = tui_window_col(win, tl->n - 1);
	col = col < 0 ? 0 : col > last ? last : col;
	/* onto the column's last point: that is the one the plot draws */
	q = (uint64_t)(col + 1) * win->colw / tl->width;
	if (q > 0)
		q--;
	v->cursor = tl->start + (q < tl->n ? q : tl->n - 1) * tl->width;
}

void tui_view_go(struct tui_view *v, const struct mp_model *m, uint64_t ts, uint32_t nth)
{
	const struct mp_timeline *tl = timeline(v, m);
	uint64_t first;

	if (!tl)
		return;
	first = m->start && m->start < tl->start ? m->start : tl->start;
	tui_view_freeze(v, m);
	v->cursor = ts < first ? first : ts > m->now ? m->now : ts;
	v->nth = v->cursor == ts ? nth : UINT32_MAX;
	v->exact = true;
	v->seek.kinds = 0;
}

void tui_view_pan(struct tui_view *v, const struct mp_model *m, const struct tui_window *win,
		  int dir)
{
	int by = win->cols > 1 ? win->cols / 2 : 1;
	int64_t col0 = v->col0 + (int64_t)dir * by;

	tui_view_move(v, m, win, dir * by);
	v->col0 = col0 > 0 ? col0 : 0;
}

/* Where columns are narrower than points their ends are moments, and other columns
 * would be others. */
static void pin(struct tui_view *v, const struct mp_timeline *tl)
{
	if (!v->fine || v->follow || v->exact)
		return;
	v->cursor = last_moment(v, tl);
	v->exact = true;
	v->nth = UINT32_MAX;
}

/* Columns as wide as asked for, as far as the points and the session allow it. */
static void set_colw(struct tui_view *v, const struct tui_window *win, uint64_t colw)
{
	uint64_t cols = columns_of(v, win);
	uint64_t all, least;

	if (!win->tl || !cols)
		return;
	least = v->fine && !v->list && win->tl->width > MP_TL_WIDTH0 ? MP_TL_WIDTH0
								     : win->tl->width;
	all = div_up(win->tl->n * win->tl->width, cols);
	if (colw < win->colw && colw < least)
		colw = win->colw < least ? win->colw : least;
	if (colw > win->colw && colw > all)
		colw = all > win->colw ? all : win->colw;
	pin(v, win->tl);
	if (!v->follow && win->cursor >= 0) {
		/* the cursor keeps its place on the screen */
		int64_t at = (int64_t)((uint64_t)(win->col0 + win->cursor) * win->colw / colw);

		v->col0 = at > win->cursor ? at - win->cursor : 0;
	}
	v->fit = false;
	v->colw = colw;
	v->span = colw * cols;
}

void tui_view_zoom(struct tui_view *v, const struct tui_window *win, int dir)
{
	set_colw(v, win, dir > 0 ? win->colw / 2 : win->colw * 2);
}

void tui_view_span(struct tui_view *v, const struct tui_window *win, uint64_t span)
{
	uint64_t cols = columns_of(v, win);

	if (cols)
		set_colw(v, win, div_up(span, cols));
}

void tui_view_fit(struct tui_view *v, const struct tui_window *win)
{
	v->fit = true;
	v->col0 = 0;
	if (win->tl)
		pin(v, win->tl);
	if (win->tl && columns_of(v, win))
		v->colw = div_up(win->tl->n * win->tl->width, columns_of(v, win));
}
