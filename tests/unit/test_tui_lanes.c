/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_tui_lanes.c - the lanes show what happened: the rarest of a column, counts where
 * marks cannot stand for all, every kind with its meaning in the legend, and time of
 * which nothing is known as neither picture nor 0.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tui/draw.h"

#define MIB    (1024LL * 1024)
#define SEC    1000000000ULL
#define COLS   72 /* of the plot at 80 cells */
#define POINTS (COLS * 100)

struct fixture {
	struct mp_model m;
	struct mp_proc p;
	struct mp_proc *procs[1];
	struct mp_point pts[POINTS];
	struct tui_view view;
	struct tui_theme theme;
	struct tui_frame f;
	struct tui_grid g;
};

/* Of 72 s, a column a second; nothing happens. */
static struct fixture *fixture(bool utf8)
{
	struct fixture *x = calloc(1, sizeof(*x));

	assert_non_null(x);
	for (int i = 0; i < POINTS; i++) {
		struct mp_point *p = &x->pts[i];

		p->ts = 5 * SEC + (uint64_t)i * MP_TL_WIDTH0;
		p->rss = p->rss_min = p->rss_max = p->other = 100 * MIB;
		p->used = p->committed = p->external = MP_UNKNOWN;
		p->limit = p->charged = p->cg_limit = MP_UNKNOWN;
	}
	x->procs[0] = &x->p;
	x->m.procs = x->procs;
	x->m.n_procs = 1;
	x->m.start = 5 * SEC;
	x->m.now = 5 * SEC + POINTS * MP_TL_WIDTH0;
	x->p.tgid = 7;
	x->p.tl = (struct mp_timeline){ 5 * SEC, MP_TL_WIDTH0, POINTS, x->pts, POINTS };
	tui_view_init(&x->view, false);
	x->view.fit = true;
	tui_theme_init(&x->theme, utf8, 256);
	x->f.now = x->f.state = &x->m;
	x->f.view = &x->view;
	x->f.theme = &x->theme;
	return x;
}

static void drop(struct fixture *x)
{
	tui_frame_free(&x->f);
	tui_grid_free(&x->g);
	free(x);
}

static void render(struct fixture *x, int w, int h)
{
	assert_int_equal(tui_frame_begin(&x->f, w, h), 0);
	assert_int_equal(tui_grid_resize(&x->g, w, h), 0);
	tui_draw(&x->g, &x->f);
}

/* The first point of a column when all is on a screen of 80 columns. */
static struct mp_point *column(struct fixture *x, int col)
{
	return &x->pts[col * 100 + 50];
}

/* A row of lanes, or behind them of the legend, as text. */
static const char *row(struct fixture *x, int i)
{
	static char text[512];
	const struct tui_layout *l = &x->f.lay;
	int y = i < 0 ? l->counts.y : l->lanes.y + i;

	for (int c = 0; c < l->plot.w; c++) {
		wchar_t ch = tui_grid_at(&x->g, l->plot.x + c, y)->ch;

		text[c] = ch == 0 ? ' ' : ch < 0x7f ? (char)ch : '#';
	}
	text[l->plot.w] = '\0';
	return text;
}

static void begins(const char *text, int at, const char *want)
{
	if (strncmp(text + at, want, strlen(want)))
		fail_msg("at %d no \"%s\" in\n%s", at, want, text);
}

static void has(const char *text, const char *want)
{
	if (!strstr(text, want))
		fail_msg("no \"%s\" in\n%s", want, text);
}

static void one_column_each(void **state)
{
	struct fixture *x = fixture(false);

	(void)state;
	render(x, 80, 24);
	assert_int_equal(x->f.win.cols, COLS);
	assert_int_equal(x->f.win.colw, SEC);
	begins(row(x, -1), 0, "nothing happened");
	column(x, 4)->gc_minor = 1;
	column(x, 8)->gc_major = 1;
	column(x, 12)->madvise = 1;
	column(x, 16)->madvise = column(x, 16)->madv_free = 1;
	column(x, 20)->madvise = column(x, 20)->madv_other = 1;
	column(x, 24)->mmap = 1;
	column(x, 28)->munmap = 1;
	column(x, 32)->majors = 1;
	column(x, 36)->forks = 1;
	x->f.cache.n = 0; /* the past has changed */
	render(x, 80, 24);
	begins(row(x, 0), 0, "    m   M   v   f   a   +   -   D   Y ");
	has(row(x, -1), "M 1 major");
	has(row(x, -1), "Y 1 fork");
	has(row(x, -1), "D 1 majflt");
	drop(x);
}

/* A thousand minor collections around one major one. */
static void the_rarest_is_seen(void **state)
{
	struct fixture *x = fixture(false);

	(void)state;
	for (int c = 10; c < 40; c++)
		column(x, c)->gc_minor = 100;
	column(x, 25)->gc_major = 1;
	column(x, 30)->gc_minor = 1;
	column(x, 30)->mmap = 5000;
	render(x, 80, 24);
	begins(row(x, 0), 9, " m1k");
	assert_int_equal(row(x, 0)[25], 'M');
	begins(row(x, 0), 26, "m1k..........."); /* 1301: mmap is more common */
	has(row(x, -1), "m 2901 minor");
	has(row(x, -1), "+ 5000 mmap");
	drop(x);
}

/* Numbers stand where nothing else does, and never for other events. */
static void counts_take_no_room_of_others(void **state)
{
	struct fixture *x = fixture(false);

	(void)state;
	column(x, 5)->gc_major = 3;
	column(x, 10)->gc_major = 12;
	column(x, 11)->madvise = 1;
	column(x, 20)->madvise = column(x, 21)->madvise = column(x, 22)->madvise = 1;
	column(x, 71)->madvise = 500;
	render(x, 80, 24);
	begins(row(x, 0), 4, " M3 ");
	begins(row(x, 0), 9, " Mv ");
	begins(row(x, 0), 19, " vvv ");
	assert_int_equal(row(x, 0)[71], 'v');
	drop(x);
}

static void limits_are_events(void **state)
{
	struct fixture *x = fixture(false);

	(void)state;
	for (int i = 0; i < POINTS; i++) {
		x->pts[i].used = i < 2000 || i >= 3000 ? 100 * MIB : 199 * MIB;
		x->pts[i].limit = i < 4000 ? 200 * MIB : 400 * MIB;
		x->pts[i].charged = i < 5000 ? 10 * MIB : 64 * MIB;
		x->pts[i].cg_limit = i < 100 ? MP_UNKNOWN : 64 * MIB;
	}
	render(x, 80, 24);
	begins(row(x, 0), 0, "                    L                   L         L ");
	has(row(x, -1), "L 3 limit");
	drop(x);
}

/* Of unreadable time there is neither a picture nor a 0. */
static void unknown_is_not_nothing(void **state)
{
	struct fixture *x = fixture(false);
	struct tui_rect r;

	(void)state;
	for (int i = 3000; i < 4000; i++) {
		x->pts[i] = (struct mp_point){ .ts = x->pts[i].ts,
					       .rss_min = INT64_MAX,
					       .bits = MP_PT_GAP,
					       .owed = MP_UNKNOWN };
		x->pts[i].used = x->pts[i].committed = x->pts[i].external = MP_UNKNOWN;
		x->pts[i].limit = x->pts[i].charged = x->pts[i].cg_limit = MP_UNKNOWN;
	}
	x->pts[3550].gc_major = 1; /* what was read of it is shown */
	render(x, 80, 24);
	begins(row(x, 0), 29, " ?????M???? ");
	has(row(x, -1), "? unreadable");
	r = x->f.lay.plot;
	for (int c = 0; c < r.w; c++) {
		wchar_t ch = tui_grid_at(&x->g, r.x + c, r.y + r.h - 1)->ch;

		assert_int_equal(ch == ' ' || ch == 0, c >= 30 && c < 40);
	}
	drop(x);
}

static void legend_says_what_it_amounted_to(void **state)
{
	struct fixture *x = fixture(false);

	(void)state;
	column(x, 5)->gc_major = 2;
	column(x, 5)->gc_minor = 1;
	column(x, 5)->gc_pause = 50000000;
	column(x, 5)->gc_pause_major = 43000000;
	column(x, 9)->madvise = 3;
	column(x, 9)->madvise_pages = 256;
	column(x, 9)->madv_free = 1;
	column(x, 9)->lazy_pages = 512;
	column(x, 9)->faults = 4000;
	render(x, 200, 60);
	has(row(x, -1), "M 2 major 43 ms");
	has(row(x, -1), "m 1 minor 7.0 ms");
	has(row(x, -1), "v 2 dontneed -1.00 M");
	has(row(x, -1), "f 1 free ~2.00 M");
	has(row(x, -1), "4k faults, max ");
	/* of an older file's summaries advice is not told apart */
	column(x, 9)->bits = MP_PT_OLD;
	column(x, 9)->madv_free = 0;
	x->f.cache.n = 0;
	render(x, 200, 60);
	has(row(x, -1), "v 3 madvise");
	has(row(x, -1), "M 2 major  ");
	/* pauses of other kinds are counted with those of the major ones */
	column(x, 9)->bits = 0;
	column(x, 5)->gc_other = 3;
	x->f.cache.n = 0;
	render(x, 200, 60);
	has(row(x, -1), "M 2 major  o 3 other  m 1 minor 7.0 ms");
	column(x, 5)->gc_major = 0;
	x->f.cache.n = 0;
	render(x, 200, 60);
	has(row(x, -1), "o 3 other 43 ms");
	drop(x);
}

/* An item is there as a whole or not at all. */
static void legend_is_never_cut(void **state)
{
	static const char *const words[] = { "major", "minor",	"dontneed", "free",   "munmap",
					     "mmap",  "advice", "faults",   "majflt", "fork" };

	(void)state;
	for (int w = 60; w <= 200; w++) {
		struct fixture *x = fixture(false);
		struct mp_point *p;
		char *item, *save = NULL, text[512];
		int n = 0;

		p = column(x, 4);
		p->gc_minor = 1234;
		p->gc_major = 77;
		p->gc_pause = 50000000;
		p->gc_pause_major = 43000000;
		p->madvise = 700;
		p->madv_free = 100;
		p->madv_other = 50;
		p->madvise_pages = 123456;
		p->lazy_pages = 3456;
		p->mmap = 51;
		p->munmap = 471;
		p->munmap_pages = p->mmap_bytes = 9999999;
		p->faults = p->majors = 4444;
		p->forks = 3;
		render(x, w, 24);
		snprintf(text, sizeof(text), "%s", row(x, -1));
		for (item = text; (item = strstr(item, "  ")); item++)
			item[1] = '\n';
		for (item = strtok_r(text, "\n", &save); item; item = strtok_r(NULL, "\n", &save)) {
			bool whole = strspn(item, " ") == strlen(item);

			for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
				char *at = strstr(item, words[i]);
				char after = at ? at[strlen(words[i])] : 'x';

				whole |= after == '\0' || after == ' ' || after == ',';
			}
			if (!whole)
				fail_msg("at %d cells \"%s\"", w, item);
			n++;
		}
		assert_true(n > 2);
		drop(x);
	}
}

/* Every kind is in some row, and no row is without a name. */
static void rows_by_height(void **state)
{
	static const char marks[] = "mMvfa+-DYL";

	(void)state;
	for (int h = 20; h <= 100; h += 4) {
		struct fixture *x = fixture(false);
		char all[TUI_LANES_MAX * COLS + 1] = "";

		column(x, 4)->gc_minor = column(x, 8)->gc_major = 1;
		column(x, 12)->madvise = 1;
		column(x, 16)->madvise = column(x, 16)->madv_free = 1;
		column(x, 20)->madvise = column(x, 20)->madv_other = 1;
		column(x, 24)->mmap = column(x, 28)->munmap = 1;
		column(x, 32)->majors = column(x, 36)->forks = 1;
		for (int i = 0; i < POINTS; i++)
			x->pts[i].limit = i < 4000 ? 10 : 20;
		render(x, 80, h);
		assert_true(x->f.lay.lanes.h >= 1 && x->f.lay.lanes.h <= TUI_LANES_MAX);
		for (int i = 0; i < x->f.lay.lanes.h; i++) {
			strcat(all, row(x, i));
			assert_int_not_equal(
				tui_grid_at(&x->g, x->f.lay.gutter.w - 2, x->f.lay.lanes.y + i)->ch,
				' ');
		}
		for (const char *c = marks; *c; c++)
			assert_non_null(strchr(all, *c));
		drop(x);
	}
}

/* Every glyph set tells the marks apart. */
static void marks_differ(void **state)
{
	(void)state;
	for (int utf8 = 0; utf8 < 2; utf8++) {
		struct tui_theme t;

		tui_theme_init(&t, utf8, 256);
		for (int a = 0; a < TUI_M_MAX; a++) {
			assert_true(t.g->mark[a] > L' ' && t.g->mark[a] != t.g->more);
			for (int b = 0; b < a; b++)
				assert_int_not_equal(t.g->mark[a], t.g->mark[b]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_column_each),
		cmocka_unit_test(the_rarest_is_seen),
		cmocka_unit_test(counts_take_no_room_of_others),
		cmocka_unit_test(limits_are_events),
		cmocka_unit_test(unknown_is_not_nothing),
		cmocka_unit_test(legend_says_what_it_amounted_to),
		cmocka_unit_test(legend_is_never_cut),
		cmocka_unit_test(rows_by_height),
		cmocka_unit_test(marks_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
