/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Figures of Go's runtime from its words: what each field is, what is refused, which pause
 * is whose, and where code shows the variables to be. Real programs: tests/bpf/test_go.py.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/events.h"
#include "user/rt/go.h"

#define MB (1ULL << 20)

static const struct go_layout *layout(unsigned minor)
{
	const struct go_layout *l;
	bool guess;

	l = go_layout_of(minor, &guess);
	assert_non_null(l);
	assert_false(guess);
	return l;
}

static void put(uint64_t *w, uint16_t off, uint64_t v)
{
	w[off / 8] = v;
}

/* 40 MB in use, of which 30 are objects, 5 of them found dead; 8 idle, 16 released. */
static void fill(const struct go_layout *l, uint64_t w[GO_CTL_WORDS])
{
	memset(w, 0, GO_CTL_WORDS * sizeof(*w));
	put(w, l->ctl_limit, INT64_MAX);
	put(w, l->ctl_goal, 50 * MB);
	put(w, l->ctl_triggered, UINT64_MAX);
	put(w, l->ctl_live, 25 * MB);
	put(w, l->ctl_marked, 20 * MB);
	put(w, l->ctl_start, 12345);
	put(w, l->ctl_inuse, 40 * MB);
	put(w, l->ctl_released, 16 * MB);
	put(w, l->ctl_free, 8 * MB);
	put(w, l->ctl_alloc, 130 * MB);
	put(w, l->ctl_freed, 100 * MB);
	put(w, l->ctl_ready, 60 * MB);
}

static void test_versions(void **state)
{
	bool guess;

	(void)state;
	assert_int_equal(go_minor("go1.19.8"), 19);
	assert_int_equal(go_minor("go1.24.4 X:boringcrypto"), 24);
	assert_int_equal(go_minor("devel go1.27-3f4a5b6c Thu Jan 1"), 27);
	assert_int_equal(go_minor("go1.22rc1"), 22);
	assert_int_equal(go_minor("unknown"), 0);
	assert_null(go_layout_of(0, &guess));
	assert_null(go_layout_of(15, &guess));
	assert_null(go_layout_of(20, &guess));
	assert_ptr_equal(go_layout_of(99, &guess), layout(27));
	assert_true(guess);
	assert_ptr_equal(go_layout_of(25, &guess), layout(24));
	assert_true(guess);
	assert_ptr_equal(go_layout_by_counter(layout(24), 7680), layout(26));
	assert_ptr_equal(go_layout_by_counter(layout(26), 7704), layout(24));
	assert_null(go_layout_by_counter(layout(26), 7700));
}

static void test_fields(void **state)
{
	static const unsigned minors[] = { 19, 21, 24, 27 };
	uint64_t w[GO_CTL_WORDS];
	struct go_figures f;

	(void)state;
	for (size_t i = 0; i < sizeof(minors) / sizeof(minors[0]); i++) {
		fill(layout(minors[i]), w);
		assert_int_equal(go_figures(layout(minors[i]), w, GO_CTL_WORDS, &f), 0);
		assert_int_equal(f.alloc, 30 * MB);
		assert_int_equal(f.live, 25 * MB);
		assert_int_equal(f.marked, 20 * MB);
		assert_int_equal(f.inuse, 40 * MB);
		assert_int_equal(f.idle, 8 * MB);
		assert_int_equal(f.released, 16 * MB);
		assert_int_equal(f.start, 12345);
		assert_int_equal(f.goal, 50 * MB);
		assert_true(f.limit == MP_UNKNOWN);
		assert_int_equal(go_used(&f), 25 * MB);
	}
}

/* All dead objects are swept: heapLive counts free slots that threads hold. */
static void test_used_is_heap_alloc(void **state)
{
	uint64_t w[GO_CTL_WORDS];
	struct go_figures f;

	(void)state;
	fill(layout(24), w);
	put(w, layout(24)->ctl_live, 30 * MB + 8192);
	assert_int_equal(go_figures(layout(24), w, GO_CTL_WORDS, &f), 0);
	assert_int_equal(go_used(&f), 30 * MB);
}

static uint64_t goal(const struct go_layout *l, const uint64_t *w)
{
	struct go_figures f;

	assert_int_equal(go_figures(l, w, GO_CTL_WORDS, &f), 0);
	return f.goal;
}

static void test_goal(void **state)
{
	const struct go_layout *l = layout(24);
	uint64_t w[GO_CTL_WORDS];

	(void)state;
	fill(l, w);
	put(w, l->ctl_sweep, 51 * MB);
	assert_int_equal(goal(l, w), 51 * MB);
	put(w, l->ctl_triggered, 52 * MB); /* a cycle that began late has some way left */
	assert_int_equal(goal(l, w), 52 * MB + 65536);
	put(w, l->ctl_goal, UINT64_MAX); /* GOGC=off */
	assert_true(goal(l, w) == MP_UNKNOWN);
	/* 60 ready of which 38 are heap: 22 beside it; 100 - 22 = 78, less 3 % of it */
	put(w, l->ctl_limit, 100 * MB);
	assert_int_equal(goal(l, w), 78 * MB - 78 * MB / 100 * 3);
	/* more than the limit is in use already: what is live is the least */
	put(w, l->ctl_limit, 30 * MB);
	assert_int_equal(goal(l, w), 20 * MB);
	fill(layout(19), w);
	put(w, layout(19)->ctl_goal, UINT64_MAX);
	put(w, layout(19)->ctl_limit, 100 * MB);
	assert_int_equal(goal(layout(19), w), 77 * MB);
}

static void test_refused(void **state)
{
	const struct go_layout *l = layout(24);
	const struct {
		uint16_t off;
		uint64_t v;
	} bad[] = { { l->ctl_inuse, 0 },
		    { l->ctl_inuse, 40 * MB + 4096 },
		    { l->ctl_free, 100 },
		    { l->ctl_released, 1 },
		    { l->ctl_alloc, 99 * MB },
		    { l->ctl_alloc, 141 * MB },
		    { l->ctl_released, 1ULL << 60 },
		    { l->ctl_limit, 0 },
		    { l->ctl_live, UINT64_MAX },
		    { l->ctl_goal, 1ULL << 50 } };
	uint64_t w[GO_CTL_WORDS];
	struct go_figures f = { .alloc = 7 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fill(l, w);
		put(w, bad[i].off, bad[i].v);
		assert_int_equal(go_figures(l, w, GO_CTL_WORDS, &f), -EINVAL);
		assert_int_equal(f.alloc, 7);
	}
	fill(l, w);
	assert_int_equal(go_figures(l, w, GO_CTL_WORDS - 1, &f), -EINVAL);
}

static void test_system(void **state)
{
	uint64_t sys[GO_SYS_WORDS] = { 1, 20, 300, 4000, 50000, 600000 };
	/* threads add to one of three deltas and take from another */
	int64_t d[3][3] = { { 70, 5, 1 }, { -10, 0, 2 }, { 0, -1, 0 } };
	struct go_system g;

	(void)state;
	assert_int_equal(go_system(sys, (const int64_t(*)[3])d, &g), 0);
	assert_int_equal(g.stacks, 61);
	assert_int_equal(g.gc, 50007);
	assert_int_equal(g.other, 604320);
	d[0][0] = 5;
	assert_int_equal(go_system(sys, (const int64_t(*)[3])d, &g), -EINVAL);
	d[0][0] = INT64_MIN;
	assert_int_equal(go_system(sys, (const int64_t(*)[3])d, &g), -EINVAL);
}

static void test_pauses(void **state)
{
	static struct go_pauses p;
	const uint64_t t = 1700000000ULL * 1000000000;

	(void)state;
	memset(&p, 0, sizeof(p));
	assert_true(go_pause(&p, t) == MP_UNKNOWN);
	/* 300 collections, 1 ms apart: the ring has gone round */
	for (uint32_t i = 0; i < 300; i++) {
		p.end[i % GO_RING] = t + i * 1000000ULL;
		p.ns[i % GO_RING] = 1000 + i;
	}
	p.numgc = 300;
	assert_int_equal(go_pause(&p, t + 299 * 1000000ULL - 50000), 1299);
	assert_int_equal(go_pause(&p, t + 200 * 1000000ULL - 50000), 1200);
	/* clocks are read one after the other */
	assert_int_equal(go_pause(&p, t + 200 * 1000000ULL + 10000), 1200);
	/* not noted yet: not that of the one before */
	assert_true(go_pause(&p, t + 299 * 1000000ULL + 50000) == MP_UNKNOWN);
	/* long overwritten */
	assert_int_equal(go_pause(&p, t + 45 * 1000000ULL), 1045);
	p.ns[299 % GO_RING] = UINT64_MAX;
	assert_true(go_pause(&p, t + 299 * 1000000ULL - 50000) == MP_UNKNOWN);
}

/* As Go 1.24 compiles gcMark: mov x(%rip),%rbx; lea x(%rip),%rax; xchg; call. */
static const uint8_t mark[] = { 0x48, 0x8b, 0x1d, 0x29, 0xba, 0x14, 0x00, 0x48, 0x8d,
				0x05, 0x62, 0xba, 0x16, 0x00, 0x66, 0x90, 0xe8, 0x1b,
				0x5b, 0x00, 0x00, 0xe8, 0x00, 0x00, 0x00, 0x00 };

static void test_code(void **state)
{
	static const uint8_t counts[] = { 0xff, 0x05, 0x01, 0xfe, 0x16, 0x00, 0xe8, 0x97, 0x6c,
					  0x00, 0x00, 0x48, 0x8b, 0x44, 0x24, 0x28, 0x90, 0x90,
					  0x90, 0x90, 0xff, 0x05, 0xe9, 0xfd, 0x16, 0x00 };
	const uint64_t at = 0x41c3f0;

	(void)state;
	assert_int_equal(go_code_argument(mark, sizeof(mark), at, 0x421f20), 0x587e60);
	assert_int_equal(go_code_argument(mark, sizeof(mark), at, 0x421f21), 0);
	for (size_t n = 0; n < 21; n++)
		assert_int_equal(go_code_argument(mark, n, at, 0x421f20), 0);
	/* the call is there, its argument is not made by an address */
	assert_int_equal(go_code_argument(mark + 10, sizeof(mark) - 10, at + 10, 0x421f20), 0);
	assert_int_equal(go_code_counters(counts, sizeof(counts), 0x41ae75), 0x58ac78);
	assert_int_equal(go_code_counters(counts, sizeof(counts) - 1, 0x41ae75), 0);
	assert_int_equal(go_code_counters(counts, 0, 0x41ae75), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_used_is_heap_alloc),
		cmocka_unit_test(test_goal),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_system),
		cmocka_unit_test(test_pauses),
		cmocka_unit_test(test_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
