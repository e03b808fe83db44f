/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * plain.h - the live view as lines: for pipes, dumb terminals, screen readers.
 *
 * Owns: the columns, the lines for notes, the story by stages. Must not: read a
 * clock (the caller says when an interval ends) or change the model. Every line
 * is flushed, so that a reader of a pipe sees it when it happens.
 */
#ifndef MEMPROF_VIEW_PLAIN_H
#define MEMPROF_VIEW_PLAIN_H

#include <stdint.h>
#include <stdio.h>

#include "user/model/model.h"
#include "user/view/report.h"
#include "user/view/text.h"

struct mp_plain;

/* f is borrowed; term is copied, NULL = defaults. NULL when memory is out. */
struct mp_plain *mp_plain_new(FILE *f, const struct mp_term *term);
void mp_plain_free(struct mp_plain *pl);

/*
 * Optional, before an event is folded into m: marks then carry the exact state
 * that a stage ended with, and none is missed, however close they come. Without
 * it notes are taken from the timeline. Cheap for all but MP_EV_NOTE. 0 or -ENOMEM.
 */
int mp_plain_event(struct mp_plain *pl, const struct mp_model *m, const struct mp_event *e);

/*
 * Before the first event that is seen of a model that knows earlier ones: intervals
 * begin with it.
 */
void mp_plain_begin(struct mp_plain *pl, const struct mp_model *m);

/*
 * The interval that ends at ts (CLOCK_MONOTONIC ns; the model has been folded so
 * far): a line for every note in it, then one line of figures; before the first,
 * and every 24 on a terminal, the header. Once there have been several processes each
 * has a line that names it (plain_procs.h). 0, -EPIPE or another -errno.
 */
int mp_plain_interval(struct mp_plain *pl, const struct mp_model *m, uint64_t ts);

/* Notes not yet printed, then the summary in words (mp_report_summary). */
int mp_plain_end(struct mp_plain *pl, const struct mp_model *m, const struct mp_report_info *info);

/*
 * The story by stages as a table: for each note what was reached when the next
 * one came: RSS, used, committed, resident, owed. mp_plain_story reads the
 * timeline and shows the heap's resident bytes; mp_plain_stages uses what
 * mp_plain_event() kept and shows the largest heap mapping's, falling back to
 * the former when it kept nothing. Nothing is written when there are no notes.
 */
int mp_plain_story(FILE *f, const struct mp_model *m, const struct mp_term *term);
int mp_plain_stages(struct mp_plain *pl, const struct mp_model *m);

#endif /* MEMPROF_VIEW_PLAIN_H */
