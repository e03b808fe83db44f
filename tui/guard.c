/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * guard.c - signals and stderr while curses has the terminal.
 *
 * A signal that asks to leave is noted and the loop leaves in order. A crash
 * cannot wait: its handler restores the terminal with prepared bytes and system
 * calls that are safe there, then lets the signal do what it would have done.
 */
#include "tui/guard.h"

#include <curses.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>

#define HELD_MAX 65536 /* bytes of held back messages that are printed */

static const int asking[] = { SIGINT, SIGTERM, SIGHUP };
static const int fatal[] = { SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL };
static const int curses_own[] = { SIGTSTP, SIGWINCH };
#define ASKING_N (sizeof(asking) / sizeof(asking[0]))
#define FATAL_N	 (sizeof(fatal) / sizeof(fatal[0]))
#define CURSES_N (sizeof(curses_own) / sizeof(curses_own[0]))

static struct {
	volatile sig_atomic_t armed;
	volatile sig_atomic_t asked;
	struct termios modes;
	char restore[256];
	size_t restore_len;
	int held;     /* memory that stderr goes to, -1: not redirected */
	int err;      /* the real stderr, when it is                    */
	bool at_exit; /* the exit hook is in place                      */
	bool alt;
	/* what the caller had before curses put in its own */
	struct sigaction old_asking[ASKING_N], old_fatal[FATAL_N], old_curses[CURSES_N];
} guard = { .held = -1, .err = -1 };

/* A crash may be an overflow of the stack: its handler needs one of its own. */
static char alt_stack[16384];

static bool has(const char *cap)
{
	const char *seq = tigetstr(cap);

	return seq && seq != (char *)-1;
}

/* What was looked up is held until here; curses looks it up for itself. */
static void forget_term(void)
{
	if (cur_term)
		del_curterm(cur_term);
}

bool tui_guard_term(void)
{
	int err = 0;

	if (setupterm(NULL, STDOUT_FILENO, &err) == OK && err == 1 && has("cup") && has("clear"))
		return true;
	forget_term();
	return false;
}

static int collect(int c)
{
	if (guard.restore_len < sizeof(guard.restore))
		guard.restore[guard.restore_len++] = (char)c;
	return c;
}

static void prepare_restore(void)
{
	static const char *const caps[] = { "sgr0", "op", "cnorm", "rmkx", "rmcup" };

	guard.restore_len = 0;
	for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++)
		if (has(caps[i]))
			tputs(tigetstr(caps[i]), 1, collect);
}

/* Safe in a signal handler. */
static void restore_now(void)
{
	ssize_t n;

	if (!guard.armed)
		return;
	guard.armed = 0;
	n = write(STDOUT_FILENO, guard.restore, guard.restore_len);
	(void)n; /* there is nobody left to tell */
	tcsetattr(STDIN_FILENO, TCSANOW, &guard.modes);
	if (guard.held >= 0)
		dup2(guard.err, STDERR_FILENO);
}

static void again(int sig, const int *list, const struct sigaction *old, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == sig)
			sigaction(sig, &old[i], NULL);
	raise(sig); /* delivered when this handler returns */
}

static void on_fatal(int sig)
{
	restore_now();
	again(sig, fatal, guard.old_fatal, FATAL_N);
}

static void on_asking(int sig)
{
	if (guard.asked) {
		/* asked twice: the loop does not answer */
		restore_now();
		again(sig, asking, guard.old_asking, ASKING_N);
	}
	guard.asked = sig;
}

static void on_exit_hook(void)
{
	if (guard.armed)
		endwin();
	guard.armed = 0;
}

static void hold_stderr(void)
{
	if (!isatty(STDERR_FILENO))
		return;
	guard.held = memfd_create("memprof-messages", MFD_CLOEXEC);
	guard.err = guard.held < 0 ? -1 : fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (guard.err < 0 || dup2(guard.held, STDERR_FILENO) < 0) {
		if (guard.held >= 0)
			close(guard.held);
		if (guard.err >= 0)
			close(guard.err);
		guard.held = guard.err = -1;
	}
}

static void release_stderr(void)
{
	char buf[4096];
	off_t at = 0;
	ssize_t n;

	if (guard.held < 0)
		return;
	dup2(guard.err, STDERR_FILENO);
	while (at < HELD_MAX && (n = pread(guard.held, buf, sizeof(buf), at)) > 0) {
		if (write(STDERR_FILENO, buf, (size_t)n) != n)
			break;
		at += n;
	}
	close(guard.held);
	close(guard.err);
	guard.held = guard.err = -1;
}

static void save(const int *list, struct sigaction *old, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sigaction(list[i], NULL, &old[i]);
}

static void put_back(const int *list, const struct sigaction *old, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sigaction(list[i], &old[i], NULL);
}

void tui_guard_arm(void)
{
	tcgetattr(STDIN_FILENO, &guard.modes);
	prepare_restore();
	forget_term();
	guard.asked = 0;
	hold_stderr();
	if (!guard.at_exit)
		guard.at_exit = atexit(on_exit_hook) == 0;
	save(asking, guard.old_asking, ASKING_N);
	save(fatal, guard.old_fatal, FATAL_N);
	save(curses_own, guard.old_curses, CURSES_N);
	guard.armed = 1;
}

static void install(const int *list, const struct sigaction *old, size_t n, void (*fn)(int),
		    int flags)
{
	struct sigaction sa = { .sa_handler = fn, .sa_flags = flags };

	sigemptyset(&sa.sa_mask);
	for (size_t i = 0; i < n; i++) {
		/* what the caller ignores stays ignored (nohup) */
		if (old[i].sa_handler != SIG_IGN)
			sigaction(list[i], &sa, NULL);
	}
}

void tui_guard_signals(void)
{
	stack_t none, alt = { .ss_sp = alt_stack, .ss_size = sizeof(alt_stack) };

	guard.alt = sigaltstack(NULL, &none) == 0 && (none.ss_flags & SS_DISABLE) &&
		    sigaltstack(&alt, NULL) == 0;
	install(asking, guard.old_asking, ASKING_N, on_asking, 0);
	install(fatal, guard.old_fatal, FATAL_N, on_fatal, SA_ONSTACK);
}

void tui_guard_disarm(void)
{
	stack_t off = { .ss_flags = SS_DISABLE };

	guard.armed = 0;
	put_back(asking, guard.old_asking, ASKING_N);
	put_back(fatal, guard.old_fatal, FATAL_N);
	put_back(curses_own, guard.old_curses, CURSES_N);
	if (guard.alt)
		sigaltstack(&off, NULL);
	guard.alt = false;
	release_stderr();
}

int tui_guard_signal(void)
{
	return guard.asked;
}
