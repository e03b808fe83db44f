/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gclog_auto.h - how the runtime of a command is told to log its collections: which runtime a
 * file is, and which environment variable turns its log on.
 *
 * Owns: the decision, and the words about it. Must not: start anything, change our own
 * environment.
 */
#ifndef MEMPROF_LIVE_GCLOG_AUTO_H
#define MEMPROF_LIVE_GCLOG_AUTO_H

#include <stdbool.h>
#include <stddef.h>

enum gclog_runtime { GCLOG_RT_NONE, GCLOG_RT_GO, GCLOG_RT_JVM, GCLOG_RT_NODE };

/*
 * Which of them runs when `path` is executed: by the file, not by its name alone. Scripts
 * are what their first line names, links what they lead to. *version: the JDK's feature
 * release (8, 17, ...), 0 = not known.
 */
enum gclog_runtime gclog_runtime_of(const char *path, unsigned *version);

/* What is to be set for a command, NAME=VALUE; env[0] is 0 where there is nothing. */
struct gclog_auto {
	enum gclog_runtime rt;
	char env[4096];
	bool tap;      /* the log comes through stderr ... */
	bool hide;     /* ... and is not to be seen there: it was not asked for before */
	bool file;     /* the log goes to the descriptor that was named */
	char say[256]; /* what was done, or why nothing was and what would help */
};

/* For the command's name as execvp() takes it. `log_fd`: an open file that the command
 * inherits under that number; what the variables are now is getenv()'s. */
void gclog_auto_plan(struct gclog_auto *a, const char *cmd, int log_fd);

#endif /* MEMPROF_LIVE_GCLOG_AUTO_H */
