/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * report_json.c - `report --json`: one object, every key always there.
 *
 * Owns: the shape that scripts parse. Names are fixed: add, do not rename. Must
 * not: work out figures (figures.c does) or print 0 for what is not known.
 */
#include <string.h>
#include <sys/wait.h>

#include "user/view/faults.h"
#include "user/view/figures.h"
#include "user/view/json.h"
#include "user/view/releases.h"
#include "user/view/report.h"

#define SERIES_POINTS 600 /* at most */

static void put_fig(struct mp_json *j, const struct mp_fig *fig)
{
	if (fig->known)
		mp_json_i64(j, fig->key, fig->v);
	else
		mp_json_null(j, fig->key);
}

static void put_figs(struct mp_json *j, const char *key, const struct mp_fig *fig, size_t n)
{
	mp_json_obj(j, key);
	for (size_t i = 0; i < n; i++)
		put_fig(j, &fig[i]);
	mp_json_end(j);
}

/* Figures in succession with one key are one number. */
static void put_account(struct mp_json *j, const struct mp_fig *fig)
{
	mp_json_obj(j, "account");
	for (size_t i = 0; i < MP_ACC_N; i++) {
		struct mp_fig sum = fig[i];

		for (; i + 1 < MP_ACC_N && strcmp(fig[i + 1].key, sum.key) == 0; i++)
			sum.v += fig[i + 1].v;
		put_fig(j, &sum);
	}
	mp_json_end(j);
}

static void put_faults(struct mp_json *j, const struct mp_figures *fg)
{
	mp_json_obj(j, "faults");
	for (size_t i = 0; i < MP_FFAULT_N; i++)
		put_fig(j, &fg->faults[i]);
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

/* A name from the process, else from the session's facts. */
static void put_name(struct mp_json *j, const char *key, const struct mp_model *m, uint32_t id,
		     enum mp_meta meta)
{
	if (!id && m->meta[meta] <= UINT32_MAX)
		id = (uint32_t)m->meta[meta];
	put_string_id(j, key, m, id);
}

static void put_recording(struct mp_json *j, const struct mp_figures *fg,
			  const struct mp_report_info *info)
{
	mp_json_obj(j, "recording");
	mp_json_str(j, "state", info->state);
	mp_json_ns(j, "duration_s", fg->duration);
	mp_json_u64(j, "events", info->events != MP_UNKNOWN ? info->events : fg->m->events);
	mp_json_u64(j, "blocks", info->blocks);
	mp_json_u64(j, "bytes", info->bytes);
	mp_json_obj(j, "lost");
	mp_json_u64(j, "total", fg->m->lost_total);
	for (unsigned c = 1; c < MP_LOSS_MAX; c++)
		mp_json_u64(j, mp_loss_name(c), fg->m->lost[c]);
	mp_json_end(j);
	mp_json_end(j);
}

static void put_target(struct mp_json *j, const struct mp_figures *fg)
{
	const struct mp_proc *p = fg->p;

	mp_json_obj(j, "target");
	mp_json_u64(j, "pid", p && p->tgid ? p->tgid : fg->m->meta[MP_META_PID]);
	put_name(j, "comm", fg->m, p ? p->comm : 0, MP_META_COMM);
	put_name(j, "exe", fg->m, p ? p->exe : 0, MP_META_EXE);
	if (p)
		mp_json_bool(j, "exited", p->exited);
	else
		mp_json_null(j, "exited");
	put_if(j, "exit_code", p && p->exit_known && WIFEXITED(p->wait_status),
	       p ? (unsigned)WEXITSTATUS(p->wait_status) : 0);
	/* beyond the contract's keys: 139 in a shell would be exit_code null here */
	put_if(j, "signal", p && p->exit_known && WIFSIGNALED(p->wait_status),
	       p ? (unsigned)WTERMSIG(p->wait_status) : 0);
	mp_json_end(j);
}

/* All of them, those that nothing else is kept of included; `target` is the first. */
static void put_processes(struct mp_json *j, const struct mp_model *m)
{
	struct mp_ended all;
	uint64_t ended;

	mp_model_sums(m, &all, &ended);
	mp_json_obj(j, "processes");
	mp_json_u64(j, "seen", all.procs);
	mp_json_u64(j, "ended", ended);
	mp_json_u64(j, "forks", all.forks);
	mp_json_u64(j, "faults", all.faults);
	mp_json_u64(j, "pages_added", all.pages_added);
	put_if(j, "rss_max", all.rss_max, all.rss_max);
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

static void put_delta(struct mp_json *j, const struct mp_fig_call *fc)
{
	if (fc->known && mp_fig_delta_known(&fc->st))
		mp_json_i64(j, "rss_delta", fc->st.rss_delta);
	else
		mp_json_null(j, "rss_delta");
}

static void put_gave(struct mp_json *j, const struct mp_fig_call *fc)
{
	put_if(j, "asked", fc->known, fc->gave.asked);
	if (fc->known)
		mp_json_i64(j, "released", fc->gave.released);
	else
		mp_json_null(j, "released");
}

static void put_calls(struct mp_json *j, const struct mp_figures *fg)
{
	mp_json_rows(j, "calls", true);
	for (unsigned i = 0; i < fg->n_calls; i++) {
		const struct mp_fig_call *fc = &fg->calls[i];

		mp_json_obj(j, fc->name);
		put_if(j, "calls", fc->known, fc->st.calls);
		put_if(j, "failed", fc->known, fc->st.failed);
		put_if(j, "bytes", fc->known, fc->st.bytes);
		put_delta(j, fc);
		put_gave(j, fc);
		mp_json_ns(j, "seconds", fc->known ? fc->st.dur : MP_UNKNOWN);
		mp_json_end(j);
	}
	mp_json_obj(j, "madvise_by_advice");
	for (unsigned i = 0; i < fg->n_advice; i++) {
		const struct mp_fig_call *fc = &fg->advice[i];

		mp_json_obj(j, fc->name);
		mp_json_u64(j, "calls", fc->st.calls);
		mp_json_u64(j, "bytes", fc->st.bytes);
		put_delta(j, fc);
		put_gave(j, fc);
		mp_json_end(j);
	}
	mp_json_end(j);
	mp_json_end(j);
}

static void put_range(struct mp_json *j, const char *key, const struct mp_range *r)
{
	mp_json_obj(j, key);
	mp_json_u64(j, "start", r->start);
	mp_json_u64(j, "max", r->max);
	mp_json_u64(j, "end", r->end);
	mp_json_end(j);
}

static void put_heap(struct mp_json *j, const struct mp_model *m, const struct mp_heap *h,
		     unsigned source)
{
	mp_json_obj(j, NULL);
	mp_json_str(j, "source", mp_source_name(source));
	put_range(j, "used", &h->r_used);
	put_range(j, "committed", &h->r_committed);
	put_range(j, "external", &h->r_external);
	mp_json_u64(j, "limit", h->limit);
	mp_json_obj(j, "spaces");
	for (unsigned i = 0; i < h->n_spaces && i < MP_SPACES_MAX; i++) {
		const struct mp_space *s = &h->spaces[i];

		mp_json_obj(j, mp_str(m, s->name));
		mp_json_u64(j, "used", s->used);
		mp_json_u64(j, "committed", s->committed);
		mp_json_u64(j, "resident", s->resident);
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
			put_heap(j, fg->m, &fg->p->heaps[s], s);
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
	mp_json_u64(j, "freed", g->freed);
	mp_json_u64(j, "returned", g->returned);
	mp_json_u64(j, "rss_fell", g->rss_fell);
	mp_json_ns(j, "return_lag_s", mp_fig_lag(g));
	mp_json_u64(j, "refaulted", g->refaulted);
	mp_json_end(j);
}

static void put_gc(struct mp_json *j, const struct mp_figures *fg)
{
	const struct mp_proc *p = fg->p;
	bool known = p && fg->gc_known;

	mp_json_obj(j, "gc");
	put_if(j, "minor", known, p ? p->gc_minor : 0);
	put_if(j, "major", known, p ? p->gc_major : 0);
	mp_json_obj(j, "pause_s");
	mp_json_ns(j, "total", known ? p->gc_pause : MP_UNKNOWN);
	mp_json_ns(j, "p50", fg->pause_p50);
	mp_json_ns(j, "max", fg->pause_max);
	mp_json_end(j);
	mp_json_rows(j, "collections", false);
	for (size_t i = 0; p && i < p->n_gcs; i++)
		put_collection(j, fg->m, &p->gcs[i]);
	mp_json_end(j);
	mp_json_obj(j, "owed");
	put_if(j, "max", known, p ? p->owed_max : 0);
	put_if(j, "end", known, p ? p->owed : 0);
	mp_json_end(j);
	mp_json_end(j);
}

/* Resident bytes by what mappings are used for. */
static void put_classes(struct mp_json *j, const struct mp_figures *fg)
{
	mp_json_obj(j, "classes");
	for (enum mp_class c = 0; c < MP_CLS_MAX; c++)
		put_if(j, mp_class_name(c), fg->maps_known,
		       fg->maps_known ? fg->p->cls_pages[c] * MP_PAGE_SIZE : 0);
	mp_json_end(j);
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
	put_range(j, "charged", &fg->p->r_charged);
	mp_json_u64(j, "limit", g->limit);
	mp_json_u64(j, "anon", g->anon);
	mp_json_u64(j, "file", g->file);
	mp_json_u64(j, "shmem", g->shmem);
	mp_json_u64(j, "kernel", g->kernel);
	mp_json_u64(j, "swap", g->swap);
	mp_json_u64(j, "beyond_rss", mp_fig_beyond(fg));
	mp_json_end(j);
}

static void put_mappings(struct mp_json *j, const struct mp_figures *fg)
{
	if (!fg->maps_known) {
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
		mp_json_u64(j, "resident", mp->resident * MP_PAGE_SIZE);
		put_if(j, "faults", fg->faults[0].known, mp->faults);
		put_if(j, "released", fg->calls[0].known, mp->released * MP_PAGE_SIZE);
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
	put_processes(&j, m);
	put_probes(&j, m);
	put_figs(&j, "rss", fg.rss, MP_FRSS_N);
	put_account(&j, fg.account);
	put_classes(&j, &fg);
	put_faults(&j, &fg);
	put_calls(&j, &fg);
	put_cgroup(&j, &fg);
	err = mp_releases_json(&j, &fg);
	if (err)
		return err;
	put_heaps(&j, &fg);
	put_gc(&j, &fg);
	put_mappings(&j, &fg);
	err = mp_faults_json(&j, &fg);
	put_series(&j, &fg);
	return err ? err : mp_json_finish(&j);
}
