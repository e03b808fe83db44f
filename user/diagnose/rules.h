/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rules.h - what a class of incident is: conditions on facts, what they explain, what the
 * class is confused with, what to do. Data; docs/diagnosis.md says the same in sentences.
 *
 * A rule holds when all its conditions do. It is withheld when nothing speaks against it
 * and a fact that a condition needs is not known, or a condition of the kind DX_NEED (so
 * much must have been seen) does not hold. Where one of its gates is not known to hold it
 * is silent: nobody wants to read of what is out of the question.
 */
#ifndef MEMPROF_DIAGNOSE_RULES_H
#define MEMPROF_DIAGNOSE_RULES_H

#include "user/diagnose/facts.h"

enum dx_op { DX_GE, DX_GT, DX_LE, DX_LT };

enum dx_role {
	DX_MUST, /* it is so, or the class is not there      */
	DX_GATE, /* ... and without knowing it nothing is said */
	DX_NEED, /* so much must have been seen to say it     */
};

/* fact OP threshold x of */
struct dx_cond {
	enum dx_fact fact;
	enum dx_op op;
	enum dx_threshold thr;
	enum dx_fact of; /* F_ONE: of nothing */
	enum dx_role role;
};
#define DX_CONDS_MAX 8

/* Where the bytes of a finding lie: columns of the account, for what is left unexplained. */
enum dx_where {
	W_NOWHERE = 0, /* not in RSS, or no bytes of their own */
	W_LIVE = 1 << 0,
	W_FREE = 1 << 1,
	W_MALLOC = 1 << 2, /* arenas, brk, other malloc libraries */
	W_STACKS = 1 << 3,
	W_RUNTIME = 1 << 4,
	W_ANON = 1 << 5, /* other anonymous */
	W_FILE = 1 << 6,
	W_SHMEM = 1 << 7,
	W_LAZYFREE = 1 << 8,
	W_UNSPLIT = 1 << 9,
	W_N = 10,
	W_NATIVE = W_MALLOC | W_ANON | W_RUNTIME,
	W_ALL = (1 << 10) - 1,
};

/* A neighbour it is confused with, and the condition that tells it apart; when that does
 * not hold the rule does not either. */
struct dx_not {
	const char *cls;
	struct dx_cond is;
	const char *why; /* a sentence; {fact} is replaced */
};

/* To whom an advice is given: the runtime or allocator that was seen; 0 = anybody. */
enum dx_whom {
	A_V8 = 1 << 0,
	A_GO = 1 << 1,
	A_JVM = 1 << 2,
	A_PYTHON = 1 << 3,
	A_RUBY = 1 << 4,
	A_GC = 1 << 5,
	A_GLIBC = 1 << 6,
	A_JEMALLOC = 1 << 7,
	A_MIMALLOC = 1 << 8,
	A_TCMALLOC = 1 << 9,
	A_CGROUP = 1 << 10, /* a control group with a limit */
	A_NATIVE = 1 << 11, /* no managed heap was seen     */
};

struct dx_advice {
	unsigned whom; /* enum dx_whom, any of them */
	const char *text;
};

struct dx_rule {
	const char *cls, *title;
	enum mp_dx_level level;
	double confidence; /* when the conditions hold and nothing else is known */
	struct dx_cond conds[DX_CONDS_MAX];
	unsigned n_conds;
	struct dx_cond strong[4]; /* each that holds halves the doubt */
	unsigned n_strong;
	struct dx_cond bad; /* when it holds (n_bad: it is there) the level is "bad" */
	unsigned n_bad;	    /* 0 or 1 */
	struct dx_not nots[6];
	unsigned n_nots;
	const char *after[7]; /* classes that, when found, leave nothing for this one */
	enum dx_fact bytes;   /* what it explains                               */
	unsigned where;	      /* enum dx_where                                  */
	enum dx_fact from;    /* a fact with a moment: since when; F_ONE: begin */
	bool trend;	      /* rests on time: confidence falls with a short window */
	bool counts;	      /* rests on calls or faults: withheld when many were lost */
	const char *summary;  /* {fact} is replaced                             */
	/* Rows beyond the conditions' own (mappings, stacks, collections), or NULL. */
	void (*more)(struct dx_ctx *c, struct mp_finding *f);
	struct dx_advice advice[12];
	const char *confirm;
};

struct dx_rules {
	const struct dx_rule *v;
	size_t n;
};
/* One family a file. */
extern const struct dx_rules dx_rules_heap, dx_rules_gc, dx_rules_native, dx_rules_pages,
	dx_rules_limit;

/* All of them in the order of their evaluation; NULL behind the last. */
const struct dx_rule *dx_rule(size_t i);

enum dx_truth { DX_NO, DX_YES, DX_MAYBE };
enum dx_truth dx_holds(struct dx_ctx *c, const struct dx_cond *q);
/* Replaces {fact} by its value. Returns buf. */
char *dx_words(struct dx_ctx *c, const char *tmpl, char *buf, size_t size);
/* A row of evidence; what and text may be raw bytes. For `more`. */
void dx_row(struct mp_finding *f, const char *what, enum mp_dx_unit unit, double v, uint64_t ts);
void dx_row_text(struct mp_finding *f, const char *what, const char *text, uint64_t ts);
/* The process's mappings of such a class that have most resident, at most n, the largest
 * first; none that has nothing. Returns how many. */
size_t dx_top_maps(const struct mp_proc *p, bool (*of)(enum mp_class),
		   const struct mp_mapping **top, size_t n);

#endif /* MEMPROF_DIAGNOSE_RULES_H */
