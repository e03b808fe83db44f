/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ev.h - what the tests of the fold share: builders of events, a model that is
 * checked against the invariants of model.h after every event, random numbers
 * that a printed seed gives again.
 */
#ifndef TESTS_EV_H
#define TESTS_EV_H

/* cmocka wants these before itself */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "user/model/model.h"
#include "user/model/pageset.h"

#define PG  MP_PAGE_SIZE
#define KIB 1024ULL
#define MIB (1ULL << 20)
#define GIB (1ULL << 30)
#define US  1000ULL
#define MS  1000000ULL
#define SEC 1000000000ULL
#define T0  (100 * SEC)

#define RW	 (PROT_READ | PROT_WRITE)
#define PRIV	 (MAP_PRIVATE | MAP_ANONYMOUS)
#define BITS_RW	 (MP_MAP_R | MP_MAP_W)
#define BITS_LIB (MP_MAP_R | MP_MAP_X | MP_MAP_FILE)
#define MM	 1 /* the mm most tests are about */

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

/* --- random numbers ---------------------------------------------------------------- */

struct rnd {
	uint64_t s;
};

static inline uint64_t rnd(struct rnd *r)
{
	uint64_t z = r->s += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static inline uint64_t rnd_below(struct rnd *r, uint64_t n)
{
	return rnd(r) % n;
}

/* The seed of a random test, printed; MP_SEED=n in the environment replays one. */
static inline struct rnd rnd_seed(const char *test, uint64_t def)
{
	const char *env = getenv("MP_SEED");
	struct rnd r = { env && *env ? strtoull(env, NULL, 0) : def };

	printf("%s: MP_SEED=%llu\n", test, (unsigned long long)r.s);
	return r;
}

/* --- events ------------------------------------------------------------------------ */

static inline struct mp_event ev(unsigned type, unsigned sub, uint32_t mm, uint64_t ts)
{
	struct mp_event e;

	memset(&e, 0, sizeof(e));
	e.ts = ts;
	e.type = (uint16_t)type;
	e.sub = (uint8_t)sub;
	e.mm = mm;
	e.tid = 100;
	return e;
}

static inline struct mp_event ev_fault(uint32_t mm, uint64_t ts, uint64_t addr, uint32_t pages,
				       unsigned kind)
{
	struct mp_event e = ev(MP_EV_FAULT, kind, mm, ts);

	e.x = pages;
	e.fault.addr = addr;
	return e;
}

static inline struct mp_event ev_call(uint32_t mm, uint64_t ts, enum mp_call call, uint64_t addr,
				      uint64_t len, int64_t ret)
{
	struct mp_event e = ev(MP_EV_CALL, call, mm, ts);

	e.call.addr = addr;
	e.call.len = len;
	e.call.ret = ret;
	e.call.dur = 1000;
	if (call != MP_CALL_BRK && ret < 0 && ret > -4096)
		e.flags |= MP_CALL_FAILED;
	return e;
}

static inline struct mp_event ev_mmap(uint32_t mm, uint64_t ts, uint64_t at, uint64_t len, int prot,
				      int flags)
{
	struct mp_event e =
		ev_call(mm, ts, MP_CALL_MMAP, flags & MAP_FIXED ? at : 0, len, (int64_t)at);

	e.x = MP_MMAP_X(prot, flags);
	return e;
}

static inline struct mp_event ev_madvise(uint32_t mm, uint64_t ts, uint64_t addr, uint64_t len,
					 unsigned advice)
{
	struct mp_event e = ev_call(mm, ts, MP_CALL_MADVISE, addr, len, 0);

	e.x = advice;
	return e;
}

static inline struct mp_event ev_mremap(uint32_t mm, uint64_t ts, uint64_t from, uint64_t old,
					uint64_t len, uint64_t to, unsigned flags)
{
	struct mp_event e = ev_call(mm, ts, MP_CALL_MREMAP, from, old, (int64_t)to);

	e.call.len2 = len;
	e.x = flags;
	return e;
}

static inline struct mp_event ev_brk(uint32_t mm, uint64_t ts, uint64_t asked, uint64_t was,
				     uint64_t now)
{
	struct mp_event e = ev_call(mm, ts, MP_CALL_BRK, asked, 0, (int64_t)now);

	e.call.len2 = was;
	if (asked && now != asked)
		e.flags |= MP_CALL_FAILED;
	return e;
}

static inline struct mp_event ev_rss(uint32_t mm, uint64_t ts, uint64_t anon, uint64_t file,
				     uint64_t shmem)
{
	struct mp_event e = ev(MP_EV_RSS, MP_RSS_KERNEL, mm, ts);

	e.rss.anon = anon;
	e.rss.file = file;
	e.rss.shmem = shmem;
	e.rss.lazyfree = e.rss.hugetlb = MP_UNKNOWN;
	return e;
}

static inline struct mp_event ev_line(uint32_t mm, uint64_t ts, uint64_t start, uint64_t end,
				      uint32_t bits, uint32_t name)
{
	struct mp_event e = ev(MP_EV_MAP, MP_MAP_LINE, mm, ts);

	e.x = bits;
	e.map.start = start;
	e.map.end = end;
	e.map.name = name;
	return e;
}

static inline struct mp_event ev_pages(uint32_t mm, uint64_t ts, unsigned op, uint64_t addr,
				       uint64_t len)
{
	struct mp_event e = ev(MP_EV_PAGES, op, mm, ts);

	e.pages.addr = addr;
	e.pages.len = len;
	return e;
}

static inline struct mp_event ev_task(uint32_t mm, uint64_t ts, unsigned op, uint64_t a, uint64_t b)
{
	struct mp_event e = ev(MP_EV_TASK, op, mm, ts);

	e.task.a = a;
	e.task.b = b;
	return e;
}

static inline struct mp_event ev_heap(uint32_t mm, uint64_t ts, unsigned src, uint64_t used,
				      uint64_t committed)
{
	struct mp_event e = ev(MP_EV_HEAP, src, mm, ts);

	for (int i = 0; i < 7; i++)
		e.v[i] = MP_UNKNOWN;
	e.heap.used = used;
	e.heap.committed = committed;
	return e;
}

static inline struct mp_event ev_gc(uint32_t mm, uint64_t ts, unsigned kind, uint64_t before,
				    uint64_t after)
{
	struct mp_event e = ev(MP_EV_GC, kind, mm, ts);

	e.gc.before = before;
	e.gc.after = after;
	e.gc.cbefore = e.gc.cafter = MP_UNKNOWN;
	e.gc.pause = 1 * MS;
	e.gc.start = ts - 1 * MS;
	e.gc.source = MP_SRC_GC;
	return e;
}

static inline struct mp_event ev_range(uint32_t mm, uint64_t ts, unsigned op, uint64_t addr,
				       uint64_t len)
{
	struct mp_event e = ev(MP_EV_HEAP_RANGE, op, mm, ts);

	e.range.addr = addr;
	e.range.len = len;
	e.range.source = MP_SRC_GC;
	return e;
}

static inline struct mp_event ev_str(uint64_t ts, uint32_t id, const char *s, size_t total,
				     size_t pos)
{
	struct mp_event e = ev(MP_EV_STR, 0, 0, ts);
	size_t n = total - pos < MP_STR_CHUNK ? total - pos : MP_STR_CHUNK;

	e.x = (uint32_t)total;
	e.str.id = id;
	e.str.pos = (uint32_t)pos;
	memcpy(e.str.text, s + pos, n);
	return e;
}

/* --- invariants ---------------------------------------------------------------------- */

/* The list and what finds in it are one table, sorted and disjoint. */
static inline void check_index(const struct mp_proc *p)
{
	const struct mp_mapping *prev = NULL;
	size_t n = 0;

	for (struct mp_mapping *v = p->maps; v; v = v->next) {
		assert_ptr_equal(v->prev, prev);
		assert_true(!prev || prev->end <= v->start);
		assert_ptr_equal(mp_map_at(p, n), v);
		assert_ptr_equal(mp_proc_find(p, v->start), v);
		assert_ptr_equal(mp_proc_find(p, v->end - 1), v);
		if (!prev || prev->end < v->start)
			assert_null(mp_proc_find(p, v->start - 1));
		prev = v;
		n++;
	}
	assert_int_equal(p->n_maps, n);
	assert_null(mp_map_at(p, n));
}

/* What model.h promises of a process; says which promise broke. */
static inline void check_proc(const struct mp_proc *p)
{
	uint64_t cls[MP_CLS_MAX] = { 0 }, kind[MP_KIND_MAX] = { 0 };
	uint64_t lazy[MP_CLS_MAX] = { 0 }, in_maps = 0, prev = 0, owed = 0, anon = 0;
	struct mp_account a;

	check_index(p);
	for (const struct mp_mapping *v = p->maps; v; v = v->next) {
		assert_true(v->start < v->end);
		assert_true(v->start >= prev);
		prev = v->end;
		assert_true(v->cls < MP_CLS_MAX);
		assert_int_equal(v->resident, mp_proc_resident(p, v->start, v->end));
		cls[v->cls] += v->resident;
		kind[mp_map_kind(v)] += v->resident;
		assert_true(!(v->bits & MP_MAP_HUGETLB) || !v->resident);
		in_maps += v->resident;
		assert_int_equal(v->lazy,
				 mp_pageset_count_lazy(p->pages, v->start, v->end - v->start));
		lazy[v->cls] += v->lazy;
		anon += v->anon;
		assert_true(v->anon <= v->resident);
	}
	for (int c = 0; c < MP_CLS_MAX; c++)
		assert_int_equal(cls[c], p->cls_pages[c]);
	for (int c = 0; c < MP_CLS_MAX; c++)
		assert_int_equal(lazy[c], p->cls_lazy[c]);
	assert_int_equal(mp_pageset_check(p->pages), 0);
	for (int k = 0; k < MP_KIND_MAX; k++)
		assert_int_equal(kind[k], p->kind_pages[k]);
	assert_int_equal(in_maps + p->orphan_pages, mp_pageset_total(p->pages));
	assert_int_equal(anon, p->file_anon_pages);
	assert_true(mp_faults_check(p));
	for (size_t i = 0; i < p->n_gcs; i++) {
		const struct mp_gc *g = &p->gcs[i];

		assert_true(g->returned + g->reused >= g->returned);
		assert_true(g->freed >= g->returned + g->reused);
		owed += g->freed - g->returned - g->reused;
	}
	if (!p->gc_dropped)
		assert_int_equal(owed, p->owed);
	assert_true(p->owed_max >= p->owed);
	mp_account(p, &a);
	assert_true(mp_account_check(&a));
	assert_int_equal(a.rss, a.live_heap + a.free_heap_resident + a.unsplit_heap + a.arenas +
					a.native + a.brk + a.stacks + a.runtime + a.other_anon +
					a.file + a.shmem + a.lazyfree + a.unknown);
	assert_true(a.lazy_heap >= 0 && a.live_heap >= 0 && a.free_heap_resident >= 0);
	if (p->rss_known)
		assert_int_equal(a.rss, mp_proc_rss(p));
	assert_true(p->tl.n <= MP_TL_MAX);
}

static inline void check_model(const struct mp_model *m)
{
	for (size_t i = 0; i < m->n_procs; i++)
		check_proc(m->procs[i]);
}

/* --- a model with one process ----------------------------------------------------------- */

struct fx {
	struct mp_model *m;
	uint64_t ts;
};

static inline struct mp_proc *P(struct fx *f)
{
	return mp_model_proc(f->m, MM);
}

/* Folds an event that must be taken, and checks what must always hold. */
static inline void fold(struct fx *f, struct mp_event e)
{
	assert_int_equal(mp_model_fold(f->m, &e), 0);
	check_model(f->m);
}

static inline uint64_t tick(struct fx *f)
{
	return f->ts += 10 * US;
}

static inline struct fx fx_empty(void)
{
	struct fx f = { mp_model_new(), T0 };

	assert_non_null(f.m);
	return f;
}

static inline void fx_snap_begin(struct fx *f)
{
	fold(f, ev(MP_EV_MAP, MP_MAP_BEGIN, MM, tick(f)));
}

static inline void fx_line(struct fx *f, uint64_t start, uint64_t len, uint32_t bits, uint32_t name)
{
	fold(f, ev_line(MM, f->ts, start, start + len, bits, name));
}

static inline void fx_snap_end(struct fx *f)
{
	fold(f, ev(MP_EV_MAP, MP_MAP_END, MM, f->ts));
}

/* A process being watched, its (empty) mapping table known. */
static inline struct fx fx_new(void)
{
	struct fx f = fx_empty();

	fold(&f, ev_task(MM, tick(&f), MP_TASK_TARGET, 100, 0));
	fx_snap_begin(&f);
	fx_snap_end(&f);
	return f;
}

static inline void fx_free(struct fx *f)
{
	mp_model_free(f->m);
	f->m = NULL;
}

static inline void fx_str(struct fx *f, uint32_t id, const char *s)
{
	size_t len = strlen(s);

	for (size_t pos = 0; pos < len; pos += MP_STR_CHUNK)
		fold(f, ev_str(tick(f), id, s, len, pos));
}

static inline void do_mmap(struct fx *f, uint64_t at, uint64_t len, int prot, int flags)
{
	fold(f, ev_mmap(MM, tick(f), at, len, prot, flags));
}

static inline void do_munmap(struct fx *f, uint64_t addr, uint64_t len)
{
	fold(f, ev_call(MM, tick(f), MP_CALL_MUNMAP, addr, len, 0));
}

static inline void do_mprotect(struct fx *f, uint64_t addr, uint64_t len, int prot)
{
	struct mp_event e = ev_call(MM, tick(f), MP_CALL_MPROTECT, addr, len, 0);

	e.x = (uint32_t)prot;
	fold(f, e);
}

static inline void do_mremap(struct fx *f, uint64_t from, uint64_t old, uint64_t len, uint64_t to,
			     unsigned flags)
{
	fold(f, ev_mremap(MM, tick(f), from, old, len, to, flags));
}

static inline void do_brk(struct fx *f, uint64_t was, uint64_t now)
{
	fold(f, ev_brk(MM, tick(f), now, was, now));
}

static inline void do_madvise(struct fx *f, uint64_t addr, uint64_t len, unsigned advice)
{
	fold(f, ev_madvise(MM, tick(f), addr, len, advice));
}

static inline void do_touch(struct fx *f, uint64_t addr, uint64_t pages)
{
	fold(f, ev_fault(MM, tick(f), addr, (uint32_t)pages, MP_FAULT_WRITE));
}

static inline void do_read(struct fx *f, uint64_t addr, uint64_t pages)
{
	fold(f, ev_fault(MM, tick(f), addr, (uint32_t)pages, 0));
}

static inline void do_rss(struct fx *f, uint64_t anon, uint64_t file, uint64_t shmem)
{
	fold(f, ev_rss(MM, tick(f), anon, file, shmem));
}

/* Pages resident in [addr, addr+pages). */
static inline uint64_t res(struct fx *f, uint64_t addr, uint64_t pages)
{
	return mp_proc_resident(P(f), addr, addr + pages * PG);
}

/* The mapping of addr is exactly [start, start+len). */
static inline void assert_mapping(struct fx *f, uint64_t addr, uint64_t start, uint64_t len)
{
	const struct mp_mapping *v = mp_proc_find(P(f), addr);

	assert_non_null(v);
	assert_int_equal(v->start, start);
	assert_int_equal(v->end, start + len);
}

#endif /* TESTS_EV_H */
