/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * connect.h - what a memprof daemon tells over its socket: the other end of
 * user/daemon/server.h, without any privilege of its own.
 *
 * Owns: the request, the answer, what went wrong in words. Must not: decide who sees what.
 */
#ifndef MEMPROF_CMD_CONNECT_H
#define MEMPROF_CMD_CONNECT_H

#include "user/cmd/cmd.h"
#include "user/cmd/feed.h"

#define MP_CONNECT_SOCKET  "/run/memprof/memprof.sock"
#define MP_CONNECT_PAST_NS 600000000000ULL /* that is asked for where a past is wanted */

/* Asks for the stream of a's processes, with so much of what was (0: none), and waits for the
 * state that it begins with. 0 and *out, or an exit code after a message. tee may be NULL. */
int mp_connect_stream(const struct mp_args *a, uint64_t past_ns, bool history,
		      const struct mp_tap_tee *tee, struct mp_feed **out);
/* The same with all that was, up to this moment, folded: for who looks back at it. fn, which
 * may be NULL, sees each event before it is folded. *out is NULL where there is nothing to look
 * at, and an exit code says why; or there is something, and 0 or MP_EXIT_PARTIAL. */
int mp_connect_look(const struct mp_args *a, mp_observe_fn fn, void *ctx, struct mp_feed **out);
/* Where it has ended: an exit code, after a message where it is not 0. */
int mp_connect_ended(const struct mp_args *a, struct mp_feed *f, int err);

/*
 * A daemon that is there again where one has gone, or has begun another session: looked for without
 * waiting, once a second at most, for a view that goes on meanwhile. `a` stays the caller's. NULL:
 * out of memory.
 */
struct mp_again;
struct mp_again *mp_again_new(const struct mp_args *a, uint64_t past_ns);
void mp_again_free(struct mp_again *g); /* accepts NULL */
/* True: it grants what mp_connect_stream() asks for. Not wanted: it is only looked whether somebody
 * listens, and nothing is asked. */
bool mp_again_look(struct mp_again *g, bool wanted);
bool mp_again_there(const struct mp_again *g); /* somebody listens */
/* Behind a look that was true: the descriptor, for mp_feed_new(). */
int mp_again_take(struct mp_again *g);
/* Prints what may be seen. An exit code. */
int mp_connect_list(const struct mp_args *a);

#endif /* MEMPROF_CMD_CONNECT_H */
