/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * touch-threads [THREADS] [MB] - threads fault flat out, each in MB of its own:
 * even ones in address order, odd ones over every page in a scattered order.
 * Nothing may be lost at the full rate of all processors. Each thread says how many
 * faults the kernel has charged to it.
 */
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "step.h"

#define THREADS_MAX 64

struct share {
	char *p;
	size_t pages;
	bool scatter;
	int tid;
	long faults;
};

static pthread_barrier_t gate;

static void *touch(void *arg)
{
	struct share *s = arg;
	struct rusage u;

	s->tid = (int)syscall(SYS_gettid);
	pthread_barrier_wait(&gate);
	if (!s->scatter)
		step_write(s->p, 0, s->pages);
	/* pages is a power of two: an odd factor visits each page once */
	for (size_t i = 0; s->scatter && i < s->pages; i++)
		step_write(s->p, i * 2654435761UL & (s->pages - 1), 1);
	if (getrusage(RUSAGE_THREAD, &u))
		step_die("getrusage");
	s->faults = u.ru_minflt + u.ru_majflt;
	return NULL;
}

/* "tid0=17 faults0=4099 tid1=..."; of the first threads, as many as fit. */
static void tell(char *buf, size_t size, const struct share *s, size_t n)
{
	size_t at = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < n && at + 64 < size; i++)
		at += (size_t)snprintf(buf + at, size - at, " tid%zu=%d faults%zu=%ld", i,
				       s[i].tid, i, s[i].faults);
}

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv);
	size_t n = (size_t)step_num(argc, argv, arg, 4);
	size_t len = (size_t)step_num(argc, argv, arg + 1, 16) << 20;
	struct share share[THREADS_MAX];
	pthread_t thread[THREADS_MAX];
	char *p, told[400];

	if (n < 1 || n > THREADS_MAX || len & (len - 1))
		return 97;
	step("start");
	p = step_map(0, n * len);
	pthread_barrier_init(&gate, NULL, (unsigned)n);
	for (size_t i = 0; i < n; i++) {
		share[i] = (struct share){p + i * len, len / PAGE, i & 1, 0, 0};
		if (pthread_create(&thread[i], NULL, touch, &share[i]))
			step_die("pthread_create");
	}
	for (size_t i = 0; i < n; i++)
		pthread_join(thread[i], NULL);
	tell(told, sizeof(told), share, n);
	step("all map=%p len=%zu touched=%zu%s", (void *)p, n * len, n * len / PAGE, told);
	return 0;
}
