/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * snapshot.h - a heap snapshot while it is written: shared by snapshot.c (objects, the
 * passes), snapshot_roots.c (nodes before the objects) and snapshot_weak.c (nodes
 * behind them).
 *
 * The passes: every edge is counted, nodes are written, edges are written. They run
 * the same code: snap_edge() counts, and writes in the last of them.
 */
#ifndef MPGC_SNAPSHOT_H
#define MPGC_SNAPSHOT_H

#include "gc/addrmap.h"
#include "gc/internal.h"
#include "gc/names.h"
#include "gc/out.h"

/* As meta.node_types and meta.edge_types count them. */
enum node_type {
	NODE_ARRAY = 1,
	NODE_STRING = 2,
	NODE_OBJECT = 3,
	NODE_NATIVE = 8,
	NODE_SYNTHETIC = 9
};
enum edge_type {
	EDGE_ELEMENT = 1, /* has an index, all others the index of a name */
	EDGE_PROPERTY = 2,
	EDGE_INTERNAL = 3,
	EDGE_SHORTCUT = 5,
	EDGE_WEAK = 6
};

/*
 * Ids: of objects, the odd numbers of ids.c; of all else, even ones, the same in every
 * snapshot of a heap. Below ID_OUTSIDE they are fixed; above, each is made from an
 * odd one that no other node has.
 */
#define ID_OUTSIDE(odd) ((odd) + 1 + (1u << 18))

#define NWORDS	  64 /* words of an object that are called "field N" when they have no name */
#define HEADS_MAX 128

struct node {
	enum node_type type;
	uint32_t name;
	uint64_t id, size;
};

/* An entry of a weak map. Sorted by key, its place is that of its edges' string. */
struct entry {
	const void *key, *value;
	size_t map; /* index in weak->maps */
};

struct snap {
	struct gc_heap *h;
	struct out out;
	bool no_memory;

	/* which objects there are, and their numbers from 0 on */
	uint64_t *bits; /* as heap->alloc_bits, of all spaces */
	uint32_t *rank; /* objects before the first of each word of bits */
	size_t words;
	uint64_t nobjects;
	uint64_t *is_text; /* by number: its text is its name */
	uint64_t *rooted;  /* by number: has its shortcut */
	size_t flag_words; /* of each of the two */

	struct names names;
	uint32_t *type_name;  /* by type: its name's index */
	uint32_t *field_base; /* by type: where its fields are in field_name */
	uint32_t *field_name;
	uint32_t word_name[NWORDS];
	char word_text[NWORDS][12];

	/* snapshot_roots.c: nodes before the objects */
	struct node head[HEADS_MAX];
	uint32_t nheads;
	uint32_t kind_edge; /* name of shortcuts to the roots that are being visited */
	bool kind_weak;	    /* they are no roots, but weak references */

	/* snapshot_weak.c: nodes behind them, each table sorted by the object's address */
	struct addr_pair *attached; /* object, its bytes outside */
	struct addr_pair *owners;   /* object, the map that lives as long */
	struct entry *entries;
	size_t nattached, nowners, nentries;
	size_t at_attached, at_owner, at_entry; /* of the object whose turn it is */
	uint64_t attached_bytes[GC_SEG_CLASSES];
	uint32_t class_name[GC_SEG_CLASSES];
	uint32_t map_name, map_edge, key_edge;

	/* the pass that is running */
	bool writing;	/* edges are written, not only counted */
	uint64_t edges; /* so far */
	uint64_t texts; /* so far */
	uint64_t nth;	/* slots so far of one object, or of one kind of root */
};

/* snapshot.c */
uint32_t snap_name(struct snap *s, const char *text);
uint32_t snap_ordinal(const struct snap *s, const void *obj);
void snap_edge(struct snap *s, enum edge_type type, uint64_t name_or_index, uint32_t to);
void snap_node(struct snap *s, const struct node *n, uint64_t edges);

/* snapshot_roots.c */
void heads_name(struct snap *s);
void head_edges(struct snap *s, uint32_t ordinal);

/* snapshot_weak.c */
bool outside_gather(struct snap *s);
void outside_free(struct snap *s);
void outside_rewind(struct snap *s);
void outside_object_edges(struct snap *s, const void *obj);
void outside_nodes(struct snap *s);
void outside_edges(struct snap *s);
void outside_strings(struct snap *s);
uint32_t outside_map(const struct snap *s, size_t i);
bool outside_map_owned(const struct snap *s, size_t i);
size_t outside_maps(const struct snap *s);

#endif /* MPGC_SNAPSHOT_H */
