/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * facts.h - the part of the reports about the recording itself and about all processes
 * in it: when, where and why it was made, what clocks did, who else was watched.
 *
 * For the reports only.
 */
#ifndef MEMPROF_VIEW_FACTS_H
#define MEMPROF_VIEW_FACTS_H

#include <stdio.h>

#include "user/view/figures.h"
#include "user/view/json.h"
#include "user/view/text.h"

/* Further keys of the open object "recording". */
void mp_facts_json(struct mp_json *j, const struct mp_figures *fg);
/* Further keys of the open object "target". */
void mp_facts_json_target(struct mp_json *j, const struct mp_figures *fg);
/* Keys "modules" and "processes" of the object that is open. 0 or -ENOMEM. */
int mp_facts_json_tables(struct mp_json *j, const struct mp_figures *fg);
/* A section on the recording, and one on the processes where there are several. 0 or
 * -ENOMEM. */
int mp_facts_text(FILE *f, const struct mp_term *term, const struct mp_figures *fg);

/* "2026-11-21T17:35:02.250Z", or "" when nothing told the time. Returns buf. */
char *mp_facts_time(const struct mp_model *m, uint64_t ts, char *buf, size_t size);

#endif /* MEMPROF_VIEW_FACTS_H */
