/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * align.h - the times of a log on the clock of a recording, with the error of that.
 *
 * Owns: the arithmetic. Must not: read files, or know what a model or an event is. All
 * times are ns; "ts" is the recording's clock, CLOCK_MONOTONIC.
 *
 * Every stamp first gets an estimate by what it counts: the clock itself, wall time by the
 * clock readings of the recording, or the time since the runtime's start by the start of the
 * process. Then one shift for the whole log may be found by what the recording saw happen.
 */
#ifndef MEMPROF_RT_ALIGN_H
#define MEMPROF_RT_ALIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/rt/gclog.h"

/* How a log's times were found, most exact first but for GIVEN. */
enum mp_align_how {
	MP_ALIGN_NONE = 0,
	MP_ALIGN_GIVEN = 1,   /* by the user                                        */
	MP_ALIGN_MONO = 2,    /* its stamps are of the recording's clock            */
	MP_ALIGN_MATCH = 3,   /* by the same collections, as the recording saw them */
	MP_ALIGN_WALL = 4,    /* wall time, by the recording's readings of it       */
	MP_ALIGN_SILENCE = 5, /* by what threads did not do in pauses               */
	MP_ALIGN_RELEASE = 6, /* by memory given back behind collections            */
	MP_ALIGN_ORDER = 7,   /* between lines of a heap whose times are known      */
	MP_ALIGN_START = 8,   /* since the start, by the start of the process       */
	MP_ALIGN_MAX = 9,
};

/* "monotonic stamps", "wall clock", ...: never NULL. */
const char *mp_align_name(enum mp_align_how how);

/* What the clocks said at an instant of the recording. */
struct mp_align_clock {
	uint64_t ts, wall, boot;
};

/*
 * The instant at which the wall clock said `wall`: of several (somebody set it back) the
 * first that is not before `after`, of none (it was set forward) the nearest. *off: by how
 * much it is outside of all, 0 as a rule. MP_UNKNOWN: no clock was told.
 */
uint64_t mp_align_wall(const struct mp_align_clock *c, size_t n, uint64_t wall, uint64_t after,
		       uint64_t *off);
/* The instant at which CLOCK_BOOTTIME said `boot`. */
uint64_t mp_align_boot(const struct mp_align_clock *c, size_t n, uint64_t boot);

/*
 * When the runtime's time began, in a process whose program was started at `start`. With
 * `exact`, which an event of its exec gives, threads[] are when its first threads were made:
 * runtimes make them next to their first look at the clock. Else start is cut to 10 ms. *err:
 * half of the range it should lie in.
 */
#define MP_ALIGN_THREADS 8
uint64_t mp_align_start(enum mp_gclog_lang lang, uint64_t start, bool exact,
			const uint64_t *threads, size_t n, uint64_t *err);
/* What a stamp of such a log is cut or rounded to. */
uint64_t mp_align_grain(enum mp_gclog_lang lang);

/* A collection, of either side. Both sides' lists are in order of ts. */
struct mp_align_gc {
	uint64_t ts;		       /* of its end, as far as known */
	uint64_t pause, before, after; /* MP_UNKNOWN: not told */
};

struct mp_align {
	enum mp_align_how how;
	int64_t shift;	/* to be added to the estimates        */
	uint64_t err;	/* within so much of the truth, either way */
	unsigned n, of; /* found the same, of so many that could have been */
};

/*
 * The shift, at most `window`, by which collections of a log become those that a recording
 * saw: the one at which most agree in sizes and pause. `slack`: bytes by which their sizes
 * may differ. `likely`: shifts up to that need fewer that agree. False: no shift stands out
 * against chance, or no memory.
 */
bool mp_align_match(const struct mp_align_gc *log, size_t n, const struct mp_align_gc *rec,
		    size_t m, uint64_t slack, uint64_t likely, uint64_t window, struct mp_align *a);
/*
 * Which of the log's are which of the recording's: pair[i] is an index into rec + 1, or 0.
 * They agree and are no more than `tol` apart after the shift. Returns how many; *spread is the
 * largest distance left.
 */
size_t mp_align_pair(const struct mp_align_gc *log, size_t n, const struct mp_align_gc *rec,
		     size_t m, uint64_t slack, int64_t shift, uint64_t tol, uint32_t *pair,
		     uint64_t *spread);

/*
 * The shift at which releases follow collections: marks are the ends of calls that gave
 * memory back, in order. False: they do not stand out against chance.
 */
bool mp_align_release(const struct mp_align_gc *log, size_t n, const uint64_t *marks, size_t m,
		      uint64_t window, struct mp_align *a);
/*
 * The shift at which pauses fall where a thread that worked did nothing: marks are the
 * instants at which threads of the program itself faulted, in order.
 */
bool mp_align_silence(const struct mp_align_gc *log, size_t n, const uint64_t *marks, size_t m,
		      uint64_t window, struct mp_align *a);

#endif /* MEMPROF_RT_ALIGN_H */
