/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What all rules stand on: series over any number of processes and any length of time,
 * sums that hold, what is withheld and why.
 */
#include "tests/unit/dx.h"
#include "user/diagnose/series.h"
#include "user/view/text.h"

#define MANY (DX_PROCS_MAX + 20)

static void halving_keeps_the_last(void **state)
{
	for (size_t n = 1; n < 9; n++) {
		struct dx x = dx_new(NULL);
		struct dx_series *s = dx_series_new(P(&x.f));

		assert_non_null(s);
		for (size_t i = 0; i < n; i++)
			dx_series_add(s, x.f.m, P(&x.f), T0 + i * SEC, false);
		dx_series_halve(s);
		assert_int_equal(s->n, n / 2 + 1);
		assert_true(s->t[0] < 0.1);
		assert_true(s->t[s->n - 1] > (double)(n - 1) - 0.1);
		for (size_t i = 1; i < s->n; i++)
			assert_true(s->t[i] > s->t[i - 1]);
		dx_series_free(s);
		dx_free(&x);
	}
	(void)state;
}

/* Processes one after the other, each gone before the next; the last is the one to find. */
static void many_processes_and_the_last_is_judged(void **state)
{
	struct dx x = dx_new(NULL);
	const struct mp_findings *fs;
	double s = 1;

	for (uint32_t i = 0; i < MANY; i++, s += 0.4) {
		uint32_t mm = 10 + i;
		struct mp_event e = ev_rss(mm, dx_s(s + 0.1), 500 * MIB / PG, 0, 0);

		dx_fold(&x, ev_task(mm, dx_s(s), MP_TASK_TARGET, 1000 + i, 0));
		e.rss.lazyfree = i == MANY - 1 ? 300 * MIB / PG : 0;
		dx_fold(&x, e);
		dx_fold(&x, ev(MP_EV_TICK, 0, 0, dx_s(s + 0.2)));
		if (i < MANY - 1)
			dx_fold(&x, ev_task(mm, dx_s(s + 0.3), MP_TASK_MM_EXIT, 0, 0));
	}
	fs = dx_make(&x);
	assert_true(fs->left_out > 0 && fs->n_procs <= DX_PROCS_MAX);
	assert_true(fs->rss >= 500 * MIB);
	assert_int_equal(fs->live + fs->explained + fs->unexplained, fs->rss);
	dx_free(&x);
	(void)state;
}

/* It comes, has so much, and is seen to. */
static void comes(struct dx *x, uint32_t mm, double s, uint64_t bytes)
{
	dx_fold(x, ev_task(mm, dx_s(s), MP_TASK_TARGET, 1000 + mm, 0));
	dx_fold(x, ev_rss(mm, dx_s(s + 0.01), bytes / PG, 0, 0));
	dx_fold(x, ev(MP_EV_TICK, 0, 0, dx_s(s + 0.1)));
}

static void goes(struct dx *x, uint32_t mm, double s)
{
	dx_fold(x, ev(MP_EV_TICK, 0, 0, dx_s(s)));
	dx_fold(x, ev_task(mm, dx_s(s + 0.001), MP_TASK_MM_EXIT, 0, 0));
	dx_fold(x, ev_task(mm, dx_s(s + 0.002), MP_TASK_EXIT, 1000 + mm, 0));
}

static void sums_are(struct dx *x, size_t there, size_t of, uint64_t rss)
{
	const struct mp_findings *fs = dx_make(x);

	assert_int_equal(fs->n_there, there);
	assert_int_equal(fs->n_procs, of);
	assert_int_equal(fs->rss, rss);
	assert_int_equal(fs->live + fs->explained + fs->unexplained, fs->rss);
}

static void says(struct dx *x, const char *words, const char *json)
{
	struct mp_diagnose_opts o = { .state = "clean" };
	struct mp_term term = { .width = 80 };
	char *text;
	size_t size;
	FILE *f;

	f = open_memstream(&text, &size);
	assert_int_equal(mp_findings_text(f, &x->fs, x->f.m, &o, &term), 0);
	assert_int_equal(mp_findings_json(f, &x->fs, x->f.m, &o), 0);
	fclose(f);
	assert_non_null(strstr(text, words));
	assert_non_null(strstr(text, json));
	free(text);
}

/* What those that never lived together had is no sum of anything. */
static void sums_are_of_who_lives(void **state)
{
	struct dx x = { .f = fx_empty(), .d = mp_diagnosis_new(NULL) };

	comes(&x, 1, 1, 5 * MIB);
	for (uint32_t i = 0; i < 10; i++) {
		comes(&x, 2 + i, 2 + i, 500 * MIB);
		goes(&x, 2 + i, 2.5 + i);
	}
	sums_are(&x, 2, 11, 505 * MIB); /* the last of them just now */
	dx_fold(&x, ev(MP_EV_TICK, 0, 0, dx_s(14)));
	sums_are(&x, 1, 11, 5 * MIB);
	comes(&x, 20, 15, 7 * MIB);
	sums_are(&x, 2, 12, 12 * MIB);
	says(&x, ", 12 processes, 2 at the end: RSS 12.0 M", "\"rss_processes\": 2,");
	goes(&x, 1, 16);
	sums_are(&x, 2, 12, 12 * MIB);
	dx_fold(&x, ev(MP_EV_TICK, 0, 0, dx_s(18)));
	sums_are(&x, 1, 12, 7 * MIB);
	goes(&x, 20, 19);
	sums_are(&x, 1, 12, 7 * MIB);
	dx_free(&x);
	(void)state;
}

/* A shell ends with its command; what it ran one after the other just before is not all of one
 * moment. */
static void sums_of_those_that_ended_together(void **state)
{
	struct dx x = { .f = fx_empty(), .d = mp_diagnosis_new(NULL) };

	comes(&x, 1, 1, 5 * MIB);
	goes(&x, 1, 3);
	sums_are(&x, 1, 1, 5 * MIB);
	comes(&x, 2, 4, 3 * MIB);
	for (uint32_t i = 0; i < 4; i++) {
		comes(&x, 3 + i, 5 + 0.2 * i, (100 + i) * MIB);
		goes(&x, 3 + i, 5.15 + 0.2 * i);
	}
	goes(&x, 2, 5.8);
	sums_are(&x, 2, 6, 106 * MIB);
	dx_free(&x);
	(void)state;
}

/* Who lives keeps its place, and those without one are told. */
static void more_that_live_than_there_is_room(void **state)
{
	struct dx x = dx_new(NULL);
	const struct mp_findings *fs;

	for (uint32_t i = 0; i < MANY; i++) {
		dx_fold(&x, ev_task(10 + i, dx_s(1 + i * 0.001), MP_TASK_TARGET, 1000 + i, 0));
		dx_fold(&x, ev_rss(10 + i, dx_s(1 + i * 0.001), MIB / PG, 0, 0));
	}
	for (double s = 2; s < 4; s += 0.1)
		dx_fold(&x, ev(MP_EV_TICK, 0, 0, dx_s(s)));
	fs = dx_make(&x);
	assert_int_equal(fs->n_procs, DX_PROCS_MAX);
	assert_int_equal(fs->left_out, x.f.m->n_procs - DX_PROCS_MAX);
	dx_free(&x);
	(void)state;
}

/* Hours at a border every 50 ms: the series stays in its bounds, and evenly spread. */
static void hours(void **state)
{
	struct dx x = dx_new(NULL);

	for (double s = 1; s < 3 * 3600; s += 3)
		dx_rss(&x, s, 100 * MIB, 0, 0);
	dx_make(&x);
	assert_true(x.fs.window >= 10700 * SEC);
	assert_int_equal(x.fs.rss, 100 * MIB);
	dx_free(&x);
	(void)state;
}

static int fold_into(void *ctx, const struct mp_event *e)
{
	dx_fold(ctx, *e);
	return 0;
}

/* What a stream began with is the state of a session: it was not looked at before. */
static void a_session_that_was_joined(void **state)
{
	struct dx was = dx_new(NULL);
	struct dx x = { .f = fx_empty(), .d = mp_diagnosis_new(NULL) };
	struct mp_event fact = { .type = MP_EV_META, .sub = MP_META_PAGE_SIZE };

	dx_rss(&was, 700, 100 * MIB, 0, 0);
	fact.ts = was.f.m->now;
	fact.v[0] = MP_PAGE_SIZE;
	dx_fold(&x, fact);
	assert_int_equal(mp_model_dump(was.f.m, fold_into, &x), 0);
	dx_make(&x);
	assert_int_equal(x.fs.window, 0);
	for (double s = 701; s <= 720; s++)
		dx_rss(&x, s, 100 * MIB, 0, 0);
	dx_make(&x);
	assert_int_equal(x.fs.window, 20 * SEC);
	assert_int_equal(x.fs.from, dx_s(700));
	/* a state that is told behind a gap begins nothing */
	assert_int_equal(mp_model_dump(was.f.m, fold_into, &x), 0);
	dx_rss(&x, 721, 100 * MIB, 0, 0);
	dx_make(&x);
	assert_int_equal(x.fs.window, 21 * SEC);
	dx_free(&was);
	dx_free(&x);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(halving_keeps_the_last),
		cmocka_unit_test(many_processes_and_the_last_is_judged),
		cmocka_unit_test(sums_are_of_who_lives),
		cmocka_unit_test(sums_of_those_that_ended_together),
		cmocka_unit_test(more_that_live_than_there_is_room),
		cmocka_unit_test(hours),
		cmocka_unit_test(a_session_that_was_joined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
