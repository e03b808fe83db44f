/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The rules of rules_native.c at their thresholds, both sides.
 */
#include "tests/unit/dx.h"

#define BRK_AT	 0x5000000000ULL
#define ARENA_AT 0x7f0000000000ULL
#define ARENA	 (64 * MIB)
#define LIB_AT	 0x7e0000000000ULL
#define MAPS_AT	 0x7c0000000000ULL

enum { STR_BRK = 1, STR_LIB = 2, STR_THREAD = 3 };

/* A process with a program break, so many arenas, and memory of its own. */
static struct dx with_maps(unsigned arenas)
{
	struct dx x = dx_new(NULL);
	uint64_t at = ARENA_AT;

	fx_str(&x.f, STR_BRK, "[heap]");
	fx_snap_begin(&x.f);
	fx_line(&x.f, BRK_AT, GIB, BITS_RW, STR_BRK);
	fx_line(&x.f, ANON_AT, 4 * GIB, BITS_RW, 0);
	for (unsigned i = 0; i < arenas; i++, at += ARENA) {
		fx_line(&x.f, at, ARENA - MIB, BITS_RW, 0);
		fx_line(&x.f, at + ARENA - MIB, MIB, 0, 0);
	}
	fx_snap_end(&x.f);
	return x;
}

/* From now on so much of it is resident; RSS is that and nothing else. */
static void resident(struct dx *x, double s, uint64_t at, uint64_t bytes)
{
	struct mp_proc *p = P(&x->f);

	dx_fold(x, ev_pages(MM, dx_s(s), MP_PAGES_ABSENT, at, GIB));
	if (bytes)
		dx_fold(x, ev_pages(MM, dx_s(s), MP_PAGES_RESIDENT, at, bytes));
	dx_rss(x, s, mp_pageset_total(p->pages) * PG, 0, 0);
}

static void meta(struct dx *x, unsigned key, uint64_t v)
{
	struct mp_event e = ev(MP_EV_META, key, 0, dx_s(0.01));

	e.meta.num = v;
	dx_fold(x, e);
}

/* From one second to another `bytes` come evenly, in tenths of a second. */
static void comes(struct dx *x, uint64_t at, double from, double to, uint64_t was, uint64_t bytes)
{
	for (double s = from; s <= to + 1e-9; s += 0.1)
		resident(x, s, at,
			 was + (uint64_t)((double)bytes * (s - from) / (to - from)) / PG * PG);
}

static void do_mprotect_at(struct dx *x, double s, uint64_t at, uint64_t len)
{
	struct mp_event e = ev_call(MM, dx_s(s), MP_CALL_MPROTECT, at, len, 0);

	e.x = RW;
	dx_fold(x, e);
}

/* Nothing moves between the two. */
static void idles(struct dx *x, double from, double to)
{
	for (double s = from; s <= to + 1e-9; s += 0.1)
		dx_rss(x, s, P(&x->f)->rss.anon * PG, 0, 0);
}

/* --- native-retention ------------------------------------------------------------------------ */

/* A burst of `bytes` in a second behind one of quiet, then quiet for `still` seconds. */
static struct dx burst(uint64_t bytes, double still)
{
	struct dx x = with_maps(0);

	resident(&x, 0.1, BRK_AT, 4 * MIB);
	idles(&x, 0.2, 0.9);
	comes(&x, BRK_AT, 1, 2, 4 * MIB, bytes);
	idles(&x, 2.1, 2 + still);
	return x;
}

static void retention_without_a_heap_is_information(void **state)
{
	struct dx x = burst(100 * MIB, 4);
	const struct mp_finding *f = dx_find(&x, "native-retention");

	(void)state;
	assert_non_null(f);
	assert_int_equal(f->level, MP_DX_INFO);
	assert_int_equal(f->bytes, 100 * MIB);
	assert_true(f->confidence < 0.5);
	assert_non_null(strstr(f->summary, "no free()"));
	assert_null(dx_find(&x, "native-leak"));
	dx_free(&x);
}

static void heap_at(struct dx *x, double s, uint64_t used, uint64_t external)
{
	struct mp_event e = ev_heap(MM, dx_s(s), MP_SRC_V8, used, 40 * MIB);

	e.heap.external = external;
	dx_fold(x, e);
}

/* The same beside a heap that says what it holds outside at most, and at the end. */
static struct dx burst_of_heap(uint64_t most, uint64_t external)
{
	struct dx x = with_maps(0);

	resident(&x, 0.1, BRK_AT, 4 * MIB);
	heap_at(&x, 0.15, 10 * MIB, 0);
	idles(&x, 0.2, 0.9);
	comes(&x, BRK_AT, 1, 2, 4 * MIB, 200 * MIB);
	heap_at(&x, 2.02, 10 * MIB, most);
	dx_rss(&x, 2.03, P(&x.f)->rss.anon * PG, 0, 0);
	dx_rss(&x, 2.06, P(&x.f)->rss.anon * PG, 0, 0);
	heap_at(&x, 2.07, 10 * MIB, external);
	idles(&x, 2.1, 6);
	return x;
}

static void retention_that_the_heap_has_freed(void **state)
{
	struct dx x = burst_of_heap(190 * MIB, 20 * MIB);
	const struct mp_finding *f = dx_find(&x, "native-retention");

	(void)state;
	assert_non_null(f);
	assert_int_equal(f->level, MP_DX_WARN);
	assert_int_equal(f->bytes, (204 - 20) * MIB);
	assert_true(f->from > dx_s(1.8) && f->from < dx_s(2.1));
	assert_string_equal(f->nots[0].cls, "native-leak");
	assert_string_equal(f->nots[1].cls, "off-heap");
	dx_free(&x);
}

static void what_the_heap_holds_is_not_retained(void **state)
{
	struct dx x = burst_of_heap(190 * MIB, 110 * MIB);

	(void)state;
	assert_null(dx_find(&x, "native-retention"));
	assert_null(dx_withheld(&x, "native-retention"));
	dx_free(&x);
}

/* An addon's memory: the heap never held half of what came, and says nothing of the rest. */
static void what_an_addon_holds_is_not_told(void **state)
{
	struct dx x = burst_of_heap(99 * MIB, MIB), y = burst_of_heap(101 * MIB, MIB);

	(void)state;
	assert_null(dx_find(&x, "native-retention"));
	assert_non_null(strstr(dx_withheld(&x, "native-retention"), "never held most of it"));
	assert_int_equal(dx_find(&y, "native-retention")->level, MP_DX_WARN);
	dx_free(&x);
	dx_free(&y);
}

/* Of a heap that does not say so, what a collection left tells. */
static struct dx burst_before_gc(uint64_t after, double when)
{
	struct dx x = with_maps(0);

	resident(&x, 0.1, BRK_AT, 4 * MIB);
	heap_at(&x, 0.15, 10 * MIB, MP_UNKNOWN);
	idles(&x, 0.2, 0.9);
	comes(&x, BRK_AT, 1, 2, 4 * MIB, 200 * MIB);
	dx_gc(&x, when, MP_GC_MAJOR, 20 * MIB, after);
	idles(&x, when + 0.1, 7);
	return x;
}

static void retention_that_a_collection_shows(void **state)
{
	struct dx x = burst_before_gc(10 * MIB, 2.1), y = burst_before_gc(11 * MIB, 2.1);

	(void)state;
	assert_int_equal(dx_find(&x, "native-retention")->level, MP_DX_INFO);
	assert_null(dx_find(&y, "native-retention"));
	assert_null(dx_withheld(&y, "native-retention"));
	dx_free(&x);
	dx_free(&y);
}

static void retention_without_a_collection_since_is_withheld(void **state)
{
	struct dx x = burst_before_gc(MP_UNKNOWN, 2.1);

	(void)state;
	assert_null(dx_find(&x, "native-retention"));
	assert_non_null(strstr(dx_withheld(&x, "native-retention"), "no major collection since"));
	dx_free(&x);
}

static void retention_needs_quiet(void **state)
{
	struct dx x = burst(100 * MIB, 2.8), y = burst(100 * MIB, 3.2);

	(void)state;
	assert_null(dx_find(&x, "native-retention"));
	assert_non_null(dx_find(&y, "native-retention"));
	dx_free(&x);
	dx_free(&y);
}

static void small_bursts_are_none(void **state)
{
	struct dx x = burst(59 * MIB, 4);

	(void)state;
	assert_null(dx_find(&x, "native-retention"));
	assert_null(dx_withheld(&x, "native-retention"));
	dx_free(&x);
}

static void what_is_given_back_is_not_retained(void **state)
{
	struct dx x = burst(200 * MIB, 1), y = burst(200 * MIB, 1);

	(void)state;
	resident(&x, 3.1, BRK_AT, (204 - 39) * MIB);
	idles(&x, 3.2, 8);
	resident(&y, 3.1, BRK_AT, (204 - 42) * MIB);
	idles(&y, 3.2, 8);
	assert_non_null(dx_find(&x, "native-retention"));
	assert_null(dx_find(&y, "native-retention"));
	dx_free(&x);
	dx_free(&y);
}

/* Four fifths of it in 0.33 of the time: here it comes evenly, so 0.4 of it in all. */
static void a_cache_that_fills_is_no_burst(void **state)
{
	struct dx x = with_maps(0), y = with_maps(0);

	(void)state;
	resident(&x, 0.1, BRK_AT, 0);
	comes(&x, BRK_AT, 0.2, 4.2, 0, 200 * MIB);
	idles(&x, 4.3, 9);
	resident(&y, 0.1, BRK_AT, 0);
	comes(&y, BRK_AT, 0.2, 3.2, 0, 200 * MIB);
	idles(&y, 3.3, 9);
	assert_null(dx_find(&x, "native-retention"));
	assert_non_null(dx_find(&y, "native-retention"));
	dx_free(&x);
	dx_free(&y);
}

static void retention_from_before_is_withheld(void **state)
{
	struct dx x = with_maps(0);

	(void)state;
	resident(&x, 0.1, BRK_AT, 300 * MIB);
	idles(&x, 0.2, 8);
	assert_null(dx_find(&x, "native-retention"));
	assert_non_null(strstr(dx_withheld(&x, "native-retention"), "before the recording"));
	dx_free(&x);
}

static void many_arenas_make_it_surer(void **state)
{
	struct dx x[2];
	double k[2];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		x[i] = with_maps(4 + i);
		meta(&x[i], MP_META_NCPU, 2);
		resident(&x[i], 0.1, BRK_AT, 0);
		idles(&x[i], 0.2, 0.9);
		comes(&x[i], BRK_AT, 1, 2, 0, 100 * MIB);
		idles(&x[i], 2.1, 6);
		k[i] = dx_find(&x[i], "native-retention")->confidence;
		dx_free(&x[i]);
	}
	assert_true(k[1] > k[0]);
}

/* --- native-leak -------------------------------------------------------------------------------
 */

static struct dx growing(uint64_t bytes, double seconds, double still)
{
	struct dx x = with_maps(0);

	resident(&x, 0.1, BRK_AT, 0);
	comes(&x, BRK_AT, 1, 1 + seconds, 0, bytes);
	idles(&x, 1.1 + seconds, 1 + seconds + still);
	return x;
}

static void leak(void **state)
{
	struct dx x = growing(100 * MIB, 8, 0);
	const struct mp_finding *f = dx_find(&x, "native-leak");

	(void)state;
	assert_non_null(f);
	assert_int_equal(f->level, MP_DX_INFO);
	assert_true(f->bytes > 99 * MIB && f->bytes <= 100 * MIB);
	assert_null(dx_find(&x, "native-retention"));
	dx_free(&x);
}

static void a_start_takes_no_half_minute(void **state)
{
	struct dx x = growing(100 * MIB, 30, 0), y = growing(100 * MIB, 33, 0);

	(void)state;
	assert_int_equal(dx_find(&x, "native-leak")->level, MP_DX_INFO);
	assert_int_equal(dx_find(&y, "native-leak")->level, MP_DX_WARN);
	dx_free(&x);
	dx_free(&y);
}

static void growth_of_ten_minutes_is_bad(void **state)
{
	struct dx x = with_maps(0);

	(void)state;
	for (unsigned s = 0; s <= 700; s++)
		resident(&x, 1 + s, BRK_AT, s * MIB);
	assert_int_equal(dx_find(&x, "native-leak")->level, MP_DX_BAD);
	dx_free(&x);
}

static void growth_that_stopped_is_no_leak(void **state)
{
	struct dx x = growing(100 * MIB, 8, 1.0), y = growing(100 * MIB, 8, 2.0);

	(void)state;
	assert_non_null(dx_find(&x, "native-leak"));
	assert_null(dx_find(&y, "native-leak"));
	dx_free(&x);
	dx_free(&y);
}

static void growth_of_three_seconds_is_withheld(void **state)
{
	struct dx x = growing(100 * MIB, 3.8, 0), y = growing(100 * MIB, 4.5, 0);

	(void)state;
	assert_null(dx_find(&x, "native-leak"));
	assert_non_null(dx_withheld(&x, "native-leak"));
	assert_non_null(dx_find(&y, "native-leak"));
	dx_free(&x);
	dx_free(&y);
}

static void who_ends_by_himself_did_not_leak(void **state)
{
	struct dx x = growing(100 * MIB, 8, 0), y = growing(100 * MIB, 8, 0);

	(void)state;
	dx_fold(&x, ev_task(MM, dx_s(9.2), MP_TASK_EXIT, 0, 100));
	dx_fold(&y, ev_task(MM, dx_s(9.2), MP_TASK_EXIT, 9, 100)); /* killed */
	assert_null(dx_find(&x, "native-leak"));
	assert_non_null(dx_find(&y, "native-leak"));
	dx_free(&x);
	dx_free(&y);
}

/* --- allocator-decay ---------------------------------------------------------------------------
 */

/* A process with jemalloc and memory of it. */
static struct dx with_jemalloc(void)
{
	struct dx x = dx_new(NULL);

	fx_str(&x.f, STR_LIB, "/usr/lib/libjemalloc.so.2");
	fx_snap_begin(&x.f);
	fx_line(&x.f, LIB_AT, GIB, BITS_RW, 0);
	fx_line(&x.f, LIB_AT + 2 * GIB, 2 * MIB, BITS_LIB, STR_LIB);
	fx_snap_end(&x.f);
	return x;
}

/* 100 MiB are touched in half a second; `purged` of them are given back and touched again. */
static struct dx jemalloc_works(uint64_t purged)
{
	struct dx x = with_jemalloc();
	uint64_t pages = 100 * MIB / PG;

	dx_rss(&x, 0.1, 0, 0, 0);
	for (unsigned i = 0; i < 5; i++) {
		double s = 1 + 0.1 * i;

		dx_fold(&x, ev_fault(MM, dx_s(s), LIB_AT + i * pages / 5 * PG,
				     (uint32_t)(pages / 5), MP_FAULT_WRITE));
		dx_rss(&x, s, (i + 1) * pages / 5 * PG, 0, 0);
	}
	if (purged)
		dx_fold(&x, ev_madvise(MM, dx_s(1.5), LIB_AT, purged, MADV_DONTNEED));
	dx_rss(&x, 1.5, 100 * MIB - purged, 0, 0);
	dx_fold(&x, ev_fault(MM, dx_s(1.6), LIB_AT, (uint32_t)(purged / PG), MP_FAULT_WRITE));
	dx_rss(&x, 1.6, 100 * MIB, 0, 0);
	return x;
}

static void decay(void **state)
{
	struct dx x = jemalloc_works(51 * MIB), y = jemalloc_works(49 * MIB);
	const struct mp_finding *f;

	(void)state;
	idles(&x, 1.7, 7);
	idles(&y, 1.7, 7);
	f = dx_find(&x, "allocator-decay");
	/* a cache that answers from its memory has no pages that come or go either */
	assert_int_equal(f->level, MP_DX_INFO);
	assert_non_null(strstr(f->summary, "gave back"));
	assert_int_equal(f->bytes, 100 * MIB);
	assert_non_null(strstr(f->advice[0], "background_thread"));
	assert_null(dx_find(&x, "native-retention"));
	/* that it ever gives back what is not used has not been seen */
	assert_null(strstr(dx_find(&y, "allocator-decay")->summary, "gave back"));
	dx_free(&x);
	dx_free(&y);
}

static void decay_needs_an_idle_program(void **state)
{
	struct dx x = jemalloc_works(60 * MIB);

	(void)state;
	idles(&x, 1.7, 4);
	dx_fold(&x, ev_fault(MM, dx_s(4.1), LIB_AT, 3000, MP_FAULT_WRITE));
	idles(&x, 4.2, 6.9);
	assert_null(dx_find(&x, "allocator-decay"));
	idles(&x, 7, 8);
	assert_non_null(dx_find(&x, "allocator-decay"));
	dx_free(&x);
}

static void who_purges_while_it_sleeps_has_no_decay(void **state)
{
	struct dx x = jemalloc_works(60 * MIB), y = jemalloc_works(60 * MIB);
	struct mp_event e = ev_task(MM, dx_s(1.65), MP_TASK_NAME, 0, 0);

	(void)state;
	fx_str(&x.f, STR_THREAD, "jemalloc_bg_thd");
	e.tid = 101;
	e.task.comm = STR_THREAD;
	dx_fold(&x, ev_fault(MM, dx_s(1.62), LIB_AT + 512 * MIB, 1, MP_FAULT_WRITE));
	dx_fold(&x, e);
	idles(&x, 1.7, 8);
	dx_fold(&y, ev_madvise(MM, dx_s(1.7), LIB_AT, 11 * MIB, MADV_DONTNEED));
	dx_rss(&y, 1.75, 89 * MIB, 0, 0);
	idles(&y, 1.8, 2.8);
	dx_fold(&y, ev_madvise(MM, dx_s(2.85), LIB_AT, 22 * MIB, MADV_DONTNEED));
	dx_rss(&y, 2.9, 78 * MIB, 0, 0);
	idles(&y, 3, 5.7);
	assert_null(dx_find(&x, "allocator-decay"));
	assert_null(dx_find(&y, "allocator-decay"));
	dx_free(&x);
	dx_free(&y);
}

/* --- mmap-leak
 * ------------------------------------------------------------------------------------ */

/* n mappings of 256 KiB over so many seconds, touched or not, unmapped one later or never. */
static void maps_come(struct dx *x, unsigned n, double seconds, bool touched, bool given_back)
{
	const uint64_t len = 256 * KIB;

	resident(x, 0.1, BRK_AT, 4 * MIB);
	for (unsigned i = 0; i < n; i++) {
		double s = 1 + seconds * i / n;
		/* with a gap: none joins its neighbour */
		uint64_t at = MAPS_AT + 2 * i * len;

		dx_fold(x, ev_mmap(MM, dx_s(s), at, len, RW, PRIV));
		if (touched)
			dx_fold(x, ev_fault(MM, dx_s(s), at, (uint32_t)(len / PG), MP_FAULT_WRITE));
		dx_rss(x, s, mp_pageset_total(P(&x->f)->pages) * PG, 0, 0);
		if (given_back && i)
			dx_fold(x, ev_call(MM, dx_s(s), MP_CALL_MUNMAP, at - 2 * len, len, 0));
	}
}

static struct dx maps(unsigned n, double seconds, bool touched, bool given_back)
{
	struct dx x = with_maps(0);

	maps_come(&x, n, seconds, touched, given_back);
	return x;
}

/* What a heap has committed. */
static void heap_tells(struct dx *x, double s, uint64_t committed)
{
	dx_fold(x, ev_heap(MM, dx_s(s), MP_SRC_GC, 10 * MIB, committed));
}

static void mmap_leak(void **state)
{
	struct dx x = maps(510, 8, true, false), y = maps(490, 8, true, false);
	const struct mp_finding *f = dx_find(&x, "mmap-leak");

	(void)state;
	assert_non_null(f);
	assert_true(f->bytes > 120 * MIB);
	assert_null(dx_find(&x, "native-leak"));
	/* fewer are a leak of memory, not of mappings */
	assert_null(dx_find(&y, "mmap-leak"));
	assert_non_null(dx_find(&y, "native-leak"));
	dx_free(&x);
	dx_free(&y);
}

static void mappings_of_a_start_wake_nobody(void **state)
{
	struct dx x = maps(600, 29, true, false), y = maps(600, 33, true, false);
	struct dx u = maps(600, 29, false, false), v = maps(600, 33, false, false);

	(void)state;
	assert_int_equal(dx_find(&x, "mmap-leak")->level, MP_DX_INFO);
	assert_int_equal(dx_find(&y, "mmap-leak")->level, MP_DX_WARN);
	assert_int_equal(dx_find(&u, "mmap-leak")->level, MP_DX_INFO);
	assert_int_equal(dx_find(&v, "mmap-leak")->level, MP_DX_WARN);
	dx_free(&x);
	dx_free(&y);
	dx_free(&u);
	dx_free(&v);
}

/* A heap maps its memory too. */
static void mappings_of_a_heap_are_no_leak(void **state)
{
	struct dx x[2];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		x[i] = with_maps(0);
		dx_fold(&x[i], ev_mmap(MM, dx_s(0.05), HEAP_AT, GIB, RW, PRIV));
		dx_fold(&x[i], ev_range(MM, dx_s(0.05), MP_HEAP_RESERVE, HEAP_AT, GIB));
		heap_tells(&x[i], 0.1, 40 * MIB);
		maps_come(&x[i], 510, 8, true, false);
		heap_tells(&x[i], 9, (i ? 140 : 200) * MIB);
		dx_rss(&x[i], 9.1, P(&x[i].f)->rss.anon * PG, 0, 0);
	}
	/* the calls are the heap's; that there are more mappings stays true */
	assert_null(strstr(dx_find(&x[0], "mmap-leak")->summary, "calls of mmap"));
	assert_non_null(strstr(dx_find(&x[1], "mmap-leak")->summary, "calls of mmap"));
	dx_free(&x[0]);
	dx_free(&x[1]);
}

static void mappings_untouched(void **state)
{
	struct dx x = maps(510, 8, false, false), y = maps(490, 8, false, false);

	(void)state;
	assert_int_equal(dx_find(&x, "mmap-leak")->bytes, 0);
	assert_null(dx_find(&y, "mmap-leak"));
	dx_free(&x);
	dx_free(&y);
}

static void mappings_given_back_are_no_leak(void **state)
{
	struct dx x = maps(2000, 8, true, true);

	(void)state;
	assert_null(dx_find(&x, "mmap-leak"));
	assert_null(dx_find(&x, "native-leak"));
	dx_free(&x);
}

static void mappings_at_once_are_no_leak(void **state)
{
	struct dx x = maps(1000, 0.2, true, false);

	(void)state;
	idles(&x, 1.3, 8);
	assert_null(dx_find(&x, "mmap-leak"));
	dx_free(&x);
}

/* --- thread-stacks
 * ---------------------------------------------------------------------------------- */

static void threads(struct dx *x, double s, uint64_t n)
{
	struct mp_event e = ev(MP_EV_PROC, 0, MM, dx_s(s));

	for (unsigned i = 0; i < 7; i++)
		e.v[i] = MP_UNKNOWN;
	e.proc.threads = n;
	dx_fold(x, e);
}

/* n stacks over so many seconds, `started` of them of threads; those end unless `live`. */
static struct dx with_stacks(unsigned n, unsigned started, bool live, uint64_t size, double seconds)
{
	struct dx x = with_maps(0);

	resident(&x, 0.1, BRK_AT, 4 * MIB);
	threads(&x, 0.1, 1);
	for (unsigned i = 0; i < n; i++) {
		double s = 1 + seconds * i / n;
		uint64_t at = MAPS_AT + i * 2 * size;

		dx_fold(&x, ev_mmap(MM, dx_s(s), at, size, PROT_NONE, PRIV));
		do_mprotect_at(&x, s, at + PG, size - PG);
		dx_fold(&x, ev_fault(MM, dx_s(s), at + size - 2 * PG, 2, MP_FAULT_WRITE));
		if (i < started)
			dx_fold(&x, ev_task(MM, dx_s(s), MP_TASK_THREAD, 1000 + i, 0));
		threads(&x, s, live ? i + 2 : 1);
		dx_rss(&x, s, mp_pageset_total(P(&x.f)->pages) * PG, 0, 0);
	}
	return x;
}

static struct dx with_threads(unsigned n, bool live, uint64_t size)
{
	return with_stacks(n, n, live, size, 8);
}

/* Fibers have stacks, and start no thread. */
static void stacks_of_fibers_are_no_threads(void **state)
{
	struct dx x = with_stacks(60, 29, false, 8 * MIB, 8);
	struct dx y = with_stacks(60, 30, false, 8 * MIB, 8);

	(void)state;
	assert_null(dx_find(&x, "thread-stacks"));
	assert_non_null(dx_find(&y, "thread-stacks"));
	dx_free(&x);
	dx_free(&y);
}

/* Threads are counted once a second, stacks at once. */
static void stacks_of_a_start_are_withheld(void **state)
{
	struct dx x = with_stacks(60, 60, false, 8 * MIB, 3.5);

	(void)state;
	assert_null(dx_find(&x, "thread-stacks"));
	assert_non_null(strstr(dx_withheld(&x, "thread-stacks"), "were looked at"));
	dx_free(&x);
}

static void stacks_without_a_thread(void **state)
{
	struct dx x = with_threads(22, false, 8 * MIB), y = with_threads(18, false, 8 * MIB);

	(void)state;
	assert_non_null(
		strstr(dx_find(&x, "thread-stacks")->summary, "neither joined nor detached"));
	assert_int_equal(dx_find(&x, "thread-stacks")->bytes, 22 * 2 * PG);
	assert_null(dx_find(&y, "thread-stacks"));
	dx_free(&x);
	dx_free(&y);
}

/* glibc keeps 40 MiB of stacks for threads to come. */
static void stacks_kept_for_threads_to_come(void **state)
{
	struct dx x = with_threads(38, false, MIB), y = with_threads(45, false, MIB);

	(void)state;
	assert_null(dx_find(&x, "thread-stacks"));
	assert_non_null(dx_find(&y, "thread-stacks"));
	dx_free(&x);
	dx_free(&y);
}

static void threads_that_wait(void **state)
{
	struct dx x = with_threads(51, true, 8 * MIB), y = with_threads(49, true, 8 * MIB);

	(void)state;
	assert_non_null(strstr(dx_find(&x, "thread-stacks")->summary, "wait for something"));
	assert_null(dx_find(&y, "thread-stacks"));
	dx_free(&x);
	dx_free(&y);
}

static void threads_of_a_start_are_no_leak(void **state)
{
	struct dx x = with_threads(60, true, 8 * MIB);

	(void)state;
	idles(&x, 9.1, 20);
	assert_null(dx_find(&x, "thread-stacks"));
	dx_free(&x);
}

static struct dx deep(uint64_t bytes, unsigned n)
{
	struct dx x = with_threads(n, true, 8 * MIB);

	for (unsigned i = 0; i < n; i++)
		dx_fold(&x, ev_fault(MM, dx_s(9.1), MAPS_AT + (i * 16 + 8) * MIB - bytes,
				     (uint32_t)(bytes / PG), MP_FAULT_WRITE));
	dx_rss(&x, 9.1, mp_pageset_total(P(&x.f)->pages) * PG, 0, 0);
	idles(&x, 9.2, 13);
	return x;
}

static void deep_stacks(void **state)
{
	struct dx x = deep(4 * MIB, 2), y = deep(4 * MIB - 4 * PG, 2), z = deep(5 * MIB, 20);

	(void)state;
	assert_int_equal(dx_find(&x, "thread-stacks")->level, MP_DX_INFO);
	assert_int_equal(dx_find(&x, "thread-stacks")->bytes, 4 * MIB);
	assert_null(dx_find(&y, "thread-stacks"));
	assert_int_equal(dx_find(&z, "thread-stacks")->level, MP_DX_WARN);
	assert_int_equal(dx_find(&z, "thread-stacks")->bytes, 100 * MIB);
	dx_free(&x);
	dx_free(&y);
	dx_free(&z);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(retention_without_a_heap_is_information),
		cmocka_unit_test(retention_that_the_heap_has_freed),
		cmocka_unit_test(what_the_heap_holds_is_not_retained),
		cmocka_unit_test(what_an_addon_holds_is_not_told),
		cmocka_unit_test(retention_that_a_collection_shows),
		cmocka_unit_test(retention_without_a_collection_since_is_withheld),
		cmocka_unit_test(retention_needs_quiet),
		cmocka_unit_test(small_bursts_are_none),
		cmocka_unit_test(what_is_given_back_is_not_retained),
		cmocka_unit_test(a_cache_that_fills_is_no_burst),
		cmocka_unit_test(retention_from_before_is_withheld),
		cmocka_unit_test(many_arenas_make_it_surer),
		cmocka_unit_test(leak),
		cmocka_unit_test(a_start_takes_no_half_minute),
		cmocka_unit_test(growth_of_ten_minutes_is_bad),
		cmocka_unit_test(growth_that_stopped_is_no_leak),
		cmocka_unit_test(growth_of_three_seconds_is_withheld),
		cmocka_unit_test(who_ends_by_himself_did_not_leak),
		cmocka_unit_test(decay),
		cmocka_unit_test(decay_needs_an_idle_program),
		cmocka_unit_test(who_purges_while_it_sleeps_has_no_decay),
		cmocka_unit_test(mmap_leak),
		cmocka_unit_test(mappings_of_a_start_wake_nobody),
		cmocka_unit_test(mappings_of_a_heap_are_no_leak),
		cmocka_unit_test(mappings_untouched),
		cmocka_unit_test(mappings_given_back_are_no_leak),
		cmocka_unit_test(mappings_at_once_are_no_leak),
		cmocka_unit_test(stacks_without_a_thread),
		cmocka_unit_test(stacks_of_fibers_are_no_threads),
		cmocka_unit_test(stacks_of_a_start_are_withheld),
		cmocka_unit_test(stacks_kept_for_threads_to_come),
		cmocka_unit_test(threads_that_wait),
		cmocka_unit_test(threads_of_a_start_are_no_leak),
		cmocka_unit_test(deep_stacks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
