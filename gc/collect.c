/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * collect.c - when to collect, what kind, and what is said about it.
 *
 * Owns pacing. The goal of the next major is live + live * gogc / 100 over old,
 * large and external bytes, at least 4 MiB (the rule of Go's pacer without its
 * stacks and globals: go.dev/doc/gc-guide). Limits are limits.c's.
 */
#include <errno.h>

#include "gc/internal.h"

#define SLICE_EVERY  KIB(64)  /* bytes allocated between slices of marking */
#define SLICE_MOST   MIB(4)   /* bytes marked in one */
#define SLICE_BYTES  KIB(512) /* marked in one, of a small heap */
#define FEW_SLICES   4	      /* ... that a pause is preferred to */
#define GRACE	     8	      /* a marking may end an eighth beyond the goal */
#define SLICE_QUICK  MIB(64)  /* of live bytes: marked without regard to the goal */
#define SWEEP_BLOCKS 4	      /* swept at the end of a minor collection */

/*
 * The goal of the heap, the part of it that is not the young space, and where marking
 * starts so that it can end there: when three quarters of the growth are used up, if it
 * takes long.
 * The young space counts for the goal, as a program's owner counts memory; but half
 * of the growth is always for the old space, else small heaps would do nothing but
 * collect.
 */
void pace(struct gc_heap *h)
{
	size_t live = h->live + external(h), half;
	double goal = (double)live * (100 + h->gogc) / 100;

	if (h->gogc < 0 || goal >= (double)(SIZE_MAX / 2)) {
		h->goal = h->old_goal = h->mark_at = SIZE_MAX;
		return;
	}
	h->goal = goal < (double)GOAL_MIN ? GOAL_MIN : (size_t)goal;
	half = live + (h->goal > live ? (h->goal - live) / 2 : 0);
	h->old_goal = h->goal > young_committed(h) ? h->goal - young_committed(h) : 0;
	if (h->old_goal < half)
		h->old_goal = half;
	if (h->old_goal < GOAL_MIN)
		h->old_goal = GOAL_MIN;
	h->mark_at = h->old_goal;
	if (live > SLICE_QUICK)
		h->mark_at -= (h->old_goal - live) / 4;
}

/* Why a major is due if `extra` bytes are added, or 0. */
static unsigned major_due(const struct gc_heap *h, size_t extra, unsigned reason)
{
	size_t grace = h->marking ? h->old_goal / GRACE : 0;

	/* A marking that is going on may end beyond the goal rather than in one long stop. */
	if (h->old_goal != SIZE_MAX && tenured(h) + external(h) + extra >= h->old_goal + grace)
		return reason;
	return soft_limit_due(h, extra) ? GC_REASON_SOFT_LIMIT : GC_REASON_NONE;
}

static void remember_line(struct gc_heap *h, const struct gc_record_line *l)
{
	h->last[h->nlines++ % NLINES] = *l;
}

static void finish_major(struct gc_heap *h, uint64_t pause)
{
	h->live = tenured(h);
	h->heap_live = heap_used(h);
	h->external_live = external(h);
	h->major_count++;
	h->major_ns_total += pause;
	pace(h);
	resident_look(h, now_ns());
}

static void run_minor(struct gc_heap *h, struct gc_record_line *l)
{
	size_t eden = h->young_top - area_addr(h, h->eden), semi = h->semi;

	if (h->zeal)
		zeal_minor_begin(h);
	minor_run(h);
	if (h->zeal)
		zeal_minor_end(h);
	l->pause = now_ns() - l->ts;
	h->minor_count++;
	h->minor_ns += l->pause;
	h->minor_end = l->ts + l->pause;
	minor_resize(h, l->pause);
	/* An average over the last eight edens or so, in 1/256: a collection counts as
	 * much as there was in its eden. */
	h->promote_rate +=
		((double)h->promoted * 256 - h->promote_rate * (double)eden) / (8.0 * (double)semi);
}

static void run_major(struct gc_heap *h, struct gc_record_line *l)
{
	if (!h->marking) {
		h->slices = (struct slices){ .start = l->ts };
		mark_begin(h);
	}
	h->evacuated = 0;
	mark_end(h, l->ts);
	evac_finish(h, l->ts);
	if (l->kind == GC_SEG_COMPACT)
		evac_compact(h, l->ts);
	else if (h->evacuated)
		l->kind = GC_SEG_COMPACT; /* that is what it became */
	if (h->sweep_all)
		old_sweep_all(h);
	l->pause = now_ns() - l->ts;
	finish_major(h, l->pause);
}

/*
 * After the closure: where obj is now if it survives the collection that v belongs to,
 * or NULL. A minor collection finds dead only what it came to empty.
 */
void *visitor_alive(struct gc_visitor *v, void *obj)
{
	struct gc_heap *h = v->h;
	uint64_t hdr;

	if (v->op == VISIT_CHECK)
		return check_seen(v, obj) ? obj : NULL;
	if (v->op == VISIT_FIX)
		return evac_follow(h, obj);
	if (v->op == VISIT_MARK)
		return in_young(h, obj) || bit_get(h->mark_bits, bit_index(h, obj)) ? obj : NULL;
	if (!in_young(h, obj) || (uintptr_t)obj - h->to < h->to_end - h->to)
		return obj;
	hdr = *hdr_of(obj);
	return hdr & HDR_FORWARDED ? (void *)(uintptr_t)(hdr & ~HDR_FORWARDED) : NULL;
}

/* One collection with everything that is counted and said about it. */
static void collect_one(struct gc_heap *h, unsigned kind, unsigned reason)
{
	struct gc_record_line l = { .kind = kind, .reason = reason };
	char why[256];

	tlabs_retire(h);
	l.before = heap_used(h);
	l.cbefore = heap_committed(h);
	h->allocated += young_used(h) - h->young_after;
	tell_begin(h, &l);
	l.ts = now_ns();
	if (kind == GC_SEG_MINOR)
		run_minor(h, &l);
	else
		run_major(h, &l);
	h->young_after = young_used(h);
	l.after = heap_used(h);
	l.cafter = heap_committed(h);
	if (l.pause > h->max_pause)
		h->max_pause = l.pause;
	effort_add(h, reason, l.pause);
	tell_end(h, &l);
	remember_line(h, &l);
	if (h->zeal & GC_ZEAL_RELEASE)
		zeal_release(h);
	if (h->verify && check_heap(h, why, sizeof(why)))
		gc_fatal("after a %s collection: %s", kind == GC_SEG_MINOR ? "minor" : "major",
			 why);
}

/* --- slices ------------------------------------------------------------------------ */

static void slice_count(struct gc_heap *h, uint64_t start)
{
	uint64_t ns = now_ns() - start;

	h->slices.n++;
	h->slices.ns += ns;
	if (ns > h->slices.longest)
		h->slices.longest = ns;
	if (ns > h->max_pause)
		h->max_pause = ns;
	effort_add(h, h->slices.reason, ns);
	phase_told(h, GC_PHASE_MARK, ns, h->mark_work - h->slices.told);
	h->slices.told = h->mark_work;
}

/*
 * Bytes to mark for `alloc` bytes allocated, so that what is left is done when the old
 * space has grown to the goal. At least half as many, so that it ends. What dies
 * while marking goes on is not freed by it: a heap that is marked in a few
 * milliseconds is marked within a few slices.
 */
static size_t slice_budget(const struct gc_heap *h, size_t alloc)
{
	size_t left = h->live > h->mark_work ? h->live - h->mark_work : MIB(1);
	size_t room = h->old_goal > tenured(h) ? h->old_goal - tenured(h) : 1;
	double budget = (double)left / (double)room * (double)alloc * h->promote_rate / 256;

	if (h->live <= SLICE_QUICK)
		return SLICE_BYTES;
	if (budget < (double)(alloc / 2))
		budget = (double)(alloc / 2);
	return budget > (double)SLICE_MOST ? SLICE_MOST : (size_t)budget;
}

/* World stopped. */
void start_marking(struct gc_heap *h, unsigned reason)
{
	h->slices = (struct slices){ .start = now_ns(), .reason = reason };
	tell_mark_start(h, reason);
	mark_begin(h);
	slice_count(h, h->slices.start);
}

/* A slice of about so many bytes. World stopped. */
void mark_some(struct gc_heap *h, size_t bytes)
{
	uint64_t start = now_ns();

	h->slices.done = mark_slice(h, bytes);
	slice_count(h, start);
}

/* What brings the goal: external bytes, when they have grown more than the others have. */
static unsigned goal_reason(const struct gc_heap *h)
{
	size_t more = external(h) > h->external_live ? external(h) - h->external_live : 0;

	return more && tenured(h) < h->live + more ? GC_REASON_EXTERNAL : GC_REASON_GOAL;
}

/*
 * Whether there is marking to do for what was allocated, or to start before `extra`
 * bytes more. With the lock.
 */
bool slice_due(const struct gc_heap *h, size_t extra)
{
	if (h->marking)
		return h->slices.owed >= SLICE_EVERY;
	return tenured(h) + external(h) + extra >= h->mark_at;
}

static void collect_begin(struct gc_heap *h)
{
	if (h->collecting)
		gc_fatal("a callback of the collector started a collection");
	h->collecting = true;
}

static void collect_end(struct gc_heap *h)
{
	h->collecting = false;
	release_poll(h, now_ns());
	segment_counters(h);
}

/*
 * Majors begin with a minor, so that few young objects are left to be roots; a full
 * collection leaves none, and does not end a marking that began before: what died
 * since then would stay.
 */
void collect_locked(struct gc_heap *h, enum gc_collect_kind kind, unsigned reason)
{
	bool full = kind == GC_FULL || kind == GC_COMPACT;

	collect_begin(h);
	h->tenure_all = full || h->zeal & GC_ZEAL_PROMOTE;
	collect_one(h, GC_SEG_MINOR, reason);
	h->tenure_all = h->zeal & GC_ZEAL_PROMOTE;
	if (full && h->marking)
		collect_one(h, GC_SEG_MAJOR, reason);
	h->sweep_all = full;
	if (kind != GC_MINOR)
		collect_one(h, kind == GC_COMPACT ? GC_SEG_COMPACT : GC_SEG_MAJOR, reason);
	h->sweep_all = false;
	if (kind != GC_MINOR)
		effort_major(h, reason);
	collect_end(h);
}

/*
 * Bytes the old space is expected to grow by until a marking that starts now has ended,
 * or until the next time one could start: a minor collection from now. The pace of
 * slices of a large heap sees to it by itself.
 */
static size_t expected_growth(const struct gc_heap *h)
{
	size_t alloc = h->semi, slices = h->live / SLICE_BYTES * SLICE_EVERY;

	if (h->live <= SLICE_QUICK && alloc < slices)
		alloc = slices;
	return (size_t)(h->promote_rate / 256 * (double)alloc);
}

/* After a minor collection: a major that is due, or the start of a marking. */
static void advance(struct gc_heap *h)
{
	unsigned due = major_due(h, 0, goal_reason(h));

	if (due) {
		collect_one(h, GC_SEG_MAJOR, due);
		effort_major(h, due);
	} else if (!h->marking && tenured(h) + external(h) + expected_growth(h) >= h->mark_at) {
		start_marking(h, goal_reason(h));
	}
}

/* COLLECTS. Does what slice_due() said is due, if no other thread has meanwhile. */
void collect_slice(struct mutator *m, size_t extra)
{
	struct gc_heap *h = m->h;

	world_stop(h, m);
	if (!slice_due(h, extra)) {
		world_start(h);
		return;
	}
	if (h->marking) {
		mark_some(h, slice_budget(h, h->slices.owed));
		h->slices.owed = 0;
		if (h->slices.done)
			collect_locked(h, GC_MAJOR, h->slices.reason);
	} else {
		start_marking(h, extra ? GC_REASON_LARGE : goal_reason(h));
	}
	world_start(h);
}

/* Zeal: one step of marking after the other, and again. World stopped. */
void collect_step(struct gc_heap *h)
{
	if (!h->marking) {
		start_marking(h, GC_REASON_TESTING);
	} else if (!h->slices.done) {
		mark_some(h, 1);
	} else {
		collect_locked(h, GC_MAJOR, GC_REASON_TESTING);
	}
}

int gc_collect(struct gc_mutator *pub, enum gc_collect_kind kind, unsigned reason)
{
	struct mutator *m = (struct mutator *)pub;

	if (kind < GC_MINOR || kind > GC_FULL)
		return -EINVAL;
	MISUSE_FRAMES(m);
	world_stop(m->h, m);
	collect_locked(m->h, kind, reason);
	world_start(m->h);
	return 0;
}

/* External memory has reached the goal, and a marking in slices can still end in time. */
static bool marking_due(const struct gc_heap *h)
{
	size_t total = tenured(h) + external(h);

	return !h->marking && h->live > FEW_SLICES * SLICE_BYTES && total >= h->mark_at &&
	       total < h->old_goal + h->old_goal / GRACE;
}

/* A major if one is due, or the start of its marking. */
void collect_paced(struct mutator *m, unsigned reason)
{
	struct gc_heap *h = m->h;
	unsigned due;

	mutator_lock(m);
	due = major_due(h, 0, reason) || marking_due(h);
	heap_unlock(h);
	if (!due)
		return;
	world_stop(h, m);
	due = major_due(h, 0, reason); /* another thread may have made it */
	if (marking_due(h))
		start_marking(h, reason);
	else if (due)
		collect_locked(h, GC_MAJOR, due);
	world_start(h);
}

/*
 * The young space was full when `seen` minor collections had been made; nothing to
 * do when another thread has made one since. False: the hard limit is reached.
 */
bool collect_for_young(struct mutator *m, uint64_t seen)
{
	struct gc_heap *h = m->h;

	world_stop(h, m);
	if (h->minor_count == seen) {
		collect_begin(h);
		collect_one(h, GC_SEG_MINOR, GC_REASON_YOUNG_FULL);
		h->young_full_at = h->minor_end;
		advance(h);
		old_sweep_some(h, SWEEP_BLOCKS);
		collect_end(h);
	}
	world_start(h);
	return make_room(m, 0);
}

/* A large or pinned object of cell bytes is about to be made. False: the limit is reached. */
bool collect_for_large(struct mutator *m, size_t cell)
{
	struct gc_heap *h = m->h;
	unsigned due;
	bool slice;

	mutator_lock(m);
	due = major_due(h, cell, GC_REASON_LARGE);
	h->slices.owed += cell;
	slice = slice_due(h, cell);
	heap_unlock(h);
	if (due) {
		world_stop(h, m);
		due = major_due(h, cell, GC_REASON_LARGE);
		if (due)
			collect_locked(h, GC_MAJOR, due);
		world_start(h);
	} else if (slice) {
		collect_slice(m, cell);
	}
	return make_room(m, cell);
}
