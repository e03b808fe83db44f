/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * places.c - touches 32 MiB in a function with a known name, from another one; built by
 * tests with different options. With arguments it does so and then runs them.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define SIZE (32L << 20)

#ifndef TOUCH
#define TOUCH touch_pages
#endif

__attribute__((noinline)) static void TOUCH(volatile char *p)
{
	for (long i = 0; i < SIZE; i += 4096)
		p[i] = 1;
}

__attribute__((noinline)) void call_touch(volatile char *p)
{
	TOUCH(p);
	p[0] = 2; /* no tail call */
}

int main(int argc, char **argv)
{
	void *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	if (argc == 2 && !strcmp(argv[1], "--gone"))
		unlink(argv[0]);
	else if (argc < 3 || strcmp(argv[1], "--run")) {
		puts("step start");
		fflush(stdout);
		getchar();
	}
	call_touch(p);
	if (argc > 2) {
		execv(argv[2], argv + 2);
		return 99;
	}
	puts("step touched");
	fflush(stdout);
	getchar();
	return 0;
}
