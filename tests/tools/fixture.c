/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fixture.c - makes recordings for tests/fixtures (see the README there).
 *
 *   fixture types FILE      three events of every type, by this version's writer
 *   fixture future FILE     what a later minor version may add: types, columns, blocks
 *   fixture required FILE   a block that a reader must know, and this one does not
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/fixtures/fixture.h"
#include "user/rec/codec.h"
#include "user/rec/column.h"
#include "user/rec/writer.h"

static int types(const char *path)
{
	struct mp_event ev[FIXTURE_EACH * MP_EV_MAX];
	size_t n = fixture_events(MP_EV_MAX, ev);
	struct mp_writer *w;

	if (mp_writer_open(path, &w))
		return 1;
	if (mp_writer_append(w, ev, n)) {
		mp_writer_free(w);
		return 1;
	}
	return mp_writer_close(w) != 0;
}

/* --- a later version, by hand ------------------------------------------------------------ */

static uint8_t room[65536];

static void put_le(struct mp_buf *b, uint64_t v, unsigned bytes)
{
	for (; bytes; bytes--, v >>= 8)
		b->p[b->n++] = (uint8_t)v;
}

/* One set: columns `ids` of n rows, row i of column c being 1 + value(c, i). */
static void put_set(struct mp_buf *b, unsigned type, const unsigned *ids, unsigned n_ids,
		    const uint64_t *values, unsigned n)
{
	uint8_t data[4096];
	struct mp_buf d = { .p = data, .cap = sizeof(data) };
	size_t at[16];
	size_t len_at, head;

	put_le(b, type, 2);
	len_at = b->n;
	put_le(b, 0, 4);
	head = b->n;
	put_le(b, n_ids, 1);
	for (unsigned c = 0; c < n_ids; c++) {
		size_t start = d.n;

		for (unsigned i = 0; i < n; i++)
			mp_put_uvarint(&d, values[c * n + i]);
		at[c] = d.n - start;
		put_le(b, ids[c], 2);
		put_le(b, MP_ENC_UVARINT, 1);
		mp_put_uvarint(b, at[c]);
	}
	memcpy(b->p + b->n, data, d.n);
	b->n += d.n;
	for (unsigned i = 0; i < 4; i++)
		b->p[len_at + i] = (uint8_t)((b->n - head) >> 8 * i);
}

/* Five events: TARGET, FAULT, one of type 200, FAULT, one of type 63. */
static void future_payload(struct mp_buf *b)
{
	static const unsigned common[] = { 1, 2, 3, 4, 77 };
	static const uint64_t values[] = {
		MP_EV_TASK, MP_EV_FAULT, 200,  MP_EV_FAULT, 63,	  /* type */
		1001,	    2001,	 3001, 4001,	    5001, /* ts + 1 */
		1,	    1,		 1,    1,	    1,	  /* mm */
		9,	    9,		 9,    9,	    9,	  /* tid */
		5,	    6,		 7,    8,	    9,	  /* of another version */
	};
	static const unsigned fault[] = { 5, 7, 16, 99 };
	static const uint64_t faults[] = { 1, 1, 1, 2, 0x10001, 0x20001, 12345, 6 };
	static const unsigned task[] = { 5, 16 };
	static const uint64_t target[] = { MP_TASK_TARGET, 10 };
	static const unsigned other[] = { 5, 300 };
	static const uint64_t others[] = { 3, 4 };

	put_le(b, 1, 1); /* tick */
	put_le(b, 5, 1); /* sets */
	put_set(b, 0, common, 5, values, 5);
	put_set(b, MP_EV_TASK, task, 2, target, 1);
	put_set(b, MP_EV_FAULT, fault, 4, faults, 2);
	put_set(b, 63, other, 2, others, 1);
	put_set(b, 200, other, 2, others, 1);
}

static int put_block(int fd, struct mp_codec *c, unsigned type, unsigned flags,
		     const struct mp_buf *p, unsigned count, uint32_t seq)
{
	struct mp_block b;

	if (mp_block_pack_raw(c, type, flags, p->p, p->n, count, &b))
		return 1;
	b.head.t_first = 1000;
	b.head.t_last = 5000;
	mp_block_seal(&b, seq);
	return write(fd, b.bytes, b.len) != (ssize_t)b.len;
}

static int future(const char *path, bool required)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	struct mp_codec *c = mp_codec_new();
	struct mp_buf b = { .p = room, .cap = sizeof(room) };
	struct mp_block_end end = { .events = 5, .t_last = 5000, .blocks = 2, .reason = 1 };
	uint8_t head[MP_FILE_HEAD];
	int err;

	if (fd < 0 || !c)
		return 1;
	mp_file_head_put(head);
	head[11] = 9; /* minor */
	err = write(fd, head, sizeof(head)) != sizeof(head);
	future_payload(&b);
	err |= put_block(fd, c, MP_BLK_EVENTS, 0, &b, 5, 0);
	err |= put_block(fd, c, 77, required ? MP_BLKF_REQUIRED : 0, &b, 5, 1);
	b.n = MP_BLOCK_END_LEN;
	mp_block_end_put(b.p, &end);
	err |= put_block(fd, c, MP_BLK_END, 0, &b, 0, 2);
	mp_codec_free(c);
	return err | close(fd);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "types"))
		return types(argv[2]);
	if (argc == 3 && (!strcmp(argv[1], "future") || !strcmp(argv[1], "required")))
		return future(argv[2], argv[1][0] == 'r');
	fprintf(stderr, "usage: fixture types|future|required FILE\n");
	return 64;
}
