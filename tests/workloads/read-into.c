/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * read-into [MB] [pipe|FILE] - fresh memory is first touched by the kernel, in
 * read(2): the faults are kernel faults of this process.
 */
#include <fcntl.h>

#include "step.h"

#define CHUNK (16 * PAGE)

static void from_pipe(char *p, size_t len)
{
	static char src[CHUNK];
	int fd[2];

	if (pipe(fd))
		step_die("pipe");
	for (size_t at = 0; at < len; at += CHUNK) {
		if (write(fd[1], src, CHUNK) != (ssize_t)CHUNK)
			step_die("write");
		if (read(fd[0], p + at, CHUNK) != (ssize_t)CHUNK)
			step_die("read");
	}
	close(fd[0]);
	close(fd[1]);
}

static void from_file(char *p, size_t len, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		step_die(path);
	for (size_t at = 0; at < len;) {
		size_t want = len - at < CHUNK ? len - at : CHUNK;
		ssize_t n = read(fd, p + at, want);

		if (n < 0)
			step_die(path);
		at += (size_t)n;
		if (n == 0 && lseek(fd, 0, SEEK_SET) < 0)
			step_die("lseek");
	}
	close(fd);
}

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv);
	size_t len = (size_t)step_num(argc, argv, arg, 16) << 20;
	const char *src = arg + 1 < argc ? argv[arg + 1] : "pipe";
	char *p;

	step("start");
	p = step_map(0, len);
	step("mapped map=%p len=%zu touched=0", (void *)p, len);
	if (strcmp(src, "pipe"))
		from_file(p, len, src);
	else
		from_pipe(p, len);
	step("read map=%p len=%zu touched=%zu", (void *)p, len, len / PAGE);
	return 0;
}
