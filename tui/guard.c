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

#include "tui/mouse.h"
#include "tui/out.h"

#define HELD_MAX 65536 /* bytes of held back messages that are printed */

static const int asking[] = { SIGINT, SIGTERM, SIGHUP };
static const int fatal[] = { SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL };
static const int jobs[] = { SIGTSTP, SIGCONT };
static const int curses_own[] = { SIGWINCH };
#define ASKING_N (sizeof(asking) / sizeof(asking[0]))
#define FATAL_N	 (sizeof(fatal) / sizeof(fatal[0]))
#define JOBS_N	 (sizeof(jobs) / sizeof(jobs[0]))
#define CURSES_N (sizeof(curses_own) / sizeof(curses_own[0]))

static struct {
	volatile sig_atomic_t armed;
	volatile sig_atomic_t asked;
	volatile sig_atomic_t stop, continued;
	struct termios modes;
	char restore[256];
	size_t restore_len;
	int held;     /* memory that stderr goes to, -1: not redirected */
	int err;      /* the real stderr, when it is                    */
	bool at_exit; /* the exit hook is in place                      */
	bool alt;
	/* what the caller had before curses put in its own */
	struct sigaction old_asking[ASKING_N], old_fatal[FATAL_N], old_jobs[JOBS_N],
		old_curses[CURSES_N];
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
	if (has("kmous"))
		for (const char *c = TUI_MOUSE_OFF; *c; c++)
			collect(*c);
	for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++)
		if (has(caps[i]))
			tputs(tigetstr(caps[i]), 1, collect);
}

/* What was held back, on the real stderr. Safe in a signal handler. */
static void print_held(void)
{
	char buf[4096];
	off_t at = 0;
	ssize_t n;

	dup2(guard.err, STDERR_FILENO);
	while (at < HELD_MAX && (n = pread(guard.held, buf, sizeof(buf), at)) > 0) {
		if (write(STDERR_FILENO, buf, (size_t)n) != n)
			break;
		at += n;
	}
}

/* Safe in a signal handler. */
static void restore_now(void)
{
	if (!guard.armed)
		return;
	guard.armed = 0;
	tui_out_now(guard.restore, guard.restore_len);
	tcsetattr(STDIN_FILENO, TCSANOW, &guard.modes);
	if (guard.held >= 0)
		print_held();
	guard.held = -1; /* told once */
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

static void on_stop(int sig)
{
	(void)sig;
	guard.stop = 1;
}

static void on_continue(int sig)
{
	(void)sig;
	guard.continued = 1;
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
	if (guard.held < 0)
		return;
	print_held();
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
	guard.asked = guard.stop = guard.continued = 0;
	hold_stderr();
	if (!guard.at_exit)
		guard.at_exit = atexit(on_exit_hook) == 0;
	save(asking, guard.old_asking, ASKING_N);
	save(fatal, guard.old_fatal, FATAL_N);
	save(jobs, guard.old_jobs, JOBS_N);
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
	install(jobs, guard.old_jobs, 1, on_stop, 0);
	install(jobs + 1, guard.old_jobs + 1, 1, on_continue, 0);
}

bool tui_guard_wants_stop(void)
{
	bool is = guard.stop;

	guard.stop = 0;
	return is;
}

bool tui_guard_continued(void)
{
	bool is = guard.continued;

	guard.continued = 0;
	return is;
}

void tui_guard_modes(void)
{
	tcsetattr(STDIN_FILENO, TCSANOW, &guard.modes);
}

void tui_guard_stop(void)
{
	struct sigaction sa = { .sa_handler = SIG_DFL }, old;
	sigset_t set, was;

	sigemptyset(&sa.sa_mask);
	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	guard.armed = 0; /* the terminal is somebody else's */
	sigaction(SIGTSTP, &sa, &old);
	raise(SIGTSTP);
	/* here it may be blocked: it stops once it is let through */
	sigprocmask(SIG_UNBLOCK, &set, &was);
	sigprocmask(SIG_SETMASK, &was, NULL);
	sigaction(SIGTSTP, &old, NULL);
	guard.armed = 1;
	guard.continued = 0;
}

void tui_guard_disarm(void)
{
	stack_t off = { .ss_flags = SS_DISABLE };

	guard.armed = 0;
	put_back(asking, guard.old_asking, ASKING_N);
	put_back(fatal, guard.old_fatal, FATAL_N);
	put_back(jobs, guard.old_jobs, JOBS_N);
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
