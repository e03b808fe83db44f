/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gclog.h - GC logs of V8, Go, HotSpot and gc/, line by line, to collections.
 *
 * Owns: the grammars and what a file is found to be. Must not: read files, keep more than
 * one record, or trust a line: whatever is no record of a collection is passed over, and
 * what begins like one and cannot be read is counted.
 *
 * What was measured of real logs is in the comments of each grammar's file.
 */
#ifndef MEMPROF_RT_GCLOG_H
#define MEMPROF_RT_GCLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/events.h"

/* Whose words a line was in. */
enum mp_gclog_lang {
	MP_GCLOG_NONE = 0, /* no collection, or not one's whole record */
	MP_GCLOG_V8,
	MP_GCLOG_V8_NVP,
	MP_GCLOG_GO,
	MP_GCLOG_UNIFIED, /* HotSpot 9 and later     */
	MP_GCLOG_LEGACY,  /* HotSpot 8               */
	MP_GCLOG_MPGC,	  /* gc/'s JSON              */
	MP_GCLOG_LANGS,
};

/* "v8" "go" "jvm" "gc"; "" for none. */
const char *mp_gclog_runtime(enum mp_gclog_lang lang);
/* "trace-gc", "trace-gc-nvp", "gctrace", "unified", "print-gc", "jsonl". */
const char *mp_gclog_variant(enum mp_gclog_lang lang);

/*
 * A collection, or one pause or cycle of a concurrent one. Sizes in bytes, times in ns;
 * MP_UNKNOWN is what the line does not say.
 */
struct mp_gclog_gc {
	enum mp_gclog_lang lang;
	uint8_t kind;		  /* enum mp_gc_kind                                       */
	bool concurrent;	  /* a cycle: pause is unknown, or its length is `span`    */
	bool at_start;		  /* the stamps are of its start; else of its end          */
	uint64_t t;		  /* since the runtime, or V8's isolate, started           */
	uint64_t wall;		  /* CLOCK_REALTIME                                        */
	uint64_t mono;		  /* CLOCK_MONOTONIC                                       */
	uint64_t pause;		  /* the program stood still                               */
	uint64_t span;		  /* from its start to its end, of a concurrent one        */
	uint64_t before, after;	  /* objects, or the heap in use: as the runtime counts */
	uint64_t marked;	  /* the heap when a concurrent cycle had found what is dead: what
				   * a source on the spot tells as `before`. MP_UNKNOWN: `before` */
	uint64_t cbefore, cafter; /* committed                                      */
	uint64_t goal;
	uint64_t released; /* given back to the system since the collection before  */
	uint64_t id;	   /* its number, as printed                                */
	uint64_t isolate;  /* V8, gc/: tells the heaps of one process apart         */
	uint32_t pid;	   /* as printed, so its own in a container; 0: not told    */
	bool wall_local;   /* no zone was printed with `wall`: it is as if UTC      */
	char name[64];	   /* as printed, details included                          */
	char reason[96];   /* "" where none was printed                             */
};

struct mp_gclog_stats {
	uint64_t lines, bytes;
	uint64_t events;   /* collections handed out          */
	uint64_t bad;	   /* began like one, was not whole   */
	uint64_t repeated; /* V8: lines of "Last few GCs"     */
	uint64_t of[MP_GCLOG_LANGS];
};

struct mp_gclog;

/* fn gets each collection when its record is whole; what it gets is gone after it. Its
 * first non-zero result is kept and nothing more is read. NULL: no memory. */
struct mp_gclog *mp_gclog_new(int (*fn)(void *ctx, const struct mp_gclog_gc *gc), void *ctx);
void mp_gclog_free(struct mp_gclog *l);
/* The next n bytes, lines cut anywhere. A line beyond MP_GCLOG_LINE is read to there. 0, or
 * what fn said. */
#define MP_GCLOG_LINE 65536
int mp_gclog_feed(struct mp_gclog *l, const char *bytes, size_t n);
/* Nothing more has been written for now: a collection that waits for what may be said of it
 * behind its line is handed out. Half a line, or half a record, goes on waiting. */
int mp_gclog_idle(struct mp_gclog *l);
/* The end of the file: a last line without an end, what was waiting. Another may begin. */
int mp_gclog_end(struct mp_gclog *l);
const struct mp_gclog_stats *mp_gclog_stats(const struct mp_gclog *l);
/* What most of its collections were written in. */
enum mp_gclog_lang mp_gclog_lang(const struct mp_gclog_stats *s);

#endif /* MEMPROF_RT_GCLOG_H */
