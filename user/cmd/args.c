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
#include "user/util/util.h"

enum {
	KEY_JSON = 256,
	KEY_PLAIN,
	KEY_INTERVAL,
	KEY_DURATION,
	KEY_FOLLOW,
	KEY_NO_STACKS,
	KEY_HOOKS,
	KEY_COLOR,
	KEY_LIST,
	KEY_CHILD,
};

struct opt_row {
	unsigned takes; /* any of these */
	struct argp_option o;
};

static const struct opt_row rows[] = {
	{ MP_TAKES_TARGET | MP_TAKES_PID, { "pid", 'p', "PID", 0, "This process", 0 } },
	{ MP_TAKES_INPUT,
	  { "input", 'i', "FILE", 0, "Read this recording instead of a process", 0 } },
	{ MP_TAKES_OUTPUT, { "output", 'o', "FILE", 0, "Record to FILE", 0 } },
	{ MP_TAKES_HOOKS,
	  { "follow-forks", KEY_FOLLOW, NULL, 0, "Watch the children the targets fork, too", 0 } },
	{ MP_TAKES_HOOKS,
	  { "hooks", KEY_HOOKS, "LIST", 0,
	    "auto, none (only poll /proc), or a list of RUNG, FEATURE=RUNG, FEATURE=off; see "
	    "'memprof doctor'",
	    0 } },
	{ MP_TAKES_HOOKS,
	  { "no-stacks", KEY_NO_STACKS, NULL, 0, "Take no user stacks of faults and calls",
	    0 } },
	{ MP_TAKES_INTERVAL,
	  { "interval", KEY_INTERVAL, "TIME", 0, "Between lines or frames: 1, 500ms", 0 } },
	{ MP_TAKES_DURATION,
	  { "duration", KEY_DURATION, "TIME", 0, "End after this time: 30s, 5m", 0 } },
	{ MP_TAKES_JSON, { "json", KEY_JSON, NULL, 0, "JSON for programs", 0 } },
	{ MP_TAKES_PLAIN, { "plain", KEY_PLAIN, NULL, 0, "Lines instead of the full screen", 0 } },
	{ MP_TAKES_LIST, { "list", KEY_LIST, NULL, 0, "List the names", 0 } },
	{ MP_TAKES_LIST, { "child", KEY_CHILD, NULL, OPTION_HIDDEN, NULL, 0 } },
	{ MP_TAKES_COLOR, { "color", KEY_COLOR, "WHEN", 0, "auto, always or never", 0 } },
	{ ~0u, { "quiet", 'q', NULL, 0, "No progress messages", 0 } },
	{ ~0u, { "verbose", 'v', NULL, 0, "More messages", 0 } },
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

struct parse {
	const struct mp_command *c;
	struct mp_args *a;
	char **files;
};

/* "1", "0.5", "500ms", "2s", "3m", "1h" to ns; 0 when it is not a time. */
static uint64_t parse_time(const char *s)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = { { "", 1e9 }, { "s", 1e9 }, { "ms", 1e6 }, { "m", 60e9 }, { "h", 3600e9 } };
	char *end;
	double v = strtod(s, &end);

	if (end == s || v <= 0 || v > 1e9)
		return 0;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (!strcmp(end, units[i].unit))
			return (uint64_t)(v * units[i].ns);
	return 0;
}

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
	*dst = parse_time(arg);
	if (!*dst)
		argp_error(st, "'%s' is not a time: 1, 500ms, 30s, 5m", arg);
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

static void set_hooks(struct mp_args *a, const char *arg, struct argp_state *st)
{
	struct mp_diag d = { 0 };

	if (mp_hooks_parse(arg, &a->hooks, &d))
		argp_error(st, "%s; %s", d.what, d.cause);
}

static error_t on_arg(struct parse *p, char *arg, struct argp_state *st)
{
	/* Behind "--" comes the command, as it is. */
	if (st->quoted && st->next - 1 >= st->quoted && (p->c->takes & MP_TAKES_TARGET)) {
		p->a->cmd = st->argv + st->next - 1;
		st->next = st->argc;
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
	case KEY_LIST:
		a->list = true;
		break;
	case KEY_CHILD:
		a->child = true;
		break;
	case KEY_FOLLOW:
		a->follow_forks = true;
		break;
	case KEY_NO_STACKS:
		a->no_stacks = true;
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
	case ARGP_KEY_ARG:
		return on_arg(p, arg, st);
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* A file is named in so many ways; each command says how many it needs. */
static void check(const struct mp_command *c, const struct mp_args *a)
{
	char what[160] = "", fix[120];

	if (a->cmd && a->n_pids)
		snprintf(what, sizeof(what), "either -p PID or -- CMD, not both");
	else if ((c->takes & MP_TAKES_TARGET) && !a->cmd && !a->n_pids && !a->input)
		snprintf(what, sizeof(what), "nothing to watch: give -p PID or -- CMD");
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
	if (a->no_stacks)
		a->hooks.allow[MP_FEAT_STACKS] = 0;
	check(c, a);
}
