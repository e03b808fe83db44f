/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * session_int.h - shared by the parts of a live session (session.c, target.c, targets.c,
 * audit.c, src_gc.c, src_v8.c) and by nobody else.
 */
#ifndef MEMPROF_SESSION_INT_H
#define MEMPROF_SESSION_INT_H

#include "user/live/clock.h"
#include "user/live/launch.h"
#include "user/live/procfs.h"
#include "user/live/rt_files.h"
#include "user/live/session.h"
#include "user/live/stream.h"
#include "user/live/suspects.h"

struct gc_source;
struct go_build;
struct gclog;
struct symbols;
struct mp_outq;

/*
 * A look at /proc between t0 and t1, waiting until all events of that time are
 * known. What they touched meanwhile cannot be trusted and is left out.
 */
enum look { LOOK_NONE, LOOK_ALL, LOOK_SUSPECTS, LOOK_HUNT };

struct audit {
	bool active;
	bool have_maps;          /* maps read                        */
	bool maps_ok;            /* ... and not raced                */
	enum look look;          /* at pages                         */
	uint64_t t0, t1;
	uint64_t maps_ns, scan_ns; /* CPU time it took               */
	struct proc_maps maps;
	struct proc_ranges todo;    /* to be looked at               */
	struct proc_ranges scanned; /* looked at                     */
	struct proc_ranges runs;    /* found resident, sorted        */
	struct proc_ranges raced;   /* touched by events meanwhile   */
	bool left_open;          /* something wanted was not told by it: it raced */
	bool vma_raced;
	unsigned tries;          /* in a row that raced              */
};

/* The comparison with the kernel's counters, waiting for what happened around it. */
#define JUDGE_POLLS 4
struct judge {
	bool open;
	unsigned bad;            /* in a row                         */
	uint64_t ts;             /* of the counters                  */
	int64_t diff[JUDGE_N];   /* pages                            */
	int64_t accepted[JUDGE_N]; /* a difference that scans do not mend */
	int64_t ahead, behind;   /* pages: how far off the model may be just then */
	uint64_t call_ts;        /* of the last call folded          */
	struct {
		uint64_t ts, pages;
	} burst[2];              /* faults of the last jiffies       */
	struct {
		uint64_t t0, ts; /* ns: when the counters were read  */
	} poll[JUDGE_POLLS];
	unsigned n_polls;
};

/* The search for what no suspect explains. */
struct hunt {
	enum { HUNT_NONE, HUNT_RECENT, HUNT_KINDS, HUNT_ALL, HUNT_DONE } stage;
	struct proc_ranges todo;
	bool raced, moved;       /* the look at everything: was not whole, found something */
	int64_t credit;          /* ns of CPU time                   */
};

/* The runtimes of runtimes.c. */
enum rt_id { RT_V8, RT_GO, RT_JVM, RT_PYTHON, RT_RUBY, RT_JVM_HEAP, RT_N };

struct target {
	struct target *next_mm, *next_pid; /* with the same hash          */
	pid_t pid;
	uint32_t parent;         /* pid, 0: not known                */
	uint32_t mm;             /* 0: not known yet (before exec)   */
	bool gone;               /* EXIT seen, or /proc entry gone   */
	bool left;               /* not watched any more: what still comes of it is nobody's */
	bool launched;
	bool announced;          /* once at least                    */
	unsigned waited;         /* ticks since its end, or since that of a command
				  * that never exec'd                   */
	bool poll_due;
	struct audit audit;
	struct suspicion sus;
	struct judge judge;
	struct hunt hunt;
	bool want_maps, want_all;
	bool blind;              /* pagemap is not readable          */
	bool settled;            /* the last look left nothing open  */
	uint64_t maps_ts;        /* of the last snapshot             */
	uint64_t next_maps;      /* not before, ns                   */
	uint64_t vma_calls;      /* model's count at the last snapshot */
	uint64_t whole_ns;       /* CPU time of the last scan of everything */
	uint64_t credit_ts;
	int64_t credit;          /* ns of CPU time for suspects      */
	uint64_t next_lazy;      /* LazyFree is not read before, ns  */
	uint64_t next_cgroup;    /* not before, ns                   */
	uint64_t next_status;    /* not before, ns                   */
	struct mp_event status;  /* PROC, as last told               */
	uint64_t rollup_next;    /* smaps_rollup is not read before, ns */
	bool rollup_told;        /* ... for the last time */
	struct gc_source *gc[16];
	unsigned n_gc;
	uint64_t collected[MP_SRC_MAX]; /* the last collection a probe told of, ns   */
	void *rt[RT_N];          /* a runtime's own, its source's    */
	unsigned gc_strs, gc_ranges; /* what its segments made us keep */
	struct {
		size_t seen;     /* threads of the model asked for once */
		size_t next;     /* to be asked for again    */
		uint64_t again;  /* not before, ns           */
		unsigned told;   /* names                    */
	} names;
};

/* How often /proc was looked at, for META. */
struct looks {
	uint64_t whole, suspects, hunts, snapshots, ns;
};

#define SESSION_SLOTS 1024

struct mp_session {
	struct mp_session_opts o;
	struct mp_probes *probes; /* NULL with --hooks none */
	struct mp_model *model;
	struct mp_history *history;
	struct output {
		struct mp_outq *q;       /* NULL: not recording, or finished  */
		struct mp_written written; /* once finished                   */
		unsigned shard;          /* number of the current file        */
		uint64_t turn_ts;        /* when it began, ns                 */
		uint64_t rotate_ns, rotate_bytes;
		uint64_t lost;           /* events, as told                   */
		bool small_told;         /* that the ring is too small        */
		struct mp_event *last;   /* what the last file of a ring begins with */
		size_t n_last, cap_last;
		char said[160];          /* a message of this side            */
	} out;
	struct mp_stream stream;
	struct mp_event *batch;  /* folded, not yet in the history */
	size_t n_batch, cap_batch;

	pid_t *pids;             /* asked for: processes, each once */
	size_t n_pids;
	struct target **t;       /* targets.c */
	size_t n_t, cap_t;
	struct target *by_mm[SESSION_SLOTS], *by_pid[SESSION_SLOTS];
	struct target **due;     /* whose audits are folded in now */
	size_t cap_due;
	size_t look_from;        /* where the budget of the last tick ended */
	unsigned ticks;
	struct launch child;

	int ep_fd, timer_fd;
	struct clock_watch clocks;
	uint64_t start;          /* ns */
	uint64_t flushed;        /* everything up to here is in the stream */
	uint64_t horizon;        /* everything up to here has been folded  */
	uint64_t next_seal;
	uint64_t sum_t0, sum_ts; /* between these the probes added up all RSS counters ... */
	bool summed;             /* ... where that is needed */
	uint64_t lost[MP_LOSS_MAX], lost_faults[MP_LOSS_MAX]; /* as told */
	struct symbols *sym;     /* NULL: not asked for */
	struct rt_files rt_files[RT_N]; /* searched for each */
	struct go_build *go_builds; /* programs looked at, src_go.c */
	uint8_t rt_rung[MP_FEAT_MAX]; /* as told last for a runtime */
	uint64_t rt_since[MP_FEAT_MAX]; /* ns, when it was first not absent */
	struct gclog *gclog;     /* NULL: not asked for */
	struct jvm_lib {         /* libjvm's looked at, the last ones */
		uint64_t ino;
		uint64_t table;  /* offset of its table for debuggers, 0: none */
		bool probes;     /* its pool probes are on */
	} jvm_lib[16];
	unsigned n_jvm_lib;
	uint32_t next_mm;        /* of --hooks none */
	bool ended, settling, opening;
	uint64_t deadline;       /* of the last looks, while settling */
	uint64_t rollup_next;    /* no process's smaps_rollup is read before, ns */
	struct suspect_policy policy;
	struct looks looks, looks_told;
	uint64_t next_looks;     /* when they are told, ns */
	struct mp_target_fns fns;
	mp_observe_fn observe;
	void *observe_ctx;
	int rec_err;
	struct mp_diag diag;
	char notice[160];
	char end[160];           /* how it ended */
};

/* session.c */
int session_apply(struct mp_session *s, struct mp_event *e); /* fold and keep, now */
int session_emit(void *s, const struct mp_event *e);	     /* the same as an mp_emit_fn */
/* The running process becomes a target. 0 and its mm, or -errno. */
int session_attach(struct mp_session *s, pid_t pid, uint32_t *mm);
int session_drain(struct mp_session *s); /* what is in the ring */

/* output.c: where the recording goes */
int output_open(struct mp_session *s, struct mp_diag *diag);
int output_hand_over(struct mp_session *s); /* what was folded, to history and recording */
void output_discard(struct mp_session *s);
/* Somebody set the clock, or the machine slept: for the user to read. */
void output_say_clock(struct mp_session *s, const struct mp_event *e);

/* targets.c */
struct target *session_add_target(struct mp_session *s, pid_t pid, uint32_t mm);
struct target *session_target_of_mm(struct mp_session *s, uint32_t mm);
struct target *session_target_of_pid(struct mp_session *s, pid_t pid); /* one not gone */
void session_set_mm(struct mp_session *s, struct target *t, uint32_t mm);
/* What is looked at, not told: /proc and collectors' segments. */
void session_look(struct mp_session *s, uint64_t now);
/* Leaves out the targets that have ended. */
void session_prune(struct mp_session *s);

/* standing.c: targets of a standing session come and go */
/* Is what this new event of a target tells of to be watched? Asked before it is pushed;
 * false: it is told nobody. */
bool standing_takes(struct mp_session *s, const struct mp_event *e);
/* The process is no target any more: ended, or exec put another in its place. */
void standing_went(struct mp_session *s, uint32_t mm);

/* target.c */
void target_announce(struct mp_session *s, struct target *t, uint64_t ts, const char *comm,
		     const char *known);
void target_poll(struct mp_session *s, struct target *t);
void target_free(struct target *t);

/* facts.c: arguments and environment, if they were asked for */
void facts_tell(struct mp_session *s, struct target *t, uint64_t ts);

/* threads.c */
void threads_name(struct mp_session *s, struct target *t, uint64_t now);

/* audit.c */
bool audit_wanted(struct mp_session *s, struct target *t, uint64_t now);
void audit_begin(struct mp_session *s, struct target *t);
void audit_check_races(struct mp_session *s);
int audit_apply(struct mp_session *s, struct target *t);
void audit_reset(struct mp_session *s, struct target *t); /* a new address space */
void audit_drop(struct audit *a);
/* Without a hook nothing tells that mappings changed, or that pages came. */
bool session_sees(const struct mp_session *s, enum mp_feature f);

/* judge.c */
void audit_note(struct mp_session *s, struct target *t, const struct mp_event *e, int64_t grew);
void audit_polled(struct target *t, uint64_t t0, uint64_t ts);
void audit_judge(struct mp_session *s, struct target *t);

/* cgroup.c: what the target's control group is charged */
void cgroup_poll(struct mp_session *s, struct target *t);
/* Is the group whose folder has that inode the one of a target, or above it? Not the root. */
bool cgroup_shared(const struct mp_session *s, uint64_t ino);

/* src_gc.c: segments of collectors */
void gc_attach(struct mp_session *s, struct target *t, const struct proc_maps *m);
void gc_poll(struct mp_session *s, struct target *t);
void gc_detach(struct target *t);
/*
 * A probe told of a collection of a heap of runtime src that ended at ts: figures of before
 * are not taken from a segment any more. Returns 0, or 1 or more where a segment tells the
 * figures of the process's one heap or of several together, and has told them lately: then a
 * sum that the caller makes out of collections, which may lack some, is not to be told.
 */
unsigned gc_collected(struct target *t, unsigned src, uint64_t ts);

/* symbols.c: names of functions */
int symbols_new(struct mp_session *s);
void symbols_free(struct mp_session *s);
void symbols_note(struct mp_session *s, const struct mp_event *e); /* a STACK, when drained */
void symbols_exec(struct mp_session *s, uint32_t old, uint64_t ts);
void symbols_look(struct mp_session *s); /* at what is mapped, if a stack asks for it */
void symbols_tick(struct mp_session *s);
unsigned symbols_fill(const struct mp_session *s); /* percent, of the fullest table */
void symbols_finish(struct mp_session *s); /* what waits is named now; takes 2 s at most */

/* runtimes.c: collectors that nobody prepared */
void runtimes_command(struct mp_session *s, const char *path); /* about to be run */
void runtimes_attach(struct mp_session *s, struct target *t, const struct proc_maps *m);
void runtimes_poll(struct mp_session *s, struct target *t, uint64_t now);
/* The ring has been drained. */
void runtimes_drained(struct mp_session *s);
void runtimes_words(struct mp_session *s, const struct mp_raw_words *r);
void runtimes_ended(struct mp_session *s, struct target *t, uint64_t ts);
void runtimes_detach(struct target *t);
/* src_go.c */
void go_free(struct mp_session *s);
/* src_v8.c */
void v8_text(struct mp_session *s, const struct mp_raw_text *r);

#endif /* MEMPROF_SESSION_INT_H */
