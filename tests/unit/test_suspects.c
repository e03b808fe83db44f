/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_suspects.c - what events leave open: the bounded list of ranges, the rules
 * that fill it, and the comparison of the model with the kernel by type.
 */
#include "tests/unit/ev.h"

#include "user/live/suspects.h"

#define C SUSPECT_CHUNK
#define A 0x7f0000000000ULL

static bool in_list(const struct suspects *s, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].start <= start && s->v[i].end >= end)
			return true;
	return false;
}

static void check_list(const struct suspects *s)
{
	assert_true(s->n <= SUSPECTS_MAX);
	for (size_t i = 0; i < s->n; i++) {
		assert_true(s->v[i].start < s->v[i].end);
		assert_int_equal(s->v[i].start % C, 0);
		assert_int_equal(s->v[i].end % C, 0);
		if (i) /* ranges that touch are one */
			assert_true(s->v[i - 1].end < s->v[i].start);
	}
}

static void test_widened_and_joined(void **state)
{
	struct suspects s = { 0 };

	(void)state;
	suspects_add(&s, A + 5, A + 6);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.v[0].start, A);
	assert_int_equal(s.v[0].end, A + C);
	suspects_add(&s, A + 2 * C, A + 3 * C);
	assert_int_equal(s.n, 2);
	assert_false(suspects_meet(&s, A + C, A + 2 * C));
	assert_true(suspects_meet(&s, A + C, A + 2 * C + 1));
	assert_true(suspects_meet(&s, A + C - 1, A + C));
	suspects_add(&s, A + C, A + 2 * C); /* fills the gap */
	assert_int_equal(s.n, 1);
	assert_int_equal(s.v[0].end, A + 3 * C);
	suspects_add(&s, A, A); /* nothing */
	suspects_add(&s, A + 100 * C, A + 50 * C);
	assert_int_equal(s.n, 1);
	suspects_add(&s, 0, ~0ULL);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.v[0].end, SUSPECTS_END);
}

/* Nothing ever leaves the list, and near neighbours are joined before far ones. */
static void test_overflow_joins(void **state)
{
	struct suspects s = { 0 };

	(void)state;
	for (uint64_t i = 0; i < 3 * SUSPECTS_MAX; i++)
		suspects_add(&s, A + 2 * i * C, A + (2 * i + 1) * C);
	suspects_add(&s, A + (1ULL << 45), A + (1ULL << 45) + 1);
	check_list(&s);
	for (uint64_t i = 0; i < 3 * SUSPECTS_MAX; i++)
		assert_true(in_list(&s, A + 2 * i * C, A + (2 * i + 1) * C));
	assert_true(in_list(&s, A + (1ULL << 45), A + (1ULL << 45) + C));
	/* the wide gap is still one */
	assert_false(suspects_meet(&s, A + (1ULL << 44), A + (1ULL << 44) + C));
}

static void test_random_list(void **state)
{
	enum { N = 4096 };
	struct rnd r = rnd_seed("test_random_list", 4);
	static bool want[N];

	(void)state;
	for (int round = 0; round < 20; round++) {
		struct suspects s = { 0 };
		unsigned width = 1 + (unsigned)rnd_below(&r, 12);

		memset(want, 0, sizeof(want));
		for (int i = 0; i < 600; i++) {
			uint64_t a = rnd_below(&r, N - width), n = rnd_below(&r, width + 1);

			suspects_add(&s, A + a * C, A + (a + n) * C);
			for (uint64_t k = a; k < a + n; k++)
				want[k] = true;
			check_list(&s);
		}
		for (uint64_t k = 0; k < N; k++)
			if (want[k])
				assert_true(suspects_meet(&s, A + k * C, A + k * C + 1));
	}
}

/* --- rules ----------------------------------------------------------------------------- */

/* One mapping of each kind, a GiB apart. */
enum { ANON, LIB, SHLIB, SHM, HTLB, NOACCESS, N_MAPS };
static const uint32_t map_bits[N_MAPS] = {
	[ANON] = BITS_RW,
	[LIB] = BITS_RW | MP_MAP_FILE,
	[SHLIB] = BITS_RW | MP_MAP_FILE | MP_MAP_SHARED,
	[SHM] = BITS_RW | MP_MAP_FILE | MP_MAP_SHMEM | MP_MAP_SHARED,
	[HTLB] = BITS_RW | MP_MAP_FILE | MP_MAP_HUGETLB,
	[NOACCESS] = 0,
};

static uint64_t at(int map)
{
	return A + (uint64_t)map * GIB;
}

static struct fx fx_maps(void)
{
	struct fx f = fx_new();

	fx_snap_begin(&f);
	for (int i = 0; i < N_MAPS; i++) {
		struct mp_event e = ev_line(MM, f.ts, at(i), at(i) + 16 * C, map_bits[i], 0);

		e.map.ino = map_bits[i] & MP_MAP_FILE ? 7 : 0;
		fold(&f, e);
	}
	fx_snap_end(&f);
	return f;
}

static void note(struct fx *f, struct suspicion *s, struct mp_event e)
{
	int64_t had = (int64_t)mp_pageset_total(P(f)->pages);

	fold(f, e);
	suspicion_note(s, P(f), &e, (int64_t)mp_pageset_total(P(f)->pages) - had);
	check_list(&s->now);
}

/* Is the chunk at `addr` suspect after this event, and nothing else? */
static bool opens(struct fx *f, struct suspicion *s, struct mp_event e, uint64_t addr)
{
	bool yes;

	s->now.n = 0;
	note(f, s, e);
	yes = suspects_meet(&s->now, addr, addr + 1);
	assert_true(yes || !s->now.n);
	return yes;
}

static void test_faults_by_kind(void **state)
{
	static const struct {
		int map;
		unsigned kind;
		bool open;
	} t[] = {
		{ ANON, MP_FAULT_WRITE, false },
		{ ANON, 0, false },		 /* the zero page */
		{ ANON, MP_FAULT_NOKIND, true }, /* a load or a store? */
		{ LIB, 0, true },		 /* fault-around */
		{ LIB, MP_FAULT_INSTR, true },
		{ LIB, MP_FAULT_WRITE, false }, /* one page of its own */
		{ LIB, MP_FAULT_NOKIND, true },
		{ SHLIB, MP_FAULT_WRITE, true }, /* a large folio comes whole */
		{ SHM, MP_FAULT_WRITE, true },
		{ SHM, 0, true },
		{ HTLB, MP_FAULT_WRITE, false },
		{ NOACCESS, MP_FAULT_WRITE, true }, /* a signal, or a protection not told */
	};
	struct fx f = fx_maps();
	struct suspicion s = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		assert_int_equal(opens(&f, &s, ev_fault(MM, tick(&f), at(t[i].map), 3, t[i].kind),
				       at(t[i].map)),
				 t[i].open);
	assert_false(s.maps_wrong);
	/* where no mapping is known */
	assert_true(opens(&f, &s, ev_fault(MM, tick(&f), A - GIB, 1, MP_FAULT_WRITE), A - GIB));
	assert_true(s.maps_wrong);
	fx_free(&f);
}

static void test_huge_pages(void **state)
{
	struct fx f = fx_maps();
	struct suspicion s = { .policy.huge_always = true };
	struct mp_event e;

	(void)state;
	assert_true(opens(&f, &s, ev_fault(MM, tick(&f), at(ANON), 1, MP_FAULT_WRITE), at(ANON)));
	/* a mapping in which no huge page fits */
	note(&f, &s, ev_mmap(MM, tick(&f), A - GIB + PG, C, RW, PRIV));
	e = ev_fault(MM, tick(&f), A - GIB + PG, 1, MP_FAULT_WRITE);
	assert_false(opens(&f, &s, e, A - GIB + PG));
	s.policy = (struct suspect_policy){ .large_always = true };
	assert_true(opens(&f, &s, ev_fault(MM, tick(&f), A - GIB + PG, 1, MP_FAULT_WRITE),
			  A - GIB + PG));
	s.policy.large_always = false;
	/* advised for a part of a mapping: there and not beside it */
	note(&f, &s, ev_madvise(MM, tick(&f), at(ANON), 4 * C, MADV_HUGEPAGE));
	e = ev_fault(MM, tick(&f), at(ANON) + C, 1, MP_FAULT_WRITE);
	assert_true(opens(&f, &s, e, at(ANON) + C));
	e.fault.addr = at(ANON) + 4 * C;
	assert_false(opens(&f, &s, e, at(ANON) + 4 * C));
	/* a store to a guard page ends in a signal and leaves nothing (6.13) */
	note(&f, &s, ev_madvise(MM, tick(&f), at(ANON) + 8 * C, PG, 102));
	e = ev_fault(MM, tick(&f), at(ANON) + 8 * C, 1, MP_FAULT_WRITE);
	assert_true(opens(&f, &s, e, at(ANON) + 8 * C));
	/* a part of one given up may split it, which can take zero-filled pages */
	e = ev_madvise(MM, tick(&f), at(ANON), 8 * PG, MADV_FREE);
	e.flags = MP_CALL_SHARED;
	assert_true(opens(&f, &s, e, at(ANON)));
	/* exec forgets the ranges and keeps the policy */
	s.policy.huge_always = true;
	suspicion_reset(&s);
	assert_int_equal(s.huge.n + s.now.n + s.recent.n, 0);
	assert_true(s.policy.huge_always);
	fx_free(&f);
}

static struct mp_event shared(struct mp_event e)
{
	e.flags |= MP_CALL_SHARED;
	return e;
}

/* What a call did to the counters explains it, when it had them to itself. */
static void test_calls(void **state)
{
	struct fx f = fx_maps();
	struct suspicion s = { 0 };
	struct mp_event e;
	uint64_t b = A - 8 * GIB;

	(void)state;
	e = ev_mmap(MM, tick(&f), b, 4 * C, RW, PRIV | MAP_POPULATE);
	e.call.d_anon = 4 * 512;
	assert_true(opens(&f, &s, e, b + 3 * C));
	e.call.d_anon = 0; /* it brought nothing */
	assert_false(opens(&f, &s, e, b));
	assert_true(opens(&f, &s, shared(e), b));
	assert_false(opens(&f, &s, shared(ev_mmap(MM, tick(&f), b, C, RW, PRIV)), b));

	e = ev_madvise(MM, tick(&f), b, C, 23 /* MADV_POPULATE_WRITE */);
	e.call.d_anon = 512; /* what the fold takes it for */
	assert_false(opens(&f, &s, e, b));
	e = ev_madvise(MM, tick(&f), b + 2 * C, C, 23);
	e.call.d_anon = 100; /* it was interrupted */
	assert_true(opens(&f, &s, e, b + 2 * C));
	assert_true(opens(&f, &s, shared(ev_madvise(MM, tick(&f), b, C, 21 /* PAGEOUT */)), b));
	assert_true(opens(&f, &s, shared(ev_madvise(MM, tick(&f), b, C, 25 /* COLLAPSE */)), b));

	/* gone is gone, whatever the model had believed */
	e = ev_call(MM, tick(&f), MP_CALL_MUNMAP, b, 4 * C, 0);
	e.call.d_anon = -7;
	assert_false(opens(&f, &s, e, b));

	assert_true(opens(&f, &s, shared(ev_call(MM, tick(&f), MP_CALL_MLOCK, at(ANON), C, 0)),
			  at(ANON)));
	/* after a lock what grows is populated */
	e = shared(ev_brk(MM, tick(&f), 0x5000000 + C, 0x5000000, 0x5000000 + C));
	assert_true(opens(&f, &s, e, 0x5000000));
	assert_false(opens(&f, &s, shared(ev_mmap(MM, tick(&f), b, C, RW, PRIV)), b));
	e = shared(ev_call(MM, tick(&f), MP_CALL_MLOCKALL, 0, 0, 0));
	e.x = MCL_CURRENT | MCL_FUTURE;
	note(&f, &s, e);
	assert_true(in_list(&s.now, 0, SUSPECTS_END));
	assert_true(opens(&f, &s, shared(ev_mmap(MM, tick(&f), b, C, RW, PRIV)), b));
	fx_free(&f);
}

static void test_calls_that_failed(void **state)
{
	struct fx f = fx_maps();
	struct suspicion s = { 0 };
	struct mp_event e;

	(void)state;
	e = ev_madvise(MM, tick(&f), at(ANON), 2 * C, MADV_DONTNEED);
	e.flags = MP_CALL_FAILED | MP_CALL_SHARED;
	e.call.ret = -EINVAL; /* a locked mapping after others that were dropped */
	assert_true(opens(&f, &s, e, at(ANON) + C));
	assert_false(s.maps_wrong);
	/* the old mapping may be gone and the new one not there */
	e = ev_mmap(MM, tick(&f), at(ANON), C, RW, PRIV | MAP_FIXED);
	e.flags = MP_CALL_FAILED | MP_CALL_SHARED;
	e.call.ret = -ENOMEM;
	assert_true(opens(&f, &s, e, at(ANON)));
	assert_true(s.maps_wrong);
	s.maps_wrong = false;
	e = ev_call(MM, tick(&f), MP_CALL_MPROTECT, at(ANON), C, -ENOMEM);
	note(&f, &s, e);
	assert_true(s.maps_wrong);
	fx_free(&f);
}

static void test_what_needs_a_snapshot(void **state)
{
	struct fx f = fx_maps();
	struct suspicion s = { 0 };

	(void)state;
	note(&f, &s, ev_mmap(MM, tick(&f), A - GIB, C, RW, PRIV));
	note(&f, &s, ev_call(MM, tick(&f), MP_CALL_MUNMAP, A - GIB, C, 0));
	note(&f, &s, ev_mremap(MM, tick(&f), at(ANON), C, C, A - GIB, MREMAP_MAYMOVE));
	assert_false(s.maps_wrong || s.maps_nameless); /* the fold follows these */
	note(&f, &s, ev_mmap(MM, tick(&f), A - 2 * GIB, C, RW, MAP_PRIVATE));
	assert_true(s.maps_nameless && !s.maps_wrong);
	s.maps_nameless = false;
	note(&f, &s, ev_mmap(MM, tick(&f), A - 2 * GIB, C, RW, MAP_SHARED | MAP_ANONYMOUS));
	assert_true(s.maps_nameless && !s.maps_wrong);
	s.maps_nameless = false;
	note(&f, &s, ev_brk(MM, tick(&f), 0x5000000 + C, 0x5000000, 0x5000000 + C));
	assert_true(s.maps_nameless && !s.maps_wrong); /* it is [heap] now */
	note(&f, &s, ev_call(MM, tick(&f), MP_CALL_SHMAT, 0, 0, (int64_t)(A - 3 * GIB)));
	assert_true(s.maps_wrong);
	fx_free(&f);
}

/* --- the judge ------------------------------------------------------------------------ */

static void judge(struct fx *f, int64_t d[JUDGE_N])
{
	judge_diff(P(f), d);
}

static void test_judge_by_type(void **state)
{
	struct fx f = fx_maps();
	int64_t d[JUDGE_N];

	(void)state;
	do_touch(&f, at(ANON), 10);
	do_touch(&f, at(LIB), 4);
	do_touch(&f, at(SHLIB), 3);
	do_touch(&f, at(SHM), 5);
	do_touch(&f, at(HTLB), 9); /* in no counter */
	fold(&f, ev_rss(MM, tick(&f), 10, 7, 5));
	judge(&f, d);
	for (int i = 0; i < JUDGE_N; i++)
		assert_int_equal(d[i], 0);
	/* pages of the private file may be anonymous by now */
	fold(&f, ev_rss(MM, tick(&f), 14, 3, 5));
	judge(&f, d);
	for (int i = 0; i < JUDGE_N; i++)
		assert_int_equal(d[i], 0);
	/* errors that cancel: two pages of the file less, two of shared memory more */
	fold(&f, ev_rss(MM, tick(&f), 14, 1, 7));
	judge(&f, d);
	assert_int_equal(d[JUDGE_TOTAL], 0);
	assert_int_equal(d[JUDGE_ANON], 0);
	assert_int_equal(d[JUDGE_FILE], 2);
	assert_int_equal(d[JUDGE_SHMEM], -2);
	fold(&f, ev_rss(MM, tick(&f), 16, 3, 5));
	judge(&f, d);
	assert_int_equal(d[JUDGE_TOTAL], -2);
	assert_int_equal(d[JUDGE_ANON], -2);
	fold(&f, ev_rss(MM, tick(&f), 9, 7, 5));
	judge(&f, d);
	assert_int_equal(d[JUDGE_TOTAL], 1);
	assert_int_equal(d[JUDGE_ANON], 1);
	fx_free(&f);
}

/* A descriptor was mapped: file, shared memory or anonymous, all may be. */
static void test_judge_untold(void **state)
{
	struct fx f = fx_maps();
	int64_t d[JUDGE_N];

	(void)state;
	do_mmap(&f, A - GIB, C, RW, MAP_SHARED);
	do_touch(&f, A - GIB, 6);
	fold(&f, ev_rss(MM, tick(&f), 1, 2, 3));
	judge(&f, d);
	for (int i = 0; i < JUDGE_N; i++)
		assert_int_equal(d[i], 0);
	fold(&f, ev_rss(MM, tick(&f), 0, 0, 7));
	judge(&f, d);
	assert_int_equal(d[JUDGE_TOTAL], -1);
	assert_int_equal(d[JUDGE_SHMEM], -1);
	fx_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_widened_and_joined),
		cmocka_unit_test(test_overflow_joins),
		cmocka_unit_test(test_random_list),
		cmocka_unit_test(test_faults_by_kind),
		cmocka_unit_test(test_huge_pages),
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_calls_that_failed),
		cmocka_unit_test(test_what_needs_a_snapshot),
		cmocka_unit_test(test_judge_by_type),
		cmocka_unit_test(test_judge_untold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
