/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * call.bpf.h - the calls that change an address space: range, advice, result,
 * duration, and by how much the RSS counters moved between entry and exit.
 *
 * Rungs: fentry/fexit on the system call functions (no cost to other
 * processes), typed raw_syscalls tracepoints (every system call of every
 * process pays for both), classic tracepoints of the single calls. All end in
 * call_enter() and call_exit().
 */
#ifndef MEMPROF_CALL_BPF_H
#define MEMPROF_CALL_BPF_H

#include "bpf/stack.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MP_INFLIGHT_MAX);
	__type(key, u32); /* tid */
	__type(value, struct mp_inflight);
} inflight SEC(".maps");

/* Remote calls: process_madvise works on the mm of another process. */
#define PIDTYPE_TGID 1 /* include/linux/pid_types.h */

/*
 * The mm behind a pidfd of the caller. A pidfd's struct pid hangs off the file
 * (private_data), or off its inode since cb12fd8e0dab ("pidfd: add pidfs", 6.9).
 */
static __always_inline u64 pidfd_mm(struct task_struct *task, u32 fd)
{
	struct fdtable *fdt = BPF_CORE_READ(task, files, fdt);
	struct file **files = BPF_CORE_READ(fdt, fd);
	struct file *file = NULL;
	struct pid *pid;

	if (fd >= BPF_CORE_READ(fdt, max_fds))
		return 0;
	bpf_probe_read_kernel(&file, sizeof(file), files + fd);
	if (!file)
		return 0;
	pid = BPF_CORE_READ(file, private_data);
	if (!pid)
		pid = BPF_CORE_READ(file, f_inode, i_private);
	struct hlist_node *node = BPF_CORE_READ(pid, tasks[PIDTYPE_TGID].first);

	if (!node)
		return 0;
	return task_mm((void *)node - bpf_core_field_offset(struct task_struct, pid_links) -
		       PIDTYPE_TGID * sizeof(void *) * 2);
}

/* The arguments of the call in the family's terms. `call` is a constant where it matters: a
 * tracepoint may not read arguments that its call does not have. */
static __always_inline void call_args(struct mp_inflight *c, u8 call, const u64 a[6])
{
	c->addr = a[0];
	c->len = a[1];
	switch (call) {
	case MP_CALL_MMAP:
		c->x = MP_MMAP_X(a[2], a[3]);
		break;
	case MP_CALL_MREMAP:
		c->len2 = a[2];
		c->x = a[3];
		break;
	case MP_CALL_BRK:
		c->len = 0;
		c->len2 = c->old_brk;
		break;
	case MP_CALL_MADVISE:
	case MP_CALL_MPROTECT:
		c->x = a[2];
		break;
	case MP_CALL_MLOCKALL:
		c->addr = c->len = 0;
		c->x = a[0];
		break;
	case MP_CALL_SHMAT: /* a segment's id is no address; how long it is nobody says */
		c->addr = a[1];
		c->len = 0;
		c->x = a[2];
		break;
	case MP_CALL_SHMDT:
		c->len = 0;
		break;
	default:
		break;
	}
}

/*
 * The counters belong to the whole mm: a call's delta is its own only if no other
 * thread of the mm was in a watched call or took a fault meanwhile. A CPU's run
 * slot keeps the thread and time of the last fault there, as exact as a jiffy.
 */

static __always_inline bool others_faulted(u32 id, u32 tid, u64 since)
{
	for (u32 i = 0; i < cfg_ncpu && i < MP_CPUS_MAX; i++) {
		const struct mp_run *r = &shared.runs[i];

		if (r->mm == id && r->tid != tid && r->last_ts + MP_JIFFY_NS >= since)
			return true;
	}
	return false;
}

/* `sp`: the user stack pointer, 0 where the rung does not show it. */
static __always_inline void call_enter(u8 call, const u64 a[6], u64 sp)
{
	u64 mm = current_mm(), mm2 = mm;

	if (call == MP_CALL_PROCESS_MADVISE)
		mm2 = pidfd_mm(current_task(), a[0]);

	struct mp_target *t = target_of(mm2);

	if (!t)
		return;

	struct mp_inflight c = { .call = call, .mm = mm2, .sp = sp };
	u32 tid = (u32)bpf_get_current_pid_tgid();

	if (mm2 != mm)
		c.flags |= MP_CALL_REMOTE;
	if (call == MP_CALL_BRK)
		c.old_brk = BPF_CORE_READ((struct mm_struct *)mm, brk);
	if (call == MP_CALL_PROCESS_MADVISE) {
		c.addr = a[1]; /* the iovec array, read at exit */
		c.len2 = a[2];
		c.x = a[3];
	} else {
		call_args(&c, call, a);
	}
	/* Added and read in two steps (new_id() says why): two that come at once may
	 * read the same numbers, and then both see that they are not alone. */
	__sync_fetch_and_add(&t->active, 1);
	__sync_fetch_and_add(&t->seq, 1);
	c.seq = *(volatile u32 *)&t->seq;
	if (*(volatile u32 *)&t->active != 1)
		c.flags |= MP_CALL_SHARED;
	if (!rss_read(mm2, c.rss))
		c.flags |= MP_CALL_NO_DELTA;
	c.ts = bpf_ktime_get_ns();
	__sync_fetch_and_add(&shared.epoch, 1);
	if (bpf_map_update_elem(&inflight, &tid, &c, BPF_ANY)) {
		__sync_fetch_and_add(&t->active, -1);
		lose(MP_LOSS_INFLIGHT, 1, 0);
	}
}

static __always_inline void call_send(const struct mp_inflight *c, u32 id, u32 tid, s64 ret,
				      const s64 rss[4], u64 now)
{
	struct mp_event *e = event_new(MP_EV_CALL, now, id, tid, 0);

	if (!e)
		return;
	e->sub = c->call;
	e->flags = c->flags;
	e->x = c->x;
	e->call.addr = c->addr;
	e->call.len = c->len;
	e->call.len2 = c->len2;
	e->call.ret = ret;
	e->call.dur = now - c->ts;
	if (!(c->flags & MP_CALL_NO_DELTA)) {
		e->call.d_file = rss[0] - c->rss[0];
		e->call.d_anon = rss[1] - c->rss[1];
		e->call.d_swap = rss[2] - c->rss[2];
		e->call.d_shmem = rss[3] - c->rss[3];
	}
	/* The kernel returns an address or a small negative number. brk never
	 * fails that way: it returns the old break. */
	if (c->call == MP_CALL_BRK ? (c->addr && (u64)ret != c->addr) : (u64)ret > -4096ULL)
		e->flags |= MP_CALL_FAILED;
	event_send(e);
}

/* process_madvise: one event per range; the change in RSS goes to the first. */
#define IOV_MAX_EVENTS 16
static __always_inline void iov_send(struct mp_inflight *c, u32 id, u32 tid, s64 ret,
				     const s64 rss[4], u64 now)
{
	u64 iov = c->addr, n = c->len2;

	c->len2 = 0;
	for (u32 i = 0; i < IOV_MAX_EVENTS && i < n; i++) {
		struct iovec v = {};

		if (bpf_probe_read_user(&v, sizeof(v), (void *)(iov + i * sizeof(v))))
			break;
		c->addr = (u64)v.iov_base;
		c->len = v.iov_len;
		call_send(c, id, tid, ret, rss, now);
		for (int k = 0; k < 4; k++)
			c->rss[k] = rss[k];
	}
	if (n > IOV_MAX_EVENTS)
		lose(MP_LOSS_INFLIGHT, n - IOV_MAX_EVENTS, 0);
}

static __always_inline void call_exit(void *ctx, s64 ret)
{
	u32 tid = (u32)bpf_get_current_pid_tgid();
	struct mp_inflight *p = bpf_map_lookup_elem(&inflight, &tid);

	if (!p)
		return;
	struct mp_inflight c = *p;
	struct mp_target *t = target_of(c.mm);
	s64 rss[4] = {};

	bpf_map_delete_elem(&inflight, &tid);
	__sync_fetch_and_add(&shared.epoch, 1);
	if (!t)
		return;
	u64 now = bpf_ktime_get_ns();

	__sync_fetch_and_add(&t->active, -1);
	if (t->seq != c.seq)
		c.flags |= MP_CALL_SHARED;
	if (others_faulted(t->id, tid, c.ts))
		c.flags |= MP_CALL_FAULTED;
	bool known = !(c.flags & MP_CALL_NO_DELTA) && rss_read(c.mm, rss);
	/* mprotect neither takes nor gives, and allocators call it all the time */
	u32 stack = 0;

	/* nor is another process's stack a place in the target */
	if (c.call != MP_CALL_MPROTECT && !(c.flags & MP_CALL_REMOTE))
		stack = stack_take(ctx, STACK_OF_CALL, c.sp, now, t);

	if (stack)
		site_event(MP_SITE_CALL, stack, now, t->id, tid, 0, 0);

	if (c.call == MP_CALL_PROCESS_MADVISE)
		iov_send(&c, t->id, tid, ret, rss, now);
	else
		call_send(&c, t->id, tid, ret, rss, now);
	if (known && (rss[0] != c.rss[0] || rss[1] != c.rss[1] || rss[3] != c.rss[3]))
		rss_event(t, rss, rss_slack(c.mm), now);
}

/* System call numbers of the watched calls. */
#if defined(__TARGET_ARCH_arm64)
enum {
	NR_mmap = 222,
	NR_mprotect = 226,
	NR_munmap = 215,
	NR_brk = 214,
	NR_mremap = 216,
	NR_madvise = 233,
	NR_process_madvise = 440,
	NR_exit_group = 94,
	NR_mlock = 228,
	NR_mlock2 = 284,
	NR_mlockall = 230,
	NR_shmat = 196,
	NR_shmdt = 197,
	NR_remap_file_pages = 234
};
#else
enum {
	NR_mmap = 9,
	NR_mprotect = 10,
	NR_munmap = 11,
	NR_brk = 12,
	NR_mremap = 25,
	NR_madvise = 28,
	NR_process_madvise = 440,
	NR_exit_group = 231,
	NR_mlock = 149,
	NR_mlock2 = 325,
	NR_mlockall = 151,
	NR_shmat = 30,
	NR_shmdt = 67,
	NR_remap_file_pages = 216
};
#define USER32_CS 0x23 /* __USER32_CS: numbers mean other calls there */
#endif

static __always_inline u8 call_of_nr(long nr)
{
	switch (nr) {
	case NR_mmap:
		return MP_CALL_MMAP;
	case NR_munmap:
		return MP_CALL_MUNMAP;
	case NR_mremap:
		return MP_CALL_MREMAP;
	case NR_brk:
		return MP_CALL_BRK;
	case NR_madvise:
		return MP_CALL_MADVISE;
	case NR_process_madvise:
		return MP_CALL_PROCESS_MADVISE;
	case NR_mprotect:
		return MP_CALL_MPROTECT;
	case NR_mlock:
	case NR_mlock2:
		return MP_CALL_MLOCK;
	case NR_mlockall:
		return MP_CALL_MLOCKALL;
	case NR_shmat:
		return MP_CALL_SHMAT;
	case NR_shmdt:
		return MP_CALL_SHMDT;
	case NR_remap_file_pages:
		return MP_CALL_REMAP_FILE;
	default:
		return 0;
	}
}

static __always_inline void regs_args(const struct pt_regs *regs, u64 a[6])
{
	a[0] = PT_REGS_PARM1_CORE_SYSCALL(regs);
	a[1] = PT_REGS_PARM2_CORE_SYSCALL(regs);
	a[2] = PT_REGS_PARM3_CORE_SYSCALL(regs);
	a[3] = PT_REGS_PARM4_CORE_SYSCALL(regs);
}

static __always_inline void regs_enter(u8 call, const struct pt_regs *regs)
{
	u64 a[6] = {};

	regs_args(regs, a);
	call_enter(call, a, PT_REGS_SP_CORE(regs));
}

/* The last figure before an exit tears the mm down. */
static __always_inline void exit_enter(void)
{
	u64 mm = current_mm();
	struct mp_target *t = target_of(mm);
	s64 rss[4];

	if (t && rss_read(mm, rss))
		rss_event(t, rss, rss_slack(mm), bpf_ktime_get_ns());
}

/* --- rung tp_btf: raw_syscalls ------------------------------------------------ */

SEC("tp_btf/sys_enter")
int BPF_PROG(sys_enter_btf, struct pt_regs *regs, long id)
{
	u8 call = call_of_nr(id);

	if (!call) {
		if (id == NR_exit_group)
			exit_enter();
		return 0;
	}
#ifdef USER32_CS
	if (regs->cs == USER32_CS) {
		if (target_of(current_mm()))
			lose(MP_LOSS_COMPAT, 1, 0);
		return 0;
	}
#endif
	regs_enter(call, regs);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit_btf, struct pt_regs *regs, long ret)
{
#if defined(__TARGET_ARCH_arm64)
	call_exit(ctx, ret);
#else
	if (call_of_nr(regs->orig_ax))
		call_exit(ctx, ret);
#endif
	return 0;
}

/* --- rungs fentry and tracepoint: one pair a call ----------------------------- */

#if defined(__TARGET_ARCH_arm64)
#define SYSCALL_FN(name) "__arm64_sys_" #name
#else
#define SYSCALL_FN(name) "__x64_sys_" #name
#endif

/*
 * Where the kernel's types only name struct pt_regs at some of these functions (5.10:
 * mremap), the verifier refuses their argument. It is the frame at the top of the
 * task's stack, which no such kernel pads. Its types do not tell how long the stack is.
 */
#define KERNEL_STACK 16384 /* THREAD_SIZE without KASAN */
static __always_inline const struct pt_regs *call_regs(unsigned long long *ctx)
{
	if (cfg_regs_hidden)
		return (const struct pt_regs *)((u64)BPF_CORE_READ(current_task(), stack) +
						KERNEL_STACK) -
		       1;
	return (const struct pt_regs *)ctx[0];
}

#define CALL_PROBES(name, call)                                                        \
	SEC("fentry/" SYSCALL_FN(name))                                                \
	int name##_fentry(unsigned long long *ctx)                                     \
	{                                                                              \
		regs_enter(call, call_regs(ctx));                                      \
		return 0;                                                              \
	}                                                                              \
	SEC("fexit/" SYSCALL_FN(name))                                                 \
	int BPF_PROG(name##_fexit, const struct pt_regs *regs, long ret)               \
	{                                                                              \
		call_exit(ctx, ret);                                                   \
		return 0;                                                              \
	}                                                                              \
	SEC("tracepoint/syscalls/sys_enter_" #name)                                    \
	int name##_enter_tp(struct trace_event_raw_sys_enter *ctx)                     \
	{                                                                              \
		u64 a[6] = { ctx->args[0], ctx->args[1], ctx->args[2], ctx->args[3] }; \
		call_enter(call, a, 0);                                                \
		return 0;                                                              \
	}                                                                              \
	SEC("tracepoint/syscalls/sys_exit_" #name)                                     \
	int name##_exit_tp(struct trace_event_raw_sys_exit *ctx)                       \
	{                                                                              \
		call_exit(ctx, ctx->ret);                                              \
		return 0;                                                              \
	}

CALL_PROBES(mmap, MP_CALL_MMAP)
CALL_PROBES(munmap, MP_CALL_MUNMAP)
CALL_PROBES(mremap, MP_CALL_MREMAP)
CALL_PROBES(brk, MP_CALL_BRK)
CALL_PROBES(madvise, MP_CALL_MADVISE)
CALL_PROBES(process_madvise, MP_CALL_PROCESS_MADVISE)
CALL_PROBES(mprotect, MP_CALL_MPROTECT)
CALL_PROBES(mlock, MP_CALL_MLOCK)
CALL_PROBES(mlock2, MP_CALL_MLOCK)
CALL_PROBES(mlockall, MP_CALL_MLOCKALL)
CALL_PROBES(shmat, MP_CALL_SHMAT)
CALL_PROBES(shmdt, MP_CALL_SHMDT)
CALL_PROBES(remap_file_pages, MP_CALL_REMAP_FILE)

#endif /* MEMPROF_CALL_BPF_H */
