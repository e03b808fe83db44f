/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * reader.h - a recording being read, whatever state it is in.
 *
 * Owns: the descriptor and the position. Must not: trust a length, map the
 * file, fold events or print. Everything that is whole comes back; what is not
 * is skipped and counted.
 */
#ifndef MEMPROF_READER_H
#define MEMPROF_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/events.h"
#include "user/rec/codec.h"
#include "user/rec/sequence.h"

struct mp_reader;

/* A block by its header alone. */
struct mp_index_entry {
	uint64_t offset; /* of the header, bytes */
	struct mp_block_head head;
};

/*
 * -ENODATA: the file is empty. -EBADMSG: not a recording. -EPROTONOSUPPORT: made
 * by a newer major version. No regular file: -EISDIR, -ENODEV (a device), -ESPIPE. Else
 * open(2)'s.
 */
int mp_reader_open(const char *path, struct mp_reader **out);
/* Takes the descriptor over; closes it with the reader, not on failure. */
int mp_reader_open_fd(int fd, struct mp_reader **out);
void mp_reader_close(struct mp_reader *r);
/* A sentence about an error of mp_reader_open() or mp_reader_next(). */
const char *mp_reader_strerror(int err);

/*
 * The next batch of events in stream order: 1, or 0 at the end, or -EIO, -ENOMEM,
 * -EPROTO (a block that this version must understand and does not). *ev belongs
 * to the reader until its next call.
 *
 * Damage is given as an MP_EV_LOSS event of cause MP_LOSS_DAMAGED where blocks
 * are missing. A keyframe is skipped while all before it was read. After damage
 * it is given out, in one or more batches with *keyframe set, from
 * MP_EV_KEYFRAME/BEGIN to END: fold it into an empty model to be right again.
 */
int mp_reader_next(struct mp_reader *r, const struct mp_event **ev, size_t *n, bool *keyframe);

void mp_reader_info(const struct mp_reader *r, struct mp_rec_info *info);

/*
 * All whole blocks by their headers, without decompressing any: from INDEX when
 * the file was closed well, else by hopping. The array belongs to the reader.
 */
int mp_reader_index(struct mp_reader *r, const struct mp_index_entry **e, size_t *n);
/*
 * A block of the index as stored, its checksum tested: to be unpacked, or copied
 * into another recording. -EBADMSG: unreadable. Does not move mp_reader_next().
 * b->bytes belongs to the reader until its next call.
 */
int mp_reader_fetch(struct mp_reader *r, const struct mp_index_entry *e, struct mp_block *b);

/* A block of the index will be fetched: slow storage may begin to read it. */
void mp_reader_soon(struct mp_reader *r, const struct mp_index_entry *e);

/*
 * Reads on at the i-th block of the index, as if all blocks before it had been read and
 * were as their headers say: mp_reader_info() counts them, and what is missing between
 * them. For who has got the state there from a keyframe. Only before the first
 * mp_reader_next(). -EPROTO, -EBADMSG (no such block, END before it): nothing was moved.
 */
int mp_reader_jump(struct mp_reader *r, size_t i);

#endif /* MEMPROF_READER_H */
