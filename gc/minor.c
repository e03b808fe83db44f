/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * minor.c - collection of the young space: Cheney's copy between the two halves,
 * promotion to the old space at the second survival.
 *
 * Owns the moving of objects. Must not free old or large objects. Called with the
 * heap's lock, the allocation buffer retired.
 *
 * An object promoted earlier than at its second survival: when the half that is
 * copied to is more than half full, so that building much long-lived data does
 * not copy it twice and the young space is never full after a collection.
 *
 * Invariant, when it ends: every old object that refers to a young one is in the
 * log with its UNLOGGED bit clear (or its card is logged, large reference arrays);
 * every other old object has the bit (check_log() of verify.c).
 */
#include "gc/internal.h"

static void copy_words(uint64_t *to, const uint64_t *from, size_t cell)
{
	size_t i;

	if (cell > 256) {
		memcpy(to, from, cell);
		return;
	}
	for (i = 0; i < cell / 8; i++)
		to[i] = from[i];
}

static void *promote(struct gc_heap *h, void *obj, uint64_t hdr)
{
	size_t cell = hdr_cell(hdr);
	void *to = old_alloc(h, cell);

	if (!to)
		gc_fatal("the reserved %zu MiB of addresses are full", h->reserved >> 20);
	copy_words(to, obj, cell - 8);
	h->promoted += cell;
	hdr &= ~HDR_AGE;
	if (h->types[hdr_type(hdr)].kind == GC_DATA) {
		*hdr_of(to) = hdr | HDR_UNLOGGED;
	} else {
		*hdr_of(to) = hdr;
		vec_push(&h->stack, (uintptr_t)to);
	}
	return to;
}

static void *keep_young(struct gc_heap *h, void *obj, uint64_t hdr)
{
	size_t cell = hdr_cell(hdr);
	void *to = (void *)(h->to_free + 8);

	h->to_free += cell;
	copy_words(to, obj, cell - 8);
	*hdr_of(to) = hdr | HDR_AGE_ONE;
	return to;
}

/* Moves the object that *slot refers to, if it is in the half being emptied. */
static inline void evacuate(struct gc_heap *h, gc_slot *slot)
{
	void *obj = *slot, *to;
	uint64_t hdr;

	if ((uintptr_t)obj - h->from >= h->from_end - h->from)
		return;
	hdr = *hdr_of(obj);
	if (hdr & HDR_FORWARDED) {
		*slot = (void *)(uintptr_t)(hdr & ~HDR_FORWARDED);
		return;
	}
	if (hdr & HDR_AGE || h->to_free - h->to + hdr_cell(hdr) > h->semi / 2)
		to = promote(h, obj, hdr);
	else
		to = keep_young(h, obj, hdr);
	*hdr_of(obj) = (uintptr_t)to | HDR_FORWARDED;
	*slot = to;
}

void minor_visit(struct gc_visitor *v, gc_slot *slot)
{
	evacuate(v->h, slot);
	v->young |= in_young(v->h, *slot);
}

static bool scan_slots(struct gc_heap *h, gc_slot *slot, size_t n)
{
	bool young = false;
	size_t i;

	for (i = 0; i < n; i++) {
		evacuate(h, &slot[i]);
		young |= in_young(h, slot[i]);
	}
	return young;
}

/* Evacuates what obj refers to. True: it refers to a young object now. */
static bool scan_object(struct gc_heap *h, void *obj)
{
	const struct type_info *t = &h->types[hdr_type(*hdr_of(obj))];
	struct gc_visitor v = { .h = h, .op = VISIT_EVACUATE };
	gc_slot *slot = obj;
	bool young = false;
	uint64_t bits;
	size_t i;

	switch (t->kind) {
	case GC_DATA:
		return false;
	case GC_BITMAP64:
		for (bits = t->bitmap; bits; bits &= bits - 1) {
			i = (size_t)__builtin_ctzll(bits);
			evacuate(h, &slot[i]);
			young |= in_young(h, slot[i]);
		}
		return young;
	case GC_REF_ARRAY:
		return scan_slots(h, slot + 1, ((struct gc_refs *)obj)->len);
	case GC_CUSTOM:
		t->trace(obj, gc_object_size(obj), &v);
		return v.young;
	}
	return false;
}

/* An old object that was scanned: armed again, or kept in the log. */
static void rearm(struct gc_heap *h, void *obj, bool young)
{
	if (young)
		vec_push(&h->log, (uintptr_t)obj);
	else
		*hdr_of(obj) |= HDR_UNLOGGED;
}

static void scan_log(struct gc_heap *h)
{
	size_t i, keep = 0;
	void *obj;

	for (i = 0; i < h->log.n; i++) {
		obj = (void *)h->log.v[i];
		if (scan_object(h, obj))
			h->log.v[keep++] = (uintptr_t)obj;
		else
			*hdr_of(obj) |= HDR_UNLOGGED;
	}
	h->log.n = keep;
}

static bool scan_card(struct gc_heap *h, struct gc_refs *a, size_t card)
{
	uintptr_t lo = h->base + (card << 9), hi = lo + 512;

	if (lo < (uintptr_t)a->ref)
		lo = (uintptr_t)a->ref;
	if (hi > (uintptr_t)(a->ref + a->len))
		hi = (uintptr_t)(a->ref + a->len);
	return scan_slots(h, (gc_slot *)lo, (hi - lo) / sizeof(void *));
}

static void scan_cards(struct gc_heap *h)
{
	size_t i, keep = 0, card;

	for (i = 0; i < h->card_log.n; i += 2) {
		card = h->card_log.v[i + 1];
		if (!scan_card(h, (struct gc_refs *)h->card_log.v[i], card)) {
			h->cards[card] = 0;
			continue;
		}
		h->card_log.v[keep++] = h->card_log.v[i];
		h->card_log.v[keep++] = card;
	}
	h->card_log.n = keep;
}

/* Scans what was copied and promoted until nothing is left. */
static void scan_copies(struct gc_heap *h)
{
	uintptr_t scan = h->to;
	void *obj;

	while (scan < h->to_free || h->stack.n) {
		while (h->stack.n) {
			obj = (void *)h->stack.v[--h->stack.n];
			rearm(h, obj, scan_object(h, obj));
		}
		if (scan < h->to_free) {
			obj = (void *)(scan + 8);
			scan += hdr_cell(*hdr_of(obj));
			scan_object(h, obj);
		}
	}
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
	pages_commit_half(h, 0, h->semi);
	pages_commit_half(h, 1, h->semi);
	event(h, GC_EV_SPACE_RESIZE, GC_SPACE_YOUNG, 0, 2 * was, 2 * h->semi, NULL, 0);
}

void minor_run(struct gc_heap *h)
{
	struct gc_visitor v = { .h = h, .op = VISIT_EVACUATE };
	uintptr_t from = half_addr(h, h->active);

	h->from = from;
	h->from_end = h->young_top;
	h->to = half_addr(h, !h->active);
	h->to_free = h->to;
	h->promoted = 0;

	roots_visit(h, &v);
	globals_visit(h, &v, true);
	/* Only scan_copies() adds to the log: what scan_log() finds is promoted first. */
	scan_log(h);
	scan_cards(h);
	scan_copies(h);
	weak_end(h, &v);

	old_sync(h);
	pages_use(h, h->to, h->to_free);
	/* What was given back of the last buffer lies behind from_end. */
	pages_unuse(h, from, page_up(h->from_end) + TLAB_SIZE, now_ns());
	h->active = !h->active;
	h->young_top = h->to_free;
	h->promoted_total += h->promoted;
	event(h, GC_EV_PROMOTED, GC_SPACE_OLD, 0, h->promoted, h->to_free - h->to, NULL, 0);
	resize(h, h->promoted + (h->to_free - h->to));
}
