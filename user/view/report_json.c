/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * report_json.c - `report --json`: one object, every key always there.
 *
 * Owns: the shape that scripts parse. Names are fixed: add, do not rename. Must
 * not: work out figures (figures.c does) or print 0 for what is not known.
 */
#include <string.h>
#include <sys/wait.h>

#include "user/view/facts.h"
#include "user/view/faults.h"
#include "user/view/figures.h"
#include "user/view/json.h"
#include "user/view/releases.h"
#include "user/view/report.h"

#define SERIES_POINTS 600 /* at most */

static void put_fig(struct mp_json *j, const struct mp_figures *fg, const struct mp_fig *fig)
{
	if (fig->known && mp_fig_whole(fg, fig->group))
		mp_json_i64(j, fig->key, fig->v);
	else
		mp_json_null(j, fig->key);
}

/* Levels that the kernel was asked for, and extremes of them. */
static void put_rss(struct mp_json *j, const struct mp_figures *fg)
{
	bool fresh = fg->p && mp_fig_fresh(fg, fg->p->rss.ts);

	mp_json_obj(j, "rss");
	for (size_t i = 0; i < MP_FRSS_N; i++) {
		struct mp_fig f = fg->rss[i];

		f.known = f.known && fresh;
		put_fig(j, fg, &f);
	}
	mp_json_end(j);
}

/* Figures in succession with one key are one number. */
static void put_account(struct mp_json *j, const struct mp_figures *fg)
{
	const struct mp_fig *fig = fg->account;
	bool fresh = fg->p && mp_fig_fresh(fg, fg->p->rss.ts);

	mp_json_obj(j, "account");
	for (size_t i = 0; i < MP_ACC_N; i++) {
		struct mp_fig sum = fig[i];

		for (; i + 1 < MP_ACC_N && strcmp(fig[i + 1].key, sum.key) == 0; i++)
			sum.v += fig[i + 1].v;
		sum.known = sum.known && fresh;
		put_fig(j, fg, &sum);
	}
	mp_json_end(j);
}

static void put_faults(struct mp_json *j, const struct mp_figures *fg)
{
	mp_json_obj(j, "faults");
	for (size_t i = 0; i < MP_FFAULT_N; i++)
		put_fig(j, fg, &fg->faults[i]);
	mp_faults_json_kinds(j, fg);
	mp_json_end(j);
}

/* v when known, else null */
static void put_if(struct mp_json *j, const char *key, bool known, uint64_t v)
{
	mp_json_u64(j, key, known ? v : MP_UNKNOWN);
}

static void put_string_id(struct mp_json *j, const char *key, const struct mp_model *m, uint32_t id)
{
	mp_json_str(j, key, id ? mp_str(m, id) : NULL);
}

/* A name from the process, else from the session's facts, which are the first target's. */
static void put_name(struct mp_json *j, const char *key, const struct mp_figures *fg, uint32_t id,
		     enum mp_meta meta)
{
	const struct mp_model *m = fg->m;
	bool first = !fg->p || !fg->p->tgid || fg->p->tgid == m->meta[MP_META_PID];

	if (!id && first && m->meta[meta] <= UINT32_MAX)
		id = (uint32_t)m->meta[meta];
	put_string_id(j, key, m, id);
}

static void put_recording(struct mp_json *j, const struct mp_figures *fg,
			  const struct mp_report_info *info)
{
	/* the end mark tells what the disk did not take */
	bool disk_told = !fg->open_end || fg->m->lost[MP_LOSS_DISK];

	mp_json_obj(j, "recording");
	mp_json_str(j, "state", info->state);
	mp_json_ns(j, "duration_s", fg->duration);
	mp_json_u64(j, "events", info->events != MP_UNKNOWN ? info->events : fg->m->events);
	mp_json_u64(j, "blocks", info->blocks);
	mp_json_u64(j, "bytes", info->bytes);
	mp_json_u64(j, "bad_blocks", info->blocks == MP_UNKNOWN ? MP_UNKNOWN : info->bad_blocks);
	mp_json_bool(j, "overview", info->overview);
	if (info->blocks == MP_UNKNOWN)
		mp_json_null(j, "checked");
	else
		mp_json_bool(j, "checked", !info->overview);
	mp_json_ns(j, "at_s", mp_report_at(info) ? mp_fig_at(fg, info) : MP_UNKNOWN);
	mp_json_obj(j, "lost");
	put_if(j, "total", disk_told, mp_model_lost_total(fg->m));
	for (unsigned c = 1; c < MP_LOSS_MAX; c++)
		put_if(j, mp_loss_name(c), c != MP_LOSS_DISK || disk_told, mp_model_lost(fg->m, c));
	mp_json_end(j);
	mp_facts_json(j, fg);
	mp_json_end(j);
}

/* Killed by the kernel for lack of memory: what it had resident then. */
static void put_oom(struct mp_json *j, const struct mp_figures *fg)
{
	const struct mp_oom *o = &fg->p->oom;

	if (!o->ts) {
		mp_json_null(j, "oom_killed");
		return;
	}
	mp_json_obj(j, "oom_killed");
	mp_json_ns(j, "t", mp_fig_since(fg->m, o->ts));
	mp_json_u64(j, "anon", o->anon * MP_PAGE_SIZE);
	mp_json_u64(j, "file", o->file * MP_PAGE_SIZE);
	mp_json_u64(j, "shmem", o->shmem * MP_PAGE_SIZE);
	mp_json_u64(j, "swap", o->swap * MP_PAGE_SIZE);
	mp_json_end(j);
}

/* Of /proc/PID/status. */
static void put_status(struct mp_json *j, const struct mp_figures *fg)
{
	static const struct mp_status none;
	const struct mp_status *s = fg->p ? &fg->p->status : &none;

	put_if(j, "threads", s->ts, s->threads);
	put_if(j, "locked", s->ts, s->locked);
	put_if(j, "page_tables", s->ts, s->pte);
	put_if(j, "vsize", s->ts, s->vsize);
	if (fg->p)
		put_oom(j, fg);
	else
		mp_json_null(j, "oom_killed");
}

static void put_target(struct mp_json *j, const struct mp_figures *fg)
{
	const struct mp_proc *p = fg->p;

	mp_json_obj(j, "target");
	mp_json_u64(j, "pid", p && p->tgid ? p->tgid : fg->m->meta[MP_META_PID]);
	put_name(j, "comm", fg, p ? p->comm : 0, MP_META_COMM);
	put_name(j, "exe", fg, p ? p->exe : 0, MP_META_EXE);
	if (p && (p->exited || !mp_fig_may_have_ended(fg)))
		mp_json_bool(j, "exited", p->exited);
	else
		mp_json_null(j, "exited");
	put_if(j, "exit_code", p && p->exit_known && WIFEXITED(p->wait_status),
	       p ? (unsigned)WEXITSTATUS(p->wait_status) : 0);
	/* beyond the contract's keys: 139 in a shell would be exit_code null here */
	put_if(j, "signal", p && p->exit_known && WIFSIGNALED(p->wait_status),
	       p ? (unsigned)WTERMSIG(p->wait_status) : 0);
	put_status(j, fg);
	mp_facts_json_target(j, fg);
	mp_json_end(j);
}

static void put_probes(struct mp_json *j, const struct mp_model *m)
{
	mp_json_obj(j, "probes");
	for (unsigned i = 1; i < MP_FEAT_MAX; i++)
		mp_json_str(j, mp_feature_name(i),
			    m->probes[i].known ? mp_rung_name(m->probes[i].rung) : NULL);
	mp_json_end(j);
}

static void put_delta(struct mp_json *j, const struct mp_fig_call *fc, bool known)
{
	if (known && mp_fig_delta_known(&fc->st))
		mp_json_i64(j, "rss_delta", fc->st.rss_delta);
	else
		mp_json_null(j, "rss_delta");
}

static void put_gave(struct mp_json *j, const struct mp_fig_call *fc, bool known)
{
	put_if(j, "asked", known, fc->gave.asked);
	if (known)
		mp_json_i64(j, "released", fc->gave.released);
	else
		mp_json_null(j, "released");
}

static void put_calls(struct mp_json *j, const struct mp_figures *fg)
{
	bool whole = mp_fig_whole(fg, MP_LOW_CALLS);

	mp_json_rows(j, "calls", true);
	for (unsigned i = 0; i < fg->n_calls; i++) {
		const struct mp_fig_call *fc = &fg->calls[i];
		bool known = fc->known && whole;

		mp_json_obj(j, fc->name);
		put_if(j, "calls", known, fc->st.calls);
		put_if(j, "failed", known, fc->st.failed);
		put_if(j, "bytes", known, fc->st.bytes);
		put_delta(j, fc, known);
		put_gave(j, fc, known);
		mp_json_ns(j, "seconds", known ? fc->st.dur : MP_UNKNOWN);
		mp_json_end(j);
	}
	mp_json_obj(j, "madvise_by_advice");
	for (unsigned i = 0; i < fg->n_advice; i++) {
		const struct mp_fig_call *fc = &fg->advice[i];

		mp_json_obj(j, fc->name);
		put_if(j, "calls", whole, fc->st.calls);
		put_if(j, "bytes", whole, fc->st.bytes);
		put_delta(j, fc, whole);
		put_gave(j, fc, whole);
		mp_json_end(j);
	}
	mp_json_end(j);
	mp_json_end(j);
}

/* Extremes of the whole session, and a level that was told at ts. */
static void put_range(struct mp_json *j, const char *key, const struct mp_figures *fg,
		      const struct mp_range *r, uint64_t ts)
{
	mp_json_obj(j, key);
	put_if(j, "start", mp_fig_whole(fg, MP_LOW_RSS), r->start);
	put_if(j, "max", mp_fig_whole(fg, MP_LOW_RSS), r->max);
	put_if(j, "end", mp_fig_fresh(fg, ts), r->end);
	mp_json_end(j);
}

static void put_heap(struct mp_json *j, const struct mp_figures *fg, const struct mp_heap *h,
		     unsigned source)
{
	const struct mp_model *m = fg->m;
	bool fresh = mp_fig_fresh(fg, h->ts);

	mp_json_obj(j, NULL);
	mp_json_str(j, "source", mp_source_name(source));
	mp_json_ns(j, "as_of_s", h->ts ? mp_fig_since(m, h->ts) : MP_UNKNOWN);
	put_range(j, "used", fg, &h->r_used, h->ts);
	put_range(j, "committed", fg, &h->r_committed, h->ts);
	put_range(j, "external", fg, &h->r_external, h->ts);
	put_if(j, "arrays", fresh, h->arrays);
	put_if(j, "limit", fresh, h->limit);
	mp_json_obj(j, "spaces");
	for (unsigned i = 0; i < h->n_spaces && i < MP_SPACES_MAX; i++) {
		const struct mp_space *s = &h->spaces[i];

		mp_json_obj(j, mp_str(m, s->name));
		put_if(j, "used", fresh, s->used);
		put_if(j, "committed", fresh, s->committed);
		put_if(j, "resident", fresh, s->resident);
		mp_json_end(j);
	}
	mp_json_end(j);
	mp_json_end(j);
}

static void put_heaps(struct mp_json *j, const struct mp_figures *fg)
{
	mp_json_rows(j, "heap", false);
	for (unsigned s = 1; fg->p && s < MP_SRC_MAX; s++)
		if (fg->p->heaps[s].present)
			put_heap(j, fg, &fg->p->heaps[s], s);
	mp_json_end(j);
}

static void put_collection(struct mp_json *j, const struct mp_model *m, const struct mp_gc *g)
{
	mp_json_obj(j, NULL);
	mp_json_ns(j, "t", mp_fig_since(m, g->ts));
	mp_json_str(j, "kind", mp_gc_kind_name(g->kind));
	put_string_id(j, "reason", m, g->reason);
	mp_json_u64(j, "before", g->before);
	mp_json_u64(j, "after", g->after);
	mp_json_ns(j, "pause_s", g->pause);
	mp_json_u64(j, "freed", mp_gc_told(g, g->freed));
	mp_json_u64(j, "returned", mp_gc_told(g, g->returned));
	mp_json_u64(j, "rss_fell", mp_gc_told(g, g->rss_fell));
	mp_json_ns(j, "return_lag_s", mp_fig_lag(g));
	mp_json_u64(j, "refaulted", mp_gc_told(g, g->refaulted));
	mp_json_end(j);
}

static void put_gc(struct mp_json *j, const struct mp_figures *fg)
{
	const struct mp_proc *p = fg->p;
	bool known = p && fg->gc_known && mp_fig_whole(fg, MP_LOW_GC);

	mp_json_obj(j, "gc");
	put_if(j, "minor", known, p ? p->gc_minor : 0);
	put_if(j, "major", known, p ? p->gc_major : 0);
	put_if(j, "other", known, p ? p->gc_other : 0);
	mp_json_obj(j, "pause_s");
	mp_json_ns(j, "total", known ? p->gc_pause : MP_UNKNOWN);
	mp_json_ns(j, "p50", known ? fg->pause_p50 : MP_UNKNOWN);
	mp_json_ns(j, "max", known ? fg->pause_max : MP_UNKNOWN);
	mp_json_end(j);
	mp_json_rows(j, "collections", false);
	for (size_t i = 0; p && i < p->n_gcs; i++)
		put_collection(j, fg->m, &p->gcs[i]);
	mp_json_end(j);
	put_if(j, "older", known, p ? mp_proc_gcs(p) - p->n_gcs : 0);
	mp_json_obj(j, "owed");
	known = known && mp_proc_sized(p);
	put_if(j, "max", known, p ? p->owed_max : 0);
	put_if(j, "end", known && !p->stripped, p ? p->owed : 0);
	mp_json_end(j);
	mp_json_end(j);
}

/* Resident bytes by what mappings are used for. */
static void put_classes(struct mp_json *j, const struct mp_figures *fg)
{
	mp_json_obj(j, "classes");
	for (enum mp_class c = 0; c < MP_CLS_MAX; c++)
		put_if(j, mp_class_name(c), fg->maps_known && mp_fig_whole(fg, MP_LOW_PAGES),
		       fg->maps_known ? fg->p->cls_pages[c] * MP_PAGE_SIZE : 0);
	mp_json_end(j);
}

static void put_cgroup_more(struct mp_json *j, const struct mp_figures *fg)
{
	const struct mp_cgroup *g = &fg->p->cgroup;
	bool told = g->more_ts;

	put_if(j, "inactive_file", told, g->inactive_file);
	put_if(j, "active_file", told, g->active_file);
	put_if(j, "slab_reclaimable", told, g->slab);
	put_if(j, "dirty", told, g->dirty);
	put_if(j, "refaults", told, g->refaults);
	put_if(j, "oom_kills", told, g->oom_kills);
	put_if(j, "high", told, g->high);
	if (told && g->stalled)
		mp_json_dec(j, "stalled", g->stalled - 1, 4);
	else
		mp_json_null(j, "stalled");
}

/* null where there is no group, or none that could be read. */
static void put_cgroup(struct mp_json *j, const struct mp_figures *fg)
{
	const struct mp_cgroup *g = fg->p ? &fg->p->cgroup : NULL;

	if (!g || !g->version) {
		mp_json_null(j, "cgroup");
		return;
	}
	mp_json_obj(j, "cgroup");
	mp_json_u64(j, "version", g->version);
	put_string_id(j, "path", fg->m, g->name);
	put_range(j, "charged", fg, &fg->p->r_charged, fg->p->rss.ts);
	mp_json_u64(j, "limit", g->limit);
	mp_json_u64(j, "anon", g->anon);
	mp_json_u64(j, "file", g->file);
	mp_json_u64(j, "shmem", g->shmem);
	mp_json_u64(j, "kernel", g->kernel);
	mp_json_u64(j, "swap", g->swap);
	mp_json_u64(j, "beyond_rss", mp_fig_beyond(fg));
	put_cgroup_more(j, fg);
	mp_json_end(j);
}

static void put_mappings(struct mp_json *j, const struct mp_figures *fg)
{
	if (!fg->maps_known || !mp_fig_fresh(fg, fg->p->maps_ts)) {
		mp_json_null(j, "mappings");
		return;
	}
	mp_json_rows(j, "mappings", false);
	for (const struct mp_mapping *mp = fg->p->maps; mp; mp = mp->next) {
		char perms[5];

		mp_fig_perms(perms, mp->bits);
		mp_json_obj(j, NULL);
		mp_json_hex(j, "start", mp->start);
		mp_json_hex(j, "end", mp->end);
		mp_json_str(j, "perms", perms);
		mp_json_str(j, "name", mp_str(fg->m, mp->name));
		mp_json_str(j, "class", mp_class_name(mp->cls));
		put_if(j, "resident", mp_fig_whole(fg, MP_LOW_PAGES), mp->resident * MP_PAGE_SIZE);
		put_if(j, "faults", fg->faults[0].known && mp_fig_whole(fg, MP_LOW_FAULTS),
		       mp->faults);
		put_if(j, "released", fg->calls[0].known && mp_fig_whole(fg, MP_LOW_CALLS),
		       mp->released * MP_PAGE_SIZE);
		mp_faults_json_mapping(j, fg, mp);
		mp_json_end(j);
	}
	mp_json_end(j);
}

/* One array of the series; s NULL: the times. */
static void put_one_series(struct mp_json *j, const struct mp_figures *fg, uint64_t step,
			   const struct mp_series *s)
{
	const struct mp_timeline *tl = &fg->p->tl;
	uint64_t end = tl->start + tl->n * tl->width;

	mp_json_arr(j, s ? s->key : "t");
	for (uint64_t t = tl->start; t < end; t += step) {
		struct mp_point pt;

		if (!s)
			mp_json_ns(j, NULL, mp_fig_since(fg->m, t));
		else if (mp_tl_merge(tl, t, t + step, &pt))
			mp_json_u64(j, NULL, s->get(fg, &pt));
		else
			mp_json_null(j, NULL);
	}
	mp_json_end(j);
}

static void put_series(struct mp_json *j, const struct mp_figures *fg)
{
	size_t n = fg->p ? fg->p->tl.n : 0;
	uint64_t step = n ? (n + SERIES_POINTS - 1) / SERIES_POINTS * fg->p->tl.width : 0;

	mp_json_rows(j, "series", true);
	mp_json_ns(j, "interval_s", step ? step : MP_UNKNOWN);
	for (size_t i = 0; i <= MP_SERIES_JSON; i++) {
		const struct mp_series *s = i ? &mp_series[i - 1] : NULL;

		if (step) {
			put_one_series(j, fg, step, s);
		} else {
			mp_json_arr(j, s ? s->key : "t");
			mp_json_end(j);
		}
	}
	mp_json_end(j);
}

int mp_report_json(FILE *f, const struct mp_model *m, const struct mp_report_info *info)
{
	struct mp_figures fg;
	struct mp_json j;
	int err = mp_figures(&fg, m, info);

	if (err)
		return err;
	mp_json_init(&j, f);
	mp_json_obj(&j, NULL);
	mp_json_u64(&j, "version", 1);
	put_recording(&j, &fg, info);
	put_target(&j, &fg);
	put_probes(&j, m);
	put_rss(&j, &fg);
	put_account(&j, &fg);
	put_classes(&j, &fg);
	put_faults(&j, &fg);
	put_calls(&j, &fg);
	put_cgroup(&j, &fg);
	err = mp_releases_json(&j, &fg);
	if (err)
		return err;
	put_heaps(&j, &fg);
	put_gc(&j, &fg);
	if (info->gc_log)
		mp_joined_json(&j, info->gc_log);
	put_mappings(&j, &fg);
	err = mp_faults_json(&j, &fg);
	if (!err)
		err = mp_facts_json_tables(&j, &fg);
	put_series(&j, &fg);
	return err ? err : mp_json_finish(&j);
}
