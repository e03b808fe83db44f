/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * place.h - folders and sockets that the daemon makes in a file system where others, and it
 * itself after it gave root up, can write as well.
 *
 * Owns: how a place is reached and made. Must not: know what lies there; print.
 *
 * What was there keeps its owner and its mode. What is made is given away by its descriptor. A
 * link at the end of a path is never followed, one on the way only if root, or who runs this, put
 * it there.
 */
#ifndef MEMPROF_DAEMON_PLACE_H
#define MEMPROF_DAEMON_PLACE_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

struct dm_made {
	mode_t mode;
	uid_t uid; /* -1: who makes it */
	gid_t gid;
	bool is; /* out: it was not there */
};

/*
 * Opens the folder `name` in `at`, made as *m says if need be. The descriptor, or -errno: -ELOOP
 * or -ENOTDIR: something else is there.
 */
int dm_place_at(int at, const char *name, struct dm_made *m);
/* The same by a path. above: folders above it that are missing are made, 0755, and stay with
 * who makes them; otherwise -ENOENT. */
int dm_place_open(const char *path, bool above, struct dm_made *m);
/* The folder that a path's last name is in, which must be there: its descriptor or -errno; *name
 * points into the path. */
int dm_place_parent(const char *path, const char **name);

/* How a socket in a folder is called, whatever the folder's path means by now; the length for
 * bind(). 0: the name is too long. */
socklen_t dm_place_socket(int dir, const char *name, struct sockaddr_un *a);
/*
 * Removes a socket that nobody has any more. 0: nothing is there now; -EADDRINUSE: somebody may
 * be listening; -EEXIST: it is no socket; -errno.
 */
int dm_place_free(int dir, const char *name);

#endif /* MEMPROF_DAEMON_PLACE_H */
