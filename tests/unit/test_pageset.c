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

/* --- against one byte a page ----------------------------------------------------------- */

enum { W_CHUNKS = 6, W_PAGES = W_CHUNKS * 512 };

struct naive {
	uint8_t b[W_PAGES]; /* 1 resident, 2 dropped */
};

struct run_check {
	const struct naive *n;
	uint64_t base, next; /* pages up to here were checked */
	uint8_t want;
	uint64_t pages;
};

static int check_run(void *ctx, uint64_t addr, uint64_t len)
{
	struct run_check *c = ctx;
	uint64_t i = (addr - c->base) / PG, end = i + len / PG;

	assert_true(i >= c->next);
	for (uint64_t k = c->next; k < i; k++)
		assert_true(c->n->b[k] != c->want);
	for (uint64_t k = i; k < end; k++)
		assert_true(c->n->b[k] == c->want);
	c->next = end;
	c->pages += len / PG;
	return 0;
}

static void compare(const struct mp_pageset *s, const struct naive *n, uint64_t base, uint64_t at,
		    uint64_t pages)
{
	for (uint8_t want = 1; want <= 2; want++) {
		struct run_check c = { n, base, at, want, 0 };
		uint64_t expect = 0;

		for (uint64_t k = at; k < at + pages; k++)
			expect += n->b[k] == want;
		mp_pageset_runs(s, base + at * PG, pages * PG, want == 2, check_run, &c);
		assert_int_equal(c.pages, expect);
		if (want == 1)
			assert_int_equal(mp_pageset_count(s, base + at * PG, pages * PG), expect);
	}
}

/* Maximal runs: neighbours of a run are not of its kind. */
struct gap_check {
	uint64_t last_end;
};

static int check_gap(void *ctx, uint64_t addr, uint64_t len)
{
	struct gap_check *g = ctx;

	assert_true(addr > g->last_end);
	g->last_end = addr + len;
	return 0;
}

static void random_ops(struct rnd *r, uint64_t base, int ops)
{
	struct mp_pageset *s = set_new();
	struct naive *n = calloc(1, sizeof(*n)), *tmp = malloc(sizeof(*tmp));

	assert_true(n && tmp);
	for (int op = 0; op < ops; op++) {
		uint64_t at = rnd_below(r, W_PAGES), room = W_PAGES - at;
		uint64_t len = 1 + rnd_below(r, rnd_below(r, 4) ? (room < 80 ? room : 80) : room);
		uint64_t changed = 0, re = 0, got_re = 0, to;
		unsigned what = (unsigned)rnd_below(r, 10);
		int drop = (int)rnd_below(r, 2);
		struct gap_check g = { 0 };

		if (what < 4) {
			for (uint64_t k = at; k < at + len; k++) {
				changed += n->b[k] != 1;
				re += n->b[k] == 2;
				n->b[k] = 1;
			}
			assert_int_equal(mp_pageset_set(s, base + at * PG, len * PG, &got_re),
					 changed);
			assert_int_equal(got_re, re);
		} else if (what < 8) {
			for (uint64_t k = at; k < at + len; k++) {
				changed += n->b[k] == 1;
				if (!drop)
					n->b[k] = 0;
				else if (n->b[k] == 1)
					n->b[k] = 2;
			}
			assert_int_equal(mp_pageset_clear(s, base + at * PG, len * PG, drop),
					 changed);
		} else {
			to = rnd_below(r, W_PAGES - len + 1);
			if (to < at + len && at < to + len)
				continue; /* mremap never overlaps */
			/* nothing may be left where mremap moves to */
			mp_pageset_clear(s, base + to * PG, len * PG, 0);
			memcpy(tmp->b, n->b + at, len);
			memset(n->b + at, 0, len);
			memcpy(n->b + to, tmp->b, len);
			assert_int_equal(
				mp_pageset_move(s, base + at * PG, base + to * PG, len * PG), 0);
		}
		compare(s, n, base, 0, W_PAGES);
		at = rnd_below(r, W_PAGES);
		compare(s, n, base, at, 1 + rnd_below(r, W_PAGES - at));
		g.last_end = 0;
		mp_pageset_runs(s, base, W_PAGES * PG, 0, check_gap, &g);
		assert_int_equal(mp_pageset_total(s), mp_pageset_count(s, 0, TOP));
		assert_int_equal(mp_pageset_test(s, base + at * PG) != 0, n->b[at] == 1);
	}
	free(n);
	free(tmp);
	mp_pageset_free(s);
}

static void test_random(void **state)
{
	struct rnd r = rnd_seed("test_random", 20240601);

	(void)state;
	random_ops(&r, 4 * CHUNK, 500);
	random_ops(&r, REGION - 3 * CHUNK, 500);  /* over the border of two regions */
	random_ops(&r, 2 * CHUNK + 77 * PG, 300); /* pieces and words not aligned */
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
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
