/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * busy - what a small server does, over and over, until its input ends: it reads, works on a
 * buffer, allocates and frees, and now and then maps memory, touches it and gives it back.
 *
 *     busy COUNTERS SLOT
 *
 * COUNTERS is a file of 64-bit pairs; it adds to pair SLOT: requests done, and the CPU time they
 * took in ns, told after every request. "step ready" when it has begun.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define KIB    1024u
#define READS  20
#define BLOCKS 8
#define EVERY  4 /* requests to one mapping */

struct pair {
	volatile uint64_t requests, cpu_ns;
};

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint32_t work(uint8_t *buf, size_t n, uint32_t h)
{
	for (size_t i = 0; i < n; i++)
		h = (h ^ (buf[i] += (uint8_t)h)) * 16777619u;
	return h;
}

/* 32 pages, touched in order and given back. */
static int map_some(uint32_t h)
{
	const size_t len = 128 * KIB;
	uint8_t *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return -1;
	for (size_t i = 0; i < len; i += 4096)
		p[i] = (uint8_t)h;
	return munmap(p, len);
}

static uint32_t request(int zero, uint8_t *buf, size_t n, uint32_t h)
{
	void *block[BLOCKS];
	char in[64];

	for (int i = 0; i < READS; i++)
		h += (uint32_t)read(zero, in, sizeof(in));
	for (int i = 0; i < BLOCKS; i++) {
		block[i] = malloc((i + 1) * 2 * KIB);
		if (block[i])
			memset(block[i], (int)h, (i + 1) * 2 * KIB);
	}
	h = work(buf, n, h);
	for (int i = 0; i < BLOCKS; i++)
		free(block[i]);
	return h;
}

int main(int argc, char **argv)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	int file = argc == 3 ? open(argv[1], O_RDWR) : -1, zero = open("/dev/zero", O_RDONLY);
	size_t slot = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	static uint8_t buf[64 * KIB];
	struct pair *all;
	uint32_t h = 1;

	all = mmap(NULL, (slot + 1) * sizeof(*all), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (file < 0 || zero < 0 || all == MAP_FAILED)
		return 1;
	printf("step ready\n");
	fflush(stdout);
	while (poll(&in, 1, 0) == 0) {
		uint64_t n = all[slot].requests + 1;

		h = request(zero, buf, sizeof(buf), h);
		if (n % EVERY == 0 && map_some(h))
			return 1;
		all[slot].requests = n;
		all[slot].cpu_ns = cpu_ns();
	}
	return h == 0;
}
