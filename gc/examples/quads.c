/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * quads.c - a large tree with four children a node, whose parts are replaced one
 * after the other while smaller trees come and go. Named after a benchmark of the
 * Whippet collectors, written for libmpgc from its description.
 *
 * usage: quads [-vcq] [-g PERCENT] [-p MICROSECONDS] [DEPTH]    of the large tree, 10 by default
 */
#include "gc/examples/example.h"

struct quad {
	struct quad *kid[4];
};

static const struct gc_type *quad_type;

static struct quad *make_inner(struct gc_mutator *m, int depth);

static inline struct quad *make(struct gc_mutator *m, int depth)
{
	return depth > 0 ? make_inner(m, depth) : must(gc_alloc(m, quad_type));
}

static struct quad *make_inner(struct gc_mutator *m, int depth)
{
	struct quad *a = NULL, *b = NULL, *c = NULL, *d = NULL, *q;
	GC_FRAME(m, a, b, c, d);

	a = make(m, depth - 1);
	b = make(m, depth - 1);
	c = make(m, depth - 1);
	d = make(m, depth - 1);
	q = must(gc_alloc(m, quad_type));
	q->kid[0] = a; /* q is new: plain stores */
	q->kid[1] = b;
	q->kid[2] = c;
	q->kid[3] = d;
	return q;
}

static long count(const struct quad *q)
{
	long n = 1;
	int i;

	for (i = 0; i < 4 && q->kid[i]; i++)
		n += count(q->kid[i]);
	return n;
}

/* Replaces part `step` of the 64 that are three levels below the root. */
static void replace(struct gc_mutator *m, struct quad *root, int depth, int step)
{
	struct quad *part = NULL, *at;
	GC_FRAME(m, root, part);

	part = make(m, depth - 3);
	at = root->kid[step / 16]->kid[step / 4 % 4];
	gc_write(m, at, &at->kid[step % 4], part);
}

static void run(struct gc_mutator *m, int depth)
{
	long live, small = 0;
	struct quad *root = NULL;
	int step, i;
	GC_FRAME(m, root);

	root = make(m, depth);
	live = count(root);
	for (step = 0; step < 64; step++) {
		replace(m, root, depth, step);
		for (i = 0; i < 256; i++)
			small += count(make(m, depth - 6));
	}
	printf("%ld quads, then %ld, and %ld in small trees\n", live, count(root), small);
}

int main(int argc, char **argv)
{
	struct example ex = example_start("quads", argc, argv, 10);
	struct gc_type_desc desc = GC_TYPE_INIT(.name = "quad", .kind = GC_BITMAP64,
						.size = sizeof(struct quad), .bitmap = 15);
	struct gc_mutator *m;
	struct gc_heap *heap;

	if (gc_heap_create(&ex.opts, &heap) || gc_mutator_attach(heap, &m) ||
	    gc_type_register(heap, &desc, &quad_type))
		return 1;
	run(m, ex.n < 6 ? 6 : (int)ex.n);
	example_report(&ex, heap);
	gc_mutator_detach(m);
	return gc_heap_destroy(heap) != 0;
}
