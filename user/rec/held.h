/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * held.h - blocks that are kept: by the ring of a history, and by a list of what the ring held at
 * one moment, which is written while the ring goes on and drops them.
 *
 * Owns: the bytes, and who still holds them. Must not: decode, know what a ring is. Holds are taken
 * and given back by one thread; mp_held_write() may be another's meanwhile, and changes none.
 */
#ifndef MEMPROF_HELD_H
#define MEMPROF_HELD_H

#include <stddef.h>
#include <stdint.h>

struct mp_block;
struct mp_held;

struct mp_held_list {
	struct mp_held **v;
	size_t n, cap;
};

/* A copy of the block, held once. NULL: out of memory. */
struct mp_held *mp_held_new(const struct mp_block *b);
/* One hold less; the last one frees. Accepts NULL. */
void mp_held_put(struct mp_held *x);
/* Room for a header, then the payload. */
uint8_t *mp_held_bytes(struct mp_held *x);

/* Holds it once more, at the list's end. 0 or -ENOMEM. */
int mp_held_add(struct mp_held_list *l, struct mp_held *x);
/* Gives back all of them; the list is empty then. */
void mp_held_list_free(struct mp_held_list *l);
/* Writes them as a recording of its own (see mp_writer_open()). 0, or the first -errno. */
int mp_held_write(const struct mp_held_list *l, const char *path);

#endif /* MEMPROF_HELD_H */
