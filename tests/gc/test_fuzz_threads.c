/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_fuzz_threads.c - the machine of fuzz.h by several threads on one heap: each has
 * objects and a model of its own, and trees go from one to another.
 *
 * GC_SEED=n, GC_ZEAL=n, GC_EVERY=n, GC_STEPS=n and SECONDS=n as for test_fuzz.c; what
 * the threads do is replayed, when each of them does it is not.
 */
#include <pthread.h>

#include "fuzz.h"

/* A child of a process with threads may start threads of its own under TSan too. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
	return "die_after_fork=0";
}

#define THREADS 4

struct job {
	struct fix f;
	struct gc_global *boxes;
	uint64_t seed;
	unsigned steps;
	pthread_t thread;
};

static void *work(void *arg)
{
	struct job *j = arg;
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	assert_int_equal(gc_mutator_attach(j->f.heap, &j->f.m), 0);
	w->shared = true;
	w->boxes = j->boxes;
	w->seed = j->seed;
	world_run(w, &j->f, j->steps);
	gc_mutator_detach(j->f.m);
	free(w);
	return NULL;
}

static void run(uint64_t seed, unsigned zeal, unsigned every, unsigned steps)
{
	struct gc_options o = { .struct_size = sizeof(o),
				.young_min = KIB(128),
				.young_max = KIB(512),
				.verify = 1,
				.zeal = zeal,
				.zeal_every = every,
				.release_delay_ms = 1 };
	struct job jobs[THREADS];
	struct fix f;
	int i;

	print_message("GC_SEED=%llu GC_ZEAL=%u GC_EVERY=%u GC_STEPS=%u\n", (unsigned long long)seed,
		      zeal, every, steps);
	fix_open(&f, &o);
	jobs[0] = (struct job){ .f = f, .steps = steps };
	jobs[0].boxes = gc_global_new(f.m, gc_alloc_array(f.m, f.refs, BOXES));
	for (i = 0; i < THREADS; i++) {
		jobs[i] = jobs[0];
		jobs[i].seed = (seed * THREADS + (uint64_t)i + 1) * 0x9e3779b97f4a7c15ULL;
	}
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&jobs[i].thread, NULL, work, &jobs[i]), 0);
	gc_blocking_begin(f.m);
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(jobs[i].thread, NULL), 0);
	gc_blocking_end(f.m);
	gc_global_free(f.m, jobs[0].boxes);
	gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
	assert_int_equal(stats(&f).heap_used, 0);
	fix_close(&f);
}

static unsigned number(const char *name, unsigned otherwise)
{
	const char *s = getenv(name);

	return s ? (unsigned)strtoul(s, NULL, 0) : otherwise;
}

static void random_mutators(void **state)
{
	static const unsigned modes[] = { 0,
					  GC_ZEAL_MINOR,
					  GC_ZEAL_SLICES,
					  GC_ZEAL_PROMOTE,
					  GC_ZEAL_PROTECT | GC_ZEAL_NURSERY,
					  GC_ZEAL_POISON | GC_ZEAL_RELEASE };
	unsigned steps = number("GC_STEPS", 1500), i;

	(void)state;
	if (getenv("GC_SEED")) {
		run(number("GC_SEED", 0), number("GC_ZEAL", 0), number("GC_EVERY", 50), steps);
		return;
	}
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		run((uint64_t)time(NULL) + i, modes[i], 50, steps);
}

static void until_time_is_up(void **state)
{
	double end = now_s() + number("SECONDS", 0);
	uint64_t seed = (uint64_t)time(NULL) * 1000;

	(void)state;
	for (; now_s() < end; seed++)
		run(seed,
		    (unsigned)(seed * 0x9e3779b97f4a7c15ULL >> 32) &
			    (unsigned)(seed * 0xd1342543de82ef95ULL >> 32) &
			    (2 * GC_ZEAL_NURSERY - 1),
		    8u << seed % 6, number("GC_STEPS", 2000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_mutators),
		cmocka_unit_test(until_time_is_up),
	};

	/* A failure in another thread cannot go back to cmocka. */
	setenv("CMOCKA_TEST_ABORT", "1", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
