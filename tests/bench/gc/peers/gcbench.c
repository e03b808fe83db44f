/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* gcbench.c - gc/examples/gcbench.c for malloc and for bdwgc. */
#include "mem.h"

struct node {
	struct node *left, *right;
	int i, j;
};

static struct node *node(struct node *left, struct node *right)
{
	struct node *n = mem_new(sizeof(*n));

	*n = (struct node){ left, right, 0, 0 };
	return n;
}

static void populate(int depth, struct node *n)
{
	if (depth <= 0)
		return;
	n->left = node(NULL, NULL);
	n->right = node(NULL, NULL);
	populate(depth - 1, n->left);
	populate(depth - 1, n->right);
}

static struct node *make(int depth)
{
	struct node *left = NULL, *right = NULL;

	if (depth > 0) {
		left = make(depth - 1);
		right = make(depth - 1);
	}
	return node(left, right);
}

static long count(const struct node *n)
{
	return n ? 1 + count(n->left) + count(n->right) : 0;
}

static void drop(struct node *n)
{
	if (!n)
		return;
	drop(n->left);
	drop(n->right);
	mem_free(n);
}

static long count_drop(struct node *n)
{
	long sum = count(n);

	if (MEM_FREES)
		drop(n);
	return sum;
}

static long tree_size(int depth)
{
	return (1L << (depth + 1)) - 1;
}

static void construct(int depth, int max)
{
	long n = 2 * tree_size(max) / tree_size(depth), i, nodes = 0;
	struct node *top;

	for (i = 0; i < n; i++) {
		top = node(NULL, NULL);
		populate(depth, top);
		nodes += count_drop(top);
		nodes += count_drop(make(depth));
	}
	printf("%ld trees of depth %d, twice: %ld nodes\n", n, depth, nodes);
}

int main(int argc, char **argv)
{
	int max = (int)mem_args(argc, argv, 16), i, n = 500000, depth;
	struct node *kept;
	double *array;

	printf("stretched with %ld nodes\n", count_drop(make(max + 2)));
	kept = node(NULL, NULL);
	populate(max, kept);
	array = mem_new_data((size_t)n * sizeof(*array));
	for (i = 0; i < n; i++)
		array[i] = i < n / 2 ? 1.0 / (i + 1) : 0;
	for (depth = 4; depth <= max; depth += 2)
		construct(depth, max);
	printf("long lived: %ld nodes, array[1000] = %.6f\n", count(kept), array[1000]);
	return 0;
}
