/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * encoder.h - a stream of events to a stream of blocks.
 *
 * Owns: the events that wait for their block, when a block is full, when a
 * keyframe is due, and what META repeats. Must not: know where blocks go (a file,
 * a ring in memory: that is the sink's).
 */
#ifndef MEMPROF_ENCODER_H
#define MEMPROF_ENCODER_H

#include "user/rec/codec.h"

struct mp_model;
struct mp_encoder;
struct mp_subset;

/* Takes a finished block, not yet sealed; its bytes are gone after the call. */
typedef int mp_block_sink(void *ctx, struct mp_block *b);

struct mp_encoder *mp_encoder_new(mp_block_sink *sink, void *ctx);
void mp_encoder_free(struct mp_encoder *e);

/* Of some processes: the events appended went through s, and keyframes and summaries, whose
 * model is that of all, are made through it. Before the first event; s lives as long as e. */
void mp_encoder_subset(struct mp_encoder *e, struct mp_subset *s);
/* None from here on: for a stream whose model will be another one. */
void mp_encoder_no_summaries(struct mp_encoder *e);

/*
 * The first error of the sink comes back; the events of a block that it did not
 * take are gone. -EINVAL: an event of unknown type, nothing of the call was taken.
 */
int mp_encoder_append(struct mp_encoder *e, const struct mp_event *ev, size_t n);
int mp_encoder_flush(struct mp_encoder *e);
/*
 * Makes a keyframe of m if one is due or forced, behind what is waiting, and behind it
 * the summaries up to it (user/model/tiers.h). Without one, a block of summaries if
 * there are enough of them.
 */
int mp_encoder_keyframe(struct mp_encoder *e, const struct mp_model *m, bool force);
/*
 * From here on a keyframe is due, too, when the last one is `ns` old (5 s at least), however few
 * events followed it, and took `bytes` at most. ns 0: events alone decide.
 */
void mp_encoder_every(struct mp_encoder *e, uint64_t ns, uint64_t bytes);
/*
 * The end: what is waiting, and a keyframe where the last one is so far back that who
 * opens the file to see its end would have to wait.
 */
int mp_encoder_finish(struct mp_encoder *e, const struct mp_model *m);
/* Makes the block that repeats META, if there is anything to repeat, for a sink
 * of the caller's. */
int mp_encoder_meta(struct mp_encoder *e, mp_block_sink *to, void *ctx);

/* A META event for all META blocks from here on, that is not in the stream: a fact about
 * the file. It takes the place of one with the same key. */
void mp_encoder_fact(struct mp_encoder *e, const struct mp_event *ev);

/* The events that wait for their block. They will be one block. */
const struct mp_event *mp_encoder_pending(const struct mp_encoder *e, size_t *n);
/* The codec, for decoding: encoding does not touch what it decoded. */
struct mp_codec *mp_encoder_codec(struct mp_encoder *e);

#endif /* MEMPROF_ENCODER_H */
