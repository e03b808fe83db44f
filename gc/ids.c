/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ids.c - identities of objects: numbers that stay when objects move.
 *
 * Owns the table from address to identity and the header bit HAS_ID. An object has
 * none until it is asked for; the number is never used again, and always odd, as in
 * V8's heap snapshots, where even ones are left for what is not on the heap.
 *
 * Invariant: an object that is reachable has HAS_ID exactly if it is in the table.
 */
#include "gc/weak.h"

#define ID_FIRST 3
#define ID_STEP	 2

void ids_init(struct weak *w)
{
	w->next_id = ID_FIRST;
}

static uint64_t id_of(struct gc_heap *h, void *obj)
{
	struct weak *w = h->weak;
	uint64_t id = w->next_id;

	if (header_has(obj, HDR_HAS_ID))
		return genmap_find(h, &w->ids, obj)->val;
	if (!genmap_set(h, &w->ids, obj, id))
		return 0;
	w->next_id += ID_STEP;
	header_set(obj, HDR_HAS_ID);
	return id;
}

/* With the world stopped. 0: no memory. */
uint64_t object_id(struct gc_heap *h, void *obj)
{
	return id_of(h, obj);
}

/* With the world stopped. A number that no object has or gets. */
uint64_t id_take(struct gc_heap *h)
{
	uint64_t id = h->weak->next_id;

	h->weak->next_id += ID_STEP;
	return id;
}

/* With the world stopped, after a collection's closure, and after old objects moved. */
void ids_update(struct gc_heap *h, struct gc_visitor *v)
{
	genmap_update(v, &h->weak->ids, NULL, NULL);
}

/* For the verifier: beside what holds for any table, only numbers that were given. */
const char *ids_check(struct gc_heap *h)
{
	const struct genmap *g = &h->weak->ids;
	const struct addrmap *sides[] = { &g->young, &g->old };
	size_t s, i;

	for (s = 0; s < 2; s++)
		for (i = 0; i < sides[s]->cap; i++)
			if (sides[s]->v[i].key > ADDR_GONE &&
			    (!(sides[s]->v[i].val & 1) || sides[s]->v[i].val >= h->weak->next_id))
				return "an identity was never given";
	return genmap_check(h, g, HDR_HAS_ID);
}

uint64_t gc_id(struct gc_mutator *m, void *obj)
{
	struct gc_heap *h = ((struct mutator *)m)->h;
	struct weak *w;
	uint64_t id;

	if (!obj)
		gc_fatal("gc_id: NULL has no identity");
	w = weak_enter(m, "gc_id");
	id = id_of(h, obj);
	weak_leave(w);
	return id;
}
