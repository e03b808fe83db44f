/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * overview.c - the events of summaries back to timelines.
 *
 * A series is one tier of one process, points of equal width as in a timeline;
 * when it has too many it becomes coarser. Time in which nothing changed has no
 * points: levels go on. What comes from a file may be anything: points out of
 * order, or of a group without its first, are passed over.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/model/index.h"
#include "user/model/internal.h"
#include "user/model/tiers.h"
#include "user/model/tiers_int.h"
#include "user/util/util.h"

#define GC_WORDS (sizeof(struct mp_gc) / sizeof(uint64_t))

struct series {
	uint32_t tgid;
	unsigned tier;
	uint64_t start, width; /* ns */
	size_t n, cap, max;
	struct mp_point *p;
	struct mp_gc *gcs; /* tier 0: collections, the first of number gc0 */
	uint32_t gc0;
	size_t n_gcs, cap_gcs;
};

/* The points of a row of a block, as they come together. */
struct row {
	struct mp_point p;
	uint64_t told; /* fields, a bit each */
	bool open;
};

struct mp_overview {
	unsigned finest;
	struct series *s;
	size_t n, cap;
	struct mp_index *index; /* tgid << 2 | tier */
	struct row *row;
	size_t n_row, cap_row;
	size_t points; /* room for points and collections of all series, and the series */
};

/* Of all series together, about 500 MB: what a file tells beyond that is passed over. */
#define POINTS_MAX (3u << 19)

static bool is_full(const struct mp_overview *o)
{
	return o->points >= POINTS_MAX;
}

struct mp_overview *mp_overview_new(unsigned finest)
{
	struct mp_overview *o = calloc(1, sizeof(*o));

	if (o)
		o->finest = finest;
	return o;
}

void mp_overview_free(struct mp_overview *o)
{
	if (!o)
		return;
	for (size_t i = 0; i < o->n; i++) {
		free(o->s[i].p);
		free(o->s[i].gcs);
	}
	free(o->s);
	mp_index_free(o->index);
	free(o->row);
	free(o);
}

static struct series *find(const struct mp_overview *o, uint32_t tgid, unsigned tier)
{
	size_t i = mp_index_find(o->index, (uint64_t)tgid << 2 | tier);

	return i == MP_INDEX_NONE ? NULL : &o->s[i];
}

static struct series *get(struct mp_overview *o, uint32_t tgid, unsigned tier)
{
	struct series *s = find(o, tgid, tier);

	if (s || is_full(o))
		return s;
	if (mp_grow(&o->s, &o->cap, o->n + 1, sizeof(*o->s)) ||
	    mp_index_add(&o->index, (uint64_t)tgid << 2 | tier, o->n))
		return NULL;
	s = &o->s[o->n++];
	o->points++;
	memset(s, 0, sizeof(*s));
	s->tgid = tgid;
	s->tier = tier;
	s->width = mp_tier_width(tier);
	s->max = tier == o->finest ? 2 * MP_TL_MAX : 2 * MP_TL_OTHERS;
	return s;
}

/* --- points of a series --------------------------------------------------------------- */

static uint64_t slot_of(const struct series *s, uint64_t ts)
{
	return (ts - s->start) / s->width;
}

static void widen(struct series *s)
{
	size_t n = 0;

	s->width *= 2;
	for (size_t i = 0; i < s->n; i++) {
		uint64_t ts = s->start + slot_of(s, s->p[i].ts) * s->width;

		if (n && s->p[n - 1].ts == ts) {
			tl_join(&s->p[n - 1], &s->p[i]);
			continue;
		}
		s->p[n] = s->p[i];
		s->p[n++].ts = ts;
	}
	s->n = n;
}

static int series_put(struct series *s, const struct mp_point *pt)
{
	uint64_t ts;

	if (!s->n)
		s->start = pt->ts;
	if (pt->ts < s->start || (s->n && pt->ts < s->p[s->n - 1].ts))
		return 0;
	while (s->n == s->max)
		widen(s);
	ts = s->start + slot_of(s, pt->ts) * s->width;
	if (s->n && s->p[s->n - 1].ts == ts) {
		tl_join(&s->p[s->n - 1], pt);
		return 0;
	}
	if (mp_grow(&s->p, &s->cap, s->n + 1, sizeof(*s->p)))
		return -ENOMEM;
	s->p[s->n] = *pt;
	s->p[s->n++].ts = ts;
	return 0;
}

/* --- a block ----------------------------------------------------------------------------- */

static void from_wire(struct mp_point *p, size_t i, uint64_t v)
{
	switch (tier_fields[i].kind) {
	case TIER_NONE:
		return;
	case TIER_MIN:
	case TIER_MAX:
		if (v == MP_UNKNOWN) {
			p->rss_min = INT64_MAX;
			p->rss_max = 0;
			return;
		}
		/* fall through */
	case TIER_BAND:
		v = v >> 1 ^ (v & 1 ? ~0ULL : 0);
		break;
	case TIER_TOLD:
		v--;
		break;
	default:
		break;
	}
	tier_put(p, i, v);
}

/* The row's point that this event is about, or NULL. */
static struct row *row_of(struct mp_overview *o, const struct mp_event *e)
{
	size_t lo = 0, hi = o->n_row;

	if (e->x == 0) {
		if (e->ts >> 62 || (hi && e->ts <= o->row[hi - 1].p.ts) ||
		    mp_grow(&o->row, &o->cap_row, hi + 1, sizeof(*o->row)))
			return NULL;
		memset(&o->row[hi], 0, sizeof(*o->row));
		o->row[hi].p.ts = e->ts;
		o->row[hi].p.limit = o->row[hi].p.charged = o->row[hi].p.cg_limit = MP_UNKNOWN;
		o->row[hi].p.bits = (e->flags & TIER_FULL ? 0 : MP_PT_OLD) |
				    (e->flags & TIER_GAP ? MP_PT_GAP : 0) |
				    (e->flags & TIER_OTHER ? 0 : MP_PT_MIXED);
		o->row[hi].open = e->flags & TIER_OPEN;
		return &o->row[o->n_row++];
	}
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (o->row[mid].p.ts < e->ts)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < o->n_row && o->row[lo].p.ts == e->ts ? &o->row[lo] : NULL;
}

static void put_event(struct mp_overview *o, const struct mp_event *e)
{
	struct row *r = row_of(o, e);

	for (size_t i = 0; r && i < TIER_EACH && e->x < TIER_FIELDS - i; i++) {
		from_wire(&r->p, e->x + i, e->v[i]);
		r->told |= 1ULL << (e->x + i);
	}
}

/* Levels that a point does not tell are those of the point before. */
static int end_row(struct mp_overview *o, uint32_t tgid, unsigned tier, bool last)
{
	struct series *s = get(o, tgid, tier);
	int err = s || is_full(o) ? 0 : -ENOMEM;

	for (size_t i = 0; i < o->n_row && s && !is_full(o) && !err; i++) {
		struct row *r = &o->row[i];
		size_t cap = s->cap;

		for (size_t f = 0; f < TIER_FIELDS && i; f++)
			if (tier_fields[f].kind && tier_fields[f].kind < TIER_SUM32 &&
			    !(r->told >> f & 1))
				tier_put(&r->p, f, tier_get(&o->row[i - 1].p, f));
		if (!r->open || last)
			err = series_put(s, &r->p);
		o->points += s->cap - cap;
	}
	o->n_row = 0;
	return err;
}

/* Collections are numbered; one that is told again, and one after a gap, begin anew. */
static int put_gc(struct mp_overview *o, const struct mp_event *e)
{
	struct series *s = get(o, e->tid, 0);
	size_t at = e->x & 0xff, n = GC_WORDS - at < 7 ? GC_WORDS - at : 7;
	uint32_t no = e->x >> 8, ahead;

	if (!s)
		return is_full(o) ? 0 : -ENOMEM;
	if (at >= GC_WORDS || is_full(o))
		return 0;
	if (at == 0) {
		ahead = (no - s->gc0) & 0xffffff;
		s->n_gcs = ahead <= s->n_gcs ? ahead : 0;
		if (!s->n_gcs)
			s->gc0 = no;
		if (s->n_gcs == 2 * MP_GC_MAX) { /* more than anybody keeps */
			memmove(s->gcs, s->gcs + MP_GC_MAX, MP_GC_MAX * sizeof(*s->gcs));
			s->gc0 = (s->gc0 + MP_GC_MAX) & 0xffffff;
			s->n_gcs = MP_GC_MAX;
		}
		o->points -= s->cap_gcs;
		if (mp_grow(&s->gcs, &s->cap_gcs, s->n_gcs + 1, sizeof(*s->gcs)))
			return -ENOMEM;
		o->points += s->cap_gcs;
		memset(&s->gcs[s->n_gcs++], 0, sizeof(*s->gcs));
	}
	if (s->n_gcs)
		memcpy((uint64_t *)&s->gcs[s->n_gcs - 1] + at, e->v, n * sizeof(uint64_t));
	return 0;
}

int mp_overview_add(struct mp_overview *o, const struct mp_event *ev, size_t n, bool last)
{
	int err = 0;

	for (size_t i = 0, end; i < n && !err; i = end) {
		const struct mp_event *e = &ev[i];

		end = i + 1;
		if (e->type == MP_EV_TOTAL && e->sub == MP_TOTAL_GC)
			err = put_gc(o, e);
		if (e->type != MP_EV_POINT || !mp_tier_width(e->sub) || e->sub < o->finest)
			continue;
		put_event(o, e);
		for (; end < n && ev[end].type == MP_EV_POINT && ev[end].tid == e->tid &&
		       ev[end].sub == e->sub;
		     end++)
			put_event(o, &ev[end]);
		err = end_row(o, e->tid, e->sub, last);
	}
	return err;
}

/* --- into a model ------------------------------------------------------------------------ */

/* Points of this process and not of one that had its number before or after. */
static bool is_of(const struct mp_proc *p, const struct series *s, const struct mp_point *pt)
{
	return pt->ts + s->width > p->start_ts && (!p->exited || pt->ts <= p->exit_ts);
}

static int give_timeline(struct mp_proc *p, const struct series *s)
{
	struct mp_timeline *tl = &p->tl;
	uint64_t width = s->width;
	size_t first = 0, end = s->n;

	while (first < end && !is_of(p, s, &s->p[first]))
		first++;
	while (end > first && !is_of(p, s, &s->p[end - 1]))
		end--;
	if (first == end || !tl->max)
		return 0;
	while ((s->p[end - 1].ts - s->p[first].ts) / width >= tl->max)
		width *= 2;
	free(tl->p);
	*tl = (struct mp_timeline){ .start = s->p[first].ts, .width = width, .max = tl->max };
	tl->p = calloc(tl->max, sizeof(*tl->p));
	if (!tl->p)
		return -ENOMEM;
	for (size_t i = first; i < end; i++) {
		size_t at = (size_t)((s->p[i].ts - tl->start) / width);

		if (at < tl->n) {
			tl_join(&tl->p[at], &s->p[i]);
			continue;
		}
		while (tl->n < at) {
			tl_follow(&tl->p[tl->n], &tl->p[tl->n - 1], tl->start + tl->n * width);
			tl->n++;
		}
		tl->p[tl->n] = s->p[i];
		tl->p[tl->n].ts = tl->start + tl->n * width;
		tl->n++;
	}
	return 0;
}

/* How many collections a model that saw all of them would still have. */
static uint64_t gcs_kept(uint64_t total)
{
	return total <= MP_GC_MAX ? total
				  : MP_GC_MAX / 2 + (total - MP_GC_MAX - 1) % (MP_GC_MAX / 2) + 1;
}

/* Puts those in front of p's that belong right there; fewer when some are missing. */
static int give_gcs(struct mp_proc *p, const struct series *s)
{
	uint64_t total = mp_proc_gcs(p), kept = gcs_kept(total), base, n;
	size_t cap = 1;
	void *t;

	if (p->stripped || total < p->n_gcs || kept <= p->n_gcs)
		return 0;
	base = total - p->n_gcs;
	n = s ? (base - s->gc0) & 0xffffff : 0;
	n = s && n <= s->n_gcs ? n : 0; /* of s, those before base */
	s = n ? s : NULL;
	kept = n < kept - p->n_gcs ? n : kept - p->n_gcs;
	p->gc_dropped = base - kept;
	if (!s)
		return 0;
	while (cap < p->n_gcs + kept)
		cap *= 2;
	t = realloc(p->gcs, cap * sizeof(*p->gcs));
	if (!t)
		return -ENOMEM;
	p->gcs = t;
	memmove(p->gcs + kept, p->gcs, p->n_gcs * sizeof(*p->gcs));
	memcpy(p->gcs, s->gcs + n - kept, kept * sizeof(*p->gcs));
	p->n_gcs += kept;
	p->gc_unpaid += kept;
	p->gc_paid += p->gc_paid ? kept : 0;
	return 0;
}

int mp_overview_apply(struct mp_overview *o, struct mp_model *m)
{
	int err = 0;

	for (size_t i = 0; i < m->n_procs && !err; i++) {
		struct mp_proc *p = m->procs[i];
		const struct series *s = NULL;

		for (unsigned tier = o->finest; tier <= MP_TIERS && !s; tier++)
			s = find(o, p->tgid, tier);
		if (s)
			err = give_timeline(p, s);
		if (!err)
			err = give_gcs(p, find(o, p->tgid, 0));
	}
	return err;
}
