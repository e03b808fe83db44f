/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * series.c - the figures of series.h, read off the model.
 */
#include "user/diagnose/series.h"

#include <math.h>
#include <stdlib.h>

void dx_series_begin(struct dx_series *s, const struct mp_proc *p)
{
	s->tgid = p->tgid;
	s->mm = p->mm;
	s->start_ts = p->start_ts;
	s->rollup_ts = s->shared_ts = 0;
	s->rollup_rss = 0;
	s->ended = false;
	s->n = 0;
	s->multi = s->shmem_mapped = NAN;
}

struct dx_series *dx_series_new(const struct mp_proc *p)
{
	struct dx_series *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	dx_series_begin(s, p);
	s->t = malloc((C_N + 1) * (DX_SAMPLES + 1) * sizeof(*s->t));
	for (size_t c = 0; s->t && c < C_N; c++)
		s->col[c] = s->t + (c + 1) * (DX_SAMPLES + 1);
	if (s->t)
		return s;
	free(s);
	return NULL;
}

void dx_series_free(struct dx_series *s)
{
	if (s)
		free(s->t);
	free(s);
}

static double told(uint64_t v)
{
	return v == MP_UNKNOWN ? NAN : (double)v;
}

static double pages(uint64_t v)
{
	return v == MP_UNKNOWN ? NAN : (double)v * MP_PAGE_SIZE;
}

static void add_account(double *v, const struct mp_proc *p)
{
	struct mp_account a;

	mp_account(p, &a);
	v[C_RSS] = (double)a.rss;
	v[C_LIVE] = (double)a.live_heap;
	v[C_FREE] = (double)a.free_heap_resident;
	v[C_UNSPLIT] = (double)a.unsplit_heap;
	v[C_ARENAS] = (double)a.arenas;
	v[C_NATIVE] = (double)a.native;
	v[C_BRK] = (double)a.brk;
	v[C_STACKS] = (double)a.stacks;
	v[C_RUNTIME] = (double)a.runtime;
	v[C_OTHER] = (double)a.other_anon;
	v[C_FILE] = (double)a.file;
	v[C_SHMEM] = (double)a.shmem;
	v[C_LAZYFREE] = (double)a.lazyfree;
	v[C_UNKNOWN] = (double)a.unknown;
	v[C_LAZYHEAP] = a.lazy_known ? (double)a.lazy_heap : NAN;
}

static void add_more(double *v, const struct mp_proc *p)
{
	const struct mp_cgroup *g = &p->cgroup;
	const struct mp_status *s = &p->status;

	if (g->more_ts) {
		v[C_CG_INACTIVE] = told(g->inactive_file);
		v[C_CG_ACTIVE] = told(g->active_file);
		v[C_CG_SLAB] = told(g->slab);
		v[C_CG_DIRTY] = told(g->dirty);
		v[C_CG_REFAULT] = pages(g->refaults);
		v[C_CG_KILLS] = told(g->oom_kills);
		v[C_CG_HIGH] = told(g->high);
		v[C_CG_STALLED] = g->stalled ? (g->stalled - 1) / 1e4 : NAN;
	}
	if (s->ts) {
		v[C_LOCKED] = told(s->locked);
		v[C_THREADS] = told(s->threads);
		v[C_PTE] = told(s->pte);
		v[C_VSIZE] = told(s->vsize);
		v[C_STACK_MAIN] = told(s->stack);
	}
}

static void add_kernel(double *v, const struct mp_proc *p)
{
	v[C_ANON] = pages(p->rss.anon);
	v[C_RSSFILE] = pages(p->rss.file);
	v[C_RSSSHMEM] = pages(p->rss.shmem);
	v[C_SWAP] = pages(p->rss.swap);
	v[C_HUGETLB] = told(p->rss.hugetlb);
	v[C_CHARGED] = p->cgroup.version ? told(p->cgroup.charged) : NAN;
	v[C_CG_LIMIT] = p->cgroup.version ? told(p->cgroup.limit) : NAN;
	v[C_CG_ANON] = p->cgroup.version ? told(p->cgroup.anon) : NAN;
	v[C_CG_FILE] = p->cgroup.version ? told(p->cgroup.file) : NAN;
	v[C_CG_SHMEM] = p->cgroup.version ? told(p->cgroup.shmem) : NAN;
	v[C_CG_KERNEL] = p->cgroup.version ? told(p->cgroup.kernel) : NAN;
	add_more(v, p);
}

/* What RSS may have moved since smaps_rollup was read for its figures to be about now. */
#define ROLLUP_OFF 0.1

static void add_rollup(struct dx_series *s, double *v, const struct mp_proc *p)
{
	double rss = v[C_RSS];

	if (p->rollup.ts != s->rollup_ts)
		s->rollup_rss = rss;
	s->rollup_ts = p->rollup.ts;
	if (!p->rollup.ts || !(fabs(rss - s->rollup_rss) <= ROLLUP_OFF * rss))
		return;
	v[C_PSS] = told(p->rollup.pss_anon) + told(p->rollup.pss_file) + told(p->rollup.pss_shmem);
	v[C_PSS_SHMEM] = told(p->rollup.pss_shmem);
	v[C_PRIVATE_DIRTY] = told(p->rollup.private_dirty);
	v[C_SHARED_DIRTY] = told(p->rollup.shared_dirty);
	v[C_ANON_HUGE] = told(p->rollup.anon_huge);
}

static void add_heap(double *v, const struct mp_proc *p)
{
	const struct mp_heap *h = mp_proc_heap(p, NULL);

	if (!h)
		return;
	v[C_USED] = told(h->used);
	v[C_COMMITTED] = told(mp_proc_committed(p));
	v[C_EXTERNAL] = told(h->external);
	v[C_ARRAYS] = told(h->arrays);
	v[C_HEAP_LIMIT] = told(h->limit);
	v[C_FLOOR] = told(h->live);
	v[C_OWED] = mp_proc_sized(p) ? (double)p->owed : NAN;
}

/* What is mapped of shared memory, whether it was touched or not. */
static double shmem_mapped(const struct mp_proc *p)
{
	double sum = 0;

	for (const struct mp_mapping *v = p->maps; v; v = v->next)
		if (v->bits & MP_MAP_SHMEM && !(v->bits & MP_MAP_HUGETLB))
			sum += (double)(v->end - v->start);
	return sum;
}

#define SHARED_EVERY_NS 1000000000ULL /* their runs may be many: not at each border */

static void add_shared(struct dx_series *s, double *v, const struct mp_proc *p, uint64_t ts,
		       bool last)
{
	if (last || isnan(s->multi) || ts - s->shared_ts >= SHARED_EVERY_NS) {
		s->multi = told(mp_proc_multi_mapped(p));
		s->shmem_mapped = shmem_mapped(p);
		s->shared_ts = ts;
	}
	v[C_MULTI] = s->multi;
	v[C_SHMEM_MAPPED] = s->shmem_mapped;
}

static void add_mappings(double *v, const struct mp_proc *p)
{
	if (!p->maps_known)
		return;
	v[C_MAPS] = (double)p->n_maps;
	v[C_STACK_MAPS] = (double)p->cls_maps[MP_CLS_STACK];
	v[C_ARENA_MAPS] = (double)p->cls_maps[MP_CLS_ARENA];
	v[C_OTHER_MAPS] = (double)(p->cls_maps[MP_CLS_ANON] + p->cls_maps[MP_CLS_FILE] +
				   p->cls_maps[MP_CLS_SHMEM]);
}

/* Bytes by which RSS rose within calls. */
static double added_by_calls(const struct mp_proc *p)
{
	double sum = 0;

	for (unsigned c = 0; c < MP_CALL_MAX; c++)
		if (p->calls[c].rss_delta > 0)
			sum += (double)p->calls[c].rss_delta;
	return sum;
}

static double dropped_by_calls(const struct mp_proc *p)
{
	double sum = 0;

	for (unsigned c = 0; c < MP_CALL_MAX; c++)
		sum += (double)p->calls[c].dropped;
	return sum * MP_PAGE_SIZE;
}

static double left_lazy(const struct mp_proc *p)
{
	double sum = 0;

	for (size_t i = 0; i < p->n_releases; i++)
		sum += (double)p->releases[i].lazy;
	return sum;
}

/* The most that faults can have added to RssAnon, as far as their kinds are known. */
static double by_fault(const struct mp_proc *p)
{
	static const enum mp_fkind one[] = { MP_FK_FIRST,   MP_FK_UPGRADE, MP_FK_COW,
					     MP_FK_REFAULT, MP_FK_MAJOR,   MP_FK_SWAPIN,
					     MP_FK_UNKNOWN };
	double n = 512.0 * (double)mp_faults_of(p, MP_FK_HUGE);

	for (size_t i = 0; i < sizeof(one) / sizeof(one[0]); i++)
		n += (double)mp_faults_of(p, one[i]);
	return n * MP_PAGE_SIZE;
}

static void add_sums(double *v, const struct mp_proc *p)
{
	v[C_FAULTED] = pages(p->faults);
	v[C_COW] = pages(mp_faults_of(p, MP_FK_COW));
	v[C_REFAULT] = pages(mp_faults_of(p, MP_FK_REFAULT));
	v[C_MAJORS] = (double)p->majors;
	v[C_SWAPIN] = pages(mp_faults_of(p, MP_FK_SWAPIN));
	v[C_HUGE] = pages(mp_faults_of(p, MP_FK_HUGE));
	v[C_ADDED] = pages(p->pages_added);
	v[C_DROPPED] = dropped_by_calls(p);
	v[C_MARKED] = left_lazy(p);
	v[C_CALL_ADDED] = added_by_calls(p);
	v[C_FILLED] = (double)p->filled;
	v[C_COW_SHARED] = pages(p->cow_shared);
	v[C_BY_FAULT] = by_fault(p);
	v[C_MMAP] = (double)p->calls[MP_CALL_MMAP].bytes;
	v[C_MUNMAP] = (double)p->calls[MP_CALL_MUNMAP].bytes;
	v[C_N_MMAP] = (double)p->calls[MP_CALL_MMAP].calls;
	v[C_N_MUNMAP] = (double)p->calls[MP_CALL_MUNMAP].calls;
	v[C_FORKS] = (double)p->forks;
	v[C_THREADS_STARTED] = (double)p->threads_started;
	v[C_MINORS] = (double)p->gc_minor;
	v[C_MAJOR_GCS] = (double)p->gc_major;
	v[C_GC_PAUSE] = (double)p->gc_pause / 1e9;
}

/*
 * A process that is attached to has its RSS at once, and what its pages belong to a moment
 * later: until then the classes are not empty, they are not told. What was there before
 * would seem to have come while it was looked at.
 */
#define BLIND 0.25 /* of RssAnon, in pages that nothing told */

static bool blind(const struct dx_series *s, size_t i)
{
	return !(s->col[C_UNKNOWN][i] <= BLIND * s->col[C_ANON][i]);
}

static void not_told_yet(struct dx_series *s)
{
	if (blind(s, s->n - 1))
		return;
	for (size_t i = 0; i < s->n && blind(s, i); i++)
		for (size_t c = C_LIVE; c <= C_OTHER; c++)
			s->col[c][i] = NAN;
}

void dx_series_add(struct dx_series *s, const struct mp_model *m, const struct mp_proc *p,
		   uint64_t ts, bool last)
{
	double v[C_N];

	for (size_t c = 0; c < C_N; c++)
		v[c] = NAN;
	if (p->rss_known)
		add_account(v, p);
	if (p->rss_known)
		add_kernel(v, p);
	add_rollup(s, v, p);
	add_heap(v, p);
	add_mappings(v, p);
	if (p->maps_known)
		add_shared(s, v, p, ts, last);
	add_sums(v, p);
	s->t[s->n] = ts > m->start ? (double)(ts - m->start) / 1e9 : 0;
	for (size_t c = 0; c < C_N; c++)
		s->col[c][s->n] = v[c];
	s->n++;
	not_told_yet(s);
}

void dx_series_halve(struct dx_series *s)
{
	size_t n = 0, last = s->n - 1;

	/* the last one stays: it is what a process had when it ended */
	for (size_t i = 0; i <= last; i += i + 1 == last ? 1 : 2, n++) {
		s->t[n] = s->t[i];
		for (size_t c = 0; c < C_N; c++)
			s->col[c][n] = s->col[c][i];
	}
	s->n = n;
}
