/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cgroup_text.h - what the kernel writes about control groups of memory: text in,
 * figures out. Must not: open files (user/live/cgroup.c does).
 */
#ifndef MEMPROF_CGROUP_TEXT_H
#define MEMPROF_CGROUP_TEXT_H

#include <stddef.h>

#include "bpf/events.h"

#define CGROUP_PATH_MAX 512
#define CGROUP_TEXT_MAX 8192 /* of /proc/PID/cgroup: version 1 has a line for each hierarchy */

/* A group of memory in the file system. */
struct cgroup_place {
	unsigned version;	    /* 1 or 2 */
	char dir[CGROUP_PATH_MAX];  /* its folder */
	size_t top;		    /* length of the part of dir that is the mount */
	char name[CGROUP_PATH_MAX]; /* as /proc/PID/cgroup has it */
};

/*
 * The path of a process in the hierarchy that memory is accounted in, *len bytes of `groups`,
 * which is its /proc/PID/cgroup. NULL, 0 bytes and version 0: it is in none.
 */
const char *cgroup_path(const char *groups, unsigned *version, size_t *len);

/*
 * The place of a process: `groups` is its /proc/PID/cgroup, `mounts` the reader's
 * /proc/self/mountinfo. -ENOENT: it is in none that is mounted here, or a path does
 * not fit; -EPERM: the group lies outside of what is mounted here.
 */
int cgroup_place(const char *groups, const char *mounts, struct cgroup_place *out);

/* A number, "max", or what version 1 writes for no limit; MP_UNKNOWN for the last two
 * and for what is no number. */
__u64 cgroup_number(const char *text);

/* memory.stat of either version into anon, file, shmem, and kernel and swap where it
 * tells them; what it does not tell stays as it is. */
void cgroup_stat(unsigned version, const char *text, struct mp_event *e);
/* The same text into cgroup_more: inactive_file, active_file, slab, dirty, refaults; what it
 * does not tell is MP_UNKNOWN. */
void cgroup_stat_more(unsigned version, const char *text, struct mp_event *e);
/* Processes killed, of memory.events or memory.oom_control; MP_UNKNOWN: it is not told. */
__u64 cgroup_oom_kills(const char *text);
/* memory.pressure as x of MP_EV_CGROUP_MORE: 1 + full avg10 in 10000th parts, 0 = not told. */
__u32 cgroup_stalled(const char *text);

#endif /* MEMPROF_CGROUP_TEXT_H */
