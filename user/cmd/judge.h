/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * judge.h - the findings on what is shown, live or of a recording.
 *
 * Owns: the diagnosis, when it is made anew, the second reading of a recording. Must not: word
 * or draw them, touch the view's own model.
 */
#ifndef MEMPROF_CMD_JUDGE_H
#define MEMPROF_CMD_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "user/diagnose/diagnose.h"
#include "user/model/model.h"
#include "user/rec/reader.h"

struct mp_judge {
	struct mp_diagnosis *d; /* NULL: none, for lack of memory */
	struct mp_findings fs;
	bool there;
	uint64_t next; /* when they are worked out again, ns */
	/* a recording is folded once more for it, some blocks at a time */
	bool asked;
	struct mp_reader *reader;
	struct mp_model *model;
};

/* An event before it is folded into m: an mp_observe_fn. */
void mp_judge_observe(void *ctx, const struct mp_model *m, const struct mp_event *e);
/* Of the model as it is; those there were stay when there is no memory for others. */
void mp_judge_make(struct mp_judge *j, const struct mp_model *m, const char *state);
/* Of what runs: made anew some seconds after the last time. Never NULL. */
const struct mp_findings *mp_judge_live(struct mp_judge *j, const struct mp_model *m);
/* Of a recording of so many bytes: asked for the first time it is opened once more, and read by
 * mp_judge_work(). NULL: not yet. What could not be judged has no findings. */
const struct mp_findings *mp_judge_recording(struct mp_judge *j, const char *path, uint64_t bytes);
/* Reads on until then, CLOCK_MONOTONIC ns. True: there is more. */
bool mp_judge_work(struct mp_judge *j, uint64_t end);
void mp_judge_free(struct mp_judge *j);

#endif /* MEMPROF_CMD_JUDGE_H */
