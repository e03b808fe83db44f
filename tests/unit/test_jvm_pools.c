/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* test_jvm_pools.c - collections put together from records of HotSpot's pool probes. */
#include "tests/unit/ev.h"

#include <time.h>

#include "user/rt/jvm_pools.h"

static struct jvm_pools pools;
static uint64_t now;

static int setup(void **state)
{
	(void)state;
	memset(&pools, 0, sizeof(pools));
	now = 1000;
	return 0;
}

static void text(struct mp_raw_words *r, unsigned word, const char *s)
{
	memcpy(&r->v[word], s, strlen(s));
}

/* A record of a pool; `cause` NULL: not known. */
static bool pool(unsigned which, const char *manager, const char *name, uint64_t used,
		 uint64_t committed, const char *cause, struct jvm_gc *gc)
{
	struct mp_raw_words r = { .ts = now += 10, .flags = (uint8_t)which, .n = MP_JVM_CAUSE };

	r.v[0] = used;
	r.v[1] = committed;
	text(&r, MP_JVM_MANAGER, manager);
	text(&r, MP_JVM_POOL, name);
	if (cause) {
		text(&r, MP_JVM_CAUSE, cause);
		r.n = MP_JVM_WORDS;
	}
	return jvm_pools_feed(&pools, &r, gc);
}

static void pause(uint64_t from, uint64_t to)
{
	struct mp_raw_words r = { .ts = from, .flags = MP_JVM_PAUSE_BEGIN };
	struct jvm_gc gc;

	assert_false(jvm_pools_feed(&pools, &r, &gc));
	r.ts = to;
	r.flags = MP_JVM_PAUSE_END;
	assert_false(jvm_pools_feed(&pools, &r, &gc));
}

#define BEGIN(m, p, u, c)   assert_false(pool(MP_JVM_POOL_BEGIN, m, p, u, c, NULL, NULL))
#define END(m, p, u, c, gc) pool(MP_JVM_POOL_END, m, p, u, c, NULL, gc)

static void test_young(void **state)
{
	struct jvm_gc gc;

	(void)state;
	BEGIN("Copy", "Metaspace", 5, 6);
	BEGIN("Copy", "CodeHeap 'non-nmethods'", 7, 8);
	BEGIN("Copy", "Eden Space", 100, 120);
	BEGIN("Copy", "Tenured Gen", 50, 200);
	assert_false(END("Copy", "Metaspace", 5, 6, &gc));
	assert_false(END("Copy", "CodeHeap 'non-nmethods'", 7, 8, &gc));
	assert_false(END("Copy", "Eden Space", 0, 130, &gc));
	assert_true(
		pool(MP_JVM_POOL_END, "Copy", "Tenured Gen", 60, 210, "Allocation Failure", &gc));
	assert_int_equal(gc.kind, MP_GC_MINOR);
	assert_int_equal(gc.before, 150);
	assert_int_equal(gc.after, 60);
	assert_int_equal(gc.cbefore, 320);
	assert_int_equal(gc.cafter, 340);
	assert_int_equal(gc.start, 1010);
	assert_int_equal(gc.end, 1080);
	assert_int_equal(gc.pause, 70);
	assert_string_equal(gc.cause, "Allocation Failure");
}

/* A major cycle of generational ZGC with a minor one inside; each pause belongs to who was
 * under way when it began. */
static void test_cycles(void **state)
{
	const char *major = "ZGC Major Cycles", *minor = "ZGC Minor Cycles";
	struct jvm_gc gc;

	(void)state;
	BEGIN(major, "ZGC Old Generation", 100, 200);
	pause(1020, 1023);
	now = 1100;
	BEGIN(minor, "ZGC Old Generation", 110, 200);
	pause(1120, 1125);
	now = 1200;
	assert_true(END(minor, "ZGC Old Generation", 105, 200, &gc));
	assert_int_equal(gc.kind, MP_GC_MINOR);
	assert_int_equal(gc.pause, 5);
	pause(1220, 1227);
	pause(1240, 1230); /* from the future: none */
	now = 1300;
	assert_true(END(major, "ZGC Old Generation", 40, 200, &gc));
	assert_int_equal(gc.kind, MP_GC_MAJOR);
	assert_int_equal(gc.before, 100);
	assert_int_equal(gc.after, 40);
	assert_int_equal(gc.pause, 3 + 5 + 7);
}

/* Shenandoah takes the cause back before the end. */
static void test_cause(void **state)
{
	struct jvm_gc gc;

	(void)state;
	assert_false(
		pool(MP_JVM_POOL_BEGIN, "Shenandoah Cycles", "Shenandoah", 9, 9, "Metadata", NULL));
	assert_true(pool(MP_JVM_POOL_END, "Shenandoah Cycles", "Shenandoah", 4, 9, "No GC", &gc));
	assert_string_equal(gc.cause, "Metadata");
	assert_false(
		pool(MP_JVM_POOL_BEGIN, "Shenandoah Cycles", "Shenandoah", 9, 9, "No GC", NULL));
	assert_true(pool(MP_JVM_POOL_END, "Shenandoah Cycles", "Shenandoah", 4, 9, NULL, &gc));
	assert_string_equal(gc.cause, "");
}

static void one(uint64_t before, bool all)
{
	struct jvm_gc gc;

	if (all)
		BEGIN("PS MarkSweep", "PS Eden Space", before, 10);
	BEGIN("PS MarkSweep", "PS Old Gen", before, 10);
	if (all)
		assert_false(END("PS MarkSweep", "PS Eden Space", 1, 10, &gc));
	else
		assert_false(
			END("PS MarkSweep", "PS Survivor Space", 1, 10, &gc)); /* never began */
	assert_true(END("PS MarkSweep", "PS Old Gen", 1, 10, &gc));
	assert_int_equal(gc.kind, MP_GC_COMPACT);
	assert_int_equal(gc.before, all ? 2 * before : MP_UNKNOWN);
	assert_int_equal(gc.after, all ? 2 : MP_UNKNOWN);
	assert_int_equal(gc.cafter, all ? 20 : MP_UNKNOWN);
}

/* Counted, but a part does not look like the whole. */
static void test_lost_records(void **state)
{
	struct jvm_gc gc;

	(void)state;
	assert_false(END("PS MarkSweep", "PS Old Gen", 1, 10, &gc)); /* we came too late */
	one(5, true);
	one(6, false);
	one(7, true);
	BEGIN("PS MarkSweep", "PS Eden Space", 3, 10); /* its end gets lost */
	one(8, true);
}

/* Pauses of G1's marking collect nothing by themselves. */
static void test_remark(void **state)
{
	struct jvm_gc gc;

	(void)state;
	BEGIN("G1 Concurrent GC", "G1 Old Gen", 3, 10);
	assert_false(END("G1 Concurrent GC", "G1 Old Gen", 3, 10, &gc));
	BEGIN("G1 Young Generation", "G1 Old Gen", 3, 10);
	assert_true(END("G1 Young Generation", "G1 Old Gen", 2, 10, &gc));
}

/* Any words: nothing is read beyond a table, no name without an end. */
static void test_any(void **state)
{
	unsigned seed = (unsigned)time(NULL);
	struct mp_raw_words r = { .n = MP_JVM_WORDS };
	struct jvm_gc gc;

	(void)state;
	print_message("seed %u\n", seed);
	for (int i = 0; i < 200000; i++) {
		memset(r.v, 'a' + rand_r(&seed) % 20, sizeof(r.v));
		r.v[MP_JVM_POOL] += (uint64_t)rand_r(&seed) % 40;
		r.v[0] = (uint64_t)rand_r(&seed) << 33;
		r.flags = (uint8_t)(rand_r(&seed) % 5);
		r.ts = (uint64_t)rand_r(&seed);
		if (jvm_pools_feed(&pools, &r, &gc))
			assert_in_range(gc.kind, MP_GC_MINOR, MP_GC_OTHER);
		for (unsigned k = 0; k < JVM_MANAGERS; k++)
			assert_in_range(pools.span[k].n, 0, JVM_POOLS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_young, setup),
		cmocka_unit_test_setup(test_cycles, setup),
		cmocka_unit_test_setup(test_cause, setup),
		cmocka_unit_test_setup(test_lost_records, setup),
		cmocka_unit_test_setup(test_remark, setup),
		cmocka_unit_test_setup(test_any, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
