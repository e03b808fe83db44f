/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * owed.c - the strip under the plot: what the collector freed and the kernel has not got
 * back. Arrows lead from each collection to the moment RSS fell; below them the sum of
 * what is on its way, as a curve.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/plot.h"
#include "user/util/util.h"

/* Collections looked at from the window's right edge on back, at most: a frame must end. */
#define LOOK_BACK 8192

/* The column of a moment, maybe outside the plot. */
static int column_at(const struct tui_frame *f, uint64_t ts)
{
	const struct mp_timeline *tl = f->win.tl;
	uint64_t since = ts > tl->start ? ts - tl->start : 0;
	int64_t col = tui_view_fine(f->view, tl) ? (int64_t)(since / f->win.colw)
						 : tui_window_col(&f->win, since / tl->width);

	col -= f->win.col0;
	return col < -1 ? -1 : col > f->lay.plot.w ? f->lay.plot.w : (int)col;
}

/* How many collections ended before ts. */
static size_t before(const struct mp_proc *p, uint64_t ts)
{
	size_t lo = 0, hi = p->n_gcs;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (p->gcs[mid].ts < ts)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* A release by the collection itself may be told a little before its end. */
static uint64_t end_of(const struct mp_gc *gc)
{
	return gc->returned_ts > gc->ts ? gc->returned_ts : gc->ts;
}

/* The target lives, the screen is frozen: what comes now must not change it. */
static bool frozen(const struct tui_frame *f)
{
	return f->live && !f->view->follow;
}

/*
 * What is to be told of a collection: in a frozen window of returns that end behind it no
 * more than what had come by the moment looked at. NULL: nothing.
 */
static const struct mp_gc *as_told(const struct tui_frame *f, const struct mp_gc *gc)
{
	const struct mp_proc *p;
	size_t i;

	if (!frozen(f) || column_at(f, end_of(gc)) < f->lay.plot.w)
		return gc->rss_fell ? gc : NULL;
	p = f->state ? tui_view_proc(f->view, f->state) : NULL;
	i = p ? before(p, gc->ts) : 0;
	if (!p || i >= p->n_gcs || p->gcs[i].ts != gc->ts || !p->gcs[i].rss_fell)
		return NULL;
	return &p->gcs[i];
}

static void add(const struct tui_frame *f, struct tui_return *by_end, const struct mp_gc *gc)
{
	uint64_t end = end_of(gc);
	int x1 = column_at(f, end);
	struct tui_return *r = &by_end[x1 + 1];

	if (x1 < 0)
		return;
	r->x1 = x1;
	r->n++;
	r->bytes += gc->rss_fell;
	if (r->n == 1 || gc->rss_fell > r->main) {
		r->main = gc->rss_fell;
		r->lag = end - gc->ts;
		r->x0 = column_at(f, gc->ts);
		r->most = x1;
		r->from = gc->ts;
	}
}

/* Pages that calls gave back in a column. */
static uint64_t gone(const struct tui_frame *f, int col)
{
	const struct mp_point *pt = tui_frame_col(f, col);

	return pt ? pt->madvise_pages + pt->munmap_pages : 0;
}

/*
 * The model knows when the last of a collection's bytes came back. Where nine tenths of
 * all that was given back since the collection went much sooner, the arrow ends there: the
 * rest is a tail.
 */
static void find_most(const struct tui_frame *f, struct tui_return *r, const uint64_t *sum)
{
	uint64_t all, at;
	int x = r->x0;

	r->most = r->x1;
	if (r->x0 < 0 || r->x1 >= f->lay.plot.w)
		return;
	all = sum[r->x1 + 1] - sum[r->x0];
	while (x < r->x1 && (sum[x + 1] - sum[r->x0]) * 10 < all * 9)
		x++;
	if (!all || (r->x1 - x) * 4 <= r->x1 - r->x0 || r->x1 - x < 2)
		return;
	at = f->win.tl->start + (uint64_t)(f->win.col0 + x + 1) * f->win.colw;
	r->most = x;
	r->soon = at > r->from ? at - r->from : 0;
}

static void find_tails(const struct tui_frame *f, struct tui_return *v, int n)
{
	uint64_t *sum = calloc((size_t)f->lay.plot.w + 1, sizeof(*sum));

	for (int x = 0; sum && x < f->lay.plot.w; x++)
		sum[x + 1] = sum[x] + gone(f, x);
	for (int i = 0; sum && i < n; i++)
		find_most(f, &v[i], sum);
	free(sum);
}

int tui_returns(const struct tui_frame *f, struct tui_return **out)
{
	const struct mp_proc *p = tui_view_proc(f->view, f->now);
	const struct tui_window *win = &f->win;
	int w = f->lay.plot.w, n = 0;
	struct tui_return *v;
	size_t i, stop;

	*out = NULL;
	if (!p || !win->tl || w < 1)
		return 0;
	v = calloc((size_t)w + 2, sizeof(*v));
	if (!v)
		return -ENOMEM;
	i = before(p, win->tl->start + (uint64_t)(win->col0 + w) * win->colw);
	stop = i > LOOK_BACK ? i - LOOK_BACK : 0;
	while (i-- > stop) {
		const struct mp_gc *gc = as_told(f, &p->gcs[i]);

		if (gc)
			add(f, v, gc);
	}
	for (int k = 0; k < w + 2; k++)
		if (v[k].n)
			v[n++] = v[k];
	find_tails(f, v, n);
	*out = v;
	return n;
}

/* --- arrows ------------------------------------------------------------------------ */

/* The rows that arrows are laid into, and the cells taken. */
struct shelf {
	struct tui_grid *g;
	const struct tui_frame *f;
	struct tui_rect r; /* columns of the plot, rows of the arrows */
	bool *taken;
	bool dry; /* only to see what fits */
};

static bool is_free(const struct shelf *s, int row, int from, int to)
{
	for (int x = from < 0 ? 0 : from; x < to && x < s->r.w; x++)
		if (s->taken[row * s->r.w + x])
			return false;
	return true;
}

static void take(const struct shelf *s, int row, int from, int to)
{
	for (int x = from < 0 ? 0 : from; x < to && x < s->r.w; x++)
		s->taken[row * s->r.w + x] = true;
}

/*
 * Where a label of w cells goes with an arrow: on its shaft, behind its head, before its
 * tail. False: nowhere in this row.
 */
static bool find_place(const struct shelf *s, int row, int x0, int most, int x1, int w, int *at)
{
	int from = x0 < 0 ? 0 : x0 + 1, to = most < s->r.w ? most : s->r.w;

	if (!is_free(s, row, x0 - 1, x1 + 2))
		return false;
	if (to - from >= w + 2)
		*at = from + (to - from - w) / 2;
	else if (x1 - most >= w + 4)
		*at = most + 2;
	else if (x1 + 1 + w <= s->r.w && is_free(s, row, x1 + 1, x1 + 2 + w))
		*at = x1 + 1;
	else if (x0 - w >= 0 && is_free(s, row, x0 - w - 1, x0))
		*at = x0 - w;
	else
		return false;
	return true;
}

/* From all that can be said of a return to its bytes alone. */
#define FORMS 3
static void label_of(char *buf, size_t size, const struct tui_return *r, int form)
{
	char num[16], lag[16], soon[16], gcs[16] = "";

	mp_bytes(num, sizeof(num), (int64_t)r->bytes);
	mp_duration(lag, sizeof(lag), r->lag);
	mp_duration(soon, sizeof(soon), r->soon);
	if (r->n > 1)
		snprintf(gcs, sizeof(gcs), ", %u gc", r->n);
	if (form == 2)
		snprintf(buf, size, " -%s ", num);
	else if (r->most != r->x1 && !form)
		snprintf(buf, size, " -%s, most after %s, all after %s%s ", num, soon, lag, gcs);
	else if (r->most != r->x1)
		snprintf(buf, size, " -%s, most after %s ", num, soon);
	else if (!r->lag)
		snprintf(buf, size, " -%s at once%s ", num, form ? "" : gcs);
	else
		snprintf(buf, size, " -%s after %s%s ", num, lag, form ? "" : gcs);
}

static void put(const struct shelf *s, int x, int row, wchar_t ch, enum tui_role role)
{
	if (x >= 0 && x < s->r.w && !s->dry)
		tui_grid_put(s->g, s->r.x + x, s->r.y + row, ch, tui_role(s->f->theme, role));
}

/* head: the column where it has arrived, below 0: nowhere yet. */
static void draw_arrow(const struct shelf *s, int row, int x0, int x1, int head)
{
	const struct tui_glyphs *gl = s->f->theme->g;

	for (int x = x0 < 0 ? 0 : x0 + 1; x <= x1; x++)
		put(s, x, row, x < head ? gl->shaft : gl->wait, TUI_R_OWED);
	put(s, x0, row, gl->mark[TUI_M_MAJOR], TUI_R_GC);
	if (head >= 0)
		put(s, head, row, head > x0 ? gl->head : gl->mark[TUI_M_RELEASE], TUI_R_RELEASE);
	take(s, row, x0, x1 + 1);
}

static void draw_text(const struct shelf *s, int row, int at, const char *text)
{
	int w = tui_text_width(text);

	if (!s->dry)
		tui_grid_text(s->g, s->r.x + at, s->r.y + row, w, tui_role(s->f->theme, TUI_R_BOLD),
			      text);
	take(s, row, at, at + w);
}

/* The arrow with as much of a label as finds room. False: no room for any. */
static bool lay(const struct shelf *s, const struct tui_return *r)
{
	char text[96];
	int at;

	for (int form = 0; form < FORMS; form++) {
		label_of(text, sizeof(text), r, form);
		for (int row = 0; row < s->r.h; row++) {
			if (!find_place(s, row, r->x0, r->most, r->x1, tui_text_width(text), &at))
				continue;
			draw_arrow(s, row, r->x0, r->x1, r->most);
			draw_text(s, row, at, text);
			return true;
		}
	}
	return false;
}

/* All of it came back within the window, and an arrow of tui_returns() says so. */
static bool has_come(const struct tui_frame *f, uint64_t ts)
{
	const struct mp_proc *p = tui_view_proc(f->view, f->now);
	size_t i = p ? before(p, ts) : 0;

	if (!p || i >= p->gc_unpaid || p->gcs[i].ts != ts || !p->gcs[i].rss_fell)
		return false;
	return column_at(f, end_of(&p->gcs[i])) < f->lay.plot.w;
}

/*
 * What is owed at the end of what is known, on a frozen screen at the moment looked at: an
 * arrow that has not arrived.
 */
static void lay_waiting(const struct shelf *s, uint64_t most)
{
	const struct mp_model *m = frozen(s->f) ? s->f->state : s->f->now;
	const struct mp_proc *p = m ? tui_view_proc(s->f->view, m) : NULL;
	char num[16], lag[16], text[96];
	const struct mp_gc *gc;
	int x0, x1, at;

	if (!p || p->exited || p->gc_unpaid >= p->n_gcs || p->owed * 8 < most || !p->owed)
		return;
	gc = &p->gcs[p->gc_unpaid];
	if (frozen(s->f) && has_come(s->f, gc->ts))
		return;
	x0 = column_at(s->f, gc->ts);
	x1 = column_at(s->f, m->now);
	if (!frozen(s->f))
		x1 = column_at(s->f,
			       s->f->win.tl->start + s->f->win.tl->n * s->f->win.tl->width - 1);
	if (x0 >= s->r.w || x1 >= s->r.w || x1 < 0)
		return;
	snprintf(text, sizeof(text), " %s owed for %s ",
		 mp_bytes(num, sizeof(num), (int64_t)p->owed),
		 mp_duration(lag, sizeof(lag), m->now > gc->ts ? m->now - gc->ts : 0));
	for (int row = 0; row < s->r.h; row++) {
		if (!find_place(s, row, x0, x1, x1, tui_text_width(text), &at))
			continue;
		draw_arrow(s, row, x0, x1, -1);
		draw_text(s, row, at, text);
		return;
	}
}

static int larger_first(const void *a, const void *b)
{
	const struct tui_return *l = a, *r = b;

	if (l->bytes != r->bytes)
		return l->bytes < r->bytes ? 1 : -1;
	return l->x1 - r->x1;
}

/* What found no room. */
struct rest {
	unsigned n; /* collections */
	uint64_t bytes;
};
#define REST_W 30

/* ... in a few words, in the place that was kept for them or another. */
static void draw_rest(const struct shelf *s, const struct rest *rest)
{
	char num[16], text[64];
	int w;

	snprintf(text, sizeof(text), " %u other return%s, -%s ", rest->n, rest->n == 1 ? "" : "s",
		 mp_bytes(num, sizeof(num), (int64_t)rest->bytes));
	w = tui_text_width(text);
	for (int row = 0; row < s->r.h; row++) {
		for (int x = 0; x + w <= s->r.w; x++) {
			if (!is_free(s, row, x, x + w))
				continue;
			tui_grid_text(s->g, s->r.x + x, s->r.y + row, w,
				      tui_role(s->f->theme, TUI_R_DIM), text);
			return;
		}
	}
}

/* The end of an arrow that found no room, at least. */
static void draw_end(const struct shelf *s, const struct tui_return *r)
{
	for (int row = 0; row < s->r.h; row++) {
		if (r->most >= s->r.w || !is_free(s, row, r->most, r->most + 1))
			continue;
		put(s, r->most, row, s->f->theme->g->mark[TUI_M_RELEASE], TUI_R_RELEASE);
		take(s, row, r->most, r->most + 1);
		return;
	}
}

/* Keeps a place for the sum of what will find none; its first cell, or NULL: there is none. */
static bool *keep_place(const struct shelf *s)
{
	for (int row = 0; row < s->r.h; row++) {
		for (int x = 0; x + REST_W <= s->r.w; x++) {
			if (!is_free(s, row, x, x + REST_W))
				continue;
			take(s, row, x, x + REST_W);
			return &s->taken[row * s->r.w + x];
		}
	}
	return NULL;
}

/* The largest first, each with as much text as fits; `keep`: not all of them will. */
static struct rest lay_all(const struct shelf *s, const struct tui_return *v, int n, uint64_t most,
			   bool keep)
{
	struct rest rest = { 0, 0 };
	bool *place = NULL;

	lay_waiting(s, most);
	for (int i = 0; i < n; i++) {
		bool laid = lay(s, &v[i]);

		if (keep && !i)
			place = keep_place(s);
		if (laid)
			continue;
		draw_end(s, &v[i]);
		rest.n += v[i].n;
		rest.bytes += v[i].bytes;
	}
	if (place)
		memset(place, 0, REST_W * sizeof(*place));
	return rest;
}

static void draw_arrows(const struct shelf *s, uint64_t most)
{
	struct tui_return *v;
	int n = tui_returns(s->f, &v);
	struct shelf dry = *s;
	struct rest rest;

	if (n > 0)
		qsort(v, (size_t)n, sizeof(*v), larger_first);
	dry.dry = true;
	rest = lay_all(&dry, v, n, most, false);
	memset(s->taken, 0, (size_t)s->r.w * (size_t)s->r.h * sizeof(*s->taken));
	rest = lay_all(s, v, n, most, rest.n > 0);
	if (rest.n)
		draw_rest(s, &rest);
	free(v);
}

/* --- the curve ---------------------------------------------------------------------- */

static uint64_t owed_of(const struct tui_frame *f, int col)
{
	const struct mp_point *pt = tui_frame_col(f, col);

	return pt && pt->owed != MP_UNKNOWN ? pt->owed : 0;
}

static uint64_t highest(const struct tui_frame *f)
{
	uint64_t max = 0;

	for (int x = 0; x < f->lay.plot.w; x++)
		max = owed_of(f, x) > max ? owed_of(f, x) : max;
	return max;
}

static void draw_curve(struct tui_grid *g, const struct tui_frame *f, struct tui_rect r,
		       uint64_t max)
{
	struct tui_style st = { tui_band_color(f->theme, TUI_BAND_FREE), 0, 0 };

	for (int x = 0; max && x < r.w; x++) {
		uint64_t v = owed_of(f, x);
		int high = (int)((double)v / (double)max * r.h * 8 + 0.5);

		if (v && !high)
			high = 1;
		for (int row = 0; row * 8 < high; row++) {
			int n = high - row * 8 > 8 ? 8 : high - row * 8;

			tui_grid_put(g, r.x + x, r.y + r.h - 1 - row, f->theme->g->level[n], st);
		}
	}
}

/* The moment looked at goes on through the strip, where it hides nothing. */
static void draw_cursor(struct tui_grid *g, const struct tui_frame *f, struct tui_rect r)
{
	int x = r.x + f->win.cursor;

	if (f->win.cursor < 0 || f->win.cursor >= r.w)
		return;
	for (int y = r.y; y < r.y + r.h; y++) {
		const struct tui_cell *c = tui_grid_at(g, x, y);

		if (c && c->ch == L' ')
			tui_grid_put(g, x, y, f->theme->g->vline, tui_role(f->theme, TUI_R_CURSOR));
	}
}

void tui_draw_owed(struct tui_grid *g, const struct tui_frame *f)
{
	const struct tui_rect *o = &f->lay.owed;
	struct tui_rect r = { f->lay.plot.x, o->y, f->lay.plot.w, o->h };
	struct tui_style dim = tui_role(f->theme, TUI_R_DIM);
	int arrows = o->h < 2 ? 0 : o->h < 4 ? 1 : 2;
	struct shelf s = { g, f, { r.x, r.y, r.w, arrows }, NULL, false };
	struct tui_rect curve = { r.x, r.y + arrows, r.w, r.h - arrows };
	uint64_t max = highest(f);
	char num[16];

	if (o->h < 1 || r.w < 1 || !f->win.tl)
		return;
	tui_grid_text_right(g, o->x, o->y, f->lay.gutter.w - 1, dim, "owed");
	if (arrows)
		tui_grid_text_right(g, o->x, curve.y, f->lay.gutter.w - 1, dim,
				    mp_bytes(num, sizeof(num), (int64_t)max));
	s.taken = calloc((size_t)r.w * (size_t)(arrows + 1), sizeof(*s.taken));
	if (s.taken && arrows)
		draw_arrows(&s, max);
	free(s.taken);
	draw_curve(g, f, curve, max);
	draw_cursor(g, f, r);
}

/* --- falls ------------------------------------------------------------------------- */

/*
 * Where RSS fell by rows in the column of a return, an arrow in the picture goes down from
 * where it was to where it is.
 */
static void draw_fall(const struct plot *p, const struct tui_return *r)
{
	const struct plot_col *to = r->most < p->r.w ? &p->cols[r->most] : NULL;
	const struct plot_col *from = r->most > 0 && to ? to - 1 : NULL;
	struct tui_style st = tui_role(p->t, TUI_R_RELEASE);
	int high, low;

	if (!from || !from->any || !to->any)
		return;
	high = from->rss / 8;
	low = (to->rss + 7) / 8;
	if (high - low < 2)
		return;
	for (int row = low; row < high && row < p->r.h; row++) {
		int8_t *kind = &p->kind[row * p->r.w + r->most];
		struct tui_cell *c = plot_cell(p, r->most, row);

		c->ch = row == low ? p->t->g->fall : p->t->g->vline;
		c->st = st;
		*kind = PLOT_NONE;
	}
}

void plot_falls(const struct plot *p)
{
	struct tui_return *v;
	int n = tui_returns(p->f, &v);

	for (int i = 0; i < n; i++)
		draw_fall(p, &v[i]);
	free(v);
}
