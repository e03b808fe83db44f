/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * events.h - the one event family.
 *
 * What BPF submits, what the fold consumes, what a recording gives back after
 * decoding and what a unit test writes by hand are all struct mp_event. This
 * file owns the wire numbers. It holds data only: no functions, no pointers,
 * and it includes nothing that a BPF object cannot include.
 *
 * Rules: numbers are explicit and append-only; a retired number leaves a hole;
 * a new field takes reserved bytes, which are zero until then; every field
 * names its unit. Times are CLOCK_MONOTONIC nanoseconds, addresses and lengths
 * are bytes, residency is counted in base pages (4096 bytes on x86-64) unless a
 * field says otherwise.
 */
#ifndef MEMPROF_EVENTS_H
#define MEMPROF_EVENTS_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

/* A value the source could not know. Never 0: 0 is a measurement. */
#define MP_UNKNOWN 0xffffffffffffffffULL

#define MP_PAGE_SHIFT 12
#define MP_PAGE_SIZE 4096ULL

/* Event types (mp_event.type). */
enum mp_type {
	MP_EV_FAULT = 1,    /* a run of page faults                           */
	MP_EV_CALL = 2,     /* a memory call that returned                    */
	MP_EV_RSS = 3,      /* the kernel's RSS counters of one mm            */
	MP_EV_MAP = 4,      /* a line of a mapping snapshot                   */
	MP_EV_PAGES = 5,    /* residency of a range, as scanned               */
	MP_EV_TASK = 6,     /* fork, exec, exit, end of an mm                 */
	MP_EV_HEAP = 7,     /* a managed heap's counters                      */
	MP_EV_SPACE = 8,    /* one space of a managed heap                    */
	MP_EV_GC = 9,       /* a finished collection                          */
	MP_EV_HEAP_RANGE = 10, /* the collector committed or released a range */
	MP_EV_STR = 11,     /* a piece of an interned string                  */
	MP_EV_LOSS = 12,    /* events that did not arrive, by cause           */
	MP_EV_PROBE = 13,   /* which rung a hook got, or why it got none      */
	MP_EV_META = 14,    /* facts about target, machine and session        */
	MP_EV_NOTE = 15,    /* a mark set by the program or the user          */
	MP_EV_KEYFRAME = 16,/* begin or end of a state dump                   */
	MP_EV_TOTAL = 17,   /* one accumulated counter, in a state dump       */
	MP_EV_TICK = 18,    /* time passed and nothing else did               */
	MP_EV_PHASE = 19,   /* a part of a collection ended                   */
	MP_EV_SAMPLE = 20,  /* an allocation, one of many                     */
	MP_EV_MAJOR = 21,   /* a fault that waited for I/O (told by FAULT too) */
	MP_EV_STACK = 22,   /* a piece of a user stack                        */
	MP_EV_SITE = 23,    /* where it was done: a fault, one of many, or a call */
	MP_EV_CGROUP = 24,  /* what the control group of a process is charged */
	MP_EV_ROLLUP = 25,  /* what smaps_rollup says of a process            */
	MP_EV_PLACE = 26,   /* which function an address of a stack lies in   */
	MP_EV_MODULE = 27,  /* a mapped file with code: its build-id          */
	MP_EV_POINT = 28,   /* figures of a stretch of time: a summary        */
	MP_EV_CLOCK = 29,   /* what the other clocks say at this instant      */
	MP_EV_CGROUP_MORE = 30, /* more of that group; right behind its CGROUP */
	MP_EV_PROC = 31,    /* more of /proc/PID/status than the counters     */
	MP_EV_MAX = 32,     /* one past the last, not a wire number           */
};

/*
 * MP_EV_FAULT: faults of one thread on consecutive ascending pages, with the
 * same kind and the same instruction. `sub` holds the kind bits, `x` the number
 * of faults (= pages). ts is the last fault of the run, exact to a jiffy (at most
 * 10 ms early); the first one, ts - span, is exact.
 */
enum mp_fault_kind {
	MP_FAULT_WRITE = 1 << 0,   /* error code W: a store                    */
	MP_FAULT_PRESENT = 1 << 1, /* error code P: page was there (COW, prot) */
	MP_FAULT_KERNEL = 1 << 2,  /* raised in kernel mode (read(), recv())   */
	MP_FAULT_INSTR = 1 << 3,   /* instruction fetch                        */
	MP_FAULT_NOKIND = 1 << 4,  /* this rung does not tell read from write  */
	MP_FAULT_GC = 1 << 5,      /* while a collection of the process ran, on any
				    * thread: MP_GC_MARKED says who tells this */
};

/* MP_EV_CALL: `sub`. */
enum mp_call {
	MP_CALL_MMAP = 1,
	MP_CALL_MUNMAP = 2,
	MP_CALL_MREMAP = 3,
	MP_CALL_BRK = 4,
	MP_CALL_MADVISE = 5,
	MP_CALL_PROCESS_MADVISE = 6,
	MP_CALL_MPROTECT = 7,
	MP_CALL_MLOCK = 8,         /* mlock, mlock2; flags are not told    */
	MP_CALL_MLOCKALL = 9,      /* x = flags                            */
	MP_CALL_SHMAT = 10,        /* ret = address; its length is not told */
	MP_CALL_SHMDT = 11,        /* addr; its length is not told         */
	MP_CALL_REMAP_FILE = 12,   /* remap_file_pages                     */
	MP_CALL_MAX = 13,          /* one past the last, not a wire number */
};

/* mp_event.flags of MP_EV_CALL. */
enum mp_call_flag {
	MP_CALL_FAILED = 1 << 0,   /* call.ret is -errno                       */
	MP_CALL_NO_DELTA = 1 << 1, /* this rung cannot read the RSS counters   */
	MP_CALL_REMOTE = 1 << 2,   /* made by a thread of another process      */
	MP_CALL_SHARED = 1 << 3,   /* other calls of the mm ran meanwhile      */
	MP_CALL_FAULTED = 1 << 4,  /* other threads faulted meanwhile: they can
				    * only have raised the counters            */
};

/* mp_event.x of MP_EV_CALL for mmap: low 24 bits of flags, prot above. */
#define MP_MMAP_X(prot, flags) (((__u32)(flags) & 0xffffff) | ((__u32)(prot) & 0xf) << 28)
#define MP_MMAP_FLAGS(x) ((x) & 0xffffff)
#define MP_MMAP_PROT(x) ((x) >> 28)

/* MP_EV_RSS: `sub`, where the figure comes from. */
enum mp_rss_source {
	MP_RSS_KERNEL = 1, /* counters of the mm, read by a probe */
	MP_RSS_PROC = 2,   /* /proc/PID/status                    */
};

/*
 * MP_EV_MAP: a snapshot is BEGIN, any number of LINE in address order, END.
 * All carry the same ts. At END the fold replaces its mapping table. In a state
 * dump `flags` of a LINE is the mapping's class + 1.
 */
enum mp_map_op { MP_MAP_BEGIN = 1, MP_MAP_LINE = 2, MP_MAP_END = 3 };
#define MP_MAP_UNKNOWN 1 /* flags of END in a state dump: made of calls, no snapshot yet */

/* mp_event.x of MP_EV_MAP. */
enum mp_map_bits {
	MP_MAP_R = 1 << 0,
	MP_MAP_W = 1 << 1,
	MP_MAP_X = 1 << 2,
	MP_MAP_SHARED = 1 << 3,
	MP_MAP_FILE = 1 << 4,  /* backed by an inode: file, memfd, shmem */
	MP_MAP_SHMEM = 1 << 5, /* ... and that inode lives in shmem      */
	MP_MAP_HUGETLB = 1 << 6, /* ... or in hugetlbfs: in no RSS counter */
};

/*
 * MP_EV_PAGES: [addr, addr+len) as a scan found it. A scan of a range is one
 * ABSENT for the range and then RESIDENT for each run inside it.
 */
enum mp_pages_op {
	MP_PAGES_ABSENT = 1,
	MP_PAGES_RESIDENT = 2,
	MP_PAGES_DROPPED = 3, /* in a state dump: dropped by a call, not touched since */
	MP_PAGES_LAZY = 4,    /* in a state dump: resident, given up by MADV_FREE */
	/* x of both: number of the release's TOTAL, from 1; flags: user/model/sites.c */
	MP_PAGES_ANON = 5,    /* pages of a private file mapping: written, now anonymous */
};
#define MP_PAGES_HUGE 1 /* mp_event.flags of RESIDENT: mapped as huge pages (2 MiB) */

/* MP_EV_TASK: `sub`. */
enum mp_task_op {
	MP_TASK_FORK = 1,     /* a = child tgid, b = child mm id or 0            */
	MP_TASK_EXEC = 2,     /* event.mm = the new mm; a = old mm id or 0       */
	MP_TASK_EXIT = 3,     /* the process ended: a = wait status, or UNKNOWN  */
	MP_TASK_MM_EXIT = 4,  /* the mm was torn down: every counter is 0 now    */
	MP_TASK_THREAD = 5,   /* a new thread: a = its tid                       */
	MP_TASK_TARGET = 6,   /* a process is being watched: a = tgid, b = its program's
			       * string id, c = tgid of its parent or 0; x = flags */
	MP_TASK_NAME = 7,     /* the name of the thread tid: comm                */
	MP_TASK_OOM = 8,      /* memory ran out and the kernel kills it: a = its tgid; mm 0: one
			       * that is not watched, in the group of one that is or above */
};
#define MP_TASK_COMM_LEN 16 /* bytes, with the final NUL */
#define MP_TASK_F_LAUNCHED 1 /* MP_TASK_TARGET: started by memprof itself */

/* Where a heap's figures come from: mp_event.sub of HEAP, SPACE; gc.source. */
enum mp_heap_source {
	MP_SRC_GC = 1,
	MP_SRC_V8 = 2,
	MP_SRC_GO = 3,
	MP_SRC_JVM = 4,
	MP_SRC_PYTHON = 5,
	MP_SRC_RUBY = 6,
	MP_SRC_MAX = 7, /* one past the last, not a wire number */
};

/* MP_EV_GC: `sub`. */
enum mp_gc_kind {
	MP_GC_MINOR = 1,   /* scavenge, young collection            */
	MP_GC_MAJOR = 2,   /* mark-sweep of the old space or whole  */
	MP_GC_COMPACT = 3, /* mark-compact                          */
	MP_GC_OTHER = 4,
};

/* mp_event.flags of MP_EV_GC. */
enum mp_gc_flag {
	MP_GC_PART = 1 << 0,   /* before and after are of one heap of several that the
				* process may have: HEAP tells the sum        */
	MP_GC_MARKED = 1 << 1, /* its begin and end were seen: faults between them have
				* MP_FAULT_GC                                 */
};

/* mp_event.flags of MP_EV_HEAP. */
enum mp_heap_flag {
	MP_HEAP_SOME = 1 << 0, /* of a log: figures that are MP_UNKNOWN here stay as they
				* were; without it nobody knows them any more   */
};

/* MP_EV_HEAP_RANGE: `sub`. */
enum mp_heap_op {
	MP_HEAP_RESERVE = 1, /* the range belongs to this heap from now on   */
	MP_HEAP_COMMIT = 2,  /* made usable; not resident before a touch     */
	MP_HEAP_RELEASE = 3, /* given back: x = advice                       */
	MP_HEAP_UNRESERVE = 4,
};

/*
 * MP_EV_PHASE: `sub` is a part of a collection, or of the marking before it. The
 * event comes at its end.
 */
enum mp_phase {
	MP_PHASE_STOP = 1,
	MP_PHASE_ROOTS = 2,
	MP_PHASE_REMEMBERED = 3,
	MP_PHASE_COPY = 4,
	MP_PHASE_MARK = 5,
	MP_PHASE_REMARK = 6,
	MP_PHASE_EPHEMERONS = 7,
	MP_PHASE_FINALIZERS = 8,
	MP_PHASE_SWEEP = 9,
	MP_PHASE_EVACUATE = 10,
	MP_PHASE_FIXUP = 11,
	MP_PHASE_RELEASE = 12,
};

/* MP_EV_LOSS: `sub`, the cause. `x` counts events, v[0] faults in them. */
enum mp_loss {
	MP_LOSS_RING_FULL = 1,   /* the ring buffer had no room              */
	MP_LOSS_INFLIGHT = 2,    /* no slot to remember a call's entry       */
	MP_LOSS_MISSED_EXIT = 3, /* a call's entry was seen, its exit not    */
	MP_LOSS_COMPAT = 4,      /* a 32-bit system call, not decoded        */
	MP_LOSS_GC_RING = 5,     /* a collector's ring was overwritten       */
	MP_LOSS_DISK = 6,        /* a block could not be written             */
	MP_LOSS_TARGETS = 7,     /* no room for one more target              */
	MP_LOSS_BUSY = 8,        /* a probe interrupted itself on one CPU    */
	MP_LOSS_DAMAGED = 9,     /* a block of the recording was unreadable  */
	MP_LOSS_STACK = 10,      /* a stack that found no room in the table  */
	MP_LOSS_LIMIT = 11,      /* more work or memory than a recording may ask for */
	MP_LOSS_MAX = 12,        /* one past the last, not a wire number     */
};

/*
 * MP_EV_SITE: `sub`. A FAULT site is one sampled fault that stands for x pages
 * touched at random points of the stream of all of them (so sums over sites are
 * unbiased). A CALL site comes right before the CALL of the same tid and ts.
 */
enum mp_site {
	MP_SITE_FAULT = 1,
	MP_SITE_CALL = 2,
};

/* MP_EV_PLACE: `sub`, where the name comes from. NONE: looked for and not found. */
enum mp_place_source {
	MP_PLACE_NONE = 0,
	MP_PLACE_SYMTAB = 1,
	MP_PLACE_DYNSYM = 2,
	MP_PLACE_DEBUGDATA = 3, /* .gnu_debugdata */
	MP_PLACE_DEBUGFILE = 4, /* a separate file with the same build-id */
	MP_PLACE_PERFMAP = 5,   /* perf-PID.map of a compiler at run time */
	MP_PLACE_GO = 6,        /* .gopclntab */
};

/*
 * MP_EV_POINT: one tier of summaries, enum mp_tier in `sub`. v[i] is field x + i
 * (numbers in user/model/tiers.c); ts is the start of the stretch. The fold of a
 * whole stream passes it over: it says nothing that the other events do not.
 */
enum mp_tier { MP_TIER_1S = 1, MP_TIER_10S = 2, MP_TIER_5MIN = 3 };

/* MP_EV_CLOCK: `sub`, why it is told. */
enum mp_clock {
	MP_CLOCK_TOLD = 1,  /* now and then                                   */
	MP_CLOCK_STEP = 2,  /* somebody set CLOCK_REALTIME                    */
	MP_CLOCK_SLEEP = 3, /* the machine was suspended                      */
};

/* MP_EV_PROBE: `sub` is the feature, x the rung, v[0] a -errno, v[1] a string. */
enum mp_feature {
	MP_FEAT_FAULTS = 1,
	MP_FEAT_CALLS = 2,
	MP_FEAT_TASKS = 3,
	MP_FEAT_RSS = 4,
	MP_FEAT_HEAP_V8 = 5,
	MP_FEAT_HEAP_GC = 6,
	MP_FEAT_MAJORS = 7,
	MP_FEAT_STACKS = 8,
	MP_FEAT_HEAP_GO = 9,
	MP_FEAT_HEAP_JVM = 10,
	MP_FEAT_HEAP_PYTHON = 11,
	MP_FEAT_HEAP_RUBY = 12,
	MP_FEAT_HEAP_LOG = 13,   /* a GC log joined to what was recorded      */
	MP_FEAT_OOM = 14,        /* whom the kernel kills when memory runs out */
	MP_FEAT_MAX = 15, /* one past the last, not a wire number */
};

enum mp_rung {
	MP_RUNG_ABSENT = 0,
	MP_RUNG_TP_BTF = 1,
	MP_RUNG_FENTRY = 2,
	MP_RUNG_TRACEPOINT = 3,
	MP_RUNG_PERF = 4,
	MP_RUNG_UPROBE = 5,
	MP_RUNG_SEGMENT = 6,
	MP_RUNG_PROC = 7,
	MP_RUNG_USDT = 8,     /* a probe the program was built with           */
	MP_RUNG_MEMORY = 9,   /* variables of the runtime, read from outside  */
	MP_RUNG_COUNTERS = 10,/* a file of counters that the runtime keeps    */
	MP_RUNG_LOG = 11,     /* a log that the runtime wrote                 */
	MP_RUNG_MAX = 12, /* one past the last, not a wire number */
};

/* MP_EV_META: `sub` is the key; v[0] a number or a string id (see meta.isstr). */
enum mp_meta {
	MP_META_PID = 1,
	MP_META_COMM = 2,        /* string */
	MP_META_EXE = 3,         /* string */
	MP_META_PAGE_SIZE = 4,
	MP_META_START_TS = 5,    /* first instant of the session              */
	MP_META_WALL_NS = 6,     /* CLOCK_REALTIME at START_TS                */
	MP_META_BOOT_NS = 7,     /* CLOCK_BOOTTIME at START_TS                */
	MP_META_KERNEL = 8,      /* string */
	MP_META_VERSION = 9,     /* string: memprof's version                 */
	MP_META_PROC_START = 10, /* start of the process, CLOCK_BOOTTIME ns   */
	MP_META_THREADS = 11,
	MP_META_TICK_NS = 12,    /* resolution that times were rounded to     */
	MP_META_NCPU = 13,
	MP_META_END_TS = 14,     /* last instant of a session that ended well */
	MP_META_LOOKS_ALL = 15,  /* scans of everything: attach, exec, end    */
	MP_META_LOOKS_SUSPECT = 16, /* ... of what events left open           */
	MP_META_LOOKS_HUNT = 17, /* slices of searches for what nothing explains */
	MP_META_SNAPSHOTS = 18,  /* mapping tables recorded                   */
	MP_META_LOOKS_NS = 19,   /* CPU time that scans took                  */
	MP_META_CMDLINE = 20,    /* string: arguments, only if asked for      */
	MP_META_ENVIRON = 21,    /* string: environment, only if asked for    */
	MP_META_SHARD = 22,      /* number of this file in its row, from 1    */
	MP_META_TRIGGER = 23,    /* string: what the recording was saved for  */
	MP_META_MAX = 24,        /* one past the last, not a wire number      */
};

/* MP_EV_NOTE: `sub`, who set it. v[0] is a string id. */
enum mp_note { MP_NOTE_PROGRAM = 1, MP_NOTE_USER = 2, MP_NOTE_MEMPROF = 3 };

/* MP_EV_KEYFRAME: `sub`. */
enum mp_keyframe { MP_KEY_BEGIN = 1, MP_KEY_END = 2 };

/*
 * MP_EV_TOTAL: accumulated state that no other event restates; only between
 * MP_KEY_BEGIN and MP_KEY_END. `sub` says of what, x which field (explicit
 * numbers in user/model/dump.c), flags the index of v[0] in it, in words.
 */
enum mp_total {
	MP_TOTAL_PROC = 1,  /* a field of the process of event.mm      */
	MP_TOTAL_MODEL = 2, /* a field of the whole stream             */
	MP_TOTAL_MAP = 3,   /* v: start, faults, released, refaulted, last ts */
	MP_TOTAL_GC = 4,    /* x = words so far of one collection's record     */
	MP_TOTAL_SITE = 5,  /* x = words so far of one call site's record      */
	MP_TOTAL_THREAD = 6,/* x = words so far of the record of the thread tid */
	MP_TOTAL_MAP_KINDS = 10, /* v: start, faults by kind from kind x on     */
	MP_TOTAL_FAULT_SITE = 11, /* v: stack, samples, pages, sum of squares    */
	MP_TOTAL_LONE = 12, /* v: faults that may turn out huge (faults.c)       */
};

struct mp_event {
	__u64 ts;    /* ns, CLOCK_MONOTONIC; when the effect was complete      */
	__u16 type;  /* enum mp_type                                           */
	__u8 sub;    /* meaning by type, above                                 */
	__u8 flags;  /* meaning by type, above                                 */
	__u32 mm;    /* id of the mm, from 1; 0 = concerns no single mm        */
	__u32 tid;   /* thread that did it (initial pid namespace); 0 = none   */
	__u32 x;     /* meaning by type                                        */
	union {
		__u64 v[7];
		struct {
			__u64 addr;  /* of the first page, page aligned         */
			__u64 ip;    /* user instruction, 0 if unknown          */
			__u64 span;  /* ns between first and last fault         */
			__u64 stack; /* stack id, 0 = none                      */
			__u64 rsvd[3];
		} fault;
		struct {
			__u64 addr;  /* first argument: address, or new brk     */
			__u64 len;   /* bytes                                   */
			__s64 ret;   /* return value; address for mmap, mremap, brk */
			__u64 len2;  /* mremap: new length; brk: the old brk    */
			/* pages by which the counters of the mm moved between
			 * entry and exit of the call; with MP_CALL_SHARED or
			 * _FAULTED what other threads did meanwhile is in it */
			__s32 d_anon, d_file, d_shmem, d_swap;
			__u64 dur;   /* ns                                      */
		} call;
		struct {
			__u64 anon, file, shmem, swap; /* pages              */
			__u64 lazyfree;                /* pages, MP_UNKNOWN  */
			__u64 hugetlb;                 /* bytes, MP_UNKNOWN  */
			__u64 slack; /* pages: threads may hold back so many (up to
				      * 6.1); 0 = the figures are exact      */
		} rss;
		struct {
			__u64 start, end; /* bytes                              */
			__u64 off;        /* file offset, bytes                 */
			__u64 ino;
			__u64 name;       /* string id, 0 = none                */
			__u64 dev;        /* major << 20 | minor                */
			__u64 rsvd;
		} map;
		struct {
			__u64 addr, len; /* bytes                               */
			__u64 since;     /* DROPPED, LAZY: ns, when; 0 = not told */
			__u64 site;      /* DROPPED, LAZY: stack id of the call */
			__u64 rsvd[3];
		} pages;
		struct {
			__u64 a, b, c;
			__u64 comm;      /* string id, 0 = none                 */
			__u64 rsvd[3];   /* in the ring: EXEC's comm as text    */
		} task;
		struct {
			__u64 used;      /* bytes of objects, live or not yet found dead */
			__u64 committed; /* bytes the heap may use without asking */
			__u64 external;  /* bytes held outside for the heap     */
			__u64 arrays;    /* ... of which array buffers          */
			__u64 limit;     /* bytes                               */
			__u64 goal;      /* bytes: next collection starts there */
			__u64 live;      /* bytes live after the last major     */
		} heap;
		struct {
			__u64 name;      /* string id                           */
			__u64 used, committed, resident; /* bytes               */
			__u64 rsvd[3];
		} space;
		struct {
			__u64 before, after;   /* bytes used                     */
			__u64 cbefore, cafter; /* bytes committed                */
			__u64 pause;           /* ns the program stood still     */
			__u64 start;           /* ns, CLOCK_MONOTONIC            */
			__u32 reason;          /* string id                      */
			__u16 source;          /* enum mp_heap_source            */
			__u16 rsvd;
		} gc;
		struct {
			__u64 addr, len; /* bytes                               */
			__u64 dur;       /* ns                                  */
			__u64 source;    /* enum mp_heap_source                 */
			__u64 name;      /* string id of the space, 0 = none    */
			__u64 rsvd[2];
		} range;
		struct {
			__u64 dur;       /* ns                                  */
			__u64 work;      /* by phase, or MP_UNKNOWN             */
			__u64 n;         /* parts told as one                   */
			__u64 source;    /* enum mp_heap_source                 */
			__u64 rsvd[3];
		} phase;
		struct {
			__u64 addr;      /* of the object; sub: enum mp_heap_source */
			__u64 size;      /* bytes                               */
			__u64 mean;      /* bytes from one sample to the next   */
			__u64 what;      /* string id of its type, 0 = not told */
			__u64 stack;     /* stack id, 0 = none                  */
			__u64 rsvd[2];
		} sample;
		struct {
			__u64 addr;      /* of the page; sub: enum mp_fault_kind */
			__u64 ip;        /* user instruction, 0 if unknown      */
			__u64 rsvd[5];
		} major;
		struct {
			__u64 id;        /* from 1; x = frames in all           */
			__u64 pos;       /* number of the first frame here, 0 = innermost */
			__u64 ip[5];     /* MP_STACK_CHUNK frames at most       */
		} stack;
		struct {
			__u64 stack;     /* stack id, 0 = none could be taken   */
			__u64 addr;      /* FAULT: of the page                  */
			__u64 rsvd[5];   /* x: FAULT: pages it stands for       */
		} site;
		struct {
			__u64 charged;   /* bytes charged; sub: version, 1 or 2 */
			__u64 limit;     /* bytes, MP_UNKNOWN = none            */
			__u64 anon, file, shmem; /* bytes; file holds no shmem  */
			__u64 kernel;    /* bytes: page tables, slab, sockets   */
			__u64 swap;      /* bytes                               */
		} cgroup;        /* x: string id of its path, 0 = not told      */
		struct {
			__u64 inactive_file, active_file; /* bytes of page cache */
			__u64 slab;      /* bytes: what of the kernel's can be reclaimed */
			__u64 dirty;     /* bytes of files, dirty or being written */
			__u64 refaults;  /* pages of files read again soon after they
					  * were dropped, of the group's life   */
			__u64 oom_kills; /* processes killed in it, of its life */
			__u64 high;      /* bytes: memory.high, MP_UNKNOWN = none */
		} cgroup_more;   /* sub: version, 1 or 2; x - 1: of the last 10 s so
				  * many 10000th parts all stood still for memory;
				  * 0 = not told                                */
		struct {
			__u64 locked, pte, vsize, stack; /* VmLck, VmPTE, VmSize, VmStk:
							  * bytes, or MP_UNKNOWN */
			__u64 threads;
			__u64 rsvd[2];
		} proc;
		/* x: pages of Anonymous, all by the same walk; 0 = not told */
		struct {
			/* bytes; a page that n processes map is in each by 1/n */
			__u64 pss_anon, pss_file, pss_shmem;
			__u64 private_dirty; /* bytes that nobody else maps     */
			__u64 shared_dirty;  /* bytes that others map too       */
			__u64 anon_huge;     /* bytes in huge pages             */
			__u64 lazyfree;      /* bytes                           */
		} rollup;
		struct {
			__u64 ip;        /* as in a STACK of this mm            */
			__u64 off;       /* bytes from the function's start     */
			__u64 name;      /* string id, demangled; 0 = not known */
			__u64 maddr;     /* address as the module's ELF has it  */
			__u64 rsvd[3];   /* x: id of the module, 0 = none       */
		} place;
		struct {
			__u64 name;      /* string id of its path               */
			__u64 dev, ino;  /* as in MAP                           */
			__u8 build[24];  /* flags: bytes of build-id, 0 = none  */
			__u64 rsvd;      /* x: its id, from 1                   */
		} module;
		struct {
			__u64 wall;      /* CLOCK_REALTIME, ns                  */
			__u64 boot;      /* CLOCK_BOOTTIME, ns                  */
			__s64 jump;      /* STEP: ns by which the wall clock moved */
			__u64 asleep;    /* SLEEP, or STEP on waking: ns        */
			__u64 rsvd[3];
		} clock;
		struct {
			__u32 id;        /* x = total length in bytes           */
			__u32 pos;       /* offset of this piece in bytes       */
			char text[48];   /* MP_STR_CHUNK bytes at most          */
		} str;
		struct {
			__u64 num;       /* number, or string id                */
			__u64 isstr;     /* 1: num is a string id               */
			__u64 rsvd[5];
		} meta;
	};
};

#define MP_STACK_CHUNK 5
#define MP_STACK_MAX 64 /* frames of one stack */
#define MP_STR_CHUNK 48
#define MP_STR_MAX 4096 /* bytes of one interned string */

#if defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
_Static_assert(sizeof(struct mp_event) == 80, "struct mp_event is a wire format");
#endif

/*
 * What BPF puts in the ring besides mp_event: a line of text printed by a
 * runtime, to be parsed by a source in user space into events of the family.
 * Told apart from an event by its size and by `type`, which no event uses.
 */
#define MP_RAW_TEXT 0x8001
#define MP_RAW_TEXT_MAX 256
#define MP_RAW_MAIN 1 /* said by the first thread of the process */

struct mp_raw_text {
	__u64 ts;   /* ns, CLOCK_MONOTONIC */
	__u16 type; /* MP_RAW_TEXT         */
	__u8 sub;   /* enum mp_heap_source */
	__u8 flags; /* MP_RAW_MAIN         */
	__u32 mm;
	__u32 tid;
	__u32 len;  /* bytes of text, without the final NUL */
	__u64 self; /* V8: address of the Heap that says it */
	char text[MP_RAW_TEXT_MAX];
};

/*
 * Arguments of a runtime's function or probe, and what lay where they point: words that
 * only the source of that runtime understands. `sub` says which, enum mp_word_probe.
 */
#define MP_RAW_WORDS 0x8004 /* 0x8002, 0x8003: bpf/shared.h */
#define MP_RAW_WORDS_MAX 48
enum mp_word_probe {
	MP_WORDS_V8_BEGIN = 1,   /* Heap::CollectGarbage entered              */
	MP_WORDS_V8_END = 2,     /* ... and left                              */
	MP_WORDS_GO_START = 3,   /* (*gcControllerState).startCycle           */
	MP_WORDS_GO_LIVE = 4,    /* (*gcControllerState).resetLive            */
	MP_WORDS_JVM_POOL = 5,   /* mem__pool__gc__begin, __end               */
	MP_WORDS_PY_START = 6,   /* gc__start(generation)                     */
	MP_WORDS_PY_DONE = 7,    /* gc__done(objects collected)               */
	MP_WORDS_RUBY = 8,       /* gc__mark__begin, __end, gc__sweep__...    */
	MP_WORDS_V8_GONE = 9,    /* Heap::TearDown                            */
	MP_WORDS_MAX = 10,       /* one past the last                         */
};
/* v[0] of MP_WORDS_RUBY. */
enum mp_ruby_probe {
	MP_RUBY_MARK_BEGIN = 1,
	MP_RUBY_MARK_END = 2,
	MP_RUBY_SWEEP_BEGIN = 3,
	MP_RUBY_SWEEP_END = 4,
};
/* GO_START, GO_LIVE: arguments 1, 2 and 4, then so many words of runtime.gcController. */
#define MP_WORDS_GO_ARGS 3
#define MP_WORDS_GO_CTL 44
/* flags of MP_WORDS_JVM_POOL: which probe; and where in v what lies that it tells. Of pauses
 * there are no words. */
enum mp_jvm_probe {
	MP_JVM_POOL_BEGIN = 0,
	MP_JVM_POOL_END = 1,
	MP_JVM_PAUSE_BEGIN = 2,  /* gc__begin, __end                          */
	MP_JVM_PAUSE_END = 3,
};
#define MP_JVM_MANAGER 2  /* 6 words of text; before it bytes used, committed */
#define MP_JVM_POOL 8     /* 6 words of text                                  */
#define MP_JVM_CAUSE 14   /* 8 words of text, where it is known               */
#define MP_JVM_WORDS 22
struct mp_raw_words {
	__u64 ts;   /* ns, CLOCK_MONOTONIC */
	__u16 type; /* MP_RAW_WORDS        */
	__u8 sub;   /* enum mp_word_probe       */
	__u8 flags; /* by sub              */
	__u32 mm;
	__u32 tid;
	__u32 n;    /* words that mean something */
	__u64 v[MP_RAW_WORDS_MAX];
};

#endif /* MEMPROF_EVENTS_H */
