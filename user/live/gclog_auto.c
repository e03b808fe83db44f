/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gclog_auto.c - see gclog_auto.h.
 *
 * Nothing is set for a command that is none of the runtimes itself. A script or a build tool
 * would hand the variable on to everything below it: JDK 8 does not start with the options
 * of later ones, each JVM says on stderr that it picked some up, one that was started by
 * another (tests under mvn, gradle's daemon) has not inherited the log's descriptor and would
 * not start, and what a Go program further down writes to a log of its own would have the
 * lines in it. What the user may set is said. npm, npx, yarn and pnpm are scripts of node's and
 * get what node gets, which every node below them can use.
 */
#include "user/live/gclog_auto.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/live/launch.h"
#include "user/live/preload.h"
#include "user/sym/sym.h"

/* --- which runtime ---------------------------------------------------------------------- */

/* The interpreter that a script's first line names: of "/usr/bin/env node" it is node. */
static bool interpreter(const char *path, char *to, unsigned size)
{
	char line[256], *save = NULL, *word, *base;
	FILE *f = fopen(path, "re");
	bool is = f && fgets(line, sizeof(line), f) && !strncmp(line, "#!", 2);

	if (f)
		fclose(f);
	word = is ? strtok_r(line + 2, " \t\r\n", &save) : NULL;
	base = word ? strrchr(word, '/') : NULL;
	if (word && !strcmp(base ? base + 1 : word, "env"))
		while ((word = strtok_r(NULL, " \t\r\n", &save)) && *word == '-')
			;
	return word && !launch_which(word, to, size);
}

/* A file of the JDK by its place from the folder of the program java. */
static FILE *jdk_file(const char *java, const char *name)
{
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%.*s/%s", (int)(strrchr(java, '/') - java), java, name);
	return fopen(path, "re");
}

/* JAVA_VERSION="17.0.9", or "1.8.0_392", in the file beside bin/ that names the release. A
 * JDK without one is 8 if it has the classes in rt.jar, and later if in modules. */
static unsigned jdk_version(const char *java)
{
	static const struct {
		const char *name;
		unsigned v; /* 0: as it is written there */
	} files[] = { { "../release", 0 },
		      { "../../release", 0 }, /* jre/bin of JDK 8 */
		      { "../lib/modules", 9 },
		      { "../lib/rt.jar", 8 },
		      { "../jre/lib/rt.jar", 8 } };
	unsigned v = 0;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && !v; i++) {
		FILE *f = jdk_file(java, files[i].name);
		char line[256];

		if (f)
			v = files[i].v;
		while (f && !v && fgets(line, sizeof(line), f))
			if (sscanf(line, "JAVA_VERSION=\"1.%u", &v) != 1)
				sscanf(line, "JAVA_VERSION=\"%u", &v);
		if (f)
			fclose(f);
	}
	return v;
}

static bool is_go(const char *path)
{
	int fd = mp_sym_open(-1, path);
	struct mp_elf *e;
	bool is;

	if (fd < 0)
		return false;
	if (mp_elf_open(fd, &e)) {
		close(fd);
		return false;
	}
	is = mp_elf_has_section(e, ".go.buildinfo") || mp_elf_has_section(e, ".gopclntab");
	mp_elf_close(e);
	close(fd);
	return is;
}

enum gclog_runtime gclog_runtime_of(const char *path, unsigned *version)
{
	char real[PATH_MAX], next[PATH_MAX];
	const char *base;

	*version = 0;
	if (!realpath(path, real))
		return GCLOG_RT_NONE;
	if (interpreter(real, next, sizeof(next)) && !realpath(next, real))
		return GCLOG_RT_NONE;
	base = strrchr(real, '/') + 1;
	if (!strcmp(base, "java")) {
		*version = jdk_version(real);
		return GCLOG_RT_JVM;
	}
	if (!strcmp(base, "node") || !strcmp(base, "nodejs"))
		return GCLOG_RT_NODE;
	return is_go(real) ? GCLOG_RT_GO : GCLOG_RT_NONE;
}

/* --- what to set -------------------------------------------------------------------------- */

/* NAME=VALUE, behind what the variable has now. False: it does not fit. */
static bool append(struct gclog_auto *a, const char *name, char sep, const char *value)
{
	const char *now = getenv(name);
	bool some = now && *now;
	int n = some ? snprintf(a->env, sizeof(a->env), "%s=%s%c%s", name, now, sep, value)
		     : snprintf(a->env, sizeof(a->env), "%s=%s", name, value);

	if (n > 0 && (size_t)n < sizeof(a->env))
		return true;
	a->env[0] = 0;
	snprintf(a->say, sizeof(a->say), "%s is too long to add to: no log", name);
	return false;
}

/* GODEBUG is a comma list; of a name that is given twice the last one counts. */
static void plan_go(struct gclog_auto *a)
{
	const char *now = getenv("GODEBUG"), *at = now ? strstr(now, "gctrace=") : NULL;
	bool on = at && (at == now || at[-1] == ',') && at[8] >= '1' && at[8] <= '9';

	a->tap = true;
	a->hide = !on;
	if (on)
		snprintf(a->say, sizeof(a->say),
			 "GODEBUG has gctrace already: its lines are read from stderr, and stay "
			 "there");
	else if (append(a, "GODEBUG", ',', "gctrace=1"))
		snprintf(a->say, sizeof(a->say),
			 "set GODEBUG=gctrace=1; its lines are taken out of stderr");
	else
		a->tap = false;
}

/*
 * JDK 9 and later: timenanos is CLOCK_MONOTONIC. A file that is no regular one, or is kept
 * without rotation, is opened to be appended to. JDK 8 refuses -Xlog, and later ones
 * PrintGCDateStamps: each gets its own.
 */
static void plan_jvm(struct gclog_auto *a, unsigned version, int log_fd)
{
	char value[256];

	if (!version) {
		snprintf(a->say, sizeof(a->say),
			 "no log: nothing beside java tells its version; set "
			 "JAVA_TOOL_OPTIONS=-Xlog:gc*:file=FILE:timenanos (8: -Xloggc:FILE), "
			 "--gc-log FILE");
		return;
	}
	if (version >= 9)
		snprintf(value, sizeof(value),
			 "-Xlog:gc*=info:file=/proc/self/fd/%d:timenanos,level,tags:filecount=0",
			 log_fd);
	else
		snprintf(value, sizeof(value),
			 "-Xloggc:/proc/self/fd/%d -XX:+PrintGCDetails -XX:+PrintGCDateStamps "
			 "-XX:+PrintGCTimeStamps",
			 log_fd);
	if (!append(a, "JAVA_TOOL_OPTIONS", ' ', value))
		return;
	a->file = true;
	snprintf(a->say, sizeof(a->say),
		 "set JAVA_TOOL_OPTIONS=%s for JDK %u%s; the JVM says on stderr that it took it",
		 version >= 9 ? "-Xlog:gc*..." : "-Xloggc:...", version,
		 version == 9 ? " or later" : "");
}

/* Node does not take --trace-gc from NODE_OPTIONS, and need not: V8 makes each line anyway and
 * the probe gets it. What it takes is memprof-node, which knows what no line says. */
static void plan_node(struct gclog_auto *a)
{
	char path[PATH_MAX], value[PATH_MAX + 16];

	if (mp_node_preload_path(path, sizeof(path)) || strpbrk(path, " \"\\")) {
		snprintf(a->say, sizeof(a->say),
			 "nothing set: node's lines come through the probe without being printed, "
			 "and memprof-node is not installed");
		return;
	}
	snprintf(value, sizeof(value), "--require %s", path); /* Node 8 refuses "--require=" */
	if (append(a, "NODE_OPTIONS", ' ', value))
		snprintf(
			a->say, sizeof(a->say),
			"set NODE_OPTIONS=\"--require .../memprof-node.js\" for what no line says; "
			"the lines come through the probe");
}

/* What a launcher of other programs would hand on, where its kind is known; %p is the pid. */
static const char *to_be_set(const char *base)
{
	static const char *const of_java[] = { "mvn", "mvnw", "gradle", "gradlew", "ant", "sbt" };

	for (size_t i = 0; i < sizeof(of_java) / sizeof(of_java[0]); i++)
		if (!strcmp(base, of_java[i]))
			return "JAVA_TOOL_OPTIONS=-Xlog:gc*:file=FILE-%p:timenanos";
	return "GODEBUG=gctrace=1 or JAVA_TOOL_OPTIONS=-Xlog:gc*:file=FILE:timenanos";
}

void gclog_auto_plan(struct gclog_auto *a, const char *cmd, int log_fd)
{
	char path[PATH_MAX], base[64];
	const char *slash = strrchr(cmd, '/');
	unsigned version = 0;

	memset(a, 0, sizeof(*a));
	if (launch_which(cmd, path, sizeof(path))) {
		snprintf(a->say, sizeof(a->say), "no log: no such command");
		return;
	}
	a->rt = gclog_runtime_of(path, &version);
	snprintf(base, sizeof(base), "%s", slash ? slash + 1 : cmd);
	switch (a->rt) {
	case GCLOG_RT_GO:
		plan_go(a);
		break;
	case GCLOG_RT_JVM:
		plan_jvm(a, version, log_fd);
		break;
	case GCLOG_RT_NODE:
		plan_node(a);
		break;
	case GCLOG_RT_NONE:
		snprintf(
			a->say, sizeof(a->say),
			"no log: %s is no Go program, java or node; give the runtime's own command "
			"behind --, or set %s",
			base, to_be_set(base));
	}
}
