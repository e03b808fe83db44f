/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * writer.c - blocks to a file descriptor, whole or not at all.
 */
#include "user/rec/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/rec/column.h"
#include "user/rec/encoder.h"
#include "user/util/util.h"

#define POLL_MS 100

struct mp_writer {
	int fd;
	bool own;		   /* the file is ours: to cut back and to close */
	_Atomic uint64_t patience; /* ns that a stream may take no byte, 0 = for ever */
	struct mp_encoder *enc;
	struct mp_writer_info info; /* events: written */
	uint64_t t_last;
	uint32_t seq;	     /* of the next block                                  */
	struct mp_buf index; /* the headers of all blocks, while they fit a block  */
	bool no_index;	     /* they do not                                        */
};

/* --- the file ------------------------------------------------------------ */

/* A pipe whose reader may never read: as much at once as is taken without waiting when
 * poll() says that there is room. The descriptor may be non-blocking, others have it too. */
static int write_stream(struct mp_writer *w, const uint8_t *p, size_t n)
{
	uint64_t last = mp_monotonic_ns();

	while (n) {
		struct pollfd room = { .fd = w->fd, .events = POLLOUT };
		uint64_t patience = atomic_load(&w->patience);
		int ready = poll(&room, 1, POLL_MS);
		ssize_t k = ready > 0 ? write(w->fd, p, n < PIPE_BUF ? n : PIPE_BUF) : 0;

		if ((ready < 0 && errno != EINTR) || (k < 0 && errno != EINTR && errno != EAGAIN))
			return -errno;
		if (k > 0) {
			p += k;
			n -= (size_t)k;
			last = mp_monotonic_ns();
		} else if (patience && mp_monotonic_ns() - last >= patience) {
			return -ETIMEDOUT;
		}
	}
	return 0;
}

/* One write(). What a full disk leaves of it is cut off again. */
static int write_whole(struct mp_writer *w, const uint8_t *p, size_t n)
{
	ssize_t k;
	int err;

	if (!w->own)
		return write_stream(w, p, n);
	do
		k = write(w->fd, p, n);
	while (k < 0 && errno == EINTR);
	if (k == (ssize_t)n)
		return 0;
	err = k < 0 ? -errno : -ENOSPC;
	while (k > 0 && ftruncate(w->fd, (off_t)w->info.bytes) < 0 && errno == EINTR)
		;
	return err;
}

/* Sudo says who the user is; anything but a plain number is ignored. */
static bool sudo_id(const char *name, unsigned *id)
{
	const char *s = getenv(name);
	char *end;
	unsigned long v;

	if (!s || *s < '0' || *s > '9')
		return false;
	errno = 0;
	v = strtoul(s, &end, 10);
	if (errno || *end || v >= UINT_MAX)
		return false;
	*id = (unsigned)v;
	return true;
}

static int give_to_caller(int fd)
{
	unsigned uid, gid;

	if (geteuid() != 0 || !sudo_id("SUDO_UID", &uid) || !sudo_id("SUDO_GID", &gid))
		return 0;
	return fchown(fd, uid, gid) < 0 ? -errno : 0;
}

/* --- blocks -------------------------------------------------------------- */

/* A recording too long for an index does without, and without its memory. */
static void index_drop(struct mp_writer *w)
{
	w->no_index = true;
	free(w->index.p);
	w->index = (struct mp_buf){ 0 };
}

static void index_add(struct mp_writer *w, const uint8_t *head)
{
	if (w->no_index)
		return;
	if (w->index.n + MP_BLOCK_HEAD > MP_BLOCK_MAX ||
	    mp_buf_room(&w->index, MP_BLOCK_HEAD) < 0) {
		index_drop(w);
		return;
	}
	memcpy(w->index.p + w->index.n, head, MP_BLOCK_HEAD);
	w->index.n += MP_BLOCK_HEAD;
}

int mp_writer_block(struct mp_writer *w, struct mp_block *b)
{
	int err;

	if (w->info.err) {
		w->info.lost += b->head.count;
		return 0;
	}
	mp_block_seal(b, w->seq);
	err = write_whole(w, b->bytes, b->len);
	if (err) {
		w->info.err = err;
		w->info.lost += b->head.count;
		return err;
	}
	index_add(w, b->bytes);
	w->info.bytes += b->len;
	w->info.blocks++;
	w->seq++;
	if (b->head.flags & MP_BLKF_KEYFRAME)
		return 0;
	w->info.events += b->head.count;
	w->t_last = b->head.t_last > w->t_last ? b->head.t_last : w->t_last;
	return 0;
}

int mp_writer_sink(void *ctx, struct mp_block *b)
{
	return mp_writer_block(ctx, b);
}

void mp_writer_skip(struct mp_writer *w, uint32_t blocks, uint64_t events)
{
	w->seq += blocks;
	w->info.lost += events;
}

void mp_writer_again(struct mp_writer *w, const struct mp_block *b)
{
	w->info.err = 0;
	w->info.lost -= b->head.count;
}

void mp_writer_patience(struct mp_writer *w, uint64_t ns)
{
	atomic_store(&w->patience, ns);
}

int mp_writer_sync(struct mp_writer *w)
{
	if (!w->own || !fdatasync(w->fd))
		return 0;
	return errno == EINVAL ? 0 : -errno; /* a file system that knows no syncing */
}

bool mp_writer_linked(const struct mp_writer *w)
{
	struct stat st;

	return !w->own || fstat(w->fd, &st) < 0 || st.st_nlink > 0;
}

static int writer_new(int fd, bool own, struct mp_writer **out)
{
	uint8_t head[MP_FILE_HEAD];
	struct mp_writer *w = calloc(1, sizeof(*w));
	int err = -ENOMEM;

	if (!w)
		return -ENOMEM;
	w->fd = fd;
	w->own = own;
	w->enc = mp_encoder_new(mp_writer_sink, w);
	if (w->enc) {
		mp_file_head_put(head);
		err = write_whole(w, head, sizeof(head));
	}
	if (err) {
		w->own = false;
		mp_writer_free(w);
		return err;
	}
	w->info.bytes = MP_FILE_HEAD;
	*out = w;
	return 0;
}

int mp_create_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int err;

	if (fd < 0)
		return -errno;
	err = give_to_caller(fd);
	if (!err)
		return fd;
	close(fd);
	unlink(path);
	return err;
}

int mp_writer_open(const char *path, struct mp_writer **out)
{
	int fd = mp_create_file(path);
	int err;

	if (fd < 0)
		return fd;
	err = writer_new(fd, true, out);
	if (err) {
		close(fd);
		unlink(path);
	}
	return err;
}

int mp_writer_open_fd(int fd, struct mp_writer **out)
{
	return writer_new(fd, false, out);
}

void mp_writer_subset(struct mp_writer *w, struct mp_subset *s)
{
	mp_encoder_subset(w->enc, s);
}

int mp_writer_append(struct mp_writer *w, const struct mp_event *ev, size_t n)
{
	return mp_encoder_append(w->enc, ev, n);
}

int mp_writer_flush(struct mp_writer *w)
{
	return mp_encoder_flush(w->enc);
}

int mp_writer_keyframe(struct mp_writer *w, const struct mp_model *m)
{
	return w->info.err ? 0 : mp_encoder_keyframe(w->enc, m, false);
}

int mp_writer_finish(struct mp_writer *w, const struct mp_model *m)
{
	return w->info.err ? 0 : mp_encoder_finish(w->enc, m);
}

void mp_writer_info(const struct mp_writer *w, struct mp_writer_info *info)
{
	size_t waiting;

	mp_encoder_pending(w->enc, &waiting);
	*info = w->info;
	info->events += waiting;
}

/* INDEX, if there is one, and END. */
static int write_end(struct mp_writer *w)
{
	struct mp_codec *c = mp_encoder_codec(w->enc);
	struct mp_block_end e = {
		.events = w->info.events, .lost = w->info.lost, .t_last = w->t_last, .reason = 1
	};
	uint8_t raw[MP_BLOCK_END_LEN];
	struct mp_block b;
	int err = 0;

	if (w->index.n) {
		e.index_off = w->info.bytes;
		err = mp_block_pack_raw(c, MP_BLK_INDEX, 0, w->index.p, w->index.n, 0, &b);
		if (!err)
			err = mp_writer_block(w, &b);
	}
	if (err || w->info.err)
		return err;
	e.bytes = w->info.bytes;
	e.blocks = (uint32_t)w->info.blocks;
	mp_block_end_put(raw, &e);
	err = mp_block_pack_raw(c, MP_BLK_END, 0, raw, sizeof(raw), 0, &b);
	return err ? err : mp_writer_block(w, &b);
}

int mp_writer_close(struct mp_writer *w)
{
	int err = mp_writer_flush(w), end;

	if (!w->info.err) {
		end = write_end(w);
		err = err ? err : end;
	}
	err = err ? err : w->info.err;
	if (w->own && close(w->fd) < 0 && !err)
		err = -errno;
	w->own = false;
	mp_writer_free(w);
	return err;
}

void mp_writer_free(struct mp_writer *w)
{
	if (!w)
		return;
	if (w->own)
		close(w->fd);
	mp_encoder_free(w->enc);
	free(w->index.p);
	free(w);
}
