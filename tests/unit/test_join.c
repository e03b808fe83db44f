/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_join.c - logs put into recordings, both made by hand: whose collections they are, which
 * run, what is left out and counted, what the recording has itself, and the order in which a
 * fold gets all of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/ev.h"
#include "user/rt/join.h"

#define PID  70
#define EXEC (T0 + 10 * MS)
#define END  (T0 + 10 * SEC)

#define GO(n, at)                                                                                 \
	"gc " #n " @" #at "s 2%: 0.5+2+0.5 ms clock, 1+0/1/0+1 ms cpu, 4->5->2 MB, 8 MB goal, 2 " \
	"P\n"
#define V8(heap, at, a, b)                                                                        \
	"[70:" heap "] " at " ms: Scavenge " a " (9.0) -> " b " (9.0) MB, 2.00 / 0.00 ms  task; " \
	"\n"

static struct mp_event rec[64];
static size_t n_rec;

static struct mp_event *add(unsigned type, unsigned sub, uint32_t mm, uint64_t ts)
{
	struct mp_event *e = &rec[n_rec++];

	assert_true(n_rec <= 64);
	*e = ev(type, sub, mm, ts);
	return e;
}

static void meta(unsigned key, uint64_t v)
{
	add(MP_EV_META, key, 0, T0)->v[0] = v;
}

static struct mp_event *gc(uint64_t ts, uint64_t before, uint64_t after, uint64_t pause)
{
	struct mp_event *e = add(MP_EV_GC, MP_GC_MINOR, 1, ts);

	e->gc.before = before;
	e->gc.after = after;
	e->gc.pause = pause;
	e->gc.source = MP_SRC_V8;
	return e;
}

/* A process that is started while recorded; runtimes of Go begin at EXEC + 2 ms or so. */
static void recording(void)
{
	n_rec = 0;
	meta(MP_META_START_TS, T0);
	meta(MP_META_WALL_NS, 1795235365ULL * SEC);
	meta(MP_META_BOOT_NS, T0);
	add(MP_EV_TASK, MP_TASK_EXEC, 1, EXEC)->tid = PID;
	add(MP_EV_TASK, MP_TASK_TARGET, 1, EXEC)->task.a = PID;
	add(MP_EV_TASK, MP_TASK_THREAD, 1, EXEC + MS);
	add(MP_EV_TASK, MP_TASK_THREAD, 1, EXEC + 3 * MS); /* Go's clock began in between */
}

static void finish(void)
{
	add(MP_EV_TICK, 0, 0, END);
}

static struct mp_join *join(const struct mp_join_opts *o, const char *const *logs)
{
	static const struct mp_join_opts none;
	struct mp_join *j = mp_join_new(o ? o : &none);

	assert_non_null(j);
	for (size_t i = 0; i < n_rec; i++)
		assert_int_equal(mp_join_look(j, &rec[i]), 0);
	for (; *logs; logs++) {
		struct mp_gclog *l = mp_gclog_new(mp_join_take, j);

		assert_non_null(l);
		assert_int_equal(mp_join_file(j), 0);
		assert_int_equal(mp_gclog_feed(l, *logs, strlen(*logs)), 0);
		assert_int_equal(mp_gclog_end(l), 0);
		mp_gclog_free(l);
	}
	assert_int_equal(mp_join_place(j), 0);
	return j;
}

static struct mp_join *join_one(const struct mp_join_opts *o, const char *log)
{
	const char *logs[] = { log, NULL };

	return join(o, logs);
}

/* What comes out, and of that the collections. */
static struct {
	struct mp_event all[128];
	const struct mp_event *gc[64];
	size_t n, n_gc;
} out;

static int take(void *to, const struct mp_event *e)
{
	(void)to;
	assert_true(out.n < 128);
	out.all[out.n] = *e;
	if (e->type == MP_EV_GC)
		out.gc[out.n_gc++] = &out.all[out.n];
	out.n++;
	return 0;
}

static void run(struct mp_join *j)
{
	mp_join_rewind(j);
	memset(&out, 0, sizeof(out));
	for (size_t i = 0; i < n_rec; i++)
		assert_int_equal(mp_join_event(j, &rec[i], take, NULL), 0);
	for (size_t i = 1; i < out.n; i++)
		assert_true(out.all[i].ts >= out.all[i - 1].ts);
}

static void assert_near(uint64_t a, uint64_t b, uint64_t by)
{
	if (a > b + by || b > a + by)
		fail_msg("%.6f s is not %.6f s", (double)a / 1e9, (double)b / 1e9);
}

/* The log's events come between the recording's, its strings before them, a goal behind; none
 * inside a state dump; and again, the same. */
static void in_between(void **state)
{
	const struct mp_join_clock *c;
	struct mp_join *j;
	uint32_t id = 0;

	(void)state;
	recording();
	add(MP_EV_STR, 0, 0, T0 + 50 * MS)->str.id = 40;
	add(MP_EV_TICK, 0, 0, T0 + 200 * MS);
	add(MP_EV_KEYFRAME, MP_KEY_BEGIN, 0, T0 + 900 * MS);
	add(MP_EV_TICK, 0, 0, T0 + 900 * MS);
	add(MP_EV_KEYFRAME, MP_KEY_END, 0, T0 + 900 * MS);
	finish();
	j = join_one(NULL, "hello\n" GO(1, 0.100) GO(2, 0.800) GO(3, 20.5));
	assert_int_equal(mp_join_file_at(j, 0)->joined, 2);
	assert_int_equal(mp_join_file_at(j, 0)->after, 1);
	c = mp_join_clock_at(j, 0);
	assert_true(c->how == MP_ALIGN_START && c->err < 5 * MS && c->has_zero);
	assert_near((uint64_t)c->zero, 12 * MS, c->err);
	for (int twice = 0; twice < 2; twice++) {
		run(j);
		assert_int_equal(out.n_gc, 2);
		assert_near(out.gc[0]->gc.start, EXEC + 102 * MS, c->err);
		assert_true(out.gc[0]->ts == out.gc[0]->gc.start + 3 * MS);
		assert_int_equal(out.gc[0]->mm, 1);
		assert_int_equal(out.gc[0]->gc.source, MP_SRC_GO);
		assert_true(out.gc[0]->gc.reason > 40 &&
			    out.gc[0]->gc.reason == out.gc[1]->gc.reason);
		for (size_t i = 0; i < out.n; i++) {
			id = out.all[i].type == MP_EV_STR && out.all[i].str.id != 40
				     ? out.all[i].str.id
				     : id;
			if (&out.all[i] == out.gc[0])
				assert_int_equal(id, out.gc[0]->gc.reason);
		}
		assert_int_equal(out.gc[0][1].type, MP_EV_HEAP);
		assert_true(out.gc[0][1].heap.goal == 8 * MIB);
		assert_int_equal(out.gc[1][1].type, MP_EV_HEAP);
		assert_int_equal(out.gc[1][2].type, MP_EV_KEYFRAME);
	}
	mp_join_free(j);
}

/* Lines of another process are counted; whose log it is can be said. */
static void whose(void **state)
{
	const struct mp_join_opts said = { .pid = PID };
	const char *log =
		"[9:0x10] 100 ms: Scavenge 4.0 (9.0) -> 2.0 (9.0) MB, 2.00 / 0.00 ms  task; \n";
	struct mp_join *j;

	(void)state;
	recording();
	finish();
	j = join_one(NULL, log);
	assert_int_equal(mp_join_file_at(j, 0)->other, 1);
	assert_int_equal(mp_join_other_pid(j), 9);
	assert_int_equal(mp_join_pid(j), PID);
	run(j);
	assert_int_equal(out.n, n_rec);
	mp_join_free(j);
	j = join_one(&said, log);
	assert_int_equal(mp_join_file_at(j, 0)->joined, 1);
	mp_join_free(j);
}

/* A log that says no process is not put into one that runs another runtime, by its heaps or its
 * program's name; unless the time was given, or there is one that it fits. */
static void another_runtime(void **state)
{
	static const char program[] = "/usr/bin/node18";
	const struct mp_join_opts given = { .has_offset = true, .offset = (int64_t)(10 * MS) };
	const struct mp_join_opts asked = { .pid = PID };
	const char *log, *own;
	struct mp_event *e;
	struct mp_join *j;
	uint32_t pid;

	(void)state;
	for (unsigned by_name = 0; by_name < 2; by_name++) {
		recording();
		if (by_name) {
			e = add(MP_EV_STR, 0, 0, T0 + 20 * MS);
			e->str.id = 4;
			e->x = sizeof(program) - 1;
			memcpy(e->str.text, program, e->x);
			e = add(MP_EV_TASK, MP_TASK_TARGET, 1, T0 + 20 * MS);
			e->task.a = PID;
			e->task.b = 4;
		} else {
			add(MP_EV_HEAP, MP_SRC_V8, 1, T0 + 20 * MS);
		}
		finish();
		j = join_one(NULL, GO(1, 0.5));
		assert_int_equal(mp_join_file_at(j, 0)->other, 1);
		assert_true(mp_join_misfit(j, &pid, &log, &own));
		assert_int_equal(pid, PID);
		assert_string_equal(log, "go");
		assert_string_equal(own, "v8");
		mp_join_free(j);
		j = join_one(&given, GO(1, 0.5));
		assert_int_equal(mp_join_file_at(j, 0)->joined, 1);
		mp_join_free(j);
		j = join_one(&asked, GO(1, 0.5));
		assert_int_equal(mp_join_file_at(j, 0)->joined, 1);
		mp_join_free(j);
	}
	/* a second process that has such a heap */
	n_rec--;
	add(MP_EV_TASK, MP_TASK_TARGET, 2, T0 + 30 * MS)->task.a = PID + 1;
	add(MP_EV_HEAP, MP_SRC_GO, 2, T0 + 40 * MS);
	finish();
	j = join_one(NULL, GO(1, 0.5));
	assert_false(mp_join_misfit(j, &pid, &log, &own));
	assert_int_equal(mp_join_file_at(j, 0)->other, 0);
	mp_join_free(j);
}

/* An offset that is wrong: what is joined stands beside what the recording has. */
static void wrong_offset(void **state)
{
	struct mp_join_opts o = { .has_offset = true };
	struct mp_join *j;

	(void)state;
	for (unsigned wrong = 0; wrong < 2; wrong++) {
		recording();
		for (unsigned i = 1; i <= 4; i++)
			gc(T0 + i * SEC, 4 << 20, 2 << 20, 2 * MS);
		finish();
		o.offset = wrong ? (int64_t)(300 * MS) : 0;
		j = join_one(&o, V8("0x1", "1000", "4.0", "2.0") V8("0x1", "2000", "4.0", "2.0")
					 V8("0x1", "3000", "4.0", "2.0")
						 V8("0x1", "4000", "4.0", "2.0"));
		assert_int_equal(mp_join_clock_at(j, 0)->twice, wrong);
		mp_join_free(j);
	}
}

/* A worker's time base is its own: its lines happened between those around them. Sizes are
 * the sums of both heaps. */
static void workers(void **state)
{
	struct mp_join *j;

	(void)state;
	recording();
	finish();
	j = join_one(NULL, V8("0x10", "1000", "6.0", "5.0") V8("0x20", "30", "3.0", "2.0")
				   V8("0x10", "1004", "6.0", "5.0") V8("0x20", "531", "3.0", "2.0")
					   V8("0x10", "1510", "6.0", "5.0"));
	assert_int_equal(mp_join_n_clocks(j), 2);
	assert_int_equal(mp_join_clock_at(j, 1)->how, MP_ALIGN_ORDER);
	assert_int_equal(mp_join_file_at(j, 0)->joined, 5);
	run(j);
	assert_near(out.gc[1]->ts - out.gc[0]->ts, 2 * MS, 2 * MS);
	assert_near(out.gc[3]->ts - out.gc[1]->ts, 501 * MS, 0);
	assert_true(out.gc[0]->gc.after == 5 * MIB && out.gc[1]->gc.after == 7 * MIB);
	assert_true(out.gc[2]->gc.before == 8 * MIB && out.gc[2]->gc.after == 7 * MIB);
	mp_join_free(j);
}

/* What the recording saw itself is there once, with the log's reason where it has none. */
static void seen_itself(void **state)
{
	struct mp_event *own;
	struct mp_join *j;

	(void)state;
	recording();
	gc(T0 + 1030 * MS, 6 * MIB, 5 * MIB, 2 * MS);
	own = gc(T0 + 1530 * MS, 7 * MIB, 4 * MIB, 2 * MS);
	own->gc.reason = 3;
	gc(T0 + 1930 * MS, 8 * MIB, 3 * MIB, 2 * MS);
	finish();
	j = join_one(NULL, V8("0x10", "500", "9.0", "1.0") V8("0x10", "1000", "6.0", "5.0") V8(
				   "0x10", "1500", "7.0", "4.0") V8("0x10", "1900", "8.0", "3.0"));
	assert_int_equal(mp_join_clock_at(j, 0)->how, MP_ALIGN_MATCH);
	assert_true(mp_join_clock_at(j, 0)->err <= 2 * MS);
	assert_int_equal(mp_join_file_at(j, 0)->same, 3);
	assert_int_equal(mp_join_file_at(j, 0)->joined, 1);
	run(j);
	assert_int_equal(out.n_gc, 4);
	assert_near(out.gc[0]->ts, T0 + 530 * MS, MS);
	assert_true(out.gc[1]->gc.reason > 0 && out.gc[2]->gc.reason == 3);
	assert_true(out.gc[1]->ts == T0 + 1030 * MS);
	mp_join_free(j);
}

/* Each heap's are held against its own of the recording's time: neither those that its log has
 * before and behind it nor another heap's are what could have agreed. */
static void seen_of_workers(void **state)
{
	struct mp_join *j;

	(void)state;
	recording();
	gc(T0 + 1030 * MS, 6 * MIB, 5 * MIB, 2 * MS);
	gc(T0 + 1130 * MS, 12 * MIB, 4 * MIB, 2 * MS);
	gc(T0 + 1430 * MS, 20 * MIB, 3 * MIB, 2 * MS);
	gc(T0 + 2030 * MS, 40 * MIB, 35 * MIB, 2 * MS);
	gc(T0 + 2130 * MS, 50 * MIB, 31 * MIB, 2 * MS);
	gc(T0 + 2430 * MS, 60 * MIB, 27 * MIB, 2 * MS);
	finish();
	j = join_one(NULL,
		     V8("0x10", "1000", "6.0", "5.0") V8("0x10", "1100", "12.0", "4.0")
			     V8("0x10", "1400", "20.0", "3.0") V8("0x20", "2000", "40.0", "35.0")
				     V8("0x20", "2100", "50.0", "31.0")
					     V8("0x20", "2400", "60.0", "27.0")
						     V8("0x10", "12000", "9.0", "5.0")
							     V8("0x10", "12500", "9.0", "5.0"));
	assert_int_equal(mp_join_n_clocks(j), 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(mp_join_clock_at(j, i)->agree, 3);
		assert_int_equal(mp_join_clock_at(j, i)->of, 3);
	}
	assert_int_equal(mp_join_file_at(j, 0)->same, 6);
	assert_int_equal(mp_join_file_at(j, 0)->after, 2);
	mp_join_free(j);
}

/* Go's line has three sizes, of which the source on the spot tells the second and the third; and
 * what is of one time is one collection, whatever the two say of it. */
static void seen_of_go(void **state)
{
	static const uint64_t at[] = { 100, 500, 1100, 1900 };
	struct mp_join *j;

	(void)state;
	recording();
	for (int i = 0; i < 4; i++)
		gc(EXEC + (4 + at[i]) * MS, i == 2 ? 30 * MIB : 5 * MIB, 2 * MIB, MS)->gc.source =
			MP_SRC_GO;
	finish();
	j = join_one(NULL, GO(1, 0.1) GO(2, 0.5) GO(3, 1.1) GO(4, 1.9) GO(5, 3.0));
	assert_int_equal(mp_join_clock_at(j, 0)->how, MP_ALIGN_MATCH);
	assert_int_equal(mp_join_clock_at(j, 0)->agree, 3);
	assert_int_equal(mp_join_file_at(j, 0)->same, 4);
	assert_int_equal(mp_join_file_at(j, 0)->joined, 1);
	run(j);
	assert_int_equal(out.n_gc, 5);
	mp_join_free(j);
}

/* The recording has its own, others than the log's: nothing is added to them. */
static void not_the_same(void **state)
{
	struct mp_join *j;

	(void)state;
	recording();
	for (int i = 0; i < 4; i++)
		gc(T0 + (uint64_t)(i + 1) * SEC, (20 + (uint64_t)i) * MIB, 10 * MIB, 9 * MS);
	finish();
	j = join_one(NULL, V8("0x10", "1000", "6.0", "5.0") V8("0x10", "1500", "7.0", "4.0"));
	assert_true(mp_join_clock_at(j, 0)->doubled);
	assert_int_equal(mp_join_file_at(j, 0)->unplaced, 2);
	run(j);
	assert_int_equal(out.n_gc, 4);
	mp_join_free(j);
}

/* Of runs appended to one file the one that agrees, else the last that the process can have
 * had the time for; parts of one run in two files are both taken. */
static void runs(void **state)
{
	const char *parts[] = { GO(3, 1.5) GO(4, 2.5), GO(1, 0.5) GO(2, 1.0), NULL };
	struct mp_join *j;

	(void)state;
	recording();
	add(MP_EV_TASK, MP_TASK_EXIT, 1, T0 + 3 * SEC);
	finish();
	j = join_one(NULL,
		     GO(1, 0.5) GO(2, 1.0) GO(1, 0.7) GO(2, 0.9) GO(3, 2.0) GO(1, 0.1) GO(2, 6.0));
	run(j);
	assert_int_equal(out.n_gc, 3);
	assert_near(out.gc[0]->gc.start, EXEC + 702 * MS, 5 * MS);
	assert_int_equal(mp_join_file_at(j, 0)->other, 4);
	mp_join_free(j);
	j = join(NULL, parts);
	run(j);
	assert_int_equal(out.n_gc, 4);
	mp_join_free(j);
}

/* A collection is not of a process that has ended, and of the address space of its time. */
static void ends_and_execs(void **state)
{
	const struct mp_join_opts at = { .has_offset = true, .offset = 0 };
	struct mp_event *e;
	struct mp_join *j;

	(void)state;
	recording();
	e = add(MP_EV_TASK, MP_TASK_EXEC, 2, T0 + SEC);
	e->tid = PID;
	e->task.a = 1;
	add(MP_EV_TASK, MP_TASK_EXIT, 2, T0 + 2 * SEC);
	finish();
	j = join_one(&at, GO(1, 0.5) GO(2, 1.5) GO(3, 1.998));
	assert_int_equal(mp_join_clock_at(j, 0)->how, MP_ALIGN_GIVEN);
	run(j);
	assert_int_equal(out.n_gc, 3);
	assert_true(out.gc[0]->gc.start == T0 + 500 * MS && out.gc[0]->mm == 1);
	assert_true(out.gc[1]->mm == 2 && out.gc[2]->mm == 2);
	assert_true(out.gc[2]->ts == T0 + 2 * SEC);
	mp_join_free(j);
}

/* Wall stamps by the recording's clock; local time without a zone tells nothing. */
static void wall_stamps(void **state)
{
	struct mp_join *j;

	(void)state;
	recording();
	finish();
	j = join_one(
		NULL,
		"[2026-11-21T04:29:26.500+0000][gc] GC(3) Pause Full (x) 6M->1M(34M) 1.450ms\n"
		"[2026-11-21T06:29:27.500+0200][gc] GC(4) Pause Full (x) 6M->1M(34M) 1.450ms\n"
		"[2026-11-21T04:29:24.500+0000][gc] GC(5) Pause Full (x) 6M->1M(34M) 1.450ms\n");
	assert_int_equal(mp_join_clock_at(j, 0)->how, MP_ALIGN_WALL);
	assert_true(mp_join_clock_at(j, 0)->err < 5 * MS);
	assert_int_equal(mp_join_file_at(j, 0)->before, 1);
	run(j);
	assert_int_equal(out.n_gc, 2);
	assert_true(out.gc[0]->ts == T0 + 1500 * MS && out.gc[1]->ts == T0 + 2500 * MS);
	mp_join_free(j);
	j = join_one(NULL,
		     "[2026-11-21T04:29:26.500][gc] GC(3) Pause Full (x) 6M->1M(34M) 1.450ms\n");
	assert_true(mp_join_clock_at(j, 0)->local);
	assert_int_equal(mp_join_file_at(j, 0)->unplaced, 1);
	mp_join_free(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_between),
		cmocka_unit_test(whose),
		cmocka_unit_test(another_runtime),
		cmocka_unit_test(wrong_offset),
		cmocka_unit_test(workers),
		cmocka_unit_test(seen_itself),
		cmocka_unit_test(seen_of_workers),
		cmocka_unit_test(seen_of_go),
		cmocka_unit_test(not_the_same),
		cmocka_unit_test(runs),
		cmocka_unit_test(ends_and_execs),
		cmocka_unit_test(wall_stamps),
	};

	return cmocka_run_group_tests_name("join", tests, NULL, NULL);
}
