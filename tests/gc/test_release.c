/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_release.c - when free pages go back, and that the heap's page table says no
 * more than the kernel. gc_verify() compares the table with mincore(); every heap
 * here runs it after each collection. What the release thread did is read from its events.
 */
#include "tap.h"

static void heap_with(struct fix *f, unsigned delay_ms, int advice, int thread)
{
	struct gc_options o = { .struct_size = sizeof(o),
				.young_min = KIB(128),
				.young_max = KIB(256),
				.verify = 1,
				.release_delay_ms = delay_ms,
				.release_advice = advice,
				.release_cpu_percent = 100,
				.no_release_thread = !thread };

	fix_open(f, &o);
}

static struct gc_bytes *soiled(struct fix *f, size_t len)
{
	struct gc_bytes *b = gc_alloc_array(f->m, f->bytes, len);

	assert_non_null(b);
	memset(b->data, 0xab, len);
	return b;
}

static void full(struct fix *f)
{
	assert_int_equal(gc_collect(f->m, GC_FULL, GC_REASON_TESTING), 0);
}

static void not_before_the_delay(void **state)
{
	struct gc_bytes *b;
	struct fix f;

	(void)state;
	heap_with(&f, 3600000, 0, 0);
	b = soiled(&f, MIB(8));
	full(&f);
	full(&f);
	gc_tick(f.m);
	assert_int_equal(resident(b, MIB(8)), MIB(8) / PAGE + 1);
	assert_true(stats(&f).owed >= MIB(8));
	assert_int_equal(stats(&f).released_total, 0);
	assert_true(gc_release_all(f.heap) >= MIB(8));
	assert_int_equal(resident(b, MIB(8)), 0);
	assert_int_equal(stats(&f).owed, 0);
	assert_int_equal(gc_release_all(f.heap), 0);
	fix_close(&f);
}

static void by_tick_without_thread(void **state)
{
	struct gc_bytes *b;
	struct fix f;

	(void)state;
	heap_with(&f, 5, 0, 0);
	b = soiled(&f, MIB(8));
	full(&f);
	WAIT_FOR((gc_tick(f.m), resident(b, MIB(8)) == 0));
	fix_close(&f);
}

/* A program that never enters the collector again gives its memory back too. */
static void by_thread_without_tick(void **state)
{
	struct gc_bytes *b;
	struct fix f;

	(void)state;
	heap_with(&f, 20, 0, 1);
	b = soiled(&f, MIB(32));
	full(&f);
	WAIT_FOR(resident(b, MIB(32)) == 0);
	/* And again: the thread waits for the next time. */
	b = soiled(&f, MIB(16));
	full(&f);
	WAIT_FOR(resident(b, MIB(16)) == 0);
	fix_close(&f);
}

/* What the heap will need before its next major collection stays. */
static void keeps_what_it_will_need(void **state)
{
	struct gc_bytes *live = NULL;
	struct gc_stats st;
	struct fix f;
	double end;

	(void)state;
	heap_with(&f, 1, 0, 0);
	{
		GC_FRAME(f.m, live);
		live = soiled(&f, MIB(40));
		soiled(&f, MIB(100));
		full(&f);
		for (end = now_s() + 0.05; now_s() < end;)
			gc_tick(f.m);
		st = stats(&f);
		/* 1.1 * (40 + 100 %) = 88 MiB, live included. */
		assert_true(st.owed > MIB(40) && st.owed < MIB(50));
		assert_int_equal(live->data[MIB(40) - 1], 0xab);
	}
	fix_close(&f);
}

/* Pages without objects inside blocks that have some are given back as well. */
static void holes_of_the_old_space(void **state)
{
	struct gc_refs *a = NULL;
	size_t n = 20000, i, before;
	struct fix f;

	(void)state;
	heap_with(&f, 3600000, 0, 0);
	{
		GC_FRAME(f.m, a);
		a = gc_alloc_array(f.m, f.refs, n);
		for (i = 0; i < n; i++)
			gc_write(f.m, a, &a->ref[i], gc_alloc_array(f.m, f.bytes, 200));
		full(&f);
		full(&f);
		before = stats(&f).space[GC_OLD].resident;
		assert_true(before > n * 200);
		/* One of 500 stays: in every block, but not in every page. */
		for (i = 0; i < n; i++)
			if (i % 500)
				gc_write(f.m, a, &a->ref[i], NULL);
		full(&f);
		gc_release_all(f.heap);
		assert_true(stats(&f).space[GC_OLD].resident < before / 8);
		for (i = 0; i < n; i += 500)
			assert_int_equal(((struct gc_bytes *)a->ref[i])->len, 200);
		/* And the holes are used again. */
		for (i = 0; i < n; i++)
			gc_write(f.m, a, &a->ref[i], gc_alloc_array(f.m, f.bytes, 200));
		full(&f);
		full(&f);
		assert_true(stats(&f).space[GC_OLD].resident <= before + MIB(1));
	}
	fix_close(&f);
}

static void the_idle_young_space_too(void **state)
{
	struct fix f;
	int i;

	(void)state;
	heap_with(&f, 3600000, 0, 0);
	for (i = 0; i < 20000; i++)
		pair_new(&f, 1);
	assert_true(stats(&f).space[GC_YOUNG].resident >= KIB(128)); /* the eden */
	full(&f);
	gc_release_all(f.heap);
	assert_true(stats(&f).space[GC_YOUNG].resident <= KIB(64));
	for (i = 0; i < 20000; i++)
		pair_new(&f, 1); /* and it is zero */
	fix_close(&f);
}

/* MADV_FREE: RSS may stay, contents may go; objects made there are zero. */
static void advice_free(void **state)
{
	struct gc_bytes *b;
	struct fix f;
	size_t i;
	int round;

	(void)state;
	heap_with(&f, 3600000, GC_ADVICE_FREE, 0);
	for (round = 0; round < 3; round++) {
		b = soiled(&f, MIB(8));
		full(&f);
		assert_true(gc_release_all(f.heap) >= MIB(8));
		b = gc_alloc_array(f.m, f.bytes, MIB(2));
		for (i = 0; i < b->len; i++)
			assert_int_equal(b->data[i], 0);
		full(&f);
	}
	fix_close(&f);
}

/* Bytes of memory since the start; with a sanitizer in it, those of the heap. */
static size_t growth(struct fix *f, size_t rss0)
{
	struct gc_stats st = stats(f);
	size_t held = 0;
	int i;

	if (RSS_IS_OURS)
		return st.rss - rss0;
	/* heap_total: what the spaces have, and what is owed outside of them. */
	for (i = GC_YOUNG; i < GC_NSPACES; i++)
		held += st.space[i].resident - st.space[i].committed;
	return held + st.heap_total;
}

/* RSS within 10 % of the goal at most 2 s after the collection that freed it. */
static void memory_back_in_time(void **state)
{
	struct gc_refs *spike = NULL;
	struct gc_bytes *live = NULL;
	struct gc_stats st;
	size_t rss0, i;
	double start;
	struct fix f;

	(void)state;
	fix_open(&f, &(struct gc_options)GC_OPTIONS_INIT);
	rss0 = stats(&f).rss;
	{
		GC_FRAME(f.m, spike, live);
		live = soiled(&f, MIB(20));
		spike = gc_alloc_array(f.m, f.refs, 300000);
		for (i = 0; i < spike->len; i++)
			gc_write(f.m, spike, &spike->ref[i], gc_alloc_array(f.m, f.bytes, 300));
		assert_true(stats(&f).rss > rss0 + MIB(100));
		spike = NULL;
		full(&f);
		start = now_s();
		st = stats(&f);
		assert_in_range(st.goal, MIB(40), MIB(41));
		WAIT_FOR(growth(&f, rss0) <= st.goal * 11 / 10);
		assert_true(now_s() - start <= 2);
		live = NULL;
	}
	fix_close(&f);
}

/* --- the release thread, by its events ------------------------------------------------ */

#define CALLS 1000

struct call {
	uint64_t ts, addr, len, ns, tid;
};

struct calls {
	struct call v[CALLS];
	size_t n, bytes;
	uint64_t gc_end; /* of the last collection */
};

static void add_call(const struct gc_event *ev, void *arg)
{
	struct calls *c = arg;

	if (ev->type == GC_EV_GC_END)
		c->gc_end = ev->ts;
	if (ev->type != GC_EV_PAGE_RELEASE)
		return;
	assert_true(c->n < CALLS);
	c->v[c->n++] = (struct call){ ev->ts, ev->a, ev->b, ev->v[0], ev->v[3] };
	c->bytes += ev->b;
}

/* Drops 64 MB and waits until the thread has given so many of them back. */
static void drop_64(unsigned percent, size_t soft_limit, size_t back, struct calls *c)
{
	struct gc_options o = { .struct_size = sizeof(o),
				.young_min = KIB(128),
				.young_max = KIB(128),
				.soft_limit = soft_limit,
				.release_delay_ms = soft_limit ? 3600000 : 1,
				.release_cpu_percent = percent };
	struct tap t;
	struct fix f;

	memset(c, 0, sizeof(*c));
	fix_open(&f, &o);
	tap_open(&t, &f);
	soiled(&f, MIB(64));
	full(&f);
	WAIT_FOR((tap_read(&t, add_call, c), c->bytes >= back));
	tap_close(&t);
	fix_close(&f);
}

/* Time of the calls that were followed by another one. */
static uint64_t call_ns(const struct calls *c)
{
	uint64_t ns = 0;
	size_t i;

	for (i = 0; i + 1 < c->n; i++)
		ns += c->v[i].ns;
	return ns;
}

static void within_its_cpu_budget(void **state)
{
	struct calls c;
	uint64_t took;
	size_t i;

	(void)state;
	drop_64(20, 0, MIB(64), &c);
	assert_in_range(c.n, 16, 40); /* in large pieces */
	for (i = 1; i < c.n; i++)
		assert_int_equal(c.v[i].tid, c.v[0].tid);
	took = c.v[c.n - 1].ts - c.v[0].ts;
	/* Less than 1 ms of waiting is kept for the next time. */
	assert_true(took + 1000000 >= 4 * call_ns(&c));
}

/* Over the soft limit nothing waits, neither for the delay nor for the budget. */
static void at_once_under_pressure(void **state)
{
	struct calls c;

	(void)state;
	drop_64(1, MIB(16), MIB(48), &c);
	assert_true(c.v[c.n - 1].ts - c.v[0].ts < 99 * call_ns(&c) / 3);
}

static void budget_out_of_range(void **state)
{
	struct gc_options o = { .struct_size = sizeof(o), .release_cpu_percent = 101 };
	struct gc_heap *h;

	(void)state;
	assert_int_equal(gc_heap_create(&o, &h), -EINVAL);
}

/* An array of n objects of 200 bytes. */
static struct gc_refs *small_objects(struct fix *f, size_t n)
{
	struct gc_refs *a = NULL;
	size_t i;
	GC_FRAME(f->m, a);

	a = gc_alloc_array(f->m, f->refs, n);
	for (i = 0; i < n; i++)
		gc_write(f->m, a, &a->ref[i], gc_alloc_array(f->m, f->bytes, 200));
	return a;
}

/* Pages are free since the collection that found them so, not since they were swept. */
static void the_delay_begins_with_the_collection(void **state)
{
	struct gc_options o = { .struct_size = sizeof(o),
				.young_min = KIB(128),
				.young_max = KIB(128),
				.release_delay_ms = 500 };
	struct gc_refs *a = NULL;
	struct calls c = { 0 };
	struct tap t;
	struct fix f;
	size_t i;

	(void)state;
	fix_open(&f, &o);
	tap_open(&t, &f);
	{
		GC_FRAME(f.m, a);
		a = small_objects(&f, 50000);
		full(&f);
		for (i = 0; i < a->len; i++)
			if (i % 600)
				gc_write(f.m, a, &a->ref[i], NULL);
		gc_collect(f.m, GC_MAJOR, GC_REASON_TESTING); /* sweeps little */
		WAIT_FOR((tap_read(&t, add_call, &c), c.bytes >= MIB(5)));
		assert_true(c.v[0].ts - c.gc_end >= 450000000);
		assert_true(c.v[c.n - 1].ts - c.gc_end < 950000000);
	}
	tap_close(&t);
	fix_close(&f);
}

/* The bits of blocks that are free go with their pages, and are zero when they come back. */
static void bits_of_free_blocks(void **state)
{
	int advice = *(int *)*state, round;
	struct gc_refs *a = NULL;
	struct calls c = { 0 };
	struct tap t;
	struct fix f;
	size_t i, bits;

	heap_with(&f, 3600000, advice, 0);
	tap_open(&t, &f);
	for (round = 0; round < 3; round++) {
		GC_FRAME(f.m, a);
		a = small_objects(&f, 50000);
		full(&f);
		a = NULL;
		full(&f);
		gc_release_all(f.heap);
		memset(&c, 0, sizeof(c));
		tap_read(&t, add_call, &c);
		for (bits = i = 0; i < c.n; i++) {
			if (c.v[i].addr - t.seg.hdr.heap_base < t.seg.hdr.heap_len)
				continue;
			bits += c.v[i].len;
			assert_int_equal(c.v[i].addr % PAGE, 0);
			if (advice == GC_ADVICE_DONTNEED)
				assert_int_equal(resident((void *)c.v[i].addr, c.v[i].len), 0);
		}
		/* Two bitmaps, a bit for each 8 bytes, of 11 MB. */
		assert_in_range(bits, 2 * MIB(10) / 64, 2 * MIB(13) / 64);
		assert_int_equal(gc_release_all(f.heap), 0);
	}
	tap_close(&t);
	fix_close(&f);
}

int main(void)
{
	int dontneed = GC_ADVICE_DONTNEED, lazy = GC_ADVICE_FREE;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(not_before_the_delay),
		cmocka_unit_test(by_tick_without_thread),
		cmocka_unit_test(by_thread_without_tick),
		cmocka_unit_test(keeps_what_it_will_need),
		cmocka_unit_test(holes_of_the_old_space),
		cmocka_unit_test(the_idle_young_space_too),
		cmocka_unit_test(advice_free),
		cmocka_unit_test(memory_back_in_time),
		cmocka_unit_test(within_its_cpu_budget),
		cmocka_unit_test(at_once_under_pressure),
		cmocka_unit_test(budget_out_of_range),
		cmocka_unit_test(the_delay_begins_with_the_collection),
		cmocka_unit_test_prestate(bits_of_free_blocks, &dontneed),
		cmocka_unit_test_prestate(bits_of_free_blocks, &lazy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
