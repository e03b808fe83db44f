/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * dump.c - the state as events, and the digest over the same state.
 *
 * What other events can restate is restated by them (strings, mappings,
 * resident runs, counters of the kernel and of heaps). What is accumulated goes
 * as MP_EV_TOTAL: the tables below name each field once, with the number it has
 * on the wire; dump, fold and digest all walk them. Numbers are append-only.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "user/model/internal.h"
#include "user/model/tell.h"

#define GCS_KEPT 1024 /* paid collections that a dump carries; older ones are counted only */

/* A field made of at most 256 64-bit words (their index travels in mp_event.flags). */
struct field {
	uint32_t id; /* on the wire */
	size_t off;
	size_t words;
};

#define F(id, type, member)                                                                  \
	{                                                                                    \
		id, offsetof(type, member), sizeof(((type *)0)->member) / (sizeof(uint64_t)) \
	}

static const struct field proc_fields[] = {
	F(1, struct mp_proc, start_ts),
	F(2, struct mp_proc, exit_ts),
	F(3, struct mp_proc, forks),
	F(4, struct mp_proc, threads_started),
	F(5, struct mp_proc, r_rss),
	F(6, struct mp_proc, faults),
	F(7, struct mp_proc, faults_user),
	F(8, struct mp_proc, faults_kernel),
	F(9, struct mp_proc, faults_write),
	F(10, struct mp_proc, faults_present),
	F(11, struct mp_proc, pages_added),
	F(12, struct mp_proc, calls),
	F(13, struct mp_proc, advice),
	F(14, struct mp_proc, gc_minor),
	F(15, struct mp_proc, gc_major),
	F(16, struct mp_proc, gc_pause),
	F(17, struct mp_proc, owed),
	F(18, struct mp_proc, owed_max),
	F(19, struct mp_proc, rel_log),
	F(20, struct mp_proc, vma_calls),
	F(21, struct mp_proc, maps_ts),
	F(60, struct mp_proc, prints),
	F(61, struct mp_proc, r_charged),
	F(22, struct mp_proc, asked_calls),
	F(23, struct mp_proc, asked_advice),
	F(24, struct mp_proc, forgotten),
	F(25, struct mp_proc, lazy_since),
	F(26, struct mp_proc, lazy_ts),
	F(27, struct mp_proc, lazy_marked_ts),
	F(28, struct mp_proc, lazy_taken),
	F(29, struct mp_proc, lazy_taken_ts),
	F(30, struct mp_proc, scans),
	F(31, struct mp_proc, scan_ts),
	F(32, struct mp_proc, short_ts),
	F(33, struct mp_proc, heap_taken),
	F(34, struct mp_proc, stripped),
	F(70, struct mp_proc, fk),
	F(71, struct mp_proc, majors),
	F(72, struct mp_proc, waiting),
	F(73, struct mp_proc, faults_gc),
	F(74, struct mp_proc, gc_marked),
	F(75, struct mp_proc, gc_other),
	F(80, struct mp_proc, fork_ts),
	F(81, struct mp_proc, family),
	F(82, struct mp_proc, sharers),
	F(83, struct mp_proc, cow_shared),
	F(84, struct mp_proc, filled),
	F(85, struct mp_proc, exec_ts),
#define HEAP_FIELDS(base, src)                                                                  \
	F(base, struct mp_proc, heaps[src].ts), F(base + 1, struct mp_proc, heaps[src].r_used), \
		F(base + 2, struct mp_proc, heaps[src].r_committed),                            \
		F(base + 3, struct mp_proc, heaps[src].r_external)
	HEAP_FIELDS(40, MP_SRC_GC),
	HEAP_FIELDS(44, MP_SRC_V8),
	HEAP_FIELDS(48, MP_SRC_GO),
	HEAP_FIELDS(52, MP_SRC_JVM),
	HEAP_FIELDS(100, MP_SRC_PYTHON),
	HEAP_FIELDS(104, MP_SRC_RUBY),
	F(112, struct mp_proc, heap_seen),
	F(113, struct mp_proc, zheap),
	F(108, struct mp_proc, all_heaps.ts),
	F(109, struct mp_proc, all_heaps.r_used),
	F(110, struct mp_proc, all_heaps.r_committed),
	F(111, struct mp_proc, all_heaps.r_external),
	F(120, struct mp_proc, oom),
	F(121, struct mp_proc, r_refaults),
	F(122, struct mp_proc, r_oom_kills),
	F(123, struct mp_proc, rollup.rss),
	F(124, struct mp_proc, rollup.rss_anon),
};

static const struct field model_fields[] = {
	F(1, struct mp_model, now),	   F(2, struct mp_model, start),
	F(3, struct mp_model, events),	   F(4, struct mp_model, lost),
	F(5, struct mp_model, lost_total), F(6, struct mp_model, ended),
	F(7, struct mp_model, oom_others),
};

#define N(a)	      (sizeof(a) / sizeof((a)[0]))
#define GC_WORDS      (sizeof(struct mp_gc) / sizeof(uint64_t))
#define RELEASE_WORDS (sizeof(struct mp_release) / sizeof(uint64_t))
#define THREAD_WORDS  (sizeof(struct mp_thread) / sizeof(uint64_t))
#define KINDS_EACH    6 /* of MP_TOTAL_MAP_KINDS */

/* mp_event.flags of MP_TOTAL_SITE: of which table the record is. */
#define SITE_RELEASE 0

static const struct field *field_by_id(const struct field *t, size_t n, uint32_t id)
{
	for (size_t i = 0; i < n; i++)
		if (t[i].id == id)
			return &t[i];
	return NULL;
}

/* --- reading a dump ------------------------------------------------------------------- */

static void put_words(void *base, const struct field *f, const struct mp_event *e)
{
	size_t at = e->flags, n;

	if (!f || at >= f->words)
		return;
	n = f->words - at < 7 ? f->words - at : 7;
	memcpy((char *)base + f->off + at * sizeof(uint64_t), e->v, n * sizeof(uint64_t));
}

static void put_map(struct mp_proc *p, const struct mp_event *e)
{
	struct mp_mapping *v = mp_proc_find(p, e->v[0]);

	if (!v)
		return;
	v->faults = e->v[1];
	v->released = e->v[2];
	v->refaulted = e->v[3];
	v->last_ts = e->v[4];
}

/* The words of a collection's record arrive in order; the first makes room. */
static int put_gc(struct mp_proc *p, const struct mp_event *e)
{
	size_t at = e->x, n = GC_WORDS - at < 7 ? GC_WORDS - at : 7;

	if (at >= GC_WORDS || (at && !p->n_gcs) || (!at && p->n_gcs == MP_GC_MAX))
		return 0;
	if (at == 0) {
		size_t cap = 1;

		while (cap < p->n_gcs + 1)
			cap *= 2;
		void *t = realloc(p->gcs, cap * sizeof(*p->gcs));

		if (!t)
			return -ENOMEM;
		p->gcs = t;
		memset(&p->gcs[p->n_gcs++], 0, sizeof(*p->gcs));
		if (e->flags & 1) /* it and all after it are still out */
			p->gc_unpaid = p->n_gcs - 1;
		if (e->flags & 2)
			p->gc_paid = p->n_gcs;
	}
	memcpy((uint64_t *)&p->gcs[p->n_gcs - 1] + at, e->v, n * sizeof(uint64_t));
	return 0;
}

/* The same of a row of releases; its place and kind are in the first words, and its
 * number is what tags of pages name. */
static int put_release(struct mp_proc *p, const struct mp_event *e)
{
	size_t at = e->x, n = RELEASE_WORDS - at < 7 ? RELEASE_WORDS - at : 7;
	struct mp_release r = { 0 };
	int err;

	if (at >= RELEASE_WORDS || (at && !p->n_releases))
		return 0;
	if (at == 0) {
		memcpy(&r, e->v, n * sizeof(uint64_t));
		if (r.call >= MP_CALL_MAX || r.advice > 0xffff)
			return -EINVAL;
		err = release_add(p, &r);
		return err == -ENOSPC ? 0 : err;
	}
	memcpy((uint64_t *)&p->releases[p->n_releases - 1] + at, e->v, n * sizeof(uint64_t));
	return 0;
}

static void put_map_kinds(struct mp_proc *p, const struct mp_event *e)
{
	struct mp_mapping *v = mp_proc_find(p, e->v[0]);

	for (size_t i = 0; v && i < KINDS_EACH && e->x + i < MP_FK_MAX; i++)
		v->fk[e->x + i] = e->v[1 + i];
}

/* The first word is tid and name: it makes the record. */
static int put_thread(struct mp_proc *p, const struct mp_event *e)
{
	size_t at = e->x, n = THREAD_WORDS - at < 7 ? THREAD_WORDS - at : 7;
	struct mp_thread *t;

	if (at >= THREAD_WORDS)
		return 0;
	t = faults_thread(p, e->tid);
	if (!t)
		return -ENOMEM;
	memcpy((uint64_t *)t + at, e->v, n * sizeof(uint64_t));
	t->tid = t == &p->rest ? 0 : e->tid;
	return 0;
}

static int put_fsite(struct mp_proc *p, const struct mp_event *e)
{
	struct mp_fsite *s = faults_site(p, e->v[0]);

	if (!s)
		return -ENOMEM;
	s->samples = e->v[1];
	s->pages = e->v[2];
	s->squares = e->v[3];
	return 0;
}

int fold_total(struct mp_model *m, const struct mp_event *e)
{
	struct mp_proc *p = mp_model_proc(m, e->mm);

	if (!m->in_key) /* damage: never overwrite counters in mid-stream */
		return 0;
	if (e->sub == MP_TOTAL_MODEL)
		put_words(m, field_by_id(model_fields, N(model_fields), e->x), e);
	else if (!p)
		return 0;
	else if (e->sub == MP_TOTAL_PROC)
		put_words(p, field_by_id(proc_fields, N(proc_fields), e->x), e);
	else if (e->sub == MP_TOTAL_MAP)
		put_map(p, e);
	else if (e->sub == MP_TOTAL_GC)
		return put_gc(p, e);
	else if (e->sub == MP_TOTAL_SITE && e->flags == SITE_RELEASE)
		return put_release(p, e);
	else if (e->sub == MP_TOTAL_THREAD)
		return put_thread(p, e);
	else if (e->sub == MP_TOTAL_MAP_KINDS)
		put_map_kinds(p, e);
	else if (e->sub == MP_TOTAL_FAULT_SITE)
		return put_fsite(p, e);
	else if (e->sub == MP_TOTAL_LONE)
		return faults_put_lone(p, e);
	return 0;
}

/* --- writing one ------------------------------------------------------------------------ */

struct out {
	mp_emit_fn *emit;
	void *ctx;
	const struct mp_model *m;
	const struct mp_proc *p;
	uint8_t pages_op;
	int err;
};

static struct mp_event blank(const struct out *o, uint16_t type, uint8_t sub)
{
	return (struct mp_event){
		.ts = o->m->now, .type = type, .sub = sub, .mm = o->p ? o->p->mm : 0
	};
}

static void out(struct out *o, const struct mp_event *e)
{
	if (!o->err)
		o->err = o->emit(o->ctx, e);
}

static void out_words(struct out *o, uint8_t sub, const struct field *f, const void *base)
{
	const uint64_t *w = (const uint64_t *)((const char *)base + f->off);

	for (size_t at = 0; at < f->words; at += 7) {
		struct mp_event e = blank(o, MP_EV_TOTAL, sub);
		size_t n = f->words - at < 7 ? f->words - at : 7, zero = 0;

		for (size_t i = 0; i < n; i++)
			zero += w[at + i] == 0;
		/* The big tables are mostly zero, as in a fresh process. */
		if (zero == n && f->words > 7)
			continue;
		e.x = f->id;
		e.flags = (uint8_t)at;
		memcpy(e.v, w + at, n * sizeof(uint64_t));
		out(o, &e);
	}
}

static void out_stream(struct out *o)
{
	for (uint32_t i = 1; i < o->m->n_strs; i++)
		if (o->m->strs[i] && !o->err)
			o->err = mp_tell_known(o->m, i, o->m->now, o->emit, o->ctx);
	for (uint8_t i = 0; i < MP_META_MAX; i++) {
		struct mp_event e = blank(o, MP_EV_META, i);

		e.meta.num = o->m->meta[i];
		e.meta.isstr = i == MP_META_COMM || i == MP_META_EXE || i == MP_META_KERNEL ||
			       i == MP_META_VERSION || i == MP_META_CMDLINE || i == MP_META_ENVIRON;
		if (e.meta.num != MP_UNKNOWN && !mp_meta_of_file(i))
			out(o, &e);
	}
	for (uint8_t i = 0; i < MP_FEAT_MAX; i++) {
		struct mp_event e = blank(o, MP_EV_PROBE, i);

		e.x = o->m->probes[i].rung;
		e.v[0] = (uint64_t)(int64_t)o->m->probes[i].err;
		e.v[1] = o->m->probes[i].why;
		if (o->m->probes[i].known)
			out(o, &e);
	}
	if (!o->err)
		o->err = stacks_dump(o->m, o->emit, o->ctx);
	if (!o->err)
		o->err = places_dump(o->m, o->emit, o->ctx);
	if (!o->err)
		o->err = clocks_dump(o->m, o->emit, o->ctx);
	for (size_t i = 0; i < N(model_fields); i++)
		out_words(o, MP_TOTAL_MODEL, &model_fields[i], o->m);
}

static int out_pages(void *ctx, uint64_t addr, uint64_t len)
{
	struct out *o = ctx;
	struct mp_event e = blank(o, MP_EV_PAGES, o->pages_op);

	e.pages.addr = addr;
	e.pages.len = len;
	out(o, &e);
	return o->err;
}

/* Dropped or lazy pages of one tag: `x` is the row of its release + 1, `flags` how it
 * went where no call took it (sites.c), `site` the stack for whoever reads the dump. */
static int out_tagged(void *ctx, uint64_t addr, uint64_t len, uint64_t tag)
{
	struct out *o = ctx;
	struct mp_event e = blank(o, MP_EV_PAGES, o->pages_op);
	size_t row = release_tag_row(tag);

	e.x = (uint32_t)(row + 1) & 0xffff;
	e.flags = (uint8_t)release_tag_taken(tag);
	e.pages.addr = addr;
	e.pages.len = len;
	e.pages.since = release_tag_since(tag);
	e.pages.site = row < o->p->n_releases ? o->p->releases[row].stack : 0;
	out(o, &e);
	return o->err;
}

static int out_huge(void *ctx, uint64_t addr, uint64_t len)
{
	struct out *o = ctx;
	struct mp_event e = blank(o, MP_EV_PAGES, MP_PAGES_RESIDENT);

	e.flags = MP_PAGES_HUGE;
	e.pages.addr = addr;
	e.pages.len = len;
	out(o, &e);
	return o->err;
}

static void out_maps(struct out *o)
{
	struct mp_event e = blank(o, MP_EV_MAP, MP_MAP_BEGIN);

	/* A table made of calls alone is dumped too: without it pages have no place. */
	out(o, &e);
	for (const struct mp_mapping *v = o->p->maps; v; v = v->next) {

		e = blank(o, MP_EV_MAP, MP_MAP_LINE);
		e.x = v->bits;
		e.flags = (uint8_t)(v->cls + 1);
		e.map.start = v->start;
		e.map.end = v->end;
		e.map.off = v->off;
		e.map.ino = v->ino;
		e.map.dev = v->dev;
		e.map.name = v->name;
		out(o, &e);
	}
	e = blank(o, MP_EV_MAP, MP_MAP_END);
	e.ts = o->p->maps_ts;
	e.flags = o->p->maps_known ? 0 : MP_MAP_UNKNOWN;
	out(o, &e);
}

/* After the pages: restoring those moves the same counters. */
static void out_map_counters(struct out *o)
{
	for (const struct mp_mapping *v = o->p->maps; v; v = v->next) {
		struct mp_event e = blank(o, MP_EV_TOTAL, MP_TOTAL_MAP);

		e.v[0] = v->start;
		e.v[1] = v->faults;
		e.v[2] = v->released;
		e.v[3] = v->refaulted;
		e.v[4] = v->last_ts;
		out(o, &e);
	}
}

/* Where a mapping has no fault, it has none of any kind. */
static void out_map_kinds(struct out *o)
{
	for (const struct mp_mapping *v = o->p->maps; v; v = v->next) {
		for (uint32_t at = 0; v->faults && at < MP_FK_MAX; at += KINDS_EACH) {
			struct mp_event e = blank(o, MP_EV_TOTAL, MP_TOTAL_MAP_KINDS);
			bool any = false;

			e.x = at;
			e.v[0] = v->start;
			for (size_t i = 0; i < KINDS_EACH && at + i < MP_FK_MAX; i++) {
				e.v[1 + i] = v->fk[at + i];
				any |= v->fk[at + i] != 0;
			}
			if (any)
				out(o, &e);
		}
	}
}

static void out_thread(struct out *o, const struct mp_thread *t)
{
	for (size_t at = 0; at < THREAD_WORDS; at += 7) {
		struct mp_event e = blank(o, MP_EV_TOTAL, MP_TOTAL_THREAD);
		size_t n = THREAD_WORDS - at < 7 ? THREAD_WORDS - at : 7;

		e.tid = t->tid;
		e.x = (uint32_t)at;
		memcpy(e.v, (const uint64_t *)t + at, n * sizeof(uint64_t));
		out(o, &e);
	}
}

/* Threads, stacks, and what may yet turn out to have been huge. */
static void out_faults(struct out *o)
{
	struct mp_event e = blank(o, MP_EV_TOTAL, MP_TOTAL_LONE);

	out_map_kinds(o);
	out_thread(o, &o->p->rest);
	for (size_t i = 0; i < o->p->n_threads; i++)
		out_thread(o, &o->p->threads[i]);
	for (size_t at = 0; (at = faults_lone(o->p, at, (uint64_t *)e.v));) {
		out(o, &e);
		memset(e.v, 0, sizeof(e.v));
	}
	for (size_t i = 0; i < o->p->n_fsites; i++) {
		const struct mp_fsite *s = &o->p->fsites[i];

		e = blank(o, MP_EV_TOTAL, MP_TOTAL_FAULT_SITE);
		e.v[0] = s->stack;
		e.v[1] = s->samples;
		e.v[2] = s->pages;
		e.v[3] = s->squares;
		out(o, &e);
	}
}

static void out_figures(struct out *o, const struct mp_heap *h, struct mp_event *e)
{
	e->heap.used = h->used;
	e->heap.committed = h->committed;
	e->heap.external = h->external;
	e->heap.arrays = h->arrays;
	e->heap.limit = h->limit;
	e->heap.goal = h->goal;
	e->heap.live = h->live;
	out(o, e);
}

static void out_heap(struct out *o, uint8_t src)
{
	const struct mp_heap *h = &o->p->heaps[src];
	struct mp_event e = blank(o, MP_EV_HEAP, src);

	if (h->present)
		out_figures(o, h, &e);
	for (unsigned i = 0; i < h->n_spaces; i++) {
		e = blank(o, MP_EV_SPACE, src);
		e.space.name = h->spaces[i].name;
		e.space.used = h->spaces[i].used;
		e.space.committed = h->spaces[i].committed;
		e.space.resident = h->spaces[i].resident;
		out(o, &e);
	}
}

static void out_ranges(struct out *o)
{
	for (size_t i = 0; i < o->p->n_ranges; i++) {
		struct mp_event e = blank(o, MP_EV_HEAP_RANGE, MP_HEAP_RESERVE);

		e.range.addr = o->p->ranges[i].start;
		e.range.len = o->p->ranges[i].end - o->p->ranges[i].start;
		e.range.source = o->p->ranges[i].source;
		out(o, &e);
	}
}

static size_t first_unpaid(const struct mp_proc *p)
{
	size_t unpaid = p->gc_unpaid;

	while (unpaid < p->n_gcs &&
	       p->gcs[unpaid].freed == p->gcs[unpaid].returned + p->gcs[unpaid].reused)
		unpaid++;
	return unpaid;
}

/* All that still owe, and the last GCS_KEPT. */
size_t dump_gcs_first(const struct mp_proc *p)
{
	size_t first = p->n_gcs > GCS_KEPT ? p->n_gcs - GCS_KEPT : 0;
	size_t unpaid = first_unpaid(p);

	return unpaid < first ? unpaid : first;
}

static void out_gcs(struct out *o)
{
	const struct mp_proc *p = o->p;
	size_t unpaid = first_unpaid(p);

	for (size_t i = dump_gcs_first(p); i < p->n_gcs; i++) {
		for (size_t at = 0; at < GC_WORDS; at += 7) {
			struct mp_event e = blank(o, MP_EV_TOTAL, MP_TOTAL_GC);
			size_t n = GC_WORDS - at < 7 ? GC_WORDS - at : 7;

			e.x = (uint32_t)at;
			e.flags = (uint8_t)((i == unpaid) | (i + 1 == p->gc_paid) << 1);
			memcpy(e.v, (const uint64_t *)&p->gcs[i] + at, n * sizeof(uint64_t));
			out(o, &e);
		}
	}
}

static void out_releases(struct out *o)
{
	for (size_t i = 0; i < o->p->n_releases; i++) {
		for (size_t at = 0; at < RELEASE_WORDS; at += 7) {
			struct mp_event e = blank(o, MP_EV_TOTAL, MP_TOTAL_SITE);
			size_t n = RELEASE_WORDS - at < 7 ? RELEASE_WORDS - at : 7;

			e.x = (uint32_t)at;
			e.flags = SITE_RELEASE;
			memcpy(e.v, (const uint64_t *)&o->p->releases[i] + at,
			       n * sizeof(uint64_t));
			out(o, &e);
		}
	}
	if (o->p->call_site.stack && o->p->call_site.ts == o->m->now) {
		struct mp_event e = blank(o, MP_EV_SITE, MP_SITE_CALL);

		e.tid = (uint32_t)o->p->call_site.tid;
		e.site.stack = o->p->call_site.stack;
		out(o, &e);
	}
}

static void out_all_pages(struct out *o)
{
	const struct mp_pageset *s = o->p->pages;

	o->pages_op = MP_PAGES_DROPPED;
	mp_pageset_tags(s, 0, 1ULL << 63, MP_PGS_DROPPED, out_tagged, o);
	o->pages_op = MP_PAGES_RESIDENT;
	mp_pageset_runs(s, 0, 1ULL << 63, MP_PGS_RESIDENT, out_pages, o);
	mp_pageset_huge_runs(s, 0, 1ULL << 63, out_huge, o);
	o->pages_op = MP_PAGES_LAZY;
	mp_pageset_tags(s, 0, 1ULL << 63, MP_PGS_LAZY, out_tagged, o);
}

static void out_cgroup_more(struct out *o, const struct mp_cgroup *g)
{
	struct mp_event e = blank(o, MP_EV_CGROUP_MORE, (uint8_t)g->version);

	e.ts = g->more_ts;
	e.x = g->stalled;
	e.cgroup_more.inactive_file = g->inactive_file;
	e.cgroup_more.active_file = g->active_file;
	e.cgroup_more.slab = g->slab;
	e.cgroup_more.dirty = g->dirty;
	e.cgroup_more.refaults = g->refaults;
	e.cgroup_more.oom_kills = g->oom_kills;
	e.cgroup_more.high = g->high;
	if (g->more_ts)
		out(o, &e);
}

static void out_status(struct out *o, const struct mp_status *s)
{
	struct mp_event e = blank(o, MP_EV_PROC, 0);

	e.ts = s->ts;
	e.proc.locked = s->locked;
	e.proc.pte = s->pte;
	e.proc.vsize = s->vsize;
	e.proc.stack = s->stack;
	e.proc.threads = s->threads;
	if (s->ts)
		out(o, &e);
}

/* What the kernel says besides RSS. */
static void out_beside(struct out *o)
{
	const struct mp_cgroup *g = &o->p->cgroup;
	const struct mp_rollup *r = &o->p->rollup;
	struct mp_event e = blank(o, MP_EV_CGROUP, (uint8_t)g->version);

	e.x = g->name;
	e.cgroup.charged = g->charged;
	e.cgroup.limit = g->limit;
	e.cgroup.anon = g->anon;
	e.cgroup.file = g->file;
	e.cgroup.shmem = g->shmem;
	e.cgroup.kernel = g->kernel;
	e.cgroup.swap = g->swap;
	if (g->version)
		out(o, &e);
	out_cgroup_more(o, g);
	e = blank(o, MP_EV_ROLLUP, 0);
	e.ts = r->ts;
	e.x = r->anon == MP_UNKNOWN ? 0 : (uint32_t)(r->anon / MP_PAGE_SIZE);
	e.rollup.pss_anon = r->pss_anon;
	e.rollup.pss_file = r->pss_file;
	e.rollup.pss_shmem = r->pss_shmem;
	e.rollup.private_dirty = r->private_dirty;
	e.rollup.shared_dirty = r->shared_dirty;
	e.rollup.anon_huge = r->anon_huge;
	e.rollup.lazyfree = r->lazyfree;
	if (r->ts)
		out(o, &e);
	out_status(o, &o->p->status);
}

static void out_proc(struct out *o)
{
	const struct mp_proc *p = o->p;
	struct mp_event e = blank(o, MP_EV_TASK, MP_TASK_TARGET);

	e.task.a = p->tgid;
	e.task.b = p->exe;
	e.task.c = p->parent;
	e.task.comm = p->comm;
	e.x = p->launched ? MP_TASK_F_LAUNCHED : 0;
	out(o, &e);
	out_maps(o);
	out_releases(o);
	out_all_pages(o);
	o->pages_op = MP_PAGES_ANON;
	mp_pageset_runs(p->file_anon, 0, 1ULL << 63, MP_PGS_RESIDENT, out_pages, o);
	out_map_counters(o);
	out_faults(o);
	out_ranges(o);
	for (uint8_t s = 1; s < MP_SRC_MAX; s++)
		out_heap(o, s);
	out_gcs(o);
	if (p->rss_known) {
		e = blank(o, MP_EV_RSS, MP_RSS_KERNEL);
		e.ts = p->rss.ts;
		e.rss.anon = p->rss.anon;
		e.rss.file = p->rss.file;
		e.rss.shmem = p->rss.shmem;
		e.rss.swap = p->rss.swap;
		e.rss.lazyfree = p->rss.lazyfree;
		e.rss.hugetlb = p->rss.hugetlb;
		e.rss.slack = p->rss.slack;
		out(o, &e);
	}
	out_beside(o);
	if (p->exited) {
		e = blank(o, MP_EV_TASK, MP_TASK_EXIT);
		e.task.a = p->exit_known ? (uint64_t)p->wait_status : MP_UNKNOWN;
		out(o, &e);
	}
	if (p->mm_gone) {
		e = blank(o, MP_EV_TASK, MP_TASK_MM_EXIT);
		out(o, &e);
	}
	/* Last: what the events above moved is overwritten by what it was. */
	for (size_t i = 0; i < N(proc_fields); i++)
		out_words(o, MP_TOTAL_PROC, &proc_fields[i], p);
}

int mp_model_dump(const struct mp_model *m, mp_emit_fn *emit, void *ctx)
{
	struct out o = { .emit = emit, .ctx = ctx, .m = m };
	struct mp_event e = blank(&o, MP_EV_KEYFRAME, MP_KEY_BEGIN);

	out(&o, &e);
	out_stream(&o);
	for (size_t i = 0; i < m->n_procs; i++) {
		o.p = m->procs[i];
		out_proc(&o);
	}
	o.p = NULL;
	e = blank(&o, MP_EV_KEYFRAME, MP_KEY_END);
	out(&o, &e);
	return o.err;
}

/* FNV-1a over the dump: equal state, equal dump, equal digest. */
static int digest_event(void *ctx, const struct mp_event *e)
{
	uint64_t *h = ctx;
	const unsigned char *b = (const unsigned char *)e;

	for (size_t i = 0; i < sizeof(*e); i++)
		*h = (*h ^ b[i]) * 0x100000001b3ULL;
	return 0;
}

uint64_t mp_model_digest(const struct mp_model *m)
{
	uint64_t h = 0xcbf29ce484222325ULL;

	mp_model_dump(m, digest_event, &h);
	return h;
}
