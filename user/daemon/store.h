/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * store.h - the daemon's state folder: what lies where, under which names, and how much.
 *
 *   STATE/ring/ring.NNNN.mprof             the flight recorder, while it runs
 *   STATE/incidents/TIME-WHAT-N/           an incident that is whole
 *   STATE/incidents/.TIME-WHAT-N/          one in the making
 *
 * Owns: names, folders, the bound on bytes. Must not: know sessions or processes. N grows with
 * each incident whatever the clock does; what is old is told by it alone.
 */
#ifndef MEMPROF_DAEMON_STORE_H
#define MEMPROF_DAEMON_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "user/util/diag.h"

#define DM_STORE_PATH 4160 /* bytes: a config's state folder and a name in it */
#define DM_STORE_NAME 96
#define DM_LEFT_MAX   4 /* rings of daemons before this one that are kept */

/* What a ring became that an earlier daemon left; no target can have such a name. */
#define DM_LEFT_CRASH "CRASH"
#define DM_LEFT_STOP  "STOP"
#define DM_LEFT_ANEW  "ANEW" /* of this daemon, when it began a new session */

/* "20260131T120000Z-web-17". Returns buf. */
char *dm_store_name(char *buf, size_t size, time_t wall, const char *what, unsigned n);
/* Of such a name: its N, 0 when it is none; *left: an earlier daemon's ring. */
unsigned dm_store_number(const char *name, bool *left);

/*
 * Makes what is not there of STATE, STATE/incidents and STATE/ring, 0750, the user's (uid -1:
 * whoever makes them). What was there is left as it is: refused is what does not belong to that
 * user, can be written by others, or is no folder. 0, or -errno with diag.
 */
int dm_store_make(const char *state, uid_t uid, gid_t gid, struct mp_diag *diag);
/* The same, and STATE's descriptor. above: folders above it are made, too, and not given away. */
int dm_store_open(const char *state, bool above, uid_t uid, gid_t gid, struct mp_diag *diag);
/* False: a folder of them is missing. */
bool dm_store_there(const char *state);

/* The highest N there is, of incidents whole and in the making; 0: none. */
unsigned dm_store_last(const char *state);
/*
 * A ring that is not empty becomes .TIME-CRASH-N/ring or, where it was ended well,
 * .TIME-STOP-N/ring, and a new STATE/ring takes its place. 1 and the folder's name; 0: there is
 * nothing in it; -errno.
 */
int dm_store_leave(const char *state, const char *kind, time_t wall, unsigned n,
		   char name[DM_STORE_NAME]);

/* A folder and all in it; links are removed and not followed. 0 or -errno. */
int dm_store_remove(const char *path);

struct dm_bound {
	uint64_t bytes;	  /* of incidents that are whole, afterwards */
	unsigned n;	  /* ... their number */
	unsigned removed; /* now */
};
/* Removes the oldest until the rest has at most `max` bytes; the newest stays. Of earlier
 * daemons' rings at most DM_LEFT_MAX stay. 0 or -errno. */
int dm_store_bound(const char *state, uint64_t max, struct dm_bound *b);

#endif /* MEMPROF_DAEMON_STORE_H */
