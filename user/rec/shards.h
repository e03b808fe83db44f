/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * shards.h - where a recording goes: one file, a row of files, or a ring of them of which
 * the oldest are removed (a flight recorder).
 *
 * Owns: names, the file being written, which older ones exist. Must not: decide when a
 * file ends (the caller turns), encode events, print. One thread at a time; what it does
 * can take as long as the disk does.
 *
 * Every file is a recording by itself: the caller lets each begin with META and a keyframe
 * (mp_history_key()), and closing it writes INDEX and END. With path "x.mprof" they are
 * x.0001.mprof, x.0002.mprof, ...; what is saved of a ring is x.saved-1.mprof, ...; when a
 * ring is closed, what it holds becomes x.mprof. After a crash the ring's files are left,
 * each readable.
 */
#ifndef MEMPROF_SHARDS_H
#define MEMPROF_SHARDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/events.h"

struct mp_block;
struct mp_shards;

#define MP_SHARD_PATH 4200 /* bytes, room for a path and what is put into it */

struct mp_shards_opts {
	const char *path;    /* NULL: fd */
	int fd;		     /* a pipe, stdout: not closed */
	bool rotate;	     /* a row of files */
	uint64_t keep_ns;    /* a ring: as much of the past as this, or ...   */
	uint64_t keep_bytes; /* ... at most this on disk; 0 = no bound by it  */
};

struct mp_shards_info {
	uint64_t bytes;	 /* in the files, those removed left out     */
	uint64_t events; /* ... in all whole blocks                  */
	uint64_t lost;	 /* that could not be written                */
	uint64_t span;	 /* ns from the first to the last event held */
	unsigned files;
	bool squeezed; /* a full disk made a ring smaller than was asked for */
};

/* The name of a file of the row that belongs to path. */
char *mp_shards_name(const char *path, unsigned number, char buf[MP_SHARD_PATH]);

/* Bytes, keyframes left out, after which a file is to end: as asked for, but so many that
 * keyframes, one of `key` bytes in each file, do not fill a ring of `keep` bytes (0: none). */
uint64_t mp_shards_turn_bytes(uint64_t asked, uint64_t keep, uint64_t key);

/*
 * Creates the first file (see mp_writer_open()). -EEXIST, with *taken (may be NULL) the
 * name: it or a file of that row is there already.
 */
int mp_shards_open(const struct mp_shards_opts *o, struct mp_shards **out,
		   char taken[MP_SHARD_PATH]);
/*
 * One block into the current file, as mp_writer_block(); removes what a ring need not keep,
 * and when the disk is full what it would have kept, down to a quarter of what it held and
 * the newest file. What finds no room then is left out and counted: -EAGAIN, to be followed
 * by a keyframe once there is room.
 */
int mp_shards_block(struct mp_shards *s, struct mp_block *b);
/* See mp_writer_skip(). */
void mp_shards_skip(struct mp_shards *s, uint32_t blocks, uint64_t events);
/* Ends the current file and begins the next. A single file begins again under its name.
 * -EAGAIN: the disk has no room for it, the current one goes on; of a ring with -ENOENT, too:
 * its folder was removed. */
int mp_shards_turn(struct mp_shards *s);
/*
 * Copies the files that have ended into one new recording, whose name goes to path. It
 * begins with the n events (META, and strings that they name), at its own first instant.
 * The ring stays as it is. Of 9999 names the next that is not taken; -EEXIST: all are.
 */
int mp_shards_save(struct mp_shards *s, struct mp_event *ev, size_t n, char path[MP_SHARD_PATH]);
/* Files of one row, in its order, as one new recording; what is unreadable of them is a gap.
 * The files stay. 0 or -errno: then nothing was made. */
int mp_shards_join(const char *const *paths, size_t n, const char *out);
/* When a ring is closed its files are left as they are: see mp_shards_join(). */
void mp_shards_apart(struct mp_shards *s);
/* See mp_writer_patience(). */
void mp_shards_patience(struct mp_shards *s, uint64_t ns);
/* See mp_writer_sync(), mp_writer_linked(), of the current file. */
int mp_shards_sync(struct mp_shards *s);
bool mp_shards_linked(const struct mp_shards *s);

void mp_shards_info(const struct mp_shards *s, struct mp_shards_info *info);

/* Removes what was made, ended or not, and frees: nothing was recorded. */
void mp_shards_discard(struct mp_shards *s);

/*
 * Ends the current file. A ring becomes the file of the path given, beginning with the n
 * events; when that fails its files stay. Frees. The first error, or 0; *info (may be
 * NULL): what was left, by the file made or by the files.
 */
int mp_shards_close(struct mp_shards *s, struct mp_event *ev, size_t n,
		    struct mp_shards_info *info);

#endif /* MEMPROF_SHARDS_H */
