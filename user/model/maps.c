/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * maps.c - the mapping table of a process: kept by calls, replaced by
 * snapshots, each mapping with its class (classes.c) and its resident pages.
 *
 * Invariants, restored by every function here (maps_check in the unit tests):
 *   sorted, disjoint, start < end;
 *   mapping.resident == pages of the set inside it;
 *   cls_pages[c] == sum of resident over mappings of class c;
 *   orphan_pages == pages of the set in no mapping.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/model/internal.h"
#include "user/util/util.h"

#define RWX (MP_MAP_R | MP_MAP_W | MP_MAP_X)

size_t maps_index(const struct mp_proc *p, uint64_t addr)
{
	size_t lo = 0, hi = p->n_maps;

	while (lo < hi) { /* invariant: maps[i].end <= addr for i < lo, > addr for i >= hi */
		size_t mid = lo + (hi - lo) / 2;

		if (p->maps[mid]->end <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct mp_mapping *mp_proc_find(const struct mp_proc *p, uint64_t addr)
{
	size_t i = maps_index(p, addr);

	return i < p->n_maps && p->maps[i]->start <= addr ? p->maps[i] : NULL;
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

/* The class of the mapping at index i, by itself and its neighbours. */
static enum mp_class class_at(const struct mp_proc *p, size_t i)
{
	return class_of(p, i ? p->maps[i - 1] : NULL, p->maps[i],
			i + 1 < p->n_maps ? p->maps[i + 1] : NULL);
}

/* The one place where the resident pages of a mapping change; `n` may be "negative". */
static void count_pages(struct mp_proc *p, struct mp_mapping *v, uint64_t n)
{
	v->resident += n;
	p->cls_pages[v->cls] += n;
	p->kind_pages[mp_map_kind(v)] += n;
}

static void set_class(struct mp_proc *p, struct mp_mapping *v, enum mp_class c)
{
	uint64_t n = v->resident;

	count_pages(p, v, -n);
	v->cls = c;
	count_pages(p, v, n);
}

/* A change at i can change the shape its neighbours are known by. */
static void classify_near(struct mp_proc *p, size_t i)
{
	size_t from = i ? i - 1 : 0;

	for (size_t k = from; k <= i + 2 && k < p->n_maps; k++)
		set_class(p, p->maps[k], class_at(p, k));
}

void maps_classify_all(struct mp_proc *p, const struct mp_model *m)
{
	if (p->loading) /* a state dump tells classes itself */
		return;
	for (size_t i = 0; i < p->n_maps; i++) {
		struct mp_mapping *v = p->maps[i];
		enum mp_class named = class_named(m, v);

		set_class(p, v, named != MP_CLS_MAX ? named : class_at(p, i));
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
}

static int table_add(struct mp_proc *p, size_t i, struct mp_mapping *v)
{
	/* n_maps doubles as the capacity's measure: room is made in steps of 64 */
	if (p->n_maps % 64 == 0) {
		void *t = realloc(p->maps, (p->n_maps + 64) * sizeof(*p->maps));

		if (!t)
			return -ENOMEM;
		p->maps = t;
	}
	memmove(p->maps + i + 1, p->maps + i, (p->n_maps - i) * sizeof(*p->maps));
	p->maps[i] = v;
	p->n_maps++;
	return 0;
}

static void table_del(struct mp_proc *p, size_t i)
{
	struct mp_mapping *v = p->maps[i];

	count_pages(p, v, -v->resident);
	free(v);
	p->n_maps--;
	memmove(p->maps + i, p->maps + i + 1, (p->n_maps - i) * sizeof(*p->maps));
}

/* Cuts the mapping at index i in two at `at`. The counters of its past stay
 * with the lower piece. */
static int split(struct mp_proc *p, size_t i, uint64_t at)
{
	struct mp_mapping *v = p->maps[i], *w;

	if (at <= v->start || at >= v->end)
		return 0;
	w = malloc(sizeof(*w));
	if (!w)
		return -ENOMEM;
	*w = *v;
	w->start = at;
	w->off += v->bits & MP_MAP_FILE ? at - v->start : 0;
	w->faults = w->released = w->refaulted = 0;
	w->resident = 0;
	if (table_add(p, i + 1, w)) {
		free(w);
		return -ENOMEM;
	}
	v->end = at;
	recount(p, v);
	recount(p, w);
	return 0;
}

/* Makes [start, end) a boundary on both sides; index of its first mapping. */
static int carve(struct mp_proc *p, uint64_t start, uint64_t end, size_t *ret_i)
{
	size_t i = maps_index(p, start);
	int err;

	if (i < p->n_maps && p->maps[i]->start < start) {
		err = split(p, i, start);
		if (err)
			return err;
		i++;
	}
	for (size_t k = i; k < p->n_maps && p->maps[k]->start < end; k++) {
		if (p->maps[k]->end > end) {
			err = split(p, k, end);
			if (err)
				return err;
			break;
		}
	}
	*ret_i = i;
	return 0;
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

static void merge_near(struct mp_proc *p, size_t i)
{
	size_t k = i ? i - 1 : 0;

	while (k + 1 < p->n_maps && k <= i) {
		struct mp_mapping *a = p->maps[k], *b = p->maps[k + 1];

		if (!mergeable(p, a, b)) {
			k++;
			continue;
		}
		a->end = b->end;
		a->faults += b->faults;
		a->released += b->released;
		a->refaulted += b->refaulted;
		if (b->last_ts > a->last_ts)
			a->last_ts = b->last_ts;
		table_del(p, k + 1);
		recount(p, a);
		if (i > k)
			i--;
	}
	/* Joined mappings may have a shape that their pieces had not (an arena). */
	if (p->n_maps)
		classify_near(p, i < p->n_maps ? i : p->n_maps - 1);
}

void maps_remove(struct mp_proc *p, uint64_t start, uint64_t end)
{
	size_t i, n = 0;

	if (start >= end || carve(p, start, end, &i))
		return;
	while (i < p->n_maps && p->maps[i]->start < end) {
		table_del(p, i);
		n++;
	}
	if (n && p->n_maps)
		classify_near(p, i < p->n_maps ? i : p->n_maps - 1);
	count_orphans(p);
}

int maps_insert(struct mp_proc *p, uint64_t start, uint64_t end, const struct mp_mapping *like)
{
	struct mp_mapping *v;
	size_t i;
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
	i = maps_index(p, start);
	err = table_add(p, i, v);
	if (err) {
		free(v);
		return err;
	}
	recount(p, v);
	classify_near(p, i);
	merge_near(p, i);
	count_orphans(p);
	return 0;
}

int maps_extend(struct mp_proc *p, uint64_t end, uint64_t new_end)
{
	struct mp_mapping *v;

	maps_remove(p, end, new_end);
	v = mp_proc_find(p, end - 1);
	if (!v || v->end != end)
		return 0;
	v->end = new_end;
	recount(p, v);
	merge_near(p, maps_index(p, end - 1));
	count_orphans(p);
	return 0;
}

int maps_cut(struct mp_proc *p, uint64_t start, uint64_t end)
{
	size_t i;
	int err = carve(p, start, end, &i);

	for (; !err && i < p->n_maps && p->maps[i]->start < end; i++)
		set_class(p, p->maps[i], class_at(p, i));
	return err;
}

int maps_protect(struct mp_proc *p, uint64_t start, uint64_t end, uint32_t rwx)
{
	size_t i, first;
	int err = carve(p, start, end, &first);

	if (err)
		return err;
	for (i = first; i < p->n_maps && p->maps[i]->start < end; i++)
		p->maps[i]->bits = (p->maps[i]->bits & ~(uint32_t)RWX) | rwx;
	for (size_t k = i; k-- > first;) {
		classify_near(p, k);
		merge_near(p, k);
	}
	count_orphans(p);
	return 0;
}

struct mp_mapping *maps_grow_stack(struct mp_proc *p, uint64_t addr, const struct mp_model *m)
{
	size_t i = maps_index(p, addr);
	struct mp_mapping *v = i < p->n_maps ? p->maps[i] : NULL;

	if (!v || v->start <= addr || strcmp(mp_str(m, v->name), "[stack]"))
		return NULL;
	v->start = addr & ~(MP_PAGE_SIZE - 1);
	recount(p, v);
	count_orphans(p);
	return v;
}

void maps_clear(struct mp_proc *p)
{
	while (p->n_maps)
		table_del(p, p->n_maps - 1);
	count_orphans(p);
}

/* What a mapping remembers survives a snapshot: it goes to the new mapping that
 * holds the old one's start. */
static void carry_over(struct mp_proc *p, struct mp_snapshot *s)
{
	size_t k = 0;

	for (size_t i = 0; i < p->n_maps; i++) {
		const struct mp_mapping *o = p->maps[i];

		while (k < s->n && s->v[k]->end <= o->start)
			k++;
		if (k == s->n)
			break;
		if (s->v[k]->start > o->start)
			continue;
		s->v[k]->faults += o->faults;
		s->v[k]->released += o->released;
		s->v[k]->refaulted += o->refaulted;
		if (o->last_ts > s->v[k]->last_ts)
			s->v[k]->last_ts = o->last_ts;
	}
}

/* Pages where nothing is mapped cannot be resident: what events left there is wrong. */
static void clear_gaps(struct mp_proc *p)
{
	uint64_t at = 0;

	for (size_t i = 0; i < p->n_maps; i++) {
		if (p->maps[i]->start > at)
			mp_pageset_clear(p->pages, at, p->maps[i]->start - at, 0);
		at = p->maps[i]->end;
	}
	if (at < 1ULL << 56)
		mp_pageset_clear(p->pages, at, (1ULL << 56) - at, 0);
}

int maps_replace(struct mp_proc *p, struct mp_snapshot *s, const struct mp_model *m)
{
	struct mp_mapping **v = calloc((s->n + 64) / 64 * 64, sizeof(*v));
	int err = 0;

	if (!v)
		return -ENOMEM;
	carry_over(p, s);
	maps_clear(p);
	free(p->maps);
	p->maps = v;
	p->n_maps = s->n;
	if (s->n)
		memcpy(v, s->v, s->n * sizeof(*v));
	s->n = 0; /* the mappings are ours now */
	for (size_t i = 0; i < p->n_maps; i++)
		recount(p, v[i]);
	clear_gaps(p);
	maps_classify_all(p, m);
	for (size_t i = 0; i < p->n_ranges && !p->loading && !err; i++)
		err = maps_cut(p, p->ranges[i].start, p->ranges[i].end);
	count_orphans(p);
	return err;
}

/* --- residency, by mapping --------------------------------------------------------- */

/*
 * Walks [addr, end) piece by piece, a mapping (or a gap, v = NULL) at a time.
 * The counters of a mapping move by what its piece of the set moved.
 */
int pages_set(struct mp_proc *p, uint64_t addr, uint64_t len, struct range_effect *eff)
{
	uint64_t end = addr + len;
	size_t i = maps_index(p, addr);

	while (addr < end) {
		struct mp_mapping *v = i < p->n_maps ? p->maps[i] : NULL;
		bool inside = v && v->start <= addr;
		uint64_t stop = !v ? end : inside ? v->end : v->start;
		uint64_t again = 0;
		int64_t n;

		if (stop > end)
			stop = end;
		if (inside && v->bits & MP_MAP_HUGETLB) {
			addr = stop;
			i++;
			continue;
		}
		n = mp_pageset_set(p->pages, addr, stop - addr, &again);
		if (n < 0)
			return (int)n;
		eff->pages += (uint64_t)n;
		eff->refaulted += again;
		if (inside) {
			count_pages(p, v, (uint64_t)n);
			v->refaulted += again;
			if (v->cls == MP_CLS_HEAP) {
				eff->heap += (uint64_t)n;
				eff->heap_refaulted += again;
			}
			i++;
		} else {
			p->orphan_pages += (uint64_t)n;
		}
		addr = stop;
	}
	return 0;
}

void pages_clear(struct mp_proc *p, uint64_t addr, uint64_t len, int drop, struct range_effect *eff)
{
	uint64_t end = addr + len;
	size_t i = maps_index(p, addr);

	if (end < addr)
		end = ~0ULL;
	while (addr < end) {
		struct mp_mapping *v = i < p->n_maps ? p->maps[i] : NULL;
		bool inside = v && v->start <= addr;
		uint64_t stop = !v ? end : inside ? v->end : v->start;
		uint64_t n;

		if (stop > end)
			stop = end;
		n = (uint64_t)mp_pageset_clear(p->pages, addr, stop - addr, drop);
		eff->pages += n;
		if (inside) {
			count_pages(p, v, -n);
			if (drop)
				v->released += n;
			if (v->cls == MP_CLS_HEAP)
				eff->heap += n;
			i++;
		} else {
			p->orphan_pages -= n;
		}
		addr = stop;
	}
}

uint64_t mp_proc_resident(const struct mp_proc *p, uint64_t start, uint64_t end)
{
	return start < end ? mp_pageset_count(p->pages, start, end - start) : 0;
}
