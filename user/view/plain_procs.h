/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * plain_procs.h - plain lines of several processes: each line names its process and its
 * figures, so that it can be read aloud, or by a program, without the line above it.
 *
 * Must not: read a clock or change the model; plain.c says when.
 */
#ifndef MEMPROF_VIEW_PLAIN_PROCS_H
#define MEMPROF_VIEW_PLAIN_PROCS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "user/model/model.h"
#include "user/view/text.h"

/* What the last lines told of, to tell what has changed since. */
struct mp_plain_procs {
	struct mp_plain_proc {
		uint32_t pid;
		uint64_t start;
		uint64_t faults, minor, major, other, dropped;
		bool ended;
	} * v;
	size_t n, cap;
	uint64_t forgotten; /* of the model, then */
};

/* More than one process was seen: lines name them. */
bool mp_plain_several(const struct mp_model *m);
/* What is known already is no news. 0 or -ENOMEM. */
int mp_plain_procs_begin(struct mp_plain_procs *ps, const struct mp_model *m);
/*
 *   "1.000 s cc (103): is watched, child of 101"
 *   "1.000 s ld (102): killed by signal 9"
 *   "1.000 s cc (103): RSS 200 M, used 150 M, owed 30.0 M, faults 1200 a second, ..."
 *   "1.000 s all: 3 processes, RSS 230 M, 12 ended"
 * for those that run, the largest first, at most MP_PLAIN_PROCS of them. What is not known
 * is left out. ts: the end of the interval, which began dt ns before. 0 or -ENOMEM.
 */
#define MP_PLAIN_PROCS 20
int mp_plain_procs_lines(struct mp_plain_procs *ps, FILE *f, const struct mp_term *term,
			 const struct mp_model *m, uint64_t ts, uint64_t dt);
/* At the end, a sentence for each: "cc (103): highest 200 M, 1234 faults, exited 0 at ...". */
int mp_plain_procs_end(FILE *f, const struct mp_term *term, const struct mp_model *m);
void mp_plain_procs_free(struct mp_plain_procs *ps);

#endif /* MEMPROF_VIEW_PLAIN_PROCS_H */
