/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * facts_gc.c - facts of what a collector keeps: heap pages that no object is in, pages that
 * few objects pin, how often it collects and what for. facts_offheap.c has what lies beside
 * the heap.
 *
 * The heap's own figures are of its last word: V8's and G1's are of their last collection.
 * What was taken since is not in `used`, so what is kept is the least of all samples since.
 */
#include "user/diagnose/facts.h"

#include <string.h>

#include "user/diagnose/stats.h"

#define NO_HEAP	 "no runtime told figures of a heap"
#define NO_MAJOR "no major collection told what it left in use"
#define FORCE                                                                       \
	"no major collection was seen: force one meanwhile (jcmd PID GC.run; gc() " \
	"in Node's inspector, kill -USR1 PID)"
#define BEATS 16 /* collections that the distance of collections is taken from */

static bool heap_told(const struct dx_ctx *c)
{
	return c->end && !isnan(dx_last(c, C_USED)) && !isnan(dx_last(c, C_RSS));
}

static double resident_at(const struct dx_ctx *c, size_t i)
{
	return c->s->col[C_LIVE][i] + c->s->col[C_FREE][i];
}

static double now_of(const struct dx_ctx *c)
{
	return c->s->t[c->end - 1];
}

/* The first sample at or behind that time; the last one when there is none. */
static size_t sample_at(const struct dx_ctx *c, double t)
{
	size_t lo = 0, hi = c->end - 1;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (c->s->t[mid] < t)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool is_go(const struct dx_ctx *c)
{
	return c->p->heaps[MP_SRC_GO].present;
}

static double limit_of(const struct dx_ctx *c)
{
	return dx_last(c, C_HEAP_LIMIT);
}

static bool major_told(const struct mp_gc *g)
{
	return dx_major(g) && g->before != MP_UNKNOWN;
}

static double freed_by(const struct mp_gc *g)
{
	bool told = g->before != MP_UNKNOWN && g->after != MP_UNKNOWN;

	return told && g->before > g->after ? (double)(g->before - g->after) : 0;
}

/* --- how much --------------------------------------------------------------------------- */

struct dx_val fact_committed(struct dx_ctx *c)
{
	return dx_or(dx_last(c, C_COMMITTED), NO_HEAP);
}

struct dx_val fact_heap_resident(struct dx_ctx *c)
{
	return heap_told(c) ? dx_known(resident_at(c, c->end - 1)) : dx_unknown(NO_HEAP);
}

bool dx_g1_pools(const struct dx_ctx *c)
{
	const struct mp_heap *h = &c->p->heaps[MP_SRC_JVM];
	bool eden = false, s0 = false;

	for (unsigned i = 0; i < h->n_spaces; i++) {
		const char *name = mp_str(c->m, h->spaces[i].name);

		eden |= !strcmp(name, "eden") && h->spaces[i].committed;
		s0 |= !strcmp(name, "s0") && h->spaces[i].committed;
	}
	return eden && !s0;
}

/*
 * Of a JVM's eden what may have been taken without its word: G1 counts what lies there at
 * collections only, so it may be full again at any moment. 0: another one has collected.
 */
static double eden_untold(const struct dx_ctx *c)
{
	const struct mp_heap *h = &c->p->heaps[MP_SRC_JVM];

	for (unsigned i = 0; i < h->n_spaces && (!c->floor.n || dx_g1_pools(c)); i++) {
		const struct mp_space *s = &h->spaces[i];

		if (!strcmp(mp_str(c->m, s->name), "eden") && s->committed != MP_UNKNOWN &&
		    s->used != MP_UNKNOWN && s->committed > s->used)
			return (double)(s->committed - s->used);
	}
	return 0;
}

/*
 * Pages without objects, resident at every sample since the last major collection. Pages
 * of MADV_FREE are no part of it. Go has the stacks of goroutines in the same mappings, and
 * does not count them as committed by the heap: those are in use.
 */
struct dx_val fact_heap_kept(struct dx_ctx *c)
{
	const struct dx_floor *f = &c->floor;
	double least, t;

	if (!heap_told(c))
		return dx_unknown(NO_HEAP);
	t = f->n ? f->t[f->n - 1] : now_of(c);
	least = dx_last(c, C_FREE);
	for (size_t i = sample_at(c, t); i < c->end; i++)
		least = fmin(least, c->s->col[C_FREE][i]);
	if (is_go(c))
		least = fmin(least, dx_max2(dx_last(c, C_COMMITTED) - dx_last(c, C_USED), 0));
	return dx_at(fmax(least - eden_untold(c), 0), dx_ts(c, now_of(c)));
}

/* In use by the heap's word, taken since the last major collection, which is long ago. */
struct dx_val fact_uncollected(struct dx_ctx *c)
{
	const struct dx_floor *f = &c->floor;
	double v;

	if (!heap_told(c))
		return dx_unknown(NO_HEAP);
	if (!f->n)
		return dx_unknown(NO_MAJOR);
	if (is_go(c) || now_of(c) - f->t[f->n - 1] < c->thr->v[T_NO_COLLECTION])
		return dx_known(0);
	v = dx_last(c, C_LIVE) - f->v[f->n - 1];
	return dx_at(fmax(v, 0), dx_ts(c, f->t[f->n - 1]));
}

/* Of a heap that told nothing yet (V8's before its first collection) all of it may be. */
struct dx_val fact_retained(struct dx_ctx *c)
{
	const struct dx_val *kept = dx_fact(c, F_HEAP_KEPT), *un = dx_fact(c, F_UNCOLLECTED);

	if (kept->why)
		return dx_or(c->end ? dx_last(c, C_UNSPLIT) : NAN, NO_HEAP);
	if (dx_fact(c, F_PRESIZED)->v >= c->thr->v[T_PRESIZED])
		return dx_known(0);
	return dx_known(kept->v + (un->why ? 0 : un->v));
}

/* Go and the JVM tell what is in use at any moment; of others only a collection does. */
struct dx_val fact_heap_known(struct dx_ctx *c)
{
	bool told = is_go(c) || c->p->heaps[MP_SRC_JVM].present;

	if (c->floor.n)
		return dx_known((double)c->floor.n);
	return told && heap_told(c) ? dx_known(1) : dx_unknown(FORCE);
}

/* --- how long --------------------------------------------------------------------------- */

/* How long the runtime may take before "it does not give it back" can be said. */
struct dx_val fact_settle(struct dx_ctx *c)
{
	return dx_known(c->thr->v[is_go(c) ? T_SETTLE_GO : T_SETTLE]);
}

/* The last collections that freed much of what is kept: the program used it. The newest
 * first; at most BEATS. */
static unsigned beats(struct dx_ctx *c, double t[BEATS])
{
	double much = c->thr->v[T_REUSED] * dx_fact(c, F_RETAINED)->v;
	unsigned n = 0;

	for (size_t i = c->n_gcs; i-- && n < BEATS;)
		if (freed_by(&c->gcs[i]) >= much)
			t[n++] = dx_t(c, c->gcs[i].ts);
	return n;
}

/* Since when what is in use is about what it is now: that moves by allocation, too. */
static double level_since(struct dx_ctx *c)
{
	double much = c->thr->v[T_REUSED] * dx_fact(c, F_RETAINED)->v, now = dx_last(c, C_USED);
	size_t i = c->end;

	while (i && fabs(c->s->col[C_USED][i - 1] - now) < much)
		i--;
	return c->s->t[i < c->end ? i : c->end - 1];
}

struct dx_val fact_heap_idle(struct dx_ctx *c)
{
	double t[BEATS], from;

	if (!c->end)
		return dx_unknown(NO_HEAP);
	from = heap_told(c) ? level_since(c) : c->s->t[0];
	from = beats(c, t) ? fmax(t[0], from) : from;
	return dx_at(fmax(now_of(c) - from, 0), dx_ts(c, from));
}

/* 0: too few collections to have a distance. */
struct dx_val fact_heap_beat(struct dx_ctx *c)
{
	double t[BEATS];
	unsigned n = heap_told(c) ? beats(c, t) : 0;

	for (unsigned i = 0; i + 1 < n; i++)
		t[i] -= t[i + 1];
	return dx_known(n >= 4 ? stats_median(t, n - 1) : 0);
}

/* Dropped by calls while the heap was idle, of the last time that the runtime is given: what
 * it gave back at once is not held against it. Not only of the heap. */
struct dx_val fact_returned(struct dx_ctx *c)
{
	const struct dx_val *idle = dx_fact(c, F_HEAP_IDLE);
	size_t i;

	if (idle->why)
		return *idle;
	i = sample_at(c, now_of(c) - fmin(idle->v, dx_fact(c, F_SETTLE)->v));
	return dx_known(dx_last(c, C_DROPPED) - c->s->col[C_DROPPED][i]);
}

/*
 * Committed, of the limit, of a heap whose use never came to half of it: its size was
 * chosen and it is so large from the start (-Xms = -Xmx). Else 0.
 */
struct dx_val fact_presized(struct dx_ctx *c)
{
	double committed = dx_last(c, C_COMMITTED), limit = limit_of(c), used = dx_max(c, C_USED);

	if (isnan(committed) || isnan(used))
		return dx_unknown(NO_HEAP);
	if (isnan(limit) || limit <= 0 || used >= 0.5 * committed)
		return dx_known(0);
	return dx_known(committed / limit);
}

/* --- few survivors ------------------------------------------------------------------------ */

/* What a major collection left committed and not used; NAN: not told. */
static double slack_of(const struct mp_gc *g)
{
	if (g->cafter == MP_UNKNOWN || g->cafter < g->after)
		return NAN;
	return (double)(g->cafter - g->after);
}

/* The major collections at the end that left few objects in much; *least: in how much, *first:
 * when the first of them was. */
static unsigned sparse(struct dx_ctx *c, double *least, double *first)
{
	double g = dx_fact(c, F_SIGNIFICANT)->v, share = c->thr->v[T_SPARSE];
	unsigned n = 0;

	*least = NAN;
	*first = NAN;
	for (size_t i = c->n_gcs; i--;) {
		const struct mp_gc *m = &c->gcs[i];
		double slack = slack_of(m);

		if (!major_told(m))
			continue;
		if (isnan(slack) || slack < g || (double)m->after > share * (double)m->cafter)
			break;
		*least = isnan(*least) ? slack : fmin(*least, slack);
		*first = dx_t(c, m->ts);
		n++;
	}
	return n;
}

struct dx_val fact_sparse_majors(struct dx_ctx *c)
{
	double least, first;
	unsigned n = sparse(c, &least, &first);

	return n ? dx_at(n, dx_ts(c, first)) : dx_known(0);
}

/* What is empty is given back some time after a collection, not by it. */
struct dx_val fact_sparse_for(struct dx_ctx *c)
{
	double least, first;

	if (!c->end || !sparse(c, &least, &first))
		return dx_known(0);
	return dx_at(fmax(now_of(c) - first, 0), dx_ts(c, first));
}

/* Free bytes in spaces of that name, all of a heap: of Go "in use". */
static double free_in(const struct dx_ctx *c, const struct mp_heap *h, const char *name)
{
	double sum = 0;

	for (unsigned i = 0; i < h->n_spaces; i++) {
		const struct mp_space *s = &h->spaces[i];

		if ((!name || !strcmp(mp_str(c->m, s->name), name)) && s->committed != MP_UNKNOWN &&
		    s->used != MP_UNKNOWN && s->committed > s->used)
			sum += (double)(s->committed - s->used);
	}
	return sum;
}

/*
 * HotSpot's full collections move what lives together: nothing pins a page. V8 gives pages
 * back that are empty, so what stays committed has something in it; of Go and gc/ the spaces
 * tell such pages from those that wait to be given back.
 */
struct dx_val fact_pinned(struct dx_ctx *c)
{
	const struct mp_heap *heaps = c->p->heaps;
	double least, first;

	if (!heap_told(c))
		return dx_unknown(NO_HEAP);
	if (heaps[MP_SRC_JVM].present || !sparse(c, &least, &first))
		return dx_known(0);
	if (is_go(c))
		least = free_in(c, &heaps[MP_SRC_GO], "in use");
	else if (heaps[MP_SRC_GC].present)
		least = free_in(c, &heaps[MP_SRC_GC], NULL);
	return dx_at(fmin(least, dx_fact(c, F_HEAP_KEPT)->v), dx_ts(c, first));
}

/* Pinned, when so many collections have shown it; else 0. */
struct dx_val fact_pinned_sure(struct dx_ctx *c)
{
	bool sure = dx_fact(c, F_SPARSE_MAJORS)->v >= c->thr->v[T_SPARSE_MAJORS];

	return sure ? *dx_fact(c, F_PINNED) : dx_known(0);
}

/* Dropped by calls, for each of the collections behind the first of them. */
static double returned_since(const struct dx_ctx *c, double first)
{
	return dx_last(c, C_DROPPED) - c->s->col[C_DROPPED][sample_at(c, first)];
}

struct dx_val fact_returned_each(struct dx_ctx *c)
{
	double least, first;
	unsigned n = c->end ? sparse(c, &least, &first) : 0;

	return n < 2 ? dx_known(0) : dx_known(returned_since(c, first) / (n - 1));
}

/* --- collecting without end ---------------------------------------------------------------- */

struct thrash {
	double s;	  /* seconds                           */
	double from, to;  /* of all                            */
	double n, pause;  /* collections; seconds stood still   */
	double freed;	  /* bytes, by all of them             */
	double committed; /* the highest                       */
};

/* Collections a second that are too many: a cycle of Go's runs beside the program and is
 * cheaper. */
static double too_many(const struct dx_ctx *c)
{
	return c->thr->v[is_go(c) ? T_THRASH_RATE_GO : T_THRASH_RATE];
}

static bool crowded(const struct dx_ctx *c, const struct mp_gc *g, double limit)
{
	double size = g->cbefore == MP_UNKNOWN ? (double)g->before : (double)g->cbefore;

	return (double)g->after >= c->thr->v[T_THRASH_FULL] * limit &&
	       freed_by(g) < c->thr->v[T_THRASH_FREED] * size;
}

/* The time between two major collections of a full heap counts when it is short, or most of
 * it was a pause, and the second one freed little. */
static struct thrash thrashing(struct dx_ctx *c)
{
	double limit = limit_of(c), last = NAN;
	struct thrash k = { .from = NAN };

	for (size_t i = 0; i < c->n_gcs && limit > 0; i++) {
		const struct mp_gc *g = &c->gcs[i];
		double t = dx_t(c, g->ts), dt = t - last;
		double pause = g->pause == MP_UNKNOWN ? 0 : (double)g->pause / 1e9;

		if (!major_told(g))
			continue;
		last = t;
		if (isnan(dt) || !crowded(c, g, limit) ||
		    (dt * too_many(c) > 1 && pause < c->thr->v[T_THRASH_PAUSE] * dt))
			continue;
		k.from = isnan(k.from) ? t - dt : k.from;
		k.to = t;
		k.s += dt;
		k.n++;
		k.pause += pause;
		k.freed += freed_by(g);
	}
	return k;
}

struct dx_val fact_thrash(struct dx_ctx *c)
{
	struct thrash k;

	if (isnan(limit_of(c)))
		return dx_unknown("the heap's limit is not known");
	k = thrashing(c);
	return k.n > 0 ? dx_at(k.s, dx_ts(c, k.from)) : dx_known(0);
}

struct dx_val fact_thrash_rate(struct dx_ctx *c)
{
	struct thrash k = thrashing(c);

	return k.s > 0 ? dx_at(k.n / k.s, dx_ts(c, k.to)) : dx_unknown("there were none");
}

struct dx_val fact_thrash_pause(struct dx_ctx *c)
{
	struct thrash k = thrashing(c);

	return k.s > 0 ? dx_known(fmin(k.pause / k.s, 1)) : dx_unknown("there were none");
}

struct dx_val fact_thrash_freed(struct dx_ctx *c)
{
	struct thrash k = thrashing(c);

	return k.n > 0 ? dx_known(k.freed / k.n) : dx_unknown("there were none");
}

struct dx_val fact_floor_limit(struct dx_ctx *c)
{
	const struct dx_floor *f = &c->floor;
	double limit = limit_of(c);

	if (!f->n)
		return dx_unknown(NO_MAJOR);
	if (isnan(limit) || limit <= 0)
		return dx_unknown("the heap's limit is not known");
	return dx_at(f->v[f->n - 1] / limit, dx_ts(c, f->t[f->n - 1]));
}

/* --- first use ------------------------------------------------------------------------------ */

struct dx_val fact_heap_filled(struct dx_ctx *c)
{
	size_t i = 0;

	if (!heap_told(c))
		return dx_unknown(NO_HEAP);
	while (i + 1 < c->end && isnan(c->s->col[C_USED][i] + resident_at(c, i)))
		i++;
	return dx_at(resident_at(c, c->end - 1) - resident_at(c, i), dx_ts(c, c->s->t[i]));
}

#define AFTERS 1024 /* collections that the spread is taken from: the newest */

/*
 * What collections left in use: how far from each other, but for a tenth above and below.
 * Major ones, where there are some, and what came behind them: what a minor one leaves may be
 * garbage, large objects first of all.
 */
struct dx_val fact_after_spread(struct dx_ctx *c)
{
	double v[AFTERS];
	bool behind = true;
	size_t n = 0;

	for (size_t i = c->n_gcs; i-- && n < AFTERS;) {
		const struct mp_gc *g = &c->gcs[i];

		behind &= c->floor.n < 3 || !dx_major(g);
		if (g->after != MP_UNKNOWN && (behind || dx_major(g) || c->floor.n < 3))
			v[n++] = (double)g->after;
	}
	if (n < 3)
		return dx_unknown("too few collections told what they left in use");
	return dx_known(stats_quantile(v, n, 0.9) - stats_quantile(v, n, 0.1));
}

struct dx_val fact_refaulted(struct dx_ctx *c)
{
	return dx_or(dx_last(c, C_REFAULT) - dx_first(c, C_REFAULT), "no faults were told");
}

/*
 * Heap pages resident that nothing had ever been in: of the samples before the first
 * collection, which know all that was used. Of a heap whose begin was not seen it can only
 * be said where it is as large as it may become.
 */
struct dx_val fact_pretouched(struct dx_ctx *c)
{
	double first = c->n_gcs ? dx_t(c, c->gcs[0].ts) : INFINITY, most = 0, used = 0;
	bool begin = false;
	uint64_t ts = MP_UNKNOWN;

	if (!heap_told(c))
		return dx_unknown(NO_HEAP);
	for (size_t i = 0; i < c->end && c->s->t[i] < first; i++) {
		double u = c->s->col[C_USED][i], free = resident_at(c, i);

		begin |= c->s->col[C_RSS][i] < 0.2 * dx_last(c, C_COMMITTED);
		used = fmax(used, isnan(u) ? 0 : u);
		if (isnan(u) || !(free - used > most))
			continue;
		most = free - used;
		ts = dx_ts(c, c->s->t[i]);
	}
	if (!begin && !(dx_last(c, C_COMMITTED) >= c->thr->v[T_PRESIZED] * limit_of(c)))
		return dx_known(0);
	return dx_at(most, ts);
}
