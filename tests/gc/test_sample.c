/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_sample.c - allocation samples: how many there are of what, against the
 * distribution they are drawn from. The numbers are the same in every run.
 */
#include <sys/stat.h>

#include "common.h"

#define MEAN 8192

struct samples {
	unsigned n; /* of all */
	unsigned by_type[8];
	uint64_t size, addr, mean;
	unsigned space;
};

struct tap {
	struct gc_seg seg;
	void *map;
	size_t len;
	struct gc_ring_reader r;
};

static void tap_open(struct tap *t, struct fix *f)
{
	struct stat sb;
	int fd = stats(f).events_fd;

	assert_int_equal(fstat(fd, &sb), 0);
	t->len = (size_t)sb.st_size;
	t->map = mmap(NULL, t->len, PROT_READ, MAP_SHARED, fd, 0);
	assert_int_equal(gc_seg_attach_check(&t->seg, t->map, t->len), 0);
	gc_ring_reader_init(&t->seg, 0, 0, &t->r);
}

static void tap_read(struct tap *t, struct samples *s)
{
	struct gc_record rec[256];
	struct gc_event ev;
	uint64_t lost = 0;
	int n, i;

	while ((n = gc_ring_read(&t->seg, 0, &t->r, rec, 256, &lost)) > 0)
		for (i = 0; i < n;) {
			i += (int)gc_event_take(rec + i, (unsigned)(n - i), &ev);
			if (ev.type != GC_EV_ALLOC_SAMPLE)
				continue;
			assert_int_equal(ev.nv, 2);
			assert_true(ev.v[0] < 8);
			s->n++;
			s->by_type[ev.v[0]]++;
			s->size = ev.b;
			s->addr = ev.a;
			s->mean = ev.v[1];
			s->space = ev.space;
		}
	assert_int_equal(lost, 0);
}

static void open_heap(struct fix *f, size_t mean)
{
	struct gc_options o = { .struct_size = sizeof(o),
				.young_min = KIB(256),
				.young_max = KIB(512),
				.no_release_thread = 1,
				.ring_slots = 1 << 16,
				.verify = 1,
				.sample_bytes = mean };

	fix_open(f, &o);
}

/* |got - expected| within five standard deviations of a Poisson number. */
static void near(unsigned got, double expected)
{
	double d = (double)got - expected;

	assert_true(expected > 100);
	assert_true(d * d <= 25 * expected);
}

static void small_objects(void **state)
{
	struct samples s = { .n = 0 };
	struct tap t;
	struct fix f;
	size_t i;

	(void)state;
	open_heap(&f, MEAN);
	tap_open(&t, &f);
	for (i = 0; i < 300000; i++)
		pair_new(&f, i);
	tap_read(&t, &s);
	near(s.n, 300000.0 * 32 / MEAN);
	assert_int_equal(s.by_type[3], s.n);
	assert_int_equal(s.size, 32);
	assert_int_equal(s.space, GC_SPACE_YOUNG);
	assert_int_equal(s.mean, MEAN);
	munmap(t.map, t.len);
	fix_close(&f);
}

/* Chosen by bytes: arrays that take as much as the pairs between them are told as often,
 * whether they come from the buffer, from the young space directly or have own pages. */
static void by_bytes_not_by_number(void **state)
{
	static const size_t sizes[] = { 2000, 20000, 100000 };
	struct samples s = { .n = 0 };
	size_t i, k, pairs = 0;
	double p, arrays = 0;
	struct tap t;
	struct fix f;

	(void)state;
	open_heap(&f, MEAN);
	tap_open(&t, &f);
	for (i = 0; i < 900; i++) {
		k = sizes[i % 3];
		assert_non_null(gc_alloc_array(f.m, f.bytes, k));
		/* 1 - exp(-k / mean): three places are enough here */
		p = k == 2000 ? 0.218 : k == 20000 ? 0.913 : 1.0;
		arrays += p;
		for (k = 0; k < 500; k++, pairs++)
			pair_new(&f, i);
		if (i % 100 == 99)
			tap_read(&t, &s);
	}
	tap_read(&t, &s);
	near(s.by_type[1], arrays);
	near(s.by_type[3], (double)pairs * 32 / MEAN);
	assert_int_equal(s.n, s.by_type[1] + s.by_type[3]);
	munmap(t.map, t.len);
	fix_close(&f);
}

/* The object told is the one just made. */
static void address_and_size(void **state)
{
	struct samples s = { .n = 0 };
	struct pair *p = NULL;
	struct tap t;
	struct fix f;
	unsigned i, hits = 0, before;

	(void)state;
	open_heap(&f, 4096);
	tap_open(&t, &f);
	for (i = 0; i < 20000; i++) {
		before = s.n;
		p = pair_new(&f, i);
		tap_read(&t, &s);
		assert_true(s.n <= before + 1);
		if (s.n == before)
			continue;
		hits++;
		assert_int_equal(s.addr, (uintptr_t)p);
	}
	near(hits, 20000.0 * 32 / 4096);
	munmap(t.map, t.len);
	fix_close(&f);
}

static void off_by_default(void **state)
{
	struct samples s = { .n = 0 };
	struct tap t;
	struct fix f;
	size_t i;

	(void)state;
	open_heap(&f, 0);
	tap_open(&t, &f);
	for (i = 0; i < 100000; i++)
		pair_new(&f, i);
	tap_read(&t, &s);
	assert_int_equal(s.n, 0);
	munmap(t.map, t.len);
	fix_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_objects),
		cmocka_unit_test(by_bytes_not_by_number),
		cmocka_unit_test(address_and_size),
		cmocka_unit_test(off_by_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
