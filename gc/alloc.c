/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * alloc.c - the slow paths of allocation: buffers of the young space, large objects.
 *
 * Owns the mutator's allocation buffer and the table of large objects. Starts
 * collections only through collect.c.
 */
#include <stdlib.h>

#include "gc/internal.h"

#define DIRECT_MIN     (TLAB_SIZE / 4) /* larger cells do not use up a buffer */
#define CLOCK_REFILLS  16	       /* refills between looks at the clock */
#define COUNTERS_EVERY 10000000u       /* ns between COUNTERS events */

/* Bytes of objects; the open allocation buffer counts as full (at most 32 KiB). */
size_t heap_used(const struct gc_heap *h)
{
	return h->young_top - half_addr(h, h->active) + h->old_used + h->large_used;
}

static void set_end(struct mutator *m, uintptr_t end)
{
	__atomic_store_n(&m->pub.end, end, __ATOMIC_RELAXED);
}

/* Ends the buffer; the young space can be walked object by object up to its top. */
void tlab_retire(struct gc_heap *h)
{
	struct mutator *m = h->mut;
	size_t rest;

	if (!m || !m->tlab_end)
		return;
	rest = m->tlab_end - m->pub.cur;
	if (m->tlab_end == h->young_top)
		h->young_top = m->pub.cur;
	else if (rest)
		*(uint64_t *)m->pub.cur = (uint64_t)(rest / 8) << 32;
	m->tlab_end = m->pub.cur = 0;
	set_end(m, 0);
}

static size_t young_room(const struct gc_heap *h)
{
	return half_addr(h, h->active) + h->semi - h->young_top;
}

static uintptr_t young_take(struct gc_heap *h, size_t len)
{
	uintptr_t p = h->young_top;

	pages_use_zeroed(h, p, p + len);
	h->young_top = p + len;
	return p;
}

/* A buffer with room for cell bytes: the old one made longer where it can be. */
static bool tlab_refill(struct mutator *m, size_t cell)
{
	struct gc_heap *h = m->h;
	size_t len = young_room(h) < TLAB_SIZE ? young_room(h) : TLAB_SIZE;
	bool extend = m->tlab_end && m->tlab_end == h->young_top;

	if (extend && m->tlab_end - m->pub.cur + len < cell)
		return false;
	if (!extend && len < cell)
		return false;
	if (!extend) {
		tlab_retire(h);
		m->pub.cur = h->young_top;
	}
	young_take(h, len);
	m->tlab_end = h->young_top;
	set_end(m, m->tlab_end);
	return true;
}

static void *bump(struct mutator *m, uint64_t hdr, size_t cell)
{
	uintptr_t p = m->pub.cur;

	if (!m->tlab_end || m->tlab_end - p < cell)
		return NULL;
	m->pub.cur = p + cell;
	*(uint64_t *)p = hdr;
	return (void *)(p + 8);
}

/* Now and then, on a slow path: an event with the counters. */
static void count_refill(struct gc_heap *h)
{
	uint64_t now;

	segment_used(h, heap_used(h));
	if (!h->ctr || ++h->refills % CLOCK_REFILLS)
		return;
	now = now_ns();
	if (now - h->counters_at < COUNTERS_EVERY)
		return;
	resident_look(h, now);
	counters_event(h);
}

/* A cell from the young space without collecting. NULL: it is full. */
static void *young_cell(struct mutator *m, uint64_t hdr, size_t cell)
{
	struct gc_heap *h = m->h;
	void *obj = bump(m, hdr, cell);
	uintptr_t p;

	if (obj)
		return obj;
	pthread_mutex_lock(&h->lock);
	if (cell <= DIRECT_MIN) {
		if (tlab_refill(m, cell))
			obj = bump(m, hdr, cell);
	} else if (young_room(h) >= cell) {
		p = young_take(h, cell);
		*(uint64_t *)p = hdr;
		obj = (void *)(p + 8);
	}
	count_refill(h);
	pthread_mutex_unlock(&h->lock);
	return obj;
}

/* Does what another thread or a counter asked for. */
void gc_safepoint(struct gc_mutator *pub)
{
	struct mutator *m = (struct mutator *)pub;

	if (__atomic_load_n(&m->pub.end, __ATOMIC_RELAXED) == m->tlab_end)
		return;
	set_end(m, m->tlab_end);
	if (__atomic_exchange_n(&m->h->want, 0, __ATOMIC_ACQUIRE) & WANT_MAJOR)
		collect_paced(m->h, GC_REASON_EXTERNAL);
}

static void *alloc_small(struct mutator *m, uint64_t hdr, size_t cell)
{
	void *obj;

	gc_safepoint(&m->pub);
	obj = young_cell(m, hdr, cell);
	if (obj)
		return obj;
	if (!collect_for_young(m))
		return NULL;
	obj = young_cell(m, hdr, cell);
	if (!obj)
		gc_fatal("the young space is full after a collection");
	return obj;
}

static bool large_record(struct gc_heap *h, uintptr_t addr, size_t pages)
{
	size_t cap = h->large_cap ? h->large_cap * 2 : 64;
	struct large *l;

	if (h->nlarge == h->large_cap) {
		l = realloc(h->large, cap * sizeof(*l));
		if (!l)
			return false;
		h->large = l;
		h->large_cap = cap;
	}
	h->large[h->nlarge++] = (struct large){ addr, pages };
	return true;
}

static void *large_alloc(struct gc_heap *h, uint64_t hdr, size_t cell)
{
	size_t pages = page_up(cell) >> PAGE_SHIFT;
	uintptr_t addr = large_take(h, pages);

	if (!addr)
		return NULL;
	if (!large_record(h, addr, pages)) {
		large_give(h, addr, pages, now_ns());
		return NULL;
	}
	*(uint64_t *)addr = hdr | HDR_UNLOGGED;
	bit_set(h->alloc_bits, bit_index(h, (void *)(addr + 8)));
	h->large_used += cell;
	h->allocated += cell;
	event(h, GC_EV_LARGE_ALLOC, GC_SPACE_LARGE, 0, addr, pages << PAGE_SHIFT, NULL, 0);
	counters_event(h);
	return (void *)(addr + 8);
}

/* An object of its own pages; no page is touched but the first, for its header. */
static void *alloc_large(struct mutator *m, uint64_t hdr, size_t cell)
{
	void *obj;

	gc_safepoint(&m->pub);
	if (!collect_for_large(m, cell))
		return NULL;
	pthread_mutex_lock(&m->h->lock);
	obj = large_alloc(m->h, hdr, cell);
	if (!obj) {
		collect_locked(m->h, GC_FULL, GC_REASON_LAST_DITCH);
		obj = large_alloc(m->h, hdr, cell);
	}
	pthread_mutex_unlock(&m->h->lock);
	if (!obj)
		out_of_memory(m->h, cell);
	return obj;
}

void *gc_alloc_slow(struct gc_mutator *pub, const struct gc_type *type)
{
	if (type->elem)
		return NULL;
	if (type->cell > CELL_MAX)
		return alloc_large((struct mutator *)pub, type->header, type->cell);
	return alloc_small((struct mutator *)pub, type->header, type->cell);
}

void *gc_alloc_array(struct gc_mutator *pub, const struct gc_type *type, size_t n)
{
	struct mutator *m = (struct mutator *)pub;
	size_t bytes, cell;
	size_t *obj;
	uint64_t hdr;

	if (!type->elem || __builtin_mul_overflow(n, (size_t)type->elem, &bytes) ||
	    bytes > ((size_t)UINT32_MAX - 4) * 8)
		return NULL;
	cell = ((bytes + 7) & ~(size_t)7) + 16;
	hdr = type->header | (uint64_t)(cell / 8) << 32;
	if (cell > CELL_MAX)
		obj = alloc_large(m, hdr, cell);
	else if (cell <= m->tlab_end - m->pub.cur && m->pub.end)
		obj = bump(m, hdr, cell);
	else
		obj = alloc_small(m, hdr, cell);
	if (obj)
		*obj = n;
	return obj;
}
