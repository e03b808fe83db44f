/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * history.c - blocks held or found in a file, and a model that walks over them.
 *
 * The blocks form segments: a keyframe and what follows it; the first may have
 * no keyframe, it starts with nothing known. The cursor stands before one event
 * of one block, its model holds all before that. Blocks have numbers that stay
 * when older ones are dropped.
 */
#include "user/rec/history.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "user/model/model.h"
#include "user/rec/encoder.h"
#include "user/rec/held.h"
#include "user/rec/reader.h"
#include "user/util/util.h"

#define KEEP_PARTS 4 /* of the time to be kept, a segment each; their keyframes: half the ring */

struct entry {
	struct mp_index_entry at; /* in the file; offset unused in a ring */
	struct mp_held *held;	  /* ring: the block; NULL: in the file   */
	uint64_t t_max;		  /* highest t_last up to here            */
};

struct cursor {
	struct mp_model *m; /* NULL: nowhere                                  */
	bool in_key;	    /* its keyframe is not all folded yet             */
	bool gap;	    /* blocks were unreadable: the next keyframe is not passed over */
	uint64_t segment;   /* number of the block that it began at           */
	uint64_t key;	    /* ... of the first block of that keyframe        */
	struct mp_codec *codec;
	uint64_t block;	 /* number                                         */
	size_t i;	 /* next event in it                               */
	uint64_t ts;	 /* of the last event folded                       */
	uint64_t loaded; /* number + 1 of the block that ev holds, 0: none */
	const struct mp_event *ev;
	size_t n;
};

struct mp_history {
	struct mp_reader *r;	/* NULL: a ring                               */
	struct mp_encoder *enc; /* ring                                       */
	uint64_t limit, bytes;
	uint64_t keep_ns; /* ring: 0, no bound by time                 */
	bool doubt;	  /* ring: states are made under limits         */
	struct entry *e;
	size_t n, cap;
	uint64_t first; /* number of e[0]                             */
	mp_block_sink *tee;
	void *tee_ctx;
	bool tee_on;		 /* the tee has got what a reader starts with  */
	struct cursor cur, fine; /* for mp_history_at(), mp_history_window() */
	struct cursor away;	 /* for mp_history_take()                    */
	struct cursor one;	 /* for mp_history_events(): only its block  */
};

static bool has_events(const struct mp_block_head *h)
{
	return h->type == MP_BLK_META || h->type == MP_BLK_DICT || h->type == MP_BLK_EVENTS;
}

/* The first block of a keyframe. */
static bool is_key(const struct mp_block_head *h)
{
	return h->type == MP_BLK_EVENTS && h->flags & MP_BLKF_KEYFRAME &&
	       !(h->flags & MP_BLKF_CONT);
}

/* --- what is held -------------------------------------------------------- */

static void drop_front(struct mp_history *h, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		h->bytes -= MP_BLOCK_HEAD + h->e[i].at.head.stored_len;
		mp_held_put(h->e[i].held);
	}
	h->n -= n;
	h->first += n;
	memmove(h->e, h->e + n, h->n * sizeof(*h->e));
}

/* All from that block on is within the time that is kept, or there is no block. */
static bool is_young(const struct mp_history *h, size_t i, uint64_t now)
{
	uint64_t t = i < h->n ? h->e[i].at.head.t_first : now;

	return !h->keep_ns || t >= now || now - t < h->keep_ns;
}

/*
 * Drops whole segments, oldest first, but never the last: beyond the limit, and those whose next
 * one begins early enough.
 */
static void keep_limit(struct mp_history *h, uint64_t now)
{
	size_t i;

	while (h->bytes > h->limit || !is_young(h, 0, now)) {
		for (i = 1; i < h->n && !is_key(&h->e[i].at.head);)
			i++;
		if (i >= h->n || (h->bytes <= h->limit && is_young(h, i, now)))
			return;
		drop_front(h, i);
	}
}

static int add(struct mp_history *h, const struct mp_index_entry *at, struct mp_held *held)
{
	uint64_t t_max = h->n ? h->e[h->n - 1].t_max : 0;
	int err = mp_grow(&h->e, &h->cap, h->n + 1, sizeof(*h->e));

	if (err)
		return err;
	h->e[h->n].at = *at;
	h->e[h->n].held = held;
	h->e[h->n++].t_max = at->head.t_last > t_max ? at->head.t_last : t_max;
	h->bytes += MP_BLOCK_HEAD + at->head.stored_len;
	return 0;
}

static int sink(void *ctx, struct mp_block *b)
{
	struct mp_history *h = ctx;
	struct mp_index_entry at = { .head = b->head };
	struct mp_held *held = mp_held_new(b);
	int err = -ENOMEM;

	at.head.seq = (uint32_t)(h->first + h->n);
	if (held)
		err = add(h, &at, held);
	if (err)
		mp_held_put(held);
	return h->tee_on && !err ? h->tee(h->tee_ctx, b) : err;
}

/* Each decodes into memory of its own: it may stand in the middle of a block. */
static int make_codecs(struct mp_history *h)
{
	h->cur.codec = mp_codec_new();
	h->fine.codec = mp_codec_new();
	h->away.codec = mp_codec_new();
	h->one.codec = mp_codec_new();
	return h->cur.codec && h->fine.codec && h->away.codec && h->one.codec ? 0 : -ENOMEM;
}

static void cursor_reset(struct cursor *c)
{
	mp_model_free(c->m);
	c->m = NULL;
}

static void cursor_free(struct cursor *c)
{
	cursor_reset(c);
	mp_codec_free(c->codec);
}

int mp_history_new(uint64_t limit, struct mp_history **out)
{
	struct mp_history *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->limit = limit ? limit : MP_HISTORY_LIMIT;
	h->enc = mp_encoder_new(sink, h);
	if (make_codecs(h) || !h->enc) {
		mp_history_free(h);
		return -ENOMEM;
	}
	*out = h;
	return 0;
}

void mp_history_doubt(struct mp_history *h)
{
	h->doubt = true;
}

void mp_history_keep(struct mp_history *h, uint64_t ns)
{
	h->keep_ns = ns;
	if (h->enc)
		mp_encoder_every(h->enc, ns / KEEP_PARTS, h->limit / (2 * KEEP_PARTS));
}

int mp_history_from_reader(struct mp_reader *r, struct mp_history **out)
{
	const struct mp_index_entry *at;
	struct mp_history *h;
	size_t i, n;
	int err;

	err = mp_reader_index(r, &at, &n);
	if (err)
		return err;
	h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	h->r = r;
	err = make_codecs(h);
	for (i = 0; i < n && !err; i++)
		if (has_events(&at[i].head))
			err = add(h, &at[i], NULL);
	if (err)
		mp_history_free(h);
	else
		*out = h;
	return err;
}

void mp_history_free(struct mp_history *h)
{
	size_t i;

	if (!h)
		return;
	for (i = 0; i < h->n; i++)
		mp_held_put(h->e[i].held);
	free(h->e);
	mp_encoder_free(h->enc);
	cursor_free(&h->cur);
	cursor_free(&h->fine);
	cursor_free(&h->away);
	cursor_free(&h->one);
	free(h);
}

uint64_t mp_history_bytes(const struct mp_history *h)
{
	return h->bytes;
}

static const struct mp_event *pending(const struct mp_history *h, size_t *n)
{
	*n = 0;
	return h->enc ? mp_encoder_pending(h->enc, n) : NULL;
}

int mp_history_span(const struct mp_history *h, uint64_t *first, uint64_t *last)
{
	size_t i, n;
	const struct mp_event *p = pending(h, &n);
	uint64_t t0 = MP_UNKNOWN, t1 = 0;

	if (!h->n && !n)
		return -ENODATA;
	if (h->n) {
		t0 = h->e[0].at.head.t_first;
		t1 = h->e[h->n - 1].t_max;
	}
	for (i = 0; i < n; i++) {
		t0 = !h->n && p[i].ts < t0 ? p[i].ts : t0;
		t1 = p[i].ts > t1 ? p[i].ts : t1;
	}
	*first = t0;
	*last = t1;
	return 0;
}

bool mp_history_gone(const struct mp_history *h, uint64_t ts)
{
	return h->first && h->n && ts < h->e[0].at.head.t_first;
}

/* --- adding -------------------------------------------------------------- */

int mp_history_flush(struct mp_history *h)
{
	return h->r ? -EINVAL : mp_encoder_flush(h->enc);
}

int mp_history_finish(struct mp_history *h, const struct mp_model *m)
{
	return h->r ? -EINVAL : mp_encoder_finish(h->enc, m);
}

int mp_history_tee(struct mp_history *h, mp_block_sink *to, void *ctx)
{
	int err;

	if (h->r)
		return -EINVAL;
	err = mp_encoder_flush(h->enc);
	h->tee = to;
	h->tee_ctx = ctx;
	h->tee_on = to && !h->n;
	return err;
}

int mp_history_key(struct mp_history *h, const struct mp_model *m)
{
	int err;

	if (h->r)
		return -EINVAL;
	err = mp_encoder_keyframe(h->enc, m, true);
	keep_limit(h, m->now);
	return err;
}

void mp_history_fact(struct mp_history *h, const struct mp_event *e)
{
	if (h->enc)
		mp_encoder_fact(h->enc, e);
}

int mp_history_append(struct mp_history *h, const struct mp_model *m, const struct mp_event *ev,
		      size_t n)
{
	bool late = !h->r && !h->n && m->events > n, force = h->tee && !h->tee_on;
	size_t waiting;
	int err, key;

	if (h->r)
		return -EINVAL;
	pending(h, &waiting);
	if (late && !waiting) /* the model knows more than these: begin with its state */
		return mp_encoder_keyframe(h->enc, m, true);
	err = mp_encoder_append(h->enc, ev, n);
	if (force) {
		key = mp_encoder_flush(h->enc);
		err = err ? err : key;
		h->tee_on = true;
	}
	key = mp_encoder_keyframe(h->enc, m, force);
	keep_limit(h, m->now);
	err = err ? err : key;
	if (err) { /* a block may be missing where the cursor stands */
		cursor_reset(&h->cur);
		cursor_reset(&h->fine);
		cursor_reset(&h->away);
	}
	return err;
}

/* --- going to an instant ------------------------------------------------- */

/*
 * The number of the block that the segment of ts begins with: the last keyframe
 * of an instant <= ts. No keyframe is of an instant before an event in front of
 * it, so t_max decides, and it only grows.
 */
static uint64_t segment_of(const struct mp_history *h, uint64_t ts)
{
	size_t lo = 0, hi = h->n, mid;

	while (lo < hi) { /* all before lo have t_max <= ts, all from hi on have not */
		mid = lo + (hi - lo) / 2;
		if (h->e[mid].t_max <= ts)
			lo = mid + 1;
		else
			hi = mid;
	}
	while (lo && !is_key(&h->e[lo - 1].at.head))
		lo--;
	return h->first + (lo ? lo - 1 : 0);
}

/* The events of a block, or of what waits for its block: 0, or -errno. */
static int load(struct mp_history *h, struct cursor *c, uint64_t number)
{
	struct entry *e;
	struct mp_block b;
	int err = 0;

	if (number == h->first + h->n) {
		c->ev = pending(h, &c->n);
		c->loaded = 0;
		return 0;
	}
	if (c->loaded == number + 1)
		return 0;
	e = &h->e[number - h->first];
	c->loaded = 0;
	b.head = e->at.head;
	b.bytes = e->held ? mp_held_bytes(e->held) : NULL;
	b.len = MP_BLOCK_HEAD + b.head.stored_len;
	if (h->r)
		err = mp_reader_fetch(h->r, &e->at, &b);
	if (!err)
		err = mp_block_unpack(c->codec, &b.head, b.bytes + MP_BLOCK_HEAD, &c->ev, &c->n);
	if (!err)
		c->loaded = number + 1;
	if (!err && h->doubt && c->m)
		mp_model_limit_more(c->m, b.len);
	return err;
}

static int fold_loss(struct cursor *c, uint32_t events)
{
	struct mp_event e = {
		.ts = c->ts, .type = MP_EV_LOSS, .sub = MP_LOSS_DAMAGED, .x = events
	};

	c->gap = true;
	return mp_model_fold(c->m, &e);
}

/* One event; what the fold thinks impossible is passed over, as it was live. */
static int fold(struct cursor *c, const struct mp_event *e)
{
	int err = mp_model_fold(c->m, e);

	c->gap |= e->type == MP_EV_LOSS && e->sub == MP_LOSS_DAMAGED;
	c->ts = e->ts > c->ts ? e->ts : c->ts;
	return err == -EINVAL ? 0 : err;
}

/* Folds the rest of the cursor's block up to ts. 1: an event after ts is next. */
static int fold_block(struct cursor *c, uint64_t ts)
{
	int err;

	for (; c->i < c->n; c->i++) {
		if (c->ev[c->i].ts > ts)
			return 1;
		err = fold(c, &c->ev[c->i]);
		if (err)
			return err;
	}
	return 0;
}

/* NULL: what waits for its block. The number is not below `first`. */
static const struct mp_block_head *head_at(const struct mp_history *h, uint64_t number)
{
	assert(number >= h->first);
	return number < h->first + h->n ? &h->e[number - h->first].at.head : NULL;
}

/* The next block of the keyframe that the cursor is in. */
static int step_key(struct mp_history *h, struct cursor *c)
{
	const struct mp_block_head *b = head_at(h, c->block);
	size_t i;
	int err;

	if (!b || !(b->flags & MP_BLKF_KEYFRAME) || (c->block > c->key && is_key(b))) {
		c->in_key = false;
		return 0;
	}
	c->block++;
	if (b->type != MP_BLK_EVENTS)
		return 0;
	err = load(h, c, c->block - 1);
	if (err == -EBADMSG)
		return fold_loss(c, b->count);
	for (i = 0; i < c->n && !err; i++)
		err = fold(c, &c->ev[i]);
	return err;
}

/* A keyframe restores what unreadable blocks have left open. */
static int step_gap(struct cursor *c)
{
	c->gap = false;
	c->in_key = true;
	c->key = c->block;
	return 0;
}

/* One block further: 1 when all events up to ts are folded, 0, or -errno. Keyframes that
 * say what is known already, and all that is no event, are passed over. */
static int step(struct mp_history *h, struct cursor *c, uint64_t ts)
{
	const struct mp_block_head *b;
	int err;

	if (c->in_key)
		return step_key(h, c);
	while ((b = head_at(h, c->block)) && (b->flags & MP_BLKF_KEYFRAME || !has_events(b))) {
		if (c->gap && is_key(b) && b->t_first <= ts)
			return step_gap(c);
		c->block++;
	}
	err = load(h, c, c->block);
	if (err == -EBADMSG)
		err = fold_loss(c, b->count);
	else if (!err)
		err = fold_block(c, ts);
	if (err || !b)
		return err ? err : 1;
	c->block++;
	c->i = 0;
	return 0;
}

static int restart(struct mp_history *h, struct cursor *c, uint64_t segment)
{
	mp_model_free(c->m);
	c->m = mp_model_new();
	if (c->m && (h->r || h->doubt))
		mp_model_limit(c->m, h->r ? h->bytes : 0);
	c->ts = c->i = 0;
	c->block = c->segment = c->key = segment;
	c->in_key = true;
	c->gap = false;
	return c->m ? 0 : -ENOMEM;
}

/* At most `blocks` blocks on the way to ts: 1 when there, 0 when not yet, or -errno. */
static int go(struct mp_history *h, struct cursor *c, uint64_t ts, size_t blocks)
{
	int done = 0;

	while (!done && blocks--)
		done = step(h, c, ts);
	if (done < 0)
		cursor_reset(c);
	return done;
}

static int toward(struct mp_history *h, struct cursor *c, uint64_t ts, size_t blocks)
{
	uint64_t first, last, segment;
	int err = mp_history_span(h, &first, &last);

	if (err)
		return err;
	ts = ts < first ? first : ts;
	segment = segment_of(h, ts);
	/* a keyframe is folded to its end whatever ts is meanwhile */
	if (!c->m || (c->in_key ? c->segment != segment : ts < c->ts) || c->block < segment)
		err = restart(h, c, segment);
	return err ? err : go(h, c, ts, blocks);
}

int mp_history_toward(struct mp_history *h, uint64_t ts, size_t blocks, const struct mp_model **m)
{
	int r = toward(h, &h->cur, ts, blocks);

	*m = h->cur.m;
	return r;
}

int mp_history_take(struct mp_history *h, uint64_t ts, size_t blocks, struct mp_model **m)
{
	int r = toward(h, &h->away, ts, blocks);

	*m = NULL;
	if (r == 1) {
		*m = h->away.m;
		h->away.m = NULL;
	}
	return r;
}

const struct mp_model *mp_history_at(struct mp_history *h, uint64_t ts)
{
	const struct mp_model *m;

	return mp_history_toward(h, ts, SIZE_MAX, &m) == 1 ? m : NULL;
}

/* By its number: what an exec gave it another mm for is the same process. */
static const struct mp_proc *process(const struct cursor *c, uint32_t pid)
{
	if (!c->m)
		return NULL;
	return pid ? mp_model_pid(c->m, pid) : mp_model_main(c->m);
}

int mp_history_window(struct mp_history *h, uint32_t pid, uint64_t t0, uint64_t t1, uint64_t width,
		      size_t blocks, const struct mp_timeline **tl)
{
	struct cursor *c = &h->fine;
	uint64_t first, last, segment;
	const struct mp_proc *p;
	int err = mp_history_span(h, &first, &last);

	*tl = NULL;
	if (err)
		return err;
	segment = segment_of(h, t0 < first ? first : t0);
	p = process(c, pid);
	/* what it began at is too late, or so early that its points have become too wide */
	if (!c->m || c->segment > segment || c->block < h->first ||
	    (c->block < segment && c->segment < segment) ||
	    (c->segment < segment && p && p->tl.width > width))
		err = restart(h, c, segment);
	if (!err)
		err = c->ts > t1 && !c->in_key ? 1 : go(h, c, t1, blocks);
	p = c->in_key ? NULL : process(c, pid);
	*tl = p && p->tl.n ? &p->tl : NULL;
	return err;
}

/* --- single events ------------------------------------------------------- */

static int hand(const struct cursor *c, uint64_t t0, uint64_t t1,
		int (*fn)(void *arg, const struct mp_event *e), void *arg)
{
	int r = 0;

	for (size_t i = 0; i < c->n && !r; i++)
		if (c->ev[i].ts >= t0 && c->ev[i].ts < t1)
			r = fn(arg, &c->ev[i]);
	return r;
}

int mp_history_events(struct mp_history *h, uint64_t t0, uint64_t t1,
		      int (*fn)(void *arg, const struct mp_event *e), void *arg)
{
	struct cursor *c = &h->one;
	uint64_t first, last;
	int r = mp_history_span(h, &first, &last);

	if (!r && t0 < t1 && mp_history_gone(h, t1 - 1))
		r = -ENODATA;
	for (uint64_t b = h->first; b <= h->first + h->n && !r; b++) {
		const struct mp_block_head *head = head_at(h, b);

		if (head && (!has_events(head) || head->flags & MP_BLKF_KEYFRAME ||
			     head->t_first >= t1 || head->t_last < t0))
			continue;
		r = load(h, c, b);
		if (r == -EBADMSG) { /* told as damage elsewhere */
			r = 0;
			continue;
		}
		if (!r)
			r = hand(c, t0, t1, fn, arg);
	}
	return r;
}

void mp_history_taken(const struct mp_history *h, struct mp_history_pos *pos)
{
	pos->block = h->away.block;
	pos->i = h->away.i;
}

/* What waits for its block is the block behind the last one, and will be just that. */
int mp_history_read(struct mp_history *h, struct mp_history_pos *pos, size_t max,
		    int (*fn)(void *arg, const struct mp_event *e), void *arg)
{
	struct cursor *c = &h->one;

	if (pos->block < h->first)
		return -ENODATA;
	while (pos->block <= h->first + h->n) {
		const struct mp_block_head *head = head_at(h, pos->block);
		bool pass = head && (!has_events(head) || head->flags & MP_BLKF_KEYFRAME);
		int err = 0;

		if (!pass)
			err = load(h, c, pos->block);
		if (err && err != -EBADMSG)
			return err;
		for (; !pass && !err && pos->i < c->n && max; max--) {
			err = fn(arg, &c->ev[pos->i]);
			if (err)
				return err;
			pos->i++;
		}
		if (!pass && !err && pos->i < c->n)
			return 1;
		if (!head)
			return 0;
		pos->block++;
		pos->i = 0;
	}
	return 0;
}

/* --- saving -------------------------------------------------------------- */

static int hold_meta(void *ctx, struct mp_block *b)
{
	struct mp_held *x = mp_held_new(b);
	int err = x ? mp_held_add(ctx, x) : -ENOMEM;

	mp_held_put(x);
	return err;
}

int mp_history_hold(struct mp_history *h, struct mp_held_list *l)
{
	int err = mp_history_flush(h);

	*l = (struct mp_held_list){ .n = 0 };
	if (!err && h->n && is_key(&h->e[0].at.head)) /* its META was dropped */
		err = mp_encoder_meta(h->enc, hold_meta, l);
	for (size_t i = 0; i < h->n && !err; i++)
		err = mp_held_add(l, h->e[i].held);
	if (err)
		mp_held_list_free(l);
	return err;
}

int mp_history_save(struct mp_history *h, const char *path)
{
	struct mp_held_list l;
	int err = mp_history_hold(h, &l);

	if (!err)
		err = mp_held_write(&l, path);
	mp_held_list_free(&l);
	return err;
}
