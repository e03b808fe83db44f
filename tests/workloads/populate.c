/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * populate [MB] - memory that becomes resident without a page fault: by
 * MAP_POPULATE, by MADV_POPULATE_WRITE, by mlock(2).
 */
#include "step.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv);
	size_t len = (size_t)step_num(argc, argv, arg, 8) << 20;
	size_t pages = len / PAGE;
	char *p;

	step("start");
	p = step_map_flags(0, len, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE);
	step("map-populate map=%p len=%zu touched=%zu", (void *)p, len, pages);
	p = step_map(1, len);
	/* an old kernel lacks the advice (5.14): the same by hand keeps the counts */
	if (madvise(p, len, MADV_POPULATE_WRITE))
		step_write(p, 0, pages);
	step("madv-populate map=%p len=%zu touched=%zu", (void *)p, len, pages);
	p = step_map(2, 16 * PAGE);
	if (mlock(p, 16 * PAGE))
		step_write(p, 0, 16);
	step("mlock map=%p len=%zu touched=16", (void *)p, 16 * PAGE);
	return 0;
}
