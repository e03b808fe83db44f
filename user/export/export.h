/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * export.h - recordings in the formats of other programs.
 *
 * Owns: the table of formats and how one is fed. Must not: open files, fold, read
 * /proc or a clock. An exporter sees each event before and after it was folded,
 * and the model at the end, and writes to one stream.
 */
#ifndef MEMPROF_EXPORT_H
#define MEMPROF_EXPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "user/model/model.h"
#include "user/view/report.h"

struct mp_export {
	FILE *f;			   /* where it goes                      */
	const struct mp_report_info *info; /* of the recording, final at end()   */
	uint32_t pid;			   /* one process; 0 = all, or the first
					    * where a format has room for one    */
	uint64_t max_bytes;		   /* an aim; 0 = none                   */
	uint64_t interval;		   /* ns between samples; 0 = the format's own */
	const char *table;		   /* which table; NULL = the format's first   */
	bool overflow;			   /* end(): max_bytes was reached and
					    * what is less important left out    */
	void *priv;			   /* the exporter's own, freed by end() */
};

/*
 * A format. begin() may be NULL, as may before() and after(), which are called
 * around the fold of every event, those of keyframes after damage included. end() is
 * always called after a begin() that returned 0, also when an error ended the
 * reading (err != 0: only free). All return 0 or -errno; a failed write shows in
 * ferror(x->f) and need not be told otherwise.
 */
struct mp_exporter {
	const char *name;   /* --format */
	const char *suffix; /* of files without -o: "perfetto-trace" */
	const char *doc;
	bool binary; /* not for terminals */
	int (*begin)(struct mp_export *x);
	int (*before)(struct mp_export *x, const struct mp_model *m, const struct mp_event *e);
	int (*after)(struct mp_export *x, const struct mp_model *m, const struct mp_event *e);
	int (*end)(struct mp_export *x, const struct mp_model *m, int err);
	/* --schema: what the output consists of, for programs; may be NULL */
	int (*schema)(FILE *f, const char *table);
	/* --table: the names of those there are, ended by NULL; may be NULL */
	const char *const *tables;
};

/* The formats, ended by a row without a name: user/export/export.c. */
extern const struct mp_exporter *const mp_exporters[];
const struct mp_exporter *mp_exporter_find(const char *name);

#endif /* MEMPROF_EXPORT_H */
