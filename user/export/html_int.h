/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * html_int.h - what the files of the HTML report share: html.c puts the page
 * together, html_data.c writes the data in it, html_links.c follows releases.
 *
 * For those and their tests only.
 */
#ifndef MEMPROF_EXPORT_HTML_INT_H
#define MEMPROF_EXPORT_HTML_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "user/model/model.h"
#include "user/view/report.h"

/* --- which releases paid for which collection: html_links.c ------------------------- */

#define HTML_RELEASES_MAX 65536 /* the last ones are kept */
#define HTML_LINKS_MAX	  (2 * HTML_RELEASES_MAX)

/* A call that gave memory back, or (call 0) the kernel seen to have taken what
 * MADV_FREE left it. */
struct html_release {
	uint64_t ts;
	uint64_t asked;	 /* bytes; MP_UNKNOWN for call 0 */
	uint64_t gone;	 /* bytes that left RSS */
	uint64_t linked; /* ... of which collections were credited */
	uint64_t stack;	 /* stack id, 0 = not taken */
	uint32_t tid;
	uint8_t call; /* enum mp_call */
	uint8_t advice;
};

struct html_link {
	uint64_t release; /* number of it, from 0, ever */
	uint64_t gc;	  /* number of the collection, from 0, ever */
	uint64_t bytes;
};

struct html_links {
	struct html_release *rel; /* ring */
	struct html_link *link;	  /* ring */
	uint64_t n_rel, n_link;	  /* ever */
	uint64_t *returned;	  /* of collections, as seen last: ring of MP_GC_MAX */
	uint64_t paid;		  /* collections below were paid in full when seen last */
	uint64_t n_gc;		  /* collections seen, ever */
	uint32_t mm;		  /* whose they are */
	uint64_t dropped;	  /* pages dropped by calls before this one */
	uint64_t stack;		  /* of the call that is about to be folded */
};

/* NULL when memory is out. */
struct html_links *html_links_new(void);
void html_links_free(struct html_links *l);
/* Around the fold of an event of the process p; p may be NULL. */
void html_links_before(struct html_links *l, const struct mp_proc *p, const struct mp_event *e);
void html_links_after(struct html_links *l, const struct mp_proc *p, const struct mp_event *e);

/* --- data: html_data.c ------------------------------------------------------------------ */

struct html_limits {
	size_t rows;   /* of every table but these: */
	size_t events; /* single releases, and links of them to collections */
	size_t points; /* of the timeline */
};

struct html_page {
	const struct mp_model *m;
	const struct mp_report_info *info;
	const struct html_links *links;
	uint32_t pid;
	struct html_limits max;
	bool cut; /* out: something did not fit the limits */
};

/* Writes the report's data as one JSON object. 0 or -errno. */
int html_data(FILE *f, struct html_page *pg);

/*
 * Marks the points of a timeline to show: at most max of n, and among those of every
 * stretch the ones with the lowest and the highest RSS, the most owed, the most used,
 * and the last. What is shown is always a point that was, so bands still add up.
 * max must be 5 at least. Returns how many were marked.
 */
size_t html_pick(const struct mp_point *pt, size_t n, size_t max, bool *take);

/* Marks the max highest of n keys (the first of equal ones): returns how many, or -ENOMEM. */
int html_top(const uint64_t *key, size_t n, size_t max, bool *take);

/*
 * Copies JSON such that it can stand in a <script> element: '<', '>' and '&', and the
 * line separators U+2028 and U+2029 as \u escapes. In JSON text all of them can only be
 * inside strings.
 */
void html_put_json(FILE *f, const char *s, size_t n);

#endif /* MEMPROF_EXPORT_HTML_INT_H */
