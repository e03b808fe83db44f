/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tap.h - a recording decoded while it arrives: from a pipe or a socket, in pieces of any size.
 *
 * Owns: the bytes that are not yet a whole block. Must not: read or wait for anything, trust a
 * length, fold events. Of the same bytes it gives what a reader gives of a file (reader.h).
 *
 *     loop: p = mp_tap_room(t, &n); k = read(fd, p, n);
 *           k > 0 ? mp_tap_put(t, k) : mp_tap_end(t);
 *           while (mp_tap_next(t, &batch) > 0) fold it;
 */
#ifndef MEMPROF_TAP_H
#define MEMPROF_TAP_H

#include "user/rec/sequence.h"

struct mp_tap;

struct mp_tap *mp_tap_new(void); /* NULL: no memory */
void mp_tap_free(struct mp_tap *t);

/* Where the next bytes may be put, and how many, at least 1; NULL: no memory, or they are of no
 * use any more (it ended or failed). Memory follows what has come, 8 MiB of a block at most. */
uint8_t *mp_tap_room(struct mp_tap *t, size_t *n);
void mp_tap_put(struct mp_tap *t, size_t n);
/* No more bytes will come. */
void mp_tap_end(struct mp_tap *t);

/*
 * The next batch: 1; 0 when more bytes are needed, or at the end; or, for good, -ENODATA (it
 * ended before its first byte), -EBADMSG (no recording), -EPROTONOSUPPORT, -EPROTO, -ENOMEM or
 * the error of the tee. Of losses and keyframes as mp_reader_next().
 */
int mp_tap_next(struct mp_tap *t, struct mp_batch *b);
bool mp_tap_done(const struct mp_tap *t);
void mp_tap_info(const struct mp_tap *t, struct mp_rec_info *info);

/*
 * Where sound blocks go as they are, before their events are given out: all but INDEX and END.
 * Each was unpacked for a trial. skip: so many blocks, with so many events, are missing here.
 */
struct mp_tap_tee {
	int (*block)(void *ctx, struct mp_block *b);
	void (*skip)(void *ctx, uint32_t blocks, uint64_t events);
	void *ctx;
};
/* Before the first mp_tap_next(). */
void mp_tap_tee(struct mp_tap *t, const struct mp_tap_tee *tee);

#endif /* MEMPROF_TAP_H */
