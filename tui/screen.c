/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * screen.c - the terminal through ncurses. Owns taking it, giving it back on
 * every way out, and putting grids on it. Knows nothing of what is drawn.
 *
 * There is one terminal, so its state is static.
 */
#include "tui/screen.h"

#include <curses.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tui/guard.h"
#include "tui/keys.h"
#include "tui/theme.h"
#include "tui/tui.h"

static struct {
	SCREEN *sp;
	struct tui_grid last; /* what the terminal shows */
	bool all;	      /* ... is unknown: send everything */
	bool color, defaults;
	int pairs; /* taken so far */
	uint16_t pair_of[256][256];
} scr;

static bool no_color(int color)
{
	const char *env = getenv("NO_COLOR");

	return color == TUI_COLOR_NEVER || (color == TUI_COLOR_AUTO && env && *env);
}

int tui_screen_open(struct tui_theme *theme, int color)
{
	int depth = 0;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return -ENOTTY;
	if (!tui_guard_term())
		return -EOPNOTSUPP;
	tui_guard_arm();
	/* newterm() and not initscr(): that one exits on an unknown TERM */
	scr.sp = newterm(NULL, stdout, stdin);
	if (!scr.sp) {
		tui_guard_disarm();
		return -EOPNOTSUPP;
	}
	set_term(scr.sp);
	tui_guard_signals();
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(40);
	typeahead(-1);
	scr.color = !no_color(color) && has_colors();
	if (scr.color) {
		start_color();
		scr.defaults = use_default_colors() == OK;
		depth = COLORS;
	}
	scr.pairs = 0;
	memset(scr.pair_of, 0, sizeof(scr.pair_of));
	scr.all = true;
	tui_theme_init(theme, tui_locale_utf8(), depth);
	return 0;
}

/* Number of the pair of these two colours; 0, the default, when none is left. */
static int pair_number(struct tui_style st)
{
	uint16_t *n = &scr.pair_of[st.fg][st.bg];
	int fg = st.fg ? st.fg : scr.defaults ? -1 : COLOR_WHITE;
	int bg = st.bg ? st.bg : scr.defaults ? -1 : COLOR_BLACK;

	if (!scr.color || (!st.fg && !st.bg))
		return 0;
	if (!*n && scr.pairs + 1 < COLOR_PAIRS && scr.pairs + 1 < UINT16_MAX &&
	    init_extended_pair(scr.pairs + 1, fg, bg) == OK)
		*n = (uint16_t)++scr.pairs;
	return *n;
}

static attr_t attributes(struct tui_style st)
{
	attr_t a = A_NORMAL;

	if (st.attr & TUI_BOLD)
		a |= A_BOLD;
	if (st.attr & TUI_DIM)
		a |= A_DIM;
	if (st.attr & TUI_REVERSE)
		a |= A_REVERSE;
	if (st.attr & TUI_UNDERLINE)
		a |= A_UNDERLINE;
	return a;
}

static bool same_cell(const struct tui_cell *a, const struct tui_cell *b)
{
	return a->ch == b->ch && a->st.fg == b->st.fg && a->st.bg == b->st.bg &&
	       a->st.attr == b->st.attr;
}

static void send_cell(int x, int y, const struct tui_cell *c)
{
	wchar_t text[2] = { c->ch, L'\0' };
	int pair = pair_number(c->st);
	cchar_t cc;

	/* the number goes in whole through the last argument */
	if (setcchar(&cc, text, attributes(c->st), (short)0, &pair) == OK)
		mvadd_wch(y, x, &cc);
}

void tui_screen_show(const struct tui_grid *g)
{
	bool all = scr.all || scr.last.w != g->w || scr.last.h != g->h;

	if (all) {
		if (tui_grid_resize(&scr.last, g->w, g->h))
			return;
		clear();
	}
	for (int y = 0; y < g->h; y++) {
		for (int x = 0; x < g->w; x++) {
			const struct tui_cell *c = tui_grid_at(g, x, y);
			struct tui_cell *old = tui_grid_at(&scr.last, x, y);

			if (!all && same_cell(c, old))
				continue;
			*old = *c;
			if (c->ch)
				send_cell(x, y, c);
		}
	}
	scr.all = false;
	move(g->cursor_y, g->cursor_x);
	refresh();
}

void tui_screen_forget(void)
{
	scr.all = true;
}

void tui_screen_size(int *w, int *h)
{
	*w = COLS;
	*h = LINES;
}

int tui_screen_key(bool *resized)
{
	static const struct {
		wint_t code;
		int key;
	} map[] = {
		{ KEY_LEFT, TUI_KEY_LEFT },	  { KEY_RIGHT, TUI_KEY_RIGHT },
		{ KEY_UP, TUI_KEY_UP },		  { KEY_DOWN, TUI_KEY_DOWN },
		{ KEY_HOME, TUI_KEY_HOME },	  { KEY_END, TUI_KEY_END },
		{ KEY_NPAGE, TUI_KEY_PAGE_DOWN }, { KEY_PPAGE, TUI_KEY_PAGE_UP },
	};
	wint_t ch = 0;
	int rc = get_wch(&ch);

	if (rc == ERR)
		return 0;
	if (rc == OK)
		return ch && ch < 0x10000 ? (int)ch : TUI_KEY_NONE;
	if (ch == KEY_RESIZE)
		*resized = true;
	for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++)
		if (map[i].code == ch)
			return map[i].key;
	return TUI_KEY_NONE;
}

static int put_char(int c)
{
	return putchar(c);
}

/*
 * The last picture as ordinary output. The lowest rows, key hints and the end of
 * the table, make room for the prompt: else the first would scroll away.
 */
#define PROMPT_ROWS 3

static void print_last(void)
{
	const struct tui_grid *g = &scr.last;
	int rows = g->h > 2 * PROMPT_ROWS ? g->h - PROMPT_ROWS : g->h;
	char text[MB_LEN_MAX];

	for (int y = 0; y < rows; y++) {
		for (int x = 0; x < g->w; x++) {
			const struct tui_cell *c = tui_grid_at(g, x, y);
			int pair = pair_number(c->st);
			int n;

			if (!c->ch)
				continue;
			vid_puts(attributes(c->st), 0, &pair, put_char);
			n = wctomb(text, c->ch);
			if (n > 0)
				fwrite(text, 1, (size_t)n, stdout);
		}
		vid_puts(A_NORMAL, 0, NULL, put_char);
		putchar('\n');
	}
	fflush(stdout);
}

void tui_screen_close(bool keep)
{
	if (!scr.sp)
		return;
	endwin();
	if (keep)
		print_last();
	tui_guard_disarm();
	delscreen(scr.sp);
	scr.sp = NULL;
	tui_grid_free(&scr.last);
}
