/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * brk-updown [PAGES] - the program break goes up, its pages are touched, and half
 * of them are handed back by moving it down.
 */
#include "step.h"

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv);
	size_t pages = (size_t)step_num(argc, argv, arg, 1024);
	char *p;

	step("start");
	/* up to a page boundary first, so that the pages counted are whole */
	p = sbrk(0);
	if (sbrk((intptr_t)(-(uintptr_t)p & (PAGE - 1))) == (void *)-1)
		step_die("sbrk");
	p = sbrk((intptr_t)(pages * PAGE));
	if (p == (void *)-1)
		step_die("sbrk");
	step("up map=%p len=%zu touched=0", (void *)p, pages * PAGE);
	step_write(p, 0, pages);
	step("touched map=%p len=%zu touched=%zu", (void *)p, pages * PAGE, pages);
	if (sbrk(-(intptr_t)(pages / 2 * PAGE)) == (void *)-1)
		step_die("sbrk");
	step("down map=%p len=%zu touched=%zu", (void *)p, (pages - pages / 2) * PAGE,
	     pages - pages / 2);
	return 0;
}
