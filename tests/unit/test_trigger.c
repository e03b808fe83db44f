/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_trigger.c - expressions that save a flight recorder: what they accept, where they
 * point when they do not, and each figure on both sides of its threshold.
 */
#include "tests/unit/ev.h"

#include "user/view/trigger.h"

struct fix {
	struct mp_trigger *t;
	struct mp_model *m;
	uint64_t now;
	char said[256];
};

static void put(struct fix *f, struct mp_event e)
{
	f->now = e.ts;
	assert_int_equal(mp_model_fold(f->m, &e), 0);
}

static struct fix begin(const char *expr)
{
	struct fix f = { .m = mp_model_new(), .now = T0 };
	struct mp_trigger_error err;

	if (mp_trigger_parse(expr, &f.t, &err))
		fail_msg("%s: at %zu: %s", expr, err.pos, err.why);
	put(&f, ev_task(MM, T0, MP_TASK_TARGET, 100, 0));
	return f;
}

static void finish(struct fix *f)
{
	mp_trigger_free(f->t);
	mp_model_free(f->m);
}

static bool look(struct fix *f)
{
	f->said[0] = 0;
	return mp_trigger_eval(f->t, f->m, false, f->said, sizeof(f->said));
}

/* RSS is so many bytes, a second later. */
static bool rss(struct fix *f, uint64_t bytes)
{
	put(f, ev_rss(MM, f->now + SEC, bytes / PG, 0, 0));
	return look(f);
}

static bool heap(struct fix *f, uint64_t used, uint64_t limit)
{
	struct mp_event e = ev_heap(MM, f->now + SEC, MP_SRC_GC, used, 10 * GIB);

	e.heap.limit = limit;
	e.heap.external = 7 * MIB;
	put(f, e);
	return look(f);
}

static bool cgroup(struct fix *f, uint64_t charged, uint64_t file, uint64_t limit)
{
	struct mp_event e = ev(MP_EV_CGROUP, 2, MM, f->now + SEC);

	for (int i = 0; i < 7; i++)
		e.v[i] = MP_UNKNOWN;
	e.cgroup.charged = charged;
	e.cgroup.file = file;
	e.cgroup.limit = limit;
	put(f, e);
	return look(f);
}

/* --- the grammar ------------------------------------------------------------------------- */

static void accepted(void **state)
{
	static const char *const good[] = {
		"rss>2G",
		"rss/heap>3 for 30s",
		"growth>100M/min",
		"owed>500M",
		"time-to-limit<60s",
		"oom",
		" rss >= 1.5G ",
		"swap>0",
		"cgroup/limit>0.9",
		"heap<64KiB",
		"growth>1M/s for 500ms",
		"growth>2G/h",
		"lazyfree>1T",
		"external<=10M for 1h",
	};
	struct mp_trigger_error err;
	struct mp_trigger *t;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (mp_trigger_parse(good[i], &t, &err))
			fail_msg("%s: at %zu: %s", good[i], err.pos, err.why);
		mp_trigger_free(t);
	}
}

/* The error points at the byte that is wrong. */
static void refused(void **state)
{
	static const struct {
		const char *expr;
		size_t pos;
		const char *why;
	} bad[] = {
		{ "", 0, "not a figure" },
		{ "rsss>2G", 0, "not a figure" },
		{ "RSS>2G", 0, "not a figure" },
		{ "rss", 3, "> >= < <=" },
		{ "rss=2G", 3, "> >= < <=" },
		{ "rss>>2G", 4, "a number" },
		{ "rss>", 4, "a number" },
		{ "rss>-1", 4, "a number" },
		{ "rss>2X", 4, "a size" },
		{ "rss> 2G for", 11, "a number" },
		{ "rss>2G for 5", 11, "a time" },
		{ "rss>2G for 5 s", 11, "a time" },
		{ "rss>2G while", 7, "only 'for TIME'" },
		{ "rss>2G/min", 6, "only 'for TIME'" },
		{ "rss/>2", 4, "not a figure" },
		{ "rss/foo>2", 4, "not a figure" },
		{ "rss/heap>3M", 9, "plain number" },
		{ "rss/growth>3", 4, "two figures in bytes" },
		{ "growth/rss>3", 0, "two figures in bytes" },
		{ "growth>100M", 11, "by time" },
		{ "growth>100M/day", 12, "/s, /min or /h" },
		{ "time-to-limit<60", 14, "a time" },
		{ "time-to-limit<60M", 14, "a time" },
		{ "oom>3", 3, "nothing can follow" },
		{ "rss>2G for 3s now", 14, "nothing can follow" },
		{ "rss>99999999999999999999", 4, "too high" },
	};
	struct mp_trigger_error err;
	struct mp_trigger *t;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(mp_trigger_parse(bad[i].expr, &t, &err), -EINVAL);
		if (err.pos != bad[i].pos || !strstr(err.why, bad[i].why))
			fail_msg("'%s': at %zu: %s", bad[i].expr, err.pos, err.why);
	}
}

/* --- figures -------------------------------------------------------------------------------- */

static void a_size(void **state)
{
	struct fix f = begin("rss>2G");

	(void)state;
	assert_false(look(&f));
	assert_false(rss(&f, 2 * GIB));
	assert_true(rss(&f, 2 * GIB + PG));
	assert_string_equal(f.said, "trigger 'rss>2G' (pid 100: 2.00 G)");
	finish(&f);
	f = begin("rss>=2G");
	assert_false(rss(&f, 2 * GIB - PG));
	assert_true(rss(&f, 2 * GIB));
	finish(&f);
	f = begin("rss<1M");
	assert_false(rss(&f, MIB));
	assert_true(rss(&f, MIB - PG));
	finish(&f);
}

/* Once an episode, which ends a tenth below, and not twice a minute. */
static void once_an_episode(void **state)
{
	struct fix f = begin("rss>1000M");

	(void)state;
	assert_true(rss(&f, 1001 * MIB));
	for (int i = 0; i < 100; i++)
		assert_false(rss(&f, 2000 * MIB));
	assert_false(rss(&f, 950 * MIB)); /* not far enough */
	assert_false(rss(&f, 1001 * MIB));
	assert_false(rss(&f, 899 * MIB)); /* over */
	assert_true(rss(&f, 1001 * MIB));
	assert_false(rss(&f, 899 * MIB));
	for (int i = 0; i < 58; i++)
		assert_false(rss(&f, 1001 * MIB)); /* within a minute */
	assert_true(rss(&f, 1001 * MIB));
	assert_false(rss(&f, 1001 * MIB));
	finish(&f);
}

static void a_ratio_for_a_time(void **state)
{
	struct fix f = begin("rss/heap>3 for 30s");

	(void)state;
	assert_false(rss(&f, 4 * GIB));
	assert_false(mp_trigger_blind(f.t, f.m, f.said, sizeof(f.said)));
	for (int i = 0; i < 40; i++)
		assert_false(rss(&f, 4 * GIB)); /* of what heap? */
	assert_true(mp_trigger_blind(f.t, f.m, f.said, sizeof(f.said)));
	assert_non_null(strstr(f.said, "nothing tells rss and heap"));
	assert_false(mp_trigger_blind(f.t, f.m, f.said, sizeof(f.said)));
	assert_false(heap(&f, GIB, MP_UNKNOWN));
	for (int i = 0; i < 29; i++)
		assert_false(rss(&f, 4 * GIB));
	assert_false(rss(&f, 3 * GIB)); /* a moment of not */
	for (int i = 0; i < 30; i++)
		assert_false(rss(&f, 4 * GIB));
	assert_true(rss(&f, 4 * GIB));
	assert_non_null(strstr(f.said, "4.00"));
	finish(&f);
}

static void growth(void **state)
{
	struct fix f = begin("growth>100M/min");

	(void)state;
	/* 99 MiB a minute for long. */
	for (int i = 0; i < 300; i++)
		assert_false(rss(&f, GIB + (uint64_t)i * 99 * MIB / 60));
	for (int i = 0; i < 50; i++)
		assert_false(rss(&f, 2 * GIB + i * 98 * MIB / 60 - 550 * MIB));
	finish(&f);

	f = begin("growth>100M/min");
	assert_false(rss(&f, GIB)); /* what was there before is no growth */
	assert_false(rss(&f, GIB + 100 * MIB));
	assert_true(rss(&f, GIB + 101 * MIB)); /* nor does it wait for the minute */
	finish(&f);

	f = begin("growth>100M/min"); /* the same in more than a minute */
	assert_false(rss(&f, GIB));
	for (int i = 0; i < 70; i++)
		assert_false(rss(&f, GIB + 60 * MIB));
	assert_false(rss(&f, GIB + 101 * MIB));
	finish(&f);
}

static void owed(void **state)
{
	struct fix f = begin("owed>500M");

	(void)state;
	assert_false(rss(&f, 2 * GIB)); /* no heap: not known */
	put(&f, ev_mmap(MM, f.now + SEC, 0x200000000000, 2 * GIB, RW, PRIV));
	put(&f, ev_range(MM, f.now + SEC, MP_HEAP_RESERVE, 0x200000000000, 2 * GIB));
	put(&f, ev_pages(MM, f.now + SEC, MP_PAGES_RESIDENT, 0x200000000000, 2 * GIB));
	assert_false(heap(&f, GIB, MP_UNKNOWN));
	put(&f, ev_gc(MM, f.now + SEC, MP_GC_MAJOR, 2 * GIB, 2 * GIB - 500 * MIB));
	put(&f, ev_heap(MM, f.now + SEC, MP_SRC_GC, 2 * GIB - 500 * MIB, 2 * GIB));
	assert_false(look(&f));
	put(&f, ev_gc(MM, f.now + SEC, MP_GC_MAJOR, 2 * GIB - 500 * MIB, 2 * GIB - 501 * MIB));
	put(&f, ev_heap(MM, f.now + SEC, MP_SRC_GC, 2 * GIB - 501 * MIB, 2 * GIB));
	assert_int_equal(mp_model_proc(f.m, MM)->owed, 501 * MIB);
	assert_true(look(&f));
	finish(&f);
}

/* 1 MiB a second towards a limit. */
static void time_to_limit(void **state)
{
	struct fix f = begin("time-to-limit<60s");
	uint64_t at = 100 * MIB, limit = 400 * MIB, fired = 0;

	(void)state;
	/* Near, and not growing: no danger. */
	for (int i = 0; i < 60; i++) {
		assert_false(rss(&f, 390 * MIB));
		assert_false(cgroup(&f, 399 * MIB, 0, limit));
	}
	finish(&f);

	/* At the limit with files, which can be dropped: no danger either. */
	f = begin("time-to-limit<60s");
	for (int i = 0; i < 60; i++) {
		assert_false(rss(&f, 100 * MIB));
		assert_false(cgroup(&f, limit, 300 * MIB, limit));
	}
	finish(&f);

	f = begin("time-to-limit<60s");
	for (; at < limit && !fired; at += MIB) {
		put(&f, ev_rss(MM, f.now + SEC / 2, at / PG, 0, 0));
		put(&f, ev(MP_EV_TICK, 0, 0, f.now));
		struct mp_event e = ev(MP_EV_CGROUP, 2, MM, f.now + SEC / 2);

		for (int i = 0; i < 7; i++)
			e.v[i] = MP_UNKNOWN;
		e.cgroup.charged = at;
		e.cgroup.limit = limit;
		put(&f, e);
		fired = look(&f) ? at : 0;
	}
	/* By floors of half minutes: a little off, not much. */
	assert_in_range(fired, limit - 66 * MIB, limit - 54 * MIB);
	finish(&f);
}

/* Long still, and then so fast that the whole window would come too late. */
static void sudden(void **state)
{
	struct fix f = begin("time-to-limit<60s");
	uint64_t at = 100 * MIB, limit = 600 * MIB, fired = 0;

	(void)state;
	for (int i = 0; i < 100; i++) {
		assert_false(rss(&f, at));
		assert_false(cgroup(&f, at, 0, limit));
	}
	for (; at < limit && !fired; at += 20 * MIB) {
		if (rss(&f, at) || cgroup(&f, at, 0, limit))
			fired = at;
	}
	assert_in_range(fired, 140 * MIB, 500 * MIB);
	finish(&f);
}

/* A collected heap: its teeth are not growth, its floor is. */
static void teeth(void **state)
{
	struct fix f = begin("time-to-limit<60s");
	uint64_t fired = 0;

	(void)state;
	for (int i = 0; i < 400; i++)
		assert_false(heap(&f, 100 * MIB + (uint64_t)(i % 10) * 80 * MIB, GIB));
	for (int i = 0; i < 1000 && !fired; i++) {
		uint64_t floor = 100 * MIB + (uint64_t)i * MIB;

		if (heap(&f, floor + (uint64_t)(i % 10) * 10 * MIB, GIB))
			fired = floor;
	}
	assert_in_range(fired, GIB - 200 * MIB, GIB - 40 * MIB);
	finish(&f);
}

static void oom(void **state)
{
	struct fix f = begin("oom");

	(void)state;
	assert_false(look(&f));
	assert_false(cgroup(&f, 990 * MIB, 100 * MIB, 1000 * MIB)); /* files can be dropped */
	assert_false(cgroup(&f, 949 * MIB, 0, 1000 * MIB));
	assert_true(cgroup(&f, 951 * MIB, MP_UNKNOWN, 1000 * MIB));
	assert_false(cgroup(&f, 999 * MIB, 0, 1000 * MIB));
	finish(&f);

	f = begin("oom");
	put(&f, ev_task(MM, f.now + SEC, MP_TASK_EXIT, 15, 0)); /* SIGTERM */
	assert_false(look(&f));
	finish(&f);

	f = begin("oom");
	put(&f, ev_task(MM, f.now + SEC, MP_TASK_EXIT, 9 << 8, 0)); /* exit(9) */
	assert_false(look(&f));
	finish(&f);

	f = begin("oom");
	put(&f, ev_task(MM, f.now + SEC, MP_TASK_EXIT, 9, 0));
	assert_true(look(&f));
	assert_string_equal(f.said, "trigger 'oom' (pid 100: it was killed)");
	assert_false(look(&f));
	finish(&f);

	f = begin("oom"); /* told before it ends, and once */
	put(&f, ev_task(MM, f.now + SEC, MP_TASK_OOM, 100, 0));
	assert_true(look(&f));
	assert_string_equal(f.said,
			    "trigger 'oom' (pid 100: the kernel killed it for lack of memory)");
	put(&f, ev_task(MM, f.now + SEC, MP_TASK_EXIT, 9, 0));
	assert_false(look(&f));
	finish(&f);

	f = begin("oom"); /* nobody knows how it ended */
	put(&f, ev_task(MM, f.now + SEC, MP_TASK_EXIT, MP_UNKNOWN, 0));
	assert_false(look(&f));
	finish(&f);
}

/* The figures of a control group by its name, as each process in it is told them. */
static void put_group(struct fix *f, uint32_t mm, uint32_t name, uint64_t charged)
{
	struct mp_event e = ev(MP_EV_CGROUP, 2, mm, f->now + 1);

	for (int i = 0; i < 7; i++)
		e.v[i] = MP_UNKNOWN;
	e.x = name;
	e.cgroup.charged = charged;
	e.cgroup.limit = 120 * MIB;
	put(f, e);
}

/* The warning is of the control group: it names the largest process in it, once. */
static void oom_of_a_group(void **state)
{
	struct fix f = begin("oom");

	(void)state;
	for (uint32_t mm = 2; mm < 5; mm++)
		put(&f, ev_task(mm, f.now + 1, MP_TASK_TARGET, 100 * mm, 0));
	put(&f, ev_rss(MM, f.now + 1, 42 * MIB / PG, 0, 0));
	put(&f, ev_rss(2, f.now + 1, 20 * MIB / PG, 0, 0));
	put(&f, ev_rss(3, f.now + 1, 70 * MIB / PG, 0, 0));
	put(&f, ev_rss(4, f.now + 1, 900 * MIB / PG, 0, 0));
	put_group(&f, 4, 78, 20 * MIB); /* in another one */
	put_group(&f, MM, 77, 115 * MIB);
	put_group(&f, 3, 77, 100 * MIB); /* not told of the rise yet */
	put(&f, ev(MP_EV_TICK, 0, 0, f.now + SEC));
	assert_true(look(&f));
	assert_string_equal(f.said, "trigger 'oom' (pid 300's control group: 115 M of 120 M)");
	assert_int_equal(mp_trigger_pid(f.t), 300);
	assert_false(mp_trigger_killed(f.t));
	put_group(&f, 2, 77, 116 * MIB);
	put_group(&f, 3, 77, 116 * MIB);
	for (int i = 0; i < 70; i++) {
		put(&f, ev(MP_EV_TICK, 0, 0, f.now + SEC));
		assert_false(look(&f));
	}
	/* the kill is of who was killed */
	put(&f, ev_task(2, f.now + SEC, MP_TASK_EXIT, 9, 0));
	assert_true(look(&f));
	assert_string_equal(f.said, "trigger 'oom' (pid 200: it was killed)");
	assert_int_equal(mp_trigger_pid(f.t), 200);
	assert_true(mp_trigger_killed(f.t));
	finish(&f);
}

/* What is not known never fires, on neither side. */
static void unknown(void **state)
{
	static const char *const expr[] = { "heap<1G", "heap>0",      "external<1G",
					    "owed<1G", "limit<1T",    "time-to-limit<1h",
					    "rss<1G",  "growth<1M/s", "rss/heap<100" };

	(void)state;
	for (size_t i = 0; i < sizeof(expr) / sizeof(expr[0]); i++) {
		struct fix f = begin(expr[i]);

		for (int k = 0; k < 20; k++) {
			put(&f, ev(MP_EV_TICK, 0, 0, f.now + SEC));
			assert_false(look(&f));
		}
		assert_true(mp_trigger_blind(f.t, f.m, f.said, sizeof(f.said)));
		finish(&f);
	}
}

/* Each process by itself; one that has ended is asked nothing more. */
static void processes(void **state)
{
	struct fix f = begin("rss>1G");

	(void)state;
	put(&f, ev_task(2, f.now + SEC, MP_TASK_TARGET, 200, 0));
	assert_false(rss(&f, 600 * MIB));
	put(&f, ev_rss(2, f.now + SEC, 600 * MIB / PG, 0, 0));
	assert_false(look(&f));
	put(&f, ev_rss(2, f.now + SEC, 1025 * MIB / PG, 0, 0));
	assert_true(look(&f));
	assert_non_null(strstr(f.said, "pid 200"));
	finish(&f);

	f = begin("rss<1G");
	put(&f, ev_rss(MM, f.now + SEC, 2 * GIB / PG, 0, 0));
	put(&f, ev_task(MM, f.now + SEC, MP_TASK_EXIT, 0, 0));
	put(&f, ev_rss(MM, f.now + SEC, 0, 0, 0));
	assert_false(look(&f));
	finish(&f);
}

/* RSS of a process, a second later. */
static bool rss_of(struct fix *f, uint32_t mm, uint64_t bytes)
{
	put(f, ev_rss(mm, f->now + SEC, bytes / PG, 0, 0));
	return look(f);
}

/* Who is hit while the trigger rests is told when it has rested, all of them at once, also
 * when their episodes are over by then. */
static void while_it_rests(void **state)
{
	struct fix f = begin("rss>1G");
	int i = 0;

	(void)state;
	put(&f, ev_task(2, f.now + SEC, MP_TASK_TARGET, 200, 0));
	put(&f, ev_task(3, f.now + SEC, MP_TASK_TARGET, 300, 0));
	assert_true(rss(&f, 2 * GIB));
	assert_false(rss_of(&f, 2, 3 * GIB));
	assert_false(rss_of(&f, 3, 4 * GIB));
	assert_false(rss_of(&f, 2, MIB));
	while (!rss(&f, 2 * GIB))
		assert_true(i++ < 60);
	assert_int_equal(i, 56);
	assert_string_equal(f.said, "trigger 'rss>1G' (pid 200: 3.00 G, and 1 more)");
	for (i = 0; i < 100; i++)
		assert_false(rss_of(&f, 3, 4 * GIB));
	finish(&f);
}

/* The warning does not hide the kill; kills wait for kills. */
static void killed_after_the_warning(void **state)
{
	struct fix f = begin("oom");
	int i = 0;

	(void)state;
	put(&f, ev_task(2, f.now + SEC, MP_TASK_TARGET, 200, 0));
	assert_true(cgroup(&f, 951 * MIB, 0, 1000 * MIB));
	put(&f, ev_task(MM, f.now + 20 * SEC, MP_TASK_EXIT, 9, 0));
	assert_true(look(&f));
	assert_string_equal(f.said, "trigger 'oom' (pid 100: it was killed)");
	put(&f, ev_task(2, f.now + SEC, MP_TASK_EXIT, 9, 0));
	while (!look(&f)) {
		put(&f, ev(MP_EV_TICK, 0, 0, f.now + SEC));
		assert_true(i++ < 60);
	}
	assert_int_equal(i, 59);
	assert_non_null(strstr(f.said, "pid 200"));
	finish(&f);
}

/* Ten looks a second, and one at the end whatever the time. */
static void the_last_look(void **state)
{
	struct fix f = begin("oom");

	(void)state;
	assert_false(look(&f));
	put(&f, ev_task(MM, f.now + 1, MP_TASK_EXIT, 9, 0));
	assert_false(look(&f));
	assert_true(mp_trigger_eval(f.t, f.m, true, f.said, sizeof(f.said)));
	finish(&f);
}

/* A pid that comes again is another process, whose kill is told too. */
static void a_pid_again(void **state)
{
	struct fix f = begin("oom");

	(void)state;
	put(&f, ev_task(2, f.now + SEC, MP_TASK_TARGET, 200, 0));
	put(&f, ev_task(2, f.now + SEC, MP_TASK_EXIT, 9, 0));
	assert_true(look(&f));
	put(&f, ev_task(3, f.now + 100 * SEC, MP_TASK_TARGET, 200, 0));
	assert_false(look(&f));
	put(&f, ev_task(3, f.now + SEC, MP_TASK_EXIT, 9, 0));
	assert_true(look(&f));
	finish(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepted),
		cmocka_unit_test(refused),
		cmocka_unit_test(a_size),
		cmocka_unit_test(once_an_episode),
		cmocka_unit_test(a_ratio_for_a_time),
		cmocka_unit_test(growth),
		cmocka_unit_test(owed),
		cmocka_unit_test(time_to_limit),
		cmocka_unit_test(sudden),
		cmocka_unit_test(teeth),
		cmocka_unit_test(oom),
		cmocka_unit_test(oom_of_a_group),
		cmocka_unit_test(unknown),
		cmocka_unit_test(processes),
		cmocka_unit_test(while_it_rests),
		cmocka_unit_test(killed_after_the_warning),
		cmocka_unit_test(the_last_look),
		cmocka_unit_test(a_pid_again),
	};

	return cmocka_run_group_tests_name("trigger", tests, NULL, NULL);
}
