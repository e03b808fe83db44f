/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* test_view_json.c - the JSON writer alone. */
#include "tests/unit/test_view.h"

#include <errno.h>
#include <locale.h>

#include "user/view/json.h"

static char *text;
static size_t size;

static struct mp_json begin(void)
{
	struct mp_json j;

	free(text);
	text = NULL;
	mp_json_init(&j, open_memstream(&text, &size));
	return j;
}

static void end_is(struct mp_json *j, const char *want)
{
	assert_int_equal(mp_json_finish(j), 0);
	fclose(j->f);
	assert_json(text);
	assert_string_equal(text, want);
}

static void json_strings_are_escaped(void **state)
{
	struct mp_json j = begin();

	(void)state;
	mp_json_str(&j, NULL, "a\"b\\c\n\t\b\f\r\x01\x1b[31m\x7f/");
	end_is(&j, "\"a\\\"b\\\\c\\n\\t\\b\\f\\r\\u0001\\u001b[31m\\u007f/\"\n");
}

static void json_broken_utf8_is_replaced(void **state)
{
	static const struct {
		const char *in, *out;
	} c[] = {
		{ "\xc3\xa9\xed\x95\x9c\xf0\x9f\x98\x80", "\xc3\xa9\xed\x95\x9c\xf0\x9f\x98\x80" },
		{ "\xff", "\xef\xbf\xbd" },
		{ "a\xc3", "a\xef\xbf\xbd" },
		{ "\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd" },		      /* overlong */
		{ "\xed\xa0\x80z", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz" }, /* surrogate */
		{ "\xf5\x80\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xc2\x9b"
		  "31m",
		  "\\u009b31m" }, /* CSI as one C1 character */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		struct mp_json j = begin();
		char want[64];

		mp_json_str(&j, NULL, c[i].in);
		snprintf(want, sizeof(want), "\"%s\"\n", c[i].out);
		end_is(&j, want);
	}
}

static void json_numbers(void **state)
{
	struct mp_json j = begin();

	(void)state;
	mp_json_arr(&j, NULL);
	mp_json_u64(&j, NULL, 0);
	mp_json_u64(&j, NULL, MP_UNKNOWN - 1);
	mp_json_u64(&j, NULL, MP_UNKNOWN);
	mp_json_i64(&j, NULL, -1);
	mp_json_i64(&j, NULL, INT64_MIN);
	mp_json_dec(&j, NULL, -1250, 3);
	mp_json_dec(&j, NULL, INT64_MIN, 0);
	mp_json_dec(&j, NULL, -5, 1);
	mp_json_ns(&j, NULL, 0);
	mp_json_ns(&j, NULL, 1);
	mp_json_ns(&j, NULL, 42100000000);
	mp_json_ns(&j, NULL, MP_UNKNOWN);
	mp_json_hex(&j, NULL, 0xfedcba9876543210);
	mp_json_bool(&j, NULL, true);
	mp_json_null(&j, NULL);
	end_is(&j, "[0, 18446744073709551614, null, -1, -9223372036854775808, -1.25, "
		   "-9223372036854775808, -0.5, 0, 0.000000001, 42.1, null, "
		   "\"0xfedcba9876543210\", true, null]\n");
}

static void json_nesting(void **state)
{
	struct mp_json j = begin();

	(void)state;
	mp_json_obj(&j, NULL);
	mp_json_str(&j, "k\"", NULL);
	mp_json_obj(&j, "empty");
	mp_json_end(&j);
	mp_json_rows(&j, "rows", false);
	mp_json_obj(&j, NULL);
	mp_json_u64(&j, "a", 1);
	mp_json_u64(&j, "b", 2);
	mp_json_end(&j);
	mp_json_arr(&j, NULL);
	mp_json_end(&j);
	mp_json_end(&j);
	mp_json_rows(&j, "none", true);
	/* finish closes what is open */
	end_is(&j,
	       "{\n  \"k\\\"\": null,\n  \"empty\": {},\n  \"rows\": [\n    {\"a\": 1, \"b\": 2},"
	       "\n    []\n  ],\n  \"none\": {}\n}\n");
}

static void json_has_no_locale(void **state)
{
	struct mp_json j = begin();

	(void)state;
	setlocale(LC_ALL, "de_DE.UTF-8"); /* where it is not installed, nothing is shown */
	mp_json_ns(&j, NULL, 1500000000);
	end_is(&j, "1.5\n");
	setlocale(LC_ALL, "C");
}

static void json_write_errors_are_told(void **state)
{
	struct mp_json j;
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(full);
	mp_json_init(&j, full);
	mp_json_str(&j, NULL, "x");
	assert_int_equal(mp_json_finish(&j), -ENOSPC);
	fclose(full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_strings_are_escaped),
		cmocka_unit_test(json_broken_utf8_is_replaced),
		cmocka_unit_test(json_numbers),
		cmocka_unit_test(json_nesting),
		cmocka_unit_test(json_has_no_locale),
		cmocka_unit_test(json_write_errors_are_told),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	free(text);
	return rc;
}
