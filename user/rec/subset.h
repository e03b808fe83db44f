/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * subset.h - the stream of some processes out of the stream of all.
 *
 * Owns: which events belong to the processes chosen, which strings, modules and stacks those
 * name and were told already. Must not: change a model, do I/O. What comes out is a whole
 * stream by itself: it names nothing of a process that was not chosen, and folded into an empty
 * model it gives what the model of all has of those chosen (mp_model_dump() through it: the
 * keyframe). Ids are those of the whole stream: nothing is numbered anew.
 *
 * Strings, modules and stacks are told when a chosen process first names them, from the model.
 * Events without a process go through when they are about the machine or the session (META of
 * it, PROBE, LOSS, CLOCK, TICK), and not when they name the session's first target (META PID,
 * COMM, EXE, ...): those are told anew of the first one chosen. Of probes of runtimes the reason
 * stays behind: it may name a file. Notes and OOM kills without a process stay behind, and so
 * do summaries: an encoder makes them anew (mp_encoder_subset()).
 *
 * Not the same as in the model of all: how many share pages with a process since a fork
 * (mp_proc.sharers), once one of those that was not chosen has ended; the next dump mends it.
 */
#ifndef MEMPROF_SUBSET_H
#define MEMPROF_SUBSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/model/model.h"

struct mp_subset;

/* May this address space be seen? Asked at each event: cheap. */
typedef bool mp_subset_fn(void *ctx, uint32_t mm);

/* may NULL: everything goes through but what is named by nobody. NULL: memory is out. */
struct mp_subset *mp_subset_new(mp_subset_fn *may, void *ctx);
void mp_subset_free(struct mp_subset *s);
/*
 * One event of the stream of m, before or after it was folded: what it becomes goes to emit.
 * A process that stops being visible by an exec ends here, without a status. Returns emit's
 * first non-zero result, or -ENOMEM.
 */
int mp_subset_event(struct mp_subset *s, const struct mp_model *m, const struct mp_event *e,
		    mp_emit_fn *emit, void *ctx);
/* The state of those chosen, as mp_model_dump() gives that of all. A process that becomes
 * visible later (may() says yes from then on) is told by one more of these. */
int mp_subset_dump(struct mp_subset *s, const struct mp_model *m, mp_emit_fn *emit, void *ctx);

/* For an encoder's summaries: whose go through, and the strings that they name. */
bool mp_subset_may(const struct mp_subset *s, uint32_t mm);
int mp_subset_string(struct mp_subset *s, const struct mp_model *m, uint32_t id, mp_emit_fn *emit,
		     void *ctx);

/* True when it is known of that type of event what it names; others never go through. */
bool mp_subset_knows(unsigned type);

#endif /* MEMPROF_SUBSET_H */
