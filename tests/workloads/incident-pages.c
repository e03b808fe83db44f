/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * incident-pages MODE [MIB] - one incident of pages and mappings, from `start` to `done`:
 * memory that is in RSS, or out of it, for another reason than that it is used.
 *
 * It stands still at the end for as long as it worked: on a busy machine as well what came is
 * a burst, not growth that goes on. `shmem` alone goes on.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "step.h"

#define HPAGE	 (512 * PAGE)
#define COLLAPSE 25 /* MADV_COLLAPSE (6.1) */
#define MIB	 (1UL << 20)

static size_t len, pages;

/* Given to the kernel with MADV_FREE, and not taken. */
static void lazyfree(void)
{
	char *p = step_map(0, len);

	step_write(p, 0, pages);
	if (madvise(p, len, MADV_FREE))
		step_die("MADV_FREE");
}

/* Shared memory of a name, or none, of that size. */
static int memory_file(const char *name, size_t size)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)size))
		step_die("memfd_create");
	return fd;
}

static char *map_file(unsigned slot, int fd, size_t n, size_t off)
{
	void *hint = (void *)(STEP_BASE + slot * STEP_STRIDE + off);
	char *p = mmap(hint, n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)off);

	if (p == MAP_FAILED)
		step_die("mmap");
	return p;
}

/* A file on a disk is read through a mapping; `dirty`: written. */
static void file(bool dirty)
{
	int fd = open("mapped-data", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	static char block[1 << 16];
	char *p;

	memset(block, 1, sizeof(block));
	for (size_t at = 0; fd >= 0 && at < len; at += sizeof(block))
		if (write(fd, block, sizeof(block)) != (ssize_t)sizeof(block))
			step_die("write");
	if (fd < 0 || (!dirty && fsync(fd)))
		step_die("mapped-data");
	p = map_file(0, fd, len, 0);
	if (dirty)
		step_write(p, 0, pages);
	else if (!step_read(p, 0, pages))
		exit(97);
}

/* Three mappings of one object, all touched. */
static void multi(void)
{
	int fd = memory_file("heap", len);

	for (unsigned i = 0; i < 3; i++)
		step_write(map_file(i, fd, len, 0), 0, pages);
}

#define PIECES	 60
#define PIECE_MS 40

/* A memfd that gets longer, a piece each 40 ms at the most. */
static void shmem(void)
{
	int fd = memory_file("queue", len);
	size_t done = 0;

	for (size_t n = 1; n <= PIECES; n++) {
		size_t piece = len / PAGE * n / PIECES * PAGE - done;

		step_write(map_file(0, fd, piece, done), 0, piece / PAGE);
		done += piece;
		step_rest(PIECE_MS);
	}
}

static void locked(void)
{
	char *p = step_map(0, len);

	if (mlock(p, len))
		step_die("mlock");
}

static void populate(void)
{
	step_map_flags(0, len, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE);
}

static void hugetlb(void)
{
	char *p = step_map_flags(0, len, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB);

	for (size_t at = 0; at < len; at += HPAGE)
		step_write(p + at, 0, 1);
}

static char *huge_area(void)
{
	if (prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0))
		step_die("PR_SET_THP_DISABLE");
	return step_map(0, len);
}

/* One page of each huge page is touched. */
static char *sparse(void)
{
	char *p = huge_area();

	if (madvise(p, len, MADV_HUGEPAGE))
		step_die("MADV_HUGEPAGE");
	for (size_t at = 0; at < len; at += HPAGE)
		step_write(p + at, 0, 1);
	return p;
}

/* A few pages of each are touched, and then all are made huge. */
static void collapse(void)
{
	char *p = huge_area();

	for (size_t at = 0; at < len; at += HPAGE)
		step_write(p + at, 0, 8);
	if (madvise(p, len, COLLAPSE))
		step_die("MADV_COLLAPSE");
}

/* The diagnosis has a figure each 50 ms: what was there for less was never seen. */
#define HELD_MS 200

/* Seven eighths of each huge page are dropped. */
static void partial(void)
{
	char *p = sparse();

	step_rest(HELD_MS);
	for (size_t at = 0; at < len; at += HPAGE)
		if (madvise(p + at + HPAGE / 8, HPAGE - HPAGE / 8, MADV_DONTNEED))
			step_die("MADV_DONTNEED");
}

/* The parent writes all that it has while a child has it, too. */
static void cow(void)
{
	char *p = step_map(0, len), c;
	int leave[2], status;
	pid_t child;

	step_write(p, 0, pages);
	if (pipe(leave))
		step_die("pipe");
	child = fork();
	if (child < 0)
		step_die("fork");
	if (!child) {
		close(leave[1]);
		_exit(read(leave[0], &c, 1) ? 1 : 0);
	}
	close(leave[0]);
	step_write(p, 0, pages);
	close(leave[1]);
	if (waitpid(child, &status, 0) != child || status)
		step_die("waitpid");
}

/* The same writes when the child has run another program: nothing is copied. */
static void fork_exec(void)
{
	char *p = step_map(0, len);
	int status;
	pid_t child;

	step_write(p, 0, pages);
	child = fork();
	if (child < 0)
		step_die("fork");
	if (!child) {
		execlp("true", "true", (char *)NULL);
		_exit(1);
	}
	if (waitpid(child, &status, 0) != child || status)
		step_die("true");
	step_write(p, 0, pages);
}

/* Children touch all of a segment that they share, and stay. */
static void shared(void)
{
	char *p = step_map_flags(0, len, MAP_SHARED | MAP_ANONYMOUS), c = 0;
	int ready[2], stay[2];

	if (pipe(ready) || pipe(stay))
		step_die("pipe");
	step_write(p, 0, pages);
	for (int i = 0; i < 4; i++) {
		pid_t child = fork();

		if (child < 0)
			step_die("fork");
		if (child)
			continue;
		close(stay[1]);
		prctl(PR_SET_PDEATHSIG, 9);
		step_read(p, 0, pages);
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		_exit(read(stay[0], &c, 1) ? 1 : 0);
	}
	for (int i = 0; i < 4; i++)
		if (read(ready[0], &c, 1) != 1)
			step_die("child");
}

/* A child writes into what the parent has mapped and never touched. */
static void remote(void)
{
	char *p = step_map(0, len);
	pid_t child = fork();
	int status;

	if (child < 0)
		step_die("fork");
	if (!child) {
		static char block[MIB];
		struct iovec from = { block, sizeof(block) }, to = { p, sizeof(block) };

		for (size_t at = 0; at < len; at += MIB, to.iov_base = p + at)
			if (process_vm_writev(getppid(), &from, 1, &to, 1, 0) != (ssize_t)MIB)
				_exit(errno);
		_exit(0);
	}
	if (waitpid(child, &status, 0) != child || status)
		step_die("process_vm_writev");
}

static void file_clean(void)
{
	file(false);
}

static void file_dirty(void)
{
	file(true);
}

static void sparse_only(void)
{
	sparse();
}

static const struct {
	const char *name;
	void (*run)(void);
} modes[] = {
	{ "lazyfree", lazyfree }, { "file", file_clean },     { "file-dirty", file_dirty },
	{ "multi", multi },	  { "shmem", shmem },	      { "locked", locked },
	{ "populate", populate }, { "hugetlb", hugetlb },     { "sparse", sparse_only },
	{ "collapse", collapse }, { "partial", partial },     { "cow", cow },
	{ "shared", shared },	  { "fork-exec", fork_exec }, { "remote", remote },
};

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv);
	uint64_t begin;

	len = (size_t)step_num(argc, argv, arg + 1, 160) * MIB;
	pages = len / PAGE;
	for (size_t i = 0; arg < argc && i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(argv[arg], modes[i].name) != 0)
			continue;
		step("start");
		begin = step_now();
		modes[i].run();
		if (modes[i].run != shmem)
			step_rest_as_long(begin);
		step("done");
		return 0;
	}
	fprintf(stderr, "incident-pages: there is no such mode\n");
	return 97;
}
