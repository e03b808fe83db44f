/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_futile.c - a heap that lives close to its limits: the share of time that
 * collections may take there. The program of these tests is a queue of fixed length: all
 * of it dies old, so that each full collection frees what was allocated since the last.
 */
#include "death.h"
#include "tap.h"

#define LIMIT	  MIB(16)
#define ROOM_FEW  KIB(200)
#define ROOM_MUCH MIB(5)
#define TRIES	  60 /* majors, after which a spiral is one */

static int near_calls, oom_calls;

static size_t refuse(struct gc_heap *h, size_t current, size_t initial, size_t wanted, void *arg)
{
	(void)h;
	(void)initial;
	(void)wanted;
	near_calls++;
	return current + (arg ? *(size_t *)arg : 0);
}

static void count_oom(struct gc_heap *h, size_t wanted, void *arg)
{
	(void)h;
	(void)wanted;
	(void)arg;
	oom_calls++;
}

/* Collections that were made by the heap itself, of those it tells. */
struct seen {
	unsigned last_ditch, majors, futile, near, fatal, raised;
	uint64_t percent;
};

static void see(const struct gc_event *ev, void *arg)
{
	struct seen *s = arg;

	if (ev->type == GC_EV_GC_END && ev->flags != GC_SEG_MINOR) {
		s->majors++;
		s->last_ditch += ev->v[4] == GC_REASON_LAST_DITCH;
	}
	if (ev->type != GC_EV_LIMIT)
		return;
	s->near += ev->flags == GC_LIMIT_NEAR;
	s->fatal += ev->flags == GC_LIMIT_FATAL;
	s->raised += ev->flags == GC_LIMIT_RAISED;
	s->futile += ev->flags == GC_LIMIT_FUTILE;
	if (ev->flags == GC_LIMIT_FUTILE)
		s->percent = ev->a;
}

static void open_limited(struct fix *f)
{
	struct gc_options o = { .struct_size = sizeof(o),
				.young_min = KIB(128),
				.young_max = KIB(128),
				.old_limit = LIMIT,
				.ring_slots = 65536,
				.no_release_thread = 1 };

	fix_open(f, &o);
	near_calls = oom_calls = 0;
	gc_set_near_limit(f->heap, refuse, NULL);
	gc_set_oom(f->heap, count_oom, NULL);
}

/* first ... last, n pairs; the next one goes behind last and drops the first. */
struct queue {
	struct pair *first, *last;
};

static bool push(struct fix *f, struct queue *q)
{
	struct pair *p = gc_alloc(f->m, f->pair);

	if (!p)
		return false;
	if (q->last)
		gc_write(f->m, q->last, &q->last->a, p);
	else
		q->first = p;
	q->last = p;
	return true;
}

static bool fill(struct fix *f, struct queue *q, size_t bytes)
{
	size_t i;

	for (i = 0; i < bytes / 32; i++)
		if (!push(f, q))
			return false;
	return true;
}

static bool turns(struct fix *f, struct queue *q, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		q->first = q->first->a;
		if (!push(f, q))
			return false;
	}
	return true;
}

/* Goes on until an allocation fails, or after so many majors more. */
static void run(struct fix *f, struct queue *q, unsigned majors)
{
	uint64_t end = stats(f).major_count + majors;

	while (stats(f).major_count < end && turns(f, q, 1000))
		;
}

static struct seen all_seen(struct fix *f)
{
	struct seen s = { 0 };
	struct tap t;

	tap_open(&t, f);
	tap_read(&t, see, &s);
	tap_close(&t);
	return s;
}

/* Few collections, then a clear answer; and when the program lets go, it lives on. */
static void a_spiral_ends(void **state)
{
	struct queue q = { NULL, NULL };
	struct seen s;
	struct fix f;
	size_t i;

	(void)state;
	open_limited(&f);
	{
		GC_FRAME(f.m, q.first, q.last);
		assert_true(fill(&f, &q, LIMIT - ROOM_FEW));
		run(&f, &q, TRIES);
		s = all_seen(&f);
		assert_in_range(s.last_ditch, 1, 6);
		assert_in_range(s.majors, 4, 12);
		assert_int_equal(s.futile, 1);
		assert_int_equal(s.fatal, 1);
		assert_in_range(s.percent, 61, 100);
		assert_int_equal(near_calls, 1);
		assert_int_equal(oom_calls, 1);
		/* A program that goes on as before is told again at once, not after a while. */
		run(&f, &q, TRIES);
		assert_int_equal(oom_calls, 2);
		assert_true(all_seen(&f).last_ditch <= s.last_ditch + 2);
		for (i = 0; i < MIB(8) / 32; i++)
			q.first = q.first->a;
		run(&f, &q, 3);
		assert_int_equal(oom_calls, 2);
	}
	fix_close(&f);
}

/* With more room the same program gets most of the time: 3 MB for a major of 13. */
static void room_enough_is_no_spiral(void **state)
{
	struct queue q = { NULL, NULL };
	struct fix f;

	(void)state;
	open_limited(&f);
	{
		GC_FRAME(f.m, q.first, q.last);
		assert_true(fill(&f, &q, LIMIT - ROOM_MUCH));
		run(&f, &q, 20);
		assert_int_equal(near_calls, 0);
		assert_int_equal(oom_calls, 0);
	}
	fix_close(&f);
}

/* Lets four times as long pass as collections took since the last time. */
static void be_busy(struct fix *f, uint64_t *ns)
{
	struct gc_stats st = stats(f);
	uint64_t now = st.major_pause_ns + st.minor_pause_ns;
	double until = now_s() + 4e-9 * (double)(now - *ns);

	while (now_s() < until)
		;
	*ns = now;
}

/* As little room, but the program has much else to do: collections take a fifth. */
static void time_enough_is_no_spiral(void **state)
{
	struct queue q = { NULL, NULL };
	uint64_t majors, ns = 0;
	struct fix f;
	int i;

	(void)state;
	open_limited(&f);
	{
		GC_FRAME(f.m, q.first, q.last);
		assert_true(fill(&f, &q, LIMIT - ROOM_FEW));
		majors = stats(&f).major_count;
		for (i = 0; i < 1000 && stats(&f).major_count < majors + 10; i++) {
			be_busy(&f, &ns);
			assert_true(turns(&f, &q, 1000));
		}
		assert_true(stats(&f).major_count >= majors + 10);
		assert_int_equal(near_calls + oom_calls, 0);
	}
	fix_close(&f);
}

/* What the program asks for is its own affair. */
static void forced_collections_do_not_count(void **state)
{
	struct queue q = { NULL, NULL };
	struct fix f;
	int i;

	(void)state;
	open_limited(&f);
	{
		GC_FRAME(f.m, q.first, q.last);
		assert_true(fill(&f, &q, LIMIT - MIB(1)));
		for (i = 0; i < 10; i++)
			gc_collect(f.m, GC_FULL, GC_REASON_FORCED);
		assert_true(fill(&f, &q, KIB(500)));
		assert_int_equal(near_calls, 0);
		assert_int_equal(oom_calls, 0);
	}
	fix_close(&f);
}

/* A higher limit ends it without an error. */
static void the_callback_can_help(void **state)
{
	struct queue q = { NULL, NULL };
	size_t more = MIB(16);
	struct seen s;
	struct fix f;

	(void)state;
	open_limited(&f);
	gc_set_near_limit(f.heap, refuse, &more);
	{
		GC_FRAME(f.m, q.first, q.last);
		assert_true(fill(&f, &q, LIMIT - ROOM_FEW));
		run(&f, &q, 10);
		s = all_seen(&f);
		assert_int_equal(s.futile, 1);
		assert_int_equal(s.raised, 1);
		assert_int_equal(near_calls, 1);
		assert_int_equal(oom_calls, 0);
		assert_int_equal(stats(&f).old_limit, LIMIT + more);
	}
	fix_close(&f);
}

static void spiral_to_death(void)
{
	struct queue q = { NULL, NULL };
	struct fix f;

	open_limited(&f);
	gc_set_oom(f.heap, NULL, NULL);
	{
		GC_FRAME(f.m, q.first, q.last);
		fill(&f, &q, LIMIT - ROOM_FEW);
		run(&f, &q, TRIES);
	}
}

static void the_report_says_why(void **state)
{
	char text[8192];

	(void)state;
	assert_int_equal(DEATH(text, spiral_to_death()), SIGABRT);
	assert_non_null(strstr(text, "<--- Last few GCs --->"));
	assert_non_null(strstr(text, "last ditch"));
	assert_non_null(strstr(text, "collections near the limit are ineffective"));
}

/* --- soft limit -------------------------------------------------------------------- */

/* Time from the end of one major to the end of the next, and what went into collecting. */
struct cycle {
	uint64_t end, busy, cost, last_pause; /* of the last major, minor included */
	unsigned soft, unfair;
};

/* Every major for the soft limit has been paid for by as much time of the program. */
static void see_cycle(const struct gc_event *ev, void *arg)
{
	struct cycle *c = arg;
	uint64_t start, minor;

	if (ev->type != GC_EV_GC_END)
		return;
	if (ev->flags == GC_SEG_MINOR) {
		c->busy += ev->v[0];
		c->last_pause = ev->v[0];
		return;
	}
	start = ev->v[3];
	minor = c->last_pause;
	if (ev->v[4] == GC_REASON_SOFT_LIMIT) {
		c->soft++;
		/* The minor right before it is a part of it. */
		if (start - c->end + 1 < c->busy + c->cost)
			c->unfair++;
	}
	c->cost = minor + ev->v[0] + ev->v[7];
	c->end = start + ev->v[0];
	c->busy = 0;
}

static void soft_limit_takes_half_at_most(void **state)
{
	struct gc_options o = { .struct_size = sizeof(o),
				.young_min = KIB(256),
				.young_max = KIB(256),
				.soft_limit = MIB(8),
				.gogc = 800,
				.ring_slots = 65536,
				.no_release_thread = 1 };
	struct queue q = { NULL, NULL };
	struct cycle c = { 0 };
	struct fix f;
	struct tap t;

	(void)state;
	fix_open(&f, &o);
	tap_open(&t, &f);
	{
		GC_FRAME(f.m, q.first, q.last);
		assert_true(fill(&f, &q, MIB(12)));
		run(&f, &q, 10);
		tap_read(&t, see_cycle, &c);
		assert_true(c.soft > 8);
		assert_int_equal(c.unfair, 0);
	}
	tap_close(&t);
	fix_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_spiral_ends),
		cmocka_unit_test(room_enough_is_no_spiral),
		cmocka_unit_test(time_enough_is_no_spiral),
		cmocka_unit_test(forced_collections_do_not_count),
		cmocka_unit_test(the_callback_can_help),
		cmocka_unit_test(the_report_says_why),
		cmocka_unit_test(soft_limit_takes_half_at_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
