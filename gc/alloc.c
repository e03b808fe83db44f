/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * alloc.c - the slow paths of allocation: buffers of the young space, large objects.
 *
 * Owns the mutators' allocation buffers and the table of large objects. Starts
 * collections only through collect.c.
 *
 * What is allocated under the lock of mutator_lock() must be returned before the
 * next one: until then no other thread can stop the world, after it any can.
 */
#include <stdlib.h>

#include "gc/internal.h"

#define TLAB_MIN       KIB(8)	       /* with many mutators in a small space */
#define DIRECT_MIN     (TLAB_SIZE / 4) /* larger cells do not use up a buffer */
#define CLOCK_REFILLS  16	       /* refills between looks at the clock */
#define COUNTERS_EVERY 10000000u       /* ns between COUNTERS events */

/* Bytes of objects; open allocation buffers count as full (at most 32 KiB each). */
size_t heap_used(const struct gc_heap *h)
{
	return young_used(h) + h->old_used + h->large_used + h->pinned.used;
}

/* With the lock. The next stop may be wanted already. */
static void set_end(struct mutator *m, uintptr_t end)
{
	__atomic_store_n(&m->pub.end, stop_wanted(m->h) ? 0 : end, __ATOMIC_RELAXED);
}

/* Zeal that counts allocations needs every one to come here. */
static void tlab_show(struct mutator *m)
{
	set_end(m, m->h->zeal_every ? 0 : m->tlab_end);
}

/* Ends the buffer of m, which is the caller's or parked. With the lock. */
void tlab_retire(struct mutator *m)
{
	struct gc_heap *h = m->h;
	size_t rest;

	if (!m->tlab_end)
		return;
	rest = m->tlab_end - m->pub.cur;
	sample_return(m, rest);
	if (m->tlab_end == h->young_top)
		h->young_top = m->pub.cur;
	else if (rest)
		*(uint64_t *)m->pub.cur = (uint64_t)(rest / 8) << 32;
	m->tlab_end = m->pub.cur = 0;
	set_end(m, 0);
}

/* World stopped: the young space can be walked object by object up to its top. */
void tlabs_retire(struct gc_heap *h)
{
	struct mutator *m;

	for (m = h->mutators; m; m = m->next)
		tlab_retire(m);
}

static size_t young_room(const struct gc_heap *h)
{
	return area_addr(h, h->eden) + h->semi - h->young_top;
}

static uintptr_t young_take(struct gc_heap *h, size_t len)
{
	uintptr_t p = h->young_top;

	young_touch(h, h->eden, p + len);
	h->young_top = p + len;
	return p;
}

/* Buffers of all mutators together take at most a quarter of the space, if they can. */
static size_t tlab_size(const struct gc_heap *h)
{
	size_t len = TLAB_SIZE;

	while (len > TLAB_MIN && len * h->nmutators > h->semi / 4)
		len /= 2;
	return len < young_room(h) ? len : young_room(h);
}

/* A buffer with room for cell bytes: the old one made longer where it can be. */
static bool tlab_refill(struct mutator *m, size_t cell)
{
	struct gc_heap *h = m->h;
	size_t len = tlab_size(h);
	bool extend = m->tlab_end && m->tlab_end == h->young_top;

	if (extend && m->tlab_end - m->pub.cur + len < cell)
		return false;
	if (!extend && len < cell)
		return false;
	if (!extend) {
		tlab_retire(m);
		m->tlab_end = m->pub.cur = h->young_top;
	}
	len = sample_buffer(m, len, m->pub.cur + cell - m->tlab_end);
	young_take(h, len);
	m->tlab_end = h->young_top;
	tlab_show(m);
	return true;
}

static void *bump(struct mutator *m, uint64_t hdr, size_t cell)
{
	uintptr_t p = m->pub.cur;

	if (!m->tlab_end || m->tlab_end - p < cell)
		return NULL;
	m->pub.cur = p + cell;
	*(uint64_t *)p = hdr;
	return memset((void *)(p + 8), 0, cell - 8);
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

/* A cell from the young space. NULL: it is full, and *seen minor collections were made. */
static void *young_cell(struct mutator *m, uint64_t hdr, size_t cell, uint64_t *seen)
{
	struct gc_heap *h = m->h;
	void *obj = bump(m, hdr, cell);
	uintptr_t p;

	if (obj)
		return obj;
	mutator_lock(m);
	if (!limit_fits(h, 0)) {
		*seen = UINT64_MAX; /* collections by the program alone came to the limit */
		heap_unlock(h);
		return NULL;
	}
	if (cell <= DIRECT_MIN) {
		if (tlab_refill(m, cell))
			obj = bump(m, hdr, cell);
	} else if (young_room(h) >= cell) {
		p = young_take(h, cell);
		*(uint64_t *)p = hdr;
		obj = memset((void *)(p + 8), 0, cell - 8);
		sample_direct(m, cell);
	}
	sample_tell(m, obj, hdr);
	count_refill(h);
	h->slices.owed += TLAB_SIZE;
	m->slice_due = slice_due(h, 0);
	*seen = h->minor_count;
	heap_unlock(h);
	return obj;
}

static bool end_is(const struct mutator *m, uintptr_t end)
{
	return __atomic_load_n(&m->pub.end, __ATOMIC_RELAXED) == end;
}

/* Does what another thread or a counter asked for. */
void gc_safepoint(struct gc_mutator *pub)
{
	struct mutator *m = (struct mutator *)pub;
	uint32_t want;

	if (!__atomic_load_n(&m->h->want, __ATOMIC_RELAXED) && end_is(m, m->tlab_end))
		return;
	MISUSE_FRAMES(m);
	mutator_lock(m);
	tlab_show(m);
	want = __atomic_fetch_and(&m->h->want, ~WANT_MAJOR, __ATOMIC_RELAXED);
	heap_unlock(m->h);
	if (want & WANT_MAJOR)
		collect_paced(m, GC_REASON_EXTERNAL);
}

static void *alloc_small(struct mutator *m, uint64_t hdr, size_t cell)
{
	uint64_t seen;
	void *obj;

	if (m->h->zeal_every)
		zeal_step(m);
	/* Others may use up the room of a collection before this thread comes to it. */
	for (;;) {
		gc_safepoint(&m->pub);
		if (m->slice_due) {
			m->slice_due = false;
			collect_slice(m, 0);
		}
		obj = young_cell(m, hdr, cell, &seen);
		if (obj || !collect_for_young(m, seen))
			return obj;
	}
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

/* An object of its own pages; no page is touched but the first, for its header. */
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
	if (h->marking)
		mark_new(h, (void *)(addr + 8));
	h->large_used += cell;
	h->allocated += cell;
	event(h, GC_EV_LARGE_ALLOC, GC_SPACE_LARGE, 0, addr, pages << PAGE_SHIFT, NULL, 0);
	counters_event(h);
	return (void *)(addr + 8);
}

/* An object that is not young, by large_alloc() or pinned_alloc(). */
static void *alloc_tenured(struct mutator *m, uint64_t hdr, size_t cell,
			   void *(*alloc)(struct gc_heap *, uint64_t, size_t))
{
	struct gc_heap *h = m->h;
	bool tried = false;
	void *obj;

	gc_safepoint(&m->pub);
	if (h->zeal_every)
		zeal_step(m);
	while (collect_for_large(m, cell)) {
		mutator_lock(m);
		obj = limit_fits(h, cell) ? alloc(h, hdr, cell) : NULL;
		if (obj) {
			sample_direct(m, cell);
			sample_tell(m, obj, hdr);
		}
		count_refill(h);
		heap_unlock(h);
		if (obj)
			return obj;
		if (tried) {
			out_of_memory(h, cell);
			return NULL;
		}
		/* It is addresses that are short: few old objects can block many chunks. */
		world_stop(h, m);
		collect_locked(h, GC_COMPACT, GC_REASON_LAST_DITCH);
		world_start(h);
		tried = true;
	}
	return NULL;
}

static void *alloc_large(struct mutator *m, uint64_t hdr, size_t cell)
{
	return alloc_tenured(m, hdr, cell, large_alloc);
}

void *gc_alloc_slow(struct gc_mutator *pub, const struct gc_type *type)
{
	if (type->elem)
		return NULL;
	MISUSE_FRAMES((struct mutator *)pub);
	if (type->cell > CELL_MAX)
		return alloc_large((struct mutator *)pub, type->header, type->cell);
	return alloc_small((struct mutator *)pub, type->header, type->cell);
}

/* Bytes of an array of n elements with its header. 0: it cannot be addressed. */
static size_t array_cell(const struct gc_type *type, size_t n)
{
	size_t bytes;

	if (!type->elem || __builtin_mul_overflow(n, (size_t)type->elem, &bytes) ||
	    bytes > ((size_t)UINT32_MAX - 4) * 8)
		return 0;
	return ((bytes + 7) & ~(size_t)7) + 16;
}

void *gc_alloc_array(struct gc_mutator *pub, const struct gc_type *type, size_t n)
{
	struct mutator *m = (struct mutator *)pub;
	size_t cell = array_cell(type, n);
	uint64_t hdr = type->header | (uint64_t)(cell / 8) << 32;
	size_t *obj;

	if (!cell)
		return NULL;
	if (cell <= CELL_MAX && cell <= m->tlab_end - m->pub.cur && !end_is(m, 0))
		obj = bump(m, hdr, cell);
	else if (MISUSE_FRAMES(m), cell > CELL_MAX)
		obj = alloc_large(m, hdr, cell);
	else
		obj = alloc_small(m, hdr, cell);
	if (obj)
		*obj = n;
	return obj;
}

/* --- objects that never move -------------------------------------------------------- */

static void *alloc_pinned(struct mutator *m, uint64_t hdr, size_t cell)
{
	return alloc_tenured(m, hdr, cell, cell > CELL_MAX ? large_alloc : pinned_alloc);
}

void *gc_alloc_pinned(struct gc_mutator *pub, const struct gc_type *type)
{
	if (type->elem)
		return NULL;
	return alloc_pinned((struct mutator *)pub, type->header, type->cell);
}

void *gc_alloc_pinned_array(struct gc_mutator *pub, const struct gc_type *type, size_t n)
{
	size_t cell = array_cell(type, n);
	size_t *obj;

	if (!cell)
		return NULL;
	obj = alloc_pinned((struct mutator *)pub, type->header | (uint64_t)(cell / 8) << 32, cell);
	if (obj)
		*obj = n;
	return obj;
}
