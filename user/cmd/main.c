/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * main.c - the table of commands. What a command does is in cmd_<name>.c.
 */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/cmd/cmd.h"
#include "user/live/rights.h"

#define LIVE (MP_TAKES_HOOKS | MP_TAKES_DURATION | MP_TAKES_COLOR)

const struct mp_command mp_commands[] = {
	{ "top", cmd_top,
	  LIVE | MP_TAKES_TARGET | MP_TAKES_INTERVAL | MP_TAKES_INPUT | MP_TAKES_PLAIN |
		  MP_TAKES_OUTPUT | MP_TAKES_FACTS | MP_TAKES_CONNECT | MP_TAKES_LIST |
		  MP_TAKES_JSON,
	  "-p PID... | -i FILE | --connect [SOCKET] | -- CMD ARG...",
	  "live view of RSS against heap (the default command)", false },
	{ "record", cmd_record,
	  LIVE | MP_TAKES_TARGET | MP_TAKES_OUTPUT | MP_TAKES_RING | MP_TAKES_FACTS |
		  MP_TAKES_CONNECT,
	  "-p PID... [-o FILE] | --connect [SOCKET] | -- CMD ARG...", "record to a file", false },
	{ "replay", cmd_replay,
	  MP_TAKES_FILES | MP_TAKES_PLAIN | MP_TAKES_INTERVAL | MP_TAKES_COLOR | MP_TAKES_SEEK |
		  MP_TAKES_GC_LOG,
	  "FILE [--seek TIME]", "the live view over a recording", false },
	{ "report", cmd_report,
	  MP_TAKES_FILES | MP_TAKES_PID | MP_TAKES_JSON | MP_TAKES_COLOR | MP_TAKES_SYMBOLS |
		  MP_TAKES_AT | MP_TAKES_GC_LOG | MP_TAKES_CONNECT | MP_TAKES_DURATION,
	  "FILE | --connect [SOCKET]", "what happened: account, calls, collections, mappings",
	  false },
	{ "diagnose", cmd_diagnose,
	  LIVE | MP_TAKES_TARGET | MP_TAKES_OUTPUT | MP_TAKES_FILES | MP_TAKES_JSON |
		  MP_TAKES_LIST | MP_TAKES_SYMBOLS | MP_TAKES_GC_LOG | MP_TAKES_RULES |
		  MP_TAKES_CONNECT,
	  "FILE | -p PID... | --connect [SOCKET] | -- CMD ARG...",
	  "findings: what holds the memory, by what evidence, what to do", false },
	{ "diff", cmd_diff,
	  MP_TAKES_FILES | MP_TAKES_PID | MP_TAKES_JSON | MP_TAKES_COLOR | MP_TAKES_SPAN |
		  MP_TAKES_SYMBOLS,
	  "A[@TIME] B[@TIME] | FILE --from TIME --to TIME",
	  "what explains the difference of two recordings or instants", false },
	{ "dump", cmd_dump, MP_TAKES_FILES, "FILE", "the events of a recording as text", false },
	{ "export", cmd_export,
	  MP_TAKES_FILES | MP_TAKES_PID | MP_TAKES_FORMAT | MP_TAKES_LIST | MP_TAKES_SYMBOLS |
		  MP_TAKES_GC_LOG | MP_TAKES_SPAN,
	  "FILE --format FORMAT [-o OUT]", "a recording in the format of another program", false },
	{ "gclog", cmd_gclog, MP_TAKES_FILES | MP_TAKES_JSON, "LOG...",
	  "GC logs by themselves: V8, Go, HotSpot, gc/", false },
	{ "demo", cmd_demo,
	  LIVE | MP_TAKES_INTERVAL | MP_TAKES_FILES | MP_TAKES_LIST | MP_TAKES_PLAIN |
		  MP_TAKES_OUTPUT,
	  "NAME | --list", "built-in scenarios to learn from", false },
	{ "daemon", cmd_daemon, MP_TAKES_CONFIG, "[--config FILE]",
	  "always on: many targets, a flight recorder, viewers without rights, metrics", false },
	{ "doctor", cmd_doctor, MP_TAKES_PID | MP_TAKES_JSON | MP_TAKES_COLOR, "[-p PID]",
	  "what this machine and kernel allow, and what to do about it", false },
	{ "completion", cmd_completion, MP_TAKES_FILES, "bash|zsh|fish",
	  "what completes memprof's command line in a shell", true },
	{ "incident", cmd_incident, MP_TAKES_FILES, "FOLDER", "a step of memprof daemon", true },
	{ NULL, NULL, 0, NULL, NULL, false },
};

static const struct mp_command *find(const char *name)
{
	for (const struct mp_command *c = mp_commands; c->name; c++)
		if (!strcmp(c->name, name))
			return c;
	return NULL;
}

/* What a capability of the program's file is for. Files that are named are read with the rights
 * of who names them. */
static bool looks_at_processes(const struct mp_command *c, const struct mp_args *a)
{
	if (c->run == cmd_doctor || c->run == cmd_daemon || c->run == cmd_demo)
		return true;
	return c->takes & MP_TAKES_HOOKS && !a->input && !a->n_files;
}

static void usage(FILE *f)
{
	fputs("Usage: memprof -p PID            live view of a running process\n"
	      "       memprof -- CMD ARG...     live view of a command\n"
	      "       memprof COMMAND ...\n\n"
	      "RSS against heap: where the resident memory of a process is, since when,\n"
	      "who touched it, and whether it will come back.\n\nCommands:\n",
	      f);
	for (const struct mp_command *c = mp_commands; c->name; c++)
		if (!c->hidden)
			fprintf(f, "  %-8s %s\n", c->name, c->doc);
	fputs("\n'memprof COMMAND --help' lists a command's options; memprof(1) has the rest.\n",
	      f);
}

int main(int argc, char **argv)
{
	const struct mp_command *c;
	struct mp_args a;
	int err;

	setlocale(LC_ALL, "");
	setlocale(LC_NUMERIC, "C"); /* figures are read by programs */
	signal(SIGPIPE, SIG_IGN);   /* a closed pipe is a write error, with a message */
	signal(SIGXFSZ, SIG_IGN);   /* and so is a file as long as it may be */
	if (argc < 2) {
		usage(stderr);
		return MP_EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		usage(stdout);
		return mp_finish_stdout(0, MP_EXIT_OK);
	}
	if (!strcmp(argv[1], "--version")) {
		printf("memprof (memprof) %s\nLicence: GPL-2.0-only OR BSD-2-Clause\n",
		       MEMPROF_VERSION);
		return mp_finish_stdout(0, MP_EXIT_OK);
	}
	c = find(argv[1][0] == '-' ? "top" : argv[1]);
	if (!c) {
		char what[128];

		snprintf(what, sizeof(what), "unknown command '%.80s'", argv[1]);
		return mp_fail(MP_EXIT_USAGE, what, NULL, "memprof --help  # lists the commands");
	}
	if (argv[1][0] != '-') {
		argv++;
		argc--;
	}
	mp_args_parse(c, argc, argv, &a);
	if (!looks_at_processes(c, &a))
		mp_caps_give_up();
	err = c->run(&a);
	free(a.files);
	return err;
}
