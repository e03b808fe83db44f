/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * many-maps [N] - nearly as many mappings as a process may have (vm.max_map_count is
 * 65530): pages that may be written beside pages that may only be read, so that the
 * kernel joins none. Then every writable one is touched, every fifth mapping is taken
 * away, and every third is made writable, which joins some.
 */
#include "step.h"

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv);
	size_t n = (size_t)step_num(argc, argv, arg, 60000), touched = 0;
	char *base = (char *)STEP_BASE;

	step("start");
	for (size_t i = 0; i < n; i++) {
		int prot = PROT_READ | (i % 2 ? 0 : PROT_WRITE);

		if (mmap(base + i * PAGE, PAGE, prot,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED)
			step_die("mmap");
	}
	step("mapped map=%p len=%zu maps=%zu", (void *)base, n * PAGE, n);
	for (size_t i = 0; i < n; i += 2, touched++)
		step_write(base, i, 1);
	step("touched map=%p len=%zu touched=%zu", (void *)base, n * PAGE, touched);
	for (size_t i = 0; i < n; i += 5) {
		if (munmap(base + i * PAGE, PAGE))
			step_die("munmap");
		touched -= i % 2 == 0;
	}
	step("fewer map=%p len=%zu touched=%zu", (void *)base, n * PAGE, touched);
	for (size_t i = 1; i < n; i += 3)
		if (i % 5 && mprotect(base + i * PAGE, PAGE, PROT_READ | PROT_WRITE))
			step_die("mprotect");
	step("joined map=%p len=%zu touched=%zu", (void *)base, n * PAGE, touched);
	return 0;
}
