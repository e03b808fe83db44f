/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rec_stream.h - a made-up session for the tests of recordings: facts, names,
 * mappings, faults, calls, collections, as a program with a heap would give
 * them. The same seed gives the same events.
 */
#ifndef TESTS_REC_STREAM_H
#define TESTS_REC_STREAM_H

#include <stdint.h>
#include <string.h>

#include "bpf/events.h"

#define STREAM_HEAP 0x7f0000000000ULL

struct stream {
	uint64_t state; /* of the random numbers: the seed */
	uint64_t ts;
	uint32_t next_str;
	uint64_t anon;
	unsigned step;
};

static inline uint64_t stream_rnd(struct stream *s)
{
	uint64_t z = s->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static inline struct mp_event *stream_put(struct stream *s, struct mp_event *ev, size_t *n,
					  unsigned type, unsigned sub)
{
	struct mp_event *e = &ev[(*n)++];

	memset(e, 0, sizeof(*e));
	e->ts = s->ts;
	e->type = (uint16_t)type;
	e->sub = (uint8_t)sub;
	e->mm = 1;
	e->tid = 100;
	return e;
}

static inline uint32_t stream_str(struct stream *s, struct mp_event *ev, size_t *n,
				  const char *text)
{
	struct mp_event *e = stream_put(s, ev, n, MP_EV_STR, 0);

	e->mm = e->tid = 0;
	e->str.id = s->next_str++;
	e->x = (uint32_t)strlen(text);
	memcpy(e->str.text, text, strlen(text));
	return e->str.id;
}

/* What a session begins with: 11 events. */
static inline size_t stream_start(struct stream *s, uint64_t seed, struct mp_event *ev)
{
	struct mp_event *e;
	uint32_t id;
	size_t n = 0;

	memset(s, 0, sizeof(*s));
	s->state = seed;
	s->ts = 1000000000000ULL;
	s->next_str = 1;
	id = stream_str(s, ev, &n, "churn");
	e = stream_put(s, ev, &n, MP_EV_META, MP_META_COMM);
	e->meta.num = id;
	e->meta.isstr = 1;
	e = stream_put(s, ev, &n, MP_EV_META, MP_META_PID);
	e->meta.num = 100;
	e = stream_put(s, ev, &n, MP_EV_META, MP_META_START_TS);
	e->meta.num = s->ts;
	e = stream_put(s, ev, &n, MP_EV_PROBE, MP_FEAT_FAULTS);
	e->x = MP_RUNG_TP_BTF;
	e = stream_put(s, ev, &n, MP_EV_TASK, MP_TASK_TARGET);
	e->task.a = 100;
	e->task.comm = id;
	stream_put(s, ev, &n, MP_EV_MAP, MP_MAP_BEGIN);
	id = stream_str(s, ev, &n, "[heap]");
	e = stream_put(s, ev, &n, MP_EV_MAP, MP_MAP_LINE);
	e->x = MP_MAP_R | MP_MAP_W;
	e->map.start = 0x555500000000;
	e->map.end = 0x555500200000;
	e->map.name = id;
	e = stream_put(s, ev, &n, MP_EV_MAP, MP_MAP_LINE);
	e->x = MP_MAP_R | MP_MAP_W;
	e->map.start = STREAM_HEAP;
	e->map.end = STREAM_HEAP + (64 << 20);
	stream_put(s, ev, &n, MP_EV_MAP, MP_MAP_END);
	return n;
}

/* The next piece of the session: at most 8 events, some of them 20 ms on. */
static inline size_t stream_more(struct stream *s, struct mp_event *ev)
{
	uint64_t page = stream_rnd(s) % 16000;
	struct mp_event *e;
	size_t n = 0;

	s->ts += 20000000 + stream_rnd(s) % 1000 * 1000;
	e = stream_put(s, ev, &n, MP_EV_FAULT, MP_FAULT_WRITE);
	e->x = 1 + (uint32_t)(stream_rnd(s) % 64);
	e->fault.addr = STREAM_HEAP + page * MP_PAGE_SIZE;
	e->fault.ip = 0x401000 + stream_rnd(s) % 5 * 16;
	s->anon += e->x;
	if (s->step % 7 == 3) {
		e = stream_put(s, ev, &n, MP_EV_CALL, MP_CALL_MADVISE);
		e->x = 4;
		e->call.addr = STREAM_HEAP + stream_rnd(s) % 15000 * MP_PAGE_SIZE;
		e->call.len = 100 * MP_PAGE_SIZE;
		e->call.d_anon = -10;
		e->call.dur = 5000;
		s->anon -= s->anon > 10 ? 10 : 0;
	}
	if (s->step % 5 == 0) {
		e = stream_put(s, ev, &n, MP_EV_HEAP, MP_SRC_GC);
		e->heap.used = s->anon * 4000;
		e->heap.committed = 64 << 20;
		e->heap.external = e->heap.arrays = e->heap.limit = MP_UNKNOWN;
		e->heap.goal = e->heap.live = MP_UNKNOWN;
	}
	if (s->step % 11 == 7) {
		e = stream_put(s, ev, &n, MP_EV_GC, MP_GC_MAJOR);
		e->gc.before = s->anon * 4000;
		e->gc.after = s->anon * 3000;
		e->gc.cbefore = e->gc.cafter = 64 << 20;
		e->gc.pause = 3000000;
		e->gc.start = s->ts - 4000000;
		e->gc.source = MP_SRC_GC;
	}
	if (s->step % 40 == 39) {
		uint32_t id = stream_str(s, ev, &n, "a mark in the middle");

		e = stream_put(s, ev, &n, MP_EV_NOTE, MP_NOTE_PROGRAM);
		e->v[0] = id;
	}
	e = stream_put(s, ev, &n, MP_EV_RSS, MP_RSS_KERNEL);
	e->rss.anon = s->anon;
	e->rss.file = 300;
	e->rss.lazyfree = e->rss.hugetlb = MP_UNKNOWN;
	s->step++;
	return n;
}

#define STREAM_PIECE 16 /* room for either */

#endif /* TESTS_REC_STREAM_H */
