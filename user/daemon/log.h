/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * log.h - what the daemon says: lines on stderr, which the journal or a terminal reads.
 *
 * Owns: cleaning what comes from outside, how many lines there may be, those that nobody has read
 * yet. Must not: wait but in dm_log_stop(), end the daemon when nobody reads.
 */
#ifndef MEMPROF_DAEMON_LOG_H
#define MEMPROF_DAEMON_LOG_H

#include <stdbool.h>

#define DM_LOG_WAITING (64u << 10) /* bytes that wait for a reader */

/*
 * From here on lines wait for a thread to write them, at most DM_LOG_WAITING bytes of them: a
 * terminal that was stopped or a full pipe holds nobody up. A line that finds no room is left out,
 * and the first that finds room again stands behind one that says how many. Before it, and without
 * it, who says something writes it. 0 or -errno. After privileges were dropped: a thread keeps what
 * it has.
 */
int dm_log_start(void);
/* What waits has a second more. False: nobody reads, and whoever wrote now would wait. */
bool dm_log_stop(void);

/* Whole lines as they are, however many there are in a second: they go out, or are left out,
 * together. */
void dm_log_text(const char *lines);
/* One line, "memprof: ...", without its end. Beyond ten a second lines are left out; the next
 * one that is said tells how many. */
__attribute__((format(printf, 1, 2))) void dm_log(const char *fmt, ...);

/*
 * sd_notify(3), by hand: lines of state to the socket in $NOTIFY_SOCKET, if there is one.
 * Nobody there is no error.
 */
void dm_notify(const char *state);
/* ns between two signs of life that the service manager asks for (sd_watchdog_enabled(3)); 0:
 * it asks for none. */
unsigned long long dm_watchdog_ns(void);

#endif /* MEMPROF_DAEMON_LOG_H */
