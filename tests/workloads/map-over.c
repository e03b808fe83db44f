/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * map-over [PAGES] - a MAP_FIXED mapping over a touched one unmaps it without a
 * call of munmap; mprotect(PROT_NONE) keeps pages; MADV_REMOVE of shared memory
 * frees them.
 */
#include "step.h"

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv);
	size_t pages = (size_t)step_num(argc, argv, arg, 1024);
	size_t half = pages / 2;
	char *p, *s;

	step("start");
	p = step_map(0, pages * PAGE);
	step_write(p, 0, pages);
	s = step_map_flags(1, pages * PAGE, MAP_SHARED | MAP_ANONYMOUS);
	step_write(s, 0, pages);
	step("touched map=%p len=%zu touched=%zu", (void *)p, pages * PAGE, pages);
	if (mmap(p, half * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE,
		 -1, 0) != p)
		step_die("mmap");
	step("over map=%p len=%zu touched=%zu", (void *)p, pages * PAGE, pages - half);
	if (mprotect(p + half * PAGE, PAGE, PROT_NONE))
		step_die("mprotect");
	step("none map=%p len=%zu touched=%zu", (void *)p, pages * PAGE, pages - half);
	if (madvise(s, half * PAGE, MADV_REMOVE))
		step_die("MADV_REMOVE");
	step("removed map=%p len=%zu touched=%zu", (void *)s, pages * PAGE, pages - half);
	return 0;
}
