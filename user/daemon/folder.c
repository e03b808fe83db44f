/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * folder.c - see folder.h.
 */
#include "user/daemon/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "user/daemon/place.h"
#include "user/daemon/store.h"

#define PATH_LEN 4096

static int cannot(struct mp_diag *diag, int err, const char *what, const char *path)
{
	mp_diag_fmt(diag->what, "cannot %s %.120s", what, path);
	mp_diag_fmt(diag->cause, "%s", strerror(-err));
	return mp_diag_set(diag, err,
			   err == -EACCES || err == -EPERM ? MP_EXIT_NOT_PERMITTED
							   : MP_EXIT_FAILURE,
			   NULL, NULL, "state = FOLDER and socket = PATH in its file say where");
}

/* Whom what is made is to belong to; -1: who makes it. */
static struct dm_made made_for(const struct dm_config *c, mode_t mode)
{
	const struct passwd *p = c->user && !geteuid() ? getpwnam(c->user) : NULL;

	return (struct dm_made){ .mode = mode,
				 .uid = p ? p->pw_uid : (uid_t)-1,
				 .gid = p ? p->pw_gid : (gid_t)-1 };
}

static int open_lock(int dir, const char *name, const struct dm_made *m)
{
	int how = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
	int fd = openat(dir, name, how | O_CREAT | O_EXCL, 0600), err;

	if (fd < 0 && errno == EEXIST)
		fd = openat(dir, name, how);
	else if (fd >= 0 && m->uid != (uid_t)-1 && fchown(fd, m->uid, m->gid)) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd < 0 ? -errno : fd;
}

/*
 * The lock is the process's own (fcntl(2)) and ends with it. One by flock(2) would also be that of
 * its children, which end a little later: who starts again behind a kill would find it taken.
 * -EBUSY: another has it, in `who` the number of its process (0: in another namespace).
 */
static int try_lock(int fd, pid_t *who)
{
	struct flock want = { .l_type = F_WRLCK, .l_whence = SEEK_SET }, has = want;

	while (fcntl(fd, F_SETLK, &want)) {
		if ((errno != EAGAIN && errno != EACCES) || fcntl(fd, F_GETLK, &has))
			return -errno;
		*who = has.l_pid > 0 ? has.l_pid : 0;
		if (has.l_type != F_UNLCK)
			return -EBUSY;
		has = want; /* it has just ended */
	}
	return 0;
}

/* The descriptor stays open: closing any of the file's would end the lock. */
static int lock(int dir, const char *name, const char *of, const struct dm_made *m,
		struct mp_diag *diag)
{
	pid_t who = 0;
	int fd = open_lock(dir, name, m), err = fd < 0 ? fd : try_lock(fd, &who);

	if (!err)
		return 0;
	if (fd >= 0)
		close(fd);
	if (err != -EBUSY) {
		mp_diag_fmt(diag->fix, "remove %.60s, which somebody else made", name);
		mp_diag_fmt(diag->what, "cannot lock %.120s", of);
		return mp_diag_set(diag, err, MP_EXIT_FAILURE, NULL, strerror(-err), NULL);
	}
	mp_diag_fmt(diag->what, "another memprof daemon has %.120s", of);
	if (who)
		mp_diag_fmt(diag->cause, "process %d has locked its %.60s", who, name);
	else
		mp_diag_fmt(diag->cause, "its %.60s is locked from another PID namespace", name);
	return mp_diag_set(diag, err, MP_EXIT_FAILURE, NULL, NULL,
			   "end that one first, or give this one a state and a socket of its own");
}

/* The daemon makes its socket when it has given root up; then only its own folder, or one that
 * all may put files into and nobody may take others' from, will do. */
static int check_socket_folder(int fd, const char *dir, const struct dm_made *m,
			       struct mp_diag *diag)
{
	uid_t who = m->uid == (uid_t)-1 ? geteuid() : m->uid;
	struct stat st;

	if (fstat(fd, &st))
		return cannot(diag, -errno, "look at", dir);
	if (st.st_uid == who || (!st.st_uid && st.st_mode & S_ISVTX && st.st_mode & S_IWOTH))
		return 0;
	mp_diag_fmt(diag->what, "the socket cannot be in %.120s", dir);
	mp_diag_fmt(diag->cause, "that folder belongs to user %u, not to the daemon's user, %u",
		    st.st_uid, who);
	return mp_diag_set(diag, -EPERM, MP_EXIT_FAILURE, NULL, NULL,
			   "socket = /run/memprof/memprof.sock: a folder of its own is made");
}

static int take_socket(const struct dm_config *c, struct mp_diag *diag)
{
	struct dm_made m = made_for(c, 0755);
	char path[PATH_LEN], dir[PATH_LEN], *base;
	struct sockaddr_un a;
	int fd, err;

	if (!c->socket || !*c->socket)
		return 0;
	if (strlen(c->socket) >= sizeof(a.sun_path))
		return cannot(diag, -ENAMETOOLONG, "listen at", c->socket);
	snprintf(dir, sizeof(dir), "%s", c->socket);
	dirname(dir);
	fd = dm_place_open(dir, true, &m);
	if (fd < 0)
		return cannot(diag, fd, "make the folder of", c->socket);
	snprintf(path, sizeof(path), "%s.lock", c->socket);
	base = strrchr(path, '/');
	err = check_socket_folder(fd, dir, &m, diag);
	if (!err)
		err = lock(fd, base ? base + 1 : path, c->socket, &m, diag);
	close(fd);
	return err;
}

int dm_folder_take(const struct dm_config *c, struct mp_diag *diag)
{
	struct dm_made m = made_for(c, 0750);
	int fd = dm_store_open(c->state, true, m.uid, m.gid, diag), err;

	if (fd < 0)
		return fd;
	err = lock(fd, "lock", c->state, &m, diag);
	close(fd);
	return err ? err : take_socket(c, diag);
}
