/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fills a control group of LIMIT MiB, or swap, in one of six ways, having a little anonymous memory
 * of its own: at `start` it is in the group and small.
 *   tmpfs   a memfd that is written and never mapped
 *   pipes   pipes of 1 MiB, written full
 *   anon    anonymous memory
 *   cache   a file, FILE, written to three times the limit
 *   reread  half of the limit anonymous, and FILE of the limit's size mapped and read in no
 *           order, round after round, for SECONDS
 *   swap    LIMIT anonymous, sent to swap, and half of it wanted again
 * The first three stop at three quarters for so long that the group is looked at, and go on
 * until the kernel ends the program; where it does not, `step done survived=1`.
 */
#include "tests/workloads/step.h"

#include <errno.h>
#include <fcntl.h>

#define MIB (1UL << 20)

static char block[MIB];

static void put(int fd)
{
	size_t n = 0;

	while (n < sizeof(block)) {
		ssize_t got = write(fd, block + n, sizeof(block) - n);

		if (got <= 0)
			step_die("write");
		n += (size_t)got;
	}
}

static void more_tmpfs(long i)
{
	static int fd = -1;

	(void)i;
	if (fd < 0)
		fd = memfd_create("hidden", 0);
	put(fd);
}

static void more_pipes(long i)
{
	int fd[2];

	(void)i;
	if (pipe(fd) || fcntl(fd[1], F_SETPIPE_SZ, MIB) < 0)
		step_die("pipe");
	put(fd[1]);
}

static void more_anon(long i)
{
	step_write(step_map(1 + (unsigned)i, MIB), 0, MIB / PAGE);
}

static void until_killed(long limit, void (*more)(long i))
{
	for (long i = 0; i < 3 * limit; i++) {
		if (i == limit * 3 / 4)
			step_rest(5000); /* what is looked at once a second is looked at */
		more(i);
	}
	step("done survived=1");
}

/* It is gone when the program is. What is written is synced: dirty pages cannot be dropped. */
static int make_file(const char *path, long mib)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || unlink(path))
		step_die(path);
	for (long i = 0; i < mib; i++) {
		put(fd);
		if (i % 8 == 7 && fdatasync(fd))
			step_die("fdatasync");
	}
	if (fdatasync(fd))
		step_die("fdatasync");
	return fd;
}

static void reread(int fd, long limit, uint64_t seconds)
{
	size_t pages = (size_t)limit * MIB / PAGE;
	char *own = step_map(1, (size_t)limit * MIB / 2), *file;
	uint64_t end = step_now() + seconds * 1000000000;
	volatile unsigned sum = 0;
	uint64_t seed = 1;

	file = mmap(NULL, pages * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	if (file == MAP_FAILED || madvise(file, pages * PAGE, MADV_RANDOM))
		step_die("mmap");
	step_write(own, 0, pages / 2);
	while (step_now() < end)
		for (int i = 0; i < 256; i++)
			sum += step_read(file + step_rand(&seed) % pages * PAGE, 0, 1);
}

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

/* From the last to the first, so that no read-ahead helps. */
static void swap(long limit)
{
	size_t pages = (size_t)limit * MIB / PAGE;
	char *own = step_map(1, pages * PAGE);

	step_write(own, 0, pages);
	if (madvise(own, pages * PAGE, MADV_PAGEOUT))
		step_die("MADV_PAGEOUT");
	for (size_t i = pages; i > pages / 2; i--)
		step_read(own, i - 1, 1);
}

int main(int argc, char **argv)
{
	int i = step_begin(argc, argv), fd;
	const char *mode = i < argc ? argv[i] : "";
	long limit = step_num(argc, argv, i + 1, 64);
	const char *path = i + 2 < argc ? argv[i + 2] : "limit.bin";
	bool again = !strcmp(mode, "reread");

	memset(block, 1, sizeof(block));
	step_write(step_map(0, 4 * MIB), 0, 4 * MIB / PAGE);
	fd = again ? make_file(path, limit) : -1;
	step("start");
	if (!strcmp(mode, "tmpfs"))
		until_killed(limit, more_tmpfs);
	else if (!strcmp(mode, "pipes"))
		until_killed(limit, more_pipes);
	else if (!strcmp(mode, "anon"))
		until_killed(limit, more_anon);
	else if (!strcmp(mode, "cache"))
		make_file(path, 3 * limit); /* open to the end: its pages are still charged */
	else if (!strcmp(mode, "swap"))
		swap(limit);
	else if (again)
		reread(fd, limit, (uint64_t)step_num(argc, argv, i + 3, 4));
	else
		return 64;
	step("done");
	return 0;
}
