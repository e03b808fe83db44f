/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * bad-name - a process whose name holds control characters, and a file of such a
 * name mapped: neither may reach a terminal as it is. With a path it maps that.
 */
#include <fcntl.h>

#include "step.h"

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv);
	char *p;

	if (prctl(PR_SET_NAME, "a\033]0;b\007\n\x9b" "c", 0, 0, 0))
		step_die("PR_SET_NAME");
	if (arg < argc) {
		int fd = open(argv[arg], O_RDONLY | O_CLOEXEC);

		if (fd < 0)
			step_die("open");
		p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
		if (p == MAP_FAILED)
			step_die("mmap");
		(void)step_read(p, 0, 1);
		close(fd);
	}
	step("start");
	p = step_map(0, 64 * PAGE);
	step_write(p, 0, 64);
	step("touched map=%p len=%lu touched=64", (void *)p, 64 * PAGE);
	return 0;
}
