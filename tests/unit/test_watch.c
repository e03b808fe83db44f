/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_watch.c - triggers of a daemon's groups: whose processes each sees, rests by the caller's
 * clock, kills, and what of it goes on over a reload.
 */
#include "tests/unit/daemon_config.h"
#include "user/daemon/watch.h"

struct seen {
	int n, group, rests;
	uint32_t pid;
	char why[256];
};

static void fired(void *ctx, int group, const char *why, uint32_t pid, bool rests)
{
	struct seen *s = ctx;

	s->rests += rests;
	s->n += !rests;
	s->group = group;
	s->pid = pid;
	snprintf(s->why, sizeof(s->why), "%s", why);
}

/* The hundreds of an address space are its group. */
static int hundreds(void *ctx, uint32_t mm)
{
	(void)ctx;
	return (int)mm / 100 - 1;
}

static void rss(struct mp_model *m, uint32_t mm, uint64_t ts, uint64_t bytes)
{
	struct mp_event e = ev_rss(mm, ts, bytes / PG, 0, 0);

	assert_int_equal(mp_model_fold(m, &e), 0);
}

#define TWO_GROUPS                                           \
	"[target a]\nexe = a\ntrigger = rss>1G\nrest = 5m\n" \
	"[target b]\nexe = b\ntrigger = rss>1G\ntrigger = rss>3G\nrest = 1s\n"

static struct mp_model *two_processes(void)
{
	struct mp_model *m = mp_model_new();
	struct mp_event e[2] = { ev_task(100, T0, MP_TASK_TARGET, 1100, 0),
				 ev_task(200, T0, MP_TASK_TARGET, 1200, 0) };

	for (size_t i = 0; i < 2; i++)
		assert_int_equal(mp_model_fold(m, &e[i]), 0);
	return m;
}

static void test_a_group_sees_its_own_processes_only(void **unused)
{
	struct dm_config *c = config_of(TWO_GROUPS, "/nowhere");
	struct mp_model *m = two_processes();
	struct seen s = { 0 };
	struct dm_watch *w;

	(void)unused;
	assert_int_equal(dm_watch_new(c, hundreds, NULL, &w), 0);
	rss(m, 200, T0 + SEC, 2 * GIB);
	dm_watch_tick(w, m, 1, fired, &s);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.group, 1);
	assert_int_equal(s.pid, 1200);
	assert_non_null(strstr(s.why, "pid 1200"));
	rss(m, 100, T0 + 2 * SEC, 2 * GIB);
	dm_watch_tick(w, m, 2, fired, &s);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.group, 0);
	assert_int_equal(s.pid, 1100);
	dm_watch_free(w);
	mp_model_free(m);
	dm_config_free(c);
}

/* Makes the first group's trigger fire again: an episode ends and begins. */
static void again(struct mp_model *m, struct dm_watch *w, uint64_t *ts, uint64_t now,
		  struct seen *s)
{
	*ts += 61 * SEC; /* the trigger's own rest */
	rss(m, 100, *ts, GIB / 2);
	dm_watch_tick(w, m, now, fired, s);
	*ts += SEC;
	rss(m, 100, *ts, 2 * GIB);
	dm_watch_tick(w, m, now, fired, s);
}

/* As a reload does. */
static void replace(struct dm_watch *w, const struct dm_config *c)
{
	assert_int_equal(dm_watch_expect(w, c), 0);
	dm_watch_take(w, false);
}

static void test_rest_by_the_callers_clock(void **unused)
{
	struct dm_config *c = config_of(TWO_GROUPS, "/nowhere"), *next;
	struct mp_model *m = two_processes();
	uint64_t ts = T0, n, rested, now = 1000 * SEC;
	struct seen s = { 0 };
	struct dm_watch *w;

	(void)unused;
	assert_int_equal(dm_watch_new(c, hundreds, NULL, &w), 0);
	again(m, w, &ts, now, &s);
	assert_int_equal(s.n, 1);
	again(m, w, &ts, now + 299 * SEC, &s); /* 5 min, less a second */
	assert_int_equal(s.n, 1);
	again(m, w, &ts, now + 300 * SEC, &s);
	assert_int_equal(s.n, 2);
	again(m, w, &ts, now + 400 * SEC, &s);
	dm_watch_figures(w, 0, &n, &rested);
	assert_int_equal(n, 4);
	assert_int_equal(rested, 2);
	assert_int_equal(s.rests, 2);
	/* another config, in another order: the group of that name rests on */
	next = config_of("[target z]\nexe = z\n[target a]\nexe = a\ntrigger = rss>1G\nrest = 5m\n",
			 "/nowhere");
	replace(w, next);
	dm_config_free(c);
	dm_watch_figures(w, 1, &n, &rested);
	assert_int_equal(n, 4);
	dm_watch_figures(w, 0, &n, &rested);
	assert_int_equal(n, 0);
	/* a clock that went back rests nobody for ever */
	rss(m, 200, ts + 61 * SEC, 2 * GIB);
	dm_watch_tick(w, m, now - 500 * SEC, fired, &s);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.group, 1);
	dm_watch_figures(w, 7, &n, &rested);
	assert_int_equal(n, 0);
	dm_watch_free(w);
	mp_model_free(m);
	dm_config_free(next);
}

static void begins(struct mp_model *m, uint32_t mm, uint64_t ts)
{
	struct mp_event e = ev_task(mm, ts, MP_TASK_TARGET, 1000 + mm, 0);

	assert_int_equal(mp_model_fold(m, &e), 0);
}

static void is_killed(struct mp_model *m, uint32_t mm, uint64_t ts)
{
	struct mp_event e = ev_task(mm, ts, MP_TASK_EXIT, 9, 0);

	assert_int_equal(mp_model_fold(m, &e), 0);
}

/* A warning's rest does not hide the kill that it warned of; kills rest after kills. */
static void test_a_kill_passes_the_rest_that_another_began(void **unused)
{
	struct dm_config *c = config_of("[target a]\nexe = a\ntrigger = rss>1G\ntrigger = oom\n"
					"rest = 10m\n",
					"/nowhere");
	struct mp_model *m = two_processes();
	uint64_t n, rested;
	struct seen s = { 0 };
	struct dm_watch *w;

	(void)unused;
	assert_int_equal(dm_watch_new(c, hundreds, NULL, &w), 0);
	for (uint32_t mm = 101; mm < 104; mm++)
		begins(m, mm, T0);
	rss(m, 100, T0 + SEC, 2 * GIB);
	dm_watch_tick(w, m, 1000 * SEC, fired, &s);
	assert_int_equal(s.n, 1);
	is_killed(m, 100, T0 + 21 * SEC);
	dm_watch_tick(w, m, 1020 * SEC, fired, &s);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.pid, 1100);
	assert_non_null(strstr(s.why, "it was killed"));
	/* another kill, and a figure, within the rest */
	is_killed(m, 101, T0 + 100 * SEC);
	rss(m, 102, T0 + 100 * SEC, 2 * GIB);
	dm_watch_tick(w, m, 1619 * SEC, fired, &s);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.rests, 2);
	is_killed(m, 102, T0 + 200 * SEC);
	dm_watch_tick(w, m, 1620 * SEC, fired, &s);
	assert_int_equal(s.n, 3);
	/* a kill begins the rest of the others */
	rss(m, 103, T0 + 300 * SEC, 2 * GIB);
	dm_watch_tick(w, m, 1630 * SEC, fired, &s);
	assert_int_equal(s.n, 3);
	dm_watch_figures(w, 0, &n, &rested);
	assert_int_equal(n, 6);
	assert_int_equal(rested, 3);
	dm_watch_free(w);
	mp_model_free(m);
	dm_config_free(c);
}

static uint64_t fired_by(const struct dm_watch *w, int group)
{
	uint64_t n, rested;

	dm_watch_figures(w, group, &n, &rested);
	return n;
}

/* What was told before a reload is not told again by the triggers that are as they were. */
static void test_triggers_go_on_over_a_reload(void **unused)
{
	static const char same[] = "[target b]\nexe = b\n[target a]\nexe = a\n"
				   "trigger = anon>1M\ntrigger = oom\ntrigger = rss>1M\n"
				   "trigger = rss>1M\nrest = 1s\n";
	struct dm_config *c = config_of("[target a]\nexe = a\ntrigger = rss>1M\ntrigger = oom\n"
					"trigger = rss>1M\nrest = 1s\n",
					"/nowhere");
	struct dm_config *next = config_of(same, "/nowhere");
	struct mp_model *m = mp_model_new();
	struct seen s = { 0 };
	struct dm_watch *w;

	(void)unused;
	begins(m, 100, T0);
	begins(m, 101, T0);
	rss(m, 100, T0 + SEC, 2 * GIB);
	is_killed(m, 101, T0 + SEC);
	assert_int_equal(dm_watch_new(c, hundreds, NULL, &w), 0);
	dm_watch_tick(w, m, 1000 * SEC, fired, &s);
	assert_int_equal(fired_by(w, 0), 3);
	replace(w, c);
	rss(m, 100, T0 + 100 * SEC, 2 * GIB); /* beyond the rests of all */
	dm_watch_tick(w, m, 1100 * SEC, fired, &s);
	assert_int_equal(fired_by(w, 0), 3);
	/* the group has another number, and the one that is new looks for the first time */
	replace(w, next);
	dm_config_free(c);
	begins(m, 200, T0 + 150 * SEC);
	rss(m, 200, T0 + 150 * SEC, GIB / 2);
	begins(m, 300, T0 + 150 * SEC);
	is_killed(m, 300, T0 + 150 * SEC);
	dm_watch_tick(w, m, 1200 * SEC, fired, &s);
	assert_int_equal(fired_by(w, 0), 0);
	assert_int_equal(fired_by(w, 1), 3 + 3);
	assert_int_equal(s.group, 1);
	assert_int_equal(s.pid, 1200);
	/* of another model's processes nothing was told yet */
	assert_int_equal(dm_watch_expect(w, next), 0);
	dm_watch_take(w, true);
	dm_watch_tick(w, m, 1300 * SEC, fired, &s);
	assert_int_equal(fired_by(w, 1), 6 + 3);
	dm_watch_free(w);
	mp_model_free(m);
	dm_config_free(next);
}

/* What cannot be made, or was not taken, changes nothing, and no config is needed after it. */
static void test_a_config_that_is_only_expected_changes_nothing(void **unused)
{
	struct dm_config *c = config_of(TWO_GROUPS, "/nowhere");
	struct dm_config *next =
		config_of("[target c]\nexe = c\ntrigger = rss>1G\nrest = 5m\n", "/nowhere");
	struct mp_model *m = two_processes();
	struct seen s = { 0 };
	struct dm_watch *w;

	(void)unused;
	assert_int_equal(dm_watch_new(c, hundreds, NULL, &w), 0);
	dm_config_free(c);
	assert_int_equal(dm_watch_expect(w, next), 0);
	snprintf(next->groups[0].triggers[0], 4, "rss");
	assert_int_equal(dm_watch_expect(w, next), -EINVAL); /* as good as no memory */
	dm_config_free(next);
	rss(m, 200, T0 + SEC, 2 * GIB);
	dm_watch_tick(w, m, SEC, fired, &s);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.group, 1);
	rss(m, 200, T0 + 2 * SEC, 4 * GIB);
	dm_watch_tick(w, m, 2 * SEC, fired, &s); /* its rest is as it was, too */
	assert_int_equal(s.n, 2);
	dm_watch_free(w);
	mp_model_free(m);
}
int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_group_sees_its_own_processes_only),
		cmocka_unit_test(test_rest_by_the_callers_clock),
		cmocka_unit_test(test_a_kill_passes_the_rest_that_another_began),
		cmocka_unit_test(test_triggers_go_on_over_a_reload),
		cmocka_unit_test(test_a_config_that_is_only_expected_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
