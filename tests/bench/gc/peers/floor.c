/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * floor.c - binary-trees with no memory management at all: nodes without header from
 * one region that starts anew with each tree, no roots. What no collector can beat,
 * and the measure of a machine: times are comparable as ratios to it.
 */
#include <stdio.h>
#include <stdlib.h>

struct node {
	struct node *left, *right;
};

static struct node *next;

static struct node *build(int depth)
{
	struct node *left = NULL, *right = NULL, *n;

	if (depth > 0) {
		left = build(depth - 1);
		right = build(depth - 1);
	}
	n = next++;
	n->left = left;
	n->right = right;
	return n;
}

static int check(const struct node *n)
{
	return n->left ? 1 + check(n->left) + check(n->right) : 1;
}

static int build_check_drop(int depth)
{
	struct node *region = next;
	int sum = check(build(depth));

	next = region;
	return sum;
}

int main(int argc, char **argv)
{
	int max = argc > 1 ? atoi(argv[1]) : 10, depth, i, n, sum;
	struct node *long_lived;

	if (max < 6)
		max = 6;
	next = malloc(sizeof(*next) << (max + 3));
	if (!next)
		return 1;
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
