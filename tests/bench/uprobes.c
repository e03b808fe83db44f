/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * uprobes PID - the least that probes in the target alone would cost: an empty BPF program
 * at the entry and the return of the C library's mmap, munmap, madvise, mremap and brk, as
 * uprobes of that one process. Nobody else's pages are changed.
 *
 * The functions are found in this program's own copy of the library, so the target must
 * use the same file. Prints `ready` once attached and stays until the end of its stdin;
 * where the kernel refuses, says why and exits with 4.
 */
#include <dlfcn.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int refused(const char *what)
{
	fprintf(stderr, "uprobes: %s: %s\n", what, strerror(errno));
	return 4;
}

/* An empty program of the kind that uprobes take; -1. */
static int load(void)
{
	const struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_KPROBE;
	attr.insns = (uint64_t)(uintptr_t)code;
	attr.insn_cnt = sizeof(code) / sizeof(code[0]);
	attr.license = (uint64_t)(uintptr_t) "GPL";
	return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
}

/* The file that holds a function of ours, and the function's place in it. */
static int find(const char *name, char file[512], uint64_t *offset)
{
	uint64_t at = (uint64_t)(uintptr_t)dlsym(RTLD_DEFAULT, name), start, end, off;
	FILE *f = fopen("/proc/self/maps", "re");
	char line[1024];
	int found = -1;

	while (f && at && found && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx %*s %lx %*s %*s %511s", &start, &end, &off, file) != 4 ||
		    at < start || at >= end)
			continue;
		*offset = at - start + off;
		found = 0;
	}
	if (f)
		fclose(f);
	return found;
}

static int attach(int prog, int pid, int type, int ret, const char *file, uint64_t offset)
{
	struct perf_event_attr attr = { .size = sizeof(attr), .type = (uint32_t)type };
	int fd;

	attr.config = (uint64_t)ret;
	attr.config1 = (uint64_t)(uintptr_t)file;
	attr.config2 = offset;
	fd = (int)syscall(SYS_perf_event_open, &attr, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0 || ioctl(fd, PERF_EVENT_IOC_SET_BPF, prog) ||
	    ioctl(fd, PERF_EVENT_IOC_ENABLE, 0))
		return -1;
	return 0;
}

int main(int argc, char **argv)
{
	static const char *const names[] = { "mmap", "munmap", "madvise", "mremap", "brk" };
	FILE *f = fopen("/sys/bus/event_source/devices/uprobe/type", "re");
	int prog = load(), type = -1;
	char c;

	if (argc != 2)
		return 64;
	if (!f || fscanf(f, "%d", &type) != 1)
		return refused("no uprobes");
	fclose(f);
	if (prog < 0)
		return refused("load");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char file[512];
		uint64_t offset;

		if (find(names[i], file, &offset))
			return refused(names[i]);
		for (int ret = 0; ret < 2; ret++)
			if (attach(prog, atoi(argv[1]), type, ret, file, offset))
				return refused("attach");
	}
	puts("ready");
	fflush(stdout);
	while (read(0, &c, 1) > 0)
		;
	return 0;
}
