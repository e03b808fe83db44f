/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_daemon_request.c - the line that a viewer sends, and reading a ring from a place on.
 */
#include "tests/unit/ev.h"
#include "tests/unit/rec_stream.h"
#include "user/daemon/request.h"
#include "user/rec/history.h"

static const char *parse(const char *line, struct dm_request *r)
{
	return dm_request_parse(line, strlen(line), r);
}

static void test_lines(void **state)
{
	static const char *const wrong[] = {
		"",
		" ",
		"memprof",
		"memprof 1",
		"memprof 2 list",
		"memprof 1 lists",
		"memprof 1 list 5",
		"memprof 1 stream x",
		"memprof 1 stream 0",
		"memprof 1 stream -1",
		"memprof 1 stream 2147483648",
		"memprof 1 stream 5x",
		"memprof 1 stream past",
		"memprof 1 stream past 0",
		"memprof 1 stream past 604801",
		"memprof 1 stream past 5 5",
		"memprof 1 stream 5 past 5 past 6",
		"GET / HTTP/1.1",
	};
	struct dm_request r;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_non_null(parse(wrong[i], &r));
	assert_null(parse("memprof 1 list", &r));
	assert_int_equal(r.want, DM_WANT_LIST);
	assert_null(parse("memprof 1 stream\r", &r));
	assert_true(r.want == DM_WANT_STREAM && !r.n_pids && !r.past_ns);
	assert_null(parse("  memprof 1  stream 7 8  past 600 ", &r));
	assert_true(r.n_pids == 2 && r.pids[0] == 7 && r.pids[1] == 8);
	assert_true(r.past_ns == 600 * SEC);
	assert_null(parse("memprof 1 past 1", &r));
	assert_true(r.past_ns == SEC && !r.n_pids);
}

static void test_so_many_processes(void **state)
{
	char line[1024] = "memprof 1 stream";
	struct dm_request r;

	(void)state;
	for (int i = 0; i < DM_REQUEST_PIDS; i++)
		strcat(line, " 12");
	assert_null(parse(line, &r));
	assert_int_equal(r.n_pids, DM_REQUEST_PIDS);
	strcat(line, " 12");
	assert_non_null(parse(line, &r));
}

/* --- from a place in the ring on -------------------------------------------------------------- */

static int fold_into(void *arg, const struct mp_event *e)
{
	int err = mp_model_fold(arg, e);

	return err == -EINVAL ? 0 : err;
}

struct session {
	struct mp_model *m;
	struct mp_history *h;
	struct stream s;
};

static void more(struct session *x, unsigned steps)
{
	struct mp_event e[16];

	while (steps--) {
		size_t n = stream_more(&x->s, e);

		for (size_t i = 0; i < n; i++)
			mp_model_fold(x->m, &e[i]);
		assert_int_equal(mp_history_append(x->h, x->m, e, n), 0);
	}
}

static void begin(struct session *x, uint64_t limit)
{
	struct mp_event e[16];
	size_t n;

	x->m = mp_model_new();
	assert_int_equal(mp_history_new(limit, &x->h), 0);
	n = stream_start(&x->s, 7, e);
	for (size_t i = 0; i < n; i++)
		mp_model_fold(x->m, &e[i]);
	assert_int_equal(mp_history_append(x->h, x->m, e, n), 0);
}

static void end(struct session *x)
{
	mp_history_free(x->h);
	mp_model_free(x->m);
}

/* The state of then and what is read since is the state of now, however it is cut and whatever
 * is added and sealed meanwhile. */
static void test_then_and_since_is_now(void **state)
{
	struct rnd r = rnd_seed("since", 5);

	(void)state;
	for (unsigned round = 0; round < 12; round++) {
		struct session x;
		struct mp_history_pos pos;
		uint64_t first, last;
		struct mp_model *then = NULL;
		int left;

		begin(&x, 0);
		more(&x, 200 + (unsigned)rnd_below(&r, 3000));
		assert_int_equal(mp_history_span(x.h, &first, &last), 0);
		while (!mp_history_take(x.h, first + rnd_below(&r, last - first + 1), SIZE_MAX,
					&then))
			;
		assert_non_null(then);
		mp_history_taken(x.h, &pos);
		do {
			if (!rnd_below(&r, 4))
				more(&x, (unsigned)rnd_below(&r, 40));
			if (!rnd_below(&r, 9))
				assert_int_equal(mp_history_flush(x.h), 0);
			if (!rnd_below(&r, 30))
				assert_int_equal(mp_history_key(x.h, x.m), 0);
			left = mp_history_read(x.h, &pos, rnd_below(&r, 700), fold_into, then);
			assert_true(left >= 0);
		} while (left);
		assert_true(mp_model_digest(then) == mp_model_digest(x.m));
		more(&x, 30); /* nothing twice, nothing missed */
		assert_int_equal(mp_history_read(x.h, &pos, SIZE_MAX, fold_into, then), 0);
		assert_int_equal(mp_history_read(x.h, &pos, SIZE_MAX, fold_into, then), 0);
		assert_true(mp_model_digest(then) == mp_model_digest(x.m));
		assert_int_equal(then->events, x.m->events);
		mp_model_free(then);
		end(&x);
	}
}

static void test_what_the_ring_dropped(void **state)
{
	struct mp_history_pos pos;
	struct mp_model *then;
	struct session x;
	uint64_t first, last;

	(void)state;
	begin(&x, 20000);
	more(&x, 100);
	assert_int_equal(mp_history_span(x.h, &first, &last), 0);
	assert_int_equal(mp_history_take(x.h, first, SIZE_MAX, &then), 1);
	mp_history_taken(x.h, &pos);
	while (!mp_history_gone(x.h, first))
		more(&x, 500);
	for (uint64_t had = pos.block + 1; had--;) {
		pos.block = had;
		assert_int_equal(mp_history_read(x.h, &pos, 10, fold_into, then), -ENODATA);
	}
	mp_model_free(then);
	end(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_so_many_processes),
		cmocka_unit_test(test_then_and_since_is_now),
		cmocka_unit_test(test_what_the_ring_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
