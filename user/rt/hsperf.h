/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * hsperf.h - the counters that every HotSpot JVM keeps in a file (jstat reads them too):
 * hsperfdata 2.0, src/hotspot/share/runtime/perfMemory.hpp, the same from JDK 8 to 25.
 *
 * Owns: the layout and what the counters mean by collector. Pure: bytes in, figures out.
 * The bytes are the target's and are not believed: every offset is checked when it is used.
 */
#ifndef MEMPROF_RT_HSPERF_H
#define MEMPROF_RT_HSPERF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HSPERF_MAX	  (1u << 20) /* bytes of a file; 32 KiB unless -XX:PerfDataMemorySize= */
#define HSPERF_COLLECTORS 3
#define HSPERF_GENS	  2
#define HSPERF_GEN_SPACES 3
#define HSPERF_NAME	  48
#define HSPERF_NO_CAUSE	  "No GC" /* what a cause reads while nothing is collected */

/* Told apart because their counters mean different things. */
enum hsperf_kind {
	HSPERF_UNKNOWN = 0,
	HSPERF_SERIAL,
	HSPERF_PARALLEL,
	HSPERF_CMS,
	HSPERF_G1,
	HSPERF_Z,
	HSPERF_SHENANDOAH,
};

/* Where each counter lies: found once, they do not move while the JVM runs. */
struct hsperf {
	uint32_t entries; /* when they were looked for: a JVM that starts adds some */
	uint32_t used;
	uint32_t at[64];   /* by number in hsperf.c; 0: there is no such counter     */
	uint32_t text[16]; /* the same of texts                                      */
};

/* A collector's counters, ticks since the JVM's start. */
struct hsperf_collector {
	bool present;
	bool running;	      /* a pause has begun and not ended                      */
	uint64_t count;	      /* pauses that have ended                               */
	uint64_t time;	      /* ticks of all of them                                 */
	uint64_t entry, exit; /* ticks: the last one                              */
};

struct hsperf_space {
	char name[HSPERF_NAME];	  /* "" : no such space */
	uint64_t used, committed; /* bytes */
};

struct hsperf_values {
	enum hsperf_kind kind;
	uint64_t frequency; /* ticks a second                                      */
	uint64_t ticks;	    /* now and then set to the ticks since the start       */
	/* The heap in bytes; MP_UNKNOWN where the counters do not tell. */
	uint64_t used, committed, limit;
	uint64_t eden_used; /* ... of which in eden; MP_UNKNOWN: there is none    */
	uint64_t eden_capacity;
	struct hsperf_space space[HSPERF_GENS * HSPERF_GEN_SPACES + 2];
	unsigned n_spaces;
	struct hsperf_collector gc[HSPERF_COLLECTORS];
	char cause[64]; /* of the last collection, or the one under way; "": none yet */
};

/*
 * Finds the counters in the bytes of the whole file. 0; -EINVAL: no such file, or damaged;
 * -EAGAIN: the JVM is still filling it.
 */
int hsperf_index(const void *data, size_t size, struct hsperf *h);
/* Have counters been added, or is it another file? Then hsperf_index() again. */
bool hsperf_changed(const void *data, size_t size, const struct hsperf *h);
/*
 * The figures in it. `from` is the number of the survivor space that had objects last: 0,
 * 1, or -1 when it is not known; it is updated. The other one is not counted as committed:
 * nor does the JVM itself. -EINVAL: not the file that h is of.
 */
int hsperf_read(const void *data, size_t size, const struct hsperf *h, int *from,
		struct hsperf_values *v);
/* Where the cause of the collection under way lies, 0: nowhere. */
uint32_t hsperf_cause_at(const struct hsperf *h);
/* "Serial", "G1", ...; "" for HSPERF_UNKNOWN. */
const char *hsperf_kind_name(enum hsperf_kind k);

#endif /* MEMPROF_RT_HSPERF_H */
