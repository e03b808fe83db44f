/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_align.c - the times of a log on a recording's clock, where the truth is known: a log is
 * made of collections at known times, shifted and blurred; what is found must be within the
 * error that is claimed, and nothing may be claimed of what only looks alike.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/ev.h"
#include "user/rt/align.h"

#define N 200

/* Collections at random distances, of random sizes. */
static void make(struct rnd *r, struct mp_align_gc v[N])
{
	uint64_t ts = T0;

	for (int i = 0; i < N; i++) {
		ts += 20 * MS + rnd_below(r, 100 * MS);
		v[i] = (struct mp_align_gc){ .ts = ts,
					     .pause = MS + rnd_below(r, 9 * MS),
					     .before = (8 + rnd_below(r, 40)) * MIB };
		v[i].after = v[i].before / 2;
	}
}

static void shifted(const struct mp_align_gc *v, int n, int64_t by, struct rnd *r, uint64_t blur,
		    struct mp_align_gc *out)
{
	for (int i = 0; i < n; i++) {
		out[i] = v[i];
		out[i].ts += (uint64_t)by + (blur ? rnd_below(r, blur) : 0);
	}
}

static uint64_t apart(int64_t a, int64_t b)
{
	return (uint64_t)llabs(a - b);
}

/* A log of all, a recording of a part of it: the shift is found, and each is paired. */
static void the_same_collections(void **state)
{
	struct rnd r = rnd_seed("align", 20261122);
	static struct mp_align_gc truth[N], log[N];
	uint32_t pair[N];
	struct mp_align a;
	uint64_t spread;

	(void)state;
	make(&r, truth);
	shifted(truth, N, -(int64_t)(37 * MS), &r, MS, log);
	assert_true(mp_align_match(log, N, truth + 50, 60, 0, 50 * MS, 2 * SEC, &a));
	assert_int_equal(a.how, MP_ALIGN_MATCH);
	assert_true(a.n >= 60);
	assert_true(apart(a.shift, 37 * MS) < MS);
	assert_int_equal(mp_align_pair(log, N, truth + 50, 60, 0, a.shift, 5 * MS, pair, &spread),
			 60);
	assert_true(spread <= MS);
	for (int i = 0; i < N; i++)
		assert_int_equal(pair[i], i >= 50 && i < 110 ? (unsigned)i - 49 : 0);
	/* beyond what is usual, too: nothing else comes near */
	shifted(truth, N, -(int64_t)(700 * MS), &r, MS, log);
	assert_true(mp_align_match(log, N, truth + 50, 60, 0, 50 * MS, 2 * SEC, &a));
	assert_true(apart(a.shift, 700 * MS) < MS);
}

/* Others of the same process' kind agree here and there; that is no shift. A steady program
 * agrees with itself one period on: only what is usual decides. */
static void chance(void **state)
{
	struct rnd r = rnd_seed("align", 20261122);
	static struct mp_align_gc a1[N], b1[N];
	struct mp_align a;

	(void)state;
	make(&r, a1);
	make(&r, b1);
	assert_false(mp_align_match(a1, N, b1, N, MIB, 50 * MS, 2 * SEC, &a));
	assert_int_equal(a.how, MP_ALIGN_NONE);
	for (int i = 0; i < N; i++)
		a1[i] = (struct mp_align_gc){ T0 + (uint64_t)i * 100 * MS, MS, 9 * MIB, MIB };
	shifted(a1, N, -(int64_t)(20 * MS), &r, MS, b1);
	assert_true(mp_align_match(b1, N, a1 + 50, 60, 0, 40 * MS, 2 * SEC, &a));
	assert_true(apart(a.shift, 20 * MS) < MS);
	shifted(a1, N, -(int64_t)(250 * MS), &r, MS, b1);
	assert_false(mp_align_match(b1, N, a1 + 50, 60, 0, 40 * MS, 2 * SEC, &a));
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Threads that fault all the time but in pauses. */
static void silence(void **state)
{
	static struct mp_align_gc truth[N], log[N];
	struct rnd r = rnd_seed("align", 20261122);
	static uint64_t marks[60000];
	struct mp_align a;
	size_t n = 0;
	int at = 0;

	(void)state;
	make(&r, truth);
	for (uint64_t t = T0; n < 60000 && at < N; t += 50 * US + rnd_below(&r, 300 * US)) {
		while (at < N && truth[at].ts < t)
			at++;
		if (at < N && t + truth[at].pause > truth[at].ts)
			continue;
		marks[n++] = t;
	}
	shifted(truth, N, -(int64_t)(13 * MS), &r, 0, log);
	assert_true(mp_align_silence(log, N, marks, n, 50 * MS, &a));
	assert_int_equal(a.how, MP_ALIGN_SILENCE);
	assert_true(apart(a.shift, 13 * MS) <= a.err && a.err < 4 * MS);
	/* one that faults in pauses, too, if at an eighth of its rate */
	for (size_t i = 0; i < n; i += 100)
		marks[i] = truth[i % N].ts - truth[i % N].pause / 2;
	qsort(marks, n, sizeof(marks[0]), by_value);
	assert_false(mp_align_silence(log, N, marks, n, 50 * MS, &a));
	/* a thread that knows nothing of the pauses */
	for (size_t i = 0; i < n; i++)
		marks[i] = T0 + i * 100 * US;
	assert_false(mp_align_silence(log, N, marks, n, 50 * MS, &a));
}

/* Memory given back a little after some collections, and for other reasons. */
static void releases(void **state)
{
	static struct mp_align_gc truth[N], log[N];
	struct rnd r = rnd_seed("align", 20261122);
	struct mp_align a;
	uint64_t marks[N];

	(void)state;
	make(&r, truth);
	for (int i = 0; i < N; i++)
		marks[i] = truth[i].ts + rnd_below(&r, 3 * MS);
	shifted(truth, N, -(int64_t)(60 * MS), &r, 0, log);
	assert_true(mp_align_release(log, N, marks, N, 200 * MS, &a));
	assert_true(apart(a.shift, 60 * MS) <= a.err && a.err < 12 * MS);
	for (int i = 0; i < N; i++)
		marks[i] = T0 + (uint64_t)i * 70 * MS;
	assert_false(mp_align_release(log, N, marks, N, 200 * MS, &a));
}

/* The wall clock was set forward by an hour, then back by two. */
static void wall(void **state)
{
	const uint64_t h = 3600 * SEC, w = 1000000 * SEC;
	const struct mp_align_clock c[] = { { T0, w, T0 },
					    { T0 + 100 * SEC, w + 100 * SEC + h, T0 + 100 * SEC },
					    { T0 + 200 * SEC, w + 200 * SEC - h, T0 + 260 * SEC } };
	uint64_t off;

	(void)state;
	assert_true(mp_align_wall(c, 3, w - 5 * SEC, 0, &off) == T0 - 5 * SEC && !off);
	assert_true(mp_align_wall(c, 3, w + 50 * SEC, 0, &off) == T0 + 50 * SEC && !off);
	assert_true(mp_align_wall(c, 3, w + h + 150 * SEC, 0, &off) == T0 + 150 * SEC && !off);
	assert_true(mp_align_wall(c, 3, w - h + 250 * SEC, T0 + 201 * SEC, &off) == T0 + 250 * SEC);
	assert_true(mp_align_wall(c, 2, w + 102 * SEC, 0, &off) == T0 + 102 * SEC);
	assert_true(off >= 2 * SEC); /* nobody read that off the clock */
	assert_true(mp_align_wall(c, 0, w, 0, &off) == MP_UNKNOWN);
	assert_true(mp_align_boot(c, 3, T0 - SEC) == T0 - SEC);
	assert_true(mp_align_boot(c, 3, T0 + 270 * SEC) == T0 + 210 * SEC);
}

/* The first threads say when a runtime looked at the clock; without them it is a wide guess. */
static void starts(void **state)
{
	const uint64_t t[] = { T0 + 20 * MS, T0 + 21 * MS, T0 + 21 * MS,
			       T0 + 21 * MS, T0 + 22 * MS, T0 + 80 * MS };
	const uint64_t late[] = { T0 + 10 * MS, T0 + 90 * MS };
	uint64_t err, zero;

	(void)state;
	zero = mp_align_start(MP_GCLOG_V8, T0, true, t, 6, &err);
	assert_true(zero - err <= T0 + 22 * MS && zero + err >= T0 + 30 * MS && err < 10 * MS);
	zero = mp_align_start(MP_GCLOG_V8, T0 - 200 * MS, true, t, 6,
			      &err); /* the machine is busy */
	assert_true(zero + err >= T0 + 80 * MS && zero + err < T0 + 83 * MS);
	zero = mp_align_start(MP_GCLOG_V8, T0, true, t, 4, &err); /* Node 8 */
	assert_true(zero - err <= T0 + 21 * MS && err < 10 * MS);
	zero = mp_align_start(MP_GCLOG_UNIFIED, T0, true, t, 2, &err);
	assert_true(zero >= T0 + 20 * MS && zero <= T0 + 21 * MS && err < 3 * MS);
	zero = mp_align_start(MP_GCLOG_GO, T0 + 19 * MS, true, t, 2, &err);
	assert_true(zero >= T0 + 20 * MS && zero <= T0 + 21 * MS && err < 3 * MS);
	/* the second thread came late, or not at all: some turns may have been lost */
	zero = mp_align_start(MP_GCLOG_GO, T0 + 9 * MS, true, late, 2, &err);
	assert_true(zero - err <= T0 + 10 * MS && zero + err >= T0 + 30 * MS && err < 15 * MS);
	zero = mp_align_start(MP_GCLOG_GO, T0 + 9 * MS, true, late, 1, &err);
	assert_true(zero + err >= T0 + 30 * MS && err < 15 * MS);
	zero = mp_align_start(MP_GCLOG_V8, T0, false, t, 6, &err);
	assert_true(zero - err < T0 + 20 * MS && zero + err > T0 + 200 * MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_collections),
		cmocka_unit_test(chance),
		cmocka_unit_test(silence),
		cmocka_unit_test(releases),
		cmocka_unit_test(wall),
		cmocka_unit_test(starts),
	};

	return cmocka_run_group_tests_name("align", tests, NULL, NULL);
}
