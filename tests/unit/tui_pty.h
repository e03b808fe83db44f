/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tui_pty.h - a program on a pseudo terminal and the other side of that terminal,
 * for the tests of what only a terminal can show.
 */
#ifndef TESTS_TUI_PTY_H
#define TESTS_TUI_PTY_H

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

#include <setjmp.h>
#include <cmocka.h>

#define LEAVE	    "\033[?1049l" /* back from the alternate screen */
#define PATIENCE_MS 10000

struct run {
	pid_t pid;
	int master;
	struct termios before;
	char out[1 << 20];
	size_t n;
	int status;
};

/* program() runs in the child, with TERM=term, env set to 1 and a terminal of w x h. */
static inline struct run *start_on(const char *term, const char *env, int w, int h,
				   void (*program)(void))
{
	struct winsize size = { .ws_col = (unsigned short)w, .ws_row = (unsigned short)h };
	struct run *r = calloc(1, sizeof(*r));
	int slave;

	assert_non_null(r);
	assert_int_equal(openpty(&r->master, &slave, NULL, NULL, &size), 0);
	assert_int_equal(tcgetattr(slave, &r->before), 0);
	r->pid = fork();
	assert_true(r->pid >= 0);
	if (!r->pid) {
		close(r->master);
		/* cmocka's handlers would go on with the tests in here */
		for (int sig = 1; sig < 32; sig++)
			signal(sig, SIG_DFL);
		if (login_tty(slave))
			_exit(98);
		unsetenv("NO_COLOR");
		setenv("TERM", term, 1);
		if (env)
			setenv(env, "1", 1);
		program();
	}
	close(slave);
	return r;
}

/* Reads for a while; false at the end of the output. */
static inline bool take(struct run *r, int ms)
{
	struct pollfd p = { .fd = r->master, .events = POLLIN };
	ssize_t n;

	if (poll(&p, 1, ms) <= 0)
		return true;
	n = read(r->master, r->out + r->n, sizeof(r->out) - 1 - r->n);
	if (n <= 0)
		return false;
	r->n += (size_t)n;
	return true;
}

static inline void wait_for(struct run *r, const char *what)
{
	for (int i = 0; i < PATIENCE_MS / 10; i++) {
		if (memmem(r->out, r->n, what, strlen(what)))
			return;
		if (!take(r, 10))
			break;
	}
	fail_msg("never saw \"%s\"", what);
}

static inline void type(struct run *r, const char *keys)
{
	assert_int_equal(write(r->master, keys, strlen(keys)), (ssize_t)strlen(keys));
}

static inline void finish(struct run *r)
{
	for (int i = 0; i < PATIENCE_MS / 10; i++) {
		if (waitpid(r->pid, &r->status, WNOHANG) == r->pid) {
			while (poll(&(struct pollfd){ .fd = r->master, .events = POLLIN }, 1, 20) >
				       0 &&
			       take(r, 0))
				;
			return;
		}
		if (!take(r, 10))
			poll(NULL, 0, 10); /* closed, and about to end */
	}
	kill(r->pid, SIGKILL);
	waitpid(r->pid, &r->status, 0);
	fail_msg("it does not end");
}

static inline void drop(struct run *r)
{
	close(r->master);
	free(r);
}

static inline const char *last_of(const struct run *r, const char *what)
{
	const char *at = NULL, *from = r->out;
	const char *hit;

	while ((hit = memmem(from, r->n - (size_t)(from - r->out), what, strlen(what)))) {
		at = hit;
		from = hit + 1;
	}
	return at;
}

static inline void assert_restored(struct run *r)
{
	struct termios now;

	assert_non_null(last_of(r, LEAVE));
	assert_null(memmem(last_of(r, LEAVE), (size_t)(r->out + r->n - last_of(r, LEAVE)),
			   "\033[?1049h", 8));
	/* the modes are the terminal's, seen from either side */
	assert_int_equal(tcgetattr(r->master, &now), 0);
	assert_int_equal(now.c_lflag, r->before.c_lflag);
	assert_int_equal(now.c_iflag, r->before.c_iflag);
	assert_int_equal(now.c_oflag, r->before.c_oflag);
}

#endif /* TESTS_TUI_PTY_H */
