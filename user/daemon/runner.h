/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * runner.h - a process that runs the commands of targets. It is made before the daemon attaches
 * anything, becomes an ordinary user for good, and is told what to run: so a daemon that stays
 * root, and cannot become somebody else any more, never runs a command as root.
 *
 * Owns: that process, one command after the other, their time. Must not: wait, but in its own
 * process; know incidents.
 */
#ifndef MEMPROF_DAEMON_RUNNER_H
#define MEMPROF_DAEMON_RUNNER_H

#include "user/daemon/config.h"
#include "user/util/diag.h"

#define DM_COMMAND_MAX 8192	      /* bytes of a command and what it is told */
#define DM_COMMAND_NS  60000000000ULL /* that it may take */
#define DM_NOT_STARTED 127	      /* the exit code of what could not be */
#define DM_TOO_LONG    124	      /* ... of what was ended, as timeout(1) has it */

struct dm_runner;

/* What a command is told, by its environment and as its folder. */
struct dm_command {
	const char *command, *incident, *group, *trigger;
	uint32_t pid;
};

/* Root's becomes c->user, or without that c->command_user; anybody else's stays who it is. Call
 * it while there is one thread. 0, or -errno with diag. */
int dm_runner_start(const struct dm_config *c, struct dm_runner **out, struct mp_diag *diag);
/* Ends it and what it runs. NULL is allowed. */
void dm_runner_free(struct dm_runner *r);
/* Runs it after those asked for before. 0; -EAGAIN: too many wait; -errno: it is gone. */
int dm_runner_ask(struct dm_runner *r, uint32_t id, const struct dm_command *k);
/* The next one that is over and its exit code, 128 and more: by a signal. 0: none; 1; -EPIPE:
 * the process is gone, and so is what was asked of it. */
int dm_runner_over(struct dm_runner *r, uint32_t *id, int *code);

/* In a child: signals as a program expects them. A mask, and a SIGPIPE that is ignored, are the
 * daemon's and would be inherited. Allocates nothing. */
void dm_plain_signals(void);

#endif /* MEMPROF_DAEMON_RUNNER_H */
