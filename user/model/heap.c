/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * heap.c - the fold of heap events: counters, spaces, collections, ranges.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/model/internal.h"
#include "user/util/util.h"

static struct mp_heap *heap_of(struct mp_model *m, struct mp_proc *p, unsigned src)
{
	struct mp_heap *h;

	if (!src || src >= MP_SRC_MAX)
		return NULL;
	h = &p->heaps[src];
	if (!h->present) {
		h->present = true;
		/* A runtime is known now, and with it what its mappings are. */
		maps_classify_all(p, m);
	}
	return h;
}

/* Bytes a heap may claim; beyond that the claim is damage and is not taken. */
#define HEAP_MAX (1ULL << 52)

static void take(uint64_t *dst, uint64_t v)
{
	if (v <= HEAP_MAX)
		*dst = v;
}

static void heap_note(struct mp_heap *h, uint64_t ts)
{
	h->ts = ts;
	range_note(&h->r_used, h->used);
	range_note(&h->r_committed, h->committed);
	range_note(&h->r_external, h->external);
}

int fold_heap(struct mp_model *m, struct mp_proc *p, const struct mp_event *e)
{
	struct mp_heap *h = heap_of(m, p, e->sub);

	if (!h)
		return 0;
	take(&h->used, e->heap.used);
	take(&h->committed, e->heap.committed);
	take(&h->external, e->heap.external);
	take(&h->arrays, e->heap.arrays);
	take(&h->limit, e->heap.limit);
	take(&h->goal, e->heap.goal);
	take(&h->live, e->heap.live);
	heap_note(h, e->ts);
	proc_settle(p);
	return 0;
}

int fold_space(struct mp_proc *p, const struct mp_event *e)
{
	struct mp_heap *h;
	struct mp_space *s = NULL;

	if (!e->sub || e->sub >= MP_SRC_MAX)
		return 0;
	h = &p->heaps[e->sub];
	for (unsigned i = 0; i < h->n_spaces && !s; i++)
		if (h->spaces[i].name == e->space.name)
			s = &h->spaces[i];
	if (!s) {
		if (h->n_spaces == MP_SPACES_MAX)
			return 0;
		s = &h->spaces[h->n_spaces++];
		s->name = (uint32_t)e->space.name;
	}
	s->used = e->space.used;
	s->committed = e->space.committed;
	s->resident = e->space.resident;
	return 0;
}

static void count_gc(struct mp_proc *p, const struct mp_event *e)
{
	struct mp_point *pt = tl_now(p);
	bool minor = e->sub == MP_GC_MINOR;

	p->gc_pause += e->gc.pause == MP_UNKNOWN ? 0 : e->gc.pause;
	if (minor)
		p->gc_minor++;
	else
		p->gc_major++;
	if (!pt)
		return;
	if (minor)
		pt->gc_minor++;
	else
		pt->gc_major++;
	pt->gc_pause += e->gc.pause == MP_UNKNOWN ? 0 : e->gc.pause;
}

/* Room for one more; the oldest half goes when the list is full. */
static int gcs_room(struct mp_proc *p)
{
	size_t drop = MP_GC_MAX / 2;

	if (p->n_gcs == MP_GC_MAX) {
		memmove(p->gcs, p->gcs + drop, (p->n_gcs - drop) * sizeof(*p->gcs));
		p->n_gcs -= drop;
		p->gc_dropped += drop;
		p->gc_unpaid = p->gc_unpaid > drop ? p->gc_unpaid - drop : 0;
		p->gc_paid = p->gc_paid > drop ? p->gc_paid - drop : 0;
	}
	if ((p->n_gcs & (p->n_gcs - 1)) == 0) { /* 0 and powers of two: grow */
		size_t cap = p->n_gcs ? p->n_gcs * 2 : 1;
		void *t = realloc(p->gcs, cap * sizeof(*p->gcs));

		if (!t)
			return -ENOMEM;
		p->gcs = t;
	}
	return 0;
}

int fold_gc(struct mp_model *m, struct mp_proc *p, const struct mp_event *e)
{
	struct mp_heap *h = heap_of(m, p, e->gc.source);
	struct mp_gc *g;
	int err = gcs_room(p);

	if (err)
		return err;
	count_gc(p, e);
	g = &p->gcs[p->n_gcs++];
	memset(g, 0, sizeof(*g));
	g->ts = e->ts;
	g->start = e->gc.start;
	g->pause = e->gc.pause;
	g->before = e->gc.before;
	g->after = e->gc.after;
	g->cbefore = e->gc.cbefore;
	g->cafter = e->gc.cafter;
	g->reason = e->gc.reason;
	g->kind = e->sub;
	g->source = (uint8_t)e->gc.source;
	if (g->before <= HEAP_MAX && g->before > g->after)
		g->freed = g->before - g->after;
	if (h) {
		take(&h->used, e->gc.after);
		take(&h->committed, e->gc.cafter);
		if (e->sub != MP_GC_MINOR)
			take(&h->live, e->gc.after);
		heap_note(h, e->ts);
	}
	pair_collection(p, g);
	proc_settle(p);
	return 0;
}

static bool known_range(const struct mp_proc *p, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < p->n_ranges; i++)
		if (p->ranges[i].start == start && p->ranges[i].end == end)
			return true;
	return false;
}

static int range_add(struct mp_proc *p, const struct mp_event *e)
{
	uint64_t start = e->range.addr, end = start + e->range.len;
	void *t;

	if (!e->range.len || !range_ok(start, e->range.len) || !on_pages(start, e->range.len))
		return -EINVAL;
	if (known_range(p, start, end))
		return 0;
	t = realloc(p->ranges, (p->n_ranges + 1) * sizeof(*p->ranges));
	if (!t)
		return -ENOMEM;
	p->ranges = t;
	p->ranges[p->n_ranges].start = start;
	p->ranges[p->n_ranges].end = end;
	p->ranges[p->n_ranges++].source = (uint8_t)e->range.source;
	return 0;
}

static void range_del(struct mp_proc *p, const struct mp_event *e)
{
	for (size_t i = 0; i < p->n_ranges; i++) {
		if (p->ranges[i].start != e->range.addr)
			continue;
		memmove(p->ranges + i, p->ranges + i + 1,
			(p->n_ranges - i - 1) * sizeof(*p->ranges));
		p->n_ranges--;
		return;
	}
}

/* Commits and releases are the collector's word; what they did to pages the
 * kernel's events tell. Only the ranges change the state here. */
int fold_range(struct mp_model *m, struct mp_proc *p, const struct mp_event *e)
{
	int err = 0;

	if (e->sub == MP_HEAP_RESERVE)
		err = range_add(p, e);
	else if (e->sub == MP_HEAP_UNRESERVE)
		range_del(p, e);
	else
		return 0;
	if (!err && e->sub == MP_HEAP_RESERVE && !p->loading)
		err = maps_cut(p, e->range.addr, e->range.addr + e->range.len);
	maps_classify_all(p, m);
	return err;
}

const struct mp_heap *mp_proc_heap(const struct mp_proc *p, enum mp_heap_source *src)
{
	for (unsigned s = 1; s < MP_SRC_MAX; s++) {
		if (!p->heaps[s].present)
			continue;
		if (src)
			*src = (enum mp_heap_source)s;
		return &p->heaps[s];
	}
	return NULL;
}
