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
enum {
	MP_ACC_LIVE,
	MP_ACC_UNSPLIT = 6,
	MP_ACC_UNKNOWN = 11,
	MP_ACC_RSS = 12,
	MP_ACC_LAZY = 13,
	MP_ACC_N = 14
};
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
	uint64_t first;		 /* ts of the first event of the file */
	struct mp_fig account[MP_ACC_N];
	struct mp_fig rss[MP_FRSS_N];
	uint64_t shares_age; /* ns since smaps_rollup was read for those that stand beside it */
	struct mp_fig faults[MP_FFAULT_N];
	unsigned n_calls, n_advice;
	struct mp_fig_call calls[MP_CALL_MAX], advice[MP_ADVICE_MAX];
	bool maps_known;
	bool gc_known;		       /* something would have told of collections */
	uint64_t pause_p50, pause_max; /* ns, MP_UNKNOWN without collections */
	unsigned low;		       /* enum mp_low: groups that lost events */
	unsigned gone;		       /* ... nobody knows how many: see mp_fig_whole() */
	bool open_end;		       /* what came last is not in the recording */
};

/*
 * What cannot be known from the part of a recording that is left. Losses that were
 * counted while recording make figures too low (marked "!"). Behind blocks that could
 * not be read, until a state dump has restored the state, nobody can say by how much:
 * in JSON such figures are null. That concerns
 *   sums over the session and extremes of it: mp_fig_whole() of their group is false;
 *   levels (RSS, heap, mappings): null until they are told again, mp_fig_fresh();
 *   that something did not happen (no exit): null, mp_fig_may_have_ended().
 * A recording that was cut off is the truth about the time that it covers; only how it
 * went on, and so that last rule, is unknown. Rows of lists are what could be read.
 */
bool mp_fig_whole(const struct mp_figures *fg, unsigned groups);
/* Was it told, at ts, after all that is missing? */
bool mp_fig_fresh(const struct mp_figures *fg, uint64_t ts);
/* The same in the middle of a recording: is a level of that time known, as far as m goes? */
bool mp_fig_told(const struct mp_model *m, uint64_t ts);
/* May an end be missing that no event told of? */
bool mp_fig_may_have_ended(const struct mp_figures *fg);

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

/*
 * ns from the last figures of a source to the end, where they come with its collections only:
 * those of V8 without memprof-node, those of a log. What was allocated since is in none. 0:
 * they do not, or nothing came after them.
 */
uint64_t mp_fig_heap_age(const struct mp_model *m, const struct mp_proc *p,
			 enum mp_heap_source src);
/* RSS of a point of the timeline; MP_UNKNOWN when no source had told by then. */
uint64_t mp_fig_point_rss(const struct mp_point *pt);
/* False when no call's effect on RSS could be read. */
bool mp_fig_delta_known(const struct mp_callstat *st);
/*
 * Session time, the one axis that all views show and that users type back: nanoseconds from
 * the start of the session, not below 0. A file of a row, or a saved ring, begins later.
 */
uint64_t mp_fig_since(const struct mp_model *m, uint64_t ts);
/* The way back: the moment of a session time. */
uint64_t mp_fig_moment(const struct mp_model *m, uint64_t since);
/* Nanoseconds that counts reach back before the file: it begins with the state of a
 * session that was begun earlier (a ring, a rotated file). 0: it has all of it. */
uint64_t mp_fig_before(const struct mp_figures *fg);
/* The instant that was asked for, session time; mp_report_at() must be true. */
uint64_t mp_fig_at(const struct mp_figures *fg, const struct mp_report_info *info);
/* "rw-p" */
void mp_fig_perms(char out[5], uint32_t bits);
/* What a collection still has out until its release; MP_UNKNOWN if none came. */
uint64_t mp_fig_lag(const struct mp_gc *g);

#endif /* MEMPROF_VIEW_FIGURES_H */
