/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fork-cow [PAGES] - a child shares every page until it writes half of them, and
 * exits; then the parent writes all. Copying changes no figure of the parent.
 */
#include <sys/wait.h>

#include "step.h"

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv);
	size_t pages = (size_t)step_num(argc, argv, arg, 1024);
	int ready[2], leave[2], status;
	pid_t child;
	char *p, c = 0;

	step("start");
	p = step_map(0, pages * PAGE);
	step_write(p, 0, pages);
	if (pipe(ready) || pipe(leave))
		step_die("pipe");
	step("touched map=%p len=%zu touched=%zu", (void *)p, pages * PAGE, pages);
	child = fork();
	if (child < 0)
		step_die("fork");
	if (child == 0) {
		close(leave[1]);
		step_write(p, 0, pages / 2);
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		if (read(leave[0], &c, 1) < 0)
			_exit(1);
		_exit(7);
	}
	close(leave[0]);
	if (read(ready[0], &c, 1) != 1)
		step_die("child");
	step("forked map=%p len=%zu touched=%zu child=%d", (void *)p, pages * PAGE, pages,
	     (int)child);
	/* while the child still holds them, each write copies */
	step_write(p, pages / 2, pages / 2);
	close(leave[1]);
	if (waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 7)
		step_die("waitpid");
	step("copied map=%p len=%zu touched=%zu", (void *)p, pages * PAGE, pages);
	return 0;
}
