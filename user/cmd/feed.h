/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * feed.h - a recording that arrives, folded as it comes: from a daemon, or from a pipe.
 *
 * Owns: the descriptor, the model, the history behind it. Must not: know protocols, draw, print.
 * What it gives is as a session's (user/live/session.h), so that views are the same.
 */
#ifndef MEMPROF_CMD_FEED_H
#define MEMPROF_CMD_FEED_H

#include "user/live/session.h"
#include "user/rec/tap.h"

struct mp_feed;
struct mp_history;

/* The descriptor is the feed's from here on, also on failure. `who` says who tells it ("the
 * daemon"), and stays the caller's; NULL: a recording that is read from a pipe, whose end is as
 * it should be. `past`: a history is kept. 0 or -ENOMEM. */
int mp_feed_new(int fd, const char *who, bool past, struct mp_feed **out);
void mp_feed_free(struct mp_feed *f);
/* The blocks go there too (tap.h). Before the first mp_feed_pump(). */
void mp_feed_tee(struct mp_feed *f, const struct mp_tap_tee *tee);

/*
 * Takes in and folds what has come, some ms of it, without waiting. 1: goes on; 0: it has
 * ended, see mp_feed_info(); -errno: it cannot be read on, see mp_reader_strerror().
 */
int mp_feed_pump(struct mp_feed *f);
/* The same until the state that it begins with is there, for 5 s at most. */
int mp_feed_start(struct mp_feed *f);
/* Until the model has come to this moment (CLOCK_MONOTONIC ns), or nothing has come for 30 s,
 * or it had been read up for so long, or somebody asks to end: waits. */
int mp_feed_until(struct mp_feed *f, uint64_t ts);
/* Until it has come to now, for 3 s at most, whoever asks to end. */
int mp_feed_settle(struct mp_feed *f);

int mp_feed_fd(const struct mp_feed *f);
const struct mp_model *mp_feed_model(const struct mp_feed *f);
struct mp_history *mp_feed_history(const struct mp_feed *f); /* NULL: none is kept */
void mp_feed_observe(struct mp_feed *f, mp_observe_fn fn, void *ctx);
void mp_feed_info(const struct mp_feed *f, struct mp_rec_info *info);
/* What is not as it should be, or NULL: that it has ended before its target, what is missing. */
const char *mp_feed_notice(struct mp_feed *f);

#endif /* MEMPROF_CMD_FEED_H */
