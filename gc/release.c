/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * release.c - which free pages go back to the kernel, and when.
 *
 * Policy: a DIRTY page goes back when it has been so for the delay (at once under
 * soft-limit pressure) and while the collector holds more than 1.05 times the goal of
 * the heap, its tables and the segment included: the process is to be within 10 % of
 * the goal, and has memory of its own. Highest addresses first, in batches; pages side
 * by side are one call. With a block that is free and has no page left go the pages
 * of its alloc and mark bits, which are all zero then. Every call is an event.
 *
 * Done by a thread of the heap (started when the first page becomes DIRTY), else at
 * the end of collections and in gc_tick(), a batch at a time. Both take cpu_percent of
 * one processor at most, by waiting after each batch; under pressure, and in
 * gc_release_all(), there is no waiting. Never touches INUSE pages.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "gc/internal.h"

#define BATCH	     MIB(4)	       /* bytes of one call, and of one hold of the lock */
#define SWEEP_BATCH  64		       /* blocks swept in one hold of the lock */
#define KEEP	     105	       /* percent of the goal */
#define KEEP_SOFT    95		       /* percent of the soft limit */
#define WAIT_MIN     1000000	       /* ns; less is waited for with the next batch */
#define BLOCK_BITS   (BLOCK_SIZE / 64) /* bytes of its alloc bits, and of its mark bits */
#define BLOCK_TABLES 1536	       /* bytes of the tables of a block that stay: lines, pages */

/* What the collector has besides the heap's pages. */
static size_t own_bytes(const struct gc_heap *h)
{
	size_t used = h->old_blocks + h->pinned.blocks;
	size_t segment = h->seg ? pages_resident((uintptr_t)h->seg, (uintptr_t)h->seg + h->seg_len)
				: 0;

	return used * 2 * BLOCK_BITS + block_of(h, h->commit_top) * BLOCK_TABLES + segment;
}

/*
 * What the heap's pages may take: what the objects that were left will have grown to at
 * the goal (nothing for the least goal: memory of a small heap goes back as a whole),
 * and a bit; under a soft limit 95 % of that at most, as Go does it.
 */
static size_t keep_bytes(const struct gc_heap *h)
{
	size_t percent = 100 + (h->gogc > 0 ? (size_t)h->gogc : 100);
	size_t most = h->heap_live / 10000 * percent * KEEP, own = own_bytes(h), soft;

	if (h->soft_limit != GC_NO_LIMIT) {
		soft = h->soft_limit / 100 * KEEP_SOFT;
		soft = soft > external(h) ? soft - external(h) : 0;
		most = most < soft ? most : soft;
	}
	return most > own ? most - own : 0;
}

/* Over the soft limit, with something to give back. */
static bool pressed(const struct gc_heap *h)
{
	return h->soft_limit != GC_NO_LIMIT && heap_owed(h) &&
	       held_bytes(h) + external(h) >= h->soft_limit;
}

static bool advise(struct gc_heap *h, unsigned space, uintptr_t addr, size_t len)
{
	uint64_t t = now_ns();
	int rc;

	rc = madvise((void *)addr, len, h->advice) ? -errno : 0;
	t = now_ns() - t;
	if (!rc)
		h->released_total += len;
	tell_page_release(h, space, addr, len, h->advice, t, rc);
	return !rc;
}

static size_t give_back(struct gc_heap *h, uintptr_t addr, uintptr_t end)
{
	enum page_state state = h->advice == GC_ADVICE_FREE ? PAGE_LAZY : PAGE_ABSENT;
	size_t i;

	if (!advise(h, h->blocks[block_of(h, addr)].kind, addr, end - addr))
		return 0;
	for (i = page_of(h, addr); i < page_of(h, end); i++)
		page_set(h, i, state);
	return end - addr;
}

/*
 * The bits of blocks that are free and have no dirty page. They are zero, whatever the
 * advice makes of them: the next one that needs them reads the same.
 */
static size_t give_back_bits(struct gc_heap *h)
{
	size_t b, end, last = block_of(h, h->commit_top), done = 0, len;

	for (b = block_of(h, h->dyn); b < last; b = end) {
		for (end = b; end < last && h->blocks[end].bits && !h->blocks[end].dirty &&
			      h->blocks[end].kind == GC_SPACE_NONE;)
			h->blocks[end++].bits = false;
		len = (end - b) * BLOCK_BITS;
		if (!len)
			end++;
		else if (advise(h, GC_SPACE_NONE, (uintptr_t)h->alloc_bits + b * BLOCK_BITS, len) &&
			 advise(h, GC_SPACE_NONE, (uintptr_t)h->mark_bits + b * BLOCK_BITS, len))
			done += 2 * len;
	}
	return done;
}

/*
 * The young space's idle pages. Always by DONTNEED: what lies above young_touched
 * is taken to be zero.
 */
static size_t give_back_young(struct gc_heap *h)
{
	uintptr_t top[AREAS], from, end;
	size_t done = 0;
	int advice = h->advice;
	unsigned a;

	for (a = 0; a < AREAS; a++)
		top[a] = area_addr(h, a);
	top[h->eden] = h->young_top;
	top[h->surv] = h->surv_top;
	h->advice = GC_ADVICE_DONTNEED;
	for (a = 0; a < AREAS; a++) {
		from = page_up(top[a]);
		end = area_addr(h, a) + h->young_touched[a];
		if (from >= end || !give_back(h, from, end))
			continue;
		h->young_touched[a] = from - area_addr(h, a);
		done += end - from;
	}
	h->advice = advice;
	return done;
}

/* When the idle part of the young space is due: the program has not needed it since. */
static uint64_t young_due(const struct gc_heap *h)
{
	return h->minor_end + (uint64_t)h->delay_ms * 1000000u;
}

struct sweep {
	bool all;
	int64_t due_ms;	 /* pages DIRTY since then or before are due */
	uint32_t oldest; /* of those that are not */
	bool waiting;	 /* `oldest` is set */
};

static bool page_due(const struct gc_heap *h, struct sweep *s, size_t page)
{
	if (h->page_state[page] != PAGE_DIRTY)
		return false;
	if (s->all || h->page_ms[page] <= s->due_ms)
		return true;
	if (!s->waiting || h->page_ms[page] < s->oldest)
		s->oldest = h->page_ms[page];
	s->waiting = true;
	return false;
}

static void sweep_init(const struct gc_heap *h, struct sweep *s, uint64_t now, bool all)
{
	int64_t ms = (int64_t)((now - h->start_ns) / 1000000u);

	*s = (struct sweep){ .all = all || pressed(h) };
	if (ms >= h->delay_ms)
		s->due_ms = ms - h->delay_ms;
	else
		s->due_ms = -1;
}

/* When there is more to give back, as far as is known now. 0: never. */
static uint64_t next_due(const struct gc_heap *h, const struct sweep *s, uint64_t now)
{
	uint64_t pages = h->start_ns + ((uint64_t)s->oldest + h->delay_ms + 1) * 1000000u;
	uint64_t young = young_idle(h) && young_due(h) > now ? young_due(h) : 0;

	if (!s->waiting)
		return young;
	return young && young < pages ? young : pages;
}

/*
 * Gives back at most `budget` bytes of pages that are due (all: of all free pages),
 * from *cursor downwards; moves *cursor. Called with the lock. Returns the bytes.
 * When it comes to the bottom it sets release_at for what is not due yet.
 */
size_t release_due(struct gc_heap *h, uint64_t now, bool all, size_t budget, uintptr_t *cursor)
{
	size_t done = 0, keep = all ? 0 : keep_bytes(h), p, run_end;
	uint64_t began = now_ns();
	struct sweep s;

	sweep_init(h, &s, now, all);
	if (s.all || (held_bytes(h) > keep && now >= young_due(h)))
		done += give_back_young(h);
	p = page_of(h, *cursor < h->commit_top ? *cursor : h->commit_top);
	while (p > 0 && done < budget && held_bytes(h) > keep) {
		if (p % BLOCK_PAGES == 0 && !h->blocks[p / BLOCK_PAGES - 1].dirty) {
			p -= BLOCK_PAGES;
			continue;
		}
		if (!page_due(h, &s, --p))
			continue;
		run_end = p + 1;
		while (p > 0 && run_end - p < BATCH / PAGE_SIZE && page_due(h, &s, p - 1))
			p--;
		done += give_back(h, h->base + (p << PAGE_SHIFT),
				  h->base + (run_end << PAGE_SHIFT));
	}
	*cursor = h->base + (p << PAGE_SHIFT);
	if (p == 0 || held_bytes(h) <= keep) {
		*cursor = h->base;
		done += give_back_bits(h);
		h->release_at = held_bytes(h) > keep ? next_due(h, &s, now) : 0;
	}
	if (done)
		phase_told(h, GC_PHASE_RELEASE, now_ns() - began, done);
	return done;
}

/* Time to wait after ns of work, so that it is cpu_percent of all. */
static uint64_t rest(const struct gc_heap *h, uint64_t ns)
{
	return ns * (100 - h->cpu_percent) / h->cpu_percent;
}

/* Without a thread: whether a batch can be given back now. */
bool release_is_due(const struct gc_heap *h, uint64_t now)
{
	return !h->thread_on && h->release_at && now >= h->release_at;
}

/* Does that. The next batch is due when the time for it has come. */
void release_batch(struct gc_heap *h, uint64_t now)
{
	uintptr_t cursor = h->commit_top;
	size_t bytes;

	h->release_at = 0;
	bytes = release_due(h, now, false, pressed(h) ? SIZE_MAX : BATCH, &cursor);
	if (cursor > h->base)
		h->release_at = now_ns() + rest(h, now_ns() - now);
	tell_release(h, bytes, LOG_RELEASE_EAGER);
}

/* Called with the lock when pages may have become DIRTY: at the end of a collection. */
void release_poll(struct gc_heap *h, uint64_t now)
{
	if (!heap_owed(h))
		return;
	if (pressed(h))
		h->release_at = now;
	else if (!h->release_at)
		h->release_at = now + (uint64_t)h->delay_ms * 1000000u;
	if (h->thread_wanted && !h->thread_on)
		release_start(h);
	if (h->thread_on)
		pthread_cond_signal(&h->cond);
	else if (release_is_due(h, now))
		release_batch(h, now);
}

/* --- the thread --------------------------------------------------------------------- */

static void wait_until(struct gc_heap *h, uint64_t when)
{
	struct timespec ts = { .tv_sec = (time_t)(when / 1000000000u),
			       .tv_nsec = (long)(when % 1000000000u) };

	pthread_cond_timedwait(&h->cond, &h->lock, &ts);
}

/* Lets others have the lock, for `ns` if that is worth a sleep; else it adds up. */
static void wait_for(struct gc_heap *h, uint64_t *ns)
{
	uint64_t until = now_ns() + *ns;

	heap_unlock(h);
	heap_lock(h);
	if (*ns < WAIT_MIN)
		return;
	while (now_ns() < until && !h->thread_stop && !pressed(h))
		wait_until(h, until);
	*ns = 0;
}

/* All that is due now. */
static void release_round(struct gc_heap *h, uint64_t now)
{
	uintptr_t cursor = h->commit_top;
	uint64_t began, owed = 0;
	size_t bytes = 0;

	do {
		began = now_ns();
		bytes += release_due(h, now, false, BATCH, &cursor);
		segment_counters(h);
		owed += rest(h, now_ns() - began);
		wait_for(h, &owed);
	} while (cursor > h->base && !h->thread_stop);
	tell_release(h, bytes, LOG_RELEASE_BG);
}

static void sweep_first(struct gc_heap *h)
{
	uint64_t began = now_ns(), owed = 0;

	while (!h->thread_stop && old_sweep_some(h, SWEEP_BATCH)) {
		owed += rest(h, now_ns() - began);
		wait_for(h, &owed);
		began = now_ns();
	}
}

static void *release_main(void *arg)
{
	struct gc_heap *h = arg;
	uint64_t now;

	heap_lock(h);
	while (!h->thread_stop) {
		now = now_ns();
		if (!h->release_at) {
			pthread_cond_wait(&h->cond, &h->lock);
		} else if (now < h->release_at) {
			wait_until(h, h->release_at);
		} else {
			sweep_first(h);
			release_round(h, now_ns());
			resident_look(h, now_ns());
			counters_event(h);
		}
	}
	heap_unlock(h);
	return NULL;
}

/* Without the thread the heap still releases at ticks and collections. */
void release_start(struct gc_heap *h)
{
	sigset_t all, old;

	h->thread_stop = false;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	h->thread_on = pthread_create(&h->thread, NULL, release_main, h) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (h->thread_on)
		pthread_setname_np(h->thread, "mpgc-release");
	else
		h->thread_wanted = false;
}

/* Called without the lock. */
void release_stop(struct gc_heap *h)
{
	bool on;

	heap_lock(h);
	on = h->thread_on;
	h->thread_stop = true;
	h->thread_on = false;
	h->thread_wanted = false;
	pthread_cond_signal(&h->cond);
	heap_unlock(h);
	if (on)
		pthread_join(h->thread, NULL);
}
