/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* test_view_report.c - the report as text and JSON, from events written by hand. */
#include "tests/unit/test_view.h"

#include <errno.h>

#include "user/view/report.h"

static const struct mp_report_info clean = { .state = "clean",
					     .path = "x.mprof",
					     .duration_ns = 42100000000,
					     .events = 100,
					     .blocks = 3,
					     .bytes = 4096 };
static const struct mp_report_info live = { .state = "live",
					    .duration_ns = MP_UNKNOWN,
					    .events = MP_UNKNOWN,
					    .blocks = MP_UNKNOWN,
					    .bytes = MP_UNKNOWN };
static char *text;

static const char *json_of(struct mp_model *m, const struct mp_report_info *info)
{
	size_t size;
	FILE *f;

	free(text);
	text = NULL;
	f = open_memstream(&text, &size);
	assert_int_equal(mp_report_json(f, m, info), 0);
	fclose(f);
	assert_json(text);
	assert_harmless(text);
	return text;
}

static const char *text_of(struct mp_model *m, const struct mp_report_info *info,
			   const struct mp_term *term)
{
	size_t size;
	FILE *f;

	free(text);
	text = NULL;
	f = open_memstream(&text, &size);
	assert_int_equal(mp_report_text(f, m, info, term), 0);
	fclose(f);
	if (!term || !term->color)
		assert_harmless(text);
	return text;
}

static void assert_sums(const char *json)
{
	static const char *const parts[] = { "live_heap",  "free_heap_resident",
					     "arenas",	   "stacks",
					     "other_anon", "file",
					     "shmem",	   "unknown" };
	long long sum = 0;

	for (size_t i = 0; i < 8; i++) {
		char path[64];

		snprintf(path, sizeof(path), "account.%s", parts[i]);
		sum += js_int(json, path);
	}
	assert_int_equal(sum, js_int(json, "account.rss"));
}

/* Every key of the contract, in its order. */
static void assert_keys(const char *json)
{
	/* clang-format off */
	static const char *const keys[] = {
		"version", "recording.state", "recording.duration_s", "recording.events",
		"recording.blocks", "recording.bytes", "recording.lost.total", "target.pid",
		"target.comm", "target.exe", "target.exited", "target.exit_code", "probes",
		"rss.start", "rss.max", "rss.end", "rss.anon", "rss.file", "rss.shmem", "rss.swap",
		"rss.lazyfree", "rss.hugetlb", "account.live_heap", "account.free_heap_resident",
		"account.arenas", "account.stacks", "account.other_anon", "account.file",
		"account.shmem", "account.unknown", "account.rss", "account.lazy_heap",
		"faults.total", "faults.user", "faults.kernel", "faults.major", "faults.cow",
		"faults.pages_added", "calls.mmap.calls", "calls.mmap.failed", "calls.mmap.bytes",
		"calls.mmap.rss_delta", "calls.mmap.seconds", "calls.munmap", "calls.mremap",
		"calls.brk", "calls.madvise.calls", "calls.madvise_by_advice", "heap", "gc.minor",
		"gc.major", "gc.other", "gc.pause_s.total", "gc.pause_s.p50", "gc.pause_s.max",
		"gc.collections", "gc.owed.max", "gc.owed.end", "mappings", "sites",
		"series.interval_s", "series.t", "series.rss", "series.heap_used",
		"series.heap_committed", "series.external", "series.owed",
	};
	/* clang-format on */
	const char *last = json;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const char *at = js_find(json, keys[i]);

		if (!at)
			fail_msg("no %s", keys[i]);
		if (at <= last)
			fail_msg("%s is out of order", keys[i]);
		last = at;
	}
}

static size_t js_count(const char *json, const char *path)
{
	char at[128];
	size_t n = 0;

	for (;; n++) {
		snprintf(at, sizeof(at), "%s.%zu", path, n);
		if (!js_find(json, at))
			return n;
	}
}

static void json_of_an_empty_model(void **state)
{
	struct mp_model *m = mp_model_new();
	const char *j = json_of(m, &live);

	(void)state;
	assert_keys(j);
	assert_value(j, "recording.blocks", "null");
	assert_value(j, "target.pid", "null");
	assert_value(j, "target.comm", "null");
	assert_value(j, "target.exited", "null");
	assert_value(j, "rss.end", "null");
	assert_value(j, "account.rss", "null");
	assert_value(j, "account.unknown", "null");
	assert_value(j, "faults.total", "null");
	assert_value(j, "calls.mmap.calls", "null");
	assert_value(j, "mappings", "null");
	assert_value(j, "series.interval_s", "null");
	assert_value(j, "series.rss", "[]");
	text_of(m, &live, NULL);
	mp_model_free(m);
}

static void json_without_a_heap_has_nulls(void **state)
{
	struct mp_model *m = model_native();
	const char *j = json_of(m, &clean);

	(void)state;
	assert_keys(j);
	assert_sums(j);
	assert_value(j, "recording.state", "\"clean\"");
	assert_value(j, "recording.duration_s", "42.1");
	assert_value(j, "recording.events", "100");
	assert_value(j, "recording.lost.total", "0");
	assert_value(j, "target.pid", "1234");
	assert_value(j, "target.exited", "false");
	assert_value(j, "target.exit_code", "null");
	assert_value(j, "rss.lazyfree", "null");
	assert_value(j, "rss.swap", "0");
	assert_value(j, "account.live_heap", "null");
	assert_value(j, "account.free_heap_resident", "null");
	assert_value(j, "account.lazy_heap", "null");
	assert_value(j, "account.rss", "5242880");
	assert_value(j, "faults.major", "null");
	assert_value(j, "heap", "[]");
	assert_value(j, "gc.minor", "null");
	assert_value(j, "gc.pause_s.p50", "null");
	assert_value(j, "gc.owed.end", "null");
	assert_value(j, "sites", "null");
	assert_value(j, "series.owed.0", "null");
	mp_model_free(m);
}

/* Figures of a log are as old as its last collection; those of a source that watches are not. */
static void figures_of_a_log_have_an_age(void **state)
{
	struct mp_event log = { .type = MP_EV_PROBE, .sub = MP_FEAT_HEAP_LOG, .x = MP_RUNG_LOG };
	struct mp_event go = { .type = MP_EV_PROBE, .sub = MP_FEAT_HEAP_GO, .x = MP_RUNG_ABSENT };
	struct mp_model *m = model_staged();

	(void)state;
	log.ts = go.ts = T0 + 7 * SEC;
	fold(m, log);
	fold(m, go);
	assert_null(strstr(text_of(m, &live, NULL), "last collection, "));
	fold_gc(m, T0 + 7 * SEC, MP_GC_MINOR, 2 * MIB, MIB);
	fold_gc(m, T0 + 8 * SEC, MP_GC_OTHER, MP_UNKNOWN, MP_UNKNOWN); /* tells no figures */
	fold_gc(m, T0 + 9 * SEC, MP_GC_MINOR, 2 * MIB, MIB);
	fold_rss(m, T0 + 11 * SEC, 104 * MIB, MIB);
	text_of(m, &live, NULL);
	assert_has(text, "as of the last collection, 2.0 s before the end; nothing since");
	assert_has(text, "What the heap holds is as of its last collection, 2.0 s before");
	assert_value(json_of(m, &live), "heap.0.as_of_s", "9");
	go.ts = m->now;
	go.x = MP_RUNG_UPROBE;
	fold(m, go);
	assert_null(strstr(text_of(m, &live, NULL), "last collection, "));
	mp_model_free(m);
}

static void json_of_the_staged_experiment(void **state)
{
	struct mp_model *m = model_staged();
	const char *j = json_of(m, &live);

	(void)state;
	assert_keys(j);
	assert_sums(j);
	assert_value(j, "recording.duration_s", "6");
	assert_value(j, "rss.max", "634388480");
	assert_value(j, "account.live_heap", "1048576");
	assert_value(j, "faults.pages_added", "154624");
	assert_value(j, "calls.madvise.calls", "1");
	assert_value(j, "calls.madvise.bytes", "524288000");
	assert_value(j, "calls.madvise.rss_delta", "-524288000");
	assert_value(j, "calls.madvise.seconds", "0.04");
	assert_value(j, "calls.madvise_by_advice.dontneed.calls", "1");
	assert_value(j, "calls.brk.calls", "0");
	assert_value(j, "heap.0.source", "\"go\"");
	assert_value(j, "heap.0.as_of_s", "5.000000001");
	assert_value(j, "heap.0.used.max", "629145600");
	assert_value(j, "heap.0.external.max", "null");
	assert_value(j, "heap.0.limit", "null");
	assert_value(j, "heap.0.spaces.old.used", "1048576");
	assert_value(j, "heap.0.spaces.old.resident", "null");
	assert_value(j, "gc.major", "1");
	assert_value(j, "gc.other", "0");
	assert_value(j, "gc.pause_s.max", "0.0025");
	assert_value(j, "gc.collections.0.t", "5");
	assert_value(j, "gc.collections.0.kind", "\"major\"");
	assert_value(j, "gc.collections.0.freed", "628097024");
	assert_value(j, "gc.collections.0.returned", "524288000");
	assert_value(j, "gc.collections.0.return_lag_s", "1");
	assert_value(j, "mappings.1.start", "\"0xc000000000\"");
	assert_value(j, "mappings.1.perms", "\"rw-p\"");
	assert_value(j, "mappings.1.class", "\"heap\"");
	assert_value(j, "mappings.1.resident", "104857600");
	assert_value(j, "mappings.1.released", "524288000");
	mp_model_free(m);
}

static void json_escapes_what_comes_from_outside(void **state)
{
	static const char evil[] = "\\u001b[31mevil\\\"\\\\\\n\xef\xbf\xbd\"";
	struct mp_model *m = model_staged();
	const char *j = json_of(m, &clean);

	(void)state;
	assert_int_equal(strncmp(js_find(j, "target.comm") + 5, evil, strlen(evil)), 0);
	assert_int_equal(strncmp(js_find(j, "mappings.0.name") + 6, evil, strlen(evil)), 0);
	assert_int_equal(strncmp(js_find(j, "gc.collections.0.reason") + 8, evil, strlen(evil)), 0);
	mp_model_free(m);
}

static void json_series_are_bounded_and_equal_in_length(void **state)
{
	struct mp_model *m = model_staged();
	struct mp_event tick = { .ts = T0 + 3600 * SEC, .type = MP_EV_TICK };
	static const char *const names[] = { "rss", "heap_used", "heap_committed", "external",
					     "owed" };
	const char *j;
	size_t n;

	(void)state;
	fold(m, tick);
	fold_rss(m, T0 + 3600 * SEC, 8 * MIB, MIB);
	j = json_of(m, &clean);
	n = js_count(j, "series.t");
	assert_in_range(n, 2, 600);
	for (size_t i = 0; i < 5; i++) {
		char path[64];

		snprintf(path, sizeof(path), "series.%s", names[i]);
		assert_int_equal(js_count(j, path), n);
	}
	mp_model_free(m);
}

static void json_tells_probes_losses_and_exit(void **state)
{
	struct mp_model *m = model_native();
	struct mp_event e = {
		.ts = T0 + SEC, .type = MP_EV_PROBE, .sub = MP_FEAT_FAULTS, .x = MP_RUNG_TP_BTF
	};
	const char *j;
	char path[64];

	(void)state;
	fold(m, e);
	e.sub = MP_FEAT_CALLS;
	e.x = MP_RUNG_ABSENT;
	e.v[0] = (uint64_t)-EPERM;
	fold(m, e);
	e = (struct mp_event){
		.ts = T0 + SEC, .type = MP_EV_LOSS, .sub = MP_LOSS_RING_FULL, .x = 12
	};
	fold(m, e);
	e = (struct mp_event){
		.ts = T0 + 2 * SEC, .type = MP_EV_TASK, .sub = MP_TASK_EXIT, .mm = 1
	};
	e.task.a = 3 << 8;
	fold(m, e);
	j = json_of(m, &clean);
	snprintf(path, sizeof(path), "probes.%s", mp_feature_name(MP_FEAT_FAULTS));
	assert_value(j, path, "\"tp_btf\"");
	snprintf(path, sizeof(path), "probes.%s", mp_feature_name(MP_FEAT_CALLS));
	assert_value(j, path, "\"absent\"");
	snprintf(path, sizeof(path), "probes.%s", mp_feature_name(MP_FEAT_HEAP_GC));
	assert_value(j, path, "null");
	/* nobody watched the calls: not 0 */
	assert_value(j, "calls.mmap.calls", "null");
	assert_value(j, "mappings.0.released", "null");
	assert_value(j, "recording.lost.total", "12");
	assert_value(j, "target.exited", "true");
	assert_value(j, "target.exit_code", "3");
	mp_model_free(m);
}

static void json_tells_no_effect_that_no_probe_read(void **state)
{
	struct mp_model *m = model_native();
	struct mp_event e = { .ts = T0 + SEC,
			      .type = MP_EV_CALL,
			      .sub = MP_CALL_MUNMAP,
			      .flags = MP_CALL_NO_DELTA,
			      .mm = 1 };
	struct mp_event end = {
		.ts = T0 + 2 * SEC, .type = MP_EV_TASK, .sub = MP_TASK_EXIT, .mm = 1
	};
	const char *j;

	(void)state;
	e.call.addr = 0x7f0000000000;
	e.call.len = MIB;
	fold(m, e);
	end.task.a = MP_UNKNOWN;
	fold(m, end);
	j = json_of(m, &clean);
	assert_value(j, "calls.munmap.calls", "1");
	assert_value(j, "calls.munmap.rss_delta", "null");
	assert_value(j, "calls.mmap.rss_delta", "0");
	assert_value(j, "target.exited", "true");
	assert_value(j, "target.exit_code", "null");
	assert_has(text_of(m, &clean, NULL), "; exited.");
	mp_model_free(m);
}

static void text_answers_first(void **state)
{
	struct mp_model *m = model_staged();
	const char *t = text_of(m, &clean, NULL);

	(void)state;
	assert_ptr_equal(strstr(t, "node?[31mevil\"\\?? (1234), 42.1 s recorded, clean."), t);
	assert_has(t, "RSS 105 M at the end (max 605 M");
	assert_has(t, "live heap 1.00 M");
	assert_has(t, "owed: freed by collections and not returned");
	assert_has(t, "100.0%");
	assert_has(t, "dontneed");
	assert_has(t, "stage 1: made, not touched");
	assert_columns(t, 80);
	assert_null(strchr(t, '!'));
	for (; *t; t++)
		assert_in_range((unsigned char)*t, '\n', '~');
	mp_model_free(m);
}

/* A file that begins with the state of a session: what its counts and its times are of. */
static void a_file_may_begin_in_a_session(void **state)
{
	struct mp_model *m = model_staged();
	struct mp_report_info info = clean;
	struct mp_event wall = { .ts = T0, .type = MP_EV_CLOCK, .sub = MP_CLOCK_TOLD };
	const char *j;

	(void)state;
	wall.clock.wall = 1600000000 * SEC;
	wall.clock.boot = SEC;
	fold(m, wall);
	j = json_of(m, &clean);
	assert_value(j, "recording.since_s", "0");
	assert_value(j, "recording.checked", "true");
	assert_null(strstr(text_of(m, &clean, NULL), "Counts are since"));
	info.first_ts = T0 + 2 * SEC;
	info.duration_ns = 4 * SEC;
	j = json_of(m, &info);
	assert_value(j, "recording.since_s", "2");
	assert_value(j, "recording.session_started_at", "\"2020-09-13T12:26:40.000Z\"");
	assert_value(j, "recording.started_at", "\"2020-09-13T12:26:42.000Z\"");
	assert_has(text_of(m, &info, NULL), "Counts are since the session's start, ");
	assert_has(text, "2.0 s before");
	info.at = T0 + 3 * SEC;
	info.overview = true;
	j = json_of(m, &info);
	assert_value(j, "recording.at_s", "3");
	assert_value(j, "recording.duration_s", "4");
	assert_value(j, "recording.checked", "false");
	assert_has(text_of(m, &info, NULL), "(1234), at 3.000 s of 4.0 s recorded, clean (blocks");
	assert_null(strstr(text, "at the end"));
	mp_model_free(m);
}

static int fold_into(void *ctx, const struct mp_event *e)
{
	return mp_model_fold(ctx, e);
}

/* What a daemon tells of its last minutes: facts about the session, its state then, and what came
 * since. */
static void a_stream_may_begin_in_a_session(void **state)
{
	struct mp_model *was = model_staged(), *m = mp_model_new();
	struct mp_event fact = { .ts = was->now, .type = MP_EV_META, .sub = MP_META_PAGE_SIZE };
	struct mp_event tick = { .type = MP_EV_TICK };
	const char *j;

	(void)state;
	fact.v[0] = MP_PAGE_SIZE;
	fold(m, fact);
	assert_int_equal(mp_model_dump(was, fold_into, m), 0);
	j = json_of(m, &live);
	assert_value(j, "recording.duration_s", "0");
	tick.ts = was->now + 3 * SEC;
	fold(m, tick);
	j = json_of(m, &live);
	assert_value(j, "recording.duration_s", "3");
	assert_value(j, "recording.since_s", "6");
	assert_has(text_of(m, &live, NULL), "3.0 s seen, live.");
	assert_has(
		text,
		"Counts are since the session's start, 9.0 s: 6.0 s before what is shown here");
	mp_model_free(was);
	mp_model_free(m);
}

/* A column of the timeline has several points, and the highest is not the last. */
static void text_max_is_of_all_points(void **state)
{
	struct mp_model *m = model_staged();
	struct txt {
		char s[32];
	} max;
	struct mp_event tick = { .ts = T0 + 300 * SEC, .type = MP_EV_TICK };
	const char *at;

	(void)state;
	fold(m, tick);
	at = strstr(text_of(m, &clean, NULL), "  heap used ");
	assert_non_null(at);
	mp_text_bytes(max.s, sizeof(max.s), mp_model_main(m)->heaps[MP_SRC_GO].r_used.max);
	at = strstr(at, "max ");
	assert_int_equal(strncmp(at + 4, max.s, strlen(max.s)), 0);
	mp_model_free(m);
}

static void text_fits_every_width(void **state)
{
	struct mp_model *m = model_staged();

	(void)state;
	for (unsigned w = 80; w < 200; w += 7) {
		struct mp_term term = { .width = w, .utf8 = true };

		assert_columns(text_of(m, &clean, &term), w);
		/* no number apart from its unit */
		assert_null(strstr(text, "\nM "));
		assert_null(strstr(text, "\nM,"));
	}
	mp_model_free(m);
}

/* Up to 6.1 threads hold back what they counted. */
static void rss_says_how_far_off_it_may_be(void **state)
{
	struct mp_model *m = model_staged();
	struct mp_event e = { .ts = T0 + 9 * SEC, .type = MP_EV_RSS, .sub = MP_RSS_PROC, .mm = 1 };

	(void)state;
	assert_int_equal(js_int(json_of(m, &clean), "rss.slack"), 0);
	assert_null(strstr(text_of(m, &clean, NULL), "give or take"));
	e.rss.anon = 1024;
	e.rss.slack = 256;
	e.rss.lazyfree = e.rss.hugetlb = MP_UNKNOWN;
	fold(m, e);
	assert_int_equal(js_int(json_of(m, &clean), "rss.slack"), 1 * MIB);
	assert_has(text_of(m, &clean, NULL), "RSS 4.00 M at the end give or take 1.00 M");
	e.ts += SEC;
	e.rss.slack = 0; /* the next figure may be exact */
	fold(m, e);
	assert_int_equal(js_int(json_of(m, &clean), "rss.slack"), 0);
	mp_model_free(m);
}

static void text_marks_what_lost_events(void **state)
{
	struct mp_model *m = model_staged();
	struct mp_event e = {
		.ts = T0 + 6 * SEC, .type = MP_EV_LOSS, .sub = MP_LOSS_INFLIGHT, .x = 12
	};
	const char *t;

	(void)state;
	fold(m, e);
	t = text_of(m, &clean, NULL);
	assert_has(t, "12 events were lost: figures marked ! are");
	assert_has(t, "Memory calls   (! not exact: events were lost)");
	assert_null(strstr(t, "Page faults   (!"));
	e.sub = MP_LOSS_RING_FULL;
	fold(m, e);
	t = text_of(m, &clean, NULL);
	assert_has(t, "Page faults   (!");
	assert_columns(t, 80);
	mp_model_free(m);
}

/* What came since smaps_rollup was read is nobody else's. */
static void shares_are_of_the_reading(void **state)
{
	static const char *const keys[] = { "rss.shared_anon", "rss.pss", "rss.private_dirty",
					    "rss.anon_huge" };
	struct mp_model *m = model_native();
	struct mp_event r = { .ts = T0 + 8 * SEC, .type = MP_EV_ROLLUP, .mm = 1 };

	(void)state;
	fold_rss(m, T0 + 7 * SEC, 100 * MIB, 0);
	r.x = 100 * MIB / MP_PAGE_SIZE;
	r.rollup.pss_anon = 70 * MIB;
	r.rollup.private_dirty = 40 * MIB;
	r.rollup.anon_huge = 2 * MIB;
	fold(m, r);
	fold_rss(m, T0 + 9 * SEC, 103 * MIB, 0);
	assert_int_equal(js_int(json_of(m, &clean), "rss.shared_anon"), 30 * MIB);
	assert_int_equal(js_int(text, "rss.pss"), 70 * MIB);
	assert_int_equal(js_int(text, "rss.private_dirty"), 40 * MIB);
	assert_has(text_of(m, &clean, NULL), "carried by others");
	assert_has(text, "(in RSS, shared since a fork; read 1.0 s before)");
	fold_rss(m, T0 + 10 * SEC, 400 * MIB, 0);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		assert_value(json_of(m, &clean), keys[i], "null");
	assert_null(strstr(text_of(m, &clean, NULL), "carried by others"));
	mp_model_free(m);
}

static void text_shares_sum_to_100(void **state)
{
	struct mp_model *m = model_staged();
	double sum = 0;
	const char *t;

	(void)state;
	fold_rss(m, T0 + 7 * SEC, 104 * MIB + 3 * MP_PAGE_SIZE, 7 * MP_PAGE_SIZE);
	t = strstr(text_of(m, &clean, NULL), "Account at the end");
	assert_non_null(t);
	for (int i = 0; i < 8; i++) {
		const char *pct;

		t = strchr(t, '\n') + 1;
		pct = t + strcspn(t, "%\n");
		if (*pct == '%')
			sum += strtod(pct - 6, NULL);
	}
	assert_true(sum > 99.99 && sum < 100.01);
	mp_model_free(m);
}

static void text_uses_colour_only_when_told(void **state)
{
	struct mp_model *m = model_staged();
	struct mp_term term = { .color = true };

	(void)state;
	assert_non_null(strchr(text_of(m, &clean, &term), '\x1b'));
	assert_null(strstr(text, "\x1b[31m"));
	mp_model_free(m);
}

/* One library of code mapped; name 0: no snapshot has told it. */
static struct mp_model *model_with_code(const char *name)
{
	struct mp_model *m = model_native();
	struct mp_event probe = {
		.ts = T0, .type = MP_EV_PROBE, .sub = MP_FEAT_HEAP_GC, .x = MP_RUNG_SEGMENT
	};
	struct mp_event snap = { .ts = T0, .type = MP_EV_MAP, .sub = MP_MAP_BEGIN, .mm = 1 };

	fold(m, probe);
	if (name)
		fold_str(m, S_WHY, name);
	fold(m, snap);
	fold_map(m, 0x7e0000000000, MIB, MP_MAP_R | MP_MAP_X | MP_MAP_FILE, name ? S_WHY : 0);
	snap.sub = MP_MAP_END;
	fold(m, snap);
	return m;
}

/* A program that shows no collector of libmpgc has none; a JVM has one of its own. */
static void collections_that_no_source_tells_of_are_not_known(void **state)
{
	static const char *const code[] = { "/usr/lib/libc.so.6",
					    "/usr/lib/jvm/lib/server/libjvm.so", "/usr/bin/node",
					    NULL };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct mp_model *m = model_with_code(code[i]);
		struct mp_event heap = { .ts = T0 + SEC, .type = MP_EV_HEAP, .mm = 1 };
		const char *j = json_of(m, &clean);

		assert_value(j, "gc.minor", "null");
		assert_value(j, "gc.older", "null");
		assert_value(j, "gc.pause_s.total", "null");
		assert_value(j, "gc.owed.end", "null");
		heap.sub = MP_SRC_GC;
		fold(m, heap); /* a source that spoke, before any collection */
		assert_value(json_of(m, &clean), "gc.minor", "0");
		assert_value(text, "gc.owed.end", "0");
		mp_model_free(m);
	}
}

static void fold_meta(struct mp_model *m, unsigned key, uint64_t v, bool str)
{
	struct mp_event e = { .ts = T0, .type = MP_EV_META, .sub = (uint8_t)key };

	e.meta.num = v;
	e.meta.isstr = str;
	fold(m, e);
}

static void the_recording_says_when_and_what_clocks_did(void **state)
{
	struct mp_model *m = model_native();
	struct mp_event c = { .ts = T0, .type = MP_EV_CLOCK, .sub = MP_CLOCK_TOLD };
	const char *j;

	(void)state;
	fold_str(m, 30, "rss>2G " EVIL);
	fold_meta(m, MP_META_TRIGGER, 30, true);
	c.clock.wall = 1700000000ULL * SEC + 250000000;
	c.clock.boot = SEC;
	fold(m, c);
	c.ts = T0 + 5 * SEC;
	c.sub = MP_CLOCK_STEP;
	c.clock.jump = -3600 * (int64_t)SEC;
	c.clock.wall -= 3595 * SEC;
	c.clock.boot += 5 * SEC;
	fold(m, c);
	j = json_of(m, &clean);
	assert_value(j, "recording.started_at", "\"2023-11-14T22:13:20.250Z\"");
	assert_value(j, "recording.ended_at", "\"2023-11-14T21:13:25.250Z\"");
	assert_value(j, "recording.clocks.0.t", "5");
	assert_value(j, "recording.clocks.0.what", "\"step\"");
	assert_value(j, "recording.clocks.0.seconds", "-3600");
	assert_value(j, "recording.cpus", "null");
	assert_value(j, "target.cmdline", "null");
	text_of(m, &clean, NULL);
	assert_has(text, "trigger      rss>2G ?[31mevil");
	assert_has(text, "at 5.000 s somebody had set it back by 1h00m");
	assert_columns(text, 80);
	mp_model_free(m);
}

static void several_processes_are_listed(void **state)
{
	struct mp_model *m = model_native();
	struct mp_event t = { .ts = T0 + SEC, .type = MP_EV_TASK, .sub = MP_TASK_TARGET, .mm = 2 };
	struct mp_event r = { .ts = T0 + SEC, .type = MP_EV_RSS, .sub = MP_RSS_KERNEL, .mm = 2 };
	const char *j;

	(void)state;
	assert_null(strstr(text_of(m, &clean, NULL), "Processes"));
	t.task.a = 77;
	t.task.comm = S_SPACE;
	fold(m, t);
	r.rss.anon = 5000;
	r.rss.lazyfree = r.rss.hugetlb = MP_UNKNOWN;
	fold(m, r);
	t.ts = T0 + 2 * SEC;
	t.sub = MP_TASK_EXIT;
	t.task.a = 9; /* killed */
	fold(m, t);
	j = json_of(m, &clean);
	assert_value(j, "processes.seen", "2");
	assert_value(j, "processes.list.0.pid", "77");
	assert_value(j, "processes.list.0.rss_max", "20480000");
	assert_value(j, "processes.list.0.signal", "9");
	assert_value(j, "processes.list.0.exit_code", "null");
	assert_value(j, "processes.list.1.exited", "false");
	assert_value(j, "processes.list.1.exited_t", "null");
	text_of(m, &clean, NULL);
	assert_has(text,
		   "One of 2 processes that were seen; old (77) had the highest RSS, 19.5 M.");
	assert_has(text, "2.000 signal 9");
	assert_columns(text, 80);
	mp_model_free(m);
}

static void report_tells_write_errors(void **state)
{
	struct mp_model *m = model_staged();
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	assert_true(mp_report_json(full, m, &clean) < 0);
	fclose(full);
	full = fopen("/dev/full", "w");
	assert_true(mp_report_text(full, m, &clean, NULL) < 0);
	fclose(full);
	mp_model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_of_an_empty_model),
		cmocka_unit_test(json_without_a_heap_has_nulls),
		cmocka_unit_test(figures_of_a_log_have_an_age),
		cmocka_unit_test(json_of_the_staged_experiment),
		cmocka_unit_test(json_escapes_what_comes_from_outside),
		cmocka_unit_test(json_series_are_bounded_and_equal_in_length),
		cmocka_unit_test(json_tells_probes_losses_and_exit),
		cmocka_unit_test(json_tells_no_effect_that_no_probe_read),
		cmocka_unit_test(text_answers_first),
		cmocka_unit_test(a_file_may_begin_in_a_session),
		cmocka_unit_test(a_stream_may_begin_in_a_session),
		cmocka_unit_test(text_max_is_of_all_points),
		cmocka_unit_test(text_fits_every_width),
		cmocka_unit_test(rss_says_how_far_off_it_may_be),
		cmocka_unit_test(text_marks_what_lost_events),
		cmocka_unit_test(shares_are_of_the_reading),
		cmocka_unit_test(text_shares_sum_to_100),
		cmocka_unit_test(text_uses_colour_only_when_told),
		cmocka_unit_test(collections_that_no_source_tells_of_are_not_known),
		cmocka_unit_test(the_recording_says_when_and_what_clocks_did),
		cmocka_unit_test(several_processes_are_listed),
		cmocka_unit_test(report_tells_write_errors),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	free(text);
	return rc;
}
