/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_model_limits.c - what events from a file may cost: a session never meets the
 * limits, and what asks for terabytes is left out, counted, and costs nothing.
 */
#include <malloc.h>

#include "tests/unit/ev.h"
#include "tests/unit/rec_stream.h"

#define TIB (1ULL << 40)

/* As a model of a small file, but poorer still, so that the tests take no seconds. */
static struct fx fx_poor(void)
{
	struct fx f = fx_new();

	mp_model_limit(f.m, 1000);
	f.m->limits.work = 200000000;
	f.m->limits.space = 32 << 20;
	return f;
}

static uint64_t in_use(void)
{
	struct mallinfo2 i = mallinfo2();

	return i.uordblks + i.hblkhd;
}

/* Folds n times what `make` says; the memory taken stays near the bound. */
static void flood(struct fx *f, struct mp_event (*make)(uint64_t i), uint64_t n)
{
	uint64_t before = in_use(), lost = f->m->lost_total;

	for (uint64_t i = 0; i < n; i++) {
		struct mp_event e = make(i);
		int err = mp_model_fold(f->m, &e);

		assert_true(err == 0 || err == -EINVAL);
	}
	assert_true(f->m->lost[MP_LOSS_LIMIT] > 0);
	assert_int_equal(f->m->lost_total, lost + f->m->lost[MP_LOSS_LIMIT]);
	assert_true(in_use() < before + (48u << 20));
	if (!f->m->in_key)
		check_model(f->m);
}

static void test_session_is_free(void **state)
{
	struct mp_model *a = mp_model_new(), *b = mp_model_new();
	struct mp_event ev[STREAM_PIECE];
	struct stream s;
	size_t n = stream_start(&s, 3, ev);
	uint64_t spare;

	(void)state;
	mp_model_limit(b, 100);
	spare = b->limits.work;
	for (int i = 0; i < 20000; i++) {
		for (size_t k = 0; k < n; k++)
			assert_int_equal(mp_model_fold(a, &ev[k]), mp_model_fold(b, &ev[k]));
		n = stream_more(&s, ev);
	}
	assert_int_equal(b->lost_total, 0);
	assert_true(b->limits.work > spare / 2);
	assert_true(mp_model_digest(a) == mp_model_digest(b));
	mp_model_free(a);
	mp_model_free(b);
}

static struct mp_event resident(uint64_t i)
{
	return ev_pages(MM, T0, MP_PAGES_RESIDENT, i * TIB % (1ULL << 56), TIB);
}

static struct mp_event flicker(uint64_t i)
{
	return ev_pages(MM, T0, i % 2 ? MP_PAGES_ABSENT : MP_PAGES_RESIDENT, 0, TIB / 64);
}

static struct mp_event string(uint64_t i)
{
	struct mp_event e = ev(MP_EV_STR, 0, 0, T0);

	e.x = MP_STR_MAX;
	e.str.id = 1 + (uint32_t)i;
	return e;
}

static struct mp_event line(uint64_t i)
{
	return i ? ev_line(MM, T0, i * 2 * PG, i * 2 * PG + PG, BITS_RW, 0)
		 : ev(MP_EV_MAP, MP_MAP_BEGIN, MM, T0);
}

static struct mp_event mapping(uint64_t i)
{
	struct mp_event e = ev(MP_EV_CALL, MP_CALL_MMAP, MM, T0);

	e.x = MP_MMAP_X(RW, PRIV);
	e.call.ret = (int64_t)(i * 2 * PG);
	e.call.len = PG;
	return e;
}

static struct mp_event target(uint64_t i)
{
	return ev_task(10 + (uint32_t)i, T0, MP_TASK_TARGET, 10 + (uint32_t)i, 0);
}

static struct mp_event moved(uint64_t i)
{
	struct mp_event e = ev(MP_EV_CALL, MP_CALL_MREMAP, MM, T0);

	if (i < 2000)
		return ev_fault(MM, T0, i * 2 * PG, 1, MP_FAULT_WRITE);
	e.call.addr = i % 2 ? TIB : 0;
	e.call.ret = i % 2 ? 0 : (int64_t)TIB;
	e.call.len = e.call.len2 = TIB / 4;
	return e;
}

/* A hundred processes, each of which opens a point at each tick. */
static struct mp_event tick_of_many(uint64_t i)
{
	struct mp_event e = ev(MP_EV_TICK, 0, 0, T0 + i * SEC);

	return i < 100 ? target(i) : e;
}

#define FLOOD(name, n)                                \
	static void test_##name##_flood(void **state) \
	{                                             \
		struct fx f = fx_poor();              \
		(void)state;                          \
		flood(&f, name, n);                   \
		fx_free(&f);                          \
	}
FLOOD(resident, 3000)
FLOOD(flicker, 30000)
FLOOD(string, 200000)
FLOOD(line, 500000)
FLOOD(mapping, 300000)
FLOOD(target, 100000)
FLOOD(moved, 20000)
FLOOD(tick_of_many, 30000)

/* The losses of a state dump are not forgotten with the counters that it replaces. */
static void test_loss_in_keyframe(void **state)
{
	struct fx f = fx_poor();
	struct mp_event e = ev(MP_EV_KEYFRAME, MP_KEY_BEGIN, 0, T0);

	(void)state;
	fold(&f, e);
	fold(&f, ev_task(MM, T0, MP_TASK_TARGET, 100, 0));
	f.m->limits.work = 0;
	e = resident(0);
	assert_int_equal(mp_model_fold(f.m, &e), 0);
	e = ev(MP_EV_TOTAL, MP_TOTAL_MODEL, 0, T0);
	e.x = 5; /* lost_total */
	e.v[0] = 7;
	fold(&f, e);
	fold(&f, ev(MP_EV_KEYFRAME, MP_KEY_END, 0, T0));
	fold(&f, ev(MP_EV_TICK, 0, 0, T0));
	assert_int_equal(f.m->lost[MP_LOSS_LIMIT], 1);
	assert_int_equal(f.m->lost_total, 8);
	fx_free(&f);
}

/* What reading the file missed before a state dump is known behind it too, and no figure
 * is short of it any more. */
static void test_damage_before_keyframe(void **state)
{
	struct fx f = fx_poor();
	struct mp_event e = ev(MP_EV_LOSS, MP_LOSS_DAMAGED, 0, T0);

	(void)state;
	e.x = 9;
	fold(&f, e);
	assert_int_equal(mp_model_lost_total(f.m), 9);
	fold(&f, ev(MP_EV_KEYFRAME, MP_KEY_BEGIN, 0, T0));
	fold(&f, ev(MP_EV_KEYFRAME, MP_KEY_END, 0, T0));
	assert_int_equal(mp_model_lost(f.m, MP_LOSS_DAMAGED), 9);
	assert_int_equal(mp_model_lost_total(f.m), 9);
	assert_int_equal(f.m->lost_total, 0);
	fx_free(&f);
}

/* A process that touches a page, and its end; not checked after each event. */
static void live_and_die(struct fx *f, uint32_t mm)
{
	const uint64_t a = 0x7f0000000000ULL;
	const struct mp_event e[] = { ev_task(mm, tick(f), MP_TASK_TARGET, mm, 0),
				      ev_mmap(mm, tick(f), a, MIB, RW, PRIV),
				      ev_fault(mm, tick(f), a, 4, MP_FAULT_WRITE),
				      ev_task(mm, tick(f), MP_TASK_EXIT, 0, 0),
				      ev_task(mm, tick(f), MP_TASK_MM_EXIT, 0, 0) };

	for (size_t i = 0; i < sizeof(e) / sizeof(e[0]); i++)
		assert_int_equal(mp_model_fold(f->m, &e[i]), 0);
}

/* Whatever comes and goes: what stays is some bytes a process, and that is told as a fill. */
static void test_a_long_life(void **state)
{
	struct fx f = fx_new();
	const char *what;
	uint64_t before;
	uint32_t mm = 2;

	(void)state;
	assert_true(mp_model_fill(f.m, &what) == 0);
	while (mm < 3000)
		live_and_die(&f, mm++);
	before = in_use();
	while (mm < 30000)
		live_and_die(&f, mm++);
	assert_true(in_use() < before + 27000 * 16 + (1u << 20));
	/* numbers of processes are 4 bytes each, and given out in order */
	live_and_die(&f, 3u << 20);
	assert_true(mp_model_fill(f.m, &what) >= 75);
	assert_string_equal(what, "processes");
	fx_free(&f);
}

/* Each table tells how full it is: of what then goes without a name. */
static void test_fills(void **state)
{
	struct fx f = fx_new();
	const char *what;

	(void)state;
	for (uint32_t id = 1; id <= 70000; id++) {
		struct mp_event e = ev(MP_EV_STACK, 0, MM, T0);

		e.x = 1;
		e.stack.id = id;
		e.stack.ip[0] = id;
		assert_int_equal(mp_model_fold(f.m, &e), 0);
	}
	assert_int_equal(mp_model_fill(f.m, &what), 70000 * 100 / (1 << 17));
	assert_string_equal(what, "stacks");
	for (uint32_t id = 1; id <= 180000; id++) {
		struct mp_event e = ev(MP_EV_PLACE, MP_PLACE_NONE, MM, T0);

		e.place.ip = id;
		assert_int_equal(mp_model_fold(f.m, &e), 0);
	}
	assert_int_equal(mp_model_fill(f.m, &what), 180000 * 100 / (1 << 18));
	assert_string_equal(what, "functions");
	for (uint32_t id = 1; id <= 20000; id++) {
		struct mp_event e = ev(MP_EV_STR, 0, 0, T0);

		e.x = MP_STR_MAX;
		e.str.id = id;
		assert_int_equal(mp_model_fold(f.m, &e), 0);
	}
	assert_true(mp_model_fill(f.m, &what) > 68);
	assert_string_equal(what, "strings");
	fx_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_session_is_free),
		cmocka_unit_test(test_resident_flood),
		cmocka_unit_test(test_flicker_flood),
		cmocka_unit_test(test_string_flood),
		cmocka_unit_test(test_line_flood),
		cmocka_unit_test(test_mapping_flood),
		cmocka_unit_test(test_target_flood),
		cmocka_unit_test(test_moved_flood),
		cmocka_unit_test(test_tick_of_many_flood),
		cmocka_unit_test(test_loss_in_keyframe),
		cmocka_unit_test(test_damage_before_keyframe),
		cmocka_unit_test(test_a_long_life),
		cmocka_unit_test(test_fills),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
