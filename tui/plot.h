/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * plot.h - the picture while it is drawn: what its layers share. For the files
 * plot*.c and owed.c only; all others call tui_draw_plot() and tui_draw_owed().
 */
#ifndef MEMPROF_TUI_PLOT_H
#define MEMPROF_TUI_PLOT_H

#include "tui/draw.h"

#define PLOT_NONE (-1)

/* One column. Heights are in eighths of a row, from the plot's bottom. */
struct plot_col {
	bool any, note;
	struct tui_stack s;
	int64_t rss_min, rss_max;
	int edge[TUI_BAND_RSS]; /* upper edges of the bands  */
	int rss;		/* ... of the last of them   */
	int line;		/* committed heap, -1: none  */
	int min, max;		/* RSS within the column     */
};

/* A limit that the process, or its heap, runs into. */
struct plot_limit {
	const char *name;
	int64_t bytes; /* 0: there is none                                */
	bool heap;     /* counted from the heap's base, as committed is   */
	bool shown;    /* within the scale: a line; else only its figure  */
};
enum { PLOT_LIMITS = 2 };

struct plot {
	struct tui_grid *g;
	const struct tui_frame *f;
	const struct tui_theme *t;
	struct tui_rect r;
	struct plot_col *cols;
	/* by row from the bottom, then column: the band a cell belongs to wholly, or
	 * PLOT_NONE; what may be written over is told by this */
	int8_t *kind;
	struct tui_scale scale;
	struct plot_limit limits[PLOT_LIMITS];
};

/* Eighths of a row that so many bytes are high, inside the plot. */
int plot_eighths(const struct plot *p, int64_t bytes);
/* The cell of a row counted from the bottom. */
struct tui_cell *plot_cell(const struct plot *p, int x, int row);

/* Nothing but background in a rectangle of the grid, or the dots of a note's line. */
bool plot_blank(const struct plot *p, struct tui_rect r);

/* The layers, from the lowest. */
void plot_bands(const struct plot *p);
void plot_limit_lines(const struct plot *p);
void plot_falls(const struct plot *p);
void plot_labels(const struct plot *p);
void plot_limit_names(const struct plot *p);

/* Finds the limits and says up to where the scale should reach, given what is drawn. */
int64_t plot_limits(struct plot *p, int64_t max);

/*
 * A return of memory, from the end of the collection that freed it to the last call
 * that gave it back. Those that end in one column are one.
 */
struct tui_return {
	int x0, x1;	/* columns, maybe outside the plot                 */
	int most;	/* the column by which nine tenths were back, or x1 where
			 * that was not much sooner                         */
	uint64_t from;	/* ns: the end of that collection                  */
	uint64_t bytes; /* RSS fell by, in all                             */
	uint64_t main;	/* ... of the collection that most of it was of    */
	uint64_t lag;	/* ns, of that collection                          */
	uint64_t soon;	/* ns to the end of column `most`, if it is not x1 */
	unsigned n;	/* collections                                     */
};
/*
 * Those that touch the window, in the order of their ends. Returns their number, or
 * -ENOMEM; *out is to be freed.
 */
int tui_returns(const struct tui_frame *f, struct tui_return **out);

#endif /* MEMPROF_TUI_PLOT_H */
