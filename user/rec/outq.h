/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * outq.h - a thread between who records and the disk: a slow disk, a full pipe, fdatasync()
 * or the saving of a ring hold up the thread and not the draining of events.
 *
 * Owns: the thread, a bounded queue of blocks, the shards behind it. Must not: encode, fold
 * or print. All functions are for one thread, the caller's; none waits for the disk but
 * mp_outq_drain() and mp_outq_close().
 *
 * When the queue is full, blocks are left out and counted; the file gets a gap in its
 * block numbers there, and the caller makes a keyframe as soon as there is room.
 */
#ifndef MEMPROF_OUTQ_H
#define MEMPROF_OUTQ_H

#include "user/rec/shards.h"

struct mp_outq;

#define MP_OUTQ_BYTES (32u << 20) /* of blocks that wait, the usual bound */

struct mp_outq_opts {
	size_t limit;	   /* bytes that may wait; 0 = MP_OUTQ_BYTES */
	uint64_t sync_ns;  /* fdatasync() as often; 0 = never        */
	uint64_t drain_ns; /* a stream that takes nothing for so long when all is to be
			    * written has failed, -ETIMEDOUT; 0 = 10 s */
	bool hand_over;	   /* what came of mp_outq_save() is no message: mp_outq_saved() */
};

struct mp_outq_info {
	struct mp_shards_info shards;
	size_t waiting; /* bytes                                              */
	uint64_t lost;	/* events left out because the queue was full         */
	uint64_t since; /* bytes taken since the last turn, keyframes left out */
	uint64_t key;	/* bytes of the last keyframe                         */
	int err;	/* the output broke: -errno, 0 = it did not           */
	bool wants_key; /* blocks were left out, and there is room again      */
	bool removed;	/* the current file has lost its name: turn. Where its folder is gone, too,
			 * that fails, and is asked for once a second */
};

/* Takes the shards over, on success. The thread starts with the first block. */
int mp_outq_new(struct mp_shards *s, const struct mp_outq_opts *o, struct mp_outq **out);

/* A mp_block_sink; ctx is the queue. A block is copied. 0, -ENOMEM, or once what broke. */
int mp_outq_sink(void *ctx, struct mp_block *b);
/* After what is queued: the next file (mp_shards_turn()). What follows begins with META
 * and a keyframe. */
int mp_outq_turn(struct mp_outq *q);
/* After what is queued: mp_shards_save() with a copy of the n events. The outcome comes as
 * a message that begins with `what`, or with hand_over under `id`. */
int mp_outq_save(struct mp_outq *q, uint64_t id, const char *what, const struct mp_event *ev,
		 size_t n);

/* With hand_over: what came of the save of *id. False: nothing yet, or it was told. The path is
 * the file's when *err is 0, and the caller's. A save that is over before this was asked takes its
 * place, and the file of the one before is removed: saves end in the order they were asked for. */
bool mp_outq_saved(struct mp_outq *q, uint64_t *id, char path[MP_SHARD_PATH], int *err);

void mp_outq_info(struct mp_outq *q, struct mp_outq_info *info);
/* The next sentence that the user should read. False: there is none. */
bool mp_outq_message(struct mp_outq *q, char *buf, size_t size);
/* Waits until all that is queued has been written, or the output broke. From here on a
 * stream whose reader does not read breaks. */
void mp_outq_drain(struct mp_outq *q);

/*
 * Drains, ends the thread and mp_shards_close()s with the n events (copied). Frees.
 * The first error, or 0. *info (may be NULL): what was left.
 */
int mp_outq_close(struct mp_outq *q, const struct mp_event *ev, size_t n,
		  struct mp_shards_info *info);

/* For mp_outq_close(): see mp_shards_apart(). */
void mp_outq_apart(struct mp_outq *q);

/* Ends the thread, mp_shards_discard()s and frees. */
void mp_outq_discard(struct mp_outq *q);

#endif /* MEMPROF_OUTQ_H */
