/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * joined.h - what was made of the GC logs joined to a recording, as text and JSON.
 *
 * Owns: the words. The numbers come from who joined them (user/rt/join.h).
 */
#ifndef MEMPROF_VIEW_JOINED_H
#define MEMPROF_VIEW_JOINED_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "user/view/json.h"
#include "user/view/text.h"

struct mp_joined_file {
	const char *path, *runtime, *variant; /* NULL: no collection in it */
	uint64_t n_lines, bytes, events, bad;
	/* what became of the events */
	uint64_t joined, same, before, after, other, unplaced, dropped;
};

/* How the times of one heap's collections were found. */
struct mp_joined_clock {
	unsigned file;
	uint32_t pid;
	uint64_t heap;	 /* 0: not told */
	const char *how; /* "none": they were not */
	bool has_zero;
	int64_t zero;  /* ns from the recording's start to the log's time 0 */
	int64_t shift; /* ns that were added to the stamps' own             */
	uint64_t err;  /* ns                                                */
	unsigned agree, of;
	uint64_t n;	    /* collections in the recording's time */
	const char *remark; /* why not, or what to beware of; NULL */
};

struct mp_joined {
	size_t n_files, n_clocks;
	struct mp_joined_file *files;
	struct mp_joined_clock *clocks;
};

/* The member "gc_log". */
void mp_joined_json(struct mp_json *j, const struct mp_joined *g);
void mp_joined_text(FILE *f, const struct mp_term *term, const struct mp_joined *g);

#endif /* MEMPROF_VIEW_JOINED_H */
