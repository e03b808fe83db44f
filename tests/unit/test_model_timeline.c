/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_model_timeline.c - figures over time: bounded, and no sum is ever lost.
 */
#include "tests/unit/ev.h"

#include <time.h>

#define A 0x7f0000000000ULL
#define W MP_TL_WIDTH0

static const struct mp_timeline *TL(struct fx *f)
{
	return &P(f)->tl;
}

static struct mp_point sums(const struct mp_timeline *tl)
{
	struct mp_point s = { .rss_min = INT64_MAX, .rss_max = INT64_MIN };

	for (size_t i = 0; i < tl->n; i++) {
		const struct mp_point *p = &tl->p[i];

		assert_int_equal(p->ts, tl->start + i * tl->width);
		s.faults += p->faults;
		s.gc_minor += p->gc_minor;
		s.gc_major += p->gc_major;
		s.gc_pause += p->gc_pause;
		s.madvise += p->madvise;
		s.madvise_pages += p->madvise_pages;
		s.mmap += p->mmap;
		s.mmap_bytes += p->mmap_bytes;
		s.munmap += p->munmap;
		s.munmap_pages += p->munmap_pages;
		s.brk_calls += p->brk_calls;
		s.forks += p->forks;
		s.lost += p->lost;
		if (p->rss_min <= p->rss_max) {
			s.rss_min = p->rss_min < s.rss_min ? p->rss_min : s.rss_min;
			s.rss_max = p->rss_max > s.rss_max ? p->rss_max : s.rss_max;
		}
	}
	return s;
}

static void fold_at(struct fx *f, uint64_t ts, struct mp_event e)
{
	e.ts = f->ts = ts;
	assert_int_equal(mp_model_fold(f->m, &e), 0);
}

/* A process whose point 0 begins at T0. */
static struct fx fx_tl(void)
{
	struct fx f = fx_empty();

	fold_at(&f, T0, ev_task(MM, T0, MP_TASK_TARGET, 100, 0));
	fold_at(&f, T0, ev_mmap(MM, T0, A, 16 * MIB, RW, PRIV));
	return f;
}

static void test_counts(void **state)
{
	struct fx f = fx_tl();
	struct mp_event e;
	struct mp_point s;

	(void)state;
	fold_at(&f, T0 + 1, ev_fault(MM, 0, A, 100, MP_FAULT_WRITE));
	fold_at(&f, T0 + W, ev_madvise(MM, 0, A, 10 * PG, MADV_DONTNEED));
	fold_at(&f, T0 + 2 * W, ev_call(MM, 0, MP_CALL_MUNMAP, A + 10 * PG, 20 * PG, 0));
	fold_at(&f, T0 + 3 * W, ev_gc(MM, T0, MP_GC_MINOR, 100, 50));
	fold_at(&f, T0 + 3 * W + 1, ev_gc(MM, T0, MP_GC_MAJOR, 100, 50));
	fold_at(&f, T0 + 4 * W, ev_task(MM, 0, MP_TASK_FORK, 200, 0));
	e = ev(MP_EV_LOSS, MP_LOSS_RING_FULL, MM, 0);
	e.x = 17;
	fold_at(&f, T0 + 5 * W, e);
	e = ev(MP_EV_NOTE, MP_NOTE_USER, MM, 0);
	e.v[0] = 9;
	fold_at(&f, T0 + 5 * W + 1, e);
	fold_at(&f, T0 + 6 * W, ev_brk(MM, 0, 0x5000, 0x4000, 0x5000));
	assert_int_equal(TL(&f)->n, 7);
	assert_int_equal(TL(&f)->width, W);
	s = sums(TL(&f));
	assert_int_equal(s.faults, 100);
	assert_int_equal(s.mmap, 1);
	assert_int_equal(s.mmap_bytes, 16 * MIB);
	assert_int_equal(s.munmap, 1);
	assert_int_equal(s.munmap_pages, 20);
	assert_int_equal(s.madvise, 1);
	assert_int_equal(s.madvise_pages, 10);
	assert_int_equal(s.gc_minor, 1);
	assert_int_equal(s.gc_major, 1);
	assert_int_equal(s.gc_pause, 2 * MS);
	assert_int_equal(s.forks, 1);
	assert_int_equal(s.lost, 17);
	assert_int_equal(s.brk_calls, 1);
	assert_int_equal(TL(&f)->p[0].faults, 100);
	assert_int_equal(TL(&f)->p[1].madvise, 1);
	assert_int_equal(TL(&f)->p[5].note, 9);
	fx_free(&f);
}

static void test_bands_are_last_values(void **state)
{
	struct fx f = fx_tl();
	const struct mp_point *p;

	(void)state;
	fold_at(&f, T0 + 1, ev_rss(MM, 0, 100, 7, 3));
	fold_at(&f, T0 + 2, ev_rss(MM, 0, 300, 7, 3));
	fold_at(&f, T0 + 3, ev_rss(MM, 0, 200, 7, 3));
	p = &TL(&f)->p[0];
	assert_int_equal(p->rss, 210 * PG);
	assert_int_equal(p->file, 7 * PG);
	assert_int_equal(p->shmem, 3 * PG);
	assert_int_equal(p->unknown, 200 * PG);
	assert_int_equal(p->rss_min, 110 * PG);
	assert_int_equal(p->rss_max, 310 * PG);
	assert_true(p->used == MP_UNKNOWN);
	assert_int_equal(p->rss, p->live + p->free_res + p->arenas + p->brk + p->stacks + p->other +
					 p->file + p->shmem + p->lazyfree + p->unknown);
	fx_free(&f);
}

static void test_no_rss_yet(void **state)
{
	struct fx f = fx_tl();

	(void)state;
	fold_at(&f, T0 + 2 * W, ev(MP_EV_TICK, 0, 0, 0));
	for (size_t i = 0; i < TL(&f)->n; i++)
		assert_true(TL(&f)->p[i].rss_min > TL(&f)->p[i].rss_max);
	fold_at(&f, T0 + 3 * W, ev_rss(MM, 0, 10, 0, 0));
	assert_int_equal(TL(&f)->p[3].rss_min, 10 * PG);
	assert_int_equal(TL(&f)->p[3].rss_max, 10 * PG);
	assert_true(TL(&f)->p[1].rss_min > TL(&f)->p[1].rss_max);
	fx_free(&f);
}

static void test_gap_repeats_bands(void **state)
{
	struct fx f = fx_tl();

	(void)state;
	fold_at(&f, T0 + 1, ev_rss(MM, 0, 100, 7, 3));
	fold_at(&f, T0 + 2, ev_fault(MM, 0, A, 5, MP_FAULT_WRITE));
	fold_at(&f, T0 + 10 * W, ev(MP_EV_TICK, 0, 0, 0));
	assert_int_equal(TL(&f)->n, 11);
	for (size_t i = 1; i <= 10; i++) {
		const struct mp_point *p = &TL(&f)->p[i];

		assert_int_equal(p->rss, 110 * PG);
		assert_int_equal(p->other, 5 * PG);
		assert_int_equal(p->rss_min, 110 * PG);
		assert_int_equal(p->rss_max, 110 * PG);
		assert_int_equal(p->faults, 0);
		assert_int_equal(p->mmap, 0);
	}
	fx_free(&f);
}

static void test_width_doubles(void **state)
{
	struct rnd r = rnd_seed("test_width_doubles", 3);
	struct fx f = fx_tl();
	uint64_t faults = 0, ts = T0;
	int64_t lo = INT64_MAX, hi = 0;
	struct mp_event lost = ev(MP_EV_LOSS, MP_LOSS_RING_FULL, MM, 0);
	uint64_t turns = 0;
	struct mp_point s;

	(void)state;
	for (int i = 0; i < 3 * MP_TL_MAX; i++) {
		uint64_t pages = rnd_below(&r, 1000000);
		uint32_t n = 1 + (uint32_t)rnd_below(&r, 3);

		ts += W;
		fold_at(&f, ts, ev_rss(MM, 0, pages, 0, 0));
		fold_at(&f, ts + 5, ev_fault(MM, 0, A, n, MP_FAULT_WRITE)); /* page 0 is there */
		faults += n;
		if (i % 5 == 0) {
			fold_at(&f, ts + 6,
				ev_gc(MM, ts, i % 10 ? MP_GC_MINOR : MP_GC_MAJOR, 5, 5));
			fold_at(&f, ts + 6, ev_madvise(MM, 0, A, PG, MADV_DONTNEED));
			fold_at(&f, ts + 6, ev_call(MM, 0, MP_CALL_MUNMAP, A + 8 * MIB, PG, 0));
			fold_at(&f, ts + 6, ev_brk(MM, 0, 0x5000, 0x4000, 0x5000));
			fold_at(&f, ts + 6, ev_task(MM, 0, MP_TASK_FORK, 5, 0));
			lost.x = 3;
			fold_at(&f, ts + 6, lost);
			turns++;
		}
		if ((int64_t)(pages * PG) < lo)
			lo = (int64_t)(pages * PG);
		if ((int64_t)(pages * PG) > hi)
			hi = (int64_t)(pages * PG);
	}
	assert_true(TL(&f)->n <= MP_TL_MAX);
	assert_int_equal(TL(&f)->width, 4 * W);
	assert_int_equal(TL(&f)->start, T0);
	s = sums(TL(&f));
	assert_int_equal(s.faults, faults);
	assert_int_equal(s.mmap, 1);
	assert_int_equal(s.mmap_bytes, 16 * MIB);
	assert_int_equal(s.gc_minor + s.gc_major, turns);
	assert_int_equal(s.gc_major, (turns + 1) / 2);
	assert_int_equal(s.gc_pause, turns * MS);
	assert_int_equal(s.madvise, turns);
	assert_int_equal(s.madvise_pages, turns);
	assert_int_equal(s.munmap, turns);
	assert_int_equal(s.brk_calls, turns);
	assert_int_equal(s.forks, turns);
	assert_int_equal(s.lost, 3 * turns);
	assert_int_equal(s.rss_min, lo);
	assert_int_equal(s.rss_max, hi);
	/* the last point is the present one */
	assert_int_equal(TL(&f)->p[TL(&f)->n - 1].rss, mp_proc_rss(P(&f)));
	assert_true(TL(&f)->p[TL(&f)->n - 1].ts <= ts);
	assert_true(TL(&f)->p[TL(&f)->n - 1].ts + TL(&f)->width > ts);
	fx_free(&f);
}

/* Until it is full nothing is merged; the point after that merges. */
static void test_full_exactly(void **state)
{
	struct fx f = fx_tl();

	(void)state;
	fold_at(&f, T0 + (MP_TL_MAX - 1) * W, ev(MP_EV_TICK, 0, 0, 0));
	assert_int_equal(TL(&f)->n, MP_TL_MAX);
	assert_int_equal(TL(&f)->width, W);
	fold_at(&f, T0 + MP_TL_MAX * W - 1, ev(MP_EV_TICK, 0, 0, 0));
	assert_int_equal(TL(&f)->n, MP_TL_MAX);
	fold_at(&f, T0 + MP_TL_MAX * W, ev(MP_EV_TICK, 0, 0, 0));
	assert_int_equal(TL(&f)->n, MP_TL_MAX / 2 + 1);
	assert_int_equal(TL(&f)->width, 2 * W);
	fx_free(&f);
}

static void test_jump_of_days(void **state)
{
	struct fx f = fx_tl();
	clock_t c = clock();
	uint64_t day = 86400 * SEC;

	(void)state;
	fold_at(&f, T0 + 1, ev_rss(MM, 0, 100, 0, 0));
	fold_at(&f, T0 + 2, ev_fault(MM, 0, A, 5, MP_FAULT_WRITE));
	for (uint64_t i = 1; i <= 20; i++)
		fold_at(&f, T0 + i * i * i * day, ev_fault(MM, 0, A, 1, MP_FAULT_WRITE));
	assert_true(clock() - c < CLOCKS_PER_SEC);
	assert_true(TL(&f)->n <= MP_TL_MAX);
	assert_int_equal(sums(TL(&f)).faults, 25);
	assert_int_equal(TL(&f)->p[TL(&f)->n - 1].rss, 100 * PG);
	fx_free(&f);
}

/* The end of time is a time like any other. */
static void test_jump_to_the_end(void **state)
{
	struct fx f = fx_tl();

	(void)state;
	fold_at(&f, T0 + 1, ev_fault(MM, 0, A, 5, MP_FAULT_WRITE));
	f.ts = ~0ULL;
	for (int i = 0; i < 3; i++) {
		struct mp_event e = ev_fault(MM, ~0ULL, A, 1, MP_FAULT_WRITE);

		mp_model_fold(f.m, &e); /* taken or rejected; the bound holds */
		assert_true(TL(&f)->n <= MP_TL_MAX);
	}
	fx_free(&f);
}

/* What comes late counts as now: no point before it changes, none is lost. */
static void test_late_events(void **state)
{
	struct fx f = fx_tl();
	struct mp_point s;

	(void)state;
	fold_at(&f, T0 + 5 * W, ev_fault(MM, 0, A, 5, MP_FAULT_WRITE));
	fold_at(&f, T0 + 2 * W, ev_fault(MM, 0, A + MIB, 7, MP_FAULT_WRITE));
	fold_at(&f, T0 - 5 * W, ev_fault(MM, 0, A + 2 * MIB, 1, MP_FAULT_WRITE));
	assert_int_equal(TL(&f)->n, 6);
	assert_int_equal(TL(&f)->start, T0);
	s = sums(TL(&f));
	assert_int_equal(s.faults, 13);
	assert_int_equal(f.m->now, T0 + 5 * W);
	fx_free(&f);
}

static void test_at(void **state)
{
	struct mp_timeline none = { 0 };
	struct fx f = fx_tl();

	(void)state;
	assert_null(mp_tl_at(&none, T0));
	fold_at(&f, T0 + 9 * W, ev(MP_EV_TICK, 0, 0, 0));
	assert_ptr_equal(mp_tl_at(TL(&f), 0), &TL(&f)->p[0]);
	assert_ptr_equal(mp_tl_at(TL(&f), T0), &TL(&f)->p[0]);
	assert_ptr_equal(mp_tl_at(TL(&f), T0 + W - 1), &TL(&f)->p[0]);
	assert_ptr_equal(mp_tl_at(TL(&f), T0 + W), &TL(&f)->p[1]);
	assert_ptr_equal(mp_tl_at(TL(&f), T0 + 9 * W), &TL(&f)->p[9]);
	assert_ptr_equal(mp_tl_at(TL(&f), ~0ULL), &TL(&f)->p[9]);
	fx_free(&f);
}

static void test_merge(void **state)
{
	struct mp_timeline none = { 0 };
	struct fx f = fx_tl();
	struct mp_point o;

	(void)state;
	assert_false(mp_tl_merge(&none, 0, ~0ULL, &o));
	for (uint64_t i = 0; i < 10; i++) {
		fold_at(&f, T0 + i * W, ev_rss(MM, 0, 100 * (1 + i * 7 % 10), 0, 0));
		fold_at(&f, T0 + i * W + 1, ev_fault(MM, 0, A + i * MIB, (uint32_t)(1 << i), 2));
	}
	assert_false(mp_tl_merge(TL(&f), 0, T0, &o));
	assert_false(mp_tl_merge(TL(&f), T0 + 10 * W, T0 + 20 * W, &o));
	assert_false(mp_tl_merge(TL(&f), T0 + W, T0 + W, &o));
	/* one */
	assert_true(mp_tl_merge(TL(&f), T0 + 3 * W, T0 + 4 * W, &o));
	assert_int_equal(o.ts, T0 + 3 * W);
	assert_int_equal(o.faults, 1 << 3);
	/* those that overlap, even by an instant */
	assert_true(mp_tl_merge(TL(&f), T0 + 4 * W - 1, T0 + 6 * W + 1, &o));
	assert_int_equal(o.faults, (1 << 3) + (1 << 4) + (1 << 5) + (1 << 6));
	assert_int_equal(o.rss, TL(&f)->p[6].rss); /* bands of the last */
	/* all */
	assert_true(mp_tl_merge(TL(&f), 0, ~0ULL, &o));
	assert_int_equal(o.faults, 1023);
	assert_int_equal(o.rss_min, 100 * PG);
	assert_int_equal(o.rss_max, 1000 * PG);
	assert_int_equal(o.rss, mp_proc_rss(P(&f)));
	assert_int_equal(o.mmap, 1);
	fx_free(&f);
}

/* Merging pieces gives what merging the whole gives. */
static void test_merge_random(void **state)
{
	struct rnd r = rnd_seed("test_merge_random", 8);
	struct fx f = fx_tl();

	(void)state;
	for (int i = 0; i < 2000; i++) {
		f.ts += rnd_below(&r, 3 * W);
		fold_at(&f, f.ts, ev_rss(MM, 0, rnd_below(&r, 100000), 0, 0));
		fold_at(&f, f.ts, ev_fault(MM, 0, A, 1 + (uint32_t)rnd_below(&r, 9), 2));
	}
	for (int i = 0; i < 500; i++) {
		size_t a = (size_t)rnd_below(&r, TL(&f)->n),
		       b = a + (size_t)rnd_below(&r, TL(&f)->n - a);
		uint64_t faults = 0;
		int64_t lo = INT64_MAX, hi = INT64_MIN;
		struct mp_point o;

		for (size_t k = a; k <= b; k++) {
			const struct mp_point *p = &TL(&f)->p[k];

			faults += p->faults;
			lo = p->rss_min < lo ? p->rss_min : lo;
			hi = p->rss_max > hi ? p->rss_max : hi;
		}
		assert_true(mp_tl_merge(TL(&f), TL(&f)->p[a].ts, TL(&f)->p[b].ts + W, &o));
		assert_int_equal(o.faults, faults);
		assert_int_equal(o.rss_min, lo);
		assert_int_equal(o.rss_max, hi);
		assert_int_equal(o.rss, TL(&f)->p[b].rss);
		assert_int_equal(o.ts, TL(&f)->p[a].ts);
	}
	fx_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_bands_are_last_values),
		cmocka_unit_test(test_no_rss_yet),
		cmocka_unit_test(test_gap_repeats_bands),
		cmocka_unit_test(test_width_doubles),
		cmocka_unit_test(test_full_exactly),
		cmocka_unit_test(test_jump_of_days),
		cmocka_unit_test(test_late_events),
		cmocka_unit_test(test_at),
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_merge_random),
		cmocka_unit_test(test_jump_to_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
