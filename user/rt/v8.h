/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * v8.h - one line of V8's --trace-gc to numbers. Pure: text in, struct out.
 */
#ifndef MEMPROF_RT_V8_H
#define MEMPROF_RT_V8_H

#include <stdint.h>

struct v8_gc {
	double ms;         /* since the isolate's start, at the END of the collection */
	uint64_t isolate;  /* its address: tells the isolates of a process apart      */
	uint8_t kind;      /* enum mp_gc_kind */
	uint64_t before, after;   /* bytes of objects   */
	uint64_t cbefore, cafter; /* bytes committed    */
	uint64_t pause_ns;
	char name[48];     /* as printed, flags included: "Mark-Compact (reduce)" */
	char reason[96];   /* "allocation failure" or "task; GC in old space requested" */
};

/*
 * Parses "[pid:isolate] T ms: Name a (b) -> c (d) MB, ..." as Node 8 to 26 print
 * it (V8: src/heap/gc-tracer.cc, GCTracer::Output). 0, or -EINVAL for a line that
 * is no collection; *g is untouched then.
 */
int v8_gc_parse(const char *line, struct v8_gc *g);

#endif /* MEMPROF_RT_V8_H */
