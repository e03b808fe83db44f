/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The rules of rules_limit.c at their thresholds, both sides: hand-written figures of a
 * control group, of a heap in it, of faults that wait for a disk.
 */
#include <limits.h>

#include "tests/unit/dx.h"

#define LIMIT (1024 * MIB)

/* What a group is charged for, bytes. */
struct charge {
	uint64_t anon, shmem, kernel, inactive, active;
};

static uint64_t sum(const struct charge *g)
{
	return g->anon + g->shmem + g->kernel + g->inactive + g->active;
}

static void group(struct dx *x, double s, uint64_t limit, const struct charge *g)
{
	struct mp_event e = ev(MP_EV_CGROUP, 2, MM, dx_s(s));

	e.cgroup.charged = sum(g);
	e.cgroup.limit = limit;
	e.cgroup.anon = g->anon;
	e.cgroup.file = g->inactive + g->active;
	e.cgroup.shmem = g->shmem;
	e.cgroup.kernel = g->kernel;
	e.cgroup.swap = 0;
	dx_fold(x, e);
}

/* refaults: pages; stalled: as on the wire. */
static void more(struct dx *x, double s, const struct charge *g, uint64_t refaults,
		 uint32_t stalled)
{
	struct mp_event e = ev(MP_EV_CGROUP_MORE, 2, MM, dx_s(s));

	e.x = stalled;
	e.cgroup_more.inactive_file = g->inactive;
	e.cgroup_more.active_file = g->active;
	e.cgroup_more.slab = 0;
	e.cgroup_more.dirty = 0;
	e.cgroup_more.refaults = refaults;
	e.cgroup_more.oom_kills = 0;
	e.cgroup_more.high = MP_UNKNOWN;
	dx_fold(x, e);
}

static void looked(struct dx *x, double s, uint64_t limit, const struct charge *g)
{
	group(x, s, limit, g);
	more(x, s, g, 0, 0);
}

static void probe(struct dx *x, unsigned feature, unsigned rung)
{
	struct mp_event e = ev(MP_EV_PROBE, feature, 0, dx_s(0));

	e.x = rung;
	dx_fold(x, e);
}

static struct dx watched_as(const struct mp_thresholds *t)
{
	struct dx x = dx_new(t);

	probe(&x, MP_FEAT_MAJORS, MP_RUNG_PERF);
	probe(&x, MP_FEAT_OOM, MP_RUNG_TRACEPOINT);
	return x;
}

static struct dx watched(void)
{
	return watched_as(NULL);
}

static void oom(struct dx *x, double s)
{
	dx_fold(x, ev_task(MM, dx_s(s), MP_TASK_OOM, 100, 0));
	dx_rss(x, s + 0.2, 1 * MIB, 0, 0); /* it is taken apart */
	dx_fold(x, ev_task(MM, dx_s(s + 0.3), MP_TASK_EXIT, 9, 0));
}

static double evidence(const struct mp_finding *f, const char *what)
{
	for (unsigned i = 0; i < f->n_evidence; i++)
		if (strstr(f->evidence[i].what, what))
			return f->evidence[i].v;
	return -1;
}

static const char *not_this(const struct mp_finding *f, const char *cls)
{
	for (unsigned i = 0; i < f->n_nots; i++)
		if (!strcmp(f->nots[i].cls, cls))
			return f->nots[i].why;
	return NULL;
}

/* --- out of memory ----------------------------------------------------------------------- */

/* A process of own bytes, killed in a group that has so much anonymous memory in all. */
static struct dx killed(uint64_t own, uint64_t group_anon)
{
	struct charge g = { .anon = group_anon, .shmem = 500 * MIB };
	struct dx x = watched();

	dx_rss(&x, 0.1, own, 0, 0);
	looked(&x, 0.5, LIMIT, &g);
	dx_rss(&x, 2, own, 0, 0);
	oom(&x, 2.5);
	return x;
}

static void killed_for_others(void **state)
{
	struct dx x = killed(612 * MIB, 612 * MIB); /* 0.598 */
	const struct mp_finding *f = dx_find(&x, "oom-outside");

	(void)state;
	assert_non_null(f);
	assert_int_equal(f->level, MP_DX_BAD);
	assert_int_equal(f->bytes, LIMIT - 612 * MIB); /* full it was, whatever the last look saw */
	assert_true(f->from == dx_s(2.5));
	assert_true(evidence(f, "RssAnon when the kernel killed it") == 612 * MIB);
	assert_true(evidence(f, "shared memory and tmpfs") == 500 * MIB);
	dx_free(&x);
}

static void killed_for_its_own(void **state)
{
	struct dx x = killed(617 * MIB, 617 * MIB); /* 0.603 */

	(void)state;
	assert_null(dx_find(&x, "oom-outside"));
	dx_free(&x);
	x = killed(100 * MIB, 617 * MIB); /* others are as large as that: no tmpfs */
	assert_null(dx_find(&x, "oom-outside"));
	dx_free(&x);
}

/* Nobody was killed; so much of the limit cannot be dropped. */
static struct dx full(uint64_t hard, uint64_t cache)
{
	struct charge g = { .anon = 50 * MIB, .kernel = hard - 50 * MIB, .inactive = cache };
	struct dx x = watched();

	for (int s = 0; s < 3; s++) {
		dx_rss(&x, s + 0.1, 50 * MIB, 0, 0);
		looked(&x, s + 0.5, LIMIT, &g);
	}
	return x;
}

static void full_of_the_kernels(void **state)
{
	struct dx x = full(973 * MIB, 0); /* 0.9502 */
	const struct mp_finding *f = dx_find(&x, "oom-outside");

	(void)state;
	assert_non_null(f);
	assert_int_equal(f->bytes, 923 * MIB);
	assert_true(evidence(f, "for the kernel") == 923 * MIB);
	dx_free(&x);
	x = full(972 * MIB, 0); /* 0.9492 */
	assert_null(dx_find(&x, "oom-outside"));
	dx_free(&x);
}

static void full_of_cache_is_not_short(void **state)
{
	struct dx x = full(300 * MIB, 700 * MIB);

	(void)state;
	assert_null(dx_find(&x, "oom-outside"));
	dx_free(&x);
}

/* Ended by signal 9, and no probe told of kills for memory. */
static void killed_by_whom(void **state)
{
	struct dx x = full(500 * MIB, 0);

	(void)state;
	probe(&x, MP_FEAT_OOM, MP_RUNG_ABSENT);
	dx_fold(&x, ev_task(MM, dx_s(4), MP_TASK_EXIT, 9, 0));
	assert_null(dx_find(&x, "oom-outside"));
	dx_free(&x);
}

/* --- page cache ------------------------------------------------------------------------------ */

static struct dx cached(uint64_t anon, uint64_t kernel, uint64_t inactive, uint64_t active)
{
	struct charge g = { anon, 0, kernel, inactive, active };
	struct dx x = watched();

	for (int s = 0; s < 3; s++) {
		dx_rss(&x, s + 0.1, anon, 0, 0);
		looked(&x, s + 0.5, LIMIT, &g);
	}
	return x;
}

static void page_cache(void **state)
{
	struct dx x = cached(17 * MIB, 200 * MIB, 300 * MIB, 200 * MIB); /* 0.7002, 0.714 */
	const struct mp_finding *f = dx_find(&x, "working-set");

	(void)state;
	assert_non_null(f);
	assert_int_equal(f->level, MP_DX_INFO);
	assert_int_equal(f->bytes, 500 * MIB);
	assert_true(evidence(f, "of it inactive") == 300 * MIB);
	dx_free(&x);
	x = cached(16 * MIB, 200 * MIB, 300 * MIB, 200 * MIB); /* 0.699 of the limit */
	assert_null(dx_find(&x, "working-set"));
	dx_free(&x);
	x = cached(17 * MIB, 215 * MIB, 300 * MIB, 200 * MIB); /* 0.699 of what is beyond RSS */
	assert_null(dx_find(&x, "working-set"));
	dx_free(&x);
	x = cached(700 * MIB, 0, 40 * MIB, 10 * MIB); /* 50 MiB: under a limit that is little */
	assert_null(dx_find(&x, "working-set"));
	dx_free(&x);
	x = cached(700 * MIB, 0, 42 * MIB, 10 * MIB);
	assert_non_null(dx_find(&x, "working-set"));
	dx_free(&x);
}

/* Without a limit there is no figure to be confused about. */
static void no_limit(void **state)
{
	struct charge g = { .anon = 10 * MIB, .inactive = 900 * MIB };
	struct dx x = watched();

	(void)state;
	dx_rss(&x, 0.1, 10 * MIB, 0, 0);
	looked(&x, 0.5, MP_UNKNOWN, &g);
	dx_rss(&x, 6, 10 * MIB, 0, 0);
	assert_int_equal(dx_make(&x)->n, 0);
	assert_int_equal(x.fs.n_withheld, 0);
	dx_free(&x);
}

/* Figures that no kernel gives break nothing: nothing is divided by. */
static void limit_of_nothing(void **state)
{
	struct charge g = { .anon = 10 * MIB, .inactive = 900 * MIB };
	struct dx x = watched();
	char text[32];

	(void)state;
	dx_rss(&x, 0.1, 10 * MIB, 0, 0);
	looked(&x, 0.5, 0, &g);
	dx_rss(&x, 6, 10 * MIB, 0, 0);
	oom(&x, 7);
	assert_null(dx_find(&x, "working-set"));
	assert_null(dx_find(&x, "oom-outside"));
	assert_non_null(dx_withheld(&x, "oom-outside"));
	for (unsigned u = 0; u < MP_DX_UNITS; u++) {
		assert_null(strstr(mp_dx_value(text, sizeof(text), u, INFINITY), "inf"));
		assert_null(strstr(mp_dx_value(text, sizeof(text), u, -1e300), "inf"));
	}
	dx_free(&x);
}

/* --- the heap's limit --------------------------------------------------------------------------
 */

/* A heap of that limit with 100 MiB in use, 60 MiB beside it, 20 beside the process. */
static struct dx fits(uint64_t limit, uint64_t used)
{
	struct charge g = { .anon = used + 60 * MIB, .kernel = 20 * MIB, .inactive = 400 * MIB };
	struct dx x = watched();
	struct mp_event e;

	fx_snap_begin(&x.f);
	fx_line(&x.f, HEAP_AT, HEAP_LEN, BITS_RW, 0);
	fx_line(&x.f, ANON_AT, GIB, BITS_RW, 0);
	fx_snap_end(&x.f);
	dx_fold(&x, ev_range(MM, dx_s(0), MP_HEAP_RESERVE, HEAP_AT, HEAP_LEN));
	dx_fold(&x, ev_fault(MM, dx_s(0), HEAP_AT, (uint32_t)(used / PG), MP_FAULT_WRITE));
	dx_fold(&x, ev_fault(MM, dx_s(0), ANON_AT, 60 * MIB / PG, MP_FAULT_WRITE));
	e = ev_heap(MM, dx_s(0.1), MP_SRC_GC, used, used);
	e.heap.limit = limit;
	dx_fold(&x, e);
	for (int s = 0; s < 3; s++) {
		dx_rss(&x, s + 0.2, used + 60 * MIB, 0, 0);
		looked(&x, s + 0.5, LIMIT, &g);
	}
	dx_rss(&x, 3, used + 60 * MIB, 0, 0);
	return x;
}

static void misfit(void **state)
{
	struct dx x = fits(893 * MIB, 100 * MIB); /* 893 + 60 + 20 = 973: 0.9502 */
	const struct mp_finding *f = dx_find(&x, "limit-misfit");

	(void)state;
	assert_non_null(f);
	assert_int_equal(f->level, MP_DX_WARN);
	assert_int_equal(f->bytes, 0); /* nearly full, not over it */
	assert_true(evidence(f, "the heap's own limit") == 893 * MIB);
	assert_true(evidence(f, "RSS beside the heap") == 60 * MIB);
	assert_true(evidence(f, "charged beside the process") == 20 * MIB);
	assert_non_null(not_this(f, "gc-thrash"));
	dx_free(&x);
	x = fits(892 * MIB, 100 * MIB);
	assert_null(dx_find(&x, "limit-misfit"));
	dx_free(&x);
	x = fits(2048 * MIB, 100 * MIB);
	f = dx_find(&x, "limit-misfit");
	assert_non_null(f);
	assert_int_equal(f->bytes, 2128 * MIB - LIMIT);
	dx_free(&x);
}

static void misfit_that_is_near(void **state)
{
	struct dx x = fits(2048 * MIB, 637 * MIB); /* 717: 0.7002 */
	const struct mp_finding *f = dx_find(&x, "limit-misfit");

	(void)state;
	assert_non_null(f);
	assert_int_equal(f->level, MP_DX_BAD);
	dx_free(&x);
	x = fits(2048 * MIB, 636 * MIB);
	assert_int_equal(dx_find(&x, "limit-misfit")->level, MP_DX_WARN);
	dx_free(&x);
}

/* Killed by the group's limit is one thing, at the heap's own another. */
static void whose_limit(void **state)
{
	struct dx x = fits(900 * MIB, 809 * MIB); /* 0.899 of its own */
	const struct mp_finding *f;
	double before = dx_find(&x, "limit-misfit")->confidence;

	(void)state;
	oom(&x, 3.5);
	f = dx_find(&x, "limit-misfit");
	assert_non_null(f);
	assert_int_equal(f->level, MP_DX_BAD);
	assert_true(f->confidence > before);
	assert_true(evidence(f, "RssAnon when the kernel killed it") == 869 * MIB);
	assert_null(dx_find(&x, "oom-outside"));
	dx_free(&x);
	x = fits(900 * MIB, 811 * MIB); /* 0.901: it collects all the time, or ends by itself */
	assert_null(dx_find(&x, "limit-misfit"));
	dx_free(&x);
}

static void limit_of_the_heap_is_not_told(void **state)
{
	struct dx x = fits(MP_UNKNOWN, 100 * MIB);

	(void)state;
	assert_null(dx_find(&x, "limit-misfit"));
	assert_non_null(strstr(dx_withheld(&x, "limit-misfit"), "memprof-node"));
	dx_free(&x);
	x = fits(1ULL << 60, 100 * MIB); /* Go: none */
	assert_null(dx_find(&x, "limit-misfit"));
	dx_free(&x);
}

/* --- pages read again ---------------------------------------------------------------------------
 */

#define FILE_AT 0x30000000000ULL

/* n major faults in each of 20 seconds, on files or on what was swapped out. */
#define NOT_TOLD UINT_MAX
static struct dx rereading_as(const struct mp_thresholds *thr, unsigned n, uint64_t cache,
			      bool swapped, unsigned again)
{
	struct charge g = { .anon = 600 * MIB, .inactive = cache };
	struct dx x = watched_as(thr);
	uint64_t page = 0;
	struct mp_event rss;

	fx_snap_begin(&x.f);
	fx_line(&x.f, ANON_AT, GIB, BITS_RW, 0);
	fx_line(&x.f, FILE_AT, GIB, BITS_LIB, 0);
	fx_snap_end(&x.f);
	for (unsigned s = 0; s < 20; s++) {
		rss = ev_rss(MM, dx_s(s), 600 * MIB / PG, 20 * MIB / PG, 0);
		rss.rss.swap = swapped ? 300 * MIB / PG : 0;
		dx_fold(&x, rss);
		group(&x, s, LIMIT, &g);
		more(&x, s, &g, again == NOT_TOLD ? MP_UNKNOWN : (uint64_t)s * again, 0);
		for (unsigned i = 0; i < n; i++, page++) {
			uint64_t at = (swapped ? ANON_AT : FILE_AT) + page * PG;
			double t = s + 0.01 + i * 0.9 / n;
			struct mp_event m =
				ev(MP_EV_MAJOR, swapped ? MP_FAULT_WRITE : 0, MM, dx_s(t));

			m.major.addr = at;
			dx_fold(&x, ev_fault(MM, dx_s(t), at, 1, swapped ? MP_FAULT_WRITE : 0));
			dx_fold(&x, m);
		}
	}
	rss.ts = dx_s(20);
	dx_fold(&x, rss);
	return x;
}

static struct dx rereading(unsigned n, uint64_t cache, bool swapped, unsigned again)
{
	return rereading_as(NULL, n, cache, swapped, again);
}

static void thrash(void **state)
{
	struct dx x = rereading(200, 400 * MIB, false, 200);
	const struct mp_finding *f = dx_find(&x, "refault-thrash");

	(void)state;
	assert_non_null(f);
	assert_int_equal(f->level, MP_DX_BAD);
	assert_int_equal(f->bytes, 19 * 200 * PG);
	assert_non_null(not_this(f, "swap-storm"));
	assert_non_null(not_this(f, "file-mmap"));
	assert_null(dx_find(&x, "swap-storm"));
	assert_null(dx_find(&x, "working-set"));
	dx_free(&x);
}

static void seldom_or_with_room_left(void **state)
{
	struct dx x = rereading(30, 400 * MIB, false, 30);

	(void)state;
	assert_null(dx_find(&x, "refault-thrash"));
	dx_free(&x);
	x = rereading(200, 300 * MIB, false, 200); /* 0.88 of the limit */
	assert_null(dx_find(&x, "refault-thrash"));
	dx_free(&x);
}

/* A cold start fills a group with files too, but reads each page once. */
static void first_reading(void **state)
{
	struct dx x = rereading(200, 400 * MIB, false, 59); /* 0.28 of the faults */

	(void)state;
	assert_null(dx_find(&x, "refault-thrash"));
	dx_free(&x);
	x = rereading(200, 400 * MIB, false, 70);
	assert_non_null(dx_find(&x, "refault-thrash"));
	dx_free(&x);
}

/* Without the count of pages read again it may be a first reading as well. */
static void whether_again_is_not_told(void **state)
{
	struct dx x = rereading(200, 400 * MIB, false, NOT_TOLD);

	(void)state;
	assert_null(dx_find(&x, "refault-thrash"));
	assert_non_null(strstr(dx_withheld(&x, "refault-thrash"), "read again"));
	dx_free(&x);
}

/* It lasted for some 19 seconds. */
static void for_how_long(void **state)
{
	struct mp_thresholds *t = mp_thresholds_new();
	struct dx x;

	(void)state;
	t->v[T_REREAD_TIME] = 15;
	x = rereading_as(t, 200, 400 * MIB, false, 200);
	assert_non_null(dx_find(&x, "refault-thrash"));
	dx_free(&x);
	t->v[T_REREAD_TIME] = 21;
	x = rereading_as(t, 200, 400 * MIB, false, 200);
	assert_null(dx_find(&x, "refault-thrash"));
	dx_free(&x);
	mp_thresholds_free(t);
}

static void swapped(void **state)
{
	struct dx x = rereading(200, 400 * MIB, true, 0);
	const struct mp_finding *f = dx_find(&x, "swap-storm");

	(void)state;
	assert_non_null(f);
	assert_int_equal(f->level, MP_DX_BAD);
	assert_int_equal(f->bytes, 300 * MIB);
	assert_non_null(not_this(f, "refault-thrash"));
	assert_null(dx_find(&x, "refault-thrash"));
	dx_free(&x);
	x = rereading(30, 400 * MIB, true, 0); /* in swap, and hardly wanted */
	assert_null(dx_find(&x, "swap-storm"));
	dx_free(&x);
}

/* Where nobody sees faults that wait, the two are withheld or silent: never found. */
static void no_majors(void **state)
{
	struct dx x = rereading(200, 400 * MIB, true, 200);

	(void)state;
	probe(&x, MP_FEAT_MAJORS, MP_RUNG_ABSENT);
	assert_null(dx_find(&x, "refault-thrash"));
	assert_null(dx_find(&x, "swap-storm"));
	dx_free(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_for_others),
		cmocka_unit_test(killed_for_its_own),
		cmocka_unit_test(full_of_the_kernels),
		cmocka_unit_test(full_of_cache_is_not_short),
		cmocka_unit_test(killed_by_whom),
		cmocka_unit_test(page_cache),
		cmocka_unit_test(no_limit),
		cmocka_unit_test(limit_of_nothing),
		cmocka_unit_test(misfit),
		cmocka_unit_test(misfit_that_is_near),
		cmocka_unit_test(whose_limit),
		cmocka_unit_test(limit_of_the_heap_is_not_told),
		cmocka_unit_test(thrash),
		cmocka_unit_test(seldom_or_with_room_left),
		cmocka_unit_test(first_reading),
		cmocka_unit_test(whether_again_is_not_told),
		cmocka_unit_test(for_how_long),
		cmocka_unit_test(swapped),
		cmocka_unit_test(no_majors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
