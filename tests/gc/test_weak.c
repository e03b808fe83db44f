/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_weak.c - weak references, weak maps, finalizers, external memory that goes with
 * an object: what each kind of collection does to them, in which order, and what it
 * looks at. The heap's verifier runs after every collection.
 */
#include <pthread.h>
#include <sys/wait.h>

#include "common.h"
#include "gc/weak.h"

static void collect(struct fix *f, enum gc_collect_kind kind)
{
	assert_int_equal(gc_collect(f->m, kind, GC_REASON_TESTING), 0);
}

/* Two minors: what lives is old. */
static void age(struct fix *f)
{
	collect(f, GC_MINOR);
	collect(f, GC_MINOR);
}

static size_t looked(struct fix *f)
{
	return f->heap->weak->looked;
}

static struct gc_refs *refs_new(struct fix *f, size_t n)
{
	struct gc_refs *r = gc_alloc_array(f->m, f->refs, n);

	assert_non_null(r);
	return r;
}

/* --- weak references ---------------------------------------------------------------- */

static void weak_follows_and_clears(void **state)
{
	struct pair *p = NULL;
	struct gc_weak *w;
	struct fix f;

	(void)state;
	fix_open(&f, NULL);
	w = gc_weak_new(f.m, NULL);
	assert_null(gc_weak_get(f.m, w));
	collect(&f, GC_FULL);
	{
		GC_FRAME(f.m, p);
		p = pair_new(&f, 7);
		gc_weak_set(f.m, w, p);
		collect(&f, GC_MINOR);
		assert_ptr_equal(gc_weak_get(f.m, w), p);
		collect(&f, GC_MINOR);
		assert_ptr_equal(gc_weak_get(f.m, w), p);
		collect(&f, GC_FULL);
		assert_ptr_equal(gc_weak_get(f.m, w), p);
		assert_int_equal(p->value, 7);
	}
	p = NULL;
	collect(&f, GC_MINOR);
	assert_non_null(gc_weak_get(f.m, w)); /* old: a minor does not know */
	collect(&f, GC_MAJOR);
	assert_null(gc_weak_get(f.m, w));
	gc_weak_set(f.m, w, pair_new(&f, 1));
	collect(&f, GC_MINOR);
	assert_null(gc_weak_get(f.m, w)); /* young: it does */
	assert_int_equal(stats(&f).weak_refs, 1);
	gc_weak_free(f.m, w);
	gc_weak_free(f.m, NULL);
	assert_int_equal(stats(&f).weak_refs, 0);
	fix_close(&f);
}

static void weak_to_large(void **state)
{
	struct gc_bytes *b = NULL;
	struct gc_weak *w;
	struct fix f;

	(void)state;
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, b);
		b = gc_alloc_array(f.m, f.bytes, KIB(100));
		w = gc_weak_new(f.m, b);
		collect(&f, GC_FULL);
		assert_ptr_equal(gc_weak_get(f.m, w), b);
	}
	collect(&f, GC_FULL);
	assert_null(gc_weak_get(f.m, w));
	fix_close(&f); /* frees it */
}

#define MANY 5000

/* Minors look at references to young objects only, freed ones leave no trace. */
static void weak_lists_by_age(void **state)
{
	static struct gc_weak *w[MANY];
	struct gc_refs *r = NULL;
	struct fix f;
	size_t i, was;

	(void)state;
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, r);
		r = refs_new(&f, MANY);
		for (i = 0; i < MANY; i++) {
			struct pair *p = pair_new(&f, i);

			gc_write(f.m, r, &r->ref[i], p);
			w[i] = gc_weak_new(f.m, p);
		}
		age(&f);
		was = looked(&f);
		collect(&f, GC_MINOR);
		assert_int_equal(looked(&f) - was, 0);
		gc_weak_set(f.m, w[10], pair_new(&f, 0));
		collect(&f, GC_MINOR);
		assert_int_equal(looked(&f) - was, 1);
		for (i = 0; i < MANY; i += 2)
			gc_weak_free(f.m, w[i]);
		collect(&f, GC_FULL);
		for (i = 1; i < MANY; i += 2) {
			assert_ptr_equal(gc_weak_get(f.m, w[i]), r->ref[i]);
			gc_weak_free(f.m, w[i]);
		}
		assert_int_equal(stats(&f).weak_refs, 0);
	}
	fix_close(&f);
}

/* --- weak maps ---------------------------------------------------------------------- */

static void map_as_a_map(void **state)
{
	struct pair *k = NULL, *v = NULL;
	struct gc_weakmap *map;
	struct fix f;
	int found;

	(void)state;
	fix_open(&f, NULL);
	map = gc_weakmap_new(f.m, NULL);
	{
		GC_FRAME(f.m, k, v);
		k = pair_new(&f, 1);
		v = pair_new(&f, 2);
		assert_int_equal(gc_weakmap_set(f.m, map, NULL, v), -EINVAL);
		assert_null(gc_weakmap_get(f.m, map, k, &found));
		assert_int_equal(found, 0);
		assert_null(gc_weakmap_get(f.m, map, NULL, NULL));
		assert_int_equal(gc_weakmap_delete(f.m, map, k), -ENOENT);
		assert_int_equal(gc_weakmap_set(f.m, map, k, v), 0);
		assert_ptr_equal(gc_weakmap_get(f.m, map, k, &found), v);
		assert_int_equal(found, 1);
		assert_int_equal(gc_weakmap_set(f.m, map, k, NULL), 0);
		assert_null(gc_weakmap_get(f.m, map, k, &found));
		assert_int_equal(found, 1);
		collect(&f, GC_FULL);
		assert_null(gc_weakmap_get(f.m, map, k, &found));
		assert_int_equal(found, 1);
		assert_int_equal(gc_weakmap_count(f.m, map), 1);
		assert_int_equal(gc_weakmap_delete(f.m, map, k), 0);
		assert_int_equal(gc_weakmap_count(f.m, map), 0);
	}
	gc_weakmap_free(f.m, map);
	gc_weakmap_free(f.m, NULL);
	fix_close(&f);
}

static void value_lives_with_its_key(void **state)
{
	struct pair *k = NULL;
	struct gc_weakmap *map;
	struct gc_weak *w;
	struct fix f;
	int i;

	(void)state;
	fix_open(&f, NULL);
	map = gc_weakmap_new(f.m, NULL);
	{
		GC_FRAME(f.m, k);
		k = pair_new(&f, 1);
		gc_weakmap_set(f.m, map, k, pair_new(&f, 2));
		w = gc_weak_new(f.m, gc_weakmap_get(f.m, map, k, NULL));
		for (i = 0; i < 6; i++) {
			collect(&f, i % 3 < 2 ? GC_MINOR : GC_FULL);
			assert_non_null(gc_weak_get(f.m, w));
			assert_ptr_equal(gc_weakmap_get(f.m, map, k, NULL), gc_weak_get(f.m, w));
			assert_int_equal(((struct pair *)gc_weak_get(f.m, w))->value, 2);
		}
	}
	k = NULL;
	collect(&f, GC_MAJOR);
	assert_null(gc_weak_get(f.m, w));
	assert_int_equal(gc_weakmap_count(f.m, map), 0);
	fix_close(&f);
}

/* A young key that dies takes its value with it in the next minor. */
static void minor_drops_young_entries(void **state)
{
	struct pair *v = NULL;
	struct gc_weakmap *map;
	struct fix f;

	(void)state;
	fix_open(&f, NULL);
	map = gc_weakmap_new(f.m, NULL);
	{
		GC_FRAME(f.m, v);
		v = pair_new(&f, 1);
		gc_weakmap_set(f.m, map, pair_new(&f, 2), v);
		gc_weakmap_set(f.m, map, pair_new(&f, 3), pair_new(&f, 4));
		assert_int_equal(stats(&f).ephemerons, 2);
		collect(&f, GC_MINOR);
		assert_int_equal(stats(&f).ephemerons, 0);
		assert_int_equal(v->value, 1);
	}
	fix_close(&f);
}

/* Values that refer to their keys keep nothing: own, and round about over two maps. */
static void cycles_die(void **state)
{
	static const enum gc_collect_kind kinds[] = { GC_MINOR, GC_FULL };
	struct pair *k1 = NULL, *k2 = NULL, *v = NULL;
	struct gc_weakmap *a, *b;
	struct fix f;
	int i;

	(void)state;
	fix_open(&f, NULL);
	a = gc_weakmap_new(f.m, NULL);
	b = gc_weakmap_new(f.m, NULL);
	for (i = 0; i < 2; i++) {
		GC_FRAME(f.m, k1, k2, v);
		k1 = pair_new(&f, 1);
		v = pair_new(&f, 2);
		v->a = k1;
		gc_weakmap_set(f.m, a, k1, v);
		k1 = pair_new(&f, 3);
		gc_weakmap_set(f.m, a, k1, k1);
		k1 = pair_new(&f, 4);
		k2 = pair_new(&f, 5);
		v = pair_new(&f, 6);
		v->a = k2;
		gc_weakmap_set(f.m, a, k1, v);
		v = pair_new(&f, 7);
		v->a = k1;
		gc_weakmap_set(f.m, b, k2, v);
		k1 = v = NULL;
		collect(&f, kinds[i]);
		/* k2 keeps the second pair of entries; the others are gone. */
		assert_int_equal(gc_weakmap_count(f.m, a), 1);
		assert_int_equal(gc_weakmap_count(f.m, b), 1);
		v = gc_weakmap_get(f.m, b, k2, NULL);
		v = gc_weakmap_get(f.m, a, v->a, NULL);
		assert_ptr_equal(v->a, k2);
		k2 = v = NULL;
		collect(&f, GC_FULL);
		assert_int_equal(gc_weakmap_count(f.m, a), 0);
		assert_int_equal(gc_weakmap_count(f.m, b), 0);
	}
	gc_weakmap_free(f.m, b);
	fix_close(&f);
}

#define LINKS 1000 /* they fit in the eden: the first minor has them all */

/*
 * key[i] -> value -> key[i + 1], entered in an order that has nothing to do with the
 * chain, in two maps by turns. keys are old or young objects.
 */
static void chain_make(struct fix *f, struct gc_weakmap *map[2], struct gc_refs *keys)
{
	struct pair *v = NULL;
	size_t i, k;
	GC_FRAME(f->m, v, keys);

	for (i = 0; i < LINKS; i++) {
		v = pair_new(f, i);
		gc_write(f->m, keys, &keys->ref[i], v);
	}
	for (i = 0; i < LINKS; i++) {
		k = i * 1237 % LINKS;
		v = pair_new(f, k);
		v->a = k + 1 < LINKS ? keys->ref[k + 1] : NULL;
		gc_weakmap_set(f->m, map[k % 2], keys->ref[k], v);
	}
}

static void chain_check(struct fix *f, struct gc_weakmap *map[2], struct pair *key)
{
	struct pair *v;
	size_t i;

	for (i = 0; i < LINKS; i++, key = v->a) {
		assert_int_equal(key->value, i);
		v = gc_weakmap_get(f->m, map[i % 2], key, NULL);
		assert_non_null(v);
		assert_int_equal(v->value, i);
	}
	assert_null(key);
}

/* The whole chain lives by its first key, and is found in linear time. */
static void chains_are_linear(void **state)
{
	static const enum gc_collect_kind kinds[] = { GC_MINOR, GC_MINOR, GC_MAJOR, GC_FULL };
	struct gc_weakmap *map[2];
	struct gc_refs *keys = NULL;
	struct pair *first = NULL;
	struct fix f;
	size_t was;
	int i;

	(void)state;
	fix_open(&f, NULL);
	f.heap->verify = false; /* it looks at entries too */
	map[0] = gc_weakmap_new(f.m, NULL);
	map[1] = gc_weakmap_new(f.m, NULL);
	{
		GC_FRAME(f.m, keys, first);
		keys = refs_new(&f, LINKS);
		chain_make(&f, map, keys);
		first = keys->ref[0];
		keys = NULL;
		for (i = 0; i < 4; i++) {
			was = looked(&f);
			collect(&f, kinds[i]);
			/* at the start, when its key is reached, at the end */
			assert_true(looked(&f) - was <= 4 * LINKS);
			chain_check(&f, map, first);
		}
		first = NULL;
		collect(&f, GC_FULL);
		assert_int_equal(stats(&f).ephemerons, 0);
	}
	fix_close(&f);
}

/* An old key gets young values: they are found by minors, and nothing else is. */
static void young_values_of_old_keys(void **state)
{
	struct gc_weakmap *map;
	struct gc_refs *keys = NULL;
	struct pair *v;
	struct fix f;
	size_t i, was;

	(void)state;
	fix_open(&f, NULL);
	f.heap->verify = false;
	map = gc_weakmap_new(f.m, NULL);
	{
		GC_FRAME(f.m, keys);
		keys = refs_new(&f, MANY);
		for (i = 0; i < MANY; i++) {
			v = pair_new(&f, i);
			gc_write(f.m, keys, &keys->ref[i], v);
			gc_weakmap_set(f.m, map, v, v);
		}
		age(&f);
		was = looked(&f);
		collect(&f, GC_MINOR);
		assert_int_equal(looked(&f) - was, 0);
		for (i = 0; i < 5; i++)
			gc_weakmap_set(f.m, map, keys->ref[i], pair_new(&f, 100 + i));
		collect(&f, GC_MINOR);
		/* 5 entries and the values that are no keys: at the start, at the end */
		assert_true(looked(&f) - was >= 5 && looked(&f) - was <= 10);
		age(&f);
		was = looked(&f);
		collect(&f, GC_MINOR);
		assert_int_equal(looked(&f) - was, 0);
		for (i = 0; i < 5; i++) {
			v = gc_weakmap_get(f.m, map, keys->ref[i], NULL);
			assert_int_equal(v->value, 100 + i);
		}
		assert_int_equal(gc_weakmap_count(f.m, map), MANY);
	}
	f.heap->verify = true;
	collect(&f, GC_FULL);
	assert_int_equal(gc_weakmap_count(f.m, map), 0);
	assert_int_equal(genmap_bytes(&map->entries), 0);
	fix_close(&f);
}

/* An entry may change sides by set and delete; there is never one of it on each. */
static void entries_change_sides(void **state)
{
	struct gc_weakmap *map;
	struct pair *k = NULL, *old = NULL;
	struct fix f;
	int i;

	(void)state;
	fix_open(&f, NULL);
	map = gc_weakmap_new(f.m, NULL);
	{
		GC_FRAME(f.m, k, old);
		k = pair_new(&f, 1);
		old = pair_new(&f, 2);
		age(&f);
		for (i = 0; i < 1000; i++) {
			gc_weakmap_set(f.m, map, k, i % 2 ? old : pair_new(&f, 3));
			assert_int_equal(gc_weakmap_count(f.m, map), 1);
			if (i % 7 == 0)
				gc_weakmap_delete(f.m, map, k);
			if (i % 50 == 0)
				collect(&f, GC_MINOR);
		}
		assert_ptr_equal(gc_weakmap_get(f.m, map, k, NULL), old);
		assert_true(genmap_bytes(&map->entries) < KIB(4));
	}
	fix_close(&f);
}

/* A map with an owner keeps values while the owner lives, and goes with it. */
static void map_with_an_owner(void **state)
{
	static const enum gc_collect_kind kinds[] = { GC_MINOR, GC_FULL };
	struct pair *owner = NULL, *k = NULL, *key = NULL;
	struct gc_weakmap *outer, *map;
	struct gc_weak *w;
	struct fix f;
	int i;

	(void)state;
	fix_open(&f, NULL);
	outer = gc_weakmap_new(f.m, NULL);
	for (i = 0; i < 2; i++) {
		GC_FRAME(f.m, owner, k, key);
		owner = pair_new(&f, 1);
		k = pair_new(&f, 2);
		key = pair_new(&f, 3);
		map = gc_weakmap_new(f.m, owner);
		owner->value = (uintptr_t)map;
		gc_weakmap_set(f.m, map, k, pair_new(&f, 4));
		w = gc_weak_new(f.m, gc_weakmap_get(f.m, map, k, NULL));
		/* The owner is reached through an ephemeron only. */
		gc_weakmap_set(f.m, outer, key, owner);
		owner = NULL;
		collect(&f, GC_MINOR);
		collect(&f, kinds[i]);
		owner = gc_weakmap_get(f.m, outer, key, NULL);
		assert_ptr_equal((void *)owner->value, map);
		assert_ptr_equal(gc_weakmap_get(f.m, map, k, NULL), gc_weak_get(f.m, w));
		assert_int_equal(((struct pair *)gc_weak_get(f.m, w))->value, 4);
		assert_int_equal(stats(&f).ephemerons, 2);
		owner = key = NULL;
		collect(&f, GC_FULL);
		assert_int_equal(k->value, 2);
		assert_null(gc_weak_get(f.m, w));
		assert_int_equal(stats(&f).ephemerons, 0);
		assert_int_equal(f.heap->weak->maps.n, 1);
		gc_weak_free(f.m, w);
		/* A young owner dies in a minor. */
		gc_weakmap_new(f.m, pair_new(&f, 5));
		collect(&f, GC_MINOR);
		assert_int_equal(f.heap->weak->maps.n, 1);
		/* Freed before its owner is dead. */
		owner = pair_new(&f, 6);
		gc_weakmap_free(f.m, gc_weakmap_new(f.m, owner));
		collect(&f, GC_FULL);
	}
	fix_close(&f);
}

/* Values that only the map keeps survive majors that allocation starts and paces. */
static void churn_of_100000(void **state)
{
	struct gc_options o = { .struct_size = sizeof(o), .no_release_thread = 1 };
	const size_t n = 100000;
	struct gc_refs *keys = NULL;
	struct gc_weakmap *map;
	struct pair *p, *v;
	struct fix f;
	size_t i, k;

	(void)state;
	fix_open(&f, &o);
	map = gc_weakmap_new(f.m, NULL);
	{
		GC_FRAME(f.m, keys);
		keys = refs_new(&f, n);
		for (i = 0; i < 4 * n; i++) {
			k = i * 7919 % n;
			p = pair_new(&f, k);
			gc_write(f.m, keys, &keys->ref[k], p);
			v = pair_new(&f, i);
			gc_weakmap_set(f.m, map, keys->ref[k], v);
		}
		assert_true(stats(&f).major_count > 0);
		collect(&f, GC_FULL);
		assert_int_equal(gc_weakmap_count(f.m, map), n);
		for (i = 3 * n; i < 4 * n; i++) {
			v = gc_weakmap_get(f.m, map, keys->ref[i * 7919 % n], NULL);
			assert_int_equal(v->value, i);
		}
		assert_true(stats(&f).tables >= n * 16);
		assert_int_equal(f.heap->weak->crowded, 0);
		gc_weakmap_free(f.m, map);
		assert_int_equal(stats(&f).ephemerons, 0);
	}
	fix_close(&f);
}

/* A table that is filled from another is not filled from one end, growing as it is. */
static void tables_fill_evenly(void **state)
{
	struct gc_options o = { .struct_size = sizeof(o),
				.no_release_thread = 1,
				.young_min = MIB(16),
				.young_max = MIB(16) };
	const size_t first = 80000, n = 210000;
	struct gc_refs *keys = NULL;
	struct gc_weakmap *map;
	struct pair *p;
	struct fix f;
	size_t i;

	(void)state;
	fix_open(&f, &o);
	map = gc_weakmap_new(f.m, NULL);
	{
		GC_FRAME(f.m, keys);
		keys = refs_new(&f, n);
		for (i = 0; i < n; i++) {
			p = pair_new(&f, i);
			gc_write(f.m, keys, &keys->ref[i], p);
		}
		collect(&f, GC_FULL);
		for (i = 0; i < n; i++) {
			if (i == first)
				collect(&f, GC_FULL); /* the table of old ones is 0.6 full */
			gc_weakmap_set(f.m, map, keys->ref[i], pair_new(&f, i));
		}
		collect(&f, GC_FULL); /* and gets more from a larger one */
		for (i = 0; i < n; i += 2)
			gc_write(f.m, keys, &keys->ref[i], NULL);
		collect(&f, GC_FULL);
		gc_collect(f.m, GC_COMPACT, GC_REASON_TESTING); /* where it can */
		assert_int_equal(gc_weakmap_count(f.m, map), n / 2);
		assert_int_equal(f.heap->weak->crowded, 0);
	}
	fix_close(&f);
}

/* --- finalizers --------------------------------------------------------------------- */

static void *tag(uintptr_t n)
{
	return (void *)n;
}

static void next_is(struct fix *f, uint64_t value, uintptr_t want)
{
	void *t = NULL;
	struct pair *p = gc_finalizer_next(f->m, &t);

	assert_non_null(p);
	assert_int_equal(p->value, value);
	assert_ptr_equal(t, tag(want));
}

static void finalizers_in_order(void **state)
{
	struct pair *p = NULL, *q = NULL;
	struct fix f;

	(void)state;
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, p, q);
		assert_int_equal(gc_finalizer_add(f.m, NULL, NULL), -EINVAL);
		p = pair_new(&f, 1);
		gc_finalizer_add(f.m, p, tag(10));
		age(&f);
		q = pair_new(&f, 2);
		gc_finalizer_add(f.m, q, tag(20));
		gc_finalizer_add(f.m, p, tag(11));
		gc_finalizer_add(f.m, pair_new(&f, 3), tag(30));
		assert_int_equal(stats(&f).finalizers, 4);
		/* The dead young one first; then the others, as they were registered. */
		age(&f);
		assert_int_equal(gc_finalizer_pending(f.heap), 1);
		p = q = NULL;
		collect(&f, GC_FULL);
		assert_int_equal(gc_finalizer_pending(f.heap), 4);
		assert_int_equal(stats(&f).finalizers, 0);
		assert_int_equal(stats(&f).finalizers_pending, 4);
		next_is(&f, 3, 30);
		next_is(&f, 1, 10);
		collect(&f, GC_FULL); /* while the queue is emptied */
		next_is(&f, 2, 20);
		next_is(&f, 1, 11);
		assert_null(gc_finalizer_next(f.m, NULL));
		assert_int_equal(gc_finalizer_pending(f.heap), 0);
	}
	fix_close(&f);
}

static void finalizers_taken_back(void **state)
{
	struct pair *p = NULL;
	struct fix f;

	(void)state;
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, p);
		p = pair_new(&f, 1);
		assert_int_equal(gc_finalizer_remove(f.m, p, tag(1)), -ENOENT);
		gc_finalizer_add(f.m, p, tag(1));
		gc_finalizer_add(f.m, p, tag(2));
		gc_finalizer_add(f.m, p, tag(3));
		collect(&f, GC_MINOR);
		assert_int_equal(gc_finalizer_remove(f.m, p, tag(2)), 0);
		assert_int_equal(gc_finalizer_remove(f.m, p, tag(2)), -ENOENT);
		assert_int_equal(gc_finalizer_remove(f.m, p, tag(3)), 0);
		assert_int_equal(stats(&f).finalizers, 1);
	}
	p = NULL;
	collect(&f, GC_MINOR);
	next_is(&f, 1, 1);
	assert_null(gc_finalizer_next(f.m, NULL));
	/* Removed to the last, and registered when the heap ends: nothing is lost. */
	p = pair_new(&f, 2);
	gc_finalizer_add(f.m, p, tag(4));
	assert_int_equal(gc_finalizer_remove(f.m, p, tag(4)), 0);
	collect(&f, GC_FULL);
	assert_int_equal(gc_finalizer_pending(f.heap), 0);
	gc_finalizer_add(f.m, pair_new(&f, 3), tag(5));
	fix_close(&f);
}

/* What is in the queue is alive and moves; out of it, it dies like anything else. */
static void queue_keeps_alive(void **state)
{
	struct pair *p = NULL;
	struct gc_weak *w;
	struct fix f;
	size_t was;
	int i;

	(void)state;
	fix_open(&f, NULL);
	for (i = 0; i < MANY; i++) {
		p = pair_new(&f, (uint64_t)i);
		gc_finalizer_add(f.m, p, tag(1));
	}
	collect(&f, GC_MINOR);
	age(&f);
	f.heap->verify = false;
	was = looked(&f);
	collect(&f, GC_MINOR); /* the queue is old */
	assert_int_equal(looked(&f) - was, 0);
	assert_int_equal(f.heap->weak->queue_young, f.heap->weak->queue.n);
	f.heap->verify = true;
	collect(&f, GC_FULL);
	assert_int_equal(gc_finalizer_pending(f.heap), MANY);
	for (i = 0; i < MANY; i++)
		next_is(&f, (uint64_t)i, 1);
	assert_null(gc_finalizer_next(f.m, NULL));
	assert_int_equal(f.heap->weak->queue.cap, 0);
	collect(&f, GC_FULL);
	assert_int_equal(stats(&f).heap_used, 0);
	{
		GC_FRAME(f.m, p);
		p = pair_new(&f, 9);
		gc_finalizer_add(f.m, p, tag(2));
		p = NULL;
		collect(&f, GC_MINOR);
		p = gc_finalizer_next(f.m, NULL);
		w = gc_weak_new(f.m, p);
		gc_finalizer_add(f.m, p, tag(3)); /* and once more */
		collect(&f, GC_FULL);
		assert_ptr_equal(gc_weak_get(f.m, w), p);
	}
	p = NULL;
	collect(&f, GC_FULL);
	assert_null(gc_weak_get(f.m, w));
	next_is(&f, 9, 3);
	fix_close(&f);
}

/* Weak references first, then the queue, then what lives by what was queued. */
static void order_of_the_weak(void **state)
{
	static const enum gc_collect_kind kinds[] = { GC_MINOR, GC_FULL };
	struct pair *p = NULL, *k = NULL, *v = NULL;
	struct gc_weak *to_p, *to_k, *to_v;
	struct gc_weakmap *map;
	struct fix f;
	int i;

	(void)state;
	fix_open(&f, NULL);
	map = gc_weakmap_new(f.m, NULL);
	for (i = 0; i < 2; i++) {
		GC_FRAME(f.m, p, k, v);
		p = pair_new(&f, 1);
		k = pair_new(&f, 2);
		v = pair_new(&f, 3);
		p->a = k;
		gc_weakmap_set(f.m, map, k, v);
		gc_finalizer_add(f.m, p, NULL);
		to_p = gc_weak_new(f.m, p);
		to_k = gc_weak_new(f.m, k);
		to_v = gc_weak_new(f.m, v);
		p = k = v = NULL;
		collect(&f, kinds[i]);
		assert_null(gc_weak_get(f.m, to_p));
		assert_null(gc_weak_get(f.m, to_k));
		assert_null(gc_weak_get(f.m, to_v));
		p = gc_finalizer_next(f.m, NULL);
		assert_int_equal(p->a->value, 2);
		v = gc_weakmap_get(f.m, map, p->a, NULL);
		assert_int_equal(v->value, 3);
		gc_weak_free(f.m, to_p);
		gc_weak_free(f.m, to_k);
		gc_weak_free(f.m, to_v);
		p = v = NULL;
		collect(&f, GC_FULL);
		assert_int_equal(gc_weakmap_count(f.m, map), 0);
		assert_int_equal(gc_finalizer_pending(f.heap), 0);
	}
	fix_close(&f);
}

/* Both of two dead objects are queued, though one refers to the other. */
static void all_the_dead_are_queued(void **state)
{
	struct pair *p = NULL, *q = NULL;
	struct fix f;

	(void)state;
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, p, q);
		p = pair_new(&f, 1);
		q = pair_new(&f, 2);
		p->a = q;
		q->a = p;
		gc_finalizer_add(f.m, q, tag(2));
		gc_finalizer_add(f.m, p, tag(1));
		p = q = NULL;
		collect(&f, GC_MINOR);
		q = gc_finalizer_next(f.m, NULL);
		p = gc_finalizer_next(f.m, NULL);
		assert_ptr_equal(p->a, q);
		assert_ptr_equal(q->a, p);
	}
	fix_close(&f);
}

struct notes {
	size_t calls, pending;
};

static void note(struct gc_heap *heap, size_t pending, void *arg)
{
	struct notes *n = arg;

	n->calls++;
	n->pending = pending;
	assert_int_equal(gc_finalizer_pending(heap), pending);
}

static void notification(void **state)
{
	struct notes n = { 0 };
	struct fix f;

	(void)state;
	fix_open(&f, NULL);
	gc_set_finalizer_notify(f.heap, note, &n);
	collect(&f, GC_FULL);
	assert_int_equal(n.calls, 0);
	gc_finalizer_add(f.m, pair_new(&f, 1), NULL);
	gc_finalizer_add(f.m, pair_new(&f, 2), NULL);
	collect(&f, GC_MINOR);
	assert_int_equal(n.calls, 1);
	assert_int_equal(n.pending, 2);
	collect(&f, GC_FULL);
	assert_int_equal(n.calls, 1);
	gc_set_finalizer_notify(f.heap, NULL, NULL);
	fix_close(&f);
}

/* --- external memory ---------------------------------------------------------------- */

static void external_goes_with_the_object(void **state)
{
	struct pair *p = NULL;
	struct fix f;
	int cls;

	(void)state;
	fix_open(&f, NULL);
	cls = gc_external_class(f.heap, "textures");
	{
		GC_FRAME(f.m, p);
		p = pair_new(&f, 1);
		assert_int_equal(gc_external_attach(f.m, p, 15, 1), -EINVAL);
		assert_int_equal(gc_external_attach(f.m, p, -1, 1), -EINVAL);
		assert_int_equal(gc_external_attach(f.m, NULL, 0, 1), -EINVAL);
		assert_int_equal(gc_external_attach(f.m, p, 0, 1000), 0);
		gc_external_attach(f.m, pair_new(&f, 2), 0, 500);
		assert_int_equal(stats(&f).array_buffers, 1500);
		collect(&f, GC_MINOR);
		assert_int_equal(stats(&f).array_buffers, 1000);
		gc_external_attach(f.m, p, 0, 3000); /* it grew */
		assert_int_equal(stats(&f).array_buffers, 3000);
		gc_external_attach(f.m, p, cls, 200);
		assert_int_equal(stats(&f).array_buffers, 0);
		assert_int_equal(stats(&f).external, 200);
		collect(&f, GC_FULL);
		assert_int_equal(stats(&f).external, 200);
		gc_external_attach(f.m, p, cls, 0);
		assert_int_equal(stats(&f).external, 0);
		gc_external_attach(f.m, p, 0, 70000);
		gc_finalizer_add(f.m, p, NULL);
		p = NULL;
		collect(&f, GC_FULL); /* dead, but not gone */
		assert_int_equal(stats(&f).external, 70000);
		gc_finalizer_next(f.m, NULL);
		collect(&f, GC_MAJOR);
		assert_int_equal(stats(&f).external, 0);
	}
	fix_close(&f);
}

/* --- bad use ------------------------------------------------------------------------ */

static struct fix bad;
static struct gc_weakmap *bad_map;

static void asks_for_a_collection(struct gc_visitor *v, void *arg)
{
	(void)v;
	(void)arg;
	gc_collect(bad.m, GC_MINOR, GC_REASON_TESTING);
}

static void uses_a_map(struct gc_visitor *v, void *arg)
{
	(void)v;
	gc_weakmap_delete(bad.m, bad_map, arg);
}

static void takes_from_the_queue(struct gc_heap *heap, size_t pending, void *arg)
{
	(void)heap;
	(void)pending;
	(void)arg;
	gc_finalizer_next(bad.m, NULL);
}

static void child_asks(void)
{
	gc_add_root_provider(bad.heap, asks_for_a_collection, NULL);
	collect(&bad, GC_FULL);
}

static void child_uses(void)
{
	bad_map = gc_weakmap_new(bad.m, NULL);
	gc_add_root_provider(bad.heap, uses_a_map, bad_map);
	collect(&bad, GC_FULL);
}

static void child_takes(void)
{
	gc_set_finalizer_notify(bad.heap, takes_from_the_queue, NULL);
	gc_finalizer_add(bad.m, pair_new(&bad, 1), NULL);
	collect(&bad, GC_MINOR);
}

static void child_names_nothing(void)
{
	gc_id(bad.m, NULL);
}

/* The child's stderr has `want`, and it aborted. */
static void is_reported(void (*child)(void), const char *want)
{
	char text[4096] = "";
	size_t len = 0;
	int fds[2], status;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		dup2(fds[1], 2);
		fix_open(&bad, NULL);
		child();
		_exit(0);
	}
	close(fds[1]);
	while ((n = read(fds[0], text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_non_null(strstr(text, want));
}

static void bad_use_is_reported(void **state)
{
	(void)state;
	is_reported(child_asks, "a collection was asked for inside a callback");
	is_reported(child_uses, "gc_weakmap_delete inside a callback");
	is_reported(child_takes, "gc_finalizer_next inside a callback");
	is_reported(child_names_nothing, "gc_id: NULL has no identity");
}

/* --- threads ------------------------------------------------------------------------ */

#define THREADS 3
#define TURNS	4000

struct shared {
	struct fix f;
	struct gc_weakmap *map;
};

/* Each has keys of its own in the one map; all collect for all. */
static void *worker(void *arg)
{
	struct shared *s = arg;
	struct pair *keep[8] = { 0 }, *v;
	struct gc_mutator *m;
	struct gc_weak *w;
	int i, k;

	assert_int_equal(gc_mutator_attach(s->f.heap, &m), 0);
	{
		GC_FRAME(m, keep[0], keep[1], keep[2], keep[3], keep[4], keep[5], keep[6], keep[7]);
		for (i = 0; i < TURNS; i++) {
			k = i % 8;
			if (keep[k]) {
				v = gc_weakmap_get(m, s->map, keep[k], NULL);
				assert_int_equal(v->value, keep[k]->value + 1);
			}
			keep[k] = gc_alloc(m, s->f.pair);
			keep[k]->value = (uint64_t)i;
			v = gc_alloc(m, s->f.pair);
			v->value = (uint64_t)i + 1;
			gc_weakmap_set(m, s->map, keep[k], v);
			gc_finalizer_add(m, v, NULL);
			w = gc_weak_new(m, v);
			assert_true(gc_id(m, keep[k]) % 2);
			gc_external_attach(m, v, GC_CLASS_ARRAY_BUFFERS, 10);
			assert_ptr_equal(gc_weak_get(m, w), v);
			gc_weak_free(m, w);
			gc_finalizer_next(m, NULL);
			if (i % 500 == 0)
				gc_collect(m, GC_FULL, GC_REASON_TESTING);
		}
	}
	gc_mutator_detach(m);
	return NULL;
}

static void several_threads(void **state)
{
	pthread_t t[THREADS];
	struct shared s;
	int i;

	(void)state;
	fix_open(&s.f, NULL);
	s.map = gc_weakmap_new(s.f.m, NULL);
	gc_blocking_begin(s.f.m);
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, worker, &s), 0);
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	gc_blocking_end(s.f.m);
	do {
		while (gc_finalizer_next(s.f.m, NULL))
			;
		collect(&s.f, GC_FULL);
	} while (gc_finalizer_pending(s.f.heap));
	assert_int_equal(gc_weakmap_count(s.f.m, s.map), 0);
	assert_int_equal(stats(&s.f).external, 0);
	fix_close(&s.f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(weak_follows_and_clears),
		cmocka_unit_test(weak_to_large),
		cmocka_unit_test(weak_lists_by_age),
		cmocka_unit_test(map_as_a_map),
		cmocka_unit_test(value_lives_with_its_key),
		cmocka_unit_test(minor_drops_young_entries),
		cmocka_unit_test(cycles_die),
		cmocka_unit_test(chains_are_linear),
		cmocka_unit_test(young_values_of_old_keys),
		cmocka_unit_test(entries_change_sides),
		cmocka_unit_test(map_with_an_owner),
		cmocka_unit_test(churn_of_100000),
		cmocka_unit_test(tables_fill_evenly),
		cmocka_unit_test(finalizers_in_order),
		cmocka_unit_test(finalizers_taken_back),
		cmocka_unit_test(queue_keeps_alive),
		cmocka_unit_test(order_of_the_weak),
		cmocka_unit_test(all_the_dead_are_queued),
		cmocka_unit_test(notification),
		cmocka_unit_test(external_goes_with_the_object),
		cmocka_unit_test(bad_use_is_reported),
		cmocka_unit_test(several_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
