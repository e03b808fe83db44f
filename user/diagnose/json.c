/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * json.c - findings as the JSON of `diagnose --json`.
 */
#include <math.h>

#include "user/diagnose/diagnose.h"
#include "user/view/figures.h"
#include "user/view/json.h"

/* Whole where the unit is, else six digits. */
static void put_number(struct mp_json *j, const char *key, enum mp_dx_unit unit, double v)
{
	bool whole = unit == MP_DX_BYTES || unit == MP_DX_COUNT || unit == MP_DX_BYTES_PER_HOUR;

	if (isnan(v) || fabs(v) > 9e12)
		whole = true;
	if (isnan(v) || fabs(v) > 9e18)
		mp_json_null(j, key);
	else if (whole)
		mp_json_i64(j, key, (int64_t)v);
	else
		mp_json_dec(j, key, (int64_t)llround(v * 1e6), 6);
}

static void put_when(struct mp_json *j, const char *key, const struct mp_model *m, uint64_t ts)
{
	mp_json_ns(j, key, ts == MP_UNKNOWN ? ts : mp_fig_since(m, ts));
}

static void put_evidence(struct mp_json *j, const struct mp_finding *f, const struct mp_model *m)
{
	mp_json_rows(j, "evidence", false);
	for (unsigned i = 0; i < f->n_evidence; i++) {
		const struct mp_dx_row *r = &f->evidence[i];

		mp_json_obj(j, NULL);
		mp_json_str(j, "what", r->what);
		if (r->unit == MP_DX_WORDS)
			mp_json_str(j, "value", r->text);
		else
			put_number(j, "value", r->unit, r->v);
		mp_json_str(j, "unit", mp_dx_unit_name(r->unit));
		put_when(j, "t_s", m, r->ts);
		mp_json_end(j);
	}
	mp_json_end(j);
}

static void put_lists(struct mp_json *j, const struct mp_finding *f)
{
	mp_json_rows(j, "not", false);
	for (unsigned i = 0; i < f->n_nots; i++) {
		mp_json_obj(j, NULL);
		mp_json_str(j, "class", f->nots[i].cls);
		mp_json_str(j, "why", f->nots[i].why);
		mp_json_end(j);
	}
	mp_json_end(j);
	mp_json_rows(j, "advice", false);
	for (unsigned i = 0; i < f->n_advice; i++)
		mp_json_str(j, NULL, f->advice[i]);
	mp_json_end(j);
	mp_json_str(j, "confirm", f->confirm);
}

static void put_finding(struct mp_json *j, const struct mp_finding *f, const struct mp_model *m)
{
	mp_json_obj(j, NULL);
	mp_json_str(j, "class", f->cls);
	put_number(j, "confidence", MP_DX_RATIO, f->confidence);
	mp_json_str(j, "level", mp_dx_level_name(f->level));
	mp_json_u64(j, "pid", f->pid);
	mp_json_str(j, "comm", mp_str(m, f->comm));
	mp_json_u64(j, "bytes", f->bytes);
	put_when(j, "from_s", m, f->from);
	put_when(j, "to_s", m, f->to);
	mp_json_str(j, "summary", f->summary);
	put_evidence(j, f, m);
	put_lists(j, f);
	mp_json_end(j);
}

/* Whom the kernel killed for lack of memory, and what they had then. */
static void put_killed(struct mp_json *j, const struct mp_model *m,
		       const struct mp_diagnose_opts *o)
{
	mp_json_rows(j, "oom_killed", false);
	for (size_t i = 0; i < m->n_procs; i++) {
		const struct mp_proc *p = m->procs[i];

		if (!p->oom.ts || (o->pid && p->tgid != o->pid))
			continue;
		mp_json_obj(j, NULL);
		mp_json_u64(j, "pid", p->tgid);
		put_when(j, "t_s", m, p->oom.ts);
		mp_json_u64(j, "anon", p->oom.anon * MP_PAGE_SIZE);
		mp_json_u64(j, "file", p->oom.file * MP_PAGE_SIZE);
		mp_json_u64(j, "shmem", p->oom.shmem * MP_PAGE_SIZE);
		mp_json_u64(j, "limit", p->cgroup.version ? p->cgroup.limit : MP_UNKNOWN);
		mp_json_end(j);
	}
	mp_json_end(j);
}

int mp_findings_json(FILE *f, const struct mp_findings *fs, const struct mp_model *m,
		     const struct mp_diagnose_opts *o)
{
	struct mp_json j;

	mp_json_init(&j, f);
	mp_json_obj(&j, NULL);
	mp_json_u64(&j, "version", 1);
	mp_json_ns(&j, "window_s", fs->window);
	mp_json_str(&j, "state", o->state);
	mp_json_u64(&j, "rss", fs->rss);
	mp_json_u64(&j, "rss_processes", fs->n_there);
	mp_json_u64(&j, "live_heap", fs->live_known ? fs->live : MP_UNKNOWN);
	put_killed(&j, m, o);
	mp_json_rows(&j, "findings", false);
	for (size_t i = 0; i < fs->n; i++)
		put_finding(&j, &fs->v[i], m);
	mp_json_end(&j);
	mp_json_u64(&j, "explained_bytes", fs->explained);
	mp_json_u64(&j, "unexplained_bytes", fs->unexplained);
	mp_json_u64(&j, "left_out", fs->left_out);
	mp_json_rows(&j, "withheld", false);
	for (size_t i = 0; i < fs->n_withheld; i++) {
		mp_json_obj(&j, NULL);
		mp_json_str(&j, "class", fs->withheld[i].cls);
		mp_json_u64(&j, "pid", fs->withheld[i].pid);
		mp_json_str(&j, "why", fs->withheld[i].why);
		mp_json_end(&j);
	}
	mp_json_end(&j);
	mp_json_end(&j);
	return mp_json_finish(&j);
}
