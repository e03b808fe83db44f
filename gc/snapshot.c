/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * snapshot.c - the reachable heap as a .heapsnapshot file, the format of V8 that
 * Chrome's DevTools and memlab read.
 *
 * Owns the mapping from spaces, types and roots to nodes and edges. Must change no
 * object and no counter of the heap, but that a full collection comes first and that
 * every object gets an identity.
 *
 * The file is made of arrays of plain numbers: nodes, then edges in the order of
 * their nodes, then strings. Edges name their target by its ordinal, so every object
 * needs a number before the first edge is written. Objects are numbered by address:
 * a bit for each 8 bytes of the heap says where objects start, and a count for each
 * word of bits how many start before it. Nothing of an object is kept; the heap is
 * read three times instead (count, nodes, edges). Memory: 12 bytes for each 512 of
 * the heap, 2 bits for each object, the names of types and fields.
 *
 * Nodes before the objects: the root, "(GC roots)" with a node for each kind of root,
 * "(External)" with one for each class of external memory, "(Regions)" with one for
 * each registered region. Their ids are even, those of objects odd.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

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
enum edge_type { EDGE_ELEMENT = 1, EDGE_PROPERTY = 2, EDGE_SHORTCUT = 5 };

#define NODE_FIELDS 7
#define META                                                                                \
	"{\"snapshot\":{\"meta\":{"                                                         \
	"\"node_fields\":[\"type\",\"name\",\"id\",\"self_size\",\"edge_count\","           \
	"\"trace_node_id\",\"detachedness\"],"                                              \
	"\"node_types\":[[\"hidden\",\"array\",\"string\",\"object\",\"code\",\"closure\"," \
	"\"regexp\",\"number\",\"native\",\"synthetic\",\"concatenated string\","           \
	"\"sliced string\",\"symbol\",\"bigint\",\"object shape\"],"                        \
	"\"string\",\"number\",\"number\",\"number\",\"number\",\"number\"],"               \
	"\"edge_fields\":[\"type\",\"name_or_index\",\"to_node\"],"                         \
	"\"edge_types\":[[\"context\",\"element\",\"property\",\"internal\",\"hidden\","    \
	"\"shortcut\",\"weak\"],\"string_or_number\",\"node\"]}"

#define TEXT_MAX   256	/* bytes of a text that are its name; all in its first page */
#define NAME_CUT   1024 /* bytes of any other name, as V8 cuts them */
#define NWORDS	   64	/* words of an object that are called "field N" when they have no name */
#define TYPE_BYTES 1	/* of gc_type_bytes() */

/* Ids of what is not an object: even, and the same in every snapshot of a heap. */
#define ID_ROOT	    1
#define ID_GC_ROOTS 2
#define ID_KINDS    4
#define ID_EXTERNAL 40
#define ID_REGIONS  42
#define ID_CLASSES  64
#define ID_REGION   128 /* and 2 for each region there ever was */

/*
 * The kinds of roots. A new kind is a function that visits the slots, and a line
 * here. The order is that of ids and ordinals: append.
 */
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

static const struct root_kind {
	const char *name; /* of its node */
	const char *edge; /* of the root's shortcuts to its objects */
	void (*visit)(struct gc_heap *h, struct gc_visitor *v);
} kinds[] = {
	{ "(Stack frames)", "stack frame", roots_visit_frames },
	{ "(Handles)", "handle", roots_visit_handles },
	{ "(Global handles)", "global handle", visit_globals },
	{ "(Providers)", "root provider", roots_visit_providers },
	{ "(Finalizer queue)", "finalizer", weak_roots },
	{ "(Weak maps)", "value in a weak map", weak_values },
	{ "(Pins)", "pin", visit_pins },
};
#define NKINDS (sizeof(kinds) / sizeof(kinds[0]))

/* Ordinals of the nodes that every snapshot has. */
enum {
	ORD_ROOT,
	ORD_GC_ROOTS,
	ORD_KINDS,
	ORD_EXTERNAL = ORD_KINDS + NKINDS,
	ORD_REGIONS,
	ORD_CLASSES
};
#define NHEADS (ORD_CLASSES + GC_SEG_CLASSES + NREGIONS)

struct head { /* a node before the objects */
	unsigned type;
	uint32_t name;
	uint64_t id, size;
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
	uint32_t kind_edge[NKINDS];

	struct head head[NHEADS];
	uint32_t nheads;

	/* the pass that is running */
	bool writing;	/* edges are written, not only counted */
	uint64_t edges; /* so far */
	uint64_t texts; /* so far */
	uint64_t nth;	/* slots so far of one object, or of one kind of root */
	unsigned kind;	/* of the roots that are being visited */
};

/* --- names -------------------------------------------------------------------------- */

static uint32_t name(struct snap *s, const char *text)
{
	uint32_t i = names_index(&s->names, text);

	s->no_memory |= i == NAME_NONE;
	return i;
}

static void name_words(struct snap *s)
{
	unsigned i;

	for (i = 0; i < NWORDS; i++) {
		snprintf(s->word_text[i], sizeof(s->word_text[i]), "field %u", i);
		s->word_name[i] = name(s, s->word_text[i]);
	}
}

static void name_types(struct snap *s)
{
	const struct gc_heap *h = s->h;
	uint32_t i, f, n = 0;

	for (i = 1; i < h->ntypes; i++)
		n += h->types[i].nfields;
	s->type_name = calloc(h->ntypes, sizeof(*s->type_name));
	s->field_base = calloc(h->ntypes, sizeof(*s->field_base));
	s->field_name = calloc((size_t)n + 1, sizeof(*s->field_name));
	if (!s->type_name || !s->field_base || !s->field_name) {
		s->no_memory = true;
		return;
	}
	for (i = 1, n = 0; i < h->ntypes; i++) {
		s->type_name[i] = name(s, h->types[i].name);
		s->field_base[i] = n;
		for (f = 0; f < h->types[i].nfields; f++)
			s->field_name[n++] = name(s, h->types[i].fields[f].name);
	}
}

static void add_head(struct snap *s, unsigned type, const char *text, uint64_t id, uint64_t size)
{
	s->head[s->nheads++] = (struct head){ type, name(s, text), id, size };
}

/* The nodes before the objects, in the order of their ordinals. */
static void name_heads(struct snap *s)
{
	struct gc_heap *h = s->h;
	const struct region *r;
	unsigned i;

	add_head(s, NODE_SYNTHETIC, "", ID_ROOT, 0);
	add_head(s, NODE_SYNTHETIC, "(GC roots)", ID_GC_ROOTS, 0);
	for (i = 0; i < NKINDS; i++) {
		add_head(s, NODE_SYNTHETIC, kinds[i].name, ID_KINDS + 2 * i, 0);
		s->kind_edge[i] = name(s, kinds[i].edge);
	}
	add_head(s, NODE_SYNTHETIC, "(External)", ID_EXTERNAL, 0);
	add_head(s, NODE_SYNTHETIC, "(Regions)", ID_REGIONS, 0);
	for (i = 0; i < (unsigned)h->nclasses_ext; i++)
		if (h->external[i] > 0)
			add_head(s, NODE_NATIVE, h->class_names[i], ID_CLASSES + 2 * i,
				 (uint64_t)h->external[i]);
	for (r = h->regions; r < h->regions + NREGIONS; r++)
		if (r->len)
			add_head(s, NODE_NATIVE, r->label, ID_REGION + 2u * r->name, r->len);
}

/* --- numbers of objects --------------------------------------------------------------- */

static void *zeroed(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void unmap(void *p, size_t len)
{
	if (p)
		munmap(p, len);
}

static void note_object(void *obj, void *arg)
{
	struct snap *s = arg;

	bit_set(s->bits, bit_index(s->h, obj));
	s->nobjects++;
}

static bool number_objects(struct snap *s)
{
	uint32_t n = 0;
	size_t i;

	s->words = (s->h->commit_top - s->h->base) / 512;
	s->bits = zeroed(s->words * sizeof(*s->bits));
	s->rank = zeroed(s->words * sizeof(*s->rank));
	if (!s->bits || !s->rank)
		return false;
	heap_walk(s->h, note_object, s);
	for (i = 0; i < s->words; i++) {
		if (!s->bits[i])
			continue;
		s->rank[i] = n;
		n += (uint32_t)__builtin_popcountll(s->bits[i]);
	}
	s->flag_words = s->nobjects / 64 + 1;
	s->is_text = zeroed(s->flag_words * 8);
	s->rooted = zeroed(s->flag_words * 8);
	return s->is_text && s->rooted;
}

static uint32_t number_of(const struct snap *s, const void *obj)
{
	size_t i = bit_index(s->h, obj);
	uint64_t before = ((uint64_t)1 << (i & 63)) - 1;

	if ((uintptr_t)obj & 7 || i >= s->words * 64 || !bit_get(s->bits, i))
		gc_fatal("snapshot: %p is in a reference slot and is no object", obj);
	return s->rank[i >> 6] + (uint32_t)__builtin_popcountll(s->bits[i >> 6] & before);
}

static void each_object(struct snap *s, void (*fn)(struct snap *s, void *obj, uint32_t number))
{
	uintptr_t base = s->h->base;
	uint32_t number = 0;
	uint64_t bits;
	size_t i;

	for (i = 0; i < s->words && !s->out.err && !s->no_memory; i++)
		for (bits = s->bits[i]; bits; bits &= bits - 1)
			fn(s, (void *)(base + i * 512 + (size_t)__builtin_ctzll(bits) * 8),
			   number++);
}

/* --- texts ---------------------------------------------------------------------------- */

/* Bytes of the text that a bytes object may begin with: up to a NUL or TEXT_MAX. */
static size_t text_len(const struct gc_bytes *b)
{
	return strnlen((const char *)b->data, b->len < TEXT_MAX ? b->len : TEXT_MAX);
}

static bool printable(uint32_t c)
{
	return c >= 0x20 ? c != 0x7f : c == '\t' || c == '\n' || c == '\r';
}

static bool holds_text(const struct gc_bytes *b)
{
	size_t n = text_len(b), i, len;
	uint32_t c;

	for (i = 0; i < n; i += len) {
		len = utf8_char((const char *)b->data + i, n - i, &c);
		/* A character that the cut divides is as good as any. */
		if (!len)
			return n == TEXT_MAX && n - i < 4;
		if (!printable(c))
			return false;
	}
	return n > 0;
}

/* --- edges ---------------------------------------------------------------------------- */

/* Counts an edge of the node whose turn it is, and writes it in the pass that writes. */
static void edge(struct snap *s, enum edge_type type, uint64_t name_or_index, uint32_t to)
{
	if (s->writing) {
		out_text(&s->out, s->edges ? ",\n" : "\n");
		out_number(&s->out, type);
		out_bytes(&s->out, ",", 1);
		out_number(&s->out, name_or_index);
		out_bytes(&s->out, ",", 1);
		out_number(&s->out, (uint64_t)to * NODE_FIELDS);
	}
	s->edges++;
}

/* The edge of a slot of an object that has no index: by the name of the field. */
static void field_edge(struct snap *s, const struct type_info *t, size_t off, uint32_t to)
{
	uint32_t f;

	for (f = 0; f < t->nfields; f++) {
		if (t->fields[f].offset != off)
			continue;
		edge(s, EDGE_PROPERTY, s->field_name[s->field_base[t->id] + f], to);
		return;
	}
	if (off / 8 < NWORDS)
		edge(s, EDGE_PROPERTY, s->word_name[off / 8], to);
	else
		edge(s, EDGE_ELEMENT, off / 8, to);
}

/* A trace function may visit slots outside its object: those are counted through. */
static void object_edge(struct gc_visitor *v, gc_slot *slot)
{
	size_t off = (size_t)((uintptr_t)slot - (uintptr_t)v->holder);
	struct snap *s = v->arg;
	const struct type_info *t;
	uint32_t to;

	s->nth++;
	if (!*slot)
		return;
	if (!s->writing) {
		s->edges++;
		return;
	}
	to = s->nheads + number_of(s, *slot);
	t = &s->h->types[hdr_type(*hdr_of(v->holder))];
	if (off >= gc_object_size(v->holder))
		edge(s, EDGE_ELEMENT, s->nth - 1, to);
	else if (t->pub.elem && off >= 8)
		edge(s, EDGE_ELEMENT, (off - 8) / t->pub.elem, to);
	else
		field_edge(s, t, off, to);
}

static void object_edges(struct snap *s, void *obj)
{
	struct gc_visitor v = { .h = s->h, .op = VISIT_CALL, .fn = object_edge, .arg = s };

	s->nth = 0;
	object_slots(s->h, obj, &v);
}

static void kind_edge(struct gc_visitor *v, gc_slot *slot)
{
	struct snap *s = v->arg;

	s->nth++;
	if (*slot)
		edge(s, EDGE_ELEMENT, s->nth - 1, s->nheads + number_of(s, *slot));
}

/* A shortcut of the root, for an object that has none yet. */
static void root_edge(struct gc_visitor *v, gc_slot *slot)
{
	struct snap *s = v->arg;
	uint32_t number;

	if (!*slot)
		return;
	number = number_of(s, *slot);
	if (bit_get(s->rooted, number))
		return;
	bit_set(s->rooted, number);
	edge(s, EDGE_SHORTCUT, s->kind_edge[s->kind], s->nheads + number);
}

static void visit_kind(struct snap *s, unsigned kind, void (*fn)(struct gc_visitor *, gc_slot *))
{
	struct gc_visitor v = { .h = s->h, .op = VISIT_CALL, .fn = fn, .arg = s };

	s->nth = 0;
	s->kind = kind;
	kinds[kind].visit(s->h, &v);
}

/*
 * DevTools takes what the root reaches through shortcuts for the program's own, and
 * all else for the system's: what is rooted directly must be there, and memory outside
 * the heap too.
 */
static void root_edges(struct snap *s)
{
	uint32_t i;

	edge(s, EDGE_ELEMENT, 1, ORD_GC_ROOTS);
	edge(s, EDGE_ELEMENT, 2, ORD_EXTERNAL);
	edge(s, EDGE_ELEMENT, 3, ORD_REGIONS);
	for (i = ORD_CLASSES; i < s->nheads; i++)
		edge(s, EDGE_SHORTCUT, s->head[i].name, i);
	memset(s->rooted, 0, s->flag_words * 8);
	for (i = 0; i < NKINDS; i++)
		visit_kind(s, i, root_edge);
}

/* Memory outside the heap, of one parent: classes, or regions. */
static void native_edges(struct snap *s, bool regions)
{
	uint32_t i;

	for (i = ORD_CLASSES; i < s->nheads; i++)
		if ((s->head[i].id >= ID_REGION) == regions)
			edge(s, EDGE_PROPERTY, s->head[i].name, i);
}

static void head_edges(struct snap *s, uint32_t ordinal)
{
	uint32_t i;

	if (ordinal == ORD_ROOT)
		root_edges(s);
	else if (ordinal == ORD_GC_ROOTS)
		for (i = 0; i < NKINDS; i++)
			edge(s, EDGE_ELEMENT, i + 1, ORD_KINDS + i);
	else if (ordinal < ORD_EXTERNAL)
		visit_kind(s, ordinal - ORD_KINDS, kind_edge);
	else if (ordinal < ORD_CLASSES)
		native_edges(s, ordinal == ORD_REGIONS);
}

/* --- the passes ------------------------------------------------------------------------ */

static void count_object(struct snap *s, void *obj, uint32_t number)
{
	object_edges(s, obj);
	if (hdr_type(*hdr_of(obj)) == TYPE_BYTES && holds_text(obj))
		bit_set(s->is_text, number);
}

/* The number of edges, which the file says before it has the first. */
static uint64_t count_edges(struct snap *s)
{
	uint32_t i;

	s->edges = 0;
	for (i = 0; i < s->nheads; i++)
		head_edges(s, i);
	each_object(s, count_object);
	return s->edges;
}

static void put_node(struct snap *s, const struct head *n, uint64_t edges)
{
	struct out *o = &s->out;

	out_number(o, n->type);
	out_bytes(o, ",", 1);
	out_number(o, n->name);
	out_bytes(o, ",", 1);
	out_number(o, n->id);
	out_bytes(o, ",", 1);
	out_number(o, n->size);
	out_bytes(o, ",", 1);
	out_number(o, edges);
	out_text(o, ",0,0");
}

static void put_object(struct snap *s, void *obj, uint32_t number)
{
	uint64_t hdr = *hdr_of(obj), before = s->edges;
	struct head n = { .type = NODE_OBJECT, .size = hdr_cell(hdr) };
	const struct type_info *t = &s->h->types[hdr_type(hdr)];

	n.id = object_id(s->h, obj);
	n.name = s->type_name[t->id];
	s->no_memory |= !n.id;
	if (t->id == TYPE_BYTES)
		n.type = NODE_STRING;
	else if (t->kind == GC_REF_ARRAY)
		n.type = NODE_ARRAY;
	if (bit_get(s->is_text, number))
		n.name = s->names.n + (uint32_t)s->texts++;
	object_edges(s, obj);
	out_text(&s->out, ",\n");
	put_node(s, &n, s->edges - before);
}

static void put_nodes(struct snap *s)
{
	uint64_t before;
	uint32_t i;

	s->edges = 0;
	for (i = 0; i < s->nheads; i++) {
		before = s->edges;
		head_edges(s, i);
		out_text(&s->out, i ? ",\n" : "\n");
		put_node(s, &s->head[i], s->edges - before);
	}
	each_object(s, put_object);
}

static void put_object_edges(struct snap *s, void *obj, uint32_t number)
{
	(void)number;
	object_edges(s, obj);
}

static void put_edges(struct snap *s)
{
	uint32_t i;

	s->writing = true;
	s->edges = 0;
	for (i = 0; i < s->nheads; i++)
		head_edges(s, i);
	each_object(s, put_object_edges);
	s->writing = false;
}

static void put_text(struct snap *s, void *obj, uint32_t number)
{
	const struct gc_bytes *b = obj;

	if (!bit_get(s->is_text, number))
		return;
	out_text(&s->out, ",\n");
	out_json(&s->out, (const char *)b->data, text_len(b));
}

static void put_strings(struct snap *s)
{
	uint32_t i;

	for (i = 0; i < s->names.n; i++) {
		out_text(&s->out, i ? ",\n" : "\n");
		out_json(&s->out, s->names.v[i], strnlen(s->names.v[i], NAME_CUT));
	}
	each_object(s, put_text);
}

/* What stopped the passes, if something did: `edges` were promised. */
static int verdict(const struct snap *s, uint64_t edges)
{
	if (s->no_memory)
		return -ENOMEM;
	return !s->out.err && s->edges != edges ? -EPROTO : s->out.err;
}

/* The order of the parts is a part of the format: DevTools looks for one after the other. */
static int put_file(struct snap *s)
{
	struct out *o = &s->out;
	uint64_t edges = count_edges(s);
	int rc;

	out_text(o, META ",\"node_count\":");
	out_number(o, s->nheads + s->nobjects);
	out_text(o, ",\"edge_count\":");
	out_number(o, edges);
	out_text(o, ",\"trace_function_count\":0},\n\"nodes\":[");
	put_nodes(s);
	rc = verdict(s, edges);
	if (rc)
		return rc;
	out_text(o, "],\n\"edges\":[");
	put_edges(s);
	rc = verdict(s, edges);
	if (rc)
		return rc;
	out_text(o, "],\n\"strings\":[");
	put_strings(s);
	out_text(o, "]}\n");
	out_flush(o);
	return verdict(s, edges);
}

static int snapshot(struct snap *s)
{
	name(s, "<dummy>"); /* in V8's files, indices in use start at 1 */
	name_heads(s);
	name_words(s);
	name_types(s);
	if (!number_objects(s) || s->no_memory)
		return -ENOMEM;
	return put_file(s);
}

static void snap_free(struct snap *s)
{
	unmap(s->bits, s->words * sizeof(*s->bits));
	unmap(s->rank, s->words * sizeof(*s->rank));
	unmap(s->is_text, s->flag_words * 8);
	unmap(s->rooted, s->flag_words * 8);
	names_free(&s->names);
	free(s->type_name);
	free(s->field_base);
	free(s->field_name);
	free(s);
}

int gc_snapshot_write(struct gc_mutator *m, int fd)
{
	struct gc_heap *h = ((struct mutator *)m)->h;
	struct snap *s = calloc(1, sizeof(*s));
	uint64_t start = now_ns(), ns;
	int rc;

	if (!s)
		return -ENOMEM;
	s->h = h;
	s->out.fd = fd;
	world_stop(h, (struct mutator *)m);
	collect_locked(h, GC_FULL, GC_REASON_FORCED);
	rc = snapshot(s);
	ns = now_ns() - start;
	if (!rc)
		event(h, GC_EV_SNAPSHOT, GC_SPACE_NONE, 0, s->out.total, s->nobjects, &ns, 1);
	world_start(h);
	snap_free(s);
	return rc;
}

int gc_snapshot_save(struct gc_mutator *m, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), rc;

	if (fd < 0)
		return -errno;
	rc = gc_snapshot_write(m, fd);
	if (close(fd) && !rc)
		rc = -errno;
	if (rc)
		unlink(path);
	return rc;
}
