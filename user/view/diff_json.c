/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * diff_json.c - `diff --json`: one object, every key always there, every row.
 *
 * Owns: the shape that scripts parse. Names are fixed: add, do not rename. Must not:
 * work out figures or print 0 for what is not known.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/view/diff.h"
#include "user/view/json.h"

static void put_change(struct mp_json *j, bool known, int64_t v)
{
	if (known)
		mp_json_i64(j, "change", v);
	else
		mp_json_null(j, "change");
}

static void put_value(struct mp_json *j, const char *key, const struct mp_diff_row *r, bool known,
		      int64_t v)
{
	if (!known)
		mp_json_null(j, key);
	else if (r->unit == MP_DIFF_NS)
		mp_json_dec(j, key, v, 9);
	else
		mp_json_i64(j, key, v);
}

static void put_figure(struct mp_json *j, const struct mp_diff *d, const struct mp_diff_row *r)
{
	put_value(j, "a", r, r->a_known, r->a);
	put_value(j, "b", r, r->b_known, r->b);
	put_value(j, "change", r, mp_diff_row_known(r), r->b - r->a);
	mp_json_bool(j, "exact", !((d->fg[0].low | d->fg[1].low) & r->group));
}

/* What the session says of its first target is not about another process. */
static uint64_t name_of(const struct mp_figures *fg, uint32_t id, enum mp_meta meta)
{
	const uint64_t *of = fg->m->meta;
	bool first = !fg->p || !fg->p->tgid || fg->p->tgid == of[MP_META_PID];

	return id || !first ? id : of[meta];
}

static void put_string(struct mp_json *j, const char *key, const struct mp_model *m, uint64_t id)
{
	mp_json_str(j, key, id && id <= UINT32_MAX ? mp_str(m, (uint32_t)id) : NULL);
}

static void put_side(struct mp_json *j, const char *key, const struct mp_diff *d, int side)
{
	const struct mp_diff_side *s = &d->side[side];
	const struct mp_figures *fg = &d->fg[side];
	const uint64_t *meta = fg->m->meta;

	mp_json_obj(j, key);
	mp_json_str(j, "path", s->info.path);
	mp_json_str(j, "state", s->info.state);
	mp_json_ns(j, "duration_s", fg->duration);
	mp_json_ns(j, "at_s", s->at == MP_UNKNOWN ? fg->duration : s->at);
	mp_json_u64(j, "lost", mp_model_lost_total(fg->m));
	mp_json_u64(j, "pid", fg->p && fg->p->tgid ? fg->p->tgid : meta[MP_META_PID]);
	put_string(j, "comm", fg->m, name_of(fg, fg->p ? fg->p->comm : 0, MP_META_COMM));
	put_string(j, "exe", fg->m, name_of(fg, fg->p ? fg->p->exe : 0, MP_META_EXE));
	put_string(j, "kernel", fg->m, meta[MP_META_KERNEL]);
	mp_json_u64(j, "page_size", meta[MP_META_PAGE_SIZE]);
	mp_json_u64(j, "cpus", meta[MP_META_NCPU]);
	mp_json_end(j);
}

static void put_facts(struct mp_json *j, const struct mp_diff *d)
{
	mp_json_rows(j, "not_alike", false);
	for (size_t i = 0; i < d->n_facts; i++) {
		mp_json_obj(j, NULL);
		mp_json_str(j, "what", d->facts[i].what);
		mp_json_str(j, "a", d->facts[i].a);
		mp_json_str(j, "b", d->facts[i].b);
		mp_json_end(j);
	}
	mp_json_end(j);
}

static int put_words(struct mp_json *j, const struct mp_diff *d)
{
	char *text, *line, *save = NULL;

	if (mp_diff_words(d, false, &text))
		return -ENOMEM;
	for (char *c = text; (c = strchr(c, MP_TEXT_GLUE));)
		*c = ' ';
	mp_json_rows(j, "summary", false);
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		mp_json_str(j, NULL, line);
	mp_json_end(j);
	free(text);
	return 0;
}

static void put_rss(struct mp_json *j, const struct mp_diff *d)
{
	mp_json_obj(j, "rss");
	for (int side = 0; side < 2; side++)
		if (d->rss_told[side])
			mp_json_i64(j, side ? "b" : "a", d->rss[side]);
		else
			mp_json_null(j, side ? "b" : "a");
	put_change(j, d->rss_known, d->rss[1] - d->rss[0]);
	mp_json_end(j);
}

static void put_account(struct mp_json *j, const struct mp_diff *d)
{
	mp_json_rows(j, "account", false);
	for (size_t i = 0; i < d->n_account; i++) {
		mp_json_obj(j, NULL);
		mp_json_str(j, "part", d->account[i].key);
		put_figure(j, d, &d->account[i]);
		mp_json_end(j);
	}
	mp_json_end(j);
}

static void put_keyed(struct mp_json *j, const struct mp_diff *d, const char *key,
		      const struct mp_diff_row *r, size_t n)
{
	mp_json_rows(j, key, true);
	for (size_t i = 0; i < n; i++) {
		mp_json_obj(j, r[i].key);
		put_figure(j, d, &r[i]);
		mp_json_end(j);
	}
	mp_json_end(j);
}

/* --- what was matched ------------------------------------------------------------------- */

static void put_frames(struct mp_json *j, const char *name)
{
	if (!name) {
		mp_json_null(j, "stack");
		return;
	}
	mp_json_arr(j, "stack");
	while (*name) {
		size_t len = strcspn(name, "\n");

		mp_json_strn(j, NULL, name, len);
		name += len + (name[len] == '\n');
	}
	mp_json_end(j);
}

static void put_what(struct mp_json *j, const struct mp_diff *d, const struct mp_diff_group *g)
{
	switch (g->kind) {
	case MP_DIFF_MAPPING:
		/* rows that are no mapping have no class, their name says what they are */
		mp_json_str(j, "class", g->beyond ? NULL : g->what);
		mp_json_str(j, "name", g->beyond ? g->what : g->name);
		mp_json_u64(j, "size_min", g->size_max ? g->size_min : MP_UNKNOWN);
		mp_json_u64(j, "size_max", g->size_max ? g->size_max : MP_UNKNOWN);
		mp_json_u64(j, "n_a", g->n_a);
		mp_json_u64(j, "n_b", g->n_b);
		break;
	case MP_DIFF_STACK:
		mp_json_u64(j, "samples_a", g->n_a);
		mp_json_u64(j, "samples_b", g->n_b);
		mp_json_u64(j, "error", mp_diff_error(d, g));
		mp_json_bool(j, "outside_noise", mp_diff_outside_noise(d, g));
		put_frames(j, g->name);
		break;
	case MP_DIFF_RELEASE:
		mp_json_u64(j, "calls_a", g->n_a);
		mp_json_u64(j, "calls_b", g->n_b);
		mp_json_str(j, "call", g->what);
		mp_json_str(j, "advice", g->detail);
		put_frames(j, g->name);
		break;
	}
}

/* null where the sides cannot be compared. */
static void put_table(struct mp_json *j, const struct mp_diff *d, const char *key,
		      const struct mp_diff_table *t)
{
	if (!t->known) {
		mp_json_null(j, key);
		return;
	}
	mp_json_rows(j, key, false);
	for (size_t i = 0; i < t->n; i++) {
		const struct mp_diff_group *g = &t->v[i];

		mp_json_obj(j, NULL);
		mp_json_i64(j, "a", g->a);
		mp_json_i64(j, "b", g->b);
		put_change(j, true, mp_diff_change(g));
		put_what(j, d, g);
		mp_json_end(j);
	}
	mp_json_end(j);
}

static void put_faulted(struct mp_json *j, const struct mp_diff *d)
{
	bool known = d->faulted[0] != MP_UNKNOWN && d->faulted[1] != MP_UNKNOWN;

	mp_json_obj(j, "faulted");
	mp_json_u64(j, "a", d->faulted[0]);
	mp_json_u64(j, "b", d->faulted[1]);
	put_change(j, known, (int64_t)(d->faulted[1] - d->faulted[0]));
	mp_json_end(j);
}

int mp_diff_json(FILE *f, const struct mp_diff *d)
{
	struct mp_json j;
	int err;

	mp_json_init(&j, f);
	mp_json_obj(&j, NULL);
	mp_json_u64(&j, "version", 1);
	mp_json_bool(&j, "same_recording", d->same);
	put_side(&j, "a", d, 0);
	put_side(&j, "b", d, 1);
	put_facts(&j, d);
	err = put_words(&j, d);
	if (err)
		return err;
	put_rss(&j, d);
	put_account(&j, d);
	put_table(&j, d, "classes", &d->classes);
	put_table(&j, d, "mappings", &d->mappings);
	put_faulted(&j, d);
	put_table(&j, d, "touched", &d->touched);
	put_table(&j, d, "released", &d->released);
	put_keyed(&j, d, "gc", d->gc, d->n_gc);
	put_keyed(&j, d, "beside", d->beside, d->n_beside);
	return mp_json_finish(&j);
}
