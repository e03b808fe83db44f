/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_tui_time.c - moving through time: every event of a kind is visited exactly once
 * and in order, the cursor never leaves the session, zoom keeps the moment.
 */
#include "tests/unit/tui_fake.h"

static void at_place(const struct fake *k, const struct fake_place *p)
{
	assert_false(k->view.follow);
	assert_true(k->view.exact);
	assert_int_equal(k->view.cursor, p->ts);
	assert_int_equal(k->view.nth, p->nth);
	assert_int_equal(tui_view_moment(&k->view, k->m), p->ts);
	assert_true(k->f.win.cursor >= 0 && k->f.win.cursor < k->f.win.cols);
}

/* There and back: all of them, then the same the other way. */
static void visit(struct fake *k, unsigned kinds, int next, int back)
{
	struct fake_place *p = calloc(FAKE_MAX, sizeof(*p));
	size_t n = fake_places(k, kinds, p);

	assert_true(p && n > 10);
	fake_frame(k);
	fake_press(k, TUI_KEY_HOME);
	tui_view_go(&k->view, k->m, p[0].ts, p[0].nth);
	for (size_t i = 1; i < n; i++) {
		fake_press(k, next);
		at_place(k, &p[i]);
	}
	fake_press(k, next);
	at_place(k, &p[n - 1]);
	for (size_t i = n - 1; i-- > 0;) {
		fake_press(k, back);
		at_place(k, &p[i]);
	}
	fake_press(k, back);
	at_place(k, &p[0]);
	free(p);
}

static void steps_visit_every_event_once(void **state)
{
	struct fake *k = fake_new(__func__, 11, 3000);

	(void)state;
	visit(k, TUI_K_STEP, '.', ',');
	visit(k, TUI_K_GC, 'c', 'C');
	visit(k, TUI_K_RELEASE, 'r', 'R');
	fake_free(k);
}

/* From anywhere, by whatever way one came there. */
static void steps_go_to_the_nearest(void **state)
{
	struct fake_place *p = calloc(FAKE_MAX, sizeof(*p));
	struct fake *k = fake_new(__func__, 12, 3000);
	size_t n = fake_places(k, TUI_K_GC, p);

	(void)state;
	fake_frame(k);
	for (int i = 0; i < 300; i++) {
		uint64_t from = T0 + rnd_below(&k->r, k->m->now - T0);
		size_t next = 0;

		while (next < n && p[next].ts <= from)
			next++;
		tui_view_go(&k->view, k->m, from, UINT32_MAX);
		fake_press(k, i % 2 ? 'c' : 'C');
		if (i % 2 ? next < n : next > 0)
			at_place(k, &p[i % 2 ? next : next - 1]);
		else
			assert_int_equal(k->view.cursor, from);
	}
	free(p);
	fake_free(k);
}

/* A random walk over all keys that move in time. */
static void cursor_is_always_inside(void **state)
{
	static const int keys[] = { TUI_KEY_LEFT,
				    TUI_KEY_RIGHT,
				    TUI_KEY_SLEFT,
				    TUI_KEY_SRIGHT,
				    '<',
				    '>',
				    '{',
				    '}',
				    ',',
				    '.',
				    'c',
				    'C',
				    'r',
				    'R',
				    'f',
				    'F',
				    '+',
				    '-',
				    '+',
				    '-',
				    '0',
				    TUI_KEY_HOME,
				    TUI_KEY_END,
				    ' ',
				    TUI_KEY_PAGE_UP,
				    TUI_KEY_PAGE_DOWN };
	struct fake *k = fake_new(__func__, 13, 4000);

	(void)state;
	k->view.fine = true;
	fake_frame(k);
	for (int i = 0; i < 3000; i++) {
		k->view.fine ^= rnd_below(&k->r, 500) == 0;
		int key = keys[rnd_below(&k->r, sizeof(keys) / sizeof(keys[0]))];
		uint64_t moment = tui_view_moment(&k->view, k->m);
		bool follow = k->view.follow;

		fake_press(k, key);
		assert_true(tui_view_moment(&k->view, k->m) >= T0);
		assert_true(tui_view_moment(&k->view, k->m) <= k->m->now);
		assert_true(k->f.win.col0 >= 0);
		if (k->view.follow)
			assert_int_equal(k->f.win.cursor, -1);
		else
			assert_true(k->f.win.cursor >= 0 && k->f.win.cursor < k->f.win.cols);
		if ((key == '+' || key == '-' || key == '0') && !follow)
			assert_int_equal(tui_view_moment(&k->view, k->m), moment);
	}
	fake_free(k);
}

/* Where a point is a burst's first: by the definition, said again. */
static size_t bursts(const struct fake *k, uint64_t *ts)
{
	const struct mp_timeline *tl = &mp_model_main(k->m)->tl;
	uint64_t most = 0, from, rate;
	size_t n = 0;

	for (size_t q = 0; q < tl->n; q++)
		most = tl->p[q].faults > most ? tl->p[q].faults : most;
	rate = SEC / tl->width;
	from = most * rate / 10 > 1000 ? most * rate / 10 : 1000;
	for (size_t q = 0; q < tl->n; q++) {
		if (tl->p[q].faults * rate < from || (q && tl->p[q - 1].faults * rate >= from))
			continue;
		ts[n] = MP_UNKNOWN;
		for (size_t i = 0; i < k->n; i++)
			if (k->kinds[i] == TUI_K_FAULT && k->ev[i].ts >= tl->p[q].ts &&
			    k->ev[i].ts < tl->p[q].ts + tl->width && k->ev[i].ts < ts[n])
				ts[n] = k->ev[i].ts;
		n += ts[n] != MP_UNKNOWN;
	}
	return n;
}

static void bursts_of_faults(void **state)
{
	struct fake *k = fake_new(__func__, 14, 6000);
	uint64_t ts[2000] = { 0 };
	size_t n = bursts(k, ts);

	(void)state;
	assert_true(n > 5 && n < 2000);
	fake_frame(k);
	tui_view_go(&k->view, k->m, ts[0], 0);
	for (size_t i = 1; i < n; i++) {
		fake_press(k, 'f');
		assert_int_equal(k->view.cursor, ts[i]);
	}
	fake_press(k, 'f');
	assert_int_equal(k->view.cursor, ts[n - 1]);
	for (size_t i = n - 1; i-- > 0;) {
		fake_press(k, 'F');
		assert_int_equal(k->view.cursor, ts[i]);
	}
	fake_free(k);
}

/* In a storm one key press reads so much and no more; the rest comes in slices. */
static void storms_are_read_in_slices(void **state)
{
	struct fake *k = fake_new(__func__, 15, 20);
	uint64_t from = k->m->now + SEC;
	size_t gc;

	(void)state;
	for (int i = 0; i < 55000; i++) {
		struct mp_event e = ev(MP_EV_FAULT, MP_FAULT_WRITE, MM, from + (uint64_t)i * 2500);

		e.x = 1;
		e.fault.addr = 64 * GIB + (uint64_t)i * PG;
		fake_put(k, e, TUI_K_FAULT);
	}
	gc = k->n;
	fake_put(k, ev(MP_EV_GC, MP_GC_MAJOR, MM, from + 55000ULL * 2500), TUI_K_GC);
	mp_model_free(k->m);
	k->f.now = k->f.state = k->m = fake_fold(k, MP_UNKNOWN);
	fake_frame(k);
	tui_view_go(&k->view, k->m, from, UINT32_MAX);
	assert_true(tui_key(&k->f, 'c'));
	assert_int_equal(k->view.cursor, from); /* not there yet, and the view goes on */
	assert_true(k->view.seek.kinds);
	while (tui_past_work(&k->f))
		;
	assert_true(k->most <= 16385);
	assert_int_equal(k->view.cursor, k->ev[gc].ts);
	/* whoever moves meanwhile is not pulled away later */
	tui_view_go(&k->view, k->m, from, UINT32_MAX);
	assert_true(tui_key(&k->f, 'c'));
	fake_press(k, TUI_KEY_LEFT);
	assert_int_equal(k->view.seek.kinds, 0);
	assert_true(k->view.cursor < k->ev[gc].ts);
	fake_free(k);
}

/* A stretch that is read ends where the next begins: what lies there is in one of them. */
static void seams(void **state)
{
	struct fake *k = fake_new(__func__, 17, 5);
	uint64_t from = k->m->now + SEC;

	(void)state;
	fake_put(k, ev(MP_EV_TICK, 0, 0, from), 0);
	fake_put(k, ev(MP_EV_GC, MP_GC_MAJOR, MM, from + 20 * MS), TUI_K_GC);
	fake_put(k, ev(MP_EV_GC, MP_GC_MAJOR, MM, from + 60 * MS), TUI_K_GC);
	fake_put(k, ev(MP_EV_TICK, 0, 0, from + 200 * MS), 0);
	mp_model_free(k->m);
	k->f.now = k->f.state = k->m = fake_fold(k, MP_UNKNOWN);
	fake_frame(k);
	tui_view_go(&k->view, k->m, from, UINT32_MAX);
	fake_press(k, 'c');
	assert_int_equal(k->view.cursor, from + 20 * MS);
	tui_view_go(&k->view, k->m, from + 80 * MS - 1, UINT32_MAX);
	fake_press(k, 'C');
	assert_int_equal(k->view.cursor, from + 60 * MS);
	fake_free(k);
}

/* Where the past is not kept, it is said, and the cursor stays. */
static void what_is_gone(void **state)
{
	struct fake *k = fake_new(__func__, 16, 2000);

	(void)state;
	k->gone = k->m->now;
	fake_frame(k);
	tui_view_go(&k->view, k->m, T0 + (k->m->now - T0) / 2, UINT32_MAX);
	fake_press(k, ',');
	assert_int_equal(k->view.cursor, T0 + (k->m->now - T0) / 2);
	assert_non_null(strstr(k->view.wish.say, "no longer kept"));
	fake_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_visit_every_event_once),
		cmocka_unit_test(steps_go_to_the_nearest),
		cmocka_unit_test(cursor_is_always_inside),
		cmocka_unit_test(bursts_of_faults),
		cmocka_unit_test(storms_are_read_in_slices),
		cmocka_unit_test(seams),
		cmocka_unit_test(what_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
