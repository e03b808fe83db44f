/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * threads-stack [THREADS] [KB] - threads with deep stacks stand still at a gate,
 * so that the memory of stacks can be told from the rest.
 */
#include <pthread.h>

#include "step.h"

#define THREADS_MAX 64
#define STACK (1UL << 20)

static pthread_barrier_t deep, gate;
static size_t depth;

static void *dive(void *arg)
{
	char frame[STACK / 2];

	(void)arg;
	/* downwards, as a stack grows */
	for (size_t at = sizeof(frame); at > sizeof(frame) - depth; at -= PAGE)
		((volatile char *)frame)[at - 1] = 1;
	pthread_barrier_wait(&deep);
	pthread_barrier_wait(&gate);
	return NULL;
}

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv);
	size_t n = (size_t)step_num(argc, argv, arg, 8);
	pthread_t thread[THREADS_MAX];
	pthread_attr_t attr;

	depth = (size_t)step_num(argc, argv, arg + 1, 256) << 10;
	if (n < 1 || n > THREADS_MAX || depth > STACK / 2)
		return 97;
	pthread_barrier_init(&deep, NULL, (unsigned)n + 1);
	pthread_barrier_init(&gate, NULL, (unsigned)n + 1);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	step("start");
	for (size_t i = 0; i < n; i++)
		if (pthread_create(&thread[i], &attr, dive, NULL))
			step_die("pthread_create");
	pthread_barrier_wait(&deep);
	step("deep threads=%zu touched=%zu", n, n * depth / PAGE);
	pthread_barrier_wait(&gate);
	for (size_t i = 0; i < n; i++)
		pthread_join(thread[i], NULL);
	step("joined threads=0");
	return 0;
}
