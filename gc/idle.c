/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * idle.c - work of the collector in time the program has no use for.
 *
 * Owns what is worth doing early, and in which order; what is done is done by others.
 *
 * A step is the least that is done without a look at the clock. What is not due
 * is not made sooner than it pays: marking starts when memory has grown by a quarter of
 * what it may before its next major, so that an idle program that does a little from time
 * to time is not collected all the time (V8 waits for 80 % of its limit, or for 10 %
 * of growth and 8 s without allocation; this one is told that it is idle).
 */
#include "gc/internal.h"

#define GROWN_MIN  MIB(1)   /* since the last major, for one */
#define SLICE_IDLE KIB(128) /* marked in a step: up to 0.2 ms */
#define SWEEP_IDLE 32	    /* blocks swept in a step: less */

enum step { NOTHING, MINOR, SWEEP, START, SLICE, END, SHRINK, RELEASE };

static size_t eden_used(const struct gc_heap *h)
{
	return h->young_top - area_addr(h, h->eden);
}

static bool major_pays(const struct gc_heap *h)
{
	size_t live = h->live + h->external_live, now = tenured(h) + external(h);

	return now > live && now - live >= GROWN_MIN && h->old_goal > live &&
	       now - live >= (h->old_goal - live) / 4;
}

/* The eden is larger than it is used now, and could be half as large. */
static bool young_too_large(const struct gc_heap *h, uint64_t now)
{
	return h->semi > h->young_min && h->semi > EDEN_MIN && eden_used(h) <= h->semi / 2 &&
	       now - h->young_full_at >= h->delay_ms * 1000000ull;
}

/* What is to be done first. With the lock. */
static enum step next_step(const struct gc_heap *h, uint64_t now)
{
	if (eden_used(h) >= h->semi / 2)
		return MINOR;
	if (h->sweep_at < h->sweep_end && !h->marking)
		return SWEEP;
	if (h->marking)
		return h->slices.done ? END : SLICE;
	if (major_pays(h))
		return START;
	if (young_too_large(h, now))
		return SHRINK;
	return release_is_due(h, now) ? RELEASE : NOTHING;
}

/* What steps that cannot be divided are expected to take, ns. */
static uint64_t cost(const struct gc_heap *h, enum step step)
{
	if (step == MINOR)
		return h->minor_count ? h->minor_ns / h->minor_count : 0;
	return step == END ? h->effort.stop : 0;
}

/* World stopped. */
static void do_step(struct gc_heap *h, enum step step)
{
	switch (step) {
	case MINOR:
		collect_locked(h, GC_MINOR, GC_REASON_IDLE);
		break;
	case SWEEP:
		old_sweep_some(h, SWEEP_IDLE);
		break;
	case START:
		start_marking(h, GC_REASON_IDLE);
		break;
	case SLICE:
		mark_some(h, SLICE_IDLE);
		break;
	case END:
		collect_locked(h, GC_MAJOR, h->slices.reason);
		break;
	case SHRINK:
		set_eden(h, h->semi / 2);
		break;
	case RELEASE:
		release_batch(h, now_ns());
		break;
	case NOTHING:
		break;
	}
}

int gc_idle(struct gc_mutator *pub, uint64_t budget_ns)
{
	struct mutator *m = (struct mutator *)pub;
	uint64_t begin = now_ns(), now, need;
	struct gc_heap *h = m->h;
	bool any = false; /* the first step is done, however little time there is */
	enum step step;

	MISUSE_FRAMES(m);
	gc_safepoint(pub);
	for (;; any = true) {
		mutator_lock(m);
		now = now_ns();
		step = next_step(h, now);
		need = any ? now - begin + cost(h, step) : 0;
		heap_unlock(h);
		if (step == NOTHING)
			return 0;
		if (need >= budget_ns)
			return 1;
		world_stop(h, m);
		if (next_step(h, now) == step) /* another thread may have done it */
			do_step(h, step);
		world_start(h);
	}
}
