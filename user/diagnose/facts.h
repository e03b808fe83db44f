/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * facts.h - figures that rules compare: each a name, a unit, what it is, and a function
 * that works it out of the series and the model, once for a diagnosis.
 *
 * Owns: the list. A fact that cannot be known says why; it is never a guess, and a rule
 * that needs it is withheld with that reason. X(id, name, unit, what it is, function)
 */
#ifndef MEMPROF_DIAGNOSE_FACTS_H
#define MEMPROF_DIAGNOSE_FACTS_H

#include <math.h>
#include <stdbool.h>

#include "user/diagnose/diagnose.h"
#include "user/diagnose/series.h"
#include "user/diagnose/thresholds.h"

/* native memory (facts_native.c) */
#define DX_FACTS_NATIVE(X)                                                                         \
	X(F_HEAP_TOLD, "heap-told", MP_DX_COUNT, "managed heaps that told their figures",          \
	  fact_heap_told)                                                                          \
	X(F_MALLOC, "malloc", MP_DX_BYTES, "malloc's memory: arenas and program break",            \
	  fact_malloc)                                                                             \
	X(F_MALLOC_HIGH, "malloc-high", MP_DX_BYTES, "... at its highest", fact_malloc_high)       \
	X(F_MALLOC_CAME, "malloc-came", MP_DX_BYTES,                                               \
	  "malloc's memory that came while it was looked at", fact_malloc_came)                    \
	X(F_MALLOC_KEPT, "malloc-kept", MP_DX_BYTES,                                               \
	  "malloc's memory that came and stayed, less the heap's", fact_malloc_kept)               \
	X(F_MALLOC_BURST, "malloc-burst", MP_DX_RATIO,                                             \
	  "share of the time in which most of it came", fact_malloc_burst)                         \
	X(F_MALLOC_STILL, "malloc-still", MP_DX_SECONDS, "time since malloc's memory last grew",   \
	  fact_malloc_still)                                                                       \
	X(F_MALLOC_BACK, "malloc-back", MP_DX_RATIO,                                               \
	  "of its highest, given back to the kernel since", fact_malloc_back)                      \
	X(F_MALLOC_FREED, "malloc-freed", MP_DX_RATIO,                                             \
	  "of what it was taken for, gone by the heap's own word", fact_malloc_freed)              \
	X(F_ARENAS, "arenas", MP_DX_COUNT, "malloc arenas, at most", fact_arenas)                  \
	X(F_CPUS, "cpus", MP_DX_COUNT, "CPUs", fact_cpus)                                          \
	X(F_LIB, "allocator", MP_DX_BYTES, "memory of another malloc library", fact_lib)           \
	X(F_LIB_KEPT, "allocator-kept", MP_DX_BYTES,                                               \
	  "memory of that library that came and is left", fact_lib_kept)                           \
	X(F_LIB_STILL, "allocator-still", MP_DX_SECONDS,                                           \
	  "time since the program last worked: pages came or went", fact_lib_still)                \
	X(F_LIB_BACK, "allocator-back", MP_DX_RATIO, "of what it had then, purged since",          \
	  fact_lib_back)                                                                           \
	X(F_LIB_PURGED, "allocator-purged", MP_DX_BYTES,                                           \
	  "given back by calls while it was looked at", fact_lib_purged)                           \
	X(F_LIB_HELPERS, "allocator-threads", MP_DX_COUNT,                                         \
	  "threads of the library that purge by themselves", fact_lib_helpers)                     \
	X(F_NATIVE, "native", MP_DX_BYTES,                                                         \
	  "native memory: of malloc libraries and other anonymous", fact_native)                   \
	X(F_NATIVE_GROWTH, "native-growth", MP_DX_BYTES, "native memory, end less begin",          \
	  fact_native_growth)                                                                      \
	X(F_NATIVE_ORDER, "native-order", MP_DX_RATIO,                                             \
	  "how steadily it grew: Kendall's tau, 1 = always", fact_native_order)                    \
	X(F_NATIVE_LATE, "native-late", MP_DX_RATIO,                                               \
	  "its pace in the last third of the time, over the mean", fact_native_late)               \
	X(F_NATIVE_RISING, "native-rising", MP_DX_SECONDS, "time since it began to grow",          \
	  fact_native_rising)                                                                      \
	X(F_STARTING, "starting", MP_DX_COUNT,                                                     \
	  "1: it began a short time ago, and did not grow steadily since", fact_starting)          \
	X(F_NATIVE_RATE, "native-rate", MP_DX_BYTES_PER_HOUR, "its slope (Theil-Sen)",             \
	  fact_native_rate)                                                                        \
	X(F_HEAP_GREW, "heap-grew", MP_DX_BYTES, "what the heap committed meanwhile",              \
	  fact_heap_grew)                                                                          \
	X(F_EXTERNAL_GREW, "external-grew", MP_DX_BYTES,                                           \
	  "held there by objects of the heap, end less begin", fact_external_grew)                 \
	X(F_MAPS, "maps", MP_DX_COUNT, "mappings", fact_maps)                                      \
	X(F_MAPS_MOST, "maps-most", MP_DX_COUNT, "mappings that the kernel allows",                \
	  fact_maps_most)                                                                          \
	X(F_MAPS_GROWTH, "maps-growth", MP_DX_COUNT,                                               \
	  "mappings beside heap, malloc and stacks, end less begin", fact_maps_growth)             \
	X(F_MAPS_ORDER, "maps-order", MP_DX_RATIO, "how steadily they became more: Kendall's tau", \
	  fact_maps_order)                                                                         \
	X(F_MAPS_LATE, "maps-late", MP_DX_RATIO,                                                   \
	  "their pace in the last third of the time, over the mean", fact_maps_late)               \
	X(F_MMAPS_LEFT, "mmaps-left", MP_DX_COUNT,                                                 \
	  "calls of mmap less calls of munmap, without stacks", fact_mmaps_left)                   \
	X(F_MMAPS_ORDER, "mmaps-order", MP_DX_RATIO,                                               \
	  "how steadily those became more: Kendall's tau", fact_mmaps_order)                       \
	X(F_MMAPS_LATE, "mmaps-late", MP_DX_RATIO,                                                 \
	  "their pace in the last third of the time, over the mean", fact_mmaps_late)              \
	X(F_OTHER_GROWTH, "other-growth", MP_DX_BYTES, "other anonymous memory, end less begin",   \
	  fact_other_growth)                                                                       \
	X(F_STACKS, "stacks", MP_DX_BYTES, "stacks", fact_stacks)                                  \
	X(F_STACKS_GROWTH, "stacks-growth", MP_DX_BYTES, "stacks, end less begin",                 \
	  fact_stacks_growth)                                                                      \
	X(F_STACKS_STILL, "stacks-still", MP_DX_SECONDS, "time since they last grew",              \
	  fact_stacks_still)                                                                       \
	X(F_THREADS, "threads", MP_DX_COUNT, "threads that live", fact_threads)                    \
	X(F_THREADS_GROWTH, "threads-growth", MP_DX_COUNT, "threads, end less begin",              \
	  fact_threads_growth)                                                                     \
	X(F_THREADS_ORDER, "threads-order", MP_DX_RATIO,                                           \
	  "how steadily they became more: Kendall's tau", fact_threads_order)                      \
	X(F_THREADS_LATE, "threads-late", MP_DX_RATIO,                                             \
	  "their pace in the last third of the time, over the mean", fact_threads_late)            \
	X(F_STACKS_LEFT, "stacks-left", MP_DX_COUNT, "stacks of threads that ended",               \
	  fact_stacks_left)                                                                        \
	X(F_STACKS_LEFT_GROWTH, "stacks-left-growth", MP_DX_COUNT,                                 \
	  "stacks of threads that ended, end less begin", fact_stacks_left_growth)                 \
	X(F_STACKS_LEFT_ORDER, "stacks-left-order", MP_DX_RATIO,                                   \
	  "how steadily those became more: Kendall's tau", fact_stacks_left_order)                 \
	X(F_STACKS_LEFT_SIZE, "stacks-left-size", MP_DX_BYTES, "address space of those",           \
	  fact_stacks_left_size)                                                                   \
	X(F_THREADS_STARTED, "threads-started", MP_DX_COUNT, "threads that started meanwhile",     \
	  fact_threads_started)                                                                    \
	X(F_STACK_DEEPEST, "stack-deepest", MP_DX_BYTES, "resident of the deepest stack",          \
	  fact_stack_deepest)

#define DX_FACTS(X)                                                                              \
	/* what matters (facts_base.c) */                                                        \
	X(F_ONE, "one", MP_DX_COUNT, "1", fact_one)                                              \
	X(F_ZERO, "none", MP_DX_BYTES, "nothing", fact_zero)                                     \
	X(F_SIGNIFICANT, "significant", MP_DX_BYTES, "what is much, of this process",            \
	  fact_significant)                                                                      \
	X(F_WINDOW, "window", MP_DX_SECONDS, "time looked at", fact_window)                      \
	X(F_RSS, "rss", MP_DX_BYTES, "RSS", fact_rss)                                            \
	X(F_ANON, "anon", MP_DX_BYTES, "RssAnon", fact_anon)                                     \
	X(F_LOST_SHARE, "lost-share", MP_DX_RATIO, "events lost, of all", fact_lost_share)       \
	X(F_RSS_GROWTH, "rss-growth", MP_DX_BYTES, "RSS, end less begin", fact_rss_growth)       \
	/* heap (facts_heap.c) */                                                                \
	X(F_MAJORS, "majors", MP_DX_COUNT, "major collections that told what was left",          \
	  fact_majors)                                                                           \
	X(F_FLOOR, "floor", MP_DX_BYTES, "left in use by the last major collection", fact_floor) \
	X(F_FLOOR_GROWTH, "floor-growth", MP_DX_BYTES,                                           \
	  "what major collections left in use, last less first", fact_floor_growth)              \
	X(F_FLOOR_FROM, "floor-from", MP_DX_SECONDS, "first major collection", fact_floor_from)  \
	X(F_FLOOR_RISE, "floor-rise", MP_DX_BYTES,                                               \
	  "rise of what major collections left in use", fact_floor_rise)                         \
	X(F_SEEN_GROWTH, "seen-growth", MP_DX_BYTES, "growth of what collections left in use",   \
	  fact_seen_growth)                                                                      \
	X(F_LIVE_POINTS, "live-points", MP_DX_COUNT,                                             \
	  "collections of any kind that tell the live set", fact_live_points)                    \
	X(F_LIVE_GROWTH, "live-growth", MP_DX_BYTES,                                             \
	  "growth of the live set", fact_live_growth)                                            \
	X(F_LIVE_TIMES, "live-times", MP_DX_RATIO,                                               \
	  "live set at the end, over the first", fact_live_times)                                \
	X(F_LIVE_TAU, "live-order", MP_DX_RATIO,                                                 \
	  "order of the live set (Kendall's tau; 1: it rises)", fact_live_tau)                   \
	X(F_LIVE_P, "live-chance", MP_DX_RATIO,                                                  \
	  "chance of that order (Mann-Kendall)", fact_live_p)                                    \
	X(F_LIVE_RATE, "live-rate", MP_DX_BYTES_PER_HOUR,                                        \
	  "slope of the live set", fact_live_rate)                                               \
	X(F_LIVE_BEND, "live-bend", MP_DX_RATIO,                                                 \
	  "last slope over the steepest, by allocation", fact_live_bend)                         \
	X(F_LIVE_KEPT, "live-kept", MP_DX_RATIO,                                                 \
	  "left by major collections, of what had come", fact_live_kept)                         \
	X(F_LIVE_CEILING, "live-ceiling", MP_DX_BYTES,                                           \
	  "where the live set levels off", fact_live_ceiling)                                    \
	X(F_CEILING_SHARE, "ceiling-share", MP_DX_RATIO,                                         \
	  "where it levels off, of the limit", fact_ceiling_share)                               \
	X(F_HEAP_LEFT, "limit-in", MP_DX_SECONDS,                                                \
	  "until the limit is reached at that rate", fact_heap_left)                             \
	X(F_UNEVEN_TIME, "uneven-time", MP_DX_RATIO,                                             \
	  "thirds of the time: the largest growth over the least", fact_uneven_time)             \
	X(F_UNEVEN_WORK, "uneven-work", MP_DX_RATIO,                                             \
	  "thirds of what was allocated: the same", fact_uneven_work)                            \
	X(F_LIVE_STAYED, "live-stayed", MP_DX_RATIO, "of all that was allocated, stayed",        \
	  fact_live_stayed)                                                                      \
	X(F_DRAINED, "drained", MP_DX_RATIO,                                                     \
	  "of that rise, gone again", fact_drained)                                              \
	X(F_DRAIN_STEPS, "drain-steps", MP_DX_COUNT,                                             \
	  "major collections that each found less", fact_drain_steps)                            \
	X(F_INPUT_FALL, "input-fall", MP_DX_RATIO,                                               \
	  "by which allocation slowed behind the highest", fact_input_fall)                      \
	X(F_LARGE_SHARE, "large-share", MP_DX_RATIO,                                             \
	  "of the heap, in large objects", fact_large_share)                         \
	X(F_LARGE_MEAN, "large-mean", MP_DX_BYTES, "mean size of those", fact_large_mean)        \
	X(F_USED_GROWTH, "used-growth", MP_DX_BYTES, "heap in use, end less begin",              \
	  fact_used_growth)                                                                      \
	X(F_USED_RISING, "used-rising", MP_DX_COUNT,                                             \
	  "looks of ten in a row that found more", fact_used_rising)                             \
	X(F_MINOR_RATE, "minor-rate", MP_DX_PER_SECOND, "minor collections", fact_minor_rate)    \
	X(F_MINOR_TOLD, "minor-rate-told", MP_DX_PER_SECOND,                                     \
	  "minor collections", fact_minor_told)                                                   \
	X(F_MAJOR_RATE, "major-rate", MP_DX_PER_SECOND, "major collections", fact_major_rate)    \
	X(F_GC_SHARE, "pause-share", MP_DX_RATIO, "of the time, in pauses of collections",       \
	  fact_pause_share)                                                                      \
	X(F_LIMIT_SHARE, "limit-share", MP_DX_RATIO, "live set over the heap's limit",           \
	  fact_limit_share)                                                                      \
	/* what a collector keeps (facts_gc.c, facts_offheap.c) */                               \
	X(F_COMMITTED, "heap-committed", MP_DX_BYTES, "committed by the heap", fact_committed)   \
	X(F_HEAP_RESIDENT, "heap-resident", MP_DX_BYTES, "pages of the heap in RSS",             \
	  fact_heap_resident)                                                                    \
	X(F_HEAP_KEPT, "heap-kept", MP_DX_BYTES, "heap pages in RSS that no object is in",       \
	  fact_heap_kept)                                                                        \
	X(F_UNCOLLECTED, "heap-uncollected", MP_DX_BYTES,                                        \
	  "in use, and never looked at by a major collection", fact_uncollected)                 \
	X(F_RETAINED, "heap-retained", MP_DX_BYTES, "heap in RSS beyond what is known to live",  \
	  fact_retained)                                                                         \
	X(F_HEAP_KNOWN, "heap-known", MP_DX_COUNT, "times the heap told what it uses",           \
	  fact_heap_known)                                                                       \
	X(F_SETTLE, "settle", MP_DX_SECONDS, "what the runtime is given to return memory",       \
	  fact_settle)                                                                           \
	X(F_HEAP_IDLE, "heap-idle", MP_DX_SECONDS, "since the program last used it",             \
	  fact_heap_idle)                                                                        \
	X(F_HEAP_BEAT, "heap-beat", MP_DX_SECONDS, "from one collection to the next before",     \
	  fact_heap_beat)                                                                        \
	X(F_RETURNED, "returned", MP_DX_BYTES, "given back by calls lately", fact_returned)      \
	X(F_PRESIZED, "heap-presized", MP_DX_RATIO,                                              \
	  "committed, of the limit, of a heap never half used", fact_presized)                   \
	X(F_SPARSE_MAJORS, "sparse-majors", MP_DX_COUNT,                                         \
	  "major collections in a row left few objects in it", fact_sparse_majors)               \
	X(F_SPARSE_FOR, "sparse-for", MP_DX_SECONDS, "since the first of them", fact_sparse_for) \
	X(F_PINNED, "heap-pinned", MP_DX_BYTES, "kept by the few objects that are in it",        \
	  fact_pinned)                                                                           \
	X(F_PINNED_SURE, "heap-pinned-sure", MP_DX_BYTES, "the same, over many collections",     \
	  fact_pinned_sure)                                                                      \
	X(F_RETURNED_EACH, "returned-each", MP_DX_BYTES, "given back by each of them",           \
	  fact_returned_each)                                                                    \
	X(F_FLOOR_LIMIT, "floor-of-limit", MP_DX_RATIO,                                          \
	  "left in use by the last major collection, of the limit", fact_floor_limit)            \
	X(F_THRASH, "thrash-time", MP_DX_SECONDS,                                                \
	  "in one collection of a full heap after the other", fact_thrash)                       \
	X(F_THRASH_RATE, "thrash-rate", MP_DX_PER_SECOND, "major collections in that time",      \
	  fact_thrash_rate)                                                                      \
	X(F_THRASH_PAUSE, "thrash-pause", MP_DX_RATIO, "of that time the program stood still",   \
	  fact_thrash_pause)                                                                     \
	X(F_THRASH_FREED, "thrash-freed", MP_DX_BYTES, "freed by each of them, mean",            \
	  fact_thrash_freed)                                                                     \
	X(F_HEAP_FILLED, "heap-filled", MP_DX_BYTES, "heap pages in RSS, end less begin",        \
	  fact_heap_filled)                                                                      \
	X(F_AFTER_SPREAD, "after-spread", MP_DX_BYTES,                                           \
	  "how far from each other is what collections left", fact_after_spread)                 \
	X(F_REFAULTED, "refaulted", MP_DX_BYTES, "touched again after it was given back",        \
	  fact_refaulted)                                                                        \
	X(F_PRETOUCHED, "pretouched", MP_DX_BYTES, "heap pages in RSS before any object",        \
	  fact_pretouched)                                                                       \
	X(F_HEAP_USED, "heap-used", MP_DX_BYTES, "used by the heap's word", fact_heap_used)      \
	X(F_OFFHEAP, "offheap", MP_DX_BYTES, "beside the heap, held by objects in it",           \
	  fact_offheap)                                                                          \
	X(F_OFFHEAP_SHARE, "offheap-share", MP_DX_RATIO, "of that and what the heap uses",       \
	  fact_offheap_share)                                                                    \
	X(F_OFFHEAP_GROWTH, "offheap-growth", MP_DX_BYTES, "its growth", fact_offheap_growth)    \
	X(F_OUTSIDE, "outside", MP_DX_BYTES, "malloc's and other anonymous memory in RSS",       \
	  fact_outside)                                                                          \
	X(F_SINCE_MAJOR, "since-major", MP_DX_SECONDS, "since the last major collection",        \
	  fact_since_major)                                                                      \
	/* native memory (facts_native.c) */                                                     \
	DX_FACTS_NATIVE(X)                                                                       \
	/* mappings, pages (facts_pages.c) */                                                    \
	X(F_LAZYFREE, "lazyfree", MP_DX_BYTES, "left to the kernel by MADV_FREE, in RSS",        \
	  fact_lazyfree)                                                                         \
	X(F_LAZY_SINCE, "lazyfree-since", MP_DX_SECONDS, "the first of it", fact_lazy_since)     \
	X(F_FILE, "file", MP_DX_BYTES, "RssFile", fact_file)                                     \
	X(F_FILE_TOP, "file-top", MP_DX_BYTES, "... of it the five files with the most",         \
	  fact_file_top)                                                                         \
	X(F_FILE_DIRTY, "file-dirty", MP_DX_BYTES, "... of it not written to disk yet, at most", \
	  fact_file_dirty)                                                                       \
	X(F_SHARED, "shared", MP_DX_BYTES, "RssFile and RssShmem", fact_shared)                  \
	X(F_MULTI, "counted-again", MP_DX_BYTES,                                                 \
	  "pages of one file that RSS has once more for each mapping", fact_multi)               \
	X(F_GROUP, "processes", MP_DX_COUNT, "processes whose PSS was read", fact_group)         \
	X(F_GROUP_RSS, "group-rss", MP_DX_BYTES, "the sum of their RSS", fact_group_rss)         \
	X(F_GROUP_PSS, "group-pss", MP_DX_BYTES, "the sum of their PSS", fact_group_pss)         \
	X(F_GROUP_SHARED, "group-shared", MP_DX_BYTES, "... of it RssFile and RssShmem",         \
	  fact_group_shared)                                                                     \
	X(F_GROUP_TWICE, "group-twice", MP_DX_BYTES,                                             \
	  "what the sum of RSS has again for each that maps it", fact_group_twice)               \
	X(F_SHMEM_GROWTH, "shmem-growth", MP_DX_BYTES,                                           \
	  "shared memory, end less begin, each page once", fact_shmem_growth)                    \
	X(F_SHMEM_P, "shmem-chance", MP_DX_RATIO, "chance of such a rise (Mann-Kendall)",        \
	  fact_shmem_p)                                                                          \
	X(F_SHMEM_BEND, "shmem-bend", MP_DX_RATIO, "its slope in the last third over all",       \
	  fact_shmem_bend)                                                                       \
	X(F_SHMEM_NEW, "shmem-new", MP_DX_RATIO,                                                 \
	  "shared memory mapped in the last third, of its growth then", fact_shmem_new)          \
	X(F_SHMEM_OWN, "shmem-own", MP_DX_RATIO, "shared memory that no other process maps",     \
	  fact_shmem_own)                                                                        \
	X(F_LOCKED, "locked", MP_DX_BYTES, "locked in memory", fact_locked)                      \
	X(F_FILLED, "filled", MP_DX_BYTES, "brought in by populate, mlock and the like",         \
	  fact_filled)                                                                           \
	X(F_HUGETLB, "hugetlb", MP_DX_BYTES, "HugetlbPages, not in RSS", fact_hugetlb)           \
	X(F_HUGE, "huge", MP_DX_BYTES, "anonymous memory in huge pages", fact_huge)              \
	X(F_HUGE_UNASKED, "huge-unasked", MP_DX_BYTES,                                           \
	  "came with a huge page beside the page that was touched", fact_huge_unasked)           \
	X(F_COLLAPSED, "collapsed", MP_DX_BYTES, "in huge pages, and no fault brought it in",    \
	  fact_collapsed)                                                                        \
	X(F_REMOTE, "unfaulted", MP_DX_BYTES,                                                    \
	  "became resident by no fault and no call of the process", fact_remote)                 \
	X(F_COW_SHARED, "copied", MP_DX_BYTES,                                                   \
	  "copied by writes while a relative had the page too", fact_cow_shared)                 \
	X(F_PART_FALL, "anon-fell", MP_DX_BYTES, "RssAnon, its highest less the end",            \
	  fact_part_fall)                                                                        \
	X(F_PART_CHARGE, "charge-fell", MP_DX_BYTES, "... and what is charged, meanwhile",       \
	  fact_part_charge)                                                                      \
	X(F_PART_HIDDEN, "charge-hidden", MP_DX_BYTES,                                           \
	  "charged, and neither anonymous, file, shmem nor the kernel's", fact_part_hidden)      \
	/* limits (facts_limit.c) */                                                             \
	X(F_GROUP_LIMIT, "group-limit", MP_DX_BYTES,                                             \
	  "limit of the control group (memory.max or memory.high)", fact_group_limit)            \
	X(F_CHARGED, "charged", MP_DX_BYTES, "charged to the control group", fact_charged)       \
	X(F_FILL, "group-fill", MP_DX_RATIO, "charged, of the group's limit", fact_fill)         \
	X(F_CACHE, "group-cache", MP_DX_BYTES,                                                   \
	  "page cache and reclaimable slab of the group, not mapped here", fact_cache)           \
	X(F_BEYOND, "beyond-rss", MP_DX_BYTES,                                                   \
	  "charged beyond the RSS of the group's processes that are watched", fact_beyond)       \
	X(F_KILLED, "killed", MP_DX_COUNT, "killed by the kernel for lack of memory",            \
	  fact_killed)                                                                           \
	X(F_SHORT, "group-short", MP_DX_RATIO,                                                   \
	  "charged for what cannot be dropped, of the group's limit", fact_short)                \
	X(F_RSS_SHARE, "rss-share", MP_DX_RATIO, "RSS, of the group's limit", fact_rss_share)    \
	X(F_ANON_SHARE, "group-anon-share", MP_DX_RATIO,                                         \
	  "anonymous memory of all in the group, of its limit", fact_anon_share)                 \
	X(F_BESIDE, "beside-group", MP_DX_BYTES,                                                 \
	  "charged for what cannot be dropped, beside this process", fact_beside)                \
	X(F_HEAP_MAX, "heap-limit", MP_DX_BYTES, "the heap's own limit", fact_heap_max)          \
	X(F_BESIDE_HEAP, "beside-heap", MP_DX_BYTES,                                             \
	  "RSS beside the heap (95 % of the moments have less)", fact_beside_heap)               \
	X(F_BESIDE_PROCESS, "beside-process", MP_DX_BYTES,                                       \
	  "charged beside the process, not droppable (95 % of the time less)",                   \
	  fact_beside_process)                                                                   \
	X(F_MISFIT_NEED, "misfit-need", MP_DX_BYTES,                                             \
	  "the heap's limit and all that lies beside it", fact_misfit_need)                      \
	X(F_MISFIT_OVER, "misfit-over", MP_DX_BYTES, "... beyond the group's limit",             \
	  fact_misfit_over)                                                                      \
	X(F_MISFIT_FILL, "misfit-fill", MP_DX_RATIO,                                             \
	  "what lives in the heap now and all beside it, of the group's limit",                  \
	  fact_misfit_fill)                                                                      \
	X(F_HEAP_SHARE, "heap-share", MP_DX_RATIO, "what lives in the heap, of its own limit",   \
	  fact_heap_share)                                                                       \
	X(F_REREAD_TIME, "reread-time", MP_DX_SECONDS,                                           \
	  "time at the limit with many faults that waited for a disk", fact_reread_time)         \
	X(F_REREAD_RATE, "reread-rate", MP_DX_PER_SECOND, "such faults in that time",            \
	  fact_reread_rate)                                                                      \
	X(F_REREAD, "read-again", MP_DX_BYTES, "of files, read again soon after it was dropped", \
	  fact_reread)                                                                           \
	X(F_REREAD_SHARE, "read-again-share", MP_DX_RATIO,                                       \
	  "pages read again over faults that waited for a disk", fact_reread_share)              \
	X(F_STALLED, "stalled", MP_DX_RATIO,                                                     \
	  "of the last 10 s, that all in the group stood still for memory", fact_stalled)        \
	X(F_SWAP, "swap", MP_DX_BYTES, "VmSwap", fact_swap)                                      \
	X(F_SWAPIN_RATE, "swap-in-rate", MP_DX_PER_SECOND, "pages that came back from swap",     \
	  fact_swapin_rate)                                                                      \
	X(F_SWAPIN_SHARE, "swap-in-share", MP_DX_RATIO,                                          \
	  "faults that waited for swap, of all that waited for a disk", fact_swapin_share)       \
	X(F_HEAP_IN, "heap-in-memory", MP_DX_RATIO, "heap resident, over heap in use",           \
	  fact_heap_in)

enum dx_fact {
#define X(id, name, unit, what, fn) id,
	DX_FACTS(X)
#undef X
		F_N,
};

/* v is NAN when it is not known, and why says so. */
struct dx_val {
	double v;
	uint64_t ts; /* the moment that shows it best, MP_UNKNOWN: none */
	const char *why;
};

/* One major collection that told what it left, oldest first. */
struct dx_floor {
	size_t n;
	double *t, *v; /* seconds; bytes */
};

/*
 * The live set over time: exact where a major collection told it. Between two of them it is
 * taken to have grown as what was in use did, in the share that the second one left; behind
 * the last in the less of the last two such shares. That is an estimate, and said to be.
 */
struct dx_live {
	size_t n;
	double *t, *v; /* seconds; bytes: the last at the judged end */
	double *w;     /* bytes allocated until then: how far the work is, however fast it goes */
	double kept;   /* that share, 0 to 1; NAN: fewer than two major collections */
};

/* What facts are worked out of. */
struct dx_ctx {
	const struct mp_model *m;
	const struct mp_proc *p;
	const struct dx_series *s;
	const struct mp_thresholds *thr;
	const struct mp_diagnose_opts *o;
	bool whole; /* p came while it was looked at and ran no exec: its sums are of that alone */
	size_t end; /* samples before this one are judged: without the process's own end */
	const struct mp_gc *gcs; /* of p, without those of what it was before an exec */
	size_t n_gcs;
	struct dx_floor floor;
	struct dx_live live;
	bool have[F_N];
	struct dx_val val[F_N];
};

const struct dx_val *dx_fact(struct dx_ctx *c, enum dx_fact f);
const char *dx_fact_name(enum dx_fact f);
const char *dx_fact_what(enum dx_fact f);
enum mp_dx_unit dx_fact_unit(enum dx_fact f);
/* F_N: there is none of that name. */
enum dx_fact dx_fact_find(const char *name, size_t len);

/* --- for those who write facts ------------------------------------------------------ */

struct dx_val dx_known(double v);
struct dx_val dx_at(double v, uint64_t ts);
struct dx_val dx_unknown(const char *why);
/* A column at the judged end, at its begin (first known), its highest, its growth. */
double dx_last(const struct dx_ctx *c, enum dx_col col);
double dx_first(const struct dx_ctx *c, enum dx_col col);
double dx_max(const struct dx_ctx *c, enum dx_col col);
double dx_growth(const struct dx_ctx *c, enum dx_col col);
/* What a sum has counted of this program while it was looked at: a short life has counted
 * much before its first sample. */
double dx_counted(const struct dx_ctx *c, enum dx_col sum);
/* Bytes that a runtime says it holds outside its heap, at sample i; NAN where it does not say. */
double dx_external(const struct dx_ctx *c, size_t i);
/* G1 has an eden and no survivor space `s0`: its counters leave that at 0. */
bool dx_g1_pools(const struct dx_ctx *c);
/* The process ended, and nobody killed it. */
bool dx_ended(const struct mp_proc *p);
/* A collection of the whole heap that told what it left. */
bool dx_major(const struct mp_gc *g);
/* Sum of columns at sample i; NAN where one is. */
double dx_sum(const struct dx_ctx *c, size_t i, const enum dx_col *cols, size_t n);
/* Seconds of the stream as ts, and back. */
uint64_t dx_ts(const struct dx_ctx *c, double t);
double dx_t(const struct dx_ctx *c, uint64_t ts);
/* NAN where either is: fmin() and fmax() would take the other. */
double dx_min(double a, double b);
double dx_max2(double a, double b);
/* dx_unknown() where v is NAN, else known. */
struct dx_val dx_or(double v, const char *why);

/* Fills c->live out of the collections. 0 or -ENOMEM; the caller frees c->live.t. */
int dx_read_live(struct dx_ctx *c);

/* A file and what of it is resident in a process, by all its mappings. */
struct dx_file {
	uint64_t dev, ino, start;
	uint32_t name; /* string id */
	unsigned maps;
	double bytes;
};
#define DX_FILES 5
/* Those with the most, the most first: files proper, or shared memory and memfds. */
size_t dx_files(const struct mp_proc *p, struct dx_file top[DX_FILES]);
size_t dx_shmems(const struct mp_proc *p, struct dx_file top[DX_FILES]);

#define X(id, name, unit, what, fn) struct dx_val fn(struct dx_ctx *c);
DX_FACTS(X)
#undef X

#endif /* MEMPROF_DIAGNOSE_FACTS_H */
