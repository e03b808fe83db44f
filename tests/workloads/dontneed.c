/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * dontneed [PAGES] - half of a touched mapping is given back with MADV_DONTNEED
 * while it stays mapped; a quarter of that is touched again.
 */
#include "step.h"

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv);
	size_t pages = (size_t)step_num(argc, argv, arg, 1024);
	size_t half = pages / 2, back = pages / 8;
	char *p;

	step("start");
	p = step_map(0, pages * PAGE);
	step_write(p, 0, pages);
	step("touched map=%p len=%zu touched=%zu", (void *)p, pages * PAGE, pages);
	if (madvise(p + pages / 4 * PAGE, half * PAGE, MADV_DONTNEED))
		step_die("MADV_DONTNEED");
	step("dontneed map=%p len=%zu touched=%zu given=%zu", (void *)p, pages * PAGE,
	     pages - half, half);
	step_write(p, pages / 4, back);
	step("refault map=%p len=%zu touched=%zu given=%zu back=%zu", (void *)p, pages * PAGE,
	     pages - half + back, half, back);
	return 0;
}
