/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * heap.bpf.h - heap events of runtimes nobody prepared.
 *
 * V8 formats the --trace-gc line of every collection for its "last few GCs"
 * buffer, printed or not: Heap::AddToRingBuffer(char const *) receives it.
 * The text goes to user space as it is; the parser is there. While a collection
 * runs (CollectGarbage), faults of the process are marked.
 */
#ifndef MEMPROF_HEAP_BPF_H
#define MEMPROF_HEAP_BPF_H

#include "bpf/core.bpf.h"
#include <bpf/usdt.bpf.h>

/* Of USDTs that are not attached by libbpf: by the cookie of the place. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MP_USDT_SPECS);
	__type(key, u32);
	__type(value, struct mp_usdt_spec);
} usdt_specs SEC(".maps");

const volatile __u8 cfg_uprobe_multi = 0; /* attached by user/live/uprobes.c */

static __always_inline int own_usdt_arg(struct pt_regs *ctx, u32 n, long *res)
{
	u32 id = bpf_get_attach_cookie(ctx);
	struct mp_usdt_spec *spec = bpf_map_lookup_elem(&usdt_specs, &id);
	struct mp_usdt_arg *a;
	u64 v = 0;

	if (!spec || n >= MP_USDT_ARGS)
		return -ENOENT;
	a = &spec->arg[n];
	if (a->kind == MP_USDT_NONE)
		return -ENOENT;
	if (a->kind == MP_USDT_CONST)
		v = (u64)a->val;
	else if (bpf_probe_read_kernel(&v, sizeof(v), (void *)ctx + a->reg))
		return -EFAULT;
	if (a->kind == MP_USDT_MEM && bpf_probe_read_user(&v, sizeof(v), (void *)(v + a->val)))
		return -EFAULT;
	v <<= a->shift & 63;
	*res = a->is_signed ? (long)v >> (a->shift & 63) : (long)(v >> (a->shift & 63));
	return 0;
}

/* 0 and the argument, or a negative number. */
static __always_inline int usdt_arg(struct pt_regs *ctx, u32 n, long *res)
{
	return cfg_uprobe_multi ? own_usdt_arg(ctx, n, res) : bpf_usdt_arg(ctx, n, res);
}

/* A record of words of a target, to be filled and submitted; NULL for everybody else. */
static __always_inline struct mp_raw_words *words_begin(u8 sub)
{
	struct mp_target *t = target_of(current_mm());
	struct mp_raw_words *r;

	if (!t)
		return NULL;
	r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
	if (!r) {
		lose(MP_LOSS_RING_FULL, 1, 0);
		return NULL;
	}
	r->ts = bpf_ktime_get_ns();
	r->type = MP_RAW_WORDS;
	r->sub = sub;
	r->flags = 0;
	r->mm = t->id;
	r->tid = (u32)bpf_get_current_pid_tgid();
	r->n = 0;
	return r;
}

static __always_inline void words_end(struct mp_raw_words *r)
{
	bpf_ringbuf_submit(r, wake_flags());
}

SEC("uprobe")
int v8_gc_line(struct pt_regs *ctx)
{
	struct mp_target *t = target_of(current_mm());
	const char *line = (const char *)PT_REGS_PARM2(ctx);
	u64 id = bpf_get_current_pid_tgid();
	struct mp_raw_text *r;
	long n;

	if (!t)
		return 0;
	r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
	if (!r) {
		lose(MP_LOSS_RING_FULL, 1, 0);
		return 0;
	}
	r->ts = bpf_ktime_get_ns();
	r->type = MP_RAW_TEXT;
	r->sub = MP_SRC_V8;
	r->flags = (u32)id == id >> 32 ? MP_RAW_MAIN : 0;
	r->mm = t->id;
	r->tid = (u32)id;
	n = bpf_probe_read_user_str(r->text, sizeof(r->text), line);
	r->len = n > 0 ? n - 1 : 0;
	r->self = PT_REGS_PARM1(ctx);
	bpf_ringbuf_submit(r, wake_flags());
	return 0;
}

/* More or fewer collections run: of the target, and with it of all together. */
static __always_inline void collecting_add(struct mp_target *t, s32 n)
{
	__sync_fetch_and_add(&t->collecting, n);
	__sync_fetch_and_add(&shared.collecting, n);
}

/* Heap::CollectGarbage(...): nested ones count as many, so that the outer's end counts. */
SEC("uprobe")
int v8_gc_begin(struct pt_regs *ctx)
{
	struct mp_target *t = target_of(current_mm());
	struct mp_raw_words *r;

	if (!t)
		return 0;
	/* Ends that no probe saw do not count for ever, nor do two threads that both took
	 * the last one off. */
	if (t->collecting && !collecting(t))
		collecting_add(t, -(s32)t->collecting);
	t->collecting_ts = bpf_ktime_get_ns();
	collecting_add(t, 1);
	r = words_begin(MP_WORDS_V8_BEGIN);
	if (r)
		words_end(r);
	return 0;
}

SEC("uretprobe")
int v8_gc_end(struct pt_regs *ctx)
{
	struct mp_target *t = target_of(current_mm());
	struct mp_raw_words *r;

	if (!t)
		return 0;
	if ((s32)t->collecting > 0) /* 0: it had begun before the probe on its begin was there */
		collecting_add(t, -1);
	r = words_begin(MP_WORDS_V8_END);
	if (r)
		words_end(r);
	return 0;
}

/* Heap::TearDown(): an isolate ends, and its heap with it. */
SEC("uprobe")
int v8_heap_gone(struct pt_regs *ctx)
{
	struct mp_raw_words *r = words_begin(MP_WORDS_V8_GONE);

	if (!r)
		return 0;
	r->v[0] = PT_REGS_PARM1(ctx);
	r->n = 1;
	words_end(r);
	return 0;
}

/* CPython's own probes, where it was built with them (--with-dtrace). */
static __always_inline int py_gc(struct pt_regs *ctx, u8 sub)
{
	struct mp_raw_words *r = words_begin(sub);
	long v = 0;

	if (!r)
		return 0;
	r->n = !usdt_arg(ctx, 0, &v);
	r->v[0] = (u64)v;
	words_end(r);
	return 0;
}

SEC("usdt")
int py_gc_start(struct pt_regs *ctx)
{
	return py_gc(ctx, MP_WORDS_PY_START);
}

SEC("usdt")
int py_gc_done(struct pt_regs *ctx)
{
	return py_gc(ctx, MP_WORDS_PY_DONE);
}

/*
 * ... and where it was not: gc_collect_main(tstate, generation, ...), entered and left.
 * A finalizer that asks for a collection enters it again and is sent away: the stack
 * pointer tells which of the two was left.
 */
static __always_inline int py_call(u8 sub, u64 v, u64 sp)
{
	struct mp_raw_words *r = words_begin(sub);

	if (!r)
		return 0;
	r->n = 2;
	r->v[0] = v;
	r->v[1] = sp;
	words_end(r);
	return 0;
}

SEC("uprobe")
int py_collect(struct pt_regs *ctx)
{
	return py_call(MP_WORDS_PY_START, (u32)PT_REGS_PARM2(ctx), PT_REGS_SP(ctx));
}

/* The return address is gone from the stack by now. */
SEC("uretprobe")
int py_collected(struct pt_regs *ctx)
{
	return py_call(MP_WORDS_PY_DONE, PT_REGS_RC(ctx), PT_REGS_SP(ctx) - sizeof(void *));
}

/* CRuby's, without arguments: v[0] says which. */
static __always_inline int ruby_gc(u64 what)
{
	struct mp_raw_words *r = words_begin(MP_WORDS_RUBY);

	if (!r)
		return 0;
	r->n = 1;
	r->v[0] = what;
	words_end(r);
	return 0;
}

SEC("usdt")
int ruby_mark_begin(struct pt_regs *ctx)
{
	return ruby_gc(MP_RUBY_MARK_BEGIN);
}

SEC("usdt")
int ruby_mark_end(struct pt_regs *ctx)
{
	return ruby_gc(MP_RUBY_MARK_END);
}

SEC("usdt")
int ruby_sweep_begin(struct pt_regs *ctx)
{
	return ruby_gc(MP_RUBY_SWEEP_BEGIN);
}

SEC("usdt")
int ruby_sweep_end(struct pt_regs *ctx)
{
	return ruby_gc(MP_RUBY_SWEEP_END);
}

#endif /* MEMPROF_HEAP_BPF_H */
