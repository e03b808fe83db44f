/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * task.bpf.h - the life of a target: fork, exec, exit, the end of its mm, and
 * the iterator that finds the mm of a running process.
 */
#ifndef MEMPROF_TASK_BPF_H
#define MEMPROF_TASK_BPF_H

#include "bpf/rules.bpf.h"

static __always_inline void task_event(u8 op, u32 mm, u32 tid, u64 a, u64 b)
{
	struct mp_event *e = event_new(MP_EV_TASK, bpf_ktime_get_ns(), mm, tid, 0);

	if (!e)
		return;
	e->sub = op;
	e->task.a = a;
	e->task.b = b;
	event_send(e);
}

static __always_inline void on_fork(struct task_struct *parent, struct task_struct *child)
{
	u64 mm = task_mm(parent), child_mm = task_mm(child);
	struct mp_target *t = target_of(mm);
	u32 tgid, id = 0;

	if (!t)
		return;
	tgid = BPF_CORE_READ(child, tgid);
	if (tgid == (u32)BPF_CORE_READ(parent, tgid)) {
		task_event(MP_TASK_THREAD, t->id, BPF_CORE_READ(parent, pid),
			   BPF_CORE_READ(child, pid), 0);
		return;
	}
	if (cfg_follow_forks) {
		struct mp_watch w = { .parent = t->id };

		/* vfork and posix_spawn borrow the parent's mm until they exec */
		if (child_mm != mm) {
			w.mm = child_mm;
			w.mm_id = id = target_add(child_mm, tgid, t->image);
		}
		if (bpf_map_update_elem(&watched, &tgid, &w, BPF_ANY))
			lose(MP_LOSS_TARGETS, 1, 0);
	}
	task_event(MP_TASK_FORK, t->id, BPF_CORE_READ(parent, pid), tgid, id);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(fork_btf, struct task_struct *parent, struct task_struct *child)
{
	on_fork(parent, child);
	return 0;
}

/* The classic tracepoint carries numbers only: a child cannot be followed. */
SEC("tracepoint/sched/sched_process_fork")
int fork_tp(struct tp_sched_fork *ctx)
{
	u64 mm = current_mm();
	struct mp_target *t = target_of(mm);

	if (t)
		task_event(MP_TASK_FORK, t->id, (u32)bpf_get_current_pid_tgid(), ctx->child_pid, 0);
	return 0;
}

/* The name goes with the event: a short-lived process is gone before anybody
 * could look it up. For user space alone: x is the parent's mm id, c the rules that took it. */
static __always_inline void exec_event(u32 id, u32 tgid, u32 old, u32 parent, u64 rules)
{
	struct mp_event *e = event_new(MP_EV_TASK, bpf_ktime_get_ns(), id, tgid, 0);

	if (!e)
		return;
	e->sub = MP_TASK_EXEC;
	e->task.a = old;
	e->task.b = tgid;
	e->task.c = rules;
	e->x = parent;
	bpf_get_current_comm(e->task.rsvd, MP_TASK_COMM_LEN);
	event_send(e);
}

/* A process that nobody watched has called exec, and a rule may want it. */
static __always_inline int on_new(u32 tgid, u64 mm, u64 rules)
{
	struct mp_watch w = { .mm = mm };

	w.mm_id = target_add(mm, tgid, 0);
	if (!w.mm_id)
		return 0;
	if (bpf_map_update_elem(&watched, &tgid, &w, BPF_ANY)) {
		lose(MP_LOSS_TARGETS, 1, 0);
		target_forget(mm);
		return 0;
	}
	exec_event(w.mm_id, tgid, 0, 0, rules);
	return 0;
}

/* exec: the process is known by its tgid, its new mm is current's. The rules are asked of a child
 * of a target, too: user space may not want it for its parent's sake, and it may have ended when
 * that is asked. */
static __always_inline int on_exec(void)
{
	struct task_struct *task = current_task();
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct mp_watch *w = bpf_map_lookup_elem(&watched, &tgid);
	u64 mm = task_mm(task), rules = rules_take(task);
	u32 old, id;

	if (!w)
		return rules ? on_new(tgid, mm, rules) : 0;
	old = w->mm_id;
	target_forget_id(w->mm, old);
	id = target_add(mm, tgid, 0);
	w->mm_id = id;
	w->mm = mm;
	if (id)
		exec_event(id, tgid, old, w->parent, rules);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(exec_btf, struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm)
{
	return on_exec();
}

SEC("tracepoint/sched/sched_process_exec")
int exec_tp(void *ctx)
{
	return on_exec();
}

/* The last figures of a process that a signal ends: where the tracepoint comes before
 * the mm is given up (6.16). */
static __always_inline void last_rss(u64 mm)
{
	struct mp_target *t = target_of(mm);
	s64 rss[4];

	if (t && !mm_dying(mm) && rss_read(mm, rss))
		rss_event(t, rss, rss_slack(mm), bpf_ktime_get_ns());
}

/* The last thread of a watched process goes. Its mm may be gone already. */
static __always_inline int on_exit(void)
{
	struct task_struct *task = current_task();
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct mp_watch *w = bpf_map_lookup_elem(&watched, &tgid);

	if (!w || BPF_CORE_READ(task, signal, live.counter) != 0)
		return 0;
	last_rss(task_mm(task));
	if (w->mm_id)
		task_event(MP_TASK_EXIT, w->mm_id, (u32)bpf_get_current_pid_tgid(),
			   (u32)BPF_CORE_READ(task, exit_code), tgid);
	if (!cfg_have_exit_mmap)
		target_forget_id(w->mm, w->mm_id);
	bpf_map_delete_elem(&watched, &tgid);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(exit_btf, struct task_struct *p)
{
	return on_exit();
}

SEC("tracepoint/sched/sched_process_exit")
int exit_tp(void *ctx)
{
	return on_exit();
}

/* Which control group of memory a task is in: the inode of the group's folder, 0 = none. */
static __always_inline u64 memory_group(struct task_struct *task)
{
	struct cgroup_subsys_state *css = NULL;
	u64 set = (u64)BPF_CORE_READ(task, cgroups);

	if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id))
		return 0;
	bpf_probe_read_kernel(
		&css, sizeof(css),
		(void *)(set + bpf_core_field_offset(struct css_set, subsys) +
			 bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id) * sizeof(css)));
	return BPF_CORE_READ(css, cgroup, kn, id);
}

/*
 * Memory ran out and the kernel has chosen whom it kills. The tracepoint told a tid until
 * 6.7 and tells the task since 6.8 ("mm/oom_kill: trace more information"): no tid is
 * above 32 bits, and no address below. Before 6.8 the tid is taken for that of the first
 * thread; user space finds whose it is otherwise, and the group is that of whoever asked for
 * memory, which is in the one that ran out. By the group user space knows whether a process
 * that is not watched is beside one that is.
 */
SEC("raw_tp/mark_victim")
int oom_victim(struct bpf_raw_tracepoint_args *ctx)
{
	u64 victim = ctx->args[0];
	struct task_struct *task = victim >> 32 ? (struct task_struct *)victim : current_task();
	u32 tgid = victim >> 32 ? (u32)BPF_CORE_READ(task, tgid) : (u32)victim;
	struct mp_watch *w = bpf_map_lookup_elem(&watched, &tgid);

	if (w)
		last_rss(w->mm);
	task_event(MP_TASK_OOM, w ? w->mm_id : 0, 0, tgid, w ? 0 : memory_group(task));
	return 0;
}

/* The address space is gone (tracepoint since 5.18). From here its struct may
 * be used for another process: forget it. */
SEC("tp_btf/exit_mmap")
int BPF_PROG(exit_mmap_btf, struct mm_struct *mm)
{
	u64 key = (u64)mm;
	struct mp_target *t = target_of(key);

	if (!t)
		return 0;
	task_event(MP_TASK_MM_EXIT, t->id, (u32)bpf_get_current_pid_tgid(), 0, 0);
	target_forget(key);
	return 0;
}

/* A child of vfork or posix_spawn has its parent's mm until it calls exec. */
static __always_inline bool is_borrowed(const struct mp_target *t, u64 mm)
{
	u32 owner = t->tgid;
	const struct mp_watch *w = bpf_map_lookup_elem(&watched, &owner);

	return w && w->mm == mm;
}

/* Makes the process shared.attach_tgid a target. */
SEC("iter/task")
int find_mm(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	u32 tgid = shared.attach_tgid;
	struct mp_watch w = {};
	struct mp_target *t;
	u64 mm;

	if (!task || (u32)BPF_CORE_READ(task, tgid) != tgid || shared.attach_found)
		return 0;
	mm = task_mm(task);
	if (!mm) /* a kernel thread, or a thread that is gone half way */
		return 0;
	t = target_find(mm);
	if (t && t->tgid == tgid) { /* a rule has just taken it */
		shared.attach_found = t->id;
		return 0;
	}
	if (t && is_borrowed(t, mm)) {
		shared.attach_borrowed = 1;
		return 0;
	}
	w.mm = mm;
	w.mm_id = target_add(mm, tgid, 0);
	if (!w.mm_id)
		return 0;
	bpf_map_update_elem(&watched, &tgid, &w, BPF_ANY);
	shared.attach_found = w.mm_id;
	return 0;
}

/* Ends the watching of the process shared.attach_tgid, if its address space is still
 * shared.attach_mm: what exec put in its place is judged by itself. Returns 1 if it was. */
SEC("raw_tp")
int forget_target(void *ctx)
{
	u32 tgid = shared.attach_tgid;
	struct mp_watch *w = bpf_map_lookup_elem(&watched, &tgid);

	if (!w || w->mm_id != shared.attach_mm)
		return 0;
	target_forget_id(w->mm, w->mm_id);
	bpf_map_delete_elem(&watched, &tgid);
	return 1;
}

/*
 * Up to 6.1: adds up the counters of each target and what each of its threads holds
 * back. A thread that hands over meanwhile moves the counters of the mm: the sum then
 * says how far off it may be.
 */
SEC("iter/task")
int sum_rss(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	u32 gen = shared.sum_gen;
	struct mp_target *t;
	u64 mm;

	if (!task || !rss_is_split())
		return 0;
	mm = task_mm(task);
	t = target_of(mm);
	if (!t)
		return 0;
	for (int i = 0; i < 4 && t->sum_gen != gen; i++) {
		t->base[i] = rss_count(mm, i);
		t->held[i] = 0;
		t->slack = 0;
	}
	t->sum_gen = gen;
	for (int i = 0; i < 4; i++) {
		t->held[i] += rss_held(task, i);
		if (rss_count(mm, i) != t->base[i])
			t->slack = rss_slack(mm);
	}
	return 0;
}

static long sum_one(void *map, const u64 *mm, struct mp_target *t, void *ctx)
{
	if (!rss_read(*mm, t->base))
		return 1;
	for (int i = 0; i < 4; i++)
		t->held[i] = 0;
	t->slack = 0;
	t->sum_gen = shared.sum_gen;
	return 0;
}

/*
 * The same from 6.2 on, where the counters are per CPU: exact, while what /proc shows
 * was the approximate value until 82241a83cd15 ("mm: fix the inaccurate memory
 * statistics issue for users", 6.16).
 */
SEC("raw_tp")
int sum_counters(void *ctx)
{
	bpf_for_each_map_elem(&targets, sum_one, NULL, 0);
	return 0;
}

#endif /* MEMPROF_TASK_BPF_H */
