/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_corners.c - cases that are rare in programs and were wrong once, or nearly:
 * slots outside of objects, slots that change what they hold, reservations that are
 * full, pacing after collections that found next to nothing.
 */
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "common.h"

#define N 40000 /* objects of 32 bytes: five blocks */

/* An object whose references lie in malloc'd memory, and a word that is one or not. */
struct table {
	void **ref; /* malloc'd */
	size_t n;
	uint64_t word;
	bool word_is_ref;
};

static void trace_table(void *obj, size_t size, struct gc_visitor *v)
{
	struct table *t = obj;
	size_t i;

	(void)size;
	for (i = 0; i < t->n; i++)
		gc_visit(v, &t->ref[i]);
	if (t->word_is_ref)
		gc_visit(v, &t->word);
}

static const struct gc_type *table_type(struct fix *f)
{
	struct gc_type_desc d = GC_TYPE_INIT(.name = "table", .kind = GC_CUSTOM,
					     .size = sizeof(struct table), .trace = trace_table);
	const struct gc_type *type;

	assert_int_equal(gc_type_register(f->heap, &d, &type), 0);
	return type;
}

/* Sparse blocks that the next major empties: objects i * 50 of big are kept. */
static void make_sparse(struct fix *f, struct gc_refs **big, size_t n)
{
	size_t i;

	*big = gc_alloc_array(f->m, f->refs, n);
	for (i = 0; i < n; i++)
		gc_write(f->m, *big, &(*big)->ref[i], pair_new(f, i));
	gc_collect(f->m, GC_FULL, GC_REASON_TESTING);
	for (i = 0; i < n; i++)
		if (i % 50)
			gc_write(f->m, *big, &(*big)->ref[i], NULL);
	gc_collect(f->m, GC_MAJOR, GC_REASON_TESTING);
}

static void zeal_heap(struct fix *f, unsigned zeal)
{
	struct gc_options o = { .struct_size = sizeof(o),
				.young_min = KIB(128),
				.young_max = KIB(256),
				.no_release_thread = 1,
				.verify = 1,
				.zeal = zeal,
				.zeal_every = 1 };

	fix_open(f, &o);
}

/* What a trace function visits outside of its object follows moves as well. */
static void slots_outside_follow(void **state)
{
	struct gc_refs *big = NULL;
	struct table *t = NULL;
	struct pair *last;
	size_t i, n = 8 * N;
	struct fix f;

	(void)state;
	zeal_heap(&f, 0);
	{
		GC_FRAME(f.m, big, t);
		t = gc_alloc_pinned(f.m, table_type(&f)); /* not in a sparse block */
		t->n = n / 50;
		t->ref = calloc(t->n, sizeof(void *));
		assert_non_null(t->ref);
		make_sparse(&f, &big, n);
		for (i = 0; i < t->n; i++)
			gc_write(f.m, t, &t->ref[i], big->ref[i * 50]);
		last = t->ref[t->n - 1];
		gc_collect(f.m, GC_MAJOR, GC_REASON_TESTING);
		assert_ptr_not_equal(big->ref[n - 50], last);
		for (i = 0; i < t->n; i++)
			assert_ptr_equal(t->ref[i], big->ref[i * 50]);
		free(t->ref);
		t->ref = NULL;
		t->n = 0;
	}
	fix_close(&f);
}

/* A word that held a reference when it was marked, and a number when things moved. */
static void a_number_is_left_alone(void **state)
{
	struct pair *p = NULL, *last;
	struct table *t = NULL;
	struct fix f;
	uint64_t was;
	int i;

	(void)state;
	zeal_heap(&f, GC_ZEAL_SLICES | GC_ZEAL_EVACUATE);
	{
		GC_FRAME(f.m, p, t);
		t = gc_alloc_pinned(f.m, table_type(&f)); /* does not move */
		p = pair_new(&f, 1);
		gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
		t->word_is_ref = true;
		gc_write(f.m, t, &t->word, p);
		was = (uintptr_t)p;
		last = p;
		/* Each allocation is a step: the start, p, and t. */
		for (i = 0; i < 3; i++)
			pair_new(&f, 2);
		assert_ptr_equal(p, last);
		t->word_is_ref = false;
		gc_collect(f.m, GC_MAJOR, GC_REASON_TESTING);
		assert_ptr_not_equal(p, last);
		assert_int_equal(t->word, was);
	}
	fix_close(&f);
}

/* A store without gc_write() through a slot outside is reported like any other. */
static void a_store_outside_is_checked(void **state)
{
	struct pair *p = NULL;
	struct table *t = NULL;
	char why[256] = "";
	struct fix f;

	(void)state;
	zeal_heap(&f, 0);
	{
		GC_FRAME(f.m, p, t);
		t = gc_alloc(f.m, table_type(&f));
		t->n = 1;
		t->ref = calloc(1, sizeof(void *));
		assert_non_null(t->ref);
		gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
		p = pair_new(&f, 1);
		t->ref[0] = p;
		assert_int_equal(gc_verify(f.m, why, sizeof(why)), -EFAULT);
		assert_non_null(strstr(why, "a store without gc_write()"));
		free(t->ref);
		t->ref = NULL;
		t->n = 0;
	}
	fix_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slots_outside_follow),

		cmocka_unit_test(a_number_is_left_alone),
		cmocka_unit_test(a_store_outside_is_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
