/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * csv.h - the tables that csv.c writes: what a row is of, and its columns.
 *
 * Owns: the shape of a table. For csv.c and csv_tables.c only.
 */
#ifndef MEMPROF_EXPORT_CSV_H
#define MEMPROF_EXPORT_CSV_H

#include "user/export/export.h"
#include "user/view/event.h"

/* Sources that a row's figures may come from. */
enum csv_has {
	CSV_RSS = 1 << 0,  /* without it nothing that needs it is known    */
	CSV_HEAP = 1 << 1, /* without these a 0 is not known               */
	CSV_GC = 1 << 2,
	CSV_MAPS = 1 << 3,
	CSV_FAULTS = 1 << 4,
	CSV_CALLS = 1 << 5,
	CSV_WHOLE = 1 << 6, /* no block was unreadable: else sums are not known */
	CSV_FULL = 1 << 7,  /* of a point: what its summary did not always tell */
	CSV_KINDS = 1 << 8, /* ... collections of other kinds apart       */
};

struct csv_row {
	struct mp_export *x;
	const struct mp_model *m;
	const struct mp_proc *p; /* whose row it is; NULL: nobody's         */
	const void *base;	 /* the struct of the table                 */
	uint64_t ts;		 /* its instant                             */
	unsigned has;		 /* enum csv_has                            */
};

/* A column is a field of the row's struct, or a number, or text worked out. */
struct csv_col {
	struct mp_field_row f;
	unsigned needs; /* enum csv_has */
	uint64_t (*num)(const struct csv_row *r);
	const char *(*text)(const struct csv_row *r, char *buf, size_t size);
};

struct csv_table {
	const char *name;
	const struct csv_col *cols;		 /* ended by one without a key */
	bool (*event)(const struct mp_event *e); /* a row for each such event, or: */
	/* at the end, for each process: calls csv_put() for each row */
	void (*rows)(struct csv_row *r);
};

/* Ended by one without a name. The first is the default. */
extern const struct csv_table csv_tables[];

/* Sources that tell of a process. */
unsigned csv_sources(const struct mp_model *m, const struct mp_proc *p);
/* Writes a row of the table that is being exported. */
void csv_put(const struct csv_row *r);

#define CSV_TEXT_MAX 8192 /* bytes of a text that is worked out */

#endif /* MEMPROF_EXPORT_CSV_H */
