/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * addrmap.c - hash tables from the address of an object to a word, outside the heap.
 *
 * Must not read objects: a key may be dead, or moved, when it is looked for.
 *
 * Keys are addresses and are entered anew when objects move, not identity ids that
 * stay: an id per key would be a second table of the same size and a second search,
 * while the collector has to look at every key that may have moved in either case.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "gc/addrmap.h"
#include "gc/internal.h"

#define CAP_MIN	 16
#define HUGE_MIN MIB(4)
#define MAP_MIN	 PAGE_SIZE /* smaller tables share the pages of malloc() */

static struct addr_pair *table_new(size_t cap)
{
	size_t len = cap * sizeof(struct addr_pair);
	void *p;

	if (len < MAP_MIN)
		return calloc(1, len);
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	/* Filled all over, in no order: with small pages every put would be a fault. */
	if (len >= HUGE_MIN)
		madvise(p, len, MADV_HUGEPAGE);
	return p;
}

static void table_free(struct addr_pair *v, size_t cap)
{
	size_t len = cap * sizeof(struct addr_pair);

	if (len < MAP_MIN)
		free(v);
	else
		munmap(v, len);
}

/* Of the offset in the heap, so that the order of a table, and with it the order in
 * which objects are visited and moved, is the same in every run of a program. */
static size_t slot_of(const struct gc_heap *h, const struct addrmap *m, uintptr_t key)
{
	uint64_t hash = (uint64_t)((key - h->base) >> 3) * 0x9e3779b97f4a7c15u;

	return (size_t)(hash >> 32) & (m->cap - 1);
}

/* The pair of key, or the one to put it in. The table is never full. */
static struct addr_pair *probe(const struct gc_heap *h, const struct addrmap *m, uintptr_t key)
{
	struct addr_pair *gone = NULL;
	size_t i = slot_of(h, m, key);

	for (; m->v[i].key != key; i = (i + 1) & (m->cap - 1)) {
		if (m->v[i].key == ADDR_NONE)
			return gone ? gone : &m->v[i];
		if (m->v[i].key == ADDR_GONE && !gone)
			gone = &m->v[i];
	}
	return &m->v[i];
}

static bool rehash(const struct gc_heap *h, struct addrmap *m, size_t n)
{
	struct addrmap was = *m;
	size_t cap = CAP_MIN, i;

	while (cap < 2 * n)
		cap *= 2;
	m->v = table_new(cap);
	if (!m->v) {
		*m = was;
		return false;
	}
	m->cap = cap;
	m->gone = 0;
	for (i = 0; i < was.cap; i++)
		if (was.v[i].key > ADDR_GONE)
			*probe(h, m, was.v[i].key) = was.v[i];
	table_free(was.v, was.cap);
	return true;
}

struct addr_pair *addrmap_find(const struct gc_heap *h, const struct addrmap *m, const void *obj)
{
	struct addr_pair *p;

	if (!m->n)
		return NULL;
	p = probe(h, m, (uintptr_t)obj);
	return p->key == (uintptr_t)obj ? p : NULL;
}

struct addr_pair *addrmap_put(const struct gc_heap *h, struct addrmap *m, const void *obj)
{
	struct addr_pair *p;

	if (4 * (m->n + m->gone + 1) > 3 * m->cap && !rehash(h, m, m->n + 1))
		return NULL;
	p = probe(h, m, (uintptr_t)obj);
	if (p->key == (uintptr_t)obj)
		return p;
	m->gone -= p->key == ADDR_GONE;
	m->n++;
	*p = (struct addr_pair){ .key = (uintptr_t)obj };
	return p;
}

/* What no search passed needs no mark that one did. */
void addrmap_remove(struct addrmap *m, struct addr_pair *p)
{
	struct addr_pair *next = &m->v[(size_t)(p - m->v + 1) & (m->cap - 1)];

	p->key = next->key == ADDR_NONE ? ADDR_NONE : ADDR_GONE;
	m->gone += p->key == ADDR_GONE;
	m->n--;
}

void addrmap_free(struct addrmap *m)
{
	table_free(m->v, m->cap);
	*m = (struct addrmap){ 0 };
}

size_t addrmap_bytes(const struct addrmap *m)
{
	return m->cap * sizeof(*m->v);
}

/* --- by generation ------------------------------------------------------------------ */

struct addr_pair *genmap_find(const struct gc_heap *h, const struct genmap *g, const void *obj)
{
	return addrmap_find(h, in_young(h, obj) ? &g->young : &g->old, obj);
}

struct addr_pair *genmap_put(const struct gc_heap *h, struct genmap *g, const void *obj)
{
	return addrmap_put(h, in_young(h, obj) ? &g->young : &g->old, obj);
}

void genmap_remove(const struct gc_heap *h, struct genmap *g, struct addr_pair *p)
{
	addrmap_remove(in_young(h, (void *)p->key) ? &g->young : &g->old, p);
}

static void put_again(const struct gc_heap *h, struct genmap *g, const void *obj, uint64_t val)
{
	struct addr_pair *p = genmap_put(h, g, obj);

	if (!p)
		gc_fatal("no memory for the collector's own tables");
	p->val = val;
}

/* Every young object is dead or elsewhere now: the table is made anew. */
static void update_young(struct gc_visitor *v, struct genmap *g, genmap_fn dead, void *arg)
{
	struct addrmap was = g->young;
	void *obj, *to;
	size_t i;

	g->young = (struct addrmap){ 0 };
	for (i = 0; i < was.cap; i++) {
		if (was.v[i].key <= ADDR_GONE)
			continue;
		obj = (void *)was.v[i].key;
		to = visitor_alive(v, obj);
		if (to)
			put_again(v->h, g, to, was.v[i].val);
		else if (dead)
			dead(v->h, obj, was.v[i].val, arg);
	}
	addrmap_free(&was);
}

/* Most objects live and stay: what moved is taken out and put back afterwards. */
static void update_table(struct gc_visitor *v, struct addrmap *m, struct vec *moved, genmap_fn dead,
			 void *arg)
{
	uint64_t val;
	void *obj, *to;
	size_t i;

	for (i = 0; i < m->cap; i++) {
		if (m->v[i].key <= ADDR_GONE)
			continue;
		obj = (void *)m->v[i].key;
		val = m->v[i].val;
		to = visitor_alive(v, obj);
		if (to == obj)
			continue;
		addrmap_remove(m, &m->v[i]);
		if (to) {
			vec_push(moved, (uintptr_t)to);
			vec_push(moved, val);
		} else if (dead) {
			dead(v->h, obj, val, arg);
		}
	}
	if (!m->n)
		addrmap_free(m);
	else if (m->cap > 8 * m->n && m->cap > CAP_MIN)
		rehash(v->h, m, m->n);
}

void genmap_update(struct gc_visitor *v, struct genmap *g, genmap_fn dead, void *arg)
{
	struct vec moved = { 0 };
	size_t i;

	if (v->op == VISIT_EVACUATE) {
		update_young(v, g, dead, arg);
		return;
	}
	update_table(v, &g->young, &moved, dead, arg);
	update_table(v, &g->old, &moved, dead, arg);
	for (i = 0; i < moved.n; i += 2)
		put_again(v->h, g, (void *)moved.v[i], moved.v[i + 1]);
	vec_free(&moved);
}

void genmap_free(struct genmap *g)
{
	addrmap_free(&g->young);
	addrmap_free(&g->old);
}

size_t genmap_bytes(const struct genmap *g)
{
	return addrmap_bytes(&g->young) + addrmap_bytes(&g->old);
}
