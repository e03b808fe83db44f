/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pointer.c - places of the screen and what a click, a drag or the wheel means there.
 * Where a key does the same, the key's action is what is called.
 */
#include "tui/pointer.h"

#include "tui/keys.h"

#define WHEEL_ROWS 3 /* rows a step of the wheel scrolls */
#define PAN_PARTS  8 /* of the plot, a step of the wheel to the side */

static bool inside(const struct tui_rect *r, int x, int y)
{
	return x >= r->x && x < r->x + r->w && y >= r->y && y < r->y + r->h;
}

/* --- time ------------------------------------------------------------------------- */

/* Everything whose columns are the plot's. */
static bool in_plot(const struct tui_frame *f, int x, int y)
{
	const struct tui_layout *l = &f->lay;

	return l->plot.w > 0 && x >= l->plot.x && x < l->plot.x + l->plot.w &&
	       (inside(&l->plot, x, y) || inside(&l->axis, x, y) || inside(&l->notes, x, y) ||
		inside(&l->lanes, x, y));
}

/* The cursor onto the column at x; beyond the plot's ends the plot moves with it. */
static bool cursor_to(struct tui_frame *f, int x)
{
	/* all the way back, then forward: moving is by columns */
	tui_view_move(f->view, f->now, &f->win, -(1 << 30));
	tui_view_move(f->view, f->now, &f->win, (int)f->win.col0 + x - f->lay.plot.x);
	return true;
}

/*
 * The moment under the pointer keeps its place. So does the cursor's moment; where it
 * would leave the plot, the cursor comes to the pointer.
 */
static bool zoom_at(struct tui_frame *f, int x, int dir)
{
	struct tui_view *v = f->view;
	const struct tui_window *win = &f->win;
	int64_t at = x - f->lay.plot.x, col, cursor;

	if (!win->tl)
		return false;
	if (v->follow) {
		tui_view_zoom(v, win, dir);
		return true;
	}
	tui_view_zoom(v, win, dir);
	col = (int64_t)((uint64_t)(win->col0 + at) * win->colw / v->colw);
	cursor = (int64_t)((uint64_t)(win->col0 + win->cursor) * win->colw / v->colw);
	v->col0 = col > at ? col - at : 0;
	if (cursor < v->col0 || cursor >= v->col0 + win->cols)
		v->cursor = win->tl->start + (uint64_t)(win->col0 + at) * win->colw;
	return true;
}

static bool wheel_plot(struct tui_frame *f, const struct tui_mouse *m)
{
	int part = f->win.cols > PAN_PARTS ? f->win.cols / PAN_PARTS : 1;

	switch (m->what) {
	case TUI_MOUSE_WHEEL_UP:
		if (!m->shift)
			return zoom_at(f, m->x, 1);
		/* fall through */
	case TUI_MOUSE_WHEEL_LEFT:
		tui_view_move(f->view, f->now, &f->win, -part);
		return true;
	case TUI_MOUSE_WHEEL_DOWN:
		if (!m->shift)
			return zoom_at(f, m->x, -1);
		/* fall through */
	case TUI_MOUSE_WHEEL_RIGHT:
		tui_view_move(f->view, f->now, &f->win, part);
		return true;
	default:
		return false;
	}
}

/* --- rows ------------------------------------------------------------------------- */

/* Scrolls; the selection stays on its row as long as that one is seen. */
static bool wheel_table(struct tui_frame *f, long rows)
{
	long last = f->rows.n > f->shown ? (long)(f->rows.n - f->shown) : 0;
	long top = (long)f->rows.top + rows, at = (long)f->rows.sel;

	if (!f->rows.n || !f->shown)
		return false;
	top = top < 0 ? 0 : top < last ? top : last;
	at = at < top ? top : at >= top + (long)f->shown ? top + (long)f->shown - 1 : at;
	f->view->ps[f->view->pane].top = (size_t)top;
	tui_pane_select(f, at - (long)f->rows.sel);
	return true;
}

static bool click_head(struct tui_frame *f, int x)
{
	struct tui_pane_state *s = &f->view->ps[f->view->pane];
	const struct tui_pane *pane = tui_pane(f);
	int col = tui_pane_col_at(f, x);

	if (tui_pane_name_at(f, x))
		return tui_key(f, 't');
	if (col < 0 || !pane->cols[col].sorts)
		return false;
	if (col == tui_pane_sorted(f))
		return tui_key(f, 'S');
	s->sort = col;
	s->reverse = false;
	return true;
}

/* The first click selects, one on the selected row opens it: so does a double click. */
static bool click_row(struct tui_frame *f, int y)
{
	const struct tui_row *row = tui_pane_row_at(f, y);
	bool again = row && f->view->in_table && row == tui_pane_selected(f);

	f->view->in_table = true;
	if (!row)
		return true;
	tui_pane_select(f, row - tui_pane_selected(f));
	return again ? tui_key(f, '\r') : true;
}

static bool on_table(struct tui_frame *f, const struct tui_mouse *m)
{
	switch (m->what) {
	case TUI_MOUSE_PRESS:
		return m->y == f->lay.table.y ? click_head(f, m->x) : click_row(f, m->y);
	case TUI_MOUSE_WHEEL_UP:
		return wheel_table(f, -WHEEL_ROWS);
	case TUI_MOUSE_WHEEL_DOWN:
		return wheel_table(f, WHEEL_ROWS);
	default:
		return false;
	}
}

/* --- all of it ---------------------------------------------------------------------- */

static bool on_hints(struct tui_frame *f, const struct tui_mouse *m)
{
	const struct tui_key *k = tui_hint_at(f, m->x);

	return m->what == TUI_MOUSE_PRESS && k ? tui_key(f, k->key[0]) : false;
}

/* What lies over the screen is turned by the wheel and closed by a click, as by a key. */
static bool on_cover(struct tui_frame *f, const struct tui_mouse *m)
{
	switch (m->what) {
	case TUI_MOUSE_PRESS:
		return tui_key(f, 27);
	case TUI_MOUSE_WHEEL_UP:
		return f->view->turns && tui_key(f, TUI_KEY_UP);
	case TUI_MOUSE_WHEEL_DOWN:
		return f->view->turns && tui_key(f, TUI_KEY_DOWN);
	default:
		return false;
	}
}

bool tui_pointer(struct tui_frame *f, const struct tui_mouse *m)
{
	struct tui_view *v = f->view;

	if (v->dragging && (m->what == TUI_MOUSE_DRAG || m->what == TUI_MOUSE_RELEASE)) {
		v->dragging = m->what == TUI_MOUSE_DRAG;
		return v->dragging ? cursor_to(f, m->x) : false;
	}
	if (m->what == TUI_MOUSE_NOTHING)
		return false;
	v->dragging = false;
	if (v->prompt.ask || f->lay.tier == TUI_TIER_SMALL)
		return false;
	if (v->help || v->legend || v->page)
		return on_cover(f, m);
	if (in_plot(f, m->x, m->y)) {
		if (m->what != TUI_MOUSE_PRESS)
			return wheel_plot(f, m);
		v->dragging = true;
		v->in_table = false;
		return cursor_to(f, m->x);
	}
	if (inside(&f->lay.table, m->x, m->y))
		return on_table(f, m);
	return inside(&f->lay.hints, m->x, m->y) ? on_hints(f, m) : false;
}
