/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * live.h - what goes on and is shown meanwhile: a session, or what arrives of another memprof's.
 *
 * Owns: nothing, it stands between the two. Must not: draw, know which of the two it is.
 */
#ifndef MEMPROF_CMD_LIVE_H
#define MEMPROF_CMD_LIVE_H

#include "user/cmd/feed.h"
#include "user/live/session.h"

struct mp_live {
	void *of;
	int fd; /* readable when pump has work */
	const struct mp_model *model;
	struct mp_history *history;
	int (*pump)(void *of);	 /* as mp_session_pump() */
	int (*settle)(void *of); /* as mp_session_settle(); NULL: there is no hurrying it */
	void (*observe)(void *of, mp_observe_fn fn, void *ctx);
	const char *(*trouble)(void *of);	     /* what is not as it should be, or NULL */
	const char *(*notice)(void *of);	     /* the same, or how it ended */
	void (*usage)(void *of, struct mp_usage *u); /* NULL: takes nothing to speak of */
	bool (*again)(void *of, bool wanted); /* as tui_source.again; NULL: the end is the end */
	const char *hello;		      /* said at first, or NULL */
};

/* What is behind it stays the caller's and has to live as long. */
void mp_live_session(struct mp_live *l, struct mp_session *s);
void mp_live_feed(struct mp_live *l, struct mp_feed *f);

#endif /* MEMPROF_CMD_LIVE_H */
