/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * scenarios_demo.h - what the built-in scenarios share. They run in the child that is
 * watched, never in the watcher.
 */
#ifndef MEMPROF_SCENARIOS_DEMO_H
#define MEMPROF_SCENARIOS_DEMO_H

#include <stddef.h>

#define MIB  (1024UL * 1024)
#define PAGE 4096UL

struct gc_mutator;

/* Holds a stage for somebody watching. With a mutator the collector's own work goes on. */
void demo_hold(struct gc_mutator *m, unsigned ms);

/* Incidents, a class of the diagnosis each. `pace`: ms for which a stage is held. They
 * return 0 or -errno. */
int demo_heap_leak(unsigned pace);
int demo_cache_growth(unsigned pace);
int demo_queue_backlog(unsigned pace);
int demo_heap_retained(unsigned pace);
int demo_heap_fragmented(unsigned pace);
int demo_pinned_slice(unsigned pace);
int demo_gc_thrash(unsigned pace);
int demo_heap_fills(unsigned pace);
int demo_off_heap(unsigned pace);
int demo_native_retention(unsigned pace);
int demo_native_leak(unsigned pace);
int demo_mmap_leak(unsigned pace);
int demo_thread_stacks(unsigned pace);
int demo_lazyfree(unsigned pace);
int demo_thp_bloat(unsigned pace);
int demo_file_mmap(unsigned pace);
int demo_fork_cow(unsigned pace);
int demo_multi_map(unsigned pace);
int demo_shmem_growth(unsigned pace);
int demo_locked_memory(unsigned pace);
int demo_remote_fill(unsigned pace);

#endif /* MEMPROF_SCENARIOS_DEMO_H */
