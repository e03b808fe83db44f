/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * plot.c - the picture: RSS as a stacked area, the promised memory above it. What
 * it measures here its layers draw: plot_bands.c, plot_limits.c, plot_labels.c.
 *
 * The heap's bands lie on top of the rest, so that what the heap committed and
 * nobody touched continues them upwards: the hatched gap is exactly the lazy
 * memory, its upper edge is where RSS would be if every promise were kept.
 */
#include "tui/plot.h"

#include <stdlib.h>
#include <string.h>

#include "user/util/util.h"

int plot_eighths(const struct plot *p, int64_t bytes)
{
	int full = p->r.h * 8;
	double v = (double)bytes / (double)p->scale.top * full;

	return v <= 0 ? 0 : v >= full ? full : (int)(v + 0.5);
}

struct tui_cell *plot_cell(const struct plot *p, int x, int row)
{
	return tui_grid_at(p->g, p->r.x + x, p->r.y + p->r.h - 1 - row);
}

/* Stacks what each column covers; returns the highest value of all. */
static int64_t load(struct plot *p)
{
	int64_t max = 0;

	for (int x = 0; x < p->r.w; x++) {
		struct plot_col *c = &p->cols[x];
		const struct mp_point *pt = tui_frame_col(p->f, x);
		int64_t high;

		if (!pt || !mp_point_known(pt))
			continue;
		c->any = true;
		tui_stack(&c->s, pt);
		c->rss_min = pt->rss_min;
		c->rss_max = pt->rss_max > c->s.rss ? pt->rss_max : c->s.rss;
		c->note = pt->note != 0;
		high = c->s.committed < 0 ? 0 : c->s.base + c->s.committed;
		high = high > c->rss_max ? high : c->rss_max;
		max = high > max ? high : max;
	}
	return max;
}

/* RSS too small for an eighth gets one all the same, in its largest band. */
static void show_little(struct plot_col *c)
{
	int most = 0;

	for (int b = 1; b < TUI_BAND_RSS; b++)
		if (c->s.band[b] > c->s.band[most])
			most = b;
	for (int b = most; b < TUI_BAND_RSS; b++)
		c->edge[b] = 1;
}

static void measure(struct plot *p)
{
	for (int x = 0; x < p->r.w; x++) {
		struct plot_col *c = &p->cols[x];
		int64_t sum = 0;

		if (!c->any)
			continue;
		for (int b = 0; b < TUI_BAND_RSS; b++) {
			sum += c->s.band[b];
			c->edge[b] = plot_eighths(p, sum);
		}
		if (sum > 0 && c->edge[TUI_BAND_RSS - 1] == 0)
			show_little(c);
		c->rss = c->edge[TUI_BAND_RSS - 1];
		c->line = c->s.committed < 0 ? -1 : plot_eighths(p, c->s.base + c->s.committed);
		c->min = plot_eighths(p, c->rss_min);
		c->max = plot_eighths(p, c->rss_max);
	}
}

static void draw_gutter(const struct plot *p)
{
	const struct tui_rect *r = &p->f->lay.gutter;
	struct tui_style st = tui_role(p->t, TUI_R_DIM);
	char num[16];

	/* the upper edge of a label's row is where its value lies */
	for (int i = 1; i * p->scale.every <= r->h; i++)
		tui_grid_text_right(p->g, r->x, r->y + r->h - i * p->scale.every, r->w - 1, st,
				    mp_bytes(num, sizeof(num), i * p->scale.step));
}

/* A line through the picture at the moment looked at; the bands stay seen. */
static void draw_cursor(const struct plot *p)
{
	struct tui_style st = tui_role(p->t, TUI_R_CURSOR);
	int x = p->f->win.cursor;

	if (x < 0 || x >= p->r.w)
		return;
	for (int row = 0; row < p->r.h; row++) {
		int kind = p->kind[row * p->r.w + x];
		struct tui_cell *c = plot_cell(p, x, row);

		if (kind != PLOT_NONE && kind != TUI_BAND_LAZY)
			c->st = tui_band_text(p->t, kind);
		else
			c->st = st;
		c->ch = p->t->g->vline;
	}
	if (!p->f->view->in_table) {
		p->g->cursor_x = p->r.x + x;
		p->g->cursor_y = p->r.y + p->r.h - 1;
	}
}

void tui_draw_plot(struct tui_grid *g, const struct tui_frame *f)
{
	struct plot p = { .g = g, .f = f, .t = f->theme, .r = f->lay.plot };

	if (p.r.w < 1 || p.r.h < 1)
		return;
	p.cols = calloc((size_t)p.r.w, sizeof(*p.cols));
	p.kind = malloc((size_t)p.r.w * (size_t)p.r.h);
	if (p.cols && p.kind) {
		memset(p.kind, PLOT_NONE, (size_t)p.r.w * (size_t)p.r.h);
		tui_scale(&p.scale, plot_limits(&p, load(&p)), p.r.h);
		measure(&p);
		plot_bands(&p);
		plot_limit_lines(&p);
		plot_falls(&p);
		draw_gutter(&p);
		draw_cursor(&p);
		plot_labels(&p); /* over the cursor: a name cut in two is none */
		plot_limit_names(&p);
	}
	free(p.cols);
	free(p.kind);
}
