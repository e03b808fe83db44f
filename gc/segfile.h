/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * segfile.h - what every writer of a counters segment does alike, whatever the runtime
 * (gc_segment.h is the layout): make the sealed memory, say that it is ready, store
 * counters and names so that a reader never takes half of one.
 *
 * Knows nothing of a heap, keeps nothing, takes no lock: one thread at a time.
 */
#ifndef MPGC_SEGFILE_H
#define MPGC_SEGFILE_H

#include <stddef.h>
#include <stdint.h>

#include "gc/gc_segment.h"

/* A sealed mapping of len bytes, zero, gone in a forked child. Returns its descriptor,
 * to be kept open (a reader gets in by it), with *map the mapping; or -errno. */
int segfile_map(size_t len, void **map);
/* The header *l with pid and start times of now; from here on readers take the segment. */
void segfile_publish(struct gc_seg_header *seg, const struct gc_seg_header *l);
/* Stores *c but its seq. */
void segfile_counters(struct gc_seg_counters *to, const struct gc_seg_counters *c);
/* Adds a name, cut to what fits, to a table of cap entries. -ENOSPC: it is full. */
int segfile_name(struct gc_seg_names *names, uint32_t cap, unsigned kind, unsigned id,
		 const char *name);

#endif /* MPGC_SEGFILE_H */
