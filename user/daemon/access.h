/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * access.h - who may see which target: a pure function of what the kernel says of the peer of
 * a socket and of the target's owner. Nothing a viewer sends is asked.
 */
#ifndef MEMPROF_DAEMON_ACCESS_H
#define MEMPROF_DAEMON_ACCESS_H

#include "user/daemon/targets.h"

struct dm_peer {
	pid_t pid;
	uid_t uid;
	gid_t gid;
	bool all; /* uid 0, or a member of the group that sees all */
};

/* SO_PEERCRED and SO_PEERGROUPS of a connected Unix socket. 0 or -errno. */
int dm_peer_read(int fd, const struct dm_config *c, struct dm_peer *p);
bool dm_may_see(const struct dm_peer *p, const struct dm_owner *o);

#endif /* MEMPROF_DAEMON_ACCESS_H */
