/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * model.h - the state of what is being watched, as a fold over events.
 *
 * Owns: the structs every view reads, and the one function that changes them.
 * Must not: do I/O, read a clock, know libbpf, curses or /proc. Given the same
 * events the model is the same, live or replayed; a test that writes events by
 * hand sees what a user sees.
 *
 * Views take `const struct mp_model *` and change nothing. Sizes named *_pages
 * are counted in MP_PAGE_SIZE, everything else in bytes; times are
 * CLOCK_MONOTONIC nanoseconds. MP_UNKNOWN marks what no source told.
 */
#ifndef MEMPROF_MODEL_H
#define MEMPROF_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/events.h"

struct mp_pageset; /* resident pages by address: user/model/pageset.h */
struct mp_index;   /* numbers by key: user/model/index.h */

/* What a mapping is used for, as far as its shape tells. */
enum mp_class {
	MP_CLS_HEAP = 0,   /* pages of a garbage-collected heap           */
	MP_CLS_BRK = 1,    /* [heap]: the program break                   */
	MP_CLS_ARENA = 2,  /* a glibc malloc arena other than the main    */
	MP_CLS_STACK = 3,  /* main or thread stack                        */
	MP_CLS_ANON = 4,   /* other private anonymous memory              */
	MP_CLS_FILE = 5,   /* a mapped file                               */
	MP_CLS_SHMEM = 6,  /* shared memory, memfd, shared anonymous      */
	MP_CLS_SPECIAL = 7,/* [vdso] and the like                         */
	MP_CLS_JEMALLOC = 8,  /* memory of these allocators,              */
	MP_CLS_MIMALLOC = 9,  /* which are not glibc's                    */
	MP_CLS_TCMALLOC = 10,
	MP_CLS_GO_HEAP = 11,  /* pages of a runtime's heap by their shape; */
	MP_CLS_V8_HEAP = 12,  /* HEAP where a source gives its figures     */
	MP_CLS_JVM_HEAP = 13,
	MP_CLS_GO_RUNTIME = 14, /* what a runtime needs beside its heap   */
	MP_CLS_JVM_META = 15,   /* metaspace and class space              */
	MP_CLS_JVM_CODE = 16,   /* compiled code                          */
	MP_CLS_MAX = 17,
};

/* What a snapshot of the mappings proves about a process: mp_prints.seen. */
enum mp_print {
	MP_PRINT_LIBC = 1 << 0, /* a C library is mapped */
	MP_PRINT_JEMALLOC = 1 << 1,
	MP_PRINT_MIMALLOC = 1 << 2,
	MP_PRINT_TCMALLOC = 1 << 3,
	MP_PRINT_GO = 1 << 4,
	MP_PRINT_V8 = 1 << 5,
	MP_PRINT_JVM = 1 << 6,
	MP_PRINT_ZGC = 1 << 7, /* its heap is a memfd */
	MP_PRINT_SMALL_ARENAS = 1 << 8, /* glibc's arenas are in heaps of 8 MiB */
};

/* Facts that the class of a mapping follows from besides its own shape. */
struct mp_prints {
	uint64_t seen;                     /* enum mp_print                    */
	uint64_t class_start, class_end;   /* JVM: class space behind its archive */
	uint64_t jheap_start, jheap_end;   /* JVM: a heap above 32 GiB         */
	uint64_t zheap_dev, zheap_ino;     /* ZGC: the file that its heap is   */
};

/*
 * By which counters the kernel counts the pages of a mapping. A private mapping of
 * a file or of shared memory has pages of its own kind and, once written, anonymous
 * ones; one that an mmap call told of and no snapshot yet may be of any kind.
 */
enum mp_kind {
	MP_KIND_ANON = 0,
	MP_KIND_FILE = 1,         /* shared: file only                */
	MP_KIND_FILE_PRIVATE = 2, /* file or anon                     */
	MP_KIND_SHMEM = 3,        /* shared: shmem only               */
	MP_KIND_SHMEM_PRIVATE = 4,/* shmem or anon                    */
	MP_KIND_UNTOLD = 5,       /* any                              */
	MP_KIND_MAX = 6,
};

/*
 * What a fault was: each page of a FAULT event has one kind, so the kinds add up to
 * the faults (mp_faults_check). "Resident" is the model's word before the fault.
 */
enum mp_fkind {
	MP_FK_FIRST = 0,   /* a write brought in fresh anonymous memory           */
	MP_FK_ZERO = 1,    /* a read of such: the zero page, not in RSS           */
	MP_FK_UPGRADE = 2, /* a write to a page that was only the zero page       */
	MP_FK_COW = 3,     /* a private page was copied, of a file or after fork  */
	MP_FK_FILE = 4,    /* a page of a file was mapped                         */
	MP_FK_SHMEM = 5,   /* a page of shared memory, made or mapped             */
	MP_FK_PROTECT = 6, /* write notify, protection, raced: brought nothing in */
	MP_FK_REFAULT = 7, /* brought back what a call had dropped                */
	MP_FK_MAJOR = 8,   /* waited for a file                                   */
	MP_FK_SWAPIN = 9,  /* waited for swap                                     */
	MP_FK_HUGE = 10,   /* brought in a huge page, as a scan found later       */
	MP_FK_UNKNOWN = 11,/* not told by this rung, or nothing known to be there */
	MP_FK_MAX = 12,
};

struct mp_mapping {
	struct mp_mapping *prev, *next; /* by address; NULL at the ends    */
	uint64_t start, end; /* bytes, [start, end)                       */
	uint64_t off, ino, dev;
	uint32_t bits;       /* enum mp_map_bits                          */
	uint32_t name;       /* string id, 0 = none                       */
	enum mp_class cls;
	uint64_t resident;   /* pages                                     */
	uint64_t lazy;       /* ... of which MADV_FREE left to the kernel  */
	uint64_t faults;     /* pages faulted in it since it was seen     */
	uint64_t released;   /* pages dropped by calls                    */
	uint64_t refaulted;  /* pages faulted again after such a drop     */
	uint64_t last_ts;    /* last fault, release or change             */
	uint64_t anon;       /* of a private file mapping: resident pages that were
			      * written and so became anonymous, as far as told */
	uint64_t fk[MP_FK_MAX]; /* faults by kind; sum == faults          */
};

/* How a mapping is found by its address: user/model/maptab.c. */
struct mp_map_leaf;
struct mp_map_index {
	size_t n, cap;
	uint64_t *first;
	struct mp_map_leaf **leaf;
	struct mp_mapping *hot; /* the one found last by maptab_hot(), or NULL */
};

/*
 * A thread that faulted. `last` is its last run, which a MAJOR event may be about:
 * `left` counts the pages of it by kind that none has claimed yet.
 */
struct mp_thread {
	uint32_t tid;        /* 0: the threads that found no room in the table */
	uint32_t name;       /* string id, 0 = not told                   */
	uint64_t faults, kernel; /* pages; of them in kernel mode         */
	uint64_t pages_added;
	uint64_t majors;
	uint64_t last_addr;
	uint32_t last_pages;
	uint32_t last_kernel; /* 1: in kernel mode                        */
	uint32_t left[MP_FK_MAX];
};

/* Faults of one user stack, estimated from samples. */
struct mp_fsite {
	uint64_t stack;   /* id: mp_model_stack(); 0 = none could be taken  */
	uint64_t samples;
	uint64_t pages;   /* sum of the samples' weights: unbiased          */
	uint64_t squares; /* of the weights: the variance of `pages`        */
};

#define MP_THREADS_MAX 4096 /* of a process; the rest is counted as one  */
#define MP_FSITES_MAX  4096 /* of a process; the rest counts as stack 0  */
#define MP_MAJORS_WAIT 32

/*
 * Where RSS goes, in bytes. Invariant (mp_account_check):
 *   rss == live_heap + free_heap_resident + unsplit_heap + arenas + native +
 *          brk + stacks + runtime + other_anon + file + shmem + lazyfree + unknown
 * `unknown` is signed: below zero when the pages the model believes resident
 * are more than the kernel counts. lazy_heap and swap stand beside RSS.
 */
struct mp_account {
	int64_t rss;
	int64_t live_heap;          /* min(used by objects, heap pages resident) */
	int64_t free_heap_resident; /* heap pages resident above that            */
	int64_t unsplit_heap;       /* heap pages resident that no source gives figures of */
	int64_t arenas;             /* glibc's malloc arenas but the main one    */
	int64_t native;             /* memory of other malloc libraries          */
	int64_t brk, stacks;
	int64_t runtime;            /* of a runtime beside its heap: code, metadata */
	int64_t other_anon;
	int64_t file, shmem;
	int64_t lazyfree;           /* left to the kernel by MADV_FREE, in none of the above */
	int64_t lazyfree_heap;      /* ... of which pages of the heap */
	int64_t unknown;
	int64_t lazy_heap; /* committed by the heap, not resident */
	int64_t swap;
	bool heap_known;   /* a heap source exists; else live and free are 0 */
	bool lazy_known;   /* ... and tells what is committed; else lazy_heap is 0 */
};

struct mp_rss {
	uint64_t anon, file, shmem, swap; /* pages */
	uint64_t lazyfree;                /* pages, or MP_UNKNOWN */
	uint64_t hugetlb;                 /* bytes beside RSS, or MP_UNKNOWN */
	uint64_t slack;                   /* pages by which the first three may be off */
	uint64_t ts;
};

struct mp_callstat {
	uint64_t calls, failed;
	uint64_t bytes;    /* asked for, of calls that succeeded */
	int64_t rss_delta; /* bytes RSS moved by them            */
	uint64_t dropped;  /* pages that left: as the model saw, or the counters if more */
	uint64_t dur;      /* ns                                 */
	uint64_t no_delta; /* calls whose rss_delta no probe could read */
};

/* What calls of one kind asked to give back, and by how much RSS fell in them. */
struct mp_asked {
	uint64_t asked;   /* bytes */
	int64_t released; /* bytes */
};

/* How soon released pages were touched again: within 1, 10, 60 s, or later. */
enum { MP_BACK_1S, MP_BACK_10S, MP_BACK_60S, MP_BACK_LATER, MP_BACK_MAX };
#define MP_RELEASE_BY   4
#define MP_RELEASE_NONE ((size_t)-1)

/*
 * The releases of one place in the program by one kind of call. Words of 64 bits
 * only: a state dump carries it as it is. Bytes but for counts and times. For every
 * call that could be read: asked == absent + kept + what the model saw leave (or for
 * MADV_FREE, marked). Beside calls of other threads `released` is what the model saw,
 * else what the counters said.
 */
struct mp_release {
	uint64_t stack;       /* stack id, 0 = not taken, or one place too many */
	uint64_t call;        /* enum mp_call */
	uint64_t advice;      /* of madvise, else 0 */
	uint64_t calls, failed;
	uint64_t asked;       /* failed ones too */
	int64_t released;     /* == anon + file + shmem */
	int64_t anon, file, shmem;
	uint64_t lazy;        /* MADV_FREE: left to the kernel, still resident */
	uint64_t taken;       /* ... of which the kernel was seen to have taken */
	uint64_t absent;      /* asked, and not there: never touched, or gone already */
	uint64_t kept;        /* asked, resident, and not released: locked, in use */
	uint64_t dur;         /* ns that the calls took */
	uint64_t back[MP_BACK_MAX]; /* touched again, by MP_BACK_* */
	uint64_t first_ts, last_ts;
	struct {
		uint64_t stack, pages; /* sampled: who touched them again */
	} by[MP_RELEASE_BY];
};

/* Start, highest and last value of a figure; MP_UNKNOWN until first seen. */
struct mp_range {
	uint64_t start, max, end;
};

/* What the control group of a process is charged: bytes, or MP_UNKNOWN. */
struct mp_cgroup {
	unsigned version;         /* 1 or 2; 0: not known, or in the root group */
	uint32_t name;            /* string id of its path, 0 = not told       */
	uint64_t charged, limit;  /* limit: the lowest on the way up           */
	uint64_t anon, file, shmem, kernel, swap; /* file has no shmem in it   */
	uint64_t more_ts;         /* 0: the rest was not told                  */
	uint64_t inactive_file, active_file, slab, dirty; /* slab: reclaimable */
	uint64_t refaults, oom_kills; /* counts, of the group's life           */
	uint64_t high;            /* memory.high: the lowest on the way up     */
	uint32_t stalled;         /* as cgroup_more's x                        */
};

/* Whom the kernel killed when memory ran out. */
struct mp_oom {
	uint64_t ts;                       /* 0: it did not                    */
	uint64_t anon, file, shmem, swap;  /* pages that it had then           */
};

/* What /proc/PID/status says besides the counters: MP_EV_PROC; bytes or MP_UNKNOWN. */
struct mp_status {
	uint64_t ts; /* 0: not told */
	uint64_t locked, pte, vsize, stack;
	uint64_t threads;
};

/*
 * What smaps_rollup said, bytes: MP_EV_ROLLUP. It is of that instant: views go by
 * mp_proc_shares().
 */
struct mp_rollup {
	uint64_t ts;   /* 0: it was not asked */
	uint64_t anon; /* all that Pss_Anon has its part of; MP_UNKNOWN: not told */
	/* What the counters said then; MP_UNKNOWN: nothing yet, or only later. */
	uint64_t rss, rss_anon;
	uint64_t pss_anon, pss_file, pss_shmem;
	uint64_t private_dirty, shared_dirty, anon_huge, lazyfree;
};

#define MP_SPACES_MAX 16
struct mp_space {
	uint32_t name;                      /* string id                */
	uint64_t used, committed, resident; /* bytes or MP_UNKNOWN      */
};

struct mp_heap {
	bool present;
	uint64_t ts;                  /* of the last figures            */
	uint64_t used, committed, external, arrays, limit, goal, live;
	struct mp_range r_used, r_committed, r_external;
	unsigned n_spaces;
	struct mp_space spaces[MP_SPACES_MAX];
};

/*
 * One collection and what became of the memory it freed. Releases are credited
 * to the oldest collection that still has freed bytes out (first freed, first
 * returned), see pairing.c. Invariant: freed >= returned + reused, and the
 * process's owed bytes are the sum of the differences.
 */
struct mp_gc {
	uint64_t ts;      /* end */
	uint64_t start;
	uint64_t pause;   /* ns */
	uint64_t before, after, cbefore, cafter; /* bytes or MP_UNKNOWN */
	uint32_t reason;  /* string id */
	uint8_t kind;     /* enum mp_gc_kind */
	uint8_t source;   /* enum mp_heap_source */
	uint64_t freed;   /* bytes: before - after, less what collections within it freed */
	uint64_t returned;/* bytes given back by calls, credited here   */
	uint64_t rss_fell;/* bytes RSS moved down in those calls        */
	uint64_t returned_ts; /* of the last such call, 0 = none yet    */
	uint64_t refaulted;   /* bytes of those touched again           */
	uint64_t reused;      /* bytes of freed taken again by the heap */
};

/* v, a figure of what became of what g freed; MP_UNKNOWN where nobody told its sizes. */
uint64_t mp_gc_told(const struct mp_gc *g, uint64_t v);

/* What a point cannot tell: mp_point.bits. */
enum mp_point_bits {
	/* Events of it are missing (unreadable blocks): what is counted is the least, and RSS is
	 * not split: all of it is `unknown`. Levels are unknown until they are told again. */
	MP_PT_GAP = 1 << 0,
	/* A summary of before minor version 4: the counts from `majors` on are not known. */
	MP_PT_OLD = 1 << 1,
	/* One of before minor version 6: gc_other is 0, gc_major counts what it would. */
	MP_PT_MIXED = 1 << 2,
};

/* Figures of a stretch of time. Bands are the last value in the stretch. */
struct mp_point {
	uint64_t ts;  /* start of the stretch */
	/* bands, bytes; rss is the sum of live..unknown (account invariant). arenas
	 * holds native, other what the account has more */
	int64_t rss, live, free_res, arenas, brk, stacks, other, file, shmem, lazyfree, unknown;
	int64_t lazyfree_heap;    /* of lazyfree: pages of the heap */
	int64_t rss_min, rss_max; /* min > max: no figure of RSS: mp_point_known() */
	uint64_t used, committed, external; /* bytes, MP_UNKNOWN without heap  */
	uint64_t owed;                      /* bytes freed, not returned       */
	uint64_t limit;                     /* of the heap, MP_UNKNOWN: none told */
	uint64_t charged, cg_limit;         /* mp_cgroup, MP_UNKNOWN: none told */
	/* what happened in the stretch */
	uint32_t faults;        /* pages faulted            */
	uint32_t gc_minor, gc_major;
	uint64_t gc_pause;      /* ns                       */
	uint32_t madvise, mmap, munmap, brk_calls;
	uint64_t madvise_pages; /* pages dropped by madvise */
	uint64_t munmap_pages;  /* ... by munmap and brk    */
	uint64_t mmap_bytes;
	uint32_t forks, lost;
	uint32_t note;          /* string id of the last note, 0 = none */
	uint32_t bits;          /* enum mp_point_bits */
	/* with MP_PT_OLD these are not known: */
	uint32_t majors;        /* faults that waited for I/O */
	uint32_t madv_free, madv_other; /* of madvise: MADV_FREE; what gives nothing up */
	uint32_t mremap;        /* calls; they are in munmap too */
	uint32_t gc_other;      /* collections neither minor nor major: MP_PT_MIXED */
	uint64_t lazy_pages;    /* pages that MADV_FREE left to the kernel */
	uint64_t gc_pause_major;/* ns, of gc_pause: of the major collections */
	uint64_t gc_pause_max;  /* ns, the longest one       */
};

/* False: no figure of RSS is known of that time, nor is its split. */
static inline bool mp_point_known(const struct mp_point *p)
{
	return p->rss_min <= p->rss_max;
}

/* Calls of madvise that gave pages up at once (MADV_DONTNEED and the like). */
static inline uint32_t mp_point_dontneed(const struct mp_point *p)
{
	uint32_t others = p->madv_free + p->madv_other;

	return p->madvise > others ? p->madvise - others : 0; /* a file may tell anything */
}

/*
 * The timeline holds at most MP_TL_MAX points of equal width. When it is full
 * neighbours are merged and the width doubles: an hour costs what a minute does.
 */
#define MP_TL_MAX 16384
#define MP_TL_OTHERS 1024 /* of any but the first process; fewer beside many */
#define MP_TL_WIDTH0 10000000ULL /* ns: the finest width */
struct mp_timeline {
	uint64_t start; /* ns of point 0 */
	uint64_t width; /* ns */
	size_t n;
	struct mp_point *p;
	size_t max;     /* points it may have */
};

#define MP_ADVICE_MAX 32 /* slots of advice: mp_advice_slot() */
#define MP_GC_MAX 65536  /* collections kept; older ones are only counted      */
#define MP_REL_LOG 16    /* releases, or sums of some, that a collection may claim yet */

struct mp_proc {
	uint32_t mm;      /* current mm id                       */
	uint32_t tgid;
	uint32_t parent;  /* tgid of who started it, 0 = not told */
	uint32_t comm;    /* string id                           */
	uint32_t exe;     /* string id                           */
	bool exited;
	bool mm_gone;     /* torn down: figures stay as they were before */
	bool exit_known;  /* wait_status is                      */
	int wait_status;  /* as wait(2) gives it, when exited    */
	bool launched;    /* started by memprof                  */
	bool loading;     /* a state dump is being folded in     */
	uint8_t gap;      /* since unreadable blocks: what was not told again, internal.h */
	uint64_t start_ts, exit_ts;
	uint64_t stripped;              /* 1: ended, of its memory only totals are kept */
	uint64_t forks, threads_started;
	uint64_t fork_ts;               /* of the last */
	uint64_t exec_ts;               /* of the last: what was counted before is another program's */
	uint64_t family, sharers;       /* family.c: its number, 0 = none; its other members */
	uint64_t cow_shared;            /* pages copied by writes while there were others */
	uint64_t filled;                /* bytes that populate, mlock and the like brought in */

	struct mp_rss rss;
	bool rss_known;
	struct mp_range r_rss; /* bytes */

	struct mp_cgroup cgroup;
	struct mp_range r_charged; /* of that group, bytes */
	struct mp_range r_refaults, r_oom_kills; /* of that group: counts */
	struct mp_rollup rollup;
	struct mp_status status;
	struct mp_oom oom;

	struct mp_pageset *pages;
	uint64_t cls_pages[MP_CLS_MAX]; /* resident pages by class; sum == pageset count - orphans */
	uint64_t cls_maps[MP_CLS_MAX];  /* mappings by class */
	uint64_t orphan_pages;          /* resident by events, in no mapping known */
	uint64_t kind_pages[MP_KIND_MAX]; /* resident pages by kind; the same sum */
	size_t n_maps;
	struct mp_mapping *maps;        /* the first, the others by next */
	struct mp_map_index map_index;
	struct mp_prints prints;
	bool maps_known;                /* a snapshot has been folded in */
	uint64_t maps_ts;               /* of that snapshot */
	uint64_t vma_calls;             /* calls that changed mappings, ever */

	uint64_t faults, faults_user, faults_kernel, faults_write, faults_present;
	uint64_t faults_gc;             /* ... while a collection ran */
	uint64_t gc_marked;             /* 1: a source tells which those are */
	uint64_t pages_added;           /* pages that became resident by faults */
	uint64_t fk[2][MP_FK_MAX];      /* faults by kind: [0] user mode, [1] kernel mode */
	uint64_t majors;                /* MAJOR events */
	struct mp_majors {              /* those whose FAULT has not come yet */
		uint64_t addr;          /* 0 = free */
		uint64_t tid;
	} waiting[MP_MAJORS_WAIT];
	size_t n_waiting;               /* of them, not free */
	struct mp_pageset *file_anon;   /* pages of private file mappings written: anonymous */
	uint64_t file_anon_pages;       /* ... and resident: sum of mapping.anon */
	uint64_t *lone;                 /* faults that may have brought huge pages: faults.c */
	struct mp_thread rest;          /* threads without room, and what an old state dump
					 * did not tell by thread */
	struct mp_thread *threads;      /* in the order they were seen */
	size_t n_threads, cap_threads;
	size_t thread_last;             /* where the last look-up ended */
	struct mp_index *thread_index;  /* tid to number */
	struct mp_fsite *fsites;        /* in the order they were seen */
	size_t n_fsites, cap_fsites;
	struct mp_index *fsite_index;   /* stack id to number */
	struct mp_callstat calls[MP_CALL_MAX];
	struct mp_callstat advice[MP_ADVICE_MAX];
	struct mp_asked asked_calls[MP_CALL_MAX], asked_advice[MP_ADVICE_MAX];

	size_t n_releases, cap_releases;
	struct mp_release *releases;    /* by place and kind, in the order they came */
	uint16_t *release_slot;         /* their index: hash table, row + 1 */
	struct {
		uint64_t ts, tid, stack;
	} call_site;                    /* told just before its call */
	uint64_t forgotten;             /* dropped pages no longer remembered: a bound of memory */

	uint64_t cls_lazy[MP_CLS_MAX];  /* lazy pages by class */
	uint64_t lazy_since;            /* pages given up since the kernel's figure was read */
	uint64_t lazy_ts;               /* of that figure */
	uint64_t lazy_marked_ts;        /* of the last MADV_FREE */
	uint64_t lazy_taken;            /* bytes that the kernel took of what was lazy */
	uint64_t lazy_taken_ts;         /* when it was last seen to have */
	uint64_t heap_taken;            /* pages of the heap in that, not credited yet */
	uint64_t scans, scan_ts;        /* scans of pages, and when the last was */
	uint64_t short_ts;              /* since when RSS is less than the pages known */

	struct mp_heap heaps[MP_SRC_MAX];
	struct mp_heap all_heaps;       /* the sum of those with figures: heap.c; no spaces */
	unsigned n_figures;             /* sources that told what is used */
	struct {
		uint64_t pages;         /* of ZGC's heap, each once: shared.c   */
		uint64_t shmem;         /* resident pages of shared memory when they were counted */
		uint64_t runs;          /* that were gone through: what it cost */
	} zheap;
	uint64_t heap_seen;             /* 1: a mapping was of the class of heaps, once */
	size_t n_ranges;                /* address ranges that heaps said are theirs */
	struct mp_heap_range {
		uint64_t start, end;
		uint8_t source;
	} *ranges;

	uint64_t gc_minor, gc_major;    /* ever */
	uint64_t gc_other;              /* neither; MP_UNKNOWN: gc_major counts them, as a state
					 * dump of before minor version 6 does */
	uint64_t gc_pause;              /* ns, sum */
	size_t n_gcs, gc_dropped;
	struct mp_gc *gcs;              /* oldest first */
	size_t gc_unpaid;               /* first collection with freed bytes still out */
	size_t gc_paid;                 /* the last one that was paid, + 1; 0 = none */
	uint64_t owed, owed_max;        /* bytes */
	uint64_t rel_log[2 * MP_REL_LOG]; /* releases no collection claimed yet: ts, bytes */

	struct mp_timeline tl;
	uint64_t tier_end;              /* ns: when a stretch of summaries ends */
	struct mp_tiers *tiers;         /* tiers.h; NULL: none has begun */
};

/*
 * A user stack, innermost frame first. n < total while its pieces are still coming
 * (or were lost). Sites name it by id; it lives until the next state dump.
 */
struct mp_stack {
	uint64_t id;
	uint32_t mm;       /* whose addresses these are */
	uint32_t n, total; /* frames known, frames in all; at most MP_STACK_MAX */
	uint64_t *ip;      /* all but the first are return addresses */
};

/* The function that an address of a stack lies in. */
struct mp_place {
	uint64_t ip;
	uint64_t off;     /* bytes from the function's start              */
	uint64_t maddr;   /* the address as the module's ELF file has it  */
	uint32_t mm;
	uint32_t name;    /* string id; 0: no symbol covers it            */
	uint32_t module;  /* id, 0 = none                                 */
	uint8_t source;   /* enum mp_place_source                         */
};

/* A file that code came from. */
struct mp_module {
	uint32_t id;
	uint32_t name;    /* string id of its path in the target's eyes   */
	uint64_t dev, ino;
	uint8_t n_build;  /* bytes of its build-id, 0 = none              */
	uint8_t build[24];
};

/* What the other clocks said at an instant of the stream. */
struct mp_clock_at {
	uint64_t ts;         /* CLOCK_MONOTONIC */
	uint64_t wall, boot; /* CLOCK_REALTIME, CLOCK_BOOTTIME, ns */
	int64_t jump;        /* ns by which somebody had set the wall clock, or 0 */
	uint64_t asleep;     /* ns the machine had been suspended, or 0 */
	uint8_t why;         /* enum mp_clock */
};

struct mp_probe {
	bool known;
	uint8_t rung;      /* enum mp_rung           */
	int err;           /* -errno when absent     */
	uint32_t why;      /* string id, 0 = nothing */
};

/* Sums over the processes that ended and are not in the table any more (ended.c). */
struct mp_ended {
	uint64_t procs;
	uint64_t faults, pages_added, forks;
	uint64_t rss_max; /* bytes, the highest of one */
};

/* What the events of a recording may cost: limits.c. */
struct mp_limits {
	bool on;
	uint64_t work;    /* left, ns, roughly                            */
	uint64_t space;   /* bytes that may be held                       */
	uint64_t held;    /* ... that were when last counted              */
	uint64_t grown;   /* ... by which that may have grown since       */
	uint64_t strings; /* bytes of strings                             */
	uint64_t seen;    /* ts, the highest                              */
	uint64_t out;     /* events left out and not counted as lost yet  */
};

struct mp_model {
	uint64_t now;      /* ts of the last event folded              */
	uint64_t start;    /* ts of the first                          */
	uint64_t first;    /* from when on all was folded: start, or the moment of the state
			    * dump that stood before anything; not in a dump */
	uint64_t events;   /* folded                                   */
	uint64_t lost[MP_LOSS_MAX];
	uint64_t lost_total;
	uint64_t damaged;  /* events of unreadable blocks before the last state dump, which
			    * made good what they did: in no figure, and not in a dump */
	uint64_t gap_ts;   /* what events told up to here may have been overtaken by
			    * events of unreadable blocks; 0 = none since a state dump */
	struct mp_probe probes[MP_FEAT_MAX];
	uint64_t meta[MP_META_MAX]; /* numbers or string ids, MP_UNKNOWN */
	size_t n_procs;
	struct mp_proc **procs;     /* in the order they were seen; 0 is the first target */
	struct mp_ended ended;
	struct {
		uint64_t n, ts;     /* the last one                    */
	} oom_others;               /* processes not watched that were killed for lack of memory
				     * in the group of one that is */
	size_t n_strs;
	char **strs;                /* by id; 0 is never used          */
	uint32_t *str_total;        /* bytes each will have when its pieces are in */
	/* mm id -> proc index, growing array */
	size_t n_mm;
	uint32_t *mm_proc;          /* index + 1, 0 = none             */
	struct mp_stacks *stacks;   /* by id: mp_model_stack()         */
	struct mp_places *places;   /* mp_model_place(), _module()     */
	size_t n_clocks, cap_clocks;
	struct mp_clock_at *clocks; /* by time; those that say something new: mp_wall_ns() */
	struct mp_snapshot *snap;   /* a mapping snapshot being built  */
	bool in_key;                /* inside a state dump             */
	struct mp_summaries *done;  /* finished stretches: tiers.h     */
	size_t n_before;            /* processes from before that dump: their timelines */
	struct mp_proc **before;    /* go to those the dump restores   */
	struct mp_limits limits;
};

/* Creates an empty model; NULL when memory is out. */
struct mp_model *mp_model_new(void);
/* Accepts NULL and half-built models. */
void mp_model_free(struct mp_model *m);

/*
 * The fold: one event into the state. Returns 0, -ENOMEM, or -EINVAL for an
 * event that cannot be (an unknown type is no error: it is counted and passed
 * over, so that an old reader survives a new recording).
 */
int mp_model_fold(struct mp_model *m, const struct mp_event *e);

/*
 * How full the fullest of the tables is that only grow while a session lives (processes ever
 * seen, strings, stacks and their names), in percent: what finds no room in them goes unnamed.
 * *what: its name. A session that never ends is begun anew before that (user/daemon/).
 */
unsigned mp_model_fill(const struct mp_model *m, const char **what);

/*
 * For events that nobody vouches for: from now on they may cost what those of a
 * recording of so many bytes can need, and a few seconds and less than a gigabyte
 * besides. Events that ask for more are left out and counted as lost (MP_LOSS_LIMIT).
 */
void mp_model_limit(struct mp_model *m, uint64_t bytes);
/* Of a model with limits: the recording has grown by so many bytes. */
void mp_model_limit_more(struct mp_model *m, uint64_t bytes);

/* Takes an event; what is not 0 ends what gives them. */
typedef int mp_emit_fn(void *ctx, const struct mp_event *e);

/*
 * The state as events: folding them into an empty model gives a model that is
 * equal in everything but the timeline's past. This is what a keyframe stores.
 * Calls emit for each; stops at its first non-zero result and returns it.
 */
int mp_model_dump(const struct mp_model *m, mp_emit_fn *emit, void *ctx);

/*
 * A digest over all state that a keyframe must restore. Two models with equal
 * digests show the same screen. For tests of replay and keyframes.
 */
uint64_t mp_model_digest(const struct mp_model *m);

/* String by id; "" for 0, "?" for an id never defined. Raw bytes from outside:
 * clean with mp_clean() before they meet a terminal. */
const char *mp_str(const struct mp_model *m, uint32_t id);

/* Events lost in the whole recording, by cause and in all: also those that a state dump
 * behind them made good, so that no figure lacks them. */
static inline uint64_t mp_model_lost(const struct mp_model *m, unsigned cause)
{
	return m->lost[cause] + (cause == MP_LOSS_DAMAGED ? m->damaged : 0);
}

static inline uint64_t mp_model_lost_total(const struct mp_model *m)
{
	return m->lost_total + m->damaged;
}

/* The stack of an id, or NULL: never told, or no room was left. */
const struct mp_stack *mp_model_stack(const struct mp_model *m, uint64_t id);
/* What was told of an address of that address space, or NULL: nothing yet. */
const struct mp_place *mp_model_place(const struct mp_model *m, uint32_t mm, uint64_t ip);
const struct mp_module *mp_model_module(const struct mp_model *m, uint32_t id);
/* All of them in the order they came. */
size_t mp_model_n_modules(const struct mp_model *m);
const struct mp_module *mp_model_module_at(const struct mp_model *m, size_t i);
/*
 * A frame as text: "malloc+0x1d (libc.so.6)" where its function was told, else
 * "libc.so.6+0x8a3f4" (the address as the file's headers have it, where its PLACE was told),
 * else as mp_offset_text(), or the address alone where nothing with a name is mapped now.
 * Raw bytes from outside, as with mp_str(). Returns buf.
 */
char *mp_frame_text(const struct mp_model *m, uint32_t mm, uint64_t ip, char *buf, size_t size);
/*
 * Code of a mapping of which no more is known than where in the file it is: "libc.so.6 offset
 * 0x8a3f4". An address would need the file's headers, so nothing here looks like one. What is
 * no file has no headers: "[vdso]+0x8". Returns buf.
 */
char *mp_offset_text(const char *path, uint64_t off, char *buf, size_t size);

/*
 * A time of the stream as CLOCK_REALTIME ns, by what the clocks were told to say then: right
 * before and after the clock was set and the machine slept. MP_UNKNOWN: nothing told it.
 */
uint64_t mp_wall_ns(const struct mp_model *m, uint64_t ts);

/* The process of an mm id, or NULL. */
struct mp_proc *mp_model_proc(const struct mp_model *m, uint32_t mm);
/* The first target, or NULL: what a view of one process shows. */
const struct mp_proc *mp_model_main(const struct mp_model *m);
/* The last process seen that has this number, or NULL. */
const struct mp_proc *mp_model_pid(const struct mp_model *m, uint32_t pid);
/* Sums over all processes that were ever seen; *ended: how many of them have ended. */
void mp_model_sums(const struct mp_model *m, struct mp_ended *all, uint64_t *ended);
/*
 * Resident bytes of a class: the pages that are known, and of files and shared memory at least
 * what the kernel counts. Which page of a file is resident shows late, since the kernel maps some
 * around each fault. RSS less all classes is the account's `unknown`.
 */
uint64_t mp_proc_class(const struct mp_proc *p, enum mp_class c);
/* By which counters the pages of a mapping are counted. */
enum mp_kind mp_map_kind(const struct mp_mapping *v);
/* Resident bytes by the kernel's counters. */
uint64_t mp_proc_rss(const struct mp_proc *p);

/* The reading of smaps_rollup that is of now: bytes, or MP_UNKNOWN. */
struct mp_shares {
	uint64_t ts; /* when it was read; 0: there is none of now */
	uint64_t pss, private_dirty, shared_dirty, anon_huge;
	uint64_t shared_anon; /* of its anonymous memory what others are charged with */
};
/*
 * A reading belongs to its instant: it is of now as long as neither RSS nor its anonymous
 * part has moved since by more than a MiB and more than a twentieth of what it was, and the
 * process has not ended. Its parts are compared with each other only, never with later counters.
 * False, and all of it unknown: the last reading is of another instant, or there was none.
 */
bool mp_proc_shares(const struct mp_proc *p, struct mp_shares *s);
/*
 * Pages left to the kernel by MADV_FREE and not taken yet, as far as can be known: those
 * the model has seen given up, or fewer where the kernel's figure says that some were
 * written again since (that it tells nobody else).
 */
uint64_t mp_proc_lazy(const struct mp_proc *p);
/* The ages of those the model has seen given up, at `now`: pages within 1, 10, 60 s and
 * older; *oldest in ns, 0 when there are none. */
void mp_proc_lazy_ages(const struct mp_proc *p, uint64_t now, uint64_t pages[MP_BACK_MAX],
		       uint64_t *oldest);
/* The mapping holding addr, or NULL. */
struct mp_mapping *mp_proc_find(const struct mp_proc *p, uint64_t addr);
/* The i-th mapping by address, or NULL. To see all of them follow p->maps by next. */
struct mp_mapping *mp_map_at(const struct mp_proc *p, size_t i);
/* Resident pages in [start, end), by the model. */
uint64_t mp_proc_resident(const struct mp_proc *p, uint64_t start, uint64_t end);
/*
 * What that heap has committed of what is mapped now, bytes: a source's last word stays in
 * mp_heap when its mappings are gone (V8 unmaps its heap before the process ends), and is
 * about nothing then. MP_UNKNOWN: nobody told, or that.
 */
uint64_t mp_proc_committed(const struct mp_proc *p);
/* False: sources tell of collections and of no sizes, so that what is owed is not known. */
bool mp_proc_sized(const struct mp_proc *p);
/*
 * The heap whose figures the account uses, or NULL: the one source that tells them; of
 * several (a JVM with V8 in it) their sum, since the pages of all are one class. Of a sum
 * a figure that one of them lacks is MP_UNKNOWN, but for external and arrays, where it is
 * what is known. `src`: the source that has the most committed.
 */
const struct mp_heap *mp_proc_heap(const struct mp_proc *p, enum mp_heap_source *src);

/* Collections ever, of every kind. */
static inline uint64_t mp_proc_gcs(const struct mp_proc *p)
{
	return p->gc_minor + p->gc_major + (p->gc_other == MP_UNKNOWN ? 0 : p->gc_other);
}

/* Bytes of RSS that are counted again, because shared mappings of this process show
 * the same pages of one file; MP_UNKNOWN without a snapshot, or without memory. */
uint64_t mp_proc_multi_mapped(const struct mp_proc *p);

/* The account now. */
void mp_account(const struct mp_proc *p, struct mp_account *a);
/* True when the account's equation holds. */
bool mp_account_check(const struct mp_account *a);

/* Faults by kind, of both modes. */
uint64_t mp_faults_of(const struct mp_proc *p, enum mp_fkind k);
/* True when kinds, modes, mappings and threads add up to the faults; while a state dump
 * is being folded in nothing is asked. */
bool mp_faults_check(const struct mp_proc *p);
/* Standard error of a site's pages: the square root of its `squares`. */
uint64_t mp_fsite_error(const struct mp_fsite *s);

/* Human names of wire numbers; never NULL. */
const char *mp_class_name(enum mp_class c);
const char *mp_fkind_name(enum mp_fkind k);
const char *mp_call_name(unsigned call);
const char *mp_advice_name(unsigned advice);
/* Where an advice is counted: its number, but for the guards (102, 103 are 29, 30); all
 * that is beyond is in the last one. Slots have their advice's name. */
unsigned mp_advice_slot(unsigned advice);
const char *mp_gc_kind_name(unsigned kind);
const char *mp_source_name(unsigned src);
const char *mp_phase_name(unsigned phase);
const char *mp_loss_name(unsigned cause);
const char *mp_feature_name(unsigned feat);
const char *mp_rung_name(unsigned rung);

/* Timeline: the point that covers ts, clamped to the ends; NULL when empty. */
const struct mp_point *mp_tl_at(const struct mp_timeline *tl, uint64_t ts);
/*
 * Folds the points that overlap [t0, t1) into one: bands of the last, min of
 * rss_min, max of rss_max, sums of counts. False when there is none.
 */
bool mp_tl_merge(const struct mp_timeline *tl, uint64_t t0, uint64_t t1, struct mp_point *out);

#endif /* MEMPROF_MODEL_H */
