/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gc.h - libmpgc, a precise, moving, generational collector for C programs.
 *
 * The public face: heaps, mutators, types, allocation, roots, the write barrier,
 * collection, limits, release of memory, statistics. docs/libmpgc.3 says how they
 * are used together. This file owns the names and the few inline fast paths; it
 * must not show how the heap is built.
 *
 * A mutator is what a thread uses a heap with; a heap has up to GC_MUTATORS_MAX, a
 * thread one for each heap. Functions that take a mutator are called by its thread
 * only; functions that take a heap may be called by any thread.
 *
 * Objects move at every collection, and every function marked COLLECTS may
 * collect. A C variable that holds a reference across such a call must be in a
 * frame (GC_FRAME), a handle, or a place a root provider visits.
 *
 * Errors are negative errno values; failed allocation is NULL. Sizes are bytes,
 * times are nanoseconds of CLOCK_MONOTONIC unless a name says otherwise.
 */
#ifndef MPGC_GC_H
#define MPGC_GC_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GC_API __attribute__((visibility("default")))

struct gc_heap;
struct gc_visitor;
struct gc_global;

/* A reference field or variable, whatever its static type. */
typedef void *gc_slot __attribute__((may_alias));

#define GC_NO_LIMIT SIZE_MAX

/* --- heaps ------------------------------------------------------------------------- */

/* What happens to pages that are free and were written. */
enum gc_advice {
	GC_ADVICE_DONTNEED = 4, /* RSS falls at once; the next touch costs a fault      */
	GC_ADVICE_FREE = 8,     /* the kernel takes them when it must: RSS stays, as
				 * LazyFree; the next touch is cheap                    */
};

/* Lines that are printed, one for each collection (libmpgc(3), LOG). */
enum gc_log {
	GC_LOG_NONE = 0,
	GC_LOG_V8 = 1,    /* as V8's --trace-gc                                      */
	GC_LOG_GO = 2,    /* as Go's gctrace, and scavtrace when pages are released  */
	GC_LOG_JSONL = 3, /* JSON, one object a line                                 */
};

/*
 * To find bugs, bits: what is rare happens all the time (libmpgc(3), DEBUGGING). The
 * first three do something at every zeal_every-th allocation.
 */
enum gc_zeal {
	GC_ZEAL_MINOR = 1,     /* a minor collection                                   */
	GC_ZEAL_MAJOR = 2,     /* a major one                                          */
	GC_ZEAL_SLICES = 4,    /* a step of marking, of one object; always marking     */
	GC_ZEAL_EVACUATE = 8,  /* majors move every old object that can move           */
	GC_ZEAL_PROMOTE = 16,  /* minors leave nothing in the young space              */
	GC_ZEAL_PROTECT = 32,  /* what a minor emptied cannot be touched until the next */
	GC_ZEAL_POISON = 64,   /* what is freed is filled with 0xab                    */
	GC_ZEAL_RELEASE = 128, /* every collection gives all free pages back           */
	GC_ZEAL_NURSERY = 256, /* a young space of 64 KiB                              */
};

/* Set with GC_OPTIONS_INIT; a field that is 0 there means "default". */
struct gc_options {
	size_t struct_size;     /* sizeof(struct gc_options), the version               */
	const char *name;       /* of the heap, for people; copied, cut to 31 bytes     */
	size_t reserve;         /* addresses to reserve; halved until it fits (64 GiB)  */
	size_t young_min;       /* bytes of the eden at the start (1 MiB)               */
	size_t young_max;       /* ... at most (16 MiB; 64 MiB is the most). Two survivor
				 * halves of a sixteenth each come on top               */
	size_t old_limit;       /* hard limit of old, large and pinned objects (none)   */
	size_t soft_limit;      /* of resident and external; collects harder (none)     */
	int gogc;               /* percent of growth before a major; < 0: never (100)   */
	unsigned release_delay_ms; /* age at which free pages go back (1000)            */
	int release_advice;     /* enum gc_advice (GC_ADVICE_DONTNEED)                  */
	int no_release_thread;  /* 1: free pages go back only at gc_tick() and at the
				 * end of collections                                   */
	int no_events;          /* 1: no counters segment and no event ring             */
	unsigned ring_slots;    /* of each ring, of 32 bytes, a power of two (8192)     */
	int verify;             /* 1: gc_verify() after each collection, abort if bad   */
	unsigned rings;         /* event rings: one a mutator's thread, the last shared by
				 * all other threads; 1 to 256 (8)                      */
	int log;                /* enum gc_log; MPGC_LOG in the environment goes before */
	int log_fd;             /* where to; stays the caller's (standard error)        */
	unsigned zeal;          /* enum gc_zeal; MPGC_ZEAL in the environment adds to it */
	unsigned zeal_every;    /* allocations between the steps of such modes (1)      */
	size_t sample_bytes;    /* mean bytes from one ALLOC_SAMPLE event to the next, at
				 * least 4096; 0: none. 512 KiB costs next to nothing   */
	unsigned pause_us;      /* goal for minor collections, microseconds: the eden is
				 * made as small as it takes, down to 64 KiB; 0: none,
				 * the least work in all                                */
	unsigned release_cpu_percent; /* of one processor, that giving pages back may take
				 * (10: 256 MB take 0.2 s); 100: all at once            */
};
#define GC_OPTIONS_INIT { .struct_size = sizeof(struct gc_options) }

/*
 * Creates a heap; opts may be NULL. On success *heap is owned by the caller until
 * gc_heap_destroy(). -EINVAL: an option is out of range or struct_size is not that
 * of a known version; -ENOMEM: no address range could be reserved.
 */
GC_API int gc_heap_create(const struct gc_options *opts, struct gc_heap **heap);

/* Frees the heap and everything in it. Its mutators must be detached: -EBUSY. */
GC_API int gc_heap_destroy(struct gc_heap *heap);

/* --- mutators ---------------------------------------------------------------------- */

#define GC_MUTATORS_MAX 255 /* of one heap at a time */

/* Words of one type: GC_FRAME makes it as an array of them. */
struct gc_frame {
	void *prev;
	void *n;      /* a number */
	void *slot[]; /* n addresses of reference variables */
};

/* The part of a mutator that the inline functions use. */
struct gc_mutator {
	uintptr_t cur; /* next free byte of the allocation buffer               */
	uintptr_t end; /* its end; 0: the next allocation enters the collector  */
	struct gc_frame *frames;
};

/*
 * Makes the calling thread a mutator of the heap. -EEXIST: it is one already;
 * -ENOSPC: the heap has GC_MUTATORS_MAX; -ENOMEM. COLLECTS, as every function that
 * may wait: while a thread waits for one heap, all its heaps may be collected.
 *
 * A collection waits until every mutator has called something that COLLECTS. A
 * thread that may wait for another one, or computes for long, calls gc_safepoint()
 * or is in a blocking region.
 */
GC_API int gc_mutator_attach(struct gc_heap *heap, struct gc_mutator **m);
/* Drops the mutator and its handles; no frame may be open. Objects stay. A thread
 * detaches before it ends. */
GC_API void gc_mutator_detach(struct gc_mutator *m);
GC_API struct gc_heap *gc_mutator_heap(const struct gc_mutator *m);

/*
 * Between begin and end collections do not wait for this thread, and it must not
 * use the mutator or any object: for system calls and locks that may take long.
 * Regions do not nest. Frames and handles stay roots. gc_blocking_end() COLLECTS:
 * it waits for a collection that runs.
 */
GC_API void gc_blocking_begin(struct gc_mutator *m);
GC_API void gc_blocking_end(struct gc_mutator *m);

/* --- types ------------------------------------------------------------------------- */

enum gc_kind {
	GC_DATA = 0,      /* no references                                          */
	GC_BITMAP64 = 1,  /* bit i of `bitmap`: word i of the object is a reference */
	GC_REF_ARRAY = 2, /* struct gc_refs: every element is a reference           */
	GC_CUSTOM = 3,    /* `trace` visits the references                          */
};

struct gc_field {
	const char *name;
	uint32_t offset; /* bytes from the start of the object */
};

/* Calls gc_visit() once for each reference slot of obj. It must not call anything
 * else of this file and must not depend on other objects: they may be moving. */
typedef void (*gc_trace_fn)(void *obj, size_t size, struct gc_visitor *v);

struct gc_type_desc {
	size_t struct_size;   /* sizeof(struct gc_type_desc), the version           */
	const char *name;     /* copied                                             */
	enum gc_kind kind;
	uint32_t size;        /* bytes of an object; arrays: 0                      */
	uint32_t elem;        /* arrays: bytes of an element; else 0                */
	uint64_t bitmap;      /* GC_BITMAP64                                        */
	gc_trace_fn trace;    /* GC_CUSTOM                                          */
	const struct gc_field *fields; /* names for people, copied; may be NULL     */
	uint32_t nfields;
};
#define GC_TYPE_INIT(...) { .struct_size = sizeof(struct gc_type_desc), __VA_ARGS__ }

/* A type of a heap. Its fields serve the inline functions. */
struct gc_type {
	uint64_t header; /* first word of a new object                              */
	uint32_t cell;   /* bytes of an object with its header; arrays: too many   */
	uint32_t elem;
};

/*
 * Registers a type. *type lives as long as the heap. References are always whole
 * 8-byte words at multiples of 8. -EINVAL: kind, size, bitmap and trace do not fit
 * together; -ENOSPC: 2^20 types; -ENOMEM.
 */
GC_API int gc_type_register(struct gc_heap *heap, const struct gc_type_desc *desc,
			    const struct gc_type **type);

/* Arrays begin with their length, in elements. */
struct gc_bytes {
	size_t len;
	unsigned char data[];
};
struct gc_refs {
	size_t len;
	void *ref[];
};
GC_API const struct gc_type *gc_type_bytes(struct gc_heap *heap); /* GC_DATA, elem 1      */
GC_API const struct gc_type *gc_type_refs(struct gc_heap *heap);  /* GC_REF_ARRAY         */
GC_API const char *gc_type_name(const struct gc_heap *heap, const struct gc_type *type);
GC_API const struct gc_type *gc_type_of(const struct gc_heap *heap, const void *obj);

/* --- allocation -------------------------------------------------------------------- */

#define GC_HEADER_UNLOGGED 8ULL /* bit of the word before an object: old, and no store yet */

GC_API void *gc_alloc_slow(struct gc_mutator *m, const struct gc_type *type);

/*
 * Used by gc_alloc(): memory is cleared where it is about to be used, which costs less
 * than clearing buffers ahead. The asm keeps short loops from becoming calls.
 */
static inline void gc_zero_(uintptr_t p, uintptr_t end)
{
	if (end - p > 64) {
		memset((void *)p, 0, end - p);
		return;
	}
	do {
		*(uint64_t *)p = 0;
		p += 8;
		__asm__("" : "+r"(p));
	} while (p < end);
}

/*
 * COLLECTS. A new object of a type of fixed size, all zero, 8-byte aligned. NULL
 * when the hard limit is reached and neither the near-limit callback nor the
 * out-of-memory handler helped.
 */
static inline void *gc_alloc(struct gc_mutator *m, const struct gc_type *type)
{
	uintptr_t p = m->cur, end = p + type->cell;

	if (__builtin_expect(end > __atomic_load_n(&m->end, __ATOMIC_RELAXED), 0))
		return gc_alloc_slow(m, type);
	m->cur = end;
	*(uint64_t *)p = type->header;
	__builtin_prefetch((void *)(p + 512), 1);
	gc_zero_(p + 8, end);
	return (void *)(p + 8);
}

/*
 * COLLECTS. A new array of n elements, all zero; struct gc_bytes or struct gc_refs,
 * or the same shape with elements of type->elem bytes. Arrays over 32 KiB never
 * move, and no page of one is touched by the collector but the first until the
 * program touches it (reference arrays are read by collections). NULL as
 * gc_alloc(), or when n elements cannot be addressed.
 */
GC_API void *gc_alloc_array(struct gc_mutator *m, const struct gc_type *type, size_t n);

/*
 * COLLECTS. The same for objects that never move, so that C code may keep their
 * address: they live in the pinned space, over 32 KiB in the large space. They
 * need a root like any other object, and no page of one is touched before it is
 * used. Slower than gc_alloc(): for buffers, not for everything.
 */
GC_API void *gc_alloc_pinned(struct gc_mutator *m, const struct gc_type *type);
GC_API void *gc_alloc_pinned_array(struct gc_mutator *m, const struct gc_type *type, size_t n);

struct gc_pin;

/*
 * COLLECTS when obj is young. obj does not move from the return of this function to
 * gc_unpin(), and is a root for as long. A young object is moved to the pinned
 * space once, by a minor collection, and never again; others stay where they are.
 * The address to use is gc_pin_get()'s. An object may have several pins. The pin is
 * owned by the caller. NULL: no memory for it.
 */
GC_API struct gc_pin *gc_pin(struct gc_mutator *m, void *obj);
GC_API void *gc_pin_get(const struct gc_pin *pin);
/* Ends the pin, which may be NULL. Of the mutator's heap, and once, or it aborts. */
GC_API void gc_unpin(struct gc_mutator *m, struct gc_pin *pin);

/* Bytes of an object without its header, rounded up to 8. */
static inline size_t gc_object_size(const void *obj)
{
	return (size_t)(__atomic_load_n((const uint64_t *)obj - 1, __ATOMIC_RELAXED) >> 32) * 8 - 8;
}

/* --- roots ------------------------------------------------------------------------- */

/*
 * Used by GC_FRAME. What ends a frame is beside it, not in it: only the frame's own
 * address leaves the function, so this stays in registers.
 */
struct gc_frame_end_ {
	struct gc_mutator *m;
	void **frame;
};
GC_API void gc_frame_lost_(const struct gc_mutator *m, const void *frame);
static inline void gc_frame_push_(struct gc_frame_end_ *e)
{
	e->m->frames = (struct gc_frame *)e->frame;
}
static inline void gc_frame_pop_(struct gc_frame_end_ *e)
{
#ifdef GC_DEBUG
	if ((void **)e->m->frames != e->frame)
		gc_frame_lost_(e->m, e->frame);
#endif
	e->m->frames = (struct gc_frame *)e->frame[0];
}

#define GC_CAT2_(a, b) a##b
#define GC_CAT_(a, b)  GC_CAT2_(a, b)
#define GC_NARG_(a, b, c, d, e, f, g, h, i, j, k, l, n, ...) n
#define GC_NARG(...) GC_NARG_(__VA_ARGS__, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define GC_ADDR_1(a)	    (void *)&(a)
#define GC_ADDR_2(a, ...)  (void *)&(a), GC_ADDR_1(__VA_ARGS__)
#define GC_ADDR_3(a, ...)  (void *)&(a), GC_ADDR_2(__VA_ARGS__)
#define GC_ADDR_4(a, ...)  (void *)&(a), GC_ADDR_3(__VA_ARGS__)
#define GC_ADDR_5(a, ...)  (void *)&(a), GC_ADDR_4(__VA_ARGS__)
#define GC_ADDR_6(a, ...)  (void *)&(a), GC_ADDR_5(__VA_ARGS__)
#define GC_ADDR_7(a, ...)  (void *)&(a), GC_ADDR_6(__VA_ARGS__)
#define GC_ADDR_8(a, ...)  (void *)&(a), GC_ADDR_7(__VA_ARGS__)
#define GC_ADDR_9(a, ...)  (void *)&(a), GC_ADDR_8(__VA_ARGS__)
#define GC_ADDR_10(a, ...) (void *)&(a), GC_ADDR_9(__VA_ARGS__)
#define GC_ADDR_11(a, ...) (void *)&(a), GC_ADDR_10(__VA_ARGS__)
#define GC_ADDR_12(a, ...) (void *)&(a), GC_ADDR_11(__VA_ARGS__)

/*
 * GC_FRAME(m, a, b, ...): from here to the end of the enclosing C block the 1 to 12
 * pointer variables are roots: collections keep what they refer to and update
 * them. Each must be initialised (NULL will do). The frame ends by itself, also at
 * return; after a longjmp over frames call gc_frames_restore(). A program that is
 * compiled with GC_DEBUG defined checks at every end that it is the innermost one's.
 */
#define GC_FRAME_(m, id, ...)                                                                  \
	void *GC_CAT_(gc_frame_, id)[] = { (m)->frames, (void *)(size_t)GC_NARG(__VA_ARGS__),  \
					   GC_CAT_(GC_ADDR_, GC_NARG(__VA_ARGS__))(            \
						   __VA_ARGS__) };                             \
	struct gc_frame_end_ GC_CAT_(gc_end_, id)                                              \
		__attribute__((cleanup(gc_frame_pop_))) = { (m), GC_CAT_(gc_frame_, id) };     \
	gc_frame_push_(&GC_CAT_(gc_end_, id))
#define GC_FRAME(m, ...) GC_FRAME_(m, __COUNTER__, __VA_ARGS__)

static inline struct gc_frame *gc_frames_save(const struct gc_mutator *m)
{
	return m->frames;
}
static inline void gc_frames_restore(struct gc_mutator *m, struct gc_frame *saved)
{
	m->frames = saved;
}

/* A handle is a root slot owned by the mutator; *handle is the current reference. */
typedef gc_slot *gc_handle;

struct gc_scope {
	size_t mark, outer;
};
/* Handles made after open live until the matching close; scopes nest. */
GC_API void gc_scope_open(struct gc_mutator *m, struct gc_scope *scope);
GC_API void gc_scope_close(struct gc_mutator *m, struct gc_scope *scope);
/* A handle for obj (may be NULL) in the innermost scope. NULL: no memory. */
GC_API gc_handle gc_handle_new(struct gc_mutator *m, void *obj);

/* Global handles live until freed. Set only through gc_global_set(); read and set by
 * any attached thread. */
GC_API struct gc_global *gc_global_new(struct gc_mutator *m, void *obj);
GC_API void gc_global_free(struct gc_mutator *m, struct gc_global *g);
GC_API void *gc_global_get(const struct gc_global *g);
GC_API void gc_global_set(struct gc_mutator *m, struct gc_global *g, void *obj);

/* Visits roots kept by the program: calls gc_visit() for each slot. Rules as for
 * gc_trace_fn. */
typedef void (*gc_roots_fn)(struct gc_visitor *v, void *arg);
/* Returns an id >= 0 for gc_remove_root_provider(), -ENOSPC, -EINVAL. */
GC_API int gc_add_root_provider(struct gc_heap *heap, gc_roots_fn fn, void *arg);
GC_API int gc_remove_root_provider(struct gc_heap *heap, int id);

/* slot: the address of a reference variable or field, which may be NULL. */
GC_API void gc_visit(struct gc_visitor *v, void *slot);

/* --- identity ---------------------------------------------------------------------- */

/*
 * The identity of obj: an odd number from 3 on that stays when obj moves and is never
 * given to another object of the heap. Takes some 32 bytes outside the heap until obj is
 * dead. 0: no memory.
 */
GC_API uint64_t gc_id(struct gc_mutator *m, void *obj);

/* --- weak references ----------------------------------------------------------------- */

struct gc_weak;
struct gc_weakmap;

/*
 * A reference that does not keep its object alive. It becomes NULL in the collection
 * that finds the object dead, before finalizers are queued: an object that comes back
 * through gc_finalizer_next() is not found through it again. Owned by the caller until
 * gc_weak_free() or the end of the heap. obj may be NULL. NULL: no memory.
 */
GC_API struct gc_weak *gc_weak_new(struct gc_mutator *m, void *obj);
/* The object, or NULL. From here on a reference like any other: root it. */
GC_API void *gc_weak_get(struct gc_mutator *m, const struct gc_weak *w);
GC_API void gc_weak_set(struct gc_mutator *m, struct gc_weak *w, void *obj);
GC_API void gc_weak_free(struct gc_mutator *m, struct gc_weak *w);

/*
 * A map from objects, by identity, to objects, that keeps no key alive, and a value
 * only as long as its key lives and the map does: ephemerons. A key that is reached
 * only through values of keys that are dead is dead, its own value among them.
 * Entries of dead keys are gone after the collection that finds them so.
 *
 * owner NULL: the map lives until gc_weakmap_free() or the end of the heap. Else it
 * lives as long as the object owner, and the collector frees it then: a language's
 * own WeakMap object has the pointer in a field that is no reference.
 *
 * NULL: no memory. Any thread with a mutator may use any map of the heap; the calls
 * collect nothing.
 */
GC_API struct gc_weakmap *gc_weakmap_new(struct gc_mutator *m, void *owner);
/* Sooner than with its owner, if it has one. The entries go, keys and values stay. */
GC_API void gc_weakmap_free(struct gc_mutator *m, struct gc_weakmap *map);
/* value may be NULL. -EINVAL: key is NULL; -ENOMEM: the entry is as it was. */
GC_API int gc_weakmap_set(struct gc_mutator *m, struct gc_weakmap *map, void *key, void *value);
/* The value, or NULL; *found (unless found is NULL) says whether there is an entry. */
GC_API void *gc_weakmap_get(struct gc_mutator *m, struct gc_weakmap *map, const void *key,
			    int *found);
/* -ENOENT: there was no entry. */
GC_API int gc_weakmap_delete(struct gc_mutator *m, struct gc_weakmap *map, const void *key);
/* Entries, those included whose keys are dead and no collection has found it yet. */
GC_API size_t gc_weakmap_count(struct gc_mutator *m, struct gc_weakmap *map);

/* --- finalizers ---------------------------------------------------------------------- */

/*
 * When a collection finds obj dead it goes to the heap's queue instead, with all that
 * it refers to, and is handed out once for each registration by gc_finalizer_next().
 * It is a live object then: it may be stored, or registered again. tag is the
 * program's own: what to do, for whom. Nothing is queued at the end of the heap.
 * -EINVAL: obj is NULL; -ENOMEM.
 */
GC_API int gc_finalizer_add(struct gc_mutator *m, void *obj, void *tag);
/* Takes back the last registration of obj with this tag. -ENOENT: there is none. */
GC_API int gc_finalizer_remove(struct gc_mutator *m, void *obj, void *tag);
/*
 * The next object of the queue (root it) and its tag (tag may be NULL); NULL: none is
 * left. Objects found dead by an earlier collection come first, those found by one in
 * the order of registration (a major or full collection begins with a minor one, which
 * finds the young). Collecting while the queue is emptied is fine.
 */
GC_API void *gc_finalizer_next(struct gc_mutator *m, void **tag);
/* Objects in the queue. Cheap: for any thread, at any time, also in callbacks. */
GC_API size_t gc_finalizer_pending(const struct gc_heap *heap);

/*
 * Called at the end of a collection that queued something, with the world stopped:
 * may set a flag or write to an eventfd, and call nothing of this file but
 * gc_finalizer_pending(). fn NULL: none.
 */
typedef void (*gc_notify_fn)(struct gc_heap *heap, size_t pending, void *arg);
GC_API void gc_set_finalizer_notify(struct gc_heap *heap, gc_notify_fn fn, void *arg);

/* --- write barrier ----------------------------------------------------------------- */

GC_API void gc_log(struct gc_mutator *m, void *obj, void *slot);

/*
 * The only way to store a reference in an object: *slot, a field of obj, becomes
 * val. (A store of NULL, or into an object just allocated with no allocation since, of
 * less than 32 KiB by gc_object_size(), may be a plain one.) Several threads may store
 * in one object. A thread that reads the field sees val with everything stored in it
 * before.
 */
static inline void gc_write(struct gc_mutator *m, void *obj, void *slot, void *val)
{
	__atomic_store_n((gc_slot *)slot, val, __ATOMIC_RELEASE);
	if (__builtin_expect(__atomic_load_n((const uint64_t *)obj - 1, __ATOMIC_RELAXED) &
				     GC_HEADER_UNLOGGED, 0))
		gc_log(m, obj, slot);
}

/* --- collection -------------------------------------------------------------------- */

enum gc_collect_kind {
	GC_MINOR = 1,   /* the young space                                          */
	GC_MAJOR = 2,   /* everything is marked, old and large are swept            */
	GC_COMPACT = 3, /* as GC_FULL, and old objects move together                */
	GC_FULL = 4,    /* as GC_MAJOR, and nothing stays young: all that is dead is
			 * free                                                     */
};

/* COLLECTS. reason: enum gc_seg_reason of gc_segment.h, or a program's own. */
GC_API int gc_collect(struct gc_mutator *m, enum gc_collect_kind kind, unsigned reason);

/* COLLECTS. Does what is pending, and parks while another thread collects: call it in
 * loops that do not allocate. */
GC_API void gc_safepoint(struct gc_mutator *m);

/* COLLECTS nothing. For idle loops: gives back pages that are due, brings the
 * counters up to date. */
GC_API void gc_tick(struct gc_mutator *m);

/*
 * COLLECTS. For idle loops that have budget_ns to spare: what would have to be done soon
 * anyway. A minor collection when the eden is at least half full; marking, when memory
 * has grown a quarter of the way to its goal, in slices, and the end of the major;
 * sweeping; a smaller young space when it was not used up for release_delay_ms; giving
 * pages back, without a thread for it. Does nothing that is expected to take longer
 * than what is left of the budget, but at least one step unless it is 0: a slice takes
 * up to 0.2 ms, giving 4 MiB back 1 ms, a minor collection or the end of a major its
 * usual pause.
 * Returns 1 if there is more to do, 0 if not.
 */
GC_API int gc_idle(struct gc_mutator *m, uint64_t budget_ns);

/* Gives every free page back now, whatever its age. Returns the bytes. */
GC_API size_t gc_release_all(struct gc_heap *heap);

/* --- memory outside the heap ------------------------------------------------------- */

#define GC_CLASS_ARRAY_BUFFERS 0

/* A new class of external memory. Returns its id, -ENOSPC after 16. Name is copied. */
GC_API int gc_external_class(struct gc_heap *heap, const char *name);
/* Bytes held outside for objects of the heap grew by delta. Counts for the goal.
 * -EINVAL: no such class. */
GC_API int gc_external_adjust(struct gc_heap *heap, int cls, int64_t delta);
/*
 * obj stands for `bytes` bytes outside, of class cls, from now on and instead of what
 * was said before: they count as with gc_external_adjust() until obj is dead, without
 * a finalizer. bytes 0: for none. -EINVAL: no such class, obj is NULL; -ENOMEM.
 */
GC_API int gc_external_attach(struct gc_mutator *m, void *obj, int cls, size_t bytes);
/* Names a range the program mapped itself (code, buffers). Id >= 0, -ENOSPC, -EINVAL. */
GC_API int gc_region_register(struct gc_heap *heap, const char *name, void *addr, size_t len);
GC_API int gc_region_unregister(struct gc_heap *heap, int id);

/* --- limits ------------------------------------------------------------------------ */

/*
 * Called when a full collection left less than `wanted` bytes under the hard limit, or
 * when collections close to it take most of the time (libmpgc(3), Limits); returns the
 * new limit (current to refuse). May free, adjust, drop references; must not allocate
 * from the heap.
 */
typedef size_t (*gc_near_limit_fn)(struct gc_heap *heap, size_t current, size_t initial,
				   size_t wanted, void *arg);
/* Called after that. If it returns, the allocation returns NULL. */
typedef void (*gc_oom_fn)(struct gc_heap *heap, size_t wanted, void *arg);

GC_API void gc_set_near_limit(struct gc_heap *heap, gc_near_limit_fn fn, void *arg);
/* NULL: the default, which prints the last collections to stderr and aborts. */
GC_API void gc_set_oom(struct gc_heap *heap, gc_oom_fn fn, void *arg);
GC_API void gc_set_old_limit(struct gc_heap *heap, size_t bytes);
/* The most the eden may grow to, a power of two from 64 KiB to the option young_max; a
 * larger one gets smaller at the next minor collection. -EINVAL: bytes is not that. */
GC_API int gc_set_young_limit(struct gc_heap *heap, size_t bytes);
GC_API void gc_set_soft_limit(struct gc_heap *heap, size_t bytes);
GC_API void gc_set_gogc(struct gc_heap *heap, int percent);

/* --- statistics -------------------------------------------------------------------- */

/* As enum gc_seg_space; 4 is of memory outside the heap and has no figures here. */
enum gc_space_id { GC_YOUNG = 1, GC_OLD = 2, GC_LARGE = 3, GC_PINNED = 5, GC_NSPACES = 6 };

struct gc_space_stats {
	size_t used;      /* bytes of objects, with headers and rounding            */
	size_t committed; /* bytes the space may fill without asking                */
	size_t resident;  /* bytes in memory, asked from the kernel                 */
};

struct gc_stats {
	/* what process.memoryUsage() of Node.js reports */
	size_t rss;              /* of the process                                  */
	size_t heap_total;       /* spaces' committed, plus owed                    */
	size_t heap_used;
	size_t external;
	size_t array_buffers;
	struct gc_space_stats space[GC_NSPACES]; /* by enum gc_space_id             */
	size_t reserved, mapped; /* addresses; of which readable and writable       */
	size_t owed;             /* free, once written, not given back yet          */
	size_t released_total;
	size_t goal;             /* used + external that start the next major       */
	size_t live;             /* after the last major, or 0                      */
	size_t old_limit, soft_limit;
	uint64_t minor_count, major_count;
	uint64_t minor_pause_ns, major_pause_ns, max_pause_ns;
	uint64_t allocated_total, promoted_total;
	size_t objects_large;
	int events_error;        /* 0, or why there is no counters segment          */
	int events_fd;           /* its memfd, or -1; owned by the heap             */
	size_t objects_pinned;   /* in the pinned space                             */
	size_t pins;             /* of gc_pin(), not yet ended                      */
	size_t mutators;         /* attached now                                    */
	uint64_t safepoints;     /* stops that had to wait for other mutators       */
	uint64_t safepoint_ns;   /* sum over those mutators, request to parked      */
	uint64_t max_safepoint_ns; /* of the slowest ever                           */
	size_t weak_refs;        /* gc_weak_new() and not freed                     */
	size_t ephemerons;       /* entries of all weak maps                        */
	size_t finalizers;       /* registrations                                   */
	size_t finalizers_pending; /* in the queue                                  */
	size_t tables;           /* bytes of the tables of these and of identities  */
};

GC_API void gc_stats_sized(struct gc_heap *heap, struct gc_stats *st, size_t size);

/* Asks the kernel which pages are resident: 4 ns a page of the heap. New fields are
 * added at the end; a program built with fewer gets those it knows. */
static inline void gc_stats(struct gc_heap *heap, struct gc_stats *st)
{
	gc_stats_sized(heap, st, sizeof(*st));
}

/* --- heap snapshots ---------------------------------------------------------------- */

/*
 * COLLECTS. Writes what is reachable to fd in V8's .heapsnapshot format, for the Memory
 * panel of Chrome's DevTools and for memlab; docs/libmpgc.3 says what is in it. The
 * heap stands still until the last byte is taken, so fd must not lead to a thread that
 * waits for the heap. fd stays open and is the caller's. Each object gets an identity,
 * see gc_id(), and keeps it; apart from that 12 bytes for 512 of the heap and 2 bits
 * for each object are needed meanwhile. -ENOMEM; -EPROTO: a trace function or a root
 * provider did not visit the same slots each time; else what write(2) said. After an
 * error the file is of no use. (With a pipe, SIGPIPE is the caller's to ignore.)
 */
GC_API int gc_snapshot_write(struct gc_mutator *m, int fd);

/* COLLECTS. The same into a new file that only its owner may read: it can hold texts of
 * the program. After an error there is no file. -EEXIST, or what open(2) said. */
GC_API int gc_snapshot_save(struct gc_mutator *m, const char *path);

/* --- for people and tests ---------------------------------------------------------- */

/* Writes a short text (at most 360 bytes of it) into the event ring. */
GC_API void gc_note(struct gc_heap *heap, const char *text);

/*
 * Checks every invariant of the heap (docs/libmpgc.3 lists them). 0, or -EFAULT and
 * a sentence in why. Walks the whole heap with the world stopped. COLLECTS, as others
 * may be first.
 */
GC_API int gc_verify(struct gc_mutator *m, char *why, size_t size);

#ifdef __cplusplus
}
#endif
#endif /* MPGC_GC_H */
