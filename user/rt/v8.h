/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * v8.h - one line of V8's --trace-gc to numbers. Pure: text in, struct out.
 */
#ifndef MEMPROF_RT_V8_H
#define MEMPROF_RT_V8_H

#include <stdbool.h>
#include <stdint.h>

#include "user/rt/scan.h"

struct v8_gc {
	double ms;		  /* since the isolate's start, at the END of the collection */
	uint64_t isolate;	  /* its address: tells the isolates of a process apart      */
	uint8_t kind;		  /* enum mp_gc_kind */
	uint64_t before, after;	  /* bytes of objects   */
	uint64_t cbefore, cafter; /* bytes committed    */
	uint64_t pooled;	  /* bytes kept for later in no counter; MP_UNKNOWN before 22 */
	uint64_t pause_ns;
	char name[48];	 /* as printed, flags included: "Mark-Compact (reduce)" */
	char reason[96]; /* "allocation failure" or "task; GC in old space requested" */
};

/*
 * Parses "[pid:isolate] T ms: Name a (b) -> c (d) MB, ..." as Node 8 to 26 print
 * it (V8: src/heap/gc-tracer.cc, GCTracer::Output). 0, or -EINVAL for a line that
 * is no collection; *g is untouched then.
 */
int v8_gc_parse(const char *line, struct v8_gc *g);

/*
 * What --max-old-space-size limits the old generation of every isolate to: in the
 * arguments of a node as /proc/PID/cmdline has them, and in its environment (NODE_OPTIONS),
 * which the arguments override. Bytes; 0: not given; MP_UNKNOWN: it may be, or something
 * else has a say in it. V8's own heap_size_limit has the young generation on top of it,
 * 32 to 192 MB by version.
 */
uint64_t v8_limit_in_args(const char *args, size_t len);
uint64_t v8_limit_in_environ(const char *env, size_t len);

/* The parts of it, for logs. "[pid:isolate] T ms:": s goes behind it. */
bool v8_gc_head(struct scan *s, uint64_t *isolate, uint64_t *ns);
/* All behind that: sets everything but `ms` and `isolate`. False: no collection. */
bool v8_gc_body(struct scan s, struct v8_gc *g);

#endif /* MEMPROF_RT_V8_H */
