/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * deep [THREADS] [MB] - each thread fills a local array of MB, returns from there, and
 * waits: what the deep call touched of its stack stays.
 */
#include <pthread.h>

#include "step.h"

#define THREADS_MAX 64
#define STACK	    (8UL << 20)
#define IDLE_MS	    1500

static pthread_barrier_t deep, gate;
static size_t depth;

static __attribute__((noinline)) void fill(void)
{
	char frame[STACK - 65536];

	for (size_t at = sizeof(frame); at > sizeof(frame) - depth; at -= PAGE)
		((volatile char *)frame)[at - 1] = 1;
}

static void *work(void *arg)
{
	(void)arg;
	fill();
	pthread_barrier_wait(&deep);
	pthread_barrier_wait(&gate);
	return NULL;
}

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv);
	size_t n = (size_t)step_num(argc, argv, arg, 1);
	pthread_t thread[THREADS_MAX];
	pthread_attr_t attr;

	depth = (size_t)step_num(argc, argv, arg + 1, 6) << 20;
	if (n < 1 || n > THREADS_MAX || depth > STACK - 131072)
		return 97;
	pthread_barrier_init(&deep, NULL, (unsigned)n + 1);
	pthread_barrier_init(&gate, NULL, (unsigned)n + 1);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	step("start");
	for (size_t i = 0; i < n; i++)
		if (pthread_create(&thread[i], &attr, work, NULL))
			step_die("pthread_create");
	pthread_barrier_wait(&deep);
	step_rest(IDLE_MS);
	step("done threads=%zu touched=%zu", n, n * depth);
	pthread_barrier_wait(&gate);
	for (size_t i = 0; i < n; i++)
		pthread_join(thread[i], NULL);
	return 0;
}
