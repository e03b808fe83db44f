/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * layout.h - where everything goes, as a pure function of the size.
 */
#ifndef MEMPROF_TUI_LAYOUT_H
#define MEMPROF_TUI_LAYOUT_H

#include <stdbool.h>

#include "tui/grid.h"

#define TUI_MIN_W     40
#define TUI_MIN_H     10
#define TUI_LANES_MAX 4

enum tui_tier {
	TUI_TIER_SMALL = 0,    /* a message and nothing else         */
	TUI_TIER_NUMBERS = 1,  /* too narrow for tables              */
	TUI_TIER_STANDARD = 2, /* plot, lane and table               */
	TUI_TIER_DETAIL = 3,   /* ... and a pane of figures beside it */
};

/* Regions; one that has no room has w or h 0. None overlaps another. */
struct tui_layout {
	enum tui_tier tier;
	int w, h;
	struct tui_rect status;	 /* target, state, hooks, losses            */
	struct tui_rect numbers; /* figures, which are the plot's legend too */
	struct tui_rect gutter;	 /* the y axis' labels, left of the plot    */
	struct tui_rect plot;
	struct tui_rect axis;	/* time labels, under gutter and plot      */
	struct tui_rect owed;	/* what collections freed, and its returns */
	struct tui_rect notes;	/* labels of notes                         */
	struct tui_rect lanes;	/* what happened, one row or more          */
	struct tui_rect counts; /* the lanes' legend, with counts          */
	struct tui_rect detail;
	struct tui_rect table; /* head and rows                           */
	struct tui_rect hints; /* keys                                    */
};

enum tui_lay {
	TUI_LAY_NOTES = 1 << 0,	 /* there are notes to show: rows are kept for them */
	TUI_LAY_EXPAND = 1 << 1, /* the table has all rows below the numbers        */
	TUI_LAY_OWED = 1 << 2,	 /* there are collections: rows for what they freed */
	TUI_LAY_LIST = 1 << 3,	 /* the table is what is looked at: it gets most rows */
};

/* flags: enum tui_lay. */
void tui_layout(struct tui_layout *l, int w, int h, unsigned flags);

#endif /* MEMPROF_TUI_LAYOUT_H */
