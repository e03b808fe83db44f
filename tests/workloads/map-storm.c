/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * map-storm [RATE] [MS] [BESIDE] - RATE times a second, for MS milliseconds, maps a page
 * at a random place, writes it and unmaps it again, while BESIDE other mappings stand
 * between. Paced by its own clock, a millisecond's share at a time; what a busy machine
 * made it miss is done as fast as it can.
 */
#include "step.h"

static char *map_at(char *at)
{
	char *p = mmap(at, PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (p == MAP_FAILED)
		step_die("mmap");
	return p;
}

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv);
	uint64_t rate = (uint64_t)step_num(argc, argv, arg, 10000);
	uint64_t ms = (uint64_t)step_num(argc, argv, arg + 1, 1000);
	size_t beside = (size_t)step_num(argc, argv, arg + 2, 0);
	size_t slots = beside ? beside : 1024;
	char *base = (char *)STEP_BASE;
	uint64_t seed = 1, done = 0, start;

	for (size_t i = 0; i < beside; i++)
		map_at(base + i * 4 * PAGE);
	step("start");
	start = step_now();
	for (uint64_t k = 1; k <= ms; k++) {
		for (; done < k * rate / 1000; done++) {
			char *p = map_at(base + (step_rand(&seed) % slots * 4 + 2) * PAGE);

			step_write(p, 0, 1);
			if (munmap(p, PAGE))
				step_die("munmap");
		}
		step_until(start + k * 1000000);
	}
	step("done pairs=%lu ms=%lu", done, (step_now() - start) / 1000000);
	return 0;
}
