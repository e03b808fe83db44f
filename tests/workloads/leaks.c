/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * leaks MODE - what a program forgets to give back, without end until it is ended itself:
 *
 *   malloc    blocks of 1000 bytes that nobody frees
 *   big       blocks of 200 KB, which malloc maps one by one
 *   mmap      mappings of 64 KiB, no munmap; every other one is made unlike its neighbours
 *   merged    the same, joined by the kernel
 *   maps      mappings that are never touched
 *   unjoined  threads that end and are not joined
 *   blocked   threads that wait for ever
 *   detached  threads that end, detached: nothing is forgotten
 *   joined    the same, joined
 *
 * The first thread says "done" after a while, when enough was forgotten; the forgetting does
 * not end then: how long a recording goes on after that makes no difference.
 */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "step.h"

#define WHILE_MS 2200
#define TICK_MS	 10
#define DEEP	 (64 * 1024) /* bytes of stack that a thread touches */

static pthread_mutex_t never = PTHREAD_MUTEX_INITIALIZER;

static char *touched(char *p, size_t n)
{
	for (size_t i = 0; i < n; i += PAGE)
		((volatile char *)p)[i] = 1;
	return p;
}

static void leak_malloc(void)
{
	for (unsigned i = 0; i < 500; i++)
		if (!touched(malloc(1000), 1000))
			step_die("malloc");
}

static void leak_big(void)
{
	for (unsigned i = 0; i < 4; i++)
		if (!touched(malloc(200000), 200000))
			step_die("malloc");
}

static char *map(void)
{
	char *p = mmap(NULL, 64 * 1024, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		step_die("mmap");
	return p;
}

static void leak_merged(void)
{
	for (unsigned i = 0; i < 6; i++)
		touched(map(), 64 * 1024);
}

static void leak_mmap(void)
{
	for (unsigned i = 0; i < 6; i++) {
		char *p = touched(map(), 64 * 1024);

		if (i % 2 && mprotect(p, PAGE, PROT_READ))
			step_die("mprotect");
	}
}

static void leak_maps(void)
{
	for (unsigned i = 0; i < 6; i++) {
		char *p = map();

		if (i % 2 && mprotect(p, PAGE, PROT_READ))
			step_die("mprotect");
	}
}

static void *dirty(void *wait)
{
	char frame[DEEP];

	touched(frame, sizeof(frame));
	if (wait)
		pthread_mutex_lock(&never);
	return NULL;
}

static pthread_t thread(void *wait)
{
	pthread_t t;

	if (pthread_create(&t, NULL, dirty, wait))
		step_die("pthread_create");
	return t;
}

static void leak_unjoined(void)
{
	thread(NULL);
}

static void leak_blocked(void)
{
	thread(&never);
}

static void leak_detached(void)
{
	pthread_detach(thread(NULL));
}

static void leak_joined(void)
{
	pthread_join(thread(NULL), NULL);
}

static const struct {
	const char *name;
	void (*tick)(void);
	unsigned least, most; /* ticks: before it is done; what the machine can bear, 0: any */
} modes[] = {
	{ "malloc", leak_malloc, 200, 8000 },	{ "big", leak_big, 200, 4000 },
	{ "mmap", leak_mmap, 200, 8000 },	{ "merged", leak_merged, 200, 8000 },
	{ "maps", leak_maps, 150, 8000 },	{ "unjoined", leak_unjoined, 100, 6000 },
	{ "blocked", leak_blocked, 120, 6000 }, { "detached", leak_detached, 100, 0 },
	{ "joined", leak_joined, 100, 0 },
};
#define MODES (sizeof(modes) / sizeof(modes[0]))

static atomic_uint ticks;

static void *forget(void *arg)
{
	size_t m = (size_t)arg;

	while (!modes[m].most || ticks < modes[m].most) {
		modes[m].tick();
		ticks++;
		poll(NULL, 0, TICK_MS);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv);
	pthread_t t;
	size_t m = 0;
	uint64_t end;

	while (m < MODES && (arg >= argc || strcmp(argv[arg], modes[m].name) != 0))
		m++;
	if (m == MODES)
		return 97;
	pthread_mutex_lock(&never);
	step("start");
	if (pthread_create(&t, NULL, forget, (void *)m))
		step_die("pthread_create");
	end = step_now() + WHILE_MS * 1000000UL;
	while (step_now() < end || ticks < modes[m].least)
		poll(NULL, 0, TICK_MS);
	step("done");
	return 0;
}
