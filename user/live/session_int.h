/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * session_int.h - shared by the parts of a live session (session.c, target.c,
 * audit.c, src_gc.c, src_v8.c) and by nobody else.
 */
#ifndef MEMPROF_SESSION_INT_H
#define MEMPROF_SESSION_INT_H

#include "user/live/launch.h"
#include "user/live/procfs.h"
#include "user/live/session.h"
#include "user/live/stream.h"

struct gc_source;
struct mp_writer;

/*
 * A look at /proc between t0 and t1, waiting until all events of that time are
 * known. What they touched meanwhile cannot be trusted and is left out.
 */
struct audit {
	bool active;
	bool maps_ok;            /* maps read and not raced          */
	uint64_t t0, t1;
	struct proc_maps maps;
	struct proc_ranges scanned; /* looked at                     */
	struct proc_ranges runs;    /* found resident, sorted        */
	struct proc_ranges raced;   /* touched by events meanwhile   */
	bool pages;              /* scanned at all                   */
	bool vma_raced;
	unsigned tries;          /* in a row that raced              */
};

struct target {
	pid_t pid;
	uint32_t mm;             /* 0: not known yet (before exec)   */
	bool gone;               /* EXIT seen, or /proc entry gone   */
	bool launched;
	bool announced;          /* once at least                    */
	unsigned waited;         /* ticks since a command ended that never exec'd */
	struct audit audit;
	bool want_maps, want_pages;
	uint64_t next_maps, next_pages; /* not before, ns            */
	uint64_t vma_calls;      /* model's count at the last snapshot */
	unsigned mismatch;       /* polls in a row                   */
	int64_t accepted;        /* a difference that scans do not mend, pages */
	uint64_t scan_ns;        /* what the last scan cost          */
	struct gc_source *gc[16];
	unsigned n_gc;
	unsigned gc_strs, gc_ranges; /* what its segments made us keep */
};

struct mp_session {
	struct mp_session_opts o;
	struct mp_probes *probes; /* NULL with --hooks none */
	struct mp_model *model;
	struct mp_history *history;
	struct mp_writer *writer;
	struct mp_stream stream;
	struct mp_event *batch;  /* folded, not yet in the history */
	size_t n_batch, cap_batch;

	struct target **t;
	size_t n_t;
	struct launch child;

	int ep_fd, timer_fd;
	uint64_t start;          /* ns */
	uint64_t flushed;        /* everything up to here is in the stream */
	uint64_t horizon;        /* everything up to here has been folded  */
	uint64_t next_poll, next_seal;
	uint64_t lost[MP_LOSS_MAX], lost_faults[MP_LOSS_MAX]; /* as told */
	uint64_t v8_tried[64];   /* inodes looked at for V8, the last ones */
	unsigned n_v8_tried;
	uint32_t next_mm;        /* of --hooks none */
	bool ended, settling;
	mp_observe_fn observe;
	void *observe_ctx;
	int rec_err;
	struct mp_diag diag;
	char notice[160];
};

/* session.c */
int session_apply(struct mp_session *s, struct mp_event *e); /* fold and keep, now */
struct target *session_target_of_mm(struct mp_session *s, uint32_t mm);
struct target *session_add_target(struct mp_session *s, pid_t pid, uint32_t mm);

/* target.c */
void target_announce(struct mp_session *s, struct target *t, uint64_t ts, const char *comm);
void target_poll(struct mp_session *s, struct target *t);
void target_free(struct target *t);

/* audit.c */
void audit_begin(struct mp_session *s, struct target *t);
void audit_check_races(struct mp_session *s, struct target *t);
int audit_apply(struct mp_session *s, struct target *t);
void audit_judge(struct mp_session *s, struct target *t);
void audit_drop(struct audit *a);

/* src_gc.c: segments of collectors */
void gc_attach(struct mp_session *s, struct target *t, const struct proc_maps *m);
void gc_poll(struct mp_session *s, struct target *t);
void gc_detach(struct target *t);

/* src_v8.c */
void v8_attach(struct mp_session *s, struct target *t, const struct proc_maps *m);
void v8_attach_file(struct mp_session *s, const char *path);
void v8_text(struct mp_session *s, const struct mp_raw_text *r);

#endif /* MEMPROF_SESSION_INT_H */
