/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fault.bpf.h - page faults, coalesced into runs.
 *
 * A first touch of 600 MB is 153,600 faults in address order; one record each
 * would cost more than the fault's own bookkeeping deserves. Faults of one
 * thread on consecutive pages with the same kind and instruction become one
 * record. A run is closed by a fault that does not continue it, by a call that
 * can drop pages, and by the reader (flush_runs), so nothing stays hidden here.
 *
 * Rungs: tp_btf and classic tracepoints on exceptions:page_fault_{user,kernel}
 * (raw exceptions, x86), and the page-faults software event, which every
 * architecture has but which does not tell reads from writes.
 */
#ifndef MEMPROF_FAULT_BPF_H
#define MEMPROF_FAULT_BPF_H

#include "bpf/stack.bpf.h"

/* x86 page fault error code, arch/x86/include/asm/trap_pf.h */
#define PF_PROT	 (1 << 0)
#define PF_WRITE (1 << 1)
#define PF_INSTR (1 << 4)

static __always_inline u8 fault_kind(u64 error_code)
{
	return (error_code & PF_WRITE ? MP_FAULT_WRITE : 0) |
	       (error_code & PF_PROT ? MP_FAULT_PRESENT : 0) |
	       (error_code & PF_INSTR ? MP_FAULT_INSTR : 0);
}

/* Sends what this CPU has closed and kept. */
static __always_inline void batch_send(u32 cpu)
{
	struct mp_raw_runs *b = &shared.batch[cpu & (MP_CPUS_MAX - 1)];
	u32 n = b->n;
	u64 faults = 0;

	if (!n || n > MP_RUNS_BATCH)
		return;
	b->ts = b->r[0].ts;
	b->type = MP_RAW_RUNS;
	/* a sum: verifiers up to 6.1 cannot bound a difference */
	if (bpf_ringbuf_output(&ring, b, offsetof(struct mp_raw_runs, r) + n * sizeof(b->r[0]),
			       wake_flags())) {
		for (u32 i = 0; i < MP_RUNS_BATCH && i < n; i++)
			faults += b->r[i].n;
		lose(MP_LOSS_RING_FULL, n, faults);
	}
	b->n = 0;
}

/* Closed runs go out together: a reservation in the ring costs as much as all else
 * that is done for a run. The flush sends what is left, so none waits longer than
 * an open run may. */
static __always_inline void run_send(struct mp_run *r, u32 cpu)
{
	struct mp_raw_runs *b = &shared.batch[cpu & (MP_CPUS_MAX - 1)];
	u32 at = b->n;

	if (at >= MP_RUNS_BATCH)
		at = 0; /* never */
	b->r[at].ts = r->last_ts;
	b->r[at].addr = r->next - (u64)r->n * MP_PAGE_SIZE;
	b->r[at].ip = r->ip;
	b->r[at].span = r->last_ts - r->first_ts;
	b->r[at].mm = r->mm;
	b->r[at].tid = r->tid;
	b->r[at].n = r->n;
	b->r[at].kind = r->kind;
	b->n = at + 1;
	r->n = 0;
	if (b->n == MP_RUNS_BATCH)
		batch_send(cpu);
}

static __always_inline void run_begin(struct mp_run *r, u64 mm_addr, u32 mm, u32 tid, u64 page,
				      u64 ip, u8 kind, u64 now)
{
	r->mm_addr = mm_addr;
	r->mm = mm;
	r->tid = tid;
	r->next = page + MP_PAGE_SIZE;
	r->first_ts = now;
	r->last_ts = now;
	r->ip = ip;
	r->kind = kind;
	r->epoch = shared.epoch;
	r->n = 1;
}

/* The id of the faulting mm, 0 for one that is not watched. With one target (the
 * usual case) this is one compare, which is also all that other processes pay. */
static __always_inline u32 watched_id(u64 mm)
{
	u64 only = shared.only_mm;
	struct mp_target *t;

	if (only)
		return mm == only ? shared.only_id : 0;
	t = mm ? target_find(mm) : NULL;
	return t ? t->id : 0;
}

#define RUN_LONG     64	    /* pages: from here on a run gets an RSS figure of its own ... */
#define RUN_FLOOR_NS 200000 /* ... unless the last is younger than this */

/*
 * Closes the run, and says what the counters are by now: the pages of the run would
 * otherwise stand against a figure from before it. If no call came between, the
 * figure is that of the run's end and gets its time, so that the two are seen as one.
 */
static __always_inline void run_end(struct mp_run *r, u32 cpu, u64 now)
{
	bool is_long = r->n >= RUN_LONG;
	struct mp_target *t;
	s64 rss[4];

	if (r->n)
		run_send(r, cpu);
	if (now < r->rss_next && !is_long)
		return;
	t = target_find(r->mm_addr);
	if (!t)
		return;
	r->rss_next = t->rss_ts + cfg_rss_every;
	if (now - t->rss_ts < (is_long ? RUN_FLOOR_NS : cfg_rss_every) || mm_dying(r->mm_addr) ||
	    !rss_read(r->mm_addr, rss))
		return;
	if (is_long && r->epoch == shared.epoch) {
		batch_send(cpu); /* of two events of one time the first sent comes first */
		now = r->last_ts;
	}
	rss_event(t, rss, rss_slack(r->mm_addr), now);
	r->rss_next = now + cfg_rss_every;
}

/* Does a collection of the process run? Nobody pays more than a compare while none does. */
static __always_inline u8 during_gc(u64 mm)
{
	struct mp_target *t = shared.collecting ? target_find(mm) : NULL;

	return t && collecting(t) ? MP_FAULT_GC : 0;
}

static __always_inline int on_fault(void *ctx, u64 address, u64 ip, u8 kind)
{
	u64 mm = current_mm();
	u32 id = watched_id(mm);

	if (!id)
		return 0;
	kind |= during_gc(mm);
	u32 cpu = bpf_get_smp_processor_id();
	struct mp_run *r = &shared.runs[cpu & (MP_CPUS_MAX - 1)];
	u32 tid = (u32)bpf_get_current_pid_tgid();
	u64 page = address & ~(MP_PAGE_SIZE - 1);
	u64 jiffy = bpf_jiffies64();

	if (r->busy) { /* the same CPU is inside a probe: only an interrupt gets here */
		lose(MP_LOSS_BUSY, 1, 1);
		return 0;
	}
	r->busy = 1;
	barrier();
	if (r->n && page == r->next && r->tid == tid && r->ip == ip && r->kind == kind &&
	    r->epoch == shared.epoch && r->mm == id) {
		/* The clock is the dearest part of a fault in a run: it is read when the
		 * jiffy moved. So last_ts is up to a jiffy early, never before first_ts,
		 * and order is not touched: no run spans a call. */
		if (jiffy != r->jiffy) {
			r->jiffy = jiffy;
			r->last_ts = bpf_ktime_get_ns();
		}
		r->next = page + MP_PAGE_SIZE;
		r->n++;
	} else {
		u64 now = bpf_ktime_get_ns();

		r->jiffy = jiffy;
		run_end(r, cpu, now);
		run_begin(r, mm, id, tid, page, ip, kind, now);
	}
	sample_fault(ctx, r, page, mm, id, tid);
	barrier();
	r->busy = 0;
	return 0;
}

/*
 * Where page faults are disabled the kernel only asks whether the page is there (a
 * nofault copy) and none is brought in. Reading the field through a helper disables
 * them once itself (copy_from_kernel_nofault).
 */
static __always_inline bool faults_disabled(void)
{
	if (have_task_btf())
		return bpf_get_current_task_btf()->pagefault_disabled != 0;
	return BPF_CORE_READ(current_task(), pagefault_disabled) > 1;
}

/* A fault raised in kernel mode: read() or recv() into memory not touched yet. */
static __always_inline int on_kernel_fault(void *ctx, u64 address, u8 kind)
{
	if ((s64)address < 0) /* a kernel address: vmalloc, not the target's memory */
		return 0;
	if (faults_disabled())
		return 0;
	return on_fault(ctx, address, 0, kind | MP_FAULT_KERNEL);
}

SEC("tp_btf/page_fault_user")
int BPF_PROG(pf_user_btf, unsigned long address, struct pt_regs *regs, unsigned long error_code)
{
	return on_fault(ctx, address, PT_REGS_IP(regs), fault_kind(error_code));
}

SEC("tp_btf/page_fault_kernel")
int BPF_PROG(pf_kernel_btf, unsigned long address, struct pt_regs *regs, unsigned long error_code)
{
	return on_kernel_fault(ctx, address, fault_kind(error_code));
}

SEC("tracepoint/exceptions/page_fault_user")
int pf_user_tp(struct tp_exceptions *ctx)
{
	return on_fault(ctx, ctx->address, ctx->ip, fault_kind(ctx->error_code));
}

SEC("tracepoint/exceptions/page_fault_kernel")
int pf_kernel_tp(struct tp_exceptions *ctx)
{
	return on_kernel_fault(ctx, ctx->address, fault_kind(ctx->error_code));
}

SEC("perf_event")
int pf_perf(struct bpf_perf_event_data *ctx)
{
	u64 ip = PT_REGS_IP(&ctx->regs);

	if ((s64)ip < 0)
		return on_kernel_fault(ctx, ctx->addr, MP_FAULT_NOKIND);
	return on_fault(ctx, ctx->addr, ip, MP_FAULT_NOKIND);
}

/*
 * A fault that waited for I/O, told when it is done (mm_account_fault): FAULT told it
 * when it was raised. The run it is in is closed, so that it comes before this (but
 * not if the thread woke on another CPU: the fold bears with either order).
 */
SEC("perf_event")
int pf_major(struct bpf_perf_event_data *ctx)
{
	u32 id = watched_id(current_mm()), cpu = bpf_get_smp_processor_id();
	struct mp_run *r = &shared.runs[cpu & (MP_CPUS_MAX - 1)];
	u32 tid = (u32)bpf_get_current_pid_tgid();
	u64 now, ip = PT_REGS_IP(&ctx->regs);
	struct mp_event *e;

	if (!id)
		return 0;
	now = bpf_ktime_get_ns();
	if (r->n && r->tid == tid && !r->busy) {
		r->busy = 1;
		barrier();
		run_end(r, cpu, now);
		barrier();
		r->busy = 0;
	}
	e = event_new(MP_EV_MAJOR, now, id, tid, 0);
	if (!e)
		return 0;
	e->sub = (s64)ip < 0 ? MP_FAULT_KERNEL : 0;
	e->major.addr = ctx->addr & ~(MP_PAGE_SIZE - 1);
	e->major.ip = (s64)ip < 0 ? 0 : ip;
	event_send(e);
	return 0;
}

/*
 * Closes the run open on the CPU it runs on; called by the reader through
 * BPF_PROG_TEST_RUN on each CPU (5.10). Returns 1 when a probe was half way
 * there: try again.
 */
SEC("raw_tp")
int flush_runs(void *ctx)
{
	u32 cpu = bpf_get_smp_processor_id();
	struct mp_run *r = &shared.runs[cpu & (MP_CPUS_MAX - 1)];

	if (r->busy)
		return 1;
	r->busy = 1;
	barrier();
	if (r->n)
		run_end(r, cpu, bpf_ktime_get_ns());
	batch_send(cpu);
	barrier();
	r->busy = 0;
	return 0;
}

#endif /* MEMPROF_FAULT_BPF_H */
