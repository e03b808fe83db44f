/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * segment.c - the writing side of the counters segment (gc_segment.h).
 *
 * Owns the memfd (segfile.c makes it) and everything in it. The collector never reads
 * it back. Without one (not wanted, or the kernel refused) every function here does
 * nothing.
 *
 * Each ring but the last belongs to one mutator's thread, which writes it without
 * a lock. The last is everybody else's, under ev_lock: the release thread, threads
 * that use a heap without being a mutator, mutators that found no ring free. Names
 * and counters are written under ev_lock too; only `used` is stored outside of it
 * (segment_used()), as the format allows.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "gc/internal.h"
#include "gc/segfile.h"

#define NAMES_BYTES (8 * PAGE_SIZE)
#define NAMES_CAP   ((uint32_t)(NAMES_BYTES / sizeof(struct gc_seg_name) - 2))
#define NAMES_TYPES (NAMES_CAP * 3 / 4) /* types stop here: there is room for other names */

/* The calling thread as the kernel calls it, and the ring it wrote last: a hint. */
static _Thread_local uint32_t my_tid;
static _Thread_local unsigned my_ring;

static size_t page_align(size_t n)
{
	return (n + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
}

static size_t layout(const struct gc_heap *h, struct gc_seg_header *l)
{
	*l = (struct gc_seg_header){ .version = GC_SEG_VERSION, .header_len = sizeof(*l) };
	l->heap_base = h->base;
	l->heap_len = h->reserved;
	l->block_shift = BLOCK_SHIFT;
	l->page_shift = PAGE_SHIFT;
	l->counters_off = PAGE_SIZE;
	l->counters_len = sizeof(struct gc_seg_counters);
	l->names_off = 2 * PAGE_SIZE;
	l->names_cap = NAMES_CAP;
	l->kind_off = l->names_off + NAMES_BYTES;
	l->kind_len = h->reserved >> BLOCK_SHIFT;
	l->rings_off = page_align(l->kind_off + l->kind_len);
	l->nrings = h->nrings;
	l->ring_slots = h->ring_slots;
	l->ring_stride = page_align(sizeof(struct gc_seg_ring) + (uint64_t)h->ring_slots * 32);
	l->total_len = l->rings_off + l->nrings * l->ring_stride;
	return l->total_len;
}

static void publish(struct gc_heap *h, struct gc_seg_header *l)
{
	l->heap_id = h->id;
	memcpy(l->source, "mpgc", 5);
	memcpy(l->name, h->name, sizeof(h->name));
	h->ctr->nspaces = GC_NSPACES;
	segfile_publish(h->seg, l);
}

static void rings_open(struct gc_heap *h, uint8_t *first, uint64_t stride)
{
	unsigned i;

	for (i = 0; i < h->nrings; i++) {
		h->rings[i].map = (struct gc_seg_ring *)(first + i * stride);
		h->rings[i].seq = 0;
		if (h->rings[i].tid)
			h->rings[i].map->tid = h->rings[i].tid;
	}
}

/*
 * Opens a segment, also in a forked child: its parent's is not mapped there. The
 * block kinds are copied, the rings are empty and keep their owners. Returns 0 or
 * why there is none.
 */
int segment_open(struct gc_heap *h)
{
	struct gc_seg_header l;
	uint8_t *p;
	size_t b;

	h->seg_len = layout(h, &l);
	h->seg_fd = segfile_map(h->seg_len, (void **)&p);
	if (h->seg_fd < 0) {
		h->seg_err = h->seg_fd;
		h->seg_fd = -1;
		return h->seg_err;
	}
	h->seg = (struct gc_seg_header *)p;
	h->ctr = (struct gc_seg_counters *)(p + l.counters_off);
	h->names = (struct gc_seg_names *)(p + l.names_off);
	h->kinds = p + l.kind_off;
	rings_open(h, p + l.rings_off, l.ring_stride);
	for (b = 0; b < block_of(h, h->commit_top); b++)
		if (h->blocks[b].kind)
			h->kinds[b] = h->blocks[b].kind;
	publish(h, &l);
	return 0;
}

/* What the child of a fork inherits: a descriptor, and pointers to nothing. */
void segment_forget(struct gc_heap *h)
{
	unsigned i;

	if (h->seg_fd >= 0)
		close(h->seg_fd);
	h->seg_fd = -1;
	h->seg = NULL;
	h->ctr = NULL;
	h->names = NULL;
	h->kinds = NULL;
	for (i = 0; i < h->nrings; i++)
		h->rings[i].map = NULL;
}

void segment_close(struct gc_heap *h)
{
	if (h->seg)
		munmap(h->seg, h->seg_len);
	segment_forget(h);
}

/* --- whose ring --------------------------------------------------------------------- */

uint32_t thread_id(void)
{
	if (!my_tid)
		my_tid = (uint32_t)gettid();
	return my_tid;
}

/* The calling thread's own ring of this heap, or NULL. A thread that ended without
 * detaching leaves its ring to the next one that gets its number. */
static struct ring *own_ring(struct gc_heap *h)
{
	uint32_t tid = thread_id();
	unsigned i;

	if (my_ring < h->nrings && __atomic_load_n(&h->rings[my_ring].tid, __ATOMIC_RELAXED) == tid)
		return &h->rings[my_ring];
	for (i = 0; i + 1 < h->nrings; i++)
		if (__atomic_load_n(&h->rings[i].tid, __ATOMIC_RELAXED) == tid) {
			my_ring = i;
			return &h->rings[i];
		}
	return NULL;
}

/* The calling thread became a mutator: it gets the first free ring, or shares the
 * last, which is counted. Called with the heap's lock. */
void segment_thread_begin(struct gc_heap *h)
{
	uint32_t tid = thread_id();
	unsigned i;

	if (own_ring(h))
		return;
	for (i = 0; i + 1 < h->nrings && h->rings[i].tid;)
		i++;
	if (i + 1 < h->nrings) {
		if (h->rings[i].map)
			__atomic_store_n(&h->rings[i].map->tid, tid, __ATOMIC_RELAXED);
		__atomic_store_n(&h->rings[i].tid, tid, __ATOMIC_RELAXED);
	} else {
		h->rings_shared++;
	}
	event(h, GC_EV_THREAD, GC_SPACE_NONE, 1, tid, 0, NULL, 0);
}

/* ... and is one no longer. Called with the heap's lock. */
void segment_thread_end(struct gc_heap *h)
{
	struct ring *r = own_ring(h);

	event(h, GC_EV_THREAD, GC_SPACE_NONE, 0, thread_id(), 0, NULL, 0);
	if (r)
		__atomic_store_n(&r->tid, 0, __ATOMIC_RELAXED);
}

/*
 * In the child of a fork: `was` is what thread_forget() gave. The rings of threads
 * that are not here any more are free; the caller's keep their owner, whose number
 * is a new one.
 */
void segment_forked(struct gc_heap *h, uint32_t was)
{
	unsigned i;

	for (i = 0; i < h->nrings; i++)
		h->rings[i].tid = was && h->rings[i].tid == was ? thread_id() : 0;
}

/* The calling thread has a new number. Returns the old one, 0 if nobody asked. */
uint32_t thread_forget(void)
{
	uint32_t was = my_tid;

	my_tid = 0;
	return was;
}

/* --- events ------------------------------------------------------------------------ */

static void put_slot(struct gc_heap *h, struct ring *r, uint64_t pos, const struct gc_record *rec)
{
	uint64_t words[4], *to = &r->map->slot[(pos & (h->ring_slots - 1)) * 4];
	int w;

	memcpy(words, rec, sizeof(words));
	for (w = 0; w < 4; w++)
		__atomic_store_n(&to[w], words[w], __ATOMIC_RELAXED);
}

static void put_event(struct gc_heap *h, struct ring *r, struct gc_record *head,
		      const uint8_t *data, size_t len)
{
	uint64_t pos = r->map->tail;
	size_t n = (len + 23) / 24, i, part;
	struct gc_record cont;

	/* First say which slots are lost, then overwrite them, then say what is there. */
	__atomic_store_n(&r->map->head, pos + 1 + n, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	head->seq = r->seq++;
	head->ts = now_ns();
	put_slot(h, r, pos, head);
	for (i = 0; i < n; i++) {
		part = len - i * 24 < 24 ? len - i * 24 : 24;
		memset(&cont, 0, sizeof(cont));
		cont.type = GC_EV_CONT;
		cont.space = (uint8_t)(i + 1);
		cont.flags = (uint8_t)part;
		cont.seq = head->seq;
		memcpy(&cont.ts, data + i * 24, part);
		put_slot(h, r, pos + 1 + i, &cont);
	}
	__atomic_store_n(&r->map->tail, pos + 1 + n, __ATOMIC_RELEASE);
}

static void tell(struct gc_heap *h, struct gc_record *head, const uint8_t *data, size_t len)
{
	struct ring *r = own_ring(h);

	if (r) {
		if (r->map)
			put_event(h, r, head, data, len);
		return;
	}
	r = &h->rings[h->nrings - 1];
	pthread_mutex_lock(&h->ev_lock);
	if (r->map)
		put_event(h, r, head, data, len);
	pthread_mutex_unlock(&h->ev_lock);
}

void event(struct gc_heap *h, unsigned type, unsigned space, unsigned flags, uint64_t a, uint64_t b,
	   const uint64_t *v, unsigned nv)
{
	struct gc_record r = { .type = (uint16_t)type,
			       .space = (uint8_t)space,
			       .flags = (uint8_t)flags,
			       .a = a,
			       .b = b };

	if (h->ctr)
		tell(h, &r, (const uint8_t *)v, nv * 8);
}

void event_text(struct gc_heap *h, unsigned type, uint64_t b, const char *text)
{
	size_t len = strnlen(text, GC_SEG_TEXT_MAX);
	struct gc_record r = { .type = (uint16_t)type, .a = len, .b = b };

	if (h->ctr)
		tell(h, &r, (const uint8_t *)text, len);
}

/* --- names and counters ------------------------------------------------------------- */

uint16_t segment_name(struct gc_heap *h, unsigned kind, unsigned id, const char *name)
{
	pthread_mutex_lock(&h->ev_lock);
	if (h->names && id <= UINT16_MAX)
		(void)segfile_name(h->names, kind == GC_NAME_TYPE ? NAMES_TYPES : NAMES_CAP, kind,
				   id, name);
	pthread_mutex_unlock(&h->ev_lock);
	return (uint16_t)id;
}

/* The one counter that is stored outside the seqlock. */
void segment_used(struct gc_heap *h, size_t used)
{
	if (h->ctr)
		__atomic_store_n(&h->ctr->used, used, __ATOMIC_RELAXED);
}

static uint64_t limit_value(size_t limit)
{
	return limit == GC_NO_LIMIT ? GC_SEG_UNKNOWN : limit;
}

static void fill_spaces(const struct gc_heap *h, struct gc_seg_counters *c)
{
	size_t young = young_used(h);

	c->space[GC_YOUNG].used = young;
	c->space[GC_YOUNG].committed = young_committed(h);
	c->space[GC_OLD].used = h->old_used;
	c->space[GC_OLD].committed = h->old_blocks << BLOCK_SHIFT;
	c->space[GC_LARGE].used = h->large_used;
	c->space[GC_LARGE].committed = h->large_pages << PAGE_SHIFT;
	c->space[GC_PINNED].used = h->pinned.used;
	c->space[GC_PINNED].committed = h->pinned.blocks << BLOCK_SHIFT;
	c->space[GC_YOUNG].resident = GC_SEG_UNKNOWN;
	c->space[GC_OLD].resident = GC_SEG_UNKNOWN;
	c->space[GC_LARGE].resident = GC_SEG_UNKNOWN;
	c->space[GC_PINNED].resident = GC_SEG_UNKNOWN;
}

static void fill(struct gc_heap *h, struct gc_seg_counters *c)
{
	unsigned i;

	c->nspaces = GC_NSPACES;
	c->updated_ns = now_ns();
	c->used = heap_used(h);
	c->committed = heap_committed(h);
	c->resident = h->resident_at ? h->resident : GC_SEG_UNKNOWN;
	c->mapped = h->mapped;
	c->owed = heap_owed(h);
	c->released_total = h->released_total;
	c->external = (uint64_t)__atomic_load_n(&h->external_total, __ATOMIC_RELAXED);
	for (i = 0; i < GC_SEG_CLASSES; i++)
		c->external_class[i] = (uint64_t)__atomic_load_n(&h->external[i], __ATOMIC_RELAXED);
	c->array_buffers = c->external_class[GC_CLASS_ARRAY_BUFFERS];
	c->limit = limit_value(h->old_limit);
	c->soft_limit = limit_value(h->soft_limit);
	c->goal = h->goal;
	c->live = h->major_count ? h->live : GC_SEG_UNKNOWN;
	c->minor_count = h->minor_count;
	c->major_count = h->major_count;
	c->minor_pause_ns = h->minor_ns;
	c->major_pause_ns = h->major_ns_total;
	c->max_pause_ns = h->max_pause;
	c->allocated_total = h->allocated;
	c->promoted_total = h->promoted_total;
	c->rings_shared = h->rings_shared;
	fill_spaces(h, c);
}

/* Brings the counters page up to date. Called with the heap's lock. */
void segment_counters(struct gc_heap *h)
{
	struct gc_seg_counters c;

	if (!h->ctr)
		return;
	memset(&c, 0, sizeof(c));
	fill(h, &c);
	pthread_mutex_lock(&h->ev_lock);
	segfile_counters(h->ctr, &c);
	pthread_mutex_unlock(&h->ev_lock);
}

/* The same figures as an event, for the curve between collections. */
void counters_event(struct gc_heap *h)
{
	uint64_t v[6];

	if (!h->ctr)
		return;
	segment_counters(h);
	tell_reuse(h);
	h->counters_at = now_ns();
	v[0] = (uint64_t)__atomic_load_n(&h->external_total, __ATOMIC_RELAXED);
	v[1] = (uint64_t)__atomic_load_n(&h->external[GC_CLASS_ARRAY_BUFFERS], __ATOMIC_RELAXED);
	v[2] = h->resident_at ? h->resident : GC_SEG_UNKNOWN;
	v[3] = heap_owed(h);
	v[4] = h->goal;
	v[5] = limit_value(h->old_limit);
	event(h, GC_EV_COUNTERS, GC_SPACE_NONE, 0, heap_used(h), heap_committed(h), v, 6);
}

/* Asks the kernel what is resident, at most for a quarter of 1 % of the time. */
void resident_look(struct gc_heap *h, uint64_t now)
{
	if (!h->ctr || now - h->resident_at < 400 * h->resident_cost)
		return;
	h->resident = pages_resident(h->base, h->commit_top);
	h->resident_at = now_ns();
	h->resident_cost = h->resident_at - now;
}
