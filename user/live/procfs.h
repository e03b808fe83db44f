/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * procfs.h - what /proc says about a process: mappings, counters, pages.
 *
 * Owns: reading and parsing. Must not: decide what the figures mean, keep a
 * model. All sizes in bytes unless named pages; -ESRCH when the process is gone.
 */
#ifndef MEMPROF_PROCFS_H
#define MEMPROF_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct proc_map {
	uint64_t start, end, off, ino;
	uint32_t dev_major, dev_minor;
	uint32_t bits; /* enum mp_map_bits */
	size_t name;   /* offset into proc_maps.names; names[name] is "" for none */
};

struct proc_maps {
	struct proc_map *v;
	size_t n, cap;
	char *names;
	size_t names_len, names_cap;
};

struct stat;
/* The whole text of a small file of /proc or of a group, cut to fit, ended by 0: "" where it
 * cannot be read any more. st: of the file, or NULL. 0; -errno: it cannot be opened, or
 * not be asked for *st. */
int proc_text_read(const char *path, char *buf, size_t size, struct stat *st);

/* Reads /proc/PID/maps into *m, reusing its memory. */
int proc_maps_read(pid_t pid, struct proc_maps *m);
/* The same from its text; what else has to be known of a file's kind, of process pid. */
int proc_maps_parse(FILE *f, pid_t pid, struct proc_maps *m);
void proc_maps_free(struct proc_maps *m);

struct proc_status {
	uint64_t anon, file, shmem, swap;   /* pages */
	uint64_t hugetlb;		    /* bytes, MP_UNKNOWN before 4.4 */
	uint64_t locked, pte, vsize, stack; /* bytes, or MP_UNKNOWN */
	uint64_t threads;
	uint32_t tgid, ppid; /* 0: not told */
	bool zombie;	     /* dead, not reaped: the counters are gone */
	char comm[64];
};
int proc_status_read(pid_t pid, struct proc_status *s);
void proc_status_parse(FILE *f, struct proc_status *s); /* from its text */

/* LazyFree: of smaps_rollup (4.14), in pages: a walk of the whole page table. *cost is
 * what it took, ns. -errno, -ENODATA where the kernel does not tell it. */
int proc_lazyfree_read(pid_t pid, uint64_t *pages, uint64_t *cost);

/* /proc/PID/smaps_rollup (4.14) into e->rollup; -errno. Costs a walk over all pages. */
struct mp_event;
int proc_rollup_read(pid_t pid, struct mp_event *e);
int proc_rollup_parse(FILE *f, struct mp_event *e); /* from its text */

/* Link of /proc/PID/<what> ("exe", "cwd"); cut to size. -errno. */
int proc_link(pid_t pid, const char *what, char *buf, size_t size);
/* Start of the process in CLOCK_BOOTTIME ns (field 22 of stat, clock ticks). */
int proc_start_ns(pid_t pid, uint64_t *ns);

/* Its number in the innermost PID namespace it is in (status, 4.1). -errno. */
int proc_ns_pid(pid_t pid, pid_t *ns_pid);

/* Who made the user namespace it is in, where that is not the reader's (4.11). -errno;
 * -ENOENT: it is the reader's. */
int proc_user_ns_maker(pid_t pid, uid_t *uid);

struct proc_range {
	uint64_t start, end;
	bool huge; /* mapped as huge pages; only PAGEMAP_SCAN tells */
};
struct proc_ranges {
	struct proc_range *v;
	size_t n, cap;
};
/* Appends, joined with the last one where it goes on from there. 0 or -ENOMEM. */
int proc_ranges_add(struct proc_ranges *r, uint64_t start, uint64_t end);
void proc_ranges_free(struct proc_ranges *r);

/*
 * The resident runs of [start, end), appended to *out in address order: pages in
 * RAM, the zero page excepted, which is in no RSS. By PAGEMAP_SCAN (6.7), else by
 * reading pagemap. `fd` is /proc/PID/pagemap.
 */
int proc_pages_scan(int fd, uint64_t start, uint64_t end, struct proc_ranges *out);
/* True where PAGEMAP_SCAN works: there, address space with nothing in it costs nothing. */
bool proc_scan_is_sparse(void);
int proc_pagemap_open(pid_t pid);

/* Does the kernel give private anonymous memory huge pages unasked, whole ones of 2 MiB
 * (*huge) or sizes between (*large)? False where sysfs does not say. */
void proc_huge_policy(bool *huge, bool *large);

#endif /* MEMPROF_PROCFS_H */
