/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * draw.h - one frame: a model and a view become a grid of cells.
 *
 * Everything here is a function of its arguments: no terminal, no clock, no
 * I/O. tui_frame_begin() settles the geometry, tui_draw() fills the grid.
 */
#ifndef MEMPROF_TUI_DRAW_H
#define MEMPROF_TUI_DRAW_H

#include "tui/grid.h"
#include "tui/layout.h"
#include "tui/theme.h"
#include "tui/view.h"
#include "user/model/model.h"

struct tui_frame {
	/* set by the caller */
	const struct mp_model *now;   /* the timeline is taken from here       */
	const struct mp_model *state; /* the moment looked at; NULL: not known */
	struct tui_view *view;
	const struct tui_theme *theme;
	const char *notice; /* for the status line, or NULL          */
	const char *about;  /* for the help, or NULL                 */
	bool live;
	/* set by tui_frame_begin(); rows keep their memory between frames */
	struct tui_layout lay;
	struct tui_window win;
	struct tui_rows rows;
	size_t shown; /* rows of the table that fit */
	struct tui_column {
		bool any;
		struct mp_point p;
	} * cols; /* what each column of the plot covers */
	size_t cols_cap;
	/* what stays true from frame to frame: past points do not change */
	struct tui_cache {
		struct tui_window win; /* of the columns held             */
		size_t n;	       /* points the timeline had then    */
		uint64_t width;	       /* ns of each                      */
		size_t noted;	       /* points searched for notes       */
		bool notes;	       /* ... and one found               */
	} cache;
};

/* Geometry, time window and table order for a screen of w x h. 0 or -ENOMEM. */
int tui_frame_begin(struct tui_frame *f, int w, int h);
void tui_frame_free(struct tui_frame *f);
/* The target is gone: what there is will not grow. */
bool tui_frame_ended(const struct tui_frame *f);
/* The merged points of a column; NULL where there is nothing. */
const struct mp_point *tui_frame_col(const struct tui_frame *f, int col);
/* Counts of what happened in all columns shown, or in one. False: nothing there. */
bool tui_frame_sum(const struct tui_frame *f, int col, struct mp_point *sum);
/* Draws what tui_frame_begin() prepared. g has the same size. */
void tui_draw(struct tui_grid *g, const struct tui_frame *f);

/* The parts; each keeps to its region. */
void tui_draw_status(struct tui_grid *g, const struct tui_frame *f);
void tui_draw_numbers(struct tui_grid *g, const struct tui_frame *f);
void tui_draw_plot(struct tui_grid *g, const struct tui_frame *f);
void tui_draw_axis(struct tui_grid *g, const struct tui_frame *f);
void tui_draw_lanes(struct tui_grid *g, const struct tui_frame *f);
void tui_draw_detail(struct tui_grid *g, const struct tui_frame *f);
void tui_draw_table(struct tui_grid *g, const struct tui_frame *f);
void tui_draw_lists(struct tui_grid *g, const struct tui_frame *f); /* other tables */
void tui_draw_hints(struct tui_grid *g, const struct tui_frame *f);
void tui_draw_help(struct tui_grid *g, const struct tui_frame *f);

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
