/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * shuffle SEED [OPS] [EVERY] [THREADS] [LOG] [DONE] - random sequences of all that
 * moves pages in or out of a process, with a quiet point every EVERY operations.
 *
 * It keeps no account of what should be resident: the kernel is the oracle. The
 * same seed makes the same sequence (addresses too: it runs without address
 * randomisation; THREADS > 0 brings races, whose order is nobody's). LOG gets a
 * line for each operation, for whoever reads a mismatch. What a kernel does not
 * know fails, is logged, and does no harm. DONE is for its own exec: how many
 * operations came before.
 *
 * A quiet point names the children alive: they stand still too.
 */
#include "shuffle.h"

#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

/* Newer than Debian 12's headers: include/uapi/asm-generic/mman-common.h, unistd.h */
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE  103
#endif

#define RW (PROT_READ | PROT_WRITE)

/* --- mapping -------------------------------------------------------------------- */

struct source {
	enum kind kind;
	int fd, flags;
};

static struct source some_source(struct shuffle *s)
{
	switch (rnd(s, 12)) {
	case 0:
		return (struct source){ PRIVATE_FILE, s->file, MAP_PRIVATE };
	case 1:
		return (struct source){ SHARED_FILE, s->file, MAP_SHARED };
	case 2:
		return (struct source){ SHMEM, s->memfd, MAP_SHARED };
	case 3:
		return (struct source){ PRIVATE_FILE, s->memfd, MAP_PRIVATE };
	case 4:
		return (struct source){ SHMEM, s->tmpfs, MAP_SHARED };
	case 5:
		return (struct source){ SHMEM, -1, MAP_SHARED | MAP_ANONYMOUS };
	case 6:
		return (struct source){ ANON, -1, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE };
	default:
		return (struct source){ ANON, -1, MAP_PRIVATE | MAP_ANONYMOUS };
	}
}

static void op_mmap(struct shuffle *s)
{
	struct source src = some_source(s);
	size_t pages = some_pages(s), off = src.fd < 0 ? 0 : rnd(s, FILE_PAGES);
	int prot = one_in(s, 8) ? PROT_READ : one_in(s, 16) ? PROT_NONE : RW;
	void *at = NULL;
	char *p;

	if (one_in(s, 2)) { /* among the others, often over them */
		at = (void *)(WINDOW + rnd(s, WINDOW_PAGES - pages) * PAGE);
		src.flags |= MAP_FIXED;
	}
	if (one_in(s, 6))
		src.flags |= MAP_POPULATE;
	p = mmap(at, pages * PAGE, prot, src.flags, src.fd, (off_t)(off * PAGE));
	say(s, src.flags & MAP_POPULATE ? "mmap-populate" : "mmap", p == MAP_FAILED ? at : p,
	    pages * PAGE, p == MAP_FAILED ? -1 : (long)src.kind);
	if (p != MAP_FAILED)
		area_add(s, p, pages * PAGE, src.kind, src.fd);
}

static void op_map_over(struct shuffle *s)
{
	struct range r;
	char *p;

	if (!some_range(s, -1, &r))
		return;
	p = mmap(r.p, r.len, one_in(s, 3) ? PROT_NONE : RW,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | (one_in(s, 4) ? MAP_POPULATE : 0), -1,
		 0);
	say(s, "map-over", r.p, r.len, p == MAP_FAILED ? -1 : 0);
	if (p != MAP_FAILED)
		area_add(s, p, r.len, ANON, -1);
}

static void op_munmap(struct shuffle *s)
{
	struct range r;

	if (!some_range(s, -1, &r))
		return;
	say(s, "munmap", r.p, r.len, munmap(r.p, r.len));
	area_forget(s, r.p, r.len);
}

static void op_hugetlb(struct shuffle *s)
{
	struct range r;
	char *p;

	if (some_range(s, HUGETLB, &r)) {
		char *base = r.in->start;
		size_t len = r.in->len;

		say(s, "hugetlb-dontneed", base, len, madvise(base, len, MADV_DONTNEED));
		if (one_in(s, 2)) {
			say(s, "hugetlb-munmap", base, len, munmap(base, len));
			area_forget(s, base, len);
		}
		return;
	}
	p = mmap(NULL, 4UL << 20, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (p != MAP_FAILED) {
		area_add(s, p, 4UL << 20, HUGETLB, -1);
		touch(&s->rng, p, PAGE, WRITE);
	}
	say(s, "hugetlb", p == MAP_FAILED ? NULL : p, 4UL << 20, p == MAP_FAILED ? -1 : 0);
}

static void op_mremap(struct shuffle *s)
{
	struct range r;
	size_t len;
	char *p, *to = NULL;
	int flags = MREMAP_MAYMOVE, fd;
	enum kind kind;

	if (!some_range(s, -1, &r) || r.in->kind == SYSV)
		return;
	kind = r.in->kind;
	fd = r.in->fd;
	len = one_in(s, 3)   ? r.len
	      : one_in(s, 2) ? r.len + some_pages(s) * PAGE
			     : (1 + rnd(s, r.len / PAGE)) * PAGE;
	if (one_in(s, 3)) {
		to = (char *)WINDOW + rnd(s, WINDOW_PAGES - len / PAGE) * PAGE;
		flags |= MREMAP_FIXED;
	}
	if (one_in(s, 4)) {
		len = r.len;
		flags |= MREMAP_DONTUNMAP;
	}
	p = mremap(r.p, r.len, len, flags, to);
	say(s, flags & MREMAP_DONTUNMAP ? "mremap-dontunmap-from" : "mremap-from", r.p, r.len,
	    p == MAP_FAILED ? -1 : flags);
	if (p == MAP_FAILED)
		return;
	say(s, "mremap-to", p, len, 0);
	if (!(flags & MREMAP_DONTUNMAP))
		area_forget(s, r.p, r.len);
	area_add(s, p, len, kind, fd);
}

static void op_mprotect(struct shuffle *s)
{
	static const int prots[] = { PROT_NONE, PROT_READ, RW, RW, RW, PROT_READ | PROT_EXEC };
	struct range r;

	if (!some_range(s, -1, &r))
		return;
	say(s, "mprotect", r.p, r.len, mprotect(r.p, r.len, prots[rnd(s, 6)]));
}

static void op_sysv(struct shuffle *s)
{
	struct range r;
	size_t len;
	char *p;
	int id;

	if (some_range(s, SYSV, &r) && one_in(s, 2)) {
		p = r.in->start;
		len = r.in->len;
		say(s, "shmdt", p, len, shmdt(p));
		return; /* what mremap or munmap left of it stays the program's */
	}
	len = some_pages(s) * PAGE;
	id = shmget(IPC_PRIVATE, len, IPC_CREAT | 0600);
	p = id < 0 ? MAP_FAILED : shmat(id, NULL, 0);
	if (id >= 0)
		shmctl(id, IPC_RMID, NULL);
	say(s, "shmat", p == MAP_FAILED ? NULL : p, len, p == MAP_FAILED ? -1 : 0);
	if (p != MAP_FAILED)
		area_add(s, p, len, SYSV, -1);
}

static void op_remap_file(struct shuffle *s)
{
	struct range r;

	if (some_range(s, SHARED_FILE, &r))
		say(s, "remap_file_pages", r.p, r.len,
		    syscall(SYS_remap_file_pages, r.p, r.len, 0, rnd(s, FILE_PAGES / 2), 0));
}

/* --- touching ------------------------------------------------------------------- */

static void op_touch(struct shuffle *s)
{
	static const char *const names[TOUCHES] = { "write", "read", "write-stride", "write-random",
						    "read-then-write" };
	enum touch how = (enum touch)rnd(s, TOUCHES);
	struct range r;

	if (some_range(s, -1, &r))
		say(s, names[how], r.p, r.len, touch(&s->rng, r.p, r.len, how));
}

static void op_read_into(struct shuffle *s)
{
	int fd = one_in(s, 2) ? s->zero : s->file;
	struct range r;

	if (some_range(s, -1, &r))
		say(s, "read()", r.p, r.len, pread(fd, r.p, r.len, 0));
}

/* Where nothing is mapped, or nobody may: each touch is a fault and ends in a signal. */
static void op_wild(struct shuffle *s)
{
	char *const at[] = { NULL, (char *)WINDOW - 64 * PAGE,
			     (char *)(WINDOW + WINDOW_PAGES * PAGE) };
	char *p = at[rnd(s, 3)] + rnd(s, 16) * PAGE;

	if (one_in(s, 2))
		say(s, "wild-read()", p, PAGE, read(s->zero, p, PAGE));
	else
		say(s, "wild", p, PAGE, touch(&s->rng, p, PAGE, one_in(s, 2) ? READ : WRITE));
}

static __attribute__((noinline)) void deep(int pages)
{
	volatile char room[PAGE];

	room[0] = (char)pages;
	if (pages > 0)
		deep(pages - 1);
	room[1] = room[0];
}

static void op_stack(struct shuffle *s)
{
	int pages = (int)rnd(s, 128);

	deep(pages);
	say(s, "stack", &pages, 0, pages);
}

static void op_brk(struct shuffle *s)
{
	size_t len = some_pages(s) * PAGE;
	char *now = sbrk(0);

	if (s->brk_now == now && now > s->brk0 && one_in(s, 2)) {
		size_t have = (size_t)(now - s->brk0);

		len = len < have ? len : have;
		say(s, "brk-down", now - len, len, brk(now - len));
		s->brk_now = now - len;
		return;
	}
	if (s->brk_now != now) /* the allocator's turn was between */
		s->brk0 = now;
	if (!brk(now + len)) {
		char *p = (char *)(((uintptr_t)now + PAGE - 1) & ~(PAGE - 1));

		s->brk_now = now + len;
		touch(&s->rng, p, len - PAGE, (enum touch)rnd(s, TOUCHES));
	}
	say(s, "brk-up", now, len, 0);
}

/* --- advice --------------------------------------------------------------------- */

static const struct advice {
	const char *name;
	int advice, weight;
} advices[] = {
	{ "dontneed", MADV_DONTNEED, 12 },
	{ "dontneed_locked", 24, 1 },
	{ "free", MADV_FREE, 4 },
	{ "remove", MADV_REMOVE, 3 },
	{ "willneed", MADV_WILLNEED, 2 },
	{ "cold", MADV_COLD, 2 },
	{ "pageout", MADV_PAGEOUT, 4 },
	{ "populate_read", MADV_POPULATE_READ, 3 },
	{ "populate_write", MADV_POPULATE_WRITE, 3 },
	{ "hugepage", MADV_HUGEPAGE, 3 },
	{ "nohugepage", MADV_NOHUGEPAGE, 1 },
	{ "collapse", MADV_COLLAPSE, 2 },
	{ "mergeable", MADV_MERGEABLE, 1 },
	{ "unmergeable", MADV_UNMERGEABLE, 1 },
	{ "dontfork", MADV_DONTFORK, 1 },
	{ "dofork", MADV_DOFORK, 1 },
	{ "wipeonfork", MADV_WIPEONFORK, 1 },
	{ "keeponfork", MADV_KEEPONFORK, 1 },
	{ "guard_install", MADV_GUARD_INSTALL, 2 },
	{ "guard_remove", MADV_GUARD_REMOVE, 2 },
};

static const struct advice *some_advice(struct shuffle *s)
{
	const size_t n = sizeof(advices) / sizeof(advices[0]);
	int sum = 0, at;

	for (size_t i = 0; i < n; i++)
		sum += advices[i].weight;
	at = (int)rnd(s, (uint64_t)sum);
	for (size_t i = 0; i < n; i++) {
		at -= advices[i].weight;
		if (at < 0)
			return &advices[i];
	}
	return &advices[0];
}

static void op_madvise(struct shuffle *s)
{
	const struct advice *a = some_advice(s);
	struct range r;
	int kind = -1;

	if (a->advice == MADV_REMOVE && one_in(s, 2))
		kind = SHMEM;
	else if (a->advice == MADV_FREE && !one_in(s, 4))
		kind = ANON;
	if (some_range(s, kind, &r))
		say(s, a->name, r.p, r.len, madvise(r.p, r.len, a->advice));
}

/* Huge pages want room: an area of its own, aligned, then touched or collapsed. */
static void op_huge(struct shuffle *s)
{
	size_t huge = 2UL << 20, len = (1 + rnd(s, 3)) * huge;
	char *p = (char *)WINDOW + rnd(s, (WINDOW_PAGES * PAGE - len) / huge) * huge;
	bool shared = one_in(s, 3), collapse = one_in(s, 3);

	if (mmap(p, len, RW, (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS | MAP_FIXED, -1,
		 0) == MAP_FAILED)
		return;
	area_add(s, p, len, shared ? SHMEM : ANON, -1);
	if (!collapse)
		say(s, "huge", p, len, madvise(p, len, MADV_HUGEPAGE));
	touch(&s->rng, p, len, one_in(s, 3) ? READ : STRIDE);
	if (collapse)
		say(s, "huge-collapse", p, len, madvise(p, len, MADV_COLLAPSE));
	if (one_in(s, 2))
		say(s, "huge-part", p + 64 * PAGE, huge / 2,
		    madvise(p + 64 * PAGE, huge / 2, MADV_DONTNEED));
}

static void op_process_madvise(struct shuffle *s)
{
	static const int advice[] = { MADV_COLD,     MADV_PAGEOUT,  MADV_WILLNEED,
				      MADV_COLLAPSE, MADV_DONTNEED, MADV_FREE };
	struct iovec v[2];
	struct range r;
	long ret;
	int fd, n = 0;

	for (int i = 0; i < 2; i++)
		if (some_range(s, -1, &r))
			v[n++] = (struct iovec){ r.p, r.len };
	fd = (int)syscall(SYS_pidfd_open, s->self, 0);
	if (!n || fd < 0)
		return;
	ret = syscall(SYS_process_madvise, fd, v, n, advice[rnd(s, 6)], 0);
	for (int i = 0; i < n; i++)
		say(s, "process_madvise", v[i].iov_base, v[i].iov_len, ret);
	close(fd);
}

static void op_lock(struct shuffle *s)
{
	struct range r;

	if (s->locked_future || one_in(s, 8)) {
		int flags[] = { MCL_CURRENT, MCL_FUTURE, MCL_CURRENT | MCL_ONFAULT };

		if (s->locked_future)
			say(s, "munlockall", NULL, 0, munlockall());
		else
			say(s, "mlockall", NULL, 0, mlockall(flags[rnd(s, 3)]));
		s->locked_future = !s->locked_future;
		return;
	}
	if (!some_range(s, -1, &r))
		return;
	if (one_in(s, 2))
		say(s, "munlock", r.p, r.len, munlock(r.p, r.len));
	else if (one_in(s, 2))
		say(s, "mlock", r.p, r.len, mlock(r.p, r.len));
	else
		say(s, "mlock2", r.p, r.len, mlock2(r.p, r.len, MLOCK_ONFAULT));
}

static void op_msync(struct shuffle *s)
{
	struct range r;

	if (some_range(s, SHARED_FILE, &r))
		say(s, "msync", r.p, r.len, msync(r.p, r.len, one_in(s, 2) ? MS_SYNC : MS_ASYNC));
}

/* --- the file behind -------------------------------------------------------------- */

static int some_file(struct shuffle *s)
{
	return one_in(s, 3) ? s->file : one_in(s, 2) ? s->memfd : s->tmpfs;
}

static void op_truncate(struct shuffle *s)
{
	int fd = some_file(s);
	size_t pages = rnd(s, FILE_PAGES);

	say(s, "truncate", NULL, pages * PAGE, ftruncate(fd, (off_t)(pages * PAGE)));
	if (one_in(s, 2))
		return; /* touching beyond the end is SIGBUS until it grows again */
	say(s, "untruncate", NULL, FILE_PAGES * PAGE, ftruncate(fd, (off_t)(FILE_PAGES * PAGE)));
}

static void op_punch(struct shuffle *s)
{
	off_t at = (off_t)(rnd(s, FILE_PAGES) * PAGE);
	size_t len = some_pages(s) * PAGE;

	say(s, "punch", NULL, len,
	    fallocate(some_file(s), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, (off_t)len));
}

static void op_write_file(struct shuffle *s)
{
	static char data[16 * PAGE];

	say(s, "pwrite", NULL, sizeof(data),
	    pwrite(some_file(s), data, sizeof(data), (off_t)(rnd(s, FILE_PAGES - 16) * PAGE)));
}

/* --- from outside ------------------------------------------------------------------ */

static void wait_for(pid_t pid)
{
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* Stops the parent, writes a word to each page and lets it go. */
static void poke(pid_t pid, char *p, size_t pages)
{
	int st;

	if (ptrace(PTRACE_SEIZE, pid, 0, 0) || ptrace(PTRACE_INTERRUPT, pid, 0, 0))
		_exit(1);
	if (waitpid(pid, &st, __WALL) != pid)
		_exit(1);
	for (size_t i = 0; i < pages; i++)
		ptrace(PTRACE_POKEDATA, pid, p + i * PAGE, 1L);
	ptrace(PTRACE_DETACH, pid, 0, 0);
}

static void write_mem(pid_t pid, const char *p, size_t pages)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	for (size_t i = 0; fd >= 0 && i < pages; i++)
		if (pwrite(fd, "x", 1, (off_t)(uintptr_t)(p + i * PAGE)) != 1)
			break;
}

/* A helper child fills memory of this process: no fault of ours is raised. */
static void op_remote(struct shuffle *s)
{
	static char data[64 * PAGE];
	static const char *const names[] = { "process_vm_writev", "ptrace-poke", "proc-mem" };
	unsigned how = (unsigned)rnd(s, 3);
	struct range r;
	size_t len;
	pid_t pid;

	if (!some_range(s, -1, &r))
		return;
	len = r.len < sizeof(data) ? r.len : sizeof(data);
	pid = fork();
	if (!pid) {
		struct iovec from = { data, len }, to = { r.p, len };

		if (how == 0)
			process_vm_writev(s->self, &from, 1, &to, 1, 0);
		else if (how == 1)
			poke(s->self, r.p, len / PAGE);
		else
			write_mem(s->self, r.p, len / PAGE);
		_exit(0);
	}
	wait_for(pid);
	say(s, names[how], r.p, len, 0);
}

static void op_userfault(struct shuffle *s)
{
	static char data[16 * PAGE];
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	size_t pages = 1 + rnd(s, 16);
	char *p;
	long ret = -1;

	p = mmap(NULL, pages * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		step_die("mmap");
	area_add(s, p, pages * PAGE, ANON, -1);
	reg.range = (struct uffdio_range){ (uintptr_t)p, pages * PAGE };
	if (fd >= 0 && !ioctl(fd, UFFDIO_API, &api) && !ioctl(fd, UFFDIO_REGISTER, &reg)) {
		struct uffdio_copy c = { .dst = (uintptr_t)p,
					 .src = (uintptr_t)data,
					 .len = (pages + 1) / 2 * PAGE };

		ret = ioctl(fd, UFFDIO_COPY, &c);
	}
	say(s, "uffdio_copy", p, (pages + 1) / 2 * PAGE, ret);
	if (fd >= 0)
		close(fd);
}

/* --- processes and threads ---------------------------------------------------------- */

static void work(struct shuffle *s, long ops);

static void drop_kid(struct shuffle *s, int i)
{
	if (!s->kids[i].pid)
		return;
	close(s->kids[i].leash);
	wait_for(s->kids[i].pid);
	say(s, "child-ends", NULL, 0, s->kids[i].pid);
	s->kids[i].pid = 0;
}

/* The child's life: some operations on what it got, then stillness until it is let go. */
static _Noreturn void be_child(struct shuffle *s, int ready, int leash, long ops)
{
	char c = 0;

	s->is_child = true;
	s->self = getpid();
	for (int i = 0; i < KIDS_MAX; i++)
		if (s->kids[i].pid)
			close(s->kids[i].leash);
	work(s, ops);
	if (write(ready, &c, 1) != 1)
		_exit(1);
	close(ready);
	while (read(leash, &c, 1) < 0 && errno == EINTR)
		;
	_exit(0);
}

static void op_fork(struct shuffle *s)
{
	int i = (int)rnd(s, KIDS_MAX), up[2], down[2];
	long ops = 1 + (long)rnd(s, 12);
	char c;

	if (s->is_child)
		return;
	drop_kid(s, i);
	if (pipe2(up, O_CLOEXEC) || pipe2(down, O_CLOEXEC))
		step_die("pipe");
	s->kids[i].pid = fork();
	if (s->kids[i].pid < 0)
		step_die("fork");
	if (!s->kids[i].pid) {
		close(up[0]);
		close(down[1]);
		be_child(s, up[1], down[0], ops);
	}
	close(up[1]);
	close(down[0]);
	s->kids[i].leash = down[1];
	say(s, "fork", NULL, 0, s->kids[i].pid);
	op_touch(s); /* copies on this side while the child copies on its own */
	while (read(up[0], &c, 1) < 0 && errno == EINTR)
		;
	close(up[0]);
}

static void op_vfork(struct shuffle *s)
{
	pid_t pid = vfork();

	if (!pid) {
		execl("/bin/true", "true", (char *)NULL);
		_exit(1);
	}
	wait_for(pid);
	say(s, "vfork-exec", NULL, 0, pid);
}

/* All anew, but for the numbers: the rest of the sequence goes on in a fresh image. */
static void op_exec(struct shuffle *s)
{
	char *argv[ARG_MAX_ + 2], **to = argv, seed[32], done[32];

	if (s->is_child)
		return;
	for (int i = 0; i < KIDS_MAX; i++)
		drop_kid(s, i);
	say(s, "exec", NULL, 0, 0);
	snprintf(seed, sizeof(seed), "%lu", (unsigned long)(step_rand(&s->rng) >> 1));
	snprintf(done, sizeof(done), "%ld", s->done + 1);
	*to++ = s->argv[0];
	if (step_run)
		*to++ = "--run";
	*to++ = seed;
	for (int i = ARG_OPS; i < ARG_DONE; i++)
		*to++ = s->argv[i];
	*to++ = done;
	*to = NULL;
	execvp(argv[0], argv);
	step_die("execvp");
}

struct worker {
	pthread_t thread;
	uint64_t rng;
	struct range r[4];
	bool drops;
};

static void *worker(void *arg)
{
	struct worker *w = arg;

	for (int i = 0; i < 4; i++) {
		touch(&w->rng, w->r[i].p, w->r[i].len, (enum touch)(step_rand(&w->rng) % TOUCHES));
		if (w->drops)
			madvise(w->r[i].p, w->r[i].len, MADV_DONTNEED);
	}
	deep(8);
	return NULL;
}

/* Threads that start, touch side by side, and end. */
static void op_threads(struct shuffle *s)
{
	struct worker w[8];
	int n = s->threads < 8 ? s->threads : 8;

	if (s->is_child)
		return;
	n = n ? n : 1;
	for (int i = 0; i < n; i++) {
		w[i].rng = step_rand(&s->rng);
		w[i].drops = s->threads && one_in(s, 3);
		for (int k = 0; k < 4; k++) {
			if (!some_range(s, -1, &w[i].r[k]))
				return;
			say(s, w[i].drops ? "thread-touch-drop" : "thread-touch", w[i].r[k].p,
			    w[i].r[k].len, i);
		}
	}
	for (int i = 0; i < n; i++)
		if (pthread_create(&w[i].thread, NULL, worker, &w[i]))
			step_die("pthread_create");
	for (int i = 0; i < n; i++)
		pthread_join(w[i].thread, NULL);
}

/* --- the sequence --------------------------------------------------------------------- */

static const struct op {
	void (*fn)(struct shuffle *s);
	int weight;
} ops[] = {
	{ op_mmap, 14 },     { op_map_over, 3 },   { op_munmap, 6 },
	{ op_hugetlb, 1 },   { op_mremap, 6 },	   { op_mprotect, 6 },
	{ op_sysv, 2 },	     { op_remap_file, 1 }, { op_touch, 24 },
	{ op_read_into, 4 }, { op_stack, 1 },	   { op_brk, 3 },
	{ op_madvise, 20 },  { op_huge, 2 },	   { op_process_madvise, 2 },
	{ op_lock, 2 },	     { op_msync, 1 },	   { op_truncate, 1 },
	{ op_punch, 2 },     { op_write_file, 2 }, { op_remote, 3 },
	{ op_userfault, 1 }, { op_fork, 2 },	   { op_vfork, 1 },
	{ op_threads, 2 },   { op_wild, 2 },	   { op_exec, 1 },
};

static void work(struct shuffle *s, long n)
{
	int sum = 0;

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		sum += ops[i].weight;
	for (; n > 0; n--) {
		int at = (int)rnd(s, (uint64_t)sum);
		size_t i = 0;

		while ((at -= ops[i].weight) >= 0)
			i++;
		ops[i].fn(s);
		s->done++;
	}
}

static int unlinked(const char *template)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s", template);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

/* A file with something in it: reads bring pages in, and holes stay holes. */
static void fill(int fd, size_t pages)
{
	static char data[64 * PAGE];

	memset(data, 7, sizeof(data));
	if (fd < 0 || ftruncate(fd, (off_t)(FILE_PAGES * PAGE)))
		step_die("file");
	for (size_t i = 0; i < pages; i += 64)
		if (pwrite(fd, data, sizeof(data), (off_t)(i * PAGE)) != (ssize_t)sizeof(data))
			step_die("pwrite");
}

static long number(const struct shuffle *s, int arg)
{
	return strtol(s->argv[arg], NULL, 0);
}

static void prepare(struct shuffle *s)
{
	s->rng = (uint64_t)number(s, ARG_SEED) * 0x9e3779b97f4a7c15UL + 1;
	s->threads = (int)number(s, ARG_THREADS);
	s->done = number(s, ARG_DONE);
	s->log = open(s->argv[ARG_LOG], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	s->self = getpid();
	s->file = unlinked("shuffle-XXXXXX");
	s->tmpfs = unlinked("/dev/shm/shuffle-XXXXXX");
	if (s->tmpfs < 0)
		s->tmpfs = memfd_create("shuffle-tmpfs", MFD_CLOEXEC);
	s->memfd = memfd_create("shuffle", MFD_CLOEXEC);
	s->zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	fill(s->file, FILE_PAGES);
	fill(s->tmpfs, FILE_PAGES / 2);
	fill(s->memfd, FILE_PAGES / 2);
	s->brk0 = s->brk_now = sbrk(0);
	catch_faults();
}

/* The arguments in their places, the program's name first: what exec is given, too. */
static void take_arguments(struct shuffle *s, int argc, char **argv, int arg)
{
	static char *v[ARG_MAX_] = { NULL, "1", "300", "60", "0", "/dev/null", "0" };

	v[0] = argv[0];
	for (int i = ARG_SEED; i < ARG_MAX_ && arg < argc; i++, arg++)
		v[i] = argv[arg];
	s->argv = v;
}

static void quiet(const struct shuffle *s)
{
	step("quiet ops=%ld kids=%d,%d", s->done, (int)s->kids[0].pid, (int)s->kids[1].pid);
}

int main(int argc, char **argv)
{
	static struct shuffle s;
	int arg = step_begin(argc, argv);
	long n, every;

	/* The same addresses each time: a seed is to be a sequence. */
	if (!(personality(0xffffffff) & ADDR_NO_RANDOMIZE)) {
		personality(ADDR_NO_RANDOMIZE);
		execvp(argv[0], argv);
		step_die("execvp");
	}
	prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0); /* huge pages are part of the game */
	take_arguments(&s, argc, argv, arg);
	prepare(&s);
	n = number(&s, ARG_OPS);
	every = number(&s, ARG_EVERY);
	if (!s.done)
		step("start seed=%ld ops=%ld", number(&s, ARG_SEED), n);
	else if (s.done % every == 0 || s.done == n) /* the exec was the last before it */
		quiet(&s);
	while (s.done < n) {
		long next = (s.done / every + 1) * every;

		work(&s, (next < n ? next : n) - s.done);
		quiet(&s);
	}
	for (int i = 0; i < KIDS_MAX; i++)
		drop_kid(&s, i);
	return 0;
}
