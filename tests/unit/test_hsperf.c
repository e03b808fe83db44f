/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_hsperf.c - a JVM's counters, on files that JDK 8 to 25 wrote (tests/fuzz/corpus/hsperf:
 * -Xms32m -Xmx256m, idle after System.gc()), and on damaged ones.
 */
#include "tests/unit/ev.h"

#include "user/rt/hsperf.h"

struct file {
	uint8_t *data;
	size_t size;
};

static struct file load(const char *name)
{
	struct file f = { .data = NULL };
	char path[128];
	FILE *in;

	snprintf(path, sizeof(path), "tests/fuzz/corpus/hsperf/%s", name);
	in = fopen(path, "rb");
	assert_non_null(in);
	f.data = malloc(HSPERF_MAX);
	assert_non_null(f.data);
	f.size = fread(f.data, 1, HSPERF_MAX, in);
	fclose(in);
	return f;
}

static void values(const char *name, struct hsperf_values *v, int *from)
{
	struct file f = load(name);
	struct hsperf h;

	assert_int_equal(hsperf_index(f.data, f.size, &h), 0);
	assert_int_equal(hsperf_read(f.data, f.size, &h, from, v), 0);
	free(f.data);
}

static void test_kinds(void **state)
{
	static const struct {
		const char *file, *kind;
		uint64_t used, committed;
		unsigned spaces;
	} all[] = {
		{ "serial-17", "Serial", 239728 + 17979976, 12124160 + 1507328 + 30150656, 6 },
		{ "parallel-8", "Parallel", 949728 + 16360528, 48234496 + 19398656 + 50331648, 6 },
		{ "cms-8", "CMS", 351808 + 16059696, 17825792 + 2162688 + 44236800, 6 },
		{ "g1-17", "G1", 17188384, 15728640 + 47185920, 6 },
		{ "z-17", "ZGC", 20971520, 130023424, 3 },
		{ "z-25", "ZGC", 20971520, 52428800 + 20971520, 4 },
		{ "shenandoah-17", "Shenandoah", 18087920, 33554432, 3 },
		{ "z-11", "", 20971520, 109051904, 3 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct hsperf_values v;
		int from = -1;

		values(all[i].file, &v, &from);
		assert_string_equal(hsperf_kind_name(v.kind), all[i].kind);
		assert_int_equal(v.used, all[i].used);
		assert_int_equal(v.committed, all[i].committed);
		assert_int_equal(v.limit, 256 * MIB);
		assert_int_equal(v.n_spaces, all[i].spaces);
		assert_int_equal(v.frequency, 1000000000);
		assert_string_equal(v.cause, i == 4 ? "Allocation Rate" : "System.gc()");
	}
}

static void test_spaces(void **state)
{
	struct hsperf_values v;
	int from = -1;

	(void)state;
	values("g1-17", &v, &from);
	assert_string_equal(v.space[0].name, "eden");
	assert_int_equal(v.space[0].committed, 15728640); /* the file has 8 more */
	assert_string_equal(v.space[1].name, "s0");
	assert_string_equal(v.space[3].name, "old"); /* "space" of the generation of that name */
	assert_int_equal(v.space[3].used, 17188384);
	assert_string_equal(v.space[4].name, "metaspace");
	assert_int_equal(v.space[4].used, 80216);
	assert_string_equal(v.space[5].name, "class space");
	assert_int_equal(v.eden_used, 0);
	assert_int_equal(v.eden_capacity, 15728640);
	values("z-25", &v, &from);
	assert_string_equal(v.space[0].name, "young");
	assert_int_equal(v.eden_used, MP_UNKNOWN);
}

static void test_collectors(void **state)
{
	struct hsperf_values v;
	int from = -1;

	(void)state;
	values("serial-17", &v, &from);
	assert_true(v.gc[0].present && v.gc[1].present && !v.gc[2].present);
	assert_int_equal(v.gc[0].count, 12);
	assert_int_equal(v.gc[0].time, 463364756);
	assert_int_equal(v.gc[1].count, 6);
	assert_int_equal(v.gc[1].entry, 1434323236);
	assert_int_equal(v.gc[1].exit, 1451786973);
	assert_false(v.gc[1].running);
	values("z-11", &v, &from);
	assert_false(v.gc[0].present || v.gc[1].present || v.gc[2].present);
}

/* Sets a counter by its name. */
static void set(struct file *f, const char *name, uint64_t to)
{
	const uint8_t *at = memmem(f->data, f->size, name, strlen(name) + 1);
	uint32_t first, n, len, name_at, value_at;
	uint64_t e;

	assert_non_null(at);
	memcpy(&first, f->data + 24, 4);
	memcpy(&n, f->data + 28, 4);
	for (e = first; n--; e += len) {
		memcpy(&len, f->data + e, 4);
		memcpy(&name_at, f->data + e + 4, 4);
		memcpy(&value_at, f->data + e + 16, 4);
		if (!strcmp((const char *)f->data + e + name_at, name))
			memcpy(f->data + e + value_at, &to, 8);
	}
}

static void again(struct file *f, int *from, struct hsperf_values *v)
{
	struct hsperf h;

	assert_int_equal(hsperf_index(f->data, f->size, &h), 0);
	assert_int_equal(hsperf_read(f->data, f->size, &h, from, v), 0);
}

/* Counted when it begins: one that runs has not ended. */
static void test_running(void **state)
{
	struct file f = load("serial-17");
	struct hsperf_values v;
	int from = -1;

	(void)state;
	set(&f, "sun.gc.collector.0.invocations", 13);
	set(&f, "sun.gc.collector.0.lastEntryTime", 1361490166);
	set(&f, "sun.gc.cause", 0x656e6f); /* "one" */
	again(&f, &from, &v);
	assert_true(v.gc[0].running);
	assert_int_equal(v.gc[0].count, 12);
	assert_string_equal(v.cause, "one"); /* not the last one's */
	free(f.data);
}

/* One survivor space counts, the one that had objects last; both while both have some. */
static void test_survivors(void **state)
{
	const uint64_t rest = 48234496 + 50331648, s0 = 19398656, s1 = 20447232;
	struct file f = load("parallel-8");
	struct hsperf_values v;
	int from = -1;

	(void)state;
	set(&f, "sun.gc.generation.0.space.2.used", 4096);
	again(&f, &from, &v);
	assert_int_equal(v.committed, rest + s1);
	set(&f, "sun.gc.generation.0.space.2.used", 0);
	again(&f, &from, &v);
	assert_int_equal(v.committed, rest + s1);
	set(&f, "sun.gc.generation.0.space.1.used", 4096);
	again(&f, &from, &v);
	assert_int_equal(v.committed, rest + s0);
	set(&f, "sun.gc.generation.0.space.2.used", 4096);
	again(&f, &from, &v);
	assert_int_equal(v.committed, rest + s0 + s1);
	free(f.data);
}

/* What no counter can hold is not known, and so is a sum with it. */
static void test_wild(void **state)
{
	struct file f = load("serial-17");
	struct hsperf_values v;
	int from = -1;

	(void)state;
	set(&f, "sun.gc.generation.1.space.0.used", 1ULL << 63);
	set(&f, "sun.gc.generation.0.maxCapacity", ~0ULL);
	again(&f, &from, &v);
	assert_int_equal(v.used, MP_UNKNOWN);
	assert_int_equal(v.limit, 178978816); /* as if there were one generation */
	assert_int_equal(v.committed, 12124160 + 1507328 + 30150656);
	free(f.data);
}

static void damage(size_t at, uint32_t v, size_t size, int want)
{
	struct file f = load("serial-17");
	struct hsperf h = { .entries = 7 };

	memcpy(f.data + at, &v, 4);
	assert_int_equal(hsperf_index(f.data, size ? size : f.size, &h), want);
	if (want)
		assert_int_equal(h.entries, 7); /* untouched */
	free(f.data);
}

static void test_damage(void **state)
{
	(void)state;
	damage(0, 0xc0c0feca, 0, 0);
	damage(0, 0xc0c0fecb, 0, -EINVAL);
	damage(4, 0x01000201, 0, 0);
	damage(4, 0x01000200, 0, -EINVAL); /* big-endian */
	damage(4, 0x01000301, 0, -EINVAL); /* version 3 */
	damage(4, 0x00000201, 0, -EAGAIN); /* not accessible yet */
	damage(24, 16, 0, -EINVAL);
	damage(24, 0x7fffffff, 0, -EINVAL);
	damage(28, 0x7fffffff, 0, -EINVAL);
	damage(28, 100000, 0, -EINVAL);
	damage(32, 0, 0, -EINVAL); /* an entry of no length: never ends */
	damage(32, 19, 0, -EINVAL);
	damage(36, 0x7fffffff, 0, -EINVAL);
	damage(48, 0x7ffffff0, 0, -EINVAL);
	damage(0, 0xc0c0feca, 31, -EINVAL);
	damage(0, 0xc0c0feca, 4000, -EINVAL);
}

/* Every cut and many flipped bytes: no crash (the sanitizers look on), no wild space. */
static void test_any(void **state)
{
	struct file f = load("parallel-25");
	struct hsperf_values v;
	struct hsperf h;
	int from = -1;

	(void)state;
	for (size_t n = 0; n < f.size; n += 61)
		(void)hsperf_index(f.data, n, &h);
	assert_int_equal(hsperf_index(f.data, f.size, &h), 0);
	assert_int_equal(hsperf_read(f.data, 40, &h, &from, &v), -EINVAL);
	for (size_t i = 32; i < f.size; i += 3) {
		struct hsperf other;

		f.data[i] ^= 0xff;
		if (!hsperf_index(f.data, f.size, &other))
			assert_int_equal(hsperf_read(f.data, f.size, &other, &from, &v), 0);
		if (!hsperf_read(f.data, f.size, &h, &from, &v))
			assert_in_range(v.n_spaces, 0, 8);
		f.data[i] ^= 0xff;
	}
	free(f.data);
}

/* A counter that was added moves nothing, but is looked for. */
static void test_changed(void **state)
{
	struct file f = load("serial-17");
	struct hsperf_values v;
	uint32_t n = 183;
	struct hsperf h;
	int from = -1;

	(void)state;
	assert_int_equal(hsperf_index(f.data, f.size, &h), 0);
	assert_false(hsperf_changed(f.data, f.size, &h));
	memcpy(f.data + 28, &n, 4);
	assert_true(hsperf_changed(f.data, f.size, &h));
	assert_int_equal(hsperf_read(f.data, f.size, &h, &from, &v), -EINVAL);
	free(f.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),	   cmocka_unit_test(test_spaces),
		cmocka_unit_test(test_collectors), cmocka_unit_test(test_running),
		cmocka_unit_test(test_survivors),  cmocka_unit_test(test_wild),
		cmocka_unit_test(test_damage),	   cmocka_unit_test(test_any),
		cmocka_unit_test(test_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
