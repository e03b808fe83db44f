/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * mem.h - where the C peers get their memory: malloc and free, or the Boehm-Demers-
 * Weiser collector with -DBDWGC, which frees by itself. With an argument -v behind
 * the number the collector's pauses are printed at the end, on stderr.
 *
 * mem_new() does not clear: every program here writes each field of a new object.
 */
#ifndef PEERS_MEM_H
#define PEERS_MEM_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef BDWGC
#include <gc.h>

#define MEM_PAUSES 65536

static uint64_t mem_pause[MEM_PAUSES], mem_began;
static size_t mem_npauses;

static inline uint64_t mem_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* A pause is from the start of a collection to its end: the program stands still. */
static void mem_on_event(GC_EventType type)
{
	if (type == GC_EVENT_START)
		mem_began = mem_now();
	else if (type == GC_EVENT_END && mem_npauses < MEM_PAUSES)
		mem_pause[mem_npauses++] = mem_now() - mem_began;
}

static int mem_by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void mem_report(void)
{
	uint64_t sum = 0;
	size_t i;

	if (!mem_npauses)
		return;
	qsort(mem_pause, mem_npauses, sizeof(mem_pause[0]), mem_by_value);
	for (i = 0; i < mem_npauses; i++)
		sum += mem_pause[i];
	fprintf(stderr, "major pauses: %zu, p50 %.1f us, p99 %.1f us, max %.1f us, sum %.1f ms\n",
		mem_npauses, (double)mem_pause[mem_npauses / 2] / 1e3,
		(double)mem_pause[mem_npauses * 99 / 100] / 1e3,
		(double)mem_pause[mem_npauses - 1] / 1e3, (double)sum / 1e6);
}

static inline void *mem_checked(void *p)
{
	if (!p)
		exit(1);
	return p;
}

#define MEM_FREES	   0
#define mem_new(size)	   mem_checked(GC_MALLOC(size))
#define mem_new_data(size) mem_checked(GC_MALLOC_ATOMIC(size))
#define mem_free(p)	   ((void)(p))
#define mem_collect()	   GC_gcollect_and_unmap()

static inline void mem_start(int verbose)
{
	GC_INIT();
	if (!verbose)
		return;
	GC_set_on_collection_event(mem_on_event);
	atexit(mem_report);
}

#else

#define MEM_FREES	   1 /* what is dropped is freed */
#define mem_new_data(size) mem_new(size)
#define mem_free(p)	   free(p)
#define mem_collect()	   ((void)0)

static inline void *mem_new(size_t size)
{
	void *p = malloc(size);

	if (!p)
		exit(1);
	return p;
}

static inline void mem_start(int verbose)
{
	(void)verbose;
}
#endif

/* The number on the command line, or n. */
static inline long mem_args(int argc, char **argv, long n)
{
	mem_start(argc > 2 && !strcmp(argv[2], "-v"));
	return argc > 1 ? atol(argv[1]) : n;
}

#endif /* PEERS_MEM_H */
