/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pane.h - the tables under the plot: one engine that orders, filters, scrolls,
 * selects and draws rows, and a table of panes that say what a row is.
 *
 * A pane reads the state of the moment looked at and nothing else; it keeps
 * nothing between frames. What must outlive a frame (order, filter, selection) is
 * in tui_view.ps[], and the selection is a row's id, so it stays on its row while
 * the order changes.
 */
#ifndef MEMPROF_TUI_PANE_H
#define MEMPROF_TUI_PANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tui/grid.h"
#include "tui/view.h"

struct tui_frame;

#define TUI_CELL_MAX 512 /* bytes of a cell's text, with its end */

/* One column of a pane. */
struct tui_pcol {
	const char *head;
	int w;		/* cells; 0: shares what the others leave (by `share`)      */
	int share;	/* of w == 0: parts of the rest                             */
	int from;	/* width of the table from which it is shown, 0: always;
			 * what the rows are ordered by is shown at any           */
	bool right;	/* set against the right edge: a figure, no filter sees it  */
	bool sorts;	/* rows can be ordered by it                                */
	bool ascending; /* least first: addresses, names                            */
	bool words;	/* ... by what text() says, not by value(): few rows only    */
	const char *by; /* name of the order, when `head` does not say it; or NULL  */
};

/* Text pages that lie over the screen: a row's detail. */
struct tui_lines {
	struct tui_line {
		char *text;   /* owned; raw bytes from outside */
		uint8_t role; /* enum tui_role */
	} * v;
	size_t n, cap;
	bool full; /* no memory for all of it */
};

struct tui_pane {
	const char *name;  /* one word: the tab, and ":pane NAME"       */
	const char *title; /* for the help: what a row is               */
	const struct tui_pcol *cols;
	int n_cols; /* at most TUI_PCOLS_MAX                     */
	int sort;   /* the column that it begins ordered by      */
	/* Is there anything to be shown, ever? NULL: always. Others are passed over. */
	bool (*there)(const struct tui_frame *f);
	/* tui_rows_add() for each row of the moment. 0 or -ENOMEM. */
	int (*collect)(const struct tui_frame *f, struct tui_rows *rows);
	/* What rows are ordered by, greater first; NULL: by what text() says. */
	uint64_t (*value)(const struct tui_frame *f, const struct tui_row *r, int col);
	/* A cell's text in buf[TUI_CELL_MAX], raw bytes from outside allowed. */
	void (*text)(const struct tui_frame *f, const struct tui_row *r, int col, char *buf,
		     size_t size);
	/* Draws a cell by itself: true, or false where text() is to. May be NULL. */
	bool (*paint)(struct tui_grid *g, const struct tui_frame *f, const struct tui_row *r,
		      int col, struct tui_rect cell, struct tui_style st);
	/* What its words depend on besides the model's strings, as a number: the filter
	 * asks again when it changes. NULL: it asks in every frame. */
	uint64_t (*words)(const struct tui_frame *f, const struct tui_row *r);
	/* The role of a row's text, enum tui_role. NULL: TUI_R_TEXT. */
	int (*role)(const struct tui_frame *f, const struct tui_row *r);
	/* All there is to say of a row, for a page of its own. May be NULL. */
	void (*detail)(const struct tui_frame *f, const struct tui_row *r, struct tui_lines *out);
	/* The moment that a row is about, to which a key takes the cursor; MP_UNKNOWN:
	 * none. May be NULL. */
	uint64_t (*when)(const struct tui_frame *f, const struct tui_row *r);
	/* A cell of the last line: of all rows together. "": nothing. NULL: no such line. */
	void (*total)(const struct tui_frame *f, int col, char *buf, size_t size);
	/* What Enter does instead of showing the row's page: true, or false. May be NULL. */
	bool (*open)(struct tui_frame *f, const struct tui_row *r);
	/* The row that the cursor stands at, of f->rows: it is selected; and the cursor
	 * goes where another is selected. Both or none. */
	const struct tui_row *(*at)(const struct tui_frame *f);
	void (*moved)(struct tui_frame *f, const struct tui_row *r);
	bool stateless; /* rows are not of f->state: they are there without it */
	/* Why there is no row. NULL: "nothing yet". */
	const char *(*none)(const struct tui_frame *f);
};

/* All of them, by enum tui_pane_id. */
extern const struct tui_pane *const tui_panes[TUI_PANES];

/* The pane shown. */
const struct tui_pane *tui_pane(const struct tui_frame *f);
/* Goes to the next one (by 1 or -1) that has something to show. */
void tui_pane_turn(struct tui_frame *f, int by);

/* Collects, filters and sorts the pane's rows. 0 or -ENOMEM. */
int tui_pane_build(struct tui_frame *f);
/* Row number i in the order shown; NULL: there are not so many. */
const struct tui_row *tui_pane_row(struct tui_frame *f, size_t i);
/* The selected row, or where that was when it is gone; NULL without rows. */
const struct tui_row *tui_pane_selected(const struct tui_frame *f);
/* Moves the selection by so many rows and scrolls so that it is seen. */
void tui_pane_select(struct tui_frame *f, long by);
/* The moment that the selected row is about, or MP_UNKNOWN. */
uint64_t tui_pane_when(const struct tui_frame *f);
/* The column that rows are ordered by, and which end of it comes first. */
int tui_pane_sorted(const struct tui_frame *f);
bool tui_pane_least_first(const struct tui_frame *f);
/* The next order: its column, and whether it goes the other way round. */
void tui_pane_sort(struct tui_frame *f);
void tui_pane_reverse(struct tui_frame *f);
void tui_draw_table(struct tui_grid *g, const struct tui_frame *f);
/* The row at a screen row, or NULL: for the mouse. */
const struct tui_row *tui_pane_row_at(const struct tui_frame *f, int y);
/* The column of the table at a screen column, -1: none. */
int tui_pane_col_at(const struct tui_frame *f, int x);
/* The pane's name and position stand there, in the table's head. */
bool tui_pane_name_at(const struct tui_frame *f, int x);

/* --- rows.c ------------------------------------------------------------------------ */

/* id must be unique among the rows, and the same from frame to
 * frame. 0 or -ENOMEM. */
int tui_rows_add(struct tui_rows *rows, uint64_t id, const void *p);
/* Memory of the frame for what a pane works out, that rows may point to; one piece, its
 * contents are anything. NULL: there is none. */
void *tui_rows_store(struct tui_rows *rows, size_t bytes);
void tui_rows_free(struct tui_rows *rows);
/* Leaves those that match. */
void tui_rows_filter(const struct tui_frame *f, struct tui_rows *rows, const char *filter);
/* Sets the keys that rows are ordered by; none is in its place then. */
void tui_rows_keys(const struct tui_frame *f, struct tui_rows *rows);
/* Puts rows [from, to) in their places; the others stay in some order. */
void tui_rows_order(const struct tui_frame *f, struct tui_rows *rows, size_t from, size_t to);
/* The place of the row with this id; the number of rows when there is none. */
size_t tui_rows_rank(const struct tui_frame *f, const struct tui_rows *rows, uint64_t id);

/* --- pane_text.c ------------------------------------------------------------------- */

/* "01:05.3" since the session's start, "-" for none. Returns buf. */
char *tui_moment(char *buf, size_t size, const struct tui_frame *f, uint64_t ts);
/* "12%", "<1%" */
void tui_percent(char *buf, size_t size, uint64_t part, uint64_t whole);
/* "malloc+0x1d (libc.so.6) < main+0x8 (app)": the innermost frames; raw bytes. Returns buf. */
char *tui_stack_text(const struct tui_frame *f, uint64_t id, char *buf, size_t size);

/* Adds a line; without memory `full` is set and the line is left out. */
void tui_lines_add(struct tui_lines *l, int role, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* A heading, with an empty line before it. */
void tui_lines_head(struct tui_lines *l, const char *title);
/* A name and what there is to say of it. */
void tui_lines_row(struct tui_lines *l, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The same with a figure, "-" for MP_UNKNOWN, and a few words or "" behind it. */
void tui_lines_bytes(struct tui_lines *l, const char *name, uint64_t bytes, const char *more);
void tui_lines_count(struct tui_lines *l, const char *name, uint64_t n, const char *more);
/* All frames of a stack, a line each. */
void tui_lines_stack(struct tui_lines *l, const struct tui_frame *f, uint64_t id);
void tui_lines_free(struct tui_lines *l);

/* The panes, a file each. */
extern const struct tui_pane tui_pane_maps, tui_pane_touched, tui_pane_released,
	tui_pane_collections, tui_pane_spaces, tui_pane_threads, tui_pane_cgroup, tui_pane_events,
	tui_pane_delta, tui_pane_findings, tui_pane_procs;

#endif /* MEMPROF_TUI_PANE_H */
