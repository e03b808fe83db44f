/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * model.c - the fold's dispatch: strings, processes, the stream's own facts.
 *
 * What an event does to a process is in mem.c and heap.c. Nothing here or there
 * reads a clock or a file: time is what events say it is.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/model/internal.h"
#include "user/model/maptab.h"
#include "user/util/util.h"

#define PROCS_MAX 4096 /* with those that ended and are still kept */
#define MM_MAX	  (1u << 22)
#define STRS_MAX  (1u << 20)

void range_note(struct mp_range *r, uint64_t v)
{
	if (v == MP_UNKNOWN)
		return;
	if (r->start == MP_UNKNOWN) {
		r->start = v;
		r->max = v;
	}
	if (v > r->max)
		r->max = v;
	r->end = v;
}

static void range_unknown(struct mp_range *r)
{
	r->start = r->max = r->end = MP_UNKNOWN;
}

struct mp_model *mp_model_new(void)
{
	struct mp_model *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	for (unsigned i = 0; i < MP_META_MAX; i++)
		m->meta[i] = MP_UNKNOWN;
	return m;
}

static void snapshot_free(struct mp_snapshot *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i]);
	free(s->v);
	free(s);
}

void proc_free(struct mp_proc *p)
{
	if (!p)
		return;
	maptab_clear(p);
	mp_pageset_free(p->pages);
	faults_free(p);
	free(p->ranges);
	free(p->gcs);
	free(p->releases);
	free(p->release_slot);
	free(p->tl.p);
	tiers_drop(p);
	free(p);
}

static void drop_before(struct mp_model *m)
{
	for (size_t i = 0; i < m->n_before; i++)
		proc_free(m->before[i]);
	free(m->before);
	m->before = NULL;
	m->n_before = 0;
}

void mp_model_free(struct mp_model *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n_procs; i++)
		proc_free(m->procs[i]);
	for (size_t i = 0; i < m->n_strs; i++)
		free(m->strs[i]);
	snapshot_free(m->snap);
	stacks_free(m);
	places_free(m);
	clocks_free(m);
	drop_before(m);
	tiers_free(m);
	free(m->procs);
	free(m->strs);
	free(m->str_total);
	free(m->mm_proc);
	free(m);
}

/* --- strings -------------------------------------------------------------------- */

const char *mp_str(const struct mp_model *m, uint32_t id)
{
	if (!id)
		return "";
	return id < m->n_strs && m->strs[id] ? m->strs[id] : "?";
}

static int strs_grow(struct mp_model *m, uint32_t id)
{
	size_t cap = m->n_strs * 2 > id ? m->n_strs * 2 : (size_t)id + 64;
	uint32_t *n = realloc(m->str_total, cap * sizeof(*n));
	char **t;

	if (!n)
		return -ENOMEM;
	m->str_total = n;
	t = realloc(m->strs, cap * sizeof(*t));
	if (!t)
		return -ENOMEM;
	memset(t + m->n_strs, 0, (cap - m->n_strs) * sizeof(*t));
	m->strs = t;
	m->n_strs = cap;
	return 0;
}

static int fold_str(struct mp_model *m, const struct mp_event *e)
{
	uint32_t id = e->str.id, total = e->x, pos = e->str.pos;
	size_t n = total - pos < MP_STR_CHUNK ? total - pos : MP_STR_CHUNK;

	if (!id || id >= STRS_MAX || total > MP_STR_MAX || pos > total)
		return -EINVAL;
	if (id >= m->n_strs && strs_grow(m, id))
		return -ENOMEM;
	if (pos == 0) {
		char *s = calloc(1, total + 1);

		if (!s)
			return -ENOMEM;
		m->limits.strings += total + 1 - (m->strs[id] ? m->str_total[id] + 1 : 0);
		free(m->strs[id]);
		m->strs[id] = s;
		m->str_total[id] = total;
	}
	/* A piece without its beginning, or of another string (a damaged file), is
	 * left out. */
	if (m->strs[id] && m->str_total[id] == total && strlen(m->strs[id]) == (pos ? pos : 0))
		memcpy(m->strs[id] + pos, e->str.text, n);
	return 0;
}

/* --- processes -------------------------------------------------------------------- */

struct mp_proc *mp_model_proc(const struct mp_model *m, uint32_t mm)
{
	if (mm >= m->n_mm || !m->mm_proc[mm])
		return NULL;
	return m->procs[m->mm_proc[mm] - 1];
}

const struct mp_proc *mp_model_pid(const struct mp_model *m, uint32_t pid)
{
	for (size_t i = m->n_procs; i; i--)
		if (m->procs[i - 1]->tgid == pid)
			return m->procs[i - 1];
	return NULL;
}

const struct mp_proc *mp_model_main(const struct mp_model *m)
{
	return m->n_procs ? m->procs[0] : NULL;
}

static int mm_bind(struct mp_model *m, uint32_t mm, uint32_t index)
{
	if (mm >= m->n_mm) {
		size_t cap = m->n_mm * 2 > mm ? m->n_mm * 2 : (size_t)mm + 16;
		uint32_t *t = realloc(m->mm_proc, cap * sizeof(*t));

		if (!t)
			return -ENOMEM;
		memset(t + m->n_mm, 0, (cap - m->n_mm) * sizeof(*t));
		m->mm_proc = t;
		m->n_mm = cap;
	}
	m->mm_proc[mm] = index + 1;
	return 0;
}

static void heaps_reset(struct mp_proc *p)
{
	memset(p->heaps, 0, sizeof(p->heaps));
	memset(&p->all_heaps, 0, sizeof(p->all_heaps));
	p->n_figures = 0;
	p->heap_seen = 0;
	memset(&p->zheap, 0, sizeof(p->zheap));
	for (unsigned s = 0; s <= MP_SRC_MAX; s++) {
		struct mp_heap *h = s < MP_SRC_MAX ? &p->heaps[s] : &p->all_heaps;

		h->used = h->committed = h->external = h->arrays = MP_UNKNOWN;
		h->limit = h->goal = h->live = MP_UNKNOWN;
		range_unknown(&h->r_used);
		range_unknown(&h->r_committed);
		range_unknown(&h->r_external);
	}
}

static struct mp_proc *proc_new(uint32_t mm)
{
	struct mp_proc *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->mm = mm;
	p->pages = mp_pageset_new();
	p->file_anon = mp_pageset_new();
	if (!p->pages || !p->file_anon) {
		proc_free(p);
		return NULL;
	}
	range_unknown(&p->r_rss);
	p->rss.lazyfree = p->rss.hugetlb = MP_UNKNOWN;
	range_unknown(&p->r_charged);
	range_unknown(&p->r_refaults);
	range_unknown(&p->r_oom_kills);
	heaps_reset(p);
	return p;
}

/* Points of the timeline of the i-th process: as many as there are for the first, and for
 * thousands together not a multiple of what sixty have. */
static size_t tl_room(size_t i)
{
	size_t n = i ? 64 * MP_TL_OTHERS / i : MP_TL_MAX;

	return !i ? n : n > MP_TL_OTHERS ? MP_TL_OTHERS : n < 64 ? 64 : n;
}

struct mp_proc *proc_get(struct mp_model *m, uint32_t mm, bool make)
{
	struct mp_proc *p = mp_model_proc(m, mm), **t;

	if (p || !make || !mm || mm >= MM_MAX)
		return p;
	if (m->n_procs == PROCS_MAX)
		ended_retire(m, true);
	if (m->n_procs == PROCS_MAX)
		return NULL;
	t = realloc(m->procs, (m->n_procs + 1) * sizeof(*t));
	if (!t)
		return NULL;
	m->procs = t;
	p = proc_new(mm);
	if (!p)
		return NULL;
	if (mm_bind(m, mm, (uint32_t)m->n_procs)) {
		proc_free(p);
		return NULL;
	}
	p->loading = m->in_key;
	p->gc_other = m->in_key ? MP_UNKNOWN : 0; /* until the dump tells it */
	p->tl.max = tl_room(m->n_procs);
	m->procs[m->n_procs++] = p;
	return p;
}

/* exec: the address space begins anew; what was counted stays. */
void proc_reset_mm(struct mp_proc *p)
{
	maps_clear(p);
	mp_pageset_reset(p->pages);
	faults_reset_mm(p);
	p->orphan_pages = 0;
	p->maps_known = false;
	p->mm_gone = false;
	p->n_ranges = 0;
	memset(&p->prints, 0, sizeof(p->prints));
	memset(&p->rollup, 0, sizeof(p->rollup));
	memset(&p->status, 0, sizeof(p->status));
	memset(&p->rss, 0, sizeof(p->rss));
	p->rss.lazyfree = p->rss.hugetlb = MP_UNKNOWN;
	p->rss_known = false;
	p->short_ts = p->heap_taken = p->lazy_since = p->lazy_ts = 0;
	heaps_reset(p);
	/* What the old image still owed is gone with its memory. */
	for (size_t i = p->gc_unpaid; i < p->n_gcs; i++)
		p->gcs[i].reused = p->gcs[i].freed - p->gcs[i].returned;
	p->gc_unpaid = p->n_gcs;
	p->gc_paid = 0;
	p->owed = 0;
	memset(p->rel_log, 0, sizeof(p->rel_log));
}

/* A full table is no reason to end: the process is left out, and counted. */
static int no_proc(struct mp_model *m)
{
	if (m->n_procs < PROCS_MAX)
		return -ENOMEM;
	m->lost[MP_LOSS_TARGETS]++;
	m->lost_total++;
	return 0;
}

static int fold_exec(struct mp_model *m, const struct mp_event *e)
{
	struct mp_proc *p = NULL;

	if (!e->mm || e->mm >= MM_MAX)
		return -EINVAL;
	if (e->task.a && e->task.a < MM_MAX)
		p = mp_model_proc(m, (uint32_t)e->task.a);
	if (!p) {
		p = proc_get(m, e->mm, true);
		if (!p)
			return no_proc(m);
	} else {
		uint32_t i = m->mm_proc[e->task.a] - 1;

		if (mm_bind(m, e->mm, i))
			return -ENOMEM;
		family_leave(m, p);
		/* What still comes of the old address space is not about this image. */
		if (e->task.a != e->mm)
			m->mm_proc[e->task.a] = 0;
		p->mm = e->mm;
		p->exe = 0; /* another program; TARGET names it where it can be known */
		proc_reset_mm(p);
	}
	p->exec_ts = e->ts;
	if (e->task.b)
		p->tgid = (uint32_t)e->task.b;
	if (e->task.comm)
		p->comm = (uint32_t)e->task.comm;
	return 0;
}

/* The timeline of the process from before a state dump that this one is. */
static void take_timeline(struct mp_model *m, struct mp_proc *p)
{
	for (size_t i = 0; i < m->n_before && !p->tl.p; i++) {
		struct mp_proc *o = m->before[i];

		if (o->tgid != p->tgid || !o->tl.p)
			continue;
		p->tl = o->tl;
		o->tl = (struct mp_timeline){ 0 };
	}
}

static int name_thread(struct mp_proc *p, const struct mp_event *e)
{
	struct mp_thread *t = faults_thread(p, e->tid);

	if (!t)
		return -ENOMEM;
	if (t != &p->rest)
		t->name = (uint32_t)e->task.comm;
	return 0;
}

/* A child of fork has its parent's name until it takes another; 0: nobody knows. */
static uint32_t inherited_name(const struct mp_model *m, uint64_t parent)
{
	const struct mp_proc *p = parent ? mp_model_pid(m, (uint32_t)parent) : NULL;

	return p ? p->comm : 0;
}

static int fold_task(struct mp_model *m, const struct mp_event *e)
{
	struct mp_proc *p;

	if (e->sub == MP_TASK_EXEC)
		return fold_exec(m, e);
	if (e->sub == MP_TASK_TARGET && (!e->mm || e->mm >= MM_MAX))
		return -EINVAL;
	if (e->sub == MP_TASK_OOM && !e->mm) {
		m->oom_others.n++;
		m->oom_others.ts = e->ts;
		return 0;
	}
	p = proc_get(m, e->mm, e->sub == MP_TASK_TARGET);
	if (!p)
		return e->sub == MP_TASK_TARGET ? no_proc(m) : 0;
	switch (e->sub) {
	case MP_TASK_TARGET:
		p->tgid = (uint32_t)e->task.a;
		if (e->task.comm)
			p->comm = (uint32_t)e->task.comm;
		else if (!p->comm && !m->in_key) /* a state dump says what was known */
			p->comm = inherited_name(m, e->task.c);
		if (e->task.b)
			p->exe = (uint32_t)e->task.b;
		if (e->task.c)
			p->parent = (uint32_t)e->task.c;
		p->launched = e->x & MP_TASK_F_LAUNCHED;
		if (!p->start_ts) {
			p->start_ts = e->ts;
			if (!m->in_key)
				family_join(m, p, e->task.c, e->ts);
		}
		take_timeline(m, p);
		break;
	case MP_TASK_FORK:
		p->forks++;
		p->fork_ts = e->ts;
		if (tl_now(p))
			tl_now(p)->forks++;
		break;
	case MP_TASK_THREAD:
		p->threads_started++;
		break;
	case MP_TASK_EXIT:
		/* Two may come: the kernel's, and the look at /proc that found it gone. */
		if (p->exited && p->exit_known)
			break;
		if (!p->exited)
			family_leave(m, p);
		p->exited = true;
		p->exit_known = e->task.a != MP_UNKNOWN;
		p->wait_status = p->exit_known ? (int)e->task.a : 0;
		if (!p->exit_ts)
			p->exit_ts = e->ts;
		break;
	case MP_TASK_NAME:
		return name_thread(p, e);
	case MP_TASK_OOM:
		p->oom = (struct mp_oom){ .ts = e->ts,
					  .anon = p->rss.anon,
					  .file = p->rss.file,
					  .shmem = p->rss.shmem,
					  .swap = p->rss.swap };
		break;
	case MP_TASK_MM_EXIT:
		p->mm_gone = e->mm == p->mm;
		if (p->mm_gone)
			family_leave(m, p);
		break;
	default:
		break;
	}
	return 0;
}

/* --- mapping snapshots -------------------------------------------------------------- */

static int snap_line(struct mp_snapshot *s, const struct mp_event *e)
{
	struct mp_mapping *v;

	/* Lines out of order would break every search: not a snapshot. */
	if (e->map.start >= e->map.end || !on_pages(e->map.start, e->map.end) ||
	    (s->n && e->map.start < s->v[s->n - 1]->end))
		return -EINVAL;
	if (mp_grow(&s->v, &s->cap, s->n + 1, sizeof(*s->v)))
		return -ENOMEM;
	v = calloc(1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	v->start = e->map.start;
	v->end = e->map.end;
	v->off = e->map.off;
	v->ino = e->map.ino;
	v->dev = e->map.dev;
	v->bits = e->x;
	v->name = (uint32_t)e->map.name;
	/* In a state dump the class is told: what it was derived from may be gone. */
	v->cls = e->flags && e->flags <= MP_CLS_MAX ? (enum mp_class)(e->flags - 1) : MP_CLS_ANON;
	s->v[s->n++] = v;
	return 0;
}

static int fold_map(struct mp_model *m, const struct mp_event *e)
{
	struct mp_proc *p = proc_get(m, e->mm, false);
	int err = 0;

	if (e->sub == MP_MAP_BEGIN) {
		snapshot_free(m->snap);
		m->snap = calloc(1, sizeof(*m->snap));
		if (!m->snap)
			return -ENOMEM;
		m->snap->mm = e->mm;
		return 0;
	}
	if (!m->snap || m->snap->mm != e->mm) /* the beginning was lost */
		return 0;
	if (e->sub == MP_MAP_LINE)
		return snap_line(m->snap, e);
	if (e->sub != MP_MAP_END)
		return 0;
	if (p) {
		err = maps_replace(p, m->snap, m);
		p->maps_known = !(p->loading && (e->flags & MP_MAP_UNKNOWN));
		p->maps_ts = e->ts;
	}
	snapshot_free(m->snap);
	m->snap = NULL;
	return err;
}

/* --- the stream's own facts ------------------------------------------------------------ */

static int fold_loss(struct mp_model *m, struct mp_proc *p, const struct mp_event *e)
{
	if (e->sub < MP_LOSS_MAX)
		m->lost[e->sub] += e->x;
	m->lost_total += e->x;
	if (e->sub == MP_LOSS_DAMAGED) {
		m->gap_ts = m->now;
		for (size_t i = 0; i < m->n_procs; i++)
			tl_damage(m->procs[i]);
	}
	if (!p && m->n_procs)
		p = m->procs[0];
	if (p && tl_now(p))
		tl_now(p)->lost += e->x;
	return 0;
}

static int fold_probe(struct mp_model *m, const struct mp_event *e)
{
	struct mp_probe *pr;

	if (e->sub >= MP_FEAT_MAX)
		return 0;
	pr = &m->probes[e->sub];
	pr->known = true;
	pr->rung = e->x < MP_RUNG_MAX ? (uint8_t)e->x : MP_RUNG_ABSENT;
	pr->err = (int)(int64_t)e->v[0];
	pr->why = (uint32_t)e->v[1];
	return 0;
}

static void fold_note(struct mp_model *m, struct mp_proc *p, const struct mp_event *e)
{
	if (!p && m->n_procs)
		p = m->procs[0];
	if (p && tl_now(p))
		tl_now(p)->note = (uint32_t)e->v[0];
}

bool mp_meta_of_file(unsigned key)
{
	return key == MP_META_SHARD || key == MP_META_TRIGGER;
}

static void proc_loaded(struct mp_proc *p)
{
	if (p->loading)
		faults_loaded(p);
	p->loading = false;
}

/* A state dump replaces the state; the timelines' past is not in it and stays. */
static int fold_keyframe(struct mp_model *m, const struct mp_event *e)
{
	if (e->sub == MP_KEY_END) {
		m->in_key = false;
		m->first = m->first ? m->first : m->now;
		for (size_t i = 0; i < m->n_procs; i++)
			proc_loaded(m->procs[i]);
		drop_before(m);
		return 0;
	}
	for (size_t i = 0; i < m->n_procs; i++) {
		int err = 0;

		if (m->procs[i]->gap && !m->procs[i]->exited) /* up to here nothing is known */
			err = tl_advance(m->procs[i], e->ts);
		if (err)
			return err;
	}
	drop_before(m);	 /* of a dump that was cut off */
	if (!m->n_procs) /* the facts about the session stand before its first state */
		m->first = 0;
	m->in_key = true;
	m->before = m->procs;
	m->n_before = m->n_procs;
	m->procs = NULL;
	m->n_procs = 0;
	if (m->n_mm)
		memset(m->mm_proc, 0, m->n_mm * sizeof(*m->mm_proc));
	stacks_free(m);
	places_free(m);
	clocks_free(m);
	memset(m->probes, 0, sizeof(m->probes));
	for (unsigned i = 0; i < MP_META_MAX; i++)
		if (!mp_meta_of_file(i))
			m->meta[i] = MP_UNKNOWN;
	/* Of the file and not of the session: the dump does not know what reading missed. */
	m->damaged += m->lost[MP_LOSS_DAMAGED];
	memset(m->lost, 0, sizeof(m->lost));
	memset(&m->ended, 0, sizeof(m->ended));
	memset(&m->oom_others, 0, sizeof(m->oom_others));
	m->lost_total = m->gap_ts = 0;
	return 0;
}

static int fold_stream(struct mp_model *m, struct mp_proc *p, const struct mp_event *e)
{
	switch (e->type) {
	case MP_EV_STR:
		return fold_str(m, e);
	case MP_EV_LOSS:
		return fold_loss(m, p, e);
	case MP_EV_PROBE:
		return fold_probe(m, e);
	case MP_EV_META:
		if (e->sub < MP_META_MAX)
			m->meta[e->sub] = e->meta.num;
		return 0;
	case MP_EV_NOTE:
		fold_note(m, p, e);
		return 0;
	case MP_EV_KEYFRAME:
		return fold_keyframe(m, e);
	case MP_EV_TOTAL:
		return fold_total(m, e);
	case MP_EV_TASK:
		return fold_task(m, e);
	case MP_EV_MAP:
		return fold_map(m, e);
	case MP_EV_STACK:
		return fold_stack(m, e);
	case MP_EV_PLACE:
		return fold_place(m, e);
	case MP_EV_MODULE:
		return fold_module(m, e);
	case MP_EV_CLOCK:
		return fold_clock(m, e);
	default:
		return 0; /* TICK, or a type from a newer version */
	}
}

static int fold_proc(struct mp_model *m, struct mp_proc *p, const struct mp_event *e)
{
	switch (e->type) {
	case MP_EV_FAULT:
		return fold_fault(m, p, e);
	case MP_EV_CALL:
		return fold_call(m, p, e);
	case MP_EV_RSS:
		return fold_rss(p, e);
	case MP_EV_MAJOR:
		return fold_major(p, e);
	case MP_EV_PAGES:
		return fold_pages(p, e);
	case MP_EV_CGROUP:
		fold_cgroup(p, e);
		return 0;
	case MP_EV_CGROUP_MORE:
		fold_cgroup_more(p, e);
		return 0;
	case MP_EV_ROLLUP:
		fold_rollup(p, e);
		return 0;
	case MP_EV_PROC:
		fold_status(p, e);
		return 0;
	case MP_EV_SITE:
		release_site(p, e);
		return e->sub == MP_SITE_FAULT ? fold_fault_site(p, e) : 0;
	case MP_EV_HEAP:
		return fold_heap(m, p, e);
	case MP_EV_SPACE:
		return fold_space(p, e);
	case MP_EV_GC:
		return fold_gc(m, p, e);
	case MP_EV_HEAP_RANGE:
		return fold_range(m, p, e);
	default:
		return fold_stream(m, p, e);
	}
}

/* Of who ended the last second is summed up when nothing more of it can come. */
#define LATE_NS 1000000000ULL

static int time_goes_on(struct mp_model *m, struct mp_proc *p, uint64_t ts)
{
	int err = 0;

	if (p->exited)
		return p->tiers && ts > p->exit_ts + LATE_NS ? tiers_end(m, p) : 0;
	if (ts >= p->tier_end && p->tl.n)
		err = tiers_advance(m, p, ts);
	return err ? err : tl_advance(p, ts);
}

/* Time goes on for every process, or for the one the event is about. */
static int advance(struct mp_model *m, struct mp_proc *p, const struct mp_event *e)
{
	int err = 0;

	if (m->in_key || e->type == MP_EV_STR || e->type == MP_EV_META || e->type == MP_EV_PROBE)
		return 0;
	if (p && !p->exited)
		return time_goes_on(m, p, e->ts);
	if (e->type != MP_EV_TICK)
		return 0;
	for (size_t i = 0; i < m->n_procs && !err; i++)
		err = time_goes_on(m, m->procs[i], e->ts);
	if (!p)
		ended_retire(m, false);
	return err;
}

int mp_model_fold(struct mp_model *m, const struct mp_event *e)
{
	struct mp_proc *p = e->mm ? mp_model_proc(m, e->mm) : NULL;
	int err;

	if (e->ts >> 62) /* 146 years of uptime: damage */
		return -EINVAL;
	if (!m->in_key && e->type != MP_EV_KEYFRAME) {
		m->events++;
		if (!m->start)
			m->start = e->ts;
		if (!m->first)
			m->first = e->ts;
		if (e->ts > m->now)
			m->now = e->ts;
	}
	if (m->limits.on && !limits_allow(m, p, e))
		return 0;
	err = advance(m, p, e);
	if (err)
		return err;
	return p ? fold_proc(m, p, e) : fold_stream(m, NULL, e);
}
