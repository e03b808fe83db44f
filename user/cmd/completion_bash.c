/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * completion_bash.c - the script for bash. It works with and without the functions of the
 * bash-completion package; bash hands "--a=b" over as three words.
 */
#include <stdio.h>

#include "user/cmd/completion.h"

static const char HEAD[] =
	"# bash completion of memprof(1), written by 'memprof completion bash'\n"
	"\n"
	"# Pids with names; one alone is inserted, so it stands without its name.\n"
	"_memprof_pids()\n"
	"{\n"
	"\tlocal pid name\n"
	"\n"
	"\twhile read -r pid name; do\n"
	"\t\t[[ $pid == \"$1\"* ]] && COMPREPLY+=(\"$pid ($name)\")\n"
	"\tdone < <(ps -eo pid=,comm= | LC_ALL=C tr -cd ' -~\\n')\n"
	"\t[[ ${#COMPREPLY[@]} -eq 1 ]] && COMPREPLY=(\"${COMPREPLY[0]%% *}\")\n"
	"}\n"
	"\n"
	"# KIND WORDS CUR\n"
	"_memprof_offer()\n"
	"{\n"
	"\tlocal before=\n"
	"\n"
	"\tcase $1 in\n"
	"\tpids)\n"
	"\t\t_memprof_pids \"$3\"\n"
	"\t\t;;\n"
	"\tlist)\n"
	"\t\t[[ $3 == *,* ]] && before=${3%,*},\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -P \"$before\" -W \"$2\" -- \"${3##*,}\")\n"
	"\t\tcompopt -o nospace\n"
	"\t\t;;\n"
	"\trecordings)\n"
	"\t\tcompopt -o filenames\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -f -X '!*.mprof' -- \"$3\"; compgen -d -- \"$3\")\n"
	"\t\t;;\n"
	"\tfiles)\n"
	"\t\tcompopt -o filenames\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -W \"$2\" -- \"$3\"; compgen -f -- \"$3\")\n"
	"\t\t;;\n"
	"\twords)\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -W \"$2\" -- \"$3\")\n"
	"\t\t;;\n"
	"\tesac\n"
	"}\n"
	"\n"
	"# A command behind '--', whose number is given.\n"
	"_memprof_command()\n"
	"{\n"
	"\tif declare -F _command_offset >/dev/null; then\n"
	"\t\t_command_offset $(($1 + 1))\n"
	"\telif ((COMP_CWORD == $1 + 1)); then\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -c -- \"${COMP_WORDS[COMP_CWORD]}\")\n"
	"\telse\n"
	"\t\t_memprof_offer files '' \"${COMP_WORDS[COMP_CWORD]}\"\n"
	"\tfi\n"
	"}\n"
	"\n"
	"_memprof()\n"
	"{\n"
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} "
	"cmd=${COMP_WORDS[1]}\n"
	"\tlocal i kind= words= opts= rest= names= runs=\n"
	"\n"
	"\tCOMPREPLY=()\n"
	"\tif [[ $cur == = ]]; then\n"
	"\t\tcur=\n"
	"\t\tprev+==\n"
	"\telif [[ $prev == = ]]; then\n"
	"\t\tprev=${COMP_WORDS[COMP_CWORD - 2]}=\n"
	"\tfi\n"
	"\t((COMP_CWORD == 1)) || [[ $cmd == -* ]] && cmd=top\n"
	"\tcase $cmd in\n";

static const char TAIL[] =
	"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	"\t\t[[ ${COMP_WORDS[i]} == -- && $runs ]] && _memprof_command $i && return\n"
	"\tdone\n"
	"\tif [[ ! $kind && $cur == -* ]]; then\n"
	"\t\tkind=words words=$opts\n"
	"\telif [[ ! $kind ]]; then\n"
	"\t\tkind=$rest words=$names\n"
	"\tfi\n"
	"\t_memprof_offer \"$kind\" \"$words\" \"$cur\"\n"
	"}\n"
	"\n"
	"complete -F _memprof memprof\n";

static const char *kind(const struct mp_values *v)
{
	static const char *const names[] = {
		[MP_OFFER_NOTHING] = "",
		[MP_OFFER_FREE] = "free",
		[MP_OFFER_PIDS] = "pids",
		[MP_OFFER_FILES] = "files",
		[MP_OFFER_RECORDINGS] = "recordings",
		[MP_OFFER_WORDS] = "words",
		[MP_OFFER_LIST] = "list",
	};

	return names[v->files ? MP_OFFER_FILES : v->offer];
}

static void pattern(FILE *f, const struct mp_option *o)
{
	if (o->letter && !o->optional)
		fprintf(f, "-%c | ", o->letter);
	if (!o->optional)
		fprintf(f, "--%s | ", o->name);
	fprintf(f, "--%s=", o->name);
}

static void options(FILE *f, const struct mp_command *c)
{
	struct mp_option o;

	fputs("\t\topts='--help", f);
	for (size_t i = 0; mp_args_option(c, i, &o); i++) {
		fprintf(f, " --%s", o.name);
		if (o.letter)
			fprintf(f, " -%c", o.letter);
	}
	fputs("'\n", f);
}

static void values(FILE *f, const struct mp_command *c)
{
	struct mp_values v;
	struct mp_option o;

	fputs("\t\tcase $prev in\n", f);
	for (size_t i = 0; mp_args_option(c, i, &o); i++) {
		mp_completion_option(&o, &v);
		if (v.offer == MP_OFFER_NOTHING)
			continue;
		fputs("\t\t", f);
		pattern(f, &o);
		fprintf(f, ") kind=%s words='%s' ;;\n", kind(&v), v.words);
	}
	fputs("\t\tesac\n", f);
}

static void command(FILE *f, const struct mp_command *c)
{
	struct mp_values v;

	mp_completion_rest(c, &v);
	fprintf(f, "\t%s)\n", c->name);
	options(f, c);
	fprintf(f, "\t\trest='%s' names='%s' runs=%s\n", kind(&v), v.words,
		c->takes & MP_TAKES_TARGET ? "1" : "");
	values(f, c);
	fputs("\t\t;;\n", f);
}

void mp_completion_bash(FILE *f)
{
	fputs(HEAD, f);
	for (const struct mp_command *c = mp_commands; c->name; c++)
		command(f, c);
	fputs("\tesac\n\t((COMP_CWORD == 1)) && opts+=' --version' rest=words names='", f);
	for (const struct mp_command *c = mp_commands; c->name; c++)
		if (!c->hidden)
			fprintf(f, "%s%s", c == mp_commands ? "" : " ", c->name);
	fputs("'\n", f);
	fputs(TAIL, f);
}
