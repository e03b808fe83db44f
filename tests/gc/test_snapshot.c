/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_snapshot.c - the .heapsnapshot file, read by a small parser that takes every
 * rule of the format literally; errors; what a snapshot leaves as it was.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "common.h"
#include "gc/internal.h"

#define F 7 /* fields of a node */

enum { N_ARRAY = 1, N_STRING = 2, N_OBJECT = 3, N_NATIVE = 8, N_SYNTHETIC = 9 };
enum { E_ELEMENT = 1, E_PROPERTY = 2, E_INTERNAL = 3, E_SHORTCUT = 5, E_WEAK = 6 };

struct file {
	char *text;
	size_t len;
	uint64_t *nodes, *edges; /* flat, as in the file */
	size_t nnodes, nedges, nstrings;
	char **strings;
	size_t *first; /* by ordinal: its first edge */
};

/* --- the parser ------------------------------------------------------------------------ */

/* The text after `what`, which comes exactly once and not before `from`. */
static char *after(struct file *s, char *from, const char *what)
{
	char *p = strstr(from, what);

	assert_non_null(p);
	assert_ptr_equal(p, strstr(s->text, what));
	assert_null(strstr(p + 1, what));
	return p + strlen(what);
}

/* Plain unsigned decimals between commas up to the bracket. */
static uint64_t *numbers(char **at, size_t *n)
{
	size_t cap = 1024;
	uint64_t *v = malloc(cap * sizeof(*v));
	char *p = *at, *end;

	for (*n = 0;; (*n)++) {
		p += *p == '\n';
		assert_true(*p >= '0' && *p <= '9');
		assert_true(*p != '0' || p[1] < '0' || p[1] > '9');
		if (*n == cap)
			v = realloc(v, (cap *= 2) * sizeof(*v));
		assert_non_null(v);
		v[*n] = strtoull(p, &end, 10);
		p = end + 1;
		if (*end == ']')
			break;
		assert_int_equal(*end, ',');
	}
	(*n)++;
	*at = p;
	return v;
}

static unsigned unit(const char *p)
{
	char hex[5] = { p[0], p[1], p[2], p[3], 0 };

	return (unsigned)strtoul(hex, NULL, 16);
}

static size_t utf8_put(char *to, unsigned c)
{
	if (c < 0x80)
		return (size_t)sprintf(to, "%c", (char)c);
	if (c < 0x800)
		return (size_t)sprintf(to, "%c%c", 0xc0 | c >> 6, 0x80 | (c & 63));
	if (c < 0x10000)
		return (size_t)sprintf(to, "%c%c%c", 0xe0 | c >> 12, 0x80 | (c >> 6 & 63),
				       0x80 | (c & 63));
	return (size_t)sprintf(to, "%c%c%c%c", 0xf0 | c >> 18, 0x80 | (c >> 12 & 63),
			       0x80 | (c >> 6 & 63), 0x80 | (c & 63));
}

/* One JSON string, unescaped in place; *at goes behind the closing quote. */
static char *string(char **at)
{
	char *p = *at, *start = p + 1, *to = start;
	unsigned c;

	assert_int_equal(*p, '"');
	for (p++; *p != '"'; p++) {
		assert_true(*p >= 0x20 && *p < 0x7f);
		if (*p != '\\') {
			*to++ = *p;
			continue;
		}
		p++;
		if (*p != 'u') {
			assert_true(*p == '"' || *p == '\\');
			*to++ = *p;
			continue;
		}
		c = unit(p + 1);
		p += 4;
		if (c >= 0xd800 && c < 0xdc00) {
			assert_memory_equal(p + 1, "\\u", 2);
			c = 0x10000 + ((c - 0xd800) << 10) + (unit(p + 3) - 0xdc00);
			p += 6;
		}
		to += utf8_put(to, c);
	}
	*to = 0;
	*at = p + 1;
	return start;
}

static void strings(struct file *s, char *p)
{
	size_t cap = 1024;

	s->strings = malloc(cap * sizeof(char *));
	for (;; p++) {
		p += *p == '\n';
		if (s->nstrings == cap)
			s->strings = realloc(s->strings, (cap *= 2) * sizeof(char *));
		assert_non_null(s->strings);
		s->strings[s->nstrings++] = string(&p);
		if (*p == ']')
			break;
		assert_int_equal(*p, ',');
	}
	assert_string_equal(p, "]}\n");
}

static void read_all(struct file *s, int fd)
{
	size_t cap = 1 << 20;
	ssize_t n;

	s->text = malloc(cap);
	while ((n = read(fd, s->text + s->len, cap - s->len - 1)) > 0) {
		s->len += (size_t)n;
		if (s->len == cap - 1)
			s->text = realloc(s->text, cap *= 2);
	}
	assert_int_equal(n, 0);
	s->text[s->len] = 0;
}

/* What every file must fulfil: sums, targets, reachability. */
static void check(struct file *s)
{
	size_t *stack = malloc(s->nnodes * sizeof(*stack)), n = 1, seen = 1, e, i, at = 0, to;
	char *was = calloc(s->nnodes, 1);

	s->first = calloc(s->nnodes + 1, sizeof(*s->first));
	for (i = 0; i < s->nnodes; i++) {
		assert_true(s->nodes[i * F] <= N_SYNTHETIC && s->nodes[i * F + 1] < s->nstrings);
		s->first[i] = at;
		at += s->nodes[i * F + 4];
	}
	s->first[i] = at;
	assert_int_equal(at, s->nedges);
	stack[0] = 0;
	was[0] = 1;
	while (n) {
		i = stack[--n];
		for (e = s->first[i]; e < s->first[i + 1]; e++) {
			to = s->edges[e * 3 + 2];
			assert_true(to % F == 0 && to / F < s->nnodes && s->edges[e * 3] <= 6);
			if (s->edges[e * 3] != E_ELEMENT)
				assert_true(s->edges[e * 3 + 1] < s->nstrings);
			if (was[to / F] || s->edges[e * 3] == E_WEAK)
				continue;
			was[to / F] = 1;
			seen++;
			stack[n++] = to / F;
		}
	}
	assert_int_equal(seen, s->nnodes);
	free(stack);
	free(was);
}

static void parse(struct file *s, int fd)
{
	char *p;

	*s = (struct file){ 0 };
	read_all(s, fd);
	p = after(s, s->text, "{\"snapshot\":{\"meta\":{\"node_fields\":");
	assert_ptr_equal(p, strstr(p, "[\"type\",\"name\",\"id\",\"self_size\",\"edge_count\","));
	p = after(s, p, "\"node_count\":");
	s->nnodes = strtoull(p, NULL, 10);
	p = after(s, p, "\"edge_count\":");
	s->nedges = strtoull(p, NULL, 10);
	p = after(s, p, "\"nodes\":[");
	s->nodes = numbers(&p, &s->nstrings);
	assert_int_equal(s->nstrings, s->nnodes * F);
	p = after(s, p, "\"edges\":[");
	s->edges = numbers(&p, &s->nstrings);
	assert_int_equal(s->nstrings, s->nedges * 3);
	s->nstrings = 0;
	strings(s, after(s, p, "\"strings\":["));
	check(s);
}

static void file_free(struct file *s)
{
	free(s->text);
	free(s->nodes);
	free(s->edges);
	free(s->strings);
	free(s->first);
}

static void snapshot(struct fix *f, struct file *s)
{
	int fd = memfd_create("snapshot", MFD_CLOEXEC);

	assert_int_equal(gc_snapshot_write(f->m, fd), 0);
	lseek(fd, 0, SEEK_SET);
	parse(s, fd);
	close(fd);
}

/* --- questions ------------------------------------------------------------------------- */

static const char *name_of(struct file *s, size_t node)
{
	return s->strings[s->nodes[node * F + 1]];
}

static size_t count(struct file *s, unsigned type, const char *name)
{
	size_t i, n = 0;

	for (i = 0; i < s->nnodes; i++)
		n += s->nodes[i * F] == type && !strcmp(name_of(s, i), name);
	return n;
}

/* The only node of that name. */
static size_t node(struct file *s, const char *name)
{
	size_t i, found = SIZE_MAX;

	for (i = 0; i < s->nnodes; i++) {
		if (strcmp(name_of(s, i), name))
			continue;
		assert_true(found == SIZE_MAX);
		found = i;
	}
	assert_true(found != SIZE_MAX);
	return found;
}

static size_t by_id(struct file *s, uint64_t id)
{
	size_t i;

	for (i = 0; i < s->nnodes; i++)
		if (s->nodes[i * F + 2] == id)
			return i;
	return SIZE_MAX;
}

static size_t degree(struct file *s, size_t node)
{
	return s->first[node + 1] - s->first[node];
}

/* The k-th edge of a node is of this type and name; its target. */
static size_t named(struct file *s, size_t node, size_t k, unsigned type, const char *name)
{
	uint64_t *e = &s->edges[(s->first[node] + k) * 3];

	assert_true(k < degree(s, node));
	assert_int_equal(e[0], type);
	assert_string_equal(s->strings[e[1]], name);
	return e[2] / F;
}

static size_t indexed(struct file *s, size_t node, size_t k, uint64_t index)
{
	uint64_t *e = &s->edges[(s->first[node] + k) * 3];

	assert_true(k < degree(s, node));
	assert_int_equal(e[0], E_ELEMENT);
	assert_int_equal(e[1], index);
	return e[2] / F;
}

/* The targets of the root's shortcuts, each once. */
static size_t shortcuts(struct file *s, size_t node, const char *name)
{
	size_t e, n = 0;

	for (e = s->first[0]; e < s->first[1]; e++)
		if (s->edges[e * 3] == E_SHORTCUT && s->edges[e * 3 + 2] == node * F &&
		    !strcmp(s->strings[s->edges[e * 3 + 1]], name))
			n++;
	return n;
}

static uint64_t object_bytes(struct file *s)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 1; i < s->nnodes; i++)
		if (s->nodes[i * F + 2] & 1)
			sum += s->nodes[i * F + 3];
	return sum;
}

static const struct gc_type *type(struct fix *f, const char *name, uint32_t size, uint64_t bitmap,
				  const struct gc_field *fields, uint32_t n)
{
	struct gc_type_desc d = GC_TYPE_INIT(.name = name, .kind = GC_BITMAP64, .size = size,
					     .bitmap = bitmap, .fields = fields, .nfields = n);
	const struct gc_type *t;

	assert_int_equal(gc_type_register(f->heap, &d, &t), 0);
	return t;
}

/* --- tests ------------------------------------------------------------------------------- */

static void empty_heap(void **state)
{
	struct file s;
	struct fix f;
	size_t roots;

	(void)state;
	fix_open(&f, NULL);
	pair_new(&f, 1); /* dead */
	snapshot(&f, &s);
	assert_int_equal(s.nodes[0], N_SYNTHETIC);
	assert_string_equal(name_of(&s, 0), "");
	assert_int_equal(s.nodes[2], 1);
	assert_string_equal(s.strings[0], "<dummy>");
	roots = indexed(&s, 0, 0, 1);
	assert_string_equal(name_of(&s, roots), "(GC roots)");
	assert_string_equal(name_of(&s, indexed(&s, roots, 0, 1)), "(Stack frames)");
	assert_int_equal(object_bytes(&s), 0);
	assert_int_equal(s.nnodes, 4 + degree(&s, roots));
	file_free(&s);
	fix_close(&f);
}

static void provide(struct gc_visitor *v, void *arg)
{
	gc_visit(v, arg);
}

/* Each kind of root has its node, and its objects their shortcuts, once. */
static void roots(void **state)
{
	struct pair *frame = NULL, *none = NULL, *twice = NULL, *provided;
	struct gc_global *g;
	struct gc_pin *pin;
	struct gc_scope sc;
	struct file s;
	struct fix f;
	gc_handle h;

	(void)state;
	fix_open(&f, NULL);
	gc_scope_open(f.m, &sc);
	{
		GC_FRAME(f.m, frame, none, twice);
		frame = twice = pair_new(&f, 1);
		gc_write(f.m, frame, &frame->b, pair_new(&f, 2));
		h = gc_handle_new(f.m, pair_new(&f, 3));
		g = gc_global_new(f.m, pair_new(&f, 4));
		provided = pair_new(&f, 5);
		assert_int_equal(gc_add_root_provider(f.heap, provide, &provided), 0);
		pin = gc_pin(f.m, pair_new(&f, 6));
		assert_non_null(pin);
		snapshot(&f, &s);
		assert_int_equal(count(&s, N_OBJECT, "pair"), 6);
		assert_int_equal(degree(&s, node(&s, "(Global handles)")), 1);
		assert_int_equal(degree(&s, node(&s, "(Pins)")), 1);
		assert_int_equal(indexed(&s, node(&s, "(Pins)"), 0, 0),
				 by_id(&s, gc_id(f.m, gc_pin_get(pin))));
		assert_int_equal(shortcuts(&s, by_id(&s, gc_id(f.m, gc_pin_get(pin))), "pin"), 1);
		assert_int_equal(degree(&s, node(&s, "(Stack frames)")), 2);
		assert_int_equal(indexed(&s, node(&s, "(Stack frames)"), 0, 0),
				 by_id(&s, gc_id(f.m, frame)));
		assert_int_equal(indexed(&s, node(&s, "(Stack frames)"), 1, 2),
				 by_id(&s, gc_id(f.m, twice)));
		assert_int_equal(indexed(&s, node(&s, "(Handles)"), 0, 0),
				 by_id(&s, gc_id(f.m, *h)));
		assert_int_equal(indexed(&s, node(&s, "(Global handles)"), 0, 0),
				 by_id(&s, gc_id(f.m, gc_global_get(g))));
		assert_int_equal(indexed(&s, node(&s, "(Providers)"), 0, 0),
				 by_id(&s, gc_id(f.m, provided)));
		assert_int_equal(shortcuts(&s, by_id(&s, gc_id(f.m, frame)), "stack frame"), 1);
		assert_int_equal(shortcuts(&s, by_id(&s, gc_id(f.m, *h)), "handle"), 1);
		assert_int_equal(
			shortcuts(&s, by_id(&s, gc_id(f.m, gc_global_get(g))), "global handle"), 1);
		assert_int_equal(shortcuts(&s, by_id(&s, gc_id(f.m, provided)), "root provider"),
				 1);
		assert_int_equal(degree(&s, 0), 3 + 5);
		file_free(&s);
	}
	gc_scope_close(f.m, &sc);
	gc_global_free(f.m, g);
	gc_unpin(f.m, pin);
	fix_close(&f);
}

/* Young, old and large objects, and the heap's own figure. */
static void counts_and_sums(void **state)
{
	struct gc_refs *all = NULL, *big = NULL;
	struct pair *list = NULL;
	struct gc_stats before, st;
	struct file s;
	struct fix f;
	size_t i, n;

	(void)state;
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, all, list, big);
		all = gc_alloc_array(f.m, f.refs, 100);
		big = gc_alloc_array(f.m, f.refs, 10000);
		gc_write(f.m, big, &big->ref[9999], all);
		for (i = 0; i < 20000; i++) {
			struct pair *p = pair_new(&f, i);

			gc_write(f.m, p, &p->a, i % 3 ? list : NULL);
			gc_write(f.m, p, &p->b, i % 200 ? NULL : all);
			list = p;
			if (i % 200 == 0)
				gc_write(f.m, all, &all->ref[i / 200], p);
		}
		assert_int_equal(gc_collect(f.m, GC_FULL, GC_REASON_TESTING), 0);
		before = stats(&f);
		snapshot(&f, &s);
		st = stats(&f);
		assert_int_equal(st.heap_used, before.heap_used);
		assert_int_equal(st.old_limit, before.old_limit);
		assert_int_equal(st.heap_total, before.heap_total);
		assert_int_equal(st.external, before.external);
		assert_int_equal(st.mapped, before.mapped);
		assert_int_equal(st.objects_large, before.objects_large);
		n = count(&s, N_OBJECT, "pair");
		assert_true(n >= 100 && n < 20000);
		assert_int_equal(count(&s, N_ARRAY, "refs"), 2);
		assert_int_equal(object_bytes(&s), n * 32 + 816 + 80016);
		assert_int_equal(object_bytes(&s), st.heap_used);
		assert_int_equal(indexed(&s, by_id(&s, gc_id(f.m, big)), 0, 9999),
				 by_id(&s, gc_id(f.m, all)));
		for (i = 0; i < 100; i++)
			assert_int_equal(indexed(&s, by_id(&s, gc_id(f.m, all)), i, i),
					 by_id(&s, gc_id(f.m, all->ref[i])));
		file_free(&s);
	}
	fix_close(&f);
}

/* A dead old object keeps a young one through minor collections: neither may be seen. */
static void dead_are_not_in_it(void **state)
{
	struct pair *a = NULL, *old = NULL;
	struct file s;
	struct fix f;
	int i;

	(void)state;
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, a, old);
		a = pair_new(&f, 1);
		old = pair_new(&f, 2);
		for (i = 0; i < 3; i++)
			gc_collect(f.m, GC_MINOR, GC_REASON_TESTING);
		gc_write(f.m, old, &old->a, pair_new(&f, 3));
		old = NULL;
		snapshot(&f, &s);
		assert_int_equal(count(&s, N_OBJECT, "pair"), 1);
		file_free(&s);
	}
	fix_close(&f);
}

static void see(void *obj, void *arg)
{
	struct pair *p = obj;

	((int *)arg)[p->value]++;
}

/* heap_walk() with something in every space, each object once, before any collection. */
static void walk(void **state)
{
	struct pair *p[5] = { NULL };
	struct gc_pin *pin;
	int seen[6] = { 0 }, i;
	struct fix f;

	(void)state;
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, p[0], p[1], p[2], p[3], p[4]);
		p[0] = pair_new(&f, 0);
		for (i = 0; i < 3; i++)
			gc_collect(f.m, GC_MINOR, GC_REASON_TESTING); /* old */
		p[1] = gc_alloc(f.m, type(&f, "large", KIB(64), 0, NULL, 0));
		p[1]->value = 1;
		p[2] = pair_new(&f, 2);
		pin = gc_pin(f.m, p[2]);
		p[3] = pair_new(&f, 3);
		gc_collect(f.m, GC_MINOR, GC_REASON_TESTING); /* has survived one */
		p[4] = pair_new(&f, 4);
		pair_new(&f, 5); /* dead, and found all the same */
		world_stop(f.heap, (struct mutator *)f.m);
		tlabs_retire(f.heap);
		heap_walk(f.heap, see, seen);
		world_start(f.heap);
		for (i = 0; i < 6; i++)
			assert_int_equal(seen[i], 1);
	}
	gc_unpin(f.m, pin);
	fix_close(&f);
}

static void ids_stay(void **state)
{
	struct pair *a = NULL, *b = NULL;
	struct file one, two;
	uint64_t id;
	struct fix f;
	void *was;
	size_t i;

	(void)state;
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, a, b);
		for (i = 0; i < 1000; i++) {
			b = pair_new(&f, i);
			gc_write(f.m, b, &b->a, a);
			a = b;
		}
		b = NULL;
		snapshot(&f, &one);
		was = a;
		for (i = 0; a == was && i < 3; i++)
			gc_collect(f.m, GC_MINOR, GC_REASON_TESTING);
		b = pair_new(&f, 1);
		gc_write(f.m, b, &b->a, a);
		id = gc_id(f.m, a);
		snapshot(&f, &two);
		assert_true(by_id(&one, id) != SIZE_MAX && by_id(&two, id) != SIZE_MAX);
		/* every object of the first is in the second, which has one more */
		for (i = 0; i < one.nnodes; i++)
			assert_true(by_id(&two, one.nodes[i * F + 2]) != SIZE_MAX);
		assert_int_equal(two.nnodes, one.nnodes + 1);
		assert_true(by_id(&one, gc_id(f.m, b)) == SIZE_MAX);
		for (i = 1; i < two.nnodes; i++)
			assert_int_equal(by_id(&two, two.nodes[i * F + 2]), i);
		file_free(&one);
		file_free(&two);
	}
	fix_close(&f);
}

struct custom {
	uint64_t n;
	void *slot[4];
	void **outside;
};

static void trace_custom(void *obj, size_t size, struct gc_visitor *v)
{
	struct custom *c = obj;
	uint64_t i;

	(void)size;
	for (i = 0; i < c->n; i++)
		gc_visit(v, &c->slot[i]);
	if (c->outside)
		gc_visit(v, c->outside);
}

static void edge_names(void **state)
{
	const struct gc_field fields[] = { { "first", 0 }, { "last", 80 * 8 } };
	const struct gc_field cfields[] = { { "head", 8 }, { "outside", 40 } };
	struct gc_type_desc d = GC_TYPE_INIT(.name = "custom", .kind = GC_CUSTOM,
					     .size = sizeof(struct custom), .trace = trace_custom,
					     .fields = cfields, .nfields = 2);
	const struct gc_type *wide, *custom;
	void *outside = NULL, **w = NULL;
	struct custom *c = NULL;
	struct pair *p = NULL;
	struct file s;
	struct fix f;
	size_t at;

	(void)state;
	fix_open(&f, NULL);
	wide = type(&f, "wide", 81 * 8, 1 | 1ull << 1 | 1ull << 63, fields, 2);
	assert_int_equal(gc_type_register(f.heap, &d, &custom), 0);
	{
		GC_FRAME(f.m, w, c, p);
		p = pair_new(&f, 1);
		w = gc_alloc(f.m, wide);
		w[0] = w[1] = w[63] = p;
		c = gc_alloc(f.m, custom);
		c->n = 3;
		c->outside = &outside;
		gc_write(f.m, c, &c->slot[0], p);
		gc_write(f.m, c, &c->slot[2], p);
		outside = p; /* p is in a frame, and both are dropped together */
		snapshot(&f, &s);
		outside = NULL;
		at = node(&s, "wide");
		assert_int_equal(degree(&s, at), 3);
		assert_int_equal(named(&s, at, 0, E_PROPERTY, "first"), node(&s, "pair"));
		named(&s, at, 1, E_PROPERTY, "field 1");
		named(&s, at, 2, E_PROPERTY, "field 63");
		at = node(&s, "custom");
		assert_int_equal(degree(&s, at), 3);
		named(&s, at, 0, E_PROPERTY, "head");
		named(&s, at, 1, E_PROPERTY, "field 3");
		indexed(&s, at, 2, 3); /* the fourth slot it visits */
		file_free(&s);
	}
	fix_close(&f);
}

/* Names of any bytes make a valid file; equal names are one string. */
static void strange_names(void **state)
{
	static const char *const in[] = { "a \"quoted\" \\ name", "line\nand\x01tab\t",
					  "caf\xc3\xa9 \xf0\x9f\x98\x80", "bad \xff\xc3(" };
	static const char *const out[] = { "a \"quoted\" \\ name", "line\nand\x01tab\t",
					   "caf\xc3\xa9 \xf0\x9f\x98\x80",
					   "bad \xef\xbf\xbd\xef\xbf\xbd(" };
	char longer[3000], cut[1025];
	void *keep[6] = { 0 };
	struct file s;
	struct fix f;
	size_t i;

	(void)state;
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = 0;
	memset(cut, 'x', 1024);
	cut[1024] = 0;
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, keep[0], keep[1], keep[2], keep[3], keep[4], keep[5]);
		for (i = 0; i < 4; i++)
			keep[i] = gc_alloc(f.m, type(&f, in[i], 16, 0, NULL, 0));
		keep[4] = gc_alloc(f.m, type(&f, "pair", 16, 0, NULL, 0));
		keep[5] = gc_alloc(f.m, type(&f, longer, 16, 0, NULL, 0));
		pair_new(&f, 1);
		snapshot(&f, &s);
		for (i = 0; i < 4; i++)
			assert_int_equal(count(&s, N_OBJECT, out[i]), 1);
		assert_int_equal(count(&s, N_OBJECT, cut), 1);
		for (i = 1; i < s.nstrings; i++)
			assert_true(strcmp(s.strings[i], s.strings[0]));
		assert_int_equal(s.nodes[node(&s, "pair") * F], N_OBJECT);
		file_free(&s);
	}
	fix_close(&f);
}

static void same_name_same_string(void **state)
{
	void *a = NULL, *b = NULL;
	struct file s;
	struct fix f;
	size_t i, j, n = 0;
	char name[16];

	(void)state;
	fix_open(&f, NULL);
	/* enough for the table of names to grow */
	for (i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "type %zu", i % 1000);
		type(&f, name, 16, 0, NULL, 0);
	}
	{
		GC_FRAME(f.m, a, b);
		a = gc_alloc(f.m, type(&f, "twin", 16, 0, NULL, 0));
		b = gc_alloc(f.m, type(&f, "twin", 24, 0, NULL, 0));
		snapshot(&f, &s);
		assert_int_equal(count(&s, N_OBJECT, "twin"), 2);
		for (i = 0; i < s.nstrings; i++)
			for (n += !strcmp(s.strings[i], "twin"), j = 0; j < i; j++)
				assert_true(strcmp(s.strings[i], s.strings[j]));
		assert_int_equal(n, 1);
		file_free(&s);
	}
	fix_close(&f);
}

static struct gc_bytes *bytes(struct fix *f, const void *data, size_t n)
{
	struct gc_bytes *b = gc_alloc_array(f->m, f->bytes, n);

	assert_non_null(b);
	if (data)
		memcpy(b->data, data, n);
	return b;
}

/* A bytes object that begins with text is named by it. */
static void texts(void **state)
{
	char cut[257], umlauts[600];
	struct gc_refs *r = NULL;
	struct file s;
	struct fix f;
	size_t i;

	(void)state;
	memset(cut, 'y', 256);
	cut[256] = 0;
	for (i = 0; i < sizeof(umlauts); i++)
		umlauts[i] = i % 2 ? (char)0xc3 : (char)0xa4;
	umlauts[0] = 'x';
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, r);
		r = gc_alloc_array(f.m, f.refs, 9);
		gc_write(f.m, r, &r->ref[0], bytes(&f, "hello", 5));
		gc_write(f.m, r, &r->ref[1], bytes(&f, "with NUL\0\0\0", 11));
		gc_write(f.m, r, &r->ref[2], bytes(&f, "\x01\x02", 2));
		gc_write(f.m, r, &r->ref[3], bytes(&f, "", 0));
		gc_write(f.m, r, &r->ref[4], bytes(&f, NULL, 300));
		memset(((struct gc_bytes *)r->ref[4])->data, 'y', 300);
		gc_write(f.m, r, &r->ref[5], bytes(&f, NULL, MIB(1)));
		gc_write(f.m, r, &r->ref[6], bytes(&f, umlauts, 600)); /* the cut divides one */
		gc_write(f.m, r, &r->ref[7], bytes(&f, "tab\t\xff", 5));
		gc_write(f.m, r, &r->ref[8], bytes(&f, "hello", 5));
		snapshot(&f, &s);
		assert_int_equal(count(&s, N_STRING, "hello"), 2);
		assert_int_equal(count(&s, N_STRING, "with NUL"), 1);
		assert_int_equal(count(&s, N_STRING, cut), 1);
		assert_int_equal(count(&s, N_STRING, "bytes"), 4);
		assert_int_equal(s.nodes[by_id(&s, gc_id(f.m, r->ref[5])) * F + 3], MIB(1) + 16);
		umlauts[255] = 0;
		assert_string_equal(name_of(&s, by_id(&s, gc_id(f.m, r->ref[6]))), umlauts);
		/* nothing of the large one but its first page was touched */
		assert_true(resident(r->ref[5], MIB(1)) <= 1);
		file_free(&s);
	}
	fix_close(&f);
}

static void outside_memory(void **state)
{
	struct file one, two;
	size_t ext, reg;
	struct fix f;
	int cls, id;

	(void)state;
	fix_open(&f, NULL);
	cls = gc_external_class(f.heap, "images");
	gc_external_class(f.heap, "unused");
	gc_external_adjust(f.heap, GC_CLASS_ARRAY_BUFFERS, 5000);
	gc_external_adjust(f.heap, cls, 700);
	gc_region_register(f.heap, "first", f.heap, 100);
	id = gc_region_register(f.heap, "code", f.heap, 4096);
	snapshot(&f, &one);
	ext = node(&one, "(External)");
	assert_int_equal(degree(&one, ext), 2);
	assert_int_equal(named(&one, ext, 0, E_PROPERTY, "arrayBuffers"),
			 node(&one, "arrayBuffers"));
	assert_int_equal(one.nodes[node(&one, "arrayBuffers") * F], N_NATIVE);
	assert_int_equal(one.nodes[node(&one, "arrayBuffers") * F + 3], 5000);
	assert_int_equal(one.nodes[node(&one, "images") * F + 3], 700);
	reg = node(&one, "(Regions)");
	assert_int_equal(degree(&one, reg), 2);
	assert_int_equal(one.nodes[named(&one, reg, 1, E_PROPERTY, "code") * F + 3], 4096);
	assert_int_equal(shortcuts(&one, node(&one, "code"), "code"), 1);
	assert_int_equal(shortcuts(&one, node(&one, "images"), "images"), 1);
	/* the same id while it is the same thing, another for another */
	gc_region_unregister(f.heap, id);
	gc_region_register(f.heap, "data", f.heap, 4096);
	snapshot(&f, &two);
	assert_true(by_id(&two, one.nodes[node(&one, "code") * F + 2]) == SIZE_MAX);
	assert_int_equal(by_id(&two, one.nodes[node(&one, "first") * F + 2]), node(&two, "first"));
	assert_int_equal(by_id(&two, one.nodes[node(&one, "images") * F + 2]),
			 node(&two, "images"));
	file_free(&one);
	file_free(&two);
	fix_close(&f);
}

/* The edge of this name that starts at a node; its target. */
static size_t edge_to(struct file *s, size_t node, unsigned type, const char *name)
{
	size_t e, found = SIZE_MAX;

	for (e = s->first[node]; e < s->first[node + 1]; e++) {
		if (s->edges[e * 3] != type || strcmp(s->strings[s->edges[e * 3 + 1]], name))
			continue;
		assert_true(found == SIZE_MAX);
		found = s->edges[e * 3 + 2] / F;
	}
	assert_true(found != SIZE_MAX);
	return found;
}

/* Both edges of an entry have one name, whatever its number in the map. */
static void check_entry(struct file *s, struct fix *f, size_t map, void *key, void *value)
{
	size_t from = by_id(s, gc_id(f->m, key)), to = by_id(s, gc_id(f->m, value)), e;
	char want[200], *name = NULL;
	unsigned found = 0;

	snprintf(want, sizeof(want),
		 " / part of key (pair @%llu) -> value (pair @%llu) pair in WeakMap (table @%llu)",
		 (unsigned long long)gc_id(f->m, key), (unsigned long long)gc_id(f->m, value),
		 (unsigned long long)s->nodes[map * F + 2]);
	for (e = s->first[map]; e < s->first[map + 1]; e++) {
		name = s->strings[s->edges[e * 3 + 1]];
		if (s->edges[e * 3] != E_INTERNAL || strcmp(name + strcspn(name, " "), want))
			continue;
		found++;
		assert_true(strspn(name, "0123456789") > 0);
		assert_int_equal(s->edges[e * 3 + 2] / F, to);
		assert_int_equal(edge_to(s, from, E_INTERNAL, name), to);
	}
	assert_int_equal(found, 1);
}

static size_t weak_edges(struct file *s, size_t node)
{
	size_t e, n = 0;

	for (e = s->first[node]; e < s->first[node + 1]; e++)
		n += s->edges[e * 3] == E_WEAK;
	return n;
}

static void weak_maps(void **state)
{
	struct gc_refs *r = NULL;
	struct gc_weakmap *own, *owned;
	size_t at, list;
	struct file s, again;
	struct fix f;
	int i;

	(void)state;
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, r);
		r = gc_alloc_array(f.m, f.refs, 51);
		gc_write(f.m, r, &r->ref[50], bytes(&f, "a text", 6));
		for (i = 0; i < 50; i++)
			gc_write(f.m, r, &r->ref[i], pair_new(&f, (uint64_t)i));
		own = gc_weakmap_new(f.m, NULL);
		owned = gc_weakmap_new(f.m, r->ref[49]);
		for (i = 0; i < 40; i++)
			gc_weakmap_set(f.m, own, r->ref[i], pair_new(&f, 100));
		gc_weakmap_set(f.m, owned, r->ref[7], r->ref[8]);
		gc_weakmap_set(f.m, owned, r->ref[9], NULL);
		gc_weakmap_set(f.m, owned, pair_new(&f, 5), pair_new(&f, 6)); /* dead */
		snapshot(&f, &s);
		assert_int_equal(count(&s, N_OBJECT, "pair"), 90);
		assert_int_equal(count(&s, N_NATIVE, "WeakMap"), 2);
		list = node(&s, "(Weak maps)");
		assert_int_equal(degree(&s, list), 1);
		at = indexed(&s, list, 0, 0);
		assert_int_equal(shortcuts(&s, at, "weak map"), 1);
		assert_int_equal(degree(&s, at), 80);
		assert_int_equal(weak_edges(&s, at), 40);
		assert_true(s.nodes[at * F + 3] >= 40 * 16);
		for (i = 0; i < 40; i++)
			check_entry(&s, &f, at, r->ref[i],
				    gc_weakmap_get(f.m, own, r->ref[i], NULL));
		at = edge_to(&s, by_id(&s, gc_id(f.m, r->ref[49])), E_INTERNAL, "weak map");
		assert_int_equal(degree(&s, at), 3);
		assert_int_equal(shortcuts(&s, at, "weak map"), 0);
		assert_int_equal(weak_edges(&s, at), 2);
		check_entry(&s, &f, at, r->ref[7], r->ref[8]);
		/* maps keep their ids too */
		gc_weakmap_free(f.m, own);
		snapshot(&f, &again);
		assert_int_equal(count(&again, N_NATIVE, "WeakMap"), 1);
		assert_int_equal(again.nodes[node(&again, "WeakMap") * F + 2], s.nodes[at * F + 2]);
		assert_int_equal(s.nodes[at * F + 2] % 2, 0);
		file_free(&again);
		file_free(&s);
	}
	fix_close(&f);
}

static void weak_references(void **state)
{
	struct pair *a = NULL;
	struct gc_weak *alive, *dead;
	struct file s;
	struct fix f;

	(void)state;
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, a);
		a = pair_new(&f, 1);
		gc_write(f.m, a, &a->a, pair_new(&f, 4));
		alive = gc_weak_new(f.m, a->a);
		dead = gc_weak_new(f.m, pair_new(&f, 2));
		gc_finalizer_add(f.m, pair_new(&f, 3), NULL);
		snapshot(&f, &s);
		assert_int_equal(count(&s, N_OBJECT, "pair"), 3);
		assert_int_equal(degree(&s, node(&s, "(Weak references)")), 1);
		assert_int_equal(
			edge_to(&s, node(&s, "(Weak references)"), E_WEAK, "weak reference"),
			by_id(&s, gc_id(f.m, a->a)));
		assert_int_equal(shortcuts(&s, by_id(&s, gc_id(f.m, a->a)), "weak reference"), 0);
		/* dead but for its finalizer */
		assert_int_equal(degree(&s, node(&s, "(Finalizer queue)")), 1);
		assert_int_equal(((struct pair *)gc_finalizer_next(f.m, NULL))->value, 3);
		assert_null(gc_weak_get(f.m, dead));
		gc_weak_free(f.m, alive);
		gc_weak_free(f.m, dead);
		file_free(&s);
	}
	fix_close(&f);
}

/* Memory attached to an object is a node there, and no longer in its class's. */
static void attached_memory(void **state)
{
	struct pair *a = NULL, *b = NULL;
	struct file one, two;
	size_t at, other, i;
	struct fix f;
	int cls;

	(void)state;
	fix_open(&f, NULL);
	cls = gc_external_class(f.heap, "images");
	gc_external_adjust(f.heap, GC_CLASS_ARRAY_BUFFERS, 100);
	{
		GC_FRAME(f.m, a, b);
		a = pair_new(&f, 1);
		b = pair_new(&f, 2);
		gc_external_attach(f.m, b, cls, 3000);
		gc_external_attach(f.m, a, GC_CLASS_ARRAY_BUFFERS, 70);
		snapshot(&f, &one);
		at = edge_to(&one, by_id(&one, gc_id(f.m, b)), E_INTERNAL, "images");
		assert_int_equal(at, node(&one, "images"));
		assert_int_equal(one.nodes[at * F], N_NATIVE);
		assert_int_equal(one.nodes[at * F + 3], 3000);
		other = edge_to(&one, by_id(&one, gc_id(f.m, a)), E_INTERNAL, "arrayBuffers");
		assert_int_equal(one.nodes[other * F + 3], 70);
		assert_int_equal(count(&one, N_NATIVE, "arrayBuffers"), 2);
		assert_int_equal(degree(&one, node(&one, "(External)")), 1);
		assert_int_equal(one.nodes[named(&one, node(&one, "(External)"), 0, E_PROPERTY,
						 "arrayBuffers") *
						   F +
					   3],
				 100);
		a = NULL;
		snapshot(&f, &two);
		assert_int_equal(two.nodes[node(&two, "images") * F + 2], one.nodes[at * F + 2]);
		assert_int_equal(count(&two, N_NATIVE, "arrayBuffers"), 1);
		for (i = 1; i < one.nnodes; i++)
			assert_int_equal(by_id(&one, one.nodes[i * F + 2]), i);
		file_free(&one);
		file_free(&two);
	}
	fix_close(&f);
}

/* --- errors -------------------------------------------------------------------------------- */

static void fill(struct fix *f, struct gc_refs **r, size_t n)
{
	size_t i;

	*r = gc_alloc_array(f->m, f->refs, n);
	for (i = 0; i < n; i++)
		gc_write(f->m, *r, &(*r)->ref[i], pair_new(f, i));
}

static void errors(void **state)
{
	struct gc_refs *r = NULL;
	struct fix f;
	int fd, p[2];

	(void)state;
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, r);
		fill(&f, &r, 20000); /* more than the buffer holds */
		assert_int_equal(gc_snapshot_write(f.m, -1), -EBADF);
		fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
		assert_int_equal(gc_snapshot_write(f.m, fd), -ENOSPC);
		close(fd);
		assert_int_equal(pipe2(p, O_CLOEXEC), 0);
		close(p[0]);
		signal(SIGPIPE, SIG_IGN);
		assert_int_equal(gc_snapshot_write(f.m, p[1]), -EPIPE);
		close(p[1]);
		assert_int_equal(gc_snapshot_save(f.m, "/nowhere/x"), -ENOENT);
	}
	fix_close(&f);
}

/* Only a whole file stays, and no file is written over. */
static void saving(void **state)
{
	char dir[] = "/tmp/test_snapshot.XXXXXX", path[64];
	struct rlimit lim, small;
	struct gc_refs *r = NULL;
	struct stat st;
	struct file s;
	struct fix f;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/x.heapsnapshot", dir);
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, r);
		fill(&f, &r, 20000);
		signal(SIGXFSZ, SIG_IGN);
		getrlimit(RLIMIT_FSIZE, &lim);
		small = (struct rlimit){ 100000, lim.rlim_max };
		setrlimit(RLIMIT_FSIZE, &small);
		assert_int_equal(gc_snapshot_save(f.m, path), -EFBIG);
		setrlimit(RLIMIT_FSIZE, &lim);
		assert_int_equal(access(path, F_OK), -1);
		umask(0);
		assert_int_equal(gc_snapshot_save(f.m, path), 0);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
		assert_int_equal(gc_snapshot_save(f.m, path), -EEXIST);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		parse(&s, fd);
		assert_int_equal(count(&s, N_OBJECT, "pair"), 20000);
		close(fd);
		file_free(&s);
	}
	unlink(path);
	rmdir(dir);
	fix_close(&f);
}

static void *drain(void *arg)
{
	struct pollfd p = { .fd = *(int *)arg, .events = POLLIN };
	int to = memfd_create("copy", MFD_CLOEXEC);
	char buf[700];
	ssize_t n;

	/* small reads, so that writes are short and would block */
	while (poll(&p, 1, -1) == 1 && (n = read(p.fd, buf, sizeof(buf))) > 0)
		if (write(to, buf, (size_t)n) != n)
			break;
	*(int *)arg = to;
	return NULL;
}

static void short_writes(void **state)
{
	struct gc_refs *r = NULL;
	pthread_t reader;
	struct file s;
	struct fix f;
	int p[2], fd;

	(void)state;
	fix_open(&f, NULL);
	assert_int_equal(pipe2(p, O_CLOEXEC | O_NONBLOCK), 0);
	assert_true(fcntl(p[1], F_SETPIPE_SZ, 4096) > 0);
	fd = p[0];
	assert_int_equal(pthread_create(&reader, NULL, drain, &fd), 0);
	{
		GC_FRAME(f.m, r);
		fill(&f, &r, 5000);
		assert_int_equal(gc_snapshot_write(f.m, p[1]), 0);
	}
	close(p[1]);
	pthread_join(reader, NULL);
	close(p[0]);
	lseek(fd, 0, SEEK_SET);
	parse(&s, fd);
	assert_int_equal(count(&s, N_OBJECT, "pair"), 5000);
	file_free(&s);
	close(fd);
	fix_close(&f);
}

/*
 * A provider that visits its slot in every third call only. A snapshot calls it twice
 * in each of its three passes, so that one of the passes finds another number of edges.
 */
static void fickle(struct gc_visitor *v, void *arg)
{
	static unsigned calls;

	if (calls++ % 3 == 0)
		gc_visit(v, arg);
}

static void other_slots_each_time(void **state)
{
	struct pair *p = NULL;
	void *same = NULL;
	struct fix f;
	int id, fd, i;

	(void)state;
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, p);
		p = pair_new(&f, 1);
		/* in the frame too, so that it lives; it must not move between calls */
		gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
		gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
		same = p;
		id = gc_add_root_provider(f.heap, fickle, &same);
		fd = memfd_create("x", MFD_CLOEXEC);
		for (i = 0; i < 4; i++)
			assert_int_equal(gc_snapshot_write(f.m, fd), -EPROTO);
		close(fd);
		gc_remove_root_provider(f.heap, id);
	}
	fix_close(&f);
}

/* --- with other threads -------------------------------------------------------------------- */

struct worker {
	struct fix *f;
	int rounds, stop; /* atomic */
};

/* Makes and drops lists of 1000 pairs; at any safepoint it has one or a part of one. */
static void *make_lists(void *arg)
{
	struct worker *w = arg;
	struct pair *list = NULL, *p;
	struct gc_mutator *m;
	int i;

	if (gc_mutator_attach(w->f->heap, &m))
		return NULL;
	{
		GC_FRAME(m, list);
		while (!__atomic_load_n(&w->stop, __ATOMIC_RELAXED)) {
			for (list = NULL, i = 0; i < 1000; i++) {
				p = gc_alloc(m, w->f->pair);
				p->a = list;
				list = p;
			}
			__atomic_fetch_add(&w->rounds, 1, __ATOMIC_RELAXED);
		}
	}
	gc_mutator_detach(m);
	return NULL;
}

static void beside_other_threads(void **state)
{
	struct worker w = { 0 };
	struct pair *mine = NULL;
	pthread_t thread;
	struct file s;
	struct fix f;
	int i, round;

	(void)state;
	fix_open(&f, NULL);
	w.f = &f;
	{
		GC_FRAME(f.m, mine);
		mine = pair_new(&f, 1);
		assert_int_equal(pthread_create(&thread, NULL, make_lists, &w), 0);
		for (i = 0; i < 5; i++) {
			round = __atomic_load_n(&w.rounds, __ATOMIC_RELAXED);
			gc_blocking_begin(f.m);
			WAIT_FOR(__atomic_load_n(&w.rounds, __ATOMIC_RELAXED) > round);
			gc_blocking_end(f.m);
			snapshot(&f, &s);
			assert_in_range(count(&s, N_OBJECT, "pair"), 1, 1001);
			assert_in_range(degree(&s, node(&s, "(Stack frames)")), 1, 2);
			assert_true(by_id(&s, gc_id(f.m, mine)) != SIZE_MAX);
			file_free(&s);
		}
		__atomic_store_n(&w.stop, 1, __ATOMIC_RELAXED);
		gc_blocking_begin(f.m);
		pthread_join(thread, NULL);
		gc_blocking_end(f.m);
	}
	fix_close(&f);
}

/* --- what it says -------------------------------------------------------------------------- */

/* Calls fn with every event of every ring. */
static void each_event(struct fix *f, void (*fn)(const struct gc_event *ev, void *arg), void *arg)
{
	int fd = stats(f).events_fd, n, i;
	struct gc_record rec[64];
	struct gc_ring_reader r;
	struct gc_event ev;
	struct gc_seg seg = { 0 };
	uint64_t lost = 0;
	struct stat st;
	uint32_t ring;
	void *map;

	assert_int_equal(fstat(fd, &st), 0);
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	assert_int_equal(gc_seg_attach_check(&seg, map, (size_t)st.st_size), 0);
	for (ring = 0; ring < seg.hdr.nrings; ring++) {
		gc_ring_reader_init(&seg, ring, 1, &r);
		while ((n = gc_ring_read(&seg, ring, &r, rec, 64, &lost)) > 0)
			for (i = 0; i < n;) {
				i += (int)gc_event_take(rec + i, (unsigned)(n - i), &ev);
				fn(&ev, arg);
			}
	}
	munmap(map, (size_t)st.st_size);
}

struct told {
	unsigned n;
	struct gc_event last;
};

static void keep_snapshot(const struct gc_event *ev, void *arg)
{
	struct told *t = arg;

	if (ev->type != GC_EV_SNAPSHOT)
		return;
	t->n++;
	t->last = *ev;
}

static void tells(void **state)
{
	int fd = memfd_create("x", MFD_CLOEXEC);
	struct told told = { 0 };
	struct gc_refs *r = NULL;
	struct stat st;
	struct fix f;

	(void)state;
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, r);
		fill(&f, &r, 100);
		assert_int_equal(gc_snapshot_write(f.m, -1), -EBADF);
		assert_int_equal(gc_snapshot_write(f.m, fd), 0);
	}
	each_event(&f, keep_snapshot, &told);
	fstat(fd, &st);
	assert_int_equal(told.n, 1); /* the one that was written */
	assert_int_equal(told.last.a, st.st_size);
	assert_int_equal(told.last.b, 101);
	assert_int_equal(told.last.nv, 1);
	assert_true(told.last.v[0] > 0 && told.last.v[0] < 60000000000u);
	close(fd);
	fix_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_heap),
		cmocka_unit_test(roots),
		cmocka_unit_test(counts_and_sums),
		cmocka_unit_test(dead_are_not_in_it),
		cmocka_unit_test(walk),
		cmocka_unit_test(ids_stay),
		cmocka_unit_test(edge_names),
		cmocka_unit_test(strange_names),
		cmocka_unit_test(same_name_same_string),
		cmocka_unit_test(texts),
		cmocka_unit_test(outside_memory),
		cmocka_unit_test(weak_maps),
		cmocka_unit_test(weak_references),
		cmocka_unit_test(attached_memory),
		cmocka_unit_test(errors),
		cmocka_unit_test(saving),
		cmocka_unit_test(short_writes),
		cmocka_unit_test(other_slots_each_time),
		cmocka_unit_test(beside_other_threads),
		cmocka_unit_test(tells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
