/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_cgroup.c - control groups of memory, version 1 and 2: where a process is,
 * what its files say, what the model keeps of it; and pages that RSS has twice.
 */
#include <errno.h>

#include "tests/unit/ev.h"
#include "user/rt/cgroup_text.h"

static const char mounts_v1[] =
	"31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
	"32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
	"35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n"
	"41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
static const char mounts_v2[] =
	"24 1 0:22 / /proc rw - proc proc rw\n"
	"30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

static void places(void **state)
{
	struct cgroup_place g;

	(void)state;
	assert_int_equal(cgroup_place("9:name=systemd:/\n4:memory:/a/b\n0::/\n", mounts_v1, &g), 0);
	assert_int_equal(g.version, 1);
	assert_string_equal(g.dir, "/sys/fs/cgroup/memory/a/b");
	assert_string_equal(g.name, "/a/b");
	assert_int_equal(g.top, strlen("/sys/fs/cgroup/memory"));
	/* controllers mounted together */
	assert_int_equal(cgroup_place("4:cpu,memory:/x\n", mounts_v1, &g), 0);
	assert_string_equal(g.dir, "/sys/fs/cgroup/memory/x");
	assert_int_equal(cgroup_place("4:memory:/\n", mounts_v1, &g), 0);
	assert_string_equal(g.dir, "/sys/fs/cgroup/memory");
	/* a name that only begins so is another controller */
	assert_int_equal(cgroup_place("4:memoryx:/a\n", mounts_v1, &g), -ENOENT);
	assert_int_equal(cgroup_place("0::/system.slice/a.service\n", mounts_v2, &g), 0);
	assert_int_equal(g.version, 2);
	assert_string_equal(g.dir, "/sys/fs/cgroup/system.slice/a.service");
	assert_int_equal(cgroup_place("0::/a\n", "24 1 0:22 / /proc rw - proc proc rw\n", &g),
			 -ENOENT);
	assert_int_equal(cgroup_place("", mounts_v2, &g), -ENOENT);
	assert_int_equal(cgroup_place("0:", mounts_v2, &g), -ENOENT);
}

/* The path alone, as others ask for it. */
static void paths(void **state)
{
	static const struct {
		const char *groups, *path;
		unsigned version;
	} t[] = { { "0::/a/b\n", "/a/b", 2 },
		  { "0::/a/b", "/a/b", 2 },
		  { "0::/a\n5:cpu,memory:/b:c\n7:pids:/d\n", "/b:c", 1 },
		  { "5:memory,cpu:/b\n0::/a\n", "/b", 1 },
		  { "5:cpu:/b\n1:name=memory:/c\n0::/\n", "/", 2 },
		  { "5:cpu:/b\n", "", 0 },
		  { "", "", 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		unsigned version = 9;
		size_t len = 9;
		const char *path = cgroup_path(t[i].groups, &version, &len);

		assert_int_equal(version, t[i].version);
		assert_int_equal(path != NULL, version != 0);
		assert_int_equal(len, strlen(t[i].path));
		if (path)
			assert_memory_equal(path, t[i].path, len);
	}
}

/* In a container a part of the hierarchy is mounted. */
static void places_below_a_mount(void **state)
{
	static const char part[] = "30 23 0:26 /docker/c1 /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n";
	static const char blank[] = "30 23 0:26 / /mnt/a\\040b ro - cgroup2 cgroup2 rw\n";
	struct cgroup_place g;

	(void)state;
	assert_int_equal(cgroup_place("0::/docker/c1/app\n", part, &g), 0);
	assert_string_equal(g.dir, "/sys/fs/cgroup/app");
	assert_int_equal(cgroup_place("0::/docker/c1\n", part, &g), 0);
	assert_string_equal(g.dir, "/sys/fs/cgroup");
	assert_int_equal(cgroup_place("0::/docker/c10\n", part, &g), -EPERM);
	assert_int_equal(cgroup_place("0::/../other\n", mounts_v2, &g), -EPERM);
	assert_int_equal(cgroup_place("0::/x\n", blank, &g), 0);
	assert_string_equal(g.dir, "/mnt/a b/x");
}

static void places_too_long(void **state)
{
	static char groups[2 * CGROUP_PATH_MAX] = "0::/";
	struct cgroup_place g;

	(void)state;
	memset(groups + 4, 'a', CGROUP_PATH_MAX - 8);
	assert_int_equal(cgroup_place(groups, mounts_v2, &g), -ENOENT); /* with the mount */
	memset(groups + 4, 'a', sizeof(groups) - 5);
	assert_int_equal(cgroup_place(groups, mounts_v2, &g), -ENOENT);
}

static void numbers(void **state)
{
	(void)state;
	assert_true(cgroup_number("max\n") == MP_UNKNOWN);
	assert_true(cgroup_number("9223372036854771712\n") == MP_UNKNOWN);
	assert_true(cgroup_number("") == MP_UNKNOWN);
	assert_true(cgroup_number("12x\n") == MP_UNKNOWN);
	assert_true(cgroup_number("0\n") == 0);
	assert_true(cgroup_number("9223372036854767616\n") == 9223372036854767616ULL);
	assert_true(cgroup_number("4096") == 4096);
}

static struct mp_event unknown(void)
{
	struct mp_event e = ev(MP_EV_CGROUP, 0, MM, T0);

	for (size_t i = 0; i < 7; i++)
		e.v[i] = MP_UNKNOWN;
	return e;
}

static void stat_v2(void **state)
{
	struct mp_event e = unknown();

	(void)state;
	cgroup_stat(2,
		    "anon 1000\nfile 700\nkernel 300\nkernel_stack 16\nshmem 200\nfile_mapped 5\n",
		    &e);
	assert_int_equal(e.cgroup.anon, 1000);
	assert_int_equal(e.cgroup.file, 500);
	assert_int_equal(e.cgroup.shmem, 200);
	assert_int_equal(e.cgroup.kernel, 300);
	assert_true(e.cgroup.swap == MP_UNKNOWN);
	/* before 5.18: the sum of what is told */
	e = unknown();
	cgroup_stat(2, "anon 1000\nfile 100\nshmem 200\nkernel_stack 16\npagetables 4\nslab 80\n",
		    &e);
	assert_int_equal(e.cgroup.kernel, 100);
	assert_int_equal(e.cgroup.file, 0);
	e = unknown();
	cgroup_stat(2, "", &e);
	assert_true(e.cgroup.anon == MP_UNKNOWN && e.cgroup.file == MP_UNKNOWN &&
		    e.cgroup.kernel == MP_UNKNOWN);
}

/* With what is below the group, as `charged` is. */
static void stat_v1(void **state)
{
	struct mp_event e = unknown();

	(void)state;
	e.cgroup.kernel = 77;
	cgroup_stat(1,
		    "cache 1\nrss 2\nshmem 3\nswap 4\ntotal_cache 900\ntotal_rss 800\n"
		    "total_shmem 300\ntotal_swap 40\n",
		    &e);
	assert_int_equal(e.cgroup.anon, 800);
	assert_int_equal(e.cgroup.file, 600);
	assert_int_equal(e.cgroup.shmem, 300);
	assert_int_equal(e.cgroup.swap, 40);
	assert_int_equal(e.cgroup.kernel, 77); /* has a file of its own */
}

static struct mp_event nothing(void)
{
	struct mp_event e = { .type = MP_EV_CGROUP_MORE };

	memset(e.v, 0x55, sizeof(e.v));
	return e;
}

static void stat_more(void **state)
{
	struct mp_event e = nothing();

	(void)state;
	cgroup_stat_more(2,
			 "anon 1\nfile_dirty 20\nfile_writeback 3\ninactive_file 30\n"
			 "active_file 40\nslab_reclaimable 50\nworkingset_refault_anon 6\n"
			 "workingset_refault_file 60\n",
			 &e);
	assert_int_equal(e.cgroup_more.inactive_file, 30);
	assert_int_equal(e.cgroup_more.active_file, 40);
	assert_int_equal(e.cgroup_more.slab, 50);
	assert_int_equal(e.cgroup_more.dirty, 23);
	assert_int_equal(e.cgroup_more.refaults, 60);
	e = nothing();
	cgroup_stat_more(2, "workingset_refault 70\nfile_dirty 1\n", &e);
	assert_int_equal(e.cgroup_more.refaults, 70);
	assert_true(e.cgroup_more.dirty == MP_UNKNOWN && e.cgroup_more.slab == MP_UNKNOWN);
	cgroup_stat_more(1,
			 "inactive_file 1\ndirty 1\ntotal_dirty 8\ntotal_writeback 4\n"
			 "total_inactive_file 300\ntotal_active_file 200\n"
			 "total_workingset_refault_file 9\n",
			 &e);
	assert_int_equal(e.cgroup_more.inactive_file, 300);
	assert_int_equal(e.cgroup_more.active_file, 200);
	assert_int_equal(e.cgroup_more.dirty, 12);
	assert_int_equal(e.cgroup_more.refaults, 9);
	assert_true(e.cgroup_more.slab == MP_UNKNOWN);
	cgroup_stat_more(1, "", &e);
	assert_true(e.cgroup_more.inactive_file == MP_UNKNOWN &&
		    e.cgroup_more.refaults == MP_UNKNOWN);
}

static void kills_and_pressure(void **state)
{
	(void)state;
	assert_int_equal(cgroup_oom_kills("low 0\nmax 12\noom 3\noom_kill 2\n"), 2);
	assert_int_equal(cgroup_oom_kills("oom_kill_disable 0\nunder_oom 0\noom_kill 7\n"), 7);
	assert_true(cgroup_oom_kills("oom_kill_disable 0\nunder_oom 0\n") == MP_UNKNOWN);
	assert_int_equal(cgroup_stalled("some avg10=9.00 avg60=1.00 avg300=0.20 total=5\n"
					"full avg10=12.34 avg60=0.50 avg300=0.10 total=4\n"),
			 1235);
	assert_int_equal(cgroup_stalled("full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"), 1);
	assert_int_equal(cgroup_stalled("full avg10=100.00 avg60=0.00\n"), 10001);
	assert_int_equal(cgroup_stalled("some avg10=9.00 avg60=1.00\n"), 0);
	assert_int_equal(cgroup_stalled("full avg10=nan\n"), 0);
	assert_int_equal(cgroup_stalled("full avg10=-1\nfull avg10=101\n"), 0);
	assert_int_equal(cgroup_stalled(""), 0);
}

/* --- the model ------------------------------------------------------------------------- */

static struct mp_event charged(struct fx *f, uint64_t bytes)
{
	struct mp_event e = ev(MP_EV_CGROUP, 2, MM, tick(f));

	e.x = 3;
	e.cgroup.charged = bytes;
	e.cgroup.limit = GIB;
	e.cgroup.anon = 5;
	e.cgroup.file = 6;
	e.cgroup.shmem = 7;
	e.cgroup.kernel = 8;
	e.cgroup.swap = 9;
	return e;
}

static int into(void *ctx, const struct mp_event *e)
{
	return mp_model_fold(ctx, e);
}

static void model_keeps_it(void **state)
{
	struct fx f = fx_new(), g = fx_empty();
	struct mp_event e = ev(MP_EV_ROLLUP, 0, MM, 0);
	const struct mp_cgroup *c = &P(&f)->cgroup;

	(void)state;
	assert_int_equal(c->version, 0);
	assert_true(P(&f)->r_charged.start == MP_UNKNOWN);
	fold(&f, charged(&f, 3 * MIB));
	fold(&f, charged(&f, 9 * MIB));
	fold(&f, charged(&f, 4 * MIB));
	assert_int_equal(c->charged, 4 * MIB);
	assert_int_equal(P(&f)->r_charged.start, 3 * MIB);
	assert_int_equal(P(&f)->r_charged.max, 9 * MIB);
	assert_int_equal(P(&f)->r_charged.end, 4 * MIB);
	assert_int_equal(c->name, 3);
	assert_true(c->limit == GIB && c->anon == 5 && c->file == 6 && c->shmem == 7 &&
		    c->kernel == 8 && c->swap == 9);
	e.ts = tick(&f);
	for (unsigned i = 0; i < 7; i++)
		e.v[i] = 100 + i;
	fold(&f, e);
	assert_int_equal(P(&f)->rollup.pss_anon, 100);
	assert_int_equal(P(&f)->rollup.lazyfree, 106);
	assert_int_equal(mp_model_dump(f.m, into, g.m), 0);
	assert_true(mp_model_digest(f.m) == mp_model_digest(g.m));
	assert_int_equal(P(&g)->r_charged.max, 9 * MIB);
	assert_int_equal(P(&g)->rollup.shared_dirty, 104);
	/* a new image is in the same group, and has other pages */
	fold(&f, ev_task(MM + 1, tick(&f), MP_TASK_EXEC, MM, 100));
	assert_int_equal(mp_model_proc(f.m, MM + 1)->cgroup.charged, 4 * MIB);
	assert_int_equal(mp_model_proc(f.m, MM + 1)->rollup.ts, 0);
	fx_free(&f);
	fx_free(&g);
}

static struct mp_event with_words(unsigned type, uint64_t ts, uint64_t from)
{
	struct mp_event e = ev(type, 2, MM, ts);

	e.tid = 0;
	for (unsigned i = 0; i < 7; i++)
		e.v[i] = from + i;
	return e;
}

static void model_keeps_more(void **state)
{
	struct fx f = fx_new(), g = fx_empty();
	const struct mp_cgroup *c = &P(&f)->cgroup;
	struct mp_event e;

	(void)state;
	assert_true(!c->more_ts && !P(&f)->status.ts);
	assert_true(P(&f)->r_refaults.start == MP_UNKNOWN);
	fold(&f, charged(&f, 3 * MIB));
	e = with_words(MP_EV_CGROUP_MORE, tick(&f), 200);
	e.x = 1235;
	fold(&f, e);
	assert_int_equal(c->more_ts, f.ts);
	assert_true(c->inactive_file == 200 && c->active_file == 201 && c->slab == 202);
	assert_true(c->dirty == 203 && c->refaults == 204 && c->oom_kills == 205);
	assert_true(c->high == 206 && c->stalled == 1235);
	fold(&f, with_words(MP_EV_CGROUP_MORE, tick(&f), 300));
	assert_int_equal(P(&f)->r_refaults.start, 204);
	assert_int_equal(P(&f)->r_refaults.end, 304);
	assert_int_equal(P(&f)->r_oom_kills.end, 305);
	e = with_words(MP_EV_PROC, tick(&f), 400);
	e.v[5] = e.v[6] = 0;
	fold(&f, e);
	assert_true(P(&f)->status.locked == 400 && P(&f)->status.pte == 401);
	assert_true(P(&f)->status.vsize == 402 && P(&f)->status.stack == 403);
	assert_int_equal(P(&f)->status.threads, 404);
	assert_int_equal(mp_model_dump(f.m, into, g.m), 0);
	assert_true(mp_model_digest(f.m) == mp_model_digest(g.m));
	assert_int_equal(P(&g)->cgroup.high, 306);
	assert_int_equal(P(&g)->r_refaults.start, 204);
	assert_int_equal(P(&g)->status.threads, 404);
	/* a new image is in the same group, and nothing is known of itself */
	fold(&f, ev_task(MM + 1, tick(&f), MP_TASK_EXEC, MM, 100));
	assert_int_equal(mp_model_proc(f.m, MM + 1)->cgroup.high, 306);
	assert_int_equal(mp_model_proc(f.m, MM + 1)->status.ts, 0);
	fx_free(&f);
	fx_free(&g);
}

static void killed(void **state)
{
	struct fx f = fx_new(), g = fx_empty();
	uint64_t ts;

	(void)state;
	do_rss(&f, 900, 30, 4);
	fold(&f, ev_task(0, tick(&f), MP_TASK_OOM, 555, 0));
	assert_int_equal(f.m->oom_others.n, 1);
	assert_int_equal(f.m->oom_others.ts, f.ts);
	assert_int_equal(P(&f)->oom.ts, 0);
	ts = tick(&f);
	fold(&f, ev_task(MM, ts, MP_TASK_OOM, 100, 0));
	do_rss(&f, 10, 3, 0); /* it is taken apart */
	fold(&f, ev_task(MM, tick(&f), MP_TASK_EXIT, 9, 0));
	assert_true(P(&f)->oom.ts == ts && P(&f)->oom.anon == 900);
	assert_true(P(&f)->oom.file == 30 && P(&f)->oom.shmem == 4 && P(&f)->oom.swap == 0);
	assert_int_equal(f.m->oom_others.n, 1);
	assert_int_equal(mp_model_dump(f.m, into, g.m), 0);
	assert_true(mp_model_digest(f.m) == mp_model_digest(g.m));
	assert_true(P(&g)->oom.anon == 900 && g.m->oom_others.n == 1);
	fx_free(&f);
	fx_free(&g);
}

/* --- a reading of smaps_rollup is of its instant ------------------------------------------- */

static void read_rollup(struct fx *f, uint32_t anon, uint64_t pss_anon, uint64_t dirty)
{
	struct mp_event e = ev(MP_EV_ROLLUP, 0, MM, tick(f));

	e.x = anon;
	e.rollup.pss_anon = pss_anon;
	e.rollup.pss_file = MIB;
	e.rollup.private_dirty = dirty;
	fold(f, e);
}

static void assert_nothing_of_now(struct fx *f)
{
	struct mp_shares s;

	assert_false(mp_proc_shares(P(f), &s));
	assert_int_equal(s.ts, 0);
	assert_true(s.pss == MP_UNKNOWN && s.private_dirty == MP_UNKNOWN &&
		    s.shared_dirty == MP_UNKNOWN && s.anon_huge == MP_UNKNOWN &&
		    s.shared_anon == MP_UNKNOWN);
}

/* 40 MiB anonymous, of which others are charged with 10; what comes later is not theirs. */
static void reading_is_of_its_instant(void **state)
{
	struct fx f = fx_new(), g = fx_empty();
	const uint64_t mib = MIB / PG;
	struct mp_shares s;

	(void)state;
	assert_nothing_of_now(&f);
	do_rss(&f, 40 * mib, 2 * mib, 0);
	read_rollup(&f, (uint32_t)(40 * mib), 30 * MIB, 20 * MIB);
	assert_true(mp_proc_shares(P(&f), &s));
	assert_true(s.ts == f.ts && s.shared_anon == 10 * MIB && s.pss == 31 * MIB &&
		    s.private_dirty == 20 * MIB);
	/* RSS has moved by a twentieth, and by a little more, either way */
	do_rss(&f, 42 * mib, 2 * mib, 0);
	assert_true(mp_proc_shares(P(&f), &s));
	assert_int_equal(s.shared_anon, 10 * MIB);
	do_rss(&f, 42 * mib + 1, 2 * mib, 0);
	assert_nothing_of_now(&f);
	do_rss(&f, 38 * mib - 1, 2 * mib, 0);
	assert_nothing_of_now(&f);
	/* its parts have, its sum has not */
	do_rss(&f, 30 * mib, 12 * mib, 0);
	assert_nothing_of_now(&f);
	/* a state dump tells what the counters were at the reading, not what they are */
	assert_int_equal(mp_model_dump(f.m, into, g.m), 0);
	assert_true(mp_model_digest(f.m) == mp_model_digest(g.m));
	assert_nothing_of_now(&g);
	do_rss(&g, 40 * mib, 2 * mib, 0);
	assert_true(mp_proc_shares(P(&g), &s));
	assert_int_equal(s.shared_anon, 10 * MIB);
	/* it has ended */
	do_rss(&f, 40 * mib, 2 * mib, 0);
	assert_true(mp_proc_shares(P(&f), &s));
	fold(&f, ev_task(MM, tick(&f), MP_TASK_EXIT, 9, 0));
	assert_nothing_of_now(&f);
	fx_free(&f);
	fx_free(&g);
}

/* Up to minor version 6 what is anonymous is told by the counters alone; they may lag. */
static void reading_beside_counters(void **state)
{
	struct fx f = fx_new();
	const uint64_t mib = MIB / PG;
	struct mp_shares s;

	(void)state;
	read_rollup(&f, 0, 5 * MIB, 5 * MIB);
	assert_nothing_of_now(&f); /* there were no counters yet */
	do_rss(&f, 6 * mib, mib, 0);
	assert_nothing_of_now(&f);
	read_rollup(&f, 0, 5 * MIB, 5 * MIB);
	assert_true(mp_proc_shares(P(&f), &s));
	assert_int_equal(s.shared_anon, MIB);
	read_rollup(&f, (uint32_t)(7 * mib), 7 * MIB, 9 * MIB);
	assert_true(mp_proc_shares(P(&f), &s));
	assert_int_equal(s.shared_anon, 0);
	assert_true(s.pss == 7 * MIB && s.private_dirty == 7 * MIB); /* all of RSS */
	/* small ones may move by a MiB */
	do_rss(&f, 5 * mib, mib, 0);
	assert_true(mp_proc_shares(P(&f), &s));
	assert_int_equal(s.pss, 6 * MIB);
	do_rss(&f, 5 * mib - 1, mib, 0);
	assert_nothing_of_now(&f);
	fx_free(&f);
}

/* --- RSS more than once ------------------------------------------------------------------ */

#define SHM (BITS_RW | MP_MAP_SHARED | MP_MAP_FILE | MP_MAP_SHMEM)

static void shared_line(struct fx *f, uint64_t at, uint64_t pages, uint64_t ino, uint64_t off,
			uint32_t bits)
{
	struct mp_event e = ev_line(MM, f->ts, at, at + pages * PG, bits, 0);

	e.map.ino = ino;
	e.map.off = off * PG;
	fold(f, e);
}

static void multi_mapped(void **state)
{
	struct fx f = fx_new();
	uint64_t a = 0x40000000000, b = 0x80000000000, c = 0x100000000000;

	(void)state;
	assert_int_equal(mp_proc_multi_mapped(P(&f)), 0);
	fx_snap_begin(&f);
	shared_line(&f, a, 100, 7, 0, SHM);
	shared_line(&f, a + 200 * PG, 100, 8, 0, SHM); /* another file */
	shared_line(&f, b, 100, 7, 50, SHM);	       /* its pages 50 to 149 */
	shared_line(&f, c, 100, 7, 0, SHM);
	shared_line(&f, c + 200 * PG, 100, 7, 0, SHM & ~(uint32_t)MP_MAP_SHARED);
	fx_snap_end(&f);
	do_touch(&f, a, 60);		/* 0-59 */
	do_touch(&f, a + 200 * PG, 60); /* of the other */
	assert_int_equal(mp_proc_multi_mapped(P(&f)), 0);
	do_touch(&f, b, 20); /* 50-69: 10 again */
	assert_int_equal(mp_proc_multi_mapped(P(&f)), 10 * PG);
	do_touch(&f, c + 55 * PG, 5); /* a third time */
	assert_int_equal(mp_proc_multi_mapped(P(&f)), 15 * PG);
	do_touch(&f, c + 200 * PG, 60); /* private copies are pages of their own */
	assert_int_equal(mp_proc_multi_mapped(P(&f)), 15 * PG);
	fx_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places),
		cmocka_unit_test(paths),
		cmocka_unit_test(places_below_a_mount),
		cmocka_unit_test(places_too_long),
		cmocka_unit_test(numbers),
		cmocka_unit_test(stat_v2),
		cmocka_unit_test(stat_v1),
		cmocka_unit_test(model_keeps_it),
		cmocka_unit_test(multi_mapped),
		cmocka_unit_test(reading_is_of_its_instant),
		cmocka_unit_test(reading_beside_counters),
		cmocka_unit_test(stat_more),
		cmocka_unit_test(kills_and_pressure),
		cmocka_unit_test(model_keeps_more),
		cmocka_unit_test(killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
