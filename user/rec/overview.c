/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * overview.c - opening a recording at its end. See overview.h.
 */
#include "user/rec/overview.h"

#include <errno.h>
#include <stdbool.h>

#include "user/model/model.h"
#include "user/model/tiers.h"
#include "user/rec/reader.h"

/* Events of summaries that are read in some 0.2 s; beyond that the finest are left out. */
#define FINE_EVENTS 4000000

struct opening {
	struct mp_reader *r;
	struct mp_codec *codec;
	const struct mp_index_entry *e;
	size_t n;
	size_t key, end; /* blocks of the keyframe and its summaries: [key, end) */
};

static bool is_key(const struct mp_block_head *h)
{
	return h->type == MP_BLK_EVENTS && h->flags & MP_BLKF_KEYFRAME &&
	       !(h->flags & MP_BLKF_CONT);
}

static bool continues(const struct mp_block_head *h, unsigned type)
{
	return h->type == type && h->flags & MP_BLKF_KEYFRAME && h->flags & MP_BLKF_CONT;
}

/* The last keyframe that has its summaries behind it; false: there is none. */
static bool find_key(struct opening *o, uint64_t until)
{
	size_t i = o->n, k;

	while (i) {
		if (!is_key(&o->e[--i].head) || o->e[i].head.t_first > until)
			continue;
		for (k = i + 1; k < o->n && continues(&o->e[k].head, MP_BLK_EVENTS);)
			k++;
		o->key = i;
		for (o->end = k; o->end < o->n && continues(&o->e[o->end].head, MP_BLK_SUMM);)
			o->end++;
		if (o->end > k)
			return true;
	}
	return false;
}

/* A block's events; 0, or an error: -EBADMSG when it is not as it was written. */
static int events_of(struct opening *o, size_t i, const struct mp_event **ev, size_t *n)
{
	struct mp_block b;
	int err = mp_reader_fetch(o->r, &o->e[i], &b);

	return err ? err : mp_block_unpack(o->codec, &b.head, b.bytes + MP_BLOCK_HEAD, ev, n);
}

static int fold_key(struct opening *o, struct mp_model *m)
{
	const struct mp_event *ev;
	size_t i, k, n;
	int err = 0;

	for (i = o->key; i < o->end && o->e[i].head.type == MP_BLK_EVENTS && !err; i++) {
		err = events_of(o, i, &ev, &n);
		for (k = 0; !err && k < n; k++) {
			err = mp_model_fold(m, &ev[k]);
			err = err == -EINVAL ? 0 : err;
		}
	}
	return err ? err : m->in_key || !m->events ? -EBADMSG : 0;
}

/* Summaries lie all over the file. */
static void announce(const struct opening *o)
{
	size_t i;

	for (i = 0; i < o->n; i++)
		if (o->e[i].head.type == MP_BLK_SUMM || i >= o->key)
			mp_reader_soon(o->r, &o->e[i]);
}

static int add_summaries(struct opening *o, struct mp_overview *v)
{
	const struct mp_event *ev;
	size_t i, n;
	int err = 0;

	for (i = 0; i < o->end && !err; i++) {
		if (o->e[i].head.type != MP_BLK_SUMM)
			continue;
		err = events_of(o, i, &ev, &n);
		if (!err)
			err = mp_overview_add(v, ev, n, i > o->key);
	}
	return err;
}

static unsigned finest_of(const struct opening *o)
{
	uint64_t events = 0;
	size_t i;

	for (i = 0; i < o->end; i++)
		if (o->e[i].head.type == MP_BLK_SUMM)
			events += o->e[i].head.count;
	return events > FINE_EVENTS ? MP_TIER_10S : MP_TIER_1S;
}

static int load(struct opening *o, struct mp_model *m)
{
	struct mp_overview *v = mp_overview_new(finest_of(o));
	int err = v ? 0 : -ENOMEM;

	announce(o);
	if (!err)
		err = add_summaries(o, v);

	if (!err)
		err = fold_key(o, m);
	if (!err)
		err = mp_overview_apply(v, m);
	if (!err)
		err = mp_reader_jump(o->r, o->end);
	mp_overview_free(v);
	return err;
}

int mp_overview_load(struct mp_reader *r, uint64_t until, struct mp_model **m)
{
	struct opening o = { .r = r };
	struct mp_rec_info info;
	int err = mp_reader_index(r, &o.e, &o.n);

	if (err || !find_key(&o, until))
		return err == -EPROTO ? 0 : err;
	o.codec = mp_codec_new();
	*m = o.codec ? mp_model_new() : NULL;
	mp_reader_info(r, &info);
	if (*m)
		mp_model_limit(*m, info.bytes);
	err = *m ? load(&o, *m) : -ENOMEM;
	mp_codec_free(o.codec);
	if (!err)
		return 1;
	mp_model_free(*m);
	*m = NULL;
	return err == -EBADMSG || err == -EPROTO ? 0 : err;
}
