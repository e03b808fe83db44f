/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * output.c - from the fold to history and recording: when blocks are sealed, when the next
 * file begins, what is saved of a ring, what becomes of errors.
 *
 * Nothing here waits for the disk but mp_session_written() and mp_session_finish(): blocks
 * go to the queue of user/rec/outq.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/live/session_int.h"
#include "user/model/tell.h"
#include "user/rec/history.h"
#include "user/rec/outq.h"
#include "user/util/util.h"

/* What a killed memprof loses: what was folded since the last seal, and what the fold is
 * behind by (two ticks). Together less than a second. */
#define SEAL_NS 800000000ULL
#define SYNC_NS 5000000000ULL
/* A ring's files: the oldest is removed as a whole, so that many are kept of each. */
#define RING_FILES 10
#define TURN_NS	   1000000000ULL /* no file is shorter: each begins with a keyframe */

static bool ring(const struct mp_session *s)
{
	return s->o.out.keep_ns || s->o.out.keep_bytes;
}

/* --- opening ------------------------------------------------------------------------------- */

static int cannot(struct mp_session *s, struct mp_diag *diag, int err, const char *taken)
{
	const char *name = err == -EEXIST && *taken ? taken : s->o.out.path;

	mp_diag_fmt(diag->what, "cannot create %.120s", name ? name : "output");
	mp_diag_fmt(diag->cause, "%s", strerror(-err));
	return mp_diag_set(diag, err, MP_EXIT_FAILURE, NULL, NULL,
			   err == -EEXIST || err == -ELOOP
				   ? "choose another file with -o: none is ever overwritten"
				   : "choose another place with -o FILE");
}

static int open_queue(struct mp_session *s, char taken[MP_SHARD_PATH])
{
	const struct mp_output_opts *o = &s->o.out;
	struct mp_shards_opts so = { .path = o->path,
				     .fd = o->fd,
				     .rotate = o->rotate_ns || o->rotate_bytes,
				     .keep_ns = o->keep_ns,
				     .keep_bytes = o->keep_bytes };
	struct mp_outq_opts qo = { .sync_ns = o->sync ? SYNC_NS : 0, .hand_over = o->hand_over };
	struct mp_shards *shards;
	int err = mp_shards_open(&so, &shards, taken);

	if (err)
		return err;
	err = mp_outq_new(shards, &qo, &s->out.q);
	if (err)
		mp_shards_discard(shards);
	return err ? err : mp_history_tee(s->history, mp_outq_sink, s->out.q);
}

int output_open(struct mp_session *s, struct mp_diag *diag)
{
	const struct mp_output_opts *o = &s->o.out;
	char taken[MP_SHARD_PATH] = "";
	int err = mp_history_new(s->o.history, &s->history);

	if (err)
		return mp_diag_set(diag, err, MP_EXIT_FAILURE, "out of memory", "", "");
	if (!o->path && o->fd < 0)
		return 0;
	s->out.shard = 1;
	s->out.turn_ts = mp_monotonic_ns();
	s->out.rotate_ns = o->rotate_ns;
	s->out.rotate_bytes = o->rotate_bytes;
	if (!o->rotate_ns && !o->rotate_bytes) {
		s->out.rotate_ns = o->keep_ns / RING_FILES;
		s->out.rotate_bytes = o->keep_bytes / RING_FILES;
	}
	err = open_queue(s, taken);
	return err ? cannot(s, diag, err, taken) : 0;
}

/* --- errors and messages --------------------------------------------------------------------- */

static void take_figures(struct mp_session *s, const struct mp_shards_info *i)
{
	s->out.written =
		(struct mp_written){ .bytes = i->bytes,
				     .events = i->events,
				     .span = i->span,
				     .files = i->files,
				     .lost = i->lost > s->out.lost ? i->lost - s->out.lost : 0 };
}

/* A full disk ends the recording, not the session. */
static void rec_error(struct mp_session *s, int err)
{
	struct mp_outq_info i = { 0 };

	if (!err || s->rec_err)
		return;
	s->rec_err = err;
	if (s->out.q) {
		mp_outq_info(s->out.q, &i);
		take_figures(s, &i.shards);
	}
	mp_diag_fmt(s->diag.what, "the recording stopped: %s",
		    err == -ETIMEDOUT ? "its end could not be written" : strerror(-err));
	if (err == -EPIPE)
		mp_diag_fmt(s->diag.cause, "its reader has gone away");
	else if (err == -ETIMEDOUT)
		mp_diag_fmt(s->diag.cause, "its reader does not read");
	else
		mp_diag_fmt(s->diag.cause,
			    "%s holds %llu bytes, %llu events; all of it is readable",
			    s->o.out.path ? s->o.out.path : "the output",
			    (unsigned long long)s->out.written.bytes,
			    (unsigned long long)s->out.written.events);
	mp_diag_set(&s->diag, err, MP_EXIT_FAILURE, NULL, NULL,
		    err == -ENOSPC ? "make room, or record elsewhere with -o" : "");
	snprintf(s->notice, sizeof(s->notice), "%.150s", s->diag.what);
}

/* The files of a ring that could not be joined are as good, only more. */
static void ring_error(struct mp_session *s, int err)
{
	char first[MP_SHARD_PATH];

	if (s->rec_err)
		return;
	s->rec_err = err;
	mp_diag_fmt(s->diag.what, "the ring could not become %.80s: %s", s->o.out.path,
		    strerror(-err));
	mp_diag_fmt(s->diag.cause, "its %u files are kept, each a recording by itself",
		    s->out.written.files);
	mp_diag_fmt(s->diag.fix, "memprof report %.180s  # the last of them",
		    mp_shards_name(s->o.out.path, s->out.shard, first));
	mp_diag_set(&s->diag, err, MP_EXIT_FAILURE, NULL, NULL, NULL);
}

bool mp_session_message(struct mp_session *s, char *buf, size_t size)
{
	if (s->out.said[0]) {
		snprintf(buf, size, "%s", s->out.said);
		s->out.said[0] = 0;
		return true;
	}
	return s->out.q && mp_outq_message(s->out.q, buf, size);
}

void output_say_clock(struct mp_session *s, const struct mp_event *e)
{
	int64_t jump = e->clock.jump;
	char set[16], slept[16];

	mp_duration(set, sizeof(set), jump < 0 ? -(uint64_t)jump : (uint64_t)jump);
	mp_duration(slept, sizeof(slept), e->clock.asleep);
	if (e->clock.asleep)
		snprintf(s->out.said, sizeof(s->out.said), "the machine slept for %s%s%s", slept,
			 jump ? "; the clock was set, too, by " : "", jump ? set : "");
	else
		snprintf(s->out.said, sizeof(s->out.said), "the clock was set %s by %s",
			 jump < 0 ? "back" : "forward", set);
}

/* --- files ------------------------------------------------------------------------------------ */

/* Events that found no room in the queue or on the disk, in the stream from here on. */
static void tell_lost(struct mp_session *s)
{
	struct mp_event e = { .ts = s->flushed, .type = MP_EV_LOSS, .sub = MP_LOSS_DISK };
	struct mp_outq_info i;

	mp_outq_info(s->out.q, &i);
	e.x = (uint32_t)(i.lost - s->out.lost);
	s->out.lost = i.lost;
	if (e.x)
		stream_push(&s->stream, &e);
}

/* The next file: what waits goes to the old one, the new one begins with all that is known. */
static int turn(struct mp_session *s)
{
	struct mp_event e = { .ts = s->horizon, .type = MP_EV_META, .sub = MP_META_SHARD };
	int err = mp_history_flush(s->history);

	tell_lost(s);
	if (!err)
		err = mp_outq_turn(s->out.q);
	s->out.turn_ts = s->horizon;
	e.meta.num = ++s->out.shard;
	if (s->o.out.rotate_ns || s->o.out.rotate_bytes)
		mp_history_fact(s->history, &e);
	return err ? err : mp_history_key(s->history, s->model);
}

static bool turn_due(const struct mp_session *s, const struct mp_outq_info *i)
{
	uint64_t age = s->horizon > s->out.turn_ts ? s->horizon - s->out.turn_ts : 0;

	if (age < TURN_NS)
		return false;
	return (s->out.rotate_bytes &&
		i->since >=
			mp_shards_turn_bytes(s->out.rotate_bytes, s->o.out.keep_bytes, i->key)) ||
	       (s->out.rotate_ns && age >= s->out.rotate_ns);
}

/* A ring that is too small for the states it must begin its files with. */
static void say_small(struct mp_session *s, uint64_t key)
{
	char keep[16], state[16];

	if (s->out.small_told || !s->o.out.keep_bytes || s->o.out.keep_bytes / 4 >= key)
		return;
	s->out.small_told = true;
	snprintf(s->out.said, sizeof(s->out.said),
		 "--keep %s is little for this process, whose state alone takes %s",
		 mp_bytes(keep, sizeof(keep), (int64_t)s->o.out.keep_bytes),
		 mp_bytes(state, sizeof(state), (int64_t)key));
}

static int tend(struct mp_session *s)
{
	struct mp_outq_info i;

	mp_outq_info(s->out.q, &i);
	if (i.err)
		return i.err;
	if (i.wants_key)
		tell_lost(s);
	say_small(s, i.key);
	if (i.removed) {
		snprintf(s->out.said, sizeof(s->out.said),
			 "%.100s was removed; recording goes on in a new file", s->o.out.path);
		return turn(s);
	}
	if (turn_due(s, &i))
		return turn(s);
	return i.wants_key ? mp_history_key(s->history, s->model) : 0;
}

int output_hand_over(struct mp_session *s)
{
	int err = 0;

	if (s->n_batch)
		err = mp_history_append(s->history, s->model, s->batch, s->n_batch);
	s->n_batch = 0;
	if (!err && s->flushed >= s->next_seal) {
		err = mp_history_flush(s->history);
		s->next_seal = s->flushed + SEAL_NS;
	}
	if (!err && s->out.q && !s->rec_err && s->model->events)
		err = tend(s);
	if (err == -ENOMEM)
		return err;
	rec_error(s, err);
	return 0;
}

/* --- saving a ring ------------------------------------------------------------------------------
 */

static int keep_last(void *ctx, const struct mp_event *e)
{
	struct output *o = ctx;
	int err = mp_grow(&o->last, &o->cap_last, o->n_last + 1, sizeof(*e));

	if (!err)
		o->last[o->n_last++] = *e;
	return err;
}

/* What a saved file begins with: why, as a string of its own and a META that names it. */
static int why_events(struct mp_session *s, uint32_t id, const char *why)
{
	struct mp_event e = { .type = MP_EV_META, .sub = MP_META_TRIGGER };
	int err;

	s->out.n_last = 0;
	err = mp_tell_str(id, why, 0, keep_last, &s->out);
	e.meta.num = id;
	e.meta.isstr = 1;
	return err ? err : keep_last(&s->out, &e);
}

int mp_session_capture(struct mp_session *s, uint64_t id, const char *why, bool last)
{
	struct mp_event e = { .ts = s->horizon, .type = MP_EV_NOTE, .sub = MP_NOTE_MEMPROF };
	char text[256]; /* one string and one line */
	uint32_t str;
	int err;

	snprintf(text, sizeof(text), "%s", why);
	str = stream_str_to(&s->stream, text, s->horizon, session_emit, s);
	e.v[0] = str;
	err = session_apply(s, &e);
	if (!err)
		err = output_hand_over(s);
	if (err || !s->out.q || s->rec_err || !str)
		return err || !s->o.out.hand_over ? err : -ENODATA;
	if (!ring(s)) {
		snprintf(s->out.said, sizeof(s->out.said), "%.100s: marked in the recording", text);
		return 0;
	}
	err = why_events(s, str, text);
	if (err)
		return err;
	if (last) {
		snprintf(s->out.said, sizeof(s->out.said), "%.120s: the ring is saved", text);
		return 0;
	}
	err = turn(s);
	if (!err)
		err = mp_outq_save(s->out.q, id, text, s->out.last, s->out.n_last);
	s->out.n_last = 0;
	rec_error(s, err);
	return err == -ENOMEM ? err : 0;
}

bool mp_session_saved(struct mp_session *s, uint64_t *id, char *path, int *err)
{
	return s->out.q && mp_outq_saved(s->out.q, id, path, err);
}

int mp_session_output(const struct mp_session *s)
{
	return s->rec_err ? s->rec_err : s->out.q ? 0 : -ENODATA;
}

/* --- the end
 * -------------------------------------------------------------------------------------- */

/* What was lost and not told yet: the stream is over, so that it goes to the fold itself. */
static void lost_at_end(struct mp_session *s)
{
	struct mp_event e = { .ts = s->horizon, .type = MP_EV_LOSS, .sub = MP_LOSS_DISK };
	struct mp_outq_info i;

	mp_outq_info(s->out.q, &i);
	e.x = (uint32_t)(i.lost - s->out.lost);
	if (!e.x)
		return;
	s->out.lost = i.lost;
	if (!session_apply(s, &e))
		output_hand_over(s);
}

void mp_session_written(struct mp_session *s, struct mp_written *w)
{
	struct mp_outq_info i;

	if (s->out.q) {
		lost_at_end(s);
		rec_error(s, mp_history_flush(s->history));
		mp_outq_drain(s->out.q);
		mp_outq_info(s->out.q, &i);
		take_figures(s, &i.shards);
	}
	*w = s->out.written;
}

int mp_session_finish(struct mp_session *s)
{
	struct mp_shards_info i;
	int err;

	if (s->out.q) {
		rec_error(s, mp_history_finish(s->history, s->model));
		mp_history_tee(s->history, NULL, NULL);
		err = mp_outq_close(s->out.q, s->out.last, s->out.n_last, &i);
		s->out.q = NULL;
		take_figures(s, &i);
		if (err && ring(s) && i.files)
			ring_error(s, err);
		else
			rec_error(s, err);
	}
	free(s->out.last);
	s->out.last = NULL;
	s->out.n_last = s->out.cap_last = 0;
	return s->rec_err;
}

int mp_session_leave(struct mp_session *s)
{
	if (s->out.q)
		mp_outq_apart(s->out.q);
	return mp_session_finish(s);
}

void output_discard(struct mp_session *s)
{
	if (!s->out.q)
		return;
	mp_history_tee(s->history, NULL, NULL);
	mp_outq_discard(s->out.q);
	s->out.q = NULL;
}
