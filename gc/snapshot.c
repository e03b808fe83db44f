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
 * the heap, 2 bits for each object, the names of types and fields, and what
 * snapshot_weak.c says.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gc/snapshot.h"

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
#define TYPE_BYTES 1	/* of gc_type_bytes() */

/* --- names -------------------------------------------------------------------------- */

uint32_t snap_name(struct snap *s, const char *text)
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
		s->word_name[i] = snap_name(s, s->word_text[i]);
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
		s->type_name[i] = snap_name(s, h->types[i].name);
		s->field_base[i] = n;
		for (f = 0; f < h->types[i].nfields; f++)
			s->field_name[n++] = snap_name(s, h->types[i].fields[f].name);
	}
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

uint32_t snap_ordinal(const struct snap *s, const void *obj)
{
	size_t i = bit_index(s->h, obj);
	uint64_t before = ((uint64_t)1 << (i & 63)) - 1;

	if ((uintptr_t)obj & 7 || i >= s->words * 64 || !bit_get(s->bits, i))
		gc_fatal("snapshot: %p is in a reference slot and is no object", obj);
	return s->nheads + s->rank[i >> 6] +
	       (uint32_t)__builtin_popcountll(s->bits[i >> 6] & before);
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

/* Bytes of the text that a bytes object may begin with: up to a NUL, or as many whole
 * characters as TEXT_MAX has room for. */
static size_t text_len(const struct gc_bytes *b)
{
	const char *s = (const char *)b->data;
	size_t n = strnlen(s, b->len < TEXT_MAX ? b->len : TEXT_MAX), last = n;
	uint32_t c;

	if (n < TEXT_MAX)
		return n;
	do
		last--;
	while (n - last < 4 && ((unsigned char)s[last] & 0xc0) == 0x80);
	return utf8_char(s + last, n - last, &c) ? n : last;
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
		if (!len || !printable(c))
			return false;
	}
	return n > 0;
}

/* --- edges ---------------------------------------------------------------------------- */

/* Counts an edge of the node whose turn it is, and writes it in the pass that writes. */
void snap_edge(struct snap *s, enum edge_type type, uint64_t name_or_index, uint32_t to)
{
	const uint64_t v[3] = { type, name_or_index, (uint64_t)to * NODE_FIELDS };

	if (s->writing)
		out_line(&s->out, !s->edges, v, 3);
	s->edges++;
}

/* The edge of a slot of an object that has no index: by the name of the field. */
static void field_edge(struct snap *s, const struct type_info *t, size_t off, uint32_t to)
{
	uint32_t f;

	for (f = 0; f < t->nfields; f++) {
		if (t->fields[f].offset != off)
			continue;
		snap_edge(s, EDGE_PROPERTY, s->field_name[s->field_base[t->id] + f], to);
		return;
	}
	if (off / 8 < NWORDS)
		snap_edge(s, EDGE_PROPERTY, s->word_name[off / 8], to);
	else
		snap_edge(s, EDGE_ELEMENT, off / 8, to);
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
	to = snap_ordinal(s, *slot);
	t = &s->h->types[hdr_type(*hdr_of(v->holder))];
	if (off >= gc_object_size(v->holder))
		snap_edge(s, EDGE_ELEMENT, s->nth - 1, to);
	else if (t->pub.elem && off >= 8)
		snap_edge(s, EDGE_ELEMENT, (off - 8) / t->pub.elem, to);
	else
		field_edge(s, t, off, to);
}

static void object_edges(struct snap *s, void *obj)
{
	struct gc_visitor v = { .h = s->h, .op = VISIT_CALL, .fn = object_edge, .arg = s };

	s->nth = 0;
	object_slots(s->h, obj, &v);
	outside_object_edges(s, obj);
}

/* --- the passes ------------------------------------------------------------------------ */

static void count_object(struct snap *s, void *obj, uint32_t number)
{
	object_edges(s, obj);
	if (hdr_type(*hdr_of(obj)) == TYPE_BYTES && holds_text(obj))
		bit_set(s->is_text, number);
}

static void rewind_pass(struct snap *s)
{
	s->edges = 0;
	outside_rewind(s);
}

/* The number of edges, which the file says before it has the first. */
static uint64_t count_edges(struct snap *s)
{
	uint32_t i;

	rewind_pass(s);
	for (i = 0; i < s->nheads; i++)
		head_edges(s, i);
	each_object(s, count_object);
	outside_edges(s);
	return s->edges;
}

void snap_node(struct snap *s, const struct node *n, uint64_t edges)
{
	const uint64_t v[NODE_FIELDS] = { n->type, n->name, n->id, n->size, edges };

	out_line(&s->out, n == s->head, v, NODE_FIELDS);
}

static void put_object(struct snap *s, void *obj, uint32_t number)
{
	uint64_t hdr = *hdr_of(obj), before = s->edges;
	struct node n = { .type = NODE_OBJECT, .size = hdr_cell(hdr) };
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
	snap_node(s, &n, s->edges - before);
}

static void put_nodes(struct snap *s)
{
	uint64_t before;
	uint32_t i;

	rewind_pass(s);
	for (i = 0; i < s->nheads; i++) {
		before = s->edges;
		head_edges(s, i);
		snap_node(s, &s->head[i], s->edges - before);
	}
	each_object(s, put_object);
	outside_nodes(s);
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
	rewind_pass(s);
	for (i = 0; i < s->nheads; i++)
		head_edges(s, i);
	each_object(s, put_object_edges);
	outside_edges(s);
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
	outside_strings(s);
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
	out_number(o, outside_map(s, outside_maps(s))); /* the ordinal behind the last */
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
	snap_name(s, "<dummy>"); /* in V8's files, indices in use start at 1 */
	name_words(s);
	name_types(s);
	if (!number_objects(s) || !outside_gather(s))
		return -ENOMEM;
	heads_name(s);
	if (s->no_memory)
		return -ENOMEM;
	return put_file(s);
}

static void snap_free(struct snap *s)
{
	unmap(s->bits, s->words * sizeof(*s->bits));
	unmap(s->rank, s->words * sizeof(*s->rank));
	unmap(s->is_text, s->flag_words * 8);
	unmap(s->rooted, s->flag_words * 8);
	outside_free(s);
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
