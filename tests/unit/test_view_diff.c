/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* test_view_diff.c - two states against each other, from events written by hand. */
#include "tests/unit/test_view.h"

#include "user/view/diff.h"

#define PG	MP_PAGE_SIZE
#define RW	(MP_MAP_R | MP_MAP_W)
#define LIB	(MP_MAP_R | MP_MAP_FILE)
#define SHM	(RW | MP_MAP_SHARED | MP_MAP_FILE | MP_MAP_SHMEM)
#define ANON_AT 0x7f0000000000ULL

enum { S_BRK = 40, S_STACK, S_LIB, S_SHM, S_OWN, S_FUNC, S_OTHER };

static char *out;

static uint64_t next_rnd(uint64_t *s)
{
	uint64_t z = *s += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

/* --- a side ----------------------------------------------------------------------------- */

static void fold_task(struct mp_model *m, uint32_t tgid)
{
	struct mp_event e = { .ts = T0, .type = MP_EV_TASK, .sub = MP_TASK_TARGET, .mm = 1 };

	e.task.a = tgid;
	e.task.comm = S_COMM;
	fold(m, e);
}

static struct mp_model *side(uint32_t tgid)
{
	struct mp_model *m = mp_model_new();

	assert_non_null(m);
	fold_str(m, S_COMM, "node" EVIL);
	fold_str(m, S_BRK, "[heap]");
	fold_str(m, S_STACK, "[stack]");
	fold_str(m, S_LIB, "/usr/lib/libx.so");
	fold_str(m, S_SHM, "/dev/shm/x");
	fold_str(m, S_FUNC, "make_blob" EVIL);
	fold_str(m, S_OTHER, "drop_blob");
	fold_task(m, tgid);
	return m;
}

static void snap(struct mp_model *m, unsigned op)
{
	struct mp_event e = { .ts = T0, .type = MP_EV_MAP, .sub = (uint8_t)op, .mm = 1 };

	fold(m, e);
}

static void resident(struct mp_model *m, uint64_t addr, uint64_t len)
{
	struct mp_event e = {
		.ts = T0 + 1, .type = MP_EV_PAGES, .sub = MP_PAGES_RESIDENT, .mm = 1
	};

	e.pages.addr = addr;
	e.pages.len = len;
	fold(m, e);
}

static void rss(struct mp_model *m, uint64_t ts, uint64_t anon, uint64_t file, uint64_t shmem)
{
	struct mp_event e = { .ts = ts, .type = MP_EV_RSS, .sub = MP_RSS_KERNEL, .mm = 1 };

	e.rss.anon = anon / PG;
	e.rss.file = file / PG;
	e.rss.shmem = shmem / PG;
	e.rss.lazyfree = e.rss.hugetlb = MP_UNKNOWN;
	fold(m, e);
}

static struct mp_model *with_map(uint64_t at, uint64_t len, uint32_t bits, uint32_t name)
{
	struct mp_model *m = side(1234);

	snap(m, MP_MAP_BEGIN);
	fold_map(m, at, len, bits, name);
	snap(m, MP_MAP_END);
	resident(m, at, len);
	return m;
}

/* An empty table of mappings, and RSS 0. */
static struct mp_model *bare(void)
{
	struct mp_model *m = side(77);

	snap(m, MP_MAP_BEGIN);
	snap(m, MP_MAP_END);
	rss(m, T0 + 2, 0, 0, 0);
	return m;
}

/* --- comparing ----------------------------------------------------------------------------- */

static void sums_by_hand(const struct mp_diff *d)
{
	int64_t whole = d->rss[1] - d->rss[0], account = 0, maps = 0, classes = 0;

	for (size_t i = 0; i < d->n_account; i++)
		if (d->account[i].a_known && d->account[i].b_known)
			account += d->account[i].b - d->account[i].a;
	for (size_t i = 0; i < d->mappings.n; i++)
		maps += mp_diff_change(&d->mappings.v[i]);
	for (size_t i = 0; i < d->classes.n; i++)
		classes += mp_diff_change(&d->classes.v[i]);
	if (d->rss_known)
		assert_int_equal(account, whole);
	if (d->mappings.known) {
		assert_int_equal(maps, whole);
		assert_int_equal(classes, whole);
	}
	assert_true(mp_diff_check(d));
}

static struct mp_diff diff(struct mp_model *a, struct mp_model *b, bool same)
{
	struct mp_diff_side s[2] = { { .m = a, .at = MP_UNKNOWN }, { .m = b, .at = MP_UNKNOWN } };
	struct mp_diff d;

	for (int i = 0; i < 2; i++) {
		s[i].info.state = "clean";
		s[i].info.path = i ? "b.mprof" : "a.mprof";
		s[i].info.duration_ns = SEC;
		s[i].info.events = s[i].info.blocks = s[i].info.bytes = MP_UNKNOWN;
	}
	assert_int_equal(mp_diff_make(&d, &s[0], &s[1], same), 0);
	sums_by_hand(&d);
	return d;
}

static const char *shown(const struct mp_diff *d, bool json)
{
	size_t size;
	FILE *f;

	free(out);
	f = open_memstream(&out, &size);
	assert_int_equal(json ? mp_diff_json(f, d) : mp_diff_text(f, d, NULL), 0);
	fclose(f);
	assert_harmless(out);
	if (json)
		assert_json(out);
	return out;
}

/* Both directions: the part comes first, with this change. */
static void first_is(struct mp_model *a, struct mp_model *b, const char *part, const char *cls,
		     int64_t change)
{
	for (int swap = 0; swap < 2; swap++) {
		struct mp_diff d = swap ? diff(b, a, false) : diff(a, b, false);
		int64_t want = swap ? -change : change;

		assert_string_equal(d.account[0].key, part);
		assert_int_equal(d.account[0].b - d.account[0].a, want);
		if (cls) {
			assert_true(d.mappings.known);
			assert_string_equal(d.classes.v[0].what, cls);
			assert_int_equal(mp_diff_change(&d.classes.v[0]), want);
		}
		assert_columns(shown(&d, false), 80);
		shown(&d, true);
		mp_diff_free(&d);
	}
}

/* --- each class ----------------------------------------------------------------------------- */

static void every_kind_of_mapping_in_both_directions(void **state)
{
	static const struct {
		uint64_t at;
		uint32_t bits, name;
		const char *part, *cls;
		int kind; /* 0 anon, 1 file, 2 shmem */
	} kinds[] = { { 0x600000, RW, S_BRK, "brk", "brk", 0 },
		      { 0x7ffd00000000, RW, S_STACK, "stacks", "stack", 0 },
		      { ANON_AT, RW, 0, "other_anon", "anon", 0 },
		      { 0x7e0000000000, LIB, S_LIB, "file", "file", 1 },
		      { 0x7d0000000000, SHM, S_SHM, "shmem", "shmem", 2 } };
	struct mp_model *a = bare();

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		uint64_t len = (i + 1) * MIB;
		struct mp_model *b = with_map(kinds[i].at, len, kinds[i].bits, kinds[i].name);

		rss(b, T0 + 2, kinds[i].kind == 0 ? len : 0, kinds[i].kind == 1 ? len : 0,
		    kinds[i].kind == 2 ? len : 0);
		first_is(a, b, kinds[i].part, kinds[i].cls, (int64_t)len);
		mp_model_free(b);
	}
	mp_model_free(a);
}

static void rss_that_no_page_explains_is_a_row(void **state)
{
	struct mp_model *a = bare(), *b = with_map(ANON_AT, MIB, RW, 0);
	struct mp_diff d;

	(void)state;
	rss(b, T0 + 2, 5 * MIB, 0, 0);
	first_is(a, b, "unknown", NULL, 4 * MIB);
	d = diff(a, b, false);
	assert_true(d.mappings.v[0].beyond);
	assert_int_equal(mp_diff_change(&d.mappings.v[0]), 4 * MIB);
	assert_has(shown(&d, false), "counted, pages not known");
	mp_diff_free(&d);
	mp_model_free(a);
	mp_model_free(b);
}

static long long class_in_report(struct mp_model *m, const char *path)
{
	struct mp_report_info info = { .state = "clean",
				       .duration_ns = SEC,
				       .events = MP_UNKNOWN,
				       .blocks = MP_UNKNOWN,
				       .bytes = MP_UNKNOWN };
	char *json = NULL;
	size_t size;
	FILE *f = open_memstream(&json, &size);
	long long v;

	assert_int_equal(mp_report_json(f, m, &info), 0);
	fclose(f);
	v = js_int(json, path);
	free(json);
	return v;
}

/* Of a private file pages were written before anybody looked: anonymous by the counters, the
 * file's by their mapping. And the kernel has mapped some that nobody has looked at yet, which the
 * report's classes have not: they are the sum of its mappings. */
static void files_by_class_leave_what_is_unknown(void **state)
{
	static const struct {
		uint64_t anon, file, cls;
	} t[] = { { 3 * MIB, 5 * MIB, 8 * MIB }, { 0, 8 * MIB, 8 * MIB }, { 0, 9 * MIB, 9 * MIB } };

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct mp_model *a = bare();
		struct mp_model *b = with_map(0x7e0000000000, 8 * MIB, LIB | MP_MAP_W, S_LIB);
		struct mp_diff d;

		rss(b, T0 + 2, t[i].anon, t[i].file, 0);
		d = diff(a, b, false);
		assert_int_equal(d.classes.n, 1);
		assert_string_equal(d.classes.v[0].what, "file");
		assert_int_equal(d.classes.v[0].b, t[i].cls);
		assert_int_equal(class_in_report(b, "classes.file"), 8 * MIB);
		assert_int_equal(class_in_report(b, "account.unknown"), 0);
		mp_diff_free(&d);
		mp_model_free(a);
		mp_model_free(b);
	}
}

static void a_heap_that_is_free_and_resident(void **state)
{
	struct mp_model *a = model_staged(), *b = model_staged();

	(void)state;
	/* in B the last release did not happen: RSS is what it was before */
	fold_faults(b, T0 + 7 * SEC, HEAP_AT + 100 * MIB, 500 * MIB);
	fold_rss(b, T0 + 7 * SEC, 604 * MIB, MIB);
	first_is(a, b, "free_heap_resident", "heap", 500 * MIB);
	mp_model_free(a);
	mp_model_free(b);
}

static void lazy_pages_are_a_part(void **state)
{
	struct mp_model *a = with_map(ANON_AT, 8 * MIB, RW, 0);
	struct mp_model *b = with_map(ANON_AT, 8 * MIB, RW, 0);
	struct mp_event e = {
		.ts = T0 + 3, .type = MP_EV_CALL, .sub = MP_CALL_MADVISE, .mm = 1, .x = 8
	};
	struct mp_diff d;

	(void)state;
	rss(a, T0 + 2, 8 * MIB, 0, 0);
	rss(b, T0 + 2, 8 * MIB, 0, 0);
	e.call.addr = ANON_AT;
	e.call.len = 6 * MIB;
	fold(b, e);
	d = diff(a, b, false);
	assert_int_equal(d.rss[0], d.rss[1]);
	assert_int_equal(d.account[0].b - d.account[0].a, 6 * (int64_t)MIB);
	assert_string_equal(d.account[0].key, "lazyfree");
	assert_string_equal(d.account[1].key, "other_anon");
	assert_int_equal(d.released.n, 1);
	assert_int_equal(mp_diff_change(&d.released.v[0]), 6 * MIB);
	assert_has(shown(&d, false), "A and B use the same");
	mp_diff_free(&d);
	mp_model_free(a);
	mp_model_free(b);
}

/* --- what is not known ---------------------------------------------------------------------------
 */

static void without_rss_nothing_is_claimed(void **state)
{
	struct mp_model *a = side(1), *b = bare(), *none = mp_model_new();
	struct mp_diff d = diff(a, b, false);
	const char *j = shown(&d, true);

	(void)state;
	assert_value(j, "rss.a", "null");
	assert_value(j, "rss.b", "0");
	assert_value(j, "rss.change", "null");
	assert_value(j, "account", "[]");
	assert_value(j, "mappings", "null");
	assert_value(j, "classes", "null");
	assert_value(j, "touched", "null");
	assert_value(j, "gc.minor.change", "null");
	assert_has(shown(&d, false), "RSS is not known in A");
	mp_diff_free(&d);
	d = diff(none, none, false);
	assert_has(shown(&d, false), "RSS is not known in either");
	shown(&d, true);
	mp_diff_free(&d);
	mp_model_free(a);
	mp_model_free(b);
	mp_model_free(none);
}

static void a_heap_that_one_side_tells_of_is_one_row(void **state)
{
	struct mp_model *a = model_native(), *b = model_staged();
	struct mp_diff d = diff(a, b, false);
	const struct mp_diff_row *last = &d.account[d.n_account - 1];
	const char *j;

	(void)state;
	assert_string_equal(last->key, "not_comparable");
	assert_int_equal(last->b - last->a, 100 * MIB); /* the heap's pages */
	j = shown(&d, true);
	assert_has(j, "\"part\": \"live_heap\", \"a\": null, \"b\": 1048576, \"change\": null");
	assert_value(j, "gc.major.a", "null");
	assert_value(j, "gc.major.b", "1");
	assert_value(j, "gc.major.change", "null");
	mp_diff_free(&d);
	mp_model_free(a);
	mp_model_free(b);
}

static void what_a_cut_file_lacks_is_said(void **state)
{
	struct mp_model *a = bare(), *b = bare();
	struct mp_diff_side s[2] = { { .m = a, .at = MP_UNKNOWN }, { .m = b, .at = SEC } };
	struct mp_event e = { .ts = T0 + 9, .type = MP_EV_LOSS, .sub = MP_LOSS_RING_FULL, .x = 5 };
	struct mp_diff d;

	(void)state;
	fold(b, e);
	for (int i = 0; i < 2; i++)
		s[i].info = (struct mp_report_info){ .state = i ? "damaged" : "truncated",
						     .duration_ns = SEC };
	assert_int_equal(mp_diff_make(&d, &s[0], &s[1], false), 0);
	shown(&d, false);
	assert_has(out, "A was cut off");
	assert_has(out, "B is damaged");
	assert_has(out, "B lost events");
	assert_has(out, "at 1.0 s of 1.0 s");
	assert_value(shown(&d, true), "gc.major.exact", "false");
	mp_diff_free(&d);
	mp_model_free(a);
	mp_model_free(b);
}

/* Behind missing blocks a level is known when it is told again, a sum never. */
static void behind_damage_sums_are_not_compared(void **state)
{
	struct mp_model *a = model_staged(), *b = model_staged();
	struct mp_event e = {
		.ts = T0 + 9 * SEC, .type = MP_EV_LOSS, .sub = MP_LOSS_DAMAGED, .x = 5
	};
	struct mp_diff d;
	const char *j;

	(void)state;
	fold(b, e);
	d = diff(a, b, false);
	assert_has(shown(&d, false), "RSS is not known in B");
	mp_diff_free(&d);
	fold_rss(b, T0 + 10 * SEC, 300 * MIB, MIB);
	d = diff(a, b, false);
	assert_string_equal(d.account[d.n_account - 1].key, "not_comparable");
	j = shown(&d, true);
	assert_value(j, "rss.change", "205520896");
	assert_value(j, "mappings", "null");
	assert_value(j, "touched", "null");
	assert_value(j, "released", "null");
	assert_value(j, "faulted.b", "null");
	assert_value(j, "gc.major.b", "null");
	assert_value(j, "beside.heap_used.b", "null");
	assert_value(j, "beside.rss_max.b", "null");
	mp_diff_free(&d);
	mp_model_free(a);
	mp_model_free(b);
}

/* --- what is matched
 * --------------------------------------------------------------------------------- */

static const struct mp_diff_group *group(const struct mp_diff_table *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++) {
		char buf[512];

		if (strstr(mp_diff_name(&t->v[i], 8, buf, sizeof(buf)), name))
			return &t->v[i];
	}
	fail_msg("no %s", name);
	return NULL;
}

/* Three mappings of one library are one row, at other addresses in the other run; files
 * named after the process match; anonymous ones match by the order of their size. */
static void mappings_match_without_addresses(void **state)
{
	struct mp_model *m[2] = { side(1234), side(56789) };
	struct mp_diff d;

	(void)state;
	for (int i = 0; i < 2; i++) {
		uint64_t slide = i ? 0x12345000 : 0;

		fold_str(m[i], S_OWN, i ? "/tmp/perf-56789.map" : "/tmp/perf-1234.map");
		snap(m[i], MP_MAP_BEGIN);
		for (uint64_t k = 0; k < 3; k++)
			fold_map(m[i], 0x7e0000000000 + slide + k * MIB, (k + 1) * 16 * PG, LIB,
				 S_LIB);
		fold_map(m[i], 0x7e8000000000 + slide, MIB, LIB, S_OWN);
		fold_map(m[i], ANON_AT + slide, 5 * MIB + (uint64_t)i * MIB, RW, 0);
		snap(m[i], MP_MAP_END);
		resident(m[i], 0x7e0000000000 + slide, (1 + (uint64_t)i) * 8 * PG);
		resident(m[i], 0x7e0000000000 + slide + MIB, 8 * PG);
		resident(m[i], 0x7e8000000000 + slide, 4 * PG);
		resident(m[i], ANON_AT + slide, 3 * MIB);
		rss(m[i], T0 + 2, 3 * MIB, 28 * PG, 0);
	}
	d = diff(m[0], m[1], false);
	assert_int_equal(group(&d.mappings, "libx.so")->n_a, 2);
	assert_int_equal(mp_diff_change(group(&d.mappings, "libx.so")), 8 * PG);
	assert_int_equal(mp_diff_change(group(&d.mappings, "perf-PID.map")), 0);
	assert_int_equal(group(&d.mappings, "anon, 5.00 M to 6.00 M")->b, 3 * MIB);
	mp_diff_free(&d);
	mp_model_free(m[0]);
	mp_model_free(m[1]);
}

static void stack_of(struct mp_model *m, uint64_t id, uint64_t ip, uint32_t func)
{
	struct mp_event s = { .ts = T0 + 3, .type = MP_EV_STACK, .mm = 1, .x = 2 };
	struct mp_event p = { .ts = T0 + 3, .type = MP_EV_PLACE, .sub = MP_PLACE_SYMTAB, .mm = 1 };

	s.stack.id = id;
	s.stack.ip[0] = ip;
	s.stack.ip[1] = 0x1000 + ip; /* in nothing known */
	fold(m, s);
	p.place.ip = ip;
	p.place.off = ip & 0xff;
	p.place.name = func;
	fold(m, p);
}

static void sample(struct mp_model *m, uint64_t ts, uint64_t stack, unsigned n)
{
	struct mp_event e = { .type = MP_EV_SITE, .sub = MP_SITE_FAULT, .mm = 1, .tid = 7 };

	for (unsigned i = 0; i < n; i++) {
		e.ts = ts + i;
		e.x = 128;
		e.site.stack = stack;
		e.site.addr = ANON_AT;
		fold(m, e);
	}
}

/* Other ids, other addresses, another offset: the same function. A difference that
 * sampling may have made is not claimed. */
static void stacks_match_by_function_and_noise_is_not_claimed(void **state)
{
	struct mp_model *m[2] = { bare(), bare() };
	const struct mp_diff_group *g;
	struct mp_diff d;

	(void)state;
	for (int i = 0; i < 2; i++) {
		stack_of(m[i], i ? 5 : 9, i ? 0x111111 : 0x222222, S_FUNC);
		stack_of(m[i], i ? 9 : 5, i ? 0x333333 : 0x444444, S_OTHER);
		sample(m[i], T0 + 4, i ? 5 : 9, i ? 100 : 20);
		sample(m[i], T0 + 500, i ? 9 : 5, i ? 11 : 9);
	}
	d = diff(m[0], m[1], false);
	assert_int_equal(d.touched.n, 2);
	g = &d.touched.v[0];
	assert_string_equal(g->name, "make_blob\x1b[31mevil\"\\?\xff\n[unknown]");
	assert_int_equal(mp_diff_change(g), 80 * 128 * PG);
	/* the root of 120 samples' 128^2 */
	assert_in_range(mp_diff_error(&d, g), 1402 * PG, 1403 * PG);
	assert_true(mp_diff_outside_noise(&d, g));
	assert_false(mp_diff_outside_noise(&d, &d.touched.v[1]));
	shown(&d, false);
	assert_has(out, "1 within the noise, +- ");
	assert_has(out, "touched 40.0 M more, give or take");
	mp_diff_free(&d);
	mp_model_free(m[0]);
	mp_model_free(m[1]);
}

/* Of one recording the earlier samples are among the later ones: their error is not added. */
static void two_instants_of_one_recording(void **state)
{
	struct mp_model *m[2] = { bare(), bare() };
	struct mp_diff d;

	(void)state;
	for (int i = 0; i < 2; i++) {
		stack_of(m[i], 5, 0x111111, S_FUNC);
		sample(m[i], T0 + 4, 5, i ? 116 : 100);
	}
	d = diff(m[0], m[1], true);
	assert_int_equal(mp_diff_error(&d, &d.touched.v[0]), 4 * 128 * PG);
	assert_true(mp_diff_outside_noise(&d, &d.touched.v[0]));
	mp_diff_free(&d);
	d = diff(m[0], m[1], false);
	assert_false(mp_diff_outside_noise(&d, &d.touched.v[0]));
	mp_diff_free(&d);
	mp_model_free(m[0]);
	mp_model_free(m[1]);
}

/* An instant lies before the names that its recording ends with. */
static void names_that_come_late_are_taken(void **state)
{
	struct mp_model *m[2] = { bare(), bare() }, *end = bare();
	struct mp_diff_side s[2] = { { .m = m[0], .names = end }, { .m = m[1] } };
	struct mp_diff d;

	(void)state;
	for (int i = 0; i < 2; i++) {
		s[i].info.state = "clean";
		s[i].info.path = "a.mprof";
		stack_of(m[i], 5, 0x111111, i ? S_FUNC : 0);
		sample(m[i], T0 + 4, 5, 100);
	}
	stack_of(end, 5, 0x111111, S_FUNC);
	assert_int_equal(mp_diff_make(&d, &s[0], &s[1], false), 0);
	assert_int_equal(d.touched.n, 1);
	assert_int_equal(mp_diff_change(&d.touched.v[0]), 0);
	mp_diff_free(&d);
	mp_model_free(m[0]);
	mp_model_free(m[1]);
	mp_model_free(end);
}

/* What is known of the first target is not said of the others. */
static void two_processes_of_one_recording(void **state)
{
	struct mp_event e = { .ts = T0, .type = MP_EV_META, .sub = MP_META_PID };
	struct mp_model *m = bare();
	struct mp_event other = { .ts = T0, .type = MP_EV_TASK, .sub = MP_TASK_TARGET, .mm = 2 };
	struct mp_diff_side s[2] = { { .m = m, .at = MP_UNKNOWN }, { .m = m, .at = MP_UNKNOWN } };
	struct mp_diff d;

	(void)state;
	e.meta.num = 77;
	fold(m, e);
	fold_str(m, S_OWN, "/bin/first");
	e.sub = MP_META_EXE;
	e.meta.num = S_OWN;
	fold(m, e);
	other.task.a = 78;
	fold(m, other);
	for (int i = 0; i < 2; i++) {
		s[i].info.state = "clean";
		s[i].info.path = "a.mprof";
		s[i].info.pid = 77 + (unsigned)i;
	}
	assert_int_equal(mp_diff_make(&d, &s[0], &s[1], true), 0);
	assert_false(d.same);
	assert_null(strstr(shown(&d, false), "From "));
	shown(&d, true);
	assert_has(out, "\"same_recording\": false");
	assert_has(out, "\"exe\": \"/bin/first\"");
	assert_has(out, "\"exe\": null");
	mp_diff_free(&d);
	s[1].info.pid = 77;
	assert_int_equal(mp_diff_make(&d, &s[0], &s[1], true), 0);
	assert_true(d.same);
	mp_diff_free(&d);
	mp_model_free(m);
}

static void collections_and_their_returns(void **state)
{
	struct mp_model *a = model_staged(), *b = model_staged();
	struct mp_diff d;
	const char *j;

	(void)state;
	fold_gc(b, T0 + 7 * SEC, MP_GC_OTHER, MP_UNKNOWN, MP_UNKNOWN);
	fold_gc(b, T0 + 8 * SEC, MP_GC_MINOR, 90 * MIB, 40 * MIB);
	d = diff(a, b, false);
	assert_has(shown(&d, false), "; of other kinds 1 in B, 0 in");
	j = shown(&d, true);
	assert_value(j, "gc.minor.change", "1");
	assert_value(j, "gc.other.change", "1");
	assert_value(j, "gc.major.change", "0");
	assert_value(j, "gc.pause_total_s.change", "0.005");
	assert_value(j, "gc.freed.change", "52428800");
	assert_value(j, "gc.lag_p50_s.a", "1");
	assert_value(j, "gc.heap_after.b", "41943040");
	assert_value(j, "faulted.change", "0");
	assert_value(j, "released.0.change", "0");
	mp_diff_free(&d);
	mp_model_free(a);
	mp_model_free(b);
}

/* --- whatever happens, it sums
 * -------------------------------------------------------------------------- */

static struct mp_model *random_side(uint64_t *seed)
{
	struct mp_model *m = side((uint32_t)(next_rnd(seed) % 9 + 1));

	snap(m, MP_MAP_BEGIN);
	for (uint64_t i = 0; i < 12; i++) {
		static const uint32_t bits[] = { RW, RW, LIB, SHM, RW };
		static const uint32_t names[] = { 0, S_BRK, S_LIB, S_SHM, S_STACK };
		unsigned k = (unsigned)(next_rnd(seed) % 5);

		fold_map(m, ANON_AT + i * 64 * MIB, (next_rnd(seed) % 4096 + 1) * PG, bits[k],
			 names[k]);
	}
	snap(m, MP_MAP_END);
	for (int i = 0; i < 30; i++)
		resident(m, ANON_AT + next_rnd(seed) % (12 * 64 * MIB / PG) * PG,
			 (next_rnd(seed) % 256 + 1) * PG);
	if (next_rnd(seed) % 2) {
		fold_heap(m, T0 + 3, next_rnd(seed) % (64 * MIB), 64 * MIB);
		fold_gc(m, T0 + 4, MP_GC_MAJOR, 50 * MIB, next_rnd(seed) % (50 * MIB));
	}
	if (next_rnd(seed) % 8)
		rss(m, T0 + 5, next_rnd(seed) % 65536 * PG, next_rnd(seed) % 4096 * PG,
		    next_rnd(seed) % 4096 * PG);
	return m;
}

static void random_states_sum(void **state)
{
	const char *env = getenv("MP_SEED");
	uint64_t seed = env && *env ? strtoull(env, NULL, 0) : 42;

	(void)state;
	printf("random_states_sum: MP_SEED=%llu\n", (unsigned long long)seed);
	for (int round = 0; round < 50; round++) {
		struct mp_model *a = random_side(&seed), *b = random_side(&seed);
		struct mp_diff d = diff(a, b, round % 2);

		assert_columns(shown(&d, false), 80);
		shown(&d, true);
		mp_diff_free(&d);
		mp_model_free(a);
		mp_model_free(b);
	}
}

static int free_out(void **state)
{
	(void)state;
	free(out);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_mapping_in_both_directions),
		cmocka_unit_test(rss_that_no_page_explains_is_a_row),
		cmocka_unit_test(files_by_class_leave_what_is_unknown),
		cmocka_unit_test(a_heap_that_is_free_and_resident),
		cmocka_unit_test(lazy_pages_are_a_part),
		cmocka_unit_test(without_rss_nothing_is_claimed),
		cmocka_unit_test(a_heap_that_one_side_tells_of_is_one_row),
		cmocka_unit_test(what_a_cut_file_lacks_is_said),
		cmocka_unit_test(behind_damage_sums_are_not_compared),
		cmocka_unit_test(mappings_match_without_addresses),
		cmocka_unit_test(stacks_match_by_function_and_noise_is_not_claimed),
		cmocka_unit_test(two_instants_of_one_recording),
		cmocka_unit_test(names_that_come_late_are_taken),
		cmocka_unit_test(two_processes_of_one_recording),
		cmocka_unit_test(collections_and_their_returns),
		cmocka_unit_test(random_states_sum),
	};

	return cmocka_run_group_tests(tests, NULL, free_out);
}
