/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * join_streams.c - the collections of logs: which heap of which run of which process each is
 * of, a first estimate of its time, and which of them are worth keeping.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/rt/join_int.h"

#define MS	    1000000ULL
#define MARGIN	    (5000 * MS) /* beyond the recording, that estimates may be wrong by */
#define STREAMS_MAX 4096u
#define TEXTS_MAX   65536u
#define ZONES	    (14 * 3600 * 1000 * MS)

int mp_join_file(struct mp_join *j)
{
	struct mp_join_file f = { 0 };

	j->last_stream = -1;
	return vec_push(&j->files, f);
}

/* --- whose ----------------------------------------------------------------------------- */

static int proc_of_pid(const struct join_facts *f, uint32_t pid)
{
	for (size_t i = f->procs.n; i-- > 0;)
		if (f->procs.v[i].pid == pid)
			return (int)i;
	for (size_t i = 0; i < f->tids.n; i++) /* HotSpot may have told the thread alone */
		if (f->tids.v[i].tid == pid)
			return facts_proc_of(f, f->tids.v[i].mm);
	return -1;
}

/* A log without a pid: of the first process that has such a heap in the recording, else whose
 * program is such a runtime's, else of the first that is not known to be another's. Where
 * the time is given, of the first one at any rate. */
static int proc_by_program(struct mp_join *j, enum mp_gclog_lang lang)
{
	const struct join_facts *f = &j->f;
	const char *runtime = mp_gclog_runtime(lang), *name;

	for (size_t i = 0; i < f->procs.n; i++)
		if (f->procs.v[i].sources >> mp_gclog_source(lang) & 1)
			return (int)i;
	for (size_t i = 0; i < f->procs.n; i++) {
		name = facts_named_runtime(f, &f->procs.v[i]);
		if (name && !strcmp(name, runtime))
			return (int)i;
	}
	for (size_t i = 0; i < f->procs.n; i++)
		if (j->o.has_offset || !facts_other_runtime(f, &f->procs.v[i], lang))
			return (int)i;
	j->misfit = f->procs.n != 0;
	j->misfit_lang = lang;
	return -1;
}

/* The process of a pid as the log has it. Who says which process the logs are of is
 * believed: in a container a runtime prints another number. */
static int whose(struct mp_join *j, const struct mp_gclog_gc *gc)
{
	int proc = gc->pid ? proc_of_pid(&j->f, gc->pid) : -1;
	int asked = j->o.pid ? proc_of_pid(&j->f, j->o.pid) : -1;

	if (proc < 0 && gc->pid)
		j->other_pid = gc->pid;
	if (j->o.pid && (proc < 0 || proc == asked))
		return asked;
	if (j->o.pid)
		return -1;
	if (gc->pid)
		return proc >= 0 || !j->o.has_offset ? proc : proc_by_program(j, gc->lang);
	return proc_by_program(j, gc->lang);
}

/* --- time ------------------------------------------------------------------------------- */

static enum join_base base_of(const struct mp_join *j, const struct mp_gclog_gc *gc)
{
	if (gc->mono != MP_UNKNOWN)
		return BASE_MONO;
	if (gc->wall != MP_UNKNOWN && !gc->wall_local && j->f.clocks.n)
		return BASE_WALL;
	if (gc->t != MP_UNKNOWN)
		return BASE_START;
	return gc->wall != MP_UNKNOWN && j->f.clocks.n ? BASE_LOCAL : BASE_NONE;
}

/* What is known of its times before anything is compared. */
static void set_base(struct mp_join *j, struct join_stream *s)
{
	s->err = mp_align_grain(s->lang);
	if (s->base == BASE_WALL)
		s->err += MS; /* the recording's own readings */
	if (s->base == BASE_LOCAL)
		s->err = ZONES;
	if (s->base != BASE_START)
		return;
	s->zero = facts_zero(&j->f, s->proc, s->lang, &s->err);
	if (j->o.has_offset) {
		s->zero = j->f.start + (uint64_t)j->o.offset;
		s->err = mp_align_grain(s->lang);
	}
	if (s->zero != MP_UNKNOWN)
		return;
	s->base = BASE_FREE; /* anywhere in the recording */
	s->zero = j->f.first;
	s->err = MP_UNKNOWN / 4;
}

/* Of the end of a collection; MP_UNKNOWN: there is none. */
static uint64_t estimate(struct mp_join *j, struct join_stream *s, const struct mp_gclog_gc *gc,
			 uint64_t len)
{
	uint64_t add = gc->at_start ? len : 0, ts, off;

	if (j->o.has_offset &&
	    (s->base == BASE_MONO || s->base == BASE_WALL || s->base == BASE_LOCAL))
		add += (uint64_t)j->o.offset;
	switch (s->base) {
	case BASE_MONO:
		return gc->mono + add;
	case BASE_WALL:
	case BASE_LOCAL:
		ts = mp_align_wall(j->f.clocks.v, j->f.clocks.n, gc->wall, s->last_est, &off);
		s->err += off > s->err ? off - s->err : 0;
		return ts == MP_UNKNOWN ? ts : ts + add;
	case BASE_START:
	case BASE_FREE:
		return s->zero + gc->t + add;
	default:
		return MP_UNKNOWN;
	}
}

/* --- heaps and runs ---------------------------------------------------------------------- */

static bool is_of(const struct join_stream *s, const struct mp_gclog_gc *gc, unsigned file,
		  enum join_base base)
{
	bool based = s->base == base || (s->base == BASE_FREE && base == BASE_START);

	return s->file == file && s->lang == gc->lang && based && s->pid == gc->pid &&
	       s->isolate == gc->isolate;
}

/* The time starts again: another run of the program wrote into the same file. */
static bool is_new_run(const struct join_stream *s, const struct mp_gclog_gc *gc)
{
	if (s->base != BASE_START && s->base != BASE_FREE)
		return false;
	return gc->t + 2 * MS < s->last_t && (gc->id == MP_UNKNOWN || gc->id <= s->last_id);
}

/* The heap whose time base is known by the process: the first in the log of that process. */
static int main_of(const struct mp_join *j, const struct join_stream *s)
{
	for (size_t i = j->streams.n; i-- > 0;) {
		const struct join_stream *o = &j->streams.v[i];

		if (o->file == s->file && o->lang == s->lang && o->pid == s->pid &&
		    o->isolate != s->isolate && o->base == s->base)
			return o->main < 0 ? (int)i : o->main;
	}
	return -1;
}

static int new_stream(struct mp_join *j, const struct mp_gclog_gc *gc, enum join_base base)
{
	struct join_stream s = { .file = (unsigned)j->files.n - 1,
				 .lang = gc->lang,
				 .base = base,
				 .pid = gc->pid,
				 .isolate = gc->isolate,
				 .proc = whose(j, gc),
				 .main = -1,
				 .order_lo = INT64_MIN,
				 .order_hi = INT64_MAX };

	if (j->streams.n == STREAMS_MAX)
		return -ENOSPC;
	if (s.proc >= 0)
		set_base(j, &s);
	if (gc->lang == MP_GCLOG_V8 || gc->lang == MP_GCLOG_V8_NVP)
		s.main = main_of(j, &s);
	if (s.main >= 0 && (s.base == BASE_START || s.base == BASE_FREE))
		s.err = MP_UNKNOWN / 4; /* a worker starts at any time */
	s.first_t = gc->t;
	return vec_push(&j->streams, s) ? -ENOMEM : (int)j->streams.n - 1;
}

/* HotSpot's timenanos alone looks like a time since the start, which it cannot be if it is an
 * instant of the recording: the machine was on for longer than the recording takes. */
static bool is_mono(const struct join_facts *f, const struct mp_gclog_gc *gc)
{
	return gc->lang == MP_GCLOG_UNIFIED && gc->t != MP_UNKNOWN && gc->mono == MP_UNKNOWN &&
	       gc->t + MARGIN > f->first && f->last > f->first &&
	       gc->t > 2 * (f->last - f->first) && gc->t < f->last + MARGIN;
}

static int stream_of(struct mp_join *j, const struct mp_gclog_gc *gc)
{
	unsigned file = (unsigned)j->files.n - 1;
	enum join_base base = base_of(j, gc);

	if (j->last_stream >= 0 && is_of(&j->streams.v[j->last_stream], gc, file, base) &&
	    !is_new_run(&j->streams.v[j->last_stream], gc))
		return j->last_stream;
	for (size_t i = j->streams.n; i-- > 0;) {
		if (j->streams.v[i].file != file)
			break;
		if (!is_of(&j->streams.v[i], gc, file, base))
			continue;
		return is_new_run(&j->streams.v[i], gc) ? new_stream(j, gc, base) : (int)i;
	}
	return new_stream(j, gc, base);
}

/* Lines come in the order of what they tell of: a line between two of the main heap happened
 * between them, which bounds where the time of its own heap began. */
static void note_order(struct mp_join *j, int at, const struct mp_gclog_gc *gc)
{
	struct join_stream *s = &j->streams.v[at], *m;
	int64_t d;

	if (gc->t == MP_UNKNOWN)
		return;
	if (s->main >= 0) {
		m = &j->streams.v[s->main];
		d = (int64_t)(m->last_t - gc->t);
		s->order_lo = d > s->order_lo ? d : s->order_lo;
		s->pending = true;
		return;
	}
	for (size_t i = (size_t)at + 1; i < j->streams.n; i++) {
		struct join_stream *w = &j->streams.v[i];

		if (w->main != at || !w->pending)
			continue;
		d = (int64_t)(gc->t - w->last_t);
		w->order_hi = d < w->order_hi ? d : w->order_hi;
		w->pending = false;
	}
}

/* --- taking ----------------------------------------------------------------------------- */

static int text_of(struct mp_join *j, const struct mp_gclog_gc *gc, uint32_t *out)
{
	char buf[MP_GCLOG_REASON], *copy;

	mp_gclog_reason(gc, buf);
	for (size_t i = j->texts.n; i-- > 0 && j->texts.n - i < 512;)
		if (!strcmp(j->texts.v[i], buf)) {
			*out = (uint32_t)i;
			return 0;
		}
	*out = 0;
	if (j->texts.n == TEXTS_MAX)
		return 0;
	copy = strdup(buf);
	if (!copy || vec_push(&j->texts, copy)) {
		free(copy);
		return -ENOMEM;
	}
	*out = (uint32_t)j->texts.n - 1;
	return 0;
}

/* Where it surely is: -1 before the recording, 1 after it, 0 perhaps within. */
static int surely(const struct mp_join *j, const struct join_stream *s, uint64_t est)
{
	uint64_t by = s->err + MARGIN;

	if (est > by && est - by > j->f.last)
		return 1;
	return est + by < j->f.first ? -1 : 0;
}

static int keep(struct mp_join *j, int at, const struct mp_gclog_gc *gc, uint64_t est, uint64_t len)
{
	struct join_kept k = { .est = est,
			       .len = len,
			       .pause = gc->pause,
			       .before = gc->before,
			       .marked = gc->marked,
			       .after = gc->after,
			       .cbefore = gc->cbefore,
			       .cafter = gc->cafter,
			       .goal = gc->goal,
			       .stream = (uint32_t)at,
			       .kind = gc->kind };
	int err = text_of(j, gc, &k.text);

	return err ? err : vec_push(&j->kept, k);
}

static int take(struct mp_join *j, const struct mp_gclog_gc *gc)
{
	uint64_t len = gc->span != MP_UNKNOWN ? gc->span : gc->pause != MP_UNKNOWN ? gc->pause : 0;
	struct mp_join_file *f = &j->files.v[j->files.n - 1];
	int at = stream_of(j, gc), where;
	struct join_stream *s;
	uint64_t est;

	if (at < 0) {
		f->dropped++;
		return at == -ENOSPC ? 0 : at;
	}
	s = &j->streams.v[at];
	j->last_stream = at;
	s->taken++;
	note_order(j, at, gc);
	s->last_t = gc->t;
	s->last_id = gc->id;
	est = s->proc >= 0 ? estimate(j, s, gc, len) : MP_UNKNOWN;
	where = est == MP_UNKNOWN ? 0 : surely(j, s, est);
	if (s->proc < 0)
		f->other++;
	else if (est == MP_UNKNOWN)
		f->unplaced++;
	else if (where)
		*(where < 0 ? &f->before : &f->after) += 1;
	else if (j->kept.n == JOIN_KEPT)
		f->dropped++;
	else
		return s->last_est = est, keep(j, at, gc, est, len);
	return 0;
}

int mp_join_take(void *ctx, const struct mp_gclog_gc *gc)
{
	struct mp_join *j = ctx;
	struct mp_gclog_gc own;

	if (!is_mono(&j->f, gc))
		return take(j, gc);
	own = *gc;
	own.mono = gc->t;
	return take(j, &own);
}
