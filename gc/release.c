/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * release.c - which free pages go back to the kernel, and when.
 *
 * Policy: a DIRTY page goes back when it has been so for the delay (at once under
 * soft-limit pressure) and while the heap holds more than 1.10 times what it will
 * grow to before its next major collection. Highest addresses first, in batches.
 * Every call is an event.
 *
 * Done by a thread of the heap (started when the first page becomes DIRTY), else at
 * the end of collections and in gc_tick(). Never touches INUSE pages.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "gc/internal.h"

#define BATCH	    MIB(4) /* bytes of one call, and of one hold of the lock */
#define SWEEP_BATCH 64	   /* blocks swept in one hold of the lock */

/* What to keep: what the heap will hold at its next major collection, plus 10 %. */
static size_t keep_bytes(const struct gc_heap *h)
{
	size_t percent = 100 + (h->gogc > 0 ? (size_t)h->gogc : 100);

	return h->heap_live / 1000 * percent * 11 + 1;
}

static bool pressed(const struct gc_heap *h)
{
	return h->soft_limit != GC_NO_LIMIT &&
	       held_bytes(h) + (size_t)h->external_total >= h->soft_limit;
}

static size_t give_back(struct gc_heap *h, uintptr_t addr, uintptr_t end)
{
	enum page_state state = h->advice == GC_ADVICE_FREE ? PAGE_LAZY : PAGE_ABSENT;
	unsigned space = h->blocks[block_of(h, addr)].kind;
	uint64_t t = now_ns();
	size_t i;
	int rc;

	rc = madvise((void *)addr, end - addr, h->advice) ? -errno : 0;
	t = now_ns() - t;
	if (!rc) {
		for (i = page_of(h, addr); i < page_of(h, end); i++)
			page_set(h, i, state);
		h->released_total += end - addr;
	}
	tell_page_release(h, space, addr, end - addr, h->advice, t, rc);
	return rc ? 0 : end - addr;
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
		h->release_at = held_bytes(h) > keep ? next_due(h, &s, now) : 0;
	}
	if (done)
		phase_told(h, GC_PHASE_RELEASE, now_ns() - began, done);
	return done;
}

/* Called with the lock when pages may have become DIRTY: at the end of a collection. */
void release_poll(struct gc_heap *h, uint64_t now)
{
	uintptr_t cursor = h->commit_top;

	if (!heap_owed(h))
		return;
	if (!h->release_at) {
		h->release_at = now + (uint64_t)h->delay_ms * 1000000u;
		if (h->thread_wanted && !h->thread_on)
			release_start(h);
		if (h->thread_on)
			pthread_cond_signal(&h->cond);
	}
	if (!h->thread_on && now >= h->release_at)
		tell_release(h, release_due(h, now, false, SIZE_MAX, &cursor), LOG_RELEASE_EAGER);
}

static void wait_until(struct gc_heap *h, uint64_t when)
{
	struct timespec ts = { .tv_sec = (time_t)(when / 1000000000u),
			       .tv_nsec = (long)(when % 1000000000u) };

	pthread_cond_timedwait(&h->cond, &h->lock, &ts);
}

static void *release_main(void *arg)
{
	struct gc_heap *h = arg;
	uintptr_t cursor;
	size_t bytes;
	uint64_t now;

	heap_lock(h);
	while (!h->thread_stop) {
		if (!h->release_at) {
			pthread_cond_wait(&h->cond, &h->lock);
			continue;
		}
		now = now_ns();
		if (now < h->release_at) {
			wait_until(h, h->release_at);
			continue;
		}
		while (old_sweep_some(h, SWEEP_BATCH)) {
			pthread_mutex_unlock(&h->lock);
			pthread_mutex_lock(&h->lock);
		}
		cursor = h->commit_top;
		bytes = 0;
		do {
			bytes += release_due(h, now, false, BATCH, &cursor);
			segment_counters(h);
			heap_unlock(h);
			heap_lock(h);
		} while (cursor > h->base && !h->thread_stop);
		tell_release(h, bytes, LOG_RELEASE_BG);
		resident_look(h, now_ns());
		counters_event(h);
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
