/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rights.h - what this machine and this user allow, read from /proc and /sys.
 */
#ifndef MEMPROF_RIGHTS_H
#define MEMPROF_RIGHTS_H

#include <stdbool.h>
#include <stdint.h>

/* The capabilities that memprof knows of, by the kernel's numbers (capabilities(7)). */
enum mp_cap {
	MP_CAP_DAC_READ_SEARCH = 2,
	MP_CAP_SETGID = 6,
	MP_CAP_SETUID = 7,
	MP_CAP_SETPCAP = 8,
	MP_CAP_SYS_PTRACE = 19,
	MP_CAP_SYS_ADMIN = 21,
	MP_CAP_SYS_RESOURCE = 24,
	MP_CAP_PERFMON = 38,
	MP_CAP_BPF = 39,
	MP_CAP_CHECKPOINT_RESTORE = 40,
};
#define MP_CAP_BIT(cap) (1ULL << (cap))

/* Sets of a thread: one bit per capability. */
struct mp_caps {
	uint64_t effective, permitted, inheritable;
};
/* Of the calling thread. capget(2), capset(2): 0 or -errno. */
int mp_caps_get(struct mp_caps *c);
int mp_caps_set(const struct mp_caps *c);
/* Whether the effective set has it. */
bool mp_caps_has(enum mp_cap cap);
/* For good, all that somebody other than root was given. */
void mp_caps_give_up(void);

/* Names of the capabilities that probing needs and this process lacks, separated
 * by blanks; "" when none is missing. Static storage. */
const char *mp_caps_missing(void);
/* What mends that /proc refuses a process to this one, which depends on who asks. Static
 * storage. */
const char *mp_refused_fix(void);
/* Where the kernel describes its types: /sys/kernel/btf/vmlinux, or $MEMPROF_BTF. */
const char *mp_btf_path(void);
bool mp_have_btf(void);
/* Where tracefs is, or would be. */
const char *mp_tracefs(void);
bool mp_have_tracefs(void);
/* It is there, and open to its owner only. */
bool mp_tracefs_closed(void);
/* kernel.perf_event_paranoid. Above 2, which Debian's kernels know, perf events are given to
 * CAP_SYS_ADMIN alone. */
int mp_perf_paranoid(void);
/* First line of a file without the newline; "" when it cannot be read. */
const char *mp_first_line(const char *path, char *buf, unsigned size);

#endif /* MEMPROF_RIGHTS_H */
