/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * index.h - numbers by 64-bit key: where in an array the record of a key lies.
 *
 * Grows with its keys, which never leave one by one. Must not: know the records.
 */
#ifndef MEMPROF_INDEX_H
#define MEMPROF_INDEX_H

#include <stddef.h>
#include <stdint.h>

struct mp_index;

#define MP_INDEX_NONE ((size_t)-1)

/* The number of a key, or MP_INDEX_NONE; ix may be NULL (empty). */
size_t mp_index_find(const struct mp_index *ix, uint64_t key);
/* Adds a key that is not there; makes the index when *ix is NULL. 0 or -ENOMEM. */
int mp_index_add(struct mp_index **ix, uint64_t key, size_t number);
void mp_index_free(struct mp_index *ix);

#endif /* MEMPROF_INDEX_H */
