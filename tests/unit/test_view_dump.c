/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* test_view_dump.c - every event type as a line of text. */
#include "tests/unit/test_view.h"

#include <errno.h>

#include "user/view/dump.h"

static struct mp_model *names;

static char *dump(const struct mp_event *e, uint64_t t0, const struct mp_model *m)
{
	static char buf[8192];
	FILE *f = fmemopen(buf, sizeof(buf), "w");

	assert_int_equal(mp_dump_event(f, e, t0, m), 0);
	fclose(f);
	assert_harmless(buf);
	/* one line, whatever came in */
	assert_ptr_equal(strchr(buf, '\n'), buf + strlen(buf) - 1);
	return buf;
}

static int make_names(void **state)
{
	(void)state;
	names = model_native();
	return 0;
}

static int free_names(void **state)
{
	(void)state;
	mp_model_free(names);
	return 0;
}

static void dump_every_type_has_a_name(void **state)
{
	(void)state;
	for (unsigned t = MP_EV_FAULT; t < MP_EV_MAX; t++) {
		/* every sub, also those without meaning, and words of all ones */
		for (unsigned sub = 0; sub < 256; sub++) {
			struct mp_event e = { .ts = T0 + 1500,
					      .type = (uint16_t)t,
					      .sub = (uint8_t)sub,
					      .mm = 3,
					      .tid = 4,
					      .x = 5 };
			char *line = dump(&e, T0, names);

			assert_ptr_equal(strstr(line, "0.000001500 "), line);
			assert_non_null(strstr(line, mp_dump_type(t)));
			assert_non_null(strstr(line, " mm=3 tid=4"));
			memset(e.v, 0xff, sizeof(e.v));
			e.x = UINT32_MAX;
			dump(&e, T0, names);
			dump(&e, T0, NULL);
		}
	}
}

static void dump_unknown_type_is_raw(void **state)
{
	struct mp_event e = {
		.ts = T0, .type = 777, .sub = 9, .flags = 1, .mm = 1, .x = 2, .v = { 1, 2, 0xff }
	};

	(void)state;
	assert_null(mp_dump_type(777));
	assert_null(mp_dump_type(0));
	assert_string_equal(dump(&e, T0, NULL),
			    "0.000000000 type-777           mm=1 tid=0 sub=9 flags=0x1 x=2 "
			    "v=0x1,0x2,0xff,0x0,0x0,0x0,0x0\n");
}

static void dump_fields(void **state)
{
	struct mp_event e = { .ts = T0 + 12345678901,
			      .type = MP_EV_FAULT,
			      .sub = MP_FAULT_WRITE | MP_FAULT_KERNEL,
			      .mm = 1,
			      .tid = 7,
			      .x = 512 };

	(void)state;
	e.fault.addr = HEAP_AT;
	e.fault.span = 900;
	assert_string_equal(
		dump(&e, T0, names),
		"12.345678901 fault              mm=1 tid=7 pages=512 kind=write+kernel "
		"addr=0xc000000000 ip=0x0 span=900ns stack=0\n");

	e = (struct mp_event){ .ts = T0 - 1,
			       .type = MP_EV_CALL,
			       .sub = MP_CALL_MMAP,
			       .flags = MP_CALL_FAILED,
			       .mm = 1,
			       .x = MP_MMAP_X(3, 0x22) };
	e.call.len = 4096;
	e.call.ret = -ENOMEM;
	e.call.d_anon = -3;
	assert_string_equal(
		dump(&e, T0, names),
		"-0.000000001 call.mmap          mm=1 tid=0 prot=rw- mapflags=0x22 "
		"flags=failed ret=-12 addr=0x0 len=4096B anon=-3pg file=+0pg shmem=+0pg "
		"swap=+0pg dur=0ns\n");

	e = (struct mp_event){ .ts = T0, .type = MP_EV_RSS, .sub = MP_RSS_PROC, .mm = 1 };
	e.rss.anon = 5;
	e.rss.lazyfree = e.rss.hugetlb = MP_UNKNOWN;
	assert_non_null(strstr(dump(&e, T0, names), "rss.proc"));
	assert_non_null(strstr(dump(&e, T0, names),
			       "anon=5pg file=0pg shmem=0pg swap=0pg lazyfree=? hugetlb=?"));
}

static void dump_strings_are_cleaned(void **state)
{
	struct mp_event e = { .ts = T0,
			      .type = MP_EV_MAP,
			      .sub = MP_MAP_LINE,
			      .mm = 1,
			      .x = MP_MAP_R | MP_MAP_SHARED };

	(void)state;
	e.map.name = S_MAP;
	assert_non_null(strstr(dump(&e, T0, names), "name=\"/tmp/?[31mevil\\\"\\\\??\"\n"));
	assert_non_null(strstr(dump(&e, T0, names), "perms=r--s"));
	assert_non_null(strstr(dump(&e, T0, NULL), "name=#3\n"));

	e = (struct mp_event){ .ts = T0, .type = MP_EV_STR, .x = 12 };
	memcpy(e.str.text, EVIL, sizeof(EVIL));
	assert_non_null(strstr(dump(&e, T0, NULL), "text=\"?[31mevil\\\"\\\\?"));
	/* a length that lies does not read beyond the chunk */
	memset(e.str.text, 'a', sizeof(e.str.text));
	e.x = 4000;
	assert_non_null(strstr(dump(&e, T0, NULL), "aaaa\"\n"));
}

static void dump_write_errors_are_told(void **state)
{
	struct mp_event e = { .ts = T0, .type = MP_EV_TICK };
	FILE *full = fopen("/dev/full", "w");
	int err = 0;

	(void)state;
	assert_non_null(full);
	for (int i = 0; i < 10000 && !err; i++)
		err = mp_dump_event(full, &e, T0, NULL);
	assert_int_equal(err, -EIO);
	fclose(full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dump_every_type_has_a_name),
		cmocka_unit_test(dump_unknown_type_is_raw),
		cmocka_unit_test(dump_fields),
		cmocka_unit_test(dump_strings_are_cleaned),
		cmocka_unit_test(dump_write_errors_are_told),
	};

	return cmocka_run_group_tests(tests, make_names, free_names);
}
