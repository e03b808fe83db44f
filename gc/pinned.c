/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pinned.c - the space of objects that must not move, and pins.
 *
 * Owns the spans in blocks of kind PINNED and the list of pins. Never moves an
 * object: the collector copies one here once (pinned_cell()). Called with the
 * heap's lock unless it says otherwise.
 *
 * A span is 1 to 10 pages of 8 KiB in one block, cut into cells of one size class
 * (size_classes.c, spans.c). Which cells hold objects is known from the alloc bits
 * alone: no page is touched for bookkeeping, and a free cell's bytes are never read.
 *
 * Invariants (pinned_check()): a page of a block is free (spans.c) or in one span; a
 * span has an object; its cells below `scan` are taken; a class's list has every span
 * of it with a free cell, once; a page is INUSE exactly where an object lies.
 */
#include <stdlib.h>

#include "gc/internal.h"

struct gc_pin {
	struct gc_heap *h;
	struct gc_global *root; /* NULL: not in use */
	struct gc_pin *next;	/* of all pins ever made */
	struct gc_pin *next_free;
};

/* --- cells ------------------------------------------------------------------------- */

static uintptr_t span_addr(const struct gc_heap *h, size_t page)
{
	return h->base + (page << SPAN_SHIFT);
}

void pinned_init(struct gc_heap *h)
{
	unsigned c;

	size_classes_init();
	for (c = 0; c < NSIZE_CLASSES; c++)
		h->pinned.partial[c] = SPAN_NONE;
}

/* The next free cell of a span, from its scan index on. 0: there is none. */
static uintptr_t span_cell(struct gc_heap *h, uint32_t page)
{
	struct span *s = &h->pinned.spans[page];
	const struct size_class *sc = size_class(s->cls);
	uintptr_t p = span_addr(h, page) + (size_t)s->scan * sc->size;

	for (; s->scan < sc->cells; p += sc->size) {
		s->scan++;
		if (!bit_get(h->alloc_bits, bit_index(h, (void *)(p + 8))))
			return p;
	}
	return 0;
}

static uintptr_t cell_take(struct gc_heap *h, unsigned cls)
{
	uint32_t *list = &h->pinned.partial[cls];
	uintptr_t p;

	while (*list != SPAN_NONE) {
		p = span_cell(h, *list);
		if (p)
			return p;
		*list = h->pinned.spans[*list].next;
	}
	*list = span_take(h, size_class(cls)->pages);
	if (*list == SPAN_NONE)
		return 0;
	h->pinned.spans[*list] = (struct span){ .next = SPAN_NONE, .cls = (uint8_t)cls };
	return span_cell(h, *list);
}

static void *cell_object(struct gc_heap *h, uintptr_t p, unsigned cls)
{
	void *obj = (void *)(p + 8);

	bit_set(h->alloc_bits, bit_index(h, obj));
	h->pinned.used += size_class(cls)->size;
	h->pinned.objects++;
	return obj;
}

/*
 * Room for an object of cell bytes that the collector moves here, not zeroed: the
 * caller copies the object and writes its header. NULL: the reservation is full.
 */
void *pinned_cell(struct gc_heap *h, size_t cell)
{
	unsigned cls = size_class_of(cell);
	uintptr_t p = cell_take(h, cls);

	if (!p)
		return NULL;
	pages_use(h, p, p + cell);
	return cell_object(h, p, cls);
}

/*
 * A new object, zeroed. One that may have references is born logged, as the first
 * stores into a new object may be plain ones. NULL: the reservation is full.
 */
void *pinned_alloc(struct gc_heap *h, uint64_t hdr, size_t cell)
{
	unsigned cls = size_class_of(cell);
	uintptr_t p = cell_take(h, cls);
	void *obj;

	if (!p)
		return NULL;
	pages_use_zeroed(h, p, p + cell);
	obj = cell_object(h, p, cls);
	h->allocated += cell;
	hdr |= HDR_PIN;
	if (h->types[hdr_type(hdr)].kind == GC_DATA)
		hdr |= HDR_UNLOGGED;
	else
		vec_push(&h->log, (uintptr_t)obj);
	*hdr_of(obj) = hdr;
	if (h->marking)
		mark_new(h, obj);
	return obj;
}

/* --- sweep ------------------------------------------------------------------------- */

/*
 * Pages of a span without an object are free. The alloc bits are what the marking
 * found alive; the mark bits, the alloc bits before it, are cleared for the next
 * one. Returns the number of objects.
 */
static size_t sweep_cells(struct gc_heap *h, uint32_t page, const struct size_class *sc,
			  uint64_t now)
{
	uintptr_t addr = span_addr(h, page), end = addr + sc->pages * SPAN_PAGE, busy = addr, first;
	size_t word = (addr - h->base) >> 9, live = 0;
	uint64_t bits;

	/* busy: end of the last object so far. An object's cell begins 8 bytes before
	 * its bit; between the objects of one word there is no room for a page. */
	for (; addr < end; addr += 512, word++) {
		bits = h->alloc_bits[word];
		h->mark_bits[word] = 0;
		if (!bits)
			continue;
		live += (size_t)__builtin_popcountll(bits);
		first = addr + (size_t)__builtin_ctzll(bits) * 8 - 8;
		if (first >= busy + PAGE_SIZE)
			pages_unuse(h, busy, first, now);
		busy = addr + (63 - (size_t)__builtin_clzll(bits)) * 8 - 8 + sc->size;
	}
	if (busy < end)
		pages_unuse(h, busy, end, now);
	return live;
}

/* Sweeps the span at `page`. Returns its number of pages. */
static unsigned sweep_span(struct gc_heap *h, uint32_t page, uint32_t **tails, uint64_t now)
{
	struct span *s = &h->pinned.spans[page];
	const struct size_class *sc = size_class(s->cls);
	size_t word = (span_addr(h, page) - h->base) >> 9, live;

	if (h->zeal & GC_ZEAL_POISON)
		zeal_poison_dead(span_addr(h, page), sc->pages * SPAN_PAGE, &h->mark_bits[word],
				 &h->alloc_bits[word]);
	live = sweep_cells(h, page, sc, now);
	h->pinned.used += live * sc->size;
	h->pinned.objects += live;
	s->scan = 0;
	s->next = SPAN_NONE;
	if (!live) {
		s->cls = 0;
		span_give(h, page, sc->pages);
	} else if (live < sc->cells) {
		*tails[s->cls] = page;
		tails[s->cls] = &s->next;
	}
	return sc->pages;
}

static void sweep_block(struct gc_heap *h, size_t b, uint32_t **tails, uint64_t now)
{
	uint32_t page = (uint32_t)(b * SPAN_PAGES), last = page + SPAN_PAGES;

	while (page < last)
		page += h->pinned.spans[page].cls ? sweep_span(h, page, tails, now) : 1;
}

/* After a marking, the bits swapped: what was not marked is free. Lists by address. */
void pinned_sweep(struct gc_heap *h, uint64_t now)
{
	size_t b, last = block_of(h, h->commit_top);
	uint32_t *tails[NSIZE_CLASSES];
	unsigned c;

	if (!h->pinned.blocks)
		return;
	for (c = 0; c < NSIZE_CLASSES; c++) {
		h->pinned.partial[c] = SPAN_NONE;
		tails[c] = &h->pinned.partial[c];
	}
	h->pinned.used = h->pinned.objects = 0;
	for (b = block_of(h, h->dyn); b < last; b++)
		if (h->blocks[b].kind == GC_SPACE_PINNED)
			sweep_block(h, b, tails, now);
}

/* --- pins -------------------------------------------------------------------------- */

/* Pins are used again and never freed before the heap: a stale one is recognised. */
static struct gc_pin *pin_new(struct gc_heap *h, struct gc_global *root)
{
	struct gc_pin *pin = h->pinned.free_pins;

	if (pin) {
		h->pinned.free_pins = pin->next_free;
	} else {
		pin = calloc(1, sizeof(*pin));
		if (!pin)
			return NULL;
		pin->h = h;
		pin->next = h->pinned.pins;
		h->pinned.pins = pin;
	}
	pin->root = root;
	root->pin = true;
	h->pinned.npins++;
	return pin;
}

/*
 * A young object goes to the pinned space in the collection that this starts. As
 * with others that are promoted, the limits are looked at when memory is asked for.
 */
static void pin_young(struct mutator *m, struct gc_global *root)
{
	struct gc_heap *h = m->h;

	world_stop(h, m);
	if (in_young(h, root->obj)) {
		*hdr_of(root->obj) |= HDR_PIN;
		collect_locked(h, GC_MINOR, GC_REASON_PIN);
	}
	world_start(h);
}

/* Called without the lock. */
struct gc_pin *gc_pin(struct gc_mutator *pub, void *obj)
{
	struct mutator *m = (struct mutator *)pub;
	struct gc_global *root;
	struct gc_pin *pin;

	if (!obj)
		gc_fatal("gc_pin: there is no object at NULL");
	root = gc_global_new(pub, obj);
	if (!root)
		return NULL;
	heap_lock(m->h);
	pin = pin_new(m->h, root);
	heap_unlock(m->h);
	if (!pin)
		gc_global_free(pub, root);
	else if (in_young(m->h, obj))
		pin_young(m, root);
	return pin;
}

static struct gc_global *pin_root(const struct gc_pin *pin, const char *who)
{
	if (!pin->root)
		gc_fatal("%s: pin %p was ended by gc_unpin() before", who, (const void *)pin);
	return pin->root;
}

void *gc_pin_get(const struct gc_pin *pin)
{
	return gc_global_get(pin_root(pin, "gc_pin_get"));
}

/* Called without the lock. */
void gc_unpin(struct gc_mutator *pub, struct gc_pin *pin)
{
	struct gc_heap *h = ((struct mutator *)pub)->h;
	struct gc_global *root;

	if (!pin)
		return;
	if (pin->h != h)
		gc_fatal("gc_unpin: pin %p is of another heap", (void *)pin);
	heap_lock(h);
	root = pin_root(pin, "gc_unpin");
	pin->root = NULL;
	pin->next_free = h->pinned.free_pins;
	h->pinned.free_pins = pin;
	h->pinned.npins--;
	heap_unlock(h);
	gc_global_free(pub, root);
}

/*
 * After marking, before anything old is swept or moved: HDR_PIN of old objects says
 * which have a pin now.
 */
void pins_refresh(struct gc_heap *h)
{
	struct vec *held = &h->pinned.held;
	struct gc_pin *pin;
	void *obj;
	size_t i;

	for (i = 0; i < held->n; i++)
		*hdr_of((void *)held->v[i]) &= ~HDR_PIN;
	held->n = 0;
	for (pin = h->pinned.pins; pin; pin = pin->next) {
		obj = pin->root ? pin->root->obj : NULL;
		if (!obj || h->blocks[block_of(h, (uintptr_t)obj)].kind != GC_SPACE_OLD)
			continue;
		*hdr_of(obj) |= HDR_PIN;
		vec_push(held, (uintptr_t)obj);
	}
}

void pinned_free(struct gc_heap *h)
{
	struct gc_pin *pin;

	while ((pin = h->pinned.pins)) {
		h->pinned.pins = pin->next;
		free(pin);
	}
	vec_free(&h->pinned.held);
}

/* --- check ------------------------------------------------------------------------- */

/* The first page of the span that addr lies in. SPAN_NONE: it is in none. */
static uint32_t span_at(const struct gc_heap *h, uintptr_t addr)
{
	uint32_t page = (uint32_t)((addr - h->base) >> SPAN_SHIFT), back;
	const struct span *s;

	for (back = 0; back <= page % SPAN_PAGES; back++) {
		s = &h->pinned.spans[page - back];
		if (s->cls)
			return back < size_class(s->cls)->pages ? page - back : SPAN_NONE;
	}
	return SPAN_NONE;
}

/* What is wrong with the place of a pinned object, or NULL. */
const char *pinned_check_object(const struct gc_heap *h, const void *obj)
{
	uint32_t page = span_at(h, (uintptr_t)obj);
	const struct size_class *sc;
	uintptr_t p, cell = (uintptr_t)obj - 8, end = cell + hdr_cell(*hdr_of(obj));
	size_t off;

	if (page == SPAN_NONE)
		return "is in no span";
	sc = size_class(h->pinned.spans[page].cls);
	off = cell - span_addr(h, page);
	if (off % sc->size || off / sc->size >= sc->cells)
		return "is not at a cell of its span";
	if (size_class_of(end - cell) != h->pinned.spans[page].cls)
		return "is in a span of another size";
	if (!(*hdr_of(obj) & HDR_PIN))
		return "lives in the pinned space without the PIN bit";
	for (p = page_down(cell); p < end; p += PAGE_SIZE)
		if (h->page_state[page_of(h, p)] != PAGE_INUSE)
			return "lies in a page that is not in use";
	return NULL;
}

/* Whether any object's cell overlaps the page at addr. */
static bool page_busy(const struct gc_heap *h, uint32_t page, uintptr_t addr)
{
	const struct size_class *sc = size_class(h->pinned.spans[page].cls);
	uintptr_t start = span_addr(h, page), p;

	for (p = start + (addr - start) / sc->size * sc->size; p < addr + PAGE_SIZE; p += sc->size)
		if ((p - start) / sc->size < sc->cells &&
		    bit_get(h->alloc_bits, bit_index(h, (void *)(p + 8))))
			return true;
	return false;
}

/* The cells with objects among the first n of a span. */
static size_t cells_taken(const struct gc_heap *h, uint32_t page, size_t n)
{
	size_t size = size_class(h->pinned.spans[page].cls)->size, taken = 0, i;

	for (i = 0; i < n; i++)
		taken += bit_get(h->alloc_bits,
				 bit_index(h, (void *)(span_addr(h, page) + i * size + 8)));
	return taken;
}

static bool span_open(const struct gc_heap *h, uint32_t page)
{
	size_t cells = size_class(h->pinned.spans[page].cls)->cells;

	return cells_taken(h, page, cells) < cells;
}

struct tally {
	size_t blocks, objects, used, open; /* open: spans with a free cell */
};

static const char *check_span(const struct gc_heap *h, uint32_t page, struct tally *t)
{
	const struct span *s = &h->pinned.spans[page];
	const struct size_class *sc = size_class(s->cls);
	uintptr_t addr = span_addr(h, page), p;
	size_t taken = cells_taken(h, page, sc->cells);

	if (cells_taken(h, page, s->scan) != s->scan)
		return "a free cell lies below the scan index of its span";
	if (!taken)
		return "a span has no object";
	t->objects += taken;
	t->used += taken * sc->size;
	t->open += taken < sc->cells;
	for (p = addr; p < addr + sc->pages * SPAN_PAGE; p += PAGE_SIZE)
		if (h->page_state[page_of(h, p)] == PAGE_INUSE && !page_busy(h, page, p))
			return "a page without an object is in use";
	return NULL;
}

static const char *check_block(const struct gc_heap *h, size_t b, struct tally *t)
{
	uint32_t page = (uint32_t)(b * SPAN_PAGES), last = page + SPAN_PAGES, used = 0;
	const char *why = NULL;
	unsigned n;

	while (page < last && !why) {
		if (!h->pinned.spans[page].cls) {
			page++;
			continue;
		}
		n = size_class(h->pinned.spans[page].cls)->pages;
		if (page + n > last || used & span_mask(page % SPAN_PAGES, n))
			return "spans overlap";
		used |= span_mask(page % SPAN_PAGES, n);
		why = check_span(h, page, t);
		page++;
	}
	if (!why && used != ~h->pinned.free[b])
		return "a page is neither free nor in a span, or both";
	return why;
}

/* What is wrong with the spans and their lists, or NULL. */
const char *pinned_check(const struct gc_heap *h)
{
	size_t b, listed = 0, seen = 0;
	struct tally t = { 0 };
	const char *why = spans_check(h);
	uint32_t page;
	unsigned c;

	for (b = block_of(h, h->dyn); b < block_of(h, h->commit_top) && !why; b++) {
		if (h->blocks[b].kind != GC_SPACE_PINNED)
			continue;
		t.blocks++;
		why = check_block(h, b, &t);
	}
	if (why)
		return why;
	for (c = 1; c < NSIZE_CLASSES; c++)
		for (page = h->pinned.partial[c]; page != SPAN_NONE;
		     page = h->pinned.spans[page].next) {
			if (h->pinned.spans[page].cls != c || ++seen > t.blocks * SPAN_PAGES)
				return "a list of spans has one of another class, or a loop";
			listed += span_open(h, page);
		}
	if (listed != t.open)
		return "a span with a free cell is in no list";
	if (t.blocks != h->pinned.blocks || t.objects != h->pinned.objects ||
	    t.used != h->pinned.used)
		return "blocks, objects or bytes are not counted right";
	return NULL;
}
