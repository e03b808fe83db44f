/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * metrics.c - see metrics.h. What processes have is user/export/metrics.c's table, here by
 * group instead of by program; what the daemon knows of itself is the table below.
 *
 * A level of a group is worked out anew for every page, from what lives. A counter is kept
 * here: each process's figures are asked for at its end and whenever a page is made, and the
 * group's counter grows by what they grew. So it counts children that came and went between
 * two pages, and does not fall when the model forgets them.
 */
#include "user/daemon/metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/events.h"
#include "user/daemon/metrics_int.h"
#include "user/export/metrics.h"
#include "user/model/index.h"
#include "user/model/model.h"
#include "user/util/util.h"

#define UNKNOWN MP_METRIC_UNKNOWN

/* A group of the config; its name is copied, so that a counter outlives a new config. */
struct group {
	char name[DM_NAME_MAX + 1];
	int64_t *level, *total; /* by number of the metric */
	struct mp_pauses pauses;
	bool gc;      /* something tells of collections   */
	uint64_t now; /* processes that run               */
};

/* What a process had counted when it was last asked. */
struct last {
	uint32_t mm; /* its address space now: exec takes it along */
	bool seen;
	int64_t *v; /* by number of the metric */
};

struct dm_metrics {
	const struct dm_config *c;
	const struct dm_targets *t;
	struct group *groups;
	size_t n_groups;
	struct last *last;
	size_t n_last, cap_last;
	struct mp_index *by_mm; /* numbers in `last` */
	uint64_t refused;	/* in sessions before this one */
	struct dm_textfile file;
};

/* --- groups -------------------------------------------------------------------------------- */

static void free_groups(struct group *g, size_t n)
{
	for (size_t i = 0; g && i < n; i++) {
		free(g[i].level);
		free(g[i].total);
	}
	free(g);
}

static int new_groups(const struct dm_config *c, struct group **out)
{
	struct group *g = calloc(c->n_groups + 1, sizeof(*g));

	for (size_t i = 0; g && i < c->n_groups; i++) {
		memcpy(g[i].name, c->groups[i].name, sizeof(g[i].name));
		g[i].level = mp_metric_values();
		g[i].total = mp_metric_values();
		if (!g[i].level || !g[i].total) {
			free_groups(g, c->n_groups);
			return -ENOMEM;
		}
	}
	*out = g;
	return g ? 0 : -ENOMEM;
}

int dm_metrics_new(const struct dm_config *c, const struct dm_targets *t, struct dm_metrics **out)
{
	struct dm_metrics *m = calloc(1, sizeof(*m));

	if (!m || new_groups(c, &m->groups)) {
		free(m);
		return -ENOMEM;
	}
	m->c = c;
	m->t = t;
	m->n_groups = c->n_groups;
	*out = m;
	return 0;
}

int dm_metrics_reload(struct dm_metrics *m, const struct dm_config *c, const struct dm_targets *t)
{
	struct group *g, *old = m->groups;

	if (new_groups(c, &g))
		return -ENOMEM;
	for (size_t i = 0; i < c->n_groups; i++) {
		for (size_t k = 0; k < m->n_groups; k++) {
			struct group was = old[k];

			if (strcmp(g[i].name, was.name))
				continue;
			old[k].total = g[i].total;
			g[i].total = was.total;
			g[i].pauses = was.pauses;
			g[i].gc = was.gc;
		}
	}
	free_groups(old, m->n_groups);
	m->groups = g;
	m->n_groups = c->n_groups;
	m->c = c;
	m->t = t;
	return 0;
}

void dm_metrics_free(struct dm_metrics *m)
{
	if (!m)
		return;
	dm_textfile_remove(&m->file);
	free_groups(m->groups, m->n_groups);
	for (size_t i = 0; i < m->n_last; i++)
		free(m->last[i].v);
	free(m->last);
	mp_index_free(m->by_mm);
	free(m);
}

const struct dm_config *dm_metrics_config(const struct dm_metrics *m)
{
	return m->c;
}

struct dm_textfile *dm_metrics_file(struct dm_metrics *m)
{
	return &m->file;
}

/* --- what processes have ------------------------------------------------------------------- */

/* The group of a process, or NULL: not one of a target. */
static struct group *group_of(struct dm_metrics *m, const struct mp_proc *p)
{
	const struct dm_target *t = dm_targets_of_mm(m->t, p->mm);

	if (!t || t->group < 0 || (size_t)t->group >= m->n_groups)
		return NULL;
	return &m->groups[t->group];
}

/* NULL: no memory. */
static struct last *last_of(struct dm_metrics *m, const struct mp_proc *p)
{
	size_t i = mp_index_find(m->by_mm, p->mm);
	struct last l = { .mm = p->mm };

	if (i != MP_INDEX_NONE)
		return &m->last[i];
	if (mp_grow(&m->last, &m->cap_last, m->n_last + 1, sizeof(*m->last)))
		return NULL;
	l.v = mp_metric_values();
	if (!l.v || mp_index_add(&m->by_mm, l.mm, m->n_last)) {
		free(l.v);
		return NULL;
	}
	m->last[m->n_last] = l;
	return &m->last[m->n_last++];
}

/* What a process counted since it was last asked goes to its group. */
static void count_process(struct dm_metrics *m, struct group *g, const struct mp_model *model,
			  const struct mp_proc *p)
{
	struct last *l = last_of(m, p);
	unsigned at = 0;

	if (!l)
		return; /* no memory: the next time counts it, unless this was the end */
	l->seen = true;
	for (const struct mp_metric *mt = mp_metrics; mt->name; at += mt->n, mt++) {
		if (mt->type != MP_METRIC_COUNTER || mt->of == MP_METRIC_SESSION)
			continue;
		for (unsigned i = 0; i < mt->n; i++)
			mp_metric_count(&g->total[at + i], &l->v[at + i], mt->get(model, p, i));
	}
}

/* `first`: of those in its control group. */
static void add_levels(struct group *g, const struct mp_model *model, const struct mp_proc *p,
		       bool first)
{
	unsigned at = 0;

	for (const struct mp_metric *mt = mp_metrics; mt->name; at += mt->n, mt++) {
		if (mt->type != MP_METRIC_GAUGE || mt->of == MP_METRIC_SESSION ||
		    (mt->of == MP_METRIC_CGROUP && !first))
			continue;
		for (unsigned i = 0; i < mt->n; i++) {
			int64_t *v = &g->level[at + i];

			*v = mp_metric_join(mt, *v, mt->get(model, p, i));
		}
	}
}

/* Forgets the processes that the model has forgotten. */
static void sweep(struct dm_metrics *m)
{
	size_t n = 0;

	mp_index_free(m->by_mm);
	m->by_mm = NULL;
	for (size_t i = 0; i < m->n_last; i++) {
		/* without memory for its number it would be counted twice */
		if (m->last[i].seen && !mp_index_add(&m->by_mm, m->last[i].mm, n))
			m->last[n++] = m->last[i];
		else
			free(m->last[i].v);
	}
	m->n_last = n;
}

/* Levels anew, counters up to now. */
static void collect(struct dm_metrics *m, const struct mp_model *model)
{
	struct mp_index *cgroups = NULL;

	for (size_t i = 0; i < m->n_groups; i++) {
		for (unsigned k = 0; k < mp_metrics_count(); k++)
			m->groups[i].level[k] = UNKNOWN;
		m->groups[i].now = 0;
	}
	for (size_t i = 0; i < m->n_last; i++)
		m->last[i].seen = false;
	for (size_t i = 0; model && i < model->n_procs; i++) {
		const struct mp_proc *p = model->procs[i];
		struct group *g = group_of(m, p);
		size_t k = mp_index_find(m->by_mm, p->mm);

		if (k != MP_INDEX_NONE)
			m->last[k].seen = true;
		if (!g)
			continue;
		count_process(m, g, model, p);
		g->gc = g->gc || mp_proc_gcs(p) || p->n_figures;
		g->now += !p->exited && !p->mm_gone;
		add_levels(g, model, p, mp_metric_first(&cgroups, (size_t)(g - m->groups), p));
	}
	mp_index_free(cgroups);
	sweep(m);
}

void dm_metrics_renew(struct dm_metrics *m, const struct mp_model *old)
{
	collect(m, old);
	m->refused += dm_targets_refused(m->t);
	for (size_t i = 0; i < m->n_last; i++)
		m->last[i].seen = false;
	sweep(m);
}

#define LAST_SPARE 1024

/* exec: the process, with what it counted, has another address space from now on. */
static void move(struct dm_metrics *m, uint32_t from, uint32_t to)
{
	size_t i = mp_index_find(m->by_mm, from);

	if (i == MP_INDEX_NONE || from == to || m->last[i].mm != from)
		return;
	if (mp_index_find(m->by_mm, to) == MP_INDEX_NONE && !mp_index_add(&m->by_mm, to, i))
		m->last[i].mm = to;
}

static void count_task(struct dm_metrics *m, const struct mp_model *model, const struct mp_event *e)
{
	bool exec = e->sub == MP_TASK_EXEC;
	uint32_t mm = exec ? (uint32_t)e->task.a : e->mm;
	const struct mp_proc *p = mp_model_proc(model, mm);
	struct group *g = p ? group_of(m, p) : NULL;

	if (g)
		count_process(m, g, model, p);
	if (p && exec)
		move(m, mm, e->mm);
	/* who ended is forgotten when a page is asked for; nobody may ask */
	if (m->n_last > 2 * model->n_procs + LAST_SPARE)
		collect(m, model);
}

void dm_metrics_event(void *ctx, const struct mp_model *model, const struct mp_event *e)
{
	struct dm_metrics *m = ctx;
	const struct mp_proc *p;
	struct group *g;

	if (model->in_key)
		return;
	if (e->type == MP_EV_TASK && (e->sub == MP_TASK_EXIT || e->sub == MP_TASK_MM_EXIT ||
				      (e->sub == MP_TASK_EXEC && e->task.a < UINT32_MAX)))
		count_task(m, model, e);
	if (e->type != MP_EV_GC)
		return;
	p = mp_model_proc(model, e->mm);
	g = p ? group_of(m, p) : NULL;
	if (!g)
		return;
	g->gc = true;
	mp_pauses_add(&g->pauses, e->gc.pause);
}

/* --- what the daemon has ------------------------------------------------------------------- */

struct page {
	struct dm_metrics *m;
	const struct dm_self *self;
	struct mp_metric_to to;
	uint64_t began;
};

static int64_t number(uint64_t v)
{
	return v > INT64_MAX ? UNKNOWN : (int64_t)v;
}

static int64_t get_up(const struct page *pg, int group, unsigned i)
{
	(void)i;
	return pg->m->groups[group].now > 0;
}

static int64_t get_processes(const struct page *pg, int group, unsigned i)
{
	(void)i;
	return number(pg->m->groups[group].now);
}

static int64_t get_fired(const struct page *pg, int group, unsigned i)
{
	(void)i;
	return pg->self->incidents ? number(pg->self->incidents[group].fired) : UNKNOWN;
}

static const char *outcome(unsigned i)
{
	static const char *const n[] = { "saved", "failed", "rested" };

	return n[i];
}

static int64_t get_incidents(const struct page *pg, int group, unsigned i)
{
	const struct dm_incident_figures *f = pg->self->incidents;

	if (!f)
		return UNKNOWN;
	f += group;
	return number(i == 0 ? f->saved : i == 1 ? f->failed : f->rested);
}

static int64_t get_incident_time(const struct page *pg, int group, unsigned i)
{
	const struct dm_incident_figures *f = pg->self->incidents;

	(void)i;
	return f && f[group].last_wall_ns ? number(f[group].last_wall_ns) : UNKNOWN;
}

static int64_t get_refused(const struct page *pg, int group, unsigned i)
{
	(void)group, (void)i;
	return number(pg->m->refused + dm_targets_refused(pg->m->t));
}

static int64_t get_viewers(const struct page *pg, int group, unsigned i)
{
	(void)group, (void)i;
	return pg->self->server.viewers;
}

static const char *connection(unsigned i)
{
	static const char *const n[] = { "accepted", "refused", "cut_off" };

	return n[i];
}

static int64_t get_connections(const struct page *pg, int group, unsigned i)
{
	const struct dm_server_figures *f = &pg->self->server;
	const uint64_t v[] = { f->accepted, f->refused, f->cut_off };

	(void)group;
	return number(v[i]);
}

static int64_t get_dropped(const struct page *pg, int group, unsigned i)
{
	(void)group, (void)i;
	return number(pg->self->server.dropped_blocks);
}

static int64_t get_sent(const struct page *pg, int group, unsigned i)
{
	(void)group, (void)i;
	return number(pg->self->server.sent_bytes);
}

/* 0 bytes or no time at all: nobody has looked. */
static int64_t get_self(const struct page *pg, int group, unsigned i)
{
	const uint64_t v[] = { pg->self->rss, pg->self->bpf };

	(void)group;
	return v[i] ? number(v[i]) : UNKNOWN;
}

static const char *self_kind(unsigned i)
{
	static const char *const n[] = { "resident", "bpf" };

	return n[i];
}

static int64_t get_cpu(const struct page *pg, int group, unsigned i)
{
	(void)group, (void)i;
	return pg->self->cpu_ns ? number(pg->self->cpu_ns) : UNKNOWN;
}

static int64_t get_fill(const struct page *pg, int group, unsigned i)
{
	(void)group, (void)i;
	return number(pg->self->fill * 10000000ULL);
}

/* The last metric of a page. */
static int64_t get_took(const struct page *pg, int group, unsigned i)
{
	(void)group, (void)i;
	return number(mp_monotonic_ns() - pg->began);
}

struct own {
	struct mp_metric mt;
	bool by_group;
	int64_t (*get)(const struct page *pg, int group, unsigned i);
};

/* clang-format off */
#define M(name, type, unit, help, label, n, value) \
	{ name, MP_METRIC_##type, unit, help, label, n, MP_METRIC_SESSION, value, NULL }
static const struct own owns[] = {
	/* these two are also in the other table: here 0 is known, too */
	{ M("memprof_target_up", GAUGE, NULL, "Does a process that is watched run", NULL, 1, NULL),
	  true, get_up },
	{ M("memprof_processes", GAUGE, NULL, "Processes that are watched and run", NULL, 1, NULL),
	  true, get_processes },
	{ M("memprof_triggers_fired", COUNTER, NULL, "Conditions of triggers that came true", NULL, 1, NULL),
	  true, get_fired },
	{ M("memprof_incidents", COUNTER, NULL,
	    "What became of them: a recording, none that could be saved, or too soon after the last",
	    "outcome", 3, outcome), true, get_incidents },
	{ M("memprof_incident_last_timestamp_seconds", GAUGE, "seconds", "When the last one was, Unix time",
	    NULL, 1, NULL), true, get_incident_time },
	{ M("memprof_targets_refused", COUNTER, NULL,
	    "Processes that matched and are not watched, because max-targets are", NULL, 1, NULL),
	  false, get_refused },
	{ M("memprof_viewers", GAUGE, NULL, "Viewers on the socket", NULL, 1, NULL), false, get_viewers },
	{ M("memprof_viewer_connections", COUNTER, NULL, "Viewers that came, by how it ended", "outcome", 3,
	    connection), false, get_connections },
	{ M("memprof_viewer_dropped_blocks", COUNTER, NULL, "Blocks that a viewer was too slow for",
	    NULL, 1, NULL), false, get_dropped },
	{ M("memprof_viewer_sent_bytes", COUNTER, "bytes", "Sent to viewers", NULL, 1, NULL),
	  false, get_sent },
	{ M("memprof_daemon_memory_bytes", GAUGE, "bytes",
	    "Memory of memprof itself: its own, and that of its maps and rings in the kernel",
	    "kind", 2, self_kind), false, get_self },
	{ M("memprof_daemon_cpu_seconds", COUNTER, "seconds", "CPU time of memprof itself", NULL, 1, NULL),
	  false, get_cpu },
	{ M("memprof_tables_used_ratio", GAUGE, "ratio",
	    "How full the fullest of the tables is that only grow; full, new names are not told",
	    NULL, 1, NULL), false, get_fill },
	{ M("memprof_scrape_duration_seconds", GAUGE, "seconds", "How long this page took", NULL, 1, NULL),
	  false, get_took },
};
#undef M
/* clang-format on */

#define N_OWNS (sizeof(owns) / sizeof(owns[0]))

/* --- the page ------------------------------------------------------------------------------ */

/* A family without a sample is not named. */
static void put_value(const struct page *pg, const struct mp_metric *mt, bool *head, unsigned i,
		      const char *who, int64_t v)
{
	if (v == UNKNOWN || (mt->value && !mt->value(i)))
		return;
	if (!*head)
		mp_metric_head(&pg->to, mt);
	*head = true;
	mp_metric_put(&pg->to, mt, i, who, v, 0);
}

/* Is it told by the daemon's own table? */
static bool is_own(const struct mp_metric *mt)
{
	for (size_t i = 0; i < N_OWNS; i++)
		if (!strcmp(owns[i].mt.name, mt->name))
			return true;
	return false;
}

static void put_pauses(const struct page *pg, const struct mp_metric *mt)
{
	bool head = false;

	for (size_t k = 0; k < pg->m->n_groups; k++) {
		const struct group *g = &pg->m->groups[k];

		if (!g->gc)
			continue;
		if (!head)
			mp_metric_head(&pg->to, mt);
		head = true;
		mp_metric_put_pauses(&pg->to, mt, g->name, &g->pauses, 0);
	}
}

/* A family of the table of processes; `at`: number of its first metric. */
static void put_shared(const struct page *pg, const struct mp_metric *mt, unsigned at)
{
	bool head = false;

	if (mt->type == MP_METRIC_HISTOGRAM)
		put_pauses(pg, mt);
	if (mt->type == MP_METRIC_INFO) {
		mp_metric_head(&pg->to, mt);
		mp_metric_put_info(&pg->to, mt, MEMPROF_VERSION, 0);
	}
	/* of the session there is one more: what was lost */
	for (unsigned i = 0; mt->get && mt->of == MP_METRIC_SESSION && i < mt->n; i++)
		put_value(pg, mt, &head, i, NULL, number(pg->self->lost[i]));
	for (size_t k = 0; mt->get && mt->of != MP_METRIC_SESSION && k < pg->m->n_groups; k++) {
		const struct group *g = &pg->m->groups[k];
		const int64_t *v = mt->type == MP_METRIC_COUNTER ? g->total : g->level;

		for (unsigned i = 0; i < mt->n; i++)
			put_value(pg, mt, &head, i, g->name, v[at + i]);
	}
}

static void put_own(const struct page *pg, const struct own *o)
{
	size_t n = o->by_group ? pg->m->n_groups : 1;
	bool head = false;

	for (size_t k = 0; k < n; k++)
		for (unsigned i = 0; i < o->mt.n; i++)
			put_value(pg, &o->mt, &head, i, o->by_group ? pg->m->groups[k].name : NULL,
				  o->get(pg, (int)k, i));
}

void dm_metrics_write(struct dm_metrics *m, const struct dm_self *self, enum dm_format f, FILE *out)
{
	struct page pg = { .m = m,
			   .self = self,
			   .to = { out, "group", f == DM_PROMETHEUS },
			   .began = mp_monotonic_ns() };
	unsigned at = 0;

	collect(m, self->model);
	for (const struct mp_metric *mt = mp_metrics; mt->name; at += mt->n, mt++)
		if (!is_own(mt))
			put_shared(&pg, mt, at);
	for (size_t i = 0; i < N_OWNS; i++)
		put_own(&pg, &owns[i]);
	mp_metric_eof(&pg.to);
}

uint64_t dm_metrics_lost(const uint64_t lost[MP_LOSS_MAX], char *buf, size_t size)
{
	bool told[MP_LOSS_MAX] = { false };
	uint64_t sum = 0, rest;
	size_t at = 0;

	for (unsigned i = 1; i < MP_LOSS_MAX; i++)
		sum += lost[i];
	rest = sum;
	buf[0] = 0;
	for (unsigned k = 0; k < 3 && rest; k++) {
		unsigned most = 0;

		for (unsigned i = 1; i < MP_LOSS_MAX; i++)
			if (!told[i] && lost[i] && (!most || lost[i] > lost[most]))
				most = i;
		told[most] = true;
		rest -= lost[most];
		at += (size_t)snprintf(buf + at, at < size ? size - at : 0, "%s%s %llu",
				       k ? ", " : "", mp_loss_name(most),
				       (unsigned long long)lost[most]);
	}
	if (rest && at < size)
		snprintf(buf + at, size - at, ", others %llu", (unsigned long long)rest);
	return sum;
}

size_t dm_metrics_series_max(size_t groups)
{
	size_t n = 0;

	for (const struct mp_metric *mt = mp_metrics; mt->name; mt++) {
		size_t lines = mt->type == MP_METRIC_HISTOGRAM ? MP_PAUSE_BUCKETS + 3 : mt->n;

		if (mt->of == MP_METRIC_SESSION)
			n += lines;
		else if (!is_own(mt))
			n += lines * groups;
	}
	for (size_t i = 0; i < N_OWNS; i++)
		n += owns[i].mt.n * (owns[i].by_group ? groups : 1);
	return n;
}
