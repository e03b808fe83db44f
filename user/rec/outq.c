/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * outq.c - see outq.h.
 *
 * `lock` guards all of struct mp_outq but `shards`, which is the thread's while it runs;
 * what others need to know of it is copied into `seen` after each step.
 */
#include "user/rec/outq.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "user/rec/codec.h"
#include "user/util/util.h"

#define LOOK_NS	     1000000000ULL /* between looks whether the file still has a name */
#define DRAIN_NS     10000000000ULL
#define MESSAGES_MAX 8
#define MESSAGE_MAX  512

enum what { BLOCK, TURN, SAVE };

struct item {
	struct item *next;
	enum what what;
	uint32_t skip_blocks; /* left out before it, with so many events */
	uint64_t skip_events;
	struct mp_block block; /* its bytes behind this struct */
	char *why;	       /* SAVE */
	uint64_t id;	       /* SAVE */
	struct mp_event *ev;   /* SAVE */
	size_t n;
};

struct mp_outq {
	struct mp_shards *shards;
	struct mp_outq_opts o;
	pthread_t thread;
	bool running, ending, busy, apart;
	pthread_mutex_t lock;
	pthread_cond_t come, gone; /* an item; the thread has done one */
	struct item *first, **last;
	size_t waiting;
	uint32_t skip_blocks;
	uint64_t skip_events;
	uint64_t lost, since, key;
	uint64_t full_until; /* the disk is full: not tried before, ns */
	bool full_told;
	bool gap, removed, turning;
	int err;
	bool err_told;
	struct mp_shards_info seen;
	char message[MESSAGES_MAX][MESSAGE_MAX];
	unsigned n_messages;
	uint64_t next_look, next_sync; /* of the thread */
	uint64_t no_folder_until;      /* nowhere to turn to: not asked for before, ns */
	struct {
		bool have;
		uint64_t id;
		int err;
		char path[MP_SHARD_PATH];
	} saved; /* hand_over */
};

static void item_free(struct item *it)
{
	if (!it)
		return;
	free(it->why);
	free(it->ev);
	free(it);
}

/* --- the thread -------------------------------------------------------------------------- */

/* Called with the lock held. What finds no room says nothing new: it is one a second. */
static void say(struct mp_outq *q, const char *text)
{
	if (q->n_messages < MESSAGES_MAX)
		snprintf(q->message[q->n_messages++], MESSAGE_MAX, "%s", text);
}

/* What nobody has taken so far makes way. */
static void hand_over(struct mp_outq *q, uint64_t id, int err, const char path[MP_SHARD_PATH])
{
	char late[MP_SHARD_PATH] = "";

	pthread_mutex_lock(&q->lock);
	if (q->saved.have && !q->saved.err)
		memcpy(late, q->saved.path, sizeof(late));
	q->saved.have = true;
	q->saved.id = id;
	q->saved.err = err;
	memcpy(q->saved.path, path, MP_SHARD_PATH);
	pthread_mutex_unlock(&q->lock);
	if (late[0])
		unlink(late);
}

static void save(struct mp_outq *q, struct item *it)
{
	char path[MP_SHARD_PATH] = "", text[MESSAGE_MAX], span[16];
	struct mp_shards_info info;
	int err = mp_shards_save(q->shards, it->ev, it->n, path);

	if (q->o.hand_over) {
		hand_over(q, it->id, err, path);
		return;
	}
	mp_shards_info(q->shards, &info);
	if (err)
		snprintf(text, sizeof(text), "%s: saving the ring failed: %s", it->why,
			 strerror(-err));
	else
		snprintf(text, sizeof(text), "%s: the last %s saved to %.300s", it->why,
			 mp_duration(span, sizeof(span), info.span), path);
	pthread_mutex_lock(&q->lock);
	say(q, text);
	pthread_mutex_unlock(&q->lock);
}

static int step(struct mp_outq *q, struct item *it)
{
	if (it->skip_blocks)
		mp_shards_skip(q->shards, it->skip_blocks, it->skip_events);
	switch (it->what) {
	case BLOCK:
		return mp_shards_block(q->shards, &it->block);
	case TURN:
		return mp_shards_turn(q->shards);
	case SAVE:
		save(q, it);
		break;
	}
	return 0;
}

/* What is not asked for by the queue: looks at the name, syncs. */
static int tend(struct mp_outq *q, bool *removed)
{
	uint64_t now = mp_monotonic_ns();

	if (now >= q->next_look || *removed) {
		*removed = !mp_shards_linked(q->shards);
		q->next_look = now + LOOK_NS;
	}
	if (!q->o.sync_ns || now < q->next_sync)
		return 0;
	q->next_sync = now + q->o.sync_ns;
	return mp_shards_sync(q->shards);
}

/* The next item, the lock being held; NULL: none came for as long as a look may wait. */
static struct item *take(struct mp_outq *q)
{
	struct timespec until;
	struct item *it;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec++;
	while (!q->first && !q->ending)
		if (pthread_cond_timedwait(&q->come, &q->lock, &until))
			break;
	it = q->first;
	if (!it)
		return NULL;
	q->first = it->next;
	if (!q->first)
		q->last = &q->first;
	return it;
}

/* The lock being held: the disk has no room for this, nor, for a while, for others. */
static void no_room(struct mp_outq *q, const struct item *it)
{
	if (!q->full_told)
		say(q, "the disk is full: what comes is lost until there is room");
	q->full_told = true;
	q->full_until = mp_monotonic_ns() + LOOK_NS;
	if (it->what != BLOCK)
		return;
	q->gap = true;
	q->lost += it->block.head.flags & MP_BLKF_KEYFRAME ? 0 : it->block.head.count;
}

/* The lock being held: what a step came to. After an error nothing is written any more. */
static void done(struct mp_outq *q, struct item *it, int err, bool removed)
{
	bool squeezed;

	if (it && it->what == BLOCK)
		q->waiting -= it->block.len;
	if (err == -EAGAIN && it)
		no_room(q, it);
	else if (err == -ENOENT && it && it->what == TURN)
		q->no_folder_until = mp_monotonic_ns() + LOOK_NS; /* who records can make it again */
	else if (err && !q->err)
		q->err = err;
	if (it && it->what == TURN)
		q->turning = false;
	q->removed = removed && !q->turning;
	squeezed = q->seen.squeezed;
	mp_shards_info(q->shards, &q->seen);
	if (q->seen.squeezed && !squeezed)
		say(q, "the disk is full: the ring keeps less of the past than was asked for");
	q->busy = false;
	pthread_cond_broadcast(&q->gone);
}

static void *work(void *arg)
{
	struct mp_outq *q = arg;
	struct item *it;

	pthread_mutex_lock(&q->lock);
	while ((it = take(q)) || !q->ending) {
		bool broken = q->err != 0, removed = q->removed;
		int err = 0;

		q->busy = true;
		pthread_mutex_unlock(&q->lock);
		if (!broken && it)
			err = step(q, it);
		if (!broken && !err)
			err = tend(q, &removed);
		pthread_mutex_lock(&q->lock);
		done(q, it, err, removed);
		item_free(it);
	}
	pthread_mutex_unlock(&q->lock);
	return NULL;
}

/* Signals are for the other thread: a handler there ends its poll(). */
static int start(struct mp_outq *q)
{
	sigset_t all, old;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&q->thread, NULL, work, q);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	q->running = !err;
	return -err;
}

/* --- the caller's side ---------------------------------------------------------------------- */

int mp_outq_new(struct mp_shards *s, const struct mp_outq_opts *o, struct mp_outq **out)
{
	struct mp_outq *q = calloc(1, sizeof(*q));
	pthread_condattr_t attr;

	if (!q)
		return -ENOMEM;
	q->shards = s;
	q->o = *o;
	if (!q->o.limit)
		q->o.limit = MP_OUTQ_BYTES;
	if (!q->o.drain_ns)
		q->o.drain_ns = DRAIN_NS;
	q->last = &q->first;
	q->next_sync = mp_monotonic_ns() + o->sync_ns;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->come, &attr);
	pthread_cond_init(&q->gone, NULL);
	pthread_condattr_destroy(&attr);
	*out = q;
	return 0;
}

/* Called with the lock held; takes the item over. */
static int put(struct mp_outq *q, struct item *it)
{
	int err = q->running ? 0 : start(q);

	if (err) {
		item_free(it);
		return err;
	}
	it->skip_blocks = q->skip_blocks;
	it->skip_events = q->skip_events;
	q->skip_blocks = 0;
	q->skip_events = 0;
	*q->last = it;
	q->last = &it->next;
	pthread_cond_signal(&q->come);
	return 0;
}

static struct item *item_of_block(const struct mp_block *b)
{
	struct item *it = calloc(1, sizeof(*it) + b->len);

	if (!it)
		return NULL;
	it->what = BLOCK;
	it->block = *b;
	it->block.bytes = (uint8_t *)(it + 1);
	memcpy(it->block.bytes, b->bytes, b->len);
	return it;
}

/* Full: the block is left out. A keyframe or a repeat of META tells nothing that is lost. */
static void leave_out(struct mp_outq *q, const struct mp_block *b)
{
	uint32_t events = b->head.flags & MP_BLKF_KEYFRAME ? 0 : b->head.count;

	q->skip_blocks++;
	q->skip_events += events;
	q->lost += events;
	q->gap = true;
}

static int told_once(struct mp_outq *q)
{
	int err = q->err_told ? 0 : q->err;

	q->err_told = true;
	return err;
}

static bool begins_key(const struct mp_block *b)
{
	return b->head.type == MP_BLK_EVENTS &&
	       (b->head.flags & (MP_BLKF_KEYFRAME | MP_BLKF_CONT)) == MP_BLKF_KEYFRAME;
}

/* What a file has besides its keyframe makes it long enough to be ended. */
static void count(struct mp_outq *q, const struct mp_block *b)
{
	if (begins_key(b))
		q->key = 0;
	if (b->head.flags & MP_BLKF_KEYFRAME)
		q->key += b->len;
	else
		q->since += b->len;
}

int mp_outq_sink(void *ctx, struct mp_block *b)
{
	struct mp_outq *q = ctx;
	struct item *it = NULL;
	int err = 0;

	pthread_mutex_lock(&q->lock);
	if (q->err) {
		err = told_once(q);
	} else if ((q->waiting && q->waiting + b->len > q->o.limit) ||
		   (q->full_until && mp_monotonic_ns() < q->full_until)) {
		leave_out(q, b);
	} else if ((it = item_of_block(b))) {
		q->gap &= !begins_key(b); /* from here on a reader is right again */
		q->waiting += b->len;
		count(q, b);
		err = put(q, it);
	} else {
		err = -ENOMEM;
	}
	pthread_mutex_unlock(&q->lock);
	return err;
}

int mp_outq_turn(struct mp_outq *q)
{
	struct item *it = calloc(1, sizeof(*it));
	int err;

	if (!it)
		return -ENOMEM;
	it->what = TURN;
	pthread_mutex_lock(&q->lock);
	q->since = 0;
	q->removed = false;
	q->turning = true;
	q->gap = false; /* the next file begins with the whole state */
	err = put(q, it);
	pthread_mutex_unlock(&q->lock);
	return err;
}

int mp_outq_save(struct mp_outq *q, uint64_t id, const char *what, const struct mp_event *ev,
		 size_t n)
{
	struct item *it = calloc(1, sizeof(*it));
	int err;

	if (!it)
		return -ENOMEM;
	it->what = SAVE;
	it->id = id;
	it->why = strdup(what);
	it->ev = malloc(n * sizeof(*ev) + 1);
	if (!it->why || !it->ev) {
		item_free(it);
		return -ENOMEM;
	}
	memcpy(it->ev, ev, n * sizeof(*ev));
	it->n = n;
	pthread_mutex_lock(&q->lock);
	err = put(q, it);
	pthread_mutex_unlock(&q->lock);
	return err;
}

void mp_outq_info(struct mp_outq *q, struct mp_outq_info *info)
{
	pthread_mutex_lock(&q->lock);
	if (!q->running)
		mp_shards_info(q->shards, &q->seen);
	*info = (struct mp_outq_info){ .shards = q->seen,
				       .waiting = q->waiting,
				       .lost = q->lost,
				       .since = q->since,
				       .key = q->key,
				       .err = q->err,
				       .removed = q->removed &&
						  mp_monotonic_ns() >= q->no_folder_until };
	/* Half of the queue is room enough for a keyframe and what comes after. */
	info->wants_key = q->gap && !q->err && q->waiting <= q->o.limit / 2 &&
			  (!q->full_until || mp_monotonic_ns() >= q->full_until);
	pthread_mutex_unlock(&q->lock);
}

bool mp_outq_saved(struct mp_outq *q, uint64_t *id, char path[MP_SHARD_PATH], int *err)
{
	bool have;

	pthread_mutex_lock(&q->lock);
	have = q->saved.have;
	q->saved.have = false;
	*id = q->saved.id;
	*err = q->saved.err;
	if (have)
		memcpy(path, q->saved.path, MP_SHARD_PATH);
	pthread_mutex_unlock(&q->lock);
	return have;
}

bool mp_outq_message(struct mp_outq *q, char *buf, size_t size)
{
	bool any;

	pthread_mutex_lock(&q->lock);
	any = q->n_messages > 0;
	if (any) {
		snprintf(buf, size, "%s", q->message[0]);
		memmove(q->message, q->message + 1, --q->n_messages * sizeof(q->message[0]));
	}
	pthread_mutex_unlock(&q->lock);
	return any;
}

void mp_outq_drain(struct mp_outq *q)
{
	mp_shards_patience(q->shards, q->o.drain_ns);
	pthread_mutex_lock(&q->lock);
	while (q->running && (q->first || q->busy))
		pthread_cond_wait(&q->gone, &q->lock);
	pthread_mutex_unlock(&q->lock);
}

static void end_thread(struct mp_outq *q)
{
	pthread_mutex_lock(&q->lock);
	q->ending = true;
	pthread_cond_signal(&q->come);
	pthread_mutex_unlock(&q->lock);
	if (q->running)
		pthread_join(q->thread, NULL);
}

static void outq_free(struct mp_outq *q)
{
	pthread_cond_destroy(&q->come);
	pthread_cond_destroy(&q->gone);
	pthread_mutex_destroy(&q->lock);
	free(q);
}

void mp_outq_apart(struct mp_outq *q)
{
	q->apart = true;
}

int mp_outq_close(struct mp_outq *q, const struct mp_event *ev, size_t n,
		  struct mp_shards_info *info)
{
	struct mp_event *copy = malloc(n * sizeof(*ev) + 1);
	int err, first;

	if (copy && n)
		memcpy(copy, ev, n * sizeof(*ev));
	mp_outq_drain(q);
	end_thread(q);
	first = q->err;
	if (q->skip_blocks && !first)
		mp_shards_skip(q->shards, q->skip_blocks, q->skip_events);
	if (q->apart)
		mp_shards_apart(q->shards);
	err = mp_shards_close(q->shards, copy, copy ? n : 0, info);
	free(copy);
	outq_free(q);
	return first ? first : err;
}

void mp_outq_discard(struct mp_outq *q)
{
	mp_outq_drain(q);
	end_thread(q);
	mp_shards_discard(q->shards);
	outq_free(q);
}
