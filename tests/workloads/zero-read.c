/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * zero-read [PAGES] - untouched memory is read: each page faults and maps the
 * shared zero page, which is in no resident set. Then half is written.
 */
#include "step.h"

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv);
	size_t pages = (size_t)step_num(argc, argv, arg, 1024);
	char *p;

	step("start");
	p = step_map(0, pages * PAGE);
	if (step_read(p, 0, pages))
		return 97;
	step("read map=%p len=%zu touched=0", (void *)p, pages * PAGE);
	step_write(p, 0, pages / 2);
	step("written map=%p len=%zu touched=%zu", (void *)p, pages * PAGE, pages / 2);
	return 0;
}
