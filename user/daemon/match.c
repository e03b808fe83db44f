/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * match.c - which group takes a process: rules against facts, container ids out of paths, and
 * the rules as the kernel side is told them. See targets.h. Pure: no /proc, no session.
 */
#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "user/daemon/targets.h"
#include "user/daemon/targets_int.h"

/* --- containers ------------------------------------------------------------------------------- */

static size_t hex_digits(const char *s)
{
	return strspn(s, "0123456789abcdef");
}

/* What runtimes put before the id in the name of a folder. */
static const char *const before_id[] = { "docker-", "cri-containerd-", "crio-", "libpod-" };
#define N_BEFORE (sizeof(before_id) / sizeof(before_id[0]))

/*
 * The id in the name of one folder, of len bytes, or NULL. The forms:
 *   ID                        docker, containerd, cri-o and lxc with the driver cgroupfs; ECS
 *   docker-ID.scope           docker with systemd; cri-containerd-ID.scope, crio-ID.scope,
 *                             libpod-ID.scope: kubernetes, podman
 *   libpod-ID                 podman with cgroupfs
 *   ...slice:cri-containerd:ID  containerd with systemd's driver and a runtime without it
 *   ID-NUMBER                 tasks of ECS: 32 digits and a number
 * The monitor beside a container has a group of its own, libpod-conmon-ID.scope: that is none.
 */
static const char *id_in(const char *name, size_t len, size_t *n)
{
	const char *end = name + len, *at = name;

	for (size_t i = 0; i < N_BEFORE && at == name; i++) {
		size_t skip = strlen(before_id[i]);

		if (len > skip && !strncmp(name, before_id[i], skip))
			at = name + skip;
	}
	for (const char *c = name; c < end; c++)
		if (*c == ':')
			at = c + 1;
	*n = hex_digits(at);
	if (at + *n > end)
		*n = (size_t)(end - at);
	if (*n == 64 &&
	    (at + 64 == end || ((size_t)(end - at) == 70 && !strncmp(at + 64, ".scope", 6))))
		return at;
	if (*n == 32 && at == name && (at + 32 == end || (at[32] == '-' && isdigit(at[33]))))
		return at;
	return NULL;
}

char *dm_container(const char *cgroup, char *buf, size_t size)
{
	const char *id;
	size_t n;

	if (size)
		buf[0] = 0;
	/* The innermost: what runs in a container may start others. */
	for (const char *c = cgroup; *c; c += strcspn(c, "/"), c += *c == '/') {
		id = id_in(c, strcspn(c, "/"), &n);
		if (id && n < size) {
			memcpy(buf, id, n);
			buf[n] = 0;
		}
	}
	return buf;
}

/* --- rules against facts ---------------------------------------------------------------------- */

static bool exe_matches(const char *pattern, const char *exe)
{
	const char *base = strrchr(exe, '/');

	if (*pattern != '/')
		exe = base ? base + 1 : exe;
	return fnmatch(pattern, exe, FNM_PATHNAME | FNM_NOESCAPE) == 0;
}

/* The group or one below it, name by name; '/' is the root and all below. */
static bool cgroup_matches(const char *pattern, const char *path)
{
	char want[512], have[4096];

	for (;;) {
		size_t n, m;

		pattern += strspn(pattern, "/");
		path += strspn(path, "/");
		if (!*pattern)
			return true;
		n = strcspn(pattern, "/");
		m = strcspn(path, "/");
		if (!m || n >= sizeof(want) || m >= sizeof(have))
			return false;
		memcpy(want, pattern, n);
		want[n] = 0;
		memcpy(have, path, m);
		have[m] = 0;
		if (fnmatch(want, have, FNM_NOESCAPE))
			return false;
		pattern += n;
		path += m;
	}
}

static bool container_matches(const char *want, const char *cgroup)
{
	char id[80];

	dm_container(cgroup, id, sizeof(id));
	return *id && !strncmp(id, want, strlen(want));
}

static bool rule_matches(const struct dm_rule *r, const struct dm_facts *f)
{
	if (r->pid && r->pid != f->pid)
		return false;
	if (r->has_uid && r->uid != f->uid)
		return false;
	if (r->exe[0] && (!f->exe[0] || !exe_matches(r->exe, f->exe)))
		return false;
	if (r->cgroup[0] && (!f->cgroup[0] || !cgroup_matches(r->cgroup, f->cgroup)))
		return false;
	return !r->container[0] || container_matches(r->container, f->cgroup);
}

int dm_match(const struct dm_config *c, const struct dm_facts *f)
{
	for (size_t g = 0; g < c->n_groups; g++)
		for (size_t i = 0; i < c->groups[g].n_rules; i++)
			if (rule_matches(&c->groups[g].rules[i], f))
				return (int)g;
	return -1;
}

/* --- as the kernel side is told -----------------------------------------------------------------
 */

#define WILD "*?["

/* A name as it begins; false: nothing of it can be compared. */
static bool name_of(const char *pattern, size_t len, struct mp_rule_name *n)
{
	size_t lit = strcspn(pattern, WILD);

	n->whole = lit >= len;
	if (lit > len)
		lit = len;
	if (lit >= sizeof(n->text)) {
		lit = sizeof(n->text) - 1;
		n->whole = false;
	}
	memcpy(n->text, pattern, lit);
	n->text[lit] = 0;
	return lit > 0;
}

static void exe_of(const struct dm_rule *r, struct mp_exec_rule *out)
{
	const char *base = strrchr(r->exe, '/');

	base = base ? base + 1 : r->exe;
	name_of(base, strlen(base), &out->exe);
}

/* The forms of a folder that is a container's. Those with ':' begin with the name of the pod:
 * such a container is found by looking. */
static void container_of(const struct dm_rule *r, struct mp_exec_rule *out)
{
	struct mp_rule_name *n = out->groups;

	snprintf(n->text, sizeof(n->text), "%.79s", r->container);
	for (size_t i = 0; i < N_BEFORE; i++) {
		n++;
		snprintf(n->text, sizeof(n->text), "%s%.64s", before_id[i], r->container);
	}
	out->n_groups = 1 + N_BEFORE;
}

/* The last name of the path that says something: the deeper, the fewer have it. */
static void cgroup_of(const struct dm_rule *r, struct mp_exec_rule *out)
{
	struct mp_rule_name n;

	for (const char *c = r->cgroup; *c;) {
		size_t len = strcspn(c, "/");

		memset(&n, 0, sizeof(n));
		if (len && name_of(c, len, &n)) {
			out->groups[0] = n;
			out->n_groups = 1;
		}
		c += len;
		c += *c == '/';
	}
}

/* Does the kernel side compare all that the rule asks for? Then its word is enough. */
static bool is_exact(const struct dm_rule *r)
{
	size_t lit = strcspn(r->exe, WILD), len = strlen(r->exe);

	return !r->cgroup[0] && !strchr(r->exe, '/') && lit <= MP_RULE_NAME_MAX &&
	       (lit == len || (r->exe[lit] == '*' && lit + 1 == len));
}

size_t dm_exec_rules(const struct dm_config *c, struct mp_exec_rule *out, struct dm_exec_of *of,
		     size_t max)
{
	size_t n = 0;

	for (size_t g = 0; g < c->n_groups; g++) {
		for (size_t i = 0; i < c->groups[g].n_rules && n < max; i++) {
			const struct dm_rule *r = &c->groups[g].rules[i];
			struct mp_exec_rule *o = &out[n];

			if (r->pid) /* it runs, or who has its number one day is nobody's guess */
				continue;
			memset(o, 0, sizeof(*o));
			o->has_uid = r->has_uid;
			o->uid = r->uid;
			exe_of(r, o);
			if (r->container[0])
				container_of(r, o);
			else
				cgroup_of(r, o);
			of[n].group = (int)g;
			of[n].exact = is_exact(r);
			n++;
		}
	}
	return n;
}

/* --- owners -------------------------------------------------------------------------------------
 */

bool dm_owner_parse(const char *status, struct dm_owner *o, bool *caps)
{
	const char *uid = strstr(status, "\nUid:"), *gid = strstr(status, "\nGid:");
	const char *cap = strstr(status, "\nCapPrm:");
	unsigned u[3], g[3];
	unsigned long long permitted;

	*o = (struct dm_owner){ .plain = false };
	*caps = true;
	/* real, effective, saved; the fourth, of files, follows the effective one */
	if (!uid || !gid || sscanf(uid + 5, "%u %u %u", &u[0], &u[1], &u[2]) != 3 ||
	    sscanf(gid + 5, "%u %u %u", &g[0], &g[1], &g[2]) != 3)
		return false;
	o->uid = u[1];
	o->gid = g[1];
	o->plain = u[0] == u[1] && u[1] == u[2] && g[0] == g[1] && g[1] == g[2];
	*caps = !cap || sscanf(cap + 8, "%llx", &permitted) != 1 || permitted;
	return true;
}
