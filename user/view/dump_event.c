/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * dump_event.c - one event as one line. See dump.h.
 *
 * Owns: how the fields of event.h look in a line. Must not: fold, or skip what it
 * does not understand.
 */
#include "user/view/dump.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "user/util/util.h"
#include "user/view/event.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

struct line {
	FILE *f;
	const struct mp_event *e;
	uint64_t t0;
	const struct mp_model *names;
};

static void put_time(FILE *f, uint64_t ts, uint64_t t0)
{
	uint64_t d = ts < t0 ? t0 - ts : ts - t0;

	fprintf(f, "%s%" PRIu64 ".%09" PRIu64, ts < t0 ? "-" : "", d / 1000000000, d % 1000000000);
}

/* In quotes, cleaned; quotes and backslashes in it are marked by a backslash. */
static void put_text(FILE *f, const char *s)
{
	char buf[MP_STR_MAX + 1];

	fputc('"', f);
	for (s = mp_clean(buf, sizeof(buf), s, 0); *s; s++) {
		if (*s == '"' || *s == '\\')
			fputc('\\', f);
		fputc(*s, f);
	}
	fputc('"', f);
}

static void put_id(const struct line *l, uint64_t id)
{
	if (!id)
		fputs("\"\"", l->f);
	else if (l->names && id <= UINT32_MAX)
		put_text(l->f, mp_str(l->names, (uint32_t)id));
	else
		fprintf(l->f, "#%" PRIu64, id);
}

/* Names of set bits joined by '+', what has no name in hex; "none" for 0. */
static void put_bits(FILE *f, uint64_t bits, const struct mp_words *words)
{
	const char *sep = "";

	if (!bits)
		fputs("none", f);
	for (unsigned i = 0; i < words->n; i++) {
		if (!(bits & 1u << i))
			continue;
		fprintf(f, "%s%s", sep, words->list[i]);
		bits &= ~(1ULL << i);
		sep = "+";
	}
	if (bits)
		fprintf(f, "%s0x%" PRIx64, sep, bits);
}

static void put_word(FILE *f, const struct mp_words *words, uint64_t v)
{
	const char *word = mp_word(words, v);

	if (word)
		fputs(word, f);
	else
		fprintf(f, "%" PRIu64, v);
}

static void put_access(FILE *f, enum mp_unit unit, uint64_t v)
{
	char text[5];

	mp_field_access(text, unit, v);
	fputs(text, f);
}

static void put_piece(const struct line *l)
{
	char text[MP_STR_CHUNK + 1] = "";
	size_t n;
	const char *at = mp_event_piece(l->e, &n);

	memcpy(text, at, n);
	put_text(l->f, text);
}

static void put_build(const struct line *l)
{
	const struct mp_event *e = l->e;

	for (unsigned i = 0; i < e->flags && i < sizeof(e->module.build); i++)
		fprintf(l->f, "%02x", e->module.build[i]);
}

static void put_value(const struct line *l, const struct mp_field_row *fd, uint64_t v)
{
	switch (fd->unit) {
	case MP_U_END:
	case MP_U_NUM:
	case MP_U_ID:
		fprintf(l->f, "%" PRIu64, v);
		break;
	case MP_U_INT:
	case MP_U_DNS:
		fprintf(l->f, "%" PRId64 "%s", (int64_t)v, fd->unit == MP_U_DNS ? "ns" : "");
		break;
	case MP_U_HEX:
	case MP_U_IP:
	case MP_U_MASK:
		fprintf(l->f, "0x%" PRIx64, v);
		break;
	case MP_U_BYTES:
		fprintf(l->f, "%" PRIu64 "B", v);
		break;
	case MP_U_PAGES:
		fprintf(l->f, "%" PRIu64 "pg", v);
		break;
	case MP_U_DPAGES:
		fprintf(l->f, "%+" PRId64 "pg", (int64_t)v);
		break;
	case MP_U_NS:
		fprintf(l->f, "%" PRIu64 "ns", v);
		break;
	case MP_U_TIME:
		put_time(l->f, v, l->t0);
		fputc('s', l->f);
		break;
	case MP_U_STR:
		put_id(l, v);
		break;
	case MP_U_DEV:
		fprintf(l->f, "%" PRIu64 ":%" PRIu64, v >> 20, v & 0xfffff);
		break;
	case MP_U_WORD:
		put_word(l->f, fd->words, v);
		break;
	case MP_U_BITS:
		put_bits(l->f, v, fd->words);
		break;
	case MP_U_ADVICE:
		fprintf(l->f, "%s(%" PRIu64 ")", mp_advice_name((unsigned)v), v);
		break;
	case MP_U_PROT:
	case MP_U_PERMS:
		put_access(l->f, fd->unit, v);
		break;
	case MP_U_TEXT:
		put_piece(l);
		break;
	case MP_U_BUILD:
		put_build(l);
		break;
	}
}

static void put_field(const struct line *l, const struct mp_field_row *fd)
{
	uint64_t v = mp_field_load(l->e, fd);

	if (mp_field_unknown(fd, l->e, v))
		fputc('?', l->f);
	else
		put_value(l, fd, v);
}

const char *mp_dump_type(unsigned type)
{
	const struct mp_event_type *t = mp_event_type(type);

	return t ? t->name : NULL;
}

/* TYPE.SUB; a number where there is no name. */
static void type_text(char *buf, size_t size, const struct mp_event *e,
		      const struct mp_event_type *t)
{
	const char *sub = t ? mp_event_sub(t, e->sub) : NULL;

	if (!t)
		snprintf(buf, size, "type-%u", e->type);
	else if (sub)
		snprintf(buf, size, "%s.%s", t->name, sub);
	else if (t->sub)
		snprintf(buf, size, "%s.%u", t->name, e->sub);
	else
		snprintf(buf, size, "%s", t->name);
}

static void put_raw(FILE *f, const struct mp_event *e)
{
	fprintf(f, " sub=%u flags=0x%x x=%u v=", e->sub, e->flags, e->x);
	for (size_t i = 0; i < ARRAY_SIZE(e->v); i++)
		fprintf(f, "%s0x%" PRIx64, i ? "," : "", (uint64_t)e->v[i]);
}

int mp_dump_event(FILE *f, const struct mp_event *e, uint64_t t0, const struct mp_model *names)
{
	const struct line l = { f, e, t0, names };
	const struct mp_event_type *t = mp_event_type(e->type);
	char type[64];

	put_time(f, e->ts, t0);
	type_text(type, sizeof(type), e, t);
	fprintf(f, " %-18s mm=%u tid=%u", type, e->mm, e->tid);
	if (!t || t->raw)
		put_raw(f, e);
	for (const struct mp_field_row *fd = t ? t->fields : NULL; fd && fd->key; fd++)
		if (!fd->when || fd->when(e)) {
			fprintf(f, " %s=", fd->key);
			put_field(&l, fd);
		}
	fputc('\n', f);
	return ferror(f) ? -EIO : 0;
}

/* One value through the same hands. 0 or -ENOMEM. */
static int give_field(struct line *l, const struct mp_field_row *fd,
		      void (*fn)(void *arg, const char *key, const char *value), void *arg)
{
	char *text = NULL;
	size_t n;

	l->f = open_memstream(&text, &n);
	if (!l->f)
		return -ENOMEM;
	put_field(l, fd);
	if (fclose(l->f) == 0)
		fn(arg, fd->key, text);
	free(text);
	return 0;
}

int mp_dump_fields(const struct mp_event *e, uint64_t t0, const struct mp_model *names,
		   void (*fn)(void *arg, const char *key, const char *value), void *arg)
{
	static const struct mp_field_row head[] = {
		{ .key = "time",
		  .unit = MP_U_TIME,
		  .off = offsetof(struct mp_event, ts),
		  .width = 8 },
		{ .key = "mm", .unit = MP_U_NUM, .off = offsetof(struct mp_event, mm), .width = 4 },
		{ .key = "tid",
		  .unit = MP_U_NUM,
		  .off = offsetof(struct mp_event, tid),
		  .width = 4 },
	};
	const struct mp_event_type *t = mp_event_type(e->type);
	struct line l = { NULL, e, t0, names };
	char type[64];
	int err = 0;

	type_text(type, sizeof(type), e, t);
	fn(arg, "event", type);
	for (size_t i = 0; i < ARRAY_SIZE(head) && !err; i++)
		err = give_field(&l, &head[i], fn, arg);
	for (const struct mp_field_row *fd = t ? t->fields : NULL; fd && fd->key && !err; fd++)
		if (!fd->when || fd->when(e))
			err = give_field(&l, fd, fn, arg);
	return err;
}
