/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gclog_split.h - Go's gctrace lines taken out of what a program writes to stderr.
 *
 * Owns: which bytes belong to a line of the runtime. Must not: read, write or wait. All other
 * bytes come out as they went in and in their order; held back is only what may still become
 * a line of the runtime, and the caller asks for that back when nothing follows.
 */
#ifndef MEMPROF_RT_GCLOG_SPLIT_H
#define MEMPROF_RT_GCLOG_SPLIT_H

#include <stddef.h>

#define MP_SPLIT_LINE  512  /* bytes; a line of gctrace has some 150 */
#define MP_SPLIT_ASIDE 4096 /* bytes of writes in the middle of one  */

struct mp_gclog;

struct mp_split {
	struct mp_gclog *grammar;
	int is_gc; /* set by it */
	size_t n;  /* held */
	char held[MP_SPLIT_LINE];
	/* Writes that came between those of the line, and all of it as it came: which of the
	 * two goes out is known when the line is whole. */
	size_t n_aside, n_all;
	char aside[MP_SPLIT_ASIDE], all[MP_SPLIT_ASIDE + MP_SPLIT_LINE];
	/* the program's bytes; a line of the runtime, with its end */
	void (*rest)(void *ctx, const char *bytes, size_t n);
	void (*line)(void *ctx, const char *bytes, size_t n);
	void *ctx;
};

/* rest, line and ctx are the caller's to set before. 0 or -ENOMEM. */
int mp_split_init(struct mp_split *s);
void mp_split_free(struct mp_split *s);
void mp_split_feed(struct mp_split *s, const char *bytes, size_t n);
/* The bytes of one write, where the stream tells writes apart: what a thread of the program
 * wrote between two of the runtime's is told by not going on with the line. */
void mp_split_write(struct mp_split *s, const char *bytes, size_t n);
/* Nothing follows, or not for a while: what is held goes out as the program's. */
void mp_split_flush(struct mp_split *s);

#endif /* MEMPROF_RT_GCLOG_SPLIT_H */
