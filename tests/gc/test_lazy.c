/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_lazy.c - the staged experiment: lazy mapping, owed pages, delayed release,
 * reuse of the same addresses. The kernel (mincore, statm) is the judge.
 */
#include "common.h"

#define SIZE_A MIB(600)
#define SIZE_B MIB(300)

static size_t pages_of(const struct gc_bytes *b)
{
	return resident(b, b->len + sizeof(*b));
}

/* Writes one byte in every page. */
static void touch(struct gc_bytes *b)
{
	size_t i;

	for (i = 0; i < b->len; i += PAGE)
		b->data[i] = 1;
	b->data[b->len - 1] = 1;
}

static void near_mb(size_t got, size_t want)
{
	if (RSS_IS_OURS && (got > want + MIB(8) || got + MIB(8) < want))
		fail_msg("RSS is %zu MB, expected %zu", got >> 20, want >> 20);
}

static void staged_experiment(void **state)
{
	struct gc_options o = GC_OPTIONS_INIT;
	struct gc_bytes *a = NULL, *first;
	struct fix f;
	size_t rss0, pages = SIZE_A / PAGE;

	(void)state;
	o.release_delay_ms = 500;
	fix_open(&f, &o);
	{
		GC_FRAME(f.m, a);
		rss0 = stats(&f).rss;
		a = first = gc_alloc_array(f.m, f.bytes, SIZE_A);
		assert_non_null(a);
		assert_true(pages_of(a) <= 1);
		near_mb(stats(&f).rss, rss0);
		assert_int_equal(stats(&f).heap_used >> 20, 600);

		a->data[10] = a->data[SIZE_A / 2] = a->data[SIZE_A - 1] = 1;
		assert_int_equal(pages_of(a), 3);
		gc_collect(f.m, GC_FULL, GC_REASON_TESTING); /* looks at no page of it */
		assert_int_equal(pages_of(a), 3);

		touch(a);
		assert_int_equal(pages_of(a), pages + 1);
		near_mb(stats(&f).rss, rss0 + SIZE_A);
		assert_int_equal(stats(&f).space[GC_LARGE].resident, (pages + 1) * PAGE);

		a = NULL;
		gc_collect(f.m, GC_FULL, GC_REASON_FORCED);
		assert_true(stats(&f).heap_used < KIB(64));
		assert_true(resident(first, SIZE_A) > pages / 2); /* owed, not yet given back */
		assert_true(stats(&f).owed >= SIZE_A);
		WAIT_FOR(resident(first, SIZE_A) == 0);
		WAIT_FOR(stats(&f).owed < MIB(20));
		near_mb(stats(&f).rss, rss0);
		assert_true(stats(&f).released_total >= SIZE_A);

		a = gc_alloc_array(f.m, f.bytes, SIZE_B);
		assert_ptr_equal(a, first);
		assert_true(pages_of(a) <= 1);
		touch(a);
		assert_int_equal(pages_of(a), SIZE_B / PAGE + 1);
		near_mb(stats(&f).rss, rss0 + SIZE_B);
	}
	fix_close(&f);
}

/* Reused before it was given back: the memory is zero all the same. */
static void owed_pages_are_zeroed(void **state)
{
	size_t sizes[] = { KIB(64), MIB(1), MIB(3), MIB(40) }, i, s;
	struct gc_options o = GC_OPTIONS_INIT;
	struct gc_bytes *a;
	void *first;
	struct fix f;

	(void)state;
	o.no_release_thread = 1;
	o.verify = 1;
	fix_open(&f, &o);
	for (s = 0; s < 4; s++) {
		a = first = gc_alloc_array(f.m, f.bytes, MIB(50));
		memset(a->data, 0xab, a->len);
		gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
		a = gc_alloc_array(f.m, f.bytes, sizes[s]);
		assert_ptr_equal(a, first);
		for (i = 0; i < a->len; i++)
			assert_int_equal(a->data[i], 0);
		gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
	}
	fix_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(staged_experiment),
		cmocka_unit_test(owed_pages_are_zeroed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
