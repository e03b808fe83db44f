/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * verify.c - every invariant of the heap as a check.
 *
 * Walks the heap with the world stopped and the allocation buffers retired. Must change
 * nothing but the alloc bits of the young space, which are all zero again when it
 * returns. May be called between the slices of a marking.
 *
 * Checked, in this order:
 *   young    objects lie end to end up to the top; headers are sane
 *   old      headers are sane; objects do not overlap; the sum of their cells is
 *            old_used; a line is in use exactly where an object is
 *   large    one sane header a run; the sum is large_used
 *   pinned   objects are at cells of spans of their size; spans, free pages and their
 *            lists agree; pages are in use where objects lie (pinned.c, spans.c)
 *   blocks   pages by state are counted right, by block, space and heap; a free block
 *            has nothing left in any table (verify_pages.c)
 *   log      objects in the log are exactly the old ones without UNLOGGED; cards in the
 *            log exactly those set; global handles with young objects are in their list
 *   slots    every slot of a live object or a root refers to an object; every old
 *            object that refers to a young one is in the log, or its card is
 *   weak     the tables of identities, weak references, maps and finalizers have
 *            objects, with the header bits that say so, where minor collections look
 *            for them; the reachable objects with HAS_ID have an identity (weak.c)
 *   pages    what the page table says is absent is not resident; pages with objects are
 *            in use and not lost (verify_pages.c)
 * and at the end of a marking, before the sweep (check_marks()):
 *   marks    what a second marking reaches has a mark, and lines and sums agree with
 *            the marks; marked in one stop, nothing else has one
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "gc/verify.h"

void check_fail(struct check *c, const char *fmt, ...)
{
	va_list ap;

	if (c->bad)
		return; /* the first is the one to read */
	c->bad = true;
	va_start(ap, fmt);
	vsnprintf(c->why, c->size, fmt, ap);
	va_end(ap);
}

bool is_object(const struct gc_heap *h, const void *p)
{
	if ((uintptr_t)p - h->base >= h->commit_top - h->base || (uintptr_t)p & 7)
		return false;
	return bit_get(h->alloc_bits, bit_index(h, p));
}

static void check_header(struct check *c, const void *obj, bool young)
{
	uint64_t hdr = *hdr_of(obj);
	uint64_t odd = HDR_FLAGS & ~(HDR_AGE_ONE | HDR_UNLOGGED | HDR_PIN | HDR_WEAK | HDR_HAS_ID);
	uint32_t type = hdr_type(hdr);
	const struct type_info *t;

	if (type == TYPE_FILLER || type >= c->h->ntypes || hdr & odd || hdr_cell(hdr) < 16) {
		check_fail(c, "object %p has header %#llx", obj, (unsigned long long)hdr);
		return;
	}
	if (young && hdr & (HDR_UNLOGGED | HDR_PIN))
		check_fail(c, "young object %p has the UNLOGGED or the PIN bit", obj);
	if (!young && hdr & HDR_AGE)
		check_fail(c, "old object %p has an age", obj);
	t = &c->h->types[type];
	if (t->pub.elem
		    ? hdr_cell(hdr) != ((((const size_t *)obj)[0] * t->pub.elem + 7) & ~7ULL) + 16
		    : hdr_cell(hdr) != t->pub.cell)
		check_fail(c, "object %p of type %s has a cell of %zu bytes", obj, t->name,
			   hdr_cell(hdr));
}

static void check_area(struct check *c, uintptr_t p, uintptr_t top)
{
	struct gc_heap *h = c->h;
	uint64_t hdr;

	while (p < top && !c->bad) {
		hdr = *(uint64_t *)p;
		if (hdr_type(hdr) != TYPE_FILLER) {
			check_header(c, (void *)(p + 8), true);
			bit_set(h->alloc_bits, bit_index(h, (void *)(p + 8)));
		} else if (!hdr_cell(hdr)) {
			check_fail(c, "young space: nothing at %#zx", (size_t)p);
		}
		p += hdr_cell(hdr);
	}
	if (!c->bad && p != top)
		check_fail(c, "young space: last object ends %zu bytes behind the top",
			   (size_t)(p - top));
}

static void check_young(struct check *c)
{
	check_area(c, area_addr(c->h, c->h->eden), c->h->young_top);
	check_area(c, area_addr(c->h, c->h->surv), c->h->surv_top);
}

static void clear_young_bits(struct gc_heap *h)
{
	memset(h->alloc_bits, 0, (h->dyn - h->base) / 64);
}

static void check_pinned_object(struct check *c, void *obj)
{
	const char *why = pinned_check_object(c->h, obj);

	if (why)
		check_fail(c, "pinned object %p %s", obj, why);
}

static void check_cell(void *obj, void *arg)
{
	struct check *c = arg;
	struct gc_heap *h = c->h;
	uintptr_t start = (uintptr_t)obj - 8, end = start + hdr_cell(*hdr_of(obj)), p;

	check_header(c, obj, false);
	if (h->blocks[block_of(h, start)].kind == GC_SPACE_PINNED)
		check_pinned_object(c, obj);
	if (c->bad || h->blocks[block_of(h, start)].kind != GC_SPACE_OLD)
		return;
	if (start < c->old_end && block_of(h, c->old_end - 1) == block_of(h, start))
		check_fail(c, "old object %p begins within the one before", obj);
	if (block_of(h, start) != block_of(h, end - 1))
		check_fail(c, "old object %p goes over the end of its block", obj);
	c->old_end = end;
	for (p = start; p < end; p = (p + LINE_SIZE) & ~(LINE_SIZE - 1))
		if (!h->lines[(p - h->base) >> LINE_SHIFT])
			check_fail(c, "old object %p lies on a free line", obj);
}

/* Bytes of a block's objects, those with a bit set; 1 in line[] for each line they overlap. */
static size_t block_sum(const struct gc_heap *h, const uint64_t *objects, size_t b, uint8_t *line)
{
	const uint64_t *word = &objects[(b << BLOCK_SHIFT) >> 9];
	uintptr_t addr = block_addr(h, b), p;
	size_t i, cell, l, sum = 0;
	uint64_t bits;

	memset(line, 0, BLOCK_LINES);
	for (i = 0; i < BLOCK_SIZE / 512; i++) {
		for (bits = word[i]; bits; bits &= bits - 1) {
			p = addr + i * 512 + (size_t)__builtin_ctzll(bits) * 8 - 8;
			cell = hdr_cell(*(uint64_t *)p);
			sum += cell;
			for (l = (p - addr) >> LINE_SHIFT; l <= (p - addr + cell - 1) >> LINE_SHIFT;
			     l++)
				line[l] = 1;
		}
	}
	return sum;
}

/*
 * Of an unswept block the lines of the last marking count, and its mark bits are the
 * alloc bits before it. A swept one has no mark bits but those of a marking.
 */
static void check_block(struct check *c, size_t b, size_t *sum)
{
	struct gc_heap *h = c->h;
	const uint8_t *have = &h->lines[b * BLOCK_LINES];
	bool unswept = h->blocks[b].unswept;
	uint8_t line[BLOCK_LINES];
	size_t bytes = block_sum(h, h->alloc_bits, b, line), l, i;
	size_t word = (b << BLOCK_SHIFT) >> 9;

	*sum += bytes;
	if (bytes != h->blocks[b].live)
		check_fail(c, "old block %zu: %u bytes counted, %zu found", b, h->blocks[b].live,
			   bytes);
	for (l = 0; l < BLOCK_LINES; l++) {
		if (line[l] != (unswept ? have[l] == h->epoch : have[l] != 0))
			check_fail(c, "old block %zu: line %zu has byte %u and %s", b, l, have[l],
				   line[l] ? "an object" : "no object");
		if (!unswept && !h->marking && have[l] && have[l] != h->epoch)
			check_fail(c, "old block %zu: line %zu is of another epoch", b, l);
	}
	for (i = 0; i < BLOCK_SIZE / 512 && !unswept; i++)
		if (h->mark_bits[word + i] & ~(h->marking ? h->alloc_bits[word + i] : 0))
			check_fail(c, "old block %zu: a mark where no object is", b);
}

static void check_sums(struct check *c)
{
	struct gc_heap *h = c->h;
	size_t b, i, old = 0, large = 0, pages = 0;

	for (b = block_of(h, h->dyn); b < block_of(h, h->commit_top) && !c->bad; b++)
		if (h->blocks[b].kind == GC_SPACE_OLD)
			check_block(c, b, &old);
	for (i = 0; i < h->nlarge; i++) {
		large += hdr_cell(*(uint64_t *)h->large[i].addr);
		pages += h->large[i].pages;
	}
	if (old != h->old_used)
		check_fail(c, "old space: %zu bytes counted, %zu found", h->old_used, old);
	if (large != h->large_used || pages != h->large_pages)
		check_fail(c, "large space: %zu bytes counted, %zu found", h->large_used, large);
}

static void check_pinned(struct check *c)
{
	const char *why = pinned_check(c->h);

	if (why)
		check_fail(c, "pinned space: %s", why);
}

static void check_logged(void *obj, void *arg)
{
	struct check *c = arg;
	bool logged = bit_get(c->seen, bit_index(c->h, obj));

	if (logged == !!(*hdr_of(obj) & HDR_UNLOGGED))
		check_fail(c, "old object %p %s", obj,
			   logged ? "is in the log and has UNLOGGED"
				  : "has no UNLOGGED and is in no log");
}

static void clear_seen(struct check *c)
{
	memset(c->seen, 0, (c->h->commit_top - c->h->base) / 64);
}

static void check_log(struct check *c)
{
	struct gc_heap *h = c->h;
	size_t i;

	clear_seen(c);
	for (i = 0; i < h->log.n && !c->bad; i++) {
		if (!is_object(h, (void *)h->log.v[i]))
			check_fail(c, "the log has %p, which is no object", (void *)h->log.v[i]);
		else if (bit_get(c->seen, bit_index(h, (void *)h->log.v[i])))
			check_fail(c, "the log has %p twice", (void *)h->log.v[i]);
		else
			bit_set(c->seen, bit_index(h, (void *)h->log.v[i]));
	}
	if (!c->bad)
		heap_walk_old(h, check_logged, c);
}

/* An old object may refer to a young one only if the next minor will look there. */
static bool remembered(const struct gc_heap *h, const void *holder, const void *slot)
{
	if (!holder || in_young(h, holder) || !(*hdr_of(holder) & HDR_UNLOGGED))
		return true;
	/* Slots outside of the heap, of trace functions, have no card. */
	return (uintptr_t)slot - h->base < h->reserved &&
	       h->cards[((uintptr_t)slot - h->base) >> 9];
}

/* Only what is reachable: a young object that a major found dead lies about. */
static void check_weak_object(struct check *c, void *obj)
{
	const char *bad = weak_check_object(c->h, obj);

	if (bad)
		check_fail(c, "object %p %s", obj, bad);
}

/* Whether the check of slots has come to obj. */
bool check_seen(const struct gc_visitor *v, const void *obj)
{
	return bit_get(v->check->seen, bit_index(v->h, obj));
}

/* "field next of the node at 0x...", or which root. */
static void slot_name(const struct gc_visitor *v, const gc_slot *slot, char *name, size_t size)
{
	const struct type_info *t;
	ptrdiff_t off;
	uint32_t i;

	if (!v->holder) {
		snprintf(name, size, "a root (%s, at %p)", v->check->root, (const void *)slot);
		return;
	}
	t = &v->h->types[hdr_type(*hdr_of(v->holder))];
	off = (const char *)slot - (const char *)v->holder;
	for (i = 0; i < t->nfields && t->fields[i].offset != off; i++)
		;
	if (i < t->nfields)
		snprintf(name, size, "field %s of the %s at %p", t->fields[i].name, t->name,
			 v->holder);
	else
		snprintf(name, size, "byte %td of the %s at %p", off, t->name, v->holder);
}

/* What an address that is no object may be. */
static const char *no_object(const struct gc_heap *h, const void *p)
{
	if ((uintptr_t)p >> 16 == 0xabababababab)
		return ": it is of freed memory (poison), or of a closed handle scope";
	if (in_young(h, p))
		return ": one was there before a collection, of which neither a root nor a store "
		       "by gc_write() told";
	if ((uintptr_t)p - h->base < h->commit_top - h->base)
		return ": one that was there is dead, or it is inside one";
	return ": it is outside of the heap";
}

void check_visit(struct gc_visitor *v, gc_slot *slot)
{
	struct gc_heap *h = v->h;
	void *obj = *slot;
	char name[160];

	if (!obj || v->check->bad)
		return;
	if (!is_object(h, obj)) {
		slot_name(v, slot, name, sizeof(name));
		check_fail(v->check, "%s refers to %p, which is no object%s", name, obj,
			   no_object(h, obj));
		return;
	}
	if (in_young(h, obj) && !remembered(h, v->holder, slot)) {
		slot_name(v, slot, name, sizeof(name));
		check_fail(
			v->check,
			"%s refers to young %p and the old object is not logged: a store without "
			"gc_write()",
			name, obj);
	}
	if (bit_get(v->check->seen, bit_index(h, obj)))
		return;
	bit_set(v->check->seen, bit_index(h, obj));
	check_weak_object(v->check, obj);
	if (header_has(obj, HDR_WEAK))
		weak_reached(h, obj);
	vec_push(&h->stack, (uintptr_t)obj);
}

static void check_weak(struct check *c)
{
	const char *bad = weak_check(c->h);

	if (bad)
		check_fail(c, "%s", bad);
}

static void check_slots(struct check *c)
{
	struct gc_heap *h = c->h;
	struct gc_visitor v = { .h = h, .op = VISIT_CHECK, .check = c };

	clear_seen(c);
	c->root = "a frame";
	roots_visit_frames(h, &v);
	c->root = "a handle";
	roots_visit_handles(h, &v);
	c->root = "a root provider";
	roots_visit_providers(h, &v);
	c->root = "a global handle";
	globals_visit(h, &v, false);
	c->root = "a finalizer or weak map";
	weak_roots(h, &v);
	do {
		while (h->stack.n && !c->bad)
			object_slots(h, (void *)h->stack.v[--h->stack.n], &v);
		v.holder = NULL;
	} while (!c->bad && weak_ephemerons(h, &v));
	weak_ephemerons_end(h);
	h->stack.n = 0;
}

/* --- what was written, and what must be looked at because of it --------------------------- */

/* Exactly the cards of the log are set, once each. */
static void check_cards(struct check *c)
{
	struct gc_heap *h = c->h;
	size_t i, set = 0, last = (h->commit_top - h->base) >> 9;
	void *obj;

	for (i = 0; i < last; i++)
		set += h->cards[i];
	if (set != h->card_log.n / 2)
		check_fail(c, "%zu cards are set and %zu are in the log", set, h->card_log.n / 2);
	for (i = 0; i < h->card_log.n && !c->bad; i += 2) {
		obj = (void *)h->card_log.v[i];
		if (!is_object(h, obj) || h->types[hdr_type(*hdr_of(obj))].kind != GC_REF_ARRAY)
			check_fail(c, "the log of cards has %p, which is no array", obj);
		else if (!h->cards[h->card_log.v[i + 1]])
			check_fail(c, "a card of %p is in the log and not set", obj);
	}
}

/* Exactly the global handles of the list are young, among them all that must be. */
static void check_globals(struct check *c)
{
	const struct gc_heap *h = c->h;
	const struct gc_global *g;
	size_t i, young = 0;

	for (g = h->globals; g; g = g->next) {
		young += g->young;
		if (in_young(h, g->obj) && !g->young)
			check_fail(c, "global handle %p refers to young %p and is in no list",
				   (const void *)g, g->obj);
	}
	for (i = 0; i < h->young_globals.n; i++)
		if (!((const struct gc_global *)h->young_globals.v[i])->young)
			check_fail(c, "the list of young global handles has one that is not");
	if (young != h->young_globals.n)
		check_fail(c, "%zu global handles are young, %zu in the list", young,
			   h->young_globals.n);
}

/* --- the marks of a marking that is complete ---------------------------------------------- */

static void check_marked_block(struct check *c, size_t b)
{
	struct gc_heap *h = c->h;
	uint8_t line[BLOCK_LINES];
	size_t bytes = block_sum(h, h->mark_bits, b, line), l;

	if (bytes != h->blocks[b].marked)
		check_fail(c, "old block %zu: %u bytes marked, %zu found", b, h->blocks[b].marked,
			   bytes);
	for (l = 0; l < BLOCK_LINES; l++)
		if (line[l] != (h->lines[b * BLOCK_LINES + l] == h->line_epoch))
			check_fail(c, "old block %zu: line %zu %s", b, l,
				   line[l] ? "has a marked object and not the epoch of the marking"
					   : "has no marked object and the epoch of the marking");
}

/* An object with a bit in `some` and none in `all`, both of the heap, or NULL. */
static void *first_missing(const struct gc_heap *h, const uint64_t *some, const uint64_t *all)
{
	size_t i, last = (h->commit_top - h->base) >> 9;
	uint64_t bits;

	for (i = (h->dyn - h->base) >> 9; i < last; i++) {
		bits = some[i] & ~all[i];
		if (bits)
			return (void *)(h->base + i * 512 + (size_t)__builtin_ctzll(bits) * 8);
	}
	return NULL;
}

/*
 * Everything was marked in this stop, from roots outside the heap alone: then only what
 * is reachable has a mark. Survivors are roots whether they are reachable or not.
 */
static bool marked_at_once(const struct gc_heap *h)
{
	return !h->slices.n && h->surv_top == area_addr(h, h->surv);
}

static void check_against(struct check *c)
{
	struct gc_heap *h = c->h;
	void *obj = first_missing(h, c->seen, h->mark_bits);
	size_t b;

	if (obj)
		check_fail(c, "the %s at %p is reachable and has no mark",
			   h->types[hdr_type(*hdr_of(obj))].name, obj);
	obj = marked_at_once(h) ? first_missing(h, h->mark_bits, c->seen) : NULL;
	if (obj)
		check_fail(c, "the %s at %p has a mark and is not reachable",
			   h->types[hdr_type(*hdr_of(obj))].name, obj);
	for (b = block_of(h, h->dyn); b < block_of(h, h->commit_top) && !c->bad; b++)
		if (h->blocks[b].kind == GC_SPACE_OLD)
			check_marked_block(c, b);
}

/*
 * A second marking, in one go and with marks of its own, against the one that has just
 * ended. Called before anything is swept. Fatal if they differ.
 */
void check_marks(struct gc_heap *h)
{
	char why[256];
	struct check c = { .h = h, .why = why, .size = sizeof(why) };

	c.seen = calloc(1, (h->commit_top - h->base) / 64);
	if (!c.seen)
		gc_fatal("no memory for a check");
	check_young(&c);
	check_slots(&c);
	if (!c.bad)
		check_against(&c);
	clear_young_bits(h);
	free(c.seen);
	if (c.bad)
		gc_fatal("at the end of a marking: %s", why);
}

/* 0, or -EFAULT and the first thing that is wrong. World stopped, buffers retired. */
int check_heap(struct gc_heap *h, char *why, size_t size)
{
	struct check c = { .h = h, .why = why, .size = size };

	c.seen = calloc(1, (h->commit_top - h->base) / 64);
	if (!c.seen) {
		check_fail(&c, "no memory for a check");
		return -EFAULT;
	}
	old_sync(h);
	check_young(&c);
	if (!c.bad)
		heap_walk_old(h, check_cell, &c);
	if (!c.bad)
		check_sums(&c);
	if (!c.bad)
		check_pinned(&c);
	if (!c.bad)
		check_blocks(&c);
	if (!c.bad)
		check_log(&c);
	if (!c.bad)
		check_cards(&c);
	if (!c.bad)
		check_globals(&c);
	if (!c.bad)
		check_slots(&c);
	if (!c.bad)
		check_weak(&c);
	if (!c.bad)
		check_pages(&c);
	clear_young_bits(h);
	free(c.seen);
	return c.bad ? -EFAULT : 0;
}

int gc_verify(struct gc_mutator *m, char *why, size_t size)
{
	struct gc_heap *h = ((struct mutator *)m)->h;
	int rc;

	world_stop(h, (struct mutator *)m);
	tlabs_retire(h);
	rc = check_heap(h, why, size);
	world_start(h);
	return rc;
}
