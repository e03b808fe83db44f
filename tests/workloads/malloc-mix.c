/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * malloc-mix [THREADS] [MB] - threads that malloc blocks from 16 bytes to 3 MiB
 * until each holds MB, all written: for malloc libraries, which a test preloads,
 * and the mappings that they are known by.
 */
#include <pthread.h>

#include "step.h"

#define THREADS_MAX 64

static pthread_barrier_t full, gate;
static size_t want;

/* Small blocks half of the bytes, the rest from 4 KiB to 3 MiB; some are freed. */
static void *fill(void *arg)
{
	uint64_t seed = (uintptr_t)arg;

	for (size_t have = 0; have < want;) {
		uint64_t r = step_rand(&seed);
		size_t n = have < want / 2 ? 16 + r % 3000 : 4096 + r % (3UL << 20);
		char *p = malloc(n);

		if (!p)
			step_die("malloc");
		memset(p, 1, n);
		if (r >> 60 == 0)
			free(p);
		else
			have += n;
	}
	pthread_barrier_wait(&full);
	pthread_barrier_wait(&gate);
	return NULL;
}

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv);
	size_t n = (size_t)step_num(argc, argv, arg, 4);
	pthread_t thread[THREADS_MAX];

	want = (size_t)step_num(argc, argv, arg + 1, 16) << 20;
	if (n < 1 || n > THREADS_MAX)
		return 97;
	pthread_barrier_init(&full, NULL, (unsigned)n + 1);
	pthread_barrier_init(&gate, NULL, (unsigned)n + 1);
	step("start");
	for (size_t i = 0; i < n; i++)
		if (pthread_create(&thread[i], NULL, fill, (void *)(i + 1)))
			step_die("pthread_create");
	pthread_barrier_wait(&full);
	step("full threads=%zu held=%zu", n, n * want);
	pthread_barrier_wait(&gate);
	for (size_t i = 0; i < n; i++)
		pthread_join(thread[i], NULL);
	return 0;
}
