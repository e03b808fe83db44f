/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * metrics.h - the figures of groups for Prometheus, as text; and where they are served.
 *
 * Owns: names, units and labels of metrics (the table in metrics.c; docs/fleet.md repeats it),
 * counters that must not fall when a process ends. Must not: know sockets of viewers. Labels
 * are the group's name and words of fixed lists: no pid, path or address, so that the number of
 * series follows from the config alone.
 */
#ifndef MEMPROF_DAEMON_METRICS_H
#define MEMPROF_DAEMON_METRICS_H

#include <stdio.h>

#include "user/daemon/incidents.h"
#include "user/daemon/server.h"
#include "user/daemon/targets.h"

struct dm_metrics;
struct mp_event;
struct mp_model;

int dm_metrics_new(const struct dm_config *c, const struct dm_targets *t, struct dm_metrics **out);
void dm_metrics_free(struct dm_metrics *m);
/* Another config is in force: groups that keep their name keep their counters. 0 or -ENOMEM
 * (then nothing has changed, and c must live on). c and t must outlive m, as in new(). */
int dm_metrics_reload(struct dm_metrics *m, const struct dm_config *c, const struct dm_targets *t);
/* The session is begun anew, with a new model: what the old one has is counted a last time. */
void dm_metrics_renew(struct dm_metrics *m, const struct mp_model *old);
/* Before an event is folded: what is counted by events (collections and their pauses). */
void dm_metrics_event(void *ctx, const struct mp_model *m, const struct mp_event *e);

/* What the daemon knows of itself. */
struct dm_self {
	uint64_t rss, bpf; /* bytes */
	uint64_t cpu_ns;
	uint64_t lost[MP_LOSS_MAX];
	unsigned fill; /* percent: mp_session_fill() */
	struct dm_server_figures server;
	const struct dm_incident_figures *incidents; /* of each group; NULL: not known */
	const struct mp_model *model;
};
/* Where that is to be had. It takes some hundred small files, so it is asked for a page that is
 * made, and for nothing else. What it gives is good until its next call. */
struct dm_look {
	const struct dm_self *(*fn)(void *ctx);
	void *ctx;
};

enum dm_format { DM_PROMETHEUS, DM_OPENMETRICS };
/* Writes a whole page. */
void dm_metrics_write(struct dm_metrics *m, const struct dm_self *self, enum dm_format f,
		      FILE *out);
/* What was lost as a log tells it, the three causes of most in the words of a page: "ring_full 90,
 * busy 7, disk 2, others 1". Returns the sum. */
uint64_t dm_metrics_lost(const uint64_t lost[MP_LOSS_MAX], char *buf, size_t size);
/* Lines with a sample that a page has at most, whatever runs. */
size_t dm_metrics_series_max(size_t groups);

/*
 * The tiny server of one page, GET and HEAD of /metrics (and / : what there is), on loopback
 * or a Unix socket: DM_HTTP_MAX connections at once (the rest wait until one is done), 8 KiB of
 * request, 5 s for it and as much for the answer; never waits for anybody.
 */
#define DM_HTTP_MAX 8
struct dm_http;
/* 0; or -errno with diag: the address is not of loopback or is taken. *out is NULL where the
 * config names none: all calls take that. */
int dm_http_open(const struct dm_config *c, struct dm_metrics *m, struct dm_http **out,
		 struct mp_diag *diag);
void dm_http_close(struct dm_http *h);
/* Readable when dm_http_work() has something to do; -1 without a server. */
int dm_http_fd(const struct dm_http *h);
void dm_http_work(struct dm_http *h, const struct dm_look *look);
/* Cuts off who is slow. now: CLOCK_MONOTONIC ns. Call it about every second or more often. */
void dm_http_tick(struct dm_http *h, uint64_t now);

/*
 * The page as a file for node_exporter's textfile collector, when it is due: whole or not at
 * all (rename in its folder), mode 0644; removed by dm_metrics_free(), as nothing in it is of
 * now any more then. 0 or -errno, which stderr is told once until it works again. now:
 * CLOCK_MONOTONIC ns.
 */
int dm_textfile_tick(struct dm_metrics *m, const struct dm_look *look, uint64_t now);

#endif /* MEMPROF_DAEMON_METRICS_H */
