/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* test_alloc.c - heaps, types, allocation, roots of every kind. */
#include "common.h"

static void options_are_checked(void **state)
{
	struct gc_options o = GC_OPTIONS_INIT;
	struct gc_heap *h;

	(void)state;
	o.struct_size = 7;
	assert_int_equal(gc_heap_create(&o, &h), -EINVAL);
	o.struct_size = sizeof(o);
	o.young_max = KIB(100);
	assert_int_equal(gc_heap_create(&o, &h), -EINVAL);
	o.young_max = MIB(128);
	assert_int_equal(gc_heap_create(&o, &h), -EINVAL);
	o.young_max = 0;
	o.release_advice = 3;
	assert_int_equal(gc_heap_create(&o, &h), -EINVAL);
	o.release_advice = 0;
	o.ring_slots = 100;
	assert_int_equal(gc_heap_create(&o, &h), -EINVAL);
	assert_int_equal(gc_heap_create(NULL, &h), 0);
	assert_int_equal(gc_heap_destroy(h), 0);
}

static void one_mutator_a_thread(void **state)
{
	struct gc_mutator *second;
	struct fix f;

	(void)state;
	fix_open(&f, NULL);
	assert_ptr_equal(gc_mutator_heap(f.m), f.heap);
	assert_int_equal(gc_mutator_attach(f.heap, &second), -EEXIST);
	assert_int_equal(gc_heap_destroy(f.heap), -EBUSY);
	gc_mutator_detach(f.m);
	assert_int_equal(gc_mutator_attach(f.heap, &f.m), 0);
	fix_close(&f);
}

static void trace_nothing(void *obj, size_t size, struct gc_visitor *v)
{
	(void)obj;
	(void)size;
	(void)v;
}

static void types_are_checked(void **state)
{
	struct gc_field fields[] = { { "a", 0 }, { "b", 8 } };
	struct gc_type_desc bad[] = {
		GC_TYPE_INIT(.kind = GC_DATA, .size = 8),
		GC_TYPE_INIT(.name = "x", .kind = GC_BITMAP64, .size = 16, .bitmap = 4),
		GC_TYPE_INIT(.name = "x", .kind = GC_DATA, .size = 16, .bitmap = 1),
		GC_TYPE_INIT(.name = "x", .kind = GC_REF_ARRAY, .elem = 4),
		GC_TYPE_INIT(.name = "x", .kind = GC_CUSTOM, .size = 16),
		GC_TYPE_INIT(.name = "x", .kind = GC_DATA, .size = 16, .elem = 1),
	};
	struct gc_type_desc good = GC_TYPE_INIT(.name = "custom", .kind = GC_CUSTOM, .size = 20,
						.trace = trace_nothing, .fields = fields,
						.nfields = 2);
	const struct gc_type *t;
	struct fix f;
	size_t i;
	void *obj;

	(void)state;
	fix_open(&f, NULL);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(gc_type_register(f.heap, &bad[i], &t), -EINVAL);
	assert_int_equal(gc_type_register(f.heap, &good, &t), 0);
	assert_string_equal(gc_type_name(f.heap, t), "custom");
	obj = gc_alloc(f.m, t);
	assert_ptr_equal(gc_type_of(f.heap, obj), t);
	assert_int_equal(gc_object_size(obj), 24);
	assert_null(gc_alloc(f.m, f.bytes)); /* an array needs a length */
	assert_null(gc_alloc_array(f.m, f.pair, 3));
	assert_null(gc_alloc_array(f.m, f.refs, SIZE_MAX / 8 + 2));
	assert_null(gc_alloc_array(f.m, f.bytes, SIZE_MAX - 3));
	fix_close(&f);
}

static bool all_zero(const unsigned char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

/* Sizes around every boundary, the memory soiled before it is used again. */
static void memory_is_zero(void **state)
{
	size_t sizes[] = {
		0, 1, 7, 8, 9, 100, 4000, 8160, 8192, 20000, 32736, 32752, 32753, 70000
	};
	struct gc_bytes *b;
	struct fix f;
	size_t i, round;

	(void)state;
	fix_open(&f, NULL);
	for (round = 0; round < 60; round++)
		for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			b = gc_alloc_array(f.m, f.bytes, sizes[i]);
			assert_non_null(b);
			assert_int_equal((uintptr_t)b % 8, 0);
			assert_int_equal(b->len, sizes[i]);
			assert_true(all_zero(b->data, sizes[i]));
			memset(b->data, 0xab, sizes[i]);
		}
	assert_true(stats(&f).minor_count > 5);
	assert_true(stats(&f).major_count > 0);
	fix_close(&f);
}

static void frames_keep_and_update(void **state)
{
	struct pair *one = NULL, *two = NULL, *before;
	struct gc_frame *saved;
	struct fix f;

	(void)state;
	fix_open(&f, NULL);
	saved = gc_frames_save(f.m);
	{
		GC_FRAME(f.m, one, two);
		one = before = pair_new(&f, 1);
		{
			struct pair *inner = pair_new(&f, 2);
			GC_FRAME(f.m, inner);

			assert_int_equal(gc_collect(f.m, GC_MINOR, GC_REASON_TESTING), 0);
			assert_int_equal(inner->value, 2);
			two = inner;
		}
		assert_ptr_not_equal(one, before);
		assert_int_equal(gc_collect(f.m, GC_FULL, GC_REASON_TESTING), 0);
		assert_int_equal(one->value, 1);
		assert_int_equal(two->value, 2);
		assert_int_equal(stats(&f).heap_used, 2 * 32);
	}
	assert_ptr_equal(gc_frames_save(f.m), saved);
	assert_int_equal(gc_collect(f.m, GC_FULL, GC_REASON_TESTING), 0);
	assert_int_equal(stats(&f).heap_used, 0);
	assert_int_equal(gc_collect(f.m, GC_COMPACT, GC_REASON_TESTING), 0);
	assert_int_equal(gc_collect(f.m, 77, 0), -EINVAL);
	fix_close(&f);
}

static void longjmp_over_a_frame(void **state)
{
	struct gc_frame *saved;
	struct fix f;
	jmp_buf env;

	(void)state;
	fix_open(&f, NULL);
	saved = gc_frames_save(f.m);
	if (!setjmp(env)) {
		struct pair *p = pair_new(&f, 1);
		GC_FRAME(f.m, p);

		longjmp(env, 1);
	}
	gc_frames_restore(f.m, saved);
	assert_int_equal(gc_collect(f.m, GC_FULL, GC_REASON_TESTING), 0);
	assert_int_equal(stats(&f).heap_used, 0);
	fix_close(&f);
}

static void handles_live_as_long_as_their_scope(void **state)
{
	struct gc_scope outer, inner;
	gc_handle keep, many[1500];
	struct fix f;
	size_t i;

	(void)state;
	fix_open(&f, NULL);
	gc_scope_open(f.m, &outer);
	keep = gc_handle_new(f.m, pair_new(&f, 7));
	gc_scope_open(f.m, &inner);
	for (i = 0; i < 1500; i++)
		many[i] = gc_handle_new(f.m, pair_new(&f, i));
	gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
	for (i = 0; i < 1500; i++)
		assert_int_equal(((struct pair *)*many[i])->value, i);
	assert_int_equal(stats(&f).heap_used, 1501 * 32);
	gc_scope_close(f.m, &inner);
	gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
	assert_int_equal(((struct pair *)*keep)->value, 7);
	assert_int_equal(stats(&f).heap_used, 32);
	gc_scope_close(f.m, &outer);
	gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
	assert_int_equal(stats(&f).heap_used, 0);
	fix_close(&f);
}

static void globals_young_and_old(void **state)
{
	struct gc_global *g[40];
	struct fix f;
	size_t i, round;

	(void)state;
	fix_open(&f, NULL);
	for (i = 0; i < 40; i++)
		g[i] = gc_global_new(f.m, pair_new(&f, i));
	for (round = 0; round < 4; round++) {
		gc_collect(f.m, round == 2 ? GC_FULL : GC_MINOR, GC_REASON_TESTING);
		for (i = 0; i < 40; i++)
			assert_int_equal(((struct pair *)gc_global_get(g[i]))->value, i + round);
		/* Old ones are set to young objects again. */
		for (i = 0; i < 40; i++)
			gc_global_set(f.m, g[i], pair_new(&f, i + round + 1));
	}
	for (i = 0; i < 40; i += 2)
		gc_global_free(f.m, g[i]);
	gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
	for (i = 1; i < 40; i += 2)
		assert_int_equal(((struct pair *)gc_global_get(g[i]))->value, i + 4);
	assert_int_equal(stats(&f).heap_used, 20 * 32);
	fix_close(&f); /* the rest is freed with the heap */
}

static void visit_pairs(struct gc_visitor *v, void *arg)
{
	struct pair **stack = arg;
	int i;

	for (i = 0; i < 10; i++)
		gc_visit(v, &stack[i]);
}

static void root_providers(void **state)
{
	struct pair *stack[10] = { NULL };
	struct fix f;
	int id, i;

	(void)state;
	fix_open(&f, NULL);
	assert_int_equal(gc_add_root_provider(f.heap, NULL, NULL), -EINVAL);
	id = gc_add_root_provider(f.heap, visit_pairs, stack);
	assert_true(id >= 0);
	for (i = 0; i < 10; i++)
		stack[i] = pair_new(&f, (uint64_t)i);
	gc_collect(f.m, GC_MINOR, GC_REASON_TESTING);
	gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
	for (i = 0; i < 10; i++)
		assert_int_equal(stack[i]->value, i);
	assert_int_equal(gc_remove_root_provider(f.heap, id), 0);
	assert_int_equal(gc_remove_root_provider(f.heap, id), -EINVAL);
	gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
	assert_int_equal(stats(&f).heap_used, 0);
	fix_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_are_checked),
		cmocka_unit_test(one_mutator_a_thread),
		cmocka_unit_test(types_are_checked),
		cmocka_unit_test(memory_is_zero),
		cmocka_unit_test(frames_keep_and_update),
		cmocka_unit_test(longjmp_over_a_frame),
		cmocka_unit_test(handles_live_as_long_as_their_scope),
		cmocka_unit_test(globals_young_and_old),
		cmocka_unit_test(root_providers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
