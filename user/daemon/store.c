/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * store.c - see store.h. The state folder is the daemon's alone (dm_store_make() makes sure),
 * so that paths in it mean what they meant an instant ago.
 */
#include "user/daemon/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/daemon/place.h"
#include "user/util/util.h"

#define IN_IT	  (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define DEPTH_MAX 4 /* of a folder that is removed or counted: ours have two */

/* --- names --------------------------------------------------------------------------------- */

char *dm_store_name(char *buf, size_t size, time_t wall, const char *what, unsigned n)
{
	char when[32];
	struct tm tm;

	if (!gmtime_r(&wall, &tm) || !strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &tm))
		snprintf(when, sizeof(when), "00000000T000000Z");
	snprintf(buf, size, "%s-%s-%u", when, what, n);
	return buf;
}

unsigned dm_store_number(const char *name, bool *left)
{
	const char *what = strchr(name, '-'), *last = strrchr(name, '-');
	unsigned long n;
	char *end;
	size_t len;

	*left = false;
	if (!what || last == what || last[1] < '1' || last[1] > '9')
		return 0;
	n = strtoul(last + 1, &end, 10);
	if (*end || n > INT32_MAX)
		return 0;
	len = (size_t)(last - ++what);
	*left = (len == strlen(DM_LEFT_CRASH) && !strncmp(what, DM_LEFT_CRASH, len)) ||
		(len == strlen(DM_LEFT_STOP) && !strncmp(what, DM_LEFT_STOP, len)) ||
		(len == strlen(DM_LEFT_ANEW) && !strncmp(what, DM_LEFT_ANEW, len));
	return (unsigned)n;
}

/* --- folders ------------------------------------------------------------------------------- */

static int refuse(struct mp_diag *diag, int err, const char *path, const char *why, const char *fix)
{
	mp_diag_fmt(diag->what, "the state folder %.120s cannot be used", path);
	return mp_diag_set(diag, err, err == -EACCES ? MP_EXIT_NOT_PERMITTED : MP_EXIT_FAILURE,
			   NULL, why, fix);
}

/* It was there: what is somebody else's stays so, and is not used. */
static int refuse_owner(struct mp_diag *diag, const char *path, const struct stat *st, uid_t who)
{
	const struct passwd *p = getpwuid(st->st_uid);
	char of[64], why[128], fix[256];

	if (p)
		snprintf(of, sizeof(of), "%.32s", p->pw_name);
	else
		snprintf(of, sizeof(of), "%u", st->st_uid);
	snprintf(why, sizeof(why), "it belongs to another user, %s", of);
	p = getpwuid(who);
	if (p && who) /* the daemon's own user */
		snprintf(fix, sizeof(fix), "chown -R %.32s: %.150s", p->pw_name, path);
	else
		snprintf(fix, sizeof(fix), "user = %s", of);
	return refuse(diag, -EPERM, path, why, fix);
}

/* A folder of the daemon's: of whom it becomes, or of who runs this, and nobody else writes it. */
static int check(const char *path, int fd, uid_t uid, struct mp_diag *diag)
{
	uid_t who = uid == (uid_t)-1 ? geteuid() : uid;
	struct stat st;

	if (fstat(fd, &st))
		return refuse(diag, -errno, path, strerror(errno), "");
	if (st.st_uid != who)
		return refuse_owner(diag, path, &st, who);
	if (st.st_mode & (S_IWOTH | S_IWGRP))
		return refuse(diag, -EPERM, path, "others can write it", "chmod go-w");
	return 0;
}

/* fd: of the folder or why there is none. Returns it, checked. */
static int checked(const char *path, int fd, uid_t uid, struct mp_diag *diag)
{
	int err;

	if (fd < 0)
		return refuse(diag, fd, path, strerror(-fd),
			      fd == -ENOENT ? "the folder above it has to be there: mkdir -p"
					    : "state = another folder");
	err = check(path, fd, uid, diag);
	if (!err)
		return fd;
	close(fd);
	return err;
}

static const char *const folders[] = { "incidents", "ring" };

int dm_store_open(const char *state, bool above, uid_t uid, gid_t gid, struct mp_diag *diag)
{
	struct dm_made m = { .mode = 0750, .uid = uid, .gid = gid };
	int at = checked(state, dm_place_open(state, above, &m), uid, diag), fd;
	char path[DM_STORE_PATH];

	for (size_t i = 0; i < 2 && at >= 0; i++) {
		snprintf(path, sizeof(path), "%s/%s", state, folders[i]);
		fd = checked(path, dm_place_at(at, folders[i], &m), uid, diag);
		close(fd < 0 ? at : fd);
		at = fd < 0 ? fd : at;
	}
	return at;
}

int dm_store_make(const char *state, uid_t uid, gid_t gid, struct mp_diag *diag)
{
	int fd = dm_store_open(state, false, uid, gid, diag);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

bool dm_store_there(const char *state)
{
	char path[DM_STORE_PATH];
	struct stat st;
	bool there = !stat(state, &st);

	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", state, folders[i]);
		there &= !stat(path, &st);
	}
	return there;
}

/* --- what is in them ----------------------------------------------------------------------- */

struct entry {
	char name[DM_STORE_NAME];
	unsigned n;
	bool left;
	uint64_t bytes;
};

static uint64_t bytes_at(int at, const char *name, int depth)
{
	int fd = openat(at, name, IN_IT);
	DIR *dp = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;
	uint64_t sum = 0;
	struct stat st;

	if (!dp && fd >= 0)
		close(fd);
	while (dp && (d = readdir(dp))) {
		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, "..") ||
		    fstatat(fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		sum += (uint64_t)st.st_blocks * 512;
		if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
			sum += bytes_at(fd, d->d_name, depth + 1);
	}
	if (dp)
		closedir(dp);
	return sum;
}

static int newest_first(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->n == y->n ? strcmp(x->name, y->name) : x->n < y->n ? 1 : -1;
}

/* Incidents that are whole, the newest first. */
static int list(DIR *dp, struct entry **out, size_t *n)
{
	struct entry *v = NULL, e;
	size_t cap = 0;
	struct dirent *d;
	int err = 0;

	*n = 0;
	while (!err && (d = readdir(dp))) {
		e.n = dm_store_number(d->d_name, &e.left);
		if (!e.n || d->d_name[0] == '.' || strlen(d->d_name) >= sizeof(e.name))
			continue;
		snprintf(e.name, sizeof(e.name), "%.*s", DM_STORE_NAME - 1, d->d_name);
		e.bytes = bytes_at(dirfd(dp), e.name, 0);
		err = mp_grow(&v, &cap, *n + 1, sizeof(*v));
		if (!err)
			v[(*n)++] = e;
	}
	if (*n)
		qsort(v, *n, sizeof(*v), newest_first);
	*out = v;
	return err;
}

unsigned dm_store_last(const char *state)
{
	char path[DM_STORE_PATH];
	unsigned last = 0, n;
	struct dirent *d;
	bool left;
	DIR *dp;

	snprintf(path, sizeof(path), "%s/incidents", state);
	dp = opendir(path);
	while (dp && (d = readdir(dp))) {
		n = dm_store_number(d->d_name + (d->d_name[0] == '.'), &left);
		last = n > last ? n : last;
	}
	if (dp)
		closedir(dp);
	return last;
}

int dm_store_bound(const char *state, uint64_t max, struct dm_bound *b)
{
	char path[DM_STORE_PATH], one[DM_STORE_PATH + DM_STORE_NAME];
	unsigned lefts = 0;
	bool full = false;
	struct entry *v;
	size_t n;
	DIR *dp;
	int err;

	*b = (struct dm_bound){ .bytes = 0 };
	snprintf(path, sizeof(path), "%s/incidents", state);
	dp = opendir(path);
	if (!dp)
		return -errno;
	err = list(dp, &v, &n);
	closedir(dp);
	for (size_t i = 0; i < n; i++) {
		full |= i &&
			b->bytes + v[i].bytes > max; /* and so is what is older, however small */
		snprintf(one, sizeof(one), "%s/%s", path, v[i].name);
		if ((full || (v[i].left && ++lefts > DM_LEFT_MAX)) && !dm_store_remove(one)) {
			b->removed++;
			continue;
		}
		b->bytes += v[i].bytes;
		b->n++;
	}
	free(v);
	return err;
}

/* --- removing and moving ------------------------------------------------------------------- */

static int remove_at(int at, const char *name, int depth)
{
	int fd = openat(at, name, IN_IT), err = 0;
	DIR *dp = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;

	if (!dp) {
		if (fd >= 0)
			close(fd);
		return -errno;
	}
	while ((d = readdir(dp))) {
		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
			continue;
		if (unlinkat(fd, d->d_name, 0) && errno == EISDIR && depth < DEPTH_MAX)
			err = remove_at(fd, d->d_name, depth + 1);
	}
	closedir(dp);
	return unlinkat(at, name, AT_REMOVEDIR) ? -errno : err;
}

int dm_store_remove(const char *path)
{
	return remove_at(AT_FDCWD, path, 0);
}

/* What is in a ring's folder: nothing, or files, of which one is a whole ring. Takes the
 * descriptor over. */
static bool holds(int fd, bool *stopped)
{
	DIR *dp = fdopendir(fd);
	bool any = false;
	struct dirent *d;

	*stopped = false;
	while (dp && (d = readdir(dp))) {
		any |= d->d_name[0] != '.';
		*stopped |= !strcmp(d->d_name, "ring.mprof");
	}
	if (dp)
		closedir(dp);
	else
		close(fd);
	return any;
}

/* Moves the ring into incidents/NAME, and makes a new one. Root may do this in a folder that is
 * another user's by now: so nothing by a path. */
static int put_aside(int at, const char *name, struct dm_made *m)
{
	int in = openat(at, "incidents", IN_IT), to, err;

	if (in < 0)
		return -errno;
	to = dm_place_at(in, name, m);
	close(in);
	if (to < 0)
		return to;
	err = renameat(at, "ring", to, "ring") ? -errno : 0;
	close(to);
	to = err ? err : dm_place_at(at, "ring", m);
	if (to >= 0)
		close(to);
	return to < 0 ? to : 1;
}

int dm_store_leave(const char *state, const char *kind, time_t wall, unsigned n,
		   char name[DM_STORE_NAME])
{
	struct dm_made m = { .mode = 0750, .uid = (uid_t)-1, .gid = (gid_t)-1 };
	int at = dm_place_open(state, false, &m), ring, err;
	struct stat st;
	bool stopped;

	if (at < 0)
		return at;
	ring = openat(at, "ring", IN_IT);
	err = ring < 0 || fstat(ring, &st) ? -errno : 0;
	if (!err && holds(ring, &stopped)) {
		name[0] = '.';
		if (!kind)
			kind = stopped ? DM_LEFT_STOP : DM_LEFT_CRASH;
		dm_store_name(name + 1, DM_STORE_NAME - 1, wall, kind, n);
		m.uid = st.st_uid;
		m.gid = st.st_gid;
		err = put_aside(at, name, &m);
	}
	close(at);
	return err;
}
