/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * privileges.h - what the daemon holds of root's powers, for what, and until when.
 *
 * Owns: the table of capabilities with the reason for each (memprof doctor prints it), giving
 * up all others, becoming another user. Must not: decide what is probed.
 */
#ifndef MEMPROF_DAEMON_PRIVILEGES_H
#define MEMPROF_DAEMON_PRIVILEGES_H

#include <pwd.h>
#include <stdbool.h>
#include <stddef.h>

#include "user/util/diag.h"

struct dm_cap {
	int cap;	  /* CAP_* */
	const char *name; /* "CAP_BPF" */
	bool start, run;  /* needed to attach; and afterwards. Neither: of use where it is there */
	const char *why;  /* what it is for, and what is missing without it */
};
extern const struct dm_cap dm_caps[];
extern const size_t dm_n_caps;

/* Whether this process has it now, or CAP_SYS_ADMIN where that includes it. */
bool dm_cap_held(const struct dm_cap *c);

/* What gives a program file those that are needed, and to whom; of `file`. Returns buf. */
char *dm_setcap_line(char *buf, size_t size, const char *file);

/*
 * Before probes are loaded: is there what it takes? 0, or -EPERM with diag saying what is
 * missing and what gives it. With `hooks = none` nothing is needed: do not ask.
 */
int dm_privileges_check(struct mp_diag *diag);
/* Before anything is attached: whether there is a user of that name and whether this process may
 * become it. NULL and the user it is already: 0. */
int dm_privileges_user(const char *user, struct mp_diag *diag);
/*
 * After attaching: user (NULL: stays), no new privileges, bounding set empty, other sets down to
 * what is needed while it runs and is there, no core dumps. What it starts from then on has no
 * capability at all. To be called while the process has one thread, since each has sets of its
 * own: by mp_session_opts.attached. 0, or -errno with diag: then the daemon must not go on.
 */
int dm_privileges_drop(const char *user, struct mp_diag *diag);

/* All ids and groups are that user's, for good; capabilities are another matter. 0 or -errno. */
int dm_become_user(const struct passwd *pw);

#endif /* MEMPROF_DAEMON_PRIVILEGES_H */
