/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * reader.c - from the bytes of a file, good or bad, to batches of events.
 */
#include "user/rec/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/rec/column.h"
#include "user/util/util.h"

#define SEARCH (64 << 10) /* bytes looked at at once for the next block */

struct mp_reader {
	int fd;
	uint64_t off; /* of the next block                                 */
	struct mp_codec *codec;
	struct mp_buf block; /* header and stored payload                         */
	uint32_t seq;	     /* expected                                          */
	bool hole;	     /* bytes were passed over that were no block         */
	bool gap;	     /* events are missing since the last keyframe        */
	bool in_key;	     /* giving out a keyframe of several blocks           */
	bool begun;	     /* a block of events was given out                   */
	bool done;
	struct mp_event loss;
	struct mp_rec_info info;

	struct mp_index_entry *index;
	size_t n_index, index_cap;
	bool indexed;
};

/* --- bytes --------------------------------------------------------------- */

/* Exactly n bytes at off: 0, -EIO, or -ENODATA when the file ends first. */
static int read_at(const struct mp_reader *r, uint64_t off, uint8_t *p, size_t n)
{
	while (n) {
		ssize_t k = pread(r->fd, p, n, (off_t)off);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return k < 0 ? -EIO : -ENODATA;
		p += k;
		off += (uint64_t)k;
		n -= (size_t)k;
	}
	return 0;
}

/* The header at off. -ENODATA: it, or its payload, is cut off by the file's end;
 * -EBADMSG: there is none. */
static int read_head(const struct mp_reader *r, uint64_t off, struct mp_block_head *h)
{
	uint8_t raw[MP_BLOCK_HEAD];
	int err;

	if (off > r->info.bytes || r->info.bytes - off < MP_BLOCK_HEAD)
		return -ENODATA;
	err = read_at(r, off, raw, sizeof(raw));
	if (!err)
		err = mp_block_head_get(h, raw);
	if (!err && h->stored_len > r->info.bytes - off - MP_BLOCK_HEAD)
		err = -ENODATA;
	return err;
}

/* The payload of the block at off, behind room for its header. */
static int read_payload(struct mp_reader *r, uint64_t off, const struct mp_block_head *h)
{
	r->block.n = 0;
	if (mp_buf_room(&r->block, MP_BLOCK_HEAD + (size_t)h->stored_len) < 0)
		return -ENOMEM;
	return read_at(r, off + MP_BLOCK_HEAD, r->block.p + MP_BLOCK_HEAD, h->stored_len);
}

/* The next offset >= off with a sound header, or the file's size. */
static int find_block(struct mp_reader *r, uint64_t off, uint64_t *found)
{
	static const uint8_t magic[4] = { 'M', 'P', 'B', 1 };
	struct mp_block_head h;
	uint8_t *p, *hit;
	int err;

	r->block.n = 0;
	if (mp_buf_room(&r->block, SEARCH) < 0)
		return -ENOMEM;
	while (off < r->info.bytes && r->info.bytes - off >= MP_BLOCK_HEAD) {
		uint64_t left = r->info.bytes - off;
		size_t n = left < SEARCH ? (size_t)left : SEARCH;

		err = read_at(r, off, r->block.p, n);
		if (err)
			return err;
		p = r->block.p;
		while ((hit = memmem(p, n - (size_t)(p - r->block.p), magic, sizeof(magic)))) {
			size_t at = (size_t)(hit - r->block.p);

			if (n - at < MP_BLOCK_HEAD)
				break;
			if (!mp_block_head_get(&h, hit)) {
				*found = off + at;
				return 0;
			}
			p = hit + 1;
		}
		off += n - (MP_BLOCK_HEAD - 1);
	}
	*found = r->info.bytes;
	return 0;
}

/* --- opening ------------------------------------------------------------- */

/* A damaged preamble is forgiven when a sound block follows it. */
static int check_preamble(struct mp_reader *r)
{
	uint8_t want[MP_FILE_HEAD], have[MP_FILE_HEAD];
	struct mp_block_head h;
	size_t n = r->info.bytes < MP_FILE_HEAD ? (size_t)r->info.bytes : MP_FILE_HEAD;
	int err;

	if (!n)
		return -ENODATA;
	err = read_at(r, 0, have, n);
	if (err)
		return err;
	if (n < MP_FILE_HEAD) {
		mp_file_head_put(want);
		return memcmp(have, want, n < 10 ? n : 10) == 0 ? 0 : -EBADMSG;
	}
	err = mp_file_head_get(have);
	if (err == -EBADMSG && read_head(r, MP_FILE_HEAD, &h) == 0) {
		r->info.bad_blocks++;
		err = 0;
	}
	return err;
}

int mp_reader_open_fd(int fd, struct mp_reader **out)
{
	struct mp_reader *r;
	struct stat st;
	int err;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ESPIPE;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->fd = fd;
	r->off = MP_FILE_HEAD;
	r->info.bytes = (uint64_t)st.st_size;
	r->codec = mp_codec_new();
	err = r->codec ? check_preamble(r) : -ENOMEM;
	if (err) {
		r->fd = -1;
		mp_reader_close(r);
		return err;
	}
	*out = r;
	return 0;
}

int mp_reader_open(const char *path, struct mp_reader **out)
{
	int fd, err;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	err = mp_reader_open_fd(fd, out);
	if (err)
		close(fd);
	return err;
}

void mp_reader_close(struct mp_reader *r)
{
	if (!r)
		return;
	if (r->fd >= 0)
		close(r->fd);
	mp_codec_free(r->codec);
	free(r->block.p);
	free(r->index);
	free(r);
}

const char *mp_reader_strerror(int err)
{
	switch (err) {
	case -ENODATA:
		return "the file is empty";
	case -EBADMSG:
		return "this is not a memprof recording";
	case -EPROTONOSUPPORT:
		return "the recording was made by a newer memprof with another major format";
	case -EPROTO:
		return "the recording has a block that only a newer memprof understands";
	case -ESPIPE:
		return "a recording is read from a regular file, not from a pipe or device";
	default:
		return strerror(err < 0 ? -err : err);
	}
}

const char *mp_rec_state_name(enum mp_rec_state s)
{
	static const char *const name[] = { "clean", "truncated", "damaged" };

	return (unsigned)s < 3 ? name[s] : "?";
}

void mp_reader_info(const struct mp_reader *r, struct mp_rec_info *info)
{
	*info = r->info;
	info->state = info->bad_blocks ? MP_REC_DAMAGED
		      : info->ended    ? MP_REC_CLEAN
				       : MP_REC_TRUNCATED;
}

/* --- batches ------------------------------------------------------------- */

static int give(struct mp_reader *r, const struct mp_event *ev, size_t n, bool keyframe)
{
	size_t i;

	if (keyframe)
		return 1;
	r->info.events += n;
	for (i = 0; i < n; i++) {
		if (!r->info.first_ts || ev[i].ts < r->info.first_ts)
			r->info.first_ts = ev[i].ts;
		if (ev[i].ts > r->info.last_ts)
			r->info.last_ts = ev[i].ts;
	}
	return 1;
}

/* Damage, as an event: `blocks` blocks with at least `events` events. */
static int give_loss(struct mp_reader *r, uint32_t blocks, uint32_t events,
		     const struct mp_event **ev, size_t *n)
{
	memset(&r->loss, 0, sizeof(r->loss));
	r->loss.ts = r->info.last_ts;
	r->loss.type = MP_EV_LOSS;
	r->loss.sub = MP_LOSS_DAMAGED;
	r->loss.x = events;
	r->info.bad_blocks += blocks;
	r->gap = true;
	r->in_key = false;
	*ev = &r->loss;
	*n = 1;
	return 1;
}

/* Whether this block of events is to be given out: all are but keyframes and
 * repeats that tell nothing new. */
static bool wanted(struct mp_reader *r, const struct mp_block_head *h)
{
	if (!(h->flags & MP_BLKF_KEYFRAME)) {
		r->in_key = false;
		return true;
	}
	if (h->type != MP_BLK_EVENTS)
		return r->gap || !r->begun;
	if (h->flags & MP_BLKF_CONT)
		return r->in_key;
	r->in_key = r->gap || !r->begun;
	r->gap = false;
	return r->in_key;
}

static int give_block(struct mp_reader *r, uint64_t off, const struct mp_block_head *h,
		      const struct mp_event **ev, size_t *n, bool *keyframe)
{
	int err;

	r->info.blocks++;
	if (!wanted(r, h))
		return 0;
	err = read_payload(r, off, h);
	if (!err)
		err = mp_block_unpack(r->codec, h, r->block.p + MP_BLOCK_HEAD, ev, n);
	if (err == -EBADMSG) {
		r->info.blocks--;
		return give_loss(r, 1, h->count, ev, n);
	}
	if (err)
		return err;
	*keyframe = r->in_key;
	r->begun |= h->type == MP_BLK_EVENTS;
	return *n ? give(r, *ev, *n, *keyframe) : 0;
}

static int take_end(struct mp_reader *r, uint64_t off, const struct mp_block_head *h)
{
	struct mp_block_end end;
	const uint8_t *raw;
	int err = read_payload(r, off, h);

	if (!err)
		err = mp_block_inflate(r->codec, h, r->block.p + MP_BLOCK_HEAD, &raw);
	if (!err)
		err = mp_block_end_get(&end, raw, h->raw_len);
	if (err)
		return err;
	r->info.ended = true;
	r->info.unwritten = end.lost;
	return 0;
}

/* One whole block in its place: 1 with a batch, 0 to go on, or an error. */
static int take_block(struct mp_reader *r, uint64_t off, const struct mp_block_head *h,
		      const struct mp_event **ev, size_t *n, bool *keyframe)
{
	int err;

	switch (h->type) {
	case MP_BLK_META:
	case MP_BLK_DICT:
	case MP_BLK_EVENTS:
		return give_block(r, off, h, ev, n, keyframe);
	case MP_BLK_END:
		err = take_end(r, off, h);
		if (err == -EBADMSG)
			return give_loss(r, 1, 0, ev, n);
		break;
	default:
		if (h->type != MP_BLK_INDEX && h->flags & MP_BLKF_REQUIRED)
			return -EPROTO;
		err = 0;
	}
	r->info.blocks++;
	return err;
}

/* Nothing more can be read. Damage at the very end is still to be told. */
static int finish(struct mp_reader *r, const struct mp_event **ev, size_t *n)
{
	r->done = true;
	return r->hole ? give_loss(r, 1, 1, ev, n) : 0;
}

/* One step: 1 with a batch, 0 to go on (or at the end: r->done), or an error. */
static int step(struct mp_reader *r, const struct mp_event **ev, size_t *n, bool *keyframe)
{
	struct mp_block_head h;
	uint64_t off = r->off;
	int err = read_head(r, off, &h);

	if (err == -ENODATA || (r->info.ended && off < r->info.bytes)) {
		r->hole |= r->info.ended && off < r->info.bytes;
		return finish(r, ev, n);
	}
	if (err == -EBADMSG) {
		r->hole = true;
		return find_block(r, off + 1, &r->off);
	}
	if (err)
		return err;
	if (h.seq != r->seq || r->hole) {
		uint32_t missing = h.seq > r->seq ? h.seq - r->seq : 1;

		r->seq = h.seq;
		r->hole = false;
		return give_loss(r, missing, missing, ev, n);
	}
	r->off = off + MP_BLOCK_HEAD + h.stored_len;
	r->seq++;
	return take_block(r, off, &h, ev, n, keyframe);
}

int mp_reader_next(struct mp_reader *r, const struct mp_event **ev, size_t *n, bool *keyframe)
{
	const struct mp_event *out = NULL;
	bool key = false;
	size_t count = 0;
	int res = 0;

	while (!r->done && !res)
		res = step(r, &out, &count, &key);
	if (res < 0)
		r->done = true;
	if (res <= 0)
		return res;
	*ev = out;
	*n = count;
	*keyframe = key;
	return 1;
}

/* --- the index ----------------------------------------------------------- */

static int add_entry(struct mp_reader *r, uint64_t off, const struct mp_block_head *h)
{
	int err = mp_grow(&r->index, &r->index_cap, r->n_index + 1, sizeof(*r->index));

	if (err)
		return err;
	r->index[r->n_index].offset = off;
	r->index[r->n_index++].head = *h;
	return 0;
}

static int index_by_hopping(struct mp_reader *r)
{
	uint64_t off = MP_FILE_HEAD;
	struct mp_block_head h;
	int err;

	r->n_index = 0;
	while ((err = read_head(r, off, &h)) != -ENODATA) {
		if (err == -EBADMSG) {
			err = find_block(r, off + 1, &off);
			if (err)
				return err;
			continue;
		}
		if (!err)
			err = add_entry(r, off, &h);
		if (err)
			return err;
		off += MP_BLOCK_HEAD + h.stored_len;
	}
	return 0;
}

/* The payload of the block at off, if it is of this type. */
static int read_raw(struct mp_reader *r, uint64_t off, unsigned type, struct mp_block_head *h,
		    const uint8_t **raw)
{
	int err = read_head(r, off, h);

	if (!err && h->type != type)
		err = -EBADMSG;
	if (!err)
		err = read_payload(r, off, h);
	if (!err)
		err = mp_block_inflate(r->codec, h, r->block.p + MP_BLOCK_HEAD, raw);
	return err;
}

/* INDEX holds the headers of all blocks before it, and END is the last block. */
static int index_from_end(struct mp_reader *r)
{
	uint64_t off = MP_FILE_HEAD, end_off;
	struct mp_block_head h, b;
	struct mp_block_end end = { 0 };
	const uint8_t *raw;
	size_t i;
	int err;

	if (r->info.bytes < MP_FILE_HEAD + MP_BLOCK_HEAD + MP_BLOCK_END_LEN)
		return -EBADMSG;
	end_off = r->info.bytes - MP_BLOCK_HEAD - MP_BLOCK_END_LEN;
	err = read_raw(r, end_off, MP_BLK_END, &h, &raw);
	if (!err)
		err = mp_block_end_get(&end, raw, h.raw_len);
	if (!err)
		err = read_raw(r, end.index_off, MP_BLK_INDEX, &h, &raw);
	for (i = 0; !err && i + MP_BLOCK_HEAD <= h.raw_len; i += MP_BLOCK_HEAD) {
		err = mp_block_head_get(&b, raw + i);
		if (err)
			break;
		err = off < end_off ? add_entry(r, off, &b) : -EBADMSG;
		off += MP_BLOCK_HEAD + (uint64_t)b.stored_len;
	}
	return err ? err : off == end.index_off ? 0 : -EBADMSG;
}

int mp_reader_index(struct mp_reader *r, const struct mp_index_entry **e, size_t *n)
{
	int err = 0;

	if (!r->indexed) {
		r->n_index = 0;
		err = index_from_end(r);
		if (err == -EBADMSG || err == -ENODATA)
			err = index_by_hopping(r);
	}
	if (err)
		return err;
	r->indexed = true;
	*e = r->index;
	*n = r->n_index;
	return 0;
}

int mp_reader_fetch(struct mp_reader *r, const struct mp_index_entry *e, struct mp_block *b)
{
	struct mp_block_head h;
	int err = read_head(r, e->offset, &h);

	if (!err && (h.seq != e->head.seq || h.crc != e->head.crc))
		err = -EBADMSG;
	if (!err)
		err = read_payload(r, e->offset, &h);
	if (err)
		return err == -ENODATA ? -EBADMSG : err;
	b->head = h;
	b->bytes = r->block.p;
	b->len = MP_BLOCK_HEAD + h.stored_len;
	return 0;
}
