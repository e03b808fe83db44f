/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * swap-out [PAGES] - touched pages are sent to swap with MADV_PAGEOUT (where there is
 * any), and are read back in, from the last to the first so that no read-ahead helps.
 */
#include "step.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv);
	size_t pages = (size_t)step_num(argc, argv, arg, 1024);
	char *p;

	step("start");
	p = step_map(0, pages * PAGE);
	step_write(p, 0, pages);
	step("touched map=%p len=%zu touched=%zu", (void *)p, pages * PAGE, pages);
	if (madvise(p, pages * PAGE, MADV_PAGEOUT))
		step_die("MADV_PAGEOUT");
	step("out map=%p len=%zu touched=%zu given=%zu", (void *)p, pages * PAGE, pages, pages);
	for (size_t i = pages; i; i--)
		step_read(p, i - 1, 1);
	step("in map=%p len=%zu touched=%zu given=%zu", (void *)p, pages * PAGE, pages, pages);
	return 0;
}
