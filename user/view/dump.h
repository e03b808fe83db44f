/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * dump.h - one event as one line of text: what `memprof dump` prints.
 *
 * Owns: the line's shape, for every event type. Must not: fold, interpret or
 * leave anything out; a type it does not know is printed as raw words.
 */
#ifndef MEMPROF_VIEW_DUMP_H
#define MEMPROF_VIEW_DUMP_H

#include <stdint.h>
#include <stdio.h>

#include "user/model/model.h"

/*
 * Writes
 *   SECONDS TYPE[.SUB] mm=N tid=N KEY=VALUE...
 * SECONDS count from t0, with 9 digits; numbers carry their unit; unknown is
 * "?"; string ids are resolved with `names` (NULL: printed as "#id"), quoted and
 * cleaned. 0 or -EIO: an earlier or this write failed.
 */
int mp_dump_event(FILE *f, const struct mp_event *e, uint64_t t0, const struct mp_model *names);

/*
 * The same by fields: fn gets each one's name and its value as text, in the order of the
 * line, behind "event" (TYPE.SUB), "time", "mm" and "tid". 0 or -ENOMEM.
 */
int mp_dump_fields(const struct mp_event *e, uint64_t t0, const struct mp_model *names,
		   void (*fn)(void *arg, const char *key, const char *value), void *arg);

/* "fault", "call", ...; NULL for a type that has no name. */
const char *mp_dump_type(unsigned type);

#endif /* MEMPROF_VIEW_DUMP_H */
