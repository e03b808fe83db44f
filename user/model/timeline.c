/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * timeline.c - figures over time in points of equal width, bounded: when there
 * are as many as it may have (MP_TL_MAX for the first process), neighbours are merged and the width
 * doubles.
 *
 * Bands (levels) of a point are those at its end; counts are sums over it. Time
 * in which nothing happened repeats the bands and counts nothing.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/model/internal.h"

/* b follows a: what the two are as one point. Where b has no figure and a has, the levels
 * are a's: the last ones known. */
void tl_join(struct mp_point *a, const struct mp_point *b)
{
	struct mp_point j = b->bits & MP_PT_GAP && !mp_point_known(b) ? *a : *b;

	j.ts = a->ts;
	j.rss_min = a->rss_min < b->rss_min ? a->rss_min : b->rss_min;
	j.rss_max = a->rss_max > b->rss_max ? a->rss_max : b->rss_max;
	j.faults = a->faults + b->faults;
	j.gc_minor = a->gc_minor + b->gc_minor;
	j.gc_major = a->gc_major + b->gc_major;
	j.gc_other = a->gc_other + b->gc_other;
	j.gc_pause = a->gc_pause + b->gc_pause;
	j.madvise = a->madvise + b->madvise;
	j.mmap = a->mmap + b->mmap;
	j.munmap = a->munmap + b->munmap;
	j.brk_calls = a->brk_calls + b->brk_calls;
	j.madvise_pages = a->madvise_pages + b->madvise_pages;
	j.munmap_pages = a->munmap_pages + b->munmap_pages;
	j.mmap_bytes = a->mmap_bytes + b->mmap_bytes;
	j.forks = a->forks + b->forks;
	j.lost = a->lost + b->lost;
	j.note = b->note ? b->note : a->note;
	j.bits = a->bits | b->bits;
	j.majors = a->majors + b->majors;
	j.madv_free = a->madv_free + b->madv_free;
	j.madv_other = a->madv_other + b->madv_other;
	j.mremap = a->mremap + b->mremap;
	j.lazy_pages = a->lazy_pages + b->lazy_pages;
	j.gc_pause_major = a->gc_pause_major + b->gc_pause_major;
	if (j.gc_pause_max < a->gc_pause_max)
		j.gc_pause_max = a->gc_pause_max;
	if (j.gc_pause_max < b->gc_pause_max)
		j.gc_pause_max = b->gc_pause_max;
	if (j.bits & MP_PT_MIXED) {
		j.gc_major += j.gc_other;
		j.gc_other = 0;
	}
	*a = j;
}

static void halve(struct mp_timeline *tl)
{
	size_t n = 0;

	for (size_t i = 0; i < tl->n; i += 2, n++) {
		if (n != i)
			tl->p[n] = tl->p[i];
		if (i + 1 < tl->n)
			tl_join(&tl->p[n], &tl->p[i + 1]);
	}
	tl->n = n;
	tl->width *= 2;
}

void tl_shrink(struct mp_proc *p, size_t max)
{
	struct mp_timeline *tl = &p->tl;
	struct mp_point *less;

	if (max >= tl->max)
		return;
	while (tl->n > max)
		halve(tl);
	tl->max = max;
	less = tl->p ? realloc(tl->p, max * sizeof(*tl->p)) : NULL;
	if (less)
		tl->p = less;
}

/*
 * What unreadable blocks leave of the account until a state dump restores it: RSS as a
 * whole, when it was told again, and the heap's figures.
 */
static void tl_untold(const struct mp_proc *p, struct mp_point *pt)
{
	pt->bits |= MP_PT_GAP;
	pt->live = pt->free_res = pt->arenas = pt->brk = pt->stacks = 0;
	pt->other = pt->file = pt->shmem = pt->lazyfree = pt->lazyfree_heap = 0;
	pt->unknown = pt->rss;
	pt->owed = MP_UNKNOWN;
	if (p->gap & GAP_HEAP)
		pt->used = pt->committed = pt->external = pt->limit = MP_UNKNOWN;
	if (p->gap & GAP_CGROUP)
		pt->charged = pt->cg_limit = MP_UNKNOWN;
}

static void tl_levels(const struct mp_proc *p, struct mp_point *pt)
{
	const struct mp_heap *h = mp_proc_heap(p, NULL);

	pt->used = h ? h->used : MP_UNKNOWN;
	pt->committed = mp_proc_committed(p);
	pt->external = h ? h->external : MP_UNKNOWN;
	pt->limit = h ? h->limit : MP_UNKNOWN;
	pt->owed = p->owed;
	pt->charged = p->cgroup.version ? p->cgroup.charged : MP_UNKNOWN;
	pt->cg_limit = p->cgroup.version ? p->cgroup.limit : MP_UNKNOWN;
}

void tl_refresh(struct mp_proc *p)
{
	struct mp_point *pt = tl_now(p);
	struct mp_account a;

	if (p->loading)
		return;
	mp_account(p, &a);
	assert(mp_account_check(&a));
	if (!pt || p->gap & GAP_RSS)
		return;
	pt->rss = a.rss;
	pt->live = a.live_heap;
	pt->free_res = a.free_heap_resident;
	pt->arenas = a.arenas + a.native;
	pt->brk = a.brk;
	pt->stacks = a.stacks;
	pt->other = a.other_anon + a.unsplit_heap + a.runtime;
	pt->file = a.file;
	pt->shmem = a.shmem;
	pt->lazyfree = a.lazyfree;
	pt->lazyfree_heap = a.lazyfree_heap;
	pt->unknown = a.unknown;
	tl_levels(p, pt);
	if (p->gap)
		tl_untold(p, pt);
	if (p->rss_known)
		tiers_rss(p, a.rss);
	if (p->rss_known && pt->rss_max < a.rss)
		pt->rss_max = a.rss;
	if (p->rss_known && pt->rss_min > a.rss)
		pt->rss_min = a.rss;
}

/* Where figures arrive, and not where the clock opens a new point: a state restored
 * from a dump has other points. */
void proc_settle(struct mp_proc *p)
{
	struct mp_account a;

	if (p->loading)
		return;
	if (p->heap_taken)
		pair_release(p, p->lazy_taken_ts, p->heap_taken * MP_PAGE_SIZE,
			     p->heap_taken * MP_PAGE_SIZE);
	p->heap_taken = 0;
	p->heap_seen |= p->cls_maps[MP_CLS_HEAP] != 0;
	mp_account(p, &a);
	if (p->rss_known)
		pair_settle(p, &a);
	tl_refresh(p);
}

void tl_nothing(struct mp_point *pt)
{
	pt->used = pt->committed = pt->external = MP_UNKNOWN;
	pt->limit = pt->charged = pt->cg_limit = MP_UNKNOWN;
	pt->rss_min = INT64_MAX;
}

static int first_point(struct mp_proc *p, uint64_t ts)
{
	struct mp_timeline *tl = &p->tl;

	tl->p = calloc(tl->max, sizeof(*tl->p));
	if (!tl->p)
		return -ENOMEM;
	tl->start = ts;
	tl->width = MP_TL_WIDTH0;
	tl->n = 1;
	tl->p[0].ts = ts;
	tl_nothing(&tl->p[0]);
	return 0;
}

/* The point after `last`: the bands go on, the counts begin anew. */
void tl_follow(struct mp_point *pt, const struct mp_point *last, uint64_t ts)
{
	*pt = (struct mp_point){
		.ts = ts,
		.rss = last->rss,
		.live = last->live,
		.free_res = last->free_res,
		.arenas = last->arenas,
		.brk = last->brk,
		.stacks = last->stacks,
		.other = last->other,
		.file = last->file,
		.shmem = last->shmem,
		.lazyfree = last->lazyfree,
		.lazyfree_heap = last->lazyfree_heap,
		.unknown = last->unknown,
		.rss_min = last->rss_min == INT64_MAX ? INT64_MAX : last->rss,
		.rss_max = last->rss,
		.used = last->used,
		.committed = last->committed,
		.external = last->external,
		.owed = last->owed,
		.limit = last->limit,
		.charged = last->charged,
		.cg_limit = last->cg_limit,
	};
}

/* Behind unreadable blocks levels do not go on: nothing is known until it is told. */
static void next_point(struct mp_proc *p)
{
	struct mp_timeline *tl = &p->tl;
	struct mp_point *pt = &tl->p[tl->n];

	tl_follow(pt, pt - 1, tl->start + tl->n * tl->width);
	tl->n++;
	if (p->gap & GAP_RSS) {
		*pt = (struct mp_point){ .ts = pt->ts, .owed = MP_UNKNOWN };
		tl_nothing(pt);
	}
	if (p->gap)
		pt->bits = MP_PT_GAP;
}

void tl_damage(struct mp_proc *p)
{
	tl_refresh(p);
	p->gap = GAP_ALL;
	if (tl_now(p))
		tl_now(p)->bits |= MP_PT_GAP;
}

int tl_advance(struct mp_proc *p, uint64_t ts)
{
	struct mp_timeline *tl = &p->tl;
	uint64_t last;

	if (!tl->n)
		return first_point(p, ts);
	last = tl->p[tl->n - 1].ts;
	if (ts < last + tl->width) /* also what comes late: it counts as now */
		return 0;
	tl_refresh(p);
	tiers_take(p);
	/* A jump of days must not cost a point every 10 ms of it. */
	while ((ts - tl->start) / tl->width >= tl->max)
		halve(tl);
	while (tl->p[tl->n - 1].ts + tl->width <= ts)
		next_point(p);
	tiers_mark(p);
	return 0;
}

const struct mp_point *mp_tl_at(const struct mp_timeline *tl, uint64_t ts)
{
	size_t i;

	if (!tl->n)
		return NULL;
	i = ts <= tl->start ? 0 : (size_t)((ts - tl->start) / tl->width);
	return &tl->p[i < tl->n ? i : tl->n - 1];
}

bool mp_tl_merge(const struct mp_timeline *tl, uint64_t t0, uint64_t t1, struct mp_point *out)
{
	uint64_t end;
	size_t i, last;

	if (!tl->n || t1 <= t0 || t1 <= tl->start)
		return false;
	end = tl->p[tl->n - 1].ts + tl->width;
	if (t0 >= end)
		return false;
	i = t0 <= tl->start ? 0 : (size_t)((t0 - tl->start) / tl->width);
	last = (size_t)((t1 - 1 - tl->start) / tl->width);
	if (last >= tl->n)
		last = tl->n - 1;
	*out = tl->p[i];
	for (i++; i <= last; i++)
		tl_join(out, &tl->p[i]);
	return true;
}
