/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * redact_names.c - see redact_names.h.
 *
 * A path loses its folders. The last part stays if it is a library or runtime that
 * everybody has, since some of these decide what memory is used for (classes.c); what
 * else those fingerprints read stays, too. Anything else becomes "file-3": one number
 * for one path, in the whole recording.
 */
#include "user/export/redact_names.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/events.h"
#include "user/model/index.h"
#include "user/util/util.h"

#define NAMES_MAX (1u << 20)

/* Begins with one of these, and goes on with '.', '-' or a digit, or ends. */
static const char *const libraries[] = {
	"ld-linux",    "ld-musl",     "ld",	     "libc",
	"libm",	       "libdl",	      "librt",	     "libpthread",
	"libgcc_s",    "libstdc++",   "libc++",	     "libc++abi",
	"libjemalloc", "libmimalloc", "libtcmalloc", "libtcmalloc_minimal",
	"libjvm",      "libjava",     "libjli",	     "libzip",
	"libnio",      "libnet",      "libnode",     "libuv",
	"libz",	       "libssl",      "libcrypto",   "libicudata",
	"libicuuc",    "libicui18n",  "libpython",   "libruby",
	"libperl",     "libnuma",     "libresolv",   "libnss_files",
	"libselinux",  "libtinfo",    "libncursesw", "libgomp",
	"libatomic",   "libmpgc",
};

static const char *const programs[] = {
	"node", "nodejs", "java",  "python",	   "ruby",     "perl",	 "php",	    "bash",
	"sh",	"dash",	  "deno",  "bun",	   "go",       "dotnet", "busybox", "beam.smp",
	"ls",	"cat",	  "sleep", "redis-server", "postgres", "mysqld", "nginx",   "memprof",
};

/* Threads that runtimes start in every program. */
static const char *const threads[] = {
	"V8Worker",	   "DelayedTaskSche",
	"libuv-worker",	   "SignalInspector",
	"GC Thread#",	   "G1 ",
	"VM Thread",	   "VM Periodic Tas",
	"C1 CompilerThre", "C2 CompilerThre",
	"Reference Handl", "Finalizer",
	"Signal Dispatch", "Service Thread",
	"Monitor Deflati", "Common-Cleaner",
	"Sweeper thread",  "Notification Th",
	"jemalloc_bg_thd", "mpgc",
};

/* Shown for what they are and no file of anybody's. */
static const char *const kept_paths[] = {
	"[",	     "/memfd:java_heap", "/memfd:memprof-gc", "/SYSV",
	"/dev/zero", "/anon_hugepage",	 "anon_inode:",
};

static const char *const endings[] = { ".so", ".jsa", ".jar", ".node", ".wasm" };

#define N(a) (sizeof(a) / sizeof((a)[0]))

static bool starts(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

static bool starts_any(const char *s, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (starts(s, list[i]))
			return true;
	return false;
}

/* "libc.so.6" and "libc-2.31.so" are "libc", "libcustom.so" is not; so "python3.11". */
static bool is_one_of(const char *s, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(list[i]);

		if (!strncmp(s, list[i], len) &&
		    (!s[len] || strchr(".-", s[len]) || isdigit((unsigned char)s[len])))
			return true;
	}
	return false;
}

/* The rest is a version: nothing that somebody named. */
static bool is_public_library(const char *base)
{
	const char *so = strstr(base, ".so");

	if (!so || !is_one_of(base, libraries, N(libraries)))
		return false;
	return so[3] == '\0' || so[3] == '.';
}

static bool is_public_program(const char *base)
{
	return is_one_of(base, programs, N(programs)) && strlen(base) < 16;
}

/* --- numbers ------------------------------------------------------------------------------ */

/* FNV-1a: what is equal has one number. */
static uint64_t hash(const char *s)
{
	uint64_t h = 0xcbf29ce484222325ULL;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3ULL;
	return h;
}

static int number_of(struct mp_names *ns, const char *text, unsigned *number)
{
	uint64_t key = hash(text);
	size_t i = mp_index_find(ns->numbers, key);

	if (i == MP_INDEX_NONE) {
		i = ++ns->next;
		if (mp_index_add(&ns->numbers, key, i))
			return -ENOMEM;
	}
	*number = (unsigned)i;
	return 0;
}

/* --- what stands for a string ---------------------------------------------------------------- */

#define OUT_MAX (MP_STR_MAX + 64)

static int numbered(struct mp_names *ns, const char *text, const char *before, const char *after,
		    char *out)
{
	unsigned n;
	int err = number_of(ns, text, &n);

	if (!err)
		snprintf(out, OUT_MAX, "%s%u%s", before, n, after);
	return err;
}

static const char *ending_of(const char *base)
{
	for (size_t i = 0; i < N(endings); i++) {
		const char *at = strstr(base, endings[i]);
		size_t len = strlen(endings[i]);

		if (at && (!at[len] || (i == 0 && at[len] == '.')))
			return endings[i];
	}
	return "";
}

/* "name (deleted)" is cut into the two. */
static const char *cut_deleted(char *path)
{
	static const char deleted[] = " (deleted)";
	size_t n = strlen(path), d = sizeof(deleted) - 1;

	if (n < d || strcmp(path + n - d, deleted) != 0)
		return "";
	path[n - d] = '\0';
	return deleted;
}

static int file_name(struct mp_names *ns, const char *text, bool exe, char *out)
{
	char path[MP_STR_MAX + 1], rest[64];
	const char *deleted, *base, *before = exe ? "program-" : "file-";

	snprintf(path, sizeof(path), "%s", text);
	deleted = cut_deleted(path);
	base = strrchr(path, '/');
	base = base ? base + 1 : path;
	if (!*path || starts_any(text, kept_paths, N(kept_paths))) {
		snprintf(out, OUT_MAX, "%s", text);
		return 0;
	}
	if (is_public_library(base) || is_public_program(base)) {
		snprintf(out, OUT_MAX, "%s%s", base, deleted);
		return 0;
	}
	if (strstr(path, "/hsperfdata_"))
		before = "/hsperfdata_user/";
	else if (starts(path, "/memfd:"))
		before = "/memfd:file-";
	snprintf(rest, sizeof(rest), "%s%s", ending_of(base), deleted);
	return numbered(ns, path, before, rest, out);
}

static int comm_name(struct mp_names *ns, const char *text, char *out)
{
	if (!*text || is_public_program(text) || starts_any(text, threads, N(threads))) {
		snprintf(out, OUT_MAX, "%s", text);
		return 0;
	}
	return numbered(ns, text, "name-", "", out);
}

/* Where a path begins in a text; strict: a '/' within a word is enough. NULL: none. */
static const char *path_in(const char *text, bool strict)
{
	const char *slash = text;

	while ((slash = strchr(slash, '/'))) {
		const char *word = slash;

		while (word > text && !strchr(" \t'\"(=,[<", word[-1]))
			word--;
		if ((strict && !starts(word, "node:")) || word == slash ||
		    strstr(word, "://") == slash - 1)
			return word;
		slash++;
	}
	return NULL;
}

/* Names with blanks are no rare thing: from a path on all goes. */
static int without_paths(struct mp_names *ns, const char *text, bool strict, char *out)
{
	const char *path = path_in(text, strict);
	unsigned n;
	int err;

	if (!path) {
		snprintf(out, OUT_MAX, "%s", text);
		return 0;
	}
	err = number_of(ns, path, &n);
	if (!err)
		snprintf(out, OUT_MAX, "%.*sfile-%u", (int)(path - text), text, n);
	return err;
}

static int choose(struct mp_names *ns, const struct mp_name *name, char *out)
{
	const char *text = name->text;

	switch (name->roles & -name->roles) {
	case MP_NAME_PATH:
		return file_name(ns, text, name->roles & MP_NAME_EXE, out);
	case MP_NAME_EXE:
		return file_name(ns, text, true, out);
	case MP_NAME_COMM:
		return comm_name(ns, text, out);
	case MP_NAME_CGROUP:
		return numbered(ns, text, "cgroup-", "", out);
	case MP_NAME_NOTE:
		return numbered(ns, text, "note-", "", out);
	case MP_NAME_WORDS:
		return without_paths(ns, text, name->roles & MP_NAME_CODE, out);
	case MP_NAME_CODE:
		return without_paths(ns, text, true, out);
	default:
		return numbered(ns, text, "text-", "", out);
	}
}

/* --- the table -------------------------------------------------------------------------------- */

static int room_for(struct mp_names *ns, uint32_t id)
{
	size_t had = ns->n;

	if (id < ns->n)
		return 0;
	if (id >= NAMES_MAX)
		return -EINVAL;
	if (mp_grow(&ns->v, &ns->cap, (size_t)id + 1, sizeof(*ns->v)))
		return -ENOMEM;
	ns->n = (size_t)id + 1;
	memset(ns->v + had, 0, (ns->n - had) * sizeof(*ns->v));
	return 0;
}

int mp_names_piece(struct mp_names *ns, uint32_t id, uint32_t total, uint32_t pos, const char *text,
		   size_t len)
{
	struct mp_name *name;
	int err;

	if (!id || total > MP_STR_MAX || pos > total || len > total - pos)
		return -EINVAL;
	err = room_for(ns, id);
	if (err)
		return err;
	name = &ns->v[id];
	if (!name->text || name->total != total) {
		free(name->text);
		name->text = calloc(1, (size_t)total + 1);
		name->total = total;
		if (!name->text)
			return -ENOMEM;
	}
	memcpy(name->text + pos, text, len);
	return 0;
}

void mp_names_use(struct mp_names *ns, uint64_t id, enum mp_name_role role)
{
	/* The string comes first; one that was lost has nothing to hide. */
	if (id && id < ns->n)
		ns->v[id].roles |= role;
}

int mp_names_ready(struct mp_names *ns)
{
	char out[OUT_MAX];

	for (size_t i = 0; i < ns->n; i++) {
		struct mp_name *name = &ns->v[i];
		int err;

		if (!name->text || name->roles == MP_NAME_PRIVATE)
			continue;
		err = choose(ns, name, out);
		out[MP_STR_MAX] = '\0';
		name->instead = err ? NULL : strdup(out);
		if (!name->instead)
			return -ENOMEM;
	}
	return 0;
}

const char *mp_names_instead(const struct mp_names *ns, uint64_t id)
{
	return id < ns->n ? ns->v[id].instead : NULL;
}

void mp_names_free(struct mp_names *ns)
{
	for (size_t i = 0; i < ns->n; i++) {
		free(ns->v[i].text);
		free(ns->v[i].instead);
	}
	free(ns->v);
	mp_index_free(ns->numbers);
	memset(ns, 0, sizeof(*ns));
}
