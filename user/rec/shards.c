/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * shards.c - see shards.h.
 *
 * Names are made by number and created exclusively. That no file of a row is there is
 * looked at once, at the start: what appears later makes the row end with -EEXIST, and
 * overwrites nothing.
 */
#include "user/rec/shards.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/rec/reader.h"
#include "user/rec/writer.h"
#include "user/util/util.h"

#define SAVES_MAX 9999

struct shard {
	unsigned number;
	uint64_t bytes, events;
	uint64_t t_first, t_last; /* ns; t_first MP_UNKNOWN: empty */
};

struct mp_shards {
	struct mp_shards_opts o;
	char *path;
	struct mp_writer *w;
	struct shard cur;
	struct shard *old; /* ended and not removed, oldest first */
	size_t n_old, cap_old;
	uint64_t lost; /* in files that have ended */
	uint64_t most; /* bytes ever held, while there was room */
	unsigned saves;
	bool squeezed, apart;
};

static bool ring(const struct mp_shards *s)
{
	return s->o.keep_ns || s->o.keep_bytes;
}

static bool in_row(const struct mp_shards *s)
{
	return s->path && (s->o.rotate || ring(s));
}

/* --- names --------------------------------------------------------------------------- */

/* Bytes of the path before its ".mprof". */
static int stem(const char *path)
{
	size_t n = strlen(path);

	return (int)(n > 6 && !strcmp(path + n - 6, ".mprof") ? n - 6 : n);
}

char *mp_shards_name(const char *path, unsigned number, char buf[MP_SHARD_PATH])
{
	snprintf(buf, MP_SHARD_PATH, "%.*s.%04u.mprof", stem(path), path, number);
	return buf;
}

static void name_of(const struct mp_shards *s, unsigned number, char buf[MP_SHARD_PATH])
{
	if (in_row(s))
		mp_shards_name(s->path, number, buf);
	else
		snprintf(buf, MP_SHARD_PATH, "%s", s->path);
}

/* "x.0012.mprof" of the row of "x". */
static bool of_row(const char *name, const char *base, size_t n)
{
	const char *p = name + n + 1;

	if (strncmp(name, base, n) || name[n] != '.' || !isdigit((unsigned char)*p))
		return false;
	p += strspn(p, "0123456789");
	return p - name - n >= 5 && !strcmp(p, ".mprof");
}

/* -EEXIST, and which: a file of the row is there, or the one a ring is to become. */
static int look_for_row(const struct mp_shards *s, char taken[MP_SHARD_PATH])
{
	const char *slash = strrchr(s->path, '/'), *base = slash ? slash + 1 : s->path;
	int n = stem(s->path) - (int)(base - s->path), dir = (int)(base - s->path), err = 0;
	char path[MP_SHARD_PATH];
	struct dirent *d;
	DIR *dp;

	snprintf(path, sizeof(path), "%.*s", dir ? dir : 1, dir ? s->path : ".");
	dp = opendir(path);
	if (!dp)
		return errno == EACCES ? 0 : -errno; /* to write it need not be readable */
	while (!err && (d = readdir(dp)))
		if (of_row(d->d_name, base, (size_t)n) || (ring(s) && !strcmp(d->d_name, base))) {
			snprintf(taken, MP_SHARD_PATH, "%.*s%s", dir, s->path, d->d_name);
			err = -EEXIST;
		}
	closedir(dp);
	return err;
}

/* --- the current file ------------------------------------------------------------------ */

static int begin(struct mp_shards *s, unsigned number)
{
	char path[MP_SHARD_PATH];

	s->cur = (struct shard){ .number = number, .t_first = MP_UNKNOWN };
	if (!s->path)
		return mp_writer_open_fd(s->o.fd, &s->w);
	name_of(s, number, path);
	return mp_writer_open(path, &s->w);
}

int mp_shards_open(const struct mp_shards_opts *o, struct mp_shards **out,
		   char taken[MP_SHARD_PATH])
{
	struct mp_shards *s = calloc(1, sizeof(*s));
	char buf[MP_SHARD_PATH];
	int err = 0;

	if (!s)
		return -ENOMEM;
	s->o = *o;
	if (o->path && strlen(o->path) > MP_SHARD_PATH - 100)
		err = -ENAMETOOLONG;
	else if (o->path && !(s->path = strdup(o->path)))
		err = -ENOMEM;
	if (!err && in_row(s))
		err = look_for_row(s, taken ? taken : buf);
	else if (!err && taken)
		snprintf(taken, MP_SHARD_PATH, "%s", o->path ? o->path : "");
	if (!err)
		err = begin(s, 1);
	if (err) {
		free(s->path);
		free(s);
		return err;
	}
	*out = s;
	return 0;
}

uint64_t mp_shards_turn_bytes(uint64_t asked, uint64_t keep, uint64_t key)
{
	uint64_t least = 4 * key;

	if (keep && least + key > keep / 2) /* the file before it is to fit, too */
		least = keep / 2 > 2 * key ? keep / 2 - key : key;
	return asked > least ? asked : least;
}

static void drop_oldest(struct mp_shards *s)
{
	char path[MP_SHARD_PATH];

	name_of(s, s->old[0].number, path);
	unlink(path); /* gone already: as good */
	memmove(s->old, s->old + 1, --s->n_old * sizeof(*s->old));
}

static uint64_t bytes_held(const struct mp_shards *s)
{
	uint64_t n = s->cur.bytes;

	for (size_t i = 0; i < s->n_old; i++)
		n += s->old[i].bytes;
	return n;
}

/* Of the past as much as was asked for stays, of the disk no more than that is taken. */
static void prune(struct mp_shards *s)
{
	uint64_t now = s->cur.t_last;

	while (s->o.keep_bytes && s->n_old && bytes_held(s) > s->o.keep_bytes)
		drop_oldest(s);
	while (s->o.keep_ns && s->n_old) {
		uint64_t next = s->n_old > 1 ? s->old[1].t_first : s->cur.t_first;

		if (next == MP_UNKNOWN || next > now || now - next < s->o.keep_ns)
			return;
		drop_oldest(s);
	}
}

/* What the writer has of the current file by now. */
static void count(struct mp_shards *s)
{
	struct mp_writer_info info;

	mp_writer_info(s->w, &info);
	s->cur.bytes = info.bytes;
	s->cur.events = info.events;
}

/* A ring that waits for room: of the disk, of a quota, of a limit on files. */
static bool no_room(const struct mp_shards *s, int err)
{
	return ring(s) && (err == -ENOSPC || err == -EDQUOT || err == -EFBIG);
}

/* A full disk: a ring has something to give up for what comes, but not all of it to
 * whoever fills the disk. */
static bool make_room(struct mp_shards *s, int err)
{
	if (!no_room(s, err) || s->n_old < 2 || bytes_held(s) - s->old[0].bytes < s->most / 4)
		return false;
	drop_oldest(s);
	s->squeezed = true;
	return true;
}

int mp_shards_block(struct mp_shards *s, struct mp_block *b)
{
	int err = mp_writer_block(s->w, b);

	while (make_room(s, err)) {
		mp_writer_again(s->w, b);
		err = mp_writer_block(s->w, b);
	}
	if (no_room(s, err)) {
		mp_writer_again(s->w, b);
		mp_writer_skip(s->w, 1, b->head.flags & MP_BLKF_KEYFRAME ? 0 : b->head.count);
		return -EAGAIN;
	}
	if (s->cur.t_first == MP_UNKNOWN)
		s->cur.t_first = b->head.t_first;
	s->cur.t_last = b->head.t_last > s->cur.t_last ? b->head.t_last : s->cur.t_last;
	count(s);
	if (ring(s))
		prune(s);
	s->most = bytes_held(s) > s->most ? bytes_held(s) : s->most;
	return err;
}

void mp_shards_skip(struct mp_shards *s, uint32_t blocks, uint64_t events)
{
	mp_writer_skip(s->w, blocks, events);
}

/* Closes the current file; in a row it joins the older ones, whole or not. */
static int end(struct mp_shards *s)
{
	struct mp_writer_info info;
	int err;

	mp_writer_info(s->w, &info);
	s->lost += info.lost;
	err = mp_writer_close(s->w);
	s->w = NULL;
	if (!in_row(s))
		return err;
	if (mp_grow(&s->old, &s->cap_old, s->n_old + 1, sizeof(*s->old)))
		return err ? err : -ENOMEM;
	s->old[s->n_old++] = s->cur;
	return err;
}

int mp_shards_turn(struct mp_shards *s)
{
	struct mp_writer *was = s->w, *w;
	struct shard cur = s->cur, fresh;
	int next = begin(s, cur.number + 1), err;

	while (make_room(s, next))
		next = begin(s, cur.number + 1);
	w = next ? NULL : s->w;
	fresh = s->cur;
	s->w = was;
	s->cur = cur;
	if (no_room(s, next))
		return -EAGAIN;
	if (ring(s) && next == -ENOENT)
		return next;
	err = end(s);
	s->w = w;
	s->cur = fresh;
	/* without its END it is as good for a ring, and its errors are about nothing else */
	return next || ring(s) ? next : err;
}

void mp_shards_patience(struct mp_shards *s, uint64_t ns)
{
	if (!s->path && s->w)
		mp_writer_patience(s->w, ns);
}

int mp_shards_sync(struct mp_shards *s)
{
	return mp_writer_sync(s->w);
}

bool mp_shards_linked(const struct mp_shards *s)
{
	return mp_writer_linked(s->w);
}

void mp_shards_info(const struct mp_shards *s, struct mp_shards_info *info)
{
	struct mp_writer_info w = { 0 };
	uint64_t first = s->n_old ? s->old[0].t_first : s->cur.t_first;

	if (s->w)
		mp_writer_info(s->w, &w);
	*info = (struct mp_shards_info){ .lost = s->lost + w.lost, .squeezed = s->squeezed };
	if (s->w) {
		info->files = 1;
		info->events = s->cur.events;
		info->bytes = s->cur.bytes;
	}
	for (size_t i = 0; i < s->n_old; i++, info->files++) {
		info->events += s->old[i].events;
		info->bytes += s->old[i].bytes;
	}
	info->span = first != MP_UNKNOWN && s->cur.t_last > first ? s->cur.t_last - first : 0;
}

/* --- many files into one --------------------------------------------------------------- */

/* All blocks of a file but INDEX and END. A gap in its numbers stays one. */
static int copy_blocks(struct mp_reader *r, struct mp_writer *w)
{
	const struct mp_index_entry *e;
	struct mp_block b;
	uint32_t seq = 0;
	size_t i, n;
	int err = mp_reader_index(r, &e, &n);

	for (i = 0; i < n && !err; i++, seq++) {
		if (e[i].head.type == MP_BLK_INDEX || e[i].head.type == MP_BLK_END)
			continue;
		err = mp_reader_fetch(r, &e[i], &b);
		if (err == -EBADMSG) { /* the disk gave it back otherwise than it was given */
			mp_writer_skip(w, 1, e[i].head.count);
			err = 0;
			continue;
		}
		if (e[i].head.seq > seq)
			mp_writer_skip(w, e[i].head.seq - seq, 0);
		seq = e[i].head.seq;
		if (!err)
			err = mp_writer_block(w, &b);
	}
	return err;
}

static int copy_path(const char *path, struct mp_writer *w)
{
	struct mp_reader *r;
	int err = mp_reader_open(path, &r);

	if (err)
		return err;
	err = copy_blocks(r, w);
	mp_reader_close(r);
	return err;
}

static int copy_file(struct mp_shards *s, const struct shard *sh, struct mp_writer *w)
{
	char path[MP_SHARD_PATH];
	int err;

	name_of(s, sh->number, path);
	err = copy_path(path, w);
	if (err != -ENOENT)
		return err;
	mp_writer_skip(w, 1, sh->events); /* somebody removed it: the rest is worth having */
	return 0;
}

int mp_shards_join(const char *const *paths, size_t n, const char *out)
{
	struct mp_writer *w;
	size_t whole = 0;
	int err = mp_writer_open(out, &w), one;

	if (err)
		return err;
	for (size_t i = 0; i < n && !err; i++) {
		one = copy_path(paths[i], w);
		if (one == -ENODATA || one == -EBADMSG || one == -ENOENT) /* not a block of it */
			mp_writer_skip(w, 1, 0);
		else
			err = one;
		whole += !one;
	}
	one = mp_writer_close(w);
	err = err ? err : one;
	err = err || whole ? err : -ENODATA;
	if (err)
		unlink(out);
	return err;
}

/* The ended files as one, under a name that is not taken. What was made of it when it
 * failed is removed. */
static int join(struct mp_shards *s, const char *path, struct mp_event *ev, size_t n,
		struct mp_writer_info *info)
{
	struct mp_writer *w;
	size_t i;
	int err = mp_writer_open(path, &w), closed;

	if (err)
		return err;
	for (i = 0; i < n; i++)
		ev[i].ts = s->old[0].t_first;
	err = mp_writer_append(w, ev, n);
	if (!err)
		err = mp_writer_flush(w);
	for (i = 0; i < s->n_old && !err; i++)
		err = copy_file(s, &s->old[i], w);
	mp_writer_info(w, info);
	closed = mp_writer_close(w);
	err = err ? err : closed;
	if (err)
		unlink(path);
	return err;
}

int mp_shards_save(struct mp_shards *s, struct mp_event *ev, size_t n, char path[MP_SHARD_PATH])
{
	struct mp_writer_info info;
	int err = -EEXIST;

	if (!s->n_old)
		return -ENODATA;
	/* From the last on and round once: those before may have been moved away. */
	for (unsigned tried = 0; err == -EEXIST && tried < SAVES_MAX; tried++) {
		s->saves = s->saves % SAVES_MAX + 1;
		snprintf(path, MP_SHARD_PATH, "%.*s.saved-%u.mprof", stem(s->path), s->path,
			 s->saves);
		err = join(s, path, ev, n, &info);
	}
	return err;
}

/* A ring of one file that is to be told nothing more has only the wrong name. */
static int rename_only(struct mp_shards *s)
{
	char path[MP_SHARD_PATH];

	name_of(s, s->old[0].number, path);
	return renameat2(AT_FDCWD, path, AT_FDCWD, s->path, RENAME_NOREPLACE) ? -errno : 0;
}

static int become_one(struct mp_shards *s, struct mp_event *ev, size_t n)
{
	struct mp_writer_info info;
	int err;

	if (s->n_old == 1 && !n && !rename_only(s))
		return 0;
	err = join(s, s->path, ev, n, &info);
	if (err)
		return err;
	while (s->n_old)
		drop_oldest(s);
	s->n_old = 0;
	s->cur.bytes = info.bytes;
	s->cur.events = info.events;
	return 0;
}

void mp_shards_apart(struct mp_shards *s)
{
	s->apart = true;
}

int mp_shards_close(struct mp_shards *s, struct mp_event *ev, size_t n, struct mp_shards_info *info)
{
	struct mp_shards_info left;
	int err = s->w ? end(s) : 0, joined = 0;

	mp_shards_info(s, &left);
	if (!in_row(s)) {
		left.bytes = s->cur.bytes;
		left.events = s->cur.events;
		left.files = 1;
	}
	if (ring(s) && s->path && s->n_old && !s->apart) {
		joined = become_one(s, ev, n);
		if (!joined && !s->n_old) {
			left.bytes = s->cur.bytes;
			left.events = s->cur.events;
		}
		left.files = joined ? left.files : 1;
		if (no_room(s, err)) /* for its END; what it lost is counted */
			err = 0;
	}
	if (info)
		*info = left;
	free(s->old);
	free(s->path);
	free(s);
	return err ? err : joined;
}

void mp_shards_discard(struct mp_shards *s)
{
	char path[MP_SHARD_PATH];

	while (s->n_old)
		drop_oldest(s);
	if (s->w && s->path) {
		name_of(s, s->cur.number, path);
		unlink(path);
	}
	mp_writer_free(s->w);
	free(s->old);
	free(s->path);
	free(s);
}
