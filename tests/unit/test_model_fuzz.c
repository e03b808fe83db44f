/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_model_fuzz.c - events that nobody meant: whatever a damaged recording
 * holds, the fold neither crashes nor breaks its invariants.
 */
#include "tests/unit/ev.h"

#define A 0x7f0000000000ULL

enum { EVENTS = 200000, ROUND = 5000 };

static struct fx fx_two(void)
{
	struct fx f = fx_new();

	fold(&f, ev_task(2, tick(&f), MP_TASK_TARGET, 200, 0));
	do_mmap(&f, A, MIB, RW, PRIV);
	do_touch(&f, A, 100);
	do_rss(&f, 100, 5, 5);
	fold(&f, ev_heap(MM, tick(&f), MP_SRC_GC, 50 * PG, 100 * PG));
	return f;
}

/* Numbers of the kind that break things. */
static uint64_t odd(struct rnd *r)
{
	switch (rnd_below(r, 8)) {
	case 0:
		return rnd(r);
	case 1:
		return 0;
	case 2:
		return ~0ULL - rnd_below(r, 3);
	case 3:
		return 1ULL << rnd_below(r, 64);
	case 4:
		return (1ULL << rnd_below(r, 64)) - 1;
	case 5:
		return A + rnd_below(r, 300) * PG;
	case 6:
		return rnd_below(r, 300) * PG;
	default:
		return rnd_below(r, 20);
	}
}

/* A fault run or a range of terabytes is a bitmap of that size: kept out here
 * (test_giant_* are about those), so that the test costs no gigabytes. */
static bool giant(const struct mp_event *e)
{
	const uint64_t limit = 64 * MIB;

	if (e->type == MP_EV_FAULT)
		return e->x > limit / PG;
	if (e->type == MP_EV_PAGES)
		return e->pages.len > limit;
	return e->type == MP_EV_CALL && e->call.len > limit &&
	       (e->sub == MP_CALL_MADVISE || e->sub == MP_CALL_PROCESS_MADVISE);
}

static struct mp_event garbage(struct rnd *r, bool all_random)
{
	struct mp_event e;

	e.ts = all_random ? rnd(r) : T0 + rnd_below(r, 1000 * SEC);
	if (!all_random && !rnd_below(r, 500))
		e.ts = odd(r);
	e.type = (uint16_t)(all_random && rnd_below(r, 2) ? rnd(r) : rnd_below(r, MP_EV_MAX));
	e.sub = (uint8_t)(all_random ? rnd(r) : rnd_below(r, 9));
	e.flags = (uint8_t)(rnd_below(r, 2) ? rnd(r) : 0);
	e.mm = (uint32_t)(all_random && !rnd_below(r, 4) ? rnd(r) : rnd_below(r, 5));
	e.tid = (uint32_t)rnd(r);
	e.x = (uint32_t)(all_random ? rnd(r) : odd(r));
	for (int i = 0; i < 7; i++)
		e.v[i] = all_random ? rnd(r) : odd(r);
	if (e.type == MP_EV_FAULT)
		e.x %= 20000;
	return e;
}

static void fuzz(const char *name, uint64_t seed, bool all_random)
{
	struct rnd r = rnd_seed(name, seed);

	for (int done = 0; done < EVENTS; done += ROUND) {
		struct fx f = fx_two();

		for (int i = 0; i < ROUND; i++) {
			struct mp_event e = garbage(&r, all_random);
			int err;

			/* totals overwrite what the invariants are about: test_bad_totals */
			if (giant(&e) || e.type == MP_EV_TOTAL)
				continue;
			err = mp_model_fold(f.m, &e);
			assert_true(err == 0 || err == -EINVAL || err == -ENOMEM);
			if (i % 100 == 0 && !f.m->in_key)
				check_model(f.m);
		}
		if (f.m->in_key)
			fold(&f, ev(MP_EV_KEYFRAME, MP_KEY_END, 0, T0));
		check_model(f.m);
		(void)mp_model_digest(f.m);
		fx_free(&f);
	}
}

static void test_all_fields_random(void **state)
{
	(void)state;
	fuzz("test_all_fields_random", 1, true);
}

static void test_odd_numbers(void **state)
{
	(void)state;
	fuzz("test_odd_numbers", 2, false);
}

/* Rows that pages of any tag then name. */
static void bad_release(struct rnd *r, struct mp_event *e)
{
	e->type = rnd_below(r, 3) ? MP_EV_TOTAL : MP_EV_PAGES;
	e->mm = MM;
	e->x = (uint32_t)(7 * rnd_below(r, 6));
	if (e->type == MP_EV_TOTAL) {
		e->sub = MP_TOTAL_SITE;
		e->flags = 0;
		e->v[1] = e->x ? e->v[1] : 1 + rnd_below(r, 6);
		e->v[2] = e->x ? e->v[2] : rnd_below(r, 25);
		return;
	}
	e->sub = (uint8_t)(rnd_below(r, 2) ? MP_PAGES_DROPPED : MP_PAGES_LAZY);
	e->x = (uint32_t)rnd_below(r, 12);
	e->pages.addr = A + rnd_below(r, 250) * PG;
	e->pages.len = rnd_below(r, 100) * PG;
}

/* Totals of a damaged keyframe: any field of any value. */
static void test_bad_totals(void **state)
{
	struct rnd r = rnd_seed("test_bad_totals", 3);

	(void)state;
	for (int round = 0; round < 60; round++) {
		struct fx f = fx_two();
		struct mp_event e;

		fold(&f, ev(MP_EV_KEYFRAME, MP_KEY_BEGIN, 0, T0));
		e = ev_task(MM, T0, MP_TASK_TARGET, 100, 0);
		mp_model_fold(f.m, &e);
		for (int i = 0; i < 200; i++) {
			e = ev(MP_EV_TOTAL, (unsigned)rnd_below(&r, 14), (uint32_t)rnd_below(&r, 3),
			       T0);
			e.tid = (uint32_t)rnd_below(&r, 5);
			e.x = (uint32_t)rnd_below(&r, 60);
			e.flags = (uint8_t)rnd(&r);
			for (int k = 0; k < 7; k++)
				e.v[k] = odd(&r);
			if (rnd_below(&r, 3) == 0) /* a row of releases, as far as it is one */
				bad_release(&r, &e);
			mp_model_fold(f.m, &e);
		}
		e = ev(MP_EV_KEYFRAME, MP_KEY_END, 0, T0);
		mp_model_fold(f.m, &e);
		for (int i = 0; i < 300; i++) { /* and life goes on */
			e = garbage(&r, false);
			e.ts = T0 + (uint64_t)i * MS;
			if (!giant(&e) && e.type != MP_EV_KEYFRAME)
				mp_model_fold(f.m, &e);
		}
		for (size_t i = 0; i < f.m->n_procs; i++)
			assert_true(mp_faults_check(f.m->procs[i]));
		(void)mp_model_digest(f.m);
		fx_free(&f);
	}
}

/* A snapshot, or a keyframe, that stops anywhere. */
static void test_cut_keyframe(void **state)
{
	(void)state;
	for (int cut = 0; cut < 4; cut++) {
		struct fx f = fx_two();
		struct mp_event e[] = { ev(MP_EV_KEYFRAME, MP_KEY_BEGIN, 0, T0),
					ev_task(MM, T0, MP_TASK_TARGET, 100, 0),
					ev(MP_EV_MAP, MP_MAP_BEGIN, MM, T0),
					ev_line(MM, T0, A, A + MIB, BITS_RW, 0) };

		for (int i = 0; i <= cut; i++)
			assert_int_equal(mp_model_fold(f.m, &e[i]), 0);
		/* a whole one follows */
		fold(&f, ev(MP_EV_KEYFRAME, MP_KEY_BEGIN, 0, T0));
		fold(&f, ev_task(MM, T0, MP_TASK_TARGET, 100, 0));
		fold(&f, ev(MP_EV_KEYFRAME, MP_KEY_END, 0, T0));
		assert_int_equal(P(&f)->n_maps, 0);
		fx_free(&f);
	}
}

/* No machine has a page table for this: damage, to be rejected at little cost. */
static void giant_is_rejected(struct mp_event e)
{
	struct fx f = fx_two();
	uint64_t pages = mp_pageset_total(P(&f)->pages);

	assert_int_equal(mp_model_fold(f.m, &e), -EINVAL);
	assert_int_equal(mp_pageset_total(P(&f)->pages), pages);
	check_model(f.m);
	fx_free(&f);
}

static void test_giant_fault(void **state)
{
	(void)state;
	giant_is_rejected(ev_fault(MM, T0, 1ULL << 60, 5, MP_FAULT_WRITE));
}

static void test_giant_range(void **state)
{
	(void)state;
	giant_is_rejected(ev_pages(MM, T0, MP_PAGES_RESIDENT, 1ULL << 60, 4 * PG));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut_keyframe), cmocka_unit_test(test_giant_fault),
		cmocka_unit_test(test_giant_range),  cmocka_unit_test(test_odd_numbers),
		cmocka_unit_test(test_bad_totals),   cmocka_unit_test(test_all_fields_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
