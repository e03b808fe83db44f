/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * minor.c - collection of the young space: survivors are copied out of the eden and
 * out of one survivor half into the other half, or promoted to the old space.
 *
 * Owns the moving of young objects. Must not free old or large objects. Called with
 * the world stopped, the allocation buffers retired.
 *
 * An object is promoted at its second survival, and earlier when the survivor half
 * is full: it holds a sixteenth of what the eden does, so building much long-lived
 * data does not copy it twice, and the eden is empty after every collection. The
 * eden keeps its addresses: it and two small halves touch fewer pages, and keep more
 * of them in the cache, than two halves of its size would (docs/architecture.md).
 *
 * Invariant, when it ends: every old object that refers to a young one is in the
 * log with its UNLOGGED bit clear (or its card is logged, large reference arrays);
 * every other old object has the bit (check_log() of verify.c).
 */
#include "gc/internal.h"

#define PAUSES_SHORT 16	     /* collections before the eden is made larger */

/*
 * What the loops need at hand: a copy of the heap's fields, which stores through slots
 * could change as far as the compiler knows. copier_close() puts back what changed.
 */
struct copier {
	struct gc_heap *h;
	uintptr_t base, len;	  /* the young space */
	uintptr_t to, to_len;	  /* the survivor half that is filled */
	uintptr_t free, free_end; /* what is left of it */
	uintptr_t hole, hole_end; /* what is left of the old space's open hole */
	uintptr_t scan, scan_old; /* up to where copies were scanned, in each */
	const struct type_info *types;
	bool tenure_all, marking;
};

static void copier_open(struct copier *c, struct gc_heap *h)
{
	*c = (struct copier){ .h = h, .base = h->base, .len = h->dyn - h->base };
	c->to = c->free = h->to;
	c->free_end = h->to_end;
	c->to_len = h->to_end - h->to;
	c->hole = h->small.cur;
	c->hole_end = h->small.end;
	c->scan = c->free;
	c->scan_old = c->hole;
	c->types = h->types;
	c->tenure_all = h->tenure_all;
	c->marking = h->marking;
}

static void copier_close(struct copier *c)
{
	c->h->small.cur = c->hole;
	c->h->to_free = c->free;
}

/* Copies outside the open hole are scanned by range. */
static void push_range(struct copier *c, uintptr_t start, uintptr_t end)
{
	if (start == end)
		return;
	vec_push(&c->h->stack, start);
	vec_push(&c->h->stack, end);
}

static uintptr_t promote_slow(struct copier *c, size_t cell, uint64_t hdr)
{
	struct hole *small = &c->h->small;
	uintptr_t p;
	void *to;

	small->cur = c->hole;
	to = hdr & HDR_PIN ? pinned_cell(c->h, cell) : old_alloc(c->h, cell);
	if (!to)
		gc_fatal("the reserved %zu MiB of addresses are full", c->h->reserved >> 20);
	p = (uintptr_t)hdr_of(to);
	/* It begins a new hole. (Or it lies behind a full one, not in it: cur is there too.) */
	if (small->start == p && small->cur > p) {
		push_range(c, c->scan_old, c->hole);
		c->scan_old = p;
	} else {
		push_range(c, p, p + cell);
	}
	c->hole = small->cur;
	c->hole_end = small->end;
	return p;
}

static inline uintptr_t promote(struct copier *c, size_t cell, uint64_t hdr)
{
	uintptr_t p = c->hole;

	if (__builtin_expect(c->hole_end - p < cell || hdr & HDR_PIN, 0))
		return promote_slow(c, cell, hdr);
	c->hole = p + cell;
	bit_set(c->h->alloc_bits, bit_index(c->h, (void *)(p + 8)));
	return p;
}

/* n: bytes of a cell behind its header, a multiple of 8, at least 8. */
static inline void copy_words(uint64_t *to, const uint64_t *from, size_t n)
{
	size_t i = 0;

	if (__builtin_expect(n > 256, 0)) {
		memcpy(to, from, n);
		return;
	}
	do
		to[i] = from[i];
	while (++i < n / 8);
}

/* Copies obj into the survivor half, or into the old space. Returns its new address. */
static inline __attribute__((always_inline)) uintptr_t copy_object(struct copier *c, uintptr_t obj,
								   uint64_t hdr)
{
	size_t cell = hdr_cell(hdr);
	uintptr_t p = c->free;

	if (hdr & (HDR_AGE | HDR_PIN) || cell > c->free_end - p || c->tenure_all) {
		p = promote(c, cell, hdr);
		c->h->promoted += cell;
		hdr &= ~HDR_AGE;
		hdr |= hdr_is_data(hdr) ? HDR_UNLOGGED : 0;
	} else {
		c->free = p + cell;
		hdr |= HDR_AGE_ONE;
	}
	*(uint64_t *)p = hdr;
	copy_words((uint64_t *)p + 1, (uint64_t *)obj, cell - 8);
	*(uint64_t *)(obj - 8) = (p + 8) | HDR_FORWARDED;
	if (__builtin_expect(hdr & HDR_WEAK, 0))
		weak_reached(c->h, (void *)obj);
	if (__builtin_expect(c->marking, 0) && p - c->base >= c->len)
		mark_new(c->h, (void *)(p + 8));
	return p + 8;
}

/* Moves the object that *slot refers to, if it is young. True: it is young now. */
static inline __attribute__((always_inline)) bool evacuate(struct copier *c, gc_slot *slot)
{
	uintptr_t obj = (uintptr_t)*slot, to;
	uint64_t hdr;

	if (obj - c->base >= c->len)
		return false;
	if (obj - c->to < c->to_len)
		return true; /* a slot seen before */
	hdr = *(uint64_t *)(obj - 8);
	if (hdr & HDR_FORWARDED)
		to = hdr & ~HDR_FORWARDED;
	else
		to = copy_object(c, obj, hdr);
	*slot = (void *)to;
	return to - c->base < c->len;
}

void minor_visit(struct gc_visitor *v, gc_slot *slot)
{
	v->young |= evacuate(v->copier, slot);
}

static bool scan_slots(struct copier *c, gc_slot *slot, size_t n)
{
	bool young = false;
	size_t i;

	for (i = 0; i < n; i++)
		young |= evacuate(c, &slot[i]);
	return young;
}

static bool scan_custom(struct copier *c, void *obj, const struct type_info *t)
{
	struct gc_visitor v = { .h = c->h, .op = VISIT_EVACUATE, .copier = c, .holder = obj };

	t->trace(obj, gc_object_size(obj), &v);
	return v.young;
}

/* Evacuates what obj refers to. True: it refers to a young object now. */
static inline bool scan_object(struct copier *c, void *obj, uint64_t hdr)
{
	const struct type_info *t = &c->types[hdr_type(hdr)];
	gc_slot *slot = obj;
	bool young = false;
	uint64_t bits;

	switch (t->kind) {
	case GC_DATA:
		return false;
	case GC_BITMAP64:
		for (bits = t->bitmap; bits; bits &= bits - 1)
			young |= evacuate(c, &slot[__builtin_ctzll(bits)]);
		return young;
	case GC_REF_ARRAY:
		return scan_slots(c, slot + 1, ((struct gc_refs *)obj)->len);
	case GC_CUSTOM:
		return scan_custom(c, obj, t);
	}
	return false;
}

static void scan_log(struct copier *c)
{
	struct gc_heap *h = c->h;
	size_t i, keep = 0;
	void *obj;

	for (i = 0; i < h->log.n; i++) {
		obj = (void *)h->log.v[i];
		if (h->marking)
			mark_again(h, obj);
		if (scan_object(c, obj, *hdr_of(obj)))
			h->log.v[keep++] = (uintptr_t)obj;
		else
			*hdr_of(obj) |= HDR_UNLOGGED;
	}
	h->log.n = keep;
}

/* The slots of array a on a card. Returns their number. */
size_t card_slots(const struct gc_heap *h, struct gc_refs *a, size_t card, gc_slot **slot)
{
	uintptr_t lo = h->base + (card << 9), hi = lo + 512;

	if (lo < (uintptr_t)a->ref)
		lo = (uintptr_t)a->ref;
	if (hi > (uintptr_t)(a->ref + a->len))
		hi = (uintptr_t)(a->ref + a->len);
	*slot = (gc_slot *)lo;
	return (hi - lo) / sizeof(void *);
}

static void scan_cards(struct copier *c)
{
	struct gc_heap *h = c->h;
	size_t i, n, keep = 0, card;
	struct gc_refs *a;
	gc_slot *slot;

	for (i = 0; i < h->card_log.n; i += 2) {
		a = (struct gc_refs *)h->card_log.v[i];
		card = h->card_log.v[i + 1];
		n = card_slots(h, a, card, &slot);
		if (h->marking)
			mark_card_again(h, a, slot, n);
		if (!scan_slots(c, slot, n)) {
			h->cards[card] = 0;
			continue;
		}
		h->card_log.v[keep++] = (uintptr_t)a;
		h->card_log.v[keep++] = card;
	}
	h->card_log.n = keep;
}

/* Scans a promoted object, which is then armed, or logged. */
static inline void scan_promoted(struct copier *c, uintptr_t p, uint64_t hdr)
{
	if (hdr_is_data(hdr))
		return;
	if (scan_object(c, (void *)(p + 8), hdr))
		vec_push(&c->h->log, p + 8);
	else
		*(uint64_t *)p = hdr | HDR_UNLOGGED;
}

static void scan_range(struct copier *c, uintptr_t p, uintptr_t end)
{
	uint64_t hdr;

	for (; p < end; p += hdr_cell(hdr)) {
		hdr = *(uint64_t *)p;
		scan_promoted(c, p, hdr);
	}
}

/*
 * Scans what was copied until nothing is left, in the order of the copies (Cheney,
 * CACM 1970): the objects that one object refers to do not depend on those of the
 * next, so that the processor can wait for several at once.
 */
static void scan_copies(struct copier *c)
{
	struct vec *ranges = &c->h->stack;
	uintptr_t p;
	uint64_t hdr;

	do {
		while ((p = c->scan) < c->free) {
			hdr = *(uint64_t *)p;
			c->scan = p + hdr_cell(hdr);
			scan_object(c, (void *)(p + 8), hdr);
		}
		while ((p = c->scan_old) < c->hole) {
			hdr = *(uint64_t *)p;
			c->scan_old = p + hdr_cell(hdr);
			scan_promoted(c, p, hdr);
		}
		if (ranges->n) {
			ranges->n -= 2;
			scan_range(c, ranges->v[ranges->n], ranges->v[ranges->n + 1]);
		}
	} while (ranges->n || c->scan < c->free || c->scan_old < c->hole);
}

static void drain_copies(void *arg)
{
	scan_copies(arg);
}

/* What the eden holds must fit: none, or not more than `size`. */
void set_eden(struct gc_heap *h, size_t size)
{
	size_t committed = young_committed(h);

	h->survivors = 0;
	h->pauses_short = 0;
	h->semi = size;
	young_commit(h);
	event(h, GC_EV_SPACE_RESIZE, GC_SPACE_YOUNG, 0, committed, young_committed(h), NULL, 0);
}

/* With few addresses in all the most are left to old objects. */
static bool may_grow(const struct gc_heap *h)
{
	return h->semi < h->young_limit && 16 * h->semi <= h->base + h->reserved - h->dyn;
}

/*
 * The size of the eden from here on; it is empty. Without a goal for pauses it is
 * doubled when the survivors since the last time would fill it: less is then copied
 * that dies soon after. With one, the pause follows what is copied, and that the size:
 * halved after a pause of more than three quarters of the goal, doubled after a row
 * far below it.
 */
void minor_resize(struct gc_heap *h, uint64_t pause)
{
	h->survivors += h->promoted + (h->surv_top - area_addr(h, h->surv));
	if (h->semi > h->young_limit)
		set_eden(h, h->young_limit);
	if (!h->pause_goal) {
		if (h->survivors > h->semi && may_grow(h))
			set_eden(h, 2 * h->semi);
		return;
	}
	h->pauses_short = pause < h->pause_goal / 4 ? h->pauses_short + 1 : 0;
	if (pause > h->pause_goal / 4 * 3 && h->semi > EDEN_MIN)
		set_eden(h, h->semi / 2);
	else if (h->pauses_short >= PAUSES_SHORT && may_grow(h))
		set_eden(h, 2 * h->semi);
}

void minor_run(struct gc_heap *h)
{
	struct copier c;
	struct gc_visitor v = { .h = h, .op = VISIT_EVACUATE, .copier = &c };
	unsigned to = h->surv == SURV_A ? SURV_B : SURV_A;
	size_t logged;

	h->to = h->to_free = area_addr(h, to);
	h->to_end = h->to + area_size(h, to);
	h->promoted = 0;
	copier_open(&c, h);

	phase_begin(h, GC_PHASE_ROOTS);
	roots_visit(h, &v);
	globals_visit(h, &v, true);
	phase_end(h, GC_PHASE_ROOTS, GC_SEG_UNKNOWN);
	/* Only scan_copies() adds to the log: what scan_log() finds is promoted first. */
	phase_begin(h, GC_PHASE_REMEMBERED);
	logged = h->log.n + h->card_log.n / 2;
	scan_log(&c);
	scan_cards(&c);
	phase_end(h, GC_PHASE_REMEMBERED, logged);
	phase_begin(h, GC_PHASE_COPY);
	scan_copies(&c);
	phase_end(h, GC_PHASE_COPY, h->promoted + (c.free - h->to));
	weak_finish(h, &v, drain_copies, &c);
	copier_close(&c);

	old_sync(h);
	young_touch(h, to, h->to_free);
	h->surv = to;
	h->surv_top = h->to_free;
	if (h->alternate)
		h->eden = h->eden == EDEN_A ? EDEN_B : EDEN_A;
	h->young_top = area_addr(h, h->eden);
	h->promoted_total += h->promoted;
	event(h, GC_EV_PROMOTED, GC_SPACE_OLD, 0, h->promoted, h->to_free - h->to, NULL, 0);
}
