/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * limits.c - what the events of a recording may cost.
 *
 * A recording may come from anybody. Few bytes of it can say "a terabyte is resident",
 * "not resident", and so on, a million times. So before an event is folded its price is
 * estimated from above: work in ns, roughly, and memory it may add. A recording
 * may spend a base sum and a sum for each of its bytes, both far beyond what a session
 * ever needs; what it cannot pay for is left out and counted (MP_LOSS_LIMIT).
 *
 * Owns: the prices. Must not: change state but its own, know a clock or the machine's
 * memory: what is left out follows from the events alone, the same everywhere.
 */
#include "user/model/internal.h"
#include "user/model/maptab.h"

#define WORK_BASE  (1ULL << 33) /* 8 s                                             */
#define WORK_BYTE  16384u	/* 16 us: an event takes a byte or so, and 0.1 us */
#define SPACE_BASE (768ULL << 20)
#define SPACE_BYTE 256u
#define SMALL	   500 /* a price that is always paid */

#define CHUNK_SHIFT	     21 /* as in pageset_int.h */
#define CHUNK_BYTES	     96
#define GIVEN_BYTES	     4400 /* with a tag a page */
#define REGION_BYTES	     4200
#define RUN_BYTES	     48
#define MAPPING_BYTES	     (sizeof(struct mp_mapping) + 96)
#define CHUNK_PAGES	     512
#define MADV_POPULATE_WRITE_ 23 /* 5.14 */

struct price {
	uint64_t work, space;
};

void mp_model_limit(struct mp_model *m, uint64_t bytes)
{
	bytes = bytes < 1ULL << 50 ? bytes : 1ULL << 50;
	m->limits = (struct mp_limits){
		.on = true,
		.work = WORK_BASE + bytes * WORK_BYTE,
		.space = SPACE_BASE + bytes * SPACE_BYTE,
		.strings = m->limits.strings,
	};
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void mp_model_limit_more(struct mp_model *m, uint64_t bytes)
{
	bytes = bytes < 1ULL << 32 ? bytes : 1ULL << 32;
	m->limits.work += bytes * WORK_BYTE;
	m->limits.space += bytes * SPACE_BYTE;
}

/* --- what is held ---------------------------------------------------------------------- */

static uint64_t held_by(const struct mp_proc *p)
{
	struct mp_pageset_cost pages, copies;

	mp_pageset_cost(p->pages, &pages);
	mp_pageset_cost(p->file_anon, &copies);
	return sizeof(*p) + pages.bytes + copies.bytes +
	       p->n_maps * (sizeof(struct mp_mapping) + 64) +
	       p->cap_threads * (sizeof(struct mp_thread) + 64) +
	       p->cap_fsites * (sizeof(struct mp_fsite) + 64) +
	       p->n_gcs * 2 * sizeof(struct mp_gc) + p->cap_releases * sizeof(struct mp_release) +
	       p->n_ranges * sizeof(*p->ranges) +
	       (p->tl.p ? p->tl.max * sizeof(struct mp_point) : 0);
}

static uint64_t held(const struct mp_model *m)
{
	uint64_t n = m->limits.strings + m->n_strs * 16 + m->n_mm * 4;

	for (size_t i = 0; i < m->n_procs; i++)
		n += held_by(m->procs[i]);
	for (size_t i = 0; i < m->n_before; i++)
		n += held_by(m->before[i]);
	return n + (m->snap ? m->snap->n * (sizeof(struct mp_mapping) + 32) : 0);
}

#define MM_ROOM	  (1u << 22)	/* 16 MiB of numbers */
#define STRS_ROOM (64ULL << 20) /* bytes of text     */

unsigned mp_model_fill(const struct mp_model *m, const char **what)
{
	const struct {
		const char *name;
		uint64_t percent;
	} t[] = { { "processes", (uint64_t)m->n_mm * 100 / MM_ROOM },
		  { "strings", (m->limits.strings + m->n_strs * 16) * 100 / STRS_ROOM },
		  { "stacks", stacks_fill(m) },
		  { "functions", places_fill(m) } };
	size_t most = 0;

	for (size_t i = 1; i < sizeof(t) / sizeof(t[0]); i++)
		if (t[i].percent > t[most].percent)
			most = i;
	*what = t[most].name;
	return (unsigned)least(t[most].percent, 100);
}

/* --- prices ---------------------------------------------------------------------------- */

static uint64_t chunks_of(uint64_t len)
{
	return (len >> CHUNK_SHIFT) + 2;
}

/* Looking at the pages of [addr, addr + len) that the set holds. */
static void pay_walk(struct price *c, const struct mp_proc *p, uint64_t len)
{
	struct mp_pageset_cost s;

	mp_pageset_cost(p->pages, &s);
	c->work += 2 * least(chunks_of(len), s.chunks) + 256 * least(chunks_of(len), s.tags) + 4;
	mp_pageset_cost(p->file_anon, &s);
	c->work += least(chunks_of(len), s.chunks) * 2;
}

static void pay_set(struct price *c, const struct mp_proc *p, uint64_t len)
{
	struct mp_pageset_cost s;
	uint64_t regions = (len >> 30) + 1;

	pay_walk(c, p, len);
	mp_pageset_cost(p->pages, &s);
	c->work += 4 * chunks_of(len) + regions * (s.regions / 16);
	/* of the pages, and of those that are copies */
	c->space += 2 * (chunks_of(len) * CHUNK_BYTES + (regions + 1) * REGION_BYTES);
}

static void pay_give_up(struct price *c, const struct mp_proc *p, uint64_t len)
{
	struct mp_pageset_cost s;

	pay_walk(c, p, len);
	mp_pageset_cost(p->pages, &s);
	c->work += s.regions / 4;
	c->space += least(chunks_of(len), s.chunks) * GIVEN_BYTES;
}

/* Every mapping from addr to addr + len. */
static void pay_maps(struct price *c, const struct mp_proc *p, uint64_t len)
{
	c->work += least(p->n_maps, (len >> MP_PAGE_SHIFT) + 4) * (250 + 2 * p->n_ranges);
}

/* The pages of the smaller piece are counted when a mapping is cut in two, the lazy and
 * copied ones of the upper piece. */
static void pay_cut(struct price *c, const struct mp_proc *p, uint64_t at)
{
	const struct mp_mapping *v = maptab_above(p, at);

	if (!v || v->start >= at)
		return;
	pay_walk(c, p, v->lazy || v->anon ? v->end - at : least(at - v->start, v->end - at));
}

static void pay_remap(struct price *c, const struct mp_proc *p, const struct mp_event *e,
		      uint64_t len)
{
	struct mp_pageset_cost s;
	uint64_t runs;

	mp_pageset_cost(p->pages, &s);
	runs = least(chunks_of(len), s.chunks);
	pay_set(c, p, runs << CHUNK_SHIFT);
	pay_cut(c, p, (uint64_t)e->call.ret);
	pay_cut(c, p, (uint64_t)e->call.ret + len);
	c->work += 40000 * runs; /* each may be as many runs as it has pages */
	c->space += CHUNK_PAGES / 2 * RUN_BYTES * runs;
}

static void pay_call(struct price *c, const struct mp_proc *p, const struct mp_event *e)
{
	uint64_t ret = (uint64_t)e->call.ret, from = e->call.addr;
	uint64_t len = e->call.len > e->call.len2 ? e->call.len : e->call.len2;

	if (e->sub == MP_CALL_BRK) {
		from = least(ret, e->call.len2);
		len = ret > e->call.len2 ? ret - e->call.len2 : e->call.len2 - ret;
	} else if (e->sub == MP_CALL_MMAP) {
		from = ret;
	} else if (e->sub == MP_CALL_MREMAP && ret != from) {
		pay_remap(c, p, e, len);
	} else if (e->x == MADV_POPULATE_WRITE_ && len >> MP_PAGE_SHIFT <= PAGES_MAX) {
		pay_set(c, p, len);
	}
	pay_give_up(c, p, len);
	pay_walk(c, p, len);
	pay_maps(c, p, len);
	pay_cut(c, p, from);
	pay_cut(c, p, from + len);
	c->work += 300;
	c->space += 2 * MAPPING_BYTES;
}

static void pay_fault(struct price *c, const struct mp_proc *p, const struct mp_event *e)
{
	uint64_t len = (uint64_t)e->x << MP_PAGE_SHIFT;
	const struct mp_mapping *v = maptab_above(p, e->fault.addr);

	if (e->x > PAGES_MAX)
		return; /* refused by the fold */
	pay_set(c, p, len);
	pay_maps(c, p, len);
	if (v && v->start > e->fault.addr && v->cls == MP_CLS_STACK) /* it grows, and is counted */
		pay_walk(c, p, v->end - v->start);
}

static void pay_pages(struct price *c, const struct mp_proc *p, const struct mp_event *e)
{
	if (e->sub != MP_PAGES_ABSENT && e->pages.len >> MP_PAGE_SHIFT > PAGES_MAX)
		return;
	if (e->sub == MP_PAGES_RESIDENT || e->sub == MP_PAGES_DROPPED || e->sub == MP_PAGES_ANON)
		pay_set(c, p, e->pages.len);
	pay_give_up(c, p, e->pages.len);
	pay_maps(c, p, e->pages.len);
}

/* All mappings are given a class, and those with pages that are lazy or copies counted
 * again where a heap's range cuts them. */
static void pay_table(struct price *c, const struct mp_proc *p, size_t lines)
{
	struct mp_pageset_cost pages, copies;
	bool upper = mp_pageset_total_lazy(p->pages) || mp_pageset_total(p->file_anon);

	mp_pageset_cost(p->pages, &pages);
	mp_pageset_cost(p->file_anon, &copies);
	c->work += (lines + p->n_maps) * (200 + 2 * p->n_ranges) +
		   (pages.chunks + copies.chunks) * (16 + (upper ? p->n_ranges / 8 : 0)) +
		   256 * pages.tags;
	c->space += lines * 64 + 2 * p->n_ranges * MAPPING_BYTES;
}

/* The account is drawn up where time goes on to a new point, and points opened to ts. */
static uint64_t points_until(const struct mp_proc *p, uint64_t ts)
{
	const struct mp_timeline *tl = &p->tl;
	uint64_t last = tl->n ? tl->p[tl->n - 1].ts : ts;

	return ts > last && ts - last >= tl->width
		       ? 600 + 40 * least((ts - last) / tl->width, tl->max)
		       : 0;
}

static void pay_tick(struct price *c, const struct mp_model *m, const struct mp_event *e)
{
	c->work += 100 * m->n_procs;
	if (c->work > m->limits.work)
		return; /* nor is there time to look what it would cost */
	c->space += m->n_procs > 1 ? 0 : MP_TL_MAX * sizeof(struct mp_point);
	if (e->ts > m->limits.seen)
		for (size_t i = 0; i < m->n_procs; i++)
			c->work += points_until(m->procs[i], e->ts);
}

static void pay_task(struct price *c, const struct mp_model *m, const struct mp_event *e)
{
	if (e->sub != MP_TASK_TARGET && e->sub != MP_TASK_EXEC)
		return;
	c->work += 1000 + (m->n_procs >= 4000 ? 20 * m->n_procs : 0); /* room is looked for */
	c->space += sizeof(struct mp_proc) + (MP_TL_OTHERS + 64) * sizeof(struct mp_point);
}

static void price_of(const struct mp_model *m, const struct mp_proc *p, const struct mp_event *e,
		     struct price *c)
{
	const struct mp_snapshot *s = m->snap;

	switch (e->type) {
	case MP_EV_FAULT:
		pay_fault(c, p, e);
		break;
	case MP_EV_CALL:
		pay_call(c, p, e);
		break;
	case MP_EV_PAGES:
		pay_pages(c, p, e);
		break;
	case MP_EV_RSS:
		if (p->prints.zheap_ino) /* zheap_count() */
			c->work += p->zheap.runs * 100 + p->n_maps * 4;
		if (!e->rss.lazyfree && mp_pageset_total_lazy(p->pages))
			pay_walk(c, p, ADDR_MAX);
		break;
	case MP_EV_HEAP:
		if (e->sub < MP_SRC_MAX && !p->heaps[e->sub].present)
			pay_table(c, p, 0);
		break;
	case MP_EV_GC:
		if (e->gc.source < MP_SRC_MAX && !p->heaps[e->gc.source].present)
			pay_table(c, p, 0);
		break;
	case MP_EV_HEAP_RANGE:
		if (e->sub == MP_HEAP_RESERVE || e->sub == MP_HEAP_UNRESERVE)
			pay_table(c, p, 0);
		break;
	case MP_EV_MAP:
		if (e->sub == MP_MAP_END && s)
			pay_table(c, p, s->n);
		break;
	default:
		break;
	}
}

static void price_of_stream(const struct mp_model *m, const struct mp_event *e, struct price *c)
{
	switch (e->type) {
	case MP_EV_TASK:
		pay_task(c, m, e);
		break;
	case MP_EV_TICK:
		pay_tick(c, m, e);
		break;
	case MP_EV_KEYFRAME:
		c->work += 10 * m->n_procs + m->n_mm / 2;
		break;
	case MP_EV_MODULE:
		c->work += mp_model_n_modules(m);
		break;
	case MP_EV_STR:
		c->space += least(e->x, MP_STR_MAX);
		c->space += e->str.id >= m->n_strs ? least(e->str.id, 1u << 20) * 32 : 0;
		break;
	default:
		break;
	}
}

/* --- the till -------------------------------------------------------------------------- */

/* A state dump replaces what was counted so far: what it lost itself is added after it. */
static void count_out(struct mp_model *m)
{
	if (m->in_key)
		return;
	m->lost[MP_LOSS_LIMIT] += m->limits.out;
	m->lost_total += m->limits.out;
	m->limits.out = 0;
}

static bool refuse(struct mp_model *m)
{
	struct mp_limits *l = &m->limits;

	l->out++;
	l->work -= least(l->work, l->work / 1024 + SMALL); /* asking costs too */
	count_out(m);
	return false;
}

bool limits_allow(struct mp_model *m, const struct mp_proc *p, const struct mp_event *e)
{
	struct mp_limits *l = &m->limits;
	struct price c = { .work = 20, .space = 2 * MAPPING_BYTES };

	if (l->out)
		count_out(m);
	if (p) {
		price_of(m, p, e, &c);
		c.work += points_until(p, e->ts);
	}
	price_of_stream(m, e, &c);
	l->seen = e->ts > l->seen ? e->ts : l->seen;
	if (c.work > SMALL && c.work > l->work)
		return refuse(m);
	l->work -= least(c.work, l->work);
	if (l->held + l->grown + c.space > l->space) {
		if (l->work < 100 * m->n_procs)
			return refuse(m);
		l->work -= 100 * m->n_procs;
		l->held = held(m);
		l->grown = 0;
		if (l->held + c.space > l->space)
			return refuse(m);
	}
	l->grown += c.space;
	return true;
}
