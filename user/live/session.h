/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * session.h - a live session: targets, sources, the stream, the fold.
 *
 * Owns: the model while it is live, the history behind it, the order of things.
 * Must not: draw, print (diag and notice carry words), decide exit codes of
 * commands. Every 50 ms it closes the runs open in the kernel, takes in what
 * all sources have, and folds what is older than the tick before: by then
 * nothing can arrive that would have come first.
 */
#ifndef MEMPROF_SESSION_H
#define MEMPROF_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "user/live/probes.h"
#include "user/model/model.h"
#include "user/util/diag.h"

struct mp_session;
struct mp_history;

#define MP_SESSION_TICK_NS 50000000ULL  /* between ticks            */
#define MP_SESSION_POLL_NS 100000000ULL /* between looks at /proc   */
#define MP_SESSION_TIME_NS 1000ULL      /* recorded times are whole multiples */

struct mp_session_opts {
	const pid_t *pids;
	size_t n_pids;
	char *const *cmd;      /* NULL-terminated, or NULL */
	int cmd_out_fd;        /* >= 0: the command's output goes there, its input is empty */
	struct mp_hooks hooks;
	bool follow_forks;
	uint32_t ring_bytes;   /* 0 = default */
	const char *out_path;  /* recording to write, or NULL */
	int out_fd;            /* ... or an open descriptor; -1 = none */
};

/*
 * Attaches everything and waits for the first picture (mappings, resident
 * pages) of each target. A command is started last and runs from here on.
 * On failure diag is filled.
 */
int mp_session_open(const struct mp_session_opts *o, struct mp_session **out,
		    struct mp_diag *diag);

/* Readable when pump has work. */
int mp_session_fd(const struct mp_session *s);
/*
 * Takes in and folds what has come. 1: goes on; 0: every target has ended and
 * all of it is folded; -errno: -ENOSPC and the like from the recording (diag()
 * tells; the session itself goes on), -ENOMEM.
 */
int mp_session_pump(struct mp_session *s);
/* Brings the model up to this moment: last figures, pages, mappings. */
int mp_session_settle(struct mp_session *s);

/* Called before each event is folded in; NULL ends it. */
typedef void (*mp_observe_fn)(void *ctx, const struct mp_model *m, const struct mp_event *e);
void mp_session_observe(struct mp_session *s, mp_observe_fn fn, void *ctx);

const struct mp_model *mp_session_model(const struct mp_session *s);
struct mp_history *mp_session_history(struct mp_session *s);
/* A word for the status line, or NULL. */
const char *mp_session_notice(const struct mp_session *s);
const struct mp_diag *mp_session_diag(const struct mp_session *s);
/* Asks the command to end, if it still runs. */
void mp_session_end_command(struct mp_session *s);
/* Exit status of the command; -1 while it runs or when there is none. */
int mp_session_exit_code(struct mp_session *s);
/* What was written, everything folded so far included; zero when not recording. */
void mp_session_written(struct mp_session *s, uint64_t *bytes, uint64_t *events);

/* What memprof itself takes, bytes: its resident set, and of the kernel's memory, in no
 * RSS, its BPF maps and programs (0 with --hooks none). */
struct mp_usage {
	uint64_t rss, bpf;
};
void mp_session_usage(const struct mp_session *s, struct mp_usage *u);

/* Ends the recording properly and frees. The error of the recording, or 0. */
int mp_session_close(struct mp_session *s);

#endif /* MEMPROF_SESSION_H */
