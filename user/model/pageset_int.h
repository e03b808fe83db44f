/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pageset_int.h - the structure of a page set, for the two files that make it up:
 * pageset.c changes it, pageset_walk.c reads it.
 *
 *   top:   sorted array of regions, one per GiB with anything in it (V8 scatters its
 *          pages at random: larger regions would be mostly empty)
 *   mid:   512 chunk pointers, and how many pages are resident and dropped below
 *   chunk: 2 MiB: 512 resident bits, their count, and what was given up
 *   given: 512 dropped bits, 512 lazy bits, and their tags: one for all while it is
 *          the same, else one a page. Exists while any of the bits is set.
 *
 * Invariants (mp_pageset_check): counts are those of the bits, at every level; no page
 * is both resident and dropped; a lazy page is resident; an empty chunk, region or
 * `given` does not exist; hollow counts chunks and regions without resident pages.
 */
#ifndef MEMPROF_PAGESET_INT_H
#define MEMPROF_PAGESET_INT_H

#include "user/model/pageset.h"

#include <stdbool.h>
#include <stddef.h>

#include "bpf/events.h"

#define CHUNK_SHIFT   21
#define CHUNK_PAGES   512u
#define REGION_SHIFT  30
#define REGION_CHUNKS (1u << (REGION_SHIFT - CHUNK_SHIFT))

#define WORDS	     (CHUNK_PAGES / 64)
#define REGION_UNITS 16 /* a region weighs as much as so many chunks */

struct given {
	uint64_t drop[WORDS], lazy[WORDS];
	uint64_t tag;	/* of all of them, unless */
	uint64_t *tags; /* ... there is one for each page */
	uint32_t nd, nl;
};

struct chunk {
	uint64_t res[WORDS];
	struct given *g; /* NULL: nothing dropped or lazy */
	uint32_t n;	 /* resident */
	uint32_t huge;	 /* mapped as one huge page, as a scan saw it; n == CHUNK_PAGES then */
};

struct region {
	uint64_t base; /* address >> REGION_SHIFT */
	uint64_t n;    /* resident pages */
	uint64_t nd;   /* dropped pages */
	struct chunk *chunk[REGION_CHUNKS];
};

struct mp_pageset {
	struct region **reg; /* sorted by base */
	size_t n_reg, cap_reg;
	size_t last; /* where the last look-up ended */
	uint64_t total, lazy;
	uint64_t hollow_chunks, hollow_regions;
	uint64_t n_huge; /* chunks */
	size_t n_chunks, n_given, n_tags; /* in memory */
};

/* Index of the first region with base >= b. */
static inline size_t region_lower(const struct mp_pageset *s, uint64_t b)
{
	size_t lo = 0, hi = s->n_reg;

	while (lo < hi) { /* invariant: base[i] < b for i < lo, >= b for i >= hi */
		size_t mid = lo + (hi - lo) / 2;

		if (s->reg[mid]->base < b)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static inline struct region *region_find(const struct mp_pageset *s, uint64_t b)
{
	size_t i = s->last;

	if (i < s->n_reg && s->reg[i]->base == b)
		return s->reg[i];
	i = region_lower(s, b);
	return i < s->n_reg && s->reg[i]->base == b ? s->reg[i] : NULL;
}

/* Bits [a, b) of a word, 0 <= a < b <= 64. */
static inline uint64_t word_mask(unsigned a, unsigned b)
{
	return (b == 64 ? ~0ULL : (1ULL << b) - 1) & ~((1ULL << a) - 1);
}

/* A piece of a range that lies in one chunk, in page numbers within it. */
struct piece {
	uint64_t region;
	size_t chunk;
	unsigned from, to;
};

/* Cuts the first piece off [*page, end); false when nothing is left. */
static inline bool next_piece(uint64_t *page, uint64_t end, struct piece *p)
{
	uint64_t stop;

	if (*page >= end)
		return false;
	p->region = *page >> (REGION_SHIFT - MP_PAGE_SHIFT);
	p->chunk = (*page >> (CHUNK_SHIFT - MP_PAGE_SHIFT)) & (REGION_CHUNKS - 1);
	p->from = *page & (CHUNK_PAGES - 1);
	stop = (*page | (CHUNK_PAGES - 1)) + 1;
	if (stop > end)
		stop = end;
	p->to = p->from + (unsigned)(stop - *page);
	*page = stop;
	return true;
}

static inline uint64_t first_page(uint64_t addr)
{
	return addr >> MP_PAGE_SHIFT;
}

static inline uint64_t end_page(uint64_t addr, uint64_t len)
{
	uint64_t end = addr + len;

	if (end < addr)
		end = ~0ULL - MP_PAGE_SIZE;
	return (end + MP_PAGE_SIZE - 1) >> MP_PAGE_SHIFT;
}

/* From a region with nothing in it to the first page of the next that exists: a
 * range may span the whole address space. */
static inline uint64_t hop(const struct mp_pageset *s, uint64_t region, uint64_t end)
{
	size_t i = region_lower(s, region + 1);
	uint64_t page;

	if (i == s->n_reg)
		return end;
	page = s->reg[i]->base << (REGION_SHIFT - MP_PAGE_SHIFT);
	return page < end ? page : end;
}

/* From a chunk that does not exist to the next that does, or to the next region. */
static inline uint64_t hop_chunk(const struct region *r, size_t chunk, uint64_t end)
{
	uint64_t page;

	while (chunk < REGION_CHUNKS && !r->chunk[chunk])
		chunk++;
	page = (r->base << (REGION_SHIFT - MP_PAGE_SHIFT)) + chunk * CHUNK_PAGES;
	return page < end ? page : end;
}

/* The region of a piece; the last one is remembered by the caller. */
static inline struct region *region_of(const struct mp_pageset *s, struct region *last,
				       uint64_t base)
{
	return last && last->base == base ? last : region_find(s, base);
}

/*
 * The chunk of a piece, or NULL where there is none: *page has then moved on to the
 * next place where there may be one. *r remembers the region from call to call.
 */
static inline struct chunk *chunk_at(const struct mp_pageset *s, struct region **r,
				     const struct piece *p, uint64_t *page, uint64_t end)
{
	*r = region_of(s, *r, p->region);
	if (!*r || (!(*r)->n && !(*r)->nd)) {
		*page = hop(s, p->region, end);
		return NULL;
	}
	if (!(*r)->chunk[p->chunk])
		*page = hop_chunk(*r, p->chunk, end);
	return (*r)->chunk[p->chunk];
}

/* Applies fn to each word of [from, to) of a chunk. */
#define for_words(from, to, w, mask)                                                             \
	for (unsigned w = (from) / 64, mp_e = (to), mp_b = (from); mp_b < mp_e; mp_b = ++w * 64) \
		for (uint64_t mask =                                                             \
			     word_mask(mp_b % 64, mp_e - w * 64 > 64 ? 64 : mp_e - w * 64);      \
		     mask; mask = 0)

static inline uint64_t tag_of(const struct given *g, unsigned i)
{
	return g->tags ? g->tags[i] : g->tag;
}

/* The first run of `bits` of a word with one tag, as a mask. */
static inline uint64_t tag_run(const struct given *g, unsigned w, uint64_t bits, uint64_t *tag)
{
	unsigned a = (unsigned)__builtin_ctzll(bits), b = a + 1;

	*tag = tag_of(g, w * 64 + a);
	while (b < 64 && bits >> b & 1 && tag_of(g, w * 64 + b) == *tag)
		b++;
	return word_mask(a, b);
}

/* How many are set: sums of neighbours, then of those, in parallel. Without POPCNT in
 * the baseline the compiler's own is a call and a table. */
static inline unsigned bits_in(uint64_t w)
{
	w -= w >> 1 & 0x5555555555555555ULL;
	w = (w & 0x3333333333333333ULL) + (w >> 2 & 0x3333333333333333ULL);
	w = (w + (w >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	return (unsigned)(w * 0x0101010101010101ULL >> 56);
}

#endif /* MEMPROF_PAGESET_INT_H */
