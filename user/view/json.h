/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * json.h - writes JSON to a stream as it goes; nothing is kept but the nesting.
 *
 * Owns: commas, nesting, line breaks, escaping. Must not: know the model, use
 * the locale or floating point. Values are complete whatever comes in: broken
 * UTF-8 becomes U+FFFD, MP_UNKNOWN becomes null.
 *
 * Every function takes the key, NULL inside an array and at the top. Calls
 * return nothing: an error of the stream sticks to it, mp_json_finish() tells.
 */
#ifndef MEMPROF_VIEW_JSON_H
#define MEMPROF_VIEW_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define MP_JSON_DEPTH 16

struct mp_json {
	FILE *f;
	unsigned depth;
	struct {
		char close; /* '}' or ']' */
		bool rows;  /* every element on a line of its own */
		bool any;   /* has an element */
	} level[MP_JSON_DEPTH];
};

void mp_json_init(struct mp_json *j, FILE *f);
/* Opens an object: its members share a line, except at the top. */
void mp_json_obj(struct mp_json *j, const char *key);
/* Opens an object at the top that shares a line with all in it: JSON lines. */
void mp_json_line(struct mp_json *j);
/* Opens an array on one line. */
void mp_json_arr(struct mp_json *j, const char *key);
/* Opens an array with a line for every element; an object when obj is set. */
void mp_json_rows(struct mp_json *j, const char *key, bool obj);
/* Closes what was opened last. */
void mp_json_end(struct mp_json *j);

void mp_json_null(struct mp_json *j, const char *key);
void mp_json_bool(struct mp_json *j, const char *key, bool v);
/* NULL becomes null. */
void mp_json_str(struct mp_json *j, const char *key, const char *s);
void mp_json_strn(struct mp_json *j, const char *key, const char *s, size_t len);
/* MP_UNKNOWN becomes null. */
void mp_json_u64(struct mp_json *j, const char *key, uint64_t v);
void mp_json_i64(struct mp_json *j, const char *key, int64_t v);
/* v / 10^digits as a decimal without trailing zeros: (-1250, 3) is -1.25. */
void mp_json_dec(struct mp_json *j, const char *key, int64_t v, unsigned digits);
/* Nanoseconds as decimal seconds; MP_UNKNOWN becomes null. */
void mp_json_ns(struct mp_json *j, const char *key, uint64_t ns);
/* An address as the string "0x...". */
void mp_json_hex(struct mp_json *j, const char *key, uint64_t v);

/* Closes what is open and ends the line; another may begin. */
void mp_json_endline(struct mp_json *j);
/* Closes what is open, ends the line, flushes: 0 or -errno (mp_view_flush). */
int mp_json_finish(struct mp_json *j);

#endif /* MEMPROF_VIEW_JSON_H */
