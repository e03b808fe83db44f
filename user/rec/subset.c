/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * subset.c - see subset.h.
 *
 * One table says of each type of event whose it is and what it names. What is not in it does
 * not go through: a type that is forgotten here is a gap in a view, never a name in the wrong
 * hands.
 */
#include "user/rec/subset.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "user/model/index.h"
#include "user/model/tell.h"
#include "user/util/util.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* --- what an event names ----------------------------------------------------------------- */

enum whose {
	WHOSE_UNKNOWN = 0, /* not in the table: nobody's                              */
	WHOSE_PROC,	   /* of its process; without one nobody's                    */
	WHOSE_ALL,	   /* of its process; without one of the machine or the session */
	WHOSE_TOLD,	   /* tells what others name: comes when they do              */
};

enum ref_kind { REF_NONE = 0, REF_STR, REF_STACK, REF_MODULE };

struct ref {
	uint8_t kind;
	uint8_t off, width; /* of the id in struct mp_event */
	uint8_t sub;	    /* only with this sub; 0: with any */
};

#define REF(kind, member)                                         \
	{                                                         \
		REF_##kind, offsetof(struct mp_event, member),    \
			sizeof(((struct mp_event *)0)->member), 0 \
	}
#define REF_OF(sub, kind, member)                                   \
	{                                                           \
		REF_##kind, offsetof(struct mp_event, member),      \
			sizeof(((struct mp_event *)0)->member), sub \
	}

struct row {
	uint8_t whose;
	struct ref ref[2];
};

static const struct row rows[] = {
	[MP_EV_FAULT] = { WHOSE_PROC, { REF(STACK, fault.stack) } },
	[MP_EV_CALL] = { WHOSE_PROC, { { 0 } } },
	[MP_EV_RSS] = { WHOSE_PROC, { { 0 } } },
	[MP_EV_MAP] = { WHOSE_PROC, { REF(STR, map.name) } },
	[MP_EV_PAGES] = { WHOSE_PROC, { REF(STACK, pages.site) } },
	[MP_EV_TASK] = { WHOSE_PROC, { REF(STR, task.comm), REF_OF(MP_TASK_TARGET, STR, task.b) } },
	[MP_EV_HEAP] = { WHOSE_PROC, { { 0 } } },
	[MP_EV_SPACE] = { WHOSE_PROC, { REF(STR, space.name) } },
	[MP_EV_GC] = { WHOSE_PROC, { REF(STR, gc.reason) } },
	[MP_EV_HEAP_RANGE] = { WHOSE_PROC, { REF(STR, range.name) } },
	[MP_EV_STR] = { WHOSE_TOLD, { { 0 } } },
	[MP_EV_LOSS] = { WHOSE_ALL, { { 0 } } },
	[MP_EV_PROBE] = { WHOSE_ALL, { REF(STR, v[1]) } },
	[MP_EV_META] = { WHOSE_ALL, { { 0 } } }, /* a string by its own word: meta() */
	[MP_EV_NOTE] = { WHOSE_PROC, { REF(STR, v[0]) } },
	[MP_EV_KEYFRAME] = { WHOSE_ALL, { { 0 } } },
	[MP_EV_TOTAL] = { WHOSE_ALL, { { 0 } } }, /* by the records below: total() */
	[MP_EV_TICK] = { WHOSE_ALL, { { 0 } } },
	[MP_EV_PHASE] = { WHOSE_PROC, { { 0 } } },
	[MP_EV_SAMPLE] = { WHOSE_PROC, { REF(STR, sample.what), REF(STACK, sample.stack) } },
	[MP_EV_MAJOR] = { WHOSE_PROC, { { 0 } } },
	[MP_EV_STACK] = { WHOSE_TOLD, { { 0 } } },
	[MP_EV_SITE] = { WHOSE_PROC, { REF(STACK, site.stack) } },
	[MP_EV_CGROUP] = { WHOSE_PROC, { REF(STR, x) } },
	[MP_EV_ROLLUP] = { WHOSE_PROC, { { 0 } } },
	[MP_EV_PLACE] = { WHOSE_PROC, { REF(STR, place.name), REF(MODULE, x) } },
	[MP_EV_MODULE] = { WHOSE_TOLD, { REF(STR, module.name) } },
	[MP_EV_POINT] = { WHOSE_TOLD, { { 0 } } }, /* summaries are made anew */
	[MP_EV_CLOCK] = { WHOSE_ALL, { { 0 } } },
	[MP_EV_CGROUP_MORE] = { WHOSE_PROC, { { 0 } } },
	[MP_EV_PROC] = { WHOSE_PROC, { { 0 } } },
};

/* The records of a state dump, which come in words from mp_event.x on. */
#define BY(i)                                                                         \
	{                                                                             \
		MP_TOTAL_SITE, REF_STACK, offsetof(struct mp_release, by[i].stack), 8 \
	}
static const struct {
	uint8_t sub, kind;
	uint16_t off, width; /* of the id in the record */
} records[] = {
	{ MP_TOTAL_GC, REF_STR, offsetof(struct mp_gc, reason), 4 },
	{ MP_TOTAL_THREAD, REF_STR, offsetof(struct mp_thread, name), 4 },
	{ MP_TOTAL_FAULT_SITE, REF_STACK, 0, 8 },
	{ MP_TOTAL_SITE, REF_STACK, offsetof(struct mp_release, stack), 8 },
	BY(0),
	BY(1),
	BY(2),
	BY(3),
};
_Static_assert(MP_RELEASE_BY == 4, "a row for each of mp_release.by");

bool mp_subset_knows(unsigned type)
{
	return type < N(rows) && rows[type].whose != WHOSE_UNKNOWN;
}

/* --- the subset -------------------------------------------------------------------------- */

/* An address of a stack that was first told of another process with the same image. */
struct borrowed {
	uint64_t ip;
	uint32_t from, to; /* mm */
};

struct mp_subset {
	mp_subset_fn *may; /* NULL: all */
	void *ctx;
	bool in_key;
	bool has_main;		     /* META says who is the first */
	bool same_main;		     /* ... and it is the session's first */
	uint64_t events, start, now; /* as who folds what was sent has them: outside of dumps */
	uint32_t *strs;		     /* those ever named, in that order */
	size_t n_strs, cap_strs;
	struct mp_index *named;		/* ... by id */
	struct mp_index *stacks, *mods; /* told since the last state dump, by id */
	struct borrowed *lent;
	size_t n_lent, cap_lent;
	struct mp_index *lent_at; /* by lent_key() */
};

struct to {
	struct mp_subset *s;
	const struct mp_model *m;
	mp_emit_fn *emit;
	void *ctx;
};

struct mp_subset *mp_subset_new(mp_subset_fn *may, void *ctx)
{
	struct mp_subset *s = calloc(1, sizeof(*s));

	if (s) {
		s->may = may;
		s->ctx = ctx;
	}
	return s;
}

/* What a state dump takes back: it tells all of it again. */
static void forget(struct mp_subset *s)
{
	mp_index_free(s->stacks);
	mp_index_free(s->mods);
	mp_index_free(s->lent_at);
	s->stacks = s->mods = s->lent_at = NULL;
	s->n_lent = 0;
	s->has_main = s->same_main = false;
}

void mp_subset_free(struct mp_subset *s)
{
	if (!s)
		return;
	forget(s);
	mp_index_free(s->named);
	free(s->strs);
	free(s->lent);
	free(s);
}

bool mp_subset_may(const struct mp_subset *s, uint32_t mm)
{
	return !s->may || (mm && s->may(s->ctx, mm));
}

static int out(void *to, const struct mp_event *e)
{
	struct to *t = to;
	struct mp_subset *s = t->s;

	if (!s->in_key && e->type != MP_EV_KEYFRAME) {
		s->events++;
		s->start = s->start ? s->start : e->ts;
		s->now = e->ts > s->now ? e->ts : s->now;
	}
	return t->emit(t->ctx, e);
}

/* --- strings, modules, stacks ------------------------------------------------------------ */

static int tell_string(struct to *t, uint64_t id, uint64_t ts)
{
	struct mp_subset *s = t->s;

	if (!id || id >= t->m->n_strs || !t->m->strs[id] ||
	    mp_index_find(s->named, id) != MP_INDEX_NONE)
		return 0;
	if (mp_grow(&s->strs, &s->cap_strs, s->n_strs + 1, sizeof(*s->strs)) ||
	    mp_index_add(&s->named, id, s->n_strs))
		return -ENOMEM;
	s->strs[s->n_strs++] = (uint32_t)id;
	return mp_tell_known(t->m, (uint32_t)id, ts, out, t);
}

static int tell_module(struct to *t, uint64_t id, uint64_t ts)
{
	const struct mp_module *mod;
	int err;

	if (!id || mp_index_find(t->s->mods, id) != MP_INDEX_NONE)
		return 0;
	mod = mp_model_module(t->m, (uint32_t)id);
	if (!mod)
		return 0;
	err = mp_index_add(&t->s->mods, id, 0) ? -ENOMEM : tell_string(t, mod->name, ts);
	return err ? err : mp_tell_module(mod, ts, out, t);
}

static int emit_place(struct to *t, const struct mp_place *p, uint32_t mm, uint64_t ts)
{
	int err = tell_string(t, p->name, ts);

	if (!err)
		err = tell_module(t, p->module, ts);
	return err ? err : mp_tell_place(p, mm, ts, out, t);
}

static uint64_t lent_key(uint32_t mm, uint64_t ip)
{
	return ip ^ (uint64_t)mm << 40;
}

static const struct borrowed *lent(const struct mp_subset *s, uint32_t mm, uint64_t ip)
{
	size_t i = mp_index_find(s->lent_at, lent_key(mm, ip));

	if (i == MP_INDEX_NONE || s->lent[i].from != mm || s->lent[i].ip != ip)
		return NULL;
	return &s->lent[i];
}

/* One address of such a stack: named now, if it is, and when it will be. */
static int borrow(struct to *t, const struct mp_stack *st, uint64_t ip, uint32_t to, uint64_t ts)
{
	struct borrowed b = { ip, st->mm, to };
	const struct mp_place *p = mp_model_place(t->m, st->mm, ip);
	struct mp_subset *s = t->s;

	if (mp_index_find(s->lent_at, lent_key(st->mm, ip)) == MP_INDEX_NONE) {
		if (mp_grow(&s->lent, &s->cap_lent, s->n_lent + 1, sizeof(*s->lent)) ||
		    mp_index_add(&s->lent_at, lent_key(st->mm, ip), s->n_lent))
			return -ENOMEM;
		s->lent[s->n_lent++] = b;
	}
	return p ? emit_place(t, p, to, ts) : 0;
}

static int emit_stack(struct to *t, const struct mp_stack *st, uint32_t mm, uint64_t ts)
{
	int err = mp_tell_stack(st, mm, ts, out, t);

	for (uint32_t i = 0; mm != st->mm && i < st->n && !err; i++)
		err = borrow(t, st, st->ip[i], mm, ts);
	return err;
}

/*
 * A stack has one number in all processes of one image, and the first that was seen with it
 * gave it its mm. Another one that runs and may not be seen has only lent its mm; but an mm
 * that is no process's now was the process's own before an exec, or is nobody's: what an
 * image did that may have run with other rights is not told.
 */
static int tell_stack(struct to *t, uint64_t id, uint32_t mm, uint64_t ts)
{
	const struct mp_stack *st;
	bool own;

	if (!id || mp_index_find(t->s->stacks, id) != MP_INDEX_NONE)
		return 0;
	st = mp_model_stack(t->m, id);
	if (!st || st->n < st->total)
		return 0;
	own = mp_subset_may(t->s, st->mm);
	if (!own && !mp_model_proc(t->m, st->mm))
		return 0;
	if (mp_index_add(&t->s->stacks, id, 0))
		return -ENOMEM;
	return emit_stack(t, st, own ? st->mm : mm, ts);
}

static int tell(struct to *t, unsigned kind, uint64_t id, const struct mp_event *e)
{
	switch (kind) {
	case REF_STR:
		return tell_string(t, id, e->ts);
	case REF_STACK:
		return tell_stack(t, id, e->mm, e->ts);
	case REF_MODULE:
		return tell_module(t, id, e->ts);
	default:
		return 0;
	}
}

static uint64_t load(const void *base, size_t off, size_t width)
{
	uint64_t v = 0; /* little-endian, as everything that memprof runs on */

	memcpy(&v, (const char *)base + off, width);
	return v;
}

/* Tells what e names, then e. */
static int pass(struct to *t, const struct mp_event *e)
{
	const struct row *r = &rows[e->type];
	int err = 0;

	for (size_t i = 0; i < N(r->ref) && !err; i++)
		if (r->ref[i].kind && (!r->ref[i].sub || r->ref[i].sub == e->sub))
			err = tell(t, r->ref[i].kind, load(e, r->ref[i].off, r->ref[i].width), e);
	return err ? err : out(t, e);
}

/* --- the session and its first target ---------------------------------------------------- */

enum meta_of { META_UNKNOWN = 0, META_SESSION, META_FIRST, META_FILE };

static const uint8_t metas[] = {
	[MP_META_PID] = META_FIRST,	     [MP_META_COMM] = META_FIRST,
	[MP_META_EXE] = META_FIRST,	     [MP_META_PAGE_SIZE] = META_SESSION,
	[MP_META_START_TS] = META_SESSION,   [MP_META_WALL_NS] = META_SESSION,
	[MP_META_BOOT_NS] = META_SESSION,    [MP_META_KERNEL] = META_SESSION,
	[MP_META_VERSION] = META_SESSION,    [MP_META_PROC_START] = META_FIRST,
	[MP_META_THREADS] = META_FIRST,	     [MP_META_TICK_NS] = META_SESSION,
	[MP_META_NCPU] = META_SESSION,	     [MP_META_END_TS] = META_SESSION,
	[MP_META_LOOKS_ALL] = META_SESSION,  [MP_META_LOOKS_SUSPECT] = META_SESSION,
	[MP_META_LOOKS_HUNT] = META_SESSION, [MP_META_SNAPSHOTS] = META_SESSION,
	[MP_META_LOOKS_NS] = META_SESSION,   [MP_META_CMDLINE] = META_FIRST,
	[MP_META_ENVIRON] = META_FIRST,	     [MP_META_SHARD] = META_FILE,
	[MP_META_TRIGGER] = META_FILE,
};
_Static_assert(N(metas) == MP_META_MAX, "whom a new fact is about");

static bool meta_is_string(unsigned key)
{
	return key == MP_META_COMM || key == MP_META_EXE || key == MP_META_CMDLINE ||
	       key == MP_META_ENVIRON;
}

static int meta(struct to *t, const struct mp_event *e)
{
	unsigned of = e->sub < N(metas) ? metas[e->sub] : META_UNKNOWN;
	int err = 0;

	if (of == META_UNKNOWN || (t->s->may && of == META_FILE) ||
	    (t->s->may && of == META_FIRST && !t->s->same_main))
		return 0;
	if (e->meta.isstr)
		err = tell_string(t, e->meta.num, e->ts);
	return err ? err : out(t, e);
}

static int tell_meta(struct to *t, unsigned key, uint64_t num, uint64_t ts)
{
	struct mp_event e = { .ts = ts, .type = MP_EV_META, .sub = (uint8_t)key };
	int err = 0;

	e.meta.num = num;
	e.meta.isstr = meta_is_string(key);
	if (e.meta.isstr)
		err = num ? tell_string(t, num, ts) : 0;
	return err || num == MP_UNKNOWN || (e.meta.isstr && !num) ? err : out(t, &e);
}

/* The first process that is chosen is what META says of the first. */
static int tell_main(struct to *t, const struct mp_event *target)
{
	const uint64_t *known = t->m->meta;
	struct mp_subset *s = t->s;
	int err = 0;

	if (s->has_main)
		return 0;
	s->has_main = true;
	s->same_main = known[MP_META_PID] == target->task.a;
	if (!s->may && known[MP_META_PID] != MP_UNKNOWN)
		return 0; /* goes through */
	if (s->same_main) {
		for (unsigned key = 0; key < N(metas) && !err; key++)
			if (metas[key] == META_FIRST)
				err = tell_meta(t, key, known[key], target->ts);
		return err;
	}
	err = tell_meta(t, MP_META_PID, target->task.a, target->ts);
	if (!err)
		err = tell_meta(t, MP_META_COMM, target->task.comm, target->ts);
	return err ? err : tell_meta(t, MP_META_EXE, target->task.b, target->ts);
}

/* --- events that are not what they were -------------------------------------------------- */

/* Left without a name of its own it has its parent's, which may not be here to be asked. */
static uint32_t own_name(const struct mp_model *m, const struct mp_event *e)
{
	const struct mp_proc *p = mp_model_proc(m, e->mm);

	if (p && p->comm)
		return p->comm;
	p = e->task.c ? mp_model_pid(m, (uint32_t)e->task.c) : NULL;
	return p ? p->comm : 0;
}

static int task(struct to *t, const struct mp_event *was)
{
	struct mp_event e = *was;
	int err = 0;

	memset(e.task.rsvd, 0, sizeof(e.task.rsvd));
	switch (e.sub) {
	case MP_TASK_FORK:
		if (!mp_subset_may(t->s, (uint32_t)e.task.b))
			e.task.b = 0;
		break;
	case MP_TASK_EXEC:
		if (e.task.a && !mp_subset_may(t->s, (uint32_t)e.task.a))
			e.task.a = 0;
		break;
	case MP_TASK_TARGET:
		if (!e.task.comm && !t->s->in_key)
			e.task.comm = own_name(t->m, &e);
		err = tell_main(t, &e);
		break;
	default:
		break;
	}
	return err ? err : pass(t, &e);
}

/* It became somebody who may not be seen: for who looks on, that was its end. */
static int vanishes(struct to *t, const struct mp_event *exec)
{
	struct mp_event e = { .ts = exec->ts,
			      .type = MP_EV_TASK,
			      .sub = MP_TASK_EXIT,
			      .mm = (uint32_t)exec->task.a,
			      .tid = exec->tid };

	e.task.a = MP_UNKNOWN;
	return exec->task.a <= UINT32_MAX && mp_subset_may(t->s, e.mm) ? out(t, &e) : 0;
}

/* What is said of a runtime is said of some process; so is, until it is known, what is new. */
static bool is_of_kernel(unsigned feature)
{
	return (feature <= MP_FEAT_STACKS && feature != MP_FEAT_HEAP_V8 &&
		feature != MP_FEAT_HEAP_GC) ||
	       feature == MP_FEAT_OOM;
}

static int probe(struct to *t, const struct mp_event *was)
{
	struct mp_event e = *was;

	if (t->s->may && !is_of_kernel(e.sub))
		e.v[1] = 0;
	return pass(t, &e);
}

/* Fields of the whole stream by their numbers in user/model/dump.c. */
enum { MODEL_NOW = 1, MODEL_START, MODEL_EVENTS, MODEL_LOST, MODEL_LOST_TOTAL };

static int total_model(struct to *t, const struct mp_event *was)
{
	struct mp_event e = *was;

	if (e.x == MODEL_NOW)
		e.v[0] = t->s->now;
	else if (e.x == MODEL_START)
		e.v[0] = t->s->start;
	else if (e.x == MODEL_EVENTS)
		e.v[0] = t->s->events;
	/* Sums over processes that ended, and kills of those not watched, are of anybody. */
	return e.x && (e.x <= MODEL_LOST_TOTAL || !t->s->may) ? out(t, &e) : 0;
}

static int total(struct to *t, const struct mp_event *e)
{
	size_t from = e->x * sizeof(uint64_t);
	int err = 0;

	if (!t->s->in_key)
		return 0;
	switch (e->sub) {
	case MP_TOTAL_MODEL:
		return total_model(t, e);
	case MP_TOTAL_PROC: /* numbers: exe, comm and the like are told by other events */
	case MP_TOTAL_MAP:
	case MP_TOTAL_MAP_KINDS:
	case MP_TOTAL_LONE:
		return e->mm ? out(t, e) : 0;
	case MP_TOTAL_GC:
	case MP_TOTAL_THREAD:
	case MP_TOTAL_FAULT_SITE:
		break;
	case MP_TOTAL_SITE:
		if (!e->flags) /* releases: the only table that there is */
			break;
		return 0;
	default:
		return 0;
	}
	for (size_t i = 0; i < N(records) && e->mm && !err; i++) {
		size_t off = records[i].off;

		if (records[i].sub == e->sub && off >= from &&
		    off + records[i].width <= from + sizeof(e->v))
			err = tell(t, records[i].kind, load(e->v, off - from, records[i].width), e);
	}
	return err || !e->mm ? err : out(t, e);
}

/* A state dump stands by itself; strings that only summaries name are told in it, too. */
static int keyframe(struct to *t, const struct mp_event *e)
{
	int err = out(t, e);

	t->s->in_key = e->sub == MP_KEY_BEGIN;
	if (!t->s->in_key)
		return err;
	forget(t->s);
	for (size_t i = 0; i < t->s->n_strs && !err; i++)
		if (t->s->strs[i] < t->m->n_strs && t->m->strs[t->s->strs[i]])
			err = mp_tell_known(t->m, t->s->strs[i], e->ts, out, t);
	return err;
}

/* A module that was told is told anew when it changes; what is new of it is in the event. */
static int module(struct to *t, const struct mp_event *e)
{
	if (mp_index_find(t->s->mods, e->x) == MP_INDEX_NONE)
		return 0;
	return pass(t, e);
}

/* What is missing is missing in the machine's stream, whose ever it was. */
static int loss(struct to *t, const struct mp_event *was)
{
	struct mp_event e = *was;

	if (!mp_subset_may(t->s, e.mm))
		e.mm = e.tid = 0;
	return out(t, &e);
}

/* Of an address space that may not be seen only what it lent. */
static int unseen(struct to *t, const struct mp_event *was)
{
	const struct borrowed *b;
	struct mp_event e = *was;

	if (e.type == MP_EV_TASK && e.sub == MP_TASK_EXEC && e.task.a)
		return vanishes(t, &e);
	b = e.type == MP_EV_PLACE ? lent(t->s, e.mm, e.place.ip) : NULL;
	if (!b || !mp_subset_may(t->s, b->to))
		return 0;
	e.mm = b->to;
	return pass(t, &e);
}

static int through(void *ctx, const struct mp_event *e)
{
	struct to *t = ctx;

	if (!mp_subset_knows(e->type))
		return 0;
	if (e->type == MP_EV_MODULE)
		return module(t, e);
	if (rows[e->type].whose == WHOSE_TOLD)
		return 0;
	if (e->type == MP_EV_LOSS)
		return loss(t, e);
	if (e->mm ? !mp_subset_may(t->s, e->mm) : t->s->may && rows[e->type].whose != WHOSE_ALL)
		return e->mm ? unseen(t, e) : 0;
	switch (e->type) {
	case MP_EV_META:
		return meta(t, e);
	case MP_EV_TASK:
		return task(t, e);
	case MP_EV_PROBE:
		return probe(t, e);
	case MP_EV_TOTAL:
		return total(t, e);
	case MP_EV_KEYFRAME:
		return keyframe(t, e);
	default:
		return pass(t, e);
	}
}

int mp_subset_event(struct mp_subset *s, const struct mp_model *m, const struct mp_event *e,
		    mp_emit_fn *emit, void *ctx)
{
	struct to t = { s, m, emit, ctx };

	return through(&t, e);
}

int mp_subset_dump(struct mp_subset *s, const struct mp_model *m, mp_emit_fn *emit, void *ctx)
{
	struct to t = { s, m, emit, ctx };

	if (!s->events) { /* who begins with it begins here */
		s->events = 1;
		s->start = m->start;
		s->now = m->now;
	}
	return mp_model_dump(m, through, &t);
}

int mp_subset_string(struct mp_subset *s, const struct mp_model *m, uint32_t id, mp_emit_fn *emit,
		     void *ctx)
{
	struct to t = { s, m, emit, ctx };

	return tell_string(&t, id, m->now);
}
