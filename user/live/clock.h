/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * clock.h - when the relation between the clocks is worth telling again.
 *
 * Pure but for clock_now(): a test writes the readings by hand, since no test may set the
 * machine's clock.
 */
#ifndef MEMPROF_CLOCK_H
#define MEMPROF_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/events.h"

#define CLOCK_TELL_NS 60000000000ULL /* told at least this often              */
#define CLOCK_JUMP_NS 10000000LL     /* what no slewing does from tick to tick */

/* The three clocks at one instant, ns. */
struct clock_reading {
	uint64_t mono, wall, boot;
};

/* What was read last, and when it was told last. Zeroed at the start. */
struct clock_watch {
	struct clock_reading last;
	uint64_t told; /* CLOCK_MONOTONIC, 0 = never */
};

/* Reads all three as close together as it gets. */
void clock_now(struct clock_reading *r);
/*
 * True when *e, an MP_EV_CLOCK of r, is to be told: at first, every minute, and when a
 * clock has moved against CLOCK_MONOTONIC by more than CLOCK_JUMP_NS since the reading
 * before.
 */
bool clock_tell(struct clock_watch *w, const struct clock_reading *r, struct mp_event *e);

#endif /* MEMPROF_CLOCK_H */
