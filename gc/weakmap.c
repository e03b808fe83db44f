/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * weakmap.c - maps from objects to objects that keep neither their keys nor, once a
 * key is dead, its value: ephemerons.
 *
 * Owns the maps and the fixpoint that decides which values live. Must not visit a
 * value whose key, or whose map's owner, is not known to live.
 *
 * A key may be reached only through a value, of this map or another, so that values
 * are visited in rounds. An entry is looked at once at the start, and again only when
 * its key is reached: those whose key is not, wait in a table by that key, and the
 * closure tells of each object with HDR_WEAK that it reaches (weak_reached()). Time
 * is linear in the entries, whatever the length of the chains.
 */
#include <errno.h>
#include <stdlib.h>

#include "gc/weak.h"

/* --- for the program ---------------------------------------------------------------- */

static bool wants_minor(const struct gc_heap *h, const struct gc_weakmap *map)
{
	return map->entries.young.n || in_young(h, map->owner);
}

static void map_activate(struct gc_heap *h, struct gc_weakmap *map)
{
	struct weak *w = h->weak;

	if (map->index_active || !wants_minor(h, map))
		return;
	vec_push(&w->active, (uintptr_t)map);
	map->index_active = w->active.n;
}

static void map_deactivate(struct weak *w, struct gc_weakmap *map)
{
	struct gc_weakmap *last;

	if (!map->index_active)
		return;
	last = (struct gc_weakmap *)w->active.v[--w->active.n];
	w->active.v[map->index_active - 1] = (uintptr_t)last;
	last->index_active = map->index_active;
	map->index_active = 0;
}

static void map_free(struct weak *w, struct gc_weakmap *map)
{
	struct gc_weakmap *last = (struct gc_weakmap *)w->maps.v[--w->maps.n];

	map_deactivate(w, map);
	w->maps.v[map->index] = (uintptr_t)last;
	last->index = map->index;
	genmap_free(&map->entries);
	free(map);
}

struct gc_weakmap *gc_weakmap_new(struct gc_mutator *m, void *owner)
{
	struct gc_heap *h = ((struct mutator *)m)->h;
	struct gc_weakmap *map = calloc(1, sizeof(*map));
	struct weak *w;

	if (!map)
		return NULL;
	map->entries.refs = true;
	map->owner = owner;
	if (owner)
		header_set(owner, HDR_WEAK);
	w = weak_enter(m, "gc_weakmap_new");
	map->index = w->maps.n;
	vec_push(&w->maps, (uintptr_t)map);
	map_activate(h, map);
	weak_leave(w);
	return map;
}

void gc_weakmap_free(struct gc_mutator *m, struct gc_weakmap *map)
{
	struct weak *w;

	if (!map)
		return;
	w = weak_enter(m, "gc_weakmap_free");
	map_free(w, map);
	weak_leave(w);
}

int gc_weakmap_set(struct gc_mutator *m, struct gc_weakmap *map, void *key, void *value)
{
	struct gc_heap *h = ((struct mutator *)m)->h;
	struct weak *w;
	bool done;

	if (!key)
		return -EINVAL;
	w = weak_enter(m, "gc_weakmap_set");
	done = genmap_set(h, &map->entries, key, (uint64_t)value);
	if (done) {
		header_set(key, HDR_WEAK);
		map_activate(h, map);
	}
	weak_leave(w);
	return done ? 0 : -ENOMEM;
}

void *gc_weakmap_get(struct gc_mutator *m, struct gc_weakmap *map, const void *key, int *found)
{
	struct gc_heap *h = ((struct mutator *)m)->h;
	struct weak *w = weak_enter(m, "gc_weakmap_get");
	struct addr_pair *p = key ? genmap_find(h, &map->entries, key) : NULL;
	void *value = p ? (void *)p->val : NULL;

	weak_leave(w);
	if (found)
		*found = p != NULL;
	return value;
}

int gc_weakmap_delete(struct gc_mutator *m, struct gc_weakmap *map, const void *key)
{
	struct gc_heap *h = ((struct mutator *)m)->h;
	struct weak *w = weak_enter(m, "gc_weakmap_delete");
	struct addr_pair *p = key ? genmap_find(h, &map->entries, key) : NULL;

	if (p)
		genmap_remove(h, &map->entries, p);
	weak_leave(w);
	return p ? 0 : -ENOENT;
}

size_t gc_weakmap_count(struct gc_mutator *m, struct gc_weakmap *map)
{
	struct weak *w = weak_enter(m, "gc_weakmap_count");
	size_t n = genmap_count(&map->entries);

	weak_leave(w);
	return n;
}

/* --- the fixpoint ------------------------------------------------------------------- */

/* Nothing of map (pair NULL), or not the value of pair, lives before obj is reached. */
static void wait_for(struct gc_heap *h, const void *obj, struct gc_weakmap *map,
		     struct addr_pair *pair)
{
	struct weak *w = h->weak;
	struct addr_pair *p = addrmap_put(h, &w->waiting, obj);

	if (!p)
		gc_fatal("no memory for the collector's own tables");
	vec_push(&w->waiters, (uintptr_t)map);
	vec_push(&w->waiters, (uintptr_t)pair);
	vec_push(&w->waiters, p->val);
	p->val = w->waiters.n / 3;
}

static bool scan_table(struct gc_visitor *v, struct gc_weakmap *map, struct addrmap *m)
{
	struct addr_pair *p;
	bool any = false;

	for (p = m->v; p < m->v + m->cap; p++) {
		if (p->key <= ADDR_GONE)
			continue;
		v->h->weak->looked++;
		if (!p->val)
			continue;
		if (visitor_alive(v, (void *)p->key)) {
			gc_visit(v, &p->val);
			any = true;
		} else {
			wait_for(v->h, (void *)p->key, map, p);
		}
	}
	return any;
}

/* A minor collection takes old objects to live: what has no young part is no news. */
static bool scan_map(struct gc_visitor *v, struct gc_weakmap *map)
{
	bool any;

	if (map->owner && !visitor_alive(v, map->owner)) {
		wait_for(v->h, map->owner, map, NULL);
		return false;
	}
	any = scan_table(v, map, &map->entries.young);
	if (v->op != VISIT_EVACUATE)
		any |= scan_table(v, map, &map->entries.old);
	return any;
}

/* The maps that a collection has to look at. */
static const struct vec *concerned(const struct weak *w, const struct gc_visitor *v)
{
	return v->op == VISIT_EVACUATE ? &w->active : &w->maps;
}

bool maps_any(const struct weak *w, const struct gc_visitor *v)
{
	return concerned(w, v)->n;
}

static bool scan_maps(struct gc_heap *h, struct gc_visitor *v)
{
	const struct vec *maps = concerned(h->weak, v);
	bool any = false;
	size_t i;

	for (i = 0; i < maps->n; i++)
		any |= scan_map(v, (struct gc_weakmap *)maps->v[i]);
	return any;
}

/* The closure has come to an object with HDR_WEAK, which was at obj before. */
void weak_reached(struct gc_heap *h, void *obj)
{
	if (h->weak->waiting.n)
		vec_push(&h->weak->found, (uintptr_t)obj);
}

/* obj lives: so do the values, or the maps, that waited for it. */
static bool wake(struct gc_visitor *v, const void *obj)
{
	struct weak *w = v->h->weak;
	struct addr_pair *p = addrmap_find(v->h, &w->waiting, obj), *pair;
	struct gc_weakmap *map;
	bool any = false;
	size_t next;

	if (!p)
		return false;
	next = p->val;
	addrmap_remove(&w->waiting, p);
	while (next) {
		map = (struct gc_weakmap *)w->waiters.v[next * 3 - 3];
		pair = (struct addr_pair *)w->waiters.v[next * 3 - 2];
		next = w->waiters.v[next * 3 - 1];
		w->looked++;
		if (pair)
			gc_visit(v, &pair->val);
		any |= pair ? true : scan_map(v, map);
	}
	return any;
}

static bool wake_found(struct gc_visitor *v)
{
	struct vec *found = &v->h->weak->found;
	bool any = false;

	while (found->n)
		any |= wake(v, (void *)found->v[--found->n]);
	return any;
}

/*
 * Visits the values of entries whose keys live. True: something was visited; drain
 * and call again. A call after a round that found nothing costs one look at each key
 * that is waited for: nothing reached must be missed, by whatever way it was.
 */
bool weak_ephemerons(struct gc_heap *h, struct gc_visitor *v)
{
	struct weak *w = h->weak;
	struct addr_pair *p;

	if (!w->scanned) {
		w->scanned = true;
		w->waiting.mult = ADDR_MULT2;
		return scan_maps(h, v);
	}
	if (wake_found(v))
		return true;
	for (p = w->waiting.v; p < w->waiting.v + w->waiting.cap; p++) {
		if (p->key <= ADDR_GONE)
			continue;
		w->looked++;
		if (visitor_alive(v, (void *)p->key))
			vec_push(&w->found, p->key);
	}
	return wake_found(v);
}

/* Forgets the closure: what waits now is dead. */
void weak_ephemerons_end(struct gc_heap *h)
{
	struct weak *w = h->weak;

	w->scanned = false;
	addrmap_free(&w->waiting);
	w->waiters.n = 0;
	w->found.n = 0;
}

/* False: it died with its owner. */
static bool map_end(struct gc_heap *h, struct gc_visitor *v, struct gc_weakmap *map)
{
	if (map->owner) {
		map->owner = visitor_alive(v, map->owner);
		if (!map->owner) {
			map_free(h->weak, map);
			return false;
		}
	}
	genmap_update(v, &map->entries, NULL, NULL);
	if (wants_minor(h, map))
		map_activate(h, map);
	else
		map_deactivate(h->weak, map);
	return true;
}

void maps_end(struct gc_heap *h, struct gc_visitor *v)
{
	const struct vec *maps = concerned(h->weak, v);
	struct gc_weakmap *map;
	size_t i = 0;

	weak_ephemerons_end(h);
	/* One that leaves the list has its place taken by one not looked at yet. */
	while (i < maps->n) {
		map = (struct gc_weakmap *)maps->v[i];
		map_end(h, v, map);
		i += i < maps->n && maps->v[i] == (uintptr_t)map;
	}
}

/* --- for weak.c --------------------------------------------------------------------- */

void maps_free(struct weak *w)
{
	while (w->maps.n)
		map_free(w, (struct gc_weakmap *)w->maps.v[0]);
	vec_free(&w->maps);
	vec_free(&w->active);
	vec_free(&w->waiters);
	vec_free(&w->found);
}

size_t maps_count(const struct weak *w)
{
	size_t i, n = 0;

	for (i = 0; i < w->maps.n; i++)
		n += genmap_count(&((const struct gc_weakmap *)w->maps.v[i])->entries);
	return n;
}

size_t maps_bytes(const struct weak *w)
{
	size_t i, n = (w->maps.cap + w->active.cap + w->waiters.cap + w->found.cap) * 8;

	for (i = 0; i < w->maps.n; i++)
		n += genmap_bytes(&((const struct gc_weakmap *)w->maps.v[i])->entries);
	return n;
}

static const char *map_check(struct gc_heap *h, size_t i)
{
	const struct gc_weakmap *map = (const struct gc_weakmap *)h->weak->maps.v[i];
	size_t at = map->index_active;

	if (map->index != i)
		return "a weak map is not where it says";
	if (at && (at > h->weak->active.n || h->weak->active.v[at - 1] != (uintptr_t)map))
		return "a weak map is not in the list of the active ones";
	if (!at && wants_minor(h, map))
		return "a weak map that minor collections have to look at is not active";
	if (map->owner && (!is_object(h, map->owner) || !header_has(map->owner, HDR_WEAK)))
		return "a weak map is owned by no object, or by one without WEAK";
	return genmap_check(h, &map->entries, HDR_WEAK);
}

const char *maps_check(struct gc_heap *h)
{
	const char *bad = NULL;
	size_t i;

	for (i = 0; !bad && i < h->weak->maps.n; i++)
		bad = map_check(h, i);
	return bad;
}
