/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * request.h - the line that a viewer sends: docs/daemon-protocol.md.
 *
 * Owns: its grammar. Must not: believe it: what may be seen is access.h's.
 */
#ifndef MEMPROF_DAEMON_REQUEST_H
#define MEMPROF_DAEMON_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#define DM_REQUEST_LINE 4096 /* bytes, with its end */
#define DM_REQUEST_PIDS 64
#define DM_REQUEST_PAST 604800 /* s: a week; rings hold less */

enum dm_want { DM_WANT_STREAM, DM_WANT_LIST };

struct dm_request {
	enum dm_want want;
	uint32_t pids[DM_REQUEST_PIDS]; /* as the viewer counts; none: all that it may see */
	size_t n_pids;
	uint64_t past_ns; /* 0: from now on */
};

/* A line without its end: NULL, or why it is none, in words for the answer. */
const char *dm_request_parse(const char *line, size_t len, struct dm_request *r);

#endif /* MEMPROF_DAEMON_REQUEST_H */
