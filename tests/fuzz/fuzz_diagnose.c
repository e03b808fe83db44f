/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_diagnose.c - any bytes as events, 80 each, folded and diagnosed: the findings are
 * whole, sum, and both views take them.
 */
#include <math.h>

#include "tests/fuzz/fuzz.h"
#include "user/diagnose/diagnose.h"
#include "user/view/text.h"

static void check(const struct mp_findings *fs)
{
	FUZZ_CHECK(fs->live + fs->explained + fs->unexplained == fs->rss);
	for (size_t i = 0; i < fs->n; i++) {
		FUZZ_CHECK(fs->v[i].confidence >= 0 && fs->v[i].confidence <= 1);
		FUZZ_CHECK(fs->v[i].n_evidence <= MP_DX_EVIDENCE && *fs->v[i].summary);
		FUZZ_CHECK(!i || fs->v[i - 1].bytes >= fs->v[i].bytes);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct mp_diagnose_opts o = { .state = "damaged" };
	const struct mp_term term = { .width = 80 };
	struct mp_diagnosis *d = mp_diagnosis_new(NULL);
	struct mp_model *m = mp_model_new();
	struct mp_findings fs;
	struct mp_event e;

	FUZZ_CHECK(m && d);
	mp_model_limit(m, 1);
	for (; size >= sizeof(e); data += sizeof(e), size -= sizeof(e)) {
		int err;

		memcpy(&e, data, sizeof(e));
		e.type %= MP_EV_MAX + 1;
		e.ts &= ~0ULL >> 1;
		FUZZ_CHECK(!mp_diagnosis_step(d, m, &e));
		err = mp_model_fold(m, &e);
		FUZZ_CHECK(err == 0 || err == -22);
	}
	FUZZ_CHECK(!mp_diagnosis_make(d, m, &o, &fs));
	check(&fs);
	mp_findings_text(fuzz_null(), &fs, m, &o, &term);
	mp_findings_json(fuzz_null(), &fs, m, &o);
	mp_findings_free(&fs);
	mp_diagnosis_free(d);
	mp_model_free(m);
	return 0;
}
