/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * account.c - RSS split by what it is for, always summing.
 *
 * The total and its split into anonymous, file and shmem are the kernel's
 * counters; the split of the anonymous part is the model's count of resident
 * pages by mapping class. Where the two disagree the difference is `unknown`,
 * shown and never spread over the rest.
 */
#include <string.h>

#include "user/model/internal.h"

uint64_t mp_proc_rss(const struct mp_proc *p)
{
	return (p->rss.anon + p->rss.file + p->rss.shmem) * MP_PAGE_SIZE;
}

static uint64_t known_lazy(const struct mp_proc *p)
{
	uint64_t n = 0;

	for (int c = 0; c < MP_CLS_MAX; c++)
		n += p->cls_lazy[c];
	return n;
}

uint64_t mp_proc_lazy(const struct mp_proc *p)
{
	uint64_t n = known_lazy(p), kernel = p->rss.lazyfree;

	if (kernel == MP_UNKNOWN || kernel >= n || p->lazy_since >= n - kernel)
		return n;
	return kernel + p->lazy_since;
}

/* Lazy bytes of a class: as many as the model knows of, or where the kernel has fewer
 * than all of those its share of them. */
static int64_t lazy_bytes(const struct mp_proc *p, enum mp_class c)
{
	uint64_t known = known_lazy(p), n = mp_proc_lazy(p);

	if (n < known)
		return (int64_t)((double)p->cls_lazy[c] * (double)n / (double)known) *
		       (int64_t)MP_PAGE_SIZE;
	return (int64_t)(p->cls_lazy[c] * MP_PAGE_SIZE);
}

/* Resident and not lazy: those are a part of RSS by themselves. */
static int64_t cls_bytes(const struct mp_proc *p, enum mp_class c)
{
	return (int64_t)(p->cls_pages[c] * MP_PAGE_SIZE) - lazy_bytes(p, c);
}

uint64_t mp_proc_committed(const struct mp_proc *p)
{
	const struct mp_heap *h = mp_proc_heap(p, NULL);

	return h && (!p->maps_known || p->cls_maps[MP_CLS_HEAP] || p->zheap.pages) ? h->committed
										   : MP_UNKNOWN;
}

/* Of shared memory the pages that are ZGC's heap, each once; where it is mapped again,
 * RSS counts it again, and that stays shared memory. */
static int64_t zheap_bytes(const struct mp_proc *p, const struct mp_account *a)
{
	int64_t n = (int64_t)(p->zheap.pages * MP_PAGE_SIZE);

	return n < a->shmem ? n : a->shmem;
}

static void split_heap(const struct mp_proc *p, struct mp_account *a)
{
	const struct mp_heap *h = mp_proc_heap(p, NULL);
	int64_t shared = zheap_bytes(p, a), resident = cls_bytes(p, MP_CLS_HEAP) + shared, all;
	uint64_t used = h ? h->used : MP_UNKNOWN, committed;

	a->shmem -= shared;

	/* Of a heap whose mappings nobody recognised no page is known, live or free. */
	a->heap_known = used != MP_UNKNOWN && (!p->maps_known || p->cls_maps[MP_CLS_HEAP] ||
					       p->zheap.pages || p->heap_seen);
	a->unsplit_heap = cls_bytes(p, MP_CLS_GO_HEAP) + cls_bytes(p, MP_CLS_V8_HEAP) +
			  cls_bytes(p, MP_CLS_JVM_HEAP);
	if (!a->heap_known) {
		a->unsplit_heap += resident;
		return;
	}
	a->live_heap = resident;
	if ((uint64_t)resident > used) {
		a->live_heap = (int64_t)used;
		a->free_heap_resident = resident - (int64_t)used;
	}
	all = resident + a->lazyfree_heap;
	committed = mp_proc_committed(p);
	a->lazy_known = committed != MP_UNKNOWN;
	if (a->lazy_known && committed > (uint64_t)all)
		a->lazy_heap = (int64_t)committed - all;
}

/* All of RSS that has a name. */
static int64_t parts(const struct mp_account *a)
{
	return a->live_heap + a->free_heap_resident + a->unsplit_heap + a->arenas + a->native +
	       a->brk + a->stacks + a->runtime + a->other_anon + a->file + a->shmem + a->lazyfree;
}

uint64_t mp_proc_class(const struct mp_proc *p, enum mp_class c)
{
	uint64_t n = p->cls_pages[c], counted = 0, special = p->cls_pages[MP_CLS_SPECIAL];

	if (c == MP_CLS_FILE)
		counted = p->rss.file > special ? p->rss.file - special : 0;
	else if (c == MP_CLS_SHMEM)
		counted = p->rss.shmem;
	return (n > counted ? n : counted) * MP_PAGE_SIZE;
}

void mp_account(const struct mp_proc *p, struct mp_account *a)
{
	int64_t file_cow, shmem_cow;

	memset(a, 0, sizeof(*a));
	if (!p->rss_known)
		return;
	a->rss = (int64_t)mp_proc_rss(p);
	a->file = (int64_t)(p->rss.file * MP_PAGE_SIZE);
	a->shmem = (int64_t)(p->rss.shmem * MP_PAGE_SIZE);
	a->swap = (int64_t)(p->rss.swap * MP_PAGE_SIZE);
	for (int c = 0; c < MP_CLS_MAX; c++)
		a->lazyfree += lazy_bytes(p, (enum mp_class)c);
	a->lazyfree_heap = lazy_bytes(p, MP_CLS_HEAP);
	split_heap(p, a);
	a->arenas = cls_bytes(p, MP_CLS_ARENA);
	a->native = cls_bytes(p, MP_CLS_JEMALLOC) + cls_bytes(p, MP_CLS_MIMALLOC) +
		    cls_bytes(p, MP_CLS_TCMALLOC);
	a->runtime = cls_bytes(p, MP_CLS_GO_RUNTIME) + cls_bytes(p, MP_CLS_JVM_META) +
		     cls_bytes(p, MP_CLS_JVM_CODE);
	a->brk = cls_bytes(p, MP_CLS_BRK);
	a->stacks = cls_bytes(p, MP_CLS_STACK);
	/* Pages of private mappings of files that were written are anonymous now. */
	file_cow = cls_bytes(p, MP_CLS_FILE) + cls_bytes(p, MP_CLS_SPECIAL) - a->file;
	shmem_cow = cls_bytes(p, MP_CLS_SHMEM) - (int64_t)(p->rss.shmem * MP_PAGE_SIZE);
	a->other_anon = cls_bytes(p, MP_CLS_ANON) + (file_cow > 0 ? file_cow : 0) +
			(shmem_cow > 0 ? shmem_cow : 0);
	a->unknown = a->rss - parts(a);
}

bool mp_account_check(const struct mp_account *a)
{
	return a->rss == parts(a) + a->unknown && a->live_heap >= 0 && a->free_heap_resident >= 0 &&
	       a->lazy_heap >= 0 && a->lazyfree >= a->lazyfree_heap && a->lazyfree_heap >= 0;
}

/* The group outlives what the process runs: exec changes nothing here. */
void fold_cgroup(struct mp_proc *p, const struct mp_event *e)
{
	struct mp_cgroup *g = &p->cgroup;

	g->version = e->sub;
	g->name = e->x;
	g->charged = e->cgroup.charged;
	g->limit = e->cgroup.limit;
	g->anon = e->cgroup.anon;
	g->file = e->cgroup.file;
	g->shmem = e->cgroup.shmem;
	g->kernel = e->cgroup.kernel;
	g->swap = e->cgroup.swap;
	range_note(&p->r_charged, g->charged);
	p->gap &= (uint8_t)~GAP_CGROUP;
}

void fold_cgroup_more(struct mp_proc *p, const struct mp_event *e)
{
	struct mp_cgroup *g = &p->cgroup;

	g->more_ts = e->ts;
	g->inactive_file = e->cgroup_more.inactive_file;
	g->active_file = e->cgroup_more.active_file;
	g->slab = e->cgroup_more.slab;
	g->dirty = e->cgroup_more.dirty;
	g->refaults = e->cgroup_more.refaults;
	g->oom_kills = e->cgroup_more.oom_kills;
	g->high = e->cgroup_more.high;
	g->stalled = e->x;
	range_note(&p->r_refaults, g->refaults);
	range_note(&p->r_oom_kills, g->oom_kills);
}

void fold_status(struct mp_proc *p, const struct mp_event *e)
{
	struct mp_status *s = &p->status;

	s->ts = e->ts;
	s->locked = e->proc.locked;
	s->pte = e->proc.pte;
	s->vsize = e->proc.vsize;
	s->stack = e->proc.stack;
	s->threads = e->proc.threads;
}

void fold_rollup(struct mp_proc *p, const struct mp_event *e)
{
	struct mp_rollup *r = &p->rollup;

	r->ts = e->ts;
	/* in a state dump the counters may be later ones: what they were comes behind */
	r->rss = r->rss_anon = MP_UNKNOWN;
	if (p->rss_known && p->rss.ts <= e->ts) {
		r->rss = mp_proc_rss(p);
		r->rss_anon = p->rss.anon * MP_PAGE_SIZE;
	}
	r->anon = e->x ? (uint64_t)e->x * MP_PAGE_SIZE : MP_UNKNOWN;
	r->pss_anon = e->rollup.pss_anon;
	r->pss_file = e->rollup.pss_file;
	r->pss_shmem = e->rollup.pss_shmem;
	r->private_dirty = e->rollup.private_dirty;
	r->shared_dirty = e->rollup.shared_dirty;
	r->anon_huge = e->rollup.anon_huge;
	r->lazyfree = e->rollup.lazyfree;
}

/* Of a process that stands still the counters move by this much all the same. */
#define READING_LEAST (1ULL << 20)

static bool stood(uint64_t then, uint64_t now)
{
	uint64_t by = then / 20 > READING_LEAST ? then / 20 : READING_LEAST;

	return then != MP_UNKNOWN && (now > then ? now - then : then - now) <= by;
}

/* The counters may lag behind the walk by a little: no part is more than the whole. */
static uint64_t part(uint64_t v, uint64_t whole)
{
	return v == MP_UNKNOWN || v < whole ? v : whole;
}

bool mp_proc_shares(const struct mp_proc *p, struct mp_shares *s)
{
	const struct mp_rollup *r = &p->rollup;
	uint64_t rss = mp_proc_rss(p), rss_anon = p->rss.anon * MP_PAGE_SIZE, anon;

	*s = (struct mp_shares){ 0, MP_UNKNOWN, MP_UNKNOWN, MP_UNKNOWN, MP_UNKNOWN, MP_UNKNOWN };
	if (!r->ts || !p->rss_known || p->exited || p->mm_gone || !stood(r->rss, rss) ||
	    !stood(r->rss_anon, rss_anon))
		return false;
	s->ts = r->ts;
	s->private_dirty = part(r->private_dirty, rss);
	s->shared_dirty = part(r->shared_dirty, rss);
	s->anon_huge = part(r->anon_huge, rss_anon);
	if (r->pss_anon == MP_UNKNOWN || r->pss_file == MP_UNKNOWN || r->pss_shmem == MP_UNKNOWN)
		return true;
	anon = r->anon != MP_UNKNOWN ? r->anon : r->rss_anon;
	s->pss = part(r->pss_anon + r->pss_file + r->pss_shmem, rss);
	s->shared_anon = anon > r->pss_anon ? part(anon - r->pss_anon, rss_anon) : 0;
	return true;
}
