/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* test_view_plain.c - lines an interval, notes, the story by stages. */
#include "tests/unit/test_view.h"

#include <errno.h>

#include "user/view/plain.h"

static const struct mp_report_info live = { .state = "live",
					    .duration_ns = MP_UNKNOWN,
					    .events = MP_UNKNOWN,
					    .blocks = MP_UNKNOWN,
					    .bytes = MP_UNKNOWN };
static char *text;
static size_t size;
static FILE *mem;

static struct mp_plain *begin(const struct mp_term *term)
{
	struct mp_plain *pl;

	free(text);
	text = NULL;
	mem = open_memstream(&text, &size);
	pl = mp_plain_new(mem, term);
	assert_non_null(pl);
	return pl;
}

static void finish(struct mp_plain *pl)
{
	mp_plain_free(pl);
	fclose(mem);
	assert_harmless(text);
}

static const char *line(unsigned n)
{
	const char *s = text;

	while (n-- && s)
		s = strchr(s, '\n') ? strchr(s, '\n') + 1 : NULL;
	return s;
}

static void plain_columns_are_stable(void **state)
{
	struct mp_model *m = model_staged();
	struct mp_model *none = mp_model_new(), *native = model_native();
	struct mp_plain *pl = begin(NULL);
	size_t width;

	(void)state;
	assert_int_equal(mp_plain_interval(pl, none, T0), 0);
	assert_int_equal(mp_plain_interval(pl, native, T0 + SEC), 0);
	assert_int_equal(mp_plain_interval(pl, m, T0 + 7 * SEC), 0);
	finish(pl);
	width = strcspn(text, "\n");
	assert_in_range(width, 60, 80);
	for (const char *s = text; *s; s += strcspn(s, "\n") + 1)
		if (strncmp(s, "--", 2) != 0)
			assert_int_equal(strcspn(s, "\n"), width);
	mp_model_free(m);
	mp_model_free(none);
	mp_model_free(native);
}

static void plain_figures_are_those_of_the_interval(void **state)
{
	struct mp_model *m = model_staged();
	struct mp_plain *pl = begin(NULL);

	(void)state;
	mp_plain_interval(pl, m, T0 + 6 * SEC);
	assert_has(text, "    6.000  105 M 1.00 M  640 M  540 M 99.0 M ");
	assert_has(text, "    25771     0/1    500 M\n"); /* 154624 faults in 6 s */
	mp_plain_interval(pl, m, T0 + 7 * SEC);
	assert_has(text, "        0     0/0        0\n");
	finish(pl);
	mp_model_free(m);
}

static void plain_notes_come_once_and_cleaned(void **state)
{
	struct mp_model *m = model_native();
	struct mp_plain *pl = begin(NULL);

	(void)state;
	mp_plain_interval(pl, m, T0 + SEC);
	fold_note(m, T0 + 2 * SEC, S_NOTE1);
	mp_plain_interval(pl, m, T0 + 2 * SEC);
	mp_plain_interval(pl, m, T0 + 3 * SEC);
	fold_note(m, T0 + 3 * SEC + SEC / 2, S_NOTE2);
	mp_plain_end(pl, m, &live);
	finish(pl);
	assert_int_equal(strncmp(line(2), "-- stage 1: made, not touched (at 2.000 s)\n", 43), 0);
	assert_null(strstr(strstr(text, "stage 1") + 1, "stage 1"));
	assert_has(text, "-- stage 2: every byte touched ?[31mevil\"\\?? (at 3.500 s)\n");
	assert_has(text, "(1234), ");
	mp_model_free(m);
}

static void plain_repeats_the_header_on_a_terminal_only(void **state)
{
	struct mp_model *m = model_native();
	const struct mp_term tty = { .tty = true };

	(void)state;
	for (int t = 0; t < 2; t++) {
		struct mp_plain *pl = begin(t ? &tty : NULL);
		unsigned headers = 0;

		for (int i = 1; i <= 50; i++)
			mp_plain_interval(pl, m, T0 + (unsigned)i * SEC);
		finish(pl);
		for (const char *s = text; (s = strstr(s, "faults/s")); s++)
			headers++;
		assert_int_equal(headers, t ? 3 : 1);
	}
	mp_model_free(m);
}

static void plain_marks_losses(void **state)
{
	struct mp_model *m = model_native();
	struct mp_event e = {
		.ts = T0 + SEC, .type = MP_EV_LOSS, .sub = MP_LOSS_RING_FULL, .x = 5
	};
	struct mp_plain *pl = begin(NULL);

	(void)state;
	fold(m, e);
	mp_plain_interval(pl, m, T0 + SEC);
	mp_plain_interval(pl, m, T0 + 2 * SEC);
	finish(pl);
	assert_has(text, "-- 5 events lost");
	assert_has(text, "!\n");
	assert_null(strchr(line(3), '!'));
	mp_model_free(m);
}

static void plain_story_is_told_by_stages(void **state)
{
	struct mp_model *m = model_staged();
	struct mp_plain *pl = begin(NULL);

	(void)state;
	assert_int_equal(mp_plain_story(mem, m, NULL), 0);
	finish(pl);
	assert_has(text, "   1.000  stage 1: made, not touched");
	/* stage 1 ended before anything of the slice was touched */
	assert_has(text, "5.00 M   600 M   640 M       0       0\n");
	assert_has(text, "105 M  1.00 M   640 M   100 M");
	mp_model_free(m);

	m = model_native();
	pl = begin(NULL);
	assert_int_equal(mp_plain_story(mem, m, NULL), 0);
	finish(pl);
	assert_string_equal(text, "");
	mp_model_free(m);
}

static int observe(struct mp_plain *pl, struct mp_model *m, struct mp_event e)
{
	int err = mp_plain_event(pl, m, &e);

	fold(m, e);
	return err;
}

static void plain_stages_are_exact(void **state)
{
	struct mp_model *m = model_staged();
	struct mp_plain *pl = begin(NULL);
	struct mp_event n = { .ts = T0 + 7 * SEC, .type = MP_EV_NOTE, .mm = 1, .v = { S_NOTE1 } };
	struct mp_event end = {
		.ts = T0 + 8 * SEC, .type = MP_EV_TASK, .sub = MP_TASK_MM_EXIT, .mm = 1
	};

	(void)state;
	assert_int_equal(observe(pl, m, n), 0);
	/* two notes at one instant: the timeline could hold but one */
	fold_rss(m, T0 + 7 * SEC, 204 * MIB, MIB);
	n.v[0] = S_NOTE2;
	assert_int_equal(observe(pl, m, n), 0);
	fold_rss(m, T0 + 7 * SEC + 1, 304 * MIB, MIB);
	observe(pl, m, end);
	assert_int_equal(mp_plain_stages(pl, m), 0);
	finish(pl);
	assert_has(text, "205 M  1.00 M   640 M   100 M");
	assert_has(text, "305 M  1.00 M   640 M   100 M");
	mp_model_free(m);
}

static void plain_write_errors_are_told(void **state)
{
	struct mp_model *m = model_native();
	FILE *full = fopen("/dev/full", "w");
	struct mp_plain *pl = mp_plain_new(full, NULL);

	(void)state;
	assert_int_equal(mp_plain_interval(pl, m, T0 + SEC), -ENOSPC);
	mp_plain_free(pl);
	mp_plain_free(NULL);
	fclose(full);
	mp_model_free(m);
}

static void target(struct mp_model *m, uint64_t ts, uint32_t mm, uint32_t pid, uint32_t parent)
{
	struct mp_event e = { .ts = ts, .type = MP_EV_TASK, .sub = MP_TASK_TARGET, .mm = mm };

	e.task.a = pid;
	e.task.c = parent;
	e.task.comm = S_NOTE2; /* with what a terminal would obey */
	assert_int_equal(mp_model_fold(m, &e), 0);
	e = (struct mp_event){ .ts = ts, .type = MP_EV_RSS, .sub = MP_RSS_PROC, .mm = mm };
	e.rss.anon = 512;
	e.rss.lazyfree = e.rss.hugetlb = MP_UNKNOWN;
	assert_int_equal(mp_model_fold(m, &e), 0);
}

/* Once there have been several processes each line says whose it is, in words. */
static void plain_lines_of_several(void **state)
{
	struct mp_model *m = model_native();
	struct mp_plain *pl = begin(NULL);
	struct mp_event e = {
		.ts = T0 + 5 * SEC / 2, .type = MP_EV_TASK, .sub = MP_TASK_EXIT, .mm = 70
	};

	(void)state;
	mp_plain_interval(pl, m, T0 + SEC);
	target(m, T0 + 3 * SEC / 2, 70, 77, 1234);
	mp_plain_interval(pl, m, T0 + 2 * SEC);
	e.task.a = 9;
	assert_int_equal(mp_model_fold(m, &e), 0);
	mp_plain_interval(pl, m, T0 + 3 * SEC);
	mp_plain_end(pl, m, &live);
	finish(pl);
	assert_has(text, "-- from here on a line for each process\n");
	assert_has(text,
		   "1.500 s stage 2: every byte touched ?[31mevil\"\\?? (77): is watched, child of "
		   "1234\n");
	assert_has(text, "2.000 s stage 2: every byte touched ?[31mevil\"\\?? (77): RSS 2.00 M");
	assert_has(text, "(1234): RSS ");
	assert_has(text, "2.000 s all: 2 processes, RSS ");
	assert_has(text, "(77): killed by signal 9\n");
	assert_has(text, "3.000 s all: 1 process, RSS ");
	assert_has(text, "All 2 processes, the largest first:\n");
	assert_has(text, "killed by signal 9 at 2.500 s\n");
	/* what has ended has no line of its own any more */
	assert_null(strstr(text, "3.000 s stage 2"));
	mp_model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_lines_of_several),
		cmocka_unit_test(plain_columns_are_stable),
		cmocka_unit_test(plain_figures_are_those_of_the_interval),
		cmocka_unit_test(plain_notes_come_once_and_cleaned),
		cmocka_unit_test(plain_repeats_the_header_on_a_terminal_only),
		cmocka_unit_test(plain_marks_losses),
		cmocka_unit_test(plain_story_is_told_by_stages),
		cmocka_unit_test(plain_stages_are_exact),
		cmocka_unit_test(plain_write_errors_are_told),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	free(text);
	return rc;
}
