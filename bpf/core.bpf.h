/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * core.bpf.h - what every probe shares: configuration, the table of targets,
 * the ring, losses by cause, the RSS counters of an mm.
 *
 * Identity is the mm, not the pid: threads share it, exec replaces it, and
 * others (khugepaged, a forking parent) change it from outside.
 */
#ifndef MEMPROF_CORE_BPF_H
#define MEMPROF_CORE_BPF_H

#include "bpf/vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "bpf/events.h"
#include "bpf/shared.h"

/* Set before load, constant afterwards: the verifier prunes on them. */
const volatile __u32 cfg_ncpu = 1; /* possible CPUs                    */
const volatile __u8 cfg_follow_forks = 0;
const volatile __u8 cfg_have_exit_mmap = 0;   /* else an mm ends with its process */
const volatile __u8 cfg_regs_hidden = 0;      /* call_regs() in call.bpf.h */
const volatile __u64 cfg_rss_every = 5000000; /* ns between RSS events of faults */
const volatile __u32 cfg_ring_wake = 1 << 20; /* bytes waiting that wake the reader */

/* Shared with user space through the mapped .bss. */
struct mp_shared shared;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MP_TARGETS_MAX);
	__type(key, u64); /* struct mm_struct * */
	__type(value, struct mp_target);
} targets SEC(".maps");

/* tgid -> mm id and what to do at exec; how a new mm of a known process is
 * recognised when the old one is already gone. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MP_TARGETS_MAX);
	__type(key, u32);
	__type(value, struct mp_watch);
} watched SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 << 20); /* resized before load */
} ring SEC(".maps");

/*
 * Where each CPU's area lies (__per_cpu_offset) is not exported, and kernels
 * without CONFIG_KALLSYMS_ALL hide its address. But a per-CPU array has both ends
 * of the sum: its element's per-CPU address in struct bpf_array, and the same
 * element as this CPU sees it. learn_cpu() runs once on each CPU.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} yardstick SEC(".maps");

SEC("raw_tp")
int learn_cpu(void *ctx)
{
	u32 cpu = bpf_get_smp_processor_id(), zero = 0;
	u64 *here = bpf_map_lookup_elem(&yardstick, &zero);
	u64 pptr = 0;

	if (!here || cpu >= MP_CPUS_MAX)
		return 1;
	/* The detour over memory makes numbers of the two addresses. */
	shared.scratch[0] = (u64)&yardstick;
	shared.scratch[1] = (u64)here;
	barrier();
	bpf_probe_read_kernel(&pptr, sizeof(pptr),
			      (void *)(*(volatile u64 *)&shared.scratch[0] +
				       bpf_core_field_offset(struct bpf_array, pptrs)));
	shared.cpu_off[cpu] = *(volatile u64 *)&shared.scratch[1] - pptr;
	return 0;
}

static __always_inline void lose(u32 cause, u64 events, u64 faults)
{
	if (cause < MP_LOSS_MAX) {
		__sync_fetch_and_add(&shared.lost[cause], events);
		if (faults)
			__sync_fetch_and_add(&shared.lost_faults[cause], faults);
	}
}

static __always_inline u64 wake_flags(void)
{
	return bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) > cfg_ring_wake ? BPF_RB_FORCE_WAKEUP
									   : BPF_RB_NO_WAKEUP;
}

/* Reserves a zeroed event, or counts the loss (`faults` of them) by cause. */
static __always_inline struct mp_event *event_new(u16 type, u64 ts, u32 mm, u32 tid, u64 faults)
{
	struct mp_event *e = bpf_ringbuf_reserve(&ring, sizeof(*e), 0);

	if (!e) {
		lose(MP_LOSS_RING_FULL, 1, faults);
		return NULL;
	}
	__builtin_memset(e, 0, sizeof(*e));
	e->ts = ts;
	e->type = type;
	e->mm = mm;
	e->tid = tid;
	return e;
}

static __always_inline void event_send(struct mp_event *e)
{
	bpf_ringbuf_submit(e, wake_flags());
}

static __always_inline struct task_struct *current_task(void)
{
	return (struct task_struct *)bpf_get_current_task();
}

static __always_inline u64 task_mm(struct task_struct *t)
{
	return (u64)BPF_CORE_READ(t, mm);
}

/* bpf_get_current_task_btf (5.11) gives a pointer that can be followed without a
 * helper call, which is a quarter of what a fault's probe costs. */
static __always_inline bool have_task_btf(void)
{
	return bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf);
}

static __always_inline u64 current_mm(void)
{
	if (have_task_btf())
		return (u64)bpf_get_current_task_btf()->mm;
	return task_mm(current_task());
}

static __always_inline struct mp_target *target_find(u64 mm)
{
	return bpf_map_lookup_elem(&targets, &mm);
}

/*
 * The next mm id. Atomic operations that give back the old value came with 5.12
 * (5ca419f2864a, "bpf: Add BPF_FETCH field / create atomic_fetch_add instruction"),
 * so each CPU has ids of its own. Forks and execs run here with preemption off.
 */
static __always_inline u32 new_id(void)
{
	u32 cpu = bpf_get_smp_processor_id();

	if (cpu >= cfg_ncpu) /* never; the verifier and a CPU beyond the map's bound */
		cpu = 0;
	return shared.runs[cpu & (MP_CPUS_MAX - 1)].ids++ * cfg_ncpu + cpu + 1;
}

/* The target an mm belongs to, or NULL. */
static __always_inline struct mp_target *target_of(u64 mm)
{
	u64 only = shared.only_mm;

	if (!mm || (only && mm != only))
		return NULL;
	return target_find(mm);
}

/* Does a collection of t run? One that began long ago has ended unseen. */
static __always_inline bool collecting(const struct mp_target *t)
{
	return (s32)t->collecting > 0 &&
	       bpf_ktime_get_ns() - t->collecting_ts < MP_COLLECTING_NS;
}

/* What t counts as running collections is not counted of all targets any more. */
static __always_inline void collecting_forget(const struct mp_target *t)
{
	if (t && t->collecting) /* it ended inside a collection: V8 out of its limit does */
		__sync_fetch_and_add(&shared.collecting, -(s32)t->collecting);
}

/* A new target, of the same image as another (fork) or one of its own (0). */
static __always_inline u32 target_add(u64 mm, u32 tgid, u32 image)
{
	struct mp_target t = { .id = new_id(), .tgid = tgid };
	bool first = !*(volatile u32 *)&shared.n_targets;

	t.image = image ? image : t.id;
	/* Of an mm whose end was missed something may be left. */
	collecting_forget(shared.collecting ? target_find(mm) : NULL);
	if (bpf_map_update_elem(&targets, &mm, &t, BPF_ANY)) {
		lose(MP_LOSS_TARGETS, 1, 0);
		return 0;
	}
	/* A second target switches the short cut off before it can be missed: of two at once the
	 * one that counts itself last finds both, and what the other noted is there by then. */
	if (first) {
		shared.only_id = t.id;
		shared.only_mm = mm;
	}
	__sync_fetch_and_add(&shared.n_targets, 1);
	if (!first || *(volatile u32 *)&shared.n_targets != 1)
		shared.only_mm = 0;
	return t.id;
}

/* The mm is gone, or about to go: its struct may soon be another process's. */
static __always_inline void target_forget(u64 mm)
{
	collecting_forget(shared.collecting ? target_find(mm) : NULL);
	bpf_map_delete_elem(&targets, &mm);
	if (mm == shared.only_mm) {
		shared.only_mm = 0;
		__sync_fetch_and_add(&shared.n_targets, -1); /* another may just come */
	}
}

/* The same for who knows it from earlier: an mm that was given up meanwhile may be the struct of
 * another target by now. */
static __always_inline void target_forget_id(u64 mm, u32 id)
{
	const struct mp_target *t = mm ? target_find(mm) : NULL;

	if (t && t->id == id)
		target_forget(mm);
}

/* --- RSS counters ------------------------------------------------------------ */

static __always_inline s64 percpu_sum(s64 count, s32 *per_cpu)
{
	for (u32 i = 0; i < cfg_ncpu && i < MP_CPUS_MAX; i++) {
		u64 off = shared.cpu_off[i];
		s32 v = 0;

		/* An offline CPU's part was folded in (percpu_counter_cpu_dead). */
		if (off && !bpf_probe_read_kernel(&v, sizeof(v), (void *)per_cpu + off))
			count += v;
	}
	return count;
}

/* Up to 6.1 a thread counts its own faults and hands them over after some 64. */
static __always_inline bool rss_is_split(void)
{
	return bpf_core_type_exists(struct mm_rss_stat);
}

/* A thread hands over at its 65th fault, and one fault maps 16 pages of a file at most
 * (fault_around_bytes); bigger ones are counted at once. */
#define HELD_BACK_MAX (65 * 16)

/* Pages by which rss_read() may be off, all kinds together; 0: exact. */
static __always_inline u64 rss_slack(u64 mm)
{
	int users = 0;

	if (!rss_is_split())
		return 0;
	bpf_probe_read_kernel(&users, sizeof(users),
			      (void *)(mm + bpf_core_field_offset(struct mm_struct, mm_users)));
	if (task_mm(current_task()) == mm)
		users--;
	return users > 0 ? (u64)users * HELD_BACK_MAX : 0;
}

static __always_inline s64 rss_count(u64 mm, int i)
{
	s64 v = 0;

	bpf_probe_read_kernel(
		&v, sizeof(v),
		(void *)(mm + bpf_core_field_offset(struct mm_struct___split, rss_stat.count) +
			 i * sizeof(v)));
	return v;
}

/* What one thread holds back. */
static __always_inline s64 rss_held(struct task_struct *t, int i)
{
	int v = 0;

	if (!bpf_core_field_exists(struct task_struct___split, rss_stat))
		return 0;
	bpf_probe_read_kernel(
		&v, sizeof(v),
		(void *)((u64)t +
			 bpf_core_field_offset(struct task_struct___split, rss_stat.count) +
			 i * sizeof(v)));
	return v;
}

/*
 * Reads the counters of an mm in pages: [0] file, [1] anon, [2] swap, [3] shmem
 * (MM_FILEPAGES ... in linux/mm_types_task.h). False where this kernel hides
 * them. Exact from 6.2 (per-CPU parts summed). Up to 6.1 the calling thread's own
 * are added, so a call's delta is exact for it, and rss_slack() is what others may
 * hold back.
 */
static __always_inline bool rss_read_split(u64 mm, s64 out[4])
{
	struct task_struct *t = current_task();
	bool own = task_mm(t) == mm;

	for (int i = 0; i < 4; i++)
		out[i] = rss_count(mm, i) + (own ? rss_held(t, i) : 0);
	return true;
}

/* The stride is the kernel's: its percpu_counter has more than our two fields,
 * so an array index in C would miss. */
static __always_inline bool rss_read(u64 mm, s64 out[4])
{
	if (rss_is_split())
		return rss_read_split(mm, out);
	if (!shared.cpus_known)
		return false;
	u64 c = mm + bpf_core_field_offset(struct mm_struct, rss_stat);

	for (int i = 0; i < 4; i++) {
		s64 count = 0;
		s32 *per_cpu = NULL;

		bpf_probe_read_kernel(
			&count, sizeof(count),
			(void *)(c + bpf_core_field_offset(struct percpu_counter, count)));
		bpf_probe_read_kernel(
			&per_cpu, sizeof(per_cpu),
			(void *)(c + bpf_core_field_offset(struct percpu_counter, counters)));
		out[i] = percpu_sum(count, per_cpu);
		c += bpf_core_type_size(struct percpu_counter);
	}
	return true;
}

static __always_inline u64 not_negative(s64 v)
{
	return v > 0 ? v : 0;
}

/* Is it torn down already (exit_mmap)? Its counters then count down to nothing: that
 * is no figure of the process any more. */
static __always_inline bool mm_dying(u64 mm)
{
	return BPF_CORE_READ((struct mm_struct *)mm, mm_users.counter) == 0;
}

static __always_inline void rss_event(struct mp_target *t, const s64 rss[4], u64 slack, u64 now)
{
	struct mp_event *e = event_new(MP_EV_RSS, now, t->id, 0, 0);

	if (!e)
		return;
	e->sub = MP_RSS_KERNEL;
	e->rss.file = not_negative(rss[0]);
	e->rss.anon = not_negative(rss[1]);
	e->rss.swap = not_negative(rss[2]);
	e->rss.shmem = not_negative(rss[3]);
	e->rss.lazyfree = MP_UNKNOWN;
	e->rss.hugetlb = MP_UNKNOWN;
	e->rss.slack = slack;
	t->rss_ts = now;
	event_send(e);
}

#endif /* MEMPROF_CORE_BPF_H */
