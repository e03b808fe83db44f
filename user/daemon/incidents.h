/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * incidents.h - the flight recorder's triggers and what they leave behind.
 *
 * Owns: the triggers of each group, how often they may fire, the folder of incidents and its
 * bound, the child processes that make them. Must not: fold, block the session: what takes long
 * (cutting the recording down to the group, diagnosing it, the command) is done by a child.
 *
 * An incident is a folder STATE/incidents/TIME-GROUP-N/ with recording.mprof (the processes of
 * the group alone, the time the ring held), findings.json, findings.txt, profile.pb.gz (pprof)
 * and incident.json (who, when, which trigger, what came of it). It appears under that name when
 * it is whole (rename). What a daemon before this one left in its ring becomes TIME-CRASH-N, or
 * TIME-STOP-N.
 */
#ifndef MEMPROF_DAEMON_INCIDENTS_H
#define MEMPROF_DAEMON_INCIDENTS_H

#include "user/daemon/config.h"
#include "user/daemon/targets.h"

struct dm_incidents;
struct dm_runner;
struct mp_output_opts;

/*
 * Before the session is opened and privileges are dropped: makes the state folder, puts aside
 * what is in the ring, starts the process that runs commands (runner.h; free
 * it, or hand it to dm_incidents_new()), and says in *out where the session records to. `path`
 * (MP_SHARD_PATH bytes, user/rec/shards.h) must live as long as *out. 0, or -errno with diag.
 */
int dm_incidents_prepare(const struct dm_config *c, struct mp_output_opts *out, char *path,
			 struct dm_runner **runner, struct mp_diag *diag);
/* The runner is taken over, whatever comes of it. */
int dm_incidents_new(const struct dm_config *c, const struct dm_targets *t, struct mp_session *s,
		     struct dm_runner *runner, struct dm_incidents **out, struct mp_diag *diag);
/* Ends children that still work: what they had not finished the next daemon goes on with. */
void dm_incidents_free(struct dm_incidents *i);
/*
 * A session is to take the place of another, which has ended (mp_session_leave()). busy: not now,
 * a copy of its ring's files is being made, and be it for nobody any more: its end would be waited
 * for. anew: puts its ring aside, which becomes an incident,
 * and says in *out where the next records to, as prepare() did; then session(), with which triggers
 * begin anew, and rests, counts, jobs and the runner go on. 0 or -errno.
 */
bool dm_incidents_busy(const struct dm_incidents *i);
int dm_incidents_anew(struct dm_incidents *i, struct mp_output_opts *out, char *path);
int dm_incidents_session(struct dm_incidents *i, const struct dm_targets *t, struct mp_session *s);
/*
 * Another config, or the same with other groups, and its targets. expect: before groups change
 * places, with a config that has those to come; 0, or -ENOMEM: then all is as before. reload: what
 * was expected is in force. What was counted, waits and rests goes on by the groups' names, and so
 * do triggers whose text is the same. The old config is not looked at any more.
 */
int dm_incidents_expect(struct dm_incidents *i, const struct dm_config *c);
void dm_incidents_reload(struct dm_incidents *i, const struct dm_config *c,
			 const struct dm_targets *t);
/* Every tick: triggers, children that ended, the folder's bound. */
void dm_incidents_tick(struct dm_incidents *i, uint64_t now);
/* SIGUSR1: of every group, now. */
void dm_incidents_all(struct dm_incidents *i, const char *why);

struct dm_incident_figures {
	uint64_t fired, rested, saved, failed; /* rested: too soon after the last */
	uint64_t last_wall_ns;
};
void dm_incidents_figures(const struct dm_incidents *i, int group, struct dm_incident_figures *f);

#endif /* MEMPROF_DAEMON_INCIDENTS_H */
