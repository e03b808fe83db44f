/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* quads.c - gc/examples/quads.c for malloc and for bdwgc. */
#include "mem.h"

struct quad {
	struct quad *kid[4];
};

static struct quad *make(int depth)
{
	struct quad *kid[4] = { NULL }, *q;
	int i;

	for (i = 0; i < 4 && depth > 0; i++)
		kid[i] = make(depth - 1);
	q = mem_new(sizeof(*q));
	memcpy(q->kid, kid, sizeof(kid));
	return q;
}

static long count(const struct quad *q)
{
	long n = 1;
	int i;

	for (i = 0; i < 4 && q->kid[i]; i++)
		n += count(q->kid[i]);
	return n;
}

static void drop(struct quad *q)
{
	int i;

	for (i = 0; i < 4 && q->kid[i]; i++)
		drop(q->kid[i]);
	mem_free(q);
}

static void replace(struct quad *root, int depth, int step)
{
	struct quad *part = make(depth - 3), *at = root->kid[step / 16]->kid[step / 4 % 4];

	if (MEM_FREES)
		drop(at->kid[step % 4]);
	at->kid[step % 4] = part;
}

int main(int argc, char **argv)
{
	int depth = (int)mem_args(argc, argv, 10), step, i;
	long live, small = 0;
	struct quad *root, *q;

	if (depth < 6)
		depth = 6;
	root = make(depth);
	live = count(root);
	for (step = 0; step < 64; step++) {
		replace(root, depth, step);
		for (i = 0; i < 256; i++) {
			q = make(depth - 6);
			small += count(q);
			if (MEM_FREES)
				drop(q);
		}
	}
	printf("%ld quads, then %ld, and %ld in small trees\n", live, count(root), small);
	return 0;
}
