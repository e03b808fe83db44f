/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * keys.c - what each key does to the view. Keys change the view and nothing
 * else: saving and leaving are wishes that the loop grants.
 */
#include "tui/keys.h"

#include "tui/commands.h"

static void act_quit(struct tui_frame *f, int keep)
{
	f->view->wish.quit = true;
	f->view->wish.keep_last = keep;
}

static void act_help(struct tui_frame *f, int arg)
{
	(void)arg;
	f->view->help = f->view->turns = true;
	f->view->help_top = 0;
}

static void act_legend(struct tui_frame *f, int arg)
{
	(void)arg;
	f->view->legend = true;
	f->view->turns = false;
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

/* A tenth of what is shown. */
static void act_leap(struct tui_frame *f, int dir)
{
	act_time(f, dir * (f->win.cols > 10 ? f->win.cols / 10 : 1));
}

static void act_pan(struct tui_frame *f, int dir)
{
	tui_view_pan(f->view, f->now, &f->win, dir);
}

static void act_mark(struct tui_frame *f, int arg)
{
	(void)arg;
	tui_mark_set(f->view, f->now);
}

static void act_unmark(struct tui_frame *f, int arg)
{
	(void)arg;
	tui_mark_clear(f->view);
}

static void act_to_mark(struct tui_frame *f, int dir)
{
	tui_mark_go(f->view, f->now, dir);
}

static void act_delta(struct tui_frame *f, int arg)
{
	(void)arg;
	tui_mark_delta(f);
}

/* The next one of these kinds; below 0: the one before. */
static void act_seek(struct tui_frame *f, int kinds)
{
	tui_seek(f, (unsigned)(kinds < 0 ? -kinds : kinds), kinds < 0 ? -1 : 1);
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
	tui_pane_select(f, by);
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
	tui_pane_sort(f);
}

static void act_reverse(struct tui_frame *f, int arg)
{
	(void)arg;
	tui_pane_reverse(f);
}

static void act_pane(struct tui_frame *f, int by)
{
	tui_pane_turn(f, by);
}

/* To where the selected row happened, or is to be seen. */
static void act_moment(struct tui_frame *f, int arg)
{
	(void)arg;
	f->view->to_row = true;
}

static void act_open(struct tui_frame *f, int arg)
{
	const struct tui_row *r = tui_pane_selected(f);

	(void)arg;
	if (r && tui_pane(f)->open && tui_pane(f)->open(f, r))
		return;
	tui_pane_select(f, 0); /* the page stays on this row */
	f->view->page = f->view->turns = true;
	f->view->health = false;
	f->view->page_top = 0;
}

static void act_expand(struct tui_frame *f, int arg)
{
	(void)arg;
	f->view->expand = !f->view->expand;
}

static void act_save(struct tui_frame *f, int arg)
{
	(void)arg;
	f->view->wish.save = true;
	*f->view->wish.path = '\0';
}

static void act_snapshot(struct tui_frame *f, int arg)
{
	(void)arg;
	f->view->wish.snapshot = true;
	*f->view->wish.path = '\0';
}

static const char *const begun[] = { "", "save ", "goto " };

/* A command, as far as it is clear already. */
static void act_command(struct tui_frame *f, int arg)
{
	tui_ask(f, TUI_ASK_COMMAND, begun[arg]);
}

static void act_filter(struct tui_frame *f, int arg)
{
	(void)arg;
	tui_ask(f, TUI_ASK_FILTER, f->view->ps[f->view->pane].filter);
}

/* The rows that match are the rows there are: on to the next, round the ends. */
static void act_match(struct tui_frame *f, int dir)
{
	const struct tui_rows *rows = &f->rows;

	if (!*f->view->ps[f->view->pane].filter)
		tui_view_say(f->view, "no filter is set: / sets one");
	f->view->in_table = true;
	if (rows->sel == (dir > 0 ? rows->n - 1 : 0))
		act_row(f, -dir * (int)rows->n);
	else
		act_row(f, dir);
}

/* Out of what was entered last: the filter, the table, the past. */
static void act_escape(struct tui_frame *f, int arg)
{
	struct tui_pane_state *s = &f->view->ps[f->view->pane];

	(void)arg;
	if (*s->filter)
		*s->filter = '\0';
	else if (f->view->expand)
		f->view->expand = false;
	else
		f->view->follow = true;
}

static void act_list(struct tui_frame *f, int arg)
{
	(void)arg;
	if (tui_procs_seen(f->now) > 1)
		tui_list_show(f);
	else
		tui_view_say(f->view, "there is one process only");
}

static void act_process(struct tui_frame *f, int by)
{
	tui_list_step(f, by);
}

static void act_health(struct tui_frame *f, int arg)
{
	(void)arg;
	f->view->page = f->view->health = f->view->turns = true;
	f->view->page_top = 0;
}

static void act_redraw(struct tui_frame *f, int arg)
{
	(void)arg;
	f->view->wish.redraw = true;
}

const struct tui_key tui_keys[] = {
	{ .help = "move in time" },
	{ { ' ' }, "Space", "pause; collecting goes on", "Space pause", act_pause, 0 },
	{ { TUI_KEY_LEFT, 'h' },
	  "Left h",
	  "cursor back in time",
	  "Left/Right cursor",
	  act_time,
	  -1 },
	{ { TUI_KEY_RIGHT, 'l' }, "Right l", "cursor forward in time", NULL, act_time, 1 },
	{ { '<', TUI_KEY_SLEFT }, "< S-Left", "a tenth of the plot back", NULL, act_leap, -1 },
	{ { '>', TUI_KEY_SRIGHT }, "> S-Rght", "a tenth of the plot on", NULL, act_leap, 1 },
	{ { '}', '{' }, "} {", "half a plot on, back", NULL, act_pan, TUI_BOTH | 1 },
	{ { ',' }, ",", "to the event before", NULL, act_seek, -TUI_K_STEP },
	{ { '.' }, ".", "to the next event", ", . event", act_seek, TUI_K_STEP },
	{ { 'c', 'C' }, "c C", "next collection, previous", NULL, act_seek, TUI_BOTH | TUI_K_GC },
	{ { 'r', 'R' }, "r R", "next release, previous", NULL, act_seek, TUI_BOTH | TUI_K_RELEASE },
	{ { 'f', 'F' },
	  "f F",
	  "next fault burst, previous",
	  NULL,
	  act_seek,
	  TUI_BOTH | TUI_K_BURST },
	{ { 'g' }, "g", "to a time: 12.5 -30s 14:02", "g go to", act_command, 2 },
	{ { 'm' }, "m", "mark A here, then B", "m mark", act_mark, 0 },
	{ { '\'' }, "'", "what changed from A to B", NULL, act_delta, 0 },
	{ { ']', '[' }, "] [", "next mark, previous", NULL, act_to_mark, TUI_BOTH | 1 },
	{ { 'x' }, "x", "no marks", NULL, act_unmark, 0 },
	{ { TUI_KEY_HOME }, "Home", "to the start, or first row", NULL, act_home, 0 },
	{ { TUI_KEY_END, 'G' }, "End G", "back to now, or to the end", "End now", act_now, 0 },
	{ { TUI_KEY_PAGE_UP, TUI_CTRL('b') }, "PgUp", "a page back", NULL, act_page, -1 },
	{ { TUI_KEY_PAGE_DOWN, TUI_CTRL('f') }, "PgDn", "a page forward", NULL, act_page, 1 },
	{ .help = "zoom" },
	{ { '+', '=' }, "+ =", "shorter stretch of time", "+ - zoom", act_zoom, 1 },
	{ { '-', '_' }, "- _", "longer stretch of time", NULL, act_zoom, -1 },
	{ { '0' }, "0", "the whole session", "0 fit", act_fit, 0 },
	{ .help = "tables" },
	{ { TUI_KEY_UP, 'k' }, "Up k", "row above", NULL, act_row, -1 },
	{ { TUI_KEY_DOWN, 'j' }, "Down j", "row below", "Up/Down row", act_row, 1 },
	{ { '\r', '\n' }, "Enter", "all about the selected row", "Enter details", act_open, 0 },
	{ { 'a' }, "a", "cursor to the row's moment", NULL, act_moment, 0 },
	{ { 't' }, "t", "next table", "t table", act_pane, 1 },
	{ { 'T' }, "T", "previous table", NULL, act_pane, -1 },
	{ { '\t' }, "Tab", "focus: plot or table", "Tab plot/table", act_focus, 0 },
	{ { 's' }, "s", "next sort order of the table", "s sort", act_sort, 0 },
	{ { 'S' }, "S", "the other way round", NULL, act_reverse, 0 },
	{ { '/' }, "/", "only rows with a text", "/ filter", act_filter, 0 },
	{ { 'n' }, "n", "next row that matches", NULL, act_match, 1 },
	{ { 'N' }, "N", "the one before", NULL, act_match, -1 },
	{ { 'e' }, "e", "the table over all rows", "e expand", act_expand, 0 },
	{ .help = "processes" },
	{ { TUI_KEY_BACKSPACE, 127, 'L' },
	  "BS L",
	  "list of all processes",
	  "BS list",
	  act_list,
	  0 },
	{ { 'p' }, "p", "next process", "p process", act_process, 1 },
	{ { 'P' }, "P", "previous process", NULL, act_process, -1 },
	{ { 'H' }, "H", "hooks and losses", "H hooks", act_health, 0 },
	{ .help = "files" },
	{ { 'w' }, "w", "write the session to a file", "w save", act_save, 0 },
	{ { 'W' }, "W", "... of that name", NULL, act_command, 1 },
	{ { 'o' }, "o", "this screen to a text file", NULL, act_snapshot, 0 },
	{ .help = "help and leaving" },
	{ { '?' }, "?", "this help", "? help", act_help, 0 },
	{ { 'i' }, "i", "what the picture shows", "i legend", act_legend, 0 },
	{ { ':' }, ":", "a command; Tab completes", ": command", act_command, 0 },
	{ { 27 }, "Esc", "off: filter, table, the past", NULL, act_escape, 0 },
	{ { TUI_CTRL('l') }, "Ctrl-L", "draw the screen again", NULL, act_redraw, 0 },
	{ { 'q' }, "q", "quit", "q quit", act_quit, 0 },
	{ { 'Q' }, "Q", "quit, keep the last screen", NULL, act_quit, 1 },
};
const size_t tui_keys_n = sizeof(tui_keys) / sizeof(tui_keys[0]);

/* By how much a key turns what lies over the screen; 0: it closes it. */
static int turns(int key)
{
	switch (key) {
	case TUI_KEY_DOWN:
	case TUI_KEY_PAGE_DOWN:
	case 'j':
		return 1;
	case TUI_KEY_UP:
	case TUI_KEY_PAGE_UP:
	case 'k':
		return -1;
	default:
		return 0;
	}
}

/* Pages are turned one by one, lines by lines or by screens; drawing keeps it within. */
static void turn(size_t *top, int by)
{
	*top = by < 0 && *top < (size_t)-by ? 0 : *top + (size_t)by;
}

/* What lies over the screen takes every key, those that leave the program too: nobody who
 * is told that any key leaves means that. Enter leaves a page for its row's moment. */
static void cover_key(struct tui_view *v, int key)
{
	bool paged = key == TUI_KEY_PAGE_DOWN || key == TUI_KEY_PAGE_UP;
	int by = v->turns ? turns(key) : 0;

	if (by) {
		turn(v->help ? &v->help_top : &v->page_top, !v->help && paged ? by * 10 : by);
		return;
	}
	v->to_row = !v->help && !v->legend && v->page && !v->health && (key == '\r' || key == '\n');
	v->help = v->legend = v->page = false;
}

const struct tui_key *tui_key_find(int key)
{
	for (size_t i = 0; key && i < tui_keys_n; i++)
		for (size_t j = 0; j < 3; j++)
			if (tui_keys[i].key[j] == key)
				return &tui_keys[i];
	return NULL;
}

/* What the action gets: with TUI_BOTH the second key goes the other way. */
static int argument(const struct tui_key *k, int key)
{
	int arg = k->arg & ~TUI_BOTH;

	if (k->arg < 0 || !(k->arg & TUI_BOTH))
		return k->arg;
	return key == k->key[1] ? -arg : arg;
}

bool tui_key(struct tui_frame *f, int key)
{
	const struct tui_key *k;

	if (f->view->prompt.ask)
		return tui_ask_key(f, key);
	if (f->view->help || f->view->legend || f->view->page) {
		cover_key(f->view, key);
		return true;
	}
	k = tui_key_find(key);
	if (k)
		k->act(f, argument(k, key));
	return k;
}
