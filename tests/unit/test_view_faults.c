/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_view_faults.c - faults in the reports: kinds, threads, stacks, and what is not
 * known.
 */
#include "test_view.h"

#include "user/view/report.h"

static const struct mp_report_info info = { .state = "clean",
					    .duration_ns = MP_UNKNOWN,
					    .events = MP_UNKNOWN,
					    .blocks = MP_UNKNOWN,
					    .bytes = MP_UNKNOWN };
static char *text;

static FILE *begin(size_t *size)
{
	free(text);
	text = NULL;
	return open_memstream(&text, size);
}

static const char *json_of(struct mp_model *m)
{
	size_t size;
	FILE *f = begin(&size);

	assert_int_equal(mp_report_json(f, m, &info), 0);
	fclose(f);
	assert_json(text);
	return text;
}

static const char *text_of(struct mp_model *m)
{
	size_t size;
	FILE *f = begin(&size);

	assert_int_equal(mp_report_text(f, m, &info, NULL), 0);
	fclose(f);
	return text;
}

static void has(const char *s, const char *want)
{
	if (!strstr(s, want))
		fail_msg("no \"%s\" in:\n%s", want, s);
}

static void probe(struct mp_model *m, enum mp_feature feat, enum mp_rung rung)
{
	fold(m,
	     (struct mp_event){ .ts = T0, .type = MP_EV_PROBE, .sub = (uint8_t)feat, .x = rung });
}

static void fault(struct mp_model *m, uint32_t tid, uint64_t addr, uint32_t pages, uint8_t bits)
{
	struct mp_event e = {
		.ts = T0 + SEC, .type = MP_EV_FAULT, .sub = bits, .mm = 1, .tid = tid, .x = pages
	};

	e.fault.addr = addr;
	fold(m, e);
}

static void site(struct mp_model *m, uint64_t stack, uint32_t pages)
{
	struct mp_event e = {
		.ts = T0 + SEC, .type = MP_EV_SITE, .sub = MP_SITE_FAULT, .mm = 1, .x = pages
	};

	e.site.stack = stack;
	fold(m, e);
}

/* Two threads, all that a fault can be by itself, two stacks and one that was not taken. */
static struct mp_model *busy(void)
{
	struct mp_model *m = model_native();
	struct mp_event e = { .ts = T0, .type = MP_EV_TASK, .sub = MP_TASK_NAME, .mm = 1 };

	e.tid = 8;
	e.task.comm = S_COMM; /* holds what a terminal must not see */
	fold(m, e);
	fault(m, 7, HEAP_AT, 300, MP_FAULT_WRITE | MP_FAULT_GC);
	fault(m, 8, HEAP_AT + 300 * MP_PAGE_SIZE, 20, MP_FAULT_WRITE | MP_FAULT_KERNEL);
	fault(m, 8, HEAP_AT + 400 * MP_PAGE_SIZE, 5, 0);
	fault(m, 8, 0x400000, 4, 0);
	e = (struct mp_event){ .ts = T0 + SEC, .type = MP_EV_MAJOR, .mm = 1, .tid = 8 };
	e.major.addr = 0x401000;
	fold(m, e);
	e = (struct mp_event){ .ts = T0, .type = MP_EV_STACK, .x = 2 };
	e.stack.id = 4;
	e.stack.ip[0] = 0x400123;
	e.stack.ip[1] = 0x400456;
	fold(m, e);
	for (int i = 0; i < 4; i++)
		site(m, 4, 128);
	site(m, 5, 128);
	site(m, 0, 128);
	return m;
}

/* A collection whose begin and end were seen says that faults inside are marked. */
static void faults_of_collections(void **state)
{
	struct mp_event e = { .ts = T0 + SEC, .type = MP_EV_GC, .sub = MP_GC_MINOR, .mm = 1 };
	struct mp_model *m = busy();

	(void)state;
	e.gc.source = MP_SRC_V8;
	e.flags = MP_GC_MARKED | MP_GC_PART;
	fold(m, e);
	assert_value(json_of(m), "faults.during_gc", "300");
	has(text_of(m), "300 of all (91.2%) while a collection ran");
	mp_model_free(m);
}

static void json_tells_kinds_threads_and_sites(void **state)
{
	struct mp_model *m = busy();
	const char *j = json_of(m);

	(void)state;
	assert_value(j, "faults.total", "329");
	assert_value(j, "faults.kernel", "20");
	assert_value(j, "faults.major", "1");
	assert_value(j, "faults.cow", "0");
	assert_value(j, "faults.kinds.first_touch", "320");
	assert_value(j, "faults.kinds.zero_page", "5");
	assert_value(j, "faults.kinds.file", "3");
	assert_value(j, "faults.kinds.major", "1");
	assert_value(j, "faults.kinds.swap_in", "0");
	assert_value(j, "faults.kinds_kernel.first_touch", "20");
	assert_value(j, "faults.kinds_kernel.zero_page", "0");
	assert_value(j, "faults.file_to_anon", "0");
	assert_value(j, "faults.during_gc", "null"); /* nobody said that they are marked */
	assert_value(j, "mappings.0.fault_kinds.file", "3");
	assert_value(j, "mappings.1.fault_kinds.first_touch", "320");
	assert_null(js_find(j, "mappings.1.fault_kinds.cow"));
	assert_value(j, "threads.0.tid", "7");
	assert_value(j, "threads.0.name", "null");
	assert_value(j, "threads.0.faults", "300");
	assert_value(j, "threads.0.bytes_added", "1228800");
	assert_value(j, "threads.1.kernel", "20");
	assert_value(j, "threads.1.major", "1");
	assert_null(js_find(j, "threads.2"));
	assert_value(j, "sites.0.pages", "512");
	assert_value(j, "sites.0.bytes", "2097152");
	assert_value(j, "sites.0.share", "0.6667");
	assert_value(j, "sites.0.samples", "4");
	assert_value(j, "sites.0.error_bytes", "1048576");
	assert_int_equal(strncmp(js_find(j, "sites.0.stack.0"), "\"", 1), 0);
	assert_non_null(strstr(js_find(j, "sites.0.stack.1"), "0x456"));
	assert_value(j, "sites.1.stack", "null"); /* not taken, and never told */
	assert_value(j, "sites.2.stack", "null");
	mp_model_free(m);
}

static void text_tells_them(void **state)
{
	struct mp_model *m = busy();
	const char *s = text_of(m);

	(void)state;
	has(s, "first touch                    300              20   97.3%");
	has(s, "waited for a file                1               0    0.3%");
	assert_null(strstr(s, "copy on write"));
	has(s, "Threads by faults");
	has(s, "        7 -                           300              0          0   1.17 M");
	has(s, "node?");
	has(s, "2.00 M  66.7%  +- 1.00 M");
	has(s, "0x123 < ");
	has(s, "(no stack)");
	assert_null(strchr(s, '\x1b'));
	mp_model_free(m);
}

/* One thread is no table; a process without faults has none of these sections. */
static void text_says_no_more_than_there_is(void **state)
{
	struct mp_model *m = model_native();
	const char *s = text_of(m);

	(void)state;
	assert_null(strstr(s, "Threads by"));
	assert_null(strstr(s, "by stack"));
	assert_null(strstr(s, "first touch"));
	fault(m, 7, HEAP_AT, 5, MP_FAULT_WRITE);
	s = text_of(m);
	has(s, "first touch");
	assert_null(strstr(s, "Threads by"));
	mp_model_free(m);
}

static void what_nobody_told_is_null(void **state)
{
	struct mp_model *m = model_native();
	const char *j;

	(void)state;
	probe(m, MP_FEAT_FAULTS, MP_RUNG_ABSENT);
	j = json_of(m);
	assert_value(j, "faults.kinds.first_touch", "null");
	assert_value(j, "faults.kinds_kernel.unknown", "null");
	assert_value(j, "faults.file_to_anon", "null");
	assert_value(j, "mappings.0.fault_kinds", "null");
	assert_value(j, "threads", "null");
	assert_value(j, "sites", "null");
	/* the software event has no error code: what the mapping tells is told */
	probe(m, MP_FEAT_FAULTS, MP_RUNG_PERF);
	probe(m, MP_FEAT_MAJORS, MP_RUNG_PERF);
	probe(m, MP_FEAT_STACKS, MP_RUNG_TP_BTF);
	fault(m, 7, HEAP_AT, 5, MP_FAULT_NOKIND);
	fault(m, 7, 0x400000, 4, MP_FAULT_NOKIND);
	j = json_of(m);
	assert_value(j, "faults.cow", "null");
	assert_value(j, "faults.kinds.first_touch", "null");
	assert_value(j, "faults.kinds.cow", "null");
	assert_value(j, "faults.kinds.unknown", "5");
	assert_value(j, "faults.kinds.file", "4");
	assert_value(j, "faults.kinds.major", "0");
	assert_value(j, "faults.major", "0");
	assert_value(j, "sites", "[]");
	/* nothing told of majors */
	probe(m, MP_FEAT_MAJORS, MP_RUNG_ABSENT);
	j = json_of(m);
	assert_value(j, "faults.major", "null");
	assert_value(j, "faults.kinds.major", "null");
	assert_value(j, "threads.0.major", "null");
	mp_model_free(m);
}

static void losses_are_marked(void **state)
{
	struct mp_model *m = busy();

	(void)state;
	fold(m,
	     (struct mp_event){ .ts = T0, .type = MP_EV_LOSS, .sub = MP_LOSS_RING_FULL, .x = 3 });
	has(text_of(m), "Threads by faults   (! not exact");
	has(text, "300!");
	mp_model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_tells_kinds_threads_and_sites),
		cmocka_unit_test(faults_of_collections),
		cmocka_unit_test(text_tells_them),
		cmocka_unit_test(text_says_no_more_than_there_is),
		cmocka_unit_test(what_nobody_told_is_null),
		cmocka_unit_test(losses_are_marked),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	free(text);
	return rc;
}
