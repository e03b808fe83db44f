/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_model_gap.c - time behind unreadable blocks is not known until it is told again,
 * in points, in summaries and in a finer timeline; and what a summary of an older
 * version did not tell is not known either.
 */
#include "tests/unit/ev.h"

#include <unistd.h>

#include "tests/unit/rec_record.h"
#include "user/model/tiers.h"
#include "user/rec/history.h"
#include "user/rec/reader.h"
#include "user/rec/writer.h"

#define A 0x7f0000000000ULL
#define W MP_TL_WIDTH0

static void at(struct fx *f, uint64_t ts, struct mp_event e)
{
	e.ts = f->ts = ts;
	assert_int_equal(mp_model_fold(f->m, &e), 0);
}

static const struct mp_point *point(struct fx *f, uint64_t ts)
{
	return mp_tl_at(&P(f)->tl, ts);
}

static void damage(struct fx *f)
{
	struct mp_event e = ev(MP_EV_LOSS, MP_LOSS_DAMAGED, 0, f->ts);

	e.x = 50;
	assert_int_equal(mp_model_fold(f->m, &e), 0);
}

static struct mp_event ev_limit(uint64_t used, uint64_t committed, uint64_t limit)
{
	struct mp_event e = ev_heap(MM, 0, MP_SRC_GC, used, committed);

	e.heap.limit = limit;
	return e;
}

static struct mp_event ev_charged(uint64_t charged, uint64_t limit)
{
	struct mp_event e = ev(MP_EV_CGROUP, 2, MM, 0);

	e.cgroup.charged = charged;
	e.cgroup.limit = limit;
	return e;
}

/* 64 MiB resident, a heap of which 10 MiB are used, a second after the start. */
static struct fx staged(void)
{
	struct fx f = fx_empty();

	at(&f, T0, ev_task(MM, T0, MP_TASK_TARGET, 100, 0));
	at(&f, T0, ev_mmap(MM, T0, A, 64 * MIB, RW, PRIV));
	at(&f, T0 + W, ev_fault(MM, 0, A, 16384, MP_FAULT_WRITE));
	at(&f, T0 + W, ev_rss(MM, 0, 16384, 10, 0));
	at(&f, T0 + SEC, ev_limit(10 * MIB, 20 * MIB, 512 * MIB));
	at(&f, T0 + SEC, ev_charged(70 * MIB, 256 * MIB));
	return f;
}

static int keep_event(void *ctx, const struct mp_event *e)
{
	struct mp_event **next = ctx;

	*(*next)++ = *e;
	return 0;
}

/* --- gaps ------------------------------------------------------------------------------ */

static void nothing_is_known(const struct mp_point *p)
{
	assert_false(mp_point_known(p));
	assert_true(p->bits & MP_PT_GAP);
	assert_true(p->used == MP_UNKNOWN && p->committed == MP_UNKNOWN && p->owed == MP_UNKNOWN);
	assert_true(p->limit == MP_UNKNOWN && p->charged == MP_UNKNOWN);
	assert_true(p->rss == 0 && p->live == 0 && p->unknown == 0);
}

static void levels_come_back_one_by_one(void **unused)
{
	struct fx f = staged();
	const struct mp_point *p;
	struct mp_point all;

	(void)unused;
	damage(&f);
	at(&f, T0 + 3 * SEC, ev_fault(MM, 0, A, 1, MP_FAULT_WRITE | MP_FAULT_PRESENT));
	/* the point in which it begins still has what was measured before */
	p = point(&f, T0 + SEC);
	assert_true(mp_point_known(p) && p->bits & MP_PT_GAP);
	assert_int_equal(p->rss, 16394 * PG);
	for (uint64_t t = T0 + SEC + W; t <= T0 + 3 * SEC; t += W)
		nothing_is_known(point(&f, t));
	assert_int_equal(point(&f, T0 + 3 * SEC)->faults, 1);
	/* RSS is told again: known as a whole */
	at(&f, T0 + 4 * SEC, ev_rss(MM, 0, 1000, 10, 0));
	nothing_is_known(point(&f, T0 + 4 * SEC - 1));
	p = point(&f, T0 + 4 * SEC);
	assert_true(mp_point_known(p) && p->bits & MP_PT_GAP);
	assert_true(p->rss == (int64_t)(1010 * PG) && p->unknown == p->rss && !p->file);
	assert_true(p->rss_min == p->rss && p->rss_max == p->rss);
	assert_true(p->used == MP_UNKNOWN && p->charged == MP_UNKNOWN);
	at(&f, T0 + 5 * SEC, ev_limit(11 * MIB, 20 * MIB, 512 * MIB));
	at(&f, T0 + 5 * SEC, ev_charged(9 * MIB, 256 * MIB));
	at(&f, T0 + 5 * SEC + W, ev(MP_EV_TICK, 0, MM, 0));
	p = point(&f, T0 + 5 * SEC);
	assert_true(p->used == 11 * MIB && p->limit == 512 * MIB && p->charged == 9 * MIB);
	assert_true(p->owed == MP_UNKNOWN && p->live == 0 && p->bits & MP_PT_GAP);
	/* a stretch that reaches into the gap shows the last that was known before it */
	assert_true(mp_tl_merge(&P(&f)->tl, T0, T0 + 3 * SEC, &all));
	assert_true(mp_point_known(&all) && all.rss == 16394 * (int64_t)PG);
	assert_true(all.bits & MP_PT_GAP && all.used == 10 * MIB && all.faults == 16384);
	fx_free(&f);
}

static void a_dump_ends_it(void **unused)
{
	struct fx f = staged(), whole = staged();
	struct mp_event dump[4096], *end = dump;
	const struct mp_point *p;

	(void)unused;
	at(&whole, T0 + 5 * SEC, ev_rss(MM, 0, 2000, 10, 0));
	assert_int_equal(mp_model_dump(whole.m, keep_event, &end), 0);
	damage(&f);
	for (struct mp_event *e = dump; e < end; e++)
		assert_int_equal(mp_model_fold(f.m, e), 0);
	at(&f, T0 + 7 * SEC, ev(MP_EV_TICK, 0, MM, 0));
	for (uint64_t t = T0 + SEC + W; t < T0 + 5 * SEC; t += W)
		nothing_is_known(point(&f, t));
	for (uint64_t t = T0 + 5 * SEC; t <= T0 + 7 * SEC; t += W) {
		p = point(&f, t);
		assert_true(mp_point_known(p) && p->rss == 2010 * (int64_t)PG);
		assert_true(p->used == 10 * MIB && p->owed == 0 && p->cg_limit == 256 * MIB);
		assert_int_equal(p->bits, t == T0 + 5 * SEC ? MP_PT_GAP : 0);
	}
	fx_free(&f);
	fx_free(&whole);
}

/* Summaries of a model that is in a gap say so, and are read so. */
static int keep_open(void *ctx, const struct mp_summary *s)
{
	struct mp_summary *to = ctx;

	if (s->tier == MP_TIER_1S)
		*to = *s;
	return 0;
}

static struct mp_timeline packed(struct fx *f, struct mp_summary *s, unsigned version)
{
	struct mp_overview *o = mp_overview_new(MP_TIER_1S);
	struct mp_event ev[32], *end = ev;
	size_t n = 0;

	assert_int_equal(mp_tiers_pack(s, 1, keep_event, &end), 0);
	for (struct mp_event *e = ev; e < end; e++) {
		e->flags &= version >= 6 ? 0xff : version >= 4 ? 0xf7 : 1; /* TIER_OPEN */
		if (version < 4 && e->x == 14)
			e->v[4] = e->v[5] = e->v[6] = 0;
		if (e->x < 35 || version >= (e->x < 42 ? 4 : 6))
			ev[n++] = *e;
	}
	free(P(f)->tl.p);
	P(f)->tl.p = NULL;
	assert_int_equal(mp_overview_add(o, ev, n, true), 0);
	assert_int_equal(mp_overview_apply(o, f->m), 0);
	mp_overview_free(o);
	return P(f)->tl;
}

static void summaries_say_so(void **unused)
{
	struct fx f = staged();
	struct mp_summary s = { 0 };
	struct mp_timeline tl;

	(void)unused;
	damage(&f);
	at(&f, T0 + 3 * SEC, ev(MP_EV_TICK, 0, MM, 0));
	at(&f, T0 + 3 * SEC + W, ev_rss(MM, 0, 1000, 10, 0));
	at(&f, T0 + 3 * SEC + 3 * W, ev_rss(MM, 0, 1100, 10, 0));
	assert_int_equal(mp_tiers_open(f.m, keep_open, &s), 0);
	tl = packed(&f, &s, 6);
	assert_int_equal(tl.n, 1);
	assert_int_equal(tl.p[0].bits, MP_PT_GAP);
	assert_int_equal(tl.p[0].rss, 1110 * PG);
	assert_int_equal(tl.p[0].unknown, 1110 * PG);
	assert_int_equal(tl.p[0].rss_min, 1010 * PG);
	assert_true(tl.p[0].owed == MP_UNKNOWN && tl.p[0].limit == MP_UNKNOWN);
	fx_free(&f);
}

/* --- the fields of minor version 4 --------------------------------------------------------- */

static void happenings(struct fx *f, uint64_t ts)
{
	struct mp_event gc = ev_gc(MM, 0, MP_GC_MINOR, 10 * MIB, 9 * MIB);
	struct mp_event major = ev(MP_EV_MAJOR, 0, MM, 0);

	major.major.addr = A;
	at(f, ts, major);
	at(f, ts, ev_madvise(MM, 0, A, 2 * MIB, MADV_DONTNEED));
	at(f, ts, ev_madvise(MM, 0, A + 4 * MIB, MIB, MADV_FREE));
	at(f, ts, ev_madvise(MM, 0, A, MIB, MADV_HUGEPAGE));
	at(f, ts, ev_madvise(MM, 0, A, MIB, MADV_WILLNEED));
	at(f, ts, ev_mremap(MM, 0, A + 32 * MIB, 32 * MIB, 16 * MIB, A + 32 * MIB, 0));
	gc.gc.pause = 3 * MS;
	at(f, ts, gc);
	gc.sub = MP_GC_COMPACT;
	gc.gc.pause = 20 * MS;
	at(f, ts, gc);
	gc.sub = MP_GC_MAJOR;
	gc.gc.pause = 7 * MS;
	at(f, ts, gc);
	gc.sub = MP_GC_OTHER;
	gc.gc.pause = MS;
	at(f, ts, gc);
}

static void told_once(const struct mp_point *p)
{
	assert_int_equal(p->bits, 0);
	assert_true(p->majors == 1 && p->madvise == 4 && mp_point_dontneed(p) == 1);
	assert_true(p->madv_free == 1 && p->lazy_pages == 256 && p->madv_other == 2);
	assert_true(p->mremap == 1 && p->munmap == 1);
	assert_true(p->gc_minor == 1 && p->gc_major == 2 && p->gc_other == 1);
	assert_true(p->gc_pause == 31 * MS && p->gc_pause_major == 28 * MS);
	assert_int_equal(p->gc_pause_max, 20 * MS);
	assert_true(p->limit == 512 * MIB && p->charged == 70 * MIB && p->cg_limit == 256 * MIB);
}

static void what_happened_is_counted_once(void **unused)
{
	struct fx f = staged();
	struct mp_point p;

	(void)unused;
	happenings(&f, T0 + 2 * SEC);
	at(&f, T0 + 4 * SEC, ev(MP_EV_TICK, 0, MM, 0));
	assert_true(mp_tl_merge(&P(&f)->tl, T0, T0 + 5 * SEC, &p));
	told_once(&p);
	assert_int_equal(point(&f, T0 + 2 * SEC)->gc_pause_max, 20 * MS);
	assert_int_equal(point(&f, T0 + 2 * SEC + W)->gc_pause_max, 0);
	assert_true(point(&f, T0)->limit == MP_UNKNOWN && point(&f, T0)->charged == MP_UNKNOWN);
	fx_free(&f);
}

/* A pause belongs to the stretch it ended in, though one point may lie in two. */
static void a_pause_is_in_one_stretch(void **unused)
{
	struct fx f = staged();
	const struct mp_summary *s;
	uint64_t next = 0, peak[8] = { 0 };
	size_t n;

	(void)unused;
	happenings(&f, T0 + 2 * SEC - 1);
	at(&f, T0 + 6 * SEC, ev(MP_EV_TICK, 0, MM, 0));
	n = mp_tiers_finished(f.m, &next, &s);
	for (size_t i = 0; i < n; i++)
		if (s[i].tier == MP_TIER_1S && (s[i].p.ts - T0) / SEC < 8)
			peak[(s[i].p.ts - T0) / SEC] = s[i].p.gc_pause_max;
	for (int i = 0; i < 8; i++)
		assert_int_equal(peak[i], i == 1 ? 20 * MS : 0);
	fx_free(&f);
}

/* Where collections of other kinds are among the major ones, later ones go there too. */
static void old_summaries_mix_kinds(void **unused)
{
	struct mp_summary s = { 0 };
	struct fx f = staged();
	struct mp_point sum;

	(void)unused;
	happenings(&f, T0 + 1100 * MS);
	assert_int_equal(mp_tiers_open(f.m, keep_open, &s), 0);
	assert_true(packed(&f, &s, 5).n == 1);
	happenings(&f, T0 + 1200 * MS);
	assert_true(point(&f, T0 + SEC)->gc_major == 5 && !point(&f, T0 + SEC)->gc_other);
	at(&f, T0 + 2 * SEC, ev(MP_EV_TICK, 0, MM, 0));
	happenings(&f, T0 + 3 * SEC);
	assert_int_equal(point(&f, T0 + 3 * SEC)->gc_other, 1);
	assert_true(mp_tl_merge(&P(&f)->tl, T0, T0 + 9 * SEC, &sum));
	assert_true(sum.gc_minor == 3 && sum.gc_major == 8 && !sum.gc_other);
	assert_int_equal(sum.bits, MP_PT_MIXED);
	assert_true(P(&f)->gc_major == 6 && P(&f)->gc_other == 3);
	fx_free(&f);
}

static void old_summaries_do_not_tell(void **unused)
{
	struct mp_summary s = { 0 };
	struct mp_point sum, now;
	struct mp_timeline tl;
	struct fx f;

	(void)unused;
	for (unsigned version = 3; version <= 6; version++) {
		f = staged();
		happenings(&f, T0 + 1100 * MS);
		assert_int_equal(mp_tiers_open(f.m, keep_open, &s), 0);
		now = s.p;
		assert_int_equal(now.bits, 0);
		tl = packed(&f, &s, version);
		assert_int_equal(tl.n, 1);
		if (version >= 4) {
			now.ts = tl.p[0].ts;
			now.bits = version < 6 ? MP_PT_MIXED : 0;
			now.gc_other = version < 6 ? 0 : 1;
			assert_memory_equal(&tl.p[0], &now, sizeof(now));
		} else {
			assert_int_equal(tl.p[0].bits, MP_PT_OLD | MP_PT_MIXED);
			assert_true(tl.p[0].limit == MP_UNKNOWN && tl.p[0].charged == MP_UNKNOWN &&
				    tl.p[0].cg_limit == MP_UNKNOWN);
			assert_int_equal(tl.p[0].gc_pause, 31 * MS);
			/* a sum of which a part is not known is not known */
			at(&f, T0 + 2 * SEC, ev(MP_EV_TICK, 0, MM, 0));
			at(&f, T0 + 3 * SEC, ev(MP_EV_TICK, 0, MM, 0));
			assert_int_equal(point(&f, T0 + 3 * SEC)->bits, 0);
			assert_true(mp_tl_merge(&P(&f)->tl, T0, T0 + 9 * SEC, &sum));
			assert_int_equal(sum.bits, MP_PT_OLD | MP_PT_MIXED);
		}
		fx_free(&f);
	}
}

/* --- a recording ------------------------------------------------------------------------------ */

#define PIECES 4000 /* of 20 ms */

static void write_stream(const char *path)
{
	struct mp_writer *w;

	assert_int_equal(mp_writer_open(path, &w), 0);
	stream_record(w, 5, PIECES);
}

/* Spoils the first block of events behind the second keyframe; its times and those of the
 * keyframe after it. */
static uint64_t spoil(const char *path, uint64_t *key)
{
	const struct mp_index_entry *e;
	struct mp_reader *r;
	uint64_t from = 0, where = 0;
	size_t n, keys = 0;
	FILE *f;

	*key = 0;
	assert_int_equal(mp_reader_open(path, &r), 0);
	assert_int_equal(mp_reader_index(r, &e, &n), 0);
	for (size_t i = 0; i < n && !*key; i++) {
		bool events = e[i].head.type == MP_BLK_EVENTS;
		bool is_key = events && e[i].head.flags == (1 | MP_BLKF_KEYFRAME);

		keys += is_key;
		if (is_key && where)
			*key = e[i].head.t_first;
		if (events && !is_key && keys == 2 && !where &&
		    !(e[i].head.flags & MP_BLKF_KEYFRAME)) {
			from = e[i].head.t_first;
			where = e[i].offset + MP_BLOCK_HEAD + 9;
		}
	}
	assert_true(where && *key > from + SEC);
	mp_reader_close(r);
	f = fopen(path, "r+");
	assert_non_null(f);
	fseek(f, (long)where, SEEK_SET);
	fputc(0x5a, f);
	fclose(f);
	return from;
}

/* The finer timeline of a replay goes on from the keyframe behind the damage. */
static void windows_see_the_hole(void **unused)
{
	char path[] = "/tmp/memprof-gap-XXXXXX";
	const struct mp_timeline *tl;
	struct mp_history *h;
	struct mp_reader *r;
	uint64_t from, key;
	size_t holes = 0;

	(void)unused;
	close(mkstemp(path));
	unlink(path);
	write_stream(path);
	from = spoil(path, &key);
	assert_int_equal(mp_reader_open(path, &r), 0);
	assert_int_equal(mp_history_from_reader(r, &h), 0);
	for (int i = 0; i < 2; i++) { /* asked again it is there */
		assert_int_equal(
			mp_history_window(h, 0, from - SEC, key + 2 * SEC, W, SIZE_MAX, &tl), 1);
		assert_non_null(tl);
	}
	for (size_t i = 0; i < tl->n; i++) {
		const struct mp_point *p = &tl->p[i];

		holes += !mp_point_known(p) && p->bits & MP_PT_GAP;
		/* it begins where the last event before it was */
		if (p->ts + 50 * MS < from || p->ts > key + tl->width)
			assert_true(p->bits == 0 && mp_point_known(p));
		else if (p->ts > from && p->ts + tl->width < key)
			assert_true(p->bits & MP_PT_GAP);
	}
	assert_true(holes > 10);
	mp_history_free(h);
	mp_reader_close(r);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(levels_come_back_one_by_one),
		cmocka_unit_test(a_dump_ends_it),
		cmocka_unit_test(summaries_say_so),
		cmocka_unit_test(what_happened_is_counted_once),
		cmocka_unit_test(a_pause_is_in_one_stretch),
		cmocka_unit_test(old_summaries_do_not_tell),
		cmocka_unit_test(old_summaries_mix_kinds),
		cmocka_unit_test(windows_see_the_hole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
