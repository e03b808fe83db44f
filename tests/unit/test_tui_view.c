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

/* A source of a finer timeline: a point of 10 ms has its number as RSS, and one fault. */
struct finer {
	struct mp_timeline tl;
	struct mp_point p[6000];
	uint64_t t0, t1, width;
	unsigned asked;
};

static const struct mp_timeline *finer_window(void *ctx, uint32_t mm, uint64_t t0, uint64_t t1,
					      uint64_t width)
{
	struct finer *f = ctx;

	assert_int_equal(mm, 0);
	f->t0 = t0;
	f->t1 = t1;
	f->width = width;
	f->asked++;
	return &f->tl;
}

/* An overview's points of 1 s, looked at closer than that. */
static void finer_than_the_timeline(void **state)
{
	struct session *s = session(3000, false);
	struct finer *f = calloc(1, sizeof(*f));
	struct tui_source src = { .ctx = f, .window = finer_window };
	uint64_t moment, faults = 0;

	(void)state;
	s->p.tl.width = 1000000000;
	for (size_t i = 0; i < 3000; i++) {
		s->pts[i].ts = START + i * 1000000000;
		s->pts[i].rss = s->pts[i].rss_max = -1;
	}
	s->m.now = START + 3000ULL * 1000000000 - 1;
	f->tl = (struct mp_timeline){ START + 1500ULL * 1000000000 + 3000, 10000000, 6000, f->p,
				      0 };
	for (size_t i = 0; i < 6000; i++)
		f->p[i] = (struct mp_point){ .ts = f->tl.start + i * f->tl.width,
					     .rss = (int64_t)i,
					     .faults = 1 };
	s->f.src = &src;
	s->view.fine = true;
	s->view.follow = false;
	s->view.cursor = START + 1530ULL * 1000000000;
	frame(s);
	press(s, '+', 4);
	assert_int_equal(f->asked, 0); /* a column holds whole points */
	press(s, '+', 20);
	assert_true(f->asked > 0);
	assert_int_equal(s->f.win.colw, MP_TL_WIDTH0);
	assert_int_equal(f->width, s->f.win.colw);
	assert_true(f->t0 <= s->view.cursor && s->view.cursor < f->t1);
	for (int c = 0; c < s->f.win.cols; c++) {
		const struct mp_point *p = tui_frame_col(&s->f, c);
		uint64_t t0 = START + (uint64_t)(s->f.win.col0 + c) * s->f.win.colw;

		assert_non_null(p);
		assert_true(p->ts >= t0 && p->ts < t0 + s->f.win.colw);
		faults += p->faults;
	}
	assert_int_equal(faults, s->f.win.cols);
	moment = tui_view_moment(&s->view, &s->m);
	press(s, TUI_KEY_RIGHT, 3); /* by columns, not by points */
	assert_int_equal(tui_view_moment(&s->view, &s->m), moment + 3 * s->f.win.colw);
	press(s, TUI_KEY_LEFT, 5);
	assert_int_equal(tui_view_moment(&s->view, &s->m), moment - 2 * s->f.win.colw);
	assert_ptr_equal(tui_frame_point(&s->f), tui_frame_col(&s->f, s->f.win.cursor));
	press(s, TUI_KEY_HOME, 1); /* what the finer one does not cover, the other shows */
	assert_int_equal(tui_frame_col(&s->f, 0)->rss, -1);
	press(s, '-', 20);
	frame(s);
	assert_null(s->f.win.fine);
	drop(s);
	free(f);
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

static const char *sorted_by(const struct session *s)
{
	return tui_pane_maps.cols[s->view.ps[TUI_P_MAPS].sort].head;
}

static void rows_sort_and_scroll(void **state)
{
	struct session *s = session(100, true);
	struct tui_pane_state *ps = &s->view.ps[TUI_P_MAPS];

	(void)state;
	s->p.n_maps = 40;
	s->maps[17].resident = 200;
	s->maps[3].resident = 100;
	s->maps[30].bits = 0;
	s->maps[30].end = s->maps[30].start + (1ULL << 40);
	frame(s);
	assert_ptr_equal(s->f.rows.v[0].p, &s->maps[17]);
	assert_ptr_equal(s->f.rows.v[1].p, &s->maps[3]);
	press(s, 's', 1);
	assert_string_equal(sorted_by(s), "faulted");
	press(s, 's', 1);
	assert_string_equal(sorted_by(s), "released");
	press(s, 's', 5);
	assert_string_equal(sorted_by(s), "start");
	assert_ptr_equal(s->f.rows.v[0].p, &s->maps[0]);
	press(s, 'S', 1);
	assert_ptr_equal(s->f.rows.v[0].p, &s->maps[39]);
	press(s, 's', 1);
	/* by size, yet address space that is only reserved comes last */
	assert_string_equal(sorted_by(s), "size");
	assert_ptr_equal(tui_pane_row(&s->f, 39)->p, &s->maps[30]);
	press(s, TUI_KEY_DOWN, 15);
	assert_ptr_equal(tui_pane_selected(&s->f), &s->f.rows.v[15]);
	assert_true(ps->top > 0 && ps->top <= 15);
	assert_true(ps->top + s->f.shown > 15);
	press(s, 'k', 100);
	assert_ptr_equal(tui_pane_selected(&s->f), &s->f.rows.v[0]);
	assert_int_equal(ps->top, 0);
	press(s, '\t', 1);
	press(s, TUI_KEY_PAGE_DOWN, 50);
	assert_ptr_equal(tui_pane_selected(&s->f), &s->f.rows.v[39]);
	assert_true(s->view.follow);
	/* the selection stays on its mapping when the order changes */
	ps->sel = s->maps[17].start;
	ps->sort = -1;
	frame(s);
	assert_ptr_equal(tui_pane_selected(&s->f)->p, &s->maps[17]);
	assert_ptr_equal(tui_pane_selected(&s->f), &s->f.rows.v[0]);
	/* rows that do not match are not there */
	snprintf(ps->filter, sizeof(ps->filter), "SET aside");
	frame(s);
	assert_int_equal(s->f.rows.n, 1);
	assert_int_equal(s->f.rows.all, 40);
	assert_ptr_equal(tui_pane_selected(&s->f)->p, &s->maps[30]);
	drop(s);
}

static void keys_are_a_sound_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < tui_keys_n; i++) {
		const struct tui_key *a = &tui_keys[i];

		assert_non_null(a->help);
		if (!a->act) { /* a heading: keys follow */
			assert_true(!a->key[0] && !a->name && !a->hint);
			assert_true(i + 1 < tui_keys_n && tui_keys[i + 1].act);
			continue;
		}
		assert_true(a->key[0] && a->name);
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
	assert_false(s->view.wish.save);
	press(s, 'w', 1);
	assert_true(s->view.wish.save);
	assert_false(tui_key(&s->f, 'Z'));
	assert_false(tui_key(&s->f, TUI_KEY_NONE));
	press(s, '?', 1);
	press(s, 'Q', 1);
	assert_false(s->view.help || s->view.wish.quit);
	press(s, 'Q', 1);
	assert_true(s->view.wish.quit && s->view.wish.keep_last);
	drop(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finer_than_the_timeline),
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
