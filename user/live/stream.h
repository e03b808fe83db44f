/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * stream.h - events of all sources put in one order.
 *
 * Sources push in any order; the session takes out, oldest first, what can no
 * longer be overtaken. Ties keep the order of arrival: a run that was open when
 * a call returned arrives after it although it is older, so order is decided on
 * nanoseconds and only what leaves is rounded to the recording's tick.
 */
#ifndef MEMPROF_STREAM_H
#define MEMPROF_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/events.h"
#include "user/model/model.h"

struct mp_stream {
	struct mp_event *v; /* v[head..n): waiting */
	size_t head, n, cap;
	size_t sorted;      /* v[head..sorted) is in order */
	/* strings seen so far, by content; ids from 1 */
	char **strs;
	size_t n_strs, cap_strs;
	uint32_t *hash;     /* open addressing, index + 1 */
	size_t n_hash;
};

void stream_free(struct mp_stream *s);
int stream_push(struct mp_stream *s, const struct mp_event *e);
/* The same as an mp_emit_fn. */
int stream_emit(void *stream, const struct mp_event *e);
/* Sorts what waits. */
void stream_sort(struct mp_stream *s);
/* The oldest waiting event, if it is not newer than `until`; NULL otherwise. */
struct mp_event *stream_next(struct mp_stream *s, uint64_t until);
/* Rounds the times of an event down to `tick` ns. */
void stream_round(struct mp_event *e, uint64_t tick);

/* The id of a string; a new one pushes its MP_EV_STR events with time ts. 0 for
 * NULL or "", or when memory is out (the name is lost, nothing else). */
uint32_t stream_str(struct mp_stream *s, const char *str, uint64_t ts);
/* The same; a new string's events go to emit() instead, for who is folding now. */
uint32_t stream_str_to(struct mp_stream *s, const char *str, uint64_t ts, mp_emit_fn *emit,
		       void *ctx);

#endif /* MEMPROF_STREAM_H */
