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

#define SEARCH	     (64 << 10) /* bytes looked at at once for the next block, */
#define SEARCH_FIRST 4096	/* ... and at first: mostly it is near         */

struct mp_reader {
	int fd;
	uint64_t off; /* of the next block                                 */
	struct mp_sequence seq;
	struct mp_buf block; /* header and stored payload                         */
	bool done;

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

	if (off > r->seq.info.bytes || r->seq.info.bytes - off < MP_BLOCK_HEAD)
		return -ENODATA;
	err = read_at(r, off, raw, sizeof(raw));
	if (!err)
		err = mp_block_head_get(h, raw);
	if (!err && h->stored_len > r->seq.info.bytes - off - MP_BLOCK_HEAD)
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

/* The first offset >= off that is not in a hole of the file: no block begins in one, and
 * a file of a few bytes may have holes of terabytes. */
static uint64_t skip_hole(const struct mp_reader *r, uint64_t off)
{
	off_t data = lseek(r->fd, (off_t)off, SEEK_DATA);

	if (data < 0)
		return errno == ENXIO ? r->seq.info.bytes : off;
	return (uint64_t)data;
}

/* The next offset >= off with a sound header, or the file's size. */
static int find_block(struct mp_reader *r, uint64_t off, uint64_t *found)
{
	size_t look = SEARCH_FIRST, at;
	int err;

	r->block.n = 0;
	if (mp_buf_room(&r->block, SEARCH) < 0)
		return -ENOMEM;
	while (off < r->seq.info.bytes && r->seq.info.bytes - off >= MP_BLOCK_HEAD) {
		uint64_t left = r->seq.info.bytes - off;
		size_t n = left < look ? (size_t)left : look;

		err = read_at(r, off, r->block.p, n);
		if (err)
			return err;
		if (mp_block_find(r->block.p, n, &at)) {
			*found = off + at;
			return 0;
		}
		off = skip_hole(r, off + n - (MP_BLOCK_HEAD - 1));
		look = SEARCH;
	}
	*found = r->seq.info.bytes;
	return 0;
}

/* --- opening ------------------------------------------------------------- */

/* A damaged preamble is forgiven when a sound block follows it. */
static int check_preamble(struct mp_reader *r)
{
	uint8_t have[MP_FILE_HEAD];
	struct mp_block_head h;
	uint64_t bytes = r->seq.info.bytes;
	size_t n = bytes < MP_FILE_HEAD ? (size_t)bytes : MP_FILE_HEAD;
	int err = read_at(r, 0, have, n);

	if (err)
		return err;
	err = mp_file_head_check(have, n);
	if (err == -EBADMSG && n == MP_FILE_HEAD && read_head(r, MP_FILE_HEAD, &h) == 0) {
		r->seq.info.bad_blocks++;
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
		return S_ISDIR(st.st_mode)			    ? -EISDIR
		       : S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode) ? -ENODEV
								    : -ESPIPE;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->fd = fd;
	r->off = MP_FILE_HEAD;
	r->seq.info.bytes = (uint64_t)st.st_size;
	r->seq.codec = mp_codec_new();
	err = r->seq.codec ? check_preamble(r) : -ENOMEM;
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
	mp_codec_free(r->seq.codec);
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
	case -EISDIR:
		return "this is a folder, and a recording is a file";
	case -ENODEV:
		return "this is a device, and a recording is a file";
	case -ESPIPE:
		return "this is a pipe, and here a recording is read from a regular file";
	default:
		return strerror(err < 0 ? -err : err);
	}
}

void mp_reader_info(const struct mp_reader *r, struct mp_rec_info *info)
{
	mp_sequence_info(&r->seq, info);
}

/* --- batches ------------------------------------------------------------- */

/* The block that is in turn, and where it lies. */
struct place {
	struct mp_reader *r;
	uint64_t off;
};

static int payload_at(void *ctx, const struct mp_block_head *h, const uint8_t **stored)
{
	const struct place *p = ctx;
	int err = read_payload(p->r, p->off, h);

	*stored = p->r->block.p + MP_BLOCK_HEAD;
	return err;
}

/* Nothing more can be read. Damage at the very end is still to be told. */
static int finish(struct mp_reader *r, struct mp_batch *b)
{
	r->done = true;
	return mp_sequence_finish(&r->seq, b);
}

/* One step: 1 with a batch, 0 to go on (or at the end: r->done), or an error. */
static int step(struct mp_reader *r, struct mp_batch *b)
{
	struct place here = { r, r->off };
	struct mp_block_head h;
	int err = read_head(r, r->off, &h);

	if (err == -ENODATA || (r->seq.info.ended && r->off < r->seq.info.bytes)) {
		r->seq.hole |= r->seq.info.ended && r->off < r->seq.info.bytes;
		return finish(r, b);
	}
	if (err == -EBADMSG) {
		r->seq.hole = true;
		return find_block(r, r->off + 1, &r->off);
	}
	if (err)
		return err;
	if (mp_sequence_gap(&r->seq, &h, b))
		return 1;
	r->off += MP_BLOCK_HEAD + h.stored_len;
	return mp_sequence_take(&r->seq, &h, payload_at, &here, b);
}

int mp_reader_next(struct mp_reader *r, const struct mp_event **ev, size_t *n, bool *keyframe)
{
	struct mp_batch b = { 0 };
	int res = 0;

	while (!r->done && !res)
		res = step(r, &b);
	if (res < 0)
		r->done = true;
	if (res <= 0)
		return res;
	*ev = b.ev;
	*n = b.n;
	*keyframe = b.keyframe;
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
		err = mp_block_inflate(r->seq.codec, h, r->block.p + MP_BLOCK_HEAD, raw);
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

	if (r->seq.info.bytes < MP_FILE_HEAD + MP_BLOCK_HEAD + MP_BLOCK_END_LEN)
		return -EBADMSG;
	end_off = r->seq.info.bytes - MP_BLOCK_HEAD - MP_BLOCK_END_LEN;
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

void mp_reader_soon(struct mp_reader *r, const struct mp_index_entry *e)
{
	posix_fadvise(r->fd, (off_t)e->offset, MP_BLOCK_HEAD + (off_t)e->head.stored_len,
		      POSIX_FADV_WILLNEED);
}

/* --- going on in the middle ------------------------------------------------- */

int mp_reader_jump(struct mp_reader *r, size_t i)
{
	const struct mp_index_entry *e;
	size_t n, k;
	int err = mp_reader_index(r, &e, &n);

	if (err)
		return err;
	if (i > n)
		return -EBADMSG;
	for (k = 0; k < i; k++) {
		if (e[k].head.type == MP_BLK_END)
			return -EBADMSG;
		if (e[k].head.type > MP_BLK_EVENTS && e[k].head.type != MP_BLK_INDEX &&
		    e[k].head.flags & MP_BLKF_REQUIRED)
			return -EPROTO;
	}
	for (k = 0; k < i; k++) {
		r->seq.hole = e[k].offset != r->off;
		mp_sequence_pass(&r->seq, &e[k].head);
		r->off = e[k].offset + MP_BLOCK_HEAD + e[k].head.stored_len;
	}
	return 0;
}
