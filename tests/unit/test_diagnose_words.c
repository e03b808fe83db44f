/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What whoever is on call reads: figures in words, what was there before somebody looked,
 * and memory that has another owner than it seems to have.
 */
#include "tests/unit/dx.h"

#define BRK_AT 0x5000000000ULL

static const char *words(enum mp_dx_unit unit, double v)
{
	static char buf[64];

	return mp_dx_value(buf, sizeof(buf), unit, v);
}

static void figures_are_understood(void **state)
{
	(void)state;
	assert_string_equal(words(MP_DX_BYTES_PER_HOUR, 9.0 * GIB), "9.00 G/h");
	assert_string_equal(words(MP_DX_BYTES_PER_HOUR, 120.0 * GIB), "2.00 G/min");
	assert_string_equal(words(MP_DX_BYTES_PER_HOUR, 3600.0 * GIB), "1.00 G/s");
	assert_string_equal(words(MP_DX_BYTES_PER_HOUR, -120.0 * GIB), "-2.00 G/min");
	assert_string_equal(words(MP_DX_RATIO, 0.494), "0.49");
	assert_string_equal(words(MP_DX_RATIO, 134.2), "134");
	assert_string_equal(words(MP_DX_RATIO, 1e-7), "0");
	assert_string_equal(words(MP_DX_PER_SECOND, 25123), "25123/s");
	assert_string_equal(words(MP_DX_PER_SECOND, 2.623), "2.62/s");
	assert_string_equal(words(MP_DX_BYTES, NAN), "?");
	/* no integer holds them */
	assert_string_equal(words(MP_DX_BYTES, 1e300), words(MP_DX_BYTES, INFINITY));
	assert_true(strlen(words(MP_DX_SECONDS, INFINITY)) > 0);
	assert_true(strlen(words(MP_DX_RATIO, 1e300)) < 24);
	assert_true(strlen(words(MP_DX_PER_SECOND, INFINITY)) < 24);
}

static void resident(struct dx *x, double s, uint64_t bytes)
{
	dx_fold(x, ev_pages(MM, dx_s(s), MP_PAGES_RESIDENT, BRK_AT, bytes));
	dx_rss(x, s, bytes, 0, 0);
}

/*
 * A process that had 200 MiB when somebody attached, whose pages were told `late` seconds
 * after its RSS, and which took 100 MiB more in the 40 seconds since.
 */
static struct dx attached(double late)
{
	struct dx x = dx_new(NULL);

	fx_str(&x.f, 1, "[heap]");
	fx_snap_begin(&x.f);
	fx_line(&x.f, BRK_AT, GIB, BITS_RW, 1);
	fx_snap_end(&x.f);
	dx_rss(&x, 0, 200 * MIB, 0, 0);
	dx_fold(&x, ev(MP_EV_TICK, 0, 0, dx_s(late / 2)));
	for (unsigned i = 0; i <= 400; i++)
		resident(&x, late + i / 10.0, 200 * MIB + i * (100 * MIB / 400) / PG * PG);
	return x;
}

static void what_was_there_did_not_come(void **state)
{
	(void)state;
	for (double late = 0.01; late < 2; late *= 10) {
		struct dx x = attached(late);
		const struct mp_finding *f = dx_find(&x, "native-leak");

		assert_non_null(f);
		assert_in_range(f->bytes, 99 * MIB, 100 * MIB);
		dx_free(&x);
	}
}

/*
 * 320 MiB resident in Go's mappings, of which it has committed so much for its heap and
 * uses 10 MiB; a collection left that, and a minute went by.
 */
static struct dx goroutines(uint64_t committed)
{
	struct dx x = dx_new(NULL);
	struct mp_event e = ev_range(MM, dx_s(0), MP_HEAP_RESERVE, HEAP_AT, HEAP_LEN);

	e.range.source = MP_SRC_GO;
	dx_fold(&x, e);
	fx_snap_begin(&x.f);
	fx_line(&x.f, HEAP_AT, GIB, BITS_RW, 0);
	fx_snap_end(&x.f);
	dx_fold(&x, ev_fault(MM, dx_s(0), HEAP_AT, 320 * MIB / PG, MP_FAULT_WRITE));
	dx_rss(&x, 0, 320 * MIB, 0, 0);
	dx_fold(&x, ev_heap(MM, dx_s(0.1), MP_SRC_GO, 300 * MIB, committed));
	e = ev_gc(MM, dx_s(1), MP_GC_MAJOR, 300 * MIB, 10 * MIB);
	e.gc.source = MP_SRC_GO;
	e.gc.cbefore = e.gc.cafter = committed;
	dx_fold(&x, e);
	for (double s = 1.5; s < 60; s += 0.5)
		dx_fold(&x, ev(MP_EV_TICK, 0, 0, dx_s(s)));
	return x;
}

static void stacks_of_goroutines_are_not_kept_by_the_collector(void **state)
{
	struct dx x = goroutines(320 * MIB);

	(void)state;
	assert_non_null(dx_find(&x, "heap-retained"));
	dx_free(&x);
	x = goroutines(60 * MIB); /* the other pages are stacks */
	assert_null(dx_find(&x, "heap-retained"));
	dx_free(&x);
}

/* 600 mappings of 256 KiB that come evenly, of a program that runs on V8 or not. */
static struct dx buffers(bool v8)
{
	struct dx x = dx_new(NULL);
	const uint64_t len = 256 * KIB;

	fx_snap_begin(&x.f);
	fx_line(&x.f, HEAP_AT, GIB, BITS_RW, 0);
	fx_snap_end(&x.f);
	if (v8) {
		struct mp_event e = ev_range(MM, dx_s(0), MP_HEAP_RESERVE, HEAP_AT, HEAP_LEN);

		e.range.source = MP_SRC_V8;
		dx_fold(&x, e);
		dx_fold(&x, ev_fault(MM, dx_s(0), HEAP_AT, 8 * MIB / PG, MP_FAULT_WRITE));
		dx_fold(&x, ev_heap(MM, dx_s(0.1), MP_SRC_V8, 4 * MIB, 8 * MIB));
	}
	for (unsigned i = 0; i < 600; i++) {
		double s = 1 + 39 * i / 600.0;
		/* V8's own pages are aligned to 256 KiB */
		uint64_t at = ANON_AT + 2 * i * len + PG;

		dx_fold(&x, ev_mmap(MM, dx_s(s), at, len, RW, PRIV));
		dx_fold(&x, ev_fault(MM, dx_s(s), at, (uint32_t)(len / PG), MP_FAULT_WRITE));
		dx_rss(&x, s, mp_pageset_total(P(&x.f)->pages) * PG, 0, 0);
	}
	return x;
}

static void buffers_are_no_mappings_that_were_forgotten(void **state)
{
	struct dx x = buffers(false);

	(void)state;
	assert_non_null(dx_find(&x, "mmap-leak"));
	assert_null(dx_find(&x, "off-heap"));
	dx_free(&x);
	x = buffers(true);
	assert_non_null(dx_find(&x, "off-heap"));
	assert_null(dx_find(&x, "mmap-leak"));
	dx_free(&x);
}

static void meta(struct dx *x, unsigned key, uint64_t v)
{
	struct mp_event e = ev(MP_EV_META, key, 0, dx_s(0));

	e.meta.num = v;
	dx_fold(x, e);
}

/*
 * Native memory that grows by 2.5 MiB a second for so long, behind 40 s by `later` of that, of
 * a program that memprof started (age 0) or came to when it had run for `age` seconds.
 */
static struct dx begun(double age, double seconds, double later)
{
	struct dx x = dx_new(NULL);
	struct mp_event e = ev_task(MM, dx_s(0), MP_TASK_TARGET, 1000, 0);
	double mib = 1;

	e.x = age > 0 ? 0 : MP_TASK_F_LAUNCHED;
	dx_fold(&x, e);
	meta(&x, MP_META_BOOT_NS, 5000 * SEC);
	meta(&x, MP_META_PROC_START, (uint64_t)((5000 - age) * 1e9));
	fx_str(&x.f, 1, "[heap]");
	fx_snap_begin(&x.f);
	fx_line(&x.f, BRK_AT, GIB, BITS_RW, 1);
	fx_snap_end(&x.f);
	for (unsigned i = 0; i <= seconds * 10; i++, mib += i <= 400 ? 0.25 : 0.25 * later)
		resident(&x, 0.1 + i / 10.0, (uint64_t)(mib * 256) * PG);
	return x;
}

static enum mp_dx_level level_of_leak(struct dx x)
{
	const struct mp_finding *f = dx_find(&x, "native-leak");
	enum mp_dx_level level;

	assert_non_null(f);
	level = f->level;
	dx_free(&x);
	return level;
}

/* A compiler grows till it has finished. */
static void a_program_that_begins_wakes_nobody(void **state)
{
	(void)state;
	assert_int_equal(level_of_leak(begun(0, 40, 1)), MP_DX_INFO);
	assert_int_equal(level_of_leak(begun(10, 40, 1)), MP_DX_INFO); /* it had just begun */
	assert_int_equal(level_of_leak(begun(10.1, 40, 1)), MP_DX_WARN);
}

/* A start gets slower; a minute without that is none. */
static void a_minute_of_steady_growth_is_no_start(void **state)
{
	(void)state;
	assert_int_equal(level_of_leak(begun(0, 60, 1)), MP_DX_WARN);
	assert_int_equal(level_of_leak(begun(10, 60, 1)), MP_DX_WARN);
	assert_int_equal(level_of_leak(begun(0, 54, 1)), MP_DX_INFO);
	/* its last third at 0.85 and at 0.7 of the mean pace */
	assert_int_equal(level_of_leak(begun(0, 60, 0.8)), MP_DX_WARN);
	assert_int_equal(level_of_leak(begun(0, 60, 0.6)), MP_DX_INFO);
}

/* 240 MiB of a file, all of it dirty by smaps_rollup, mapped with these rights. */
static struct dx file(uint32_t rights)
{
	struct dx x = dx_new(NULL);
	struct mp_event e = ev_line(MM, dx_s(0), ANON_AT, ANON_AT + GIB, rights | MP_MAP_FILE, 0);

	fx_snap_begin(&x.f);
	e.map.ino = 7;
	dx_fold(&x, e);
	fx_snap_end(&x.f);
	dx_fold(&x, ev_pages(MM, dx_s(1), MP_PAGES_RESIDENT, ANON_AT, 240 * MIB));
	dx_rss(&x, 1, 60 * MIB, 240 * MIB, 0);
	e = ev(MP_EV_ROLLUP, 0, MM, dx_s(3));
	e.rollup.pss_anon = 60 * MIB;
	e.rollup.pss_file = 240 * MIB;
	e.rollup.shared_dirty = 300 * MIB;
	dx_fold(&x, e);
	return x;
}

/* Pages that somebody else has just written are dirty, and this process only reads them. */
static void a_reader_has_nothing_to_write(void **state)
{
	struct dx x = file(MP_MAP_R | MP_MAP_W | MP_MAP_SHARED);

	(void)state;
	assert_int_equal(dx_find(&x, "file-mmap")->level, MP_DX_WARN);
	dx_free(&x);
	x = file(MP_MAP_R | MP_MAP_SHARED);
	assert_int_equal(dx_find(&x, "file-mmap")->level, MP_DX_INFO);
	dx_free(&x);
}

/* What cannot be known is not 0. */
static void heap_in_use_that_nobody_told(void **state)
{
	struct dx x = buffers(false);

	(void)state;
	assert_false(dx_make(&x)->live_known);
	dx_free(&x);
	x = buffers(true);
	assert_true(dx_make(&x)->live_known);
	dx_free(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figures_are_understood),
		cmocka_unit_test(what_was_there_did_not_come),
		cmocka_unit_test(stacks_of_goroutines_are_not_kept_by_the_collector),
		cmocka_unit_test(buffers_are_no_mappings_that_were_forgotten),
		cmocka_unit_test(a_program_that_begins_wakes_nobody),
		cmocka_unit_test(a_minute_of_steady_growth_is_no_start),
		cmocka_unit_test(a_reader_has_nothing_to_write),
		cmocka_unit_test(heap_in_use_that_nobody_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
