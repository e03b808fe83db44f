/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pages.c - the address range of a heap: reservation, commits, blocks, page states.
 *
 * Owns the page and block tables; nobody else writes them. Never gives pages back
 * (release.c decides that). All functions are called with the heap's lock held.
 *
 * Invariants:
 *   - a page in state ABSENT is not resident (checked against mincore(),
 *     check_pages() of verify.c);
 *   - block.inuse and block.dirty, pages_inuse and pages_dirty count the states, and
 *     pages_loose those DIRTY pages that lie in free and large blocks;
 *   - a chunk with an old or pinned block, and the first chunk, gets no large object,
 *     so that a large run freed is found whole again by the next one. Blocks of two
 *     kinds share a chunk only when no other is left, so that chunks of old blocks
 *     can become free as a whole.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "gc/internal.h"

#define ZERO_BY_KERNEL MIB(4)  /* above this, dropping dirty pages beats writing zeros */
#define SPARE_MOST     MIB(64) /* left of limits on memory: an eighth of the reservation */

static void *reserve(size_t len)
{
	void *p = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

struct meta_layout {
	size_t blocks, chunk_old, chunk_pinned, page_state, page_ms, alloc_bits, mark_bits, lines;
	size_t cards, spans, span_free, span_bins, total;
};

static size_t lay(size_t *at, size_t len)
{
	size_t off = *at;

	*at = page_up(off + len);
	return off;
}

static size_t bin_words(size_t reserved)
{
	return ((reserved >> BLOCK_SHIFT) + 63) / 64;
}

static void meta_layout(struct meta_layout *l, size_t reserved)
{
	size_t at = 0;

	l->blocks = lay(&at, (reserved >> BLOCK_SHIFT) * sizeof(struct block));
	l->chunk_old = lay(&at, (reserved >> CHUNK_SHIFT) * sizeof(uint16_t));
	l->chunk_pinned = lay(&at, (reserved >> CHUNK_SHIFT) * sizeof(uint16_t));
	l->page_state = lay(&at, reserved >> PAGE_SHIFT);
	l->page_ms = lay(&at, (reserved >> PAGE_SHIFT) * sizeof(uint32_t));
	l->alloc_bits = lay(&at, reserved >> 6);
	l->mark_bits = lay(&at, reserved >> 6);
	l->lines = lay(&at, reserved >> LINE_SHIFT);
	l->cards = lay(&at, reserved >> 9);
	l->spans = lay(&at, (reserved >> SPAN_SHIFT) * sizeof(struct span));
	l->span_free = lay(&at, (reserved >> BLOCK_SHIFT) * sizeof(uint32_t));
	l->span_bins = lay(&at, bin_words(reserved) * SPAN_PAGES * sizeof(uint64_t));
	l->total = at;
}

static bool meta_map(struct gc_heap *h)
{
	struct meta_layout l;
	uint8_t *p;

	meta_layout(&l, h->reserved);
	p = mmap(NULL, l.total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		 -1, 0);
	if (p == MAP_FAILED)
		return false;
	madvise(p, l.total, MADV_NOHUGEPAGE);
	h->meta = p;
	h->meta_len = l.total;
	h->blocks = (struct block *)(p + l.blocks);
	h->chunk_old = (uint16_t *)(p + l.chunk_old);
	h->chunk_pinned = (uint16_t *)(p + l.chunk_pinned);
	h->page_state = p + l.page_state;
	h->page_ms = (uint32_t *)(p + l.page_ms);
	h->alloc_bits = (uint64_t *)(p + l.alloc_bits);
	h->mark_bits = (uint64_t *)(p + l.mark_bits);
	h->lines = p + l.lines;
	h->cards = p + l.cards;
	h->pinned.spans = (struct span *)(p + l.spans);
	h->pinned.free = (uint32_t *)(p + l.span_free);
	h->pinned.bins = (uint64_t *)(p + l.span_bins);
	h->pinned.bin_words = bin_words(h->reserved);
	return true;
}

/* Whether limits leave something to the program, the stacks of collections, and what
 * is not committed yet. */
static bool room_is_left(size_t want)
{
	size_t len = want / 8 < SPARE_MOST ? want / 8 : SPARE_MOST;
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return false;
	munmap(p, len);
	return true;
}

/*
 * Reserves `want` bytes and their tables, or half of it, and so on down to the young
 * space and one chunk. Limits (RLIMIT_AS, RLIMIT_DATA, overcommit) end it there.
 */
int pages_init(struct gc_heap *h, size_t want)
{
	size_t edens = h->alternate ? 2 * h->young_max : h->young_max;
	size_t young = (edens + 2 * (h->young_max >> SURV_SHIFT) + CHUNK_SIZE - 1) &
		       ~(CHUNK_SIZE - 1);
	size_t least = young + 4 * CHUNK_SIZE + ((4 * h->semi) & ~(CHUNK_SIZE - 1));

	want &= ~(CHUNK_SIZE - 1);
	if (want < least)
		want = least;
	for (;; want = (want / 2) & ~(CHUNK_SIZE - 1)) {
		if (want < least)
			return -ENOMEM;
		h->raw_len = want + CHUNK_SIZE;
		h->raw = reserve(h->raw_len);
		if (!h->raw)
			continue;
		h->reserved = want;
		h->base = ((uintptr_t)h->raw + CHUNK_SIZE - 1) & ~(CHUNK_SIZE - 1);
		if (meta_map(h)) {
			if (room_is_left(want))
				break;
			munmap(h->meta, h->meta_len);
		}
		munmap(h->raw, h->raw_len);
	}
	madvise((void *)h->base, h->reserved, MADV_NOHUGEPAGE);
	h->dyn = h->base + young;
	h->commit_top = h->dyn;
	h->old_hint = h->dyn;
	return 0;
}

void pages_free(struct gc_heap *h)
{
	munmap(h->meta, h->meta_len);
	munmap(h->raw, h->raw_len);
}

static bool commit(struct gc_heap *h, uintptr_t addr, size_t len, unsigned space)
{
	if (mprotect((void *)addr, len, PROT_READ | PROT_WRITE))
		return false;
	h->mapped += len;
	event(h, GC_EV_PAGE_COMMIT, space, 0, addr, len, NULL, 0);
	return true;
}

static void area_commit(struct gc_heap *h, unsigned area)
{
	size_t have = h->young_mapped[area],
	       most = area < SURV_A ? h->young_max : h->young_max >> SURV_SHIFT;
	size_t len = (area_size(h, area) + CHUNK_SIZE - 1) & ~(CHUNK_SIZE - 1);

	if (len > most)
		len = most;
	if (len <= have)
		return;
	if (!commit(h, area_addr(h, area) + have, len - have, GC_SPACE_YOUNG))
		gc_fatal("mprotect of %zu bytes of the young space: %s", len - have,
			 strerror(errno));
	h->young_mapped[area] = len;
}

/* Makes the parts of the young space usable, in whole chunks where they are that large. */
void young_commit(struct gc_heap *h)
{
	area_commit(h, EDEN_A);
	if (h->alternate)
		area_commit(h, EDEN_B);
	area_commit(h, SURV_A);
	area_commit(h, SURV_B);
}

/*
 * The young space's pages up to end may be resident from now on. They stay INUSE
 * between collections: the next objects go to the same addresses.
 */
void young_touch(struct gc_heap *h, unsigned area, uintptr_t end)
{
	uintptr_t addr = area_addr(h, area), was = addr + h->young_touched[area];

	if (end <= was)
		return;
	pages_use(h, was, end);
	h->young_touched[area] = page_up(end) - addr;
}

static size_t area_idle(const struct gc_heap *h, unsigned area, uintptr_t top)
{
	uintptr_t touched = area_addr(h, area) + h->young_touched[area];

	return touched > page_up(top) ? touched - page_up(top) : 0;
}

/* Bytes of whole pages of the young space that may be resident and hold no object. */
size_t young_idle(const struct gc_heap *h)
{
	size_t idle = 0;
	unsigned a;

	for (a = 0; a < AREAS; a++)
		idle += area_idle(h, a,
				  a == h->eden	 ? h->young_top
				  : a == h->surv ? h->surv_top
						 : area_addr(h, a));
	return idle;
}

/* Makes [dyn, end) usable. False: the reservation ends before, or the kernel refused. */
bool pages_commit_to(struct gc_heap *h, uintptr_t end)
{
	size_t len;

	if (end <= h->commit_top)
		return true;
	if (end > h->base + h->reserved)
		return false;
	len = (end - h->commit_top + CHUNK_SIZE - 1) & ~(CHUNK_SIZE - 1);
	if (!commit(h, h->commit_top, len, GC_SPACE_NONE))
		return false;
	h->commit_top += len;
	return true;
}

/* --- page states ------------------------------------------------------------------- */

static bool kind_is_loose(unsigned kind)
{
	return kind == GC_SPACE_NONE || kind == GC_SPACE_LARGE;
}

static void count_state(struct gc_heap *h, struct block *b, unsigned state, int by)
{
	if (state == PAGE_INUSE) {
		b->inuse = (uint8_t)(b->inuse + by);
		h->pages_inuse += (size_t)by;
	} else if (state == PAGE_DIRTY) {
		b->dirty = (uint8_t)(b->dirty + by);
		h->pages_dirty += (size_t)by;
		if (kind_is_loose(b->kind))
			h->pages_loose += (size_t)by;
	}
}

void page_set(struct gc_heap *h, size_t page, enum page_state state)
{
	struct block *b = &h->blocks[page / BLOCK_PAGES];

	if (h->page_state[page] == PAGE_DIRTY && state == PAGE_INUSE)
		h->tell.reused[b->kind]++;
	count_state(h, b, h->page_state[page], -1);
	count_state(h, b, state, 1);
	h->page_state[page] = (uint8_t)state;
}

/* The pages that [addr, end) overlaps now belong to objects. */
void pages_use(struct gc_heap *h, uintptr_t addr, uintptr_t end)
{
	size_t i, last = page_of(h, page_up(end));

	for (i = page_of(h, addr); i < last; i++)
		if (h->page_state[i] != PAGE_INUSE)
			page_set(h, i, PAGE_INUSE);
}

/* The same, and every byte of [addr, end) reads as zero. */
void pages_use_zeroed(struct gc_heap *h, uintptr_t addr, uintptr_t end)
{
	uintptr_t zero = addr, page, next; /* [zero, page) may hold old data */

	for (page = page_down(addr); page < end; page = next) {
		next = page + PAGE_SIZE;
		if (h->page_state[page_of(h, page)] != PAGE_ABSENT)
			continue;
		if (page > zero)
			memset((void *)zero, 0, page - zero);
		zero = next;
	}
	if (end > zero)
		memset((void *)zero, 0, end - zero);
	pages_use(h, addr, end);
}

/* The pages wholly inside [addr, end) are free and may hold data. */
void pages_unuse(struct gc_heap *h, uintptr_t addr, uintptr_t end, uint64_t now)
{
	uint32_t ms = (uint32_t)((now - h->start_ns) / 1000000u);
	size_t i, last = page_of(h, page_down(end));

	for (i = page_of(h, page_up(addr)); i < last; i++) {
		if (h->page_state[i] != PAGE_INUSE)
			continue;
		page_set(h, i, PAGE_DIRTY);
		h->page_ms[i] = ms;
	}
}

/* Zeroes what may be dirty of a free page run, by the cheaper means, and uses it. */
void pages_zero_run(struct gc_heap *h, uintptr_t addr, uintptr_t end)
{
	uintptr_t a = addr, b;
	uint64_t t;
	size_t i;
	int rc;

	for (; a < end; a = b) {
		b = a + PAGE_SIZE;
		if (h->page_state[page_of(h, a)] == PAGE_ABSENT)
			continue;
		while (b < end && h->page_state[page_of(h, b)] != PAGE_ABSENT)
			b += PAGE_SIZE;
		if (b - a < ZERO_BY_KERNEL) {
			memset((void *)a, 0, b - a);
			continue;
		}
		t = now_ns();
		rc = madvise((void *)a, b - a, MADV_DONTNEED) ? -errno : 0;
		t = now_ns() - t;
		if (rc) {
			memset((void *)a, 0, b - a);
		} else {
			for (i = page_of(h, a); i < page_of(h, b); i++)
				page_set(h, i, PAGE_ABSENT);
			h->released_total += b - a;
		}
		tell_page_release(h, GC_SPACE_LARGE, a, b - a, MADV_DONTNEED, t, rc);
	}
	pages_use(h, addr, end);
}

/* Bytes of [addr, end) in memory. Swapped pages do not count. */
size_t pages_resident(uintptr_t addr, uintptr_t end)
{
	unsigned char vec[4096];
	size_t n, i, count = 0;

	for (; addr < end; addr += n << PAGE_SHIFT) {
		n = (end - addr) >> PAGE_SHIFT;
		if (n > sizeof(vec))
			n = sizeof(vec);
		if (mincore((void *)addr, n << PAGE_SHIFT, vec))
			continue;
		for (i = 0; i < n; i++)
			count += vec[i] & 1;
	}
	return count << PAGE_SHIFT;
}

/* --- blocks ------------------------------------------------------------------------ */

void block_set_kind(struct gc_heap *h, size_t b, unsigned kind)
{
	unsigned was = h->blocks[b].kind;
	size_t chunk = b / CHUNK_BLOCKS;

	if (was == kind)
		return;
	if (was == GC_SPACE_OLD) {
		h->chunk_old[chunk]--;
		h->old_blocks--;
	}
	if (kind == GC_SPACE_OLD) {
		h->chunk_old[chunk]++;
		h->old_blocks++;
	}
	if (was == GC_SPACE_PINNED) {
		h->chunk_pinned[chunk]--;
		h->pinned.blocks--;
	}
	if (kind == GC_SPACE_PINNED) {
		h->chunk_pinned[chunk]++;
		h->pinned.blocks++;
	}
	h->large_blocks += kind == GC_SPACE_LARGE;
	h->large_blocks -= was == GC_SPACE_LARGE;
	if (kind_is_loose(was) != kind_is_loose(kind)) {
		if (kind_is_loose(kind))
			h->pages_loose += h->blocks[b].dirty;
		else
			h->pages_loose -= h->blocks[b].dirty;
	}
	h->blocks[b].kind = (uint8_t)kind;
	h->blocks[b].bits |= kind != GC_SPACE_NONE;
	if (h->kinds)
		__atomic_store_n(&h->kinds[b], (uint8_t)kind, __ATOMIC_RELAXED);
}

static bool chunk_is_old(const struct gc_heap *h, size_t chunk)
{
	return h->chunk_old[chunk] || chunk == (h->dyn - h->base) >> CHUNK_SHIFT;
}

static bool chunk_is_free(const struct gc_heap *h, size_t chunk)
{
	size_t b;

	for (b = chunk * CHUNK_BLOCKS; b < (chunk + 1) * CHUNK_BLOCKS; b++)
		if (h->blocks[b].kind != GC_SPACE_NONE)
			return false;
	return true;
}

static uint32_t take_in_chunk(struct gc_heap *h, size_t chunk, unsigned kind)
{
	size_t b;

	if (!pages_commit_to(h, h->base + ((chunk + 1) << CHUNK_SHIFT)))
		return BLOCK_NONE;
	for (b = chunk * CHUNK_BLOCKS; b < (chunk + 1) * CHUNK_BLOCKS; b++) {
		if (h->blocks[b].kind != GC_SPACE_NONE)
			continue;
		block_set_kind(h, b, kind);
		if (kind == GC_SPACE_OLD)
			h->old_hint = block_addr(h, b);
		return (uint32_t)b;
	}
	return BLOCK_NONE;
}

/* From the lowest free chunk; when there is none, from one with blocks of the other kind;
 * when there is none either, from between large objects. */
static uint32_t take_elsewhere(struct gc_heap *h, unsigned kind)
{
	size_t c, first = (h->dyn - h->base) >> CHUNK_SHIFT, last = h->reserved >> CHUNK_SHIFT;
	const uint16_t *other = kind == GC_SPACE_OLD ? h->chunk_pinned : h->chunk_old;
	uint32_t b = BLOCK_NONE;

	for (c = first + (kind != GC_SPACE_OLD); c < last; c++)
		if (!h->chunk_old[c] && chunk_is_free(h, c))
			return take_in_chunk(h, c, kind);
	for (c = first; c < last && b == BLOCK_NONE; c++)
		if (c == first || other[c])
			b = take_in_chunk(h, c, kind);
	for (c = first; c < last && b == BLOCK_NONE && blocks_free(h); c++)
		b = take_in_chunk(h, c, kind);
	return b;
}

/* The lowest free block of a chunk that has old ones, else of the lowest free chunk. */
uint32_t block_take_old(struct gc_heap *h)
{
	uint32_t b;
	size_t c;

	for (c = (h->old_hint - h->base) >> CHUNK_SHIFT;
	     c < (h->commit_top - h->base) >> CHUNK_SHIFT || c == (h->dyn - h->base) >> CHUNK_SHIFT;
	     c++) {
		if (!chunk_is_old(h, c) || h->chunk_old[c] == CHUNK_BLOCKS)
			continue;
		b = take_in_chunk(h, c, GC_SPACE_OLD);
		if (b != BLOCK_NONE)
			return b;
	}
	return take_elsewhere(h, GC_SPACE_OLD);
}

/* The same for pinned ones; the first chunk is left to the old space. */
uint32_t block_take_pinned(struct gc_heap *h)
{
	size_t c, last = (h->commit_top - h->base) >> CHUNK_SHIFT;
	uint32_t b;

	for (c = (h->dyn - h->base) >> CHUNK_SHIFT; c < last; c++) {
		if (!h->chunk_pinned[c] || h->chunk_pinned[c] == CHUNK_BLOCKS)
			continue;
		b = take_in_chunk(h, c, GC_SPACE_PINNED);
		if (b != BLOCK_NONE)
			return b;
	}
	return take_elsewhere(h, GC_SPACE_PINNED);
}

/* Blocks that old and pinned objects can still have, if the kernel commits them. */
size_t blocks_free(const struct gc_heap *h)
{
	size_t all = (h->base + h->reserved - h->dyn) >> BLOCK_SHIFT;

	return all - h->old_blocks - h->pinned.blocks - h->large_blocks;
}

/* A block without objects is free. Its dirty pages are still owed. */
void block_give(struct gc_heap *h, size_t b)
{
	block_set_kind(h, b, GC_SPACE_NONE);
	if (block_addr(h, b) < h->old_hint)
		h->old_hint = block_addr(h, b);
}

/* --- large page runs --------------------------------------------------------------- */

/*
 * First fit at the lowest address. A page is free for a large object when its
 * chunk has no old or pinned blocks and its state is not INUSE.
 */
static uintptr_t large_find(const struct gc_heap *h, size_t pages)
{
	size_t chunk_pages = CHUNK_SIZE / PAGE_SIZE, run = 0, p, end = h->reserved >> PAGE_SHIFT;
	const struct block *b;

	for (p = page_of(h, h->dyn); p < end;) {
		if (p % chunk_pages == 0 &&
		    (chunk_is_old(h, p / chunk_pages) || h->chunk_pinned[p / chunk_pages])) {
			run = 0;
			p += chunk_pages;
			continue;
		}
		b = &h->blocks[p / BLOCK_PAGES];
		if (p % BLOCK_PAGES == 0 && (b->inuse == 0 || b->inuse == BLOCK_PAGES)) {
			run = b->inuse ? 0 : run + BLOCK_PAGES;
			p += BLOCK_PAGES;
		} else {
			run = h->page_state[p] == PAGE_INUSE ? 0 : run + 1;
			p++;
		}
		if (run >= pages)
			return h->base + ((p - run) << PAGE_SHIFT);
	}
	return 0;
}

/* A zeroed run of pages, untouched where it was absent. 0: no room. */
uintptr_t large_take(struct gc_heap *h, size_t pages)
{
	uintptr_t addr = large_find(h, pages), end = addr + (pages << PAGE_SHIFT);
	size_t b;

	if (!addr || !pages_commit_to(h, end))
		return 0;
	for (b = block_of(h, addr); b <= block_of(h, end - 1); b++)
		block_set_kind(h, b, GC_SPACE_LARGE);
	pages_zero_run(h, addr, end);
	h->large_pages += pages;
	return addr;
}

void large_give(struct gc_heap *h, uintptr_t addr, size_t pages, uint64_t now)
{
	uintptr_t end = addr + (pages << PAGE_SHIFT);
	size_t b;

	pages_unuse(h, addr, end, now);
	for (b = block_of(h, addr); b <= block_of(h, end - 1); b++)
		if (!h->blocks[b].inuse)
			block_set_kind(h, b, GC_SPACE_NONE);
	h->large_pages -= pages;
}

/* Bytes of the spaces, plus free pages that still hold data outside them. */
size_t heap_committed(const struct gc_heap *h)
{
	return young_committed(h) + ((h->old_blocks + h->pinned.blocks) << BLOCK_SHIFT) +
	       ((h->large_pages + h->pages_loose) << PAGE_SHIFT);
}
