/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * verify_pages.c - the page and block tables against what lies in the pages and against
 * what the kernel says of them.
 *
 * Must change nothing. Rules as for verify.c, whose check_heap() calls this.
 *
 * What can be said of a page for certain:
 *   ABSENT  it is not resident, by mincore(2); it was not swapped out either, by
 *           /proc/self/pagemap where that can be read;
 *   INUSE   every page with an object is; if an object's header is in it, or any part
 *           of an old object, which was copied there, it is resident or swapped out;
 *           in a large block, every page in use is of a large object;
 *   DIRTY   it is free. Resident or not: a large object's pages that nobody touched
 *           become DIRTY with it;
 *   LAZY    nothing: the kernel may have taken it or not.
 * In a free block no page is in use, and no line, alloc or mark bit is set. The young
 * space's pages are in use up to young_touched of their area, and absent from there on.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gc/verify.h"

#define AT_ONCE	     4096		       /* pages asked for in one call */
#define PAGEMAP_HELD (1ULL << 63 | 1ULL << 62) /* present, swapped out */

/* --- counts ------------------------------------------------------------------------ */

struct tally {
	size_t state[4], loose, old, pinned, large; /* large: pages in use in large blocks */
};

static bool all_zero(const void *p, size_t len)
{
	const uint64_t *w = p;
	size_t i;

	for (i = 0; i < len / 8; i++)
		if (w[i])
			return false;
	return true;
}

static void check_free_block(struct check *c, size_t b)
{
	struct gc_heap *h = c->h;
	size_t word = (b << BLOCK_SHIFT) >> 9;

	if (h->blocks[b].inuse)
		check_fail(c, "free block %zu has pages in use", b);
	if (!all_zero(&h->lines[b * BLOCK_LINES], BLOCK_LINES))
		check_fail(c, "free block %zu has a line in use", b);
	if (!all_zero(&h->alloc_bits[word], BLOCK_SIZE / 64) ||
	    !all_zero(&h->mark_bits[word], BLOCK_SIZE / 64))
		check_fail(c, "free block %zu has alloc or mark bits", b);
}

static void check_one(struct check *c, size_t b, struct tally *t)
{
	struct gc_heap *h = c->h;
	const uint8_t *state = &h->page_state[b * BLOCK_PAGES];
	size_t n[4] = { 0 }, p, i;
	unsigned kind = h->blocks[b].kind;

	for (p = 0; p < BLOCK_PAGES; p++)
		n[state[p]]++;
	if (n[PAGE_INUSE] != h->blocks[b].inuse || n[PAGE_DIRTY] != h->blocks[b].dirty)
		check_fail(c, "block %zu: %u pages in use and %u dirty counted, %zu and %zu found",
			   b, h->blocks[b].inuse, h->blocks[b].dirty, n[PAGE_INUSE], n[PAGE_DIRTY]);
	for (i = 0; i < 4; i++)
		t->state[i] += n[i];
	t->old += kind == GC_SPACE_OLD;
	t->pinned += kind == GC_SPACE_PINNED;
	if (kind == GC_SPACE_NONE || kind == GC_SPACE_LARGE)
		t->loose += n[PAGE_DIRTY];
	if (kind == GC_SPACE_LARGE)
		t->large += n[PAGE_INUSE];
	if (kind == GC_SPACE_NONE)
		check_free_block(c, b);
}

/* The block and page tables by themselves. */
void check_blocks(struct check *c)
{
	struct gc_heap *h = c->h;
	size_t b, last = block_of(h, h->commit_top);
	struct tally t = { 0 };

	for (b = 0; b < last && !c->bad; b++)
		check_one(c, b, &t);
	if (c->bad)
		return;
	if (t.state[PAGE_INUSE] != h->pages_inuse || t.state[PAGE_DIRTY] != h->pages_dirty ||
	    t.loose != h->pages_loose)
		check_fail(c,
			   "pages: %zu in use, %zu dirty, %zu loose counted, %zu, %zu, %zu found",
			   h->pages_inuse, h->pages_dirty, h->pages_loose, t.state[PAGE_INUSE],
			   t.state[PAGE_DIRTY], t.loose);
	if (t.old != h->old_blocks || t.pinned != h->pinned.blocks)
		check_fail(c, "blocks: %zu old, %zu pinned counted, %zu, %zu found", h->old_blocks,
			   h->pinned.blocks, t.old, t.pinned);
	if (t.large != h->large_pages)
		check_fail(c, "large space: %zu pages counted, %zu found in use", h->large_pages,
			   t.large);
}

/* --- what lies in the pages ---------------------------------------------------------- */

/* What must hold of a page: NEEDED: it is in use; TOUCHED: it was written as well. */
enum { NEEDED = 1, TOUCHED = 2 };

struct pages {
	struct gc_heap *h;
	uint8_t *must;
};

static void note_object(void *obj, void *arg)
{
	struct pages *p = arg;
	struct gc_heap *h = p->h;
	uintptr_t start = (uintptr_t)obj - 8, end = start + hdr_cell(*hdr_of(obj)), a;
	bool copied = h->blocks[block_of(h, start)].kind == GC_SPACE_OLD;

	p->must[page_of(h, start)] |= NEEDED | TOUCHED;
	for (a = page_down(start); a < end; a += PAGE_SIZE)
		p->must[page_of(h, a)] |= copied ? NEEDED | TOUCHED : NEEDED;
}

static void check_areas(struct check *c)
{
	struct gc_heap *h = c->h;
	size_t first, touched, end, p;
	unsigned a;

	for (a = 0; a < AREAS; a++) {
		first = page_of(h, area_addr(h, a));
		touched = first + (h->young_touched[a] >> PAGE_SHIFT);
		end = a + 1 < AREAS ? page_of(h, area_addr(h, a + 1)) : page_of(h, h->dyn);
		for (p = first; p < end; p++)
			if (h->page_state[p] != (p < touched ? PAGE_INUSE : PAGE_ABSENT))
				check_fail(c,
					   "young area %u: page %zu has state %u, %zu are touched",
					   a, p - first, h->page_state[p], touched - first);
	}
}

static void check_uses(struct check *c, const uint8_t *must)
{
	struct gc_heap *h = c->h;
	size_t p, last = page_of(h, h->commit_top);

	for (p = 0; p < last; p++)
		if (must[p] && h->page_state[p] != PAGE_INUSE)
			check_fail(c, "page %#zx has an object and is in state %u",
				   (size_t)(h->base + (p << PAGE_SHIFT)), h->page_state[p]);
}

/* --- what the kernel says ------------------------------------------------------------- */

static size_t check_mincore(struct check *c, size_t page, size_t n)
{
	struct gc_heap *h = c->h;
	unsigned char vec[AT_ONCE];
	size_t i, wrong = 0;

	if (mincore((void *)(h->base + (page << PAGE_SHIFT)), n << PAGE_SHIFT, vec)) {
		check_fail(c, "mincore: %s", strerror(errno));
		return 0;
	}
	for (i = 0; i < n; i++) {
		if (!(vec[i] & 1) || h->page_state[page + i] != PAGE_ABSENT)
			continue;
		wrong++;
		check_fail(c, "page %#zx is resident and the heap says absent",
			   (size_t)(h->base + ((page + i) << PAGE_SHIFT)));
	}
	return wrong;
}

/* fd is of /proc/self/pagemap: 8 bytes a page, or the kernel does not tell. */
static size_t check_pagemap(struct check *c, int fd, const uint8_t *must, size_t page, size_t n)
{
	struct gc_heap *h = c->h;
	uintptr_t addr = h->base + (page << PAGE_SHIFT);
	uint64_t entry[AT_ONCE];
	size_t i, wrong = 0;

	if (pread(fd, entry, n * 8, (off_t)(addr >> PAGE_SHIFT) * 8) != (ssize_t)(n * 8))
		return 0;
	for (i = 0; i < n; i++, addr += PAGE_SIZE) {
		bool held = entry[i] & PAGEMAP_HELD;

		if (held && h->page_state[page + i] == PAGE_ABSENT)
			check_fail(c, "page %#zx is swapped out and the heap says absent",
				   (size_t)addr);
		else if (!held && must[page + i] & TOUCHED)
			check_fail(c, "page %#zx has an object and the kernel has lost it",
				   (size_t)addr);
		else
			continue;
		wrong++;
	}
	return wrong;
}

static void check_kernel(struct check *c, const uint8_t *must)
{
	struct gc_heap *h = c->h;
	size_t page, n, last = page_of(h, h->commit_top), wrong = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t t = now_ns();

	for (page = 0; page < last; page += n) {
		n = last - page < AT_ONCE ? last - page : AT_ONCE;
		wrong += check_mincore(c, page, n);
		if (fd >= 0)
			wrong += check_pagemap(c, fd, must, page, n);
	}
	if (fd >= 0)
		close(fd);
	t = now_ns() - t;
	event(h, GC_EV_AUDIT, GC_SPACE_NONE, 0, last, wrong, &t, 1);
}

/* Every page, against the objects and against the kernel. */
void check_pages(struct check *c)
{
	struct pages p = { c->h, calloc(1, page_of(c->h, c->h->commit_top)) };

	if (!p.must) {
		check_fail(c, "no memory for a check");
		return;
	}
	heap_walk(c->h, note_object, &p);
	check_areas(c);
	check_uses(c, p.must);
	check_kernel(c, p.must);
	free(p.must);
}
