/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_tiers.c - summaries say what the timeline says, and a recording opened by
 * them is in everything but the width of its timelines what reading all gives.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/rec_stream.h"
#include "user/model/model.h"
#include "user/model/tiers.h"
#include "user/rec/overview.h"
#include "user/rec/reader.h"
#include "user/rec/writer.h"

#define PIECES 20000 /* of 20 ms: 400 s, 1800 collections, some thousand stretches */

static char dir[] = "/tmp/memprof-tiers-XXXXXX";
static char path[64], other[64];

/* --- helpers ------------------------------------------------------------------------ */

struct kept {
	struct mp_summary *s;
	size_t n;
	uint64_t next;
};

static int keep(void *ctx, const struct mp_summary *s)
{
	struct kept *k = ctx;

	k->s = realloc(k->s, (k->n + 1) * sizeof(*s));
	assert_non_null(k->s);
	k->s[k->n++] = *s;
	return 0;
}

static void keep_finished(struct kept *k, const struct mp_model *m)
{
	const struct mp_summary *s;
	size_t n = mp_tiers_finished(m, &k->next, &s);

	for (size_t i = 0; i < n; i++)
		keep(k, &s[i]);
}

/* All of a timeline as one point. */
static struct mp_point whole(const struct mp_timeline *tl)
{
	struct mp_point pt;

	assert_true(mp_tl_merge(tl, tl->start, tl->start + tl->n * tl->width, &pt));
	return pt;
}

/* The sums of all points, and the levels of the last. */
static void add(struct mp_point *sum, const struct mp_point *p)
{
	struct mp_point old = *sum;

	*sum = *p;
	sum->ts = old.ts;
	if (old.rss_min < p->rss_min)
		sum->rss_min = old.rss_min;
	if (old.rss_max > p->rss_max)
		sum->rss_max = old.rss_max;
#define ADD(f) sum->f += old.f
	ADD(faults), ADD(gc_minor), ADD(gc_major), ADD(gc_pause), ADD(madvise), ADD(mmap);
	ADD(munmap), ADD(brk_calls), ADD(madvise_pages), ADD(munmap_pages), ADD(mmap_bytes);
	ADD(forks), ADD(lost), ADD(majors), ADD(madv_free), ADD(madv_other), ADD(mremap);
	ADD(lazy_pages), ADD(gc_pause_major), ADD(gc_other);
#undef ADD
	if (sum->gc_pause_max < old.gc_pause_max)
		sum->gc_pause_max = old.gc_pause_max;
	if (!sum->note)
		sum->note = old.note;
}

/* A stream with a child process beside the first, which the stream knows as mm 1; in a
 * quarter of the time its collections are neither minor nor major. */
static size_t more(struct stream *s, struct mp_event *ev, unsigned i)
{
	size_t n = stream_more(s, ev);
	struct mp_event *e;

	for (size_t k = 0; k < n && i / 200 % 4 == 3; k++)
		if (ev[k].type == MP_EV_GC)
			ev[k].sub = MP_GC_OTHER;
	if (i == 500) {
		e = stream_put(s, ev, &n, MP_EV_TASK, MP_TASK_TARGET);
		e->mm = 2;
		e->task.a = 101;
	}
	if (i > 500 && i % 9 == 0) {
		e = stream_put(s, ev, &n, MP_EV_FAULT, MP_FAULT_WRITE);
		e->mm = 2;
		e->tid = 101;
		e->x = 3;
		e->fault.addr = 0x10000000 + i * MP_PAGE_SIZE;
		e = stream_put(s, ev, &n, MP_EV_RSS, MP_RSS_KERNEL);
		e->mm = 2;
		e->rss.anon = i;
		e->rss.lazyfree = e->rss.hugetlb = MP_UNKNOWN;
	}
	return n;
}

static struct mp_model *fold_all(uint64_t seed, unsigned pieces, struct kept *k,
				 struct mp_writer *w)
{
	struct mp_model *m = mp_model_new();
	struct mp_event ev[2 * STREAM_PIECE];
	struct stream s;
	size_t n = stream_start(&s, seed, ev);

	for (unsigned i = 0; i <= pieces; i++) {
		for (size_t j = 0; j < n; j++)
			assert_int_equal(mp_model_fold(m, &ev[j]), 0);
		if (k)
			keep_finished(k, m);
		if (w) {
			assert_int_equal(mp_writer_append(w, ev, n), 0);
			assert_int_equal(mp_writer_keyframe(w, m), 0);
		}
		if (i < pieces)
			n = more(&s, ev, i);
	}
	return m;
}

/* --- stretches ------------------------------------------------------------------------ */

static void check_row(const struct kept *k, const struct mp_proc *p, unsigned tier)
{
	struct mp_point want = whole(&p->tl), sum = { 0 };
	uint64_t w = mp_tier_width(tier), last = 0;
	size_t n = 0;

	for (size_t i = 0; i < k->n; i++) {
		const struct mp_summary *s = &k->s[i];

		if (s->tgid != p->tgid || s->tier != tier)
			continue;
		assert_int_equal((s->p.ts - p->tl.start) % w, 0);
		assert_true(s->p.ts > last);
		last = s->p.ts;
		if (n++)
			add(&sum, &s->p);
		else
			sum = s->p;
	}
	assert_true(n > 1);
	want.ts = sum.ts;
	assert_memory_equal(&sum, &want, sizeof(sum));
}

static void sums_are_the_timelines(void **unused)
{
	struct kept k = { 0 };
	struct mp_model *m = fold_all(11, PIECES, &k, NULL);

	(void)unused;
	assert_int_equal(mp_tiers_open(m, keep, &k), 0);
	for (unsigned tier = MP_TIER_1S; tier <= MP_TIERS; tier++)
		check_row(&k, m->procs[0], tier);
	check_row(&k, m->procs[1], MP_TIER_10S);
	check_row(&k, m->procs[1], MP_TIER_5MIN);
	for (size_t i = 0; i < k.n; i++) /* only the first has the finest */
		assert_true(k.s[i].tier != MP_TIER_1S || k.s[i].tgid == 100);
	assert_true(mp_tier_width(0) == 0 && mp_tier_width(4) == 0);
	free(k.s);
	mp_model_free(m);
}

/* Whoever asks or not, and however late: the model is the same, memory bounded. */
static void nobody_asks(void **unused)
{
	struct kept k = { 0 };
	struct mp_model *a = fold_all(11, PIECES, NULL, NULL), *b = fold_all(11, PIECES, &k, NULL);
	const struct mp_summary *s;
	uint64_t next = 0;

	(void)unused;
	assert_int_equal(mp_model_digest(a), mp_model_digest(b));
	assert_true(mp_tiers_finished(a, &next, &s) <= 1025);
	assert_int_equal(next, k.next);
	assert_int_equal(mp_tiers_finished(a, &next, &s), 0);
	free(k.s);
	mp_model_free(a);
	mp_model_free(b);
}

/* An hour in which nothing happens takes no room; levels go on behind it. */
static void idle_takes_nothing(void **unused)
{
	struct kept k = { 0 };
	struct mp_model *m = fold_all(5, 200, &k, NULL);
	struct mp_event e = { .type = MP_EV_TICK };
	size_t before;

	(void)unused;
	e.ts = m->now + 2000000000ULL;
	mp_model_fold(m, &e);
	keep_finished(&k, m);
	before = k.n;
	for (unsigned i = 0; i < 3600; i++) {
		e.ts += 1000000000ULL;
		assert_int_equal(mp_model_fold(m, &e), 0);
	}
	keep_finished(&k, m);
	/* the longer stretches in which something had happened end within the hour */
	assert_true(k.n <= before + 2);
	e = (struct mp_event){ .ts = e.ts, .type = MP_EV_RSS, .sub = MP_RSS_KERNEL, .mm = 1 };
	e.rss.anon = 77777;
	e.rss.lazyfree = e.rss.hugetlb = MP_UNKNOWN;
	assert_int_equal(mp_model_fold(m, &e), 0);
	e.ts += 1000000000ULL;
	assert_int_equal(mp_model_fold(m, &e), 0);
	before = k.n;
	keep_finished(&k, m);
	assert_int_equal(k.n, before + 1);
	assert_int_equal(k.s[before].p.rss, 77777 * MP_PAGE_SIZE);
	free(k.s);
	mp_model_free(m);
}

/* --- a recording -------------------------------------------------------------------------- */

static void record(uint64_t seed, unsigned pieces, bool end)
{
	struct mp_writer *w;
	struct mp_model *m;

	unlink(path);
	assert_int_equal(mp_writer_open(path, &w), 0);
	m = fold_all(seed, pieces, NULL, w);
	assert_int_equal(mp_writer_finish(w, m), 0);
	assert_int_equal(mp_writer_flush(w), 0);
	if (end)
		assert_int_equal(mp_writer_close(w), 0);
	else
		mp_writer_free(w);
	mp_model_free(m);
}

struct opened {
	struct mp_model *m;
	struct mp_rec_info info;
	uint64_t folded; /* events read one by one */
	int overview;
};

static struct opened open_file(bool overview)
{
	struct opened o = { 0 };
	const struct mp_event *ev;
	struct mp_reader *r;
	bool key;
	size_t n;

	assert_int_equal(mp_reader_open(path, &r), 0);
	if (overview)
		o.overview = mp_overview_load(r, MP_UNKNOWN, &o.m);
	assert_true(o.overview >= 0);
	if (!o.overview)
		o.m = mp_model_new();
	while (mp_reader_next(r, &ev, &n, &key) > 0) {
		for (size_t i = 0; i < n; i++)
			assert_true(mp_model_fold(o.m, &ev[i]) != -ENOMEM);
		o.folded += n;
	}
	mp_reader_info(r, &o.info);
	mp_reader_close(r);
	return o;
}

static void same_timeline(const struct mp_timeline *a, const struct mp_timeline *b)
{
	struct mp_point x = whole(a), y = whole(b);

	assert_int_equal(x.ts, y.ts);
	assert_memory_equal(&x, &y, sizeof(x));
	/* minute by minute, where points of both begin */
	for (uint64_t t = a->start; t < a->start + a->n * a->width; t += 60000000000ULL) {
		if ((t - a->start) % a->width || (t - b->start) % b->width)
			continue;
		assert_true(mp_tl_merge(a, t, t + 1, &x));
		assert_true(mp_tl_merge(b, t, t + 1, &y));
		assert_int_equal(x.ts, y.ts);
	}
}

static void same_collections(const struct mp_proc *a, const struct mp_proc *b)
{
	assert_int_equal(a->n_gcs, b->n_gcs);
	assert_int_equal(a->gc_dropped, b->gc_dropped);
	assert_int_equal(a->gc_unpaid, b->gc_unpaid);
	assert_memory_equal(a->gcs, b->gcs, a->n_gcs * sizeof(*a->gcs));
}

/* Reads the file both ways; how the overview was opened. */
static int same_either_way(void)
{
	struct opened full = open_file(false), o = open_file(true);

	assert_int_equal(mp_model_digest(o.m), mp_model_digest(full.m));
	assert_memory_equal(&o.info, &full.info, sizeof(o.info));
	assert_int_equal(o.m->n_procs, full.m->n_procs);
	for (size_t i = 0; i < full.m->n_procs; i++) {
		same_timeline(&o.m->procs[i]->tl, &full.m->procs[i]->tl);
		same_collections(o.m->procs[i], full.m->procs[i]);
	}
	if (o.overview)
		assert_true(o.folded < full.folded / 2);
	mp_model_free(o.m);
	mp_model_free(full.m);
	return o.overview;
}

static void overview_is_the_whole(void **unused)
{
	(void)unused;
	record(21, PIECES, true);
	assert_int_equal(same_either_way(), 1);
	record(22, PIECES, false);
	assert_int_equal(same_either_way(), 1);
	record(23, 100, true); /* too short for a keyframe */
	assert_int_equal(same_either_way(), 0);
}

/* Cut off anywhere: the same state, and the same figures. */
static void cut_off(void **unused)
{
	struct stat st;

	(void)unused;
	record(31, PIECES, true);
	assert_int_equal(stat(path, &st), 0);
	for (off_t at = st.st_size - 1; at > st.st_size / 2; at -= st.st_size / 9) {
		assert_int_equal(truncate(path, at), 0);
		assert_int_equal(same_either_way(), 1);
	}
}

/* The block of a type that is the n-th from the end. */
static struct mp_index_entry find(unsigned type, size_t nth)
{
	const struct mp_index_entry *e;
	struct mp_index_entry found;
	struct mp_reader *r;
	size_t n;

	assert_int_equal(mp_reader_open(path, &r), 0);
	assert_int_equal(mp_reader_index(r, &e, &n), 0);
	for (; n; n--)
		if (e[n - 1].head.type == type && !nth--)
			break;
	assert_true(n > 0);
	found = e[n - 1];
	mp_reader_close(r);
	return found;
}

static void flip(uint64_t at)
{
	int fd = open(path, O_RDWR);
	char c;

	assert_int_equal(pread(fd, &c, 1, (off_t)at), 1);
	c ^= 0x55;
	assert_int_equal(pwrite(fd, &c, 1, (off_t)at), 1);
	close(fd);
}

/* What cannot be read leads to reading everything. */
static void damage(void **unused)
{
	(void)unused;
	record(41, PIECES, true);
	flip(find(MP_BLK_SUMM, 3).offset + MP_BLOCK_HEAD + 5);
	assert_int_equal(same_either_way(), 0);
	record(41, PIECES, false); /* without INDEX a header is missing: known at once */
	flip(find(MP_BLK_EVENTS, 60).offset + 9);
	assert_int_equal(same_either_way(), 1);
	record(41, PIECES, false); /* ... and behind the keyframe */
	flip(find(MP_BLK_EVENTS, 0).offset + 9);
	assert_int_equal(same_either_way(), 1);
}

/* Recordings of before have no summaries; those of tomorrow more tiers. */
static void without(void **unused)
{
	const struct mp_index_entry *e;
	struct mp_reader *r;
	struct mp_writer *w;
	struct mp_block b;
	size_t n;

	(void)unused;
	record(51, PIECES, true);
	unlink(other);
	assert_int_equal(mp_reader_open(path, &r), 0);
	assert_int_equal(mp_reader_index(r, &e, &n), 0);
	assert_int_equal(mp_writer_open(other, &w), 0);
	for (size_t i = 0; i < n; i++) {
		if (e[i].head.type == MP_BLK_SUMM)
			continue;
		assert_int_equal(mp_reader_fetch(r, &e[i], &b), 0);
		assert_int_equal(mp_writer_block(w, &b), 0);
	}
	mp_reader_close(r);
	assert_int_equal(mp_writer_close(w), 0);
	assert_int_equal(rename(other, path), 0);
	assert_int_equal(same_either_way(), 0);
}

/* What summaries take, of a process that is never idle: owed moves with every collection. */
static void small(void **unused)
{
	const struct mp_index_entry *e;
	struct mp_reader *r;
	size_t n, bytes = 0;

	(void)unused;
	record(61, PIECES, true);
	assert_int_equal(mp_reader_open(path, &r), 0);
	assert_int_equal(mp_reader_index(r, &e, &n), 0);
	for (size_t i = 0; i < n; i++)
		bytes += e[i].head.type == MP_BLK_SUMM ? MP_BLOCK_HEAD + e[i].head.stored_len : 0;
	mp_reader_close(r);
	print_message("summaries: %.1f B a second\n", (double)bytes / 400);
	assert_true(bytes < 104 * 400);
}

/* Events of a file that nobody wrote so. */
static void nonsense(void **unused)
{
	struct mp_overview *o = mp_overview_new(MP_TIER_1S);
	struct mp_model *m = fold_all(7, 200, NULL, NULL);
	uint64_t z = 99;

	(void)unused;
	for (unsigned i = 0; i < 200000; i++) {
		struct mp_event e = { .type = MP_EV_POINT };

		z = z * 6364136223846793005ULL + 1442695040888963407ULL;
		e.sub = (uint8_t)(z >> 60);
		e.tid = 100 + (uint32_t)(z >> 58 & 1);
		e.x = z >> 40 & 1 ? 0 : (uint32_t)(z >> 33);
		e.ts = z >> (z & 31);
		memset(e.v, (int)z, sizeof(e.v));
		if (z >> 50 & 1) {
			e.type = MP_EV_TOTAL;
			e.sub = MP_TOTAL_GC;
		}
		assert_int_equal(mp_overview_add(o, &e, 1, i & 1), 0);
	}
	free(m->procs[0]->tl.p);
	m->procs[0]->tl.p = NULL;
	m->procs[0]->tl.n = 0;
	assert_int_equal(mp_overview_apply(o, m), 0);
	assert_true(m->procs[0]->tl.n <= MP_TL_MAX);
	mp_overview_free(o);
	mp_overview_free(NULL);
	mp_model_free(m);
}

static int setup(void **unused)
{
	(void)unused;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/rec", dir);
	snprintf(other, sizeof(other), "%s/other", dir);
	return 0;
}

static int teardown(void **unused)
{
	(void)unused;
	unlink(path);
	unlink(other);
	rmdir(dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_are_the_timelines),
		cmocka_unit_test(nobody_asks),
		cmocka_unit_test(idle_takes_nothing),
		cmocka_unit_test(overview_is_the_whole),
		cmocka_unit_test(cut_off),
		cmocka_unit_test(damage),
		cmocka_unit_test(without),
		cmocka_unit_test(small),
		cmocka_unit_test(nonsense),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
