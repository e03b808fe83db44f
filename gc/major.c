/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * major.c - marking of everything but the young space, in slices, and the freeing of
 * what has no mark.
 *
 * Marks are bits outside the objects: no page of an object is written, and no page
 * of an object without references is read but the one with its header. Every
 * function is called with the world stopped, the allocation buffers retired where an
 * end of the young space matters.
 *
 * Marking is by incremental update (Dijkstra et al.; the barrier is the one that
 * remembers old-to-young references, no second one):
 *   - young objects are not marked. They are roots: their references are followed
 *     when they are promoted, and once more at the end, right after a minor
 *     collection, when few are left;
 *   - an old object that was written after it was scanned is in the log, because
 *     every old object outside the log has UNLOGGED: the objects in the log are
 *     scanned again at each minor collection and at the end;
 *   - roots outside the heap are visited at the start, and again at the end.
 * So at the end, with the world stopped, everything reachable is marked. What died
 * after it was marked stays until the next time.
 *
 * When it has ended, mark and alloc bits swap roles: an object is what was marked.
 */
#include "gc/internal.h"

#define PREFETCH   8
#define ARRAY_STEP 2048 /* elements of a reference array visited in one go */

static bool marked(const struct gc_heap *h, const void *obj)
{
	return bit_get(h->mark_bits, bit_index(h, obj));
}

/* False: NULL, or young. */
static inline bool is_markable(const struct gc_heap *h, const void *obj)
{
	return (uintptr_t)obj - h->dyn < h->commit_top - h->dyn;
}

static inline void mark_gray(struct gc_heap *h, void *obj)
{
	size_t i = bit_index(h, obj);

	if (bit_get(h->mark_bits, i))
		return;
	bit_set(h->mark_bits, i);
	vec_push(&h->gray, (uintptr_t)obj);
}

static inline void mark(struct gc_heap *h, gc_slot *slot)
{
	void *obj = *slot;

	if (!is_markable(h, obj))
		return;
	if (__builtin_expect(h->candidates != 0, 0))
		evac_note(h, slot, obj);
	mark_gray(h, obj);
}

/* A slot of a root, or one that a trace function visits: it need not be in its object,
 * nor be a slot for longer than this. */
void major_visit(struct gc_visitor *v, gc_slot *slot)
{
	struct gc_heap *h = v->h;
	void *obj = *slot;

	if (!is_markable(h, obj))
		return;
	if (__builtin_expect(h->candidates && v->holder, 0))
		evac_note_holder(h, v->holder, obj);
	mark_gray(h, obj);
}

static void mark_slots(struct gc_heap *h, gc_slot *slot, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		mark(h, &slot[i]);
}

/* A long array is visited piece by piece, so that a slice can end within it. Not a young
 * one: it would have moved by then. */
static void mark_array(struct gc_heap *h, struct gc_refs *a, size_t from)
{
	size_t n = a->len - from;

	if (n > ARRAY_STEP && !in_young(h, a)) {
		n = ARRAY_STEP;
		vec_push(&h->arrays, (uintptr_t)a);
		vec_push(&h->arrays, from + n);
	}
	mark_slots(h, (gc_slot *)&a->ref[from], n);
}

static inline void mark_fields(struct gc_heap *h, void *obj, uint64_t hdr)
{
	const struct type_info *t = &h->types[hdr_type(hdr)];
	struct gc_visitor v = { .h = h, .op = VISIT_MARK, .holder = obj };
	gc_slot *slot = obj;
	uint64_t bits;

	switch (t->kind) {
	case GC_DATA:
		break;
	case GC_BITMAP64:
		for (bits = t->bitmap; bits; bits &= bits - 1)
			mark(h, &slot[__builtin_ctzll(bits)]);
		break;
	case GC_REF_ARRAY:
		mark_array(h, obj, 0);
		break;
	case GC_CUSTOM:
		t->trace(obj, hdr_cell(hdr) - 8, &v);
		break;
	}
}

/*
 * What the loop over gray objects needs at hand: stores to bits and lines could change
 * the heap's fields as far as the compiler knows.
 */
struct marker {
	struct gc_heap *h;
	uintptr_t base, dyn, span; /* the heap; what is not young */
	uint64_t *bits;
	uint8_t *lines, epoch;
	struct block *blocks;
	const struct type_info *types;
	uintptr_t *bottom, *top, *limit; /* the stack */
	bool evacuating;
};

static void marker_open(struct marker *k, struct gc_heap *h)
{
	*k = (struct marker){ .h = h, .base = h->base, .dyn = h->dyn, .bits = h->mark_bits };
	k->span = h->commit_top - h->dyn;
	k->lines = h->lines;
	k->epoch = h->line_epoch;
	k->blocks = h->blocks;
	k->types = h->types;
	k->bottom = h->gray.v;
	k->top = h->gray.v + h->gray.n;
	k->limit = h->gray.v + h->gray.cap;
	k->evacuating = h->candidates != 0;
}

/* The heap's stack is right again. */
static void marker_close(struct marker *k)
{
	k->h->gray.n = (size_t)(k->top - k->bottom);
}

static inline void mark_slot(struct marker *k, gc_slot *slot)
{
	uintptr_t obj = (uintptr_t)*slot;
	uint64_t *word, bit;

	if (obj - k->dyn >= k->span)
		return; /* NULL, or young */
	if (__builtin_expect(k->evacuating, 0))
		evac_note(k->h, slot, (void *)obj);
	word = &k->bits[(obj - k->base) >> 9];
	bit = 1ULL << ((obj >> 3) & 63);
	if (*word & bit)
		return;
	*word |= bit;
	if (__builtin_expect(k->top == k->limit, 0)) {
		marker_close(k);
		vec_reserve(&k->h->gray);
		marker_open(k, k->h);
	}
	*k->top++ = obj;
}

static void fields_slow(struct marker *k, void *obj, uint64_t hdr)
{
	marker_close(k);
	if (hdr & HDR_WEAK)
		weak_reached(k->h, obj);
	mark_fields(k->h, obj, hdr);
	marker_open(k, k->h);
}

/* An object that got its mark: its lines are in use, its bytes live. Returns them. */
static inline size_t mark_object(struct marker *k, void *obj)
{
	const struct type_info *t;
	uint64_t hdr = *hdr_of(obj), fields;
	uintptr_t first = (uintptr_t)obj - 8 - k->base;
	struct block *b = &k->blocks[first >> BLOCK_SHIFT];
	size_t cell = hdr_cell(hdr), line, last;

	if (b->kind == GC_SPACE_OLD) {
		b->marked += (uint32_t)cell;
		last = (first + cell - 1) >> LINE_SHIFT;
		for (line = first >> LINE_SHIFT; line <= last; line++)
			k->lines[line] = k->epoch;
	}
	t = &k->types[hdr_type(hdr)];
	if (hdr & HDR_WEAK || t->kind == GC_REF_ARRAY || t->kind == GC_CUSTOM) {
		fields_slow(k, obj, hdr);
	} else {
		for (fields = t->bitmap; fields; fields &= fields - 1)
			mark_slot(k, (gc_slot *)obj + __builtin_ctzll(fields));
	}
	return cell < KIB(1) ? cell : KIB(1);
}

/*
 * Objects come off the stack through a short queue, so that the header asked for
 * has time to arrive. Ends when about `budget` bytes were done.
 */
static size_t drain_gray(struct gc_heap *h, size_t budget)
{
	uintptr_t queue[PREFETCH] = { 0 }, next, obj;
	unsigned at = 0, waiting = 0;
	struct marker k;
	size_t work = 0;

	marker_open(&k, h);
	while (k.top != k.bottom || waiting) {
		next = 0;
		if (k.top != k.bottom && work < budget) {
			next = *--k.top;
			__builtin_prefetch((void *)(next - 8));
		}
		obj = queue[at];
		queue[at] = next;
		at = (at + 1) % PREFETCH;
		waiting += (next != 0) - (obj != 0);
		if (obj)
			work += mark_object(&k, (void *)obj);
		else if (!waiting && work >= budget)
			break;
	}
	marker_close(&k);
	return work;
}

/* Does at most about `budget` bytes of marking. True: nothing is left to do. */
static bool drain(struct gc_heap *h, size_t budget)
{
	size_t work = 0, from;
	void *obj;

	for (;;) {
		work += drain_gray(h, budget - work);
		if (work >= budget)
			break;
		if (h->regray.n) {
			obj = (void *)h->regray.v[--h->regray.n];
			mark_fields(h, obj, *hdr_of(obj));
			work += 64;
		} else if (h->arrays.n) {
			from = h->arrays.v[h->arrays.n - 1];
			obj = (void *)h->arrays.v[h->arrays.n - 2];
			h->arrays.n -= 2;
			mark_array(h, obj, from);
			work += ARRAY_STEP * sizeof(void *);
		} else {
			break;
		}
		if (work >= budget)
			break;
	}
	h->mark_work += work;
	return !h->gray.n && !h->regray.n && !h->arrays.n;
}

/* --- what the rest of the heap tells a marking ----------------------------------------- */

/* obj, old and marked already, may have got references that were not seen. */
void mark_again(struct gc_heap *h, void *obj)
{
	if (marked(h, obj))
		vec_push(&h->regray, (uintptr_t)obj);
}

/* The same for a piece of a large reference array. */
void mark_card_again(struct gc_heap *h, void *obj, gc_slot *slot, size_t n)
{
	if (marked(h, obj))
		mark_slots(h, slot, n);
}

/* A new object outside the young space. Its references are to be followed. */
void mark_new(struct gc_heap *h, void *obj)
{
	bit_set(h->mark_bits, bit_index(h, obj));
	if (h->types[hdr_type(*hdr_of(obj))].kind != GC_DATA)
		vec_push(&h->regray, (uintptr_t)obj);
}

/* --- start, slices, end ---------------------------------------------------------------- */

static void visit_survivors(struct gc_heap *h)
{
	uintptr_t p = area_addr(h, h->surv);

	for (; p < h->surv_top; p += hdr_cell(*(uint64_t *)p))
		mark_fields(h, (void *)(p + 8), *(uint64_t *)p);
}

static void visit_roots(struct gc_heap *h)
{
	struct gc_visitor v = { .h = h, .op = VISIT_MARK };

	roots_visit(h, &v);
	globals_visit(h, &v, false);
	visit_survivors(h);
}

void mark_begin(struct gc_heap *h)
{
	old_mark_begin(h);
	evac_choose(h);
	h->marking = true;
	h->mark_work = 0;
	visit_roots(h);
}

/* A slice. True: there is nothing left to mark but what changes until the end. */
bool mark_slice(struct gc_heap *h, size_t budget)
{
	struct marker k;

	if (!(h->zeal & GC_ZEAL_SLICES))
		return drain(h, budget);
	if (!h->gray.n)
		return drain(h, 1); /* one object to scan again, or a piece of an array */
	marker_open(&k, h);
	h->mark_work += mark_object(&k, (void *)*--k.top);
	marker_close(&k);
	return false;
}

static void visit_logs(struct gc_heap *h)
{
	struct gc_refs *a;
	gc_slot *slot;
	size_t i, n;

	for (i = 0; i < h->log.n; i++)
		mark_again(h, (void *)h->log.v[i]);
	for (i = 0; i < h->card_log.n; i += 2) {
		a = (struct gc_refs *)h->card_log.v[i];
		n = card_slots(h, a, h->card_log.v[i + 1], &slot);
		mark_card_again(h, a, slot, n);
	}
}

static void drop_dead_logs(struct gc_heap *h)
{
	size_t i, keep = 0;

	for (i = 0; i < h->log.n; i++)
		if (marked(h, (void *)h->log.v[i]))
			h->log.v[keep++] = h->log.v[i];
	h->log.n = keep;
	for (i = keep = 0; i < h->card_log.n; i += 2) {
		if (!marked(h, (void *)h->card_log.v[i])) {
			h->cards[h->card_log.v[i + 1]] = 0;
			continue;
		}
		h->card_log.v[keep++] = h->card_log.v[i];
		h->card_log.v[keep++] = h->card_log.v[i + 1];
	}
	h->card_log.n = keep;
}

static void drain_marks(void *arg)
{
	drain(arg, SIZE_MAX);
}

static void sweep_large(struct gc_heap *h, uint64_t now)
{
	struct large *l;
	size_t i, cell;
	void *obj;

	for (i = 0; i < h->nlarge;) {
		l = &h->large[i];
		obj = (void *)(l->addr + 8);
		bit_clear(h->mark_bits, bit_index(h, obj));
		if (bit_get(h->alloc_bits, bit_index(h, obj))) {
			i++;
			continue;
		}
		cell = hdr_cell(*(uint64_t *)l->addr);
		event(h, GC_EV_LARGE_FREE, GC_SPACE_LARGE, 0, l->addr, l->pages << PAGE_SHIFT, NULL,
		      0);
		if (h->zeal & GC_ZEAL_POISON)
			zeal_poison(l->addr, l->addr + (l->pages << PAGE_SHIFT));
		large_give(h, l->addr, l->pages, now);
		h->large_used -= cell;
		*l = h->large[--h->nlarge];
	}
}

/*
 * The end of a marking, with the survivors of a minor collection just before as the
 * only young objects.
 */
void mark_end(struct gc_heap *h, uint64_t now)
{
	struct gc_visitor v = { .h = h, .op = VISIT_MARK };
	uint64_t *bits;
	unsigned phase = h->slices.n ? GC_PHASE_REMARK : GC_PHASE_MARK;
	size_t used, work = h->mark_work;

	phase_begin(h, GC_PHASE_ROOTS);
	visit_roots(h);
	visit_logs(h);
	phase_end(h, GC_PHASE_ROOTS, GC_SEG_UNKNOWN);
	phase_begin(h, phase);
	drain(h, SIZE_MAX);
	phase_end(h, phase, h->mark_work - work);
	weak_finish(h, &v, drain_marks, h);
	used = heap_used(h);
	phase_begin(h, GC_PHASE_SWEEP);
	drop_dead_logs(h);

	old_sync(h);
	if (h->verify)
		check_marks(h);
	pins_refresh(h);
	bits = h->alloc_bits;
	h->alloc_bits = h->mark_bits;
	h->mark_bits = bits;
	h->marking = false;
	old_mark_end(h, now);
	sweep_large(h, now);
	pinned_sweep(h, now);
	phase_end(h, GC_PHASE_SWEEP, used - heap_used(h));
}
