/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * uprobes.h - programs on places in files by BPF links (Linux 6.6 and later).
 *
 * A uprobe as a perf event is given to CAP_SYS_ADMIN only; as a link of kind "uprobe_multi" it
 * takes what loading the program takes: CAP_BPF and CAP_PERFMON. libbpf wraps these links from
 * 1.3 on; bpf(2) is called here as it is.
 */
#ifndef MEMPROF_UPROBES_H
#define MEMPROF_UPROBES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Expected attach type that the program is loaded with: BPF_TRACE_UPROBE_MULTI. */
#define UPROBE_MULTI_TYPE 48

/* A place. bpf_get_attach_cookie() tells its cookie. */
struct uprobe_place {
	uint64_t offset, semaphore; /* in the file; semaphore 0: none */
	uint64_t cookie;
};

/* The descriptor of a link, which keeps the program on all n places; or -errno. */
int uprobe_multi_link(int prog, const char *path, bool at_return, const struct uprobe_place *at,
		      size_t n);
/* Whether this kernel and these rights allow it: tried once, then known. 0 or -errno.
 * $MEMPROF_UPROBES=perf: -ECANCELED. */
int uprobe_multi_try(void);

#endif /* MEMPROF_UPROBES_H */
