/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sequence.c - see sequence.h.
 */
#include "user/rec/sequence.h"

#include <errno.h>
#include <string.h>

const char *mp_rec_state_name(enum mp_rec_state s)
{
	static const char *const name[] = { "clean", "truncated", "damaged" };

	return (unsigned)s < 3 ? name[s] : "?";
}

void mp_sequence_info(const struct mp_sequence *s, struct mp_rec_info *info)
{
	*info = s->info;
	info->state = info->bad_blocks ? MP_REC_DAMAGED
		      : info->ended    ? MP_REC_CLEAN
				       : MP_REC_TRUNCATED;
}

bool mp_block_find(const uint8_t *p, size_t n, size_t *at)
{
	static const uint8_t magic[4] = { 'M', 'P', 'B', 1 };
	const uint8_t *from = p, *hit;
	struct mp_block_head h;

	while ((hit = memmem(from, n - (size_t)(from - p), magic, sizeof(magic)))) {
		if (n - (size_t)(hit - p) < MP_BLOCK_HEAD)
			break;
		if (!mp_block_head_get(&h, hit)) {
			*at = (size_t)(hit - p);
			return true;
		}
		from = hit + 1;
	}
	return false;
}

/* --- batches ------------------------------------------------------------- */

static bool has_events(const struct mp_block_head *h)
{
	return h->type == MP_BLK_META || h->type == MP_BLK_DICT || h->type == MP_BLK_EVENTS;
}

static void span(struct mp_sequence *s, uint64_t first, uint64_t last)
{
	if (!s->info.first_ts || first < s->info.first_ts)
		s->info.first_ts = first;
	if (last > s->info.last_ts)
		s->info.last_ts = last;
}

static void count(struct mp_sequence *s, const struct mp_batch *b)
{
	s->info.events += b->n;
	for (size_t i = 0; i < b->n; i++)
		span(s, b->ev[i].ts, b->ev[i].ts);
}

/* Damage, as an event: `blocks` blocks with at least `events` events. */
static int give_loss(struct mp_sequence *s, uint32_t blocks, uint32_t events, struct mp_batch *b)
{
	memset(&s->loss, 0, sizeof(s->loss));
	s->loss.ts = s->info.last_ts;
	s->loss.type = MP_EV_LOSS;
	s->loss.sub = MP_LOSS_DAMAGED;
	s->loss.x = events;
	s->info.bad_blocks += blocks;
	s->gap = true;
	s->in_key = false;
	*b = (struct mp_batch){ &s->loss, 1, false };
	return 1;
}

/* Whether this block of events is to be given out: all are but keyframes and
 * repeats that tell nothing new. */
static bool wanted(struct mp_sequence *s, const struct mp_block_head *h)
{
	if (!(h->flags & MP_BLKF_KEYFRAME)) {
		s->in_key = false;
		return true;
	}
	if (h->type != MP_BLK_EVENTS)
		return s->gap || !s->begun;
	if (h->flags & MP_BLKF_CONT)
		return s->in_key;
	s->in_key = s->gap || !s->begun;
	s->gap = false;
	return s->in_key;
}

static int give_block(struct mp_sequence *s, const struct mp_block_head *h, mp_payload_fn *payload,
		      void *ctx, struct mp_batch *b)
{
	const uint8_t *stored;
	int err;

	s->info.blocks++;
	if (!wanted(s, h))
		return 0;
	err = payload(ctx, h, &stored);
	if (!err)
		err = mp_block_unpack(s->codec, h, stored, &b->ev, &b->n);
	if (err == -EBADMSG) {
		s->info.blocks--;
		return give_loss(s, 1, h->count, b);
	}
	if (err)
		return err;
	b->keyframe = s->in_key;
	s->begun |= h->type == MP_BLK_EVENTS;
	if (!b->n)
		return 0;
	/* what is told again has the times of when it was told first */
	if (!(h->flags & MP_BLKF_KEYFRAME))
		count(s, b);
	return 1;
}

static int take_end(struct mp_sequence *s, const struct mp_block_head *h, mp_payload_fn *payload,
		    void *ctx)
{
	struct mp_block_end end;
	const uint8_t *stored, *raw;
	int err = payload(ctx, h, &stored);

	if (!err)
		err = mp_block_inflate(s->codec, h, stored, &raw);
	if (!err)
		err = mp_block_end_get(&end, raw, h->raw_len);
	if (err)
		return err;
	s->info.ended = true;
	s->info.unwritten = end.lost;
	return 0;
}

int mp_sequence_take(struct mp_sequence *s, const struct mp_block_head *h, mp_payload_fn *payload,
		     void *ctx, struct mp_batch *b)
{
	int err = 0;

	s->seq = h->seq + 1;
	if (has_events(h))
		return give_block(s, h, payload, ctx, b);
	if (h->type == MP_BLK_END)
		err = take_end(s, h, payload, ctx);
	else if (h->type != MP_BLK_INDEX && h->flags & MP_BLKF_REQUIRED)
		return -EPROTO;
	if (err == -EBADMSG)
		return give_loss(s, 1, 0, b);
	s->info.blocks++;
	return err;
}

uint32_t mp_sequence_gap(struct mp_sequence *s, const struct mp_block_head *h, struct mp_batch *b)
{
	uint32_t missing = h->seq > s->seq ? h->seq - s->seq : 1;

	if (h->seq == s->seq && !s->hole)
		return 0;
	s->seq = h->seq;
	s->hole = false;
	give_loss(s, missing, missing, b);
	return missing;
}

int mp_sequence_finish(struct mp_sequence *s, struct mp_batch *b)
{
	if (!s->hole)
		return 0;
	s->hole = false;
	return give_loss(s, 1, 1, b);
}

void mp_sequence_pass(struct mp_sequence *s, const struct mp_block_head *h)
{
	struct mp_batch b;

	mp_sequence_gap(s, h, &b);
	s->seq = h->seq + 1;
	s->info.blocks++;
	if (!has_events(h) || !wanted(s, h))
		return;
	s->begun |= h->type == MP_BLK_EVENTS;
	if (h->flags & MP_BLKF_KEYFRAME || !h->count)
		return;
	s->info.events += h->count;
	span(s, h->t_first, h->t_last);
}
