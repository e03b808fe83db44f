/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * touch.h - who touched memory: sampled faults by process, stack, thread and what the
 * memory is for, and how much of it is still there.
 *
 * Owns: rows of sums, and the sampled pages that are still resident. Must not: write,
 * or change the model. For exporters whose output is by stack.
 */
#ifndef MEMPROF_EXPORT_TOUCH_H
#define MEMPROF_EXPORT_TOUCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/export/export.h"
#include "user/model/model.h"

/*
 * Sums over the samples of one kind. A sample stands for `x` pages touched at random
 * points, so sums are unbiased. `kept` are those of the sampled pages that the model
 * still has resident at the end from that touch: an estimate of what is left of them.
 */
struct mp_touch_row {
	uint64_t stack;	 /* id, 0 = none was taken, or more rows than there is room for */
	uint32_t pid;	 /* or the mm where no number is known */
	uint32_t mm;	 /* for the names of its frames */
	uint32_t comm;	 /* string id */
	uint32_t thread; /* string id of the thread's name, 0 = not told */
	uint8_t cls;	 /* enum mp_class; MP_CLS_MAX = not told */
	uint64_t samples, pages;
	uint64_t kept; /* pages */
};

struct mp_touches;

/* NULL when memory is out. Frees accept NULL. */
struct mp_touches *mp_touches_new(void);
void mp_touches_free(struct mp_touches *t);
/* Around the fold of every event; pid 0: all processes. 0 or -ENOMEM. */
int mp_touches_before(struct mp_touches *t, const struct mp_model *m, const struct mp_event *e,
		      uint32_t pid);
int mp_touches_after(struct mp_touches *t, const struct mp_model *m, const struct mp_event *e,
		     uint32_t pid);
/* The same as functions of an exporter whose `priv` is the rows. */
int mp_touches_begin_export(struct mp_export *x);
int mp_touches_before_export(struct mp_export *x, const struct mp_model *m,
			     const struct mp_event *e);
int mp_touches_after_export(struct mp_export *x, const struct mp_model *m,
			    const struct mp_event *e);
/* Fills in `kept` by the model at the end, in rows of what the memory is for by then: such
 * a row may have no samples. 0 or -ENOMEM. */
int mp_touches_end(struct mp_touches *t, const struct mp_model *m);
/* The rows, in the order they came; they live as long as t. */
const struct mp_touch_row *mp_touches_rows(const struct mp_touches *t, size_t *n);
/* What a process is called in rows: its number, or its mm's where that is not known. */
uint32_t mp_touch_pid(const struct mp_proc *p);

#endif /* MEMPROF_EXPORT_TOUCH_H */
