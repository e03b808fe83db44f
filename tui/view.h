/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * view.h - what the user is looking at: the stretch of time, the moment, the
 * row. Changed by keys, read by drawing.
 *
 * Time on screen: a column is `colw` ns wide and column boundaries lie on
 * multiples of it since the start of the timeline, moved down to the next point
 * boundary. So a point belongs to exactly one column, and a plot that scrolls
 * moves its columns without changing them.
 */
#ifndef MEMPROF_TUI_VIEW_H
#define MEMPROF_TUI_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tui/layout.h"
#include "user/model/model.h"

enum tui_sort {
	TUI_SORT_RESIDENT = 0,
	TUI_SORT_SIZE,
	TUI_SORT_FAULTS,
	TUI_SORT_RELEASED,
	TUI_SORT_RECENT,
	TUI_SORT_ADDR,
	TUI_SORT_MAX,
};

/* What the lower table shows. */
enum tui_tab { TUI_TAB_MAPS = 0, TUI_TAB_THREADS, TUI_TAB_SITES, TUI_TAB_MAX };

struct tui_view {
	bool follow;	 /* the right edge is now (replay: the end)        */
	bool fit;	 /* the whole session in the plot                  */
	uint64_t span;	 /* ns the plot shows when neither fits it; 0: auto */
	uint64_t cursor; /* ns, when !follow: the moment looked at          */
	int64_t col0;	 /* first column shown, when !follow                */
	uint64_t colw;	 /* ns a column, as last drawn                      */

	enum tui_tab tab;
	enum tui_sort sort;
	bool in_table; /* the table has the focus, not the plot */
	uint64_t sel;  /* start address of the selected mapping */
	size_t top;    /* first row of the table shown          */

	bool help;
	bool quit, keep_last, save, redraw;
};

/* The plot's time axis for one frame. */
struct tui_window {
	const struct mp_timeline *tl;
	uint64_t colw;
	int64_t col0;
	int cols;
	int cursor; /* column of the cursor, -1: none */
};

/* Rows of the mapping table, in the order shown. */
struct tui_rows {
	const struct mp_mapping **m;
	size_t n, cap;
};

void tui_view_init(struct tui_view *v, bool live);

/* Where the axis stands now; moves v's window so that it holds the cursor. */
void tui_view_window(struct tui_view *v, const struct mp_model *m, bool live, int cols,
		     struct tui_window *win);
/* First point of a column; the column's points end where the next begins. */
size_t tui_window_point(const struct tui_window *win, int col);
/* The column that holds point q, counted from the timeline's start. */
int64_t tui_window_col(const struct tui_window *win, size_t q);
/*
 * What a column shows. False when it lies outside the timeline. A column
 * narrower than a point and without a point of its own repeats the one before it,
 * events excepted.
 */
bool tui_window_merge(const struct tui_window *win, int col, struct mp_point *out);
/* The last moment that the cursor's point covers. */
uint64_t tui_view_moment(const struct tui_view *v, const struct mp_model *m);
/* The timeline point looked at; NULL when there is none yet. */
const struct mp_point *tui_view_point(const struct tui_view *v, const struct mp_model *m);

/* Freezes at now, with the cursor on the last column. */
void tui_view_freeze(struct tui_view *v, const struct mp_model *m);
void tui_view_move(struct tui_view *v, const struct mp_model *m, const struct tui_window *win,
		   int columns);
/* To the next (dir 1) or previous (-1) collection, release or note. */
void tui_view_event(struct tui_view *v, const struct mp_model *m, int dir);
/* Halves (dir 1) or doubles (-1) the time shown, around the cursor. */
void tui_view_zoom(struct tui_view *v, const struct tui_window *win, int dir);
/* The whole session into the plot. */
void tui_view_fit(struct tui_view *v, const struct tui_window *win);

/* Collects and sorts. 0 or -ENOMEM. */
int tui_rows_build(struct tui_rows *rows, const struct mp_proc *p, enum tui_sort sort);
void tui_rows_free(struct tui_rows *rows);
/* The selected row; the first when the selected mapping is gone. */
size_t tui_rows_selected(const struct tui_rows *rows, const struct tui_view *v);
/* Moves the selection and scrolls so that it is seen in `shown` rows. */
void tui_view_select(struct tui_view *v, const struct tui_rows *rows, long by, size_t shown);
/* Reserved address space nobody can touch: it says nothing about memory. */
bool tui_mapping_reserved(const struct mp_mapping *m);
const char *tui_sort_name(enum tui_sort sort);

#endif /* MEMPROF_TUI_VIEW_H */
