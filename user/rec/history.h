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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/events.h"

struct mp_model;
struct mp_timeline;
struct mp_reader;
struct mp_block;
struct mp_held_list;
struct mp_history;

#define MP_HISTORY_LIMIT (64ull << 20) /* bytes, the usual bound */

/* An empty ring of at most `limit` bytes of blocks; 0 = MP_HISTORY_LIMIT. */
int mp_history_new(uint64_t limit, struct mp_history **out);
/* For a ring of events that nobody vouches for: states of the past are made under limits, too
 * (mp_model_limit()). */
void mp_history_doubt(struct mp_history *h);
/*
 * A ring drops what is older than `ns`, too, from keyframe to keyframe, so that it holds up to a
 * quarter more (and 5 s at least): for that it makes keyframes as often, unless one takes more
 * than an eighth of its bytes. By the time of the events: without new ones nothing gets older.
 * 0: bytes alone bound it, as at first.
 */
void mp_history_keep(struct mp_history *h, uint64_t ns);
/* The history of a recording. The reader must live as long; mp_reader_next() is
 * not moved, but what it gave last is gone after a call here. */
int mp_history_from_reader(struct mp_reader *r, struct mp_history **out);
void mp_history_free(struct mp_history *h);

/*
 * Every block that the ring seals goes to this sink too (mp_writer_sink()), so that a live
 * session that is also recorded encodes once. NULL ends it. What is waiting for its block
 * is sealed first; the sink gets the ring's blocks from here on, the first of them a
 * keyframe unless nothing came before.
 */
int mp_history_tee(struct mp_history *h, int (*sink)(void *ctx, struct mp_block *b), void *ctx);
/*
 * Seals what is waiting, then makes META and a keyframe of m now, due or not: a file that
 * begins here is whole. m must hold every event appended and no other.
 */
int mp_history_key(struct mp_history *h, const struct mp_model *m);
/* A META event for the META blocks from here on, in no stream: a fact about the file. */
void mp_history_fact(struct mp_history *h, const struct mp_event *e);

/*
 * Adds events that have just been folded into m. Makes a keyframe from m when
 * one is due, and drops the oldest segments (a keyframe and what follows it)
 * beyond the limit and the time; the newest is kept whatever its size. Only for a ring, else
 * -EINVAL.
 */
int mp_history_append(struct mp_history *h, const struct mp_model *m, const struct mp_event *ev,
		      size_t n);
/* Before the tee is ended for good: what a recording needs to show its end at once. */
int mp_history_finish(struct mp_history *h, const struct mp_model *m);
/* Seals what is waiting for its block: for the tee, once a second. */
int mp_history_flush(struct mp_history *h);

/*
 * The state when all events up to ts, and none later, had happened; clamped to
 * what is held. NULL when nothing is held or memory is out. It belongs to the
 * history until its next call. Going forward in small steps is cheap.
 */
const struct mp_model *mp_history_at(struct mp_history *h, uint64_t ts);
/*
 * The same in slices of at most `blocks` blocks (of at most 8192 events): 1 when *m is
 * the state at ts, 0 when more calls are needed, or -errno.
 */
int mp_history_toward(struct mp_history *h, uint64_t ts, size_t blocks, const struct mp_model **m);
/*
 * The state at ts to keep: 1 when it is there, *m is then the caller's to free; 0 when more
 * calls are needed, or -errno; *m is NULL then. What mp_history_at() gave stays as it is.
 */
int mp_history_take(struct mp_history *h, uint64_t ts, size_t blocks, struct mp_model **m);
/*
 * The timeline of [t0, t1) of process pid (0: the first), in points as fine as there can be, if
 * possible not wider than `width` ns; in slices too: 1 when it is whole, 0 when *tl
 * holds only its beginning yet, or -errno. *tl may begin earlier and end later; NULL:
 * nothing yet. It belongs to the history until the next call of this function.
 */
int mp_history_window(struct mp_history *h, uint32_t pid, uint64_t t0, uint64_t t1, uint64_t width,
		      size_t blocks, const struct mp_timeline **tl);
/*
 * Hands the events of [t0, t1) to fn in the order of the stream, those of keyframes left
 * out, until it says non-zero. Returns that, 0, or -errno (-ENODATA: a ring has dropped
 * them, or there are none). A block is read at once, so the cost is that of the blocks that
 * overlap the time; the last one stays. The event is gone after fn.
 */
int mp_history_events(struct mp_history *h, uint64_t t0, uint64_t t1,
		      int (*fn)(void *arg, const struct mp_event *e), void *arg);

/* A place between two events of the stream. */
struct mp_history_pos {
	uint64_t block;
	size_t i;
};
/* Behind the last event of the model that mp_history_take() has just given. */
void mp_history_taken(const struct mp_history *h, struct mp_history_pos *pos);
/*
 * Hands the events from there on to fn, at most max of them, keyframes left out, and moves the
 * place behind them. 1: there are more; 0: that was the last there is, and when events have been
 * added the place is before the first of these; -ENODATA: a ring has dropped what was there;
 * another -errno, or what fn returned that was not 0: *pos is at that event.
 */
int mp_history_read(struct mp_history *h, struct mp_history_pos *pos, size_t max,
		    int (*fn)(void *arg, const struct mp_event *e), void *arg);

/* First and last instant that mp_history_at() can show. -ENODATA: none. */
int mp_history_span(const struct mp_history *h, uint64_t *first, uint64_t *last);
/* A ring had that instant and has dropped it. */
bool mp_history_gone(const struct mp_history *h, uint64_t ts);
/* Bytes of blocks held. */
uint64_t mp_history_bytes(const struct mp_history *h);

/*
 * What a ring holds now, to be written (mp_held_write()) by whom and whenever it may be: no byte is
 * copied, and what the ring drops meanwhile stays until mp_held_list_free(). 0; -EINVAL for the
 * history of a recording, -ENOMEM, *l is empty then.
 */
int mp_history_hold(struct mp_history *h, struct mp_held_list *l);
/* Writes what a ring holds as a recording of its own (see mp_writer_open). */
int mp_history_save(struct mp_history *h, const char *path);

#endif /* MEMPROF_HISTORY_H */
