/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * heap.bpf.h - heap events of runtimes nobody prepared.
 *
 * V8 formats the --trace-gc line of every collection for its "last few GCs"
 * buffer, printed or not: Heap::AddToRingBuffer(char const *) receives it.
 * The text goes to user space as it is; the parser is there.
 */
#ifndef MEMPROF_HEAP_BPF_H
#define MEMPROF_HEAP_BPF_H

#include "bpf/core.bpf.h"

SEC("uprobe")
int v8_gc_line(struct pt_regs *ctx)
{
	struct mp_target *t = target_of(current_mm());
	const char *line = (const char *)PT_REGS_PARM2(ctx);
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
	r->flags = 0;
	r->mm = t->id;
	r->tid = (u32)bpf_get_current_pid_tgid();
	n = bpf_probe_read_user_str(r->text, sizeof(r->text), line);
	r->len = n > 0 ? n - 1 : 0;
	bpf_ringbuf_submit(r, wake_flags());
	return 0;
}

#endif /* MEMPROF_HEAP_BPF_H */
