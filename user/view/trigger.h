/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * trigger.h - expressions over the figures of a model that say when a flight recorder is
 * to be saved: "rss>2G", "rss/heap>3 for 30s", "growth>100M/min", "time-to-limit<60s".
 *
 * Owns: the grammar, the table of figures, what an episode is. Must not: change the model,
 * read a clock (time is the model's), act on what it found. Evaluated beside the target
 * and never in it.
 *
 *   EXPR   = FIGURE [ "/" FIGURE ] OP NUMBER [ "for" TIME ]  |  "oom"
 *   OP     = ">" | ">=" | "<" | "<="
 *
 * Each process of the model is looked at by itself. A figure that is not known makes the
 * expression neither true nor false: it never fires.
 */
#ifndef MEMPROF_TRIGGER_H
#define MEMPROF_TRIGGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mp_model;
struct mp_proc;
struct mp_trigger;

/* Why an expression was refused: the byte of it where, and the reason. */
struct mp_trigger_error {
	size_t pos;
	char why[160];
};

#define MP_TRIGGER_REST_NS 60000000000ULL /* between two firings of one trigger */

/* 0, -EINVAL with *err, -ENOMEM. */
int mp_trigger_parse(const char *expr, struct mp_trigger **out, struct mp_trigger_error *err);
void mp_trigger_free(struct mp_trigger *t);

/*
 * Looks at the model as it is now; call it often (each tick), it looks ten times a second of
 * the model's time, and always when it is the last time. True when it fires, with a sentence
 * for the user in buf: once an episode of a process, which lasts until the figure was a tenth
 * on the other side of the threshold, and not twice within MP_TRIGGER_REST_NS. What is hit
 * meanwhile is told together when that is over; the kill of `oom` waits for other kills only.
 * Its warning is a control group's: told once of all its processes, with the largest of them.
 */
bool mp_trigger_eval(struct mp_trigger *t, const struct mp_model *m, bool last, char *buf,
		     size_t size);

/* Only processes that `of` takes are looked at from here on; NULL: all. */
void mp_trigger_only(struct mp_trigger *t, bool (*of)(void *ctx, const struct mp_proc *p),
		     void *ctx);
/* The process that mp_trigger_eval() named when it fired last; 0: it never did. */
uint32_t mp_trigger_pid(const struct mp_trigger *t);
/* Whether that was a kill, which the kernel or somebody really made, and no figure. */
bool mp_trigger_killed(const struct mp_trigger *t);
/* The expression as it was given; it lives as long as the trigger. */
const char *mp_trigger_text(const struct mp_trigger *t);

/*
 * Once, when a figure of the expression has not been known for five seconds of the model's
 * time and never before: a sentence that says so. Else false.
 */
bool mp_trigger_blind(struct mp_trigger *t, const struct mp_model *m, char *buf, size_t size);

#endif /* MEMPROF_TRIGGER_H */
