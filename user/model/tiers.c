/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tiers.c - stretches of 1 s, 10 s and 5 minutes, filled beside the timeline.
 *
 * What events count goes into the timeline's open point and nowhere else; from
 * there it is taken over when that point ends or the stretch does, so an event
 * pays one comparison. A stretch of a tier is the sum of those of the tier below,
 * whose borders are on its own. All begin where the timeline does.
 */
#include "user/model/tiers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/model/internal.h"
#include "user/model/tiers_int.h"
#include "user/util/util.h"

#define KEPT 1024 /* summaries held at least; several for each process where there are many */

struct mp_tiers {
	unsigned finest;       /* enum mp_tier */
	uint64_t gcs_told;     /* collections that were put among the summaries */
	struct mp_point taken; /* what cur has of the timeline's open point */
	struct mp_point cur[MP_TIERS];
	struct mp_point began[MP_TIERS]; /* the levels that cur started from */
};

struct mp_summaries {
	struct mp_summary *s;
	size_t n, cap;
	uint64_t first; /* number of s[0] */
};

uint64_t mp_tier_width(unsigned tier)
{
	static const uint64_t width[MP_TIERS] = { 1000000000ULL, 10000000000ULL, 300000000000ULL };

	return tier && tier <= MP_TIERS ? width[tier - 1] : 0;
}

void tiers_free(struct mp_model *m)
{
	if (m->done)
		free(m->done->s);
	free(m->done);
}

/* The next place among the finished. The oldest half goes when nobody takes them. */
static struct mp_summary *push(struct mp_model *m, const struct mp_proc *p)
{
	size_t max = m->n_procs * 8 > KEPT ? m->n_procs * 8 : KEPT;
	struct mp_summaries *d = m->done;
	struct mp_summary *s;

	if (!d)
		d = m->done = calloc(1, sizeof(*d));
	if (!d || mp_grow(&d->s, &d->cap, d->n + 1, sizeof(*d->s)))
		return NULL;
	if (d->n >= max) {
		size_t drop = d->n - max / 2;

		memmove(d->s, d->s + drop, (d->n - drop) * sizeof(*d->s));
		d->n -= drop;
		d->first += drop;
	}
	s = &d->s[d->n++];
	memset(s, 0, sizeof(*s));
	s->tgid = p->tgid;
	s->mm = p->mm;
	return s;
}

size_t mp_tiers_finished(const struct mp_model *m, uint64_t *next, const struct mp_summary **s)
{
	const struct mp_summaries *d = m->done;
	uint64_t from = *next;

	if (!d)
		return 0;
	from = from < d->first ? d->first : from > d->first + d->n ? d->first + d->n : from;
	*next = d->first + d->n;
	*s = d->s + (from - d->first);
	return (size_t)(*next - from);
}

/* --- stretches --------------------------------------------------------------------- */

/* What the timeline's open point has counted since it was last looked at. */
static void take(struct mp_tiers *t, const struct mp_point *pt)
{
	struct mp_point d = *pt;

	for (size_t i = 0; i < TIER_FIELDS; i++)
		if (tier_fields[i].kind == TIER_SUM32 || tier_fields[i].kind == TIER_SUM64)
			tier_put(&d, i, tier_get(pt, i) - tier_get(&t->taken, i));
	if (d.note == t->taken.note)
		d.note = 0;
	d.gc_pause_max = 0;    /* tiers_pause() tells */
	d.rss_min = INT64_MAX; /* tiers_rss() tells */
	d.rss_max = INT64_MIN;
	if (pt->bits & MP_PT_GAP && mp_point_known(pt)) /* ... and that its levels are known */
		d.rss_min = d.rss_max = pt->rss;
	tl_join(&t->cur[t->finest - 1], &d);
	t->taken = *pt;
}

void tiers_take(struct mp_proc *p)
{
	if (p->tiers)
		take(p->tiers, tl_now(p));
}

void tiers_mark(struct mp_proc *p)
{
	if (p->tiers)
		p->tiers->taken = *tl_now(p);
}

void tiers_rss(struct mp_proc *p, int64_t rss)
{
	struct mp_point *c = p->tiers ? &p->tiers->cur[p->tiers->finest - 1] : NULL;

	if (c && c->rss_min > rss)
		c->rss_min = rss;
	if (c && c->rss_max < rss)
		c->rss_max = rss;
}

void tiers_pause(struct mp_proc *p, uint64_t ns)
{
	struct mp_point *c = p->tiers ? &p->tiers->cur[p->tiers->finest - 1] : NULL;

	if (c && c->gc_pause_max < ns)
		c->gc_pause_max = ns;
}

static int begin(struct mp_model *m, struct mp_proc *p)
{
	struct mp_tiers *t = calloc(1, sizeof(*t));
	const struct mp_point *pt = tl_now(p);

	if (!t)
		return -ENOMEM;
	t->finest = p == m->procs[0] ? MP_TIER_1S : MP_TIER_10S;
	for (unsigned i = 0; i < MP_TIERS; i++) {
		uint64_t w = mp_tier_width(i + 1);

		t->cur[i].ts = p->tl.start + (pt->ts - p->tl.start) / w * w;
		tl_nothing(&t->cur[i]);
		t->began[i] = t->cur[i];
	}
	t->cur[t->finest - 1].rss_min = pt->rss_min;
	t->cur[t->finest - 1].rss_max = pt->rss_max;
	t->cur[t->finest - 1].gc_pause_max = pt->gc_pause_max;
	if (p->tl.n > 1) /* a timeline that was there before: told already */
		t->taken = *pt;
	p->tiers = t;
	p->tier_end = t->cur[t->finest - 1].ts + mp_tier_width(t->finest);
	return 0;
}

static bool changed(const struct mp_point *c, const struct mp_point *began)
{
	for (size_t i = 0; i < TIER_FIELDS; i++)
		if (tier_fields[i].kind && tier_fields[i].kind < TIER_MIN &&
		    tier_get(c, i) != tier_get(began, i))
			return true;
		else if (tier_fields[i].kind >= TIER_SUM32 && tier_get(c, i))
			return true;
	return c->rss_min < c->rss_max;
}

/* Ends the stretch of a tier; the next begins at ts, or on its grid before it. */
static int finish(struct mp_model *m, struct mp_proc *p, unsigned tier, uint64_t ts)
{
	struct mp_point *c = &p->tiers->cur[tier - 1], old = *c;
	uint64_t w = mp_tier_width(tier);
	struct mp_summary *s;

	if (changed(c, &p->tiers->began[tier - 1])) {
		s = push(m, p);
		if (!s)
			return -ENOMEM;
		s->tier = (uint8_t)tier;
		s->p = old;
	}
	if (tier < MP_TIERS)
		tl_join(&p->tiers->cur[tier], &old);
	tl_follow(c, &old, old.ts + (ts - old.ts) / w * w);
	p->tiers->began[tier - 1] = *c;
	return 0;
}

/* Number of the first collection that p still has, from 0. */
static uint64_t gcs_base(const struct mp_proc *p)
{
	return mp_proc_gcs(p) - p->n_gcs;
}

static void fill_gc(struct mp_summary *s, const struct mp_proc *p, uint64_t n)
{
	s->tier = 0;
	s->n = (uint32_t)n;
	s->gc = p->gcs[n - gcs_base(p)];
}

/* Numbers of the collections that a dump would leave out and that were not told: [a, b). */
static void gcs_untold(const struct mp_proc *p, uint64_t *a, uint64_t *b)
{
	uint64_t base = gcs_base(p);

	*a = p->tiers->gcs_told > base ? p->tiers->gcs_told : base;
	*b = base + dump_gcs_first(p);
	*b = *b < *a ? *a : *b;
}

static int tell_gcs(struct mp_model *m, struct mp_proc *p)
{
	struct mp_summary *s;
	uint64_t a, b;

	for (gcs_untold(p, &a, &b); a < b; a++) {
		s = push(m, p);
		if (!s)
			return -ENOMEM;
		fill_gc(s, p, a);
		p->tiers->gcs_told = a + 1;
	}
	return 0;
}

int tiers_advance(struct mp_model *m, struct mp_proc *p, uint64_t ts)
{
	struct mp_tiers *t;
	int err = p->tiers ? 0 : begin(m, p);

	if (err || ts < p->tier_end)
		return err;
	t = p->tiers;
	tl_refresh(p);
	take(t, tl_now(p));
	for (unsigned tier = t->finest; tier <= MP_TIERS && !err; tier++)
		if (ts - t->cur[tier - 1].ts >= mp_tier_width(tier))
			err = finish(m, p, tier, ts);
	p->tier_end = t->cur[t->finest - 1].ts + mp_tier_width(t->finest);
	return err ? err : tell_gcs(m, p);
}

int tiers_end(struct mp_model *m, struct mp_proc *p)
{
	int err = 0;

	if (!p->tiers)
		return 0;
	tl_refresh(p);
	take(p->tiers, tl_now(p));
	for (unsigned tier = p->tiers->finest; tier <= MP_TIERS && !err; tier++)
		err = finish(m, p, tier, p->tiers->cur[tier - 1].ts);
	if (!err)
		err = tell_gcs(m, p);
	tiers_drop(p);
	return err;
}

void tiers_drop(struct mp_proc *p)
{
	free(p->tiers);
	p->tiers = NULL;
	p->tier_end = 0;
}

static int emit_open(const struct mp_proc *p, int (*emit)(void *ctx, const struct mp_summary *s),
		     void *ctx)
{
	struct mp_summary s = { .tgid = p->tgid, .mm = p->mm };
	struct mp_tiers t = *p->tiers;
	uint64_t a, b;
	int err = 0;

	if (p->tl.n && !p->loading)
		take(&t, &p->tl.p[p->tl.n - 1]);
	for (unsigned tier = t.finest; tier <= MP_TIERS && !err; tier++) {
		if (tier > t.finest)
			tl_join(&t.cur[tier - 1], &t.cur[tier - 2]);
		s.tier = (uint8_t)tier;
		s.open = true;
		s.p = t.cur[tier - 1];
		err = emit(ctx, &s);
	}
	s.open = false;
	for (gcs_untold(p, &a, &b); a < b && !err; a++) {
		fill_gc(&s, p, a);
		err = emit(ctx, &s);
	}
	return err;
}

int mp_tiers_open(const struct mp_model *m, int (*emit)(void *ctx, const struct mp_summary *s),
		  void *ctx)
{
	int err = 0;

	for (size_t i = 0; i < m->n_procs && !err; i++)
		if (m->procs[i]->tiers)
			err = emit_open(m->procs[i], emit, ctx);
	return err;
}
