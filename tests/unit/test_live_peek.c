/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_live_peek.c - memory of a target is read when it is there, and never waited for: a
 * child registers pages with userfaultfd and serves none. Without rights to userfaultfd the
 * child says so, and that test is skipped.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/live/peek.h"

#define PAGE  4096u
#define PAGES 4u
#define LIMIT 20 /* seconds; its end wakes a reader that hangs, whom no signal would */

static unsigned char *mem;

/* Page 0 written, pages 1 and 2 registered and absent, page 3 absent and nobody's. */
static bool register_pages(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .range = { (uintptr_t)mem + PAGE, 2 * PAGE },
				       .mode = UFFDIO_REGISTER_MODE_MISSING };
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);

	return fd >= 0 && !ioctl(fd, UFFDIO_API, &api) && !ioctl(fd, UFFDIO_REGISTER, &reg);
}

static pid_t start(bool faulty, bool *works)
{
	int up[2];
	char ok = 0;
	pid_t pid;

	mem = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(mem, MAP_FAILED);
	assert_int_equal(madvise(mem, PAGES * PAGE, MADV_NOHUGEPAGE), 0);
	assert_int_equal(pipe(up), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(LIMIT);
		memset(mem, 7, PAGE);
		ok = faulty ? register_pages() : 1;
		if (write(up[1], &ok, 1) == 1)
			pause();
		_exit(0);
	}
	assert_int_equal(read(up[0], &ok, 1), 1);
	close(up[0]);
	close(up[1]);
	*works = ok;
	return pid;
}

static void stop(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	munmap(mem, PAGES * PAGE);
}

static void test_plain(void **state)
{
	unsigned char buf[2 * PAGE];
	bool works;
	pid_t pid = start(false, &works);

	(void)state;
	memset(buf, 1, sizeof(buf));
	assert_int_equal(peek(pid, (uintptr_t)mem + PAGE - 8, buf, 16), 0);
	for (int i = 0; i < 16; i++) /* what was never written is zeros */
		assert_int_equal(buf[i], i < 8 ? 7 : 0);
	assert_int_equal(peek(pid, (uintptr_t)mem + PAGE / 2, buf, sizeof(buf)), 0);
	assert_int_equal(buf[PAGE / 2 - 1], 7);
	assert_int_equal(buf[PAGE / 2], 0);
	assert_int_equal(buf[sizeof(buf) - 1], 0);
	/* code of a file, whether this page of it was run or not */
	assert_int_equal(peek(pid, (uintptr_t)&test_plain, buf, 64), 0);
	assert_memory_equal(buf, (void *)&test_plain, 64);
	assert_true(peek(pid, UINT64_MAX - 4, buf, 16) < 0);
	assert_true(peek(pid, 16, buf, 16) < 0);
	assert_true(peek_strings_ready(pid, "cmdline"));
	assert_true(peek_strings_ready(pid, "environ"));
	stop(pid);
}

static void test_pieces(void **state)
{
	unsigned char a[8], b[8] = { 1 };
	struct iovec to[] = { { a, 8 }, { b, 8 } }, from[2];
	bool works;
	pid_t pid = start(false, &works);

	(void)state;
	from[0] = (struct iovec){ .iov_base = mem + 64 };
	from[1] = (struct iovec){ .iov_base = mem + 2 * PAGE };
	assert_int_equal(peek_read(pid, to, from, 2), 0);
	assert_int_equal(a[7], 7);
	assert_int_equal(b[0], 0);
	stop(pid);
}

/* Nothing is served: a read of such a page would hang for ever, whatever signal comes. */
static void test_unserved(void **state)
{
	unsigned char buf[2 * PAGE];
	bool works;
	pid_t pid = start(true, &works);

	(void)state;
	if (!works) {
		stop(pid);
		skip();
	}
	assert_int_equal(peek(pid, (uintptr_t)mem, buf, 64), 0);
	/* taken for the zeros it would be, without a fault: it stays absent */
	assert_int_equal(peek(pid, (uintptr_t)mem + PAGE, buf, 64), 0);
	assert_int_equal(buf[0], 0);
	assert_int_equal(peek(pid, (uintptr_t)mem + PAGE - 8, buf, 16), 0);
	stop(pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_unserved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
