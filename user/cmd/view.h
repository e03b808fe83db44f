/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * view.h - showing a session: used by top and demo.
 */
#ifndef MEMPROF_CMD_VIEW_H
#define MEMPROF_CMD_VIEW_H

#include "user/cmd/cmd.h"

/*
 * The TUI where stdin and stdout are terminals that can show it, plain lines
 * otherwise, until the user or the targets end it. `story`: a table of stages
 * follows the plain lines. 0 or -errno.
 */
int mp_view_session(struct mp_session *s, const struct mp_args *a, bool story);
/* Opens the session that the options ask for, shows it, and closes it. Returns an
 * exit code; a command that was started has ended then. */
int mp_view_run(const struct mp_args *a, bool story);
int mp_view_tui(struct mp_session *s, const struct mp_args *a);
int mp_view_plain(struct mp_session *s, const struct mp_args *a, bool story);

#endif /* MEMPROF_CMD_VIEW_H */
