/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * bench_codec.c - how fast recordings are made and read. Prints a JSON object a
 * line: {"name", "unit", "ours", ...}; the median of several rounds.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "user/model/model.h"
#include "user/rec/codec.h"

#define BLOCK  8192
#define BLOCKS 64
#define ROUNDS 9

static struct mp_event ev[BLOCKS][BLOCK];
static uint8_t *stored[BLOCKS];
static struct mp_block_head head[BLOCKS];

static uint64_t rnd(void)
{
	static uint64_t state = 42;
	uint64_t z = state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

/* The shape of a heap that is used over and over: three threads, each touching
 * runs of pages that mostly follow each other; `scattered`: one page, anywhere. */
static void make_events(int scattered)
{
	uint64_t ts = 1000000000, addr[3] = { 0x7f0000000000, 0x7f0010000000, 0x7f0020000000 };
	size_t b, i;

	for (b = 0; b < BLOCKS; b++)
		for (i = 0; i < BLOCK; i++) {
			struct mp_event *e = &ev[b][i];
			unsigned t = (unsigned)(scattered ? rnd() % 3 : i / 40 % 3);

			memset(e, 0, sizeof(*e));
			e->type = MP_EV_FAULT;
			e->sub = MP_FAULT_WRITE;
			e->mm = 1;
			e->tid = 100 + t;
			e->x = 1;
			ts += 1000 * (2 + rnd() % 4);
			e->ts = ts;
			e->fault.ip = 0x401000 + rnd() % (scattered ? 20 : 4) * 16;
			if (scattered)
				addr[t] = 0x7f0000000000 + rnd() % (1 << 18) * MP_PAGE_SIZE;
			e->fault.addr = addr[t];
			addr[t] += MP_PAGE_SIZE * (rnd() % 16 ? 1 : 8);
			if (addr[t] > 0x7f0030000000)
				addr[t] = 0x7f0000000000;
		}
}

static size_t encode_all(struct mp_codec *c)
{
	struct mp_block b;
	size_t i, bytes = 0;

	for (i = 0; i < BLOCKS; i++) {
		if (mp_block_pack(c, ev[i], BLOCK, 0, &b) < 0)
			abort();
		free(stored[i]);
		stored[i] = malloc(b.len);
		if (!stored[i])
			abort();
		memcpy(stored[i], b.bytes, b.len);
		head[i] = b.head;
		bytes += b.len;
	}
	return bytes;
}

static void decode_all(struct mp_codec *c, struct mp_model *m)
{
	const struct mp_event *out;
	size_t i, k, n;

	for (i = 0; i < BLOCKS; i++) {
		if (mp_block_unpack(c, &head[i], stored[i] + MP_BLOCK_HEAD, &out, &n) < 0)
			abort();
		for (k = 0; m && k < n; k++)
			if (mp_model_fold(m, &out[k]) < 0)
				abort();
	}
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void print(const char *name, const char *unit, double *v)
{
	qsort(v, ROUNDS, sizeof(*v), by_value);
	printf("{\"name\":\"%s\",\"unit\":\"%s\",\"ours\":%.2f,\"runs\":%d,\"spread\":%.2f}\n",
	       name, unit, v[ROUNDS / 2], ROUNDS, v[ROUNDS - 1] - v[0]);
}

/* CPU time, ns: the figures do not change when other work holds the processor. */
static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

static double rate(uint64_t since)
{
	return (double)BLOCKS * BLOCK * 1000 / (double)(cpu_ns() - since);
}

/* A model with a process and its heap mapping, as faults meet it. */
static struct mp_model *start_model(void)
{
	struct mp_model *m = mp_model_new();
	struct mp_event e[] = {
		{ .ts = 1, .type = MP_EV_TASK, .sub = MP_TASK_TARGET, .mm = 1, .task.a = 100 },
		{ .ts = 1, .type = MP_EV_MAP, .sub = MP_MAP_BEGIN, .mm = 1 },
		{ .ts = 1,
		  .type = MP_EV_MAP,
		  .sub = MP_MAP_LINE,
		  .mm = 1,
		  .x = 3,
		  .map.start = 0x7f0000000000,
		  .map.end = 0x7f0080000000 },
		{ .ts = 1, .type = MP_EV_MAP, .sub = MP_MAP_END, .mm = 1 },
	};
	size_t i;

	for (i = 0; m && i < sizeof(e) / sizeof(e[0]); i++)
		if (mp_model_fold(m, &e[i]) < 0)
			abort();
	return m;
}

static void measure(const char *shape)
{
	double enc[ROUNDS], dec[ROUNDS], fold[ROUNDS], size[ROUNDS];
	struct mp_codec *c = mp_codec_new();
	char name[64];
	int r;

	for (r = 0; r < ROUNDS; r++) {
		struct mp_model *m = start_model();
		uint64_t t = cpu_ns();

		size[r] = (double)encode_all(c) / BLOCKS / BLOCK;
		enc[r] = rate(t);
		t = cpu_ns();
		decode_all(c, NULL);
		dec[r] = rate(t);
		t = cpu_ns();
		decode_all(c, m);
		fold[r] = rate(t);
		mp_model_free(m);
	}
	snprintf(name, sizeof(name), "encode%s", shape);
	print(name, "M events/s", enc);
	snprintf(name, sizeof(name), "decode%s", shape);
	print(name, "M events/s", dec);
	snprintf(name, sizeof(name), "decode and fold%s", shape);
	print(name, "M events/s", fold);
	snprintf(name, sizeof(name), "bytes an event%s", shape);
	print(name, "B", size);
	mp_codec_free(c);
}

int main(void)
{
	size_t i;

	make_events(0);
	measure("");
	make_events(1);
	measure(", scattered pages");
	for (i = 0; i < BLOCKS; i++)
		free(stored[i]);
	return 0;
}
