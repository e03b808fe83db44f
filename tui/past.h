/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * past.h - single events of the past: reading a stretch of them, the way to the next
 * one of a kind, and those around the moment looked at.
 *
 * Everything long is done in slices: a frame and a key take some ms, what is left is
 * for tui_past_work().
 *
 * A place in the stream is a time and the number of the event among the target's
 * events of that time (most are alone): so each is visited once, also where several
 * carry the same time. The state shown is the one after all events of a time.
 */
#ifndef MEMPROF_TUI_PAST_H
#define MEMPROF_TUI_PAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/model/model.h"

struct tui_frame;
struct tui_view;

/* What events are to somebody who steps through them. */
enum tui_kind {
	TUI_K_GC = 1 << 0,	/* a collection                                        */
	TUI_K_RELEASE = 1 << 1, /* a call that gave memory back, or let the kernel take it */
	TUI_K_MAP = 1 << 2,	/* a new mapping of TUI_BIG_MAP bytes or more          */
	TUI_K_FORK = 1 << 3,
	TUI_K_NOTE = 1 << 4,
	TUI_K_LOSS = 1 << 5,
	TUI_K_FAULT = 1 << 6,
	TUI_K_OTHER = 1 << 7, /* shown in the list of events, but nobody steps to it */
	TUI_K_BURST = 1 << 8, /* the first fault of a burst: tui_burst_from()        */
	TUI_K_STEP = TUI_K_GC | TUI_K_RELEASE | TUI_K_MAP | TUI_K_FORK | TUI_K_NOTE | TUI_K_LOSS,
};

#define TUI_BIG_MAP (1ULL << 20)

/*
 * A burst of faults: points of the timeline in which pages are touched at a tenth or
 * more of the highest rate of the session, and at TUI_BURST_LEAST a second or more.
 */
#define TUI_BURST_LEAST 1000

struct tui_happened {
	struct mp_event e;
	uint32_t nth;	/* among those of its time, from 0      */
	unsigned kinds; /* enum tui_kind                        */
	uint64_t stack; /* where it was done, 0 = not known     */
};

/* Events of a stretch, by time. */
struct tui_batch {
	struct tui_happened *v;
	size_t n, cap;
	size_t seen; /* all events that were handed over for it */
};

/*
 * Reads [t0, t1), at most `max` events of any sort. 0: b has all of the process's;
 * 1: there are more, and b is of no use but its `seen`; or -errno.
 */
int tui_past_read(const struct tui_frame *f, uint64_t t0, uint64_t t1, size_t max,
		  struct tui_batch *b);
void tui_batch_free(struct tui_batch *b);

/* What is around the moment looked at: near.c. */
struct tui_near {
	struct tui_batch all;
	uint64_t lo, hi; /* [lo, hi) is read; hi 0: nothing yet            */
	uint64_t step_lo, step_hi;
	bool start, end; /* there is nothing before lo, nothing behind hi  */
	uint32_t mm;	 /* whose                                          */
	int err;
	struct tui_near_row {
		size_t first, n; /* of `all`: one event, or a run of faults */
	} * row;
	size_t n_rows, cap_rows;
};
/* A slice of the way to them: true while there is more. */
bool tui_near_work(struct tui_frame *f);
void tui_near_free(struct tui_near *n);

/* Goes to the next (dir 1) or previous (-1) event of these kinds: at once, or in slices. */
void tui_seek(struct tui_frame *f, unsigned kinds, int dir);
/* A slice of an unfinished one: true while there is more. */
bool tui_seek_work(struct tui_frame *f);
/* A slice of all that the view and its panes wait for: true while there is more. The
 * frame is old then: see tui_take(). */
bool tui_past_work(struct tui_frame *f);
/* Faults a second from which a point is part of a burst. */
uint64_t tui_burst_from(const struct mp_timeline *tl);

#endif /* MEMPROF_TUI_PAST_H */
