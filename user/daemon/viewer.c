/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * viewer.c - what one viewer is told: its subset of the stream as blocks, from now on or from
 * an instant of the past.
 *
 * Owns: the subset, the encoder, what is dropped and when the state is told (again). Must not:
 * touch the socket but through dm_viewer_put().
 *
 * The past comes out of the session's ring: a model of then, its state, and each event since,
 * from the place in the ring where that model stands. When the ring has no more, what is folded
 * next goes to the viewer at once: between the two calls of one loop nothing is folded, so
 * nothing is told twice and nothing is missing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/daemon/server_int.h"
#include "user/model/index.h"
#include "user/model/model.h"
#include "user/rec/encoder.h"
#include "user/rec/subset.h"
#include "user/util/util.h"

#define FLUSH_NS      100000000ULL  /* events wait so long for their block, while there is room */
#define LOOK_NS	      250000000ULL  /* between looks at who may be seen */
#define STATE_NS      1000000000ULL /* between states, at least; and so many times what one costs: */
#define STATE_COST    20
#define SLICE_NS      3000000ULL /* of the past, of CPU time */
#define SLICE	      512	 /* events between looks at the clock */
#define FINISH_SLICES 100	 /* of the past, for who is on the way when the daemon ends */
#define ROOM	      (DM_QUEUE_BYTES / 8) /* below this a dropping viewer begins again */

/* --- who may be seen --------------------------------------------------------------------- */

bool dm_viewer_sees(const struct dm_viewer *v, const struct dm_target *t)
{
	bool named = !v->n_pids;

	for (size_t i = 0; i < v->n_pids && !named; i++)
		named = v->pids[i] == t->pid;
	return named && dm_may_see(&v->peer, &t->owner);
}

static bool may(void *ctx, uint32_t mm)
{
	const struct dm_viewer *v = ctx;
	const struct dm_target *t = dm_targets_of_mm(v->server->t, mm);

	return t && dm_viewer_sees(v, t);
}

static bool sees_all(const struct dm_viewer *v)
{
	return v->peer.all && !v->n_pids;
}

/* --- blocks to the queue ----------------------------------------------------------------- */

/* The number of a dropped block stays empty: its reader sees that something is missing. */
static int sink(void *ctx, struct mp_block *b)
{
	struct dm_viewer *v = ctx;

	if (v->gap || (!v->whole && v->queued + b->len > DM_QUEUE_BYTES)) {
		v->gap = true;
		v->seq++;
		v->server->figures.dropped_blocks++;
		return 0;
	}
	mp_block_seal(b, v->seq++);
	v->wrote.blocks++;
	v->wrote.bytes += b->len;
	if (!(b->head.flags & MP_BLKF_KEYFRAME)) {
		v->wrote.events += b->head.count;
		v->wrote.t_last = b->head.t_last > v->wrote.t_last ? b->head.t_last
								   : v->wrote.t_last;
	}
	return dm_viewer_put(v, b->bytes, b->len) ? 0 : -ENOMEM;
}

static int append(void *ctx, const struct mp_event *e)
{
	struct dm_viewer *v = ctx;

	if (e->type == MP_EV_TASK && (e->sub == MP_TASK_TARGET || e->sub == MP_TASK_EXEC) &&
	    mp_index_find(v->told, e->mm) == MP_INDEX_NONE && mp_index_add(&v->told, e->mm, 0))
		return -ENOMEM;
	return mp_encoder_append(v->enc, e, 1);
}

static void failed(struct dm_viewer *v, int err)
{
	if (err && v->step != DM_GONE)
		dm_viewer_cut_off(v); /* memory is out: nothing else can fail */
}

/* --- states ------------------------------------------------------------------------------ */

/* It has the state of what it sees in m. */
static int told_all(struct dm_viewer *v, const struct mp_model *m)
{
	int err = 0;

	mp_index_free(v->told);
	v->told = NULL;
	for (size_t i = 0; i < m->n_procs && !err; i++) {
		uint32_t mm = m->procs[i]->mm;

		if (mp_subset_may(v->subset, mm) && mp_index_find(v->told, mm) == MP_INDEX_NONE)
			err = mp_index_add(&v->told, mm, 0);
	}
	return err;
}

static void paid(struct dm_viewer *v, uint64_t now, uint64_t began)
{
	v->stated = v->looked = v->flushed = now;
	v->cost = mp_thread_cpu_ns() - began;
	v->wants = 0;
	if (!v->peer.all)
		v->server->next_state = now + STATE_COST * v->cost;
}

/* One budget of states for all who do not see all, however many users they are: a state costs
 * what the daemon watches, not what they may see of it. Who waits longest is next. */
static bool state_turn(struct dm_viewer *v, uint64_t now)
{
	if (v->peer.all)
		return true;
	v->wants = v->wants ? v->wants : now;
	if (now < v->server->next_state)
		return false;
	for (const struct dm_viewer *o = v->server->viewers; o; o = o->next)
		if (o->wants && o->wants < v->wants && o->step != DM_GONE)
			return false;
	return true;
}

static bool rested(const struct dm_viewer *v, uint64_t now)
{
	uint64_t rest = STATE_COST * v->cost;

	return now >= v->stated + (rest > STATE_NS ? rest : STATE_NS);
}

/* A keyframe: what a stream begins with, and what mends a gap. */
static int keyframe(struct dm_viewer *v, const struct mp_model *m, uint64_t now)
{
	uint64_t began = mp_thread_cpu_ns();
	int err;

	v->gap = false;
	v->whole = true;
	err = mp_encoder_keyframe(v->enc, m, true);
	v->whole = false;
	if (!err)
		err = told_all(v, m);
	paid(v, now, began);
	return err;
}

/* In the middle of the stream, for a reader that lacks nothing: the state as events. */
static int restate(struct dm_viewer *v, const struct mp_model *m, uint64_t now)
{
	uint64_t began = mp_thread_cpu_ns();
	int err;

	v->whole = true;
	err = mp_subset_dump(v->subset, m, append, v);
	if (!err)
		err = mp_encoder_flush(v->enc);
	v->whole = false;
	if (!err)
		err = told_all(v, m);
	paid(v, now, began);
	return err;
}

/* Does it lack a process that it may see, or have one that it may not see any more? */
static bool outdated(const struct dm_viewer *v, const struct mp_model *m)
{
	const struct dm_targets *t = v->server->t;

	for (size_t i = 0; i < dm_targets_n(t); i++) {
		const struct dm_target *at = dm_targets_at(t, i);
		bool told = mp_index_find(v->told, at->mm) != MP_INDEX_NONE;

		if (dm_viewer_sees(v, at) ? !told && mp_model_proc(m, at->mm) : told)
			return true;
	}
	return false;
}

/* --- from now on ------------------------------------------------------------------------- */

/* The stream begins, or goes on behind a gap, with a keyframe: now or as soon as it may. */
static int go_live(struct dm_viewer *v, uint64_t now)
{
	int err = 0;

	if (v->step == DM_PAST) { /* from the past: with a gap, which a keyframe then mends */
		err = mp_encoder_flush(v->enc);
		v->seq++;
		v->server->figures.dropped_blocks++;
	}
	mp_model_free(v->past);
	v->past = NULL;
	if (v->server->past_of == v)
		v->server->past_of = NULL;
	v->step = DM_LIVE;
	v->gap = true;
	return err || !state_turn(v, now) ? err : keyframe(v, v->server->m, now);
}

void dm_viewer_event(struct dm_viewer *v, const struct mp_model *m, const struct mp_event *e)
{
	if (v->step == DM_LIVE && !v->gap)
		failed(v, mp_subset_event(v->subset, m, e, append, v));
}

static bool wants_state(struct dm_viewer *v, uint64_t now)
{
	if (v->gap)
		return v->queued < ROOM && rested(v, now);
	if (sees_all(v) || v->queued >= DM_QUEUE_BYTES / 2 || !rested(v, now))
		return false;
	if (v->wants || now < v->looked + LOOK_NS)
		return v->wants;
	v->looked = now;
	return outdated(v, v->server->m);
}

static int tick_live(struct dm_viewer *v, uint64_t now)
{
	const struct mp_model *m = v->server->m;
	size_t waiting;
	int err = 0;

	if (!wants_state(v, now))
		v->wants = 0; /* nobody waits behind it */
	else if (state_turn(v, now))
		err = v->gap ? keyframe(v, m, now) : restate(v, m, now);
	if (v->gap)
		return err;
	if (!err)
		err = mp_encoder_keyframe(v->enc, m, false);
	mp_encoder_pending(v->enc, &waiting);
	if (!err && waiting && v->queued < ROOM && now >= v->flushed + FLUSH_NS) {
		v->flushed = now;
		err = mp_encoder_flush(v->enc);
	}
	return err;
}

/* --- from then on ------------------------------------------------------------------------ */

static int past_event(void *ctx, const struct mp_event *e)
{
	struct dm_viewer *v = ctx;
	int err = mp_subset_event(v->subset, v->past, e, append, v);

	if (!err)
		err = mp_model_fold(v->past, e);
	return err == -EINVAL ? 0 : err;
}

/* 1: once more; 0: it is there, or there is no past to be told. */
static int past_state(struct dm_viewer *v, uint64_t now)
{
	struct mp_history *h = v->server->history;
	int err = mp_history_take(h, v->past_ts, 1, &v->past);

	if (err == 0)
		return 1;
	if (err < 0)
		return err == -ENODATA ? go_live(v, now) : err;
	mp_history_taken(h, &v->pos);
	v->step = DM_PAST;
	err = keyframe(v, v->past, now);
	return err ? err : 1;
}

static int past_events(struct dm_viewer *v, uint64_t now)
{
	int err = mp_history_read(v->server->history, &v->pos, SLICE, past_event, v);

	if (err == 1)
		return 1;
	if (err == -ENODATA) /* the ring was faster than the viewer */
		return go_live(v, now);
	if (err)
		return err;
	mp_model_free(v->past);
	v->past = NULL;
	v->server->past_of = NULL;
	v->step = DM_LIVE;
	v->looked = 0; /* what came meanwhile and was not seen from its start */
	return mp_encoder_flush(v->enc);
}

static int past_step(struct dm_viewer *v, uint64_t now)
{
	if (v->step == DM_PAST_WAITS) {
		v->server->past_of = v;
		v->turn = now;
		v->step = DM_PAST_STATE;
	}
	return v->step == DM_PAST_STATE ? past_state(v, now) : past_events(v, now);
}

static bool in_past(const struct dm_viewer *v)
{
	return v->step == DM_PAST_WAITS || v->step == DM_PAST_STATE || v->step == DM_PAST;
}

bool dm_viewer_past(struct dm_viewer *v, uint64_t now)
{
	uint64_t end = mp_thread_cpu_ns() + SLICE_NS;
	int err = 1;
	bool full;

	while (err > 0 && in_past(v) && v->queued < DM_QUEUE_BYTES / 4 && mp_thread_cpu_ns() < end)
		err = past_step(v, now);
	failed(v, err < 0 ? err : 0);
	full = in_past(v) && v->queued >= DM_QUEUE_BYTES / 4;
	if (v->full_at)
		v->full += now - v->full_at;
	v->full_at = full ? now : 0;
	return in_past(v) && !full;
}

void dm_viewer_past_over(struct dm_viewer *v)
{
	failed(v, go_live(v, mp_monotonic_ns()));
}

void dm_viewer_tick(struct dm_viewer *v, uint64_t now)
{
	if (v->step == DM_LIVE)
		failed(v, tick_live(v, now));
	else if (in_past(v) && now > (v->turn ? v->turn : v->since) +
					       DM_PAST_NS) /* others wait, or it does not read */
		failed(v, go_live(v, now));
}

/* --- the beginning and the end ----------------------------------------------------------- */

/* Numbers as the viewer counts to numbers as the daemon does. False: there are none. */
static bool find_pids(struct dm_viewer *v, const struct dm_request *r)
{
	const struct dm_targets *t = v->server->t;
	struct dm_identity viewer;

	if (r->n_pids)
		dm_identity_read(v->peer.pid, &viewer);
	for (size_t i = 0; r->n_pids && i < dm_targets_n(t); i++) {
		const struct dm_target *at = dm_targets_at(t, i);
		pid_t theirs = dm_may_see(&v->peer, &at->owner) ? dm_pid_for(&viewer, at) : 0;

		for (size_t k = 0; theirs && k < r->n_pids; k++)
			if (r->pids[k] == (uint32_t)theirs && v->n_pids < DM_REQUEST_PIDS) {
				v->pids[v->n_pids++] = at->pid;
				break;
			}
	}
	return v->n_pids || !r->n_pids;
}

static uint64_t past_ts(const struct dm_viewer *v)
{
	uint64_t first, last;

	if (!v->server->history || mp_history_span(v->server->history, &first, &last))
		return 0;
	return last - first > v->past_ns ? last - v->past_ns : first;
}

int dm_viewer_stream(struct dm_viewer *v, const struct dm_request *r, uint64_t now,
		     const char **why)
{
	uint8_t head[MP_FILE_HEAD];

	if (!find_pids(v, r)) {
		*why = "target: none of these is watched, or it is not for you to see";
		return 0;
	}
	v->subset = mp_subset_new(sees_all(v) ? NULL : may, v);
	v->enc = mp_encoder_new(sink, v);
	if (!v->subset || !v->enc)
		return -ENOMEM;
	mp_encoder_subset(v->enc, v->subset);
	mp_file_head_put(head);
	if (!dm_viewer_put(v, "ok stream\n", 10) || !dm_viewer_put(v, head, sizeof(head)))
		return -ENOMEM;
	v->past_ns = r->past_ns;
	v->past_ts = r->past_ns ? past_ts(v) : 0;
	if (!v->past_ts)
		return go_live(v, now);
	mp_encoder_no_summaries(v->enc); /* two models tell it, and each has its own */
	v->step = DM_PAST_WAITS;
	return 0;
}

/* The stream has an end mark, as a file that was closed: what was told is all that there was. */
void dm_viewer_finish(struct dm_viewer *v)
{
	struct mp_block_end e;
	uint8_t raw[MP_BLOCK_END_LEN];
	struct mp_block b;

	for (int i = 0; in_past(v) && i < FINISH_SLICES; i++)
		if (!dm_viewer_past(v, 0))
			break;
	if (v->step != DM_LIVE || v->gap || mp_encoder_flush(v->enc) || v->gap)
		return;
	e = v->wrote;
	e.bytes += MP_FILE_HEAD;
	e.reason = 1;
	mp_block_end_put(raw, &e);
	if (!mp_block_pack_raw(mp_encoder_codec(v->enc), MP_BLK_END, 0, raw, sizeof(raw), 0, &b))
		sink(v, &b);
}

void dm_viewer_end(struct dm_viewer *v)
{
	if (v->server->past_of == v)
		v->server->past_of = NULL;
	mp_model_free(v->past);
	mp_encoder_free(v->enc);
	mp_subset_free(v->subset);
	mp_index_free(v->told);
	v->past = NULL;
	v->enc = NULL;
	v->subset = NULL;
	v->told = NULL;
}
