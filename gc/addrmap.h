/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * addrmap.h - hash tables from the address of an object to a word, outside the heap.
 *
 * Owns the tables' memory: its own mappings, so that it shows neither as the
 * program's nor as the heap's. Knows where the young space is and whom to ask whether
 * an object lives; what the words mean, and the locking, is the business of ids.c and
 * weak.c.
 */
#ifndef MPGC_ADDRMAP_H
#define MPGC_ADDRMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gc_heap;
struct gc_visitor;

struct addr_pair {
	uintptr_t key; /* an object, or one of these */
	uint64_t val;
};
#define ADDR_NONE ((uintptr_t)0)
#define ADDR_GONE ((uintptr_t)1) /* was an object; the search goes on behind it */

/*
 * Open addressing, linear probing. Pairs stay where they are until the next put, so
 * a loop over v may remove what it is at. Invariant: n pairs with objects, `gone` with
 * ADDR_GONE, and 4 * (n + gone) <= 3 * cap.
 *
 * Pairs that come out of one table in its order must not be put into another that
 * grows on the way, unless it has another mult: they would all come to the same part
 * of it, and the time be quadratic.
 */
struct addrmap {
	struct addr_pair *v;
	size_t cap; /* 0 or a power of two */
	size_t n, gone;
	uint64_t mult; /* of the hash; 0: that of all tables that do not say */
};
#define ADDR_MULT2 0xd6e8feb86659fd93u /* has nothing to do with the usual one */

struct addr_pair *addrmap_find(const struct gc_heap *h, const struct addrmap *m, const void *obj);
/* The pair of obj; a new one has val 0. NULL: no memory. */
struct addr_pair *addrmap_put(const struct gc_heap *h, struct addrmap *m, const void *obj);
void addrmap_remove(struct addrmap *m, struct addr_pair *p);
void addrmap_free(struct addrmap *m);

/*
 * One table for what a minor collection has to look at, one for the rest: a pair is in
 * `young` when its key is a young object or, where the words are references, its word
 * is. Between collections every pair is in the table where it belongs.
 */
struct genmap {
	struct addrmap young, old;
	bool refs; /* the words are references to objects, or NULL */
};

typedef void (*genmap_fn)(struct gc_heap *h, void *obj, uint64_t val, void *arg);

struct addr_pair *genmap_find(const struct gc_heap *h, const struct genmap *g, const void *obj);
/* obj has the word val from now on. False: no memory. */
bool genmap_set(const struct gc_heap *h, struct genmap *g, const void *obj, uint64_t val);
void genmap_remove(const struct gc_heap *h, struct genmap *g, struct addr_pair *p);
/*
 * With the world stopped and all that lives known to v: pairs of the dead are dropped
 * (dead() is told of each, unless NULL), the others follow their objects. References
 * are visited; those to objects that moved need it, and no other is news.
 */
void genmap_update(struct gc_visitor *v, struct genmap *g, genmap_fn dead, void *arg);
void genmap_free(struct genmap *g);
size_t genmap_count(const struct genmap *g);
size_t genmap_bytes(const struct genmap *g);
/* What is wrong, or NULL. Keys are live objects that have the header flag. */
const char *genmap_check(const struct gc_heap *h, const struct genmap *g, uint64_t flag);

#endif /* MPGC_ADDRMAP_H */
