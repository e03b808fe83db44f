/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sequence.h - blocks one after the other, good or bad, to batches of events: what a reader
 * of files and one of streams do alike.
 *
 * Owns: which number comes next, what is missing, which keyframes are given out, the figures
 * about it. Must not: know where bytes come from or look for blocks among them.
 */
#ifndef MEMPROF_SEQUENCE_H
#define MEMPROF_SEQUENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/events.h"
#include "user/rec/codec.h"

enum mp_rec_state {
	MP_REC_CLEAN = 0,     /* closed by its writer, nothing missing     */
	MP_REC_TRUNCATED = 1, /* ends without END: killed, full disk, copy */
	MP_REC_DAMAGED = 2,   /* blocks in it are missing or unreadable    */
};

struct mp_rec_info {
	enum mp_rec_state state;    /* final once all was read                 */
	bool ended;		    /* END was seen                            */
	uint64_t bytes;		    /* of the file, or of the stream so far    */
	uint64_t blocks;	    /* whole ones, read or skipped as keyframe */
	uint64_t bad_blocks;	    /* unreadable or missing                   */
	uint64_t events;	    /* given out, keyframes not counted        */
	uint64_t first_ts, last_ts; /* ns, of events given out; 0 = none    */
	uint64_t unwritten;	    /* events the writer says it could not write */
};

/* All zero to begin with, but for the codec, which stays the caller's. */
struct mp_sequence {
	struct mp_codec *codec;
	uint32_t seq; /* expected                                          */
	bool hole;    /* bytes were passed over that were no block         */
	bool gap;     /* events are missing since the last keyframe        */
	bool in_key;  /* giving out a keyframe of several blocks           */
	bool begun;   /* a block of events was given out                   */
	struct mp_event loss;
	struct mp_rec_info info;
};

/* Events in stream order; *ev belongs to the sequence, or its codec, until the next call. */
struct mp_batch {
	const struct mp_event *ev;
	size_t n;
	bool keyframe;
};

/* The stored payload of the block in turn: 0 or -errno. */
typedef int mp_payload_fn(void *ctx, const struct mp_block_head *h, const uint8_t **stored);

/* This block is the next one that was found. How many blocks are missing before it: their
 * loss is the batch, and the same block is to be given again. */
uint32_t mp_sequence_gap(struct mp_sequence *s, const struct mp_block_head *h, struct mp_batch *b);
/* The block in its place: 1 with a batch, 0 to go on, or -errno (-EPROTO: this version must
 * understand it and does not). payload is asked for only where the block is to be read. */
int mp_sequence_take(struct mp_sequence *s, const struct mp_block_head *h, mp_payload_fn *payload,
		     void *ctx, struct mp_batch *b);
/* The same of a block that is not looked into: counted as if it was as its header says. */
void mp_sequence_pass(struct mp_sequence *s, const struct mp_block_head *h);
/* Nothing more comes: 1 with what there is to tell of damage at the very end, or 0. */
int mp_sequence_finish(struct mp_sequence *s, struct mp_batch *b);

void mp_sequence_info(const struct mp_sequence *s, struct mp_rec_info *info);
const char *mp_rec_state_name(enum mp_rec_state s);

/* The first sound header in n bytes: true, and *at is its place. */
bool mp_block_find(const uint8_t *p, size_t n, size_t *at);

#endif /* MEMPROF_SEQUENCE_H */
