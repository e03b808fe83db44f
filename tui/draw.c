/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * draw.c - a frame from its parts. Decides what is drawn at each size; the
 * parts decide how.
 */
#include "tui/draw.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/util/util.h"

/* Notes never go away, so only points not searched yet are. */
static bool has_notes(struct tui_cache *c, const struct mp_proc *p)
{
	size_t n = p ? p->tl.n : 0;

	if (c->noted > n)
		c->noted = 0;
	for (size_t i = c->noted; i < n && !c->notes; i++)
		c->notes = p->tl.p[i].note != 0;
	c->noted = n ? n - 1 : 0; /* the last point is still growing */
	return c->notes;
}

/*
 * Columns that the last frame has merged already move to their new place; they
 * are as they were when all their points had others after them. Returns how many
 * columns from the left are done.
 */
static int reuse_columns(struct tui_frame *f)
{
	const struct tui_window *old = &f->cache.win;
	const struct tui_window *win = &f->win;
	int64_t by = win->col0 - old->col0;
	int n = 0;

	if (!win->tl || old->tl != win->tl || old->colw != win->colw ||
	    f->cache.width != win->tl->width || f->cache.n > win->tl->n || by < 0 ||
	    by >= old->cols)
		return 0;
	while (n < win->cols && n + by < old->cols && tui_window_point(win, n + 1) < f->cache.n)
		n++;
	memmove(f->cols, f->cols + by, (size_t)n * sizeof(f->cols[0]));
	return n;
}

static int load_columns(struct tui_frame *f)
{
	int n = f->lay.plot.w > 0 ? f->lay.plot.w : 0;

	if (n && mp_grow(&f->cols, &f->cols_cap, (size_t)n, sizeof(f->cols[0])))
		return -ENOMEM;
	for (int i = reuse_columns(f); i < n; i++)
		f->cols[i].any = tui_window_merge(&f->win, i, &f->cols[i].p);
	f->cache.win = f->win;
	f->cache.n = f->win.tl ? f->win.tl->n : 0;
	f->cache.width = f->win.tl ? f->win.tl->width : 0;
	return 0;
}

bool tui_frame_ended(const struct tui_frame *f)
{
	const struct mp_proc *p = mp_model_main(f->now);

	return p && p->exited;
}

int tui_frame_begin(struct tui_frame *f, int w, int h)
{
	const struct mp_proc *p = f->state ? mp_model_main(f->state) : NULL;

	tui_layout(&f->lay, w, h, has_notes(&f->cache, mp_model_main(f->now)));
	tui_view_window(f->view, f->now, f->live && !tui_frame_ended(f), f->lay.plot.w, &f->win);
	f->shown = f->lay.table.h > 1 ? (size_t)f->lay.table.h - 1 : 0;
	if (load_columns(f) || tui_rows_build(&f->rows, p, f->view->sort))
		return -ENOMEM;
	tui_view_select(f->view, &f->rows, 0, f->shown);
	return 0;
}

void tui_frame_free(struct tui_frame *f)
{
	tui_rows_free(&f->rows);
	free(f->cols);
	f->cols = NULL;
	f->cols_cap = 0;
}

const struct mp_point *tui_frame_col(const struct tui_frame *f, int col)
{
	if (col < 0 || col >= f->lay.plot.w || !f->cols[col].any)
		return NULL;
	return &f->cols[col].p;
}

bool tui_frame_sum(const struct tui_frame *f, int col, struct mp_point *sum)
{
	int from = col < 0 ? 0 : col;
	int to = col < 0 ? f->lay.plot.w : col + 1;
	bool any = false;

	memset(sum, 0, sizeof(*sum));
	for (int i = from; i < to; i++) {
		const struct mp_point *p = tui_frame_col(f, i);

		if (!p)
			continue;
		any = true;
		sum->gc_major += p->gc_major;
		sum->gc_minor += p->gc_minor;
		sum->gc_pause += p->gc_pause;
		sum->madvise += p->madvise;
		sum->madvise_pages += p->madvise_pages;
		sum->mmap += p->mmap;
		sum->munmap += p->munmap;
	}
	return any;
}

int tui_outside_text(struct tui_grid *g, const struct tui_frame *f, int x, int y, int w,
		     struct tui_style st, const char *raw)
{
	char buf[512];
	const char *text = mp_clean(buf, sizeof(buf), raw, !f->theme->utf8);

	if (w < 1)
		return x;
	if (tui_text_width(text) <= w)
		return tui_grid_text(g, x, y, w, st, text);
	if (*text == '/') {
		/* of a path the end tells most */
		while (tui_text_width(text) > w - 1)
			text += tui_text_step(text);
		tui_grid_put(g, x, y, f->theme->g->lost, st);
		return tui_grid_text(g, x + 1, y, w - 1, st, text);
	}
	x = tui_grid_text(g, x, y, w - 1, st, text);
	tui_grid_put(g, x, y, f->theme->g->lost, st);
	return x + 1;
}

static void draw_small(struct tui_grid *g, const struct tui_frame *f)
{
	static const char *const text = "terminal too small (need 40x10)";
	int w = tui_text_width(text);

	tui_grid_text(g, w < g->w ? (g->w - w) / 2 : 0, g->h / 2, g->w,
		      tui_role(f->theme, TUI_R_BOLD), text);
}

void tui_draw(struct tui_grid *g, const struct tui_frame *f)
{
	tui_grid_clear(g);
	if (f->lay.tier == TUI_TIER_SMALL) {
		draw_small(g, f);
		return;
	}
	tui_draw_status(g, f);
	tui_draw_numbers(g, f);
	if (f->lay.tier != TUI_TIER_NUMBERS) {
		tui_draw_plot(g, f);
		tui_draw_axis(g, f);
		tui_draw_lanes(g, f);
		tui_draw_detail(g, f);
		if (f->view->tab == TUI_TAB_MAPS)
			tui_draw_table(g, f);
		else
			tui_draw_lists(g, f);
	}
	tui_draw_hints(g, f);
	if (f->view->help)
		tui_draw_help(g, f);
}
