/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_rec_shards.c - a recording in many files says what it says in one, event by event;
 * a ring keeps what it was asked to; a queue that is full loses events and says how many.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/rec_record.h"
#include "user/model/model.h"
#include "user/rec/history.h"
#include "user/rec/outq.h"
#include "user/rec/reader.h"
#include "user/rec/shards.h"
#include "user/rec/writer.h"
#include "user/util/util.h"

#define PIECES 600 /* of 20 ms */
#define SEC    1000000000ULL

static char dir[] = "/tmp/memprof-shards-XXXXXX";
static char path[64], other[64];

/* All events given so far, in their order. */
struct list {
	struct mp_event *ev;
	size_t n, cap;
};

static void list_add(struct list *l, const struct mp_event *ev, size_t n)
{
	assert_int_equal(mp_grow(&l->ev, &l->cap, l->n + n, sizeof(*ev)), 0);
	memcpy(l->ev + l->n, ev, n * sizeof(*ev));
	l->n += n;
}

struct session {
	struct stream s;
	struct mp_model *live;
	struct mp_history *h;
	struct list sent;
};

static void start(struct session *t, uint64_t seed, int (*sink)(void *, struct mp_block *),
		  void *ctx)
{
	struct mp_event ev[STREAM_PIECE];
	size_t n;

	memset(t, 0, sizeof(*t));
	t->live = mp_model_new();
	assert_int_equal(mp_history_new(0, &t->h), 0);
	assert_int_equal(mp_history_tee(t->h, sink, ctx), 0);
	n = stream_start(&t->s, seed, ev);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(mp_model_fold(t->live, &ev[i]), 0);
	assert_int_equal(mp_history_append(t->h, t->live, ev, n), 0);
	list_add(&t->sent, ev, n);
}

static void more(struct session *t)
{
	struct mp_event ev[STREAM_PIECE];
	size_t n = stream_more(&t->s, ev);

	for (size_t i = 0; i < n; i++)
		assert_int_equal(mp_model_fold(t->live, &ev[i]), 0);
	assert_int_equal(mp_history_append(t->h, t->live, ev, n), 0);
	list_add(&t->sent, ev, n);
}

static void end(struct session *t)
{
	mp_history_free(t->h);
	mp_model_free(t->live);
	free(t->sent.ev);
}

static int shards_sink(void *ctx, struct mp_block *b)
{
	return mp_shards_block(ctx, b);
}

/* The events of a file that are no repeats. */
static void events_of(const char *name, struct list *l)
{
	struct mp_codec *c = mp_codec_new();
	const struct mp_index_entry *e;
	const struct mp_event *ev;
	struct mp_reader *r;
	struct mp_block b;
	size_t n, k;

	assert_int_equal(mp_reader_open(name, &r), 0);
	assert_int_equal(mp_reader_index(r, &e, &n), 0);
	for (size_t i = 0; i < n; i++) {
		if (e[i].head.flags & MP_BLKF_KEYFRAME || e[i].head.type > MP_BLK_EVENTS)
			continue;
		assert_int_equal(mp_reader_fetch(r, &e[i], &b), 0);
		assert_int_equal(mp_block_unpack(c, &b.head, b.bytes + MP_BLOCK_HEAD, &ev, &k), 0);
		list_add(l, ev, k);
	}
	mp_reader_close(r);
	mp_codec_free(c);
}

/* META first, then the state. */
static void check_begin(const char *name, bool key)
{
	const struct mp_index_entry *e;
	struct mp_reader *r;
	size_t n;

	assert_int_equal(mp_reader_open(name, &r), 0);
	assert_int_equal(mp_reader_index(r, &e, &n), 0);
	assert_true(n >= 2);
	assert_int_equal(e[0].head.type, MP_BLK_META);
	if (key)
		assert_int_equal(e[1].head.flags & (MP_BLKF_KEYFRAME | MP_BLKF_CONT),
				 MP_BLKF_KEYFRAME);
	mp_reader_close(r);
}

static unsigned files_in_dir(void)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	unsigned n = 0;

	while ((e = readdir(d)))
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static int clean_dir(void **state)
{
	char name[512];
	struct dirent *e;
	DIR *d = opendir(dir);

	(void)state;
	while ((e = readdir(d))) {
		snprintf(name, sizeof(name), "%s/%s", dir, e->d_name);
		if (e->d_name[0] != '.')
			unlink(name);
	}
	closedir(d);
	return 0;
}

static uint64_t seed_of(const char *test)
{
	const char *env = getenv("MP_SEED");
	uint64_t seed = env && *env ? strtoull(env, NULL, 0) : 20261121;

	printf("%s: MP_SEED=%llu\n", test, (unsigned long long)seed);
	return seed;
}

/* Turned at random: all files together are the stream, each alone ends in its state. */
static void a_row_is_the_stream(void **state)
{
	struct mp_shards_opts o = { .path = path, .rotate = true };
	uint64_t seed = seed_of("a_row_is_the_stream"), digest[64];
	struct stream dice = { .state = ~seed };
	struct list got = { 0 };
	struct mp_shards_info info;
	struct mp_rec_info ri;
	struct mp_shards *sh;
	char name[MP_SHARD_PATH];
	unsigned n = 1;
	struct session t;

	(void)state;
	assert_int_equal(mp_shards_open(&o, &sh, NULL), 0);
	start(&t, seed, shards_sink, sh);
	for (unsigned i = 0; i < PIECES; i++) {
		struct mp_event fact = { .type = MP_EV_META, .sub = MP_META_SHARD };

		more(&t);
		if (stream_rnd(&dice) % 20 || n == 60)
			continue;
		digest[n++] = mp_model_digest(t.live);
		fact.ts = t.live->now;
		fact.meta.num = n;
		mp_history_fact(t.h, &fact);
		assert_int_equal(mp_history_flush(t.h), 0);
		assert_int_equal(mp_shards_turn(sh), 0);
		assert_int_equal(mp_history_key(t.h, t.live), 0);
	}
	assert_int_equal(mp_history_flush(t.h), 0);
	digest[n] = mp_model_digest(t.live);
	assert_int_equal(mp_shards_close(sh, NULL, 0, &info), 0);
	assert_int_equal(info.files, n);
	assert_int_equal(info.events, t.sent.n);
	assert_true(n > 5);
	for (unsigned i = 1; i <= n; i++) {
		struct mp_model *m;

		mp_shards_name(path, i, name);
		check_begin(name, i > 1);
		events_of(name, &got);
		m = fold_file(name, &ri);
		assert_int_equal(ri.state, MP_REC_CLEAN);
		assert_true(mp_model_digest(m) == digest[i]);
		assert_true(m->meta[MP_META_SHARD] == (i > 1 ? i : MP_UNKNOWN));
		mp_model_free(m);
	}
	assert_int_equal(got.n, t.sent.n);
	assert_memory_equal(got.ev, t.sent.ev, got.n * sizeof(*got.ev));
	free(got.ev);
	end(&t);
}

static void turn(struct session *t, struct mp_shards *sh)
{
	assert_int_equal(mp_history_flush(t->h), 0);
	assert_int_equal(mp_shards_turn(sh), 0);
	assert_int_equal(mp_history_key(t->h, t->live), 0);
}

/* What a saved file has is the end of the stream, whole, and the state at its end. */
static void check_saved(const char *name, const struct session *t, uint64_t span, size_t extra)
{
	struct list got = { 0 };
	struct mp_rec_info ri;
	struct mp_model *m;

	check_begin(name, !extra);
	events_of(name, &got);
	assert_true(got.n > extra && got.n - extra <= t->sent.n);
	assert_memory_equal(got.ev + extra, t->sent.ev + t->sent.n - (got.n - extra),
			    (got.n - extra) * sizeof(*got.ev));
	assert_true(t->live->now - got.ev[extra].ts >= span);
	assert_true(got.ev[0].ts <= got.ev[extra].ts);
	m = fold_file(name, &ri);
	assert_int_equal(ri.state, MP_REC_CLEAN);
	assert_int_equal(ri.bad_blocks, 0);
	assert_true(mp_model_digest(m) == mp_model_digest(t->live));
	if (extra)
		assert_string_equal(mp_str(m, (uint32_t)m->meta[MP_META_TRIGGER]), "churn");
	mp_model_free(m);
	free(got.ev);
}

static size_t why(struct mp_event ev[2])
{
	memset(ev, 0, 2 * sizeof(*ev));
	ev[0].type = MP_EV_STR;
	ev[0].x = 5;
	ev[0].str.id = 1; /* the stream has it too, as in a session */
	memcpy(ev[0].str.text, "churn", 5);
	ev[1].type = MP_EV_META;
	ev[1].sub = MP_META_TRIGGER;
	ev[1].meta.num = 1;
	ev[1].meta.isstr = 1;
	return 2;
}

static void a_ring_by_time(void **state)
{
	struct mp_shards_opts o = { .path = path, .keep_ns = 3 * SEC };
	struct mp_event ev[2];
	struct mp_shards_info info;
	struct mp_shards *sh;
	char name[MP_SHARD_PATH];
	struct session t;

	(void)state;
	assert_int_equal(mp_shards_open(&o, &sh, NULL), 0);
	start(&t, 5, shards_sink, sh);
	for (unsigned i = 1; i <= PIECES; i++) {
		more(&t);
		if (i % 15)
			continue;
		turn(&t, sh); /* every 0.3 s */
		mp_shards_info(sh, &info);
		assert_true(info.span >= 3 * SEC ||
			    t.live->now < t.sent.ev[0].ts + 3 * SEC + SEC / 2);
		assert_true(info.span <= 3 * SEC + SEC);
	}
	assert_true(files_in_dir() <= 15);
	assert_int_equal(mp_shards_save(sh, ev, why(ev), name), 0);
	check_saved(name, &t, 3 * SEC, 2);
	for (unsigned i = 0; i < 7; i++)
		more(&t);
	assert_int_equal(mp_history_flush(t.h), 0);
	assert_int_equal(mp_shards_close(sh, NULL, 0, &info), 0);
	check_saved(path, &t, 3 * SEC, 0);
	assert_int_equal(info.files, 1);
	assert_int_equal(files_in_dir(), 2);
	end(&t);
}

static void a_ring_by_size(void **state)
{
	struct mp_shards_opts o = { .path = path, .keep_bytes = 40000 };
	struct mp_shards_info info;
	struct mp_shards *sh;
	struct mp_event ev[2];
	struct session t;

	(void)state;
	assert_int_equal(mp_shards_open(&o, &sh, NULL), 0);
	start(&t, 6, shards_sink, sh);
	for (unsigned i = 1; i <= PIECES; i++) {
		more(&t);
		if (i % 30 == 0)
			turn(&t, sh);
		mp_shards_info(sh, &info);
		assert_true(info.bytes <= 40000);
	}
	assert_true(info.bytes > 20000);
	assert_true(info.files > 1 && info.files < PIECES / 30);
	assert_int_equal(mp_history_flush(t.h), 0);
	assert_int_equal(mp_shards_close(sh, ev, why(ev), NULL), 0);
	check_saved(path, &t, SEC, 2);
	assert_int_equal(files_in_dir(), 1);
	end(&t);
}

/* A ring that never turned is renamed; when its name was taken meanwhile its files stay. */
static void a_ring_of_one(void **state)
{
	struct mp_shards_opts o = { .path = path, .keep_ns = 60 * SEC };
	struct mp_shards_info info;
	struct mp_shards *sh;
	struct session t;
	struct stat a, b;
	char name[MP_SHARD_PATH];

	(void)state;
	assert_int_equal(mp_shards_open(&o, &sh, NULL), 0);
	start(&t, 7, shards_sink, sh);
	more(&t);
	assert_int_equal(mp_history_flush(t.h), 0);
	assert_int_equal(stat(mp_shards_name(path, 1, name), &a), 0);
	assert_int_equal(mp_shards_close(sh, NULL, 0, NULL), 0);
	assert_int_equal(stat(path, &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	assert_int_equal(b.st_mode & 0777, 0600);
	assert_int_equal(files_in_dir(), 1);
	end(&t);

	unlink(path);
	assert_int_equal(mp_shards_open(&o, &sh, NULL), 0);
	start(&t, 7, shards_sink, sh);
	more(&t);
	assert_int_equal(mp_history_flush(t.h), 0);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(mp_shards_close(sh, NULL, 0, &info), -EEXIST);
	assert_int_equal(info.files, 1);
	check_begin(name, false);
	end(&t);
}

static void nothing_is_overwritten(void **state)
{
	struct mp_shards_opts row = { .path = path, .rotate = true };
	struct mp_shards_opts ring = { .path = path, .keep_ns = SEC };
	char taken[MP_SHARD_PATH], name[MP_SHARD_PATH];
	struct mp_shards *sh;

	(void)state;
	close(open(mp_shards_name(path, 7, name), O_CREAT | O_WRONLY, 0600));
	assert_int_equal(mp_shards_open(&row, &sh, taken), -EEXIST);
	assert_string_equal(taken, name);
	assert_int_equal(mp_shards_open(&ring, &sh, taken), -EEXIST);
	unlink(name);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(mp_shards_open(&ring, &sh, taken), -EEXIST);
	assert_string_equal(taken, path);
	assert_int_equal(mp_shards_open(&row, &sh, taken), 0);
	assert_int_equal(mp_shards_turn(sh), 0);
	mp_shards_discard(sh);
	assert_int_equal(files_in_dir(), 1);
}

/* Somebody removed it: known, and the next one has the name again and the whole state. */
static void removed(void **state)
{
	struct mp_shards_opts o = { .path = path };
	struct mp_rec_info ri;
	struct mp_shards *sh;
	struct mp_model *m;
	struct session t;

	(void)state;
	assert_int_equal(mp_shards_open(&o, &sh, NULL), 0);
	start(&t, 8, shards_sink, sh);
	more(&t);
	assert_true(mp_shards_linked(sh));
	assert_int_equal(rename(path, other), 0); /* it goes on under its new name */
	assert_true(mp_shards_linked(sh));
	unlink(other);
	assert_false(mp_shards_linked(sh));
	turn(&t, sh);
	assert_true(mp_shards_linked(sh));
	more(&t);
	assert_int_equal(mp_history_flush(t.h), 0);
	assert_int_equal(mp_shards_close(sh, NULL, 0, NULL), 0);
	check_begin(path, true);
	m = fold_file(path, &ri);
	assert_int_equal(ri.state, MP_REC_CLEAN);
	assert_true(mp_model_digest(m) == mp_model_digest(t.live));
	mp_model_free(m);
	end(&t);
}

/* --- the queue ----------------------------------------------------------------------- */

/* Reads from a pipe until the queue has room for a keyframe. */
static void read_until_room(int fd, int out, struct mp_outq *q)
{
	struct mp_outq_info i;
	char buf[4096];
	ssize_t n;

	do {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (poll(&p, 1, 1) > 0) {
			n = read(fd, buf, sizeof(buf));
			assert_int_equal(write(out, buf, (size_t)n), n);
		}
		mp_outq_info(q, &i);
	} while (!i.wants_key);
}

struct drain {
	int fd, out;
};

static void *drain_rest(void *arg)
{
	struct drain *d = arg;
	char buf[4096];
	ssize_t n;

	while ((n = read(d->fd, buf, sizeof(buf))) > 0)
		if (write(d->out, buf, (size_t)n) != n)
			break;
	return NULL;
}

/*
 * A reader that stalls: nobody waits for it, what finds no room is counted, the reader of
 * the stream sees the gap, and with the next keyframe it is right again.
 */
static void a_stalled_reader(void **state)
{
	struct mp_outq_opts qo = { .limit = 6000 };
	struct mp_outq_info i;
	struct mp_shards_opts o = { 0 };
	struct mp_rec_info ri;
	struct mp_shards *sh;
	struct mp_outq *q;
	struct mp_model *m;
	struct session t;
	struct drain d;
	pthread_t reader;
	uint64_t lost;
	int fd[2];

	(void)state;
	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	assert_true(fcntl(fd[1], F_SETPIPE_SZ, 4096) > 0);
	o.fd = fd[1];
	assert_int_equal(mp_shards_open(&o, &sh, NULL), 0);
	assert_int_equal(mp_outq_new(sh, &qo, &q), 0);
	start(&t, 9, mp_outq_sink, q);
	for (unsigned k = 0; k < PIECES; k++)
		more(&t);
	mp_outq_info(q, &i);
	assert_true(i.lost > 100);
	assert_true(i.waiting <= qo.limit);
	assert_int_equal(i.err, 0);
	lost = i.lost;

	d = (struct drain){ fd[0], open(other, O_CREAT | O_WRONLY | O_TRUNC, 0600) };
	read_until_room(d.fd, d.out, q);
	assert_int_equal(pthread_create(&reader, NULL, drain_rest, &d), 0);
	mp_outq_drain(q); /* so that the keyframe finds room */
	assert_int_equal(mp_history_key(t.h, t.live), 0);
	mp_outq_info(q, &i);
	assert_false(i.wants_key);
	mp_outq_drain(q);
	more(&t);
	assert_int_equal(mp_history_flush(t.h), 0);
	mp_outq_drain(q);
	mp_outq_info(q, &i);
	assert_int_equal(mp_outq_close(q, NULL, 0, NULL), 0);
	close(fd[1]);
	pthread_join(reader, NULL);
	close(fd[0]);
	close(d.out);

	m = fold_file(other, &ri);
	assert_int_equal(ri.state, MP_REC_DAMAGED);
	assert_true(ri.ended);
	assert_true(ri.unwritten >= lost && ri.unwritten == i.lost);
	m->lost[MP_LOSS_DAMAGED] = 0;
	assert_true(m->now == t.live->now);
	assert_int_equal(mp_proc_rss(m->procs[0]), mp_proc_rss(t.live->procs[0]));
	assert_int_equal(m->procs[0]->faults, t.live->procs[0]->faults);
	mp_model_free(m);
	end(&t);
}

/* All in time: the stream as it was, whatever the size of the pipe. */
static void a_quick_reader(void **state)
{
	struct mp_outq_opts qo = { 0 };
	struct mp_shards_opts o = { 0 };
	struct mp_rec_info ri;
	struct list got = { 0 };
	struct mp_shards *sh;
	struct mp_outq *q;
	struct session t;
	struct drain d;
	pthread_t reader;
	int fd[2];

	(void)state;
	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	d = (struct drain){ fd[0], open(other, O_CREAT | O_WRONLY | O_TRUNC, 0600) };
	/* who shares our output may have made it so: no reason to end */
	assert_int_equal(fcntl(fd[1], F_SETFL, O_NONBLOCK), 0);
	assert_true(fcntl(fd[1], F_SETPIPE_SZ, 4096) > 0);
	assert_int_equal(pthread_create(&reader, NULL, drain_rest, &d), 0);
	o.fd = fd[1];
	assert_int_equal(mp_shards_open(&o, &sh, NULL), 0);
	assert_int_equal(mp_outq_new(sh, &qo, &q), 0);
	start(&t, 10, mp_outq_sink, q);
	for (unsigned k = 0; k < PIECES; k++)
		more(&t);
	assert_int_equal(mp_history_flush(t.h), 0);
	assert_int_equal(mp_outq_close(q, NULL, 0, NULL), 0);
	close(fd[1]);
	pthread_join(reader, NULL);
	close(d.out);
	close(fd[0]);
	mp_model_free(fold_file(other, &ri));
	assert_int_equal(ri.state, MP_REC_CLEAN);
	assert_int_equal(ri.unwritten, 0);
	events_of(other, &got);
	assert_int_equal(got.n, t.sent.n);
	assert_memory_equal(got.ev, t.sent.ev, got.n * sizeof(*got.ev));
	free(got.ev);
	end(&t);
}

/* The reader has gone: told once, nothing hangs. */
static void no_reader(void **state)
{
	struct mp_outq_opts qo = { 0 };
	struct mp_shards_opts o = { 0 };
	struct mp_outq_info i;
	struct mp_shards *sh;
	struct mp_outq *q;
	struct session t;
	int fd[2], err;

	(void)state;
	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	o.fd = fd[1];
	assert_int_equal(mp_shards_open(&o, &sh, NULL), 0);
	assert_int_equal(mp_outq_new(sh, &qo, &q), 0);
	start(&t, 11, mp_outq_sink, q);
	more(&t);
	close(fd[0]);
	err = mp_history_flush(t.h); /* told here, if the thread was that quick */
	assert_true(!err || err == -EPIPE);
	mp_outq_drain(q);
	mp_outq_info(q, &i);
	assert_int_equal(i.err, -EPIPE);
	assert_int_equal(mp_outq_close(q, NULL, 0, NULL), -EPIPE);
	close(fd[1]);
	end(&t);
}

/* x.saved-N.mprof */
static void saved_name(char *name, unsigned n)
{
	snprintf(name, MP_SHARD_PATH, "%s/x.saved-%u.mprof", dir, n);
}

/* Through the queue: turned, saved, closed, in that order, with a message. */
static void queued(void **state)
{
	struct mp_shards_opts o = { .path = path, .keep_ns = 3 * SEC };
	struct mp_outq_opts qo = { .sync_ns = 1 };
	char text[512], name[MP_SHARD_PATH];
	struct mp_outq_info info;
	struct mp_event ev[2];
	struct mp_shards *sh;
	struct mp_outq *q;
	struct session t;

	(void)state;
	assert_int_equal(mp_shards_open(&o, &sh, NULL), 0);
	assert_int_equal(mp_outq_new(sh, &qo, &q), 0);
	start(&t, 12, mp_outq_sink, q);
	for (unsigned i = 1; i <= 300; i++) {
		more(&t);
		if (i % 30)
			continue;
		assert_int_equal(mp_history_flush(t.h), 0);
		assert_int_equal(mp_outq_turn(q), 0);
		mp_outq_info(q, &info);
		assert_int_equal(info.since, 0);
		assert_int_equal(mp_history_key(t.h, t.live), 0);
		mp_outq_info(q, &info); /* of which a keyframe is no part */
		assert_int_equal(info.since, 0);
		assert_true(info.key > 100);
	}
	assert_false(mp_outq_message(q, text, sizeof(text)));
	assert_int_equal(mp_outq_save(q, 0, "now", ev, why(ev)), 0);
	mp_outq_drain(q);
	assert_true(mp_outq_message(q, text, sizeof(text)));
	assert_non_null(strstr(text, "now: the last 3"));
	snprintf(name, sizeof(name), "%s/x.saved-1.mprof", dir);
	assert_non_null(strstr(text, name));
	check_saved(name, &t, 3 * SEC, 2);
	assert_int_equal(mp_outq_close(q, NULL, 0, NULL), 0);
	check_saved(path, &t, 2 * SEC, 0);
	end(&t);
}

/* What comes of a save is handed back under its number, and what nobody took is no more. */
static void handed_over(void **state)
{
	struct mp_shards_opts o = { .path = path, .keep_ns = 3600 * SEC };
	struct mp_outq_opts qo = { .hand_over = true };
	char name[MP_SHARD_PATH], got[MP_SHARD_PATH];
	struct mp_event ev[2];
	struct mp_shards *sh;
	struct mp_outq *q;
	struct session t;
	uint64_t id;
	int err;

	(void)state;
	assert_int_equal(mp_shards_open(&o, &sh, NULL), 0);
	assert_int_equal(mp_outq_new(sh, &qo, &q), 0);
	start(&t, 18, mp_outq_sink, q);
	more(&t);
	assert_int_equal(mp_history_flush(t.h), 0);
	assert_int_equal(mp_outq_save(q, 6, "too early", ev, why(ev)), 0);
	mp_outq_drain(q);
	assert_true(mp_outq_saved(q, &id, got, &err));
	assert_int_equal(id, 6);
	assert_int_equal(err, -ENODATA);
	assert_int_equal(mp_outq_turn(q), 0);
	for (id = 7; id < 9; id++)
		assert_int_equal(mp_outq_save(q, id, "now", ev, why(ev)), 0);
	mp_outq_drain(q);
	assert_true(mp_outq_saved(q, &id, got, &err));
	assert_int_equal(id, 8);
	assert_int_equal(err, 0);
	saved_name(name, 2);
	assert_string_equal(got, name);
	assert_int_equal(access(name, F_OK), 0);
	saved_name(name, 1);
	assert_int_equal(access(name, F_OK), -1);
	assert_false(mp_outq_saved(q, &id, got, &err));
	mp_outq_discard(q);
	end(&t);
}

/* A reader that is there and does not read holds nobody up at the end. */
static void a_reader_asleep(void **state)
{
	struct mp_outq_opts qo = { .drain_ns = 50000000 };
	struct mp_shards_opts o = { 0 };
	struct mp_outq_info i;
	struct mp_shards *sh;
	struct mp_outq *q;
	struct session t;
	int fd[2];

	(void)state;
	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	assert_true(fcntl(fd[1], F_SETPIPE_SZ, 4096) > 0);
	o.fd = fd[1];
	assert_int_equal(mp_shards_open(&o, &sh, NULL), 0);
	assert_int_equal(mp_outq_new(sh, &qo, &q), 0);
	start(&t, 13, mp_outq_sink, q);
	for (unsigned k = 0; k < PIECES; k++)
		more(&t);
	mp_outq_info(q, &i);
	assert_int_equal(i.err, 0); /* while it records it has time */
	mp_outq_drain(q);
	mp_outq_info(q, &i);
	assert_int_equal(i.err, -ETIMEDOUT);
	assert_int_equal(mp_outq_close(q, NULL, 0, NULL), -ETIMEDOUT);
	close(fd[0]);
	close(fd[1]);
	end(&t);
}

static void how_long_a_file(void **state)
{
	(void)state;
	assert_int_equal(mp_shards_turn_bytes(100, 1000, 10), 100);
	assert_int_equal(mp_shards_turn_bytes(100, 1000, 50), 200);
	assert_int_equal(mp_shards_turn_bytes(100, 1000, 200), 300); /* two fit the ring */
	assert_int_equal(mp_shards_turn_bytes(100, 1000, 300), 300);
	assert_int_equal(mp_shards_turn_bytes(100, 0, 300), 1200);
	assert_int_equal(mp_shards_turn_bytes(0, 0, 0), 0);
}

static void taken(unsigned from, unsigned to)
{
	char name[MP_SHARD_PATH];

	for (unsigned n = from; n <= to; n++) {
		saved_name(name, n);
		close(open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
	}
}

/* Names that are free again are taken again, when all were once. */
static void names_come_round(void **state)
{
	struct mp_shards_opts o = { .path = path, .keep_ns = 3600 * SEC };
	char name[MP_SHARD_PATH], want[MP_SHARD_PATH];
	struct mp_event ev[2];
	struct mp_shards *sh;
	struct session t;

	(void)state;
	assert_int_equal(mp_shards_open(&o, &sh, NULL), 0);
	start(&t, 17, shards_sink, sh);
	more(&t);
	turn(&t, sh);
	taken(1, 9998);
	assert_int_equal(mp_shards_save(sh, ev, why(ev), name), 0);
	saved_name(want, 9999);
	assert_string_equal(name, want);
	assert_int_equal(mp_shards_save(sh, ev, why(ev), name), -EEXIST);
	saved_name(want, 3);
	assert_int_equal(unlink(want), 0);
	assert_int_equal(mp_shards_save(sh, ev, why(ev), name), 0);
	assert_string_equal(name, want);
	saved_name(want, 4);
	assert_int_equal(unlink(want), 0);
	assert_int_equal(mp_shards_save(sh, ev, why(ev), name), 0);
	assert_string_equal(name, want);
	mp_shards_discard(sh);
	end(&t);
}

static int lenient_sink(void *ctx, struct mp_block *b)
{
	int err = mp_shards_block(ctx, b);

	return err == -EAGAIN ? 0 : err;
}

static void file_limit(rlim_t bytes)
{
	struct rlimit r;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &r), 0);
	r.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &r), 0);
}

/* No room: a quarter of the past stays, what comes is counted and not written, and when
 * there is room again the ring goes on. */
static void a_full_disk(void **state)
{
	struct mp_shards_opts o = { .path = path, .keep_ns = 3600 * SEC };
	struct mp_shards_info before, full, after;
	struct mp_shards *sh;
	struct mp_rec_info ri;
	struct mp_model *m;
	struct session t;
	struct rlimit was;

	(void)state;
	getrlimit(RLIMIT_FSIZE, &was);
	assert_int_equal(mp_shards_open(&o, &sh, NULL), 0);
	start(&t, 14, lenient_sink, sh);
	for (unsigned i = 1; i <= 300; i++) {
		more(&t);
		if (i % 15 == 0)
			turn(&t, sh);
	}
	mp_shards_info(sh, &before);
	file_limit(1); /* EFBIG */
	for (unsigned i = 1; i <= 100; i++)
		more(&t);
	assert_int_equal(mp_history_flush(t.h), 0);
	assert_int_equal(mp_shards_turn(sh), -EAGAIN);
	file_limit(was.rlim_cur);
	mp_shards_info(sh, &full);
	assert_true(full.squeezed);
	assert_true(full.lost > 100);
	assert_true(full.files >= 2);
	assert_true(full.bytes >= before.bytes / 4 && full.bytes < before.bytes / 2);
	turn(&t, sh);
	more(&t);
	assert_int_equal(mp_history_flush(t.h), 0);
	mp_shards_info(sh, &after);
	assert_int_equal(after.lost, full.lost);
	assert_int_equal(mp_shards_close(sh, NULL, 0, NULL), 0);
	m = fold_file(path, &ri);
	assert_true(ri.ended);
	assert_true(m->now == t.live->now);
	assert_int_equal(mp_proc_rss(m->procs[0]), mp_proc_rss(t.live->procs[0]));
	mp_model_free(m);
	end(&t);
}

/* The queue says it, and counts what the disk has no room for. */
static void a_full_disk_behind_the_queue(void **state)
{
	struct mp_shards_opts o = { .path = path, .keep_ns = 3600 * SEC };
	struct mp_outq_opts qo = { 0 };
	struct mp_outq_info i;
	struct mp_shards *sh;
	struct mp_outq *q;
	struct session t;
	struct mp_shards_info left;
	struct rlimit was;
	char text[512];

	(void)state;
	getrlimit(RLIMIT_FSIZE, &was);
	assert_int_equal(mp_shards_open(&o, &sh, NULL), 0);
	assert_int_equal(mp_outq_new(sh, &qo, &q), 0);
	start(&t, 15, mp_outq_sink, q);
	more(&t);
	assert_int_equal(mp_history_flush(t.h), 0);
	mp_outq_drain(q);
	file_limit(1);
	more(&t);
	assert_int_equal(mp_history_flush(t.h), 0);
	mp_outq_drain(q);
	mp_outq_info(q, &i);
	assert_int_equal(i.err, 0);
	assert_true(i.lost > 0);
	assert_true(mp_outq_message(q, text, sizeof(text)));
	assert_non_null(strstr(text, "lost until there is room"));
	assert_int_equal(mp_outq_close(q, NULL, 0, &left), 0); /* without its END */
	file_limit(was.rlim_cur);
	assert_int_equal(left.files, 1);
	assert_true(left.lost >= i.lost);
	check_begin(path, false);
	end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_row_is_the_stream, clean_dir),
		cmocka_unit_test_teardown(a_ring_by_time, clean_dir),
		cmocka_unit_test_teardown(a_ring_by_size, clean_dir),
		cmocka_unit_test_teardown(a_ring_of_one, clean_dir),
		cmocka_unit_test_teardown(nothing_is_overwritten, clean_dir),
		cmocka_unit_test_teardown(removed, clean_dir),
		cmocka_unit_test_teardown(a_stalled_reader, clean_dir),
		cmocka_unit_test_teardown(a_quick_reader, clean_dir),
		cmocka_unit_test_teardown(no_reader, clean_dir),
		cmocka_unit_test_teardown(queued, clean_dir),
		cmocka_unit_test_teardown(handed_over, clean_dir),
		cmocka_unit_test_teardown(a_reader_asleep, clean_dir),
		cmocka_unit_test(how_long_a_file),
		cmocka_unit_test_teardown(names_come_round, clean_dir),
		cmocka_unit_test_teardown(a_full_disk, clean_dir),
		cmocka_unit_test_teardown(a_full_disk_behind_the_queue, clean_dir),
	};
	int failed;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/x.mprof", dir);
	snprintf(other, sizeof(other), "%s/y.mprof", dir);
	failed = cmocka_run_group_tests_name("rec_shards", tests, NULL, NULL);
	rmdir(dir);
	return failed;
}
