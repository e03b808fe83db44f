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

#define MP_SESSION_TICK_NS 50000000ULL	/* between ticks            */
#define MP_SESSION_POLL_NS 100000000ULL /* between looks at /proc   */
#define MP_SESSION_TIME_NS 1000ULL	/* recorded times are whole multiples */

/* Where a recording goes and how: see user/rec/shards.h. */
struct mp_output_opts {
	const char *path;		  /* NULL: fd */
	int fd;				  /* an open descriptor; -1 = none */
	uint64_t rotate_ns, rotate_bytes; /* 0 = not by it */
	uint64_t keep_ns, keep_bytes;	  /* a ring; 0 = not by it */
	bool sync;			  /* to the disk every 5 s */
	bool cmdline, environ;		  /* of the first target, told in it */
	bool hand_over; /* what came of a capture is no message but mp_session_saved() */
};

struct mp_session_opts {
	const pid_t *pids;
	size_t n_pids;
	char *const *cmd; /* NULL-terminated, or NULL */
	int cmd_out_fd;	  /* >= 0: the command's output goes there, its input is empty */
	struct mp_hooks hooks;
	bool follow_forks;
	bool no_symbols;      /* functions are not named */
	const char *gc_log;   /* "auto" (with cmd), a file, or NULL */
	uint32_t ring_bytes;  /* 0 = default */
	uint32_t stacks;      /* room for different ones; 0 = default */
	uint64_t history;     /* bytes of the past in memory; 0 = MP_HISTORY_LIMIT */
	bool standing;	      /* goes on without targets, which come and go */
	uint32_t max_targets; /* 0 = default: room that the kernel side has */
	struct mp_output_opts out;
	/* Called when the probes are attached and before there is a file or a thread: here a
	 * daemon gives up its privileges. -errno with diag filled ends it. NULL: nothing to do. */
	int (*attached)(void *ctx, struct mp_diag *diag);
	void *attached_ctx;
};

/*
 * Attaches everything and waits for the first picture (mappings, resident
 * pages) of each target. A command is started last and runs from here on.
 * On failure diag is filled.
 */
int mp_session_open(const struct mp_session_opts *o, struct mp_session **out, struct mp_diag *diag);

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

/*
 * Targets of a standing session. `came` is asked before anything is told of a process that a
 * rule took, that a target forked, or that a target became by exec: false, and it is not
 * watched and nothing of it is in the stream. `from` is the mm of its parent, or after an exec
 * its own before it; 0: neither. `rules`: bits of the rules that took it, those from 63 on
 * share the last; 0: none did, ~0: it is not known which. `went`: it ended, called exec, or is
 * watched no longer; what is still to be folded of it comes later.
 */
struct mp_target_fns {
	bool (*came)(void *ctx, pid_t pid, uint32_t mm, uint32_t from, uint64_t rules);
	void (*went)(void *ctx, uint32_t mm);
	void *ctx;
};
void mp_session_targets(struct mp_session *s, const struct mp_target_fns *fns);
/*
 * Watches a running process from here on; `came` is not asked. 0 and its mm; -EEXIST and its
 * mm: it is watched already; -ESRCH: gone, or a kernel thread; -errno.
 */
int mp_session_watch(struct mp_session *s, pid_t pid, uint32_t *mm);
/* Watches it no longer: in the stream it ends here, with a status that is not known. */
void mp_session_unwatch(struct mp_session *s, uint32_t mm);
/* Processes that one of these takes become targets at their exec; see mp_probes_set_rules().
 * -EOPNOTSUPP: nothing tells of an exec. */
int mp_session_set_rules(struct mp_session *s, const struct mp_exec_rule *r, size_t n);

const struct mp_model *mp_session_model(const struct mp_session *s);
struct mp_history *mp_session_history(struct mp_session *s);
/* A word for the status line, or NULL: what is not as it should be, or how it ended. */
const char *mp_session_notice(const struct mp_session *s);
/* The former alone. */
const char *mp_session_trouble(const struct mp_session *s);
const struct mp_diag *mp_session_diag(const struct mp_session *s);
/* What came of gc_log, or NULL where it was not asked for. */
const char *mp_session_gc_log(const struct mp_session *s);
/* Asks the command to end, if it still runs. */
void mp_session_end_command(struct mp_session *s);
/* Exit status of the command; -1 while it runs or when there is none. */
int mp_session_exit_code(struct mp_session *s);

/* What was written; zero when not recording. */
struct mp_written {
	uint64_t bytes, events; /* in the file or files there are */
	uint64_t span;		/* ns they cover */
	unsigned files;
	uint64_t lost; /* events that were not written, of which the stream tells nothing */
};
/* Everything folded so far included: waits for the disk. */
void mp_session_written(struct mp_session *s, struct mp_written *w);
/*
 * Marks this instant in the stream (a NOTE of memprof's) and, where a ring is kept, has it
 * saved as a recording of its own, or told in the ring's last file when the session is
 * about to end (`last`). A message tells what came of it. -ENOMEM; with hand_over -ENODATA, too,
 * when nothing can be saved.
 */
int mp_session_capture(struct mp_session *s, uint64_t id, const char *why, bool last);
/* With hand_over, after a capture of a ring: false until it is known what came of it, then once
 * true with its *id and the new file's path (MP_SHARD_PATH bytes), or *err. See mp_outq_saved(). */
bool mp_session_saved(struct mp_session *s, uint64_t *id, char *path, int *err);
/* 0: a recording is being written; -errno of what ended it; -ENODATA: there is none. */
int mp_session_output(const struct mp_session *s);
/* The next sentence about the output that the user should read. False: there is none. */
bool mp_session_message(struct mp_session *s, char *buf, size_t size);
/* Ends the recording properly: the first error, or 0. Nothing is folded any more. */
int mp_session_finish(struct mp_session *s);
/* The same, but that the files of a ring are left as they are, each a recording: they can be many
 * and large, and making one of them takes as long as the disk does (mp_shards_join()). */
int mp_session_leave(struct mp_session *s);

/* What memprof itself takes, bytes: its resident set, and of the kernel's memory, in no
 * RSS, its BPF maps and programs (0 with --hooks none). */
struct mp_usage {
	uint64_t rss, bpf;
};
void mp_session_usage(const struct mp_session *s, struct mp_usage *u);

/* As mp_model_fill(), with the tables that the session itself keeps. */
unsigned mp_session_fill(const struct mp_session *s, const char **what);

/* mp_session_finish(), if that was not done, and frees. The error of the recording, or 0. */
int mp_session_close(struct mp_session *s);

#endif /* MEMPROF_SESSION_H */
