/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * splay.c - a splay tree whose nodes are replaced for ever: old objects are written
 * all the time and refer to young ones, the hardest case for a write barrier.
 * After the benchmark of that name in the Octane suite; own code.
 *
 * usage: splay [-v] [-c] [ROUNDS]    rounds of 80 insertions and removals, 500 by default
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gc/gc.h"

#define NODES	8000
#define CHANGES 80

struct payload {
	struct payload *left, *right;
	struct gc_bytes *text;
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
	const struct gc_type *node, *payload, *bytes;
	uint64_t seed;
};

static uint64_t rnd(struct tree *t)
{
	t->seed ^= t->seed << 13;
	t->seed ^= t->seed >> 7;
	t->seed ^= t->seed << 17;
	return t->seed;
}

static void *must(void *p)
{
	if (!p)
		exit(1);
	return p;
}

static struct payload *make_payload(struct tree *t, int depth, uint64_t key)
{
	struct payload *l = NULL, *r = NULL, *p;
	struct gc_bytes *text = NULL;
	GC_FRAME(t->m, l, r, text);

	if (depth > 0) {
		l = make_payload(t, depth - 1, key);
		r = make_payload(t, depth - 1, key);
	} else {
		text = must(gc_alloc_array(t->m, t->bytes, 24));
		snprintf((char *)text->data, 24, "%020llu", (unsigned long long)key);
	}
	p = must(gc_alloc(t->m, t->payload));
	p->left = l;
	p->right = r;
	p->text = text;
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
	gc_write(t->m, n, &n->value, make_payload(t, 4, key));
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
	char want[24];

	if (p->key != key)
		exit(1);
	if (p->left)
		return check_payload(p->left, key) + check_payload(p->right, key) + 1;
	snprintf(want, sizeof(want), "%020llu", (unsigned long long)key);
	if (strcmp((const char *)p->text->data, want))
		exit(1);
	return 1;
}

/* Keys in order, every payload as it was made. A splay tree may be deep: no recursion
 * on the right side. */
static size_t check_tree(const struct node *n, uint64_t *last, size_t *parts)
{
	size_t count = 0;

	for (; n; n = n->right) {
		count += n->left ? check_tree(n->left, last, parts) + 1 : 1;
		if (n->key < *last)
			exit(1);
		*last = n->key;
		*parts += check_payload(n->value, n->key);
	}
	return count;
}

static void run(struct tree *t, int rounds)
{
	uint64_t last = 0;
	size_t parts = 0, n;
	int i, j;

	for (i = 0; i < NODES; i++)
		insert(t, rnd(t));
	for (i = 0; i < rounds; i++)
		for (j = 0; j < CHANGES; j++) {
			insert(t, rnd(t));
			remove_near(t, rnd(t));
		}
	n = check_tree(root(t), &last, &parts);
	printf("%zu nodes in order, %zu parts of payload intact\n", n, parts);
}

static int setup(struct tree *t, struct gc_heap *heap)
{
	struct gc_type_desc node = GC_TYPE_INIT(.name = "splay node", .kind = GC_BITMAP64,
						.size = sizeof(struct node), .bitmap = 7);
	struct gc_type_desc payload = GC_TYPE_INIT(.name = "payload", .kind = GC_BITMAP64,
						   .size = sizeof(struct payload), .bitmap = 7);

	t->bytes = gc_type_bytes(heap);
	if (gc_mutator_attach(heap, &t->m) || gc_type_register(heap, &node, &t->node) ||
	    gc_type_register(heap, &payload, &t->payload))
		return -1;
	t->root = gc_global_new(t->m, NULL);
	return t->root ? 0 : -1;
}

static void report(struct gc_heap *heap, clock_t start)
{
	struct gc_stats st;

	gc_stats(heap, &st);
	fprintf(stderr, "%.3f s, %llu minor %.3f s, %llu major %.3f s, longest pause %.2f ms\n",
		(double)(clock() - start) / CLOCKS_PER_SEC, (unsigned long long)st.minor_count,
		(double)st.minor_pause_ns / 1e9, (unsigned long long)st.major_count,
		(double)st.major_pause_ns / 1e9, (double)st.max_pause_ns / 1e6);
}

int main(int argc, char **argv)
{
	struct gc_options opts = GC_OPTIONS_INIT;
	struct tree t = { .seed = 49734321 };
	int i, rounds = 500, verbose = 0;
	clock_t start = clock();
	struct gc_heap *heap;

	opts.name = "splay";
	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "-v"))
			verbose = 1;
		else if (!strcmp(argv[i], "-c"))
			opts.verify = 1;
		else
			rounds = atoi(argv[i]);
	}
	if (gc_heap_create(&opts, &heap) || setup(&t, heap))
		return 1;
	run(&t, rounds);
	if (verbose)
		report(heap, start);
	gc_mutator_detach(t.m);
	return gc_heap_destroy(heap) != 0;
}
