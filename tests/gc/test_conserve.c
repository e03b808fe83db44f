/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_conserve.c - what a reader can add up from the ring alone: bytes allocated less
 * bytes freed are those used, and the old space holds what was promoted into it less
 * what majors freed.
 */
#include "common.h"
#include "tap.h"

#define KEPT 3000

struct ledger {
	uint64_t used;		      /* as of the last event that says it */
	uint64_t grown, freed;	      /* between collections, in them */
	uint64_t promoted, old_freed; /* into the old space, out of it */
	uint64_t kept, begun, ended;
	bool in_gc;
};

/* No event of a collection is out of its order, and its figures agree. */
static void enter(const struct gc_event *ev, void *arg)
{
	struct ledger *l = arg;

	if (ev->type == GC_EV_GC_BEGIN) {
		assert_false(l->in_gc);
		assert_true(ev->b >= l->used);
		l->grown += ev->b - l->used;
		l->used = ev->b;
		l->in_gc = true;
		l->begun++;
	} else if (ev->type == GC_EV_GC_END) {
		assert_true(l->in_gc);
		assert_int_equal(ev->a, l->used);
		assert_true(ev->b <= ev->a);
		l->freed += ev->a - ev->b;
		if (ev->flags != GC_SEG_MINOR)
			l->old_freed += ev->a - ev->b;
		l->used = ev->b;
		l->in_gc = false;
		l->ended++;
	} else if (ev->type == GC_EV_PROMOTED) {
		assert_true(l->in_gc);
		l->promoted += ev->a;
		l->kept = ev->b;
	}
}

static void check(struct fix *f, struct tap *tap, struct ledger *l)
{
	struct gc_stats st;

	tap_read(tap, enter, l);
	st = stats(f);
	assert_int_equal(l->begun, l->ended);
	assert_int_equal(l->begun, st.minor_count + st.major_count);
	assert_int_equal(l->promoted, st.promoted_total);
	assert_int_equal(l->promoted - l->old_freed, st.space[GC_OLD].used);
	assert_int_equal(l->kept, st.space[GC_YOUNG].used); /* right after a collection */
	assert_int_equal(l->grown, st.allocated_total);
	assert_int_equal(l->grown - l->freed, st.heap_used);
}

static void ring_adds_up(unsigned zeal)
{
	static const enum gc_collect_kind kinds[] = { GC_MINOR, GC_MAJOR, GC_FULL, GC_COMPACT };
	struct gc_options o = { .struct_size = sizeof(o),
				.young_min = KIB(512),
				.young_max = MIB(1),
				.no_release_thread = 1,
				.ring_slots = 1 << 16,
				.zeal = zeal,
				.zeal_every = 1000 };
	struct gc_refs *keep = NULL;
	struct ledger l = { 0 };
	struct gc_bytes *b;
	uint32_t seed = 1, i;
	struct tap tap;
	struct fix f;

	fix_open(&f, &o);
	tap_open(&tap, &f);
	{
		GC_FRAME(f.m, keep);
		keep = gc_alloc_array(f.m, f.refs, KEPT);
		for (i = 1; i <= 60000; i++) {
			seed = seed * 1664525 + 1013904223;
			b = gc_alloc_array(f.m, f.bytes, (seed >> 8) % 400);
			if (seed >> 30)
				gc_write(f.m, keep, &keep->ref[(seed >> 12) % KEPT], b);
			if (i % 4000)
				continue;
			gc_collect(f.m, kinds[i / 4000 % 4], GC_REASON_TESTING);
			check(&f, &tap, &l);
		}
	}
	tap_close(&tap);
	fix_close(&f);
}

static void events_are_conserved(void **state)
{
	(void)state;
	ring_adds_up(0);
	ring_adds_up(GC_ZEAL_MINOR | GC_ZEAL_SLICES);
	ring_adds_up(GC_ZEAL_PROMOTE | GC_ZEAL_MAJOR | GC_ZEAL_EVACUATE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_are_conserved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
