/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * major.c - marking from the roots through all spaces, and freeing what has no mark.
 *
 * Marks are bits outside the objects: no page of an object is written, and no page
 * of an object without references is read but the one with its header. Called
 * with the heap's lock, the allocation buffer retired, old_sync() done.
 *
 * Young objects are marked through and stay where they are. After the sweep a young
 * object without a mark may refer to freed memory; nothing ever visits it again:
 * it is in no log, because logs of unmarked objects are dropped here.
 */
#include "gc/internal.h"

#define PREFETCH 8

static void clear_marks(struct gc_heap *h)
{
	size_t b, i, last = block_of(h, h->commit_top);
	uintptr_t young = half_addr(h, h->active);

	for (b = block_of(h, h->dyn); b < last; b++)
		if (h->blocks[b].kind == GC_SPACE_OLD)
			memset(&h->mark_bits[(b << BLOCK_SHIFT) >> 9], 0, BLOCK_SIZE / 64);
	for (i = 0; i < h->nlarge; i++)
		bit_clear(h->mark_bits, bit_index(h, (void *)(h->large[i].addr + 8)));
	memset(&h->mark_bits[(young - h->base) >> 9], 0, (h->young_top - young + 511) / 512 * 8);
}

static inline void mark(struct gc_heap *h, void *obj)
{
	size_t i;

	if (!obj)
		return;
	i = bit_index(h, obj);
	if (bit_get(h->mark_bits, i))
		return;
	bit_set(h->mark_bits, i);
	__builtin_prefetch(hdr_of(obj));
	vec_push(&h->stack, (uintptr_t)obj);
}

void major_visit(struct gc_visitor *v, gc_slot *slot)
{
	mark(v->h, *slot);
}

static void mark_fields(struct gc_heap *h, void *obj)
{
	const struct type_info *t = &h->types[hdr_type(*hdr_of(obj))];
	struct gc_visitor v = { .h = h, .op = VISIT_MARK };
	gc_slot *slot = obj;
	uint64_t bits;
	size_t i;

	switch (t->kind) {
	case GC_DATA:
		break;
	case GC_BITMAP64:
		for (bits = t->bitmap; bits; bits &= bits - 1)
			mark(h, slot[__builtin_ctzll(bits)]);
		break;
	case GC_REF_ARRAY:
		for (i = 0; i < ((struct gc_refs *)obj)->len; i++)
			mark(h, slot[1 + i]);
		break;
	case GC_CUSTOM:
		t->trace(obj, gc_object_size(obj), &v);
		break;
	}
}

/*
 * Objects come off the stack through a short queue, so that the header asked for
 * when one was pushed has time to arrive.
 */
static void mark_all(struct gc_heap *h)
{
	uintptr_t queue[PREFETCH] = { 0 }, next, obj;
	unsigned at = 0, waiting = 0;

	while (h->stack.n || waiting) {
		next = h->stack.n ? h->stack.v[--h->stack.n] : 0;
		if (next)
			__builtin_prefetch((void *)next);
		obj = queue[at];
		queue[at] = next;
		at = (at + 1) % PREFETCH;
		waiting += (next != 0) - (obj != 0);
		if (obj)
			mark_fields(h, (void *)obj);
	}
}

static bool marked(const struct gc_heap *h, uintptr_t obj)
{
	return bit_get(h->mark_bits, bit_index(h, (void *)obj));
}

static void drop_dead_logs(struct gc_heap *h)
{
	size_t i, keep = 0;

	for (i = 0; i < h->log.n; i++)
		if (marked(h, h->log.v[i]))
			h->log.v[keep++] = h->log.v[i];
	h->log.n = keep;
	for (i = keep = 0; i < h->card_log.n; i += 2) {
		if (!marked(h, h->card_log.v[i])) {
			h->cards[h->card_log.v[i + 1]] = 0;
			continue;
		}
		h->card_log.v[keep++] = h->card_log.v[i];
		h->card_log.v[keep++] = h->card_log.v[i + 1];
	}
	h->card_log.n = keep;
}

static void sweep_large(struct gc_heap *h, uint64_t now)
{
	struct large *l;
	size_t i, cell;

	for (i = 0; i < h->nlarge;) {
		l = &h->large[i];
		if (marked(h, l->addr + 8)) {
			i++;
			continue;
		}
		cell = hdr_cell(*(uint64_t *)l->addr);
		bit_clear(h->alloc_bits, bit_index(h, (void *)(l->addr + 8)));
		event(h, GC_EV_LARGE_FREE, GC_SPACE_LARGE, 0, l->addr, l->pages << PAGE_SHIFT, NULL,
		      0);
		large_give(h, l->addr, l->pages, now);
		h->large_used -= cell;
		*l = h->large[--h->nlarge];
	}
}

void major_run(struct gc_heap *h, uint64_t now)
{
	struct gc_visitor v = { .h = h, .op = VISIT_MARK };

	clear_marks(h);
	roots_visit(h, &v);
	globals_visit(h, &v, false);
	mark_all(h);
	weak_end(h, &v);
	drop_dead_logs(h);
	old_sweep(h, now);
	sweep_large(h, now);
}
