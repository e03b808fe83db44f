/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_rec_file.c - recordings as files: whole, cut off, damaged, refused, and
 * on a disk that is full.
 */
#include <errno.h>
#include <fcntl.h>
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

#include "tests/unit/rec_stream.h"
#include "user/model/model.h"
#include "user/rec/reader.h"
#include "user/rec/writer.h"

#define EVENTS_MAX 4000
#define PIECES	   340 /* 7 seconds: one keyframe */

static char dir[] = "/tmp/memprof-rec-XXXXXX";
static char good[64], bad[64]; /* a whole recording, and room for its copies */

static struct mp_event sent[EVENTS_MAX];
static size_t n_sent;

/* The recording `good`, in memory. */
static uint8_t *file;
static size_t file_len;

/* Its blocks: where they end, and the events they have (0 for keyframes). */
static struct {
	size_t start, end;
	size_t first, n;
	bool key;
} block[200];
static size_t n_blocks;

static void spew(const char *path, const uint8_t *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, n), n);
	close(fd);
}

static void slurp(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	free(file);
	file_len = (size_t)st.st_size;
	file = malloc(file_len);
	assert_int_equal(read(fd, file, file_len), file_len);
	close(fd);
}

/* Sends a session of about `pieces` * 20 ms to a writer, which may fail. Keeps
 * its events, which begin as those of any other session do. */
static int send(struct mp_writer *w, unsigned pieces)
{
	struct mp_model *m = mp_model_new();
	struct mp_event ev[STREAM_PIECE];
	struct stream s;
	size_t i, sum = 0, n = stream_start(&s, 1, ev);
	int err = 0;

	for (; pieces && !err; pieces--) {
		for (i = 0; i < n; i++)
			assert_int_equal(mp_model_fold(m, &ev[i]), 0);
		assert_true(sum + n <= EVENTS_MAX);
		memcpy(sent + sum, ev, n * sizeof(*ev));
		sum += n;
		n_sent = sum > n_sent ? sum : n_sent;
		err = mp_writer_append(w, ev, n);
		if (!err)
			err = mp_writer_keyframe(w, m);
		n = stream_more(&s, ev);
	}
	mp_model_free(m);
	return err;
}

static int setup(void **unused)
{
	const struct mp_index_entry *e;
	struct mp_writer *w;
	struct mp_reader *r;
	size_t i, first = 0;

	(void)unused;
	assert_non_null(mkdtemp(dir));
	snprintf(good, sizeof(good), "%s/good", dir);
	snprintf(bad, sizeof(bad), "%s/bad", dir);
	assert_int_equal(mp_writer_open(good, &w), 0);
	assert_int_equal(send(w, PIECES), 0);
	assert_int_equal(mp_writer_close(w), 0);
	slurp(good);
	assert_int_equal(mp_reader_open(good, &r), 0);
	assert_int_equal(mp_reader_index(r, &e, &n_blocks), 0);
	assert_true(n_blocks > 7 && n_blocks < 190);
	for (i = 0; i < n_blocks; i++) {
		block[i].start = e[i].offset;
		block[i].end = e[i].offset + MP_BLOCK_HEAD + e[i].head.stored_len;
		block[i].key = e[i].head.flags & MP_BLKF_KEYFRAME;
		block[i].first = first;
		block[i].n = block[i].key ? 0 : e[i].head.count;
		first += block[i].n;
	}
	assert_int_equal(first, n_sent);
	mp_reader_close(r);
	return 0;
}

static int teardown(void **unused)
{
	(void)unused;
	unlink(good);
	unlink(bad);
	rmdir(dir);
	free(file);
	return 0;
}

/* --- reading all of a file ----------------------------------------------- */

struct got {
	struct mp_event ev[2 * EVENTS_MAX]; /* without keyframes and LOSS */
	size_t n;
	unsigned losses;
	unsigned keyframes; /* BEGIN marks */
	struct mp_rec_info info;
};
static struct got got;

static int read_all(const char *path)
{
	const struct mp_event *ev;
	struct mp_reader *r;
	bool key;
	size_t n, i;
	int err = mp_reader_open(path, &r);

	got.n = got.losses = got.keyframes = 0;
	memset(&got.info, 0, sizeof(got.info));
	if (err)
		return err;
	while ((err = mp_reader_next(r, &ev, &n, &key)) > 0) {
		for (i = 0; i < n; i++) {
			if (ev[i].type == MP_EV_LOSS)
				got.losses++;
			else if (key)
				got.keyframes += ev[i].type == MP_EV_KEYFRAME &&
						 ev[i].sub == MP_KEY_BEGIN;
			else
				got.ev[got.n++] = ev[i];
			assert_true(got.n < 2 * EVENTS_MAX);
		}
	}
	mp_reader_info(r, &got.info);
	assert_int_equal(mp_reader_next(r, &ev, &n, &key), 0);
	mp_reader_close(r);
	return err;
}

static void whole_file(void **unused)
{
	struct stat st;

	(void)unused;
	assert_int_equal(read_all(good), 0);
	assert_int_equal(got.info.state, MP_REC_CLEAN);
	assert_true(got.info.ended);
	assert_int_equal(got.info.blocks, n_blocks + 2);
	assert_int_equal(got.info.bytes, file_len);
	assert_int_equal(got.info.events, n_sent);
	assert_int_equal(got.info.first_ts, sent[0].ts);
	assert_int_equal(got.info.last_ts, sent[n_sent - 1].ts);
	assert_int_equal(got.losses, 0);
	assert_int_equal(got.keyframes, 0);
	assert_int_equal(got.n, n_sent);
	assert_memory_equal(got.ev, sent, n_sent * sizeof(*sent));
	assert_int_equal(stat(good, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

/* The first block is META; the index by END equals the index by hopping. */
static void index_both_ways(void **unused)
{
	const struct mp_index_entry *a, *b;
	struct mp_reader *r, *cut;
	size_t n, m, i;
	unsigned keys = 0;

	(void)unused;
	spew(bad, file, file_len - 1);
	assert_int_equal(mp_reader_open(good, &r), 0);
	assert_int_equal(mp_reader_open(bad, &cut), 0);
	assert_int_equal(mp_reader_index(r, &a, &n), 0);
	assert_int_equal(mp_reader_index(cut, &b, &m), 0);
	assert_int_equal(m, n + 1); /* hopping sees INDEX itself too */
	for (i = 0; i < n; i++) {
		assert_int_equal(a[i].offset, b[i].offset);
		assert_memory_equal(&a[i].head, &b[i].head, sizeof(a[i].head));
		keys += a[i].head.flags & MP_BLKF_KEYFRAME && a[i].head.type == MP_BLK_EVENTS;
	}
	assert_int_equal(a[0].head.type, MP_BLK_META);
	assert_true(keys > 0);
	mp_reader_close(r);
	mp_reader_close(cut);
}

static void cut_at_every_byte(void **unused)
{
	size_t cut, i, n;

	(void)unused;
	for (cut = 1; cut < file_len; cut++) {
		spew(bad, file, cut);
		assert_int_equal(read_all(bad), 0);
		for (i = n = 0; i < n_blocks && block[i].end <= cut; i++)
			n += block[i].n;
		assert_int_equal(got.info.state, MP_REC_TRUNCATED);
		assert_int_equal(got.losses, 0);
		assert_int_equal(got.n, n);
		assert_memory_equal(got.ev, sent, n * sizeof(*sent));
	}
}

/* All blocks but the touched one come back, in order. */
static void check_without(size_t touched)
{
	size_t i, n = 0;

	for (i = 0; i < n_blocks; i++) {
		if (i == touched)
			continue;
		assert_true(n + block[i].n <= got.n);
		assert_memory_equal(got.ev + n, sent + block[i].first, block[i].n * sizeof(*sent));
		n += block[i].n;
	}
	assert_int_equal(n, got.n);
}

static void flip_every_byte(void **unused)
{
	uint8_t *copy = malloc(file_len);
	size_t at, i;

	(void)unused;
	for (at = 0; at < file_len; at++) {
		memcpy(copy, file, file_len);
		copy[at] ^= (uint8_t)(1 + at % 255);
		spew(bad, copy, file_len);
		if (at == 10) { /* the major version */
			assert_true(read_all(bad) <= 0);
			continue;
		}
		assert_int_equal(read_all(bad), 0);
		for (i = 0; i < n_blocks && at >= block[i].end;)
			i++;
		if (at < MP_FILE_HEAD)
			i = n_blocks;
		check_without(i);
		if (i < n_blocks && !block[i].key) {
			assert_int_equal(got.info.state, MP_REC_DAMAGED);
			assert_int_equal(got.info.bad_blocks, 1);
			assert_int_equal(got.losses, 1);
		}
	}
	free(copy);
}

/* Blocks taken out, zeroed pages, garbage: what is whole comes back. */
static void holes(void **unused)
{
	uint8_t *copy = malloc(file_len + 5000);
	size_t mid = n_blocks / 2, len, i;

	(void)unused;
	while (block[mid].key)
		mid++;
	len = block[mid].end - block[mid].start;
	memcpy(copy, file, block[mid].start);
	memcpy(copy + block[mid].start, file + block[mid].end, file_len - block[mid].end);
	spew(bad, copy, file_len - len);
	assert_int_equal(read_all(bad), 0);
	check_without(mid);
	assert_int_equal(got.info.state, MP_REC_DAMAGED);
	assert_int_equal(got.info.bad_blocks, 1);
	assert_int_equal(got.keyframes, 1);

	memcpy(copy, file, file_len);
	memset(copy + block[mid].start, 0, len);
	spew(bad, copy, file_len);
	assert_int_equal(read_all(bad), 0);
	check_without(mid);

	memcpy(copy, file, block[mid].start);
	for (i = 0; i < 5000; i++)
		copy[block[mid].start + i] = "MPB\1x"[i % 5];
	memcpy(copy + block[mid].start + 5000, file + block[mid].start,
	       file_len - block[mid].start);
	spew(bad, copy, file_len + 5000);
	assert_int_equal(read_all(bad), 0);
	check_without(n_blocks);
	assert_int_equal(got.info.state, MP_REC_DAMAGED);
	assert_int_equal(got.losses, 1);

	memcpy(copy, file, file_len);
	memset(copy + file_len, 0, 5000);
	spew(bad, copy, file_len + 5000);
	assert_int_equal(read_all(bad), 0);
	check_without(n_blocks);
	assert_int_equal(got.info.state, MP_REC_DAMAGED);
	free(copy);
}

/* After damage the state is right again from the next keyframe on. */
static void state_after_damage(void **unused)
{
	struct mp_model *whole = mp_model_new(), *part = mp_model_new();
	uint8_t *copy = malloc(file_len);
	const struct mp_event *ev;
	struct mp_reader *r;
	size_t i, n;
	bool key;

	(void)unused;
	memcpy(copy, file, file_len);
	copy[block[3].start + MP_BLOCK_HEAD + 3] ^= 0x55;
	spew(bad, copy, file_len);
	for (i = 0; i < n_sent; i++)
		assert_int_equal(mp_model_fold(whole, &sent[i]), 0);
	assert_int_equal(mp_reader_open(bad, &r), 0);
	while (mp_reader_next(r, &ev, &n, &key) > 0) {
		if (key && ev[0].type == MP_EV_KEYFRAME && ev[0].sub == MP_KEY_BEGIN) {
			mp_model_free(part);
			part = mp_model_new();
		}
		for (i = 0; i < n; i++)
			assert_int_equal(mp_model_fold(part, &ev[i]), 0);
	}
	assert_int_equal(mp_model_digest(part), mp_model_digest(whole));
	mp_reader_close(r);
	mp_model_free(whole);
	mp_model_free(part);
	free(copy);
}

static void random_damage(void **unused)
{
	struct stream s = { .state = 99 };
	uint8_t *copy = malloc(file_len);
	unsigned k, hits;

	(void)unused;
	for (k = 0; k < 500; k++) {
		memcpy(copy, file, file_len);
		for (hits = 1 + (unsigned)(stream_rnd(&s) % 20); hits; hits--)
			copy[stream_rnd(&s) % file_len] = (uint8_t)stream_rnd(&s);
		spew(bad, copy, file_len - stream_rnd(&s) % 100);
		read_all(bad);
		assert_true(got.n <= n_sent);
	}
	free(copy);
}

static void refused(void **unused)
{
	uint8_t head[MP_FILE_HEAD];
	struct mp_reader *r = NULL;

	(void)unused;
	spew(bad, (const uint8_t *)"", 0);
	assert_int_equal(mp_reader_open(bad, &r), -ENODATA);
	spew(bad, (const uint8_t *)"#!/bin/sh\necho this is no recording at all\n", 43);
	assert_int_equal(mp_reader_open(bad, &r), -EBADMSG);
	spew(bad, (const uint8_t *)"x", 1);
	assert_int_equal(mp_reader_open(bad, &r), -EBADMSG);
	mp_file_head_put(head);
	head[10]++;
	spew(bad, head, sizeof(head));
	assert_int_equal(mp_reader_open(bad, &r), -EPROTONOSUPPORT);
	assert_int_equal(mp_reader_open("/dev/null", &r), -ENODEV);
	assert_int_equal(mp_reader_open(dir, &r), -EISDIR);
	unlink(bad);
	assert_int_equal(mp_reader_open(bad, &r), -ENOENT);
	assert_null(r);
	assert_non_null(strstr(mp_reader_strerror(-EBADMSG), "not a memprof recording"));
}

/* A block of an unknown type is passed over, unless it says it must not be. */
static void unknown_block(void **unused)
{
	struct mp_codec *c = mp_codec_new();
	uint8_t raw[] = "from the future";
	struct mp_block b;
	struct mp_writer *w;
	unsigned flags;

	(void)unused;
	for (flags = 0; flags <= MP_BLKF_REQUIRED; flags += MP_BLKF_REQUIRED) {
		unlink(bad);
		assert_int_equal(mp_writer_open(bad, &w), 0);
		assert_int_equal(mp_block_pack_raw(c, 99, flags, raw, sizeof(raw), 0, &b), 0);
		assert_int_equal(mp_writer_block(w, &b), 0);
		assert_int_equal(send(w, 3), 0);
		assert_int_equal(mp_writer_close(w), 0);
		assert_int_equal(read_all(bad), flags ? -EPROTO : 0);
		assert_true(flags ? got.n == 0 : got.n > 11);
	}
	mp_codec_free(c);
}

static void created_with_care(void **unused)
{
	struct mp_writer *w = NULL;
	char target[80];

	(void)unused;
	assert_int_equal(mp_writer_open(good, &w), -EEXIST);
	unlink(bad);
	snprintf(target, sizeof(target), "%s/target", dir);
	assert_int_equal(symlink(target, bad), 0);
	assert_int_equal(mp_writer_open(bad, &w), -EEXIST);
	assert_int_equal(access(target, F_OK), -1);
	unlink(bad);
	snprintf(target, sizeof(target), "%s/no/such", dir);
	assert_int_equal(mp_writer_open(target, &w), -ENOENT);
	assert_null(w);
}

static void belongs_to_sudo_user(void **unused)
{
	struct mp_writer *w;
	struct stat st;

	(void)unused;
	if (geteuid() != 0)
		skip();
	setenv("SUDO_UID", "12345", 1);
	setenv("SUDO_GID", "23456", 1);
	unlink(bad);
	assert_int_equal(mp_writer_open(bad, &w), 0);
	mp_writer_free(w);
	assert_int_equal(stat(bad, &st), 0);
	assert_int_equal(st.st_uid, 12345);
	assert_int_equal(st.st_gid, 23456);
	setenv("SUDO_UID", "12x", 1);
	unlink(bad);
	assert_int_equal(mp_writer_open(bad, &w), 0);
	mp_writer_free(w);
	assert_int_equal(stat(bad, &st), 0);
	assert_int_equal(st.st_uid, 0);
	unsetenv("SUDO_UID");
	unsetenv("SUDO_GID");
}

/* A disk that is full in the middle of a block, at every place of it. */
static void full_disk(void **unused)
{
	struct rlimit old, lim;
	struct mp_writer_info info;
	struct mp_writer *w;
	struct stat st;
	size_t room;

	(void)unused;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	for (room = block[4].start - 2; room < block[6].end + 2; room += 7) {
		size_t kept = MP_FILE_HEAD, i;
		int err;

		for (i = 0; block[i].end <= room; i++)
			kept = block[i].end;
		unlink(bad);
		assert_int_equal(mp_writer_open(bad, &w), 0);
		lim = old;
		lim.rlim_cur = room;
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &lim), 0);
		err = send(w, PIECES);
		assert_true(err == -ENOSPC || err == -EFBIG);
		mp_writer_info(w, &info);
		assert_int_equal(info.err, err);
		assert_int_equal(info.bytes, kept);
		assert_true(info.lost > 0);
		assert_int_equal(mp_writer_append(w, sent, 3), 0);
		assert_int_equal(mp_writer_flush(w), 0);
		assert_int_equal(mp_writer_close(w), err);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
		assert_int_equal(stat(bad, &st), 0);
		assert_int_equal(st.st_size, kept);
		assert_int_equal(read_all(bad), 0);
		assert_int_equal(got.info.state, MP_REC_TRUNCATED);
		assert_memory_equal(got.ev, sent, got.n * sizeof(*sent));
	}
}

/* Through a pipe comes what a file would hold. */
static void streamed(void **unused)
{
	struct mp_writer *w;
	uint8_t *copy = malloc(file_len + 1);
	int fd[2];

	(void)unused;
	assert_int_equal(pipe(fd), 0);
	assert_true(fcntl(fd[1], F_SETPIPE_SZ, 1 << 20) >= (int)file_len);
	assert_int_equal(mp_writer_open_fd(fd[1], &w), 0);
	assert_int_equal(send(w, PIECES), 0);
	assert_int_equal(mp_writer_close(w), 0);
	close(fd[1]);
	assert_int_equal(read(fd[0], copy, file_len + 1), file_len);
	assert_memory_equal(copy, file, file_len);
	close(fd[0]);
	free(copy);
}

static void stream_to_full_device(void **unused)
{
	struct mp_writer *w = NULL;
	int fd = open("/dev/full", O_WRONLY);

	(void)unused;
	assert_true(fd >= 0);
	assert_int_equal(mp_writer_open_fd(fd, &w), -ENOSPC);
	assert_null(w);
	close(fd);
	mp_writer_free(NULL);
	mp_reader_close(NULL);
}

/* META comes again after a minute: a file without its head still tells it. */
static void meta_repeated(void **unused)
{
	struct mp_writer *w;
	size_t i, metas = 0, skip_to;
	const struct mp_index_entry *e;
	struct mp_event ev[STREAM_PIECE];
	struct mp_reader *r;
	struct stream s;
	size_t n;

	(void)unused;
	unlink(bad);
	assert_int_equal(mp_writer_open(bad, &w), 0);
	n = stream_start(&s, 5, ev);
	assert_int_equal(mp_writer_append(w, ev, n), 0);
	for (i = 0; i < 140; i++) {
		s.ts += 1000000000;
		n = stream_more(&s, ev);
		assert_int_equal(mp_writer_append(w, ev, n), 0);
	}
	assert_int_equal(mp_writer_close(w), 0);
	assert_int_equal(mp_reader_open(bad, &r), 0);
	assert_int_equal(mp_reader_index(r, &e, &n), 0);
	for (i = 0; i < n; i++)
		metas += e[i].head.type == MP_BLK_META;
	assert_int_equal(metas, 3);
	skip_to = e[1].offset;
	mp_reader_close(r);

	slurp(bad);
	spew(bad, file, MP_FILE_HEAD);
	{
		int fd = open(bad, O_WRONLY | O_APPEND);

		assert_int_equal(write(fd, file + skip_to, file_len - skip_to), file_len - skip_to);
		close(fd);
	}
	assert_int_equal(read_all(bad), 0);
	assert_int_equal(got.info.state, MP_REC_DAMAGED);
	for (i = metas = 0; i < got.n; i++)
		metas += got.ev[i].type == MP_EV_META && got.ev[i].sub == MP_META_COMM;
	assert_int_equal(metas, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_file),
		cmocka_unit_test(index_both_ways),
		cmocka_unit_test(cut_at_every_byte),
		cmocka_unit_test(flip_every_byte),
		cmocka_unit_test(holes),
		cmocka_unit_test(state_after_damage),
		cmocka_unit_test(random_damage),
		cmocka_unit_test(refused),
		cmocka_unit_test(unknown_block),
		cmocka_unit_test(created_with_care),
		cmocka_unit_test(belongs_to_sudo_user),
		cmocka_unit_test(full_disk),
		cmocka_unit_test(streamed),
		cmocka_unit_test(stream_to_full_device),
		cmocka_unit_test(meta_repeated),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
