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

#define MP_PIDS_MAX	256
#define MP_TRIGGERS_MAX 16
#define MP_GC_LOGS_MAX	1024
#define MP_FAIL_ON_MAX	64

/* Options, the same letters and words for every command that takes them. */
struct mp_args {
	pid_t pids[MP_PIDS_MAX];
	size_t n_pids;
	char **cmd;   /* after --, NULL-terminated, or NULL */
	char **files; /* what else was given                */
	int n_files;
	const char *input;		       /* -i */
	const char *output;		       /* -o */
	uint64_t rotate_ns, rotate_bytes;      /* --rotate-time, --rotate-size: 0 = not given */
	uint64_t keep_ns, keep_bytes;	       /* --keep: one of them */
	const char *triggers[MP_TRIGGERS_MAX]; /* --trigger */
	size_t n_triggers;
	bool sync, cmdline, environ;
	struct mp_hooks hooks;
	uint64_t interval_ns; /* 0 = not given */
	uint64_t duration_ns; /* 0 = not given */
	enum mp_color color;
	int theme;	       /* --theme: enum tui_background */
	const char *format;    /* --format */
	uint64_t max_bytes;    /* --max-size; a default where it is taken */
	const char *from, *to; /* --from, --to: as given */
	const char *table;     /* --table: of a format that has several */
	bool schema, redact;
	const char *at;			     /* --at, --seek: as given */
	const char *gc_logs[MP_GC_LOGS_MAX]; /* --gc-log */
	size_t n_gc_logs;
	bool has_gc_log_offset;
	int64_t gc_log_offset; /* ns */
	bool full;
	const char *gc_log;    /* --gc-log of what is live: "auto", a file */
	bool quiet, verbose, json, plain, follow_forks, no_stacks, no_symbols, list, child;
	bool no_mouse; /* --no-mouse */
	const char *connect;		     /* --connect: "" = the usual socket; NULL: not given */
	const char *of_own;		     /* an option of a session of one's own that was given */
	const char *thresholds;		     /* --thresholds */
	bool defaults;			     /* --defaults */
	const char *config;		     /* --config */
	bool check;			     /* --check */
	const char *fail_on[MP_FAIL_ON_MAX]; /* --fail-on: lists of names */
	size_t n_fail_on;
};

/* Which options a command takes: letters in args.c's table. */
enum mp_takes {
	MP_TAKES_TARGET = 1 << 0, /* -p, -- CMD */
	MP_TAKES_INPUT = 1 << 1,
	MP_TAKES_OUTPUT = 1 << 2,
	MP_TAKES_JSON = 1 << 3,
	MP_TAKES_PLAIN = 1 << 4,
	MP_TAKES_INTERVAL = 1 << 5,
	MP_TAKES_FILES = 1 << 6,
	MP_TAKES_LIST = 1 << 7,
	MP_TAKES_COLOR = 1 << 8,
	MP_TAKES_PID = 1 << 9,	  /* -p alone */
	MP_TAKES_HOOKS = 1 << 10, /* --hooks, --follow-forks, --no-stacks */
	MP_TAKES_RING = 1 << 13,  /* --rotate-*, --keep, --trigger, --sync */
	MP_TAKES_FACTS = 1 << 14, /* --cmdline, --environ */
	MP_TAKES_DURATION = 1 << 11,
	MP_TAKES_SPAN = 1 << 20,    /* --from, --to */
	MP_TAKES_FORMAT = 1 << 12,  /* --format, --schema, --max-size, --table, --redact */
	MP_TAKES_SEEK = 1 << 21,    /* --seek */
	MP_TAKES_AT = 1 << 22,	    /* --at, --full */
	MP_TAKES_SYMBOLS = 1 << 23, /* --symbols */
	MP_TAKES_GC_LOG = 1 << 24,  /* --gc-log, --gc-log-offset */
	MP_TAKES_CONFIG = 1 << 26,  /* --config, --check, --defaults */
	MP_TAKES_RULES = 1 << 25,   /* --thresholds, --defaults, --fail-on */
	MP_TAKES_CONNECT = 1 << 27, /* --connect */
};

struct mp_command {
	const char *name;
	int (*run)(struct mp_args *a);
	unsigned takes; /* enum mp_takes */
	const char *synopsis;
	const char *doc;
	bool hidden;
};
extern const struct mp_command mp_commands[];

/* Parses argv (argv[0] is the command's name) for a command. Does not return when
 * the arguments are wrong (exit 64) or ask for help (exit 0). */
void mp_args_parse(const struct mp_command *c, int argc, char **argv, struct mp_args *a);

/* An option as a command shows it. */
struct mp_option {
	const char *name; /* without its dashes */
	const char *arg;  /* what it takes, a word in capitals; NULL: nothing */
	const char *doc;
	char letter;   /* 0: none */
	bool optional; /* the argument, which then stands behind a '=' */
};
/* The i-th option that c takes; false behind the last. Texts are static. */
bool mp_args_option(const struct mp_command *c, size_t i, struct mp_option *o);

int cmd_top(struct mp_args *a);
int cmd_record(struct mp_args *a);
int cmd_replay(struct mp_args *a);
int cmd_report(struct mp_args *a);
int cmd_diagnose(struct mp_args *a);
int cmd_diff(struct mp_args *a);
int cmd_dump(struct mp_args *a);
int cmd_doctor(struct mp_args *a);
int cmd_export(struct mp_args *a);
int cmd_gclog(struct mp_args *a);
int cmd_demo(struct mp_args *a);
int cmd_completion(struct mp_args *a);
int cmd_daemon(struct mp_args *a);
int cmd_incident(struct mp_args *a);

/* Prints a diag to stderr as three lines at most; returns its exit code. */
int mp_complain(const struct mp_diag *d);
/* memprof-<comm>-<pid>-<time>.<suffix>, comm as a process has it: any bytes. Returns buf. */
char *mp_own_name(char *buf, size_t size, const char *comm, int pid, const char *suffix);
/* The same from words; cause and fix may be NULL. */
int mp_fail(int exit_code, const char *what, const char *cause, const char *fix);

/* What the stream can show, by the options, the environment and isatty. */
void mp_term_init(struct mp_term *t, FILE *f, enum mp_color color);

/* Signals that ask to end: how many came so far, and which was the first. */
void mp_signals_init(void);
int mp_signals_count(void);
int mp_signals_first(void);
/* SIGUSR1 asks for something to be saved: how often it came since the last call. */
void mp_signals_usr1(void);
int mp_signals_saves(void);

/* A recording folded to its end. */
struct mp_loaded {
	struct mp_reader *reader;
	struct mp_model *model;
	struct mp_rec_info info;
	int fn_err;    /* what the caller's function ended the reading with */
	bool overview; /* the model was not folded from all events */
	uint64_t at;   /* the instant it is of, ns; 0 = the end    */
};
struct mp_event;
/* Called before each event is folded; non-zero ends the reading with it. */
typedef int (*mp_event_fn)(void *ctx, const struct mp_model *m, const struct mp_event *e);
/* "-" or a pipe, which is read to its end. */
bool mp_is_stream(const char *path);
/* For who reads twice: 0, or an exit code after a message where it is such a one. */
int mp_not_a_stream(const char *path);
/* Opens and folds, as far as fn lets it: a file, a pipe, "-" for standard input (then without a
 * reader in l). Returns 0, MP_EXIT_PARTIAL for what is not clean (the
 * model is there, a message was printed), or an exit code after a message. Without fn a large
 * recording is opened by its last keyframe and its summaries: l->overview. */
int mp_load(const char *path, struct mp_loaded *l, mp_event_fn fn, void *ctx);
/* For fn: does nothing, so that all events are read and checked. */
int mp_load_all(void *ctx, const struct mp_model *m, const struct mp_event *e);
struct mp_instant;
/* As of an instant (l->at): with fn what comes after it is folded too, as in mp_load(),
 * and fn sees it. l->info is of the whole recording. */
int mp_load_at(const char *path, struct mp_loaded *l, const struct mp_instant *at, mp_event_fn fn,
	       void *ctx);
/* Reads through without folding, for its state and span: as mp_load() returns. */
int mp_survey(const char *path, struct mp_rec_info *info);
/* What is folded in an event's place: calls emit for each, or not at all. */
struct mp_event_filter {
	int (*fn)(void *ctx, const struct mp_event *e,
		  int (*emit)(void *to, const struct mp_event *e), void *to);
	void *ctx;
};
/* The same through a filter (NULL: none); fn sees what comes out of it. */
int mp_load_through(const char *path, struct mp_loaded *l, const struct mp_event_filter *by,
		    mp_event_fn fn, void *ctx);
void mp_unload(struct mp_loaded *l);
/* Names functions that the recording left unnamed, where this machine has the files. */
void mp_fill_symbols(const struct mp_args *a, struct mp_model *m);
void mp_loaded_info(const struct mp_loaded *l, const char *path, struct mp_report_info *info);

/* Options of a session from the command line. */
void mp_session_opts_from(const struct mp_args *a, struct mp_session_opts *o);
/* What became of --gc-log, on stderr. */
void mp_say_gc_log(const struct mp_args *a, const struct mp_session *s);
/* Ends output on stdout: turns a write error into an exit code. */
int mp_finish_stdout(int err, int exit_code);

#endif /* MEMPROF_CMD_H */
