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
 *   -p MICROSECONDS  goal for the pauses of minor collections
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
	while ((opt = getopt(argc, argv, "vcqg:p:")) != -1) {
		if (opt == 'v') {
			ex.verbose = 1;
			ex.opts.ring_slots = 1u << 20; /* room for the pauses of a long run */
		} else if (opt == 'c') {
			ex.opts.verify = 1;
		} else if (opt == 'q') {
			ex.opts.no_events = 1;
		} else if (opt == 'p') {
			ex.opts.pause_us = (unsigned)atoi(optarg);
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

enum example_kind { /* the first three as in enum gc_seg_kind */
		    EX_MINOR = GC_SEG_MINOR,
		    EX_MAJOR = GC_SEG_MAJOR,
		    EX_COMPACT = GC_SEG_COMPACT,
		    EX_SLICE, /* of marking, between collections                                  */
		    EX_STOP, /* of the program: of collections one right after the other, the sum */
		    EX_KINDS,
};

struct example_pauses {
	size_t n;
	uint64_t ns[EXAMPLE_PAUSES];
};

/* Where the reader of one ring is. */
struct example_reader {
	struct example_pauses *by_kind;
	uint64_t begin, end; /* of the last stop */
	int inside;	     /* a collection      */
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

static inline void example_pause(struct example_reader *r, enum example_kind kind, uint64_t ns)
{
	struct example_pauses *p = &r->by_kind[kind];

	if (p->n < EXAMPLE_PAUSES)
		p->ns[p->n++] = ns;
}

/* The program stood still from begin to end; within 10 us of the last stop it is the same. */
static inline void example_stop(struct example_reader *r, uint64_t begin, uint64_t end)
{
	if (r->end && begin > r->end + 10000) {
		example_pause(r, EX_STOP, r->end - r->begin);
		r->begin = begin;
	}
	if (!r->end)
		r->begin = begin;
	r->end = end;
}

static inline void example_event(struct example_reader *r, const struct gc_event *ev,
				 uint64_t *begun)
{
	if (ev->type == GC_EV_GC_BEGIN) {
		*begun = ev->ts;
		r->inside = 1;
	} else if (ev->type == GC_EV_GC_END && r->inside && ev->nv && ev->flags <= EX_COMPACT) {
		r->inside = 0;
		example_pause(r, (enum example_kind)ev->flags, ev->v[0]);
		example_stop(r, *begun, ev->ts);
	} else if (ev->type == GC_EV_PHASE && ev->flags == GC_PHASE_MARK && !r->inside) {
		/* short slices are told together */
		example_pause(r, EX_SLICE, ev->nv && ev->v[0] ? ev->a / ev->v[0] : ev->a);
		if (!ev->nv || ev->v[0] <= 1)
			example_stop(r, ev->ts - ev->a, ev->ts);
	}
}

/* The pauses of one ring, by kind; adds to *lost the events that were overwritten. */
static inline void example_read_ring(const struct gc_seg *seg, uint32_t ring,
				     struct example_pauses *by_kind, uint64_t *lost)
{
	static struct gc_record rec[4096];
	struct example_reader reader = { .by_kind = by_kind };
	struct gc_ring_reader r;
	uint64_t begun = 0;
	struct gc_event ev;
	unsigned used;
	int n, i;

	gc_ring_reader_init(seg, ring, 1, &r);
	while ((n = gc_ring_read(seg, ring, &r, rec, 4096, lost)) > 0)
		for (i = 0; i < n; i += (int)used) {
			used = gc_event_take(&rec[i], (unsigned)(n - i), &ev);
			example_event(&reader, &ev, &begun);
		}
	if (reader.end)
		example_pause(&reader, EX_STOP, reader.end - reader.begin);
}

static inline void example_report_pauses(int fd)
{
	static const char *const name[EX_KINDS] = { NULL,      "minor", "major",
						    "compact", "slice", "stop" };
	static struct example_pauses by_kind[EX_KINDS];
	off_t len = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	uint64_t lost = 0;
	struct gc_seg seg;
	uint32_t i;
	void *map;

	if (len <= 0)
		return;
	map = mmap(NULL, (size_t)len, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return;
	if (!gc_seg_attach_check(&seg, map, (size_t)len))
		for (i = 0; i < seg.hdr.nrings; i++)
			example_read_ring(&seg, i, by_kind, &lost);
	for (i = 1; i < EX_KINDS; i++)
		example_print_pauses(name[i], &by_kind[i]);
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
