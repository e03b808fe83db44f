/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_rec_tap.c - a recording that arrives in pieces gives what a reader gives of the same
 * bytes as a file, whatever is wrong with them. Failures print the seed.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/rec_record.h"
#include "user/model/model.h"
#include "user/rec/reader.h"
#include "user/rec/tap.h"
#include "user/rec/writer.h"
#include "user/util/util.h"

#define PIECES 340 /* of the made-up session: 7 seconds, one keyframe */

static struct stream rnd; /* only its random numbers */
static uint64_t seed;

static uint64_t random_below(uint64_t n)
{
	return n ? stream_rnd(&rnd) % n : 0;
}

/* What came of some bytes. */
struct outcome {
	struct mp_event *ev; /* .. and with each whether a keyframe said it: */
	uint8_t *key;
	size_t n, cap, key_cap;
	int err;
	struct mp_rec_info info;
	uint64_t digest;
};
static struct outcome by_reader, by_tap;

static void take(struct outcome *o, struct mp_model *m, const struct mp_event *ev, size_t n,
		 bool keyframe)
{
	assert_int_equal(mp_grow(&o->ev, &o->cap, o->n + n, sizeof(*o->ev)), 0);
	assert_int_equal(mp_grow(&o->key, &o->key_cap, o->n + n, 1), 0);
	memcpy(o->ev + o->n, ev, n * sizeof(*ev));
	memset(o->key + o->n, keyframe, n);
	o->n += n;
	for (size_t i = 0; i < n; i++)
		mp_model_fold(m, &ev[i]);
}

static void end(struct outcome *o, struct mp_model *m)
{
	o->digest = mp_model_digest(m);
	mp_model_free(m);
}

static void reset(struct outcome *o)
{
	o->n = 0;
	o->err = 0;
	memset(&o->info, 0, sizeof(o->info));
}

static void read_file(struct outcome *o, const uint8_t *p, size_t len)
{
	int fd = memfd_create("recording", MFD_CLOEXEC);
	struct mp_model *m = mp_model_new();
	const struct mp_event *ev;
	struct mp_reader *r;
	bool key;
	size_t n;

	reset(o);
	assert_non_null(m);
	assert_int_equal(write(fd, p, len), len);
	o->err = mp_reader_open_fd(fd, &r);
	if (o->err) {
		close(fd);
	} else {
		while ((o->err = mp_reader_next(r, &ev, &n, &key)) > 0)
			take(o, m, ev, n, key);
		mp_reader_info(r, &o->info);
		mp_reader_close(r);
	}
	end(o, m);
}

static int drain(struct mp_tap *t, struct outcome *o, struct mp_model *m)
{
	struct mp_batch b;
	int r;

	while ((r = mp_tap_next(t, &b)) > 0)
		take(o, m, b.ev, b.n, b.keyframe);
	return r;
}

/* Bytes to a tap, at most `piece` at once. */
static void feed(struct mp_tap *t, struct outcome *o, const uint8_t *p, size_t len, size_t piece)
{
	struct mp_model *m = mp_model_new();
	size_t done = 0, room;

	reset(o);
	assert_non_null(m);
	while (!o->err && done < len && !mp_tap_done(t)) {
		size_t n = 1 + random_below(piece);
		uint8_t *to = mp_tap_room(t, &room);

		assert_non_null(to);
		assert_true(room > 0 && room < 20u << 20);
		n = n < room ? n : room;
		n = n < len - done ? n : len - done;
		memcpy(to, p + done, n);
		mp_tap_put(t, n);
		done += n;
		o->err = drain(t, o, m);
	}
	mp_tap_end(t);
	if (!o->err)
		o->err = drain(t, o, m);
	assert_true(mp_tap_done(t));
	assert_null(mp_tap_room(t, &room));
	mp_tap_info(t, &o->info);
	end(o, m);
}

static void same(const uint8_t *p, size_t len, size_t piece)
{
	struct mp_tap *t = mp_tap_new();
	const struct mp_rec_info *a = &by_reader.info, *b = &by_tap.info;

	assert_non_null(t);
	read_file(&by_reader, p, len);
	feed(t, &by_tap, p, len, piece);
	mp_tap_free(t);
	assert_int_equal(by_tap.err, by_reader.err);
	assert_int_equal(by_tap.n, by_reader.n);
	if (by_tap.n) {
		assert_memory_equal(by_tap.ev, by_reader.ev, by_tap.n * sizeof(*by_tap.ev));
		assert_memory_equal(by_tap.key, by_reader.key, by_tap.n);
	}
	assert_int_equal(by_tap.digest, by_reader.digest);
	if (by_reader.err == -ENODATA || by_reader.err == -EBADMSG ||
	    by_reader.err == -EPROTONOSUPPORT)
		return; /* refused: there is no reader to ask */
	assert_int_equal(b->state, a->state);
	assert_int_equal(b->ended, a->ended);
	assert_int_equal(b->blocks, a->blocks);
	assert_int_equal(b->bad_blocks, a->bad_blocks);
	assert_int_equal(b->events, a->events);
	assert_int_equal(b->first_ts, a->first_ts);
	assert_int_equal(b->last_ts, a->last_ts);
	assert_int_equal(b->unwritten, a->unwritten);
	assert_true(b->bytes <= a->bytes); /* behind END nobody reads on */
}

/* --- a recording in memory ------------------------------------------------- */

static uint8_t *good, *bad;
static size_t good_len;
static struct mp_index_entry block[100];
static size_t n_blocks;

static uint8_t *slurp(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	uint8_t *p;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	p = malloc((size_t)st.st_size + 1);
	assert_non_null(p);
	assert_int_equal(read(fd, p, (size_t)st.st_size), st.st_size);
	close(fd);
	*len = (size_t)st.st_size;
	return p;
}

/* The made-up session, with a state in the middle. */
static void write_session(int fd)
{
	struct mp_writer *w;

	assert_int_equal(mp_writer_open_fd(fd, &w), 0);
	stream_record(w, 1, PIECES);
}

static int setup(void **unused)
{
	int fd = memfd_create("good", MFD_CLOEXEC);
	const char *env = getenv("SEED");
	const struct mp_index_entry *e;
	struct mp_reader *r;
	char path[64];

	(void)unused;
	seed = env ? strtoull(env, NULL, 0) : (uint64_t)time(NULL) * 1000003 + (uint64_t)getpid();
	rnd.state = seed;
	printf("SEED=%llu\n", (unsigned long long)seed);
	write_session(fd);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	good = slurp(path, &good_len);
	bad = malloc(2 * good_len + 64);
	assert_int_equal(mp_reader_open_fd(fd, &r), 0);
	assert_int_equal(mp_reader_index(r, &e, &n_blocks), 0);
	assert_true(n_blocks > 7 && n_blocks < 100);
	memcpy(block, e, n_blocks * sizeof(*e));
	mp_reader_close(r);
	return 0;
}

static int teardown(void **unused)
{
	(void)unused;
	free(good);
	free(bad);
	free(by_reader.ev);
	free(by_reader.key);
	free(by_tap.ev);
	free(by_tap.key);
	return 0;
}

/* --- the tests ------------------------------------------------------------- */

static void fixtures_in_pieces(void **unused)
{
	static const size_t pieces[] = { 1, 40, 4096, 1 << 20 };
	glob_t g;

	(void)unused;
	assert_int_equal(glob("tests/fixtures/*.mprof", 0, NULL, &g), 0);
	assert_true(g.gl_pathc > 5);
	for (size_t i = 0; i < g.gl_pathc; i++) {
		size_t len;
		uint8_t *p = slurp(g.gl_pathv[i], &len);

		for (size_t k = 0; k < 4; k++)
			same(p, len, pieces[k]);
		free(p);
	}
	globfree(&g);
}

static void whole(void **unused)
{
	(void)unused;
	same(good, good_len, 1);
	assert_int_equal(by_tap.info.state, MP_REC_CLEAN);
	assert_int_equal(by_tap.info.bytes, good_len);
	assert_true(by_tap.n > 500);
}

static void cut_anywhere(void **unused)
{
	(void)unused;
	for (size_t i = 0; i <= 80; i++)
		same(good, i, 16);
	for (unsigned i = 0; i < 150; i++)
		same(good, random_below(good_len), 8192);
	for (size_t i = 0; i < n_blocks; i++)
		for (int d = -1; d <= 1; d++)
			same(good, (size_t)block[i].offset + (size_t)d, 8192);
}

/* A byte at every kind of place: preamble, each field of a header, a payload. */
static void flipped(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < MP_FILE_HEAD + MP_BLOCK_HEAD; i++) {
		memcpy(bad, good, good_len);
		bad[i] ^= 1 << random_below(8);
		same(bad, good_len, 8192);
	}
	for (size_t i = 0; i < n_blocks; i++)
		for (size_t k = 0; k < MP_BLOCK_HEAD + 8; k += 1 + random_below(4)) {
			memcpy(bad, good, good_len);
			bad[block[i].offset + k] ^= 1 << random_below(8);
			same(bad, good_len, 8192);
		}
	for (unsigned i = 0; i < 150; i++) {
		memcpy(bad, good, good_len);
		for (uint64_t k = 1 + random_below(6); k; k--)
			bad[random_below(good_len)] ^= 1 << random_below(8);
		same(bad, good_len, 1 + random_below(20000));
	}
}

/* A piece that is not there, is there twice, or is nothing but zeros. */
static void patched(void **unused)
{
	(void)unused;
	for (unsigned i = 0; i < 150; i++) {
		size_t a = random_below(good_len), b = a + random_below(good_len - a);
		size_t len = good_len;

		memcpy(bad, good, good_len);
		switch (i % 3) {
		case 0:
			memmove(bad + a, good + b, good_len - b);
			len -= b - a;
			break;
		case 1:
			memcpy(bad + b, good + a, good_len - a);
			len += b - a;
			break;
		default:
			memset(bad + a, 0, b - a);
		}
		same(bad, len, 8192);
	}
}

/* Blocks that a slow viewer was not given: the numbers say so, and the state is right again
 * from the next keyframe on. */
static void dropped_blocks(void **unused)
{
	size_t k = 0, from, to;
	uint64_t whole_digest;

	(void)unused;
	same(good, good_len, 8192);
	whole_digest = by_tap.digest;
	while (k < n_blocks && !(block[k].head.flags & MP_BLKF_KEYFRAME))
		k++;
	assert_true(k > 4 && k < n_blocks - 1);
	from = (size_t)block[k - 2].offset;
	to = (size_t)block[k].offset;
	memcpy(bad, good, from);
	memcpy(bad + from, good + to, good_len - to);
	same(bad, good_len - (to - from), 8192);
	assert_int_equal(by_tap.info.state, MP_REC_DAMAGED);
	assert_int_equal(by_tap.info.bad_blocks, 2);
	assert_true(by_tap.info.ended);
	assert_int_equal(memchr(by_tap.key, 1, by_tap.n) != NULL, 1);
	assert_int_equal(by_tap.digest, whole_digest);
}

/* Headers whose checksum is right and whose lengths are not. */
static void hostile_lengths(void **unused)
{
	static const uint32_t lens[] = { 0, 1, MP_BLOCK_MAX, MP_BLOCK_MAX + 1, 0x7fffffff, ~0u };

	(void)unused;
	for (size_t i = 0; i < 6 * 3; i++) {
		struct mp_block_head h = block[3].head;

		memcpy(bad, good, good_len);
		if (i / 6 == 0)
			h.stored_len = lens[i % 6];
		else if (i / 6 == 1)
			h.raw_len = lens[i % 6];
		else
			h.count = lens[i % 6];
		mp_block_head_put(bad + block[3].offset, &h);
		same(bad, good_len, 8192);
	}
}

/* A length is only believed when the bytes have come. */
static void no_memory_for_promises(void **unused)
{
	struct mp_block_head h = block[0].head;
	struct mp_tap *t = mp_tap_new();
	struct mp_batch b;
	size_t room;
	uint8_t *to = mp_tap_room(t, &room);

	(void)unused;
	h.stored_len = h.raw_len = MP_BLOCK_MAX;
	mp_file_head_put(to);
	mp_block_head_put(to + MP_FILE_HEAD, &h);
	mp_tap_put(t, MP_FILE_HEAD + MP_BLOCK_HEAD);
	assert_int_equal(mp_tap_next(t, &b), 0);
	assert_false(mp_tap_done(t));
	assert_non_null(mp_tap_room(t, &room));
	assert_true(room < 256 << 10);
	mp_tap_free(t);
}

static void refused(void **unused)
{
	uint8_t head[64];

	(void)unused;
	same(good, 0, 1);
	assert_int_equal(by_tap.err, -ENODATA);
	memset(head, 'x', sizeof(head));
	same(head, sizeof(head), 7);
	assert_int_equal(by_tap.err, -EBADMSG);
	mp_file_head_put(head);
	head[10]++;
	same(head, sizeof(head), 64);
	assert_int_equal(by_tap.err, -EPROTONOSUPPORT);
}

/* --- the tee ---------------------------------------------------------------- */

struct copy {
	struct mp_writer *w;
	uint32_t skipped;
	int fail;
};

static int copy_block(void *ctx, struct mp_block *b)
{
	struct copy *c = ctx;

	return c->fail ? c->fail : mp_writer_block(c->w, b);
}

static void copy_skip(void *ctx, uint32_t blocks, uint64_t events)
{
	struct copy *c = ctx;

	c->skipped += blocks;
	mp_writer_skip(c->w, blocks, events);
}

/* Through a tap into a file, and that read again: its model. */
static void copied(const uint8_t *p, size_t len, struct copy *c)
{
	struct mp_tap_tee tee = { copy_block, copy_skip, c };
	int fd = memfd_create("copy", MFD_CLOEXEC);
	struct mp_tap *t = mp_tap_new();
	char path[64];
	size_t n;
	uint8_t *again;

	c->skipped = 0;
	mp_tap_tee(t, &tee);
	assert_int_equal(mp_writer_open_fd(fd, &c->w), 0);
	feed(t, &by_tap, p, len, 30000);
	mp_tap_free(t);
	assert_int_equal(mp_writer_close(c->w), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = slurp(path, &n);
	read_file(&by_reader, again, n);
	free(again);
	close(fd);
}

static void copies(void **unused)
{
	struct copy c = { 0 };

	(void)unused;
	copied(good, good_len, &c);
	assert_int_equal(by_reader.digest, by_tap.digest);
	assert_int_equal(by_reader.info.state, MP_REC_CLEAN);
	assert_int_equal(by_reader.info.blocks, by_tap.info.blocks);
	assert_int_equal(by_reader.n, by_tap.n);
	assert_memory_equal(by_reader.ev, by_tap.ev, by_tap.n * sizeof(*by_tap.ev));
	assert_int_equal(c.skipped, 0);
	/* a payload that is damaged stays out, also of a keyframe that nobody asks for */
	memcpy(bad, good, good_len);
	for (size_t i = 1; i < n_blocks; i++)
		if (block[i].head.flags & MP_BLKF_KEYFRAME || i == 3)
			bad[block[i].offset + MP_BLOCK_HEAD + 3] ^= 1;
	copied(bad, good_len, &c);
	assert_true(c.skipped >= 2);
	assert_true(by_reader.info.ended);
	assert_int_equal(by_reader.info.bad_blocks, c.skipped);
	/* what is behind a cut is whole, since it got an end of its own */
	copied(good, good_len * 2 / 3, &c);
	assert_int_equal(by_reader.digest, by_tap.digest);
	assert_int_equal(by_tap.info.state, MP_REC_TRUNCATED);
	assert_int_equal(by_reader.info.state, MP_REC_CLEAN);
}

static void tee_fails(void **unused)
{
	struct copy c = { .fail = -ENOSPC };
	struct mp_tap_tee tee = { copy_block, copy_skip, &c };
	struct mp_tap *t = mp_tap_new();

	(void)unused;
	mp_tap_tee(t, &tee);
	feed(t, &by_tap, good, good_len, 30000);
	assert_int_equal(by_tap.err, -ENOSPC);
	assert_int_equal(by_tap.n, 0);
	mp_tap_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fixtures_in_pieces),
		cmocka_unit_test(whole),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(flipped),
		cmocka_unit_test(patched),
		cmocka_unit_test(dropped_blocks),
		cmocka_unit_test(hostile_lengths),
		cmocka_unit_test(no_memory_for_promises),
		cmocka_unit_test(refused),
		cmocka_unit_test(copies),
		cmocka_unit_test(tee_fails),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
