/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * heap_go.bpf.h - Go's collections, seen where the runtime's pacer hears of them:
 *   (*gcControllerState).startCycle(markStartTime, procs, trigger)   the world stands still
 *   (*gcControllerState).resetLive(bytesMarked)                      ... again: marking is done
 * The receiver is runtime.gcController itself: its words are taken along, so that the
 * figures are of that instant. Which word is what depends on the version of Go and is
 * left to user space (user/rt/go_layout.c).
 *
 * Only entries: Go moves stacks, and an address of return changed by a probe would be
 * found by whoever copies the stack.
 */
#ifndef MEMPROF_HEAP_GO_BPF_H
#define MEMPROF_HEAP_GO_BPF_H

#include "bpf/heap.bpf.h"

/* Arguments by Go's own convention (src/cmd/compile/abi-internal.md, 1.17 and later). */
#if defined(__TARGET_ARCH_arm64)
#define GO_ARG(ctx, x86, arm) ((ctx)->regs[arm])
#else
#define GO_ARG(ctx, x86, arm) ((ctx)->x86)
#endif

static __always_inline int go_gc(struct pt_regs *ctx, u8 sub)
{
	struct mp_raw_words *r = words_begin(sub);

	if (!r)
		return 0;
	r->v[0] = GO_ARG(ctx, ax, 0);
	r->v[1] = GO_ARG(ctx, bx, 1);
	r->v[2] = GO_ARG(ctx, di, 3);
	r->n = MP_WORDS_GO_ARGS;
	if (!bpf_probe_read_user(&r->v[MP_WORDS_GO_ARGS], MP_WORDS_GO_CTL * sizeof(u64),
				 (const void *)r->v[0]))
		r->n += MP_WORDS_GO_CTL;
	words_end(r);
	return 0;
}

SEC("uprobe")
int go_gc_start(struct pt_regs *ctx)
{
	return go_gc(ctx, MP_WORDS_GO_START);
}

SEC("uprobe")
int go_gc_live(struct pt_regs *ctx)
{
	return go_gc(ctx, MP_WORDS_GO_LIVE);
}

#endif /* MEMPROF_HEAP_GO_BPF_H */
