/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * targets.c - see targets.h: who is taken, by the session's question and by looking at /proc;
 * whose each one is.
 *
 * The kernel side takes by rules that ask too little, and children; every one of those is
 * judged here by what /proc says before anything is told of it. What calls no exec (it ran
 * before the daemon, it changed its user or its group) is found by going through /proc. All
 * of this has a budget for each tick, and takes longer when there is more of it.
 */
#include "user/daemon/targets.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/daemon/targets_int.h"
#include "user/util/util.h"

#define SLICE_EVERY 50000000ULL	 /* ns between slices of both, by time and not by call */
#define SCAN_NS	    1000000ULL	 /* CPU time of one for going through /proc */
#define OWNERS_NS   1000000ULL	 /* ... and for looking at owners */
#define OWNER_EVERY 100000000ULL /* ns between two looks at one owner, if the time suffices */

/* --- who is taken
 * --------------------------------------------------------------------------------- */

/* who: as it was before anything else of it was read. */
static bool take(struct dm_targets *t, pid_t pid, const struct dm_identity *who, uint32_t mm,
		 int group, bool inherited, struct entry **out)
{
	struct dm_target n = {
		.mm = mm, .pid = pid, .group = group, .who = *who, .since = mp_monotonic_ns()
	};
	struct entry *e;

	dm_owner_read(pid, who->start, &n.owner); /* what cannot be read is root's alone to see */
	e = dm_table_add(t, &n);
	if (!e) {
		t->refused++;
		return false;
	}
	e->inherited = inherited;
	if (out)
		*out = e;
	return true;
}

static bool full(struct dm_targets *t)
{
	if (t->live < t->c->max_targets)
		return false;
	t->refused++;
	return true;
}

/* The group of a process that no rule takes: its parent's, or its own of before an exec. */
static int group_of(const struct dm_targets *t, const struct entry *from)
{
	int g = from ? from->t.group : -1;

	return g >= 0 && t->c->groups[g].children ? g : -1;
}

/* Of one that ended before it could be asked: the group of the first rule that took it and
 * that the kernel side knows all of. */
static int group_by_kernel(const struct dm_targets *t, uint64_t rules)
{
	for (int i = 0; i < 64 && rules != UINT64_MAX; i++)
		if (rules >> i & 1 && t->of[i].exact)
			return t->of[i].group;
	return -1;
}

static bool came(void *ctx, pid_t pid, uint32_t mm, uint32_t from, uint64_t rules)
{
	struct dm_targets *t = ctx;
	const struct entry *parent = from ? dm_table_of_mm(t, from) : NULL;
	struct entry *was = dm_table_of_pid(t, pid);
	struct dm_identity who;
	struct dm_facts f;
	int err = dm_identity_read(pid, &who);
	int g, own;

	if (!err)
		err = dm_facts_read(pid, &f);
	own = g = err ? group_by_kernel(t, rules) : dm_match(t->c, &f);
	if (g < 0)
		g = group_of(t, parent);
	if (g < 0) {
		t->unknown += err != 0;
		t->unwanted += !err;
		return false;
	}
	if (was && was->t.mm == mm) { /* found by a look before its exec was told */
		was->t.group = g;
		return true;
	}
	if (was) /* exec: one in the place of another */
		dm_table_gone(t, was, mp_monotonic_ns());
	return !full(t) && take(t, pid, &who, mm, g, own < 0, NULL);
}

static void went(void *ctx, uint32_t mm)
{
	struct dm_targets *t = ctx;
	struct entry *e = dm_table_of_mm(t, mm);

	if (e)
		dm_table_gone(t, e, mp_monotonic_ns());
}

/* One that runs already: `parents`, it may be the child of a target. */
static void consider(struct dm_targets *t, pid_t pid)
{
	struct entry *e = NULL;
	struct dm_identity who;
	struct dm_facts f;
	uint32_t mm;
	int g, own, err;

	if (dm_table_of_pid(t, pid) || dm_facts_read(pid, &f))
		return;
	own = g = dm_match(t->c, &f);
	if (g < 0 && t->parents)
		g = group_of(t, dm_table_of_pid(t, dm_parent_of(pid)));
	if (g < 0 || full(t) || dm_identity_read(pid, &who))
		return;
	err = mp_session_watch(t->s, pid, &mm);
	if ((err && err != -EEXIST) || dm_table_of_pid(t, pid)) /* it came while we asked */
		return;
	if (take(t, pid, &who, mm, g, own < 0, &e))
		e->descend = true;
	else
		mp_session_unwatch(t->s, mm);
}

/* --- going through /proc
 * ---------------------------------------------------------------------------- */

/* Children of a target are told by its forks; those from before it was found are not. */
static bool any_descend(const struct dm_targets *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i]->descend && !t->v[i]->t.gone)
			return true;
	return false;
}

static void scan_begin(struct dm_targets *t, uint64_t now)
{
	t->proc = opendir("/proc");
	t->next_scan = now + t->c->scan_ns;
	t->parents = t->c->hooks.none || any_descend(t);
	for (size_t i = 0; i < t->n; i++)
		t->v[i]->descend = false;
}

/* Until the end or until so much CPU time was used. True: at the end. */
static bool scan_on(struct dm_targets *t, uint64_t until)
{
	const struct dirent *d;

	while (mp_thread_cpu_ns() < until) {
		d = readdir(t->proc);
		if (!d) {
			closedir(t->proc);
			t->proc = NULL;
			return true;
		}
		if (isdigit((unsigned char)d->d_name[0]))
			consider(t, (pid_t)atoi(d->d_name));
	}
	return false;
}

static void scan(struct dm_targets *t, uint64_t now)
{
	if (!t->proc && now >= t->next_scan)
		scan_begin(t, now);
	if (t->proc)
		scan_on(t, mp_thread_cpu_ns() + SCAN_NS);
}

/* All of it, as often as it finds the parents of more. */
static void scan_all(struct dm_targets *t)
{
	do {
		scan_begin(t, mp_monotonic_ns());
		if (t->proc)
			scan_on(t, UINT64_MAX);
	} while (any_descend(t));
}

/* --- owners
 * ------------------------------------------------------------------------------------------ */

/* False: it went, and nothing told of it (its end was lost); what has its number is no target. */
static bool look(struct dm_targets *t, struct entry *e, uint64_t now)
{
	if (dm_table_look(t, e, now))
		return true;
	mp_session_unwatch(t->s, e->t.mm);
	return false;
}

/* Ids change without an exec: whoever may no longer see it is to be told nothing more. */
static void owners(struct dm_targets *t, uint64_t now)
{
	uint64_t until = mp_thread_cpu_ns() + OWNERS_NS;

	if (!t->owner_from && now < t->owners_ns + OWNER_EVERY)
		return;
	if (!t->owner_from)
		t->owners_ns = now;
	while (t->owner_from < t->n && mp_thread_cpu_ns() < until) {
		struct entry *e = t->v[t->owner_from++];

		if (!e->t.gone)
			look(t, e, now);
	}
	if (t->owner_from >= t->n)
		t->owner_from = 0;
}

/* --- the rest
 * ----------------------------------------------------------------------------------------- */

static int set_rules(struct dm_targets *t)
{
	struct mp_exec_rule *r = calloc(DM_EXEC_RULES, sizeof(*r));
	struct dm_exec_of *of = calloc(DM_EXEC_RULES, sizeof(*of));
	size_t n = r && of ? dm_exec_rules(t->c, r, of, DM_EXEC_RULES) : 0;
	int err = r && of ? mp_session_set_rules(t->s, r, n) : -ENOMEM;

	memset(t->of, 0, sizeof(t->of));
	for (size_t i = 0; i < n && i < 64; i++)
		t->of[i] = of[i];
	if (n > 64) /* several share the bit */
		t->of[63].exact = false;
	free(r);
	free(of);
	return err == -EOPNOTSUPP ? 0 : err; /* without hooks, by looks alone */
}

int dm_targets_new(const struct dm_config *c, struct mp_session *s, struct dm_targets **out)
{
	struct dm_targets *t = calloc(1, sizeof(*t));
	struct mp_target_fns fns = { .came = came, .went = went, .ctx = t };
	int err;

	if (!t)
		return -ENOMEM;
	t->c = c;
	t->s = s;
	mp_session_targets(s, &fns);
	err = set_rules(t);
	if (err) {
		dm_targets_free(t);
		return err;
	}
	scan_all(t);
	*out = t;
	return 0;
}

void dm_targets_free(struct dm_targets *t)
{
	struct mp_target_fns none = { .ctx = NULL };

	if (!t)
		return;
	mp_session_targets(t->s, &none);
	if (t->proc)
		closedir(t->proc);
	dm_table_free(t);
	free(t);
}

/* The group of that name in the new list, or -1. */
static int same_name(const struct dm_config *c, const struct dm_group *old, int g)
{
	for (size_t i = 0; g >= 0 && i < c->n_groups; i++)
		if (!strcmp(c->groups[i].name, old[g].name))
			return (int)i;
	return -1;
}

int dm_targets_reload(struct dm_targets *t, const struct dm_group *old)
{
	int err = set_rules(t);

	for (size_t i = 0; i < t->n; i++) {
		struct entry *e = t->v[i];
		int was = same_name(t->c, old, e->t.group), g = -1;
		struct dm_facts f;

		if (!e->t.gone && look(t, e, mp_monotonic_ns()) && !dm_facts_read(e->t.pid, &f))
			g = dm_match(t->c, &f);
		if (g < 0 && was >= 0 &&
		    (e->t.gone || (e->inherited && t->c->groups[was].children)))
			g = was;
		e->t.group = g;
		if (g < 0 && !e->t.gone)
			mp_session_unwatch(t->s, e->t.mm);
	}
	t->next_scan = 0;
	return err;
}

void dm_targets_tick(struct dm_targets *t, uint64_t now)
{
	size_t max_gone = 4 * (size_t)t->c->max_targets;

	if (now >= t->next_slice) {
		t->next_slice = now + SLICE_EVERY;
		owners(t, now);
		scan(t, now);
	}
	if (t->n - t->live)
		dm_table_forget(t, now > t->c->gone_ns ? now - t->c->gone_ns : 0, max_gone);
}

void dm_targets_figures(const struct dm_targets *t, struct dm_targets_figures *f)
{
	*f = (struct dm_targets_figures){ .live = t->live,
					  .gone = t->n - t->live,
					  .refused = t->refused,
					  .unwanted = t->unwanted,
					  .unknown = t->unknown };
}
