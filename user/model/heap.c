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

/* A figure of a source that tells all it has: what it does not know now nobody knows. One
 * that tells some of them leaves the others as they are. */
static void put(uint64_t *dst, uint64_t v, bool some)
{
	if (v == MP_UNKNOWN && !some)
		*dst = v;
	else
		take(dst, v);
}

static void figure_note(struct mp_range *r, uint64_t v)
{
	range_note(r, v);
	r->end = v; /* one that is not known any more has no end */
}

static void ranges_note(struct mp_heap *h, uint64_t ts)
{
	h->ts = ts;
	figure_note(&h->r_used, h->used);
	figure_note(&h->r_committed, h->committed);
	figure_note(&h->r_external, h->external);
}

static uint64_t sum_all(uint64_t a, uint64_t b)
{
	return a == MP_UNKNOWN || b == MP_UNKNOWN ? MP_UNKNOWN : a + b;
}

static uint64_t sum_known(uint64_t a, uint64_t b)
{
	return a == MP_UNKNOWN ? b : b == MP_UNKNOWN ? a : a + b;
}

/* The pages of all heaps are one class, so what they say has to be one figure, too. */
static void sum_up(struct mp_proc *p, uint64_t ts)
{
	struct mp_heap *all = &p->all_heaps;

	p->n_figures = 0;
	for (unsigned s = 1; s < MP_SRC_MAX; s++) {
		const struct mp_heap *h = &p->heaps[s];
		bool first = !p->n_figures;

		if (!h->present || h->used == MP_UNKNOWN)
			continue;
		p->n_figures++;
		all->present = true;
		all->used = first ? h->used : all->used + h->used;
		all->committed = first ? h->committed : sum_all(all->committed, h->committed);
		all->limit = first ? h->limit : sum_all(all->limit, h->limit);
		all->goal = first ? h->goal : sum_all(all->goal, h->goal);
		all->live = first ? h->live : sum_all(all->live, h->live);
		all->external = first ? h->external : sum_known(all->external, h->external);
		all->arrays = first ? h->arrays : sum_known(all->arrays, h->arrays);
	}
	if (p->n_figures)
		ranges_note(all, ts);
}

static void heap_note(struct mp_proc *p, struct mp_heap *h, uint64_t ts)
{
	ranges_note(h, ts);
	sum_up(p, ts);
}

int fold_heap(struct mp_model *m, struct mp_proc *p, const struct mp_event *e)
{
	struct mp_heap *h = heap_of(m, p, e->sub);
	bool some = e->flags & MP_HEAP_SOME;

	if (!h)
		return 0;
	put(&h->used, e->heap.used, some);
	put(&h->committed, e->heap.committed, some);
	put(&h->external, e->heap.external, some);
	put(&h->arrays, e->heap.arrays, some);
	put(&h->limit, e->heap.limit, some);
	put(&h->goal, e->heap.goal, some);
	put(&h->live, e->heap.live, some);
	heap_note(p, h, e->ts);
	p->gap &= (uint8_t)~GAP_HEAP;
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
	uint64_t pause = e->gc.pause == MP_UNKNOWN ? 0 : e->gc.pause;
	bool minor = e->sub == MP_GC_MINOR, other = e->sub == MP_GC_OTHER;
	bool apart = other && pt && !(pt->bits & MP_PT_MIXED);

	p->gc_pause += pause;
	if (minor)
		p->gc_minor++;
	else if (other && p->gc_other != MP_UNKNOWN)
		p->gc_other++;
	else
		p->gc_major++;
	if (!pt)
		return;
	pt->gc_minor += minor;
	pt->gc_other += apart;
	pt->gc_major += !minor && !apart;
	pt->gc_pause += pause;
	pt->gc_pause_major += minor ? 0 : pause;
	if (pt->gc_pause_max < pause)
		pt->gc_pause_max = pause;
	tiers_pause(p, pause);
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

static uint64_t freed_alone(const struct mp_gc *g)
{
	return g->before <= HEAP_MAX && g->before > g->after ? g->before - g->after : 0;
}

/* Collections looked at; a state dump keeps more (GCS_KEPT), so that a replay does the same. */
#define WITHIN_MAX 64

/*
 * What it freed: before - after. A collection that runs beside the program may have others
 * in it that report themselves (a young one within a major cycle of generational ZGC, G1's
 * pauses within a concurrent cycle): what those freed is in its figures too, and is taken
 * off, so that no byte is owed twice. What the program took meanwhile hides as much of it.
 */
static uint64_t freed_by(const struct mp_proc *p, const struct mp_gc *g)
{
	uint64_t freed = freed_alone(g);

	for (size_t i = p->n_gcs - 1; i-- && freed && p->gcs[i].ts > g->start;) {
		const struct mp_gc *in = &p->gcs[i];

		if (p->n_gcs - i > WITHIN_MAX)
			break;
		if (in->source != g->source || in->start < g->start)
			continue;
		freed -= in->freed < freed ? in->freed : freed;
	}
	return freed;
}

int fold_gc(struct mp_model *m, struct mp_proc *p, const struct mp_event *e)
{
	struct mp_heap *h = heap_of(m, p, e->gc.source);
	struct mp_gc *g;
	int err = gcs_room(p);

	if (err)
		return err;
	count_gc(p, e);
	p->gc_marked |= !!(e->flags & MP_GC_MARKED);
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
	/* of one of several heaps: others' collections at the same time are of other bytes */
	g->freed = e->flags & MP_GC_PART ? freed_alone(g) : freed_by(p, g);
	if (h && !(e->flags & MP_GC_PART)) {
		take(&h->used, e->gc.after);
		take(&h->committed, e->gc.cafter);
		if (e->sub == MP_GC_MAJOR || e->sub == MP_GC_COMPACT)
			take(&h->live, e->gc.after);
		if (e->gc.after != MP_UNKNOWN || e->gc.cafter != MP_UNKNOWN)
			heap_note(p, h, e->ts);
	}
	pair_collection(p, g);
	proc_settle(p);
	return 0;
}

#define RANGES_MAX 4096u /* every mapping is compared with each */

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
	if (known_range(p, start, end) || p->n_ranges == RANGES_MAX)
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

/* The source with the most committed; one with figures before one without. 0: none. */
static unsigned main_source(const struct mp_proc *p)
{
	unsigned best = 0;

	for (unsigned s = 1; s < MP_SRC_MAX; s++) {
		const struct mp_heap *h = &p->heaps[s], *b = &p->heaps[best];
		bool tells = h->used != MP_UNKNOWN;

		if (!h->present)
			continue;
		if (!best || (tells && b->used == MP_UNKNOWN) ||
		    (tells && h->committed != MP_UNKNOWN &&
		     (b->committed == MP_UNKNOWN || h->committed > b->committed)))
			best = s;
	}
	return best;
}

const struct mp_heap *mp_proc_heap(const struct mp_proc *p, enum mp_heap_source *src)
{
	unsigned s = main_source(p);

	if (!s)
		return NULL;
	if (src)
		*src = (enum mp_heap_source)s;
	return p->n_figures > 1 ? &p->all_heaps : &p->heaps[s];
}

uint64_t mp_gc_told(const struct mp_gc *g, uint64_t v)
{
	return g->before == MP_UNKNOWN || g->after == MP_UNKNOWN ? MP_UNKNOWN : v;
}

bool mp_proc_sized(const struct mp_proc *p)
{
	bool any = false;

	for (unsigned s = 1; s < MP_SRC_MAX; s++) {
		if (p->heaps[s].present && p->heaps[s].used != MP_UNKNOWN)
			return true;
		any |= p->heaps[s].present;
	}
	return !any;
}
