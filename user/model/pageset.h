/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pageset.h - a set of pages of one address space, as sparse bitmaps.
 *
 * Two bits a page: resident, and "dropped by a call since it was last
 * resident" (to know a refault when it comes). Cost follows the memory that was
 * ever touched, not the address range; counting over a range skips what is empty.
 * All addresses and lengths are bytes and are widened to whole pages.
 */
#ifndef MEMPROF_PAGESET_H
#define MEMPROF_PAGESET_H

#include <stdint.h>

struct mp_pageset;

struct mp_pageset *mp_pageset_new(void);
void mp_pageset_free(struct mp_pageset *s);

/* Marks [addr, addr+len) resident. Returns the pages that were not before, or
 * -ENOMEM; *refaulted (may be NULL) grows by those that had been dropped. */
int64_t mp_pageset_set(struct mp_pageset *s, uint64_t addr, uint64_t len, uint64_t *refaulted);
/* Marks it absent. With `drop` the pages are remembered as dropped by a call.
 * Returns the pages that were resident. */
int64_t mp_pageset_clear(struct mp_pageset *s, uint64_t addr, uint64_t len, int drop);
/* Moves the state of [from, from+len) to `to` (mremap); the source is left
 * absent and undropped. 0 or -ENOMEM. */
int mp_pageset_move(struct mp_pageset *s, uint64_t from, uint64_t to, uint64_t len);
void mp_pageset_reset(struct mp_pageset *s);

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

uint64_t mp_pageset_count(const struct mp_pageset *s, uint64_t addr, uint64_t len);
uint64_t mp_pageset_total(const struct mp_pageset *s);
int mp_pageset_test(const struct mp_pageset *s, uint64_t addr);

/* Calls fn for each maximal run of resident (dropped = 0) or dropped pages in
 * [addr, addr+len), in address order; stops at the first non-zero result. */
int mp_pageset_runs(const struct mp_pageset *s, uint64_t addr, uint64_t len, int dropped,
		    int (*fn)(void *ctx, uint64_t addr, uint64_t len), void *ctx);

#endif /* MEMPROF_PAGESET_H */
