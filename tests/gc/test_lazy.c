/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_lazy.c - the staged experiment: lazy mapping, owed pages, delayed release,
 * reuse of the same addresses; and that no space touches a page before it is used.
 * The kernel (mincore, statm, smaps) is the judge.
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

/* The mapping that holds p, as the kernel tells it. */
struct mapping {
	uintptr_t start, end;
	char perms[8];
	unsigned long inode;
	size_t rss; /* bytes */
};

static struct mapping mapping_of(const void *p)
{
	struct mapping v = { 0 };
	bool found = false;
	unsigned long kb;
	char line[512];
	FILE *f = fopen("/proc/self/smaps", "re");

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx %7s %*s %*s %lu", &v.start, &v.end, v.perms, &v.inode) ==
		    4)
			found = v.start <= (uintptr_t)p && (uintptr_t)p < v.end;
		else if (found && sscanf(line, "Rss: %lu kB", &kb) == 1)
			break;
	}
	fclose(f);
	assert_true(found);
	v.rss = kb << 10;
	return v;
}

/* Private and anonymous: the kernel fills it with zeros at the first touch. */
static void is_lazy_memory(const void *p, size_t rss)
{
	struct mapping v = mapping_of(p);

	assert_string_equal(v.perms, "rw-p");
	assert_int_equal(v.inode, 0);
	near_mb(v.rss, rss);
}

static size_t address_space(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu", &pages), 1);
	fclose(f);
	return pages * PAGE;
}

static void staged_experiment(void **state)
{
	struct gc_options o = GC_OPTIONS_INIT;
	struct gc_bytes *a = NULL, *first;
	struct fix f;
	size_t rss0, vss0, i, pages = SIZE_A / PAGE;

	(void)state;
	o.release_delay_ms = 500;
	fix_open(&f, &o);
	{
		GC_FRAME(f.m, a);
		rss0 = stats(&f).rss;
		vss0 = address_space();
		a = first = gc_alloc_array(f.m, f.bytes, SIZE_A);
		assert_non_null(a);
		assert_true(pages_of(a) <= 1);
		near_mb(stats(&f).rss, rss0);
		assert_int_equal(stats(&f).heap_used >> 20, 600);

		is_lazy_memory(a, 0);
		a->data[500] = a->data[100000] = a->data[104000] = 1;
		assert_int_equal(pages_of(a), 3);	     /* the first is the header's too */
		gc_collect(f.m, GC_FULL, GC_REASON_TESTING); /* looks at no page of it */
		assert_int_equal(pages_of(a), 3);

		for (i = 0; i < 100; i++)
			assert_int_equal(a->data[MIB(1) + i * MIB(5)], 0);
		touch(a);
		assert_int_equal(pages_of(a), pages + 1);
		is_lazy_memory(a, SIZE_A);
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
		is_lazy_memory(first, 0); /* the addresses stay mapped */
		assert_true(stats(&f).released_total >= SIZE_A);

		a = gc_alloc_array(f.m, f.bytes, SIZE_B);
		assert_ptr_equal(a, first);
		assert_true(pages_of(a) <= 1);
		touch(a);
		assert_int_equal(pages_of(a), SIZE_B / PAGE + 1);
		near_mb(stats(&f).rss, rss0 + SIZE_B);
		is_lazy_memory(a, SIZE_B);
		assert_int_equal(stats(&f).heap_used >> 20, 300);
		/* All of it was mapped before: since then a thread's stack, and tables. */
		assert_true(!RSS_IS_OURS || address_space() < vss0 + MIB(64));
	}
	fix_close(&f);
}

static size_t in_memory(struct fix *f, enum gc_space_id space)
{
	return stats(f).space[space].resident / PAGE;
}

/* An object of each space costs the pages it is written to, nothing before, no more. */
static void nothing_is_touched_before_use(void **state)
{
	struct gc_options o = GC_OPTIONS_INIT;
	struct gc_bytes *b = NULL, *large = NULL, *pinned = NULL;
	struct fix f;

	(void)state;
	o.no_release_thread = 1;
	o.verify = 1;
	o.gogc = -1;
	fix_open(&f, &o);
	{
		GC_FRAME(f.m, b, large, pinned);
		assert_int_equal(in_memory(&f, GC_YOUNG) + in_memory(&f, GC_OLD) +
					 in_memory(&f, GC_LARGE) + in_memory(&f, GC_PINNED),
				 0);
		b = gc_alloc_array(f.m, f.bytes, 100);
		assert_int_equal(in_memory(&f, GC_YOUNG), 1);
		large = gc_alloc_array(f.m, f.bytes, MIB(30));
		assert_int_equal(in_memory(&f, GC_LARGE), 1);
		pinned = gc_alloc_pinned_array(f.m, f.bytes, KIB(32) - 16);
		assert_int_equal(in_memory(&f, GC_PINNED), 1);
		assert_int_equal(in_memory(&f, GC_OLD), 0);
		gc_collect(f.m, GC_FULL, GC_REASON_TESTING); /* b becomes old */
		assert_int_equal(in_memory(&f, GC_OLD), 1);
		assert_int_equal(in_memory(&f, GC_LARGE), 1);
		assert_int_equal(in_memory(&f, GC_PINNED), 1);
		large->data[MIB(20)] = pinned->data[KIB(20)] = 1;
		assert_int_equal(in_memory(&f, GC_LARGE), 2);
		assert_int_equal(in_memory(&f, GC_PINNED), 2);
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
		cmocka_unit_test(nothing_is_touched_before_use),
		cmocka_unit_test(owed_pages_are_zeroed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
