/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * free-lazy [PAGES] - half of a touched mapping is marked with MADV_FREE. Nothing
 * leaves before the kernel runs short; a rewrite takes pages back without a fault.
 */
#include "step.h"

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv);
	size_t pages = (size_t)step_num(argc, argv, arg, 1024);
	char *p;

	step("start");
	p = step_map(0, pages * PAGE);
	step_write(p, 0, pages);
	step("touched map=%p len=%zu touched=%zu", (void *)p, pages * PAGE, pages);
	if (madvise(p, pages / 2 * PAGE, MADV_FREE))
		step_die("MADV_FREE");
	step("freed map=%p len=%zu touched=%zu lazy=%zu", (void *)p, pages * PAGE, pages,
	     pages / 2);
	step_write(p, 0, pages / 4);
	step("rewritten map=%p len=%zu touched=%zu lazy=%zu", (void *)p, pages * PAGE, pages,
	     pages / 4);
	return 0;
}
