/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * join.c - see join.h. Here: what comes of the collections whose times were found, and the
 * recording's events with theirs in between.
 */
#include "user/rt/join.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/model/tell.h"
#include "user/rt/join_int.h"

struct mp_join *mp_join_new(const struct mp_join_opts *o)
{
	struct mp_join *j = calloc(1, sizeof(*j));

	if (!j)
		return NULL;
	j->o = *o;
	j->f.first = j->f.last = j->f.start = MP_UNKNOWN;
	j->f.wall = j->f.boot = j->f.proc_start = MP_UNKNOWN;
	j->last_stream = -1;
	return j;
}

void mp_join_free(struct mp_join *j)
{
	if (!j)
		return;
	facts_free(&j->f);
	for (size_t i = 0; i < j->texts.n; i++)
		free(j->texts.v[i]);
	free(j->files.v);
	free(j->streams.v);
	free(j->kept.v);
	free(j->texts.v);
	free(j->puts.v);
	free(j->clocks.v);
	free(j->told);
	free(j);
}

int mp_join_look(struct mp_join *j, const struct mp_event *e)
{
	int err = facts_look(&j->f, e);

	if (j->f.start == MP_UNKNOWN && j->f.first != MP_UNKNOWN && !j->f.in_key)
		j->f.start = j->f.first;
	return err;
}

/* --- placing ---------------------------------------------------------------------------- */

static int by_time(const void *a, const void *b)
{
	const struct join_kept *x = *(const struct join_kept *const *)a;
	const struct join_kept *y = *(const struct join_kept *const *)b;

	return x->est < y->est ? -1 : x->est > y->est;
}

static struct mp_gclog_heaps *heaps_of(struct join_proc *p, unsigned source)
{
	if (!p->heaps[source])
		p->heaps[source] = calloc(1, sizeof(*p->heaps[source]));
	return p->heaps[source];
}

/* est is the final time of its end by now. */
static int put(struct mp_join *j, const struct join_kept *k)
{
	const struct join_stream *s = &j->streams.v[k->stream];
	struct join_proc *p = &j->f.procs.v[s->proc];
	struct mp_gclog_heaps *h = heaps_of(p, mp_gclog_source(s->lang));
	struct mp_gclog_gc gc = { .lang = s->lang,
				  .kind = k->kind,
				  .pause = k->pause,
				  .span = k->len,
				  .before = k->before,
				  .after = k->after,
				  .cbefore = k->cbefore,
				  .cafter = k->cafter,
				  .goal = k->goal,
				  .isolate = s->isolate };
	struct join_put put = { .goal = k->goal, .text = k->text };
	struct mp_event ev[2];

	if (!h)
		return -ENOMEM;
	mp_gclog_events(h, &gc, k->est, ev);
	if (k->seen)
		return 0;
	put.gc = ev[0];
	put.gc.mm = facts_mm_at(p, put.gc.ts);
	return vec_push(&j->puts, put);
}

#define LATE 20000000 /* ns beyond the error that an end may be told before */

/* Where each belongs: in the recording's time or not. */
static bool sort_out(struct mp_join *j, struct join_kept *k)
{
	struct join_stream *s = &j->streams.v[k->stream];
	struct mp_join_file *f = &j->files.v[s->file];
	const struct join_proc *p = &j->f.procs.v[s->proc];

	if (s->out) {
		f->other++;
		return false;
	}
	if (s->a.how == MP_ALIGN_NONE || s->doubled) {
		f->unplaced++;
		return false;
	}
	k->est += (uint64_t)s->a.shift;
	/* A collection is not of a process that has ended: the estimate is late. */
	if (p->exit != MP_UNKNOWN && k->est > p->exit && k->est - p->exit <= s->a.err + LATE)
		k->est = p->exit;
	if (k->seen) {
		f->same++;
	} else if (k->est < j->f.first) {
		f->before++;
		return false;
	} else if (k->est > j->f.last || k->est > p->exit) {
		f->after++;
		return false;
	} else {
		f->joined++;
	}
	s->inside++;
	return true;
}

static int add_clock(struct mp_join *j, const struct join_stream *s)
{
	bool counts = s->base == BASE_START || s->base == BASE_FREE;
	struct mp_join_clock c = { .file = s->file,
				   .lang = s->lang,
				   .pid = j->f.procs.v[s->proc].pid,
				   .heap = s->isolate == MP_UNKNOWN ? 0 : s->isolate,
				   .how = s->doubled ? MP_ALIGN_NONE : s->a.how,
				   .has_zero = counts && s->a.how != MP_ALIGN_NONE && !s->doubled,
				   .shift = s->a.shift,
				   .err = s->a.err,
				   .agree = s->a.n,
				   .of = s->a.of,
				   .n = s->inside,
				   .doubled = s->doubled,
				   .twice = s->twice,
				   .local = s->base == BASE_LOCAL };

	c.zero = (int64_t)(s->zero + (uint64_t)s->a.shift - j->f.start);
	return vec_push(&j->clocks, c);
}

int mp_join_place(struct mp_join *j)
{
	const struct join_kept **in = malloc((j->kept.n + 1) * sizeof(*in));
	size_t n = 0;
	int err = in ? streams_align(j) : -ENOMEM;

	for (size_t i = 0; i < j->kept.n && !err; i++)
		if (sort_out(j, &j->kept.v[i]))
			in[n++] = &j->kept.v[i];
	if (!err)
		qsort(in, n, sizeof(*in), by_time);
	for (size_t i = 0; i < n && !err; i++)
		err = put(j, in[i]);
	free(in);
	for (size_t i = 0; i < j->files.n; i++)
		j->dropped += j->files.v[i].dropped;
	for (size_t i = 0; i < j->streams.n && !err; i++)
		if (j->streams.v[i].proc >= 0 && !j->streams.v[i].out)
			err = add_clock(j, &j->streams.v[i]);
	j->told = calloc(1, j->texts.n + 1);
	return err ? err : j->told ? 0 : -ENOMEM;
}

/* --- what is told ------------------------------------------------------------------------ */

size_t mp_join_n_files(const struct mp_join *j)
{
	return j->files.n;
}

const struct mp_join_file *mp_join_file_at(const struct mp_join *j, size_t i)
{
	return &j->files.v[i];
}

size_t mp_join_n_clocks(const struct mp_join *j)
{
	return j->clocks.n;
}

const struct mp_join_clock *mp_join_clock_at(const struct mp_join *j, size_t i)
{
	return &j->clocks.v[i];
}

uint32_t mp_join_other_pid(const struct mp_join *j)
{
	return j->other_pid;
}

uint32_t mp_join_pid(const struct mp_join *j)
{
	return j->f.procs.n ? j->f.procs.v[0].pid : 0;
}

bool mp_join_misfit(const struct mp_join *j, uint32_t *pid, const char **log, const char **own)
{
	const struct join_proc *p = j->misfit ? &j->f.procs.v[0] : NULL;

	if (!p)
		return false;
	*pid = p->pid;
	*log = mp_gclog_runtime(j->misfit_lang);
	*own = facts_other_runtime(&j->f, p, j->misfit_lang);
	return *own;
}

/* --- the second reading ------------------------------------------------------------------ */

struct out {
	struct mp_join *j;
	mp_emit_fn *emit;
	void *to;
};

/* A text's string, once: its id. Ids follow those of the recording. */
static int tell_text(struct out *o, uint32_t text, uint64_t ts, __u32 *id)
{
	const char *s = o->j->texts.v[text];

	*id = *s ? o->j->f.max_str + 1 + text : 0;
	if (!*s || o->j->told[text])
		return 0;
	o->j->told[text] = 1;
	return mp_tell_str(*id, s, ts, o->emit, o->to);
}

static int tell_put(struct out *o, const struct join_put *p)
{
	struct mp_event e = p->gc, heap = { .ts = p->gc.ts, .type = MP_EV_HEAP, .mm = p->gc.mm };
	int err = tell_text(o, p->text, e.ts, &e.gc.reason);

	if (!err)
		err = o->emit(o->to, &e);
	if (err || p->goal == MP_UNKNOWN)
		return err;
	heap.sub = (__u8)e.gc.source;
	heap.flags = MP_HEAP_SOME;
	memset(heap.v, 0xff, sizeof(heap.v));
	heap.heap.goal = p->goal;
	return o->emit(o->to, &heap);
}

/* That a log was joined, and what of it a join could not keep. */
static int tell_source(struct out *o, uint64_t ts)
{
	struct mp_event probe = { .ts = ts, .type = MP_EV_PROBE, .sub = MP_FEAT_HEAP_LOG };
	struct mp_event lost = { .ts = ts, .type = MP_EV_LOSS, .sub = MP_LOSS_LIMIT };
	int err;

	probe.x = MP_RUNG_LOG;
	lost.x = o->j->dropped > UINT32_MAX ? UINT32_MAX : (__u32)o->j->dropped;
	err = o->j->puts.n ? o->emit(o->to, &probe) : 0;
	return err || !lost.x ? err : o->emit(o->to, &lost);
}

/* A collection that the recording has: the log may know why it was. */
static int tell_seen(struct out *o, const struct mp_event *e)
{
	struct mp_join *j = o->j;
	const struct join_seen *s = j->next_seen < j->f.seen.n ? &j->f.seen.v[j->next_seen] : NULL;
	struct mp_event more = *e;
	int err;

	j->next_seen++;
	if (!s || !s->reason || e->gc.reason)
		return o->emit(o->to, e);
	err = tell_text(o, s->reason - 1, e->ts, &more.gc.reason);
	return err ? err : o->emit(o->to, &more);
}

int mp_join_event(struct mp_join *j, const struct mp_event *e,
		  int (*emit)(void *to, const struct mp_event *e), void *to)
{
	struct out o = { j, emit, to };
	bool within = j->in_key; /* a state dump: nothing comes between its events */
	int err = 0;

	if (e->type == MP_EV_KEYFRAME)
		j->in_key = e->sub == MP_KEY_BEGIN;
	if (within)
		return emit(to, e);
	if (!j->begun && e->type != MP_EV_META && e->type != MP_EV_STR) {
		j->begun = true;
		err = tell_source(&o, e->ts);
	}
	while (!err && j->next_put < j->puts.n && j->puts.v[j->next_put].gc.ts <= e->ts)
		err = tell_put(&o, &j->puts.v[j->next_put++]);
	if (err)
		return err;
	return e->type == MP_EV_GC ? tell_seen(&o, e) : emit(to, e);
}

void mp_join_rewind(struct mp_join *j)
{
	j->next_put = j->next_seen = 0;
	j->begun = j->in_key = false;
	memset(j->told, 0, j->texts.n + 1);
}
