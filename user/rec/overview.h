/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * overview.h - the end of a recording without reading all of it: the last keyframe,
 * the summaries before it, and what follows it.
 *
 * Owns: which keyframe, and when there is none to go by. Must not: guess. Whatever
 * cannot be read as it was written leads back to reading everything.
 */
#ifndef MEMPROF_OVERVIEW_H
#define MEMPROF_OVERVIEW_H

#include <stdint.h>

struct mp_model;
struct mp_reader;

/*
 * 1: *m is a new model as of the last keyframe of an instant <= until (MP_UNKNOWN: of
 * all), its timelines from summaries, and
 * mp_reader_next() goes on from there. 0: this recording cannot be opened so: read it
 * from the start, r has not moved. -EIO, -ENOMEM.
 *
 * Blocks before that instant are only known by their headers, and where the recording
 * has an INDEX by that. *m differs from a model that folded all events in the width of
 * its timelines only.
 */
int mp_overview_load(struct mp_reader *r, uint64_t until, struct mp_model **m);

#endif /* MEMPROF_OVERVIEW_H */
