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
#include "gc/internal.h"
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
	struct addr_pair *p;

	if (header_has(obj, HDR_HAS_ID))
		return genmap_find(h, &w->ids, obj)->val;
	p = genmap_put(h, &w->ids, obj);
	if (!p)
		return 0;
	p->val = w->next_id;
	w->next_id += ID_STEP;
	header_set(obj, HDR_HAS_ID);
	return p->val;
}

/* With the world stopped. 0: no memory. */
uint64_t object_id(struct gc_heap *h, void *obj)
{
	return id_of(h, obj);
}

/* With the world stopped, after a collection's closure, and after old objects moved. */
void ids_update(struct gc_heap *h, struct gc_visitor *v)
{
	genmap_update(v, &h->weak->ids, NULL, NULL);
}

/* --- checks ------------------------------------------------------------------------- */

static const char *check_table(const struct gc_heap *h, const struct addrmap *m, bool young)
{
	size_t i, n = 0;
	void *obj;

	for (i = 0; i < m->cap; i++) {
		obj = (void *)m->v[i].key;
		if ((uintptr_t)obj <= ADDR_GONE)
			continue;
		n++;
		if (in_young(h, obj) != young)
			return "an identity is in the table of the other generation";
		if (!is_object(h, obj) || !header_has(obj, HDR_HAS_ID))
			return "an identity is of no object, or of one without HAS_ID";
		if (!(m->v[i].val & 1) || m->v[i].val >= h->weak->next_id)
			return "an identity was never given";
	}
	return n == m->n ? NULL : "the identities are not as many as counted";
}

const char *ids_check(struct gc_heap *h)
{
	const char *bad = check_table(h, &h->weak->ids.young, true);

	return bad ? bad : check_table(h, &h->weak->ids.old, false);
}

const char *ids_check_object(struct gc_heap *h, void *obj)
{
	if (header_has(obj, HDR_HAS_ID) && !genmap_find(h, &h->weak->ids, obj))
		return "has HAS_ID and no identity";
	return NULL;
}

uint64_t gc_id(struct gc_mutator *m, void *obj)
{
	struct gc_heap *h = ((struct mutator *)m)->h;
	uint64_t id;

	if (!obj)
		gc_fatal("gc_id: NULL has no identity");
	pthread_mutex_lock(&h->weak->lock);
	id = id_of(h, obj);
	pthread_mutex_unlock(&h->weak->lock);
	return id;
}
