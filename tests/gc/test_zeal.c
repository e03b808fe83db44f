/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* test_zeal.c - that each zeal mode does what it says, and how they are switched on. */
#include "common.h"
#include "death.h"
#include "gc/internal.h"
#include "tap.h"

static void zealous(struct fix *f, unsigned zeal, unsigned every)
{
	struct gc_options o = { .struct_size = sizeof(o),
				.young_min = KIB(128),
				.young_max = KIB(256),
				.no_release_thread = 1,
				.release_delay_ms = 3600000,
				.verify = 1,
				.zeal = zeal,
				.zeal_every = every };

	fix_open(f, &o);
}

static void minor(struct fix *f)
{
	assert_int_equal(gc_collect(f->m, GC_MINOR, GC_REASON_TESTING), 0);
}

static void full(struct fix *f)
{
	assert_int_equal(gc_collect(f->m, GC_FULL, GC_REASON_TESTING), 0);
}

/* 100 allocations of every kind there is an entry for. */
static void allocate_100(struct fix *f)
{
	int i;

	for (i = 0; i < 25; i++) {
		assert_non_null(gc_alloc(f->m, f->pair));
		assert_non_null(gc_alloc_array(f->m, f->bytes, 10));
		assert_non_null(gc_alloc_pinned(f->m, f->pair));
		assert_non_null(gc_alloc_array(f->m, f->bytes, i ? KIB(20) : KIB(40)));
	}
}

static void minor_at_every_n(void **state)
{
	struct fix f;

	(void)state;
	zealous(&f, GC_ZEAL_MINOR, 1);
	allocate_100(&f);
	assert_int_equal(stats(&f).minor_count, 100);
	assert_int_equal(stats(&f).major_count, 0);
	fix_close(&f);
	zealous(&f, GC_ZEAL_MINOR, 7);
	allocate_100(&f);
	assert_int_equal(stats(&f).minor_count, 100 / 7);
	fix_close(&f);
	/* Without the mode the number alone does nothing. */
	zealous(&f, 0, 1);
	gc_alloc(f.m, f.pair);
	assert_int_equal(stats(&f).minor_count, 0);
	fix_close(&f);
}

static void major_at_every_n(void **state)
{
	struct fix f;

	(void)state;
	zealous(&f, GC_ZEAL_MAJOR, 0);
	allocate_100(&f);
	assert_int_equal(stats(&f).major_count, 100);
	fix_close(&f);
	zealous(&f, GC_ZEAL_MAJOR | GC_ZEAL_MINOR, 10);
	allocate_100(&f);
	assert_int_equal(stats(&f).major_count, 10);
	assert_int_equal(stats(&f).minor_count, 10);
	fix_close(&f);
}

struct ends {
	unsigned majors;
	uint64_t slices; /* of the last major */
};

static void note_end(const struct gc_event *ev, void *arg)
{
	struct ends *e = arg;

	if (ev->type != GC_EV_GC_END || ev->flags != GC_SEG_MAJOR)
		return;
	e->majors++;
	e->slices = ev->nv >= 9 ? ev->v[8] : 0;
}

/* 60 old pairs: their marking takes at least 60 slices, and then it ends. */
static void one_object_slices(void **state)
{
	struct pair *list = NULL, *p;
	struct ends e = { 0 };
	struct tap tap;
	struct fix f;
	int i;

	(void)state;
	zealous(&f, GC_ZEAL_SLICES, 1);
	tap_open(&tap, &f);
	{
		GC_FRAME(f.m, list);
		for (i = 0; i < 60; i++) {
			p = pair_new(&f, (uint64_t)i);
			p->a = list;
			list = p;
		}
		full(&f);
		tap_read(&tap, note_end, &e);
		e = (struct ends){ 0 };
		for (i = 0; i < 59; i++)
			pair_new(&f, 0);
		tap_read(&tap, note_end, &e);
		assert_int_equal(e.majors, 0);
		for (i = 0; i < 10; i++)
			pair_new(&f, 0);
		tap_read(&tap, note_end, &e);
		assert_int_equal(e.majors, 1);
		assert_in_range(e.slices, 60, 66);
	}
	tap_close(&tap);
	fix_close(&f);
}

static bool is_marked(struct fix *f, const void *obj)
{
	return bit_get(f->heap->mark_bits, bit_index(f->heap, obj));
}

/* Steps until the marking that begins, or goes on, has come to obj. */
static void until_marked(struct fix *f, void *const *slot)
{
	while (!is_marked(f, *slot))
		gc_alloc(f->m, f->pair);
}

static void until_major(struct fix *f)
{
	uint64_t n = stats(f).major_count;

	while (stats(f).major_count == n)
		gc_alloc(f->m, f->pair);
}

/* What such a mode does at an allocation. */
static void step(struct fix *f)
{
	world_stop(f->heap, (struct mutator *)f->m);
	collect_step(f->heap);
	world_start(f->heap);
}

/* A marking that begins while a long array is young sees where its elements are later. */
static void young_array_while_marking(void **state)
{
	struct gc_options o = { .struct_size = sizeof(o),
				.young_min = MIB(1),
				.no_release_thread = 1,
				.verify = 1,
				.zeal = GC_ZEAL_SLICES | GC_ZEAL_POISON,
				.zeal_every = 1u << 30 };
	struct gc_refs *a = NULL;
	struct pair *p;
	struct fix f;

	(void)state;
	fix_open(&f, &o);
	{
		GC_FRAME(f.m, a);
		a = gc_alloc_array(f.m, f.refs, 2500);
		p = pair_new(&f, 7);
		gc_write(f.m, a, &a->ref[2400], p);
		minor(&f);
		assert_true(in_young(f.heap, a));
		step(&f);
		assert_true(f.heap->marking);
		minor(&f);
		assert_false(in_young(f.heap, a));
		while (!stats(&f).major_count)
			step(&f);
		assert_int_equal(((struct pair *)a->ref[2400])->value, 7);
	}
	fix_close(&f);
}

/*
 * The only reference to the end of a list, which the marking has not come to, moves
 * into an object that it is done with; then a minor collection forgets the store.
 */
static void hidden_from_marking(void **state)
{
	struct pair *list = NULL, *p, *last;
	struct gc_global *done;
	struct fix f;
	int i;

	(void)state;
	zealous(&f, GC_ZEAL_SLICES, 1);
	{
		GC_FRAME(f.m, list);
		p = pair_new(&f, 100);
		done = gc_global_new(f.m, p);
		p = pair_new(&f, 101);
		gc_write(f.m, gc_global_get(done), &((struct pair *)gc_global_get(done))->a, p);
		for (i = 0; i < 40; i++) {
			p = pair_new(&f, (uint64_t)i);
			p->a = list;
			list = p;
		}
		full(&f);
		p = gc_global_get(done);
		until_marked(&f, (void **)&p->a);
		for (p = list; p->a->a; p = p->a)
			;
		last = p->a;
		assert_false(is_marked(&f, last));
		gc_write(f.m, gc_global_get(done), &((struct pair *)gc_global_get(done))->b, last);
		gc_write(f.m, p, &p->a, NULL);
		minor(&f);
		until_major(&f);
		assert_int_equal(((struct pair *)gc_global_get(done))->b->value, 0);
		gc_global_free(f.m, done);
	}
	fix_close(&f);
}

/* The same between two pieces of a large array, of which a card is logged. */
static void hidden_in_an_array(void **state)
{
	struct gc_refs *a = NULL;
	struct pair *p;
	struct fix f;

	(void)state;
	zealous(&f, GC_ZEAL_SLICES, 1);
	{
		GC_FRAME(f.m, a);
		a = gc_alloc_array(f.m, f.refs, 9000);
		gc_write(f.m, a, &a->ref[0], pair_new(&f, 1));
		gc_write(f.m, a, &a->ref[8999], pair_new(&f, 2));
		full(&f);
		until_marked(&f, &a->ref[0]);
		p = a->ref[8999];
		assert_false(is_marked(&f, p));
		gc_write(f.m, a, &a->ref[1], p);
		gc_write(f.m, a, &a->ref[8999], NULL);
		minor(&f);
		until_major(&f);
		assert_int_equal(((struct pair *)a->ref[1])->value, 2);
	}
	fix_close(&f);
}

static void promote_always(void **state)
{
	struct pair *p = NULL;
	struct fix f;

	(void)state;
	zealous(&f, GC_ZEAL_PROMOTE, 0);
	{
		GC_FRAME(f.m, p);
		p = pair_new(&f, 1);
		minor(&f);
		assert_int_equal(stats(&f).space[GC_OLD].used, 32);
		assert_int_equal(stats(&f).space[GC_YOUNG].used, 0);
		/* Also by a collection that an allocation started, and after a full one. */
		full(&f);
		p = pair_new(&f, 2);
		while (stats(&f).minor_count < 3)
			pair_new(&f, 0);
		assert_int_equal(stats(&f).space[GC_OLD].used, 64);
	}
	fix_close(&f);
}

/* Dense blocks stay where they are, unless everything is to move. Pinned objects stay. */
static void evacuate_always(void **state)
{
	struct gc_refs *list = NULL, *was;
	void *elem, *elems[100];
	struct gc_pin *pin;
	unsigned i, moved, zeal;
	struct fix f;

	(void)state;
	for (zeal = 0; zeal <= GC_ZEAL_EVACUATE; zeal += GC_ZEAL_EVACUATE) {
		zealous(&f, zeal, 0);
		{
			GC_FRAME(f.m, list);
			list = gc_alloc_array(f.m, f.refs, 100);
			for (i = 0; i < 100; i++)
				gc_write(f.m, list, &list->ref[i],
					 gc_alloc_array(f.m, f.bytes, 2500));
			full(&f);
			pin = gc_pin(f.m, list->ref[50]);
			for (i = 0; i < 100; i++)
				elems[i] = list->ref[i];
			was = list;
			assert_int_equal(gc_collect(f.m, GC_MAJOR, GC_REASON_TESTING), 0);
			for (moved = i = 0; i < 100; i++) {
				elem = list->ref[i];
				assert_int_equal(((struct gc_bytes *)elem)->len, 2500);
				moved += elem != elems[i];
			}
			assert_int_equal(moved, zeal ? 99 : 0);
			assert_int_equal(list != was, zeal != 0);
			assert_ptr_equal(list->ref[50], elems[50]);
			gc_unpin(f.m, pin);
		}
		fix_close(&f);
	}
}

/* --- what is not to be touched -------------------------------------------------------- */

#define TOUCH(addr, text) DEATH(text, _exit(*(volatile uint64_t *)(addr) == 1234567))

static void from_space_is_closed(void **state)
{
	struct pair *p = NULL, *was[2], *dead;
	char text[4096], now[64];
	struct fix f;
	int i;

	(void)state;
	signal(SIGSEGV, SIG_DFL); /* cmocka has a handler; ours comes before the default */
	zealous(&f, GC_ZEAL_PROTECT, 0);
	{
		GC_FRAME(f.m, p);
		for (i = 0; i < 3; i++) {
			p = pair_new(&f, 7);
			dead = pair_new(&f, 8);
			was[0] = p;
			minor(&f); /* out of the eden, whichever it was */
			assert_ptr_not_equal(p, was[0]);
			assert_int_equal(p->value, 7);
			assert_int_equal(TOUCH(&was[0]->value, text), SIGSEGV);
			assert_non_null(strstr(text, "a stale reference"));
			snprintf(now, sizeof(now), "is at %p now", (void *)p);
			assert_non_null(strstr(text, "byte 16 of a pair that was at "));
			assert_non_null(strstr(text, now));
			assert_int_equal(TOUCH(dead, text), SIGSEGV);
			assert_non_null(strstr(text, "byte 0 of a pair"));
			assert_non_null(strstr(text, "is dead"));
			was[1] = p;
			minor(&f); /* out of the survivors */
			assert_int_equal(TOUCH(&was[1]->value, text), SIGSEGV);
			assert_non_null(strstr(text, "a stale reference"));
			assert_int_equal(TOUCH(&p->value, text), 0);
			assert_string_equal(text, "");
		}
	}
	fix_close(&f);
	/* Without it the same touch is not seen. */
	zealous(&f, 0, 0);
	was[0] = pair_new(&f, 1);
	minor(&f);
	assert_int_equal(TOUCH(&was[0]->value, text), 0);
	fix_close(&f);
}

static bool all_poison(const void *p, size_t len)
{
	const unsigned char *c = p;
	size_t i;

	for (i = 0; i < len; i++)
		if (c[i] != 0xab)
			return false;
	return true;
}

static void freed_is_poisoned(void **state)
{
	struct pair *p = NULL, *young, *old, *stays = NULL;
	struct gc_bytes *large, *pinned;
	struct fix f;

	(void)state;
	zealous(&f, GC_ZEAL_POISON, 0);
	{
		GC_FRAME(f.m, p, stays);
		stays = pair_new(&f, 5);
		p = young = pair_new(&f, 1);
		minor(&f);
		assert_true(all_poison(young, sizeof(*young))); /* what moved */
		young = p;
		p = NULL;
		minor(&f);
		assert_true(all_poison(young, sizeof(*young))); /* what died */
		p = pair_new(&f, 2);
		full(&f);
		old = p;
		assert_int_equal(old->value, 2);
		pinned = gc_alloc_pinned_array(f.m, f.bytes, 100);
		large = gc_alloc_array(f.m, f.bytes, KIB(100));
		memset(large->data, 1, KIB(20));
		p = NULL;
		full(&f);
		assert_int_equal(stays->value, 5);
		assert_true(all_poison(old, sizeof(*old)));
		assert_true(all_poison(pinned, 100));
		assert_true(all_poison(large, KIB(20)));
		/* The page table still says what the kernel says: no page was touched. */
		assert_int_equal(resident((char *)large + KIB(32), KIB(64)), 0);
	}
	fix_close(&f);
}

static void everything_is_released(void **state)
{
	struct gc_bytes *b;
	struct fix f;
	int i;

	(void)state;
	zealous(&f, GC_ZEAL_RELEASE, 0);
	for (i = 0; i < 3; i++) {
		b = gc_alloc_array(f.m, f.bytes, MIB(1));
		memset(b->data, 1, b->len);
		full(&f);
		assert_true(stats(&f).released_total >= (size_t)(i + 1) * MIB(1));
		assert_int_equal(stats(&f).owed, 0);
		assert_int_equal(resident(b, MIB(1)), 0);
		assert_int_equal(stats(&f).space[GC_YOUNG].resident, 0);
	}
	fix_close(&f);
}

static void small_nursery(void **state)
{
	struct fix f;
	int i;

	(void)state;
	zealous(&f, GC_ZEAL_NURSERY, 0);
	for (i = 0; i < 20480; i++) /* 640 KiB */
		pair_new(&f, 1);
	assert_in_range(stats(&f).minor_count, 9, 10);
	for (i = 0; i < 100; i++) /* and the longest that are young at all */
		assert_non_null(gc_alloc_array(f.m, f.bytes, KIB(32) - 16));
	assert_int_equal(stats(&f).objects_large, 0);
	fix_close(&f);
}

/* Every mode at once on a heap that is used by all roads. */
static void all_at_once(void **state)
{
	struct pair *p = NULL, *q = NULL;
	struct fix f;
	int i;

	(void)state;
	zealous(&f, 2 * GC_ZEAL_NURSERY - 1, 3);
	{
		GC_FRAME(f.m, p, q);
		for (i = 0; i < 20; i++) {
			q = pair_new(&f, (uint64_t)i);
			gc_write(f.m, q, &q->a, p);
			p = q;
			allocate_100(&f);
		}
		for (; p; p = p->a)
			assert_int_equal(p->value, --i);
		assert_int_equal(i, 0);
	}
	fix_close(&f);
}

/* --- how they are switched on --------------------------------------------------------- */

static void by_environment(void **state)
{
	struct fix f;

	(void)state;
	setenv("MPGC_ZEAL", "minor,nursery:5", 1);
	zealous(&f, 0, 0);
	unsetenv("MPGC_ZEAL");
	allocate_100(&f);
	assert_int_equal(stats(&f).minor_count, 20);
	assert_int_equal(stats(&f).space[GC_YOUNG].committed, KIB(64) + 2 * KIB(4));
	fix_close(&f);
}

static void unknown_modes(void **state)
{
	static const char *const bad[] = { "minr", "minor:", "minor:0", "minor:x", "minor,", ":5" };
	struct gc_options o = GC_OPTIONS_INIT;
	struct gc_heap *heap;
	char text[1024];
	size_t i;

	(void)state;
	o.zeal = 2 * GC_ZEAL_NURSERY;
	assert_int_equal(gc_heap_create(&o, &heap), -EINVAL);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		setenv("MPGC_ZEAL", bad[i], 1);
		assert_int_equal(DEATH(text, gc_heap_create(NULL, &heap)), SIGABRT);
		assert_non_null(strstr(text, "the modes are minor, major, slices, evacuate, "
					     "promote, protect, poison, release, nursery, verify"));
	}
	unsetenv("MPGC_ZEAL");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(minor_at_every_n),
		cmocka_unit_test(major_at_every_n),
		cmocka_unit_test(one_object_slices),
		cmocka_unit_test(young_array_while_marking),
		cmocka_unit_test(hidden_from_marking),
		cmocka_unit_test(hidden_in_an_array),
		cmocka_unit_test(promote_always),
		cmocka_unit_test(evacuate_always),
		cmocka_unit_test(from_space_is_closed),
		cmocka_unit_test(freed_is_poisoned),
		cmocka_unit_test(everything_is_released),
		cmocka_unit_test(small_nursery),
		cmocka_unit_test(all_at_once),
		cmocka_unit_test(by_environment),
		cmocka_unit_test(unknown_modes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
