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

struct mp_reader;

enum mp_rec_state {
	MP_REC_CLEAN = 0,     /* closed by its writer, nothing missing     */
	MP_REC_TRUNCATED = 1, /* ends without END: killed, full disk, copy */
	MP_REC_DAMAGED = 2,   /* blocks in it are missing or unreadable    */
};

struct mp_rec_info {
	enum mp_rec_state state;    /* final once mp_reader_next() returned 0  */
	bool ended;		    /* END was seen                            */
	uint64_t bytes;		    /* of the file                             */
	uint64_t blocks;	    /* whole ones, read or skipped as keyframe */
	uint64_t bad_blocks;	    /* unreadable or missing                   */
	uint64_t events;	    /* given out, keyframes not counted        */
	uint64_t first_ts, last_ts; /* ns, of events given out; 0 = none    */
	uint64_t unwritten;	    /* events the writer says it could not write */
};

/* A block by its header alone. */
struct mp_index_entry {
	uint64_t offset; /* of the header, bytes */
	struct mp_block_head head;
};

/*
 * -ENODATA: the file is empty. -EBADMSG: not a recording. -EPROTONOSUPPORT: made
 * by a newer major version. -ESPIPE: not a regular file. Else open(2)'s.
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
const char *mp_rec_state_name(enum mp_rec_state s);

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

#endif /* MEMPROF_READER_H */
