/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * copy.h - what the ring in memory held, written to a file by a thread of its own: the place may be
 * as slow as it likes, or take nothing at all, and the daemon's loop goes on.
 *
 * Owns: the thread, the list of blocks that it writes. Must not: wait but in dm_copy_end().
 */
#ifndef MEMPROF_DAEMON_COPY_H
#define MEMPROF_DAEMON_COPY_H

#include <stdbool.h>

struct dm_copy;
struct mp_held_list;

/* The file has its name when it is whole; until then ".part" stands behind it. The list is taken
 * over, whatever comes of it. 0 or -errno. */
int dm_copy_start(struct mp_held_list *l, const char *path, struct dm_copy **out);
/* False: not yet. Else *err says what came of it, and *c is freed. */
bool dm_copy_over(struct dm_copy *c, int *err);
/* The daemon ends: the copy may take some seconds more, then it is left as it is, to end with the
 * process. Accepts NULL. */
void dm_copy_end(struct dm_copy *c);

#endif /* MEMPROF_DAEMON_COPY_H */
