/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * threads.c - several threads count keys in one hash map on the collector's heap.
 *
 * Each thread is a mutator. The map is an array of lists; a lock guards each part of
 * the array. What to copy from here: a thread that has to wait for a lock does so in
 * a blocking region, because the holder may be in a collection that waits for it.
 *
 * usage: threads [-vcq] [-g PERCENT] [-p MICROSECONDS] [THREADS]; the options are those of example.h
 */
#include <pthread.h>

#include "gc/examples/example.h"

#define BUCKETS	    4096
#define LOCKS	    64
#define DISTINCT    20011 /* keys are below this */
#define THREADS_MAX 64
#define KEYS	    100000 /* that each thread counts */

struct node {
	struct node *next;
	uint64_t key, count;
};

static struct gc_heap *heap;
static const struct gc_type *node_type;
static struct gc_global *map; /* struct gc_refs of BUCKETS lists of nodes */
static pthread_mutex_t locks[LOCKS];

static void lock(struct gc_mutator *m, pthread_mutex_t *l)
{
	if (!pthread_mutex_trylock(l))
		return;
	gc_blocking_begin(m);
	pthread_mutex_lock(l);
	gc_blocking_end(m);
}

static struct node *find(const struct gc_refs *buckets, uint64_t key)
{
	struct node *n = buckets->ref[key % BUCKETS];

	while (n && n->key != key)
		n = n->next;
	return n;
}

static void insert(struct gc_mutator *m, uint64_t key)
{
	struct node *n = must(gc_alloc(m, node_type));
	struct gc_refs *buckets = gc_global_get(map);

	n->key = key;
	n->count = 1;
	n->next = buckets->ref[key % BUCKETS]; /* n is new: a plain store */
	gc_write(m, buckets, &buckets->ref[key % BUCKETS], n);
}

static void count(struct gc_mutator *m, uint64_t key)
{
	pthread_mutex_t *l = &locks[key % BUCKETS % LOCKS];
	struct node *n;

	lock(m, l); /* COLLECTS: there is no reference in a variable yet */
	n = find(gc_global_get(map), key);
	if (n)
		n->count++;
	else
		insert(m, key);
	pthread_mutex_unlock(l);
}

/* The same sequence for the same seed: xorshift. Every key is also made into a text
 * that is garbage at once. */
static void *work(void *arg)
{
	uint64_t x = 0x9e3779b97f4a7c15u * (1 + (uintptr_t)arg);
	struct gc_mutator *m;
	struct gc_bytes *text;
	unsigned i;

	if (gc_mutator_attach(heap, &m))
		exit(1);
	for (i = 0; i < KEYS; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		text = must(gc_alloc_array(m, gc_type_bytes(heap), 32));
		snprintf((char *)text->data, 32, "%llu", (unsigned long long)(x % DISTINCT));
		count(m, strtoull((char *)text->data, NULL, 10));
	}
	gc_mutator_detach(m);
	return NULL;
}

static void run(struct gc_mutator *m, unsigned n)
{
	pthread_t t[THREADS_MAX];
	uintptr_t i;

	gc_blocking_begin(m);
	for (i = 0; i < n; i++)
		if (pthread_create(&t[i], NULL, work, (void *)i))
			exit(1);
	for (i = 0; i < n; i++)
		pthread_join(t[i], NULL);
	gc_blocking_end(m);
}

static void report(unsigned n)
{
	const struct gc_refs *buckets = gc_global_get(map);
	uint64_t different = 0, total = 0, check = 0;
	const struct node *e;
	unsigned i;

	for (i = 0; i < BUCKETS; i++)
		for (e = buckets->ref[i]; e; e = e->next) {
			different++;
			total += e->count;
			check += e->key * e->count;
		}
	printf("%u threads counted %llu keys, %llu different, check %llu\n", n,
	       (unsigned long long)total, (unsigned long long)different, (unsigned long long)check);
}

static void setup(struct gc_mutator *m)
{
	struct gc_type_desc desc = GC_TYPE_INIT(.name = "node", .kind = GC_BITMAP64,
						.size = sizeof(struct node), .bitmap = 1);
	unsigned i;

	if (gc_type_register(heap, &desc, &node_type))
		exit(1);
	for (i = 0; i < LOCKS; i++)
		pthread_mutex_init(&locks[i], NULL);
	map = must(gc_global_new(m, must(gc_alloc_array(m, gc_type_refs(heap), BUCKETS))));
}

int main(int argc, char **argv)
{
	struct example ex = example_start("threads", argc, argv, 4);
	struct gc_mutator *m;

	if (ex.n < 1 || ex.n > THREADS_MAX || gc_heap_create(&ex.opts, &heap) ||
	    gc_mutator_attach(heap, &m))
		return 1;
	setup(m);
	run(m, (unsigned)ex.n);
	report((unsigned)ex.n);
	example_report(&ex, heap);
	gc_mutator_detach(m);
	return gc_heap_destroy(heap) != 0;
}
