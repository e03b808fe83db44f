/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_tui_events.c - the table of events: what is around the moment, all of it, in
 * order, bounded in storms; its selected row and the cursor are one.
 */
#include "tests/unit/tui_fake.h"

static struct fake *with_pane(const char *test, uint64_t seed, size_t n)
{
	struct fake *k = fake_new(test, seed, n);

	k->view.pane = TUI_P_EVENTS;
	k->view.in_table = true;
	fake_frame(k);
	return k;
}

static void settle(struct fake *k)
{
	fake_frame(k);
	while (tui_past_work(&k->f))
		;
	fake_frame(k);
}

static size_t seen_in(const struct fake *k, uint64_t t0, uint64_t t1)
{
	size_t n = 0;

	for (size_t i = 0; i < k->n; i++)
		n += k->kinds[i] && k->ev[i].ts >= t0 && k->ev[i].ts < t1;
	return n;
}

/* What is read is a stretch without gaps around the moment, every event once. */
static void all_around_the_moment(void **state)
{
	struct fake *k = with_pane(__func__, 21, 4000);

	(void)state;
	for (int i = 0; i < 200; i++) {
		const struct tui_near *near = &k->f.near;
		uint64_t at = T0 + rnd_below(&k->r, k->m->now - T0);
		size_t rows = 0, before = 0;

		tui_view_go(&k->view, k->m, at, UINT32_MAX);
		at = k->view.cursor;
		settle(k);
		assert_true(near->lo <= at && at < near->hi);
		assert_int_equal(near->all.n, seen_in(k, near->lo, near->hi));
		for (size_t j = 1; j < near->all.n; j++) {
			const struct tui_happened *a = &near->all.v[j - 1], *b = &near->all.v[j];

			assert_true(a->e.ts < b->e.ts ||
				    (a->e.ts == b->e.ts && a->nth + 1 == b->nth));
		}
		for (size_t j = 0; j < near->n_rows; j++) {
			assert_int_equal(near->row[j].first, rows);
			rows += near->row[j].n;
			before += near->all.v[near->row[j].first].e.ts <= at;
		}
		assert_int_equal(rows, near->all.n);
		/* enough of them, or all there are */
		assert_true(before >= 100 || near->start);
		assert_true(near->n_rows - before >= 99 || near->end);
	}
	fake_free(k);
}

/* Down and Up through the rows is through time: every row once, none left out. */
static void rows_are_the_cursor(void **state)
{
	struct fake *k = with_pane(__func__, 22, 1500);
	struct tui_happened last = { .e.ts = 0 };
	size_t seen = 0, up = 0, all = seen_in(k, 0, MP_UNKNOWN);
	const struct tui_row *r;

	(void)state;
	tui_view_go(&k->view, k->m, T0, 0);
	settle(k);
	tui_view_go(&k->view, k->m, k->f.near.all.v[0].e.ts, k->f.near.all.v[0].nth);
	settle(k);
	for (size_t i = 0; i < 4000; i++) {
		const struct tui_near_row *row;

		r = tui_pane_selected(&k->f);
		assert_non_null(r);
		row = r->p;
		if (i && k->f.near.all.v[row->first].e.ts == last.e.ts &&
		    k->f.near.all.v[row->first].nth == last.nth)
			break; /* the end */
		last = k->f.near.all.v[row->first];
		seen += row->n;
		fake_press(k, TUI_KEY_DOWN);
		settle(k);
		assert_true(k->view.exact);
	}
	assert_int_equal(k->f.near.all.v[k->f.near.all.n - 1].e.ts, k->view.cursor);
	/* runs of faults are cut where reading began: at most they are counted again */
	assert_true(seen >= all && seen <= all + all / 10);
	for (; up < 4000; up++) {
		uint64_t ts = k->view.cursor;
		uint32_t nth = k->view.nth;

		fake_press(k, TUI_KEY_UP);
		settle(k);
		if (k->view.cursor == ts && k->view.nth == nth)
			break;
		assert_true(k->view.cursor < ts || (k->view.cursor == ts && k->view.nth < nth));
	}
	assert_true(up > 200);
	fake_free(k);
}

/* Steps and rows are at the same place: a step selects the row of its event. */
static void steps_select_their_row(void **state)
{
	struct fake *k = with_pane(__func__, 23, 2000);

	(void)state;
	tui_view_go(&k->view, k->m, T0, 0);
	for (int i = 0; i < 60; i++) {
		const struct tui_near_row *row;
		const struct tui_happened *h;

		fake_press(k, i % 3 ? '.' : 'c');
		settle(k);
		assert_non_null(tui_pane_selected(&k->f));
		row = tui_pane_selected(&k->f)->p;
		h = &k->f.near.all.v[row->first];
		assert_int_equal(h->e.ts, k->view.cursor);
		assert_int_equal(h->nth, k->view.nth);
		assert_true(h->kinds & TUI_K_STEP);
	}
	fake_free(k);
}

/* 400,000 faults a second for a while: some thousands of them are held, in few rows. */
static void storms_are_bounded(void **state)
{
	struct fake *k = fake_new(__func__, 24, 20);
	uint64_t from = k->m->now + SEC;

	(void)state;
	for (int i = 0; i < 55000; i++) {
		/* three at a time, a nanosecond apart */
		uint64_t ts = from + (uint64_t)(i / 3) * 7500 + (uint64_t)(i % 3);
		struct mp_event e = ev(MP_EV_FAULT, MP_FAULT_WRITE, MM, ts);

		e.x = 1;
		e.fault.addr = 64 * GIB + (uint64_t)i * PG;
		fake_put(k, e, TUI_K_FAULT);
	}
	mp_model_free(k->m);
	k->f.now = k->f.state = k->m = fake_fold(k, MP_UNKNOWN);
	k->view.pane = TUI_P_EVENTS;
	for (int i = 0; i < 50; i++) {
		int step = i < 25 ? i : 50 - i; /* on, and back */

		tui_view_go(&k->view, k->m, from + (uint64_t)step * 5000000, UINT32_MAX);
		k->most = k->reads = 0;
		fake_frame(k); /* reads a slice at most */
		assert_true(k->reads <= 16 && k->most <= 4097);
		settle(k);
		assert_true(k->f.near.all.n > 1000 && k->f.near.all.n < 30000);
		assert_true(k->f.near.n_rows < 400);
		assert_int_equal(k->f.near.all.n, seen_in(k, k->f.near.lo, k->f.near.hi));
	}
	fake_free(k);
}

/* 100,000 calls a second, each a row of its own: a frame goes through some hundreds. */
static void storms_of_calls_are_bounded(void **state)
{
	struct fake *k = fake_new(__func__, 26, 20);
	uint64_t from = k->m->now + SEC;

	(void)state;
	for (int i = 0; i < 55000; i++) /* many at one time now and then */
		fake_put(k,
			 fake_call(from + (uint64_t)(i % 1000 < 103 ? i - i % 1000 : i) * 10000,
				   MP_CALL_MUNMAP, PG, 0),
			 TUI_K_OTHER);
	mp_model_free(k->m);
	k->f.now = k->f.state = k->m = fake_fold(k, MP_UNKNOWN);
	k->view.pane = TUI_P_EVENTS;
	for (int i = 0; i < 60; i++) {
		const struct tui_near *near = &k->f.near;
		uint64_t at = from + (uint64_t)(i < 30 ? i : 60 - i) * 17777777;
		size_t before = 0;

		tui_view_go(&k->view, k->m, at, UINT32_MAX);
		settle(k);
		for (size_t j = 0; j < near->n_rows; j++)
			before += near->all.v[near->row[j].first].e.ts <= k->view.cursor;
		assert_true(before >= 100 || near->start);
		assert_true(near->n_rows - before >= 99 || near->end);
		assert_true(near->n_rows < 1200);
		assert_int_equal(near->all.n, seen_in(k, near->lo, near->hi));
	}
	fake_free(k);
}

static void detail_has_every_field(void **state)
{
	struct fake *k = with_pane(__func__, 25, 400);
	bool mb = false;

	(void)state;
	tui_view_go(&k->view, k->m, T0, 0);
	fake_press(k, 'r');
	settle(k);
	fake_press(k, '\r');
	for (size_t i = 0; i < k->f.lines.n; i++)
		mb |= strstr(k->f.lines.v[i].text, "len") == k->f.lines.v[i].text;
	assert_true(k->f.lines.n > 10);
	assert_true(mb);
	fake_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_around_the_moment),
		cmocka_unit_test(rows_are_the_cursor),
		cmocka_unit_test(steps_select_their_row),
		cmocka_unit_test(storms_are_bounded),
		cmocka_unit_test(storms_of_calls_are_bounded),
		cmocka_unit_test(detail_has_every_field),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
