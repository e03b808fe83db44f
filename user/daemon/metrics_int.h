/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * metrics_int.h - between metrics.c and textfile.c, and for these alone.
 */
#ifndef MEMPROF_DAEMON_METRICS_INT_H
#define MEMPROF_DAEMON_METRICS_INT_H

#include "user/daemon/metrics.h"

struct dm_textfile {
	uint64_t due; /* ns */
	int err;      /* that stderr was told of */
	char *path;   /* that was written, owned; NULL: none */
};

const struct dm_config *dm_metrics_config(const struct dm_metrics *m);
struct dm_textfile *dm_metrics_file(struct dm_metrics *m);
/* Removes what was written; frees the path. */
void dm_textfile_remove(struct dm_textfile *x);

#endif /* MEMPROF_DAEMON_METRICS_INT_H */
