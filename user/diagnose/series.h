/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * series.h - figures of a process at evenly spaced moments of the whole time looked at.
 *
 * Owns: which figures, and how many moments are kept (when full, every other one goes and
 * the distance doubles: an hour costs what a minute does). Must not: judge them.
 *
 * A value that nobody told is NAN. Levels are of the moment; what is marked "sum" counts
 * from the begin of the session.
 */
#ifndef MEMPROF_DIAGNOSE_SERIES_H
#define MEMPROF_DIAGNOSE_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/model/model.h"

/* Names are dx_col without prefix; bytes unless the comment says otherwise. */
enum dx_col {
	/* the account: sums to RSS */
	C_RSS,
	C_LIVE,
	C_FREE,
	C_UNSPLIT,
	C_ARENAS,
	C_NATIVE,
	C_BRK,
	C_STACKS,
	C_RUNTIME,
	C_OTHER,
	C_FILE,
	C_SHMEM,
	C_LAZYFREE,
	C_UNKNOWN,
	/* beside it */
	C_ANON, /* the kernel's counter: RssAnon                    */
	C_RSSFILE,
	C_RSSSHMEM,
	C_SWAP,
	C_HUGETLB,
	C_LAZYHEAP, /* committed by the heap, not resident              */
	/* the heap, by its own word */
	C_USED,
	C_COMMITTED,
	C_EXTERNAL,
	C_ARRAYS,
	C_HEAP_LIMIT,
	C_FLOOR,
	C_OWED,
	/* the control group */
	C_CHARGED,
	C_CG_LIMIT,
	C_CG_ANON,
	C_CG_FILE,
	C_CG_SHMEM,
	C_CG_KERNEL,
	C_CG_INACTIVE, /* page cache                                     */
	C_CG_ACTIVE,
	C_CG_SLAB, /* the kernel's, reclaimable                       */
	C_CG_DIRTY,
	C_CG_REFAULT, /* sum, since the group was made: pages as bytes   */
	C_CG_KILLS,   /* the same of processes killed: count             */
	C_CG_HIGH,
	C_CG_STALLED, /* of the last 10 s, that all stood still: ratio   */
	/* /proc/PID/status */
	C_LOCKED,
	C_THREADS, /* count */
	C_PTE,
	C_VSIZE,
	C_STACK_MAIN, /* VmStk: of the first thread                      */
	/* smaps_rollup */
	C_PSS,
	C_PSS_SHMEM,
	C_PRIVATE_DIRTY,
	C_SHARED_DIRTY,
	C_ANON_HUGE,
	C_MULTI,	/* counted again, of shared maps of one file        */
	C_SHMEM_MAPPED, /* size of mappings of shared memory, touched or not */
	/* mappings, count */
	C_MAPS,
	C_STACK_MAPS,
	C_ARENA_MAPS,
	C_OTHER_MAPS, /* anonymous, of files, shared                   */
	/* sums: pages by kind of fault, as bytes */
	C_FAULTED, /* all                                              */
	C_COW,
	C_REFAULT,
	C_MAJORS /* count */,
	C_SWAPIN,
	C_HUGE,
	C_ADDED /* became resident */,
	/* sums of calls */
	C_DROPPED,    /* left by calls                                    */
	C_MARKED,     /* MADV_FREE                                        */
	C_CALL_ADDED, /* RSS rose within calls: populate, mlock           */
	C_FILLED,     /* ... of populate, mlock and the like              */
	C_COW_SHARED, /* copied while relatives had the page too          */
	C_BY_FAULT,   /* anonymous memory that faults can have brought in */
	C_MMAP,
	C_MUNMAP,
	C_N_MMAP,
	C_N_MUNMAP, /* count */
	C_FORKS,
	C_THREADS_STARTED, /* count */
	/* sums of collections */
	C_MINORS,
	C_MAJOR_GCS, /* count */
	C_GC_PAUSE,  /* seconds                                          */
	C_N,
};

#define DX_SAMPLES   512
#define DX_WIDTH0    50000000ULL /* ns */
#define DX_PROCS_MAX 64

struct dx_series {
	uint32_t tgid, mm;
	uint64_t start_ts;  /* of the process: numbers are used again */
	uint64_t rollup_ts; /* of the smaps_rollup seen last */
	double rollup_rss;  /* RSS then */
	uint64_t shared_ts; /* when shared mappings were walked; what was found: */
	double multi, shmem_mapped;
	bool ended; /* what it had at its end is the last of it */
	size_t n;
	double *t;	  /* seconds from the begin of the stream  */
	double *col[C_N]; /* DX_SAMPLES each, and one for now      */
};

/* NULL when memory is out. */
struct dx_series *dx_series_new(const struct mp_proc *p);
void dx_series_free(struct dx_series *s);
/* Empty, and of this process from now on. */
void dx_series_begin(struct dx_series *s, const struct mp_proc *p);
/* Appends the figures of p; there must be room. Those of shared mappings may be a second
 * old unless it is the last time. */
void dx_series_add(struct dx_series *s, const struct mp_model *m, const struct mp_proc *p,
		   uint64_t ts, bool last);
/* Every other moment goes. */
void dx_series_halve(struct dx_series *s);

#endif /* MEMPROF_DIAGNOSE_SERIES_H */
