/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_rec_fixtures.c - recordings of every minor version that was released, and of one
 * that is not yet: what was written then is read now, to the byte.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/fixtures/fixture.h"
#include "user/model/model.h"
#include "user/rec/overview.h"
#include "user/rec/reader.h"

#define DIR "tests/fixtures/"

struct seen {
	struct mp_event ev[8192];
	size_t n;
	struct mp_rec_info info;
	struct mp_model *m;
	int err;
};
static struct seen s;

static void read_all(const char *path)
{
	const struct mp_event *ev;
	struct mp_reader *r;
	bool key;
	size_t n;

	s.n = 0;
	s.m = mp_model_new();
	assert_int_equal(mp_reader_open(path, &r), 0);
	while ((s.err = mp_reader_next(r, &ev, &n, &key)) > 0) {
		assert_true(s.n + n <= sizeof(s.ev) / sizeof(s.ev[0]));
		memcpy(s.ev + s.n, ev, n * sizeof(*ev));
		s.n += n;
		for (size_t i = 0; i < n; i++)
			mp_model_fold(s.m, &ev[i]);
	}
	mp_reader_info(r, &s.info);
	mp_reader_close(r);
}

/* A file of all types that were known: `end` is one past the last of them. */
static void all_types(const char *path, unsigned end)
{
	struct mp_event want[FIXTURE_EACH * MP_EV_MAX];
	size_t n = fixture_events(end, want);

	read_all(path);
	assert_int_equal(s.err, 0);
	assert_int_equal(s.info.state, MP_REC_CLEAN);
	assert_int_equal(s.n, n);
	for (size_t i = 0; i < n; i++)
		assert_memory_equal(&s.ev[i], &want[i], sizeof(want[i]));
	mp_model_free(s.m);
}

/* A session of `spike -q 4 1`, as memprof of that time counted it. */
static void session(const char *path, size_t events, uint64_t runs, uint64_t strings)
{
	const struct mp_proc *p;
	uint64_t faults = 0, strs = 0;

	read_all(path);
	assert_int_equal(s.err, 0);
	assert_int_equal(s.info.state, MP_REC_CLEAN);
	assert_int_equal(s.n, events);
	for (size_t i = 0; i < s.n; i++) {
		faults += s.ev[i].type == MP_EV_FAULT;
		strs += s.ev[i].type == MP_EV_STR;
	}
	assert_int_equal(faults, runs);
	assert_int_equal(strs, strings);
	p = mp_model_main(s.m);
	assert_non_null(p);
	assert_string_equal(mp_str(s.m, p->comm), "spike");
	assert_true(p->exited && p->exit_known && !p->wait_status);
	assert_true(p->faults >= runs && p->n_maps > 10 && mp_faults_check(p));
	assert_int_equal(s.m->lost_total, 0);
	mp_model_free(s.m);
}

static void test_minor_0(void **state)
{
	(void)state;
	all_types(DIR "minor-0-types.mprof", MP_EV_TICK + 1);
	session(DIR "minor-0.mprof", 1420, 1122, 12);
}

static void test_minor_1(void **state)
{
	(void)state;
	all_types(DIR "minor-1-types.mprof", MP_EV_SAMPLE + 1);
	session(DIR "minor-1.mprof", 2647, 2276, 12);
}

static void test_minor_2(void **state)
{
	(void)state;
	all_types(DIR "minor-2-types.mprof", MP_EV_ROLLUP + 1);
	session(DIR "minor-2.mprof", 2813, 2275, 14);
}

static void test_minor_3(void **state)
{
	(void)state;
	all_types(DIR "minor-3-types.mprof", MP_EV_CLOCK + 1);
	session(DIR "minor-3.mprof", 2925, 2278, 43);
}

static void test_minor_4(void **state)
{
	(void)state;
	all_types(DIR "minor-4-types.mprof", MP_EV_CLOCK + 1);
	session(DIR "minor-4.mprof", 2884, 2276, 43);
}

static void test_minor_5(void **state)
{
	(void)state;
	all_types(DIR "minor-5-types.mprof", MP_EV_CLOCK + 1);
	session(DIR "minor-5.mprof", 2913, 2275, 45);
}

static size_t count(unsigned type, unsigned sub)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += s.ev[i].type == type && (!sub || s.ev[i].sub == sub);
	return n;
}

/* Collections that are neither minor nor major, among its points; none has them mixed. */
static uint64_t others(const struct mp_proc *p)
{
	uint64_t n = 0;

	for (size_t i = 0; i < p->tl.n; i++) {
		n += p->tl.p[i].gc_other;
		assert_false(p->tl.p[i].bits & (MP_PT_OLD | MP_PT_MIXED));
	}
	return n;
}

/* The same opened at its end: from the keyframe and the summaries before it. */
static void opened_at_the_end(const char *path, uint64_t collections)
{
	const struct mp_event *ev;
	struct mp_reader *r;
	struct mp_model *m;
	bool key;
	size_t n;

	assert_int_equal(mp_reader_open(path, &r), 0);
	assert_int_equal(mp_overview_load(r, MP_UNKNOWN, &m), 1);
	assert_in_range(others(mp_model_main(m)), 1, collections - 1);
	while (mp_reader_next(r, &ev, &n, &key) > 0)
		for (size_t i = 0; i < n; i++)
			mp_model_fold(m, &ev[i]);
	assert_int_equal(others(mp_model_main(m)), collections);
	assert_int_equal(mp_model_main(m)->gc_other, collections);
	assert_int_equal(mp_model_digest(m), mp_model_digest(s.m));
	mp_reader_close(r);
	mp_model_free(m);
}

/* killed.py, as memprof of that time counted it. */
static void killed(const char *path)
{
	const struct mp_proc *p;

	read_all(path);
	assert_int_equal(s.err, 0);
	assert_int_equal(s.info.state, MP_REC_CLEAN);
	assert_int_equal(s.n, 1793);
	assert_int_equal(count(MP_EV_CGROUP, 0), 8);
	assert_int_equal(count(MP_EV_CGROUP_MORE, 0), 8);
	assert_int_equal(count(MP_EV_PROC, 0), 3);
	assert_int_equal(count(MP_EV_TASK, MP_TASK_OOM), 1);
	assert_int_equal(count(MP_EV_GC, MP_GC_OTHER), 27);
	p = mp_model_main(s.m);
	assert_non_null(p);
	assert_int_equal(p->gc_major, 1);
	assert_int_equal(p->gc_other, 27);
	assert_int_equal(others(p), 27);
	assert_string_equal(mp_str(s.m, p->cgroup.name), "/small-group");
	assert_int_equal(p->cgroup.limit, 16 << 20);
	assert_true(p->cgroup.more_ts > 0);
	assert_int_equal(p->status.threads, 1);
	assert_int_equal(p->oom.anon, 4699);
	assert_true(p->exited && p->exit_known && p->wait_status == 9);
	opened_at_the_end(path, 27);
	mp_model_free(s.m);
}

static void test_minor_6(void **state)
{
	(void)state;
	all_types(DIR "minor-6-types.mprof", MP_EV_PROC + 1);
	killed(DIR "minor-6.mprof");
}

/* A later minor: unknown types, columns and blocks are passed over, the rest is read. */
static void test_future_minor(void **state)
{
	const struct mp_proc *p;

	(void)state;
	read_all(DIR "future.mprof");
	assert_int_equal(s.err, 0);
	assert_int_equal(s.info.state, MP_REC_CLEAN);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.ev[0].type, MP_EV_TASK);
	assert_int_equal(s.ev[1].type, MP_EV_FAULT);
	assert_int_equal(s.ev[1].fault.addr, 0x10000);
	assert_int_equal(s.ev[2].ts, 4000);
	assert_int_equal(s.ev[2].x, 2);
	p = mp_model_main(s.m);
	assert_int_equal(p->tgid, 9);
	assert_int_equal(p->faults, 3);
	mp_model_free(s.m);
}

/* ... but not a block that it says must be understood. */
static void test_required_block(void **state)
{
	(void)state;
	read_all(DIR "required.mprof");
	assert_int_equal(s.err, -EPROTO);
	assert_int_equal(s.n, 3);
	mp_model_free(s.m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_minor_0),	       cmocka_unit_test(test_minor_1),
		cmocka_unit_test(test_minor_2),	       cmocka_unit_test(test_minor_3),
		cmocka_unit_test(test_minor_4),	       cmocka_unit_test(test_minor_5),
		cmocka_unit_test(test_minor_6),	       cmocka_unit_test(test_future_minor),
		cmocka_unit_test(test_required_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
