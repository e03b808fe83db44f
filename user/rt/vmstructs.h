/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * vmstructs.h - where a HotSpot JVM has its heap and its counters, by the table of
 * structures that every libjvm keeps for debuggers (runtime/vmStructs.hpp).
 *
 * Owns: walking that table through a function that reads the JVM's memory. Must not: know
 * how it reads. Not a byte of what is read is believed: names are compared, steps are
 * bounded, and a range that cannot be a heap is refused.
 */
#ifndef MEMPROF_RT_VMSTRUCTS_H
#define MEMPROF_RT_VMSTRUCTS_H

#include <stddef.h>
#include <stdint.h>

/* The variable of libjvm that points to the table (runtime/vmStructs.cpp, JDK 6 to 25). */
#define VMSTRUCTS_SYMBOL "gHotSpotVMStructs"

/* Reads len bytes of the JVM's memory, all or nothing: 0 or a negative errno. */
typedef int (*vmstructs_read)(void *ctx, uint64_t addr, void *buf, size_t len);

/* What the table is asked for; a set. */
enum vmstructs_what {
	VMSTRUCTS_HEAP = 0xf,  /* for vmstructs_heap() */
	VMSTRUCTS_PERF = 0x30, /* for vmstructs_perf() */
};

struct vmstructs {
	uint64_t heap;	   /* address of Universe::_collectedHeap, a pointer  */
	uint64_t reserved; /* offset of the MemRegion _reserved in that heap */
	uint64_t start;	   /* offsets in a MemRegion                         */
	uint64_t words;
	uint64_t perf_start; /* addresses of PerfMemory::_start, a pointer, and _capacity */
	uint64_t perf_capacity;
	unsigned found; /* of enum vmstructs_what */
};

/*
 * Finds what is wanted (enum vmstructs_what) in the table that the variable at `symbol`
 * points to. -ENOENT: the table has not all of it; -EINVAL: it is no such table; or what the read
 * gave.
 */
int vmstructs_find(vmstructs_read read, void *ctx, uint64_t symbol, unsigned want,
		   struct vmstructs *out);

/*
 * The addresses that are reserved for the heap, [start, end), on pages. -EAGAIN: none yet,
 * or a heap that does not keep it there (ZGC); -EINVAL: what is there cannot be one.
 */
int vmstructs_heap(vmstructs_read read, void *ctx, const struct vmstructs *v, uint64_t *start,
		   uint64_t *end);

/* Where the counters (hsperf.h) lie. -EAGAIN: there are none, or not yet. */
int vmstructs_perf(vmstructs_read read, void *ctx, const struct vmstructs *v, uint64_t *addr,
		   uint64_t *len);

#endif /* MEMPROF_RT_VMSTRUCTS_H */
