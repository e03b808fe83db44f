/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * openmetrics.c - a recording as OpenMetrics 1.0 text with timestamps, for
 * `promtool tsdb create-blocks-from openmetrics` and the like.
 *
 * Owns: when samples are taken, what is kept of them, and their order: families must not
 * be mixed, so all are kept until the end. Must not: know metrics (metrics.c does).
 *
 * A sample is the state of the model at a border of the interval. Processes of one
 * program are one group, told by the label exe. One that ends before any border has a
 * sample at its end: no program is without its gauges. When there are more samples than
 * ROWS_MAX, every second one is forgotten and the interval doubles.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/export/formats.h"
#include "user/export/metrics.h"
#include "user/model/index.h"
#include "user/util/util.h"

#define INTERVAL   1000000000ULL /* ns, unless it is given */
#define ROWS_MAX   65536	 /* samples of all groups: 64 MB */
#define GROUPS_MAX 50		 /* programs; those beyond are called "other" */
#define EXE_MAX	   64

struct row {
	uint64_t ms;   /* CLOCK_REALTIME */
	uint64_t tick; /* of the interval; a row between two borders has the later one's */
	int64_t *v;    /* by number of the metric */
	struct mp_pauses pauses;
};

struct group {
	char exe[EXE_MAX];
	bool gc;		 /* collections were seen */
	int64_t *total;		 /* counters so far, by number of the metric; not of groups[0] */
	struct mp_pauses pauses; /* so far */
	struct row *rows, *open; /* open: the one being made, rows[n], or NULL */
	size_t n, cap;
};

/* groups[0] is of the whole session. */
struct om {
	uint64_t start;		 /* ts from which borders are counted; 0 = not known yet */
	uint64_t interval, tick; /* ns; number of the next border */
	size_t n_groups, n_rows;
	struct group groups[GROUPS_MAX + 2];
	struct mp_index *by_proc; /* numbers in `last` */
	struct mp_index *cgroups; /* of the sample being taken */
	int64_t **last;
	size_t n_last, cap_last;
};

/* NULL when memory is out. */
static struct group *group_of(struct om *o, const struct mp_model *m, const struct mp_proc *p)
{
	const char *exe = mp_metric_exe(m, p);
	struct group *g;

	for (size_t i = 1; i < o->n_groups; i++)
		if (!strncmp(o->groups[i].exe, exe, EXE_MAX - 1))
			return &o->groups[i];
	if (o->n_groups == GROUPS_MAX + 2)
		return &o->groups[GROUPS_MAX + 1];
	g = &o->groups[o->n_groups];
	g->total = mp_metric_values();
	if (!g->total)
		return NULL;
	o->n_groups++;
	snprintf(g->exe, sizeof(g->exe), "%s", o->n_groups == GROUPS_MAX + 2 ? "other" : exe);
	return g;
}

/* --- samples ------------------------------------------------------------------------------ */

/* What a process had counted at the last sample; NULL when memory is out. */
static int64_t *last_of(struct om *o, const struct mp_proc *p)
{
	uint64_t key = p->start_ts << 22 ^ p->tgid; /* pids are used again */
	size_t i = mp_index_find(o->by_proc, key);

	if (i != MP_INDEX_NONE)
		return o->last[i];
	if (mp_grow(&o->last, &o->cap_last, o->n_last + 1, sizeof(*o->last)) ||
	    mp_index_add(&o->by_proc, key, o->n_last))
		return NULL;
	return o->last[o->n_last++] = mp_metric_values();
}

/* Adds what a process has to the row of its group. */
static int add_process(struct om *o, struct group *g, const struct mp_model *m,
		       const struct mp_proc *p)
{
	bool first = mp_metric_first(&o->cgroups, (size_t)(g - o->groups), p);
	int64_t *last = last_of(o, p);
	unsigned at = 0;

	for (const struct mp_metric *mt = mp_metrics; last && mt->name; at += mt->n, mt++) {
		if (!mt->get || mt->of == MP_METRIC_SESSION ||
		    (mt->of == MP_METRIC_CGROUP && !first))
			continue;
		for (unsigned i = 0; i < mt->n; i++) {
			int64_t now = mt->get(m, p, i), *v = g->open ? &g->open->v[at + i] : NULL;

			if (mt->type == MP_METRIC_COUNTER)
				mp_metric_count(&g->total[at + i], &last[at + i], now);
			else if (v)
				*v = mp_metric_join(mt, *v, now);
		}
	}
	return last ? 0 : -ENOMEM;
}

/* The row of the session has what no process counts. */
static void add_session(const struct mp_model *m, int64_t *v)
{
	for (const struct mp_metric *mt = mp_metrics; mt->name; v += mt->n, mt++)
		for (unsigned i = 0; mt->get && mt->of == MP_METRIC_SESSION && i < mt->n; i++)
			v[i] = mt->get(m, NULL, i);
}

/* The row of this instant, empty yet. */
static int new_row(struct om *o, struct group *g, uint64_t ms)
{
	struct row r = { .ms = ms, .tick = o->tick, .pauses = g->pauses };

	g->open = NULL;
	if (g->n && g->rows[g->n - 1].ms >= ms)
		return 0; /* the wall clock was set back: this time has its samples */
	if (mp_grow(&g->rows, &g->cap, g->n + 1, sizeof(*g->rows)))
		return -ENOMEM;
	r.v = mp_metric_values();
	g->rows[g->n] = r;
	g->open = r.v ? &g->rows[g->n] : NULL;
	return r.v ? 0 : -ENOMEM;
}

static void close_row(struct om *o, struct group *g)
{
	unsigned at = 0;

	if (!g->open)
		return;
	for (const struct mp_metric *mt = mp_metrics; g->total && mt->name; at += mt->n, mt++)
		if (mt->type == MP_METRIC_COUNTER && mt->of != MP_METRIC_SESSION)
			memcpy(g->open->v + at, g->total + at, mt->n * sizeof(*g->total));
	g->n++;
	o->n_rows++;
}

static void halve_group(struct om *o, struct group *g)
{
	size_t n = 0;

	for (size_t i = 0; i < g->n; i++) {
		if (g->rows[i].tick % 2) {
			free(g->rows[i].v);
			o->n_rows--;
			continue;
		}
		g->rows[i].tick /= 2;
		g->rows[n++] = g->rows[i];
	}
	g->n = n;
}

static void halve(struct om *o)
{
	for (size_t i = 0; i < o->n_groups; i++)
		halve_group(o, &o->groups[i]);
	o->tick = (o->tick + 1) / 2;
	o->interval *= 2;
}

/* A process that has no name yet waits until it has one. */
static bool is_named(const struct mp_proc *p)
{
	return p->exe || p->comm;
}

static int sample(struct om *o, const struct mp_model *m, uint64_t ts)
{
	uint64_t wall = mp_wall_ns(m, ts);
	int err = 0;

	if (wall == MP_UNKNOWN)
		return 0;
	for (size_t i = 0; i < m->n_procs && !err; i++)
		if (is_named(m->procs[i])) /* new groups have a row, too */
			err = group_of(o, m, m->procs[i]) ? 0 : -ENOMEM;
	for (size_t i = 0; i < o->n_groups && !err; i++)
		err = new_row(o, &o->groups[i], wall / 1000000);
	if (!err && o->groups[0].open)
		add_session(m, o->groups[0].open->v);
	for (size_t i = 0; i < m->n_procs && !err; i++)
		if (is_named(m->procs[i]))
			err = add_process(o, group_of(o, m, m->procs[i]), m, m->procs[i]);
	mp_index_free(o->cgroups);
	o->cgroups = NULL;
	for (size_t i = 0; i < o->n_groups && !err; i++)
		close_row(o, &o->groups[i]);
	return err;
}

/* All borders up to an instant; before it the state has not changed. */
static int sample_until(struct om *o, const struct mp_model *m, uint64_t ts)
{
	int err = 0;

	while (!err && o->start + o->tick * o->interval <= ts) {
		err = sample(o, m, o->start + o->tick * o->interval);
		o->tick++;
		if (o->n_rows >= ROWS_MAX)
			halve(o);
	}
	return err;
}

static int begin(struct mp_export *x)
{
	struct om *o = calloc(1, sizeof(*o));

	if (!o)
		return -ENOMEM;
	o->interval = x->interval ? x->interval : INTERVAL;
	o->n_groups = 1;
	o->tick = 1;
	x->priv = o;
	return 0;
}

/* The last state of a program that no sample has shown yet. */
static int sample_end(struct om *o, const struct mp_model *m, const struct mp_event *e)
{
	const struct mp_proc *p = e->type == MP_EV_TASK ? mp_model_proc(m, e->mm) : NULL;
	const struct group *g;

	if (!p || (e->sub != MP_TASK_EXIT && e->sub != MP_TASK_MM_EXIT) || !is_named(p))
		return 0;
	g = group_of(o, m, p);
	if (!g)
		return -ENOMEM;
	return g->n ? 0 : sample(o, m, e->ts);
}

static int before(struct mp_export *x, const struct mp_model *m, const struct mp_event *e)
{
	struct om *o = x->priv;
	int err;

	/* A file may begin with the state of a session that is older: nothing is known of
	 * the time before. What is told again there has the times of when it was told first. */
	if (e->type == MP_EV_KEYFRAME && e->sub == MP_KEY_BEGIN && !o->n_rows)
		o->start = e->ts;
	/* a state that is just being restored is none, nor is a process that is being named: its
	 * exec and who it is come one after the other at one instant */
	if (e->type == MP_EV_KEYFRAME || m->in_key || !m->n_procs || e->type == MP_EV_STR ||
	    (e->type == MP_EV_TASK && e->sub == MP_TASK_TARGET))
		return 0;
	if (!o->start)
		o->start = m->start;
	err = sample_until(o, m, e->ts);
	return err ? err : sample_end(o, m, e);
}

static int after(struct mp_export *x, const struct mp_model *m, const struct mp_event *e)
{
	const struct mp_proc *p = e->type == MP_EV_GC ? mp_model_proc(m, e->mm) : NULL;
	struct group *g;

	if (!p || m->in_key)
		return 0;
	g = group_of(x->priv, m, p);
	if (!g)
		return -ENOMEM;
	g->gc = true;
	mp_pauses_add(&g->pauses, e->gc.pause);
	return 0;
}

/* --- output ------------------------------------------------------------------------------------
 */

/* Of a metric all samples stand together, in the order of time. */
static void put_group(const struct mp_metric_to *to, const struct mp_metric *mt, size_t at,
		      const struct group *g)
{
	const char *exe = mt->of == MP_METRIC_SESSION ? NULL : g->exe;

	for (unsigned i = 0; mt->get && i < mt->n; i++)
		for (size_t k = 0; k < g->n; k++)
			mp_metric_put(to, mt, i, exe, g->rows[k].v[at + i], g->rows[k].ms);
	for (size_t k = 0; mt->type == MP_METRIC_HISTOGRAM && g->gc && k < g->n; k++)
		mp_metric_put_pauses(to, mt, exe, &g->rows[k].pauses, g->rows[k].ms);
}

static void put_info(const struct mp_metric_to *to, const struct mp_metric *mt,
		     const struct mp_model *m, const struct group *g)
{
	uint64_t id = m->meta[MP_META_VERSION];

	for (size_t k = 0; id <= UINT32_MAX && k < g->n; k++)
		mp_metric_put_info(to, mt, mp_str(m, (uint32_t)id), g->rows[k].ms);
}

static void put_all(FILE *f, const struct om *o, const struct mp_model *m)
{
	const struct mp_metric_to to = { .f = f, .by = "exe" };
	size_t at = 0;

	for (const struct mp_metric *mt = mp_metrics; mt->name; at += mt->n, mt++) {
		bool whole = mt->of == MP_METRIC_SESSION;

		mp_metric_head(&to, mt);
		if (mt->type == MP_METRIC_INFO)
			put_info(&to, mt, m, &o->groups[0]);
		for (size_t i = whole ? 0 : 1; i < (whole ? 1 : o->n_groups); i++)
			put_group(&to, mt, at, &o->groups[i]);
	}
	mp_metric_eof(&to);
}

static void free_all(struct om *o)
{
	for (size_t i = 0; i < o->n_groups; i++) {
		for (size_t k = 0; k < o->groups[i].n; k++)
			free(o->groups[i].rows[k].v);
		free(o->groups[i].rows);
		free(o->groups[i].total);
	}
	for (size_t i = 0; i < o->n_last; i++)
		free(o->last[i]);
	free(o->last);
	mp_index_free(o->by_proc);
	free(o);
}

static int end(struct mp_export *x, const struct mp_model *m, int err)
{
	struct om *o = x->priv;

	if (!err && m->start && mp_wall_ns(m, m->now) == MP_UNKNOWN)
		err = -ENODATA; /* without a wall clock there is no sample */
	else if (!err)
		err = sample(o, m, m->now);
	if (!err)
		put_all(x->f, o, m);
	free_all(o);
	return err;
}

const struct mp_exporter mp_export_openmetrics = {
	.name = "openmetrics",
	.suffix = "om",
	.doc = "samples with their times, for Prometheus and VictoriaMetrics",
	.begin = begin,
	.before = before,
	.after = after,
	.end = end,
};
