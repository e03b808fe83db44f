/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd.h - what the commands share: parsed options, messages, opening things.
 *
 * A command is a row in main.c's table and one file cmd_<name>.c. It returns an
 * exit code (enum mp_exit).
 */
#ifndef MEMPROF_CMD_H
#define MEMPROF_CMD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "user/live/session.h"
#include "user/rec/reader.h"
#include "user/util/diag.h"
#include "user/view/report.h"
#include "user/view/text.h"

enum mp_color { MP_COLOR_AUTO = 0, MP_COLOR_ALWAYS = 1, MP_COLOR_NEVER = 2 };

#define MP_PIDS_MAX 256

/* Options, the same letters and words for every command that takes them. */
struct mp_args {
	pid_t pids[MP_PIDS_MAX];
	size_t n_pids;
	char **cmd;           /* after --, NULL-terminated, or NULL */
	char **files;         /* what else was given                */
	int n_files;
	const char *input;    /* -i */
	const char *output;   /* -o */
	struct mp_hooks hooks;
	uint64_t interval_ns; /* 0 = not given */
	uint64_t duration_ns; /* 0 = not given */
	enum mp_color color;
	bool quiet, verbose, json, plain, follow_forks, no_stacks, list, child;
};

/* Which options a command takes: letters in args.c's table. */
enum mp_takes {
	MP_TAKES_TARGET = 1 << 0,   /* -p, -- CMD */
	MP_TAKES_INPUT = 1 << 1,
	MP_TAKES_OUTPUT = 1 << 2,
	MP_TAKES_JSON = 1 << 3,
	MP_TAKES_PLAIN = 1 << 4,
	MP_TAKES_INTERVAL = 1 << 5,
	MP_TAKES_FILES = 1 << 6,
	MP_TAKES_LIST = 1 << 7,
	MP_TAKES_COLOR = 1 << 8,
	MP_TAKES_PID = 1 << 9,      /* -p alone */
	MP_TAKES_HOOKS = 1 << 10,   /* --hooks, --follow-forks, --no-stacks */
	MP_TAKES_DURATION = 1 << 11,
};

struct mp_command {
	const char *name;
	int (*run)(struct mp_args *a);
	unsigned takes;     /* enum mp_takes */
	const char *synopsis;
	const char *doc;
	bool hidden;
};
extern const struct mp_command mp_commands[];

/* Parses argv (argv[0] is the command's name) for a command. Does not return when
 * the arguments are wrong (exit 64) or ask for help (exit 0). */
void mp_args_parse(const struct mp_command *c, int argc, char **argv, struct mp_args *a);

int cmd_top(struct mp_args *a);
int cmd_record(struct mp_args *a);
int cmd_replay(struct mp_args *a);
int cmd_report(struct mp_args *a);
int cmd_dump(struct mp_args *a);
int cmd_doctor(struct mp_args *a);
int cmd_demo(struct mp_args *a);

/* Prints a diag to stderr as three lines at most; returns its exit code. */
int mp_complain(const struct mp_diag *d);
/* The same from words; cause and fix may be NULL. */
int mp_fail(int exit_code, const char *what, const char *cause, const char *fix);

/* What the stream can show, by the options, the environment and isatty. */
void mp_term_init(struct mp_term *t, FILE *f, enum mp_color color);

/* Signals that ask to end: how many came so far, and which was the first. */
void mp_signals_init(void);
int mp_signals_count(void);
int mp_signals_first(void);

/* A recording folded to its end. */
struct mp_loaded {
	struct mp_reader *reader;
	struct mp_model *model;
	struct mp_rec_info info;
	int fn_err; /* what the caller's function ended the reading with */
};
struct mp_event;
/* Called before each event is folded; non-zero ends the reading with it. */
typedef int (*mp_event_fn)(void *ctx, const struct mp_model *m, const struct mp_event *e);
/* Opens and folds, as far as fn lets it. Returns 0, MP_EXIT_PARTIAL for what is not clean (the model is
 * there, a message was printed), or an exit code after a message. */
int mp_load(const char *path, struct mp_loaded *l, mp_event_fn fn, void *ctx);
void mp_unload(struct mp_loaded *l);
void mp_loaded_info(const struct mp_loaded *l, const char *path, struct mp_report_info *info);

/* Options of a session from the command line. */
void mp_session_opts_from(const struct mp_args *a, struct mp_session_opts *o);
/* Ends output on stdout: turns a write error into an exit code. */
int mp_finish_stdout(int err, int exit_code);

#endif /* MEMPROF_CMD_H */
