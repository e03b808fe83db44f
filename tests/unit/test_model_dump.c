/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_model_dump.c - the state as events: folded into an empty model it is the
 * same state, and stays the same under what comes after.
 */
#include "tests/unit/ev.h"

#define A 0x7f0000000000ULL
#define H 0x200000000000ULL

struct sink {
	struct mp_model *m;
	size_t n, stop_at;
};

static int sink_fold(void *ctx, const struct mp_event *e)
{
	struct sink *s = ctx;

	s->n++;
	if (s->n == s->stop_at)
		return 42;
	return s->m ? mp_model_fold(s->m, e) : 0;
}

static void dump_into(const struct mp_model *from, struct mp_model *to)
{
	struct sink s = { to, 0, 0 };

	assert_int_equal(mp_model_dump(from, sink_fold, &s), 0);
}

static struct mp_model *copy(const struct mp_model *from)
{
	struct mp_model *m = mp_model_new();

	assert_non_null(m);
	dump_into(from, m);
	return m;
}

static void assert_same(const struct mp_model *a, const struct mp_model *b)
{
	check_model(a);
	check_model(b);
	assert_int_equal(a->n_procs, b->n_procs);
	assert_int_equal(a->now, b->now);
	for (size_t i = 0; i < a->n_procs; i++) {
		const struct mp_proc *p = a->procs[i], *q = b->procs[i];

		assert_int_equal(p->mm, q->mm);
		assert_int_equal(p->n_maps, q->n_maps);
		assert_int_equal(p->orphan_pages, q->orphan_pages);
		assert_memory_equal(p->cls_pages, q->cls_pages, sizeof(p->cls_pages));
		assert_int_equal(p->owed, q->owed);
		assert_int_equal(p->owed_max, q->owed_max);
		assert_int_equal(p->faults, q->faults);
		assert_int_equal(p->rss_known, q->rss_known);
		assert_int_equal(p->exited, q->exited);
		assert_int_equal(p->exit_known, q->exit_known);
		assert_int_equal(p->mm_gone, q->mm_gone);
		assert_int_equal(p->launched, q->launched);
		assert_int_equal(p->parent, q->parent);
		assert_int_equal(mp_proc_rss(p), mp_proc_rss(q));
		assert_int_equal(mp_pageset_huge_total(p->pages), mp_pageset_huge_total(q->pages));
		assert_int_equal(p->rss.hugetlb, q->rss.hugetlb);
		assert_memory_equal(p->fk, q->fk, sizeof(p->fk));
		assert_int_equal(p->majors, q->majors);
		assert_int_equal(p->n_waiting, q->n_waiting);
		assert_int_equal(p->file_anon_pages, q->file_anon_pages);
		assert_int_equal(p->n_threads, q->n_threads);
		assert_memory_equal(p->threads, q->threads, p->n_threads * sizeof(*p->threads));
		assert_int_equal(p->n_fsites, q->n_fsites);
		assert_memory_equal(p->fsites, q->fsites, p->n_fsites * sizeof(*p->fsites));
		assert_int_equal(p->rss.slack, q->rss.slack);
	}
	assert_true(mp_model_digest(a) == mp_model_digest(b));
}

/* --- a random session ------------------------------------------------------------------------ */

struct session {
	struct rnd r;
	uint64_t ts;
	uint32_t mm; /* current of the process that execs */
	uint64_t used;
	bool exec; /* processes come, exec and go */
};

static struct mp_event next(struct session *s)
{
	struct rnd *r = &s->r;
	uint32_t mm = s->exec && !rnd_below(r, 3) ? 2 : s->mm;
	uint64_t base = rnd_below(r, 3) ? H : A;
	uint64_t at = base + rnd_below(r, 600) * PG, n = 1 + rnd_below(r, 64), before;
	const int flags[] = { PRIV, PRIV, PRIV, MAP_SHARED | MAP_ANONYMOUS, MAP_PRIVATE };
	struct mp_event e;

	s->ts += rnd_below(r, 8) ? rnd_below(r, MS) : rnd_below(r, 60 * MS);
	switch (rnd_below(r, 27)) {
	case 0:
	case 1:
		return ev_mmap(mm, s->ts, at, n * PG, (int)rnd_below(r, 4),
			       MAP_FIXED | flags[rnd_below(r, 5)]);
	case 2:
		return ev_call(mm, s->ts, MP_CALL_MUNMAP, at, n * PG, 0);
	case 3:
		e = ev_call(mm, s->ts, MP_CALL_MPROTECT, at, n * PG, 0);
		e.x = (uint32_t)rnd_below(r, 4);
		return e;
	case 4:
		return ev_mremap(mm, s->ts, at, n * PG, (1 + rnd_below(r, 64)) * PG,
				 A + (1000 + rnd_below(r, 600)) * PG, MREMAP_MAYMOVE);
	case 5:
	case 6:
		e = ev_madvise(mm, s->ts, at, n * PG, rnd_below(r, 4) ? MADV_DONTNEED : MADV_FREE);
		e.call.d_anon = -(int32_t)rnd_below(r, n + 1);
		e.flags = (uint8_t)(rnd_below(r, 4) ? 0 : rnd_below(r, 16));
		return e;
	case 7:
	case 8:
	case 9:
	case 10:
		n = rnd_below(r, 3) ? n : 1;
		e = ev_fault(mm, s->ts, at, (uint32_t)n, (unsigned)rnd_below(r, 32));
		e.tid = 100 + (uint32_t)rnd_below(r, 4);
		return e;
	case 11:
		e = ev_rss(mm, s->ts, rnd_below(r, 1500), rnd_below(r, 100), rnd_below(r, 100));
		e.rss.swap = rnd_below(r, 10);
		e.rss.slack = rnd_below(r, 2) * 1040;
		if (!rnd_below(r, 3))
			e.rss.hugetlb = rnd_below(r, 5) * 2 * MIB;
		return e;
	case 12:
		s->used = rnd_below(r, 600);
		return ev_heap(mm, s->ts, 1 + (unsigned)rnd_below(r, 2), s->used * PG, 600 * PG);
	case 13:
	case 14:
		before = s->used;
		s->used -= rnd_below(r, s->used + 1);
		e = ev_gc(mm, s->ts, 1 + (unsigned)rnd_below(r, 4), before * PG, s->used * PG);
		e.gc.start = s->ts - rnd_below(r, 3 * MS);
		return e;
	case 15:
		return ev_range(mm, s->ts, 1 + (unsigned)rnd_below(r, 4),
				base + rnd_below(r, 6) * 100 * PG, 100 * PG);
	case 16:
		if (rnd_below(r, 3))
			return ev_pages(mm, s->ts, 1 + (unsigned)rnd_below(r, 2), at, n * PG);
		e = ev_pages(mm, s->ts, MP_PAGES_RESIDENT, base, (1 + rnd_below(r, 2)) * 2 * MIB);
		e.flags = MP_PAGES_HUGE;
		return e;
	case 17:
		e = ev(MP_EV_LOSS, (unsigned)rnd_below(r, MP_LOSS_MAX), 0, s->ts);
		e.x = (uint32_t)rnd_below(r, 10);
		return e;
	case 18:
		return ev_task(mm, s->ts, rnd_below(r, 2) ? MP_TASK_FORK : MP_TASK_THREAD, 300, 0);
	case 19:
		e = ev(MP_EV_SPACE, 1 + (unsigned)rnd_below(r, 2), mm, s->ts);
		e.space.name = 1 + rnd_below(r, 20);
		e.space.used = rnd_below(r, 1000);
		return e;
	case 20:
		if (!s->exec || rnd_below(r, 4))
			break;
		e = ev_task(s->mm + 10, s->ts, MP_TASK_EXEC, s->mm, 0);
		s->mm += 10;
		return e;
	case 22:
	case 23:
		e = ev(MP_EV_MAJOR, 0, mm, s->ts);
		e.tid = 100 + (uint32_t)rnd_below(r, 4);
		e.major.addr = at;
		return e;
	case 24:
		e = ev(MP_EV_SITE, MP_SITE_FAULT, mm, s->ts);
		e.x = (uint32_t)n;
		e.site.stack = rnd_below(r, 20);
		return e;
	case 25:
		e = ev_task(mm, s->ts, MP_TASK_NAME, 0, 0);
		e.tid = 100 + (uint32_t)rnd_below(r, 6);
		e.task.comm = 1 + rnd_below(r, 2);
		return e;
	case 26:
		return ev_pages(mm, s->ts, MP_PAGES_ANON, at, n * PG);
	default:
		break;
	}
	return ev(MP_EV_TICK, 0, 0, s->ts);
}

static void session_start(struct fx *f, struct session *s, uint64_t seed, bool exec)
{
	*s = (struct session){ { seed }, f->ts, MM, 500, exec };
	fx_str(f, 1, "program");
	fx_str(f, 2, "a name that is longer than one piece of forty-eight bytes holds");
	fold(f, ev_task(MM, f->ts, MP_TASK_TARGET, 100, 0));
	if (exec)
		fold(f, ev_task(2, f->ts, MP_TASK_TARGET, 200, 0));
}

/* --- tests -------------------------------------------------------------------------------------
 */

static void test_empty(void **state)
{
	struct fx f = fx_empty();
	struct mp_model *m = copy(f.m);

	(void)state;
	assert_same(f.m, m);
	mp_model_free(m);
	fx_free(&f);
}

/* One of everything that is state. */
static struct fx fx_full(void)
{
	struct fx f = fx_empty();
	struct mp_event e;

	fx_str(&f, 1, "[heap]");
	fx_str(&f, 2, "a name that is longer than one piece of forty-eight bytes holds");
	fx_str(&f, 60, "far away");
	fold(&f, ev_str(tick(&f), 7, "", 0, 0));
	e = ev_task(MM, tick(&f), MP_TASK_TARGET, 100, 2);
	e.task.comm = 60;
	e.x = MP_TASK_F_LAUNCHED;
	fold(&f, e);
	fold(&f, ev_task(2, tick(&f), MP_TASK_TARGET, 200, 0));
	fx_snap_begin(&f);
	fx_line(&f, 0x555555600000ULL, 33 * PG, BITS_RW, 1);
	e = ev_line(MM, f.ts, A, A + 64 * PG, BITS_LIB, 2);
	e.map.ino = 5;
	e.map.dev = 6;
	e.map.off = 7 * PG;
	fold(&f, e);
	fx_snap_end(&f);
	do_touch(&f, 0x555555600000ULL, 20);
	do_read(&f, A + 3 * PG, 9);
	do_touch(&f, A + GIB, 3); /* orphans */
	fold(&f, ev_range(MM, tick(&f), MP_HEAP_RESERVE, H, GIB));
	do_mmap(&f, H, 100 * PG, RW, PRIV);
	do_touch(&f, H, 100);
	do_rss(&f, 120, 9, 0);
	fold(&f, ev_heap(MM, tick(&f), MP_SRC_GC, 100 * PG, 100 * PG));
	e = ev(MP_EV_SPACE, MP_SRC_GC, MM, tick(&f));
	e.space.name = 1;
	e.space.used = 5;
	fold(&f, e);
	fold(&f, ev_gc(MM, tick(&f), MP_GC_MAJOR, 100 * PG, 40 * PG));
	do_madvise(&f, H, 20 * PG, MADV_DONTNEED);
	do_touch(&f, H, 5);
	e = ev(MP_EV_LOSS, MP_LOSS_RING_FULL, 0, tick(&f));
	e.x = 4;
	fold(&f, e);
	e = ev(MP_EV_META, MP_META_COMM, 0, tick(&f));
	e.meta.num = 60;
	e.meta.isstr = 1;
	fold(&f, e);
	e = ev(MP_EV_PROBE, MP_FEAT_CALLS, 0, tick(&f));
	e.x = MP_RUNG_FENTRY;
	fold(&f, e);
	fold(&f, ev_task(2, tick(&f), MP_TASK_EXIT, 9, 0));
	return f;
}

static void test_everything(void **state)
{
	struct fx f = fx_full();
	struct mp_model *m = copy(f.m);
	const struct mp_proc *p = mp_model_proc(m, MM), *q = mp_model_proc(m, 2);

	(void)state;
	assert_same(f.m, m);
	assert_string_equal(mp_str(m, 2), mp_str(f.m, 2));
	assert_string_equal(mp_str(m, 7), "");
	assert_string_equal(mp_str(m, 60), "far away");
	assert_true(p->launched && p->maps_known && !q->launched);
	assert_int_equal(p->comm, 60);
	assert_int_equal(p->exe, 2);
	assert_int_equal(q->wait_status, 9);
	assert_int_equal(q->exit_ts, f.ts);
	assert_int_equal(p->n_gcs, 1);
	assert_int_equal(p->gcs[0].returned, 20 * PG);
	assert_int_equal(p->gcs[0].refaulted, 5 * PG);
	assert_int_equal(p->gcs[0].returned_ts, P(&f)->gcs[0].returned_ts);
	assert_int_equal(p->heaps[MP_SRC_GC].n_spaces, 1);
	assert_int_equal(p->calls[MP_CALL_MADVISE].dropped, 20);
	assert_int_equal(m->lost_total, 4);
	assert_int_equal(m->lost[MP_LOSS_RING_FULL], 4);
	assert_int_equal(m->events, f.m->events);
	assert_int_equal(m->start, f.m->start);
	assert_int_equal(m->meta[MP_META_COMM], 60);
	assert_int_equal(m->probes[MP_FEAT_CALLS].rung, MP_RUNG_FENTRY);
	assert_int_equal(mp_proc_find(p, A)->off, 7 * PG);
	assert_int_equal(mp_proc_find(p, A)->faults, 9);
	mp_model_free(m);
	fx_free(&f);
}

/* The drop of pages is state: a refault after the dump is known as one. */
static void test_dropped_pages(void **state)
{
	struct fx f = fx_full(), g = { copy(f.m), 0 };

	(void)state;
	g.ts = f.ts;
	do_touch(&f, H + 5 * PG, 15);
	do_touch(&g, H + 5 * PG, 15);
	assert_int_equal(P(&g)->gcs[0].refaulted, 20 * PG);
	assert_same(f.m, g.m);
	fx_free(&f);
	fx_free(&g);
}

static void test_maps_known(void **state)
{
	struct fx f = fx_empty();
	struct mp_model *m;

	(void)state;
	fold(&f, ev_task(MM, tick(&f), MP_TASK_TARGET, 100, 0));
	do_mmap(&f, A, MIB, RW, PRIV);
	do_touch(&f, A, 3);
	assert_false(P(&f)->maps_known);
	m = copy(f.m);
	assert_int_equal(mp_model_proc(m, MM)->n_maps, 1);
	assert_false(mp_model_proc(m, MM)->maps_known);
	mp_model_free(m);
	fx_free(&f);
}

/* The digest tells states apart. */
static void test_digest_differs(void **state)
{
	struct fx f = fx_full();
	struct mp_event e = ev_task(MM, tick(&f), MP_TASK_TARGET, 100, 0);
	uint64_t d = mp_model_digest(f.m);

	(void)state;
	assert_true(d == mp_model_digest(f.m));
	e.task.c = 99;
	fold(&f, e);
	assert_true(d != mp_model_digest(f.m));
	d = mp_model_digest(f.m);
	do_touch(&f, A + 2 * GIB, 1);
	assert_true(d != mp_model_digest(f.m));
	d = mp_model_digest(f.m);
	do_rss(&f, 121, 9, 0);
	assert_true(d != mp_model_digest(f.m));
	d = mp_model_digest(f.m);
	do_mprotect(&f, H, PG, PROT_READ);
	assert_true(d != mp_model_digest(f.m));
	d = mp_model_digest(f.m);
	fx_str(&f, 33, "new");
	assert_true(d != mp_model_digest(f.m));
	d = mp_model_digest(f.m);
	do_madvise(&f, A + 2 * GIB, PG, MADV_FREE);
	assert_true(d != mp_model_digest(f.m));
	d = mp_model_digest(f.m);
	P(&f)->faults_gc++;
	assert_true(d != mp_model_digest(f.m));
	d = mp_model_digest(f.m);
	P(&f)->gc_marked = !P(&f)->gc_marked;
	assert_true(d != mp_model_digest(f.m));
	fx_free(&f);
}

static void test_emit_stops(void **state)
{
	struct fx f = fx_full();
	struct sink s = { NULL, 0, 5 };

	(void)state;
	assert_int_equal(mp_model_dump(f.m, sink_fold, &s), 42);
	assert_int_equal(s.n, 5);
	fx_free(&f);
}

static void random_dumps(uint64_t seed, bool exec)
{
	struct session s;
	struct fx f = fx_empty();

	session_start(&f, &s, seed, exec);
	for (int i = 0; i < 400; i++) {
		struct mp_event e = next(&s);

		assert_int_equal(mp_model_fold(f.m, &e), 0);
		if (i % 40 == 39) {
			struct mp_model *m = copy(f.m);

			assert_same(f.m, m);
			mp_model_free(m);
		}
	}
	fx_free(&f);
}

static void test_random(void **state)
{
	struct rnd r = rnd_seed("test_random", 99);

	(void)state;
	for (int i = 0; i < 15; i++)
		random_dumps(rnd(&r), false);
}

static void test_random_exec(void **state)
{
	struct rnd r = rnd_seed("test_random_exec", 98);

	(void)state;
	for (int i = 0; i < 10; i++)
		random_dumps(rnd(&r), true);
}

/* A keyframe, then the rest: what a replay does after a seek. */
static void then_the_rest(uint64_t seed, bool exec)
{
	struct session s;
	struct fx f = fx_empty();
	struct mp_model *m = NULL;

	session_start(&f, &s, seed, exec);
	for (int i = 0; i < 400; i++) {
		struct mp_event e = next(&s);

		assert_int_equal(mp_model_fold(f.m, &e), 0);
		if (m)
			assert_int_equal(mp_model_fold(m, &e), 0);
		else if (i == 150)
			m = copy(f.m);
		if (m && i % 10 == 0)
			assert_same(f.m, m);
	}
	mp_model_free(m);
	fx_free(&f);
}

static void test_random_then_rest(void **state)
{
	struct rnd r = rnd_seed("test_random_then_rest", 97);

	(void)state;
	for (int i = 0; i < 15; i++)
		then_the_rest(rnd(&r), false);
}

static void test_random_exec_then_rest(void **state)
{
	struct rnd r = rnd_seed("test_random_exec_then_rest", 96);

	(void)state;
	for (int i = 0; i < 10; i++)
		then_the_rest(rnd(&r), true);
}

/* Both go on with the same event; then they are the same. */
static void both(struct fx *f, struct mp_model *m, struct mp_event e)
{
	assert_int_equal(mp_model_fold(f->m, &e), 0);
	assert_int_equal(mp_model_fold(m, &e), 0);
}

/* Settling debts may not depend on where the points of the timeline begin. */
static void test_settling_is_not_by_the_clock(void **state)
{
	struct fx f = fx_new();
	struct mp_model *m;

	(void)state;
	f.ts = T0 + 2 * MS;
	fold(&f, ev_range(MM, f.ts, MP_HEAP_RESERVE, H, GIB));
	do_mmap(&f, H, 100 * PG, RW, PRIV);
	do_touch(&f, H, 100);
	do_rss(&f, 100, 0, 0);
	fold(&f, ev_heap(MM, tick(&f), MP_SRC_GC, 100 * PG, 100 * PG));
	fold(&f, ev_gc(MM, tick(&f), MP_GC_MAJOR, 100 * PG, 40 * PG));
	m = copy(f.m);
	/* a scan finds pages gone, a later point begins, they come back */
	both(&f, m, ev_pages(MM, T0 + 9 * MS, MP_PAGES_ABSENT, H, 30 * PG));
	both(&f, m, ev(MP_EV_TICK, 0, 0, T0 + 12 * MS));
	both(&f, m, ev_fault(MM, T0 + 13 * MS, H, 30, MP_FAULT_WRITE));
	both(&f, m, ev(MP_EV_TICK, 0, 0, T0 + 40 * MS));
	assert_same(f.m, m);
	mp_model_free(m);
	fx_free(&f);
}

/* Spaces that were told before any figure of the heap. */
static void test_spaces_before_figures(void **state)
{
	struct fx f = fx_new();
	struct mp_event e = ev(MP_EV_SPACE, MP_SRC_V8, MM, tick(&f));
	struct mp_model *m;

	(void)state;
	e.space.name = 3;
	e.space.used = 100;
	fold(&f, e);
	m = copy(f.m);
	both(&f, m, ev_heap(MM, tick(&f), MP_SRC_V8, 100, 200));
	assert_same(f.m, m);
	mp_model_free(m);
	fx_free(&f);
}

/* Two sources: their sum is as it was, with its extremes. */
static void test_two_sources(void **state)
{
	struct fx f = fx_full();
	struct mp_model *m;

	(void)state;
	fold(&f, ev_heap(MM, tick(&f), MP_SRC_V8, 100 * MIB, 200 * MIB));
	fold(&f, ev_heap(MM, tick(&f), MP_SRC_V8, 50 * MIB, 60 * MIB));
	m = copy(f.m);
	assert_int_equal(mp_proc_heap(mp_model_proc(m, MM), NULL)->used,
			 mp_proc_heap(P(&f), NULL)->used);
	both(&f, m, ev_heap(MM, tick(&f), MP_SRC_V8, 70 * MIB, 80 * MIB));
	assert_int_equal(mp_proc_heap(mp_model_proc(m, MM), NULL)->r_used.max,
			 mp_proc_heap(P(&f), NULL)->r_used.max);
	assert_same(f.m, m);
	mp_model_free(m);
	fx_free(&f);
}

/* ZGC's heap: which file it is, and how many of its pages there were. */
static void test_zgc_heap(void **state)
{
	const uint32_t bits = BITS_RW | MP_MAP_SHARED | MP_MAP_FILE | MP_MAP_SHMEM;
	struct fx f = fx_new();
	struct mp_model *m;
	struct mp_event e;

	(void)state;
	fx_str(&f, 9, "/memfd:java_heap (deleted)");
	fx_snap_begin(&f);
	for (uint64_t i = 1; i < 3; i++) {
		e = ev_line(MM, f.ts, i << 42, (i << 42) + 100 * PG, bits, 9);
		e.map.ino = 77;
		fold(&f, e);
	}
	fx_snap_end(&f);
	do_touch(&f, 1ULL << 42, 80);
	do_touch(&f, 1ULL << 43, 50);
	do_rss(&f, 0, 0, 130);
	assert_int_equal(P(&f)->zheap.pages, 80);
	m = copy(f.m);
	assert_int_equal(mp_model_proc(m, MM)->zheap.pages, 80);
	both(&f, m, ev_heap(MM, tick(&f), MP_SRC_JVM, 30 * PG, 100 * PG));
	both(&f, m, ev_call(MM, tick(&f), MP_CALL_MUNMAP, 1ULL << 42, 100 * PG, 0));
	both(&f, m, ev_rss(MM, tick(&f), 0, 0, 50));
	assert_int_equal(mp_model_proc(m, MM)->zheap.pages, 50);
	assert_same(f.m, m);
	mp_model_free(m);
	fx_free(&f);
}

/* A release before the dump, the collection it belongs to ends after it. */
static void test_release_before_collection_after(void **state)
{
	struct fx f = fx_full();
	struct mp_model *m;
	struct mp_event e;

	(void)state;
	do_madvise(&f, H + 20 * PG, 80 * PG, MADV_DONTNEED); /* more than is owed */
	do_touch(&f, H, 100);
	m = copy(f.m);
	e = ev_gc(MM, f.ts + 5 * MS, MP_GC_MAJOR, 90 * PG, 30 * PG);
	e.gc.start = P(&f)->gcs[0].ts; /* after that one */
	both(&f, m, e);
	assert_true(P(&f)->gcs[1].returned > 0);
	assert_int_equal(mp_model_proc(m, MM)->gcs[1].returned, P(&f)->gcs[1].returned);
	assert_same(f.m, m);
	mp_model_free(m);
	fx_free(&f);
}

/* The beginning of a string before the dump, its end after it. */
static void test_string_cut_by_dump(void **state)
{
	static const char s[] = "0123456789012345678901234567890123456789012345670123456789";
	struct fx f = fx_new();
	struct mp_model *m;

	(void)state;
	fold(&f, ev_str(tick(&f), 5, s, strlen(s), 0));
	m = copy(f.m);
	both(&f, m, ev_str(tick(&f), 5, s, strlen(s), 48));
	assert_string_equal(mp_str(f.m, 5), s);
	assert_string_equal(mp_str(m, 5), s);
	assert_same(f.m, m);
	mp_model_free(m);
	fx_free(&f);
}

/* More collections with debts than a dump may want to carry. */
static void test_many_unpaid_collections(void **state)
{
	struct fx f = fx_new();
	struct mp_model *m;
	struct mp_event e;

	(void)state;
	fold(&f, ev_range(MM, tick(&f), MP_HEAP_RESERVE, H, GIB));
	do_mmap(&f, H, 8000 * PG, RW, PRIV);
	do_touch(&f, H, 8000);
	do_rss(&f, 8000, 0, 0);
	fold(&f, ev_heap(MM, tick(&f), MP_SRC_GC, 8000 * PG, 8000 * PG));
	for (uint64_t i = 0; i < 3000; i++) {
		e = ev_gc(MM, f.ts += 2 * MS, MP_GC_MAJOR, (8000 - 2 * i) * PG,
			  (7998 - 2 * i) * PG);
		assert_int_equal(mp_model_fold(f.m, &e), 0);
	}
	assert_int_equal(P(&f)->owed, 6000 * PG);
	m = copy(f.m);
	assert_int_equal(mp_model_proc(m, MM)->owed, 6000 * PG);
	assert_true(mp_model_digest(f.m) == mp_model_digest(m));
	both(&f, m, ev_madvise(MM, tick(&f), H, 100 * PG, MADV_DONTNEED));
	assert_int_equal(mp_model_proc(m, MM)->owed, P(&f)->owed);
	assert_true(mp_model_digest(f.m) == mp_model_digest(m));
	mp_model_free(m);
	fx_free(&f);
}

/* A seek: a keyframe folded into a model that is further on, or elsewhere. */
static void test_keyframe_into_full(void **state)
{
	struct fx f = fx_full(), g = fx_full();
	size_t points;

	(void)state;
	f.ts = T0 + SEC;
	do_rss(&f, 99, 9, 0);
	for (uint64_t i = 0; i < 50; i++)
		do_touch(&f, A + i * 3 * PG, 1 + i % 5);
	points = P(&f)->tl.n;
	assert_true(points > 50);
	dump_into(g.m, f.m);
	assert_same(f.m, g.m);
	assert_int_equal(P(&f)->tl.n, points); /* the past stays */
	assert_false(f.m->in_key);
	/* and goes on */
	f.ts = T0 + 2 * SEC;
	do_touch(&f, A, 2);
	assert_true(P(&f)->tl.n > points);
	fx_free(&f);
	fx_free(&g);
}

/* Seek back to before a process, a name and a fact were there. */
static void test_keyframe_of_less(void **state)
{
	struct fx f = fx_new(), g = fx_new();
	struct mp_event e;

	(void)state;
	fold(&f, ev_task(8, tick(&f), MP_TASK_TARGET, 800, 0));
	fold(&f, ev_mmap(8, tick(&f), A, MIB, RW, PRIV));
	fold(&f, ev_fault(8, tick(&f), A, 5, MP_FAULT_WRITE));
	e = ev(MP_EV_META, MP_META_NCPU, 0, tick(&f));
	e.meta.num = 4;
	fold(&f, e);
	e = ev(MP_EV_PROBE, MP_FEAT_RSS, 0, tick(&f));
	e.x = MP_RUNG_PROC;
	fold(&f, e);
	dump_into(g.m, f.m);
	check_model(f.m);
	assert_int_equal(f.m->n_procs, 1);
	assert_true(f.m->meta[MP_META_NCPU] == MP_UNKNOWN);
	assert_false(f.m->probes[MP_FEAT_RSS].known);
	assert_true(mp_model_digest(f.m) == mp_model_digest(g.m));
	fx_free(&f);
	fx_free(&g);
}

/* A child lives and ends: one mapping, four pages, one heap, one collection. */
static void child_folds(struct mp_model *m, uint32_t mm, uint64_t ts)
{
	struct mp_event e[] = {
		ev_task(mm, ts, MP_TASK_TARGET, mm, 0),
		ev_mmap(mm, ts, A, MIB, RW, PRIV),
		ev_fault(mm, ts, A, 4, MP_FAULT_WRITE),
		ev_range(mm, ts, MP_HEAP_RESERVE, H, MIB),
		ev_gc(mm, ts, MP_GC_MAJOR, 100 * PG, 30 * PG),
		ev_rss(mm, ts, 4, 0, 0),
		ev_task(mm, ts, MP_TASK_EXIT, 0, 0),
		ev_task(mm, ts, MP_TASK_MM_EXIT, 0, 0),
	};

	for (size_t i = 0; i < sizeof(e) / sizeof(e[0]); i++)
		assert_int_equal(mp_model_fold(m, &e[i]), 0);
}

static void assert_sums(const struct mp_model *m, uint64_t procs)
{
	struct mp_ended all;
	uint64_t ended;

	mp_model_sums(m, &all, &ended);
	assert_int_equal(all.procs, procs + 1);
	assert_int_equal(ended, procs);
	assert_int_equal(all.faults, 4 * procs);
	assert_int_equal(all.pages_added, 4 * procs);
	assert_int_equal(m->lost_total, 0);
}

/* Children by the thousand: what is kept of them is bounded, nothing is lost of the sums,
 * and a state restored on the way goes the same way on. */
static void test_fork_storm(void **state)
{
	struct fx f = fx_new();
	struct mp_model *g = NULL;
	size_t full = 0;

	(void)state;
	for (uint32_t i = 0; i < 6000; i++) {
		struct mp_event tk = ev(MP_EV_TICK, 0, 0, tick(&f));

		child_folds(f.m, MM + 1 + i, f.ts);
		if (g)
			child_folds(g, MM + 1 + i, f.ts);
		if (i % 100 == 0 || i == 5999) {
			f.ts += 50 * MS;
			tk.ts = f.ts;
			assert_int_equal(mp_model_fold(f.m, &tk), 0);
			if (g) {
				assert_int_equal(mp_model_fold(g, &tk), 0);
				assert_int_equal(mp_model_digest(g), mp_model_digest(f.m));
			}
			assert_true(f.m->n_procs <= 1 + 2 * 256 + 2 * 32);
		}
		if (i == 3333)
			g = copy(f.m);
	}
	check_model(f.m);
	assert_sums(f.m, 6000);
	assert_same(f.m, g);
	mp_model_free(g);
	for (size_t i = 1; i < f.m->n_procs; i++) {
		const struct mp_proc *p = f.m->procs[i];

		full += p->n_maps != 0;
		assert_int_equal(mp_pageset_total(p->pages), p->n_maps ? 4 : 0);
		assert_int_equal(p->stripped, !p->n_maps);
		assert_int_equal(p->faults, 4);
		assert_true(p->n_maps || p->tl.n <= 64);
		assert_ptr_equal(mp_model_proc(f.m, p->mm), p);
	}
	assert_true(full >= 32 && full <= 64);
	/* the last that ended is among them */
	assert_int_equal(mp_model_proc(f.m, MM + 6000)->stripped, 0);
	assert_ptr_equal(mp_model_main(f.m), P(&f));
	fx_free(&f);
}

/* More in half a second than the table has room for: the ended make way at once. */
static void test_fork_flood(void **state)
{
	struct fx f = fx_new();

	(void)state;
	for (uint32_t i = 0; i < 10000; i++)
		child_folds(f.m, MM + 1 + i, tick(&f));
	check_model(f.m);
	assert_true(f.m->n_procs <= 4096);
	assert_sums(f.m, 10000);
	fx_free(&f);
}

/* As many that live as there is room for, and one more: that one is counted as lost. */
static void test_too_many_alive(void **state)
{
	struct fx f = fx_new();

	(void)state;
	for (uint32_t i = 0; i < 4096; i++) {
		struct mp_event e = ev_task(MM + 1 + i, tick(&f), MP_TASK_TARGET, i + 1, 0);

		assert_int_equal(mp_model_fold(f.m, &e), 0);
	}
	assert_int_equal(f.m->n_procs, 4096);
	assert_int_equal(f.m->lost[MP_LOSS_TARGETS], 1);
	assert_null(mp_model_proc(f.m, MM + 4096));
	fx_free(&f);
}

/* Seek back to before an exec: the same process, under its old mm. */
static void test_keyframe_before_exec(void **state)
{
	struct fx f = fx_full(), g = fx_full();

	(void)state;
	fold(&f, ev_rss(MM, tick(&f), 1, 1, 1));
	{
		struct mp_event e = ev_task(9, tick(&f), MP_TASK_EXEC, MM, 0);

		assert_int_equal(mp_model_fold(f.m, &e), 0);
	}
	dump_into(g.m, f.m);
	assert_same(f.m, g.m);
	assert_non_null(P(&f));
	assert_ptr_equal(mp_model_main(f.m), P(&f));
	fx_free(&f);
	fx_free(&g);
}

static void test_total_outside_ignored(void **state)
{
	struct fx f = fx_full();
	uint64_t faults = P(&f)->faults, lost = f.m->lost_total;

	(void)state;
	for (unsigned sub = 1; sub <= 4; sub++) {
		for (uint32_t x = 0; x < 60; x++) {
			struct mp_event e = ev(MP_EV_TOTAL, sub, MM, f.ts);

			e.x = x;
			for (int i = 0; i < 7; i++)
				e.v[i] = 12345;
			e.v[0] = H;
			fold(&f, e);
		}
	}
	assert_int_equal(P(&f)->faults, faults);
	assert_int_equal(f.m->lost_total, lost);
	assert_int_equal(P(&f)->n_gcs, 1);
	assert_int_equal(mp_proc_find(P(&f), H)->faults, 105);
	fx_free(&f);
}

/* What a dump costs does not count as something that happened. */
static void test_dump_is_no_time(void **state)
{
	struct fx f = fx_full();
	struct mp_model *m = copy(f.m);

	(void)state;
	assert_int_equal(m->events, f.m->events);
	assert_int_equal(m->now, f.m->now);
	assert_int_equal(mp_model_proc(m, MM)->tl.n, 0);
	mp_model_free(m);
	fx_free(&f);
}

/* A dump of before minor version 6: collections of other kinds are among the major ones. */
static int without_other(void *ctx, const struct mp_event *e)
{
	return e->type == MP_EV_TOTAL && e->sub == MP_TOTAL_PROC && e->x == 75 ? 0
									       : sink_fold(ctx, e);
}

static void test_old_dump_mixes_kinds(void **state)
{
	struct fx f = fx_full();
	uint64_t major = P(&f)->gc_major, all;
	struct mp_model *m, *again;
	const struct mp_proc *p;
	struct sink s = { 0 };

	(void)state;
	fold(&f, ev_gc(MM, f.ts, MP_GC_OTHER, MP_UNKNOWN, MP_UNKNOWN));
	assert_int_equal(P(&f)->gc_other, 1);
	m = copy(f.m);
	assert_int_equal(mp_model_proc(m, MM)->gc_other, 1);
	mp_model_free(m);
	s.m = m = mp_model_new();
	P(&f)->gc_major += P(&f)->gc_other; /* as it was counted then */
	assert_int_equal(mp_model_dump(f.m, without_other, &s), 0);
	mp_model_fold(m, &(struct mp_event){ .ts = f.ts + 1, .type = MP_EV_TICK });
	p = mp_model_proc(m, MM);
	all = mp_proc_gcs(p);
	assert_int_equal(p->gc_other, MP_UNKNOWN);
	assert_int_equal(p->gc_major, major + 1);
	mp_model_fold(m, &(struct mp_event){
				 .ts = f.ts + 2, .type = MP_EV_GC, .sub = MP_GC_OTHER, .mm = MM });
	assert_int_equal(p->gc_other, MP_UNKNOWN);
	assert_int_equal(p->gc_major, major + 2);
	assert_int_equal(mp_proc_gcs(p), all + 1);
	again = copy(m);
	assert_int_equal(mp_model_digest(again), mp_model_digest(m));
	assert_int_equal(mp_model_proc(again, MM)->gc_other, MP_UNKNOWN);
	mp_model_free(again);
	mp_model_free(m);
	fx_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_dropped_pages),
		cmocka_unit_test(test_maps_known),
		cmocka_unit_test(test_digest_differs),
		cmocka_unit_test(test_old_dump_mixes_kinds),
		cmocka_unit_test(test_emit_stops),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_random_exec),
		cmocka_unit_test(test_random_then_rest),
		cmocka_unit_test(test_random_exec_then_rest),
		cmocka_unit_test(test_settling_is_not_by_the_clock),
		cmocka_unit_test(test_spaces_before_figures),
		cmocka_unit_test(test_two_sources),
		cmocka_unit_test(test_zgc_heap),
		cmocka_unit_test(test_release_before_collection_after),
		cmocka_unit_test(test_many_unpaid_collections),
		cmocka_unit_test(test_keyframe_into_full),
		cmocka_unit_test(test_keyframe_of_less),
		cmocka_unit_test(test_keyframe_before_exec),
		cmocka_unit_test(test_fork_storm),
		cmocka_unit_test(test_fork_flood),
		cmocka_unit_test(test_too_many_alive),
		cmocka_unit_test(test_total_outside_ignored),
		cmocka_unit_test(test_dump_is_no_time),
		cmocka_unit_test(test_string_cut_by_dump),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
