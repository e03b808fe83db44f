/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_clock.c - relations between the clocks: when they are told again (no test can set
 * the machine's clock: readings are written by hand), and wall times by them.
 */
#include "tests/unit/ev.h"

#include "user/live/clock.h"

#define WALL 1700000000000000000ULL
#define BOOT (5 * SEC) /* asleep before the start */

struct fix {
	struct clock_watch w;
	struct clock_reading r;
	struct mp_model *m;
	unsigned told;
	struct mp_event last;
};

static void at(struct fix *f, uint64_t mono, int64_t wall_off, uint64_t boot_off)
{
	struct mp_event e;

	f->r.mono = mono;
	f->r.wall = mono + WALL + (uint64_t)wall_off;
	f->r.boot = mono + boot_off;
	if (!clock_tell(&f->w, &f->r, &e))
		return;
	f->told++;
	f->last = e;
	assert_int_equal(mp_model_fold(f->m, &e), 0);
}

static void told_by_the_minute(void **state)
{
	struct fix f = { .m = mp_model_new() };

	(void)state;
	assert_true(mp_wall_ns(f.m, T0) == MP_UNKNOWN);
	at(&f, T0, 0, BOOT);
	assert_int_equal(f.told, 1);
	assert_int_equal(f.last.sub, MP_CLOCK_TOLD);
	for (uint64_t t = T0; t < T0 + 60 * SEC; t += 50 * MS)
		at(&f, t, 0, BOOT);
	assert_int_equal(f.told, 1);
	at(&f, T0 + 60 * SEC, 0, BOOT);
	assert_int_equal(f.told, 2);
	/* It says nothing new: one relation is kept. */
	assert_int_equal(f.m->n_clocks, 1);
	assert_true(mp_wall_ns(f.m, T0 + 61 * SEC) == WALL + T0 + 61 * SEC);
	mp_model_free(f.m);
}

/* Both sides of the threshold, forwards and backwards. */
static void a_step(void **state)
{
	struct fix f = { .m = mp_model_new() };

	(void)state;
	at(&f, T0, 0, BOOT);
	at(&f, T0 + 1 * SEC, CLOCK_JUMP_NS, BOOT);
	assert_int_equal(f.told, 1);
	at(&f, T0 + 2 * SEC, 2 * CLOCK_JUMP_NS + 1, BOOT);
	assert_int_equal(f.told, 2);
	assert_int_equal(f.last.sub, MP_CLOCK_STEP);
	assert_int_equal(f.last.clock.jump, CLOCK_JUMP_NS + 1);
	assert_int_equal(f.last.clock.asleep, 0);
	at(&f, T0 + 3 * SEC, -3600 * (int64_t)SEC, BOOT);
	assert_int_equal(f.told, 3);
	assert_int_equal(f.last.sub, MP_CLOCK_STEP);
	assert_true(f.last.clock.jump == -3600 * (int64_t)SEC - 2 * CLOCK_JUMP_NS - 1);
	assert_true(mp_wall_ns(f.m, T0 + SEC) == WALL + T0 + SEC);
	assert_true(mp_wall_ns(f.m, T0 + 2 * SEC) == WALL + T0 + 2 * SEC + 2 * CLOCK_JUMP_NS + 1);
	assert_true(mp_wall_ns(f.m, T0 + 4 * SEC) == WALL + T0 + 4 * SEC - 3600 * SEC);
	assert_true(mp_wall_ns(f.m, T0 - SEC) == WALL + T0 - SEC);
	mp_model_free(f.m);
}

static void asleep(void **state)
{
	struct fix f = { .m = mp_model_new() };

	(void)state;
	at(&f, T0, 0, BOOT);
	at(&f, T0 + 50 * MS, 600 * (int64_t)SEC, BOOT + 600 * SEC);
	assert_int_equal(f.last.sub, MP_CLOCK_SLEEP);
	assert_int_equal(f.last.clock.asleep, 600 * SEC);
	assert_int_equal(f.last.clock.jump, 0);
	assert_true(mp_wall_ns(f.m, T0 + SEC) == WALL + T0 + 601 * SEC);
	/* Woken up, and the clock of the machine's battery was wrong. */
	at(&f, T0 + 100 * MS, 1202 * (int64_t)SEC, BOOT + 1200 * SEC);
	assert_int_equal(f.last.sub, MP_CLOCK_STEP);
	assert_int_equal(f.last.clock.asleep, 600 * SEC);
	assert_int_equal(f.last.clock.jump, 2 * SEC);
	mp_model_free(f.m);
}

static int into(void *ctx, const struct mp_event *e)
{
	return mp_model_fold(ctx, e);
}

/* A keyframe restores them; slewing is followed; the table is bounded. */
static void kept(void **state)
{
	struct fix f = { .m = mp_model_new() };
	struct mp_model *copy = mp_model_new();
	uint64_t t = T0;

	(void)state;
	for (int i = 0; i < 3000; i++, t += 60 * SEC)
		at(&f, t, (int64_t)(i * 30 * MS / 4), BOOT); /* 125 ppm: no step */
	assert_int_equal(f.last.sub, MP_CLOCK_TOLD);
	assert_true(f.m->n_clocks <= 1024);
	assert_true(mp_wall_ns(f.m, t) == f.r.wall + (t - f.r.mono));
	assert_true(f.m->clocks[0].ts == T0);
	assert_int_equal(mp_model_dump(f.m, into, copy), 0);
	assert_int_equal(copy->n_clocks, f.m->n_clocks);
	assert_true(mp_model_digest(copy) == mp_model_digest(f.m));
	assert_true(mp_wall_ns(copy, T0 + 90 * SEC) == mp_wall_ns(f.m, T0 + 90 * SEC));
	mp_model_free(copy);
	mp_model_free(f.m);
}

/* A recording without CLOCK events, as older ones are. */
static void by_meta(void **state)
{
	struct mp_model *m = mp_model_new();
	struct mp_event e = ev(MP_EV_META, MP_META_START_TS, 0, T0);

	(void)state;
	e.meta.num = T0;
	mp_model_fold(m, &e);
	assert_true(mp_wall_ns(m, T0) == MP_UNKNOWN);
	e.sub = MP_META_WALL_NS;
	e.meta.num = WALL;
	mp_model_fold(m, &e);
	assert_true(mp_wall_ns(m, T0 + SEC) == WALL + SEC);
	mp_model_free(m);
}

/* What no clock says is refused. */
static void impossible(void **state)
{
	struct fix f = { .m = mp_model_new() };
	struct mp_event e = ev(MP_EV_CLOCK, MP_CLOCK_TOLD, 0, T0);

	(void)state;
	at(&f, T0 + SEC, 0, BOOT);
	e.clock.wall = WALL;
	assert_int_equal(mp_model_fold(f.m, &e), -EINVAL);
	e.ts = T0 + 2 * SEC;
	e.clock.wall = MP_UNKNOWN;
	assert_int_equal(mp_model_fold(f.m, &e), -EINVAL);
	assert_int_equal(f.m->n_clocks, 1);
	mp_model_free(f.m);
}

/* The machine's own clocks. */
static void now(void **state)
{
	struct clock_reading a, b;

	(void)state;
	clock_now(&a);
	clock_now(&b);
	assert_true(b.mono >= a.mono && a.boot >= a.mono);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(told_by_the_minute),
		cmocka_unit_test(a_step),
		cmocka_unit_test(asleep),
		cmocka_unit_test(kept),
		cmocka_unit_test(by_meta),
		cmocka_unit_test(impossible),
		cmocka_unit_test(now),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
