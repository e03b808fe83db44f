/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * shared.c - pages that RSS has more than once, because several shared mappings of
 * one process show the same page of a file: ZGC maps its heap three times.
 *
 * Asked for when a report is made and never kept: the cost follows the resident
 * runs of such mappings.
 */
#include <stdlib.h>
#include <string.h>

#include "user/model/internal.h"
#include "user/util/util.h"

/* A resident run of a shared mapping, by its place in the file. */
struct piece {
	uint64_t dev, ino, from, to;
};

struct pieces {
	struct piece *v;
	size_t n, cap;
	const struct mp_mapping *of;
};

static int add_run(void *ctx, uint64_t addr, uint64_t len)
{
	struct pieces *l = ctx;
	uint64_t from = l->of->off + (addr - l->of->start);

	if (mp_grow(&l->v, &l->cap, l->n + 1, sizeof(*l->v)))
		return -1;
	l->v[l->n++] = (struct piece){ l->of->dev, l->of->ino, from, from + len };
	return 0;
}

static int by_place(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	return (x->from > y->from) - (x->from < y->from);
}

/* What the pieces, in order, have above what they cover. */
static uint64_t counted_again(const struct piece *v, size_t n)
{
	uint64_t again = 0, covered = 0;

	for (size_t i = 0; i < n; i++) {
		if (!i || v[i].dev != v[i - 1].dev || v[i].ino != v[i - 1].ino)
			covered = 0;
		if (v[i].from < covered)
			again += (v[i].to < covered ? v[i].to : covered) - v[i].from;
		if (v[i].to > covered)
			covered = v[i].to;
	}
	return again;
}

uint64_t mp_proc_multi_mapped(const struct mp_proc *p)
{
	struct pieces l = { 0 };
	uint64_t again = MP_UNKNOWN;
	int err = 0;

	if (!p->maps_known)
		return MP_UNKNOWN;
	for (const struct mp_mapping *v = p->maps; v && !err; v = v->next) {
		/* what is anonymous to the program has an inode too; hugetlb is in no RSS */
		if (!(v->bits & MP_MAP_SHARED) || !v->ino || (v->bits & MP_MAP_HUGETLB))
			continue;
		l.of = v;
		err = mp_pageset_runs(p->pages, v->start, v->end - v->start, MP_PGS_RESIDENT,
				      add_run, &l);
	}
	if (!err) {
		if (l.n)
			qsort(l.v, l.n, sizeof(*l.v), by_place);
		again = counted_again(l.v, l.n);
	}
	free(l.v);
	return again;
}
