/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_tui_terminal.c - terminals that are slow, stopped or not read: collecting
 * goes on, a frame sends what has changed and no more, and leaving never hangs.
 */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "tests/unit/tui_pty.h"
#include "tui/out.h"
#include "tui/tui.h"
#include "user/util/util.h"

#define MS   1000000ULL
#define PAGE 4096

/* What the program under test tells the test, while its terminal is stuck. */
static struct told {
	volatile uint64_t pumps; /* how often it collected            */
	volatile uint64_t bytes; /* that it wanted to send            */
	volatile uint64_t rest;	 /* ... of them after the first frame */
	volatile int error;
} * told;

/* --- the program: a session that grows by 100 ms with every pump ------------------------- */

static struct session {
	struct mp_model *m;
	uint64_t ts;
	unsigned limit;	 /* pumps after which it ends, 0: never */
	bool busy;	 /* everything changes with every pump  */
	unsigned random; /* of the busy one                     */
} ses;

static void fold(struct mp_event e)
{
	e.ts = ses.ts;
	e.mm = 1;
	e.tid = 4321;
	if (mp_model_fold(ses.m, &e))
		told->error = EIO;
}

static void grow(void)
{
	struct mp_event rss = { .type = MP_EV_RSS, .sub = MP_RSS_PROC };
	struct mp_event call = { .type = MP_EV_CALL, .sub = MP_CALL_MADVISE, .x = 4 };

	ses.ts += 100 * MS;
	rss.rss.anon = 50000;
	rss.rss.file = 300;
	rss.rss.lazyfree = rss.rss.hugetlb = MP_UNKNOWN;
	if (ses.busy) {
		ses.random = ses.random * 1103515245 + 12345;
		rss.rss.anon += ses.random / 65536 % 20000;
		call.call.addr = 0x10000000;
		call.call.len = 64 * PAGE;
		call.call.d_anon = -64;
		fold(call);
	}
	fold(rss);
}

static int pump(void *ctx)
{
	(void)ctx;
	if (told->pumps == 2) /* the first frame has been shown */
		told->rest = tui_out_bytes();
	told->bytes = tui_out_bytes();
	told->pumps++;
	if (ses.limit && told->pumps > ses.limit)
		return -EINTR;
	grow();
	return 1;
}

static const struct mp_model *model(void *ctx)
{
	(void)ctx;
	return ses.m;
}

static void program(void)
{
	struct mp_event target = { .type = MP_EV_TASK, .sub = MP_TASK_TARGET };
	struct tui_source src = { .live = true, .fd = -1, .pump = pump, .now = model };
	struct tui_opts opts = { .frame_ms = 10 };
	int err;

	setlocale(LC_ALL, "C.UTF-8");
	ses.m = mp_model_new();
	ses.ts = 1000 * MS;
	target.task.a = 4321;
	fold(target);
	err = told->error ? -told->error : tui_run(&src, &opts);
	mp_model_free(ses.m);
	_exit(-err);
}

static struct run *start(bool busy, unsigned limit, int w, int h)
{
	memset(told, 0, sizeof(*told));
	ses.busy = busy;
	ses.limit = limit;
	return start_on("xterm-256color", NULL, w, h, program);
}

/* --- tests --------------------------------------------------------------------------- */

/* Nobody reads: until it has collected so often. */
static void wait_pumps(uint64_t n)
{
	for (int i = 0; i < PATIENCE_MS && told->pumps < n; i++)
		poll(NULL, 0, 1);
	assert_true(told->pumps >= n);
}

/* Whole screens are asked for until no more can have gone out than the terminal holds. */
static void fill(struct run *r)
{
	static const char again[] = "\f\f";
	uint64_t sent = 0;

	for (int still = 0; still < 30; still++) {
		uint64_t pumps = told->pumps;

		type(r, again);
		wait_pumps(pumps + 2);
		still = told->bytes == sent ? still : 0;
		sent = told->bytes;
	}
	/* more than the terminal holds was wanted, or nothing is proved */
	assert_true(sent > 8192);
}

static void nobody_reads(void **state)
{
	static const int ends[] = { SIGTERM, SIGHUP, 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct run *r = start(true, 0, 200, 60);
		uint64_t pumps;

		wait_pumps(3);
		fill(r);
		pumps = told->pumps;
		wait_pumps(pumps + 100);
		if (ends[i])
			kill(r->pid, ends[i]);
		else
			type(r, "q");
		/* it ends although nobody reads */
		for (int j = 0; j < PATIENCE_MS / 10 && waitpid(r->pid, &r->status, WNOHANG) == 0;
		     j++)
			poll(NULL, 0, 10);
		if (ends[i])
			assert_true(WIFSIGNALED(r->status) || WEXITSTATUS(r->status) != 0);
		else
			assert_int_equal(r->status, 0);
		while (take(r, 0) &&
		       poll(&(struct pollfd){ .fd = r->master, .events = POLLIN }, 1, 20) > 0)
			;
		assert_restored(r);
		drop(r);
	}
}

/* A crash gives the terminal back even then. */
static void crash_unread(void **state)
{
	struct run *r = start(true, 0, 200, 60);

	(void)state;
	wait_pumps(3);
	fill(r);
	kill(r->pid, SIGSEGV);
	for (int j = 0; j < PATIENCE_MS / 10 && waitpid(r->pid, &r->status, WNOHANG) == 0; j++)
		poll(NULL, 0, 10);
	assert_int_not_equal(r->status, 0);
	while (take(r, 0) && poll(&(struct pollfd){ .fd = r->master, .events = POLLIN }, 1, 20) > 0)
		;
	assert_restored(r);
	drop(r);
}

/* Read again, the picture is whole and goes on. */
static void read_again(void **state)
{
	struct run *r = start(true, 0, 200, 60);

	(void)state;
	wait_pumps(3);
	fill(r);
	wait_for(r, "LIVE");
	r->n = 0;
	type(r, " ");
	wait_for(r, "PAUSED");
	type(r, "q");
	finish(r);
	assert_int_equal(r->status, 0);
	assert_restored(r);
	drop(r);
}

/* Ctrl-S: what is typed next ends it all the same. */
static void stopped_terminal(void **state)
{
	struct run *r = start(true, 0, 80, 24);
	uint64_t pumps;

	(void)state;
	wait_for(r, "LIVE");
	type(r, "\x13");
	pumps = told->pumps;
	wait_pumps(pumps + 200);
	type(r, "q");
	finish(r);
	assert_int_equal(r->status, 0);
	assert_restored(r);
	drop(r);
}

/* Bytes a frame over 150 frames, each 100 ms of the session on. */
static double bytes_per_frame(bool busy, int w, int h)
{
	struct run *r = start(busy, 151, w, h);
	double n;

	finish(r);
	assert_int_equal(r->status, 0);
	assert_restored(r);
	n = (double)(told->bytes - told->rest) / 150;
	drop(r);
	return n;
}

/*
 * A quiet target: the clock and the plot's next column. A busy one: the figures and the
 * peak of what the column has so far. A whole screen would be 5 KB and more.
 */
static void only_changes_are_sent(void **state)
{
	static const struct {
		bool busy;
		int w, h;
		double most;
	} all[] = {
		{ false, 80, 24, 300 },
		{ false, 120, 40, 500 },
		{ true, 80, 24, 1000 },
		{ true, 120, 40, 2000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		double n = bytes_per_frame(all[i].busy, all[i].w, all[i].h);

		print_message("%dx%d %s: %.0f bytes a frame\n", all[i].w, all[i].h,
			      all[i].busy ? "busy" : "quiet", n);
		assert_true(n < all[i].most);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_reads),
		cmocka_unit_test(crash_unread),
		cmocka_unit_test(read_again),
		cmocka_unit_test(stopped_terminal),
		cmocka_unit_test(only_changes_are_sent),
	};

	told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (told == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests_name("tui_terminal", tests, NULL, NULL);
}
