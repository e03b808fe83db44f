/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * walk.c - every object of the heap, and every slot of an object.
 *
 * Owns the order of a walk: young, old and pinned, large, each by address or in the
 * order of its table. Must change nothing. Called with the world stopped, the allocation
 * buffer retired and the alloc bits up to date, so that the spaces hold nothing but
 * objects and fillers. A walk finds dead objects too that no collection has freed.
 */
#include "gc/internal.h"

static void walk_area(uintptr_t p, uintptr_t top, object_fn fn, void *arg)
{
	uint64_t hdr;

	for (; p < top; p += hdr_cell(hdr)) {
		hdr = *(uint64_t *)p;
		if (hdr_type(hdr) != TYPE_FILLER)
			fn((void *)(p + 8), arg);
	}
}

void heap_walk_young(struct gc_heap *h, object_fn fn, void *arg)
{
	walk_area(area_addr(h, h->eden), h->young_top, fn, arg);
	walk_area(area_addr(h, h->surv), h->surv_top, fn, arg);
}

void heap_walk_block(struct gc_heap *h, size_t b, object_fn fn, void *arg)
{
	uint64_t *word = &h->alloc_bits[(b << BLOCK_SHIFT) >> 9], bits;
	uintptr_t addr = block_addr(h, b);
	size_t i;

	for (i = 0; i < BLOCK_SIZE / 512; i++)
		for (bits = word[i]; bits; bits &= bits - 1)
			fn((void *)(addr + i * 512 + (size_t)__builtin_ctzll(bits) * 8), arg);
}

/* Every object outside the young space. */
void heap_walk_old(struct gc_heap *h, object_fn fn, void *arg)
{
	size_t b, i;

	for (b = block_of(h, h->dyn); b < block_of(h, h->commit_top); b++)
		if (kind_has_cells(h->blocks[b].kind))
			heap_walk_block(h, b, fn, arg);
	for (i = 0; i < h->nlarge; i++)
		fn((void *)(h->large[i].addr + 8), arg);
}

/* Every object of every space. */
void heap_walk(struct gc_heap *h, object_fn fn, void *arg)
{
	heap_walk_young(h, fn, arg);
	heap_walk_old(h, fn, arg);
}

/* Visits every slot of an object, whatever its kind; v->holder is the object meanwhile. */
void object_slots(struct gc_heap *h, void *obj, struct gc_visitor *v)
{
	const struct type_info *t = &h->types[hdr_type(*hdr_of(obj))];
	gc_slot *slot = obj;
	uint64_t bits;
	size_t i;

	v->holder = obj;
	switch (t->kind) {
	case GC_DATA:
		break;
	case GC_BITMAP64:
		for (bits = t->bitmap; bits; bits &= bits - 1)
			gc_visit(v, &slot[__builtin_ctzll(bits)]);
		break;
	case GC_REF_ARRAY:
		for (i = 0; i < ((struct gc_refs *)obj)->len; i++)
			gc_visit(v, &slot[1 + i]);
		break;
	case GC_CUSTOM:
		t->trace(obj, gc_object_size(obj), v);
		break;
	}
	v->holder = NULL;
}
