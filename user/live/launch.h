/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * launch.h - a command started as the calling user, held before its exec until
 * the probes are attached, so that no event of it is lost.
 */
#ifndef MEMPROF_LAUNCH_H
#define MEMPROF_LAUNCH_H

#include <stdbool.h>
#include <sys/types.h>

#include "user/util/diag.h"

struct launch {
	pid_t pid;    /* 0: none */
	int go_fd;    /* writing to it lets the command go */
	int err_fd;   /* errno of a failed exec arrives here; closed by a good one */
	int status;   /* wait status, when done */
	bool done;
};

/* What the command gets besides. */
struct launch_with {
	const char *env; /* NAME=VALUE, or NULL                             */
	int err_fd;	 /* its stderr; -1: as it would be                  */
	int keep_fd;	 /* stays open for it under its number; -1: nothing */
};

/*
 * Forks; the child waits. `argv` ends in NULL. out_fd >= 0: its output goes there and
 * its input is empty, because the terminal shows something else.
 */
int launch_prepare(struct launch *l, char *const argv[], int out_fd, const struct launch_with *with,
		   struct mp_diag *diag);
/* Lets it exec. On failure diag says why and exit_code is 126 or 127, as in env(1). */
int launch_go(struct launch *l, char *const argv[], struct mp_diag *diag);
/* Looks whether it has ended; sets done and status. */
void launch_reap(struct launch *l);
/* The exit status a shell would give for it. */
int launch_exit_code(const struct launch *l);
/* Asks a command that still runs to end (SIGTERM) and waits for it a second at most. */
void launch_end(struct launch *l);
/* Ends a child that was never let go. */
void launch_abort(struct launch *l);
/* Raises our limit on open files to what is allowed: a descriptor or two go to each process
 * that is watched. Commands get the old limit back. */
void launch_raise_files(void);
/* The file that execvp would run, or -ENOENT. */
int launch_which(const char *name, char *buf, unsigned size);

#endif /* MEMPROF_LAUNCH_H */
