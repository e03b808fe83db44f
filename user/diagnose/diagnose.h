/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * diagnose.h - what happened to a process, as findings: a class of incident, the bytes it
 * explains, the evidence, what it is not, and what to do.
 *
 * Owns: the series that rules look at, the facts worked out of them, the rules, the ranking,
 * and what is left unexplained. Must not: change the model, do I/O but to a stream it is
 * given, read a clock: time is the model's. The same events give the same findings, live and
 * from a file.
 *
 *   struct mp_diagnosis *d = mp_diagnosis_new(NULL);
 *   before each event is folded: mp_diagnosis_step(d, model, event)
 *   at any time:                 mp_diagnosis_make(d, model, &opts, &findings)
 */
#ifndef MEMPROF_DIAGNOSE_H
#define MEMPROF_DIAGNOSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "user/model/model.h"

struct mp_term;
struct mp_thresholds;
struct mp_diagnosis;

enum mp_dx_level { MP_DX_INFO = 0, MP_DX_WARN = 1, MP_DX_BAD = 2 };

#define MP_DX_EVIDENCE 20
#define MP_DX_NOTS     8
#define MP_DX_ADVICE   10
#define MP_DX_TEXT     256

/* The unit of a figure: how it is printed, and its "unit" in JSON. */
enum mp_dx_unit {
	MP_DX_BYTES = 0,
	MP_DX_COUNT = 1,
	MP_DX_RATIO = 2,
	MP_DX_SECONDS = 3,
	MP_DX_PER_SECOND = 4,
	MP_DX_BYTES_PER_HOUR = 5,
	MP_DX_WORDS = 6, /* text */
	MP_DX_UNITS = 7,
};

struct mp_dx_row {
	char what[128];
	enum mp_dx_unit unit;
	double v;	       /* unless unit is MP_DX_WORDS             */
	char text[MP_DX_TEXT]; /* MP_DX_WORDS: raw bytes from outside may be in it */
	uint64_t ts;	       /* the moment that shows it, or MP_UNKNOWN */
};

struct mp_finding {
	const char *cls;
	const char *title; /* what the class is, in a few words */
	uint32_t pid;
	uint32_t comm; /* string id */
	enum mp_dx_level level;
	double confidence; /* 0 to 1 */
	uint64_t bytes;	   /* that it explains */
	unsigned where;	   /* ... of which parts of the account: enum dx_where in rules.h */
	uint64_t from, to; /* when, ts */
	char summary[MP_DX_TEXT];
	unsigned n_evidence, n_nots, n_advice;
	struct mp_dx_row evidence[MP_DX_EVIDENCE];
	struct {
		const char *cls;
		char why[MP_DX_TEXT];
	} nots[MP_DX_NOTS];
	const char *advice[MP_DX_ADVICE];
	const char *confirm; /* a command or a step that would prove it, or NULL */
};

/* A class that could neither be found nor ruled out. */
struct mp_withheld {
	const char *cls;
	uint32_t pid;
	char why[MP_DX_TEXT];
};

struct mp_findings {
	uint64_t window; /* ns that were looked at */
	uint64_t from, to;
	size_t n, n_withheld;
	size_t n_procs;	      /* that were judged */
	uint64_t left_out;    /* ... that were not: too many at a time */
	struct mp_finding *v; /* the most bytes first */
	struct mp_withheld *withheld;
	size_t n_there;	      /* ... that were there at the last moment: the sums are of those,
			       * as who never lived together never held so much */
	uint64_t rss;	      /* where they were judged */
	uint64_t live;	      /* ... of which heap in use */
	bool live_known;      /* a heap told what is in use of it */
	uint64_t explained;   /* ... by findings, each byte once */
	uint64_t unexplained; /* rss - live - explained */
};

struct mp_diagnose_opts {
	uint32_t pid;	   /* 0: every process that has a series */
	bool live;	   /* it goes on */
	const char *state; /* "clean", "truncated", "damaged", "live" */
};

/* Thresholds by name: thresholds.h has the list. All have defaults. */
struct mp_thresholds *mp_thresholds_new(void);
void mp_thresholds_free(struct mp_thresholds *t);
/* Lines "name = value", '#' begins a comment. 0, -EINVAL with *line and why[], -EIO. */
int mp_thresholds_read(struct mp_thresholds *t, FILE *f, unsigned *line, char why[160]);
/* All of them as such a file, with what they are for. */
void mp_thresholds_write(const struct mp_thresholds *t, FILE *f);

/* NULL when memory is out. t must live as long; NULL: the defaults. */
struct mp_diagnosis *mp_diagnosis_new(const struct mp_thresholds *t);
void mp_diagnosis_free(struct mp_diagnosis *d);
/*
 * The model as it is before e is folded in. Costs a compare but at the borders of the
 * series' intervals and where an address space ends. 0 or -ENOMEM.
 */
int mp_diagnosis_step(struct mp_diagnosis *d, const struct mp_model *m, const struct mp_event *e);
/* Findings up to the model's now. The caller frees with mp_findings_free(). 0 or -ENOMEM. */
int mp_diagnosis_make(struct mp_diagnosis *d, const struct mp_model *m,
		      const struct mp_diagnose_opts *o, struct mp_findings *out);
void mp_findings_free(struct mp_findings *f);

/* The names of the classes, in the rules' order; NULL behind the last. */
const char *mp_diagnose_class(size_t i);
const char *mp_dx_level_name(enum mp_dx_level level);
const char *mp_dx_unit_name(enum mp_dx_unit unit);
/* A figure for people: "1.46 G", "12.3/s". Returns buf. */
char *mp_dx_value(char *buf, size_t size, enum mp_dx_unit unit, double v);

/* Views. 0 or -errno. */
int mp_findings_text(FILE *f, const struct mp_findings *fs, const struct mp_model *m,
		     const struct mp_diagnose_opts *o, const struct mp_term *term);
int mp_findings_json(FILE *f, const struct mp_findings *fs, const struct mp_model *m,
		     const struct mp_diagnose_opts *o);
/* The classes and what each rule asks for: `memprof diagnose --list`. */
void mp_diagnose_list(FILE *f, const struct mp_thresholds *t);

#endif /* MEMPROF_DIAGNOSE_H */
