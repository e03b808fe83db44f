/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_rec_codec.c - what goes into a block comes out of it, byte for byte, and
 * the blocks are as small as promised.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "user/rec/codec.h"

#define BLOCK 8192

static uint64_t seed, state;

/* splitmix64 */
static uint64_t rnd(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static uint64_t below(uint64_t n)
{
	return rnd() % n;
}

/* Set MEMPROF_SEED to the printed number to see the same again. */
static int start(void **unused)
{
	const char *s = getenv("MEMPROF_SEED");

	(void)unused;
	seed = s ? strtoull(s, NULL, 0) : 20240229;
	state = seed;
	print_message("seed %llu\n", (unsigned long long)seed);
	return 0;
}

/* A value of a size and shape that columns meet. */
static uint64_t value(void)
{
	switch (below(8)) {
	case 0:
		return 0;
	case 1:
		return MP_UNKNOWN;
	case 2:
		return below(256);
	case 3:
		return below(1 << 20) * MP_PAGE_SIZE;
	case 4:
		return 0x7f0000000000ULL + below(1 << 18) * MP_PAGE_SIZE;
	case 5:
		return -below(4096);
	default:
		return rnd() >> below(64);
	}
}

static void random_event(struct mp_event *e, unsigned type)
{
	size_t i;

	memset(e, 0, sizeof(*e));
	e->type = (uint16_t)type;
	e->ts = value();
	e->sub = (uint8_t)value();
	e->flags = (uint8_t)value();
	e->mm = (uint32_t)value();
	e->tid = (uint32_t)value();
	e->x = (uint32_t)value();
	for (i = 0; i < 7; i++)
		e->v[i] = value();
}

/* Encodes, decodes, compares; returns the bytes of the block. */
static size_t round_trip(struct mp_codec *c, const struct mp_event *ev, size_t n)
{
	const struct mp_event *back;
	struct mp_block_head h;
	struct mp_block b;
	size_t m = 0, len;
	uint8_t *copy;

	assert_int_equal(mp_block_pack(c, ev, n, 0, &b), 0);
	mp_block_seal(&b, 7);
	len = b.len;
	copy = malloc(len);
	assert_non_null(copy);
	memcpy(copy, b.bytes, len);
	assert_int_equal(mp_block_head_get(&h, copy), 0);
	assert_int_equal(h.seq, 7);
	assert_int_equal(h.count, n);
	assert_int_equal(h.stored_len + MP_BLOCK_HEAD, len);
	assert_int_equal(mp_block_unpack(c, &h, copy + MP_BLOCK_HEAD, &back, &m), 0);
	assert_int_equal(m, n);
	assert_memory_equal(back, ev, n * sizeof(*ev));
	free(copy);
	return len;
}

static void every_type_alone(void **unused)
{
	struct mp_codec *c = mp_codec_new();
	struct mp_event ev[100];
	unsigned type, i, k;

	(void)unused;
	for (type = MP_EV_FAULT; type < MP_EV_MAX; type++)
		for (k = 0; k < 20; k++) {
			size_t n = 1 + below(100);

			for (i = 0; i < n; i++)
				random_event(&ev[i], type);
			round_trip(c, ev, n);
		}
	mp_codec_free(c);
}

static void types_mixed(void **unused)
{
	struct mp_codec *c = mp_codec_new();
	struct mp_event *ev = malloc(BLOCK * sizeof(*ev));
	size_t i, n, k;

	(void)unused;
	for (k = 0; k < 50; k++) {
		n = 1 + below(k % 10 ? 600 : BLOCK);
		for (i = 0; i < n; i++)
			random_event(&ev[i], 1 + (unsigned)below(MP_EV_MAX - 1));
		round_trip(c, ev, n);
	}
	free(ev);
	mp_codec_free(c);
}

/* Extremes that a tick, a shift or a bias could spoil. */
static void edge_values(void **unused)
{
	static const uint64_t edge[] = { 0,
					 1,
					 999,
					 1000,
					 1001,
					 4095,
					 4096,
					 1ULL << 63,
					 MP_UNKNOWN,
					 MP_UNKNOWN - 1,
					 INT64_MAX,
					 0xffffffffULL,
					 0x80000000ULL };
	struct mp_codec *c = mp_codec_new();
	struct mp_event ev[3];
	size_t i, k;
	unsigned type;

	(void)unused;
	for (type = MP_EV_FAULT; type < MP_EV_MAX; type++)
		for (i = 0; i < sizeof(edge) / sizeof(edge[0]); i++) {
			memset(ev, 0, sizeof(ev));
			for (k = 0; k < 3; k++) {
				unsigned j;

				ev[k].type = (uint16_t)type;
				if (k == 1)
					continue;
				ev[k].ts = ev[k].mm = ev[k].tid = (uint32_t)edge[i];
				ev[k].ts = edge[i];
				for (j = 0; j < 7; j++)
					ev[k].v[j] = edge[(i + k * j) % 13];
			}
			round_trip(c, ev, 3);
		}
	mp_codec_free(c);
}

static void bad_input_refused(void **unused)
{
	struct mp_codec *c = mp_codec_new();
	struct mp_event ev = { .type = 999 };
	struct mp_block b;

	(void)unused;
	assert_int_equal(mp_block_pack(c, &ev, 1, 0, &b), -EINVAL);
	assert_int_equal(mp_block_pack(c, &ev, 0, 0, &b), -EINVAL);
	assert_int_equal(mp_block_pack(c, &ev, MP_BLOCK_COUNT + 1, 0, &b), -EINVAL);
	mp_codec_free(c);
}

/* Bytes that are no payload, and payloads with bytes changed: an error or
 * events, never more. The sanitizers are the judge. */
static void damaged_payload(void **unused)
{
	struct mp_codec *c = mp_codec_new();
	const struct mp_event *back;
	struct mp_event ev[64];
	const uint8_t *raw;
	uint8_t *copy;
	size_t len, n, i, k;

	(void)unused;
	for (k = 0; k < 400; k++) {
		for (i = 0; i < 64; i++)
			random_event(&ev[i], 1 + (unsigned)below(k % 3 ? 3 : MP_EV_MAX - 1));
		assert_int_equal(mp_codec_encode(c, ev, 64, &raw, &len), 0);
		for (i = 0; i < 20; i++) {
			size_t cut = below(4) ? len : below(len);
			unsigned hits = 1 + (unsigned)below(4);

			copy = malloc(cut + 1);
			memcpy(copy, raw, cut);
			while (cut && hits--)
				copy[below(cut)] = (uint8_t)rnd();
			n = 0;
			if (!mp_codec_decode(c, copy, cut, below(8) ? 64 : (uint32_t)below(70000),
					     &back, &n))
				assert_true(n <= MP_BLOCK_COUNT);
			free(copy);
			assert_int_equal(mp_codec_encode(c, ev, 64, &raw, &len), 0);
		}
	}
	mp_codec_free(c);
}

/* A column nobody knows, between two that are known; and an unknown type. */
static void unknown_parts_skipped(void **unused)
{
	static const uint8_t raw[] = {
		1,  3,			    /* tick, sets              */
		0,  0,	18, 0, 0,  0, 3,    /* set 0, 18 bytes, columns */
		1,  0,	1,  2,		    /* type, 2 bytes           */
		77, 0,	99, 1,		    /* nobody knows            */
		2,  0,	1,  2,		    /* ts                      */
		18, 72,			    /* TICK, and nobody knows  */
		42,			    /* of the unknown column   */
		6,  9,			    /* 5 ns, 8 ns              */
		18, 0,	6,  0, 0,  0, 1,    /* set of TICK             */
		7,  0,	1,  1, 33,	    /* x = 33                  */
		72, 0,	2,  0, 0,  0, 5, 6, /* set of type 72       */
	};
	struct mp_codec *c = mp_codec_new();
	const struct mp_event *ev;
	size_t n = 0;

	(void)unused;
	assert_int_equal(mp_codec_decode(c, raw, sizeof(raw), 2, &ev, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(ev[0].type, MP_EV_TICK);
	assert_int_equal(ev[0].ts, 5);
	assert_int_equal(ev[0].x, 33);
	mp_codec_free(c);
}

/* --- sizes --------------------------------------------------------------- */

static void first_touch_in_order(void **unused)
{
	struct mp_codec *c = mp_codec_new();
	struct mp_event *ev = calloc(BLOCK, sizeof(*ev));
	uint64_t ts = 5000000, addr = 0x7f1200000000, pages = 0;
	size_t i, bytes;

	(void)unused;
	for (i = 0; i < BLOCK; i++) {
		ev[i].type = MP_EV_FAULT;
		ev[i].sub = MP_FAULT_WRITE;
		ev[i].mm = 1;
		ev[i].tid = 4242;
		ev[i].x = 200 + (uint32_t)below(100);
		ev[i].fault.addr = addr;
		ev[i].fault.ip = 0x401234;
		ev[i].fault.span = ev[i].x * 2200 / 1000 * 1000 + below(20) * 1000;
		ts += ev[i].fault.span + 3000;
		ev[i].ts = ts;
		addr += ev[i].x * MP_PAGE_SIZE;
		pages += ev[i].x;
	}
	bytes = round_trip(c, ev, BLOCK);
	print_message("in order: %.3f B a page, %.2f B a run\n", (double)bytes / (double)pages,
		      (double)bytes / BLOCK);
	assert_true(bytes * 10 <= pages);
	free(ev);
	mp_codec_free(c);
}

/* One page a run, anywhere in 1 GiB, 3 threads, 20 instructions. */
static size_t random_touch(struct mp_codec *c, uint64_t unit)
{
	struct mp_event *ev = calloc(BLOCK, sizeof(*ev));
	uint64_t ts = 5000000, ips[20];
	size_t i, bytes;

	for (i = 0; i < 20; i++)
		ips[i] = 0x55d000000000 + below(1 << 20);
	for (i = 0; i < BLOCK; i++) {
		ev[i].type = MP_EV_FAULT;
		ev[i].sub = MP_FAULT_WRITE;
		ev[i].mm = 1;
		ev[i].tid = 4242 + (uint32_t)below(3);
		ev[i].x = 1;
		ev[i].fault.addr = 0x7f1200000000 + below(1 << 18) * MP_PAGE_SIZE;
		ev[i].fault.ip = ips[below(20)];
		ts += unit * (1 + below(6000 / unit));
		ev[i].ts = ts;
	}
	bytes = round_trip(c, ev, BLOCK);
	free(ev);
	return bytes;
}

static void random_touch_us(void **unused)
{
	struct mp_codec *c = mp_codec_new();
	size_t bytes = random_touch(c, 1000);

	(void)unused;
	print_message("random, us: %.2f B an event\n", (double)bytes / BLOCK);
	assert_true(bytes * 10 <= BLOCK * 35);
	mp_codec_free(c);
}

static void random_touch_ns(void **unused)
{
	struct mp_codec *c = mp_codec_new();
	size_t bytes = random_touch(c, 1);

	(void)unused;
	print_message("random, ns: %.2f B an event\n", (double)bytes / BLOCK);
	assert_true(bytes * 10 <= BLOCK * 55);
	mp_codec_free(c);
}

/* RSS figures at 10 Hz: blocks of one second. */
static void series_are_small(void **unused)
{
	struct mp_codec *c = mp_codec_new();
	struct mp_event ev[20];
	uint64_t anon = 30000;
	size_t i, bytes = 0;
	unsigned s;

	(void)unused;
	for (s = 0; s < 60; s++) {
		memset(ev, 0, sizeof(ev));
		for (i = 0; i < 20; i++) {
			anon += below(100) - 40;
			ev[i].ts = (s * 20ULL + i) * 50000000 + below(100) * 1000;
			ev[i].type = i & 1 ? MP_EV_RSS : MP_EV_HEAP;
			ev[i].sub = 1;
			ev[i].mm = 1;
			if (i & 1) {
				ev[i].rss.anon = anon;
				ev[i].rss.file = 1200;
				ev[i].rss.lazyfree = ev[i].rss.hugetlb = MP_UNKNOWN;
			} else {
				ev[i].heap.used = anon * 4000;
				ev[i].heap.committed = 200 << 20;
				ev[i].heap.limit = ev[i].heap.goal = MP_UNKNOWN;
			}
		}
		bytes += round_trip(c, ev, 20);
	}
	print_message("12 figures at 10 Hz: %zu B a second\n", bytes / 60);
	assert_true(bytes / 60 <= 250);
	mp_codec_free(c);
}

static void map_snapshot(void **unused)
{
	struct mp_codec *c = mp_codec_new();
	struct mp_event ev[402];
	uint64_t at = 0x7f0000000000;
	size_t i, bytes;

	(void)unused;
	memset(ev, 0, sizeof(ev));
	for (i = 0; i < 402; i++) {
		ev[i].type = MP_EV_MAP;
		ev[i].ts = 77000;
		ev[i].mm = 1;
		ev[i].sub = i == 0 ? MP_MAP_BEGIN : i == 401 ? MP_MAP_END : MP_MAP_LINE;
		if (ev[i].sub != MP_MAP_LINE)
			continue;
		ev[i].x = MP_MAP_R | (i % 4 == 2 ? MP_MAP_X : 0) | (i % 4 == 3 ? MP_MAP_W : 0);
		ev[i].map.start = at;
		at += (1 + below(200)) * MP_PAGE_SIZE;
		ev[i].map.end = at;
		at += below(3) ? 0 : below(1 << 20) * MP_PAGE_SIZE;
		ev[i].map.off = i % 4 * 0x21000;
		ev[i].map.ino = 100000 + i / 4 * 7;
		ev[i].map.dev = 0x800001;
		ev[i].map.name = 10 + i / 4;
	}
	bytes = round_trip(c, ev, 402);
	print_message("first mapping snapshot: %.1f B a line\n", (double)bytes / 400);
	assert_true(bytes <= 400 * 10);
	mp_codec_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_type_alone, start),
		cmocka_unit_test_setup(types_mixed, start),
		cmocka_unit_test_setup(edge_values, start),
		cmocka_unit_test(bad_input_refused),
		cmocka_unit_test_setup(damaged_payload, start),
		cmocka_unit_test(unknown_parts_skipped),
		cmocka_unit_test_setup(first_touch_in_order, start),
		cmocka_unit_test_setup(random_touch_us, start),
		cmocka_unit_test_setup(random_touch_ns, start),
		cmocka_unit_test_setup(series_are_small, start),
		cmocka_unit_test_setup(map_snapshot, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
