/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gcbench.c - GCBench (Ellis, Kovac, Boehm) on libmpgc: trees built top down, which
 * stores into older objects, and bottom up, beside a long-lived tree and array.
 *
 * usage: gcbench [-vcq] [-g PERCENT] [-p MICROSECONDS] [DEPTH]    of the largest tree, 16 by default
 */
#include "gc/examples/example.h"

struct node {
	struct node *left, *right;
	int i, j;
};
struct doubles {
	size_t len;
	double v[];
};

static const struct gc_type *node_type, *doubles_type;

static void populate(struct gc_mutator *m, int depth, struct node *n)
{
	GC_FRAME(m, n);

	if (depth <= 0)
		return;
	gc_write(m, n, &n->left, must(gc_alloc(m, node_type)));
	gc_write(m, n, &n->right, must(gc_alloc(m, node_type)));
	populate(m, depth - 1, n->left);
	populate(m, depth - 1, n->right);
}

static struct node *make(struct gc_mutator *m, int depth)
{
	struct node *left = NULL, *right = NULL, *n;
	GC_FRAME(m, left, right);

	if (depth > 0) {
		left = make(m, depth - 1);
		right = make(m, depth - 1);
	}
	n = must(gc_alloc(m, node_type));
	n->left = left;
	n->right = right;
	return n;
}

static long count(const struct node *n)
{
	return n ? 1 + count(n->left) + count(n->right) : 0;
}

static long tree_size(int depth)
{
	return (1L << (depth + 1)) - 1;
}

static void construct(struct gc_mutator *m, int depth, int max)
{
	long n = 2 * tree_size(max) / tree_size(depth), i, nodes = 0;
	struct node *top = NULL;
	GC_FRAME(m, top);

	for (i = 0; i < n; i++) {
		top = must(gc_alloc(m, node_type));
		populate(m, depth, top);
		nodes += count(top);
		top = make(m, depth);
		nodes += count(top);
	}
	printf("%ld trees of depth %d, twice: %ld nodes\n", n, depth, nodes);
}

static int run(struct gc_mutator *m, int max)
{
	struct node *kept = NULL, *temp = NULL;
	struct doubles *array = NULL;
	int i, n = 500000, depth;
	GC_FRAME(m, kept, temp, array);

	temp = make(m, max + 2);
	printf("stretched with %ld nodes\n", count(temp));
	temp = NULL;
	kept = must(gc_alloc(m, node_type));
	populate(m, max, kept);
	array = must(gc_alloc_array(m, doubles_type, (size_t)n));
	for (i = 0; i < n / 2; i++)
		array->v[i] = 1.0 / (i + 1);
	for (depth = 4; depth <= max; depth += 2)
		construct(m, depth, max);
	printf("long lived: %ld nodes, array[1000] = %.6f\n", count(kept), array->v[1000]);
	return count(kept) != tree_size(max) || array->v[1000] != 1.0 / 1001;
}

int main(int argc, char **argv)
{
	struct example ex = example_start("gcbench", argc, argv, 16);
	struct gc_type_desc node = GC_TYPE_INIT(.name = "node", .kind = GC_BITMAP64,
						.size = sizeof(struct node), .bitmap = 3);
	struct gc_type_desc doubles =
		GC_TYPE_INIT(.name = "doubles", .kind = GC_DATA, .elem = sizeof(double));
	struct gc_mutator *m;
	struct gc_heap *heap;
	int rc;

	if (gc_heap_create(&ex.opts, &heap) || gc_mutator_attach(heap, &m) ||
	    gc_type_register(heap, &node, &node_type) ||
	    gc_type_register(heap, &doubles, &doubles_type))
		return 1;
	rc = run(m, (int)ex.n);
	example_report(&ex, heap);
	gc_mutator_detach(m);
	return gc_heap_destroy(heap) ? 1 : rc;
}
