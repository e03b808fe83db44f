/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_subset.c - some processes out of the stream of all: not a byte of the others' names, and
 * of those chosen everything.
 */
#include "tests/unit/ev.h"
#include "user/rec/subset.h"
#include "user/view/event.h"

#define STORY_MAX 4096
#define HEAP	  0x7f0000000000ULL
#define CODE	  0x400000ULL

/* --- three processes with names of their own everywhere ---------------------------------- */

struct story {
	struct mp_event ev[STORY_MAX];
	size_t n;
	uint64_t ts;
	uint32_t strs;
};

static struct mp_event *put(struct story *s, struct mp_event e)
{
	assert_true(s->n < STORY_MAX);
	s->ev[s->n] = e;
	return &s->ev[s->n++];
}

/* "SECRET-2-comm-SECRET-2-...": long enough for several pieces. */
static uint32_t name(struct story *s, unsigned who, const char *what)
{
	char text[160];
	uint32_t id = ++s->strs;
	size_t len;

	snprintf(text, sizeof(text),
		 "SECRET-%u-%s-SECRET-%u-SECRET-%u-SECRET-%u-SECRET-%u-SECRET-%u", who, what, who,
		 who, who, who, who);
	len = strlen(text);
	for (size_t pos = 0; pos < len; pos += MP_STR_CHUNK) {
		struct mp_event *e = put(s, ev_str(s->ts, id, text + pos, len, 0));
		size_t n = len - pos < MP_STR_CHUNK ? len - pos : MP_STR_CHUNK;

		memset(e->str.text, 0, sizeof(e->str.text));
		memcpy(e->str.text, text + pos, n);
		e->str.pos = (uint32_t)pos;
		e->tid = 0;
	}
	return id;
}

static void meta(struct story *s, unsigned key, uint64_t num, bool isstr)
{
	struct mp_event *e = put(s, ev(MP_EV_META, key, 0, s->ts));

	e->meta.num = num;
	e->meta.isstr = isstr;
}

static void begin_session(struct story *s)
{
	struct mp_event *e;
	uint32_t why;

	meta(s, MP_META_PID, 1001, false);
	meta(s, MP_META_COMM, name(s, 1, "meta-comm"), true);
	meta(s, MP_META_EXE, name(s, 1, "meta-exe"), true);
	meta(s, MP_META_CMDLINE, name(s, 1, "cmdline"), true);
	meta(s, MP_META_ENVIRON, name(s, 1, "environ"), true);
	meta(s, MP_META_START_TS, s->ts, false);
	meta(s, MP_META_TRIGGER, name(s, 3, "trigger"), true);
	e = put(s, ev(MP_EV_PROBE, MP_FEAT_FAULTS, 0, s->ts));
	e->x = MP_RUNG_TP_BTF;
	why = name(s, 2, "probe-why");
	e = put(s, ev(MP_EV_PROBE, MP_FEAT_HEAP_GO, 0, s->ts));
	e->v[1] = why;
}

static uint32_t target(struct story *s, unsigned who)
{
	uint32_t comm = name(s, who, "comm"), exe = name(s, who, "exe");
	struct mp_event *e = put(s, ev_task(who, s->ts, MP_TASK_TARGET, 1000 + who, exe));

	e->task.comm = comm;
	return comm;
}

static void maps(struct story *s, unsigned who)
{
	uint32_t lib = name(s, who, "library"), heap = name(s, who, "mapping");

	put(s, ev(MP_EV_MAP, MP_MAP_BEGIN, who, s->ts));
	put(s, ev_line(who, s->ts, CODE, CODE + 64 * PG, BITS_LIB, lib));
	put(s, ev_line(who, s->ts, HEAP, HEAP + 512 * PG, BITS_RW, heap));
	put(s, ev(MP_EV_MAP, MP_MAP_END, who, s->ts));
}

static uint32_t module(struct story *s, unsigned who)
{
	uint32_t path = name(s, who, "module");
	struct mp_event *e = put(s, ev(MP_EV_MODULE, 0, 0, s->ts));

	e->x = who * 10;
	e->flags = 8;
	e->module.name = path;
	memset(e->module.build, (int)who, 8);
	return who * 10;
}

static void stack(struct story *s, unsigned who, uint64_t id)
{
	for (uint64_t pos = 0; pos < 7; pos += MP_STACK_CHUNK) {
		struct mp_event *e = put(s, ev(MP_EV_STACK, 0, who, s->ts));

		e->x = 7;
		e->stack.id = id;
		e->stack.pos = pos;
		for (uint64_t k = 0; k < MP_STACK_CHUNK && pos + k < 7; k++)
			e->stack.ip[k] = CODE + id * 0x100 + pos + k;
	}
}

static void place(struct story *s, unsigned who, uint64_t ip, uint32_t mod)
{
	uint32_t fn = name(s, who, "function");
	struct mp_event *e = put(s, ev(MP_EV_PLACE, MP_PLACE_SYMTAB, who, s->ts));

	e->x = mod;
	e->place.ip = ip;
	e->place.name = fn;
}

static void cgroup(struct story *s, unsigned who)
{
	uint32_t path = name(s, who, "cgroup");
	struct mp_event *e = put(s, ev(MP_EV_CGROUP, 2, who, s->ts));

	e->x = path;
	e->cgroup.charged = 1000 * who;
	e = put(s, ev(MP_EV_CGROUP_MORE, 2, who, s->ts));
	e->cgroup_more.slab = who;
}

static void heap(struct story *s, unsigned who, unsigned round)
{
	struct mp_event *e = put(s, ev_heap(who, s->ts, MP_SRC_GC, (100 + round) * PG, 400 * PG));
	uint32_t id = name(s, who, "space");

	e = put(s, ev(MP_EV_SPACE, MP_SRC_GC, who, s->ts));
	e->space.name = id;
	id = name(s, who, "reason");
	e = put(s, ev_gc(who, s->ts, MP_GC_MAJOR, 200 * PG, (100 - round % 50) * PG));
	e->gc.reason = id;
	id = name(s, who, "range");
	e = put(s, ev_range(who, s->ts, MP_HEAP_COMMIT, HEAP, 16 * PG));
	e->range.name = id;
	id = name(s, who, "sample");
	e = put(s, ev(MP_EV_SAMPLE, MP_SRC_GC, who, s->ts));
	e->sample.what = id;
	e = put(s, ev(MP_EV_PHASE, MP_PHASE_MARK, who, s->ts));
	e->phase.dur = 5;
}

static void thread(struct story *s, unsigned who, uint32_t tid)
{
	uint32_t id = name(s, who, "thread");
	struct mp_event *e;

	e = put(s, ev_fault(who, s->ts, HEAP + 300 * PG, 1, MP_FAULT_WRITE));
	e->tid = tid;
	e = put(s, ev(MP_EV_TASK, MP_TASK_NAME, who, s->ts));
	e->tid = tid;
	e->task.comm = id;
}

static void work(struct story *s, unsigned who, unsigned round)
{
	uint64_t id = who * 10 + round % 3;
	struct mp_event *e;

	if (round < 3) {
		stack(s, who, id);
		if (round != 1)
			place(s, who, CODE + id * 0x100 + 2, who * 10);
	}
	e = put(s, ev(MP_EV_SITE, MP_SITE_FAULT, who, s->ts));
	e->x = 4;
	e->site.stack = id;
	e = put(s, ev_fault(who, s->ts, HEAP + round * 8 * PG, 8, MP_FAULT_WRITE));
	e->fault.stack = id;
	e = put(s, ev(MP_EV_SITE, MP_SITE_CALL, who, s->ts));
	e->site.stack = id;
	e = put(s, ev_madvise(who, s->ts, HEAP + round * 4 * PG, 4 * PG, MADV_DONTNEED));
	e->call.d_anon = -4;
	put(s, ev_rss(who, s->ts, 8 * round + 8, who, 0));
	if (round == 5) /* the module's build-id shows later */
		put(s, ev(MP_EV_MODULE, 0, 0, s->ts))->x = 0;
}

static void others(struct story *s, unsigned who, unsigned round)
{
	uint32_t id = name(s, who, "note");
	struct mp_event *e = put(s, ev(MP_EV_NOTE, MP_NOTE_PROGRAM, who, s->ts));

	e->v[0] = id;
	id = name(s, 3, "trigger-note");
	e = put(s, ev(MP_EV_NOTE, MP_NOTE_MEMPROF, 0, s->ts));
	e->v[0] = id;
	put(s, ev_task(0, s->ts, MP_TASK_OOM, 3333, 0));
	e = put(s, ev(MP_EV_LOSS, MP_LOSS_GC_RING, who, s->ts));
	e->x = 1 + round;
	put(s, ev(MP_EV_TICK, 0, 0, s->ts));
}

/* Process 2 runs another program half way, as mm 4; process 3 ends. */
static void tell_story(struct story *s)
{
	memset(s, 0, sizeof(*s));
	s->ts = T0;
	begin_session(s);
	for (unsigned who = 1; who <= 3; who++) {
		target(s, who);
		maps(s, who);
		module(s, who);
		cgroup(s, who);
	}
	for (unsigned round = 0; round < 12; round++) {
		for (unsigned who = 1; who <= 3; who++) {
			s->ts += 3 * MS;
			if (who == 3 && round > 8)
				continue;
			work(s, who, round);
			heap(s, who, round);
			thread(s, who, 5000 + who * 10 + round % 2);
			others(s, who, round);
		}
	}
	put(s, ev_task(3, s->ts, MP_TASK_EXIT, 0, 0));
	put(s, ev_task(3, s->ts, MP_TASK_MM_EXIT, 0, 0));
	s->ts += 2 * SEC;
	put(s, ev(MP_EV_TICK, 0, 0, s->ts));
}

/* --- both models ------------------------------------------------------------------------- */

struct both {
	struct mp_model *all, *some;
	struct mp_subset *subset;
	uint32_t chosen;
	size_t n, bytes, cap;
	char *raw; /* all that was emitted */
};

static bool may(void *ctx, uint32_t mm)
{
	return mm == *(uint32_t *)ctx;
}

static int emit(void *ctx, const struct mp_event *e)
{
	struct both *b = ctx;
	int err = mp_model_fold(b->some, e);

	if (b->bytes + sizeof(*e) > b->cap) {
		b->cap = b->cap ? 2 * b->cap : 1 << 16;
		b->raw = realloc(b->raw, b->cap);
		assert_non_null(b->raw);
	}
	/* texts one behind the other, as their pieces come */
	if (e->type == MP_EV_STR) {
		size_t left = e->x - e->str.pos, n = left < MP_STR_CHUNK ? left : MP_STR_CHUNK;

		memcpy(b->raw + b->bytes, e->str.text, n);
		b->bytes += n;
	} else {
		memcpy(b->raw + b->bytes, e, sizeof(*e));
		b->bytes += sizeof(*e);
	}
	b->n++;
	return err == -EINVAL ? 0 : err;
}

static void begin(struct both *b, uint32_t chosen)
{
	memset(b, 0, sizeof(*b));
	b->all = mp_model_new();
	b->some = mp_model_new();
	b->chosen = chosen;
	b->subset = mp_subset_new(may, &b->chosen);
	assert_true(b->all && b->some && b->subset);
}

static void end(struct both *b)
{
	mp_model_free(b->all);
	mp_model_free(b->some);
	mp_subset_free(b->subset);
	free(b->raw);
}

static void one(struct both *b, const struct mp_event *e, bool before)
{
	int err;

	if (before)
		assert_int_equal(mp_subset_event(b->subset, b->all, e, emit, b), 0);
	err = mp_model_fold(b->all, e);
	assert_true(err == 0 || err == -EINVAL);
	if (!before)
		assert_int_equal(mp_subset_event(b->subset, b->all, e, emit, b), 0);
}

/* --- what must be the same --------------------------------------------------------------- */

struct rows {
	struct mp_event *e;
	size_t n, cap;
	uint32_t mm;
	uint64_t now;
};

static int take_row(void *ctx, const struct mp_event *e)
{
	struct rows *r = ctx;
	struct mp_event *to;

	/* stacks and places are compared by what they say: same_sites() */
	if (e->mm != r->mm || e->type == MP_EV_STACK || e->type == MP_EV_PLACE)
		return 0;
	if (r->n == r->cap) {
		r->cap = r->cap ? 2 * r->cap : 1024;
		r->e = realloc(r->e, r->cap * sizeof(*r->e));
		assert_non_null(r->e);
	}
	to = &r->e[r->n++];
	*to = *e;
	if (to->ts == r->now)
		to->ts = 0;
	return 0;
}

static struct rows rows_of(const struct mp_model *m, uint32_t mm)
{
	struct rows r = { .mm = mm, .now = m->now };

	assert_int_equal(mp_model_dump(m, take_row, &r), 0);
	return r;
}

static void same_rows(const struct both *b)
{
	struct rows a = rows_of(b->all, b->chosen), s = rows_of(b->some, b->chosen);

	assert_int_equal(a.n, s.n);
	assert_true(a.n > 0);
	for (size_t i = 0; i < a.n; i++)
		assert_memory_equal(&a.e[i], &s.e[i], sizeof(a.e[i]));
	free(a.e);
	free(s.e);
}

static void same_sites(const struct both *b)
{
	const struct mp_proc *p = mp_model_proc(b->all, b->chosen);

	for (size_t i = 0; i < p->n_fsites; i++) {
		const struct mp_stack *x = mp_model_stack(b->all, p->fsites[i].stack);
		const struct mp_stack *y = mp_model_stack(b->some, p->fsites[i].stack);

		if (!x)
			continue;
		assert_non_null(y);
		assert_int_equal(x->n, y->n);
		for (uint32_t k = 0; k < x->n; k++) {
			char one[256], other[256];

			assert_true(x->ip[k] == y->ip[k]);
			mp_frame_text(b->all, x->mm, x->ip[k], one, sizeof(one));
			mp_frame_text(b->some, y->mm, y->ip[k], other, sizeof(other));
			assert_string_equal(one, other);
		}
	}
}

static void same_names(const struct both *b)
{
	const struct mp_proc *p = mp_model_proc(b->all, b->chosen);
	const struct mp_proc *q = mp_model_proc(b->some, b->chosen);

	assert_string_equal(mp_str(b->all, p->comm), mp_str(b->some, q->comm));
	assert_string_equal(mp_str(b->all, p->exe), mp_str(b->some, q->exe));
	for (size_t i = 0; i < p->n_threads; i++)
		assert_string_equal(mp_str(b->all, p->threads[i].name),
				    mp_str(b->some, q->threads[i].name));
	for (size_t i = 0; i < p->n_gcs; i++)
		assert_string_equal(mp_str(b->all, p->gcs[i].reason),
				    mp_str(b->some, q->gcs[i].reason));
	for (const struct mp_mapping *v = p->maps; v; v = v->next)
		assert_string_equal(mp_str(b->all, v->name), mp_str(b->some, v->name));
	assert_string_equal(mp_str(b->all, p->cgroup.name), mp_str(b->some, q->cgroup.name));
}

static void same(const struct both *b)
{
	if (!mp_model_proc(b->all, b->chosen)) {
		assert_int_equal(b->some->n_procs, 0);
		return;
	}
	assert_int_equal(b->some->n_procs, 1);
	check_model(b->some);
	same_rows(b);
	same_names(b);
	same_sites(b);
	assert_int_equal(b->all->lost_total, b->some->lost_total);
	assert_int_equal(b->some->oom_others.n, 0);
}

static void no_secret_of_others(const struct both *b)
{
	for (unsigned who = 1; who <= 3; who++) {
		char text[32];

		snprintf(text, sizeof(text), "SECRET-%u", who);
		if (who == b->chosen)
			assert_true(!mp_model_proc(b->all, who) ||
				    memmem(b->raw, b->bytes, text, strlen(text)));
		else
			assert_false(b->bytes && memmem(b->raw, b->bytes, text, strlen(text)));
	}
}

/* --- tests ------------------------------------------------------------------------------- */

static void test_from_the_start(void **state)
{
	static struct story s;

	(void)state;
	tell_story(&s);
	for (uint32_t chosen = 1; chosen <= 3; chosen++) {
		for (int before = 0; before < 2; before++) {
			struct both b;

			begin(&b, chosen);
			for (size_t i = 0; i < s.n; i++)
				one(&b, &s.ev[i], before);
			same(&b);
			no_secret_of_others(&b);
			assert_int_equal(b.some->meta[MP_META_PID], 1000 + chosen);
			assert_int_equal(b.some->meta[MP_META_START_TS], T0);
			assert_int_equal(b.some->meta[MP_META_CMDLINE] != MP_UNKNOWN, chosen == 1);
			assert_true(b.some->meta[MP_META_TRIGGER] == MP_UNKNOWN);
			assert_true(b.some->probes[MP_FEAT_HEAP_GO].known);
			assert_int_equal(b.some->probes[MP_FEAT_HEAP_GO].why, 0);
			end(&b);
		}
	}
}

/* Joined anywhere by a dump, as by a keyframe. */
static void test_joined_anywhere(void **state)
{
	static struct story s;

	(void)state;
	tell_story(&s);
	for (size_t at = 0; at < s.n; at += at < 150 ? 1 : 7) {
		uint32_t chosen = 1 + at % 3;
		struct both b;

		begin(&b, chosen);
		for (size_t i = 0; i < at; i++)
			mp_model_fold(b.all, &s.ev[i]);
		if (b.all->snap) { /* a dump is no place for half a snapshot */
			end(&b);
			continue;
		}
		assert_int_equal(mp_subset_dump(b.subset, b.all, emit, &b), 0);
		for (size_t i = at; i < s.n; i++)
			one(&b, &s.ev[i], true);
		same(&b);
		no_secret_of_others(&b);
		end(&b);
	}
}

/* The stream and its own dumps tell the same: who comes later sees what who was there sees. */
static void test_dump_is_the_stream(void **state)
{
	static struct story s;
	struct both b;

	(void)state;
	tell_story(&s);
	begin(&b, 2);
	for (size_t i = 0; i < s.n; i++) {
		one(&b, &s.ev[i], true);
		if (i % 97 == 0 && !b.all->snap) {
			uint64_t events = b.some->events, now = b.some->now, start = b.some->start;

			assert_int_equal(mp_subset_dump(b.subset, b.all, emit, &b), 0);
			assert_int_equal(b.some->events, events ? events : 1);
			assert_true(!events || b.some->now == now);
			assert_true(!events || b.some->start == start);
		}
	}
	same(&b);
	no_secret_of_others(&b);
	end(&b);
}

/* may() says yes from some event on; no name is told before that. */
static void test_visible_later(void **state)
{
	static struct story s;
	struct both b;

	(void)state;
	tell_story(&s);
	begin(&b, 77);
	for (size_t i = 0; i < s.n; i++) {
		if (i == s.n / 2) {
			assert_false(b.bytes && memmem(b.raw, b.bytes, "SECRET", 6));
			b.chosen = 1;
			assert_int_equal(mp_subset_dump(b.subset, b.all, emit, &b), 0);
		}
		one(&b, &s.ev[i], true);
	}
	same(&b);
	no_secret_of_others(&b);
	end(&b);
}

/* Without may() nothing stays behind but what nobody names. */
static void test_all(void **state)
{
	static struct story s;
	struct both b;

	(void)state;
	tell_story(&s);
	begin(&b, 1);
	mp_subset_free(b.subset);
	b.subset = mp_subset_new(NULL, NULL);
	assert_non_null(b.subset);
	for (size_t i = 0; i < s.n; i++)
		one(&b, &s.ev[i], true);
	assert_int_equal(b.some->n_procs, 3);
	for (b.chosen = 1; b.chosen <= 3; b.chosen++) {
		same_rows(&b);
		same_names(&b);
		same_sites(&b);
	}
	assert_int_equal(b.some->oom_others.n, b.all->oom_others.n);
	assert_memory_equal(b.some->meta, b.all->meta, sizeof(b.all->meta));
	assert_string_equal(mp_str(b.some, b.some->probes[MP_FEAT_HEAP_GO].why),
			    mp_str(b.all, b.all->probes[MP_FEAT_HEAP_GO].why));
	end(&b);
}

/* A program with other rights takes its place: that is its end for who may not see it. */
static void test_exec_to_unseen(void **state)
{
	static struct story s;
	struct mp_event *e;
	struct both b;

	(void)state;
	memset(&s, 0, sizeof(s));
	s.ts = T0;
	target(&s, 1);
	e = put(&s, ev_task(9, s.ts, MP_TASK_EXEC, 1, 1001));
	e->task.comm = name(&s, 9, "new");
	begin(&b, 1);
	for (size_t i = 0; i < s.n; i++)
		one(&b, &s.ev[i], true);
	assert_true(mp_model_proc(b.some, 1)->exited);
	assert_false(mp_model_proc(b.some, 1)->exit_known);
	assert_null(mp_model_proc(b.some, 9));
	assert_null(memmem(b.raw, b.bytes, "SECRET-9", 8));
	end(&b);
	/* and the other way: nothing of what it was */
	begin(&b, 9);
	for (size_t i = 0; i < s.n; i++)
		one(&b, &s.ev[i], true);
	assert_null(mp_model_proc(b.some, 1));
	assert_non_null(mp_model_proc(b.some, 9));
	assert_null(memmem(b.raw, b.bytes, "SECRET-1", 8));
	end(&b);
}

/* A forked child has its parent's name and, as the same image, its stacks; their functions may
 * be named later. The parent stays unseen. */
static void test_what_a_parent_lends(void **state)
{
	static struct story s;
	struct mp_event *e;
	struct both b;

	(void)state;
	memset(&s, 0, sizeof(s));
	s.ts = T0;
	target(&s, 1);
	maps(&s, 1);
	stack(&s, 1, 10);
	stack(&s, 1, 11);
	module(&s, 1);
	place(&s, 1, CODE + 10 * 0x100, 10);
	put(&s, ev_task(1, s.ts, MP_TASK_FORK, 1002, 2));
	e = put(&s, ev_task(2, s.ts + 1, MP_TASK_TARGET, 1002, 0));
	e->task.c = 1001;
	e = put(&s, ev(MP_EV_SITE, MP_SITE_FAULT, 2, s.ts + 2));
	e->x = 4;
	e->site.stack = 10;
	s.ts += 3;
	place(&s, 1, CODE + 10 * 0x100 + 1, 10); /* of the stack that was lent */
	place(&s, 1, CODE + 11 * 0x100 + 1, 10); /* of one that was not */
	begin(&b, 2);
	for (size_t i = 0; i < s.n; i++)
		one(&b, &s.ev[i], true);
	assert_string_equal(mp_str(b.some, mp_model_proc(b.some, 2)->comm),
			    mp_str(b.all, mp_model_proc(b.all, 1)->comm));
	assert_int_equal(mp_model_stack(b.some, 10)->mm, 2);
	assert_int_equal(mp_model_stack(b.some, 10)->n, 7);
	assert_string_equal(mp_str(b.some, mp_model_place(b.some, 2, CODE + 10 * 0x100)->name),
			    mp_str(b.all, mp_model_place(b.all, 1, CODE + 10 * 0x100)->name));
	assert_non_null(mp_model_place(b.some, 2, CODE + 10 * 0x100 + 1));
	assert_null(mp_model_place(b.some, 2, CODE + 11 * 0x100 + 1));
	assert_null(mp_model_stack(b.some, 11));
	assert_int_equal(mp_model_n_modules(b.some), 1);
	end(&b);
}

/* --- the table --------------------------------------------------------------------------- */

struct seen {
	uint32_t id;
	bool told, used;
};

static int watch(void *ctx, const struct mp_event *e)
{
	struct seen *s = ctx;

	if (e->type == MP_EV_STR)
		s->told |= e->str.id == s->id;
	else
		s->used = true;
	return 0;
}

/* Whatever field of whatever type is a string by the dump's table is one by the subset's. */
static void test_every_string_of_every_type(void **state)
{
	struct mp_model *m = mp_model_new();
	struct mp_event str = ev_str(T0, 5, "five", 4, 0);
	unsigned checked = 0;

	(void)state;
	assert_int_equal(mp_model_fold(m, &str), 0);
	for (unsigned type = 1; type < MP_EV_MAX; type++) {
		const struct mp_event_type *t = mp_event_type(type);

		assert_true(mp_subset_knows(type));
		for (const struct mp_field_row *f = t->fields; f->key; f++) {
			for (unsigned sub = 0; f->unit == MP_U_STR && sub < 32; sub++) {
				struct mp_event e = ev(type, sub, 1, T0);
				struct mp_subset *s = mp_subset_new(NULL, NULL);
				struct seen seen = { 5, false, false };

				memcpy((char *)&e + f->off, &str.str.id,
				       f->width < 4 ? f->width : 4);
				if (type == MP_EV_META)
					e.meta.isstr = 1;
				if (!f->when || f->when(&e)) {
					assert_int_equal(mp_subset_event(s, m, &e, watch, &seen),
							 0);
					assert_true(seen.told || !seen.used);
					checked += seen.told;
				}
				mp_subset_free(s);
			}
		}
	}
	assert_true(checked >= 12);
	assert_false(mp_subset_knows(0));
	assert_false(mp_subset_knows(MP_EV_MAX));
	mp_model_free(m);
}

/* Nothing of a process that may not be seen, whatever the type; nor of a type that is new. */
static void test_every_type_of_others(void **state)
{
	struct mp_model *m = mp_model_new();
	uint32_t chosen = 1;

	(void)state;
	for (unsigned type = 0; type < MP_EV_MAX + 3; type++) {
		for (unsigned sub = 0; sub < 32; sub++) {
			struct mp_event e = ev(type, sub, 2, T0);
			struct mp_subset *s = mp_subset_new(may, &chosen);
			struct seen seen = { 5, false, false };

			assert_int_equal(mp_subset_event(s, m, &e, watch, &seen), 0);
			assert_true(!seen.used || type == MP_EV_LOSS);
			e.mm = 1;
			assert_int_equal(mp_subset_event(s, m, &e, watch, &seen), 0);
			assert_true(!seen.used || mp_subset_knows(type));
			mp_subset_free(s);
		}
	}
	mp_model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_from_the_start),
		cmocka_unit_test(test_joined_anywhere),
		cmocka_unit_test(test_dump_is_the_stream),
		cmocka_unit_test(test_visible_later),
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_exec_to_unseen),
		cmocka_unit_test(test_what_a_parent_lends),
		cmocka_unit_test(test_every_string_of_every_type),
		cmocka_unit_test(test_every_type_of_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
