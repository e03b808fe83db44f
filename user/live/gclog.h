/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gclog.h - a GC log read while it is written: of a command whose runtime was told to log,
 * or a file that a process writes anyway.
 *
 * Owns: the reading, the stamps, what is left out because probes tell it too. Must not:
 * parse (user/rt/gclog.h), hold up whoever writes the log.
 *
 * Probes win: a collection that ended after the probes of its runtime were in place comes
 * from them alone. The log tells those before, and all where no probe works. Counters that
 * are looked at now and then (HotSpot's) know less of each than its line: the log wins.
 */
#ifndef MEMPROF_LIVE_GCLOG_H
#define MEMPROF_LIVE_GCLOG_H

#include "user/live/session_int.h"

struct gclog;

/*
 * By s->o.gc_log: "auto" for s->o.cmd, or a file. Before threads and probes: see
 * gclog_tap.h. NULL stays s->gclog where nothing was asked for. -errno with diag.
 */
int gclog_open(struct mp_session *s, struct mp_diag *diag);
/* What the command is started with; all zero where nothing is. */
void gclog_with(const struct mp_session *s, struct launch_with *with);
/* The command has been started. */
void gclog_started(struct mp_session *s);
/* What has been written by now: in each tick, after the ring has been drained. */
void gclog_poll(struct mp_session *s);
/* The command has ended: the rest of its stderr is waited for, for a moment. */
void gclog_drain(struct mp_session *s);
/* That process's collections of that source come from the log, not from counters.
 * enum mp_heap_source */
bool gclog_tells(const struct mp_session *s, uint32_t mm, unsigned source);
/* ... and a JVM's pauses that collect nothing, whether it has probes or not. */
bool gclog_tells_pauses(const struct mp_session *s, uint32_t mm);
/* What was set up, for the user; NULL: nothing was asked for. */
const char *gclog_words(const struct mp_session *s);
void gclog_close(struct mp_session *s);

#endif /* MEMPROF_LIVE_GCLOG_H */
