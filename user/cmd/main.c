/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * main.c - the table of commands. What a command does is in cmd_<name>.c.
 */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "user/cmd/cmd.h"

#define LIVE (MP_TAKES_HOOKS | MP_TAKES_DURATION | MP_TAKES_COLOR)

const struct mp_command mp_commands[] = {
	{ "top", cmd_top,
	  LIVE | MP_TAKES_TARGET | MP_TAKES_INTERVAL | MP_TAKES_INPUT | MP_TAKES_PLAIN |
		  MP_TAKES_OUTPUT,
	  "-p PID... | -i FILE | -- CMD ARG...",
	  "live view of RSS against heap (the default command)", false },
	{ "record", cmd_record, LIVE | MP_TAKES_TARGET | MP_TAKES_OUTPUT,
	  "-p PID... [-o FILE] | -- CMD ARG...", "record to a file", false },
	{ "replay", cmd_replay,
	  MP_TAKES_FILES | MP_TAKES_PLAIN | MP_TAKES_INTERVAL | MP_TAKES_COLOR, "FILE",
	  "the live view over a recording", false },
	{ "report", cmd_report, MP_TAKES_FILES | MP_TAKES_PID | MP_TAKES_JSON | MP_TAKES_COLOR,
	  "FILE", "what happened: account, calls, collections, mappings", false },
	{ "dump", cmd_dump, MP_TAKES_FILES, "FILE", "the events of a recording as text", false },
	{ "demo", cmd_demo,
	  LIVE | MP_TAKES_INTERVAL | MP_TAKES_FILES | MP_TAKES_LIST | MP_TAKES_PLAIN |
		  MP_TAKES_OUTPUT,
	  "NAME | --list", "built-in scenarios to learn from", false },
	{ "doctor", cmd_doctor, MP_TAKES_PID | MP_TAKES_JSON | MP_TAKES_COLOR, "[-p PID]",
	  "what this machine and kernel allow, and what to do about it", false },
	{ NULL, NULL, 0, NULL, NULL, false },
};

static const struct mp_command *find(const char *name)
{
	for (const struct mp_command *c = mp_commands; c->name; c++)
		if (!strcmp(c->name, name))
			return c;
	return NULL;
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

	setlocale(LC_ALL, "");
	setlocale(LC_NUMERIC, "C"); /* figures are read by programs */
	signal(SIGPIPE, SIG_IGN);   /* a closed pipe is a write error, with a message */
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
	return c->run(&a);
}
