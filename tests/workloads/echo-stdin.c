/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * echo-stdin [CODE] - copies stdin to stdout and to stderr, then ends with CODE.
 * For tests that a launched command keeps its own streams and status.
 */
#include "step.h"

int main(int argc, char **argv)
{
	char buf[4096];
	ssize_t n;

	while ((n = read(STDIN_FILENO, buf, sizeof(buf))) > 0)
		if (write(STDOUT_FILENO, buf, (size_t)n) != n ||
		    write(STDERR_FILENO, buf, (size_t)n) != n)
			return 98;
	return (int)step_num(argc, argv, 1, 0);
}
