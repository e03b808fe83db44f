/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * args.c - options to struct mp_args, with glibc's argp.
 *
 * One table of options for all commands; a command names the groups it takes,
 * and the others are unknown to it.
 */
#include <argp.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/cmd/cmd.h"
#include "user/cmd/instant.h"
#include "user/util/util.h"

enum {
	KEY_JSON = 256,
	KEY_PLAIN,
	KEY_NO_MOUSE,
	KEY_INTERVAL,
	KEY_DURATION,
	KEY_FOLLOW,
	KEY_NO_STACKS,
	KEY_SYMBOLS,
	KEY_HOOKS,
	KEY_COLOR,
	KEY_THEME,
	KEY_LIST,
	KEY_CHILD,
	KEY_ROTATE_SIZE,
	KEY_ROTATE_TIME,
	KEY_KEEP,
	KEY_TRIGGER,
	KEY_SYNC,
	KEY_CMDLINE,
	KEY_ENVIRON,
	KEY_FORMAT,
	KEY_SCHEMA,
	KEY_MAX_SIZE,
	KEY_FROM,
	KEY_TO,
	KEY_TABLE,
	KEY_REDACT,
	KEY_SEEK,
	KEY_AT,
	KEY_FULL,
	KEY_GC_LOG,
	KEY_GC_LOG_OFFSET,
	KEY_LIVE_LOG,
	KEY_FAIL_ON,
	KEY_THRESHOLDS,
	KEY_DEFAULTS,
	KEY_CONFIG,
	KEY_CHECK,
	KEY_CONNECT,
};

#define KEEP_MIN_BYTES (1ULL << 20)
#define KEEP_MIN_NS    10000000000ULL
#define MAX_BYTES      (100ULL << 20) /* what viewers in a browser take */

struct opt_row {
	unsigned takes; /* any of these */
	struct argp_option o;
};

static const struct opt_row rows[] = {
	{ MP_TAKES_TARGET | MP_TAKES_PID, { "pid", 'p', "PID", 0, "This process", 0 } },
	{ MP_TAKES_CONNECT,
	  { "connect", KEY_CONNECT, "SOCKET", OPTION_ARG_OPTIONAL,
	    "What the memprof daemon watches, by its socket; without -p all that you may see",
	    0 } },
	{ MP_TAKES_INPUT,
	  { "input", 'i', "FILE", 0, "Read this recording instead of a process", 0 } },
	{ MP_TAKES_OUTPUT, { "output", 'o', "FILE", 0, "Record to FILE", 0 } },
	{ MP_TAKES_FORMAT,
	  { "output", 'o', "FILE", 0, "Write to this new file, not to stdout", 0 } },
	{ MP_TAKES_RING,
	  { "rotate-size", KEY_ROTATE_SIZE, "SIZE", 0, "Begin the next file after this much: 100M",
	    0 } },
	{ MP_TAKES_RING,
	  { "rotate-time", KEY_ROTATE_TIME, "TIME", 0, "Begin the next file after this time: 10m",
	    0 } },
	{ MP_TAKES_RING,
	  { "keep", KEY_KEEP, "TIME|SIZE", 0,
	    "Flight recorder: keep the last 10m, or 500M, in a ring of files; SIGUSR1 saves it",
	    0 } },
	{ MP_TAKES_RING,
	  { "trigger", KEY_TRIGGER, "EXPR", 0,
	    "Save the ring when this comes true: 'rss>2G', 'rss/heap>3 for 30s', "
	    "'growth>100M/min', "
	    "'owed>500M', 'time-to-limit<60s', oom; may be given again. Without --keep: --keep 10m",
	    0 } },
	{ MP_TAKES_RING,
	  { "sync", KEY_SYNC, NULL, 0, "Bring it to the disk itself every 5 s", 0 } },
	{ MP_TAKES_FACTS, { "cmdline", KEY_CMDLINE, NULL, 0, "Record the target's arguments", 0 } },
	{ MP_TAKES_FACTS,
	  { "environ", KEY_ENVIRON, NULL, 0, "Record the target's environment", 0 } },
	{ MP_TAKES_FACTS,
	  { "gc-log", KEY_LIVE_LOG, "auto|FILE", 0,
	    "Read the runtime's GC log as it is written: turned on for '-- CMD', or this file",
	    0 } },
	{ MP_TAKES_HOOKS,
	  { "follow-forks", KEY_FOLLOW, NULL, 0, "Watch the children the targets fork, too", 0 } },
	{ MP_TAKES_HOOKS,
	  { "hooks", KEY_HOOKS, "LIST", 0,
	    "auto, none (only poll /proc), or a list of RUNG, FEATURE=RUNG, FEATURE=off; see "
	    "'memprof doctor'",
	    0 } },
	{ MP_TAKES_HOOKS,
	  { "no-stacks", KEY_NO_STACKS, NULL, 0, "Take no user stacks of faults and calls", 0 } },
	{ MP_TAKES_HOOKS | MP_TAKES_SYMBOLS,
	  { "symbols", KEY_SYMBOLS, "WHEN", 0, "Name the functions of stacks: auto or off", 0 } },
	{ MP_TAKES_INTERVAL,
	  { "interval", KEY_INTERVAL, "TIME", 0, "Between lines or frames: 1, 500ms", 0 } },
	{ MP_TAKES_FORMAT,
	  { "interval", KEY_INTERVAL, "TIME", 0, "Between samples or points: 1, 500ms", 0 } },
	{ MP_TAKES_DURATION,
	  { "duration", KEY_DURATION, "TIME", 0, "End after this time: 30s, 5m", 0 } },
	{ MP_TAKES_JSON, { "json", KEY_JSON, NULL, 0, "JSON for programs", 0 } },
	{ MP_TAKES_PLAIN, { "plain", KEY_PLAIN, NULL, 0, "Lines instead of the full screen", 0 } },
	{ MP_TAKES_PLAIN,
	  { "theme", KEY_THEME, "WHICH", 0, "The screen's background: auto, light or dark", 0 } },
	{ MP_TAKES_PLAIN,
	  { "no-mouse", KEY_NO_MOUSE, NULL, 0, "Leave the mouse to the terminal", 0 } },
	{ MP_TAKES_LIST, { "list", KEY_LIST, NULL, 0, "List the names", 0 } },
	{ MP_TAKES_LIST, { "child", KEY_CHILD, NULL, OPTION_HIDDEN, NULL, 0 } },
	{ MP_TAKES_FORMAT,
	  { "format", KEY_FORMAT, "FORMAT", 0, "Of the output; --list shows them", 0 } },
	{ MP_TAKES_FORMAT,
	  { "schema", KEY_SCHEMA, NULL, 0, "Say what the format's output consists of", 0 } },
	{ MP_TAKES_FORMAT,
	  { "max-size", KEY_MAX_SIZE, "SIZE", 0,
	    "For viewers in a browser: leave out what matters least beyond it (100M, 1G; 0: "
	    "nothing is left out); perfetto and html only",
	    0 } },
	{ MP_TAKES_SPAN,
	  { "from", KEY_FROM, "TIME", 0,
	    "The earlier instant: 90, 12.5s, 2m after the start, or the time of day, 10:05:30",
	    0 } },
	{ MP_TAKES_SPAN, { "to", KEY_TO, "TIME", 0, "The later one; the end without it", 0 } },
	{ MP_TAKES_FORMAT,
	  { "table", KEY_TABLE, "TABLE", 0, "Which table, of a format that has several", 0 } },
	{ MP_TAKES_FORMAT,
	  { "redact", KEY_REDACT, NULL, 0, "Take out paths, addresses and names of files", 0 } },
	{ MP_TAKES_SEEK,
	  { "seek", KEY_SEEK, "TIME", 0,
	    "Start there: 90, +12.5s, 2m after the start, -30s before the end, or the time of "
	    "day, 10:05:30",
	    0 } },
	{ MP_TAKES_AT,
	  { "at", KEY_AT, "TIME", 0, "What was at an instant: as --seek of replay", 0 } },
	{ MP_TAKES_AT,
	  { "full", KEY_FULL, NULL, 0, "Read and check all of a large recording", 0 } },
	{ MP_TAKES_GC_LOG,
	  { "gc-log", KEY_GC_LOG, "LOG", 0,
	    "Join the collections of this GC log; may be given again", 0 } },
	{ MP_TAKES_GC_LOG,
	  { "gc-log-offset", KEY_GC_LOG_OFFSET, "SECONDS", 0,
	    "Its time 0 is so long after the recording's start (-1.5: before it), instead of "
	    "finding "
	    "that out",
	    0 } },
	{ MP_TAKES_RULES,
	  { "fail-on", KEY_FAIL_ON, "NAMES", 0,
	    "Exit with 2 if there is such a finding: classes, or info, warn, bad (that or worse), "
	    "any; separated by commas; may be given again",
	    0 } },
	{ MP_TAKES_RULES,
	  { "thresholds", KEY_THRESHOLDS, "FILE", 0, "Take thresholds of the rules from FILE",
	    0 } },
	{ MP_TAKES_RULES,
	  { "defaults", KEY_DEFAULTS, NULL, 0, "Print the thresholds as such a file", 0 } },
	{ MP_TAKES_CONFIG,
	  { "config", KEY_CONFIG, "FILE", 0,
	    "What to watch and how: memprof.conf(5); /etc/memprof/memprof.conf if there is one", 0 } },
	{ MP_TAKES_CONFIG,
	  { "check", KEY_CHECK, NULL, 0,
	    "Only read the file: every mistake with its line, and 64 if there is one", 0 } },
	{ MP_TAKES_CONFIG,
	  { "defaults", KEY_DEFAULTS, NULL, 0,
	    "Print a file with every key, its default and what it is for", 0 } },
	{ MP_TAKES_COLOR, { "color", KEY_COLOR, "WHEN", 0, "auto, always or never", 0 } },
	{ ~0u, { "quiet", 'q', NULL, 0, "No progress messages", 0 } },
	{ ~0u, { "verbose", 'v', NULL, 0, "More messages", 0 } },
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

bool mp_args_option(const struct mp_command *c, size_t i, struct mp_option *o)
{
	for (size_t k = 0; k < N_ROWS; k++) {
		const struct argp_option *r = &rows[k].o;

		if (!(rows[k].takes & c->takes) || r->flags & OPTION_HIDDEN || i-- > 0)
			continue;
		*o = (struct mp_option){
			.name = r->name,
			.arg = r->arg,
			.doc = r->doc,
			.letter = isgraph(r->key & 0xff) && r->key < KEY_JSON ? (char)r->key : 0,
			.optional = r->flags & OPTION_ARG_OPTIONAL,
		};
		return true;
	}
	return false;
}

struct parse {
	const struct mp_command *c;
	struct mp_args *a;
	char **files;
};

static void add_pid(struct parse *p, const char *arg, struct argp_state *st)
{
	char *end;
	long v;

	errno = 0;
	v = strtol(arg, &end, 10);
	if (errno || *end || end == arg || v < 1 || v > 0x7fffffff)
		argp_error(st, "'%s' is not a pid", arg);
	else if (p->a->n_pids == MP_PIDS_MAX)
		argp_error(st, "more than %d pids", MP_PIDS_MAX);
	else
		p->a->pids[p->a->n_pids++] = (pid_t)v;
}

static void set_time(uint64_t *dst, const char *arg, struct argp_state *st)
{
	if (mp_parse_time(arg, dst))
		argp_error(st, "'%s' is not a time: 1, 500ms, 30s, 5m", arg);
}

/* "4096", "64K", "1.5G" (powers of 1024). */
static void set_size(uint64_t *dst, const char *arg, struct argp_state *st)
{
	if (mp_parse_bytes(arg, dst))
		argp_error(st, "'%s' is not a size: 4096, 64K, 100M, 1.5G", arg);
}

/* "10m" is a time, "500M" a size; a number alone could be both. */
static void set_keep(struct mp_args *a, const char *arg, struct argp_state *st)
{
	bool number = arg[strspn(arg, "0123456789.")] == 0;

	a->keep_ns = 0;
	a->keep_bytes = 0;
	if (number || (mp_parse_time(arg, &a->keep_ns) && mp_parse_bytes(arg, &a->keep_bytes)))
		argp_error(st, "--keep=%s: neither a time (30s, 10m, 2h) nor a size (500M, 2G)",
			   arg);
	if (a->keep_bytes ? a->keep_bytes < KEEP_MIN_BYTES : a->keep_ns < KEEP_MIN_NS)
		argp_error(st, "--keep=%s: at least 10s, or 1M", arg);
}

static void add_trigger(struct mp_args *a, const char *arg, struct argp_state *st)
{
	if (a->n_triggers == MP_TRIGGERS_MAX)
		argp_error(st, "more than %d triggers", MP_TRIGGERS_MAX);
	else
		a->triggers[a->n_triggers++] = arg;
}

static void add_gc_log(struct mp_args *a, const char *arg, struct argp_state *st)
{
	if (a->n_gc_logs == MP_GC_LOGS_MAX)
		argp_error(st, "more than %d GC logs", MP_GC_LOGS_MAX);
	else
		a->gc_logs[a->n_gc_logs++] = arg;
}

static void add_fail_on(struct mp_args *a, const char *arg, struct argp_state *st)
{
	if (a->n_fail_on == MP_FAIL_ON_MAX)
		argp_error(st, "more than %d --fail-on", MP_FAIL_ON_MAX);
	else
		a->fail_on[a->n_fail_on++] = arg;
}

static void set_offset(struct mp_args *a, const char *arg, struct argp_state *st)
{
	char *end;
	double v = strtod(arg, &end);

	if (end == arg || *end || !(v > -1e9 && v < 1e9))
		argp_error(st, "'%s' is not a number of seconds: 12.5, -0.3", arg);
	a->has_gc_log_offset = true;
	a->gc_log_offset = (int64_t)(v * 1e9);
}

static void set_color(struct mp_args *a, const char *arg, struct argp_state *st)
{
	if (!strcmp(arg, "auto"))
		a->color = MP_COLOR_AUTO;
	else if (!strcmp(arg, "always"))
		a->color = MP_COLOR_ALWAYS;
	else if (!strcmp(arg, "never"))
		a->color = MP_COLOR_NEVER;
	else
		argp_error(st, "--color=%s: it takes auto, always or never", arg);
}

static void set_theme(struct mp_args *a, const char *arg, struct argp_state *st)
{
	static const char *const names[] = { "auto", "dark", "light" };

	for (int i = 0; i < 3; i++) {
		if (!strcmp(arg, names[i])) {
			a->theme = i;
			return;
		}
	}
	argp_error(st, "--theme=%s: it takes auto, light or dark", arg);
}

static void set_at(struct mp_args *a, const char *arg, struct argp_state *st)
{
	struct mp_instant at;

	a->at = arg;
	if (!mp_instant_parse(arg, &at))
		argp_error(st, "'%s' is not a time: 90, +12.5s, 2m, -30s before the end, 10:05:30",
			   arg);
}

static void set_hooks(struct mp_args *a, const char *arg, struct argp_state *st)
{
	struct mp_diag d = { 0 };

	if (mp_hooks_parse(arg, &a->hooks, &d))
		argp_error(st, "%s; %s", d.what, d.cause);
}

/* What only a session of one's own can do; --connect has the daemon's. */
static void note_own(struct mp_args *a, int key)
{
	static const int keys[] = { KEY_ROTATE_SIZE, KEY_ROTATE_TIME, KEY_KEEP,	    KEY_TRIGGER,
				    KEY_SYNC,	     KEY_CMDLINE,     KEY_ENVIRON,  KEY_LIVE_LOG,
				    KEY_FOLLOW,	     KEY_HOOKS,	      KEY_NO_STACKS };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		for (size_t k = 0; k < N_ROWS && keys[i] == key; k++)
			if (rows[k].o.key == key)
				a->of_own = rows[k].o.name;
}

static error_t on_arg(struct parse *p, char *arg, struct argp_state *st)
{
	/* Behind "--" comes the command, as it is. */
	if (st->quoted && st->next - 1 >= st->quoted && (p->c->takes & MP_TAKES_TARGET)) {
		p->a->cmd = st->argv + st->next - 1;
		st->next = st->argc;
		return 0;
	}
	if (p->a->connect && !*p->a->connect) { /* "--connect SOCKET" */
		p->a->connect = arg;
		return 0;
	}
	if (!(p->c->takes & MP_TAKES_FILES))
		return ARGP_ERR_UNKNOWN;
	p->files[p->a->n_files++] = arg;
	return 0;
}

static error_t on_key(int key, char *arg, struct argp_state *st)
{
	struct parse *p = st->input;
	struct mp_args *a = p->a;

	note_own(a, key);
	switch (key) {
	case 'p':
		add_pid(p, arg, st);
		break;
	case 'i':
		a->input = arg;
		break;
	case 'o':
		a->output = arg;
		break;
	case KEY_ROTATE_SIZE:
		set_size(&a->rotate_bytes, arg, st);
		break;
	case KEY_ROTATE_TIME:
		set_time(&a->rotate_ns, arg, st);
		break;
	case KEY_KEEP:
		set_keep(a, arg, st);
		break;
	case KEY_TRIGGER:
		add_trigger(a, arg, st);
		break;
	case KEY_SYNC:
		a->sync = true;
		break;
	case KEY_CMDLINE:
		a->cmdline = true;
		break;
	case KEY_ENVIRON:
		a->environ = true;
		break;
	case 'q':
		a->quiet = true;
		break;
	case 'v':
		a->verbose = true;
		break;
	case KEY_JSON:
		a->json = true;
		break;
	case KEY_PLAIN:
		a->plain = true;
		break;
	case KEY_NO_MOUSE:
		a->no_mouse = true;
		break;
	case KEY_LIST:
		a->list = true;
		break;
	case KEY_CHILD:
		a->child = true;
		break;
	case KEY_FORMAT:
		a->format = arg;
		break;
	case KEY_SCHEMA:
		a->schema = true;
		break;
	case KEY_MAX_SIZE:
		set_size(&a->max_bytes, arg, st);
		break;
	case KEY_FROM:
		a->from = arg;
		break;
	case KEY_TO:
		a->to = arg;
		break;
	case KEY_TABLE:
		a->table = arg;
		break;
	case KEY_REDACT:
		a->redact = true;
		break;
	case KEY_SEEK:
	case KEY_AT:
		set_at(a, arg, st);
		break;
	case KEY_LIVE_LOG:
		a->gc_log = arg;
		break;
	case KEY_FAIL_ON:
		add_fail_on(a, arg, st);
		break;
	case KEY_CONNECT:
		a->connect = arg ? arg : "";
		break;
	case KEY_THRESHOLDS:
		a->thresholds = arg;
		break;
	case KEY_DEFAULTS:
		a->defaults = true;
		break;
	case KEY_CONFIG:
		a->config = arg;
		break;
	case KEY_CHECK:
		a->check = true;
		break;
	case KEY_FULL:
		a->full = true;
		break;
	case KEY_GC_LOG:
		add_gc_log(a, arg, st);
		break;
	case KEY_GC_LOG_OFFSET:
		set_offset(a, arg, st);
		break;
	case KEY_FOLLOW:
		a->follow_forks = true;
		break;
	case KEY_NO_STACKS:
		a->no_stacks = true;
		break;
	case KEY_SYMBOLS:
		if (strcmp(arg, "auto") && strcmp(arg, "off"))
			argp_error(st, "--symbols=%s: it takes auto or off", arg);
		a->no_symbols = !strcmp(arg, "off");
		break;
	case KEY_INTERVAL:
		set_time(&a->interval_ns, arg, st);
		break;
	case KEY_DURATION:
		set_time(&a->duration_ns, arg, st);
		break;
	case KEY_HOOKS:
		set_hooks(a, arg, st);
		break;
	case KEY_COLOR:
		set_color(a, arg, st);
		break;
	case KEY_THEME:
		set_theme(a, arg, st);
		break;
	case ARGP_KEY_ARG:
		return on_arg(p, arg, st);
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* What goes together with --connect. */
static void check_connect(const struct mp_args *a, char *what, size_t size)
{
	if (a->of_own)
		snprintf(what, size,
			 "--%s and --connect exclude each other: the daemon's config says how it "
			 "watches",
			 a->of_own);
	else if (a->cmd)
		snprintf(what, size, "-- CMD and --connect exclude each other: nothing is started");
	else if (a->input || a->n_files)
		snprintf(what, size, "a recording and --connect exclude each other");
	else if (a->at || a->full || a->n_gc_logs)
		snprintf(what, size, "--at, --full and --gc-log are for recordings, not --connect");
}

/* A file is named in so many ways; each command says how many it needs. */
static void check(const struct mp_command *c, const struct mp_args *a)
{
	char what[160] = "", fix[120];

	if (a->connect)
		check_connect(a, what, sizeof(what));
	else if (a->cmd && a->n_pids)
		snprintf(what, sizeof(what), "either -p PID or -- CMD, not both");
	else if ((c->takes & MP_TAKES_TARGET) && !(c->takes & MP_TAKES_FILES) && !a->cmd &&
		 !a->n_pids && !a->input)
		snprintf(what, sizeof(what), "nothing to watch: give -p PID or -- CMD");
	else if (a->gc_log && !strcmp(a->gc_log, "auto") && !a->cmd)
		snprintf(what, sizeof(what),
			 "--gc-log auto needs -- CMD: a log is turned on at a program's start");
	else if (c->takes == 0)
		return;
	if (!*what)
		return;
	snprintf(fix, sizeof(fix), "memprof %s --help", c->name);
	exit(mp_fail(MP_EXIT_USAGE, what, NULL, fix));
}

void mp_args_parse(const struct mp_command *c, int argc, char **argv, struct mp_args *a)
{
	struct argp_option opts[N_ROWS + 1];
	struct argp argp = {
		.options = opts, .parser = on_key, .args_doc = c->synopsis, .doc = c->doc
	};
	struct parse p = { .c = c, .a = a };
	char name[64];
	size_t n = 0;

	memset(a, 0, sizeof(*a));
	memset(opts, 0, sizeof(opts));
	a->max_bytes = MAX_BYTES;
	mp_hooks_parse("auto", &a->hooks, NULL);
	for (size_t i = 0; i < N_ROWS; i++)
		if (rows[i].takes & c->takes)
			opts[n++] = rows[i].o;
	p.files = calloc((size_t)argc + 1, sizeof(*p.files));
	a->files = p.files;
	if (!p.files)
		exit(mp_fail(MP_EXIT_FAILURE, "out of memory", NULL, NULL));
	snprintf(name, sizeof(name), "memprof %s", c->name);
	argv[0] = name; /* what argp says in front of its messages */
	argp_err_exit_status = MP_EXIT_USAGE;
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &p);
	/* "report FILE --gc-log gc.log*": the shell gives more than one */
	while ((c->takes & MP_TAKES_GC_LOG) && a->n_gc_logs && a->n_files > 1 &&
	       a->n_gc_logs < MP_GC_LOGS_MAX && strcmp(c->name, "diff"))
		a->gc_logs[a->n_gc_logs++] = a->files[--a->n_files];
	if (a->no_stacks)
		a->hooks.allow[MP_FEAT_STACKS] = 0;
	check(c, a);
}
