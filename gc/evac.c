/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * evac.c - moving the objects of sparse old blocks into the holes of others.
 *
 * Owns the choice of the blocks (candidates) and the correction of references. Must
 * not mark. Called with the world stopped, right before or right after a marking.
 *
 * Two ways to the references that have to change:
 *   - candidates chosen before a marking: marking notes every slot outside the young
 *     space that refers into one (evac_note()). Moving costs what moves. This is how
 *     sparse blocks are emptied by the majors that pacing starts;
 *   - candidates chosen after it: all objects are walked. This is GC_COMPACT, whose
 *     candidates are as many as fit in the holes of the others.
 * In both, roots, survivors, tables and logs are gone through as a whole.
 *
 * An object with HDR_PIN stays: C code has its address. What is left of its block
 * serves as holes like any other.
 */
#include <stdlib.h>

#include "gc/internal.h"

#define SPARSE	  30 /* percent: a block with less is worth emptying */
#define WASTE_MIN MIB(4)
#define SPARE	  4  /* fresh blocks that evacuation may take, besides 2.5 % */
#define FILL	  80 /* percent of the holes' bytes that are expected to fit */
#define LIVE_STEP (BLOCK_SIZE / 16)
#define FULL	  95 /* percent: compaction leaves such a block alone */
#define PASSES	  4  /* of compaction: each makes room for the next */

static bool in_dyn(const struct gc_heap *h, const void *p)
{
	return (uintptr_t)p - h->dyn < h->commit_top - h->dyn;
}

static bool in_candidate(const struct gc_heap *h, const void *obj)
{
	return in_dyn(h, obj) && h->blocks[block_of(h, (uintptr_t)obj)].evac;
}

/* --- choice -------------------------------------------------------------------------- */

/*
 * Of blocks about as full the higher ones come first, so that what stays is together
 * at low addresses and whole chunks become free.
 */
static int by_live(const void *a, const void *b, void *arg)
{
	const struct block *blocks = arg;
	uint32_t ia = *(const uint32_t *)a, ib = *(const uint32_t *)b;
	uint32_t la = blocks[ia].live / LIVE_STEP, lb = blocks[ib].live / LIVE_STEP;

	return la != lb ? (la > lb) - (la < lb) : (ia < ib) - (ia > ib);
}

/* All old blocks, in order of live bytes. NULL: no memory, nothing will move. */
static uint32_t *sorted_blocks(struct gc_heap *h, size_t *n)
{
	size_t b, last = block_of(h, h->commit_top);
	uint32_t *list = malloc((h->old_blocks + 1) * sizeof(*list));

	*n = 0;
	if (!list)
		return NULL;
	for (b = block_of(h, h->dyn); b < last; b++)
		if (h->blocks[b].kind == GC_SPACE_OLD)
			list[(*n)++] = (uint32_t)b;
	qsort_r(list, *n, sizeof(*list), by_live, h->blocks);
	return list;
}

/* Fresh blocks that `moving` bytes take beside `room` bytes of holes. */
static size_t fresh_blocks(size_t moving, size_t room)
{
	size_t fit = room / 100 * FILL;

	return moving > fit ? (moving - fit + BLOCK_SIZE - 1) >> BLOCK_SHIFT : 0;
}

/*
 * Takes candidates from the sparse end as long as they are below `percent` full, and
 * what they hold fits in the holes of the rest and in `spare` fresh blocks. Nothing
 * is done when that frees no block.
 */
static void choose(struct gc_heap *h, unsigned percent, size_t spare)
{
	size_t n, i, room, moving = 0, last = 0;
	uint32_t *list = sorted_blocks(h, &n);

	if (!list)
		return;
	room = (n << BLOCK_SHIFT) - h->old_used;
	for (i = 0; i < n; i++) {
		const struct block *b = &h->blocks[list[i]];

		room -= BLOCK_SIZE - b->live;
		moving += b->live;
		if (b->live * 100ULL >= BLOCK_SIZE * (uint64_t)percent ||
		    fresh_blocks(moving, room) > spare)
			break;
		if (i + 1 > fresh_blocks(moving, room) || h->zeal & GC_ZEAL_EVACUATE)
			last = i + 1;
	}
	for (i = 0; i < last; i++) {
		h->blocks[list[i]].evac = true;
		h->closed_room += BLOCK_SIZE - h->blocks[list[i]].live;
	}
	free(list);
	h->candidates = last;
	if (!last)
		return;
	old_sync(h);
	old_relist(h);
}

static size_t spare(const struct gc_heap *h)
{
	return h->old_used / 40 / BLOCK_SIZE + SPARE;
}

/* Before a marking: the sparse blocks, when the old space wastes a quarter of itself. */
void evac_choose(struct gc_heap *h)
{
	size_t size = h->old_blocks << BLOCK_SHIFT, waste = size - h->old_used;

	if (h->zeal & GC_ZEAL_EVACUATE)
		choose(h, 101, SIZE_MAX / 2);
	else if (waste >= WASTE_MIN && waste >= size / 4)
		choose(h, SPARSE, spare(h));
}

/* Marking saw that *slot refers to obj. Roots and young objects are gone through later. */
void evac_note(struct gc_heap *h, gc_slot *slot, const void *obj)
{
	if (in_candidate(h, obj) && in_dyn(h, slot) && !in_candidate(h, slot))
		vec_push(&h->evac_slots, (uintptr_t)slot);
}

/*
 * The same of a slot that a trace function visited: its object is noted, with bit 0 set.
 * When objects move the slot may be gone, or hold a number.
 */
void evac_note_holder(struct gc_heap *h, const void *holder, const void *obj)
{
	const struct vec *noted = &h->evac_slots;
	uintptr_t entry = (uintptr_t)holder | 1;

	if (!in_candidate(h, obj) || !in_dyn(h, holder) || in_candidate(h, holder))
		return;
	if (!noted->n || noted->v[noted->n - 1] != entry)
		vec_push(&h->evac_slots, entry);
}

/* --- moving --------------------------------------------------------------------------- */

/* False: there is no room for it. */
static bool move_object(struct gc_heap *h, struct block *b, void *obj)
{
	uint64_t hdr = *hdr_of(obj);
	size_t cell = hdr_cell(hdr);
	void *to = old_alloc(h, cell);

	if (!to)
		return false;
	memcpy(hdr_of(to), hdr_of(obj), cell);
	*hdr_of(obj) = (uintptr_t)to | HDR_FORWARDED;
	bit_clear(h->alloc_bits, bit_index(h, obj));
	b->live -= (uint32_t)cell;
	h->old_used -= cell;
	h->evacuated += cell;
	vec_push(&h->stack, (uintptr_t)to);
	return true;
}

/* Objects are moved in order of address: what was made together stays together. */
static bool empty_block(struct gc_heap *h, size_t b)
{
	uint64_t *word = &h->alloc_bits[(b << BLOCK_SHIFT) >> 9], bits;
	void *obj;
	size_t i;

	for (i = 0; i < BLOCK_SIZE / 512; i++) {
		for (bits = word[i]; bits; bits &= bits - 1) {
			obj = (void *)(block_addr(h, b) + i * 512 +
				       (size_t)__builtin_ctzll(bits) * 8);
			if (!header_has(obj, HDR_PIN) && !move_object(h, &h->blocks[b], obj))
				return false;
		}
	}
	return true;
}

static void empty_candidates(struct gc_heap *h)
{
	size_t b, last = block_of(h, h->commit_top);

	for (b = block_of(h, h->dyn); b < last; b++)
		if (h->blocks[b].evac && h->blocks[b].kind == GC_SPACE_OLD && !empty_block(h, b))
			return;
}

/* --- references ------------------------------------------------------------------------ */

static inline void *moved_to(const struct gc_heap *h, void *obj)
{
	uint64_t hdr;

	if (!in_candidate(h, obj))
		return obj;
	hdr = *hdr_of(obj);
	return hdr & HDR_FORWARDED ? (void *)(uintptr_t)(hdr & ~HDR_FORWARDED) : obj;
}

/* Where obj is after the moves. */
void *evac_follow(const struct gc_heap *h, void *obj)
{
	return moved_to(h, obj);
}

void evac_visit(struct gc_visitor *v, gc_slot *slot)
{
	void *obj = *slot, *to = moved_to(v->h, obj);

	if (to != obj)
		*slot = to;
}

static void fix_object(void *obj, void *arg)
{
	struct gc_visitor *v = arg;

	object_slots(v->h, obj, v);
}

static void fix_logs(struct gc_heap *h)
{
	size_t i;

	for (i = 0; i < h->log.n; i++)
		h->log.v[i] = (uintptr_t)moved_to(h, (void *)h->log.v[i]);
}

/* The slots that marking noted, and those of what has moved itself. */
static void fix_noted(struct gc_heap *h, struct gc_visitor *v)
{
	uintptr_t noted;
	size_t i;

	for (i = 0; i < h->evac_slots.n; i++) {
		noted = h->evac_slots.v[i];
		if (noted & 1)
			object_slots(h, (void *)(noted - 1), v);
		else
			evac_visit(v, (gc_slot *)noted);
	}
	for (i = 0; i < h->stack.n; i++)
		object_slots(h, (void *)h->stack.v[i], v);
	/* What stayed, pinned or for want of room, was not noted. */
	for (i = block_of(h, h->dyn); i < block_of(h, h->commit_top); i++)
		if (h->blocks[i].evac && h->blocks[i].live)
			heap_walk_block(h, i, fix_object, v);
	heap_walk_young(h, fix_object, v);
}

static void fix_all(struct gc_heap *h, bool noted)
{
	struct gc_visitor v = { .h = h, .op = VISIT_FIX };

	roots_visit(h, &v);
	globals_visit(h, &v, false);
	fix_logs(h);
	if (noted)
		fix_noted(h, &v);
	else
		heap_walk(h, fix_object, &v);
	weak_moved(h, &v);
}

/* Moves what the candidates hold. noted: they were candidates while marking. */
static void evacuate(struct gc_heap *h, bool noted, uint64_t now)
{
	phase_begin(h, GC_PHASE_EVACUATE);
	old_sweep_all(h);
	empty_candidates(h);
	old_sync(h);
	phase_end(h, GC_PHASE_EVACUATE, h->evacuated);
	phase_begin(h, GC_PHASE_FIXUP);
	fix_all(h, noted);
	h->stack.n = h->evac_slots.n = 0;
	h->candidates = h->closed_room = 0;
	old_settle(h, now);
	phase_end(h, GC_PHASE_FIXUP, GC_SEG_UNKNOWN);
}

/* After a marking: moves what is in the blocks that were candidates during it. */
void evac_finish(struct gc_heap *h, uint64_t now)
{
	if (h->candidates)
		evacuate(h, true, now);
}

/* After a marking without candidates: moves old objects together as far as it goes. */
void evac_compact(struct gc_heap *h, uint64_t now)
{
	unsigned percent = h->zeal & GC_ZEAL_EVACUATE ? 101 : FULL, pass;

	for (pass = 0; pass < PASSES; pass++) {
		choose(h, percent, spare(h));
		if (!h->candidates)
			return;
		evacuate(h, false, now);
	}
}
