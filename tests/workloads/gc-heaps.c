/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gc-heaps N - a process with N heaps of libmpgc, each of which holds a large array of
 * its own size: i+1 MiB, nothing of it touched. Then all but the first are destroyed.
 */
#include "gc/gc.h"
#include "gc/gc_segment.h"
#include "step.h"

#define MIB(n)	  ((size_t)(n) << 20)
#define HEAPS_MAX 8

static struct gc_heap *heap[HEAPS_MAX];
static struct gc_mutator *m[HEAPS_MAX];
static struct gc_bytes *kept[HEAPS_MAX];

static void visit(struct gc_visitor *v, void *arg)
{
	gc_visit(v, arg);
}

static void make(int i)
{
	struct gc_options o = { .struct_size = sizeof(o),
				.no_release_thread = 1,
				.reserve = MIB(512) };

	if (gc_heap_create(&o, &heap[i]) || gc_mutator_attach(heap[i], &m[i]) ||
	    gc_add_root_provider(heap[i], visit, &kept[i]) < 0)
		exit(95);
	kept[i] = gc_alloc_array(m[i], gc_type_bytes(heap[i]), MIB(i + 1));
	gc_external_adjust(heap[i], GC_CLASS_ARRAY_BUFFERS, (int64_t)MIB(10));
	gc_collect(m[i], GC_FULL, GC_REASON_FORCED);
}

static size_t used(int n)
{
	struct gc_stats st;
	size_t sum = 0;

	for (int i = 0; i < n; i++) {
		gc_stats(heap[i], &st);
		sum += st.heap_used;
	}
	return sum;
}

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv);
	int n = (int)step_num(argc, argv, arg, 3);

	if (n < 1 || n > HEAPS_MAX)
		return 96;
	step("start");
	for (int i = 0; i < n; i++)
		make(i);
	step("made heaps=%d used=%zu", n, used(n));
	for (int i = 0; i < n; i++)
		gc_collect(m[i], GC_FULL, GC_REASON_FORCED);
	step("collected used=%zu", used(n));
	for (int i = 1; i < n; i++) {
		gc_mutator_detach(m[i]);
		if (gc_heap_destroy(heap[i]))
			return 94;
	}
	step("destroyed used=%zu", used(1));
	return 0;
}
