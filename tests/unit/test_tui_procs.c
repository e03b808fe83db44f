/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_tui_procs.c - several processes: their list and tree, the sum of their timelines,
 * the way to one and back, and the marks of losses and missing hooks.
 */
#include <locale.h>

#include "tests/unit/ev.h"
#include "tui/commands.h"
#include "tui/draw.h"
#include "tui/keys.h"

struct screen {
	struct mp_model *m;
	struct tui_view view;
	struct tui_theme theme;
	struct tui_frame f;
	struct tui_grid g;
};

static struct screen *screen(struct mp_model *m)
{
	struct screen *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->m = m;
	tui_view_init(&s->view, true);
	tui_theme_init(&s->theme, true, 256);
	s->f.now = s->f.state = m;
	s->f.view = &s->view;
	s->f.theme = &s->theme;
	s->f.live = true;
	return s;
}

static void drop(struct screen *s)
{
	tui_frame_free(&s->f);
	tui_grid_free(&s->g);
	free(s);
}

static void render(struct screen *s, int w, int h)
{
	assert_int_equal(tui_frame_begin(&s->f, w, h), 0);
	assert_int_equal(tui_grid_resize(&s->g, w, h), 0);
	tui_draw(&s->g, &s->f);
}

static char *line(struct screen *s, int y)
{
	static char text[2048];
	char *all = tui_grid_dump(&s->g), *from = all;

	assert_non_null(all);
	while (y--)
		from = strchr(from, '\n') + 1;
	snprintf(text, sizeof(text), "%.*s", (int)strcspn(from, "\n"), from);
	free(all);
	return text;
}

static void expect(struct screen *s, int w, int h, const char *what)
{
	char *all;

	render(s, w, h);
	all = tui_grid_dump(&s->g);
	if (!strstr(all, what))
		fail_msg("no \"%s\" at %dx%d in\n%s", what, w, h, all);
	free(all);
}

static void expect_not(struct screen *s, int w, int h, const char *what)
{
	char *all;

	render(s, w, h);
	all = tui_grid_dump(&s->g);
	if (strstr(all, what))
		fail_msg("\"%s\" at %dx%d in\n%s", what, w, h, all);
	free(all);
}

static void fold_(struct mp_model *m, struct mp_event e)
{
	assert_int_equal(mp_model_fold(m, &e), 0);
}

static void target(struct mp_model *m, uint32_t mm, uint64_t ts, uint32_t pid, uint32_t parent,
		   const char *name)
{
	struct mp_event str = { .ts = ts, .type = MP_EV_STR, .x = (uint32_t)strlen(name) };
	struct mp_event e = ev_task(mm, ts, MP_TASK_TARGET, pid, 0);

	str.str.id = mm;
	memcpy(str.str.text, name, strlen(name));
	fold_(m, str);
	e.task.c = parent;
	e.task.comm = mm;
	fold_(m, e);
}

static void rss(struct mp_model *m, uint32_t mm, uint64_t ts, uint64_t mib)
{
	fold_(m, ev_rss(mm, ts, mib * 256, 0, 0));
}

static void end(struct mp_model *m, uint32_t mm, uint64_t ts, uint64_t status)
{
	fold_(m, ev_task(mm, ts, MP_TASK_EXIT, status, 0));
}

static void tick_at(struct mp_model *m, uint64_t ts)
{
	struct mp_event e = { .ts = ts, .type = MP_EV_TICK };

	fold_(m, e);
}

/*
 * make (100) and its children sh (101), of which cc (103) is, and ld (102), which has ended;
 * seen in this order: make, ld, sh, cc. 10 s.
 */
static struct mp_model *family(void)
{
	struct mp_model *m = mp_model_new();

	assert_non_null(m);
	target(m, 1, T0, 100, 1, "make");
	rss(m, 1, T0 + MS, 10);
	target(m, 2, T0 + 3 * SEC, 102, 100, "ld");
	rss(m, 2, T0 + 3 * SEC + MS, 300);
	target(m, 3, T0 + 4 * SEC, 101, 100, "sh");
	rss(m, 3, T0 + 4 * SEC + MS, 20);
	target(m, 4, T0 + 5 * SEC, 103, 101, "cc");
	rss(m, 4, T0 + 5 * SEC + MS, 100);
	end(m, 2, T0 + 6 * SEC, 9);
	rss(m, 4, T0 + 8 * SEC, 200);
	tick_at(m, T0 + 10 * SEC);
	return m;
}

static struct screen *family_list(struct mp_model *m)
{
	struct screen *s = screen(m);

	tui_list_show(&s->f);
	return s;
}

/* --- the list ------------------------------------------------------------------------ */

/* The y of the n-th row of the table. */
static int row_y(const struct screen *s, int n)
{
	return s->f.lay.table.y + 1 + n;
}

static void a_tree(void **state)
{
	static const char *const rows[] = { "100 make ", "102   ld ", "101   sh ", "103     cc " };
	struct mp_model *m = family();
	struct screen *s = family_list(m);

	(void)state;
	expect(s, 80, 24, "4 processes");
	for (int i = 0; i < 4; i++)
		assert_non_null(strstr(line(s, row_y(s, i)), rows[i]));
	/* what has ended holds nothing and says how */
	assert_non_null(strstr(line(s, row_y(s, 1)), "signal 9"));
	assert_non_null(strstr(line(s, row_y(s, 1)), " -  300 M "));
	assert_non_null(strstr(line(s, row_y(s, 3)), "200 M"));
	/* 10 + 20 + 200, and the same in the figures above */
	assert_non_null(strstr(line(s, row_y(s, s->f.lay.table.h - 2)), "230 M"));
	assert_non_null(strstr(line(s, row_y(s, s->f.lay.table.h - 2)), "1 ended"));
	assert_non_null(strstr(line(s, 1), "RSS  230 M"));
	drop(s);
	mp_model_free(m);
}

/* What stands beside the figures of all is of one, and says of whom. */
static void the_account_names_its_process(void **state)
{
	struct mp_model *m = family();
	struct screen *s = family_list(m);

	(void)state;
	expect(s, 120, 40, "RSS of make (100)");
	expect(s, 120, 40, "its calls and faults");
	tui_key(&s->f, TUI_KEY_END);
	s->view.in_table = true;
	tui_key(&s->f, 'j');
	tui_key(&s->f, 'j');
	expect(s, 120, 40, "RSS of sh (101)");
	expect_not(s, 120, 40, "RSS of make");
	tui_key(&s->f, '\r');
	expect(s, 120, 40, "where RSS goes");
	expect_not(s, 120, 40, "its calls");
	drop(s);
	mp_model_free(m);
}

static void orders(void **state)
{
	struct mp_model *m = family();
	struct screen *s = family_list(m);

	(void)state;
	render(s, 120, 40);
	tui_command(&s->f, "sort RSS");
	render(s, 120, 40);
	assert_non_null(strstr(line(s, row_y(s, 0)), "103 cc "));
	assert_non_null(strstr(line(s, row_y(s, 3)), "102 ld "));
	tui_command(&s->f, "sort pid");
	render(s, 120, 40);
	assert_non_null(strstr(line(s, row_y(s, 1)), "101 sh "));
	tui_command(&s->f, "sort grown");
	render(s, 120, 40);
	assert_non_null(strstr(line(s, row_y(s, 0)), "103 cc "));
	/* make was there before: it has not grown; its children are new */
	assert_non_null(strstr(line(s, row_y(s, 0)), "+200 M"));
	assert_non_null(strstr(line(s, row_y(s, 1)), "+20.0 M"));
	tui_command(&s->f, "filter cc");
	render(s, 120, 40);
	assert_int_equal(s->f.rows.n, 1);
	drop(s);
	mp_model_free(m);
}

/* Strangers: the largest first. */
static void no_tree(void **state)
{
	struct mp_model *m = mp_model_new();
	struct screen *s;

	(void)state;
	target(m, 1, T0, 100, 1, "a");
	rss(m, 1, T0 + MS, 10);
	target(m, 2, T0 + MS, 200, 1, "b");
	rss(m, 2, T0 + 2 * MS, 50);
	tick_at(m, T0 + SEC);
	s = family_list(m);
	render(s, 80, 24);
	assert_non_null(strstr(line(s, row_y(s, 0)), "200 b "));
	assert_non_null(strstr(line(s, row_y(s, 1)), "100 a "));
	drop(s);
	mp_model_free(m);
}

/* Rows keep to their columns and everything to its region, at every size. */
static void every_size(void **state)
{
	static const int heights[] = { 10, 12, 15, 18, 24, 40, 100 };
	struct mp_model *m = family();
	struct screen *s = family_list(m);

	(void)state;
	for (int w = 20; w <= 300; w += w < 130 ? 1 : 13) {
		for (size_t i = 0; i < sizeof(heights) / sizeof(heights[0]); i++) {
			render(s, w, heights[i]);
			assert_true(s->g.cursor_x >= 0 && s->g.cursor_x < w);
			assert_true(s->g.cursor_y >= 0 && s->g.cursor_y < heights[i]);
			if (s->f.lay.tier == TUI_TIER_SMALL)
				continue;
			assert_true(s->f.lay.table.h >= 3);
			assert_true(s->f.lay.table.y + s->f.lay.table.h <= s->f.lay.hints.y);
			assert_true(s->f.lay.numbers.y + s->f.lay.numbers.h <= s->f.lay.table.y);
			assert_true(s->f.lay.plot.y + s->f.lay.plot.h <= s->f.lay.table.y);
			assert_non_null(strstr(line(s, row_y(s, 0)), "make"));
		}
	}
	drop(s);
	mp_model_free(m);
}

/* The curve of a row is that of its RSS: ld was there from 3 to 6 s of 10. */
static void curves(void **state)
{
	struct mp_model *m = family();
	struct screen *s = family_list(m);
	const char *text;
	int full = 0;

	(void)state;
	s->view.fit = true;
	render(s, 120, 40);
	text = line(s, row_y(s, 1));
	for (const char *at = text; (at = strstr(at, "\xe2\x96\x88")) != NULL; at++)
		full++;
	assert_in_range(full, 6, 20);
	drop(s);
	mp_model_free(m);
}

/* When all have ended, the one that held most comes first, and how much it was is told. */
static void after_the_end(void **state)
{
	struct mp_model *m = mp_model_new();
	struct screen *s;

	(void)state;
	for (uint32_t i = 1; i <= 3; i++) {
		target(m, i, T0 + i * MS, 100 + i, 1, "a");
		rss(m, i, T0 + i * MS, i == 2 ? 50 : i);
		end(m, i, T0 + SEC + i, 0);
	}
	s = family_list(m);
	render(s, 80, 24);
	assert_non_null(strstr(line(s, row_y(s, 0)), "102 a "));
	assert_non_null(strstr(line(s, row_y(s, 0)), " - 50.0 M "));
	drop(s);
	mp_model_free(m);
}

/* A pid that was used twice, a parent that is its own child: no loops, no lost rows. */
static void odd_families(void **state)
{
	struct mp_model *m = mp_model_new();
	struct screen *s;

	(void)state;
	target(m, 1, T0, 100, 101, "a");
	target(m, 2, T0 + MS, 101, 100, "b");
	target(m, 3, T0 + 2 * MS, 102, 102, "c");
	target(m, 4, T0 + 3 * MS, 100, 101, "d");
	tick_at(m, T0 + SEC);
	s = family_list(m);
	render(s, 80, 24);
	assert_int_equal(s->f.rows.n, 4);
	for (size_t i = 0; i < 4; i++)
		for (size_t k = 0; k < i; k++)
			assert_int_not_equal(s->f.procs.v[i].rank, s->f.procs.v[k].rank);
	drop(s);
	mp_model_free(m);
}

/* Of so many that a search through all of them for each row would be felt: numbers used
 * twice, rows in the order they were seen, parents found among them. */
static void thousands(void **state)
{
	enum { N = 4000 };
	struct mp_model *m = mp_model_new();
	struct screen *s;

	(void)state;
	target(m, 1, T0, 100, 1, "first");
	fold_(m, ev_task(1, T0, MP_TASK_FORK, 1000, 0));
	for (uint32_t i = 0; i < N; i++) {
		target(m, 2 + i, T0 + SEC + i * US, 1000 + i / 2,
		       i < N / 2 ? 100 : 1000 + (i - N / 2) / 2, "one");
		rss(m, 2 + i, T0 + SEC + i * US, 1);
	}
	tick_at(m, T0 + 3 * SEC);
	s = family_list(m);
	render(s, 80, 24);
	assert_int_equal(s->f.procs.n, m->n_procs);
	assert_true(s->f.procs.tree);
	for (size_t i = 0; i < s->f.procs.n; i++) {
		const struct tui_proc *r = &s->f.procs.v[i];

		assert_ptr_equal(r->p, m->procs[i]);
		assert_int_equal(r->depth, i ? i <= N / 2 ? 1 : 2 : 0);
		/* its parent has forked in sight, or did not: born at 0, or there before */
		assert_int_equal(r->grown, i && i <= N / 2 ? MIB : 0);
	}
	for (int i = 0; i < 20; i++)
		render(s, 80, 24);
	drop(s);
	mp_model_free(m);
}

/* --- to one and back ------------------------------------------------------------------ */

static void press(struct screen *s, int key)
{
	assert_true(tui_key(&s->f, key));
	render(s, 80, 24);
}

static void keys(void **state)
{
	struct mp_model *m = family();
	struct screen *s = family_list(m);

	(void)state;
	render(s, 80, 24);
	press(s, TUI_KEY_DOWN);
	press(s, '\r');
	assert_false(s->view.list);
	expect(s, 80, 24, "ld (102) of 4");
	press(s, 'p');
	expect(s, 80, 24, "sh (101) of 4");
	press(s, 'P');
	press(s, 'P');
	expect(s, 80, 24, "make (100) of 4");
	press(s, 'P');
	expect(s, 80, 24, "cc (103) of 4");
	assert_non_null(strstr(line(s, 1), "RSS  200 M"));
	/* back, on the row of the one that was looked at */
	press(s, TUI_KEY_BACKSPACE);
	assert_true(s->view.list);
	assert_non_null(strstr(line(s, row_y(s, 3)), "\xe2\x96\xb8"));
	tui_command(&s->f, "process 101");
	expect(s, 80, 24, "sh (101) of 4");
	tui_command(&s->f, "process 7");
	assert_string_equal(s->view.wish.say, "no process 7 was seen");
	/* another table is one of a process */
	press(s, TUI_KEY_BACKSPACE);
	press(s, 't');
	assert_false(s->view.list);
	drop(s);
	mp_model_free(m);
}

static void one_process(void **state)
{
	struct mp_model *m = mp_model_new();
	struct screen *s = screen(m);

	(void)state;
	target(m, 1, T0, 100, 1, "alone");
	rss(m, 1, T0 + MS, 10);
	render(s, 80, 24);
	press(s, 'L');
	assert_false(s->view.list);
	expect_not(s, 80, 24, " of 1");
	drop(s);
	mp_model_free(m);
}

/* An exec gives the process another address space: the view stays with it. */
static void over_an_exec(void **state)
{
	struct mp_model *m = family();
	struct screen *s = family_list(m);
	struct mp_event e = ev_task(9, T0 + 11 * SEC, MP_TASK_EXEC, 3, 101);
	uint64_t id;

	(void)state;
	render(s, 80, 24);
	id = tui_proc_id(mp_model_pid(m, 101));
	tui_list_choose(&s->f, mp_model_pid(m, 101));
	fold_(m, e);
	rss(m, 9, T0 + 11 * SEC + MS, 33);
	expect(s, 80, 24, "(101) of 4");
	assert_non_null(strstr(line(s, 1), "RSS 33.0 M"));
	assert_int_equal(tui_proc_id(mp_model_pid(m, 101)), id);
	drop(s);
	mp_model_free(m);
}

/* A moment before its birth, and one so long after its end that the model forgot it. */
static void not_there(void **state)
{
	struct mp_model *m = family(), *then = mp_model_new();
	struct screen *s = screen(m);

	(void)state;
	target(then, 1, T0, 100, 1, "make");
	tui_list_choose(&s->f, mp_model_pid(m, 103));
	s->f.state = then;
	expect(s, 80, 24, "the process was not there yet");
	s->f.now = s->f.state = then;
	expect(s, 80, 24, "make (100)");
	assert_string_equal(s->view.wish.say, "process 103 ended long ago and is no longer kept");
	drop(s);
	mp_model_free(m);
	mp_model_free(then);
}

/* Between the picture and the key the model may have dropped the row's process. */
static void dropped_meanwhile(void **state)
{
	struct mp_model *m = family(), *later = mp_model_new();
	struct screen *s = family_list(m);

	(void)state;
	target(later, 1, T0, 100, 1, "make");
	render(s, 80, 24);
	press(s, TUI_KEY_END);
	press(s, TUI_KEY_DOWN);
	s->f.now = s->f.state = later;
	mp_model_free(m);
	assert_true(tui_key(&s->f, '\r'));
	assert_string_equal(s->view.wish.say, "process 102 is no longer kept");
	expect(s, 80, 24, "1 process ");
	drop(s);
	mp_model_free(later);
}

/* --- the sum --------------------------------------------------------------------------- */

static uint64_t faults_of(const struct mp_timeline *tl)
{
	uint64_t n = 0;

	for (size_t i = 0; i < tl->n; i++)
		n += tl->p[i].faults;
	return n;
}

/*
 * Processes come, grow, and go. At every step the sum that was kept up to date and the one
 * that is made at once say what the processes hold together and how often they faulted.
 */
static void sums(void **state)
{
	struct mp_model *m = mp_model_new();
	struct tui_sum kept = { 0 }, once = { 0 };
	struct rnd r = { 20261121 };
	uint64_t ts = T0, faults = 0;
	uint32_t mms = 1;

	(void)state;
	target(m, 1, ts, 100, 1, "first");
	for (int i = 0; i < 3000; i++) {
		uint32_t mm = 1 + (uint32_t)rnd_below(&r, mms);
		const struct mp_proc *p = mp_model_proc(m, mm);
		int64_t together = 0;

		ts += rnd_below(&r, 30) * MS;
		if (rnd_below(&r, 50) == 0 && mms < 40) {
			mms++;
			target(m, mms, ts, 100 + mms, 100, "child");
		} else if (p && mm > 1 && rnd_below(&r, 60) == 0) {
			end(m, mm, ts, 0);
		} else if (p && !p->exited) {
			rss(m, mm, ts, rnd_below(&r, 100));
			fold_(m, ev_fault(mm, ts, 0x7f0000000000ULL, 3, MP_FAULT_WRITE));
			faults += 3;
		}
		if (rnd_below(&r, 3))
			assert_int_equal(tui_sum_update(&kept, m), 0);
		if (i % 100)
			continue;
		assert_int_equal(tui_sum_update(&kept, m), 0);
		memset(&once, 0, sizeof(once));
		assert_int_equal(tui_sum_update(&once, m), 0);
		assert_int_equal(kept.tl.n, once.tl.n);
		assert_true(kept.tl.n <= TUI_SUM_MAX);
		for (size_t k = 0; k < m->n_procs; k++)
			if (!m->procs[k]->exited && m->procs[k]->rss_known)
				together += (int64_t)mp_proc_rss(m->procs[k]);
		assert_int_equal(kept.tl.p[kept.tl.n - 1].rss, together);
		assert_int_equal(once.tl.p[once.tl.n - 1].rss, together);
		assert_int_equal(faults_of(&once.tl), faults);
		assert_int_equal(faults_of(&kept.tl), faults);
		tui_sum_free(&once);
	}
	tui_sum_free(&kept);
	mp_model_free(m);
}

/* A storm of short children: the model forgets them, the sum does not. */
static void storm(void **state)
{
	struct mp_model *m = mp_model_new();
	struct screen *s;
	uint64_t ts = T0;

	(void)state;
	target(m, 1, ts, 100, 1, "first");
	rss(m, 1, ts + 1, 10);
	s = family_list(m);
	for (uint32_t i = 0; i < 6000; i++) {
		ts += 2 * MS;
		target(m, 2 + i, ts, 1000 + i, 100, "short");
		fold_(m, ev_fault(2 + i, ts + 1, 0x7f0000000000ULL, 1, MP_FAULT_WRITE));
		end(m, 2 + i, ts + MS, 0);
		tick_at(m, ts + MS);
		if (i % 50 == 0)
			render(s, 80, 24);
	}
	expect(s, 80, 24, "6001 processes");
	assert_true(m->n_procs < 5000);
	assert_int_equal(faults_of(&s->f.sum.tl), 6000);
	/* the one that lives keeps its row */
	assert_non_null(strstr(line(s, row_y(s, 0)), "100 first"));
	assert_non_null(strstr(line(s, row_y(s, s->f.lay.table.h - 2)), "6000 ended"));
	drop(s);
	mp_model_free(m);
}

/* --- what is not known ----------------------------------------------------------------- */

/* No figure of RSS and no hook on faults: "-", never 0, in the rows, their sum and the head. */
static void nothing_told(void **state)
{
	struct mp_model *m = mp_model_new();
	struct screen *s;
	const char *row;

	(void)state;
	target(m, 1, T0, 100, 1, "first");
	target(m, 2, T0, 101, 1, "second");
	m->probes[MP_FEAT_FAULTS] = (struct mp_probe){ .known = true, .rung = MP_RUNG_ABSENT };
	tick_at(m, T0 + 3 * SEC);
	s = family_list(m);
	render(s, 90, 24);
	for (size_t i = 0; i < 2; i++) {
		assert_false(s->f.procs.v[i].rss_known || s->f.procs.v[i].grown_known ||
			     s->f.procs.v[i].rate_known);
		assert_null(strpbrk(line(s, row_y(s, (int)i)) + 12, "0123456789"));
	}
	row = line(s, row_y(s, s->f.lay.table.h - 2));
	assert_non_null(strstr(row, "together"));
	assert_null(strpbrk(strstr(row, "together"), "0123456789"));
	assert_null(strpbrk(line(s, 1), "0123456789"));
	assert_int_equal(tui_sum_max(&s->f.sum), MP_UNKNOWN);
	tui_list_choose(&s->f, m->procs[0]);
	render(s, 90, 24);
	assert_null(strpbrk(line(s, 1), "0123456789"));
	tui_list_show(&s->f);
	/* one that is known is the sum; what it had is not "grown" when it has ended */
	rss(m, 2, T0 + 4 * SEC, 100);
	tick_at(m, T0 + 5 * SEC);
	render(s, 90, 24);
	assert_non_null(strstr(line(s, 1), "100 M"));
	end(m, 2, T0 + 6 * SEC, 0);
	tick_at(m, T0 + 7 * SEC);
	render(s, 90, 24);
	assert_true(s->f.procs.v[1].ended && !s->f.procs.v[1].grown_known);
	drop(s);
	mp_model_free(m);
}

/* A number that no pid has is none, whatever its low bits are. */
static void pids_asked_for(void **state)
{
	static const char *const wrong[] = { "process 4294967396", "process -4294967196",
					     "process +100", "process 99999999999999999999999" };
	struct mp_model *m = family();
	struct screen *s = family_list(m);

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		render(s, 80, 24);
		tui_command(&s->f, wrong[i]);
		assert_true(s->view.list);
	}
	drop(s);
	mp_model_free(m);
}

/* --- losses and hooks --------------------------------------------------------------------- */

static void probe(struct mp_model *m, enum mp_feature f, enum mp_rung rung)
{
	m->probes[f] = (struct mp_probe){ .known = true, .rung = (uint8_t)rung };
}

static void all_hooks(struct mp_model *m)
{
	probe(m, MP_FEAT_FAULTS, MP_RUNG_TP_BTF);
	probe(m, MP_FEAT_CALLS, MP_RUNG_FENTRY);
	probe(m, MP_FEAT_TASKS, MP_RUNG_TP_BTF);
	probe(m, MP_FEAT_MAJORS, MP_RUNG_PERF);
	probe(m, MP_FEAT_RSS, MP_RUNG_PROC);
}

static void missing_hooks(void **state)
{
	struct mp_model *m = family();
	struct screen *s = screen(m);

	(void)state;
	all_hooks(m);
	expect_not(s, 80, 24, "hooks!");
	expect_not(s, 80, 24, "absent");
	probe(m, MP_FEAT_CALLS, MP_RUNG_ABSENT);
	expect(s, 80, 24, " hooks: calls absent");
	probe(m, MP_FEAT_FAULTS, MP_RUNG_PERF);
	expect(s, 120, 24, "hooks: faults by perf, calls absent");
	expect(s, 40, 10, " hooks!");
	probe(m, MP_FEAT_FAULTS, MP_RUNG_ABSENT);
	probe(m, MP_FEAT_TASKS, MP_RUNG_ABSENT);
	expect(s, 80, 24, " polling only");
	drop(s);
	mp_model_free(m);
}

/* In sight at every width and in front of every other text; in words where there is room. */
static void losses(void **state)
{
	struct mp_model *m = family();
	struct screen *s = screen(m);

	(void)state;
	all_hooks(m);
	m->lost[MP_LOSS_RING_FULL] = m->lost_total = 1234;
	m->lost[MP_LOSS_BUSY] = 3;
	expect(s, 80, 24, " LOST 1234: ring full");
	s->f.notice = "a text that would take the whole line if it were let to, and more than that";
	for (int w = 40; w <= 300; w++) {
		char *top;

		render(s, w, 24);
		top = line(s, 0);
		if (!strstr(top, "LOST"))
			assert_int_equal(tui_grid_at(&s->g, w - 2, 0)->ch, L'!');
	}
	/* both, however long the name */
	probe(m, MP_FEAT_CALLS, MP_RUNG_ABSENT);
	target(m, 1, T0 + 20 * SEC, 4000000, 1, "fifteen-letters");
	render(s, 40, 10);
	if (!strstr(line(s, 0), "LOST") || !strstr(line(s, 0), " h"))
		fail_msg("%s", line(s, 0));
	drop(s);
	mp_model_free(m);
}

/* Up to the moment looked at, of all. */
static void losses_so_far(void **state)
{
	struct mp_model *m = family(), *then = family();
	struct screen *s = screen(m);

	(void)state;
	all_hooks(m);
	m->lost[MP_LOSS_RING_FULL] = m->lost_total = 1234;
	then->lost[MP_LOSS_RING_FULL] = then->lost_total = 34;
	s->f.state = then;
	expect(s, 120, 24, " LOST 34 of 1234: ring full");
	drop(s);
	mp_model_free(m);
	mp_model_free(then);
}

static void the_page(void **state)
{
	struct mp_model *m = family();
	struct screen *s = screen(m);

	(void)state;
	all_hooks(m);
	probe(m, MP_FEAT_CALLS, MP_RUNG_ABSENT);
	render(s, 80, 24);
	press(s, 'H');
	expect(s, 80, 24, "hooks and losses");
	expect(s, 80, 24, " calls       absent      mmap, munmap, madvise, brk");
	probe(m, MP_FEAT_HEAP_PYTHON, MP_RUNG_USDT);
	expect(s, 80, 24, " heap_python usdt        collections of CPython");
	expect(s, 80, 24, "Nothing was lost");
	m->lost[MP_LOSS_GC_RING] = m->lost_total = 5;
	expect(s, 80, 30, "5  the collector overwrote what was not read yet");
	press(s, 'x');
	expect_not(s, 80, 24, "hooks and losses");
	drop(s);
	mp_model_free(m);
}

/* --- the end -------------------------------------------------------------------------------- */

static void ends(void **state)
{
	struct mp_model *m = mp_model_new();
	struct screen *s = screen(m);

	(void)state;
	target(m, 1, T0, 100, 1, "churn");
	rss(m, 1, T0 + MS, 10);
	end(m, 1, T0 + 75 * SEC + MS, 3 << 8);
	expect(s, 80, 24, " exited 3 at 01:15");
	expect_not(s, 80, 24, "w saves it");
	s->f.unsaved = true;
	expect(s, 80, 24, " exited 3 at 01:15: w saves it, q leaves");
	m->procs[0]->wait_status = 9;
	expect(s, 120, 24, " killed by signal 9 at 01:15: w saves it, q leaves");
	expect(s, 72, 24, " signal 9: w saves it, q leaves");
	expect(s, 60, 24, "signal 9");
	drop(s);
	mp_model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tree),	  cmocka_unit_test(after_the_end),
		cmocka_unit_test(not_there),	  cmocka_unit_test(dropped_meanwhile),
		cmocka_unit_test(orders),	  cmocka_unit_test(the_account_names_its_process),
		cmocka_unit_test(no_tree),	  cmocka_unit_test(every_size),
		cmocka_unit_test(curves),	  cmocka_unit_test(odd_families),
		cmocka_unit_test(keys),		  cmocka_unit_test(one_process),
		cmocka_unit_test(over_an_exec),	  cmocka_unit_test(sums),
		cmocka_unit_test(storm),	  cmocka_unit_test(missing_hooks),
		cmocka_unit_test(losses),	  cmocka_unit_test(losses_so_far),
		cmocka_unit_test(the_page),	  cmocka_unit_test(ends),
		cmocka_unit_test(thousands),	  cmocka_unit_test(nothing_told),
		cmocka_unit_test(pids_asked_for),
	};

	setlocale(LC_ALL, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
