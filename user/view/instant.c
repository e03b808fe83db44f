/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * instant.c - see instant.h.
 */
#include "user/view/instant.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "user/model/model.h"
#include "user/util/util.h"
#include "user/view/figures.h"

#define SEC 1000000000ULL

static bool parse_day(const char *s, struct mp_instant *at)
{
	int n = 0;
	char *end;

	at->kind = MP_AT_CLOCK;
	if (sscanf(s, "%2d:%2d%n", &at->hour, &at->minute, &n) < 2)
		return false;
	if (s[n] == ':') {
		at->second = strtod(s + n + 1, &end);
		if (end == s + n + 1 || *end)
			return false;
	} else if (s[n]) {
		return false;
	}
	return at->hour >= 0 && at->hour < 24 && at->minute >= 0 && at->minute < 60 &&
	       at->second >= 0 && at->second < 61;
}

bool mp_instant_parse(const char *s, struct mp_instant *at)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = { { "", 1e9 }, { "s", 1e9 }, { "ms", 1e6 }, { "m", 60e9 }, { "h", 3600e9 } };
	char *end;
	double v;

	memset(at, 0, sizeof(*at));
	if (strchr(s, ':'))
		return parse_day(s, at);
	at->kind = *s == '-' || !strcmp(s, "end")     ? MP_FROM_END
		   : *s == '+' || !strcmp(s, "start") ? MP_FROM_START
						      : MP_SESSION;
	if (!strcmp(s, "end") || !strcmp(s, "start"))
		return true;
	s += *s == '-' || *s == '+';
	v = strtod(s, &end);
	if (end == s || *s == '-' || *s == '+' || !(v >= 0) || v > 1e9)
		return false;
	at->ns = MP_UNKNOWN;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (!strcmp(end, units[i].unit) && v * units[i].ns < 9e18)
			at->ns = (uint64_t)(v * units[i].ns + 0.5);
	return at->ns != MP_UNKNOWN;
}

/* The first time not before `from` when clocks here show it, as CLOCK_REALTIME ns. */
static uint64_t wall_of(const struct mp_instant *at, uint64_t from)
{
	time_t t = (time_t)(from / SEC);
	uint64_t want = 0;
	struct tm tm;

	for (int day = 0; day < 2; day++) {
		if (!localtime_r(&t, &tm))
			return 0;
		tm.tm_mday += day;
		tm.tm_hour = at->hour;
		tm.tm_min = at->minute;
		tm.tm_sec = 0;
		tm.tm_isdst = -1;
		want = (uint64_t)mktime(&tm) * SEC + (uint64_t)(at->second * 1e9 + 0.5);
		if (want >= from / SEC * SEC)
			break;
	}
	return want > from ? want : from;
}

/* Clocks may have been set meanwhile, so what they show is followed to the time. False:
 * nothing told what they show. */
static bool clock_ts(const struct mp_instant *at, const struct mp_model *m, uint64_t first,
		     uint64_t *ts)
{
	uint64_t wall = mp_wall_ns(m, first), want;

	*ts = first;
	if (wall == MP_UNKNOWN)
		return false;
	want = wall_of(at, wall);
	for (int i = 0; i < 8 && wall != MP_UNKNOWN && wall != want; i++) {
		uint64_t next = *ts + (want - wall);

		*ts = next >> 62 ? first : next;
		wall = mp_wall_ns(m, *ts);
	}
	return wall != MP_UNKNOWN;
}

bool mp_wall_text(const struct mp_model *m, uint64_t ts, unsigned digits, char *buf, size_t size)
{
	static const uint64_t unit[] = { 0, 100000000, 10000000, 1000000 };
	uint64_t wall = mp_wall_ns(m, ts);
	time_t t = (time_t)(wall / SEC);
	struct tm tm;
	size_t n;

	snprintf(buf, size, "?");
	if (wall == MP_UNKNOWN || !localtime_r(&t, &tm))
		return false;
	n = strftime(buf, size, "%H:%M:%S", &tm);
	if (n && digits && digits < 4)
		snprintf(buf + n, size - n, ".%0*u", (int)digits,
			 (unsigned)(wall % SEC / unit[digits]));
	return n > 0;
}

/* "1:23.5", "1:02:03": of the session, and of the day where that can be one. */
static bool parse_colons(const char *s, struct mp_instant *at)
{
	double part[3] = { 0 };
	char *end = NULL;
	int n = 0;

	for (; n < 3; s = end + 1) {
		part[n] = strtod(s, &end);
		if (end == s || *s < '0' || *s > '9' || part[n] < 0 || part[n] > 1e6)
			return false;
		n++;
		if (*end != ':')
			break;
		if (part[n - 1] != (double)(int)part[n - 1]) /* only the last has a fraction */
			return false;
	}
	if (*end || n < 2 || part[1] >= 60 || part[2] >= 60)
		return false;
	at->kind = MP_AT_COLONS;
	at->ns = (uint64_t)((n == 2 ? part[0] * 60 + part[1]
				    : part[0] * 3600 + part[1] * 60 + part[2]) *
				    1e9 +
			    0.5);
	at->hour = (int)part[0];
	at->minute = (int)part[1];
	at->second = part[2];
	at->of_day = part[0] < 24 && part[1] == (double)(int)part[1];
	return true;
}

bool mp_instant_parse_here(const char *s, struct mp_instant *at)
{
	char *end;
	double v;

	memset(at, 0, sizeof(*at));
	if (strchr(s, ':'))
		return parse_colons(s, at);
	if (*s && s[strlen(s) - 1] == '%') {
		v = strtod(s, &end);
		at->kind = MP_AT_SHARE;
		at->share = v / 100;
		return end != s && !strcmp(end, "%") && v >= 0 && v <= 100;
	}
	if (!strcmp(s, "now"))
		s = "end";
	if (!mp_instant_parse(s, at))
		return false;
	if (*s == '+')
		at->kind = MP_FROM_HERE;
	return true;
}

int mp_instant_ts(const struct mp_instant *at, const struct mp_model *m, uint64_t first,
		  uint64_t last, uint64_t here, uint64_t *ts)
{
	uint64_t to = 0;

	switch (at->kind) {
	case MP_FROM_START:
		to = first + at->ns;
		break;
	case MP_FROM_END:
		to = at->ns <= last - first ? last - at->ns : 0;
		break;
	case MP_FROM_HERE:
		to = here + at->ns;
		break;
	case MP_AT_SHARE:
		to = first + (uint64_t)((double)(last - first) * at->share + 0.5);
		break;
	case MP_SESSION:
		to = mp_fig_moment(m, at->ns);
		break;
	case MP_AT_COLONS:
		to = mp_fig_moment(m, at->ns);
		if (to <= last || !at->of_day)
			break;
		/* fall through */
	case MP_AT_CLOCK:
		if (!clock_ts(at, m, first, &to))
			return -ENODATA;
		break;
	}
	if (to < first || to > last)
		return -ERANGE;
	*ts = to;
	return 0;
}
