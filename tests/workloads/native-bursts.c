/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * native-bursts [THREADS] [MB] [BURSTS] [KEEP] - threads malloc MB together, in blocks of
 * 64 to 1563 bytes, and free all but every KEEP-th of them (0: all), BURSTS times; then it
 * is idle. What malloc then keeps is not in use.
 *
 * It is idle for longer than the bursts took, so that they are a small part of the time on
 * a busy machine as well; within what a test waits for.
 */
#include <pthread.h>

#include "step.h"

#define THREADS_MAX 64
#define IDLE_MS	    1500 /* the silence alone is a window that is judged */
#define IDLE_TIMES  3	 /* of the bursts' time */
#define IDLE_MOST   18000

static pthread_barrier_t all;
static size_t blocks, keep;
static long bursts;

static void burst(char **p, uint64_t *seed)
{
	for (size_t i = 0; i < blocks; i++) {
		size_t n = 64 + step_rand(seed) % 1500;

		p[i] = malloc(n);
		if (!p[i])
			step_die("malloc");
		memset(p[i], 1, n);
	}
	pthread_barrier_wait(&all); /* all of it at once */
	for (size_t i = 0; i < blocks; i++)
		if (!keep || i % keep)
			free(p[i]);
}

/* What it kept goes with the next burst. */
static void *work(void *arg)
{
	char **p = calloc(blocks, sizeof(*p));
	uint64_t seed = (uintptr_t)arg;

	if (!p)
		step_die("calloc");
	for (long k = 0; k < bursts; k++) {
		for (size_t i = 0; k && keep && i < blocks; i += keep)
			free(p[i]);
		burst(p, &seed);
	}
	pthread_barrier_wait(&all);
	pthread_barrier_wait(&all);
	return NULL;
}

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv);
	size_t n = (size_t)step_num(argc, argv, arg, 16);
	size_t mb = (size_t)step_num(argc, argv, arg + 1, 250);
	pthread_t thread[THREADS_MAX];
	uint64_t begin, rest;

	bursts = step_num(argc, argv, arg + 2, 1);
	keep = (size_t)step_num(argc, argv, arg + 3, 20);
	if (n < 1 || n > THREADS_MAX)
		return 97;
	blocks = (mb << 20) / n / 813;
	pthread_barrier_init(&all, NULL, (unsigned)n + 1);
	step("start");
	begin = step_now();
	for (size_t i = 0; i < n; i++)
		if (pthread_create(&thread[i], NULL, work, (void *)(i + 1)))
			step_die("pthread_create");
	for (long k = 0; k <= bursts; k++)
		pthread_barrier_wait(&all);
	rest = IDLE_TIMES * (step_now() - begin) / 1000000;
	rest = rest < IDLE_MOST ? rest : IDLE_MOST;
	step_rest(rest > IDLE_MS ? rest : IDLE_MS);
	step("done held=%zu", mb << 20);
	pthread_barrier_wait(&all);
	for (size_t i = 0; i < n; i++)
		pthread_join(thread[i], NULL);
	return 0;
}
