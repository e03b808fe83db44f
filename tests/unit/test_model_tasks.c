/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_model_tasks.c - processes, strings, and the stream's own facts.
 */
#include "tests/unit/ev.h"

#define A 0x7f0000000000ULL
#define H 0x200000000000ULL

static void test_empty_model(void **state)
{
	struct mp_model *m = mp_model_new();

	(void)state;
	assert_non_null(m);
	assert_null(mp_model_main(m));
	assert_null(mp_model_proc(m, 0));
	assert_null(mp_model_proc(m, 1));
	assert_null(mp_model_proc(m, ~0u));
	assert_string_equal(mp_str(m, 0), "");
	assert_string_equal(mp_str(m, 1), "?");
	assert_string_equal(mp_str(m, ~0u), "?");
	for (int i = 1; i < MP_META_MAX; i++)
		assert_true(m->meta[i] == MP_UNKNOWN);
	mp_model_free(m);
	mp_model_free(NULL);
}

static void test_target(void **state)
{
	struct fx f = fx_empty();
	struct mp_event e = ev_task(MM, tick(&f), MP_TASK_TARGET, 1234, 0);

	(void)state;
	fx_str(&f, 3, "churn");
	e.task.comm = 3;
	e.x = MP_TASK_F_LAUNCHED;
	fold(&f, e);
	assert_int_equal(f.m->n_procs, 1);
	assert_int_equal(P(&f)->tgid, 1234);
	assert_int_equal(P(&f)->mm, MM);
	assert_true(P(&f)->launched);
	assert_string_equal(mp_str(f.m, P(&f)->comm), "churn");
	assert_int_equal(P(&f)->start_ts, e.ts);
	assert_ptr_equal(mp_model_main(f.m), P(&f));
	fx_free(&f);
}

/* What concerns an mm that nobody watches changes nothing and is no error. */
static void test_unknown_mm(void **state)
{
	struct fx f = fx_new();

	(void)state;
	fold(&f, ev_fault(77, tick(&f), A, 3, MP_FAULT_WRITE));
	fold(&f, ev_rss(77, tick(&f), 1, 2, 3));
	fold(&f, ev_mmap(77, tick(&f), A, MIB, RW, PRIV));
	fold(&f, ev_task(77, tick(&f), MP_TASK_EXIT, 0, 0));
	fold(&f, ev_task(77, tick(&f), MP_TASK_FORK, 5, 0));
	fold(&f, ev_task(77, tick(&f), MP_TASK_MM_EXIT, 0, 0));
	assert_null(mp_model_proc(f.m, 77));
	assert_int_equal(f.m->n_procs, 1);
	assert_int_equal(P(&f)->faults, 0);
	assert_false(P(&f)->exited);
	fx_free(&f);
}

static void test_several_processes(void **state)
{
	struct fx f = fx_new();

	(void)state;
	fold(&f, ev_task(5, tick(&f), MP_TASK_TARGET, 555, 0));
	fold(&f, ev_task(3, tick(&f), MP_TASK_TARGET, 333, 0));
	fold(&f, ev_mmap(5, tick(&f), A, MIB, RW, PRIV));
	fold(&f, ev_fault(5, tick(&f), A, 4, MP_FAULT_WRITE));
	fold(&f, ev_fault(3, tick(&f), A, 2, MP_FAULT_WRITE));
	assert_int_equal(f.m->n_procs, 3);
	assert_int_equal(f.m->procs[1]->tgid, 555);
	assert_int_equal(f.m->procs[2]->tgid, 333);
	assert_int_equal(mp_model_main(f.m)->tgid, 100);
	assert_int_equal(P(&f)->faults, 0);
	assert_int_equal(mp_model_proc(f.m, 5)->faults, 4);
	assert_int_equal(mp_model_proc(f.m, 5)->n_maps, 1);
	assert_int_equal(mp_model_proc(f.m, 3)->orphan_pages, 2);
	fx_free(&f);
}

/* Whose child it is, is told where it becomes a target, and kept when told no more. */
static void test_parent(void **state)
{
	struct fx f = fx_new();
	struct mp_event e = ev_task(5, tick(&f), MP_TASK_TARGET, 555, 0);

	(void)state;
	e.task.c = 100;
	fold(&f, e);
	assert_int_equal(mp_model_proc(f.m, 5)->parent, 100);
	assert_int_equal(P(&f)->parent, 0);
	fold(&f, ev_task(5, tick(&f), MP_TASK_TARGET, 555, 0));
	assert_int_equal(mp_model_proc(f.m, 5)->parent, 100);
	fx_free(&f);
}

/* A child that nobody named has the name its parent had then. */
static void test_inherited_name(void **state)
{
	struct fx f = fx_empty();
	struct mp_event e = ev_task(5, tick(&f), MP_TASK_TARGET, 555, 0);

	(void)state;
	fx_str(&f, 3, "sh");
	fx_str(&f, 4, "ls");
	e.task.comm = 3;
	fold(&f, e);
	e = ev_task(6, tick(&f), MP_TASK_TARGET, 556, 0);
	e.task.c = 555;
	fold(&f, e);
	assert_string_equal(mp_str(f.m, mp_model_pid(f.m, 556)->comm), "sh");
	/* until it says another, and whatever the parent becomes */
	e.task.comm = 4;
	fold(&f, e);
	assert_string_equal(mp_str(f.m, mp_model_pid(f.m, 556)->comm), "ls");
	e = ev_task(7, tick(&f), MP_TASK_TARGET, 557, 0);
	e.task.c = 9; /* not watched */
	fold(&f, e);
	assert_int_equal(mp_model_pid(f.m, 557)->comm, 0);
	fx_free(&f);
}

static void test_fork_and_threads(void **state)
{
	struct fx f = fx_new();

	(void)state;
	fold(&f, ev_task(MM, tick(&f), MP_TASK_FORK, 200, 0));
	fold(&f, ev_task(MM, tick(&f), MP_TASK_FORK, 201, 0));
	fold(&f, ev_task(MM, tick(&f), MP_TASK_THREAD, 102, 0));
	assert_int_equal(P(&f)->forks, 2);
	assert_int_equal(P(&f)->threads_started, 1);
	fx_free(&f);
}

/* A process of many kinds of state, for exec to begin anew. */
static struct fx fx_busy(void)
{
	struct fx f = fx_new();

	fold(&f, ev_range(MM, tick(&f), MP_HEAP_RESERVE, H, MIB));
	do_mmap(&f, H, 100 * PG, RW, PRIV);
	do_touch(&f, H, 100);
	do_touch(&f, A, 3);
	do_rss(&f, 103, 5, 1);
	fold(&f, ev_heap(MM, tick(&f), MP_SRC_GC, 100 * PG, 100 * PG));
	fold(&f, ev_gc(MM, tick(&f), MP_GC_MAJOR, 100 * PG, 30 * PG));
	do_madvise(&f, H, 20 * PG, MADV_DONTNEED);
	return f;
}

static void test_exec(void **state)
{
	struct fx f = fx_busy();
	const struct mp_proc *p = P(&f);
	struct mp_event e = ev_task(9, tick(&f), MP_TASK_EXEC, MM, 0);

	(void)state;
	fx_str(&f, 4, "next");
	e.task.comm = 4;
	fold(&f, e);
	assert_int_equal(f.m->n_procs, 1);
	assert_ptr_equal(mp_model_proc(f.m, 9), p);
	assert_ptr_equal(mp_model_main(f.m), p);
	assert_int_equal(p->mm, 9);
	assert_int_equal(p->tgid, 100);
	assert_string_equal(mp_str(f.m, p->comm), "next");
	/* the address space begins anew */
	assert_int_equal(p->n_maps, 0);
	assert_int_equal(mp_pageset_total(p->pages), 0);
	assert_int_equal(p->orphan_pages, 0);
	assert_false(p->maps_known);
	assert_false(p->rss_known);
	assert_int_equal(p->n_ranges, 0);
	assert_null(mp_proc_heap(p, NULL));
	assert_int_equal(p->owed, 0);
	/* what was counted stays */
	assert_int_equal(p->faults, 103);
	assert_int_equal(p->pages_added, 103);
	assert_int_equal(p->calls[MP_CALL_MADVISE].dropped, 20);
	assert_int_equal(p->gc_major, 1);
	assert_int_equal(p->r_rss.max, 109 * PG);
	fx_free(&f);
}

/* The image before exec owes nothing any more: what the next one releases is not
 * credited to its collections. */
static void test_exec_ends_debts(void **state)
{
	struct fx f = fx_busy();
	uint64_t returned = P(&f)->gcs[0].returned;
	struct mp_event e = ev_task(9, tick(&f), MP_TASK_EXEC, MM, 0);
	const struct mp_proc *p;

	(void)state;
	assert_int_equal(mp_model_fold(f.m, &e), 0);
	p = mp_model_proc(f.m, 9);
	fold(&f, ev_range(9, tick(&f), MP_HEAP_RESERVE, H, MIB));
	fold(&f, ev_mmap(9, tick(&f), H, 100 * PG, RW, PRIV));
	fold(&f, ev_fault(9, tick(&f), H, 100, MP_FAULT_WRITE));
	fold(&f, ev_madvise(9, tick(&f), H, 100 * PG, MADV_DONTNEED));
	assert_int_equal(p->gcs[0].returned, returned);
	assert_int_equal(p->owed, 0);
	fx_free(&f);
}

/* Events of the old mm that come after exec say nothing about the new one. */
static void test_exec_late_events(void **state)
{
	struct fx f = fx_busy();
	struct mp_event e = ev_task(9, tick(&f), MP_TASK_EXEC, MM, 0);
	const struct mp_proc *p;

	(void)state;
	assert_int_equal(mp_model_fold(f.m, &e), 0);
	p = mp_model_proc(f.m, 9);
	e = ev_rss(9, tick(&f), 50, 5, 5);
	assert_int_equal(mp_model_fold(f.m, &e), 0);
	e = ev_task(MM, tick(&f), MP_TASK_MM_EXIT, 0, 0);
	assert_int_equal(mp_model_fold(f.m, &e), 0);
	assert_false(p->mm_gone);
	e = ev_rss(MM, tick(&f), 0, 0, 0);
	assert_int_equal(mp_model_fold(f.m, &e), 0);
	assert_int_equal(mp_proc_rss(p), 60 * PG);
	e = ev_fault(MM, tick(&f), A, 3, MP_FAULT_WRITE);
	assert_int_equal(mp_model_fold(f.m, &e), 0);
	assert_int_equal(mp_pageset_total(p->pages), 0);
	fx_free(&f);
}

/* exec of a process whose old mm was not watched: it is a process all the same. */
static void test_exec_unknown_old(void **state)
{
	struct fx f = fx_empty();

	(void)state;
	fold(&f, ev_task(4, tick(&f), MP_TASK_EXEC, 0, 0));
	assert_non_null(mp_model_proc(f.m, 4));
	fold(&f, ev_task(6, tick(&f), MP_TASK_EXEC, 55, 0));
	assert_non_null(mp_model_proc(f.m, 6));
	fx_free(&f);
}

/* Ids that cannot be: rejected or passed over, and nothing is read out of bounds. */
static void test_exec_bad_ids(void **state)
{
	static const uint64_t old[] = { (1ULL << 32) + MM, 1ULL << 55, ~0ULL, 1 << 20 };
	struct fx f = fx_new();

	(void)state;
	for (size_t i = 0; i < sizeof(old) / sizeof(old[0]); i++) {
		struct mp_event e = ev_task(9, tick(&f), MP_TASK_EXEC, old[i], 0);

		mp_model_fold(f.m, &e);
		assert_ptr_equal(mp_model_main(f.m), P(&f));
		assert_int_equal(P(&f)->mm, MM);
	}
	{
		struct mp_event e = ev_task(0, tick(&f), MP_TASK_EXEC, MM, 0);

		mp_model_fold(f.m, &e); /* 0 is no mm */
		assert_null(mp_model_proc(f.m, 0));
	}
	fx_free(&f);
}

static void test_exit(void **state)
{
	struct fx f = fx_new();
	uint64_t ts;

	(void)state;
	fold(&f, ev_task(MM, ts = tick(&f), MP_TASK_EXIT, 3 << 8, 0));
	assert_true(P(&f)->exited && P(&f)->exit_known);
	assert_int_equal(P(&f)->wait_status, 3 << 8);
	assert_int_equal(P(&f)->exit_ts, ts);
	/* the second does not overrule the first */
	fold(&f, ev_task(MM, tick(&f), MP_TASK_EXIT, MP_UNKNOWN, 0));
	assert_true(P(&f)->exit_known);
	assert_int_equal(P(&f)->wait_status, 3 << 8);
	assert_int_equal(P(&f)->exit_ts, ts);
	fx_free(&f);
}

static void test_exit_unknown(void **state)
{
	struct fx f = fx_new();
	uint64_t ts;

	(void)state;
	fold(&f, ev_task(MM, ts = tick(&f), MP_TASK_EXIT, MP_UNKNOWN, 0));
	assert_true(P(&f)->exited);
	assert_false(P(&f)->exit_known);
	/* who knows comes later */
	fold(&f, ev_task(MM, tick(&f), MP_TASK_EXIT, 9, 0));
	assert_true(P(&f)->exit_known);
	assert_int_equal(P(&f)->wait_status, 9);
	assert_int_equal(P(&f)->exit_ts, ts);
	fx_free(&f);
}

/* --- strings ------------------------------------------------------------------------------- */

static void test_string_pieces(void **state)
{
	struct fx f = fx_new();
	char s[MP_STR_MAX + 1];

	(void)state;
	for (size_t i = 0; i < MP_STR_MAX; i++)
		s[i] = (char)('a' + i % 26);
	for (size_t len = 1; len <= MP_STR_MAX; len = len < 200 ? len + 7 : len * 2) {
		char cut[MP_STR_MAX + 1];

		memcpy(cut, s, len);
		cut[len] = 0;
		fx_str(&f, 5, cut);
		assert_string_equal(mp_str(f.m, 5), cut);
	}
	s[MP_STR_MAX] = 0;
	fx_str(&f, 6, s);
	assert_string_equal(mp_str(f.m, 6), s);
	/* no text is a text */
	fold(&f, ev_str(tick(&f), 7, "", 0, 0));
	assert_string_equal(mp_str(f.m, 7), "");
	fx_free(&f);
}

static void test_string_out_of_order(void **state)
{
	static const char s[] = "0123456789012345678901234567890123456789012345670123456789"
				"01234567890123456789012345678901234567xyzzy";
	struct fx f = fx_new();
	size_t len = strlen(s);

	(void)state;
	fold(&f, ev_str(tick(&f), 5, s, len, 48)); /* its beginning was lost */
	assert_string_equal(mp_str(f.m, 5), "?");
	fold(&f, ev_str(tick(&f), 5, s, len, 0));
	assert_int_equal(strlen(mp_str(f.m, 5)), 48);
	fold(&f, ev_str(tick(&f), 5, s, len, 96)); /* one in the middle was lost */
	assert_int_equal(strlen(mp_str(f.m, 5)), 48);
	fold(&f, ev_str(tick(&f), 5, s, len, 48));
	assert_int_equal(strlen(mp_str(f.m, 5)), 96); /* what was ignored is not there */
	fold(&f, ev_str(tick(&f), 5, s, len, 96));
	assert_string_equal(mp_str(f.m, 5), s);
	fx_free(&f);
}

static void test_string_rejected(void **state)
{
	static const struct {
		uint32_t id, total, pos;
	} bad[] = { { 0, 5, 0 },   { ~0u, 5, 0 }, { 1u << 31, 5, 0 }, { 5, MP_STR_MAX + 1, 0 },
		    { 5, ~0u, 0 }, { 5, 10, 11 }, { 5, 10, ~0u } };
	struct fx f = fx_new();

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct mp_event e = ev(MP_EV_STR, 0, 0, tick(&f));

		e.x = bad[i].total;
		e.str.id = bad[i].id;
		e.str.pos = bad[i].pos;
		memset(e.str.text, 'x', MP_STR_CHUNK);
		assert_int_equal(mp_model_fold(f.m, &e), -EINVAL);
	}
	assert_string_equal(mp_str(f.m, 5), "?");
	fx_free(&f);
}

/* Pieces that do not agree on the length (damage) write nothing out of bounds. */
static void test_string_lengths_disagree(void **state)
{
	static const char s[] = "0123456789012345678901234567890123456789012345670123456789";
	struct fx f = fx_new();
	struct mp_event e;

	(void)state;
	fold(&f, ev_str(tick(&f), 5, s, 48, 0));
	e = ev_str(tick(&f), 5, s, 58, 48);
	mp_model_fold(f.m, &e);
	e.x = MP_STR_MAX;
	mp_model_fold(f.m, &e);
	assert_memory_equal(mp_str(f.m, 5), s, 48);
	fx_free(&f);
}

static void test_string_redefined(void **state)
{
	struct fx f = fx_new();

	(void)state;
	fx_str(&f, 2, "first");
	fx_str(&f, 2, "the second, longer than the first");
	assert_string_equal(mp_str(f.m, 2), "the second, longer than the first");
	fx_free(&f);
}

/* --- facts ------------------------------------------------------------------------------------ */

static void test_meta_probe_loss(void **state)
{
	struct fx f = fx_new();
	struct mp_event e = ev(MP_EV_META, MP_META_NCPU, 0, tick(&f));

	(void)state;
	e.meta.num = 8;
	fold(&f, e);
	assert_int_equal(f.m->meta[MP_META_NCPU], 8);
	e.sub = 200;
	fold(&f, e);
	e = ev(MP_EV_PROBE, MP_FEAT_RSS, 0, tick(&f));
	e.x = MP_RUNG_ABSENT;
	e.v[0] = (uint64_t)-EPERM;
	e.v[1] = 3;
	fold(&f, e);
	assert_true(f.m->probes[MP_FEAT_RSS].known);
	assert_int_equal(f.m->probes[MP_FEAT_RSS].rung, MP_RUNG_ABSENT);
	assert_int_equal(f.m->probes[MP_FEAT_RSS].err, -EPERM);
	assert_int_equal(f.m->probes[MP_FEAT_RSS].why, 3);
	assert_false(f.m->probes[MP_FEAT_CALLS].known);
	e = ev(MP_EV_LOSS, MP_LOSS_RING_FULL, 0, tick(&f));
	e.x = 10;
	fold(&f, e);
	e.sub = MP_LOSS_DISK;
	e.x = 3;
	fold(&f, e);
	e.sub = 99; /* a cause from a newer version is still a loss */
	fold(&f, e);
	assert_int_equal(f.m->lost[MP_LOSS_RING_FULL], 10);
	assert_int_equal(f.m->lost[MP_LOSS_DISK], 3);
	assert_int_equal(f.m->lost_total, 16);
	fx_free(&f);
}

static void test_now_start_events(void **state)
{
	struct fx f = fx_empty();

	(void)state;
	fold(&f, ev(MP_EV_TICK, 0, 0, T0 + 50));
	fold(&f, ev(MP_EV_TICK, 0, 0, T0 + 90));
	fold(&f, ev(999, 1, 1, T0 + 95)); /* unknown: counted and passed over */
	assert_int_equal(f.m->start, T0 + 50);
	assert_int_equal(f.m->now, T0 + 95);
	assert_int_equal(f.m->events, 3);
	fx_free(&f);
}

static void test_names(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		assert_true(mp_class_name((enum mp_class)i)[0]);
		assert_true(mp_call_name(i)[0]);
		assert_true(mp_advice_name(i)[0]);
		assert_true(mp_gc_kind_name(i)[0]);
		assert_true(mp_source_name(i)[0]);
		assert_true(mp_loss_name(i)[0]);
		assert_true(mp_feature_name(i)[0]);
		assert_true(mp_rung_name(i)[0]);
	}
	assert_string_equal(mp_call_name(MP_CALL_MREMAP), "mremap");
	assert_string_equal(mp_advice_name(MADV_DONTNEED), "dontneed");
	assert_string_equal(mp_advice_name(102), "guard_install");
	assert_string_equal(mp_advice_name(mp_advice_slot(103)), "guard_remove");
	assert_int_equal(mp_advice_slot(77), MP_ADVICE_MAX - 1);
	assert_string_equal(mp_source_name(MP_SRC_V8), "v8");
	for (unsigned i = 1; i < MP_LOSS_MAX; i++)
		assert_string_not_equal(mp_loss_name(i), "?");
	for (unsigned i = 1; i < MP_CALL_MAX; i++)
		assert_string_not_equal(mp_call_name(i), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_model),
		cmocka_unit_test(test_target),
		cmocka_unit_test(test_unknown_mm),
		cmocka_unit_test(test_several_processes),
		cmocka_unit_test(test_parent),
		cmocka_unit_test(test_inherited_name),
		cmocka_unit_test(test_fork_and_threads),
		cmocka_unit_test(test_exec),
		cmocka_unit_test(test_exec_ends_debts),
		cmocka_unit_test(test_exec_late_events),
		cmocka_unit_test(test_exec_unknown_old),
		cmocka_unit_test(test_exec_bad_ids),
		cmocka_unit_test(test_exit),
		cmocka_unit_test(test_exit_unknown),
		cmocka_unit_test(test_string_pieces),
		cmocka_unit_test(test_string_out_of_order),
		cmocka_unit_test(test_string_rejected),
		cmocka_unit_test(test_string_redefined),
		cmocka_unit_test(test_meta_probe_loss),
		cmocka_unit_test(test_now_start_events),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_string_lengths_disagree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
