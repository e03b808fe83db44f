/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * view.h - showing what goes on: used by top, replay and demo.
 */
#ifndef MEMPROF_CMD_VIEW_H
#define MEMPROF_CMD_VIEW_H

#include "user/cmd/cmd.h"

struct mp_live;

/*
 * The TUI where stdin and stdout are terminals that can show it, plain lines
 * otherwise, until the user or the targets end it. `story`: a table of stages
 * follows the plain lines. 0 or -errno; -ERESTART: mp_live.again said so.
 */
int mp_view_live(const struct mp_live *l, const struct mp_args *a, bool story);
/* The TUI and nothing else. -ENOTTY, -EOPNOTSUPP: there is no terminal that can show it; -EINTR:
 * somebody asked to end. */
int mp_view_tui(const struct mp_live *on, const struct mp_args *a);
/* Is it the TUI that is to be tried? */
bool mp_view_full(const struct mp_args *a);
/* Opens the session that the options ask for, shows it, and closes it. Returns an
 * exit code; a command that was started has ended then. */
int mp_view_run(const struct mp_args *a, bool story);

/* memprof top --connect: an exit code. */
int mp_view_connected(const struct mp_args *a);

#endif /* MEMPROF_CMD_VIEW_H */
