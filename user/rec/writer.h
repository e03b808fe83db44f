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
struct mp_writer;

struct mp_writer_info {
	uint64_t bytes; /* in the file, all of them whole blocks             */
	uint64_t blocks;
	uint64_t events; /* written or waiting for their block                */
	uint64_t lost;	 /* that came after a write had failed, or in its block */
	int err;	 /* what failed: -errno, 0 = nothing                  */
};

/*
 * Creates the file: 0600, exclusively, following no link; when root was made by
 * sudo it belongs to the user who called it. -EEXIST, -ELOOP, -EACCES, ...
 */
int mp_writer_open(const char *path, struct mp_writer **out);
/* Writes to an open descriptor (a pipe, stdout). The writer does not close it. */
int mp_writer_open_fd(int fd, struct mp_writer **out);

/*
 * Takes events in stream order. They reach the file in blocks: every 8192
 * events, and when a second of event time has passed. A failed write (disk full)
 * is returned once; the file is cut back to its last whole block and the writer
 * counts what comes later as lost and returns 0.
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

void mp_writer_info(const struct mp_writer *w, struct mp_writer_info *info);

/* Writes what is waiting, the index and END; frees. The first error, or 0. */
int mp_writer_close(struct mp_writer *w);
/* Frees without END: the recording stays marked as truncated. Accepts NULL. */
void mp_writer_free(struct mp_writer *w);

#endif /* MEMPROF_WRITER_H */
