/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cgroup_text.c - see cgroup_text.h. Formats: Documentation/admin-guide/cgroup-v1/
 * memory.rst and cgroup-v2.rst, proc_pid_cgroup(5), proc_pid_mountinfo(5).
 */
#include "user/rt/cgroup_text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Is `word` one of those that commas separate in s, which ends at a blank, a colon or
 * a newline? */
static bool in_list(const char *s, const char *word)
{
	size_t n = strlen(word);

	for (;;) {
		size_t len = strcspn(s, ", :\n");

		if (len == n && !strncmp(s, word, n))
			return true;
		if (s[len] != ',')
			return false;
		s += len + 1;
	}
}

/* Lines are `number:controllers:path`; version 1 wins, since where it has the controller
 * version 2 has it not. */
const char *cgroup_path(const char *groups, unsigned *version, size_t *len)
{
	const char *found = NULL;

	*version = 0;
	*len = 0;
	for (const char *line = groups; *line && *version != 1;) {
		const char *list = strchr(line, ':'), *path = list ? strchr(list + 1, ':') : NULL;
		bool v1 = path && in_list(list + 1, "memory");

		if (!path)
			break;
		if (v1 || (path == list + 1 && !strncmp(line, "0:", 2))) {
			*version = v1 ? 1 : 2;
			found = path + 1;
			*len = strcspn(found, "\n");
		}
		line = path + strcspn(path, "\n");
		line += *line == '\n';
	}
	return found;
}

/* A field of mountinfo: octal escapes for blank, tab, newline and backslash. */
static int unescape(char *out, size_t size, const char *s, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		char c = s[i];

		if (c == '\\' && i + 3 < len) {
			unsigned a = (uint8_t)s[i + 1] & 7u, b = (uint8_t)s[i + 2] & 7u;

			c = (char)(a << 6 | b << 3 | ((uint8_t)s[i + 3] & 7u));
			i += 3;
		}
		if (n + 1 >= size)
			return -ENOENT;
		out[n++] = c;
	}
	out[n] = 0;
	return 0;
}

/* Field i of a line, from 0, its length in *len; NULL when the line has fewer. */
static const char *field(const char *line, unsigned i, size_t *len)
{
	for (;; i--) {
		*len = strcspn(line, " \n");
		if (!i)
			return line;
		if (line[*len] != ' ')
			return NULL;
		line += *len + 1;
	}
}

/* Is this line of mountinfo the hierarchy asked for? Behind " - ": type, source,
 * options of the file system. */
static bool is_hierarchy(const char *line, unsigned version)
{
	const char *dash = strstr(line, " - "), *end = strchr(line, '\n'), *opts;
	size_t len, n;

	if (!dash || (end && dash > end))
		return false;
	dash += 3;
	len = strcspn(dash, " \n");
	if (version == 2)
		return len == 7 && !strncmp(dash, "cgroup2", 7);
	opts = field(dash, 2, &n);
	return len == 6 && !strncmp(dash, "cgroup", 6) && opts && in_list(opts, "memory");
}

/* dir = where it is mounted + what of `name` lies below the root of that mount. */
static int join(struct cgroup_place *out, const char *line)
{
	size_t root_len, at_len;
	const char *root = field(line, 3, &root_len), *at = field(line, 4, &at_len);
	char root_text[CGROUP_PATH_MAX];
	const char *below = out->name;
	size_t n;

	if (!root || !at || unescape(root_text, sizeof(root_text), root, root_len) ||
	    unescape(out->dir, sizeof(out->dir), at, at_len))
		return -ENOENT;
	if (!strncmp(below, "/..", 3)) /* seen from inside a namespace of groups */
		return -EPERM;
	n = strlen(root_text);
	if (n > 1) {
		if (strncmp(below, root_text, n) || (below[n] && below[n] != '/'))
			return -EPERM;
		below += n;
	}
	out->top = strlen(out->dir);
	if (!strcmp(below, "/"))
		below = "";
	if (out->top + strlen(below) >= sizeof(out->dir))
		return -ENOENT;
	strcpy(out->dir + out->top, below);
	return 0;
}

int cgroup_place(const char *groups, const char *mounts, struct cgroup_place *out)
{
	size_t len;
	const char *path = cgroup_path(groups, &out->version, &len);
	int err = -ENOENT;

	if (!path || len >= sizeof(out->name))
		return -ENOENT;
	memcpy(out->name, path, len);
	out->name[len] = 0;
	for (const char *line = mounts; err && *line;) {
		if (is_hierarchy(line, out->version))
			err = join(out, line);
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	return err;
}

#define NO_LIMIT_V1 0x7ffffffffffff000ULL /* PAGE_COUNTER_MAX in bytes */

__u64 cgroup_number(const char *text)
{
	char *end;
	unsigned long long v;

	if (*text < '0' || *text > '9')
		return MP_UNKNOWN;
	v = strtoull(text, &end, 10);
	return v >= NO_LIMIT_V1 || (*end && *end != '\n') ? MP_UNKNOWN : v;
}

/* The value of a key, which begins a line; MP_UNKNOWN when it is not there. */
static __u64 value(const char *text, const char *key)
{
	size_t n = strlen(key);

	for (const char *line = text; *line;) {
		if (!strncmp(line, key, n) && line[n] == ' ')
			return strtoull(line + n + 1, NULL, 10);
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	return MP_UNKNOWN;
}

/* Before 5.18 nothing sums what the kernel uses: its parts do. */
static __u64 kernel_v2(const char *text)
{
	static const char *const parts[] = { "kernel_stack", "pagetables", "percpu",
					     "sock",	     "vmalloc",	   "slab" };
	__u64 sum = value(text, "kernel"), v;
	bool any = false;

	if (sum != MP_UNKNOWN)
		return sum;
	sum = 0;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		v = value(text, parts[i]);
		any |= v != MP_UNKNOWN;
		sum += v != MP_UNKNOWN ? v : 0;
	}
	return any ? sum : MP_UNKNOWN;
}

/* Of version 1 a key of the group and all below it. */
static __u64 of_stat(unsigned version, const char *text, const char *key)
{
	char name[64];

	snprintf(name, sizeof(name), "%s%s", version == 2 ? "" : "total_", key);
	return value(text, name);
}

void cgroup_stat_more(unsigned version, const char *text, struct mp_event *e)
{
	__u64 dirty = of_stat(version, text, version == 2 ? "file_dirty" : "dirty");
	__u64 writeback = of_stat(version, text, version == 2 ? "file_writeback" : "writeback");
	__u64 refaults = of_stat(version, text, "workingset_refault_file");

	/* up to 5.8 of all pages, which were those of files */
	if (refaults == MP_UNKNOWN)
		refaults = of_stat(version, text, "workingset_refault");
	e->cgroup_more.refaults = refaults;
	e->cgroup_more.inactive_file = of_stat(version, text, "inactive_file");
	e->cgroup_more.active_file = of_stat(version, text, "active_file");
	e->cgroup_more.slab = of_stat(version, text, "slab_reclaimable");
	e->cgroup_more.dirty = dirty == MP_UNKNOWN || writeback == MP_UNKNOWN ? MP_UNKNOWN
									      : dirty + writeback;
}

__u64 cgroup_oom_kills(const char *text)
{
	return value(text, "oom_kill");
}

__u32 cgroup_stalled(const char *text)
{
	const char *full = strncmp(text, "full ", 5) ? strstr(text, "\nfull ") : text;
	const char *avg = full ? strstr(full, "avg10=") : NULL;
	double percent = avg ? strtod(avg + 6, NULL) : -1;

	return percent >= 0 && percent <= 100 ? 1 + (__u32)(percent * 100 + 0.5) : 0;
}

/* Files without what lives in shmem, which both versions count among them. */
static __u64 without(__u64 file, __u64 shmem)
{
	if (file == MP_UNKNOWN || shmem == MP_UNKNOWN)
		return file;
	return file > shmem ? file - shmem : 0;
}

void cgroup_stat(unsigned version, const char *text, struct mp_event *e)
{
	__u64 shmem = value(text, version == 2 ? "shmem" : "total_shmem");

	e->cgroup.shmem = shmem;
	if (version == 2) {
		e->cgroup.anon = value(text, "anon");
		e->cgroup.file = without(value(text, "file"), shmem);
		e->cgroup.kernel = kernel_v2(text);
	} else {
		e->cgroup.anon = value(text, "total_rss");
		e->cgroup.file = without(value(text, "total_cache"), shmem);
		e->cgroup.swap = value(text, "total_swap");
	}
}
