/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* test_idle.c - gc_idle(): what it does, what it does not yet, and that it ends. */
#include "tap.h"

#define FOREVER	 3600000    /* ms */
#define BUDGET	 1000000000 /* ns: enough for all of it */
#define A_STEP	 1	    /* ns: enough for nothing; one step is done */
#define GOAL_MIN MIB(4)

struct seen {
	unsigned marked, minors, majors, slices, resizes; /* for being idle, but the last */
	uint64_t size;					  /* of the young space */
};

static void see(const struct gc_event *ev, void *arg)
{
	struct seen *s = arg;

	if (ev->type == GC_EV_MARK_BEGIN)
		s->marked += ev->a == GC_REASON_IDLE;
	if (ev->type == GC_EV_GC_END && ev->v[4] == GC_REASON_IDLE) {
		if (ev->flags == GC_SEG_MINOR) {
			s->minors++;
		} else {
			s->majors++;
			s->slices += (unsigned)ev->v[8];
		}
	}
	if (ev->type == GC_EV_SPACE_RESIZE && ev->space == GC_SPACE_YOUNG) {
		s->resizes++;
		s->size = ev->b;
	}
}

static struct seen all_seen(struct fix *f)
{
	struct seen s = { 0 };
	struct tap t;

	tap_open(&t, f);
	tap_read(&t, see, &s);
	tap_close(&t);
	return s;
}

static void heap_of(struct fix *f, unsigned delay_ms)
{
	struct gc_options o = { .struct_size = sizeof(o),
				.young_min = KIB(128),
				.young_max = KIB(128),
				.release_delay_ms = delay_ms,
				.release_cpu_percent = 100,
				.ring_slots = 65536,
				.no_release_thread = 1,
				.verify = 1 };

	fix_open(f, &o);
}

/* A list of so many bytes of old objects. */
static struct pair *old_list(struct fix *f, size_t bytes)
{
	struct pair *list = NULL, *p;
	size_t i;
	GC_FRAME(f->m, list);

	for (i = 0; i < bytes / 32; i++) {
		p = pair_new(f, i);
		p->a = list; /* p is new */
		list = p;
	}
	gc_collect(f->m, GC_MINOR, GC_REASON_TESTING);
	gc_collect(f->m, GC_MINOR, GC_REASON_TESTING);
	return list;
}

static void nothing_to_do(void **state)
{
	struct fix f;

	(void)state;
	heap_of(&f, FOREVER);
	assert_int_equal(gc_idle(f.m, BUDGET), 0);
	pair_new(&f, 1);
	assert_int_equal(gc_idle(f.m, BUDGET), 0);
	assert_int_equal(stats(&f).minor_count, 0);
	fix_close(&f);
}

/* A minor when the eden is half full; not before. */
static void half_an_eden(void **state)
{
	struct fix f;
	int i;

	(void)state;
	heap_of(&f, FOREVER);
	pair_new(&f, 0); /* a buffer of 32 KiB */
	assert_int_equal(gc_idle(f.m, BUDGET), 0);
	assert_int_equal(stats(&f).minor_count, 0);
	for (i = 0; i < 1100; i++)
		pair_new(&f, 1);
	assert_int_equal(gc_idle(f.m, 0), 1); /* no budget */
	assert_int_equal(stats(&f).minor_count, 0);
	gc_tick(f.m); /* collects nothing */
	assert_int_equal(stats(&f).minor_count, 0);
	assert_int_equal(gc_idle(f.m, BUDGET), 0);
	assert_int_equal(stats(&f).minor_count, 1);
	assert_int_equal(all_seen(&f).minors, 1);
	fix_close(&f);
}

/* A quarter of the way to the goal is worth a major, less is not. */
static void a_quarter_of_the_way(void **state)
{
	struct pair *list = NULL;
	struct fix f;

	(void)state;
	heap_of(&f, FOREVER);
	{
		GC_FRAME(f.m, list);
		list = old_list(&f, GOAL_MIN / 4 - KIB(64));
		assert_int_equal(gc_idle(f.m, BUDGET), 0);
		assert_int_equal(stats(&f).major_count, 0);
		list = old_list(&f, KIB(128));
		assert_int_equal(gc_idle(f.m, BUDGET), 0);
		assert_int_equal(stats(&f).major_count, 1);
		assert_int_equal(stats(&f).heap_used, KIB(128));
		assert_int_equal(all_seen(&f).majors, 1);
		assert_int_equal(all_seen(&f).marked, 1);
		/* And not again. */
		assert_int_equal(gc_idle(f.m, BUDGET), 0);
		assert_int_equal(stats(&f).major_count, 1);
	}
	fix_close(&f);
}

/* The least budget does a step a call, and comes to an end. */
static void step_by_step(void **state)
{
	struct pair *list = NULL;
	struct seen s;
	struct fix f;
	int calls = 0;

	(void)state;
	heap_of(&f, FOREVER);
	{
		GC_FRAME(f.m, list);
		list = old_list(&f, MIB(2));
		while (gc_idle(f.m, A_STEP) && calls++ < 1000)
			;
		s = all_seen(&f);
		assert_int_equal(s.majors, 1);
		assert_in_range(s.slices, MIB(2) / KIB(128), MIB(2) / KIB(128) + 8);
		assert_in_range(calls, s.slices, 2 * s.slices);
		assert_int_equal(stats(&f).major_count, 1);
	}
	fix_close(&f);
}

/* What began in idle time and was left, allocation ends, for the same reason. */
static void left_to_allocation(void **state)
{
	struct pair *list = NULL;
	struct fix f;
	int i;

	(void)state;
	heap_of(&f, FOREVER);
	{
		GC_FRAME(f.m, list);
		list = old_list(&f, MIB(2));
		assert_int_equal(gc_idle(f.m, A_STEP), 1);
		assert_int_equal(gc_idle(f.m, A_STEP), 1);
		assert_int_equal(all_seen(&f).marked, 1);
		for (i = 0; i < 20000; i++)
			pair_new(&f, 1);
		assert_int_equal(all_seen(&f).majors, 1);
	}
	fix_close(&f);
}

/* A program without GOGC is not collected behind its back. */
static void never_without_a_goal(void **state)
{
	struct pair *list = NULL;
	struct fix f;

	(void)state;
	heap_of(&f, FOREVER);
	gc_set_gogc(f.heap, -1);
	{
		GC_FRAME(f.m, list);
		list = old_list(&f, MIB(8));
		assert_int_equal(gc_idle(f.m, BUDGET), 0);
		assert_int_equal(stats(&f).major_count, 0);
	}
	fix_close(&f);
}

/* Pages of blocks that no one has swept come free. */
static void sweeps(void **state)
{
	struct gc_refs *a = NULL;
	size_t i, owed;
	struct fix f;

	(void)state;
	heap_of(&f, FOREVER);
	{
		GC_FRAME(f.m, a);
		a = gc_alloc_array(f.m, f.refs, 20000);
		for (i = 0; i < a->len; i++)
			gc_write(f.m, a, &a->ref[i], gc_alloc_array(f.m, f.bytes, 200));
		gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
		for (i = 0; i < a->len; i++)
			if (i % 500)
				gc_write(f.m, a, &a->ref[i], NULL);
		gc_collect(f.m, GC_MAJOR, GC_REASON_TESTING);
		owed = stats(&f).owed;
		assert_int_equal(gc_idle(f.m, BUDGET), 0);
		assert_true(stats(&f).owed > owed + MIB(2));
	}
	fix_close(&f);
}

static void gives_back(void **state)
{
	struct gc_bytes *b;
	struct fix f;

	(void)state;
	heap_of(&f, 1);
	b = gc_alloc_array(f.m, f.bytes, MIB(16));
	memset(b->data, 1, b->len);
	gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
	WAIT_FOR(!gc_idle(f.m, BUDGET) && stats(&f).owed == 0);
	assert_true(stats(&f).released_total >= MIB(16));
	fix_close(&f);
}

/* The young space grew with survivors, and is not needed any more. */
static void shrinks_the_young_space(void **state)
{
	struct gc_options o = { .struct_size = sizeof(o),
				.young_min = KIB(128),
				.young_max = MIB(1),
				.release_delay_ms = 20,
				.ring_slots = 65536,
				.no_release_thread = 1,
				.verify = 1 };
	struct pair *list = NULL, *p;
	struct fix f;
	int i;

	(void)state;
	fix_open(&f, &o);
	{
		GC_FRAME(f.m, list);
		for (i = 0; i < 200000; i++) {
			p = pair_new(&f, 1);
			p->a = list;
			list = p;
		}
		assert_true(stats(&f).space[GC_YOUNG].committed > MIB(1));
		list = NULL;
		WAIT_FOR(!gc_idle(f.m, BUDGET) && stats(&f).space[GC_YOUNG].committed < KIB(200));
		assert_int_equal(all_seen(&f).size, stats(&f).space[GC_YOUNG].committed);
		assert_int_equal(all_seen(&f).resizes, 6);
		/* And grows again. */
		for (i = 0; i < 200000; i++) {
			p = pair_new(&f, 1);
			p->a = list;
			list = p;
		}
		assert_true(stats(&f).space[GC_YOUNG].committed > KIB(500));
	}
	fix_close(&f);
}

static void log_lines_say_idle(void **state)
{
	FILE *log = tmpfile();
	struct gc_options o = { .struct_size = sizeof(o),
				.young_min = KIB(128),
				.young_max = KIB(128),
				.no_release_thread = 1,
				.log = GC_LOG_V8,
				.log_fd = fileno(log) };
	char line[512];
	int idle = 0;
	struct fix f;

	(void)state;
	fix_open(&f, &o);
	old_list(&f, MIB(2));
	assert_int_equal(gc_idle(f.m, BUDGET), 0);
	fix_close(&f);
	rewind(log);
	while (fgets(line, sizeof(line), log))
		idle += strstr(line, "Mark-Sweep") && strstr(line, " idle;");
	fclose(log);
	assert_int_equal(idle, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_to_do),
		cmocka_unit_test(half_an_eden),
		cmocka_unit_test(a_quarter_of_the_way),
		cmocka_unit_test(step_by_step),
		cmocka_unit_test(left_to_allocation),
		cmocka_unit_test(never_without_a_goal),
		cmocka_unit_test(sweeps),
		cmocka_unit_test(gives_back),
		cmocka_unit_test(shrinks_the_young_space),
		cmocka_unit_test(log_lines_say_idle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
