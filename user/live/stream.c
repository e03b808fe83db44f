/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * stream.c - see stream.h.
 */
#include "user/live/stream.h"

#include <stdlib.h>
#include <string.h>

#include "user/model/tell.h"
#include "user/util/util.h"

void stream_free(struct mp_stream *s)
{
	for (size_t i = 0; i < s->n_strs; i++)
		free(s->strs[i]);
	free(s->strs);
	free(s->hash);
	free(s->v);
	memset(s, 0, sizeof(*s));
}

int stream_push(struct mp_stream *s, const struct mp_event *e)
{
	int err;

	if (s->head == s->n) {
		s->head = s->n = s->sorted = 0;
	} else if (s->n == s->cap && s->head > s->cap / 2) {
		memmove(s->v, s->v + s->head, (s->n - s->head) * sizeof(*s->v));
		s->sorted -= s->head < s->sorted ? s->head : s->sorted;
		s->n -= s->head;
		s->head = 0;
	}
	err = mp_grow(&s->v, &s->cap, s->n + 1, sizeof(*s->v));
	if (err)
		return err;
	s->v[s->n++] = *e;
	return 0;
}

int stream_emit(void *stream, const struct mp_event *e)
{
	return stream_push(stream, e);
}

struct key {
	uint64_t ts;
	size_t i;
};

static int key_cmp(const void *a, const void *b)
{
	const struct key *x = a, *y = b;

	if (x->ts != y->ts)
		return x->ts < y->ts ? -1 : 1;
	return x->i < y->i ? -1 : x->i > y->i;
}

/* For what is far out of order: sort keys, then move each event once. */
static void sort_all(struct mp_stream *s)
{
	size_t n = s->n - s->head;
	struct key *k = malloc(n * sizeof(*k));
	struct mp_event *t = malloc(n * sizeof(*t));

	if (k && t) {
		for (size_t i = 0; i < n; i++)
			k[i] = (struct key){ .ts = s->v[s->head + i].ts, .i = i };
		qsort(k, n, sizeof(*k), key_cmp);
		for (size_t i = 0; i < n; i++)
			t[i] = s->v[s->head + k[i].i];
		memcpy(s->v + s->head, t, n * sizeof(*t));
	}
	free(k);
	free(t);
}

/*
 * The ring is nearly in order, so insertion is nearly linear; a budget of moves
 * bounds the case where it is not.
 */
void stream_sort(struct mp_stream *s)
{
	size_t budget = 8 * (s->n - s->head) + 1024;

	for (size_t i = s->sorted > s->head ? s->sorted : s->head + 1; i < s->n; i++) {
		struct mp_event e = s->v[i];
		size_t j = i;

		while (j > s->head && s->v[j - 1].ts > e.ts && budget) {
			s->v[j] = s->v[j - 1];
			j--;
			budget--;
		}
		s->v[j] = e;
		if (!budget) {
			sort_all(s);
			break;
		}
	}
	s->sorted = s->n;
}

struct mp_event *stream_next(struct mp_stream *s, uint64_t until)
{
	if (s->head == s->n || s->v[s->head].ts > until)
		return NULL;
	return &s->v[s->head++];
}

void stream_round(struct mp_event *e, uint64_t tick)
{
	e->ts -= e->ts % tick;
	if (e->type == MP_EV_FAULT)
		e->fault.span -= e->fault.span % tick;
	else if (e->type == MP_EV_CALL)
		e->call.dur -= e->call.dur % tick;
	else if (e->type == MP_EV_HEAP_RANGE && e->range.dur != MP_UNKNOWN)
		e->range.dur -= e->range.dur % tick;
	else if (e->type == MP_EV_GC) {
		if (e->gc.pause != MP_UNKNOWN)
			e->gc.pause -= e->gc.pause % tick;
		if (e->gc.start != MP_UNKNOWN)
			e->gc.start -= e->gc.start % tick;
	}
}

/* --- strings ------------------------------------------------------------------------ */

static uint64_t str_hash(const char *s)
{
	uint64_t h = 0xcbf29ce484222325ULL;

	while (*s)
		h = (h ^ (unsigned char)*s++) * 0x100000001b3ULL;
	return h;
}

static int hash_grow(struct mp_stream *s)
{
	size_t n = s->n_hash ? s->n_hash * 2 : 256;
	uint32_t *h = calloc(n, sizeof(*h));

	if (!h)
		return -1;
	for (size_t i = 0; i < s->n_strs; i++) {
		size_t k = str_hash(s->strs[i]) & (n - 1);

		while (h[k])
			k = (k + 1) & (n - 1);
		h[k] = (uint32_t)i + 1;
	}
	free(s->hash);
	s->hash = h;
	s->n_hash = n;
	return 0;
}

uint32_t stream_str(struct mp_stream *s, const char *str, uint64_t ts)
{
	return stream_str_to(s, str, ts, stream_emit, s);
}

uint32_t stream_str_to(struct mp_stream *s, const char *str, uint64_t ts, mp_emit_fn *emit,
		       void *ctx)
{
	char cut[MP_STR_MAX + 1];
	size_t k, len;

	if (!str || !*str)
		return 0;
	len = strlen(str) < MP_STR_MAX ? strlen(str) : MP_STR_MAX;
	memcpy(cut, str, len);
	cut[len] = 0;
	if ((s->n_strs + 1) * 2 > s->n_hash && hash_grow(s))
		return 0;
	for (k = str_hash(cut) & (s->n_hash - 1); s->hash[k]; k = (k + 1) & (s->n_hash - 1))
		if (!strcmp(s->strs[s->hash[k] - 1], cut))
			return s->hash[k];
	if (mp_grow(&s->strs, &s->cap_strs, s->n_strs + 1, sizeof(*s->strs)))
		return 0;
	s->strs[s->n_strs] = strdup(cut);
	if (!s->strs[s->n_strs])
		return 0;
	s->hash[k] = (uint32_t)++s->n_strs;
	return mp_tell_str((uint32_t)s->n_strs, cut, ts, emit, ctx) ? 0 : (uint32_t)s->n_strs;
}
