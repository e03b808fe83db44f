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

static int oom_calls;

static void oom_count(struct gc_heap *h, size_t wanted, void *arg)
{
	(void)h;
	(void)wanted;
	(void)arg;
	oom_calls++;
}

/* --- slots that trace functions visit ------------------------------------------------- */

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

/* --- pacing --------------------------------------------------------------------------- */

/* A program that collects by itself, and never fills the eden, gets majors as well. */
static void minors_alone_start_majors(void **state)
{
	struct gc_refs *t = NULL;
	struct fix f;
	size_t i;

	(void)state;
	zeal_heap(&f, 0);
	{
		GC_FRAME(f.m, t);
		t = gc_alloc_array(f.m, f.refs, 1000);
		for (i = 0; i < 400000; i++) {
			gc_write(f.m, t, &t->ref[i % 1000], pair_new(&f, i));
			if (i % 1000 == 0)
				gc_collect(f.m, GC_MINOR, GC_REASON_TESTING);
		}
		assert_true(stats(&f).major_count >= 1);
		assert_true(stats(&f).space[GC_OLD].used < MIB(6));
	}
	fix_close(&f);
}

/* ... and the hard limit is looked at. */
static void minors_alone_reach_the_limit(void **state)
{
	struct gc_options o = { .struct_size = sizeof(o),
				.old_limit = MIB(2),
				.no_release_thread = 1 };
	struct pair *list = NULL, *p;
	struct fix f;
	size_t n = 0;

	(void)state;
	fix_open(&f, &o);
	gc_set_oom(f.heap, oom_count, NULL);
	oom_calls = 0;
	{
		GC_FRAME(f.m, list);
		while ((p = gc_alloc(f.m, f.pair)) && n < MIB(1)) {
			p->a = list;
			list = p;
			if (++n % 1000 == 0)
				gc_collect(f.m, GC_MINOR, GC_REASON_TESTING);
		}
		assert_int_equal(oom_calls, 1);
		assert_true(n * 32 <= MIB(2) + 2 * 32000);
	}
	fix_close(&f);
}

/* Survivors of one eden, promoted by the collection of a next one with a single object:
 * not the rate at which the program makes old objects. */
static void little_edens_say_little(void **state)
{
	struct gc_refs *t = NULL;
	uint64_t majors;
	struct fix f;
	size_t i, n;

	(void)state;
	zeal_heap(&f, 0);
	{
		GC_FRAME(f.m, t);
		t = gc_alloc_array(f.m, f.refs, 400);
		for (n = 0; n < 20; n++) {
			for (i = 0; i < 400; i++)
				gc_write(f.m, t, &t->ref[i], pair_new(&f, i));
			gc_collect(f.m, GC_MINOR, GC_REASON_TESTING);
			pair_new(&f, 1);
			gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
		}
		majors = stats(&f).major_count;
		for (i = 0; i < 400000; i++)
			pair_new(&f, i);
		assert_int_equal(stats(&f).major_count, majors);
	}
	fix_close(&f);
}

/* --- few addresses -------------------------------------------------------------------- */

static void small_reservation(struct fix *f, unsigned zeal, unsigned every)
{
	struct gc_options o = { .struct_size = sizeof(o),
				.young_min = KIB(128),
				.young_max = KIB(256),
				.no_release_thread = 1,
				.reserve = MIB(20),
				.zeal = zeal,
				.zeal_every = every };

	fix_open(f, &o);
	assert_int_equal(stats(f).reserved, MIB(20));
	gc_set_oom(f->heap, oom_count, NULL);
	oom_calls = 0;
}

/* The goal lies behind the end of the addresses: collections come before that. */
static void a_full_reservation_is_collected(void **state)
{
	struct gc_refs *t = NULL;
	size_t i, n = 240000; /* 9.2 MiB with the array */
	struct fix f;

	(void)state;
	small_reservation(&f, 0, 0);
	{
		GC_FRAME(f.m, t);
		t = gc_alloc_array(f.m, f.refs, n);
		for (i = 0; i < 5 * n; i++)
			gc_write(f.m, t, &t->ref[i * 7919 % n], pair_new(&f, i));
		assert_true(stats(&f).goal > MIB(16));
		assert_int_equal(oom_calls, 0);
		for (i = 4 * n; i < 5 * n; i++)
			assert_int_equal(((struct pair *)t->ref[i * 7919 % n])->value, i);
	}
	fix_close(&f);
}

/* Full of what lives: out of memory, told as at the hard limit, and not for ever. */
static void a_full_reservation_is_out_of_memory(void **state)
{
	struct pair *list = NULL, *p;
	struct fix f;
	size_t n = 0;

	(void)state;
	small_reservation(&f, 0, 0);
	{
		GC_FRAME(f.m, list);
		while ((p = gc_alloc(f.m, f.pair))) {
			p->a = list;
			list = p;
			n++;
		}
		assert_int_equal(oom_calls, 1);
		assert_true(n * 32 > MIB(12) && n * 32 < MIB(16));
		for (p = list; p; p = p->a)
			n--;
		assert_int_equal(n, 0);
		list = NULL;
		assert_non_null(gc_alloc(f.m, f.pair));
	}
	fix_close(&f);
}

/* While a marking goes on, the holes in blocks that it is going to empty are no room. */
static void holes_in_candidates_are_no_room(void **state)
{
	struct pair *list = NULL, *p;
	struct gc_refs *t = NULL;
	size_t i, n = 280000;
	struct fix f;

	(void)state;
	/* A step of one object at every 1000th allocation: the marking does not end. */
	small_reservation(&f, GC_ZEAL_SLICES, 1000);
	gc_set_gogc(f.heap, 1000);
	{
		GC_FRAME(f.m, t, list);
		t = gc_alloc_array(f.m, f.refs, n);
		for (i = 0; i < n; i++)
			gc_write(f.m, t, &t->ref[i], pair_new(&f, i));
		for (i = 0; i < n; i++)
			if (i % 5)
				gc_write(f.m, t, &t->ref[i], NULL);
		gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
		assert_int_equal(oom_calls, 0);
		for (n = 0; (p = gc_alloc(f.m, f.pair)); n++) {
			p->a = list;
			list = p;
		}
		assert_int_equal(oom_calls, 1);
		assert_true(n * 32 > MIB(6));
	}
	fix_close(&f);
}

/* Old objects have the blocks between large ones when no others are left. */
static void blocks_between_large_objects(void **state)
{
	struct gc_refs *big = NULL;
	struct pair *list = NULL, *p;
	size_t i, n = MIB(6) / 32;
	struct fix f;

	(void)state;
	small_reservation(&f, 0, 0);
	{
		GC_FRAME(f.m, big, list);
		big = gc_alloc_array(f.m, f.refs, 24);
		for (i = 0; i < 24; i++)
			gc_write(f.m, big, &big->ref[i],
				 gc_alloc_array(f.m, f.bytes, KIB(512) - 16));
		assert_int_equal(stats(&f).space[GC_LARGE].used, MIB(12));
		for (i = 0; i < 24; i += 2)
			gc_write(f.m, big, &big->ref[i], NULL);
		for (i = 0; i < n; i++) {
			p = pair_new(&f, i);
			p->a = list;
			list = p;
		}
		for (p = list; p; p = p->a)
			assert_int_equal(p->value, --i);
		assert_int_equal(oom_calls, 0);
	}
	fix_close(&f);
}

/* 1: no heap under the limit; 0: it works; others: what failed. */
static int child_under(int resource, size_t limit)
{
	struct rlimit few = { limit, limit };
	struct gc_refs *t = NULL;
	struct gc_mutator *m;
	struct gc_heap *heap;
	size_t i;

	if (setrlimit(resource, &few))
		return 2;
	if (gc_heap_create(NULL, &heap))
		return 1;
	if (gc_mutator_attach(heap, &m))
		return 3;
	{
		GC_FRAME(m, t);
		t = gc_alloc_array(m, gc_type_refs(heap), 50000);
		for (i = 0; t && i < 500000; i++)
			gc_write(m, t, &t->ref[i % 50000],
				 gc_alloc_array(m, gc_type_bytes(heap), 16));
		return t ? 0 : 4;
	}
}

/* However much a limit allows, the reservation and its tables leave some of it. */
static void limits_on_memory(void **state)
{
	static const int which[] = { RLIMIT_AS, RLIMIT_DATA };
	int status, worked = 0;
	size_t k, mb;
	pid_t pid;

	(void)state;
	/* Sanitizers need terabytes of addresses themselves. */
	for (k = 0; RSS_IS_OURS && k < 2; k++) {
		for (mb = 100; mb < 700; mb += 23) {
			pid = fork();
			if (!pid) {
				signal(SIGABRT, SIG_DFL); /* cmocka has a handler */
				_exit(child_under(which[k], MIB(mb)));
			}
			assert_int_equal(waitpid(pid, &status, 0), pid);
			assert_true(status == 0 || status == 1 << 8);
			worked += status == 0;
		}
	}
	assert_true(!RSS_IS_OURS || worked > 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slots_outside_follow),

		cmocka_unit_test(a_number_is_left_alone),
		cmocka_unit_test(a_store_outside_is_checked),
		cmocka_unit_test(minors_alone_start_majors),
		cmocka_unit_test(minors_alone_reach_the_limit),
		cmocka_unit_test(little_edens_say_little),
		cmocka_unit_test(a_full_reservation_is_collected),
		cmocka_unit_test(a_full_reservation_is_out_of_memory),
		cmocka_unit_test(holes_in_candidates_are_no_room),
		cmocka_unit_test(blocks_between_large_objects),
		cmocka_unit_test(limits_on_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
