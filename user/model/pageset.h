/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pageset.h - a set of pages of one address space, as sparse bitmaps.
 *
 * A page is resident or not. A page that is not may be *dropped*: it was resident
 * and given up, which makes its next touch a refault. A resident page may be
 * *lazy*: given up by MADV_FREE, the kernel has not taken it yet. Dropped and lazy
 * pages carry a tag, a word whose meaning is the caller's (when and by whom) but
 * for one thing: the larger tag is the later one.
 *
 * Cost follows the memory that is resident or was dropped, not the address range;
 * what is neither dropped nor lazy pays for no tags. Counting over a range skips
 * what is empty. All addresses and lengths are bytes and are widened to whole pages.
 */
#ifndef MEMPROF_PAGESET_H
#define MEMPROF_PAGESET_H

#include <stdint.h>

struct mp_pageset;

struct mp_pageset *mp_pageset_new(void);
void mp_pageset_free(struct mp_pageset *s);
void mp_pageset_reset(struct mp_pageset *s);

enum mp_pages_kind { MP_PGS_RESIDENT = 0, MP_PGS_DROPPED = 1, MP_PGS_LAZY = 2 };

/*
 * Called for pages that had been given up and with which something happens, in
 * address order, a run of one kind and tag at a time. What the result means is said
 * by the function that calls it.
 */
typedef uint64_t (*mp_tag_fn)(void *ctx, enum mp_pages_kind kind, uint64_t tag, uint64_t addr,
			      uint64_t pages);

/* In: whom to tell, NULL = nobody. Out: counts are added. May be NULL everywhere. */
struct mp_pages_did {
	mp_tag_fn fn;
	void *ctx;
	uint64_t refaulted; /* pages that had been dropped and are resident now */
	uint64_t lazy_on;   /* pages that became lazy                           */
	uint64_t lazy_off;  /* pages that are lazy no more, for whatever reason */
};

/* [addr, addr+len) was touched: all of it is resident, nothing is dropped or lazy.
 * Tells both kinds; the result is not used. Pages that became resident, or -ENOMEM. */
int64_t mp_pageset_touch(struct mp_pageset *s, uint64_t addr, uint64_t len,
			 struct mp_pages_did *did);
/* The same for what nearly every fault is: pages of one 2 MiB block that holds resident
 * pages already and nothing given up, so that there is nobody to tell. -1: it is not so,
 * nothing was done. */
int64_t mp_pageset_touch_plain(struct mp_pageset *s, uint64_t addr, uint64_t len);
/* The same of one page. */
int mp_pageset_touch_page(struct mp_pageset *s, uint64_t addr);
/* It was found resident, by whatever way: lazy pages stay lazy. Tells dropped ones: a
 * result other than 0 makes them lazy with that tag. As above, or -ENOMEM. */
int64_t mp_pageset_found(struct mp_pageset *s, uint64_t addr, uint64_t len,
			 struct mp_pages_did *did);
/* It was found absent: what was dropped stays so. Tells lazy pages: they become dropped
 * with the result as their tag, or with 0 (or nobody to tell) are forgotten. Pages that
 * were resident. */
int64_t mp_pageset_absent(struct mp_pageset *s, uint64_t addr, uint64_t len,
			  struct mp_pages_did *did);
/* A call dropped it: what was resident gets the tag. `unmap`: earlier drops in the
 * range are forgotten, the addresses are nobody's now. Pages that were resident. */
int64_t mp_pageset_drop(struct mp_pageset *s, uint64_t addr, uint64_t len, uint64_t tag, int unmap,
			struct mp_pages_did *did);
/* MADV_FREE: what is resident is lazy with this tag. Pages that are. */
int64_t mp_pageset_lazy(struct mp_pageset *s, uint64_t addr, uint64_t len, uint64_t tag,
			struct mp_pages_did *did);
/* Lazy pages of the range are plain resident ones again. */
void mp_pageset_unlazy(struct mp_pageset *s, uint64_t addr, uint64_t len, struct mp_pages_did *did);

/* Short forms: touch, with the refaulted added to *refaulted (may be NULL); absent and
 * not dropped, or with `drop` a drop with tag 0. Results as above. */
int64_t mp_pageset_set(struct mp_pageset *s, uint64_t addr, uint64_t len, uint64_t *refaulted);
int64_t mp_pageset_clear(struct mp_pageset *s, uint64_t addr, uint64_t len, int drop);

/* Moves the state of [from, from+len) to `to` with its tags (mremap); the source is
 * left absent and undropped. 0 or -ENOMEM. */
int mp_pageset_move(struct mp_pageset *s, uint64_t from, uint64_t to, uint64_t len);

/*
 * Which chunks of 2 MiB are mapped as one huge page, as a scan saw it. Only chunks
 * that lie whole in the range and are resident whole can be marked; any page that
 * leaves takes the mark away.
 */
void mp_pageset_huge_set(struct mp_pageset *s, uint64_t addr, uint64_t len, int huge);
uint64_t mp_pageset_huge_total(const struct mp_pageset *s); /* pages */
/* Calls fn for each such chunk of the range, in address order. */
int mp_pageset_huge_runs(const struct mp_pageset *s, uint64_t addr, uint64_t len,
			 int (*fn)(void *ctx, uint64_t addr, uint64_t len), void *ctx);

/*
 * Memory that holds nothing resident and only remembers drops, in units of about
 * 256 bytes. mp_pageset_forget() gives back what of it has no tag from `before` on:
 * those pages are dropped no more. Pages forgotten.
 */
uint64_t mp_pageset_hollow(const struct mp_pageset *s);
uint64_t mp_pageset_forget(struct mp_pageset *s, uint64_t before);

uint64_t mp_pageset_count(const struct mp_pageset *s, uint64_t addr, uint64_t len);
/* Resident pages of the 2 MiB block that addr lies in. */
uint64_t mp_pageset_block(const struct mp_pageset *s, uint64_t addr);
uint64_t mp_pageset_count_lazy(const struct mp_pageset *s, uint64_t addr, uint64_t len);
uint64_t mp_pageset_total(const struct mp_pageset *s);
uint64_t mp_pageset_total_lazy(const struct mp_pageset *s);
int mp_pageset_test(const struct mp_pageset *s, uint64_t addr);
/* Is the page of addr dropped? Then *tag is its tag. */
int mp_pageset_dropped(const struct mp_pageset *s, uint64_t addr, uint64_t *tag);

/* Calls fn for each maximal run of pages of a kind in [addr, addr+len), in address
 * order (lazy pages are resident ones too); stops at the first non-zero result. */
int mp_pageset_runs(const struct mp_pageset *s, uint64_t addr, uint64_t len,
		    enum mp_pages_kind kind, int (*fn)(void *ctx, uint64_t addr, uint64_t len),
		    void *ctx);
/* The same for dropped or lazy pages, a run for each tag. */
int mp_pageset_tags(const struct mp_pageset *s, uint64_t addr, uint64_t len,
		    enum mp_pages_kind kind,
		    int (*fn)(void *ctx, uint64_t addr, uint64_t len, uint64_t tag), void *ctx);

/* What the set holds and so what walking it may cost. */
struct mp_pageset_cost {
	uint64_t regions, chunks; /* of 1 GiB, of 2 MiB                      */
	uint64_t tags;		  /* chunks with a tag for each of their pages */
	uint64_t bytes;		  /* of memory                               */
};
void mp_pageset_cost(const struct mp_pageset *s, struct mp_pageset_cost *c);

/* Every invariant of the structure; for tests, slow. 0 or the number of the one broken. */
int mp_pageset_check(const struct mp_pageset *s);

#endif /* MEMPROF_PAGESET_H */
