/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * figures.c - the rows of the reports. See figures.h.
 *
 * Owns: what counts as known. A figure whose source was not there is unknown; a
 * figure whose source was there and saw nothing is 0. Must not: print.
 */
#include "user/view/figures.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Which figures a loss of each cause makes too low. */
static const unsigned low_by_cause[MP_LOSS_MAX] = {
	[MP_LOSS_RING_FULL] = MP_LOW_ALL & ~MP_LOW_RSS,
	[MP_LOSS_INFLIGHT] = MP_LOW_CALLS | MP_LOW_PAGES,
	[MP_LOSS_MISSED_EXIT] = MP_LOW_CALLS | MP_LOW_PAGES,
	[MP_LOSS_COMPAT] = MP_LOW_CALLS | MP_LOW_PAGES,
	[MP_LOSS_GC_RING] = MP_LOW_GC,
	[MP_LOSS_DISK] = MP_LOW_ALL,
	[MP_LOSS_TARGETS] = 0, /* another process is missing, not this one's figures */
	[MP_LOSS_BUSY] = MP_LOW_FAULTS | MP_LOW_CALLS | MP_LOW_PAGES,
	[MP_LOSS_DAMAGED] = MP_LOW_ALL,
	[MP_LOSS_LIMIT] = MP_LOW_ALL,
};

bool mp_fig_whole(const struct mp_figures *fg, unsigned groups)
{
	return !(fg->gone & groups);
}

bool mp_fig_fresh(const struct mp_figures *fg, uint64_t ts)
{
	return !fg->gone || ts > fg->m->gap_ts;
}

bool mp_fig_told(const struct mp_model *m, uint64_t ts)
{
	return !m->gap_ts || ts > m->gap_ts;
}

bool mp_fig_may_have_ended(const struct mp_figures *fg)
{
	return fg->gone || fg->open_end;
}

bool mp_fig_seen(const struct mp_model *m, enum mp_feature feat)
{
	const struct mp_probe *pr = &m->probes[feat];

	return !pr->known || (pr->rung != MP_RUNG_ABSENT && pr->rung != MP_RUNG_PROC);
}

/* What no source told and what is 0 all the same. */
static bool told(bool source, int64_t v)
{
	return source || v != 0;
}

static void fill_account(struct mp_figures *fg)
{
	static const struct mp_fig rows[MP_ACC_N] = {
		{ "live_heap", "live heap", 0, false, MP_LOW_GC | MP_LOW_PAGES },
		{ "free_heap_resident", "free heap still resident", 0, false,
		  MP_LOW_GC | MP_LOW_PAGES },
		{ "arenas", "malloc arenas and brk", 0, false, MP_LOW_PAGES },
		{ "arenas", "other malloc libraries", 0, false, MP_LOW_PAGES },
		{ "stacks", "stacks", 0, false, MP_LOW_PAGES },
		{ "other_anon", "other anonymous", 0, false, MP_LOW_PAGES },
		{ "other_anon", "heap, no figures of it", 0, false, MP_LOW_PAGES },
		{ "other_anon", "runtime beside its heap", 0, false, MP_LOW_PAGES },
		{ "file", "files", 0, false, 0 },
		{ "shmem", "shared memory", 0, false, 0 },
		{ "lazyfree", "left to the kernel", 0, false, MP_LOW_PAGES | MP_LOW_CALLS },
		{ "unknown", "unknown", 0, false, MP_LOW_PAGES },
		{ "rss", "RSS", 0, false, 0 },
		{ "lazy_heap", "heap committed, lazy", 0, false, MP_LOW_GC | MP_LOW_PAGES },
	};
	struct mp_account a = { 0 };
	bool maps = fg->maps_known, heap;

	memcpy(fg->account, rows, sizeof(rows));
	if (!fg->p || !fg->p->rss_known) /* without a whole there are no parts */
		return;
	mp_account(fg->p, &a);
	heap = a.heap_known && !fg->p->stripped;

	const struct {
		int64_t v;
		bool known;
	} got[MP_ACC_N] = {
		{ a.live_heap, told(heap, a.live_heap) },
		{ a.free_heap_resident, told(heap, a.free_heap_resident) },
		{ a.arenas + a.brk, told(maps, a.arenas + a.brk) },
		{ a.native, told(maps, a.native) },
		{ a.stacks, told(maps, a.stacks) },
		{ a.other_anon, told(maps, a.other_anon) },
		{ a.unsplit_heap, told(maps, a.unsplit_heap) },
		{ a.runtime, told(maps, a.runtime) },
		{ a.file, true },
		{ a.shmem, true },
		{ a.lazyfree, told(maps && mp_fig_seen(fg->m, MP_FEAT_CALLS), a.lazyfree) },
		{ a.unknown, true },
		{ a.rss, true },
		{ a.lazy_heap, told(heap && a.lazy_known, a.lazy_heap) },
	};
	for (size_t i = 0; i < MP_ACC_N; i++) {
		fg->account[i].v = got[i].v;
		fg->account[i].known = got[i].known;
	}
}

uint64_t mp_fig_beyond(const struct mp_figures *fg)
{
	uint64_t rss = fg->p && fg->p->rss_known ? mp_proc_rss(fg->p) : MP_UNKNOWN;

	if (rss == MP_UNKNOWN || !fg->p->cgroup.version || fg->p->cgroup.charged == MP_UNKNOWN)
		return MP_UNKNOWN;
	return fg->p->cgroup.charged > rss ? fg->p->cgroup.charged - rss : 0;
}

static void put_beside(struct mp_fig *f, uint64_t v)
{
	f->known = v <= INT64_MAX; /* MP_UNKNOWN is above */
	f->v = f->known ? (int64_t)v : 0;
}

/* What stands beside the counters: of the mappings, and of smaps_rollup. */
static void fill_beside(struct mp_figures *fg)
{
	uint64_t again = mp_proc_multi_mapped(fg->p);
	struct mp_shares s;

	if (mp_proc_shares(fg->p, &s))
		fg->shares_age = fg->m->now > s.ts ? fg->m->now - s.ts : 0;
	put_beside(&fg->rss[MP_FRSS_MULTI], again);
	put_beside(&fg->rss[MP_FRSS_FORKED], s.shared_anon);
	put_beside(&fg->rss[MP_FRSS_PSS], s.pss);
	put_beside(&fg->rss[MP_FRSS_PRIVATE], s.private_dirty);
	put_beside(&fg->rss[MP_FRSS_HUGE], s.anon_huge);
	/* each such fault asked for one page of 512 */
	put_beside(&fg->rss[MP_FRSS_UNASKED],
		   mp_fig_seen(fg->m, MP_FEAT_FAULTS)
			   ? mp_faults_of(fg->p, MP_FK_HUGE) * 511 * MP_PAGE_SIZE
			   : MP_UNKNOWN);
}

static void fill_rss(struct mp_figures *fg)
{
	static const struct mp_fig rows[MP_FRSS_N] = {
		{ "start", "start", 0, false, MP_LOW_RSS },
		{ "max", "highest", 0, false, MP_LOW_RSS },
		{ "end", "end", 0, false, 0 },
		{ "anon", "anonymous", 0, false, 0 },
		{ "file", "file", 0, false, 0 },
		{ "shmem", "shmem", 0, false, 0 },
		{ "swap", "swap", 0, false, 0 },
		{ "lazyfree", "LazyFree", 0, false, 0 },
		{ "hugetlb", "hugetlb", 0, false, 0 },
		{ "slack", "off by at most", 0, false, 0 },
		{ "multi_mapped", "mapped more than once", 0, false, MP_LOW_PAGES },
		{ "shared_anon", "carried by others", 0, false, 0 },
		{ "pss", "proportional share", 0, false, 0 },
		{ "private_dirty", "private and dirty", 0, false, 0 },
		{ "anon_huge", "in huge pages", 0, false, 0 },
		{ "huge_unasked", "came with huge pages", 0, false, MP_LOW_FAULTS },
	};
	const struct mp_proc *p = fg->p;

	memcpy(fg->rss, rows, sizeof(rows));
	if (!p || !p->rss_known)
		return;

	const uint64_t got[MP_FRSS_N] = { p->r_rss.start,
					  p->r_rss.max,
					  p->r_rss.end,
					  p->rss.anon,
					  p->rss.file,
					  p->rss.shmem,
					  p->rss.swap,
					  p->rss.lazyfree,
					  p->rss.hugetlb,
					  p->rss.slack,
					  0,
					  0,
					  0,
					  0,
					  0 };
	for (size_t i = 0; i < MP_FRSS_N; i++) {
		fg->rss[i].known = got[i] != MP_UNKNOWN;
		fg->rss[i].v = (int64_t)(i > MP_FRSS_END && i != MP_FRSS_HUGETLB
						 ? got[i] * MP_PAGE_SIZE
						 : got[i]);
	}
	fill_beside(fg);
}

bool mp_fig_majors_known(const struct mp_model *m, const struct mp_proc *p)
{
	const struct mp_probe *pr = &m->probes[MP_FEAT_MAJORS];

	return p && (p->majors || (pr->known && pr->rung != MP_RUNG_ABSENT));
}

static void fill_faults(struct mp_figures *fg)
{
	static const struct mp_fig rows[MP_FFAULT_N] = {
		{ "total", "total", 0, false, MP_LOW_FAULTS },
		{ "user", "in user mode", 0, false, MP_LOW_FAULTS },
		{ "kernel", "in the kernel", 0, false, MP_LOW_FAULTS },
		{ "major", "major", 0, false, MP_LOW_FAULTS },
		{ "cow", "copied on write", 0, false, MP_LOW_FAULTS },
		{ "pages_added", "pages added", 0, false, MP_LOW_FAULTS },
	};
	const struct mp_proc *p = fg->p;
	bool seen = p && mp_fig_seen(fg->m, MP_FEAT_FAULTS);
	/* a software perf event does not carry the error code */
	bool kinds = seen && fg->m->probes[MP_FEAT_FAULTS].rung != MP_RUNG_PERF;

	memcpy(fg->faults, rows, sizeof(rows));
	if (!seen)
		return;

	const struct {
		uint64_t v;
		bool known;
	} got[MP_FFAULT_N] = {
		{ p->faults, true },
		{ p->faults_user, true },
		{ p->faults_kernel, true },
		{ p->majors, mp_fig_majors_known(fg->m, p) },
		{ mp_faults_of(p, MP_FK_COW), kinds || mp_faults_of(p, MP_FK_COW) },
		{ p->pages_added, true },
	};
	for (size_t i = 0; i < MP_FFAULT_N; i++) {
		fg->faults[i].v = (int64_t)got[i].v;
		fg->faults[i].known = got[i].known;
	}
}

/* "MADV_DONTNEED" and "dontneed" both become "dontneed". */
static void advice_key(char *out, size_t size, unsigned advice)
{
	const char *s = mp_advice_name(advice);

	if (strncmp(s, "MADV_", 5) == 0)
		s += 5;
	snprintf(out, size, "%s", advice == MP_ADVICE_MAX - 1 ? "other" : s);
	if (out[0] == '\0' || strcmp(out, "?") == 0)
		snprintf(out, size, "advice-%u", advice);
	for (; *out; out++)
		*out = (char)tolower((unsigned char)*out);
}

static void fill_calls(struct mp_figures *fg)
{
	const struct mp_proc *p = fg->p;
	bool seen = p && mp_fig_seen(fg->m, MP_FEAT_CALLS);

	for (unsigned c = 1; c < MP_CALL_MAX; c++) {
		struct mp_fig_call *fc = &fg->calls[fg->n_calls];

		*fc = (struct mp_fig_call){ .known = seen, .always = c <= MP_CALL_MADVISE };
		if (p)
			fc->st = p->calls[c];
		if (p)
			fc->gave = p->asked_calls[c];
		fc->known |= fc->st.calls != 0;
		snprintf(fc->name, sizeof(fc->name), "%s", mp_call_name(c));
		if (fc->always || fc->st.calls)
			fg->n_calls++;
	}
	for (unsigned a = 0; p && a < MP_ADVICE_MAX; a++) {
		struct mp_fig_call *fc = &fg->advice[fg->n_advice];

		if (!p->advice[a].calls)
			continue;
		*fc = (struct mp_fig_call){ .st = p->advice[a],
					    .gave = p->asked_advice[a],
					    .known = true };
		advice_key(fc->name, sizeof(fc->name), a);
		fg->n_advice++;
	}
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

bool mp_fig_gc_known(const struct mp_model *m, const struct mp_proc *p)
{
	bool by_v8 = m->probes[MP_FEAT_HEAP_V8].known && mp_fig_seen(m, MP_FEAT_HEAP_V8);

	for (unsigned s = 1; p && s < MP_SRC_MAX; s++)
		if (p->heaps[s].present)
			return true;
	if (p && (p->n_gcs || mp_proc_gcs(p)))
		return true;
	/* V8 says nothing before its first collection: its probes would have seen one. Who
	 * has another collector that no source tells of, or none, has no such figures. */
	return p && p->prints.seen & MP_PRINT_V8 && by_v8;
}

/* Figures of a source that nobody watched, told by its last collection: a log's. */
static bool heap_of_log(const struct mp_model *m, const struct mp_proc *p, enum mp_heap_source src)
{
	static const uint8_t feat[MP_SRC_MAX] = {
		[MP_SRC_GC] = MP_FEAT_HEAP_GC,	       [MP_SRC_V8] = MP_FEAT_HEAP_V8,
		[MP_SRC_GO] = MP_FEAT_HEAP_GO,	       [MP_SRC_JVM] = MP_FEAT_HEAP_JVM,
		[MP_SRC_PYTHON] = MP_FEAT_HEAP_PYTHON, [MP_SRC_RUBY] = MP_FEAT_HEAP_RUBY,
	};
	size_t i = p->n_gcs;

	if (!m->probes[MP_FEAT_HEAP_LOG].known || !mp_fig_seen(m, MP_FEAT_HEAP_LOG) ||
	    (m->probes[feat[src]].known && mp_fig_seen(m, feat[src])))
		return false;
	while (i && p->gcs[i - 1].source != src)
		i--;
	return i && p->gcs[i - 1].ts == p->heaps[src].ts;
}

uint64_t mp_fig_heap_age(const struct mp_model *m, const struct mp_proc *p, enum mp_heap_source src)
{
	const struct mp_heap *h = &p->heaps[src];
	uint64_t end = p->exited ? p->exit_ts : m->now;

	if (!h->ts || end <= h->ts || h->used == MP_UNKNOWN ||
	    !((src == MP_SRC_V8 && h->external == MP_UNKNOWN) || heap_of_log(m, p, src)))
		return 0;
	return end - h->ts;
}

static int fill_gc(struct mp_figures *fg)
{
	const struct mp_proc *p = fg->p;
	uint64_t *pauses;
	size_t n = 0;

	fg->pause_p50 = fg->pause_max = MP_UNKNOWN;
	fg->gc_known = mp_fig_gc_known(fg->m, p);
	if (!p || !p->n_gcs)
		return 0;
	pauses = malloc(p->n_gcs * sizeof(*pauses));
	if (!pauses)
		return -ENOMEM;
	for (size_t i = 0; i < p->n_gcs; i++)
		if (p->gcs[i].pause != MP_UNKNOWN)
			pauses[n++] = p->gcs[i].pause;
	qsort(pauses, n, sizeof(*pauses), by_value);
	if (n) {
		fg->pause_p50 = pauses[(n - 1) / 2];
		fg->pause_max = pauses[n - 1];
	}
	free(pauses);
	return 0;
}

uint64_t mp_fig_point_rss(const struct mp_point *pt)
{
	return mp_point_known(pt) ? (uint64_t)pt->rss : MP_UNKNOWN;
}

bool mp_fig_delta_known(const struct mp_callstat *st)
{
	return !st->no_delta || st->no_delta + st->failed < st->calls;
}

static uint64_t get_rss(const struct mp_figures *fg, const struct mp_point *pt)
{
	(void)fg;
	return mp_fig_point_rss(pt);
}

static uint64_t get_used(const struct mp_figures *fg, const struct mp_point *pt)
{
	(void)fg;
	return pt->used;
}

static uint64_t get_committed(const struct mp_figures *fg, const struct mp_point *pt)
{
	(void)fg;
	return pt->committed;
}

static uint64_t get_external(const struct mp_figures *fg, const struct mp_point *pt)
{
	(void)fg;
	return pt->external;
}

static uint64_t get_owed(const struct mp_figures *fg, const struct mp_point *pt)
{
	return fg->gc_known ? pt->owed : MP_UNKNOWN;
}

static uint64_t get_faulted(const struct mp_figures *fg, const struct mp_point *pt)
{
	return fg->faults[0].known && !(pt->bits & MP_PT_GAP) ? pt->faults * MP_PAGE_SIZE
							      : MP_UNKNOWN;
}

static uint64_t get_released(const struct mp_figures *fg, const struct mp_point *pt)
{
	return fg->calls[0].known && !(pt->bits & MP_PT_GAP)
		       ? (pt->madvise_pages + pt->munmap_pages) * MP_PAGE_SIZE
		       : MP_UNKNOWN;
}

const struct mp_series mp_series[MP_SERIES_N] = {
	{ "rss", "RSS", get_rss },
	{ "heap_used", "heap used", get_used },
	{ "heap_committed", "committed", get_committed },
	{ "external", "external", get_external },
	{ "owed", "owed", get_owed },
	{ "faulted", "faulted in", get_faulted },
	{ "released", "released", get_released },
};

uint64_t mp_fig_since(const struct mp_model *m, uint64_t ts)
{
	return ts > m->start ? ts - m->start : 0;
}

uint64_t mp_fig_moment(const struct mp_model *m, uint64_t since)
{
	return m->start + since;
}

uint64_t mp_fig_before(const struct mp_figures *fg)
{
	return mp_fig_since(fg->m, fg->first);
}

uint64_t mp_fig_at(const struct mp_figures *fg, const struct mp_report_info *info)
{
	return mp_fig_since(fg->m, info->at);
}

void mp_fig_perms(char out[5], uint32_t bits)
{
	out[0] = bits & MP_MAP_R ? 'r' : '-';
	out[1] = bits & MP_MAP_W ? 'w' : '-';
	out[2] = bits & MP_MAP_X ? 'x' : '-';
	out[3] = bits & MP_MAP_SHARED ? 's' : 'p';
	out[4] = '\0';
}

uint64_t mp_fig_lag(const struct mp_gc *g)
{
	if (!g->returned_ts)
		return MP_UNKNOWN;
	return g->returned_ts > g->ts ? g->returned_ts - g->ts : 0;
}

int mp_figures(struct mp_figures *fg, const struct mp_model *m, const struct mp_report_info *info)
{
	*fg = (struct mp_figures){ .m = m,
				   .p = info->pid ? mp_model_pid(m, info->pid) : mp_model_main(m) };
	fg->first = info->first_ts ? info->first_ts : m->first;
	fg->first = fg->first > m->start ? fg->first : m->start;
	fg->duration = info->duration_ns != MP_UNKNOWN ? info->duration_ns
		       : m->now > fg->first	       ? m->now - fg->first
						       : 0;
	fg->maps_known = fg->p && (fg->p->maps_known || fg->p->n_maps);
	for (unsigned c = 1; c < MP_LOSS_MAX; c++)
		if (m->lost[c])
			fg->low |= low_by_cause[c];
	if (m->lost[MP_LOSS_DAMAGED] || m->lost[MP_LOSS_LIMIT])
		fg->gone = MP_LOW_ALL;
	fg->open_end = info->open_end;
	fill_account(fg);
	fill_rss(fg);
	fill_faults(fg);
	fill_calls(fg);
	return fill_gc(fg);
}
