/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * jsonl_schema.c - what the JSON lines consist of, as JSON Schema (2020-12).
 *
 * Owns: types, units and patterns of keys. Must not: know events beside the table.
 */
#include <stdio.h>
#include <string.h>

#include "user/export/jsonl.h"
#include "user/view/json.h"

const char *mp_jsonl_key(const struct mp_field_row *fd, char *buf, size_t size)
{
	bool ns = fd->unit == MP_U_NS || fd->unit == MP_U_DNS || fd->unit == MP_U_TIME;

	snprintf(buf, size, "%s%s", fd->key, ns ? "_ns" : "");
	return buf;
}

/* {"type": ["T", "null"], "unit": "U"} */
static void put_kind(struct mp_json *j, const char *key, const char *type, bool null,
		     const char *unit, const char *pattern)
{
	mp_json_obj(j, key);
	if (null) {
		mp_json_arr(j, "type");
		mp_json_str(j, NULL, type);
		mp_json_str(j, NULL, "null");
		mp_json_end(j);
	} else {
		mp_json_str(j, "type", type);
	}
	if (unit)
		mp_json_str(j, "unit", unit);
	if (pattern)
		mp_json_str(j, "pattern", pattern);
	mp_json_end(j);
}

static void put_word_kind(struct mp_json *j, const char *key, bool null, const struct mp_words *w)
{
	mp_json_obj(j, key);
	mp_json_arr(j, "type");
	mp_json_str(j, NULL, "string");
	if (null)
		mp_json_str(j, NULL, "null");
	mp_json_end(j);
	if (w->list) { /* numbers are of newer versions */
		mp_json_arr(j, "examples");
		for (unsigned i = 0; i < w->n; i++)
			if (w->list[i])
				mp_json_str(j, NULL, w->list[i]);
		mp_json_end(j);
	}
	mp_json_end(j);
}

static void put_bits_kind(struct mp_json *j, const char *key, const struct mp_words *w)
{
	mp_json_obj(j, key);
	mp_json_str(j, "type", "array");
	mp_json_obj(j, "items");
	mp_json_arr(j, "enum");
	for (unsigned i = 0; i < w->n; i++)
		mp_json_str(j, NULL, w->list[i]);
	mp_json_end(j);
	mp_json_end(j);
	mp_json_end(j);
}

static void put_field_kind(struct mp_json *j, const char *key, const struct mp_field_row *fd)
{
	static const char hex[] = "^0x[0-9a-f]+$";
	bool null = fd->width == 8 || fd->known;

	switch (fd->unit) {
	case MP_U_END:
	case MP_U_TEXT:
		break;
	case MP_U_NUM:
	case MP_U_MASK:
		put_kind(j, key, "integer", null, NULL, NULL);
		break;
	case MP_U_ID:
		put_kind(j, key, "integer", true, NULL, NULL);
		break;
	case MP_U_INT:
		put_kind(j, key, "integer", false, NULL, NULL);
		break;
	case MP_U_BYTES:
	case MP_U_PAGES:
	case MP_U_DPAGES:
		put_kind(j, key, "integer", null, "bytes", NULL);
		break;
	case MP_U_NS:
	case MP_U_DNS:
	case MP_U_TIME:
		put_kind(j, key, "integer", null, "ns", NULL);
		break;
	case MP_U_HEX:
	case MP_U_IP:
		put_kind(j, key, "string", true, NULL, hex);
		break;
	case MP_U_STR:
	case MP_U_BUILD:
		put_kind(j, key, "string", true, NULL, NULL);
		break;
	case MP_U_DEV:
		put_kind(j, key, "string", true, NULL, "^[0-9]+:[0-9]+$");
		break;
	case MP_U_WORD:
		put_word_kind(j, key, null, fd->words);
		break;
	case MP_U_BITS:
		put_bits_kind(j, key, fd->words);
		break;
	case MP_U_ADVICE:
		put_kind(j, key, "string", false, NULL, NULL);
		break;
	case MP_U_PROT:
	case MP_U_PERMS:
		put_kind(j, key, "string", false, NULL, "^[r-][w-][x-][ps]?$");
		break;
	}
}

static bool same_key(const struct mp_field_row *a, const struct mp_field_row *b)
{
	char ka[48], kb[48];

	return !strcmp(mp_jsonl_key(a, ka, sizeof(ka)), mp_jsonl_key(b, kb, sizeof(kb)));
}

/* Rows with one key are told by calls of different kinds. */
static void put_property(struct mp_json *j, const struct mp_field_row *rows,
			 const struct mp_field_row *fd)
{
	const struct mp_field_row *other = fd + 1;
	char key[48];

	for (const struct mp_field_row *r = rows; r < fd; r++)
		if (same_key(r, fd))
			return;
	while (other->key && !same_key(other, fd))
		other++;
	mp_jsonl_key(fd, key, sizeof(key));
	if (!other->key) {
		put_field_kind(j, key, fd);
		return;
	}
	mp_json_obj(j, key);
	mp_json_arr(j, "anyOf");
	put_field_kind(j, NULL, fd);
	put_field_kind(j, NULL, other);
	mp_json_end(j);
	mp_json_end(j);
}

static void put_head_kind(struct mp_json *j, const char *name)
{
	mp_json_obj(j, "type");
	mp_json_str(j, "const", name);
	mp_json_end(j);
	put_kind(j, "ts_ns", "integer", false, "ns", NULL);
	put_kind(j, "t", "number", false, "s", NULL);
	put_kind(j, "mm", "integer", true, NULL, NULL);
	put_kind(j, "pid", "integer", true, NULL, NULL);
	put_kind(j, "tid", "integer", true, NULL, NULL);
}

static void put_required(struct mp_json *j, const char *sub, const struct mp_field_row *rows)
{
	static const char *const head[] = { "type", "ts_ns", "t", "mm", "pid", "tid" };
	char key[48];

	mp_json_arr(j, "required");
	for (size_t i = 0; i < sizeof(head) / sizeof(head[0]); i++)
		mp_json_str(j, NULL, head[i]);
	if (sub)
		mp_json_str(j, NULL, sub);
	for (; rows->key; rows++)
		if (!rows->when)
			mp_json_str(j, NULL, mp_jsonl_key(rows, key, sizeof(key)));
	mp_json_end(j);
}

static void put_type_def(struct mp_json *j, const struct mp_event_type *t)
{
	mp_json_rows(j, t->name, true);
	mp_json_str(j, "type", "object");
	mp_json_rows(j, "properties", true);
	put_head_kind(j, t->name);
	if (t->sub)
		put_word_kind(j, t->sub, false, &t->subs);
	for (const struct mp_field_row *fd = t->fields; fd->key; fd++)
		put_property(j, t->fields, fd);
	mp_json_obj(j, "state");
	mp_json_str(j, "type", "boolean");
	mp_json_str(j, "description", "restates what was before, after damage or at the start");
	mp_json_end(j);
	mp_json_end(j);
	put_required(j, t->sub, t->fields);
	mp_json_bool(j, "additionalProperties", false);
	mp_json_end(j);
}

/* Is it a type that has a line of its own? */
static const struct mp_event_type *line_type(unsigned type)
{
	const struct mp_event_type *t = mp_event_type(type);

	return t && !t->raw && type != MP_EV_STR && type != MP_EV_STACK ? t : NULL;
}

static void open_own_def(struct mp_json *j, const char *name)
{
	mp_json_rows(j, name, true);
	mp_json_str(j, "type", "object");
	mp_json_rows(j, "properties", true);
	put_head_kind(j, name);
}

static void close_own_def(struct mp_json *j)
{
	static const struct mp_field_row none = { 0 };

	mp_json_end(j);
	put_required(j, NULL, &none);
	mp_json_bool(j, "additionalProperties", false);
	mp_json_end(j);
}

static void put_list_kind(struct mp_json *j, const char *key, const char *pattern)
{
	mp_json_obj(j, key);
	mp_json_str(j, "type", "array");
	put_kind(j, "items", "string", false, NULL, pattern);
	mp_json_end(j);
}

/* The lines that are no single event. */
static void put_own_defs(struct mp_json *j)
{
	open_own_def(j, "recording");
	put_kind(j, "version", "integer", false, NULL, NULL);
	put_kind(j, "wall_ns", "integer", true, "ns since 1970 at ts_ns", NULL);
	put_kind(j, "memprof", "string", true, NULL, NULL);
	close_own_def(j);
	open_own_def(j, "stack");
	put_kind(j, "id", "integer", false, NULL, NULL);
	put_list_kind(j, "frames", NULL);
	put_list_kind(j, "ips", "^0x[0-9a-f]+$");
	close_own_def(j);
	open_own_def(j, "end");
	put_kind(j, "state", "string", false, NULL, "^(clean|truncated|damaged)$");
	put_kind(j, "events", "integer", true, NULL, NULL);
	put_kind(j, "lost", "integer", false, NULL, NULL);
	close_own_def(j);
}

static void put_ref(struct mp_json *j, const char *name)
{
	char ref[64];

	snprintf(ref, sizeof(ref), "#/$defs/%s", name);
	mp_json_obj(j, NULL);
	mp_json_str(j, "$ref", ref);
	mp_json_end(j);
}

int mp_jsonl_schema(FILE *f, const char *table)
{
	static const char *const own[] = { "recording", "stack", "end" };
	const struct mp_event_type *t;
	struct mp_json j;

	(void)table;
	mp_json_init(&j, f);
	mp_json_obj(&j, NULL);
	mp_json_str(&j, "$schema", "https://json-schema.org/draft/2020-12/schema");
	mp_json_str(&j, "title", "a line of memprof export --format jsonl");
	mp_json_rows(&j, "oneOf", false);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		put_ref(&j, own[i]);
	for (unsigned i = 0; i < MP_EV_MAX; i++)
		if ((t = line_type(i)))
			put_ref(&j, t->name);
	mp_json_end(&j);
	mp_json_rows(&j, "$defs", true);
	put_own_defs(&j);
	for (unsigned i = 0; i < MP_EV_MAX; i++)
		if ((t = line_type(i)))
			put_type_def(&j, t);
	return mp_json_finish(&j);
}
