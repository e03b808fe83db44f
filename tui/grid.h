/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * grid.h - a rectangle of character cells: what is drawn on before anything
 * goes to a terminal.
 *
 * Owns: the cells, clipping, and the rule that no control character and no
 * character of unknown width is ever in a cell. Knows no curses and no model.
 */
#ifndef MEMPROF_TUI_GRID_H
#define MEMPROF_TUI_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wchar.h>

enum tui_attr {
	TUI_BOLD = 1 << 0,
	TUI_DIM = 1 << 1,
	TUI_REVERSE = 1 << 2,
	TUI_UNDERLINE = 1 << 3,
};

/* Colours are numbers of the terminal's palette; 0 is the terminal's default. */
struct tui_style {
	uint8_t fg, bg, attr;
};

struct tui_cell {
	wchar_t ch; /* 0: the right half of the wide character before it */
	struct tui_style st;
};

struct tui_rect {
	int x, y, w, h;
};

struct tui_grid {
	int w, h;
	struct tui_cell *cells;
	/* where the terminal's cursor belongs: screen readers follow it */
	int cursor_x, cursor_y;
};

/* Makes it w x h and blank. 0 or -ENOMEM, the grid being unchanged then. */
int tui_grid_resize(struct tui_grid *g, int w, int h);
void tui_grid_free(struct tui_grid *g);
void tui_grid_clear(struct tui_grid *g);

/* The cell, or NULL outside. */
struct tui_cell *tui_grid_at(const struct tui_grid *g, int x, int y);

/* One character. Outside the grid: nothing. Unprintable: '?'. */
void tui_grid_put(struct tui_grid *g, int x, int y, wchar_t ch, struct tui_style st);
void tui_grid_fill(struct tui_grid *g, struct tui_rect r, wchar_t ch, struct tui_style st);

/*
 * UTF-8 text in at most max_w cells of one row; the rest of those cells stays as
 * it is. Returns the column after the last one written.
 */
int tui_grid_text(struct tui_grid *g, int x, int y, int max_w, struct tui_style st,
		  const char *text);
/* The same, set against the right edge of [x, x + w). */
void tui_grid_text_right(struct tui_grid *g, int x, int y, int w, struct tui_style st,
			 const char *text);

/* Columns a UTF-8 text takes in a grid. */
int tui_text_width(const char *text);
/* Bytes of its first character; 0 at its end. */
size_t tui_text_step(const char *text);
/* A character as UTF-8, without an end. Returns its bytes. */
#define TUI_UTF8_MAX 4
size_t tui_text_encode(char out[TUI_UTF8_MAX], wchar_t ch);
/* One that a line can hold and show: no control character, no half of a pair. */
bool tui_char_typed(int ch);
/* The same of the first character of a text: false where its bytes are broken. */
bool tui_text_typed(const char *text);

/*
 * The characters as UTF-8, a line a row, blanks at line ends cut. Returns a
 * string to free, or NULL when memory is out.
 */
char *tui_grid_dump(const struct tui_grid *g);

#endif /* MEMPROF_TUI_GRID_H */
