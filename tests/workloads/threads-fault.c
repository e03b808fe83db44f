/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * threads-fault [THREADS] [MB] [ROUNDS] - threads fault on one mapping at the same time,
 * page by page in turn, so that no thread's pages are neighbours. Between rounds all of it
 * is dropped.
 */
#include <pthread.h>

#include "step.h"

#define THREADS_MAX 256

static pthread_barrier_t gate;
static char *map;
static size_t pages, threads, rounds;

static void *fault(void *arg)
{
	size_t first = (size_t)(uintptr_t)arg;

	for (size_t r = 0; r < rounds; r++) {
		pthread_barrier_wait(&gate);
		for (size_t i = first; i < pages; i += threads)
			step_write(map, i, 1);
		if (pthread_barrier_wait(&gate) == PTHREAD_BARRIER_SERIAL_THREAD &&
		    r + 1 < rounds && madvise(map, pages * PAGE, MADV_DONTNEED))
			step_die("madvise");
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv);
	pthread_t thread[THREADS_MAX];

	threads = (size_t)step_num(argc, argv, arg, 64);
	pages = (size_t)step_num(argc, argv, arg + 1, 64) * 256;
	rounds = (size_t)step_num(argc, argv, arg + 2, 4);
	if (threads < 1 || threads > THREADS_MAX)
		return 97;
	map = step_map(0, pages * PAGE);
	pthread_barrier_init(&gate, NULL, (unsigned)threads);
	step("start");
	for (size_t i = 0; i < threads; i++)
		if (pthread_create(&thread[i], NULL, fault, (void *)(uintptr_t)i))
			step_die("pthread_create");
	for (size_t i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	step("all map=%p len=%zu touched=%zu faults=%zu", (void *)map, pages * PAGE, pages,
	     pages * rounds);
	return 0;
}
