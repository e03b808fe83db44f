/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pageset_walk.c - what reads a page set: counts, runs, the checker. And the move,
 * which reads all and puts it elsewhere with the functions of pageset.h. Must not:
 * know how bits, counts and tags are kept in step.
 */
#include <errno.h>
#include <stdlib.h>

#include "user/model/pageset_int.h"
#include "user/util/util.h"

/* --- counts ------------------------------------------------------------------------------ */

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
			n += bits_in(c->res[w] & mask);
	}
	return n;
}

uint64_t mp_pageset_block(const struct mp_pageset *s, uint64_t addr)
{
	const struct region *r = region_find(s, addr >> REGION_SHIFT);
	const struct chunk *c = r ? r->chunk[addr >> CHUNK_SHIFT & (REGION_CHUNKS - 1)] : NULL;

	return c ? c->n : 0;
}

uint64_t mp_pageset_count_lazy(const struct mp_pageset *s, uint64_t addr, uint64_t len)
{
	uint64_t page = first_page(addr), end = end_page(addr, len), n = 0;
	struct region *r = NULL;
	struct piece p;

	while (s->lazy && next_piece(&page, end, &p)) {
		const struct chunk *c = chunk_at(s, &r, &p, &page, end);

		if (!c || !c->g)
			continue;
		for_words(p.from, p.to, w, mask) n += bits_in(c->g->lazy[w] & mask);
	}
	return n;
}

uint64_t mp_pageset_total(const struct mp_pageset *s)
{
	return s->total;
}

uint64_t mp_pageset_total_lazy(const struct mp_pageset *s)
{
	return s->lazy;
}

uint64_t mp_pageset_huge_total(const struct mp_pageset *s)
{
	return s->n_huge * CHUNK_PAGES;
}

int mp_pageset_test(const struct mp_pageset *s, uint64_t addr)
{
	return mp_pageset_count(s, addr & ~(MP_PAGE_SIZE - 1), MP_PAGE_SIZE) != 0;
}

int mp_pageset_dropped(const struct mp_pageset *s, uint64_t addr, uint64_t *tag)
{
	uint64_t page = first_page(addr), end = page + 1;
	const struct chunk *c;
	struct region *r = NULL;
	struct piece p;

	next_piece(&page, end, &p);
	c = chunk_at(s, &r, &p, &page, end);
	if (!c || !c->g || !(c->g->drop[p.from / 64] >> p.from % 64 & 1))
		return 0;
	*tag = tag_of(c->g, p.from);
	return 1;
}

/* --- runs -------------------------------------------------------------------------------- */

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

static const uint64_t *bits_of(const struct chunk *c, enum mp_pages_kind kind)
{
	if (kind == MP_PGS_RESIDENT)
		return c->n ? c->res : NULL;
	if (!c->g)
		return NULL;
	return kind == MP_PGS_LAZY ? c->g->lazy : c->g->drop;
}

int mp_pageset_runs(const struct mp_pageset *s, uint64_t addr, uint64_t len,
		    enum mp_pages_kind kind, int (*fn)(void *ctx, uint64_t addr, uint64_t len),
		    void *ctx)
{
	uint64_t page = first_page(addr), end = end_page(addr, len);
	struct run_state rs = { .fn = fn, .ctx = ctx };
	struct region *r = NULL;
	struct piece p;

	while (next_piece(&page, end, &p)) {
		uint64_t base = page - p.to;
		const struct chunk *c = chunk_at(s, &r, &p, &page, end);
		const uint64_t *bits = c ? bits_of(c, kind) : NULL;

		if (!bits)
			continue;
		for_words(p.from, p.to, w, mask)
		{
			int err = run_word(&rs, base + w * 64, bits[w] & mask);

			if (err)
				return err;
		}
	}
	return run_flush(&rs);
}

int mp_pageset_huge_runs(const struct mp_pageset *s, uint64_t addr, uint64_t len,
			 int (*fn)(void *ctx, uint64_t addr, uint64_t len), void *ctx)
{
	uint64_t page = first_page(addr), end = end_page(addr, len);
	struct region *r = NULL;
	struct piece p;
	int err = 0;

	while (s->n_huge && !err && next_piece(&page, end, &p)) {
		uint64_t base = page - p.to;
		const struct chunk *c = chunk_at(s, &r, &p, &page, end);

		if (c && c->huge && p.to - p.from == CHUNK_PAGES)
			err = fn(ctx, base << MP_PAGE_SHIFT, 1ULL << CHUNK_SHIFT);
	}
	return err;
}

/* A run of one tag being collected by mp_pageset_tags(). */
struct tag_state {
	uint64_t addr, len, tag; /* len 0: none */
	int (*fn)(void *ctx, uint64_t addr, uint64_t len, uint64_t tag);
	void *ctx;
};

static int tag_add(struct tag_state *t, uint64_t addr, uint64_t pages, uint64_t tag)
{
	int err = 0;

	if (t->len && tag == t->tag && addr == t->addr + t->len) {
		t->len += pages << MP_PAGE_SHIFT;
		return 0;
	}
	if (t->len)
		err = t->fn(t->ctx, t->addr, t->len, t->tag);
	t->addr = addr;
	t->len = pages << MP_PAGE_SHIFT;
	t->tag = tag;
	return err;
}

int mp_pageset_tags(const struct mp_pageset *s, uint64_t addr, uint64_t len,
		    enum mp_pages_kind kind,
		    int (*fn)(void *ctx, uint64_t addr, uint64_t len, uint64_t tag), void *ctx)
{
	uint64_t page = first_page(addr), end = end_page(addr, len);
	struct tag_state ts = { .fn = fn, .ctx = ctx };
	struct region *r = NULL;
	struct piece p;

	while (next_piece(&page, end, &p)) {
		uint64_t base = page - p.to;
		const struct chunk *c = chunk_at(s, &r, &p, &page, end);

		if (!c || !c->g)
			continue;
		for_words(p.from, p.to, w, mask)
		{
			uint64_t bits = bits_of(c, kind)[w] & mask, run, tag;

			for (; bits; bits &= ~run) {
				uint64_t at = base + w * 64 + (unsigned)__builtin_ctzll(bits);
				int err;

				run = tag_run(c->g, w, bits, &tag);
				err = tag_add(&ts, at << MP_PAGE_SHIFT, bits_in(run), tag);
				if (err)
					return err;
			}
		}
	}
	return ts.len ? fn(ctx, ts.addr, ts.len, ts.tag) : 0;
}

/* --- moving ------------------------------------------------------------------------------ */

/* What a move has to carry: runs of the source, kept while it is cleared. */
struct saved_runs {
	struct {
		uint64_t addr, len, tag;
	} * v;
	size_t n, cap;
};

static int save_tag(void *ctx, uint64_t addr, uint64_t len, uint64_t tag)
{
	struct saved_runs *s = ctx;
	int err = mp_grow(&s->v, &s->cap, s->n + 1, sizeof(*s->v));

	if (err)
		return err;
	s->v[s->n].addr = addr;
	s->v[s->n].tag = tag;
	s->v[s->n++].len = len;
	return 0;
}

static int save_run(void *ctx, uint64_t addr, uint64_t len)
{
	return save_tag(ctx, addr, len, 0);
}

int mp_pageset_move(struct mp_pageset *s, uint64_t from, uint64_t to, uint64_t len)
{
	struct saved_runs res = { 0 }, drop = { 0 }, lazy = { 0 }, huge = { 0 };
	uint64_t by = to - from;
	int err = mp_pageset_runs(s, from, len, MP_PGS_RESIDENT, save_run, &res);

	if (!err)
		err = mp_pageset_tags(s, from, len, MP_PGS_DROPPED, save_tag, &drop);
	if (!err)
		err = mp_pageset_tags(s, from, len, MP_PGS_LAZY, save_tag, &lazy);
	if (!err)
		err = mp_pageset_huge_runs(s, from, len, save_run, &huge);
	if (err)
		goto out;
	mp_pageset_clear(s, from, len, 0);
	for (size_t i = 0; i < drop.n && !err; i++) {
		/* set, then clear as dropped: the one way a page becomes dropped */
		err = mp_pageset_touch(s, drop.v[i].addr + by, drop.v[i].len, NULL) < 0 ? -ENOMEM
											: 0;
		if (!err)
			mp_pageset_drop(s, drop.v[i].addr + by, drop.v[i].len, drop.v[i].tag, 0,
					NULL);
	}
	for (size_t i = 0; i < res.n && !err; i++)
		err = mp_pageset_touch(s, res.v[i].addr + by, res.v[i].len, NULL) < 0 ? -ENOMEM : 0;
	for (size_t i = 0; i < lazy.n && !err; i++)
		mp_pageset_lazy(s, lazy.v[i].addr + by, lazy.v[i].len, lazy.v[i].tag, NULL);
	/* The kernel moves a huge page whole where both ends are aligned to it. */
	for (size_t i = 0; i < huge.n; i++)
		mp_pageset_huge_set(s, huge.v[i].addr + by, huge.v[i].len, 1);
out:
	free(res.v);
	free(huge.v);
	free(drop.v);
	free(lazy.v);
	return err;
}

/* --- the checker --------------------------------------------------------------------------- */

static int check_chunk(const struct chunk *c, uint64_t *nd, uint64_t *nl)
{
	const struct given *g = c->g;
	unsigned n = 0, d = 0, l = 0;

	for (unsigned w = 0; w < WORDS; w++) {
		n += bits_in(c->res[w]);
		d += g ? bits_in(g->drop[w]) : 0;
		l += g ? bits_in(g->lazy[w]) : 0;
		if (g && c->res[w] & g->drop[w])
			return 1;
		if (g && g->lazy[w] & ~c->res[w])
			return 2;
	}
	if (c->huge && n != CHUNK_PAGES)
		return 10;
	*nd += d;
	*nl += l;
	if (n != c->n || (g && (d != g->nd || l != g->nl)))
		return 3;
	return (g && !d && !l) || (!g && !n) ? 4 : 0;
}

int mp_pageset_check(const struct mp_pageset *s)
{
	uint64_t total = 0, lazy = 0, hollow = 0, huge = 0;
	size_t chunks = 0, given = 0, tags = 0;

	for (size_t i = 0; i < s->n_reg; i++) {
		const struct region *r = s->reg[i];
		uint64_t n = 0, nd = 0;

		for (size_t k = 0; k < REGION_CHUNKS; k++) {
			int err = r->chunk[k] ? check_chunk(r->chunk[k], &nd, &lazy) : 0;

			if (err)
				return err;
			n += r->chunk[k] ? r->chunk[k]->n : 0;
			hollow += r->chunk[k] && !r->chunk[k]->n;
			huge += r->chunk[k] && r->chunk[k]->huge;
			chunks += r->chunk[k] != NULL;
			given += r->chunk[k] && r->chunk[k]->g;
			tags += r->chunk[k] && r->chunk[k]->g && r->chunk[k]->g->tags;
		}
		if (n != r->n || nd != r->nd)
			return 5;
		if (!n && !nd)
			return 6;
		if (i && r->base <= s->reg[i - 1]->base)
			return 7;
		total += n;
		hollow += n ? 0 : REGION_UNITS;
	}
	if (chunks != s->n_chunks || given != s->n_given || tags != s->n_tags)
		return 12;
	return huge != s->n_huge		      ? 11
	       : total != s->total || lazy != s->lazy ? 8
	       : hollow != mp_pageset_hollow(s)	      ? 9
						      : 0;
}
