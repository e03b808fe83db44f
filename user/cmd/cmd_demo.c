/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_demo.c - memprof demo: a built-in scenario, watched live.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/cmd/cmd.h"
#include "user/cmd/scenarios.h"
#include "user/cmd/view.h"

#define PACE_WATCHED 1600 /* ms a stage is held when somebody looks at a screen */
#define PACE_LINES   500

static const struct mp_scenario *find(const char *name)
{
	for (const struct mp_scenario *s = mp_scenarios; s->name; s++)
		if (!strcmp(s->name, name))
			return s;
	return NULL;
}

static int list(void)
{
	for (const struct mp_scenario *s = mp_scenarios; s->name; s++)
		printf("%-16s  %s\n", s->name, s->doc);
	return mp_finish_stdout(0, MP_EXIT_OK);
}

/* In the child: the scenario itself. Its pace comes from the parent. */
static int run_child(const struct mp_scenario *sc)
{
	const char *pace = getenv("MEMPROF_DEMO_PACE_MS");
	int err = sc->run(pace ? (unsigned)strtoul(pace, NULL, 10) : PACE_LINES);

	if (!err && sc->bits & MP_SC_KILLED)
		raise(SIGTERM);
	if (!err)
		return MP_EXIT_OK;
	return mp_fail(MP_EXIT_FAILURE, "the scenario could not run", strerror(-err), "");
}

static int watch(struct mp_args *a, const struct mp_scenario *sc)
{
	bool screen = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && !a->plain;
	static char self[4096], verb[] = "demo", child[] = "--child";
	char name[32], pace[16];
	char *argv[] = { self, verb, name, child, NULL };
	int code;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		return mp_fail(MP_EXIT_FAILURE, "cannot find memprof's own file", strerror(errno),
			       "");
	self[n] = 0;
	snprintf(name, sizeof(name), "%s", sc->name);
	snprintf(pace, sizeof(pace), "%d", screen ? PACE_WATCHED : PACE_LINES);
	setenv("MEMPROF_DEMO_PACE_MS", pace, 0);
	if (!a->interval_ns && !screen)
		a->interval_ns = 250000000;
	a->cmd = argv;
	a->follow_forks |= (sc->bits & MP_SC_FORKS) != 0;
	code = mp_view_run(a, true);
	return sc->bits & MP_SC_KILLED && code == 128 + SIGTERM ? MP_EXIT_OK : code;
}

int cmd_demo(struct mp_args *a)
{
	const struct mp_scenario *sc;
	char what[96];

	if (a->list)
		return list();
	if (a->n_files != 1)
		return mp_fail(MP_EXIT_USAGE, "which scenario?", NULL, "memprof demo --list");
	sc = find(a->files[0]);
	if (!sc) {
		snprintf(what, sizeof(what), "no scenario '%.60s'", a->files[0]);
		return mp_fail(MP_EXIT_USAGE, what, NULL, "memprof demo --list");
	}
	return a->child ? run_child(sc) : watch(a, sc);
}
