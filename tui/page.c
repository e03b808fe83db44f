/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * page.c - a box over the screen, and the page on the selected row in one.
 */
#include "tui/draw.h"

struct tui_rect tui_draw_box(struct tui_grid *g, const struct tui_theme *t, struct tui_rect r,
			     const char *title, const char *bottom)
{
	struct tui_style st = tui_role(t, TUI_R_DIM);
	int right = r.x + r.w - 1;
	int low = r.y + r.h - 1;

	tui_grid_fill(g, r, L' ', tui_role(t, TUI_R_TEXT));
	for (int x = r.x + 1; x < right; x++) {
		tui_grid_put(g, x, r.y, t->g->box[4], st);
		tui_grid_put(g, x, low, t->g->box[4], st);
	}
	for (int y = r.y + 1; y < low; y++) {
		tui_grid_put(g, r.x, y, t->g->box[5], st);
		tui_grid_put(g, right, y, t->g->box[5], st);
	}
	tui_grid_put(g, r.x, r.y, t->g->box[0], st);
	tui_grid_put(g, right, r.y, t->g->box[1], st);
	tui_grid_put(g, r.x, low, t->g->box[2], st);
	tui_grid_put(g, right, low, t->g->box[3], st);
	tui_grid_text(g, r.x + 2, r.y, r.w - 4, tui_role(t, TUI_R_BOLD), title);
	if (bottom)
		tui_grid_text(g, r.x + 2, low, r.w - 4, st, bottom);
	return (struct tui_rect){ r.x + 2, r.y + 1, r.w - 4, r.h - 2 };
}

/* What its keys do, in w cells: it is turned, its row happened at a moment. */
static const char *keys_of(bool turns, bool moment, int w)
{
	static const struct {
		bool turns, moment;
		const char *text;
	} all[] = {
		{ false, false, " any key leaves " },
		{ true, false, " Up/Down scroll, any other key leaves " },
		{ true, false, " Up/Down scroll, others leave " },
		{ false, true, " Enter to its moment, any other key leaves " },
		{ false, true, " Enter to its moment, others leave " },
		{ true, true, " Up/Down scroll, Enter to its moment, any other key leaves " },
		{ true, true, " Up/Down, Enter: go; others leave " },
	};
	const char *text = "";

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (all[i].turns != turns || all[i].moment != moment)
			continue;
		text = all[i].text;
		if (tui_text_width(text) <= w)
			break;
	}
	return text;
}

void tui_draw_page(struct tui_grid *g, const struct tui_frame *f)
{
	const struct tui_lines *l = &f->lines;
	bool moment = !f->view->health && tui_pane_when(f) != MP_UNKNOWN;
	size_t top = f->view->page_top;
	struct tui_rect r = { 0, 0, g->w > 100 ? 100 : g->w, (int)l->n + 2 }, in;

	r.h = r.h < g->h ? r.h : g->h;
	f->view->turns = l->n > (size_t)r.h - 2;
	r.x = (g->w - r.w) / 2;
	r.y = (g->h - r.h) / 2;
	in = tui_draw_box(g, f->theme, r, f->view->health ? " hooks and losses " : " details ",
			  keys_of(f->view->turns, moment, r.w - 4));
	if (top + (size_t)in.h > l->n)
		top = l->n > (size_t)in.h ? l->n - (size_t)in.h : 0;
	f->view->page_top = top;
	for (int i = 0; i < in.h && top + (size_t)i < l->n; i++) {
		const struct tui_line *line = &l->v[top + (size_t)i];

		tui_outside_text(g, f, in.x, in.y + i, in.w,
				 tui_role(f->theme, (enum tui_role)line->role), line->text);
	}
	g->cursor_x = in.x;
	g->cursor_y = in.y;
}
