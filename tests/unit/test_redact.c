/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* test_redact.c - the two maps of redaction, and the filter over every type of event. */
#include "tests/unit/ev.h"

#include "user/export/redact.h"
#include "user/export/redact_addr.h"
#include "user/export/redact_names.h"

#define TIB	(1ULL << 40)
#define LOW(a)	((a) % MP_ADDR_ALIGN)
#define GO_HEAP 0xc000000000ULL

/* --- addresses ------------------------------------------------------------------------- */

static void addrs_of_a_program(void **state)
{
	static const uint64_t starts[] = { 0x555555554000, 0x5555557a1000, 0x7ffff7d00000,
					   0x7ffff7ffd000, 0x7fffe0000000, 0x7ffffffde000 };
	struct mp_addrs a = { 0 };

	(void)state;
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(mp_addrs_add(&a, starts[i], starts[i] + 0x21000), 0);
	mp_addrs_place(&a);
	for (size_t i = 0; i < 6; i++) {
		uint64_t to = mp_addrs_map(&a, starts[i]);

		assert_int_not_equal(to, starts[i]);
		assert_int_equal(LOW(to), LOW(starts[i]));
		assert_int_equal(mp_addrs_map(&a, starts[i] + 0x21000), to + 0x21000);
	}
	/* what lies together stays together */
	assert_int_equal(mp_addrs_map(&a, starts[1]) - mp_addrs_map(&a, starts[0]),
			 starts[1] - starts[0]);
	assert_int_equal(mp_addrs_map(&a, 0), 0);
	assert_int_equal(mp_addrs_map(&a, 0x1000), 0);
	mp_addrs_free(&a);
}

static void addrs_keep_order_and_zone(void **state)
{
	static const uint64_t borders[] = { 32 * GIB, GO_HEAP,	0x1c0ULL << 32, 2 * TIB,
					    8 * TIB,  64 * TIB, 128 * TIB };
	struct rnd r = { 1 };

	(void)state;
	for (unsigned round = 0; round < 50; round++) {
		uint64_t at[400], len[400], last = 0, last_to = 0;
		struct mp_addrs a = { 0 };
		size_t n = 0;

		for (uint64_t next = rnd_below(&r, TIB); n < 400 && next < 127 * TIB; n++) {
			at[n] = next & ~4095ULL;
			len[n] = rnd_below(&r, 1ULL << (12 + rnd_below(&r, 20))) & ~4095ULL;
			next = at[n] + len[n] + rnd_below(&r, 1ULL << (13 + rnd_below(&r, 28)));
		}
		/* in no order, and some of them twice */
		for (size_t i = 0; i < 2 * n; i++) {
			size_t k = i < n ? i * 7919 % n : rnd_below(&r, n);

			assert_int_equal(mp_addrs_add(&a, at[k], at[k] + len[k]), 0);
		}
		for (size_t i = 0; i < n; i++)
			assert_int_equal(mp_addrs_add(&a, at[i], at[i] + len[i]), 0);
		mp_addrs_place(&a);
		for (size_t i = 0; i < n; i++) {
			uint64_t to = mp_addrs_map(&a, at[i]),
				 end = mp_addrs_map(&a, at[i] + len[i]);

			if (!at[i])
				continue;
			assert_int_equal(LOW(to), LOW(at[i]));
			assert_int_equal(end - to, len[i]);
			/* neighbours and gaps between them: the order, and touching or not */
			assert_true(!last || to > last_to || (to == last_to && at[i] == last));
			assert_true(!last || (to == last_to) == (at[i] == last));
			for (size_t b = 0; b < 7; b++)
				assert_int_equal(to < borders[b], at[i] < borders[b]);
			if (at[i] >= GO_HEAP && at[i] + len[i] < 0x1c0ULL << 32)
				assert_int_equal(to, at[i]);
			last = at[i] + len[i];
			last_to = end;
		}
		mp_addrs_free(&a);
	}
}

static void addrs_high_stay(void **state)
{
	struct mp_addrs a = { 0 };

	(void)state;
	assert_int_equal(mp_addrs_add(&a, 0xffffffffff600000, 0xffffffffff601000), 0);
	assert_int_equal(mp_addrs_add(&a, ~0ULL - 5, ~0ULL - 5), 0);
	mp_addrs_place(&a);
	assert_int_equal(mp_addrs_map(&a, 0xffffffffff600000), 0xffffffffff600000);
	mp_addrs_free(&a);
}

/* --- names ------------------------------------------------------------------------------- */

static const struct {
	enum mp_name_role role;
	const char *text, *instead;
} names[] = {
	{ MP_NAME_PATH, "/usr/lib/x86_64-linux-gnu/libc.so.6", "libc.so.6" },
	{ MP_NAME_PATH, "/opt/acme/lib/libstdc++.so.6.0.30", "libstdc++.so.6.0.30" },
	{ MP_NAME_PATH, "/lib64/ld-linux-x86-64.so.2 (deleted)", "ld-linux-x86-64.so.2 (deleted)" },
	{ MP_NAME_PATH, "/opt/acme/libcustom.so.3", "file-1.so" },
	{ MP_NAME_PATH, "/opt/acme/libcustomer-secret.so", "file-2.so" },
	{ MP_NAME_PATH, "/opt/acme/libc-secret.so", "libc-secret.so" },
	{ MP_NAME_PATH, "[heap]", "[heap]" },
	{ MP_NAME_PATH, "[anon: Go: heap]", "[anon: Go: heap]" },
	{ MP_NAME_PATH, "/memfd:java_heap (deleted)", "/memfd:java_heap (deleted)" },
	{ MP_NAME_PATH, "/memfd:private (deleted)", "/memfd:file-3 (deleted)" },
	{ MP_NAME_PATH, "/tmp/hsperfdata_alice/4711", "/hsperfdata_user/4" },
	{ MP_NAME_PATH, "/srv/classes.jsa", "file-5.jsa" },
	{ MP_NAME_PATH, "/srv/alice/data.bin", "file-6" },
	{ MP_NAME_PATH, "/srv/alice/data.bin (deleted)", "file-6 (deleted)" },
	{ MP_NAME_EXE, "/usr/local/bin/node", "node" },
	{ MP_NAME_EXE, "/opt/acme/billing", "program-7" },
	{ MP_NAME_COMM, "python3.11", "python3.11" },
	{ MP_NAME_COMM, "GC Thread#3", "GC Thread#3" },
	{ MP_NAME_COMM, "billing-worker", "name-8" },
	{ MP_NAME_CGROUP, "/kubepods/pod1234", "cgroup-9" },
	{ MP_NAME_NOTE, "customer 17 logs in", "note-10" },
	{ MP_NAME_WORDS, "allocation failure", "allocation failure" },
	{ MP_NAME_WORDS, "operator/(int, int)", "operator/(int, int)" },
	{ MP_NAME_WORDS, "github.com/acme/billing.Run", "github.com/acme/billing.Run" },
	{ MP_NAME_WORDS, "cannot read /srv/alice/My Files/x", "cannot read file-11" },
	{ MP_NAME_WORDS, "see file:///srv/alice/x", "see file-12" },
	{ MP_NAME_WORDS, "path='/etc/x'", "path='file-13" },
	{ MP_NAME_CODE, "JS:*run app/My Files/x.js:1:2", "JS:*run file-14" },
	{ MP_NAME_CODE, "JS:*emit node:events/x:1:2", "JS:*emit node:events/x:1:2" },
	{ MP_NAME_PRIVATE, "--password=x", NULL },
	{ 0, "of no use", "text-15" },
};
#define N_NAMES (sizeof(names) / sizeof(names[0]))

static void names_table(void **state)
{
	struct mp_names ns = { 0 };

	(void)state;
	for (uint32_t i = 0; i < N_NAMES; i++) {
		size_t len = strlen(names[i].text);

		/* in pieces, as they come */
		for (size_t at = 0; at < len; at += MP_STR_CHUNK)
			assert_int_equal(
				mp_names_piece(&ns, i + 1, (uint32_t)len, (uint32_t)at,
					       names[i].text + at,
					       len - at < MP_STR_CHUNK ? len - at : MP_STR_CHUNK),
				0);
		mp_names_use(&ns, i + 1, names[i].role);
	}
	assert_int_equal(mp_names_ready(&ns), 0);
	for (uint32_t i = 0; i < N_NAMES; i++) {
		const char *got = mp_names_instead(&ns, i + 1);

		if (!names[i].instead)
			assert_null(got);
		else
			assert_string_equal(got, names[i].instead);
	}
	assert_null(mp_names_instead(&ns, 0));
	assert_null(mp_names_instead(&ns, 1000));
	mp_names_free(&ns);
}

/* A string that is private in one place and a name in another is a name. */
static void names_several_uses(void **state)
{
	struct mp_names ns = { 0 };

	(void)state;
	assert_int_equal(mp_names_piece(&ns, 1, 7, 0, "billing", 7), 0);
	mp_names_use(&ns, 1, MP_NAME_PRIVATE);
	mp_names_use(&ns, 1, MP_NAME_COMM);
	assert_int_equal(mp_names_piece(&ns, 2, 4, 5, "x", 1), -EINVAL);
	assert_int_equal(mp_names_piece(&ns, 0, 4, 0, "x", 1), -EINVAL);
	assert_int_equal(mp_names_piece(&ns, 3, UINT32_MAX, 0, "x", 1), -EINVAL);
	assert_int_equal(mp_names_piece(&ns, UINT32_MAX, 4, 0, "x", 1), -EINVAL);
	mp_names_use(&ns, MP_UNKNOWN, MP_NAME_PATH);
	assert_int_equal(mp_names_ready(&ns), 0);
	assert_string_equal(mp_names_instead(&ns, 1), "name-1");
	mp_names_free(&ns);
}

/* --- the filter --------------------------------------------------------------------------- */

#define SECRET 0x7abcde000000ULL

struct got {
	size_t n;
	struct mp_event last;
};

static int keep(void *ctx, const struct mp_event *e)
{
	struct got *g = ctx;

	g->n++;
	g->last = *e;
	/* no word of it is an address of before */
	for (size_t i = 0; i < 7; i++)
		assert_true(e->v[i] >> 24 != SECRET >> 24);
	return 0;
}

/* Words of the types that are addresses, by hand; the rest is no business of these. */
static const struct {
	unsigned type, sub;
	unsigned words; /* bits */
} with_addrs[] = {
	{ MP_EV_FAULT, 0, 1 << 0 | 1 << 1 },
	{ MP_EV_CALL, MP_CALL_MMAP, 1 << 0 | 1 << 2 },
	{ MP_EV_CALL, MP_CALL_MREMAP, 1 << 0 | 1 << 2 },
	{ MP_EV_CALL, MP_CALL_BRK, 1 << 0 | 1 << 2 | 1 << 3 },
	{ MP_EV_CALL, MP_CALL_MADVISE, 1 << 0 },
	{ MP_EV_CALL, MP_CALL_SHMAT, 1 << 0 | 1 << 2 },
	{ MP_EV_MAP, MP_MAP_LINE, 1 << 0 | 1 << 1 },
	{ MP_EV_PAGES, MP_PAGES_RESIDENT, 1 << 0 },
	{ MP_EV_HEAP_RANGE, MP_HEAP_RESERVE, 1 << 0 },
	{ MP_EV_SAMPLE, MP_SRC_GC, 1 << 0 },
	{ MP_EV_MAJOR, 0, 1 << 0 | 1 << 1 },
	{ MP_EV_STACK, 0, 0x7c },
	{ MP_EV_SITE, MP_SITE_FAULT, 1 << 1 },
	{ MP_EV_PLACE, MP_PLACE_PERFMAP, 1 << 0 | 1 << 3 },
	{ MP_EV_TOTAL, MP_TOTAL_MAP, 1 << 0 },
	{ MP_EV_TOTAL, MP_TOTAL_MAP_KINDS, 1 << 0 },
};

static void filter_replaces_addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(with_addrs) / sizeof(with_addrs[0]); i++) {
		struct mp_redact *r = mp_redact_new();
		struct mp_event e = { .ts = T0,
				      .type = (uint16_t)with_addrs[i].type,
				      .sub = (uint8_t)with_addrs[i].sub,
				      .mm = MM };
		struct got g = { 0 };

		for (unsigned w = 0; w < 7; w++)
			if (with_addrs[i].words & 1u << w)
				e.v[w] = SECRET + w * 0x1000;
		if (e.type == MP_EV_STACK)
			e.stack.id = 1;
		assert_int_equal(mp_redact_look(r, &e), 0);
		assert_int_equal(mp_redact_ready(r), 0);
		assert_int_equal(mp_redact_event(r, &e, keep, &g), 0);
		assert_int_equal(g.n, 1);
		for (unsigned w = 0; w < 7; w++) /* those within a page stay so */
			if ((with_addrs[i].words & 1u << w) && g.last.v[w])
				assert_int_equal(LOW(g.last.v[w]), LOW(e.v[w]));
		mp_redact_free(r);
	}
}

static void filter_of_records(void **state)
{
	struct mp_event e = { .ts = T0, .type = MP_EV_TOTAL, .sub = MP_TOTAL_LONE, .mm = MM };
	struct mp_redact *r = mp_redact_new();
	struct mp_event prints = { .type = MP_EV_TOTAL, .sub = MP_TOTAL_PROC, .mm = MM, .x = 60 };
	struct got g = { 0 };

	(void)state;
	e.v[0] = SECRET >> 21 << 8 | 0x83;
	prints.v[0] = MP_PRINT_JVM;
	prints.v[1] = SECRET;
	prints.v[2] = SECRET + 64 * MIB;
	assert_int_equal(mp_redact_look(r, &e), 0);
	assert_int_equal(mp_redact_look(r, &prints), 0);
	assert_int_equal(mp_redact_ready(r), 0);
	assert_int_equal(mp_redact_event(r, &e, keep, &g), 0);
	assert_int_equal(g.last.v[0] & 0xff, 0x83);
	assert_int_not_equal(g.last.v[0], e.v[0]);
	assert_int_equal(mp_redact_event(r, &prints, keep, &g), 0);
	assert_int_equal(g.last.v[0], MP_PRINT_JVM);
	assert_int_equal(g.last.v[2] - g.last.v[1], 64 * MIB);
	mp_redact_free(r);
}

static void filter_leaves_out(void **state)
{
	struct mp_event str = { .type = MP_EV_STR, .x = 6 };
	struct mp_event meta = { .type = MP_EV_META, .sub = MP_META_CMDLINE };
	struct mp_event point = { .type = MP_EV_POINT }, odd = { .type = 999 };
	struct mp_event tick = { .type = MP_EV_TICK };
	struct mp_redact *r = mp_redact_new();
	struct got g = { 0 };

	(void)state;
	str.str.id = 5;
	memcpy(str.str.text, "secret", 6);
	meta.meta.num = 5;
	meta.meta.isstr = 1;
	assert_int_equal(mp_redact_look(r, &str), 0);
	assert_int_equal(mp_redact_look(r, &meta), 0);
	assert_int_equal(mp_redact_ready(r), 0);
	assert_int_equal(mp_redact_event(r, &str, keep, &g), 0);
	assert_int_equal(mp_redact_event(r, &meta, keep, &g), 0);
	assert_int_equal(mp_redact_event(r, &point, keep, &g), 0);
	assert_int_equal(mp_redact_event(r, &odd, keep, &g), 0);
	assert_int_equal(g.n, 0);
	assert_int_equal(mp_redact_event(r, &tick, keep, &g), 0);
	assert_int_equal(g.n, 1);
	mp_redact_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addrs_of_a_program), cmocka_unit_test(addrs_keep_order_and_zone),
		cmocka_unit_test(addrs_high_stay),    cmocka_unit_test(names_table),
		cmocka_unit_test(names_several_uses), cmocka_unit_test(filter_replaces_addresses),
		cmocka_unit_test(filter_of_records),  cmocka_unit_test(filter_leaves_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
