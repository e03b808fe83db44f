/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tiers.h - summaries: a process's figures in stretches of fixed width.
 *
 * Owns: the stretches that the fold fills (1 s of the first process, 10 s and 5
 * minutes of all), how they travel as MP_EV_POINT events, and how those become a
 * timeline again. Must not: change what any view shows: a model is the same
 * whether somebody takes its summaries or not, and they are in no digest.
 */
#ifndef MEMPROF_TIERS_H
#define MEMPROF_TIERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/model/model.h"

#define MP_TIERS 3 /* enum mp_tier, from 1 */

/* ns of a stretch; 0 for a tier that does not exist. */
uint64_t mp_tier_width(unsigned tier);

/* What is told once it does not change any more: a stretch, or a collection that a
 * state dump does not carry. Stretches in which nothing changed are left out. */
struct mp_summary {
	uint32_t tgid, mm;
	uint8_t tier; /* enum mp_tier; 0: a collection */
	bool open;    /* the stretch is not over       */
	uint32_t n;   /* collections before this one   */
	union {
		struct mp_point p; /* ts: start of the stretch */
		struct mp_gc gc;
	};
};

/*
 * The summaries from number *next on that are still held, oldest first; *next is
 * set to the number behind them. At most some thousands are held: take them at
 * least every few seconds of event time. They belong to the model until its next fold.
 */
size_t mp_tiers_finished(const struct mp_model *m, uint64_t *next, const struct mp_summary **s);
/* What is still open now: with the finished ones that is all up to m->now. Calls emit
 * for each; stops at its first non-zero result and returns it. */
int mp_tiers_open(const struct mp_model *m, int (*emit)(void *ctx, const struct mp_summary *s),
		  void *ctx);

/*
 * Summaries as events of one block, in the order that compresses best. Calls emit for
 * each; stops at its first non-zero result and returns it. Sorts s.
 */
int mp_tiers_pack(struct mp_summary *s, size_t n, int (*emit)(void *ctx, const struct mp_event *e),
		  void *ctx);

/* The way back: blocks of such events, in order, to the timelines of a model that was
 * restored from a state dump. Memory is bounded: long ones become coarser. */
struct mp_overview;
/* With finest MP_TIER_10S what is finer is passed over. NULL: memory is out. */
struct mp_overview *mp_overview_new(unsigned finest);
void mp_overview_free(struct mp_overview *o);
/* The events of one block. Open stretches count in the `last` one only. 0 or -ENOMEM. */
int mp_overview_add(struct mp_overview *o, const struct mp_event *ev, size_t n, bool last);
/* Gives m's processes, which have no timeline yet, theirs, and the collections that the
 * dump left out. 0 or -ENOMEM. */
int mp_overview_apply(struct mp_overview *o, struct mp_model *m);

#endif /* MEMPROF_TIERS_H */
