/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * redact.h - a recording without paths and addresses: a filter of events before the
 * fold, so that everything that is made of them is free of both.
 *
 * Owns: what stays, what goes, and what comes in its place. Must not: fold, read
 * files. What was classed by name or by shape must be classed the same afterwards,
 * and all figures stay what they are.
 *
 *     r = mp_redact_new();
 *     for each event:  mp_redact_look(r, e);        (the first reading)
 *     mp_redact_ready(r);
 *     for each event:  mp_redact_event(r, e, ...);  (the second one)
 */
#ifndef MEMPROF_EXPORT_REDACT_H
#define MEMPROF_EXPORT_REDACT_H

#include "bpf/events.h"

struct mp_redact;

struct mp_redact *mp_redact_new(void);
void mp_redact_free(struct mp_redact *r);
/* Learns which addresses and strings there are. 0 or -ENOMEM. */
int mp_redact_look(struct mp_redact *r, const struct mp_event *e);
/* After all of them: chooses what comes in their place. 0 or -ENOMEM. */
int mp_redact_ready(struct mp_redact *r);
/*
 * Calls emit for what takes the event's place: once, for a string as often as it has
 * pieces, or not at all. The first non-zero result of emit ends it and comes back.
 */
int mp_redact_event(struct mp_redact *r, const struct mp_event *e,
		    int (*emit)(void *ctx, const struct mp_event *e), void *ctx);

#endif /* MEMPROF_EXPORT_REDACT_H */
