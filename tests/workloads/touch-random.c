/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * touch-random [MB] [COUNT] [SEED] [THREADS] - each thread writes COUNT pages
 * drawn at random from its share; pages drawn twice fault once. The last page of
 * the mapping is written at the end.
 */
#include <pthread.h>

#include "step.h"

#define THREADS_MAX 64

struct share {
	char *p;
	unsigned char *seen; /* a byte a page */
	size_t pages, distinct;
	long count;
	uint64_t seed;
};

static void *draw(void *arg)
{
	struct share *s = arg;

	for (long i = 0; i < s->count; i++) {
		size_t page = step_rand(&s->seed) % s->pages;

		s->distinct += !s->seen[page];
		s->seen[page] = 1;
		step_write(s->p, page, 1);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv);
	size_t len = (size_t)step_num(argc, argv, arg, 16) << 20;
	long count = step_num(argc, argv, arg + 1, (long)(len / PAGE));
	uint64_t seed = (uint64_t)step_num(argc, argv, arg + 2, 1);
	size_t n = (size_t)step_num(argc, argv, arg + 3, 2);
	size_t pages = len / PAGE, distinct = 0;
	struct share share[THREADS_MAX];
	pthread_t thread[THREADS_MAX];
	unsigned char *seen;
	char *p;

	if (n < 1 || n > THREADS_MAX)
		n = 1;
	step("start");
	seen = (unsigned char *)step_map(1, pages);
	p = step_map(0, len);
	for (size_t i = 0; i < n; i++) {
		size_t first = i * (pages / n);

		share[i] = (struct share){
			.p = p + first * PAGE,
			.seen = seen + first,
			.pages = pages / n,
			.count = count / (long)n,
			.seed = seed + i,
		};
		if (pthread_create(&thread[i], NULL, draw, &share[i]))
			step_die("pthread_create");
	}
	for (size_t i = 0; i < n; i++) {
		pthread_join(thread[i], NULL);
		distinct += share[i].distinct;
	}
	distinct += !seen[pages - 1];
	step_write(p, pages - 1, 1);
	step("drawn map=%p len=%zu touched=%zu", (void *)p, len, distinct);
	return 0;
}
