/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * instant.h - instants of a session as users name them.
 *
 * Pure: what is shown and said when one lies outside is the callers' matter.
 */
#ifndef MEMPROF_INSTANT_H
#define MEMPROF_INSTANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mp_model;

struct mp_instant {
	enum {
		MP_FROM_START,
		MP_FROM_END,
		MP_FROM_HERE,
		MP_AT_CLOCK,
		MP_AT_COLONS,
		MP_AT_SHARE,
		MP_SESSION /* time of the session, as every view shows it */
	} kind;
	uint64_t ns; /* from there */
	int hour, minute;
	double second, share;
	bool of_day; /* MP_AT_COLONS: hour, minute and second may be a time of the day */
};

/* "90", "12.5s", "2m" of the session, as every view shows it; "+12.5s" after the file's start,
 * "-30s" before its end; "10:05", "10:05:30" of the day; "start", "end" of the file. False: it
 * is none of them. */
bool mp_instant_parse(const char *s, struct mp_instant *at);
/*
 * The same where there is a moment looked at: "+5s" after that, "50%" of the session,
 * "now"; "1:23.5", "1:02:03" after the start, or of the day where the session is not so
 * long.
 */
bool mp_instant_parse_here(const char *s, struct mp_instant *at);
/*
 * The instant of a session from first to last, CLOCK_MONOTONIC ns. Times of day are by
 * what clocks here showed, the first time that they showed it. 0; -ERANGE: it lies
 * outside; -ENODATA: nothing tells the time of day. *ts is untouched then.
 */
int mp_instant_ts(const struct mp_instant *at, const struct mp_model *m, uint64_t first,
		  uint64_t last, uint64_t here, uint64_t *ts);
/* The time of day at ts, "14:02:11" with 0..3 digits of the second. "?" and false when
 * nothing told it. */
bool mp_wall_text(const struct mp_model *m, uint64_t ts, unsigned digits, char *buf, size_t size);

#endif /* MEMPROF_INSTANT_H */
