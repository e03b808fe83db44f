/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tell.h - how the collector says what it does: one record of each collection, from
 * which events, USDT probes, log lines and the out-of-memory report are made.
 *
 * Owned by tell.c (events, probes) and log.c (text). Included by internal.h only.
 */
#ifndef MPGC_TELL_H
#define MPGC_TELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gc/gc_segment.h"

#define TELL_PHASES 16 /* more than there are of enum gc_seg_phase */

/* One collection. Times are ns, sizes bytes. The caller of tell_begin() gives kind and
 * reason, then ts, before, cbefore; that of tell_end() pause, after, cafter. */
struct gc_record_line {
	uint64_t ts, pause; /* begin of the pause, CLOCK_MONOTONIC; its length          */
	size_t before, after, cbefore, cafter; /* used and committed                    */
	unsigned kind, reason;		       /* enum gc_seg_kind, enum gc_seg_reason  */
	/* what tell.c adds */
	uint64_t number;	    /* of the collection in its heap, from 1                   */
	uint64_t mark_start;	    /* of the marking that it ends, 0: none before the pause   */
	uint64_t mark_ns, mark_max; /* marking before the pause, in slices; the longest */
	unsigned slices;
	unsigned percent;  /* of the heap's life so far that went into collections    */
	double mu, mu_avg; /* mutator utilisation, see tell.c                         */
	size_t goal, live, external, owed; /* goal: that of the cycle that ends here    */
	size_t space[GC_SEG_SPACES];	   /* used before it, by enum gc_seg_space      */
	uint64_t phase_ns[TELL_PHASES];	   /* by enum gc_seg_phase                      */
};

/* What a heap's teller remembers. Under the heap's lock. */
struct tell {
	uint64_t phase_at[TELL_PHASES]; /* when the open phase began        */
	uint64_t phase_ns[TELL_PHASES]; /* since the last collection's end  */
	uint64_t small_ns, small_work;	/* mark slices not told yet         */
	unsigned small;
	uint64_t major_end;
	double mu, mu_avg, mutator_ns, major_ns; /* running means */
	uint64_t gc_ns;				 /* ever          */
	uint64_t collections;
	size_t reused[GC_SEG_SPACES]; /* DIRTY pages taken again, not told yet */
	/* log */
	int style, fd; /* enum gc_log */
	bool own_fd;
	uint64_t released_bg, released_eager; /* bytes since the last scav line */
};

/* Who a log line is about. */
struct log_heap {
	int pid;
	const void *heap;
	unsigned id;
	const char *name;
	uint64_t start_ns;
	unsigned cpus;
};

enum log_release { LOG_RELEASE_BG, LOG_RELEASE_EAGER, LOG_RELEASE_FORCED };

struct gc_heap;
struct gc_options;

/* tell.c. All but the last two are called with the heap's lock. */
void tell_begin(struct gc_heap *h, struct gc_record_line *l);
void tell_end(struct gc_heap *h, struct gc_record_line *l);
/* The world stands still, and mutators had to be waited for. */
void tell_stop(struct gc_heap *h);
/* Incremental marking begins now; its slices are GC_PHASE_MARK phases. */
void tell_mark_start(struct gc_heap *h, unsigned reason);
/* A part of a collection; `work` in the unit that docs/counters-segment.md gives. */
void phase_begin(struct gc_heap *h, unsigned phase);
void phase_end(struct gc_heap *h, unsigned phase, uint64_t work);
/* The same, measured by the caller. */
void phase_told(struct gc_heap *h, unsigned phase, uint64_t ns, uint64_t work);
/* An madvise of `ns` on pages of the heap returned rc (0 or -errno). */
void tell_page_release(struct gc_heap *h, unsigned space, uintptr_t addr, size_t len, int advice,
		       uint64_t ns, int rc);
/* A round of releases ended. */
void tell_release(struct gc_heap *h, size_t bytes, enum log_release how);
/* Tells of DIRTY pages used again since the last time. */
void tell_reuse(struct gc_heap *h);
void tell_limit(struct gc_heap *h, unsigned what, size_t wanted, size_t limit);
void tell_type(struct gc_heap *h, unsigned id, const char *name);

/* log.c. */
int log_init(struct gc_heap *h, const struct gc_options *o);
void log_close(struct gc_heap *h);
void log_who(const struct gc_heap *h, struct log_heap *who);
/* A line with its newline and NUL; returns its length, cut to size. */
size_t log_format(char *buf, size_t size, int style, const struct log_heap *who,
		  const struct gc_record_line *l);
void log_collection(struct gc_heap *h, const struct gc_record_line *l);
void log_release(struct gc_heap *h, size_t bytes, enum log_release how);

#endif /* MPGC_TELL_H */
