/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * spike.c - how long freed memory stays: builds KEPT megabytes of small objects and
 * eight times as much, drops the latter, collects, and watches its RSS until that is
 * within 10 % of the heap's goal.
 *
 * usage: spike [-vcq] [-g PERCENT] [-p MICROSECONDS] [KEPT [SECONDS]]    32 MB, watched for 5 s
 */
#include "gc/examples/example.h"

#define BATCH 1000 /* records of 64 bytes with their header */

struct record {
	uint64_t v[7];
};

static const struct gc_type *record_type;

static double rss_mb(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;

	if (!f || fscanf(f, "%*u %lu", &pages) != 1)
		exit(1);
	fclose(f);
	return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

/* mb megabytes: an array of arrays of records. */
static struct gc_refs *fill(struct gc_mutator *m, long mb)
{
	const struct gc_type *refs = gc_type_refs(gc_mutator_heap(m));
	size_t i, j, n = (size_t)mb * 1000000 / (BATCH * (sizeof(struct record) + 16));
	struct gc_refs *all = NULL, *batch = NULL;
	struct record *r = NULL;
	GC_FRAME(m, all, batch, r);

	all = must(gc_alloc_array(m, refs, n));
	for (i = 0; i < n; i++) {
		batch = must(gc_alloc_array(m, refs, BATCH));
		gc_write(m, all, &all->ref[i], batch);
		for (j = 0; j < BATCH; j++) {
			r = must(gc_alloc(m, record_type));
			r->v[0] = i + j;
			gc_write(m, batch, &batch->ref[j], r);
		}
	}
	return all;
}

static uint64_t sum(const struct gc_refs *all)
{
	uint64_t s = 0;
	size_t i, j;

	for (i = 0; i < all->len; i++)
		for (j = 0; j < BATCH; j++)
			s += ((struct record *)((struct gc_refs *)all->ref[i])->ref[j])->v[0];
	return s;
}

/* Waits as an idle program does; the heap's own thread gives the pages back. */
static void watch(struct gc_heap *heap, double before, double seconds)
{
	double start = example_seconds(), goal, rss, t;
	struct gc_stats st;

	do {
		usleep(5000);
		gc_stats(heap, &st);
		goal = (double)st.goal / 1e6;
		rss = rss_mb();
		t = example_seconds() - start;
	} while (rss > 1.1 * goal && t < seconds);
	printf("rss %.1f MB, goal %.1f MB: rss %.1f MB after %.3f s\n", before, goal, rss, t);
}

static void run(struct gc_mutator *m, long kept_mb, double seconds)
{
	struct gc_refs *kept = NULL, *spike = NULL;
	double before;
	uint64_t want;
	GC_FRAME(m, kept, spike);

	kept = fill(m, kept_mb);
	want = sum(kept);
	spike = fill(m, 8 * kept_mb);
	before = rss_mb();
	spike = NULL;
	gc_collect(m, GC_FULL, GC_REASON_FORCED);
	watch(gc_mutator_heap(m), before, seconds);
	if (sum(kept) != want)
		exit(1);
}

int main(int argc, char **argv)
{
	struct example ex = example_start("spike", argc, argv, 32);
	struct gc_type_desc desc =
		GC_TYPE_INIT(.name = "record", .kind = GC_DATA, .size = sizeof(struct record));
	struct gc_mutator *m;
	struct gc_heap *heap;

	if (gc_heap_create(&ex.opts, &heap) || gc_mutator_attach(heap, &m) ||
	    gc_type_register(heap, &desc, &record_type))
		return 1;
	run(m, ex.n, optind + 1 < argc ? atof(argv[optind + 1]) : 5);
	example_report(&ex, heap);
	gc_mutator_detach(m);
	return gc_heap_destroy(heap) != 0;
}
