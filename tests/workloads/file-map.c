/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * file-map FILE - a private mapping of a file is read (RssFile), then its first
 * half is written: those pages become anonymous. The kernel maps several pages a
 * fault here, so only the end is counted, not the faults.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "step.h"

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv);
	size_t len, pages;
	struct stat st;
	unsigned sum;
	char *p;
	int fd;

	if (arg >= argc)
		return 97;
	fd = open(argv[arg], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		step_die(argv[arg]);
	len = (size_t)st.st_size & ~(PAGE - 1);
	pages = len / PAGE;
	step("start");
	p = mmap((void *)STEP_BASE, len, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		step_die("mmap");
	step("mapped map=%p len=%zu touched=0", (void *)p, len);
	sum = step_read(p, 0, pages);
	step("read map=%p len=%zu touched=%zu sum=%u", (void *)p, len, pages, sum);
	step_write(p, 0, pages / 2);
	step("written map=%p len=%zu touched=%zu", (void *)p, len, pages);
	return 0;
}
