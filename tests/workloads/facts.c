/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * facts CASE - one small thing that memory does, between two quiet points.
 *
 * `before` stands before it and `after` behind it; both name a mapping or a range
 * to look at. What the kernel then counts, and what memprof has to say, is in the
 * table of tests/bpf/test_kernel_facts.py. Exits 77 where the machine cannot do
 * it. Without a case: prints the names.
 */
#include "step.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

/* Newer than Debian 12's headers: include/uapi/asm-generic/mman-common.h */
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#define MADV_DONTNEED_LOCKED_ 24
#define MADV_GUARD_INSTALL_   102

#define N    512UL /* pages of most cases */
#define LEN  (N * PAGE)
#define HUGE (2UL << 20)
#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

struct fact {
	char *p; /* what to look at */
	size_t len;
	int fd;
	long child;  /* 0, or a child that stands still */
	long result; /* of the call in question */
};

static _Noreturn void cannot(const char *what)
{
	perror(what);
	exit(77);
}

static void *must(void *p, const char *what)
{
	if (p == MAP_FAILED)
		cannot(what);
	return p;
}

static void want(long ret, const char *what)
{
	if (ret < 0)
		cannot(what);
}

/* --- what is there before ----------------------------------------------------------- */

static void fresh(struct fact *f)
{
	f->p = step_map(0, LEN);
	f->len = LEN;
}

static void touched(struct fact *f)
{
	fresh(f);
	step_write(f->p, 0, N);
}

static void locked(struct fact *f)
{
	touched(f);
	want(mlock(f->p, LEN), "mlock");
}

static void shared(struct fact *f)
{
	f->p = step_map_flags(0, LEN, MAP_SHARED | MAP_ANONYMOUS);
	f->len = LEN;
	step_write(f->p, 0, N);
}

/* Of 2 N pages, all written through the descriptor: N are mapped, none is touched. */
static void map_file(struct fact *f, int flags)
{
	static char page[PAGE] = "page";

	for (size_t i = 0; i < 2 * N; i++)
		if (pwrite(f->fd, page, PAGE, (off_t)(i * PAGE)) != (ssize_t)PAGE)
			step_die("pwrite");
	f->p = must(mmap((void *)STEP_BASE, LEN, RW, flags, f->fd, 0), "mmap");
	f->len = LEN;
}

static void memfd(struct fact *f)
{
	f->fd = memfd_create("facts", MFD_CLOEXEC);
	map_file(f, MAP_SHARED);
}

static void memfd_read(struct fact *f)
{
	memfd(f);
	step_read(f->p, 0, N);
}

static void disk_file(struct fact *f, int flags)
{
	char path[] = "facts-XXXXXX";

	f->fd = mkostemp(path, O_CLOEXEC);
	want(f->fd, path);
	unlink(path);
	map_file(f, flags);
}

static void private_file_read(struct fact *f)
{
	disk_file(f, MAP_PRIVATE);
	step_read(f->p, 0, N);
}

static void private_file_written(struct fact *f)
{
	private_file_read(f);
	step_write(f->p, 0, N / 2);
}

static void shared_file_read(struct fact *f)
{
	disk_file(f, MAP_SHARED);
	step_read(f->p, 0, N);
	want(fsync(f->fd), "fsync"); /* clean: reclaim may take it */
}

static void zero_pages(struct fact *f)
{
	fresh(f);
	step_read(f->p, 0, N);
}

/* Two huge pages' worth, aligned, advised and untouched. */
static void huge_fresh(struct fact *f)
{
	prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
	f->p = step_map(0, 2 * HUGE);
	f->len = 2 * HUGE;
	want(madvise(f->p, f->len, MADV_HUGEPAGE), "MADV_HUGEPAGE");
}

static void huge_touched(struct fact *f)
{
	huge_fresh(f);
	step_write(f->p, 0, 1);
	step_write(f->p, N, 1);
}

/* One page in eight of what one huge page could hold. */
static void sparse(struct fact *f)
{
	prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
	f->p = step_map(0, 2 * HUGE);
	f->len = 2 * HUGE;
	for (size_t i = 0; i < 2 * N; i += 8)
		step_write(f->p, i, 1);
}

static void nothing(struct fact *f)
{
	(void)f;
}

/* --- faults ------------------------------------------------------------------------- */

static void write_all(struct fact *f)
{
	step_write(f->p, 0, f->len / PAGE);
}

static void read_all(struct fact *f)
{
	step_read(f->p, 0, f->len / PAGE);
}

static void write_half(struct fact *f)
{
	step_write(f->p, 0, N / 2);
}

static void read_syscall(struct fact *f)
{
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	want(f->result = read(fd, f->p, LEN), "read");
	close(fd);
}

static void read_one(struct fact *f)
{
	step_read(f->p, 0, 1);
}

static void populate(struct fact *f)
{
	f->p = step_map_flags(0, LEN, ANON | MAP_POPULATE);
	f->len = LEN;
}

static void populate_write(struct fact *f)
{
	want(f->result = madvise(f->p, LEN, MADV_POPULATE_WRITE), "MADV_POPULATE_WRITE");
}

static void populate_read(struct fact *f)
{
	want(f->result = madvise(f->p, LEN, MADV_POPULATE_READ), "MADV_POPULATE_READ");
}

static void lock(struct fact *f)
{
	want(f->result = mlock(f->p, LEN), "mlock");
}

static void lock_onfault(struct fact *f)
{
	want(f->result = mlock2(f->p, LEN, MLOCK_ONFAULT), "mlock2");
}

static pid_t helper(void)
{
	pid_t pid = fork();

	want(pid, "fork");
	return pid;
}

static void join(pid_t pid)
{
	int st;

	while (waitpid(pid, &st, 0) < 0 && errno == EINTR)
		;
	if (st)
		cannot("helper");
}

static void remote_write(struct fact *f)
{
	static char data[LEN];
	pid_t parent = getpid(), pid = helper();

	if (!pid) {
		struct iovec from = { data, LEN }, to = { f->p, LEN };

		_exit(process_vm_writev(parent, &from, 1, &to, 1, 0) != (ssize_t)LEN);
	}
	join(pid);
}

static void poke(struct fact *f)
{
	pid_t parent = getpid(), pid = helper();
	long bad = 0;

	if (!pid) {
		if (ptrace(PTRACE_SEIZE, parent, 0, 0) || ptrace(PTRACE_INTERRUPT, parent, 0, 0) ||
		    waitpid(parent, NULL, __WALL) != parent)
			_exit(1);
		for (size_t i = 0; i < N; i++)
			bad |= ptrace(PTRACE_POKEDATA, parent, f->p + i * PAGE, 1L);
		_exit(ptrace(PTRACE_DETACH, parent, 0, 0) || bad);
	}
	join(pid);
}

static void userfault_copy(struct fact *f)
{
	static char data[LEN];
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .range = { (uintptr_t)f->p, LEN },
				       .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_copy copy = { .dst = (uintptr_t)f->p, .src = (uintptr_t)data, .len = LEN };

	want(fd, "userfaultfd");
	want(ioctl(fd, UFFDIO_API, &api), "UFFDIO_API");
	want(ioctl(fd, UFFDIO_REGISTER, &reg), "UFFDIO_REGISTER");
	want(ioctl(fd, UFFDIO_COPY, &copy), "UFFDIO_COPY");
	close(fd);
}

static void *few_pages(void *arg)
{
	step_write(arg, 0, 20);
	return NULL;
}

/* Fewer pages on each CPU than its share of the counter may hold back. */
static void small_on_each_cpu(struct fact *f)
{
	cpu_set_t all;
	int n = 0;

	sched_getaffinity(0, sizeof(all), &all);
	for (int cpu = 0; cpu < CPU_SETSIZE && n < 16; cpu++) {
		pthread_attr_t attr;
		pthread_t t;
		cpu_set_t one;

		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		pthread_attr_init(&attr);
		pthread_attr_setaffinity_np(&attr, sizeof(one), &one);
		if (pthread_create(&t, &attr, few_pages, f->p + n++ * 20 * PAGE))
			cannot("pthread_create");
		pthread_join(t, NULL);
	}
	f->result = n;
}

static sigjmp_buf out;

static void leave(int sig)
{
	siglongjmp(out, sig);
}

/* Stores to what may only be read: each is a fault, ends in a signal, and leaves nothing. */
static void write_forbidden(struct fact *f)
{
	signal(SIGSEGV, leave);
	want(mprotect(f->p, LEN, PROT_READ), "mprotect");
	for (volatile size_t i = 0; i < 16; i++)
		if (sigsetjmp(out, 1))
			f->result++;
		else
			step_write(f->p, i, 1);
}

/* --- calls -------------------------------------------------------------------------- */

static void unmap_half(struct fact *f)
{
	want(f->result = munmap(f->p + LEN / 2, LEN / 2), "munmap");
}

static void mremap_shrink(struct fact *f)
{
	must(mremap(f->p, LEN, LEN / 4, 0), "mremap");
}

static void mremap_move(struct fact *f)
{
	f->p = must(mremap(f->p, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED,
			   (void *)(STEP_BASE + STEP_STRIDE)),
		    "mremap");
}

static void mremap_dontunmap(struct fact *f)
{
	must(mremap(f->p, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP,
		    (void *)(STEP_BASE + STEP_STRIDE)),
	     "MREMAP_DONTUNMAP");
}

static void brk_up(struct fact *f)
{
	f->p = (char *)(((uintptr_t)sbrk(0) + PAGE - 1) & ~(PAGE - 1));
	f->len = LEN;
	if (brk(f->p + LEN))
		cannot("brk");
	step_write(f->p, 0, N);
}

static void brk_down(struct fact *f)
{
	want(brk(f->p + LEN / 4), "brk");
}

static void map_over(struct fact *f)
{
	must(mmap(f->p, LEN / 2, RW, ANON | MAP_FIXED | MAP_NORESERVE, -1, 0), "mmap");
}

static void protect_none(struct fact *f)
{
	want(mprotect(f->p, LEN, PROT_NONE), "mprotect");
}

#define ADVISE(name, advice)                                   \
	static void name(struct fact *f)                       \
	{                                                      \
		f->result = madvise(f->p, f->len / 2, advice); \
		if (f->result)                                 \
			f->result = -errno;                    \
	}
ADVISE(dontneed, MADV_DONTNEED)
ADVISE(dontneed_locked, MADV_DONTNEED_LOCKED_)
ADVISE(lazy, MADV_FREE)
ADVISE(hole, MADV_REMOVE)
ADVISE(cold, MADV_COLD)
ADVISE(pageout, MADV_PAGEOUT)
ADVISE(willneed, MADV_WILLNEED)
ADVISE(guard, MADV_GUARD_INSTALL_)
ADVISE(nohuge, MADV_NOHUGEPAGE)
#undef ADVISE

static void dontneed_and_back(struct fact *f)
{
	dontneed(f);
	step_read(f->p, 0, N / 2);
}

static void lazy_and_back(struct fact *f)
{
	lazy(f);
	step_write(f->p, 0, N / 4);
}

static void part_of_huge(struct fact *f)
{
	want(f->result = madvise(f->p, LEN / 4, MADV_DONTNEED), "MADV_DONTNEED");
}

static void cold_part_of_huge(struct fact *f)
{
	want(f->result = madvise(f->p, LEN / 4, MADV_COLD), "MADV_COLD");
}

static void collapse(struct fact *f)
{
	want(f->result = madvise(f->p, f->len, MADV_COLLAPSE), "MADV_COLLAPSE");
}

/* The kernel's daemon is to fill what is sparse: the test waits for it. */
static void khugepaged(struct fact *f)
{
	want(f->result = madvise(f->p, f->len, MADV_HUGEPAGE), "MADV_HUGEPAGE");
}

static void punch(struct fact *f)
{
	want(f->result = fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, LEN / 2),
	     "FALLOC_FL_PUNCH_HOLE");
}

static void truncate_half(struct fact *f)
{
	want(f->result = ftruncate(f->fd, LEN / 2), "ftruncate");
}

static void process_advise(struct fact *f)
{
	pid_t parent = getpid(), pid = helper();

	if (!pid) {
		struct iovec v = { f->p, LEN };
		int fd = (int)syscall(SYS_pidfd_open, parent, 0);

		_exit(syscall(SYS_process_madvise, fd, &v, 1, MADV_PAGEOUT, 0) != (long)LEN);
	}
	join(pid);
}

/* --- processes ---------------------------------------------------------------------- */

static void be_still(void)
{
	for (;;)
		pause();
}

static void fork_only(struct fact *f)
{
	int up[2];
	char c = 0;

	if (pipe2(up, O_CLOEXEC))
		step_die("pipe2");
	f->child = helper();
	if (!f->child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		if (write(up[1], &c, 1) == 1)
			be_still();
		_exit(1);
	}
	if (read(up[0], &c, 1) != 1)
		cannot("child");
}

static void fork_and_copy(struct fact *f)
{
	fork_only(f);
	step_write(f->p, 0, N / 2);
}

static void vfork_child(struct fact *f)
{
	pid_t pid = vfork();

	if (!pid) {
		step_write(f->p, 0, N); /* in the parent's memory: it is the same */
		_exit(0);
	}
	join(pid);
}

static void dontfork(struct fact *f)
{
	want(madvise(f->p, LEN, MADV_DONTFORK), "MADV_DONTFORK");
	fork_only(f);
}

static void wipeonfork(struct fact *f)
{
	want(madvise(f->p, LEN, MADV_WIPEONFORK), "MADV_WIPEONFORK");
	fork_only(f);
}

/* --- shared memory, hugetlb, KSM, mappings ------------------------------------------ */

static void write_memfd(struct fact *f)
{
	static char data[LEN];

	f->fd = memfd_create("facts", MFD_CLOEXEC);
	want(f->result = write(f->fd, data, LEN), "write");
}

static void sysv(struct fact *f)
{
	int id = shmget(IPC_PRIVATE, LEN, IPC_CREAT | 0600);

	want(id, "shmget");
	f->p = must(shmat(id, NULL, 0), "shmat");
	shmctl(id, IPC_RMID, NULL);
	f->len = LEN;
	step_write(f->p, 0, N);
}

static void sysv_detach(struct fact *f)
{
	want(shmdt(f->p), "shmdt");
}

static void hugetlb(struct fact *f)
{
	f->p = must(mmap(NULL, 2 * HUGE, RW, ANON | MAP_HUGETLB, -1, 0), "MAP_HUGETLB");
	f->len = 2 * HUGE;
	step_write(f->p, 0, 1);
	step_write(f->p, N, 1);
}

static void same_pages(struct fact *f)
{
	fresh(f);
	memset(f->p, 7, LEN);
}

static void mergeable(struct fact *f)
{
	want(f->result = madvise(f->p, LEN, MADV_MERGEABLE), "MADV_MERGEABLE");
}

static void two_neighbours(struct fact *f)
{
	f->p = step_map(0, LEN);
	f->len = 2 * LEN;
	must(mmap(f->p + LEN, LEN, RW, ANON | MAP_NORESERVE | MAP_FIXED, -1, 0), "mmap");
	step_write(f->p, N - 8, 16);
}

/* Pages with holes, then one long run: what PAGEMAP_SCAN's walk_end is wrong about. */
static void long_run(struct fact *f)
{
	f->len = 32 * LEN;
	f->p = step_map(0, f->len);
	for (size_t i = 0; i < 16 * N; i += 3)
		step_write(f->p, i, 2);
	step_write(f->p, 16 * N, 16 * N);
}

static const struct {
	const char *name;
	void (*prepare)(struct fact *f), (*act)(struct fact *f);
} cases[] = {
	{ "write", fresh, write_all },
	{ "read-syscall", fresh, read_syscall },
	{ "map-populate", nothing, populate },
	{ "populate-write", fresh, populate_write },
	{ "populate-read", fresh, populate_read },
	{ "mlock", fresh, lock },
	{ "mlock-onfault", fresh, lock_onfault },
	{ "remote-write", fresh, remote_write },
	{ "poke", fresh, poke },
	{ "userfault-copy", fresh, userfault_copy },
	{ "small-on-each-cpu", fresh, small_on_each_cpu },
	{ "write-forbidden", fresh, write_forbidden },
	{ "zero-read", fresh, read_all },
	{ "zero-upgrade", zero_pages, write_half },
	{ "fault-around", memfd, read_one },
	{ "huge-write", huge_fresh, write_all },
	{ "huge-zero-read", huge_fresh, read_all },
	{ "private-read", private_file_read, read_all },
	{ "private-write", private_file_read, write_half },
	{ "munmap", touched, unmap_half },
	{ "mremap-shrink", touched, mremap_shrink },
	{ "mremap-move", touched, mremap_move },
	{ "mremap-dontunmap", touched, mremap_dontunmap },
	{ "brk-up", nothing, brk_up },
	{ "brk-down", brk_up, brk_down },
	{ "map-over", touched, map_over },
	{ "protect-none", touched, protect_none },
	{ "dontneed", touched, dontneed },
	{ "dontneed-refault", touched, dontneed_and_back },
	{ "dontneed-shmem", shared, dontneed },
	{ "dontneed-shmem-back", shared, dontneed_and_back },
	{ "dontneed-file", private_file_written, dontneed },
	{ "dontneed-mlocked", locked, dontneed },
	{ "dontneed-locked", locked, dontneed_locked },
	{ "remove", shared, hole },
	{ "punch-hole", memfd_read, punch },
	{ "truncate", memfd_read, truncate_half },
	{ "truncate-private", private_file_written, truncate_half },
	{ "free", touched, lazy },
	{ "free-rewrite", touched, lazy_and_back },
	{ "free-shmem", shared, lazy },
	{ "cold", touched, cold },
	{ "pageout", touched, pageout },
	{ "pageout-file", shared_file_read, pageout },
	{ "process-madvise", shared_file_read, process_advise },
	{ "willneed", touched, willneed },
	{ "willneed-file", memfd, willneed },
	{ "collapse", sparse, collapse },
	{ "guard", touched, guard },
	{ "huge-part", huge_touched, part_of_huge },
	{ "huge-split", huge_touched, cold_part_of_huge },
	{ "huge-off", huge_touched, nohuge },
	{ "khugepaged", sparse, khugepaged },
	{ "fork", touched, fork_only },
	{ "fork-shared", shared, fork_only },
	{ "fork-copy", touched, fork_and_copy },
	{ "fork-dontfork", touched, dontfork },
	{ "fork-wipeonfork", touched, wipeonfork },
	{ "vfork", fresh, vfork_child },
	{ "memfd-written", nothing, write_memfd },
	{ "memfd-mapped", memfd, write_all },
	{ "sysv", nothing, sysv },
	{ "sysv-detach", sysv, sysv_detach },
	{ "hugetlb", nothing, hugetlb },
	{ "ksm", same_pages, mergeable },
	{ "neighbours", nothing, two_neighbours },
	{ "long-run", long_run, nothing },
};

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv);
	struct fact f = { .fd = -1 };
	size_t i = 0, n = sizeof(cases) / sizeof(cases[0]);

	while (i < n && (arg >= argc || strcmp(argv[arg], cases[i].name)))
		if (arg >= argc)
			puts(cases[i++].name);
		else
			i++;
	if (i == n)
		return arg < argc ? 64 : 0;
	step("start");
	cases[i].prepare(&f);
	step("before map=%#lx len=%zu", (unsigned long)f.p, f.len);
	cases[i].act(&f);
	step("after map=%#lx len=%zu result=%ld child=%ld", (unsigned long)f.p, f.len, f.result,
	     f.child);
	if (f.child > 0) {
		kill((pid_t)f.child, SIGKILL);
		waitpid((pid_t)f.child, NULL, 0);
	}
	return 0;
}
