/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_join.c - any log joined to any recording. The first byte says how many events there
 * are, of eight bytes each; the rest is the log. No collection gets lost or is there twice, and
 * what is put in between is of the recording's processes and time.
 */
#include "tests/fuzz/fuzz.h"
#include "user/rt/join.h"

#define EVENTS 64
#define MS     1000000ULL
#define T0     (100000 * MS)

static struct mp_event rec[EVENTS];
static size_t n_rec;
static bool in_dump;

/* Types, what it is, address space, milliseconds since the one before, three of anything. */
static void make_event(const uint8_t b[8], uint64_t *ts)
{
	static const uint8_t types[] = { MP_EV_TASK, MP_EV_META, MP_EV_CLOCK,
					 MP_EV_GC,   MP_EV_CALL, MP_EV_FAULT,
					 MP_EV_STR,  MP_EV_TICK, MP_EV_KEYFRAME };
	struct mp_event *e = &rec[n_rec++];

	memset(e, 0, sizeof(*e));
	if (!in_dump) /* it is of one instant */
		*ts += b[3] * MS;
	e->ts = *ts;
	e->type = types[b[0] % sizeof(types)];
	e->sub = b[1];
	if (e->type == MP_EV_KEYFRAME)
		in_dump = e->sub == MP_KEY_BEGIN;
	e->mm = b[2] % 4;
	e->tid = b[4];
	e->x = b[5] % 16;
	e->v[0] = e->type == MP_EV_META ? *ts : b[4];
	e->v[1] = e->type == MP_EV_CLOCK ? *ts + b[5] : b[5];
	e->v[4] = b[6] * MS / 10;
	if (e->type == MP_EV_CLOCK)
		e->clock.wall = 1795235365000ULL * MS + *ts + b[6] * 1000 * MS;
	else if (e->type == MP_EV_GC)
		e->gc.source = b[7] % MP_SRC_MAX;
	else if (e->type == MP_EV_STR)
		e->str.pos = 0;
}

struct out {
	size_t gcs;
	uint64_t last;
};

static int take(void *to, const struct mp_event *e)
{
	struct out *o = to;

	FUZZ_CHECK(e->ts >= o->last && e->ts <= rec[n_rec - 1].ts);
	o->last = e->ts;
	o->gcs += e->type == MP_EV_GC;
	return 0;
}

static void check(struct mp_join *j, uint64_t events)
{
	const struct mp_join_file *f = mp_join_file_at(j, 0);
	struct out o = { 0, 0 };
	size_t own = 0;

	FUZZ_CHECK(f->joined + f->same + f->before + f->after + f->other + f->unplaced +
			   f->dropped ==
		   events);
	for (size_t i = 0; i < n_rec; i++)
		own += rec[i].type == MP_EV_GC;
	mp_join_rewind(j);
	for (size_t i = 0; i < n_rec; i++)
		FUZZ_CHECK(!mp_join_event(j, &rec[i], take, &o));
	FUZZ_CHECK(o.gcs <= own + f->joined && o.gcs >= own);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mp_join_opts opts = { 0 };
	uint64_t ts = T0;
	struct mp_gclog *l;
	struct mp_join *j;
	size_t at = 1;

	if (size < 2)
		return 0;
	opts.pid = data[0] & 0x40 ? 7 : 0;
	opts.has_offset = data[0] & 0x80;
	in_dump = false;
	for (n_rec = 0; n_rec < data[0] % EVENTS && at + 8 <= size; at += 8)
		make_event(data + at, &ts);
	if (!n_rec)
		return 0;
	j = mp_join_new(&opts);
	l = mp_gclog_new(mp_join_take, j);
	FUZZ_CHECK(j && l);
	for (size_t i = 0; i < n_rec; i++)
		FUZZ_CHECK(!mp_join_look(j, &rec[i]));
	FUZZ_CHECK(!mp_join_file(j));
	mp_gclog_feed(l, (const char *)data + at, size - at);
	mp_gclog_end(l);
	FUZZ_CHECK(!mp_join_place(j));
	check(j, mp_gclog_stats(l)->events);
	mp_gclog_free(l);
	mp_join_free(j);
	return 0;
}
