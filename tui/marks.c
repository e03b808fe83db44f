/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * marks.c - the marks A and B over the plot and in its time axis. The bands stay as
 * they are: a line is drawn where there is nothing, and a letter at its upper end; at the
 * lower one, too, where no time is written.
 */
#include <wctype.h>

#include "tui/draw.h"

/* The column of a moment, -1: not shown. */
static int column_of(const struct tui_frame *f, uint64_t ts)
{
	const struct tui_window *win = &f->win;
	int64_t col;

	if (!ts || !win->tl || ts < win->tl->start)
		return -1;
	if (tui_view_fine(f->view, win->tl)) {
		col = (int64_t)((ts - win->tl->start) / win->colw);
	} else {
		uint64_t q = (ts - win->tl->start) / win->tl->width;

		col = tui_window_col(win, q < win->tl->n ? q : win->tl->n - 1);
	}
	col -= win->col0;
	return col >= 0 && col < win->cols ? (int)col : -1;
}

static bool letter(struct tui_grid *g, int x, int y)
{
	return x >= 0 && x < g->w && iswalnum((wint_t)tui_grid_at(g, x, y)->ch);
}

/* Nothing there, nor the gap between two words. */
static bool is_free(struct tui_grid *g, int x, int y)
{
	return tui_grid_at(g, x, y)->ch == L' ' && !(letter(g, x - 1, y) && letter(g, x + 1, y));
}

/* Nothing there nor on either side: times are read whole, the cursor's above all. */
static bool has_room(struct tui_grid *g, int x, int y)
{
	for (int i = x - 1; i <= x + 1; i++)
		if (i >= 0 && i < g->w && tui_grid_at(g, i, y)->ch != L' ')
			return false;
	return true;
}

void tui_draw_marks(struct tui_grid *g, const struct tui_frame *f)
{
	const struct tui_rect *r = &f->lay.plot;
	struct tui_style st = tui_role(f->theme, TUI_R_CURSOR), label = st;

	label.attr |= TUI_BOLD | TUI_REVERSE;
	for (int i = 0; i < 2 && r->h > 0; i++) {
		int col = column_of(f, f->view->mark[i]);

		if (col < 0 || col >= r->w)
			continue;
		for (int y = r->y; y < r->y + r->h; y++)
			if (is_free(g, r->x + col, y))
				tui_grid_put(g, r->x + col, y, f->theme->g->dots, st);
		tui_grid_put(g, r->x + col, r->y, i ? L'B' : L'A', label);
		if (f->lay.axis.h > 0 && has_room(g, r->x + col, f->lay.axis.y))
			tui_grid_put(g, r->x + col, f->lay.axis.y, i ? L'B' : L'A', label);
	}
}
