/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * go.h - what Go's runtime keeps in its variables, as figures. Pure: words in, struct out.
 *
 * Owns: where each field lies by version (go_layout.c), what the fields mean (go.c), where
 * the code of a program shows the variables to be (go_code.c). Must not: read a process.
 */
#ifndef MEMPROF_RT_GO_H
#define MEMPROF_RT_GO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Offsets in bytes of one range of versions. ctl_: in runtime.gcController, ms_: in
 * runtime.memstats; hs_: in each of the three runtime.heapStatsDelta at its beginning.
 */
struct go_layout {
	unsigned from, to; /* minor versions: 19 is Go 1.19 */
	uint16_t ctl_limit, ctl_goal, ctl_sweep, ctl_triggered, ctl_live, ctl_marked;
	uint16_t ctl_start, ctl_inuse, ctl_released, ctl_free, ctl_alloc, ctl_freed, ctl_ready;
	uint16_t ms_sys; /* stacks, mspan, mcache, buckhash, gcMisc, other: 6 words */
	uint16_t ms_pause_ns, ms_pause_end, ms_numgc;
	uint16_t hs_size, hs_stacks; /* inStacks, inWorkBufs and, ...  */
	uint8_t hs_words;	     /* ... where 3, inPtrScalarBits   */
	uint8_t headroom;	     /* percent below a memory limit that the goal stays */
};

/* The minor version of "go1.22.1", "devel go1.27-abc ..."; 0: none. */
unsigned go_minor(const char *version);
/* The table for it. Of a version since 1.21 without one that of the version before it, with
 * *guess = true: what is read by it has to prove itself. NULL: none. */
const struct go_layout *go_layout_of(unsigned minor, bool *guess);
/* The table that is as `l` in gcController and has numgc so far from memstats' beginning. */
const struct go_layout *go_layout_by_counter(const struct go_layout *l, uint64_t distance);

#define GO_CTL_WORDS 44 /* of runtime.gcController, enough for every version known */
#define GO_SYS_WORDS 6
#define GO_RING	     256 /* pauses that the runtime keeps */

/* Bytes, by names of runtime.MemStats where it has the figure. */
struct go_figures {
	uint64_t alloc;	   /* HeapAlloc: objects, those found dead and not swept yet too */
	uint64_t live;	   /* heapLive: found live by the last cycle, and allocated since */
	uint64_t marked;   /* found live by the last cycle                                */
	uint64_t inuse;	   /* HeapInuse: spans that hold objects                          */
	uint64_t idle;	   /* HeapIdle - HeapReleased: kept, may be resident              */
	uint64_t released; /* HeapReleased                                                */
	uint64_t goal;	   /* NextGC, MP_UNKNOWN: none (GOGC=off)                         */
	uint64_t limit;	   /* GOMEMLIMIT, MP_UNKNOWN: none                                */
	uint64_t start;	   /* of the last cycle: its nanotime(), CLOCK_MONOTONIC          */
};

/*
 * The figures in n words of runtime.gcController. -EINVAL: they cannot be right (a cut
 * through an update, or another layout); *f is untouched then.
 */
int go_figures(const struct go_layout *l, const uint64_t *words, size_t n, struct go_figures *f);
/* Bytes of objects, live or not yet found dead: what the model calls used. */
uint64_t go_used(const struct go_figures *f);

/* The memory of MemStats that is not heap, bytes. */
struct go_system {
	uint64_t stacks; /* StackSys */
	uint64_t gc;	 /* GCSys    */
	uint64_t other;	 /* MSpanSys + MCacheSys + BuckHashSys + OtherSys */
};
/* From the words at ms_sys and those at hs_stacks of the three deltas. -EINVAL as above. */
int go_system(const uint64_t sys[GO_SYS_WORDS], const int64_t in_heap[3][3], struct go_system *g);

/* The runtime's own record of the last collections, oldest overwritten. */
struct go_pauses {
	uint64_t ns[GO_RING];  /* how long the world stood still            */
	uint64_t end[GO_RING]; /* when it ended, CLOCK_REALTIME ns          */
	uint32_t numgc;	       /* collections so far                        */
};
/*
 * The pause of the collection whose marking ended at `wall` (CLOCK_REALTIME ns): the first
 * one that ended after it. MP_UNKNOWN: it is not in there, or not yet.
 */
uint64_t go_pause(const struct go_pauses *p, uint64_t wall);

/*
 * In x86-64 code of n bytes that lies at address `at`: what the call of `target` gets as its
 * first argument, an address (lea x(%rip),%rax before the call). 0: not found.
 */
uint64_t go_code_argument(const uint8_t *code, size_t n, uint64_t at, uint64_t target);
/* ... : the lower one of two 32-bit counters side by side that it counts up. 0: not found. */
uint64_t go_code_counters(const uint8_t *code, size_t n, uint64_t at);

#endif /* MEMPROF_RT_GO_H */
