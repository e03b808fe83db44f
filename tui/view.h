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
#include "tui/prompt.h"
#include "user/model/model.h"

/* The tables under the plot, in the order that a key turns them: pane.h. */
enum tui_pane_id {
	TUI_P_MAPS = 0, /* mappings                                       */
	TUI_P_TOUCHED,	/* user stacks by the memory first touched there  */
	TUI_P_RELEASED, /* who gave memory back                           */
	TUI_P_COLLECTIONS,
	TUI_P_SPACES, /* the heaps as they describe themselves          */
	TUI_P_THREADS,
	TUI_P_CGROUP,
	TUI_P_EVENTS,	/* what happened around the cursor                */
	TUI_P_DELTA,	/* what changed between the marks                 */
	TUI_P_FINDINGS, /* what is notable                                */
	TUI_P_PROCS,	/* the processes                                  */
	TUI_PANES,
};

#define TUI_PCOLS_MAX 16

/* What stays of a pane between frames. */
struct tui_pane_state {
	int sort; /* column, -1: as the pane says */
	bool reverse;
	uint64_t sel; /* id of the selected row */
	size_t at;    /* where it was last      */
	long move;    /* rows to go, once there are any */
	size_t top;   /* first row shown        */
	char filter[TUI_TEXT_MAX];
};

/* What keys and commands wish for and only the loop can do. */
struct tui_wish {
	bool quit, keep_last;	 /* keep_last: with the picture left behind  */
	bool redraw;		 /* all of the screen again                  */
	bool save, snapshot;	 /* the session, the screen's text, to a file */
	int mouse;		 /* 1: taken, -1: left to the terminal     */
	char path[TUI_TEXT_MAX]; /* of that file, "": a name of its own      */
	char say[TUI_TEXT_MAX];	 /* to be told in the status line, or ""     */
};

struct tui_view {
	bool follow;	 /* the right edge is now (replay: the end)        */
	bool fit;	 /* the whole session in the plot                  */
	uint64_t span;	 /* ns the plot shows when neither fits it; 0: auto */
	uint64_t cursor; /* ns, when !follow: the moment looked at          */
	bool exact;	 /* ... to the ns; else the point or column around it */
	uint32_t nth;	 /* ... its event of that time (past.h); UINT32_MAX: none */
	int64_t col0;	 /* first column shown, when !follow                */
	uint64_t colw;	 /* ns a column, as last drawn                      */
	int cols;	 /* ... and how many: there may be none now         */
	bool fine;	 /* columns may be narrower than the timeline's points */

	uint32_t mm;		       /* the process looked at, 0: the first target     */
	uint32_t pid;		       /* ... for moments when it had another mm         */
	bool list;		       /* all processes, as a list: not one of them      */
	enum tui_pane_id pane_one;     /* the table of one, while the list is shown */
	const struct mp_timeline *all; /* of the list: all of them together */

	enum tui_pane_id pane;
	struct tui_pane_state ps[TUI_PANES];
	bool in_table; /* the table has the focus, not the plot  */
	bool expand;   /* the table has the whole height         */

	struct tui_seek {	/* an event that is being looked for: seek.c */
		unsigned kinds; /* enum tui_kind; 0: none */
		int dir;
		uint64_t ts; /* where it began */
		uint32_t nth;
		uint64_t pos, step; /* how far it has come, how long a stretch is read */
		uint64_t burst, begin, end, head;
	} seek;

	uint64_t mark[2]; /* ns: the moments A and B, 0 = not set   */
	unsigned marked;  /* which of them was set last           */

	bool help;
	size_t help_top; /* its page shown                             */
	bool dragging;	 /* the mouse has the cursor                     */
	bool legend;	 /* what the parts of the picture are              */
	bool page;	 /* a page on the selected row lies over all    */
	bool health;	 /* ... no: on how well it is watched           */
	size_t page_top; /* its first line shown                        */
	bool turns;	 /* what lies over all is more than is shown    */
	bool to_row;	 /* the cursor is to go to the row's moment     */
	struct tui_prompt prompt;
	struct tui_wish wish;
};

/* The plot's time axis for one frame. */
struct tui_window {
	const struct mp_timeline *tl;
	const struct mp_timeline *fine; /* of what is shown, or NULL */
	uint64_t colw;
	int64_t col0;
	int cols;
	int cursor; /* column of the cursor, -1: none */
};

/* Rows of the table, in the order shown. */
struct tui_row {
	uint64_t id;   /* the same from frame to frame                          */
	const void *p; /* what it shows: the pane's matter, good for this frame */
	uint64_t key;  /* what it is ordered by                                 */
};

/* Of these only [lo, hi) need be in their places: tui_pane_row() puts others there. */
struct tui_rows {
	struct tui_row *v;
	size_t n, cap;
	size_t all; /* before the filter                         */
	size_t sel; /* number of the selected row                */
	bool gone;  /* ... which is not there; another stands in */
	size_t top; /* of the first row shown                    */
	size_t lo, hi;
	enum tui_pane_id pane; /* whose they are                    */
	bool least, words;     /* the order: least first, by words  */
	void *store;	       /* what a pane works out for the frame       */
	size_t store_cap;
	struct tui_memo {
		uint64_t id;	/* of a row                                   */
		uint32_t print; /* of all the answer depends on, 0: free      */
		bool yes;	/* it matches the filter                      */
	} * memo;
	size_t memo_n;
};

void tui_view_init(struct tui_view *v, bool live);
/* Tells the user something, in the status line: the answer to a key or a command. */
void tui_view_say(struct tui_view *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

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
/* A column that needs finer points than the timeline has. */
bool tui_view_fine(const struct tui_view *v, const struct mp_timeline *tl);
/* The last moment that the cursor's point, or fine column, covers; the cursor's own when
 * that is exact. */
uint64_t tui_view_moment(const struct tui_view *v, const struct mp_model *m);
/* The timeline point looked at; NULL when there is none yet. */
const struct mp_point *tui_view_point(const struct tui_view *v, const struct mp_model *m);

/* Freezes at now, with the cursor on the last column. */
void tui_view_freeze(struct tui_view *v, const struct mp_model *m);
void tui_view_move(struct tui_view *v, const struct mp_model *m, const struct tui_window *win,
		   int columns);
/* To a moment, kept within the session; nth: of the events there, UINT32_MAX: none. */
void tui_view_go(struct tui_view *v, const struct mp_model *m, uint64_t ts, uint32_t nth);
/*
 * To a time as a user names it: "12.5" and "1:23.5" after the start, "-30s" before now or
 * the end, "+5s" from the cursor, "14:02:11" of the day, "50%", "start", "end", "now", and
 * the marks "a" and "b". False: why says why not, and v is as it was.
 */
bool tui_view_goto(struct tui_view *v, const struct mp_model *m, const char *text, char *why,
		   size_t size);
/* Half a screen of time back (-1) or on (1), the cursor with it. */
void tui_view_pan(struct tui_view *v, const struct mp_model *m, const struct tui_window *win,
		  int dir);
/* Halves (dir 1) or doubles (-1) the time shown, around the cursor. */
void tui_view_zoom(struct tui_view *v, const struct tui_window *win, int dir);
/* So much time (ns) in the plot, as far as there are points for it. */
void tui_view_span(struct tui_view *v, const struct tui_window *win, uint64_t span);
/* The whole session into the plot. */
void tui_view_fit(struct tui_view *v, const struct tui_window *win);

/* The process looked at, in the model of any moment: NULL when it knows none. */
const struct mp_proc *tui_view_proc(const struct tui_view *v, const struct mp_model *m);
/* Reserved address space nobody can touch: it says nothing about memory. */
bool tui_mapping_reserved(const struct mp_mapping *m);

#endif /* MEMPROF_TUI_VIEW_H */
