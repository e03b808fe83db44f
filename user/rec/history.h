/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * history.h - the state at any instant of the past: keyframe plus fold.
 *
 * Owns: a bounded ring of encoded blocks in memory (live), or the index of a
 * recording (replay), and the model of the instant last asked for. Must not:
 * change the live model, read a clock. One thread at a time.
 */
#ifndef MEMPROF_HISTORY_H
#define MEMPROF_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/events.h"

struct mp_model;
struct mp_reader;
struct mp_writer;
struct mp_history;

#define MP_HISTORY_LIMIT (64ull << 20) /* bytes, the usual bound */

/* An empty ring of at most `limit` bytes of blocks; 0 = MP_HISTORY_LIMIT. */
int mp_history_new(uint64_t limit, struct mp_history **out);
/* The history of a recording. The reader must live as long; mp_reader_next() is
 * not moved, but what it gave last is gone after a call here. */
int mp_history_from_reader(struct mp_reader *r, struct mp_history **out);
void mp_history_free(struct mp_history *h);

/*
 * Every block that the ring seals goes to this writer too, so that a live
 * session that is also recorded encodes once. NULL ends it. What is waiting for
 * its block is sealed first; the writer gets the ring's blocks from here on,
 * the first of them a keyframe unless nothing came before.
 */
int mp_history_tee(struct mp_history *h, struct mp_writer *w);

/*
 * Adds events that have just been folded into m. Makes a keyframe from m when
 * one is due, and drops the oldest segments (a keyframe and what follows it)
 * beyond the limit; the newest is kept whatever its size. Only for a ring, else
 * -EINVAL.
 */
int mp_history_append(struct mp_history *h, const struct mp_model *m, const struct mp_event *ev,
		      size_t n);
/* Seals what is waiting for its block: for the tee, once a second. */
int mp_history_flush(struct mp_history *h);

/*
 * The state when all events up to ts, and none later, had happened; clamped to
 * what is held. NULL when nothing is held or memory is out. It belongs to the
 * history until its next call. Going forward in small steps is cheap.
 */
const struct mp_model *mp_history_at(struct mp_history *h, uint64_t ts);

/* First and last instant that mp_history_at() can show. -ENODATA: none. */
int mp_history_span(const struct mp_history *h, uint64_t *first, uint64_t *last);
/* Bytes of blocks held. */
uint64_t mp_history_bytes(const struct mp_history *h);

/* Writes what a ring holds as a recording of its own (see mp_writer_open). */
int mp_history_save(struct mp_history *h, const char *path);

#endif /* MEMPROF_HISTORY_H */
