/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * step.h - how a workload and a test take turns.
 *
 * A workload works up to a quiet point, prints one line `step NAME KEY=VALUE...`
 * with what it knows to be true there, and waits for a line on stdin; end of
 * file means: go on to the end. With `--run` it never waits. A test can so look
 * at the process, and at what the profiler says of it, while nothing moves.
 *
 * Every page is written with one store and huge pages are off, so that counts of
 * pages are exact. Nothing here allocates: output goes through a buffer on the
 * stack and write(2).
 */
#ifndef STEP_H
#define STEP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096UL

/* Mappings start at places of their own, so that the kernel merges none. */
#define STEP_BASE   0x100000000000UL
#define STEP_STRIDE 0x1000000000UL

static bool step_run;

static inline _Noreturn void step_die(const char *what)
{
	perror(what);
	exit(99);
}

/* Takes `--run` and switches huge pages off; returns the index of the first argument. */
static inline int step_begin(int argc, char **argv)
{
	int i = 1;

	if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0))
		step_die("PR_SET_THP_DISABLE");
	if (i < argc && !strcmp(argv[i], "--run")) {
		step_run = true;
		i++;
	}
	return i;
}

/* Argument i as a number, or `def` where there is none. */
static inline long step_num(int argc, char **argv, int i, long def)
{
	return i < argc ? strtol(argv[i], NULL, 0) : def;
}

/* Prints `step ...`. */
__attribute__((format(printf, 1, 2))) static inline void step_say(const char *fmt, ...)
{
	char line[512] = "step ";
	size_t n = 5;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(line + n, sizeof(line) - n - 1, fmt, ap);
	va_end(ap);
	n += len < 0 ? 0 : (size_t)len;
	if (n > sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	if (write(STDOUT_FILENO, line, n) != (ssize_t)n)
		exit(98);
}

/* Waits to be told to go on. */
static inline void step_wait(void)
{
	while (!step_run) {
		char c;

		if (read(STDIN_FILENO, &c, 1) != 1)
			step_run = true;
		else if (c == '\n')
			return;
	}
}

#define step(...) (step_say(__VA_ARGS__), step_wait())

/* Private anonymous memory in a place of its own; slot counts from 0. */
static inline char *step_map_flags(unsigned slot, size_t len, int flags)
{
	void *hint = (void *)(STEP_BASE + slot * STEP_STRIDE);
	char *p = mmap(hint, len, PROT_READ | PROT_WRITE, flags, -1, 0);

	if (p == MAP_FAILED)
		step_die("mmap");
	return p;
}

static inline char *step_map(unsigned slot, size_t len)
{
	return step_map_flags(slot, len, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
}

/* One store to each of `n` pages from page `first` on. */
static inline void step_write(char *p, size_t first, size_t n)
{
	for (size_t i = first; i < first + n; i++)
		((volatile char *)p)[i * PAGE] = (char)(i | 1);
}

/* One load from each of `n` pages; the sum keeps the loads. */
static inline unsigned step_read(const char *p, size_t first, size_t n)
{
	unsigned sum = 0;

	for (size_t i = first; i < first + n; i++)
		sum += ((const volatile unsigned char *)p)[i * PAGE];
	return sum;
}

/* splitmix64: the same numbers for the same seed everywhere. */
static inline uint64_t step_rand(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15UL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9UL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebUL;
	return z ^ (z >> 31);
}

/* CLOCK_MONOTONIC, ns. */
static inline uint64_t step_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Waits for that moment of CLOCK_MONOTONIC, in ns. */
static inline void step_until(uint64_t at)
{
	struct timespec t = { .tv_sec = (time_t)(at / 1000000000),
			      .tv_nsec = (long)(at % 1000000000) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL))
		;
}

static inline void step_rest(uint64_t ms)
{
	step_until(step_now() + ms * 1000000);
}

/* Rests for as long as it worked since `begin`: on a busy machine as well that was a burst. */
#define STEP_REST_NS 1000000000ULL /* at least: control groups are read once a second */
static inline void step_rest_as_long(uint64_t begin)
{
	uint64_t now = step_now(), rest = now - begin;

	step_until(now + (rest > STEP_REST_NS ? rest : STEP_REST_NS));
}

#endif /* STEP_H */
