/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * runtime.h - what a source of a runtime nobody prepared is (src_v8.c, src_go.c,
 * src_jvm.c, ...), and what all of them share (runtimes.c).
 *
 * A source finds its runtime among the mapped files of a target, hangs probes on the file
 * or reads what the runtime keeps, and tells events of the family. It must not slow the
 * target down, write to it, or believe a byte of it.
 */
#ifndef MEMPROF_LIVE_RUNTIME_H
#define MEMPROF_LIVE_RUNTIME_H

#include "user/live/session_int.h"

struct runtime {
	const char *name;
	/* By its name alone: may this file hold the runtime's code? Searching a file takes
	 * a while, so it is asked first. */
	bool (*may_hold)(const char *path);
	/*
	 * A file that is mapped with code, or a command about to be run: probes are hung on
	 * it. Once for each file: a second probe would tell everything twice. fd stays the
	 * caller's. NULL: it has no probes.
	 */
	void (*file)(struct mp_session *s, int fd, const char *path);
	/* The target's mappings, whenever they have been read. NULL: not wanted. */
	void (*attach)(struct mp_session *s, struct target *t, const struct proc_maps *m);
	/* Every 100 ms while the target lives. NULL: it tells by probes only. */
	void (*poll)(struct mp_session *s, struct target *t, uint64_t now);
	/* A record of its probes. `t` is NULL for a target that has been left out already. */
	void (*words)(struct mp_session *s, struct target *t, const struct mp_raw_words *r);
	/* After the records that came until the last poll or later have been given to words():
	 * what a poll saw and can be told only with them. NULL: not wanted. */
	void (*drained)(struct mp_session *s, struct target *t);
	/* The target's process has ended; `ts` is when. NULL: not wanted. */
	void (*ended)(struct mp_session *s, struct target *t, uint64_t ts);
	/* The target is let go, or runs another program now: frees t->rt[]. NULL: keeps none. */
	void (*detach)(struct target *t);
};

extern const struct runtime runtime_v8;
extern const struct runtime runtime_python;
extern const struct runtime runtime_ruby;
extern const struct runtime runtime_go;
extern const struct runtime runtime_jvm_heap;
extern const struct runtime runtime_jvm;

/* runtimes.c */
/* Which way a feature was reached for the runtime found, or why not: for HOOKS and doctor. */
void runtime_tell(struct mp_session *s, enum mp_feature f, enum mp_rung rung, int err,
		  const char *why);
/* Why a probe could not be hung on a file: -errno in words. */
const char *runtime_why(int err);

#endif /* MEMPROF_LIVE_RUNTIME_H */
