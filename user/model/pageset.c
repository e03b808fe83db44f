/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pageset.c - what changes a page set. See pageset.h, and pageset_int.h for what it
 * is made of.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/model/pageset_int.h"
#include "user/util/util.h"

struct mp_pageset *mp_pageset_new(void)
{
	return calloc(1, sizeof(struct mp_pageset));
}

static void tags_free(struct mp_pageset *s, struct given *g)
{
	s->n_tags -= g->tags != NULL;
	free(g->tags);
	g->tags = NULL;
}

static void given_free(struct mp_pageset *s, struct chunk *c)
{
	if (c->g)
		tags_free(s, c->g);
	s->n_given -= c->g != NULL;
	free(c->g);
	c->g = NULL;
}

void mp_pageset_reset(struct mp_pageset *s)
{
	for (size_t i = 0; i < s->n_reg; i++) {
		for (size_t k = 0; k < REGION_CHUNKS; k++) {
			if (s->reg[i]->chunk[k])
				given_free(s, s->reg[i]->chunk[k]);
			free(s->reg[i]->chunk[k]);
		}
		free(s->reg[i]);
	}
	s->n_reg = 0;
	s->last = 0;
	s->total = s->lazy = 0;
	s->hollow_chunks = s->hollow_regions = s->n_huge = s->n_chunks = 0;
}

void mp_pageset_free(struct mp_pageset *s)
{
	if (!s)
		return;
	mp_pageset_reset(s);
	free(s->reg);
	free(s);
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
	s->hollow_regions++;
	return r;
}

static struct chunk *chunk_make(struct mp_pageset *s, struct region *r, size_t i)
{
	if (!r->chunk[i]) {
		r->chunk[i] = calloc(1, sizeof(struct chunk));
		s->hollow_chunks += r->chunk[i] != NULL;
		s->n_chunks += r->chunk[i] != NULL;
	}
	return r->chunk[i];
}

/* --- tags ---------------------------------------------------------------------------- */

/* The `given` of a chunk, made if it must be; NULL when memory is out. */
static struct given *given_make(struct mp_pageset *s, struct chunk *c)
{
	if (!c->g) {
		c->g = calloc(1, sizeof(*c->g));
		s->n_given += c->g != NULL;
	}
	return c->g;
}

/*
 * Pages of a word get a tag; their bits are set by the caller, and the count of those
 * given up so far does not hold them if they were not. Without memory for tags of their
 * own they take that of the others.
 */
static void put_tags(struct mp_pageset *s, struct given *g, unsigned w, uint64_t bits, uint64_t tag)
{
	if (!bits)
		return;
	if (!g->tags && (g->tag == tag || !(g->nd + g->nl))) {
		g->tag = tag;
		return;
	}
	if (!g->tags) {
		g->tags = malloc(CHUNK_PAGES * sizeof(*g->tags));
		if (!g->tags)
			return;
		s->n_tags++;
		for (unsigned i = 0; i < CHUNK_PAGES; i++)
			g->tags[i] = g->tag;
	}
	for (; bits; bits &= bits - 1)
		g->tags[w * 64 + (unsigned)__builtin_ctzll(bits)] = tag;
}

/* --- changes ------------------------------------------------------------------------- */

/* What is being done, piece by piece. */
struct change {
	struct mp_pageset *s;
	struct region *r;
	struct chunk *c;
	struct mp_pages_did *did;
	uint64_t base; /* address of the chunk */
};

static uint64_t tell(const struct change *ch, enum mp_pages_kind kind, uint64_t tag, unsigned w,
		     uint64_t run)
{
	uint64_t addr = ch->base + (w * 64 + (unsigned)__builtin_ctzll(run)) * MP_PAGE_SIZE;

	return ch->did && ch->did->fn ? ch->did->fn(ch->did->ctx, kind, tag, addr, bits_in(run))
				      : 0;
}

/* The counts of chunk, region and set, after the resident ones moved by n. */
static void count_resident(const struct change *ch, int n)
{
	struct mp_pageset *s = ch->s;
	bool chunk_was = !ch->c->n, region_was = !ch->r->n;

	ch->c->n += (uint32_t)n;
	ch->r->n += (uint64_t)(int64_t)n;
	s->total += (uint64_t)(int64_t)n;
	s->hollow_chunks += (uint64_t)!ch->c->n - chunk_was;
	s->hollow_regions += (uint64_t)!ch->r->n - region_was;
	if (n < 0 && ch->c->huge) { /* a part gone: the kernel has split it */
		ch->c->huge = 0;
		s->n_huge--;
	}
}

static void undrop(const struct change *ch, unsigned w, uint64_t bits)
{
	ch->c->g->drop[w] &= ~bits;
	ch->c->g->nd -= bits_in(bits);
	ch->r->nd -= bits_in(bits);
}

static void make_dropped(const struct change *ch, unsigned w, uint64_t bits, uint64_t tag)
{
	struct given *g = ch->c->g;

	put_tags(ch->s, g, w, bits, tag);
	g->drop[w] |= bits;
	g->nd += bits_in(bits);
	ch->r->nd += bits_in(bits);
}

static void make_lazy(const struct change *ch, unsigned w, uint64_t bits, uint64_t tag)
{
	struct given *g = ch->c->g;
	unsigned fresh = bits_in(bits & ~g->lazy[w]);

	put_tags(ch->s, g, w, bits, tag);
	g->lazy[w] |= bits;
	g->nl += fresh;
	ch->s->lazy += fresh;
	if (ch->did)
		ch->did->lazy_on += fresh;
}

static void unlazy(const struct change *ch, unsigned w, uint64_t bits)
{
	unsigned n = bits_in(bits);

	ch->c->g->lazy[w] &= ~bits;
	ch->c->g->nl -= n;
	ch->s->lazy -= n;
	if (ch->did)
		ch->did->lazy_off += n;
}

/* Memory of what holds nothing goes; true when the chunk went. */
static bool tidy(struct change *ch, size_t index)
{
	struct chunk *c = ch->c;

	if (c->g && !c->g->nd && !c->g->nl)
		given_free(ch->s, c);
	if (c->n || c->g)
		return false;
	ch->s->hollow_chunks--;
	ch->s->n_chunks--;
	ch->r->chunk[index] = NULL;
	free(c);
	return true;
}

/* Regions in which nothing is left go. */
static void prune(struct mp_pageset *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_reg; i++) {
		if (s->reg[i]->n || s->reg[i]->nd) {
			s->reg[n++] = s->reg[i];
			continue;
		}
		free(s->reg[i]); /* its chunks went as they became empty */
		s->hollow_regions--;
	}
	s->n_reg = n;
	s->last = 0;
}

/* Given up pages of a word become resident. */
static void word_again(const struct change *ch, unsigned w, uint64_t mask, bool touch)
{
	struct given *g = ch->c->g;
	uint64_t d = g->drop[w] & mask, l = touch ? g->lazy[w] & mask : 0, tag;

	if (ch->did)
		ch->did->refaulted += bits_in(d);
	while (d) {
		uint64_t run = tag_run(g, w, d, &tag);
		uint64_t lazy = tell(ch, MP_PGS_DROPPED, tag, w, run);

		undrop(ch, w, run);
		if (lazy && !touch) {
			make_lazy(ch, w, run, lazy);
			ch->did->refaulted -= bits_in(run);
		}
		d &= ~run;
	}
	while (l) {
		uint64_t run = tag_run(g, w, l, &tag);

		tell(ch, MP_PGS_LAZY, tag, w, run);
		unlazy(ch, w, run);
		l &= ~run;
	}
}

static unsigned chunk_fill(struct change *ch, const struct piece *p, bool touch)
{
	struct chunk *c = ch->c;
	unsigned n = 0;

	for_words(p->from, p->to, w, mask)
	{
		n += bits_in(mask & ~c->res[w]);
		c->res[w] |= mask;
		if (c->g)
			word_again(ch, w, mask, touch);
	}
	count_resident(ch, (int)n);
	if (c->g)
		tidy(ch, p->chunk);
	return n;
}

static int64_t fill(struct mp_pageset *s, uint64_t addr, uint64_t len, bool touch,
		    struct mp_pages_did *did)
{
	uint64_t page = first_page(addr), end = end_page(addr, len);
	struct change ch = { .s = s, .did = did };
	int64_t added = 0;
	struct piece p;

	while (next_piece(&page, end, &p)) {
		if (!ch.r || ch.r->base != p.region)
			ch.r = region_make(s, p.region);
		ch.c = ch.r ? chunk_make(s, ch.r, p.chunk) : NULL;
		if (!ch.c)
			return -ENOMEM;
		ch.base = (page - p.to) << MP_PAGE_SHIFT;
		added += chunk_fill(&ch, &p, touch);
	}
	return added;
}

/* The chunk of a page and its region, if it holds resident pages and nothing given up. */
static struct chunk *plain_chunk(const struct mp_pageset *s, uint64_t page, struct region **r)
{
	struct chunk *c;

	*r = region_find(s, page >> (REGION_SHIFT - MP_PAGE_SHIFT));
	if (!*r)
		return NULL;
	c = (*r)->chunk[(page >> (CHUNK_SHIFT - MP_PAGE_SHIFT)) & (REGION_CHUNKS - 1)];
	return c && c->n && !c->g ? c : NULL;
}

/* It was not hollow, and cannot become so or stop being huge. */
static unsigned plain_more(struct mp_pageset *s, struct region *r, struct chunk *c, unsigned n)
{
	c->n += n;
	r->n += n;
	s->total += n;
	return n;
}

int64_t mp_pageset_touch_plain(struct mp_pageset *s, uint64_t addr, uint64_t len)
{
	uint64_t page = first_page(addr), pages = end_page(addr, len) - page;
	unsigned from = page & (CHUNK_PAGES - 1), n = 0;
	struct region *r;
	struct chunk *c = plain_chunk(s, page, &r);

	if (!c || !pages || pages > CHUNK_PAGES - from)
		return -1;
	for_words(from, from + (unsigned)pages, w, mask)
	{
		n += bits_in(mask & ~c->res[w]);
		c->res[w] |= mask;
	}
	return plain_more(s, r, c, n);
}

int mp_pageset_touch_page(struct mp_pageset *s, uint64_t addr)
{
	uint64_t page = first_page(addr), *word, bit = 1ULL << page % 64;
	struct region *r;
	struct chunk *c = plain_chunk(s, page, &r);

	if (!c)
		return -1;
	word = &c->res[page / 64 % WORDS];
	if (*word & bit)
		return 0;
	*word |= bit;
	return (int)plain_more(s, r, c, 1);
}

int64_t mp_pageset_touch(struct mp_pageset *s, uint64_t addr, uint64_t len,
			 struct mp_pages_did *did)
{
	return fill(s, addr, len, true, did);
}

int64_t mp_pageset_found(struct mp_pageset *s, uint64_t addr, uint64_t len,
			 struct mp_pages_did *did)
{
	return fill(s, addr, len, false, did);
}

int64_t mp_pageset_set(struct mp_pageset *s, uint64_t addr, uint64_t len, uint64_t *refaulted)
{
	struct mp_pages_did did = { 0 };
	int64_t n = fill(s, addr, len, true, &did);

	if (refaulted)
		*refaulted += did.refaulted;
	return n;
}

/* The ways in which pages stop being resident. */
enum leave { FORGET, ABSENT, DROP, UNMAP };

/* Lazy pages that a scan finds gone: dropped now, with the tag they are told to get. */
static void word_taken(const struct change *ch, unsigned w, uint64_t lazy)
{
	uint64_t tag;

	while (lazy) {
		uint64_t run = tag_run(ch->c->g, w, lazy, &tag);
		uint64_t got = tell(ch, MP_PGS_LAZY, tag, w, run);

		unlazy(ch, w, run);
		if (got)
			make_dropped(ch, w, run, got);
		lazy &= ~run;
	}
}

static void word_leaves(const struct change *ch, unsigned w, uint64_t mask, uint64_t was,
			enum leave how, uint64_t tag)
{
	struct given *g = ch->c->g;

	if (g && how == ABSENT)
		word_taken(ch, w, g->lazy[w] & mask);
	else if (g)
		unlazy(ch, w, g->lazy[w] & mask);
	if (g && (how == FORGET || how == UNMAP))
		undrop(ch, w, g->drop[w] & mask);
	if (was && (how == DROP || how == UNMAP) && given_make(ch->s, ch->c))
		make_dropped(ch, w, was, tag);
}

static unsigned chunk_leave(struct change *ch, const struct piece *p, enum leave how, uint64_t tag)
{
	struct chunk *c = ch->c;
	unsigned n = 0;

	for_words(p->from, p->to, w, mask)
	{
		uint64_t was = c->res[w] & mask;

		n += bits_in(was);
		c->res[w] &= ~mask;
		if (c->g || was)
			word_leaves(ch, w, mask, was, how, tag);
	}
	count_resident(ch, -(int)n);
	return n;
}

static int64_t leave(struct mp_pageset *s, uint64_t addr, uint64_t len, enum leave how,
		     uint64_t tag, struct mp_pages_did *did)
{
	uint64_t page = first_page(addr), end = end_page(addr, len);
	struct change ch = { .s = s, .did = did };
	bool emptied = false;
	int64_t gone = 0;
	struct piece p;

	while (next_piece(&page, end, &p)) {
		uint64_t base = (page - p.to) << MP_PAGE_SHIFT;

		ch.c = chunk_at(s, &ch.r, &p, &page, end);
		if (!ch.c)
			continue;
		ch.base = base;
		gone += chunk_leave(&ch, &p, how, tag);
		if (tidy(&ch, p.chunk))
			emptied |= !ch.r->n && !ch.r->nd;
	}
	if (emptied)
		prune(s);
	return gone;
}

int64_t mp_pageset_absent(struct mp_pageset *s, uint64_t addr, uint64_t len,
			  struct mp_pages_did *did)
{
	return leave(s, addr, len, ABSENT, 0, did);
}

int64_t mp_pageset_drop(struct mp_pageset *s, uint64_t addr, uint64_t len, uint64_t tag, int unmap,
			struct mp_pages_did *did)
{
	return leave(s, addr, len, unmap ? UNMAP : DROP, tag, did);
}

int64_t mp_pageset_clear(struct mp_pageset *s, uint64_t addr, uint64_t len, int drop)
{
	return leave(s, addr, len, drop ? DROP : FORGET, 0, NULL);
}

/* Given up again, all that was: one tag is enough again. */
static void retag_all(struct mp_pageset *s, struct given *g, const struct piece *p, uint64_t tag)
{
	unsigned n = 0;

	for_words(p->from, p->to, w, mask) n += bits_in(g->lazy[w] & mask);
	if (g->nd || n != g->nl)
		return;
	tags_free(s, g);
	g->tag = tag;
}

/* Marks (with a tag) or unmarks the lazy pages of a range; how many were at stake. */
static int64_t change_lazy(struct mp_pageset *s, uint64_t addr, uint64_t len, const uint64_t *tag,
			   struct mp_pages_did *did)
{
	uint64_t page = first_page(addr), end = end_page(addr, len);
	struct change ch = { .s = s, .did = did };
	int64_t n = 0;
	struct piece p;

	while (next_piece(&page, end, &p)) {
		ch.c = chunk_at(s, &ch.r, &p, &page, end);
		if (!ch.c || (tag ? !ch.c->n || !given_make(s, ch.c) : !ch.c->g))
			continue;
		if (tag)
			retag_all(s, ch.c->g, &p, *tag);
		for_words(p.from, p.to, w, mask)
		{
			uint64_t bits = (tag ? ch.c->res[w] : ch.c->g->lazy[w]) & mask;

			n += bits_in(bits);
			if (tag)
				make_lazy(&ch, w, bits, *tag);
			else
				unlazy(&ch, w, bits);
		}
		tidy(&ch, p.chunk);
	}
	return n;
}

int64_t mp_pageset_lazy(struct mp_pageset *s, uint64_t addr, uint64_t len, uint64_t tag,
			struct mp_pages_did *did)
{
	return change_lazy(s, addr, len, &tag, did);
}

void mp_pageset_unlazy(struct mp_pageset *s, uint64_t addr, uint64_t len, struct mp_pages_did *did)
{
	change_lazy(s, addr, len, NULL, did);
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

/* --- what it costs ------------------------------------------------------------------------ */

void mp_pageset_cost(const struct mp_pageset *s, struct mp_pageset_cost *c)
{
	c->regions = s->n_reg;
	c->chunks = s->n_chunks;
	c->tags = s->n_tags;
	c->bytes = s->n_reg * sizeof(struct region) + s->n_chunks * sizeof(struct chunk) +
		   s->n_given * sizeof(struct given) +
		   s->n_tags * CHUNK_PAGES * sizeof(uint64_t) + sizeof(*s);
}

/* --- memory that only remembers ---------------------------------------------------------- */

uint64_t mp_pageset_hollow(const struct mp_pageset *s)
{
	return s->hollow_chunks + s->hollow_regions * REGION_UNITS;
}

/* The latest tag of a chunk's dropped pages. */
static uint64_t latest(const struct given *g)
{
	uint64_t last = 0;

	if (!g->tags)
		return g->tag;
	for (unsigned i = 0; i < CHUNK_PAGES; i++)
		if (g->drop[i / 64] >> i % 64 & 1 && g->tags[i] > last)
			last = g->tags[i];
	return last;
}

uint64_t mp_pageset_forget(struct mp_pageset *s, uint64_t before)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s->n_reg; i++) {
		struct region *r = s->reg[i];

		for (size_t k = 0; k < REGION_CHUNKS; k++) {
			struct chunk *c = r->chunk[k];

			if (!c || c->n || latest(c->g) >= before)
				continue;
			n += c->g->nd;
			r->nd -= c->g->nd;
			given_free(s, c);
			free(c);
			r->chunk[k] = NULL;
			s->hollow_chunks--;
			s->n_chunks--;
		}
	}
	if (n)
		prune(s);
	return n;
}
