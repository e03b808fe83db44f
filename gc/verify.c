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
 *            old_used; a line is in use exactly where an object is (swept blocks)
 *   large    one sane header a run; the sum is large_used
 *   pinned   objects are at cells of spans of their size; spans, free pages and their
 *            lists agree; pages are in use where objects lie (pinned.c, spans.c)
 *   log      objects in the log are exactly the old ones without UNLOGGED
 *   slots    every slot of a live object or a root refers to an object; every old
 *            object that refers to a young one is in the log, or its card is
 *   weak     the tables of identities, weak references, maps and finalizers have
 *            objects, with the header bits that say so, where minor collections look
 *            for them; the reachable objects with HAS_ID have an identity (weak.c)
 *   pages    what the page table says is absent is not resident
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "gc/internal.h"

struct check {
	struct gc_heap *h;
	char *why;
	size_t size;
	bool bad;
	uint64_t *seen;	   /* a bit a word of the heap, scratch */
	uintptr_t old_end; /* of the last object of the block that is walked */
};

static void __attribute__((format(printf, 2, 3))) fail(struct check *c, const char *fmt, ...)
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
		fail(c, "object %p has header %#llx", obj, (unsigned long long)hdr);
		return;
	}
	if (young && hdr & (HDR_UNLOGGED | HDR_PIN))
		fail(c, "young object %p has the UNLOGGED or the PIN bit", obj);
	if (!young && hdr & HDR_AGE)
		fail(c, "old object %p has an age", obj);
	t = &c->h->types[type];
	if (t->pub.elem
		    ? hdr_cell(hdr) != ((((const size_t *)obj)[0] * t->pub.elem + 7) & ~7ULL) + 16
		    : hdr_cell(hdr) != t->pub.cell)
		fail(c, "object %p of type %s has a cell of %zu bytes", obj, t->name,
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
			fail(c, "young space: nothing at %#zx", (size_t)p);
		}
		p += hdr_cell(hdr);
	}
	if (!c->bad && p != top)
		fail(c, "young space: last object ends %zu bytes behind the top",
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
		fail(c, "pinned object %p %s", obj, why);
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
		fail(c, "old object %p begins within the one before", obj);
	if (block_of(h, start) != block_of(h, end - 1))
		fail(c, "old object %p goes over the end of its block", obj);
	c->old_end = end;
	for (p = start; p < end; p = (p + LINE_SIZE) & ~(LINE_SIZE - 1))
		if (!h->lines[(p - h->base) >> LINE_SHIFT])
			fail(c, "old object %p lies on a free line", obj);
}

/* Bytes of a block's objects; a bit in line[] for each line they overlap. */
static size_t block_sum(const struct gc_heap *h, size_t b, uint8_t *line)
{
	const uint64_t *word = &h->alloc_bits[(b << BLOCK_SHIFT) >> 9];
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

static void check_block(struct check *c, size_t b, size_t *sum)
{
	struct gc_heap *h = c->h;
	uint8_t line[BLOCK_LINES];
	size_t bytes = block_sum(h, b, line), l;

	*sum += bytes;
	if (bytes != h->blocks[b].live)
		fail(c, "old block %zu: %u bytes counted, %zu found", b, h->blocks[b].live, bytes);
	for (l = 0; l < BLOCK_LINES && !h->blocks[b].unswept; l++)
		if (h->lines[b * BLOCK_LINES + l] && !line[l])
			fail(c, "old block %zu: line %zu is in use and has no object", b, l);
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
		fail(c, "old space: %zu bytes counted, %zu found", h->old_used, old);
	if (large != h->large_used || pages != h->large_pages)
		fail(c, "large space: %zu bytes counted, %zu found", h->large_used, large);
}

static void check_pinned(struct check *c)
{
	const char *why = pinned_check(c->h);

	if (why)
		fail(c, "pinned space: %s", why);
}

static void check_logged(void *obj, void *arg)
{
	struct check *c = arg;
	bool logged = bit_get(c->seen, bit_index(c->h, obj));

	if (logged == !!(*hdr_of(obj) & HDR_UNLOGGED))
		fail(c, "old object %p %s", obj,
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
			fail(c, "the log has %p, which is no object", (void *)h->log.v[i]);
		else if (bit_get(c->seen, bit_index(h, (void *)h->log.v[i])))
			fail(c, "the log has %p twice", (void *)h->log.v[i]);
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
	return h->cards[((uintptr_t)slot - h->base) >> 9];
}

/* Only what is reachable: a young object that a major found dead lies about. */
static void check_weak_object(struct check *c, void *obj)
{
	const char *bad = weak_check_object(c->h, obj);

	if (bad)
		fail(c, "object %p %s", obj, bad);
}

/* Whether the check of slots has come to obj. */
bool check_seen(const struct gc_visitor *v, const void *obj)
{
	return bit_get(v->check->seen, bit_index(v->h, obj));
}

void check_visit(struct gc_visitor *v, gc_slot *slot)
{
	struct gc_heap *h = v->h;
	void *obj = *slot;

	if (!obj || v->check->bad)
		return;
	if (!is_object(h, obj)) {
		fail(v->check, "slot %p of object %p refers to %p, which is no object",
		     (void *)slot, v->holder, obj);
		return;
	}
	if (in_young(h, obj) && !remembered(h, v->holder, slot))
		fail(v->check, "old object %p refers to young %p and is not logged", v->holder,
		     obj);
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
		fail(c, "%s", bad);
}

static void check_slots(struct check *c)
{
	struct gc_heap *h = c->h;
	struct gc_visitor v = { .h = h, .op = VISIT_CHECK, .check = c };

	clear_seen(c);
	roots_visit(h, &v);
	globals_visit(h, &v, false);
	do {
		while (h->stack.n && !c->bad)
			object_slots(h, (void *)h->stack.v[--h->stack.n], &v);
		v.holder = NULL;
	} while (!c->bad && weak_ephemerons(h, &v));
	weak_ephemerons_end(h);
	h->stack.n = 0;
}

static void check_counts(struct check *c)
{
	struct gc_heap *h = c->h;
	size_t p, last = page_of(h, h->commit_top), n[4] = { 0 };

	for (p = 0; p < last; p++)
		n[h->page_state[p]]++;
	if (n[PAGE_INUSE] != h->pages_inuse || n[PAGE_DIRTY] != h->pages_dirty)
		fail(c, "pages: %zu in use and %zu dirty counted, %zu and %zu found",
		     h->pages_inuse, h->pages_dirty, n[PAGE_INUSE], n[PAGE_DIRTY]);
}

static void check_pages(struct check *c)
{
	struct gc_heap *h = c->h;
	size_t p, i, n, last = page_of(h, h->commit_top), wrong = 0;
	uint64_t t = now_ns();
	unsigned char vec[4096];

	check_counts(c);
	for (p = 0; p < last; p += n) {
		n = last - p < sizeof(vec) ? last - p : sizeof(vec);
		if (mincore((void *)(h->base + (p << PAGE_SHIFT)), n << PAGE_SHIFT, vec)) {
			fail(c, "mincore: %s", strerror(errno));
			return;
		}
		for (i = 0; i < n; i++) {
			if (!(vec[i] & 1) || h->page_state[p + i] != PAGE_ABSENT)
				continue;
			wrong++;
			fail(c, "page %#zx is resident and the heap says absent",
			     (size_t)(h->base + ((p + i) << PAGE_SHIFT)));
		}
	}
	t = now_ns() - t;
	event(h, GC_EV_AUDIT, GC_SPACE_NONE, 0, last, wrong, &t, 1);
}

/* 0, or -EFAULT and the first thing that is wrong. World stopped, buffers retired. */
int check_heap(struct gc_heap *h, char *why, size_t size)
{
	struct check c = { .h = h, .why = why, .size = size };

	c.seen = calloc(1, (h->commit_top - h->base) / 64);
	if (!c.seen) {
		fail(&c, "no memory for a check");
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
		check_log(&c);
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
