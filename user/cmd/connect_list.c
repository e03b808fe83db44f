/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * connect_list.c - see connect_list.h. Each function stands before something and goes behind
 * it; false: it is not there.
 */
#include "user/cmd/connect_list.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "user/model/model.h"

#define DEPTH_MAX 16

static void blanks(const char **p)
{
	*p += strspn(*p, " \t\r\n");
}

static bool sign(const char **p, char c)
{
	blanks(p);
	if (**p != c)
		return false;
	++*p;
	return true;
}

/* What comes in UTF-8, as it is; of \u escapes those that are ASCII, '?' for others. */
static bool escaped(const char **p, char *c)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *hit = **p ? strchr(from, **p) : NULL;
	char hex[5] = "";
	unsigned long v;

	if (hit) {
		*c = to[hit - from];
		++*p;
		return true;
	}
	if (*(*p)++ != 'u' || strspn(*p, "0123456789abcdefABCDEF") < 4)
		return false;
	memcpy(hex, *p, 4);
	v = strtoul(hex, NULL, 16);
	*c = v && v < 0x80 ? (char)v : '?';
	*p += 4;
	return true;
}

/* A string; what does not fit into buf is passed over. */
static bool string(const char **p, char *buf, size_t size)
{
	size_t n = 0;

	if (!sign(p, '"'))
		return false;
	while (**p && **p != '"') {
		char c = *(*p)++;

		if (c == '\\' && !escaped(p, &c))
			return false;
		if (n + 1 < size)
			buf[n++] = c;
	}
	if (size)
		buf[n] = '\0';
	return sign(p, '"');
}

/* Anything else than a string, an array or an object. */
static bool word(const char **p, uint64_t *v)
{
	size_t n = strspn(*p, "+-.0123456789abcdefghijklmnopqrstuvwxyzE");
	char *end;

	*v = MP_UNKNOWN;
	if (!n)
		return false;
	if (**p >= '0' && **p <= '9') {
		uint64_t d = strtoull(*p, &end, 10);

		*v = end == *p + n ? d : MP_UNKNOWN;
	}
	*p += n;
	return true;
}

/* Any value, passed over. */
static bool skip(const char **p, unsigned depth)
{
	uint64_t v;
	bool object;

	blanks(p);
	if (**p == '"')
		return string(p, NULL, 0);
	if (**p != '[' && **p != '{')
		return word(p, &v);
	object = *(*p)++ == '{';
	if (sign(p, object ? '}' : ']'))
		return true;
	do {
		if (!depth || (object && (!string(p, NULL, 0) || !sign(p, ':'))) ||
		    !skip(p, depth - 1))
			return false;
	} while (sign(p, ','));
	return sign(p, object ? '}' : ']');
}

void mp_list_begin(struct mp_list_reader *r, const char *text)
{
	*r = (struct mp_list_reader){ .p = text };
}

/* To the first element of "targets". */
static bool to_targets(struct mp_list_reader *r)
{
	char key[32];

	if (!sign(&r->p, '{'))
		return false;
	do {
		if (!string(&r->p, key, sizeof(key)) || !sign(&r->p, ':'))
			return false;
		if (!strcmp(key, "targets"))
			return sign(&r->p, '[');
		if (!skip(&r->p, DEPTH_MAX))
			return false;
	} while (sign(&r->p, ','));
	return false;
}

static bool value(const char **p, const char *key, struct mp_listed *t)
{
	uint64_t gone = MP_UNKNOWN;
	struct {
		const char *key;
		char *text;
		size_t size;
		uint64_t *number;
	} known[] = { { "pid", NULL, 0, &t->pid },
		      { "rss", NULL, 0, &t->rss },
		      { "heap_used", NULL, 0, &t->heap_used },
		      { "gone_ns", NULL, 0, &gone },
		      { "group", t->group, sizeof(t->group), NULL },
		      { "comm", t->comm, sizeof(t->comm), NULL },
		      { "exe", t->exe, sizeof(t->exe), NULL } };

	blanks(p);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i].key, key))
			continue;
		if (known[i].text && **p == '"')
			return string(p, known[i].text, known[i].size);
		if (known[i].number && **p != '"' && **p != '[' && **p != '{') {
			bool ok = word(p, known[i].number);

			t->gone |= gone != MP_UNKNOWN;
			return ok;
		}
	}
	return skip(p, DEPTH_MAX);
}

int mp_list_next(struct mp_list_reader *r, struct mp_listed *t)
{
	char key[32];

	*t = (struct mp_listed){ .pid = MP_UNKNOWN, .rss = MP_UNKNOWN, .heap_used = MP_UNKNOWN };
	if (!r->begun && !to_targets(r))
		return -EBADMSG;
	if (sign(&r->p, ']'))
		return 0;
	if ((r->begun && !sign(&r->p, ',')) || !sign(&r->p, '{'))
		return -EBADMSG;
	r->begun = true;
	t->row = r->p - 1;
	do {
		if (!string(&r->p, key, sizeof(key)) || !sign(&r->p, ':') || !value(&r->p, key, t))
			return -EBADMSG;
	} while (sign(&r->p, ','));
	if (!sign(&r->p, '}'))
		return -EBADMSG;
	t->len = (size_t)(r->p - t->row);
	return 1;
}
