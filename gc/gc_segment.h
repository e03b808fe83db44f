/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gc_segment.h - the counters segment of a managed heap, and how to read it.
 *
 * A process with a managed heap keeps one memfd "memprof-gc:1" per heap. It
 * holds a header, a page of counters, a table of names, one byte for each block
 * of the heap and one or more rings of events. Anyone who may read the process's
 * memory may map it read-only; nobody has to ask, stop or wait for the writer.
 * docs/counters-segment.md is the specification. Runtimes other than libmpgc may
 * write it too.
 *
 * This file owns the layout and its numbers and holds the reading side as small
 * inline functions. It depends on nothing of the collector. A reader trusts no
 * byte of the segment: gc_seg_attach_check() copies and checks the header once,
 * and every later access uses the copy.
 *
 * Rules: all integers are little endian as on the machine that writes them,
 * numbers are explicit and append-only, a new field takes reserved bytes (zero
 * until then), unused bytes are zero, every field names its unit. Times are
 * CLOCK_MONOTONIC nanoseconds, lengths and addresses are bytes.
 */
#ifndef MPGC_SEGMENT_H
#define MPGC_SEGMENT_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GC_SEG_MEMFD   "memprof-gc:1" /* the memfd's name: /memfd:memprof-gc:1 in maps  */
#define GC_SEG_MAGIC   "MPGCSEG"      /* 8 bytes with the final NUL                     */
#define GC_SEG_VERSION 1              /* a reader refuses any other                     */

#define GC_SEG_SPACES     16
#define GC_SEG_CLASSES    16
#define GC_SEG_RINGS_MAX  256
#define GC_SEG_SLOTS_MAX  (1u << 22) /* slots of one ring */
#define GC_SEG_NAMES_MAX  1024
#define GC_SEG_EVENT_SLOTS 16        /* slots of the longest event, head included      */
#define GC_SEG_EVENT_VALUES ((GC_SEG_EVENT_SLOTS - 1) * 3)
#define GC_SEG_TEXT_MAX (GC_SEG_EVENT_VALUES * 8) /* bytes of text in one event         */

/* A value the writer could not know. Never 0: 0 is a measurement. */
#define GC_SEG_UNKNOWN 0xffffffffffffffffULL

/* Spaces: gc_record.space, index of counters.space[], and values of block_kind[]. */
enum gc_seg_space {
	GC_SPACE_NONE = 0,  /* no space; as a block kind: the block is free        */
	GC_SPACE_YOUNG = 1, /* new objects, first survivors                          */
	GC_SPACE_OLD = 2,   /* objects that survived                               */
	GC_SPACE_LARGE = 3, /* objects on page runs of their own, never moved      */
	GC_SPACE_REGION = 4, /* memory outside the heap, registered by name        */
	GC_SPACE_PINNED = 5, /* objects of at most 32 KiB that never move          */
};

/* Event types: gc_record.type. `v` are the values of the continuation slots. */
enum gc_seg_event {
	GC_EV_CONT = 0xffff, /* continuation slot of the event before it            */

	GC_EV_HEAP_INIT = 1, /* a = base, b = reserved bytes; v: old limit, soft limit */
	GC_EV_RESERVE = 2,   /* a = base, b = bytes: addresses of this heap         */
	GC_EV_GC_BEGIN = 3,  /* flags = kind, a = reason, b = used                  */
	GC_EV_GC_END = 4,    /* flags = kind, a = used before, b = used after;
			      * v: pause ns, committed before, committed after, start
			      * ns, reason, goal, live (majors; else UNKNOWN), and of
			      * majors marking before the pause: ns, slices, ns of the
			      * longest, start ns                                   */
	GC_EV_COUNTERS = 5,  /* a = used, b = committed; v: external, array buffers,
			      * resident, owed, goal, limit                         */
	GC_EV_PAGE_COMMIT = 6,  /* a = addr, b = bytes: made usable, not yet resident  */
	GC_EV_PAGE_RELEASE = 7, /* flags = advice (4 DONTNEED, 8 FREE), a = addr,
				 * b = bytes; v: ns of the call, its result (0 or -errno),
				 * bytes still owed afterwards, tid of the caller    */
	GC_EV_LARGE_ALLOC = 8, /* a = addr of the page run, b = bytes               */
	GC_EV_LARGE_FREE = 9,  /* a = addr of the page run, b = bytes               */
	GC_EV_PROMOTED = 10,   /* a = bytes that became old, b = bytes kept young   */
	GC_EV_EXTERNAL = 11,   /* flags = class, a = bytes of the class, b = of all */
	GC_EV_LIMIT = 12,      /* flags = enum gc_seg_limit; a = bytes wanted (FUTILE:
				* percent of the time that collections took), b = limit */
	GC_EV_NOTE = 13,       /* a = bytes of text; the text follows               */
	GC_EV_SPACE_RESIZE = 14, /* space; a = bytes before, b = bytes after        */
	GC_EV_REGION = 15,     /* flags: 1 added, 0 removed; a = addr, b = bytes;
				* v: id of its name                                 */
	GC_EV_SAFEPOINT = 16,  /* the world stopped; a = ns from the request until the
				* slowest mutator was parked, b = mutators waited for */
	GC_EV_SNAPSHOT = 17,   /* a heap snapshot was written: a = its bytes, b = its
				* objects; v: ns, the collection before it included */
	GC_EV_THREAD = 18,     /* flags: 1 a mutator's thread writes this ring from now
				* on, 0 no longer; a = its tid                      */
	GC_EV_PHASE = 19,      /* flags = phase, a = ns, b = work; v: slices (MARK)  */
	GC_EV_SURVIVED = 20,   /* space, flags = kind; a = bytes alive, b = of these  */
	GC_EV_PAGE_REUSE = 21, /* space; a = bytes of owed pages used again since the
				* last such event, b = bytes still owed             */
	GC_EV_ALLOC_SAMPLE = 22, /* space; a = addr, b = bytes; v: type id, mean bytes
				  * from one sample to the next                     */
	GC_EV_TYPE = 23,       /* a = bytes of text, b = type id; its name follows   */
	GC_EV_FORK = 24,       /* first of a forked child: a = pid of its parent     */
	GC_EV_AUDIT = 25,      /* a = pages compared with mincore(), b = mismatches;
				* v: ns                                             */
	GC_EV_MARK_BEGIN = 26, /* incremental marking began: a = reason, b = used    */
};

/* Parts of a collection: gc_record.flags of PHASE. */
enum gc_seg_phase {
	GC_PHASE_STOP = 1,       /* mutators waited for; as an event it is SAFEPOINT   */
	GC_PHASE_ROOTS = 2,      /* frames, handles, globals, providers; slots         */
	GC_PHASE_REMEMBERED = 3, /* logged objects and cards; entries                  */
	GC_PHASE_COPY = 4,       /* young objects and what they refer to; bytes moved  */
	GC_PHASE_MARK = 5,       /* slices, or all of it in the pause; bytes scanned   */
	GC_PHASE_REMARK = 6,     /* what changed since it was marked; bytes scanned    */
	GC_PHASE_EPHEMERONS = 7, /* entries                                           */
	GC_PHASE_FINALIZERS = 8, /* objects queued                                     */
	GC_PHASE_SWEEP = 9,      /* bytes freed                                        */
	GC_PHASE_EVACUATE = 10,  /* bytes moved                                        */
	GC_PHASE_FIXUP = 11,     /* references to moved objects; slots                 */
	GC_PHASE_RELEASE = 12,   /* bytes given back                                   */
};

/* What happened at the hard limit: gc_record.flags of LIMIT. */
enum gc_seg_limit {
	GC_LIMIT_NEAR = 1,   /* the program was asked for a higher one               */
	GC_LIMIT_FATAL = 2,  /* it was told that it is out of memory                 */
	GC_LIMIT_RAISED = 3, /* it gave a higher one                                 */
	GC_LIMIT_FUTILE = 4, /* collections near it took most of the time; NEAR follows */
};

/* Kinds of collection: gc_record.flags of GC_BEGIN and GC_END. */
enum gc_seg_kind {
	GC_SEG_MINOR = 1,   /* young space only, objects move                      */
	GC_SEG_MAJOR = 2,   /* marks everything, sweeps, moves nothing             */
	GC_SEG_COMPACT = 3, /* moves old objects                                   */
};

/* Reasons for a collection. A runtime with others registers names from 32 on. */
enum gc_seg_reason {
	GC_REASON_NONE = 0,
	GC_REASON_YOUNG_FULL = 1, /* the young space is full                       */
	GC_REASON_GOAL = 2,       /* used and external reached the goal            */
	GC_REASON_LARGE = 3,      /* the goal was reached by a large allocation    */
	GC_REASON_EXTERNAL = 4,   /* the goal was reached by external memory       */
	GC_REASON_SOFT_LIMIT = 5, /* resident and external reached the soft limit  */
	GC_REASON_LAST_DITCH = 6, /* the hard limit was reached                    */
	GC_REASON_FORCED = 7,     /* the program asked for it                      */
	GC_REASON_TESTING = 8,    /* a test or a stress mode asked for it          */
	GC_REASON_IDLE = 9,
	GC_REASON_PIN = 10,       /* a young object was pinned                     */
};

/* What a name of the name table names: gc_seg_name.kind. */
enum gc_seg_name_kind {
	GC_NAME_SPACE = 1,
	GC_NAME_CLASS = 2,  /* class of external memory */
	GC_NAME_REGION = 3,
	GC_NAME_REASON = 4,
	GC_NAME_TYPE = 5,   /* of objects; those that fit, and ids below 2^16 only */
};

/* At offset 0. Offsets count from there and are multiples of 64. */
struct gc_seg_header {
	char magic[8];          /* GC_SEG_MAGIC; written last                       */
	uint32_t version;       /* GC_SEG_VERSION                                   */
	uint32_t header_len;    /* bytes of this struct as the writer knows it      */
	uint64_t total_len;     /* bytes of the segment                             */
	uint32_t pid;           /* as the writer sees itself                        */
	uint32_t heap_id;       /* from 1, tells heaps of one process apart         */
	uint64_t start_ns;      /* creation of the heap, CLOCK_MONOTONIC            */
	uint64_t start_boot_ns; /* the same, CLOCK_BOOTTIME                         */
	uint64_t heap_base;     /* first address reserved for the heap              */
	uint64_t heap_len;      /* bytes reserved; 0: the heap has no single range  */
	uint32_t block_shift;   /* log2 of the bytes of a block                     */
	uint32_t page_shift;    /* log2 of the bytes of a page                      */
	uint64_t counters_off;  /* struct gc_seg_counters                           */
	uint32_t counters_len;
	uint32_t names_cap;     /* entries that fit in the name table               */
	uint64_t names_off;     /* struct gc_seg_names                              */
	uint64_t kind_off;      /* uint8_t block_kind[kind_len]                     */
	uint64_t kind_len;      /* heap_len >> block_shift, or 0                    */
	uint64_t rings_off;     /* first struct gc_seg_ring                         */
	uint64_t ring_stride;   /* bytes from one ring to the next                  */
	uint32_t nrings;
	uint32_t ring_slots;    /* slots of each, a power of two                    */
	char source[32];        /* the runtime: "mpgc", "v8"; NUL-terminated        */
	char name[32];          /* the heap, chosen by the program; NUL-terminated  */
	uint64_t rsvd[7];
};

struct gc_seg_space_counters {
	uint64_t used, committed, resident; /* bytes; resident may be UNKNOWN */
};

/*
 * Under a seqlock: seq is odd while the writer changes the page. `used` alone is
 * also stored between such changes, as a single word, so that it is as new as the
 * writer's last slow path while the sum over the spaces may lag behind it.
 */
struct gc_seg_counters {
	uint32_t seq;
	uint32_t nspaces;         /* entries of space[] in use                      */
	uint64_t updated_ns;      /* of the last change under the lock              */
	uint64_t used;            /* bytes of objects, live or not yet found dead   */
	uint64_t committed;       /* bytes of spaces, plus owed                     */
	uint64_t resident;        /* bytes, the writer's last look; may be UNKNOWN  */
	uint64_t mapped;          /* bytes ever made readable and writable          */
	uint64_t owed;            /* bytes free, once written, not given back yet   */
	uint64_t released_total;  /* bytes given back since the start               */
	uint64_t external;        /* bytes held outside for objects of the heap     */
	uint64_t array_buffers;   /* ... of which class 0                           */
	uint64_t limit;           /* hard limit of old and large; UNKNOWN: none     */
	uint64_t soft_limit;      /* resident and external; UNKNOWN: none           */
	uint64_t goal;            /* used and external that start the next major    */
	uint64_t live;            /* used after the last major; UNKNOWN before it   */
	uint64_t minor_count, major_count;
	uint64_t minor_pause_ns, major_pause_ns; /* sums                            */
	uint64_t max_pause_ns;
	uint64_t allocated_total; /* bytes, at the last collection or large object  */
	uint64_t promoted_total;  /* bytes                                          */
	uint64_t rings_shared;    /* mutators that found no ring of their own       */
	uint64_t heaps;           /* isolates that the figures are the sum of; 0: 1 */
	uint64_t process_rss;     /* bytes, the runtime's own word; 0: not told     */
	uint64_t rsvd[5];
	struct gc_seg_space_counters space[GC_SEG_SPACES]; /* by enum gc_seg_space  */
	uint64_t external_class[GC_SEG_CLASSES];           /* bytes                 */
};

struct gc_seg_name {
	uint16_t kind;  /* enum gc_seg_name_kind; written last */
	uint16_t id;    /* within the kind                     */
	char name[28];  /* NUL-terminated                      */
};

struct gc_seg_names {
	uint32_t count; /* entries complete; only grows */
	uint32_t rsvd[15];
	struct gc_seg_name name[];
};

/* A slot. Events of more than one slot go on in GC_EV_CONT slots behind it. */
struct gc_record {
	uint16_t type;  /* enum gc_seg_event                                      */
	uint8_t space;  /* enum gc_seg_space; CONT: index of the slot from 1      */
	uint8_t flags;  /* by type; CONT: bytes used of the 24                    */
	uint32_t seq;   /* number of the event in its ring from 0, modulo 2^32;
			 * a CONT slot has its head's                             */
	uint64_t ts;    /* ns; CONT: 24 bytes of values or text from here on      */
	uint64_t a, b;  /* by type                                                */
};

struct gc_seg_ring {
	uint64_t head;    /* slots begun: those before head - slots are gone       */
	uint64_t pad0[7];
	uint64_t tail;    /* slots complete                                        */
	uint64_t pad1[7];
	uint32_t tid;     /* thread that writes here or did last, 0: several       */
	uint32_t rsvd[15];
	uint64_t slot[];  /* ring_slots * 4 words, read as struct gc_record        */
};

#if defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
_Static_assert(sizeof(struct gc_seg_header) == 256, "the segment is a wire format");
_Static_assert(sizeof(struct gc_seg_counters) == 744, "the segment is a wire format");
_Static_assert(sizeof(struct gc_record) == 32, "the segment is a wire format");
_Static_assert(sizeof(struct gc_seg_name) == 32, "the segment is a wire format");
_Static_assert(sizeof(struct gc_seg_names) == 64, "the segment is a wire format");
_Static_assert(sizeof(struct gc_seg_ring) == 192, "the segment is a wire format");
#endif

/* --- reading ---------------------------------------------------------------------- */

/* A segment as a reader knows it: where it is mapped, and a checked header. */
struct gc_seg {
	const uint8_t *map;
	struct gc_seg_header hdr; /* the copy that was checked; strings terminated */
};

/* One event put together from its slots. */
struct gc_event {
	uint16_t type;
	uint8_t space, flags;
	uint32_t seq;
	uint64_t ts, a, b;
	unsigned nv;                       /* values in v[]                          */
	unsigned len;                      /* bytes in text[], without the final NUL */
	union {
		uint64_t v[GC_SEG_EVENT_VALUES + 1];
		char text[GC_SEG_TEXT_MAX + 8]; /* NUL-terminated                    */
	};
};

/* Where a reader stands in one ring. */
struct gc_ring_reader {
	uint64_t pos;       /* next slot                                             */
	uint32_t next_seq;  /* number of the next event                              */
	uint32_t started;   /* next_seq is known                                     */
};

static inline int gc_seg_range_ok_(uint64_t off, uint64_t len, uint64_t total)
{
	return off % 64 == 0 && off <= total && len <= total - off;
}

static inline int gc_seg_rings_ok_(const struct gc_seg_header *h)
{
	uint64_t one = sizeof(struct gc_seg_ring) + (uint64_t)h->ring_slots * 32;

	if (!h->nrings)
		return 1;
	if (h->nrings > GC_SEG_RINGS_MAX || h->ring_slots > GC_SEG_SLOTS_MAX)
		return 0;
	if (h->ring_slots < GC_SEG_EVENT_SLOTS || (h->ring_slots & (h->ring_slots - 1)))
		return 0;
	if (h->ring_stride < one || h->ring_stride % 64 || h->ring_stride > h->total_len)
		return 0;
	return gc_seg_range_ok_(h->rings_off, (h->nrings - 1) * h->ring_stride + one,
				h->total_len);
}

/*
 * Checks a mapped segment and fills *seg. The mapping must stay until the last
 * use of *seg; nothing is allocated. Returns 0; -EAGAIN when the writer has not
 * finished creating it; -ENOEXEC when it is no segment; -EPROTONOSUPPORT for
 * another version; -EBADMSG when an offset or a length is impossible.
 */
static inline int gc_seg_attach_check(struct gc_seg *seg, const void *map, size_t len)
{
	static const char none[8] = { 0 };
	struct gc_seg_header *h = &seg->hdr;

	if (!map || len < sizeof(*h))
		return -ENOEXEC;
	memcpy(h, map, sizeof(*h));
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (!memcmp(h->magic, none, sizeof(none)))
		return -EAGAIN;
	if (memcmp(h->magic, GC_SEG_MAGIC, sizeof(h->magic)))
		return -ENOEXEC;
	/* The magic is written last: what was copied with it may be older. */
	memcpy(h, map, sizeof(*h));
	if (h->version != GC_SEG_VERSION)
		return -EPROTONOSUPPORT;
	if (h->header_len < sizeof(*h) || h->header_len > 65536 || h->total_len > len)
		return -EBADMSG;
	if (h->block_shift < 12 || h->block_shift > 40 || h->page_shift < 12 ||
	    h->page_shift > h->block_shift)
		return -EBADMSG;
	if (h->heap_base + h->heap_len < h->heap_base || h->kind_len > h->heap_len >> h->block_shift)
		return -EBADMSG;
	if (h->counters_len < offsetof(struct gc_seg_counters, space) || h->counters_len > 65536 ||
	    h->names_cap > GC_SEG_NAMES_MAX)
		return -EBADMSG;
	if (!gc_seg_range_ok_(h->counters_off, h->counters_len, h->total_len) ||
	    !gc_seg_range_ok_(h->names_off,
			      sizeof(struct gc_seg_names) + h->names_cap * sizeof(struct gc_seg_name),
			      h->total_len) ||
	    !gc_seg_range_ok_(h->kind_off, h->kind_len, h->total_len) || !gc_seg_rings_ok_(h))
		return -EBADMSG;
	h->source[sizeof(h->source) - 1] = 0;
	h->name[sizeof(h->name) - 1] = 0;
	seg->map = (const uint8_t *)map;
	return 0;
}

/*
 * Copies the counters as they were at one instant (`used` may be newer, see the
 * struct). Fields the writer does not have are 0. Returns 0, or -EAGAIN when the
 * writer was in the middle of a change at every try (it may have died there).
 */
static inline int gc_seg_counters_read(const struct gc_seg *seg, struct gc_seg_counters *out)
{
	const uint8_t *src = seg->map + seg->hdr.counters_off;
	const uint64_t *from = (const uint64_t *)(const void *)src;
	size_t len = seg->hdr.counters_len < sizeof(*out) ? seg->hdr.counters_len : sizeof(*out);
	const uint32_t *seq = (const uint32_t *)(const void *)src;
	uint64_t *to = (uint64_t *)(void *)out;
	uint32_t before, after;
	int tries;
	size_t i;

	memset(out, 0, sizeof(*out));
	for (tries = 0; tries < 10000; tries++) {
		before = __atomic_load_n(seq, __ATOMIC_ACQUIRE);
		if (before & 1)
			continue;
		for (i = 0; i < len / 8; i++)
			to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		after = __atomic_load_n(seq, __ATOMIC_RELAXED);
		if (before == after) {
			if (out->nspaces > GC_SEG_SPACES)
				out->nspaces = GC_SEG_SPACES;
			return 0;
		}
	}
	return -EAGAIN;
}

/* The space of an address: GC_SPACE_NONE when free, outside, or not known. */
static inline unsigned gc_seg_space_of(const struct gc_seg *seg, uint64_t addr)
{
	uint64_t i = (addr - seg->hdr.heap_base) >> seg->hdr.block_shift;

	if (addr < seg->hdr.heap_base || i >= seg->hdr.kind_len)
		return GC_SPACE_NONE;
	return __atomic_load_n(seg->map + seg->hdr.kind_off + i, __ATOMIC_RELAXED);
}

/*
 * Copies the name of (kind, id) to buf, cut to size and NUL-terminated. Returns
 * its length, or -ENOENT.
 */
static inline int gc_seg_name_of(const struct gc_seg *seg, unsigned kind, unsigned id, char *buf,
				 size_t size)
{
	const uint8_t *p = seg->map + seg->hdr.names_off;
	uint32_t n = __atomic_load_n((const uint32_t *)(const void *)p, __ATOMIC_ACQUIRE);
	struct gc_seg_name name;
	size_t len;
	uint32_t i;

	if (!size)
		return -ENOENT;
	for (i = 0; i < n && i < seg->hdr.names_cap; i++) {
		memcpy(&name, p + sizeof(struct gc_seg_names) + i * sizeof(name), sizeof(name));
		if (name.kind != kind || name.id != id)
			continue;
		name.name[sizeof(name.name) - 1] = 0;
		len = strlen(name.name);
		if (len >= size)
			len = size - 1;
		memcpy(buf, name.name, len);
		buf[len] = 0;
		return (int)len;
	}
	return -ENOENT;
}

static inline const struct gc_seg_ring *gc_seg_ring_(const struct gc_seg *seg, uint32_t ring)
{
	const uint8_t *p = seg->map + seg->hdr.rings_off + ring * seg->hdr.ring_stride;

	return (const struct gc_seg_ring *)(const void *)p;
}

/*
 * Places a reader. from_start != 0: at the ring's first event, so that events
 * already overwritten count as lost; else behind its last one.
 */
static inline void gc_ring_reader_init(const struct gc_seg *seg, uint32_t ring, int from_start,
				       struct gc_ring_reader *r)
{
	memset(r, 0, sizeof(*r));
	if (from_start)
		r->started = 1;
	else if (ring < seg->hdr.nrings)
		r->pos = __atomic_load_n(&gc_seg_ring_(seg, ring)->tail, __ATOMIC_ACQUIRE);
}

/* Copies [pos, pos+n) and returns how many slots from pos on are stale. */
static inline uint64_t gc_ring_copy_(const struct gc_seg *seg, const struct gc_seg_ring *ring,
				     uint64_t pos, uint64_t n, struct gc_record *out)
{
	uint64_t mask = seg->hdr.ring_slots - 1, words[4], head, i;
	const uint64_t *from;
	int w;

	for (i = 0; i < n; i++) {
		from = &ring->slot[((pos + i) & mask) * 4];
		for (w = 0; w < 4; w++)
			words[w] = __atomic_load_n(&from[w], __ATOMIC_RELAXED);
		memcpy(&out[i], words, sizeof(words));
	}
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	head = __atomic_load_n(&ring->head, __ATOMIC_RELAXED);
	if (head <= pos + seg->hdr.ring_slots)
		return 0;
	i = head - seg->hdr.ring_slots - pos;
	return i < n ? i : n;
}

/*
 * Copies at most max slots from r->pos to out[] and returns how many of them,
 * from out[*skip] on, are whole events; r->pos moves behind them.
 */
static inline uint64_t gc_ring_chunk_(const struct gc_seg *seg, const struct gc_seg_ring *ring,
				      struct gc_ring_reader *r, uint64_t tail,
				      struct gc_record *out, unsigned max, uint64_t *skip)
{
	uint64_t avail, n, i;

	if (tail - r->pos > seg->hdr.ring_slots)
		r->pos = tail - seg->hdr.ring_slots;
	avail = tail - r->pos;
	n = avail < max ? avail : max;
	*skip = gc_ring_copy_(seg, ring, r->pos, n, out);
	/* An event whose head was overwritten cannot be read either. */
	while (*skip < n && out[*skip].type == GC_EV_CONT)
		++*skip;
	if (n < avail) {
		/* The last event may go on beyond what was copied: leave it for later. */
		for (i = n; i > *skip && out[i - 1].type == GC_EV_CONT;)
			i--;
		if (i > 1 && i - 1 >= *skip)
			n = i - 1;
	}
	r->pos += n;
	return n - *skip;
}

/*
 * Reads complete events of one ring in order into out[], as slots: a head, then
 * its GC_EV_CONT slots. Adds to *lost the exact number of events that were
 * overwritten before they could be read; a gap counts when the event behind it is
 * read. max must be at least GC_SEG_EVENT_SLOTS. Returns the number of slots, 0
 * when there is nothing new; -EINVAL for a bad ring or max; -EPROTO when the ring
 * contradicts itself (the reader then stands at its end and may go on).
 */
static inline int gc_ring_read(const struct gc_seg *seg, uint32_t ring_no, struct gc_ring_reader *r,
			       struct gc_record *out, unsigned max, uint64_t *lost)
{
	const struct gc_seg_ring *ring;
	uint64_t tail, n = 0, skip = 0, i;

	if (ring_no >= seg->hdr.nrings || max < GC_SEG_EVENT_SLOTS)
		return -EINVAL;
	ring = gc_seg_ring_(seg, ring_no);
	tail = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);
	if (tail < r->pos) {
		r->pos = tail;
		r->started = 0;
		return -EPROTO;
	}
	while (!n && r->pos < tail)
		n = gc_ring_chunk_(seg, ring, r, tail, out, max, &skip);
	for (i = 0; i < n; i++) {
		out[i] = out[skip + i];
		if (out[i].type == GC_EV_CONT)
			continue;
		if (r->started)
			*lost += (uint32_t)(out[i].seq - r->next_seq);
		r->next_seq = out[i].seq + 1;
		r->started = 1;
	}
	return (int)n;
}

/*
 * Puts the event at rec[0] together from n slots as gc_ring_read() gave them.
 * Returns the number of slots it took, 0 when n is 0. A slot that does not
 * belong to an event is returned as an event of type GC_EV_CONT.
 */
static inline unsigned gc_event_take(const struct gc_record *rec, unsigned n, struct gc_event *ev)
{
	unsigned i, len = 0, part;

	if (!n)
		return 0;
	memset(ev, 0, offsetof(struct gc_event, v));
	ev->type = rec->type;
	ev->space = rec->space;
	ev->flags = rec->flags;
	ev->seq = rec->seq;
	ev->ts = rec->ts;
	ev->a = rec->a;
	ev->b = rec->b;
	for (i = 1; i < n && i < GC_SEG_EVENT_SLOTS; i++) {
		if (rec->type == GC_EV_CONT || rec[i].type != GC_EV_CONT || rec[i].seq != rec->seq)
			break;
		part = rec[i].flags < 24 ? rec[i].flags : 24;
		memcpy(ev->text + len, &rec[i].ts, part);
		len += part;
	}
	memset(ev->text + len, 0, 8);
	ev->len = len;
	ev->nv = len / 8;
	return i;
}

static inline const char *gc_seg_reason_name(unsigned reason)
{
	static const char *const names[] = {
		"none", "young space full", "heap goal", "large allocation", "external memory",
		"soft limit", "last ditch", "forced", "testing", "idle",
		"pin",
	};

	return reason < sizeof(names) / sizeof(names[0]) ? names[reason] : "other";
}

static inline const char *gc_seg_phase_name(unsigned phase)
{
	static const char *const names[] = {
		"none",	      "stop",	    "roots", "remembered", "copy",  "mark",	 "remark",
		"ephemerons", "finalizers", "sweep", "evacuate",   "fixup", "release",
	};

	return phase < sizeof(names) / sizeof(names[0]) ? names[phase] : "other";
}

#ifdef __cplusplus
}
#endif
#endif /* MPGC_SEGMENT_H */
