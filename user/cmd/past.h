/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * past.h - what a view asks of the past, of a session or a recording, without standing still.
 *
 * Owns: what was asked for last, and whether it is there; states that are held. Must not: own
 * the history, draw.
 */
#ifndef MEMPROF_CMD_PAST_H
#define MEMPROF_CMD_PAST_H

#include <stdbool.h>
#include <stdint.h>

#include "user/model/model.h"
#include "user/rec/history.h"

#define MP_SLICE_NS 8000000ULL /* of a frame */

/* What the TUI asked for last, and whether it is there. */
struct mp_past {
	struct mp_history *h;
	bool want_state, want_window;
	uint64_t ts, t0, t1, width;
	uint32_t pid;
	struct mp_past_held {
		uint64_t ts;
		struct mp_model *m; /* NULL: nothing is held, or not yet: */
		bool want;
		int err; /* why there will be none */
	} held[2];
};

/* The state at a moment, a window of a process's timeline: NULL where it is not there yet, or is
 * not to be had. Good until the next question. As in tui/tui.h. */
const struct mp_model *mp_past_at(struct mp_past *p, uint64_t ts);
const struct mp_timeline *mp_past_window(struct mp_past *p, uint32_t pid, uint64_t t0, uint64_t t1,
					 uint64_t width);
/* A state that stays, in slot 0 or 1. NULL: errno says EAGAIN, or why there will be none. */
const struct mp_model *mp_past_hold(struct mp_past *p, unsigned slot, uint64_t ts);
/* Goes on toward what was asked for, for MP_SLICE_NS. True: there is more to do. */
bool mp_past_work(struct mp_past *p);
/* What is held; the history stays the caller's. */
void mp_past_free(struct mp_past *p);

#endif /* MEMPROF_CMD_PAST_H */
