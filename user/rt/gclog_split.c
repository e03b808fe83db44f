/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gclog_split.c - see gclog_split.h.
 *
 * The runtime prints a line in many small writes, so that it arrives in pieces, and often
 * behind what the program has not ended with a newline. Bytes are held while they may be
 * "gc NUMBER @NUMBER", and from there on to the end of the line, which then has to be whole
 * (gclog_go.c). What a thread of the program writes into the middle of such a line makes it
 * none, unless it can be told as a write of its own: then the line is passed on.
 */
#include "user/rt/gclog_split.h"

#include <errno.h>
#include <string.h>

#include "user/rt/gclog.h"
#include "user/rt/scan.h"

static int found(void *ctx, const struct mp_gclog_gc *gc)
{
	struct mp_split *s = ctx;

	s->is_gc |= gc->lang == MP_GCLOG_GO;
	return 0;
}

int mp_split_init(struct mp_split *s)
{
	s->n = s->n_aside = s->n_all = 0;
	s->grammar = mp_gclog_new(found, s);
	return s->grammar ? 0 : -ENOMEM;
}

void mp_split_free(struct mp_split *s)
{
	mp_gclog_free(s->grammar);
}

/* May this be the beginning of a line of the runtime? */
static int may_be(const char *p, size_t n)
{
	static const char head[] = "gc ";
	size_t i = 0;

	for (; i < n && i < 3; i++)
		if (p[i] != head[i])
			return 0;
	if (i == n)
		return 1;
	while (i < n && scan_digit(p[i]))
		i++;
	if (i == n)
		return 1;
	if (i == 3 || p[i] != ' ')
		return 0;
	if (i + 1 < n && p[i + 1] != '@')
		return 0;
	return i + 2 >= n || scan_digit(p[i + 2]);
}

void mp_split_flush(struct mp_split *s)
{
	if (s->n_aside)
		s->rest(s->ctx, s->all, s->n_all);
	else if (s->n)
		s->rest(s->ctx, s->held, s->n);
	s->n = s->n_aside = s->n_all = 0;
}

/* A line is whole: whose is it? */
static void decide(struct mp_split *s)
{
	s->is_gc = 0;
	mp_gclog_feed(s->grammar, s->held, s->n);
	mp_gclog_end(s->grammar);
	if (!s->is_gc) {
		mp_split_flush(s);
		return;
	}
	s->line(s->ctx, s->held, s->n);
	if (s->n_aside)
		s->rest(s->ctx, s->aside, s->n_aside);
	s->n = s->n_aside = s->n_all = 0;
}

/* Bytes up to one that may begin a line of the runtime: the program's, in one piece. */
static size_t pass(struct mp_split *s, const char *bytes, size_t n)
{
	const char *g = memchr(bytes, 'g', n);
	size_t len = g ? (size_t)(g - bytes) : n;

	if (len)
		s->rest(s->ctx, bytes, len);
	return len;
}

/* The last byte made it none; it may begin another one. */
static void give_up(struct mp_split *s)
{
	char last = s->held[s->n - 1];

	if (last != 'g' || s->n == 1 || s->n_aside) {
		mp_split_flush(s);
		return;
	}
	s->n--;
	mp_split_flush(s);
	s->held[s->n++] = last;
}

void mp_split_feed(struct mp_split *s, const char *bytes, size_t n)
{
	while (n) {
		size_t len = s->n ? 0 : pass(s, bytes, n);

		bytes += len;
		n -= len;
		if (!n)
			break;
		s->held[s->n++] = *bytes;
		if (s->n_aside)
			s->all[s->n_all++] = *bytes;
		if (!may_be(s->held, s->n) || s->n == MP_SPLIT_LINE)
			give_up(s);
		else if (*bytes == '\n')
			decide(s);
		bytes++;
		n--;
	}
}

/* Does the write go on with the line that is held? The runtime prints each word and number
 * by itself, the newline too. */
static int goes_on(const struct mp_split *s, const char *bytes, size_t n)
{
	char both[MP_SPLIT_LINE];

	if (s->n + n > sizeof(both) || (n > 1 && memchr(bytes, '\n', n)))
		return 0;
	memcpy(both, s->held, s->n);
	memcpy(both + s->n, bytes, n);
	return may_be(both, s->n + n);
}

void mp_split_write(struct mp_split *s, const char *bytes, size_t n)
{
	if (!s->n || goes_on(s, bytes, n)) {
		mp_split_feed(s, bytes, n);
		return;
	}
	if (s->n_aside + n > sizeof(s->aside)) {
		mp_split_flush(s);
		mp_split_feed(s, bytes, n);
		return;
	}
	if (!s->n_aside) {
		memcpy(s->all, s->held, s->n);
		s->n_all = s->n;
	}
	memcpy(s->aside + s->n_aside, bytes, n);
	memcpy(s->all + s->n_all, bytes, n);
	s->n_aside += n;
	s->n_all += n;
}
