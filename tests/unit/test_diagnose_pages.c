/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The rules of rules_pages.c at their thresholds, both sides.
 */
#include "tests/unit/dx.h"

#define AT	  0x20000000000ULL
#define CHILD	  2
#define FREE	  8
#define COLLAPSE  25
#define BITS_FILE (MP_MAP_R | MP_MAP_W | MP_MAP_SHARED | MP_MAP_FILE)

/* --- events ---------------------------------------------------------------------------- */

static void map_at(struct dx *x, double s, uint64_t at, uint64_t len, int flags)
{
	dx_fold(x, ev_mmap(MM, dx_s(s), at, len, RW, flags));
}

/* Each page is written once. */
static void touch(struct dx *x, double s, uint64_t at, uint64_t len)
{
	dx_fold(x, ev_fault(MM, dx_s(s), at, (uint32_t)(len / PG), MP_FAULT_WRITE));
}

/* Writes to pages that are there, and not writable. */
static void rewrite(struct dx *x, double s, uint32_t mm, uint64_t len)
{
	dx_fold(x,
		ev_fault(mm, dx_s(s), AT, (uint32_t)(len / PG), MP_FAULT_WRITE | MP_FAULT_PRESENT));
}

static void task(struct dx *x, double s, uint32_t mm, unsigned op, uint64_t a, uint64_t b,
		 uint64_t c)
{
	struct mp_event e = ev_task(mm, dx_s(s), op, a, b);

	e.task.c = c;
	dx_fold(x, e);
}

/* A scan finds the range resident. */
static void found(struct dx *x, double s, uint64_t at, uint64_t len, uint8_t flags)
{
	struct mp_event e = ev_pages(MM, dx_s(s), MP_PAGES_RESIDENT, at, len);

	e.flags = flags;
	dx_fold(x, e);
}

struct rolled {
	uint64_t pss_anon, pss_file, pss_shmem, dirty, huge;
};

static void rollup(struct dx *x, double s, uint32_t mm, struct rolled r)
{
	struct mp_event e = ev(MP_EV_ROLLUP, 0, mm, dx_s(s));

	e.rollup.pss_anon = r.pss_anon;
	e.rollup.pss_file = r.pss_file;
	e.rollup.pss_shmem = r.pss_shmem;
	e.rollup.private_dirty = r.dirty;
	e.rollup.anon_huge = r.huge;
	dx_fold(x, e);
}

/* A process of 100 MiB, of which this is told at the first second. */
static struct dx began(uint64_t anon, uint64_t file, uint64_t shmem)
{
	struct dx x = dx_new(NULL);

	dx_rss(&x, 1, anon, file, shmem);
	return x;
}

/* --- left by MADV_FREE ------------------------------------------------------------------ */

static struct dx freed(uint64_t len, uint64_t anon)
{
	struct dx x = began(0, 0, 0);
	struct mp_event e = ev_madvise(MM, dx_s(4), AT, len, FREE);

	map_at(&x, 2, AT, len, PRIV);
	touch(&x, 3, AT, len);
	dx_rss(&x, 3.5, anon, 0, 0);
	dx_fold(&x, e);
	dx_rss(&x, 5, anon, 0, 0);
	return x;
}

static void lazyfree(void **state)
{
	struct dx x = freed(64 * MIB, 400 * MIB);
	const struct mp_finding *f = dx_find(&x, "lazyfree");

	(void)state;
	assert_non_null(f);
	assert_int_equal(f->bytes, 64 * MIB);
	assert_true(f->from >= dx_s(4));
	dx_free(&x);
	x = freed(64 * MIB - PG, 400 * MIB);
	assert_null(dx_find(&x, "lazyfree"));
	dx_free(&x);
	x = freed(64 * MIB, 427 * MIB); /* less than 15 % */
	assert_null(dx_find(&x, "lazyfree"));
	dx_free(&x);
}

/* --- of files ---------------------------------------------------------------------------- */

/* A file of so much is mapped and read, `dirty` of it written. */
static struct dx mapped(uint64_t file, uint64_t rss, uint64_t dirty)
{
	struct dx x = dx_new(NULL);
	struct mp_event e = ev_line(MM, dx_s(1), AT, AT + GIB, BITS_FILE, 0);

	dx_rss(&x, 0.5, rss - file, file, 0);
	dx_fold(&x, ev(MP_EV_MAP, MP_MAP_BEGIN, MM, dx_s(1)));
	e.map.ino = 7;
	dx_fold(&x, e);
	dx_fold(&x, ev(MP_EV_MAP, MP_MAP_END, MM, dx_s(1)));
	found(&x, 2, AT, file, 0);
	rollup(&x, 3, MM, (struct rolled){ rss - file, file, 0, rss - file + dirty, 0 });
	return x;
}

static void file(void **state)
{
	struct dx x = mapped(80 * MIB, 320 * MIB, 0);
	const struct mp_finding *f = dx_find(&x, "file-mmap");

	(void)state;
	assert_non_null(f);
	assert_int_equal(f->bytes, 80 * MIB);
	assert_int_equal(f->level, MP_DX_INFO);
	dx_free(&x);
	x = mapped(80 * MIB, 321 * MIB, 0); /* less than a quarter */
	assert_null(dx_find(&x, "file-mmap"));
	dx_free(&x);
	x = mapped(63 * MIB, 100 * MIB, 0);
	assert_null(dx_find(&x, "file-mmap"));
	dx_free(&x);
}

static void file_not_written_yet(void **state)
{
	struct dx x = mapped(240 * MIB, 300 * MIB, 72 * MIB);
	const struct mp_finding *f = dx_find(&x, "file-mmap");

	(void)state;
	assert_int_equal(f->level, MP_DX_WARN);
	assert_int_equal(dx_make(&x)->n, 1);
	dx_free(&x);
	x = mapped(240 * MIB, 300 * MIB, 71 * MIB); /* less than 30 % */
	assert_int_equal(dx_find(&x, "file-mmap")->level, MP_DX_INFO);
	assert_int_equal(dx_make(&x)->n, 1);
	dx_free(&x);
}

/* --- shared ------------------------------------------------------------------------------- */

/* One object at n addresses. */
static struct dx views(unsigned n, uint64_t len, uint64_t other)
{
	struct dx x = dx_new(NULL);

	dx_rss(&x, 0.5, 0, other, n * len);
	dx_fold(&x, ev(MP_EV_MAP, MP_MAP_BEGIN, MM, dx_s(1)));
	for (unsigned i = 0; i < n; i++) {
		struct mp_event e = ev_line(MM, dx_s(1), AT + i * GIB, AT + i * GIB + len,
					    BITS_FILE | MP_MAP_SHMEM, 0);

		e.map.ino = 7;
		dx_fold(&x, e);
	}
	dx_fold(&x, ev(MP_EV_MAP, MP_MAP_END, MM, dx_s(1)));
	for (unsigned i = 0; i < n; i++)
		found(&x, 2 + i, AT + i * GIB, len, 0);
	dx_rss(&x, 6, 0, other, n * len);
	return x;
}

static void mapped_several_times(void **state)
{
	struct dx x = views(3, 40 * MIB, 0);

	(void)state;
	assert_int_equal(dx_find(&x, "multi-map")->bytes, 80 * MIB);
	assert_null(dx_find(&x, "shmem-growth"));
	dx_free(&x);
	x = views(2, 63 * MIB, 0);
	assert_null(dx_find(&x, "multi-map"));
	dx_free(&x);
	x = views(2, 80 * MIB, 83 * MIB); /* 80 of 243 are less than 0.33 */
	assert_null(dx_find(&x, "multi-map"));
	dx_free(&x);
}

/* Two processes with so much RSS each, all shared, and that PSS. */
static struct dx group(uint64_t rss, uint64_t shmem, uint64_t pss)
{
	struct dx x = began(rss - shmem, 0, shmem);

	task(&x, 1.1, CHILD, MP_TASK_TARGET, 200, 0, 100);
	dx_fold(&x, ev_rss(CHILD, dx_s(1.2), (rss - shmem) / PG, 0, shmem / PG));
	rollup(&x, 2, MM, (struct rolled){ 0, 0, pss, 0, 0 });
	rollup(&x, 2, CHILD, (struct rolled){ 0, 0, pss, 0, 0 });
	return x;
}

static void shared_by_two(void **state)
{
	struct dx x = group(130 * MIB, 130 * MIB, 65 * MIB);
	const struct mp_finding *f = dx_find(&x, "shared-double-count");

	(void)state;
	assert_int_equal(f->bytes, 130 * MIB);
	assert_int_equal(f->pid, 100); /* once, not of each */
	assert_int_equal(f->level, MP_DX_INFO);
	dx_free(&x);
	x = group(130 * MIB, 64 * MIB, 65 * MIB); /* less than half is shared memory */
	assert_null(dx_find(&x, "shared-double-count"));
	dx_free(&x);
	x = group(1300 * MIB, 1300 * MIB, 1001 * MIB); /* less than 1.3 times */
	assert_null(dx_find(&x, "shared-double-count"));
	dx_free(&x);
	x = group(63 * MIB, 63 * MIB, 32 * MIB);
	assert_null(dx_find(&x, "shared-double-count"));
	dx_free(&x);
}

/* PSS is of the moment at which it was read: what came since is no part of either. */
static void growth_since_is_not_shared(void **state)
{
	struct dx x = group(60 * MIB, 60 * MIB, 55 * MIB);

	(void)state;
	dx_rss(&x, 5, 0, 0, 400 * MIB);
	assert_null(dx_find(&x, "shared-double-count"));
	dx_free(&x);
	x = group(130 * MIB, 130 * MIB, 65 * MIB);
	dx_rss(&x, 5, 0, 0, 400 * MIB);
	assert_int_equal(dx_find(&x, "shared-double-count")->bytes, 130 * MIB);
	dx_free(&x);
}

/* Shared memory that grows by so much in twelve seconds; it stands still after `until`. */
static struct dx shmem(uint64_t by, double until, uint64_t pss)
{
	struct dx x = began(10 * MIB, 0, 0);

	for (unsigned i = 1; i <= 24; i++) {
		double s = fmin(i, until) / 24;

		dx_rss(&x, 1 + i / 2.0, 10 * MIB, 0, (uint64_t)(s * (double)by));
	}
	rollup(&x, 13.5, MM, (struct rolled){ 10 * MIB, 0, pss, 0, 0 });
	return x;
}

static void shared_memory_grows(void **state)
{
	struct dx x = shmem(64 * MIB, 24, 64 * MIB);

	(void)state;
	assert_int_equal(dx_find(&x, "shmem-growth")->bytes, 64 * MIB);
	dx_free(&x);
	x = shmem(64 * MIB - 24 * PG, 24, 64 * MIB);
	assert_null(dx_find(&x, "shmem-growth"));
	dx_free(&x);
	x = shmem(400 * MIB, 12, 200 * MIB); /* it was, once */
	assert_null(dx_find(&x, "shmem-growth"));
	dx_free(&x);
	x = shmem(100 * MIB, 24, 50 * MIB - 1); /* most of it is others', too */
	assert_null(dx_find(&x, "shmem-growth"));
	dx_free(&x);
}

static void shared_memory_is_told_behind_five_seconds(void **state)
{
	struct dx x = began(10 * MIB, 0, 0);

	(void)state;
	for (unsigned i = 1; i <= 20; i++)
		dx_rss(&x, 1 + i / 5.0, 10 * MIB, 0, i * 8 * MIB);
	assert_null(dx_find(&x, "shmem-growth"));
	assert_non_null(strstr(dx_withheld(&x, "shmem-growth"), "were looked at"));
	dx_free(&x);
}

/* Shared memory that grows for so long: in one mapping of the start, or a new one each time. */
static struct dx filling(double seconds, bool pieces, uint64_t pss)
{
	struct dx x = began(10 * MIB, 0, 0);
	const int flags = MAP_SHARED | MAP_ANONYMOUS;

	dx_fold(&x, ev(MP_EV_MAP, MP_MAP_BEGIN, MM, dx_s(1.1)));
	dx_fold(&x, ev(MP_EV_MAP, MP_MAP_END, MM, dx_s(1.1)));
	if (!pieces)
		map_at(&x, 1.2, AT, 48 * 4 * MIB, flags);
	for (unsigned i = 0; i < 48; i++) {
		double s = 2 + i * seconds / 48;

		if (pieces)
			map_at(&x, s, AT + i * 4 * MIB, 4 * MIB, flags);
		touch(&x, s + 0.01, AT + i * 4 * MIB, 4 * MIB);
		dx_rss(&x, s + 0.02, 10 * MIB, 0, (i + 1) * 4 * MIB);
	}
	if (pss)
		rollup(&x, 2 + seconds, MM, (struct rolled){ 10 * MIB, 0, pss, 0, 0 });
	return x;
}

static enum mp_dx_level level_of(struct dx x)
{
	const struct mp_finding *f = dx_find(&x, "shmem-growth");
	enum mp_dx_level level;

	assert_non_null(f);
	level = f->level;
	dx_free(&x);
	return level;
}

/* Shared buffers of a database fill up once: that alarms nobody. */
static void a_first_touch_is_no_growth(void **state)
{
	const uint64_t own = 48 * 4 * MIB;

	(void)state;
	assert_int_equal(level_of(filling(40, true, own)), MP_DX_WARN);
	assert_int_equal(level_of(filling(40, false, own)), MP_DX_INFO);
	assert_int_equal(level_of(filling(40, true, 0)), MP_DX_INFO); /* nothing told whose it is */
	assert_int_equal(level_of(filling(26, true, own)), MP_DX_INFO); /* may be its start */
}

/* --- locked, filled, beside RSS --------------------------------------------------------------- */

static struct dx locked(uint64_t bytes, uint64_t rss)
{
	struct dx x = began(rss, 0, 0);
	struct mp_event e = ev(MP_EV_PROC, 0, MM, dx_s(2));

	for (unsigned i = 0; i < 7; i++)
		e.v[i] = MP_UNKNOWN;
	e.proc.locked = bytes;
	dx_fold(&x, e);
	dx_rss(&x, 3, rss, 0, 0);
	return x;
}

static void locked_memory(void **state)
{
	struct dx x = locked(100 * MIB, 200 * MIB);
	const struct mp_finding *f = dx_find(&x, "locked-memory");

	(void)state;
	assert_int_equal(f->bytes, 100 * MIB);
	assert_int_equal(f->level, MP_DX_WARN);
	dx_free(&x);
	x = locked(100 * MIB, 201 * MIB);
	assert_null(dx_find(&x, "locked-memory"));
	dx_free(&x);
	x = locked(GIB, 63 * MIB); /* on fault: what is not there is not locked */
	assert_null(dx_find(&x, "locked-memory"));
	dx_free(&x);
}

/* So much comes in with a call, beside what was there. */
static struct dx filled(uint64_t bytes, uint64_t rss, int flags)
{
	struct dx x = began(rss - bytes, 0, 0);
	struct mp_event e = ev_mmap(MM, dx_s(2), AT, bytes, RW, PRIV | flags);

	e.call.d_anon = (int32_t)(bytes / PG);
	dx_fold(&x, e);
	found(&x, 3, AT, bytes, 0);
	dx_rss(&x, 3, rss, 0, 0);
	return x;
}

static void populated(void **state)
{
	struct dx x = filled(100 * MIB, 200 * MIB, MAP_POPULATE);
	const struct mp_finding *f = dx_find(&x, "locked-memory");

	(void)state;
	assert_int_equal(f->bytes, 100 * MIB);
	assert_int_equal(f->level, MP_DX_INFO);
	assert_null(dx_find(&x, "remote-fill"));
	dx_free(&x);
	x = filled(100 * MIB, 201 * MIB, MAP_POPULATE);
	assert_null(dx_find(&x, "locked-memory"));
	dx_free(&x);
	x = filled(63 * MIB, 64 * MIB, MAP_POPULATE);
	assert_null(dx_find(&x, "locked-memory"));
	dx_free(&x);
}

static void hugetlb(void **state)
{
	struct dx x = began(10 * MIB, 0, 0);
	struct mp_event e = ev_rss(MM, dx_s(2), 10, 0, 0);

	(void)state;
	e.rss.hugetlb = 64 * MIB;
	dx_fold(&x, e);
	assert_int_equal(dx_find(&x, "hugetlb")->bytes, 64 * MIB);
	e.ts = dx_s(3);
	e.rss.hugetlb = 62 * MIB;
	dx_fold(&x, e);
	assert_null(dx_find(&x, "hugetlb"));
	dx_free(&x);
}

/* --- huge pages ----------------------------------------------------------------------------------
 */

/* n huge pages, each by one touch, or by a collapse of eight that were touched. */
static struct dx huge(unsigned n, bool collapse, uint64_t anon)
{
	struct dx x = began(anon - n * 2 * MIB, 0, 0);
	struct mp_event e = ev_madvise(MM, dx_s(4), AT, n * 2 * MIB, COLLAPSE);

	map_at(&x, 2, AT, n * 2 * MIB, PRIV);
	for (unsigned i = 0; i < n; i++)
		touch(&x, 3, AT + i * 2 * MIB, collapse ? 8 * PG : PG);
	if (collapse) {
		e.call.d_anon = (int32_t)(n * 504);
		dx_fold(&x, e);
	}
	found(&x, 5, AT, n * 2 * MIB, MP_PAGES_HUGE);
	dx_rss(&x, 5, anon, 0, 0);
	rollup(&x, 6, MM, (struct rolled){ anon, 0, 0, anon, n * 2 * MIB });
	return x;
}

static void collapsed(void **state)
{
	struct dx x = huge(66, true, 528 * MIB);
	const struct mp_finding *f = dx_find(&x, "thp-bloat");

	(void)state;
	assert_int_equal(f->bytes, 66 * 504 * PG);
	assert_int_equal(f->level, MP_DX_WARN);
	assert_null(dx_find(&x, "remote-fill"));
	dx_free(&x);
	x = huge(66, true, 529 * MIB); /* less than a quarter is in huge pages */
	assert_null(dx_find(&x, "thp-bloat"));
	dx_free(&x);
	x = huge(32, true, 100 * MIB);
	assert_null(dx_find(&x, "thp-bloat"));
	dx_free(&x);
}

/* khugepaged does the same without a call. */
static void collapsed_by_the_kernel(void **state)
{
	struct dx x = began(100 * MIB, 0, 0);

	(void)state;
	map_at(&x, 2, AT, 80 * MIB, PRIV);
	for (unsigned i = 0; i < 40; i++)
		touch(&x, 3, AT + i * 2 * MIB, 8 * PG);
	found(&x, 5, AT, 80 * MIB, MP_PAGES_HUGE);
	dx_rss(&x, 5, 180 * MIB, 0, 0);
	rollup(&x, 6, MM, (struct rolled){ 180 * MIB, 0, 0, 180 * MIB, 80 * MIB });
	assert_int_equal(dx_find(&x, "thp-bloat")->bytes, 40 * 504 * PG);
	assert_null(dx_find(&x, "remote-fill"));
	dx_free(&x);
}

static void one_touch_each(void **state)
{
	struct dx x = huge(33, false, 264 * MIB);
	const struct mp_finding *f = dx_find(&x, "thp-bloat");

	(void)state;
	assert_int_equal(f->bytes, 33 * 511 * PG);
	assert_int_equal(f->level, MP_DX_INFO);
	assert_null(dx_find(&x, "remote-fill"));
	dx_free(&x);
	x = huge(32, false, 100 * MIB); /* 64 MiB less what was touched */
	assert_null(dx_find(&x, "thp-bloat"));
	dx_free(&x);
}

/* Charge and RSS before and after a release. */
static struct dx partial(uint64_t fell, uint64_t charge_fell, uint64_t anon_fell)
{
	struct dx x = began(300 * MIB, 0, 0);
	struct mp_event e = ev(MP_EV_CGROUP, 1, MM, dx_s(1.5));

	e.cgroup.charged = 310 * MIB;
	e.cgroup.limit = MP_UNKNOWN;
	e.cgroup.anon = 300 * MIB;
	e.cgroup.kernel = 10 * MIB;
	dx_fold(&x, e);
	dx_rss(&x, 2, 300 * MIB, 0, 0);
	dx_rss(&x, 3, 300 * MIB - fell, 0, 0);
	e.ts = dx_s(3.5);
	e.cgroup.charged -= charge_fell;
	e.cgroup.anon -= anon_fell;
	dx_fold(&x, e);
	return x;
}

static void parts_of_huge_pages(void **state)
{
	struct dx x = partial(100 * MIB, 29 * MIB, 100 * MIB);

	(void)state;
	assert_int_equal(dx_find(&x, "thp-partial")->bytes, 71 * MIB);
	dx_free(&x);
	x = partial(100 * MIB, 30 * MIB, 100 * MIB);
	assert_null(dx_find(&x, "thp-partial"));
	dx_free(&x);
	x = partial(63 * MIB, 0, 63 * MIB);
	assert_null(dx_find(&x, "thp-partial"));
	dx_free(&x);
	x = partial(100 * MIB, 0, 49 * MIB); /* somebody else of the group has it */
	assert_null(dx_find(&x, "thp-partial"));
	dx_free(&x);
}

/* --- copied
 * ----------------------------------------------------------------------------------------- */

/* A process of so much forks, and writes it all. */
static struct dx forked(uint64_t len, bool watched)
{
	struct dx x = began(0, 0, 0);

	map_at(&x, 2, AT, len, PRIV);
	touch(&x, 3, AT, len);
	dx_rss(&x, 4, len, 0, 0);
	task(&x, 5, MM, MP_TASK_FORK, 200, watched ? CHILD : 0, 0);
	if (watched)
		task(&x, 5, CHILD, MP_TASK_TARGET, 200, 0, 100);
	return x;
}

static void copied(void **state)
{
	struct dx x = forked(64 * MIB, true);
	const struct mp_finding *f;

	(void)state;
	rewrite(&x, 6, MM, 64 * MIB);
	dx_rss(&x, 7, 64 * MIB, 0, 0);
	f = dx_find(&x, "fork-cow");
	assert_int_equal(f->bytes, 64 * MIB);
	assert_int_equal(f->pid, 100);
	dx_free(&x);
	x = forked(64 * MIB, true);
	rewrite(&x, 6, MM, 64 * MIB - PG);
	dx_rss(&x, 7, 64 * MIB, 0, 0);
	assert_null(dx_find(&x, "fork-cow"));
	dx_free(&x);
}

/* The same faults, and the kernel copies nothing. */
static void no_copies_without_relatives(void **state)
{
	struct dx x = forked(64 * MIB, true);

	(void)state;
	task(&x, 5.5, 3, MP_TASK_EXEC, CHILD, 200, 0);
	rewrite(&x, 6, MM, 64 * MIB);
	dx_rss(&x, 7, 64 * MIB, 0, 0);
	assert_null(dx_find(&x, "fork-cow"));
	assert_null(dx_withheld(&x, "fork-cow"));
	dx_free(&x);
	x = forked(64 * MIB, true);
	task(&x, 5.5, CHILD, MP_TASK_MM_EXIT, 0, 0, 0);
	task(&x, 5.5, CHILD, MP_TASK_EXIT, 0, 0, 0);
	rewrite(&x, 6, MM, 64 * MIB);
	dx_rss(&x, 7, 64 * MIB, 0, 0);
	assert_null(dx_find(&x, "fork-cow"));
	dx_free(&x);
}

/* A child that was forked at that second has its parent's memory. */
static void inherited(struct dx *x, double s, uint64_t len)
{
	dx_fold(x, ev(MP_EV_MAP, MP_MAP_BEGIN, CHILD, dx_s(s)));
	dx_fold(x, ev_line(CHILD, dx_s(s), AT, AT + len, BITS_RW, 0));
	dx_fold(x, ev(MP_EV_MAP, MP_MAP_END, CHILD, dx_s(s)));
	dx_fold(x, ev_pages(CHILD, dx_s(s), MP_PAGES_RESIDENT, AT, len));
}

/* A worker that copies so much before anything looked at it, and ends soon. */
static struct dx short_lived(uint64_t len, bool exec)
{
	struct dx x = forked(100 * MIB, true);
	uint32_t mm = exec ? 3 : CHILD;

	inherited(&x, 5, 100 * MIB);
	rewrite(&x, 5.001, CHILD, len);
	if (exec)
		task(&x, 5.002, mm, MP_TASK_EXEC, CHILD, 200, 0);
	dx_fold(&x, ev_rss(mm, dx_s(5.01), 100 * MIB / PG, 0, 0));
	dx_rss(&x, 5.2, 100 * MIB, 0, 0);
	task(&x, 5.3, mm, MP_TASK_EXIT, 0, 0, 0);
	task(&x, 5.3, mm, MP_TASK_MM_EXIT, 0, 0, 0);
	dx_rss(&x, 6, 100 * MIB, 0, 0);
	return x;
}

static void copied_before_the_first_sample(void **state)
{
	struct dx x = short_lived(64 * MIB, false);
	const struct mp_finding *f = dx_find(&x, "fork-cow");

	(void)state;
	assert_non_null(f);
	assert_int_equal(f->pid, 200);
	assert_int_equal(f->bytes, 64 * MIB);
	dx_free(&x);
	x = short_lived(64 * MIB - PG, false);
	assert_null(dx_find(&x, "fork-cow"));
	dx_free(&x);
	x = short_lived(64 * MIB, true); /* another program copied that */
	assert_null(dx_find(&x, "fork-cow"));
	dx_free(&x);
}

/* Who begins to look in the middle is told sums of before. */
static void copied_before_it_was_looked_at(void **state)
{
	struct dx x = forked(100 * MIB, true);
	struct mp_diagnosis *d = mp_diagnosis_new(NULL);

	(void)state;
	rewrite(&x, 6, MM, 64 * MIB);
	assert_non_null(d);
	mp_diagnosis_free(x.d);
	x.d = d;
	dx_rss(&x, 7, 100 * MIB, 0, 0);
	dx_rss(&x, 8, 100 * MIB, 0, 0);
	assert_null(dx_find(&x, "fork-cow"));
	rewrite(&x, 9, MM, 64 * MIB);
	dx_rss(&x, 10, 100 * MIB, 0, 0);
	assert_int_equal(dx_find(&x, "fork-cow")->bytes, 64 * MIB);
	dx_free(&x);
}

static void of_children_not_watched_nobody_knows(void **state)
{
	struct dx x = forked(64 * MIB, false);

	(void)state;
	rewrite(&x, 6, MM, 64 * MIB);
	dx_rss(&x, 7, 64 * MIB, 0, 0);
	assert_null(dx_find(&x, "fork-cow"));
	assert_non_null(strstr(dx_withheld(&x, "fork-cow"), "--follow-forks"));
	dx_free(&x);
}

/* --- brought in by others
 * ------------------------------------------------------------------------------ */

static struct dx remote(uint64_t len, uint64_t own)
{
	struct dx x = began(20 * MIB, 0, 0);

	map_at(&x, 2, AT, len + own, PRIV);
	map_at(&x, 2, AT + GIB, 64 * MIB, PRIV);
	touch(&x, 3, AT + GIB, 64 * MIB); /* as programs do */
	if (own)
		touch(&x, 3, AT, own);
	found(&x, 4, AT, len + own, 0);
	dx_rss(&x, 5, 84 * MIB + len + own, 0, 0);
	return x;
}

static void filled_by_others(void **state)
{
	struct dx x = remote(64 * MIB, 0);

	(void)state;
	assert_int_equal(dx_find(&x, "remote-fill")->bytes, 64 * MIB);
	assert_null(dx_find(&x, "thp-bloat"));
	dx_free(&x);
	x = remote(64 * MIB - PG, 0);
	assert_null(dx_find(&x, "remote-fill"));
	dx_free(&x);
}

/* A kernel that makes one fault bring several pages in looks like that a little. */
static void larger_folios_are_no_others(void **state)
{
	struct dx x = remote(100 * MIB, MIB);

	(void)state;
	assert_null(dx_find(&x, "remote-fill"));
	dx_free(&x);
}

/* What nobody saw come at the begin was there before. */
static void what_was_there_is_no_fill(void **state)
{
	struct dx x = began(500 * MIB, 0, 0);

	(void)state;
	map_at(&x, 2, AT, 400 * MIB, PRIV);
	found(&x, 3, AT, 400 * MIB, 0);
	dx_rss(&x, 5, 500 * MIB, 0, 0);
	assert_null(dx_find(&x, "remote-fill"));
	dx_free(&x);
}

/* A child that lives so shortly that its first figures have no RSS beside them. */
static void memory_of_a_child_was_its_parents(void **state)
{
	struct dx x = forked(100 * MIB, true);

	(void)state;
	inherited(&x, 5.1, 100 * MIB);
	dx_rss(&x, 5.2, 100 * MIB, 0, 0);
	dx_fold(&x, ev_rss(CHILD, dx_s(5.3), 100 * MIB / PG, 0, 0));
	dx_rss(&x, 5.4, 100 * MIB, 0, 0);
	task(&x, 5.5, CHILD, MP_TASK_EXIT, 0, 0, 0);
	task(&x, 5.5, CHILD, MP_TASK_MM_EXIT, 0, 0, 0);
	dx_rss(&x, 6, 100 * MIB, 0, 0);
	assert_null(dx_find(&x, "remote-fill"));
	assert_int_equal(dx_make(&x)->rss, 200 * MIB); /* of the child, as it was before its end */
	dx_free(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lazyfree),
		cmocka_unit_test(file),
		cmocka_unit_test(file_not_written_yet),
		cmocka_unit_test(mapped_several_times),
		cmocka_unit_test(shared_by_two),
		cmocka_unit_test(growth_since_is_not_shared),
		cmocka_unit_test(shared_memory_grows),
		cmocka_unit_test(a_first_touch_is_no_growth),
		cmocka_unit_test(shared_memory_is_told_behind_five_seconds),
		cmocka_unit_test(locked_memory),
		cmocka_unit_test(populated),
		cmocka_unit_test(hugetlb),
		cmocka_unit_test(collapsed),
		cmocka_unit_test(collapsed_by_the_kernel),
		cmocka_unit_test(one_touch_each),
		cmocka_unit_test(parts_of_huge_pages),
		cmocka_unit_test(copied),
		cmocka_unit_test(no_copies_without_relatives),
		cmocka_unit_test(copied_before_the_first_sample),
		cmocka_unit_test(copied_before_it_was_looked_at),
		cmocka_unit_test(of_children_not_watched_nobody_knows),
		cmocka_unit_test(filled_by_others),
		cmocka_unit_test(larger_folios_are_no_others),
		cmocka_unit_test(what_was_there_is_no_fill),
		cmocka_unit_test(memory_of_a_child_was_its_parents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
