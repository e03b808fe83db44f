/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * targets_int.h - between the parts of targets.h (match.c, proc_facts.c, targets_table.c,
 * targets.c), and for their tests.
 */
#ifndef MEMPROF_DAEMON_TARGETS_INT_H
#define MEMPROF_DAEMON_TARGETS_INT_H

#include <dirent.h>

#include "user/daemon/targets.h"
#include "user/live/session.h"

/* --- match.c --- */

/* Whose rule it is, and whether the kernel side asks all that it asks. */
struct dm_exec_of {
	int group;
	bool exact;
};
#define DM_EXEC_RULES ((size_t)DM_GROUPS_MAX * DM_RULES_MAX)
/* The rules that a process can be found by at its exec: at most max of them. Returns their
 * number. */
size_t dm_exec_rules(const struct dm_config *c, struct mp_exec_rule *out, struct dm_exec_of *of,
		     size_t max);
/* Of the text of /proc/PID/status; *caps: it has capabilities. False: it says nothing. `plain`
 * is what the ids say; whether it is dumpable and what the capabilities are good for is asked
 * elsewhere. */
bool dm_owner_parse(const char *status, struct dm_owner *o, bool *caps);

/* --- proc_facts.c --- */

/*
 * The owner of the process of that number that started then; *o holds what was last known, or
 * zeros. -ESTALE: the number is another's; -ESRCH: it has ended, and the last owner stays;
 * another -errno: it cannot be told. But for -ESRCH only root may see it then.
 */
int dm_owner_read(pid_t pid, uint64_t start, struct dm_owner *o);
pid_t dm_parent_of(pid_t pid); /* 0: not known */

/* --- targets_table.c --- */

#define TARGET_SLOTS 1024

struct entry {
	struct dm_target t;
	struct entry *next_mm, *next_pid;
	bool inherited; /* a child of one that a rule takes, taken by none itself */
	bool descend;	/* it ran before it was found: its children may, too */
};

struct dm_targets {
	const struct dm_config *c;
	struct mp_session *s;
	struct entry **v; /* in the order they came */
	size_t n, cap, live;
	struct entry *by_mm[TARGET_SLOTS], *by_pid[TARGET_SLOTS];
	uint64_t refused, unknown, unwanted;
	struct dm_exec_of of[64]; /* by bit */

	DIR *proc; /* while the processes are gone through */
	uint64_t next_scan;
	uint64_t next_slice; /* of going through /proc and through the owners */
	bool parents;	     /* this time children are looked for */
	size_t owner_from;
	uint64_t owners_ns; /* when they were looked at last */
};

/* A target that runs, or NULL: no memory. */
struct entry *dm_table_add(struct dm_targets *t, const struct dm_target *new_one);
struct entry *dm_table_of_mm(const struct dm_targets *t, uint32_t mm);
struct entry *dm_table_of_pid(const struct dm_targets *t, pid_t pid); /* one that runs */
void dm_table_gone(struct dm_targets *t, struct entry *e, uint64_t now);
/* Reads the owner of one that runs. False: its number is another's, it went unnoticed; it is
 * noted as gone and is root's alone to see, as nobody knows what was read of whom. */
bool dm_table_look(struct dm_targets *t, struct entry *e, uint64_t now);
/* Leaves out those that have been gone for so long, and the oldest of them beyond so many. */
void dm_table_forget(struct dm_targets *t, uint64_t before, size_t max_gone);
void dm_table_free(struct dm_targets *t);

#endif /* MEMPROF_DAEMON_TARGETS_INT_H */
