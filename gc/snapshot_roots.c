/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * snapshot_roots.c - the nodes before the objects: the root, "(GC roots)" with a node
 * for each kind of root, and memory outside the heap that belongs to no object.
 *
 * Owns their ids and ordinals.
 */
#include "gc/snapshot.h"
#include "gc/weak.h"

/* Ids; those of kinds of roots, classes and regions go on in steps of two. */
#define ID_ROOT	    1
#define ID_GC_ROOTS 2
#define ID_KINDS    4
#define ID_MAPS	    38
#define ID_EXTERNAL 40
#define ID_REGIONS  42
#define ID_CLASSES  64
#define ID_REGION   128 /* region.name is never used again, and has 16 bits */

static void visit_globals(struct gc_heap *h, struct gc_visitor *v)
{
	struct gc_global *g;

	for (g = h->globals; g; g = g->next)
		if (!g->pin)
			gc_visit(v, &g->obj);
}

static void visit_pins(struct gc_heap *h, struct gc_visitor *v)
{
	struct gc_global *g;

	for (g = h->globals; g; g = g->next)
		if (g->pin)
			gc_visit(v, &g->obj);
}

static void visit_weak_refs(struct gc_heap *h, struct gc_visitor *v)
{
	const struct vec *lists[] = { &h->weak->refs_young, &h->weak->refs_old };
	size_t i, k;

	for (k = 0; k < 2; k++)
		for (i = 0; i < lists[k]->n; i++)
			gc_visit(v, &((struct gc_weak *)lists[k]->v[i])->obj);
}

/* A new kind is a function that visits its slots, and a line here. The place in the
 * list is the id: append. */
static const struct root_kind {
	const char *name; /* of its node */
	const char *edge; /* of the root's shortcuts to its objects; weak: of its own edges */
	void (*visit)(struct gc_heap *h, struct gc_visitor *v);
	bool weak; /* keeps nothing alive */
} kinds[] = {
	{ "(Stack frames)", "stack frame", roots_visit_frames, false },
	{ "(Handles)", "handle", roots_visit_handles, false },
	{ "(Global handles)", "global handle", visit_globals, false },
	{ "(Providers)", "root provider", roots_visit_providers, false },
	{ "(Finalizer queue)", "finalizer queue", weak_roots, false },
	{ "(Pins)", "pin", visit_pins, false },
	{ "(Weak references)", "weak reference", visit_weak_refs, true },
};
#define NKINDS (sizeof(kinds) / sizeof(kinds[0]))

/* Ordinals. */
enum {
	ORD_ROOT,
	ORD_GC_ROOTS,
	ORD_KINDS,
	ORD_MAPS = ORD_KINDS + NKINDS,
	ORD_EXTERNAL,
	ORD_REGIONS,
	ORD_NATIVE /* classes of external memory, then regions */
};
_Static_assert(ORD_NATIVE + GC_SEG_CLASSES + NREGIONS <= HEADS_MAX, "room for every node");
_Static_assert(ID_KINDS + 2 * NKINDS <= ID_MAPS, "an id for every kind");

static void add(struct snap *s, enum node_type type, const char *name, uint64_t id, uint64_t size)
{
	s->head[s->nheads++] = (struct node){ type, snap_name(s, name), id, size };
}

/* What was attached to objects has nodes there; the rest of the class is here. */
static void add_native(struct snap *s)
{
	struct gc_heap *h = s->h;
	const struct region *r;
	uint64_t attached;
	unsigned i;

	for (i = 0; i < (unsigned)h->nclasses_ext; i++) {
		attached = s->attached_bytes[i];
		s->class_name[i] = snap_name(s, h->class_names[i]);
		if (h->external[i] > 0 && (uint64_t)h->external[i] > attached)
			add(s, NODE_NATIVE, h->class_names[i], ID_CLASSES + 2 * i,
			    (uint64_t)h->external[i] - attached);
	}
	for (r = h->regions; r < h->regions + NREGIONS; r++)
		if (r->len)
			add(s, NODE_NATIVE, r->label, ID_REGION + 2u * r->name, r->len);
}

/* In the order of their ordinals. */
void heads_name(struct snap *s)
{
	unsigned i;

	add(s, NODE_SYNTHETIC, "", ID_ROOT, 0);
	add(s, NODE_SYNTHETIC, "(GC roots)", ID_GC_ROOTS, 0);
	for (i = 0; i < NKINDS; i++) {
		add(s, NODE_SYNTHETIC, kinds[i].name, ID_KINDS + 2 * i, 0);
		snap_name(s, kinds[i].edge);
	}
	add(s, NODE_SYNTHETIC, "(Weak maps)", ID_MAPS, 0);
	add(s, NODE_SYNTHETIC, "(External)", ID_EXTERNAL, 0);
	add(s, NODE_SYNTHETIC, "(Regions)", ID_REGIONS, 0);
	add_native(s);
}

/* The edge of a kind's node for one of its slots. */
static void kind_edge(struct gc_visitor *v, gc_slot *slot)
{
	struct snap *s = v->arg;

	s->nth++;
	if (!*slot)
		return;
	if (s->kind_weak)
		snap_edge(s, EDGE_WEAK, s->kind_edge, snap_ordinal(s, *slot));
	else
		snap_edge(s, EDGE_ELEMENT, s->nth - 1, snap_ordinal(s, *slot));
}

/* A shortcut of the root, for an object that has none yet. */
static void root_edge(struct gc_visitor *v, gc_slot *slot)
{
	struct snap *s = v->arg;
	uint32_t to;

	if (!*slot)
		return;
	to = snap_ordinal(s, *slot);
	if (bit_get(s->rooted, to - s->nheads))
		return;
	bit_set(s->rooted, to - s->nheads);
	snap_edge(s, EDGE_SHORTCUT, s->kind_edge, to);
}

static void visit_kind(struct snap *s, unsigned kind, void (*fn)(struct gc_visitor *, gc_slot *))
{
	struct gc_visitor v = { .h = s->h, .op = VISIT_CALL, .fn = fn, .arg = s };

	s->nth = 0;
	s->kind_edge = snap_name(s, kinds[kind].edge);
	s->kind_weak = kinds[kind].weak;
	kinds[kind].visit(s->h, &v);
}

/*
 * DevTools takes what the root reaches through shortcuts for the program's own, and
 * all else for the system's: what is rooted directly must be there, and memory outside
 * the heap too.
 */
static void root_edges(struct snap *s)
{
	size_t i;

	snap_edge(s, EDGE_ELEMENT, 1, ORD_GC_ROOTS);
	snap_edge(s, EDGE_ELEMENT, 2, ORD_EXTERNAL);
	snap_edge(s, EDGE_ELEMENT, 3, ORD_REGIONS);
	for (i = ORD_NATIVE; i < s->nheads; i++)
		snap_edge(s, EDGE_SHORTCUT, s->head[i].name, (uint32_t)i);
	memset(s->rooted, 0, s->flag_words * 8);
	for (i = 0; i < NKINDS; i++)
		if (!kinds[i].weak)
			visit_kind(s, (unsigned)i, root_edge);
	for (i = 0; i < outside_maps(s); i++)
		if (!outside_map_owned(s, i))
			snap_edge(s, EDGE_SHORTCUT, s->map_edge, outside_map(s, i));
}

static void gc_roots_edges(struct snap *s)
{
	uint32_t i;

	for (i = ORD_KINDS; i <= ORD_MAPS; i++)
		snap_edge(s, EDGE_ELEMENT, i - ORD_KINDS + 1, i);
}

/* Weak maps that live until they are freed. */
static void maps_edges(struct snap *s)
{
	size_t i;

	for (i = 0; i < outside_maps(s); i++)
		if (!outside_map_owned(s, i))
			snap_edge(s, EDGE_ELEMENT, i, outside_map(s, i));
}

static void native_edges(struct snap *s, bool regions)
{
	uint32_t i;

	for (i = ORD_NATIVE; i < s->nheads; i++)
		if ((s->head[i].id >= ID_REGION) == regions)
			snap_edge(s, EDGE_PROPERTY, s->head[i].name, i);
}

void head_edges(struct snap *s, uint32_t ordinal)
{
	if (ordinal == ORD_ROOT)
		root_edges(s);
	else if (ordinal == ORD_GC_ROOTS)
		gc_roots_edges(s);
	else if (ordinal < ORD_MAPS)
		visit_kind(s, ordinal - ORD_KINDS, kind_edge);
	else if (ordinal == ORD_MAPS)
		maps_edges(s);
	else if (ordinal < ORD_NATIVE)
		native_edges(s, ordinal == ORD_REGIONS);
}
