/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_tui_picture.c - what is owed and how it came back: arrows that begin and end at
 * the right columns, a curve as high as its figures, limits, and extremes that no zoom
 * loses.
 */
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <cmocka.h>

#include "tui/keys.h"
#include "tui/plot.h"
#include "user/util/util.h"

#define MIB    (1024LL * 1024)
#define SEC    1000000000ULL
#define START  (5 * SEC)
#define POINTS 3000 /* of 10 ms: half a minute */
#define GCS    400

#define COLLECTED 0x25c6
#define SHAFT	  0x2500
#define HEAD	  0x25ba
#define WAIT	  0x2508
#define ARRIVED	  0x2193
#define LIMIT	  0x254c

struct fixture {
	struct mp_model m;
	struct mp_proc p;
	struct mp_proc *procs[1];
	struct mp_point pts[POINTS];
	struct mp_gc gcs[GCS];
	char *strs[2];
	struct tui_view view;
	struct tui_theme theme;
	struct tui_frame f;
	struct tui_grid g;
};

/* 100 MiB of heap in use the whole time, 20 MiB of a file below it. */
static struct fixture *fixture(bool utf8, int depth)
{
	struct fixture *x = calloc(1, sizeof(*x));

	assert_non_null(x);
	for (int i = 0; i < POINTS; i++) {
		struct mp_point *pt = &x->pts[i];

		pt->ts = START + (uint64_t)i * MP_TL_WIDTH0;
		pt->file = 20 * MIB;
		pt->live = 100 * MIB;
		pt->rss = pt->rss_min = pt->rss_max = 120 * MIB;
		pt->used = (uint64_t)(100 * MIB);
		pt->committed = (uint64_t)(100 * MIB);
		pt->external = MP_UNKNOWN;
	}
	x->strs[1] = "target";
	x->m.strs = x->strs;
	x->m.n_strs = 2;
	x->procs[0] = &x->p;
	x->m.procs = x->procs;
	x->m.n_procs = 1;
	x->m.start = START;
	x->m.now = START + 30 * SEC;
	x->p.tgid = 7;
	x->p.comm = 1;
	x->p.gcs = x->gcs;
	x->p.tl = (struct mp_timeline){ START, MP_TL_WIDTH0, POINTS, x->pts, POINTS };
	tui_view_init(&x->view, false);
	tui_theme_init(&x->theme, utf8, depth);
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

/* A collection at `at` s that freed MiB which came back `lag` s later; below 0: not yet. */
static struct mp_gc *collect(struct fixture *x, double at, int64_t mib, double lag)
{
	struct mp_gc *g = &x->gcs[x->p.n_gcs++];

	assert_true(x->p.n_gcs <= GCS);
	g->ts = g->start = START + (uint64_t)(at * 1e9);
	g->kind = MP_GC_MAJOR;
	g->freed = (uint64_t)(mib * MIB);
	if (lag >= 0) {
		g->returned = g->rss_fell = g->freed;
		g->returned_ts = g->ts + (uint64_t)(lag * 1e9);
	}
	return g;
}

/* The points of [from, to) s: so much more is resident, free and owed. */
static void owe(struct fixture *x, double from, double to, int64_t mib)
{
	for (int i = (int)(from * 100); i < (int)(to * 100); i++) {
		struct mp_point *pt = &x->pts[i];

		pt->free_res += mib * MIB;
		pt->owed += (uint64_t)(mib * MIB);
		pt->rss += mib * MIB;
		pt->rss_min = pt->rss_max = pt->rss;
	}
}

static void render(struct fixture *x, int w, int h)
{
	assert_int_equal(tui_frame_begin(&x->f, w, h), 0);
	assert_int_equal(tui_grid_resize(&x->g, w, h), 0);
	tui_draw(&x->g, &x->f);
}

static char *text_of(struct fixture *x, int w, int h)
{
	char *text;

	render(x, w, h);
	text = tui_grid_dump(&x->g);
	assert_non_null(text);
	return text;
}

static void expect(struct fixture *x, int w, int h, const char *what, bool there)
{
	char *text = text_of(x, w, h);

	if (!strstr(text, what) == there) {
		print_error("%s", text);
		fail_msg("%s\"%s\"", there ? "no " : "", what);
	}
	free(text);
}

/* The column of the plot that has the moment. */
static int column_of(struct fixture *x, double s)
{
	return (int)(tui_window_col(&x->f.win, (size_t)(s * 100)) - x->f.win.col0);
}

static wchar_t strip_at(struct fixture *x, int col, int row)
{
	return tui_grid_at(&x->g, x->f.lay.plot.x + col, x->f.lay.owed.y + row)->ch;
}

static wchar_t plot_at(struct fixture *x, int col, int row)
{
	return tui_grid_at(&x->g, x->f.lay.plot.x + col, x->f.lay.plot.y + row)->ch;
}

/* --- arrows ------------------------------------------------------------------------ */

static void no_collection_no_strip(void **state)
{
	struct fixture *x = fixture(true, 256);

	(void)state;
	render(x, 80, 24);
	assert_int_equal(x->f.lay.owed.h, 0);
	collect(x, 10, 600, 5);
	render(x, 80, 24);
	assert_int_equal(x->f.lay.owed.h, 2);
	x->p.heaps[MP_SRC_PYTHON].present = true; /* a collector that tells no sizes */
	for (unsigned i = 1; i < MP_SRC_MAX; i++)
		x->p.heaps[i].used = MP_UNKNOWN;
	render(x, 80, 24);
	assert_int_equal(x->f.lay.owed.h, 0);
	drop(x);
}

/* At every size: from the collection's column to the column where RSS fell. */
static void arrow_leads_from_collection_to_fall(void **state)
{
	struct fixture *x = fixture(true, 256);

	(void)state;
	collect(x, 10, 600, 5);
	owe(x, 10, 15, 600);
	x->pts[1500].madvise_pages = 600 * 256;
	for (int w = 60; w <= 300; w += 3) {
		for (int h = 20; h <= 100; h += 4) {
			int a, b;

			render(x, w, h);
			a = column_of(x, 10);
			b = column_of(x, 15);
			assert_true(x->f.lay.owed.h >= 2);
			assert_int_equal(strip_at(x, a, 0), COLLECTED);
			assert_int_equal(strip_at(x, b, 0), HEAD);
			assert_int_equal(strip_at(x, a + 1, 0), SHAFT);
			assert_int_equal(strip_at(x, b - 1, 0), SHAFT);
			/* the fall: down from where RSS was, not into what is left */
			assert_int_not_equal(plot_at(x, b, x->f.lay.plot.h - 1), 0x25bc);
			assert_int_not_equal(plot_at(x, b, x->f.lay.plot.h - 1), 0x2502);
		}
	}
	expect(x, 80, 24, "-600 M after 5.0 s", true);
	expect(x, 120, 40, "-600 M after 5.0 s", true);
	drop(x);
}

static void fall_is_an_arrow_in_the_picture(void **state)
{
	struct fixture *x = fixture(true, 256);
	int b, top = 0;

	(void)state;
	collect(x, 10, 600, 5);
	owe(x, 10, 15, 600);
	render(x, 100, 40);
	b = column_of(x, 15);
	while (plot_at(x, b, top) != 0x25bc)
		assert_true(++top < x->f.lay.plot.h);
	/* its head stands on what is left: 120 of 720 MiB */
	assert_true(top > x->f.lay.plot.h / 2);
	assert_int_equal(plot_at(x, b, top - 1), 0x2502);
	assert_int_equal(plot_at(x, b, top - 2), 0x2502);
	assert_int_not_equal(plot_at(x, b + 1, top - 1), 0x2502);
	drop(x);
}

static void arrows_beyond_the_window(void **state)
{
	struct fixture *x = fixture(true, 256);
	int last;

	(void)state;
	collect(x, 10, 600, 5);
	x->view.follow = false;
	x->view.colw = 50000000;
	x->view.cursor = START + 12 * SEC;
	x->view.col0 = 12 * 20 - 5; /* from 11.75 s, 72 columns of 50 ms: to 15.35 s */
	render(x, 80, 24);
	assert_int_equal(strip_at(x, 0, 0), SHAFT);
	assert_int_equal(strip_at(x, column_of(x, 15), 0), HEAD);
	x->view.cursor = START + 10 * SEC;
	x->view.col0 = 10 * 20 - 5;
	render(x, 80, 24);
	last = x->f.lay.plot.w - 1;
	assert_int_equal(strip_at(x, 5, 0), COLLECTED);
	assert_int_equal(strip_at(x, last, 0), SHAFT);
	x->view.cursor = START + 20 * SEC;
	x->view.col0 = 20 * 20 - 5;
	expect(x, 80, 24, "after 5.0 s", false);
	drop(x);
}

static void late_tail_is_told(void **state)
{
	struct fixture *x = fixture(true, 256);

	(void)state;
	collect(x, 10, 600, 10);
	x->pts[1050].madvise_pages = 580 * 256; /* half a second later */
	x->pts[2000].madvise_pages = 20 * 256;
	render(x, 120, 40);
	assert_int_equal(strip_at(x, column_of(x, 10.5), 0), HEAD);
	assert_int_equal(strip_at(x, column_of(x, 10.5) + 1, 0), WAIT);
	assert_int_equal(strip_at(x, column_of(x, 20) - 1, 0), WAIT);
	expect(x, 120, 40, " -600 M ", true);
	expect(x, 200, 40, " -600 M, most after ", true);
	expect(x, 200, 40, " ms, all after 10.0 s ", true);
	drop(x);
}

static void at_once(void **state)
{
	struct fixture *x = fixture(true, 256);

	(void)state;
	collect(x, 10, 600, 0);
	expect(x, 80, 24, "-600 M at once", true);
	render(x, 80, 24);
	assert_int_equal(strip_at(x, column_of(x, 10), 0), ARRIVED);
	drop(x);
}

static void what_is_owed_still_waits(void **state)
{
	struct fixture *x = fixture(true, 256);

	(void)state;
	collect(x, 20, 600, -1);
	owe(x, 20, 30, 600);
	x->p.owed = (uint64_t)(600 * MIB);
	x->p.gc_unpaid = 0;
	expect(x, 80, 24, "600 M owed for 10.0 s", true);
	render(x, 80, 24);
	assert_int_equal(strip_at(x, column_of(x, 20), 0), COLLECTED);
	assert_int_equal(strip_at(x, column_of(x, 20) + 1, 0), WAIT);
	assert_int_equal(strip_at(x, x->f.lay.plot.w - 1, 0), WAIT);
	drop(x);
}

/* A frozen screen tells the debt of the moment looked at, whatever comes meanwhile. */
static void debts_of_a_frozen_screen_stay(void **state)
{
	struct fixture *x = fixture(true, 256);
	struct mp_model then;
	struct mp_proc proc, *procs[1] = { &proc };
	struct mp_gc gcs[1];

	(void)state;
	collect(x, 20, 600, -1);
	owe(x, 20, 30, 600);
	x->p.owed = (uint64_t)(600 * MIB);
	x->p.gc_unpaid = 0;
	proc = x->p;
	gcs[0] = x->p.gcs[0];
	proc.gcs = gcs;
	then = x->m;
	then.procs = procs;
	then.now = 5 * SEC + 28 * SEC;
	x->f.live = true;
	x->view.follow = false;
	x->view.cursor = then.now;
	x->f.state = &then;
	expect(x, 80, 24, "600 M owed for 8.0 s", true);
	x->m.now += 60 * SEC;
	x->p.owed = (uint64_t)(300 * MIB);
	expect(x, 80, 24, "600 M owed for 8.0 s", true);
	/* paid, but after all that is on screen */
	x->p.owed = 0;
	x->p.gc_unpaid = 1;
	x->p.gcs[0].rss_fell = (uint64_t)(600 * MIB);
	x->p.gcs[0].returned_ts = x->m.now;
	expect(x, 80, 24, "600 M owed for 8.0 s", true);
	expect(x, 80, 24, "-600 M after", false);
	drop(x);
}

/* A row of the strip as text. */
static void row_text(struct fixture *x, int row, wchar_t line[512])
{
	int w = x->f.lay.plot.w;

	for (int i = 0; i < w; i++)
		line[i] = strip_at(x, i, row);
	line[w] = 0;
}

/* A return's figure is written in one of the rows, and its end is marked in that row. */
static bool labelled(struct fixture *x, const struct tui_return *r, int rows)
{
	wchar_t line[512], what[32];
	char num[16];

	swprintf(what, 32, L" -%s", mp_bytes(num, sizeof(num), (int64_t)r->bytes));
	for (int row = 0; row < rows; row++) {
		const wchar_t *s = line;

		row_text(x, row, line);
		while ((s = wcsstr(s, what))) {
			const wchar_t *end = s + wcslen(what);

			if (wcsncmp(end, L" ", 1) == 0 || wcsncmp(end, L", most", 6) == 0)
				return r->most >= x->f.lay.plot.w || line[r->most] == HEAD ||
				       line[r->most] == ARRIVED;
			s = end;
		}
	}
	return false;
}

/* How many collections the figure for the rest speaks of; -1: it found no room. */
static int rest_of(struct fixture *x, int rows)
{
	wchar_t line[512];
	int n = -1;

	for (int row = 0; row < rows; row++) {
		row_text(x, row, line);
		const wchar_t *s = wcsstr(line, L" other return");

		if (!s)
			continue;
		while (s > line && s[-1] >= L'0' && s[-1] <= L'9')
			s--;
		assert_int_equal(swscanf(s, L"%d other return", &n), 1);
	}
	return n;
}

/* Two returns with one figure: which of them a label is of cannot be said. */
static bool ambiguous(const struct tui_return *v, int n)
{
	for (int i = 0; i < n; i++)
		for (int k = 0; k < i; k++)
			if (v[i].bytes == v[k].bytes)
				return true;
	return false;
}

/*
 * Dense returns: those that fit are labelled, the rest is counted, no collection twice
 * and none left out, and no label is written over.
 */
static void dense_returns_are_merged(void **state)
{
	unsigned seed = 20261121;
	int checked = 0;

	(void)state;
	print_message("seed %u\n", seed);
	srand(seed);
	for (int round = 0; round < 200; round++) {
		struct fixture *x = fixture(true, 256);
		int rows, n, all = 0, told = 0, rest;
		uint64_t fell = 0;
		struct tui_return *v;

		for (double at = 0; at < 28; at += 0.2 + rand() % 1000 / 500.0)
			collect(x, at, 1 + rand() % 999, rand() % 4 ? rand() % 1500 / 1000.0 : 0);
		render(x, 80 + rand() % 200, 24 + rand() % 60);
		rows = x->f.lay.owed.h < 4 ? 1 : 2;
		n = tui_returns(&x->f, &v);
		assert_true(n > 0);
		for (int i = 0; i < n; i++) {
			all += (int)v[i].n;
			fell -= v[i].bytes;
			if (labelled(x, &v[i], rows))
				told += (int)v[i].n;
		}
		rest = rest_of(x, rows);
		assert_int_equal(all, (int)x->p.n_gcs);
		for (size_t i = 0; i < x->p.n_gcs; i++)
			fell += x->gcs[i].rss_fell;
		assert_int_equal(fell, 0);
		assert_true(told > 0);
		if (!ambiguous(v, n)) {
			assert_int_equal(told + (rest < 0 ? 0 : rest), all);
			checked++;
		}
		free(v);
		drop(x);
	}
	assert_true(checked > 20);
}

/* --- the curve ---------------------------------------------------------------------- */

static int height(struct fixture *x, int col)
{
	int rows = x->f.lay.owed.h, n = 0;

	for (int row = rows < 2 ? 0 : rows < 4 ? 1 : 2; row < rows; row++) {
		wchar_t ch = strip_at(x, col, row);

		n += ch >= 0x2581 && ch <= 0x2588 ? (int)(ch - 0x2580) : 0;
	}
	return n;
}

static void curve_is_as_high_as_its_figures(void **state)
{
	static const int sizes[][3] = {
		{ 80, 24, 1 }, { 100, 30, 2 }, { 120, 44, 2 }, { 200, 60, 3 }
	};
	struct fixture *x = fixture(true, 256);

	(void)state;
	collect(x, 5, 600, 20);
	for (int s = 5; s < 25; s++)
		owe(x, s, s + 1, 600 - (s - 5) * 30);
	for (int i = 0; i < 4; i++) {
		int full = sizes[i][2] * 8;

		render(x, sizes[i][0], sizes[i][1]);
		for (int c = 0; c < x->f.lay.plot.w; c++) {
			const struct mp_point *pt = tui_frame_col(&x->f, c);
			double want = (double)pt->owed / (600.0 * MIB) * full;

			assert_true(height(x, c) >= want - 1 && height(x, c) <= want + 1);
			assert_int_equal(height(x, c) > 0, pt->owed > 0);
		}
		expect(x, sizes[i][0], sizes[i][1], " 600 M ", true);
	}
	drop(x);
}

/* --- limits ------------------------------------------------------------------------- */

static void near_limit_is_a_line(void **state)
{
	struct fixture *x = fixture(true, 256);
	struct tui_scale sc;
	int row, n = 0;

	(void)state;
	x->p.heaps[MP_SRC_GC] = (struct mp_heap){ .present = true,
						  .used = (uint64_t)(100 * MIB),
						  .committed = (uint64_t)(100 * MIB),
						  .limit = (uint64_t)(140 * MIB) };
	render(x, 100, 30);
	/* the heap lies on 20 MiB of a file: its limit is reached at 160 MiB */
	tui_scale(&sc, 160 * MIB, x->f.lay.plot.h);
	row = (int)(160.0 * MIB / (double)sc.top * x->f.lay.plot.h - 0.001);
	for (int c = 0; c < x->f.lay.plot.w; c++)
		n += plot_at(x, c, x->f.lay.plot.h - 1 - row) == LIMIT;
	assert_true(n > x->f.lay.plot.w / 2);
	expect(x, 100, 30, " heap limit 140 M ", true);
	drop(x);
}

static void far_limit_leaves_the_scale_alone(void **state)
{
	struct fixture *x = fixture(true, 256);
	char *without, *with;

	(void)state;
	x->p.cgroup.limit = MP_UNKNOWN;
	without = text_of(x, 100, 30);
	x->p.cgroup.version = 2;
	x->p.cgroup.limit = 8ULL << 30;
	with = text_of(x, 100, 30);
	assert_null(strstr(without, "limit"));
	assert_non_null(strstr(with, "cgroup limit 8.00 G \xe2\x86\x91"));
	expect(x, 100, 30, " 120 M ", true);
	x->p.cgroup.limit = MP_UNKNOWN;
	expect(x, 100, 30, " 120 M ", true);
	free(with);
	free(without);
	drop(x);
}

/* --- no extreme is lost --------------------------------------------------------------- */

static int count(struct fixture *x, int col, wchar_t ch)
{
	int n = 0;

	for (int row = 0; row < x->f.lay.plot.h; row++)
		n += plot_at(x, col, row) == ch;
	return n;
}

/* One point of 10 ms that is higher, one that is lower: seen at every zoom. */
static void every_zoom_shows_min_and_max(void **state)
{
	struct fixture *x = fixture(true, 256);

	(void)state;
	x->pts[1000].rss_max = 400 * MIB;
	x->pts[1800].rss_min = 20 * MIB;
	x->view.follow = false;
	for (uint64_t colw = MP_TL_WIDTH0; colw <= 8 * SEC; colw = colw * 3 / 2) {
		for (int h = 24; h <= 60; h += 12) {
			int spike, dip;

			x->view.colw = colw;
			x->view.cursor = START + 10 * SEC;
			x->view.col0 = (int64_t)(10 * SEC / colw) - 20;
			x->view.col0 = x->view.col0 < 0 ? 0 : x->view.col0;
			render(x, 80, h);
			spike = column_of(x, 10);
			x->view.cursor =
				START + 18 * SEC; /* away, so that no cursor is drawn there */
			x->view.col0 = x->view.col0 > 0 ? x->view.col0 : 0;
			assert_true(spike >= 0 && spike < x->f.lay.plot.w);
			assert_true(count(x, spike, 0x2502) >= 3);
			x->view.col0 = (int64_t)(18 * SEC / colw) - 20;
			x->view.col0 = x->view.col0 < 0 ? 0 : x->view.col0;
			x->view.cursor = START + (x->view.col0 ? 17 * SEC : 2 * SEC);
			render(x, 80, h);
			dip = column_of(x, 18);
			if (dip >= 0 && dip < x->f.lay.plot.w && dip != x->f.win.cursor)
				assert_true(count(x, dip, 0x2502) >= 1);
		}
	}
	drop(x);
}

/* --- the legend ------------------------------------------------------------------------ */

/* Every part is named beside a cell of its own looks, in each glyph set; a key leaves. */
static void legend_explains_each_band(void **state)
{
	static const int depths[] = { 0, 8, 256 };
	static const char *const names[] = { "free heap", "live heap", "lazyfree", "other",
					     "native",	  "shared",    "file",	   "lazy" };
	static const enum tui_band bands[] = { TUI_BAND_FREE,  TUI_BAND_LIVE,	TUI_BAND_LAZYFREE,
					       TUI_BAND_OTHER, TUI_BAND_NATIVE, TUI_BAND_SHMEM,
					       TUI_BAND_FILE,  TUI_BAND_LAZY };

	(void)state;
	for (int d = 0; d < 6; d++) {
		struct fixture *x = fixture(d % 2, depths[d / 2]);

		render(x, 80, 24);
		tui_key(&x->f, 'i');
		render(x, 80, 24);
		for (int y = 4, i = 0; i < 8; y++) {
			struct tui_cell want = tui_band_cell(&x->theme, bands[i]);
			const struct tui_cell *c = tui_grid_at(&x->g, 2, y);
			const char *name = names[i];

			assert_true(y < 22);
			if (tui_grid_at(&x->g, 6, y)->ch != (wchar_t)*name || c->ch != want.ch)
				continue;
			assert_memory_equal(&c->st, &want.st, sizeof(want.st));
			for (int k = 0; name[k]; k++)
				assert_int_equal(tui_grid_at(&x->g, 6 + k, y)->ch, name[k]);
			i++;
		}
		expect(x, 40, 10, "the picture", true);
		tui_key(&x->f, 'x');
		expect(x, 80, 24, "the picture", false);
		drop(x);
	}
}

/* --- few colours ----------------------------------------------------------------------- */

/* RSS ends where its figure says in 8 colours and in none, with the finest glyph. */
static void coarse_heights_are_exact(void **state)
{
	static const int depths[] = { 0, 8 };

	(void)state;
	for (int d = 0; d < 2; d++) {
		struct fixture *x = fixture(true, depths[d]);
		int h, top = 0, n;
		struct tui_scale sc;

		render(x, 80, 24);
		h = x->f.lay.plot.h;
		tui_scale(&sc, 120 * MIB, h);
		while (plot_at(x, 5, top) == L' ' || (plot_at(x, 5, top) & 0xfffe) == 0x2500)
			top++;
		n = (h - top - 1) * 8;
		n += plot_at(x, 5, top) >= 0x2581 && plot_at(x, 5, top) <= 0x2588
			     ? (int)(plot_at(x, 5, top) - 0x2580)
			     : 8;
		assert_true(abs(n - (int)(120.0 * MIB / (double)sc.top * h * 8 + 0.5)) <= 1);
		drop(x);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_collection_no_strip),
		cmocka_unit_test(arrow_leads_from_collection_to_fall),
		cmocka_unit_test(fall_is_an_arrow_in_the_picture),
		cmocka_unit_test(arrows_beyond_the_window),
		cmocka_unit_test(late_tail_is_told),
		cmocka_unit_test(at_once),
		cmocka_unit_test(what_is_owed_still_waits),
		cmocka_unit_test(debts_of_a_frozen_screen_stay),
		cmocka_unit_test(dense_returns_are_merged),
		cmocka_unit_test(curve_is_as_high_as_its_figures),
		cmocka_unit_test(near_limit_is_a_line),
		cmocka_unit_test(far_limit_leaves_the_scale_alone),
		cmocka_unit_test(every_zoom_shows_min_and_max),
		cmocka_unit_test(legend_explains_each_band),
		cmocka_unit_test(coarse_heights_are_exact),
	};

	setlocale(LC_ALL, "C.UTF-8");
	return cmocka_run_group_tests_name("tui_picture", tests, NULL, NULL);
}
