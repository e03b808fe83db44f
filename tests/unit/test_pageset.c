/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_pageset.c - the set of pages, at the borders of its pieces and against a
 * model of one byte a page.
 */
#include "tests/unit/ev.h"

#include <time.h>

#define CHUNK  (2 * MIB)
#define REGION (16 * GIB)
#define TOP    (1ULL << 47) /* of user addresses */
#define TOP5   (1ULL << 56) /* with five levels of page tables */

struct run_list {
	size_t n, stop_at;
	uint64_t addr[64], len[64];
};

static int add_run(void *ctx, uint64_t addr, uint64_t len)
{
	struct run_list *l = ctx;

	assert_true(l->n < 64);
	l->addr[l->n] = addr;
	l->len[l->n++] = len;
	return l->n == l->stop_at ? 7 : 0;
}

static struct mp_pageset *set_new(void)
{
	struct mp_pageset *s = mp_pageset_new();

	assert_non_null(s);
	return s;
}

static void test_empty(void **state)
{
	struct mp_pageset *s = set_new();
	struct run_list l = { 0 };

	(void)state;
	assert_int_equal(mp_pageset_total(s), 0);
	assert_int_equal(mp_pageset_count(s, 0, TOP), 0);
	assert_false(mp_pageset_test(s, 0x1000));
	assert_int_equal(mp_pageset_clear(s, 0, TOP, 1), 0);
	assert_int_equal(mp_pageset_runs(s, 0, TOP, 0, add_run, &l), 0);
	assert_int_equal(mp_pageset_runs(s, 0, TOP, 1, add_run, &l), 0);
	assert_int_equal(l.n, 0);
	assert_int_equal(mp_pageset_set(s, 0x1000, 0, NULL), 0);
	assert_int_equal(mp_pageset_total(s), 0);
	mp_pageset_free(s);
	mp_pageset_free(NULL);
}

static void test_one_page(void **state)
{
	struct mp_pageset *s = set_new();

	(void)state;
	assert_int_equal(mp_pageset_set(s, 0x7000, PG, NULL), 1);
	assert_int_equal(mp_pageset_set(s, 0x7000, PG, NULL), 0);
	assert_true(mp_pageset_test(s, 0x7000));
	assert_true(mp_pageset_test(s, 0x7fff));
	assert_false(mp_pageset_test(s, 0x6fff));
	assert_false(mp_pageset_test(s, 0x8000));
	assert_int_equal(mp_pageset_total(s), 1);
	assert_int_equal(mp_pageset_clear(s, 0x7000, PG, 0), 1);
	assert_int_equal(mp_pageset_clear(s, 0x7000, PG, 0), 0);
	assert_int_equal(mp_pageset_total(s), 0);
	mp_pageset_free(s);
}

/* "All addresses and lengths are bytes and are widened to whole pages." */
static void test_widened_to_pages(void **state)
{
	struct mp_pageset *s = set_new();

	(void)state;
	assert_int_equal(mp_pageset_set(s, 0x1fff, 2, NULL), 2);
	assert_true(mp_pageset_test(s, 0x1000) && mp_pageset_test(s, 0x2000));
	assert_int_equal(mp_pageset_count(s, 0x1800, 1), 1);
	assert_int_equal(mp_pageset_count(s, 0x1fff, 2), 2);
	assert_int_equal(mp_pageset_clear(s, 0x2fff, 1, 0), 1);
	assert_false(mp_pageset_test(s, 0x2000));
	mp_pageset_free(s);
}

/* A run over the border of two pieces is one run, and counts from both sides. */
static void over_border(uint64_t border)
{
	struct mp_pageset *s = set_new();
	struct run_list l = { 0 };

	assert_int_equal(mp_pageset_set(s, border - 3 * PG, 5 * PG, NULL), 5);
	assert_int_equal(mp_pageset_count(s, border - CHUNK, CHUNK), 3);
	assert_int_equal(mp_pageset_count(s, border, CHUNK), 2);
	assert_int_equal(mp_pageset_runs(s, 0, TOP, 0, add_run, &l), 0);
	assert_int_equal(l.n, 1);
	assert_int_equal(l.addr[0], border - 3 * PG);
	assert_int_equal(l.len[0], 5 * PG);
	assert_int_equal(mp_pageset_clear(s, border - PG, 2 * PG, 1), 2);
	memset(&l, 0, sizeof(l));
	assert_int_equal(mp_pageset_runs(s, 0, TOP, 0, add_run, &l), 0);
	assert_int_equal(l.n, 2);
	assert_int_equal(l.addr[0], border - 3 * PG);
	assert_int_equal(l.len[0], 2 * PG);
	assert_int_equal(l.addr[1], border + PG);
	assert_int_equal(l.len[1], PG);
	memset(&l, 0, sizeof(l));
	assert_int_equal(mp_pageset_runs(s, 0, TOP, 1, add_run, &l), 0);
	assert_int_equal(l.n, 1);
	assert_int_equal(l.addr[0], border - PG);
	assert_int_equal(l.len[0], 2 * PG);
	mp_pageset_free(s);
}

static void test_chunk_border(void **state)
{
	(void)state;
	over_border(CHUNK);
	over_border(5 * CHUNK);
	over_border(0x7f0000000000ULL);
}

static void test_region_border(void **state)
{
	(void)state;
	over_border(REGION);
	over_border(3 * REGION);
	over_border(TOP / 2);
	for (unsigned sh = 22; sh < 47; sh++) /* wherever it is divided */
		over_border(1ULL << sh);
}

static void test_word_borders(void **state)
{
	(void)state;
	for (uint64_t n = 60; n < 70; n++)
		over_border(CHUNK + n * PG);
}

static void test_runs_clipped(void **state)
{
	struct mp_pageset *s = set_new();
	struct run_list l = { 0 };

	(void)state;
	mp_pageset_set(s, 10 * PG, 10 * PG, NULL);
	assert_int_equal(mp_pageset_runs(s, 12 * PG, 3 * PG, 0, add_run, &l), 0);
	assert_int_equal(l.n, 1);
	assert_int_equal(l.addr[0], 12 * PG);
	assert_int_equal(l.len[0], 3 * PG);
	mp_pageset_free(s);
}

static void test_runs_stop(void **state)
{
	struct mp_pageset *s = set_new();
	struct run_list l = { .stop_at = 2 };

	(void)state;
	for (int i = 0; i < 5; i++)
		mp_pageset_set(s, (uint64_t)i * CHUNK, PG, NULL);
	assert_int_equal(mp_pageset_runs(s, 0, TOP, 0, add_run, &l), 7);
	assert_int_equal(l.n, 2);
	mp_pageset_free(s);
}

static void test_refault(void **state)
{
	struct mp_pageset *s = set_new();
	uint64_t re = 100;

	(void)state;
	mp_pageset_set(s, 0x10000, 8 * PG, &re);
	assert_int_equal(re, 100);
	mp_pageset_clear(s, 0x10000, 4 * PG, 1);
	mp_pageset_clear(s, 0x14000, 2 * PG, 0);
	assert_int_equal(mp_pageset_set(s, 0x10000, 8 * PG, &re), 6);
	assert_int_equal(re, 104);
	/* resident again: dropped no more */
	mp_pageset_clear(s, 0x10000, 4 * PG, 0);
	mp_pageset_set(s, 0x10000, 4 * PG, &re);
	assert_int_equal(re, 104);
	mp_pageset_free(s);
}

/* A drop of pages that were not resident: nothing left, nothing comes back. A
 * clear without drop ends the memory of an earlier drop: the page is new ground. */
static void test_drop_memory(void **state)
{
	struct mp_pageset *s = set_new();
	struct run_list l = { 0 };
	uint64_t re = 0;

	(void)state;
	mp_pageset_set(s, 0, 4 * PG, NULL);
	mp_pageset_clear(s, 0, 4 * PG, 1);
	assert_int_equal(mp_pageset_clear(s, 0, 4 * PG, 1), 0);
	mp_pageset_runs(s, 0, TOP, 1, add_run, &l);
	assert_int_equal(l.n, 1);
	assert_int_equal(l.len[0], 4 * PG);
	assert_int_equal(mp_pageset_clear(s, 0, 2 * PG, 0), 0);
	mp_pageset_set(s, 0, 4 * PG, &re);
	assert_int_equal(re, 2);
	mp_pageset_free(s);
}

static void test_move(void **state)
{
	struct mp_pageset *s = set_new();
	uint64_t from = 3 * CHUNK - 2 * PG, to = REGION - 3 * PG, re = 0;

	(void)state;
	mp_pageset_set(s, from, 5 * PG, NULL);
	mp_pageset_clear(s, from + PG, PG, 1);
	assert_int_equal(mp_pageset_move(s, from, to, 6 * PG), 0);
	assert_int_equal(mp_pageset_count(s, from, 6 * PG), 0);
	assert_int_equal(mp_pageset_count(s, to, 6 * PG), 4);
	assert_false(mp_pageset_test(s, to + PG));
	assert_false(mp_pageset_test(s, to + 5 * PG));
	assert_int_equal(mp_pageset_total(s), 4);
	mp_pageset_set(s, from, 6 * PG, &re);
	assert_int_equal(re, 0); /* the source is left undropped */
	mp_pageset_set(s, to, 6 * PG, &re);
	assert_int_equal(re, 1); /* the state moved: the drop too */
	mp_pageset_free(s);
}

static void test_reset(void **state)
{
	struct mp_pageset *s = set_new();
	uint64_t re = 0;

	(void)state;
	mp_pageset_set(s, CHUNK - PG, 2 * CHUNK, NULL);
	mp_pageset_clear(s, CHUNK, PG, 1);
	mp_pageset_reset(s);
	assert_int_equal(mp_pageset_total(s), 0);
	mp_pageset_set(s, CHUNK - PG, 2 * CHUNK, &re);
	assert_int_equal(re, 0);
	mp_pageset_free(s);
}

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * SEC + (uint64_t)t.tv_nsec;
}

/* "counting over a range skips what is empty" */
static void test_whole_space_is_fast(void **state)
{
	struct mp_pageset *s = set_new();
	uint64_t t = cpu_ns();
	struct run_list l = { 0 };

	(void)state;
	for (uint64_t i = 0; i < 32; i++)
		mp_pageset_set(s, i * (TOP / 32) + CHUNK, PG, NULL);
	for (int i = 0; i < 100; i++)
		assert_int_equal(mp_pageset_count(s, 0, TOP), 32);
	assert_int_equal(mp_pageset_count(s, 0, TOP5), 32);
	mp_pageset_runs(s, 0, TOP5, 0, add_run, &l);
	assert_int_equal(l.n, 32);
	assert_int_equal(mp_pageset_clear(s, 0, TOP5, 1), 32);
	assert_int_equal(mp_pageset_total(s), 0);
	assert_true(cpu_ns() - t < 3 * SEC);
	mp_pageset_free(s);
}

/* --- tags ------------------------------------------------------------------------------- */

struct told {
	size_t n;
	struct {
		enum mp_pages_kind kind;
		uint64_t tag, addr, pages;
	} v[64];
	uint64_t answer;
};

static uint64_t note_told(void *ctx, enum mp_pages_kind kind, uint64_t tag, uint64_t addr,
			  uint64_t pages)
{
	struct told *t = ctx;

	assert_true(t->n < 64);
	t->v[t->n].kind = kind;
	t->v[t->n].tag = tag;
	t->v[t->n].addr = addr;
	t->v[t->n++].pages = pages;
	return t->answer;
}

static uint64_t told_pages(const struct told *t, enum mp_pages_kind kind, uint64_t tag)
{
	uint64_t n = 0;

	for (size_t i = 0; i < t->n; i++)
		n += t->v[i].kind == kind && t->v[i].tag == tag ? t->v[i].pages : 0;
	return n;
}

static void sound(const struct mp_pageset *s)
{
	assert_int_equal(mp_pageset_check(s), 0);
}

/* Each touch tells whose drop it undoes, page by page. */
static void test_tags_told(void **state)
{
	struct mp_pageset *s = set_new();
	struct told t = { 0 };
	struct mp_pages_did did = { .fn = note_told, .ctx = &t };
	uint64_t at = CHUNK - 4 * PG, tag = 0;

	(void)state;
	mp_pageset_set(s, at, 8 * PG, NULL);
	assert_int_equal(mp_pageset_drop(s, at, 8 * PG, 7, 0, NULL), 8);
	assert_int_equal(mp_pageset_drop(s, at, 8 * PG, 9, 0, NULL), 0); /* gone already */
	mp_pageset_set(s, at + 2 * PG, PG, NULL);
	mp_pageset_drop(s, at + 2 * PG, PG, 8, 0, NULL);
	assert_int_equal(mp_pageset_dropped(s, at + 2 * PG, &tag), 1);
	assert_int_equal(tag, 8);
	assert_int_equal(mp_pageset_dropped(s, at + PG + 5, &tag), 1);
	assert_int_equal(tag, 7);
	assert_int_equal(mp_pageset_dropped(s, at + 8 * PG, &tag), 0);
	assert_int_equal(mp_pageset_touch(s, at + PG, 5 * PG, &did), 5);
	assert_int_equal(did.refaulted, 5);
	assert_int_equal(told_pages(&t, MP_PGS_DROPPED, 7), 4);
	assert_int_equal(told_pages(&t, MP_PGS_DROPPED, 8), 1);
	assert_int_equal(t.v[0].addr, at + PG);
	assert_int_equal(t.v[1].addr, at + 2 * PG);
	sound(s);
	mp_pageset_free(s);
}

/* An unmapping is the end of what was dropped before; what it drops it remembers. */
static void test_unmap(void **state)
{
	struct mp_pageset *s = set_new();
	struct told t = { 0 };
	struct mp_pages_did did = { .fn = note_told, .ctx = &t };

	(void)state;
	mp_pageset_set(s, 0, 8 * PG, NULL);
	mp_pageset_drop(s, 0, 4 * PG, 7, 0, NULL);
	assert_int_equal(mp_pageset_drop(s, 0, 8 * PG, 9, 1, NULL), 4);
	mp_pageset_touch(s, 0, 8 * PG, &did);
	assert_int_equal(did.refaulted, 4);
	assert_int_equal(told_pages(&t, MP_PGS_DROPPED, 9), 4);
	assert_int_equal(t.n, 1);
	sound(s);
	mp_pageset_free(s);
}

static void test_lazy(void **state)
{
	struct mp_pageset *s = set_new();
	struct told t = { 0 };
	struct mp_pages_did did = { .fn = note_told, .ctx = &t };
	uint64_t tag = 0;

	(void)state;
	mp_pageset_set(s, 0, 8 * PG, NULL);
	assert_int_equal(mp_pageset_lazy(s, 0, 16 * PG, 5, &did), 8);
	assert_int_equal(did.lazy_on, 8);
	assert_int_equal(mp_pageset_lazy(s, 0, 2 * PG, 6, &did), 2); /* again: a later tag */
	assert_int_equal(did.lazy_on, 8);
	assert_int_equal(mp_pageset_total_lazy(s), 8);
	assert_int_equal(mp_pageset_count_lazy(s, PG, 3 * PG), 3);
	assert_int_equal(mp_pageset_total(s), 8);
	/* a scan that finds it resident changes nothing; a touch takes it back */
	mp_pageset_found(s, 0, 8 * PG, &did);
	assert_int_equal(t.n, 0);
	assert_int_equal(mp_pageset_total_lazy(s), 8);
	mp_pageset_touch(s, PG, 2 * PG, &did);
	assert_int_equal(told_pages(&t, MP_PGS_LAZY, 6), 1);
	assert_int_equal(told_pages(&t, MP_PGS_LAZY, 5), 1);
	assert_int_equal(did.lazy_off, 2);
	assert_int_equal(did.refaulted, 0);
	/* a scan that does not find it: the kernel took it, it is dropped with the answer */
	t = (struct told){ .answer = 77 };
	assert_int_equal(mp_pageset_absent(s, 0, 4 * PG, &did), 4);
	assert_int_equal(told_pages(&t, MP_PGS_LAZY, 6) + told_pages(&t, MP_PGS_LAZY, 5), 2);
	assert_int_equal(mp_pageset_dropped(s, 3 * PG, &tag), 1);
	assert_int_equal(tag, 77);
	assert_int_equal(mp_pageset_dropped(s, PG, &tag), 0);
	sound(s);
	/* found again: back to lazy with the answer, and no refault */
	t = (struct told){ .answer = 5 };
	did.refaulted = 0;
	assert_int_equal(mp_pageset_found(s, 0, PG, &did), 1);
	assert_int_equal(told_pages(&t, MP_PGS_DROPPED, 77), 1);
	assert_int_equal(did.refaulted, 0);
	assert_int_equal(mp_pageset_count_lazy(s, 0, PG), 1);
	mp_pageset_unlazy(s, 0, TOP, NULL);
	assert_int_equal(mp_pageset_total_lazy(s), 0);
	assert_int_equal(mp_pageset_total(s), 5);
	sound(s);
	mp_pageset_free(s);
}

/* What only remembers drops can be given back, the oldest first. */
static void test_forget(void **state)
{
	struct mp_pageset *s = set_new();
	uint64_t re = 0, tag;

	(void)state;
	for (uint64_t i = 0; i < 10; i++) {
		mp_pageset_set(s, i * CHUNK, 3 * PG, NULL);
		mp_pageset_drop(s, i * CHUNK, 3 * PG, 100 + i, 0, NULL);
	}
	mp_pageset_set(s, 0, PG, NULL); /* has a resident page: is not given back */
	assert_in_range(mp_pageset_hollow(s), 9, 9);
	assert_int_equal(mp_pageset_forget(s, 105), 4 * 3);
	assert_int_equal(mp_pageset_hollow(s), 5);
	assert_int_equal(mp_pageset_dropped(s, PG, &tag), 1);
	assert_int_equal(mp_pageset_dropped(s, CHUNK, &tag), 0);
	assert_int_equal(mp_pageset_dropped(s, 5 * CHUNK, &tag), 1);
	sound(s);
	mp_pageset_drop(s, 0, PG, 100, 0, NULL);
	assert_in_range(mp_pageset_hollow(s), 7, 64); /* the region is hollow too */
	assert_int_equal(mp_pageset_forget(s, ~0ULL), 6 * 3);
	assert_int_equal(mp_pageset_hollow(s), 0);
	mp_pageset_set(s, 0, 10 * CHUNK, &re);
	assert_int_equal(re, 0);
	sound(s);
	mp_pageset_free(s);
}

/* --- against one byte a page ----------------------------------------------------------- */

enum { W_CHUNKS = 6, W_PAGES = W_CHUNKS * 512 };
enum { GONE, RES, DROPPED, LAZY };

struct naive {
	uint8_t b[W_PAGES];
	uint64_t tag[W_PAGES];
};

static bool is_kind(uint8_t b, enum mp_pages_kind kind)
{
	return kind == MP_PGS_RESIDENT ? b == RES || b == LAZY
				       : b == (kind == MP_PGS_LAZY ? LAZY : DROPPED);
}

struct run_check {
	const struct naive *n;
	uint64_t base, next, last_end; /* pages up to `next` were checked */
	enum mp_pages_kind kind;
	uint64_t pages, last_tag;
	bool tags;
};

static int check_tags(void *ctx, uint64_t addr, uint64_t len, uint64_t tag)
{
	struct run_check *c = ctx;
	uint64_t i = (addr - c->base) / PG, end = i + len / PG;

	assert_true(i >= c->next);
	for (uint64_t k = c->next; k < i; k++)
		assert_false(is_kind(c->n->b[k], c->kind));
	for (uint64_t k = i; k < end; k++) {
		assert_true(is_kind(c->n->b[k], c->kind));
		assert_true(!c->tags || c->n->tag[k] == tag);
	}
	/* maximal: neighbours of a run are not of its kind, or of another tag */
	assert_true(addr > c->last_end || (c->tags && tag != c->last_tag));
	c->last_end = addr + len;
	c->last_tag = tag;
	c->next = end;
	c->pages += len / PG;
	return 0;
}

static int check_run(void *ctx, uint64_t addr, uint64_t len)
{
	return check_tags(ctx, addr, len, 0);
}

static void compare(const struct mp_pageset *s, const struct naive *n, uint64_t base, uint64_t at,
		    uint64_t pages)
{
	for (enum mp_pages_kind kind = MP_PGS_RESIDENT; kind <= MP_PGS_LAZY; kind++) {
		struct run_check c = { .n = n, .base = base, .next = at, .kind = kind }, d = c;
		uint64_t expect = 0, from = base + at * PG;

		for (uint64_t k = at; k < at + pages; k++)
			expect += is_kind(n->b[k], kind);
		mp_pageset_runs(s, from, pages * PG, kind, check_run, &c);
		assert_int_equal(c.pages, expect);
		d.tags = true;
		if (kind != MP_PGS_RESIDENT)
			mp_pageset_tags(s, from, pages * PG, kind, check_tags, &d);
		assert_int_equal(d.pages, kind != MP_PGS_RESIDENT ? expect : 0);
		if (kind == MP_PGS_RESIDENT)
			assert_int_equal(mp_pageset_count(s, from, pages * PG), expect);
		if (kind == MP_PGS_LAZY)
			assert_int_equal(mp_pageset_count_lazy(s, from, pages * PG), expect);
	}
}

/* What the callback must be told, page by page, and what it answers. */
struct expect {
	const struct naive *n;
	uint64_t base, dropped, lazy;
	bool revive; /* even tags: answer tag + 1000 */
};

static uint64_t expect_told(void *ctx, enum mp_pages_kind kind, uint64_t tag, uint64_t addr,
			    uint64_t pages)
{
	struct expect *x = ctx;

	for (uint64_t k = (addr - x->base) / PG, end = k + pages; k < end; k++) {
		assert_int_equal(x->n->b[k], kind == MP_PGS_LAZY ? LAZY : DROPPED);
		assert_int_equal(x->n->tag[k], tag);
	}
	*(kind == MP_PGS_LAZY ? &x->lazy : &x->dropped) += pages;
	return x->revive && tag % 2 == 0 ? tag + 1000 : 0;
}

struct op {
	uint64_t at, len; /* pages */
	uint64_t was_res, was_dropped, was_lazy;
};

static struct op random_range(struct rnd *r, const struct naive *n)
{
	struct op o = { .at = rnd_below(r, W_PAGES) };
	uint64_t room = W_PAGES - o.at;

	o.len = 1 + rnd_below(r, rnd_below(r, 4) ? (room < 80 ? room : 80) : room);
	for (uint64_t k = o.at; k < o.at + o.len; k++) {
		o.was_res += is_kind(n->b[k], MP_PGS_RESIDENT);
		o.was_dropped += n->b[k] == DROPPED;
		o.was_lazy += n->b[k] == LAZY;
	}
	return o;
}

/* Does one change to both, and checks what it says it did. */
static void change(struct mp_pageset *s, struct naive *n, uint64_t base, struct op o, unsigned what,
		   uint64_t tag)
{
	struct expect x = { .n = n, .base = base, .revive = true };
	struct mp_pages_did did = { .fn = expect_told, .ctx = &x };
	uint64_t a = base + o.at * PG, len = o.len * PG, revived = 0;
	int64_t got;

	for (uint64_t k = o.at; k < o.at + o.len; k++)
		revived += n->b[k] == DROPPED && n->tag[k] % 2 == 0;
	switch (what) {
	case 0:
	case 1:
		assert_int_equal(mp_pageset_touch(s, a, len, &did), o.len - o.was_res);
		assert_int_equal(did.refaulted, o.was_dropped);
		assert_int_equal(x.dropped, o.was_dropped);
		assert_int_equal(x.lazy, o.was_lazy);
		assert_int_equal(did.lazy_off, o.was_lazy);
		break;
	case 2:
		assert_int_equal(mp_pageset_found(s, a, len, &did), o.len - o.was_res);
		assert_int_equal(x.dropped, o.was_dropped);
		assert_int_equal(did.refaulted, o.was_dropped - revived);
		assert_int_equal(did.lazy_on, revived);
		break;
	case 3:
		assert_int_equal(mp_pageset_absent(s, a, len, &did), o.was_res);
		assert_int_equal(x.lazy, o.was_lazy);
		break;
	case 4:
	case 5:
		got = mp_pageset_drop(s, a, len, tag, what == 5, &did);
		assert_int_equal(got, o.was_res);
		assert_int_equal(did.lazy_off, o.was_lazy);
		break;
	case 6:
		assert_int_equal(mp_pageset_lazy(s, a, len, tag, &did), o.was_res);
		assert_int_equal(did.lazy_on, o.was_res - o.was_lazy);
		break;
	case 7:
		mp_pageset_unlazy(s, a, len, &did);
		assert_int_equal(did.lazy_off, o.was_lazy);
		break;
	default:
		assert_int_equal(mp_pageset_clear(s, a, len, 0), o.was_res);
		break;
	}
	for (uint64_t k = o.at; k < o.at + o.len; k++) {
		uint8_t was = n->b[k];
		bool res = is_kind(was, MP_PGS_RESIDENT), even = n->tag[k] % 2 == 0;

		switch (what) {
		case 0:
		case 1:
			n->b[k] = RES;
			break;
		case 2:
			n->b[k] = was == LAZY || (was == DROPPED && even) ? LAZY : RES;
			n->tag[k] += was == DROPPED && even ? 1000 : 0;
			break;
		case 3:
			n->b[k] = was == DROPPED || (was == LAZY && even) ? DROPPED : GONE;
			n->tag[k] += was == LAZY && even ? 1000 : 0;
			break;
		case 4:
		case 5:
			n->b[k] = res ? DROPPED : what == 5 ? GONE : was;
			n->tag[k] = res ? tag : n->tag[k];
			break;
		case 6:
			n->b[k] = res ? LAZY : was;
			n->tag[k] = res ? tag : n->tag[k];
			break;
		case 7:
			n->b[k] = res ? RES : was;
			break;
		default:
			n->b[k] = GONE;
			break;
		}
	}
}

static void move(struct rnd *r, struct mp_pageset *s, struct naive *n, uint64_t base, struct op o)
{
	struct naive *tmp = malloc(sizeof(*tmp));
	uint64_t to = rnd_below(r, W_PAGES - o.len + 1);

	assert_non_null(tmp);
	if (to >= o.at + o.len || o.at >= to + o.len) { /* mremap never overlaps */
		/* nothing may be left where mremap moves to */
		mp_pageset_clear(s, base + to * PG, o.len * PG, 0);
		memcpy(tmp->b, n->b + o.at, o.len);
		memcpy(tmp->tag, n->tag + o.at, o.len * sizeof(uint64_t));
		memset(n->b + o.at, GONE, o.len);
		memcpy(n->b + to, tmp->b, o.len);
		memcpy(n->tag + to, tmp->tag, o.len * sizeof(uint64_t));
		assert_int_equal(mp_pageset_move(s, base + o.at * PG, base + to * PG, o.len * PG),
				 0);
	}
	free(tmp);
}

static void random_ops(struct rnd *r, uint64_t base, int ops)
{
	struct mp_pageset *s = set_new();
	struct naive *n = calloc(1, sizeof(*n));

	assert_non_null(n);
	for (int i = 0; i < ops; i++) {
		unsigned what = (unsigned)rnd_below(r, 11);
		struct op o = random_range(r, n);
		uint64_t at;

		if (what >= 9)
			move(r, s, n, base, o);
		else
			change(s, n, base, o, what, 1 + rnd_below(r, 4));
		sound(s);
		compare(s, n, base, 0, W_PAGES);
		at = rnd_below(r, W_PAGES);
		compare(s, n, base, at, 1 + rnd_below(r, W_PAGES - at));
		assert_int_equal(mp_pageset_total(s), mp_pageset_count(s, 0, TOP));
		assert_int_equal(mp_pageset_total_lazy(s), mp_pageset_count_lazy(s, 0, TOP));
		assert_int_equal(mp_pageset_test(s, base + at * PG) != 0,
				 is_kind(n->b[at], MP_PGS_RESIDENT));
	}
	free(n);
	mp_pageset_free(s);
}

static void test_random(void **state)
{
	struct rnd r = rnd_seed("test_random", 20240601);

	(void)state;
	random_ops(&r, 4 * CHUNK, 1000);
	random_ops(&r, REGION - 3 * CHUNK, 1000); /* over the border of two regions */
	random_ops(&r, 2 * CHUNK + 77 * PG, 500); /* pieces and words not aligned */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_one_page),
		cmocka_unit_test(test_widened_to_pages),
		cmocka_unit_test(test_chunk_border),
		cmocka_unit_test(test_region_border),
		cmocka_unit_test(test_word_borders),
		cmocka_unit_test(test_runs_clipped),
		cmocka_unit_test(test_runs_stop),
		cmocka_unit_test(test_refault),
		cmocka_unit_test(test_drop_memory),
		cmocka_unit_test(test_move),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_whole_space_is_fast),
		cmocka_unit_test(test_tags_told),
		cmocka_unit_test(test_unmap),
		cmocka_unit_test(test_lazy),
		cmocka_unit_test(test_forget),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
