/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * huge-pages [HUGE] - one byte is written in each of HUGE huge pages: a fault makes
 * 512 pages resident. Then a part of one is given back.
 */
#include "step.h"

#define HPAGE (2UL << 20)

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv);
	size_t n = (size_t)step_num(argc, argv, arg, 8);
	char *p;

	if (prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0))
		step_die("PR_SET_THP_DISABLE");
	step("start");
	p = step_map(0, n * HPAGE); /* slots begin at multiples of 2 MiB */
	if (madvise(p, n * HPAGE, MADV_HUGEPAGE))
		step_die("MADV_HUGEPAGE");
	for (size_t i = 0; i < n; i++)
		step_write(p, i * (HPAGE / PAGE), 1);
	step("touched map=%p len=%zu", (void *)p, n * HPAGE);
	if (madvise(p + 16 * PAGE, 32 * PAGE, MADV_DONTNEED))
		step_die("MADV_DONTNEED");
	step("part map=%p len=%zu given=32", (void *)p, n * HPAGE);
	return 0;
}
