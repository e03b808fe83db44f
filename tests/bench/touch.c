/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * touch [MB] [THREADS] [SEED] - touches fresh memory on command and times it.
 *
 * Lines on stdin: `order N`, `random N` (N rounds: map MB per thread, write one
 * byte of each page in address order or in a random permutation; the last round
 * stays mapped), `drop` (unmap it). One JSON line answers each. All threads start
 * a round together. What a round itself needs is mapped and touched beforehand, so
 * that a round faults once a page and not once more.
 *
 * Times: wall and the threads' CPU time over the whole round, and the median over
 * slices of 4 MB, in which a slice that another process ran in does not show.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096UL
#define SLICE 1024UL /* pages */
#define THREADS_MAX 16
#define ROUNDS_MAX 64

struct part {
	pthread_t thread;
	char *p;
	uint32_t *order, *random;
	uint64_t cpu;
	double *slices; /* ns per fault, of all rounds */
};

static struct part parts[THREADS_MAX];
static pthread_barrier_t go, done;
static size_t pages, n_threads, n_slices, round_now;
static int at_random, ending;

static uint64_t ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint64_t draw(uint64_t *s)
{
	uint64_t z = (*s += 0x9e3779b97f4a7c15ULL);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static void round_of(struct part *s)
{
	const uint32_t *which = at_random ? s->random : s->order;
	double *slice = s->slices + round_now * n_slices;
	uint64_t cpu = ns(CLOCK_THREAD_CPUTIME_ID), last = ns(CLOCK_MONOTONIC);

	for (size_t k = 0; k < n_slices; k++) {
		size_t end = (k + 1) * SLICE;
		uint64_t now;

		for (size_t i = k * SLICE; i < end; i++)
			*(volatile char *)(s->p + which[i] * PAGE) = 1;
		now = ns(CLOCK_MONOTONIC);
		slice[k] = (double)(now - last) / SLICE;
		last = now;
	}
	s->cpu += ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
}

static void *thread_main(void *arg)
{
	for (;;) {
		pthread_barrier_wait(&go);
		if (ending)
			return NULL;
		round_of(arg);
		pthread_barrier_wait(&done);
	}
}

static void drop(void)
{
	for (size_t i = 0; i < n_threads; i++) {
		if (parts[i].p)
			munmap(parts[i].p, pages * PAGE);
		parts[i].p = NULL;
	}
}

static void map(void)
{
	for (size_t i = 0; i < n_threads; i++) {
		parts[i].p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (parts[i].p == MAP_FAILED) {
			perror("touch: mmap");
			exit(1);
		}
		madvise(parts[i].p, pages * PAGE, MADV_NOHUGEPAGE);
	}
}

static int cmp(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double *all; /* the slices of one command, to be sorted */

static void run(size_t rounds)
{
	size_t faults = rounds * n_threads * pages, n = 0;
	uint64_t wall = 0, cpu = 0;
	char line[256];

	for (size_t i = 0; i < n_threads; i++)
		parts[i].cpu = 0;
	for (round_now = 0; round_now < rounds; round_now++) {
		uint64_t start;

		drop();
		map();
		start = ns(CLOCK_MONOTONIC);
		if (n_threads == 1) {
			round_of(&parts[0]);
		} else {
			pthread_barrier_wait(&go);
			pthread_barrier_wait(&done);
		}
		wall += ns(CLOCK_MONOTONIC) - start;
	}
	for (size_t i = 0; i < n_threads; i++) {
		cpu += parts[i].cpu;
		memcpy(all + n, parts[i].slices, rounds * n_slices * sizeof(double));
		n += rounds * n_slices;
	}
	qsort(all, n, sizeof(*all), cmp);
	n = (size_t)snprintf(line, sizeof(line),
			     "{\"faults\": %zu, \"wall_s\": %.6f, \"wall\": %.1f, \"cpu\": %.1f, "
			     "\"slice\": %.1f}\n",
			     faults, (double)wall / 1e9,
			     (double)wall * (double)n_threads / (double)faults,
			     (double)cpu / (double)faults, all[n / 2]);
	if (write(1, line, n) != (ssize_t)n)
		exit(1);
}

static void *fresh(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (!p) {
		fprintf(stderr, "touch: out of memory\n");
		exit(1);
	}
	memset(p, 1, n * size);
	return p;
}

static void set_up(struct part *s, uint64_t seed)
{
	s->order = fresh(pages, sizeof(*s->order));
	s->random = fresh(pages, sizeof(*s->random));
	s->slices = fresh(n_slices * ROUNDS_MAX, sizeof(*s->slices));
	for (size_t i = 0; i < pages; i++)
		s->order[i] = s->random[i] = (uint32_t)i;
	for (size_t i = pages - 1; i > 0; i--) {
		size_t j = draw(&seed) % (i + 1);
		uint32_t t = s->random[i];

		s->random[i] = s->random[j];
		s->random[j] = t;
	}
}

/* A command line; stdio would touch its buffer in the middle of a measurement. */
static int read_line(char *buf, size_t size)
{
	size_t n = 0;

	while (n + 1 < size && read(0, buf + n, 1) == 1)
		if (buf[n++] == '\n')
			break;
	buf[n] = 0;
	return n > 0;
}

int main(int argc, char **argv)
{
	size_t mb = argc > 1 ? strtoul(argv[1], NULL, 0) : 256;
	uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 0) : 1;
	char line[64];

	n_threads = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;
	if (mb < 4 || mb > 1 << 20 || n_threads < 1 || n_threads > THREADS_MAX) {
		fprintf(stderr, "usage: touch [MB, at least 4] [THREADS, 1 to 16] [SEED]\n");
		return 64;
	}
	n_slices = (mb << 20) / PAGE / SLICE;
	pages = n_slices * SLICE;
	all = fresh(n_threads * n_slices * ROUNDS_MAX, sizeof(*all));
	pthread_barrier_init(&go, NULL, (unsigned)n_threads + 1);
	pthread_barrier_init(&done, NULL, (unsigned)n_threads + 1);
	for (size_t i = 0; i < n_threads; i++)
		set_up(&parts[i], seed + i);
	for (size_t i = 0; n_threads > 1 && i < n_threads; i++)
		if (pthread_create(&parts[i].thread, NULL, thread_main, &parts[i]))
			return 1;
	while (read_line(line, sizeof(line))) {
		size_t rounds = strtoul(line + strcspn(line, " \n"), NULL, 0);

		at_random = line[0] == 'r';
		if (line[0] == 'd') {
			drop();
			if (write(1, "{}\n", 3) != 3)
				return 1;
		} else {
			run(rounds < 1 ? 1 : rounds > ROUNDS_MAX ? ROUNDS_MAX : rounds);
		}
	}
	ending = 1;
	if (n_threads > 1) {
		pthread_barrier_wait(&go);
		for (size_t i = 0; i < n_threads; i++)
			pthread_join(parts[i].thread, NULL);
	}
	return 0;
}
