/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * example.h - what the examples share: their options, and the report of -v with the
 * pauses of the run, which the program reads from the event ring of its own heap.
 *
 * Shows how a program reads its own segment; another process does the same with the
 * memfd it finds in /proc/PID/fd. Nothing here is part of the library.
 *
 *   -v  at the end, times and pauses on stderr
 *   -c  check every invariant of the heap after each collection
 *   -q  quiet: no counters segment, no events
 *   -g PERCENT  growth of the heap before a major collection
 */
#ifndef EXAMPLES_EXAMPLE_H
#define EXAMPLES_EXAMPLE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "gc/gc.h"
#include "gc/gc_segment.h"

#define EXAMPLE_PAUSES 65536 /* of each kind are kept */

struct example {
	struct gc_options opts;
	double start; /* seconds */
	int verbose;
	long n; /* the number on the command line */
};

static inline double example_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Reads the command line; n is the number if there is none on it. */
static inline struct example example_start(const char *name, int argc, char **argv, long n)
{
	struct example ex = { .opts = GC_OPTIONS_INIT, .start = example_seconds(), .n = n };
	int opt;

	ex.opts.name = name;
	while ((opt = getopt(argc, argv, "vcqg:")) != -1) {
		if (opt == 'v') {
			ex.verbose = 1;
			ex.opts.ring_slots = 1u << 20; /* room for the pauses of a long run */
		} else if (opt == 'c') {
			ex.opts.verify = 1;
		} else if (opt == 'q') {
			ex.opts.no_events = 1;
		} else if (opt == 'g') {
			ex.opts.gogc = atoi(optarg);
		} else {
			fprintf(stderr, "usage: %s [-vcq] [-g PERCENT] [%ld]\n", name, n);
			exit(64);
		}
	}
	if (optind < argc)
		ex.n = atol(argv[optind]);
	return ex;
}

/* For allocation in programs that cannot go on without. */
static inline void *must(void *p)
{
	if (!p)
		exit(1);
	return p;
}

/* --- the report ---------------------------------------------------------------------- */

struct example_pauses {
	size_t n;
	uint64_t ns[EXAMPLE_PAUSES];
};

static inline int example_by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static inline void example_print_pauses(const char *kind, struct example_pauses *p)
{
	uint64_t sum = 0;
	size_t i;

	if (!p->n)
		return;
	qsort(p->ns, p->n, sizeof(p->ns[0]), example_by_value);
	for (i = 0; i < p->n; i++)
		sum += p->ns[i];
	fprintf(stderr, "%s pauses: %zu, p50 %.1f us, p99 %.1f us, max %.1f us, sum %.1f ms\n",
		kind, p->n, (double)p->ns[p->n / 2] / 1e3, (double)p->ns[p->n * 99 / 100] / 1e3,
		(double)p->ns[p->n - 1] / 1e3, (double)sum / 1e6);
}

/* The end of each collection in one ring, by kind; adds to *lost what was overwritten. */
static inline void example_read_ring(const struct gc_seg *seg, uint32_t ring,
				     struct example_pauses *by_kind, uint64_t *lost)
{
	static struct gc_record rec[4096];
	struct gc_ring_reader r;
	struct gc_event ev;
	unsigned used;
	int n, i;

	gc_ring_reader_init(seg, ring, 1, &r);
	while ((n = gc_ring_read(seg, ring, &r, rec, 4096, lost)) > 0)
		for (i = 0; i < n; i += (int)used) {
			used = gc_event_take(&rec[i], (unsigned)(n - i), &ev);
			if (ev.type != GC_EV_GC_END || !ev.nv || ev.flags > GC_SEG_COMPACT)
				continue;
			if (by_kind[ev.flags].n < EXAMPLE_PAUSES)
				by_kind[ev.flags].ns[by_kind[ev.flags].n++] = ev.v[0];
		}
}

static inline void example_report_pauses(int fd)
{
	static struct example_pauses by_kind[GC_SEG_COMPACT + 1];
	off_t len = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	uint64_t lost = 0;
	struct gc_seg seg;
	uint32_t ring;
	void *map;

	if (len <= 0)
		return;
	map = mmap(NULL, (size_t)len, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return;
	if (!gc_seg_attach_check(&seg, map, (size_t)len))
		for (ring = 0; ring < seg.hdr.nrings; ring++)
			example_read_ring(&seg, ring, by_kind, &lost);
	example_print_pauses("minor", &by_kind[GC_SEG_MINOR]);
	example_print_pauses("major", &by_kind[GC_SEG_MAJOR]);
	example_print_pauses("compact", &by_kind[GC_SEG_COMPACT]);
	if (lost)
		fprintf(stderr, "%llu events were overwritten before this report\n",
			(unsigned long long)lost);
	munmap(map, (size_t)len);
}

/* With -v, what the run was like, on stderr. */
static inline void example_report(const struct example *ex, struct gc_heap *heap)
{
	struct gc_stats st;
	struct rusage ru;

	if (!ex->verbose)
		return;
	gc_stats(heap, &st);
	getrusage(RUSAGE_SELF, &ru);
	fprintf(stderr,
		"%.3f s, %llu minor %.3f s, %llu major %.3f s, promoted %.1f MB, max RSS %.1f MB\n",
		example_seconds() - ex->start, (unsigned long long)st.minor_count,
		(double)st.minor_pause_ns / 1e9, (unsigned long long)st.major_count,
		(double)st.major_pause_ns / 1e9, (double)st.promoted_total / 1e6,
		(double)ru.ru_maxrss / 1024);
	example_report_pauses(st.events_fd);
}

#endif /* EXAMPLES_EXAMPLE_H */
