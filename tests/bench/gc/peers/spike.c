/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * spike.c - gc/examples/spike.c for malloc and for bdwgc. The goal is twice what is
 * kept. The mutator is a thread of its own that ends before the collection: a
 * conservative collector may keep all of a heap for one stale word on a stack.
 */
#include <pthread.h>
#ifdef BDWGC
#define GC_THREADS
#endif
#include "mem.h"
#include <unistd.h>

#define BATCH  1000
#define RECORD 64

static uint64_t ***kept;
static size_t nkept, spike_mb;

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double rss_mb(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;

	if (!f || fscanf(f, "%*u %lu", &pages) != 1)
		exit(1);
	fclose(f);
	return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

static uint64_t ***fill(size_t mb, size_t *count)
{
	size_t n = mb * 1000000 / (BATCH * (RECORD + sizeof(void *))), i, j;
	uint64_t ***all = mem_new(n * sizeof(*all));

	memset(all, 0, n * sizeof(*all));
	for (i = 0; i < n; i++) {
		all[i] = mem_new(BATCH * sizeof(*all[i]));
		memset(all[i], 0, BATCH * sizeof(*all[i]));
		for (j = 0; j < BATCH; j++) {
			all[i][j] = mem_new_data(RECORD - sizeof(void *));
			all[i][j][0] = i + j;
		}
	}
	*count = n;
	return all;
}

static void drop(uint64_t ***all, size_t n)
{
	size_t i, j;

	for (i = 0; i < n && MEM_FREES; i++) {
		for (j = 0; j < BATCH; j++)
			mem_free(all[i][j]);
		mem_free(all[i]);
	}
	mem_free(all);
}

static void *mutator(void *arg)
{
	double *before = arg;
	uint64_t ***spike;
	size_t n;

	spike = fill(spike_mb, &n);
	*before = rss_mb();
	drop(spike, n);
	return NULL;
}

static uint64_t sum(void)
{
	uint64_t s = 0;
	size_t i, j;

	for (i = 0; i < nkept; i++)
		for (j = 0; j < BATCH; j++)
			s += kept[i][j][0];
	return s;
}

int main(int argc, char **argv)
{
	long kept_mb = mem_args(argc, argv, 32);
	double patience = argc > 2 ? atof(argv[2]) : 5;
	double before, start, rss, t, goal = 2 * (double)kept_mb;
	pthread_t thread;
	uint64_t want;

	spike_mb = 8 * (size_t)kept_mb;
	kept = fill((size_t)kept_mb, &nkept);
	want = sum();
	if (pthread_create(&thread, NULL, mutator, &before) || pthread_join(thread, NULL))
		return 1;
	mem_collect();
	start = seconds();
	do {
		usleep(5000);
		rss = rss_mb();
		t = seconds() - start;
	} while (rss > 1.1 * goal && t < patience);
	printf("rss %.1f MB, goal %.1f MB: rss %.1f MB after %.3f s\n", before, goal, rss, t);
	return sum() != want;
}
