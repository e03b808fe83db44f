/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_rec_cut.c - cutting recordings: what is kept is as it was, a keyframe of the part is the
 * part, and its summaries are its own.
 */
#include "tests/unit/ev.h"
#include <unistd.h>

#include "user/rec/cut.h"
#include "user/rec/history.h"
#include "user/rec/overview.h"
#include "user/rec/reader.h"
#include "user/rec/writer.h"

#define HEAP 0x7f0000000000ULL
#define MMS  3

static char dir[64];

static const char *path(const char *name)
{
	static char buf[4][128];
	static unsigned at;
	char *p = buf[at++ % 4];

	snprintf(p, sizeof(buf[0]), "%s/%s", dir, name);
	return p;
}

/* --- a recording of three processes, 40 s, with keyframes and summaries ------------------ */

struct making {
	struct mp_writer *w;
	struct mp_model *m;
	uint32_t strs;
};

static void put(struct making *k, struct mp_event e)
{
	int err = mp_model_fold(k->m, &e);

	assert_true(err == 0 || err == -EINVAL);
	assert_int_equal(mp_writer_append(k->w, &e, 1), 0);
}

static uint32_t name(struct making *k, uint64_t ts, unsigned who, const char *what)
{
	char text[48];

	snprintf(text, sizeof(text), "SECRET-%u-%s-%u", who, what, ++k->strs);
	put(k, ev_str(ts, k->strs, text, strlen(text), 0));
	return k->strs;
}

static void start_process(struct making *k, unsigned who)
{
	uint32_t comm = name(k, T0, who, "comm"), exe = name(k, T0, who, "exe");
	uint32_t heap = name(k, T0, who, "heap");
	struct mp_event e = ev_task(who, T0, MP_TASK_TARGET, 1000 + who, exe);

	e.task.comm = comm;
	put(k, e);
	put(k, ev(MP_EV_MAP, MP_MAP_BEGIN, who, T0));
	put(k, ev_line(who, T0, HEAP, HEAP + 100000 * PG, BITS_RW, heap));
	put(k, ev(MP_EV_MAP, MP_MAP_END, who, T0));
}

static void step(struct making *k, struct rnd *r, uint64_t ts, unsigned who)
{
	uint64_t at = rnd_below(r, 90000), n = 1 + rnd_below(r, 60);
	struct mp_event e;

	put(k, ev_fault(who, ts, HEAP + at * PG, (uint32_t)n, MP_FAULT_WRITE));
	put(k, ev_rss(who, ts, at, n, 0));
	if (!rnd_below(r, 3))
		put(k, ev_madvise(who, ts, HEAP + at * PG, n * PG, MADV_DONTNEED));
	if (!rnd_below(r, 20)) {
		uint32_t id = name(k, ts, who, "reason");

		e = ev_gc(who, ts, MP_GC_MAJOR, (at + n) * PG, at * PG);
		e.gc.reason = id;
		put(k, e);
	}
	if (!rnd_below(r, 50)) {
		uint32_t id = name(k, ts, who, "note");

		e = ev(MP_EV_NOTE, MP_NOTE_PROGRAM, who, ts);
		e.v[0] = id;
		put(k, e);
	}
}

static void make(const char *to)
{
	struct rnd r = rnd_seed("cut", 11);
	struct making k = { .m = mp_model_new() };

	assert_non_null(k.m);
	assert_int_equal(mp_writer_open(to, &k.w), 0);
	for (unsigned who = 1; who <= MMS; who++)
		start_process(&k, who);
	for (uint64_t ts = T0; ts < T0 + 40 * SEC; ts += 20 * MS) {
		step(&k, &r, ts, 1 + (unsigned)rnd_below(&r, MMS));
		put(&k, ev(MP_EV_TICK, 0, 0, ts + MS));
		assert_int_equal(mp_writer_keyframe(k.w, k.m), 0);
	}
	assert_int_equal(mp_writer_finish(k.w, k.m), 0);
	assert_int_equal(mp_writer_close(k.w), 0);
	mp_model_free(k.m);
}

/* --- reading back ------------------------------------------------------------------------ */

static struct mp_model *read_all(const char *from, uint64_t until)
{
	struct mp_model *m = mp_model_new();
	const struct mp_event *e;
	struct mp_rec_info info;
	struct mp_reader *r;
	bool key, on = true;
	size_t n;

	assert_int_equal(mp_reader_open(from, &r), 0);
	while (on && mp_reader_next(r, &e, &n, &key) > 0) {
		for (size_t i = 0; i < n && on; i++) {
			int err;

			on = e[i].ts <= until;
			err = on ? mp_model_fold(m, &e[i]) : 0;
			assert_true(err == 0 || err == -EINVAL);
		}
	}
	mp_reader_info(r, &info);
	assert_true(!on || info.state == MP_REC_CLEAN);
	mp_reader_close(r);
	return m;
}

struct rows {
	struct mp_event e[4096];
	size_t n;
	uint32_t mm;
	uint64_t now;
};

static int take_row(void *ctx, const struct mp_event *e)
{
	struct rows *r = ctx;

	if (e->mm == r->mm && r->n < sizeof(r->e) / sizeof(r->e[0])) {
		r->e[r->n] = *e;
		r->e[r->n].ts = e->ts == r->now ? 0 : e->ts;
		r->n++;
	}
	return 0;
}

static void same_process(const struct mp_model *a, const struct mp_model *b, uint32_t mm)
{
	static struct rows x, y;

	x.n = y.n = 0;
	x.mm = y.mm = mm;
	x.now = a->now;
	y.now = b->now;
	mp_model_dump(a, take_row, &x);
	mp_model_dump(b, take_row, &y);
	assert_int_equal(x.n, y.n);
	assert_true(x.n > 10);
	assert_memory_equal(x.e, y.e, x.n * sizeof(x.e[0]));
}

static void only(const struct mp_model *m, unsigned who)
{
	for (size_t i = 0; i < m->n_strs; i++)
		for (unsigned other = 1; m->strs[i] && other <= MMS; other++) {
			char text[32];

			snprintf(text, sizeof(text), "SECRET-%u-", other);
			assert_true(other == who || !strstr(m->strs[i], text));
		}
	assert_int_equal(m->n_procs, 1);
	assert_int_equal(m->procs[0]->mm, who);
}

/* At any instant the part is as the whole; a keyframe of it is as its events. */
static void check_instants(const char *part, const char *whole, unsigned who, uint64_t from)
{
	struct mp_history *h;
	struct mp_reader *r;

	assert_int_equal(mp_reader_open(part, &r), 0);
	assert_int_equal(mp_history_from_reader(r, &h), 0);
	for (uint64_t ts = from + SEC; ts < T0 + 39 * SEC; ts += 7 * SEC + 123 * MS) {
		const struct mp_model *at = mp_history_at(h, ts);
		struct mp_model *a = read_all(whole, ts), *b = read_all(part, ts);

		assert_non_null(at);
		same_process(a, b, who);
		assert_true(mp_model_digest(b) == mp_model_digest(at));
		only(at, who);
		mp_model_free(a);
		mp_model_free(b);
	}
	mp_history_free(h);
	mp_reader_close(r);
}

static void check_overview(const char *part, unsigned who)
{
	struct mp_model *m, *all = read_all(part, MP_UNKNOWN);
	const struct mp_event *e;
	struct mp_reader *r;
	bool key;
	size_t n, points = 0;

	assert_int_equal(mp_reader_open(part, &r), 0);
	assert_int_equal(mp_overview_load(r, MP_UNKNOWN, &m), 1);
	while (mp_reader_next(r, &e, &n, &key) > 0)
		for (size_t i = 0; i < n; i++)
			mp_model_fold(m, &e[i]);
	assert_true(mp_model_digest(m) == mp_model_digest(all));
	only(m, who);
	/* what the summaries name is known */
	for (size_t i = 0; i < m->procs[0]->tl.n; i++) {
		const struct mp_point *p = &m->procs[0]->tl.p[i];

		points += p->note != 0;
		assert_string_not_equal(mp_str(m, p->note), "?");
	}
	assert_true(points > 0);
	mp_reader_close(r);
	mp_model_free(m);
	mp_model_free(all);
}

static void test_one_of_three(void **state)
{
	const char *whole = path("whole.mprof"), *part = path("part.mprof");

	(void)state;
	make(whole);
	for (uint32_t who = 1; who <= MMS; who++) {
		uint32_t pid = 1000 + who;
		struct mp_cut_choice by_pid = { .pids = &pid, .n_pids = 1 };
		struct mp_cut_choice by_mm = { .mms = &who, .n_mms = 1, .from = T0 + 13 * SEC };
		struct mp_cut_info info;

		assert_int_equal(mp_cut(whole, part, -1, &by_pid, NULL, &info), 0);
		assert_int_equal(info.processes, 1);
		assert_true(info.first == T0 && info.last > T0 + 39 * SEC && !info.truncated);
		check_instants(part, whole, who, T0);
		check_overview(part, who);
		unlink(part);
		assert_int_equal(mp_cut(whole, part, -1, &by_mm, NULL, &info), 0);
		assert_true(info.first >= by_mm.from && info.first < by_mm.from + SEC);
		check_instants(part, whole, who, by_mm.from);
		unlink(part);
	}
}

static void test_a_stretch(void **state)
{
	const char *whole = path("whole.mprof"), *part = path("stretch.mprof");
	struct mp_cut_choice c = { .from = T0 + 10 * SEC, .to = T0 + 20 * SEC };
	struct mp_cut_info info;
	struct mp_model *a, *b;

	(void)state;
	assert_int_equal(mp_cut(whole, part, -1, &c, NULL, &info), 0);
	assert_true(info.first >= c.from && info.last <= c.to && info.last > c.to - SEC);
	assert_int_equal(info.processes, MMS);
	a = read_all(whole, c.to);
	b = read_all(part, MP_UNKNOWN);
	for (uint32_t who = 1; who <= MMS; who++)
		same_process(a, b, who);
	assert_true(a->start == b->start); /* times of the session stay what they are */
	mp_model_free(a);
	mp_model_free(b);
	unlink(part);
}

static uint64_t first_of(const char *file)
{
	struct mp_model *m = read_all(file, MP_UNKNOWN);
	struct mp_rec_info info;
	const struct mp_event *e;
	struct mp_reader *r;
	bool key;
	size_t n;

	assert_int_equal(mp_reader_open(file, &r), 0);
	while (mp_reader_next(r, &e, &n, &key) > 0)
		;
	mp_reader_info(r, &info);
	mp_reader_close(r);
	assert_true(m->first + 2 * SEC > info.first_ts);
	mp_model_free(m);
	return info.first_ts;
}

/* A file that begins in the middle of a session: its part does not begin before it. */
static void test_what_begins_with_a_state(void **state)
{
	const char *whole = path("whole.mprof"), *ring = path("ring.mprof"),
		   *part = path("cut.mprof");
	struct mp_cut_choice late = { .from = T0 + 20 * SEC };
	struct mp_model *a, *b;
	struct mp_cut_info info;

	(void)state;
	assert_int_equal(mp_cut(whole, ring, -1, &late, NULL, NULL), 0);
	for (uint32_t who = 0; who <= MMS; who++) {
		struct mp_cut_choice c = { .mms = &who, .n_mms = who != 0 };

		assert_int_equal(mp_cut(ring, part, -1, &c, NULL, &info), 0);
		assert_int_equal(info.processes, who ? 1 : MMS);
		assert_true(info.first >= late.from && first_of(part) >= late.from);
		if (who)
			check_instants(part, whole, who, late.from);
		unlink(part);
	}
	a = read_all(ring, MP_UNKNOWN);
	b = read_all(whole, MP_UNKNOWN);
	assert_true(a->start == b->start);
	mp_model_free(a);
	mp_model_free(b);
	unlink(ring);
}

/* Why a ring was saved stands before its state, and is in no state. */
static void test_why_it_was_saved(void **state)
{
	const char *whole = path("whole.mprof"), *ring = path("why.mprof"),
		   *part = path("cut.mprof");
	struct mp_model *m = read_all(whole, MP_UNKNOWN);
	struct mp_cut_choice everything = { .from = 0 };
	struct mp_event e = ev(MP_EV_META, MP_META_TRIGGER, 0, T0 + 20 * SEC);
	struct mp_cut_info info;
	struct making k = { .m = m, .strs = 1000000 };

	(void)state;
	assert_int_equal(mp_writer_open(ring, &k.w), 0);
	e.meta.num = name(&k, T0 + 20 * SEC, 1, "why");
	e.meta.isstr = 1;
	put(&k, e);
	assert_int_equal(mp_writer_flush(k.w), 0);
	assert_int_equal(mp_writer_keyframe(k.w, m), 0);
	put(&k, ev(MP_EV_TICK, 0, 0, T0 + 41 * SEC));
	assert_int_equal(mp_writer_close(k.w), 0);
	mp_model_free(m);
	assert_int_equal(mp_cut(ring, part, -1, &everything, NULL, &info), 0);
	assert_true(info.first == T0 + 41 * SEC && first_of(part) == T0 + 41 * SEC);
	m = read_all(part, MP_UNKNOWN);
	assert_string_equal(mp_str(m, (uint32_t)m->meta[MP_META_TRIGGER]), "SECRET-1-why-1000001");
	mp_model_free(m);
	unlink(part);
	unlink(ring);
}

static void test_what_cannot_be(void **state)
{
	const char *whole = path("whole.mprof"), *part = path("none.mprof");
	uint32_t pid = 4711;
	struct mp_cut_choice nobody = { .pids = &pid, .n_pids = 1 };
	struct mp_cut_choice late = { .from = T0 + 3600 * SEC };
	struct mp_cut_choice all = { 0 };

	(void)state;
	assert_int_equal(mp_cut(whole, part, -1, &nobody, NULL, NULL), -ESRCH);
	assert_int_equal(mp_cut(whole, part, -1, &late, NULL, NULL), -ERANGE);
	assert_int_equal(mp_cut(path("missing"), part, -1, &all, NULL, NULL), -ENOENT);
	assert_int_equal(access(part, F_OK), -1); /* nothing is left behind */
	assert_int_equal(mp_cut(whole, whole, -1, &all, NULL, NULL), -EEXIST);
	assert_int_equal(access(whole, F_OK), 0);
}

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/memprof-cut-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path("whole.mprof"));
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_of_three),
		cmocka_unit_test(test_a_stretch),
		cmocka_unit_test(test_what_begins_with_a_state),
		cmocka_unit_test(test_why_it_was_saved),
		cmocka_unit_test(test_what_cannot_be),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
