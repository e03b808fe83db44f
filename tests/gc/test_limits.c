/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_limits.c - hard limit, near-limit callback, out-of-memory handler, soft limit, limit
 * of the young space, external memory; that the spaces' figures sum to the heap's.
 */
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tap.h"

static int near_calls, oom_calls;
static size_t oom_wanted;

static size_t raise_once(struct gc_heap *h, size_t current, size_t initial, size_t wanted,
			 void *arg)
{
	(void)h;
	(void)wanted;
	assert_int_equal(initial, MIB(8));
	near_calls++;
	return near_calls == 1 ? current + *(size_t *)arg : current;
}

static void oom_count(struct gc_heap *h, size_t wanted, void *arg)
{
	(void)h;
	(void)arg;
	oom_calls++;
	oom_wanted = wanted;
}

static void limited(struct fix *f, size_t limit)
{
	struct gc_options o = GC_OPTIONS_INIT;

	o.old_limit = limit;
	o.no_release_thread = 1;
	fix_open(f, &o);
	near_calls = oom_calls = 0;
}

static void near_limit_then_out_of_memory(void **state)
{
	struct gc_bytes *one = NULL, *two = NULL, *three = NULL;
	size_t more = MIB(4);
	struct fix f;

	(void)state;
	limited(&f, MIB(8));
	gc_set_near_limit(f.heap, raise_once, &more);
	gc_set_oom(f.heap, oom_count, NULL);
	{
		GC_FRAME(f.m, one, two, three);
		one = gc_alloc_array(f.m, f.bytes, MIB(5));
		assert_non_null(one);
		assert_int_equal(near_calls, 0);
		two = gc_alloc_array(f.m, f.bytes, MIB(5));
		assert_non_null(two);
		assert_int_equal(near_calls, 1);
		assert_int_equal(stats(&f).old_limit, MIB(12));
		three = gc_alloc_array(f.m, f.bytes, MIB(5));
		assert_null(three);
		assert_int_equal(near_calls, 2);
		assert_int_equal(oom_calls, 1);
		assert_int_equal(oom_wanted, MIB(5) + 16);
		/* The last-ditch collection finds what is dead by itself. */
		one = NULL;
		three = gc_alloc_array(f.m, f.bytes, MIB(5));
		assert_non_null(three);
		assert_int_equal(oom_calls, 1);
	}
	fix_close(&f);
}

static void small_objects_reach_the_limit(void **state)
{
	struct pair *list = NULL, *p;
	struct fix f;
	size_t n = 0;

	(void)state;
	limited(&f, MIB(8));
	gc_set_oom(f.heap, oom_count, NULL);
	{
		GC_FRAME(f.m, list);
		while ((p = gc_alloc(f.m, f.pair))) {
			p->a = list; /* p is new */
			list = p;
			n++;
		}
		assert_int_equal(oom_calls, 1);
		assert_true(n * 32 > MIB(8) && n * 32 < MIB(20));
		for (p = list; p; p = p->a)
			n--;
		assert_int_equal(n, 0);
		list = NULL;
		assert_non_null(gc_alloc(f.m, f.pair));
	}
	fix_close(&f);
}

/* What no address space is left for is out of memory too, not a crash. */
static void larger_than_the_reservation(void **state)
{
	struct gc_options o = GC_OPTIONS_INIT;
	struct fix f;

	(void)state;
	o.reserve = MIB(128);
	o.no_release_thread = 1;
	fix_open(&f, &o);
	gc_set_oom(f.heap, oom_count, NULL);
	oom_calls = 0;
	assert_null(gc_alloc_array(f.m, f.bytes, MIB(300)));
	assert_int_equal(oom_calls, 1);
	assert_non_null(gc_alloc_array(f.m, f.bytes, MIB(90)));
	fix_close(&f);
}

/* Old objects all over the addresses are moved together to make room for a large one. */
static void last_ditch_compacts(void **state)
{
	struct gc_options o = { .struct_size = sizeof(o),
				.young_min = KIB(128),
				.young_max = KIB(128),
				.reserve = MIB(64),
				.no_release_thread = 1 };
	struct gc_refs *a = NULL;
	struct gc_bytes *big;
	struct fix f;
	size_t i;

	(void)state;
	fix_open(&f, &o);
	gc_set_oom(f.heap, oom_count, NULL);
	oom_calls = 0;
	{
		GC_FRAME(f.m, a);
		a = gc_alloc_array(f.m, f.refs, 40000);
		for (i = 0; i < a->len; i++)
			gc_write(f.m, a, &a->ref[i], gc_alloc_array(f.m, f.bytes, 1000));
		for (i = 0; i < a->len; i++)
			if (i % 64 >= 26)
				gc_write(f.m, a, &a->ref[i], NULL);
		gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
		big = gc_alloc_array(f.m, f.bytes, MIB(30));
		assert_non_null(big);
		assert_int_equal(oom_calls, 0);
		for (i = 0; i < a->len; i += 64)
			assert_int_equal(((struct gc_bytes *)a->ref[i])->len, 1000);
		assert_null(gc_alloc_array(f.m, f.bytes, MIB(80)));
		assert_int_equal(oom_calls, 1);
	}
	fix_close(&f);
}

/* Few addresses (RLIMIT_AS, a container): the reservation is halved until it fits. */
static int child_with_few_addresses(void)
{
	struct rlimit few = { MIB(400), MIB(400) };
	struct gc_options o = GC_OPTIONS_INIT;
	struct gc_heap *heap;
	struct gc_mutator *m;
	struct gc_stats st;
	int i;

	/* Sanitizers need terabytes of addresses themselves: ask for too many there. */
	if (!RSS_IS_OURS)
		o.reserve = (size_t)1 << 52;
	else if (setrlimit(RLIMIT_AS, &few))
		return 5;
	if (gc_heap_create(&o, &heap))
		return 1;
	if (gc_mutator_attach(heap, &m))
		return 2;
	for (i = 0; i < 100; i++)
		if (!gc_alloc_array(m, gc_type_bytes(heap), MIB(1)))
			return 3;
	gc_stats(heap, &st);
	if (!RSS_IS_OURS)
		return st.reserved < o.reserve ? 0 : 4;
	return st.reserved >= MIB(32) && st.reserved < MIB(400) ? 0 : 4;
}

static void few_addresses(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	if (!pid)
		_exit(child_with_few_addresses());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void child_runs_out(int fd)
{
	struct gc_refs *keep = NULL;
	struct rlimit none = { 0, 0 };
	struct fix f;
	size_t i;

	setrlimit(RLIMIT_CORE, &none);
	signal(SIGABRT, SIG_DFL); /* cmocka has a handler */
	dup2(fd, 2);
	limited(&f, MIB(8));
	{
		GC_FRAME(f.m, keep);
		keep = gc_alloc_array(f.m, f.refs, 100);
		for (i = 0; i < 100; i++)
			gc_write(f.m, keep, &keep->ref[i], gc_alloc_array(f.m, f.bytes, MIB(1)));
	}
	_exit(0);
}

static void default_prints_and_aborts(void **state)
{
	char text[8192] = "";
	int fds[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (!pid)
		child_runs_out(fds[1]);
	close(fds[1]);
	while ((n = read(fds[0], text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_non_null(strstr(text, "<--- Last few GCs --->"));
	assert_non_null(strstr(text, "Mark-Sweep"));
	assert_non_null(strstr(text, "last ditch"));
	assert_non_null(strstr(text, "out of memory"));
}

/* Near the soft limit the heap collects before its goal and gives pages back at once. */
static void soft_limit_collects_early(void **state)
{
	struct gc_options o = GC_OPTIONS_INIT;
	struct gc_bytes *keep = NULL, *b;
	struct gc_stats st;
	struct fix f;
	int i;

	(void)state;
	o.soft_limit = MIB(64);
	o.release_delay_ms = 3600000;
	o.no_release_thread = 1;
	fix_open(&f, &o);
	{
		GC_FRAME(f.m, keep);
		keep = gc_alloc_array(f.m, f.bytes, MIB(40));
		gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
		for (i = 0; i < 100; i++) {
			b = gc_alloc_array(f.m, f.bytes, MIB(4));
			memset(b->data, 1, b->len);
		}
		st = stats(&f);
		assert_true(st.goal > MIB(70));
		assert_true(st.heap_total < MIB(80));
		assert_true(st.major_count > 5);
	}
	fix_close(&f);
}

/* --- external memory ------------------------------------------------------------------ */

struct reasons {
	unsigned begun[16], ended[16]; /* markings in slices, majors; by reason */
};

static void see_reason(const struct gc_event *ev, void *arg)
{
	struct reasons *r = arg;

	if (ev->type == GC_EV_MARK_BEGIN)
		r->begun[ev->a]++;
	if (ev->type == GC_EV_GC_END && ev->flags != GC_SEG_MINOR)
		r->ended[ev->v[4]]++;
}

static struct reasons reasons(struct fix *f)
{
	struct reasons r = { 0 };
	struct tap t;

	tap_open(&t, f);
	tap_read(&t, see_reason, &r);
	tap_close(&t);
	return r;
}

/* Bytes of external memory under the goal do nothing; those that reach it start a marking. */
static void external_memory_starts_slices(void **state)
{
	struct gc_refs *keep = NULL;
	struct reasons r;
	struct fix f;
	unsigned goals;
	size_t i, room;

	(void)state;
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, keep);
		keep = gc_alloc_array(f.m, f.refs, 8000);
		for (i = 0; i < keep->len; i++)
			gc_write(f.m, keep, &keep->ref[i], gc_alloc_array(f.m, f.bytes, 1000));
		gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
		/* What the old space may grow by: all of the goal but the young space. */
		room = stats(&f).goal - stats(&f).space[GC_YOUNG].committed - stats(&f).live;
		gc_external_adjust(f.heap, 0, (int64_t)(room - 1));
		gc_safepoint(f.m);
		pair_new(&f, 1);
		r = reasons(&f);
		goals = r.ended[GC_REASON_GOAL];
		assert_int_equal(r.begun[GC_REASON_EXTERNAL], 0);
		assert_int_equal(r.ended[GC_REASON_EXTERNAL], 0);
		gc_external_adjust(f.heap, 0, 1);
		gc_safepoint(f.m);
		r = reasons(&f);
		assert_int_equal(r.begun[GC_REASON_EXTERNAL], 1);
		assert_int_equal(r.ended[GC_REASON_EXTERNAL], 0);
		for (i = 0; i < 100000; i++)
			pair_new(&f, 1);
		r = reasons(&f);
		assert_int_equal(r.ended[GC_REASON_EXTERNAL], 1);
		/* Too much for slices to be in time: at once. */
		gc_external_adjust(f.heap, 0, (int64_t)MIB(64));
		gc_safepoint(f.m);
		r = reasons(&f);
		assert_int_equal(r.begun[GC_REASON_EXTERNAL], 1);
		assert_int_equal(r.ended[GC_REASON_EXTERNAL], 2);
		assert_int_equal(r.ended[GC_REASON_GOAL], goals);
	}
	fix_close(&f);
}

/* Small objects until there was a major. */
static void reach_goal(struct fix *f, bool external)
{
	struct gc_refs *keep = NULL;
	size_t i;
	GC_FRAME(f->m, keep);

	keep = gc_alloc_array(f->m, f->refs, 5000);
	gc_external_adjust(f->heap, 0, (int64_t)(external ? MIB(3) - KIB(256) : KIB(512)));
	for (i = 0; i < keep->len && !stats(f).major_count; i++)
		gc_write(f->m, keep, &keep->ref[i], gc_alloc_array(f->m, f->bytes, 1000));
}

/* The reason is what has grown more, whoever notices. */
static void reason_is_what_grew(void **state)
{
	struct reasons r;
	struct fix f;
	int round;

	(void)state;
	for (round = 0; round < 2; round++) {
		fix_open(&f, NULL);
		reach_goal(&f, round);
		r = reasons(&f);
		assert_int_equal(r.ended[GC_REASON_EXTERNAL], round);
		assert_int_equal(r.ended[GC_REASON_GOAL], !round);
		fix_close(&f);
	}
}

/* --- the young space ------------------------------------------------------------------ */

static size_t eden(struct fix *f)
{
	return stats(f).space[GC_YOUNG].committed / 9 * 8; /* and two sixteenths */
}

static void grow_young(struct fix *f)
{
	struct pair *list = NULL, *p;
	int i;
	GC_FRAME(f->m, list);

	for (i = 0; i < 200000; i++) {
		p = pair_new(f, 1);
		p->a = list;
		list = p;
	}
}

static void limit_of_the_young_space(void **state)
{
	struct gc_options o = { .struct_size = sizeof(o),
				.young_min = KIB(128),
				.young_max = MIB(1),
				.no_release_thread = 1,
				.verify = 1 };
	struct fix f;

	(void)state;
	fix_open(&f, &o);
	assert_int_equal(gc_set_young_limit(f.heap, MIB(2)), -EINVAL);
	assert_int_equal(gc_set_young_limit(f.heap, KIB(32)), -EINVAL);
	assert_int_equal(gc_set_young_limit(f.heap, KIB(300)), -EINVAL);
	assert_int_equal(gc_set_young_limit(f.heap, KIB(256)), 0);
	grow_young(&f);
	assert_int_equal(eden(&f), KIB(256));
	assert_int_equal(gc_set_young_limit(f.heap, MIB(1)), 0);
	grow_young(&f);
	assert_int_equal(eden(&f), MIB(1));
	assert_int_equal(gc_set_young_limit(f.heap, KIB(64)), 0);
	gc_collect(f.m, GC_MINOR, GC_REASON_TESTING);
	assert_int_equal(eden(&f), KIB(64));
	grow_young(&f);
	assert_int_equal(eden(&f), KIB(64));
	fix_close(&f);
}

/* --- what is told ---------------------------------------------------------------------- */

static void spaces_add_up(struct fix *f)
{
	struct gc_stats st = stats(f);
	size_t used = 0, committed = 0, s;

	for (s = GC_YOUNG; s < GC_NSPACES; s++) {
		used += st.space[s].used;
		committed += st.space[s].committed;
		assert_true(st.space[s].used <= st.space[s].committed);
	}
	assert_int_equal(used, st.heap_used);
	assert_true(committed <= st.heap_total && st.heap_total - committed <= st.owed);
	gc_release_all(f->heap);
	st = stats(f);
	assert_int_equal(st.owed, 0);
	assert_int_equal(committed, st.heap_total);
}

static void spaces_sum_to_the_heap(void **state)
{
	struct gc_refs *keep = NULL;
	struct fix f;
	size_t i;

	(void)state;
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, keep);
		spaces_add_up(&f);
		keep = gc_alloc_array(f.m, f.refs, 2000);
		for (i = 0; i < keep->len; i++) {
			gc_write(f.m, keep, &keep->ref[i],
				 i % 3 ? gc_alloc_array(f.m, f.bytes, i * 30)
				       : gc_alloc_pinned_array(f.m, f.bytes, i));
			if (i % 500 == 499)
				spaces_add_up(&f);
		}
		for (i = 0; i < keep->len; i += 2)
			gc_write(f.m, keep, &keep->ref[i], NULL);
		gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
		spaces_add_up(&f);
	}
	fix_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(near_limit_then_out_of_memory),
		cmocka_unit_test(small_objects_reach_the_limit),
		cmocka_unit_test(larger_than_the_reservation),
		cmocka_unit_test(last_ditch_compacts),
		cmocka_unit_test(few_addresses),
		cmocka_unit_test(default_prints_and_aborts),
		cmocka_unit_test(soft_limit_collects_early),
		cmocka_unit_test(external_memory_starts_slices),
		cmocka_unit_test(reason_is_what_grew),
		cmocka_unit_test(limit_of_the_young_space),
		cmocka_unit_test(spaces_sum_to_the_heap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
