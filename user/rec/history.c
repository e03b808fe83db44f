/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * history.c - blocks held or found in a file, and a model that walks over them.
 *
 * The blocks form segments: a keyframe and what follows it; the first may have
 * no keyframe, it starts with nothing known. The cursor stands before one event
 * of one block, its model holds all before that. Blocks have numbers that stay
 * when older ones are dropped.
 */
#include "user/rec/history.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "user/model/model.h"
#include "user/rec/encoder.h"
#include "user/rec/reader.h"
#include "user/rec/writer.h"
#include "user/util/util.h"

struct entry {
	struct mp_index_entry at; /* in the file; offset unused in a ring */
	uint8_t *bytes;		  /* ring: room for a header, the payload */
	uint64_t t_max;		  /* highest t_last up to here            */
};

struct cursor {
	struct mp_model *m; /* NULL: nowhere                                  */
	uint64_t block;	    /* number                                         */
	size_t i;	    /* next event in it                               */
	uint64_t ts;	    /* of the last event folded                       */
	uint64_t loaded;    /* number + 1 of the block that ev holds, 0: none */
	const struct mp_event *ev;
	size_t n;
};

struct mp_history {
	struct mp_reader *r;	/* NULL: a ring                               */
	struct mp_encoder *enc; /* ring                                       */
	struct mp_codec *codec; /* decodes                                    */
	uint64_t limit, bytes;
	struct entry *e;
	size_t n, cap;
	uint64_t first; /* number of e[0]                             */
	struct mp_writer *tee;
	bool tee_on; /* the tee has got what a reader starts with  */
	struct cursor cur;
};

static bool has_events(const struct mp_block_head *h)
{
	return h->type == MP_BLK_META || h->type == MP_BLK_DICT || h->type == MP_BLK_EVENTS;
}

/* The first block of a keyframe. */
static bool is_key(const struct mp_block_head *h)
{
	return h->type == MP_BLK_EVENTS && h->flags & MP_BLKF_KEYFRAME &&
	       !(h->flags & MP_BLKF_CONT);
}

/* --- what is held -------------------------------------------------------- */

static void drop_front(struct mp_history *h, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		h->bytes -= MP_BLOCK_HEAD + h->e[i].at.head.stored_len;
		free(h->e[i].bytes);
	}
	h->n -= n;
	h->first += n;
	memmove(h->e, h->e + n, h->n * sizeof(*h->e));
}

/* Drops whole segments, oldest first, but never the last. */
static void keep_limit(struct mp_history *h)
{
	size_t i;

	while (h->bytes > h->limit) {
		for (i = 1; i < h->n && !is_key(&h->e[i].at.head);)
			i++;
		if (i >= h->n)
			return;
		drop_front(h, i);
	}
}

static int add(struct mp_history *h, const struct mp_index_entry *at, uint8_t *bytes)
{
	uint64_t t_max = h->n ? h->e[h->n - 1].t_max : 0;
	int err = mp_grow(&h->e, &h->cap, h->n + 1, sizeof(*h->e));

	if (err)
		return err;
	h->e[h->n].at = *at;
	h->e[h->n].bytes = bytes;
	h->e[h->n++].t_max = at->head.t_last > t_max ? at->head.t_last : t_max;
	h->bytes += MP_BLOCK_HEAD + at->head.stored_len;
	return 0;
}

static int sink(void *ctx, struct mp_block *b)
{
	struct mp_history *h = ctx;
	struct mp_index_entry at = { .head = b->head };
	uint8_t *copy = malloc(b->len);
	int err = -ENOMEM;

	at.head.seq = (uint32_t)(h->first + h->n);
	if (copy) {
		memcpy(copy, b->bytes, b->len);
		err = add(h, &at, copy);
	}
	if (err)
		free(copy);
	return h->tee_on && !err ? mp_writer_block(h->tee, b) : err;
}

int mp_history_new(uint64_t limit, struct mp_history **out)
{
	struct mp_history *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->limit = limit ? limit : MP_HISTORY_LIMIT;
	h->codec = mp_codec_new();
	h->enc = mp_encoder_new(sink, h);
	if (!h->codec || !h->enc) {
		mp_history_free(h);
		return -ENOMEM;
	}
	*out = h;
	return 0;
}

int mp_history_from_reader(struct mp_reader *r, struct mp_history **out)
{
	const struct mp_index_entry *at;
	struct mp_history *h;
	size_t i, n;
	int err;

	err = mp_reader_index(r, &at, &n);
	if (err)
		return err;
	h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	h->r = r;
	h->codec = mp_codec_new();
	if (!h->codec)
		err = -ENOMEM;
	for (i = 0; i < n && !err; i++)
		if (has_events(&at[i].head))
			err = add(h, &at[i], NULL);
	if (err)
		mp_history_free(h);
	else
		*out = h;
	return err;
}

void mp_history_free(struct mp_history *h)
{
	size_t i;

	if (!h)
		return;
	for (i = 0; i < h->n; i++)
		free(h->e[i].bytes);
	free(h->e);
	mp_encoder_free(h->enc);
	mp_codec_free(h->codec);
	mp_model_free(h->cur.m);
	free(h);
}

uint64_t mp_history_bytes(const struct mp_history *h)
{
	return h->bytes;
}

static const struct mp_event *pending(const struct mp_history *h, size_t *n)
{
	*n = 0;
	return h->enc ? mp_encoder_pending(h->enc, n) : NULL;
}

int mp_history_span(const struct mp_history *h, uint64_t *first, uint64_t *last)
{
	size_t i, n;
	const struct mp_event *p = pending(h, &n);
	uint64_t t0 = MP_UNKNOWN, t1 = 0;

	if (!h->n && !n)
		return -ENODATA;
	if (h->n) {
		t0 = h->e[0].at.head.t_first;
		t1 = h->e[h->n - 1].t_max;
	}
	for (i = 0; i < n; i++) {
		t0 = !h->n && p[i].ts < t0 ? p[i].ts : t0;
		t1 = p[i].ts > t1 ? p[i].ts : t1;
	}
	*first = t0;
	*last = t1;
	return 0;
}

/* --- adding -------------------------------------------------------------- */

int mp_history_flush(struct mp_history *h)
{
	return h->r ? -EINVAL : mp_encoder_flush(h->enc);
}

int mp_history_tee(struct mp_history *h, struct mp_writer *w)
{
	int err;

	if (h->r)
		return -EINVAL;
	err = mp_encoder_flush(h->enc);
	h->tee = w;
	h->tee_on = w && !h->n;
	return err;
}

int mp_history_append(struct mp_history *h, const struct mp_model *m, const struct mp_event *ev,
		      size_t n)
{
	bool late = !h->r && !h->n && m->events > n, force = h->tee && !h->tee_on;
	size_t waiting;
	int err, key;

	if (h->r)
		return -EINVAL;
	pending(h, &waiting);
	if (late && !waiting) /* the model knows more than these: begin with its state */
		return mp_encoder_keyframe(h->enc, m, true);
	err = mp_encoder_append(h->enc, ev, n);
	if (force) {
		key = mp_encoder_flush(h->enc);
		err = err ? err : key;
		h->tee_on = true;
	}
	key = mp_encoder_keyframe(h->enc, m, force);
	keep_limit(h);
	err = err ? err : key;
	if (err) { /* a block may be missing where the cursor stands */
		mp_model_free(h->cur.m);
		h->cur.m = NULL;
	}
	return err;
}

/* --- going to an instant ------------------------------------------------- */

/*
 * The number of the block that the segment of ts begins with: the last keyframe
 * of an instant <= ts. No keyframe is of an instant before an event in front of
 * it, so t_max decides, and it only grows.
 */
static uint64_t segment_of(const struct mp_history *h, uint64_t ts)
{
	size_t lo = 0, hi = h->n, mid;

	while (lo < hi) { /* all before lo have t_max <= ts, all from hi on have not */
		mid = lo + (hi - lo) / 2;
		if (h->e[mid].t_max <= ts)
			lo = mid + 1;
		else
			hi = mid;
	}
	while (lo && !is_key(&h->e[lo - 1].at.head))
		lo--;
	return h->first + (lo ? lo - 1 : 0);
}

/* The events of a block, or of what waits for its block: 0, or -errno. */
static int load(struct mp_history *h, uint64_t number)
{
	struct cursor *c = &h->cur;
	struct entry *e;
	struct mp_block b;
	int err = 0;

	if (number == h->first + h->n) {
		c->ev = pending(h, &c->n);
		c->loaded = 0;
		return 0;
	}
	if (c->loaded == number + 1)
		return 0;
	e = &h->e[number - h->first];
	c->loaded = 0;
	b.head = e->at.head;
	b.bytes = e->bytes;
	if (h->r)
		err = mp_reader_fetch(h->r, &e->at, &b);
	if (!err)
		err = mp_block_unpack(h->codec, &b.head, b.bytes + MP_BLOCK_HEAD, &c->ev, &c->n);
	if (!err)
		c->loaded = number + 1;
	return err;
}

static int fold_loss(struct mp_history *h, uint32_t events)
{
	struct mp_event e = {
		.ts = h->cur.ts, .type = MP_EV_LOSS, .sub = MP_LOSS_DAMAGED, .x = events
	};

	return mp_model_fold(h->cur.m, &e);
}

/* One event; what the fold thinks impossible is passed over, as it was live. */
static int fold(struct cursor *c, const struct mp_event *e)
{
	int err = mp_model_fold(c->m, e);

	c->ts = e->ts > c->ts ? e->ts : c->ts;
	return err == -EINVAL ? 0 : err;
}

/* Folds the rest of the cursor's block up to ts. 1: an event after ts is next. */
static int fold_block(struct mp_history *h, uint64_t ts)
{
	struct cursor *c = &h->cur;
	int err;

	for (; c->i < c->n; c->i++) {
		if (c->ev[c->i].ts > ts)
			return 1;
		err = fold(c, &c->ev[c->i]);
		if (err)
			return err;
	}
	return 0;
}

/* Moves the cursor on: all events up to ts, in order, keyframes left out. */
static int advance(struct mp_history *h, uint64_t ts)
{
	struct cursor *c = &h->cur;
	const struct mp_block_head *b;
	int err = 0;

	for (; c->block <= h->first + h->n; c->block++, c->i = 0) {
		bool live = c->block == h->first + h->n;

		b = live ? NULL : &h->e[c->block - h->first].at.head;
		if (!live && b->flags & MP_BLKF_KEYFRAME)
			continue;
		err = load(h, c->block);
		if (err == -EBADMSG) {
			err = fold_loss(h, b->count);
			if (err)
				return err;
			continue;
		}
		if (!err)
			err = fold_block(h, ts);
		if (err || live)
			break;
	}
	return err < 0 ? err : 0;
}

/* A new model at the beginning of a segment, its keyframe folded in. */
static int restart(struct mp_history *h, uint64_t block)
{
	struct cursor *c = &h->cur;
	size_t i;
	int err;

	mp_model_free(c->m);
	c->ts = 0;
	c->i = 0;
	c->block = block;
	c->m = mp_model_new();
	if (!c->m)
		return -ENOMEM;
	for (; c->block < h->first + h->n; c->block++) {
		const struct mp_block_head *b = &h->e[c->block - h->first].at.head;

		if (!(b->flags & MP_BLKF_KEYFRAME) || (c->block > block && is_key(b)))
			break;
		if (b->type != MP_BLK_EVENTS)
			continue;
		err = load(h, c->block);
		if (err == -EBADMSG)
			err = fold_loss(h, b->count);
		else
			for (i = 0; i < c->n && !err; i++)
				err = fold(c, &c->ev[i]);
		if (err)
			return err;
	}
	return 0;
}

const struct mp_model *mp_history_at(struct mp_history *h, uint64_t ts)
{
	struct cursor *c = &h->cur;
	uint64_t first, last, segment;
	int err = 0;

	if (mp_history_span(h, &first, &last) < 0)
		return NULL;
	ts = ts < first ? first : ts;
	segment = segment_of(h, ts);
	if (!c->m || ts < c->ts || c->block < segment)
		err = restart(h, segment);
	if (!err)
		err = advance(h, ts);
	if (err) {
		mp_model_free(c->m);
		c->m = NULL;
	}
	return c->m;
}

/* --- saving -------------------------------------------------------------- */

static int to_writer(void *ctx, struct mp_block *b)
{
	return mp_writer_block(ctx, b);
}

int mp_history_save(struct mp_history *h, const char *path)
{
	struct mp_writer *w;
	struct mp_block b;
	size_t i;
	int err, end;

	err = mp_history_flush(h);
	if (!err)
		err = mp_writer_open(path, &w);
	if (err)
		return err;
	if (h->n && is_key(&h->e[0].at.head)) /* its META was dropped */
		err = mp_encoder_meta(h->enc, to_writer, w);
	for (i = 0; i < h->n && !err; i++) {
		b.head = h->e[i].at.head;
		b.bytes = h->e[i].bytes;
		b.len = MP_BLOCK_HEAD + b.head.stored_len;
		err = mp_writer_block(w, &b);
	}
	end = mp_writer_close(w);
	return err ? err : end;
}
