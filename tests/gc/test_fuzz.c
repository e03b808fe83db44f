/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_fuzz.c - a random mutator beside a graph of the same shape in malloc'd
 * memory: after every collection that the test asks for both must be the same, and
 * what is unreachable in the shadow must be gone from the heap.
 *
 * GC_SEED=n replays one seed; GC_STEPS=n makes it longer.
 */
#include "common.h"

#define ROOTS 24
#define WIDTH 6

struct shadow {
	struct shadow *ref[200];
	unsigned n; /* references in use: 3 of a triple, all of an array */
	unsigned kind;
	size_t len; /* data arrays: bytes */
	uint64_t id;
	unsigned seen;	  /* round of the last comparison that came here */
	const void *twin; /* its object in that round */
	struct shadow *all;
};

struct triple {
	struct triple *ref[3];
	uint64_t id;
};

enum { TRIPLE, ARRAY, BYTES, NKINDS };

struct world {
	struct fix f;
	const struct gc_type *triple;
	void *root[ROOTS]; /* visited by a provider */
	gc_handle handle[WIDTH];
	struct gc_global *global[WIDTH];
	struct shadow *sroot[ROOTS], *shandle[WIDTH], *sglobal[WIDTH], *all;
	uint64_t seed, next_id;
	unsigned round;
	size_t live_bytes;
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

/* The slots a program may hold an object in, the three kinds in one numbering. */
static void *get(struct world *w, unsigned i, struct shadow **s)
{
	if (i < ROOTS) {
		*s = w->sroot[i];
		return w->root[i];
	}
	i -= ROOTS;
	*s = i < WIDTH ? w->shandle[i] : w->sglobal[i - WIDTH];
	return i < WIDTH ? *w->handle[i] : gc_global_get(w->global[i - WIDTH]);
}

static void put(struct world *w, unsigned i, void *obj, struct shadow *s)
{
	if (i < ROOTS) {
		w->root[i] = obj;
		w->sroot[i] = s;
	} else if (i < ROOTS + WIDTH) {
		*w->handle[i - ROOTS] = obj;
		w->shandle[i - ROOTS] = s;
	} else {
		gc_global_set(w->f.m, w->global[i - ROOTS - WIDTH], obj);
		w->sglobal[i - ROOTS - WIDTH] = s;
	}
}

#define SLOTS (ROOTS + 2 * WIDTH)

static struct shadow *shadow_new(struct world *w, unsigned kind)
{
	struct shadow *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->kind = kind;
	s->id = ++w->next_id;
	s->all = w->all;
	w->all = s;
	return s;
}

static void make(struct world *w, unsigned slot)
{
	struct shadow *s = shadow_new(w, (unsigned)rnd(w, NKINDS));
	struct gc_bytes *b;
	void *obj;

	if (s->kind == TRIPLE) {
		obj = gc_alloc(w->f.m, w->triple);
		assert_non_null(obj);
		((struct triple *)obj)->id = s->id;
		s->n = 3;
	} else if (s->kind == ARRAY) {
		s->n = (unsigned)rnd(w, rnd(w, 8) ? 12 : 200);
		/* Now and then a large one, its used part at the end. */
		s->len = rnd(w, 40) ? s->n : s->n + 5000;
		obj = gc_alloc_array(w->f.m, w->f.refs, s->len);
	} else {
		s->len = rnd(w, rnd(w, 50) ? 300 : 200000);
		obj = b = gc_alloc_array(w->f.m, w->f.bytes, s->len);
		assert_non_null(b);
		if (s->len)
			b->data[0] = b->data[s->len - 1] = (unsigned char)s->id;
	}
	assert_non_null(obj);
	put(w, slot, obj, s);
}

static gc_slot *ref_of(void *obj, const struct shadow *s, unsigned i)
{
	if (s->kind == TRIPLE)
		return (gc_slot *)&((struct triple *)obj)->ref[i];
	return (gc_slot *)&((struct gc_refs *)obj)->ref[s->len - s->n + i];
}

static void link_two(struct world *w, unsigned from, unsigned to)
{
	struct shadow *sf, *st;
	void *of = get(w, from, &sf), *ot = get(w, to, &st);
	unsigned i;

	if (!of || !sf->n)
		return;
	i = (unsigned)rnd(w, sf->n);
	gc_write(w->f.m, of, ref_of(of, sf, i), ot);
	sf->ref[i] = st;
}

static void walk_down(struct world *w, unsigned from, unsigned to)
{
	struct shadow *s;
	void *obj = get(w, from, &s);
	unsigned i;

	if (!obj || !s->n)
		return;
	i = (unsigned)rnd(w, s->n);
	put(w, to, *ref_of(obj, s, i), s->ref[i]);
}

/* Recursion is bounded by the stack below: the graphs get deep. */
static void same(struct world *w, const void *obj, struct shadow *s, struct shadow ***top)
{
	assert_true(!obj == !s);
	if (!s)
		return;
	if (s->seen == w->round) {
		assert_ptr_equal(s->twin, obj);
		return;
	}
	s->seen = w->round;
	s->twin = obj;
	w->live_bytes += gc_object_size(obj) + 8;
	*(*top)++ = s;
}

static void same_fields(struct world *w, struct shadow *s, struct shadow ***top)
{
	void *obj = (void *)(uintptr_t)s->twin;
	const struct gc_bytes *b = obj;
	unsigned i;

	if (s->kind == TRIPLE)
		assert_int_equal(((struct triple *)obj)->id, s->id);
	else
		assert_int_equal(b->len, s->len);
	if (s->kind == BYTES && s->len)
		assert_true(b->data[0] == (unsigned char)s->id &&
			    b->data[s->len - 1] == (unsigned char)s->id);
	for (i = 0; i < s->n; i++)
		same(w, *ref_of(obj, s, i), s->ref[i], top);
}

static void free_unseen(struct world *w)
{
	struct shadow **p = &w->all, *s;

	while ((s = *p)) {
		if (s->seen == w->round) {
			p = &s->all;
			continue;
		}
		*p = s->all;
		free(s);
	}
}

static void compare(struct world *w, bool exact)
{
	struct shadow **stack = calloc(w->next_id + 1, sizeof(*stack)), **top = stack, *s;
	struct gc_stats st = stats(&w->f);
	unsigned i;
	void *obj;

	assert_non_null(stack);
	w->round++;
	w->live_bytes = 0;
	for (i = 0; i < SLOTS; i++) {
		obj = get(w, i, &s);
		same(w, obj, s, &top);
	}
	while (top > stack) {
		s = *--top;
		same_fields(w, s, &top);
	}
	free(stack);
	free_unseen(w);
	/* The heap counts cells of its size classes: at most a quarter more. */
	assert_true(st.heap_used >= w->live_bytes);
	if (exact)
		assert_true(st.heap_used <= w->live_bytes + w->live_bytes / 4 + 4096);
}

static void step(struct world *w)
{
	unsigned a = (unsigned)rnd(w, SLOTS), b = (unsigned)rnd(w, SLOTS);

	switch (rnd(w, 100)) {
	case 0:
		gc_collect(w->f.m, GC_MINOR, GC_REASON_TESTING);
		compare(w, false);
		break;
	case 1:
		gc_collect(w->f.m, rnd(w, 2) ? GC_MAJOR : GC_FULL, GC_REASON_TESTING);
		compare(w, false);
		break;
	case 2:
		gc_collect(w->f.m, GC_FULL, GC_REASON_TESTING);
		compare(w, true);
		if (!rnd(w, 4))
			gc_release_all(w->f.heap);
		break;
	case 3 ... 8:
		put(w, a, NULL, NULL);
		break;
	case 9 ... 40:
		make(w, a);
		break;
	case 41 ... 80:
		link_two(w, a, b);
		break;
	default:
		walk_down(w, a, b);
		break;
	}
}

static void world_open(struct world *w, uint64_t seed)
{
	struct gc_type_desc d = GC_TYPE_INIT(.name = "triple", .kind = GC_BITMAP64,
					     .size = sizeof(struct triple), .bitmap = 7);
	int i;

	memset(w, 0, sizeof(*w));
	w->seed = seed * 0x9e3779b97f4a7c15ULL + 1;
	fix_open(&w->f, NULL);
	assert_int_equal(gc_type_register(w->f.heap, &d, &w->triple), 0);
	assert_true(gc_add_root_provider(w->f.heap, visit_roots, w) >= 0);
	for (i = 0; i < WIDTH; i++) {
		w->handle[i] = gc_handle_new(w->f.m, NULL);
		w->global[i] = gc_global_new(w->f.m, NULL);
	}
}

static void run(uint64_t seed, unsigned steps)
{
	struct world w;
	unsigned i;

	print_message("GC_SEED=%llu\n", (unsigned long long)seed);
	world_open(&w, seed);
	for (i = 0; i < steps; i++)
		step(&w);
	for (i = 0; i < SLOTS; i++)
		put(&w, i, NULL, NULL);
	gc_collect(w.f.m, GC_FULL, GC_REASON_TESTING);
	compare(&w, false);
	assert_int_equal(stats(&w.f).heap_used, 0);
	fix_close(&w.f);
}

static void random_mutator(void **state)
{
	const char *seed = getenv("GC_SEED"), *steps = getenv("GC_STEPS");
	unsigned n = steps ? (unsigned)atoi(steps) : 15000;
	uint64_t i;

	(void)state;
	if (seed) {
		run(strtoull(seed, NULL, 0), n);
		return;
	}
	for (i = 1; i <= 6; i++)
		run(i, n);
	run((uint64_t)time(NULL), n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_mutator),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
