/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_tui_panes.c - the tables: what each says of a model made by hand, the pages on
 * their rows, and an engine that shows what a full sort would show.
 */
#include <errno.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <cmocka.h>

#include "tui/draw.h"
#include "tui/keys.h"
#include "tui/pane.h"
#include "user/model/pageset.h"
#include "user/util/util.h"

#define MIB    (1024ULL * 1024)
#define SEC    1000000000ULL
#define T0     (5 * SEC)
#define POINTS 3000
#define PAGES  (MIB / MP_PAGE_SIZE)

/* 30 s of a process with a heap, two threads, releases and a control group. */
struct fixture {
	struct mp_model m;
	struct mp_proc p, other;
	struct mp_proc *procs[2];
	struct mp_point pts[POINTS];
	struct mp_mapping *maps;
	struct mp_gc gcs[3];
	struct mp_release rel[3];
	struct mp_thread threads[2];
	struct mp_fsite sites[1];
	char *strs[12];
	struct tui_view view;
	struct tui_theme theme;
	struct tui_frame f;
	struct tui_source src;
	const struct mp_event *ev; /* the stream, n_ev of them */
	size_t n_ev;
	unsigned reads;
	struct tui_grid g;
};

static int events(void *ctx, uint64_t t0, uint64_t t1,
		  int (*fn)(void *arg, const struct mp_event *e), void *arg)
{
	struct fixture *x = ctx;
	int r = 0;

	x->reads++;
	for (size_t i = 0; i < x->n_ev && !r; i++)
		if (x->ev[i].ts >= t0 && x->ev[i].ts < t1)
			r = fn(arg, &x->ev[i]);
	return r;
}

static void fill_heap(struct fixture *x)
{
	struct mp_heap *h = &x->p.heaps[MP_SRC_V8];

	*h = (struct mp_heap){ .present = true,
			       .ts = T0 + 20 * SEC,
			       .used = 60 * MIB,
			       .committed = 100 * MIB,
			       .external = 7 * MIB,
			       .arrays = MP_UNKNOWN,
			       .limit = 512 * MIB,
			       .goal = MP_UNKNOWN,
			       .live = MP_UNKNOWN,
			       .n_spaces = 2 };
	h->r_used = (struct mp_range){ 1 * MIB, 90 * MIB, 60 * MIB };
	h->r_committed = (struct mp_range){ 2 * MIB, 120 * MIB, 100 * MIB };
	h->r_external = (struct mp_range){ 0, 8 * MIB, 7 * MIB };
	h->spaces[0] = (struct mp_space){ 4, 50 * MIB, 60 * MIB, MP_UNKNOWN };
	h->spaces[1] = (struct mp_space){ 5, 10 * MIB, 40 * MIB, 12 * MIB };
}

static void fill_gcs(struct fixture *x)
{
	x->gcs[0] = (struct mp_gc){ .ts = T0 + 3 * SEC,
				    .start = T0 + 3 * SEC - 5000000,
				    .pause = 2000000,
				    .before = 300 * MIB,
				    .after = 100 * MIB,
				    .cbefore = 310 * MIB,
				    .cafter = MP_UNKNOWN,
				    .reason = 6,
				    .kind = MP_GC_MAJOR,
				    .source = MP_SRC_V8,
				    .freed = 200 * MIB,
				    .returned = 120 * MIB,
				    .rss_fell = 110 * MIB,
				    .returned_ts = T0 + 5 * SEC,
				    .refaulted = 4 * MIB,
				    .reused = 30 * MIB };
	x->gcs[1] = (struct mp_gc){ .ts = T0 + 4 * SEC,
				    .pause = MP_UNKNOWN,
				    .before = MP_UNKNOWN,
				    .after = MP_UNKNOWN,
				    .cbefore = MP_UNKNOWN,
				    .cafter = MP_UNKNOWN,
				    .kind = MP_GC_MINOR,
				    .source = MP_SRC_V8 };
	x->gcs[2] = x->gcs[1];
	x->gcs[2].ts = T0 + 9 * SEC;
	x->gcs[2].pause = 7000000;
	x->p.gcs = x->gcs;
	x->p.n_gcs = 3;
	x->p.gc_minor = 2;
	x->p.gc_major = 1;
}

static void fill_releases(struct fixture *x)
{
	x->rel[0] = (struct mp_release){ .call = MP_CALL_MUNMAP,
					 .calls = 3,
					 .asked = 40 * MIB,
					 .released = 30 * (int64_t)MIB,
					 .anon = 30 * (int64_t)MIB,
					 .absent = 10 * MIB,
					 .first_ts = T0 + SEC,
					 .last_ts = T0 + 2 * SEC };
	x->rel[1] = (struct mp_release){ .stack = 77,
					 .call = MP_CALL_MADVISE,
					 .advice = 4,
					 .calls = 1234,
					 .failed = 2,
					 .asked = 600 * MIB,
					 .released = 500 * (int64_t)MIB,
					 .anon = 500 * (int64_t)MIB,
					 .absent = 90 * MIB,
					 .kept = 10 * MIB,
					 .back = { 5 * MIB, 6 * MIB, 7 * MIB, 8 * MIB },
					 .first_ts = T0 + 3 * SEC,
					 .last_ts = T0 + 12 * SEC + 300000000 };
	x->rel[2] = (struct mp_release){ .call = MP_CALL_MADVISE,
					 .advice = 8,
					 .calls = 1,
					 .asked = 64 * MIB,
					 .lazy = 64 * MIB,
					 .taken = 16 * MIB,
					 .last_ts = T0 + SEC };
	x->p.releases = x->rel;
	x->p.n_releases = 3;
}

static void fill_cgroup(struct fixture *x)
{
	x->p.cgroup = (struct mp_cgroup){ .version = 2,
					  .name = 7,
					  .charged = 400 * MIB,
					  .limit = 500 * MIB,
					  .anon = 250 * MIB,
					  .file = 100 * MIB,
					  .shmem = 0,
					  .kernel = 50 * MIB,
					  .swap = 0 };
	x->p.r_charged = (struct mp_range){ 1 * MIB, 450 * MIB, 400 * MIB };
	x->p.rollup = (struct mp_rollup){ .ts = T0 + SEC,
					  .anon = 260 * MIB,
					  .rss = 300 * MIB,
					  .rss_anon = 260 * MIB,
					  .pss_anon = 200 * MIB,
					  .pss_file = 3 * MIB,
					  .pss_shmem = 0,
					  .private_dirty = 190 * MIB,
					  .shared_dirty = 0,
					  .anon_huge = 2 * MIB };
	x->other.cgroup = x->p.cgroup;
	x->other.rss.anon = 33 * PAGES;
	x->other.rss_known = true;
}

static void fill_maps(struct fixture *x, size_t n)
{
	free(x->maps);
	x->maps = calloc(n, sizeof(*x->maps));
	assert_non_null(x->maps);
	for (size_t i = 0; i < n; i++) {
		x->maps[i] = (struct mp_mapping){ .start = 0x10000000 + i * 0x100000,
						  .end = 0x10000000 + i * 0x100000 + 0x8000,
						  .bits = MP_MAP_R | MP_MAP_W,
						  .cls = MP_CLS_ANON,
						  .resident = i * 7919 % 9,
						  .last_ts = T0 + i * 104729 % 1000 };
		x->maps[i].next = i + 1 < n ? &x->maps[i + 1] : NULL;
	}
	x->p.maps = x->maps;
	x->p.n_maps = n;
}

static struct fixture *fixture(void)
{
	static char *const strs[12] = {
		NULL,	     "node",	"/usr/lib/libzed.so", "/opt/alpha.so",
		"old_space", "large\a", "allocation failure", "/app.slice",
		"worker",    "peer",
	};
	struct fixture *x = calloc(1, sizeof(*x));

	assert_non_null(x);
	memcpy(x->strs, strs, sizeof(strs));
	for (int i = 0; i < POINTS; i++)
		x->pts[i] = (struct mp_point){ .ts = T0 + (uint64_t)i * MP_TL_WIDTH0,
					       .rss = 300 * (int64_t)MIB,
					       .rss_min = 300 * (int64_t)MIB,
					       .rss_max = 300 * (int64_t)MIB,
					       .used = MP_UNKNOWN,
					       .committed = MP_UNKNOWN,
					       .external = MP_UNKNOWN };
	x->m = (struct mp_model){ .strs = x->strs,
				  .n_strs = 10,
				  .procs = x->procs,
				  .n_procs = 2,
				  .start = T0,
				  .now = T0 + 30 * SEC };
	x->procs[0] = &x->p;
	x->procs[1] = &x->other;
	x->p.mm = 1;
	x->other.mm = 2;
	x->p.tgid = 1234;
	x->other.tgid = 99;
	x->p.comm = 1;
	x->other.comm = 9;
	x->p.rss_known = true;
	x->p.rss = (struct mp_rss){ .anon = 260 * PAGES, .file = 40 * PAGES };
	x->p.tl = (struct mp_timeline){ T0, MP_TL_WIDTH0, POINTS, x->pts, POINTS };
	x->p.pages = mp_pageset_new();
	x->threads[0] = (struct mp_thread){ .tid = 1234, .faults = 10 };
	x->threads[1] = (struct mp_thread){
		.tid = 1240, .name = 8, .faults = 90, .kernel = 30, .pages_added = 80, .majors = 2
	};
	x->p.threads = x->threads;
	x->p.n_threads = 2;
	x->p.faults = 100;
	x->sites[0] = (struct mp_fsite){ .pages = 512, .samples = 4, .squares = 65536 };
	x->p.fsites = x->sites;
	x->p.n_fsites = 1;
	fill_heap(x);
	fill_gcs(x);
	fill_releases(x);
	fill_cgroup(x);
	fill_maps(x, 40);
	tui_view_init(&x->view, false);
	tui_theme_init(&x->theme, true, 256);
	x->src = (struct tui_source){ .ctx = x, .events = events };
	x->f = (struct tui_frame){
		.now = &x->m, .state = &x->m, .view = &x->view, .theme = &x->theme, .src = &x->src
	};
	return x;
}

static void drop(struct fixture *x)
{
	tui_frame_free(&x->f);
	tui_grid_free(&x->g);
	mp_pageset_free(x->p.pages);
	free(x->maps);
	free(x);
}

static void begin(struct fixture *x, int w, int h)
{
	assert_int_equal(tui_frame_begin(&x->f, w, h), 0);
}

static char *screen(struct fixture *x, int w, int h)
{
	char *text;

	begin(x, w, h);
	assert_int_equal(tui_grid_resize(&x->g, w, h), 0);
	tui_draw(&x->g, &x->f);
	text = tui_grid_dump(&x->g);
	assert_non_null(text);
	return text;
}

static void expect(struct fixture *x, int w, int h, const char *what)
{
	char *text = screen(x, w, h);

	if (!strstr(text, what))
		fail_msg("no \"%s\" in\n%s", what, text);
	free(text);
}

static void expect_not(struct fixture *x, int w, int h, const char *what)
{
	char *text = screen(x, w, h);

	if (strstr(text, what))
		fail_msg("\"%s\" in\n%s", what, text);
	free(text);
}

/* The text of a cell: row number r in the order shown. */
static const char *cell(struct fixture *x, size_t r, const char *head)
{
	static char text[TUI_CELL_MAX];
	const struct tui_pane *pane = tui_pane(&x->f);

	*text = '\0';
	for (int c = 0; c < pane->n_cols; c++)
		if (!strcmp(pane->cols[c].head, head))
			pane->text(&x->f, tui_pane_row(&x->f, r), c, text, sizeof(text));
	return text;
}

static void sort_by(struct fixture *x, const char *head)
{
	const struct tui_pane *pane = tui_pane(&x->f);

	for (int c = 0; c < pane->n_cols; c++)
		if (!strcmp(pane->cols[c].head, head))
			x->view.ps[x->view.pane].sort = c;
	begin(x, 200, 60);
}

static void show(struct fixture *x, enum tui_pane_id pane)
{
	x->view.pane = pane;
	begin(x, 200, 60);
}

/* --- what each says ---------------------------------------------------------------- */

static void released_by_place(void **state)
{
	struct fixture *x = fixture();

	(void)state;
	show(x, TUI_P_RELEASED);
	assert_int_equal(x->f.rows.n, 3);
	assert_string_equal(cell(x, 0, "call"), "dontneed");
	assert_string_equal(cell(x, 0, "calls"), "1234");
	assert_string_equal(cell(x, 0, "released"), "500 M");
	assert_string_equal(cell(x, 0, "60 s"), "7.00 M");
	assert_string_equal(cell(x, 0, "last"), "00:12.3");
	/* left to the kernel counts as given back: it is what was asked for */
	assert_string_equal(cell(x, 1, "call"), "free");
	assert_string_equal(cell(x, 1, "released"), "0");
	assert_string_equal(cell(x, 2, "call"), "munmap");
	sort_by(x, "kept");
	assert_string_equal(cell(x, 0, "kept"), "10.0 M");
	sort_by(x, "call");
	assert_string_equal(cell(x, 0, "call"), "munmap");
	sort_by(x, "released");
	x->view.page = true;
	expect(x, 100, 50, "madvise dontneed");
	expect(x, 100, 50, "2 failed");
	expect(x, 100, 50, "90.0 M  never touched, or gone already");
	drop(x);
}

static void collections_and_their_fate(void **state)
{
	struct mp_event ph = { .ts = T0 + 3 * SEC - 1000, .type = MP_EV_PHASE, .mm = 1 };
	struct fixture *x = fixture();
	struct mp_model then;
	struct mp_proc was, *procs[1] = { &was };
	struct mp_gc gcs[1];

	(void)state;
	show(x, TUI_P_COLLECTIONS);
	assert_string_equal(cell(x, 0, "when"), "00:09.0");
	assert_string_equal(cell(x, 2, "when"), "00:03.0");
	assert_string_equal(cell(x, 2, "owed"), "50.0 M");
	assert_string_equal(cell(x, 2, "lag"), "2.0 s");
	assert_string_equal(cell(x, 2, "reason"), "allocation failure");
	/* what is not known is no zero, and comes last */
	sort_by(x, "pause");
	assert_string_equal(cell(x, 0, "pause"), "7.0 ms");
	assert_string_equal(cell(x, 2, "pause"), "-");
	assert_string_equal(cell(x, 2, "before"), "-");
	/* at its time only 10 MiB were back; by now more is known */
	ph.sub = MP_PHASE_SWEEP;
	ph.phase.dur = 1500000;
	ph.phase.source = MP_SRC_V8;
	x->ev = &ph;
	x->n_ev = 1;
	then = x->m;
	was = x->p;
	gcs[0] = x->gcs[0];
	gcs[0].returned = 10 * MIB;
	was.gcs = gcs;
	was.n_gcs = 1;
	then.procs = procs;
	then.n_procs = 1;
	x->f.state = &then;
	x->view.page = true;
	expect(x, 100, 50, "given back by calls         10.0 M");
	expect(x, 100, 50, "given back by calls          120 M");
	expect(x, 100, 50, "sweep                       1.5 ms");
	x->f.state = &x->m;
	drop(x);
}

static void spaces_under_their_heap(void **state)
{
	struct fixture *x = fixture();
	const struct tui_rect *r = &x->f.lay.table;
	struct tui_cell live, lazy;
	char *text;
	int n = 0, m = 0;

	(void)state;
	show(x, TUI_P_SPACES);
	assert_int_equal(x->f.rows.n, 3);
	assert_string_equal(cell(x, 0, "heap, space"), "v8");
	assert_string_equal(cell(x, 0, "limit"), "512 M");
	assert_string_equal(cell(x, 0, "arrays"), "-");
	assert_string_equal(cell(x, 1, "heap, space"), "  old_space");
	assert_string_equal(cell(x, 1, "resident"), "-");
	assert_string_equal(cell(x, 2, "resident"), "12.0 M");
	assert_string_equal(cell(x, 1, "limit"), "");
	/* 60 of 100 MiB used: the bar of the heap is full, six tenths of it used */
	free(screen(x, 80, 24));
	live = tui_band_cell(&x->theme, TUI_BAND_LIVE);
	lazy = tui_band_cell(&x->theme, TUI_BAND_LAZY);
	for (int c = r->x; c < r->x + r->w; c++) {
		n += tui_grid_at(&x->g, c, r->y + 1)->ch == live.ch;
		m += tui_grid_at(&x->g, c, r->y + 1)->ch == lazy.ch;
	}
	assert_true(n > 5 && m > 2);
	assert_in_range(n * 10, (n + m) * 5, (n + m) * 7);
	sort_by(x, "committed");
	assert_string_equal(cell(x, 1, "committed"), "60.0 M");
	x->view.page = true;
	text = screen(x, 100, 50);
	assert_non_null(strstr(text, "1.00 M  90.0 M  60.0 M"));
	assert_non_null(strstr(text, "large?")); /* as it was told, but no bell */
	free(text);
	drop(x);
}

/* A heap may say anything: a bar is as wide as its place, at once. */
static void parts_beyond_their_whole(void **state)
{
	static const uint64_t odd[] = { 1ULL << 40, MP_UNKNOWN - 1 };
	struct fixture *x = fixture();
	struct mp_heap *h = &x->p.heaps[MP_SRC_V8];
	const struct tui_rect *r = &x->f.lay.table;
	struct tui_cell live;
	char text[16];

	(void)state;
	live = tui_band_cell(&x->theme, TUI_BAND_LIVE);
	h->committed = 1;
	show(x, TUI_P_SPACES);
	for (unsigned i = 0; i < 2; i++) {
		int n = 0, m = 0;

		h->used = h->spaces[0].used = odd[i];
		h->spaces[0].committed = 0;
		free(screen(x, 80, 24));
		for (int c = r->x; c < r->x + r->w; c++) {
			n += tui_grid_at(&x->g, c, r->y + 1)->ch == live.ch;
			m += tui_grid_at(&x->g, c, r->y + 2)->ch == live.ch;
		}
		assert_true(n > 7 && n == m);
		tui_percent(text, sizeof(text), odd[i], 1);
		assert_string_equal(text, ">9999%");
	}
	tui_percent(text, sizeof(text), 1999, 1000);
	assert_string_equal(text, "199%");
	tui_percent(text, sizeof(text), 1, 1000);
	assert_string_equal(text, "<1%");
	drop(x);
}

static void control_group_against_rss(void **state)
{
	struct fixture *x = fixture();

	(void)state;
	show(x, TUI_P_CGROUP);
	assert_int_equal(x->f.rows.n, 13); /* 8 of the group, 4 of the rollup, one neighbour */
	assert_string_equal(cell(x, 0, "control group"), "limit");
	assert_string_equal(cell(x, 0, "charged"), "500 M");
	assert_string_equal(cell(x, 2, "charged"), "400 M");
	assert_string_equal(cell(x, 2, "this RSS"), "300 M");
	assert_string_equal(cell(x, 2, "beyond"), "100 M");
	/* less anonymous memory than the process has: what others touched first is theirs */
	assert_string_equal(cell(x, 3, "beyond"), "0");
	assert_string_equal(cell(x, 4, "beyond"), "60.0 M");
	assert_string_equal(cell(x, 6, "this RSS"), "-");
	assert_string_equal(cell(x, 6, "beyond"), "50.0 M");
	assert_string_equal(cell(x, 8, "this RSS"), "203 M");
	assert_string_equal(cell(x, 12, "control group"), "peer (99)");
	assert_string_equal(cell(x, 12, "this RSS"), "33.0 M");
	x->p.cgroup.limit = MP_UNKNOWN;
	x->p.cgroup.kernel = MP_UNKNOWN;
	begin(x, 80, 24);
	assert_string_equal(cell(x, 0, "charged"), "none");
	assert_string_equal(cell(x, 6, "charged"), "-");
	x->view.page = true;
	expect(x, 100, 50, "/app.slice, version 2");
	expect(x, 100, 50, "these four were read");
	/* of another instant than the counters are: not beside them */
	x->p.rollup.rss = 500 * MIB;
	expect(x, 100, 50, "since the last reading RSS has moved");
	expect_not(x, 100, 50, "these four were read");
	x->view.page = false;
	begin(x, 80, 24);
	for (size_t i = 8; i < 12; i++)
		assert_string_equal(cell(x, i, "this RSS"), "-");
	drop(x);
}

static void findings_have_a_moment(void **state)
{
	struct fixture *x = fixture();

	(void)state;
	/* 600 MiB at 10 s, 300 now */
	x->pts[1000].rss_max = 600 * (int64_t)MIB;
	show(x, TUI_P_FINDINGS);
	sort_by(x, "shows at");
	assert_string_equal(cell(x, 0, "rule"), "was-higher");
	assert_string_equal(cell(x, 0, "bytes"), "300 M");
	assert_string_equal(cell(x, 0, "shows at"), "00:10.0");
	expect(x, 80, 24, "RSS was 300 M higher: 600 M");
	/* of a moment before, it is no news */
	x->m.now = T0 + 5 * SEC;
	sort_by(x, "shows at");
	for (size_t i = 0; i < x->f.rows.n; i++)
		assert_string_not_equal(cell(x, i, "rule"), "was-higher");
	drop(x);
}

static void threads_and_stacks_have_pages(void **state)
{
	struct fixture *x = fixture();

	(void)state;
	show(x, TUI_P_THREADS);
	assert_string_equal(cell(x, 0, "thread"), "worker");
	x->view.page = true;
	expect(x, 100, 50, "thread 1240 worker");
	expect(x, 100, 50, "90  90% of all its process had");
	sort_by(x, "thread");
	assert_string_equal(cell(x, 0, "thread"), "node"); /* the first one has its process's */
	show(x, TUI_P_TOUCHED);
	x->view.page = true;
	expect(x, 100, 50, "2.00 M  +- 1.00 M, by 4 samples");
	expect(x, 100, 50, "(no stack was taken)");
	drop(x);
}

/* What no hook told of is not 0, nor -1. */
static void not_known_is_a_dash(void **state)
{
	struct fixture *x = fixture();

	(void)state;
	x->p.cgroup.charged = MP_UNKNOWN;
	expect(x, 200, 50, "- of 500 M");
	expect_not(x, 200, 50, "-1 B");
	x->m.probes[MP_FEAT_FAULTS] = (struct mp_probe){ .known = true, .rung = MP_RUNG_ABSENT };
	x->m.probes[MP_FEAT_CALLS] = x->m.probes[MP_FEAT_FAULTS];
	for (struct mp_mapping *v = x->p.maps; v; v = v->next)
		v->faults = v->released = 0;
	show(x, TUI_P_MAPS);
	begin(x, 120, 40);
	assert_string_equal(cell(x, 0, "faulted"), "-");
	assert_string_equal(cell(x, 0, "released"), "-");
	x->p.n_threads = 0;
	show(x, TUI_P_THREADS);
	expect(x, 100, 40, "no hook tells of faults");
	drop(x);
}

/* Of a path that is longer than a cell's text its end is kept. */
static void long_paths(void **state)
{
	struct fixture *x = fixture();
	char path[900];

	(void)state;
	memset(path, 'd', sizeof(path));
	snprintf(path + sizeof(path) - 12, 12, "/libend.so");
	path[0] = '/';
	x->strs[2] = path;
	x->maps[0].name = 2;
	x->maps[0].resident = 1000;
	show(x, TUI_P_MAPS);
	expect(x, 100, 40, "/libend.so");
	drop(x);
}

/* Nothing told of a heap or a group: their tables are passed over, and say why. */
static void what_is_not_there(void **state)
{
	struct fixture *x = fixture();

	(void)state;
	memset(&x->p.heaps, 0, sizeof(x->p.heaps));
	x->p.n_gcs = x->p.gc_minor = x->p.gc_major = 0;
	memset(&x->p.cgroup, 0, sizeof(x->p.cgroup));
	x->p.rollup.ts = 0;
	begin(x, 80, 24);
	for (int i = 0; i < 2 * TUI_PANES; i++) {
		tui_pane_turn(&x->f, 1);
		assert_true(x->view.pane != TUI_P_SPACES && x->view.pane != TUI_P_CGROUP &&
			    x->view.pane != TUI_P_COLLECTIONS);
	}
	x->view.pane = TUI_P_SPACES;
	expect(x, 80, 24, "no heap source");
	x->view.pane = TUI_P_COLLECTIONS;
	expect(x, 80, 24, "collections are not seen");
	x->view.pane = TUI_P_CGROUP;
	expect(x, 80, 24, "no control group");
	x->view.pane = TUI_P_RELEASED;
	x->p.n_releases = 0;
	expect(x, 80, 24, "no call has given memory back yet");
	x->m.probes[MP_FEAT_CALLS] = (struct mp_probe){ .known = true };
	expect(x, 80, 24, "memory calls are not seen");
	drop(x);
}

/* --- one mapping ------------------------------------------------------------------- */

static struct mp_event fault(uint64_t ts, uint64_t addr, uint32_t pages)
{
	struct mp_event e = { .ts = ts, .type = MP_EV_FAULT, .mm = 1, .x = pages };

	e.fault.addr = addr;
	return e;
}

static struct mp_event dontneed(uint64_t ts, uint64_t addr, uint64_t len, int fell)
{
	struct mp_event e = { .ts = ts, .type = MP_EV_CALL, .sub = MP_CALL_MADVISE, .mm = 1 };

	e.x = 4;
	e.call.addr = addr;
	e.call.len = len;
	e.call.d_anon = -fell;
	return e;
}

static void history_of_a_mapping(void **state)
{
	struct fixture *x = fixture();
	uint64_t at = x->maps[3].start;
	struct mp_event ev[] = {
		fault(T0 + SEC, at, 8),
		fault(T0 + SEC, at - 4 * MP_PAGE_SIZE, 6), /* two of them in it */
		fault(T0 + SEC, at + 0x8000, 100),	   /* behind it        */
		dontneed(T0 + 10 * SEC, at, 0x8000, 8),
		dontneed(T0 + 20 * SEC, at + 0x4000, 0x100000, 50), /* four of those in it */
		dontneed(T0 + 21 * SEC, at, 0x8000, -3),	    /* took nothing away   */
		dontneed(T0 + 22 * SEC, 0, 0x1000, 1),
		dontneed(T0 + 23 * SEC, at + 0x4000, 0, 2),
		dontneed(T0 + 24 * SEC, at, 0x8000, 1),
	};
	unsigned reads;

	(void)state;
	ev[6].sub = MP_CALL_MMAP; /* over its first page */
	ev[6].call.ret = (int64_t)at;
	ev[7].sub = MP_CALL_BRK; /* from its sixth page down to its fifth */
	ev[7].call.ret = (int64_t)at + 0x4000;
	ev[7].call.len2 = at + 0x5000;
	ev[8].flags = MP_CALL_FAILED;
	x->ev = ev;
	x->n_ev = 9;
	x->maps[3].fk[MP_FK_COW] = 5;
	x->maps[3].faults = 13;
	x->maps[3].last_ts = T0 + 20 * SEC;
	x->maps[3].name = 2;
	show(x, TUI_P_MAPS);
	x->view.ps[TUI_P_MAPS].sel = at;
	x->view.page = true;
	expect(x, 100, 60, "libzed.so");
	expect(x, 100, 60, "faulted: 40.0 K");
	expect(x, 100, 60, "RSS fell, in calls on them: 56.0 K");
	expect(x, 100, 60, "00:10.0  madvise dontneed of 32.0 K: RSS fell by 32.0 K");
	expect(x, 100, 60, "00:20.0  madvise dontneed of 1.00 M: RSS fell by 16.0 K");
	expect(x, 100, 60, "00:22.0  mmap of 4.00 K: RSS fell by 4.00 K");
	expect(x, 100, 60, "00:23.0  brk of 4.00 K: RSS fell by 4.00 K");
	expect(x, 100, 60, "... cow                     20.0 K");
	expect(x, 100, 60, "last change                00:20.0");
	/* it is read once, not in every frame */
	reads = x->reads;
	begin(x, 100, 60);
	assert_int_equal(x->reads, reads);
	/* ... and again for another */
	x->view.ps[TUI_P_MAPS].sel = x->maps[4].start;
	expect(x, 100, 60, "faulted: 0");
	assert_int_equal(x->reads, reads + 1);
	drop(x);
}

/* A long stretch is read in pieces, a frame each, and comes to the same. */
static void history_in_pieces(void **state)
{
	enum { N = 250000 };
	struct mp_event *ev = calloc(N, sizeof(*ev));
	struct fixture *x = fixture();
	uint64_t at = x->maps[3].start;
	int frames = 0;
	char want[64], num[16];

	(void)state;
	assert_non_null(ev);
	for (int i = 0; i < N; i++)
		ev[i] = fault(T0 + (uint64_t)i * (29 * SEC / N), at, 1);
	x->ev = ev;
	x->n_ev = N;
	show(x, TUI_P_MAPS);
	x->view.ps[TUI_P_MAPS].sel = at;
	x->view.page = true;
	begin(x, 100, 60);
	assert_true(x->f.again);
	while (x->f.again && frames++ < 20)
		begin(x, 100, 60);
	assert_int_equal(frames, N / TUI_TRACK_EVENTS);
	snprintf(want, sizeof(want), "faulted: %s",
		 mp_bytes(num, sizeof(num), (int64_t)(N * MP_PAGE_SIZE)));
	expect(x, 100, 60, want);
	free(ev);
	drop(x);
}

static void mappings_by_change_and_name(void **state)
{
	struct fixture *x = fixture();

	(void)state;
	x->maps[7].last_ts = T0 + 3 * SEC;
	x->maps[7].refaulted = 9;
	x->maps[5].name = 2;
	x->maps[6].name = 3;
	show(x, TUI_P_MAPS);
	sort_by(x, "changed");
	assert_ptr_equal(tui_pane_row(&x->f, 0)->p, &x->maps[7]);
	/* what the rows are ordered by is shown at any width */
	expect(x, 80, 24, "changed\u25bc");
	expect(x, 80, 24, "00:03.0");
	sort_by(x, "again");
	assert_ptr_equal(tui_pane_row(&x->f, 0)->p, &x->maps[7]);
	sort_by(x, "name"); /* by the file's own name; nameless ones last */
	assert_ptr_equal(tui_pane_row(&x->f, 0)->p, &x->maps[6]);
	assert_ptr_equal(tui_pane_row(&x->f, 1)->p, &x->maps[5]);
	assert_ptr_equal(tui_pane_row(&x->f, 2)->p, &x->maps[0]);
	tui_theme_init(&x->theme, false, 0);
	expect(x, 80, 24, "name+");
	tui_pane_reverse(&x->f);
	expect(x, 80, 24, "name-");
	drop(x);
}

/* --- the engine -------------------------------------------------------------------- */

static int by_resident(const void *a, const void *b)
{
	const struct mp_mapping *x = *(const struct mp_mapping *const *)a;
	const struct mp_mapping *y = *(const struct mp_mapping *const *)b;

	if (x->resident != y->resident)
		return x->resident < y->resident ? 1 : -1;
	return x->start < y->start ? -1 : x->start > y->start;
}

static void shows_what_a_full_sort_would(void **state)
{
	static const size_t sizes[] = { 1, 2, 24, 25, 26, 100, 1000, 65000 };
	struct fixture *x = fixture();
	unsigned seed = 4711;

	(void)state;
	show(x, TUI_P_MAPS);
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		const struct mp_mapping **v = calloc(sizes[s], sizeof(*v));
		size_t n = sizes[s];

		assert_non_null(v);
		fill_maps(x, n);
		for (size_t i = 0; i < n; i++) {
			x->maps[i].resident = (size_t)rand_r(&seed) % (s % 2 ? 5 : 100000);
			v[i] = &x->maps[i];
		}
		qsort(v, n, sizeof(*v), by_resident);
		for (int k = 0; k < 12; k++) {
			struct tui_pane_state *ps = &x->view.ps[TUI_P_MAPS];
			size_t at = (size_t)rand_r(&seed) % n;

			ps->sel = v[at]->start;
			ps->top = (size_t)rand_r(&seed) % n;
			begin(x, 80, 24 + k);
			assert_int_equal(x->f.rows.sel, at);
			assert_ptr_equal(tui_pane_selected(&x->f)->p, v[at]);
			for (size_t i = 0; i < x->f.shown && x->f.rows.top + i < n; i++)
				assert_ptr_equal(x->f.rows.v[x->f.rows.top + i].p,
						 v[x->f.rows.top + i]);
			at = (size_t)rand_r(&seed) % n;
			assert_ptr_equal(tui_pane_row(&x->f, at)->p, v[at]);
			/* keys between two frames find their rows, too */
			tui_pane_select(&x->f, (long)at - (long)x->f.rows.sel);
			assert_int_equal(ps->sel, v[at]->start);
			assert_ptr_equal(tui_pane_selected(&x->f)->p, v[at]);
		}
		free(v);
	}
	drop(x);
}

static void selection_outlives_its_row(void **state)
{
	struct fixture *x = fixture();
	struct tui_pane_state *ps = &x->view.ps[TUI_P_MAPS];
	size_t top;

	(void)state;
	show(x, TUI_P_MAPS);
	sort_by(x, "start");
	begin(x, 80, 24);
	tui_pane_select(&x->f, 30);
	begin(x, 80, 24);
	top = x->f.rows.top;
	assert_int_equal(ps->sel, x->maps[30].start);
	/* at an earlier moment it was not there: the place stays, not the row */
	x->maps[29].next = &x->maps[31];
	begin(x, 80, 24);
	assert_true(x->f.rows.gone);
	assert_int_equal(x->f.rows.sel, 30);
	assert_int_equal(x->f.rows.top, top);
	x->view.page = true;
	expect(x, 80, 24, "There is no such row at this moment.");
	x->view.page = false;
	/* ... nor any of the last thirty; nor any state at all */
	x->maps[9].next = NULL;
	begin(x, 80, 24);
	assert_int_equal(x->f.rows.sel, 9);
	x->f.state = NULL;
	begin(x, 80, 24);
	assert_int_equal(x->f.rows.n, 0);
	/* back again */
	x->f.state = &x->m;
	x->maps[9].next = &x->maps[10];
	x->maps[29].next = &x->maps[30];
	begin(x, 80, 24);
	assert_false(x->f.rows.gone);
	assert_int_equal(x->f.rows.sel, 30);
	assert_int_equal(x->f.rows.top, top);
	drop(x);
}

static void keys_of_one_batch(void **state)
{
	struct fixture *x = fixture();

	(void)state;
	/* another table, two rows down: nothing was drawn in between */
	show(x, TUI_P_TOUCHED);
	tui_key(&x->f, 't');
	tui_key(&x->f, 'j');
	tui_key(&x->f, 'j');
	begin(x, 200, 60);
	assert_int_equal(x->view.pane, TUI_P_RELEASED);
	assert_int_equal(x->f.rows.sel, 2);
	drop(x);
}

static void filter_asks_for_words(void **state)
{
	struct fixture *x = fixture();
	struct tui_pane_state *ps = &x->view.ps[TUI_P_MAPS];

	(void)state;
	x->maps[5].name = 2;
	x->maps[6].cls = MP_CLS_STACK;
	show(x, TUI_P_MAPS);
	strcpy(ps->filter, "LIBZED");
	for (int i = 0; i < 3; i++) { /* the answer is remembered, and stays right */
		begin(x, 80, 24);
		assert_int_equal(x->f.rows.n, 1);
		assert_ptr_equal(tui_pane_row(&x->f, 0)->p, &x->maps[5]);
	}
	x->maps[8].name = 2;
	begin(x, 80, 24);
	assert_int_equal(x->f.rows.n, 2);
	strcpy(ps->filter, "stack");
	begin(x, 80, 24);
	assert_int_equal(x->f.rows.n, 1);
	x->maps[6].cls = MP_CLS_ANON;
	begin(x, 80, 24);
	assert_int_equal(x->f.rows.n, 0);
	assert_int_equal(x->f.rows.all, 40);
	/* figures are no words: "K" is in every one of them */
	strcpy(ps->filter, "2.0 K");
	begin(x, 80, 24);
	assert_int_equal(x->f.rows.n, 0);
	/* columns that are too wide for the screen count */
	x->view.pane = TUI_P_FINDINGS;
	x->pts[1000].rss_max = 900 * (int64_t)MIB;
	strcpy(x->view.ps[TUI_P_FINDINGS].filter, "was-higher");
	begin(x, 80, 24);
	assert_int_equal(x->f.rows.n, 1);
	drop(x);
}

/* --- to the evidence --------------------------------------------------------------- */

static void rows_lead_to_their_moment(void **state)
{
	struct fixture *x = fixture();

	(void)state;
	show(x, TUI_P_COLLECTIONS);
	tui_key(&x->f, 'a');
	begin(x, 80, 24);
	assert_false(x->view.follow);
	assert_int_equal(x->view.cursor, T0 + 9 * SEC);
	assert_true(x->f.again); /* that frame still showed the moment before */
	tui_key(&x->f, 'j');
	tui_key(&x->f, 'j');
	tui_key(&x->f, '\r');
	begin(x, 80, 24);
	assert_true(x->view.page);
	expect(x, 80, 24, "Enter to its moment");
	tui_key(&x->f, '\r');
	begin(x, 80, 24);
	assert_false(x->view.page);
	assert_int_equal(x->view.cursor, T0 + 3 * SEC);
	/* a thread is about no moment */
	show(x, TUI_P_THREADS);
	tui_key(&x->f, 'a');
	begin(x, 80, 24);
	assert_int_equal(x->view.cursor, T0 + 3 * SEC);
	assert_non_null(strstr(x->view.wish.say, "no moment"));
	drop(x);
}

/* --- everywhere -------------------------------------------------------------------- */

static void check_table(struct fixture *x, int w, int h)
{
	const struct tui_rect *r = &x->f.lay.table;

	free(screen(x, w, h));
	for (int y = r->y; y < r->y + r->h && !x->view.page; y++) {
		const struct tui_cell *c = tui_grid_at(&x->g, r->x, y);

		assert_non_null(c);
		assert_true(c->ch == L' ' || c->ch == x->theme.g->sel);
	}
	assert_true(x->g.cursor_x >= 0 && x->g.cursor_x < w);
	assert_true(x->g.cursor_y >= 0 && x->g.cursor_y < h);
}

static void every_table_at_every_size(void **state)
{
	static const int heights[] = { 10, 13, 18, 24, 40, 60 };
	struct fixture *x = fixture();
	int turn = 0;

	(void)state;
	x->pts[1000].rss_max = 900 * (int64_t)MIB;
	for (int w = 40; w <= 200; w += w < 130 ? 3 : 17) {
		for (size_t i = 0; i < sizeof(heights) / sizeof(heights[0]); i++) {
			for (int p = 0; p < TUI_PANES; p++) {
				x->view.pane = (enum tui_pane_id)p;
				x->view.page = ++turn % 3 == 0;
				x->view.expand = turn % 2;
				x->view.in_table = turn % 5 == 0;
				tui_theme_init(&x->theme, turn % 7 != 0, turn % 4 ? 256 : 0);
				check_table(x, w, heights[i]);
				tui_pane_sort(&x->f);
			}
		}
	}
	drop(x);
}

static void no_text_of_others_reaches_the_screen_raw(void **state)
{
	struct fixture *x = fixture();

	(void)state;
	for (int i = 1; i < 10; i++)
		x->strs[i] = "\033[31mred\xc2\x9b";
	for (int p = 0; p < TUI_PANES; p++) {
		x->view.pane = (enum tui_pane_id)p;
		x->view.page = false;
		expect_not(x, 120, 40, "\033");
		x->view.page = true;
		expect_not(x, 120, 40, "\033");
	}
	drop(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(released_by_place),
		cmocka_unit_test(collections_and_their_fate),
		cmocka_unit_test(spaces_under_their_heap),
		cmocka_unit_test(parts_beyond_their_whole),
		cmocka_unit_test(control_group_against_rss),
		cmocka_unit_test(findings_have_a_moment),
		cmocka_unit_test(threads_and_stacks_have_pages),
		cmocka_unit_test(not_known_is_a_dash),
		cmocka_unit_test(long_paths),
		cmocka_unit_test(what_is_not_there),
		cmocka_unit_test(history_of_a_mapping),
		cmocka_unit_test(history_in_pieces),
		cmocka_unit_test(mappings_by_change_and_name),
		cmocka_unit_test(shows_what_a_full_sort_would),
		cmocka_unit_test(selection_outlives_its_row),
		cmocka_unit_test(keys_of_one_batch),
		cmocka_unit_test(filter_asks_for_words),
		cmocka_unit_test(rows_lead_to_their_moment),
		cmocka_unit_test(every_table_at_every_size),
		cmocka_unit_test(no_text_of_others_reaches_the_screen_raw),
	};

	setlocale(LC_ALL, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
