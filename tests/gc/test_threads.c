/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_threads.c - several mutators: parallel allocation and shared objects, stops of
 * the world, blocking regions, attach and detach, fork, reports of bad use.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "common.h"
#include "gc/internal.h"

/* ThreadSanitizer cannot follow threads that the child of a process with threads starts. */
#ifdef __SANITIZE_THREAD__
#define CHILD_THREADS 0
#else
#define CHILD_THREADS 1
#endif

#define NTHREADS 6
#define ROUNDS	 150

static void spawn(pthread_t *t, void *(*fn)(void *), void *arg)
{
	assert_int_equal(pthread_create(t, NULL, fn, arg), 0);
}

static void *join(pthread_t t)
{
	void *ret;

	assert_int_equal(pthread_join(t, &ret), 0);
	return ret;
}

/* --- parallel allocation ------------------------------------------------------------ */

struct worker {
	struct fix f; /* the heap and types of all, the mutator of one */
	struct gc_global *shared;
	unsigned id;
	bool ok;
};

static struct pair *tree(struct worker *w, unsigned depth, uint64_t base)
{
	struct pair *a = NULL, *b = NULL, *p;
	GC_FRAME(w->f.m, a, b);

	if (depth) {
		a = tree(w, depth - 1, 2 * base);
		b = tree(w, depth - 1, 2 * base + 1);
	}
	p = gc_alloc(w->f.m, w->f.pair);
	p->a = a; /* p is new */
	p->b = b;
	p->value = base;
	return p;
}

static bool tree_ok(const struct pair *p, unsigned depth, uint64_t base)
{
	if (p->value != base)
		return false;
	if (!depth)
		return !p->a && !p->b;
	return tree_ok(p->a, depth - 1, 2 * base) && tree_ok(p->b, depth - 1, 2 * base + 1);
}

/* Puts new trees into its own elements of the old array all share, and looks at the
 * ones of the round before. */
static bool rounds(struct worker *w)
{
	struct gc_mutator *m = w->f.m;
	struct gc_refs *all = gc_global_get(w->shared);
	struct pair *t = NULL;
	struct gc_bytes *bytes;
	unsigned i, at;
	GC_FRAME(m, all, t);

	for (i = 0; i < ROUNDS; i++) {
		t = tree(w, 7, w->id + i);
		at = i % 2 * NTHREADS + w->id;
		gc_write(m, all, &all->ref[at], t);
		bytes = gc_alloc_array(m, w->f.bytes, i % 5 ? 200 * i : 40000);
		memset(bytes->data, 0xff, bytes->len);
		at = (i + 1) % 2 * NTHREADS + w->id;
		if (i && !tree_ok(all->ref[at], 7, w->id + i - 1))
			return false;
	}
	return true;
}

static void *allocate(void *arg)
{
	struct worker *w = arg;

	if (gc_mutator_attach(w->f.heap, &w->f.m))
		return NULL;
	w->ok = rounds(w);
	gc_mutator_detach(w->f.m);
	return NULL;
}

static void run_workers(struct fix *f, struct gc_global *shared, struct worker *w)
{
	pthread_t t[NTHREADS];
	unsigned i;

	for (i = 0; i < NTHREADS; i++) {
		w[i] = (struct worker){ .f = *f, .shared = shared, .id = i };
		spawn(&t[i], allocate, &w[i]);
	}
	gc_blocking_begin(f->m);
	for (i = 0; i < NTHREADS; i++)
		join(t[i]);
	gc_blocking_end(f->m);
}

/* `slots` elements: few make the array a small object, many a large one with cards. */
static void share_array(size_t slots)
{
	struct worker w[NTHREADS];
	struct gc_global *shared;
	struct gc_refs *all;
	struct fix f;
	unsigned i;

	fix_open(&f, NULL);
	shared = gc_global_new(f.m, gc_alloc_array(f.m, f.refs, slots));
	gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
	gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
	run_workers(&f, shared, w);
	gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
	all = gc_global_get(shared);
	for (i = 0; i < NTHREADS; i++) {
		assert_true(w[i].ok);
		assert_true(tree_ok(all->ref[(ROUNDS - 1) % 2 * NTHREADS + i], 7, i + ROUNDS - 1));
	}
	assert_true(stats(&f).minor_count > 10);
	assert_int_equal(stats(&f).mutators, 1);
	gc_global_free(f.m, shared);
	fix_close(&f);
}

static void trees_in_a_shared_array(void **state)
{
	(void)state;
	share_array(2 * NTHREADS);
}

static void trees_in_a_large_shared_array(void **state)
{
	(void)state;
	share_array(10000);
}

/*
 * Every thread stores in every object: new objects and objects of the others, young
 * and old, some with a large object behind them, so that all kinds of collection
 * run meanwhile. What is in an object is a function of its own value.
 */
#define GRAPH_NODES 600
#define GRAPH_OPS   6000

struct writer {
	struct worker w;
	uint64_t random;
	struct pair *from, *to; /* roots of step() */
};

static uint64_t next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x >> 11;
}

static bool value_ok(const struct pair *p)
{
	return !p || p->value % 1000003 == 7;
}

/* Fields that others write meanwhile. */
static void *load(void *slot)
{
	return __atomic_load_n((gc_slot *)slot, __ATOMIC_ACQUIRE);
}

static struct pair *node_at(struct writer *wr)
{
	struct gc_refs *all = gc_global_get(wr->w.shared);

	return load(&all->ref[next_random(&wr->random) % GRAPH_NODES]);
}

static void replace(struct writer *wr)
{
	struct gc_mutator *m = wr->w.f.m;
	uint64_t r = next_random(&wr->random);
	struct gc_refs *all;

	wr->to = gc_alloc(m, wr->w.f.pair);
	wr->to->value = (r & 0xffffffff) * 1000003 + 7;
	if (r % 16 == 0) {
		wr->from = gc_alloc_array(m, wr->w.f.bytes, 100000);
		gc_write(m, wr->to, &wr->to->b, wr->from);
	}
	wr->from = NULL;
	all = gc_global_get(wr->w.shared);
	gc_write(m, all, &all->ref[next_random(&wr->random) % GRAPH_NODES], wr->to);
}

static bool step(struct writer *wr)
{
	struct pair *p;
	int depth;

	if (next_random(&wr->random) % 2) {
		replace(wr);
		return true;
	}
	wr->from = node_at(wr);
	wr->to = node_at(wr);
	if (wr->from)
		gc_write(wr->w.f.m, wr->from, &wr->from->a, wr->to);
	for (p = wr->from, depth = 0; p && depth < 20; p = load(&p->a), depth++)
		if (!value_ok(p))
			return false;
	return true;
}

static void *write_graph(void *arg)
{
	struct writer *wr = arg;
	int i;

	if (gc_mutator_attach(wr->w.f.heap, &wr->w.f.m))
		return NULL;
	wr->w.ok = true;
	{
		GC_FRAME(wr->w.f.m, wr->from, wr->to);
		for (i = 0; i < GRAPH_OPS && wr->w.ok; i++)
			wr->w.ok = step(wr);
	}
	gc_mutator_detach(wr->w.f.m);
	return NULL;
}

static void graph_written_by_all(void **state)
{
	const char *given = getenv("SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	struct writer wr[NTHREADS];
	struct gc_global *shared;
	pthread_t t[NTHREADS];
	struct fix f;
	unsigned i;

	(void)state;
	print_message("seed %llu (the order of threads is not in it)\n", (unsigned long long)seed);
	fix_open(&f, NULL);
	shared = gc_global_new(f.m, gc_alloc_array(f.m, f.refs, GRAPH_NODES));
	gc_blocking_begin(f.m);
	for (i = 0; i < NTHREADS; i++) {
		wr[i] = (struct writer){ .w = { .f = f, .shared = shared },
					 .random = (seed + i) * 0x9e3779b97f4a7c15u | 1 };
		spawn(&t[i], write_graph, &wr[i]);
	}
	for (i = 0; i < NTHREADS; i++)
		join(t[i]);
	gc_blocking_end(f.m);
	for (i = 0; i < NTHREADS; i++)
		assert_true(wr[i].w.ok);
	assert_true(stats(&f).major_count > 3);
	gc_global_free(f.m, shared);
	fix_close(&f);
}

/* Two threads saw the bit set: the second one comes too late. */
static void logged_once(void **state)
{
	struct pair *p = NULL;
	char why[256] = "";
	struct fix f;

	(void)state;
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, p);
		p = pair_new(&f, 1);
		gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
		gc_log(f.m, p, &p->a);
		gc_log(f.m, p, &p->a);
		assert_int_equal((gc_verify(f.m, why, sizeof(why)), why[0]), 0);
	}
	fix_close(&f);
}

/* Two threads found the young space full: the second one has nothing to do. */
static void collected_once(void **state)
{
	uint64_t seen;
	struct fix f;

	(void)state;
	fix_open(&f, NULL);
	seen = stats(&f).minor_count;
	assert_true(collect_for_young((struct mutator *)f.m, seen));
	assert_int_equal(stats(&f).minor_count, seen + 1);
	assert_true(collect_for_young((struct mutator *)f.m, seen));
	assert_int_equal(stats(&f).minor_count, seen + 1);
	fix_close(&f);
}

/* --- stops of the world -------------------------------------------------------------- */

struct blocked {
	struct fix f;
	int fd;		 /* a byte comes when the thread may go on */
	atomic_int back; /* the thread is at gc_blocking_end() */
	atomic_int out;	 /* ... and behind it */
	pthread_barrier_t inside;
	bool ok;
};

static void *block_in_read(void *arg)
{
	struct blocked *b = arg;
	struct pair *p = NULL;
	gc_handle handle;
	char c;

	if (gc_mutator_attach(b->f.heap, &b->f.m))
		return NULL;
	{
		GC_FRAME(b->f.m, p);
		p = pair_new(&b->f, 1);
		handle = gc_handle_new(b->f.m, pair_new(&b->f, 2));
		gc_blocking_begin(b->f.m);
		pthread_barrier_wait(&b->inside);
		b->ok = read(b->fd, &c, 1) == 1;
		atomic_store(&b->back, 1);
		gc_blocking_end(b->f.m);
		atomic_store(&b->out, 1);
		b->ok &= p->value == 1 && ((struct pair *)*handle)->value == 2;
	}
	gc_mutator_detach(b->f.m);
	return NULL;
}

struct wake {
	struct blocked *b;
	int fd;
	bool early;
};

/* A root provider: wakes the thread inside of a collection; it must not come out. */
static void wake_inside(struct gc_visitor *v, void *arg)
{
	struct wake *w = arg;
	int i;

	(void)v;
	if (w->fd >= 0)
		assert_int_equal(write(w->fd, "x", 1), 1);
	w->fd = -1;
	while (!atomic_load(&w->b->back))
		sched_yield();
	for (i = 0; i < 10000; i++)
		sched_yield();
	w->early |= atomic_load(&w->b->out);
}

static void blocked_in_a_system_call(void **state)
{
	struct blocked b = { 0 };
	struct wake w = { .b = &b };
	int fds[2], i, id;
	pthread_t t;
	struct fix f;

	(void)state;
	fix_open(&f, NULL);
	assert_int_equal(pipe(fds), 0);
	b.f = f;
	b.fd = fds[0];
	pthread_barrier_init(&b.inside, NULL, 2);
	spawn(&t, block_in_read, &b);
	pthread_barrier_wait(&b.inside); /* this thread is a mutator and runs */
	for (i = 0; i < 5; i++)
		assert_int_equal(gc_collect(f.m, GC_FULL, GC_REASON_TESTING), 0);
	/* Nobody was waited for. */
	assert_int_equal(stats(&f).safepoints, 0);
	assert_int_equal(stats(&f).mutators, 2);
	w.fd = fds[1];
	id = gc_add_root_provider(f.heap, wake_inside, &w);
	gc_collect(f.m, GC_MINOR, GC_REASON_TESTING);
	assert_false(w.early);
	gc_remove_root_provider(f.heap, id);
	gc_blocking_begin(f.m);
	join(t);
	gc_blocking_end(f.m);
	assert_true(b.ok);
	pthread_barrier_destroy(&b.inside);
	close(fds[0]);
	close(fds[1]);
	fix_close(&f);
}

struct spinner {
	struct fix f;
	struct gc_heap *other; /* also a mutator of that, or NULL */
	atomic_int started, stop;
	bool allocates;
	uint64_t kept;
};

static void *spin(void *arg)
{
	struct spinner *s = arg;
	struct gc_mutator *m2 = NULL;
	struct pair *p = NULL;

	if (gc_mutator_attach(s->f.heap, &s->f.m) || (s->other && gc_mutator_attach(s->other, &m2)))
		return NULL;
	{
		GC_FRAME(s->f.m, p);
		p = pair_new(&s->f, 77);
		atomic_store(&s->started, 1);
		while (!atomic_load(&s->stop)) {
			if (s->allocates)
				gc_alloc(s->f.m, s->f.pair);
			else
				gc_safepoint(s->f.m);
			if (m2)
				gc_safepoint(m2);
		}
		s->kept = p->value;
	}
	if (m2)
		gc_mutator_detach(m2);
	gc_mutator_detach(s->f.m);
	return NULL;
}

static void spinner_start(struct spinner *s, pthread_t *t, const struct fix *f, bool allocates)
{
	*s = (struct spinner){ .f = *f, .allocates = allocates };
	spawn(t, spin, s);
	while (!atomic_load(&s->started)) {
		gc_safepoint(f->m); /* the spinner may collect */
		sched_yield();
	}
}

/* f: the caller's */
static void spinner_end(struct spinner *s, pthread_t t, const struct fix *f)
{
	atomic_store(&s->stop, 1);
	gc_blocking_begin(f->m);
	join(t);
	gc_blocking_end(f->m);
	assert_int_equal(s->kept, 77);
}

/* The SAFEPOINT events of this thread's ring: how many, and the slowest of all. */
static unsigned safepoint_events(struct fix *f, uint64_t *slowest, uint64_t *waited)
{
	struct gc_ring_reader r;
	struct gc_record rec[64];
	struct gc_seg seg = { 0 };
	uint64_t lost = 0;
	unsigned found = 0;
	int n, i;
	size_t len = (size_t)lseek(stats(f).events_fd, 0, SEEK_END);
	void *map = mmap(NULL, len, PROT_READ, MAP_SHARED, stats(f).events_fd, 0);

	assert_int_equal(gc_seg_attach_check(&seg, map, len), 0);
	gc_ring_reader_init(&seg, 0, 1, &r);
	while ((n = gc_ring_read(&seg, 0, &r, rec, 64, &lost)) > 0)
		for (i = 0; i < n; i++) {
			if (rec[i].type != GC_EV_SAFEPOINT)
				continue;
			found++;
			*waited += rec[i].b;
			if (rec[i].a > *slowest)
				*slowest = rec[i].a;
		}
	assert_int_equal(lost, 0);
	munmap(map, len);
	return found;
}

static void time_to_safepoint(void **state)
{
	uint64_t slowest = 0, waited = 0;
	struct spinner s[2];
	struct gc_stats st;
	pthread_t t[2];
	struct fix f;
	int i;

	(void)state;
	fix_open(&f, NULL);
	spinner_start(&s[0], &t[0], &f, false);
	spinner_start(&s[1], &t[1], &f, false);
	for (i = 0; i < 50; i++)
		gc_collect(f.m, GC_MINOR, GC_REASON_TESTING);
	st = stats(&f);
	assert_int_equal(st.mutators, 3);
	assert_int_equal(safepoint_events(&f, &slowest, &waited), st.safepoints);
	/* Both run between two stops: who was parked comes out before the next one. */
	assert_true(st.safepoints >= 49 && waited >= 98);
	assert_int_equal(slowest, st.max_safepoint_ns);
	assert_true(slowest > 0 && st.safepoint_ns >= slowest);
	spinner_end(&s[0], t[0], &f);
	spinner_end(&s[1], t[1], &f);
	fix_close(&f);
}

struct stubborn {
	struct fix f;
	atomic_int started;
	bool told;
};

static bool note_found(struct fix *f, const char *want)
{
	struct gc_ring_reader r;
	struct gc_record rec[64];
	struct gc_event ev;
	struct gc_seg seg = { 0 };
	bool found = false;
	uint64_t lost = 0;
	void *map;
	size_t len;
	int fd, n, i;

	fd = stats(f).events_fd;
	len = (size_t)lseek(fd, 0, SEEK_END);
	map = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, 0);
	assert_int_equal(gc_seg_attach_check(&seg, map, len), 0);
	gc_ring_reader_init(&seg, 0, 1, &r);
	while ((n = gc_ring_read(&seg, 0, &r, rec, 64, &lost)) > 0)
		for (i = 0; i < n;) {
			i += (int)gc_event_take(rec + i, (unsigned)(n - i), &ev);
			found |= ev.type == GC_EV_NOTE && strstr(ev.text, want);
		}
	munmap(map, len);
	return found;
}

/* Comes to no safepoint until the other's ring says that it is waited for. */
static void *be_late(void *arg)
{
	struct stubborn *s = arg;
	double deadline;
	char want[64];

	if (gc_mutator_attach(s->f.heap, &s->f.m))
		return NULL;
	snprintf(want, sizeof(want), "waits for thread %d:", (int)gettid());
	atomic_store(&s->started, 1);
	deadline = now_s() + 10;
	while (!s->told && now_s() < deadline) {
		usleep(1000);
		s->told = note_found(&s->f, want);
	}
	gc_mutator_detach(s->f.m);
	return NULL;
}

static void late_threads_are_named(void **state)
{
	struct stubborn s = { 0 };
	struct fix f;
	pthread_t t;

	(void)state;
	fix_open(&f, NULL);
	s.f = f;
	spawn(&t, be_late, &s);
	while (!atomic_load(&s.started))
		sched_yield();
	gc_collect(f.m, GC_MINOR, GC_REASON_TESTING);
	join(t);
	assert_true(s.told);
	assert_true(stats(&f).max_safepoint_ns > 200000000u);
	fix_close(&f);
}

struct churn {
	struct fix f;
	atomic_int *running;
	bool ok;
};

static bool keep_one(struct fix *f, uint64_t value)
{
	struct pair *p = NULL;
	GC_FRAME(f->m, p);

	p = pair_new(f, value);
	gc_safepoint(f->m);
	return p->value == value;
}

static void *attach_detach(void *arg)
{
	struct churn *c = arg;
	uint64_t i;

	c->ok = true;
	for (i = 0; i < 200 && c->ok; i++) {
		if (gc_mutator_attach(c->f.heap, &c->f.m)) {
			c->ok = false;
			break;
		}
		c->ok = keep_one(&c->f, i);
		gc_mutator_detach(c->f.m);
	}
	atomic_fetch_sub(c->running, 1);
	return NULL;
}

/* This thread does nothing but collect, and starves nobody. */
static void attach_and_detach_during_collections(void **state)
{
	atomic_int running = 4;
	struct churn c[4];
	pthread_t t[4];
	struct fix f;
	int i;

	(void)state;
	fix_open(&f, NULL);
	for (i = 0; i < 4; i++) {
		c[i] = (struct churn){ .f = f, .running = &running };
		spawn(&t[i], attach_detach, &c[i]);
	}
	for (i = 0; atomic_load(&running); i++)
		gc_collect(f.m, i % 8 ? GC_MINOR : GC_FULL, GC_REASON_TESTING);
	for (i = 0; i < 4; i++) {
		join(t[i]);
		assert_true(c[i].ok);
	}
	assert_int_equal(stats(&f).mutators, 1);
	fix_close(&f);
}

/* Each thread collects one heap and is a mutator of all: none waits for another in a ring. */
#define NHEAPS 3

struct of_heaps {
	struct gc_heap *heap[NHEAPS];
	unsigned id;
	bool ok;
};

static void *collect_own(void *arg)
{
	struct gc_mutator *m[NHEAPS];
	struct of_heaps *r = arg;
	int i, n;

	r->ok = true;
	for (i = 0; i < NHEAPS; i++)
		r->ok &= !gc_mutator_attach(r->heap[i], &m[i]);
	for (n = 0; n < 100; n++)
		r->ok &= !gc_collect(m[r->id], GC_MINOR, GC_REASON_TESTING) &&
			 gc_alloc_array(m[n % NHEAPS], gc_type_bytes(r->heap[n % NHEAPS]), 9000);
	for (i = 0; i < NHEAPS; i++)
		gc_mutator_detach(m[i]);
	return NULL;
}

static void threads_of_several_heaps(void **state)
{
	struct of_heaps r[NHEAPS];
	pthread_t t[NHEAPS];
	struct fix f[NHEAPS];
	unsigned i, k;

	(void)state;
	for (i = 0; i < NHEAPS; i++)
		fix_open(&f[i], NULL);
	for (i = 0; i < NHEAPS; i++)
		gc_blocking_begin(f[i].m);
	for (i = 0; i < NHEAPS; i++) {
		r[i].id = i;
		for (k = 0; k < NHEAPS; k++)
			r[i].heap[k] = f[k].heap;
		spawn(&t[i], collect_own, &r[i]);
	}
	for (i = 0; i < NHEAPS; i++) {
		join(t[i]);
		assert_true(r[i].ok);
	}
	for (i = 0; i < NHEAPS; i++) {
		gc_blocking_end(f[i].m);
		assert_true(stats(&f[i]).minor_count >= 100);
		fix_close(&f[i]);
	}
}

struct crowd {
	struct gc_heap *heap;
	pthread_barrier_t here, leave;
	atomic_int attached, full, other;
};

static void *attach_and_wait(void *arg)
{
	struct crowd *c = arg;
	struct gc_mutator *m;
	int rc = gc_mutator_attach(c->heap, &m);

	if (!rc)
		gc_blocking_begin(m);
	atomic_fetch_add(rc == 0 ? &c->attached : rc == -ENOSPC ? &c->full : &c->other, 1);
	pthread_barrier_wait(&c->here);
	pthread_barrier_wait(&c->leave);
	if (!rc) {
		gc_blocking_end(m);
		gc_mutator_detach(m);
	}
	return NULL;
}

static void as_many_as_there_may_be(void **state)
{
	pthread_t t[GC_MUTATORS_MAX + 1];
	struct crowd c = { 0 };
	struct fix f;
	int i;

	(void)state;
	fix_open(&f, NULL);
	c.heap = f.heap;
	pthread_barrier_init(&c.here, NULL, GC_MUTATORS_MAX + 2);
	pthread_barrier_init(&c.leave, NULL, GC_MUTATORS_MAX + 2);
	for (i = 0; i <= GC_MUTATORS_MAX; i++)
		spawn(&t[i], attach_and_wait, &c);
	pthread_barrier_wait(&c.here);
	assert_int_equal(c.attached, GC_MUTATORS_MAX - 1);
	assert_int_equal(c.full, 2);
	assert_int_equal(c.other, 0);
	gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
	gc_blocking_begin(f.m);
	pthread_barrier_wait(&c.leave);
	for (i = 0; i <= GC_MUTATORS_MAX; i++)
		join(t[i]);
	gc_blocking_end(f.m);
	pthread_barrier_destroy(&c.here);
	pthread_barrier_destroy(&c.leave);
	fix_close(&f);
}

/* --- services that any thread may use ----------------------------------------------- */

static void *adjust(void *heap)
{
	int i;

	for (i = 0; i < 64; i++)
		gc_external_adjust(heap, GC_CLASS_ARRAY_BUFFERS, (int64_t)MIB(1));
	return NULL;
}

static void external_from_an_unregistered_thread(void **state)
{
	pthread_t t[2];
	struct fix f;

	(void)state;
	fix_open(&f, NULL);
	spawn(&t[0], adjust, f.heap);
	spawn(&t[1], adjust, f.heap);
	join(t[0]);
	join(t[1]);
	assert_int_equal(stats(&f).array_buffers, MIB(128));
	assert_int_equal(stats(&f).major_count, 0);
	gc_safepoint(f.m); /* the goal was passed: one major, not one a thread */
	assert_int_equal(stats(&f).major_count, 1);
	gc_safepoint(f.m);
	assert_int_equal(stats(&f).major_count, 1);
	gc_external_adjust(f.heap, GC_CLASS_ARRAY_BUFFERS, -(int64_t)MIB(128));
	fix_close(&f);
}

struct services {
	struct fix f;
	unsigned id;
	bool ok;
};

static void nothing(struct gc_visitor *v, void *arg)
{
	(void)v;
	(void)arg;
}

/* Types, providers, regions, classes: one of each, named or numbered after the thread. */
static bool use_tables(struct services *s, unsigned i)
{
	char name[32];
	struct gc_type_desc d = GC_TYPE_INIT(.name = name, .kind = GC_DATA, .size = 24);
	const struct gc_type *type;
	int id;

	snprintf(name, sizeof(name), "type %u of %u", i, s->id);
	if (gc_type_register(s->f.heap, &d, &type) ||
	    strcmp(gc_type_name(s->f.heap, type), name) != 0 ||
	    gc_type_of(s->f.heap, gc_alloc(s->f.m, type)) != type)
		return false;
	id = gc_add_root_provider(s->f.heap, nothing, NULL);
	if (id < 0 || gc_remove_root_provider(s->f.heap, id))
		return false;
	id = gc_region_register(s->f.heap, name, s, sizeof(*s));
	return id >= 0 && !gc_region_unregister(s->f.heap, id);
}

static bool use_globals(struct services *s, unsigned i)
{
	struct gc_global *one, *two;
	bool ok;

	one = gc_global_new(s->f.m, pair_new(&s->f, i));
	two = gc_global_new(s->f.m, NULL);
	gc_alloc_array(s->f.m, s->f.bytes, 20000);
	gc_global_set(s->f.m, two, gc_global_get(one));
	gc_alloc_array(s->f.m, s->f.bytes, 20000);
	ok = gc_global_get(one) == gc_global_get(two) &&
	     ((struct pair *)gc_global_get(two))->value == i;
	gc_global_free(s->f.m, one);
	gc_global_free(s->f.m, two);
	return ok;
}

/* Identities, pins, weak references, a weak map and finalizers of an object of its own. */
static bool use_side_tables(struct services *s, unsigned i)
{
	struct gc_mutator *m = s->f.m;
	struct pair *p = NULL, *pinned = NULL;
	struct gc_weakmap *map;
	struct gc_weak *weak;
	struct gc_pin *pin;
	uint64_t id;
	bool ok;
	GC_FRAME(m, p, pinned);

	p = pair_new(&s->f, i);
	id = gc_id(m, p);
	weak = gc_weak_new(m, p);
	map = gc_weakmap_new(m, NULL);
	pinned = pair_new(&s->f, i + 1);
	pin = gc_pin(m, pinned);
	ok = !gc_weakmap_set(m, map, p, pinned) && !gc_finalizer_add(m, pair_new(&s->f, i), map);
	gc_alloc_array(m, s->f.bytes, 20000);
	gc_alloc_array(m, s->f.bytes, 20000);
	ok &= gc_id(m, p) == id && gc_weak_get(m, weak) == p && gc_pin_get(pin) == pinned;
	ok &= gc_weakmap_get(m, map, p, NULL) == pinned && pinned->value == i + 1;
	gc_unpin(m, pin);
	gc_weak_free(m, weak);
	gc_weakmap_free(m, map);
	/* Whose object it was does not matter: the queue is everybody's. */
	gc_finalizer_next(m, NULL);
	return ok;
}

static void *use_services(void *arg)
{
	struct services *s = arg;
	unsigned i;

	if (gc_mutator_attach(s->f.heap, &s->f.m))
		return NULL;
	s->ok = true;
	for (i = 0; i < 100 && s->ok; i++)
		s->ok = use_tables(s, i) && use_globals(s, i) && use_side_tables(s, i);
	gc_mutator_detach(s->f.m);
	return NULL;
}

static void tables_shared_by_threads(void **state)
{
	struct services s[4];
	pthread_t t[4];
	struct fix f;
	unsigned i;

	(void)state;
	fix_open(&f, NULL);
	gc_blocking_begin(f.m);
	for (i = 0; i < 4; i++) {
		s[i] = (struct services){ .f = f, .id = i };
		spawn(&t[i], use_services, &s[i]);
	}
	for (i = 0; i < 4; i++)
		join(t[i]);
	gc_blocking_end(f.m);
	for (i = 0; i < 4; i++)
		assert_true(s[i].ok);
	assert_true(stats(&f).minor_count > 10);
	fix_close(&f);
}

/* The hard limit holds for all together: what one thread fits in, the other cannot. */
struct limited {
	struct fix f;
	pthread_barrier_t *start;
	unsigned got;
};

static void oom_ignore(struct gc_heap *h, size_t wanted, void *arg)
{
	(void)h;
	(void)wanted;
	(void)arg;
}

static void *take_all(void *arg)
{
	struct limited *l = arg;
	struct gc_bytes *mine[16] = { NULL };
	gc_handle handle;
	unsigned i;

	if (gc_mutator_attach(l->f.heap, &l->f.m))
		return NULL;
	for (i = 0; i < 16; i++) {
		mine[i] = gc_alloc_array(l->f.m, l->f.bytes, MIB(1));
		if (!mine[i])
			break;
		handle = gc_handle_new(l->f.m, mine[i]);
		l->got += *handle == mine[i];
	}
	gc_blocking_begin(l->f.m);
	pthread_barrier_wait(l->start); /* both hold what they got */
	gc_blocking_end(l->f.m);
	gc_mutator_detach(l->f.m);
	return NULL;
}

static void one_limit_for_all(void **state)
{
	struct gc_options o = { .struct_size = sizeof(o), .old_limit = MIB(9), .verify = 1 };
	struct limited l[2];
	pthread_barrier_t bar;
	pthread_t t[2];
	struct fix f;
	unsigned i;

	(void)state;
	fix_open(&f, &o);
	gc_set_oom(f.heap, oom_ignore, NULL);
	pthread_barrier_init(&bar, NULL, 2);
	gc_blocking_begin(f.m);
	for (i = 0; i < 2; i++) {
		l[i] = (struct limited){ .f = f, .start = &bar };
		spawn(&t[i], take_all, &l[i]);
	}
	join(t[0]);
	join(t[1]);
	gc_blocking_end(f.m);
	assert_int_equal(l[0].got + l[1].got, 8);
	pthread_barrier_destroy(&bar);
	fix_close(&f);
}

/* --- fork ---------------------------------------------------------------------------- */

static void child_is(pid_t pid)
{
	int status;

	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void *child_thread(void *arg)
{
	struct fix f = *(struct fix *)arg;
	int i;

	if (gc_mutator_attach(f.heap, &f.m))
		return NULL;
	for (i = 0; i < 10000; i++)
		if (!gc_alloc(f.m, f.pair))
			return NULL;
	gc_mutator_detach(f.m);
	return arg;
}

/* In the child: the heap is whole and can do all it could. 0, or which step failed. */
static int child_uses_heap(struct fix *f, struct pair *mine)
{
	char why[256] = "";
	void *ret = NULL;
	pthread_t t;
	int i, step = 0;
	GC_FRAME(f->m, mine);

	if (stats(f).mutators != 1)
		step = 1;
	else if (gc_verify(f->m, why, sizeof(why)))
		step = 2;
	for (i = 0; i < 20000 && !step; i++)
		if (!gc_alloc(f->m, f->pair))
			step = 3;
	if (!step && gc_collect(f->m, GC_FULL, GC_REASON_TESTING))
		step = 4;
	if (!step && mine->value != 5)
		step = 5;
	if (step || !CHILD_THREADS)
		return step;
	if (pthread_create(&t, NULL, child_thread, f))
		return 6;
	gc_blocking_begin(f->m);
	pthread_join(t, &ret);
	gc_blocking_end(f->m);
	if (!ret)
		return 7;
	return gc_verify(f->m, why, sizeof(why)) || mine->value != 5 ? 8 : 0;
}

static int child_ends(struct fix *f)
{
	gc_mutator_detach(f->m);
	return gc_heap_destroy(f->heap) ? 9 : 0;
}

static void forks(struct fix *f, struct pair *mine)
{
	pid_t pid;
	int i, rc;
	GC_FRAME(f->m, mine);

	for (i = 0; i < 5; i++) {
		pid = fork();
		if (!pid) {
			rc = child_uses_heap(f, mine);
			_exit(rc);
		}
		child_is(pid);
		gc_collect(f->m, GC_MINOR, GC_REASON_TESTING);
	}
}

static void fork_while_others_run(void **state)
{
	struct spinner s[2];
	pthread_t t[2];
	struct fix f;

	(void)state;
	fix_open(&f, NULL);
	spinner_start(&s[0], &t[0], &f, true);
	spinner_start(&s[1], &t[1], &f, true);
	forks(&f, pair_new(&f, 5));
	spinner_end(&s[0], t[0], &f);
	spinner_end(&s[1], t[1], &f);
	fix_close(&f);
}

struct collector {
	struct fix f;
	atomic_int collections, stop;
};

static void *collect_until(void *arg)
{
	struct collector *c = arg;

	if (gc_mutator_attach(c->f.heap, &c->f.m))
		return NULL;
	while (!atomic_load(&c->stop)) {
		gc_collect(c->f.m, GC_FULL, GC_REASON_TESTING);
		atomic_fetch_add(&c->collections, 1);
	}
	gc_mutator_detach(c->f.m);
	return NULL;
}

/* The collection of the other thread ends first, as the child's verifier sees. */
static void fork_during_collections(void **state)
{
	struct collector c = { 0 };
	struct fix f;
	pthread_t t;

	(void)state;
	fix_open(&f, NULL);
	c.f = f;
	spawn(&t, collect_until, &c);
	while (!atomic_load(&c.collections))
		gc_safepoint(f.m);
	forks(&f, pair_new(&f, 5));
	atomic_store(&c.stop, 1);
	gc_blocking_begin(f.m);
	join(t);
	gc_blocking_end(f.m);
	fix_close(&f);
}

/* What the frames of vanished threads held is free in the child; the caller's is not. */
static void fork_in_a_blocking_region(void **state)
{
	struct spinner s;
	struct pair *p = NULL;
	struct fix f;
	pthread_t t;
	size_t used;
	pid_t pid;
	int rc;

	(void)state;
	fix_open(&f, NULL);
	spinner_start(&s, &t, &f, true);
	{
		GC_FRAME(f.m, p);
		p = pair_new(&f, 5);
		gc_blocking_begin(f.m);
		pid = fork();
		if (!pid) {
			gc_blocking_end(f.m);
			gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
			used = stats(&f).heap_used;
			rc = used == sizeof(struct pair) + 8 ? 0 : 20;
			gc_frames_restore(f.m, NULL);
			_exit(rc ? rc : child_uses_heap(&f, p) + child_ends(&f));
		}
		child_is(pid);
		gc_blocking_end(f.m);
		assert_int_equal(p->value, 5);
	}
	spinner_end(&s, t, &f);
	fix_close(&f);
}

static void *fork_alone(void *arg)
{
	struct fix *f = arg;
	struct gc_mutator *m;
	pid_t pid;

	pid = fork(); /* of a thread that is no mutator */
	if (pid)
		return (void *)(intptr_t)pid;
	if (gc_mutator_attach(f->heap, &m))
		_exit(1);
	f->m = m;
	_exit(stats(f).mutators != 1 || !gc_alloc(m, f->pair) || gc_collect(m, GC_FULL, 8) ? 2 : 0);
}

static void fork_of_an_unregistered_thread(void **state)
{
	struct fix f, copy;
	pthread_t t;

	(void)state;
	fix_open(&f, NULL);
	copy = f;
	gc_blocking_begin(f.m);
	spawn(&t, fork_alone, &copy);
	child_is((pid_t)(intptr_t)join(t));
	gc_blocking_end(f.m);
	fix_close(&f);
}

/* --- reports of bad use -------------------------------------------------------------- */

typedef void (*bad_fn)(struct fix *f);

static void child_misbehaves(int fd, bad_fn bad)
{
	struct rlimit none = { 0, 0 };
	struct fix f;

	setrlimit(RLIMIT_CORE, &none);
	signal(SIGABRT, SIG_DFL); /* cmocka has a handler */
	dup2(fd, 2);
	fix_open(&f, NULL);
	bad(&f);
	_exit(0);
}

/* The program ends with abort() and one line that says why. */
static void ends_with(bad_fn bad, const char *want)
{
	char text[4096] = "", line[300];
	int fds[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (!pid)
		child_misbehaves(fds[1], bad);
	close(fds[1]);
	while ((n = read(fds[0], text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	snprintf(line, sizeof(line), "libmpgc: %s\n", want);
	if (!strstr(text, line))
		print_error("wanted: %sgot: %s\n", line, text);
	assert_non_null(strstr(text, line));
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void *alloc_as_main(void *arg)
{
	struct fix *f = arg;

	gc_alloc_array(f->m, f->bytes, 30000);
	return NULL;
}

static void never_registered(struct fix *f)
{
	pthread_t t;

	spawn(&t, alloc_as_main, f);
	join(t);
}

static void detach_with_frame(struct fix *f)
{
	void *p = NULL;
	GC_FRAME(f->m, p);

	gc_mutator_detach(f->m);
}

static void end_without_begin(struct fix *f)
{
	gc_blocking_begin(f->m);
	gc_blocking_end(f->m);
	gc_blocking_end(f->m);
}

static void alloc_while_blocking(struct fix *f)
{
	gc_alloc(f->m, f->pair); /* there is a buffer with room */
	gc_blocking_begin(f->m);
	gc_alloc(f->m, f->pair);
}

static void array_while_blocking(struct fix *f)
{
	gc_alloc(f->m, f->pair);
	gc_blocking_begin(f->m);
	gc_alloc_array(f->m, f->bytes, 10);
}

static void begin_twice(struct fix *f)
{
	gc_blocking_begin(f->m);
	gc_blocking_begin(f->m);
}

static void *attach_and_end(void *arg)
{
	struct gc_mutator *m;

	gc_mutator_attach(arg, &m);
	return NULL;
}

static void end_attached(struct fix *f)
{
	pthread_t t;

	spawn(&t, attach_and_end, f->heap);
	gc_blocking_begin(f->m);
	join(t);
}

/* What `arg` names is done by a root provider, in the middle of a collection. */
enum inside { DESTROY, COLLECT, ALLOC, STATS, FORK, ATTACH, CREATE };

struct callback {
	struct fix *f;
	enum inside what;
};

static void in_provider(struct gc_visitor *v, void *arg)
{
	struct callback *c = arg;
	struct gc_mutator *m;
	struct gc_heap *heap;

	(void)v;
	switch (c->what) {
	case DESTROY:
		gc_heap_destroy(c->f->heap);
		break;
	case COLLECT:
		gc_collect(c->f->m, GC_MINOR, GC_REASON_TESTING);
		break;
	case ALLOC:
		gc_alloc(c->f->m, c->f->pair);
		break;
	case STATS:
		stats(c->f);
		break;
	case FORK:
		fork();
		break;
	case ATTACH:
		gc_mutator_attach(c->f->heap, &m);
		break;
	case CREATE:
		gc_heap_create(NULL, &heap);
		break;
	}
}

static void inside(struct fix *f, enum inside what)
{
	struct callback c = { f, what };

	gc_alloc(f->m, f->pair);
	gc_add_root_provider(f->heap, in_provider, &c);
	gc_collect(f->m, GC_MINOR, GC_REASON_TESTING);
}

static void destroy_inside(struct fix *f)
{
	inside(f, DESTROY);
}
static void collect_inside(struct fix *f)
{
	inside(f, COLLECT);
}
static void alloc_inside(struct fix *f)
{
	inside(f, ALLOC);
}
static void stats_inside(struct fix *f)
{
	inside(f, STATS);
}
static void fork_inside(struct fix *f)
{
	inside(f, FORK);
}
static void attach_inside(struct fix *f)
{
	inside(f, ATTACH);
}
static void create_inside(struct fix *f)
{
	inside(f, CREATE);
}

static void misuse_is_told(void **state)
{
	const char *blocking =
		"the heap was used between gc_blocking_begin() and gc_blocking_end()";
	const char *used = "a callback of the collector used the heap that is being collected";

	(void)state;
	ends_with(never_registered, "a thread used the mutator of another: each thread that uses a "
				    "heap calls gc_mutator_attach() itself");
	ends_with(detach_with_frame, "gc_mutator_detach with an open GC_FRAME");
	ends_with(end_without_begin, "gc_blocking_end without gc_blocking_begin");
	ends_with(alloc_while_blocking, blocking);
	ends_with(array_while_blocking, blocking);
	ends_with(begin_twice, blocking);
	ends_with(end_attached, "a thread ended without gc_mutator_detach()");
	ends_with(alloc_inside, used);
	ends_with(stats_inside, used);
	ends_with(destroy_inside, "gc_heap_destroy inside a callback of the collector");
	ends_with(collect_inside, "a collection was asked for inside a callback of the collector");
	ends_with(fork_inside, "fork() inside a callback of the collector");
	ends_with(attach_inside, "gc_mutator_attach inside a callback of the collector");
	ends_with(create_inside, "gc_heap_create inside a callback of the collector");
}

/* A destructor of the program's own may detach after ours has run. */
static void detach_at_exit(void *m)
{
	gc_mutator_detach(m);
}

static pthread_key_t late_key;

static void *detach_late(void *arg)
{
	struct gc_mutator *m;

	if (gc_mutator_attach(arg, &m))
		return NULL;
	pthread_setspecific(late_key, m);
	return arg;
}

static void detached_by_a_destructor(void **state)
{
	struct fix f;
	pthread_t t;

	(void)state;
	fix_open(&f, NULL);
	assert_int_equal(pthread_key_create(&late_key, detach_at_exit), 0);
	spawn(&t, detach_late, f.heap);
	assert_ptr_equal(join(t), f.heap);
	assert_int_equal(stats(&f).mutators, 1);
	pthread_key_delete(late_key);
	fix_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(trees_in_a_shared_array),
		cmocka_unit_test(trees_in_a_large_shared_array),
		cmocka_unit_test(graph_written_by_all),
		cmocka_unit_test(logged_once),
		cmocka_unit_test(collected_once),
		cmocka_unit_test(blocked_in_a_system_call),
		cmocka_unit_test(time_to_safepoint),
		cmocka_unit_test(late_threads_are_named),
		cmocka_unit_test(attach_and_detach_during_collections),
		cmocka_unit_test(threads_of_several_heaps),
		cmocka_unit_test(as_many_as_there_may_be),
		cmocka_unit_test(external_from_an_unregistered_thread),
		cmocka_unit_test(tables_shared_by_threads),
		cmocka_unit_test(one_limit_for_all),
		cmocka_unit_test(fork_while_others_run),
		cmocka_unit_test(fork_during_collections),
		cmocka_unit_test(fork_in_a_blocking_region),
		cmocka_unit_test(fork_of_an_unregistered_thread),
		cmocka_unit_test(misuse_is_told),
		cmocka_unit_test(detached_by_a_destructor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
