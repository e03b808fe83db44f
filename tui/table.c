/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * table.c - the mappings: figures, and for each a strip that shows which parts
 * of its address range are resident.
 */
#include <stdio.h>
#include <string.h>

#include "tui/draw.h"
#include "user/util/util.h"

enum col { C_START, C_SIZE, C_RES, C_PCT, C_FAULTS, C_RELEASED, C_CLASS, C_NAME, C_STRIP, C_N };

struct col_def {
	const char *head;
	int w;	    /* cells; 0: shares what is left */
	int from;   /* screen width from which it is shown */
	bool right; /* set against the right edge */
	int sort;   /* the order it shows, -1: none */
};

static const struct col_def cols[C_N] = {
	[C_START] = { "start", 12, 0, false, TUI_SORT_ADDR },
	[C_SIZE] = { "size", 6, 0, true, TUI_SORT_SIZE },
	[C_RES] = { "resident", 8, 0, true, TUI_SORT_RESIDENT },
	[C_PCT] = { "%", 4, 0, true, -1 },
	[C_FAULTS] = { "faulted", 7, 90, true, TUI_SORT_FAULTS },
	[C_RELEASED] = { "released", 8, 76, true, TUI_SORT_RELEASED },
	[C_CLASS] = { "class", 8, 0, false, -1 },
	[C_NAME] = { "name", 0, 0, false, -1 },
	[C_STRIP] = { "resident parts", 0, 0, false, -1 },
};

static void place(int screen, int x[C_N], int w[C_N])
{
	int at = 2, left, name;

	memset(w, 0, sizeof(int) * C_N);
	for (int i = 0; i < C_NAME; i++) {
		if (screen < cols[i].from)
			continue;
		x[i] = at;
		w[i] = cols[i].w;
		at += w[i] + 1;
	}
	/* of the rest the strip takes the larger part, more so on wide screens */
	left = screen - at - 1;
	name = left * 2 / 5;
	name = name > 48 ? 48 : name;
	x[C_NAME] = at;
	w[C_NAME] = name - 1;
	x[C_STRIP] = at + name;
	w[C_STRIP] = left - name;
}

static void cell_text(struct tui_grid *g, int i, const int x[C_N], const int w[C_N], int y,
		      struct tui_style st, const char *text)
{
	if (!w[i])
		return;
	if (cols[i].right)
		tui_grid_text_right(g, x[i], y, w[i], st, text);
	else
		tui_grid_text(g, x[i], y, w[i], st, text);
}

static void draw_head(struct tui_grid *g, const struct tui_frame *f, const int x[C_N],
		      const int w[C_N])
{
	const struct tui_rect *r = &f->lay.table;
	struct tui_rect line = { r->x, r->y, r->w, 1 };
	bool told = false;
	char text[64];

	tui_grid_fill(g, line, L' ', tui_role(f->theme, TUI_R_BAR));
	for (int i = 0; i < C_N; i++) {
		struct tui_style st = tui_role(f->theme, TUI_R_BAR_DIM);

		if (cols[i].sort == (int)f->view->sort && w[i]) {
			st = tui_role(f->theme, TUI_R_BAR);
			st.attr |= TUI_BOLD | TUI_UNDERLINE;
			told = true;
		}
		/* an order whose column is not there is told over the strips */
		if (i == C_STRIP && !told)
			snprintf(text, sizeof(text), "by %s", tui_sort_name(f->view->sort));
		cell_text(g, i, x, w, r->y, st, i == C_STRIP && !told ? text : cols[i].head);
	}
	snprintf(text, sizeof(text), " %zu-%zu of %zu ", f->view->top + 1,
		 f->view->top + (f->rows.n < f->shown ? f->rows.n : f->shown), f->rows.n);
	if (f->rows.n && w[C_STRIP] > 16 + (int)strlen(text))
		tui_grid_text_right(g, r->x, r->y, r->w, tui_role(f->theme, TUI_R_BAR_DIM), text);
}

/* Each cell shows how much of its part of the range is resident. */
static void draw_strip(struct tui_grid *g, const struct tui_frame *f, const struct mp_proc *p,
		       const struct mp_mapping *m, struct tui_rect r)
{
	const struct tui_glyphs *gl = f->theme->g;
	struct tui_style st = tui_role(f->theme, TUI_R_STRIP);
	uint64_t pages = (m->end - m->start) / MP_PAGE_SIZE;
	int w = r.w;

	if (!pages || w < 1)
		return;
	if ((uint64_t)w > pages)
		w = (int)pages;
	for (int i = 0; i < w; i++) {
		/* a mapping of few pages has a cell for each of them */
		uint64_t a = pages / (uint64_t)w * (uint64_t)i +
			     pages % (uint64_t)w * (uint64_t)i / (uint64_t)w;
		uint64_t b = pages / (uint64_t)w * (uint64_t)(i + 1) +
			     pages % (uint64_t)w * (uint64_t)(i + 1) / (uint64_t)w;
		uint64_t n = mp_proc_resident(p, m->start + a * MP_PAGE_SIZE,
					      m->start + b * MP_PAGE_SIZE);
		int level = (int)(n * 8 / (b - a));

		if (n && !level)
			level = 1;
		tui_grid_put(g, r.x + i, r.y, gl->strip[level > 8 ? 8 : level], st);
	}
}

static void percent(char *buf, size_t size, uint64_t part, uint64_t whole)
{
	unsigned pct = whole ? (unsigned)((double)part * 100 / (double)whole) : 0;

	if (part && !pct)
		snprintf(buf, size, "<1%%");
	else
		snprintf(buf, size, "%u%%", pct > 100 ? 100 : pct);
}

static void draw_row(struct tui_grid *g, const struct tui_frame *f, const struct mp_proc *p,
		     const struct mp_mapping *m, int y, bool selected, const int x[C_N],
		     const int w[C_N])
{
	bool reserved = tui_mapping_reserved(m);
	struct tui_style st = tui_role(f->theme, reserved ? TUI_R_DIM : TUI_R_TEXT);
	struct tui_rect line = { f->lay.table.x, y, f->lay.table.w, 1 };
	struct tui_rect strip = { x[C_STRIP], y, w[C_STRIP], 1 };
	char text[32];

	if (selected && f->view->in_table)
		st = tui_role(f->theme, TUI_R_SELECT);
	tui_grid_fill(g, line, L' ', st);
	if (selected)
		tui_grid_put(g, 0, y, f->theme->g->sel, st);
	snprintf(text, sizeof(text), "%llx", (unsigned long long)m->start);
	cell_text(g, C_START, x, w, y, st, text);
	cell_text(g, C_SIZE, x, w, y, st,
		  mp_bytes(text, sizeof(text), (int64_t)(m->end - m->start)));
	cell_text(g, C_RES, x, w, y, st,
		  mp_bytes(text, sizeof(text), (int64_t)(m->resident * MP_PAGE_SIZE)));
	percent(text, sizeof(text), m->resident * MP_PAGE_SIZE, m->end - m->start);
	cell_text(g, C_PCT, x, w, y, st, reserved ? "-" : text);
	cell_text(g, C_FAULTS, x, w, y, st,
		  mp_bytes(text, sizeof(text), (int64_t)(m->faults * MP_PAGE_SIZE)));
	cell_text(g, C_RELEASED, x, w, y, st,
		  mp_bytes(text, sizeof(text), (int64_t)(m->released * MP_PAGE_SIZE)));
	cell_text(g, C_CLASS, x, w, y, st, reserved ? "reserve" : mp_class_name(m->cls));
	tui_outside_text(g, f, x[C_NAME], y, w[C_NAME], st, mp_str(f->state, m->name));
	if (reserved)
		tui_grid_text(g, strip.x, y, strip.w, st, "address space set aside");
	else
		draw_strip(g, f, p, m, strip);
}

void tui_draw_table(struct tui_grid *g, const struct tui_frame *f)
{
	const struct tui_rect *r = &f->lay.table;
	const struct mp_proc *p = f->state ? mp_model_main(f->state) : NULL;
	size_t sel = tui_rows_selected(&f->rows, f->view);
	int x[C_N], w[C_N];

	if (r->h < 2)
		return;
	place(r->w, x, w);
	draw_head(g, f, x, w);
	if (!p || !f->rows.n) {
		tui_grid_text(g, 2, r->y + 1, r->w - 2, tui_role(f->theme, TUI_R_DIM),
			      !f->state ? "the mappings of that moment are no longer kept"
					: "no mappings known yet");
		return;
	}
	for (size_t i = 0; i < f->shown && f->view->top + i < f->rows.n; i++) {
		size_t row = f->view->top + i;
		int y = r->y + 1 + (int)i;

		draw_row(g, f, p, f->rows.m[row], y, row == sel, x, w);
		if (row == sel && (f->view->in_table || f->win.cursor < 0)) {
			g->cursor_x = 0;
			g->cursor_y = y;
		}
	}
}
