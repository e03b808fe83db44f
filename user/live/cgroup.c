/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cgroup.c - what the control group of a target is charged, once a second: more
 * than its processes have resident, and what a limit is held against.
 *
 * Nothing is said of a process in the root group, which is charged nothing, or of
 * one whose group cannot be read here. The limit is the lowest on the way up.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "user/live/session_int.h"
#include "user/rt/cgroup_text.h"
#include "user/util/util.h"

#define EVERY_NS   1000000000ULL
#define NEAR_NS	   100000000ULL /* ... near the limit */
#define COST	   100		/* a look may take 1/100 of a CPU: memory.stat can be dear */
#define TEXT_MAX   65536
#define SHARED_MAX 64 /* targets that are asked whether a group is theirs */

static int slurp(const char *dir, const char *name, char *buf, size_t size)
{
	char path[CGROUP_PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return proc_text_read(path, buf, size, NULL);
}

static __u64 number_of(const char *dir, const char *name)
{
	char text[64];

	return slurp(dir, name, text, sizeof(text)) ? MP_UNKNOWN : cgroup_number(text);
}

/* The lowest limit of that name from the group up to the top of what is mounted. */
static __u64 lowest_limit(const struct cgroup_place *g, const char *name)
{
	char dir[CGROUP_PATH_MAX];
	__u64 low = MP_UNKNOWN;

	memcpy(dir, g->dir, sizeof(dir));
	for (;;) {
		__u64 v = number_of(dir, name);
		char *slash = strrchr(dir, '/');

		if (v < low)
			low = v;
		if (strlen(dir) <= g->top || !slash)
			return low;
		*slash = 0;
	}
}

/* The root group of version 1 has all files and means the machine. */
static bool is_root(const struct cgroup_place *g, const struct mp_event *e)
{
	return g->version == 1 && !g->dir[g->top] && e->cgroup.limit == MP_UNKNOWN;
}

/* What else there is; of version 1 there is no pressure of a group, nor a memory.high. */
static void read_more(const struct cgroup_place *g, const char *stat, struct mp_event *e)
{
	bool v2 = g->version == 2;
	char text[512];

	for (size_t i = 0; i < sizeof(e->v) / sizeof(e->v[0]); i++)
		e->v[i] = MP_UNKNOWN;
	cgroup_stat_more(g->version, stat, e);
	if (!slurp(g->dir, v2 ? "memory.events" : "memory.oom_control", text, sizeof(text)))
		e->cgroup_more.oom_kills = cgroup_oom_kills(text);
	if (v2)
		e->cgroup_more.high = lowest_limit(g, "memory.high");
	if (v2 && !slurp(g->dir, "memory.pressure", text, sizeof(text)))
		e->x = cgroup_stalled(text);
}

static int read_figures(const struct cgroup_place *g, struct mp_event *e, struct mp_event *more)
{
	static char text[TEXT_MAX];
	bool v2 = g->version == 2;

	for (size_t i = 0; i < sizeof(e->v) / sizeof(e->v[0]); i++)
		e->v[i] = MP_UNKNOWN;
	e->cgroup.charged = number_of(g->dir, v2 ? "memory.current" : "memory.usage_in_bytes");
	if (e->cgroup.charged == MP_UNKNOWN)
		return -ENOENT;
	e->cgroup.limit = lowest_limit(g, v2 ? "memory.max" : "memory.limit_in_bytes");
	if (is_root(g, e))
		return -ENOENT;
	if (v2)
		e->cgroup.swap = number_of(g->dir, "memory.swap.current");
	else
		e->cgroup.kernel = number_of(g->dir, "memory.kmem.usage_in_bytes");
	if (slurp(g->dir, "memory.stat", text, sizeof(text)))
		*text = 0;
	cgroup_stat(g->version, text, e);
	read_more(g, text, more);
	return 0;
}

/* Which group it is in may change; what is mounted is looked up with it. */
static int find(pid_t pid, struct cgroup_place *g)
{
	static char groups[CGROUP_TEXT_MAX], mounts[TEXT_MAX];
	char dir[32];
	int err;

	snprintf(dir, sizeof(dir), "/proc/%d", (int)pid);
	err = slurp(dir, "cgroup", groups, sizeof(groups));
	if (!err)
		err = slurp("/proc/self", "mountinfo", mounts, sizeof(mounts));
	return err ? err : cgroup_place(groups, mounts, g);
}

/* What is killed at its limit is to be judged by what was there just before. */
static bool is_near(const struct mp_event *e)
{
	return e->cgroup.limit != MP_UNKNOWN && e->cgroup.charged >= e->cgroup.limit / 4 * 3;
}

/* Has the folder of the group, or one above it up to below the root, that inode? */
static bool goes_through(struct cgroup_place *g, uint64_t ino)
{
	struct stat st;

	while (strlen(g->dir) > g->top) {
		if (!stat(g->dir, &st) && st.st_ino == ino)
			return true;
		*strrchr(g->dir, '/') = 0;
	}
	return false;
}

bool cgroup_shared(const struct mp_session *s, uint64_t ino)
{
	struct cgroup_place g;

	for (size_t i = 0; i < s->n_t && i < SHARED_MAX && ino; i++)
		if (!s->t[i]->gone && !find(s->t[i]->pid, &g) && goes_through(&g, ino))
			return true;
	return false;
}

void cgroup_poll(struct mp_session *s, struct target *t)
{
	struct mp_event e = { .type = MP_EV_CGROUP, .mm = t->mm };
	struct mp_event more = { .type = MP_EV_CGROUP_MORE, .mm = t->mm };
	uint64_t from = mp_monotonic_ns(), cpu = mp_thread_cpu_ns(), took, every = EVERY_NS;
	struct cgroup_place g;

	if (from < t->next_cgroup && !s->settling)
		return;
	if (!find(t->pid, &g) && !read_figures(&g, &e, &more)) {
		more.ts = e.ts = mp_monotonic_ns();
		more.sub = e.sub = (uint8_t)g.version;
		e.x = stream_str(&s->stream, g.name, e.ts);
		stream_push(&s->stream, &e);
		stream_push(&s->stream, &more);
		every = is_near(&e) ? NEAR_NS : EVERY_NS;
	}
	took = (mp_thread_cpu_ns() - cpu) * COST;
	t->next_cgroup = from + (took > every ? took : every);
}
