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
#include "gc/weak.h"

#define CAP_MIN	 16
#define MULT	 0x9e3779b97f4a7c15u /* 2^64 by the golden ratio */
#define CROWDED	 500		     /* pairs looked at in one search */
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
	uint64_t hash = (uint64_t)((key - h->base) >> 3) * (m->mult ? m->mult : MULT);

	return (size_t)(hash >> 32) & (m->cap - 1);
}

/* The pair of key, or the one to put it in. The table is never full. */
static struct addr_pair *probe(const struct gc_heap *h, const struct addrmap *m, uintptr_t key)
{
	size_t first = slot_of(h, m, key), mask = m->cap - 1, i = first;
	struct addr_pair *gone = NULL;

	for (; m->v[i].key != key && m->v[i].key != ADDR_NONE; i = (i + 1) & mask)
		if (m->v[i].key == ADDR_GONE && !gone)
			gone = &m->v[i];
	h->weak->crowded += ((i - first) & mask) > CROWDED;
	return m->v[i].key != key && gone ? gone : &m->v[i];
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

static bool reserve(const struct gc_heap *h, struct addrmap *m, size_t more)
{
	return 4 * (m->n + m->gone + more) <= 3 * m->cap || rehash(h, m, m->n + more);
}

struct addr_pair *addrmap_put(const struct gc_heap *h, struct addrmap *m, const void *obj)
{
	struct addr_pair *p;

	if (!reserve(h, m, 1))
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

/* --- by generation ------------------------------------------------------------------ */

static bool pair_young(const struct gc_heap *h, const struct genmap *g, const void *obj,
		       uint64_t val)
{
	return in_young(h, obj) || (g->refs && in_young(h, (void *)val));
}

struct addr_pair *genmap_find(const struct gc_heap *h, const struct genmap *g, const void *obj)
{
	struct addr_pair *p = NULL;

	if (in_young(h, obj) || g->refs)
		p = addrmap_find(h, &g->young, obj);
	return p || in_young(h, obj) ? p : addrmap_find(h, &g->old, obj);
}

bool genmap_set(const struct gc_heap *h, struct genmap *g, const void *obj, uint64_t val)
{
	bool young = pair_young(h, g, obj, val);
	struct addrmap *other = young ? &g->old : &g->young;
	struct addr_pair *p = addrmap_put(h, young ? &g->young : &g->old, obj);

	if (!p)
		return false;
	p->val = val;
	p = g->refs && !in_young(h, obj) ? addrmap_find(h, other, obj) : NULL;
	if (p)
		addrmap_remove(other, p);
	return true;
}

void genmap_remove(const struct gc_heap *h, struct genmap *g, struct addr_pair *p)
{
	bool young = pair_young(h, g, (void *)p->key, p->val);

	addrmap_remove(young ? &g->young : &g->old, p);
}

/* Room for n pairs more, taken from tables of the same order. */
static void must_reserve(const struct gc_heap *h, struct genmap *g, size_t n)
{
	if (n && (!reserve(h, &g->young, n) || !reserve(h, &g->old, n)))
		gc_fatal("no memory for the collector's own tables");
}

static void trim(const struct gc_heap *h, struct addrmap *m)
{
	if (!m->n)
		addrmap_free(m);
	else if (m->cap > 8 * m->n && m->cap > CAP_MIN)
		rehash(h, m, m->n);
}

/* Where the pair belongs now, in *obj and *val, or false: its key is dead. */
static bool follow(struct gc_visitor *v, const struct genmap *g, void **obj, uint64_t *val)
{
	void *ref = (void *)*val;

	v->h->weak->looked++;
	*obj = visitor_alive(v, *obj);
	if (*obj && g->refs) {
		gc_visit(v, &ref);
		*val = (uint64_t)ref;
	}
	return *obj;
}

/* Most of them are dead or elsewhere now: the table is made anew. */
static void update_young(struct gc_visitor *v, struct genmap *g, genmap_fn dead, void *arg)
{
	struct addrmap was = g->young;
	uint64_t val;
	void *obj;
	size_t i;

	g->young = (struct addrmap){ 0 };
	must_reserve(v->h, g, was.n);
	for (i = 0; i < was.cap; i++) {
		if (was.v[i].key <= ADDR_GONE)
			continue;
		obj = (void *)was.v[i].key;
		val = was.v[i].val;
		if (follow(v, g, &obj, &val))
			genmap_set(v->h, g, obj, val);
		else if (dead)
			dead(v->h, (void *)was.v[i].key, val, arg);
	}
	addrmap_free(&was);
}

/* Most objects live and stay: what moved is taken out and put back afterwards. */
static void update_table(struct gc_visitor *v, struct genmap *g, struct addrmap *m,
			 struct vec *moved, genmap_fn dead, void *arg)
{
	struct addr_pair *p;
	void *was, *obj;
	size_t i;

	for (i = 0; i < m->cap; i++) {
		p = &m->v[i];
		if (p->key <= ADDR_GONE)
			continue;
		was = obj = (void *)p->key;
		if (follow(v, g, &obj, &p->val) && obj == was)
			continue;
		addrmap_remove(m, p);
		if (obj) {
			vec_push(moved, (uintptr_t)obj);
			vec_push(moved, p->val);
		} else if (dead) {
			dead(v->h, was, p->val, arg);
		}
	}
}

void genmap_update(struct gc_visitor *v, struct genmap *g, genmap_fn dead, void *arg)
{
	struct vec moved = { 0 };
	size_t i;

	if (v->op == VISIT_EVACUATE) {
		update_young(v, g, dead, arg);
	} else {
		update_table(v, g, &g->young, &moved, dead, arg);
		update_table(v, g, &g->old, &moved, dead, arg);
		must_reserve(v->h, g, moved.n / 2);
		for (i = 0; i < moved.n; i += 2)
			genmap_set(v->h, g, (void *)moved.v[i], moved.v[i + 1]);
		vec_free(&moved);
	}
	trim(v->h, &g->young);
	trim(v->h, &g->old);
}

void genmap_free(struct genmap *g)
{
	addrmap_free(&g->young);
	addrmap_free(&g->old);
}

size_t genmap_count(const struct genmap *g)
{
	return g->young.n + g->old.n;
}

size_t genmap_bytes(const struct genmap *g)
{
	return (g->young.cap + g->old.cap) * sizeof(struct addr_pair);
}

static const char *table_check(const struct gc_heap *h, const struct genmap *g,
			       const struct addrmap *m, uint64_t flag)
{
	const struct addr_pair *p;
	size_t n = 0, gone = 0;

	for (p = m->v; p < m->v + m->cap; p++) {
		gone += p->key == ADDR_GONE;
		if (p->key <= ADDR_GONE)
			continue;
		n++;
		if (!is_object(h, (void *)p->key))
			return "has a key that is no object";
		if (!header_has((void *)p->key, flag))
			return "has a key whose header does not say so";
		if (g->refs && p->val && !is_object(h, (void *)p->val))
			return "has a value that is no object";
		if (pair_young(h, g, (void *)p->key, p->val) != (m == &g->young))
			return "has a pair in the table of the other generation";
		if (addrmap_find(h, m, (void *)p->key) != p)
			return "has a pair that a search does not find";
	}
	return n == m->n && gone == m->gone ? NULL : "has not as many pairs as counted";
}

const char *genmap_check(const struct gc_heap *h, const struct genmap *g, uint64_t flag)
{
	const char *bad = table_check(h, g, &g->young, flag);

	return bad ? bad : table_check(h, g, &g->old, flag);
}
