/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * logjoin.h - --gc-log: the collections of GC logs in a recording that is read.
 */
#ifndef MEMPROF_CMD_LOGJOIN_H
#define MEMPROF_CMD_LOGJOIN_H

#include "user/cmd/cmd.h"
#include "user/view/joined.h"

struct mp_logjoin;

/*
 * Reads a recording and the logs that were asked for. 0 and the join; 0 and NULL where none was
 * asked for or the recording cannot be opened (who loads it says why); or an exit code after
 * a message. MP_EXIT_PARTIAL comes with a join: a log was damaged, or ended early.
 */
int mp_logjoin_open(const struct mp_args *a, const char *recording, struct mp_logjoin **out);
void mp_logjoin_close(struct mp_logjoin *g);
/* For mp_load_through(), from the recording's start. */
void mp_logjoin_filter(struct mp_logjoin *g, struct mp_event_filter *by);
/* Belongs to the join; NULL for none. */
const struct mp_joined *mp_logjoin_told(const struct mp_logjoin *g);

/*
 * --gc-log for a command that goes to and fro in a recording, or that filters it already: run is
 * called again with a file that has the collections in it, has no name and lives as long as
 * that. A recording without its end mark has none there either. An exit code.
 */
int mp_logjoin_run(struct mp_args *a, int (*run)(struct mp_args *a));

/* The recording with the collections in it as such a file: *path is to be opened, until the
 * join is closed. 0 or an exit code after a message. */
int mp_logjoin_file(struct mp_logjoin *g, const char *recording, const char **path);

#endif /* MEMPROF_CMD_LOGJOIN_H */
