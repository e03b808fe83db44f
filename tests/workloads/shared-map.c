/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * shared-map [PAGES] - shared anonymous memory is RssShmem; MADV_DONTNEED unmaps
 * its pages but keeps them, and reading brings them back with their contents.
 */
#include "step.h"

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv);
	size_t pages = (size_t)step_num(argc, argv, arg, 1024);
	size_t half = pages / 2;
	char *p;

	step("start");
	p = step_map_flags(0, pages * PAGE, MAP_SHARED | MAP_ANONYMOUS);
	step_write(p, 0, pages);
	step("touched map=%p len=%zu touched=%zu", (void *)p, pages * PAGE, pages);
	if (madvise(p, half * PAGE, MADV_DONTNEED))
		step_die("MADV_DONTNEED");
	step("dontneed map=%p len=%zu touched=%zu given=%zu", (void *)p, pages * PAGE,
	     pages - half, half);
	if (!step_read(p, 0, half))
		return 97;
	step("back map=%p len=%zu touched=%zu", (void *)p, pages * PAGE, pages);
	return 0;
}
