/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * keys.c - what each key does to the view. Keys change the view and nothing
 * else: saving and leaving are wishes that the loop grants.
 */
#include "tui/keys.h"

static void act_quit(struct tui_frame *f, int keep)
{
	f->view->quit = true;
	f->view->keep_last = keep;
}

static void act_help(struct tui_frame *f, int arg)
{
	(void)arg;
	f->view->help = true;
}

static void act_pause(struct tui_frame *f, int arg)
{
	(void)arg;
	if (f->view->follow)
		tui_view_freeze(f->view, f->now);
	else
		f->view->follow = true;
}

static void act_now(struct tui_frame *f, int arg)
{
	(void)arg;
	f->view->follow = true;
}

static void act_time(struct tui_frame *f, int columns)
{
	tui_view_move(f->view, f->now, &f->win, columns);
}

static void act_event(struct tui_frame *f, int dir)
{
	tui_view_event(f->view, f->now, dir);
}

static void act_zoom(struct tui_frame *f, int dir)
{
	tui_view_zoom(f->view, &f->win, dir);
}

static void act_fit(struct tui_frame *f, int arg)
{
	(void)arg;
	tui_view_fit(f->view, &f->win);
}

static void act_row(struct tui_frame *f, int by)
{
	tui_view_select(f->view, &f->rows, by, f->shown);
}

/* Home and the page keys belong to the part that has the focus. */
static void act_page(struct tui_frame *f, int dir)
{
	if (f->view->in_table)
		act_row(f, dir * (int)(f->shown ? f->shown : 1));
	else
		act_time(f, dir * (f->win.cols > 4 ? f->win.cols / 4 : 1));
}

static void act_home(struct tui_frame *f, int arg)
{
	(void)arg;
	if (f->view->in_table)
		act_row(f, -(int)f->rows.n);
	else
		act_time(f, -(1 << 30));
}

static void act_focus(struct tui_frame *f, int arg)
{
	(void)arg;
	f->view->in_table = !f->view->in_table;
}

static void act_sort(struct tui_frame *f, int arg)
{
	(void)arg;
	f->view->sort = (enum tui_sort)((f->view->sort + 1) % TUI_SORT_MAX);
}

static void act_tab(struct tui_frame *f, int arg)
{
	(void)arg;
	f->view->tab = (enum tui_tab)((f->view->tab + 1) % TUI_TAB_MAX);
}

static void act_save(struct tui_frame *f, int arg)
{
	(void)arg;
	f->view->save = true;
}

static void act_redraw(struct tui_frame *f, int arg)
{
	(void)arg;
	f->view->redraw = true;
}

const struct tui_key tui_keys[] = {
	{ { 'q' }, "q", "quit", "q quit", act_quit, 0 },
	{ { '?' }, "?", "this help", "? help", act_help, 0 },
	{ { ' ' }, "Space", "pause; collecting goes on", "Space pause", act_pause, 0 },
	{ { TUI_KEY_LEFT, 'h' },
	  "Left h",
	  "cursor back in time",
	  "Left/Right cursor",
	  act_time,
	  -1 },
	{ { TUI_KEY_RIGHT, 'l' }, "Right l", "cursor forward in time", NULL, act_time, 1 },
	{ { ',' }, ",", "to the event before", NULL, act_event, -1 },
	{ { '.' }, ".", "to the next event", ", . event", act_event, 1 },
	{ { TUI_KEY_HOME, 'g' }, "Home g", "to the start, or first row", NULL, act_home, 0 },
	{ { TUI_KEY_END, 'G', 27 },
	  "End Esc",
	  "back to now, or to the end",
	  "End now",
	  act_now,
	  0 },
	{ { TUI_KEY_PAGE_UP, TUI_CTRL('b') }, "PgUp", "a page back", NULL, act_page, -1 },
	{ { TUI_KEY_PAGE_DOWN, TUI_CTRL('f') }, "PgDn", "a page forward", NULL, act_page, 1 },
	{ { '+', '=' }, "+", "shorter stretch of time", "+ - zoom", act_zoom, 1 },
	{ { '-', '_' }, "-", "longer stretch of time", NULL, act_zoom, -1 },
	{ { '0' }, "0", "the whole session", "0 fit", act_fit, 0 },
	{ { TUI_KEY_UP, 'k' }, "Up k", "mapping above", NULL, act_row, -1 },
	{ { TUI_KEY_DOWN, 'j' }, "Down j", "mapping below", NULL, act_row, 1 },
	{ { 's' }, "s", "next sort order of the table", "s sort", act_sort, 0 },
	{ { 't' }, "t", "mappings, threads or stacks", NULL, act_tab, 0 },
	{ { '\t' }, "Tab", "focus: plot or table", NULL, act_focus, 0 },
	{ { 'w' }, "w", "write the session to a file", "w save", act_save, 0 },
	{ { TUI_CTRL('l') }, "Ctrl-L", "draw the screen again", NULL, act_redraw, 0 },
	{ { 'Q' }, "Q", "quit, keep the last screen", NULL, act_quit, 1 },
};
const size_t tui_keys_n = sizeof(tui_keys) / sizeof(tui_keys[0]);

bool tui_key(struct tui_frame *f, int key)
{
	if (f->view->help) {
		/* any key closes the help; those that leave the program still do */
		f->view->help = false;
		if (key != 'q' && key != 'Q')
			return true;
	}
	for (size_t i = 0; i < tui_keys_n; i++) {
		for (size_t j = 0; j < 3; j++) {
			if (key && tui_keys[i].key[j] == key) {
				tui_keys[i].act(f, tui_keys[i].arg);
				return true;
			}
		}
	}
	return false;
}
