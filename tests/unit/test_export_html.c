/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* test_export_html.c - what the HTML report shows, leaves out, escapes and links. */
#include "tests/unit/ev.h"

#include "user/export/html_int.h"

/* --- escaping ---------------------------------------------------------------------------- */

static void escaped_is(const char *in, const char *want)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	html_put_json(f, in, strlen(in));
	fclose(f);
	assert_string_equal(text, want);
	free(text);
}

static void json_ends_no_element(void **state)
{
	(void)state;
	escaped_is("[\"</script><script>alert(1)</script>\"]",
		   "[\"\\u003c/script\\u003e\\u003cscript\\u003ealert(1)\\u003c/script\\u003e\"]");
	escaped_is("\"<!--&lt;]]>\"", "\"\\u003c!--\\u0026lt;]]\\u003e\"");
	escaped_is("\"\xe2\x80\xa8|\xe2\x80\xa9\"", "\"\\u2028|\\u2029\"");
	/* their neighbours, and pieces of them at the end, stay */
	escaped_is("\xe2\x80\xa7\xe2\x80\xaa\xe2\x81\xa8", "\xe2\x80\xa7\xe2\x80\xaa\xe2\x81\xa8");
	escaped_is("\xe2\x80", "\xe2\x80");
	escaped_is("\xe2", "\xe2");
}

/* --- choosing ---------------------------------------------------------------------------- */

static void top_takes_the_highest(void **state)
{
	const uint64_t key[] = { 5, 1, 9, 5, 5, 0, 7 };
	bool take[7];

	(void)state;
	assert_int_equal(html_top(key, 7, 7, take), 7);
	for (int i = 0; i < 7; i++)
		assert_true(take[i]);
	assert_int_equal(html_top(key, 7, 4, take), 4);
	const bool four[] = { true, false, true, true, false, false, true };
	assert_memory_equal(take, four, sizeof(four));
	assert_int_equal(html_top(key, 7, 0, take), 0);
	for (int i = 0; i < 7; i++)
		assert_false(take[i]);
	assert_int_equal(html_top(key, 0, 3, take), 0);
}

/* Random keys: as many as asked for, and none left out is above one taken. */
static void top_of_random_keys(void **state)
{
	struct rnd r = rnd_seed("html top", 1);

	(void)state;
	for (int round = 0; round < 200; round++) {
		uint64_t key[64], low = UINT64_MAX, high = 0;
		size_t n = 1 + rnd_below(&r, 64), max = 1 + rnd_below(&r, n), took = 0;
		bool take[64];

		for (size_t i = 0; i < n; i++)
			key[i] = rnd_below(&r, 10);
		assert_int_equal(html_top(key, n, max, take), max);
		for (size_t i = 0; i < n; i++) {
			took += take[i];
			if (take[i] && key[i] < low)
				low = key[i];
			if (!take[i] && key[i] > high)
				high = key[i];
		}
		assert_int_equal(took, max);
		assert_true(took == n || low >= high);
	}
}

static struct mp_point *flat_points(size_t n)
{
	struct mp_point *p = calloc(n, sizeof(*p));

	for (size_t i = 0; i < n; i++)
		p[i] = (struct mp_point){ .rss = 100, .rss_min = 100, .rss_max = 100, .used = 50 };
	return p;
}

static void pick_keeps_spikes(void **state)
{
	enum { N = 10000, MAX = 500 };
	struct mp_point *p = flat_points(N);
	static bool take[N];
	size_t marked = 0;

	(void)state;
	p[1234].rss_max = 5000;
	p[4321].rss_min = 3;
	p[7777].owed = 9;
	p[8888].used = 4000;
	p[9001].used = MP_UNKNOWN;
	assert_in_range(html_pick(p, N, MAX, take), MAX / 5, MAX);
	for (size_t i = 0; i < N; i++)
		marked += take[i];
	assert_in_range(marked, MAX / 5, MAX);
	assert_true(take[1234] && take[4321] && take[7777] && take[8888] && take[N - 1]);
	/* short enough: everything */
	assert_int_equal(html_pick(p, MAX, MAX, take), MAX);
	for (size_t i = 0; i < MAX; i++)
		assert_true(take[i]);
	free(p);
}

/* --- releases and collections ---------------------------------------------------------------- */

/* A heap of 64 MiB, all of it resident and in use; then collections and releases. */
struct heap {
	struct mp_model *m;
	struct html_links *l;
	uint64_t ts;
};

static void feed(struct heap *h, struct mp_event e)
{
	h->ts += MS;
	e.ts = h->ts;
	html_links_before(h->l, mp_model_proc(h->m, MM), &e);
	assert_int_equal(mp_model_fold(h->m, &e), 0);
	html_links_after(h->l, mp_model_proc(h->m, MM), &e);
}

#define HEAP_AT	   0x7f0000000000ULL
#define HEAP_PAGES 16384

static struct mp_event event(unsigned type, unsigned sub)
{
	return (struct mp_event){ .type = (uint16_t)type, .sub = (uint8_t)sub, .mm = MM, .tid = 7 };
}

static struct mp_event heap_now(uint64_t used)
{
	struct mp_event e = event(MP_EV_HEAP, MP_SRC_GC);

	e.heap.used = used;
	e.heap.committed = HEAP_PAGES * PG;
	e.heap.external = e.heap.arrays = e.heap.limit = e.heap.goal = e.heap.live = MP_UNKNOWN;
	return e;
}

static struct mp_event collection(struct heap *h, uint64_t before, uint64_t after)
{
	struct mp_event e = event(MP_EV_GC, MP_GC_MAJOR);

	e.gc.before = before;
	e.gc.after = after;
	e.gc.cbefore = e.gc.cafter = HEAP_PAGES * PG;
	e.gc.pause = MS;
	e.gc.start = h->ts;
	e.gc.source = MP_SRC_GC;
	return e;
}

static struct mp_event drop(uint64_t page, uint64_t pages)
{
	struct mp_event e = event(MP_EV_CALL, MP_CALL_MADVISE);

	e.x = 4; /* MADV_DONTNEED */
	e.call.addr = HEAP_AT + page * PG;
	e.call.len = pages * PG;
	e.call.d_anon = -(int32_t)pages;
	return e;
}

static void counters(struct heap *h, uint64_t anon)
{
	struct mp_event e = event(MP_EV_RSS, MP_RSS_KERNEL);

	e.rss.anon = anon;
	e.rss.lazyfree = e.rss.hugetlb = MP_UNKNOWN;
	feed(h, e);
}

static struct heap heap_begin(void)
{
	struct heap h = { mp_model_new(), html_links_new(), T0 };
	struct mp_event e = event(MP_EV_TASK, MP_TASK_TARGET);

	e.task.a = 7;
	feed(&h, e);
	e = event(MP_EV_CALL, MP_CALL_MMAP);
	e.x = MP_MMAP_X(RW, PRIV);
	e.call.len = HEAP_PAGES * PG;
	e.call.ret = HEAP_AT;
	feed(&h, e);
	e = event(MP_EV_HEAP_RANGE, MP_HEAP_RESERVE);
	e.range.addr = HEAP_AT;
	e.range.len = HEAP_PAGES * PG;
	e.range.source = MP_SRC_GC;
	feed(&h, e);
	e = event(MP_EV_FAULT, MP_FAULT_WRITE);
	e.x = HEAP_PAGES;
	e.fault.addr = HEAP_AT;
	feed(&h, e);
	counters(&h, HEAP_PAGES);
	feed(&h, heap_now(HEAP_PAGES * PG));
	return h;
}

static void heap_end(struct heap *h)
{
	html_links_free(h->l);
	mp_model_free(h->m);
}

/* Everything that collections were credited is linked to a call, and to no other. */
static void links_sum_to_credits(struct heap *h)
{
	const struct mp_proc *p = mp_model_proc(h->m, MM);

	for (size_t i = 0; i < p->n_gcs; i++) {
		uint64_t sum = 0;

		for (uint64_t k = 0; k < h->l->n_link; k++)
			sum += h->l->link[k].gc == i ? h->l->link[k].bytes : 0;
		assert_int_equal(sum, p->gcs[i].returned);
	}
	for (uint64_t k = 0; k < h->l->n_rel; k++)
		assert_true(h->l->rel[k].linked <= h->l->rel[k].gone);
}

static void a_release_pays_the_oldest_collection(void **state)
{
	struct heap h = heap_begin();
	const uint64_t all = HEAP_PAGES * PG;

	(void)state;
	feed(&h, collection(&h, all, all - 100 * PG));
	feed(&h, collection(&h, all - 100 * PG, all - 300 * PG));
	feed(&h, drop(0, 150));
	assert_int_equal(h.l->n_rel, 1);
	assert_int_equal(h.l->rel[0].gone, 150 * PG);
	assert_int_equal(h.l->n_link, 2);
	assert_int_equal(h.l->link[0].gc, 0);
	assert_int_equal(h.l->link[0].bytes, 100 * PG);
	assert_int_equal(h.l->link[1].gc, 1);
	assert_int_equal(h.l->link[1].bytes, 50 * PG);
	feed(&h, drop(150, 20));
	assert_int_equal(h.l->n_link, 3);
	assert_int_equal(h.l->link[2].release, 1);
	assert_int_equal(h.l->link[2].gc, 1);
	links_sum_to_credits(&h);
	heap_end(&h);
}

/* A release while a collection runs comes before the event that tells of it. */
static void a_release_within_a_collection_is_its(void **state)
{
	struct heap h = heap_begin();
	const uint64_t all = HEAP_PAGES * PG;
	struct mp_event e;

	(void)state;
	feed(&h, drop(0, 10)); /* before: nobody's */
	h.ts += SEC;
	e = collection(&h, all, all - 500 * PG);
	feed(&h, drop(100, 200));
	feed(&h, e);
	assert_int_equal(h.l->n_rel, 2);
	assert_int_equal(h.l->n_link, 1);
	assert_int_equal(h.l->link[0].release, 1);
	assert_int_equal(h.l->link[0].bytes, 200 * PG);
	links_sum_to_credits(&h);
	heap_end(&h);
}

/* Another past: what was restored is not taken for what happened now. */
static void a_state_dump_links_nothing(void **state)
{
	struct heap h = heap_begin();
	const uint64_t all = HEAP_PAGES * PG;
	struct mp_event e = event(MP_EV_KEYFRAME, MP_KEY_BEGIN);

	(void)state;
	feed(&h, collection(&h, all, all - 100 * PG));
	mp_model_proc(h.m, MM)->gcs[0].returned = 30 * PG; /* as a dump would tell */
	mp_model_proc(h.m, MM)->owed -= 30 * PG;
	html_links_before(h.l, NULL, &e);
	feed(&h, drop(0, 5));
	assert_int_equal(h.l->n_link, 1);
	assert_int_equal(h.l->link[0].bytes, 5 * PG);
	assert_int_equal(h.l->n_rel, 1);
	heap_end(&h);
}

/* Rings: the last are kept, whatever comes. */
static void many_releases(void **state)
{
	struct heap h = heap_begin();
	const uint64_t all = HEAP_PAGES * PG;
	const struct mp_proc *p;

	(void)state;
	for (unsigned round = 0; round < 6; round++) {
		struct mp_event e = event(MP_EV_FAULT, MP_FAULT_WRITE);

		e.x = HEAP_PAGES;
		e.fault.addr = HEAP_AT;
		feed(&h, e);
		counters(&h, HEAP_PAGES);
		feed(&h, heap_now(all));
		feed(&h, collection(&h, all, 0));
		for (unsigned i = 0; i < HEAP_PAGES; i++)
			feed(&h, drop(i, 1));
	}
	p = mp_model_proc(h.m, MM);
	assert_int_equal(h.l->n_rel, 6 * HEAP_PAGES);
	assert_true(h.l->n_rel > HTML_RELEASES_MAX);
	for (size_t i = 0; i < p->n_gcs; i++)
		assert_int_equal(p->gcs[i].returned, h.l->returned[i]);
	assert_int_equal(h.l->rel[(h.l->n_rel - 1) % HTML_RELEASES_MAX].ts, h.ts);
	heap_end(&h);
}

/* --- the data ------------------------------------------------------------------------------- */

static void data_of_nothing(void **state)
{
	struct mp_model *m = mp_model_new();
	struct html_links *l = html_links_new();
	struct mp_report_info info = { .state = "clean",
				       .duration_ns = MP_UNKNOWN,
				       .events = MP_UNKNOWN,
				       .blocks = MP_UNKNOWN,
				       .bytes = MP_UNKNOWN };
	struct html_page pg = { .m = m, .info = &info, .links = l, .max = { 10, 10, 10 } };
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	(void)state;
	assert_int_equal(html_data(f, &pg), 0);
	fclose(f);
	assert_non_null(strstr(text, "\"No process was seen"));
	assert_null(strstr(text, "\"timeline\""));
	free(text);
	html_links_free(l);
	mp_model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_ends_no_element),
		cmocka_unit_test(top_takes_the_highest),
		cmocka_unit_test(top_of_random_keys),
		cmocka_unit_test(pick_keeps_spikes),
		cmocka_unit_test(a_release_pays_the_oldest_collection),
		cmocka_unit_test(a_release_within_a_collection_is_its),
		cmocka_unit_test(a_state_dump_links_nothing),
		cmocka_unit_test(many_releases),
		cmocka_unit_test(data_of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
