/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * metrics.h - the metrics of a process by name, unit and meaning: one table for all
 * that speaks to Prometheus.
 *
 * Owns: names, types, help, labels, how a value is read from the model, and the lines
 * of OpenMetrics 1.0 and of the older text format 0.0.4. Must not: keep values or know
 * time. Names are fixed once shipped.
 * No pid, address or path is a label: a label's values must stay few.
 */
#ifndef MEMPROF_EXPORT_METRICS_H
#define MEMPROF_EXPORT_METRICS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "user/model/model.h"

struct mp_index;

enum mp_metric_type { MP_METRIC_GAUGE, MP_METRIC_COUNTER, MP_METRIC_HISTOGRAM, MP_METRIC_INFO };

#define MP_METRIC_UNKNOWN INT64_MIN

/* Whose a value is, and how those of several processes become one. */
enum mp_metric_of {
	MP_METRIC_SUM,	   /* of a process: adds up                               */
	MP_METRIC_HIGHEST, /* of a process: the highest                           */
	MP_METRIC_CGROUP,  /* of a process's control group: adds up, each once    */
	MP_METRIC_SESSION, /* of the session: p is NULL                           */
};

/* A family: one metric for each of `n` values of its label. */
struct mp_metric {
	const char *name; /* without _total; "..._bytes", "..._seconds" say the unit */
	enum mp_metric_type type;
	const char *unit; /* "bytes"; "seconds", "ratio": values in 1e-9; NULL: a count */
	const char *help;
	const char *label; /* NULL: one metric without it                          */
	unsigned n;
	enum mp_metric_of of;
	/* The label's value; NULL: no such metric. */
	const char *(*value)(unsigned i);
	/* In the unit, or MP_METRIC_UNKNOWN. */
	int64_t (*get)(const struct mp_model *m, const struct mp_proc *p, unsigned i);
};

/* Ended by one without a name. Histograms and infos have no get(). */
extern const struct mp_metric mp_metrics[];
/* Metrics in all: the sum of n. */
unsigned mp_metrics_count(void);
/* Room for a value of each by number, all MP_METRIC_UNKNOWN; to be freed. NULL: no memory. */
int64_t *mp_metric_values(void);

/* Pauses of collections: how many lasted at most so long. */
#define MP_PAUSE_BUCKETS 14
struct mp_pauses {
	uint64_t bucket[MP_PAUSE_BUCKETS]; /* not cumulative; longer ones are in none */
	uint64_t count, sum;		   /* sum: ns                                 */
};
void mp_pauses_add(struct mp_pauses *h, uint64_t ns);

/* A value of a group that has one more process or control group: `of` says how. */
int64_t mp_metric_join(const struct mp_metric *mt, int64_t a, int64_t b);
/*
 * A counter of a group never falls: it grows by what each process counted since it was
 * last asked, so that one may end, or become another program. *last: of the process.
 */
void mp_metric_count(int64_t *total, int64_t *last, int64_t now);
/*
 * The first process of that control group that is asked about for this group of processes?
 * *seen: empty (NULL) when values are taken, to be freed with mp_index_free(). False when
 * memory is out.
 */
bool mp_metric_first(struct mp_index **seen, size_t group, const struct mp_proc *p);

/* Where lines go and in which form. */
struct mp_metric_to {
	FILE *f;
	const char *by; /* the label that says whose: "exe", "group"         */
	bool old;	/* text format 0.0.4, else OpenMetrics 1.0           */
};

/* TYPE, UNIT and HELP. */
void mp_metric_head(const struct mp_metric_to *to, const struct mp_metric *mt);
/*
 * A line: the i-th metric of the family. who: value of the label `by`, NULL = without;
 * ms: the time, CLOCK_REALTIME, 0 = no timestamp. Nothing for what is unknown.
 */
void mp_metric_put(const struct mp_metric_to *to, const struct mp_metric *mt, unsigned i,
		   const char *who, int64_t v, uint64_t ms);
/* All lines of a histogram at one time. */
void mp_metric_put_pauses(const struct mp_metric_to *to, const struct mp_metric *mt,
			  const char *who, const struct mp_pauses *h, uint64_t ms);
void mp_metric_put_info(const struct mp_metric_to *to, const struct mp_metric *mt,
			const char *version, uint64_t ms);
/* The end of the page; a stream that holds less was cut off. */
void mp_metric_eof(const struct mp_metric_to *to);

/* The program that a process runs, without its folder: the value of the label exe. */
const char *mp_metric_exe(const struct mp_model *m, const struct mp_proc *p);

#endif /* MEMPROF_EXPORT_METRICS_H */
