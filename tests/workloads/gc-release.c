/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gc-release ADVICE ROUNDS - a heap of libmpgc that gives pages back in every way it
 * knows: spikes of small and large objects that are dropped, forced collections, the
 * release thread, gc_release_all() by this thread and by another one, and zeroing of
 * reused page runs. ADVICE is dontneed or free. Two threads allocate.
 *
 * Prints as its last step how many bytes it gave back and how many collections it had.
 */
#include <pthread.h>

#include "gc/gc.h"
#include "gc/gc_segment.h"
#include "step.h"

#define MIB(n) ((size_t)(n) << 20)

struct node {
	struct node *next;
	char data[504];
};

static struct gc_heap *heap;
static const struct gc_type *node_type;

static void spike(struct gc_mutator *m, size_t bytes)
{
	struct node *list = NULL, *n;
	GC_FRAME(m, list);

	for (size_t i = 0; i < bytes / sizeof(*n); i++) {
		n = gc_alloc(m, node_type);
		gc_write(m, n, &n->next, list);
		list = n;
	}
}

static void large(struct gc_mutator *m, size_t bytes)
{
	struct gc_bytes *b = gc_alloc_array(m, gc_type_bytes(heap), bytes);

	memset(b->data, 1, b->len);
}

static void *other(void *arg)
{
	struct gc_mutator *m;

	(void)arg;
	if (gc_mutator_attach(heap, &m))
		exit(97);
	spike(m, MIB(6));
	gc_collect(m, GC_FULL, GC_REASON_FORCED);
	gc_mutator_detach(m);
	gc_release_all(heap); /* as a thread that is no mutator */
	return NULL;
}

static bool owes(size_t released)
{
	struct gc_stats st;

	gc_stats(heap, &st);
	return st.owed && st.released_total == released;
}

/* Until the release thread has found something, 5 s at most: pages are due after 1 ms. */
static void wait_for_thread(void)
{
	struct gc_stats st;
	int left = 5000;

	gc_stats(heap, &st);
	while (owes(st.released_total) && left--)
		usleep(1000);
}

static void round_of(struct gc_mutator *m, int i)
{
	pthread_t t;

	spike(m, MIB(12));
	large(m, MIB(9));
	gc_collect(m, GC_FULL, GC_REASON_FORCED);
	if (i % 2)
		wait_for_thread();
	large(m, MIB(8)); /* on dirty pages, if they are still there: zeroed by the kernel */
	gc_collect(m, GC_MAJOR, GC_REASON_FORCED);
	gc_release_all(heap);
	gc_blocking_begin(m);
	if (pthread_create(&t, NULL, other, NULL) || pthread_join(t, NULL))
		exit(96);
	gc_blocking_end(m);
}

int main(int argc, char **argv)
{
	struct gc_type_desc d = GC_TYPE_INIT(.name = "node", .kind = GC_BITMAP64,
					     .size = sizeof(struct node), .bitmap = 1);
	struct gc_options o = { .struct_size = sizeof(o),
				.name = "released",
				.young_max = MIB(1),
				.release_delay_ms = 1 };
	int arg = step_begin(argc, argv);
	struct gc_mutator *m;
	struct gc_stats st;
	long rounds = step_num(argc, argv, arg + 1, 4);

	o.release_advice = arg < argc && !strcmp(argv[arg], "free") ? GC_ADVICE_FREE
								    : GC_ADVICE_DONTNEED;
	step("start");
	if (gc_heap_create(&o, &heap) || gc_mutator_attach(heap, &m) ||
	    gc_type_register(heap, &d, &node_type))
		return 95;
	step("heap");
	for (long i = 0; i < rounds; i++)
		round_of(m, (int)i);
	gc_mutator_detach(m);
	gc_stats(heap, &st);
	step("done released=%zu collections=%zu", st.released_total,
	     (size_t)(st.minor_count + st.major_count));
	return gc_heap_destroy(heap) ? 94 : 0;
}
