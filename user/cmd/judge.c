/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * judge.c - see judge.h.
 */
#include "user/cmd/judge.h"

#include <errno.h>
#include <string.h>

#include "user/util/util.h"

#define FINDINGS_NS 5000000000ULL /* between two diagnoses of what runs */

void mp_judge_make(struct mp_judge *j, const struct mp_model *m, const char *state)
{
	const struct mp_diagnose_opts o = { .live = !strcmp(state, "live"), .state = state };
	struct mp_findings fs;

	if (!j->d || mp_diagnosis_make(j->d, m, &o, &fs))
		return;
	if (j->there)
		mp_findings_free(&j->fs);
	j->fs = fs;
	j->there = true;
}

void mp_judge_observe(void *ctx, const struct mp_model *m, const struct mp_event *e)
{
	struct mp_judge *j = ctx;

	if (j->d && mp_diagnosis_step(j->d, m, e)) {
		mp_diagnosis_free(j->d); /* half a series would say what is not so */
		j->d = NULL;
	}
}

static void judge_end_reading(struct mp_judge *j)
{
	mp_reader_close(j->reader);
	mp_model_free(j->model);
	j->reader = NULL;
	j->model = NULL;
}

/* The next batch of events; true: there are more. */
static bool judge_read(struct mp_judge *j)
{
	const struct mp_event *ev;
	struct mp_rec_info info;
	bool keyframe;
	size_t n;
	int err = mp_reader_next(j->reader, &ev, &n, &keyframe);

	for (size_t i = 0; err > 0 && i < n; i++) {
		mp_judge_observe(j, j->model, &ev[i]);
		if (mp_model_fold(j->model, &ev[i]) == -ENOMEM)
			err = -ENOMEM;
	}
	if (err > 0)
		return true;
	mp_reader_info(j->reader, &info);
	/* of what cannot be read on, what there is: with less confidence */
	if (err != -ENOMEM)
		mp_judge_make(j, j->model, mp_rec_state_name(err ? MP_REC_DAMAGED : info.state));
	/* names in findings are ids of the view's own model too: the same stream gave them */
	judge_end_reading(j);
	return false;
}

/* NULL: not yet. What could not be judged has no findings. */
static const struct mp_findings *judge_found(const struct mp_judge *j)
{
	static const struct mp_findings none;

	if (j->there)
		return &j->fs;
	return j->reader ? NULL : &none;
}

const struct mp_findings *mp_judge_live(struct mp_judge *j, const struct mp_model *m)
{
	uint64_t now = mp_monotonic_ns();

	if (now >= j->next) {
		mp_judge_make(j, m, "live");
		j->next = now + FINDINGS_NS;
	}
	return judge_found(j);
}

/* All of it is folded once more: what stands at the end is in the model that is there, how it
 * came about is not. */
const struct mp_findings *mp_judge_recording(struct mp_judge *j, const char *path, uint64_t bytes)
{
	if (!j->asked) {
		j->asked = true;
		j->d = mp_diagnosis_new(NULL);
		j->model = mp_model_new();
		if (!j->d || !j->model || mp_reader_open(path, &j->reader))
			judge_end_reading(j);
		else
			mp_model_limit(j->model, bytes);
	}
	return judge_found(j);
}

bool mp_judge_work(struct mp_judge *j, uint64_t end)
{
	while (j->reader && mp_monotonic_ns() < end)
		judge_read(j);
	return j->reader != NULL;
}

void mp_judge_free(struct mp_judge *j)
{
	judge_end_reading(j);
	if (j->there)
		mp_findings_free(&j->fs);
	mp_diagnosis_free(j->d);
}
