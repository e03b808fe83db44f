/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_gclog_split.c - lines of Go's runtime taken out of a stream: what is left is what the
 * program wrote, byte by byte, however the stream was cut.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "user/rt/gclog_split.h"

#define GC(n)                                                                             \
	"gc " n " @0.011s 0%: 0.064+0.40+0.002 ms clock, 0.12+0.022/0.057/0.27+0.005 ms " \
	"cpu, 4->4->4 MB, 4 MB goal, 0 MB stacks, 0 MB globals, 2 P\n"

struct got {
	char rest[8192], lines[8192];
	size_t n_rest, n_lines;
};

static void on_rest(void *ctx, const char *p, size_t n)
{
	struct got *g = ctx;

	assert_true(g->n_rest + n < sizeof(g->rest));
	memcpy(g->rest + g->n_rest, p, n);
	g->n_rest += n;
}

static void on_line(void *ctx, const char *p, size_t n)
{
	struct got *g = ctx;

	assert_true(g->n_lines + n < sizeof(g->lines));
	memcpy(g->lines + g->n_lines, p, n);
	g->n_lines += n;
}

/* Fed in pieces of `step` bytes (0: at random). */
static void split(struct got *g, const char *text, size_t step, unsigned *seed)
{
	struct mp_split s = { .rest = on_rest, .line = on_line, .ctx = g };
	size_t n = strlen(text);

	memset(g, 0, sizeof(*g));
	assert_int_equal(mp_split_init(&s), 0);
	for (size_t at = 0, len; at < n; at += len) {
		len = step ? step : 1 + (size_t)rand_r(seed) % 40;
		len = len < n - at ? len : n - at;
		mp_split_feed(&s, text + at, len);
	}
	mp_split_flush(&s);
	mp_split_free(&s);
	assert_true(s.n == 0);
}

static void is(const char *text, const char *rest, const char *lines)
{
	static unsigned seed = 1;
	struct got g;

	for (size_t step = 0; step < 60; step++) {
		split(&g, text, step, &seed);
		assert_int_equal(g.n_rest, strlen(rest));
		assert_memory_equal(g.rest, rest, g.n_rest);
		assert_int_equal(g.n_lines, strlen(lines));
		assert_memory_equal(g.lines, lines, g.n_lines);
	}
}

static void test_lines_go(void **state)
{
	(void)state;
	is(GC("1"), "", GC("1"));
	is("one\n" GC("1") "two\n" GC("12") GC("13") "three", "one\ntwo\nthree",
	   GC("1") GC("12") GC("13"));
}

static void test_behind_a_line_without_end(void **state)
{
	(void)state;
	is("continue? " GC("3") "yes\n", "continue? yes\n", GC("3"));
	is("ggg" GC("3"), "ggg", GC("3"));
}

/* What a stream of writes tells: the program's in the middle of the runtime's. */
static void test_a_write_between_the_runtimes(void **state)
{
	static const char *const writes[] = {
		"a\n",	     "gc ",	     "zero\n", "1",
		" @",	     "0.011",	     "s ",     "0",
		"%: ",	     "0.064+",	     "0.40",   "two\n",
		"+0.002",    " ms clock, ",  "0.12+",  "0.022/0.057/0.27+0.005",
		" ms cpu, ", "4->4->4 MB, ", "4",      " MB goal, ",
		"2",	     "gc of mine\n", " P",     "\n",
		"b\n"
	};
	struct got g = { .n_rest = 0 };
	struct mp_split s = { .rest = on_rest, .line = on_line, .ctx = &g };

	(void)state;
	assert_int_equal(mp_split_init(&s), 0);
	for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++)
		mp_split_write(&s, writes[i], strlen(writes[i]));
	mp_split_free(&s);
	g.rest[g.n_rest] = g.lines[g.n_lines] = 0;
	assert_string_equal(g.rest, "a\nzero\ntwo\ngc of mine\nb\n");
	assert_int_equal(strncmp(g.lines, "gc 1 @", 6), 0);
	assert_string_equal(g.lines + g.n_lines - 4, "2 P\n");
}

/* What was held turns out to be the program's: nothing changes places. */
static void test_writes_keep_their_order(void **state)
{
	static const char *const writes[] = { "gc ",	   "of mine\n",	  "gc 3",
					      " things\n", "gc 4 @1.0s ", "left\n" };
	struct got g = { .n_rest = 0 };
	struct mp_split s = { .rest = on_rest, .line = on_line, .ctx = &g };

	(void)state;
	assert_int_equal(mp_split_init(&s), 0);
	for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
		mp_split_write(&s, writes[i], strlen(writes[i]));
		if (i & 1)
			mp_split_flush(&s);
	}
	mp_split_free(&s);
	g.rest[g.n_rest] = 0;
	assert_string_equal(g.rest, "gc of mine\ngc 3 things\ngc 4 @1.0s left\n");
	assert_int_equal(g.n_lines, 0);
}

static void test_what_only_looks_like_one_stays(void **state)
{
	static const char *const texts[] = {
		"gc\n",
		"gc of mine\n",
		"gc 7\n",
		"gc 7 @home\n",
		"gc 7 @0.1s is what I say\n",
		"gc @0.011s 0%:\n",
		"logging, going, gcc -o g gc ",
		"scvg: 4 MB released\n",
		"gc 1 @0.011s 0%: 0.06hello\n4+0.40+0.002 ms clock\n", /* written into the middle */
		"\n\n\r\n\x01\xff",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		is(texts[i], texts[i], "");
}

static void test_a_line_without_end_is_bounded(void **state)
{
	char text[4 * MP_SPLIT_LINE];

	(void)state;
	memset(text, '9', sizeof(text));
	memcpy(text, "gc 1 @1", 7);
	text[sizeof(text) - 1] = 0;
	is(text, text, "");
}

/* Nothing of a prompt is kept back but what could begin a line of the runtime. */
static void test_is_held_only_as_long_as_it_may_be_one(void **state)
{
	struct got g = { .n_rest = 0 };
	struct mp_split s = { .rest = on_rest, .line = on_line, .ctx = &g };

	(void)state;
	assert_int_equal(mp_split_init(&s), 0);
	mp_split_feed(&s, "name: ", 6);
	assert_int_equal(g.n_rest, 6);
	mp_split_feed(&s, "gc 4", 4);
	assert_int_equal(g.n_rest, 6);
	mp_split_flush(&s);
	assert_int_equal(g.n_rest, 10);
	mp_split_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_go),
		cmocka_unit_test(test_behind_a_line_without_end),
		cmocka_unit_test(test_a_write_between_the_runtimes),
		cmocka_unit_test(test_writes_keep_their_order),
		cmocka_unit_test(test_what_only_looks_like_one_stays),
		cmocka_unit_test(test_a_line_without_end_is_bounded),
		cmocka_unit_test(test_is_held_only_as_long_as_it_may_be_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
