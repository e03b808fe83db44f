/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * scenarios_demo.c - the table of scenarios, and the staged experiment. Scenarios are the
 * only part of memprof that uses the collector: they run in the child that is watched,
 * never in the watcher.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "gc/gc.h"
#include "gc/gc_segment.h"
#include "user/cmd/scenarios.h"
#include "user/cmd/scenarios_demo.h"

void demo_hold(struct gc_mutator *m, unsigned ms)
{
	struct timespec ts = { .tv_nsec = 20 * 1000000L };

	for (unsigned t = 0; t < ms; t += 20) {
		clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
		if (m)
			gc_tick(m);
	}
}

#define GIVE_BACK_MS 15000

/* Holds until the collector has given `bytes` more back than `before`: it begins after
 * a second and spends a tenth of a processor on it. */
static void hold_release(struct gc_mutator *m, size_t before, size_t bytes)
{
	struct gc_stats st;

	for (unsigned ms = 0; ms < GIVE_BACK_MS; ms += 20) {
		gc_stats(gc_mutator_heap(m), &st);
		if (st.released_total - before >= bytes)
			return;
		demo_hold(m, 20);
	}
}

static void stage(struct gc_mutator *m, const char *text)
{
	gc_note(gc_mutator_heap(m), text);
}

/* Writes every page of the array, in 20 steps over about `ms`. */
static void touch_all(struct gc_mutator *m, void **slot, size_t size, unsigned ms)
{
	size_t step = size / 20;

	for (size_t at = 0; at < size; at += step) {
		size_t n = size - at < step ? size - at : step;

		memset((char *)*slot + at, 1, n);
		demo_hold(m, ms / 20);
	}
}

/* The staged experiment: a large array is promised, touched, dropped, collected,
 * given back, and its address range used again. */
static int run_lazy(unsigned pace)
{
	struct gc_options o = GC_OPTIONS_INIT;
	struct gc_heap *heap;
	struct gc_mutator *m;
	struct gc_stats st;
	void *b = NULL;
	int err;

	o.name = "lazy";
	err = gc_heap_create(&o, &heap);
	if (err)
		return err;
	err = gc_mutator_attach(heap, &m);
	if (err)
		return err;
	{
		GC_FRAME(m, b);
		demo_hold(m, pace / 2);
		stage(m, "1 make 600 MB, untouched");
		b = gc_alloc_array(m, gc_type_bytes(heap), 600 * MIB);
		demo_hold(m, pace);
		stage(m, "2 three bytes written");
		((char *)b)[500] = 1;
		((char *)b)[100000] = 1;
		((char *)b)[104000] = 1;
		demo_hold(m, pace);
		stage(m, "3 every byte written");
		touch_all(m, &b, 600 * MIB, pace);
		demo_hold(m, pace);
		stage(m, "4 dropped and collected");
		b = NULL;
		gc_stats(heap, &st);
		gc_collect(m, GC_FULL, GC_REASON_FORCED);
		hold_release(m, st.released_total, 600 * MIB);
		demo_hold(m, pace);
		stage(m, "5 make 300 MB, written");
		b = gc_alloc_array(m, gc_type_bytes(heap), 300 * MIB);
		touch_all(m, &b, 300 * MIB, pace / 2);
		demo_hold(m, pace);
		stage(m, "6 end");
		demo_hold(m, pace / 2);
	}
	return 0; /* the process ends with its heap, so that its last picture shows it */
}

const struct mp_scenario mp_scenarios[] = {
	{ "lazy", "600 MB promised, touched, freed, given back; then 300 MB in the same place",
	  run_lazy, 0 },
	{ "heap-leak", "requests leave entries in a map that nothing clears", demo_heap_leak, 0 },
	{ "cache-growth", "a cache fills: more and more of what is asked for is there",
	  demo_cache_growth, 0 },
	{ "queue-backlog", "produced faster than consumed, then drained", demo_queue_backlog, 0 },
	{ "heap-retained", "a burst is over and the collector keeps its room", demo_heap_retained,
	  0 },
	{ "heap-fragmented", "few pinned objects keep most blocks of the heap",
	  demo_heap_fragmented, 0 },
	{ "pinned-slice", "small views keep large buffers", demo_pinned_slice, 0 },
	{ "gc-thrash", "the live set is nearly the heap's limit", demo_gc_thrash, 0 },
	{ "heap-fills", "garbage up to a far goal: the live set does not grow", demo_heap_fills,
	  0 },
	{ "off-heap", "buffers outside of the heap, held by small objects in it", demo_off_heap,
	  0 },
	{ "native-retention", "a burst of malloc in threads, freed: the arenas stay",
	  demo_native_retention, 0 },
	{ "native-leak", "malloc without free", demo_native_leak, MP_SC_KILLED },
	{ "mmap-leak", "mappings that are never unmapped", demo_mmap_leak, MP_SC_KILLED },
	{ "thread-stacks", "more and more threads that wait for ever", demo_thread_stacks, 0 },
	{ "lazyfree", "given back with MADV_FREE: RSS counts it until memory is short",
	  demo_lazyfree, 0 },
	{ "thp-bloat", "a byte in each 2 MiB, and all of it is resident", demo_thp_bloat, 0 },
	{ "file-mmap", "a mapped file is read", demo_file_mmap, 0 },
	{ "fork-cow", "a parent writes while its snapshot lives", demo_fork_cow, MP_SC_FORKS },
	{ "multi-map", "one object mapped three times", demo_multi_map, 0 },
	{ "shmem-growth", "memfds that are never closed", demo_shmem_growth, 0 },
	{ "locked-memory", "200 MB locked, touched or not", demo_locked_memory, 0 },
	{ "remote-fill", "another process writes into this one", demo_remote_fill, 0 },
	{ NULL, NULL, NULL, 0 },
};
