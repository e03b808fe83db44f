/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_rt_vmstructs.c - the heap and the counters of a JVM by its table of structures:
 * what is found, and what a memory that lies costs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "user/rt/vmstructs.h"

#define BASE 0x7f0000000000ULL

/* A JVM's memory of 64 KiB. Text lies at its end, the table at TABLE. */
struct memory {
	uint8_t b[1 << 16];
	size_t text, entry;
	unsigned reads;
};

#define SYMBOL (BASE + 0x80)
#define TABLE  0x100u
#define HEAP   (BASE + 0x40) /* the static variable */
#define OBJECT 0x2000u	     /* what it points to   */
#define PERF   (BASE + 0x60) /* of the counters: where they are, their size */

static int read_it(void *ctx, uint64_t addr, void *buf, size_t len)
{
	struct memory *m = ctx;

	m->reads++;
	if (addr < BASE || addr - BASE > sizeof(m->b) || len > sizeof(m->b) - (addr - BASE))
		return -EFAULT;
	memcpy(buf, m->b + (addr - BASE), len);
	return 0;
}

static void put(struct memory *m, size_t at, uint64_t v)
{
	memcpy(m->b + at, &v, sizeof(v));
}

static uint64_t text(struct memory *m, const char *s)
{
	m->text -= strlen(s) + 1;
	memcpy(m->b + m->text, s, strlen(s) + 1);
	return BASE + m->text;
}

static void entry(struct memory *m, uint64_t type, const char *field, int is_static,
		  uint64_t offset, uint64_t address)
{
	put(m, m->entry, type);
	put(m, m->entry + 8, text(m, field));
	put(m, m->entry + 24, (uint64_t)is_static);
	put(m, m->entry + 32, offset);
	put(m, m->entry + 40, address);
	m->entry += 48;
}

/* As in JDK 17: entries of one type together, of names that begin alike. */
static void jvm(struct memory *m)
{
	uint64_t t;

	memset(m, 0, sizeof(*m));
	m->text = sizeof(m->b);
	m->entry = TABLE;
	put(m, SYMBOL - BASE, BASE + TABLE);
	t = text(m, "MemRegion");
	entry(m, t, "_start", 0, 0, 0);
	entry(m, t, "_word_size", 0, 8, 0);
	entry(m, text(m, "MemRegionX"), "_start", 0, 999, 0);
	t = text(m, "CollectedHeap");
	entry(m, t, "_reserved_", 0, 77, 0);
	entry(m, t, "_reserved", 0, 24, 0);
	t = text(m, "Universe");
	entry(m, t, "_collectedHeap", 0, 5, BASE); /* not the static one */
	entry(m, t, "_collectedHeap", 1, 0, HEAP);
	t = text(m, "PerfMemory");
	entry(m, t, "_start", 1, 0, PERF);
	entry(m, t, "_startle", 1, 0, 1);
	entry(m, t, "_capacity", 1, 0, PERF + 8);
	entry(m, t, "_start", 0, 8, 77); /* a field, not the variable */
	put(m, PERF - BASE, BASE + 0x3000);
	put(m, PERF - BASE + 8, 32768);
	put(m, HEAP - BASE, BASE + OBJECT);
	put(m, OBJECT + 24, 0xe7000000);
	put(m, OBJECT + 32, (400ULL << 20) / 8);
}

static void test_found(void **state)
{
	static struct memory m;
	struct vmstructs v;
	uint64_t start, end;

	(void)state;
	jvm(&m);
	assert_int_equal(vmstructs_find(read_it, &m, SYMBOL, VMSTRUCTS_HEAP, &v), 0);
	assert_int_equal(v.heap, HEAP);
	assert_int_equal(v.reserved, 24);
	assert_int_equal(v.words, 8);
	assert_int_equal(vmstructs_heap(read_it, &m, &v, &start, &end), 0);
	assert_int_equal(start, 0xe7000000);
	assert_int_equal(end, 0x100000000);
}

static void test_counters(void **state)
{
	static struct memory m;
	struct vmstructs v;
	uint64_t addr = 1, len = 2;

	(void)state;
	jvm(&m);
	assert_int_equal(vmstructs_find(read_it, &m, SYMBOL, VMSTRUCTS_PERF, &v), 0);
	assert_int_equal(v.found, VMSTRUCTS_PERF);
	assert_int_equal(vmstructs_perf(read_it, &m, &v, &addr, &len), 0);
	assert_int_equal(addr, BASE + 0x3000);
	assert_int_equal(len, 32768);
	/* both at once */
	assert_int_equal(vmstructs_find(read_it, &m, SYMBOL, VMSTRUCTS_PERF | VMSTRUCTS_HEAP, &v),
			 0);
	assert_int_equal(v.heap, HEAP);
	assert_int_equal(v.perf_capacity, PERF + 8);
	addr = 1, len = 2;
	v.perf_start = ~0ULL - 7; /* addresses that cannot be */
	assert_int_equal(vmstructs_perf(read_it, &m, &v, &addr, &len), -EAGAIN);
	v.perf_start = PERF;
	put(&m, PERF - BASE, ~0ULL - 7);
	assert_int_equal(vmstructs_perf(read_it, &m, &v, &addr, &len), -EAGAIN);
	put(&m, PERF - BASE, 0); /* a JVM that starts, one without counters */
	assert_int_equal(vmstructs_perf(read_it, &m, &v, &addr, &len), -EAGAIN);
	assert_int_equal(addr, 1);
	assert_int_equal(len, 2);
	assert_int_equal(vmstructs_find(read_it, &m, SYMBOL, VMSTRUCTS_HEAP, &v), 0);
	assert_int_equal(vmstructs_perf(read_it, &m, &v, &addr, &len), -EAGAIN); /* not asked for */
}

static void test_not_yet(void **state)
{
	static struct memory m;
	struct vmstructs v;
	uint64_t start = 1, end = 2;

	(void)state;
	jvm(&m);
	assert_int_equal(vmstructs_find(read_it, &m, SYMBOL, VMSTRUCTS_HEAP, &v), 0);
	put(&m, OBJECT + 32, 0); /* ZGC, or not reserved yet */
	assert_int_equal(vmstructs_heap(read_it, &m, &v, &start, &end), -EAGAIN);
	put(&m, HEAP - BASE, 0);
	assert_int_equal(vmstructs_heap(read_it, &m, &v, &start, &end), -EAGAIN);
	assert_int_equal(start, 1);
	assert_int_equal(end, 2);
	put(&m, SYMBOL - BASE, 0x13668c8); /* not relocated */
	assert_int_equal(vmstructs_find(read_it, &m, SYMBOL, VMSTRUCTS_HEAP, &v), -EFAULT);
	put(&m, SYMBOL - BASE, 0);
	assert_int_equal(vmstructs_find(read_it, &m, SYMBOL, VMSTRUCTS_HEAP, &v), -EINVAL);
}

static void test_lies(void **state)
{
	static const uint64_t bad[][2] = { { 0xe7000001, 512 },
					   { 0xe7000000, 513 },
					   { ~0ULL << 12, 512 },
					   { 0xe7000000, 1ULL << 60 },
					   { (1ULL << 57) - 4096, 1024 } };
	static struct memory m;
	struct vmstructs v;
	uint64_t start, end;

	(void)state;
	jvm(&m);
	assert_int_equal(vmstructs_find(read_it, &m, SYMBOL, VMSTRUCTS_HEAP, &v), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put(&m, OBJECT + 24, bad[i][0]);
		put(&m, OBJECT + 32, bad[i][1]);
		assert_int_equal(vmstructs_heap(read_it, &m, &v, &start, &end), -EINVAL);
	}
	memset(m.b + TABLE, 0x41,
	       sizeof(m.b) - TABLE); /* names that are nowhere, to the end of memory */
	assert_int_equal(vmstructs_find(read_it, &m, SYMBOL, VMSTRUCTS_HEAP, &v), -EFAULT);
	put(&m, TABLE, 0); /* ends at once */
	assert_int_equal(vmstructs_find(read_it, &m, SYMBOL, VMSTRUCTS_HEAP, &v), -ENOENT);
}

/* A table without an end, in a memory that gives the same everywhere. */
static int read_same(void *ctx, uint64_t addr, void *buf, size_t len)
{
	(void)addr;
	++*(unsigned *)ctx;
	memset(buf, 'x' & ~7, len);
	return 0;
}

static void test_endless(void **state)
{
	unsigned reads = 0;
	struct vmstructs v;

	(void)state;
	assert_int_equal(vmstructs_find(read_same, &reads, 0, VMSTRUCTS_HEAP, &v), -EINVAL);
	assert_in_range(reads, 1, 100); /* in blocks, and the type's name once */
}

/* Entries of as many types as there are, none of them ours, in a memory that ends. */
static int read_many(void *ctx, uint64_t addr, void *buf, size_t len)
{
	uint64_t v = addr + len;

	++*(unsigned *)ctx;
	if (len < sizeof(v))
		return -EFAULT;
	memset(buf, 0, len);
	for (size_t i = 0; i + sizeof(v) <= len; i += sizeof(v), v++)
		memcpy((char *)buf + i, &v, sizeof(v));
	return 0;
}

static void test_many_types(void **state)
{
	unsigned reads = 0;
	struct vmstructs v;

	(void)state;
	assert_int_equal(vmstructs_find(read_many, &reads, 8, VMSTRUCTS_HEAP, &v), -EINVAL);
	assert_in_range(reads, 1, 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found),	cmocka_unit_test(test_counters),
		cmocka_unit_test(test_not_yet), cmocka_unit_test(test_lies),
		cmocka_unit_test(test_endless), cmocka_unit_test(test_many_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
