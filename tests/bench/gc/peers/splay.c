/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* splay.c - gc/examples/splay.c for malloc and for bdwgc. */
#include "mem.h"

#define NODES	8000
#define CHANGES 80
#define DEPTH	4
#define NUMBERS 10

struct payload {
	struct payload *left, *right;
	uint64_t *numbers;
	uint64_t key;
};
struct node {
	struct node *left, *right;
	struct payload *value;
	uint64_t key;
};

static struct node *root;
static uint32_t seed = 49734321;

static uint32_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed;
}

static struct payload *make_payload(int depth, uint64_t key)
{
	struct payload *l = NULL, *r = NULL, *p;
	uint64_t *numbers = NULL;

	if (depth > 0) {
		l = make_payload(depth - 1, key);
		r = make_payload(depth - 1, key);
	} else {
		numbers = mem_new_data(NUMBERS * sizeof(*numbers));
		for (size_t i = 0; i < NUMBERS; i++)
			numbers[i] = key + i;
	}
	p = mem_new(sizeof(*p));
	*p = (struct payload){ l, r, numbers, key };
	return p;
}

static void drop_payload(struct payload *p)
{
	if (!p)
		return;
	drop_payload(p->left);
	drop_payload(p->right);
	mem_free(p->numbers);
	mem_free(p);
}

static void drop(struct node *n)
{
	if (!MEM_FREES)
		return;
	drop_payload(n->value);
	mem_free(n);
}

static struct node *new_node(void)
{
	struct node *n = mem_new(sizeof(*n));

	*n = (struct node){ 0 };
	return n;
}

static struct node *rotate_right(struct node *n)
{
	struct node *l = n->left;

	n->left = l->right;
	l->right = n;
	return l;
}

static struct node *rotate_left(struct node *n)
{
	struct node *r = n->right;

	n->right = r->left;
	r->left = n;
	return r;
}

static void splay(uint64_t key)
{
	struct node *d = new_node(), *left = d, *right = d, *cur = root;

	for (;;) {
		if (key < cur->key && cur->left) {
			if (key < cur->left->key)
				cur = rotate_right(cur);
			if (!cur->left)
				break;
			right->left = cur;
			right = cur;
			cur = cur->left;
		} else if (key > cur->key && cur->right) {
			if (key > cur->right->key)
				cur = rotate_left(cur);
			if (!cur->right)
				break;
			left->right = cur;
			left = cur;
			cur = cur->right;
		} else {
			break;
		}
	}
	left->right = cur->left;
	right->left = cur->right;
	cur->left = d->right;
	cur->right = d->left;
	root = cur;
	mem_free(d);
}

static void insert(uint64_t key)
{
	struct node *n = new_node(), *r;

	n->key = key;
	n->value = make_payload(DEPTH, key);
	if (root) {
		splay(key);
		r = root;
		if (r->key == key) {
			drop(n);
			return;
		}
		if (key > r->key) {
			n->left = r;
			n->right = r->right;
			r->right = NULL;
		} else {
			n->right = r;
			n->left = r->left;
			r->left = NULL;
		}
	}
	root = n;
}

static void remove_near(uint64_t key)
{
	struct node *right, *gone;

	splay(key);
	gone = root;
	right = gone->right;
	if (!gone->left) {
		root = right;
	} else {
		root = gone->left;
		splay(UINT64_MAX);
		root->right = right;
	}
	drop(gone);
}

struct sum {
	uint64_t last;
	size_t nodes, parts;
	uint32_t keys;
};

static size_t check_payload(const struct payload *p, uint64_t key)
{
	if (p->key != key)
		exit(1);
	if (p->left)
		return check_payload(p->left, key) + check_payload(p->right, key) + 1;
	for (size_t i = 0; i < NUMBERS; i++)
		if (p->numbers[i] != key + i)
			exit(1);
	return 1;
}

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

int main(int argc, char **argv)
{
	long rounds = mem_args(argc, argv, 500), i;
	struct sum s = { 0 };

	for (i = 0; i < NODES; i++)
		insert(rnd());
	for (i = 0; i < rounds * CHANGES; i++) {
		insert(rnd());
		remove_near(rnd());
	}
	check_tree(root, &s);
	printf("%zu nodes in order, %zu parts of payload intact, keys %08x\n", s.nodes, s.parts,
	       s.keys);
	return 0;
}
