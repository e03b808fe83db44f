/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * theme.h - which characters and which colours: the one place that knows.
 *
 * Drawing code asks for a role ("the free heap") and a mark ("a major
 * collection") and gets what the terminal can show.
 */
#ifndef MEMPROF_TUI_THEME_H
#define MEMPROF_TUI_THEME_H

#include <stdbool.h>
#include <wchar.h>

#include "tui/grid.h"

/* The stacked bands, bottom to top, then what stands above RSS. */
enum tui_band {
	TUI_BAND_FILE = 0,  /* file pages and shared memory              */
	TUI_BAND_OTHER = 1, /* anonymous memory that is not the heap's    */
	TUI_BAND_LAZYFREE = 2, /* left to the kernel by MADV_FREE         */
	TUI_BAND_LIVE = 3,  /* heap, in use                               */
	TUI_BAND_FREE = 4,  /* heap, free, still resident                 */
	TUI_BAND_RSS = 5,   /* number of bands that add up to RSS         */
	TUI_BAND_LAZY = 5,  /* committed by the heap, not resident        */
	TUI_BAND_MAX = 6,
};

enum tui_role {
	TUI_R_TEXT = 0, /* the terminal's own colours */
	TUI_R_DIM,
	TUI_R_BOLD,
	TUI_R_BAR, /* status line and table head */
	TUI_R_BAR_DIM,
	TUI_R_LIVE, /* badges: black on a colour  */
	TUI_R_PAUSED,
	TUI_R_REPLAY,
	TUI_R_ALARM,
	TUI_R_KEY,
	TUI_R_SELECT,
	TUI_R_CURSOR,
	TUI_R_LINE, /* the committed heap         */
	TUI_R_GC,
	TUI_R_RELEASE,
	TUI_R_MAP,
	TUI_R_NOTE,
	TUI_R_STRIP,
	TUI_R_MAX,
};

enum tui_mark {
	TUI_M_MINOR = 0,
	TUI_M_MAJOR,
	TUI_M_RELEASE,
	TUI_M_MMAP,
	TUI_M_MUNMAP,
	TUI_M_NOTE,
	TUI_M_MAX,
};

struct tui_glyphs {
	wchar_t level[9];	    /* 0/8 .. 8/8, from the bottom         */
	wchar_t fill[TUI_BAND_MAX]; /* when colour cannot tell the bands   */
	wchar_t line[3];	    /* a level line low, middle, high      */
	wchar_t vline, tick, dots, spike;
	wchar_t mark[TUI_M_MAX];
	wchar_t strip[9]; /* residency of a part, none .. all    */
	wchar_t pointer;  /* under the cursor's column           */
	wchar_t sel;	  /* before the selected row             */
	wchar_t back;	  /* points at what is left of it */
	wchar_t lost;
	wchar_t box[6]; /* corners tl tr bl br, then - and |   */
};

struct tui_theme {
	bool utf8;
	int depth; /* 0, 8 or 256 colours */
	const struct tui_glyphs *g;
};

/* depth: what the terminal has; it is cut to 0, 8 or 256. */
void tui_theme_init(struct tui_theme *t, bool utf8, int depth);

/* The locale can show the block elements, each one cell wide. */
bool tui_locale_utf8(void);

struct tui_style tui_role(const struct tui_theme *t, enum tui_role role);
/* Colour of a band, 0 in mono. */
uint8_t tui_band_color(const struct tui_theme *t, enum tui_band band);
/* A cell wholly of one band. */
struct tui_cell tui_band_cell(const struct tui_theme *t, enum tui_band band);
/* Text to be read on top of a band. */
struct tui_style tui_band_text(const struct tui_theme *t, enum tui_band band);
/* Bands can be cut within a cell: fractions of a cell can be drawn in two colours. */
bool tui_theme_fine(const struct tui_theme *t);
enum tui_role tui_mark_role(enum tui_mark mark);

#endif /* MEMPROF_TUI_THEME_H */
