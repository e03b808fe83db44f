/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * draw.h - one frame: a model and a view become a grid of cells.
 *
 * Everything here is a function of its arguments: no terminal, no clock, no
 * I/O. tui_frame_begin() settles the geometry, tui_draw() fills the grid.
 */
#ifndef MEMPROF_TUI_DRAW_H
#define MEMPROF_TUI_DRAW_H

#include "tui/delta.h"
#include "tui/grid.h"
#include "tui/layout.h"
#include "tui/pane.h"
#include "tui/past.h"
#include "tui/procs.h"
#include "tui/theme.h"
#include "tui/track.h"
#include "tui/tui.h"
#include "tui/view.h"
#include "user/model/model.h"

struct tui_mouse;

struct tui_frame {
	/* set by the caller */
	const struct mp_model *now;   /* the timeline is taken from here       */
	const struct mp_model *state; /* the moment looked at; NULL: not known */
	struct tui_view *view;
	const struct tui_theme *theme;
	const char *notice;	      /* for the status line, or NULL          */
	const char *answer;	      /* to a key or a command, or NULL        */
	const char *about;	      /* for the help, or NULL                 */
	const struct tui_source *src; /* for finer timelines, or NULL */
	bool working;		      /* state is not known yet       */
	bool unsaved;		      /* it has ended, and nothing has been written of it */
	bool live;
	bool old; /* its models have gone on: see tui_take()           */
	/* set by tui_frame_begin(); rows keep their memory between frames */
	int w, h; /* of the screen; 0: there was none yet */
	struct tui_layout lay;
	struct tui_window win;
	struct tui_procs procs; /* of their pane                */
	struct tui_sum sum;	/* what the plot of the list shows */
	struct tui_rows rows;
	size_t shown;		 /* rows of the table that fit */
	struct tui_lines lines;	 /* of the page, as last drawn */
	struct tui_track *track; /* of what the page is on; set by draw.c */
	bool again;		 /* the next frame shows more, events or not */
	struct tui_column {
		bool any;
		struct mp_point p;
	} * cols; /* what each column of the plot covers */
	size_t cols_cap;
	struct mp_point exact;	/* figures of the moment, when the cursor is exact */
	struct tui_batch batch; /* events last read                               */
	struct tui_near near;	/* those around the moment, when they are shown   */
	struct tui_delta delta; /* what changed between the marks, likewise       */
	bool more;		/* tui_past_work() has more to do for the frame   */
	/* what stays true from frame to frame: past points do not change */
	struct tui_cache {
		struct tui_window win; /* of the columns held             */
		size_t n;	       /* points the timeline had then    */
		uint64_t width;	       /* ns of each                      */
		uint32_t pid;	       /* whose they are                  */
		size_t noted;	       /* points searched for notes       */
		bool notes;	       /* ... and one found               */
	} cache;
};

/* The models of the moment looked at, from the source, as far as they can be had within a
 * frame: `now`, `state`, `working`. */
void tui_look(struct tui_frame *f);
/* Geometry, time window and table order for a screen of w x h. 0 or -ENOMEM. */
int tui_frame_begin(struct tui_frame *f, int w, int h);
/*
 * A key, or TUI_KEY_MOUSE and what the mouse did, on the frame begun last. When that is
 * older than its models (`old`: whoever pumps or works sets it), it is begun anew first:
 * rows and window point into models that may be gone. 1: the view may have changed, 0: it
 * has not, or -ENOMEM.
 */
int tui_take(struct tui_frame *f, int key, const struct tui_mouse *m);
void tui_frame_free(struct tui_frame *f);
/* The target is gone: what there is will not grow. */
bool tui_frame_ended(const struct tui_frame *f);
/* The merged points of a column; NULL where there is nothing. */
const struct mp_point *tui_frame_col(const struct tui_frame *f, int col);
/* The process whose figures stand beside the plot: of the list the selected one. */
const struct mp_proc *tui_frame_proc(const struct tui_frame *f);
/* The figures of the moment looked at; NULL when there is none yet. */
const struct mp_point *tui_frame_point(const struct tui_frame *f);
/* Counts of what happened in all columns shown, or in one. False: nothing there. */
bool tui_frame_sum(const struct tui_frame *f, int col, struct mp_point *sum);
/* Draws what tui_frame_begin() prepared. g has the same size. */
void tui_draw(struct tui_grid *g, const struct tui_frame *f);

/* The parts; each keeps to its region. */
void tui_draw_status(struct tui_grid *g, const struct tui_frame *f);
void tui_draw_numbers(struct tui_grid *g, const struct tui_frame *f);
void tui_draw_plot(struct tui_grid *g, const struct tui_frame *f);
/* The marks, over plot and axis. */
void tui_draw_marks(struct tui_grid *g, const struct tui_frame *f);
void tui_draw_axis(struct tui_grid *g, const struct tui_frame *f);
void tui_draw_owed(struct tui_grid *g, const struct tui_frame *f);
/* Lanes, their legend, and the notes above them. */
void tui_draw_lanes(struct tui_grid *g, const struct tui_frame *f);
void tui_draw_notes(struct tui_grid *g, const struct tui_frame *f);
void tui_draw_detail(struct tui_grid *g, const struct tui_frame *f);
void tui_draw_hints(struct tui_grid *g, const struct tui_frame *f);
void tui_draw_legend(struct tui_grid *g, const struct tui_frame *f);
void tui_draw_help(struct tui_grid *g, const struct tui_frame *f);
void tui_draw_page(struct tui_grid *g, const struct tui_frame *f);
/* A box over all else with a title and a line at its bottom, or NULL; returns its inside. */
struct tui_rect tui_draw_box(struct tui_grid *g, const struct tui_theme *t, struct tui_rect r,
			     const char *title, const char *bottom);

/*
 * Marks of losses (always the first) and of hooks that are not there or tell less: how
 * many. Each in four widths, the shortest one cell.
 */
struct tui_mark_text {
	int role;
	char text[4][128];
};
int tui_health_marks(const struct tui_frame *f, struct tui_mark_text marks[2]);
/* The same in full, for a page. */
void tui_health_lines(const struct tui_frame *f, struct tui_lines *out);
/* A mark of what the diagnosis found in what is shown, as loud as the worst of it; false: nothing. */
bool tui_found_mark(const struct tui_frame *f, struct tui_mark_text *mark);
/* No hook tells anything: /proc is read. */
bool tui_polling_only(const struct mp_model *m);

/* A point as the plot stacks it. */
struct tui_stack {
	int64_t band[TUI_BAND_RSS]; /* bytes, none below 0; they add up to rss */
	int64_t rss;
	int64_t base;	   /* under the heap: file and other               */
	int64_t heap;	   /* heap resident: live and free                 */
	int64_t committed; /* -1: no heap known                            */
	int64_t lazy;	   /* committed, not resident                      */
};
void tui_stack(struct tui_stack *s, const struct mp_point *p);
/* The heap's figures come with its collections only (V8): what was free at the last one may
 * be in use by now. */
bool tui_heap_is_old(const struct tui_frame *f);
/* Most of the anonymous memory is a heap known by its mappings, with no source that would
 * split it (a JVM's, Go's): other anonymous memory is called "heap, no figures" then. */
bool tui_heap_unsplit(const struct tui_frame *f);

/* A y axis: `top` bytes over all rows, a label each `every` rows, `step` apart. */
struct tui_scale {
	int64_t top, step;
	int every;
};
void tui_scale(struct tui_scale *sc, int64_t max, int rows);

/* Outside text (names of processes, files): cleaned, then at most w cells.
 * Where something was cut stands a mark: of a path the beginning is cut, of other
 * text the end. Returns the column after it. */
int tui_outside_text(struct tui_grid *g, const struct tui_frame *f, int x, int y, int w,
		     struct tui_style st, const char *raw);
/* Time since the session's start as the screen shows it: "01:05", "1:02:03". */
char *tui_clock(char *buf, size_t size, uint64_t ns);
/* Session time of a moment. */
uint64_t tui_since(const struct mp_model *m, uint64_t ts);

#endif /* MEMPROF_TUI_DRAW_H */
