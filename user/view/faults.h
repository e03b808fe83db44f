/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * faults.h - the part of the reports about page faults: by kind, by thread, by user
 * stack. For the reports only.
 */
#ifndef MEMPROF_VIEW_FAULTS_H
#define MEMPROF_VIEW_FAULTS_H

#include <stdio.h>

#include "user/view/figures.h"
#include "user/view/json.h"
#include "user/view/text.h"

/* Further keys of the open object "faults". */
void mp_faults_json_kinds(struct mp_json *j, const struct mp_figures *fg);
/* Key "fault_kinds" of a mapping: kinds that it had. */
void mp_faults_json_mapping(struct mp_json *j, const struct mp_figures *fg,
			    const struct mp_mapping *v);
/* Keys "threads" and "sites" of the object that is open. 0 or -ENOMEM. */
int mp_faults_json(struct mp_json *j, const struct mp_figures *fg);
/* The rows under the heading of faults, and a section each for threads and stacks.
 * 0 or -ENOMEM. */
int mp_faults_text(FILE *f, const struct mp_term *term, const struct mp_figures *fg);

#endif /* MEMPROF_VIEW_FAULTS_H */
