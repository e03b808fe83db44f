/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * completion_zsh.c - the script for zsh: rows of _arguments.
 */
#include <stdio.h>

#include "user/cmd/completion.h"

static const char HEAD[] = "#compdef memprof\n"
			   "# zsh completion of memprof(1), written by 'memprof completion zsh'\n"
			   "\n"
			   "_memprof_pids() {\n"
			   "\tlocal -a rows\n"
			   "\n"
			   "\trows=(${(f)\"$(ps -eo pid=,comm= | LC_ALL=C tr -cd ' -~\\n' | sed "
			   "'s/^ *\\([0-9]*\\) /\\1:/')\"})\n"
			   "\t_describe -t processes process rows\n"
			   "}\n"
			   "\n"
			   "_memprof_commands() {\n"
			   "\tlocal -a rows\n"
			   "\n"
			   "\trows=(\n";

static const char MIDDLE[] = "\t)\n"
			     "\t_describe -t commands command rows\n"
			     "}\n"
			     "\n"
			     "_memprof() {\n"
			     "\tlocal curcontext=$curcontext cmd=$words[2]\n"
			     "\tlocal -i dashes=${words[(i)--]}\n"
			     "\tlocal -a options\n"
			     "\n"
			     "\tif (( CURRENT == 2 )) && [[ $cmd != -* ]]; then\n"
			     "\t\t_memprof_commands\n"
			     "\t\treturn\n"
			     "\tfi\n"
			     "\tif [[ $cmd == -* ]]; then\n"
			     "\t\tcmd=top\n"
			     "\t\toptions=('--version[version and licence]')\n"
			     "\telse\n"
			     "\t\tshift words\n"
			     "\t\t(( CURRENT--, dashes-- ))\n"
			     "\tfi\n"
			     "\tcase $cmd in\n";

static const char RUNS[] = "\t\tif (( dashes < CURRENT )); then\n"
			   "\t\t\tshift $dashes words\n"
			   "\t\t\t(( CURRENT -= dashes ))\n"
			   "\t\t\t_normal\n"
			   "\t\t\treturn\n"
			   "\t\tfi\n";

static const char TAIL[] = "\tesac\n"
			   "\t_arguments -s -S '--help[list of options]' $options\n"
			   "}\n"
			   "\n"
			   "_memprof \"$@\"\n";

/* Within '...', where brackets and colons have a meaning to _arguments and _describe. */
static void quoted(FILE *f, const char *s)
{
	for (; *s; s++) {
		if (*s == '\'')
			fputs("'\\''", f);
		else if (*s == '[' || *s == ']' || *s == ':' || *s == '\\')
			fprintf(f, "\\%c", *s);
		else
			fputc(*s, f);
	}
}

static void action(FILE *f, const struct mp_values *v)
{
	switch (v->offer) {
	case MP_OFFER_PIDS:
		fputs("_memprof_pids", f);
		break;
	case MP_OFFER_FILES:
		fputs("_files", f);
		break;
	case MP_OFFER_RECORDINGS:
		fputs("_files -g \"*.mprof\"", f);
		break;
	case MP_OFFER_WORDS:
		fprintf(f,
			v->files ? "_alternative \"w\\:word\\:(%s)\" \"f\\:file\\:_files\""
				 : "(%s)",
			v->words);
		break;
	case MP_OFFER_LIST:
		fprintf(f, "_sequence compadd - %s", v->words);
		break;
	case MP_OFFER_NOTHING:
	case MP_OFFER_FREE:
		break;
	}
}

/* One row: --name or -n, its sentence, its argument; each may be given again. */
static void row(FILE *f, const char *dashes, const char *name, const char *sign,
		const struct mp_option *o, const struct mp_values *v)
{
	fprintf(f, "\t\t\t'*%s%s%s[", dashes, name, sign);
	quoted(f, o->doc);
	fputc(']', f);
	if (o->arg) {
		fputs(o->optional ? "::" : ":", f);
		quoted(f, o->arg);
		fputc(':', f);
		action(f, v);
	}
	fputs("'\n", f);
}

static void option(FILE *f, const struct mp_option *o)
{
	char letter[] = { o->letter, 0 };
	struct mp_values v;

	mp_completion_option(o, &v);
	row(f, "--", o->name, !o->arg ? "" : o->optional ? "=-" : "=", o, &v);
	if (o->letter)
		row(f, "-", letter, o->arg ? "+" : "", o, &v);
}

static void command(FILE *f, const struct mp_command *c)
{
	struct mp_option o;
	struct mp_values v;

	fprintf(f, "\t%s)\n", c->name);
	if (c->takes & MP_TAKES_TARGET)
		fputs(RUNS, f);
	fputs("\t\toptions+=(\n", f);
	for (size_t i = 0; mp_args_option(c, i, &o); i++)
		option(f, &o);
	mp_completion_rest(c, &v);
	if (v.offer != MP_OFFER_NOTHING) {
		fputs("\t\t\t'*:", f);
		quoted(f, c->synopsis);
		fputc(':', f);
		action(f, &v);
		fputs("'\n", f);
	}
	fputs("\t\t)\n\t\t;;\n", f);
}

void mp_completion_zsh(FILE *f)
{
	fputs(HEAD, f);
	for (const struct mp_command *c = mp_commands; c->name; c++) {
		if (c->hidden)
			continue;
		fprintf(f, "\t\t'%s:", c->name);
		quoted(f, c->doc);
		fputs("'\n", f);
	}
	fputs(MIDDLE, f);
	for (const struct mp_command *c = mp_commands; c->name; c++)
		command(f, c);
	fputs(TAIL, f);
}
