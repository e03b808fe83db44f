/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * facts_heap.c - facts of a managed heap: what collections left, how that goes on.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/diagnose/facts.h"
#include "user/diagnose/stats.h"

#define NO_MAJORS "too few major collections told what they left in use"
#define NO_USED	  "nothing told what is in use of a heap"

static struct dx_val of_floor(struct dx_ctx *c, size_t least, double v)
{
	if (c->floor.n < least)
		return dx_unknown(NO_MAJORS);
	return dx_or(v, NO_MAJORS);
}

struct dx_val fact_majors(struct dx_ctx *c)
{
	return dx_known((double)c->floor.n);
}

struct dx_val fact_floor(struct dx_ctx *c)
{
	const struct dx_floor *f = &c->floor;

	return f->n ? dx_at(f->v[f->n - 1], dx_ts(c, f->t[f->n - 1])) : dx_unknown(NO_MAJORS);
}

struct dx_val fact_floor_from(struct dx_ctx *c)
{
	const struct dx_floor *f = &c->floor;

	return f->n ? dx_at(f->t[0], dx_ts(c, f->t[0])) : dx_unknown(NO_MAJORS);
}

struct dx_val fact_floor_growth(struct dx_ctx *c)
{
	const struct dx_floor *f = &c->floor;

	return of_floor(c, 2, f->n ? f->v[f->n - 1] - f->v[0] : NAN);
}

/* --- the live set over time ---------------------------------------------------------------- */

static double share(double v)
{
	return v < 0 ? 0 : v > 1 ? 1 : v;
}

static bool told_after(const struct mp_gc *g)
{
	return g->after != MP_UNKNOWN && g->kind != MP_GC_OTHER;
}

/*
 * Points [from, n) are what was in use behind minor collections since a major one left
 * `base`; a next one found `before` and left `after`. They become the live set then.
 */
static void between(struct dx_live *l, size_t from, double base, double before, double after)
{
	double came = before - base, kept = came > 0 ? (after - base) / came : 1;

	for (size_t i = from; i < l->n; i++) {
		double v = base + (l->v[i] - base) * kept;

		l->v[i] = fmax(fmin(base, after), fmin(fmax(base, after), v));
	}
}

/* What is live is never more than what is in use. */
static double of_used(double used, double base, double kept)
{
	return used < base ? used : base + (used - base) * kept;
}

/* Behind the last major collection nothing has told yet what stays; *in_use by the last. */
static void behind(struct dx_ctx *c, struct dx_live *l, size_t from, double base, double in_use)
{
	double used = dx_last(c, C_USED), t = c->s->t[c->end - 1];

	for (size_t i = from; i < l->n; i++)
		l->v[i] = of_used(l->v[i], base, l->kept);
	if (t < l->t[l->n - 1])
		return;
	l->t[l->n] = t;
	l->v[l->n] = isnan(used) ? l->v[l->n - 1] : of_used(used, base, l->kept);
	l->w[l->n] = l->w[l->n - 1] + (used > in_use ? used - in_use : 0);
	l->n++;
}

/* Room for n points. */
static int room(struct dx_live *l, size_t n)
{
	*l = (struct dx_live){ .kept = NAN, .t = malloc(3 * n * sizeof(*l->t)) };
	if (!l->t)
		return -ENOMEM;
	l->v = l->t + n;
	l->w = l->v + n;
	return 0;
}

int dx_read_live(struct dx_ctx *c)
{
	struct dx_live *l = &c->live;
	double base = NAN, kept = NAN, last_kept = NAN, in_use = NAN, work = 0;
	size_t from = 0;

	if (room(l, c->n_gcs + 2))
		return -ENOMEM;
	for (size_t i = 0; i < c->n_gcs; i++) {
		const struct mp_gc *g = &c->gcs[i];
		double before = g->before == MP_UNKNOWN ? NAN : (double)g->before;

		if (!told_after(g) || (isnan(base) && !dx_major(g)))
			continue;
		work += before > in_use ? before - in_use : 0;
		in_use = (double)g->after;
		l->t[l->n] = dx_t(c, g->ts);
		l->w[l->n] = work;
		l->v[l->n] = in_use;
		if (dx_major(g)) {
			between(l, from, base, before, in_use);
			last_kept = kept;
			kept = before > base ? share((in_use - base) / (before - base)) : NAN;
			base = in_use;
			from = l->n + 1;
		}
		l->n++;
	}
	l->kept = isnan(last_kept) ? kept : isnan(kept) ? last_kept : fmin(kept, last_kept);
	if (l->n && isnan(l->kept))
		l->n = from; /* minors behind the only major collection tell nothing */
	else if (l->n)
		behind(c, l, from, base, in_use);
	return 0;
}

/*
 * The live set at even distances of x, so that many collections in a short stretch weigh as
 * little as few in a long one. x is the time, or what was allocated: that of a machine that
 * is now fast and now slow goes evenly. Nothing allocated was told: the time for both.
 */
#define GRID	 61
#define THIRD	 (GRID / 3)
#define FEW_LIVE 3

static bool on_grid(const struct dx_ctx *c, const double *x, double *at, double *v)
{
	const struct dx_live *l = &c->live;
	double step;
	size_t k = 0;

	if (l->n < FEW_LIVE || l->t[l->n - 1] <= l->t[0])
		return false;
	if (x[l->n - 1] <= x[0])
		x = l->t;
	step = (x[l->n - 1] - x[0]) / (GRID - 1);
	for (size_t i = 0; i < GRID; i++) {
		double d;

		at[i] = x[0] + step * (double)i;
		while (k + 2 < l->n && x[k + 1] < at[i])
			k++;
		d = x[k + 1] - x[k];
		v[i] = d > 0 ? l->v[k] + (l->v[k + 1] - l->v[k]) * fmin(1, (at[i] - x[k]) / d)
			     : l->v[k + 1];
	}
	return true;
}

/* Growth in each third. */
static bool thirds(const struct dx_ctx *c, const double *x, double g[3])
{
	double at[GRID], v[GRID];

	if (!on_grid(c, x, at, v))
		return false;
	for (unsigned i = 0; i < 3; i++)
		g[i] = v[(i + 1) * THIRD] - v[i * THIRD];
	return true;
}

static struct dx_val of_live(const struct dx_ctx *c, double v)
{
	return c->live.n < FEW_LIVE ? dx_unknown(NO_MAJORS) : dx_or(v, NO_MAJORS);
}

struct dx_val fact_live_points(struct dx_ctx *c)
{
	return dx_known((double)c->live.n);
}

struct dx_val fact_live_growth(struct dx_ctx *c)
{
	const struct dx_live *l = &c->live;

	return of_live(c, l->n ? l->v[l->n - 1] - l->v[0] : NAN);
}

struct dx_val fact_live_times(struct dx_ctx *c)
{
	const struct dx_live *l = &c->live;

	return of_live(c, l->n && l->v[0] > 0 ? l->v[l->n - 1] / l->v[0] : NAN);
}

struct dx_val fact_live_tau(struct dx_ctx *c)
{
	double t[GRID], v[GRID];

	return of_live(c, on_grid(c, c->live.w, t, v) ? stats_tau(v, GRID) : NAN);
}

/* Of what was told, not of the moments between. */
struct dx_val fact_live_p(struct dx_ctx *c)
{
	return of_live(c, stats_trend_p(c->live.v, c->live.n));
}

struct dx_val fact_live_rate(struct dx_ctx *c)
{
	double t[GRID], v[GRID];

	return of_live(c, on_grid(c, c->live.t, t, v) ? stats_slope(t, v, GRID) * 3600 : NAN);
}

/* A heap in which nothing is done any more does not grow either: then the time decides. */
#define STANDS 0.05

struct dx_val fact_live_bend(struct dx_ctx *c)
{
	double work[3], time[3], bend, still;

	if (!thirds(c, c->live.w, work) || !thirds(c, c->live.t, time))
		return of_live(c, NAN);
	if (!(fmax(time[0], time[1]) > 0) || !(fmax(work[0], work[1]) > 0))
		return dx_unknown("the live set has not grown before the last third");
	bend = work[2] / fmax(work[0], work[1]);
	still = time[2] / fmax(time[0], time[1]);
	return dx_known(still < STANDS ? fmin(still, bend) : bend);
}

struct dx_val fact_live_kept(struct dx_ctx *c)
{
	return dx_or(c->live.kept, NO_MAJORS);
}

/*
 * Growths over equal times of a(1 - e^(-t/tau)) are each the same share of the one before:
 * the sum of those to come (Aitken's delta-squared process), from the steepest third and
 * the last.
 */
struct dx_val fact_live_ceiling(struct dx_ctx *c)
{
	double g[3], end, q;

	if (!thirds(c, c->live.w, g))
		return of_live(c, NAN);
	end = c->live.v[c->live.n - 1];
	if (g[2] <= 0 || dx_fact(c, F_LIVE_BEND)->v < STANDS)
		return dx_known(end);
	if (g[2] >= fmax(g[0], g[1]))
		return dx_unknown("it does not level off");
	q = g[0] > g[1] ? sqrt(g[2] / g[0]) : g[2] / g[1];
	return dx_known(end + g[2] * q / (1 - q));
}

/* The less of the heap's limit and the control group's. */
static double limit_of(const struct dx_ctx *c)
{
	return fmin(dx_last(c, C_HEAP_LIMIT), dx_last(c, C_CG_LIMIT));
}

struct dx_val fact_ceiling_share(struct dx_ctx *c)
{
	const struct dx_val *v = dx_fact(c, F_LIVE_CEILING);
	double limit = limit_of(c);

	if (v->why)
		return dx_unknown(v->why);
	return limit > 0 ? dx_known(v->v / limit) : dx_unknown("no limit was told");
}

struct dx_val fact_heap_left(struct dx_ctx *c)
{
	double rate = dx_fact(c, F_LIVE_RATE)->v / 3600, limit = limit_of(c);

	if (!(rate > 0) || dx_fact(c, F_LIVE_BEND)->v < STANDS)
		return dx_unknown("the live set does not rise");
	if (!(limit > 0))
		return dx_unknown("no limit was told");
	return dx_known(fmax(0, limit - c->live.v[c->live.n - 1]) / rate);
}

/* --- what it goes with --------------------------------------------------------------------- */

/* The largest of three growths over the least; NAN where one does not grow. */
static double uneven(const double g[3])
{
	double least = fmin(g[0], fmin(g[1], g[2]));

	return least > 0 ? fmax(g[0], fmax(g[1], g[2])) / least : NAN;
}

struct dx_val fact_uneven_time(struct dx_ctx *c)
{
	double g[3];

	return of_live(c, thirds(c, c->live.t, g) ? uneven(g) : NAN);
}

struct dx_val fact_uneven_work(struct dx_ctx *c)
{
	double g[3];

	return of_live(c, thirds(c, c->live.w, g) ? uneven(g) : NAN);
}

/* Of all that was allocated. */
struct dx_val fact_live_stayed(struct dx_ctx *c)
{
	const struct dx_live *l = &c->live;
	double made = l->n ? l->w[l->n - 1] - l->w[0] : 0;

	return of_live(c, made > 0 ? dx_fact(c, F_LIVE_GROWTH)->v / made : NAN);
}

/* --- what filled and drained --------------------------------------------------------------- */

/* The highest floor, and what the lowest before it was. */
static size_t peak_of(const struct dx_floor *f, double *low)
{
	double least = INFINITY;
	size_t peak = 0;

	*low = NAN;
	for (size_t i = 0; i < f->n; i++) {
		least = fmin(least, f->v[i]);
		if (i && !(f->v[i] > f->v[peak]))
			continue;
		peak = i;
		*low = least;
	}
	return peak;
}

struct dx_val fact_floor_rise(struct dx_ctx *c)
{
	double low;
	size_t peak = peak_of(&c->floor, &low);

	if (c->floor.n < 2)
		return dx_unknown(NO_MAJORS);
	return dx_at(c->floor.v[peak] - low, dx_ts(c, c->floor.t[peak]));
}

/* Of all kinds: between two major collections the minor ones tell the most there can be. */
struct dx_val fact_seen_growth(struct dx_ctx *c)
{
	double low, rise = NAN, first = NAN, last = NAN;
	size_t peak = peak_of(&c->floor, &low);

	if (c->floor.n >= 2)
		rise = c->floor.v[peak] - low;
	for (size_t i = 0; i < c->n_gcs; i++) {
		const struct mp_gc *g = &c->gcs[i];

		if (!told_after(g))
			continue;
		first = isnan(first) ? (double)g->after : first;
		last = (double)g->after;
	}
	return dx_or(fmax(rise, last - first), NO_MAJORS);
}

struct dx_val fact_drained(struct dx_ctx *c)
{
	const struct dx_floor *f = &c->floor;
	double low, rise;
	size_t peak = peak_of(f, &low);

	rise = f->n ? f->v[peak] - low : 0;
	if (f->n < 2 || !(rise > 0))
		return dx_unknown(NO_MAJORS);
	return dx_at((f->v[peak] - f->v[f->n - 1]) / rise, dx_ts(c, f->t[f->n - 1]));
}

/* A step is a twentieth of the rise: what falls at once has one. */
struct dx_val fact_drain_steps(struct dx_ctx *c)
{
	const struct dx_floor *f = &c->floor;
	double low, rise, at;
	size_t peak = peak_of(f, &low), steps = 0;

	if (f->n < 2)
		return dx_unknown(NO_MAJORS);
	rise = f->v[peak] - low;
	at = f->v[peak];
	for (size_t i = peak + 1; i < f->n; i++)
		if (at - f->v[i] >= rise / 20) {
			steps++;
			at = f->v[i];
		}
	return dx_known((double)steps);
}

struct dx_val fact_input_fall(struct dx_ctx *c)
{
	double low, sum[2] = { 0, 0 }, time[2], from, peak, end, left = NAN;

	if (c->floor.n < 2)
		return dx_unknown(NO_MAJORS);
	peak = c->floor.t[peak_of(&c->floor, &low)];
	for (size_t i = 0; i < c->n_gcs; i++) {
		const struct mp_gc *g = &c->gcs[i];

		if (g->before != MP_UNKNOWN && !isnan(left) && (double)g->before > left)
			sum[dx_t(c, g->ts) > peak] += (double)g->before - left;
		left = g->after == MP_UNKNOWN ? NAN : (double)g->after;
	}
	from = dx_t(c, c->gcs[0].ts);
	end = dx_t(c, c->gcs[c->n_gcs - 1].ts);
	time[0] = peak - from;
	time[1] = end - peak;
	if (!(time[0] > 0) || !(time[1] > 0) || !(sum[0] > 0))
		return dx_unknown("nothing was seen before or behind the highest live set");
	return dx_known(1 - sum[1] / time[1] / (sum[0] / time[0]));
}

/* --- few and large ------------------------------------------------------------------------- */

/* Bytes in spaces of large objects (libmpgc), NAN where none is told. */
static double in_large_spaces(const struct dx_ctx *c, const struct mp_heap *h)
{
	double sum = NAN;

	for (unsigned i = 0; i < h->n_spaces; i++) {
		const char *name = mp_str(c->m, h->spaces[i].name);

		if (strstr(name, "large") && h->spaces[i].used != MP_UNKNOWN)
			sum = (isnan(sum) ? 0 : sum) + (double)h->spaces[i].used;
	}
	return sum;
}

/*
 * V8 has a mapping for each object that does not fit into a page of 256 KiB. As it is now:
 * what mappings were is not kept. Mappings and bytes of them, and of all of the heap's.
 */
static double large_maps(const struct dx_ctx *c, double *bytes, double *all)
{
	double n = 0;

	*bytes = *all = 0;
	for (const struct mp_mapping *m = c->p->maps; m; m = m->next) {
		double resident = (double)m->resident * MP_PAGE_SIZE;

		if (m->cls != MP_CLS_HEAP && m->cls != MP_CLS_V8_HEAP)
			continue;
		*all += resident;
		if (!m->resident || (double)(m->end - m->start) < c->thr->v[T_LARGE])
			continue;
		*bytes += resident;
		n++;
	}
	return n;
}

struct dx_val fact_large_share(struct dx_ctx *c)
{
	const struct mp_heap *h = mp_proc_heap(c->p, NULL);
	double large = in_large_spaces(c, &c->p->heaps[MP_SRC_GC]), all;

	if (h && !isnan(large) && h->used != MP_UNKNOWN && h->used)
		return dx_known(large / (double)h->used);
	if (!c->p->heaps[MP_SRC_V8].present)
		return dx_unknown("the heap does not tell its large objects");
	return large_maps(c, &large, &all) > 0 ? dx_known(large / all) : dx_known(0);
}

struct dx_val fact_large_mean(struct dx_ctx *c)
{
	double bytes, all, n = large_maps(c, &bytes, &all);

	if (!c->p->heaps[MP_SRC_V8].present || !(n > 0))
		return dx_unknown("only V8 maps large objects one by one");
	return dx_known(bytes / n);
}

/* --- simple ones --------------------------------------------------------------------------- */

struct dx_val fact_used_growth(struct dx_ctx *c)
{
	return dx_or(dx_growth(c, C_USED), NO_USED);
}

/* As a monitor would that looks ten times in the window: the longest run. */
struct dx_val fact_used_rising(struct dx_ctx *c)
{
	const double *used = c->s->col[C_USED];
	size_t n = 0, most = 0, step = c->end > 10 ? c->end / 10 : 1;

	if (!c->end || isnan(used[c->end - 1]))
		return dx_unknown(NO_USED);
	for (size_t i = step; i < c->end; i += step) {
		n = used[i] > used[i - step] ? n + 1 : 0;
		most = n > most ? n : most;
	}
	return dx_known((double)most);
}

static struct dx_val per_second(struct dx_ctx *c, enum dx_col col)
{
	double window = dx_fact(c, F_WINDOW)->v;

	return window > 0 ? dx_or(dx_growth(c, col) / window, "no collection was told")
			  : dx_unknown("no time has passed");
}

struct dx_val fact_minor_rate(struct dx_ctx *c)
{
	return per_second(c, C_MINORS);
}

/* CPython looks at its youngest objects each time there are 700 more (2000 since 3.12): how often
 * tells how fast it runs, and nothing else. */
struct dx_val fact_minor_told(struct dx_ctx *c)
{
	bool python = c->n_gcs && c->gcs[c->n_gcs - 1].source == MP_SRC_PYTHON;

	return python ? dx_known(0) : *dx_fact(c, F_MINOR_RATE);
}

struct dx_val fact_major_rate(struct dx_ctx *c)
{
	return per_second(c, C_MAJOR_GCS);
}

struct dx_val fact_pause_share(struct dx_ctx *c)
{
	return per_second(c, C_GC_PAUSE);
}

struct dx_val fact_limit_share(struct dx_ctx *c)
{
	double limit = dx_last(c, C_HEAP_LIMIT);
	const struct dx_val *v = dx_fact(c, F_FLOOR);

	if (v->why)
		return dx_unknown(v->why);
	return limit > 0 ? dx_at(v->v / limit, v->ts) : dx_unknown("no limit was told");
}
