/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * maptab.c - see maptab.h.
 *
 *   list:   p->maps, linked by next and prev, sorted by start
 *   leaves: at most LEAF_MAX neighbours of the list each, with their starts beside
 *           them; none is empty
 *   first:  the start of each leaf's first mapping
 *
 * Invariants: the leaves one after the other are the list; first[i] is
 * leaf[i]->start[0]; p->n_maps is the length of the list.
 */
#include "user/model/maptab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/util/util.h"

#define LEAF_MAX 64u

struct mp_map_leaf {
	unsigned n;
	uint64_t start[LEAF_MAX];
	struct mp_mapping *v[LEAF_MAX];
};

/* How many of n sorted numbers are not above x. */
static size_t not_above(const uint64_t *v, size_t n, uint64_t x)
{
	size_t lo = 0, hi = n;

	while (lo < hi) { /* invariant: v[i] <= x for i < lo, > x for i >= hi */
		size_t mid = lo + (hi - lo) / 2;

		if (v[mid] <= x)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The leaf that addr belongs to: the last that begins at or below it, or the first. */
static size_t leaf_of(const struct mp_proc *p, uint64_t addr)
{
	size_t n = not_above(p->map_index.first, p->map_index.n, addr);

	return n ? n - 1 : 0;
}

struct mp_mapping *maptab_above(const struct mp_proc *p, uint64_t addr)
{
	const struct mp_map_leaf *l;
	struct mp_mapping *v;
	size_t k;

	if (!p->n_maps)
		return NULL;
	l = p->map_index.leaf[leaf_of(p, addr)];
	k = not_above(l->start, l->n, addr);
	if (!k) /* below all of them */
		return p->maps;
	v = l->v[k - 1];
	return v->end > addr ? v : v->next;
}

/* --- leaves ---------------------------------------------------------------------- */

/* Puts an empty leaf at index i; its caller fills it and says where it begins. */
static struct mp_map_leaf *leaf_insert(struct mp_map_index *x, size_t i)
{
	struct mp_map_leaf *l;

	if (x->n == x->cap) {
		size_t cap = x->cap ? x->cap * 2 : 4;
		uint64_t *first = realloc(x->first, cap * sizeof(*first));
		struct mp_map_leaf **leaf;

		if (!first)
			return NULL;
		x->first = first;
		leaf = realloc(x->leaf, cap * sizeof(*leaf));
		if (!leaf)
			return NULL;
		x->leaf = leaf;
		x->cap = cap;
	}
	l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	memmove(x->first + i + 1, x->first + i, (x->n - i) * sizeof(*x->first));
	memmove(x->leaf + i + 1, x->leaf + i, (x->n - i) * sizeof(*x->leaf));
	x->leaf[i] = l;
	x->n++;
	return l;
}

static void leaf_remove(struct mp_map_index *x, size_t i)
{
	free(x->leaf[i]);
	x->n--;
	memmove(x->first + i, x->first + i + 1, (x->n - i) * sizeof(*x->first));
	memmove(x->leaf + i, x->leaf + i + 1, (x->n - i) * sizeof(*x->leaf));
}

/* Moves the mappings from slot k on to the end of another leaf. */
static void leaf_move(struct mp_map_leaf *from, unsigned k, struct mp_map_leaf *to)
{
	unsigned n = from->n - k;

	memcpy(to->start + to->n, from->start + k, n * sizeof(from->start[0]));
	memcpy(to->v + to->n, from->v + k, n * sizeof(from->v[0]));
	to->n += n;
	from->n = k;
}

/* Makes room for one that starts at `start`; *i is the leaf that will hold it. */
static int leaf_room(struct mp_map_index *x, uint64_t start, size_t *i)
{
	struct mp_map_leaf *l = x->n ? x->leaf[*i] : NULL, *upper;
	bool append;

	if (l && l->n < LEAF_MAX)
		return 0;
	/* Behind the last: a snapshot comes in order and fills its leaves. */
	append = l && *i + 1 == x->n && start > l->start[l->n - 1];
	upper = leaf_insert(x, l ? *i + 1 : 0);
	if (!upper)
		return -ENOMEM;
	if (append) {
		x->first[++*i] = start;
	} else if (l) {
		leaf_move(l, LEAF_MAX / 2, upper);
		x->first[*i + 1] = upper->start[0];
		*i += start >= upper->start[0];
	}
	return 0;
}

/* Two neighbours that are half empty together become one. */
static void leaf_join(struct mp_map_index *x, size_t i)
{
	if (i + 1 >= x->n || x->leaf[i]->n + x->leaf[i + 1]->n > LEAF_MAX / 2)
		return;
	leaf_move(x->leaf[i + 1], 0, x->leaf[i]);
	leaf_remove(x, i + 1);
}

/* --- the table ------------------------------------------------------------------- */

static void link_after(struct mp_proc *p, struct mp_mapping *prev, struct mp_mapping *v)
{
	v->prev = prev;
	v->next = prev ? prev->next : p->maps;
	if (v->next)
		v->next->prev = v;
	if (prev)
		prev->next = v;
	else
		p->maps = v;
	p->n_maps++;
}

int maptab_add(struct mp_proc *p, struct mp_mapping *v)
{
	struct mp_map_index *x = &p->map_index;
	size_t i = leaf_of(p, v->start), k;
	int err = leaf_room(x, v->start, &i);
	struct mp_map_leaf *l;

	if (err)
		return err;
	l = x->leaf[i];
	k = not_above(l->start, l->n, v->start);
	link_after(p, k ? l->v[k - 1] : i ? x->leaf[i - 1]->v[x->leaf[i - 1]->n - 1] : NULL, v);
	memmove(l->start + k + 1, l->start + k, (l->n - k) * sizeof(l->start[0]));
	memmove(l->v + k + 1, l->v + k, (l->n - k) * sizeof(l->v[0]));
	l->start[k] = v->start;
	l->v[k] = v;
	l->n++;
	p->cls_maps[v->cls]++;
	x->first[i] = l->start[0];
	return 0;
}

void maptab_del(struct mp_proc *p, struct mp_mapping *v)
{
	struct mp_map_index *x = &p->map_index;
	size_t i = leaf_of(p, v->start);
	struct mp_map_leaf *l = x->leaf[i];
	size_t k = not_above(l->start, l->n, v->start) - 1;

	x->hot = x->hot == v ? NULL : x->hot;
	*(v->prev ? &v->prev->next : &p->maps) = v->next;
	if (v->next)
		v->next->prev = v->prev;
	p->n_maps--;
	p->cls_maps[v->cls]--;
	l->n--;
	memmove(l->start + k, l->start + k + 1, (l->n - k) * sizeof(l->start[0]));
	memmove(l->v + k, l->v + k + 1, (l->n - k) * sizeof(l->v[0]));
	if (!l->n) {
		leaf_remove(x, i);
		return;
	}
	x->first[i] = l->start[0];
	leaf_join(x, i);
}

void maptab_lower(struct mp_proc *p, struct mp_mapping *v, uint64_t start)
{
	size_t i = leaf_of(p, v->start);
	struct mp_map_leaf *l = p->map_index.leaf[i];

	l->start[not_above(l->start, l->n, v->start) - 1] = start;
	p->map_index.first[i] = l->start[0];
	v->start = start;
}

void maptab_clear(struct mp_proc *p)
{
	struct mp_map_index *x = &p->map_index;

	for (struct mp_mapping *v = p->maps, *next; v; v = next) {
		next = v->next;
		free(v);
	}
	for (size_t i = 0; i < x->n; i++)
		free(x->leaf[i]);
	free(x->first);
	free(x->leaf);
	memset(x, 0, sizeof(*x));
	p->maps = NULL;
	p->n_maps = 0;
}

struct mp_mapping *mp_map_at(const struct mp_proc *p, size_t i)
{
	const struct mp_map_index *x = &p->map_index;

	for (size_t k = 0; k < x->n; k++) {
		if (i < x->leaf[k]->n)
			return x->leaf[k]->v[i];
		i -= x->leaf[k]->n;
	}
	return NULL;
}
