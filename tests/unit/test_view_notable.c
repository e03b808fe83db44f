/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_view_notable.c - what is called notable: each rule on both sides of its
 * threshold, its bytes, and the moment that it names.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <cmocka.h>

#include "user/model/model.h"
#include "user/view/notable.h"

#define MIB    (1024ULL * 1024)
#define SEC    1000000000ULL
#define PAGES  (MIB / MP_PAGE_SIZE)
#define T0     (100 * SEC)
#define POINTS 600 /* of 100 ms */

/* 200 MiB of anonymous memory that nothing is to be said about. */
struct world {
	struct mp_model m;
	struct mp_proc p;
	struct mp_point pts[POINTS];
	struct mp_timeline tl;
	struct mp_gc gc;
	struct mp_release rel;
	struct mp_notable out[MP_NOTABLE_MAX];
	size_t n;
};

static void begin(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->m.start = T0;
	w->m.now = T0 + 60 * SEC;
	w->tl = (struct mp_timeline){ T0, SEC / 10, POINTS, w->pts, POINTS };
	w->p.tgid = 7;
	w->p.rss_known = true;
	w->p.rss = (struct mp_rss){ .anon = 200 * PAGES, .lazyfree = MP_UNKNOWN };
	w->p.cls_pages[MP_CLS_ANON] = 200 * PAGES;
	for (int i = 0; i < POINTS; i++)
		w->pts[i] = (struct mp_point){ .ts = T0 + (uint64_t)i * (SEC / 10),
					       .rss = 200 * (int64_t)MIB,
					       .rss_min = 200 * (int64_t)MIB,
					       .rss_max = 200 * (int64_t)MIB,
					       .used = MP_UNKNOWN,
					       .committed = MP_UNKNOWN };
}

/* A heap with 100 of the 200 MiB, all of it in use. */
static struct mp_heap *with_heap(struct world *w)
{
	struct mp_heap *h = &w->p.heaps[MP_SRC_GC];

	begin(w);
	*h = (struct mp_heap){ .present = true,
			       .used = 100 * MIB,
			       .committed = 100 * MIB,
			       .external = MP_UNKNOWN,
			       .limit = MP_UNKNOWN,
			       .live = MP_UNKNOWN };
	w->p.cls_pages[MP_CLS_ANON] = 100 * PAGES;
	w->p.cls_pages[MP_CLS_HEAP] = 100 * PAGES;
	return h;
}

/* The row of a rule, or NULL. */
static const struct mp_notable *row(struct world *w, const char *name)
{
	w->n = mp_notables(&w->m, &w->p, &w->tl, w->out);
	for (size_t i = 0; i < w->n; i++)
		if (!strcmp(w->out[i].name, name))
			return &w->out[i];
	return NULL;
}

static const struct mp_notable *is(struct world *w, const char *name, enum mp_level level,
				   uint64_t bytes)
{
	const struct mp_notable *n = row(w, name);

	if (!n)
		fail_msg("no %s among %zu rows", name, w->n);
	assert_int_equal(n->level, level);
	assert_int_equal(n->bytes, bytes);
	assert_true(*n->text && n->rule && n->hint);
	return n;
}

static void nothing_to_say(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	assert_int_equal(mp_notables(&w.m, &w.p, &w.tl, w.out), 0);
	assert_int_equal(mp_notables(&w.m, NULL, &w.tl, w.out), 0);
	with_heap(&w);
	assert_int_equal(mp_notables(&w.m, &w.p, NULL, w.out), 0);
	/* without figures of RSS there are no parts to compare */
	w.p.rss_known = false;
	assert_int_equal(mp_notables(&w.m, &w.p, &w.tl, w.out), 0);
}

static void losses_and_probes(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	w.m.lost[MP_LOSS_RING_FULL] = w.m.lost_total = 5;
	w.pts[100].lost = 4;
	w.pts[200].lost = 1;
	assert_int_equal(is(&w, "lost-events", MP_LEVEL_WARN, MP_UNKNOWN)->ts, w.pts[200].ts);
	assert_null(row(&w, "no-probe"));
	w.m.probes[MP_FEAT_FAULTS] = (struct mp_probe){ .known = true, .rung = MP_RUNG_TP_BTF };
	assert_null(row(&w, "no-probe"));
	w.m.probes[MP_FEAT_FAULTS].rung = MP_RUNG_ABSENT;
	w.m.probes[MP_FEAT_CALLS] = w.m.probes[MP_FEAT_FAULTS];
	is(&w, "no-probe", MP_LEVEL_WARN, MP_UNKNOWN);
	assert_int_equal(w.n, 3); /* one for each hook */
	/* a heap's probe is missed only where there is such a heap */
	w.m.probes[MP_FEAT_HEAP_V8] = w.m.probes[MP_FEAT_FAULTS];
	assert_non_null(row(&w, "no-probe"));
	assert_int_equal(w.n, 3);
	w.p.prints.seen = MP_PRINT_V8;
	assert_non_null(row(&w, "no-probe"));
	assert_int_equal(w.n, 4);
}

static void limits(void **state)
{
	struct world w;
	struct mp_heap *h;

	(void)state;
	begin(&w);
	w.p.cgroup = (struct mp_cgroup){ .version = 2, .charged = 899 * MIB, .limit = 1000 * MIB };
	assert_null(row(&w, "near-limit"));
	w.p.cgroup.charged = 900 * MIB;
	is(&w, "near-limit", MP_LEVEL_WARN, 900 * MIB);
	is(&w, "beyond-rss", MP_LEVEL_INFO, 700 * MIB);
	w.p.cgroup.charged = 970 * MIB;
	is(&w, "near-limit", MP_LEVEL_BAD, 970 * MIB);
	assert_string_equal(w.out[0].name, "near-limit"); /* the worst stands first */
	w.p.cgroup.limit = MP_UNKNOWN;
	assert_null(row(&w, "near-limit"));
	assert_null(row(&w, "beyond-rss"));
	w.p.cgroup = (struct mp_cgroup){ .version = 2, .charged = 263 * MIB, .limit = 1000 * MIB };
	assert_null(row(&w, "beyond-rss"));

	h = with_heap(&w);
	h->limit = 112 * MIB;
	assert_null(row(&w, "heap-near-limit"));
	h->limit = 111 * MIB;
	for (int i = 300; i < POINTS; i++)
		w.pts[i].used = 100 * MIB;
	/* since it was so without a break */
	assert_int_equal(is(&w, "heap-near-limit", MP_LEVEL_WARN, 100 * MIB)->ts, w.pts[300].ts);
}

static void heap_shapes(void **state)
{
	struct world w;
	struct mp_heap *h = with_heap(&w);

	(void)state;
	/* a quarter of its pages, and 16 MiB at least */
	h->used = 76 * MIB;
	assert_null(row(&w, "free-heap"));
	h->used = 75 * MIB;
	for (int i = 400; i < POINTS; i++)
		w.pts[i].free_res = 25 * (int64_t)MIB;
	assert_int_equal(is(&w, "free-heap", MP_LEVEL_INFO, 25 * MIB)->ts, w.pts[400].ts);
	h->committed = 115 * MIB;
	assert_null(row(&w, "heap-lazy"));
	h->committed = 116 * MIB;
	is(&w, "heap-lazy", MP_LEVEL_INFO, 16 * MIB);
	w.p.exited = true; /* nobody will touch it any more */
	assert_null(row(&w, "heap-lazy"));
	w.p.exited = false;
	/* native memory: as much as the heap is not more */
	assert_null(row(&w, "native-larger"));
	w.p.cls_pages[MP_CLS_BRK] = 1;
	w.p.rss.anon++;
	is(&w, "native-larger", MP_LEVEL_INFO, 100 * MIB + MP_PAGE_SIZE);
	w.p.cls_pages[MP_CLS_HEAP] = w.p.cls_pages[MP_CLS_ANON] = 31 * PAGES;
	w.p.rss.anon = 62 * PAGES + 1;
	assert_null(row(&w, "native-larger"));

	begin(&w);
	w.p.cls_pages[MP_CLS_ANON] = 185 * PAGES;
	w.p.cls_pages[MP_CLS_JVM_HEAP] = 15 * PAGES;
	assert_null(row(&w, "heap-unsplit"));
	w.p.cls_pages[MP_CLS_ANON] = 184 * PAGES;
	w.p.cls_pages[MP_CLS_JVM_HEAP] = 16 * PAGES;
	is(&w, "heap-unsplit", MP_LEVEL_INFO, 16 * MIB);
}

static void owed_for_long(void **state)
{
	struct world w;

	(void)state;
	with_heap(&w);
	w.gc = (struct mp_gc){ .ts = w.m.now - 10 * SEC, .freed = 40 * MIB, .returned = 8 * MIB };
	w.p.gcs = &w.gc;
	w.p.n_gcs = 1;
	w.p.owed = 32 * MIB;
	assert_int_equal(is(&w, "owed-long", MP_LEVEL_WARN, 32 * MIB)->ts, w.gc.ts);
	w.gc.ts++;
	assert_null(row(&w, "owed-long"));
	w.gc.ts--;
	w.p.owed = 16 * MIB - 1;
	assert_null(row(&w, "owed-long"));
	w.p.owed = 32 * MIB;
	w.p.gc_unpaid = 1; /* of collections that are no longer kept */
	assert_null(row(&w, "owed-long"));
}

static void released_memory(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	w.rel = (struct mp_release){ .released = 128 * (int64_t)MIB, .last_ts = T0 + 5 * SEC };
	w.rel.back[MP_BACK_1S] = 64 * MIB;
	w.p.releases = &w.rel;
	w.p.n_releases = 1;
	assert_int_equal(is(&w, "touched-again", MP_LEVEL_WARN, 64 * MIB)->ts, T0 + 5 * SEC);
	w.rel.released = 129 * (int64_t)MIB; /* less than half of it */
	assert_null(row(&w, "touched-again"));
	w.rel.released = 64 * (int64_t)MIB;
	w.rel.back[MP_BACK_1S] = 64 * MIB - 1;
	assert_null(row(&w, "touched-again"));

	begin(&w);
	w.p.cls_lazy[MP_CLS_ANON] = 16 * PAGES - 1;
	assert_null(row(&w, "lazyfree"));
	w.p.cls_lazy[MP_CLS_ANON] = 16 * PAGES;
	w.p.lazy_marked_ts = T0 + 9 * SEC;
	assert_int_equal(is(&w, "lazyfree", MP_LEVEL_INFO, 16 * MIB)->ts, T0 + 9 * SEC);
}

static void parts_of_rss(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	w.p.cls_pages[MP_CLS_ANON] = 180 * PAGES;
	w.p.cls_pages[MP_CLS_STACK] = 20 * PAGES;
	for (int i = 500; i < POINTS; i++)
		w.pts[i].stacks = 20 * (int64_t)MIB;
	assert_int_equal(is(&w, "stacks", MP_LEVEL_INFO, 20 * MIB)->ts, w.pts[500].ts);
	w.p.cls_pages[MP_CLS_STACK]--;
	w.p.cls_pages[MP_CLS_ANON]++;
	assert_null(row(&w, "stacks"));

	begin(&w);
	w.p.cls_pages[MP_CLS_ANON] = 184 * PAGES;
	is(&w, "unexplained", MP_LEVEL_WARN, 16 * MIB);
	w.p.cls_pages[MP_CLS_ANON]++;
	assert_null(row(&w, "unexplained"));
	w.p.cls_pages[MP_CLS_ANON] = 216 * PAGES;
	assert_non_null(strstr(is(&w, "unexplained", MP_LEVEL_WARN, 16 * MIB)->text, "believes"));

	begin(&w);
	w.p.rss.swap = 16 * PAGES - 1;
	assert_null(row(&w, "swapped"));
	w.p.rss.swap++;
	is(&w, "swapped", MP_LEVEL_WARN, 16 * MIB);

	begin(&w);
	w.p.fk[0][MP_FK_HUGE] = 32; /* 511 pages each that nobody asked for */
	assert_null(row(&w, "huge-unasked"));
	w.p.fk[1][MP_FK_HUGE] = 1;
	is(&w, "huge-unasked", MP_LEVEL_INFO, 33 * 511 * MP_PAGE_SIZE);
}

static void was_higher(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	w.pts[100].rss_max = 250 * (int64_t)MIB - 1;
	assert_null(row(&w, "was-higher"));
	w.pts[100].rss_max++;
	assert_int_equal(is(&w, "was-higher", MP_LEVEL_INFO, 50 * MIB)->ts, w.pts[100].ts);
	w.m.now = w.pts[99].ts; /* what comes later is not looked at */
	assert_null(row(&w, "was-higher"));
}

/* One way through the timeline for all rules: each figure has the begin that is its own,
 * and one that fell in between begins after that. */
static void each_its_own_begin(void **state)
{
	struct world w;
	struct mp_heap *h = with_heap(&w);

	(void)state;
	h->used = 75 * MIB;
	w.p.cls_pages[MP_CLS_STACK] = 20 * PAGES;
	w.p.cls_pages[MP_CLS_ANON] = 80 * PAGES;
	for (int i = 0; i < POINTS; i++) {
		w.pts[i].free_res = i >= 400 ? 25 * (int64_t)MIB : 0;
		w.pts[i].stacks = i == 450 ? 0 : 20 * (int64_t)MIB;
		w.pts[i].lost = i == 7;
	}
	w.pts[90].rss_max = 260 * (int64_t)MIB;
	w.m.lost[MP_LOSS_RING_FULL] = w.m.lost_total = 1;
	assert_int_equal(is(&w, "free-heap", MP_LEVEL_INFO, 25 * MIB)->ts, w.pts[400].ts);
	assert_int_equal(is(&w, "stacks", MP_LEVEL_INFO, 20 * MIB)->ts, w.pts[451].ts);
	assert_int_equal(is(&w, "lost-events", MP_LEVEL_WARN, MP_UNKNOWN)->ts, w.pts[7].ts);
	assert_int_equal(is(&w, "was-higher", MP_LEVEL_INFO, 60 * MIB)->ts, w.pts[90].ts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_to_say),
		cmocka_unit_test(losses_and_probes),
		cmocka_unit_test(limits),
		cmocka_unit_test(heap_shapes),
		cmocka_unit_test(owed_for_long),
		cmocka_unit_test(released_memory),
		cmocka_unit_test(parts_of_rss),
		cmocka_unit_test(was_higher),
		cmocka_unit_test(each_its_own_begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
