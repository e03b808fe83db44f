/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * limits.c - the hard limit and the soft limit, and how much of the time collections
 * may take near them.
 *
 * Must not collect by itself but for the last attempt before the hard limit.
 *
 * Hard limit: bytes of old, large and pinned objects; the end of the addresses is one
 * too. When they would go over it, all is collected once; if that does not help, the near-limit
 * callback is asked for a higher one, and then the program is told that it is out of memory.
 *
 * A heap whose live objects come close to the limit could go on for long by
 * collecting after every few objects: hours at a hundredth of its speed, while the
 * owner waits for it to fail or to recover. So collections count as futile when
 * FUTILE_RUN majors in a row that the heap made by itself have left the heap more
 * than FUTILE_FULL percent full and the program has had less than FUTILE_MUTATOR
 * percent of the time since the major before the first of them. The callback and the
 * handler are then called as if the limit were reached. The figures are those of V8
 * ("Ineffective mark-compacts near heap limit"), whose users are many: four collections
 * are no accident, and a program that gets 40 % of the time still gets on. A
 * program with more than that goes on however small the room is, so this is the most
 * that collecting near the limit can take: 60 % over any four majors.
 *
 * What the program asked for (gc_collect(), gc_idle(), zeal) counts neither as time
 * of the collector nor as an attempt.
 *
 * Soft limit: over it majors are made before the goal, but only when the program has
 * had as much time to itself since the last one, minors and slices taken off, as the
 * last one took with its minor and slices. So the soft limit never takes more than half of
 * the time; minors that come anyway are neither side's.
 */
#include <stdio.h>

#include "gc/internal.h"

#define FUTILE_FULL    80     /* percent of the hard limit */
#define FUTILE_MUTATOR 40     /* percent of the time       */
#define SPARE_ROOM     MIB(1) /* of addresses, for the ends of blocks */

/* --- what collecting costs ----------------------------------------------------------- */

/* At the start, and when the program has a new limit: what was before does not count. */
void effort_init(struct gc_heap *h)
{
	struct effort *e = &h->effort;
	unsigned i;

	for (i = 0; i < FUTILE_RUN; i++) {
		e->end[i].at = now_ns();
		e->end[i].ns = e->ns;
	}
	if (!e->at)
		e->at = e->end[0].at;
	e->near = 0;
	e->futile = false;
}

static bool own_decision(unsigned reason)
{
	return reason >= GC_REASON_YOUNG_FULL && reason <= GC_REASON_LAST_DITCH;
}

/* World stopped for ns, to collect or to mark a slice. */
void effort_add(struct gc_heap *h, unsigned reason, uint64_t ns)
{
	if (own_decision(reason))
		h->effort.ns += ns;
}

static const struct gc_record_line *line_before(const struct gc_heap *h, unsigned n)
{
	return &h->last[(h->nlines - n) % NLINES];
}

/* The hard limit, or the end of the addresses. */
static bool near_limit(const struct gc_heap *h)
{
	size_t most = h->base + h->reserved - h->dyn;

	if (most > h->old_limit)
		most = h->old_limit;
	return tenured(h) / FUTILE_FULL >= most / 100;
}

/* A major collection and the minor before it have ended. */
void effort_major(struct gc_heap *h, unsigned reason)
{
	struct effort *e = &h->effort;
	uint64_t now = now_ns(), at, ns;
	unsigned i = e->majors % FUTILE_RUN;

	e->stop = line_before(h, 1)->pause + line_before(h, 2)->pause;
	e->cost = e->stop + h->slices.ns;
	e->at = now;
	e->before = e->ns;
	if (!near_limit(h))
		e->near = 0;
	if (!own_decision(reason))
		return;
	at = now - e->end[i].at;
	ns = e->ns - e->end[i].ns;
	e->end[i].at = now;
	e->end[i].ns = e->ns;
	e->majors++;
	if (near_limit(h))
		e->near++;
	e->share = (unsigned)(ns * 100 / (at + 1));
	e->futile = e->near >= FUTILE_RUN && e->share > 100 - FUTILE_MUTATOR;
}

/* Whether the soft limit asks for a major, `extra` bytes being added. With the lock. */
bool soft_limit_due(const struct gc_heap *h, size_t extra)
{
	const struct effort *e = &h->effort;
	uint64_t ns = e->ns - e->before;

	if (h->soft_limit == GC_NO_LIMIT || held_bytes(h) + external(h) + extra < h->soft_limit)
		return false;
	return now_ns() - e->at >= ns + e->cost;
}

/* The heap of which a callback about limits runs in this thread. */
static _Thread_local const struct gc_heap *asking;

/* --- out of memory ------------------------------------------------------------------- */

static void print_last(struct gc_heap *h)
{
	unsigned i = h->nlines > NLINES ? h->nlines - NLINES : 0;
	struct log_heap who;
	char line[512];

	log_who(h, &who);
	fputs("\n<--- Last few GCs --->\n\n", stderr);
	for (; i < h->nlines; i++) {
		log_format(line, sizeof(line), GC_LOG_V8, &who, &h->last[i % NLINES]);
		fputs(line, stderr);
	}
}

static _Noreturn void oom_default(struct gc_heap *h, size_t wanted)
{
	print_last(h);
	if (h->effort.futile)
		gc_fatal("out of memory: collections near the limit are ineffective: %u%% of the "
			 "time went into the last %u, and %zu bytes are used by old, large and "
			 "pinned objects, limit %zu, %zu MiB of addresses",
			 h->effort.share, FUTILE_RUN, tenured(h), h->old_limit, h->reserved >> 20);
	gc_fatal("out of memory: %zu bytes wanted, %zu used by old, large and pinned objects, "
		 "limit %zu, %zu MiB of addresses",
		 wanted, tenured(h), h->old_limit, h->reserved >> 20);
}

/*
 * Called without the lock. Returns only if the program's handler does. True: it has
 * raised the limit.
 */
static bool tell_out_of_memory(struct gc_heap *h, size_t wanted)
{
	gc_oom_fn fn;
	size_t was;
	bool more;
	void *arg;

	heap_lock(h);
	tell_limit(h, GC_LIMIT_FATAL, wanted, h->old_limit);
	fn = h->oom_fn;
	arg = h->oom_arg;
	was = h->old_limit;
	if (!fn)
		oom_default(h, wanted);
	/* Told; the next futile major tells again. */
	h->effort.futile = false;
	heap_unlock(h);
	asking = h;
	fn(h, wanted, arg);
	asking = NULL;
	heap_lock(h);
	more = h->old_limit > was;
	heap_unlock(h);
	return more;
}

void out_of_memory(struct gc_heap *h, size_t wanted)
{
	tell_out_of_memory(h, wanted);
}

/* --- the hard limit ------------------------------------------------------------------ */

static bool under_limit(const struct gc_heap *h, size_t wanted)
{
	return tenured(h) <= h->old_limit && wanted <= h->old_limit - tenured(h);
}

/*
 * Whether there are addresses for `wanted` bytes, and then for all that minor collections
 * can promote, which must not fail: of this young space, and of another one that
 * threads fill before a last collection. Holes count half: not every object fits.
 */
static bool addresses_fit(const struct gc_heap *h, size_t wanted)
{
	size_t holes = (h->old_blocks << BLOCK_SHIFT) - h->old_used - h->closed_room;
	size_t room = (blocks_free(h) << BLOCK_SHIFT) + holes / 2;

	return room >= wanted + 2 * young_committed(h) + SPARE_ROOM;
}

/* With the lock. */
bool limit_fits(const struct gc_heap *h, size_t wanted)
{
	return under_limit(h, wanted) && addresses_fit(h, wanted);
}

/* Asks the program for a higher limit. True: there is one. */
static bool ask_limit(struct gc_heap *h, size_t wanted)
{
	size_t limit, was, initial;
	gc_near_limit_fn fn;
	void *arg;

	heap_lock(h);
	was = h->old_limit;
	initial = h->initial_limit;
	fn = h->near_fn;
	arg = h->near_arg;
	tell_limit(h, GC_LIMIT_NEAR, wanted, was);
	heap_unlock(h);
	if (!fn)
		return false;
	asking = h;
	limit = fn(h, was, initial, wanted, arg);
	asking = NULL;
	heap_lock(h);
	if (limit > h->old_limit) {
		h->old_limit = limit;
		effort_init(h);
		segment_counters(h);
		tell_limit(h, GC_LIMIT_RAISED, wanted, limit);
	}
	limit = h->old_limit;
	heap_unlock(h);
	return limit > was;
}

/* Short of the limit, hopelessly (OVER); short of addresses. */
enum verdict { ROOM, FULL, OVER, NO_ADDRESSES, FUTILE };

static enum verdict look(struct mutator *m, size_t wanted)
{
	struct gc_heap *h = m->h;
	enum verdict v = ROOM;

	mutator_lock(m);
	if (!addresses_fit(h, wanted))
		v = NO_ADDRESSES;
	else if (!under_limit(h, wanted))
		v = wanted > h->old_limit ? OVER : FULL;
	else if (h->effort.futile)
		v = FUTILE;
	if (v == FUTILE)
		tell_limit(h, GC_LIMIT_FUTILE, h->effort.share, h->old_limit);
	heap_unlock(h);
	return v;
}

/* Short of addresses: old objects move together. */
static void last_ditch(struct mutator *m, size_t wanted)
{
	struct gc_heap *h = m->h;

	world_stop(h, m);
	if (!limit_fits(h, wanted))
		collect_locked(h, addresses_fit(h, wanted) ? GC_FULL : GC_COMPACT,
			       GC_REASON_LAST_DITCH);
	world_start(h);
}

/*
 * COLLECTS. Before `wanted` bytes more outside the young space (0: some may have been
 * promoted). False: they are not to be had. The program can give a higher limit, but
 * not addresses.
 */
bool make_room(struct mutator *m, size_t wanted)
{
	enum verdict v = look(m, wanted);
	bool more;

	if (v != ROOM && asking == m->h)
		gc_fatal("the near-limit callback or the out-of-memory handler of a heap allocated "
			 "from it over its limit");
	if (v == FULL || v == NO_ADDRESSES) {
		last_ditch(m, wanted);
		v = look(m, wanted);
	}
	while (v != ROOM) {
		if (v == NO_ADDRESSES || !ask_limit(m->h, wanted)) {
			more = tell_out_of_memory(m->h, wanted);
			return (more || v != FUTILE) && look(m, wanted) == ROOM;
		}
		v = look(m, wanted);
	}
	return true;
}
