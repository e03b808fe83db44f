/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_tui_loop.c - keys as the loop takes them: the session goes on and the past is
 * worked on between the frame and the key, so what the frame points to may be gone.
 */
#include "tests/unit/tui_fake.h"

static const struct mp_model *fake_now(void *ctx)
{
	return ((struct fake *)ctx)->m;
}

/* A live session with a frame of this pane. */
static struct fake *watch(const char *test, enum tui_pane_id pane, int sort)
{
	struct fake *k = fake_new(test, 21, 3000);

	k->src.now = fake_now;
	k->f.live = true;
	k->view.pane = pane;
	k->view.in_table = true;
	k->view.ps[pane].sort = sort;
	fake_frame(k);
	return k;
}

static void pump(struct fake *k, struct mp_event e)
{
	fake_put(k, e, 0);
	mp_model_fold(k->m, &e);
	k->f.old = true;
}

#define BY_NAME 5 /* column of the threads */

static void rows_of_a_model_that_grew(void **state)
{
	struct fake *k = watch(__func__, TUI_P_THREADS, BY_NAME);
	size_t before = k->f.rows.n;

	(void)state;
	assert_true(before >= 2);
	for (uint32_t t = 0; t < 400; t++) {
		struct mp_event e = ev(MP_EV_FAULT, MP_FAULT_WRITE, MM, k->m->now + 1000);

		e.tid = 5000 + t;
		e.x = 1;
		e.fault.addr = 64 * GIB + t * PG;
		pump(k, e);
	}
	assert_int_equal(tui_take(&k->f, 'j', NULL), 1);
	assert_int_equal(k->f.rows.n, before + 400);
	assert_false(k->f.old);
	fake_free(k);
}

/* Going through rows that are ordered by words asks for none: they may be gone. */
static void words_are_asked_for_once(void **state)
{
	struct fake *k = watch(__func__, TUI_P_THREADS, BY_NAME);
	uint64_t second;

	(void)state;
	assert_true(k->f.rows.words && k->f.rows.n >= 2);
	assert_int_equal(k->f.rows.sel, 0);
	second = k->f.rows.v[1].id;
	for (size_t i = 0; i < k->f.rows.n; i++)
		k->f.rows.v[i].p = NULL;
	tui_pane_select(&k->f, 1);
	assert_int_equal(tui_pane_selected(&k->f)->id, second);
	fake_free(k);
}

static void events_that_were_read_anew(void **state)
{
	struct fake *k = watch(__func__, TUI_P_EVENTS, -1);
	uint64_t ts = k->m->now;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		struct mp_event e = fake_call(ts += 1000, MP_CALL_MADVISE, 8 * PG, -3);

		e.x = 4;
		pump(k, e);
		if (i % 100 == 99)
			tui_past_work(&k->f);
	}
	assert_true(k->f.old);
	assert_int_equal(tui_take(&k->f, 'k', NULL), 1);
	assert_false(k->view.follow);
	assert_int_equal(k->view.cursor, ts - 1000);
	fake_free(k);
}

static struct mp_event task(unsigned sub, uint32_t n, uint64_t ts)
{
	struct mp_event e = ev(MP_EV_TASK, sub, MM + n, ts);

	e.task.a = sub == MP_TASK_TARGET ? 100 + n : 0;
	return e;
}

/* The process looked at is forgotten: the window was its timeline's. */
static void window_of_a_forgotten_process(void **state)
{
	struct fake *k = watch(__func__, TUI_P_MAPS, -1);
	uint64_t ts = k->m->now;

	(void)state;
	for (uint32_t n = 1; n < 3000; n++) {
		pump(k, task(MP_TASK_TARGET, n, ts += MS));
		pump(k, ev(MP_EV_RSS, 0, MM + n, ts += MS));
		pump(k, task(MP_TASK_EXIT, n, ts += MS));
		pump(k, task(MP_TASK_MM_EXIT, n, ts += MS));
		if (n % 50 == 0)
			pump(k, ev(MP_EV_TICK, 0, 0, ts += MS));
		if (n == 1) {
			k->view.mm = MM + 1;
			k->view.pid = 101;
			k->f.state = k->m;
			fake_frame(k);
			assert_ptr_equal(k->f.win.tl, &tui_view_proc(&k->view, k->m)->tl);
		}
	}
	assert_true(k->m->ended.procs);
	assert_null(mp_model_proc(k->m, MM + 1));
	tui_take(&k->f, '+', NULL);
	assert_int_equal(k->view.mm, 0);
	assert_ptr_equal(k->f.win.tl, &mp_model_main(k->m)->tl);
	fake_free(k);
}

/* Zoom while the table has the plot's place: the axis comes back with as much sense. */
static void zoom_without_columns(void **state)
{
	struct fake *k = watch(__func__, TUI_P_MAPS, -1);
	uint64_t colw = k->f.win.colw;

	(void)state;
	k->view.expand = true;
	fake_frame(k);
	assert_true(k->f.win.cols < 1);
	tui_view_span(&k->view, &k->f.win, 10 * SEC);
	k->view.expand = false;
	fake_frame(k);
	assert_int_equal(k->view.span, k->f.win.colw * (uint64_t)k->f.win.cols);
	assert_in_range(k->view.span, 10 * SEC, 11 * SEC);
	assert_true(k->f.win.colw < colw);
	k->view.expand = true;
	fake_frame(k);
	tui_view_zoom(&k->view, &k->f.win, -1);
	k->view.expand = false;
	fake_frame(k);
	assert_in_range(k->view.span, 20 * SEC, 22 * SEC);
	fake_free(k);
}

#define STORM 200000 /* events of one instant */

static int storm_events(void *ctx, uint64_t t0, uint64_t t1,
			int (*fn)(void *arg, const struct mp_event *e), void *arg)
{
	struct fake *k = ctx;
	struct mp_event e = k->ev[k->n - 1];
	int r = 0;

	for (int i = 0; i < STORM && e.ts >= t0 && e.ts < t1 && !r; i++)
		r = fn(arg, &e);
	return r;
}

/* An instant with more events than can be held is passed over, and that is said. */
static void seek_past_a_storm(void **state)
{
	struct fake *k = fake_new(__func__, 23, 3000);
	struct mp_event e = ev(MP_EV_GC, MP_GC_MAJOR, MM, k->m->now + MS);

	(void)state;
	e.gc.before = e.gc.after = e.gc.cbefore = e.gc.cafter = MP_UNKNOWN;
	pump(k, e);
	k->src.events = storm_events;
	fake_frame(k);
	tui_view_go(&k->view, k->m, e.ts - 10 * US, UINT32_MAX);
	tui_seek(&k->f, TUI_K_GC, -1);
	tui_view_go(&k->view, k->m, e.ts - 10 * US, UINT32_MAX);
	tui_seek(&k->f, TUI_K_GC, 1);
	while (tui_past_work(&k->f))
		;
	assert_true(k->f.batch.cap <= 1 << 17);
	assert_true(*k->view.wish.say);
	fake_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_of_a_model_that_grew),
		cmocka_unit_test(words_are_asked_for_once),
		cmocka_unit_test(events_that_were_read_anew),
		cmocka_unit_test(window_of_a_forgotten_process),
		cmocka_unit_test(zoom_without_columns),
		cmocka_unit_test(seek_past_a_storm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
