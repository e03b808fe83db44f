/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tap.c - see tap.h.
 *
 * buf holds what has come and was not used up: from..n. A block is decoded where it lies, when
 * all of it is there.
 */
#include "user/rec/tap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/rec/column.h"

#define PIECE (64u << 10) /* room to read into, about */

struct mp_tap {
	struct mp_sequence seq;
	struct mp_buf buf;
	size_t from;
	bool begun; /* the preamble was looked at */
	bool ended; /* no more bytes              */
	bool done;
	int err; /* for good */
	struct mp_tap_tee tee;
};

struct mp_tap *mp_tap_new(void)
{
	struct mp_tap *t = calloc(1, sizeof(*t));

	if (t)
		t->seq.codec = mp_codec_new();
	if (t && !t->seq.codec) {
		free(t);
		return NULL;
	}
	return t;
}

void mp_tap_free(struct mp_tap *t)
{
	if (!t)
		return;
	mp_codec_free(t->seq.codec);
	free(t->buf.p);
	free(t);
}

void mp_tap_tee(struct mp_tap *t, const struct mp_tap_tee *tee)
{
	t->tee = *tee;
}

/* --- bytes --------------------------------------------------------------- */

static size_t held(const struct mp_tap *t)
{
	return t->buf.n - t->from;
}

static const uint8_t *at(const struct mp_tap *t)
{
	return t->buf.p + t->from;
}

uint8_t *mp_tap_room(struct mp_tap *t, size_t *n)
{
	if (t->done || t->ended)
		return NULL;
	if (t->from) {
		memmove(t->buf.p, at(t), held(t));
		t->buf.n -= t->from;
		t->from = 0;
	}
	/* next to nothing left: twice as much at most, whatever a header says of its block */
	if (t->buf.cap - t->buf.n < PIECE / 2 && mp_buf_room(&t->buf, PIECE)) {
		t->err = -ENOMEM;
		t->done = true;
		return NULL;
	}
	*n = t->buf.cap - t->buf.n;
	return t->buf.p + t->buf.n;
}

void mp_tap_put(struct mp_tap *t, size_t n)
{
	t->buf.n += n;
	t->seq.info.bytes += n;
}

void mp_tap_end(struct mp_tap *t)
{
	t->ended = true;
}

/* --- blocks -------------------------------------------------------------- */

static int payload_here(void *ctx, const struct mp_block_head *h, const uint8_t **stored)
{
	const struct mp_tap *t = ctx;

	(void)h;
	*stored = at(t) + MP_BLOCK_HEAD;
	return 0;
}

static int finish(struct mp_tap *t, struct mp_batch *b)
{
	t->done = true;
	return mp_sequence_finish(&t->seq, b);
}

/* Fewer bytes than are needed: they come, or they never will. */
static int wait_more(struct mp_tap *t, struct mp_batch *b)
{
	return t->ended ? finish(t, b) : -EAGAIN;
}

/* The whole block lies there. -EBADMSG: its payload is not what the header says. */
static int tee_block(struct mp_tap *t, const struct mp_block_head *h)
{
	struct mp_block copy = { .head = *h,
				 .bytes = t->buf.p + t->from,
				 .len = MP_BLOCK_HEAD + (size_t)h->stored_len };
	const uint8_t *stored = at(t) + MP_BLOCK_HEAD, *raw;
	const struct mp_event *ev;
	size_t n;
	int err;

	if (!t->tee.block || h->type == MP_BLK_INDEX || h->type == MP_BLK_END)
		return 0;
	if (h->type == MP_BLK_META || h->type == MP_BLK_DICT || h->type == MP_BLK_EVENTS)
		err = mp_block_unpack(t->seq.codec, h, stored, &ev, &n);
	else
		err = mp_block_inflate(t->seq.codec, h, stored, &raw);
	if (err != -EBADMSG)
		return err ? err : t->tee.block(t->tee.ctx, &copy);
	t->tee.skip(t->tee.ctx, 1, h->count);
	return 0;
}

/* Passes over what is no block. The last bytes may be the beginning of one. */
static int search(struct mp_tap *t)
{
	size_t n = held(t), found;

	t->seq.hole = true;
	if (!mp_block_find(at(t) + 1, n - 1, &found))
		found = n - MP_BLOCK_HEAD;
	t->from += 1 + found;
	return 0;
}

/* One step: 1 with a batch, 0 to go on, -EAGAIN for want of bytes, or an error. */
static int step(struct mp_tap *t, struct mp_batch *b)
{
	struct mp_block_head h;
	uint32_t missing;
	int r;

	if (t->seq.info.ended && held(t)) {
		t->seq.hole = true;
		return finish(t, b);
	}
	if (held(t) < MP_BLOCK_HEAD)
		return wait_more(t, b);
	if (mp_block_head_get(&h, at(t)))
		return search(t);
	if (held(t) - MP_BLOCK_HEAD < h.stored_len)
		return wait_more(t, b);
	missing = mp_sequence_gap(&t->seq, &h, b);
	if (missing && t->tee.skip)
		t->tee.skip(t->tee.ctx, missing, missing);
	if (missing)
		return 1;
	r = tee_block(t, &h);
	if (!r)
		r = mp_sequence_take(&t->seq, &h, payload_here, t, b);
	t->from += MP_BLOCK_HEAD + (size_t)h.stored_len;
	return r;
}

/* A damaged preamble is forgiven when a sound block follows it. 0, -EAGAIN, or an error. */
static int preamble(struct mp_tap *t)
{
	size_t n = held(t);
	struct mp_block_head h;
	bool sound;
	int err;

	if (!t->ended && n < MP_FILE_HEAD)
		return -EAGAIN;
	err = mp_file_head_check(at(t), n);
	if (err == -EBADMSG && n >= MP_FILE_HEAD) {
		if (!t->ended && n < MP_FILE_HEAD + MP_BLOCK_HEAD)
			return -EAGAIN;
		sound = n >= MP_FILE_HEAD + MP_BLOCK_HEAD &&
			!mp_block_head_get(&h, at(t) + MP_FILE_HEAD);
		if (sound && n - MP_FILE_HEAD - MP_BLOCK_HEAD < h.stored_len) {
			if (!t->ended)
				return -EAGAIN;
			sound = false;
		}
		if (!sound)
			return err;
		t->seq.info.bad_blocks++;
		err = 0;
	}
	t->from += n < MP_FILE_HEAD ? n : MP_FILE_HEAD;
	t->begun = !err;
	return err;
}

int mp_tap_next(struct mp_tap *t, struct mp_batch *b)
{
	int r = 0;

	*b = (struct mp_batch){ 0 };
	if (!t->begun && !t->done)
		r = preamble(t);
	while (!t->done && !r)
		r = step(t, b);
	if (r == -EAGAIN)
		return 0;
	if (r < 0) {
		t->err = r;
		t->done = true;
	}
	return r ? r : t->err;
}

bool mp_tap_done(const struct mp_tap *t)
{
	return t->done;
}

void mp_tap_info(const struct mp_tap *t, struct mp_rec_info *info)
{
	mp_sequence_info(&t->seq, info);
}
