/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * mem.c - the fold of kernel events: calls, counters, scans. Faults: faults.c.
 *
 * What an event says about residency follows the kernel's rules; where it does
 * not say (huge pages, fault-around, populate, reclaim) nothing is guessed: a
 * scan corrects the set with MP_EV_PAGES.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "user/model/internal.h"
#include "user/model/maptab.h"
#include "user/util/util.h"

/* Newer than Debian 12's headers; include/uapi/asm-generic/mman-common.h */
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#define MADV_POPULATE_READ_ 22	/* 5.14 */
#define MADV_GUARD_INSTALL_ 102 /* 6.13 */

static uint64_t page_up(uint64_t v)
{
	return (v + MP_PAGE_SIZE - 1) & ~(MP_PAGE_SIZE - 1);
}

/* --- calls ------------------------------------------------------------------------ */

struct call_effect {
	uint64_t dropped; /* pages the model saw leave */
	uint64_t heap;	  /* ... of heap mappings      */
	uint64_t kind[3]; /* ... of anonymous, file, shmem mappings */
	uint64_t lazy;	  /* pages left to the kernel by MADV_FREE  */
	uint64_t tag;	  /* of what the call drops */
};

static void drop_range(struct mp_proc *p, uint64_t addr, uint64_t len, enum pages_leave how,
		       struct call_effect *ce)
{
	struct range_effect eff = { .tag = ce->tag };

	pages_clear(p, addr, len, how, &eff);
	mp_pageset_absent(p->file_anon, addr, len, NULL);
	ce->dropped += eff.pages;
	ce->heap += eff.heap;
	for (int k = 0; k < 3; k++)
		ce->kind[k] += eff.kind[k];
}

/*
 * A huge page comes in with one fault, and the model learns of its other 511 pages
 * at the next scan. When the call's own word is that more left than the model knew,
 * the mapping it worked on is credited with the rest.
 */
static void credit_unseen(struct mp_proc *p, const struct mp_event *e, struct call_effect *ce)
{
	struct mp_mapping *v = mp_proc_find(p, e->call.addr);
	int64_t left = -((int64_t)e->call.d_anon + e->call.d_file + e->call.d_shmem);
	uint64_t more;

	if (e->flags & (MP_CALL_NO_DELTA | MP_CALL_SHARED | MP_CALL_FAILED) ||
	    left <= (int64_t)ce->dropped)
		return;
	more = (uint64_t)left - ce->dropped;
	ce->dropped += more;
	if (!v)
		return;
	v->released += more;
	if (v->cls == MP_CLS_HEAP)
		ce->heap += more;
}

/* Where nothing is, what was released there before is still remembered. */
static bool holds_something(const struct mp_proc *p, uint64_t start, uint64_t end)
{
	const struct mp_mapping *v = maptab_above(p, start);

	return (v && v->start < end) || mp_proc_resident(p, start, end);
}

static int call_mmap(struct mp_proc *p, const struct mp_event *e, struct call_effect *ce)
{
	uint32_t flags = MP_MMAP_FLAGS(e->x), prot = MP_MMAP_PROT(e->x), bits = 0;
	struct mp_mapping like = { .cls = MP_CLS_ANON };
	uint64_t start = (uint64_t)e->call.ret, len = page_up(e->call.len);

	bits |= prot & PROT_READ ? MP_MAP_R : 0;
	bits |= prot & PROT_WRITE ? MP_MAP_W : 0;
	bits |= prot & PROT_EXEC ? MP_MAP_X : 0;
	bits |= flags & MAP_SHARED ? MP_MAP_SHARED : 0;
	if (!(flags & MAP_ANONYMOUS))
		bits |= MP_MAP_FILE;
	else if (flags & MAP_SHARED)
		bits |= MP_MAP_FILE | MP_MAP_SHMEM; /* lives in a nameless shmem file */
	if (flags & MAP_HUGETLB)
		bits = (bits | MP_MAP_FILE | MP_MAP_HUGETLB) & ~(uint32_t)MP_MAP_SHMEM;
	if (holds_something(p, start, start + len)) /* MAP_FIXED over it */
		drop_range(p, start, len, PAGES_UNMAPPED, ce);
	p->vma_calls++;
	like.bits = bits;
	return maps_insert(p, start, start + len, &like);
}

static int call_munmap(struct mp_proc *p, const struct mp_event *e, struct call_effect *ce)
{
	uint64_t len = page_up(e->call.len);

	drop_range(p, e->call.addr, len, PAGES_UNMAPPED, ce);
	credit_unseen(p, e, ce);
	maps_remove(p, e->call.addr, e->call.addr + len);
	p->vma_calls++;
	return 0;
}

static int call_mremap(struct mp_proc *p, const struct mp_event *e, struct call_effect *ce)
{
	uint64_t from = e->call.addr, to = (uint64_t)e->call.ret;
	uint64_t old = page_up(e->call.len), len = page_up(e->call.len2);
	struct mp_mapping *v = mp_proc_find(p, from), like = { .bits = MP_MAP_R | MP_MAP_W };
	bool dontunmap = e->x & 4; /* MREMAP_DONTUNMAP (5.7) */
	int err;

	p->vma_calls++;
	like.cls = MP_CLS_ANON;
	if (v) {
		like = *v;
		like.off += from - v->start;
	}
	if (len < old)
		drop_range(p, from + len, old - len, PAGES_UNMAPPED, ce);
	if (from == to) {
		if (len < old)
			maps_remove(p, from + len, from + old);
		else if (len > old)
			return maps_extend(p, from + old, from + len);
		return 0;
	}
	drop_range(p, to, len, PAGES_UNMAPPED, ce);
	maps_remove(p, to, to + len);
	err = mp_pageset_move(p->pages, from, to, old < len ? old : len);
	if (!err)
		err = mp_pageset_move(p->file_anon, from, to, old < len ? old : len);
	maps_recount(p, from, from + old);
	if (err)
		return err;
	if (!dontunmap)
		maps_remove(p, from, from + old);
	else if (v) /* counts its pages again: none */
		err = maps_insert(p, from, from + old, &like);
	return err ? err : maps_insert(p, to, to + len, &like);
}

static int call_brk(struct mp_proc *p, const struct mp_event *e, struct call_effect *ce)
{
	uint64_t old = page_up(e->call.len2), now = page_up((uint64_t)e->call.ret);
	struct mp_mapping *v, like = { .bits = MP_MAP_R | MP_MAP_W, .cls = MP_CLS_BRK };

	if (!e->call.addr || old == now) /* sbrk(0) and the like */
		return 0;
	p->vma_calls++;
	if (now < old) {
		drop_range(p, now, old - now, PAGES_UNMAPPED, ce);
		maps_remove(p, now, old);
		return 0;
	}
	v = mp_proc_find(p, old - 1);
	if (v && v->cls == MP_CLS_BRK)
		like = *v;
	return maps_insert(p, old, now, &like);
}

/* FREE does not: its pages stay in RSS until reclaim wants them. */
bool advice_drops(unsigned advice)
{
	return advice == MADV_DONTNEED || advice == MADV_DONTNEED_LOCKED || advice == MADV_REMOVE ||
	       advice == MADV_GUARD_INSTALL_;
}

static int call_madvise(struct mp_proc *p, const struct mp_event *e, struct call_effect *ce)
{
	uint64_t len = page_up(e->call.len);
	struct range_effect eff = { .e = e };

	if (advice_drops(e->x)) {
		struct mp_mapping *v = mp_proc_find(p, e->call.addr);

		drop_range(p, e->call.addr, len, PAGES_DROPPED, ce);
		credit_unseen(p, e, ce);
		if (v)
			v->last_ts = e->ts;
	} else if (e->x == MADV_FREE) {
		ce->lazy = pages_lazy(p, e->call.addr, len, ce->tag);
		p->lazy_since += ce->lazy;
		p->lazy_marked_ts = ce->lazy ? e->ts : p->lazy_marked_ts;
	} else if (e->x == MADV_POPULATE_WRITE && len / MP_PAGE_SIZE <= PAGES_MAX) {
		return pages_set(p, e->call.addr, len, &eff);
	}
	return 0;
}

static int call_mprotect(struct mp_proc *p, const struct mp_event *e)
{
	uint32_t rwx = (e->x & PROT_READ ? MP_MAP_R : 0) | (e->x & PROT_WRITE ? MP_MAP_W : 0) |
		       (e->x & PROT_EXEC ? MP_MAP_X : 0);

	if (!e->call.len)
		return 0;
	p->vma_calls++;
	return maps_protect(p, e->call.addr, e->call.addr + page_up(e->call.len), rwx);
}

/* Could these be ranges of an address space? A call that worked had such. */
static bool ranges_ok(const struct mp_event *e)
{
	uint64_t len = e->call.len > e->call.len2 ? e->call.len : e->call.len2;

	if (e->sub == MP_CALL_BRK)
		return range_ok(e->call.len2, 0) && range_ok((uint64_t)e->call.ret, 0);
	/* mlock and shmat round the address that they are given; others refuse it */
	if (e->sub < MP_CALL_BRK || e->sub == MP_CALL_MADVISE ||
	    e->sub == MP_CALL_PROCESS_MADVISE || e->sub == MP_CALL_MPROTECT) {
		bool chooses = e->sub == MP_CALL_MMAP || e->sub == MP_CALL_MREMAP;

		if (!on_pages(chooses ? (uint64_t)e->call.ret : 0,
			      e->sub == MP_CALL_MMAP ? 0 : e->call.addr))
			return false;
	}
	if ((e->sub == MP_CALL_MMAP || e->sub == MP_CALL_MREMAP) &&
	    !range_ok((uint64_t)e->call.ret, len + MP_PAGE_SIZE))
		return false;
	return e->sub == MP_CALL_MMAP || range_ok(e->call.addr, len + MP_PAGE_SIZE);
}

static int call_apply(struct mp_proc *p, const struct mp_event *e, struct call_effect *ce)
{
	/* Partial success: the mapped parts of the range were dropped (mm/madvise.c). */
	bool partial = e->sub == MP_CALL_MADVISE && (e->flags & MP_CALL_FAILED) &&
		       e->call.ret == -ENOMEM;

	if ((e->flags & MP_CALL_FAILED) && !partial)
		return 0;
	if (!ranges_ok(e))
		return -EINVAL;
	switch (e->sub) {
	case MP_CALL_MMAP:
		return call_mmap(p, e, ce);
	case MP_CALL_MUNMAP:
		return call_munmap(p, e, ce);
	case MP_CALL_MREMAP:
		return call_mremap(p, e, ce);
	case MP_CALL_BRK:
		return call_brk(p, e, ce);
	case MP_CALL_MADVISE:
	case MP_CALL_PROCESS_MADVISE:
		return call_madvise(p, e, ce);
	case MP_CALL_MPROTECT:
		return call_mprotect(p, e);
	default:
		return 0;
	}
}

static uint64_t bytes_asked(const struct mp_event *e)
{
	uint64_t old = e->call.len2, now = (uint64_t)e->call.ret;

	switch (e->sub) {
	case MP_CALL_BRK:
		if (!e->call.addr)
			return 0;
		return now > old ? now - old : old - now;
	case MP_CALL_MREMAP:
		return e->call.len2;
	default:
		return e->call.len;
	}
}

static void count_call(struct mp_callstat *s, const struct mp_event *e, int64_t delta,
		       const struct call_effect *ce)
{
	s->calls++;
	s->dur += e->call.dur;
	if (e->flags & MP_CALL_FAILED)
		s->failed++;
	else
		s->bytes += bytes_asked(e);
	if (e->flags & MP_CALL_NO_DELTA)
		s->no_delta++;
	s->rss_delta += delta;
	s->dropped += ce->dropped;
}

static void count_point(struct mp_proc *p, const struct mp_event *e, const struct call_effect *ce)
{
	struct mp_point *pt = tl_now(p);

	if (!pt)
		return;
	switch (e->sub) {
	case MP_CALL_MMAP:
		pt->mmap++;
		pt->mmap_bytes += e->flags & MP_CALL_FAILED ? 0 : e->call.len;
		break;
	case MP_CALL_MUNMAP:
	case MP_CALL_MREMAP:
		pt->munmap++;
		pt->mremap += e->sub == MP_CALL_MREMAP;
		pt->munmap_pages += ce->dropped;
		break;
	case MP_CALL_BRK:
		pt->brk_calls++;
		pt->munmap_pages += ce->dropped;
		break;
	case MP_CALL_MADVISE:
	case MP_CALL_PROCESS_MADVISE:
		pt->madvise++;
		pt->madvise_pages += ce->dropped;
		pt->lazy_pages += ce->lazy;
		pt->madv_free += e->x == MADV_FREE;
		pt->madv_other += e->x != MADV_FREE && !advice_drops(e->x);
		break;
	default:
		break;
	}
}

/*
 * Bytes by which the call moved RSS: the counters' word where the call had them to
 * itself. Beside other calls it is the pages the model saw leave. Beside other
 * threads' faults a fall of the counters is the least that the call released.
 */
static int64_t call_delta(const struct mp_event *e, const struct call_effect *ce)
{
	int64_t counted = ((int64_t)e->call.d_anon + e->call.d_file + e->call.d_shmem) *
			  (int64_t)MP_PAGE_SIZE;
	int64_t seen = -(int64_t)(ce->dropped * MP_PAGE_SIZE);

	if (e->flags & (MP_CALL_SHARED | MP_CALL_NO_DELTA))
		return seen;
	if (e->flags & MP_CALL_FAULTED)
		return counted < seen ? counted : seen;
	return counted;
}

/* The same by type, for a release: `delta` is what call_delta() said. */
static struct release_got got_by_type(const struct mp_event *e, const struct call_effect *ce,
				      int64_t delta)
{
	const int64_t page = (int64_t)MP_PAGE_SIZE;
	int64_t counted = ((int64_t)e->call.d_anon + e->call.d_file + e->call.d_shmem) * page;
	struct release_got g = { .dropped = ce->dropped, .lazy = ce->lazy };

	/* what a mapping call maps and fills is no part of what it released */
	if (e->sub == MP_CALL_MMAP && delta > -(int64_t)ce->dropped * page)
		delta = -(int64_t)ce->dropped * page;
	g.released = -delta;
	if (delta == counted && !(e->flags & MP_CALL_NO_DELTA)) {
		g.anon = -(int64_t)e->call.d_anon * page;
		g.file = -(int64_t)e->call.d_file * page;
		g.shmem = -(int64_t)e->call.d_shmem * page;
	} else {
		g.file = (int64_t)ce->kind[1] * page;
		g.shmem = (int64_t)ce->kind[2] * page;
		g.anon = g.released - g.file - g.shmem;
	}
	return g;
}

static int ask(struct mp_proc *p, const struct mp_event *e, struct release_ask *a,
	       struct call_effect *ce)
{
	int err;

	a->row = MP_RELEASE_NONE;
	if (!ranges_ok(e))
		return 0;
	release_asked(p, e, a);
	err = a->asked ? release_row(p, e, &a->row) : 0;
	ce->tag = release_tag(e->ts, a->row);
	return err;
}

/* Does the call bring pages in by itself? After mlockall() what maps something may. */
static bool fills(const struct mp_proc *p, const struct mp_event *e)
{
	switch (e->sub) {
	case MP_CALL_MLOCK:
	case MP_CALL_MLOCKALL:
		return true;
	case MP_CALL_MADVISE:
	case MP_CALL_PROCESS_MADVISE:
		return e->x == MADV_POPULATE_READ_ || e->x == MADV_POPULATE_WRITE;
	case MP_CALL_MMAP:
		return MP_MMAP_FLAGS(e->x) & (MAP_POPULATE | MAP_LOCKED) ||
		       p->calls[MP_CALL_MLOCKALL].calls;
	default:
		return p->calls[MP_CALL_MLOCKALL].calls;
	}
}

/* What others brought in meanwhile is in it: it is the most that the call did. */
static void count_filled(struct mp_proc *p, const struct mp_event *e, uint64_t dropped)
{
	int64_t pages = (int64_t)e->call.d_anon + e->call.d_file + e->call.d_shmem;

	if (e->flags & MP_CALL_NO_DELTA || !fills(p, e))
		return;
	pages += (int64_t)dropped;
	p->filled += pages > 0 ? (uint64_t)pages * MP_PAGE_SIZE : 0;
}

int fold_call(struct mp_model *m, struct mp_proc *p, const struct mp_event *e)
{
	struct call_effect ce = { 0 };
	struct release_ask a = { 0 };
	int64_t delta;
	int err;

	(void)m;
	if (!e->sub || e->sub >= MP_CALL_MAX)
		return 0; /* a call from a newer version */
	err = ask(p, e, &a, &ce);
	if (!err)
		err = call_apply(p, e, &ce);
	if (err)
		return err;
	delta = call_delta(e, &ce);
	count_filled(p, e, ce.dropped);
	count_call(&p->calls[e->sub], e, delta, &ce);
	if (e->sub == MP_CALL_MADVISE || e->sub == MP_CALL_PROCESS_MADVISE)
		count_call(&p->advice[mp_advice_slot(e->x)], e, delta, &ce);
	if (a.asked) {
		const struct release_got got = got_by_type(e, &ce, delta);

		release_done(p, e, &a, &got);
		release_trim(p, e->ts);
	}
	count_point(p, e, &ce);
	if (ce.heap)
		pair_release(p, e->ts, ce.heap * MP_PAGE_SIZE, delta < 0 ? (uint64_t)-delta : 0);
	return 0;
}

/* --- counters and scans ------------------------------------------------------------ */

/*
 * The kernel's figure of lazy pages comes rarely (a walk of the page table), the model's
 * is an upper bound: a rewrite takes a page back and tells nobody. When the kernel has
 * none at all, none of those marked well before it was read is lazy.
 */
static void note_lazyfree(struct mp_proc *p, const struct mp_event *e)
{
	const uint64_t settled = 1000000000ULL;

	if (e->rss.lazyfree == MP_UNKNOWN)
		return;
	p->rss.lazyfree = e->rss.lazyfree;
	p->lazy_since = 0;
	p->lazy_ts = e->ts;
	if (!e->rss.lazyfree && !p->loading && mp_pageset_total_lazy(p->pages) &&
	    p->lazy_marked_ts + settled < e->ts)
		pages_unlazy(p);
}

/* Since when the kernel counts less than the model: the moment that reclaim took pages,
 * if a scan says later that it did. */
static void note_short(struct mp_proc *p, const struct mp_event *e)
{
	uint64_t pages = mp_pageset_total(p->pages);

	if (!mp_pageset_total_lazy(p->pages) || pages <= mp_proc_rss(p) / MP_PAGE_SIZE)
		p->short_ts = 0;
	else if (!p->short_ts)
		p->short_ts = e->ts;
}

int fold_rss(struct mp_proc *p, const struct mp_event *e)
{
	struct mp_point *pt;
	int64_t rss;

	/* 2^40 pages and more of a kind are no figure of a process (5-level page
	 * tables end at 2^44, no machine has them): damage, which must not overflow sums. */
	if ((e->rss.anon | e->rss.file | e->rss.shmem | e->rss.swap) >> 40)
		return -EINVAL;
	if (p->mm_gone) /* the teardown counts down to nothing: not a figure of the process */
		return 0;
	p->rss.anon = e->rss.anon;
	p->rss.file = e->rss.file;
	p->rss.shmem = e->rss.shmem;
	p->rss.swap = e->rss.swap;
	note_lazyfree(p, e);
	if (e->rss.hugetlb != MP_UNKNOWN) /* /proc alone tells */
		p->rss.hugetlb = e->rss.hugetlb;
	p->rss.slack = e->rss.slack;
	p->rss.ts = e->ts;
	p->rss_known = true;
	p->gap &= (uint8_t)~GAP_RSS;
	note_short(p, e);
	if (!p->loading) {
		uint64_t fell = zheap_count(p) * MP_PAGE_SIZE;

		if (fell)
			pair_release(p, e->ts, fell, fell);
	}
	rss = (int64_t)mp_proc_rss(p);
	range_note(&p->r_rss, (uint64_t)rss);
	pt = tl_now(p);
	if (pt) {
		if (rss < pt->rss_min)
			pt->rss_min = rss;
		if (rss > pt->rss_max)
			pt->rss_max = rss;
	}
	proc_settle(p);
	return 0;
}

/* Pages of a heap that a scan finds taken by the kernel have gone back to it; that is
 * credited when figures come, since the same scan may find them resident after all. */
static int fold_scan(struct mp_proc *p, const struct mp_event *e)
{
	struct range_effect eff = { .e = e };
	int err = 0;

	if (!p->loading)
		release_scan(p, e->ts);
	if (e->sub == MP_PAGES_ABSENT)
		pages_clear(p, e->pages.addr, e->pages.len, PAGES_ABSENT, &eff);
	else
		err = pages_set(p, e->pages.addr, e->pages.len, &eff);
	p->heap_taken += eff.heap_taken;
	return err;
}

static int fold_dropped(struct mp_proc *p, const struct mp_event *e)
{
	struct range_effect eff = { .e = e, .tag = release_tag_dumped(e) };
	int err = pages_set(p, e->pages.addr, e->pages.len, &eff);

	if (!err)
		pages_clear(p, e->pages.addr, e->pages.len, PAGES_DROPPED, &eff);
	return err;
}

int fold_pages(struct mp_proc *p, const struct mp_event *e)
{
	int err = 0;

	if (!range_ok(e->pages.addr, e->pages.len) || !on_pages(e->pages.addr, e->pages.len) ||
	    (e->sub != MP_PAGES_ABSENT && e->pages.len / MP_PAGE_SIZE > PAGES_MAX))
		return -EINVAL;
	switch (e->sub) {
	case MP_PAGES_ABSENT:
		return fold_scan(p, e);
	case MP_PAGES_RESIDENT:
		err = fold_scan(p, e);
		mp_pageset_huge_set(p->pages, e->pages.addr, e->pages.len,
				    e->flags & MP_PAGES_HUGE);
		faults_scanned(p, e);
		return err;
	case MP_PAGES_ANON:
		return faults_anon(p, e->pages.addr, e->pages.len);
	case MP_PAGES_DROPPED:
		return fold_dropped(p, e);
	case MP_PAGES_LAZY:
		pages_lazy(p, e->pages.addr, e->pages.len, release_tag_dumped(e));
		return 0;
	default:
		return 0;
	}
}
