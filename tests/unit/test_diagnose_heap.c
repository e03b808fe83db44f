/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The rules of rules_heap.c at their thresholds, both sides.
 */
#include "tests/unit/dx.h"

static void gc(struct dx *x, double s, unsigned kind, double before, double after)
{
	dx_gc(x, s, kind, (uint64_t)(before * MIB), (uint64_t)(after * MIB));
}

static void used(struct dx *x, double s, double mib, uint64_t limit)
{
	struct mp_event e = ev_heap(MM, dx_s(s), MP_SRC_GC, (uint64_t)(mib * MIB), 4 * GIB);

	e.heap.limit = limit;
	dx_fold(x, e);
}

static bool there(struct dx *x, const char *cls)
{
	return dx_find(x, cls) != NULL;
}

/* A live set that n major collections, ten seconds apart, find step bytes larger each. */
static struct dx growing(unsigned n, uint64_t step)
{
	struct dx x = dx_new(NULL);

	dx_rss(&x, 0.1, 100 * MIB, 4 * MIB, 0);
	for (unsigned i = 0; i < n; i++)
		dx_gc(&x, 1 + 10 * i, MP_GC_MAJOR, (64 + 20) * MIB + i * step, 64 * MIB + i * step);
	dx_rss(&x, 10 * n, 100 * MIB + n * step, 4 * MIB, 0);
	return x;
}

static void leak(void **state)
{
	struct dx x = growing(9, 16 * MIB);
	const struct mp_finding *f = dx_find(&x, "heap-leak");

	(void)state;
	assert_non_null(f);
	assert_int_equal(f->bytes, 8 * 16 * MIB);
	assert_int_equal(f->level, MP_DX_BAD);
	assert_true(f->from == dx_s(1));
	dx_free(&x);
}

/* One major collection, and minor ones that leave more each time. */
static struct dx promoting(double step)
{
	struct dx x = dx_new(NULL);

	dx_rss(&x, 0.1, 100 * MIB, 4 * MIB, 0);
	gc(&x, 1, MP_GC_MAJOR, 60, 50);
	for (unsigned i = 1; i <= 20; i++)
		gc(&x, 1 + i, MP_GC_MINOR, 53 + step * i, 50 + step * i);
	dx_rss(&x, 22, 100 * MIB, 4 * MIB, 0);
	return x;
}

/* ... of a process that ended by itself, or was ended. */
static void ended(void **state)
{
	struct dx done = growing(9, 16 * MIB), killed = growing(9, 16 * MIB);

	(void)state;
	dx_fold(&done, ev_task(MM, dx_s(90.1), MP_TASK_EXIT, 0, 0));
	dx_fold(&killed, ev_task(MM, dx_s(90.1), MP_TASK_EXIT, 15, 0));
	assert_non_null(dx_find(&done, "heap-leak"));
	assert_int_equal(dx_find(&done, "heap-leak")->level, MP_DX_INFO);
	assert_int_equal(dx_find(&killed, "heap-leak")->level, MP_DX_BAD);
	dx_free(&done);
	dx_free(&killed);
}

/* exec: what the program before held is not the new one's. */
static void another_program(void **state)
{
	struct dx x = growing(9, 16 * MIB);
	struct mp_event e = ev_task(MM + 1, dx_s(90.1), MP_TASK_EXEC, MM, 0);

	(void)state;
	dx_fold(&x, e);
	for (unsigned i = 0; i < 10; i++)
		dx_fold(&x, ev_rss(MM + 1, dx_s(91 + i), 200 * MIB / PG, 0, 0));
	assert_null(dx_find(&x, "heap-leak"));
	assert_null(dx_withheld(&x, "heap-leak"));
	for (unsigned i = 0; i < 9; i++)
		dx_fold(&x, ev_gc(MM + 1, dx_s(101 + 10 * i), MP_GC_MAJOR, (84 + 16 * i) * MIB,
				  (64 + 16 * i) * MIB));
	dx_fold(&x, ev_rss(MM + 1, dx_s(190), 200 * MIB / PG, 0, 0));
	assert_non_null(dx_find(&x, "heap-leak"));
	assert_true(dx_find(&x, "heap-leak")->from == dx_s(101));
	dx_free(&x);
}

static void leak_of_too_few_majors_is_withheld(void **state)
{
	struct dx x = promoting(3.5), small = promoting(3);

	(void)state;
	assert_null(dx_find(&x, "heap-leak"));
	assert_non_null(dx_withheld(&x, "heap-leak"));
	assert_non_null(strstr(dx_withheld(&x, "heap-leak"), "2 are needed"));
	assert_null(dx_withheld(&small, "heap-leak"));
	dx_free(&x);
	dx_free(&small);
}

/* Two rules have the class: it is withheld once. */
static void withheld_once(void **state)
{
	struct dx x = dx_new(NULL);

	(void)state;
	dx_rss(&x, 0.1, 100 * MIB, 4 * MIB, 0);
	for (unsigned i = 0; i < 9; i++)
		gc(&x, 1 + 0.1 * i, MP_GC_MAJOR, 80 + 20 * i, 60 + 20 * i);
	dx_rss(&x, 2, 300 * MIB, 4 * MIB, 0);
	assert_non_null(strstr(dx_withheld(&x, "heap-leak"), "were looked at"));
	for (size_t i = 0, n = 0; i < x.fs.n_withheld; i++) {
		n += !strcmp(x.fs.withheld[i].cls, "heap-leak");
		assert_true(n < 2);
	}
	dx_free(&x);
}

static void small_growth_is_none(void **state)
{
	struct dx x = growing(9, 7 * MIB);

	(void)state;
	assert_null(dx_find(&x, "heap-leak"));
	assert_null(dx_withheld(&x, "heap-leak"));
	dx_free(&x);
}

/*
 * A heap that is collected in full whenever it has grown by `factor`, from `from` to `to`
 * MiB; of what came since, `kept` is left. Minor collections in between, three a second.
 */
static struct dx doubling(double from, double to, double factor, double kept)
{
	double in_use = from, base = from, next = from, t = 1;
	struct dx x = dx_new(NULL);

	dx_rss(&x, 0.1, 100 * MIB, 4 * MIB, 0);
	for (; in_use < to; t += 0.3) {
		in_use += to / 80;
		gc(&x, t, MP_GC_MINOR, in_use + 3, in_use);
		if (in_use < next)
			continue;
		base += kept * (in_use - base);
		gc(&x, t + 0.1, MP_GC_MAJOR, in_use, base);
		in_use = base;
		next = base * factor;
	}
	dx_rss(&x, t, 400 * MIB, 4 * MIB, 0);
	return x;
}

static void young_leak(void **state)
{
	struct dx x = doubling(10, 300, 3.5, 0.9);
	const struct mp_finding *f = dx_find(&x, "heap-leak");

	(void)state;
	assert_non_null(f);
	assert_int_equal(f->level, MP_DX_INFO); /* or the start of a program */
	assert_true(f->confidence < 0.6);
	assert_in_range(f->bytes, 200 * MIB, 300 * MIB);
	dx_free(&x);
}

static void leak_of_a_large_heap_is_no_start(void **state)
{
	struct dx x = doubling(200, 500, 1.3, 0.9);

	(void)state;
	assert_non_null(dx_find(&x, "heap-leak"));
	assert_int_equal(dx_find(&x, "heap-leak")->level, MP_DX_WARN);
	dx_free(&x);
}

/* Five to seven major collections: enough to be sure, but for the start of a program. */
static void more_collections(void **state)
{
	struct dx young = doubling(10, 300, 1.8, 0.95), old = doubling(200, 500, 1.15, 0.95);

	(void)state;
	assert_int_equal(dx_find(&young, "heap-leak")->level, MP_DX_INFO);
	assert_int_equal(dx_find(&old, "heap-leak")->level, MP_DX_BAD);
	dx_free(&young);
	dx_free(&old);
}

/* A heap that doubles from nothing is collected often in a short time. */
static void many_collections_of_a_start(void **state)
{
	struct dx x = doubling(10, 300, 1.4, 0.95);

	(void)state;
	assert_non_null(dx_find(&x, "heap-leak"));
	assert_true(P(&x.f)->gc_major >= 8);
	assert_int_equal(dx_find(&x, "heap-leak")->level, MP_DX_INFO);
	dx_free(&x);
}

static void what_dies_old_is_no_young_leak(void **state)
{
	struct dx kept = doubling(10, 300, 3.5, 0.72), died = doubling(10, 300, 3.5, 0.68);

	(void)state;
	assert_true(there(&kept, "heap-leak"));
	assert_false(there(&died, "heap-leak"));
	dx_free(&kept);
	dx_free(&died);
}

/* A heap collected in full every ten seconds, when 40 MiB have come: of them stay first
 * (of the steps of the first two thirds) and last MiB. */
static struct dx bending(double first, double last)
{
	struct dx x = dx_new(NULL);
	double live = 50;

	dx_rss(&x, 0.1, 100 * MIB, 4 * MIB, 0);
	for (unsigned i = 0; i < 10; i++) {
		gc(&x, 1 + 10 * i, MP_GC_MAJOR, live + 40, live + (i < 7 ? first : last) * (i > 0));
		live += (i < 7 ? first : last) * (i > 0);
	}
	dx_rss(&x, 91.5, 300 * MIB, 4 * MIB, 0);
	return x;
}

static void bends(void **state)
{
	static const struct {
		double last;
		const char *cls, *not ;
		enum mp_dx_level level;
	} cases[] = {
		{ 20, "heap-leak", "cache-growth", MP_DX_BAD },
		{ 14.4, "heap-leak", "cache-growth", MP_DX_BAD },
		{ 13.6, "cache-growth", "heap-leak", MP_DX_INFO }, /* no bound in sight */
		{ 6.4, "cache-growth", "heap-leak", MP_DX_INFO },
		{ 5.6, "cache-growth", "heap-leak", MP_DX_INFO }, /* it levels off */
		{ 0, "cache-growth", "heap-leak", MP_DX_INFO },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dx x = bending(20, cases[i].last);

		assert_non_null(dx_find(&x, cases[i].cls));
		assert_int_equal(dx_find(&x, cases[i].cls)->level, cases[i].level);
		assert_false(there(&x, cases[i].not ));
		dx_free(&x);
	}
}

/* Where 50 + 6 * 20 levels off: each third grows by three tenths of the one before. */
static void a_ceiling_beyond_the_limit(void **state)
{
	struct dx near = bending(20, 5), far = bending(20, 5);

	(void)state;
	used(&near, 91.6, 185, 225 * MIB);
	used(&far, 91.6, 185, 260 * MIB);
	assert_int_equal(dx_find(&near, "cache-growth")->level, MP_DX_WARN);
	assert_int_equal(dx_find(&far, "cache-growth")->level, MP_DX_INFO);
	assert_non_null(strstr(dx_find(&far, "cache-growth")->summary, "levels off"));
	dx_free(&near);
	dx_free(&far);
}

/* ... and of one that slows down by a half: 200 + 30 */
static void no_bound_below_the_limit(void **state)
{
	struct dx near = bending(20, 10), far = bending(20, 10);

	(void)state;
	used(&near, 91.6, 200, 280 * MIB);
	used(&far, 91.6, 200, 400 * MIB);
	assert_int_equal(dx_find(&near, "cache-growth")->level, MP_DX_WARN);
	assert_int_equal(dx_find(&far, "cache-growth")->level, MP_DX_INFO);
	assert_non_null(strstr(dx_find(&far, "cache-growth")->summary, "slows down"));
	dx_free(&near);
	dx_free(&far);
}

/* Work that goes on at half the speed is no growth that flattens. */
static void slower_is_not_flatter(void **state)
{
	struct dx x = dx_new(NULL);
	double t = 1;

	(void)state;
	dx_rss(&x, 0.1, 100 * MIB, 4 * MIB, 0);
	for (unsigned i = 0; i < 12; i++, t += i < 8 ? 5 : 40)
		gc(&x, t, MP_GC_MAJOR, 70 + 20 * i, 50 + 20 * i);
	dx_rss(&x, t, 300 * MIB, 4 * MIB, 0);
	assert_true(there(&x, "heap-leak"));
	dx_free(&x);
}

/* ... and a program that has stopped does not leak now. */
static void what_stands_still_has_filled(void **state)
{
	struct dx x = dx_new(NULL);

	(void)state;
	dx_rss(&x, 0.1, 100 * MIB, 4 * MIB, 0);
	for (unsigned i = 0; i < 12; i++)
		gc(&x, 1 + i, MP_GC_MAJOR, 70 + 20 * i, 50 + 20 * i);
	dx_rss(&x, 60, 300 * MIB, 4 * MIB, 0);
	assert_false(there(&x, "heap-leak"));
	assert_int_equal(dx_find(&x, "cache-growth")->level, MP_DX_INFO);
	dx_free(&x);
}

/* A live set of 50 MiB that rises by 200 and falls to what `falls` says. */
static struct dx wave(const double *falls, size_t n)
{
	struct dx x = dx_new(NULL);
	double t = 1;

	dx_rss(&x, 0.1, 300 * MIB, 4 * MIB, 0);
	for (unsigned i = 0; i < 5; i++, t += 2)
		gc(&x, t, MP_GC_MAJOR, 60 + 50 * i, 50 + 50 * i);
	for (size_t i = 0; i < n; i++, t += 2)
		gc(&x, t, MP_GC_MAJOR, falls[i] + 10, falls[i]);
	dx_rss(&x, t, 300 * MIB, 4 * MIB, 0);
	return x;
}

static void queues(void **state)
{
	static const double bit_by_bit[] = { 230, 200, 148 }, too_little[] = { 230, 200, 152 },
			    at_once[] = { 50, 50, 50 }, in_two[] = { 150, 50, 50 };
	struct dx yes = wave(bit_by_bit, 3), no = wave(too_little, 3), once = wave(at_once, 3),
		  two = wave(in_two, 3);
	const struct mp_finding *f = dx_find(&yes, "queue-backlog");

	(void)state;
	assert_non_null(f);
	assert_int_equal(f->bytes, 200 * MIB);
	assert_false(there(&yes, "heap-leak"));
	assert_false(there(&yes, "cache-growth"));
	assert_false(there(&no, "queue-backlog"));
	assert_false(there(&once, "queue-backlog"));
	assert_false(there(&two, "queue-backlog"));
	dx_free(&yes);
	dx_free(&no);
	dx_free(&once);
	dx_free(&two);
}

/* A leaking heap of V8 with so many MiB of pages of 256 KiB and of large objects. */
static struct dx v8_maps(unsigned small, unsigned large)
{
	struct dx x = growing(9, 16 * MIB);
	struct mp_event e = ev_heap(MM, dx_s(91), MP_SRC_V8, 192 * MIB, 200 * MIB);

	dx_fold(&x, e);
	for (unsigned i = 0; i < small * 4 + large / 4; i++) {
		uint64_t len = i < small * 4 ? MIB / 4 : 4 * MIB, at = HEAP_AT + i * 16 * MIB;

		dx_fold(&x, ev_mmap(MM, dx_s(92), at, len, RW, PRIV));
		e = ev_range(MM, dx_s(92), MP_HEAP_RESERVE, at, len);
		e.range.source = MP_SRC_V8;
		dx_fold(&x, e);
		dx_fold(&x, ev_fault(MM, dx_s(92), at, (uint32_t)(len / PG), MP_FAULT_WRITE));
	}
	dx_rss(&x, 93, 400 * MIB, 4 * MIB, 0);
	return x;
}

static void slices(void **state)
{
	struct dx large = v8_maps(56, 144), small = v8_maps(64, 136);

	(void)state;
	assert_non_null(dx_find(&large, "pinned-slice"));
	assert_int_equal(dx_find(&large, "pinned-slice")->level, MP_DX_BAD);
	assert_false(there(&large, "heap-leak"));
	assert_false(there(&small, "pinned-slice"));
	assert_true(there(&small, "heap-leak"));
	dx_free(&large);
	dx_free(&small);
}

/* A leaking heap of libmpgc of 192 MiB, that much of it in its large space. */
static struct dx large_space(uint64_t large)
{
	struct dx x = growing(9, 16 * MIB);
	struct mp_event e = ev(MP_EV_SPACE, MP_SRC_GC, MM, dx_s(92));

	fx_str(&x.f, 9, "large");
	used(&x, 92, 192, MP_UNKNOWN);
	e.space.name = 9;
	e.space.used = e.space.committed = large;
	e.space.resident = MP_UNKNOWN;
	dx_fold(&x, e);
	dx_rss(&x, 93, 400 * MIB, 4 * MIB, 0);
	return x;
}

static void slices_of_a_large_space(void **state)
{
	struct dx large = large_space(136 * MIB), small = large_space(132 * MIB);

	(void)state;
	assert_true(there(&large, "pinned-slice"));
	assert_false(there(&small, "pinned-slice"));
	assert_true(there(&small, "heap-leak"));
	dx_free(&large);
	dx_free(&small);
}

static void limits(void **state)
{
	static const struct {
		double live;
		uint64_t limit;
		bool near;
	} cases[] = { { 171, 200, true }, { 169, 200, false }, { 60, 64, false } };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct dx x = dx_new(NULL);

		dx_rss(&x, 0.1, 200 * MIB, 4 * MIB, 0);
		gc(&x, 1, MP_GC_MAJOR, cases[i].live + 5, cases[i].live);
		used(&x, 2, cases[i].live, cases[i].limit * MIB);
		assert_int_equal(there(&x, "heap-limit-near"), cases[i].near);
		dx_free(&x);
	}
}

/* n collections in ten seconds. */
static struct dx often_of(unsigned source, unsigned n, unsigned kind, uint64_t pause)
{
	struct dx x = dx_new(NULL);

	dx_rss(&x, 0.1, 200 * MIB, 4 * MIB, 0);
	for (unsigned i = 0; i < n; i++) {
		struct mp_event e = ev_gc(MM, dx_s(0.2 + 10.0 * i / n), kind, 40 * MIB, 30 * MIB);

		e.gc.pause = pause;
		e.gc.source = source;
		dx_fold(&x, e);
	}
	dx_rss(&x, 10.2, 200 * MIB, 4 * MIB, 0);
	return x;
}

static struct dx often(unsigned n, unsigned kind, uint64_t pause)
{
	return often_of(MP_SRC_GC, n, kind, pause);
}

/* Generation 0 of CPython is looked at by count: no news, unless it takes the time. */
static void the_youngest_of_python_are_no_news(void **state)
{
	struct dx minor = often_of(MP_SRC_PYTHON, 210, MP_GC_MINOR, MS);
	struct dx major = often_of(MP_SRC_PYTHON, 11, MP_GC_MAJOR, MS);
	struct dx slow = often_of(MP_SRC_PYTHON, 210, MP_GC_MINOR, 20 * MS);

	(void)state;
	assert_false(there(&minor, "gc-frequent"));
	assert_true(there(&major, "gc-frequent"));
	assert_true(there(&slow, "gc-frequent"));
	dx_free(&minor);
	dx_free(&major);
	dx_free(&slow);
}

static void frequent(void **state)
{
	static const struct {
		unsigned n, kind;
		uint64_t pause;
		bool found;
	} cases[] = {
		{ 210, MP_GC_MINOR, MS, true },	    { 190, MP_GC_MINOR, MS, false },
		{ 11, MP_GC_MAJOR, MS, true },	    { 9, MP_GC_MAJOR, MS, false },
		{ 9, MP_GC_MAJOR, 500 * MS, true }, { 9, MP_GC_MAJOR, 400 * MS, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dx x = often(cases[i].n, cases[i].kind, cases[i].pause);

		assert_int_equal(there(&x, "gc-frequent"), cases[i].found);
		if (cases[i].found)
			assert_int_equal(dx_find(&x, "gc-frequent")->level, MP_DX_INFO);
		dx_free(&x);
	}
}

/* Heap in use that grows by so many MiB in twenty looks, and falls once in so many. */
static struct dx looks(double growth, unsigned dip)
{
	struct dx x = dx_new(NULL);

	dx_rss(&x, 0.1, 200 * MIB, 4 * MIB, 0);
	for (unsigned i = 0; i <= 20; i++)
		used(&x, 1 + i, 50 + growth * i / 20 - (dip && i % dip == dip - 1 ? 20 : 0),
		     MP_UNKNOWN);
	return x;
}

static void seeds(void **state)
{
	struct dx above = looks(101, 0), below = looks(99, 0), saw = looks(99, 3);

	(void)state;
	assert_true(there(&above, "growth-over-baseline"));
	assert_false(there(&above, "rising"));
	assert_false(there(&below, "growth-over-baseline"));
	assert_true(there(&below, "rising"));
	assert_false(there(&saw, "rising"));
	assert_int_equal(dx_find(&below, "rising")->level, MP_DX_INFO);
	dx_free(&above);
	dx_free(&below);
	dx_free(&saw);
}

/* Sizes that cannot be, and one collection alone, break nothing. */
static void nonsense(void **state)
{
	struct dx x = dx_new(NULL);

	(void)state;
	dx_rss(&x, 0.1, 100 * MIB, 4 * MIB, 0);
	dx_gc(&x, 1, MP_GC_MINOR, MP_UNKNOWN, 5 * MIB);
	dx_gc(&x, 2, MP_GC_MAJOR, 0, 0);
	assert_int_equal(dx_make(&x)->n, 0);
	dx_gc(&x, 2, MP_GC_MAJOR, MP_UNKNOWN, UINT64_MAX / 2);
	dx_gc(&x, 2, MP_GC_MAJOR, 1, UINT64_MAX / 2);
	dx_gc(&x, 3, MP_GC_MINOR, UINT64_MAX / 2, 0);
	dx_gc(&x, 9, MP_GC_COMPACT, 0, UINT64_MAX / 4);
	dx_rss(&x, 20, 100 * MIB, 4 * MIB, 0);
	dx_make(&x);
	for (size_t i = 0; i < x.fs.n; i++)
		assert_true(x.fs.v[i].confidence >= 0 && x.fs.v[i].confidence <= 1);
	dx_free(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leak),
		cmocka_unit_test(ended),
		cmocka_unit_test(another_program),
		cmocka_unit_test(leak_of_too_few_majors_is_withheld),
		cmocka_unit_test(withheld_once),
		cmocka_unit_test(small_growth_is_none),
		cmocka_unit_test(young_leak),
		cmocka_unit_test(leak_of_a_large_heap_is_no_start),
		cmocka_unit_test(more_collections),
		cmocka_unit_test(many_collections_of_a_start),
		cmocka_unit_test(what_dies_old_is_no_young_leak),
		cmocka_unit_test(bends),
		cmocka_unit_test(a_ceiling_beyond_the_limit),
		cmocka_unit_test(no_bound_below_the_limit),
		cmocka_unit_test(slower_is_not_flatter),
		cmocka_unit_test(what_stands_still_has_filled),
		cmocka_unit_test(queues),
		cmocka_unit_test(slices),
		cmocka_unit_test(slices_of_a_large_space),
		cmocka_unit_test(limits),
		cmocka_unit_test(frequent),
		cmocka_unit_test(the_youngest_of_python_are_no_news),
		cmocka_unit_test(seeds),
		cmocka_unit_test(nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
