/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * touch-order [MB] - lazy physical mapping at its plainest: memory is mapped and
 * costs nothing, a few pages are written, then all in address order.
 */
#include "step.h"

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv);
	size_t len = (size_t)step_num(argc, argv, arg, 64) << 20;
	size_t pages = len / PAGE;
	char *p;

	step("start");
	p = step_map(0, len);
	step("mapped map=%p len=%zu touched=0", (void *)p, len);
	step_write(p, 0, 16);
	step("few map=%p len=%zu touched=16", (void *)p, len);
	step_write(p, 16, pages - 16);
	step("all map=%p len=%zu touched=%zu", (void *)p, len, pages);
	return 0;
}
