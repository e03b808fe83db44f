/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_ids.c - identities: they stay when objects move, are never given twice, and
 * cost nothing once their objects are dead. The heap's verifier runs after every
 * collection and compares the table with the headers.
 *
 * GC_SEED=n replays one seed of the random test.
 */
#include "common.h"
#include "gc/internal.h"
#include "gc/weak.h"

static void collect(struct fix *f, enum gc_collect_kind kind)
{
	assert_int_equal(gc_collect(f->m, kind, GC_REASON_TESTING), 0);
}

static const struct genmap *ids(struct fix *f)
{
	return &f->heap->weak->ids;
}

static void odd_numbers_from_three(void **state)
{
	struct pair *a = NULL, *b = NULL;
	struct fix f;

	(void)state;
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, a, b);
		a = pair_new(&f, 1);
		b = pair_new(&f, 2);
		assert_int_equal(gc_id(f.m, b), 3);
		assert_int_equal(gc_id(f.m, a), 5);
		assert_int_equal(gc_id(f.m, b), 3);
	}
	fix_close(&f);
}

static void stays_from_birth_to_old_age(void **state)
{
	struct pair *p = NULL, *born;
	struct fix f;
	uint64_t id;

	(void)state;
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, p);
		p = born = pair_new(&f, 1);
		id = gc_id(f.m, p);
		collect(&f, GC_MINOR);
		assert_ptr_not_equal(p, born);
		assert_int_equal(ids(&f)->young.n, 1);
		assert_int_equal(gc_id(f.m, p), id);
		collect(&f, GC_MINOR);
		assert_int_equal(ids(&f)->young.n, 0);
		assert_int_equal(ids(&f)->old.n, 1);
		assert_int_equal(gc_id(f.m, p), id);
		collect(&f, GC_MAJOR);
		collect(&f, GC_FULL);
		assert_int_equal(gc_id(f.m, p), id);
	}
	fix_close(&f);
}

/* An id that is dropped at the right kind of collection, and its number with it. */
static void dead_ones_are_dropped(void **state)
{
	struct pair *old = NULL;
	struct fix f;

	(void)state;
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, old);
		old = pair_new(&f, 1);
		assert_int_equal(gc_id(f.m, old), 3);
		collect(&f, GC_MINOR);
		collect(&f, GC_MINOR);
		assert_int_equal(gc_id(f.m, pair_new(&f, 2)), 5);
		collect(&f, GC_MINOR);
		assert_int_equal(ids(&f)->young.n, 0);
		old = NULL;
		collect(&f, GC_MINOR);
		assert_int_equal(ids(&f)->old.n, 1);
		collect(&f, GC_MAJOR);
		assert_int_equal(ids(&f)->old.n, 0);
		assert_int_equal(genmap_bytes(ids(&f)), 0);
		assert_int_equal(gc_id(f.m, pair_new(&f, 3)), 7);
	}
	fix_close(&f);
}

static void of_large_objects(void **state)
{
	struct gc_refs *r = NULL;
	struct fix f;

	(void)state;
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, r);
		r = gc_alloc_array(f.m, f.refs, 10000);
		assert_int_equal(gc_id(f.m, r), 3);
		collect(&f, GC_MINOR);
		collect(&f, GC_FULL);
		assert_int_equal(gc_id(f.m, r), 3);
		r = NULL;
		collect(&f, GC_FULL);
		assert_int_equal(ids(&f)->old.n, 0);
	}
	fix_close(&f);
}

#define SLOTS 600

struct world {
	struct fix f;
	struct gc_refs *slots; /* SLOTS of them */
	uint64_t want[SLOTS];  /* identity of the object there; 0: not asked yet */
	uint64_t seed, last;
};

static uint64_t rnd(struct world *w, uint64_t n)
{
	w->seed ^= w->seed << 13;
	w->seed ^= w->seed >> 7;
	w->seed ^= w->seed << 17;
	return (w->seed >> 11) % n;
}

static void step(struct world *w)
{
	struct fix *f = &w->f;
	size_t i = rnd(w, SLOTS);
	struct pair *p;

	if (rnd(w, 3) == 0) {
		p = pair_new(f, i);
		gc_write(f->m, w->slots, &w->slots->ref[i], p);
		w->want[i] = 0;
	}
	p = w->slots->ref[i];
	if (!p || rnd(w, 2))
		return;
	if (!w->want[i]) {
		w->want[i] = gc_id(f->m, p);
		assert_true(w->want[i] > w->last && w->want[i] % 2);
		w->last = w->want[i];
	}
	assert_int_equal(gc_id(f->m, p), w->want[i]);
	assert_int_equal(p->value, i);
}

static void check_all(struct world *w)
{
	size_t i, n = 0;

	for (i = 0; i < SLOTS; i++) {
		if (!w->want[i])
			continue;
		n++;
		assert_int_equal(gc_id(w->f.m, w->slots->ref[i]), w->want[i]);
	}
	assert_true(ids(&w->f)->young.n + ids(&w->f)->old.n >= n);
}

static void random_against_a_list(void **state)
{
	static const enum gc_collect_kind kinds[] = { GC_MINOR, GC_MINOR, GC_MINOR, GC_MAJOR,
						      GC_FULL };
	const char *seed = getenv("GC_SEED");
	struct world w = { 0 };
	int i;

	(void)state;
	w.seed = seed ? strtoull(seed, NULL, 0) : 20240611;
	print_message("GC_SEED=%llu\n", (unsigned long long)w.seed);
	fix_open(&w.f, NULL);
	{
		GC_FRAME(w.f.m, w.slots);
		w.slots = gc_alloc_array(w.f.m, w.f.refs, SLOTS);
		for (i = 0; i < 60000; i++) {
			step(&w);
			if (rnd(&w, 500))
				continue;
			collect(&w.f, kinds[rnd(&w, 5)]);
			check_all(&w);
		}
		memset(w.want, 0, sizeof(w.want));
		w.slots = NULL;
		collect(&w.f, GC_FULL);
		assert_int_equal(ids(&w.f)->young.n + ids(&w.f)->old.n, 0);
	}
	fix_close(&w.f);
}

/* A minor collection makes the table of young objects anew and leaves the other. */
static void minors_leave_old_ones_alone(void **state)
{
	struct gc_refs *r = NULL;
	const struct addr_pair *table;
	struct pair *p;
	struct fix f;
	size_t i;

	(void)state;
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, r);
		r = gc_alloc_array(f.m, f.refs, 5000);
		for (i = 0; i < 5000; i++) {
			p = pair_new(&f, i);
			gc_write(f.m, r, &r->ref[i], p);
			gc_id(f.m, p);
		}
		collect(&f, GC_MINOR);
		collect(&f, GC_MINOR);
		assert_int_equal(ids(&f)->old.n, 5000);
		table = ids(&f)->old.v;
		gc_id(f.m, pair_new(&f, 0));
		collect(&f, GC_MINOR);
		assert_ptr_equal(ids(&f)->old.v, table);
		assert_int_equal(ids(&f)->young.n, 0);
	}
	fix_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(odd_numbers_from_three),
		cmocka_unit_test(stays_from_birth_to_old_age),
		cmocka_unit_test(dead_ones_are_dropped),
		cmocka_unit_test(of_large_objects),
		cmocka_unit_test(random_against_a_list),
		cmocka_unit_test(minors_leave_old_ones_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
