/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_tui_view.c - time, cursor, selection and keys: what the user moves.
 */
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <cmocka.h>

#include "tui/draw.h"
#include "tui/keys.h"

#define SEC	   1000000000ULL
#define START	   (7 * SEC + 3)
#define MAX_POINTS 16384

struct session {
	struct mp_model m;
	struct mp_proc p;
	struct mp_proc *procs[1];
	struct mp_point pts[MAX_POINTS];
	struct mp_mapping maps[40];
	struct tui_view view;
	struct tui_theme theme;
	struct tui_frame f;
};

/* The session is `n` points old. */
static void grow(struct session *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		s->pts[i].ts = START + i * s->p.tl.width;
	s->p.tl.n = n;
	s->m.now = START + n * s->p.tl.width - 1;
}

static struct session *session(size_t n, bool live)
{
	struct session *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->procs[0] = &s->p;
	s->m.procs = s->procs;
	s->m.n_procs = 1;
	s->m.start = START;
	s->p.tl = (struct mp_timeline){ START, MP_TL_WIDTH0, 0, s->pts, MP_TL_MAX };
	for (int i = 0; i < 40; i++) {
		s->maps[i].start = 0x1000000ULL * (uint64_t)(i + 1);
		s->maps[i].end = s->maps[i].start + 0x100000;
		s->maps[i].bits = MP_MAP_R;
		s->maps[i].faults = (uint64_t)(40 - i);
		s->maps[i].next = i < 39 ? &s->maps[i + 1] : NULL;
	}
	s->p.maps = s->maps;
	grow(s, n);
	tui_view_init(&s->view, live);
	tui_theme_init(&s->theme, true, 256);
	s->f.now = s->f.state = &s->m;
	s->f.view = &s->view;
	s->f.theme = &s->theme;
	s->f.live = live;
	return s;
}

static void drop(struct session *s)
{
	tui_frame_free(&s->f);
	free(s);
}

static void frame(struct session *s)
{
	assert_int_equal(tui_frame_begin(&s->f, 80, 24), 0);
}

static void press(struct session *s, int key, int times)
{
	for (int i = 0; i < times; i++) {
		assert_true(tui_key(&s->f, key));
		frame(s);
	}
}

/* Every point is in exactly one column, whatever the zoom and the age. */
static void points_belong_to_one_column(void **state)
{
	static const size_t ages[] = { 1, 2, 50, 71, 72, 73, 500, 3000, 5999, 6001, 16384 };

	(void)state;
	for (size_t a = 0; a < sizeof(ages) / sizeof(ages[0]); a++) {
		for (int zoom = -3; zoom <= 6; zoom++) {
			struct session *s = session(ages[a], false);
			uint64_t faults = 0;

			for (size_t i = 0; i < ages[a]; i++)
				s->pts[i].faults = 1;
			frame(s);
			press(s, zoom > 0 ? '+' : '-', abs(zoom));
			for (int c = 0; c < s->f.win.cols; c++) {
				const struct mp_point *p = tui_frame_col(&s->f, c);
				size_t q = tui_window_point(&s->f.win, c);

				faults += p ? p->faults : 0;
				if (tui_window_point(&s->f.win, c + 1) > q)
					assert_int_equal(tui_window_col(&s->f.win, q),
							 s->f.win.col0 + c);
			}
			if (zoom <= 0)
				assert_int_equal(faults, ages[a]);
			else
				assert_true(faults <= ages[a]);
			drop(s);
		}
	}
}

static void young_session_holds_still(void **state)
{
	struct session *s = session(100, true);
	uint64_t colw;

	(void)state;
	frame(s);
	colw = s->f.win.colw;
	grow(s, 400);
	frame(s);
	assert_int_equal(s->f.win.colw, colw);
	assert_int_equal(s->f.win.col0, 0);
	grow(s, 9000);
	frame(s);
	/* a minute is shown, and it ends now */
	assert_true(s->f.win.colw * (uint64_t)s->f.win.cols >= 60 * SEC);
	assert_int_equal(tui_window_col(&s->f.win, 8999), s->f.win.col0 + s->f.win.cols - 1);
	drop(s);
}

static void pause_keeps_the_picture(void **state)
{
	struct session *s = session(8000, true);
	int64_t col0;

	(void)state;
	frame(s);
	press(s, ' ', 1);
	assert_false(s->view.follow);
	col0 = s->f.win.col0;
	assert_int_equal(s->f.win.cursor, s->f.win.cols - 1);
	grow(s, 12000);
	frame(s);
	assert_int_equal(s->f.win.col0, col0);
	press(s, TUI_KEY_LEFT, 5);
	assert_int_equal(s->f.win.cursor, s->f.win.cols - 6);
	/* going on past the edge scrolls, and meets what came meanwhile */
	press(s, TUI_KEY_RIGHT, 10);
	assert_int_equal(s->f.win.cursor, s->f.win.cols - 1);
	assert_int_equal(s->f.win.col0, col0 + 5);
	press(s, TUI_KEY_END, 1);
	assert_true(s->view.follow);
	assert_int_equal(s->f.win.cursor, -1);
	drop(s);
}

static void cursor_stays_in_the_session(void **state)
{
	struct session *s = session(1234, false);

	(void)state;
	frame(s);
	press(s, TUI_KEY_LEFT, 300);
	assert_int_equal(s->f.win.cursor, 0);
	assert_true(tui_view_moment(&s->view, &s->m) >= START);
	press(s, TUI_KEY_RIGHT, 600);
	assert_true(tui_view_moment(&s->view, &s->m) <= s->m.now);
	assert_ptr_equal(tui_view_point(&s->view, &s->m), &s->pts[1233]);
	press(s, TUI_KEY_HOME, 1);
	assert_int_equal(s->f.win.cursor, 0);
	drop(s);
}

static void stepping_visits_every_event(void **state)
{
	static const size_t at[] = { 40, 41, 700, 2999 };
	struct session *s = session(3000, false);

	(void)state;
	s->pts[40].gc_minor = 1;
	s->pts[41].madvise_pages = 7;
	s->pts[700].note = 1;
	s->pts[2999].munmap_pages = 1;
	frame(s);
	press(s, TUI_KEY_HOME, 1);
	s->view.cursor = START;
	for (size_t i = 0; i < 4; i++) {
		press(s, '.', 1);
		assert_ptr_equal(tui_view_point(&s->view, &s->m), &s->pts[at[i]]);
	}
	press(s, '.', 1);
	assert_ptr_equal(tui_view_point(&s->view, &s->m), &s->pts[2999]);
	press(s, ',', 3);
	assert_ptr_equal(tui_view_point(&s->view, &s->m), &s->pts[40]);
	drop(s);
}

static void zoom_keeps_the_cursor(void **state)
{
	struct session *s = session(6000, false);
	uint64_t moment;

	(void)state;
	frame(s);
	press(s, TUI_KEY_LEFT, 30);
	moment = tui_view_moment(&s->view, &s->m);
	press(s, '+', 3);
	assert_int_equal(tui_view_moment(&s->view, &s->m), moment);
	assert_true(s->f.win.cursor >= 0 && s->f.win.cursor < s->f.win.cols);
	/* never finer than the points are */
	press(s, '+', 30);
	assert_true(s->f.win.colw >= MP_TL_WIDTH0);
	press(s, '-', 30);
	assert_int_equal(tui_view_moment(&s->view, &s->m), moment);
	press(s, '0', 1);
	assert_int_equal(s->f.win.col0, 0);
	assert_int_equal(tui_window_col(&s->f.win, 5999), s->f.win.cols - 1);
	drop(s);
}

/* The timeline doubles its width while the user looks at a moment. */
static void halving_keeps_the_moment(void **state)
{
	struct session *s = session(16000, true);
	uint64_t before;

	(void)state;
	frame(s);
	press(s, TUI_KEY_LEFT, 20);
	before = tui_view_point(&s->view, &s->m)->ts;
	s->p.tl.width *= 2;
	grow(s, 8000);
	frame(s);
	assert_true(tui_view_point(&s->view, &s->m)->ts <= before);
	assert_true(tui_view_point(&s->view, &s->m)->ts + s->p.tl.width > before);
	drop(s);
}

static void rows_sort_and_scroll(void **state)
{
	struct session *s = session(100, true);

	(void)state;
	s->p.n_maps = 40;
	s->maps[17].resident = 200;
	s->maps[3].resident = 100;
	s->maps[30].bits = 0;
	s->maps[30].end = s->maps[30].start + (1ULL << 40);
	frame(s);
	assert_ptr_equal(s->f.rows.m[0], &s->maps[17]);
	assert_ptr_equal(s->f.rows.m[1], &s->maps[3]);
	press(s, 's', 1);
	/* by size, yet address space that is only reserved comes last */
	assert_int_equal(s->view.sort, TUI_SORT_SIZE);
	assert_ptr_equal(s->f.rows.m[39], &s->maps[30]);
	press(s, 's', 1);
	assert_ptr_equal(s->f.rows.m[0], &s->maps[0]);
	press(s, TUI_KEY_DOWN, 15);
	assert_int_equal(tui_rows_selected(&s->f.rows, &s->view), 15);
	assert_true(s->view.top > 0 && s->view.top <= 15);
	assert_true(s->view.top + s->f.shown > 15);
	press(s, 'k', 100);
	assert_int_equal(tui_rows_selected(&s->f.rows, &s->view), 0);
	assert_int_equal(s->view.top, 0);
	press(s, '\t', 1);
	press(s, TUI_KEY_PAGE_DOWN, 50);
	assert_int_equal(tui_rows_selected(&s->f.rows, &s->view), 39);
	assert_true(s->view.follow);
	/* the selection stays on its mapping when the order changes */
	s->view.sel = s->maps[17].start;
	s->view.sort = TUI_SORT_RESIDENT;
	frame(s);
	assert_int_equal(tui_rows_selected(&s->f.rows, &s->view), 0);
	drop(s);
}

static void keys_are_a_sound_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < tui_keys_n; i++) {
		const struct tui_key *a = &tui_keys[i];

		assert_true(a->key[0] && a->act && a->name && a->help);
		/* two columns of help fit into 80 */
		assert_true(strlen(a->name) <= 8 && strlen(a->help) <= 28);
		for (size_t j = 0; j < i; j++)
			for (int k = 0; k < 3; k++)
				for (int n = 0; n < 3; n++)
					assert_true(!a->key[k] || a->key[k] != tui_keys[j].key[n]);
	}
}

static void help_and_quit(void **state)
{
	struct session *s = session(100, true);

	(void)state;
	frame(s);
	press(s, '?', 1);
	assert_true(s->view.help);
	press(s, 'w', 1);
	assert_false(s->view.help);
	assert_false(s->view.save);
	press(s, 'w', 1);
	assert_true(s->view.save);
	assert_false(tui_key(&s->f, 'X'));
	assert_false(tui_key(&s->f, TUI_KEY_NONE));
	press(s, '?', 1);
	press(s, 'Q', 1);
	assert_true(s->view.quit && s->view.keep_last);
	drop(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(points_belong_to_one_column),
		cmocka_unit_test(young_session_holds_still),
		cmocka_unit_test(pause_keeps_the_picture),
		cmocka_unit_test(cursor_stays_in_the_session),
		cmocka_unit_test(stepping_visits_every_event),
		cmocka_unit_test(zoom_keeps_the_cursor),
		cmocka_unit_test(halving_keeps_the_moment),
		cmocka_unit_test(rows_sort_and_scroll),
		cmocka_unit_test(keys_are_a_sound_table),
		cmocka_unit_test(help_and_quit),
	};

	setlocale(LC_ALL, "C.UTF-8");
	return cmocka_run_group_tests_name("tui_view", tests, NULL, NULL);
}
