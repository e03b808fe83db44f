/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_pauses.c - that the pauses told are the program's: what events, statistics and a
 * clock outside of the collector say of the same stops.
 */
#include "tap.h"

struct sums {
	uint64_t longest, minor, major; /* ns */
	uint64_t slices, slice_ns;	/* as majors tell them                         */
	uint64_t steps, step_ns;	/* as PHASE events tell them                   */
	uint64_t phase_ns;		/* of the major that goes on, but for slices   */
	unsigned majors, bad;		/* majors whose phases took longer than they did */
};

static void see(const struct gc_event *ev, void *arg)
{
	struct sums *s = arg;

	if (ev->type == GC_EV_GC_BEGIN)
		s->phase_ns = 0;
	if (ev->type == GC_EV_PHASE && ev->flags == GC_PHASE_MARK) {
		s->steps += ev->nv ? ev->v[0] : 1;
		s->step_ns += ev->a;
	}
	if (ev->type == GC_EV_PHASE && ev->flags != GC_PHASE_RELEASE)
		s->phase_ns += ev->a;
	if (ev->type != GC_EV_GC_END)
		return;
	if (ev->v[0] > s->longest)
		s->longest = ev->v[0];
	s->bad += s->phase_ns > ev->v[0];
	if (ev->flags == GC_SEG_MINOR) {
		s->minor += ev->v[0];
		return;
	}
	s->majors++;
	s->major += ev->v[0];
	s->slice_ns += ev->v[7];
	s->slices += ev->v[8];
	if (ev->v[9] > s->longest)
		s->longest = ev->v[9];
}

static void open_it(struct fix *f, struct tap *t)
{
	struct gc_options o = { .struct_size = sizeof(o),
				.young_min = KIB(256),
				.young_max = KIB(256),
				.ring_slots = 65536,
				.no_release_thread = 1,
				.release_delay_ms = 3600000 };

	fix_open(f, &o);
	tap_open(t, f);
}

static struct gc_refs *objects(struct fix *f, size_t n, size_t len)
{
	struct gc_refs *a = NULL;
	size_t i;
	GC_FRAME(f->m, a);

	a = gc_alloc_array(f->m, f->refs, n);
	for (i = 0; i < n; i++)
		gc_write(f->m, a, &a->ref[i], gc_alloc_array(f->m, f->bytes, len));
	return a;
}

/* A program that changes what it keeps: majors in slices, one of them not ended yet. */
static void churn(struct fix *f, struct gc_refs **a)
{
	size_t i;

	for (i = 0; i < 300000; i++)
		gc_write(f->m, *a, &(*a)->ref[i * 7919 % (*a)->len],
			 gc_alloc_array(f->m, f->bytes, 100));
	gc_collect(f->m, GC_FULL, GC_REASON_TESTING);
}

/* Slices and collections together are all pauses there are; the longest is the longest. */
static void events_and_statistics_agree(void **state)
{
	struct gc_refs *a = NULL;
	struct sums s = { 0 };
	struct gc_stats st;
	struct tap t;
	struct fix f;

	(void)state;
	open_it(&f, &t);
	{
		GC_FRAME(f.m, a);
		a = objects(&f, 50000, 100);
		churn(&f, &a);
		gc_collect(f.m, GC_COMPACT, GC_REASON_TESTING);
		tap_read(&t, see, &s);
		st = stats(&f);
		assert_true(s.majors > 3 && s.slices > 10);
		assert_int_equal(s.longest, st.max_pause_ns);
		assert_int_equal(s.minor, st.minor_pause_ns);
		assert_int_equal(s.major, st.major_pause_ns);
		assert_int_equal(s.majors, st.major_count);
		assert_int_equal(s.bad, 0);
		/* A slice is a PHASE, and so is the marking in a pause; there was one each
		 * for the two collections asked for, and one more to end a marking. */
		assert_in_range(s.steps, s.slices + 2, s.slices + 3);
		assert_true(s.step_ns >= s.slice_ns);
	}
	tap_close(&t);
	fix_close(&f);
}

/* The part of a collection's time that its pauses do not tell: the least of some tries. */
static double untold(struct fix *f, struct tap *t, enum gc_collect_kind kind)
{
	struct gc_refs *a = NULL;
	double least = 1, took, told, start;
	struct sums s;
	int i;
	size_t j;
	GC_FRAME(f->m, a);

	for (i = 0; i < 8; i++) {
		a = objects(f, 200000, 100);
		for (j = 0; j < a->len; j++)
			if (j % 20)
				a->ref[j] = NULL;
		memset(&s, 0, sizeof(s));
		tap_read(t, see, &s);
		memset(&s, 0, sizeof(s));
		start = now_s();
		gc_collect(f->m, kind, GC_REASON_TESTING);
		took = now_s() - start;
		tap_read(t, see, &s);
		told = (double)(s.minor + s.major) / 1e9;
		assert_true(told <= took);
		if (1 - told / took < least)
			least = 1 - told / took;
	}
	return least;
}

/* Sweeping, evacuation and correction of references are in the pause that is told. */
static void nothing_is_left_out(void **state)
{
	struct tap t;
	struct fix f;

	(void)state;
	open_it(&f, &t);
	assert_true(untold(&f, &t, GC_FULL) < 0.1);
	assert_true(untold(&f, &t, GC_COMPACT) < 0.1);
	assert_true(untold(&f, &t, GC_MAJOR) < 0.1);
	tap_close(&t);
	fix_close(&f);
}

/* A slice is a pause before there was any collection. */
static void a_slice_is_a_pause(void **state)
{
	struct gc_refs *a = NULL;
	struct tap t;
	struct fix f;

	(void)state;
	open_it(&f, &t);
	{
		GC_FRAME(f.m, a);
		a = gc_alloc_array(f.m, f.refs, 250000);
		assert_int_equal(stats(&f).max_pause_ns, 0);
		assert_int_equal(gc_idle(f.m, 1), 1); /* a marking has started */
		assert_int_equal(stats(&f).minor_count + stats(&f).major_count, 0);
		assert_true(stats(&f).max_pause_ns > 0);
	}
	tap_close(&t);
	fix_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_and_statistics_agree),
		cmocka_unit_test(nothing_is_left_out),
		cmocka_unit_test(a_slice_is_a_pause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
