/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * old.c - the old space: a mark-region space of 256 KiB blocks and 256-byte lines.
 *
 * Objects are placed by bumping a pointer through holes, runs of free lines; which
 * lines are in use is known from a byte a line, and where objects start from a bit
 * a word, both outside the pages: neither marking nor sweeping writes an object's
 * page (Immix: Blackburn and McKinley, PLDI 2008). Pages come free where sixteen
 * lines are. Must not decide when to collect.
 *
 * A line byte is 0 (free), or an epoch, 1 or 2: in use. Marking writes the other
 * epoch than the one before; what still has the old one when a block is swept is
 * free. Sweeping is lazy: a block is swept when a hole is wanted, a few at every
 * minor collection, and all before the next marking starts.
 *
 * Invariants: alloc bits of an old block are exactly its objects; every line that
 * an object overlaps is in use (check_lines() of verify.c); no line of a hole that
 * was taken is free to anybody else; outside of a marking, a swept block has no line
 * of another epoch than h->epoch.
 */
#include <string.h>

#include "gc/internal.h"

static uint8_t *lines_of(const struct gc_heap *h, size_t b)
{
	return &h->lines[b * BLOCK_LINES];
}

/* The longest hole of a block, in lines. */
static size_t longest_hole(const uint8_t *line)
{
	size_t i, run = 0, most = 0;

	for (i = 0; i < BLOCK_LINES; i++) {
		run = line[i] ? 0 : run + 1;
		if (run > most)
			most = run;
	}
	return most;
}

/* Puts a block where its holes are found. */
static void list_block(struct gc_heap *h, uint32_t b)
{
	size_t most = longest_hole(lines_of(h, b));
	uint32_t *list;

	if (!most)
		return;
	list = &h->holes[63 - __builtin_clzl(most)];
	h->blocks[b].next = *list;
	*list = b;
}

/* A block with a hole of at least `want` bytes, as short as there is. */
static uint32_t unlist_block(struct gc_heap *h, size_t want)
{
	size_t lines = (want + LINE_SIZE - 1) >> LINE_SHIFT;
	unsigned l = lines > 1 ? 64 - (unsigned)__builtin_clzl(lines - 1) : 0;
	uint32_t b;

	for (; l < HOLE_LISTS; l++) {
		b = h->holes[l];
		if (b == BLOCK_NONE)
			continue;
		h->holes[l] = h->blocks[b].next;
		return b;
	}
	return BLOCK_NONE;
}

static void unlist_all(struct gc_heap *h)
{
	unsigned l;

	for (l = 0; l < HOLE_LISTS; l++)
		h->holes[l] = BLOCK_NONE;
}

/* Builds the lists anew, without the blocks that are to be emptied. */
void old_relist(struct gc_heap *h)
{
	size_t b, last = block_of(h, h->commit_top);

	h->small = h->medium = (struct hole){ .block = BLOCK_NONE };
	unlist_all(h);
	for (b = block_of(h, h->dyn); b < last; b++)
		if (h->blocks[b].kind == GC_SPACE_OLD && !h->blocks[b].evac &&
		    !h->blocks[b].unswept)
			list_block(h, (uint32_t)b);
}

void old_init(struct gc_heap *h)
{
	h->epoch = h->line_epoch = 1;
	unlist_all(h);
	h->small.block = h->medium.block = BLOCK_NONE;
	h->sweep_at = h->sweep_end = 0;
}

/* --- holes --------------------------------------------------------------------------- */

/*
 * Objects of a hole between start and cur get their lines and their place in the
 * sums. Called before anybody looks at them, and before another hole is taken.
 */
static void hole_sync(struct gc_heap *h, struct hole *c)
{
	size_t first = (c->start - h->base) >> LINE_SHIFT, n = c->cur - c->start;

	if (!n)
		return;
	memset(&h->lines[first], h->line_epoch, ((c->cur - 1 - h->base) >> LINE_SHIFT) - first + 1);
	h->blocks[c->block].live += (uint32_t)n;
	if (h->marking)
		h->blocks[c->block].marked += (uint32_t)n;
	h->old_used += n;
	c->start = c->cur;
}

void old_sync(struct gc_heap *h)
{
	hole_sync(h, &h->small);
	hole_sync(h, &h->medium);
}

/* The next hole of at least `want` bytes in c's block. */
static bool hole_next(struct gc_heap *h, struct hole *c, size_t want)
{
	const uint8_t *line = lines_of(h, c->block);
	size_t i = h->blocks[c->block].scan, end;
	uintptr_t addr = block_addr(h, c->block);

	for (;; i = end) {
		while (i < BLOCK_LINES && line[i])
			i++;
		if (i == BLOCK_LINES)
			return false;
		for (end = i; end < BLOCK_LINES && !line[end];)
			end++;
		if ((end - i) << LINE_SHIFT >= want)
			break;
	}
	h->blocks[c->block].scan = (uint16_t)end;
	c->start = c->cur = addr + (i << LINE_SHIFT);
	c->end = addr + (end << LINE_SHIFT);
	pages_use(h, c->start, c->end);
	return true;
}

/* A block for a cursor: one with a hole that fits, swept now if need be, or a free one. */
static uint32_t block_next(struct gc_heap *h, size_t want)
{
	uint32_t b;

	do
		b = unlist_block(h, want);
	while (b == BLOCK_NONE && old_sweep_some(h, 1));
	if (b != BLOCK_NONE)
		return b;
	b = block_take_old(h);
	if (b != BLOCK_NONE) {
		h->blocks[b].live = h->blocks[b].marked = 0;
		h->blocks[b].unswept = h->blocks[b].evac = false;
	}
	return b;
}

/*
 * Another hole of at least `want` bytes for the cursor. The block it leaves may have
 * shorter ones: they are found again.
 */
static bool hole_refill(struct gc_heap *h, struct hole *c, size_t want)
{
	hole_sync(h, c);
	while (c->block == BLOCK_NONE || !hole_next(h, c, want)) {
		if (c->block != BLOCK_NONE)
			list_block(h, c->block);
		c->start = c->cur = c->end = 0;
		c->block = block_next(h, want);
		if (c->block == BLOCK_NONE)
			return false;
		h->blocks[c->block].scan = 0;
	}
	return true;
}

static void *hole_bump(struct hole *c, size_t cell)
{
	uintptr_t p = c->cur;

	c->cur = p + cell;
	return (void *)(p + 8);
}

/*
 * An object of more than a line that does not fit goes through a cursor of its own,
 * so that it does not use up the holes that small objects can have.
 */
static void *alloc_slow(struct gc_heap *h, size_t cell)
{
	struct hole *c = cell > LINE_SIZE ? &h->medium : &h->small;

	if (c->end - c->cur < cell && !hole_refill(h, c, cell))
		return NULL;
	return hole_bump(c, cell);
}

/* A cell of the old space, not zeroed, with its alloc bit. NULL: no room. */
void *old_alloc(struct gc_heap *h, size_t cell)
{
	void *obj;

	if (__builtin_expect(h->small.end - h->small.cur >= cell, 1))
		obj = hole_bump(&h->small, cell);
	else
		obj = alloc_slow(h, cell);
	if (obj)
		bit_set(h->alloc_bits, bit_index(h, obj));
	return obj;
}

/* --- sweeping ------------------------------------------------------------------------ */

static void pages_of_lines(struct gc_heap *h, size_t b, uint64_t now)
{
	const uint8_t *line = lines_of(h, b);
	uintptr_t addr = block_addr(h, b);
	uint64_t w[2];
	size_t p, run = 0;

	for (p = 0; p <= BLOCK_PAGES; p++) {
		if (p < BLOCK_PAGES) {
			memcpy(w, line + p * PAGE_LINES, sizeof(w));
			if (!(w[0] | w[1])) {
				run++;
				continue;
			}
		}
		if (run)
			pages_unuse(h, addr + ((p - run) << PAGE_SHIFT), addr + (p << PAGE_SHIFT),
				    now);
		run = 0;
	}
}

/* A block whose lines are right: free, or where its holes are found. */
static void block_done(struct gc_heap *h, uint32_t b)
{
	if (h->blocks[b].live) {
		if (!h->blocks[b].evac)
			list_block(h, b);
		return;
	}
	h->blocks[b].evac = false;
	block_give(h, b);
}

static void take_lines(void *obj, void *arg)
{
	struct gc_heap *h = arg;
	size_t first = (size_t)((uintptr_t)obj - 8 - h->base), last;

	last = (first + hdr_cell(*hdr_of(obj)) - 1) >> LINE_SHIFT;
	for (first >>= LINE_SHIFT; first <= last; first++)
		h->lines[first] = h->epoch;
}

/* Frees what marking did not reach. The block's holes are then to be had. */
static void sweep_block(struct gc_heap *h, uint32_t b, uint64_t now)
{
	uint8_t *line = lines_of(h, b), keep = h->epoch;
	struct block *blk = &h->blocks[b];
	size_t i, word = ((size_t)b << BLOCK_SHIFT) >> 9;

	for (i = 0; i < BLOCK_LINES; i++)
		line[i] = line[i] == keep ? keep : 0;
	if (h->zeal & GC_ZEAL_POISON)
		zeal_poison_dead(block_addr(h, b), BLOCK_SIZE, &h->mark_bits[word],
				 &h->alloc_bits[word]);
	/* These were the alloc bits before the marking: clear for the next one. */
	memset(&h->mark_bits[word], 0, BLOCK_SIZE / 64);
	pages_of_lines(h, b, now);
	blk->unswept = false;
	block_done(h, b);
}

/*
 * After an evacuation, when no reference to what moved is left: the lines of the
 * candidates are those of what stayed, if anything did.
 */
void old_settle(struct gc_heap *h, uint64_t now)
{
	size_t b, last = block_of(h, h->commit_top);

	for (b = block_of(h, h->dyn); b < last; b++) {
		if (!h->blocks[b].evac)
			continue;
		h->blocks[b].evac = false;
		if (h->blocks[b].kind != GC_SPACE_OLD)
			continue;
		memset(lines_of(h, b), 0, BLOCK_LINES);
		heap_walk_block(h, b, take_lines, h);
		if (h->zeal & GC_ZEAL_POISON && !h->blocks[b].live)
			zeal_poison(block_addr(h, b), block_addr(h, b + 1));
		pages_of_lines(h, b, now);
		block_done(h, (uint32_t)b);
	}
}

/* Sweeps at most n blocks more. False: all were swept before. */
bool old_sweep_some(struct gc_heap *h, size_t n)
{
	bool any = false;

	for (; n && h->sweep_at < h->sweep_end; h->sweep_at++) {
		if (!h->blocks[h->sweep_at].unswept)
			continue;
		/* Its pages are free since the marking, not since somebody looks. */
		sweep_block(h, h->sweep_at, h->marked_at);
		any = true;
		n--;
	}
	return any;
}

void old_sweep_all(struct gc_heap *h)
{
	old_sweep_some(h, SIZE_MAX);
}

/* --- what marking needs ---------------------------------------------------------------- */

/* Before marking. All blocks are swept: the mark bits are clear. */
void old_mark_begin(struct gc_heap *h)
{
	size_t b, last = block_of(h, h->commit_top);

	old_sweep_all(h);
	old_sync(h);
	h->line_epoch = (uint8_t)(3 - h->epoch);
	for (b = block_of(h, h->dyn); b < last; b++)
		h->blocks[b].marked = 0;
}

/*
 * After marking, mark and alloc bits have swapped roles: what is live is known, and
 * which blocks hold nothing. Those come free at once, the others are swept later.
 */
void old_mark_end(struct gc_heap *h, uint64_t now)
{
	size_t b, last = block_of(h, h->commit_top);

	h->epoch = h->line_epoch;
	h->marked_at = now;
	unlist_all(h);
	h->small = h->medium = (struct hole){ .block = BLOCK_NONE };
	h->old_used = 0;
	h->sweep_at = (uint32_t)block_of(h, h->dyn);
	h->sweep_end = (uint32_t)last;
	for (b = h->sweep_at; b < last; b++) {
		if (h->blocks[b].kind != GC_SPACE_OLD)
			continue;
		h->blocks[b].live = h->blocks[b].marked;
		h->blocks[b].unswept = true;
		h->old_used += h->blocks[b].live;
		if (!h->blocks[b].live)
			sweep_block(h, (uint32_t)b, now);
	}
}
