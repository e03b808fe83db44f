/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * delta.h - two marked moments, A and B, and what changed from A to B.
 *
 * The comparison is made of two states that the source holds, by the same code as
 * `memprof diff`, and every table is shown with its sum.
 */
#ifndef MEMPROF_TUI_DELTA_H
#define MEMPROF_TUI_DELTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/view/diff.h"

struct tui_frame;
struct tui_view;

/* The moment looked at becomes A, then B, then the one of them that was set first. */
void tui_mark_set(struct tui_view *v, const struct mp_model *m);
void tui_mark_clear(struct tui_view *v);
/* To the next mark in time (1) or the one before (-1). */
void tui_mark_go(struct tui_view *v, const struct mp_model *m, int dir);
/* The table of what changed; when it is shown already, to A and to B by turns. */
void tui_mark_delta(struct tui_frame *f);

enum tui_delta_part {
	TUI_D_RSS,
	TUI_D_CLASS,  /* rows that add up to RSS            */
	TUI_D_BESIDE, /* what is in no part of it           */
	TUI_D_MAPPING,
	TUI_D_TOUCHED,	/* call sites                         */
	TUI_D_RELEASED, /* places that gave memory back       */
	TUI_D_GC,
};

struct tui_delta_row {
	enum tui_delta_part part;
	const char *name;		   /* NULL: the group's, or "others" */
	const struct mp_diff_group *group; /* or NULL                        */
	size_t others;			   /* so many rows of little change  */
	int64_t a, b;
	bool a_known, b_known;
	bool sum, wrong; /* wrong: it is not what it should add up to */
	enum mp_diff_unit unit;
};

struct tui_delta {
	uint64_t a, b; /* the marks it is of */
	uint32_t mm;
	int err;	      /* -ENODATA: one of them is not kept any more */
	char lost;	      /* 'A', 'B': whose state there is not; 0: both were there */
	struct mp_diff *diff; /* NULL: not made yet                  */
	struct tui_delta_row *row;
	size_t n, cap;
};

/* The table is shown and is not that of these marks yet. */
bool tui_delta_wanted(const struct tui_frame *f);
/* A slice of the way to it: true while there is more. */
bool tui_delta_work(struct tui_frame *f);
void tui_delta_free(struct tui_delta *d);

#endif /* MEMPROF_TUI_DELTA_H */
