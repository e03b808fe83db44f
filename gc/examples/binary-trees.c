/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * binary-trees.c - the classic allocation benchmark on libmpgc: many short-lived
 * trees beside a long-lived one.
 *
 * usage: binary-trees [-vcq] [-g PERCENT] [-p MICROSECONDS] [DEPTH]    10 by default, see example.h
 */
#include "gc/examples/example.h"

struct node {
	struct node *left, *right;
};

static const struct gc_type *node_type;

static struct node *build_inner(struct gc_mutator *m, int depth);

/* A leaf needs no frame: nothing lives across its allocation. */
static inline struct node *build(struct gc_mutator *m, int depth)
{
	return depth > 0 ? build_inner(m, depth) : must(gc_alloc(m, node_type));
}

static struct node *build_inner(struct gc_mutator *m, int depth)
{
	struct node *left = NULL, *right = NULL, *n;
	GC_FRAME(m, left, right);

	left = build(m, depth - 1);
	right = build(m, depth - 1);
	n = must(gc_alloc(m, node_type));
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

int main(int argc, char **argv)
{
	struct example ex = example_start("binary-trees", argc, argv, 10);
	struct gc_type_desc desc = GC_TYPE_INIT(.name = "node", .kind = GC_BITMAP64,
						.size = sizeof(struct node), .bitmap = 3);
	struct gc_mutator *m;
	struct gc_heap *heap;

	if (gc_heap_create(&ex.opts, &heap) || gc_mutator_attach(heap, &m) ||
	    gc_type_register(heap, &desc, &node_type))
		return 1;
	run(m, ex.n < 6 ? 6 : (int)ex.n);
	example_report(&ex, heap);
	gc_mutator_detach(m);
	return gc_heap_destroy(heap) != 0;
}
