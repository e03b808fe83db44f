/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gclog_event.h - a collection of a log as events of the stream.
 *
 * Owns: what of a log's record goes into which field, and the sum over the heaps of one
 * process: V8's isolates and gc/'s heaps each log their own figures, a process has one set.
 * Must not: know files, strings' ids or how a stamp was brought to the recording's clock.
 */
#ifndef MEMPROF_RT_GCLOG_EVENT_H
#define MEMPROF_RT_GCLOG_EVENT_H

#include "bpf/events.h"
#include "user/rt/gclog.h"

/* What each heap of a process was left with; zero is empty. Heaps beyond the table are not
 * summed: they are the last to have come. */
#define MP_GCLOG_HEAPS 64
struct mp_gclog_heaps {
	struct mp_gclog_heap {
		uint64_t id;		/* mp_gclog_gc.isolate */
		uint64_t after, cafter; /* bytes; MP_UNKNOWN   */
	} v[MP_GCLOG_HEAPS];
	unsigned n;
};

/* enum mp_heap_source; 0 for MP_GCLOG_NONE. */
unsigned mp_gclog_source(enum mp_gclog_lang lang);

/*
 * The events of one collection whose stamp (of its start or its end: gc->at_start) is `stamp`
 * on the recording's clock. ev[0] is its GC event, ts at its end, without mm and the reason's
 * id; ev[1] the HEAP event behind it, where the log tells more than the GC event does (a
 * goal). Returns how many: 1 or 2. Sizes are of all heaps of the process that h knows.
 */
int mp_gclog_events(struct mp_gclog_heaps *h, const struct mp_gclog_gc *gc, uint64_t stamp,
		    struct mp_event ev[2]);

/* Its reason as views show it: what the log says, or its name where it says none. Raw bytes
 * from outside. Returns buf. */
#define MP_GCLOG_REASON 176
char *mp_gclog_reason(const struct mp_gclog_gc *gc, char buf[MP_GCLOG_REASON]);

#endif /* MEMPROF_RT_GCLOG_EVENT_H */
