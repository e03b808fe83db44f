/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_tap.c - any bytes as a recording that arrives in pieces: what a reader gives of the
 * same bytes as a file, and a copy that reads as well as it did. The first byte says how
 * large the pieces are.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"
#include "user/rec/reader.h"
#include "user/rec/tap.h"
#include "user/rec/writer.h"

static int copy_block(void *ctx, struct mp_block *b)
{
	return mp_writer_block(ctx, b);
}

static void copy_skip(void *ctx, uint32_t blocks, uint64_t events)
{
	mp_writer_skip(ctx, blocks, events);
}

/* The batches of both, side by side. NULL: there is no reader of it. */
static void compare(struct mp_tap *t, struct mp_reader *r)
{
	const struct mp_event *ev;
	struct mp_batch b;
	bool key;
	size_t n;

	while (mp_tap_next(t, &b) > 0) {
		FUZZ_CHECK(r && mp_reader_next(r, &ev, &n, &key) == 1);
		FUZZ_CHECK(n == b.n && key == b.keyframe && !memcmp(ev, b.ev, n * sizeof(*ev)));
	}
}

static void feed(struct mp_tap *t, struct mp_reader *r, const uint8_t *data, size_t size,
		 size_t piece)
{
	while (size && !mp_tap_done(t)) {
		size_t room, n = size < piece ? size : piece;
		uint8_t *to = mp_tap_room(t, &room);

		FUZZ_CHECK(to && room);
		n = n < room ? n : room;
		memcpy(to, data, n);
		mp_tap_put(t, n);
		data += n;
		size -= n;
		compare(t, r);
	}
	mp_tap_end(t);
	compare(t, r);
	FUZZ_CHECK(mp_tap_done(t));
}

static void same_figures(struct mp_tap *t, struct mp_reader *r)
{
	struct mp_rec_info a, b;
	const struct mp_event *ev;
	struct mp_batch batch;
	bool key;
	size_t n;

	FUZZ_CHECK(mp_reader_next(r, &ev, &n, &key) == mp_tap_next(t, &batch));
	mp_reader_info(r, &a);
	mp_tap_info(t, &b);
	FUZZ_CHECK(a.state == b.state && a.blocks == b.blocks && a.bad_blocks == b.bad_blocks);
	FUZZ_CHECK(a.events == b.events && a.first_ts == b.first_ts && a.last_ts == b.last_ts);
}

static struct mp_reader *reader_of(int fd)
{
	struct mp_reader *r;

	if (!mp_reader_open_fd(fd, &r))
		return r;
	close(fd);
	return NULL;
}

/* What was copied is whole but for what is missing. */
static void read_copy(int fd)
{
	struct mp_reader *r = reader_of(fd);
	const struct mp_event *ev;
	struct mp_rec_info info;
	bool key;
	size_t n;
	int err;

	FUZZ_CHECK(r);
	while ((err = mp_reader_next(r, &ev, &n, &key)) > 0)
		;
	FUZZ_CHECK(!err);
	mp_reader_info(r, &info);
	FUZZ_CHECK(info.ended);
	mp_reader_close(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("recording", MFD_CLOEXEC), out = memfd_create("copy", MFD_CLOEXEC);
	struct mp_tap *t = mp_tap_new();
	struct mp_tap_tee tee = { copy_block, copy_skip, NULL };
	struct mp_writer *w;
	struct mp_reader *r;
	struct mp_batch b;

	FUZZ_CHECK(t && fd >= 0 && out >= 0);
	if (size) {
		FUZZ_CHECK(write(fd, data + 1, size - 1) == (ssize_t)size - 1);
		FUZZ_CHECK(!mp_writer_open_fd(out, &w));
		tee.ctx = w;
		mp_tap_tee(t, &tee);
		r = reader_of(fd);
		feed(t, r, data + 1, size - 1, 1 + *data * 16u);
		if (r)
			same_figures(t, r);
		FUZZ_CHECK(!mp_writer_close(w));
		if (r && !mp_tap_next(t, &b))
			read_copy(out);
		else
			close(out);
		mp_reader_close(r);
	}
	mp_tap_free(t);
	return 0;
}
