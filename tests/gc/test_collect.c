/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* test_collect.c - promotion, the barrier, sweeping, large objects, pacing. */
#include "common.h"

static void minor(struct fix *f)
{
	assert_int_equal(gc_collect(f->m, GC_MINOR, GC_REASON_TESTING), 0);
}

static void full(struct fix *f)
{
	assert_int_equal(gc_collect(f->m, GC_FULL, GC_REASON_TESTING), 0);
}

static void promoted_at_second_survival(void **state)
{
	struct pair *p = NULL;
	struct gc_stats st;
	struct fix f;

	(void)state;
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, p);
		p = pair_new(&f, 1);
		minor(&f);
		st = stats(&f);
		assert_int_equal(st.space[GC_YOUNG].used, 32);
		assert_int_equal(st.space[GC_OLD].used, 0);
		assert_int_equal(st.promoted_total, 0);
		minor(&f);
		st = stats(&f);
		assert_int_equal(st.space[GC_YOUNG].used, 0);
		assert_int_equal(st.space[GC_OLD].used, 32);
		assert_int_equal(st.promoted_total, 32);
		minor(&f);
		assert_int_equal(p->value, 1);
		assert_int_equal(stats(&f).promoted_total, 32);
	}
	fix_close(&f);
}

/*
 * The hole of small objects ends with its block, and the next thing promoted is a longer
 * object at the start of the next block: it is scanned like any other.
 */
static void promotion_behind_a_full_hole(void **state)
{
	struct gc_options o = { .struct_size = sizeof(o),
				.young_min = MIB(1),
				.young_max = MIB(1),
				.no_release_thread = 1,
				.verify = 1,
				.zeal = GC_ZEAL_PROMOTE };
	struct gc_refs *batch = NULL;
	struct pair *list = NULL, *p;
	struct fix f;
	int i;

	(void)state;
	fix_open(&f, &o);
	{
		GC_FRAME(f.m, list, batch);
		for (i = 0; i < 256 * 1024 / 32; i++) {
			p = pair_new(&f, (uint64_t)i);
			p->a = list;
			list = p;
		}
		minor(&f);
		assert_int_equal(stats(&f).space[GC_OLD].used, KIB(256));
		assert_int_equal(stats(&f).space[GC_OLD].committed, KIB(256));
		batch = gc_alloc_array(f.m, f.refs, 100);
		gc_write(f.m, batch, &batch->ref[99], pair_new(&f, 99));
		minor(&f);
		assert_int_equal((uintptr_t)batch % KIB(256), 8);
		assert_int_equal(((struct pair *)batch->ref[99])->value, 99);
	}
	fix_close(&f);
}

/* More survivors than half of the space are promoted at once; none is lost. */
static void direct_promotion(void **state)
{
	struct pair *list = NULL, *p;
	struct fix f;
	int i;

	(void)state;
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, list);
		for (i = 0; i < 3500; i++) {
			p = pair_new(&f, (uint64_t)i);
			p->a = list;
			list = p;
		}
		minor(&f);
		assert_true(stats(&f).space[GC_OLD].used > 0);
		assert_true(stats(&f).space[GC_YOUNG].used <= KIB(64));
		for (p = list, i = 3499; p; p = p->a, i--)
			assert_int_equal(p->value, i);
		assert_int_equal(i, -1);
	}
	fix_close(&f);
}

static void barrier_keeps_young_alive(void **state)
{
	struct pair *old = NULL;
	struct fix f;
	int round;

	(void)state;
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, old);
		old = pair_new(&f, 1);
		minor(&f);
		minor(&f);
		assert_int_equal(stats(&f).space[GC_OLD].used, 32);
		/* Twice: the object must be armed again after its young one is old. */
		for (round = 0; round < 2; round++) {
			gc_write(f.m, old, &old->a, pair_new(&f, 20u + (unsigned)round));
			minor(&f);
			assert_int_equal(old->a->value, 20 + round);
			minor(&f);
			minor(&f);
			assert_int_equal(old->a->value, 20 + round);
		}
		/* An object promoted while it refers to a young one is remembered. */
		gc_write(f.m, old, &old->b, pair_new(&f, 30));
		minor(&f);
		gc_write(f.m, old->b, &old->b->a, pair_new(&f, 31));
		minor(&f);
		minor(&f);
		assert_int_equal(old->b->a->value, 31);
		gc_write(f.m, old, &old->a, NULL);
		gc_write(f.m, old, &old->b, NULL);
		full(&f);
		assert_int_equal(stats(&f).heap_used, 32);
	}
	fix_close(&f);
}

/* A large array of references logs cards, not itself. */
static void barrier_of_large_arrays(void **state)
{
	struct gc_refs *a = NULL;
	size_t n = 200000, i;
	struct fix f;

	(void)state;
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, a);
		a = gc_alloc_array(f.m, f.refs, n);
		assert_non_null(a);
		for (i = 0; i < n; i += 997)
			gc_write(f.m, a, &a->ref[i], pair_new(&f, i));
		gc_write(f.m, a, &a->ref[n - 1], pair_new(&f, n - 1));
		minor(&f);
		minor(&f);
		full(&f);
		for (i = 0; i < n; i += 997)
			assert_int_equal(((struct pair *)a->ref[i])->value, i);
		assert_int_equal(((struct pair *)a->ref[n - 1])->value, n - 1);
		gc_write(f.m, a, &a->ref[5], pair_new(&f, 5));
		minor(&f);
		assert_int_equal(((struct pair *)a->ref[5])->value, 5);
	}
	full(&f); /* a is dead with a card logged */
	assert_int_equal(stats(&f).space[GC_LARGE].used, 0);
	full(&f);
	assert_int_equal(stats(&f).heap_used, 0);
	fix_close(&f);
}

struct odd {
	uint32_t n;
	struct pair *p[4];
};

static void trace_odd(void *obj, size_t size, struct gc_visitor *v)
{
	struct odd *o = obj;
	uint32_t i;

	assert_int_equal(size, sizeof(*o));
	for (i = 0; i < o->n; i++)
		gc_visit(v, &o->p[i]);
}

static void custom_trace(void **state)
{
	struct gc_type_desc d = GC_TYPE_INIT(.name = "odd", .kind = GC_CUSTOM,
					     .size = sizeof(struct odd), .trace = trace_odd);
	const struct gc_type *t;
	struct odd *o = NULL;
	struct fix f;
	uint32_t i;

	(void)state;
	fix_open(&f, NULL);
	assert_int_equal(gc_type_register(f.heap, &d, &t), 0);
	{
		GC_FRAME(f.m, o);
		o = gc_alloc(f.m, t);
		for (i = 0; i < 4; i++) {
			gc_write(f.m, o, &o->p[i], pair_new(&f, i));
			o->n = i + 1;
			minor(&f);
		}
		o->n = 3; /* the last one is not visited any more */
		full(&f);
		for (i = 0; i < 3; i++)
			assert_int_equal(o->p[i]->value, i);
		assert_int_equal(stats(&f).heap_used, 48 + 3 * 32);
	}
	fix_close(&f);
}

/* Every second of many old objects of mixed sizes dies; the room is used again. */
static void sweep_frees_and_reuses(void **state)
{
	struct gc_refs *a = NULL;
	struct gc_bytes *b;
	struct gc_space_stats old;
	size_t i, round;
	struct fix f;

	(void)state;
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, a);
		a = gc_alloc_array(f.m, f.refs, 4000);
		for (round = 0; round < 12; round++) {
			for (i = 0; i < 4000; i++) {
				if (a->ref[i] && i % 2)
					continue;
				b = gc_alloc_array(f.m, f.bytes, 16 + i * 37 % 1500);
				memset(b->data, (int)(i & 0xff), b->len);
				gc_write(f.m, a, &a->ref[i], b);
			}
			full(&f);
			minor(&f);
			for (i = 0; i < 4000; i++) {
				b = a->ref[i];
				assert_int_equal(b->len, 16 + i * 37 % 1500);
				assert_int_equal(b->data[b->len - 1], i & 0xff);
			}
			/* Holes are found again: what is lost in them is less than what is used. */
			old = stats(&f).space[GC_OLD];
			assert_true(old.committed <= 2 * old.used + KIB(512));
		}
		for (i = 0; i < 4000; i++)
			gc_write(f.m, a, &a->ref[i], NULL);
		full(&f);
		assert_int_equal(stats(&f).space[GC_OLD].used, 32016); /* the array itself */
		assert_int_equal(stats(&f).space[GC_OLD].committed, KIB(256));
	}
	fix_close(&f);
}

static void large_objects(void **state)
{
	struct gc_bytes *one = NULL, *two = NULL, *b;
	void *at_one, *at_two;
	struct fix f;

	(void)state;
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, one, two);
		one = at_one = gc_alloc_array(f.m, f.bytes, MIB(3));
		two = at_two = gc_alloc_array(f.m, f.bytes, KIB(40));
		memset(one->data, 1, one->len);
		memset(two->data, 2, two->len);
		full(&f);
		minor(&f);
		assert_ptr_equal(one, at_one); /* never moved */
		assert_ptr_equal(two, at_two);
		assert_int_equal(stats(&f).objects_large, 2);
		one = NULL;
		full(&f);
		assert_int_equal(stats(&f).objects_large, 1);
		assert_int_equal(two->data[KIB(40) - 1], 2);
		/* Lowest address first: smaller ones fill the hole, zeroed. */
		b = gc_alloc_array(f.m, f.bytes, KIB(100));
		assert_ptr_equal(b, at_one);
		assert_int_equal(b->data[0] | b->data[KIB(50)] | b->data[KIB(100) - 1], 0);
		two = NULL;
	}
	full(&f);
	assert_int_equal(stats(&f).heap_used, 0);
	fix_close(&f);
}

/* A major starts when old, large and external reach live + live * gogc / 100. */
static void pacing_goal(void **state)
{
	struct gc_bytes *keep = NULL;
	struct gc_stats st;
	struct fix f;
	size_t i, cell = MIB(1) + 16;

	(void)state;
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, keep);
		assert_int_equal(stats(&f).goal, MIB(4));
		keep = gc_alloc_array(f.m, f.bytes, MIB(10) - 16);
		full(&f);
		st = stats(&f);
		assert_int_equal(st.live, MIB(10));
		assert_int_equal(st.goal, MIB(20));
		for (i = 0; MIB(10) + (i + 1) * cell < MIB(20); i++)
			gc_alloc_array(f.m, f.bytes, MIB(1));
		assert_int_equal(stats(&f).major_count, st.major_count);
		gc_alloc_array(f.m, f.bytes, MIB(1));
		assert_int_equal(stats(&f).major_count, st.major_count + 1);
		full(&f); /* what died while that one was marking */
		gc_set_gogc(f.heap, 50);
		assert_int_equal(stats(&f).goal, MIB(15));
		gc_set_gogc(f.heap, -1);
		st = stats(&f);
		for (i = 0; i < 40; i++)
			gc_alloc_array(f.m, f.bytes, MIB(1));
		assert_int_equal(stats(&f).major_count, st.major_count);
	}
	fix_close(&f);
}

static void external_memory_counts(void **state)
{
	struct gc_stats st;
	struct fix f;
	int cls;

	(void)state;
	fix_open(&f, NULL);
	cls = gc_external_class(f.heap, "images");
	assert_int_equal(cls, 1);
	assert_int_equal(gc_external_adjust(f.heap, 9, 1), -EINVAL);
	assert_int_equal(gc_external_adjust(f.heap, cls, MIB(1)), 0);
	assert_int_equal(gc_external_adjust(f.heap, GC_CLASS_ARRAY_BUFFERS, MIB(2)), 0);
	pair_new(&f, 1);
	st = stats(&f);
	assert_int_equal(st.external, MIB(3));
	assert_int_equal(st.array_buffers, MIB(2));
	assert_int_equal(st.major_count, 0);
	/* The goal of 4 MiB is reached: the next allocation collects. */
	gc_external_adjust(f.heap, cls, MIB(2));
	pair_new(&f, 1);
	assert_int_equal(stats(&f).major_count, 1);
	assert_int_equal(stats(&f).goal, MIB(10));
	gc_external_adjust(f.heap, cls, MIB(6));
	gc_safepoint(f.m);
	assert_int_equal(stats(&f).major_count, 2);
	fix_close(&f);
}

/* With a goal for pauses the eden shrinks when much is copied, and grows back. */
static void eden_follows_pause_goal(void **state)
{
	struct gc_options o = { .struct_size = sizeof(o), .young_min = MIB(1), .young_max = MIB(1),
				.no_release_thread = 1, .pause_us = 1 };
	struct pair *list = NULL;
	struct fix f;
	int i;

	(void)state;
	fix_open(&f, &o);
	{
		GC_FRAME(f.m, list);
		assert_int_equal(stats(&f).space[GC_YOUNG].committed, MIB(1) + KIB(128));
		for (i = 0; i < 200000; i++) { /* all of it survives */
			struct pair *p = pair_new(&f, 1);

			p->a = list;
			list = p;
		}
		assert_int_equal(stats(&f).space[GC_YOUNG].committed, KIB(64 + 8));
		list = NULL;
	}
	fix_close(&f);
	o.pause_us = 10000000;
	o.young_min = KIB(128);
	fix_open(&f, &o);
	for (i = 0; i < 800000; i++)
		pair_new(&f, 1);
	assert_int_equal(stats(&f).space[GC_YOUNG].committed, MIB(1) + KIB(128));
	fix_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(promoted_at_second_survival),
		cmocka_unit_test(promotion_behind_a_full_hole),
		cmocka_unit_test(direct_promotion),
		cmocka_unit_test(barrier_keeps_young_alive),
		cmocka_unit_test(barrier_of_large_arrays),
		cmocka_unit_test(custom_trace),
		cmocka_unit_test(sweep_frees_and_reuses),
		cmocka_unit_test(large_objects),
		cmocka_unit_test(pacing_goal),
		cmocka_unit_test(eden_follows_pause_goal),
		cmocka_unit_test(external_memory_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
