/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_compact.c - old objects that move: on request, and by majors when blocks are
 * sparse; what follows them, and what stays.
 */
#include "common.h"

#define N 40000 /* objects of 32 bytes: five blocks */

static void open_heap(struct fix *f)
{
	struct gc_options o = { .struct_size = sizeof(o),
				.young_min = KIB(128),
				.young_max = KIB(256),
				.no_release_thread = 1,
				.verify = 1 };

	fix_open(f, &o);
}

/* N old pairs in table; those without a[i] == 0 (mod keep) are dropped. */
static struct gc_refs *sparse(struct fix *f, struct gc_refs **table, size_t keep)
{
	struct gc_refs *t;
	size_t i;

	*table = gc_alloc_array(f->m, f->refs, N);
	for (i = 0; i < N; i++)
		gc_write(f->m, *table, &(*table)->ref[i], pair_new(f, i));
	gc_collect(f->m, GC_FULL, GC_REASON_TESTING);
	t = *table;
	for (i = 0; i < N; i++)
		if (i % keep)
			gc_write(f->m, t, &t->ref[i], NULL);
	return t;
}

static void check_kept(const struct gc_refs *t, size_t keep)
{
	size_t i;

	for (i = 0; i < N; i += keep)
		assert_int_equal(((struct pair *)t->ref[i])->value, i);
}

static void compacts_on_request(void **state)
{
	struct gc_refs *t = NULL;
	struct gc_stats before, after;
	void *last;
	struct fix f;

	(void)state;
	open_heap(&f);
	{
		GC_FRAME(f.m, t);
		sparse(&f, &t, 40);
		gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
		before = stats(&f);
		assert_true(before.space[GC_OLD].committed >= MIB(1) + KIB(256));
		last = t->ref[N - 40];
		assert_int_equal(gc_collect(f.m, GC_COMPACT, GC_REASON_TESTING), 0);
		after = stats(&f);
		assert_int_equal(after.heap_used, before.heap_used);
		assert_int_equal(after.space[GC_OLD].committed, KIB(256));
		assert_ptr_not_equal(t->ref[N - 40], last);
		check_kept(t, 40);
		/* Dense now: nothing is to be won, nothing moves. */
		last = t->ref[N - 40];
		assert_int_equal(gc_collect(f.m, GC_COMPACT, GC_REASON_TESTING), 0);
		assert_ptr_equal(t->ref[N - 40], last);
	}
	fix_close(&f);
}

/* Holes of a line here and there: several passes until little is left to be won. */
static void compacts_scattered_holes(void **state)
{
	struct gc_refs *t = NULL;
	struct gc_space_stats old;
	struct fix f;

	(void)state;
	open_heap(&f);
	{
		GC_FRAME(f.m, t);
		sparse(&f, &t, 4); /* a quarter of five blocks */
		gc_collect(f.m, GC_COMPACT, GC_REASON_TESTING);
		old = stats(&f).space[GC_OLD];
		assert_int_equal(old.committed, KIB(512));
		check_kept(t, 4);
	}
	fix_close(&f);
}

/* Every place that can refer to an old object follows it. */
static void all_places_follow(void **state)
{
	struct pair *frame = NULL, *young = NULL, *first;
	struct gc_refs *t = NULL;
	struct gc_global *global;
	struct gc_weak *weak;
	gc_handle handle;
	struct fix f;
	uint64_t id;

	(void)state;
	open_heap(&f);
	{
		GC_FRAME(f.m, frame, young, t);
		sparse(&f, &t, 40);
		frame = first = t->ref[N - 40];
		handle = gc_handle_new(f.m, frame);
		global = gc_global_new(f.m, frame);
		weak = gc_weak_new(f.m, frame);
		id = gc_id(f.m, frame);
		gc_write(f.m, frame, &frame->a, frame);
		/* An old object, and one that refers to a young one: it is in the log. */
		gc_write(f.m, t->ref[40], &((struct pair *)t->ref[40])->b, frame);
		young = pair_new(&f, 7);
		gc_write(f.m, frame, &frame->b, young);
		gc_collect(f.m, GC_COMPACT, GC_REASON_TESTING);
		assert_ptr_not_equal(frame, first);
		assert_ptr_equal(t->ref[N - 40], frame);
		assert_ptr_equal(*handle, frame);
		assert_ptr_equal(gc_global_get(global), frame);
		assert_ptr_equal(gc_weak_get(f.m, weak), frame);
		assert_int_equal(gc_id(f.m, frame), id);
		assert_ptr_equal(frame->a, frame);
		assert_ptr_equal(frame->b, young);
		assert_ptr_equal(((struct pair *)t->ref[40])->b, frame);
		check_kept(t, 40);
		gc_weak_free(f.m, weak);
		gc_global_free(f.m, global);
	}
	fix_close(&f);
}

static void pinned_ones_stay(void **state)
{
	struct gc_refs *t = NULL;
	struct pair *p;
	struct gc_pin *pin;
	struct fix f;

	(void)state;
	open_heap(&f);
	{
		GC_FRAME(f.m, t);
		sparse(&f, &t, 40);
		p = t->ref[N - 40];
		pin = gc_pin(f.m, p);
		gc_collect(f.m, GC_COMPACT, GC_REASON_TESTING);
		assert_ptr_equal(gc_pin_get(pin), p);
		assert_ptr_equal(t->ref[N - 40], p);
		check_kept(t, 40);
		gc_unpin(f.m, pin);
		gc_collect(f.m, GC_COMPACT, GC_REASON_TESTING);
		assert_ptr_not_equal(t->ref[N - 40], p);
		check_kept(t, 40);
	}
	fix_close(&f);
}

/* A major that pacing starts empties sparse blocks when they waste enough. */
static void majors_empty_sparse_blocks(void **state)
{
	struct gc_refs *t = NULL, *big = NULL;
	struct gc_stats before, after;
	size_t i, n = 8 * N;
	struct fix f;

	(void)state;
	open_heap(&f);
	{
		GC_FRAME(f.m, t, big);
		big = gc_alloc_array(f.m, f.refs, n);
		for (i = 0; i < n; i++)
			gc_write(f.m, big, &big->ref[i], pair_new(&f, i));
		gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
		for (i = 0; i < n; i++)
			if (i % 50)
				gc_write(f.m, big, &big->ref[i], NULL);
		gc_collect(f.m, GC_MAJOR, GC_REASON_TESTING); /* finds the blocks sparse */
		before = stats(&f);
		assert_true(before.space[GC_OLD].committed >= MIB(9));
		gc_collect(f.m, GC_MAJOR, GC_REASON_TESTING); /* empties them */
		after = stats(&f);
		assert_true(after.space[GC_OLD].committed <= MIB(1) + KIB(512));
		assert_int_equal(after.space[GC_OLD].used, before.space[GC_OLD].used);
		for (i = 0; i < n; i += 50)
			assert_int_equal(((struct pair *)big->ref[i])->value, i);
	}
	fix_close(&f);
}

/* The pages of the emptied blocks can go back to the kernel. */
static void emptied_blocks_go_back(void **state)
{
	struct gc_refs *t = NULL;
	struct gc_stats st;
	struct fix f;

	(void)state;
	open_heap(&f);
	{
		GC_FRAME(f.m, t);
		sparse(&f, &t, 40);
		gc_collect(f.m, GC_COMPACT, GC_REASON_TESTING);
		assert_true(stats(&f).owed >= MIB(1));
		gc_release_all(f.heap);
		st = stats(&f);
		assert_int_equal(st.owed, 0);
		assert_true(st.space[GC_OLD].resident <= KIB(256));
		check_kept(t, 40);
	}
	fix_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compacts_on_request),
		cmocka_unit_test(compacts_scattered_holes),
		cmocka_unit_test(all_places_follow),
		cmocka_unit_test(pinned_ones_stay),
		cmocka_unit_test(majors_empty_sparse_blocks),
		cmocka_unit_test(emptied_blocks_go_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
