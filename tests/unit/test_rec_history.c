/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_rec_history.c - the state at an instant of the past equals the fold of
 * all events up to it, in a ring and in a file, whatever way one gets there.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/rec_stream.h"
#include "user/model/model.h"
#include "user/rec/history.h"
#include "user/rec/reader.h"
#include "user/rec/writer.h"

#define PIECES 1000 /* of 20 ms */
#define EVERY  50   /* pieces between instants that are compared */
#define MARKS  (PIECES / EVERY)

static char dir[] = "/tmp/memprof-hist-XXXXXX";
static char path[64];

/* A live session that has been running, its history, and what it was like. */
struct session {
	struct mp_model *live;
	struct mp_history *h;
	struct stream s;
	uint64_t ts[MARKS], digest[MARKS];
	unsigned n_marks;
};

static void session_feed(struct session *t, const struct mp_event *ev, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		assert_int_equal(mp_model_fold(t->live, &ev[i]), 0);
	assert_int_equal(mp_history_append(t->h, t->live, ev, n), 0);
}

static void session_run(struct session *t, unsigned pieces)
{
	struct mp_event ev[STREAM_PIECE];
	unsigned i;

	for (i = 0; i < pieces; i++) {
		session_feed(t, ev, stream_more(&t->s, ev));
		if (i % EVERY == EVERY - 1 && t->n_marks < MARKS) {
			t->ts[t->n_marks] = t->live->now;
			t->digest[t->n_marks++] = mp_model_digest(t->live);
		}
	}
}

static void session_start(struct session *t, uint64_t limit)
{
	struct mp_event ev[STREAM_PIECE];

	memset(t, 0, sizeof(*t));
	t->live = mp_model_new();
	assert_int_equal(mp_history_new(limit, &t->h), 0);
	session_feed(t, ev, stream_start(&t->s, 3, ev));
}

static void session_end(struct session *t)
{
	mp_history_free(t->h);
	mp_model_free(t->live);
}

static void check_mark(struct mp_history *h, const struct session *t, unsigned i, uint64_t later)
{
	const struct mp_model *m = mp_history_at(h, t->ts[i] + later);

	assert_non_null(m);
	assert_int_equal(m->now, t->ts[i]);
	assert_int_equal(mp_model_digest(m), t->digest[i]);
}

/* Forwards, backwards, in leaps, and between two events. */
static void check_all(struct mp_history *h, const struct session *t, unsigned from)
{
	unsigned i;

	for (i = from; i < t->n_marks; i++)
		check_mark(h, t, i, 0);
	for (i = t->n_marks; i-- > from;)
		check_mark(h, t, i, 1);
	for (i = from; i < t->n_marks; i++)
		check_mark(h, t, from + (i * 7) % (t->n_marks - from), i % 3);
}

static void ring_equals_fold(void **unused)
{
	struct session t;
	uint64_t first, last;

	(void)unused;
	session_start(&t, 0);
	session_run(&t, PIECES);
	assert_int_equal(mp_history_span(t.h, &first, &last), 0);
	assert_int_equal(first, 1000000000000ULL);
	assert_int_equal(last, t.live->now);
	check_all(t.h, &t, 0);
	assert_int_equal(mp_model_digest(mp_history_at(t.h, MP_UNKNOWN)), mp_model_digest(t.live));
	assert_int_equal(mp_history_at(t.h, 0)->now, first);
	session_end(&t);
}

/* Going back while events keep coming, the cursor at the live end too. */
static void while_live(void **unused)
{
	struct session t;
	unsigned k;

	(void)unused;
	session_start(&t, 0);
	for (k = 0; k < 200; k++) {
		session_run(&t, 3);
		assert_int_equal(mp_model_digest(mp_history_at(t.h, t.live->now)),
				 mp_model_digest(t.live));
		if (k % 20 == 19 && k > 60)
			assert_true(mp_history_at(t.h, t.live->now - 2000000000)->now <=
				    t.live->now - 2000000000);
	}
	session_end(&t);
}

/* Old segments go, the rest stays right. */
static void ring_is_bounded(void **unused)
{
	const uint64_t limit = 400000;
	struct session t;
	uint64_t first, last, most = 0;
	unsigned i, k;

	(void)unused;
	session_start(&t, limit);
	for (k = 0; k < 30; k++) {
		t.n_marks = 0;
		session_run(&t, PIECES);
		most = mp_history_bytes(t.h) > most ? mp_history_bytes(t.h) : most;
	}
	assert_int_equal(mp_history_span(t.h, &first, &last), 0);
	print_message("ring of %llu B held at most %llu B, now %.1f s\n", (unsigned long long)limit,
		      (unsigned long long)most, (double)(last - first) / 1e9);
	assert_true(most <= limit + limit / 2);
	assert_true(first > 1000000000000ULL);
	for (i = 0; i < t.n_marks && t.ts[i] < first;)
		i++;
	assert_true(i < t.n_marks);
	check_all(t.h, &t, i);
	assert_int_equal(mp_history_at(t.h, 5)->now, first);
	session_end(&t);
}

static void saved_and_read_again(void **unused)
{
	struct session t;
	struct mp_reader *r;
	struct mp_history *h;
	const struct mp_index_entry *e;
	uint64_t first, last;
	size_t n;
	unsigned i;

	(void)unused;
	session_start(&t, 60000);
	for (i = 0; i < 10; i++) {
		t.n_marks = 0;
		session_run(&t, PIECES);
	}
	unlink(path);
	assert_int_equal(mp_history_save(t.h, path), 0);
	assert_int_equal(mp_history_save(t.h, path), -EEXIST);
	assert_int_equal(mp_reader_open(path, &r), 0);
	assert_int_equal(mp_reader_index(r, &e, &n), 0);
	assert_int_equal(e[0].head.type, MP_BLK_META);
	assert_true(e[1].head.flags & MP_BLKF_KEYFRAME);
	assert_int_equal(mp_history_from_reader(r, &h), 0);
	assert_int_equal(mp_history_append(h, t.live, NULL, 0), -EINVAL);
	assert_int_equal(mp_history_save(h, path), -EINVAL);
	assert_int_equal(mp_history_span(h, &first, &last), 0);
	for (i = 0; t.ts[i] < first;)
		i++;
	check_all(h, &t, i);
	mp_history_free(h);
	mp_reader_close(r);
	session_end(&t);
}

/* What replay does: fold all a reader gives. */
static uint64_t replay(enum mp_rec_state want)
{
	struct mp_model *m = mp_model_new();
	const struct mp_event *ev;
	struct mp_rec_info info;
	struct mp_reader *r;
	uint64_t digest;
	size_t n, i;
	bool key;

	assert_int_equal(mp_reader_open(path, &r), 0);
	while (mp_reader_next(r, &ev, &n, &key) > 0) {
		if (key && ev[0].type == MP_EV_KEYFRAME && ev[0].sub == MP_KEY_BEGIN) {
			mp_model_free(m);
			m = mp_model_new();
		}
		for (i = 0; i < n; i++)
			assert_int_equal(mp_model_fold(m, &ev[i]), 0);
	}
	mp_reader_info(r, &info);
	assert_int_equal(info.state, want);
	digest = mp_model_digest(m);
	mp_reader_close(r);
	mp_model_free(m);
	return digest;
}

/* A writer joined to the ring, from the start or in the middle, records what a
 * writer alone would. */
static void tee(void **unused)
{
	struct session t;
	struct mp_writer *w;
	unsigned late;

	(void)unused;
	for (late = 0; late < 2; late++) {
		struct mp_event ev[STREAM_PIECE];

		memset(&t, 0, sizeof(t));
		t.live = mp_model_new();
		assert_int_equal(mp_history_new(0, &t.h), 0);
		unlink(path);
		assert_int_equal(mp_writer_open(path, &w), 0);
		if (!late)
			assert_int_equal(mp_history_tee(t.h, w), 0);
		session_feed(&t, ev, stream_start(&t.s, 3, ev));
		session_run(&t, 200);
		if (late)
			assert_int_equal(mp_history_tee(t.h, w), 0);
		session_run(&t, 400);
		assert_int_equal(mp_history_tee(t.h, NULL), 0);
		assert_int_equal(mp_writer_close(w), 0);
		assert_int_equal(replay(MP_REC_CLEAN), mp_model_digest(t.live));
		check_all(t.h, &t, 0);
		session_end(&t);
	}
}

/* A history that begins in the middle of a session begins with its state. */
static void late_start(void **unused)
{
	struct session t;
	struct mp_writer *w;
	struct mp_event ev[STREAM_PIECE];
	size_t n, i;
	unsigned k;

	(void)unused;
	session_start(&t, 0);
	session_run(&t, 300);
	mp_history_free(t.h);
	assert_int_equal(mp_history_new(0, &t.h), 0);
	t.n_marks = 0;
	unlink(path);
	assert_int_equal(mp_writer_open(path, &w), 0);
	assert_int_equal(mp_writer_keyframe(w, t.live), 0);
	for (k = 0; k < 300; k++) {
		n = stream_more(&t.s, ev);
		session_feed(&t, ev, n);
		assert_int_equal(mp_writer_append(w, ev, n), 0);
		assert_int_equal(mp_writer_keyframe(w, t.live), 0);
		i = t.n_marks;
		if (k % EVERY == EVERY - 1) {
			t.ts[i] = t.live->now;
			t.digest[t.n_marks++] = mp_model_digest(t.live);
		}
	}
	assert_int_equal(mp_writer_close(w), 0);
	check_all(t.h, &t, 0);
	assert_int_equal(replay(MP_REC_CLEAN), mp_model_digest(t.live));
	session_end(&t);
}

static void nothing_held(void **unused)
{
	struct mp_history *h;
	uint64_t a, b;

	(void)unused;
	assert_int_equal(mp_history_new(0, &h), 0);
	assert_null(mp_history_at(h, 7));
	assert_int_equal(mp_history_span(h, &a, &b), -ENODATA);
	mp_history_free(h);
	mp_history_free(NULL);
}

static int setup(void **unused)
{
	(void)unused;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/saved", dir);
	return 0;
}

static int teardown(void **unused)
{
	(void)unused;
	unlink(path);
	rmdir(dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ring_equals_fold),
		cmocka_unit_test(while_live),
		cmocka_unit_test(ring_is_bounded),
		cmocka_unit_test(saved_and_read_again),
		cmocka_unit_test(tee),
		cmocka_unit_test(late_start),
		cmocka_unit_test(nothing_held),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
