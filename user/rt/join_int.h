/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * join_int.h - what the parts of join share: facts.c of the recording, streams.c of the
 * logs, place.c puts the one into the other.
 */
#ifndef MEMPROF_RT_JOIN_INT_H
#define MEMPROF_RT_JOIN_INT_H

#include "user/rt/gclog_event.h"
#include "user/rt/join.h"
#include "user/util/util.h"

#define JOIN_KEPT  (1u << 19) /* collections of all logs, some 100 bytes each  */
#define JOIN_MARKS (1u << 19) /* releases and faults of the recording, of each */
#define JOIN_STRS  (1u << 16)

/* A growing array. */
#define VEC(type)              \
	struct {               \
		type *v;       \
		size_t n, cap; \
	}
/* 0 or -ENOMEM. */
#define vec_push(a, x)                                                      \
	(mp_grow(&(a)->v, &(a)->cap, (a)->n + 1, sizeof(*(a)->v)) ? -ENOMEM \
								  : ((a)->v[(a)->n++] = (x), 0))

/* --- the recording ------------------------------------------------------------------ */

struct join_mm {
	uint64_t from;
	uint32_t mm;
};

struct join_proc {
	uint32_t pid;
	uint32_t exe;	  /* string id */
	uint64_t start;	  /* of its program; MP_UNKNOWN */
	uint64_t exit;	  /* MP_UNKNOWN: not seen       */
	bool exact;	  /* start is an event's        */
	unsigned sources; /* bits 1 << enum mp_heap_source: heaps that the recording has of it */
	size_t n_threads;
	uint64_t threads[MP_ALIGN_THREADS]; /* when the first since then were made */
	VEC(struct join_mm) mms;
	struct mp_gclog_heaps *heaps[MP_SRC_MAX];
};

/* A collection that the recording saw. */
struct join_seen {
	struct mp_align_gc gc;
	uint32_t proc;
	uint16_t source;
	bool used;
	uint32_t reason; /* of the log's that is the same: number of a text + 1 */
	bool has_reason; /* its own */
};

struct join_mark {
	uint64_t ts;
	uint32_t mm, tid;
};

struct join_facts {
	uint64_t first, last, start; /* ts; MP_UNKNOWN */
	uint64_t wall, boot;	     /* at start      */
	uint64_t proc_start;	     /* CLOCK_BOOTTIME, of the first process */
	bool in_key;
	uint32_t max_str;
	VEC(struct mp_align_clock) clocks;
	VEC(struct join_proc) procs;
	VEC(struct join_seen) seen;
	VEC(struct join_mark) releases;
	VEC(struct join_mark) faults;
	VEC(struct join_mark) tids; /* mm and tid of threads with names */
	VEC(char *) strs;	    /* by id, NULL */
};

int facts_look(struct join_facts *f, const struct mp_event *e);
void facts_free(struct join_facts *f);
/* Number of the process of an mm, or -1. */
int facts_proc_of(const struct join_facts *f, uint32_t mm);
uint32_t facts_mm_at(const struct join_proc *p, uint64_t ts);
/* The file name of its program: "" when not told. */
const char *facts_program(const struct join_facts *f, const struct join_proc *p);
/* "v8" or "jvm" by the name of its program, or NULL. */
const char *facts_named_runtime(const struct join_facts *f, const struct join_proc *p);
/* The runtime that it surely runs ("v8" "go" "jvm" "gc" ...), if that is not the log's: by the
 * heaps that the recording has of it, else by the name of its program. Or NULL. */
const char *facts_other_runtime(const struct join_facts *f, const struct join_proc *p,
				enum mp_gclog_lang lang);
/* When the time of a runtime in it began, as mp_align_start(). MP_UNKNOWN: nothing tells. */
uint64_t facts_zero(const struct join_facts *f, int proc, enum mp_gclog_lang lang, uint64_t *err);

/* --- the logs ------------------------------------------------------------------------ */

/* What its stamps are. */
enum join_base {
	BASE_NONE, /* there are none                        */
	BASE_MONO,
	BASE_WALL,
	BASE_LOCAL, /* wall time of an unknown zone          */
	BASE_START, /* since a start that is known           */
	BASE_FREE,  /* since a start that nothing tells of   */
	BASE_GIVEN,
};

/* The lines of one heap in one run of a program in one file. */
struct join_stream {
	unsigned file;
	enum mp_gclog_lang lang;
	enum join_base base;
	uint32_t pid; /* as the log has it */
	uint64_t isolate;
	int proc;	    /* -1: another one's */
	bool out;	    /* another run of its program */
	uint64_t zero, err; /* of BASE_START: t = 0; how wrong estimates may be */
	uint64_t first_t, last_t, last_est, last_id;
	uint64_t taken;
	int main;		    /* the stream whose time base is known; -1: this one */
	int64_t order_lo, order_hi; /* its zero behind main's, by the order of lines */
	bool pending;
	size_t from, n; /* in kept, once sorted */
	struct mp_align a;
	bool doubled, twice;
	uint64_t inside;
};

/* A collection that may be in the recording's time. */
struct join_kept {
	uint64_t est; /* of its end */
	uint64_t len; /* from its start to its end */
	uint64_t pause, before, after, cbefore, cafter, goal;
	uint64_t marked; /* as in gclog.h */
	uint32_t stream;
	uint32_t text; /* number of its reason's text */
	uint8_t kind;
	uint32_t seen; /* the recording's + 1 */
};

/* What goes into the recording. */
struct join_put {
	struct mp_event gc;
	uint64_t goal;
	uint32_t text;
};

struct mp_join {
	struct mp_join_opts o;
	struct join_facts f;
	VEC(struct mp_join_file) files;
	VEC(struct join_stream) streams;
	VEC(struct join_kept) kept;
	VEC(char *) texts;
	VEC(struct join_put) puts;
	VEC(struct mp_join_clock) clocks;
	uint64_t dropped;
	uint32_t other_pid;
	bool misfit; /* a log was taken for no process: all run another runtime than */
	enum mp_gclog_lang misfit_lang;
	int last_stream;
	/* the second reading */
	size_t next_put, next_seen;
	bool begun, in_key;
	uint8_t *told; /* texts whose strings were emitted */
};

/* Sorts kept by stream and time; decides which runs count; finds their times. */
int streams_align(struct mp_join *j);

#endif /* MEMPROF_RT_JOIN_INT_H */
