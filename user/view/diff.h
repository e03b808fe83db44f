/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * diff.h - what makes two states differ: of two recordings, or of one at two instants.
 *
 * Owns: which rows of one side belong to which of the other, and the shape of `diff`
 * and `diff --json`. Must not: change the models, read files or clocks. The JSON names
 * are fixed: add, do not rename.
 *
 * Invariant (mp_diff_check): rows of the account, and rows of the mappings, sum to
 * RSS(B) - RSS(A). What one side cannot tell is a row of its own, never spread.
 */
#ifndef MEMPROF_VIEW_DIFF_H
#define MEMPROF_VIEW_DIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "user/model/model.h"
#include "user/view/figures.h"
#include "user/view/report.h"
#include "user/view/text.h"

struct mp_diff_side {
	const struct mp_model *m;
	const struct mp_model *names; /* of the whole recording: names come late; NULL: m */
	struct mp_report_info info;   /* pid: the process, 0 = the first target */
	uint64_t at;		      /* session time, ns; MP_UNKNOWN: the end */
};

enum mp_diff_unit { MP_DIFF_BYTES, MP_DIFF_COUNT, MP_DIFF_NS };

/* A figure of both sides. The change is b - a, known when both are. */
struct mp_diff_row {
	const char *key, *label; /* in JSON, in text */
	int64_t a, b;
	bool a_known, b_known;
	unsigned group; /* enum mp_low: what losses make it inexact */
	enum mp_diff_unit unit;
};

/*
 * What could be matched by name. Bytes of both sides; a row that only one has is 0 on
 * the other. `key` is what the sides were matched by; names have no addresses in them.
 */
enum mp_diff_kind { MP_DIFF_MAPPING, MP_DIFF_STACK, MP_DIFF_RELEASE };

struct mp_diff_group {
	enum mp_diff_kind kind;
	char *key;		     /* owned                                              */
	const char *what;	     /* class of a mapping, "madvise", NULL; static         */
	const char *detail;	     /* an advice, or NULL; static                         */
	char *name;		     /* of a mapping; frames, innermost first, one a line;
				      * owned, NULL = none                                 */
	int64_t a, b;		     /* bytes                                              */
	uint64_t n_a, n_b;	     /* mappings, samples, calls                           */
	uint64_t size_min, size_max; /* bytes: of the mappings, 0 = not sized          */
	uint64_t sq_a, sq_b;	     /* pages squared: variances of estimates              */
	bool beyond;		     /* no mapping: what RSS has beyond them, `what` says   */
};

/* Sorted by the size of the change, biggest first. */
struct mp_diff_table {
	bool known;	 /* both sides tell; else there are no rows */
	const char *why; /* ... or why not                          */
	size_t n, cap;
	struct mp_diff_group *v;
	int64_t a, b; /* sums of the rows */
};

enum { MP_DIFF_ACCOUNT = 14, MP_DIFF_BESIDE = 14, MP_DIFF_GC = 16, MP_DIFF_FACTS = 8 };

struct mp_diff {
	struct mp_diff_side side[2];
	struct mp_figures fg[2];
	bool same;	/* one recording at two instants, A the earlier one */
	bool rss_known; /* on both sides */
	bool rss_told[2];
	int64_t rss[2];
	/* by size of the change; what only one side can tell is summed in the last one */
	struct mp_diff_row account[MP_DIFF_ACCOUNT];
	size_t n_account;
	struct mp_diff_row beside[MP_DIFF_BESIDE];
	size_t n_beside;
	struct mp_diff_row gc[MP_DIFF_GC];
	size_t n_gc;
	struct mp_diff_table classes, mappings, touched, released;
	uint64_t faulted[2]; /* bytes, counted: what `touched` estimates; or MP_UNKNOWN */
	/* what is not the same on both sides, in words */
	struct mp_diff_fact {
		const char *what;
		char a[96], b[96];
	} facts[MP_DIFF_FACTS];
	size_t n_facts;
};

static inline bool mp_diff_row_known(const struct mp_diff_row *r)
{
	return r->a_known && r->b_known;
}

/* Compares; the models must live as long. 0 or -ENOMEM (nothing to be freed then). */
int mp_diff_make(struct mp_diff *d, const struct mp_diff_side *a, const struct mp_diff_side *b,
		 bool same);
/* Accepts one that mp_diff_make() refused. */
void mp_diff_free(struct mp_diff *d);
/* True when what must sum does. */
bool mp_diff_check(const struct mp_diff *d);

static inline int64_t mp_diff_change(const struct mp_diff_group *g)
{
	return g->b - g->a;
}

/* Standard error of an estimated change, bytes. Samples of one recording up to its earlier
 * instant are among those up to the later one. */
uint64_t mp_diff_error(const struct mp_diff *d, const struct mp_diff_group *g);
/* True when the change is at least three standard errors: of the
 * thousands of stacks that programs have, many differ by two. */
bool mp_diff_outside_noise(const struct mp_diff *d, const struct mp_diff_group *g);

/* Both write all of it and return 0, -EPIPE, -EIO or another -errno. */
int mp_diff_text(FILE *f, const struct mp_diff *d, const struct mp_term *term);
int mp_diff_json(FILE *f, const struct mp_diff *d);
/* The answer in words, each sentence ends a line. Spaces within a figure are
 * MP_TEXT_GLUE; names are clean, in ASCII if asked. 0 or -ENOMEM; *text is to be freed. */
int mp_diff_words(const struct mp_diff *d, bool ascii, char **text);
/* What a row is about: "/lib/x.so", "arena", "anon, 64.0 M each", "f < g",
 * "madvise DONTNEED at f < g" with so many frames at most. Raw bytes from outside.
 * Returns buf. */
char *mp_diff_name(const struct mp_diff_group *g, unsigned frames, char *buf, size_t size);

/* diff_match.c, for mp_diff_make(): fills the tables. 0 or -ENOMEM. */
int mp_diff_match(struct mp_diff *d);

#endif /* MEMPROF_VIEW_DIFF_H */
