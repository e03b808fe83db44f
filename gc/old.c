/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * old.c - the old space: mark-sweep in blocks of one size class each.
 *
 * Cells are handed out from runs of free cells, so that promotion is bump
 * allocation. Which cells hold objects is known from alloc bits outside the
 * pages: neither marking nor sweeping writes an object's page.
 *
 * Invariants: the alloc bits of an old block are exactly its objects, once
 * old_sync() has set those of the open runs; blocks that are not old have none but
 * the first word of each large object; a page of an old block that holds no cell
 * with an object and no open run is not INUSE after a sweep.
 */
#include <string.h>

#include "gc/internal.h"

static uint16_t class_size[NCLASSES];	   /* bytes */
static uint8_t class_of[CELL_MAX / 8 + 1]; /* by words */
static pthread_once_t classes_once = PTHREAD_ONCE_INIT;

/* 16 to 128 bytes in steps of 8, then four steps to each doubling. */
static void classes_fill(void)
{
	size_t words = 2, pow2 = 16, w = 0;
	unsigned c;

	for (c = 0; c < NCLASSES && words <= CELL_MAX / 8; c++) {
		class_size[c] = (uint16_t)(words * 8);
		for (; w <= words; w++)
			class_of[w] = (uint8_t)c;
		if (words >= pow2 * 2)
			pow2 *= 2;
		words += words < 16 ? 1 : pow2 / 4;
	}
}

size_t old_class_size(unsigned cls)
{
	return class_size[cls];
}

unsigned old_class_of(size_t cell)
{
	return class_of[cell / 8];
}

void old_init(struct gc_heap *h)
{
	unsigned c;

	pthread_once(&classes_once, classes_fill);
	for (c = 0; c < NCLASSES; c++)
		h->runs[c] = (struct run){ .block = BLOCK_NONE, .partial = BLOCK_NONE };
}

/* Gives the objects in [start, cur) of a run their alloc bits. */
static void run_sync(struct gc_heap *h, unsigned cls)
{
	struct run *r = &h->runs[cls];
	size_t cell = class_size[cls];
	uintptr_t p;

	for (p = r->start; p < r->cur; p += cell)
		bit_set(h->alloc_bits, bit_index(h, (void *)(p + 8)));
	h->old_used += r->cur - r->start;
	r->start = r->cur;
}

/* After this the alloc bits and old_used tell of every old object. */
void old_sync(struct gc_heap *h)
{
	unsigned c;

	for (c = 0; c < NCLASSES; c++)
		run_sync(h, c);
}

static bool cell_free(const struct gc_heap *h, uintptr_t p)
{
	return !bit_get(h->alloc_bits, bit_index(h, (void *)(p + 8)));
}

/* The next run of free cells of block b, from its scan offset on. */
static bool run_in_block(struct gc_heap *h, struct run *r, uint32_t b, size_t cell)
{
	uintptr_t at = block_addr(h, b) + h->blocks[b].scan, most;
	uintptr_t last = block_addr(h, b) + BLOCK_SIZE / cell * cell;

	while (at < last && !cell_free(h, at))
		at += cell;
	if (at >= last)
		return false;
	r->start = r->cur = r->end = at;
	most = at + RUN_MAX;
	while (r->end < last && (r->end == at || r->end + cell <= most) && cell_free(h, r->end))
		r->end += cell;
	r->block = b;
	h->blocks[b].scan = (uint32_t)(r->end - block_addr(h, b));
	pages_use(h, r->start, r->end);
	return true;
}

static bool run_refill(struct gc_heap *h, unsigned cls)
{
	struct run *r = &h->runs[cls];
	size_t cell = class_size[cls];
	uint32_t b;

	run_sync(h, cls);
	if (r->block != BLOCK_NONE && run_in_block(h, r, r->block, cell))
		return true;
	while ((b = r->partial) != BLOCK_NONE) {
		r->partial = h->blocks[b].next;
		if (run_in_block(h, r, b, cell))
			return true;
	}
	b = block_take_old(h);
	if (b == BLOCK_NONE)
		return false;
	h->blocks[b].cls = (uint8_t)cls;
	h->blocks[b].scan = 0;
	h->blocks[b].next = BLOCK_NONE;
	return run_in_block(h, r, b, cell);
}

/* A cell of the old space, not zeroed. NULL: the reservation is full. */
void *old_alloc(struct gc_heap *h, size_t cell)
{
	unsigned cls = class_of[cell / 8];
	struct run *r = &h->runs[cls];
	uintptr_t p;

	if (__builtin_expect(r->cur == r->end, 0) && !run_refill(h, cls))
		return NULL;
	p = r->cur;
	r->cur = p + class_size[cls];
	return (void *)(p + 8);
}

/*
 * The mark bits of one block become its alloc bits; pages without objects are
 * free. Returns the number of objects.
 */
static size_t sweep_block(struct gc_heap *h, size_t b, uint64_t now)
{
	size_t word = (b << BLOCK_SHIFT) >> 9, cell = class_size[h->blocks[b].cls], live = 0, i;
	uintptr_t addr = block_addr(h, b), busy = addr, first;
	const uint64_t *mark = &h->mark_bits[word];

	memcpy(&h->alloc_bits[word], mark, BLOCK_SIZE / 64);
	/* busy: end of the last object so far. An object's cell begins 8 bytes before
	 * its bit; between the objects of one word there is no room for a page. */
	for (i = 0; i < BLOCK_SIZE / 512; i++) {
		if (!mark[i])
			continue;
		live += (size_t)__builtin_popcountll(mark[i]);
		first = addr + i * 512 + (size_t)__builtin_ctzll(mark[i]) * 8 - 8;
		if (first >= busy + PAGE_SIZE)
			pages_unuse(h, busy, first, now);
		busy = addr + i * 512 + (63 - (size_t)__builtin_clzll(mark[i])) * 8 - 8 + cell;
	}
	pages_unuse(h, busy, addr + BLOCK_SIZE, now);
	return live;
}

static void sweep_one(struct gc_heap *h, size_t b, uint32_t **tails, uint64_t now)
{
	struct block *blk = &h->blocks[b];
	size_t cell = class_size[blk->cls], live = sweep_block(h, b, now);

	h->old_used += live * cell;
	if (!live) {
		block_set_kind(h, b, GC_SPACE_NONE);
		if (block_addr(h, b) < h->old_hint)
			h->old_hint = block_addr(h, b);
		return;
	}
	blk->scan = 0;
	blk->next = BLOCK_NONE;
	if (live < BLOCK_SIZE / cell) {
		*tails[blk->cls] = (uint32_t)b;
		tails[blk->cls] = &blk->next;
	}
}

/* Frees every old object without a mark. Blocks with room are kept in address order. */
void old_sweep(struct gc_heap *h, uint64_t now)
{
	size_t b, last = block_of(h, h->commit_top);
	uint32_t *tails[NCLASSES];
	unsigned c;

	for (c = 0; c < NCLASSES; c++) {
		h->runs[c] = (struct run){ .block = BLOCK_NONE, .partial = BLOCK_NONE };
		tails[c] = &h->runs[c].partial;
	}
	h->old_used = 0;
	for (b = block_of(h, h->dyn); b < last; b++)
		if (h->blocks[b].kind == GC_SPACE_OLD)
			sweep_one(h, b, tails, now);
}
