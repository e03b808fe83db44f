/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * help.c - the key hints at the bottom and the help over everything. Both are
 * written by the table of keys; only the reading of the picture is told here.
 */
#include <string.h>

#include "tui/draw.h"
#include "tui/keys.h"

void tui_draw_hints(struct tui_grid *g, const struct tui_frame *f)
{
	const struct tui_rect *r = &f->lay.hints;
	int x = r->x + 1;

	for (size_t i = 0; i < tui_keys_n; i++) {
		const char *hint = tui_keys[i].hint;
		const char *word = hint ? strrchr(hint, ' ') : NULL;

		if (!word || x + tui_text_width(hint) > r->x + r->w)
			continue;
		x = tui_grid_text(g, x, r->y, (int)(word - hint), tui_role(f->theme, TUI_R_KEY),
				  hint);
		x = tui_grid_text(g, x, r->y, r->w, tui_role(f->theme, TUI_R_DIM), word) + 2;
	}
}

static const char *const reading[] = {
	"The filled area is RSS: memory the process really holds.",
	"Hatched above it: memory the heap was promised and nobody has touched;",
	"the kernel maps it page by page, at the first touch (lazy mapping).",
	"Free heap, still resident: collected, but not yet given back; 'owed' is",
	"what collections freed and no call returned so far (deferred reclaim).",
	"Given up (MADV_FREE): in RSS until the kernel needs it and takes it.",
	"Events are collections, releases and notes.  Any key leaves this help.",
};
#define READING_N ((int)(sizeof(reading) / sizeof(reading[0])))

static void draw_frame(struct tui_grid *g, const struct tui_theme *t, struct tui_rect r,
		       const char *about)
{
	struct tui_style st = tui_role(t, TUI_R_DIM);
	int right = r.x + r.w - 1;
	int bottom = r.y + r.h - 1;

	tui_grid_fill(g, r, L' ', tui_role(t, TUI_R_TEXT));
	for (int x = r.x + 1; x < right; x++) {
		tui_grid_put(g, x, r.y, t->g->box[4], st);
		tui_grid_put(g, x, bottom, t->g->box[4], st);
	}
	for (int y = r.y + 1; y < bottom; y++) {
		tui_grid_put(g, r.x, y, t->g->box[5], st);
		tui_grid_put(g, right, y, t->g->box[5], st);
	}
	tui_grid_put(g, r.x, r.y, t->g->box[0], st);
	tui_grid_put(g, right, r.y, t->g->box[1], st);
	tui_grid_put(g, r.x, bottom, t->g->box[2], st);
	tui_grid_put(g, right, bottom, t->g->box[3], st);
	tui_grid_text(g, r.x + 2, r.y, r.w - 4, tui_role(t, TUI_R_BOLD), " memprof: keys ");
	if (about)
		tui_grid_text(g, r.x + 2, bottom, r.w - 4, st, about);
}

/* The keys in one column, or in two where one is too high. */
static int draw_keys(struct tui_grid *g, const struct tui_frame *f, struct tui_rect in)
{
	int n = (int)tui_keys_n;
	bool two = n > in.h && in.w >= 72;
	int per = two ? (n + 1) / 2 : n;
	int w = two ? in.w / 2 : in.w;

	for (int i = 0; i < n; i++) {
		int x = in.x + i / per * w;
		int y = in.y + i % per;

		if (y >= in.y + in.h)
			continue;
		tui_grid_text(g, x, y, 8, tui_role(f->theme, TUI_R_KEY), tui_keys[i].name);
		tui_grid_text(g, x + 9, y, w - 10, tui_role(f->theme, TUI_R_TEXT),
			      tui_keys[i].help);
	}
	return in.y + (per < in.h ? per : in.h);
}

void tui_draw_help(struct tui_grid *g, const struct tui_frame *f)
{
	int rows = (int)tui_keys_n + READING_N + 3;
	struct tui_rect r = { 0, 0, g->w > 96 ? 96 : g->w, 0 };
	struct tui_rect in;
	int y;

	if (rows > g->h)
		rows = r.w >= 76 ? ((int)tui_keys_n + 1) / 2 + READING_N + 3 : g->h;
	r.h = rows < g->h ? rows : g->h;
	r.x = (g->w - r.w) / 2;
	r.y = (g->h - r.h) / 2;
	draw_frame(g, f->theme, r, f->about);
	in = (struct tui_rect){ r.x + 2, r.y + 1, r.w - 4, r.h - 2 };
	if (rows == r.h && in.h > READING_N + 1 && r.w >= 76)
		in.h -= READING_N + 1;
	y = draw_keys(g, f, in) + 1;
	for (int i = 0; i < READING_N && y + i < r.y + r.h - 1; i++)
		tui_grid_text(g, in.x, y + i, in.w, tui_role(f->theme, TUI_R_DIM), reading[i]);
	g->cursor_x = in.x;
	g->cursor_y = in.y;
}
