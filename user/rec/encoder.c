/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * encoder.c - cutting the stream into blocks, keyframes and repeats of META.
 */
#include "user/rec/encoder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/model/model.h"
#include "user/model/tiers.h"
#include "user/rec/fields.h"
#include "user/rec/subset.h"
#include "user/util/util.h"

#define BLOCK_EVENTS   8192
#define BLOCK_NS       1000000000ULL
#define BLOCK_BYTES    (256u << 10)   /* of payload, about                      */
#define KEY_NS	       5000000000ULL  /* between keyframes, at least */
#define KEY_RATIO      4	      /* bytes of events for a byte of keyframe */
#define META_NS	       60000000000ULL /* between repeats of META */
#define META_EVENT_MAX 1024
#define SUMM_MAX       256	      /* summaries that wait, at most */
#define SUMM_NS	       60000000000ULL /* ... and how long */
#define SUMM_BLOCK     1024	      /* summaries in a block, at most */
#define FINISH_EVENTS  262144	      /* folded in some 20 ms */

struct mp_encoder {
	mp_block_sink *sink;
	void *ctx;
	struct mp_subset *subset; /* NULL: all processes */
	bool no_summaries;
	struct mp_codec *codec;
	struct mp_event *buf; /* BLOCK_EVENTS of them */
	size_t n;
	size_t bytes;	       /* of payload that they will be, about        */
	bool only_meta;	       /* nothing but META, PROBE and STR so far     */
	bool started;	       /* an event was taken                         */
	uint64_t key_ts;       /* of the last keyframe, or of the first event */
	uint64_t key_bytes;    /* size of the last keyframe                  */
	uint64_t since_key;    /* bytes of blocks after it                   */
	uint64_t since_events; /* events after it                            */
	uint64_t every_ns;     /* mp_encoder_every(); 0: not asked for       */
	uint64_t every_bytes;
	struct mp_event *meta; /* what META repeats: strings, then their use */
	size_t n_meta, meta_cap;
	uint64_t meta_ts;	 /* of the last repeat, or of the first event  */
	struct mp_summary *summ; /* waiting for their block         */
	size_t n_summ, summ_cap;
	uint64_t summ_next; /* number of the next that the model will have   */
	uint64_t summ_ts;   /* since when some are waiting                   */
};

struct mp_encoder *mp_encoder_new(mp_block_sink *sink, void *ctx)
{
	struct mp_encoder *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->sink = sink;
	e->ctx = ctx;
	e->only_meta = true;
	e->codec = mp_codec_new();
	e->buf = malloc(BLOCK_EVENTS * sizeof(*e->buf));
	if (!e->codec || !e->buf) {
		mp_encoder_free(e);
		return NULL;
	}
	return e;
}

void mp_encoder_free(struct mp_encoder *e)
{
	if (!e)
		return;
	mp_codec_free(e->codec);
	free(e->buf);
	free(e->meta);
	free(e->summ);
	free(e);
}

void mp_encoder_subset(struct mp_encoder *e, struct mp_subset *s)
{
	e->subset = s;
}

void mp_encoder_no_summaries(struct mp_encoder *e)
{
	e->no_summaries = true;
}

const struct mp_event *mp_encoder_pending(const struct mp_encoder *e, size_t *n)
{
	*n = e->n;
	return e->buf;
}

struct mp_codec *mp_encoder_codec(struct mp_encoder *e)
{
	return e->codec;
}

static int emit(struct mp_encoder *e, const struct mp_event *ev, size_t n, size_t *bytes)
{
	struct mp_block b;
	int err = mp_block_pack(e->codec, ev, n, 0, &b);

	if (err)
		return err;
	*bytes += b.len;
	return e->sink(e->ctx, &b);
}

/* --- META ---------------------------------------------------------------- */

static bool is_meta(unsigned type)
{
	return type == MP_EV_META || type == MP_EV_PROBE || type == MP_EV_STR;
}

static void keep(struct mp_encoder *e, const struct mp_event *ev)
{
	if (e->n_meta < META_EVENT_MAX &&
	    mp_grow(&e->meta, &e->meta_cap, e->n_meta + 1, sizeof(*ev)) == 0)
		e->meta[e->n_meta++] = *ev;
}

/* Keeps the pieces of a string that are among these events, once. */
static void keep_string(struct mp_encoder *e, uint64_t id, const struct mp_event *ev, size_t n)
{
	size_t i;

	for (i = 0; i < e->n_meta; i++)
		if (e->meta[i].type == MP_EV_STR && e->meta[i].str.id == id)
			return;
	for (i = 0; id && i < n; i++)
		if (ev[i].type == MP_EV_STR && ev[i].str.id == id)
			keep(e, &ev[i]);
}

/* Keeps the latest META of each key and PROBE of each feature, with the strings
 * they name as far as these came in the same block. */
static void keep_meta(struct mp_encoder *e, const struct mp_event *ev, size_t n)
{
	size_t i, k;

	for (i = 0; i < n; i++) {
		if (ev[i].type == MP_EV_META && ev[i].meta.isstr)
			keep_string(e, ev[i].meta.num, ev, n);
		else if (ev[i].type == MP_EV_PROBE)
			keep_string(e, ev[i].v[1], ev, n);
		else if (ev[i].type != MP_EV_META)
			continue;
		for (k = 0; k < e->n_meta; k++)
			if (e->meta[k].type == ev[i].type && e->meta[k].sub == ev[i].sub)
				break;
		if (k < e->n_meta) {
			memmove(e->meta + k, e->meta + k + 1,
				(e->n_meta - k - 1) * sizeof(*e->meta));
			e->n_meta--;
		}
		keep(e, &ev[i]);
	}
}

void mp_encoder_fact(struct mp_encoder *e, const struct mp_event *ev)
{
	keep_meta(e, ev, 1);
}

int mp_encoder_meta(struct mp_encoder *e, mp_block_sink *to, void *ctx)
{
	struct mp_block b;
	int err;

	if (!e->n_meta)
		return 0;
	err = mp_block_pack(e->codec, e->meta, e->n_meta, MP_BLKF_KEYFRAME, &b);
	if (err)
		return err;
	b.head.t_first = b.head.t_last = e->meta_ts;
	return to(ctx, &b);
}

/* --- events -------------------------------------------------------------- */

int mp_encoder_flush(struct mp_encoder *e)
{
	uint64_t ts;
	size_t n = e->n, bytes = 0;
	int err;

	if (!n)
		return 0;
	ts = e->buf[n - 1].ts;
	keep_meta(e, e->buf, n);
	e->n = e->bytes = 0;
	err = emit(e, e->buf, n, &bytes);
	e->since_key += bytes;
	e->since_events += n;
	if (!err && ts >= e->meta_ts && ts - e->meta_ts >= META_NS) {
		e->meta_ts = ts;
		err = mp_encoder_meta(e, e->sink, e->ctx);
	}
	return err;
}

/* About what an event takes before compression: a bound of blocks full of names. */
static size_t payload(const struct mp_event *ev)
{
	switch (ev->type) {
	case MP_EV_STR:
		return 8 +
		       (ev->x - ev->str.pos < MP_STR_CHUNK ? ev->x - ev->str.pos : MP_STR_CHUNK);
	case MP_EV_STACK:
	case MP_EV_MAP:
	case MP_EV_PLACE:
	case MP_EV_MODULE:
		return 40;
	default:
		return 16;
	}
}

/* A block is full, or old enough; and what the file begins with, the facts about
 * the session, is a block of its own. */
static bool block_ends(const struct mp_encoder *e, const struct mp_event *next)
{
	if (!e->n)
		return false;
	return e->n == BLOCK_EVENTS || e->bytes >= BLOCK_BYTES ||
	       (next->ts > e->buf[0].ts && next->ts - e->buf[0].ts >= BLOCK_NS) ||
	       (e->only_meta && !is_meta(next->type));
}

int mp_encoder_append(struct mp_encoder *e, const struct mp_event *ev, size_t n)
{
	int err = 0, first = 0;
	size_t i;

	for (i = 0; i < n; i++)
		if (!mp_layout_of(ev[i].type))
			return -EINVAL;
	if (n && !e->started) {
		e->started = true;
		e->key_ts = e->meta_ts = ev[0].ts;
	}
	for (i = 0; i < n; i++) {
		if (block_ends(e, &ev[i])) {
			err = mp_encoder_flush(e);
			first = first ? first : err;
		}
		e->only_meta &= is_meta(ev[i].type);
		e->buf[e->n++] = ev[i];
		e->bytes += payload(&ev[i]);
	}
	return first;
}

/* --- events of a block that are made at once ------------------------------- */

struct dump {
	struct mp_event *ev;
	size_t n, cap;
};

static int collect(void *ctx, const struct mp_event *ev)
{
	struct dump *d = ctx;
	int err = mp_grow(&d->ev, &d->cap, d->n + 1, sizeof(*ev));

	if (err)
		return err;
	d->ev[d->n++] = *ev;
	return 0;
}

/* --- summaries ------------------------------------------------------------ */

struct keeping {
	struct mp_encoder *e;
	const struct mp_model *m;
};

static int append_one(void *ctx, const struct mp_event *ev)
{
	return mp_encoder_append(ctx, ev, 1);
}

/* The string that a summary names has to be told where no event has named it. */
static int tell_string(const struct keeping *k, const struct mp_summary *s)
{
	uint32_t id = s->tier ? s->p.note : s->gc.reason;

	return k->e->subset ? mp_subset_string(k->e->subset, k->m, id, append_one, k->e) : 0;
}

static int keep_summary(void *ctx, const struct mp_summary *s)
{
	struct keeping *k = ctx;
	struct mp_encoder *e = k->e;
	int err;

	if (e->no_summaries || (e->subset && !mp_subset_may(e->subset, s->mm)))
		return 0;
	err = tell_string(k, s);
	if (!err)
		err = mp_grow(&e->summ, &e->summ_cap, e->n_summ + 1, sizeof(*s));
	if (!err)
		e->summ[e->n_summ++] = *s;
	return err;
}

/* Takes over what the model has finished. */
static int take_summaries(struct mp_encoder *e, const struct mp_model *m)
{
	struct keeping k = { e, m };
	const struct mp_summary *s;
	size_t n = mp_tiers_finished(m, &e->summ_next, &s), i;
	int err = 0;

	if (n && !e->n_summ)
		e->summ_ts = m->now;
	for (i = 0; i < n && !err; i++)
		err = keep_summary(&k, &s[i]);
	return err;
}

/* Writes those that wait. They tell nothing new, so a keyframe's flag is theirs. */
static int emit_summaries(struct mp_encoder *e, unsigned flags)
{
	size_t i, n;
	int err = 0;

	for (i = 0; i < e->n_summ && !err; i += n) {
		struct dump d = { 0 };
		struct mp_block b;

		n = e->n_summ - i < SUMM_BLOCK ? e->n_summ - i : SUMM_BLOCK;
		err = mp_tiers_pack(e->summ + i, n, collect, &d);
		if (!err)
			err = mp_block_pack(e->codec, d.ev, d.n, MP_BLKF_KEYFRAME | flags, &b);
		free(d.ev);
		if (err)
			break;
		b.head.type = MP_BLK_SUMM;
		err = e->sink(e->ctx, &b);
	}
	e->n_summ = 0;
	return err;
}

static int summaries_due(struct mp_encoder *e, const struct mp_model *m)
{
	int err = e->started ? take_summaries(e, m) : 0;

	if (!err && e->n_summ &&
	    (e->n_summ >= SUMM_MAX || (m->now > e->summ_ts && m->now - e->summ_ts >= SUMM_NS)))
		err = emit_summaries(e, 0);
	return err;
}

/* Behind a keyframe: all that there is, what is still open too. */
static int summaries_now(struct mp_encoder *e, const struct mp_model *m)
{
	struct keeping k = { e, m };
	int err = take_summaries(e, m);

	if (!err)
		err = mp_tiers_open(m, keep_summary, &k);
	return err ? err : emit_summaries(e, MP_BLKF_CONT);
}

/* --- states --------------------------------------------------------------- */

static int dump(struct mp_encoder *e, const struct mp_model *m, struct dump *d)
{
	return e->subset ? mp_subset_dump(e->subset, m, collect, d) : mp_model_dump(m, collect, d);
}

/* The state, from its BEGIN to its END mark, as a row of blocks. */
static int emit_keyframe(struct mp_encoder *e, const struct mp_model *m, const struct dump *d)
{
	unsigned flags = MP_BLKF_KEYFRAME;
	size_t i, n, bytes = 0;
	struct mp_block b;
	int err = 0;

	for (i = 0; i < d->n && !err; i += n) {
		n = d->n - i < BLOCK_EVENTS ? d->n - i : BLOCK_EVENTS;
		err = mp_block_pack(e->codec, d->ev + i, n, flags, &b);
		if (err)
			break;
		b.head.type = MP_BLK_EVENTS;
		b.head.t_first = b.head.t_last = m->now;
		bytes += b.len;
		err = e->sink(e->ctx, &b);
		flags |= MP_BLKF_CONT;
	}
	e->key_ts = m->now;
	e->key_bytes = bytes;
	e->since_key = e->since_events = 0;
	return err;
}

static bool keyframe_due(const struct mp_encoder *e, const struct mp_model *m)
{
	uint64_t age;

	if (m->in_key) /* a state that comes in the middle of a stream is not whole yet */
		return false;
	if (!e->started)
		return m->events > 0;
	age = m->now > e->key_ts ? m->now - e->key_ts : 0;
	return age >= KEY_NS &&
	       (e->since_key > KEY_RATIO * e->key_bytes ||
		(e->every_ns && age >= e->every_ns && e->key_bytes <= e->every_bytes));
}

void mp_encoder_every(struct mp_encoder *e, uint64_t ns, uint64_t bytes)
{
	e->every_ns = ns;
	e->every_bytes = bytes;
}

int mp_encoder_keyframe(struct mp_encoder *e, const struct mp_model *m, bool force)
{
	struct dump d = { 0 };
	bool first = !e->started || force;
	int err;

	if (!force && !keyframe_due(e, m))
		return summaries_due(e, m);
	if (!e->started) { /* what went before is not in this recording */
		const struct mp_summary *s;

		mp_tiers_finished(m, &e->summ_next, &s);
	}
	err = mp_encoder_flush(e);
	if (!err)
		err = dump(e, m, &d);
	if (!err && first) {
		e->started = true;
		e->only_meta = false;
		e->meta_ts = m->now;
		keep_meta(e, d.ev, d.n);
		err = mp_encoder_meta(e, e->sink, e->ctx);
	}
	if (!err)
		err = emit_keyframe(e, m, &d);
	if (!err)
		err = summaries_now(e, m);
	free(d.ev);
	return err;
}

int mp_encoder_finish(struct mp_encoder *e, const struct mp_model *m)
{
	struct dump d = { 0 };
	int err = mp_encoder_flush(e);

	if (err || !e->started || e->since_events < FINISH_EVENTS)
		return err;
	err = dump(e, m, &d);
	/* a large state may take longer than the events that it saves */
	if (!err && d.n < e->since_events / 2)
		err = emit_keyframe(e, m, &d);
	if (!err && !e->since_events)
		err = summaries_now(e, m);
	free(d.ev);
	return err;
}
