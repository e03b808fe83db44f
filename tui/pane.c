/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pane.c - the engine of the tables under the plot. Knows columns, order, filter,
 * selection and scrolling; what a row means is the panes' matter.
 */
#include "tui/pane.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tui/draw.h"
#include "user/util/util.h"

const struct tui_pane *const tui_panes[TUI_PANES] = {
	[TUI_P_MAPS] = &tui_pane_maps,	       [TUI_P_TOUCHED] = &tui_pane_touched,
	[TUI_P_RELEASED] = &tui_pane_released, [TUI_P_COLLECTIONS] = &tui_pane_collections,
	[TUI_P_SPACES] = &tui_pane_spaces,     [TUI_P_THREADS] = &tui_pane_threads,
	[TUI_P_CGROUP] = &tui_pane_cgroup,     [TUI_P_EVENTS] = &tui_pane_events,
	[TUI_P_DELTA] = &tui_pane_delta,       [TUI_P_FINDINGS] = &tui_pane_findings,
	[TUI_P_PROCS] = &tui_pane_procs,
};

static struct tui_pane_state *state_of(const struct tui_frame *f)
{
	return &f->view->ps[f->view->pane];
}

const struct tui_pane *tui_pane(const struct tui_frame *f)
{
	return tui_panes[f->view->pane];
}

void tui_pane_turn(struct tui_frame *f, int by)
{
	int at = f->view->pane;

	for (int i = 0; i < TUI_PANES; i++) {
		at = (at + by + TUI_PANES) % TUI_PANES;
		if (!tui_panes[at]->there || tui_panes[at]->there(f))
			break;
	}
	f->view->pane = (enum tui_pane_id)at;
}

/* --- rows: which, and in what order ------------------------------------------------ */

int tui_pane_sorted(const struct tui_frame *f)
{
	const struct tui_pane *pane = tui_pane(f);
	int sort = state_of(f)->sort;

	return sort >= 0 && sort < pane->n_cols && pane->cols[sort].sorts ? sort : pane->sort;
}

bool tui_pane_least_first(const struct tui_frame *f)
{
	return tui_pane(f)->cols[tui_pane_sorted(f)].ascending != state_of(f)->reverse;
}

const struct tui_row *tui_pane_row(struct tui_frame *f, size_t i)
{
	tui_rows_order(f, &f->rows, i, i + 1);
	return i < f->rows.n ? &f->rows.v[i] : NULL;
}

const struct tui_row *tui_pane_selected(const struct tui_frame *f)
{
	return f->rows.n ? &f->rows.v[f->rows.sel] : NULL;
}

/* The rows shown, such that the selected one is among them, come into their places. */
static void scroll(struct tui_frame *f)
{
	struct tui_pane_state *s = state_of(f);
	struct tui_rows *rows = &f->rows;
	size_t last = rows->n > f->shown ? rows->n - f->shown : 0;

	if (f->shown && rows->sel < s->top)
		s->top = rows->sel;
	if (f->shown && rows->sel >= s->top + f->shown)
		s->top = rows->sel - f->shown + 1;
	/* fewer rows for now do not scroll for good */
	rows->top = s->top < last ? s->top : last;
	if (!rows->words) /* those are ordered once and for all */
		rows->lo = rows->hi = 0;
	tui_rows_order(f, rows, rows->top, rows->top + f->shown);
	tui_rows_order(f, rows, rows->sel, rows->sel + 1);
}

void tui_pane_select(struct tui_frame *f, long by)
{
	struct tui_pane_state *s = state_of(f);
	struct tui_rows *rows = &f->rows;
	long at;

	if (rows->pane != f->view->pane) { /* another pane's, until the next frame */
		s->move += by;
		return;
	}
	if (!rows->n)
		return;
	at = (long)rows->sel + by;
	at = at < 0 ? 0 : at >= (long)rows->n ? (long)rows->n - 1 : at;
	s->sel = tui_pane_row(f, (size_t)at)->id;
	s->at = rows->sel = (size_t)at;
	rows->gone = false;
	scroll(f);
	if (by && tui_pane(f)->moved) {
		tui_pane(f)->moved(f, tui_pane_selected(f));
		f->again = true;
	}
}

/* The row selected, or where it was when it is not there at this moment. */
static void find_selected(struct tui_frame *f)
{
	struct tui_pane_state *s = state_of(f);
	struct tui_rows *rows = &f->rows;

	rows->sel = tui_rows_rank(f, rows, s->sel);
	rows->gone = s->sel && rows->sel == rows->n;
	if (rows->sel < rows->n)
		s->at = rows->sel;
	else
		rows->sel = s->at < rows->n ? s->at : rows->n - 1;
}

int tui_pane_build(struct tui_frame *f)
{
	const struct tui_pane *pane = tui_pane(f);
	struct tui_pane_state *s = state_of(f);
	struct tui_rows *rows = &f->rows;
	const struct tui_row *here;

	rows->n = rows->all = rows->sel = rows->top = rows->lo = rows->hi = 0;
	rows->pane = f->view->pane;
	rows->gone = false;
	if ((f->state || pane->stateless) && pane->collect(f, rows))
		return -ENOMEM;
	tui_rows_filter(f, rows, s->filter);
	if (!rows->n)
		return 0;
	tui_rows_keys(f, rows);
	here = pane->at ? pane->at(f) : NULL;
	if (here)
		s->sel = here->id;
	find_selected(f);
	scroll(f);
	if (s->move)
		tui_pane_select(f, s->move);
	s->move = 0;
	return 0;
}

void tui_pane_sort(struct tui_frame *f)
{
	const struct tui_pane *pane = tui_pane(f);
	int col = tui_pane_sorted(f);

	do {
		col = (col + 1) % pane->n_cols;
	} while (!pane->cols[col].sorts && col != pane->sort);
	state_of(f)->sort = col;
	state_of(f)->reverse = false;
}

void tui_pane_reverse(struct tui_frame *f)
{
	state_of(f)->reverse = !state_of(f)->reverse;
}

uint64_t tui_pane_when(const struct tui_frame *f)
{
	const struct tui_pane *pane = tui_pane(f);
	const struct tui_row *row = tui_pane_selected(f);

	return row && pane->when && !f->rows.gone ? pane->when(f, row) : MP_UNKNOWN;
}

/* --- drawing ----------------------------------------------------------------------- */

struct place {
	int x[TUI_PCOLS_MAX], w[TUI_PCOLS_MAX]; /* w 0: not shown */
};

/* What the rows are ordered by is shown at any width. */
static bool has_place(const struct tui_frame *f, int col)
{
	return f->lay.table.w >= tui_pane(f)->cols[col].from || col == tui_pane_sorted(f);
}

static void place(const struct tui_frame *f, struct place *at)
{
	const struct tui_pane *pane = tui_pane(f);
	int x = 2, left = f->lay.table.w - 2, shares = 0;

	for (int i = 0; i < pane->n_cols; i++) {
		const struct tui_pcol *c = &pane->cols[i];

		at->w[i] = has_place(f, i) ? c->w : 0;
		if (has_place(f, i) && !c->w)
			shares += c->share;
		left -= at->w[i] ? at->w[i] + 1 : 0;
	}
	for (int i = 0; i < pane->n_cols; i++) {
		const struct tui_pcol *c = &pane->cols[i];

		if (!c->w && has_place(f, i) && left > 0)
			at->w[i] = left * c->share / shares - 1;
		at->w[i] = at->w[i] < 0 ? 0 : at->w[i];
		at->x[i] = f->lay.table.x + x;
		x += at->w[i] ? at->w[i] + 1 : 0;
	}
}

int tui_pane_col_at(const struct tui_frame *f, int x)
{
	struct place at;

	place(f, &at);
	for (int i = 0; i < tui_pane(f)->n_cols; i++)
		if (at.w[i] && x >= at.x[i] && x <= at.x[i] + at.w[i])
			return i;
	return -1;
}

const struct tui_row *tui_pane_row_at(const struct tui_frame *f, int y)
{
	int i = y - f->lay.table.y - 1;
	size_t row = f->rows.top + (size_t)i;

	return i >= 0 && (size_t)i < f->shown && row < f->rows.n ? &f->rows.v[row] : NULL;
}

static void draw_text(struct tui_grid *g, const struct tui_frame *f, bool right, struct tui_rect r,
		      struct tui_style st, const char *raw)
{
	if (right)
		tui_grid_text_right(g, r.x, r.y, r.w, st, raw);
	else
		tui_outside_text(g, f, r.x, r.y, r.w, st, raw);
}

#define POSITION_MAX (TUI_TEXT_MAX + 80)

/* How far the heads of the columns go, and how far they must be seen. */
static void heads_end(const struct tui_frame *f, const struct place *at, int *end, int *last)
{
	const struct tui_pane *pane = tui_pane(f);

	*end = *last = f->lay.table.x;
	for (int i = 0; i < pane->n_cols; i++) {
		int w = tui_text_width(pane->cols[i].head), x;

		if (!at->w[i])
			continue;
		w = w < at->w[i] ? w : at->w[i];
		x = pane->cols[i].right ? at->x[i] + at->w[i] - w : at->x[i];
		*end = x + w + (i == tui_pane_sorted(f));
		*last = x + (w < 8 ? w : 8); /* so much of a head is enough to know it */
	}
}

/* Which rows of how many are shown, and by what filter. Where the heads leave no room it
 * is in brief, over the end of the last one: that many are hidden must be seen. Returns
 * the column where it begins, the table's end when it is not there. */
static int position(const struct tui_frame *f, const struct place *at, char text[POSITION_MAX])
{
	const struct tui_rect *r = &f->lay.table;
	const struct tui_pane_state *s = state_of(f);
	size_t to = f->rows.top + (f->rows.n < f->shown ? f->rows.n : f->shown);
	size_t from = f->rows.n ? f->rows.top + 1 : 0;
	char filter[TUI_TEXT_MAX + 8] = "";
	int end, last, x;

	heads_end(f, at, &end, &last);
	if (*s->filter)
		snprintf(filter, sizeof(filter), "  /%s", s->filter);
	snprintf(text, POSITION_MAX, " %s %zu-%zu of %zu%s ", tui_pane(f)->name, from, to,
		 f->rows.n, filter);
	if (r->x + r->w - tui_text_width(text) <= end) {
		snprintf(text, POSITION_MAX, " %zu/%zu%s ", to, f->rows.n, filter);
		if (!*filter && r->x + r->w - tui_text_width(text) <= last)
			*text = '\0';
	}
	x = r->x + r->w - tui_text_width(text);
	return x > r->x ? x : r->x;
}

bool tui_pane_name_at(const struct tui_frame *f, int x)
{
	char text[POSITION_MAX];
	struct place at;

	place(f, &at);
	return x >= position(f, &at, text);
}

/* A head that what begins at x would cut within a word loses that word. */
static void spare_word(struct tui_grid *g, int x, int y)
{
	struct tui_cell *c = tui_grid_at(g, x, y);

	if (!c || c->ch == L' ')
		return;
	while ((c = tui_grid_at(g, --x, y)) && c->ch != L' ')
		c->ch = L' ';
}

static void draw_position(struct tui_grid *g, const struct tui_frame *f, const struct place *at)
{
	const struct tui_rect *r = &f->lay.table;
	char text[POSITION_MAX];

	position(f, at, text);
	spare_word(g, r->x + r->w - tui_text_width(text), r->y);
	tui_grid_text_right(g, r->x, r->y, r->w,
			    tui_role(f->theme, *state_of(f)->filter ? TUI_R_BAR : TUI_R_BAR_DIM),
			    text);
}

static void draw_head(struct tui_grid *g, const struct tui_frame *f, const struct place *at)
{
	const struct tui_pane *pane = tui_pane(f);
	const struct tui_rect *r = &f->lay.table;
	struct tui_rect line = { r->x, r->y, r->w, 1 };
	wchar_t arrow = f->theme->g->sort[tui_pane_least_first(f)];
	int sort = tui_pane_sorted(f);

	tui_grid_fill(g, line, L' ', tui_role(f->theme, TUI_R_BAR));
	for (int i = 0; i < pane->n_cols; i++) {
		const struct tui_pcol *c = &pane->cols[i];
		struct tui_style st = tui_role(f->theme, TUI_R_BAR_DIM);
		int w, x;

		if (!at->w[i])
			continue;
		if (i == sort) {
			st = tui_role(f->theme, TUI_R_BAR);
			st.attr |= TUI_BOLD;
		}
		w = tui_text_width(c->head);
		w = w < at->w[i] ? w : at->w[i];
		x = c->right ? at->x[i] + at->w[i] - w : at->x[i];
		tui_grid_text(g, x, r->y, w, st, c->head);
		/* the arrow has the gap between columns, where need be */
		if (i == sort && x + w < r->x + r->w)
			tui_grid_put(g, x + w, r->y, arrow, st);
	}
	draw_position(g, f, at);
}

static void draw_row(struct tui_grid *g, const struct tui_frame *f, const struct place *at,
		     const struct tui_row *row, int y, bool sel)
{
	const struct tui_pane *pane = tui_pane(f);
	struct tui_style st =
		tui_role(f->theme, pane->role ? (enum tui_role)pane->role(f, row) : TUI_R_TEXT);
	struct tui_rect line = { f->lay.table.x, y, f->lay.table.w, 1 };
	char text[TUI_CELL_MAX];

	if (sel && f->view->in_table)
		st = tui_role(f->theme, TUI_R_SELECT);
	tui_grid_fill(g, line, L' ', st);
	if (sel)
		tui_grid_put(g, line.x, y, f->theme->g->sel, st);
	for (int i = 0; i < pane->n_cols; i++) {
		struct tui_rect cell = { at->x[i], y, at->w[i], 1 };

		if (!cell.w || (pane->paint && pane->paint(g, f, row, i, cell, st)))
			continue;
		*text = '\0';
		pane->text(f, row, i, text, sizeof(text));
		draw_text(g, f, pane->cols[i].right, cell, st, text);
	}
}

/* The last line: all rows together. */
static void draw_total(struct tui_grid *g, const struct tui_frame *f, const struct place *at)
{
	const struct tui_pane *pane = tui_pane(f);
	int y = f->lay.table.y + f->lay.table.h - 1;
	struct tui_rect line = { f->lay.table.x, y, f->lay.table.w, 1 };
	struct tui_style st = tui_role(f->theme, TUI_R_BOLD);
	char text[TUI_CELL_MAX];

	tui_grid_fill(g, line, L' ', st);
	for (int i = 0; i < pane->n_cols; i++) {
		struct tui_rect cell = { at->x[i], y, at->w[i], 1 };

		*text = '\0';
		if (cell.w)
			pane->total(f, i, text, sizeof(text));
		draw_text(g, f, pane->cols[i].right, cell, st, text);
	}
}

static const char *why_none(const struct tui_frame *f)
{
	const struct tui_pane *pane = tui_pane(f);

	if (!f->state && !pane->stateless)
		return f->working ? "reading ..." : "that moment is no longer kept";
	if (f->state && !tui_view_proc(f->view, f->state))
		return tui_view_proc(f->view, f->now) ? "the process was not there yet"
						      : "no process was seen";
	if (f->rows.all)
		return "no row matches the filter";
	return pane->none ? pane->none(f) : "nothing yet";
}

void tui_draw_table(struct tui_grid *g, const struct tui_frame *f)
{
	const struct tui_rect *r = &f->lay.table;
	size_t sel = f->rows.sel, top = f->rows.top;
	struct place at;

	if (r->h < 2)
		return;
	place(f, &at);
	draw_head(g, f, &at);
	if (!f->rows.n)
		tui_grid_text(g, r->x + 2, r->y + 1, r->w - 2, tui_role(f->theme, TUI_R_DIM),
			      why_none(f));
	for (size_t i = 0; i < f->shown && top + i < f->rows.n; i++) {
		int y = r->y + 1 + (int)i;

		draw_row(g, f, &at, &f->rows.v[top + i], y, top + i == sel);
		if (top + i == sel && (f->view->in_table || f->win.cursor < 0)) {
			g->cursor_x = r->x;
			g->cursor_y = y;
		}
	}
	if (f->rows.n && tui_pane(f)->total && f->shown + 2 <= (size_t)r->h)
		draw_total(g, f, &at);
}
