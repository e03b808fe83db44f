/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_threads.c - several mutators: parallel allocation and shared objects, stops of
 * the world, blocking regions, attach and detach, fork, reports of bad use.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "common.h"

/* A child of a process with threads may start threads of its own under TSan too. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
	return "die_after_fork=0";
}

#define NTHREADS 6
#define ROUNDS	 150

static void spawn(pthread_t *t, void *(*fn)(void *), void *arg)
{
	assert_int_equal(pthread_create(t, NULL, fn, arg), 0);
}

static void *join(pthread_t t)
{
	void *ret;

	assert_int_equal(pthread_join(t, &ret), 0);
	return ret;
}

/* --- parallel allocation ------------------------------------------------------------ */

struct worker {
	struct fix f; /* the heap and types of all, the mutator of one */
	struct gc_global *shared;
	unsigned id;
	bool ok;
};

static struct pair *tree(struct worker *w, unsigned depth, uint64_t base)
{
	struct pair *a = NULL, *b = NULL, *p;
	GC_FRAME(w->f.m, a, b);

	if (depth) {
		a = tree(w, depth - 1, 2 * base);
		b = tree(w, depth - 1, 2 * base + 1);
	}
	p = gc_alloc(w->f.m, w->f.pair);
	p->a = a; /* p is new */
	p->b = b;
	p->value = base;
	return p;
}

static bool tree_ok(const struct pair *p, unsigned depth, uint64_t base)
{
	if (p->value != base)
		return false;
	if (!depth)
		return !p->a && !p->b;
	return tree_ok(p->a, depth - 1, 2 * base) && tree_ok(p->b, depth - 1, 2 * base + 1);
}

/* Puts new trees into its own elements of the old array all share, and looks at the
 * ones of the round before. */
static bool rounds(struct worker *w)
{
	struct gc_mutator *m = w->f.m;
	struct gc_refs *all = gc_global_get(w->shared);
	struct pair *t = NULL;
	struct gc_bytes *bytes;
	unsigned i, at;
	GC_FRAME(m, all, t);

	for (i = 0; i < ROUNDS; i++) {
		t = tree(w, 7, w->id + i);
		at = i % 2 * NTHREADS + w->id;
		gc_write(m, all, &all->ref[at], t);
		bytes = gc_alloc_array(m, w->f.bytes, i % 5 ? 200 * i : 40000);
		memset(bytes->data, 0xff, bytes->len);
		at = (i + 1) % 2 * NTHREADS + w->id;
		if (i && !tree_ok(all->ref[at], 7, w->id + i - 1))
			return false;
	}
	return true;
}

static void *allocate(void *arg)
{
	struct worker *w = arg;

	if (gc_mutator_attach(w->f.heap, &w->f.m))
		return NULL;
	w->ok = rounds(w);
	gc_mutator_detach(w->f.m);
	return NULL;
}

static void run_workers(struct fix *f, struct gc_global *shared, struct worker *w)
{
	pthread_t t[NTHREADS];
	unsigned i;

	for (i = 0; i < NTHREADS; i++) {
		w[i] = (struct worker){ .f = *f, .shared = shared, .id = i };
		spawn(&t[i], allocate, &w[i]);
	}
	gc_blocking_begin(f->m);
	for (i = 0; i < NTHREADS; i++)
		join(t[i]);
	gc_blocking_end(f->m);
}

/* `slots` elements: few make the array a small object, many a large one with cards. */
static void share_array(size_t slots)
{
	struct worker w[NTHREADS];
	struct gc_global *shared;
	struct gc_refs *all;
	struct fix f;
	unsigned i;

	fix_open(&f, NULL);
	shared = gc_global_new(f.m, gc_alloc_array(f.m, f.refs, slots));
	gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
	gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
	run_workers(&f, shared, w);
	gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
	all = gc_global_get(shared);
	for (i = 0; i < NTHREADS; i++) {
		assert_true(w[i].ok);
		assert_true(tree_ok(all->ref[(ROUNDS - 1) % 2 * NTHREADS + i], 7, i + ROUNDS - 1));
	}
	assert_true(stats(&f).minor_count > 10);
	assert_int_equal(stats(&f).mutators, 1);
	gc_global_free(f.m, shared);
	fix_close(&f);
}

static void trees_in_a_shared_array(void **state)
{
	(void)state;
	share_array(2 * NTHREADS);
}

static void trees_in_a_large_shared_array(void **state)
{
	(void)state;
	share_array(10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(trees_in_a_shared_array),
		cmocka_unit_test(trees_in_a_large_shared_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
