/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * arrival.h - times of collections whose lines tell only the time since a start that nobody
 * told: by when the lines came.
 *
 * Owns: for each heap, the earliest instant that its time 0 can have been, by all that has
 * come. Must not: read clocks or files. A line comes after what it tells of, so an arrival
 * only ever moves a zero back. Lines that came together were written at different times: the
 * last of them is the one that the arrival is near to.
 */
#ifndef MEMPROF_RT_ARRIVAL_H
#define MEMPROF_RT_ARRIVAL_H

#include "user/rt/gclog.h"

#define MP_ARRIVAL_HEAPS 16

/* Zero is empty. */
struct mp_arrival {
	struct mp_arrival_heap {
		uint64_t heap; /* mp_gclog_gc.isolate                                  */
		/* of its newest run: CLOCK_MONOTONIC of its time 0, and the end of its last
		 * collection on its own clock, ns; then as they were before these lines */
		uint64_t zero, last, had_zero, had_last;
		bool had;
		unsigned batch;		  /* counts what came together              */
		uint64_t at_zero, at_end; /* of the line that was looked at before */
	} h[MP_ARRIVAL_HEAPS];
	unsigned n, batch;
};

/*
 * The stamps (of what gc->t is the time of, on CLOCK_MONOTONIC) of n collections whose lines
 * came together at `now`, in their order. `now` for one that does not tell its time. Heaps
 * beyond the table are stamped as if each line came alone.
 */
void mp_arrival_stamp(struct mp_arrival *a, const struct mp_gclog_gc *gc, size_t n, uint64_t now,
		      uint64_t *stamp);

#endif /* MEMPROF_RT_ARRIVAL_H */
