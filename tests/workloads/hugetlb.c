/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * hugetlb [N] - touches N pages of 2 MiB of the pool that vm.nr_hugepages fills.
 */
#include "step.h"

#define HUGE (512 * PAGE)

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv);
	size_t n = (size_t)step_num(argc, argv, arg, 4);
	char *p;

	step("start");
	p = step_map_flags(0, n * HUGE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB);
	for (size_t i = 0; i < n; i++)
		step_write(p + i * HUGE, 0, 1);
	step("touched map=%p len=%zu touched=%zu", (void *)p, n * HUGE, n);
	return 0;
}
