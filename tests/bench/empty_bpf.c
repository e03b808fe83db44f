/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * empty_bpf - the least that any BPF program on the fault hooks can cost: one that
 * returns at once, on page_fault_user and page_fault_kernel, as a raw tracepoint.
 *
 * Prints `ready` once attached and stays until the end of its stdin; where the
 * kernel refuses, says why and exits with 4.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int bpf(int cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

int main(void)
{
	static const char *const hooks[] = { "page_fault_user", "page_fault_kernel" };
	const struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr;
	int prog;
	char c;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT;
	attr.insns = (uint64_t)(uintptr_t)code;
	attr.insn_cnt = sizeof(code) / sizeof(code[0]);
	attr.license = (uint64_t)(uintptr_t) "GPL";
	prog = bpf(BPF_PROG_LOAD, &attr);
	if (prog < 0) {
		fprintf(stderr, "empty_bpf: load: %s\n", strerror(errno));
		return 4;
	}
	for (int i = 0; i < 2; i++) {
		memset(&attr, 0, sizeof(attr));
		attr.raw_tracepoint.name = (uint64_t)(uintptr_t)hooks[i];
		attr.raw_tracepoint.prog_fd = (uint32_t)prog;
		if (bpf(BPF_RAW_TRACEPOINT_OPEN, &attr) < 0) {
			fprintf(stderr, "empty_bpf: %s: %s\n", hooks[i], strerror(errno));
			return 4;
		}
	}
	puts("ready");
	fflush(stdout);
	while (read(0, &c, 1) > 0)
		;
	return 0;
}
