/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * verify.c - every invariant of the heap as a check.
 *
 * Walks the heap with the world stopped and the allocation buffers retired. Must change
 * nothing but the mark bits, which are scratch between collections, and the alloc
 * bits of the young space, which are all zero again when it returns.
 *
 * Checked, in this order:
 *   young    objects lie end to end up to the top; headers are sane
 *   old      alloc bits are at cell boundaries; headers are sane; the sum of cells
 *            is old_used
 *   large    one sane header a run; the sum is large_used
 *   log      objects in the log are exactly the old ones without UNLOGGED
 *   slots    every slot of a live object or a root refers to an object; every old
 *            object that refers to a young one is in the log, or its card is
 *   weak     identities are of objects, in the table of their generation, and exactly
 *            the reachable objects with HAS_ID have one (weak.c, ids.c)
 *   pages    what the page table says is absent is not resident
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>

#include "gc/internal.h"

struct check {
	struct gc_heap *h;
	char *why;
	size_t size;
	bool bad;
};

static void __attribute__((format(printf, 2, 3))) fail(struct check *c, const char *fmt, ...)
{
	va_list ap;

	if (c->bad)
		return; /* the first is the one to read */
	c->bad = true;
	va_start(ap, fmt);
	vsnprintf(c->why, c->size, fmt, ap);
	va_end(ap);
}

bool is_object(const struct gc_heap *h, const void *p)
{
	if ((uintptr_t)p - h->base >= h->commit_top - h->base || (uintptr_t)p & 7)
		return false;
	return bit_get(h->alloc_bits, bit_index(h, p));
}

static void check_header(struct check *c, const void *obj, bool young)
{
	uint64_t hdr = *hdr_of(obj);
	uint64_t odd = HDR_FLAGS & ~(HDR_AGE_ONE | HDR_UNLOGGED | HDR_WEAK | HDR_HAS_ID);
	uint32_t type = hdr_type(hdr);
	const struct type_info *t;

	if (type == TYPE_FILLER || type >= c->h->ntypes || hdr & odd || hdr_cell(hdr) < 16) {
		fail(c, "object %p has header %#llx", obj, (unsigned long long)hdr);
		return;
	}
	if (young && hdr & HDR_UNLOGGED)
		fail(c, "young object %p has the UNLOGGED bit", obj);
	if (!young && hdr & HDR_AGE)
		fail(c, "old object %p has an age", obj);
	t = &c->h->types[type];
	if (t->pub.elem
		    ? hdr_cell(hdr) != ((((const size_t *)obj)[0] * t->pub.elem + 7) & ~7ULL) + 16
		    : hdr_cell(hdr) != t->pub.cell)
		fail(c, "object %p of type %s has a cell of %zu bytes", obj, t->name,
		     hdr_cell(hdr));
}

static void check_young(struct check *c)
{
	struct gc_heap *h = c->h;
	uintptr_t p = half_addr(h, h->active);
	uint64_t hdr;

	while (p < h->young_top && !c->bad) {
		hdr = *(uint64_t *)p;
		if (hdr_type(hdr) != TYPE_FILLER) {
			check_header(c, (void *)(p + 8), true);
			bit_set(h->alloc_bits, bit_index(h, (void *)(p + 8)));
		} else if (!hdr_cell(hdr)) {
			fail(c, "young space: nothing at %#zx", (size_t)p);
		}
		p += hdr_cell(hdr);
	}
	if (!c->bad && p != h->young_top)
		fail(c, "young space: last object ends %zu bytes behind the top",
		     (size_t)(p - h->young_top));
}

static void clear_young_bits(struct gc_heap *h)
{
	memset(&h->alloc_bits[(half_addr(h, h->active) - h->base) >> 9], 0, h->young_max / 64);
}

static void check_cell(void *obj, void *arg)
{
	struct check *c = arg;
	struct gc_heap *h = c->h;
	size_t b = block_of(h, (uintptr_t)obj), cell;

	check_header(c, obj, false);
	if (h->blocks[b].kind != GC_SPACE_OLD)
		return;
	cell = old_class_size(h->blocks[b].cls);
	if (((uintptr_t)obj - 8 - block_addr(h, b)) % cell)
		fail(c, "old object %p is not at a cell of %zu bytes", obj, cell);
	if (old_class_of(hdr_cell(*hdr_of(obj))) != h->blocks[b].cls)
		fail(c, "old object %p of %zu bytes is in a block of %zu", obj,
		     hdr_cell(*hdr_of(obj)), cell);
}

static void check_sums(struct check *c)
{
	struct gc_heap *h = c->h;
	size_t b, i, n, old = 0, large = 0, pages = 0;

	for (b = block_of(h, h->dyn); b < block_of(h, h->commit_top); b++) {
		if (h->blocks[b].kind != GC_SPACE_OLD)
			continue;
		for (i = n = 0; i < BLOCK_SIZE / 512; i++)
			n += (size_t)__builtin_popcountll(
				h->alloc_bits[((b << BLOCK_SHIFT) >> 9) + i]);
		old += n * old_class_size(h->blocks[b].cls);
	}
	for (i = 0; i < h->nlarge; i++) {
		large += hdr_cell(*(uint64_t *)h->large[i].addr);
		pages += h->large[i].pages;
	}
	if (old != h->old_used)
		fail(c, "old space: %zu bytes counted, %zu found", h->old_used, old);
	if (large != h->large_used || pages != h->large_pages)
		fail(c, "large space: %zu bytes counted, %zu found", h->large_used, large);
}

static void check_logged(void *obj, void *arg)
{
	struct check *c = arg;
	bool logged = bit_get(c->h->mark_bits, bit_index(c->h, obj));

	if (logged == !!(*hdr_of(obj) & HDR_UNLOGGED))
		fail(c, "old object %p %s", obj,
		     logged ? "is in the log and has UNLOGGED"
			    : "has no UNLOGGED and is in no log");
}

static void clear_all_marks(struct gc_heap *h)
{
	size_t b, i;

	for (b = block_of(h, h->dyn); b < block_of(h, h->commit_top); b++)
		if (h->blocks[b].kind == GC_SPACE_OLD)
			memset(&h->mark_bits[(b << BLOCK_SHIFT) >> 9], 0, BLOCK_SIZE / 64);
	for (i = 0; i < h->nlarge; i++)
		bit_clear(h->mark_bits, bit_index(h, (void *)(h->large[i].addr + 8)));
	memset(&h->mark_bits[(half_addr(h, h->active) - h->base) >> 9], 0, h->young_max / 64);
}

static void check_log(struct check *c)
{
	struct gc_heap *h = c->h;
	size_t i;

	clear_all_marks(h);
	for (i = 0; i < h->log.n && !c->bad; i++) {
		if (!is_object(h, (void *)h->log.v[i]))
			fail(c, "the log has %p, which is no object", (void *)h->log.v[i]);
		else
			bit_set(h->mark_bits, bit_index(h, (void *)h->log.v[i]));
	}
	if (!c->bad)
		heap_walk_old(h, check_logged, c);
}

/* An old object may refer to a young one only if the next minor will look there. */
static bool remembered(const struct gc_heap *h, const void *holder, const void *slot)
{
	if (!holder || in_young(h, holder) || !(*hdr_of(holder) & HDR_UNLOGGED))
		return true;
	return h->cards[((uintptr_t)slot - h->base) >> 9];
}

/* Only what is reachable: a young object that a major found dead lies about. */
static void check_weak_object(struct check *c, void *obj)
{
	const char *bad = weak_check_object(c->h, obj);

	if (bad)
		fail(c, "object %p %s", obj, bad);
}

void check_visit(struct gc_visitor *v, gc_slot *slot)
{
	struct gc_heap *h = v->h;
	void *obj = *slot;

	if (!obj || v->check->bad)
		return;
	if (!is_object(h, obj)) {
		fail(v->check, "slot %p of object %p refers to %p, which is no object",
		     (void *)slot, v->holder, obj);
		return;
	}
	if (in_young(h, obj) && !remembered(h, v->holder, slot))
		fail(v->check, "old object %p refers to young %p and is not logged", v->holder,
		     obj);
	if (bit_get(h->mark_bits, bit_index(h, obj)))
		return;
	bit_set(h->mark_bits, bit_index(h, obj));
	check_weak_object(v->check, obj);
	vec_push(&h->stack, (uintptr_t)obj);
}

static void check_weak(struct check *c)
{
	const char *bad = weak_check(c->h);

	if (bad)
		fail(c, "%s", bad);
}

static void check_slots(struct check *c)
{
	struct gc_heap *h = c->h;
	struct gc_visitor v = { .h = h, .op = VISIT_CHECK, .check = c };

	clear_all_marks(h);
	roots_visit(h, &v);
	globals_visit(h, &v, false);
	while (h->stack.n && !c->bad)
		object_slots(h, (void *)h->stack.v[--h->stack.n], &v);
	h->stack.n = 0;
}

static void check_counts(struct check *c)
{
	struct gc_heap *h = c->h;
	size_t p, last = page_of(h, h->commit_top), n[4] = { 0 };

	for (p = 0; p < last; p++)
		n[h->page_state[p]]++;
	if (n[PAGE_INUSE] != h->pages_inuse || n[PAGE_DIRTY] != h->pages_dirty)
		fail(c, "pages: %zu in use and %zu dirty counted, %zu and %zu found",
		     h->pages_inuse, h->pages_dirty, n[PAGE_INUSE], n[PAGE_DIRTY]);
}

static void check_pages(struct check *c)
{
	struct gc_heap *h = c->h;
	size_t p, i, n, last = page_of(h, h->commit_top);
	unsigned char vec[4096];

	check_counts(c);
	for (p = 0; p < last; p += n) {
		n = last - p < sizeof(vec) ? last - p : sizeof(vec);
		if (mincore((void *)(h->base + (p << PAGE_SHIFT)), n << PAGE_SHIFT, vec)) {
			fail(c, "mincore: %s", strerror(errno));
			return;
		}
		for (i = 0; i < n; i++)
			if (vec[i] & 1 && h->page_state[p + i] == PAGE_ABSENT)
				fail(c, "page %#zx is resident and the heap says absent",
				     (size_t)(h->base + ((p + i) << PAGE_SHIFT)));
	}
}

/* 0, or -EFAULT and the first thing that is wrong. World stopped, buffers retired. */
int check_heap(struct gc_heap *h, char *why, size_t size)
{
	struct check c = { .h = h, .why = why, .size = size };

	check_young(&c);
	if (!c.bad)
		heap_walk_old(h, check_cell, &c);
	if (!c.bad)
		check_sums(&c);
	if (!c.bad)
		check_log(&c);
	if (!c.bad)
		check_slots(&c);
	if (!c.bad)
		check_weak(&c);
	if (!c.bad)
		check_pages(&c);
	clear_young_bits(h);
	return c.bad ? -EFAULT : 0;
}

int gc_verify(struct gc_mutator *m, char *why, size_t size)
{
	struct gc_heap *h = ((struct mutator *)m)->h;
	int rc;

	world_stop(h, (struct mutator *)m);
	tlabs_retire(h);
	rc = check_heap(h, why, size);
	world_start(h);
	return rc;
}
