/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * index.c - see index.h. Open addressing; invariant: the slots are a power of two
 * and at least twice the keys.
 */
#include "user/model/index.h"

#include <errno.h>
#include <stdlib.h>

struct slot {
	uint64_t key;
	size_t number; /* + 1; 0 = free */
};

struct mp_index {
	struct slot *slot;
	size_t n, n_slots;
};

/*
 * Keys may come from a recording whose writer knows this code. Where the table lies he
 * does not know, and without that he cannot make keys that meet in one slot. No order
 * that anybody sees depends on it.
 */
static uint64_t hash(const struct mp_index *ix, uint64_t key)
{
	uint64_t h = (key ^ (uint64_t)(uintptr_t)ix >> 4) * 0x9e3779b97f4a7c15ULL;

	h = (h ^ h >> 29 ^ (uint64_t)(uintptr_t)ix) * 0xbf58476d1ce4e5b9ULL;
	return h >> 32;
}

/* The slot that holds the key, or the free one where it would go. */
static struct slot *slot_of(const struct mp_index *ix, uint64_t key)
{
	size_t i = (size_t)hash(ix, key) & (ix->n_slots - 1);

	while (ix->slot[i].number && ix->slot[i].key != key)
		i = (i + 1) & (ix->n_slots - 1);
	return &ix->slot[i];
}

size_t mp_index_find(const struct mp_index *ix, uint64_t key)
{
	return ix && ix->n ? slot_of(ix, key)->number - 1 : MP_INDEX_NONE;
}

static int grow(struct mp_index *ix)
{
	struct mp_index was = *ix;
	size_t n = was.n_slots ? was.n_slots * 2 : 16;

	if (ix->n * 2 + 2 <= ix->n_slots)
		return 0;
	ix->slot = calloc(n, sizeof(*ix->slot));
	if (!ix->slot) {
		*ix = was;
		return -ENOMEM;
	}
	ix->n_slots = n;
	for (size_t i = 0; i < was.n_slots; i++)
		if (was.slot[i].number)
			*slot_of(ix, was.slot[i].key) = was.slot[i];
	free(was.slot);
	return 0;
}

int mp_index_add(struct mp_index **ix, uint64_t key, size_t number)
{
	if (!*ix)
		*ix = calloc(1, sizeof(**ix));
	if (!*ix || grow(*ix))
		return -ENOMEM;
	*slot_of(*ix, key) = (struct slot){ key, number + 1 };
	(*ix)->n++;
	return 0;
}

void mp_index_free(struct mp_index *ix)
{
	if (!ix)
		return;
	free(ix->slot);
	free(ix);
}
