/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * family [N] [PAGES] - N children that live at the same time, each with PAGES pages of
 * its own. They wait for each other at every step; the parent's steps are theirs.
 */
#include <sys/wait.h>

#include "step.h"

#define N_MAX 4096

static char said[N_MAX];

/* A child says that it is there, and waits until the parent closes the other pipe. */
static _Noreturn void child(int say, int wait_fd, size_t pages)
{
	char c = 0;

	step_write(step_map(0, pages * PAGE), 0, pages);
	if (write(say, &c, 1) != 1 || read(wait_fd, &c, 1) < 0)
		_exit(1);
	_exit(0);
}

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv), say[2], end[2], status;
	size_t n = (size_t)step_num(argc, argv, arg, 200);
	size_t pages = (size_t)step_num(argc, argv, arg + 1, 64);
	size_t there = 0;

	if (n < 1 || n > N_MAX || pipe(say) || pipe(end))
		return 97;
	step("start");
	for (size_t i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid < 0)
			step_die("fork");
		if (!pid) {
			close(end[1]);
			child(say[1], end[0], pages);
		}
	}
	while (there < n) {
		ssize_t got = read(say[0], said, n - there);

		if (got <= 0)
			step_die("read");
		there += (size_t)got;
	}
	step("born children=%zu", n);
	close(end[1]);
	for (size_t i = 0; i < n; i++)
		if (wait(&status) < 0 || status)
			step_die("a child");
	step("ended children=%zu", n);
	return 0;
}
