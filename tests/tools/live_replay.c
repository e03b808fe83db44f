/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * live_replay.c - a session of a command with a recording beside it: the state at many
 * instants while it ran against the state of the same instants out of the recording, and
 * out of the ring in memory.
 *
 *   live_replay FILE COMMAND [ARG...]
 *
 * An instant is over when the next event is later. Prints "N instants, R of them in the
 * ring, E events" and ends with 1 where a digest differs.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/live/session.h"
#include "user/rec/history.h"
#include "user/rec/reader.h"

#define INSTANTS 400
#define APART	 20000000ULL /* ns */

static struct {
	uint64_t ts, digest;
} at[INSTANTS];
static size_t n;

static void observe(void *ctx, const struct mp_model *m, const struct mp_event *e)
{
	(void)ctx;
	if (n == INSTANTS || !m->now || e->ts <= m->now || (n && m->now < at[n - 1].ts + APART))
		return;
	at[n].ts = m->now;
	at[n++].digest = mp_model_digest(m);
}

/* How many instants a history shows as they were; those before its first are not asked. */
static size_t compare(struct mp_history *h, const char *what, size_t *asked)
{
	uint64_t first, last;
	size_t same = 0;

	*asked = 0;
	if (mp_history_span(h, &first, &last))
		return 0;
	for (size_t i = n; i-- > 0;) { /* backwards: each is a jump */
		const struct mp_model *m;

		if (at[i].ts < first)
			break;
		(*asked)++;
		m = mp_history_at(h, at[i].ts);
		if (m && mp_model_digest(m) == at[i].digest)
			same++;
		else
			fprintf(stderr, "%s differs at %llu ns\n", what,
				(unsigned long long)at[i].ts);
	}
	return same;
}

/* The last instant: everything that was folded. */
static void take_end(const struct mp_model *m)
{
	if (n == INSTANTS)
		n--;
	at[n].ts = m->now;
	at[n++].digest = mp_model_digest(m);
}

static int run(struct mp_session *s)
{
	struct pollfd pfd = { .fd = mp_session_fd(s), .events = POLLIN };
	int r;

	do
		if (poll(&pfd, 1, 100) < 0 && errno != EINTR)
			return -errno;
	while ((r = mp_session_pump(s)) > 0);
	return r < 0 ? r : mp_session_settle(s);
}

int main(int argc, char **argv)
{
	struct mp_session_opts o = { .out.fd = -1, .cmd_out_fd = -1 };
	size_t in_ring, ring_same, in_file = 0, file_same = 0;
	struct mp_session *s;
	struct mp_diag diag;
	struct mp_history *h;
	struct mp_reader *r;
	struct mp_written w;

	if (argc < 3)
		return 64;
	o.out.path = argv[1];
	o.cmd = argv + 2;
	if (mp_hooks_parse("auto", &o.hooks, &diag) || mp_session_open(&o, &s, &diag)) {
		fprintf(stderr, "%s: %s\n", diag.what, diag.cause);
		return 4;
	}
	mp_session_observe(s, observe, NULL);
	if (run(s)) {
		fprintf(stderr, "the session broke\n");
		return 1;
	}
	take_end(mp_session_model(s));
	ring_same = compare(mp_session_history(s), "the ring", &in_ring);
	mp_session_written(s, &w);
	if (mp_session_close(s))
		return 1;
	if (!mp_reader_open(argv[1], &r) && !mp_history_from_reader(r, &h)) {
		file_same = compare(h, "the recording", &in_file);
		mp_history_free(h);
		mp_reader_close(r);
	}
	printf("%zu instants, %zu of them in the ring, %llu events\n", n, in_ring,
	       (unsigned long long)w.events);
	return n < 3 || in_file != n || file_same != n || !in_ring || ring_same != in_ring;
}
