/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_events.c - any bytes as events, 80 each, straight into the fold: then the state
 * as a keyframe folded into an empty model, and both reports.
 */
#include "tests/fuzz/fuzz.h"
#include "user/model/model.h"
#include "user/view/dump.h"
#include "user/view/report.h"

static int refold(void *ctx, const struct mp_event *e)
{
	int err = mp_model_fold(ctx, e);

	return err == -22 ? 0 : err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mp_report_info info = { .state = "damaged", .duration_ns = MP_UNKNOWN };
	struct mp_model *m = mp_model_new(), *k = mp_model_new();
	struct mp_event e;

	FUZZ_CHECK(m && k);
	mp_model_limit(m, 1);
	mp_model_limit(k, 1);
	for (; size >= sizeof(e); data += sizeof(e), size -= sizeof(e)) {
		int err;

		memcpy(&e, data, sizeof(e));
		e.type %= MP_EV_MAX + 1; /* most of the numbers mean nothing */
		e.ts &= ~0ULL >> 1;
		mp_dump_event(fuzz_null(), &e, m->start, m);
		err = mp_model_fold(m, &e);
		FUZZ_CHECK(err == 0 || err == -22);
	}
	mp_report_json(fuzz_null(), m, &info);
	mp_report_text(fuzz_null(), m, &info, NULL);
	FUZZ_CHECK(!mp_model_dump(m, refold, k));
	mp_model_free(m);
	mp_model_free(k);
	return 0;
}
