/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pageset.c - see pageset.h.
 *
 *   top:   sorted array of regions, one per GiB with anything in it (V8 scatters its
 *          pages at random: larger regions would be mostly empty)
 *   mid:   512 chunk pointers, and how many pages are resident below
 *   chunk: 2 MiB: 512 resident bits, 512 dropped bits, and their count
 *
 * Invariants (checked by pageset_check in the unit tests through the public
 * counts): chunk.n == popcount(res); region.n == sum of chunk.n; total == sum
 * of region.n; no page is both resident and dropped.
 */
#include "user/model/pageset.h"

#include <stdbool.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/events.h"
#include "user/util/util.h"

#define CHUNK_SHIFT   21
#define CHUNK_PAGES   512u
#define REGION_SHIFT  30
#define REGION_CHUNKS (1u << (REGION_SHIFT - CHUNK_SHIFT))

struct chunk {
	uint64_t res[CHUNK_PAGES / 64];
	uint64_t drop[CHUNK_PAGES / 64];
	uint32_t n;    /* resident */
	uint32_t nd;   /* dropped */
	uint32_t huge; /* mapped as one huge page, as a scan saw it; n == CHUNK_PAGES then */
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
	uint64_t total;
	uint64_t n_huge; /* chunks */
};

struct mp_pageset *mp_pageset_new(void)
{
	return calloc(1, sizeof(struct mp_pageset));
}

void mp_pageset_reset(struct mp_pageset *s)
{
	for (size_t i = 0; i < s->n_reg; i++) {
		for (size_t c = 0; c < REGION_CHUNKS; c++)
			free(s->reg[i]->chunk[c]);
		free(s->reg[i]);
	}
	s->n_reg = 0;
	s->last = 0;
	s->total = 0;
	s->n_huge = 0;
}

void mp_pageset_free(struct mp_pageset *s)
{
	if (!s)
		return;
	mp_pageset_reset(s);
	free(s->reg);
	free(s);
}

/* Index of the first region with base >= b. */
static size_t region_lower(const struct mp_pageset *s, uint64_t b)
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

static struct region *region_find(const struct mp_pageset *s, uint64_t b)
{
	size_t i = s->last;

	if (i < s->n_reg && s->reg[i]->base == b)
		return s->reg[i];
	i = region_lower(s, b);
	return i < s->n_reg && s->reg[i]->base == b ? s->reg[i] : NULL;
}

static struct region *region_make(struct mp_pageset *s, uint64_t b)
{
	struct region *r = region_find(s, b);
	size_t i;

	if (r)
		return r;
	if (mp_grow(&s->reg, &s->cap_reg, s->n_reg + 1, sizeof(*s->reg)))
		return NULL;
	r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->base = b;
	i = region_lower(s, b);
	memmove(s->reg + i + 1, s->reg + i, (s->n_reg - i) * sizeof(*s->reg));
	s->reg[i] = r;
	s->n_reg++;
	s->last = i;
	return r;
}

static struct chunk *chunk_make(struct region *r, size_t i)
{
	if (!r->chunk[i])
		r->chunk[i] = calloc(1, sizeof(struct chunk));
	return r->chunk[i];
}

/* Bits [a, b) of a word, 0 <= a < b <= 64. */
static uint64_t word_mask(unsigned a, unsigned b)
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
static bool next_piece(uint64_t *page, uint64_t end, struct piece *p)
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

static uint64_t first_page(uint64_t addr)
{
	return addr >> MP_PAGE_SHIFT;
}

static uint64_t end_page(uint64_t addr, uint64_t len)
{
	uint64_t end = addr + len;

	if (end < addr)
		end = ~0ULL - MP_PAGE_SIZE;
	return (end + MP_PAGE_SIZE - 1) >> MP_PAGE_SHIFT;
}

/* From a region with nothing in it to the first page of the next that exists: a
 * range may span the whole address space. */
static uint64_t hop(const struct mp_pageset *s, uint64_t region, uint64_t end)
{
	size_t i = region_lower(s, region + 1);
	uint64_t page;

	if (i == s->n_reg)
		return end;
	page = s->reg[i]->base << (REGION_SHIFT - MP_PAGE_SHIFT);
	return page < end ? page : end;
}

/* From a chunk that does not exist to the next that does, or to the next region. */
static uint64_t hop_chunk(const struct region *r, size_t chunk, uint64_t end)
{
	uint64_t page;

	while (chunk < REGION_CHUNKS && !r->chunk[chunk])
		chunk++;
	page = (r->base << (REGION_SHIFT - MP_PAGE_SHIFT)) + chunk * CHUNK_PAGES;
	return page < end ? page : end;
}

/* The region of a piece; the last one is remembered by the caller. */
static struct region *region_of(const struct mp_pageset *s, struct region *last, uint64_t base)
{
	return last && last->base == base ? last : region_find(s, base);
}

/*
 * The chunk of a piece, or NULL where there is none: *page has then moved on to the
 * next place where there may be one. *r remembers the region from call to call.
 */
static struct chunk *chunk_at(const struct mp_pageset *s, struct region **r, const struct piece *p,
			      uint64_t *page, uint64_t end)
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

int64_t mp_pageset_set(struct mp_pageset *s, uint64_t addr, uint64_t len, uint64_t *refaulted)
{
	uint64_t page = first_page(addr), end = end_page(addr, len);
	struct region *r = NULL;
	int64_t added = 0;
	struct piece p;

	while (next_piece(&page, end, &p)) {
		struct chunk *c;

		if (!r || r->base != p.region)
			r = region_make(s, p.region);
		c = r ? chunk_make(r, p.chunk) : NULL;

		if (!c)
			return -ENOMEM;
		unsigned n = 0, nd = 0;

		for_words(p.from, p.to, w, mask)
		{
			n += (unsigned)__builtin_popcountll(mask & ~c->res[w]);
			nd += (unsigned)__builtin_popcountll(mask & c->drop[w]);
			c->res[w] |= mask;
			c->drop[w] &= ~mask;
		}
		c->n += n;
		c->nd -= nd;
		r->n += n;
		r->nd -= nd;
		s->total += n;
		added += n;
		if (refaulted)
			*refaulted += nd;
	}
	return added;
}

/* Regions in which nothing is left go. */
static void prune(struct mp_pageset *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_reg; i++) {
		if (s->reg[i]->n || s->reg[i]->nd)
			s->reg[n++] = s->reg[i];
		else
			free(s->reg[i]); /* its chunks went as they became empty */
	}
	s->n_reg = n;
	s->last = 0;
}

static unsigned chunk_clear(struct region *r, struct chunk *c, const struct piece *p, int drop)
{
	unsigned n = 0, nd = 0, fresh = 0;

	for_words(p->from, p->to, w, mask)
	{
		uint64_t was = c->res[w] & mask;

		n += (unsigned)__builtin_popcountll(was);
		c->res[w] &= ~mask;
		if (drop) {
			fresh += (unsigned)__builtin_popcountll(was & ~c->drop[w]);
			c->drop[w] |= was;
		} else {
			nd += (unsigned)__builtin_popcountll(mask & c->drop[w]);
			c->drop[w] &= ~mask;
		}
	}
	c->n -= n;
	c->nd += fresh - nd;
	r->n -= n;
	r->nd += fresh;
	r->nd -= nd;
	return n;
}

int64_t mp_pageset_clear(struct mp_pageset *s, uint64_t addr, uint64_t len, int drop)
{
	uint64_t page = first_page(addr), end = end_page(addr, len);
	struct region *r = NULL;
	bool emptied = false;
	int64_t gone = 0;
	struct piece p;

	while (next_piece(&page, end, &p)) {
		struct chunk *c = chunk_at(s, &r, &p, &page, end);

		if (!c)
			continue;
		unsigned n = chunk_clear(r, c, &p, drop);

		s->total -= n;
		gone += n;
		if (n && c->huge) { /* a part gone: the kernel has split it */
			c->huge = 0;
			s->n_huge--;
		}
		if (!c->n && !c->nd) {
			free(c);
			r->chunk[p.chunk] = NULL;
			emptied |= !r->n && !r->nd;
		}
	}
	if (emptied)
		prune(s);
	return gone;
}

uint64_t mp_pageset_count(const struct mp_pageset *s, uint64_t addr, uint64_t len)
{
	uint64_t page = first_page(addr), end = end_page(addr, len), n = 0;
	struct region *r = NULL;
	struct piece p;

	while (next_piece(&page, end, &p)) {
		const struct chunk *c = chunk_at(s, &r, &p, &page, end);

		if (!c)
			continue;
		if (p.to - p.from == CHUNK_PAGES) {
			n += c->n;
			continue;
		}
		for_words(p.from, p.to, w, mask)
			n += (unsigned)__builtin_popcountll(c->res[w] & mask);
	}
	return n;
}

uint64_t mp_pageset_total(const struct mp_pageset *s)
{
	return s->total;
}

void mp_pageset_huge_set(struct mp_pageset *s, uint64_t addr, uint64_t len, int huge)
{
	uint64_t page = first_page(addr), end = end_page(addr, len);
	struct region *r = NULL;
	struct piece p;

	while (next_piece(&page, end, &p)) {
		struct chunk *c = chunk_at(s, &r, &p, &page, end);
		uint32_t now = huge && c && c->n == CHUNK_PAGES;

		if (!c || p.to - p.from < CHUNK_PAGES || c->huge == now)
			continue;
		c->huge = now;
		s->n_huge += now ? 1 : -1ULL;
	}
}

uint64_t mp_pageset_huge_total(const struct mp_pageset *s)
{
	return s->n_huge * CHUNK_PAGES;
}

int mp_pageset_huge_runs(const struct mp_pageset *s, uint64_t addr, uint64_t len,
			 int (*fn)(void *ctx, uint64_t addr, uint64_t len), void *ctx)
{
	uint64_t page = first_page(addr), end = end_page(addr, len);
	struct region *r = NULL;
	struct piece p;
	int err = 0;

	while (s->n_huge && !err && next_piece(&page, end, &p)) {
		uint64_t base = page - (p.to - p.from);
		const struct chunk *c = chunk_at(s, &r, &p, &page, end);

		if (c && c->huge && p.to - p.from == CHUNK_PAGES)
			err = fn(ctx, base << MP_PAGE_SHIFT, 1ULL << CHUNK_SHIFT);
	}
	return err;
}

int mp_pageset_test(const struct mp_pageset *s, uint64_t addr)
{
	return mp_pageset_count(s, addr & ~(MP_PAGE_SIZE - 1), MP_PAGE_SIZE) != 0;
}

/* A run being collected by mp_pageset_runs(). */
struct run_state {
	uint64_t start, end; /* pages; empty when equal */
	int (*fn)(void *ctx, uint64_t addr, uint64_t len);
	void *ctx;
};

static int run_flush(struct run_state *r)
{
	uint64_t start = r->start, n = r->end - r->start;

	r->start = r->end;
	return n ? r->fn(r->ctx, start << MP_PAGE_SHIFT, n << MP_PAGE_SHIFT) : 0;
}

static int run_word(struct run_state *r, uint64_t page, uint64_t bits)
{
	while (bits) {
		unsigned a = (unsigned)__builtin_ctzll(bits);
		uint64_t rest = ~(bits >> a);
		unsigned n = rest ? (unsigned)__builtin_ctzll(rest) : 64;

		if (a + n > 64)
			n = 64 - a;
		if (page + a != r->end || r->start == r->end) {
			int err = run_flush(r);

			if (err)
				return err;
			r->start = page + a;
		}
		r->end = page + a + n;
		bits &= a + n >= 64 ? 0 : ~0ULL << (a + n);
	}
	return 0;
}

int mp_pageset_runs(const struct mp_pageset *s, uint64_t addr, uint64_t len, int dropped,
		    int (*fn)(void *ctx, uint64_t addr, uint64_t len), void *ctx)
{
	uint64_t page = first_page(addr), end = end_page(addr, len);
	struct run_state rs = { .fn = fn, .ctx = ctx };
	struct region *r = NULL;
	struct piece p;

	while (next_piece(&page, end, &p)) {
		uint64_t base = page - (p.to - p.from) - p.from;
		const struct chunk *c = chunk_at(s, &r, &p, &page, end);

		if (!c || !(dropped ? c->nd : c->n))
			continue;
		for_words(p.from, p.to, w, mask)
		{
			int err = run_word(&rs, base + w * 64,
					   (dropped ? c->drop[w] : c->res[w]) & mask);

			if (err)
				return err;
		}
	}
	return run_flush(&rs);
}

/* What a move has to carry: runs of the source, kept while it is cleared. */
struct saved_runs {
	struct {
		uint64_t addr, len;
	} * v;
	size_t n, cap;
};

static int save_run(void *ctx, uint64_t addr, uint64_t len)
{
	struct saved_runs *s = ctx;
	int err = mp_grow(&s->v, &s->cap, s->n + 1, sizeof(*s->v));

	if (err)
		return err;
	s->v[s->n].addr = addr;
	s->v[s->n++].len = len;
	return 0;
}

int mp_pageset_move(struct mp_pageset *s, uint64_t from, uint64_t to, uint64_t len)
{
	struct saved_runs res = { 0 }, drop = { 0 }, huge = { 0 };
	int err = mp_pageset_runs(s, from, len, 0, save_run, &res);

	if (!err)
		err = mp_pageset_runs(s, from, len, 1, save_run, &drop);
	if (!err)
		err = mp_pageset_huge_runs(s, from, len, save_run, &huge);
	if (err)
		goto out;
	mp_pageset_clear(s, from, len, 0);
	for (size_t i = 0; i < drop.n && !err; i++) {
		/* set, then clear as dropped: the one way a page becomes dropped */
		uint64_t a = drop.v[i].addr - from + to;

		err = mp_pageset_set(s, a, drop.v[i].len, NULL) < 0 ? -ENOMEM : 0;
		if (!err)
			mp_pageset_clear(s, a, drop.v[i].len, 1);
	}
	for (size_t i = 0; i < res.n && !err; i++)
		err = mp_pageset_set(s, res.v[i].addr - from + to, res.v[i].len, NULL) < 0 ? -ENOMEM
											   : 0;
	/* The kernel moves a huge page whole where both ends are aligned to it. */
	for (size_t i = 0; i < huge.n; i++)
		mp_pageset_huge_set(s, huge.v[i].addr - from + to, huge.v[i].len, 1);
out:
	free(res.v);
	free(drop.v);
	free(huge.v);
	return err;
}
