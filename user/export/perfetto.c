/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * perfetto.c - a recording as a trace for ui.perfetto.dev: collects what the trace
 * is made of while the recording is read. Writing: perfetto_out.c, what is left out:
 * perfetto_thin.c.
 *
 * Counters are read off the model when a slot of 10 ms is over, so they show the
 * model's state and not pieces of events. Arrows from a collection to the calls that
 * paid it back come from the model's pairing: mp_gc.returned before and after the
 * fold of an event.
 */
#include "user/export/perfetto.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "user/export/formats.h"
#include "user/util/util.h"

/* --- processes ---------------------------------------------------------------------- */

static struct pf_proc *proc_by_key(const struct pf *pf, uint64_t key, uint32_t *at)
{
	for (size_t i = 0; i < pf->n_procs; i++)
		if (pf->procs[i]->key == key) {
			*at = (uint32_t)i;
			return pf->procs[i];
		}
	return NULL;
}

static int bind_mm(struct pf *pf, uint32_t mm, uint32_t i)
{
	size_t n = pf->n_by_mm;

	if (mm >= n) {
		if (mp_grow(&pf->by_mm, &pf->cap_by_mm, (size_t)mm + 1, sizeof(*pf->by_mm)))
			return -ENOMEM;
		memset(pf->by_mm + n, 0, (mm + 1 - n) * sizeof(*pf->by_mm));
		pf->n_by_mm = (size_t)mm + 1;
	}
	pf->by_mm[mm] = i + 1;
	return 0;
}

/* A process of the same number as one before is shown on the same tracks: Perfetto
 * tells processes by their numbers, too. */
static struct pf_proc *proc_add(struct pf *pf, const struct mp_proc *p)
{
	uint64_t key = p->tgid ? p->tgid : 1ULL << 32 | p->mm;
	uint32_t i = 0;
	struct pf_proc *pp = proc_by_key(pf, key, &i), **slot;

	if (!pp) {
		i = (uint32_t)pf->n_procs;
		pp = calloc(1, sizeof(*pp));
		slot = pp ? PF_PUSH(pf, procs) : NULL;
		if (!slot) {
			free(pp);
			return NULL;
		}
		*slot = pp;
		pp->key = key;
		pp->start_ts = p->start_ts;
	}
	pp->mm = p->mm;
	pp->tgid = p->tgid;
	pp->exited = p->exited;
	pp->gc_off = (int64_t)pp->n_gcs - (int64_t)(p->gc_dropped + p->n_gcs);
	pp->unpaid = p->gc_unpaid;
	return bind_mm(pf, p->mm, i) ? NULL : pp;
}

/* The record of p: made when it is seen for the first time. NULL: no memory. */
static struct pf_proc *proc_of(struct pf *pf, const struct mp_proc *p, uint32_t *at)
{
	struct pf_proc *pp = NULL;

	if (p->mm < pf->n_by_mm && pf->by_mm[p->mm])
		pp = pf->procs[pf->by_mm[p->mm] - 1];
	if (!pp || (p->tgid && pp->tgid != p->tgid))
		pp = proc_add(pf, p);
	if (!pp)
		return NULL;
	*at = pf->by_mm[p->mm] - 1;
	if (p->comm)
		pp->comm = p->comm;
	if (p->exe)
		pp->exe = p->exe;
	return pp;
}

/* The process that an event is about, if it is to be shown. */
static const struct mp_proc *shown(const struct mp_export *x, const struct mp_model *m,
				   const struct mp_event *e)
{
	const struct mp_proc *p = e->mm ? mp_model_proc(m, e->mm) : NULL;

	return p && x->pid && p->tgid != x->pid ? NULL : p;
}

/* --- collections and who paid them back ----------------------------------------------- */

/* The record of the model's i-th collection, or NULL: it was dropped or is not known. */
static struct pf_gc *gc_at(const struct pf *pf, const struct pf_proc *pp, const struct mp_proc *p,
			   size_t i)
{
	int64_t k = (int64_t)(i + p->gc_dropped) + pp->gc_off;

	return k < 0 || (size_t)k >= pp->n_gcs ? NULL : &pf->gcs[pp->gcs[k]];
}

static struct pf_gc *gc_add(struct pf *pf, uint32_t proc, const struct mp_gc *g)
{
	struct pf_proc *pp = pf->procs[proc];
	struct pf_gc *r;

	if (mp_grow(&pp->gcs, &pp->cap_gcs, pp->n_gcs + 1, sizeof(*pp->gcs)))
		return NULL;
	r = PF_PUSH(pf, gcs);
	if (!r)
		return NULL;
	pp->gcs[pp->n_gcs++] = (uint32_t)(pf->n_gcs - 1);
	r->g = *g;
	r->proc = proc;
	r->arrows = PF_NONE;
	return r;
}

static int arrow(struct pf *pf, struct pf_gc *r, uint32_t flow)
{
	struct pf_arrow *a;

	if (r->n_arrows == PF_ARROWS_MAX)
		return 0;
	a = PF_PUSH(pf, arrows);
	if (!a)
		return -ENOMEM;
	a->flow = flow;
	a->next = r->arrows;
	r->arrows = (uint32_t)(pf->n_arrows - 1);
	r->n_arrows++;
	return 0;
}

/*
 * Takes over what the event's fold changed in collections that were unpaid before
 * it, and returns the bytes that came back by it. Debts are paid oldest first, so
 * no others changed. *flow is made on the first payment, if it is not made yet.
 */
static uint64_t payments(struct pf *pf, uint32_t i, const struct mp_proc *p, uint32_t *flow,
			 int *err)
{
	struct pf_proc *pp = pf->procs[i];
	uint64_t paid = 0;

	for (size_t k = pp->unpaid; k <= p->gc_unpaid && k < p->n_gcs && !*err; k++) {
		struct pf_gc *r = gc_at(pf, pp, p, k);

		if (r && p->gcs[k].returned > r->g.returned) {
			paid += p->gcs[k].returned - r->g.returned;
			*flow = *flow ? *flow : ++pf->flows;
			*err = arrow(pf, r, *flow);
		}
		if (r)
			r->g = p->gcs[k];
	}
	pp->unpaid = p->gc_unpaid;
	return paid;
}

/* All that the model still has of them. */
static void refresh(struct pf *pf, const struct mp_proc *p, uint32_t i)
{
	for (size_t k = 0; k < p->n_gcs; k++) {
		struct pf_gc *r = gc_at(pf, pf->procs[i], p, k);

		if (r)
			r->g = p->gcs[k];
	}
}

/* Releases made while it ran are paid by the fold of its end (pairing.c). */
static int claim(struct pf *pf, struct pf_proc *pp, struct pf_gc *r)
{
	unsigned kept = 0;
	int err = 0;

	for (unsigned k = 0; k < pp->n_logged; k++) {
		if (r->g.returned && pp->logged[k].ts >= r->g.start && pp->logged[k].ts <= r->g.ts)
			err = err ? err : arrow(pf, r, pp->logged[k].flow);
		else
			pp->logged[kept++] = pp->logged[k];
	}
	pp->n_logged = kept;
	return err;
}

static int on_gc(struct pf *pf, uint32_t i, const struct mp_proc *p)
{
	struct pf_gc *r = p->n_gcs ? gc_add(pf, i, &p->gcs[p->n_gcs - 1]) : NULL;

	if (!p->n_gcs)
		return 0;
	pf->procs[i]->unpaid = p->gc_unpaid;
	return r ? claim(pf, pf->procs[i], r) : -ENOMEM;
}

/*
 * After a state dump the model's list begins anew. Those that are here already are
 * found by their times, the others are taken over.
 */
static int resync(struct pf *pf, const struct mp_proc *p, uint32_t i)
{
	struct pf_proc *pp = pf->procs[i];
	size_t at = pp->n_gcs;

	while (at && p->n_gcs && pf->gcs[pp->gcs[at - 1]].g.ts >= p->gcs[0].ts)
		at--;
	pp->gc_off = (int64_t)at - (int64_t)p->gc_dropped;
	for (size_t k = 0; k < p->n_gcs; k++)
		if (at + k >= pp->n_gcs && !gc_add(pf, i, &p->gcs[k]))
			return -ENOMEM;
	refresh(pf, p, i);
	pp->unpaid = p->gc_unpaid;
	pp->n_logged = 0;
	return 0;
}

/* --- instants ----------------------------------------------------------------------- */

static struct pf_mark *mark(struct pf *pf, const struct mp_event *e, uint32_t proc,
			    enum pf_mark_kind kind)
{
	struct pf_mark *k = PF_PUSH(pf, marks);

	if (!k)
		return NULL;
	k->ts = e->ts;
	k->proc = proc;
	k->tid = e->tid;
	k->sub = e->sub;
	k->kind = (uint8_t)kind;
	return k;
}

static int mark_with(struct pf *pf, const struct mp_event *e, uint32_t proc, enum pf_mark_kind kind,
		     uint64_t a)
{
	struct pf_mark *k = mark(pf, e, proc, kind);

	if (k)
		k->a = a;
	return k ? 0 : -ENOMEM;
}

static int mark_fell(struct pf *pf, const struct mp_event *e, uint32_t proc, uint32_t flow,
		     uint64_t bytes)
{
	struct pf_mark *k = mark(pf, e, proc, PF_M_FELL);

	if (!k)
		return -ENOMEM;
	k->a = bytes;
	k->flow = flow;
	return 0;
}

static int on_fault(struct pf *pf, uint32_t i, const struct mp_event *e)
{
	struct pf_fault *f = PF_PUSH(pf, faults);
	bool sampled = e->type == MP_EV_SITE;

	if (!f)
		return -ENOMEM;
	f->ts = e->ts;
	f->proc = i;
	f->tid = e->tid;
	f->addr = sampled ? e->site.addr : e->major.addr;
	f->stack = sampled ? e->site.stack : 0;
	f->pages = sampled ? e->x : 0;
	f->seq = ++pf->seq;
	f->cls = pf->at.cls;
	return 0;
}

/* --- calls ---------------------------------------------------------------------------- */

/* True when the fold noted a release of heap pages that no collection claims yet. */
static bool was_logged(const struct mp_proc *p, const struct mp_event *e)
{
	return p->rel_log[2 * MP_REL_LOG - 2] == e->ts && p->rel_log[2 * MP_REL_LOG - 1];
}

static void log_call(struct pf *pf, struct pf_proc *pp, const struct mp_event *e, uint32_t *flow)
{
	*flow = *flow ? *flow : ++pf->flows;
	if (pp->n_logged == PF_LOGGED)
		memmove(pp->logged, pp->logged + 1, --pp->n_logged * sizeof(pp->logged[0]));
	pp->logged[pp->n_logged].ts = e->ts;
	pp->logged[pp->n_logged++].flow = *flow;
}

static void fill_call(struct pf *pf, struct pf_call *c, uint32_t i, const struct mp_proc *p,
		      const struct mp_event *e)
{
	c->ts = e->ts;
	c->dur = e->call.dur;
	c->addr = e->call.addr;
	c->len = e->call.len;
	c->len2 = e->call.len2;
	c->ret = e->call.ret;
	c->delta = p->calls[e->sub].rss_delta - pf->at.rss_delta;
	c->proc = i;
	c->tid = e->tid;
	c->x = e->x;
	c->sub = e->sub;
	c->flags = e->flags;
	c->cls = pf->at.cls;
	c->seq = ++pf->seq;
	if (p->call_site.ts == e->ts && p->call_site.tid == e->tid)
		c->stack = p->call_site.stack;
}

static int on_call(struct pf *pf, uint32_t i, const struct mp_proc *p, const struct mp_event *e)
{
	struct pf_proc *pp = pf->procs[i];
	struct pf_call *c;
	uint32_t flow = 0;
	int err = 0;

	if (!e->sub || e->sub >= MP_CALL_MAX)
		return 0;
	c = PF_PUSH(pf, calls);
	if (!c)
		return -ENOMEM;
	fill_call(pf, c, i, p, e);
	c->paid = payments(pf, i, p, &flow, &err);
	if (was_logged(p, e))
		log_call(pf, pp, e, &flow);
	if (flow)
		c->fell = c->delta < 0 ? (uint64_t)-c->delta : c->paid;
	if (e->sub == MP_CALL_MADVISE && e->x == MADV_FREE && c->cls == MP_CLS_HEAP)
		pp->free_flow = flow = flow ? flow : ++pf->flows;
	c->flow = flow;
	return err;
}

/* What was left to the kernel comes back when it takes it: seen by a scan or a figure. */
static int on_taken(struct pf *pf, uint32_t i, const struct mp_proc *p, const struct mp_event *e)
{
	struct pf_proc *pp = pf->procs[i];
	uint32_t flow = pp->free_flow;
	int err = 0;
	uint64_t paid = payments(pf, i, p, &flow, &err);

	if (!paid || err)
		return err;
	pp->free_flow = 0; /* an arrow ends once */
	return mark_fell(pf, e, i, flow, paid);
}

/* --- events --------------------------------------------------------------------------- */

static int on_phase(struct pf *pf, uint32_t i, const struct mp_event *e)
{
	struct pf_phase *ph = PF_PUSH(pf, phases);

	if (!ph)
		return -ENOMEM;
	ph->ts = e->ts;
	ph->dur = e->phase.dur < e->ts ? e->phase.dur : 0;
	ph->work = e->phase.work;
	ph->n = e->phase.n;
	ph->proc = i;
	ph->tid = e->tid;
	ph->phase = e->sub;
	ph->source = e->phase.source < MP_SRC_MAX ? (uint8_t)e->phase.source : 0;
	return 0;
}

static int on_name(struct pf *pf, uint32_t i, uint32_t tid, uint32_t name)
{
	struct pf_name *n = PF_PUSH(pf, names);

	if (!n)
		return -ENOMEM;
	*n = (struct pf_name){
		.proc = i, .tid = tid, .name = name, .order = (uint32_t)pf->n_names
	};
	return 0;
}

static int on_task(struct pf *pf, uint32_t i, const struct mp_proc *p, const struct mp_event *e)
{
	struct pf_proc *pp = pf->procs[i];
	int err;

	switch (e->sub) {
	case MP_TASK_TARGET:
		pp->exited = false;
		return 0;
	case MP_TASK_FORK:
		return mark_with(pf, e, i, PF_M_FORK, e->task.a);
	case MP_TASK_EXEC:
		pp->unpaid = p->gc_unpaid;
		return mark_with(pf, e, i, PF_M_EXEC, e->task.comm);
	case MP_TASK_NAME:
		return on_name(pf, i, e->tid, (uint32_t)e->task.comm);
	case MP_TASK_EXIT:
		if (pp->exited)
			return 0;
		pp->exited = true;
		refresh(pf, p, i);
		err = pf_counters(pf, i, p);
		err = err ? err : pf_put_gone(pf, i, e->ts + 1);
		return err ? err : mark_with(pf, e, i, PF_M_EXIT, e->task.a);
	default:
		return 0;
	}
}

static int on_clock(struct pf *pf, uint64_t mono, uint64_t boot, uint64_t wall)
{
	struct pf_clock *c = PF_PUSH(pf, clocks);

	if (!c)
		return -ENOMEM;
	*c = (struct pf_clock){ .mono = mono, .boot = boot, .wall = wall };
	return 0;
}

/* Events that need no process. */
static int after_stream(struct pf *pf, const struct mp_model *m, const struct mp_event *e,
			uint32_t proc)
{
	const uint64_t *meta = m->meta;
	int err = 0;

	switch (e->type) {
	case MP_EV_META:
		if (e->sub == MP_META_TRIGGER)
			err = mark_with(pf, e, PF_NONE, PF_M_TRIGGER, e->meta.num);
		if ((e->sub == MP_META_BOOT_NS || e->sub == MP_META_WALL_NS) && !pf->n_clocks &&
		    meta[MP_META_START_TS] != MP_UNKNOWN && meta[MP_META_BOOT_NS] != MP_UNKNOWN)
			err = on_clock(pf, meta[MP_META_START_TS], meta[MP_META_BOOT_NS],
				       meta[MP_META_WALL_NS]);
		return err;
	case MP_EV_CLOCK:
		err = on_clock(pf, e->ts, e->clock.boot, e->clock.wall);
		if (!err && e->sub == MP_CLOCK_STEP)
			err = mark_with(pf, e, PF_NONE, PF_M_CLOCK, (uint64_t)e->clock.jump);
		if (!err && e->sub == MP_CLOCK_SLEEP)
			err = mark_with(pf, e, PF_NONE, PF_M_CLOCK, e->clock.asleep);
		return err;
	case MP_EV_LOSS:
		err = mark_with(pf, e, proc, PF_M_LOSS, e->x);
		if (!err)
			pf->marks[pf->n_marks - 1].b = e->v[0];
		return err;
	case MP_EV_NOTE:
		return mark_with(pf, e, proc, PF_M_NOTE, e->v[0]);
	default:
		return 0;
	}
}

static void note_peak(struct pf_proc *pp, const struct mp_proc *p, uint64_t ts)
{
	uint64_t rss = mp_proc_rss(p) / MP_PAGE_SIZE;

	if (rss <= pp->peak)
		return;
	pp->peak = rss;
	pp->peak_ts = ts;
}

static int after_proc(struct pf *pf, const struct mp_proc *p, const struct mp_event *e, uint32_t i)
{
	struct pf_proc *pp = pf->procs[i];

	switch (e->type) {
	case MP_EV_FAULT:
		pp->faults += e->x;
		return 0;
	case MP_EV_MAJOR:
		pp->majors++;
		return on_fault(pf, i, e);
	case MP_EV_SITE:
		return e->sub == MP_SITE_FAULT ? on_fault(pf, i, e) : 0;
	case MP_EV_CALL:
		return on_call(pf, i, p, e);
	case MP_EV_GC:
		return on_gc(pf, i, p);
	case MP_EV_PHASE:
		return on_phase(pf, i, e);
	case MP_EV_TASK:
		return on_task(pf, i, p, e);
	case MP_EV_RSS:
		note_peak(pp, p, e->ts);
		return on_taken(pf, i, p, e);
	case MP_EV_PAGES:
	case MP_EV_HEAP:
		return on_taken(pf, i, p, e);
	default:
		return 0;
	}
}

static int begin(struct mp_export *x)
{
	struct pf *pf = calloc(1, sizeof(*pf));

	if (!pf)
		return -ENOMEM;
	pf->width = PF_SLOT0;
	x->priv = pf;
	return 0;
}

static int before(struct mp_export *x, const struct mp_model *m, const struct mp_event *e)
{
	struct pf *pf = x->priv;
	const struct mp_mapping *v = NULL;
	const struct mp_proc *p;
	int err = 0;

	if (m->in_key || e->ts >> 62)
		return 0;
	if (e->ts / pf->width > pf->slot) {
		err = pf_flush(pf, m);
		pf->slot = e->ts / pf->width;
	}
	p = shown(x, m, e);
	if (!p || err)
		return err;
	if (e->type == MP_EV_CALL && e->sub < MP_CALL_MAX) {
		pf->at.rss_delta = p->calls[e->sub].rss_delta;
		v = mp_proc_find(p, e->call.addr);
	} else if (e->type == MP_EV_SITE || e->type == MP_EV_MAJOR) {
		v = mp_proc_find(p, e->type == MP_EV_SITE ? e->site.addr : e->major.addr);
	} else if (e->type == MP_EV_GC && p->n_gcs == MP_GC_MAX && p->mm < pf->n_by_mm &&
		   pf->by_mm[p->mm]) {
		refresh(pf, p, pf->by_mm[p->mm] - 1); /* half of them go */
	}
	pf->at.cls = v ? (uint8_t)v->cls : MP_CLS_MAX;
	return 0;
}

/* A state dump has ended: everything may be another than it was. */
static int reloaded(struct mp_export *x, const struct mp_model *m, const struct mp_event *e)
{
	struct pf *pf = x->priv;
	int err = 0;

	for (size_t k = 0; k < m->n_procs && !err; k++) {
		const struct mp_proc *p = m->procs[k];
		struct pf_proc *pp;
		uint32_t i;

		if (x->pid && p->tgid != x->pid)
			continue;
		pp = proc_of(pf, p, &i);
		if (!pp)
			return -ENOMEM;
		pp->mm = p->mm;
		pp->dirty = !p->exited;
		pp->dirty_ts = e->ts;
		err = resync(pf, p, i);
	}
	return err;
}

static int after(struct mp_export *x, const struct mp_model *m, const struct mp_event *e)
{
	struct pf *pf = x->priv;
	const struct mp_proc *p;
	struct pf_proc *pp;
	uint32_t i = PF_NONE;
	int err;

	if (e->type == MP_EV_KEYFRAME && e->sub == MP_KEY_END)
		return reloaded(x, m, e);
	if (m->in_key || e->type == MP_EV_KEYFRAME || e->ts >> 62)
		return 0;
	p = shown(x, m, e);
	if (e->mm && !p)
		return 0; /* of a process not shown, or not watched */
	pp = p ? proc_of(pf, p, &i) : NULL;
	if (p && !pp)
		return -ENOMEM;
	err = after_stream(pf, m, e, i);
	if (!p || err)
		return err;
	pp->mm = p->mm;
	err = after_proc(pf, p, e, i);
	if (!pp->exited) {
		pp->dirty = true;
		pp->dirty_ts = e->ts;
	}
	if (!err && x->max_bytes && !(++pf->events & 0xfff))
		while (pf_estimate(pf) > 2 * x->max_bytes && pf_thin(pf, x->max_bytes))
			x->overflow = true;
	return err;
}

/* What the model knows at the end and did not tell by events. */
static int finish(struct mp_export *x, const struct mp_model *m)
{
	struct pf *pf = x->priv;
	int err = pf_flush(pf, m);

	if (!err && !pf->n_clocks && m->meta[MP_META_START_TS] != MP_UNKNOWN)
		err = on_clock(pf, m->meta[MP_META_START_TS], m->meta[MP_META_BOOT_NS],
			       m->meta[MP_META_WALL_NS]);
	for (size_t k = 0; k < m->n_procs && !err; k++) {
		const struct mp_proc *p = m->procs[k];
		uint32_t i;

		if (p->mm >= pf->n_by_mm || !pf->by_mm[p->mm])
			continue;
		i = pf->by_mm[p->mm] - 1;
		refresh(pf, p, i);
		for (size_t t = 0; t < p->n_threads && !err; t++)
			if (p->threads[t].name)
				err = on_name(pf, i, p->threads[t].tid, p->threads[t].name);
	}
	return err;
}

static void pf_free(struct pf *pf)
{
	for (size_t i = 0; i < pf->n_procs; i++) {
		free(pf->procs[i]->gcs);
		free(pf->procs[i]);
	}
	free(pf->procs);
	free(pf->by_mm);
	free(pf->tracks);
	free(pf->samples);
	free(pf->gcs);
	free(pf->arrows);
	free(pf->phases);
	free(pf->calls);
	free(pf->marks);
	free(pf->faults);
	free(pf->clocks);
	free(pf->names);
	free(pf);
}

static int end(struct mp_export *x, const struct mp_model *m, int err)
{
	struct pf *pf = x->priv;

	err = err ? err : finish(x, m);
	err = err ? err : pf_write(x, pf, m);
	pf_free(pf);
	x->priv = NULL;
	return err;
}

const struct mp_exporter mp_export_perfetto = {
	.name = "perfetto",
	.suffix = "perfetto-trace",
	.doc = "a trace for ui.perfetto.dev: counters, collections, calls, arrows between them",
	.binary = true,
	.begin = begin,
	.before = before,
	.after = after,
	.end = end,
};
