/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * internal.h - the heap's structure, shared by the files of gc/ and by nobody else.
 *
 * Owns the object header, the block and page tables and the locking rule:
 *
 *   world_lock     of threads.c: who is parked, the lists of heaps and mutators. Held
 *                  for moments. Taken first.
 *   heap->lock     page and block tables, spaces, types, the mutator list. Held
 *                  during a whole collection. The release thread takes it for one
 *                  batch at a time. Taken by heap_lock() in functions any thread may
 *                  call, mutator_lock() on slow paths of a mutator, world_stop() to
 *                  collect.
 *   heap->ev_lock  everything in the segment but the rings that have an owner.
 *                  Taken last, never around lock.
 *
 * Callbacks that trace run under heap->lock; limit callbacks run without.
 */
#ifndef MPGC_INTERNAL_H
#define MPGC_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "gc/gc.h"
#include "gc/gc_segment.h"
#include "gc/tell.h"

#define KIB(n) ((size_t)(n) << 10)
#define MIB(n) ((size_t)(n) << 20)

#define PAGE_SHIFT   12
#define PAGE_SIZE    ((size_t)1 << PAGE_SHIFT)
#define BLOCK_SHIFT  18
#define BLOCK_SIZE   ((size_t)1 << BLOCK_SHIFT)
#define BLOCK_PAGES  (BLOCK_SIZE / PAGE_SIZE)
#define CHUNK_SHIFT  22 /* step of commits; a chunk with an old block has no large object */
#define CHUNK_SIZE   ((size_t)1 << CHUNK_SHIFT)
#define CHUNK_BLOCKS (CHUNK_SIZE / BLOCK_SIZE)

#define SPAN_SHIFT 13 /* pages of the pinned space */
#define SPAN_PAGE  ((size_t)1 << SPAN_SHIFT)
#define SPAN_PAGES (BLOCK_SIZE / SPAN_PAGE) /* of a block */

#define TLAB_SIZE   KIB(32)
#define CELL_MAX    KIB(32) /* larger cells are large objects */
#define LINE_SHIFT  8
#define LINE_SIZE   ((size_t)1 << LINE_SHIFT)
#define BLOCK_LINES (BLOCK_SIZE / LINE_SIZE)
#define PAGE_LINES  (PAGE_SIZE / LINE_SIZE)
#define SURV_SHIFT  4 /* a survivor half is a sixteenth of the eden */
#define GOAL_MIN    MIB(4)
#define EDEN_MIN    KIB(64) /* goals and limits make it no smaller */
#define YOUNG_LIMIT MIB(64)

/*
 * The word before an object: bit 0 forwarded (the word is then the new address
 * plus 1), 1-2 age, 3 UNLOGGED, 4 PIN (young: goes to the pinned space next; old: is
 * there, or stays where it is), 5 WEAK (weak.c has had to do with the object), 6 HAS_ID
 * (the object is in the table of ids.c), 7 reserved, 8-27 type id, 28 DATA (of a
 * type without references), 29-31 reserved, 32-63 size of the cell, header included, in 8-byte words.
 */
#define HDR_FORWARDED 1ULL
#define HDR_AGE	      (3ULL << 1)
#define HDR_AGE_ONE   (1ULL << 1)
#define HDR_UNLOGGED  GC_HEADER_UNLOGGED
#define HDR_PIN	      (1ULL << 4)
#define HDR_WEAK      (1ULL << 5)
#define HDR_HAS_ID    (1ULL << 6)
#define HDR_FLAGS     0xffULL
#define HDR_DATA      (1ULL << 28)
#define HDR_TYPE_SHIFT 8
#define HDR_TYPE_MAX   (1u << 20)

/* Type 0 is no object: the unused rest of an allocation buffer. */
#define TYPE_FILLER 0

static inline uint64_t *hdr_of(const void *obj)
{
	return (uint64_t *)(uintptr_t)obj - 1;
}
/* Flags of a live object: several threads may set theirs at the same time. */
static inline bool header_has(const void *obj, uint64_t flags)
{
	return __atomic_load_n(hdr_of(obj), __ATOMIC_RELAXED) & flags;
}
static inline void header_set(const void *obj, uint64_t flags)
{
	__atomic_fetch_or(hdr_of(obj), flags, __ATOMIC_RELAXED);
}
static inline size_t hdr_cell(uint64_t h)
{
	return (size_t)(h >> 32) * 8;
}
/* Objects without references have a bit for it: they need no look at their type. */
static inline bool hdr_is_data(uint64_t h)
{
	return h & HDR_DATA;
}
static inline uint32_t hdr_type(uint64_t h)
{
	return (uint32_t)(h >> HDR_TYPE_SHIFT) & (HDR_TYPE_MAX - 1);
}

/*
 * Page states. ABSENT: not resident, reads as zero. INUSE: belongs to an object or
 * to a run handed to an allocator; may be resident or not. DIRTY: free, written
 * since it was last absent. LAZY: free, given back with MADV_FREE: the kernel may
 * still hold it, so it is neither known absent nor known zero.
 */
enum page_state { PAGE_ABSENT = 0, PAGE_INUSE = 1, PAGE_DIRTY = 2, PAGE_LAZY = 3 };

struct block {
	uint8_t kind;	 /* enum gc_seg_space */
	uint8_t inuse;	 /* pages INUSE */
	uint8_t dirty;	 /* pages DIRTY */
	bool unswept;	 /* old: lines and pages are those of before the last marking */
	bool evac;	 /* old: to be emptied */
	bool bits;	 /* its alloc and mark bits may be in memory */
	uint16_t scan;	 /* old: line from which holes are looked for */
	uint32_t next;	 /* old: next block of the same list, or BLOCK_NONE */
	uint32_t live;	 /* old: bytes of objects */
	uint32_t marked; /* old: ... that were marked, or promoted while marking */
};
#define BLOCK_NONE UINT32_MAX
#define HOLE_LISTS 11 /* 1, 2, 4 ... 1024 lines */

/* A run of free lines that is being filled. [start, cur) is not in the sums yet. */
struct hole {
	uintptr_t start, cur, end;
	uint32_t block; /* where it is, or BLOCK_NONE */
};

struct type_info {
	struct gc_type pub;
	enum gc_kind kind;
	uint32_t id;
	uint64_t bitmap;
	gc_trace_fn trace;
	char *name;
	struct gc_field *fields;
	uint32_t nfields;
	uint32_t size;
};

/* The parts of the young space, in order of address. */
enum young_area { EDEN_A = 0, EDEN_B = 1, SURV_A = 2, SURV_B = 3, AREAS = 4 };

/* Cells of the pinned space; classes are numbered from 1. */
struct size_class {
	uint16_t size;	/* bytes of a cell */
	uint16_t cells; /* of a span */
	uint8_t pages;	/* of SPAN_PAGE bytes, of a span */
};
#define NSIZE_CLASSES 68

/* One for each SPAN_PAGE bytes of the reservation. */
struct span {
	uint32_t next; /* span of the class with free cells, or SPAN_NONE */
	uint16_t scan; /* cells below this one hold objects */
	uint8_t cls;   /* 0: no span begins here */
};
#define SPAN_NONE UINT32_MAX

struct large {
	uintptr_t addr; /* of the page run; the header is its first word */
	size_t pages;
};

/* A growing array of words, outside the heap. */
struct vec {
	uintptr_t *v;
	size_t n, cap;
};

struct pinned_space {
	struct span *spans;
	uint32_t *free;        /* per block: bit per page in no span */
	uint64_t *bins;        /* SPAN_PAGES bitmaps over the blocks, see spans.c */
	size_t bin_words;      /* of one bitmap */
	size_t bin_count[SPAN_PAGES + 1], bin_low[SPAN_PAGES + 1];
	uint32_t partial[NSIZE_CLASSES];
	size_t used;           /* bytes of cells with objects */
	size_t objects, blocks;
	struct gc_pin *pins, *free_pins;
	size_t npins;          /* in use */
	struct vec held;       /* old objects with HDR_PIN */
};

struct range {
	uintptr_t start, end;
};

struct gc_global {
	void *obj;
	struct gc_global *next, **prev;
	bool young; /* is in heap->young_globals */
	bool pin;   /* belongs to a pin */
};

struct provider {
	gc_roots_fn fn;
	void *arg;
};
#define NPROVIDERS 32

struct region {
	uintptr_t addr;
	size_t len; /* 0: free entry */
	uint16_t name; /* id of its name, never used twice */
	char label[28];
};
#define NREGIONS 64

enum { VISIT_EVACUATE, VISIT_MARK, VISIT_FIX, VISIT_CHECK, VISIT_CALL };
struct check;
struct copier;
struct gc_visitor {
	struct gc_heap *h;
	int op;
	bool young;   /* EVACUATE: a slot refers to a young object now */
	void *holder; /* object_slots(): the object; NULL: roots */
	struct check *check;
	struct copier *copier; /* EVACUATE */
	void (*fn)(struct gc_visitor *v, gc_slot *slot); /* CALL: must move nothing */
	void *arg;					 /* CALL: fn's own */
};

/* A ring of the segment. Only its thread changes map's contents and seq. */
struct ring {
	struct gc_seg_ring *map; /* NULL: no segment                              */
	uint32_t tid;		 /* the thread that owns it, 0: nobody (or shared) */
	uint32_t seq;		 /* of the next event                              */
};

#define NLINES 8 /* last collections kept for the out-of-memory report */

/* The slices of the marking that is going on, or the last one. */
struct slices {
	uint64_t start, ns, longest; /* of the first; sum; ns */
	unsigned n, reason;
	size_t owed; /* bytes allocated since the last slice */
	size_t told; /* bytes of mark_work in events so far */
	bool done;   /* the last one left nothing to do */
};

#define FUTILE_RUN 4 /* majors near the hard limit that are looked at together */

/* What collecting costs (limits.c). */
struct effort {
	uint64_t ns;   /* in collections and slices that the heap made by itself        */
	uint64_t at, before, cost; /* of the last major: its end; ns then; what it took */
	uint64_t stop;		   /* ... of it in one stop                         */
	struct {
		uint64_t at, ns; /* its end; ns then */
	} end[FUTILE_RUN];	 /* of the last majors, in turn from majors % FUTILE_RUN */
	unsigned majors;
	unsigned near;	/* majors in a row that ended near the hard limit       */
	unsigned share; /* percent of the time, when collections became futile  */
	bool futile;	/* the program is to be told                            */
};

struct mutator {
	struct gc_mutator pub; /* must be first */
	struct gc_heap *h;
	uintptr_t tlab_end; /* true end of the buffer; pub.end is this or 0 */
	bool slice_due;   /* marking is to be done before the next slow allocation */
	struct vec handles; /* of chunk addresses */
	size_t nhandles;
	size_t scope;	    /* number of handles when the innermost open scope began */
	struct range stack; /* of the thread, in a heap that looks for misuse        */
	struct vec log, card_log; /* as the heap's, where they go when the world stops */
	pthread_t thread;
	uint32_t tid;
	struct mutator *next, **prev; /* of the heap */
	struct mutator *mine_next;    /* of the thread */
	unsigned parked; /* > 0: does not run; one for waiting, one for a blocking region */
	bool blocking;
	bool sampled;	    /* the object being allocated is to be told (sample.c) */
	size_t sample_left, direct_left; /* see there */
	uint64_t random;
};

struct gc_heap {
	/* the reservation */
	uintptr_t base;
	size_t reserved;
	void *raw; /* as mapped, before alignment */
	size_t raw_len;
	uintptr_t dyn;	      /* first address after the young space */
	uintptr_t commit_top; /* [dyn, commit_top) is readable and writable */
	size_t mapped;

	/* tables, one entry per block, page, 8 bytes, 512 bytes of the reservation */
	void *meta;
	size_t meta_len;
	struct block *blocks;
	uint16_t *chunk_old; /* old blocks per chunk */
	uint16_t *chunk_pinned;
	uint8_t *page_state;
	uint32_t *page_ms;    /* DIRTY: when it became so, ms since start */
	uint64_t *alloc_bits; /* bit of an object's address: an object starts here */
	uint64_t *mark_bits;
	uint8_t *lines; /* of the old space, one for 256 bytes */
	uint8_t *cards; /* of large reference arrays: logged */
	size_t pages_inuse, pages_dirty, pages_loose;

	/*
	 * Young space: an eden that objects are allocated in, the same addresses after
	 * every collection, and two survivor halves of a sixteenth each. The second eden
	 * is used in turn with the first only when `alternate` is set (a zeal mode).
	 */
	size_t young_max, semi; /* bytes of an eden: reserved, in use            */
	size_t young_min, young_limit; /* ... at the start, at most now          */
	size_t young_mapped[AREAS];
	size_t young_touched[AREAS]; /* bytes from the start that may be resident    */
	unsigned eden, surv;	     /* the areas in use: EDEN_A/B, SURV_A/B         */
	uintptr_t young_top;	     /* end of the part of the eden handed out       */
	uintptr_t surv_top;	     /* end of the survivors                         */
	size_t survivors;	     /* bytes since the last resize                  */
	uint64_t pause_goal; /* of minor collections, ns; 0: none */
	unsigned pauses_short; /* minor collections in a row far below it */
	bool alternate;

	/* old space */
	struct hole small, medium;    /* where objects of up to a line, and longer ones, go */
	uint32_t holes[HOLE_LISTS]; /* swept blocks, by log2 of the longest hole's lines */
	uint32_t sweep_at, sweep_end; /* blocks that may be unswept */
	uint64_t marked_at;	      /* the end of the marking they are of, ns */
	uint8_t epoch;		      /* what line bytes in use have */
	uint8_t line_epoch;	      /* what they get: epoch, or the other while marking */
	size_t old_used;	      /* of holes: up to hole.start */
	size_t old_blocks;
	uintptr_t old_hint; /* no free block in an old chunk below */

	/* large space */
	struct large *large;
	size_t nlarge, large_cap;
	size_t large_used; /* bytes of cells */
	size_t large_pages, large_blocks;

	struct pinned_space pinned;

	/* types, roots */
	struct type_info *types;
	uint32_t ntypes;
	struct mutator *mutators;
	unsigned nmutators;
	struct gc_global *globals;
	struct vec young_globals;
	struct provider providers[NPROVIDERS];

	/* remembered set: objects whose UNLOGGED bit is clear, and logged cards */
	struct vec log;
	struct vec card_log; /* pairs: object, card index */

	/* collection */
	struct vec stack;  /* minor: copied and not scanned */
	struct vec gray;   /* major: marked and not scanned */
	struct vec regray; /* ... marked, to be scanned (again), accounted for */
	struct vec arrays; /* ... pairs: reference array, element to go on from */
	struct vec evac_slots; /* slots, or objects plus 1, that refer into blocks to be emptied */
	size_t candidates;     /* blocks to be emptied */
	size_t closed_room;    /* bytes free in those, not to be had until then */
	size_t evacuated;      /* bytes the last evacuation moved */
	size_t mark_work;  /* bytes this marking has done */
	uintptr_t to, to_free, to_end;
	size_t promoted; /* bytes, in this collection */
	bool tenure_all; /* nothing stays young in this collection */
	bool collecting;
	bool sweep_all;	       /* this major does not leave sweeping for later */
	bool marking; /* between mark_begin() and mark_end() */

	/* pacing and limits */
	int gogc;
	size_t live, goal, heap_live, external_live;
	size_t old_goal; /* tenured and external bytes at which a major is due */
	size_t mark_at;	     /* tenured and external bytes at which marking starts */
	double promote_rate; /* bytes promoted for 256 bytes of the eden */
	struct slices slices;
	size_t old_limit, initial_limit, soft_limit;
	uint64_t minor_end;	/* of the last one                        */
	uint64_t young_full_at; /* ... that was made because the eden was full */
	struct effort effort;
	gc_near_limit_fn near_fn;
	void *near_arg;
	gc_oom_fn oom_fn;
	void *oom_arg;
	int64_t external[GC_SEG_CLASSES];
	int64_t external_total;
	int64_t external_said[GC_SEG_CLASSES]; /* in the last event */
	int nclasses_ext;
	char class_names[GC_SEG_CLASSES][28];
	uint32_t want; /* WANT_ bits: to do at the next safepoint */

	/* the world (threads.c) */
	unsigned running;      /* mutators that are not parked */
	uint64_t stops;        /* that are over */
	unsigned waiting, leaving; /* threads in stop_wait(): for this stop; for an older */
	uint64_t turns_given, turn; /* of world_stop(): in order */
	uint64_t stop_at;      /* when it was asked for, ns */
	unsigned stop_waited;  /* mutators that ran then */
	uint64_t stop_slowest, stop_sum; /* ns until they were parked */
	uint64_t safepoints, safepoint_ns, safepoint_max; /* of all stops that waited */

	/* release */
	unsigned delay_ms;
	unsigned cpu_percent; /* that releasing may take */
	int advice;
	size_t released_total;
	uint64_t release_at; /* ns; when the next page may be due, 0: none */
	pthread_t thread;
	pthread_cond_t cond;
	bool thread_on, thread_wanted, thread_stop;

	/* statistics */
	uint64_t start_ns;
	uint64_t minor_count, major_count, minor_ns, major_ns_total, max_pause;
	uint64_t allocated, promoted_total;
	size_t young_after; /* young bytes right after the last collection */
	struct gc_record_line last[NLINES];
	unsigned nlines;
	size_t resident; /* the last look */
	uint64_t resident_at, resident_cost;
	unsigned refills;
	uint64_t counters_at;
	struct tell tell;
	unsigned cpus;
	size_t sample_bytes; /* mean distance of samples, 0: none */
	uint32_t samplers;

	/* segment */
	struct gc_seg_header *seg;
	struct gc_seg_counters *ctr;
	struct gc_seg_names *names;
	uint8_t *kinds;
	struct ring *rings; /* nrings; the last is shared, under ev_lock */
	unsigned nrings;
	uint32_t ring_slots;
	uint64_t rings_shared; /* mutators that found no ring of their own */
	int seg_fd, seg_err;
	size_t seg_len;
	uint32_t id;
	char name[32];
	struct region regions[NREGIONS];
	uint16_t nregion_names;

	struct weak *weak;     /* identities, weak references, finalizers: weak.h */

	bool verify;
	bool debug;	     /* verify, or some zeal: bad use is looked for         */
	unsigned zeal;	     /* enum gc_zeal                                        */
	unsigned zeal_every; /* allocations a step, 0: the modes have no steps      */
	uint64_t zeal_count; /* allocations                                         */
	struct range zeal_from[2]; /* eden, survivors: what the last minor emptied  */
	pthread_mutex_t lock, ev_lock;
	struct gc_heap *next; /* of all heaps, for fork */
};

#define WANT_MAJOR 1u
#define WANT_STOP  2u

/* pages.c */
int pages_init(struct gc_heap *h, size_t reserve);
void pages_free(struct gc_heap *h);
void young_commit(struct gc_heap *h);
void young_touch(struct gc_heap *h, unsigned area, uintptr_t end);
size_t young_idle(const struct gc_heap *h);
bool pages_commit_to(struct gc_heap *h, uintptr_t end);
void page_set(struct gc_heap *h, size_t page, enum page_state state);
void pages_use(struct gc_heap *h, uintptr_t addr, uintptr_t end);
void pages_use_zeroed(struct gc_heap *h, uintptr_t addr, uintptr_t end);
void pages_unuse(struct gc_heap *h, uintptr_t addr, uintptr_t end, uint64_t now);
void pages_zero_run(struct gc_heap *h, uintptr_t addr, uintptr_t end);
void block_set_kind(struct gc_heap *h, size_t b, unsigned kind);
uint32_t block_take_old(struct gc_heap *h);
uint32_t block_take_pinned(struct gc_heap *h);
void block_give(struct gc_heap *h, size_t b);
uintptr_t large_take(struct gc_heap *h, size_t pages);
void large_give(struct gc_heap *h, uintptr_t addr, size_t pages, uint64_t now);
size_t pages_resident(uintptr_t addr, uintptr_t end);
size_t heap_committed(const struct gc_heap *h);
size_t blocks_free(const struct gc_heap *h);

/* release.c */
size_t release_due(struct gc_heap *h, uint64_t now, bool all, size_t budget, uintptr_t *cursor);
bool release_is_due(const struct gc_heap *h, uint64_t now);
void release_batch(struct gc_heap *h, uint64_t now);
void release_poll(struct gc_heap *h, uint64_t now);
void release_start(struct gc_heap *h);
void release_stop(struct gc_heap *h);

/* old.c */
void old_init(struct gc_heap *h);
void *old_alloc(struct gc_heap *h, size_t cell);
void old_sync(struct gc_heap *h);
void old_relist(struct gc_heap *h);
void old_settle(struct gc_heap *h, uint64_t now);
bool old_sweep_some(struct gc_heap *h, size_t n);
void old_sweep_all(struct gc_heap *h);
void old_mark_begin(struct gc_heap *h);
void old_mark_end(struct gc_heap *h, uint64_t now);

/* size_classes.c, spans.c, pinned.c */
void size_classes_init(void);
unsigned size_classes_count(void);
const struct size_class *size_class(unsigned cls);
unsigned size_class_of(size_t bytes);
uint32_t span_take(struct gc_heap *h, unsigned n);
void span_give(struct gc_heap *h, uint32_t page, unsigned n);
const char *spans_check(const struct gc_heap *h);
void pinned_init(struct gc_heap *h);
void pinned_free(struct gc_heap *h);
void *pinned_cell(struct gc_heap *h, size_t cell);
void *pinned_alloc(struct gc_heap *h, uint64_t hdr, size_t cell);
void pinned_sweep(struct gc_heap *h, uint64_t now);
void pins_refresh(struct gc_heap *h);
const char *pinned_check_object(const struct gc_heap *h, const void *obj);
const char *pinned_check(const struct gc_heap *h);

/* alloc.c */
void tlab_retire(struct mutator *m);
void tlabs_retire(struct gc_heap *h);
size_t heap_used(const struct gc_heap *h);

/* threads.c */
void locks_init(struct gc_heap *h);
void heap_lock(struct gc_heap *h);
void heap_unlock(struct gc_heap *h);
void mutator_check(const struct mutator *m);
void not_in_callback(const char *what);
void mutator_lock(struct mutator *m);
void mutators_poke(struct gc_heap *h);
void world_stop(struct gc_heap *h, struct mutator *self);
void world_start(struct gc_heap *h);
void heap_enlist(struct gc_heap *h);
int heap_delist(struct gc_heap *h);

static inline bool stop_wanted(const struct gc_heap *h)
{
	return __atomic_load_n(&h->want, __ATOMIC_RELAXED) & WANT_STOP;
}

/* heap.c */
void heap_forked(struct gc_heap *h);
void external_add(struct gc_heap *h, int cls, int64_t delta);

/* minor.c, major.c, collect.c, roots.c */
void minor_run(struct gc_heap *h);
void set_eden(struct gc_heap *h, size_t size);
void minor_resize(struct gc_heap *h, uint64_t pause);
size_t card_slots(const struct gc_heap *h, struct gc_refs *a, size_t card, gc_slot **slot);
void mark_begin(struct gc_heap *h);
bool mark_slice(struct gc_heap *h, size_t budget);
void mark_end(struct gc_heap *h, uint64_t now);
void mark_again(struct gc_heap *h, void *obj);
void mark_card_again(struct gc_heap *h, void *obj, gc_slot *slot, size_t n);
void mark_new(struct gc_heap *h, void *obj);
void minor_visit(struct gc_visitor *v, gc_slot *slot);
void major_visit(struct gc_visitor *v, gc_slot *slot);
void check_visit(struct gc_visitor *v, gc_slot *slot);
void collect_locked(struct gc_heap *h, enum gc_collect_kind kind, unsigned reason);
void collect_paced(struct mutator *m, unsigned reason);
bool collect_for_young(struct mutator *m, uint64_t seen);
bool collect_for_large(struct mutator *m, size_t cell);
void start_marking(struct gc_heap *h, unsigned reason);
void mark_some(struct gc_heap *h, size_t bytes);
bool slice_due(const struct gc_heap *h, size_t extra);
void collect_step(struct gc_heap *h);
void collect_slice(struct mutator *m, size_t extra);
void pace(struct gc_heap *h);
void roots_visit(struct gc_heap *h, struct gc_visitor *v);
void roots_visit_frames(struct gc_heap *h, struct gc_visitor *v);
void roots_visit_handles(struct gc_heap *h, struct gc_visitor *v);
void roots_visit_providers(struct gc_heap *h, struct gc_visitor *v);
void globals_visit(struct gc_heap *h, struct gc_visitor *v, bool young_only);
void *visitor_alive(struct gc_visitor *v, void *obj);

/* limits.c */
void effort_init(struct gc_heap *h);
void effort_add(struct gc_heap *h, unsigned reason, uint64_t ns);
void effort_major(struct gc_heap *h, unsigned reason);
bool soft_limit_due(const struct gc_heap *h, size_t extra);
bool limit_fits(const struct gc_heap *h, size_t wanted);
void out_of_memory(struct gc_heap *h, size_t wanted);
bool make_room(struct mutator *m, size_t wanted);

/* evac.c */
void evac_choose(struct gc_heap *h);
void evac_note(struct gc_heap *h, gc_slot *slot, const void *obj);
void evac_note_holder(struct gc_heap *h, const void *holder, const void *obj);
void evac_visit(struct gc_visitor *v, gc_slot *slot);
void *evac_follow(const struct gc_heap *h, void *obj);
void evac_finish(struct gc_heap *h, uint64_t now);
void evac_compact(struct gc_heap *h, uint64_t now);

/* walk.c */
typedef void (*object_fn)(void *obj, void *arg);
void heap_walk(struct gc_heap *h, object_fn fn, void *arg);
void heap_walk_block(struct gc_heap *h, size_t b, object_fn fn, void *arg);
void heap_walk_young(struct gc_heap *h, object_fn fn, void *arg);
void heap_walk_old(struct gc_heap *h, object_fn fn, void *arg);
void object_slots(struct gc_heap *h, void *obj, struct gc_visitor *v);

/* weak.c (which says when these are called), weakmap.c, final.c, ids.c */
struct weak;
bool weak_create(struct gc_heap *h);
void weak_destroy(struct gc_heap *h);
void weak_lock(struct gc_heap *h);
void weak_unlock(struct gc_heap *h);
void weak_fork_child(struct gc_heap *h);
void weak_roots(struct gc_heap *h, struct gc_visitor *v);
void weak_reached(struct gc_heap *h, void *obj);
void weak_finish(struct gc_heap *h, struct gc_visitor *v, void (*drain)(void *arg), void *arg);
void weak_moved(struct gc_heap *h, struct gc_visitor *v);
bool weak_ephemerons(struct gc_heap *h, struct gc_visitor *v);
void weak_ephemerons_end(struct gc_heap *h);
void weak_stats(struct gc_heap *h, struct gc_stats *st);
void ids_update(struct gc_heap *h, struct gc_visitor *v);
/* What is wrong with the tables, or with what they say of a reachable object; or NULL. */
const char *weak_check(struct gc_heap *h);
const char *weak_check_object(struct gc_heap *h, void *obj);
uint64_t object_id(struct gc_heap *h, void *obj);
uint64_t id_take(struct gc_heap *h);

/* misuse.c: when h->debug is set */
#define MISUSE_POISON ((void *)0xababababababababULL)
#define MISUSE_FRAMES(m) ((m)->h->debug ? misuse_frames(m, __builtin_frame_address(0)) : (void)0)
void misuse_init(struct mutator *m);
void misuse_frames(const struct mutator *m, const void *sp);
bool misuse_handle_dead(struct mutator *m, size_t i);
void misuse_handle_new(struct mutator *m, size_t i);
void misuse_handles_end(struct mutator *m, size_t first);
void misuse_slot(const struct gc_heap *h, const void *holder, const void *slot);
void misuse_write(const struct gc_heap *h, const void *obj, const void *slot);

/* zeal.c */
int zeal_init(struct gc_heap *h, const struct gc_options *o);
void zeal_end(struct gc_heap *h);
void zeal_step(struct mutator *m);
void zeal_poison(uintptr_t addr, uintptr_t end);
void zeal_poison_dead(uintptr_t addr, size_t len, const uint64_t *was, const uint64_t *live);
void zeal_minor_begin(struct gc_heap *h);
void zeal_minor_end(struct gc_heap *h);
void zeal_release(struct gc_heap *h);

/* sample.c */
void sample_init(struct mutator *m);
size_t sample_buffer(struct mutator *m, size_t len, size_t need);
void sample_return(struct mutator *m, size_t rest);
void sample_direct(struct mutator *m, size_t cell);
void sample_tell(struct mutator *m, void *obj, uint64_t hdr);

/* verify.c */
int check_heap(struct gc_heap *h, char *why, size_t size);
void check_marks(struct gc_heap *h);
bool check_seen(const struct gc_visitor *v, const void *obj);
/* Inside check_heap() only: young objects have alloc bits there. */
bool is_object(const struct gc_heap *h, const void *p);

/* segment.c */
int segment_open(struct gc_heap *h);
void segment_forget(struct gc_heap *h);
void segment_close(struct gc_heap *h);
void segment_counters(struct gc_heap *h);
void segment_used(struct gc_heap *h, size_t used);
void segment_thread_begin(struct gc_heap *h);
void segment_thread_end(struct gc_heap *h);
void segment_forked(struct gc_heap *h, uint32_t was);
uint32_t thread_id(void);
uint32_t thread_forget(void);
uint16_t segment_name(struct gc_heap *h, unsigned kind, unsigned id, const char *name);
void event(struct gc_heap *h, unsigned type, unsigned space, unsigned flags, uint64_t a, uint64_t b,
	   const uint64_t *v, unsigned nv);
void event_text(struct gc_heap *h, unsigned type, uint64_t b, const char *text);
void counters_event(struct gc_heap *h);
void resident_look(struct gc_heap *h, uint64_t now);

/* util.c */
uint64_t now_ns(void);
void vec_reserve(struct vec *v);
void vec_free(struct vec *v);
_Noreturn void gc_fatal(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static inline void vec_push(struct vec *v, uintptr_t x)
{
	if (__builtin_expect(v->n == v->cap, 0))
		vec_reserve(v);
	v->v[v->n++] = x;
}

static inline bool in_young(const struct gc_heap *h, const void *p)
{
	return (uintptr_t)p - h->base < h->dyn - h->base;
}

static inline size_t bit_index(const struct gc_heap *h, const void *p)
{
	return ((uintptr_t)p - h->base) >> 3;
}
static inline bool bit_get(const uint64_t *bits, size_t i)
{
	return bits[i >> 6] >> (i & 63) & 1;
}
static inline void bit_set(uint64_t *bits, size_t i)
{
	bits[i >> 6] |= 1ULL << (i & 63);
}
static inline void bit_clear(uint64_t *bits, size_t i)
{
	bits[i >> 6] &= ~(1ULL << (i & 63));
}

/* Blocks of these have objects wherever their alloc bits say so. */
static inline bool kind_has_cells(unsigned kind)
{
	return kind == GC_SPACE_OLD || kind == GC_SPACE_PINNED;
}
static inline uint32_t span_mask(unsigned at, unsigned n)
{
	return (uint32_t)(((1ULL << n) - 1) << at);
}

static inline size_t block_of(const struct gc_heap *h, uintptr_t addr)
{
	return (addr - h->base) >> BLOCK_SHIFT;
}
static inline uintptr_t block_addr(const struct gc_heap *h, size_t b)
{
	return h->base + (b << BLOCK_SHIFT);
}
static inline uintptr_t area_addr(const struct gc_heap *h, unsigned area)
{
	size_t edens = h->alternate ? 2 * h->young_max : h->young_max;

	if (area < SURV_A)
		return h->base + (area == EDEN_B ? h->young_max : 0);
	return h->base + edens + (area - SURV_A) * (h->young_max >> SURV_SHIFT);
}
static inline size_t area_size(const struct gc_heap *h, unsigned area)
{
	return area < SURV_A ? h->semi : h->semi >> SURV_SHIFT;
}
static inline size_t young_committed(const struct gc_heap *h)
{
	return h->semi + 2 * (h->semi >> SURV_SHIFT);
}
static inline size_t young_used(const struct gc_heap *h)
{
	return h->young_top - area_addr(h, h->eden) + h->surv_top - area_addr(h, h->surv);
}
/* What the hard limit is about, and the goal of majors: all but the young space. */
static inline size_t tenured(const struct gc_heap *h)
{
	return h->old_used + h->large_used + h->pinned.used;
}
static inline size_t external(const struct gc_heap *h)
{
	int64_t e = __atomic_load_n(&h->external_total, __ATOMIC_RELAXED);

	return e > 0 ? (size_t)e : 0;
}
/* Bytes of pages that are in use, or owed. */
static inline size_t held_bytes(const struct gc_heap *h)
{
	return (h->pages_inuse + h->pages_dirty) << PAGE_SHIFT;
}
/* Bytes that are free, were written and were not given back. */
static inline size_t heap_owed(const struct gc_heap *h)
{
	return (h->pages_dirty << PAGE_SHIFT) + young_idle(h);
}
static inline uintptr_t page_down(uintptr_t a)
{
	return a & ~(PAGE_SIZE - 1);
}
static inline uintptr_t page_up(uintptr_t a)
{
	return (a + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
}
static inline size_t page_of(const struct gc_heap *h, uintptr_t addr)
{
	return (addr - h->base) >> PAGE_SHIFT;
}

#define HANDLES_CHUNK 512 /* slots of one block of memory; behind them a byte for each */
static inline gc_slot *handle_slot(const struct mutator *m, size_t i)
{
	return (gc_slot *)m->handles.v[i / HANDLES_CHUNK] + i % HANDLES_CHUNK;
}

#endif /* MPGC_INTERNAL_H */
