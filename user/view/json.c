/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * json.c - a streaming JSON writer. See json.h.
 *
 * Owns: syntax. Must not: allocate, look at the locale, use floating point.
 */
#include "user/view/json.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "bpf/events.h"
#include "user/view/text.h"

/*
 * Length of the UTF-8 character at s and its code, or 0 when it is not one:
 * no overlong forms, no surrogates, nothing above U+10FFFF.
 */
static size_t utf8_char(const unsigned char *s, size_t len, uint32_t *code)
{
	static const struct {
		unsigned char mask, lead;
		uint32_t min;
	} form[] = {
		{ 0x80, 0x00, 0 },
		{ 0xe0, 0xc0, 0x80 },
		{ 0xf0, 0xe0, 0x800 },
		{ 0xf8, 0xf0, 0x10000 },
	};

	for (size_t n = 0; n < 4 && n < len; n++) {
		uint32_t c = s[0] & (unsigned char)~form[n].mask;

		if ((s[0] & form[n].mask) != form[n].lead)
			continue;
		for (size_t i = 1; i <= n; i++) {
			if ((s[i] & 0xc0) != 0x80)
				return 0;
			c = c << 6 | (s[i] & 0x3f);
		}
		if (c < form[n].min || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
			return 0;
		*code = c;
		return n + 1;
	}
	return 0;
}

static void put_char(FILE *f, const unsigned char *s, size_t n, uint32_t c)
{
	static const char shorts[] = "btn?fr"; /* 8..13; 11 has none */

	if (c == '"' || c == '\\')
		fprintf(f, "\\%c", (int)c);
	else if (c >= 8 && c <= 13 && c != 11)
		fprintf(f, "\\%c", shorts[c - 8]);
	else if (c < 0x20 || (c >= 0x7f && c < 0xa0))
		fprintf(f, "\\u%04" PRIx32, c); /* C1 would reach a terminal too */
	else
		fwrite(s, 1, n, f);
}

/* Bytes from s on that stand for themselves: nearly all of them. */
static size_t plain_run(const unsigned char *s, size_t len)
{
	size_t n = 0;

	while (n < len && s[n] >= 0x20 && s[n] < 0x7f && s[n] != '"' && s[n] != '\\')
		n++;
	return n;
}

static void put_string(FILE *f, const char *str, size_t len)
{
	const unsigned char *s = (const unsigned char *)str;

	fputc('"', f);
	while (len) {
		uint32_t c = 0;
		size_t plain = plain_run(s, len), n = plain ? plain : utf8_char(s, len, &c);

		if (plain) {
			fwrite(s, 1, plain, f);
		} else if (n) {
			put_char(f, s, n, c);
		} else {
			fputs("\xef\xbf\xbd", f);
			n = 1;
		}
		s += n;
		len -= n;
	}
	fputc('"', f);
}

static void indent(struct mp_json *j)
{
	fprintf(j->f, "\n%*s", (int)j->depth * 2, "");
}

/* What stands between the previous element and this one, and its key. */
static void element(struct mp_json *j, const char *key)
{
	if (j->depth) {
		if (j->level[j->depth - 1].any)
			fputc(',', j->f);
		if (j->level[j->depth - 1].rows)
			indent(j);
		else if (j->level[j->depth - 1].any)
			fputc(' ', j->f);
		j->level[j->depth - 1].any = true;
	}
	if (key) {
		put_string(j->f, key, strlen(key));
		fputs(": ", j->f);
	}
}

static void open_level(struct mp_json *j, const char *key, char open, bool rows)
{
	element(j, key);
	assert(j->depth < MP_JSON_DEPTH);
	fputc(open, j->f);
	j->level[j->depth].close = open == '{' ? '}' : ']';
	j->level[j->depth].rows = rows;
	j->level[j->depth].any = false;
	j->depth++;
}

void mp_json_init(struct mp_json *j, FILE *f)
{
	*j = (struct mp_json){ .f = f };
}

void mp_json_obj(struct mp_json *j, const char *key)
{
	open_level(j, key, '{', j->depth == 0);
}

void mp_json_line(struct mp_json *j)
{
	open_level(j, NULL, '{', false);
}

void mp_json_arr(struct mp_json *j, const char *key)
{
	open_level(j, key, '[', false);
}

void mp_json_rows(struct mp_json *j, const char *key, bool obj)
{
	open_level(j, key, obj ? '{' : '[', true);
}

void mp_json_end(struct mp_json *j)
{
	assert(j->depth);
	j->depth--;
	if (j->level[j->depth].rows && j->level[j->depth].any)
		indent(j);
	fputc(j->level[j->depth].close, j->f);
}

void mp_json_null(struct mp_json *j, const char *key)
{
	element(j, key);
	fputs("null", j->f);
}

void mp_json_bool(struct mp_json *j, const char *key, bool v)
{
	element(j, key);
	fputs(v ? "true" : "false", j->f);
}

void mp_json_strn(struct mp_json *j, const char *key, const char *s, size_t len)
{
	element(j, key);
	put_string(j->f, s, len);
}

void mp_json_str(struct mp_json *j, const char *key, const char *s)
{
	if (s)
		mp_json_strn(j, key, s, strlen(s));
	else
		mp_json_null(j, key);
}

void mp_json_u64(struct mp_json *j, const char *key, uint64_t v)
{
	if (v == MP_UNKNOWN) {
		mp_json_null(j, key);
		return;
	}
	element(j, key);
	fprintf(j->f, "%" PRIu64, v);
}

void mp_json_i64(struct mp_json *j, const char *key, int64_t v)
{
	element(j, key);
	fprintf(j->f, "%" PRId64, v);
}

static void put_dec(struct mp_json *j, const char *key, bool neg, uint64_t v, unsigned digits)
{
	uint64_t unit = 1, rest;

	for (unsigned i = 0; i < digits; i++)
		unit *= 10;
	element(j, key);
	fprintf(j->f, "%s%" PRIu64, neg ? "-" : "", v / unit);
	rest = v % unit;
	if (!rest)
		return;
	while (rest % 10 == 0) {
		rest /= 10;
		digits--;
	}
	fprintf(j->f, ".%0*" PRIu64, (int)digits, rest);
}

void mp_json_dec(struct mp_json *j, const char *key, int64_t v, unsigned digits)
{
	put_dec(j, key, v < 0, v < 0 ? -(uint64_t)v : (uint64_t)v, digits);
}

void mp_json_ns(struct mp_json *j, const char *key, uint64_t ns)
{
	if (ns == MP_UNKNOWN)
		mp_json_null(j, key);
	else
		put_dec(j, key, false, ns, 9);
}

void mp_json_hex(struct mp_json *j, const char *key, uint64_t v)
{
	element(j, key);
	fprintf(j->f, "\"0x%" PRIx64 "\"", v);
}

void mp_json_endline(struct mp_json *j)
{
	while (j->depth)
		mp_json_end(j);
	fputc('\n', j->f);
}

int mp_json_finish(struct mp_json *j)
{
	mp_json_endline(j);
	return mp_view_flush(j->f);
}
