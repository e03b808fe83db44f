/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * doctor_runtimes.c - see doctor.h. A runtime is known by the files that are mapped; the way
 * to its heap by what its own source says in a session that lasts until all have spoken.
 */
#include "user/cmd/doctor.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/live/procfs.h"
#include "user/live/session.h"
#include "user/model/model.h"
#include "user/sym/sym.h"
#include "user/util/util.h"

#define LOOK_NS	   2000000000ULL /* a JVM without counters takes a second to be sure of */
#define TEXT_BYTES (256u << 20)	 /* of a program searched for its version */

/* --- versions ---------------------------------------------------------------------------- */

/* The first number with a dot in the file's name: libpython3.11.so.1.0, ruby3.1. */
static void version_in_name(const char *base, char *to, size_t size)
{
	size_t n;

	base += strcspn(base, "0123456789");
	n = strspn(base, "0123456789.");
	while (n && base[n - 1] == '.')
		n--;
	snprintf(to, size, "%.*s", (int)n, base);
}

/* A file of the process, as it sees it; a descriptor or -errno. */
static int open_in(pid_t pid, const char *path)
{
	char root[32];
	int dir, fd;

	snprintf(root, sizeof(root), "/proc/%d/root", (int)pid);
	dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return dir;
	fd = mp_sym_open(dir, path);
	close(dir);
	return fd;
}

/* JAVA_VERSION="17.0.9" in the file release, above lib/server/libjvm.so: by one folder more
 * with JDK 8. */
static void version_of_jvm(pid_t pid, const char *lib, char *to, size_t size)
{
	char path[PATH_MAX], text[2048], *at;

	snprintf(path, sizeof(path), "%s", lib);
	for (int up = 0; up < 5 && (at = strrchr(path, '/')) && !*to; up++) {
		ssize_t n;
		int fd;

		snprintf(at, sizeof(path) - (size_t)(at - path), "/release");
		fd = open_in(pid, path);
		*at = 0;
		if (fd < 0)
			continue;
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
		text[n > 0 ? n : 0] = 0;
		at = strstr(text, "JAVA_VERSION=\"");
		if (at)
			snprintf(to, size, "%.*s", (int)strcspn(at + 14, "\"\n"), at + 14);
	}
}

/* node holds the address that its release is downloaded from. */
static void version_of_node(pid_t pid, const char *exe, char *to, size_t size)
{
	static const char what[] = "/download/release/v";
	static char buf[(1 << 20) + 64];
	size_t kept = 0;
	int fd = open_in(pid, exe);

	for (off_t off = 0; fd >= 0 && off < TEXT_BYTES && !*to;) {
		ssize_t n = pread(fd, buf + kept, 1 << 20, off);
		const char *at;

		if (n <= 0)
			break;
		off += n;
		at = memmem(buf, kept + (size_t)n, what, sizeof(what) - 1);
		buf[kept + (size_t)n] = 0;
		if (at)
			snprintf(to, size, "%.*s",
				 (int)strspn(at + sizeof(what) - 1, "0123456789."),
				 at + sizeof(what) - 1);
		/* it may lie across the border */
		memmove(buf, buf + kept + n - (n < 63 ? n : 63), (size_t)(n < 63 ? n : 63));
		kept = n < 63 ? (size_t)n : 63;
	}
	if (fd >= 0)
		close(fd);
}

/* --- which there are ------------------------------------------------------------------------ */

static bool is_node(const char *base)
{
	return !strncmp(base, "node", 4) || !strncmp(base, "libnode", 7);
}

static bool is_jvm(const char *base)
{
	return !strcmp(base, "libjvm.so");
}

static bool is_python(const char *base)
{
	return !strncmp(base, "python", 6) || !strncmp(base, "libpython", 9);
}

static bool is_ruby(const char *base)
{
	return !strncmp(base, "ruby", 4) || !strncmp(base, "libruby", 7);
}

static const struct kind {
	enum mp_feature feature;
	const char *name;
	bool (*is)(const char *base); /* NULL: by the program's sections */
	const char *give;
} kinds[] = {
	{ MP_FEAT_HEAP_V8, "V8 (node)", is_node,
	  "NODE_OPTIONS=--require .../memprof-node.js (memprof record --gc-log auto -- CMD sets "
	  "it); "
	  "node --trace-gc > FILE and --gc-log FILE" },
	{ MP_FEAT_HEAP_GO, "Go", NULL,
	  "GODEBUG=gctrace=1 (memprof record --gc-log auto -- CMD sets it and reads it)" },
	{ MP_FEAT_HEAP_JVM, "HotSpot", is_jvm,
	  "JAVA_TOOL_OPTIONS=-Xlog:gc*:file=FILE:timenanos and --gc-log FILE (--gc-log auto -- CMD "
	  "does both)" },
	{ MP_FEAT_HEAP_PYTHON, "CPython", is_python,
	  "a python that was built --with-dtrace, as Debian's is, or that kept its symbols" },
	{ MP_FEAT_HEAP_RUBY, "CRuby", is_ruby,
	  "a ruby that was built --enable-dtrace, as Debian's is" },
};

/* 1.22.1 of "go1.22.1"; a development version as it calls itself. */
static void version_of_go(struct mp_elf *e, char *to, size_t size)
{
	char text[64];

	if (!mp_elf_go_version(e, text, sizeof(text)))
		snprintf(to, size, "%.*s", (int)size - 1, text + (strncmp(text, "go", 2) ? 0 : 2));
}

/* Whether the program is one of Go's; its version, "" where it does not tell. */
static bool is_go(pid_t pid, char *version, size_t size)
{
	char exe[32];
	struct mp_elf *e;
	bool is = false;
	int fd;

	snprintf(exe, sizeof(exe), "/proc/%d/exe", (int)pid);
	fd = open(exe, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && !mp_elf_open(fd, &e)) {
		is = mp_elf_has_section(e, ".go.buildinfo") || mp_elf_has_section(e, ".gopclntab");
		if (is)
			version_of_go(e, version, size);
		mp_elf_close(e);
	}
	if (fd >= 0)
		close(fd);
	return is;
}

/* The mapped file with code that is one; NULL: none. */
static const char *mapped(const struct proc_maps *m, bool (*is)(const char *base))
{
	const uint32_t code = MP_MAP_FILE | MP_MAP_X;

	for (size_t i = 0; i < m->n; i++) {
		const char *name = m->names + m->v[i].name, *slash = strrchr(name, '/');

		if ((m->v[i].bits & code) == code && is(slash ? slash + 1 : name))
			return name;
	}
	return NULL;
}

static void find_version(pid_t pid, const struct kind *k, const char *file, char *to, size_t size)
{
	const char *slash = strrchr(file, '/');

	if (k->feature == MP_FEAT_HEAP_JVM)
		version_of_jvm(pid, file, to, size);
	else if (k->feature == MP_FEAT_HEAP_V8)
		version_of_node(pid, file, to, size);
	else
		version_in_name(slash ? slash + 1 : file, to, size);
}

static size_t find(pid_t pid, struct mp_doctor_runtime *out, size_t max)
{
	struct proc_maps m = { 0 };
	size_t n = 0;

	if (proc_maps_read(pid, &m))
		return 0;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && n < max; i++) {
		const char *file = kinds[i].is ? mapped(&m, kinds[i].is) : NULL;
		struct mp_doctor_runtime *r = &out[n];

		*r = (struct mp_doctor_runtime){ .feature = kinds[i].feature,
						 .name = kinds[i].name,
						 .give = kinds[i].give };
		if (file)
			find_version(pid, &kinds[i], file, r->version, sizeof(r->version));
		n += file || (!kinds[i].is && is_go(pid, r->version, sizeof(r->version)));
	}
	proc_maps_free(&m);
	return n;
}

/* --- how they are reached --------------------------------------------------------------------- */

static bool all_told(const struct mp_model *m, const struct mp_doctor_runtime *rt, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!m->probes[rt[i].feature].known)
			return false;
	return true;
}

static void ask_sources(pid_t pid, struct mp_doctor_runtime *rt, size_t n)
{
	struct mp_session_opts o = {
		.pids = &pid, .n_pids = 1, .cmd_out_fd = -1, .no_symbols = true
	};
	struct mp_diag diag = { 0 };
	const struct mp_model *m;
	struct mp_session *s;
	uint64_t end;

	o.out.fd = -1;
	mp_hooks_parse(NULL, &o.hooks, &diag);
	if (mp_session_open(&o, &s, &diag))
		return;
	m = mp_session_model(s);
	/* from here on: on a busy machine opening alone may take seconds */
	end = mp_monotonic_ns() + LOOK_NS;
	while (!all_told(m, rt, n) && mp_monotonic_ns() < end) {
		struct pollfd pfd = { .fd = mp_session_fd(s), .events = POLLIN };

		poll(&pfd, 1, 100);
		if (mp_session_pump(s) <= 0)
			break;
	}
	for (size_t i = 0; i < n; i++) {
		const struct mp_probe *p = &m->probes[rt[i].feature];

		rt[i].told = p->known;
		rt[i].rung = p->known ? (uint8_t)p->rung : MP_RUNG_ABSENT;
		if (p->known && p->why)
			snprintf(rt[i].why, sizeof(rt[i].why), "%s", mp_str(m, p->why));
	}
	mp_session_close(s);
}

size_t mp_doctor_runtimes(pid_t pid, struct mp_doctor_runtime *out, size_t max)
{
	size_t n = find(pid, out, max);

	if (n)
		ask_sources(pid, out, n);
	return n;
}
