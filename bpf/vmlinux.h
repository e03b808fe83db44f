/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * vmlinux.h - the kernel surface this program stands on, and no more.
 *
 * Written by hand: only the types and fields the probes read, relocated at load
 * time to where the running kernel has them (CO-RE). Building needs no kernel
 * BTF. A field added here is a new promise to check on every kernel; `make
 * vmlinux` prints the running kernel's full types for comparison.
 */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

typedef unsigned char __u8;
typedef short int __s16;
typedef short unsigned int __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long int __s64;
typedef unsigned long long int __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef __u8 u8;
typedef __u16 u16;
typedef __s32 s32;
typedef __u32 u32;
typedef __s64 s64;
typedef __u64 u64;
typedef _Bool bool;
typedef int pid_t;

enum { false = 0, true = 1 };

/* UAPI numbers (linux/bpf.h) of the maps and flags used. */
enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_LPM_TRIE = 11,
	BPF_MAP_TYPE_RINGBUF = 27,
};
/* Helpers that are asked for before use (enum bpf_func_id, linux/bpf.h). */
enum bpf_func_id { BPF_FUNC_get_current_task_btf = 158 };
enum { BPF_ANY = 0, BPF_NOEXIST = 1 };
enum { BPF_F_NO_PREALLOC = 1 };
enum { BPF_F_USER_STACK = 1 << 8 };
enum { BPF_RB_NO_WAKEUP = 1, BPF_RB_FORCE_WAKEUP = 2 };
enum { BPF_RB_AVAIL_DATA = 0 };

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
#endif

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	s64 counter;
} atomic64_t;

typedef atomic64_t atomic_long_t;

struct hlist_node {
	struct hlist_node *next;
};

struct hlist_head {
	struct hlist_node *first;
};

struct percpu_counter {
	s64 count;
	s32 *counters;
};

/* Up to 6.1. Gone with f1a7941243c1 ("mm: convert mm's rss stats into
 * percpu_counter", 6.2). */
struct mm_rss_stat {
	atomic_long_t count[4];
};

struct task_rss_stat {
	int events;
	int count[4];
};

struct mm_struct {
	struct file *exe_file;
	atomic_t mm_users;
	unsigned long brk;
	struct percpu_counter rss_stat[4];
};

struct mm_struct___split {
	struct mm_rss_stat rss_stat;
};

struct signal_struct {
	atomic_t live;
};

struct inode {
	void *i_private;
};

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct qstr d_name;
};

struct path {
	struct dentry *dentry;
};

struct file {
	struct path f_path;
	void *private_data;
	struct inode *f_inode;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct pid {
	struct hlist_head tasks[4];
};

struct kernfs_node {
	const char *name;
	u64 id;
};

struct cgroup;

struct cgroup_subsys_state {
	struct cgroup *cgroup;
	struct cgroup_subsys_state *parent;
};

struct cgroup {
	struct cgroup_subsys_state self;
	struct kernfs_node *kn;
};

struct css_set {
	struct cgroup *dfl_cgrp;
	struct cgroup_subsys_state *subsys[0];
};

enum cgroup_subsys_id {
	memory_cgrp_id = 0, /* whatever the kernel has: relocated */
};

typedef struct {
	u32 val;
} kuid_t;

struct cred {
	kuid_t euid;
};

struct task_struct {
	const struct cred *cred;
	struct css_set *cgroups;
	pid_t pid;
	pid_t tgid;
	void *stack;
	struct mm_struct *mm;
	int exit_code;
	struct signal_struct *signal;
	struct files_struct *files;
	struct hlist_node pid_links[4];
	int pagefault_disabled;
	struct task_struct *group_leader;
};

struct task_struct___split {
	struct task_rss_stat rss_stat;
};

struct linux_binprm;

struct bpf_array {
	void *pptrs[0];
};

struct iovec {
	void *iov_base;
	unsigned long iov_len;
};

#if defined(__TARGET_ARCH_arm64)
struct user_pt_regs {
	u64 regs[31];
	u64 sp;
	u64 pc;
	u64 pstate;
};
struct pt_regs {
	u64 regs[31];
	u64 sp;
	u64 pc;
	u64 pstate;
	u64 orig_x0;
};
#else
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di;
	unsigned long orig_ax, ip, cs, flags, sp, ss;
};
#endif

struct bpf_iter_meta {
	u64 seq_num;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

/* Contexts of the classic tracepoints; layout by the field names in tracefs. */
struct trace_entry {
	u16 type;
};

struct trace_event_raw_sys_enter {
	struct trace_entry ent;
	long id;
	unsigned long args[6];
};

struct trace_event_raw_sys_exit {
	struct trace_entry ent;
	long id;
	long ret;
};

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute pop
#endif

/*
 * Classic tracepoints whose structs changed their name between kernels: read by
 * the layout tracefs shows (events/exceptions/page_fault_user/format,
 * events/sched/sched_process_fork/format), 8 bytes of common fields first.
 */
struct tp_exceptions {
	u64 common;
	unsigned long address;
	unsigned long ip;
	unsigned long error_code;
};

struct tp_sched_fork {
	u64 common;
	u32 parent_comm; /* __data_loc */
	pid_t parent_pid;
	u32 child_comm; /* __data_loc */
	pid_t child_pid;
};

/* UAPI (linux/bpf.h): fixed layouts, not relocated. */
struct bpf_raw_tracepoint_args {
	u64 args[0];
};

/* ... and linux/bpf_perf_event.h. */
struct bpf_perf_event_data {
	struct pt_regs regs;
	u64 sample_period;
	u64 addr;
};

#endif /* __VMLINUX_H__ */
