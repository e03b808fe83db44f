/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fork-storm [N] [AT-ONCE] [PAGES] [PROGRAM] - N short-lived children, AT-ONCE at a time:
 * each writes PAGES fresh pages and ends, or becomes PROGRAM.
 */
#include <sys/wait.h>

#include "step.h"

static _Noreturn void child(size_t pages, char *program)
{
	char *const args[] = { program, NULL };

	step_write(step_map(0, pages * PAGE), 0, pages);
	if (program)
		execv(program, args);
	_exit(program ? 1 : 0);
}

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv), status;
	long n = step_num(argc, argv, arg, 1000), at_once = step_num(argc, argv, arg + 1, 8);
	size_t pages = (size_t)step_num(argc, argv, arg + 2, 16);
	char *program = arg + 3 < argc ? argv[arg + 3] : NULL;
	long born = 0, ended = 0;

	step("start");
	while (ended < n) {
		while (born < n && born - ended < at_once) {
			pid_t pid = fork();

			if (pid < 0)
				step_die("fork");
			if (!pid)
				child(pages, program);
			born++;
		}
		if (wait(&status) < 0 || status)
			step_die("a child");
		ended++;
	}
	step("done forks=%ld", ended);
	return 0;
}
