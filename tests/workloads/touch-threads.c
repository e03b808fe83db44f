/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * touch-threads [THREADS] [MB] - threads fault flat out, each in MB of its own:
 * even ones in address order, odd ones over every page in a scattered order.
 * Nothing may be lost at the full rate of all processors.
 */
#include <pthread.h>

#include "step.h"

#define THREADS_MAX 64

struct share {
	char *p;
	size_t pages;
	bool scatter;
};

static pthread_barrier_t gate;

static void *touch(void *arg)
{
	const struct share *s = arg;

	pthread_barrier_wait(&gate);
	if (!s->scatter) {
		step_write(s->p, 0, s->pages);
		return NULL;
	}
	/* pages is a power of two: an odd factor visits each page once */
	for (size_t i = 0; i < s->pages; i++)
		step_write(s->p, i * 2654435761UL & (s->pages - 1), 1);
	return NULL;
}

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv);
	size_t n = (size_t)step_num(argc, argv, arg, 4);
	size_t len = (size_t)step_num(argc, argv, arg + 1, 16) << 20;
	struct share share[THREADS_MAX];
	pthread_t thread[THREADS_MAX];
	char *p;

	if (n < 1 || n > THREADS_MAX || len & (len - 1))
		return 97;
	step("start");
	p = step_map(0, n * len);
	pthread_barrier_init(&gate, NULL, (unsigned)n);
	for (size_t i = 0; i < n; i++) {
		share[i] = (struct share){p + i * len, len / PAGE, i & 1};
		if (pthread_create(&thread[i], NULL, touch, &share[i]))
			step_die("pthread_create");
	}
	for (size_t i = 0; i < n; i++)
		pthread_join(thread[i], NULL);
	step("all map=%p len=%zu touched=%zu", (void *)p, n * len, n * len / PAGE);
	return 0;
}
