/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ended.c - what is kept of processes that have ended.
 *
 * A session may see tens of thousands of short-lived children. The first process keeps
 * everything: it is what views show unasked. Of the others the last ENDED_FULL keep their
 * pages and mappings, the last ENDED_KEPT totals and a coarse timeline, and older ones are
 * in mp_model.ended alone. All of it follows from events, so a replay keeps the same.
 */
#include <stdlib.h>
#include <string.h>

#include "user/model/internal.h"

/* Up to twice as many are kept, so that not each end moves the table. */
#define ENDED_FULL   32
#define ENDED_KEPT   256
#define ENDED_POINTS 64 /* of the timeline */

/* Leaves totals. Sums over mappings and pages stay true: of none. */
static void strip(struct mp_model *m, struct mp_proc *p)
{
	if (tiers_end(m, p)) /* out of memory: a summary less */
		tiers_drop(p);
	maps_clear(p);
	mp_pageset_reset(p->pages);
	p->orphan_pages = 0;
	p->maps_known = false;
	free(p->ranges);
	p->ranges = NULL;
	p->n_ranges = 0;
	faults_strip(p);
	free(p->releases);
	free(p->release_slot);
	p->releases = NULL;
	p->release_slot = NULL;
	p->n_releases = p->cap_releases = 0;
	free(p->gcs);
	p->gcs = NULL;
	p->gc_dropped += p->n_gcs;
	p->n_gcs = p->gc_unpaid = p->gc_paid = 0;
	p->owed = 0;
	memset(p->rel_log, 0, sizeof(p->rel_log));
	tl_shrink(p, ENDED_POINTS);
	p->stripped = 1;
}

static void add_to_sums(struct mp_ended *s, const struct mp_proc *p)
{
	s->procs++;
	s->faults += p->faults;
	s->pages_added += p->pages_added;
	s->forks += p->forks;
	if (p->r_rss.max != MP_UNKNOWN && p->r_rss.max > s->rss_max)
		s->rss_max = p->r_rss.max;
}

/* Takes the oldest `n` of the stripped ones out of the table; the others move up. */
static void forget(struct mp_model *m, size_t n)
{
	size_t to = 1;

	for (size_t i = 1; i < m->n_procs; i++) {
		struct mp_proc *p = m->procs[i];
		/* an mm that was bound to another process since is not this one's */
		uint32_t *mm = m->mm_proc[p->mm] == i + 1 ? &m->mm_proc[p->mm] : NULL;

		if (n && p->stripped) {
			n--;
			if (mm)
				*mm = 0;
			add_to_sums(&m->ended, p);
			proc_free(p);
			continue;
		}
		if (mm)
			*mm = (uint32_t)to + 1;
		m->procs[to++] = p;
	}
	m->n_procs = to;
}

void mp_model_sums(const struct mp_model *m, struct mp_ended *all, uint64_t *ended)
{
	*all = m->ended;
	*ended = m->ended.procs;
	for (size_t i = 0; i < m->n_procs; i++) {
		add_to_sums(all, m->procs[i]);
		*ended += m->procs[i]->exited;
	}
}

static int by_time(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static bool is_full(const struct mp_proc *p)
{
	return p->exited && !p->stripped;
}

/* Before this time ended all but the last `keep` of n. 0 also when memory is out. */
static uint64_t cut_time(const struct mp_model *m, size_t n, size_t keep)
{
	uint64_t *ts = malloc(n * sizeof(*ts)), cut = 0;
	size_t k = 0;

	if (!ts)
		return 0;
	for (size_t i = 1; i < m->n_procs; i++)
		if (is_full(m->procs[i]))
			ts[k++] = m->procs[i]->exit_ts;
	qsort(ts, k, sizeof(*ts), by_time);
	cut = ts[k - keep];
	free(ts);
	return cut;
}

void ended_retire(struct mp_model *m, bool room)
{
	size_t full = 0, totals = 0;
	uint64_t cut;

	for (size_t i = 1; i < m->n_procs; i++) {
		full += is_full(m->procs[i]);
		totals += m->procs[i]->stripped;
	}
	if (full > 2 * ENDED_FULL || (room && full)) {
		cut = full > ENDED_FULL ? cut_time(m, full, ENDED_FULL) : m->now + 1;
		for (size_t i = 1; i < m->n_procs; i++) {
			struct mp_proc *p = m->procs[i];

			if (!is_full(p) || p->exit_ts >= cut)
				continue;
			strip(m, p);
			totals++;
		}
	}
	if (totals > (room ? 0 : 2 * ENDED_KEPT))
		forget(m, totals > ENDED_KEPT ? totals - ENDED_KEPT : (totals + 1) / 2);
}
