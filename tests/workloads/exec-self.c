/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * exec-self [PAGES] - touches memory, then becomes a new program (itself): the
 * old address space is gone, the process is the same.
 */
#include "step.h"

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv);
	bool again = arg < argc && !strcmp(argv[arg], "again");
	size_t pages = (size_t)step_num(argc, argv, arg + again, 1024);
	char num[32], *p;

	if (!again)
		step("start");
	p = step_map(again, pages * PAGE);
	step_write(p, 0, pages);
	step("%s map=%p len=%zu touched=%zu", again ? "after" : "before", (void *)p,
	     pages * PAGE, pages);
	if (again)
		return 5;
	snprintf(num, sizeof(num), "%zu", pages / 2);
	if (step_run)
		execl("/proc/self/exe", argv[0], "--run", "again", num, (char *)NULL);
	else
		execl("/proc/self/exe", argv[0], "again", num, (char *)NULL);
	step_die("execl");
}
