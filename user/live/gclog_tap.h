/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gclog_tap.h - a command's stderr led through a process of its own, which takes out the
 * lines of the runtime's GC log and passes on the rest, unchanged and at once.
 *
 * A process and not a thread: it stands between the command and its terminal, and must go on
 * when memprof is busy, stopped or killed, for as long as anybody writes to that end.
 */
#ifndef MEMPROF_LIVE_GCLOG_TAP_H
#define MEMPROF_LIVE_GCLOG_TAP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What the tap tells memprof: one of these, then `len` bytes of a line. In a pipe, so that
 * each comes whole (below PIPE_BUF). */
struct gclog_tap_rec {
	uint64_t ts; /* ns, CLOCK_MONOTONIC: when its end was read             */
	uint32_t len;
	uint32_t lost; /* lines before it that nobody took: memprof did not read */
};

struct gclog_tap {
	pid_t pid;  /* 0: none */
	int cmd_fd; /* the command's stderr: a terminal if ours is one, else a pipe */
	int log_fd; /* records, not blocking */
};

/*
 * Starts the process; before any thread and any probe, so that it holds none. What it passes
 * on goes to out_fd. `hide`: the lines are left out there, or else copied. 0 or -errno.
 */
int gclog_tap_start(struct gclog_tap *t, int out_fd, bool hide);
/* The command has its end: close ours, so that the last writer's end ends the tap. */
void gclog_tap_given(struct gclog_tap *t);
/* Lets go of it: it ends with the last writer. */
void gclog_tap_close(struct gclog_tap *t);

#endif /* MEMPROF_LIVE_GCLOG_TAP_H */
