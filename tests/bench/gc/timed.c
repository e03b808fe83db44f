/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * timed - runs a command and says on the last line of stderr what it took: wall
 * seconds, CPU seconds, peak RSS in KiB, exit status (128 + N for signal N).
 *
 * The peak of a process counts from the fork, so a command started by a large
 * program begins with that program's peak; this one is small.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double of(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
	double start = seconds();
	struct rusage ru;
	int status;
	pid_t pid;

	if (argc < 2)
		return 64;
	pid = fork();
	if (pid == 0) {
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &ru) < 0)
		return 1;
	status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	fprintf(stderr, "%.6f %.6f %ld %d\n", seconds() - start, of(ru.ru_utime) + of(ru.ru_stime),
		ru.ru_maxrss, status);
	return 0;
}
