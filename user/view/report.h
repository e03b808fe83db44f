/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * report.h - what happened, as text for people and as JSON for scripts.
 *
 * Owns: the shape of `report` and `report --json`. Must not: change the model,
 * read files or clocks. The JSON names are fixed: add, do not rename.
 */
#ifndef MEMPROF_VIEW_REPORT_H
#define MEMPROF_VIEW_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "user/model/model.h"
#include "user/view/joined.h"
#include "user/view/text.h"

/* What the model cannot know: where its events came from. */
struct mp_report_info {
	const char *state;    /* "clean", "truncated", "damaged" or "live"    */
	const char *path;     /* of the recording; NULL = none                */
	uint64_t duration_ns; /* MP_UNKNOWN: of what the model has folded     */
	uint64_t events;      /* MP_UNKNOWN: as folded                        */
	uint64_t blocks;      /* MP_UNKNOWN: not a file                       */
	uint64_t bytes;	      /* size of the file; MP_UNKNOWN likewise        */
	uint64_t bad_blocks;  /* that could not be read                       */
	bool open_end;	      /* it has no end mark: what came last is missing */
	uint32_t pid;	      /* the process to report; 0 = the first target  */
	bool overview;        /* opened by summaries: not all was read        */
	uint64_t at;          /* the instant it is of; 0, MP_UNKNOWN: the end */
	uint64_t first_ts;    /* of the file's first event; 0: the model's    */
	const struct mp_joined *gc_log; /* joined to it; NULL: none           */
};

/* Is it of an instant before the end that was asked for? */
static inline bool mp_report_at(const struct mp_report_info *info)
{
	return info->at && info->at != MP_UNKNOWN;
}

/* Both write all of it and return 0, -EPIPE, -EIO or another -errno. A model
 * without a process is reported too, with nothing known. term may be NULL. */
int mp_report_text(FILE *f, const struct mp_model *m, const struct mp_report_info *info,
		   const struct mp_term *term);
int mp_report_json(FILE *f, const struct mp_model *m, const struct mp_report_info *info);

/* The first lines of the text report alone: the answer in words. */
void mp_report_summary(FILE *f, const struct mp_model *m, const struct mp_report_info *info,
		       const struct mp_term *term);

#endif /* MEMPROF_VIEW_REPORT_H */
