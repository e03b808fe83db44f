/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_tui_delta.c - marks, what changed between them, and going to a time by name.
 */
#include <errno.h>
#include <time.h>

#include "tests/unit/tui_fake.h"
#include "user/view/instant.h"

static void settle(struct fake *k)
{
	fake_frame(k);
	while (tui_past_work(&k->f))
		;
	fake_frame(k);
}

static void mark_at(struct fake *k, uint64_t ts)
{
	tui_view_go(&k->view, k->m, ts, UINT32_MAX);
	fake_press(k, 'm');
}

static void marks_take_turns(void **state)
{
	struct fake *k = fake_new(__func__, 31, 500);
	uint64_t t = T0 + SEC / 2;

	(void)state;
	fake_frame(k);
	fake_press(k, '\'');
	assert_int_not_equal(k->view.pane, TUI_P_DELTA);
	assert_non_null(strstr(k->view.wish.say, "two marks"));
	mark_at(k, t);
	assert_true(k->view.mark[0] == t && !k->view.mark[1]);
	mark_at(k, t + 5);
	assert_true(k->view.mark[0] == t && k->view.mark[1] == t + 5);
	mark_at(k, t + 9); /* the older one moves */
	assert_true(k->view.mark[0] == t + 9 && k->view.mark[1] == t + 5);
	mark_at(k, t + 1);
	assert_true(k->view.mark[0] == t + 9 && k->view.mark[1] == t + 1);
	fake_press(k, ']');
	assert_int_equal(k->view.cursor, t + 9);
	fake_press(k, ']');
	assert_int_equal(k->view.cursor, t + 9);
	fake_press(k, '[');
	assert_int_equal(k->view.cursor, t + 1);
	fake_press(k, '\'');
	assert_int_equal(k->view.pane, TUI_P_DELTA);
	assert_int_equal(k->view.cursor, t + 1);
	fake_press(k, '\'');
	assert_int_equal(k->view.cursor, t + 9);
	fake_press(k, '\'');
	assert_int_equal(k->view.cursor, t + 1);
	fake_press(k, 'x');
	assert_true(!k->view.mark[0] && !k->view.mark[1]);
	settle(k);
	assert_int_equal(k->f.rows.n, 0);
	fake_free(k);
}

/* Every part adds up to its sum, by the rows that are shown. */
static void parts_add_up(void **state)
{
	struct fake *k = fake_new(__func__, 32, 3000);

	(void)state;
	k->view.pane = TUI_P_DELTA;
	for (int i = 0; i < 20; i++) {
		int64_t sum[8] = { 0 };
		size_t sums = 0, mappings = 0;

		tui_mark_clear(&k->view);
		mark_at(k, T0 + rnd_below(&k->r, k->m->now - T0));
		mark_at(k, T0 + rnd_below(&k->r, k->m->now - T0));
		settle(k);
		assert_true(k->f.rows.n > 2);
		assert_true(mp_diff_check(k->f.delta.diff));
		assert_int_equal(k->f.rows.n, k->f.delta.n);
		for (size_t j = 0; j < k->f.delta.n; j++) {
			const struct tui_delta_row *r = &k->f.delta.row[j];

			assert_false(r->wrong);
			if (!r->sum && r->a_known && r->b_known)
				sum[r->part] += r->b - r->a;
			if (!r->sum || r->part == TUI_D_RSS)
				continue;
			assert_int_equal(r->b - r->a, sum[r->part]);
			sums++;
		}
		for (size_t j = 0; j < k->f.delta.n; j++)
			mappings += k->f.delta.row[j].part == TUI_D_MAPPING
					    ? (k->f.delta.row[j].group != NULL) +
						      k->f.delta.row[j].others
					    : 0;
		assert_int_equal(mappings,
				 k->f.delta.diff->mappings.known ? k->f.delta.diff->mappings.n : 0);
		assert_true(sums > 0 || !k->f.delta.diff->rss_known);
	}
	fake_free(k);
}

/* It is made once for two marks, not in every frame. */
static void made_once(void **state)
{
	struct fake *k = fake_new(__func__, 33, 1000);
	const struct mp_diff *d;

	(void)state;
	k->view.pane = TUI_P_DELTA;
	mark_at(k, T0 + SEC / 4);
	mark_at(k, k->m->now);
	settle(k);
	d = k->f.delta.diff;
	assert_non_null(d);
	fake_press(k, TUI_KEY_LEFT);
	settle(k);
	assert_ptr_equal(k->f.delta.diff, d);
	assert_false(k->f.more);
	mark_at(k, k->m->now - 5 * MS);
	assert_int_equal(k->f.delta.a, k->view.mark[0]);
	assert_int_equal(k->f.delta.b, k->view.mark[1]);
	fake_free(k);
}

static const struct mp_model *no_hold(void *ctx, unsigned slot, uint64_t ts)
{
	(void)ctx;
	(void)slot;
	(void)ts;
	return NULL;
}

/* A mark that the ring has dropped ends in words, not in reading for ever. */
static void a_mark_that_is_gone(void **state)
{
	struct fake *k = fake_new(__func__, 34, 500);

	(void)state;
	k->src.hold = no_hold;
	k->view.pane = TUI_P_DELTA;
	mark_at(k, T0 + MS);
	mark_at(k, k->m->now);
	settle(k);
	assert_int_equal(k->f.delta.err, -ENODATA);
	assert_false(k->f.more);
	assert_non_null(strstr(tui_panes[TUI_P_DELTA]->none(&k->f), "no longer kept"));
	fake_free(k);
}

static const struct mp_model *only_a(void *ctx, unsigned slot, uint64_t ts)
{
	if (!slot)
		return fake_hold(ctx, slot, ts);
	errno = ENOMEM;
	return NULL;
}

/* Want of memory is not told as a moment that is gone, and whose it is is told. */
static void a_state_without_memory(void **state)
{
	struct fake *k = fake_new(__func__, 36, 500);

	(void)state;
	k->src.hold = only_a;
	k->view.pane = TUI_P_DELTA;
	mark_at(k, T0 + MS);
	mark_at(k, k->m->now);
	settle(k);
	assert_int_equal(k->f.delta.err, -ENOMEM);
	assert_string_equal(tui_panes[TUI_P_DELTA]->none(&k->f),
			    "there is no memory for the state at mark B");
	fake_free(k);
}

/* One cursor goes to a state in steps; asked for the other one it begins again. */
#define STEPS 50

static struct {
	unsigned slot, steps, rounds;
} cursor;

static const struct mp_model *step_hold(void *ctx, unsigned slot, uint64_t ts)
{
	struct fake *k = ctx;

	if (k->held[slot] && k->held_ts[slot] == ts)
		return k->held[slot];
	if (cursor.slot != slot)
		cursor.steps = 0;
	cursor.slot = slot;
	return cursor.steps++ < STEPS ? NULL : fake_hold(ctx, slot, ts);
}

static bool step_work(void *ctx)
{
	struct fake *k = ctx;

	return step_hold(ctx, cursor.slot, k->view.mark[cursor.slot]) == NULL;
}

/* Two states that each need many slices both arrive. */
static void far_marks_arrive(void **state)
{
	struct fake *k = fake_new(__func__, 37, 1000);

	(void)state;
	k->src.hold = step_hold;
	k->src.work = step_work;
	k->view.mark[0] = T0 + 300 * MS;
	k->view.mark[1] = T0 + MS;
	k->view.pane = TUI_P_DELTA;
	fake_frame(k);
	while (tui_past_work(&k->f))
		assert_true(++cursor.rounds < 4 * STEPS);
	fake_frame(k);
	assert_non_null(k->f.delta.diff);
	assert_int_equal(k->f.delta.err, 0);
	fake_free(k);
}

static bool go(struct fake *k, const char *text)
{
	char why[128] = "";
	bool ok = tui_view_goto(&k->view, k->m, text, why, sizeof(why));

	assert_int_equal(ok, !*why);
	return ok;
}

static void times_by_name(void **state)
{
	struct fake *k = fake_new(__func__, 35, 30);
	const struct mp_timeline *tl;
	uint64_t first, last;
	struct tm tm;
	time_t t = 1700000000;
	char clock[32];

	(void)state;
	for (int i = 0; i < 400; i++)
		fake_more(k, T0 + 10 * SEC + (uint64_t)i * SEC);
	mp_model_free(k->m);
	k->f.now = k->f.state = k->m = fake_fold(k, MP_UNKNOWN);
	tl = &mp_model_main(k->m)->tl;
	first = k->m->start; /* times are the session's */
	last = k->m->now;
	assert_true(go(k, "12.5") && k->view.cursor == first + 12 * SEC + SEC / 2);
	assert_true(go(k, "+5s") && k->view.cursor == first + 17 * SEC + SEC / 2);
	assert_true(go(k, "-30s") && k->view.cursor == last - 30 * SEC);
	assert_true(go(k, "1:23.5") && k->view.cursor == first + 83 * SEC + SEC / 2);
	assert_true(go(k, "01:05") && k->view.cursor == first + 65 * SEC);
	assert_true(go(k, "2m") && k->view.cursor == first + 120 * SEC);
	assert_true(go(k, "50%") && k->view.cursor == first + (last - first + 1) / 2);
	assert_true(go(k, "start") && (k->view.cursor == first || k->view.cursor == tl->start));
	assert_true(go(k, "end") && k->view.cursor == last);
	assert_true(go(k, "0") && go(k, "now") && k->view.cursor == last);
	assert_true(k->view.exact && !k->view.follow);
	assert_false(go(k, "1h") || go(k, "-1h") || go(k, "101%") || go(k, "x") || go(k, ""));
	assert_false(go(k, "1:75") || go(k, "1:2:3:4") || go(k, "1.5:3") || go(k, ":5"));
	assert_false(go(k, "a") || go(k, "23:59"));
	assert_int_equal(k->view.cursor, last);
	fake_press(k, 'm');
	assert_true(go(k, "5") && go(k, "A") && k->view.cursor == last);
	/* with a clock: of the day where the session is not so long */
	k->m->meta[MP_META_WALL_NS] = (uint64_t)t * SEC;
	k->m->meta[MP_META_START_TS] = first;
	t += 61;
	localtime_r(&t, &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	assert_true(go(k, clock));
	assert_int_equal(k->view.cursor, first + 61 * SEC);
	fake_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(marks_take_turns),
		cmocka_unit_test(parts_add_up),
		cmocka_unit_test(made_once),
		cmocka_unit_test(a_mark_that_is_gone),
		cmocka_unit_test(a_state_without_memory),
		cmocka_unit_test(far_marks_arrive),
		cmocka_unit_test(times_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
