/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * mremap-grow-move [PAGES] - a touched mapping moves and doubles: its pages go
 * with it without a fault; then the new half is touched, then it shrinks.
 */
#include "step.h"

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv);
	size_t pages = (size_t)step_num(argc, argv, arg, 1024);
	size_t len = pages * PAGE;
	char *p, *to = (char *)(STEP_BASE + 3 * STEP_STRIDE);

	step("start");
	p = step_map(0, len);
	step_write(p, 0, pages);
	step("touched map=%p len=%zu touched=%zu", (void *)p, len, pages);
	p = mremap(p, len, 2 * len, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	if (p == MAP_FAILED)
		step_die("mremap");
	step("moved map=%p len=%zu touched=%zu", (void *)p, 2 * len, pages);
	step_write(p, pages, pages);
	step("grown map=%p len=%zu touched=%zu", (void *)p, 2 * len, 2 * pages);
	if (mremap(p, 2 * len, len / 2, 0) == MAP_FAILED)
		step_die("mremap");
	step("shrunk map=%p len=%zu touched=%zu", (void *)p, len / 2, pages / 2);
	return 0;
}
