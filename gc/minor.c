/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * minor.c - collection of the young space: survivors are copied out of the eden and
 * out of one survivor half into the other half, or promoted to the old space.
 *
 * Owns the moving of young objects. Must not free old or large objects. Called with
 * the world stopped, the allocation buffers retired.
 *
 * An object is promoted at its second survival, and earlier when the survivor half
 * is full: it holds half of what the eden does, so building much long-lived data
 * does not copy it twice, and the eden is empty after every collection. The eden
 * keeps its addresses: 1 eden and 2 small halves touch fewer pages, and keep more
 * of them in the cache, than two halves of the eden's size would (docs/libmpgc.3).
 *
 * Invariant, when it ends: every old object that refers to a young one is in the
 * log with its UNLOGGED bit clear (or its card is logged, large reference arrays);
 * every other old object has the bit (check_log() of verify.c).
 */
#include "gc/internal.h"

/* What the loops need at hand: stores through slots cannot change it. */
struct copier {
	struct gc_heap *h;
	uintptr_t base, len; /* the young space */
	uintptr_t to, to_len;
};

static struct copier copier(struct gc_heap *h)
{
	return (struct copier){ h, h->base, h->dyn - h->base, h->to, h->to_end - h->to };
}

/* n: bytes to copy, a multiple of 8, at least 8. */
static inline void copy_words(uint64_t *to, const uint64_t *from, size_t n)
{
	size_t i;

	if (n > 256) {
		memcpy(to, from, n);
		return;
	}
	for (i = 0; i < n / 8; i++)
		to[i] = from[i];
}

/* Copies obj into the survivor half, or into the old space. Returns its new address. */
static void *copy_object(struct gc_heap *h, void *obj, uint64_t hdr)
{
	size_t cell = hdr_cell(hdr);
	bool data = h->types[hdr_type(hdr)].kind == GC_DATA;
	void *to;

	if (hdr & (HDR_AGE | HDR_PIN) || h->tenure_all || cell > h->to_end - h->to_free) {
		to = hdr & HDR_PIN ? pinned_cell(h, cell) : old_alloc(h, cell);
		if (!to)
			gc_fatal("the reserved %zu MiB of addresses are full", h->reserved >> 20);
		h->promoted += cell;
		hdr &= ~HDR_AGE;
		hdr |= data ? HDR_UNLOGGED : 0;
	} else {
		to = (void *)(h->to_free + 8);
		h->to_free += cell;
		hdr |= HDR_AGE_ONE;
	}
	copy_words(to, obj, cell - 8);
	*hdr_of(to) = hdr;
	*hdr_of(obj) = (uintptr_t)to | HDR_FORWARDED;
	if (hdr & HDR_WEAK)
		weak_reached(h, obj);
	if (!data)
		vec_push(&h->stack, (uintptr_t)to);
	if (h->marking && !in_young(h, to))
		mark_new(h, to);
	return to;
}

/* Moves the object that *slot refers to, if it is young. True: it is young now. */
static inline bool evacuate(const struct copier *c, gc_slot *slot)
{
	void *obj = *slot, *to;
	uint64_t hdr;

	if ((uintptr_t)obj - c->base >= c->len)
		return false;
	if ((uintptr_t)obj - c->to < c->to_len)
		return true; /* a slot seen before */
	hdr = *hdr_of(obj);
	if (hdr & HDR_FORWARDED)
		to = (void *)(uintptr_t)(hdr & ~HDR_FORWARDED);
	else
		to = copy_object(c->h, obj, hdr);
	*slot = to;
	return (uintptr_t)to - c->base < c->len;
}

void minor_visit(struct gc_visitor *v, gc_slot *slot)
{
	struct copier c = copier(v->h);

	v->young |= evacuate(&c, slot);
}

static bool scan_slots(const struct copier *c, gc_slot *slot, size_t n)
{
	bool young = false;
	size_t i;

	for (i = 0; i < n; i++)
		young |= evacuate(c, &slot[i]);
	return young;
}

/* Evacuates what obj refers to. True: it refers to a young object now. */
static inline bool scan_object(const struct copier *c, void *obj, uint64_t hdr)
{
	const struct type_info *t = &c->h->types[hdr_type(hdr)];
	struct gc_visitor v = { .h = c->h, .op = VISIT_EVACUATE };
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
		t->trace(obj, gc_object_size(obj), &v);
		return v.young;
	}
	return false;
}

static void scan_log(const struct copier *c)
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

static void scan_cards(const struct copier *c)
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

/*
 * Scans what was copied until nothing is left, the last copied first: a tree's
 * nodes then lie near their children. Promoted objects are armed, or logged.
 */
static void scan_copies(const struct copier *c)
{
	struct gc_heap *h = c->h;
	uint64_t hdr;
	void *obj;
	bool young;

	while (h->stack.n) {
		obj = (void *)h->stack.v[--h->stack.n];
		hdr = *hdr_of(obj);
		young = scan_object(c, obj, hdr);
		if ((uintptr_t)obj - c->base < c->len)
			continue;
		if (young)
			vec_push(&h->log, (uintptr_t)obj);
		else
			*hdr_of(obj) = hdr | HDR_UNLOGGED;
	}
}

static void drain_copies(void *arg)
{
	scan_copies(arg);
}

/* Doubles the young space when survivors since the last time would fill it. */
static void resize(struct gc_heap *h, size_t survived)
{
	size_t was = h->semi;

	h->survivors += survived;
	if (h->survivors <= h->semi || h->semi >= h->young_max)
		return;
	h->survivors = 0;
	h->semi = was * 2 > h->young_max ? h->young_max : was * 2;
	young_commit(h);
	event(h, GC_EV_SPACE_RESIZE, GC_SPACE_YOUNG, 0, 2 * was, 2 * h->semi, NULL, 0);
}

void minor_run(struct gc_heap *h)
{
	struct gc_visitor v = { .h = h, .op = VISIT_EVACUATE };
	unsigned to = h->surv == SURV_A ? SURV_B : SURV_A;
	struct copier c;
	size_t logged;

	h->to = h->to_free = area_addr(h, to);
	h->to_end = h->to + area_size(h, to);
	h->promoted = 0;
	c = copier(h);

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
	phase_end(h, GC_PHASE_COPY, h->promoted + (h->to_free - h->to));
	weak_finish(h, &v, drain_copies, &c);

	old_sync(h);
	young_touch(h, to, h->to_free);
	h->surv = to;
	h->surv_top = h->to_free;
	if (h->alternate)
		h->eden = h->eden == EDEN_A ? EDEN_B : EDEN_A;
	h->young_top = area_addr(h, h->eden);
	h->promoted_total += h->promoted;
	event(h, GC_EV_PROMOTED, GC_SPACE_OLD, 0, h->promoted, h->to_free - h->to, NULL, 0);
	resize(h, h->promoted + (h->to_free - h->to));
}
