/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz.h - a machine that does random operations on a heap and on a graph of the same
 * shape in malloc'd memory, and compares the two: shared by test_fuzz.c,
 * test_fuzz_threads.c and fuzz_bytes.c.
 *
 * Operations come from a generator with a seed, or from a string of bytes, each choice
 * as many bytes as it needs; a string that has ended gives zeros and ends the run.
 *
 * The model (struct shadow) knows what must be alive: what the slots of the program
 * reach, pins among them, and the values of weak maps whose keys are. compare() demands
 * that much of any collection. After settle(), which collects and empties the queue of
 * finalizers until there is nothing to do, the heap must hold that and not a byte
 * more: weak references to anything else are NULL, entries of dead keys are gone,
 * external memory of the dead is not counted, every dead object's finalizer was handed
 * out once. Then what the model does not reach is freed there as well.
 */
#ifndef TESTS_GC_FUZZ_H
#define TESTS_GC_FUZZ_H

#include <fcntl.h>
#include <sys/wait.h>

#include "common.h"
#include "gc/internal.h"

#define ROOTS	16 /* what they reach grows, mostly */
#define WIDTH	6  /* frame variables, handles, global handles: each */
#define SLOTS	(ROOTS + 3 * WIDTH)
#define KEEP	2 /* roots that operations do not change */
#define PINS	4
#define WEAKS	8
#define MAPS	2 /* that no object owns */
#define ENTRIES 200
#define REGS	400	 /* finalizers at a time */
#define GROW	MIB(1) /* live bytes above which graphs get no larger */
#define BOXES	16	 /* of trees handed from thread to thread */

enum kind { TRIPLE, ARRAY, BYTES, CUSTOM, NKINDS };

struct shadow {
	struct shadow **ref;
	unsigned n; /* references in use: all of a triple, the last of an array */
	enum kind kind;
	size_t len;		/* arrays: elements */
	uint64_t id, gid;	/* in the object; of gc_id(), or 0 */
	unsigned seen;		/* round of the last comparison that came here */
	const void *twin;	/* its object in that round */
	const void *fixed;	/* its address, when it must not move */
	size_t outside;		/* bytes of gc_external_attach() */
	struct gc_weakmap *map; /* that it owns */
	struct shadow *all;
};

struct triple {
	struct triple *ref[3];
	uint64_t id;
};

/* References in a kind of place only a trace function knows. */
struct custom {
	uint64_t id, n;
	gc_slot ref[5];
};

struct entry {
	struct gc_weakmap *map;
	struct shadow *owner, *key, *val;
};

struct reg {
	struct shadow *s; /* NULL: free */
	bool keep;	  /* never to be handed out */
};

struct world {
	struct fix f;
	const struct gc_type *triple, *custom;
	bool shared; /* other threads use the heap: nothing is exact */
	bool timed;  /* a soft limit may be set, and collections depend on the clock */
	void *root[ROOTS], *kept[KEEP];
	void *frame[WIDTH];
	gc_handle handle[WIDTH];
	struct gc_global *global[WIDTH];
	struct shadow *slot[SLOTS], *skept[KEEP], *all;
	struct {
		struct gc_pin *pin;
		struct shadow *s;
		void *addr;
	} pin[PINS];
	struct {
		struct gc_weak *w;
		struct shadow *s;
		unsigned revived; /* of the world, when it was set */
	} weak[WEAKS];
	struct gc_weakmap *map[MAPS];
	struct entry entry[ENTRIES];
	unsigned nentries;
	struct reg reg[REGS];
	unsigned revived; /* objects that came back from the queue and were kept */
	int64_t outside;  /* of gc_external_adjust() */
	int provider, cls, region;
	struct gc_global *boxes;    /* array of BOXES trees of pairs, of all threads */
	const uint8_t *bytes, *end; /* bytes NULL: the generator */
	bool over;
	uint64_t seed, next_id;
	unsigned round, objects, depth;
	size_t live, live_outside;
};

/* --- choices ----------------------------------------------------------------------- */

static uint64_t rnd(struct world *w, uint64_t n)
{
	uint64_t x = 0, most;

	if (w->bytes) {
		for (most = n - 1; most; most >>= 8) {
			w->over |= w->bytes == w->end;
			x = x << 8 | (w->over ? 0 : *w->bytes++);
		}
		return x % n;
	}
	w->seed ^= w->seed << 13;
	w->seed ^= w->seed >> 7;
	w->seed ^= w->seed << 17;
	return (w->seed >> 11) % n;
}

static unsigned any(struct world *w, unsigned n)
{
	return (unsigned)rnd(w, n);
}

/* --- slots: where a program may hold an object -------------------------------------- */

static void visit_roots(struct gc_visitor *v, void *arg)
{
	struct world *w = arg;
	int i;

	for (i = 0; i < ROOTS; i++)
		gc_visit(v, &w->root[i]);
	for (i = 0; i < KEEP; i++)
		gc_visit(v, &w->kept[i]);
}

static void *get(struct world *w, unsigned i)
{
	if (i < ROOTS)
		return w->root[i];
	i -= ROOTS;
	if (i < WIDTH)
		return w->frame[i];
	i -= WIDTH;
	return i < WIDTH ? *w->handle[i] : gc_global_get(w->global[i - WIDTH]);
}

static void put(struct world *w, unsigned i, void *obj, struct shadow *s)
{
	w->slot[i] = s;
	if (i < ROOTS)
		w->root[i] = obj;
	else if (i < ROOTS + WIDTH)
		w->frame[i - ROOTS] = obj;
	else if (i < ROOTS + 2 * WIDTH)
		*w->handle[i - ROOTS - WIDTH] = obj;
	else
		gc_global_set(w->f.m, w->global[i - ROOTS - 2 * WIDTH], obj);
}

/* --- objects ------------------------------------------------------------------------- */

static struct shadow *shadow_new(struct world *w, enum kind kind, unsigned n)
{
	struct shadow *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->ref = calloc(n + 1, sizeof(*s->ref));
	assert_non_null(s->ref);
	s->kind = kind;
	s->n = n;
	s->len = n;
	s->id = ++w->next_id;
	s->all = w->all;
	w->all = s;
	w->objects++;
	return s;
}

static void *make_array(struct world *w, struct shadow *s, bool pinned)
{
	if (pinned)
		return gc_alloc_pinned_array(w->f.m, s->kind == ARRAY ? w->f.refs : w->f.bytes,
					     s->len);
	return gc_alloc_array(w->f.m, s->kind == ARRAY ? w->f.refs : w->f.bytes, s->len);
}

static void make_bytes(struct shadow *s, struct gc_bytes *b)
{
	size_t i;

	for (i = 0; i < s->len && i < 64; i++)
		assert_int_equal(b->data[i], 0);
	if (s->len)
		b->data[0] = b->data[s->len - 1] = (unsigned char)s->id;
}

static struct shadow *shadow_any(struct world *w)
{
	static const unsigned longest[] = { 12, 12, 12, 12, 12, 12, 200, 4000 };
	enum kind kind = (enum kind)rnd(w, NKINDS);
	struct shadow *s;

	if (kind == BYTES) {
		s = shadow_new(w, kind, 0);
		s->len = rnd(w, rnd(w, 50) ? 300 : rnd(w, 4) ? 40000 : 200000);
		return s;
	}
	if (kind != ARRAY)
		return shadow_new(w, kind, kind == TRIPLE ? 3 : any(w, 6));
	s = shadow_new(w, kind, any(w, longest[rnd(w, 8)]));
	if (!rnd(w, 8))
		s->len += 4100; /* a large one, its used part at the end */
	return s;
}

static gc_slot *ref_of(void *obj, const struct shadow *s, unsigned i)
{
	if (s->kind == TRIPLE)
		return (gc_slot *)&((struct triple *)obj)->ref[i];
	if (s->kind == CUSTOM)
		return &((struct custom *)obj)->ref[i];
	return (gc_slot *)&((struct gc_refs *)obj)->ref[s->len - s->n + i];
}

/*
 * The new object refers to what was in its slot before, mostly: graphs grow. Stores
 * into a new object may be plain ones, as the manual says, if it is not large.
 */
static void grow(struct world *w, unsigned slot, void *obj, struct shadow *s)
{
	void *val = get(w, slot);
	unsigned i;

	if (!s->n || w->live > GROW || !rnd(w, 8))
		return;
	i = any(w, s->n);
	if (gc_object_size(obj) + 8 > CELL_MAX)
		gc_write(w->f.m, obj, ref_of(obj, s, i), val);
	else
		*ref_of(obj, s, i) = val;
	s->ref[i] = w->slot[slot];
}

static void make(struct world *w, unsigned slot)
{
	struct shadow *s = shadow_any(w);
	bool pinned = !rnd(w, 30), small = s->kind == TRIPLE || s->kind == CUSTOM;
	const struct gc_type *t = s->kind == TRIPLE ? w->triple : w->custom;
	void *obj;

	if (small)
		obj = pinned ? gc_alloc_pinned(w->f.m, t) : gc_alloc(w->f.m, t);
	else
		obj = make_array(w, s, pinned);
	assert_non_null(obj);
	if (s->kind == TRIPLE)
		((struct triple *)obj)->id = s->id;
	if (s->kind == CUSTOM)
		*(struct custom *)obj = (struct custom){ .id = s->id, .n = s->n };
	if (s->kind == BYTES)
		make_bytes(s, obj);
	if (pinned || gc_object_size(obj) + 8 > CELL_MAX)
		s->fixed = obj;
	if (!s->n && slot < ROOTS)
		slot += ROOTS;
	grow(w, slot, obj, s);
	put(w, slot, obj, s);
}

static void trace_custom(void *obj, size_t size, struct gc_visitor *v)
{
	struct custom *c = obj;
	uint64_t i;

	(void)size;
	for (i = 0; i < c->n; i++)
		gc_visit(v, &c->ref[i]);
}

/* Stores of NULL may be plain, as the manual says. */
static void link_two(struct world *w, unsigned from, unsigned to)
{
	struct shadow *s = w->slot[from];
	void *obj = get(w, from), *val = get(w, to);
	unsigned i;

	if (!obj || !s->n)
		return;
	i = any(w, s->n);
	if (val)
		gc_write(w->f.m, obj, ref_of(obj, s, i), val);
	else
		*ref_of(obj, s, i) = NULL;
	s->ref[i] = w->slot[to];
}

static void walk_down(struct world *w, unsigned from, unsigned to)
{
	struct shadow *s = w->slot[from];
	void *obj = get(w, from);
	unsigned i;

	if (!obj || !s->n)
		return;
	i = any(w, s->n);
	put(w, to, *ref_of(obj, s, i), s->ref[i]);
}

/*
 * The only known reference to an object goes from one object to another, and no slot
 * has it: a marking that is between the two has to be told.
 */
static void move_edge(struct world *w, unsigned from, unsigned to)
{
	struct shadow *sf = w->slot[from], *st = w->slot[to];
	void *of = get(w, from), *ot = get(w, to), *val;
	unsigned i, j;

	if (!of || !ot || !sf->n || !st->n)
		return;
	i = any(w, sf->n);
	j = any(w, st->n);
	val = *ref_of(of, sf, i);
	gc_write(w->f.m, ot, ref_of(ot, st, j), val);
	st->ref[j] = sf->ref[i];
	if (of == ot && i == j)
		return;
	*ref_of(of, sf, i) = NULL;
	sf->ref[i] = NULL;
}

/* --- the comparison -------------------------------------------------------------------- */

struct walk {
	struct world *w;
	struct shadow **top;
};

/* Bytes that the heap counts for an object: the pinned space has size classes. */
static size_t cell_of(struct world *w, const void *obj)
{
	size_t cell = gc_object_size(obj) + 8;
	struct gc_heap *h = w->f.heap;

	if (h->blocks[block_of(h, (uintptr_t)obj)].kind == GC_SPACE_PINNED)
		return size_class(size_class_of(cell))->size;
	return cell;
}

/* The stack that is walked by is bounded by the number of objects, not by C's. */
static void same(struct walk *k, const void *obj, struct shadow *s)
{
	assert_true(!obj == !s);
	if (!s)
		return;
	if (s->seen == k->w->round) {
		assert_ptr_equal(s->twin, obj);
		return;
	}
	s->seen = k->w->round;
	s->twin = obj;
	if (s->fixed)
		assert_ptr_equal(s->fixed, obj);
	k->w->live += cell_of(k->w, obj);
	k->w->live_outside += s->outside;
	*k->top++ = s;
}

static void same_data(struct world *w, struct shadow *s, void *obj)
{
	const struct gc_bytes *b = obj;

	if (s->kind == TRIPLE)
		assert_int_equal(((struct triple *)obj)->id, s->id);
	else if (s->kind == CUSTOM)
		assert_int_equal(((struct custom *)obj)->id, s->id);
	else
		assert_int_equal(b->len, s->len);
	if (s->kind == BYTES && s->len)
		assert_true(b->data[0] == (unsigned char)s->id &&
			    b->data[s->len - 1] == (unsigned char)s->id);
	if (s->gid)
		assert_int_equal(gc_id(w->f.m, obj), s->gid);
}

static void walk_on(struct walk *k, struct shadow **bottom)
{
	struct shadow *s;
	void *obj;
	unsigned i;

	while (k->top > bottom) {
		s = *--k->top;
		obj = (void *)(uintptr_t)s->twin;
		same_data(k->w, s, obj);
		for (i = 0; i < s->n; i++)
			same(k, *ref_of(obj, s, i), s->ref[i]);
	}
}

static bool alive(const struct world *w, const struct shadow *s)
{
	return s->seen == w->round;
}

/* Values whose map and key live. True: there was one that was not known to live. */
static bool values(struct walk *k)
{
	struct world *w = k->w;
	struct entry *e;
	bool more = false;
	unsigned i;
	void *val;
	int found;

	for (i = 0; i < w->nentries; i++) {
		e = &w->entry[i];
		if ((e->owner && !alive(w, e->owner)) || !alive(w, e->key))
			continue;
		val = gc_weakmap_get(w->f.m, e->map, e->key->twin, &found);
		assert_true(found);
		more |= e->val && !alive(w, e->val);
		same(k, val, e->val);
	}
	return more;
}

static void compare_graph(struct world *w)
{
	struct shadow **stack = calloc(w->objects + 1, sizeof(*stack));
	struct walk k = { w, stack };
	unsigned i;

	assert_non_null(stack);
	w->round++;
	w->live = w->live_outside = 0;
	for (i = 0; i < SLOTS; i++)
		same(&k, get(w, i), w->slot[i]);
	for (i = 0; i < KEEP; i++)
		same(&k, w->kept[i], w->skept[i]);
	for (i = 0; i < PINS; i++) {
		if (!w->pin[i].pin)
			continue;
		assert_ptr_equal(gc_pin_get(w->pin[i].pin), w->pin[i].addr);
		same(&k, w->pin[i].addr, w->pin[i].s);
	}
	do
		walk_on(&k, stack);
	while (values(&k));
	free(stack);
}

/* exact: nothing but what the model reaches is alive. */
static void compare_weak(struct world *w, bool exact)
{
	unsigned i;
	void *obj;

	for (i = 0; i < WEAKS; i++) {
		obj = gc_weak_get(w->f.m, w->weak[i].w);
		if (!w->weak[i].s)
			assert_null(obj);
		else if (!obj)
			/* Cleared before a finalizer brought it back? */
			assert_true(!alive(w, w->weak[i].s) || w->weak[i].revived != w->revived);
		else if (alive(w, w->weak[i].s))
			assert_ptr_equal(obj, w->weak[i].s->twin);
		else
			assert_false(exact);
		if (!obj)
			w->weak[i].s = NULL;
	}
}

static void compare(struct world *w)
{
	size_t used;

	compare_graph(w);
	compare_weak(w, false);
	used = stats(&w->f).heap_used;
	assert_true(used >= w->live);
}

/* --- after everything dead was found ------------------------------------------------- */

static void entries_purge(struct world *w)
{
	unsigned i = 0, global = 0, m;

	while (i < w->nentries) {
		struct entry *e = &w->entry[i];

		if (alive(w, e->key) && (!e->owner || alive(w, e->owner))) {
			global += !e->owner;
			i++;
		} else {
			*e = w->entry[--w->nentries];
		}
	}
	for (m = 0; m < MAPS; m++)
		global -= (unsigned)gc_weakmap_count(w->f.m, w->map[m]);
	assert_int_equal(global, 0);
}

static void shadows_purge(struct world *w)
{
	struct shadow **p = &w->all, *s;

	while ((s = *p)) {
		if (alive(w, s)) {
			p = &s->all;
			continue;
		}
		*p = s->all;
		w->objects--;
		free(s->ref);
		free(s);
	}
}

static void compare_exact(struct world *w)
{
	struct gc_stats st;
	unsigned i;

	compare_graph(w);
	compare_weak(w, true);
	for (i = 0; i < REGS; i++)
		assert_true(!w->reg[i].s || alive(w, w->reg[i].s));
	st = stats(&w->f);
	assert_int_equal(st.heap_used, w->live);
	assert_int_equal(st.external, (size_t)w->outside + w->live_outside);
	entries_purge(w);
	shadows_purge(w);
}

/* Takes objects out of the queue; of one in four the program keeps the reference. */
static void finalizers_take(struct world *w, bool may_keep)
{
	struct reg *r;
	void *obj, *tag;
	unsigned i;

	while ((obj = gc_finalizer_next(w->f.m, &tag))) {
		r = tag;
		assert_true(r >= w->reg && r < w->reg + REGS && r->s);
		assert_false(r->keep);
		same_data(w, r->s, obj);
		if (may_keep && !rnd(w, 4)) {
			i = any(w, SLOTS);
			put(w, i, obj, r->s);
			w->revived++;
		}
		r->s = NULL;
	}
}

static void full(struct world *w)
{
	assert_int_equal(gc_collect(w->f.m, GC_FULL, GC_REASON_TESTING), 0);
}

static void settle(struct world *w)
{
	full(w);
	while (gc_finalizer_pending(w->f.heap)) {
		finalizers_take(w, false);
		full(w);
	}
	compare_exact(w);
}

/* --- operations ------------------------------------------------------------------------ */

static void do_pin(struct world *w)
{
	unsigned k = any(w, PINS), i = any(w, SLOTS);

	if (w->pin[k].pin) {
		gc_unpin(w->f.m, w->pin[k].pin);
		w->pin[k].pin = NULL;
	} else if (get(w, i)) {
		w->pin[k].s = w->slot[i];
		w->pin[k].pin = gc_pin(w->f.m, get(w, i));
		assert_non_null(w->pin[k].pin);
		w->pin[k].addr = gc_pin_get(w->pin[k].pin);
		assert_ptr_equal(w->pin[k].addr, get(w, i));
	}
}

static void do_weak(struct world *w)
{
	unsigned k = any(w, WEAKS), i = any(w, SLOTS), j;
	void *obj;

	if (rnd(w, 2)) {
		gc_weak_set(w->f.m, w->weak[k].w, get(w, i));
		w->weak[k].s = w->slot[i];
		w->weak[k].revived = w->revived;
		return;
	}
	obj = gc_weak_get(w->f.m, w->weak[k].w);
	for (j = 0; j < SLOTS && !obj; j++)
		if (w->weak[k].s && w->slot[j] == w->weak[k].s)
			assert_true(w->weak[k].revived != w->revived);
	if (!obj)
		return;
	assert_non_null(w->weak[k].s);
	same_data(w, w->weak[k].s, obj);
	put(w, i, obj, w->weak[k].s);
}

/* By owner as well: the address of a map that died with its owner may be used again. */
static struct entry *entry_find(struct world *w, const struct gc_weakmap *map,
				const struct shadow *owner, const struct shadow *key)
{
	unsigned i;

	for (i = 0; i < w->nentries; i++)
		if (w->entry[i].map == map && w->entry[i].owner == owner && w->entry[i].key == key)
			return &w->entry[i];
	return NULL;
}

static void entry_set(struct world *w, struct gc_weakmap *map, struct shadow *owner, unsigned key,
		      unsigned val)
{
	struct entry *e = entry_find(w, map, owner, w->slot[key]);

	if (!e && w->nentries == ENTRIES)
		return;
	if (!e)
		e = &w->entry[w->nentries++];
	*e = (struct entry){ map, owner, w->slot[key], w->slot[val] };
	assert_int_equal(gc_weakmap_set(w->f.m, map, get(w, key), get(w, val)), 0);
}

static void entry_delete(struct world *w, struct gc_weakmap *map, struct shadow *owner,
			 unsigned key)
{
	struct entry *e = entry_find(w, map, owner, w->slot[key]);

	assert_int_equal(gc_weakmap_delete(w->f.m, map, get(w, key)), e ? 0 : -ENOENT);
	if (e)
		*e = w->entry[--w->nentries];
}

static void entry_get(struct world *w, struct gc_weakmap *map, struct shadow *owner, unsigned key,
		      unsigned to)
{
	struct entry *e = entry_find(w, map, owner, w->slot[key]);
	int found;
	void *val = gc_weakmap_get(w->f.m, map, get(w, key), &found);

	assert_int_equal(found, e != NULL);
	assert_true(!val == !(e && e->val));
	if (val)
		put(w, to, val, e->val);
}

/* A map of no object's, or one that the object in a slot owns. */
static void do_map(struct world *w)
{
	unsigned o = any(w, SLOTS), key = any(w, SLOTS), other = any(w, SLOTS);
	struct gc_weakmap *map = w->map[rnd(w, MAPS)];
	struct shadow *owner = rnd(w, 2) ? w->slot[o] : NULL;

	if (owner) {
		if (!owner->map)
			owner->map = gc_weakmap_new(w->f.m, get(w, o));
		map = owner->map;
		assert_non_null(map);
	}
	if (!w->slot[key])
		return;
	switch (rnd(w, 4)) {
	case 0:
		entry_delete(w, map, owner, key);
		break;
	case 1:
		entry_get(w, map, owner, key, other);
		break;
	default:
		entry_set(w, map, owner, key, other);
		break;
	}
}

static struct reg *reg_find(struct world *w, const struct shadow *s)
{
	unsigned i;

	for (i = 0; i < REGS; i++)
		if (w->reg[i].s == s && !w->reg[i].keep)
			return &w->reg[i];
	return NULL;
}

static void do_finalizer(struct world *w)
{
	unsigned i = any(w, SLOTS);
	struct reg *r;

	if (w->shared)
		return;
	if (!rnd(w, 3)) {
		finalizers_take(w, true);
		return;
	}
	if (!get(w, i))
		return;
	if (rnd(w, 5)) {
		r = reg_find(w, NULL);
		if (!r)
			return;
		r->s = w->slot[i];
		assert_int_equal(gc_finalizer_add(w->f.m, get(w, i), r), 0);
		return;
	}
	r = reg_find(w, w->slot[i]);
	/* It may be in the queue already and have come back by another one. */
	if (r && gc_finalizer_remove(w->f.m, get(w, i), r) == 0)
		r->s = NULL;
	else if (r)
		assert_true(gc_finalizer_pending(w->f.heap) > 0);
}

static void do_id(struct world *w)
{
	unsigned i = any(w, SLOTS);
	uint64_t id;

	if (!get(w, i))
		return;
	id = gc_id(w->f.m, get(w, i));
	assert_true(id & 1);
	if (w->slot[i]->gid)
		assert_int_equal(id, w->slot[i]->gid);
	w->slot[i]->gid = id;
}

static void do_external(struct world *w)
{
	unsigned i = any(w, SLOTS);
	int64_t by = (int64_t)rnd(w, 60000);

	if (w->shared)
		return;
	if (rnd(w, 2) && get(w, i)) {
		assert_int_equal(gc_external_attach(w->f.m, get(w, i), w->cls, (size_t)by), 0);
		w->slot[i]->outside = (size_t)by;
		return;
	}
	if (rnd(w, 2))
		by = by > w->outside ? -w->outside : -by;
	w->outside += by;
	assert_int_equal(gc_external_adjust(w->f.heap, w->cls, by), 0);
}

static void do_region(struct world *w)
{
	if (w->region >= 0) {
		assert_int_equal(gc_region_unregister(w->f.heap, w->region), 0);
		w->region = -1;
	} else {
		w->region = gc_region_register(w->f.heap, "fuzz", w, sizeof(*w));
		assert_true(w->region >= 0);
	}
}

static void oom_nothing(struct gc_heap *h, size_t wanted, void *arg)
{
	(void)h;
	(void)wanted;
	++*(unsigned *)arg;
}

/* Over the limit: told, and NULL; then the limit is gone again. */
static void do_limit(struct world *w)
{
	struct gc_stats st = stats(&w->f);
	unsigned calls = 0;

	if (w->shared)
		return;
	gc_set_oom(w->f.heap, oom_nothing, &calls);
	gc_set_old_limit(w->f.heap, st.heap_used + KIB(64));
	assert_null(gc_alloc_array(w->f.m, w->f.bytes, st.heap_used + MIB(1)));
	assert_int_equal(calls, 1);
	gc_set_old_limit(w->f.heap, GC_NO_LIMIT);
	gc_set_oom(w->f.heap, NULL, NULL);
}

static void do_pacing(struct world *w)
{
	switch (rnd(w, 4)) {
	case 0:
		gc_set_gogc(w->f.heap, (int)rnd(w, 300) + 10);
		break;
	case 1:
		if (w->timed)
			gc_set_soft_limit(w->f.heap, rnd(w, 2) ? GC_NO_LIMIT : MIB(rnd(w, 8) + 1));
		break;
	case 2:
		gc_release_all(w->f.heap);
		break;
	default:
		gc_tick(w->f.m);
		break;
	}
}

static void do_snapshot(struct world *w)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(gc_snapshot_write(w->f.m, fd), 0);
	close(fd);
	compare(w);
}

static void do_blocking(struct world *w)
{
	gc_blocking_begin(w->f.m);
	gc_blocking_end(w->f.m);
	gc_safepoint(w->f.m);
}

static struct pair *tree(struct world *w, unsigned depth, uint64_t value)
{
	struct pair *a = NULL, *b = NULL, *p;
	GC_FRAME(w->f.m, a, b);

	if (depth) {
		a = tree(w, depth - 1, 2 * value);
		b = tree(w, depth - 1, 2 * value + 1);
	}
	p = pair_new(&w->f, value);
	p->a = a; /* p is new */
	p->b = b;
	return p;
}

static void tree_check(const struct pair *p, uint64_t value)
{
	if (!p)
		return;
	assert_int_equal(p->value, value);
	tree_check(p->a, 2 * value);
	tree_check(p->b, 2 * value + 1);
}

/* A tree that nobody changes any more goes to other threads, or one of theirs is read. */
static void do_box(struct world *w)
{
	struct gc_refs *boxes;
	struct pair *p = NULL;
	unsigned i = any(w, BOXES), depth = any(w, 6);
	GC_FRAME(w->f.m, p);

	if (!w->boxes)
		return;
	if (rnd(w, 2)) {
		p = tree(w, depth, rnd(w, 1000) + 1);
		boxes = gc_global_get(w->boxes);
		gc_write(w->f.m, boxes, &boxes->ref[i], p);
	} else {
		boxes = gc_global_get(w->boxes);
		p = __atomic_load_n(&boxes->ref[i], __ATOMIC_ACQUIRE);
		if (p)
			tree_check(p, p->value);
	}
}

static void step(struct world *w);

/* Handles of a scope, with other operations meanwhile. */
static void do_scope(struct world *w)
{
	unsigned at[4], i, n = any(w, 4) + 1;
	struct shadow *s[4];
	struct gc_scope scope;
	gc_handle h[4];

	if (w->depth > 3)
		return;
	w->depth++;
	gc_scope_open(w->f.m, &scope);
	for (i = 0; i < n; i++) {
		at[i] = any(w, SLOTS);
		s[i] = w->slot[at[i]];
		h[i] = gc_handle_new(w->f.m, get(w, at[i]));
		assert_non_null(h[i]);
	}
	/* They stay while the slots change; comparisons are not made of them meanwhile. */
	for (i = 0; i < 10; i++)
		make(w, any(w, SLOTS));
	for (i = 0; i < n; i++) {
		assert_true(!*h[i] == !s[i]);
		if (s[i])
			same_data(w, s[i], *h[i]);
		put(w, at[i], *h[i], s[i]);
	}
	gc_scope_close(w->f.m, &scope);
	w->depth--;
}

/* ThreadSanitizer ends a forked child that starts a thread, as a heap does to release. */
#ifdef __SANITIZE_THREAD__
#define CAN_FORK 0
#else
#define CAN_FORK 1
#endif

/* The child goes on by itself and must come to a good end. */
static void do_fork(struct world *w)
{
	int status, i;
	pid_t pid;

	if (w->bytes || w->depth || !CAN_FORK)
		return;
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		w->depth = 9;
		for (i = 0; i < 200; i++)
			step(w);
		compare(w);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void do_collect(struct world *w)
{
	static const enum gc_collect_kind kinds[] = { GC_MINOR, GC_MAJOR, GC_FULL, GC_COMPACT };
	enum gc_collect_kind kind = kinds[rnd(w, 4)];
	int rc = gc_collect(w->f.m, kind, GC_REASON_TESTING);

	assert_int_equal(rc, 0);
	compare(w);
}

static void do_rare(struct world *w)
{
	switch (rnd(w, 40)) {
	case 0:
		do_snapshot(w);
		break;
	case 1:
		do_fork(w);
		break;
	case 2 ... 6:
		do_limit(w);
		break;
	case 7 ... 10:
		do_region(w);
		break;
	case 11 ... 20:
		do_pacing(w);
		break;
	default:
		do_blocking(w);
		break;
	}
}

static void step(struct world *w)
{
	unsigned a = any(w, SLOTS), b = any(w, SLOTS);

	switch (rnd(w, 200)) {
	case 0 ... 1:
		do_collect(w);
		break;
	case 2:
		if (!w->shared && w->depth < 9)
			settle(w);
		break;
	case 3 ... 8:
		if (a >= ROOTS || !rnd(w, 8) || w->live > GROW)
			put(w, a, NULL, NULL);
		break;
	case 9 ... 80:
		make(w, a);
		break;
	case 81 ... 110:
		link_two(w, a, b);
		break;
	case 111 ... 140:
		walk_down(w, a, b < ROOTS ? b + ROOTS : b);
		break;
	case 141 ... 155:
		move_edge(w, a, b);
		break;
	case 156 ... 160:
		do_pin(w);
		break;
	case 161 ... 168:
		do_weak(w);
		break;
	case 169 ... 178:
		do_map(w);
		break;
	case 179 ... 186:
		do_finalizer(w);
		break;
	case 187 ... 189:
		do_id(w);
		break;
	case 190 ... 191:
		do_external(w);
		break;
	case 192:
		do_scope(w);
		break;
	case 193 ... 196:
		do_box(w);
		break;
	default:
		do_rare(w);
		break;
	}
}

/* --- a run ----------------------------------------------------------------------------- */

/* f: the heap, and the mutator of this thread. Types are registered by each world. */
static void world_open(struct world *w, const struct fix *f)
{
	struct gc_type_desc d = GC_TYPE_INIT(.name = "triple", .kind = GC_BITMAP64,
					     .size = sizeof(struct triple), .bitmap = 7);
	struct gc_type_desc c = GC_TYPE_INIT(.name = "custom", .kind = GC_CUSTOM,
					     .size = sizeof(struct custom), .trace = trace_custom);
	int i;

	w->f = *f;
	w->region = -1;
	assert_int_equal(gc_type_register(f->heap, &d, &w->triple), 0);
	assert_int_equal(gc_type_register(f->heap, &c, &w->custom), 0);
	w->provider = gc_add_root_provider(f->heap, visit_roots, w);
	w->cls = gc_external_class(f->heap, "fuzz");
	assert_true(w->provider >= 0 && w->cls >= 0);
	for (i = 0; i < WIDTH; i++) {
		w->handle[i] = gc_handle_new(f->m, NULL);
		w->global[i] = gc_global_new(f->m, NULL);
	}
	for (i = 0; i < WEAKS; i++)
		w->weak[i].w = gc_weak_new(f->m, NULL);
	for (i = 0; i < MAPS; i++)
		w->map[i] = gc_weakmap_new(f->m, NULL);
	for (i = 0; i < KEEP; i++) {
		make(w, ROOTS);
		w->kept[i] = get(w, ROOTS);
		w->skept[i] = w->slot[ROOTS];
		put(w, ROOTS, NULL, NULL);
		if (w->shared)
			continue;
		w->reg[i] = (struct reg){ w->skept[i], true };
		assert_int_equal(gc_finalizer_add(f->m, w->kept[i], &w->reg[i]), 0);
	}
}

/* Takes everything out of the heap that the world has put there. */
static void world_close(struct world *w)
{
	unsigned i;

	for (i = 0; i < PINS; i++)
		gc_unpin(w->f.m, w->pin[i].pin);
	for (i = 0; i < KEEP && !w->shared; i++)
		assert_int_equal(gc_finalizer_remove(w->f.m, w->kept[i], &w->reg[i]), 0);
	for (i = 0; i < WEAKS; i++)
		gc_weak_free(w->f.m, w->weak[i].w);
	for (i = 0; i < MAPS; i++)
		gc_weakmap_free(w->f.m, w->map[i]);
	for (i = 0; i < SLOTS; i++)
		put(w, i, NULL, NULL);
	for (i = 0; i < WIDTH; i++)
		gc_global_free(w->f.m, w->global[i]);
	for (i = 0; i < KEEP; i++)
		w->kept[i] = NULL;
	for (full(w); gc_finalizer_pending(w->f.heap) && !w->shared; full(w))
		finalizers_take(w, false);
	for (i = 0; i < REGS && !w->shared; i++)
		assert_true(!w->reg[i].s || w->reg[i].keep);
	if (w->region >= 0)
		do_region(w);
	assert_int_equal(gc_remove_root_provider(w->f.heap, w->provider), 0);
	w->round++;
	shadows_purge(w);
}

/* steps 0: until the bytes are used up. */
static void world_run(struct world *w, const struct fix *f, unsigned steps)
{
	unsigned i;
	GC_FRAME(f->m, w->frame[0], w->frame[1], w->frame[2], w->frame[3], w->frame[4],
		 w->frame[5]);

	world_open(w, f);
	for (i = 0; steps ? i < steps : !w->over; i++)
		step(w);
	if (w->shared)
		compare(w);
	else
		settle(w);
	world_close(w);
}

#endif /* TESTS_GC_FUZZ_H */
