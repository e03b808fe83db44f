/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_rec_big.c - recordings of more than 4 GiB: every way of reading them finds
 * what lies beyond. The files are sparse: between blocks of events are blocks of a
 * private type whose payloads nobody wrote, or just a hole.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/rec_record.h"
#include "user/model/model.h"
#include "user/rec/history.h"
#include "user/rec/overview.h"
#include "user/rec/reader.h"
#include "user/rec/writer.h"

#define PIECES	5000 /* of 20 ms */
#define PRIVATE 200  /* a type of block that no version knows */
#define FILLERS 640  /* of 8 MiB */

static char dir[] = "/tmp/memprof-big-XXXXXX";
static char small[64], path[64];

static void record(void)
{
	struct mp_writer *w;

	assert_int_equal(mp_writer_open(small, &w), 0);
	stream_record(w, 9, PIECES);
}

/* A file being put together: where the next block goes, and the headers so far. */
struct out {
	int fd;
	uint64_t off;
	uint32_t seq;
	uint8_t index[MP_BLOCK_HEAD * 4096];
};

static void put_head(struct out *o, const struct mp_block_head *h)
{
	uint8_t *at = o->index + (size_t)o->seq * MP_BLOCK_HEAD;

	assert_true(o->seq < 4096);
	mp_block_head_put(at, h);
	assert_int_equal(pwrite(o->fd, at, MP_BLOCK_HEAD, (off_t)o->off), MP_BLOCK_HEAD);
	o->off += MP_BLOCK_HEAD + (uint64_t)h->stored_len;
	o->seq++;
}

static void put_block(struct out *o, struct mp_block *b)
{
	b->head.seq = o->seq;
	assert_int_equal(pwrite(o->fd, b->bytes + MP_BLOCK_HEAD, b->len - MP_BLOCK_HEAD,
				(off_t)o->off + MP_BLOCK_HEAD),
			 b->len - MP_BLOCK_HEAD);
	put_head(o, &b->head);
}

static void put_fillers(struct out *o)
{
	for (unsigned i = 0; i < FILLERS; i++) {
		struct mp_block_head h = { .type = PRIVATE,
					   .stored_len = MP_BLOCK_MAX,
					   .raw_len = MP_BLOCK_MAX,
					   .seq = o->seq };

		put_head(o, &h);
	}
}

static void put_end(struct out *o)
{
	struct mp_block_end e = { .index_off = o->off, .reason = 1 };
	struct mp_codec *c = mp_codec_new();
	uint8_t raw[MP_BLOCK_END_LEN];
	struct mp_block b;

	assert_int_equal(mp_block_pack_raw(c, MP_BLK_INDEX, 0, o->index,
					   (size_t)o->seq * MP_BLOCK_HEAD, 0, &b),
			 0);
	put_block(o, &b);
	e.blocks = o->seq;
	e.bytes = o->off;
	mp_block_end_put(raw, &e);
	assert_int_equal(mp_block_pack_raw(c, MP_BLK_END, 0, raw, sizeof(raw), 0, &b), 0);
	put_block(o, &b);
	mp_codec_free(c);
}

/* The small recording with 5 GiB in its middle: of private blocks, or of nothing. */
static void spread(bool fillers, bool end)
{
	static struct out o;
	const struct mp_index_entry *e;
	uint8_t head[MP_FILE_HEAD];
	struct mp_reader *r;
	struct mp_block b;
	struct stat st;
	size_t n;

	unlink(path);
	memset(&o, 0, sizeof(o));
	o.fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	assert_true(o.fd >= 0);
	mp_file_head_put(head);
	assert_int_equal(pwrite(o.fd, head, sizeof(head), 0), sizeof(head));
	o.off = sizeof(head);
	assert_int_equal(mp_reader_open(small, &r), 0);
	assert_int_equal(mp_reader_index(r, &e, &n), 0);
	for (size_t i = 0; i < n; i++) {
		if (i == n / 2 && fillers)
			put_fillers(&o);
		else if (i == n / 2)
			o.off += (uint64_t)FILLERS * MP_BLOCK_MAX;
		if (e[i].head.type == MP_BLK_INDEX || e[i].head.type == MP_BLK_END)
			continue;
		assert_int_equal(mp_reader_fetch(r, &e[i], &b), 0);
		put_block(&o, &b);
	}
	mp_reader_close(r);
	if (end)
		put_end(&o);
	assert_int_equal(fstat(o.fd, &st), 0);
	assert_true(st.st_size > 5LL << 30);
	if (st.st_blocks > 1 << 17)
		fail_msg("/tmp keeps no sparse files: %lld blocks", (long long)st.st_blocks);
	close(o.fd);
}

static void same_overview(uint64_t digest, const struct mp_rec_info *want)
{
	struct mp_rec_info info;
	const struct mp_event *ev;
	struct mp_model *m;
	struct mp_reader *r;
	bool key;
	size_t n;

	assert_int_equal(mp_reader_open(path, &r), 0);
	assert_int_equal(mp_overview_load(r, MP_UNKNOWN, &m), 1);
	while (mp_reader_next(r, &ev, &n, &key) > 0)
		for (size_t i = 0; i < n; i++)
			assert_int_equal(mp_model_fold(m, &ev[i]), 0);
	mp_reader_info(r, &info);
	assert_memory_equal(&info, want, sizeof(info));
	assert_int_equal(mp_model_digest(m), digest);
	mp_model_free(m);
	mp_reader_close(r);
}

/* States at instants on both sides of the 4 GiB. */
static void same_history(void)
{
	struct mp_history *a, *b;
	struct mp_reader *ra, *rb;
	uint64_t first, last;

	assert_int_equal(mp_reader_open(small, &ra), 0);
	assert_int_equal(mp_reader_open(path, &rb), 0);
	assert_int_equal(mp_history_from_reader(ra, &a), 0);
	assert_int_equal(mp_history_from_reader(rb, &b), 0);
	assert_int_equal(mp_history_span(b, &first, &last), 0);
	for (unsigned i = 0; i <= 8; i++) {
		uint64_t ts = first + (last - first) * (i * 5 % 9) / 8;

		assert_int_equal(mp_model_digest(mp_history_at(a, ts)),
				 mp_model_digest(mp_history_at(b, ts)));
	}
	mp_history_free(a);
	mp_history_free(b);
	mp_reader_close(ra);
	mp_reader_close(rb);
}

static void beyond_4_gib(void **unused)
{
	struct mp_rec_info info, want;
	struct mp_model *m = fold_file(small, &want);
	uint64_t digest = mp_model_digest(m);

	(void)unused;
	mp_model_free(m);
	for (int end = 0; end < 2; end++) {
		spread(true, end);
		m = fold_file(path, &info);
		assert_int_equal(info.state, end ? MP_REC_CLEAN : MP_REC_TRUNCATED);
		assert_int_equal(info.events, want.events);
		assert_int_equal(mp_model_digest(m), digest);
		mp_model_free(m);
		same_overview(digest, &info);
		same_history();
	}
}

/* A hole of 5 GiB is passed over, not searched byte by byte. */
static void hole(void **unused)
{
	struct timespec t0, t1;
	struct mp_rec_info info;
	struct mp_model *m;

	(void)unused;
	spread(false, false);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t0);
	m = fold_file(path, &info);
	same_overview(mp_model_digest(m), &info);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t1);
	print_message("read twice in %.2f s\n",
		      (double)(t1.tv_sec - t0.tv_sec) + (double)(t1.tv_nsec - t0.tv_nsec) / 1e9);
	assert_true(t1.tv_sec - t0.tv_sec < 3);
	assert_int_equal(info.state, MP_REC_DAMAGED);
	assert_int_equal(info.bad_blocks, 1);
	mp_model_free(m);
}

static int setup(void **unused)
{
	(void)unused;
	assert_non_null(mkdtemp(dir));
	snprintf(small, sizeof(small), "%s/small", dir);
	snprintf(path, sizeof(path), "%s/big", dir);
	record();
	return 0;
}

static int teardown(void **unused)
{
	(void)unused;
	unlink(small);
	unlink(path);
	rmdir(dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(beyond_4_gib),
		cmocka_unit_test(hole),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
