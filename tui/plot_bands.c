/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * plot_bands.c - the picture's lowest layer: the stacked bands, the hatched gap up
 * to the committed heap, and what RSS did inside a column.
 */
#include "tui/plot.h"

/* Eighths of the cell [lo, lo + 8) that a band fills. */
static int cover(const struct plot_col *c, int band, int lo)
{
	int from = band ? c->edge[band - 1] : 0;
	int to = c->edge[band];

	from = from > lo ? from : lo;
	to = to < lo + 8 ? to : lo + 8;
	return to > from ? to - from : 0;
}

/* The two bands with most of a cell, the lower one first; second PLOT_NONE if alone. */
static void two_bands(const struct plot_col *c, int lo, int *low, int *high)
{
	int best = PLOT_NONE, next = PLOT_NONE;

	for (int b = 0; b < TUI_BAND_RSS; b++) {
		int n = cover(c, b, lo);

		if (!n)
			continue;
		if (best == PLOT_NONE || n > cover(c, best, lo)) {
			next = best;
			best = b;
		} else if (next == PLOT_NONE || n > cover(c, next, lo)) {
			next = b;
		}
	}
	*low = next != PLOT_NONE && next < best ? next : best;
	*high = next == PLOT_NONE ? PLOT_NONE : next < best ? best : next;
}

/* A cell of the area, in two colours where a boundary crosses it. */
static struct tui_cell fine_cell(const struct plot *p, const struct plot_col *c, int lo, int *kind)
{
	struct tui_cell cell = { L' ', { 0, 0, 0 } };
	int low, high, n;

	two_bands(c, lo, &low, &high);
	if (c->rss < lo + 8) {
		/* RSS ends here: its height must be exact, so the band with
		 * most of the cell stands for all of them */
		int most = high != PLOT_NONE && cover(c, high, lo) > cover(c, low, lo) ? high : low;

		cell.ch = p->t->g->level[c->rss - lo];
		cell.st.fg = tui_band_color(p->t, most);
		return cell;
	}
	if (high == PLOT_NONE) {
		*kind = low;
		return tui_band_cell(p->t, low);
	}
	n = c->edge[high - 1] - lo;
	n = n < 1 ? 1 : n > 7 ? 7 : n;
	cell.ch = p->t->g->level[n];
	cell.st.fg = tui_band_color(p->t, low);
	cell.st.bg = tui_band_color(p->t, high);
	return cell;
}

/*
 * Without two colours a cell belongs to the band that has most of it. Where RSS ends in
 * the cell its height is exact all the same, if there are glyphs for that.
 */
static struct tui_cell coarse_cell(const struct plot *p, const struct plot_col *c, int lo,
				   int *kind)
{
	struct tui_cell cell = { L' ', { 0, 0, 0 } };
	int low, high, most;

	two_bands(c, lo, &low, &high);
	most = high != PLOT_NONE && cover(c, high, lo) > cover(c, low, lo) ? high : low;
	if (p->t->utf8 && c->rss < lo + 8) {
		cell.ch = p->t->g->level[c->rss - lo];
		cell.st.fg = tui_band_color(p->t, most);
		return cell;
	}
	if (lo > 0 && c->rss - lo < 4)
		return cell;
	*kind = most;
	return tui_band_cell(p->t, most);
}

/* The committed heap's level, where it does not touch the area's own edge. */
static void draw_line(const struct plot *p, const struct plot_col *c, int x)
{
	int row = (c->line - 1) / 8;
	int sub = (c->line - 1) % 8;
	struct tui_cell *cell = plot_cell(p, x, row);
	struct tui_style st = tui_role(p->t, TUI_R_LINE);
	bool above = row * 8 >= c->rss;
	int8_t *kind = &p->kind[row * p->r.w + x];

	if (c->line <= 0 || !cell || (!above && c->line > c->rss - 8))
		return;
	if (!above && *kind != PLOT_NONE)
		st = tui_band_text(p->t, *kind);
	cell->ch = p->t->g->line[sub < 3 ? 0 : sub < 6 ? 1 : 2];
	cell->st = st;
	*kind = PLOT_NONE;
}

/*
 * A spike or a dip inside the column that neither it nor its neighbour ends at: a ramp is
 * no spike. True: the cell shows it.
 */
static bool draw_range(const struct plot *p, int x, int lo, struct tui_cell *cell, int kind)
{
	const struct plot_col *c = &p->cols[x];
	const struct plot_col *prev = x > 0 && p->cols[x - 1].any ? &p->cols[x - 1] : c;
	int high = c->rss > prev->rss ? c->rss : prev->rss;
	int low = c->rss < prev->rss ? c->rss : prev->rss;

	if (lo >= c->rss && c->max > high + 1 && lo < c->max)
		cell->st = tui_role(p->t, TUI_R_BOLD);
	else if (kind != PLOT_NONE && lo + 8 <= c->rss && c->min < low - 8 && lo >= c->min)
		cell->st = tui_band_text(p->t, (enum tui_band)kind);
	else
		return false;
	cell->ch = p->t->g->spike;
	return true;
}

static void draw_column(const struct plot *p, int x)
{
	const struct plot_col *c = &p->cols[x];

	for (int row = 0; row < p->r.h; row++) {
		int lo = row * 8;
		int kind = PLOT_NONE;
		struct tui_cell cell = { L' ', { 0, 0, 0 } };

		if (lo < c->rss) {
			cell = tui_theme_fine(p->t) ? fine_cell(p, c, lo, &kind)
						    : coarse_cell(p, c, lo, &kind);
		} else if (lo + 4 < c->line) {
			cell = tui_band_cell(p->t, TUI_BAND_LAZY);
			kind = TUI_BAND_LAZY;
		} else if (c->note) {
			cell.ch = p->t->g->dots;
			cell.st = tui_role(p->t, TUI_R_DIM);
		}
		if (draw_range(p, x, lo, &cell, kind))
			kind = PLOT_NONE;
		*plot_cell(p, x, row) = cell;
		p->kind[row * p->r.w + x] = (int8_t)kind;
	}
	draw_line(p, c, x);
}

void plot_bands(const struct plot *p)
{
	for (int x = 0; x < p->r.w; x++)
		if (p->cols[x].any)
			draw_column(p, x);
}
