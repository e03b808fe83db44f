/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * jvm_pools.h - HotSpot's probes mem__pool__gc__begin and __end put together to
 * collections. At the beginning and at the end of each one the JVM tells every memory pool
 * of its own, those of code and classes too (services/memoryManager.cpp).
 *
 * Pure: records in, a collection out. What the records say is the target's word.
 */
#ifndef MEMPROF_RT_JVM_POOLS_H
#define MEMPROF_RT_JVM_POOLS_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/events.h"

#define JVM_MANAGERS 8	/* a JVM has 1 to 4 */
#define JVM_POOLS    24 /* ... and 6 to 12  */
#define JVM_NAME     48
#define JVM_CAUSE    64

struct jvm_pool {
	uint64_t name;		  /* hash                         */
	bool heap, ended;	  /* ... not code or classes      */
	uint64_t before, after;	  /* bytes used                   */
	uint64_t cbefore, cafter; /* bytes committed              */
};

/* A collection under way, by the name of who does it. */
struct jvm_span {
	char manager[JVM_NAME]; /* "": free                        */
	bool open;
	uint64_t start, end; /* ns: of the first and last record    */
	uint64_t pauses;     /* ns that the program stood meanwhile */
	unsigned n, ended;
	char cause[JVM_CAUSE];
	struct jvm_pool pool[JVM_POOLS];
};

struct jvm_pools {
	struct jvm_span span[JVM_MANAGERS];
	unsigned most;	   /* pools that one collection told of    */
	uint64_t pause_at; /* ns: a pause began then, 0: none open */
};

struct jvm_gc {
	uint8_t kind;		    /* enum mp_gc_kind */
	uint64_t start, end, pause; /* ns; pause may be MP_UNKNOWN */
	/* Bytes of the heap; MP_UNKNOWN where pools are missing. */
	uint64_t before, after, cbefore, cafter;
	char cause[JVM_CAUSE]; /* "": not known */
};

/*
 * Takes a record of MP_WORDS_JVM_POOL. True: with it a collection ended, *gc tells it.
 * Pauses of G1 that collect nothing by themselves are none.
 */
bool jvm_pools_feed(struct jvm_pools *p, const struct mp_raw_words *r, struct jvm_gc *gc);

#endif /* MEMPROF_RT_JVM_POOLS_H */
