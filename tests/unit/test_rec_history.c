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
#include "user/rec/held.h"
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

/* A target that does little: a piece each second. */
static void session_rest(struct session *t, unsigned pieces)
{
	for (; pieces; pieces--) {
		t->s.ts += 1000000000;
		session_run(t, 1);
	}
}

/* What is older than asked for goes, from keyframe to keyframe, when little happens too. */
static void ring_is_bounded_by_time(void **unused)
{
	const uint64_t keep = 20000000000ULL;
	struct session t;
	uint64_t first, last;
	unsigned i;

	(void)unused;
	session_start(&t, 0);
	mp_history_keep(t.h, keep);
	for (unsigned k = 0; k < 200; k++) {
		t.n_marks = 0;
		if (k < 100)
			session_run(&t, EVERY);
		else
			session_rest(&t, EVERY);
		assert_int_equal(mp_history_span(t.h, &first, &last), 0);
		assert_true(last - first < keep + keep / 4 + 2000000000);
		assert_true(last - first >= keep || first == 1000000000000ULL);
	}
	assert_true(mp_history_gone(t.h, first - 1));
	t.n_marks = 0;
	session_run(&t, PIECES);
	assert_int_equal(mp_history_span(t.h, &first, &last), 0);
	for (i = 0; t.ts[i] < first;)
		i++;
	check_all(t.h, &t, i);
	session_end(&t);
}

/* No ring of states alone: one of more than an eighth of it is not made for the time's sake. */
static void time_does_not_fill_it_with_states(void **unused)
{
	const uint64_t keep = 20000000000ULL;
	struct session t;
	uint64_t first, last;

	(void)unused;
	session_start(&t, 30000);
	session_run(&t, PIECES);
	mp_history_keep(t.h, keep);
	session_rest(&t, 70);
	assert_int_equal(mp_history_span(t.h, &first, &last), 0);
	assert_true(last - first > 3 * keep);
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

/* What the ring holds at a moment, written when it has long dropped all of it. */
static void held_while_it_goes_on(void **unused)
{
	struct mp_held_list l;
	struct mp_history *h;
	struct mp_reader *r;
	struct session t, was;
	uint64_t last, now;
	unsigned i;

	(void)unused;
	session_start(&t, 60000);
	for (i = 0; i < 10; i++) {
		t.n_marks = 0;
		session_run(&t, PIECES);
	}
	assert_int_equal(mp_history_hold(t.h, &l), 0);
	was = t;
	for (i = 0; i < 10; i++)
		session_run(&t, PIECES);
	assert_int_equal(mp_history_span(t.h, &now, &last), 0);
	assert_true(now > was.ts[was.n_marks - 1]);
	unlink(path);
	assert_int_equal(mp_held_write(&l, path), 0);
	assert_int_equal(mp_held_write(&l, path), -EEXIST);
	mp_held_list_free(&l);
	assert_int_equal(mp_reader_open(path, &r), 0);
	assert_int_equal(mp_history_from_reader(r, &h), 0);
	assert_int_equal(mp_history_hold(h, &l), -EINVAL);
	assert_int_equal(mp_history_span(h, &now, &last), 0);
	assert_true(now < was.ts[was.n_marks - 1]);
	for (i = 0; was.ts[i] < now;)
		i++;
	check_all(h, &was, i);
	assert_int_equal(last, was.ts[was.n_marks - 1]);
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
			assert_int_equal(mp_history_tee(t.h, mp_writer_sink, w), 0);
		session_feed(&t, ev, stream_start(&t.s, 3, ev));
		session_run(&t, 200);
		if (late)
			assert_int_equal(mp_history_tee(t.h, mp_writer_sink, w), 0);
		session_run(&t, 400);
		assert_int_equal(mp_history_tee(t.h, NULL, NULL), 0);
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

/* The same states in slices, given up half way too. */
static void in_slices(void **unused)
{
	const struct mp_model *m;
	struct session t;
	unsigned i, calls = 0;
	int r;

	(void)unused;
	session_start(&t, 0);
	session_run(&t, PIECES);
	for (i = 0; i < t.n_marks; i++) {
		unsigned at = (i * 7) % t.n_marks;

		/* somebody looks elsewhere for a moment, and comes back */
		mp_history_toward(t.h, t.ts[(i * 3) % t.n_marks], i % 4, &m);
		while (!(r = mp_history_toward(t.h, t.ts[at], 1, &m)))
			calls++;
		assert_int_equal(r, 1);
		assert_int_equal(mp_model_digest(m), t.digest[at]);
	}
	assert_true(calls > t.n_marks);
	session_end(&t);
}

/* Faults of the stream from t0 to t1, t1 included. */
static uint64_t faults_between(uint64_t t0, uint64_t t1)
{
	struct mp_event ev[STREAM_PIECE];
	uint64_t sum = 0;
	struct stream s;

	stream_start(&s, 3, ev);
	for (unsigned i = 0; i < PIECES; i++) {
		size_t n = stream_more(&s, ev);

		for (size_t k = 0; k < n; k++)
			if (ev[k].type == MP_EV_FAULT && ev[k].ts >= t0 && ev[k].ts <= t1)
				sum += ev[k].x;
	}
	return sum;
}

/* A window has what happened in it, in the finest points. */
static void windows(void **unused)
{
	const struct mp_timeline *tl;
	struct session t;
	uint64_t first, last;

	(void)unused;
	session_start(&t, 0);
	session_run(&t, PIECES);
	assert_int_equal(mp_history_span(t.h, &first, &last), 0);
	for (unsigned i = 0; i < 30; i++) {
		uint64_t t0 = first + (last - first) * (i * 7 % 30) / 30;
		uint64_t t1 = t0 + (i % 5 + 1) * 300000000ULL, faults = 0, end = 0;
		int r;

		while (!(r = mp_history_window(t.h, 0, t0, t1, MP_TL_WIDTH0, i % 3 + 1, &tl)))
			;
		assert_int_equal(r, 1);
		assert_non_null(tl);
		assert_int_equal(tl->width, MP_TL_WIDTH0);
		assert_true(tl->start <= t0 + 100000000);
		end = tl->p[tl->n - 1].ts + tl->width;
		assert_true(end + 100000000 >= (t1 < last ? t1 : last));
		for (size_t k = 0; k < tl->n; k++)
			faults += tl->p[k].faults;
		/* its last point may not be over */
		assert_true(faults >= faults_between(tl->start, end - tl->width - 1));
		assert_true(faults <= faults_between(tl->start, end));
	}
	session_end(&t);
}

static void feed_one(struct session *t, uint16_t type, uint8_t sub, uint32_t mm, uint64_t a,
		     uint64_t b)
{
	struct mp_event e = { .ts = t->live->now, .type = type, .sub = sub, .mm = mm };

	e.v[0] = a;
	e.v[1] = b;
	if (type == MP_EV_FAULT)
		e.x = 1;
	session_feed(t, &e, 1);
}

struct given {
	struct session *to;
	size_t n;
};

/* A state that came along is folded, but is nothing that happened now. */
static int given(void *ctx, const struct mp_event *e)
{
	struct given *g = ctx;

	g->n++;
	return mp_model_fold(g->to->live, e);
}

/* Of a stream of which a part did not come, and then a state: what is behind it is right
 * again, also where the way there leads through the gap. */
static void across_a_gap(void **unused)
{
	struct mp_event ev[STREAM_PIECE], loss = { .type = MP_EV_LOSS, .sub = MP_LOSS_DAMAGED };
	const struct mp_timeline *tl;
	struct session all, t;
	struct given g = { &t, 0 };
	uint64_t back = 0, same = 0;
	size_t n, k = 0;

	(void)unused;
	session_start(&all, 0);
	session_start(&t, 0);
	for (unsigned i = 0; i < 400; i++) {
		n = stream_more(&t.s, ev);
		session_feed(&all, ev, n);
		if (i < 100 || i >= 220)
			session_feed(&t, ev, n);
		loss.ts = t.live->now;
		if (i == 219)
			session_feed(&t, &loss, 1);
		if (i == 230) {
			assert_int_equal(mp_model_dump(all.live, given, &g), 0);
			assert_int_equal(mp_history_key(t.h, t.live), 0);
			back = t.live->now;
		}
	}
	assert_true(g.n > 10);
	assert_int_equal(mp_model_digest(t.live), mp_model_digest(all.live));
	assert_int_equal(mp_model_digest(mp_history_at(t.h, MP_UNKNOWN >> 3)),
			 mp_model_digest(all.live));
	assert_int_equal(mp_history_window(t.h, 0, 0, t.live->now, 1, SIZE_MAX, &tl), 1);
	for (size_t i = 0; i < tl->n; i++) {
		const struct mp_point *p = &tl->p[i], *q;
		const struct mp_timeline *want = &mp_model_main(all.live)->tl;

		while (k < want->n && want->p[k].ts < p->ts)
			k++;
		q = k < want->n ? &want->p[k] : NULL;
		if (!q || p->ts < back + tl->width || q->ts != p->ts)
			continue;
		assert_int_equal(p->live, q->live);
		assert_int_equal(p->other, q->other);
		assert_int_equal(p->unknown, q->unknown);
		same++;
	}
	assert_true(same > 20);
	session_end(&t);
	session_end(&all);
}

/* Of any process, by its pid: before an exec too, when it had another mm. */
static void windows_of_others(void **unused)
{
	const struct mp_timeline *tl;
	struct session t;
	uint64_t mid, end, first, last;

	(void)unused;
	session_start(&t, 0);
	session_run(&t, 50);
	feed_one(&t, MP_EV_TASK, MP_TASK_TARGET, 2, 200, 0);
	feed_one(&t, MP_EV_FAULT, MP_FAULT_WRITE, 2, 0x1000, 0);
	session_run(&t, PIECES / 2);
	mid = t.live->now;
	feed_one(&t, MP_EV_TASK, MP_TASK_EXEC, 3, 2, 200);
	for (int i = 0; i < 5; i++)
		feed_one(&t, MP_EV_FAULT, MP_FAULT_WRITE, 3, 0x1000, 0);
	session_run(&t, PIECES / 2);
	end = t.live->now;
	assert_int_equal(mp_history_span(t.h, &first, &last), 0);
	assert_int_equal(mp_history_window(t.h, 200, first, mid - 1, MP_TL_WIDTH0, SIZE_MAX, &tl),
			 1);
	assert_non_null(tl);
	assert_int_equal(
		mp_history_window(t.h, 200, mid - 1000000000, end, MP_TL_WIDTH0, SIZE_MAX, &tl), 1);
	assert_non_null(tl);
	assert_int_equal(mp_history_window(t.h, 201, first, end, MP_TL_WIDTH0, SIZE_MAX, &tl), 1);
	assert_null(tl);
	session_end(&t);
}

struct seen {
	struct mp_event *ev; /* of the whole stream */
	size_t n, at, stop;
	uint64_t t0, t1;
};

static int see(void *arg, const struct mp_event *e)
{
	struct seen *s = arg;

	while (s->at < s->n && (s->ev[s->at].ts < s->t0 || s->ev[s->at].ts >= s->t1))
		s->at++;
	assert_true(s->at < s->n);
	assert_memory_equal(e, &s->ev[s->at], sizeof(*e));
	s->at++;
	return s->stop && !--s->stop ? 7 : 0;
}

/* What is left of [t0, t1) behind the last event seen: nothing, unless it stopped. */
static bool all_seen(struct seen *s)
{
	while (s->at < s->n && (s->ev[s->at].ts < s->t0 || s->ev[s->at].ts >= s->t1))
		s->at++;
	return s->at == s->n;
}

static size_t stream_events(struct mp_event *to, unsigned pieces)
{
	struct stream s;
	size_t n = stream_start(&s, 3, to);

	for (unsigned i = 0; i < pieces; i++)
		n += stream_more(&s, to + n);
	return n;
}

/* Every event of a stretch, once, in the stream's order, as it was. */
static void single_events(void **unused)
{
	struct seen s = { .ev = calloc((PIECES + 1) * STREAM_PIECE, sizeof(*s.ev)) };
	uint64_t first, last;
	struct session t;
	bool stopped;
	int r;

	(void)unused;
	assert_non_null(s.ev);
	s.n = stream_events(s.ev, PIECES);
	session_start(&t, 0);
	session_run(&t, PIECES);
	assert_int_equal(mp_history_span(t.h, &first, &last), 0);
	for (unsigned i = 0; i < 60; i++) {
		s.t0 = first + (last - first) * (i * 7 % 60) / 60;
		s.t1 = i % 3 ? s.t0 + 1 + i * 20000000ULL : s.ev[i * 100].ts;
		s.t0 = i % 3 ? s.t0 : s.ev[i * 90].ts; /* bounds that are events' */
		s.at = 0;
		s.stop = i % 5 ? 0 : i + 1;
		r = mp_history_events(t.h, s.t0, s.t1, see, &s);
		stopped = i % 5 == 0 && !s.stop;
		assert_int_equal(r, stopped ? 7 : 0);
		assert_true(stopped || all_seen(&s));
	}
	s.t0 = 0;
	s.t1 = MP_UNKNOWN;
	s.at = s.stop = 0;
	assert_int_equal(mp_history_events(t.h, s.t0, s.t1, see, &s), 0);
	assert_int_equal(s.at, s.n);
	free(s.ev);
	session_end(&t);
}

static int count(void *arg, const struct mp_event *e)
{
	(void)e;
	++*(unsigned *)arg;
	return 0;
}

/* What a ring has dropped is told to be gone, and no other moment is shown for it. */
static void gone(void **unused)
{
	uint64_t first, last;
	struct session t;
	unsigned n = 0;

	(void)unused;
	session_start(&t, 60000);
	assert_false(mp_history_gone(t.h, 0));
	assert_int_equal(mp_history_events(t.h, 0, 1, count, &n), 0);
	for (unsigned k = 0; k < 10; k++)
		session_run(&t, PIECES);
	assert_int_equal(mp_history_span(t.h, &first, &last), 0);
	assert_true(mp_history_gone(t.h, first - 1));
	assert_false(mp_history_gone(t.h, first));
	assert_int_equal(mp_history_events(t.h, 0, first, count, &n), -ENODATA);
	assert_int_equal(n, 0);
	assert_int_equal(mp_history_events(t.h, 0, first + 1, count, &n), 0);
	session_end(&t);
}

/* States that are kept are what at() shows, and leave alone what it shows. */
static void kept(void **unused)
{
	const struct mp_model *shown;
	struct mp_model *m[2];
	struct session t;

	(void)unused;
	session_start(&t, 0);
	session_run(&t, PIECES);
	for (unsigned i = 0; i + 1 < t.n_marks; i++) {
		unsigned a = i * 7 % t.n_marks, b = i * 3 % t.n_marks, slices[2] = { 0, 0 };

		shown = mp_history_at(t.h, t.ts[i]);
		while (!mp_history_take(t.h, t.ts[a], 1, &m[0])) {
			assert_null(m[0]);
			slices[0]++;
		}
		while (!mp_history_take(t.h, t.ts[b], 1, &m[1]))
			slices[1]++;
		assert_true(slices[0] && slices[1]); /* nothing is done at once */
		session_run(&t, 1);
		assert_int_equal(mp_model_digest(m[0]), t.digest[a]);
		assert_int_equal(mp_model_digest(m[1]), t.digest[b]);
		assert_int_equal(mp_model_digest(shown), t.digest[i]);
		mp_model_free(m[0]);
		mp_model_free(m[1]);
	}
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
		cmocka_unit_test(ring_is_bounded_by_time),
		cmocka_unit_test(time_does_not_fill_it_with_states),
		cmocka_unit_test(saved_and_read_again),
		cmocka_unit_test(held_while_it_goes_on),
		cmocka_unit_test(tee),
		cmocka_unit_test(late_start),
		cmocka_unit_test(in_slices),
		cmocka_unit_test(windows),
		cmocka_unit_test(across_a_gap),
		cmocka_unit_test(windows_of_others),
		cmocka_unit_test(single_events),
		cmocka_unit_test(gone),
		cmocka_unit_test(kept),
		cmocka_unit_test(nothing_held),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
