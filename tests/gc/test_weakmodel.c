/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_weakmodel.c - random use of weak references, weak maps, finalizers, identities
 * and attached external memory, beside a model in malloc'd memory that says what must
 * live, what must be dead after a full collection, and what may be either.
 *
 * `before` is what is reachable when a collection begins, `after` what is when it has
 * ended, with all that it queued. What is in the first is not touched; what is not in
 * the second is gone after a full collection; in between a finalizer brought it back.
 *
 * GC_SEED=n replays one seed; GC_STEPS=n makes it longer.
 */
#include <limits.h>

#include "common.h"
#include "gc/weak.h"

#define ROOTS	24
#define WEAKS	40
#define MAPS	6
#define ENTRIES 200 /* of a map */
#define TAGS	4   /* registrations of an object at a time */

struct node {
	struct node *a, *b;
	size_t index;	  /* the object's value */
	struct pair *obj; /* where the last walk found it */
	unsigned seen;	  /* the last walk that came here */
	unsigned before;  /* the last collection before which it was reachable */
	uint64_t id;	  /* 0: not asked for */
	size_t external;
	uint64_t seq[TAGS]; /* registrations; 0: none. The tag is &seq[i] */
};

struct entry {
	struct node *key, *value;
};

struct map {
	struct gc_weakmap *map; /* NULL: none */
	struct node *owner;
	struct entry entry[ENTRIES];
	size_t n;
};

struct world {
	struct fix f;
	uint64_t seed, last_id, last_seq;
	void *root[ROOTS]; /* visited by a provider */
	struct node *sroot[ROOTS];
	struct node **node;
	size_t nnodes, nodes_cap;
	struct gc_weak *weak[WEAKS];
	struct node *target[WEAKS];
	struct map map[MAPS];
	struct node **queue; /* of the heap's, by position from its start */
	size_t nqueue;
	struct node **stack;
	size_t nstack;
	unsigned round;
	uint64_t collections; /* that the model knows of */
};

static uint64_t rnd(struct world *w, uint64_t n)
{
	w->seed ^= w->seed << 13;
	w->seed ^= w->seed >> 7;
	w->seed ^= w->seed << 17;
	return (w->seed >> 11) % n;
}

static void visit_roots(struct gc_visitor *v, void *arg)
{
	struct world *w = arg;
	int i;

	for (i = 0; i < ROOTS; i++)
		gc_visit(v, &w->root[i]);
}

/* --- the walk: heap and model at once ------------------------------------------------- */

/* The object obj must be that of node n. */
static void meet(struct world *w, struct node *n, void *obj)
{
	if (!n) {
		assert_null(obj);
		return;
	}
	assert_non_null(obj);
	if (n->seen == w->round) {
		assert_ptr_equal(n->obj, obj);
		return;
	}
	n->seen = w->round;
	n->obj = obj;
	w->stack[w->nstack++] = n;
}

static void drain(struct world *w)
{
	struct node *n;

	while (w->nstack) {
		n = w->stack[--w->nstack];
		assert_int_equal(n->obj->value, n->index);
		meet(w, n->a, n->obj->a);
		meet(w, n->b, n->obj->b);
	}
}

static bool reached(const struct world *w, const struct node *n)
{
	return n->seen == w->round;
}

static bool map_lives(const struct world *w, const struct map *m)
{
	return m->map && (!m->owner || reached(w, m->owner));
}

static bool meet_values(struct world *w, struct map *m)
{
	bool any = false;
	struct entry *e;
	int found;
	void *obj;

	if (!map_lives(w, m))
		return false;
	for (e = m->entry; e < m->entry + m->n; e++) {
		if (!reached(w, e->key))
			continue;
		obj = gc_weakmap_get(w->f.m, m->map, e->key->obj, &found);
		assert_int_equal(found, 1);
		any |= e->value && !reached(w, e->value);
		meet(w, e->value, obj);
	}
	return any;
}

/* Gives every node that is reachable `seen` of a new round and its object. */
static void walk(struct world *w)
{
	const struct weak *heap = w->f.heap->weak;
	bool any = true;
	size_t i;

	w->round++;
	for (i = 0; i < ROOTS; i++)
		meet(w, w->sroot[i], w->root[i]);
	for (i = 0; i < w->nqueue; i++)
		meet(w, w->queue[i], (void *)heap->queue.v[heap->head + 2 * i]);
	while (any) {
		drain(w);
		any = false;
		for (i = 0; i < MAPS; i++)
			any |= meet_values(w, &w->map[i]);
	}
}

/* --- after a collection --------------------------------------------------------------- */

/* What the collection queued was dead, and registered; a minor keeps the order. */
static void sync_queue(struct world *w, unsigned before, bool minor)
{
	const struct weak *heap = w->f.heap->weak;
	size_t n = gc_finalizer_pending(w->f.heap);
	uint64_t *seq, last = 0;
	struct node *node;
	struct pair *obj;

	for (; w->nqueue < n; w->nqueue++) {
		obj = (struct pair *)heap->queue.v[heap->head + 2 * w->nqueue];
		seq = (uint64_t *)heap->queue.v[heap->head + 2 * w->nqueue + 1];
		assert_true(obj->value < w->nnodes);
		node = w->node[obj->value];
		assert_int_not_equal(node->before, before);
		assert_true(seq >= node->seq && seq < node->seq + TAGS && *seq);
		assert_true(!minor || *seq > last);
		last = *seq;
		*seq = 0;
		w->queue[w->nqueue] = node;
	}
}

static void check_weak(struct world *w, unsigned before, bool exact)
{
	struct node *t;
	void *obj;
	size_t i;

	for (i = 0; i < WEAKS; i++) {
		t = w->target[i];
		obj = gc_weak_get(w->f.m, w->weak[i]);
		assert_true(!obj || t);
		if (t && t->before == before)
			assert_ptr_equal(obj, t->obj);
		if (t && obj && reached(w, t))
			assert_ptr_equal(obj, t->obj);
		if (exact && t && !reached(w, t))
			assert_null(obj);
		if (!obj)
			w->target[i] = NULL;
	}
}

static void check_map(struct world *w, struct map *m, bool exact)
{
	size_t i, live = 0, n;

	if (!map_lives(w, m)) {
		if (exact)
			*m = (struct map){ 0 };
		return;
	}
	for (i = 0; i < m->n; i++) {
		live += reached(w, m->entry[i].key);
		if (exact && !reached(w, m->entry[i].key))
			m->entry[i--] = m->entry[--m->n];
	}
	n = gc_weakmap_count(w->f.m, m->map);
	assert_true(exact ? n == live : n >= live);
}

/* Everything that is reachable, and nothing else, is in the heap. */
static void check_exact(struct world *w)
{
	size_t i, t, live = 0, external = 0, registered = 0;
	struct gc_stats st = stats(&w->f);
	struct node *n;

	for (i = 0; i < w->nnodes; i++) {
		n = w->node[i];
		if (!n)
			continue;
		if (reached(w, n)) {
			live++;
			external += n->external;
			for (t = 0; t < TAGS; t++)
				registered += n->seq[t] != 0;
			continue;
		}
		for (t = 0; t < TAGS; t++)
			assert_int_equal(n->seq[t], 0);
		free(n);
		w->node[i] = NULL;
	}
	assert_int_equal(st.heap_used, live * (sizeof(struct pair) + 8));
	assert_int_equal(st.external, external);
	assert_int_equal(st.finalizers, registered);
}

static void check_ids(struct world *w)
{
	size_t i;

	for (i = 0; i < w->nnodes; i++)
		if (w->node[i] && reached(w, w->node[i]) && w->node[i]->id)
			assert_int_equal(gc_id(w->f.m, w->node[i]->obj), w->node[i]->id);
}

static uint64_t collections(struct world *w)
{
	return w->f.heap->minor_count + w->f.heap->major_count;
}

/* Allocation may collect (it does so in zeal modes): what that did is taken as it is. */
static void sync_unasked(struct world *w)
{
	size_t i;

	if (w->collections == collections(w))
		return;
	w->collections = collections(w);
	sync_queue(w, UINT_MAX, false);
	for (i = 0; i < WEAKS; i++)
		if (!gc_weak_get(w->f.m, w->weak[i]))
			w->target[i] = NULL;
}

static void collect_and_check(struct world *w, enum gc_collect_kind kind)
{
	bool exact = kind == GC_FULL || kind == GC_COMPACT;
	unsigned before;
	int rc;
	size_t i;

	sync_unasked(w);
	walk(w);
	before = w->round;
	for (i = 0; i < w->nnodes; i++)
		if (w->node[i] && reached(w, w->node[i]))
			w->node[i]->before = before;
	rc = gc_collect(w->f.m, kind, GC_REASON_TESTING);
	if (rc == -ENOTSUP)
		rc = gc_collect(w->f.m, GC_FULL, GC_REASON_TESTING);
	assert_int_equal(rc, 0);
	sync_queue(w, before, kind == GC_MINOR);
	walk(w);
	check_weak(w, before, exact);
	for (i = 0; i < MAPS; i++)
		check_map(w, &w->map[i], exact);
	check_ids(w);
	if (exact)
		check_exact(w);
	w->collections = collections(w);
}

/* --- operations: on what a root refers to --------------------------------------------- */

static size_t some_root(struct world *w)
{
	return rnd(w, ROOTS);
}

static void set_root(struct world *w, size_t i, struct node *n, void *obj)
{
	w->sroot[i] = n;
	w->root[i] = obj;
}

static void op_new(struct world *w)
{
	struct node *n = calloc(1, sizeof(*n));
	struct pair *obj;

	assert_non_null(n);
	if (w->nnodes == w->nodes_cap) {
		w->nodes_cap = w->nodes_cap ? 2 * w->nodes_cap : 1024;
		w->node = realloc(w->node, w->nodes_cap * sizeof(struct node *));
		w->stack = realloc(w->stack, w->nodes_cap * sizeof(struct node *));
		w->queue = realloc(w->queue, w->nodes_cap * TAGS * sizeof(struct node *));
		assert_true(w->node && w->stack && w->queue);
	}
	n->index = w->nnodes;
	w->node[w->nnodes++] = n;
	obj = pair_new(&w->f, n->index);
	set_root(w, some_root(w), n, obj);
}

static void op_link(struct world *w)
{
	size_t from = some_root(w), to = some_root(w);
	struct pair *obj = w->root[from];

	if (!obj)
		return;
	if (rnd(w, 2)) {
		gc_write(w->f.m, obj, &obj->a, w->root[to]);
		w->sroot[from]->a = w->sroot[to];
	} else {
		gc_write(w->f.m, obj, &obj->b, w->root[to]);
		w->sroot[from]->b = w->sroot[to];
	}
}

/* Goes along a reference, or drops the root. */
static void op_move(struct world *w)
{
	size_t i = some_root(w);

	if (w->sroot[i] && rnd(w, 3))
		set_root(w, i, w->sroot[i]->a, ((struct pair *)w->root[i])->a);
	else
		set_root(w, i, NULL, NULL);
}

static void op_weak(struct world *w)
{
	size_t i = rnd(w, WEAKS), r = some_root(w);
	struct node *n;
	void *obj;

	if (rnd(w, 2)) {
		w->target[i] = w->sroot[r];
		gc_weak_set(w->f.m, w->weak[i], w->root[r]);
		return;
	}
	/* What is read out of one is alive, whatever it was before. */
	obj = gc_weak_get(w->f.m, w->weak[i]);
	n = w->target[i];
	if (!obj)
		return;
	assert_non_null(n);
	assert_int_equal(((struct pair *)obj)->value, n->index);
	set_root(w, r, n, obj);
}

/* A map that is not used by a root's leave: it has no owner, or that is in a root. */
static struct map *some_map(struct world *w)
{
	struct map *m = &w->map[rnd(w, MAPS)];
	size_t i;

	if (!m->map || !m->owner)
		return m;
	for (i = 0; i < ROOTS; i++)
		if (w->sroot[i] == m->owner)
			return m;
	return NULL;
}

static void op_map_life(struct world *w)
{
	struct map *m = some_map(w);
	size_t r = some_root(w);

	if (!m)
		return;
	if (m->map) {
		if (rnd(w, 8))
			return;
		gc_weakmap_free(w->f.m, m->map);
		*m = (struct map){ 0 };
		return;
	}
	if (rnd(w, 2))
		m->owner = w->sroot[r];
	m->map = gc_weakmap_new(w->f.m, m->owner ? w->root[r] : NULL);
	assert_non_null(m->map);
}

static struct entry *entry_of(struct map *m, const struct node *key)
{
	size_t i;

	for (i = 0; i < m->n; i++)
		if (m->entry[i].key == key)
			return &m->entry[i];
	return NULL;
}

static void op_map(struct world *w)
{
	size_t k = some_root(w), v = some_root(w);
	struct map *m = some_map(w);
	struct entry *e;
	int found, rc;
	void *obj;

	if (!m || !m->map || !w->root[k])
		return;
	e = entry_of(m, w->sroot[k]);
	obj = gc_weakmap_get(w->f.m, m->map, w->root[k], &found);
	assert_int_equal(found, e != NULL);
	if (obj)
		assert_int_equal(((struct pair *)obj)->value, e->value->index);
	if (rnd(w, 5) == 0) {
		rc = gc_weakmap_delete(w->f.m, m->map, w->root[k]);
		assert_int_equal(rc, e ? 0 : -ENOENT);
		if (e)
			*e = m->entry[--m->n];
		return;
	}
	if (!e && m->n == ENTRIES)
		return;
	assert_int_equal(gc_weakmap_set(w->f.m, m->map, w->root[k], w->root[v]), 0);
	if (!e)
		e = &m->entry[m->n++];
	*e = (struct entry){ w->sroot[k], w->sroot[v] };
}

static void op_finalizer(struct world *w)
{
	size_t i = some_root(w), t = rnd(w, TAGS);
	struct node *n = w->sroot[i];
	int rc;

	if (!n)
		return;
	if (n->seq[t]) {
		assert_int_equal(gc_finalizer_remove(w->f.m, w->root[i], &n->seq[t]), 0);
		n->seq[t] = 0;
		return;
	}
	rc = gc_finalizer_remove(w->f.m, w->root[i], &n->seq[t]);
	assert_int_equal(rc, -ENOENT);
	assert_int_equal(gc_finalizer_add(w->f.m, w->root[i], &n->seq[t]), 0);
	n->seq[t] = ++w->last_seq;
}

static void op_take(struct world *w)
{
	struct node *n;
	void *tag, *obj;

	sync_unasked(w);
	obj = gc_finalizer_next(w->f.m, &tag);
	assert_int_equal(obj != NULL, w->nqueue != 0);
	if (!obj)
		return;
	n = w->queue[0];
	memmove(w->queue, w->queue + 1, --w->nqueue * sizeof(struct node *));
	assert_int_equal(((struct pair *)obj)->value, n->index);
	assert_true((uint64_t *)tag >= n->seq && (uint64_t *)tag < n->seq + TAGS);
	if (rnd(w, 2))
		set_root(w, some_root(w), n, obj);
}

static void op_name(struct world *w)
{
	size_t i = some_root(w);
	struct node *n = w->sroot[i];
	uint64_t id;

	if (!n)
		return;
	id = gc_id(w->f.m, w->root[i]);
	assert_true(n->id ? id == n->id : id > w->last_id && id % 2);
	if (!n->id)
		w->last_id = id;
	n->id = id;
	n->external = rnd(w, 3) * 100;
	assert_int_equal(gc_external_attach(w->f.m, w->root[i], 0, n->external), 0);
}

static void step(struct world *w)
{
	static void (*const ops[])(struct world * w) = {
		op_new,	 op_new,  op_new,      op_link,	     op_link, op_link,
		op_move, op_weak, op_weak,     op_map,	     op_map,  op_map,
		op_map,	 op_map,  op_map_life, op_finalizer, op_take, op_name,
	};
	static const enum gc_collect_kind kinds[] = { GC_MINOR, GC_MINOR, GC_MINOR,
						      GC_MAJOR, GC_FULL,  GC_COMPACT };

	ops[rnd(w, sizeof(ops) / sizeof(ops[0]))](w);
	if (rnd(w, 60) == 0)
		collect_and_check(w, kinds[rnd(w, 6)]);
}

static void close_world(struct world *w)
{
	size_t i;

	memset(w->root, 0, sizeof(w->root));
	memset(w->sroot, 0, sizeof(w->sroot));
	do {
		while (gc_finalizer_next(w->f.m, NULL))
			;
		w->nqueue = 0;
		collect_and_check(w, GC_FULL);
	} while (w->nqueue);
	assert_int_equal(stats(&w->f).heap_used, 0);
	for (i = 0; i < WEAKS; i++)
		gc_weak_free(w->f.m, w->weak[i]);
	fix_close(&w->f);
	free(w->node);
	free(w->stack);
	free(w->queue);
}

static void run(unsigned zeal, unsigned every, long steps)
{
	struct gc_options o = { .struct_size = sizeof(o),
				.young_min = KIB(128),
				.young_max = KIB(256),
				.no_release_thread = 1,
				.verify = 1,
				.zeal = zeal,
				.zeal_every = every };
	const char *seed = getenv("GC_SEED");
	static struct world w;
	long i;

	memset(&w, 0, sizeof(w));
	w.seed = seed ? strtoull(seed, NULL, 0) : 20261121;
	print_message("GC_SEED=%llu\n", (unsigned long long)w.seed);
	fix_open(&w.f, &o);
	assert_true(gc_add_root_provider(w.f.heap, visit_roots, &w) >= 0);
	for (i = 0; i < WEAKS; i++)
		w.weak[i] = gc_weak_new(w.f.m, NULL);
	for (i = 0; i < steps; i++)
		step(&w);
	close_world(&w);
}

static void against_the_model(void **state)
{
	const char *steps = getenv("GC_STEPS");

	(void)state;
	run(0, 0, steps ? atol(steps) : 60000);
}

/* Collections between any two operations; what is freed cannot be taken for alive. */
static void with_zeal(void **state)
{
	(void)state;
	run(GC_ZEAL_MINOR | GC_ZEAL_PROTECT | GC_ZEAL_POISON, 3, 4000);
	run(GC_ZEAL_MAJOR | GC_ZEAL_POISON, 10, 4000);
	run(GC_ZEAL_SLICES | GC_ZEAL_POISON, 1, 4000);
	run(GC_ZEAL_EVACUATE | GC_ZEAL_PROMOTE | GC_ZEAL_RELEASE, 1, 4000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(against_the_model),
		cmocka_unit_test(with_zeal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
