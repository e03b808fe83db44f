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

static bool has_notes(const struct mp_model *m)
{
	const struct mp_proc *p = mp_model_main(m);

	for (size_t i = 0; p && i < p->tl.n; i++)
		if (p->tl.p[i].note)
			return true;
	return false;
}

static int load_columns(struct tui_frame *f)
{
	size_t n = f->lay.plot.w > 0 ? (size_t)f->lay.plot.w : 0;

	if (n && mp_grow(&f->cols, &f->cols_cap, n, sizeof(f->cols[0])))
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		f->cols[i].any = tui_window_merge(&f->win, (int)i, &f->cols[i].p);
	return 0;
}

int tui_frame_begin(struct tui_frame *f, int w, int h)
{
	const struct mp_proc *p = f->state ? mp_model_main(f->state) : NULL;

	tui_layout(&f->lay, w, h, has_notes(f->now));
	tui_view_window(f->view, f->now, f->live, f->lay.plot.w, &f->win);
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
		tui_draw_table(g, f);
	}
	tui_draw_hints(g, f);
	if (f->view->help)
		tui_draw_help(g, f);
}
