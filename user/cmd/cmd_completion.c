/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_completion.c - memprof completion: scripts that complete memprof's command line, written
 * from the tables of commands, options, formats, classes and scenarios. Hidden from --help: it
 * is what `make install` asks.
 */
#include <string.h>

#include "user/cmd/cmd.h"
#include "user/cmd/completion.h"
#include "user/cmd/scenarios.h"
#include "user/diagnose/diagnose.h"
#include "user/export/export.h"
#include "user/model/model.h"

static void add(struct mp_values *v, const char *word)
{
	size_t n = strlen(v->words);

	snprintf(v->words + n, sizeof(v->words) - n, "%s%s", n ? " " : "", word);
}

/* Of names that stand one behind the other several times. */
static void add_once(struct mp_values *v, const char *word, const char *last)
{
	if (!last || strcmp(word, last) != 0)
		add(v, word);
}

static void add_formats(struct mp_values *v)
{
	for (size_t i = 0; mp_exporters[i]; i++)
		add(v, mp_exporters[i]->name);
}

static void add_tables(struct mp_values *v)
{
	for (size_t i = 0; mp_exporters[i]; i++)
		for (size_t t = 0; mp_exporters[i]->tables && mp_exporters[i]->tables[t]; t++)
			add(v, mp_exporters[i]->tables[t]);
}

static void add_classes(struct mp_values *v)
{
	add(v, "any info warn bad");
	for (size_t i = 0; mp_diagnose_class(i); i++)
		add_once(v, mp_diagnose_class(i), i ? mp_diagnose_class(i - 1) : NULL);
}

static void add_hooks(struct mp_values *v)
{
	add(v, "auto none");
	for (unsigned r = MP_RUNG_ABSENT + 1; r < MP_RUNG_MAX; r++)
		add(v, mp_rung_name(r));
}

static void add_scenarios(struct mp_values *v)
{
	for (const struct mp_scenario *s = mp_scenarios; s->name; s++)
		add(v, s->name);
}

/* Options whose values are words. */
static const struct {
	const char *name;
	enum mp_offer offer;
	const char *words;
	void (*add)(struct mp_values *v);
} worded[] = {
	{ "color", MP_OFFER_WORDS, "auto always never", NULL },
	{ "theme", MP_OFFER_WORDS, "auto light dark", NULL },
	{ "symbols", MP_OFFER_WORDS, "auto off", NULL },
	{ "hooks", MP_OFFER_LIST, NULL, add_hooks },
	{ "format", MP_OFFER_WORDS, NULL, add_formats },
	{ "table", MP_OFFER_WORDS, NULL, add_tables },
	{ "fail-on", MP_OFFER_LIST, NULL, add_classes },
};

/* By the word in capitals that --help shows. */
static enum mp_offer offer_of(const struct mp_option *o)
{
	static const char *const files[] = { "FILE", "LOG", "SOCKET", "FOLDER" };

	if (!strcmp(o->arg, "PID"))
		return MP_OFFER_PIDS;
	if (!strcmp(o->name, "input"))
		return MP_OFFER_RECORDINGS;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (!strcmp(o->arg, files[i]))
			return MP_OFFER_FILES;
	return MP_OFFER_FREE;
}

void mp_completion_option(const struct mp_option *o, struct mp_values *v)
{
	memset(v, 0, sizeof(*v));
	if (!o->arg)
		return;
	for (size_t i = 0; i < sizeof(worded) / sizeof(worded[0]); i++) {
		if (strcmp(worded[i].name, o->name) != 0)
			continue;
		v->offer = worded[i].offer;
		if (worded[i].add)
			worded[i].add(v);
		else
			add(v, worded[i].words);
		return;
	}
	if (!strcmp(o->arg, "auto|FILE")) {
		v->offer = MP_OFFER_WORDS;
		v->files = true;
		add(v, "auto");
		return;
	}
	v->offer = offer_of(o);
}

void mp_completion_rest(const struct mp_command *c, struct mp_values *v)
{
	memset(v, 0, sizeof(*v));
	if (!(c->takes & MP_TAKES_FILES))
		return;
	v->offer = MP_OFFER_RECORDINGS;
	if (c->run == cmd_gclog) {
		v->offer = MP_OFFER_FILES;
	} else if (c->run == cmd_demo) {
		v->offer = MP_OFFER_WORDS;
		add_scenarios(v);
	} else if (c->run == cmd_completion) {
		v->offer = MP_OFFER_WORDS;
		add(v, "bash zsh fish");
	}
}

int cmd_completion(struct mp_args *a)
{
	static const struct {
		const char *shell;
		void (*write)(FILE *f);
	} shells[] = { { "bash", mp_completion_bash },
		       { "zsh", mp_completion_zsh },
		       { "fish", mp_completion_fish } };

	for (size_t i = 0; a->n_files == 1 && i < sizeof(shells) / sizeof(shells[0]); i++) {
		if (strcmp(a->files[0], shells[i].shell) != 0)
			continue;
		shells[i].write(stdout);
		return mp_finish_stdout(0, MP_EXIT_OK);
	}
	return mp_fail(MP_EXIT_USAGE, "which shell: bash, zsh or fish?", NULL,
		       "memprof completion bash");
}
