/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * audit-steps WHAT [ARG] - one thing each that events do not account for, or not wholly:
 *
 *	tmpfs FILE      the file, on some tmpfs, mapped shared, read and written
 *	truncate FILE   a mapped file is cut to half, and a hole is punched into the rest
 *	two FILE OTHER  both mapped, all of the first and a page of the other touched
 *	leader-exits    the first thread ends by pthread_exit(), another goes on
 *	quiet MIB       that much memory, touched; then nothing happens
 *	sparse MIB      the same with one page in each 4 MiB left out
 *	hugetlb         two huge pages of hugetlbfs (needs a pool)
 *	collapse        2 MiB of small pages made one huge page
 *	huge-zero       a byte read where a huge page may come: the huge zero page
 *	dev-zero        a private mapping of /dev/zero: anonymous memory with a name
 *	ends PAGES      touches that many pages and kills itself at once
 */
#include "step.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>

#define HPAGE (2UL << 20)

static char *map_file(const char *path, unsigned slot, size_t *len)
{
	int fd = open(path, O_RDWR);
	struct stat st;
	char *p;

	if (fd < 0 || fstat(fd, &st))
		step_die(path);
	*len = (size_t)st.st_size & ~(PAGE - 1);
	p = mmap((void *)(STEP_BASE + slot * STEP_STRIDE), *len, PROT_READ | PROT_WRITE, MAP_SHARED,
		 fd, 0);
	if (p == MAP_FAILED)
		step_die("mmap");
	close(fd);
	return p;
}

static void do_tmpfs(const char *path)
{
	size_t len;
	char *p = map_file(path, 0, &len);

	step_read(p, 0, len / PAGE / 2);
	step("read map=%p len=%zu", (void *)p, len);
	step_write(p, len / PAGE / 2, len / PAGE / 4);
	step("written map=%p len=%zu", (void *)p, len);
}

static void do_truncate(const char *path)
{
	size_t len;
	char *p = map_file(path, 0, &len);
	int fd = open(path, O_RDWR);

	step_write(p, 0, len / PAGE);
	step("touched map=%p len=%zu", (void *)p, len);
	if (ftruncate(fd, (off_t)len / 2))
		step_die("ftruncate");
	step("cut map=%p len=%zu", (void *)p, len);
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)len / 4))
		step_die("fallocate");
	step("hole map=%p len=%zu", (void *)p, len);
}

static void do_two(const char *path, const char *other)
{
	size_t len, len2;
	char *p = map_file(path, 0, &len), *q = map_file(other, 1, &len2);

	step_write(p, 0, len / PAGE);
	step_read(q, len2 / PAGE - 1, 1);
	step("touched map=%p len=%zu other=%p", (void *)p, len, (void *)q);
}

static void *goes_on(void *first)
{
	char *p = step_map(0, 1024 * PAGE);

	pthread_join(*(pthread_t *)first, NULL);
	step("alone map=%p len=%zu", (void *)p, 1024 * PAGE);
	step_write(p, 0, 512);
	step("touched map=%p len=%zu", (void *)p, 1024 * PAGE);
	_exit(7);
}

static void do_leader_exits(void)
{
	static pthread_t first;
	pthread_t other;

	first = pthread_self();
	if (pthread_create(&other, NULL, goes_on, &first))
		step_die("pthread_create");
	pthread_exit(NULL);
}

static void do_quiet(size_t mib, size_t left_out)
{
	size_t len = mib << 20;
	char *p = step_map(0, len);

	for (size_t i = 0; i < len / PAGE; i += 1024)
		step_write(p, i + left_out, 1024 - left_out);
	step("touched map=%p len=%zu", (void *)p, len);
	step("waited map=%p len=%zu", (void *)p, len);
}

static void do_hugetlb(void)
{
	char *p = mmap(NULL, 2 * HPAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

	if (p == MAP_FAILED)
		step_die("MAP_HUGETLB");
	p[0] = p[HPAGE] = 1;
	step("touched map=%p len=%zu", (void *)p, 2 * HPAGE);
}

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
static void do_collapse(void)
{
	char *p = step_map(0, HPAGE);
	int r;

	if (prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0))
		step_die("PR_SET_THP_DISABLE");
	step_write(p, 0, 10);
	step("few map=%p len=%zu", (void *)p, HPAGE);
	r = madvise(p, HPAGE, MADV_COLLAPSE);
	step("collapsed map=%p len=%zu ok=%d", (void *)p, HPAGE, !r);
	if (munmap(p + PAGE, PAGE))
		step_die("munmap");
	step("split map=%p len=%zu ok=%d", (void *)p, HPAGE, !r);
}

static void do_huge_zero(void)
{
	char *p = step_map(0, 4 * HPAGE);

	if (prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0) || madvise(p, 4 * HPAGE, MADV_HUGEPAGE))
		step_die("MADV_HUGEPAGE");
	step_read(p, 0, 1);
	step_read(p, HPAGE / PAGE, 1);
	step("read map=%p len=%zu", (void *)p, 4 * HPAGE);
	step_write(p, HPAGE / PAGE + 7, 1);
	step("written map=%p len=%zu", (void *)p, 4 * HPAGE);
}

static void do_dev_zero(void)
{
	int fd = open("/dev/zero", O_RDWR);
	char *p = mmap((void *)STEP_BASE, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);

	if (p == MAP_FAILED)
		step_die("/dev/zero");
	step_read(p, 0, 32);
	step_write(p, 32, 16);
	step("touched map=%p len=%zu", (void *)p, 64 * PAGE);
}

static void do_ends(size_t pages)
{
	char *p = step_map(0, pages * PAGE);

	step_write(p, 0, pages);
	kill(getpid(), SIGKILL);
}

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv);
	const char *what = arg < argc ? argv[arg] : "", *file = arg + 1 < argc ? argv[arg + 1] : "";
	size_t n = (size_t)step_num(argc, argv, arg + 1, 64);

	step("start");
	if (!strcmp(what, "tmpfs"))
		do_tmpfs(file);
	else if (!strcmp(what, "truncate"))
		do_truncate(file);
	else if (!strcmp(what, "two"))
		do_two(file, arg + 2 < argc ? argv[arg + 2] : "");
	else if (!strcmp(what, "leader-exits"))
		do_leader_exits();
	else if (!strcmp(what, "quiet"))
		do_quiet(n, 0);
	else if (!strcmp(what, "sparse"))
		do_quiet(n, 1);
	else if (!strcmp(what, "hugetlb"))
		do_hugetlb();
	else if (!strcmp(what, "collapse"))
		do_collapse();
	else if (!strcmp(what, "huge-zero"))
		do_huge_zero();
	else if (!strcmp(what, "dev-zero"))
		do_dev_zero();
	else if (!strcmp(what, "ends"))
		do_ends(n);
	else
		return 2;
	return 0;
}
