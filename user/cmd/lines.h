/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * lines.h - plain lines over a session, what arrives, or a recording.
 *
 * Owns: when a line is due. Must not: word it (user/view/plain.h does).
 */
#ifndef MEMPROF_CMD_LINES_H
#define MEMPROF_CMD_LINES_H

#include "user/cmd/cmd.h"
#include "user/cmd/judge.h"
#include "user/cmd/live.h"
#include "user/view/plain.h"

/*
 * A line is printed when the first event comes that is later than its time: before
 * that event is folded, so that the line shows what was and nothing else. The same
 * for a session and for a recording.
 */
struct mp_lines {
	struct mp_plain *pl;
	struct mp_judge *judge; /* a diagnosis comes behind the lines; NULL: none */
	uint64_t interval, next;
	bool middle; /* the model knows earlier events */
	bool key;    /* ... from the state that the file begins with */
	int err;
};

/* An event before it is folded into m: prints what is due. 0 or -errno. */
int mp_lines_event(void *ctx, const struct mp_model *m, const struct mp_event *e);
/* Until the user or the targets end it, or --duration does. `story`: a table of stages and
 * findings follow. 0 or -errno. */
int mp_lines_live(const struct mp_live *on, const struct mp_args *a, bool story);

#endif /* MEMPROF_CMD_LINES_H */
