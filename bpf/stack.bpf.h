/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * stack.bpf.h - user stacks, and which faults get one.
 *
 * Owns: the table of stacks seen, the sampler. A stack's frames go to user space
 * once, when it is first seen; after that it is a number.
 *
 * Faults are sampled page by page: each fault has the same chance of 1 in
 * cfg_sample, whatever came before it, so weights of cfg_sample add up without
 * bias. The gap to the next one is drawn when one was taken (a geometric
 * distribution), so that the faults between pay a decrement only. Calls are not
 * sampled: each takes its stack.
 */
#ifndef MEMPROF_STACK_BPF_H
#define MEMPROF_STACK_BPF_H

#include "bpf/core.bpf.h"

const volatile __u32 cfg_sample = 0;	/* pages a sample stands for, 0 = no stacks */
const volatile __u32 cfg_gap_scale = 0; /* of sample_gap(), 16.16                   */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MP_STACKS_MAX);
	__type(key, u64); /* hash of the frames */
	__type(value, u32);
} stacks SEC(".maps");

/* One for probes of faults and one for those of calls. */
enum { STACK_OF_FAULT = 0, STACK_OF_CALL = 1 };
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, u32);
	__type(value, struct mp_raw_stack);
} stack_buf SEC(".maps");

/* So many first stacks of a target wake the reader, which looks what is mapped: what
 * runs for some milliseconds only is gone by its next tick. */
#define WAKING_STACKS 64

/* Steps of a 64-bit multiplicative hash; two stacks of one session that meet in
 * it would be taken for one: 16384 of them do with a chance of 1 in 10^11. */
static __always_inline u64 stack_hash(const struct mp_raw_stack *r, u32 n, u32 image)
{
	u64 h = n ^ (u64)image << 32; /* other code may lie at the same addresses */

	for (u32 i = 0; i < MP_RAW_STACK_MAX && i < n; i++) {
		h = (h ^ r->ip[i]) * 0x9e3779b97f4a7c15ULL;
		h ^= h >> 32;
	}
	return h;
}

/*
 * Its frames go out before its number can be found, or another CPU's site could refer
 * to what nobody was told. Two CPUs may tell the same stack; one number is found.
 */
static __always_inline u32 stack_tell(struct mp_raw_stack *r, u64 hash, u32 which, u64 ts,
				      struct mp_target *t)
{
	u32 cpu = bpf_get_smp_processor_id(), id, *known;
	u32 *told = &shared.runs[cpu & (MP_CPUS_MAX - 1)].stacks[which & 1];
	bool early;

	if (shared.stacks_full) {
		lose(MP_LOSS_STACK, 1, 0);
		return 0;
	}
	early = t->stacks++ < WAKING_STACKS;
	id = (*told * 2 + which) * cfg_ncpu + cpu + 1;
	r->ts = ts;
	r->type = MP_RAW_STACK;
	r->id = id;
	r->mm = t->id;
	if (bpf_ringbuf_output(&ring, r, sizeof(*r), early ? BPF_RB_FORCE_WAKEUP : wake_flags())) {
		lose(MP_LOSS_RING_FULL, 1, 0);
		return 0;
	}
	*told += 1;
	if (!bpf_map_update_elem(&stacks, &hash, &id, BPF_NOEXIST))
		return id;
	known = bpf_map_lookup_elem(&stacks, &hash);
	if (known) /* another CPU was first */
		return *known;
	shared.stacks_full = 1;
	lose(MP_LOSS_STACK, 1, 0);
	return 0;
}

/*
 * The C library's wrappers of system calls keep no frame: the walk along frame
 * pointers gives the wrapper and then the caller of its caller. But where a wrapper
 * pushes nothing, the caller's address is what the stack pointer shows at the system
 * call. It is taken if a call instruction stands before it, so that a saved register
 * is not taken for one (Intel SDM, CALL: E8 with 4 bytes, FF /2 with 1 to 6).
 */
static __always_inline u64 leaf_caller(u64 sp)
{
#if defined(__TARGET_ARCH_arm64)
	return 0;
#else
	u64 ret = 0;
	u8 b[8] = {};

	if (!sp || bpf_probe_read_user(&ret, sizeof(ret), (void *)sp) || ret < MP_PAGE_SIZE ||
	    (s64)ret < 0 || bpf_probe_read_user(b, sizeof(b), (void *)(ret - sizeof(b))))
		return 0;
	if (b[3] == 0xe8 || (b[6] == 0xff && (b[7] & 0x38) == 0x10) ||
	    (b[5] == 0xff && (b[6] & 0x38) == 0x10) || (b[4] == 0xff && (b[5] & 0x38) == 0x10) ||
	    (b[2] == 0xff && (b[3] & 0x38) == 0x10) || (b[1] == 0xff && (b[2] & 0x38) == 0x10))
		return ret;
	return 0;
#endif
}

/* The frames of the current user stack into r, with the caller of a leaf at its
 * place; 0 when there is none. */
static __always_inline u32 stack_walk(void *ctx, struct mp_raw_stack *r, u64 sp)
{
	u64 caller = leaf_caller(sp);
	long n;

	if (!caller) {
		n = bpf_get_stack(ctx, r->ip, sizeof(r->ip), BPF_F_USER_STACK);
		return n > 0 ? (u32)n / sizeof(u64) : 0;
	}
	n = bpf_get_stack(ctx, r->ip + 1, sizeof(r->ip) - sizeof(r->ip[0]), BPF_F_USER_STACK);
	if (n < (long)sizeof(u64))
		return 0;
	r->ip[0] = r->ip[1];
	r->ip[1] = caller;
	return (u32)n / sizeof(u64) + 1;
}

/* The id of the current user stack, innermost frame first; 0 when there is none. A
 * new one is told with the time ts, in front of what refers to it. `sp` is the user
 * stack pointer at a system call, 0 elsewhere. */
static __always_inline u32 stack_take(void *ctx, u32 which, u64 sp, u64 ts, struct mp_target *t)
{
	struct mp_raw_stack *r = bpf_map_lookup_elem(&stack_buf, &which);
	u32 id = 0, *known;
	u64 hash;

	if (!cfg_sample || !r || !t)
		return 0;
	if (r->busy) { /* a probe that runs preemptible was interrupted by another here */
		lose(MP_LOSS_STACK, 1, 0);
		return 0;
	}
	r->busy = 1;
	barrier();
	r->n = stack_walk(ctx, r, sp);
	if (r->n) {
		hash = stack_hash(r, r->n, t->image);
		known = bpf_map_lookup_elem(&stacks, &hash);
		id = known ? *known : stack_tell(r, hash, which, ts, t);
	}
	barrier();
	r->busy = 0;
	return id;
}

/*
 * Pages to the next sample: 1 + floor(-ln(u) * theta) with u uniform in (0, 1] is
 * geometric with mean cfg_sample for theta = -1 / ln(1 - 1 / cfg_sample).
 * cfg_gap_scale is theta * ln 2; log2 of the fraction f of u's mantissa is
 * f + 0.3437 f (1 - f), which is off by 0.008 at most and on average by 0.0003.
 */
static __always_inline u32 sample_gap(void)
{
	u32 u = bpf_get_prandom_u32() | 1, exp = 31;
	u64 f, neg_log2;

	for (u32 step = 16; step; step >>= 1) {
		if (!(u >> (32 - step))) {
			u <<= step;
			exp -= step;
		}
	}
	f = u >> 15 & 0xffff;
	f += (f * (65536 - f) >> 16) * 22525 >> 16;
	neg_log2 = (32ULL << 16) - ((u64)exp << 16) - f;
	return 1 + (u32)(neg_log2 * cfg_gap_scale >> 32);
}

static __always_inline void site_event(u8 what, u32 stack, u64 ts, u32 mm, u32 tid, u64 addr,
				       u32 pages)
{
	struct mp_event *e = event_new(MP_EV_SITE, ts, mm, tid, 0);

	if (!e)
		return;
	e->sub = what;
	e->x = pages;
	e->site.stack = stack;
	e->site.addr = addr;
	event_send(e);
}

/* One more page was faulted on this CPU: is it one of the sample? */
static __always_inline void sample_fault(void *ctx, struct mp_run *r, u64 page, u64 mm, u32 id,
					 u32 tid)
{
	if (!cfg_sample || --r->left)
		return;
	r->left = sample_gap();
	u64 ts = bpf_ktime_get_ns();

	site_event(MP_SITE_FAULT, stack_take(ctx, STACK_OF_FAULT, 0, ts, target_find(mm)), ts, id,
		   tid, page, cfg_sample);
}

#endif /* MEMPROF_STACK_BPF_H */
