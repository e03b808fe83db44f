/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * splay.c - a splay tree whose nodes are replaced for ever: old objects are written
 * all the time and refer to young ones, the hardest case for a write barrier.
 * After the benchmark of that name in the Octane suite; own code.
 *
 * usage: splay [-vcq] [-g PERCENT] [-p US] [ROUNDS]    of 80 insertions and removals, 500 by default
 */
#include "gc/examples/example.h"

#define NODES	8000
#define CHANGES 80
#define DEPTH	4  /* of a node's payload, a tree     */
#define NUMBERS 10 /* in each leaf of it              */

struct numbers {
	size_t len;
	uint64_t v[];
};
struct payload {
	struct payload *left, *right;
	struct numbers *numbers; /* of a leaf */
	uint64_t key;
};
struct node {
	struct node *left, *right;
	struct payload *value;
	uint64_t key;
};

struct tree {
	struct gc_mutator *m;
	struct gc_global *root;
	const struct gc_type *node, *payload, *numbers;
	uint32_t seed;
};

/* Marsaglia's xorshift: no number comes twice in 2^32 - 1. */
static uint32_t rnd(struct tree *t)
{
	t->seed ^= t->seed << 13;
	t->seed ^= t->seed >> 17;
	t->seed ^= t->seed << 5;
	return t->seed;
}

static struct payload *make_payload(struct tree *t, int depth, uint64_t key)
{
	struct payload *l = NULL, *r = NULL, *p;
	struct numbers *numbers = NULL;
	GC_FRAME(t->m, l, r, numbers);

	if (depth > 0) {
		l = make_payload(t, depth - 1, key);
		r = make_payload(t, depth - 1, key);
	} else {
		numbers = must(gc_alloc_array(t->m, t->numbers, NUMBERS));
		for (size_t i = 0; i < NUMBERS; i++)
			numbers->v[i] = key + i;
	}
	p = must(gc_alloc(t->m, t->payload));
	p->left = l;
	p->right = r;
	p->numbers = numbers;
	p->key = key;
	return p;
}

static struct node *root(struct tree *t)
{
	return gc_global_get(t->root);
}

/* A node that collects the two sides while the tree is taken apart; allocates. */
static struct node *dummy(struct tree *t)
{
	return must(gc_alloc(t->m, t->node));
}

static struct node *rotate_right(struct tree *t, struct node *n)
{
	struct node *l = n->left;

	gc_write(t->m, n, &n->left, l->right);
	gc_write(t->m, l, &l->right, n);
	return l;
}

static struct node *rotate_left(struct tree *t, struct node *n)
{
	struct node *r = n->right;

	gc_write(t->m, n, &n->right, r->left);
	gc_write(t->m, r, &r->left, n);
	return r;
}

/* Top-down splaying (Sleator and Tarjan 1985). Only dummy() allocates. */
static void splay(struct tree *t, uint64_t key)
{
	struct node *d = dummy(t), *left = d, *right = d, *cur = root(t);

	for (;;) {
		if (key < cur->key && cur->left) {
			if (key < cur->left->key)
				cur = rotate_right(t, cur);
			if (!cur->left)
				break;
			gc_write(t->m, right, &right->left, cur);
			right = cur;
			cur = cur->left;
		} else if (key > cur->key && cur->right) {
			if (key > cur->right->key)
				cur = rotate_left(t, cur);
			if (!cur->right)
				break;
			gc_write(t->m, left, &left->right, cur);
			left = cur;
			cur = cur->right;
		} else {
			break;
		}
	}
	gc_write(t->m, left, &left->right, cur->left);
	gc_write(t->m, right, &right->left, cur->right);
	gc_write(t->m, cur, &cur->left, d->right);
	gc_write(t->m, cur, &cur->right, d->left);
	gc_global_set(t->m, t->root, cur);
}

static void insert(struct tree *t, uint64_t key)
{
	struct node *n = NULL, *r;
	GC_FRAME(t->m, n);

	n = dummy(t);
	n->key = key;
	gc_write(t->m, n, &n->value, make_payload(t, DEPTH, key));
	if (root(t)) {
		splay(t, key);
		r = root(t);
		if (r->key == key)
			return;
		if (key > r->key) {
			gc_write(t->m, n, &n->left, r);
			gc_write(t->m, n, &n->right, r->right);
			gc_write(t->m, r, &r->right, NULL);
		} else {
			gc_write(t->m, n, &n->right, r);
			gc_write(t->m, n, &n->left, r->left);
			gc_write(t->m, r, &r->left, NULL);
		}
	}
	gc_global_set(t->m, t->root, n);
}

/* Removes the node nearest to key; the tree never gets empty here. */
static void remove_near(struct tree *t, uint64_t key)
{
	struct node *right = NULL, *r;
	GC_FRAME(t->m, right);

	splay(t, key);
	r = root(t);
	right = r->right;
	if (!r->left) {
		gc_global_set(t->m, t->root, right);
		return;
	}
	gc_global_set(t->m, t->root, r->left);
	splay(t, UINT64_MAX);
	r = root(t);
	gc_write(t->m, r, &r->right, right);
}

static size_t check_payload(const struct payload *p, uint64_t key)
{
	size_t i;

	if (p->key != key)
		exit(1);
	if (p->left)
		return check_payload(p->left, key) + check_payload(p->right, key) + 1;
	for (i = 0; i < NUMBERS; i++)
		if (p->numbers->v[i] != key + i)
			exit(1);
	return 1;
}

struct sum {
	uint64_t last;
	size_t nodes, parts;
	uint32_t keys;
};

/* Keys in order, every payload as it was made. A splay tree may be deep: no recursion
 * on the right side. */
static void check_tree(const struct node *n, struct sum *s)
{
	for (; n; n = n->right) {
		if (n->left)
			check_tree(n->left, s);
		if (n->key < s->last)
			exit(1);
		s->last = n->key;
		s->nodes++;
		s->parts += check_payload(n->value, n->key);
		s->keys = s->keys * 31 + (uint32_t)n->key;
	}
}

static void run(struct tree *t, long rounds)
{
	struct sum s = { 0 };
	long i;
	int j;

	for (i = 0; i < NODES; i++)
		insert(t, rnd(t));
	for (i = 0; i < rounds; i++)
		for (j = 0; j < CHANGES; j++) {
			insert(t, rnd(t));
			remove_near(t, rnd(t));
		}
	check_tree(root(t), &s);
	printf("%zu nodes in order, %zu parts of payload intact, keys %08x\n", s.nodes, s.parts,
	       s.keys);
}

static int setup(struct tree *t, struct gc_heap *heap)
{
	struct gc_type_desc node = GC_TYPE_INIT(.name = "splay node", .kind = GC_BITMAP64,
						.size = sizeof(struct node), .bitmap = 7);
	struct gc_type_desc payload = GC_TYPE_INIT(.name = "payload", .kind = GC_BITMAP64,
						   .size = sizeof(struct payload), .bitmap = 7);
	struct gc_type_desc numbers =
		GC_TYPE_INIT(.name = "numbers", .kind = GC_DATA, .elem = sizeof(uint64_t));

	if (gc_mutator_attach(heap, &t->m) || gc_type_register(heap, &node, &t->node) ||
	    gc_type_register(heap, &payload, &t->payload) ||
	    gc_type_register(heap, &numbers, &t->numbers))
		return -1;
	t->root = gc_global_new(t->m, NULL);
	return t->root ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct example ex = example_start("splay", argc, argv, 500);
	struct tree t = { .seed = 49734321 };
	struct gc_heap *heap;

	if (gc_heap_create(&ex.opts, &heap) || setup(&t, heap))
		return 1;
	run(&t, ex.n);
	example_report(&ex, heap);
	gc_mutator_detach(t.m);
	return gc_heap_destroy(heap) != 0;
}
