/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * log.h - what the daemon says: lines on stderr, which the journal or a terminal reads.
 *
 * Owns: cleaning what comes from outside, how many lines there may be. Must not: wait, end the
 * daemon when nobody reads.
 */
#ifndef MEMPROF_DAEMON_LOG_H
#define MEMPROF_DAEMON_LOG_H

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
