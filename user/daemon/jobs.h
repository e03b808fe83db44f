/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * jobs.h - from the raw copy of a ring to an incident in its place: one step after the other,
 * each in a process of its own, niced, limited and ended when it takes too long.
 *
 * Owns: folders in the making (store.h), the children, what came of each step. Must not: wait,
 * know sessions, read recordings itself.
 *
 *   begin -> (the caller makes FOLDER/raw.mprof, or FOLDER/ring is there) -> have
 *         -> cut -> findings.json -> findings.txt -> profile.pb.gz -> rename -> command
 */
#ifndef MEMPROF_DAEMON_JOBS_H
#define MEMPROF_DAEMON_JOBS_H

#include "user/daemon/config.h"
#include "user/daemon/store.h"

#define DM_JOBS_MAX	16 /* waiting and running; one more is refused */
#define DM_JOB_CHILDREN 2  /* at once */

struct dm_jobs;
struct dm_runner;

struct dm_job_spec {
	const char *group;
	const char *why;
	uint32_t pid;	     /* the process that it is about; 0: none */
	const uint32_t *mms; /* address spaces to keep */
	size_t n_mms;
	const char *ring; /* "disk", "memory": where the raw copy is from */
};

/* Called when a job is over: the incident's name, or NULL and why there is none. */
typedef void dm_job_fn(void *ctx, const char *group, const char *name, const char *failed);

/* `self`: the program whose commands make the steps. The runner is taken over on success; NULL:
 * commands fail. 0 or -ENOMEM. */
int dm_jobs_new(const struct dm_config *c, const char *self, struct dm_runner *runner,
		dm_job_fn *over, void *ctx, struct dm_jobs **out);
/* Ends and reaps the children: their folders stay and are gone on with by the next daemon. */
void dm_jobs_free(struct dm_jobs *j);
void dm_jobs_config(struct dm_jobs *j, const struct dm_config *c);

/* A folder for it: *raw (DM_STORE_PATH + DM_STORE_NAME bytes) is to be made. Its number from 0
 * on; -EAGAIN: too many; -errno. */
int dm_jobs_begin(struct dm_jobs *j, const struct dm_job_spec *spec, char *raw);
/* The raw copy is there, or (err) it could not be made. */
void dm_jobs_have(struct dm_jobs *j, int id, int err);
/* What an earlier daemon left in the making is gone on with, or removed: how many go on. */
unsigned dm_jobs_resume(struct dm_jobs *j);
/* Takes up one such folder, named as it is there, beside what is being made; incidents to come
 * have higher numbers. False: not now, the next daemon will, or it was removed. */
bool dm_jobs_take(struct dm_jobs *j, const char *name);
/* Children that ended or take too long, the next steps. */
void dm_jobs_tick(struct dm_jobs *j, uint64_t now);
unsigned dm_jobs_running(const struct dm_jobs *j); /* that are not over */

#endif /* MEMPROF_DAEMON_JOBS_H */
