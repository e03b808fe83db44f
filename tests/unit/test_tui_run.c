/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_tui_run.c - the whole TUI on a pseudo terminal: what it leaves behind,
 * however it ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/tui_pty.h"
#include "tui/tui.h"

/* --- the program under test --------------------------------------------------------- */

static int no_pump(void *ctx)
{
	static const char torn[] = "MESSAGE\n";
	ssize_t n = 0;

	(void)ctx;
	/* what a library may do at any time */
	if (getenv("TUI_TEST_NOISE"))
		n = write(STDERR_FILENO, torn, sizeof(torn) - 1);
	return n < 0 ? -EIO : 1;
}

static const struct mp_model *model(void *ctx)
{
	return ctx;
}

static void program(void)
{
	struct mp_model *m = mp_model_new();
	struct mp_event target = { .ts = 1000, .type = MP_EV_TASK, .sub = MP_TASK_TARGET, .mm = 1 };
	struct mp_event rss = { .ts = 2000, .type = MP_EV_RSS, .sub = MP_RSS_PROC, .mm = 1 };
	struct tui_source src = { .ctx = m, .live = true, .fd = -1, .pump = no_pump, .now = model };
	struct tui_opts opts = { .frame_ms = 20 };
	int err;

	if (!m)
		_exit(99);
	target.task.a = 4321;
	rss.rss.anon = 5000;
	rss.rss.lazyfree = rss.rss.hugetlb = MP_UNKNOWN;
	mp_model_fold(m, &target);
	mp_model_fold(m, &rss);
	setlocale(LC_ALL, "C.UTF-8");
	err = tui_run(&src, &opts);
	mp_model_free(m);
	/* not exit(): what curses and the forked runner still hold is no leak */
	_exit(err ? -err : opts.keep_last ? 77 : 0);
}

static struct run *start(const char *term, const char *env)
{
	return start_on(term, env, 80, 24, program);
}

/* --- tests ---------------------------------------------------------------------------------- */

static void quits_and_restores(void **state)
{
	struct run *r = start("xterm-256color", NULL);

	(void)state;
	wait_for(r, "LIVE");
	wait_for(r, "4321");
	type(r, " \t?x");
	type(r, "q");
	finish(r);
	assert_true(WIFEXITED(r->status));
	assert_int_equal(WEXITSTATUS(r->status), 0);
	assert_restored(r);
	drop(r);
}

static void keeps_the_last_screen(void **state)
{
	struct run *r = start("xterm-256color", NULL);
	const char *end;

	(void)state;
	wait_for(r, "LIVE");
	type(r, "Q");
	finish(r);
	assert_int_equal(WEXITSTATUS(r->status), 77);
	end = last_of(r, LEAVE);
	assert_non_null(end);
	assert_non_null(memmem(end, (size_t)(r->out + r->n - end), "RSS", 3));
	drop(r);
}

static void signals_restore(void **state)
{
	static const int sigs[] = { SIGTERM, SIGINT, SIGHUP, SIGSEGV, SIGABRT, SIGBUS, SIGFPE };

	(void)state;
	for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++) {
		struct run *r = start("xterm-256color", NULL);

		wait_for(r, "LIVE");
		kill(r->pid, sigs[i]);
		finish(r);
		/* a sanitizer's own handler turns crashes into an exit code */
		assert_true(WIFSIGNALED(r->status) || WEXITSTATUS(r->status) != 0);
		if (WIFSIGNALED(r->status))
			assert_int_equal(WTERMSIG(r->status), sigs[i]);
		assert_restored(r);
		drop(r);
	}
}

/* What was held back is told on a crash, too: it may say why. */
static void crash_tells_messages(void **state)
{
	struct run *r = start("xterm-256color", "TUI_TEST_NOISE");
	const char *end;

	(void)state;
	wait_for(r, "LIVE");
	kill(r->pid, SIGSEGV);
	finish(r);
	end = last_of(r, LEAVE);
	assert_non_null(end);
	assert_non_null(memmem(end, (size_t)(r->out + r->n - end), "MESSAGE", 7));
	drop(r);
}

static void closed_terminal_ends_it(void **state)
{
	struct run *r = start("xterm-256color", NULL);
	int status = 0;

	(void)state;
	wait_for(r, "LIVE");
	close(r->master);
	for (int i = 0; i < PATIENCE_MS / 10 && waitpid(r->pid, &status, WNOHANG) == 0; i++)
		poll(NULL, 0, 10);
	assert_int_equal(kill(r->pid, 0), -1);
	free(r);
}

static void resize_storm(void **state)
{
	struct run *r = start("xterm-256color", NULL);

	(void)state;
	wait_for(r, "LIVE");
	for (int i = 0; i < 200; i++) {
		struct winsize size = { .ws_col = (unsigned short)(1 + i * 7 % 150),
					.ws_row = (unsigned short)(1 + i * 5 % 60) };

		assert_int_equal(ioctl(r->master, TIOCSWINSZ, &size), 0);
		take(r, 1);
	}
	type(r, "q");
	finish(r);
	assert_int_equal(WEXITSTATUS(r->status), 0);
	assert_true(WIFEXITED(r->status));
	drop(r);
}

/* What the terminal tells of itself closes nothing that was opened. */
static void boxes_outlast_the_terminal(void **state)
{
	static const struct {
		const char *key, *title;
	} boxes[] = { { "?", "help, 1 of" }, { "i", "the picture" }, { "H", "hooks and losses" } };
	static const char *const grounds[] = { "\033]11;rgb:ffff/ffff/ffff\033\\",
					       "\033]11;rgb:0000/0000/0000\007" };
	struct run *r = start("xterm-256color", NULL);

	(void)state;
	wait_for(r, "LIVE");
	for (size_t i = 0; i < sizeof(boxes) / sizeof(boxes[0]); i++) {
		type(r, boxes[i].key);
		wait_for(r, boxes[i].title);
		for (unsigned short w = 81; w < 84; w++) {
			struct winsize size = { .ws_col = w, .ws_row = 24 };

			r->n = 0;
			assert_int_equal(ioctl(r->master, TIOCSWINSZ, &size), 0);
			wait_for(r, boxes[i].title);
		}
		for (size_t k = 0; k < sizeof(grounds) / sizeof(grounds[0]); k++) {
			r->n = 0;
			type(r, grounds[k]);
			wait_for(r, boxes[i].title);
		}
		type(r, "\033");
		wait_for(r, "LIVE");
	}
	type(r, "q");
	finish(r);
	assert_int_equal(WEXITSTATUS(r->status), 0);
	drop(r);
}

static void no_color_means_none(void **state)
{
	struct run *r = start("xterm-256color", "NO_COLOR");

	(void)state;
	wait_for(r, "LIVE");
	type(r, "q");
	finish(r);
	assert_null(memmem(r->out, r->n, "[38;5", 5));
	assert_null(memmem(r->out, r->n, "[48;5", 5));
	for (char c = '0'; c < '8'; c++) {
		const char ink[] = { '\033', '[', '3', c, 'm' };

		assert_null(memmem(r->out, r->n, ink, sizeof(ink)));
	}
	drop(r);
}

static void messages_wait(void **state)
{
	struct run *r = start("xterm-256color", "TUI_TEST_NOISE");

	(void)state;
	wait_for(r, "LIVE");
	assert_null(last_of(r, "MESSAGE"));
	type(r, "q");
	finish(r);
	assert_non_null(last_of(r, "MESSAGE"));
	assert_true(last_of(r, "MESSAGE") > last_of(r, LEAVE));
	drop(r);
}

/* The caller falls back to plain lines: the terminal must be untouched. */
static void unusable_terminals(void **state)
{
	static const char *const terms[] = { "dumb", "no-such-terminal", "" };

	(void)state;
	for (size_t i = 0; i < sizeof(terms) / sizeof(terms[0]); i++) {
		struct run *r = start(terms[i], NULL);

		finish(r);
		assert_int_equal(WEXITSTATUS(r->status), EOPNOTSUPP);
		assert_int_equal(r->n, 0);
		drop(r);
	}
}

static void no_terminal(void **state)
{
	struct tui_source src = { .fd = -1 };
	struct tui_opts opts = { 0 };
	int null = open("/dev/null", O_RDWR);
	int in = dup(STDIN_FILENO);

	(void)state;
	assert_true(dup2(null, STDIN_FILENO) == STDIN_FILENO);
	assert_int_equal(tui_run(&src, &opts), -ENOTTY);
	if (in >= 0)
		dup2(in, STDIN_FILENO);
	close(in);
	close(null);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quits_and_restores),
		cmocka_unit_test(keeps_the_last_screen),
		cmocka_unit_test(signals_restore),
		cmocka_unit_test(closed_terminal_ends_it),
		cmocka_unit_test(crash_tells_messages),
		cmocka_unit_test(resize_storm),
		cmocka_unit_test(no_color_means_none),
		cmocka_unit_test(messages_wait),
		cmocka_unit_test(unusable_terminals),
		cmocka_unit_test(no_terminal),
		cmocka_unit_test(boxes_outlast_the_terminal),
	};

	return cmocka_run_group_tests_name("tui_run", tests, NULL, NULL);
}
