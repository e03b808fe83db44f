/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * shared.c - pages that RSS has more than once, because several shared mappings of
 * one process show the same page of a file: ZGC maps its heap three times.
 *
 * Of all files it is asked for when a report is made and never kept; of ZGC's heap alone
 * it is counted where figures of RSS arrive. The cost follows the resident runs of such
 * mappings (limits.c has it, too).
 */
#include <errno.h>
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

struct counted {
	uint64_t again, all; /* bytes */
	uint64_t runs;
};

/* All shared mappings, or those of one file. -ENOMEM. */
static int look(const struct mp_proc *p, const struct mp_prints *only, struct counted *c)
{
	struct pieces l = { 0 };
	int err = 0;

	for (const struct mp_mapping *v = p->maps; v && !err; v = v->next) {
		/* what is anonymous to the program has an inode too; hugetlb is in no RSS */
		if (!(v->bits & MP_MAP_SHARED) || !v->ino || (v->bits & MP_MAP_HUGETLB))
			continue;
		if (only && (v->ino != only->zheap_ino || v->dev != only->zheap_dev))
			continue;
		l.of = v;
		c->all += v->resident * MP_PAGE_SIZE;
		err = mp_pageset_runs(p->pages, v->start, v->end - v->start, MP_PGS_RESIDENT,
				      add_run, &l);
	}
	if (!err && l.n)
		qsort(l.v, l.n, sizeof(*l.v), by_place);
	if (!err)
		c->again = counted_again(l.v, l.n);
	c->runs = l.n;
	free(l.v);
	return err ? -ENOMEM : 0;
}

uint64_t mp_proc_multi_mapped(const struct mp_proc *p)
{
	struct counted c = { 0 };

	return !p->maps_known || look(p, NULL, &c) ? MP_UNKNOWN : c.again;
}

uint64_t zheap_count(struct mp_proc *p)
{
	uint64_t was = p->zheap.pages;
	struct counted c = { 0 };

	if (!p->prints.zheap_ino || p->zheap.shmem == p->kind_pages[MP_KIND_SHMEM])
		return 0;
	if (look(p, &p->prints, &c))
		return 0;
	p->zheap.shmem = p->kind_pages[MP_KIND_SHMEM];
	p->zheap.pages = (c.all - c.again) / MP_PAGE_SIZE;
	p->zheap.runs = c.runs;
	return was > p->zheap.pages ? was - p->zheap.pages : 0;
}
