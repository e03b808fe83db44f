/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The rules of rules_gc.c at their thresholds, both sides.
 */
#include "tests/unit/dx.h"

/* A process with a heap of that source, of which so much is resident, from second 0 on. */
static struct dx heap_of(unsigned src, uint64_t resident)
{
	struct dx x = dx_new(NULL);
	struct mp_event range = ev_range(MM, dx_s(0), MP_HEAP_RESERVE, HEAP_AT, HEAP_LEN);

	range.range.source = src;
	dx_fold(&x, range);
	dx_fold(&x, ev(MP_EV_MAP, MP_MAP_BEGIN, MM, dx_s(0)));
	dx_fold(&x, ev_line(MM, dx_s(0), HEAP_AT, HEAP_AT + GIB, BITS_RW, 0));
	dx_fold(&x, ev_line(MM, dx_s(0), ANON_AT, ANON_AT + GIB, BITS_RW, 0));
	dx_fold(&x, ev(MP_EV_MAP, MP_MAP_END, MM, dx_s(0)));
	dx_fold(&x, ev_fault(MM, dx_s(0), HEAP_AT, (uint32_t)(resident / PG), MP_FAULT_WRITE));
	dx_rss(&x, 0, resident, 0, 0);
	return x;
}

static void figures(struct dx *x, double s, unsigned src, uint64_t used, uint64_t committed,
		    uint64_t limit)
{
	struct mp_event e = ev_heap(MM, dx_s(s), src, used, committed);

	e.heap.limit = limit;
	dx_fold(x, e);
}

static void collect(struct dx *x, double s, unsigned src, unsigned kind, uint64_t before,
		    uint64_t after, uint64_t committed)
{
	struct mp_event e = ev_gc(MM, dx_s(s), kind, before, after);

	e.gc.source = (uint16_t)src;
	e.gc.cbefore = e.gc.cafter = committed;
	dx_fold(x, e);
}

/* Time passes: the series has a sample of each of these seconds. */
static void pass(struct dx *x, double from, double to)
{
	for (double s = from; s < to; s += 0.5)
		dx_fold(x, ev(MP_EV_TICK, 0, 0, dx_s(s)));
	dx_fold(x, ev(MP_EV_TICK, 0, 0, dx_s(to)));
}

/* 320 MiB of heap of which a collection at second 5 leaves `after`; up to `end`. */
static struct dx dropped(unsigned src, uint64_t after, double end)
{
	struct dx x = heap_of(src, 320 * MIB);

	figures(&x, 0.1, src, 300 * MIB, 320 * MIB, MP_UNKNOWN);
	pass(&x, 0.5, 4.5);
	collect(&x, 5, src, MP_GC_COMPACT, 300 * MIB, after, 320 * MIB);
	pass(&x, 5.5, end);
	return x;
}

/* --- heap-retained --------------------------------------------------------------------- */

static void retained(void **state)
{
	struct dx x = dropped(MP_SRC_JVM, 10 * MIB, 15.5);
	const struct mp_finding *f = dx_find(&x, "heap-retained");

	(void)state;
	assert_non_null(f);
	assert_int_equal(f->bytes, 310 * MIB);
	assert_int_equal(f->level, MP_DX_WARN);
	assert_non_null(strstr(f->summary, "the collector keeps it"));
	assert_non_null(strstr(f->advice[0], "give memory back when idle"));
	assert_null(dx_find(&x, "heap-fills"));
	dx_free(&x);
}

static void retained_needs_the_settle_time(void **state)
{
	struct dx x = dropped(MP_SRC_JVM, 10 * MIB, 14.5);

	(void)state;
	assert_null(dx_find(&x, "heap-retained"));
	assert_non_null(strstr(dx_withheld(&x, "heap-retained"), "10.0 s are needed"));
	dx_free(&x);
	x = dropped(MP_SRC_GO, 10 * MIB, 34.5); /* Go takes longer */
	assert_null(dx_find(&x, "heap-retained"));
	pass(&x, 35, 36);
	assert_non_null(dx_find(&x, "heap-retained"));
	dx_free(&x);
}

static void retained_is_half_of_the_heap_and_much(void **state)
{
	struct dx x = dropped(MP_SRC_JVM, 170 * MIB, 20); /* 150 of 320 */

	(void)state;
	assert_null(dx_find(&x, "heap-retained"));
	dx_free(&x);
	x = dropped(MP_SRC_JVM, 150 * MIB, 20);
	assert_non_null(dx_find(&x, "heap-retained"));
	dx_free(&x);
	x = heap_of(MP_SRC_JVM, 70 * MIB);
	collect(&x, 1, MP_SRC_JVM, MP_GC_COMPACT, 60 * MIB, 10 * MIB, 70 * MIB);
	pass(&x, 2, 20);
	assert_null(dx_find(&x, "heap-retained"));
	assert_null(dx_withheld(&x, "heap-retained"));
	dx_free(&x);
}

static void given_back(struct dx *x, double s, uint64_t bytes)
{
	dx_fold(x, ev_madvise(MM, dx_s(s), HEAP_AT, bytes, MADV_DONTNEED));
	dx_rss(x, s, 320 * MIB - bytes, 0, 0);
}

static void what_is_being_given_back_is_not_retained(void **state)
{
	struct dx x = dropped(MP_SRC_JVM, 10 * MIB, 20);

	(void)state;
	given_back(&x, 21, 20 * MIB);
	pass(&x, 21.5, 22);
	assert_non_null(dx_find(&x, "heap-retained"));
	dx_free(&x);
	x = dropped(MP_SRC_JVM, 10 * MIB, 20);
	given_back(&x, 21, 40 * MIB);
	pass(&x, 21.5, 22);
	assert_null(dx_find(&x, "heap-retained"));
	dx_free(&x);
}

/* A sawtooth of collections `beat` apart, and then rest. */
static struct dx sawtooth(double beat, double rest)
{
	struct dx x = heap_of(MP_SRC_JVM, 320 * MIB);
	double s = 0;

	for (int i = 0; i < 6; i++) {
		s += beat;
		pass(&x, s - beat + 0.5, s - 0.5);
		collect(&x, s, MP_SRC_JVM, i ? MP_GC_MINOR : MP_GC_COMPACT, 300 * MIB, 10 * MIB,
			320 * MIB);
	}
	pass(&x, s + 0.5, s + rest);
	return x;
}

static void a_heap_that_is_used_now_and_then_is_not_idle(void **state)
{
	struct dx x = sawtooth(5, 14);

	(void)state;
	assert_null(dx_find(&x, "heap-retained"));
	assert_null(dx_withheld(&x, "heap-retained"));
	dx_free(&x);
	x = sawtooth(5, 15.5);
	assert_non_null(dx_find(&x, "heap-retained"));
	dx_free(&x);
}

static void lazy_pages_are_not_retained(void **state)
{
	struct dx x = dropped(MP_SRC_GO, 10 * MIB, 10);

	(void)state;
	dx_fold(&x, ev_madvise(MM, dx_s(11), HEAP_AT, 300 * MIB, MADV_FREE));
	pass(&x, 12, 60);
	assert_null(dx_find(&x, "heap-retained"));
	assert_non_null(dx_find(&x, "lazyfree"));
	dx_free(&x);
}

/* A collection early on, 250 MiB taken since then, nothing after second 5. */
static struct dx uncollected(double end)
{
	struct dx x = heap_of(MP_SRC_V8, 320 * MIB);

	collect(&x, 1, MP_SRC_V8, MP_GC_MAJOR, 30 * MIB, 20 * MIB, 320 * MIB);
	pass(&x, 1.5, 4);
	collect(&x, 5, MP_SRC_V8, MP_GC_MINOR, 300 * MIB, 300 * MIB, 320 * MIB);
	pass(&x, 5.5, end);
	return x;
}

static void what_nobody_collected_is_no_verdict(void **state)
{
	struct dx x = uncollected(31.5);
	const struct mp_finding *f = dx_find(&x, "heap-retained");

	(void)state;
	assert_non_null(f);
	assert_int_equal(f->level, MP_DX_INFO);
	assert_non_null(strstr(f->summary, "no collection happened"));
	dx_free(&x);
	x = uncollected(30.5); /* 29.5 s since the last one */
	assert_null(dx_find(&x, "heap-retained"));
	dx_free(&x);
}

/* Kept and not collected are much together; what is known to be kept is not. */
static void little_is_kept(void **state)
{
	struct dx x = heap_of(MP_SRC_V8, 100 * MIB);
	const struct mp_finding *f;

	(void)state;
	collect(&x, 1, MP_SRC_V8, MP_GC_MAJOR, 30 * MIB, 20 * MIB, 100 * MIB);
	pass(&x, 1.5, 4);
	collect(&x, 5, MP_SRC_V8, MP_GC_MINOR, 55 * MIB, 55 * MIB, 100 * MIB);
	pass(&x, 5.5, 32);
	f = dx_find(&x, "heap-retained");
	assert_non_null(f);
	assert_int_equal(f->level, MP_DX_INFO);
	assert_non_null(strstr(f->summary, "the collector keeps it"));
	dx_free(&x);
}

static void space(struct dx *x, double s, uint32_t id, const char *name, uint64_t committed)
{
	struct mp_event e = ev(MP_EV_SPACE, MP_SRC_JVM, MM, dx_s(s));

	dx_fold(x, ev_str(dx_s(s), id, name, strlen(name), 0));
	e.space.name = id;
	e.space.used = 0;
	e.space.committed = committed;
	dx_fold(x, e);
}

/* G1's eden may be full again behind a major collection, too; other collectors tell. */
static void eden_of_g1(void **state)
{
	struct dx g1 = dropped(MP_SRC_JVM, 10 * MIB, 15),
		  serial = dropped(MP_SRC_JVM, 10 * MIB, 15);

	(void)state;
	space(&g1, 15.5, 7, "eden", 270 * MIB);
	space(&serial, 15.5, 7, "eden", 270 * MIB);
	space(&serial, 15.5, 8, "s0", 10 * MIB);
	assert_null(dx_find(&g1, "heap-retained"));
	assert_non_null(dx_find(&serial, "heap-retained"));
	assert_int_equal(dx_find(&serial, "heap-retained")->bytes, 310 * MIB);
	dx_free(&g1);
	dx_free(&serial);
}

/* Used little, and all of it resident; `limit` is what it may become. */
static struct dx resident_from_the_start(uint64_t limit, uint64_t used)
{
	struct dx x = heap_of(MP_SRC_JVM, 320 * MIB);

	figures(&x, 0.1, MP_SRC_JVM, used, 320 * MIB, limit);
	pass(&x, 0.5, 20);
	return x;
}

static void a_heap_of_chosen_size_is_pretouched(void **state)
{
	struct dx x = resident_from_the_start(320 * MIB, 10 * MIB);
	const struct mp_finding *f = dx_find(&x, "pretouch");

	(void)state;
	assert_non_null(f);
	assert_int_equal(f->level, MP_DX_INFO);
	assert_int_equal(f->bytes, 310 * MIB);
	assert_null(dx_find(&x, "heap-retained"));
	assert_null(dx_withheld(&x, "heap-retained"));
	dx_free(&x);
	x = resident_from_the_start(GIB, 10 * MIB);
	assert_null(dx_find(&x, "pretouch"));
	dx_free(&x);
	x = resident_from_the_start(320 * MIB, 70 * MIB); /* 250 of 320 */
	assert_null(dx_find(&x, "pretouch"));
	dx_free(&x);
}

/* What a heap uses is known of a JVM, of which what eden has free may have been taken; of V8
 * only by a collection. */
static void before_any_collection(void **state)
{
	struct dx x = resident_from_the_start(GIB, 10 * MIB);
	struct mp_event e = ev(MP_EV_SPACE, MP_SRC_JVM, MM, dx_s(20));
	const struct mp_finding *f = dx_find(&x, "heap-retained");

	(void)state;
	assert_non_null(f);
	assert_int_equal(f->bytes, 310 * MIB);
	dx_fold(&x, ev_str(dx_s(20), 7, "eden", 4, 0));
	e.space.name = 7;
	e.space.used = 10 * MIB;
	e.space.committed = 110 * MIB;
	dx_fold(&x, e);
	f = dx_find(&x, "heap-retained");
	assert_non_null(f);
	assert_int_equal(f->bytes, 210 * MIB);
	dx_free(&x);
	x = heap_of(MP_SRC_V8, 320 * MIB);
	pass(&x, 0.5, 20);
	assert_null(dx_find(&x, "heap-retained"));
	assert_non_null(strstr(dx_withheld(&x, "heap-retained"), "force one"));
	dx_free(&x);
}

/* --- heap-fragmented ---------------------------------------------------------------------- */

/* n major collections that leave `after` of 200 MiB committed, `resident` of it. */
static struct dx sparse(unsigned src, unsigned n, uint64_t after, uint64_t resident)
{
	struct dx x = heap_of(src, resident);

	for (unsigned i = 0; i < n; i++) {
		collect(&x, 1 + i, src, MP_GC_COMPACT, 190 * MIB, after, 200 * MIB);
		pass(&x, 1.2 + i, 1.8 + i);
	}
	pass(&x, 5, 6);
	return x;
}

static void fragmented(void **state)
{
	struct dx x = sparse(MP_SRC_V8, 3, 70 * MIB, 200 * MIB);
	const struct mp_finding *f = dx_find(&x, "heap-fragmented");

	(void)state;
	assert_non_null(f);
	assert_int_equal(f->bytes, 130 * MIB);
	assert_int_equal(f->level, MP_DX_WARN);
	assert_true(f->from == dx_s(1));
	dx_free(&x);
	x = heap_of(MP_SRC_V8, 200 * MIB); /* the first of them less than 5 s ago */
	for (unsigned i = 0; i < 3; i++)
		collect(&x, 1.1 + i, MP_SRC_V8, MP_GC_COMPACT, 190 * MIB, 70 * MIB, 200 * MIB);
	pass(&x, 4, 6);
	assert_null(dx_find(&x, "heap-fragmented"));
	dx_free(&x);
	x = sparse(MP_SRC_V8, 3, 71 * MIB, 200 * MIB);
	assert_null(dx_find(&x, "heap-fragmented"));
	dx_free(&x);
}

static void fragmented_needs_collections_in_a_row(void **state)
{
	struct dx x = sparse(MP_SRC_V8, 2, 20 * MIB, 200 * MIB);

	(void)state;
	assert_null(dx_find(&x, "heap-fragmented"));
	assert_non_null(strstr(dx_withheld(&x, "heap-fragmented"), "3 are needed"));
	dx_free(&x);
}

static void fragmented_pages_are_resident(void **state)
{
	struct dx x = sparse(MP_SRC_V8, 3, 20 * MIB, 159 * MIB);

	(void)state;
	assert_null(dx_find(&x, "heap-fragmented"));
	dx_free(&x);
	x = sparse(MP_SRC_V8, 3, 20 * MIB, 161 * MIB);
	assert_non_null(dx_find(&x, "heap-fragmented"));
	dx_free(&x);
}

static void a_collector_that_moves_has_nothing_pinned(void **state)
{
	struct dx x = sparse(MP_SRC_JVM, 5, 20 * MIB, 200 * MIB);

	(void)state;
	assert_null(dx_find(&x, "heap-fragmented"));
	pass(&x, 6, 20);
	assert_non_null(dx_find(&x, "heap-retained"));
	dx_free(&x);
}

static void collections_that_return_pages_pin_none(void **state)
{
	struct dx x = sparse(MP_SRC_V8, 2, 20 * MIB, 300 * MIB);

	(void)state;
	dx_fold(&x, ev_madvise(MM, dx_s(6.1), HEAP_AT, 100 * MIB, MADV_DONTNEED));
	dx_rss(&x, 6.1, 200 * MIB, 0, 0);
	collect(&x, 6.2, MP_SRC_V8, MP_GC_COMPACT, 190 * MIB, 20 * MIB, 200 * MIB);
	pass(&x, 6.5, 8);
	assert_null(dx_find(&x, "heap-fragmented"));
	dx_free(&x);
}

/* Of Go and gc/ the spaces tell what is pinned: here 100 MiB, and 80 MiB wait to be given back. */
static void spaces_tell_what_is_pinned(void **state)
{
	struct dx x = sparse(MP_SRC_GO, 3, 20 * MIB, 200 * MIB);
	struct mp_event e = ev(MP_EV_SPACE, MP_SRC_GO, MM, dx_s(6.1));
	const struct mp_finding *f;

	(void)state;
	assert_null(dx_find(&x, "heap-fragmented")); /* nothing told yet */
	dx_fold(&x, ev_str(dx_s(6.1), 7, "in use", 6, 0));
	e.space.name = 7;
	e.space.used = 20 * MIB;
	e.space.committed = 120 * MIB;
	e.space.resident = MP_UNKNOWN;
	dx_fold(&x, e);
	pass(&x, 6.5, 7);
	f = dx_find(&x, "heap-fragmented");
	assert_non_null(f);
	assert_int_equal(f->bytes, 100 * MIB);
	dx_free(&x);
}

/* --- gc-thrash ---------------------------------------------------------------------------- */

struct spin {
	unsigned src, n;
	double dt, pause;
	uint64_t before, after;
};

/* n + 1 major collections dt apart, of a heap that may have 100 MiB. */
static struct dx spin(const struct spin *k)
{
	struct dx x = heap_of(k->src, 100 * MIB);

	figures(&x, 0.5, k->src, 90 * MIB, 100 * MIB, 100 * MIB);
	for (unsigned i = 0; i <= k->n; i++) {
		struct mp_event e =
			ev_gc(MM, dx_s(1 + i * k->dt), MP_GC_MAJOR, k->before, k->after);

		e.gc.source = (uint16_t)k->src;
		e.gc.cbefore = e.gc.cafter = 100 * MIB;
		e.gc.pause = (uint64_t)(k->pause * 1e9);
		dx_fold(&x, e);
	}
	return x;
}

static bool thrashes(struct spin k)
{
	struct dx x = spin(&k);
	const struct mp_finding *f = dx_find(&x, "gc-thrash");
	bool found = f != NULL;

	if (f) {
		assert_int_equal(f->level, MP_DX_BAD);
		assert_int_equal(f->bytes, k.after);
	}
	dx_free(&x);
	return found;
}

static void thrash(void **state)
{
	const uint64_t b = 95 * MIB, a = 90 * MIB;

	(void)state;
	assert_true(thrashes((struct spin){ MP_SRC_V8, 21, 0.5, 0.01, b, a }));
	assert_false(thrashes((struct spin){ MP_SRC_V8, 19, 0.5, 0.01, b, a })); /* 9.5 s */
	assert_false(thrashes((struct spin){ MP_SRC_V8, 21, 0.5, 0.01, b, 84 * MIB }));
	assert_true(thrashes((struct spin){ MP_SRC_V8, 21, 0.5, 0.01, b, 85 * MIB }));
	assert_false(thrashes((struct spin){ MP_SRC_V8, 21, 0.5, 0.01, 101 * MIB, 86 * MIB }));
	assert_true(thrashes((struct spin){ MP_SRC_V8, 21, 0.5, 0.01, 100 * MIB, 86 * MIB }));
}

static void thrash_by_rate_or_pauses(void **state)
{
	const uint64_t b = 95 * MIB, a = 90 * MIB;

	(void)state;
	assert_false(thrashes((struct spin){ MP_SRC_JVM, 10, 2, 0.5, b, a }));
	assert_true(thrashes((struct spin){ MP_SRC_JVM, 10, 2, 0.7, b, a }));
	assert_false(thrashes((struct spin){ MP_SRC_GO, 60, 0.2, 0.001, b, a }));
	assert_true(thrashes((struct spin){ MP_SRC_GO, 220, 0.05, 0.001, b, a }));
}

/* --- off-heap ----------------------------------------------------------------------------- */

/* A heap that uses `used`, and tells `external` beside it, of which `resident` is there. */
static struct dx beside(uint64_t used, uint64_t external, uint64_t resident)
{
	struct dx x = heap_of(MP_SRC_GC, used);
	struct mp_event e = ev_heap(MM, dx_s(0.1), MP_SRC_GC, used, used);

	e.heap.external = 0;
	dx_fold(&x, e);
	pass(&x, 0.5, 1);
	dx_fold(&x, ev_fault(MM, dx_s(1), ANON_AT, (uint32_t)(resident / PG), MP_FAULT_WRITE));
	dx_rss(&x, 1, used + resident, 0, 0);
	e.ts = dx_s(1.1);
	e.heap.external = external;
	dx_fold(&x, e);
	pass(&x, 1.5, 3);
	return x;
}

static void off_heap(void **state)
{
	struct dx x = beside(100 * MIB, 90 * MIB, 95 * MIB);
	const struct mp_finding *f = dx_find(&x, "off-heap");

	(void)state;
	assert_non_null(f);
	assert_int_equal(f->bytes, 90 * MIB);
	assert_int_equal(f->level, MP_DX_WARN);
	dx_free(&x);
	x = beside(100 * MIB, 60 * MIB, 60 * MIB); /* not much */
	assert_null(dx_find(&x, "off-heap"));
	dx_free(&x);
	x = beside(200 * MIB, 100 * MIB, 100 * MIB); /* a third of both */
	assert_null(dx_find(&x, "off-heap"));
	dx_free(&x);
	x = beside(100 * MIB, 90 * MIB, 190 * MIB); /* less than half of what lies there */
	assert_null(dx_find(&x, "off-heap"));
	dx_free(&x);
}

/* The word of the runtime may be old: no more than is resident. */
static void stale_external(void **state)
{
	struct dx x = beside(10 * MIB, 300 * MIB, 20 * MIB);

	(void)state;
	assert_null(dx_find(&x, "off-heap"));
	dx_free(&x);
}

/* Of a heap that is known by its mappings alone nobody can say that it is the smaller. */
static void off_heap_of_an_untold_heap(void **state)
{
	struct dx x = heap_of(MP_SRC_GC, 300 * MIB);
	struct mp_event e = ev_heap(MM, dx_s(2), MP_SRC_GC, MP_UNKNOWN, MP_UNKNOWN);

	(void)state;
	dx_fold(&x, ev_fault(MM, dx_s(1), ANON_AT, (uint32_t)(200 * MIB / PG), MP_FAULT_WRITE));
	dx_rss(&x, 1, 500 * MIB, 0, 0);
	e.heap.external = 200 * MIB;
	dx_fold(&x, e);
	pass(&x, 2.5, 9);
	assert_null(dx_find(&x, "off-heap"));
	assert_non_null(dx_withheld(&x, "off-heap"));
	assert_non_null(strstr(dx_withheld(&x, "off-heap"), "has not told yet"));
	e.ts = dx_s(9.5);
	e.heap.used = 80 * MIB;
	dx_fold(&x, e);
	pass(&x, 10, 11);
	assert_non_null(dx_find(&x, "off-heap"));
	dx_free(&x);
}

static void off_heap_that_stands_still(void **state)
{
	struct dx x = heap_of(MP_SRC_GC, 10 * MIB);
	struct mp_event e = ev_heap(MM, dx_s(0), MP_SRC_GC, 10 * MIB, 10 * MIB);
	const struct mp_finding *f;

	(void)state;
	dx_fold(&x, ev_fault(MM, dx_s(0), ANON_AT, (uint32_t)(100 * MIB / PG), MP_FAULT_WRITE));
	dx_rss(&x, 0, 110 * MIB, 0, 0);
	e.heap.external = 100 * MIB;
	dx_fold(&x, e);
	pass(&x, 0.5, 40);
	f = dx_find(&x, "off-heap");
	assert_non_null(f);
	assert_int_equal(f->level, MP_DX_INFO);
	dx_free(&x);
}

/* --- heap-fills --------------------------------------------------------------------------- */

/* A sawtooth whose heap of `committed` comes to be resident, what is left swaying. */
static struct dx filling(uint64_t sway, uint64_t most)
{
	struct dx x = heap_of(MP_SRC_JVM, 10 * MIB);

	figures(&x, 0.1, MP_SRC_JVM, 5 * MIB, 300 * MIB, GIB);
	for (unsigned i = 1; i <= 10; i++) {
		uint64_t had = 10 * MIB + (most - 10 * MIB) / 10 * (i - 1);

		pass(&x, i - 0.8, i - 0.4);
		dx_fold(&x, ev_fault(MM, dx_s(i - 0.3), HEAP_AT + had / PG * PG,
				     (uint32_t)((most - 10 * MIB) / 10 / PG), MP_FAULT_WRITE));
		dx_rss(&x, i - 0.2, had + (most - 10 * MIB) / 10, 0, 0);
		collect(&x, i, MP_SRC_JVM, MP_GC_MINOR, 10 * MIB + had,
			10 * MIB + (i % 2 ? sway : 0), 300 * MIB);
	}
	pass(&x, 10.2, 10.8);
	return x;
}

static void fills(void **state)
{
	struct dx x = filling(30 * MIB, 200 * MIB);
	const struct mp_finding *f = dx_find(&x, "heap-fills");

	(void)state;
	assert_non_null(f);
	assert_int_equal(f->level, MP_DX_INFO);
	dx_free(&x);
	x = filling(34 * MIB, 200 * MIB); /* half of what is significant is 32 */
	assert_null(dx_find(&x, "heap-fills"));
	dx_free(&x);
	x = filling(0, 70 * MIB);
	assert_null(dx_find(&x, "heap-fills"));
	dx_free(&x);
}

/* Minor collections leave large garbage; major ones what lives, more by `step` each time. */
static struct dx large_garbage(uint64_t step)
{
	struct dx x = filling(0, 200 * MIB);

	for (unsigned i = 0; i < 10; i++) {
		uint64_t live = 16 * MIB + i * step;

		collect(&x, 11 + i, MP_SRC_JVM, MP_GC_MINOR, 150 * MIB, 150 * MIB, 300 * MIB);
		collect(&x, 11.1 + i, MP_SRC_JVM, MP_GC_MAJOR, 150 * MIB, live, 300 * MIB);
		pass(&x, 11.2 + i, 11.8 + i);
	}
	return x;
}

static void fills_by_large_garbage(void **state)
{
	struct dx flat = large_garbage(0), rising = large_garbage(5 * MIB);

	(void)state;
	assert_non_null(dx_find(&flat, "heap-fills"));
	assert_null(dx_find(&rising, "heap-fills"));
	collect(&flat, 22, MP_SRC_JVM, MP_GC_MINOR, 150 * MIB, 90 * MIB, 300 * MIB);
	collect(&flat, 23, MP_SRC_JVM, MP_GC_MINOR, 150 * MIB, 120 * MIB, 300 * MIB);
	pass(&flat, 23.2, 24);
	assert_null(dx_find(&flat, "heap-fills")); /* nothing told since that this dies */
	dx_free(&flat);
	dx_free(&rising);
}

/* Nothing was told of a heap, of RSS, or all at once: nothing is said, nothing breaks. */
static void of_nothing(void **state)
{
	struct dx x = dx_new(NULL);

	(void)state;
	assert_int_equal(dx_make(&x)->n, 0);
	dx_gc(&x, 1, MP_GC_MAJOR, MP_UNKNOWN, MP_UNKNOWN);
	assert_int_equal(dx_make(&x)->n, 0);
	figures(&x, 1, MP_SRC_GO, 0, 0, 0);
	dx_gc(&x, 1, MP_GC_MAJOR, 0, 0);
	dx_gc(&x, 1, MP_GC_MAJOR, 1ULL << 63, 1ULL << 62);
	pass(&x, 1, 50);
	assert_int_equal(dx_make(&x)->n, 0);
	dx_free(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(retained),
		cmocka_unit_test(retained_needs_the_settle_time),
		cmocka_unit_test(retained_is_half_of_the_heap_and_much),
		cmocka_unit_test(what_is_being_given_back_is_not_retained),
		cmocka_unit_test(a_heap_that_is_used_now_and_then_is_not_idle),
		cmocka_unit_test(lazy_pages_are_not_retained),
		cmocka_unit_test(what_nobody_collected_is_no_verdict),
		cmocka_unit_test(little_is_kept),
		cmocka_unit_test(eden_of_g1),
		cmocka_unit_test(a_heap_of_chosen_size_is_pretouched),
		cmocka_unit_test(before_any_collection),
		cmocka_unit_test(fragmented),
		cmocka_unit_test(fragmented_needs_collections_in_a_row),
		cmocka_unit_test(fragmented_pages_are_resident),
		cmocka_unit_test(a_collector_that_moves_has_nothing_pinned),
		cmocka_unit_test(collections_that_return_pages_pin_none),
		cmocka_unit_test(spaces_tell_what_is_pinned),
		cmocka_unit_test(thrash),
		cmocka_unit_test(thrash_by_rate_or_pauses),
		cmocka_unit_test(off_heap),
		cmocka_unit_test(stale_external),
		cmocka_unit_test(off_heap_of_an_untold_heap),
		cmocka_unit_test(off_heap_that_stands_still),
		cmocka_unit_test(fills),
		cmocka_unit_test(fills_by_large_garbage),
		cmocka_unit_test(of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
