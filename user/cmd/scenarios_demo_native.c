/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * scenarios_demo_native.c - incidents of memory beside a managed heap: malloc, mappings,
 * threads. There is no managed heap in these.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "user/cmd/scenarios_demo.h"

#define STEPS 40

/* --- a burst in several threads of which a little stays ------------------------------- */

#define THREADS 8
#define BLOCKS	30000

struct burst {
	char **block;
	unsigned seed;
};

static void *burst_thread(void *arg)
{
	struct burst *b = arg;

	for (size_t i = 0; i < BLOCKS; i++) {
		size_t size = 64 + (b->seed = b->seed * 1103515245 + 12345) / 65536 % 1500;

		b->block[i] = malloc(size);
		if (b->block[i])
			memset(b->block[i], 1, size);
	}
	for (size_t i = 0; i < BLOCKS; i++)
		if (i % 20) {
			free(b->block[i]);
			b->block[i] = NULL;
		}
	return NULL;
}

/* All threads work at once: each gets an arena of its own. */
static int burst(struct burst b[THREADS])
{
	pthread_t t[THREADS];
	int err = 0;

	for (unsigned i = 0; i < THREADS && !err; i++) {
		b[i] = (struct burst){ calloc(BLOCKS, sizeof(char *)), i };
		err = b[i].block ? -pthread_create(&t[i], NULL, burst_thread, &b[i]) : -ENOMEM;
	}
	for (unsigned i = 0; i < THREADS && !err; i++)
		pthread_join(t[i], NULL);
	return err;
}

int demo_native_retention(unsigned pace)
{
	struct burst b[THREADS];
	int err;

	demo_hold(NULL, 2 * pace);
	err = burst(b);
	if (!err)
		demo_hold(NULL, 20 * pace);
	return err;
}

/* --- never freed -------------------------------------------------------------------------- */

int demo_native_leak(unsigned pace)
{
	for (unsigned i = 0; i < 3 * STEPS; i++) {
		for (unsigned k = 0; k < 1600; k++) {
			char *p = malloc(1000);

			if (!p)
				return -ENOMEM;
			memset(p, 1, 1000);
			/* nothing refers to it from here on */
			__asm__ volatile("" : : "r"(p) : "memory");
		}
		demo_hold(NULL, pace / 6);
	}
	return 0;
}

int demo_mmap_leak(unsigned pace)
{
	for (unsigned i = 0; i < STEPS; i++) {
		for (unsigned k = 0; k < 50; k++) {
			char *p = mmap(NULL, 64 * 1024, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

			if (p == MAP_FAILED)
				return -errno;
			memset(p, 1, 64 * 1024);
			/* or neighbours become one mapping */
			if (k % 2)
				mprotect(p, PAGE, PROT_READ);
		}
		demo_hold(NULL, pace / 3);
	}
	return 0;
}

/* --- threads ------------------------------------------------------------------------------- */

static void *blocked_thread(void *arg)
{
	volatile char deep[200 * 1024];

	for (size_t i = 0; i < sizeof(deep); i += PAGE)
		deep[i] = 1;
	pthread_mutex_lock(arg); /* for ever: the first thread has it */
	return NULL;
}

int demo_thread_stacks(unsigned pace)
{
	static pthread_mutex_t never = PTHREAD_MUTEX_INITIALIZER;

	pthread_mutex_lock(&never);
	for (unsigned i = 0; i < STEPS; i++) {
		for (unsigned k = 0; k < 12; k++) {
			pthread_t t;
			int err = pthread_create(&t, NULL, blocked_thread, &never);

			if (err)
				return -err;
		}
		demo_hold(NULL, pace / 3);
	}
	demo_hold(NULL, pace);
	return 0;
}
