/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * thresholds.h - every number that a rule compares with, by name.
 *
 * Append only: users' files name them. X(id, name, default, unit, what it is for)
 */
#ifndef MEMPROF_DIAGNOSE_THRESHOLDS_H
#define MEMPROF_DIAGNOSE_THRESHOLDS_H

#define MIB_D 1048576.0

/* native memory (rules_native.c) */
#define DX_THRESHOLDS_NATIVE(X)                                                                   \
	X(T_NATIVE_SHARE, "native-share", 0.3, MP_DX_RATIO, "of anonymous memory, in malloc's")   \
	X(T_STILL_SHARE, "native-still-share", 0.05, MP_DX_RATIO,                                 \
	  "a figure so near its highest does not grow")                                           \
	X(T_STILL, "native-still", 3, MP_DX_SECONDS,                                              \
	  "a burst is over when nothing came for so long")                                        \
	X(T_RATCHET_SHARE, "ratchet-share", 0.8, MP_DX_RATIO, "most of what came")                \
	X(T_RATCHET_TIME, "ratchet-time", 0.33, MP_DX_RATIO,                                      \
	  "... came in bursts if it came in so little of the time")                               \
	X(T_RETAIN_BACK, "retention-back", 0.2, MP_DX_RATIO,                                      \
	  "malloc keeps what it had when it gave back less of it")                                \
	X(T_RETAIN_FREED, "retention-freed", 0.5, MP_DX_RATIO,                                    \
	  "... though the heap has freed so much of what it was for")                             \
	X(T_ARENAS_FEW, "arenas", 4, MP_DX_COUNT, "many arenas")                                  \
	X(T_ARENAS_CPU, "arenas-per-cpu", 2, MP_DX_RATIO,                                         \
	  "... are more than so many for each CPU")                                               \
	X(T_DECAY_BACK, "decay-back", 0.1, MP_DX_RATIO,                                           \
	  "a malloc library keeps what it had when it purged less of it")                         \
	X(T_DECAY_QUIET, "decay-quiet", 0.01, MP_DX_RATIO,                                        \
	  "a program is idle whose pages come and go at less than this of the most")              \
	X(T_DECAY_PURGED, "decay-purged", 0.5, MP_DX_RATIO,                                       \
	  "... and the library purges while it works, so much of what it keeps")                  \
	X(T_NATIVE_TAU, "native-order", 0.7, MP_DX_RATIO,                                         \
	  "Kendall's tau of native memory or threads that rise")                                  \
	X(T_NATIVE_LATE, "native-late", 0.5, MP_DX_RATIO,                                         \
	  "the pace at the end over the mean: growth goes on")                                    \
	X(T_NATIVE_LEAST, "native-rising", 4, MP_DX_SECONDS,                                      \
	  "growth is judged when it was seen so long")                                            \
	X(T_NATIVE_SURE, "native-rising-sure", 30, MP_DX_SECONDS,                                 \
	  "... and is no start when it was seen so long")                                         \
	X(T_START_SOON, "start-soon", 10, MP_DX_SECONDS,                                          \
	  "attached to within so long of its start: it begins")                                   \
	X(T_START_LONG, "start-long", 55, MP_DX_SECONDS,                                          \
	  "who began, and grew steadily for so long, leaks: a full minute but for its ends")      \
	X(T_START_PACE, "start-pace", 0.8, MP_DX_RATIO,                                           \
	  "... steadily: its pace at the end over the mean")                                      \
	X(T_START_ORDER, "start-order", 0.9, MP_DX_RATIO, "... and Kendall's tau of its growth")  \
	X(T_MAPS_LEFT, "maps-left", 500, MP_DX_COUNT, "mappings that became more by so many")     \
	X(T_MAPS_TAU, "maps-order", 0.9, MP_DX_RATIO,                                             \
	  "Kendall's tau of mappings that become more")                                           \
	X(T_MAPS_MAX, "max-map-count", 65530, MP_DX_COUNT,                                        \
	  "mappings of a process that the kernel allows (vm.max_map_count)")                      \
	X(T_MAPS_NEAR, "maps-near", 0.7, MP_DX_RATIO, "... and so many of them are near")         \
	X(T_THREADS_MORE, "threads-more", 50, MP_DX_COUNT, "threads that became more by so many") \
	X(T_STACKS_LEFT, "stacks-left", 20, MP_DX_COUNT, "stacks without a thread")               \
	X(T_STACKS_CACHE, "stack-cache", 40 * MIB_D, MP_DX_BYTES,                                 \
	  "stacks that glibc keeps for threads to come (nptl/allocatestack.c)")                   \
	X(T_STACK_DEEP, "stack-deep", 4 * MIB_D, MP_DX_BYTES, "a deep stack")

#define DX_THRESHOLDS(X)                                                                          \
	/* what matters at all */                                                                 \
	X(T_ONE, "one", 1, MP_DX_COUNT, "compares with another figure as it is")                  \
	X(T_SIG_BYTES, "significant-bytes", 64 * MIB_D, MP_DX_BYTES, "less is nobody's incident") \
	X(T_SIG_SHARE, "significant-share", 0.10, MP_DX_RATIO, "... nor is less of RSS")          \
	X(T_SIG_LIMIT_BYTES, "significant-bytes-limited", 32 * MIB_D, MP_DX_BYTES,                \
	  "the same where a control group has a limit")                                           \
	X(T_SIG_LIMIT_SHARE, "significant-share-limited", 0.05, MP_DX_RATIO, "... of that limit") \
	X(T_TREND_P, "trend-chance", 0.01, MP_DX_RATIO,                                           \
	  "a series rises when chance does so more seldom (Mann-Kendall)")                        \
	X(T_FEW_MAJORS, "major-collections", 5, MP_DX_COUNT,                                      \
	  "a live set is judged behind so many major collections")                                \
	X(T_MANY_MAJORS, "major-collections-sure", 8, MP_DX_COUNT,                                \
	  "... and surely behind so many")                                                        \
	X(T_WINDOW, "window", 600, MP_DX_SECONDS, "less time lowers the confidence")              \
	X(T_WINDOW_LEAST, "window-least", 5, MP_DX_SECONDS, "less time: only levels are judged")  \
	X(T_LOSS_SHARE, "lost-share", 0.05, MP_DX_RATIO,                                          \
	  "with more events lost, what rests on calls and faults is withheld")                    \
	/* heap (rules_heap.c) */                                                                 \
	X(T_LEAK_TAU, "leak-order", 0.7, MP_DX_RATIO, "Kendall's tau of the live set that rises") \
	X(T_LEAK_BEND, "leak-bend", 0.7, MP_DX_RATIO,                                             \
	  "the slope of the last third over the first: a leak goes on")                           \
	X(T_CACHE_BEND, "cache-bend", 0.3, MP_DX_RATIO,                                           \
	  "... and a cache that has filled does not")                                             \
	X(T_LEAK_MAJORS, "leak-collections", 2, MP_DX_COUNT,                                      \
	  "a live set that grows is suspected behind so many major collections")                  \
	X(T_LEAK_CHANCE, "leak-chance", 0.05, MP_DX_RATIO,                                        \
	  "a live set rises; of five collections chance is never 0.01")                           \
	X(T_LEAK_POINTS, "leak-points", 6, MP_DX_COUNT,                                           \
	  "... and collections of any kind that told what they left")                             \
	X(T_LEAK_KEPT, "leak-kept", 0.7, MP_DX_RATIO,                                             \
	  "... if they left so much of what had come since the one before")                       \
	X(T_YOUNG, "young-heap", 4, MP_DX_RATIO,                                                  \
	  "a live set that multiplied by more may be a program's start: level info")              \
	X(T_LEAK_RSS, "leak-resident", 0.6, MP_DX_RATIO, "of that growth, in RSS as well")        \
	X(T_EVEN, "leak-even", 1.3, MP_DX_RATIO, "thirds that differ by less are even")           \
	X(T_UNEVEN, "leak-uneven", 1.6, MP_DX_RATIO, "... and by more, uneven")                   \
	X(T_STAYED, "leak-stayed", 0.3, MP_DX_RATIO, "of what is allocated, that stays: much")    \
	X(T_CACHE_MAJORS, "cache-collections", 3, MP_DX_COUNT,                                    \
	  "a live set that levels off is judged behind so many major collections")                \
	X(T_CACHE_TAU, "cache-order", 0.5, MP_DX_RATIO, "tau of a live set that filled")          \
	X(T_CACHE_ROOM, "cache-room", 0.8, MP_DX_RATIO, "of the limit, where a cache may end")    \
	X(T_QUEUE_DRAIN, "queue-drained", 0.5, MP_DX_RATIO,                                       \
	  "of its rise, that a live set lost again when a queue drained")                         \
	X(T_QUEUE_STEPS, "queue-collections", 3, MP_DX_COUNT,                                     \
	  "... seen by so many major collections, not at once")                                   \
	X(T_QUEUE_INPUT, "queue-input", 0.5, MP_DX_RATIO, "... when input fell by so much")       \
	X(T_FALLEN, "live-fallen", 0.2, MP_DX_RATIO, "of its rise: what lost more did not stay")  \
	X(T_LARGE, "pinned-mapping", 1 * MIB_D, MP_DX_BYTES, "a mapping of a large object")       \
	X(T_LARGE_SHARE, "pinned-share", 0.7, MP_DX_RATIO, "of the heap, in such mappings")       \
	X(T_BASELINE, "baseline-growth", 100 * MIB_D, MP_DX_BYTES, "heap in use over the first")  \
	X(T_RISING, "rising-samples", 5, MP_DX_COUNT, "figures in a row, each above the last")    \
	X(T_MINOR_RATE, "minor-rate", 20, MP_DX_PER_SECOND, "minor collections, often")           \
	X(T_MAJOR_RATE, "major-rate", 1, MP_DX_PER_SECOND, "major collections, often")            \
	X(T_PAUSE_SHARE, "pause-share", 0.4, MP_DX_RATIO, "of the time in pauses: too much")      \
	X(T_LIMIT_NEAR, "limit-near", 0.85, MP_DX_RATIO, "of the heap's limit, live")             \
	/* what a collector keeps (rules_gc.c) */                                                 \
	X(T_SETTLE, "settle", 10, MP_DX_SECONDS,                                                  \
	  "a heap that was not used for so long and gives nothing back keeps it")                 \
	X(T_SETTLE_GO, "settle-go", 30, MP_DX_SECONDS,                                            \
	  "the same for Go, which returns memory slowly, beside the program")                     \
	X(T_BEATS, "beats-missed", 3, MP_DX_COUNT,                                                \
	  "... and so many times the distance of its collections")                                \
	X(T_REUSED, "reused-share", 0.1, MP_DX_RATIO,                                             \
	  "of what is kept: a collection that freed so much says that it is used")                \
	X(T_RETAINED_SHARE, "retained-share", 0.5, MP_DX_RATIO,                                   \
	  "of the heap in RSS, kept without need")                                                \
	X(T_RETURNED_SHARE, "returned-share", 0.1, MP_DX_RATIO,                                   \
	  "of what is kept: when more was given back it is being given back")                     \
	X(T_NO_COLLECTION, "no-collection", 30, MP_DX_SECONDS,                                    \
	  "since the last major collection: what is in use may be garbage")                       \
	X(T_PRESIZED, "presized", 0.98, MP_DX_RATIO,                                              \
	  "committed, of the limit: the size of the heap was chosen")                             \
	X(T_SPARSE, "sparse", 0.35, MP_DX_RATIO, "in use, of committed: few objects in much")     \
	X(T_SPARSE_MAJORS, "sparse-majors", 3, MP_DX_COUNT,                                       \
	  "so many major collections in a row must have left it so")                              \
	X(T_SPARSE_FOR, "sparse-for", 5, MP_DX_SECONDS, "... the first of them so long ago")      \
	X(T_SPARSE_RESIDENT, "sparse-resident", 0.8, MP_DX_RATIO, "of committed, in RSS")         \
	X(T_SPARSE_RETURNED, "sparse-returned", 0.2, MP_DX_RATIO,                                 \
	  "of what is pinned: each of them gave back no more")                                    \
	X(T_HALF, "half", 0.5, MP_DX_RATIO, "the larger part of another figure")                  \
	X(T_THRASH_FULL, "thrash-full", 0.85, MP_DX_RATIO, "of the heap's limit, live")           \
	X(T_THRASH_FREED, "thrash-freed", 0.15, MP_DX_RATIO,                                      \
	  "of the heap, freed by a collection: less is little")                                   \
	X(T_THRASH_RATE, "thrash-rate", 1, MP_DX_PER_SECOND, "major collections, too many")       \
	X(T_THRASH_RATE_GO, "thrash-rate-go", 10, MP_DX_PER_SECOND, "the same of Go's")           \
	X(T_THRASH_PAUSE, "thrash-pause", 0.3, MP_DX_RATIO, "of the time, stood still for them")  \
	X(T_THRASH_FOR, "thrash-for", 10, MP_DX_SECONDS, "so long in all")                        \
	X(T_FILLS_REFAULT, "fills-refault", 0.1, MP_DX_RATIO,                                     \
	  "of what a heap has filled, touched again: more was given back and taken")              \
	X(T_OFFHEAP_SHARE, "offheap-share", 0.35, MP_DX_RATIO,                                    \
	  "of what objects hold, beside the heap")                                                \
	/* native memory (rules_native.c) */                                                      \
	DX_THRESHOLDS_NATIVE(X)                                                                   \
	/* mappings, pages (rules_pages.c) */                                                     \
	X(T_LAZY_SHARE, "lazyfree-share", 0.15, MP_DX_RATIO,                                      \
	  "of anonymous memory, left by MADV_FREE")                                               \
	X(T_FILE_SHARE, "file-share", 0.25, MP_DX_RATIO, "of RSS, pages of mapped files")         \
	X(T_FILE_TOP, "file-top-share", 0.7, MP_DX_RATIO, "of those, in five files")              \
	X(T_FILE_DIRTY, "file-dirty-share", 0.3, MP_DX_RATIO, "of those, not written to disk")    \
	X(T_MULTI_SHARE, "counted-again-share", 0.33, MP_DX_RATIO,                                \
	  "of file and shared pages, counted again")                                              \
	X(T_DOUBLE, "shared-double", 1.3, MP_DX_RATIO, "RSS of processes over their PSS")         \
	X(T_DOUBLE_SHARE, "shared-double-share", 0.5, MP_DX_RATIO,                                \
	  "of the RSS of those, of files and shared memory")                                      \
	X(T_SHMEM_BEND, "shmem-bend", 0.3, MP_DX_RATIO,                                           \
	  "shared memory that still grows: slope of the last third over the whole one's")         \
	X(T_SHMEM_OWN, "shmem-own-share", 0.5, MP_DX_RATIO,                                       \
	  "of a process's shared memory, mapped by it alone")                                     \
	X(T_LOCKED_SHARE, "locked-share", 0.5, MP_DX_RATIO, "of RSS, locked")                     \
	X(T_HUGE_SHARE, "huge-share", 0.25, MP_DX_RATIO, "of anonymous memory, in huge pages")    \
	X(T_CHARGE_KEPT, "charge-fall", 0.3, MP_DX_RATIO,                                         \
	  "the charge fell by less than this share of RSS's fall")                                \
	X(T_HIDDEN, "charge-hidden-share", 0.5, MP_DX_RATIO,                                      \
	  "of RSS's fall, still charged and in no figure of the group")                           \
	/* limits (rules_limit.c) */                                                              \
	X(T_GROUP_NEAR, "group-near", 0.95, MP_DX_RATIO, "of its limit: a control group is full") \
	X(T_MISFIT, "misfit", 0.95, MP_DX_RATIO,                                                  \
	  "of the group's limit, that a full heap and what lies beside it may take")              \
	X(T_MISFIT_BAD, "misfit-bad", 0.7, MP_DX_RATIO,                                           \
	  "... that what lives in the heap now and what lies beside it takes: it is near")        \
	X(T_HEAP_FAR, "heap-far", 0.9, MP_DX_RATIO,                                               \
	  "of its own limit: a heap below is far from it")                                        \
	X(T_CACHE_FILL, "cache-fill", 0.7, MP_DX_RATIO,                                           \
	  "of the group's limit: figures of the container are looked at")                         \
	X(T_CACHE_SHARE, "cache-share", 0.7, MP_DX_RATIO,                                         \
	  "of what is charged beyond RSS, page cache and slab")                                   \
	X(T_OUTSIDE, "outside-share", 0.6, MP_DX_RATIO,                                           \
	  "of the group's limit: a process that has less did not fill it")                        \
	X(T_REREAD_RATE, "reread-rate", 50, MP_DX_PER_SECOND, "faults that wait for a disk")      \
	X(T_REREAD_TIME, "reread-time", 10, MP_DX_SECONDS, "... for so long in all")              \
	X(T_REREAD, "read-again-share", 0.3, MP_DX_RATIO,                                         \
	  "pages read again over such faults: no first reading")                                  \
	X(T_STALLED, "stalled", 0.1, MP_DX_RATIO,                                                 \
	  "of the time all stand still for memory (memory.pressure, full avg10)")                 \
	X(T_SWAPIN_RATE, "swap-in-rate", 50, MP_DX_PER_SECOND, "pages that come back from swap")  \
	X(T_SWAPIN_SHARE, "swap-in-share", 0.4, MP_DX_RATIO,                                      \
	  "of the faults that wait for a disk: with more it is swap, with less files")            \
	X(T_HEAP_IN, "heap-in-memory", 0.7, MP_DX_RATIO,                                          \
	  "of the heap in use: less is resident of one that is in swap")

enum dx_threshold {
#define X(id, name, def, unit, what) id,
	DX_THRESHOLDS(X)
#undef X
		T_N,
};

struct mp_thresholds {
	double v[T_N];
};

/* Its name in a file. */
const char *dx_threshold_name(enum dx_threshold t);
double dx_threshold_default(enum dx_threshold t);

#endif /* MEMPROF_DIAGNOSE_THRESHOLDS_H */
