/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * view.h - showing what goes on: used by top and demo.
 */
#ifndef MEMPROF_CMD_VIEW_H
#define MEMPROF_CMD_VIEW_H

#include "user/cmd/cmd.h"

struct mp_feed;
struct mp_history;

/* What goes on and is shown meanwhile: a session, or what arrives of another memprof's. */
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
};
void mp_live_session(struct mp_live *l, struct mp_session *s);
void mp_live_feed(struct mp_live *l, struct mp_feed *f);

/*
 * The TUI where stdin and stdout are terminals that can show it, plain lines
 * otherwise, until the user or the targets end it. `story`: a table of stages
 * follows the plain lines. 0 or -errno.
 */
int mp_view_live(const struct mp_live *l, const struct mp_args *a, bool story);
/* Is it the TUI that is to be tried? */
bool mp_view_full(const struct mp_args *a);
/* Opens the session that the options ask for, shows it, and closes it. Returns an
 * exit code; a command that was started has ended then. */
int mp_view_run(const struct mp_args *a, bool story);

#endif /* MEMPROF_CMD_VIEW_H */
