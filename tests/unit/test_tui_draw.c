/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_tui_draw.c - what the picture promises: every region inside the screen
 * at every size, heights that are the figures, bands that can be told apart in
 * every glyph set, and nothing from outside that a terminal would obey.
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
#include "tui/tui.h"
#include "user/diagnose/diagnose.h"
#include "user/model/pageset.h"

#define MIB    (1024LL * 1024)
#define SEC    1000000000ULL
#define POINTS 3000

/*
 * A staged session of 30 s: 600 MiB committed at 3 s, touched from 9 to 12 s,
 * freed at 15 s, given back at 18 s; a spike of one point at 26 s.
 */
struct fixture {
	struct mp_model m;
	struct mp_proc p;
	struct mp_proc *procs[1];
	struct mp_point pts[POINTS];
	struct mp_mapping maps[4];
	char *strs[8];
	struct tui_view view;
	struct tui_theme theme;
	struct tui_frame f;
	struct tui_grid g;
};

static void stage(struct mp_point *pt, int i)
{
	double s = i / 100.0;
	int64_t touched = s < 9 ? 0 : s < 12 ? (int64_t)((s - 9) * 200 * MIB) : 600 * MIB;

	memset(pt, 0, sizeof(*pt));
	pt->file = 5 * MIB;
	pt->arenas = 10 * MIB;
	pt->other = 6 * MIB;
	pt->committed = (uint64_t)(s < 3 || s >= 18 ? 8 : 608) * (uint64_t)MIB;
	pt->used = (uint64_t)(s < 3 || s >= 15 ? 2 : 602) * (uint64_t)MIB;
	if (s < 15)
		pt->live = 2 * MIB + touched;
	else
		pt->live = 2 * MIB;
	pt->free_res = s >= 15 && s < 18 ? 600 * MIB : 0;
	pt->owed = (uint64_t)pt->free_res;
	pt->rss = pt->file + pt->arenas + pt->other + pt->live + pt->free_res;
	pt->rss_min = pt->rss_max = pt->rss;
	pt->external = MP_UNKNOWN;
	if (i == 300 || i == 900 || i == 1500)
		pt->note = 2;
	if (i == 1500) {
		pt->gc_major = 1;
		pt->gc_pause = 3000000;
	}
	if (i == 1800) {
		pt->madvise = 5;
		pt->madvise_pages = 600 * 256;
	}
	if (i == 2600)
		pt->rss_max = 400 * MIB;
}

static void make_maps(struct fixture *x)
{
	static const struct mp_mapping maps[4] = {
		{ .start = 0x400000,
		  .end = 0x600000,
		  .bits = MP_MAP_R | MP_MAP_X | MP_MAP_FILE,
		  .name = 3,
		  .cls = MP_CLS_FILE,
		  .resident = 300 },
		{ .start = 0x10000000,
		  .end = 0x10000000 + 700 * MIB,
		  .bits = MP_MAP_R | MP_MAP_W,
		  .cls = MP_CLS_HEAP,
		  .resident = 600 * 256,
		  .faults = 600 * 256,
		  .name = 4 },
		{ .start = 0x100000000, .end = 0x100000000 + (64LL << 30), .cls = MP_CLS_ANON },
		{ .start = 0x7ffc00000000,
		  .end = 0x7ffc00021000,
		  .bits = MP_MAP_R | MP_MAP_W,
		  .cls = MP_CLS_STACK,
		  .resident = 8,
		  .name = 5 },
	};

	memcpy(x->maps, maps, sizeof(maps));
	for (int i = 0; i < 4; i++)
		x->maps[i].next = i < 3 ? &x->maps[i + 1] : NULL;
	x->p.maps = x->maps;
	x->p.n_maps = 4;
	x->p.pages = mp_pageset_new();
	assert_non_null(x->p.pages);
	for (int i = 0; i < 4; i++)
		mp_pageset_set(x->p.pages, maps[i].start, maps[i].resident * MP_PAGE_SIZE, NULL);
}

static struct fixture *fixture(bool utf8, int depth)
{
	struct fixture *x = calloc(1, sizeof(*x));

	assert_non_null(x);
	for (int i = 0; i < POINTS; i++) {
		stage(&x->pts[i], i);
		x->pts[i].ts = 5 * SEC + (uint64_t)i * MP_TL_WIDTH0;
	}
	x->strs[1] = "ev\033[31mil\x07\xc2\x9b";
	x->strs[2] = "stage: a name\r\n";
	x->strs[3] = "/usr/lib/\033]0;x\x07lib\xff.so";
	x->strs[4] = "[anon:\x1b[2J heap]";
	x->strs[5] = "\xe6\x97\xa5\xe6\x9c\xac \xc3\xa9";
	x->m.strs = x->strs;
	x->m.n_strs = 8;
	x->procs[0] = &x->p;
	x->m.procs = x->procs;
	x->m.n_procs = 1;
	x->m.start = 5 * SEC;
	x->m.now = 35 * SEC;
	x->m.probes[MP_FEAT_FAULTS] = (struct mp_probe){ .known = true, .rung = MP_RUNG_TP_BTF };
	x->p.tgid = 1234;
	x->p.comm = 1;
	x->p.tl = (struct mp_timeline){ 5 * SEC, MP_TL_WIDTH0, POINTS, x->pts, POINTS };
	x->p.r_rss.max = 700 * MIB;
	make_maps(x);
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
	mp_pageset_free(x->p.pages);
	free(x);
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

static void expect(struct fixture *x, int w, int h, const char *what)
{
	char *text = text_of(x, w, h);

	if (!strstr(text, what))
		fail_msg("no \"%s\" in\n%s", what, text);
	free(text);
}

static void expect_not(struct fixture *x, int w, int h, const char *what)
{
	char *text = text_of(x, w, h);

	if (strstr(text, what))
		fail_msg("\"%s\" in\n%s", what, text);
	free(text);
}

/* --- geometry ---------------------------------------------------------------------- */

static void check_regions(const struct tui_layout *l, unsigned char *taken)
{
	const struct tui_rect *all[] = { &l->status, &l->numbers, &l->gutter, &l->plot,
					 &l->axis,   &l->notes,	  &l->lanes,  &l->counts,
					 &l->detail, &l->table,	  &l->hints,  &l->owed };

	memset(taken, 0, (size_t)l->w * (size_t)l->h);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		const struct tui_rect *r = all[i];

		if (r->w <= 0 || r->h <= 0)
			continue;
		assert_true(r->x >= 0 && r->y >= 0);
		assert_true(r->x + r->w <= l->w && r->y + r->h <= l->h);
		for (int y = r->y; y < r->y + r->h; y++) {
			for (int c = r->x; c < r->x + r->w; c++) {
				assert_false(taken[y * l->w + c]);
				taken[y * l->w + c] = 1;
			}
		}
	}
}

static void layout_never_overlaps(void **state)
{
	unsigned char *taken = malloc(300 * 100);
	struct tui_layout l;

	(void)state;
	for (int w = 20; w <= 300; w++) {
		for (int h = 5; h <= 100; h++) {
			static const unsigned flags[] = { 0, TUI_LAY_NOTES, TUI_LAY_OWED,
							  TUI_LAY_NOTES | TUI_LAY_OWED };

			for (int i = 0; i < 4; i++) {
				tui_layout(&l, w, h, flags[i]);
				check_regions(&l, taken);
				assert_int_equal(l.tier == TUI_TIER_SMALL, w < 40 || h < 10);
				if (l.tier < TUI_TIER_STANDARD)
					continue;
				assert_true(l.plot.w > 40 && l.plot.h >= 2);
				assert_int_equal(l.detail.w > 0, w >= 120);
			}
		}
	}
	free(taken);
}

static void tiers(void **state)
{
	struct fixture *x = fixture(true, 256);

	(void)state;
	expect(x, 39, 24, "terminal too small (need 40x10)");
	expect(x, 80, 9, "terminal too small (need 40x10)");
	expect(x, 30, 8, "too small (need 40x10)");
	expect(x, 22, 5, "too small (need 40x10)");
	expect(x, 20, 5, "need 40x10");
	expect(x, 10, 3, "need 40x10");
	expect(x, 9, 1, "40x10");
	expect(x, 5, 1, "40x10");
	expect(x, 40, 10, "RSS");
	expect(x, 59, 24, "owed: not returned");
	expect(x, 80, 24, "live");
	expect(x, 94, 24, "live heap");
	expect(x, 120, 40, "where RSS goes");
	drop(x);
}

/* Every size draws; cells stay printable and the cursor stays inside. */
static void every_size_draws(void **state)
{
	static const int heights[] = { 5, 9, 10, 11, 12, 15, 18, 24, 31, 40, 60, 100 };
	struct fixture *x = fixture(true, 256);

	(void)state;
	for (int w = 20; w <= 300; w += w < 130 ? 1 : 13) {
		for (size_t i = 0; i < sizeof(heights) / sizeof(heights[0]); i++) {
			x->view.help = w % 3 == 0;
			x->view.in_table = w % 2;
			x->view.pane = (enum tui_pane_id)(i % TUI_PANES);
			render(x, w, heights[i]);
			assert_true(x->g.cursor_x >= 0 && x->g.cursor_x < w);
			assert_true(x->g.cursor_y >= 0 && x->g.cursor_y < heights[i]);
		}
	}
	drop(x);
}

/* --- the picture ------------------------------------------------------------------- */

/* Height of the filled area of a plot column, in eighths, read off the cells. */
static int filled(struct fixture *x, int col)
{
	const struct tui_rect *r = &x->f.lay.plot;
	int n = 0;

	for (int y = r->y; y < r->y + r->h; y++) {
		const struct tui_cell *c = tui_grid_at(&x->g, r->x + col, y);

		if (c->st.bg)
			n += 8; /* a cell of two bands, or a label in a band */
		else if (c->ch >= 0x2581 && c->ch <= 0x2588 && c->st.fg)
			n += (int)(c->ch - 0x2580);
	}
	return n;
}

static void columns_add_up_to_rss(void **state)
{
	static const int sizes[][2] = { { 80, 24 }, { 120, 40 }, { 100, 30 }, { 200, 60 } };
	struct fixture *x = fixture(true, 256);

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct tui_scale sc;
		int h;

		render(x, sizes[i][0], sizes[i][1]);
		h = x->f.lay.plot.h;
		/* the highest thing drawn: RSS and what is committed above it */
		tui_scale(&sc, 629 * MIB, h);
		for (int c = 0; c < x->f.lay.plot.w; c++) {
			const struct mp_point *p = tui_frame_col(&x->f, c);
			double want;

			assert_non_null(p);
			want = (double)p->rss / (double)sc.top * h * 8;
			if (want < 1)
				want = 1;
			assert_true(filled(x, c) >= want - 1 && filled(x, c) <= want + 1);
		}
	}
	drop(x);
}

static int count(struct fixture *x, int col, wchar_t ch)
{
	const struct tui_rect *r = &x->f.lay.plot;
	int n = 0;

	for (int y = r->y; y < r->y + r->h; y++)
		n += tui_grid_at(&x->g, r->x + col, y)->ch == ch;
	return n;
}

static int column_of(struct fixture *x, double s)
{
	return (int)(s / 30 * x->f.lay.plot.w);
}

static void lazy_band_is_drawn_and_named(void **state)
{
	struct fixture *x = fixture(true, 256);

	(void)state;
	render(x, 120, 40);
	/* at 4 s 600 MiB of 640 are promised: nearly the whole height */
	assert_true(count(x, column_of(x, 4), 0x2571) > x->f.lay.plot.h / 2);
	assert_int_equal(count(x, column_of(x, 1), 0x2571), 0);
	assert_int_equal(count(x, column_of(x, 13), 0x2571), 0);
	expect(x, 200, 60, "606 M lazy: promised, not mapped yet");
	expect(x, 200, 60, "freed,");
	expect(x, 80, 24, "606 M lazy:");
	expect(x, 80, 24, "not mapped yet");
	drop(x);
}

/* A JVM: its heap is known by its mapping, no source tells what is in use of it. */
static void heap_without_figures_is_named(void **state)
{
	struct fixture *x = fixture(true, 256);
	char *text;

	(void)state;
	for (int i = 0; i < POINTS; i++) {
		x->pts[i].other = x->pts[i].rss = x->pts[i].rss_max = 500 * MIB;
		if (x->pts[i].rss_min > 500 * MIB)
			x->pts[i].rss_min = 500 * MIB;
		x->pts[i].live = x->pts[i].free_res = x->pts[i].file = x->pts[i].arenas = 0;
		x->pts[i].used = x->pts[i].committed = MP_UNKNOWN;
	}
	x->p.rss_known = true;
	x->p.rss.anon = 500 * 256;
	x->p.cls_pages[MP_CLS_ANON] = 300 * 256;
	x->p.cls_pages[MP_CLS_JVM_HEAP] = 200 * 256;
	text = text_of(x, 200, 60);
	assert_null(strstr(text, "heap, no figures"));
	free(text);
	x->p.cls_pages[MP_CLS_ANON] = 200 * 256;
	x->p.cls_pages[MP_CLS_JVM_HEAP] = 300 * 256;
	expect(x, 200, 60, "mostly heap, no figures");
	expect(x, 120, 40, "500 M heap ");
	expect(x, 80, 24, "\u2588heap    500 M");
	drop(x);
}

/* V8 tells its figures with collections: what is said to be free may be in use again. */
static void figures_of_the_last_collection(void **state)
{
	struct fixture *x = fixture(true, 256);
	char *text;

	(void)state;
	x->p.heaps[MP_SRC_V8].present = true;
	text = text_of(x, 300, 60);
	assert_null(strstr(text, "still resident"));
	assert_non_null(strstr(text, " or used "));
	free(text);
	x->view.legend = true;
	expect(x, 80, 24, "free at the last collection, or used since");
	expect(x, 80, 24, "figures come with its collections only");
	x->p.heaps[MP_SRC_V8].present = false;
	expect(x, 80, 24, "freed by the collector");
	drop(x);
}

/* Times on the axis are read whole, marks or not. */
static void marks_leave_times_whole(void **state)
{
	struct fixture *x = fixture(true, 256);
	char *text;

	(void)state;
	x->view.follow = false;
	x->view.cursor = 5 * SEC + 14 * SEC;
	for (uint64_t t = 12 * SEC; t < 18 * SEC; t += SEC / 10) {
		x->view.mark[0] = 5 * SEC + t;
		x->view.mark[1] = 5 * SEC + t + 3 * SEC;
		text = text_of(x, 80, 24);
		assert_non_null(strstr(text, " 00:14.00 "));
		for (char *tick = strstr(text, "\u257500:"); tick;
		     tick = strstr(tick + 1, "\u257500:"))
			assert_true(tick[6] >= '0' && tick[6] <= '2' && tick[7] >= '0' &&
				    tick[7] <= '9');
		free(text);
	}
	drop(x);
}

/* So narrow that there is no axis: the moment stands in the first line, and what is not
 * as it should be beside it. */
static void narrow_tells_the_moment(void **state)
{
	struct fixture *x = fixture(true, 256);

	(void)state;
	x->strs[1] = "a-rather-long-1";
	x->p.tgid = 4194304;
	x->m.probes[MP_FEAT_CALLS] = (struct mp_probe){ .known = true, .rung = MP_RUNG_ABSENT };
	x->f.live = true;
	x->view.follow = false;
	x->view.cursor = 5 * SEC + 14 * SEC;
	expect(x, 40, 10, " 00:14.0");
	expect(x, 40, 10, "00:14.00    h");
	drop(x);
}

static void free_band_has_its_own_colour(void **state)
{
	struct fixture *x = fixture(true, 256);
	uint8_t orange = tui_band_color(&x->theme, TUI_BAND_FREE);
	int n = 0;

	(void)state;
	render(x, 80, 24);
	for (int y = 0; y < x->f.lay.plot.h; y++)
		n += tui_grid_at(&x->g, x->f.lay.plot.x + column_of(x, 16), x->f.lay.plot.y + y)
			     ->st.bg == orange;
	assert_true(n > x->f.lay.plot.h / 2);
	for (int b = 0; b < TUI_BAND_FREE; b++)
		assert_int_not_equal(tui_band_color(&x->theme, (enum tui_band)b), orange);
	drop(x);
}

static void owed_is_shown_at_the_cursor(void **state)
{
	struct fixture *x = fixture(true, 256);

	(void)state;
	x->view.follow = false;
	x->view.cursor = 5 * SEC + 16 * SEC;
	expect(x, 80, 24, "owed  600 M");
	expect(x, 80, 24, "free  600 M");
	expect(x, 94, 24, "free heap  600 M");
	expect(x, 80, 24, "REPLAY  00:16");
	x->view.cursor = 5 * SEC + 20 * SEC;
	expect(x, 80, 24, "owed      0");
	drop(x);
}

static void spike_survives_merging(void **state)
{
	struct fixture *x = fixture(true, 256);

	(void)state;
	render(x, 80, 24);
	/* one point of 43 in its column; RSS is 23 MiB before and after */
	assert_true(count(x, column_of(x, 26), 0x2502) >= 3);
	assert_int_equal(count(x, column_of(x, 24), 0x2502), 0);
	drop(x);
}

static void events_and_notes(void **state)
{
	struct fixture *x = fixture(true, 256);

	(void)state;
	expect(x, 80, 24, "1 major");
	expect(x, 80, 24, "5 dontneed -600 M");
	expect(x, 80, 24, "stage: a name??");
	render(x, 80, 24);
	assert_int_equal(
		tui_grid_at(&x->g, x->f.lay.plot.x + column_of(x, 15), x->f.lay.lanes.y)->ch,
		0x25c6);
	drop(x);
}

static void given_up_is_a_band_of_its_own(void **state)
{
	struct fixture *x = fixture(true, 256);
	uint8_t purple = tui_band_color(&x->theme, TUI_BAND_LAZYFREE);
	int n = 0;

	(void)state;
	for (int i = 1500; i < 1800; i++) { /* the heap gave it up: not free, not live */
		x->pts[i].lazyfree = x->pts[i].lazyfree_heap = x->pts[i].free_res;
		x->pts[i].free_res = 0;
	}
	render(x, 200, 60);
	for (int y = 0; y < x->f.lay.plot.h; y++)
		n += tui_grid_at(&x->g, x->f.lay.plot.x + column_of(x, 16), x->f.lay.plot.y + y)
			     ->st.bg == purple;
	assert_true(n > x->f.lay.plot.h / 2);
	x->view.follow = false;
	x->view.cursor = 5 * SEC + 16 * SEC;
	expect(x, 80, 24, "lzfree 600 M");
	expect(x, 80, 30, "lazyfree  600 M");
	expect(x, 200, 60, "lazyfree");
	drop(x);
}

static void rounding_never_hides_the_account(void **state)
{
	struct mp_point p = { .rss = 100, .live = 60, .free_res = 30, .file = 20, .unknown = -10 };
	struct mp_point q = { .rss = 100, .live = 60, .lazyfree = 50, .unknown = -10 };
	struct tui_stack s;
	int64_t sum = 0;

	(void)state;
	p.committed = 200;
	tui_stack(&s, &p);
	for (int b = 0; b < TUI_BAND_RSS; b++) {
		assert_true(s.band[b] >= 0);
		sum += s.band[b];
	}
	assert_int_equal(sum, 100);
	/* the excess comes off the heap: what lies below it stays, and so does the
	 * committed line, at base + committed */
	assert_int_equal(s.band[TUI_BAND_FILE], 20);
	assert_int_equal(s.base, 20);
	assert_int_equal(s.band[TUI_BAND_LIVE], 50);
	assert_int_equal(s.lazy, 120);
	/* what is resident was committed, whatever an older figure says */
	p.committed = 10;
	tui_stack(&s, &p);
	assert_int_equal(s.committed, s.heap);
	assert_int_equal(s.lazy, 0);
	p.committed = 200;
	p.unknown = 5;
	p.rss = 115;
	tui_stack(&s, &p);
	assert_int_equal(s.band[TUI_BAND_OTHER], 5);
	p.committed = MP_UNKNOWN;
	tui_stack(&s, &p);
	assert_int_equal(s.lazy, 0);
	tui_stack(&s, &q);
	assert_int_equal(s.band[TUI_BAND_LIVE], 50);
	assert_int_equal(s.band[TUI_BAND_LAZYFREE], 50);
	assert_int_equal(s.base, 50);
	q.lazyfree_heap = 30;
	tui_stack(&s, &q);
	assert_int_equal(s.base, 20);
	assert_int_equal(s.heap, 80);
}

static void scale_holds_its_maximum(void **state)
{
	(void)state;
	for (int rows = 2; rows < 60; rows++) {
		for (int64_t max = 1; max < 1LL << 45; max = max * 5 / 3 + 1) {
			struct tui_scale s;

			tui_scale(&s, max, rows);
			assert_true(s.top >= max);
			assert_true(s.every >= 1 && s.step > 0);
			if (rows >= 6 && max > 8192)
				assert_true(s.top <= max * 5 / 2);
		}
	}
}

/* --- glyph sets and colours ---------------------------------------------------------- */

static void ascii_is_ascii(void **state)
{
	static const int depths[] = { 0, 8, 256 };
	struct fixture *x;

	(void)state;
	for (int d = 0; d < 3; d++) {
		for (int help = 0; help < 2; help++) {
			x = fixture(false, depths[d]);
			x->view.help = help;
			for (int w = 40; w < 160; w += 20) {
				char *text = text_of(x, w, 30);

				for (const char *c = text; *c; c++)
					assert_true(*c == '\n' || (*c >= 0x20 && *c <= 0x7e));
				free(text);
			}
			drop(x);
		}
	}
}

static void mono_has_no_colour(void **state)
{
	struct fixture *x = fixture(true, 0);

	(void)state;
	x->m.lost_total = 3;
	render(x, 120, 40);
	for (int i = 0; i < 120 * 40; i++) {
		assert_int_equal(x->g.cells[i].st.fg, 0);
		assert_int_equal(x->g.cells[i].st.bg, 0);
	}
	drop(x);
}

static void eight_colours_are_eight(void **state)
{
	struct fixture *x = fixture(true, 8);

	(void)state;
	render(x, 120, 40);
	for (int i = 0; i < 120 * 40; i++)
		assert_true(x->g.cells[i].st.fg < 8 && x->g.cells[i].st.bg < 8);
	drop(x);
}

static void bands_differ_without_colour(void **state)
{
	(void)state;
	for (int utf8 = 0; utf8 < 2; utf8++) {
		struct tui_theme t;

		tui_theme_init(&t, utf8, 0);
		for (int a = 0; a < TUI_BAND_MAX; a++)
			for (int b = 0; b < a; b++)
				assert_int_not_equal(t.g->fill[a], t.g->fill[b]);
	}
}

/* --- what comes from outside ----------------------------------------------------------- */

static void no_control_character_gets_through(void **state)
{
	struct fixture *x = fixture(true, 256);

	(void)state;
	x->f.notice = "target\033[H exited\x08";
	for (int w = 40; w <= 200; w += 40) {
		render(x, w, 30);
		for (int i = 0; i < w * 30; i++) {
			wchar_t ch = x->g.cells[i].ch;

			assert_true(ch == 0 || (ch >= 0x20 && (ch < 0x7f || ch >= 0xa0)));
		}
	}
	expect(x, 80, 24, "ev?[31mil");
	drop(x);
}

static void wide_characters_take_two_cells(void **state)
{
	struct tui_grid g = { 0 };
	struct tui_style st = { 0, 0, 0 };

	(void)state;
	assert_int_equal(tui_grid_resize(&g, 6, 1), 0);
	assert_int_equal(tui_grid_text(&g, 0, 0, 6, st, "a\xe6\x97\xa5z"), 4);
	assert_int_equal(tui_grid_at(&g, 1, 0)->ch, 0x65e5);
	assert_int_equal(tui_grid_at(&g, 2, 0)->ch, 0);
	tui_grid_put(&g, 2, 0, L'x', st);
	assert_int_equal(tui_grid_at(&g, 1, 0)->ch, L' ');
	assert_int_equal(tui_grid_text(&g, 5, 0, 1, st, "\xe6\x97\xa5"), 5);
	tui_grid_put(&g, 0, 0, 0x1b, st);
	assert_int_equal(tui_grid_at(&g, 0, 0)->ch, L'?');
	tui_grid_put(&g, 7, 3, L'x', st);
	tui_grid_free(&g);
}

/* --- status ------------------------------------------------------------------------------ */

static void states_are_told(void **state)
{
	struct fixture *x = fixture(true, 256);

	(void)state;
	expect(x, 80, 24, "REPLAY  00:30");
	expect(x, 80, 24, "faults=");
	x->f.live = true;
	expect(x, 80, 24, " LIVE ");
	x->view.follow = false;
	x->view.cursor = 5 * SEC + 18 * SEC;
	expect(x, 80, 24, "PAUSED -00:11");
	x->m.lost_total = 42;
	expect(x, 80, 24, "LOST 42");
	x->p.exited = x->p.exit_known = true;
	x->p.wait_status = 3 << 8;
	expect(x, 100, 24, "exited 3");
	x->p.wait_status = 9;
	expect(x, 100, 24, "killed by signal 9");
	x->f.notice = "saved to x.mprof";
	expect(x, 100, 24, "saved to x.mprof");
	x->f.state = NULL;
	expect(x, 80, 24, "no longer kept");
	drop(x);
}

static const struct mp_findings *found_by(void *ctx)
{
	return ctx;
}

/* How many, and how loud the worst of them is; nothing where there are none. */
static void findings_are_told(void **state)
{
	struct fixture *x = fixture(true, 256);
	struct mp_finding v[3] = { { .cls = "pretouch", .pid = 1234, .level = MP_DX_INFO },
				   { .cls = "heap-leak", .pid = 1234, .level = MP_DX_BAD },
				   { .cls = "lazyfree", .pid = 77, .level = MP_DX_WARN } };
	struct mp_findings fs = { .v = v };
	struct tui_source src = { .ctx = &fs, .findings = found_by };

	(void)state;
	x->p.tgid = 1234;
	x->f.src = &src;
	expect_not(x, 80, 24, "finding");
	fs.n = 1;
	expect(x, 80, 24, " 1 finding");
	fs.n = 3; /* one is of another process */
	expect(x, 80, 24, " bad: 2 findings");
	v[1].level = MP_DX_WARN;
	expect(x, 80, 24, " warn: 2 findings");
	expect(x, 40, 12, "warn: 2");
	x->f.notice = "saved to its-name.mprof"; /* comes before how many there are */
	expect(x, 80, 24, "saved to its-name.mprof");
	expect(x, 80, 24, " warn");
	x->f.notice = NULL;
	x->m.lost_total = 42; /* both are in sight */
	expect(x, 80, 24, "LOST 42");
	expect(x, 80, 24, "warn: 2");
	src.ctx = NULL;
	expect(x, 80, 24, "diagnosing");
	src.findings = NULL;
	expect_not(x, 80, 24, "diagnosing");
	expect_not(x, 80, 24, "warn");
	drop(x);
}

/* Threads by faults, stacks by pages, each the largest first; t goes round. */
static void other_tables(void **state)
{
	struct fixture *x = fixture(true, 256);
	struct mp_thread threads[] = { { .tid = 7, .faults = 5, .name = 1 },
				       { .tid = 8, .faults = 90000, .kernel = 77, .majors = 3 },
				       { .tid = 9 } };
	struct mp_fsite sites[] = { { .pages = 256, .samples = 2, .squares = 128 * 128 * 2 },
				    { .stack = 5, .pages = 512, .samples = 4, .squares = 65536 } };
	char *text, *a, *b;

	(void)state;
	tui_key(&x->f, 't');
	expect(x, 80, 24, "no stack sampled yet");
	tui_key(&x->f, 't');
	expect(x, 80, 24, "no call has given memory back yet");
	/* heap and control group are passed over: nothing told of any */
	tui_key(&x->f, 't');
	expect(x, 80, 24, "no thread has faulted yet");
	tui_key(&x->f, 't');
	expect(x, 80, 24, "how it looks");
	tui_key(&x->f, 't');
	expect(x, 80, 24, "name ");
	x->p.threads = threads;
	x->p.n_threads = 3;
	x->p.fsites = sites;
	x->p.n_fsites = 2;
	tui_key(&x->f, 't');
	text = text_of(x, 100, 24);
	a = strstr(text, "2.00 M   1.00 M        4 (no stack)");
	b = strstr(text, "1.00 M    724 K        2");
	assert_true(a && b && a < b);
	free(text);
	x->view.pane = TUI_P_THREADS;
	text = text_of(x, 100, 24);
	a = strstr(text, "90000           77        3");
	b = strstr(text, "    7            5 ");
	assert_true(a && b && a < b);
	assert_non_null(strstr(b, "ev?[31mil"));
	assert_null(strstr(text, "    9            0"));
	free(text);
	x->p.threads = NULL;
	x->p.fsites = NULL;
	x->p.n_threads = x->p.n_fsites = 0;
	drop(x);
}

/* What the faults of the selected mapping were. */
static void detail_tells_kinds(void **state)
{
	struct fixture *x = fixture(true, 256);

	(void)state;
	x->view.ps[TUI_P_MAPS].sel = x->maps[1].start;
	x->maps[1].fk[MP_FK_FIRST] = 4242;
	expect(x, 160, 60, "faults: first_touch");
	expect(x, 160, 60, "4242");
	drop(x);
}

static void empty_model_draws(void **state)
{
	struct fixture *x = fixture(true, 256);

	(void)state;
	x->p.tl.n = 0;
	x->p.maps = NULL;
	x->p.n_maps = 0;
	expect(x, 80, 24, "no mappings known yet");
	expect(x, 140, 50, "RSS");
	x->m.n_procs = 0;
	expect(x, 80, 24, "memprof");
	for (int k = 0; k < (int)tui_keys_n; k++)
		tui_key(&x->f, tui_keys[k].key[0]);
	x->view.help = x->view.page = false;
	x->view.prompt.ask = TUI_ASK_NONE;
	expect(x, 80, 24, "RSS");
	drop(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layout_never_overlaps),
		cmocka_unit_test(tiers),
		cmocka_unit_test(every_size_draws),
		cmocka_unit_test(columns_add_up_to_rss),
		cmocka_unit_test(lazy_band_is_drawn_and_named),
		cmocka_unit_test(heap_without_figures_is_named),
		cmocka_unit_test(figures_of_the_last_collection),
		cmocka_unit_test(marks_leave_times_whole),
		cmocka_unit_test(narrow_tells_the_moment),
		cmocka_unit_test(free_band_has_its_own_colour),
		cmocka_unit_test(owed_is_shown_at_the_cursor),
		cmocka_unit_test(spike_survives_merging),
		cmocka_unit_test(events_and_notes),
		cmocka_unit_test(given_up_is_a_band_of_its_own),
		cmocka_unit_test(rounding_never_hides_the_account),
		cmocka_unit_test(scale_holds_its_maximum),
		cmocka_unit_test(ascii_is_ascii),
		cmocka_unit_test(mono_has_no_colour),
		cmocka_unit_test(eight_colours_are_eight),
		cmocka_unit_test(bands_differ_without_colour),
		cmocka_unit_test(no_control_character_gets_through),
		cmocka_unit_test(wide_characters_take_two_cells),
		cmocka_unit_test(states_are_told),
		cmocka_unit_test(findings_are_told),
		cmocka_unit_test(other_tables),
		cmocka_unit_test(detail_tells_kinds),
		cmocka_unit_test(empty_model_draws),
	};

	setlocale(LC_ALL, "C.UTF-8");
	return cmocka_run_group_tests_name("tui_draw", tests, NULL, NULL);
}
