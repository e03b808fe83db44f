/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * names.c - a set of strings, numbered in the order they came.
 *
 * Open addressing with a table never more than half full. Must not know the heap.
 */
#include <stdlib.h>
#include <string.h>

#include "gc/names.h"

/* FNV-1a. */
static uint32_t hash(const char *s)
{
	uint32_t x = 2166136261u;

	for (; *s; s++)
		x = (x ^ (unsigned char)*s) * 16777619u;
	return x;
}

/* Where s is in the table, or would be. */
static uint32_t *find(const struct names *n, const char *s)
{
	uint32_t at = hash(s), *slot;

	for (;; at++) {
		slot = &n->slots[at & (n->cap * 2 - 1)];
		if (!*slot || !strcmp(n->v[*slot - 1], s))
			return slot;
	}
}

static int grow(struct names *n)
{
	uint32_t cap = n->cap ? n->cap * 2 : 256, i;
	uint32_t *slots = calloc(cap * 2, sizeof(*slots));
	const char **v = slots ? realloc(n->v, cap * sizeof(*v)) : NULL;

	if (!v) {
		free(slots);
		return -1;
	}
	free(n->slots);
	*n = (struct names){ .v = v, .slots = slots, .n = n->n, .cap = cap };
	for (i = 0; i < n->n; i++)
		*find(n, v[i]) = i + 1;
	return 0;
}

/* The index of s, which becomes a member if it is none. NAME_NONE: no memory. */
uint32_t names_index(struct names *n, const char *s)
{
	uint32_t *slot;

	if (n->n == n->cap && grow(n))
		return NAME_NONE;
	slot = find(n, s);
	if (!*slot) {
		n->v[n->n++] = s;
		*slot = n->n;
	}
	return *slot - 1;
}

void names_free(struct names *n)
{
	free(n->v);
	free(n->slots);
	*n = (struct names){ 0 };
}
