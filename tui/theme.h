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
	TUI_BAND_FILE = 0,     /* file pages                                 */
	TUI_BAND_SHMEM = 1,    /* shared memory                              */
	TUI_BAND_NATIVE = 2,   /* malloc's (arenas, brk, others') and stacks */
	TUI_BAND_OTHER = 3,    /* anonymous memory of no known use           */
	TUI_BAND_LAZYFREE = 4, /* left to the kernel by MADV_FREE            */
	TUI_BAND_LIVE = 5,     /* heap, in use                               */
	TUI_BAND_FREE = 6,     /* heap, free, still resident                 */
	TUI_BAND_RSS = 7,      /* number of bands that add up to RSS         */
	TUI_BAND_LAZY = 7,     /* committed by the heap, not resident        */
	TUI_BAND_MAX = 8,
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
	TUI_R_OWED,  /* what the collector freed and did not return */
	TUI_R_LIMIT, /* lines that memory must not cross            */
	TUI_R_MAX,
};

enum tui_mark {
	TUI_M_MINOR = 0,
	TUI_M_MAJOR,
	TUI_M_RELEASE,
	TUI_M_MMAP,
	TUI_M_MUNMAP,
	TUI_M_NOTE,
	TUI_M_FREE,   /* MADV_FREE: left to the kernel             */
	TUI_M_ADVICE, /* madvise that gives nothing up             */
	TUI_M_IO,     /* a fault that waited for a file or swap    */
	TUI_M_FORK,
	TUI_M_LIMIT, /* a limit was reached, or is another now     */
	TUI_M_GAP,   /* nothing is known: blocks were unreadable   */
	TUI_M_OTHER, /* a collection neither minor nor major       */
	TUI_M_MAX,
};

struct tui_glyphs {
	wchar_t level[9];	    /* 0/8 .. 8/8, from the bottom         */
	wchar_t fill[TUI_BAND_MAX]; /* when colour cannot tell the bands   */
	wchar_t line[3];	    /* a level line low, middle, high      */
	wchar_t vline, tick, dots, spike;
	wchar_t limit;			 /* a limit's line                      */
	wchar_t shaft, wait, head, fall; /* a return's arrow: on the way, not
					  * there yet, arrived, down            */
	wchar_t mark[TUI_M_MAX];
	wchar_t more;	  /* the mark before goes on */
	wchar_t strip[9]; /* residency of a part, none .. all    */
	wchar_t pointer;  /* under the cursor's column           */
	wchar_t sel;	  /* before the selected row             */
	wchar_t sort[2];  /* rows: greatest first, least first   */
	wchar_t back;	  /* points at what is left of it */
	wchar_t lost;
	wchar_t box[6]; /* corners tl tr bl br, then - and |   */
};

struct tui_theme {
	bool utf8;
	bool light; /* the background is; set it after tui_theme_init() */
	int depth;  /* 0, 8 or 256 colours */
	const struct tui_glyphs *g;
};

/* depth: what the terminal has; it is cut to 0, 8 or 256. For a dark background. */
void tui_theme_init(struct tui_theme *t, bool utf8, int depth);

/* The locale can show the block elements, each one cell wide. */
bool tui_locale_utf8(void);

struct tui_style tui_role(const struct tui_theme *t, enum tui_role role);
/* Colour of a band, 0 in mono. */
uint8_t tui_band_color(const struct tui_theme *t, enum tui_band band);
/* What text on a band that is filled with its colour is written with: 256 colours. */
uint8_t tui_band_ink(const struct tui_theme *t, enum tui_band band);
/*
 * The colour that a number stands for as 0xRRGGBB. The first 16 are the user's own:
 * TUI_RGB_NONE.
 */
#define TUI_RGB_NONE UINT32_MAX
uint32_t tui_color_rgb(uint8_t color);
/* A cell wholly of one band. */
struct tui_cell tui_band_cell(const struct tui_theme *t, enum tui_band band);
/* Text to be read on top of a band. */
struct tui_style tui_band_text(const struct tui_theme *t, enum tui_band band);
/* Bands can be cut within a cell: fractions of a cell can be drawn in two colours. */
bool tui_theme_fine(const struct tui_theme *t);
enum tui_role tui_mark_role(enum tui_mark mark);

#endif /* MEMPROF_TUI_THEME_H */
