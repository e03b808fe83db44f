/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * perfetto.h - what a trace is made of before it is written: kept as small records
 * while the recording is read (perfetto.c, perfetto_counters.c), thinned where they are
 * too many (perfetto_thin.c), written at the end (perfetto_out.c, perfetto_slices.c).
 *
 * Why not at once: a collection is paid back long after it ended, names of functions
 * and threads come late, and what is left out for --max-size is known only when all
 * has been seen. For user/export/perfetto*.c only.
 */
#ifndef MEMPROF_EXPORT_PERFETTO_H
#define MEMPROF_EXPORT_PERFETTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "user/export/export.h"
#include "user/export/proto.h"
#include "user/model/model.h"
#include "user/util/util.h"

#define PF_SLOT0       10000000ULL    /* ns: the finest counters            */
#define PF_SLOT_MAX    10000000000ULL /* ns: the coarsest                */
#define PF_NONE	       UINT32_MAX
#define PF_LOGGED      16  /* releases a collection may still claim: MP_REL_LOG */
#define PF_ARROWS_MAX  256 /* from one collection                        */
#define PF_FRAMES_MAX  32  /* of a stack, innermost                       */
#define PF_CALL_STACKS 16  /* pages: calls that released so many show their stack */

/* Counters of a process. Those of heaps and spaces stand behind, by source. */
enum pf_counter {
	PF_RSS,
	PF_ANON,
	PF_FILE,
	PF_SHMEM,
	PF_SWAP,
	PF_LAZYFREE,
	PF_OWED,
	PF_LIVE,
	PF_FREE,
	PF_UNSPLIT,
	PF_ARENAS,
	PF_NATIVE,
	PF_BRK,
	PF_STACKS,
	PF_RUNTIME,
	PF_OTHER,
	PF_AFILE,
	PF_ASHMEM,
	PF_ALAZY,
	PF_UNKNOWN,
	PF_LAZY_HEAP,
	PF_CHARGED,
	PF_LIMIT,
	PF_FAULTS,
	PF_MAJORS,
	PF_HEAP,			     /* used, committed, external of each source */
	PF_SPACE = PF_HEAP + 3 * MP_SRC_MAX, /* used, committed, resident of each space */
	PF_COUNTERS = PF_SPACE + 3 * MP_SRC_MAX * MP_SPACES_MAX,
};

/* Tracks that counters lie under, in the order they are shown. */
enum pf_group { PF_G_MEMORY, PF_G_ACCOUNT, PF_G_SPACES, PF_G_CGROUP, PF_G_FAULTS, PF_G_MAX };

struct pf_sample {
	uint64_t ts;
	int64_t value;
	uint32_t track;
};

struct pf_track {
	uint64_t last_ts;
	int64_t last;
	uint32_t proc;
	uint32_t space; /* string id */
	uint16_t what;	/* enum pf_counter and behind */
};

struct pf_gc {
	struct mp_gc g; /* as last seen                      */
	uint32_t proc;
	uint32_t arrows; /* the first of its flow ids, or NONE */
	uint32_t n_arrows;
};

struct pf_arrow {
	uint32_t flow; /* number of the call */
	uint32_t next;
};

struct pf_phase {
	uint64_t ts, dur, work, n;
	uint32_t proc, tid;
	uint8_t phase, source;
};

struct pf_call {
	uint64_t ts, dur, addr, len, stack;
	int64_t ret, delta; /* delta: bytes by which RSS moved */
	uint64_t len2;
	uint64_t paid; /* bytes of collections */
	uint64_t fell; /* bytes by which RSS fell, 0 = no arrow ends here */
	uint32_t proc, tid, x;
	uint32_t flow; /* its number, 0 = paid for no collection */
	uint32_t seq;
	uint8_t sub, flags, cls;
};

/* An instant. a, b by kind. */
enum pf_mark_kind {
	PF_M_NOTE, /* a: string id; sub */
	PF_M_TRIGGER,
	PF_M_FORK,  /* a: child */
	PF_M_EXEC,  /* a: comm  */
	PF_M_EXIT,  /* a: wait status or UNKNOWN */
	PF_M_LOSS,  /* a: events, b: faults in them; sub: cause */
	PF_M_CLOCK, /* a: ns; sub */
	PF_M_FELL,  /* not in a call; a: bytes; flow: arrow that ends here */
};

struct pf_mark {
	uint64_t ts, a, b;
	uint32_t proc; /* NONE: of the session */
	uint32_t tid, flow;
	uint8_t kind, sub;
};

/* A sampled or a major fault. */
struct pf_fault {
	uint64_t ts, addr, stack;
	uint32_t proc, tid, pages, seq; /* pages: 0 = a major fault */
	uint8_t cls;
};

struct pf_clock {
	uint64_t mono, boot, wall; /* ns, MP_UNKNOWN */
};

struct pf_name {
	uint32_t proc, tid, name;
	uint32_t order; /* in which they were told */
};

struct pf_proc {
	uint64_t key; /* tgid, or a number of its own */
	uint32_t mm, tgid, comm, exe;
	uint64_t start_ts;
	bool exited, dirty;
	uint64_t dirty_ts;
	uint64_t peak, peak_ts;	 /* highest RSS since the last sample, pages */
	uint64_t faults, majors; /* in this slot */
	uint32_t *gcs;		 /* its collections: numbers in pf.gcs, oldest first */
	size_t n_gcs, cap_gcs;
	int64_t gc_off; /* gcs[i + dropped + off] is the model's i-th */
	size_t unpaid;	/* the model's, before the event */
	struct {
		uint64_t ts;
		uint32_t flow;
	} logged[PF_LOGGED]; /* releases no collection has claimed */
	unsigned n_logged;
	uint32_t free_flow;	     /* of the last MADV_FREE of heap pages, 0 = none */
	uint32_t track[PF_COUNTERS]; /* number + 1 */
};

#define PF_ARRAY(type, name) \
	type *name;          \
	size_t n_##name, cap_##name

struct pf {
	PF_ARRAY(struct pf_proc *, procs);
	PF_ARRAY(uint32_t, by_mm); /* number + 1 */
	PF_ARRAY(struct pf_track, tracks);
	PF_ARRAY(struct pf_sample, samples);
	PF_ARRAY(struct pf_gc, gcs);
	PF_ARRAY(struct pf_arrow, arrows);
	PF_ARRAY(struct pf_phase, phases);
	PF_ARRAY(struct pf_call, calls);
	PF_ARRAY(struct pf_mark, marks);
	PF_ARRAY(struct pf_fault, faults);
	PF_ARRAY(struct pf_clock, clocks);
	PF_ARRAY(struct pf_name, names);
	uint64_t slot;	/* number of the slot of `width` that is being filled */
	uint64_t width; /* ns */
	uint32_t flows, seq;
	uint64_t events; /* shown */
	/* records of lower weight are left out: see thin() */
	unsigned min_fault, min_quiet, min_call, min_phase, min_gc;
	/* of the event being folded, told by before() */
	struct {
		uint32_t proc;
		int64_t rss_delta;
		uint8_t cls;
	} at;
};

/* A new record at the end of an array, all zero; NULL: no memory. */
#define PF_PUSH(pf, name)                                                                 \
	(mp_grow(&(pf)->name, &(pf)->cap_##name, (pf)->n_##name + 1, sizeof(*(pf)->name)) \
		 ? NULL                                                                   \
		 : memset(&(pf)->name[(pf)->n_##name++], 0, sizeof(*(pf)->name)))

/* perfetto_counters.c. The figures of a process as they are now; of all that have changed
 * since their last sample; and of one that is gone: 0. All return 0 or -ENOMEM. */
int pf_counters(struct pf *pf, uint32_t i, const struct mp_proc *p);
int pf_flush(struct pf *pf, const struct mp_model *m);
int pf_put_gone(struct pf *pf, uint32_t i, uint64_t ts);

/* What a record weighs: how much it takes for it to be left out. */
unsigned pf_weight_of_seq(uint32_t seq);
unsigned pf_weight_of_call(const struct pf_call *c);
unsigned pf_weight_of_phase(const struct pf_phase *ph);
unsigned pf_weight_of_gc(const struct mp_gc *g);
bool pf_keep_call(const struct pf *pf, const struct pf_call *c);
bool pf_keep_fault(const struct pf *pf, const struct pf_fault *f);

/* Bytes that the trace would have, as far as can be guessed. */
uint64_t pf_estimate(const struct pf *pf);
/* Leaves out more of what matters least: false when nothing is left to leave out. */
bool pf_thin(struct pf *pf, uint64_t max);

/* Writes the trace: 0 or -errno. Thins as far as x->max_bytes asks. */
int pf_write(struct mp_export *x, struct pf *pf, const struct mp_model *m);

#endif /* MEMPROF_EXPORT_PERFETTO_H */
