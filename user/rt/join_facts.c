/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * join_facts.c - what of a recording helps to place a log: clocks, processes and when they
 * started, collections it saw, memory given back, faults.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "user/rt/join_int.h"

#ifndef MADV_FREE
#define MADV_FREE 8
#endif

int facts_proc_of(const struct join_facts *f, uint32_t mm)
{
	for (size_t i = f->procs.n; i-- > 0;)
		for (size_t k = 0; k < f->procs.v[i].mms.n; k++)
			if (f->procs.v[i].mms.v[k].mm == mm)
				return (int)i;
	return -1;
}

uint32_t facts_mm_at(const struct join_proc *p, uint64_t ts)
{
	size_t i = p->mms.n - 1;

	while (i && p->mms.v[i].from > ts)
		i--;
	return p->mms.v[i].mm;
}

const char *facts_program(const struct join_facts *f, const struct join_proc *p)
{
	const char *path = p->exe < f->strs.n ? f->strs.v[p->exe] : NULL, *base;

	base = path ? strrchr(path, '/') : NULL;
	return base ? base + 1 : path ? path : "";
}

/* node, nodejs, node20; but not node_exporter, which is none. */
static bool is_named(const char *program, const char *name)
{
	size_t n = strlen(name);

	if (strncmp(program, name, n))
		return false;
	program += n;
	program += strncmp(program, "js", 2) ? 0 : 2;
	return !program[strspn(program, "0123456789.-")];
}

const char *facts_named_runtime(const struct join_facts *f, const struct join_proc *p)
{
	const char *program = facts_program(f, p);

	return is_named(program, "node") ? "v8" : is_named(program, "java") ? "jvm" : NULL;
}

const char *facts_other_runtime(const struct join_facts *f, const struct join_proc *p,
				enum mp_gclog_lang lang)
{
	static const char *const names[MP_SRC_MAX] = {
		[MP_SRC_GC] = "gc",   [MP_SRC_V8] = "v8",	  [MP_SRC_GO] = "go",
		[MP_SRC_JVM] = "jvm", [MP_SRC_PYTHON] = "python", [MP_SRC_RUBY] = "ruby",
	};
	const char *named = facts_named_runtime(f, p);

	if (p->sources >> mp_gclog_source(lang) & 1)
		return NULL;
	for (unsigned s = 1; s < MP_SRC_MAX; s++)
		if (p->sources >> s & 1)
			return names[s];
	return named && strcmp(named, mp_gclog_runtime(lang)) ? named : NULL;
}

uint64_t facts_zero(const struct join_facts *f, int proc, enum mp_gclog_lang lang, uint64_t *err)
{
	const struct join_proc *p = &f->procs.v[proc];
	uint64_t start = p->start;

	if (!p->exact && !proc && f->proc_start != MP_UNKNOWN)
		start = mp_align_boot(f->clocks.v, f->clocks.n, f->proc_start);
	if (start == MP_UNKNOWN)
		return start;
	return mp_align_start(lang, start, p->exact, p->threads, p->n_threads, err);
}

static int add_proc(struct join_facts *f, uint32_t pid, uint32_t mm, uint64_t ts)
{
	struct join_proc p = { .pid = pid, .start = MP_UNKNOWN, .exit = MP_UNKNOWN };
	struct join_mm first = { ts, mm };

	if (vec_push(&p.mms, first) || vec_push(&f->procs, p)) {
		free(p.mms.v);
		return -ENOMEM;
	}
	return 0;
}

static int on_exec(struct join_facts *f, const struct mp_event *e)
{
	int i = facts_proc_of(f, e->mm);
	struct join_mm mm = { e->ts, e->mm };
	struct join_proc *p;

	if (i < 0 && e->task.a)
		i = facts_proc_of(f, (uint32_t)e->task.a);
	if (i < 0 && (!e->tid || add_proc(f, e->tid, e->mm, e->ts)))
		return e->tid ? -ENOMEM : 0;
	p = &f->procs.v[i < 0 ? (int)f->procs.n - 1 : i];
	p->start = e->ts;
	p->exact = true;
	p->n_threads = 0;
	return p->mms.v[p->mms.n - 1].mm == e->mm ? 0 : vec_push(&p->mms, mm);
}

static int on_task(struct join_facts *f, const struct mp_event *e)
{
	struct join_mark t = { e->ts, e->mm, e->tid };
	int i = facts_proc_of(f, e->mm);

	switch (e->sub) {
	case MP_TASK_TARGET:
		if (i < 0 && add_proc(f, (uint32_t)e->task.a, e->mm, e->ts))
			return -ENOMEM;
		i = i < 0 ? (int)f->procs.n - 1 : i;
		f->procs.v[i].exe = (uint32_t)e->task.b;
		return 0;
	case MP_TASK_EXEC:
		return on_exec(f, e);
	case MP_TASK_FORK:
		if (!e->task.b || facts_proc_of(f, (uint32_t)e->task.b) >= 0)
			return 0;
		if (add_proc(f, (uint32_t)e->task.a, (uint32_t)e->task.b, e->ts))
			return -ENOMEM;
		f->procs.v[f->procs.n - 1].start = e->ts;
		f->procs.v[f->procs.n - 1].exact = true;
		return 0;
	case MP_TASK_EXIT:
	case MP_TASK_MM_EXIT:
		if (i >= 0 && facts_mm_at(&f->procs.v[i], e->ts) == e->mm)
			f->procs.v[i].exit = e->ts;
		return 0;
	case MP_TASK_THREAD:
		if (i >= 0 && f->procs.v[i].n_threads < MP_ALIGN_THREADS)
			f->procs.v[i].threads[f->procs.v[i].n_threads++] = e->ts;
		return 0;
	case MP_TASK_NAME:
		return f->tids.n < JOIN_MARKS ? vec_push(&f->tids, t) : 0;
	default:
		return 0;
	}
}

/* Relations of the clocks that say something new, as the model keeps them. */
static int on_clock(struct join_facts *f, uint64_t ts, uint64_t wall, uint64_t boot)
{
	struct mp_align_clock c = { ts, wall, boot }, *l;
	int64_t dw, db;

	if (wall == MP_UNKNOWN || boot == MP_UNKNOWN)
		return 0;
	l = f->clocks.n ? &f->clocks.v[f->clocks.n - 1] : NULL;
	if (l && ts < l->ts)
		return 0;
	if (l) {
		dw = (int64_t)(wall - l->wall - (ts - l->ts));
		db = (int64_t)(boot - l->boot - (ts - l->ts));
		if (llabs(dw) < 200000 && llabs(db) < 200000)
			return 0;
	}
	return f->clocks.n < JOIN_STRS ? vec_push(&f->clocks, c) : 0;
}

static int on_meta(struct join_facts *f, const struct mp_event *e)
{
	uint64_t *to = e->sub == MP_META_START_TS     ? &f->start
		       : e->sub == MP_META_WALL_NS    ? &f->wall
		       : e->sub == MP_META_BOOT_NS    ? &f->boot
		       : e->sub == MP_META_PROC_START ? &f->proc_start
						      : NULL;

	if (!to)
		return 0;
	*to = e->v[0];
	if (f->clocks.n || f->start == MP_UNKNOWN)
		return 0;
	return on_clock(f, f->start, f->wall, f->boot);
}

static int on_gc(struct join_facts *f, const struct mp_event *e)
{
	struct join_seen s = { .gc = { e->ts, e->gc.pause, e->gc.before, e->gc.after },
			       .source = e->gc.source,
			       .has_reason = e->gc.reason != 0 };
	int proc = facts_proc_of(f, e->mm);

	s.proc = proc < 0 ? UINT32_MAX : (uint32_t)proc;
	return f->seen.n < 2 * JOIN_MARKS ? vec_push(&f->seen, s) : 0;
}

static void on_heap(struct join_facts *f, const struct mp_event *e)
{
	unsigned source = e->type == MP_EV_GC ? e->gc.source : e->sub;
	int proc = facts_proc_of(f, e->mm);

	if (proc >= 0 && source && source < MP_SRC_MAX)
		f->procs.v[proc].sources |= 1u << source;
}

static int on_call(struct join_facts *f, const struct mp_event *e)
{
	struct join_mark m = { e->ts, e->mm, e->tid };
	bool gives = e->sub == MP_CALL_MUNMAP ||
		     (e->sub == MP_CALL_MADVISE && (e->x == MADV_DONTNEED || e->x == MADV_FREE));

	if (!gives || e->flags & MP_CALL_FAILED || f->releases.n == JOIN_MARKS)
		return 0;
	return vec_push(&f->releases, m);
}

static int on_fault(struct join_facts *f, const struct mp_event *e)
{
	struct join_mark m = { e->ts - e->fault.span, e->mm, e->tid };

	return f->faults.n < JOIN_MARKS ? vec_push(&f->faults, m) : 0;
}

static int on_str(struct join_facts *f, const struct mp_event *e)
{
	uint32_t id = e->str.id, pos = e->str.pos, n;
	char *s;

	f->max_str = id > f->max_str ? id : f->max_str;
	if (id >= JOIN_STRS || e->x > 1024 || pos > e->x)
		return 0;
	if (id >= f->strs.n) {
		size_t had = f->strs.n;

		if (mp_grow(&f->strs.v, &f->strs.cap, id + 1, sizeof(*f->strs.v)))
			return -ENOMEM;
		f->strs.n = id + 1;
		memset(f->strs.v + had, 0, (f->strs.n - had) * sizeof(*f->strs.v));
	}
	if (!pos) {
		free(f->strs.v[id]);
		f->strs.v[id] = calloc(1, e->x + 1);
	}
	s = f->strs.v[id];
	if (!s)
		return pos ? 0 : -ENOMEM;
	n = (uint32_t)strlen(s);
	if (n != pos) /* pieces are missing */
		return 0;
	memcpy(s + pos, e->str.text, e->x - pos < MP_STR_CHUNK ? e->x - pos : MP_STR_CHUNK);
	return 0;
}

int facts_look(struct join_facts *f, const struct mp_event *e)
{
	if (e->type == MP_EV_STR)
		return on_str(f, e);
	if (e->type == MP_EV_KEYFRAME)
		f->in_key = e->sub == MP_KEY_BEGIN;
	if (!f->in_key) {
		f->first = e->ts < f->first ? e->ts : f->first;
		f->last = f->last == MP_UNKNOWN || e->ts > f->last ? e->ts : f->last;
	}
	if (e->type == MP_EV_TASK)
		return on_task(f, e);
	if (e->type == MP_EV_META)
		return on_meta(f, e);
	if (e->type == MP_EV_CLOCK)
		return on_clock(f, e->ts, e->clock.wall, e->clock.boot);
	if (e->type == MP_EV_HEAP || e->type == MP_EV_GC)
		on_heap(f, e);
	if (f->in_key)
		return 0;
	switch (e->type) {
	case MP_EV_GC:
		return on_gc(f, e);
	case MP_EV_CALL:
		return on_call(f, e);
	case MP_EV_FAULT:
		return on_fault(f, e);
	default:
		return 0;
	}
}

void facts_free(struct join_facts *f)
{
	for (size_t i = 0; i < f->procs.n; i++) {
		free(f->procs.v[i].mms.v);
		for (unsigned s = 0; s < MP_SRC_MAX; s++)
			free(f->procs.v[i].heaps[s]);
	}
	for (size_t i = 0; i < f->strs.n; i++)
		free(f->strs.v[i]);
	free(f->clocks.v);
	free(f->procs.v);
	free(f->seen.v);
	free(f->releases.v);
	free(f->faults.v);
	free(f->tids.v);
	free(f->strs.v);
}
