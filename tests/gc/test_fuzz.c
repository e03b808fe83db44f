/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_fuzz.c - random operations (fuzz.h) on a heap that verifies itself, in every
 * zeal mode.
 *
 * Environment: GC_SEED=n replays one seed, in the mode GC_ZEAL=n (number of the line in
 * the table, or what is printed); GC_STEPS=n makes runs longer or shorter; SECONDS=n
 * goes on with seeds and combinations of modes of its own until the time is up
 * (`make fuzz-gc`). What is printed first replays a run that fails.
 */
#include "fuzz.h"

static void run(uint64_t seed, unsigned zeal, unsigned every, unsigned steps)
{
	struct gc_options o = { .struct_size = sizeof(o),
				.young_min = seed % 2 ? KIB(128) : MIB(1),
				.young_max = MIB(1),
				.no_release_thread = 1,
				.verify = 1,
				.zeal = zeal,
				.zeal_every = every,
				.release_advice = seed % 4 ? GC_ADVICE_DONTNEED : GC_ADVICE_FREE,
				.release_delay_ms = seed % 8 ? 3600000 : 1 };
	struct world w = { 0 };
	struct fix f;

	print_message("GC_SEED=%llu GC_ZEAL=%u GC_EVERY=%u GC_STEPS=%u\n", (unsigned long long)seed,
		      zeal, every, steps);
	w.timed = seed % 8 == 0; /* such a run may go another way when it is replayed */
	w.seed = (seed + 1) * 0x9e3779b97f4a7c15ULL;
	fix_open(&f, &o);
	world_run(&w, &f, steps);
	gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
	gc_release_all(f.heap);
	assert_int_equal(stats(&f).heap_used, 0);
	assert_int_equal(stats(&f).space[GC_OLD].committed, 0);
	assert_int_equal(stats(&f).owed, 0);
	fix_close(&f);
}

static unsigned number(const char *name, unsigned otherwise)
{
	const char *s = getenv(name);

	return s ? (unsigned)strtoul(s, NULL, 0) : otherwise;
}

static bool replay(void)
{
	const char *seed = getenv("GC_SEED");

	if (seed)
		run(strtoull(seed, NULL, 0), number("GC_ZEAL", 0), number("GC_EVERY", 1),
		    number("GC_STEPS", 15000));
	return seed;
}

static void random_mutator(void **state)
{
	unsigned steps = number("GC_STEPS", 8000);
	uint64_t i;

	(void)state;
	if (replay())
		return;
	for (i = 1; i <= 4; i++)
		run(i, 0, 0, steps);
	run((uint64_t)time(NULL), 0, 0, steps);
}

static void every_zeal_mode(void **state)
{
	static const struct {
		unsigned zeal, every;
	} modes[] = {
		{ GC_ZEAL_MINOR, 3 },
		{ GC_ZEAL_MAJOR, 17 },
		{ GC_ZEAL_SLICES, 1 },
		{ GC_ZEAL_SLICES | GC_ZEAL_MINOR, 2 },
		{ GC_ZEAL_EVACUATE | GC_ZEAL_MAJOR, 29 },
		{ GC_ZEAL_PROMOTE, 0 },
		{ GC_ZEAL_PROMOTE | GC_ZEAL_SLICES, 1 },
		{ GC_ZEAL_PROTECT | GC_ZEAL_MINOR, 5 },
		{ GC_ZEAL_POISON | GC_ZEAL_MINOR, 5 },
		{ GC_ZEAL_POISON | GC_ZEAL_RELEASE | GC_ZEAL_MAJOR, 23 },
		{ GC_ZEAL_RELEASE | GC_ZEAL_MINOR, 7 },
		{ GC_ZEAL_NURSERY, 0 },
		{ 2 * GC_ZEAL_NURSERY - 1, 11 },
	};
	unsigned steps = number("GC_STEPS", 2000), i;

	(void)state;
	if (getenv("GC_SEED"))
		return;
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		run(100 + i, modes[i].zeal, modes[i].every, steps);
	run((uint64_t)time(NULL), modes[time(NULL) % i].zeal, modes[time(NULL) % i].every, steps);
}

/* Each bit of zeal is set in one run of four; steps come at every 1 to 64 allocations. */
static void until_time_is_up(void **state)
{
	double end = now_s() + number("SECONDS", 0);
	uint64_t seed = (uint64_t)time(NULL) * 1000;
	unsigned zeal;

	(void)state;
	for (; now_s() < end; seed++) {
		zeal = (unsigned)(seed * 0x9e3779b97f4a7c15ULL >> 32) &
		       (unsigned)(seed * 0xd1342543de82ef95ULL >> 32) & (2 * GC_ZEAL_NURSERY - 1);
		run(seed, zeal, 1u << seed % 7, number("GC_STEPS", 10000));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_mutator),
		cmocka_unit_test(every_zeal_mode),
		cmocka_unit_test(until_time_is_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
