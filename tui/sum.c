/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sum.c - one timeline for all processes: what the plot above their list shows. Reads
 * timelines and adds; knows no drawing.
 *
 * Most of it does not change from frame to frame. Added up anew are the points from the
 * earliest one on that a process' growing point may have changed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tui/procs.h"
#include "user/util/util.h"

static size_t index_of(const struct mp_timeline *tl, uint64_t ts)
{
	return ts <= tl->start ? 0 : (size_t)((ts - tl->start) / tl->width);
}

/* Twice as wide, half as many. */
static void widen(struct mp_timeline *tl)
{
	uint64_t w = 2 * tl->width;
	size_t n = (tl->n + 1) / 2;
	struct mp_point pt;

	for (size_t i = 0; i < n; i++) {
		if (mp_tl_merge(tl, tl->start + i * w, tl->start + (i + 1) * w, &pt))
			tl->p[i] = pt;
	}
	tl->n = n;
	tl->width = w;
}

static uint64_t plus(uint64_t a, uint64_t b)
{
	return b == MP_UNKNOWN ? a : a == MP_UNKNOWN ? b : a + b;
}

/* While a point is added up its rss_min says what is known of those that live then. */
enum { NOBODY, SOME_UNKNOWN, SOME_KNOWN };

static void add_levels(struct mp_point *to, const struct mp_point *p)
{
	if (!mp_point_known(p)) { /* in a hole, or before its first figure */
		to->rss_min = to->rss_min == NOBODY ? SOME_UNKNOWN : to->rss_min;
		return;
	}
	to->rss_min = SOME_KNOWN;
	to->rss += p->rss;
	to->live += p->live;
	to->free_res += p->free_res;
	to->arenas += p->arenas;
	to->brk += p->brk;
	to->stacks += p->stacks;
	to->other += p->other;
	to->file += p->file;
	to->shmem += p->shmem;
	to->lazyfree += p->lazyfree;
	to->lazyfree_heap += p->lazyfree_heap;
	to->unknown += p->unknown;
	to->used = plus(to->used, p->used);
	to->committed = plus(to->committed, p->committed);
	to->external = plus(to->external, p->external);
	to->owed = plus(to->owed, p->owed); /* of what is known; limits are of each alone */
}

static void add_counts(struct mp_point *to, const struct mp_point *p)
{
	to->faults += p->faults;
	to->gc_minor += p->gc_minor;
	to->gc_major += p->gc_major;
	to->gc_other += p->gc_other;
	to->gc_pause += p->gc_pause;
	to->madvise += p->madvise;
	to->mmap += p->mmap;
	to->munmap += p->munmap;
	to->brk_calls += p->brk_calls;
	to->madvise_pages += p->madvise_pages;
	to->munmap_pages += p->munmap_pages;
	to->mmap_bytes += p->mmap_bytes;
	to->forks += p->forks;
	to->lost += p->lost;
	to->bits |= p->bits;
	to->majors += p->majors;
	to->madv_free += p->madv_free;
	to->madv_other += p->madv_other;
	to->mremap += p->mremap;
	to->lazy_pages += p->lazy_pages;
	to->gc_pause_major += p->gc_pause_major;
	if (p->gc_pause_max > to->gc_pause_max)
		to->gc_pause_max = p->gc_pause_max;
	if (p->note)
		to->note = p->note;
}

/* A process into the points from i0 on. */
static void add(struct mp_timeline *sum, const struct mp_proc *p, size_t i0, uint64_t now)
{
	const struct mp_timeline *tl = &p->tl;
	uint64_t last = p->exited && p->exit_ts ? p->exit_ts : now;
	uint64_t from = sum->start + i0 * sum->width;
	size_t i = index_of(sum, tl->start);

	for (i = i > i0 ? i : i0; i < sum->n; i++) {
		uint64_t end = sum->start + (i + 1) * sum->width - 1;
		const struct mp_point *pt = mp_tl_at(tl, end < last ? end : last);

		if (end - sum->width >= last)
			break;
		if (end <= last || last == now)
			add_levels(&sum->p[i], pt);
		else if (mp_point_known(pt)) /* it ended within: only the peak knows of it */
			sum->p[i].rss_max += pt->rss;
	}
	for (size_t q = index_of(tl, from); q < tl->n; q++) {
		if (tl->p[q].ts < from)
			continue;
		i = index_of(sum, tl->p[q].ts);
		add_counts(&sum->p[i < sum->n ? i : sum->n - 1], &tl->p[q]);
	}
}

/* Its points have become wider: those told here do not begin where they did. */
static bool has_widened(struct tui_sum *s, size_t k, const struct mp_proc *p)
{
	struct tui_sum_width *w = &s->width[k];
	bool same = w->pid == p->tgid && w->start == p->tl.start;
	bool wider = same && w->ns != p->tl.width;

	*w = (struct tui_sum_width){ p->tgid, p->tl.start, p->tl.width };
	return wider;
}

/* From which point on timelines may have changed since it was last brought up to date. */
static size_t changed_from(struct tui_sum *s, const struct mp_model *m)
{
	size_t first = s->tl.n ? index_of(&s->tl, s->upto) : 0;

	for (size_t k = 0; k < m->n_procs; k++) {
		const struct mp_proc *p = m->procs[k];
		const struct mp_point *pt = mp_tl_at(&p->tl, s->upto);
		size_t i;

		/* all anew, but for what nobody knows any more */
		if (has_widened(s, k, p) && !m->ended.procs)
			first = 0;
		if (!pt || p->tl.start >= s->upto || (p->exited && p->exit_ts < s->upto) ||
		    pt->ts + p->tl.width <= s->upto)
			continue;
		i = index_of(&s->tl, pt->ts);
		first = i < first ? i : first;
	}
	return first;
}

static int begin(struct tui_sum *s, const struct mp_model *m)
{
	const struct mp_proc *p = mp_model_main(m);
	uint64_t start = p && p->tl.n ? p->tl.start : m->start;

	if (s->tl.n && s->tl.start == start && m->now >= s->upto)
		return 0;
	if (!s->tl.p)
		s->tl.p = calloc(TUI_SUM_MAX, sizeof(*s->tl.p));
	if (!s->tl.p)
		return -ENOMEM;
	s->tl.start = start;
	s->tl.width = MP_TL_WIDTH0;
	s->tl.n = 0;
	s->tl.max = TUI_SUM_MAX;
	s->upto = start;
	return 0;
}

int tui_sum_update(struct tui_sum *s, const struct mp_model *m)
{
	struct mp_timeline *tl = &s->tl;
	size_t first;

	if (begin(s, m) || mp_grow(&s->width, &s->cap_width, m->n_procs, sizeof(*s->width)))
		return -ENOMEM;
	while (index_of(tl, m->now) >= TUI_SUM_MAX)
		widen(tl);
	first = s->changed = changed_from(s, m);
	tl->n = index_of(tl, m->now) + 1;
	for (size_t i = first; i < tl->n; i++)
		tl->p[i] = (struct mp_point){ .ts = tl->start + i * tl->width,
					      .used = MP_UNKNOWN,
					      .committed = MP_UNKNOWN,
					      .external = MP_UNKNOWN,
					      .limit = MP_UNKNOWN,
					      .charged = MP_UNKNOWN,
					      .cg_limit = MP_UNKNOWN };
	for (size_t k = 0; k < m->n_procs; k++) {
		const struct mp_proc *p = m->procs[k];

		if (p->tl.n && !(p->exited && p->exit_ts < tl->start + first * tl->width))
			add(tl, p, first, m->now);
	}
	for (size_t i = first; i < tl->n; i++) {
		bool known = tl->p[i].rss_min != SOME_UNKNOWN;

		tl->p[i].rss_min = known ? tl->p[i].rss : INT64_MAX;
		tl->p[i].rss_max += tl->p[i].rss;
	}
	s->upto = m->now;
	return 0;
}

uint64_t tui_sum_max(const struct tui_sum *s)
{
	uint64_t max = MP_UNKNOWN;

	for (size_t i = 0; i < s->tl.n; i++) {
		const struct mp_point *p = &s->tl.p[i];
		uint64_t v = (uint64_t)p->rss_max;

		if (mp_point_known(p) && (max == MP_UNKNOWN || v > max))
			max = v;
	}
	return max;
}

void tui_sum_free(struct tui_sum *s)
{
	free(s->tl.p);
	free(s->width);
	memset(s, 0, sizeof(*s));
}
