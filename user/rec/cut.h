/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cut.h - a part of a recording as a recording: some processes, a stretch of time.
 *
 * Owns: reading the one and writing the other. Must not: print, or leave half a file behind.
 */
#ifndef MEMPROF_CUT_H
#define MEMPROF_CUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What to keep. Times are CLOCK_MONOTONIC ns, as in the stream. */
struct mp_cut_choice {
	const uint32_t *pids; /* processes with these numbers, whenever they ran */
	size_t n_pids;
	const uint32_t *mms; /* address spaces, and what their processes run after them */
	size_t n_mms;	     /* neither pids nor mms: all processes */
	uint64_t from; /* 0: from the start, behind the state that it begins with, if it does */
	uint64_t to;   /* 0 or MP_UNKNOWN: to the end */
};

struct mp_cut_info {
	uint64_t first, last; /* instants of what was kept, ns; 0 = nothing */
	uint64_t bytes;	      /* of the new file */
	size_t processes;     /* that it tells of */
	bool truncated;	      /* the old one has no end mark, or parts of it are unreadable */
};

/*
 * Reads `in` and writes `out`, a new file as mp_create_file() makes it, or a descriptor (out
 * NULL, fd), which stays open. It begins with META and the state at `from`. ended() may end it
 * early: -EINTR (NULL: nobody asks). 0, or -errno: of `in` as mp_reader_open() says, -ESRCH:
 * none of the chosen is in it, -ERANGE: nothing of it is in that time, or what writing said. A
 * file that was not finished is removed. info may be NULL.
 */
int mp_cut(const char *in, const char *out, int fd, const struct mp_cut_choice *choice,
	   bool (*ended)(void), struct mp_cut_info *info);

#endif /* MEMPROF_CUT_H */
