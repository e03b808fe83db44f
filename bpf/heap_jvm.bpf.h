/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * heap_jvm.bpf.h - HotSpot's own probes (JDK 17 and later as Debian, Temurin and others
 * build them): at the beginning and end of every collection one for each memory pool, and
 * one for each pause. Names and figures go to user space, which puts them together.
 */
#ifndef MEMPROF_HEAP_JVM_BPF_H
#define MEMPROF_HEAP_JVM_BPF_H

#include "bpf/core.bpf.h"
#include "bpf/heap.bpf.h"

/* Where a JVM, by its tgid, keeps the cause of the collection under way as text (a counter
 * in its hsperfdata file). An address that is no longer right gives a text that is none. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, u32);
	__type(value, u64);
} jvm_causes SEC(".maps");

/* A text that is told with its length, cut to the room for it, with a final NUL. */
static __always_inline void copy_name(void *to, u32 room, struct pt_regs *ctx, u32 arg)
{
	long text = 0, len = 0;
	u32 n;

	__builtin_memset(to, 0, room);
	if (usdt_arg(ctx, arg, &text) || usdt_arg(ctx, arg + 1, &len))
		return;
	n = len < 0 || len >= room ? room - 1 : (u32)len;
	bpf_probe_read_user(to, n, (const void *)text);
}

/* (manager, length, pool, length, init, used, committed, max) */
static __always_inline int jvm_pool(struct pt_regs *ctx, u8 which)
{
	struct mp_raw_words *r = words_begin(MP_WORDS_JVM_POOL);
	u64 *cause;
	long v = 0;
	u32 tgid;

	if (!r) /* nothing before it: 5.10 would no longer know that it was looked at */
		return 0;
	tgid = bpf_get_current_pid_tgid() >> 32;
	r->flags = which;
	r->v[0] = usdt_arg(ctx, 5, &v) ? MP_UNKNOWN : (u64)v;
	r->v[1] = usdt_arg(ctx, 6, &v) ? MP_UNKNOWN : (u64)v;
	copy_name(&r->v[MP_JVM_MANAGER], 48, ctx, 0);
	copy_name(&r->v[MP_JVM_POOL], 48, ctx, 2);
	r->n = MP_JVM_CAUSE;
	cause = bpf_map_lookup_elem(&jvm_causes, &tgid);
	if (cause && bpf_probe_read_user_str(&r->v[MP_JVM_CAUSE], 64, (const void *)*cause) > 0)
		r->n = MP_JVM_WORDS;
	words_end(r);
	return 0;
}

SEC("usdt")
int jvm_pool_begin(struct pt_regs *ctx)
{
	return jvm_pool(ctx, MP_JVM_POOL_BEGIN);
}

SEC("usdt")
int jvm_pool_end(struct pt_regs *ctx)
{
	return jvm_pool(ctx, MP_JVM_POOL_END);
}

static __always_inline int jvm_pause(u8 which)
{
	struct mp_raw_words *r = words_begin(MP_WORDS_JVM_POOL);

	if (!r)
		return 0;
	r->flags = which;
	words_end(r);
	return 0;
}

SEC("usdt")
int jvm_pause_begin(struct pt_regs *ctx)
{
	return jvm_pause(MP_JVM_PAUSE_BEGIN);
}

SEC("usdt")
int jvm_pause_end(struct pt_regs *ctx)
{
	return jvm_pause(MP_JVM_PAUSE_END);
}

#endif /* MEMPROF_HEAP_JVM_BPF_H */
