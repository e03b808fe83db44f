/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * go.c - figures of Go's runtime from the words of its variables.
 *
 * Sources of the meanings: src/runtime/mgcpacer.go (gcControllerState), mstats.go
 * (readmemstats_m makes runtime.MemStats of the same fields).
 *
 * Words are read while the program runs: each by itself is whole, together they may be of
 * slightly different instants. What cannot be is refused, and the caller reads again.
 */
#include "user/rt/go.h"

#include <errno.h>

#include "bpf/events.h"

#define BYTES_MAX (1ULL << 47) /* of a heap */
#define GO_PAGE	  8192u	       /* in use and idle, by spans */
#define NO_LIMIT  0x7fffffffffffffffULL

static uint64_t at(const uint64_t *w, uint16_t off)
{
	return w[off / 8];
}

/*
 * The goal that a memory limit sets (memoryLimitHeapGoal): what is left of the limit
 * beside everything that is not heap, with some headroom, but not below what is live.
 */
static uint64_t limit_goal(const struct go_layout *l, const struct go_figures *f, uint64_t ready)
{
	uint64_t heap = f->idle + f->alloc, limit = f->limit, rest, head = 1 << 20, goal;

	if (heap > ready)
		return MP_UNKNOWN;
	rest = ready - heap;
	if (ready > limit)
		rest += ready - limit;
	if (rest >= limit)
		return f->marked;
	goal = limit - rest;
	if (goal / 100 * l->headroom > head)
		head = goal / 100 * l->headroom;
	goal = goal < head || goal - head < head ? head : goal - head;
	return goal < f->marked ? f->marked : goal;
}

/* heapGoalInternal. ~0 is Go's own word for "none", and MP_UNKNOWN at once. */
static uint64_t goal_of(const struct go_layout *l, const uint64_t *w, const struct go_figures *f)
{
	uint64_t goal = at(w, l->ctl_goal), sweep = at(w, l->ctl_sweep), by_limit,
		 triggered = at(w, l->ctl_triggered);
	const uint64_t runway = 64 << 10;

	by_limit = f->limit == MP_UNKNOWN ? MP_UNKNOWN : limit_goal(l, f, at(w, l->ctl_ready));
	if (by_limit < goal)
		return by_limit;
	if (goal == MP_UNKNOWN)
		return goal;
	if (sweep > goal)
		goal = sweep;
	if (triggered != MP_UNKNOWN && goal < triggered + runway)
		goal = triggered + runway;
	return goal;
}

static bool plausible(const struct go_figures *f)
{
	const uint64_t v[] = { f->alloc, f->live, f->marked, f->inuse, f->idle, f->released };

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		if (v[i] > BYTES_MAX)
			return false;
	return f->inuse && f->inuse % GO_PAGE == 0 && f->idle % MP_PAGE_SIZE == 0 &&
	       f->released % MP_PAGE_SIZE == 0 && f->alloc <= f->inuse && f->limit &&
	       (f->goal == MP_UNKNOWN || f->goal <= BYTES_MAX);
}

int go_figures(const struct go_layout *l, const uint64_t *w, size_t n, struct go_figures *out)
{
	struct go_figures f;

	if (n < GO_CTL_WORDS)
		return -EINVAL;
	f.alloc = at(w, l->ctl_alloc) - at(w, l->ctl_freed);
	f.live = at(w, l->ctl_live);
	f.marked = at(w, l->ctl_marked);
	f.inuse = at(w, l->ctl_inuse);
	f.idle = at(w, l->ctl_free);
	f.released = at(w, l->ctl_released);
	f.start = at(w, l->ctl_start);
	f.limit = at(w, l->ctl_limit);
	if (f.limit == NO_LIMIT)
		f.limit = MP_UNKNOWN;
	f.goal = goal_of(l, w, &f);
	if (!plausible(&f))
		return -EINVAL;
	*out = f;
	return 0;
}

/*
 * HeapAlloc falls when dead objects are swept, heapLive when they are found dead. The lower
 * one is right: heapLive counts free slots of spans that threads hold, HeapAlloc what no
 * one can reach any more.
 */
uint64_t go_used(const struct go_figures *f)
{
	return f->alloc < f->live ? f->alloc : f->live;
}

int go_system(const uint64_t sys[GO_SYS_WORDS], const int64_t in_heap[3][3], struct go_system *g)
{
	enum { STACKS, SPANS, CACHES, BUCKETS, GC, OTHER };
	int64_t sum[3] = { 0 };

	for (int i = 0; i < 3; i++)
		for (int k = 0; k < 3; k++) {
			if (in_heap[i][k] > (int64_t)BYTES_MAX ||
			    in_heap[i][k] < -(int64_t)BYTES_MAX)
				return -EINVAL;
			sum[k] += in_heap[i][k];
		}
	for (int i = 0; i < GO_SYS_WORDS; i++)
		if (sys[i] > BYTES_MAX)
			return -EINVAL;
	if (sum[0] < 0 || sum[1] < 0 || sum[2] < 0)
		return -EINVAL;
	g->stacks = sys[STACKS] + (uint64_t)sum[0];
	g->gc = sys[GC] + (uint64_t)sum[1] + (uint64_t)sum[2];
	g->other = sys[SPANS] + sys[CACHES] + sys[BUCKETS] + sys[OTHER];
	return 0;
}

#define SLACK_NS  20000u	       /* between two readings of two clocks */
#define PAUSE_MAX (60 * 1000000000ULL) /* a longer one is no pause           */

uint64_t go_pause(const struct go_pauses *p, uint64_t wall)
{
	uint64_t best = MP_UNKNOWN, pause = MP_UNKNOWN;
	uint32_t n = p->numgc < GO_RING ? p->numgc : GO_RING;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t k = (p->numgc - 1 - i) % GO_RING;

		if (p->end[k] + SLACK_NS < wall)
			break;
		if (p->end[k] >= best)
			continue;
		best = p->end[k];
		pause = p->ns[k];
	}
	return best == MP_UNKNOWN || best - wall + SLACK_NS > PAUSE_MAX || pause > PAUSE_MAX
		       ? MP_UNKNOWN
		       : pause;
}
