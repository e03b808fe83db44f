/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * binary-trees.c - the classic allocation benchmark on libmpgc.
 *
 * usage: binary-trees [-v] [-c] [DEPTH]
 *   -v  at the end, times and counts of collections on stderr
 *   -c  check every invariant of the heap after each collection
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "gc/gc.h"

struct node {
	struct node *left, *right;
};

static const struct gc_type *node_type;

static struct node *leaf(struct gc_mutator *m)
{
	struct node *n = gc_alloc(m, node_type);

	if (!n)
		exit(1);
	return n;
}

static struct node *build_inner(struct gc_mutator *m, int depth);

static inline struct node *build(struct gc_mutator *m, int depth)
{
	return depth > 0 ? build_inner(m, depth) : leaf(m);
}

static struct node *build_inner(struct gc_mutator *m, int depth)
{
	struct node *left = NULL, *right = NULL, *n;
	GC_FRAME(m, left, right);

	left = build(m, depth - 1);
	right = build(m, depth - 1);
	n = leaf(m);
	n->left = left; /* n is new: plain stores */
	n->right = right;
	return n;
}

static int check(const struct node *n)
{
	return n->left ? 1 + check(n->left) + check(n->right) : 1;
}

static void loop(struct gc_mutator *m, int min, int max)
{
	int depth, i, n, sum;

	for (depth = min; depth <= max; depth += 2) {
		n = 1 << (max - depth + min);
		sum = 0;
		for (i = 0; i < n; i++)
			sum += check(build(m, depth));
		printf("%d\t trees of depth %d\t check: %d\n", n, depth, sum);
	}
}

static void run(struct gc_mutator *m, int max)
{
	struct node *long_lived = NULL;
	GC_FRAME(m, long_lived);

	printf("stretch tree of depth %d\t check: %d\n", max + 1, check(build(m, max + 1)));
	long_lived = build(m, max);
	loop(m, 4, max);
	printf("long lived tree of depth %d\t check: %d\n", max, check(long_lived));
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void report(struct gc_heap *heap, double start)
{
	struct gc_stats st;
	struct rusage ru;

	gc_stats(heap, &st);
	getrusage(RUSAGE_SELF, &ru);
	fprintf(stderr,
		"%.3f s, %llu minor %.3f s, %llu major %.3f s, promoted %.1f MB, max RSS %.1f MB\n",
		seconds() - start, (unsigned long long)st.minor_count,
		(double)st.minor_pause_ns / 1e9, (unsigned long long)st.major_count,
		(double)st.major_pause_ns / 1e9, (double)st.promoted_total / 1e6,
		(double)ru.ru_maxrss / 1024);
}

int main(int argc, char **argv)
{
	struct gc_type_desc desc = GC_TYPE_INIT(.name = "node", .kind = GC_BITMAP64,
						.size = sizeof(struct node), .bitmap = 3);
	struct gc_options opts = GC_OPTIONS_INIT;
	double start = seconds();
	struct gc_mutator *m;
	struct gc_heap *heap;
	int i, depth = 10, verbose = 0;

	opts.name = "binary-trees";
	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "-v"))
			verbose = 1;
		else if (!strcmp(argv[i], "-c"))
			opts.verify = 1;
		else
			depth = atoi(argv[i]);
	}
	if (gc_heap_create(&opts, &heap) || gc_mutator_attach(heap, &m) ||
	    gc_type_register(heap, &desc, &node_type))
		return 1;
	run(m, depth < 6 ? 6 : depth);
	if (verbose)
		report(heap, start);
	gc_mutator_detach(m);
	return gc_heap_destroy(heap) != 0;
}
