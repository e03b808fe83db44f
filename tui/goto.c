/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * goto.c - to a time as the user names it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tui/draw.h"
#include "user/util/util.h"
#include "user/view/instant.h"

bool tui_view_goto(struct tui_view *v, const struct mp_model *m, const char *text, char *why,
		   size_t size)
{
	uint64_t first = m->start, ts;
	struct mp_instant at;
	char dur[32];
	int err;

	for (int i = 0; i < 2; i++) {
		if (strcasecmp(text, i ? "b" : "a"))
			continue;
		if (v->mark[i])
			tui_view_go(v, m, v->mark[i], UINT32_MAX);
		else
			snprintf(why, size, "mark %c is not set: m sets it", "AB"[i]);
		return v->mark[i];
	}
	if (!mp_instant_parse_here(text, &at)) {
		snprintf(why, size, "no time: \"%s\"; try 12.5, 1:23.5, -30s, +5s, 14:02:11, 50%%",
			 text);
		return false;
	}
	err = mp_instant_ts(&at, m, first, m->now, tui_view_moment(v, m), &ts);
	if (err == -ENODATA)
		snprintf(why, size, "the time of day is not known here: give one from the start");
	else if (err)
		snprintf(why, size, "%s lies outside: the session is %s long", text,
			 mp_duration(dur, sizeof(dur), m->now > first ? m->now - first : 0));
	else
		tui_view_go(v, m, ts, UINT32_MAX);
	return !err;
}
