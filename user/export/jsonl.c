/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * jsonl.c - every event as a JSON object on a line of its own, for DuckDB, jq,
 * ClickHouse (JSONEachRow) and scripts.
 *
 * Owns: the shape of the lines; jsonl_schema.c says it in JSON Schema, by the same
 * table (user/view/event.h). Must not: add figures that the events do not have. Bytes are
 * bytes, never pages; strings are resolved; what is not known is null.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/export/formats.h"
#include "user/export/jsonl.h"
#include "user/model/index.h"
#include "user/util/util.h"
#include "user/view/event.h"
#include "user/view/figures.h"
#include "user/view/json.h"

/* A stack by its id, and who was seen to have it first: stacks are nobody's own. */
struct seen {
	uint64_t id, ts;
	uint32_t mm;
};

struct jsonl {
	bool begun;		/* the first line is out                          */
	bool in_key;		/* inside a state dump: told before, or not at all */
	struct mp_event *first; /* events that came before the first line         */
	size_t n_first, cap_first;
	struct seen *stacks; /* told, and not printed yet: names may still come */
	size_t n_stacks, cap_stacks;
	struct mp_index *by_id; /* of them */
};

/* --- lines --------------------------------------------------------------------------- */

static void put_id(struct mp_json *j, const char *key, uint64_t id)
{
	mp_json_u64(j, key, id ? id : MP_UNKNOWN);
}

/* What every line begins with. */
static void put_head(struct mp_json *j, const struct mp_model *m, const char *type, uint64_t ts,
		     uint32_t mm, uint32_t tid)
{
	const struct mp_proc *p = mm ? mp_model_proc(m, mm) : NULL;

	mp_json_line(j);
	mp_json_str(j, "type", type);
	mp_json_u64(j, "ts_ns", ts);
	mp_json_ns(j, "t", mp_fig_since(m, ts));
	put_id(j, "mm", mm);
	put_id(j, "pid", p ? p->tgid : 0);
	put_id(j, "tid", tid);
}

static void put_bits(struct mp_json *j, const char *key, uint64_t bits, const struct mp_words *w)
{
	mp_json_arr(j, key);
	for (unsigned i = 0; i < w->n; i++)
		if (bits & 1u << i)
			mp_json_str(j, NULL, w->list[i]);
	mp_json_end(j);
}

static void put_word(struct mp_json *j, const char *key, const struct mp_words *w, uint64_t v)
{
	const char *word = mp_word(w, v);
	char num[32];

	snprintf(num, sizeof(num), "%llu", (unsigned long long)v);
	mp_json_str(j, key, word ? word : num);
}

static void put_advice(struct mp_json *j, const char *key, uint64_t v)
{
	const char *word = mp_advice_name((unsigned)v);
	char num[32];

	snprintf(num, sizeof(num), "advice-%llu", (unsigned long long)v);
	mp_json_str(j, key, word[0] == '?' ? num : word);
}

static void put_build(struct mp_json *j, const char *key, const struct mp_event *e)
{
	char hex[2 * sizeof(e->module.build) + 1] = "";

	for (unsigned i = 0; i < e->flags && i < sizeof(e->module.build); i++)
		snprintf(hex + 2 * i, 3, "%02x", e->module.build[i]);
	mp_json_str(j, key, e->flags ? hex : NULL);
}

static void put_string_id(struct mp_json *j, const char *key, const struct mp_model *m, uint64_t id)
{
	mp_json_str(j, key, id && id <= UINT32_MAX ? mp_str(m, (uint32_t)id) : NULL);
}

static void put_value(struct mp_json *j, const char *key, const struct mp_model *m,
		      const struct mp_event *e, const struct mp_field_row *fd, uint64_t v)
{
	char text[48];

	switch (fd->unit) {
	case MP_U_END:
	case MP_U_TEXT:
		break;
	case MP_U_NUM:
	case MP_U_MASK:
	case MP_U_BYTES:
	case MP_U_NS:
	case MP_U_TIME:
		mp_json_u64(j, key, v);
		break;
	case MP_U_ID:
		put_id(j, key, v);
		break;
	case MP_U_INT:
	case MP_U_DNS:
		mp_json_i64(j, key, (int64_t)v);
		break;
	case MP_U_PAGES:
		mp_json_u64(j, key, v * MP_PAGE_SIZE);
		break;
	case MP_U_DPAGES:
		mp_json_i64(j, key, (int64_t)(v * MP_PAGE_SIZE));
		break;
	case MP_U_IP:
		if (!v) {
			mp_json_null(j, key);
			break;
		}
		/* fall through */
	case MP_U_HEX:
		mp_json_hex(j, key, v);
		break;
	case MP_U_STR:
		put_string_id(j, key, m, v);
		break;
	case MP_U_DEV:
		snprintf(text, sizeof(text), "%llu:%llu", (unsigned long long)v >> 20,
			 (unsigned long long)v & 0xfffff);
		mp_json_str(j, key, text);
		break;
	case MP_U_WORD:
		put_word(j, key, fd->words, v);
		break;
	case MP_U_BITS:
		put_bits(j, key, v, fd->words);
		break;
	case MP_U_ADVICE:
		put_advice(j, key, v);
		break;
	case MP_U_PROT:
	case MP_U_PERMS:
		mp_field_access(text, fd->unit, v);
		mp_json_str(j, key, text);
		break;
	case MP_U_BUILD:
		put_build(j, key, e);
		break;
	}
}

static void put_event(FILE *f, const struct mp_model *m, const struct mp_event *e, bool state)
{
	const struct mp_event_type *t = mp_event_type(e->type);
	struct mp_json j;
	char key[48];

	mp_json_init(&j, f);
	put_head(&j, m, t->name, e->ts, e->mm, e->tid);
	if (t->sub)
		put_word(&j, t->sub, &t->subs, e->sub);
	for (const struct mp_field_row *fd = t->fields; fd->key; fd++) {
		uint64_t v = mp_field_load(e, fd);

		if (fd->when && !fd->when(e))
			continue;
		mp_jsonl_key(fd, key, sizeof(key));
		if (mp_field_unknown(fd, e, v))
			mp_json_null(&j, key);
		else
			put_value(&j, key, m, e, fd, v);
	}
	if (state)
		mp_json_bool(&j, "state", true);
	mp_json_endline(&j);
}

/* --- lines that are no single event ---------------------------------------------------- */

static void put_first(FILE *f, const struct mp_model *m)
{
	uint64_t told = m->meta[MP_META_START_TS], start = told != MP_UNKNOWN ? told : m->start;
	uint32_t version = (uint32_t)m->meta[MP_META_VERSION];
	struct mp_json j;

	mp_json_init(&j, f);
	put_head(&j, m, "recording", start, 0, 0);
	mp_json_u64(&j, "version", 1);
	mp_json_u64(&j, "wall_ns", mp_wall_ns(m, start));
	put_string_id(&j, "memprof", m, m->meta[MP_META_VERSION] == MP_UNKNOWN ? 0 : version);
	mp_json_endline(&j);
}

/* Is it about the one process that is asked for, or about none? */
static bool is_asked(const struct mp_export *x, const struct mp_model *m, uint32_t mm)
{
	const struct mp_proc *p = mm ? mp_model_proc(m, mm) : NULL;

	return !x->pid || !mm || (p && p->tgid == x->pid);
}

static void put_stack(struct mp_export *x, const struct mp_model *m, const struct seen *at)
{
	const struct mp_stack *s = mp_model_stack(m, at->id);
	uint32_t mm = s && s->mm ? s->mm : at->mm;
	char text[512];
	struct mp_json j;

	if (!s || !is_asked(x, m, mm))
		return;
	mp_json_init(&j, x->f);
	put_head(&j, m, "stack", at->ts, mm, 0);
	mp_json_u64(&j, "id", s->id);
	mp_json_arr(&j, "frames");
	for (uint32_t i = 0; i < s->n; i++)
		mp_json_str(&j, NULL, mp_frame_text(m, mm, s->ip[i], text, sizeof(text)));
	mp_json_end(&j);
	mp_json_arr(&j, "ips");
	for (uint32_t i = 0; i < s->n; i++)
		mp_json_hex(&j, NULL, s->ip[i]);
	mp_json_endline(&j);
}

static void put_stacks(struct jsonl *l, struct mp_export *x, const struct mp_model *m)
{
	for (size_t i = 0; i < l->n_stacks; i++)
		put_stack(x, m, &l->stacks[i]);
	l->n_stacks = 0;
	mp_index_free(l->by_id);
	l->by_id = NULL;
}

static void put_last(FILE *f, const struct mp_model *m, const struct mp_report_info *info)
{
	struct mp_json j;

	mp_json_init(&j, f);
	put_head(&j, m, "end", m->now, 0, 0);
	mp_json_str(&j, "state", info->state);
	mp_json_u64(&j, "events", info->events);
	mp_json_u64(&j, "lost", mp_model_lost_total(m));
	mp_json_endline(&j);
}

/* --- the stream -------------------------------------------------------------------------- */

static int begin(struct mp_export *x)
{
	x->priv = calloc(1, sizeof(struct jsonl));
	return x->priv ? 0 : -ENOMEM;
}

static int note_stack(struct jsonl *l, const struct mp_event *e)
{
	if (e->stack.pos || mp_index_find(l->by_id, e->stack.id) != MP_INDEX_NONE)
		return 0;
	if (mp_grow(&l->stacks, &l->cap_stacks, l->n_stacks + 1, sizeof(*l->stacks)) ||
	    mp_index_add(&l->by_id, e->stack.id, l->n_stacks))
		return -ENOMEM;
	l->stacks[l->n_stacks++] = (struct seen){ e->stack.id, e->ts, e->mm };
	return 0;
}

static void note_user(struct jsonl *l, const struct mp_event *e)
{
	uint64_t id = e->type == MP_EV_SITE	? e->site.stack
		      : e->type == MP_EV_SAMPLE ? e->sample.stack
						: 0;
	size_t i = id ? mp_index_find(l->by_id, id) : MP_INDEX_NONE;

	if (i != MP_INDEX_NONE && !l->stacks[i].mm)
		l->stacks[i].mm = e->mm;
}

static void put_some(struct mp_export *x, struct jsonl *l, const struct mp_model *m,
		     const struct mp_event *e)
{
	const struct mp_event_type *t = mp_event_type(e->type);

	if (t && !t->raw && is_asked(x, m, e->mm))
		put_event(x->f, m, e, l->in_key);
}

/* The facts come first; their lines wait until the first line is complete. */
static int put_begin(struct mp_export *x, struct jsonl *l, const struct mp_model *m)
{
	l->begun = true;
	put_first(x->f, m);
	for (size_t i = 0; i < l->n_first; i++)
		put_some(x, l, m, &l->first[i]);
	free(l->first);
	l->first = NULL;
	return 0;
}

static int before(struct mp_export *x, const struct mp_model *m, const struct mp_event *e)
{
	struct jsonl *l = x->priv;

	if (e->type == MP_EV_STR)
		return 0;
	if (!l->begun && (e->type == MP_EV_META || e->type == MP_EV_PROBE)) {
		if (mp_grow(&l->first, &l->cap_first, l->n_first + 1, sizeof(*l->first)))
			return -ENOMEM;
		l->first[l->n_first++] = *e;
		return 0;
	}
	if (!l->begun)
		put_begin(x, l, m);
	if (e->type == MP_EV_STACK)
		return note_stack(l, e);
	note_user(l, e);
	if (e->type == MP_EV_KEYFRAME && e->sub == MP_KEY_BEGIN)
		put_stacks(l, x, m); /* the dump tells those anew that are left */
	if (e->type == MP_EV_KEYFRAME)
		l->in_key = e->sub == MP_KEY_BEGIN;
	put_some(x, l, m, e);
	return 0;
}

static int end(struct mp_export *x, const struct mp_model *m, int err)
{
	struct jsonl *l = x->priv;

	if (!err) {
		if (!l->begun)
			put_begin(x, l, m);
		put_stacks(l, x, m);
		put_last(x->f, m, x->info);
	}
	free(l->first);
	free(l->stacks);
	mp_index_free(l->by_id);
	free(l);
	return 0;
}

const struct mp_exporter mp_export_jsonl = {
	.name = "jsonl",
	.suffix = "jsonl",
	.doc = "every event as a line of JSON, for DuckDB, jq and scripts",
	.begin = begin,
	.before = before,
	.end = end,
	.schema = mp_jsonl_schema,
};
