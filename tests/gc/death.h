/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * death.h - a statement that is to end the process, tried in a child: which signal it
 * was, and what it said.
 */
#ifndef TESTS_GC_DEATH_H
#define TESTS_GC_DEATH_H

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "common.h"

static inline pid_t death_begin(int *fd)
{
	struct rlimit none = { 0, 0 };
	int fds[2];
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		setrlimit(RLIMIT_CORE, &none);
		signal(SIGABRT, SIG_DFL); /* cmocka has a handler */
		dup2(fds[1], 2);
		alarm(60);
	}
	close(fds[1]);
	*fd = fds[0];
	return pid;
}

static inline int death_end(pid_t pid, int fd, char *text, size_t size)
{
	size_t len = 0;
	ssize_t n;
	int status;

	while ((n = read(fd, text + len, size - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = 0;
	close(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/*
 * DEATH(text, statements): runs them in a child of this process, which has a copy of
 * its heaps. The signal that ended it, or 0; text, an array, is its standard error.
 */
#define DEATH(text, ...)                                                    \
	({                                                                  \
		int death_fd_;                                              \
		pid_t death_pid_ = death_begin(&death_fd_);                 \
		if (!death_pid_) {                                          \
			__VA_ARGS__;                                        \
			_exit(0);                                           \
		}                                                           \
		death_end(death_pid_, death_fd_, text, sizeof(text));       \
	})

/* ... by abort(), after a line of the library that has `says` in it. */
#define assert_fatal(says, ...)                                             \
	do {                                                                \
		char text_[8192];                                           \
		int signal_ = DEATH(text_, __VA_ARGS__);                    \
		if (signal_ != SIGABRT || !strstr(text_, says))             \
			print_error("signal %d, said: %s\n", signal_, text_); \
		assert_int_equal(signal_, SIGABRT);                         \
		assert_non_null(strstr(text_, "libmpgc: "));                \
		assert_non_null(strstr(text_, says));                       \
	} while (0)

#endif /* TESTS_GC_DEATH_H */
