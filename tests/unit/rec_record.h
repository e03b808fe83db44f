/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rec_record.h - the made-up session of rec_stream.h as a recording, and what a recording folds to.
 */
#ifndef TESTS_REC_RECORD_H
#define TESTS_REC_RECORD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/rec_stream.h"
#include "user/model/model.h"
#include "user/rec/reader.h"
#include "user/rec/writer.h"

/* So many pieces of the session, 20 ms each, with the states that the writer wants; closes w. */
static inline void stream_record(struct mp_writer *w, uint64_t seed, unsigned pieces)
{
	struct mp_model *m = mp_model_new();
	struct mp_event ev[STREAM_PIECE];
	struct stream s;
	size_t n = stream_start(&s, seed, ev);

	for (unsigned i = 0; i < pieces; i++) {
		for (size_t k = 0; k < n; k++)
			assert_int_equal(mp_model_fold(m, &ev[k]), 0);
		assert_int_equal(mp_writer_append(w, ev, n), 0);
		assert_int_equal(mp_writer_keyframe(w, m), 0);
		n = stream_more(&s, ev);
	}
	assert_int_equal(mp_writer_close(w), 0);
	mp_model_free(m);
}

/* A file folded to its end, and what the reader said of it. */
static inline struct mp_model *fold_file(const char *name, struct mp_rec_info *info)
{
	struct mp_model *m = mp_model_new();
	const struct mp_event *ev;
	struct mp_reader *r;
	bool key;
	size_t n;

	assert_int_equal(mp_reader_open(name, &r), 0);
	while (mp_reader_next(r, &ev, &n, &key) > 0)
		for (size_t i = 0; i < n; i++)
			assert_int_equal(mp_model_fold(m, &ev[i]), 0);
	mp_reader_info(r, info);
	mp_reader_close(r);
	return m;
}

#endif /* TESTS_REC_RECORD_H */
