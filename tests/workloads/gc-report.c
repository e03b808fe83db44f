/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gc-report [LIVE [SPIKE]] - a service on libmpgc that makes one large report (docs/tour.md):
 * LIVE megabytes stay, SPIKE megabytes are built over some seconds, dropped and collected.
 * The collector gives their pages up with MADV_FREE, so they stay resident until the kernel
 * needs them.
 */
#include <time.h>

#include "gc/gc.h"
#include "gc/gc_segment.h"
#include "step.h"

#define MIB   (1024UL * 1024)
#define CHUNK (256UL * 1024)

static struct gc_heap *heap;

static void pass(struct gc_mutator *m, long ms)
{
	struct timespec ts = { .tv_nsec = ms * 1000000 };

	gc_blocking_begin(m);
	clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
	gc_blocking_end(m);
	gc_tick(m);
}

/* Arrays of bytes, each written as it comes, `ms` apart. */
static struct gc_refs *build(struct gc_mutator *m, long mb, long ms)
{
	size_t n = (size_t)mb * MIB / CHUNK;
	struct gc_refs *all = NULL;
	struct gc_bytes *b = NULL;
	GC_FRAME(m, all, b);

	all = gc_alloc_array(m, gc_type_refs(heap), n);
	for (size_t i = 0; i < n; i++) {
		b = gc_alloc_array(m, gc_type_bytes(heap), CHUNK - 64);
		memset(b->data, 1, b->len);
		gc_write(m, all, &all->ref[i], b);
		if (i % 16 == 15)
			pass(m, ms);
	}
	return all;
}

static void report(struct gc_mutator *m, long mb)
{
	struct gc_refs *rows = NULL;
	GC_FRAME(m, rows);

	rows = build(m, mb, 40);
	gc_note(heap, "report sent");
}

int main(int argc, char **argv)
{
	struct gc_options o = GC_OPTIONS_INIT;
	struct gc_refs *table = NULL;
	struct gc_mutator *m;
	struct gc_stats st = { 0 };
	size_t was;
	int arg = step_begin(argc, argv);

	step("start");
	o.name = "service";
	o.release_advice = GC_ADVICE_FREE;
	if (gc_heap_create(&o, &heap) || gc_mutator_attach(heap, &m))
		return 95;
	GC_FRAME(m, table);
	table = build(m, step_num(argc, argv, arg, 60), 4);
	report(m, step_num(argc, argv, arg + 1, 240));
	gc_collect(m, GC_FULL, GC_REASON_FORCED);
	/* given up a bit at a time: until a second has brought nothing more */
	for (int still = 0; still < 50; still++) {
		pass(m, 20);
		was = st.released_total;
		gc_stats(heap, &st);
		if (!was || st.released_total != was)
			still = 0;
	}
	step("given bytes=%zu", st.released_total);
	gc_mutator_detach(m);
	return 0;
}
