/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * scenarios_demo_pages.c - incidents of pages and mappings: given back lazily, of files,
 * shared, huge, copied, locked, brought in by others.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/cmd/scenarios_demo.h"

#define SIZE  (200 * MIB)
#define HUGE2 (2 * MIB)

static char *map(size_t size, int flags, int fd)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

static char *anonymous(size_t size)
{
	return map(size, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

/* One byte of each page, over about `ms`. */
static void write_pages(char *p, size_t size, unsigned ms)
{
	for (size_t at = 0; at < size; at += PAGE) {
		((volatile char *)p)[at]++;
		if (at % (size / 16) == 0)
			demo_hold(NULL, ms / 16);
	}
}

int demo_lazyfree(unsigned pace)
{
	char *p = anonymous(SIZE);

	if (!p)
		return -errno;
	write_pages(p, SIZE, pace);
	demo_hold(NULL, pace);
	if (madvise(p, SIZE, MADV_FREE))
		return -errno;
	demo_hold(NULL, 8 * pace);
	return 0;
}

/* One byte in each 2 MiB brings all of them in. */
int demo_thp_bloat(unsigned pace)
{
	char *p = anonymous(SIZE + HUGE2);

	if (!p)
		return -errno;
	p += HUGE2 - (size_t)p % HUGE2;
	if (madvise(p, SIZE, MADV_HUGEPAGE))
		return -errno;
	demo_hold(NULL, pace);
	for (size_t at = 0; at < SIZE; at += HUGE2) {
		((volatile char *)p)[at] = 1;
		demo_hold(NULL, pace / 20);
	}
	demo_hold(NULL, 6 * pace);
	return 0;
}

/* A file with a name that is gone with the descriptor. */
static int scratch(size_t size)
{
	char name[] = "/var/tmp/memprof-demo-XXXXXX";
	int fd = mkstemp(name), err = 0;
	char *page = calloc(1, MIB);

	if (fd < 0 || !page) {
		free(page);
		return fd < 0 ? -errno : -ENOMEM;
	}
	unlink(name);
	for (size_t n = 0; n < size && !err; n += MIB)
		err = write(fd, page, MIB) == (ssize_t)MIB ? 0 : -EIO;
	free(page);
	if (!err && !fsync(fd)) /* clean: what is read back can be dropped */
		return fd;
	close(fd);
	return err;
}

int demo_file_mmap(unsigned pace)
{
	int fd = scratch(SIZE);
	unsigned sum = 0;
	char *p;

	if (fd < 0)
		return fd;
	p = map(SIZE, MAP_SHARED, fd);
	if (!p)
		return -errno;
	for (size_t at = 0; at < SIZE; at += PAGE) {
		sum += (unsigned char)((volatile char *)p)[at];
		if (at % (SIZE / 16) == 0)
			demo_hold(NULL, pace / 16);
	}
	demo_hold(NULL, 6 * pace);
	return sum ? -EIO : 0;
}

/* The parent of a snapshot writes on: each page that it writes is copied. */
int demo_fork_cow(unsigned pace)
{
	char *p = anonymous(SIZE);
	pid_t child;

	if (!p)
		return -errno;
	write_pages(p, SIZE, pace);
	demo_hold(NULL, pace);
	child = fork();
	if (child < 0)
		return -errno;
	if (!child) {
		demo_hold(NULL, 60 * pace);
		_exit(0);
	}
	write_pages(p, SIZE, 4 * pace);
	demo_hold(NULL, 4 * pace);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return 0;
}

int demo_multi_map(unsigned pace)
{
	int fd = memfd_create("three-times", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, SIZE / 2))
		return -errno;
	for (unsigned i = 0; i < 3; i++) {
		char *p = map(SIZE / 2, MAP_SHARED, fd);

		if (!p)
			return -errno;
		write_pages(p, SIZE / 2, pace);
	}
	demo_hold(NULL, 6 * pace);
	return 0;
}

int demo_shmem_growth(unsigned pace)
{
	for (unsigned i = 0; i < 20; i++) {
		int fd = memfd_create("never-closed", MFD_CLOEXEC);
		char *p;

		if (fd < 0 || ftruncate(fd, SIZE / 20))
			return -errno;
		p = map(SIZE / 20, MAP_SHARED, fd);
		if (!p)
			return -errno;
		write_pages(p, SIZE / 20, pace / 2);
	}
	demo_hold(NULL, 3 * pace);
	return 0;
}

int demo_locked_memory(unsigned pace)
{
	struct rlimit any = { RLIM_INFINITY, RLIM_INFINITY };
	char *p = anonymous(SIZE);

	if (!p)
		return -errno;
	demo_hold(NULL, 2 * pace);
	setrlimit(RLIMIT_MEMLOCK, &any); /* if it may */
	if (mlock(p, SIZE))
		return -errno;
	demo_hold(NULL, 8 * pace);
	return 0;
}

/* A child writes into its parent: RSS rises, and no fault is the parent's own. */
static int fill(pid_t to, char *p, unsigned pace)
{
	char *from = calloc(1, MIB);

	for (size_t at = 0; from && at < SIZE; at += MIB) {
		struct iovec l = { from, MIB }, r = { p + at, MIB };

		if (process_vm_writev(to, &l, 1, &r, 1, 0) != (ssize_t)MIB)
			return errno;
		demo_hold(NULL, pace / 50);
	}
	return from ? 0 : ENOMEM;
}

int demo_remote_fill(unsigned pace)
{
	char *p = anonymous(SIZE);
	pid_t parent = getpid(), child;
	int status = 0;

	if (!p)
		return -errno;
	demo_hold(NULL, 2 * pace);
	child = fork();
	if (child < 0)
		return -errno;
	if (!child)
		_exit(fill(parent, p, pace));
	waitpid(child, &status, 0);
	demo_hold(NULL, 4 * pace);
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}
