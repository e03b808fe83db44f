/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_arrival.c - when collections were whose lines tell the time since a start that nobody
 * told: lines that came one by one, together, of several runs, of several heaps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "user/rt/arrival.h"

#define MS  1000000ULL
#define SEC 1000000000ULL
#define NOW (500 * SEC)

static struct mp_gclog_gc gc(uint64_t heap, uint64_t t)
{
	struct mp_gclog_gc g;

	memset(&g, 0xff, sizeof(g));
	g.at_start = false;
	g.isolate = heap;
	g.t = t;
	return g;
}

static uint64_t one(struct mp_arrival *a, uint64_t heap, uint64_t t, uint64_t now)
{
	struct mp_gclog_gc g = gc(heap, t);
	uint64_t stamp;

	mp_arrival_stamp(a, &g, 1, now, &stamp);
	return stamp;
}

/* Each line's own distance from the last, however they came; the earliest arrival counts. */
static void one_by_one(void **state)
{
	struct mp_arrival a = { 0 };

	(void)state;
	assert_true(one(&a, 1, 1 * SEC, NOW) == NOW);
	assert_true(one(&a, 1, 2 * SEC, NOW + 1500 * MS) == NOW + SEC); /* late by half a second */
	assert_true(one(&a, 1, 3 * SEC, NOW + 1900 * MS) == NOW + 1900 * MS);
	assert_true(one(&a, 1, 4 * SEC, NOW + 3 * SEC) == NOW + 2900 * MS);
	/* another heap has its own clock */
	assert_true(one(&a, 2, 4 * SEC, NOW + 3 * SEC) == NOW + 3 * SEC);
}

/* A log that was there before: the last line is near the arrival, the others are before it. */
static void backlog(void **state)
{
	struct mp_gclog_gc g[20];
	struct mp_arrival a = { 0 };
	uint64_t stamp[20];

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		g[i] = gc(1 + i % 2, (1 + i) * SEC);
	g[19].at_start = true; /* of half a second: came at its end */
	g[19].span = 500 * MS;
	mp_arrival_stamp(&a, g, 20, NOW, stamp);
	for (unsigned i = 0; i < 20; i += 2)
		assert_true(stamp[i] == NOW - (18 - i) * SEC);
	for (unsigned i = 1; i < 20; i += 2)
		assert_true(stamp[i] == NOW - 500 * MS - (19 - i) * SEC);
	/* and what comes then is measured by what is known */
	assert_true(one(&a, 1, 20 * SEC, NOW + 3 * SEC) == NOW + SEC);
}

/* The time begins again: what was known is of the run before. */
static void runs(void **state)
{
	struct mp_gclog_gc g[4];
	struct mp_arrival a = { 0 };
	uint64_t stamp[4];

	(void)state;
	assert_true(one(&a, 1, 40 * SEC, NOW) == NOW);
	assert_true(one(&a, 1, 10 * SEC, NOW + 15 * SEC) == NOW + 15 * SEC);
	/* two of the run that is known, then two of the next one */
	g[0] = gc(1, 11 * SEC);
	g[1] = gc(1, 12 * SEC);
	g[2] = gc(1, 100 * MS);
	g[3] = gc(1, 200 * MS);
	mp_arrival_stamp(&a, g, 4, NOW + 20 * SEC, stamp);
	assert_true(stamp[0] == NOW + 16 * SEC && stamp[1] == NOW + 17 * SEC);
	assert_true(stamp[2] == NOW + 19900 * MS && stamp[3] == NOW + 20 * SEC);
	/* a log of two runs that is met for the first time: the first was over by then */
	memset(&a, 0, sizeof(a));
	mp_arrival_stamp(&a, g, 4, NOW, stamp);
	assert_true(stamp[1] == NOW - 200 * MS && stamp[0] == stamp[1] - SEC);
}

/* No time told; more heaps than are kept; times that nobody can have. */
static void odd(void **state)
{
	struct mp_arrival a = { 0 };

	(void)state;
	for (uint64_t h = 0; h < 2 * MP_ARRIVAL_HEAPS; h++)
		assert_true(one(&a, h, SEC, NOW) == NOW);
	assert_true(one(&a, 1, MP_UNKNOWN, NOW) == NOW);
	one(&a, 1, MP_UNKNOWN - 1, NOW);
	assert_true(one(&a, 1, 2 * SEC, NOW + SEC) == NOW + SEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_by_one),
		cmocka_unit_test(backlog),
		cmocka_unit_test(runs),
		cmocka_unit_test(odd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
