/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * diag.h - an error for a person: what failed, why, and one command that mends
 * it. Filled by whoever knows, printed once by the command.
 */
#ifndef MEMPROF_DIAG_H
#define MEMPROF_DIAG_H

/* Exit codes: part of the command line's contract. */
enum mp_exit {
	MP_EXIT_OK = 0,
	MP_EXIT_FAILURE = 1,
	MP_EXIT_FINDING = 2,
	MP_EXIT_NO_TARGET = 3,
	MP_EXIT_NOT_PERMITTED = 4,
	MP_EXIT_PARTIAL = 5,
	MP_EXIT_USAGE = 64,
};

struct mp_diag {
	int exit_code; /* enum mp_exit */
	char what[160];
	char cause[240];
	char fix[240];
};

/* Fills a diag; NULL texts stay as they are. Returns err, for `return`. */
int mp_diag_set(struct mp_diag *d, int err, int exit_code, const char *what, const char *cause,
		const char *fix);
/* printf into one of its texts. */
#define mp_diag_fmt(field, ...) ((void)snprintf((field), sizeof(field), __VA_ARGS__))

#endif /* MEMPROF_DIAG_H */
