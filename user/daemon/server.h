/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * server.h - viewers on the daemon's Unix socket.
 *
 * Owns: the socket, one connection per viewer with a bounded queue of blocks, each viewer's
 * subset of the stream. Must not: block, trust what a viewer sends, decide who sees what
 * (access.h). A viewer that does not read is told less (blocks dropped, counted, a keyframe
 * when there is room), then cut off; one too many is refused with a reason.
 *
 * Protocol: docs/daemon-protocol.md. The viewer sends one line "memprof 1 WANT\n" (WANT: "list",
 * "stream [PID...] [past SECONDS]"), 4 KiB at most, within 5 s. The answer is one line "ok
 * ...\n" or "no WORD: REASON\n"; then, for "stream", a recording as a file would have it, until one
 * of both goes. For "list": one JSON document.
 *
 * Every function takes NULL, which is a server without a socket (socket = "").
 */
#ifndef MEMPROF_DAEMON_SERVER_H
#define MEMPROF_DAEMON_SERVER_H

#include "user/daemon/access.h"
#include "user/daemon/config.h"
#include "user/daemon/targets.h"

struct dm_server;
struct mp_event;
struct mp_model;
struct mp_history;

#define DM_QUEUE_BYTES (8u << 20) /* of one viewer */

int dm_server_open(const struct dm_config *c, const struct dm_targets *t, const struct mp_model *m,
		   struct mp_history *past, struct dm_server **out, struct mp_diag *diag);
void dm_server_close(struct dm_server *s);
/* Readable or writable when dm_server_work() has something to do: an epoll descriptor. */
int dm_server_fd(const struct dm_server *s);
void dm_server_work(struct dm_server *s);
/* Before an event is folded into the model: mp_observe_fn. */
void dm_server_event(void *ctx, const struct mp_model *m, const struct mp_event *e);
/* Every tick: seals what waits, keyframes, who has been slow for too long. */
void dm_server_tick(struct dm_server *s, uint64_t now);

struct dm_server_figures {
	unsigned viewers;
	uint64_t accepted, refused, cut_off;
	uint64_t dropped_blocks, sent_bytes;
};
void dm_server_figures(const struct dm_server *s, struct dm_server_figures *f);

#endif /* MEMPROF_DAEMON_SERVER_H */
