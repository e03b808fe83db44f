/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * snapshot_weak.c - the nodes behind the objects: memory outside that is attached to
 * an object, and weak maps.
 *
 * Owns the tables of these while a snapshot is written, 16 bytes for each attached
 * object and each map, 24 for each entry, sorted by the object's address; the objects
 * come in that order too, so that each takes its edges from where the last one ended.
 *
 * A value of a weak map is kept by its key and its map together. The format says so
 * with two internal edges that have one name, from the map and from the key; DevTools
 * knows the form of the name.
 */
#include <stdlib.h>

#include "gc/snapshot.h"
#include "gc/weak.h"

#define NAME_CUT 100 /* bytes of a type's name in the name of such an edge */

size_t outside_maps(const struct snap *s)
{
	return s->h->weak->maps.n;
}

static struct gc_weakmap *map_at(const struct snap *s, size_t i)
{
	return (struct gc_weakmap *)s->h->weak->maps.v[i];
}

bool outside_map_owned(const struct snap *s, size_t i)
{
	return map_at(s, i)->owner;
}

/* Ordinals: of attached memory, then of maps. */
static uint32_t attached_ordinal(const struct snap *s, size_t i)
{
	return s->nheads + (uint32_t)(s->nobjects + i);
}

uint32_t outside_map(const struct snap *s, size_t i)
{
	return attached_ordinal(s, s->nattached + i);
}

/* --- gathering ------------------------------------------------------------------------- */

static int by_key(const void *a, const void *b)
{
	const struct addr_pair *x = a, *y = b;

	return (x->key > y->key) - (x->key < y->key);
}

static int by_entry(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->key != y->key)
		return (uintptr_t)x->key < (uintptr_t)y->key ? -1 : 1;
	return (x->map > y->map) - (x->map < y->map);
}

/* The pairs of a table; young ones first, as everywhere. */
#define for_each_pair(p, m)                                \
	for ((p) = (m)->v; (p) < (m)->v + (m)->cap; (p)++) \
		if ((p)->key > ADDR_GONE)

static bool gather_attached(struct snap *s)
{
	const struct genmap *g = &s->h->weak->external;
	const struct addrmap *sides[] = { &g->young, &g->old };
	const struct addr_pair *p;
	unsigned k;

	s->attached = malloc((genmap_count(g) + 1) * sizeof(*s->attached));
	if (!s->attached)
		return false;
	for (k = 0; k < 2; k++)
		for_each_pair(p, sides[k])
		{
			s->attached[s->nattached++] = *p;
			s->attached_bytes[p->val >> EXTERNAL_SHIFT] += p->val & EXTERNAL_MAX;
		}
	qsort(s->attached, s->nattached, sizeof(*s->attached), by_key);
	return true;
}

/* Entries with a value; the others keep nothing. */
static void gather_entries(struct snap *s, size_t map)
{
	const struct genmap *g = &map_at(s, map)->entries;
	const struct addrmap *sides[] = { &g->young, &g->old };
	const struct addr_pair *p;
	unsigned k;

	for (k = 0; k < 2; k++)
		for_each_pair(p, sides[k]) if (p->val) s->entries[s->nentries++] =
			(struct entry){ (void *)p->key, (void *)p->val, map };
}

static bool gather_maps(struct snap *s)
{
	struct gc_weakmap *map;
	size_t i, n = 1;

	for (i = 0; i < outside_maps(s); i++)
		n += genmap_count(&map_at(s, i)->entries);
	s->owners = malloc((outside_maps(s) + 1) * sizeof(*s->owners));
	s->entries = malloc(n * sizeof(*s->entries));
	if (!s->owners || !s->entries)
		return false;
	for (i = 0; i < outside_maps(s); i++) {
		map = map_at(s, i);
		gather_entries(s, i);
		if (map->owner)
			s->owners[s->nowners++] = (struct addr_pair){ (uintptr_t)map->owner, i };
		if (!map->id)
			map->id = id_take(s->h);
	}
	qsort(s->owners, s->nowners, sizeof(*s->owners), by_key);
	qsort(s->entries, s->nentries, sizeof(*s->entries), by_entry);
	return true;
}

/* False: no memory. */
bool outside_gather(struct snap *s)
{
	s->map_name = snap_name(s, "WeakMap");
	s->map_edge = snap_name(s, "weak map");
	s->key_edge = snap_name(s, "key");
	return gather_attached(s) && gather_maps(s);
}

void outside_free(struct snap *s)
{
	free(s->attached);
	free(s->owners);
	free(s->entries);
}

/* --- edges ----------------------------------------------------------------------------- */

/* Before each pass. */
void outside_rewind(struct snap *s)
{
	s->at_attached = s->at_owner = s->at_entry = 0;
}

/* The texts of the objects come between the names and the names of entries. */
static uint64_t entry_string(const struct snap *s, size_t i)
{
	return s->names.n + s->texts + i;
}

/* Objects come by address, each once in a pass. */
void outside_object_edges(struct snap *s, const void *obj)
{
	const struct addr_pair *p;

	for (; s->at_attached < s->nattached; s->at_attached++) {
		p = &s->attached[s->at_attached];
		if (p->key != (uintptr_t)obj)
			break;
		snap_edge(s, EDGE_INTERNAL, s->class_name[p->val >> EXTERNAL_SHIFT],
			  attached_ordinal(s, s->at_attached));
	}
	for (; s->at_owner < s->nowners; s->at_owner++) {
		p = &s->owners[s->at_owner];
		if (p->key != (uintptr_t)obj)
			break;
		snap_edge(s, EDGE_INTERNAL, s->map_edge, outside_map(s, p->val));
	}
	for (; s->at_entry < s->nentries && s->entries[s->at_entry].key == obj; s->at_entry++)
		snap_edge(s, EDGE_INTERNAL, entry_string(s, s->at_entry),
			  snap_ordinal(s, s->entries[s->at_entry].value));
}

static void map_pair_edges(struct snap *s, size_t map, const struct addr_pair *p)
{
	struct entry e = { (void *)p->key, (void *)p->val, map }, *found;

	snap_edge(s, EDGE_WEAK, s->key_edge, snap_ordinal(s, e.key));
	if (!e.value)
		return;
	found = bsearch(&e, s->entries, s->nentries, sizeof(e), by_entry);
	snap_edge(s, EDGE_INTERNAL, entry_string(s, (size_t)(found - s->entries)),
		  snap_ordinal(s, e.value));
}

static void map_edges(struct snap *s, size_t map)
{
	const struct genmap *g = &map_at(s, map)->entries;
	const struct addrmap *sides[] = { &g->young, &g->old };
	const struct addr_pair *p;
	unsigned k;

	for (k = 0; k < 2; k++)
		for_each_pair(p, sides[k]) map_pair_edges(s, map, p);
}

void outside_edges(struct snap *s)
{
	size_t i;

	for (i = 0; i < outside_maps(s); i++)
		map_edges(s, i);
}

/* --- nodes and strings ------------------------------------------------------------------- */

void outside_nodes(struct snap *s)
{
	struct node n = { .type = NODE_NATIVE };
	const struct addr_pair *p;
	uint64_t before;
	size_t i;

	for (p = s->attached; p < s->attached + s->nattached; p++) {
		n.name = s->class_name[p->val >> EXTERNAL_SHIFT];
		n.id = ID_OUTSIDE(object_id(s->h, (void *)p->key));
		n.size = p->val & EXTERNAL_MAX;
		snap_node(s, &n, 0);
	}
	for (i = 0; i < outside_maps(s); i++) {
		before = s->edges;
		map_edges(s, i);
		n.name = s->map_name;
		n.id = ID_OUTSIDE(map_at(s, i)->id);
		n.size = genmap_bytes(&map_at(s, i)->entries);
		snap_node(s, &n, s->edges - before);
	}
}

static void put_object_name(struct snap *s, const void *obj)
{
	const char *name = s->h->types[hdr_type(*hdr_of(obj))].name;

	out_text(&s->out, "(");
	out_json_part(&s->out, name, strnlen(name, NAME_CUT));
	out_text(&s->out, " @");
	out_number(&s->out, object_id(s->h, (void *)(uintptr_t)obj));
	out_text(&s->out, ")");
}

void outside_strings(struct snap *s)
{
	const struct entry *e;

	for (e = s->entries; e < s->entries + s->nentries; e++) {
		out_text(&s->out, ",\n\"");
		out_number(&s->out, (uint64_t)(e - s->entries) + 1);
		out_text(&s->out, " / part of key ");
		put_object_name(s, e->key);
		out_text(&s->out, " -> value ");
		put_object_name(s, e->value);
		out_text(&s->out, " pair in WeakMap (table @");
		out_number(&s->out, ID_OUTSIDE(map_at(s, e->map)->id));
		out_text(&s->out, ")\"");
	}
}
