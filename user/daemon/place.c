/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * place.c - see place.h.
 */
#include "user/daemon/place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

static bool ours(uid_t uid)
{
	return !uid || uid == geteuid();
}

/* Nobody else can have put what has this name there, nor put something in its place. */
static bool is_trusted(int at, const char *name)
{
	struct stat dir, st;

	if (fstat(at, &dir) || !ours(dir.st_uid))
		return false;
	if (!(dir.st_mode & (S_IWGRP | S_IWOTH)))
		return true;
	return dir.st_mode & S_ISVTX && !fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) &&
	       ours(st.st_uid);
}

/* A folder on the way: it need not be readable. */
static int enter(int at, const char *name)
{
	int how = O_PATH | O_DIRECTORY | O_CLOEXEC;
	int fd = openat(at, name, how | O_NOFOLLOW);

	if (fd < 0 && (errno == ELOOP || errno == ENOTDIR) && is_trusted(at, name))
		fd = openat(at, name, how);
	return fd < 0 ? -errno : fd;
}

/* Only what was made a moment ago is given away: it is who made it's, and has that mode. */
static int give(int fd, const struct dm_made *m)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (st.st_uid != geteuid())
		return -EPERM; /* another one took its place */
	if (m->uid != (uid_t)-1 && m->uid != st.st_uid && fchown(fd, m->uid, m->gid))
		return -errno;
	return fchmod(fd, m->mode) ? -errno : 0; /* whatever the umask left */
}

int dm_place_at(int at, const char *name, struct dm_made *m)
{
	int fd, err;

	m->is = !mkdirat(at, name, m->mode);
	err = m->is || errno == EEXIST || errno == EROFS ? 0 : -errno;
	if (err)
		return err;
	fd = openat(at, name, FOLDER | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	err = m->is ? give(fd, m) : 0;
	if (!err)
		return fd;
	close(fd);
	return err;
}

/* The next name of a path; false: there is none. */
static bool next(const char **path, char name[NAME_MAX + 1])
{
	size_t len;

	*path += strspn(*path, "/");
	len = strcspn(*path, "/");
	if (!len || len > NAME_MAX)
		return false;
	memcpy(name, *path, len);
	name[len] = 0;
	*path += len;
	return true;
}

/* Into what is above the last name, which is left in `name`. */
static int walk(const char *path, bool above, char name[NAME_MAX + 1])
{
	int at = open(*path == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC), to;
	struct dm_made m = { .mode = 0755, .uid = (uid_t)-1 };

	if (at < 0)
		return -errno;
	if (!next(&path, name)) {
		close(at);
		return -EINVAL;
	}
	while (path[strspn(path, "/")]) {
		to = enter(at, name);
		if (to == -ENOENT && above)
			to = dm_place_at(at, name, &m);
		close(at);
		if (to < 0)
			return to;
		at = to;
		if (!next(&path, name)) {
			close(at);
			return -ENAMETOOLONG;
		}
	}
	return at;
}

int dm_place_open(const char *path, bool above, struct dm_made *m)
{
	char name[NAME_MAX + 1];
	int at, fd;

	if (*path == '/' && !path[strspn(path, "/")]) { /* there is no name for it */
		m->is = false;
		fd = open("/", FOLDER);
		return fd < 0 ? -errno : fd;
	}
	at = walk(path, above, name);
	if (at < 0)
		return at;
	fd = dm_place_at(at, name, m);
	close(at);
	return fd;
}

int dm_place_parent(const char *path, const char **name)
{
	char last[NAME_MAX + 1];
	const char *slash = strrchr(path, '/');

	*name = slash ? slash + 1 : path;
	return **name ? walk(path, false, last) : -EINVAL;
}

/* --- sockets ------------------------------------------------------------------------------- */

socklen_t dm_place_socket(int dir, const char *name, struct sockaddr_un *a)
{
	int len;

	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	len = snprintf(a->sun_path, sizeof(a->sun_path), "/proc/self/fd/%d/%s", dir, name);
	return len > 0 && (size_t)len < sizeof(a->sun_path) ? sizeof(*a) : 0;
}

int dm_place_free(int dir, const char *name)
{
	struct sockaddr_un a;
	struct stat st;
	int fd, err;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	if (!dm_place_socket(dir, name, &a))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	err = connect(fd, (struct sockaddr *)&a, sizeof(a)) ? errno : 0;
	close(fd);
	if (err != ECONNREFUSED) /* no right to ask, or of another type: who knows */
		return err == ENOENT ? 0 : -EADDRINUSE;
	return unlinkat(dir, name, 0) && errno != ENOENT ? -errno : 0;
}
