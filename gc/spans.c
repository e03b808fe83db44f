/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * spans.c - free pages of the pinned space: which 8 KiB pages a span gets.
 *
 * Owns the free masks of pinned blocks and the bins. Must not know what is in a
 * span. Called with the heap's lock.
 *
 * Best fit: the smallest free stretch that is long enough, the lowest address among
 * equals. A block's 32 pages are the bits of a word, so free neighbours are one
 * stretch without being joined by anybody; bin n has a bit for each block with a
 * stretch of exactly n pages (spans_check()).
 *
 * A span does not cross blocks: the longest has 10 pages, and a block without spans
 * goes back to the heap at once, for old or large objects. That, and chunks of
 * their own (pages.c), is why pinning leaves no holes in the other spaces.
 */
#include "gc/internal.h"

static unsigned run_length(uint32_t free, unsigned at)
{
	return (unsigned)__builtin_ctzll(~((uint64_t)free >> at));
}

/* Bit n - 1 is set when `free` has a stretch of exactly n bits. */
static uint32_t run_lengths(uint32_t free)
{
	uint32_t lengths = 0;
	unsigned at, n;

	for (; free; free &= ~span_mask(at, n)) {
		at = (unsigned)__builtin_ctz(free);
		n = run_length(free, at);
		lengths |= 1u << (n - 1);
	}
	return lengths;
}

static unsigned run_find(uint32_t free, unsigned want)
{
	unsigned at, n;

	for (;; free &= ~span_mask(at, n)) {
		at = (unsigned)__builtin_ctz(free);
		n = run_length(free, at);
		if (n == want)
			return at;
	}
}

static uint64_t *bin(const struct gc_heap *h, unsigned n)
{
	return h->pinned.bins + (n - 1) * h->pinned.bin_words;
}

static void set_free(struct gc_heap *h, size_t b, uint32_t free)
{
	struct pinned_space *s = &h->pinned;
	uint32_t was = run_lengths(s->free[b]), now = run_lengths(free), bits;
	unsigned n;

	for (bits = was & ~now; bits; bits &= bits - 1) {
		n = (unsigned)__builtin_ctz(bits) + 1;
		bit_clear(bin(h, n), b);
		s->bin_count[n]--;
	}
	for (bits = now & ~was; bits; bits &= bits - 1) {
		n = (unsigned)__builtin_ctz(bits) + 1;
		bit_set(bin(h, n), b);
		s->bin_count[n]++;
		if (b < s->bin_low[n])
			s->bin_low[n] = b;
	}
	s->free[b] = free;
}

/* The lowest block with a stretch of n pages; there is one. */
static size_t bin_first(struct gc_heap *h, unsigned n)
{
	const uint64_t *bits = bin(h, n);
	size_t w = h->pinned.bin_low[n] >> 6;

	while (!bits[w])
		w++;
	return h->pinned.bin_low[n] = w * 64 + (size_t)__builtin_ctzll(bits[w]);
}

/* The first page of n free ones, taken. SPAN_NONE: the reservation is full. */
uint32_t span_take(struct gc_heap *h, unsigned n)
{
	struct pinned_space *s = &h->pinned;
	unsigned len = n, at;
	uint32_t b;

	while (len <= SPAN_PAGES && !s->bin_count[len])
		len++;
	if (len <= SPAN_PAGES) {
		b = (uint32_t)bin_first(h, len);
	} else {
		len = SPAN_PAGES;
		b = block_take_pinned(h);
		if (b == BLOCK_NONE)
			return SPAN_NONE;
		set_free(h, b, UINT32_MAX);
	}
	at = run_find(s->free[b], len);
	set_free(h, b, s->free[b] & ~span_mask(at, n));
	return b * SPAN_PAGES + at;
}

/* Frees n pages from span page `page` on; a block that has no other goes back. */
void span_give(struct gc_heap *h, uint32_t page, unsigned n)
{
	size_t b = page / SPAN_PAGES;
	uint32_t free = h->pinned.free[b] | span_mask(page % SPAN_PAGES, n);

	if (free != UINT32_MAX) {
		set_free(h, b, free);
		return;
	}
	set_free(h, b, 0);
	block_give(h, b);
}

/* What is wrong with the free masks and the bins, or NULL. */
const char *spans_check(const struct gc_heap *h)
{
	size_t b, last = block_of(h, h->commit_top), count[SPAN_PAGES + 1] = { 0 };
	uint32_t lengths;
	unsigned n;

	for (b = block_of(h, h->dyn); b < last; b++) {
		lengths = run_lengths(h->pinned.free[b]);
		if (lengths && h->blocks[b].kind != GC_SPACE_PINNED)
			return "a block that is not pinned has free span pages";
		for (n = 1; n <= SPAN_PAGES; n++) {
			if (bit_get(bin(h, n), b) != (lengths >> (n - 1) & 1))
				return "a free stretch of pages is not in its bin";
			if (bit_get(bin(h, n), b) && b < h->pinned.bin_low[n])
				return "a bin has a block below its lowest";
			count[n] += lengths >> (n - 1) & 1;
		}
	}
	for (n = 1; n <= SPAN_PAGES; n++)
		if (count[n] != h->pinned.bin_count[n])
			return "blocks of a bin are not counted right";
	return NULL;
}
