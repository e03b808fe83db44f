/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * diff.c - two states against each other: account, figures beside it, collections, and
 * the facts that are not the same. See diff.h; diff_match.c has what is matched by name.
 *
 * Owns: the rows and what counts as comparable. Must not: print.
 */
#include "user/view/diff.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "user/util/util.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* --- rows ------------------------------------------------------------------------------ */

static uint64_t weight(const struct mp_diff_row *r)
{
	int64_t v = mp_diff_row_known(r) ? r->b - r->a : 0;

	return v < 0 ? -(uint64_t)v : (uint64_t)v;
}

/* The biggest change first, what has none that is known last; stable by key. */
static int by_weight(const void *a, const void *b)
{
	const struct mp_diff_row *x = a, *y = b;

	if (mp_diff_row_known(x) != mp_diff_row_known(y))
		return mp_diff_row_known(x) ? -1 : 1;
	if (weight(x) != weight(y))
		return weight(x) < weight(y) ? 1 : -1;
	return strcmp(x->key, y->key);
}

static struct mp_diff_row row_of(const char *key, const char *label, unsigned group,
				 enum mp_diff_unit unit)
{
	return (struct mp_diff_row){ .key = key, .label = label, .group = group, .unit = unit };
}

/* MP_UNKNOWN is not known. */
static void set(struct mp_diff_row *r, int side, uint64_t v)
{
	bool known = v != MP_UNKNOWN;

	if (side) {
		r->b = known ? (int64_t)v : 0;
		r->b_known = known;
	} else {
		r->a = known ? (int64_t)v : 0;
		r->a_known = known;
	}
}

/* --- account ----------------------------------------------------------------------------- */

/* Finer than the account of `report --json`; fig says whether a figure is known. */
static const struct part {
	const char *key, *label;
	int fig;
	size_t off;
} parts[] = {
#define PART(k, l, f, m)                                \
	{                                               \
		k, l, f, offsetof(struct mp_account, m) \
	}
	PART("live_heap", "live heap", 0, live_heap),
	PART("free_heap_resident", "free heap still resident", 1, free_heap_resident),
	PART("arenas", "malloc arenas", 2, arenas),
	PART("brk", "brk", 2, brk),
	PART("native", "other malloc libraries", 3, native),
	PART("stacks", "stacks", 4, stacks),
	PART("other_anon", "other anonymous", 5, other_anon),
	PART("unsplit_heap", "heap, no figures of it", 6, unsplit_heap),
	PART("runtime", "runtime beside its heap", 7, runtime),
	PART("file", "files", 8, file),
	PART("shmem", "shared memory", 9, shmem),
	PART("lazyfree", "left to the kernel", 10, lazyfree),
	PART("unknown", "unknown", MP_ACC_UNKNOWN, unknown),
#undef PART
};

static int64_t part_of(const struct mp_account *a, const struct part *p)
{
	int64_t v;

	memcpy(&v, (const char *)a + p->off, sizeof(v));
	return v;
}

/* What one side cannot tell by itself is in the sum all the same: of all such rows. */
static void fill_account(struct mp_diff *d)
{
	struct mp_diff_row rest =
		row_of("not_comparable", "not told on one side", 0, MP_DIFF_BYTES);
	struct mp_account acc[2];

	if (!d->rss_known)
		return;
	for (int side = 0; side < 2; side++)
		mp_account(d->fg[side].p, &acc[side]);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		const struct mp_fig *fa = &d->fg[0].account[parts[i].fig];
		const struct mp_fig *fb = &d->fg[1].account[parts[i].fig];
		struct mp_diff_row r =
			row_of(parts[i].key, parts[i].label, fa->group, MP_DIFF_BYTES);

		r.a = part_of(&acc[0], &parts[i]);
		r.b = part_of(&acc[1], &parts[i]);
		r.a_known = fa->known && mp_fig_whole(&d->fg[0], fa->group);
		r.b_known = fb->known && mp_fig_whole(&d->fg[1], fb->group);
		/* the same heap, before it had a page or a figure */
		if (d->same && !r.a && d->fg[0].maps_known)
			r.a_known = r.b_known;
		if (!r.a && !r.b)
			continue;
		if (!mp_diff_row_known(&r)) {
			rest.a += r.a;
			rest.b += r.b;
			rest.a_known = rest.b_known = true;
		}
		d->account[d->n_account++] = r;
	}
	qsort(d->account, d->n_account, sizeof(d->account[0]), by_weight);
	if (rest.a_known)
		d->account[d->n_account++] = rest;
}

/* --- beside -------------------------------------------------------------------------------- */

/* Where blocks are missing a sum is not known, as in the report. */
static uint64_t fig(const struct mp_figures *fg, const struct mp_fig *f)
{
	return f->known && mp_fig_whole(fg, f->group) ? (uint64_t)f->v : MP_UNKNOWN;
}

static void fill_beside(struct mp_diff *d)
{
	static const struct {
		const char *key, *label;
		int fig; /* of figures' rss */
	} rss[] = {
		{ "swap", "swap", MP_FRSS_SWAP },
		{ "hugetlb", "hugetlb", MP_FRSS_HUGETLB },
		{ "multi_mapped", "mapped more than once", MP_FRSS_MULTI },
		{ "shared_anon", "carried by others", MP_FRSS_FORKED },
		{ "pss", "proportional share", MP_FRSS_PSS },
		{ "anon_huge", "in huge pages", MP_FRSS_HUGE },
		{ "huge_unasked", "came with huge pages", MP_FRSS_UNASKED },
	};
	struct mp_diff_row r[] = {
		row_of("heap_used", "heap used", MP_LOW_GC, MP_DIFF_BYTES),
		row_of("heap_committed", "heap committed", MP_LOW_GC, MP_DIFF_BYTES),
		row_of("external", "held outside for it", MP_LOW_GC, MP_DIFF_BYTES),
		row_of("lazy_heap", "heap committed, lazy", MP_LOW_GC | MP_LOW_PAGES,
		       MP_DIFF_BYTES),
		row_of("rss_max", "highest RSS", MP_LOW_RSS, MP_DIFF_BYTES),
		row_of("cgroup_charged", "control group charged", 0, MP_DIFF_BYTES),
	};

	for (int side = 0; side < 2; side++) {
		const struct mp_figures *fg = &d->fg[side];
		const struct mp_heap *h = fg->p ? mp_proc_heap(fg->p, NULL) : NULL;

		if (h && !mp_fig_fresh(fg, h->ts))
			h = NULL;
		set(&r[0], side, h ? h->used : MP_UNKNOWN);
		set(&r[1], side, h ? h->committed : MP_UNKNOWN);
		set(&r[2], side, h ? h->external : MP_UNKNOWN);
		set(&r[3], side, fig(fg, &fg->account[MP_ACC_LAZY]));
		set(&r[4], side, fig(fg, &fg->rss[MP_FRSS_MAX]));
		set(&r[5], side,
		    fg->p && fg->p->cgroup.version ? fg->p->cgroup.charged : MP_UNKNOWN);
	}
	memcpy(d->beside, r, sizeof(r));
	d->n_beside = ARRAY_SIZE(r);
	for (size_t i = 0; i < ARRAY_SIZE(rss); i++) {
		const struct mp_fig *fa = &d->fg[0].rss[rss[i].fig];
		struct mp_diff_row one = row_of(rss[i].key, rss[i].label, fa->group, MP_DIFF_BYTES);

		set(&one, 0, fig(&d->fg[0], fa));
		set(&one, 1, fig(&d->fg[1], &d->fg[1].rss[rss[i].fig]));
		d->beside[d->n_beside++] = one;
	}
	qsort(d->beside, d->n_beside, sizeof(d->beside[0]), by_weight);
}

/* --- collections ----------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Sums and middles over the collections after `from`; MP_UNKNOWN where not all are kept
 * or none tells. */
struct gc_sums {
	uint64_t freed, returned, reused, refaulted, pause_p50, pause_max, lag_p50, after;
};

static int gc_middles(const struct mp_proc *p, uint64_t from, struct gc_sums *s)
{
	uint64_t *v = malloc(2 * (p->n_gcs + 1) * sizeof(*v)), *lag = v ? v + p->n_gcs + 1 : NULL;
	size_t n = 0, n_lag = 0;

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < p->n_gcs; i++) {
		if (p->gcs[i].ts <= from)
			continue;
		if (p->gcs[i].pause != MP_UNKNOWN)
			v[n++] = p->gcs[i].pause;
		if (mp_fig_lag(&p->gcs[i]) != MP_UNKNOWN)
			lag[n_lag++] = mp_fig_lag(&p->gcs[i]);
	}
	qsort(v, n, sizeof(*v), by_value);
	qsort(lag, n_lag, sizeof(*lag), by_value);
	s->pause_p50 = n ? v[(n - 1) / 2] : MP_UNKNOWN;
	s->pause_max = n ? v[n - 1] : MP_UNKNOWN;
	s->lag_p50 = n_lag ? lag[(n_lag - 1) / 2] : MP_UNKNOWN;
	free(v);
	return 0;
}

static int gc_sums(const struct mp_proc *p, uint64_t from, struct gc_sums *s)
{
	*s = (struct gc_sums){ .after = MP_UNKNOWN };
	for (size_t i = 0; i < p->n_gcs; i++) {
		s->freed += p->gcs[i].freed;
		s->returned += p->gcs[i].returned;
		s->reused += p->gcs[i].reused;
		s->refaulted += p->gcs[i].refaulted;
		s->after = p->gcs[i].after;
	}
	if (p->n_gcs < mp_proc_gcs(p))
		s->freed = s->returned = s->reused = s->refaulted = MP_UNKNOWN;
	return gc_middles(p, from, s);
}

static int fill_gc(struct mp_diff *d)
{
	struct mp_diff_row r[] = {
		row_of("minor", "minor", MP_LOW_GC, MP_DIFF_COUNT),
		row_of("major", "major", MP_LOW_GC, MP_DIFF_COUNT),
		row_of("other", "of other kinds", MP_LOW_GC, MP_DIFF_COUNT),
		row_of("pause_total_s", "pauses, total", MP_LOW_GC, MP_DIFF_NS),
		row_of("pause_p50_s", "pauses, median", MP_LOW_GC, MP_DIFF_NS),
		row_of("pause_max_s", "pauses, longest", MP_LOW_GC, MP_DIFF_NS),
		row_of("freed", "freed", MP_LOW_GC, MP_DIFF_BYTES),
		row_of("returned", "... returned", MP_LOW_GC | MP_LOW_CALLS, MP_DIFF_BYTES),
		row_of("reused", "... reused", MP_LOW_GC | MP_LOW_CALLS, MP_DIFF_BYTES),
		row_of("refaulted", "... touched again", MP_LOW_GC | MP_LOW_FAULTS, MP_DIFF_BYTES),
		row_of("lag_p50_s", "returned after, median", MP_LOW_GC | MP_LOW_CALLS, MP_DIFF_NS),
		row_of("owed", "owed", MP_LOW_GC | MP_LOW_CALLS, MP_DIFF_BYTES),
		row_of("owed_max", "owed, at most", MP_LOW_GC | MP_LOW_CALLS, MP_DIFF_BYTES),
		row_of("heap_after", "heap after the last", MP_LOW_GC, MP_DIFF_BYTES),
	};
	uint64_t from = d->same && d->fg[0].p ? d->side[0].m->now : 0;

	for (int side = 0; side < 2; side++) {
		const struct mp_proc *p = d->fg[side].p;
		struct gc_sums s;

		if (!p || !d->fg[side].gc_known || !mp_fig_whole(&d->fg[side], MP_LOW_GC))
			continue;
		if (gc_sums(p, side ? from : 0, &s))
			return -ENOMEM;

		const uint64_t v[] = { p->gc_minor, p->gc_major, p->gc_other, p->gc_pause,
				       s.pause_p50, s.pause_max, s.freed,     s.returned,
				       s.reused,    s.refaulted, s.lag_p50,   p->owed,
				       p->owed_max, s.after };
		for (size_t i = 0; i < ARRAY_SIZE(r); i++)
			set(&r[i], side, v[i]);
	}
	memcpy(d->gc, r, sizeof(r));
	d->n_gc = ARRAY_SIZE(r);
	return 0;
}

/* --- facts -------------------------------------------------------------------------------------
 */

static void say_number(const struct mp_figures *fg, int key, char *buf, size_t size)
{
	if (fg->m->meta[key] == MP_UNKNOWN)
		snprintf(buf, size, "not told");
	else
		snprintf(buf, size, "%" PRIu64, fg->m->meta[key]);
}

static void say_string(const struct mp_figures *fg, int key, char *buf, size_t size)
{
	uint64_t id = fg->m->meta[key];

	if (key == MP_META_EXE && fg->p && fg->p->exe)
		id = fg->p->exe;
	snprintf(buf, size, "%s",
		 id && id <= UINT32_MAX ? mp_str(fg->m, (uint32_t)id) : "not told");
}

static void say_probe(const struct mp_figures *fg, int feature, char *buf, size_t size)
{
	const struct mp_probe *pr = &fg->m->probes[feature];

	snprintf(buf, size, "%s", pr->known ? mp_rung_name(pr->rung) : "not told");
}

static void say_source(const struct mp_figures *fg, int unused, char *buf, size_t size)
{
	enum mp_heap_source src = 0;
	const struct mp_heap *h = fg->p ? mp_proc_heap(fg->p, &src) : NULL;

	(void)unused;
	snprintf(buf, size, "%s%s", h ? mp_source_name(src) : "none",
		 h && fg->p->n_figures > 1 ? " and others" : "");
}

static void fill_facts(struct mp_diff *d)
{
	static const struct {
		const char *what;
		void (*say)(const struct mp_figures *fg, int arg, char *buf, size_t size);
		int arg;
	} facts[] = { { "program", say_string, MP_META_EXE },
		      { "kernel", say_string, MP_META_KERNEL },
		      { "page size", say_number, MP_META_PAGE_SIZE },
		      { "CPUs", say_number, MP_META_NCPU },
		      { "faults seen by", say_probe, MP_FEAT_FAULTS },
		      { "calls seen by", say_probe, MP_FEAT_CALLS },
		      { "heap told by", say_source, 0 } };

	_Static_assert(ARRAY_SIZE(facts) <= MP_DIFF_FACTS, "room for all");
	for (size_t i = 0; i < ARRAY_SIZE(facts) && !d->same; i++) {
		struct mp_diff_fact *f = &d->facts[d->n_facts];

		f->what = facts[i].what;
		facts[i].say(&d->fg[0], facts[i].arg, f->a, sizeof(f->a));
		facts[i].say(&d->fg[1], facts[i].arg, f->b, sizeof(f->b));
		d->n_facts += strcmp(f->a, f->b) != 0;
	}
}

/* --- the whole
 * ------------------------------------------------------------------------------------ */

/* Of one recording: two processes are no two instants of one. */
static bool same_process(const struct mp_diff_side *a, const struct mp_diff_side *b)
{
	const struct mp_proc *p[2];
	const struct mp_diff_side *s[2] = { a, b };

	for (int i = 0; i < 2; i++)
		p[i] = s[i]->info.pid ? mp_model_pid(s[i]->m, s[i]->info.pid)
				      : mp_model_main(s[i]->m);
	return a->info.pid == b->info.pid || (p[0] && p[1] && p[0]->tgid == p[1]->tgid);
}

int mp_diff_make(struct mp_diff *d, const struct mp_diff_side *a, const struct mp_diff_side *b,
		 bool same)
{
	int err = 0;

	*d = (struct mp_diff){ .side = { *a, *b },
			       .same = same && same_process(a, b),
			       .rss_known = true };
	for (int side = 0; side < 2 && !err; side++) {
		err = mp_figures(&d->fg[side], d->side[side].m, &d->side[side].info);
		if (err)
			break;
		d->rss_told[side] = d->fg[side].account[MP_ACC_RSS].known &&
				    mp_fig_fresh(&d->fg[side], d->fg[side].p->rss.ts);
		d->rss_known &= d->rss_told[side];
		if (d->rss_told[side])
			d->rss[side] = d->fg[side].account[MP_ACC_RSS].v;
	}
	if (!err) {
		fill_account(d);
		fill_beside(d);
		fill_facts(d);
		err = fill_gc(d);
	}
	if (!err)
		err = mp_diff_match(d);
	if (err)
		mp_diff_free(d);
	return err;
}

static void table_free(struct mp_diff_table *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->v[i].key);
		free(t->v[i].name);
	}
	free(t->v);
	*t = (struct mp_diff_table){ 0 };
}

void mp_diff_free(struct mp_diff *d)
{
	table_free(&d->classes);
	table_free(&d->mappings);
	table_free(&d->touched);
	table_free(&d->released);
}

static bool table_sums(const struct mp_diff_table *t)
{
	int64_t a = 0, b = 0;

	for (size_t i = 0; i < t->n; i++) {
		a += t->v[i].a;
		b += t->v[i].b;
	}
	return a == t->a && b == t->b;
}

bool mp_diff_check(const struct mp_diff *d)
{
	int64_t whole = d->rss[1] - d->rss[0], sum = 0;

	for (size_t i = 0; i < d->n_account; i++)
		if (mp_diff_row_known(&d->account[i]))
			sum += d->account[i].b - d->account[i].a;
	if (d->rss_known && sum != whole)
		return false;
	if (d->mappings.known &&
	    (d->mappings.b - d->mappings.a != whole || d->classes.b - d->classes.a != whole))
		return false;
	return table_sums(&d->classes) && table_sums(&d->mappings) && table_sums(&d->touched) &&
	       table_sums(&d->released);
}

uint64_t mp_diff_error(const struct mp_diff *d, const struct mp_diff_group *g)
{
	double sq = (double)g->sq_a + (double)g->sq_b;

	if (d->same)
		sq = g->sq_b > g->sq_a ? (double)(g->sq_b - g->sq_a) : 0;
	return (uint64_t)(sqrt(sq) * (double)MP_PAGE_SIZE + 0.5);
}

bool mp_diff_outside_noise(const struct mp_diff *d, const struct mp_diff_group *g)
{
	int64_t change = mp_diff_change(g);
	uint64_t err = mp_diff_error(d, g);

	return change && (uint64_t)(change < 0 ? -change : change) >= 3 * err;
}
