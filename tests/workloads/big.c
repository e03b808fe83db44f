/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * big [MB] [MS] [TURNOVER] - a process of MB resident in small pages. Then it is idle; or
 * for MS milliseconds, ten times a second, it drops and touches again TURNOVER MB in all
 * a second at random places, paced by its own clock.
 */

#include "step.h"

#define MIB (1UL << 20)

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv);
	size_t mb = (size_t)step_num(argc, argv, arg, 1024);
	uint64_t ms = (uint64_t)step_num(argc, argv, arg + 1, 0);
	size_t turnover = (size_t)step_num(argc, argv, arg + 2, 32);
	uint64_t seed = 1, start;
	char *p;

	step("start");
	p = step_map(0, mb * MIB);
	if (madvise(p, mb * MIB, MADV_NOHUGEPAGE))
		step_die("madvise");
	step_write(p, 0, mb * 256);
	step("touched map=%p len=%zu touched=%zu", (void *)p, mb * MIB, mb * 256);
	start = step_now();
	for (uint64_t at = 100; at <= ms; at += 100) {
		for (size_t i = 0; i < turnover / 10; i++) {
			char *q = p + step_rand(&seed) % mb * MIB;

			if (madvise(q, MIB, MADV_DONTNEED))
				step_die("madvise");
			step_write(q, 0, 256);
		}
		step_until(start + at * 1000000);
	}
	step("done map=%p len=%zu touched=%zu", (void *)p, mb * MIB, mb * 256);
	return 0;
}
