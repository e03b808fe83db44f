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
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "tui/ground.h"
#include "tui/guard.h"
#include "tui/keys.h"
#include "tui/mouse.h"
#include "tui/out.h"
#include "tui/theme.h"
#include "tui/tui.h"
#include "user/util/util.h"

#define MS	   1000000ULL
#define LEAVE_MS   500 /* for a terminal that does not read, at the end        */
#define ANSWER_MS  100 /* for its background, before the first frame            */
#define REST_MS	   100 /* for the rest of an answer that has begun, all of it   */
#define ANSWER_MAX 64  /* characters of one                                    */

/* What curses says when an answer begins, and a report of the mouse in its two forms; it
 * numbers keys of its own from KEY_MAX + 1 on. */
enum { KEY_GROUND = KEY_MAX + 1000, KEY_MOUSE_SGR, KEY_MOUSE_X10 };

static struct {
	SCREEN *sp;
	WINDOW *keys;	      /* a pad: reading from one refreshes nothing by itself */
	struct tui_grid last; /* what the terminal shows */
	bool all;	      /* ... is unknown: send everything */
	bool color, defaults;
	bool direct;  /* colours are 0xRRGGBB, but for the first eight */
	bool console; /* the kernel's own terminal, with its small font */
	struct tui_theme *theme;
	struct termios modes; /* while the picture stands */
	int pairs;	      /* taken so far */
	uint16_t pair_of[256][256];
	bool mouse; /* it is to be taken while the picture stands */
	struct tui_mouse_in report;
	struct tui_mouse moment; /* the last one complete */
} scr;

static bool no_color(int color)
{
	const char *env = getenv("NO_COLOR");

	return color == TUI_COLOR_NEVER || (color == TUI_COLOR_AUTO && env && *env);
}

/* newterm() and not initscr(): that one exits on an unknown TERM. */
static bool start_curses(void)
{
	FILE *to = tui_out_open(STDOUT_FILENO);

	scr.sp = to ? newterm(NULL, to, stdin) : NULL;
	if (!scr.sp)
		return false;
	set_term(scr.sp);
	scr.keys = newpad(1, 1);
	if (scr.keys)
		return true;
	endwin();
	delscreen(scr.sp);
	scr.sp = NULL;
	return false;
}

static void set_modes(void)
{
	cbreak();
	noecho();
	nonl();
	keypad(scr.keys, TRUE);
	nodelay(scr.keys, TRUE);
	set_escdelay(40);
	typeahead(-1);
	tcgetattr(STDIN_FILENO, &scr.modes);
}

/* Returns how many colours there are. */
static int set_colors(const struct tui_opts *o)
{
	scr.color = !no_color(o->color) && has_colors();
	scr.pairs = 0;
	memset(scr.pair_of, 0, sizeof(scr.pair_of));
	if (!scr.color)
		return 0;
	start_color();
	scr.defaults = use_default_colors() == OK;
	scr.direct = COLORS > 256;
	return COLORS;
}

/* The next character, if it comes until then: a terminal that dribbles holds nobody up. */
static bool next_until(uint64_t end, wint_t *ch)
{
	uint64_t now = mp_monotonic_ns();

	wtimeout(scr.keys, now < end ? (int)((end - now + MS - 1) / MS) : 0);
	return wget_wch(scr.keys, ch) == OK;
}

/*
 * What the terminal answered, the first of which has been read: read to its end mark,
 * so that it is not taken for keys. True when the theme is another one now.
 */
static bool take_answer(void)
{
	uint64_t end = mp_monotonic_ns() + REST_MS * MS;
	char text[ANSWER_MAX];
	size_t n = 0;
	wint_t ch = 0;
	bool light;

	while (n < sizeof(text) - 1 && next_until(end, &ch) && ch != 7 && ch != 27 && ch < 0x80)
		text[n++] = (char)ch;
	if (ch == 27) /* ESC \ ends it as well as BEL */
		next_until(end, &ch);
	nodelay(scr.keys, TRUE);
	text[n] = '\0';
	light = tui_ground_of(text) == TUI_GROUND_LIGHT;
	if (light == scr.theme->light || tui_ground_of(text) == TUI_GROUND_UNKNOWN)
		return false;
	scr.theme->light = light;
	return true;
}

/* Waits a little: a terminal far away answers later, as a key, and is drawn once more. */
static void ask_ground(void)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
	wint_t ch;
	int rc;

	define_key(TUI_GROUND_ANSWER, KEY_GROUND);
	tui_out_put(TUI_GROUND_ASK, sizeof(TUI_GROUND_ASK) - 1);
	if (!tui_out_send() || poll(&p, 1, ANSWER_MS) <= 0)
		return;
	rc = wget_wch(scr.keys, &ch);
	if (rc == KEY_CODE_YES && ch == KEY_GROUND)
		take_answer();
	else if (rc == KEY_CODE_YES)
		ungetch((int)ch);
	else if (rc == OK)
		unget_wch((wchar_t)ch);
}

static void set_ground(const struct tui_opts *o)
{
	enum tui_ground env = tui_ground_of_env(getenv("COLORFGBG"));

	scr.theme->light = o->theme == TUI_BG_LIGHT ||
			   (o->theme == TUI_BG_AUTO && env == TUI_GROUND_LIGHT);
	if (scr.color && o->theme == TUI_BG_AUTO && env == TUI_GROUND_UNKNOWN &&
	    tui_ground_askable(getenv("TERM")))
		ask_ground();
}

static void take_mouse(bool on)
{
	const char *seq = on ? TUI_MOUSE_ON : TUI_MOUSE_OFF;

	tui_out_put(seq, strlen(seq));
}

/* The terminal has one, as far as its description tells. */
static bool has_a_mouse(void)
{
	const char *key = tigetstr("kmous");

	return key && key != (char *)-1;
}

static void set_mouse(bool wanted)
{
	scr.mouse = wanted && has_a_mouse();
	memset(&scr.report, 0, sizeof(scr.report));
	define_key(TUI_MOUSE_SGR, KEY_MOUSE_SGR);
	define_key(TUI_MOUSE_X10, KEY_MOUSE_X10);
	if (scr.mouse)
		take_mouse(true);
}

bool tui_screen_mouse_take(bool on)
{
	if (on && !has_a_mouse())
		return false;
	if (scr.mouse != on)
		take_mouse(on);
	scr.mouse = on;
	return true;
}

const struct tui_mouse *tui_screen_mouse(void)
{
	return &scr.moment;
}

/* The next character of a report; until the last one nothing has happened. */
static void take_report(wint_t ch)
{
	if (tui_mouse_feed(&scr.report, (int)ch, &scr.moment) <= 0)
		scr.moment.what = TUI_MOUSE_NOTHING;
}

int tui_screen_open(struct tui_theme *theme, const struct tui_opts *o)
{
	const char *term = getenv("TERM");

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return -ENOTTY;
	if (!tui_guard_term())
		return -EOPNOTSUPP;
	tui_guard_arm();
	if (!start_curses()) {
		tui_out_close();
		tui_guard_disarm();
		return -EOPNOTSUPP;
	}
	tui_guard_signals();
	set_modes();
	scr.all = true;
	scr.theme = theme;
	scr.console = term && strncmp(term, "linux", 5) == 0;
	tui_theme_init(theme, tui_locale_utf8(), set_colors(o));
	set_ground(o);
	set_mouse(!o->no_mouse);
	return 0;
}

/* A number of the palette of 256 as this terminal's own. 0 is the default colour. */
static int own_color(uint8_t color, int none)
{
	if (!color)
		return scr.defaults ? -1 : none;
	return scr.direct && color >= 16 ? (int)tui_color_rgb(color) : color;
}

/* Number of the pair of these two colours; 0, the default, when none is left. */
static int pair_number(struct tui_style st)
{
	uint16_t *n = &scr.pair_of[st.fg][st.bg];
	int fg = own_color(st.fg, COLOR_WHITE);
	int bg = own_color(st.bg, COLOR_BLACK);

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
	wchar_t text[2] = { scr.console ? tui_console_char(c->ch) : c->ch, L'\0' };
	int pair = pair_number(c->st);
	cchar_t cc;

	/* the number goes in whole through the last argument */
	if (setcchar(&cc, text, attributes(c->st), (short)0, &pair) == OK)
		mvadd_wch(y, x, &cc);
}

void tui_screen_show(const struct tui_grid *g)
{
	bool all = scr.all || scr.last.w != g->w || scr.last.h != g->h;

	if (all && tui_grid_resize(&scr.last, g->w, g->h))
		return;
	tui_out_begin();
	if (all)
		clear();
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
	tui_out_end();
	tui_out_send();
}

bool tui_screen_ready(void)
{
	return tui_out_idle();
}

int tui_screen_pending_fd(void)
{
	return tui_out_pending_fd();
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

/* The next of what came in. What the terminal tells of itself, its size or its background,
 * is nobody's key: it is taken on the way. */
static int next_in(wint_t *ch, bool *resized)
{
	for (;;) {
		int rc = wget_wch(scr.keys, ch);

		if (rc != KEY_CODE_YES || (*ch != KEY_RESIZE && *ch != KEY_GROUND))
			return rc;
		*resized |= *ch == KEY_RESIZE || take_answer();
	}
}

int tui_screen_key(bool *resized)
{
	static const struct {
		wint_t code;
		int key;
	} map[] = {
		{ KEY_LEFT, TUI_KEY_LEFT },
		{ KEY_RIGHT, TUI_KEY_RIGHT },
		{ KEY_UP, TUI_KEY_UP },
		{ KEY_DOWN, TUI_KEY_DOWN },
		{ KEY_HOME, TUI_KEY_HOME },
		{ KEY_END, TUI_KEY_END },
		{ KEY_NPAGE, TUI_KEY_PAGE_DOWN },
		{ KEY_PPAGE, TUI_KEY_PAGE_UP },
		{ KEY_BACKSPACE, TUI_KEY_BACKSPACE },
		{ KEY_DC, TUI_KEY_DELETE },
		{ KEY_ENTER, '\r' },
		{ KEY_SLEFT, TUI_KEY_SLEFT },
		{ KEY_SRIGHT, TUI_KEY_SRIGHT },
	};
	wint_t ch = 0;
	int rc = next_in(&ch, resized);

	if (rc == ERR)
		return 0;
	if (rc == OK && scr.report.form) {
		take_report(ch);
		return TUI_KEY_MOUSE;
	}
	if (rc == OK)
		return ch && ch < (scr.theme->utf8 ? 0x10000 : 0x80) ? (int)ch : TUI_KEY_NONE;
	if (ch == KEY_MOUSE_SGR || ch == KEY_MOUSE_X10) {
		tui_mouse_begin(&scr.report, ch == KEY_MOUSE_SGR);
		scr.moment.what = TUI_MOUSE_NOTHING;
		return TUI_KEY_MOUSE;
	}
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

/* Leaves the picture. False: the terminal no longer took it. */
static bool leave(void)
{
	bool shown = tui_out_drain(LEAVE_MS);

	if (!shown)
		tui_out_drop();
	if (scr.mouse)
		take_mouse(false);
	tui_out_begin();
	endwin();
	tui_out_end();
	if (!tui_out_drain(LEAVE_MS))
		tui_out_drop();
	/* curses saw no terminal just now */
	tui_guard_modes();
	return shown;
}

/* Whoever had the terminal meanwhile may have left it in any state, and of any size. */
static void take_again(void)
{
	struct winsize ws;

	tcsetattr(STDIN_FILENO, TCSANOW, &scr.modes);
	tui_out_begin();
	keypad(scr.keys, TRUE);
	tui_out_end();
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_row && ws.ws_col &&
	    is_term_resized(ws.ws_row, ws.ws_col))
		resizeterm(ws.ws_row, ws.ws_col);
	if (scr.mouse)
		take_mouse(true);
	scr.all = true;
}

bool tui_screen_jobs(void)
{
	if (tui_guard_wants_stop()) {
		leave();
		tui_guard_stop();
		take_again();
		return true;
	}
	if (!tui_guard_continued())
		return false;
	take_again();
	return true;
}

void tui_screen_close(bool keep)
{
	if (!scr.sp)
		return;
	if (leave() && keep)
		print_last();
	tui_guard_disarm();
	delwin(scr.keys);
	delscreen(scr.sp);
	scr.sp = NULL;
	tui_out_close();
	tui_grid_free(&scr.last);
}
