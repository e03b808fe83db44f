/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_recording.c - any bytes as a recording: reader, fold, dump, both reports, and
 * the state at instants of the past.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"
#include "user/model/model.h"
#include "user/rec/history.h"
#include "user/rec/reader.h"
#include "user/view/dump.h"
#include "user/view/report.h"

static struct mp_model *fold_all(struct mp_reader *r)
{
	struct mp_model *m = mp_model_new();
	const struct mp_event *ev;
	bool key;
	size_t n;

	FUZZ_CHECK(m);
	mp_model_limit(m, 1);
	while (mp_reader_next(r, &ev, &n, &key) > 0) {
		for (size_t i = 0; i < n; i++) {
			int err;

			mp_dump_event(fuzz_null(), &ev[i], m->start, m);
			err = mp_model_fold(m, &ev[i]);
			FUZZ_CHECK(err == 0 || err == -22);
		}
	}
	return m;
}

static void look_back(struct mp_reader *r)
{
	struct mp_history *h;
	uint64_t first, last;

	if (mp_history_from_reader(r, &h))
		return;
	if (!mp_history_span(h, &first, &last)) {
		mp_history_at(h, last);
		mp_history_at(h, first + (last - first) / 2);
		mp_history_at(h, first);
	}
	mp_history_free(h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mp_report_info info = { .path = "x", .bytes = size, .duration_ns = MP_UNKNOWN };
	int fd = memfd_create("recording", MFD_CLOEXEC);
	struct mp_rec_info rec;
	struct mp_reader *r;
	struct mp_model *m;

	FUZZ_CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	if (mp_reader_open_fd(fd, &r)) {
		close(fd);
		return 0;
	}
	m = fold_all(r);
	mp_reader_info(r, &rec);
	info.state = mp_rec_state_name(rec.state);
	info.events = rec.events;
	info.blocks = rec.blocks;
	FUZZ_CHECK(!mp_report_json(fuzz_null(), m, &info));
	FUZZ_CHECK(!mp_report_text(fuzz_null(), m, &info, NULL));
	mp_model_free(m);
	look_back(r);
	mp_reader_close(r);
	return 0;
}
