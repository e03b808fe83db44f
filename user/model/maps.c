/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * maps.c - the mapping table of a process: kept by calls, replaced by
 * snapshots, each mapping with its class (classes.c) and its resident pages. Where they
 * are kept is in maptab.c.
 *
 * Invariants, restored by every function here (maps_check in the unit tests):
 *   sorted, disjoint, start < end;
 *   mapping.resident == pages of the set inside it;
 *   cls_pages[c] == sum of resident over mappings of class c;
 *   orphan_pages == pages of the set in no mapping;
 *   mapping.anon == pages of file_anon that are resident, of a private file mapping;
 *   file_anon_pages == sum of them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/model/internal.h"
#include "user/model/maptab.h"
#include "user/util/util.h"

#define RWX (MP_MAP_R | MP_MAP_W | MP_MAP_X)

struct mp_mapping *mp_proc_find(const struct mp_proc *p, uint64_t addr)
{
	struct mp_mapping *v = maptab_above(p, addr);

	return v && v->start <= addr ? v : NULL;
}

enum mp_kind mp_map_kind(const struct mp_mapping *v)
{
	bool shared = v->bits & MP_MAP_SHARED;

	if (v->bits & MP_MAP_SHMEM)
		return shared ? MP_KIND_SHMEM : MP_KIND_SHMEM_PRIVATE;
	if (v->cls == MP_CLS_SPECIAL) /* [vdso] counts as file */
		return MP_KIND_UNTOLD;
	if (!(v->bits & MP_MAP_FILE))
		return MP_KIND_ANON;
	if (!v->ino)
		return MP_KIND_UNTOLD;
	return shared ? MP_KIND_FILE : MP_KIND_FILE_PRIVATE;
}

/* --- classes ------------------------------------------------------------------- */

/* The one place where the resident pages of a mapping change; `n` may be "negative". */
static void count_pages(struct mp_proc *p, struct mp_mapping *v, uint64_t n)
{
	v->resident += n;
	p->cls_pages[v->cls] += n;
	p->kind_pages[mp_map_kind(v)] += n;
}

static void count_lazy(struct mp_proc *p, struct mp_mapping *v, uint64_t n)
{
	v->lazy += n;
	p->cls_lazy[v->cls] += n;
}

static void set_class(struct mp_proc *p, struct mp_mapping *v, enum mp_class c)
{
	uint64_t n = v->resident, lazy = v->lazy;

	count_pages(p, v, -n);
	count_lazy(p, v, -lazy);
	p->cls_maps[v->cls]--;
	v->cls = c;
	p->cls_maps[c]++;
	count_pages(p, v, n);
	count_lazy(p, v, lazy);
}

/* By itself and its neighbours. */
static void classify(struct mp_proc *p, struct mp_mapping *v)
{
	set_class(p, v, class_of(p, v->prev, v, v->next));
}

/* A change of v can change the shape its neighbours are known by. */
static void classify_near(struct mp_proc *p, struct mp_mapping *v)
{
	struct mp_mapping *k = v->prev ? v->prev : v;
	int behind = 0;

	for (; k && behind <= 2; k = k->next) {
		classify(p, k);
		behind += k == v || behind;
	}
}

void maps_classify_all(struct mp_proc *p, const struct mp_model *m)
{
	if (p->loading) /* a state dump tells classes itself */
		return;
	classes_learn(p, m);
	for (struct mp_mapping *v = p->maps; v; v = v->next) {
		enum mp_class named = class_named(p, m, v);

		if (named != MP_CLS_MAX)
			set_class(p, v, named);
		else
			classify(p, v);
	}
}

/* --- the table -------------------------------------------------------------------- */

static void count_orphans(struct mp_proc *p)
{
	uint64_t known = 0;

	for (int c = 0; c < MP_CLS_MAX; c++)
		known += p->cls_pages[c];
	p->orphan_pages = mp_pageset_total(p->pages) - known;
}

static void recount(struct mp_proc *p, struct mp_mapping *v)
{
	uint64_t len = v->end - v->start;

	if (v->bits & MP_MAP_HUGETLB) /* in no counter of RSS, so not in the set */
		mp_pageset_clear(p->pages, v->start, len, 0);
	count_pages(p, v, mp_pageset_count(p->pages, v->start, len) - v->resident);
	count_lazy(p, v, mp_pageset_count_lazy(p->pages, v->start, len) - v->lazy);
	anon_moved(p, v, v->anon, anon_resident(p, v, v->start, v->end));
}

static void table_del(struct mp_proc *p, struct mp_mapping *v)
{
	count_pages(p, v, -v->resident);
	count_lazy(p, v, -v->lazy);
	anon_moved(p, v, v->anon, 0);
	maptab_del(p, v);
	free(v);
}

/* Cuts a mapping in two at `at`; the upper piece is v->next. The counters of its
 * past stay with the lower piece. The smaller one's pages are counted. */
static int split(struct mp_proc *p, struct mp_mapping *v, uint64_t at)
{
	uint64_t all = v->resident, upper, upper_anon;
	struct mp_mapping *w;

	if (at <= v->start || at >= v->end)
		return 0;
	w = malloc(sizeof(*w));
	if (!w)
		return -ENOMEM;
	if (at - v->start < v->end - at)
		upper = all - mp_pageset_count(p->pages, v->start, at - v->start);
	else
		upper = mp_pageset_count(p->pages, at, v->end - at);
	upper_anon = anon_resident(p, v, at, v->end);
	*w = *v;
	w->start = at;
	w->off += v->bits & MP_MAP_FILE ? at - v->start : 0;
	w->faults = w->released = w->refaulted = 0;
	memset(w->fk, 0, sizeof(w->fk));
	w->resident = w->lazy = w->anon = 0;
	if (maptab_add(p, w)) {
		free(w);
		return -ENOMEM;
	}
	v->end = at;
	count_pages(p, v, -upper);
	count_pages(p, w, upper);
	upper = v->lazy ? mp_pageset_count_lazy(p->pages, at, w->end - at) : 0;
	count_lazy(p, v, -upper);
	count_lazy(p, w, upper);
	anon_moved(p, v, upper_anon, 0);
	anon_moved(p, w, 0, upper_anon);
	return 0;
}

/* Makes [start, end) a boundary on both sides; *first is the first mapping that
 * ends above start, inside or behind it, or NULL. */
static int carve(struct mp_proc *p, uint64_t start, uint64_t end, struct mp_mapping **first)
{
	struct mp_mapping *v = maptab_above(p, start), *last;
	int err = 0;

	if (v && v->start < start) {
		err = split(p, v, start);
		v = v->next;
	}
	last = err || start >= end ? NULL : maptab_above(p, end - 1);
	if (last && last->start < end)
		err = split(p, last, end);
	*first = v;
	return err;
}

/* The kernel joins neighbours that differ in nothing (vma_merge); so do we, or
 * the table would not look like /proc/PID/maps. */
static bool mergeable(const struct mp_proc *p, const struct mp_mapping *a,
		      const struct mp_mapping *b)
{
	if (a->end != b->start || a->bits != b->bits || a->name != b->name)
		return false;
	/* Classes that the shape alone does not give back after joining. */
	if ((a->cls == MP_CLS_BRK) != (b->cls == MP_CLS_BRK) ||
	    (a->cls == MP_CLS_SPECIAL) != (b->cls == MP_CLS_SPECIAL) ||
	    class_in_heap_range(p, a) != class_in_heap_range(p, b))
		return false;
	/* Of a file the next part, and not another mapping of it. */
	return !(a->bits & MP_MAP_FILE) ||
	       (a->ino == b->ino && a->dev == b->dev && b->off == a->off + (a->end - a->start));
}

/* v takes in the mapping that follows it. */
static void join_next(struct mp_proc *p, struct mp_mapping *v)
{
	struct mp_mapping *b = v->next;
	uint64_t pages = b->resident, lazy = b->lazy, copies = b->anon;

	v->end = b->end;
	v->faults += b->faults;
	v->released += b->released;
	v->refaulted += b->refaulted;
	for (int k = 0; k < MP_FK_MAX; k++)
		v->fk[k] += b->fk[k];
	if (b->last_ts > v->last_ts)
		v->last_ts = b->last_ts;
	table_del(p, b);
	count_pages(p, v, pages);
	count_lazy(p, v, lazy);
	anon_moved(p, v, 0, copies);
}

/* Joins v with its neighbours where they differ in nothing; the mapping it is now. */
static struct mp_mapping *merge_near(struct mp_proc *p, struct mp_mapping *v)
{
	if (v->prev && mergeable(p, v->prev, v)) {
		v = v->prev;
		join_next(p, v);
	}
	while (v->next && mergeable(p, v, v->next))
		join_next(p, v);
	/* Joined mappings may have a shape that their pieces had not (an arena). */
	classify_near(p, v);
	return v;
}

void maps_recount(struct mp_proc *p, uint64_t start, uint64_t end)
{
	for (struct mp_mapping *v = maptab_above(p, start); v && v->start < end; v = v->next)
		recount(p, v);
	count_orphans(p);
}

void maps_remove(struct mp_proc *p, uint64_t start, uint64_t end)
{
	struct mp_mapping *v, *before;
	size_t n = p->n_maps;

	if (start >= end || carve(p, start, end, &v))
		return;
	n = p->n_maps;
	before = v ? v->prev : NULL;
	while (v && v->start < end) {
		struct mp_mapping *next = v->next;

		table_del(p, v);
		v = next;
	}
	if (p->n_maps < n && (v || before))
		classify_near(p, v ? v : before);
	count_orphans(p);
}

int maps_insert(struct mp_proc *p, uint64_t start, uint64_t end, const struct mp_mapping *like)
{
	struct mp_mapping *v;
	int err;

	if (start >= end)
		return -EINVAL;
	maps_remove(p, start, end);
	v = calloc(1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	v->start = start;
	v->end = end;
	v->bits = like->bits;
	v->name = like->name;
	v->off = like->off;
	v->ino = like->ino;
	v->dev = like->dev;
	v->cls = like->cls;
	err = maptab_add(p, v);
	if (err) {
		free(v);
		return err;
	}
	recount(p, v);
	classify_near(p, v);
	merge_near(p, v);
	count_orphans(p);
	return 0;
}

int maps_extend(struct mp_proc *p, uint64_t end, uint64_t new_end)
{
	struct mp_mapping *v;

	maps_remove(p, end, new_end);
	v = mp_proc_find(p, end - 1);
	if (!v || v->end != end || new_end <= end)
		return 0;
	v->end = new_end;
	count_pages(p, v, mp_pageset_count(p->pages, end, new_end - end));
	count_lazy(p, v, mp_pageset_count_lazy(p->pages, end, new_end - end));
	anon_moved(p, v, 0, anon_resident(p, v, end, new_end));
	merge_near(p, v);
	count_orphans(p);
	return 0;
}

int maps_cut(struct mp_proc *p, uint64_t start, uint64_t end)
{
	struct mp_mapping *v;
	int err = carve(p, start, end, &v);

	for (; !err && v && v->start < end; v = v->next)
		classify(p, v);
	return err;
}

int maps_protect(struct mp_proc *p, uint64_t start, uint64_t end, uint32_t rwx)
{
	struct mp_mapping *v, *last = NULL;
	int err = carve(p, start, end, &v);

	if (err)
		return err;
	for (; v && v->start < end; v = v->next) {
		v->bits = (v->bits & ~(uint32_t)RWX) | rwx;
		last = v;
	}
	/* From above. One that took in its lower neighbour is looked at again. */
	v = last;
	while (v && v->start >= start) {
		uint64_t was = v->start;

		classify_near(p, v);
		v = merge_near(p, v);
		if (v->start == was)
			v = v->prev;
	}
	count_orphans(p);
	return 0;
}

struct mp_mapping *maps_grow_stack(struct mp_proc *p, uint64_t addr, const struct mp_model *m)
{
	struct mp_mapping *v = maptab_above(p, addr);

	if (!v || v->start <= addr || strcmp(mp_str(m, v->name), "[stack]"))
		return NULL;
	addr &= ~(MP_PAGE_SIZE - 1);
	if (v->prev && addr < v->prev->end)
		return NULL;
	maptab_lower(p, v, addr);
	recount(p, v);
	count_orphans(p);
	return v;
}

void maps_clear(struct mp_proc *p)
{
	maptab_clear(p);
	memset(p->cls_maps, 0, sizeof(p->cls_maps));
	memset(p->cls_pages, 0, sizeof(p->cls_pages));
	memset(p->kind_pages, 0, sizeof(p->kind_pages));
	memset(p->cls_lazy, 0, sizeof(p->cls_lazy));
	p->file_anon_pages = 0;
	count_orphans(p);
}

/* What a mapping remembers survives a snapshot: it goes to the new mapping that
 * holds the old one's start. */
static void carry_over(struct mp_proc *p, struct mp_snapshot *s)
{
	size_t k = 0;

	for (const struct mp_mapping *o = p->maps; o; o = o->next) {
		while (k < s->n && s->v[k]->end <= o->start)
			k++;
		if (k == s->n)
			break;
		if (s->v[k]->start > o->start)
			continue;
		s->v[k]->faults += o->faults;
		s->v[k]->released += o->released;
		s->v[k]->refaulted += o->refaulted;
		for (int f = 0; f < MP_FK_MAX; f++)
			s->v[k]->fk[f] += o->fk[f];
		if (o->last_ts > s->v[k]->last_ts)
			s->v[k]->last_ts = o->last_ts;
	}
}

static void gap(struct mp_proc *p, uint64_t start, uint64_t end)
{
	mp_pageset_absent(p->pages, start, end - start, NULL);
	mp_pageset_absent(p->file_anon, start, end - start, NULL);
}

/* Pages where nothing is mapped cannot be resident: what events left there is wrong. */
static void clear_gaps(struct mp_proc *p)
{
	uint64_t at = 0;

	for (const struct mp_mapping *v = p->maps; v; v = v->next) {
		if (v->start > at)
			gap(p, at, v->start);
		at = v->end;
	}
	if (at < 1ULL << 56)
		gap(p, at, 1ULL << 56);
}

int maps_replace(struct mp_proc *p, struct mp_snapshot *s, const struct mp_model *m)
{
	int err = 0;

	carry_over(p, s);
	maps_clear(p);
	for (size_t i = 0; i < s->n && !err; i++) {
		err = maptab_add(p, s->v[i]);
		if (err)
			break;
		recount(p, s->v[i]);
		s->v[i] = NULL; /* ours now */
	}
	clear_gaps(p);
	maps_classify_all(p, m);
	for (size_t i = 0; i < p->n_ranges && !p->loading && !err; i++)
		err = maps_cut(p, p->ranges[i].start, p->ranges[i].end);
	count_orphans(p);
	return err;
}

/* --- residency, by mapping --------------------------------------------------------- */

/* The lazy pages of v (NULL: of no mapping) that came and went. */
static void lazy_moved(struct mp_proc *p, struct mp_mapping *v, const struct mp_pages_did *did)
{
	if (v && (did->lazy_on || did->lazy_off))
		count_lazy(p, v, did->lazy_on - did->lazy_off);
}

void pages_came(struct mp_proc *p, struct mp_mapping *v, uint64_t n)
{
	count_pages(p, v, n);
}

/* n pages of a piece of v (NULL: of no mapping) came in. */
static void came_in(struct mp_proc *p, struct mp_mapping *v, uint64_t n, struct range_effect *eff)
{
	eff->pages += n;
	if (!v) {
		p->orphan_pages += n;
		return;
	}
	if (n)
		count_pages(p, v, n);
	if (v->cls == MP_CLS_HEAP)
		eff->heap += n;
}

/* ... and of what had been given up there. */
static void came_back(struct mp_mapping *v, const struct pages_ctx *c, struct range_effect *eff)
{
	eff->refaulted += c->refaulted;
	if (!v)
		return;
	v->refaulted += c->refaulted;
	if (v->cls != MP_CLS_HEAP)
		return;
	eff->heap_refaulted += c->refaulted;
	eff->heap_taken += c->taken - c->untaken;
}

/* The counters of a mapping move by what its piece of the set moved. */
static int set_pages(struct mp_proc *p, struct mp_mapping *v, uint64_t addr, uint64_t end,
		     struct range_effect *eff)
{
	bool found = eff->e && eff->e->type == MP_EV_PAGES;
	struct pages_ctx c = { .p = p, .e = eff->e };
	struct mp_pages_did did = { .fn = release_again, .ctx = &c };
	uint64_t copies = anon_resident(p, v, addr, end);
	int64_t n;

	n = found ? mp_pageset_found(p->pages, addr, end - addr, &did)
		  : mp_pageset_touch(p->pages, addr, end - addr, &did);
	if (n < 0)
		return (int)n;
	lazy_moved(p, v, &did);
	came_in(p, v, (uint64_t)n, eff);
	came_back(v, &c, eff);
	if (v)
		anon_moved(p, v, copies, anon_resident(p, v, addr, end));
	return 0;
}

int pages_set_in(struct mp_proc *p, struct mp_mapping *v, uint64_t addr, uint64_t end,
		 struct range_effect *eff)
{
	int64_t n = -1;

	if (v && v->bits & MP_MAP_HUGETLB)
		return 0;
	if (!may_be_copies(p, v)) /* a scan finds what a touch brings, where nothing is given up */
		n = mp_pageset_touch_plain(p->pages, addr, end - addr);
	if (n < 0)
		return set_pages(p, v, addr, end, eff);
	came_in(p, v, (uint64_t)n, eff);
	return 0;
}

/* Walks [addr, end) piece by piece, a mapping (or a gap, v = NULL) at a time. */
int pages_set(struct mp_proc *p, uint64_t addr, uint64_t len, struct range_effect *eff)
{
	uint64_t end = addr + len;
	struct mp_mapping *v = maptab_above(p, addr);
	int err = 0;

	while (addr < end && !err) {
		bool inside = v && v->start <= addr;
		uint64_t stop = !v ? end : inside ? v->end : v->start;

		if (stop > end)
			stop = end;
		err = pages_set_in(p, inside ? v : NULL, addr, stop, eff);
		v = inside ? v->next : v;
		addr = stop;
	}
	return err;
}

/* As which of the counters the pages of a mapping most likely were counted. */
static unsigned counted_as(const struct mp_mapping *v)
{
	if (v->bits & MP_MAP_SHMEM)
		return 2;
	return v->bits & MP_MAP_FILE ? 1 : 0;
}

/* Counts of a mapping's piece of which n pages left. */
static void went_out(struct mp_proc *p, struct mp_mapping *v, uint64_t n, enum pages_leave how,
		     const struct pages_ctx *c, struct range_effect *eff)
{
	count_pages(p, v, -n);
	if (how == PAGES_DROPPED)
		v->released += n;
	eff->kind[counted_as(v)] += n;
	if (v->cls != MP_CLS_HEAP)
		return;
	eff->heap += n;
	eff->heap_taken += c->taken;
}

void pages_clear(struct mp_proc *p, uint64_t addr, uint64_t len, enum pages_leave how,
		 struct range_effect *eff)
{
	uint64_t end = addr + len;
	struct mp_mapping *v = maptab_above(p, addr);

	if (end < addr)
		end = ~0ULL;
	while (addr < end) {
		bool inside = v && v->start <= addr;
		uint64_t stop = !v ? end : inside ? v->end : v->start;
		struct pages_ctx c = { .p = p, .e = eff->e };
		struct mp_pages_did did = { .fn = eff->e ? release_taken : NULL, .ctx = &c };
		uint64_t n, copies;

		if (stop > end)
			stop = end;
		copies = inside && v->anon ? anon_resident(p, v, addr, stop) : 0;
		n = (uint64_t)(how == PAGES_ABSENT
				       ? mp_pageset_absent(p->pages, addr, stop - addr, &did)
				       : mp_pageset_drop(p->pages, addr, stop - addr, eff->tag,
							 how == PAGES_UNMAPPED, &did));
		eff->pages += n;
		lazy_moved(p, inside ? v : NULL, &did);
		if (inside) {
			went_out(p, v, n, how, &c, eff);
			anon_moved(p, v, copies, 0);
			v = v->next;
		} else {
			p->orphan_pages -= n;
			eff->kind[0] += n;
		}
		addr = stop;
	}
}

uint64_t pages_lazy(struct mp_proc *p, uint64_t addr, uint64_t len, uint64_t tag)
{
	struct mp_mapping *v = maptab_above(p, addr);
	uint64_t end = addr + len, n = 0;

	for (; v && v->start < end; v = v->next) {
		uint64_t from = v->start > addr ? v->start : addr;
		uint64_t stop = v->end < end ? v->end : end;
		struct mp_pages_did did = { 0 };

		if (v->bits & (MP_MAP_FILE | MP_MAP_SHMEM | MP_MAP_SHARED))
			continue;
		n += (uint64_t)mp_pageset_lazy(p->pages, from, stop - from, tag, &did);
		lazy_moved(p, v, &did);
	}
	return n;
}

void pages_unlazy(struct mp_proc *p)
{
	mp_pageset_unlazy(p->pages, 0, 1ULL << 63, NULL);
	for (struct mp_mapping *v = maptab_above(p, 0); v; v = v->next)
		count_lazy(p, v, -v->lazy);
}

uint64_t mp_proc_resident(const struct mp_proc *p, uint64_t start, uint64_t end)
{
	return start < end ? mp_pageset_count(p->pages, start, end - start) : 0;
}
