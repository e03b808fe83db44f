/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_util.c - units for people, cleaning of outside strings, growing arrays.
 */
#include "tests/unit/ev.h"

#include "user/util/util.h"

static void test_bytes(void **state)
{
	static const struct {
		int64_t v;
		const char *s;
	} t[] = {
		{ 0, "0" },
		{ 1, "1 B" },
		{ 512, "512 B" },
		{ 999, "999 B" },
		{ 4096, "4.00 K" },
		{ 1024, "1.00 K" },
		{ 1536, "1.50 K" },
		{ 10 * 1024, "10.0 K" },
		{ 100 * 1024, "100 K" },
		{ 598LL << 20, "598 M" },
		{ 1LL << 20, "1.00 M" },
		{ 12LL << 20, "12.0 M" },
		{ 1567LL << 20, "1.53 G" },
		{ 1495LL << 20, "1.46 G" },
		{ 1LL << 30, "1.00 G" },
		{ 1LL << 40, "1.00 T" },
	};
	char buf[32];

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		assert_ptr_equal(mp_bytes(buf, sizeof(buf), t[i].v), buf);
		assert_string_equal(buf, t[i].s);
	}
}

/* "at most 7 characters" for every magnitude, and never two units for one size:
 * what is 1023.9 K is not printed as "1024 K". */
static void test_bytes_width(void **state)
{
	static const int64_t near[] = { 0, 1, 5, 512, 1023, 1024, 10234, 10239, 102348, 102399 };
	char buf[32];

	(void)state;
	for (int sh = 0; sh < 63; sh++) {
		for (int d = -2; d <= 2; d++) {
			int64_t v = (int64_t)(1ULL << sh) + d;

			if (v < 0)
				continue;
			mp_bytes(buf, sizeof(buf), v);
			assert_true(strlen(buf) <= 7);
			assert_null(strstr(buf, "1024"));
		}
	}
	for (size_t i = 0; i < sizeof(near) / sizeof(near[0]); i++) {
		for (int sh = 0; sh < 50; sh += 10) {
			mp_bytes(buf, sizeof(buf), near[i] << sh);
			assert_true(strlen(buf) <= 7);
		}
	}
	mp_bytes(buf, sizeof(buf), INT64_MAX);
	assert_true(strlen(buf) <= 7);
}

/* Rounding may not give a fourth digit: 9.996 K is "10.0 K", 99.96 K "100 K". */
static void test_bytes_rounding(void **state)
{
	char buf[32];

	(void)state;
	assert_string_equal(mp_bytes(buf, sizeof(buf), 10236), "10.0 K");
	assert_string_equal(mp_bytes(buf, sizeof(buf), 102360), "100 K");
}

static void test_bytes_signed(void **state)
{
	char buf[32];

	(void)state;
	assert_string_equal(mp_bytes_signed(buf, sizeof(buf), 0), "0");
	assert_string_equal(mp_bytes_signed(buf, sizeof(buf), 4096), "+4.00 K");
	assert_string_equal(mp_bytes_signed(buf, sizeof(buf), -(598LL << 20)), "-598 M");
	assert_string_equal(mp_bytes_signed(buf, sizeof(buf), 1), "+1 B");
	assert_string_equal(mp_bytes_signed(buf, sizeof(buf), -1), "-1 B");
	assert_string_equal(mp_bytes(buf, sizeof(buf), -4096), "-4.00 K");
	mp_bytes_signed(buf, sizeof(buf), INT64_MIN);
	assert_int_equal(buf[0], '-');
	mp_bytes(buf, sizeof(buf), INT64_MIN);
	assert_int_equal(buf[0], '-');
}

static void test_small_buffers(void **state)
{
	char buf[8];

	(void)state;
	for (size_t n = 1; n < 8; n++) {
		memset(buf, '#', sizeof(buf));
		mp_bytes(buf, n, 598LL << 20);
		assert_true(strlen(buf) < n);
		mp_bytes_signed(buf, n, -(598LL << 20));
		assert_true(strlen(buf) < n);
		mp_duration(buf, n, 7384 * SEC);
		assert_true(strlen(buf) < n);
		mp_clean(buf, n, "abcdefghij", 0);
		assert_int_equal(strlen(buf), n - 1);
		assert_int_equal(buf[7], '#');
		buf[7] = 0;
	}
}

static void test_duration(void **state)
{
	static const struct {
		uint64_t ns;
		const char *s;
	} t[] = {
		{ 850, "850 ns" },
		{ 1200, "1.2 us" },
		{ 34 * MS, "34 ms" },
		{ 2500 * MS, "2.5 s" },
		{ 192 * SEC, "3m12s" },
		{ 7500 * SEC, "2h05m" },
		{ 60 * SEC, "1m00s" },
		{ 3600 * SEC, "1h00m" },
		{ 1, "1 ns" },
		{ 999, "999 ns" },
		{ 120 * SEC + 5 * SEC, "2m05s" },
	};
	char buf[32];

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		assert_string_equal(mp_duration(buf, sizeof(buf), t[i].ns), t[i].s);
}

/* Rounding at the borders of units must not print a thousand of one. */
static void test_duration_borders(void **state)
{
	static const uint64_t border[] = {
		US,  10 * US,  100 * US, MS,	    10 * MS,	100 * MS,
		SEC, 10 * SEC, 60 * SEC, 600 * SEC, 3600 * SEC,
	};
	char buf[32];

	(void)state;
	for (size_t i = 0; i < sizeof(border) / sizeof(border[0]); i++) {
		for (int64_t d = -60; d <= 60; d++) {
			mp_duration(buf, sizeof(buf),
				    border[i] + (uint64_t)(d * (int64_t)(border[i] / 1000)));
			assert_null(strstr(buf, "1000"));
			assert_null(strstr(buf, "60s"));
			assert_null(strstr(buf, "60m"));
			assert_true(strlen(buf) <= 9);
		}
	}
	mp_duration(buf, sizeof(buf), 60 * SEC - 1);
	assert_string_not_equal(buf, "60 s");
	mp_duration(buf, sizeof(buf), UINT64_MAX);
	assert_true(strlen(buf) > 0);
	mp_duration(buf, sizeof(buf), 0);
	assert_true(buf[0] == '0');
}

/* --- mp_clean ------------------------------------------------------------------------- */

static void clean_is(const char *src, const char *want, int ascii)
{
	char buf[256];

	assert_ptr_equal(mp_clean(buf, sizeof(buf), src, ascii), buf);
	assert_string_equal(buf, want);
}

static void test_clean_plain(void **state)
{
	(void)state;
	clean_is("", "", 0);
	clean_is("/usr/lib/libc.so.6", "/usr/lib/libc.so.6", 0);
	clean_is("gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f", 0);
	clean_is("\xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x98\x80",
		 "\xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x98\x80", 0);
	clean_is(" ~", " ~", 1);
}

static void test_clean_control(void **state)
{
	char src[3] = "x?";

	(void)state;
	for (int i = 1; i < 32; i++) {
		src[1] = (char)i;
		clean_is(src, "x?", 0);
		clean_is(src, "x?", 1);
	}
	clean_is("a\x7f", "a?", 0);
	clean_is("\x1b[31mred\x1b[0m", "?[31mred?[0m", 0);
	clean_is("a\nb\tc\r", "a?b?c?", 0);
}

/* C1 in UTF-8 is one character, raw it is a broken byte: no byte of it gets through. */
static void test_clean_c1(void **state)
{
	char buf[64], src[8];

	(void)state;
	for (int i = 0x80; i < 0xa0; i++) {
		snprintf(src, sizeof(src), "a\xc2%cb", i);
		mp_clean(buf, sizeof(buf), src, 0);
		for (const char *p = buf; *p; p++)
			assert_true((unsigned char)*p < 0x7f);
		assert_int_equal(buf[0], 'a');
		assert_int_equal(buf[strlen(buf) - 1], 'b');
		snprintf(src, sizeof(src), "a%cb", i);
		clean_is(src, "a?b", 0);
	}
	clean_is("a\xc2\x9b"
		 "b",
		 "a?b", 0);
	clean_is("\xc2\xa0", "\xc2\xa0", 0); /* no-break space is no control */
}

/* Nothing that is not UTF-8 by the standard's table gets through. */
static void test_clean_broken(void **state)
{
	static const char *const bad[] = {
		"\xff",
		"\xfe",
		"\xc3",
		"\xe6\x97",
		"\xf0\x9f\x98",
		"\xc0\xaf",
		"\xc1\xbf",
		"\xe0\x80\xaf",
		"\xe0\x9f\xbf",
		"\xf0\x80\x80\xaf",
		"\xf0\x8f\xbf\xbf",
		"\xed\xa0\x80",
		"\xed\xbf\xbf",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xf8\x88\x80\x80\x80",
		"\xbf",
		"\xc3(",
		"\xe2\x82(",
		"\xf0\x9f\x98(",
	};
	char buf[64], src[16];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(src, sizeof(src), "<%s>", bad[i]);
		mp_clean(buf, sizeof(buf), src, 0);
		assert_int_equal(buf[0], '<');
		assert_int_equal(buf[1], '?');
		for (const char *p = buf; *p; p++)
			assert_true((unsigned char)*p < 0x7f);
		/* what follows a broken sequence is not swallowed with it */
		assert_int_equal(buf[strlen(buf) - 1], '>');
		if (strchr(bad[i], '('))
			assert_non_null(strchr(buf, '('));
	}
}

/* Characters that turn the direction of a line around lie about what is shown. */
static void test_clean_bidi(void **state)
{
	static const char *const bidi[] = {
		"\xe2\x80\xaa", "\xe2\x80\xab", "\xe2\x80\xac", "\xe2\x80\xad", "\xe2\x80\xae",
		"\xe2\x81\xa6", "\xe2\x81\xa7", "\xe2\x81\xa8", "\xe2\x81\xa9",
	};
	char src[16];

	(void)state;
	for (size_t i = 0; i < sizeof(bidi) / sizeof(bidi[0]); i++) {
		snprintf(src, sizeof(src), "a%sb", bidi[i]);
		clean_is(src, "a?b", 0);
	}
}

/* The marks do it too: U+200E, U+200F, U+061C have the property Bidi_Control. */
static void test_clean_bidi_marks(void **state)
{
	(void)state;
	clean_is("a\xe2\x80\x8e"
		 "b",
		 "a?b", 0);
	clean_is("a\xe2\x80\x8f"
		 "b",
		 "a?b", 0);
	clean_is("a\xd8\x9c"
		 "b",
		 "a?b", 0);
}

static void test_clean_cut(void **state)
{
	char buf[16];

	(void)state;
	for (size_t n = 1; n <= 8; n++) {
		mp_clean(buf, n, "\xe6\x97\xa5\xe6\x9c\xac", 0);
		assert_int_equal(strlen(buf), (n - 1) / 3 * 3);
	}
	for (size_t n = 1; n <= 6; n++) {
		mp_clean(buf, n, "a\xf0\x9f\x98\x80", 0);
		assert_int_equal(strlen(buf), n == 1 ? 0 : n < 6 ? 1 : 5);
	}
}

static void test_clean_ascii(void **state)
{
	char buf[32];

	(void)state;
	clean_is("plain", "plain", 1);
	mp_clean(buf, sizeof(buf), "a\xe6\x97\xa5z", 1);
	assert_int_equal(buf[0], 'a');
	assert_int_equal(buf[1], '?');
	assert_int_equal(buf[strlen(buf) - 1], 'z');
	for (const char *p = buf; *p; p++)
		assert_true((unsigned char)*p <= 0x7e);
}

static void test_clean_random(void **state)
{
	struct rnd r = rnd_seed("test_clean_random", 11);
	char src[64], buf[64], again[64];

	(void)state;
	for (int i = 0; i < 20000; i++) {
		size_t n = (size_t)rnd_below(&r, sizeof(src)), size = 1 + (size_t)rnd_below(&r, 64);
		int ascii = (int)rnd_below(&r, 2);

		for (size_t k = 0; k < n; k++)
			src[k] = (char)(rnd_below(&r, 2) ? 1 + rnd_below(&r, 255)
							 : 0x80 + rnd_below(&r, 0x60));
		src[n < sizeof(src) ? n : sizeof(src) - 1] = 0;
		mp_clean(buf, size, src, ascii);
		assert_true(strlen(buf) < size);
		for (const char *p = buf; *p; p++)
			assert_true((unsigned char)*p >= 0x20 && *p != 0x7f &&
				    (!ascii || (unsigned char)*p < 0x7f));
		/* clean stays clean */
		assert_string_equal(mp_clean(again, sizeof(again), buf, ascii), buf);
	}
}

static void test_grow(void **state)
{
	uint32_t *v = NULL;
	size_t cap = 0;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		assert_int_equal(mp_grow(&v, &cap, i + 1, sizeof(*v)), 0);
		assert_true(cap > i);
		v[i] = i;
	}
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(v[i], i);
	free(v);
}

/* No room: told, and what was there is untouched. A product that wraps is no room. */
static void test_grow_overflow(void **state)
{
	uint64_t *v = NULL, *old;
	size_t cap = 0;

	(void)state;
	assert_int_equal(mp_grow(&v, &cap, 4, sizeof(*v)), 0);
	old = v;
	v[0] = 42;
	assert_int_equal(mp_grow(&v, &cap, SIZE_MAX / 8 + 2, sizeof(*v)), -ENOMEM);
	assert_int_equal(mp_grow(&v, &cap, SIZE_MAX, sizeof(*v)), -ENOMEM);
	assert_ptr_equal(v, old);
	assert_int_equal(v[0], 42);
	free(v);
}

static void test_monotonic(void **state)
{
	uint64_t a = mp_monotonic_ns();

	(void)state;
	assert_true(a > 0);
	assert_true(mp_monotonic_ns() >= a);
}

static void test_parse_time(void **state)
{
	static const struct {
		const char *s;
		uint64_t ns; /* 0: refused */
	} t[] = { { "1", 1000000000 },
		  { "0.5", 500000000 },
		  { "500ms", 500000000 },
		  { "2s", 2000000000 },
		  { "3m", 180000000000 },
		  { "1h", 3600000000000 },
		  { "2000000", 2000000000000000 },
		  { "", 0 },
		  { "0", 0 },
		  { "-1s", 0 },
		  { "x", 0 },
		  { "1d", 0 },
		  { "1 s", 0 },
		  { "nan", 0 },
		  { "inf", 0 },
		  { "1e30", 0 },
		  { "9999999h", 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		uint64_t ns = 0;

		assert_int_equal(mp_parse_time(t[i].s, &ns), t[i].ns ? 0 : -EINVAL);
		assert_int_equal(ns, t[i].ns);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_bytes_width),
		cmocka_unit_test(test_bytes_rounding),
		cmocka_unit_test(test_bytes_signed),
		cmocka_unit_test(test_small_buffers),
		cmocka_unit_test(test_duration),
		cmocka_unit_test(test_duration_borders),
		cmocka_unit_test(test_clean_plain),
		cmocka_unit_test(test_clean_control),
		cmocka_unit_test(test_clean_c1),
		cmocka_unit_test(test_clean_broken),
		cmocka_unit_test(test_clean_bidi),
		cmocka_unit_test(test_clean_bidi_marks),
		cmocka_unit_test(test_clean_cut),
		cmocka_unit_test(test_clean_ascii),
		cmocka_unit_test(test_clean_random),
		cmocka_unit_test(test_grow),
		cmocka_unit_test(test_grow_overflow),
		cmocka_unit_test(test_monotonic),
		cmocka_unit_test(test_parse_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
