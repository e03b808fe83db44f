/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * targets.h - which processes are watched, for which group, and whose they are.
 *
 * Owns: matching processes against the rules, the table of what is watched, the owner that
 * /proc last told. Must not: decide what a viewer may do with it (access.h), fold events.
 * One thread.
 */
#ifndef MEMPROF_DAEMON_TARGETS_H
#define MEMPROF_DAEMON_TARGETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "user/daemon/config.h"

struct mp_session;

/* What is known of a process when it is matched. */
struct dm_facts {
	pid_t pid;
	uid_t uid;	   /* effective */
	char exe[4096];	   /* as /proc/PID/exe has it, "" = unknown */
	char cgroup[4096]; /* in the memory hierarchy, v1 or v2, "" = unknown */
};

/* 0, or -errno when the process is gone or hidden. */
int dm_facts_read(pid_t pid, struct dm_facts *f);
/* The first group that takes it, or -1. Pure. */
int dm_match(const struct dm_config *c, const struct dm_facts *f);
/* The container id in a cgroup path (docker, containerd, cri-o, podman, lxc): 64 or 32 hex
 * digits, or "". Returns buf. Pure. */
char *dm_container(const char *cgroup, char *buf, size_t size);

#define DM_NS_LEVELS 32 /* MAX_PID_NS_LEVEL of Linux */

/* Which process: its number is another's some time after it has ended. */
struct dm_identity {
	uint64_t start;		  /* ns since boot (field 22 of stat); MP_UNKNOWN: not read */
	uint64_t ns_dev, ns_ino;  /* its PID namespace; 0: not known */
	size_t n;		  /* 0: not known */
	pid_t pids[DM_NS_LEVELS]; /* in each namespace, from the daemon's inwards */
};
/* 0 or -errno, then nothing of it is known. */
int dm_identity_read(pid_t pid, struct dm_identity *id);

/*
 * Whose process it is, as the kernel's own rule for inspecting it (ptrace(2), "Ptrace access
 * mode checking") sees it: real, effective and saved ids all the same, the process dumpable
 * (its files in /proc belong to it), and no capabilities but in a user namespace that the user
 * made; `plain` false: only root may see it. Read at attach and exec, and ten times a second
 * after that (as often as 2% of a CPU suffice for, with hundreds of targets). Of one that has
 * no memory any more the kernel asks the ids alone, so what was read while it had some stays.
 */
struct dm_owner {
	uid_t uid;
	gid_t gid;
	bool plain;
};

struct dm_target {
	uint32_t mm;
	pid_t pid;
	int group; /* index in the config; -1: of none any more, it is being let go */
	struct dm_owner owner;
	struct dm_identity who; /* as it was when it came */
	uint64_t since, gone;	/* ns; gone 0: it runs */
};

struct dm_targets;
/*
 * The session must stand (mp_session_opts.standing). Targets that run already are watched when
 * this returns; one that comes later is in the table before the first event of it is folded.
 * The config stays the caller's: its groups may be replaced in place, see dm_targets_reload().
 */
int dm_targets_new(const struct dm_config *c, struct mp_session *s, struct dm_targets **out);
void dm_targets_free(struct dm_targets *t);
/* Looks for what no exec told of, for owners that changed, forgets what is gone for long
 * enough: call every tick, it works when it is due and in slices. */
void dm_targets_tick(struct dm_targets *t, uint64_t now);
/* By address space; NULL: not (or no longer) known. */
const struct dm_target *dm_targets_of_mm(const struct dm_targets *t, uint32_t mm);
/* All of them: index 0..n-1, in the order they came. */
size_t dm_targets_n(const struct dm_targets *t);
const struct dm_target *dm_targets_at(const struct dm_targets *t, size_t i);
/* Processes that matched and found no room (max_targets). */
uint64_t dm_targets_refused(const struct dm_targets *t);
/*
 * The config has other groups now: who is in none of them is let go, the others get their
 * new group, also those that have ended (by the name of the old one). `old`: the groups before.
 */
int dm_targets_reload(struct dm_targets *t, const struct dm_group *old);

struct dm_targets_figures {
	uint64_t live, gone; /* in the table */
	uint64_t refused;    /* found no room */
	uint64_t unwanted;   /* taken in the kernel by a rule that asks less, and let go */
	uint64_t unknown;    /* ... that ended before it could be asked for */
};
void dm_targets_figures(const struct dm_targets *t, struct dm_targets_figures *f);

#endif /* MEMPROF_DAEMON_TARGETS_H */
