/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * feed.c - see feed.h.
 */
#include "user/cmd/feed.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/cmd/cmd.h"
#include "user/rec/history.h"
#include "user/util/util.h"

#define SLICE_NS  20000000ULL	/* of reading, between two looks at anything else */
#define START_NS  5000000000ULL /* a daemon that watches nothing tells nothing */
#define QUIET_NS  30000000000ULL
#define SETTLE_NS 3000000000ULL
#define TURN_NS	  150000000000ULL /* a daemon tells the past to one viewer after the other */

struct mp_feed {
	int fd;
	const char *who;
	struct mp_tap *tap;
	struct mp_model *model;
	struct mp_history *past;
	mp_observe_fn observe;
	void *observe_ctx;
	bool over;    /* nothing more comes: */
	int err;      /* ... because of this */
	uint64_t got; /* bytes, as far as the model's limits know of them */
	char notice[120];
};

int mp_feed_new(int fd, const char *who, bool past, struct mp_feed **out)
{
	struct mp_feed *f = calloc(1, sizeof(*f));

	if (!f) {
		close(fd);
		return -ENOMEM;
	}
	f->fd = fd;
	f->who = who;
	f->tap = mp_tap_new();
	f->model = mp_model_new();
	if (!f->tap || !f->model || (past && mp_history_new(0, &f->past))) {
		mp_feed_free(f);
		return -ENOMEM;
	}
	mp_model_limit(f->model, 0);
	if (past)
		mp_history_doubt(f->past);
	*out = f;
	return 0;
}

void mp_feed_free(struct mp_feed *f)
{
	if (!f)
		return;
	close(f->fd);
	mp_tap_free(f->tap);
	mp_history_free(f->past);
	mp_model_free(f->model);
	free(f);
}

void mp_feed_tee(struct mp_feed *f, const struct mp_tap_tee *tee)
{
	mp_tap_tee(f->tap, tee);
}

int mp_feed_fd(const struct mp_feed *f)
{
	return f->fd;
}

const struct mp_model *mp_feed_model(const struct mp_feed *f)
{
	return f->model;
}

struct mp_history *mp_feed_history(const struct mp_feed *f)
{
	return f->past;
}

void mp_feed_observe(struct mp_feed *f, mp_observe_fn fn, void *ctx)
{
	f->observe = fn;
	f->observe_ctx = ctx;
}

void mp_feed_info(const struct mp_feed *f, struct mp_rec_info *info)
{
	mp_tap_info(f->tap, info);
}

/* --- folding ----------------------------------------------------------------------------- */

/*
 * A state that was asked for, at the beginning or behind what is missing, is not what happened
 * now: the history gets a state of its own from the model when it is whole.
 */
static int keep(struct mp_feed *f, const struct mp_batch *b)
{
	const struct mp_event *last = &b->ev[b->n - 1];

	if (!f->past)
		return 0;
	if (!b->keyframe)
		return mp_history_append(f->past, f->model, b->ev, b->n);
	return last->type == MP_EV_KEYFRAME && last->sub == MP_KEY_END
		       ? mp_history_key(f->past, f->model)
		       : 0;
}

static int fold(struct mp_feed *f, const struct mp_batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		int err;

		if (f->observe)
			f->observe(f->observe_ctx, f->model, &b->ev[i]);
		err = mp_model_fold(f->model, &b->ev[i]);
		if (err && err != -EINVAL)
			return err;
	}
	return keep(f, b);
}

static int drain(struct mp_feed *f)
{
	struct mp_rec_info info;
	struct mp_batch b;
	int r;

	mp_tap_info(f->tap, &info);
	mp_model_limit_more(f->model, info.bytes - f->got);
	f->got = info.bytes;
	while ((r = mp_tap_next(f->tap, &b)) > 0) {
		r = fold(f, &b);
		if (r)
			break;
	}
	return r;
}

static bool readable(const struct mp_feed *f, int ms)
{
	struct pollfd p = { .fd = f->fd, .events = POLLIN };

	return poll(&p, 1, ms) > 0;
}

/* What lies there now: 1, 0 at the end, or -errno. */
static int take(struct mp_feed *f)
{
	size_t room;
	uint8_t *to = mp_tap_room(f->tap, &room);
	ssize_t n = to ? read(f->fd, to, room) : 0;
	int err;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 1;
	if (n > 0)
		mp_tap_put(f->tap, (size_t)n);
	else
		mp_tap_end(f->tap);
	/* a connection that was cut off, or reset, is told by the stream that has no end */
	err = drain(f);
	return err ? err : n > 0 && !mp_tap_done(f->tap);
}

int mp_feed_pump(struct mp_feed *f)
{
	uint64_t end = mp_monotonic_ns() + SLICE_NS;
	int r = 1;

	/* half a state is not to be seen, if the rest is on its way */
	while (!f->over && r > 0 && (mp_monotonic_ns() < end || f->model->in_key) &&
	       readable(f, f->model->in_key ? 100 : 0))
		r = take(f);
	if (!f->over && r <= 0) {
		f->over = true;
		f->err = r;
	}
	return f->over ? f->err : 1;
}

/* One step with waiting: as mp_feed_pump(). */
static int step(struct mp_feed *f)
{
	if (!f->over)
		readable(f, 100);
	return mp_feed_pump(f);
}

int mp_feed_start(struct mp_feed *f)
{
	uint64_t end = mp_monotonic_ns() + START_NS;
	int r = 1;

	while (r > 0 && !mp_signals_count() && mp_monotonic_ns() < end &&
	       (!f->model->n_procs || f->model->in_key))
		r = step(f);
	return r;
}

int mp_feed_until(struct mp_feed *f, uint64_t ts)
{
	uint64_t now = mp_monotonic_ns(), end = now + TURN_NS;
	bool idle = false;
	int r = 1;

	while (r > 0 && !mp_signals_count() && now < end &&
	       (f->model->now < ts || f->model->in_key)) {
		uint64_t before = f->got;

		r = step(f);
		now = mp_monotonic_ns();
		if (!f->model->events)
			continue;
		if (!idle && f->got != before)
			end = now + QUIET_NS;
		/* all that waited was read: now is near, unless its clock is another one */
		idle |= !readable(f, 0);
	}
	return r;
}

int mp_feed_settle(struct mp_feed *f)
{
	uint64_t now = mp_monotonic_ns(), ts = now, end = now + SETTLE_NS;
	int r = 1;

	for (; r > 0 && now < end && f->model->now < ts; now = mp_monotonic_ns())
		r = step(f);
	return r;
}

const char *mp_feed_notice(struct mp_feed *f)
{
	struct mp_rec_info info;
	const char *why = NULL;

	mp_tap_info(f->tap, &info);
	if (f->over)
		why = f->err	   ? mp_reader_strerror(f->err)
		      : info.ended ? "it ended"
				   : "the connection broke off";
	if (why && f->who)
		snprintf(f->notice, sizeof(f->notice), "%s has gone: %s", f->who, why);
	else if (f->err)
		snprintf(f->notice, sizeof(f->notice), "it cannot be read on: %s", why);
	else if (f->over && !info.ended)
		snprintf(f->notice, sizeof(f->notice), "truncated: it ends without its end mark");
	else if (info.bad_blocks)
		snprintf(f->notice, sizeof(f->notice), "blocks that did not come: %llu",
			 (unsigned long long)info.bad_blocks);
	else
		return NULL;
	return f->notice;
}
