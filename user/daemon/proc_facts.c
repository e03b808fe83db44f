/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * proc_facts.c - what /proc says of a process to a daemon that matches it: program, group of
 * memory, which one it is, owner. See targets.h.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "user/daemon/targets_int.h"
#include "user/live/procfs.h"
#include "user/rt/cgroup_text.h"
#include "user/util/util.h"

/* The whole of a small file of /proc/PID, ended by 0; -errno. st: of the file, or NULL. */
static int slurp(pid_t pid, const char *name, char *buf, size_t size, struct stat *st)
{
	char path[64];
	int err;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	err = proc_text_read(path, buf, size, st);
	return err == -ENOENT || (!err && !*buf) ? -ESRCH : err;
}

int dm_facts_read(pid_t pid, struct dm_facts *f)
{
	static const char deleted[] = " (deleted)";
	char path[64], groups[CGROUP_TEXT_MAX];
	const char *group;
	unsigned version;
	struct stat st;
	size_t n;
	int err;

	memset(f, 0, sizeof(*f));
	f->pid = pid;
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	if (stat(path, &st)) /* the folder is the effective user's whatever it may be dumped */
		return errno == ENOENT ? -ESRCH : -errno;
	f->uid = st.st_uid;
	err = proc_link(pid, "exe", f->exe, sizeof(f->exe));
	if (err == -ENOENT || err == -ESRCH) /* a kernel thread, or one that has ended */
		return -ESRCH;
	n = strlen(f->exe);
	if (n >= sizeof(deleted) && !strcmp(f->exe + n - (sizeof(deleted) - 1), deleted))
		f->exe[n - (sizeof(deleted) - 1)] = 0;
	if (!slurp(pid, "cgroup", groups, sizeof(groups), NULL)) {
		group = cgroup_path(groups, &version, &n);
		snprintf(f->cgroup, sizeof(f->cgroup), "%.*s", (int)n, group ? group : "");
	}
	return 0;
}

pid_t dm_parent_of(pid_t pid)
{
	char text[4096];
	const char *at;
	int parent;

	if (slurp(pid, "status", text, sizeof(text), NULL))
		return 0;
	at = strstr(text, "\nPPid:");
	return at && sscanf(at + 6, "%d", &parent) == 1 ? parent : 0;
}

/*
 * Capabilities in a user namespace of its own are none against who made that: its user may do
 * there what root may (user_namespaces(7)), inspect included.
 */
static bool of_own_namespace(pid_t pid, uid_t uid)
{
	uid_t maker;

	return !proc_user_ns_maker(pid, &maker) && maker == uid;
}

/* --- which process it is ------------------------------------------------------------------ */

static size_t ns_pids(const char *status, pid_t out[DM_NS_LEVELS])
{
	const char *s = strstr(status, "\nNSpid:");
	size_t n = 0;

	for (s = s ? s + 7 : ""; n < DM_NS_LEVELS; n++) {
		char *end;
		long v = strtol(s, &end, 10); /* a line's end is white, the next line no number */

		if (end == s || v <= 0)
			break;
		out[n] = (pid_t)v;
		s = end;
	}
	return n;
}

int dm_identity_read(pid_t pid, struct dm_identity *id)
{
	char text[4096], path[48];
	struct stat st;
	int err = proc_start_ns(pid, &id->start);

	memset(id->pids, 0, sizeof(id->pids));
	id->n = 0;
	id->ns_dev = id->ns_ino = 0;
	if (err) {
		id->start = MP_UNKNOWN;
		return err;
	}
	if (!slurp(pid, "status", text, sizeof(text), NULL))
		id->n = ns_pids(text, id->pids);
	snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)pid);
	if (!stat(path, &st)) {
		id->ns_dev = st.st_dev;
		id->ns_ino = st.st_ino;
	}
	return 0;
}

/* --- whose it is -------------------------------------------------------------------------- */

static bool has_mm(const char *status)
{
	return strstr(status, "\nVmSize:") != NULL;
}

/*
 * The status of a thread that has the process's memory: of the first one, or of one that lives
 * on after that. *tid: which; without any it is the first one's text.
 */
static int living_status(pid_t pid, char *text, size_t size, struct stat *st, pid_t *tid)
{
	int err = slurp(pid, "status", text, size, st);
	const struct dirent *d;
	char path[64], other[4096];
	struct stat theirs;
	DIR *dir;

	*tid = pid;
	if (err || has_mm(text))
		return err;
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	while (dir && *tid == pid && (d = readdir(dir))) {
		pid_t t = (pid_t)atoi(d->d_name);

		if (t <= 0 || t == pid || slurp(t, "status", other, sizeof(other), &theirs) ||
		    !has_mm(other))
			continue;
		*tid = t;
		*st = theirs;
		snprintf(text, size, "%s", other);
	}
	if (dir)
		closedir(dir);
	return 0;
}

/*
 * The rule of __ptrace_may_access() and cap_ptrace_access_check() for a reader without
 * capabilities: the same ids, dumpable (then its files in /proc are its own, not root's), and
 * no capability that the reader lacks. Without memory the files are root's whatever it was, and
 * the kernel does not ask: it is as it was, if the ids are.
 */
static int owner_now(pid_t pid, struct dm_owner *o)
{
	struct dm_owner last = *o;
	char text[4096];
	struct stat st;
	pid_t tid;
	bool caps;
	int err = living_status(pid, text, sizeof(text), &st, &tid);

	if (err)
		return err;
	if (!dm_owner_parse(text, o, &caps))
		return -EIO;
	if (has_mm(text))
		o->plain = o->plain && st.st_uid == o->uid &&
			   (!caps || o->uid == 0 || of_own_namespace(tid, o->uid));
	else
		o->plain = o->plain && last.plain && last.uid == o->uid && last.gid == o->gid;
	return 0;
}

/* The start is read last: a number that is its own still was its own all the time before. */
int dm_owner_read(pid_t pid, uint64_t start, struct dm_owner *o)
{
	struct dm_owner read = *o;
	uint64_t since;
	int err = owner_now(pid, &read), gone = proc_start_ns(pid, &since);

	if (!gone && since != start)
		err = -ESTALE;
	else if (gone)
		err = gone;
	if (!err)
		*o = read;
	else if (err != -ESRCH)
		o->plain = false;
	return err;
}
