/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * munmap-part [PAGES] - a touched mapping loses a quarter in its middle, then its
 * head: what is left are two mappings with every page resident.
 */
#include "step.h"

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv);
	size_t pages = (size_t)step_num(argc, argv, arg, 4096);
	size_t q = pages / 4;
	char *p;

	step("start");
	p = step_map(0, pages * PAGE);
	step_write(p, 0, pages);
	step("touched map=%p len=%zu touched=%zu", (void *)p, pages * PAGE, pages);
	if (munmap(p + q * PAGE, q * PAGE))
		step_die("munmap");
	step("middle map=%p len=%zu touched=%zu", (void *)p, pages * PAGE, pages - q);
	if (munmap(p, PAGE))
		step_die("munmap");
	step("head map=%p len=%zu touched=%zu", (void *)p, pages * PAGE, pages - q - 1);
	return 0;
}
