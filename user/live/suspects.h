/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * suspects.h - where events cannot account for residency, and whether the model
 * still counts what the kernel counts.
 *
 * Owns: bounded lists of address ranges, the rules that put ranges into them, the
 * comparison by type. Pure: no I/O, no clock; the audit (audit.c) acts on it.
 */
#ifndef MEMPROF_SUSPECTS_H
#define MEMPROF_SUSPECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/events.h"
#include "user/model/model.h"

#define SUSPECT_CHUNK (2ULL << 20) /* bytes: what one page table covers, and a huge page */
#define SUSPECTS_MAX  256
#define SUSPECTS_END  (1ULL << 56) /* bytes: beyond any user address */

/*
 * Disjoint ranges in address order, whole chunks. When there is no room they are
 * joined over the smallest gaps: what is in the list never leaves it by that.
 */
struct suspects {
	struct {
		uint64_t start, end;
	} v[SUSPECTS_MAX];
	size_t n;
	size_t last; /* where the last look-up ended */
};

/* Adds [start, end), widened to chunks. */
void suspects_add(struct suspects *s, uint64_t start, uint64_t end);
bool suspects_meet(const struct suspects *s, uint64_t start, uint64_t end);

/* What the kernel does with huge pages of its own accord (sysfs). */
struct suspect_policy {
	bool huge_always;  /* any private anonymous mapping may get 2 MiB pages  */
	bool large_always; /* ... or sizes between (multi-size huge pages)       */
};

/* What events of one address space leave open. */
struct suspicion {
	struct suspect_policy policy;
	struct suspects now;	/* to be looked at next                            */
	struct suspects huge;	/* a fault may bring other than its page: huge pages
				 * were advised or seen; a guard, where it brings none */
	struct suspects recent; /* touched by events since the last reset          */
	bool lock_future;	/* mlockall(MCL_FUTURE): new memory is populated   */
	bool locked;		/* something was locked: growing it populates      */
	bool maps_wrong;	/* the fold could not follow a call                */
	bool maps_nameless;	/* a file was mapped whose name is not known       */
};

/*
 * An event of this address space that has just been folded into p. `grew`: by how
 * many pages the model's set grew by it (calls).
 */
void suspicion_note(struct suspicion *s, const struct mp_proc *p, const struct mp_event *e,
		    int64_t grew);
/* exec: nothing of the old address space is true any more. */
void suspicion_reset(struct suspicion *s);

/*
 * Model minus kernel, in pages. The total is exact. Of a type it is 0 as long as the
 * counter lies in what the kinds of mappings allow, else by how much it does not:
 * errors in two types that cancel in the total show there.
 */
enum judge_type { JUDGE_TOTAL, JUDGE_ANON, JUDGE_FILE, JUDGE_SHMEM, JUDGE_N };
void judge_diff(const struct mp_proc *p, int64_t diff[JUDGE_N]);

#endif /* MEMPROF_SUSPECTS_H */
