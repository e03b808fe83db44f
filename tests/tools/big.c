/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * big.c - writes a large recording through the real fold and encoder, for measuring
 * how long large ones take to open: big FILE MIB [end]
 *
 * The shape of a Node.js server over some hours: scattered short runs of faults in a
 * heap of 1 GiB, collections, calls that give memory back, RSS, ticks. The same
 * arguments give the same file. Without "end" it is one whose writer was killed.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/model/model.h"
#include "user/rec/writer.h"

#define HEAP  0x100000000000ULL
#define PAGES (1u << 18)
#define BATCH 2048

static uint64_t rnd(void)
{
	static uint64_t state = 42;
	uint64_t z = state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static struct mp_event blank(uint64_t ts, unsigned type, unsigned sub)
{
	struct mp_event e = {
		.ts = ts, .type = (uint16_t)type, .sub = (uint8_t)sub, .mm = 1, .tid = 4242
	};

	return e;
}

static size_t start(struct mp_event *ev, uint64_t ts)
{
	size_t n = 0;

	ev[n] = blank(ts, MP_EV_META, MP_META_START_TS);
	ev[n++].meta.num = ts;
	ev[n] = blank(ts, MP_EV_META, MP_META_WALL_NS);
	ev[n++].meta.num = 1700000000000000000ULL;
	ev[n] = blank(ts, MP_EV_PROBE, MP_FEAT_FAULTS);
	ev[n++].x = MP_RUNG_TP_BTF;
	ev[n] = blank(ts, MP_EV_TASK, MP_TASK_TARGET);
	ev[n++].task.a = 4242;
	ev[n++] = blank(ts, MP_EV_MAP, MP_MAP_BEGIN);
	ev[n] = blank(ts, MP_EV_MAP, MP_MAP_LINE);
	ev[n].x = MP_MAP_R | MP_MAP_W;
	ev[n].map.start = HEAP;
	ev[n++].map.end = HEAP + (uint64_t)PAGES * MP_PAGE_SIZE;
	ev[n++] = blank(ts, MP_EV_MAP, MP_MAP_END);
	return n;
}

/* One event; 1 in 64 is no fault. */
static struct mp_event one(uint64_t ts, uint64_t i)
{
	struct mp_event e = blank(ts, MP_EV_FAULT, MP_FAULT_WRITE);
	uint64_t used = (200 + i % 100000 / 500) << 20;

	if (i % 64) {
		e.x = rnd() % 4 ? 1 : 1 + (uint32_t)(rnd() % 16);
		e.tid += (uint32_t)(rnd() % 6);
		e.fault.addr = HEAP + rnd() % (PAGES - 16) * MP_PAGE_SIZE;
		e.fault.ip = 0x401000 + rnd() % 40 * 16;
		e.fault.span = (e.x - 1) * 1000;
		return e;
	}
	switch (i / 64 % 16) {
	case 0:
	case 8:
		e = blank(ts, MP_EV_RSS, MP_RSS_KERNEL);
		e.rss.anon = PAGES / 2 + rnd() % 4096;
		e.rss.file = 9000;
		e.rss.lazyfree = e.rss.hugetlb = MP_UNKNOWN;
		return e;
	case 1:
		e = blank(ts, MP_EV_HEAP, MP_SRC_V8);
		e.heap.used = used;
		e.heap.committed = 600 << 20;
		e.heap.external = 5 << 20;
		e.heap.arrays = e.heap.limit = e.heap.goal = e.heap.live = MP_UNKNOWN;
		return e;
	case 5:
		e = blank(ts, MP_EV_GC, i / 1024 % 20 ? MP_GC_MINOR : MP_GC_MAJOR);
		e.gc.before = used;
		e.gc.after = used - (8 << 20);
		e.gc.cbefore = e.gc.cafter = 600 << 20;
		e.gc.pause = 1500000 + rnd() % 1000 * 1000;
		e.gc.start = ts - e.gc.pause;
		e.gc.source = MP_SRC_V8;
		return e;
	case 3:
	case 9:
		return blank(ts, MP_EV_TICK, 0);
	default:
		e = blank(ts, MP_EV_CALL, MP_CALL_MADVISE);
		e.x = 4;
		e.call.addr = HEAP + rnd() % (PAGES - 256) * MP_PAGE_SIZE;
		e.call.len = (64 + rnd() % 128) * MP_PAGE_SIZE;
		e.call.d_anon = -(int32_t)(e.call.len / MP_PAGE_SIZE / 2);
		e.call.dur = 20000;
		return e;
	}
}

int main(int argc, char **argv)
{
	static struct mp_event ev[BATCH];
	uint64_t ts = 1000000000000ULL, i = 0,
		 bytes = argc > 2 ? strtoull(argv[2], NULL, 10) << 20 : 0;
	struct mp_model *m = mp_model_new();
	struct mp_writer_info info = { 0 };
	struct mp_writer *w;
	size_t n = start(ev, ts), k;
	int err = argc > 2 && m ? mp_writer_open(argv[1], &w) : -1;

	while (!err && info.bytes < bytes) {
		for (k = 0; k < n && !err; k++)
			err = mp_model_fold(m, &ev[k]);
		if (!err)
			err = mp_writer_append(w, ev, n);
		if (!err)
			err = mp_writer_keyframe(w, m);
		for (n = 0; n < BATCH; n++) {
			ts += 1000 * (20 + rnd() % 80);
			ev[n] = one(ts, ++i);
		}
		if (!err)
			mp_writer_info(w, &info);
	}
	if (!err && argc > 3)
		err = mp_writer_finish(w, m);
	if (!err && argc > 3)
		err = mp_writer_close(w);
	else if (!err)
		mp_writer_free(w);
	if (err) {
		fprintf(stderr, "big: %s\n", argc > 2 ? strerror(-err) : "big FILE MIB [end]");
		return 1;
	}
	printf("%llu events, %.0f s\n", (unsigned long long)i,
	       (double)(ts - 1000000000000ULL) / 1e9);
	mp_model_free(m);
	return 0;
}
