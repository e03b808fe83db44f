/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * probes_int.h - shared by the parts of the kernel side (probes.c, probes_rungs.c,
 * probes_ring.c, probes_targets.c, probes_hang.c) and by nobody else.
 */
#ifndef MEMPROF_PROBES_INT_H
#define MEMPROF_PROBES_INT_H

#include "bpf/shared.h"
#include "bpf/memprof.skel.h" /* made in the build folder */
#include "user/live/probes.h"

#define LINKS_MAX (64 + 2 * MP_CPUS_MAX)

/* A program on a file of a runtime. */
struct hung {
	struct bpf_link *link;		/* or NULL: */
	int fd;				/* of a link of uprobes.h */
	uint64_t dev, ino, size, mtime; /* size, mtime: of an overlay's file only */
	uint64_t offset;		/* USDT: ~0 */
	enum mp_uprobe u;
};

struct mp_probes {
	struct memprof_bpf *skel;
	struct ring_buffer *rb;
	struct bpf_link *links[LINKS_MAX];
	unsigned n_links;
	struct hung hung[LINKS_MAX];
	unsigned n_hung;
	bool removed[MP_UP_MAX];		  /* taken away for good */
	bool multi;				  /* they hang by links of uprobes.h */
	struct mp_usdt_spec specs[MP_USDT_SPECS]; /* as in the map usdt_specs */
	unsigned n_specs;
	struct mp_rung_result rung[MP_FEAT_MAX];
	struct mp_shared *shared; /* the mapped .bss */
	int fentry[32];		  /* programs that the kernel may skip */
	unsigned n_fentry;
	struct mp_target *sums; /* of mp_probes_sum_rss() */
	size_t n_sums, cap_sums;
	int ncpu;
	uint32_t *stack_id; /* by the kernel side's id: ours, from 1 without gaps */
	size_t cap_stacks;
	uint32_t n_stacks, room_stacks;
	/* the drain's destination while it runs */
	int (*fn)(void *ctx, void *data, size_t size);
	void *ctx;
};

/* probes.c */
/* Runs a program on one CPU. -errno, or what the program returned. */
int probes_run_on_cpu(struct bpf_program *prog, int cpu);

/* probes_rungs.c */
/* The programs of the rungs that were chosen are to be loaded. 0 or -errno. */
int probes_rungs_configure(struct mp_probes *p);
/* Whether a system call function's registers are a type that is only named
 * (call_regs() in bpf/call.bpf.h). */
bool probes_regs_hidden(struct mp_probes *p, const struct btf *btf);
/* Attaches what was loaded of them; what a session can do without loses its rung instead of
 * failing. 0, or -errno and diag filled. */
int probes_rungs_attach(struct mp_probes *p, struct mp_diag *diag);
/* Keeps the link until mp_probes_close(), or destroys it: -ENOSPC. NULL: -errno, as libbpf
 * left it. */
int probes_keep(struct mp_probes *p, struct bpf_link *l);

/* probes_ring.c */
int probes_ring_open(struct mp_probes *p); /* of the loaded object. 0 or -errno */

/* probes_hang.c */
/* The programs of the features that have a rung are to be loaded. 0 or -ENOENT. */
int probes_hang_configure(struct mp_probes *p);
/* The links of uprobes.h; what libbpf made is among p->links. */
void probes_hang_close(struct mp_probes *p);

#endif /* MEMPROF_PROBES_INT_H */
