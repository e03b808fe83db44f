/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * probes.h - the kernel side loaded and attached: the ladder, the ring, targets.
 *
 * Owns: the BPF object and its links, the choice of rungs. Must not: fold
 * events, read /proc of targets, print. For each feature a ladder of rungs is
 * tried once on this kernel (mp_ladder_try); what is chosen is the first that
 * works and is allowed.
 */
#ifndef MEMPROF_PROBES_H
#define MEMPROF_PROBES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/events.h"
#include "user/util/diag.h"

struct mp_probes;

/* What may be used: one bit per rung (1 << enum mp_rung) for each feature. */
struct mp_hooks {
	uint32_t allow[MP_FEAT_MAX];
	bool none; /* no BPF at all */
};

/*
 * --hooks: "auto", "none", or a comma list of RUNG (allowed for all features),
 * FEATURE=RUNG and FEATURE=off. -EINVAL with the offending word in diag.
 */
int mp_hooks_parse(const char *s, struct mp_hooks *h, struct mp_diag *diag);

/* One rung of a feature, tried on this kernel with these rights. */
struct mp_rung_result {
	uint8_t feature; /* enum mp_feature */
	uint8_t rung;    /* enum mp_rung    */
	int err;         /* 0 or -errno     */
	char why[96];    /* in words; of one that works, where it does not */
};

/* Tries every rung; fills at most max results and returns their number. */
size_t mp_ladder_try(struct mp_rung_result *out, size_t max);

struct mp_probes_opts {
	struct mp_hooks hooks;
	bool follow_forks;
	uint32_t ring_bytes;   /* a power of two; 0 = 16 MiB        */
	uint64_t rss_every_ns; /* 0 = 5 ms                          */
	uint32_t stacks;       /* different ones; 0 = MP_STACKS_MAX  */
	bool rules;            /* mp_probes_set_rules() is called later */
	uint32_t max_targets;  /* 0 = MP_TARGETS_MAX                */
};

/* Loads and attaches. diag says in words what is missing. */
int mp_probes_open(const struct mp_probes_opts *o, struct mp_probes **out, struct mp_diag *diag);
void mp_probes_close(struct mp_probes *p);

/* The rung each feature got, and why when it got none. */
const struct mp_rung_result *mp_probes_rung(const struct mp_probes *p, enum mp_feature f);

/*
 * Makes the running process a target from here on; *mm is its mm id.
 * -ESRCH: no such process, or one without memory. -EBUSY: its memory is that of another target.
 */
int mp_probes_add(struct mp_probes *p, uint32_t tgid, uint32_t *mm);
/* The process becomes a target when it calls exec. */
int mp_probes_add_at_exec(struct mp_probes *p, uint32_t tgid);
/* The process is no target any more, if its address space is still that. */
void mp_probes_forget(struct mp_probes *p, uint32_t tgid, uint32_t mm);

#define MP_RULE_NAME_MAX 31 /* bytes of a program's name that are compared */

/* A name, or how it begins (a pattern up to its first wildcard); "" = any. */
struct mp_rule_name {
	char text[80];
	bool whole;
};

/*
 * A process that has all of this when it has called exec becomes a target by itself, before
 * it runs. It may be one too many: a name is compared, no path, and its beginning, no pattern.
 */
struct mp_exec_rule {
	bool has_uid;
	uint32_t uid;		       /* effective, of the initial user namespace */
	struct mp_rule_name exe;       /* of the program's file */
	struct mp_rule_name groups[8]; /* its control group, or one above it, has one of these */
	unsigned n_groups;	       /* 0: any */
};

/* These rules from here on, in place of others. -E2BIG: too many names; -errno. While they
 * change every exec makes a target. */
int mp_probes_set_rules(struct mp_probes *p, const struct mp_exec_rule *r, size_t n);

/* Programs that are attached to a file when a runtime is found in it. */
enum mp_uprobe {
	MP_UP_V8_LINE = 0,
	MP_UP_PY_START, /* USDT */
	MP_UP_PY_DONE,  /* USDT */
	MP_UP_V8_BEGIN,
	MP_UP_V8_END,   /* at return */
	MP_UP_V8_GONE,
	MP_UP_PY_ENTER, /* gc_collect_main */
	MP_UP_PY_LEAVE, /* ... at its return */
	MP_UP_RUBY_MARK_BEGIN, /* USDT, all four */
	MP_UP_RUBY_MARK_END,
	MP_UP_RUBY_SWEEP_BEGIN,
	MP_UP_RUBY_SWEEP_END,
	MP_UP_GO_START,
	MP_UP_GO_LIVE,
	MP_UP_JVM_POOL_BEGIN, /* USDT, as the next three */
	MP_UP_JVM_POOL_END,
	MP_UP_JVM_PAUSE_BEGIN,
	MP_UP_JVM_PAUSE_END,
	MP_UP_MAX,
};

/* Attaches a program to an open file, which stays the caller's, at a file offset. Once: 0 and
 * nothing more where it is already, also through another mount of the same layer. */
int mp_probes_add_uprobe(struct mp_probes *p, enum mp_uprobe u, int file, uint64_t offset);
/* ... to the probe of that name that the file was built with. -ENOENT: it was not. */
int mp_probes_add_usdt(struct mp_probes *p, enum mp_uprobe u, int file, const char *provider,
		       const char *name);

/* How many of these were attached so far. */
unsigned mp_probes_hung(const struct mp_probes *p);

/* Takes the program from all files again; hanging it on another is -ECANCELED from here on. */
void mp_probes_remove_uprobe(struct mp_probes *p, enum mp_uprobe u);

/* Where a JVM keeps the cause of its collection as text, for its pool probes. */
int mp_probes_jvm_cause(struct mp_probes *p, uint32_t tgid, uint64_t addr);

/* Resident pages by counter. */
struct mp_probes_rss {
	uint64_t anon, file, shmem, swap;
	uint64_t slack; /* they moved meanwhile: off by so many at most */
};

/*
 * Adds up the counters of all targets where the kernel spreads them over threads (up to
 * 6.1) and /proc does not add them up. False: /proc is exact here, ask it.
 */
bool mp_probes_sum_rss(struct mp_probes *p);
/* What the last sum found of an mm; false when it was not there. */
bool mp_probes_rss(const struct mp_probes *p, uint32_t mm, struct mp_probes_rss *out);

/* Closes every run open in the kernel: whatever happened before this call is in
 * the ring when it returns. */
void mp_probes_flush(struct mp_probes *p);
/* Hands every record in the ring to fn. */
int mp_probes_drain(struct mp_probes *p, int (*fn)(void *ctx, void *data, size_t size), void *ctx);
/* Becomes readable when the ring is filling up. */
int mp_probes_fd(const struct mp_probes *p);
/* Bytes of the kernel's memory that its maps and programs take: in no RSS, charged to
 * the control group of who opened them. 0 where the kernel does not say. */
void mp_probes_memory(const struct mp_probes *p, uint64_t *maps, uint64_t *progs);
/* How full the table of stacks is, in percent. */
unsigned mp_probes_fill(const struct mp_probes *p);
/* Losses so far, by cause. */
void mp_probes_lost(const struct mp_probes *p, uint64_t events[MP_LOSS_MAX],
		    uint64_t faults[MP_LOSS_MAX]);

#endif /* MEMPROF_PROBES_H */
