/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * memprof.bpf.c - the kernel side as one object. What it consists of:
 *   core.bpf.h   targets, ring, losses, RSS counters
 *   stack.bpf.h  user stacks, and which faults get one
 *   fault.bpf.h  page faults as runs
 *   call.bpf.h   mmap, munmap, mremap, brk, madvise, process_madvise, mprotect, mlock, shmat, ...
 *   rules.bpf.h  who becomes a target by itself
 *   task.bpf.h   fork, exec, exit, exit_mmap, finding a running process
 *   heap.bpf.h   lines of runtimes' collectors
 *   heap_go.bpf.h  Go's collections
 *   heap_jvm.bpf.h  HotSpot's memory pools
 * Which programs are loaded is decided by the ladder in user/live/probes.c.
 */
#include "bpf/core.bpf.h"
#include "bpf/stack.bpf.h"
#include "bpf/fault.bpf.h"
#include "bpf/call.bpf.h"
#include "bpf/rules.bpf.h"
#include "bpf/task.bpf.h"
#include "bpf/heap.bpf.h"
#include "bpf/heap_go.bpf.h"
#include "bpf/heap_jvm.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
