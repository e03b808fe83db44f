/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * writer.h - a recording being written: one write() per block, readable at
 * every instant up to the last whole block.
 *
 * Owns: the file and its descriptor. Must not: fold events or print. One thread
 * at a time.
 *
 *     mp_writer_open("a.mprof", &w);
 *     loop: fold the batch into the model;
 *           mp_writer_append(w, events, n);
 *           mp_writer_keyframe(w, model);   (writes one when it is due)
 *           mp_writer_flush(w);             (once a second, when the target is quiet)
 *     mp_writer_close(w);
 */
#ifndef MEMPROF_WRITER_H
#define MEMPROF_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/events.h"
#include "user/rec/codec.h"

struct mp_model;
struct mp_subset;
struct mp_writer;

struct mp_writer_info {
	uint64_t bytes; /* in the file, all of them whole blocks             */
	uint64_t blocks;
	uint64_t events; /* written or waiting for their block                */
	uint64_t lost;	 /* that came after a write had failed, in its block, or
			  * that the caller had to leave out             */
	int err;	 /* what failed: -errno, 0 = nothing                  */
};

/*
 * A file for what memprof writes: 0600, exclusively, following no link; when root was
 * made by sudo it belongs to the user who called it. A descriptor, or -EEXIST, -ELOOP,
 * -EACCES, ...
 */
int mp_create_file(const char *path);
/* Creates the recording so. */
int mp_writer_open(const char *path, struct mp_writer **out);
/* Writes to an open descriptor (a pipe, stdout). The writer does not close it. */
int mp_writer_open_fd(int fd, struct mp_writer **out);

/* See mp_encoder_subset(). */
void mp_writer_subset(struct mp_writer *w, struct mp_subset *s);

/*
 * Takes events in stream order. They reach the file in blocks: every 8192
 * events, 256 KiB of payload, and when a second of event time has passed. A failed write (disk
 * full) is returned once; the file is cut back to its last whole block and the writer counts what
 * comes later as lost and returns 0.
 */
int mp_writer_append(struct mp_writer *w, const struct mp_event *ev, size_t n);
/* Writes what is waiting. */
int mp_writer_flush(struct mp_writer *w);
/*
 * Writes the model's state as a keyframe if one is due, else does nothing. The
 * model must hold every event appended so far and no other.
 */
int mp_writer_keyframe(struct mp_writer *w, const struct mp_model *m);
/*
 * Takes a block that another encoder has made (mp_history_tee). Do not mix with
 * mp_writer_append(). The block is numbered and sealed here.
 */
int mp_writer_block(struct mp_writer *w, struct mp_block *b);
/* The same as a mp_block_sink, ctx being the writer. */
int mp_writer_sink(void *ctx, struct mp_block *b);
/*
 * So many blocks, with so many events, will never come. Their numbers stay empty, so that
 * a reader sees the gap and is right again at the next keyframe.
 */
void mp_writer_skip(struct mp_writer *w, uint32_t blocks, uint64_t events);
/* After -ENOSPC on this block, room having been made: the failure is forgotten, and the
 * block can be given again. */
void mp_writer_again(struct mp_writer *w, const struct mp_block *b);
/*
 * From now on a stream (mp_writer_open_fd()) that takes no byte for so long fails with
 * -ETIMEDOUT; 0 = it may take for ever, as at first. From any thread.
 */
void mp_writer_patience(struct mp_writer *w, uint64_t ns);
/* Brings what was written to the disk itself; of a pipe nothing. Can take long. */
int mp_writer_sync(struct mp_writer *w);
/* False when the file has no name any more: somebody removed it. */
bool mp_writer_linked(const struct mp_writer *w);

void mp_writer_info(const struct mp_writer *w, struct mp_writer_info *info);

/* Before the end: writes what is waiting, and a keyframe if without it the end could
 * only be seen by folding many events. */
int mp_writer_finish(struct mp_writer *w, const struct mp_model *m);
/* Writes what is waiting, the index and END; frees. The first error, or 0. */
int mp_writer_close(struct mp_writer *w);
/* Frees without END: the recording stays marked as truncated. Accepts NULL. */
void mp_writer_free(struct mp_writer *w);

#endif /* MEMPROF_WRITER_H */
