/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * figures.h - what the text report and the JSON report both show, worked out
 * once: which figures are known, and which lost events.
 *
 * Owns: the rows, their names and their order. Must not: print. For user/view
 * only.
 */
#ifndef MEMPROF_VIEW_FIGURES_H
#define MEMPROF_VIEW_FIGURES_H

#include <stdbool.h>
#include <stdint.h>

#include "user/model/model.h"
#include "user/view/report.h"

/* Groups of figures that lost events make too low (or stale). */
enum mp_low {
	MP_LOW_FAULTS = 1 << 0,
	MP_LOW_CALLS = 1 << 1,
	MP_LOW_GC = 1 << 2,    /* collections, heap figures     */
	MP_LOW_PAGES = 1 << 3, /* residency by mapping or class */
	MP_LOW_RSS = 1 << 4,   /* start and highest RSS         */
	MP_LOW_ALL = (1 << 5) - 1,
};

struct mp_fig {
	const char *key;   /* in JSON       */
	const char *label; /* in text       */
	int64_t v;	   /* bytes, or a count */
	bool known;
	unsigned group; /* enum mp_low   */
};

/* Rows of the account: the first MP_ACC_RSS sum to the one of that number. Rows in
 * succession with one key are one number in JSON: there the parts are those of the
 * contract, and `classes` says what is in them. */
enum { MP_ACC_LIVE, MP_ACC_UNKNOWN = 11, MP_ACC_RSS = 12, MP_ACC_LAZY = 13, MP_ACC_N = 14 };
enum {
	MP_FRSS_START,
	MP_FRSS_MAX,
	MP_FRSS_END,
	MP_FRSS_SWAP = 6,
	MP_FRSS_LAZYFREE,
	MP_FRSS_HUGETLB,
	MP_FRSS_SLACK,
	MP_FRSS_MULTI,
	MP_FRSS_FORKED,
	MP_FRSS_PSS,
	MP_FRSS_PRIVATE,
	MP_FRSS_HUGE,
	MP_FRSS_UNASKED,
	MP_FRSS_N
};
enum { MP_FFAULT_N = 6 };

struct mp_fig_call {
	char name[24];
	struct mp_callstat st;
	struct mp_asked gave; /* what it asked to give back, and what came of it */
	bool known;
	bool always; /* shown in JSON even when it was never called */
};

struct mp_figures;
/* Bytes that the control group is charged beyond the process's RSS; 0 when it is charged
 * less (what others touched first is theirs); MP_UNKNOWN without either figure. */
uint64_t mp_fig_beyond(const struct mp_figures *fg);

struct mp_figures {
	const struct mp_model *m;
	const struct mp_proc *p; /* NULL: the model has seen no process */
	uint64_t duration;	 /* ns */
	struct mp_fig account[MP_ACC_N];
	struct mp_fig rss[MP_FRSS_N];
	struct mp_fig faults[MP_FFAULT_N];
	unsigned n_calls, n_advice;
	struct mp_fig_call calls[MP_CALL_MAX], advice[MP_ADVICE_MAX];
	bool maps_known;
	bool gc_known;		       /* something would have told of collections */
	uint64_t pause_p50, pause_max; /* ns, MP_UNKNOWN without collections */
	unsigned low;		       /* enum mp_low: groups that lost events */
};

/* 0 or -ENOMEM. */
int mp_figures(struct mp_figures *fg, const struct mp_model *m, const struct mp_report_info *info);

/* Bands of the timeline, by the names the JSON gives them. */
struct mp_series {
	const char *key, *label;
	uint64_t (*get)(const struct mp_figures *fg, const struct mp_point *pt);
};
enum { MP_SERIES_JSON = 5, MP_SERIES_N = 7 }; /* the first are in the JSON */
extern const struct mp_series mp_series[MP_SERIES_N];

/* False when the feature is known to have had no probe. */
bool mp_fig_seen(const struct mp_model *m, enum mp_feature feat);
/* True when something tells of p's faults that waited for I/O; p may be NULL. */
bool mp_fig_majors_known(const struct mp_model *m, const struct mp_proc *p);
/* True when something tells of p's collections; p may be NULL. */
bool mp_fig_gc_known(const struct mp_model *m, const struct mp_proc *p);
/* RSS of a point of the timeline; MP_UNKNOWN when no source had told by then. */
uint64_t mp_fig_point_rss(const struct mp_point *pt);
/* False when no call's effect on RSS could be read. */
bool mp_fig_delta_known(const struct mp_callstat *st);
/* Nanoseconds from the start of the model, not below 0. */
uint64_t mp_fig_since(const struct mp_model *m, uint64_t ts);
/* "rw-p" */
void mp_fig_perms(char out[5], uint32_t bits);
/* What a collection still has out until its release; MP_UNKNOWN if none came. */
uint64_t mp_fig_lag(const struct mp_gc *g);

#endif /* MEMPROF_VIEW_FIGURES_H */
