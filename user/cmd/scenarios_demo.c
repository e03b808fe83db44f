/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * scenarios_demo.c - what the scenarios do. The only part of memprof that uses
 * the collector: it runs in the child that is watched, never in the watcher.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "gc/gc.h"
#include "gc/gc_segment.h"
#include "user/cmd/scenarios.h"

#define MIB  (1024UL * 1024)
#define PAGE 4096UL

/* Holds a stage for somebody watching; the collector's own work goes on. */
static void hold(struct gc_mutator *m, unsigned ms)
{
	struct timespec ts = { .tv_nsec = 20 * 1000000L };

	for (unsigned t = 0; t < ms; t += 20) {
		clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
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
		hold(m, 20);
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
		hold(m, ms / 20);
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
		hold(m, pace / 2);
		stage(m, "1 make 600 MB, untouched");
		b = gc_alloc_array(m, gc_type_bytes(heap), 600 * MIB);
		hold(m, pace);
		stage(m, "2 three bytes written");
		((char *)b)[500] = 1;
		((char *)b)[100000] = 1;
		((char *)b)[104000] = 1;
		hold(m, pace);
		stage(m, "3 every byte written");
		touch_all(m, &b, 600 * MIB, pace);
		hold(m, pace);
		stage(m, "4 dropped and collected");
		b = NULL;
		gc_stats(heap, &st);
		gc_collect(m, GC_FULL, GC_REASON_FORCED);
		hold_release(m, st.released_total, 600 * MIB);
		hold(m, pace);
		stage(m, "5 make 300 MB, written");
		b = gc_alloc_array(m, gc_type_bytes(heap), 300 * MIB);
		touch_all(m, &b, 300 * MIB, pace / 2);
		hold(m, pace);
		stage(m, "6 end");
		hold(m, pace / 2);
	}
	return 0; /* the process ends with its heap, so that its last picture shows it */
}

const struct mp_scenario mp_scenarios[] = {
	{ "lazy", "600 MB promised, touched, freed, given back; then 300 MB in the same place",
	  run_lazy },
	{ NULL, NULL, NULL },
};
