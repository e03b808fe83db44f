/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * request.c - see request.h. Words are separated by blanks; a line is not copied or changed.
 */
#include "user/daemon/request.h"

#include <stdbool.h>
#include <string.h>

struct words {
	const char *p, *end;
};

/* The next word, or false at the end. */
static bool next(struct words *w, const char **word, size_t *len)
{
	while (w->p < w->end && *w->p == ' ')
		w->p++;
	*word = w->p;
	while (w->p < w->end && *w->p != ' ')
		w->p++;
	*len = (size_t)(w->p - *word);
	return *len > 0;
}

static bool is(const char *word, size_t len, const char *what)
{
	return len == strlen(what) && !memcmp(word, what, len);
}

/* A decimal number from 1 to max. */
static bool number(const char *word, size_t len, uint64_t max, uint64_t *v)
{
	*v = 0;
	for (size_t i = 0; i < len; i++) {
		if (word[i] < '0' || word[i] > '9' || i == 10)
			return false;
		*v = *v * 10 + (uint64_t)(word[i] - '0');
	}
	return len && *v && *v <= max;
}

static const char *stream(struct words *w, struct dm_request *r, const char *word, size_t len)
{
	bool more = true;
	uint64_t v;

	for (; more && number(word, len, INT32_MAX, &v); more = next(w, &word, &len)) {
		if (r->n_pids == DM_REQUEST_PIDS)
			return "request: too many processes named";
		r->pids[r->n_pids++] = (uint32_t)v;
	}
	if (!more)
		return NULL;
	if (!is(word, len, "past"))
		return "request: a stream is of numbers of processes, past SECONDS, or both";
	if (!next(w, &word, &len) || !number(word, len, DM_REQUEST_PAST, &v))
		return "request: past how many seconds?";
	r->past_ns = v * 1000000000ULL;
	return next(w, &word, &len) ? "request: nothing comes after the seconds" : NULL;
}

const char *dm_request_parse(const char *line, size_t len, struct dm_request *r)
{
	struct words w = { line, line + len };
	const char *word;
	size_t n;

	memset(r, 0, sizeof(*r));
	if (len && line[len - 1] == '\r')
		w.end--;
	if (!next(&w, &word, &n) || !is(word, n, "memprof"))
		return "request: this is memprof: memprof 1 stream, or memprof 1 list";
	if (!next(&w, &word, &n) || !is(word, n, "1"))
		return "version: this daemon speaks 1";
	if (!next(&w, &word, &n))
		return "request: what is wanted? stream or list";
	if (is(word, n, "list")) {
		r->want = DM_WANT_LIST;
		return next(&w, &word, &n) ? "request: nothing comes after list" : NULL;
	}
	r->want = DM_WANT_STREAM;
	if (is(word, n, "past"))
		return stream(&w, r, word, n);
	if (!is(word, n, "stream"))
		return "request: what is wanted? stream or list";
	return next(&w, &word, &n) ? stream(&w, r, word, n) : NULL;
}
