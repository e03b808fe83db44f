/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * syscalls - what a system call costs: one that nobody watches, or two that memprof does.
 *
 * For each line on stdin ns of CPU time per call on stdout: of getppid(), or after a line
 * that begins with `m`, of mmap() and munmap() of a page in turn, through the C library.
 * It is the lower quartile of many slices, in which other work on the machine shows least.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SLICES 100
#define CALLS  4000
#define MAPS   100 /* pairs: dearer, and each makes events */
#define PAGE   4096UL

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int cmp(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double ask(void)
{
	uint64_t t = now();

	for (int i = 0; i < CALLS; i++)
		syscall(SYS_getppid);
	return (double)(now() - t) / CALLS;
}

static double map(void)
{
	uint64_t t = now();

	for (int i = 0; i < MAPS; i++) {
		void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			       0);

		if (p == MAP_FAILED || munmap(p, PAGE)) {
			perror("syscalls");
			exit(1);
		}
	}
	return (double)(now() - t) / (2 * MAPS);
}

int main(void)
{
	static double slice[SLICES];
	int maps = 0;
	char c;

	while (read(0, &c, 1) == 1) {
		maps |= c == 'm';
		if (c != '\n')
			continue;
		for (int k = 0; k < SLICES; k++)
			slice[k] = maps ? map() : ask();
		qsort(slice, SLICES, sizeof(*slice), cmp);
		printf("{\"ns\": %.1f}\n", slice[SLICES / 4]);
		fflush(stdout);
		maps = 0;
	}
	return 0;
}
