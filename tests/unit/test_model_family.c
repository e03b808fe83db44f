/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which processes have pages in common since a fork, and what is copied because of it; what
 * calls bring in by themselves.
 */
#include "tests/unit/ev.h"

#define AT    0x20000000000ULL
#define CHILD 2
#define OTHER 3

static struct fx parent(void)
{
	struct fx f = fx_new();

	do_mmap(&f, AT, MIB, RW, PRIV);
	do_touch(&f, AT, 256);
	return f;
}

static void target(struct fx *f, uint32_t mm, uint64_t tgid, uint64_t of, uint64_t ts)
{
	struct mp_event e = ev_task(mm, ts, MP_TASK_TARGET, tgid, 0);

	e.task.c = of;
	fold(f, e);
}

static void do_fork(struct fx *f, uint32_t mm, uint64_t of, uint32_t child, uint64_t tgid)
{
	uint64_t ts = tick(f);

	fold(f, ev_task(mm, ts, MP_TASK_FORK, tgid, child));
	target(f, child, tgid, of, ts);
}

static void rewrite(struct fx *f, uint32_t mm, uint32_t pages)
{
	fold(f, ev_fault(mm, tick(f), AT, pages, MP_FAULT_WRITE | MP_FAULT_PRESENT));
}

static uint64_t sharers(struct fx *f, uint32_t mm)
{
	return mp_model_proc(f->m, mm)->sharers;
}

static void test_copies_count_while_relatives_live(void **state)
{
	struct fx f = parent();

	(void)state;
	rewrite(&f, MM, 10);
	assert_int_equal(P(&f)->cow_shared, 0);
	do_fork(&f, MM, 100, CHILD, 200);
	assert_int_equal(sharers(&f, MM), 1);
	assert_int_equal(sharers(&f, CHILD), 1);
	rewrite(&f, MM, 20);
	assert_int_equal(P(&f)->cow_shared, 20);
	fold(&f, ev_task(CHILD, tick(&f), MP_TASK_MM_EXIT, 0, 0));
	fold(&f, ev_task(CHILD, tick(&f), MP_TASK_EXIT, 0, 0));
	assert_int_equal(sharers(&f, MM), 0);
	rewrite(&f, MM, 30);
	assert_int_equal(P(&f)->cow_shared, 20);
	assert_int_equal(mp_faults_of(P(&f), MP_FK_COW), 60);
	fx_free(&f);
}

static void test_another_program_is_no_relative(void **state)
{
	struct fx f = parent();

	(void)state;
	do_fork(&f, MM, 100, CHILD, 200);
	do_fork(&f, CHILD, 200, OTHER, 300);
	assert_int_equal(sharers(&f, MM), 2);
	fold(&f, ev_task(9, tick(&f), MP_TASK_EXEC, CHILD, 200));
	assert_int_equal(sharers(&f, MM), 1);
	assert_int_equal(sharers(&f, OTHER), 1); /* the grandchild has its grandparent's pages */
	assert_int_equal(sharers(&f, 9), 0);
	target(&f, 9, 200, 100, tick(&f)); /* told again behind an exec */
	assert_int_equal(sharers(&f, 9), 0);
	do_fork(&f, 9, 200, 10, 400);
	assert_int_equal(sharers(&f, 9), 1);
	assert_int_equal(sharers(&f, MM), 1);
	fx_free(&f);
}

/* Of a fork from before the session that both run the same program is all there is. */
static void test_attached_relatives(void **state)
{
	struct fx f = parent();
	struct mp_event e = ev_task(MM, tick(&f), MP_TASK_TARGET, 100, 5);

	(void)state;
	fx_str(&f, 5, "/bin/a");
	fx_str(&f, 6, "/bin/b");
	fold(&f, e);
	e = ev_task(CHILD, tick(&f), MP_TASK_TARGET, 200, 5);
	e.task.c = 100;
	fold(&f, e);
	assert_int_equal(sharers(&f, MM), 1);
	e = ev_task(OTHER, tick(&f), MP_TASK_TARGET, 300, 6);
	e.task.c = 100;
	fold(&f, e);
	assert_int_equal(sharers(&f, MM), 1);
	assert_int_equal(sharers(&f, OTHER), 0);
	fx_free(&f);
}

static int into(void *ctx, const struct mp_event *e)
{
	return mp_model_fold(ctx, e);
}

static void test_dump_keeps_families(void **state)
{
	struct fx f = parent(), g = fx_empty();

	(void)state;
	do_fork(&f, MM, 100, CHILD, 200);
	rewrite(&f, MM, 20);
	assert_int_equal(mp_model_dump(f.m, into, g.m), 0);
	assert_true(mp_model_digest(f.m) == mp_model_digest(g.m));
	g.ts = f.ts;
	rewrite(&g, MM, 5);
	assert_int_equal(P(&g)->cow_shared, 25);
	fold(&g, ev_task(CHILD, tick(&g), MP_TASK_EXIT, 0, 0));
	assert_int_equal(sharers(&g, MM), 0);
	fx_free(&f);
	fx_free(&g);
}

static void call_adds(struct fx *f, enum mp_call call, uint32_t x, int32_t pages, uint8_t flags)
{
	struct mp_event e = ev_call(MM, tick(f), call, AT, MIB, 0);

	if (call == MP_CALL_MMAP)
		e.call.ret = (int64_t)(AT + GIB);
	e.x = x;
	e.flags = flags;
	e.call.d_anon = pages;
	fold(f, e);
}

static void test_calls_that_fill(void **state)
{
	const uint32_t plain = MP_MMAP_X(RW, PRIV), now = MP_MMAP_X(RW, PRIV | MAP_POPULATE);
	struct fx f = parent();

	(void)state;
	call_adds(&f, MP_CALL_MMAP, plain, 7, 0); /* others did that */
	call_adds(&f, MP_CALL_MADVISE, 14, 7, 0);
	assert_int_equal(P(&f)->filled, 0);
	call_adds(&f, MP_CALL_MMAP, now, 7, 0);
	call_adds(&f, MP_CALL_MLOCK, 0, 10, MP_CALL_SHARED);
	call_adds(&f, MP_CALL_MLOCK, 0, 10, MP_CALL_NO_DELTA);
	call_adds(&f, MP_CALL_MADVISE, 23, 100, 0);
	assert_int_equal(P(&f)->filled, 117 * PG);
	call_adds(&f, MP_CALL_MLOCKALL, MCL_FUTURE, 0, 0);
	call_adds(&f, MP_CALL_MMAP, plain, 3, 0);
	assert_int_equal(P(&f)->filled, 120 * PG);
	fx_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copies_count_while_relatives_live),
		cmocka_unit_test(test_another_program_is_no_relative),
		cmocka_unit_test(test_attached_relatives),
		cmocka_unit_test(test_dump_keeps_families),
		cmocka_unit_test(test_calls_that_fill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
