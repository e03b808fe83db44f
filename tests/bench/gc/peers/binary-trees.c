/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* binary-trees.c - gc/examples/binary-trees.c for malloc and for bdwgc. */
#include "mem.h"

struct node {
	struct node *left, *right;
};

static struct node *build(int depth)
{
	struct node *left = NULL, *right = NULL, *n;

	if (depth > 0) {
		left = build(depth - 1);
		right = build(depth - 1);
	}
	n = mem_new(sizeof(*n));
	n->left = left;
	n->right = right;
	return n;
}

static int check(const struct node *n)
{
	return n->left ? 1 + check(n->left) + check(n->right) : 1;
}

static void drop(struct node *n)
{
	if (n->left) {
		drop(n->left);
		drop(n->right);
	}
	mem_free(n);
}

static int build_check_drop(int depth)
{
	struct node *n = build(depth);
	int sum = check(n);

	if (MEM_FREES)
		drop(n);
	return sum;
}

int main(int argc, char **argv)
{
	int max = (int)mem_args(argc, argv, 10), depth, i, n, sum;
	struct node *long_lived;

	if (max < 6)
		max = 6;
	printf("stretch tree of depth %d\t check: %d\n", max + 1, build_check_drop(max + 1));
	long_lived = build(max);
	for (depth = 4; depth <= max; depth += 2) {
		n = 1 << (max - depth + 4);
		sum = 0;
		for (i = 0; i < n; i++)
			sum += build_check_drop(depth);
		printf("%d\t trees of depth %d\t check: %d\n", n, depth, sum);
	}
	printf("long lived tree of depth %d\t check: %d\n", max, check(long_lived));
	return 0;
}
