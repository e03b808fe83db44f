/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * incidents.c - see incidents.h. Between the triggers (watch.h), the session's ring and what
 * becomes of a copy of it (jobs.h).
 *
 * One copy of the ring is made at a time, by the thread that writes it. Where there is no ring
 * on the disk, or it has broken, the past in memory is written instead (copy.h): 64 MiB at most.
 */
#include "user/daemon/incidents.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pwd.h>

#include "user/daemon/copy.h"
#include "user/daemon/jobs.h"
#include "user/daemon/log.h"
#include "user/daemon/runner.h"
#include "user/daemon/store.h"
#include "user/daemon/watch.h"
#include "user/live/session.h"
#include "user/rec/held.h"
#include "user/rec/history.h"
#include "user/rec/shards.h"
#include "user/util/util.h"

#define LOOK_NS	   1000000000ULL  /* between looks whether the folders are there */
#define BOUND_NS   60000000000ULL /* between looks at their size without a reason */
#define CAPTURE_NS 60000000000ULL /* a copy that takes longer is given up, or told of */
#define SELF	   "/proc/self/exe"

/* An incident of a group that waits for its copy. */
struct wish {
	bool is;
	char why[256];
	uint32_t pid;
};

/* What goes on by a group's name, whichever config it is of. */
struct of_group {
	char name[DM_NAME_MAX + 1];
	struct wish wish;
	uint64_t saved, failed, last_wall_ns;
};

struct dm_incidents {
	const struct dm_config *c;
	const struct dm_targets *t;
	struct mp_session *s;
	struct dm_watch *watch;
	struct dm_jobs *jobs;
	struct of_group g[DM_GROUPS_MAX]; /* in the order of the config */
	uint64_t now;
	int copying;		  /* job whose copy is being made, or -1 */
	uint64_t asked, answered; /* copies of the ring's files, by number; those given up, too */
	uint64_t copy_since;
	struct dm_copy *memory; /* ... of the past in memory; NULL: of the ring's files */
	bool slow_told;		/* it takes long */
	char raw[DM_STORE_PATH + DM_STORE_NAME];
	uint64_t next_look, next_bound;
	bool gone_told;
};

/* --- before the session -------------------------------------------------------------------- */

/* Where the session records to. */
static void record_to(const struct dm_config *c, struct mp_output_opts *out, char *path)
{
	out->path = NULL;
	out->fd = -1;
	if (c->memory_ring)
		return;
	snprintf(path, MP_SHARD_PATH, "%s/ring/ring.mprof", c->state);
	out->path = path;
	out->keep_ns = c->keep_ns;
	out->keep_bytes = c->keep_bytes;
	out->hand_over = true;
}

int dm_incidents_prepare(const struct dm_config *c, struct mp_output_opts *out, char *path,
			 struct dm_runner **runner, struct mp_diag *diag)
{
	const struct passwd *p = c->user ? getpwnam(c->user) : NULL;
	uid_t uid = p ? p->pw_uid : (uid_t)-1;
	gid_t gid = p ? p->pw_gid : (gid_t)-1;
	char name[DM_STORE_NAME];
	int err = dm_store_make(c->state, uid, gid, diag);

	if (err)
		return err;
	/* Files belong to the daemon, not to who called sudo. */
	unsetenv("SUDO_UID");
	unsetenv("SUDO_GID");
	err = dm_store_leave(c->state, NULL, time(NULL), dm_store_last(c->state) + 1, name);
	if (err < 0) {
		mp_diag_fmt(diag->what, "what is in %.120s/ring cannot be put aside", c->state);
		return mp_diag_set(diag, err, MP_EXIT_FAILURE, NULL, strerror(-err),
				   "move it elsewhere, or state = another folder");
	}
	record_to(c, out, path);
	return dm_runner_start(c, runner, diag);
}

/* --- counting and telling ------------------------------------------------------------------ */

static struct of_group *of_name(struct dm_incidents *i, const char *group)
{
	for (size_t k = 0; k < DM_GROUPS_MAX; k++)
		if (!strcmp(i->g[k].name, group))
			return &i->g[k];
	return NULL;
}

/* Groups of this config keep what they counted and wait for; what others had is forgotten. */
static void keep_groups(struct dm_incidents *i, const struct dm_config *c)
{
	struct of_group was[DM_GROUPS_MAX];

	memcpy(was, i->g, sizeof(was));
	memset(i->g, 0, sizeof(i->g));
	for (size_t k = 0; k < c->n_groups; k++) {
		snprintf(i->g[k].name, sizeof(i->g[k].name), "%s", c->groups[k].name);
		for (size_t o = 0; o < DM_GROUPS_MAX; o++)
			if (was[o].name[0] && !strcmp(was[o].name, i->g[k].name))
				i->g[k] = was[o];
	}
}

static void failed(struct dm_incidents *i, const char *group, const char *why)
{
	struct of_group *n = of_name(i, group);

	if (n)
		n->failed++;
	dm_log("no incident of %s: %s", group, why);
}

static void over(void *ctx, const char *group, const char *name, const char *why)
{
	struct dm_incidents *i = ctx;
	struct of_group *n = of_name(i, group);

	i->next_bound = 0;
	if (!name) {
		if (*why)
			failed(i, group, why);
		return;
	}
	if (n) {
		n->saved++;
		n->last_wall_ns = (uint64_t)time(NULL) * 1000000000;
	}
	dm_log("incident saved: %s/incidents/%s", i->c->state, name);
}

static int group_of(void *ctx, uint32_t mm)
{
	const struct dm_incidents *i = ctx;
	const struct dm_target *t = dm_targets_of_mm(i->t, mm);

	return t ? t->group : -1;
}

/* --- a copy of the ring -------------------------------------------------------------------- */

static uint32_t *mms_of(const struct dm_incidents *i, int group, size_t *n)
{
	size_t all = dm_targets_n(i->t);
	uint32_t *v = malloc((all + 1) * sizeof(*v));

	*n = 0;
	for (size_t k = 0; v && k < all; k++) {
		const struct dm_target *t = dm_targets_at(i->t, k);

		if (t->group == group)
			v[(*n)++] = t->mm;
	}
	return v;
}

static void from_memory(struct dm_incidents *i, int id)
{
	struct mp_held_list l;
	int err = mp_history_hold(mp_session_history(i->s), &l);

	if (!err)
		err = dm_copy_start(&l, i->raw, &i->memory);
	if (err) {
		dm_jobs_have(i->jobs, id, err);
		return;
	}
	i->copying = id;
	i->copy_since = i->now;
	i->slow_told = false;
}

static void copy(struct dm_incidents *i, int id, const char *why)
{
	int err = -ENODATA;

	if (!i->c->memory_ring && !mp_session_output(i->s)) {
		err = mp_session_capture(i->s, i->asked + 1, why, false);
		err = err ? err : mp_session_output(i->s);
		i->asked += !err;
	}
	if (err) {
		from_memory(i, id);
		return;
	}
	i->copying = id;
	i->copy_since = i->now;
}

static void begin(struct dm_incidents *i, int group)
{
	struct wish w = i->g[group].wish;
	struct dm_job_spec spec = { .group = i->c->groups[group].name,
				    .why = w.why,
				    .pid = w.pid,
				    .ring = i->c->memory_ring ? "memory" : "disk" };
	uint32_t *mms = mms_of(i, group, &spec.n_mms);
	int id;

	i->g[group].wish.is = false;
	spec.mms = mms;
	if (!mms || !spec.n_mms) {
		failed(i, spec.group, mms ? "it has no process" : "out of memory");
		free(mms);
		return;
	}
	id = dm_jobs_begin(i->jobs, &spec, i->raw);
	free(mms);
	if (id == -EAGAIN)
		failed(i, spec.group, "too many are being made");
	else if (id < 0)
		failed(i, spec.group, strerror(-id));
	else
		copy(i, id, w.why);
}

/* As long as it takes: there is nothing else to make an incident of. */
static void take_memory(struct dm_incidents *i)
{
	int err;

	if (dm_copy_over(i->memory, &err)) {
		i->memory = NULL;
		dm_jobs_have(i->jobs, i->copying, err);
		i->copying = -1;
	} else if (!i->slow_told && i->now - i->copy_since > CAPTURE_NS) {
		i->slow_told = true;
		dm_log("%s is slow: a copy of the ring has taken a minute so far", i->c->state);
	}
}

static bool waits_for_files(const struct dm_incidents *i)
{
	return i->copying >= 0 && !i->memory;
}

/* The copy that is waited for is over. One that was given up belongs to no job any more. */
static bool answered(struct dm_incidents *i, char *path, int *err)
{
	uint64_t id;

	if (!mp_session_saved(i->s, &id, path, err))
		return false;
	i->answered = id;
	if (waits_for_files(i) && id == i->asked)
		return true;
	if (!*err)
		unlink(path);
	return false;
}

/* What came of the copy of the ring's files. */
static void take_files(struct dm_incidents *i)
{
	char path[MP_SHARD_PATH];
	int id = i->copying, err;

	if (answered(i, path, &err)) {
		if (!err && rename(path, i->raw)) {
			err = -errno;
			unlink(path);
		}
	} else if (!waits_for_files(i)) {
		return;
	} else if (mp_session_output(i->s) || i->now - i->copy_since > CAPTURE_NS) {
		err = -ETIMEDOUT;
	} else {
		return;
	}
	i->copying = -1;
	if (err)
		from_memory(i, id);
	else
		dm_jobs_have(i->jobs, id, 0);
}

/* --- the folder ---------------------------------------------------------------------------- */

/* Somebody removed the folders under a running daemon. */
static void look(struct dm_incidents *i)
{
	struct mp_diag diag = { .exit_code = 0 };

	if (i->now < i->next_look)
		return;
	i->next_look = i->now + LOOK_NS;
	if (dm_store_there(i->c->state)) {
		i->gone_told = false;
		return;
	}
	if (!dm_store_make(i->c->state, (uid_t)-1, (gid_t)-1, &diag))
		dm_log("the state folder %s was removed; it is there again", i->c->state);
	else if (!i->gone_told)
		dm_log("%s: %s", diag.what, diag.cause);
	i->gone_told = true;
}

static void bound(struct dm_incidents *i)
{
	struct dm_bound b;

	if (i->now < i->next_bound)
		return;
	i->next_bound = i->now + BOUND_NS;
	if (dm_store_bound(i->c->state, i->c->incidents_bytes, &b) || !b.removed)
		return;
	dm_log("%u of the oldest incidents removed, to stay below incidents-size", b.removed);
}

/* --- the whole ----------------------------------------------------------------------------- */

int dm_incidents_new(const struct dm_config *c, const struct dm_targets *t, struct mp_session *s,
		     struct dm_runner *runner, struct dm_incidents **out, struct mp_diag *diag)
{
	struct dm_incidents *i = calloc(1, sizeof(*i));
	int err = i ? 0 : -ENOMEM;

	if (i) {
		i->c = c;
		i->t = t;
		i->s = s;
		i->copying = -1;
		keep_groups(i, c);
		err = dm_watch_new(c, group_of, i, &i->watch);
	}
	if (!err)
		err = dm_jobs_new(c, SELF, runner, over, i, &i->jobs);
	if (err) {
		dm_runner_free(runner);
		dm_incidents_free(i);
		return mp_diag_set(diag, err, MP_EXIT_FAILURE, "out of memory", "", "");
	}
	dm_jobs_resume(i->jobs);
	*out = i;
	return 0;
}

void dm_incidents_free(struct dm_incidents *i)
{
	if (!i)
		return;
	dm_copy_end(i->memory);
	dm_jobs_free(i->jobs);
	dm_watch_free(i->watch);
	free(i);
}

bool dm_incidents_busy(const struct dm_incidents *i)
{
	return i->asked != i->answered && !mp_session_output(i->s);
}

int dm_incidents_anew(struct dm_incidents *i, struct mp_output_opts *out, char *path)
{
	char name[DM_STORE_NAME];
	int err = dm_store_leave(i->c->state, DM_LEFT_ANEW, time(NULL),
				 dm_store_last(i->c->state) + 1, name);

	if (err > 0)
		dm_jobs_take(i->jobs, name);
	i->s = NULL;
	i->answered = i->asked; /* with its session */
	record_to(i->c, out, path);
	return err < 0 ? err : 0;
}

int dm_incidents_session(struct dm_incidents *i, const struct dm_targets *t, struct mp_session *s)
{
	int err = dm_watch_expect(i->watch, i->c);

	if (err)
		return err;
	dm_watch_take(i->watch, true);
	i->s = s;
	i->t = t;
	return 0;
}

int dm_incidents_expect(struct dm_incidents *i, const struct dm_config *c)
{
	return dm_watch_expect(i->watch, c);
}

void dm_incidents_reload(struct dm_incidents *i, const struct dm_config *c,
			 const struct dm_targets *t)
{
	dm_watch_take(i->watch, false);
	keep_groups(i, c);
	dm_jobs_config(i->jobs, c);
	i->c = c;
	i->t = t;
}

static void want(void *ctx, int group, const char *why, uint32_t pid, bool rests)
{
	struct dm_incidents *i = ctx;
	struct wish *w = &i->g[group].wish;

	if (rests)
		dm_log("%s: %s, counted alone: it rests after its last incident",
		       i->c->groups[group].name, why);
	/* One is as good as two: the later, a kill and not what warned of it, but no signal. */
	if (rests || (w->is && !pid))
		return;
	w->is = true;
	w->pid = pid;
	snprintf(w->why, sizeof(w->why), "%s", why);
}

void dm_incidents_all(struct dm_incidents *i, const char *why)
{
	for (size_t g = 0; g < i->c->n_groups; g++) {
		size_t n;

		free(mms_of(i, (int)g, &n));
		if (n)
			want(i, (int)g, why, 0, false);
	}
}

void dm_incidents_tick(struct dm_incidents *i, uint64_t now)
{
	i->now = now;
	look(i);
	dm_watch_tick(i->watch, mp_session_model(i->s), now, want, i);
	if (i->memory)
		take_memory(i);
	take_files(i);
	for (size_t g = 0; g < i->c->n_groups && i->copying < 0; g++)
		if (i->g[g].wish.is)
			begin(i, (int)g);
	dm_jobs_tick(i->jobs, now);
	bound(i);
}

void dm_incidents_figures(const struct dm_incidents *i, int group, struct dm_incident_figures *f)
{
	*f = (struct dm_incident_figures){ .fired = 0 };
	if (group < 0 || (size_t)group >= i->c->n_groups)
		return;
	dm_watch_figures(i->watch, group, &f->fired, &f->rested);
	f->saved = i->g[group].saved;
	f->failed = i->g[group].failed;
	f->last_wall_ns = i->g[group].last_wall_ns;
}
