/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * axis.c - the times under the plot, and the cursor's own.
 */
#include <stdio.h>

#include "tui/draw.h"

/* The moment at a column's left edge, ns since the session's start. */
static uint64_t column_time(const struct tui_frame *f, int col)
{
	const struct mp_timeline *tl = f->win.tl;
	uint64_t at = tl->start + (uint64_t)(f->win.col0 + col) * f->win.colw;

	return tui_since(f->now, at);
}

/* Time with as much of the second as the step needs. */
static void tick_text(char *buf, size_t size, uint64_t ns, uint64_t step)
{
	char clock[24];

	tui_clock(clock, sizeof(clock), ns);
	if (step < 1000000000ULL)
		snprintf(buf, size, "%s.%0*u", clock, step < 100000000ULL ? 2 : 1,
			 (unsigned)(ns % 1000000000ULL /
				    (step < 100000000ULL ? 10000000ULL : 100000000ULL)));
	else
		snprintf(buf, size, "%s", clock);
}

/* The smallest round step that leaves room between labels. */
static uint64_t tick_step(uint64_t colw)
{
	static const uint64_t ms[] = {
		10,	20,	50,	100,	 200,	  500,	   1000,
		2000,	5000,	10000,	15000,	 30000,	  60000,   120000,
		300000, 600000, 900000, 1800000, 3600000, 7200000, 14400000
	};
	uint64_t step = 1000000;

	for (size_t i = 0; i < sizeof(ms) / sizeof(ms[0]); i++) {
		step = ms[i] * 1000000ULL;
		if (step / colw >= 12)
			return step;
	}
	while (step / colw < 12)
		step *= 2;
	return step;
}

/* The cursor's moment, under its column. Returns the cells it takes. */
static struct tui_rect draw_pointer(struct tui_grid *g, const struct tui_frame *f)
{
	const struct tui_rect *r = &f->lay.axis;
	struct tui_style st = tui_role(f->theme, TUI_R_CURSOR);
	uint64_t ns = tui_since(f->now, f->view->exact || tui_view_fine(f->view, f->win.tl)
						? f->view->cursor
						: tui_view_point(f->view, f->now)->ts);
	int x = f->lay.plot.x + f->win.cursor;
	char clock[24], text[40];
	int w;

	tui_clock(clock, sizeof(clock), ns);
	if (f->view->exact)
		snprintf(text, sizeof(text), " %s.%03u ", clock, (unsigned)(ns / 1000000 % 1000));
	else
		snprintf(text, sizeof(text), " %s.%02u ", clock, (unsigned)(ns / 10000000 % 100));
	w = tui_text_width(text);
	tui_grid_put(g, x, r->y, f->theme->g->pointer, st);
	if (x + 1 + w <= r->x + r->w) {
		tui_grid_text(g, x + 1, r->y, w, st, text);
		return (struct tui_rect){ x, r->y, w + 1, 1 };
	}
	tui_grid_text(g, x - w, r->y, w, st, text);
	return (struct tui_rect){ x - w, r->y, w + 1, 1 };
}

void tui_draw_axis(struct tui_grid *g, const struct tui_frame *f)
{
	const struct tui_rect *r = &f->lay.axis;
	struct tui_style dim = tui_role(f->theme, TUI_R_DIM);
	struct tui_rect pointer = { 0, 0, 0, 0 };
	uint64_t step;

	if (r->h < 1)
		return;
	tui_grid_text_right(g, r->x, r->y, f->lay.gutter.w - 1, dim, "0");
	if (!f->win.tl)
		return;
	if (f->win.cursor >= 0)
		pointer = draw_pointer(g, f);
	step = tick_step(f->win.colw);
	for (int i = 0; i < f->lay.plot.w; i++) {
		uint64_t a = column_time(f, i);
		uint64_t b = column_time(f, i + 1);
		uint64_t tick = (a + step - 1) / step * step;
		int x = f->lay.plot.x + i;
		char text[40];
		int w;

		if (tick >= b)
			continue;
		tick_text(text, sizeof(text), tick, step);
		w = 1 + tui_text_width(text);
		if (i + w > f->lay.plot.w)
			break;
		if (x < pointer.x + pointer.w && x + w > pointer.x)
			continue;
		tui_grid_put(g, x, r->y, f->theme->g->tick, dim);
		tui_grid_text(g, x + 1, r->y, w - 1, dim, text);
	}
}
