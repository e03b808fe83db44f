/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * block.c - the frame around a payload: header, checksums, compression.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/rec/codec_int.h"

#define CODEC_ZLIB 1
#define CUT_MIN	   2048 /* bytes: a deflate block below is not worth its code table */
#define SMALL	   64	/* bytes: a payload below is stored; END is one               */
#define FULL_BLOCK 8192 /* events: what writers make a block of at most */
#define LOOK	   4096 /* bytes of a piece that are searched for repeats           */

static const uint8_t file_magic[10] = { 0x89, 'M', 'P', 'R', 'O', 'F', '\r', '\n', 0x1a, '\n' };
static const uint8_t block_magic[4] = { 'M', 'P', 'B', 1 };

struct mp_codec *mp_codec_new(void)
{
	return calloc(1, sizeof(struct mp_codec));
}

void mp_codec_free(struct mp_codec *c)
{
	if (!c)
		return;
	if (c->deflate_ok)
		deflateEnd(&c->deflate);
	if (c->inflate_ok)
		inflateEnd(&c->inflate);
	free(c->raw.p);
	free(c->column.p);
	free(c->out.p);
	free(c->plain.p);
	free(c->val);
	free(c->pos);
	free(c->ev);
	free(c);
}

/* --- little-endian fields ------------------------------------------------ */

static uint8_t *put_le(uint8_t *p, uint64_t v, unsigned bytes)
{
	for (; bytes; bytes--, v >>= 8)
		*p++ = (uint8_t)v;
	return p;
}

static uint64_t take_le(const uint8_t **p, unsigned bytes)
{
	uint64_t v = 0;
	unsigned i;

	for (i = bytes; i; i--)
		v = v << 8 | (*p)[i - 1];
	*p += bytes;
	return v;
}

static uint32_t crc_of(const uint8_t *p, size_t n)
{
	return (uint32_t)crc32(crc32(0, NULL, 0), p, (uInt)n);
}

void mp_file_head_put(uint8_t out[MP_FILE_HEAD])
{
	memset(out, 0, MP_FILE_HEAD);
	memcpy(out, file_magic, sizeof(file_magic));
	out[10] = MP_FILE_MAJOR;
	out[11] = MP_FILE_MINOR;
}

int mp_file_head_get(const uint8_t in[MP_FILE_HEAD])
{
	if (memcmp(in, file_magic, sizeof(file_magic)) != 0 || in[10] < MP_FILE_MAJOR)
		return -EBADMSG;
	return in[10] > MP_FILE_MAJOR ? -EPROTONOSUPPORT : 0;
}

int mp_file_head_check(const uint8_t *p, size_t n)
{
	if (n >= MP_FILE_HEAD)
		return mp_file_head_get(p);
	if (!n)
		return -ENODATA;
	n = n < sizeof(file_magic) ? n : sizeof(file_magic);
	return memcmp(p, file_magic, n) ? -EBADMSG : 0;
}

void mp_block_head_put(uint8_t out[MP_BLOCK_HEAD], const struct mp_block_head *h)
{
	uint8_t *p = out;

	memcpy(p, block_magic, sizeof(block_magic));
	p = put_le(p + 4, h->type, 2);
	p = put_le(p, h->flags, 2);
	p = put_le(p, h->stored_len, 4);
	p = put_le(p, h->raw_len, 4);
	p = put_le(p, h->count, 4);
	p = put_le(p, h->t_first, 8);
	p = put_le(p, h->t_last, 8);
	p = put_le(p, h->seq, 4);
	p = put_le(p, h->crc, 4);
	put_le(p, crc_of(out, (size_t)(p - out)), 4);
}

int mp_block_head_get(struct mp_block_head *h, const uint8_t in[MP_BLOCK_HEAD])
{
	struct mp_block_head t;
	const uint8_t *p = in + 4;

	if (memcmp(in, block_magic, sizeof(block_magic)) != 0)
		return -EBADMSG;
	t.type = (uint16_t)take_le(&p, 2);
	t.flags = (uint16_t)take_le(&p, 2);
	t.stored_len = (uint32_t)take_le(&p, 4);
	t.raw_len = (uint32_t)take_le(&p, 4);
	t.count = (uint32_t)take_le(&p, 4);
	t.t_first = take_le(&p, 8);
	t.t_last = take_le(&p, 8);
	t.seq = (uint32_t)take_le(&p, 4);
	t.crc = (uint32_t)take_le(&p, 4);
	if (take_le(&p, 4) != crc_of(in, MP_BLOCK_HEAD - 4))
		return -EBADMSG;
	if (t.stored_len > MP_BLOCK_MAX || t.raw_len > MP_BLOCK_MAX)
		return -EBADMSG;
	*h = t;
	return 0;
}

void mp_block_end_put(uint8_t out[MP_BLOCK_END_LEN], const struct mp_block_end *e)
{
	uint8_t *p = out;

	p = put_le(p, e->events, 8);
	p = put_le(p, e->bytes, 8);
	p = put_le(p, e->index_off, 8);
	p = put_le(p, e->lost, 8);
	p = put_le(p, e->t_last, 8);
	p = put_le(p, e->blocks, 4);
	put_le(p, e->reason, 4);
}

int mp_block_end_get(struct mp_block_end *e, const uint8_t *in, size_t len)
{
	const uint8_t *p = in;

	if (len < MP_BLOCK_END_LEN)
		return -EBADMSG;
	e->events = take_le(&p, 8);
	e->bytes = take_le(&p, 8);
	e->index_off = take_le(&p, 8);
	e->lost = take_le(&p, 8);
	e->t_last = take_le(&p, 8);
	e->blocks = (uint32_t)take_le(&p, 4);
	e->reason = (uint32_t)take_le(&p, 4);
	return 0;
}

/* --- packing ------------------------------------------------------------- */

static int deflate_start(struct mp_codec *c)
{
	if (!c->deflate_ok) {
		if (deflateInit(&c->deflate, 1) != Z_OK)
			return -ENOMEM;
		c->deflate_ok = true;
		return 0;
	}
	return deflateReset(&c->deflate) == Z_OK ? 0 : -EINVAL;
}

/*
 * Whether deflate should look for repeats in a piece. A match costs about 24
 * bits, so only one longer than what 24 bits of plain code hold is a gain; where
 * there is none of that length the short ones that zlib would take are losses
 * (and time).
 */
static int strategy_of(const uint8_t *p, size_t n)
{
	uint16_t seen[4096] = { 0 }; /* place + 1 by hash of the bytes before it */
	uint64_t bits = mp_entropy(p, n);
	uint32_t hash = 0, out = 0x01000193;
	size_t len = bits ? 24 * n / bits : n, i, k, hits = 0;

	len = len < 3 ? 3 : len;
	n = n < LOOK ? n : LOOK;
	if (len > n / 16)
		return Z_DEFAULT_STRATEGY;
	for (i = 0; i < len; i++)
		out *= 0x01000193;
	for (i = 0; i < n; i++) {
		hash = (hash + p[i] + 1) * 0x01000193;
		if (i < len)
			continue;
		hash -= (p[i - len] + 1u) * out;
		k = (hash ^ hash >> 15) * 0x9e3779b1u >> 20;
		if (seen[k] && !memcmp(p + seen[k] - len, p + i + 1 - len, len))
			hits++;
		seen[k] = (uint16_t)(i + 1);
	}
	return hits > n / 16 ? Z_DEFAULT_STRATEGY : Z_HUFFMAN_ONLY;
}

/*
 * Deflates raw into what is left of c->out, with a deflate block of its own for
 * each kind of column, which random bytes beside regular ones need. 0: it did
 * not get smaller.
 */
static size_t deflate_cuts(struct mp_codec *c, const uint8_t *raw, size_t len)
{
	z_stream *z = &c->deflate;
	size_t done = 0;
	unsigned i;

	z->next_out = c->out.p + MP_BLOCK_HEAD;
	z->avail_out = (uInt)len;
	for (i = 0; i <= c->n_cuts; i++) {
		size_t to = i < c->n_cuts ? c->cut[i] : len;

		if (to < len && (to - done < CUT_MIN || len - to < CUT_MIN))
			continue;
		if (deflateParams(z, 1, strategy_of(raw + done, to - done)) != Z_OK)
			return 0;
		z->next_in = (Bytef *)raw + done;
		z->avail_in = (uInt)(to - done);
		done = to;
		if (deflate(z, to == len ? Z_FINISH : Z_BLOCK) == Z_STREAM_END)
			return len - z->avail_out;
		if (!z->avail_out)
			return 0;
	}
	return 0;
}

static int pack(struct mp_codec *c, const uint8_t *raw, size_t len, struct mp_block *b)
{
	size_t stored;
	int err;

	if (len > MP_BLOCK_MAX)
		return -E2BIG;
	c->out.n = 0;
	if (mp_buf_room(&c->out, MP_BLOCK_HEAD + len) < 0)
		return -ENOMEM;
	err = deflate_start(c);
	if (err)
		return err;
	stored = len < SMALL ? 0 : deflate_cuts(c, raw, len);
	if (stored && stored < len) {
		b->head.flags |= CODEC_ZLIB;
	} else {
		stored = len;
		memcpy(c->out.p + MP_BLOCK_HEAD, raw, len);
	}
	b->head.stored_len = (uint32_t)stored;
	b->head.raw_len = (uint32_t)len;
	b->head.crc = crc_of(c->out.p + MP_BLOCK_HEAD, stored);
	b->bytes = c->out.p;
	b->len = MP_BLOCK_HEAD + stored;
	return 0;
}

/* Sets type, flags and times after what the events are. */
static void describe(struct mp_block_head *h, const struct mp_event *ev, size_t n)
{
	bool meta = true, dict = true;
	size_t i;

	h->t_first = h->t_last = ev[0].ts;
	for (i = 0; i < n; i++) {
		unsigned type = ev[i].type;

		dict &= type == MP_EV_STR;
		meta &= type == MP_EV_STR || type == MP_EV_META || type == MP_EV_PROBE;
		if (type == MP_EV_LOSS)
			h->flags |= MP_BLKF_LOSS_BEFORE;
		h->t_first = ev[i].ts < h->t_first ? ev[i].ts : h->t_first;
		h->t_last = ev[i].ts > h->t_last ? ev[i].ts : h->t_last;
	}
	h->type = dict ? MP_BLK_DICT : meta ? MP_BLK_META : MP_BLK_EVENTS;
	if (h->type == MP_BLK_META)
		h->flags |= MP_BLKF_REQUIRED;
	h->count = (uint32_t)n;
}

int mp_block_pack(struct mp_codec *c, const struct mp_event *ev, size_t n, unsigned flags,
		  struct mp_block *b)
{
	const uint8_t *raw;
	size_t len;
	int err;

	err = mp_codec_encode(c, ev, n, &raw, &len);
	if (err)
		return err;
	memset(b, 0, sizeof(*b));
	b->head.flags = (uint16_t)flags;
	describe(&b->head, ev, n);
	return pack(c, raw, len, b);
}

int mp_block_pack_raw(struct mp_codec *c, unsigned type, unsigned flags, const uint8_t *raw,
		      size_t len, uint32_t count, struct mp_block *b)
{
	memset(b, 0, sizeof(*b));
	b->head.type = (uint16_t)type;
	b->head.flags = (uint16_t)flags;
	b->head.count = count;
	c->n_cuts = 0;
	return pack(c, raw, len, b);
}

void mp_block_seal(struct mp_block *b, uint32_t seq)
{
	b->head.seq = seq;
	mp_block_head_put(b->bytes, &b->head);
}

/* --- unpacking ----------------------------------------------------------- */

int mp_block_inflate(struct mp_codec *c, const struct mp_block_head *h, const uint8_t *stored,
		     const uint8_t **raw)
{
	z_stream *z = &c->inflate;

	if (h->stored_len > MP_BLOCK_MAX || h->raw_len > MP_BLOCK_MAX ||
	    crc_of(stored, h->stored_len) != h->crc)
		return -EBADMSG;
	if (!(h->flags & MP_BLKF_CODEC)) {
		*raw = stored;
		return h->stored_len == h->raw_len ? 0 : -EBADMSG;
	}
	if ((h->flags & MP_BLKF_CODEC) != CODEC_ZLIB)
		return -EBADMSG;
	c->plain.n = 0;
	if (mp_buf_room(&c->plain, (size_t)h->raw_len + 1) < 0)
		return -ENOMEM;
	if (c->inflate_ok ? inflateReset(z) != Z_OK : inflateInit(z) != Z_OK)
		return -ENOMEM;
	c->inflate_ok = true;
	z->next_in = (Bytef *)stored;
	z->avail_in = h->stored_len;
	z->next_out = c->plain.p;
	z->avail_out = h->raw_len;
	if (inflate(z, Z_FINISH) != Z_STREAM_END || z->avail_out || z->avail_in)
		return -EBADMSG;
	*raw = c->plain.p;
	return 0;
}

int mp_block_unpack(struct mp_codec *c, const struct mp_block_head *h, const uint8_t *stored,
		    const struct mp_event **ev, size_t *n)
{
	const uint8_t *raw;
	int err;

	/* Equal events take next to no bytes: a small file must not hold billions. */
	if (h->count > FULL_BLOCK && h->count / 8 > h->stored_len)
		return -EBADMSG;
	err = mp_block_inflate(c, h, stored, &raw);
	if (err)
		return err;
	return mp_codec_decode(c, raw, h->raw_len, h->count, ev, n);
}
