/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cut.c - see cut.h. The old recording is folded up to `from` (from its last keyframe before
 * that, where it has one) and on to `to`; from there on what the subset lets through is written.
 * A recording that begins with a state, as a ring does, is written from behind it on: what is told
 * again has the times of when it was told first, which would be the new one's beginning.
 */
#include "user/rec/cut.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/model/index.h"
#include "user/model/model.h"
#include "user/rec/overview.h"
#include "user/rec/reader.h"
#include "user/rec/subset.h"
#include "user/rec/writer.h"

#define KEY_EVERY 50000000ULL /* ns: as often as a live session asks for keyframes */

struct cut {
	const struct mp_cut_choice *want;
	struct mp_index *mms; /* address spaces that are chosen, so far */
	struct mp_subset *subset;
	struct mp_model *m;
	struct mp_reader *r;
	struct mp_writer *w;
	bool again;	/* in the state that `in` begins with, or before it */
	bool writing;	/* `from` was reached */
	bool read_all;	/* ... and the end of `in` */
	uint64_t asked; /* ts at which a keyframe was asked for */
	struct mp_cut_info info;
};

/* --- who is chosen ----------------------------------------------------------------------- */

static bool among(const uint32_t *list, size_t n, uint64_t v)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == v)
			return true;
	return false;
}

static bool all(const struct cut *c)
{
	return !c->want->n_pids && !c->want->n_mms;
}

static bool may(void *ctx, uint32_t mm)
{
	const struct cut *c = ctx;

	return mp_index_find(c->mms, mm) != MP_INDEX_NONE;
}

static int choose(struct cut *c, uint32_t mm)
{
	return !mm || may(c, mm) ? 0 : mp_index_add(&c->mms, mm, 0);
}

/* An event before it is folded: a process that begins, or goes on as another program. */
static int learn(struct cut *c, const struct mp_event *e)
{
	const struct mp_cut_choice *w = c->want;
	bool mine;

	if (e->type != MP_EV_TASK) /* nearly all of them: before any list is gone through */
		return 0;
	mine = among(w->mms, w->n_mms, e->mm);
	if (e->sub == MP_TASK_TARGET)
		mine |= among(w->pids, w->n_pids, e->task.a);
	else if (e->sub == MP_TASK_EXEC)
		mine |= among(w->pids, w->n_pids, e->task.b) ||
			(e->task.a <= UINT32_MAX && may(c, (uint32_t)e->task.a));
	return mine ? choose(c, e->mm) : 0;
}

/* Of those that the state at the beginning has. */
static int learn_all(struct cut *c)
{
	const struct mp_cut_choice *w = c->want;
	int err = 0;

	for (size_t i = 0; i < c->m->n_procs && !err; i++) {
		const struct mp_proc *p = c->m->procs[i];

		if (among(w->pids, w->n_pids, p->tgid) || among(w->mms, w->n_mms, p->mm))
			err = choose(c, p->mm);
	}
	return err;
}

/* --- reading and writing ----------------------------------------------------------------- */

static int append(void *ctx, const struct mp_event *e)
{
	struct cut *c = ctx;

	if (!c->info.first)
		c->info.first = e->ts;
	c->info.last = e->ts > c->info.last ? e->ts : c->info.last;
	return mp_writer_append(c->w, e, 1);
}

/* Facts about the file, which no state has. */
static int tell_file(struct cut *c, uint64_t ts)
{
	static const uint8_t keys[] = { MP_META_SHARD, MP_META_TRIGGER };
	int err = 0;

	for (size_t i = 0; i < sizeof(keys) && !err; i++) {
		struct mp_event e = { .ts = ts, .type = MP_EV_META, .sub = keys[i] };

		e.meta.num = c->m->meta[keys[i]];
		e.meta.isstr = keys[i] == MP_META_TRIGGER;
		if (e.meta.num != MP_UNKNOWN)
			err = mp_subset_event(c->subset, c->m, &e, append, c);
	}
	return err;
}

static int write_one(struct cut *c, const struct mp_event *e)
{
	int err = 0;

	if (!c->m->in_key && (!c->writing || e->ts >= c->asked + KEY_EVERY)) {
		bool first = !c->writing && !c->want->from;

		c->writing = true;
		c->asked = e->ts;
		err = mp_writer_keyframe(c->w, c->m);
		if (!err && first)
			err = tell_file(c, e->ts);
	}
	return err ? err : mp_subset_event(c->subset, c->m, e, append, c);
}

static bool is_fact(const struct mp_event *e)
{
	return e->type == MP_EV_META || e->type == MP_EV_PROBE || e->type == MP_EV_STR;
}

/* 1: it is beyond what was asked for. */
static int one(struct cut *c, const struct mp_event *e, bool keyframe)
{
	int err = all(c) ? 0 : learn(c, e);

	c->again = c->again && (keyframe || is_fact(e));
	if (!err && c->want->to && e->ts > c->want->to && !c->m->in_key)
		return 1;
	if (!err && !c->again && (c->writing || (e->ts >= c->want->from && !c->m->in_key)))
		err = write_one(c, e);
	if (e->type == MP_EV_KEYFRAME && e->sub == MP_KEY_END)
		c->again = false;
	if (!err)
		err = mp_model_fold(c->m, e);
	return err == -EINVAL ? 0 : err;
}

/* The first events are a keyframe; META may stand before it. */
static bool begins_with_state(struct mp_reader *r)
{
	const struct mp_index_entry *e;
	size_t n, i = 0;

	if (mp_reader_index(r, &e, &n))
		return false;
	while (i < n && e[i].head.type != MP_BLK_EVENTS)
		i++;
	return i < n && e[i].head.flags & MP_BLKF_KEYFRAME && !(e[i].head.flags & MP_BLKF_CONT);
}

static int begin(struct cut *c)
{
	struct mp_rec_info info;
	int err = c->want->from ? mp_overview_load(c->r, c->want->from, &c->m) : 0;

	if (err < 0)
		return err;
	c->again = !c->want->from && begins_with_state(c->r);
	if (!err) {
		c->m = mp_model_new();
		mp_reader_info(c->r, &info);
		if (c->m)
			mp_model_limit(c->m, info.bytes);
	}
	if (!c->m)
		return -ENOMEM;
	c->subset = mp_subset_new(all(c) ? NULL : may, c);
	if (!c->subset)
		return -ENOMEM;
	mp_writer_subset(c->w, c->subset);
	return learn_all(c);
}

static int go(struct cut *c, bool (*ended)(void))
{
	const struct mp_event *ev;
	bool keyframe;
	size_t n;
	int err = begin(c), done = 0;

	while (!err && !done && (err = mp_reader_next(c->r, &ev, &n, &keyframe)) > 0) {
		err = ended && ended() ? -EINTR : 0;
		for (size_t i = 0; i < n && !err && !done; i++) {
			err = one(c, &ev[i], keyframe);
			done = err > 0;
			err = err > 0 ? 0 : err;
		}
	}
	c->read_all = !err && !done;
	return err;
}

static size_t processes(const struct cut *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->m->n_procs; i++)
		n += mp_subset_may(c->subset, c->m->procs[i]->mm);
	return n;
}

/* What is there is whole: the end is marked, unless it was `in` that had none. */
static int finish(struct cut *c)
{
	struct mp_rec_info info;
	struct mp_writer_info wrote;
	int err;

	mp_reader_info(c->r, &info);
	c->info.processes = processes(c);
	c->info.truncated = info.bad_blocks || (c->read_all && info.state != MP_REC_CLEAN);
	if (!c->writing)
		return -ERANGE;
	if (!c->info.processes)
		return -ESRCH;
	err = mp_writer_finish(c->w, c->m);
	mp_writer_info(c->w, &wrote);
	c->info.bytes = wrote.bytes;
	return err;
}

static int open_both(struct cut *c, const char *in, const char *out, int fd)
{
	int err = mp_reader_open(in, &c->r);

	if (!err)
		err = out ? mp_writer_open(out, &c->w) : mp_writer_open_fd(fd, &c->w);
	return err;
}

int mp_cut(const char *in, const char *out, int fd, const struct mp_cut_choice *choice,
	   bool (*ended)(void), struct mp_cut_info *info)
{
	struct cut c = { .want = choice };
	int err = open_both(&c, in, out, fd);
	bool made = c.w && out;

	if (!err)
		err = go(&c, ended);
	if (!err)
		err = finish(&c);
	if (!err)
		err = mp_writer_close(c.w);
	else
		mp_writer_free(c.w);
	if (err && made)
		unlink(out);
	mp_reader_close(c.r);
	mp_subset_free(c.subset);
	mp_model_free(c.m);
	mp_index_free(c.mms);
	if (info)
		*info = c.info;
	return err;
}
