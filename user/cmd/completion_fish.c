/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * completion_fish.c - the script for fish: a `complete` for each option of each command.
 */
#include <stdio.h>

#include "user/cmd/completion.h"

static const char HEAD[] =
	"# fish completion of memprof(1), written by 'memprof completion fish'\n"
	"\n"
	"# The command that stands on the line: top when there is none.\n"
	"function __memprof_is\n"
	"\tset -l words (commandline -opc)\n"
	"\ttest (count $words) -gt 1; or return 1\n"
	"\tcontains -- -- $words; and return 1\n"
	"\tstring match -q -- '-*' $words[2]; and set words[2] top\n"
	"\tcontains -- $words[2] $argv\n"
	"end\n"
	"\n"
	"function __memprof_first\n"
	"\ttest (count (commandline -opc)) -eq 1\n"
	"end\n"
	"\n"
	"function __memprof_behind\n"
	"\tcontains -- -- (commandline -opc)\n"
	"end\n"
	"\n"
	"# Completes the command behind '--' as if it stood alone.\n"
	"function __memprof_command\n"
	"\tset -l words (commandline -opc) (commandline -ct)\n"
	"\tset -l at (contains -i -- -- $words)\n"
	"\tset -e words[1..$at]\n"
	"\tcomplete -C (string join ' ' -- (string escape -- $words[1..-2]) \"$words[-1]\")\n"
	"end\n"
	"\n"
	"function __memprof_pids\n"
	"\tps -eo pid=,comm= | LC_ALL=C tr -cd ' -~\\n' | string replace -r '^ *(\\\\d+) ' "
	"'$1\\t'\n"
	"end\n"
	"\n"
	"# Several words with commas between.\n"
	"function __memprof_list\n"
	"\tset -l before (string replace -rf '^(.*=)?(.*,).*' '$2' -- (commandline -ct))\n"
	"\tfor word in $argv\n"
	"\t\techo \"$before$word\"\n"
	"\tend\n"
	"end\n"
	"\n"
	"complete -c memprof -f\n"
	"complete -c memprof -n __memprof_behind -a '(__memprof_command)'\n"
	"complete -c memprof -n __memprof_first -l version -d 'Version and licence'\n"
	"complete -c memprof -n 'not __memprof_behind' -l help -d 'List of options'\n";

/* Within '...'. */
static void quoted(FILE *f, const char *s)
{
	fputc('\'', f);
	for (; *s; s++) {
		if (*s == '\'' || *s == '\\')
			fputc('\\', f);
		fputc(*s, f);
	}
	fputc('\'', f);
}

/* What `complete` is told of the values. */
static void values(FILE *f, const struct mp_values *v)
{
	switch (v->offer) {
	case MP_OFFER_PIDS:
		fputs(" -a '(__memprof_pids)'", f);
		break;
	case MP_OFFER_FILES:
		fputs(" -F", f);
		break;
	case MP_OFFER_RECORDINGS:
		fputs(" -k -a '(__fish_complete_suffix .mprof)'", f);
		break;
	case MP_OFFER_WORDS:
		fprintf(f, "%s -a '%s'", v->files ? " -F" : "", v->words);
		break;
	case MP_OFFER_LIST:
		fprintf(f, " -a '(__memprof_list %s)'", v->words);
		break;
	case MP_OFFER_NOTHING:
	case MP_OFFER_FREE:
		break;
	}
}

static void option(FILE *f, const struct mp_command *c, const struct mp_option *o)
{
	struct mp_values v;

	mp_completion_option(o, &v);
	fprintf(f, "complete -c memprof -n '__memprof_is %s' -l %s", c->name, o->name);
	if (o->letter)
		fprintf(f, " -s %c", o->letter);
	if (o->arg && !o->optional)
		fputs(" -r", f);
	values(f, &v);
	fputs(" -d ", f);
	quoted(f, o->doc);
	fputc('\n', f);
}

void mp_completion_fish(FILE *f)
{
	struct mp_values v;
	struct mp_option o;

	fputs(HEAD, f);
	for (const struct mp_command *c = mp_commands; c->name; c++) {
		if (c->hidden)
			continue;
		fprintf(f, "complete -c memprof -n __memprof_first -a %s -d ", c->name);
		quoted(f, c->doc);
		fputc('\n', f);
	}
	for (const struct mp_command *c = mp_commands; c->name; c++) {
		for (size_t i = 0; mp_args_option(c, i, &o); i++)
			option(f, c, &o);
		mp_completion_rest(c, &v);
		if (v.offer == MP_OFFER_NOTHING)
			continue;
		fprintf(f, "complete -c memprof -n '__memprof_is %s'", c->name);
		values(f, &v);
		fputc('\n', f);
	}
}
