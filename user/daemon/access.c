/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * access.c - see access.h. The rule is the kernel's for PTRACE_MODE_READ without capabilities
 * (ptrace(2), "Ptrace access mode checking"): the viewer's ids equal all of the target's, which
 * is what dm_owner says with one uid, one gid and `plain`.
 */
#include "user/daemon/access.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#define GROUPS_MAX 65536 /* NGROUPS_MAX of Linux */

static bool has_group(const gid_t *list, size_t n, gid_t gid)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == gid)
			return true;
	return false;
}

/* Of a kernel before 4.13, or a peer without supplementary groups, there are none. */
static int peer_groups(int fd, gid_t gid, bool *member)
{
	socklen_t len = 64 * sizeof(gid_t);
	gid_t *list = malloc(len);
	int err = list ? 0 : -ENOMEM;

	while (!err && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, list, &len) < 0) {
		gid_t *more = errno == ERANGE && len <= GROUPS_MAX * sizeof(gid_t)
				      ? realloc(list, len)
				      : NULL;

		if (!more) {
			err = errno == ENOPROTOOPT || errno == ENODATA ? -ENODATA : -errno;
			break;
		}
		list = more;
	}
	if (!err)
		*member = has_group(list, len / sizeof(gid_t), gid);
	free(list);
	return err == -ENODATA ? 0 : err;
}

int dm_peer_read(int fd, const struct dm_config *c, struct dm_peer *p)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	bool member = false;
	int err = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	if (len != sizeof(cred) || cred.uid == (uid_t)-1 || cred.gid == (gid_t)-1)
		return -EINVAL;
	if (c->has_gid && cred.uid && cred.gid != c->gid)
		err = peer_groups(fd, c->gid, &member);
	*p = (struct dm_peer){
		.pid = cred.pid,
		.uid = cred.uid,
		.gid = cred.gid,
		.all = !cred.uid || (c->has_gid && (member || cred.gid == c->gid)),
	};
	return err;
}

bool dm_may_see(const struct dm_peer *p, const struct dm_owner *o)
{
	if (p->all)
		return true;
	return o->plain && p->uid == o->uid && p->gid == o->gid;
}
