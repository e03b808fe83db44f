/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * facts_limit.c - facts of limits: what a control group is charged and for what, whether
 * memory ran out, whether the limit of the heap fits into it, pages read again, swap.
 *
 * What cannot be dropped is the charge less page cache and reclaimable slab. Before a limit
 * only that counts: cache goes first.
 */
#include <stdlib.h>

#include "user/diagnose/facts.h"
#include "user/diagnose/stats.h"

#define NO_GROUP  "no control group with a limit"
#define NO_CHARGE "nothing told what the control group is charged"
#define NO_REFAULTS "nothing told whether pages of files are read again"
#define NO_MAJORS "faults that wait for a disk were not seen"
#define NO_LIMIT  "nothing told the heap's limit (of Node, memprof-node does)"
#define NO_HEAP	  "nothing told what is in use of a heap"

static double at(const struct dx_ctx *c, size_t i, enum dx_col col)
{
	return c->s->col[col][i];
}

static double or0(double v)
{
	return isnan(v) ? 0 : v;
}

/* The lower of memory.max and memory.high at sample i; NAN: neither is set, or to nothing. */
static double limit_at(const struct dx_ctx *c, size_t i)
{
	double v = fmin(at(c, i, C_CG_LIMIT), at(c, i, C_CG_HIGH));

	return v > 0 ? v : NAN;
}

static double limit(const struct dx_ctx *c)
{
	return c->end ? limit_at(c, c->end - 1) : NAN;
}

/* Page cache and what of slab can be reclaimed. Before minor version 6: files in all. */
static double droppable_at(const struct dx_ctx *c, size_t i)
{
	double lists = at(c, i, C_CG_INACTIVE) + at(c, i, C_CG_ACTIVE);

	return isnan(lists) ? at(c, i, C_CG_FILE) : lists + or0(at(c, i, C_CG_SLAB));
}

static double hard_at(const struct dx_ctx *c, size_t i)
{
	return dx_max2(at(c, i, C_CHARGED) - droppable_at(c, i), 0);
}

/* Charged beside the process, and not droppable. */
static double beside_at(const struct dx_ctx *c, size_t i)
{
	return dx_max2(hard_at(c, i) - at(c, i, C_ANON) - at(c, i, C_RSSSHMEM), 0);
}

static double last_of(const struct dx_ctx *c, double (*fn)(const struct dx_ctx *c, size_t i))
{
	return c->end ? fn(c, c->end - 1) : NAN;
}

/* All but one moment in twenty had less. */
static double p95(const struct dx_ctx *c, double (*fn)(const struct dx_ctx *c, size_t i))
{
	double *v = malloc((c->end + 1) * sizeof(*v)), q;

	if (!v)
		return NAN;
	for (size_t i = 0; i < c->end; i++)
		v[i] = fn(c, i);
	q = stats_quantile(v, c->end, 0.95);
	free(v);
	return q;
}

/* --- the group ------------------------------------------------------------------------------ */

struct dx_val fact_group_limit(struct dx_ctx *c)
{
	return dx_or(limit(c), NO_GROUP);
}

struct dx_val fact_charged(struct dx_ctx *c)
{
	return dx_or(dx_last(c, C_CHARGED), NO_CHARGE);
}

struct dx_val fact_fill(struct dx_ctx *c)
{
	return dx_or(dx_last(c, C_CHARGED) / limit(c), NO_GROUP);
}

struct dx_val fact_cache(struct dx_ctx *c)
{
	return dx_or(dx_max2(last_of(c, droppable_at) - dx_last(c, C_RSSFILE), 0), NO_CHARGE);
}

/* RSS of processes that are watched in the same group, without p itself. */
static double rss_of_others(const struct dx_ctx *c)
{
	double sum = 0;

	for (size_t i = 0; i < c->m->n_procs; i++) {
		const struct mp_proc *o = c->m->procs[i];

		if (o != c->p && !o->exited && !o->mm_gone && o->rss_known && o->cgroup.version &&
		    o->cgroup.name == c->p->cgroup.name)
			sum += (double)mp_proc_rss(o);
	}
	return sum;
}

struct dx_val fact_beyond(struct dx_ctx *c)
{
	double v = dx_last(c, C_CHARGED) - dx_last(c, C_RSS) - rss_of_others(c);

	return dx_or(dx_max2(v, 0), NO_CHARGE);
}

/* --- memory ran out -------------------------------------------------------------------------- */

struct dx_val fact_killed(struct dx_ctx *c)
{
	const struct mp_probe *pr = &c->m->probes[MP_FEAT_OOM];
	const struct mp_proc *p = c->p;
	bool by_9 = p->exited && p->exit_known && (p->wait_status & 0x7f) == 9;

	if (p->oom.ts)
		return dx_at(1, p->oom.ts);
	if (by_9 && (!pr->known || pr->rung == MP_RUNG_ABSENT))
		return dx_unknown("it was killed, and nothing told by whom");
	return dx_known(0);
}

/* Killed for lack of memory: full it was. */
struct dx_val fact_short(struct dx_ctx *c)
{
	if (c->p->oom.ts)
		return dx_at(1, c->p->oom.ts);
	return dx_or(last_of(c, hard_at) / limit(c), NO_GROUP);
}

static double rss_then(const struct dx_ctx *c)
{
	const struct mp_oom *o = &c->p->oom;

	return o->ts ? (double)(o->anon + o->file + o->shmem) * MP_PAGE_SIZE : dx_last(c, C_RSS);
}

struct dx_val fact_rss_share(struct dx_ctx *c)
{
	return dx_or(rss_then(c) / limit(c), NO_GROUP);
}

struct dx_val fact_anon_share(struct dx_ctx *c)
{
	return dx_or(dx_last(c, C_CG_ANON) / limit(c), NO_GROUP);
}

/* When it was killed the group was full, whatever the last look had seen. */
struct dx_val fact_beside(struct dx_ctx *c)
{
	if (c->p->oom.ts)
		return dx_or(dx_max2(limit(c) - rss_then(c), 0), NO_GROUP);
	return dx_or(last_of(c, beside_at), NO_CHARGE);
}

/* --- the heap's limit in it --------------------------------------------------------------------
 */

/* A runtime without a limit says so by a number beyond every machine. */
#define NO_SUCH_LIMIT 0x1p56

struct dx_val fact_heap_max(struct dx_ctx *c)
{
	double v = dx_last(c, C_HEAP_LIMIT);

	return dx_or(v > 0 && v < NO_SUCH_LIMIT ? v : NAN, NO_LIMIT);
}

static double heap_at(const struct dx_ctx *c, size_t i)
{
	return at(c, i, C_LIVE) + at(c, i, C_FREE) + at(c, i, C_UNSPLIT);
}

static double beside_heap_at(const struct dx_ctx *c, size_t i)
{
	return dx_max2(at(c, i, C_RSS) - heap_at(c, i) - at(c, i, C_LAZYFREE), 0);
}

struct dx_val fact_beside_heap(struct dx_ctx *c)
{
	return dx_or(p95(c, beside_heap_at), "nothing told RSS");
}

struct dx_val fact_beside_process(struct dx_ctx *c)
{
	return dx_or(p95(c, beside_at), NO_CHARGE);
}

static double with_rest(struct dx_ctx *c, double heap)
{
	return heap + dx_fact(c, F_BESIDE_HEAP)->v + dx_fact(c, F_BESIDE_PROCESS)->v;
}

struct dx_val fact_misfit_need(struct dx_ctx *c)
{
	const struct dx_val *heap = dx_fact(c, F_HEAP_MAX);

	return heap->why ? *heap : dx_or(with_rest(c, heap->v), NO_CHARGE);
}

struct dx_val fact_misfit_over(struct dx_ctx *c)
{
	return dx_or(dx_max2(dx_fact(c, F_MISFIT_NEED)->v - limit(c), 0), NO_LIMIT);
}

/* What lives in the heap; where no collection told it, what is in use. */
static double live(struct dx_ctx *c)
{
	double v = dx_last(c, C_FLOOR);

	return isnan(v) ? dx_last(c, C_USED) : v;
}

struct dx_val fact_misfit_fill(struct dx_ctx *c)
{
	if (c->p->oom.ts)
		return dx_at(1, c->p->oom.ts);
	return dx_or(with_rest(c, live(c)) / limit(c), NO_HEAP);
}

struct dx_val fact_heap_share(struct dx_ctx *c)
{
	return dx_or(live(c) / dx_fact(c, F_HEAP_MAX)->v, NO_LIMIT);
}

/* --- pages read again ----------------------------------------------------------------------------
 */

static bool majors_seen(const struct dx_ctx *c)
{
	const struct mp_probe *pr = &c->m->probes[MP_FEAT_MAJORS];

	return pr->known && pr->rung != MP_RUNG_ABSENT;
}

/* The moments at which a full group reads from disk what programs touch: seconds, faults. */
static void thrash(const struct dx_ctx *c, double *time, double *faults, uint64_t *since)
{
	const double *t = c->s->t, *thr = c->thr->v;

	*time = *faults = 0;
	*since = MP_UNKNOWN;
	for (size_t i = 1; i < c->end; i++) {
		double dt = t[i] - t[i - 1], n = at(c, i, C_MAJORS) - at(c, i - 1, C_MAJORS);
		bool full = at(c, i, C_CHARGED) >= thr[T_GROUP_NEAR] * limit_at(c, i);

		if (!(dt > 0) || !full || !(n >= thr[T_REREAD_RATE] * dt))
			continue;
		*since = *time > 0 ? *since : dx_ts(c, t[i - 1]);
		*time += dt;
		*faults += n;
	}
}

struct dx_val fact_reread_time(struct dx_ctx *c)
{
	double time, faults;
	uint64_t since;

	if (!majors_seen(c))
		return dx_unknown(NO_MAJORS);
	thrash(c, &time, &faults, &since);
	return dx_at(time, since);
}

struct dx_val fact_reread_rate(struct dx_ctx *c)
{
	double time, faults;
	uint64_t since;

	thrash(c, &time, &faults, &since);
	return dx_or(time > 0 ? faults / time : NAN, NO_MAJORS);
}

struct dx_val fact_reread(struct dx_ctx *c)
{
	return dx_or(dx_growth(c, C_CG_REFAULT), NO_REFAULTS);
}

struct dx_val fact_reread_share(struct dx_ctx *c)
{
	double majors = dx_growth(c, C_MAJORS) * MP_PAGE_SIZE;

	return dx_or(majors > 0 ? dx_growth(c, C_CG_REFAULT) / majors : NAN, NO_REFAULTS);
}

struct dx_val fact_stalled(struct dx_ctx *c)
{
	return dx_or(dx_last(c, C_CG_STALLED), "nothing told the pressure of memory in the group");
}

/* --- swap
 * ------------------------------------------------------------------------------------------- */

struct dx_val fact_swap(struct dx_ctx *c)
{
	return dx_or(dx_last(c, C_SWAP), "nothing told what is in swap");
}

struct dx_val fact_swapin_rate(struct dx_ctx *c)
{
	double pages = dx_growth(c, C_SWAPIN) / MP_PAGE_SIZE, window = dx_fact(c, F_WINDOW)->v;

	if (!majors_seen(c))
		return dx_unknown(NO_MAJORS);
	return dx_or(window > 0 ? pages / window : NAN, "too short a time");
}

struct dx_val fact_swapin_share(struct dx_ctx *c)
{
	double majors = dx_growth(c, C_MAJORS);

	if (!majors_seen(c))
		return dx_unknown(NO_MAJORS);
	return dx_known(majors > 0 ? dx_growth(c, C_SWAPIN) / MP_PAGE_SIZE / majors : 0);
}

struct dx_val fact_heap_in(struct dx_ctx *c)
{
	double used = dx_last(c, C_USED);

	return dx_or(used > 0 ? last_of(c, heap_at) / used : NAN, NO_HEAP);
}
