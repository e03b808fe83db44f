/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_pinned.c - objects that must not move: allocated so or pinned later, over
 * every kind of collection, with references kept up to date, memory untouched
 * until used, zero when used again, and given back; and a random run against a
 * shadow. Every heap here verifies itself after each collection.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "common.h"

#define CELL_MAX   KIB(32)
#define ARRAY_HEAD 16u /* header and length */

static void collect_all_ways(struct fix *f)
{
	enum gc_collect_kind kinds[] = { GC_MINOR,   GC_MAJOR, GC_MINOR, GC_FULL,
					 GC_COMPACT, GC_MINOR, GC_MINOR, GC_FULL };
	unsigned i;

	for (i = 0; i < 8; i++)
		assert_int_equal(gc_collect(f->m, kinds[i], GC_REASON_TESTING), 0);
}

static void full(struct fix *f)
{
	assert_int_equal(gc_collect(f->m, GC_FULL, GC_REASON_TESTING), 0);
}

static struct gc_bytes *pinned_bytes(struct fix *f, size_t len)
{
	struct gc_bytes *b = gc_alloc_pinned_array(f->m, f->bytes, len);
	size_t i;

	assert_non_null(b);
	assert_int_equal(b->len, len);
	for (i = 0; i < len; i++)
		assert_int_equal(b->data[i], 0);
	return b;
}

/* --- addresses ---------------------------------------------------------------------- */

static void stays_while_its_references_move(void **state)
{
	struct pair *p = NULL, *at;
	struct pair *child_at;
	struct fix f;

	(void)state;
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, p);
		at = p = gc_alloc_pinned(f.m, f.pair);
		assert_non_null(p);
		assert_true(!p->a && !p->b && !p->value);
		p->value = 7;
		gc_write(f.m, p, &p->a, pair_new(&f, 8));
		gc_write(f.m, p, &p->b, p);
		child_at = p->a;
		collect_all_ways(&f);
		assert_ptr_equal(p, at);
		assert_int_equal(p->value, 7);
		assert_ptr_equal(p->b, p);
		assert_ptr_not_equal(p->a, child_at);
		assert_int_equal(p->a->value, 8);
		assert_int_equal(stats(&f).objects_pinned, 1);
		assert_int_equal(stats(&f).space[GC_PINNED].committed, KIB(256));
	}
	full(&f);
	assert_int_equal(stats(&f).objects_pinned, 0);
	assert_int_equal(stats(&f).space[GC_PINNED].committed, 0);
	fix_close(&f);
}

/* The first store may be a plain one; later ones go through the barrier. */
static void young_objects_are_remembered(void **state)
{
	struct gc_refs *r = NULL;
	struct fix f;
	size_t i, round;

	(void)state;
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, r);
		r = gc_alloc_pinned_array(f.m, f.refs, 300);
		assert_non_null(r);
		for (round = 0; round < 6; round++) {
			for (i = round; i < 300; i += 1 + round)
				gc_write(f.m, r, &r->ref[i], pair_new(&f, 1000 * round + i));
			gc_collect(f.m, round & 1 ? GC_MAJOR : GC_MINOR, GC_REASON_TESTING);
			for (i = round; i < 300; i += 1 + round)
				assert_int_equal(((struct pair *)r->ref[i])->value,
						 1000 * round + i);
		}
	}
	{
		struct pair *p = NULL, *young = NULL;
		GC_FRAME(f.m, p, young);

		young = pair_new(&f, 5);
		p = gc_alloc_pinned(f.m, f.pair);
		p->a = young;
		young = NULL;
		gc_collect(f.m, GC_MINOR, GC_REASON_TESTING);
		assert_int_equal(p->a->value, 5);
		gc_collect(f.m, GC_MINOR, GC_REASON_TESTING); /* the child becomes old */
		p->b = NULL;
		gc_write(f.m, p, &p->b, pair_new(&f, 6));
		gc_collect(f.m, GC_MINOR, GC_REASON_TESTING);
		assert_int_equal(p->b->value, 6);
	}
	fix_close(&f);
}

struct reader {
	struct fix f; /* the heap and types of the test, the mutator of the thread */
	int fd, ready;
	size_t len;
	bool ok;
};

/* A thread in a blocking call, with the address of its array in the kernel's hands. */
static void *read_all(void *arg)
{
	struct reader *r = arg;
	struct gc_bytes *b = NULL;
	unsigned char *to;
	size_t got = 0;
	ssize_t n = 1;

	if (gc_mutator_attach(r->f.heap, &r->f.m))
		return NULL;
	{
		GC_FRAME(r->f.m, b);
		b = gc_alloc_pinned_array(r->f.m, r->f.bytes, r->len);
		to = b->data;
		gc_blocking_begin(r->f.m);
		n = write(r->ready, "r", 1);
		while (got < r->len && n > 0) {
			n = read(r->fd, to + got, r->len - got);
			got += n > 0 ? (size_t)n : 0;
		}
		gc_blocking_end(r->f.m);
		r->ok = got == r->len && b->data == to;
		for (got = 0; got < r->len; got++)
			r->ok &= to[got] == 1 + got / 1024;
	}
	gc_mutator_detach(r->f.m);
	return NULL;
}

/* read(2) of another thread fills an array while this one collects. */
static void kernel_writes_into_it(void **state)
{
	unsigned char out[1024];
	int data[2], ready[2], k;
	struct reader r;
	pthread_t thread;
	struct fix f;

	(void)state;
	fix_open(&f, NULL);
	assert_int_equal(pipe(data), 0);
	assert_int_equal(pipe(ready), 0);
	r = (struct reader){ .f = f, .fd = data[0], .ready = ready[1], .len = 20 * sizeof(out) };
	assert_int_equal(pthread_create(&thread, NULL, read_all, &r), 0);
	gc_blocking_begin(f.m);
	assert_int_equal(read(ready[0], out, 1), 1);
	gc_blocking_end(f.m);
	for (k = 0; k < 20; k++) {
		collect_all_ways(&f);
		memset(out, k + 1, sizeof(out));
		assert_int_equal(write(data[1], out, sizeof(out)), sizeof(out));
	}
	gc_blocking_begin(f.m);
	assert_int_equal(pthread_join(thread, NULL), 0);
	gc_blocking_end(f.m);
	assert_true(r.ok);
	for (k = 0; k < 2; k++) {
		close(data[k]);
		close(ready[k]);
	}
	fix_close(&f);
}

/* --- pins --------------------------------------------------------------------------- */

static void pin_of_a_young_object(void **state)
{
	struct pair *p = NULL, *child = NULL, *at;
	struct gc_pin *pin, *again;
	struct fix f;

	(void)state;
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, p, child);
		child = pair_new(&f, 2);
		p = pair_new(&f, 1);
		gc_write(f.m, p, &p->a, child);
		pin = gc_pin(f.m, p);
		assert_non_null(pin);
		at = gc_pin_get(pin);
		assert_ptr_equal(p, at); /* the frame's variable follows the one move */
		assert_int_equal(stats(&f).objects_pinned, 1);
		assert_int_equal(stats(&f).minor_count, 1);
		again = gc_pin(f.m, p); /* it cannot move any more: no collection */
		assert_int_equal(stats(&f).minor_count, 1);
		assert_int_equal(stats(&f).pins, 2);
		gc_unpin(f.m, pin);
		p = NULL;
		collect_all_ways(&f);
		assert_ptr_equal(gc_pin_get(again), at); /* the pin is a root */
		assert_ptr_equal(at->a, child);
		assert_int_equal(at->value + child->value, 3);
		gc_unpin(f.m, again);
		gc_unpin(f.m, NULL);
		full(&f);
		assert_int_equal(stats(&f).objects_pinned, 0);
		assert_int_equal(stats(&f).pins, 0);
	}
	fix_close(&f);
}

static void pin_of_an_old_object(void **state)
{
	struct pair *p = NULL, *at;
	struct gc_pin *pin[2];
	struct fix f;

	(void)state;
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, p);
		p = pair_new(&f, 1);
		gc_collect(f.m, GC_MINOR, GC_REASON_TESTING);
		gc_collect(f.m, GC_MINOR, GC_REASON_TESTING);
		assert_true(stats(&f).space[GC_OLD].used > 0);
		pin[0] = gc_pin(f.m, p);
		pin[1] = gc_pin(f.m, p);
		at = gc_pin_get(pin[0]);
		assert_ptr_equal(p, at);
		gc_write(f.m, p, &p->a, pair_new(&f, 2));
		p = NULL;
		collect_all_ways(&f);
		assert_ptr_equal(gc_pin_get(pin[1]), at);
		gc_unpin(f.m, pin[0]);
		collect_all_ways(&f);
		assert_ptr_equal(gc_pin_get(pin[1]), at);
		assert_int_equal(at->a->value, 2);
		gc_unpin(f.m, pin[1]);
		full(&f);
		assert_true(stats(&f).heap_used < 64);
	}
	fix_close(&f);
}

#define OLD_PAIRS 100000 /* 3 MB: a dozen blocks */
#define OLD_PINS  12

/*
 * Old objects are pinned where they are. Compaction leaves them there, one in a block
 * that is empty but for it, and takes them along when their pins have ended. Until
 * then each keeps a page in memory, not its block.
 */
static void old_objects_stay_until_unpinned(void **state)
{
	struct gc_pin *pin[OLD_PINS];
	struct pair *at[OLD_PINS];
	struct gc_refs *all = NULL;
	struct gc_space_stats old;
	struct fix f;
	size_t i, moved = 0;

	(void)state;
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, all);
		all = gc_alloc_array(f.m, f.refs, OLD_PAIRS); /* large: it stays too */
		for (i = 0; i < OLD_PAIRS; i++)
			gc_write(f.m, all, &all->ref[i], pair_new(&f, i));
		full(&f);
		for (i = 0; i < OLD_PINS; i++) {
			at[i] = all->ref[i * (OLD_PAIRS / OLD_PINS)];
			pin[i] = gc_pin(f.m, at[i]);
		}
		memset(all->ref, 0, OLD_PAIRS * sizeof(all->ref[0]));
		collect_all_ways(&f);
		gc_release_all(f.heap);
		for (i = 0; i < OLD_PINS; i++) {
			assert_ptr_equal(gc_pin_get(pin[i]), at[i]);
			assert_int_equal(at[i]->value, i * (OLD_PAIRS / OLD_PINS));
		}
		old = stats(&f).space[GC_OLD];
		assert_int_equal(old.used, OLD_PINS * (sizeof(struct pair) + 8));
		assert_true(old.committed >= OLD_PINS / 2 * KIB(256));
		assert_true(old.resident <= (OLD_PINS + 1) * PAGE);
		for (i = 0; i < OLD_PINS; i++) {
			gc_write(f.m, all, &all->ref[i], at[i]);
			gc_unpin(f.m, pin[i]);
		}
		assert_int_equal(gc_collect(f.m, GC_COMPACT, GC_REASON_TESTING), 0);
		for (i = 0; i < OLD_PINS; i++) {
			moved += all->ref[i] != at[i];
			assert_int_equal(((struct pair *)all->ref[i])->value,
					 i * (OLD_PAIRS / OLD_PINS));
		}
		assert_true(moved >= OLD_PINS - 2);
		assert_true(stats(&f).space[GC_OLD].committed <= 2 * KIB(256));
	}
	fix_close(&f);
}

static void pin_of_a_large_object(void **state)
{
	struct gc_bytes *b;
	struct gc_pin *pin;
	struct fix f;

	(void)state;
	fix_open(&f, NULL);
	b = gc_alloc_array(f.m, f.bytes, MIB(1));
	pin = gc_pin(f.m, b);
	assert_ptr_equal(gc_pin_get(pin), b);
	collect_all_ways(&f);
	assert_ptr_equal(gc_pin_get(pin), b);
	assert_int_equal(stats(&f).objects_pinned, 0);
	assert_int_equal(stats(&f).objects_large, 1);
	gc_unpin(f.m, pin);
	full(&f);
	assert_int_equal(stats(&f).objects_large, 0);
	/* Asked to be pinned, over 32 KiB: a large object from the start. */
	b = gc_alloc_pinned_array(f.m, f.bytes, CELL_MAX - ARRAY_HEAD + 1);
	assert_int_equal(stats(&f).objects_large, 1);
	b = gc_alloc_pinned_array(f.m, f.bytes, CELL_MAX - ARRAY_HEAD);
	assert_non_null(b);
	assert_int_equal(stats(&f).objects_large, 1);
	assert_int_equal(stats(&f).space[GC_PINNED].used, CELL_MAX);
	fix_close(&f);
}

#define NTHREADS 4

struct pinner {
	struct fix f;
	struct gc_global *shared;
	unsigned id;
	bool ok;
};

/* Pins what is its own and what all share, while others collect. */
static bool pin_and_look(struct pinner *w)
{
	struct gc_pin *mine[8] = { NULL }, *of_all = NULL;
	struct gc_refs *all = gc_global_get(w->shared);
	struct pair *at[8] = { NULL }, *p = NULL, *child = NULL;
	unsigned i, k;
	GC_FRAME(w->f.m, all, p, child);

	for (i = 0; i < 400; i++) {
		k = i % 8;
		if (mine[k] && (gc_pin_get(mine[k]) != at[k] || at[k]->a->value != i - 8))
			return false;
		gc_unpin(w->f.m, mine[k]);
		child = gc_alloc(w->f.m, w->f.pair);
		child->value = i;
		p = gc_alloc(w->f.m, w->f.pair);
		p->a = child;
		if (i % 3 == 0)
			gc_write(w->f.m, all, &all->ref[w->id], p);
		mine[k] = gc_pin(w->f.m, p);
		at[k] = gc_pin_get(mine[k]);
		if (at[k] != p)
			return false;
		gc_unpin(w->f.m, of_all);
		of_all = gc_pin(w->f.m, all->ref[NTHREADS]);
		if (((struct pair *)gc_pin_get(of_all))->value != 77)
			return false;
		gc_alloc_pinned_array(w->f.m, w->f.refs, i);
	}
	for (k = 0; k < 8; k++)
		gc_unpin(w->f.m, mine[k]);
	gc_unpin(w->f.m, of_all);
	return true;
}

static void *pinner(void *arg)
{
	struct pinner *w = arg;

	if (gc_mutator_attach(w->f.heap, &w->f.m))
		return NULL;
	w->ok = pin_and_look(w);
	gc_mutator_detach(w->f.m);
	return NULL;
}

static void several_threads_pin(void **state)
{
	struct pinner w[NTHREADS];
	pthread_t t[NTHREADS];
	struct gc_refs *all = NULL;
	struct pair *p = NULL;
	struct gc_global *g;
	struct fix f;
	unsigned i;

	(void)state;
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, all, p);
		p = pair_new(&f, 77);
		all = gc_alloc_array(f.m, f.refs, NTHREADS + 1);
		all->ref[NTHREADS] = p;
		full(&f); /* the shared one is old: it is held where it is */
		g = gc_global_new(f.m, all);
	}
	for (i = 0; i < NTHREADS; i++) {
		w[i] = (struct pinner){ .f = f, .shared = g, .id = i };
		assert_int_equal(pthread_create(&t[i], NULL, pinner, &w[i]), 0);
	}
	gc_blocking_begin(f.m);
	for (i = 0; i < NTHREADS; i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
	gc_blocking_end(f.m);
	for (i = 0; i < NTHREADS; i++)
		assert_true(w[i].ok);
	assert_int_equal(stats(&f).pins, 0);
	gc_global_free(f.m, g);
	full(&f);
	assert_int_equal(stats(&f).heap_used, 0);
	assert_int_equal(stats(&f).space[GC_PINNED].committed, 0);
	fix_close(&f);
}

static void types_must_fit(void **state)
{
	struct fix f;

	(void)state;
	fix_open(&f, NULL);
	assert_null(gc_alloc_pinned(f.m, f.bytes));
	assert_null(gc_alloc_pinned_array(f.m, f.pair, 1));
	assert_null(gc_alloc_pinned_array(f.m, f.bytes, SIZE_MAX));
	assert_null(gc_alloc_pinned_array(f.m, f.refs, SIZE_MAX / 8));
	fix_close(&f);
}

/* --- bad use ------------------------------------------------------------------------ */

static void unpin_twice(struct fix *f)
{
	struct gc_pin *pin = gc_pin(f->m, pair_new(f, 1));

	gc_unpin(f->m, pin);
	gc_unpin(f->m, pin);
}

static void get_after_unpin(struct fix *f)
{
	struct gc_pin *pin = gc_pin(f->m, pair_new(f, 1));

	gc_unpin(f->m, pin);
	gc_pin_get(pin);
}

static void pin_null(struct fix *f)
{
	gc_pin(f->m, NULL);
}

static void unpin_of_another_heap(struct fix *f)
{
	struct gc_pin *pin = gc_pin(f->m, pair_new(f, 1));
	struct fix other;

	fix_open(&other, NULL);
	gc_unpin(other.m, pin);
}

static void aborts_saying(void (*fn)(struct fix *f), const char *what)
{
	struct rlimit none = { 0, 0 };
	char text[1024] = "";
	int fds[2], status;
	struct fix f;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		setrlimit(RLIMIT_CORE, &none);
		signal(SIGABRT, SIG_DFL); /* cmocka has a handler */
		dup2(fds[1], 2);
		fix_open(&f, NULL);
		fn(&f);
		_exit(0);
	}
	close(fds[1]);
	while ((n = read(fds[0], text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	if (!strstr(text, what))
		fail_msg("'%s' is not in '%s'", what, text);
}

static void bad_use_is_reported(void **state)
{
	(void)state;
	aborts_saying(unpin_twice, "libmpgc: gc_unpin: pin");
	aborts_saying(get_after_unpin, "libmpgc: gc_pin_get: pin");
	aborts_saying(pin_null, "libmpgc: gc_pin: there is no object at NULL");
	aborts_saying(unpin_of_another_heap, "is of another heap");
}

/* --- memory ------------------------------------------------------------------------- */

static void untouched_until_used(void **state)
{
	struct gc_bytes *b = NULL, *c = NULL;
	uintptr_t base;
	struct fix f;
	size_t i;

	(void)state;
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, b, c);
		b = gc_alloc_pinned_array(f.m, f.bytes, 1);
		base = (uintptr_t)b & ~(KIB(256) - 1);
		assert_int_equal(resident((void *)base, KIB(256)), 1);
		c = gc_alloc_pinned_array(f.m, f.bytes, CELL_MAX - ARRAY_HEAD);
		assert_int_equal((uintptr_t)c & ~(KIB(256) - 1), base);
		assert_int_equal(resident((void *)base, KIB(256)), 2);
		collect_all_ways(&f);
		assert_int_equal(resident((void *)base, KIB(256)), 2);
		assert_int_equal(stats(&f).space[GC_PINNED].resident, 2 * PAGE);
		for (i = 0; i < c->len; i++)
			assert_int_equal(c->data[i], 0);
		memset(c->data, 1, c->len);
		assert_int_equal(stats(&f).space[GC_PINNED].resident, 9 * PAGE);
		c = NULL;
		full(&f);
		assert_true(stats(&f).owed >= 8 * PAGE);
		assert_true(gc_release_all(f.heap) >= 8 * PAGE);
		assert_int_equal(resident((void *)base, KIB(256)), 1);
	}
	fix_close(&f);
}

/* Sizes of every class, soiled, dead, and zero when they are used again. */
static void reused_cells_are_zero(void **state)
{
	struct gc_bytes *keep[60] = { NULL }, *b;
	struct gc_refs *all = NULL;
	size_t len, i, round, used;
	struct fix f;

	(void)state;
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, all);
		all = gc_alloc_array(f.m, f.refs, 60);
		for (round = 0; round < 3; round++) {
			for (i = 0; i < 60; i++) {
				len = (i * 557 + round) % (CELL_MAX - ARRAY_HEAD);
				b = pinned_bytes(&f, len);
				memset(b->data, 0xee, len);
				/* Every third goes, the others are neighbours it must not hurt. */
				gc_write(f.m, all, &all->ref[i], i % 3 == round ? NULL : b);
				keep[i] = b;
			}
			used = stats(&f).space[GC_PINNED].used;
			full(&f);
			assert_true(stats(&f).space[GC_PINNED].used < used);
			for (i = 0; i < 60; i++) {
				b = all->ref[i];
				assert_true(!b || b == keep[i]);
				for (len = 0; b && len < b->len; len++)
					assert_int_equal(b->data[len], 0xee);
			}
		}
	}
	fix_close(&f);
}

/* Dead pinned objects start collections by themselves. */
static void garbage_is_bounded(void **state)
{
	struct fix f;
	size_t i;

	(void)state;
	fix_open(&f, NULL);
	for (i = 0; i < 40000; i++) {
		assert_non_null(gc_alloc_pinned_array(f.m, f.bytes, 1000 + i % 100));
		assert_true(i % 1000 || stats(&f).heap_used < MIB(6));
	}
	assert_true(stats(&f).major_count >= 5);
	assert_true(stats(&f).space[GC_PINNED].committed < MIB(8));
	fix_close(&f);
}

static int ooms;

static void count_oom(struct gc_heap *h, size_t wanted, void *arg)
{
	(void)h;
	(void)wanted;
	(void)arg;
	ooms++;
}

static void limits_hold(void **state)
{
	struct gc_options o = { .struct_size = sizeof(o),
				.young_min = KIB(128),
				.young_max = KIB(256),
				.no_release_thread = 1,
				.verify = 1,
				.old_limit = MIB(2) };
	struct gc_refs *all = NULL;
	struct gc_bytes *b = NULL;
	struct fix f;
	size_t n = 0;

	(void)state;
	ooms = 0;
	fix_open(&f, &o);
	gc_set_oom(f.heap, count_oom, NULL);
	{
		GC_FRAME(f.m, all, b);
		all = gc_alloc_array(f.m, f.refs, 200);
		while ((b = gc_alloc_pinned_array(f.m, f.bytes, KIB(16) - ARRAY_HEAD)))
			gc_write(f.m, all, &all->ref[n++], b);
		assert_int_equal(ooms, 1);
		assert_true(n >= MIB(2) / KIB(16) - 1);
		assert_true(stats(&f).space[GC_PINNED].used <= MIB(2));
		gc_write(f.m, all, &all->ref[0], NULL); /* what is dead is found */
		gc_write(f.m, all, &all->ref[1], NULL);
		b = gc_alloc_pinned_array(f.m, f.bytes, KIB(16) - ARRAY_HEAD);
		assert_non_null(b);
		assert_int_equal(ooms, 1);
	}
	fix_close(&f);
}

/* --- the other spaces --------------------------------------------------------------- */

#define MANY 6000

/* Old space after building a table of MANY objects, every other one pinned or not. */
static struct gc_space_stats old_after(struct fix *f, bool pins, struct gc_pin **pin)
{
	struct gc_refs *keep = NULL;
	struct gc_space_stats old;
	GC_FRAME(f->m, keep);
	struct gc_bytes *b;
	size_t i;

	keep = gc_alloc_array(f->m, f->refs, MANY);
	for (i = 0; i < MANY; i++) {
		gc_write(f->m, keep, &keep->ref[i], pair_new(f, i));
		if (!pins)
			continue;
		if (i % 500 == 0) /* a few by request */
			pin[i / 500] = gc_pin(f->m, gc_alloc_array(f->m, f->bytes, i % 3000));
		b = gc_alloc_pinned_array(f->m, f->bytes, 40 + i % 700);
		if (i % 4 == 0) /* most are garbage among the living */
			gc_write(f->m, keep, &keep->ref[i], b);
	}
	full(f);
	full(f);
	old = stats(f).space[GC_OLD];
	if (pins) {
		assert_true(stats(f).objects_pinned >= MANY / 4);
		assert_int_equal(stats(f).pins, MANY / 500);
	}
	return old;
}

static void pinning_leaves_no_holes_elsewhere(void **state)
{
	struct gc_pin *pin[MANY / 500];
	struct gc_space_stats without, with;
	struct fix f;
	size_t i;

	(void)state;
	fix_open(&f, NULL);
	without = old_after(&f, false, pin);
	fix_close(&f);
	fix_open(&f, NULL);
	with = old_after(&f, true, pin);
	/* A quarter of the table was overwritten with pinned objects: no more than before. */
	assert_true(with.used <= without.used);
	assert_true(with.committed <= without.committed);
	for (i = 0; i < MANY / 500; i++)
		gc_unpin(f.m, pin[i]);
	full(&f);
	gc_release_all(f.heap);
	assert_int_equal(stats(&f).space[GC_PINNED].used, 0);
	assert_int_equal(stats(&f).space[GC_PINNED].committed, 0);
	assert_int_equal(stats(&f).space[GC_PINNED].resident, 0);
	assert_int_equal(stats(&f).space[GC_OLD].committed, 0);
	assert_int_equal(stats(&f).owed, 0);
	fix_close(&f);
}

static void verify_says(struct fix *f, const char *what)
{
	char why[256] = "";

	assert_int_equal(gc_verify(f->m, why, sizeof(why)), -EFAULT);
	if (!strstr(why, what))
		fail_msg("'%s' is not in '%s'", what, why);
}

/* What gc_verify() is there for: a header spoilt, an object where there is no cell. */
static void verify_finds_damage(void **state)
{
	uint64_t *hdr, was;
	struct pair *p;
	struct fix f;

	(void)state;
	fix_open(&f, NULL);
	p = gc_alloc_pinned(f.m, f.pair);
	hdr = (uint64_t *)p - 1;
	was = *hdr;
	*hdr = was & ~(1ULL << 4);
	verify_says(&f, "without the PIN bit");
	*hdr = was | GC_HEADER_UNLOGGED;
	verify_says(&f, "is in the log and has UNLOGGED");
	*hdr = was + (1ULL << 32);
	verify_says(&f, "has a cell of");
	*hdr = was;
	fix_close(&f);
}

static void segment_shows_the_space(void **state)
{
	struct gc_seg_counters c;
	struct gc_seg seg = { 0 };
	struct fix f;
	void *map, *p;
	char name[28];
	size_t len;

	(void)state;
	fix_open(&f, NULL);
	len = (size_t)lseek(stats(&f).events_fd, 0, SEEK_END);
	map = mmap(NULL, len, PROT_READ, MAP_SHARED, stats(&f).events_fd, 0);
	assert_int_equal(gc_seg_attach_check(&seg, map, len), 0);
	p = gc_alloc_pinned(f.m, f.pair);
	assert_int_equal(gc_seg_space_of(&seg, (uintptr_t)p), GC_SPACE_PINNED);
	gc_tick(f.m);
	assert_int_equal(gc_seg_counters_read(&seg, &c), 0);
	assert_true(c.nspaces > GC_SPACE_PINNED);
	assert_int_equal(c.space[GC_SPACE_PINNED].used, 32);
	assert_int_equal(c.space[GC_SPACE_PINNED].committed, KIB(256));
	assert_int_equal(c.committed, stats(&f).heap_total);
	assert_int_equal(gc_seg_name_of(&seg, GC_NAME_SPACE, GC_SPACE_PINNED, name, 28), 6);
	assert_string_equal(name, "pinned");
	assert_string_equal(gc_seg_reason_name(GC_REASON_PIN), "pin");
	munmap(map, len);
	fix_close(&f);
}

/* --- random ------------------------------------------------------------------------- */

#define SLOTS 400

/* What is known of the object in a slot. */
struct shadow {
	struct gc_bytes *at;
	struct gc_pin *pin;
	size_t len;
	unsigned char fill;
	bool used, born; /* in use; allocated pinned */
	bool fixed;	 /* fixed: it must be where it was last seen, at */
};

struct world {
	struct fix f;
	struct shadow s[SLOTS];
	uint64_t seed;
};

static size_t rnd(struct world *w, size_t n)
{
	w->seed ^= w->seed << 13;
	w->seed ^= w->seed >> 7;
	w->seed ^= w->seed << 17;
	return (size_t)(w->seed >> 11) % n;
}

static void compare(struct world *w, struct gc_refs *all)
{
	struct gc_bytes *b;
	size_t i, k;

	for (i = 0; i < SLOTS; i++) {
		b = all->ref[i];
		if (!w->s[i].used) {
			assert_null(b);
			continue;
		}
		assert_true(!w->s[i].fixed || b == w->s[i].at);
		assert_true(!w->s[i].pin || gc_pin_get(w->s[i].pin) == b);
		assert_int_equal(b->len, w->s[i].len);
		for (k = 0; k < b->len; k++)
			if (b->data[k] != w->s[i].fill)
				fail_msg("slot %zu: byte %zu is %#x", i, k, b->data[k]);
	}
}

static void make(struct world *w, struct gc_refs **all, size_t i)
{
	struct shadow *s = &w->s[i];
	bool pinned = rnd(w, 2);
	struct gc_bytes *b;
	size_t k;

	s->len = rnd(w, rnd(w, 10) ? 600 : KIB(40));
	b = pinned ? gc_alloc_pinned_array(w->f.m, w->f.bytes, s->len)
		   : gc_alloc_array(w->f.m, w->f.bytes, s->len);
	assert_non_null(b);
	for (k = 0; k < s->len; k++)
		assert_int_equal(b->data[k], 0);
	s->fill = (unsigned char)(1 + rnd(w, 255));
	memset(b->data, s->fill, s->len);
	gc_write(w->f.m, *all, &(*all)->ref[i], b);
	s->used = true;
	s->fixed = s->born = pinned;
	s->at = b;
}

static void change(struct world *w, struct gc_refs **all, size_t i)
{
	struct shadow *s = &w->s[i];

	if (!s->used) {
		make(w, all, i);
	} else if (s->pin) {
		gc_unpin(w->f.m, s->pin);
		s->pin = NULL;
		s->fixed = s->born; /* what was old when it was pinned may move again */
	} else if (rnd(w, 3)) {
		gc_write(w->f.m, *all, &(*all)->ref[i], NULL);
		*s = (struct shadow){ 0 };
	} else {
		s->pin = gc_pin(w->f.m, (*all)->ref[i]);
		assert_non_null(s->pin);
		s->at = (*all)->ref[i];
		s->fixed = true;
	}
}

static void random_run(void **state)
{
	static const enum gc_collect_kind kinds[] = { GC_MINOR, GC_MAJOR, GC_FULL, GC_COMPACT };
	const char *given = getenv("GC_SEED"), *steps = getenv("GC_STEPS");
	size_t step, i, n = steps ? strtoul(steps, NULL, 0) : 12000;
	static struct world w;
	struct gc_refs *all = NULL;

	(void)state;
	w.seed = given ? strtoull(given, NULL, 0) : 4;
	print_message("GC_SEED=%llu\n", (unsigned long long)w.seed);
	fix_open(&w.f, NULL);
	{
		GC_FRAME(w.f.m, all);
		all = gc_alloc_array(w.f.m, w.f.refs, SLOTS);
		for (step = 0; step < n; step++) {
			i = rnd(&w, SLOTS);
			change(&w, &all, i);
			if (rnd(&w, 200) == 0) {
				gc_collect(w.f.m, kinds[rnd(&w, 4)], GC_REASON_TESTING);
				compare(&w, all);
			}
			if (rnd(&w, 1000) == 0)
				gc_release_all(w.f.heap);
		}
		for (i = 0; i < SLOTS; i++)
			gc_unpin(w.f.m, w.s[i].pin);
	}
	full(&w.f);
	assert_int_equal(stats(&w.f).space[GC_PINNED].committed, 0);
	assert_int_equal(stats(&w.f).heap_used, 0);
	fix_close(&w.f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stays_while_its_references_move),
		cmocka_unit_test(young_objects_are_remembered),
		cmocka_unit_test(kernel_writes_into_it),
		cmocka_unit_test(pin_of_a_young_object),
		cmocka_unit_test(pin_of_an_old_object),
		cmocka_unit_test(old_objects_stay_until_unpinned),
		cmocka_unit_test(pin_of_a_large_object),
		cmocka_unit_test(several_threads_pin),
		cmocka_unit_test(types_must_fit),
		cmocka_unit_test(bad_use_is_reported),
		cmocka_unit_test(untouched_until_used),
		cmocka_unit_test(reused_cells_are_zero),
		cmocka_unit_test(garbage_is_bounded),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(pinning_leaves_no_holes_elsewhere),
		cmocka_unit_test(verify_finds_damage),
		cmocka_unit_test(segment_shows_the_space),
		cmocka_unit_test(random_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
