/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * maptab.h - the mappings of a process in order of address, found by address.
 *
 * A list gives the order and the neighbours, an index of two levels the way in: a
 * process may have 65,530 mappings and change 10,000 a second, so nothing here costs
 * by their number. Owns the order, not what a mapping says: who changes a range keeps
 * the mappings disjoint (maps.c), and a start changes only through maptab_lower().
 */
#ifndef MEMPROF_MAPTAB_H
#define MEMPROF_MAPTAB_H

#include "user/model/model.h"

/* Takes v in, which must overlap none. -ENOMEM: nothing was done. */
int maptab_add(struct mp_proc *p, struct mp_mapping *v);
/* Takes v out; it is the caller's to free. */
void maptab_del(struct mp_proc *p, struct mp_mapping *v);
/* The first mapping that ends above addr, or NULL. */
struct mp_mapping *maptab_above(const struct mp_proc *p, uint64_t addr);
/* The same for whoever asks again and again near the same place. */
static inline struct mp_mapping *maptab_hot(struct mp_proc *p, uint64_t addr)
{
	struct mp_mapping *v = p->map_index.hot;

	if (!v || addr < v->start || addr >= v->end)
		p->map_index.hot = v = maptab_above(p, addr);
	return v;
}
/* v begins at `start` now, at or below where it did and above the one before it. */
void maptab_lower(struct mp_proc *p, struct mp_mapping *v, uint64_t start);
/* Frees the index and every mapping. */
void maptab_clear(struct mp_proc *p);

#endif /* MEMPROF_MAPTAB_H */
