/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * uprobes.c - see uprobes.h.
 */
#include "user/live/uprobes.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>

#define PLACES_MAX 64
#define AT_RETURN  1u /* BPF_F_UPROBE_MULTI_RETURN */

/* union bpf_attr of BPF_LINK_CREATE with .uprobe_multi (include/uapi/linux/bpf.h from Linux 6.6
 * on; the headers that memprof is built with may be older). */
struct link_create {
	__u32 prog_fd, target_fd, attach_type, flags;
	struct {
		__u64 path, offsets, ref_ctr_offsets, cookies;
		__u32 cnt, flags, pid, unused;
	} uprobe_multi;
};

int uprobe_multi_link(int prog, const char *path, bool at_return, const struct uprobe_place *at,
		      size_t n)
{
	unsigned long offsets[PLACES_MAX], semaphores[PLACES_MAX];
	__u64 cookies[PLACES_MAX];
	struct link_create a;
	int fd;

	if (n > PLACES_MAX)
		return -E2BIG;
	for (size_t i = 0; i < n; i++) {
		offsets[i] = (unsigned long)at[i].offset;
		semaphores[i] = (unsigned long)at[i].semaphore;
		cookies[i] = at[i].cookie;
	}
	memset(&a, 0, sizeof(a));
	a.prog_fd = (__u32)prog;
	a.attach_type = UPROBE_MULTI_TYPE;
	a.uprobe_multi.path = (__u64)(uintptr_t)path;
	a.uprobe_multi.offsets = (__u64)(uintptr_t)offsets;
	a.uprobe_multi.ref_ctr_offsets = (__u64)(uintptr_t)semaphores;
	a.uprobe_multi.cookies = (__u64)(uintptr_t)cookies;
	a.uprobe_multi.cnt = (__u32)n;
	a.uprobe_multi.flags = at_return ? AT_RETURN : 0;
	fd = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &a, sizeof(a));
	return fd < 0 ? -errno : fd;
}

/* On a byte of this program that is never run: with a cookie and without a semaphore. */
static int try_it(void)
{
	static const struct bpf_insn nothing[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, o, .expected_attach_type = UPROBE_MULTI_TYPE);
	const struct uprobe_place start = { .cookie = 1 };
	int prog, link;

	prog = bpf_prog_load(BPF_PROG_TYPE_KPROBE, NULL, "GPL", nothing, 2, &o);
	if (prog < 0)
		return -errno;
	link = uprobe_multi_link(prog, "/proc/self/exe", false, &start, 1);
	close(prog);
	if (link >= 0)
		close(link);
	return link < 0 ? link : 0;
}

int uprobe_multi_try(void)
{
	static bool tried;
	static int err;
	const char *how = getenv("MEMPROF_UPROBES");

	if (!tried)
		err = how && !strcmp(how, "perf") ? -ECANCELED : try_it();
	tried = true;
	return err;
}
