/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * facts_pages.c - facts of pages and mappings: left by MADV_FREE, of files, shared, huge,
 * copied, locked, brought in by others.
 */
#include <stdlib.h>
#include <string.h>

#include "user/diagnose/facts.h"
#include "user/diagnose/stats.h"
#include "user/model/pageset.h"

#define NO_RSS	  "nothing told RSS"
#define NO_ROLLUP "smaps_rollup was not read: not in the first second, nor above 8 GiB of RSS"
#define COLLAPSE  25 /* MADV_COLLAPSE (6.1) */

/* The first moment since which a figure was above 0 without a break. */
static uint64_t since(const struct dx_ctx *c, enum dx_col col)
{
	size_t i = c->end;

	while (i && c->s->col[col][i - 1] > 0)
		i--;
	return i < c->end ? dx_ts(c, c->s->t[i]) : MP_UNKNOWN;
}

/* The last moment up to which smaps_rollup was read: what is compared with it is of then. */
static size_t at_rollup(const struct dx_ctx *c)
{
	double t = dx_t(c, c->p->rollup.ts);
	size_t i = c->end;

	while (i > 1 && c->s->t[i - 1] > t)
		i--;
	return i - 1;
}

/* --- left by MADV_FREE ------------------------------------------------------------------ */

struct dx_val fact_lazyfree(struct dx_ctx *c)
{
	double v = dx_last(c, C_LAZYFREE);
	uint64_t ts = c->p->lazy_marked_ts;

	return isnan(v) ? dx_unknown(NO_RSS) : dx_at(v, ts ? ts : MP_UNKNOWN);
}

struct dx_val fact_lazy_since(struct dx_ctx *c)
{
	uint64_t ts = since(c, C_LAZYFREE);

	return ts == MP_UNKNOWN ? dx_unknown("there is none") : dx_at(dx_t(c, ts), ts);
}

/* --- of files --------------------------------------------------------------------------- */

struct dx_val fact_file(struct dx_ctx *c)
{
	return dx_or(dx_last(c, C_RSSFILE), NO_RSS);
}

struct dx_val fact_file_top(struct dx_ctx *c)
{
	struct dx_file top[DX_FILES];
	size_t n = dx_files(c->p, top);
	double sum = 0;

	if (!c->p->maps_known)
		return dx_unknown("the mappings were not told");
	for (size_t i = 0; i < n; i++)
		sum += top[i].bytes;
	return dx_known(sum);
}

/* Bytes of files that this process can have written to by its mappings: what another has
 * just written is dirty too, and nothing that this one does. */
static double writable(const struct mp_proc *p)
{
	double sum = 0;

	for (const struct mp_mapping *v = p->maps; v; v = v->next)
		if (v->bits & MP_MAP_W && v->bits & MP_MAP_SHARED && !(v->bits & MP_MAP_SHMEM) &&
		    v->resident > v->anon)
			sum += (double)(v->resident - v->anon) * MP_PAGE_SIZE;
	return sum;
}

/* smaps_rollup tells what is dirty of all that is mapped; anonymous and shared memory is. */
struct dx_val fact_file_dirty(struct dx_ctx *c)
{
	size_t i = at_rollup(c);
	double dirty = dx_last(c, C_PRIVATE_DIRTY) + dx_last(c, C_SHARED_DIRTY);
	double others = c->s->col[C_ANON][i] + c->s->col[C_RSSSHMEM][i], v;

	v = dx_min(dx_max2(dirty - others, 0), dx_last(c, C_RSSFILE));
	if (c->p->maps_known && !c->p->exited && !c->p->mm_gone)
		v = dx_min(v, writable(c->p));
	return dx_or(v, NO_ROLLUP);
}

static int by_inode(const void *a, const void *b)
{
	const struct dx_file *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	return (x->ino > y->ino) - (x->ino < y->ino);
}

static int by_size(const void *a, const void *b)
{
	const struct dx_file *x = a, *y = b;

	return (x->bytes < y->bytes) - (x->bytes > y->bytes);
}

/* Mappings of the same file become one. */
static size_t merge(struct dx_file *v, size_t n)
{
	size_t out = 0;

	qsort(v, n, sizeof(*v), by_inode);
	for (size_t i = 0; i < n; i++)
		if (out && !by_inode(&v[out - 1], &v[i])) {
			v[out - 1].bytes += v[i].bytes;
			v[out - 1].maps++;
		} else {
			v[out++] = v[i];
		}
	qsort(v, out, sizeof(*v), by_size);
	return out;
}

/* Is it one of those that a list of this kind has? */
static bool listed(const struct mp_mapping *v, bool shmem)
{
	bool file = v->bits & MP_MAP_FILE && !(v->bits & MP_MAP_HUGETLB);

	return v->resident > v->anon && file && !!(v->bits & MP_MAP_SHMEM) == shmem;
}

static size_t largest(const struct mp_proc *p, bool shmem, struct dx_file top[DX_FILES])
{
	struct dx_file *all = malloc((p->n_maps + 1) * sizeof(*all));
	size_t n = 0;

	for (const struct mp_mapping *v = p->maps; all && v && n < p->n_maps; v = v->next)
		if (listed(v, shmem))
			all[n++] = (struct dx_file){ .dev = v->dev,
						     .ino = v->ino,
						     .name = v->name,
						     .maps = 1,
						     .start = v->start,
						     .bytes = (double)(v->resident - v->anon) *
							      MP_PAGE_SIZE };
	n = all && n ? merge(all, n) : 0;
	n = n < DX_FILES ? n : DX_FILES;
	if (n)
		memcpy(top, all, n * sizeof(*top));
	free(all);
	return n;
}

size_t dx_files(const struct mp_proc *p, struct dx_file top[DX_FILES])
{
	return largest(p, false, top);
}

size_t dx_shmems(const struct mp_proc *p, struct dx_file top[DX_FILES])
{
	return largest(p, true, top);
}

/* --- shared ----------------------------------------------------------------------------- */

struct dx_val fact_shared(struct dx_ctx *c)
{
	return dx_or(dx_last(c, C_RSSFILE) + dx_last(c, C_RSSSHMEM), NO_RSS);
}

struct dx_val fact_multi(struct dx_ctx *c)
{
	return dx_or(dx_last(c, C_MULTI), "the mappings were not told");
}

enum group { G_N, G_RSS, G_SHARED, G_PSS, G_TWICE };

/* Bytes of its RSS that others have, too: what it maps several times by itself is not. */
static double with_others(const struct mp_proc *p, double rss, double pss)
{
	uint64_t multi = mp_proc_multi_mapped(p);

	return fmax(rss - pss - (multi == MP_UNKNOWN ? 0 : (double)multi), 0);
}

/* All processes whose PSS was told. They are one group: said of the first of them alone. */
static struct dx_val group_of(const struct dx_ctx *c, enum group what)
{
	double g[] = { [G_N] = 0, [G_TWICE] = 0 };

	for (size_t i = 0; i < c->m->n_procs; i++) {
		const struct mp_proc *p = c->m->procs[i];
		const struct mp_rollup *r = &p->rollup;
		const struct mp_point *then = mp_tl_at(&p->tl, r->ts);
		double rss = then ? (double)then->rss : 0, pss;

		if (!r->ts || !then || p->exited || p->mm_gone || !p->rss_known ||
		    r->pss_anon == MP_UNKNOWN)
			continue;
		if (g[G_N] < 1 && p != c->p)
			break;
		pss = (double)r->pss_anon + (double)r->pss_file + (double)r->pss_shmem;
		g[G_N]++;
		g[G_RSS] += rss;
		g[G_SHARED] += (double)then->file + (double)then->shmem;
		g[G_PSS] += pss;
		g[G_TWICE] += with_others(p, rss, pss);
	}
	return g[G_N] > 0 ? dx_known(g[what])
			  : dx_unknown("it is told with the first process, or " NO_ROLLUP);
}

struct dx_val fact_group(struct dx_ctx *c)
{
	return group_of(c, G_N);
}

struct dx_val fact_group_rss(struct dx_ctx *c)
{
	return group_of(c, G_RSS);
}

struct dx_val fact_group_shared(struct dx_ctx *c)
{
	return group_of(c, G_SHARED);
}

struct dx_val fact_group_pss(struct dx_ctx *c)
{
	return group_of(c, G_PSS);
}

struct dx_val fact_group_twice(struct dx_ctx *c)
{
	return group_of(c, G_TWICE);
}

/* Shared memory that is no heap's (ZGC's is told by the collector), each page once. */
static double shmem_at(const struct dx_ctx *c, size_t i)
{
	double multi = c->s->col[C_MULTI][i];

	return c->s->col[C_SHMEM][i] - (isnan(multi) ? 0 : dx_min(multi, c->s->col[C_SHMEM][i]));
}

/* The series of it; the caller frees. NULL: no memory. */
static double *shmem_series(const struct dx_ctx *c)
{
	double *v = malloc((c->end + 1) * sizeof(*v));

	for (size_t i = 0; v && i < c->end; i++)
		v[i] = shmem_at(c, i);
	return v;
}

/* What is not in the first figure that is known. */
struct dx_val fact_shmem_growth(struct dx_ctx *c)
{
	size_t i = 0;

	while (i < c->end && isnan(shmem_at(c, i)))
		i++;
	if (i == c->end)
		return dx_unknown(NO_RSS);
	return dx_at(shmem_at(c, c->end - 1) - shmem_at(c, i), dx_ts(c, c->s->t[i]));
}

struct dx_val fact_shmem_p(struct dx_ctx *c)
{
	double *v = shmem_series(c), p = v ? stats_trend_p(v, c->end) : NAN;

	free(v);
	return dx_or(p, NO_RSS);
}

struct dx_val fact_shmem_bend(struct dx_ctx *c)
{
	double *v = shmem_series(c), all, last;
	size_t from = c->end - c->end / 3;

	if (!v || c->end < 6) {
		free(v);
		return dx_unknown("too few figures of it");
	}
	all = stats_slope(c->s->t, v, c->end);
	last = stats_slope(c->s->t + from, v + from, c->end - from);
	free(v);
	return dx_or(all > 0 ? last / all : 0, "too few figures of it");
}

/*
 * What grows by new mappings (or longer ones) is made as it goes; what was mapped before and
 * is touched for the first time, as shared buffers of a database are, has an end.
 */
struct dx_val fact_shmem_new(struct dx_ctx *c)
{
	const double *size = c->s->col[C_SHMEM_MAPPED];
	size_t from = c->end - c->end / 3, to = c->end - 1;
	double grew;

	if (c->end < 6)
		return dx_unknown("too few figures of it");
	grew = shmem_at(c, to) - shmem_at(c, from);
	return dx_or(grew > 0 ? dx_max2(size[to] - size[from], 0) / grew : 0,
		     "the mappings were not told");
}

/* Of what it has mapped the share that is charged to it by PSS. */
struct dx_val fact_shmem_own(struct dx_ctx *c)
{
	size_t i = at_rollup(c);
	double multi = c->s->col[C_MULTI][i], all = c->s->col[C_RSSSHMEM][i];
	double pss = dx_last(c, C_PSS_SHMEM);

	all -= isnan(multi) ? 0 : dx_min(multi, all);
	return dx_or(all > 0 ? dx_min(pss / all, 1) : NAN, NO_ROLLUP);
}

/* --- locked, filled, beside RSS ----------------------------------------------------------- */

/* VmLck is virtual; what is locked and never touched takes no memory (MLOCK_ONFAULT). */
struct dx_val fact_locked(struct dx_ctx *c)
{
	double v = dx_last(c, C_LOCKED), rss = dx_last(c, C_RSS);

	if (isnan(v) || isnan(rss))
		return dx_unknown("/proc/PID/status was not read");
	return dx_at(dx_min(v, rss), since(c, C_LOCKED));
}

struct dx_val fact_filled(struct dx_ctx *c)
{
	return dx_or(dx_min(dx_growth(c, C_FILLED), dx_last(c, C_RSS)), NO_RSS);
}

struct dx_val fact_hugetlb(struct dx_ctx *c)
{
	double v = dx_last(c, C_HUGETLB);

	return isnan(v) ? dx_unknown("/proc was not asked") : dx_at(v, since(c, C_HUGETLB));
}

/* --- huge pages -------------------------------------------------------------------------- */

/* smaps_rollup's word, or what a scan has found since. */
struct dx_val fact_huge(struct dx_ctx *c)
{
	double v = dx_last(c, C_ANON_HUGE), found;

	if (c->p->scan_ts > c->p->rollup.ts && c->p->pages) {
		found = (double)mp_pageset_huge_total(c->p->pages) * MP_PAGE_SIZE;
		v = isnan(v) ? found : fmax(v, found);
	}
	return dx_or(dx_min(v, dx_last(c, C_ANON)), NO_ROLLUP);
}

struct dx_val fact_huge_unasked(struct dx_ctx *c)
{
	double v = dx_growth(c, C_HUGE) * 511;

	return dx_or(dx_min(v, dx_fact(c, F_HUGE)->v), NO_ROLLUP);
}

/* RssAnon without what faults and calls have brought in since the session began. */
static double rest(const struct dx_ctx *c, size_t i)
{
	return c->s->col[C_ANON][i] - c->s->col[C_BY_FAULT][i] - c->s->col[C_FILLED][i];
}

/*
 * By how much RssAnon grew that neither faults nor calls can have brought in. Its figure may
 * be older than the count of faults beside it. So of a process that had memory when the
 * session came to it every fault since counts; of one that began to run its program
 * meanwhile the begin is the highest of the first moments.
 */
#define BEGIN_S 0.3
static double unfaulted(const struct dx_ctx *c)
{
	size_t i = 0, k;
	double first;

	while (i < c->end && isnan(rest(c, i)))
		i++;
	if (i == c->end)
		return NAN;
	first = rest(c, i);
	if (first > 0)
		return dx_max2(rest(c, c->end - 1) - c->s->col[C_ANON][i], 0);
	for (k = i; k < c->end && c->s->t[k] - c->s->t[i] < BEGIN_S; k++)
		first = fmax(first, rest(c, k));
	return dx_max2(rest(c, c->end - 1) - first, 0);
}

/* Faults of huge pages are told from others for so many of them at a time (faults.c). */
#define TOLD_HUGE (1024.0 * 512 * MP_PAGE_SIZE)

struct dx_val fact_collapsed(struct dx_ctx *c)
{
	double huge = dx_fact(c, F_HUGE)->v, v = (double)c->p->advice[COLLAPSE].rss_delta;

	if (huge <= TOLD_HUGE)
		v = fmax(v, unfaulted(c));
	return dx_or(dx_min(dx_max2(v, 0), huge), NO_ROLLUP);
}

/* --- brought in by others ------------------------------------------------------------------ */

/*
 * A fault brings in 512 pages at the most, whatever the kernel makes of it. So of each
 * mapping what is above that came another way; of what was there at the begin nobody knows.
 */
static double beyond_faults(const struct mp_proc *p)
{
	double n = 0;

	for (const struct mp_mapping *v = p->maps; v; v = v->next)
		if (!(v->bits & (MP_MAP_FILE | MP_MAP_SHMEM | MP_MAP_SHARED)) &&
		    v->resident > 512 * v->faults)
			n += (double)(v->resident - 512 * v->faults);
	return n * MP_PAGE_SIZE;
}

struct dx_val fact_remote(struct dx_ctx *c)
{
	double huge = dx_fact(c, F_HUGE)->v, v = unfaulted(c) - (isnan(huge) ? 0 : huge);

	if (!c->p->maps_known)
		return dx_unknown("the mappings were not told");
	return dx_or(dx_min(dx_max2(v, 0), beyond_faults(c->p)), NO_RSS);
}

/* --- copied -------------------------------------------------------------------------------- */

/* Without the children nobody knows how long they had the pages. */
static bool children_watched(const struct dx_ctx *c)
{
	for (size_t i = 0; i < c->m->n_procs; i++)
		if (c->m->procs[i]->parent == c->p->tgid)
			return true;
	return c->m->ended.procs > 0;
}

struct dx_val fact_cow_shared(struct dx_ctx *c)
{
	double v = dx_counted(c, C_COW_SHARED), any = dx_counted(c, C_COW);

	if (!(v > 0) && dx_counted(c, C_FORKS) > 0 && any >= dx_fact(c, F_SIGNIFICANT)->v &&
	    !children_watched(c))
		return dx_unknown("what it forked was not watched: --follow-forks");
	return isnan(v) ? dx_unknown(NO_RSS) : dx_at(v, since(c, C_COW_SHARED));
}

/* --- parts of huge pages --------------------------------------------------------------------- */

/* The last moment at which RssAnon was highest, of those that know the figure too; c->end: none. */
static size_t top(const struct dx_ctx *c, enum dx_col known)
{
	const double *v = c->s->col[C_ANON];
	size_t best = c->end;

	for (size_t i = 0; i < c->end; i++)
		if (!isnan(v[i] + c->s->col[known][i]) && (best == c->end || v[i] >= v[best]))
			best = i;
	return best;
}

static struct dx_val fell(const struct dx_ctx *c, enum dx_col col, const char *why)
{
	size_t i = top(c, col);

	if (i == c->end || isnan(c->s->col[col][i] - dx_last(c, col)))
		return dx_unknown(why);
	return dx_at(c->s->col[col][i] - dx_last(c, col), dx_ts(c, c->s->t[i]));
}

struct dx_val fact_part_fall(struct dx_ctx *c)
{
	return fell(c, C_ANON, NO_RSS);
}

/* A charge that rose meanwhile has not fallen at all. */
struct dx_val fact_part_charge(struct dx_ctx *c)
{
	struct dx_val v = fell(c, C_CHARGED, "it is in no control group that counts memory");

	v.v = dx_max2(v.v, 0);
	return v;
}

/* Pages of a huge page that nobody maps any more are in no counter until it is split. */
struct dx_val fact_part_hidden(struct dx_ctx *c)
{
	double v = dx_last(c, C_CHARGED) - dx_last(c, C_CG_ANON) - dx_last(c, C_CG_FILE) -
		   dx_last(c, C_CG_SHMEM) - dx_last(c, C_CG_KERNEL);

	return dx_or(dx_max2(v, 0), "it is in no control group that counts memory");
}
