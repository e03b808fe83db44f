/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * shared.h - memory shared between the probes and their loader: map values and
 * the mapped .bss. Data only. Not a wire format: both sides are built together.
 */
#ifndef MEMPROF_SHARED_H
#define MEMPROF_SHARED_H

#include "bpf/events.h"

#define MP_CPUS_MAX	512 /* runs are kept per CPU up to here, single above */
#define MP_TARGETS_MAX	4096
#define MP_JIFFY_NS	10000000ULL /* the longest there is: CONFIG_HZ 100 */
#define MP_INFLIGHT_MAX 16384	    /* threads inside a watched call at once */
#define MP_STACKS_MAX	16384	    /* different user stacks of a session */
#define MP_RUNS_BATCH	16	    /* closed runs that go through the ring together */

#define MP_COLLECTING_NS 10000000000ULL /* a collection that runs for longer is not believed */

struct mp_target {
	__u32 id; /* mm id, as in events */
	__u32 tgid;
	__u64 rss_ts;  /* ns: last RSS event */
	__s64 base[4]; /* by sum_rss() or sum_counters(): the counters of the mm ... */
	__s64 held[4]; /* ... and what all its threads hold back */
	__u64 slack;   /* pages by which that may be off */
	__u32 sum_gen; /* shared.sum_gen of that time */
	__u32 image;   /* mm id of the exec that mapped its code: fork hands it on */
	__u32 stacks;  /* new ones told of it */
	__u32 collecting; /* collections that run, on all its threads */
	__u32 active; /* threads inside a watched call */
	__u32 seq;    /* watched calls entered so far  */
	__u64 collecting_ts; /* ns: the last one began */
};

struct mp_watch {
	__u32 mm_id;  /* 0: becomes a target at its next exec */
	__u32 parent; /* mm id of the target that forked it, 0: another way */
	__u64 mm;     /* struct mm_struct *, 0 before that exec */
};

/*
 * Rules by which a process becomes a target at its exec (bpf/rules.bpf.h). Bit i of a mask is
 * rule i, those from 63 on share the last bit. A field says of which rules it is what they
 * want; user space asks again, exactly.
 */
#define MP_RULE_EXE_MAX	  32 /* bytes of a program's name that are compared */
#define MP_RULE_GROUP_MAX 80 /* ... of the name of a control group's folder */
#define MP_RULE_KEYS_MAX  8192
#define MP_RULE_DEPTH	  16 /* control groups on the way up */

struct mp_rule_exe {
	__u32 bits; /* that must be equal, from the first byte on */
	char name[MP_RULE_EXE_MAX];
};

struct mp_rule_group {
	__u32 bits;
	char name[MP_RULE_GROUP_MAX];
};

/* Where the arguments of a USDT are when it is hit (user/live/usdt_args.c). */
#define MP_USDT_ARGS  8	  /* more are not looked at */
#define MP_USDT_SPECS 256 /* different ones of a session */

enum mp_usdt_kind {
	MP_USDT_NONE = 0, /* none, or in a way not known here */
	MP_USDT_CONST,	  /* val */
	MP_USDT_REG,	  /* the register */
	MP_USDT_MEM,	  /* the memory at the register's value + val */
};

struct mp_usdt_arg {
	__s64 val;
	__u16 reg; /* offset in struct pt_regs */
	__u8 kind; /* enum mp_usdt_kind */
	__u8 shift; /* bits above its size: to be cleared, or filled with its sign */
	__u32 is_signed;
};

struct mp_usdt_spec {
	struct mp_usdt_arg arg[MP_USDT_ARGS];
};

/*
 * A run being built on one CPU. Touched only by probes on that CPU and by the
 * flush program, which runs on it too; `busy` keeps the flush (an interrupt)
 * out of a probe that is half way.
 */
struct mp_run {
	__u32 busy;
	__u32 n;		 /* faults in it; 0 = none open */
	__u64 next;		 /* address that would continue it */
	__u64 first_ts, last_ts; /* last_ts is up to MP_JIFFY_NS early */
	__u64 ip;
	__u32 mm, tid;
	__u32 epoch; /* shared.epoch when it was begun */
	__u8 kind;
	__u8 pad[3];
	__u32 ids;	 /* mm ids given out on this CPU */
	__u64 mm_addr;	 /* struct mm_struct * */
	__u64 jiffy;	 /* when last_ts was read */
	__u64 rss_next;	 /* ns: no RSS figure is due before, as far as this CPU knows */
	__u32 left;	 /* pages to the next one whose stack is taken */
	__u32 stacks[2]; /* stack ids given out on this CPU, to faults and to calls */
} __attribute__((aligned(64)));

/*
 * What comes through the ring besides mp_event and mp_raw_text. All begin with the
 * same 16 bytes, so that `type` tells them apart.
 */
#define MP_RAW_RUNS	 0x8002
#define MP_RAW_STACK	 0x8003
#define MP_RAW_STACK_MAX 32 /* frames */

/* A closed run: the fields of an MP_EV_FAULT. */
struct mp_run_rec {
	__u64 ts, addr, ip, span;
	__u32 mm, tid, n;
	__u32 kind;
};

struct mp_raw_runs {
	__u64 ts;
	__u16 type; /* MP_RAW_RUNS */
	__u16 pad;
	__u32 n;
	struct mp_run_rec r[MP_RUNS_BATCH];
};

struct mp_raw_stack {
	__u64 ts;
	__u16 type; /* MP_RAW_STACK */
	__u16 n;    /* frames */
	__u32 id;
	__u64 ip[MP_RAW_STACK_MAX]; /* innermost first */
	__u32 busy;
	__u32 mm;   /* id; whose addresses these are */
};

struct mp_inflight {
	__u64 ts;
	__u64 mm; /* struct mm_struct * */
	__u64 addr, len, len2;
	__u64 old_brk;
	__s64 rss[4];
	__u32 x;
	__u32 seq; /* of the target when this call had entered */
	__u8 call;
	__u8 flags;
	__u8 pad[6];
	__u64 mm2; /* process_madvise: the mm it works on */
	__u64 sp;  /* user stack pointer, 0 = not shown */
};

struct mp_shared {
	__u64 only_mm; /* the target when there is exactly one, else 0 */
	__u32 only_id; /* its mm id */
	__u32 n_targets;
	__u32 collecting;  /* collections that run, of all targets */
	__u32 epoch;	   /* moves with every call that can drop pages: no run
			    * spans such a call */
	__u32 attach_tgid; /* argument of the task iterator */
	__u32 attach_found;
	__u32 attach_borrowed; /* nobody found: its mm is that of another target */
	__u32 attach_mm;  /* argument of forget_target(): mm id */
	__u32 sum_gen;	  /* which sum this is, argument of sum_rss() */
	__u32 cpus_known; /* cpu_off is filled in: per-CPU counters can be summed */
	__u64 scratch[2];
	__u64 rules_any[3]; /* masks: rules that ask for no uid, no program, no group */
	__u64 rules; /* mask: rules there are; 0 = nothing is compared */
	__u32 rules_change; /* they are being changed: every exec makes a target */
	__u32 stacks_full;  /* nothing leaves their table while a session lives. A stack
			     * told all the same would be told each time it is met */
	__u64 cpu_off[MP_CPUS_MAX]; /* of each CPU's area; 0 = unknown or offline */
	__u64 lost[MP_LOSS_MAX];
	__u64 lost_faults[MP_LOSS_MAX];
	struct mp_run runs[MP_CPUS_MAX];
	struct mp_raw_runs batch[MP_CPUS_MAX]; /* guarded as the run is */
};

#endif /* MEMPROF_SHARED_H */
