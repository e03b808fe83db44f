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
	TUI_TIER_NUMBERS = 1,  /* too narrow for a plot              */
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
	struct tui_rect notes;	/* labels of notes                         */
	struct tui_rect lanes;	/* what happened, one row or more          */
	struct tui_rect counts; /* the lanes' legend, with counts          */
	struct tui_rect detail;
	struct tui_rect table; /* head and rows                           */
	struct tui_rect hints; /* keys                                    */
};

/* notes: there are notes to show, keep rows for them. */
void tui_layout(struct tui_layout *l, int w, int h, bool notes);

#endif /* MEMPROF_TUI_LAYOUT_H */
