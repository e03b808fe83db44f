/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * borrowed - a child lives in its parent's memory until it calls exec, as those of vfork() and
 * posix_spawn() do, but for as long as a test likes; then the parent touches 100 pages.
 */
#include "step.h"

#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#define N     100UL
#define STACK (64UL << 10)

static int hold[2];

static int child(void *arg)
{
	char c;

	(void)arg;
	if (read(hold[0], &c, 1) == 1)
		execl("/bin/true", "true", (char *)NULL);
	_exit(1);
}

int main(int argc, char **argv)
{
	static char stack[STACK] __attribute__((aligned(16)));
	int status, pid;
	char *p;

	step_begin(argc, argv);
	p = step_map(0, N * PAGE);
	if (pipe(hold))
		step_die("pipe");
	pid = clone(child, stack + STACK, CLONE_VM | SIGCHLD, NULL);
	if (pid < 0)
		step_die("clone");
	step("start child=%d", pid);
	if (write(hold[1], "", 1) != 1 || waitpid(pid, &status, 0) != pid || status)
		step_die("child");
	step("alone");
	step_write(p, 0, N);
	step("touched n=%lu map=%p", N, (void *)p);
	return 0;
}
