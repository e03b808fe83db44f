/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * churn [MB] [ROUNDS] - for views of a busy process: maps and touches memory, gives
 * it back, again and again, until ROUNDS are done (0: until it is ended). The
 * first step is before, the second after.
 */
#include "step.h"

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv);
	size_t len = (size_t)step_num(argc, argv, arg, 16) << 20;
	long rounds = step_num(argc, argv, arg + 1, 0);
	char *p;

	step("start");
	p = step_map(0, len);
	for (long i = 0; !rounds || i < rounds; i++) {
		step_write(p, 0, len / PAGE);
		if (madvise(p, len, MADV_DONTNEED))
			step_die("MADV_DONTNEED");
	}
	step("done map=%p len=%zu touched=0", (void *)p, len);
	return 0;
}
