/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * many-calls [COUNT] - maps four pages, touches one, unmaps, COUNT times: every
 * call and every fault is there, and nothing stays.
 */
#include "step.h"

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv);
	long count = step_num(argc, argv, arg, 1000);
	char *p = NULL;

	step("start");
	for (long i = 0; i < count; i++) {
		p = step_map(0, 4 * PAGE);
		step_write(p, 0, 1);
		if (munmap(p, 4 * PAGE))
			step_die("munmap");
	}
	step("done map=%p len=%lu touched=0 count=%ld", (void *)p, 4 * PAGE, count);
	return 0;
}
