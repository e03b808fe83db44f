/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * many-stacks [N] - maps a page and gives it back from N different stacks, 2^20 at most.
 * Built with frame pointers.
 */
#include "step.h"

#define DEPTH 20 /* functions below main: one for each bit of a stack's number */

static void left(uint64_t n, int depth);
static void right(uint64_t n, int depth);

static inline void on(uint64_t n, int depth)
{
	if (depth)
		(n & 1 ? left : right)(n >> 1, depth - 1);
	else
		munmap(step_map(0, PAGE), PAGE);
	__asm__ volatile("" ::: "memory"); /* no tail call: the frame must stay */
}

static __attribute__((noinline)) void left(uint64_t n, int depth)
{
	on(n, depth);
}

static __attribute__((noinline)) void right(uint64_t n, int depth)
{
	on(n, depth);
}

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv);
	uint64_t stacks = (uint64_t)step_num(argc, argv, arg, 1000);

	step("start");
	for (uint64_t n = 0; n < stacks; n++)
		on(n, DEPTH);
	step("done");
	return 0;
}
