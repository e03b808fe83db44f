/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * facts_native.c - facts of memory beside a managed heap: how it came, whether it goes on
 * coming, what is left of it; mappings, threads and their stacks.
 *
 * The kernel does not see free(): of malloc's memory only what is resident is known, and
 * what is given back to the kernel. What of it is in use has to follow from something
 * else, or is not known.
 */
#include "user/diagnose/facts.h"

#include <stdlib.h>
#include <string.h>

#include "user/diagnose/stats.h"

#define NO_RSS	   "nothing told RSS"
#define NO_MAPS	   "the mappings are not known"
#define NO_THREADS "nothing told how many threads live"
#define BEFORE	   "it was there before the recording began: it was not seen to come"

/* --- sums of columns -------------------------------------------------------------------- */

/* One figure of the series: columns added, and others taken away. */
struct line {
	unsigned n_add, n_less;
	enum dx_col add[4], less[2];
};

static const struct line of_malloc = { 2, 0, { C_ARENAS, C_BRK }, { 0 } };
static const struct line of_lib = { 1, 0, { C_NATIVE }, { 0 } };
static const struct line of_native = { 4, 0, { C_ARENAS, C_BRK, C_NATIVE, C_OTHER }, { 0 } };
static const struct line of_other = { 1, 0, { C_OTHER }, { 0 } };
static const struct line of_stacks = { 1, 0, { C_STACKS }, { 0 } };
static const struct line of_threads = { 1, 0, { C_THREADS }, { 0 } };
/* the guard of a stack is a mapping too */
static const struct line of_maps = { 1, 1, { C_OTHER_MAPS }, { C_STACK_MAPS } };
/* a stack is one mmap, given back when its thread was joined */
static const struct line of_mmaps = { 1, 2, { C_N_MMAP }, { C_N_MUNMAP, C_STACK_MAPS } };
static const struct line of_left_stacks = { 1, 1, { C_STACK_MAPS }, { C_THREADS } };

static double at(const struct dx_ctx *c, const struct line *l, size_t i)
{
	return dx_sum(c, i, l->add, l->n_add) - dx_sum(c, i, l->less, l->n_less);
}

/* How a figure went, where it was known; n = 0: nowhere. */
struct shape {
	size_t n, high_at, first_at;   /* samples */
	double first, last, high, low; /* low: the least since it was near its highest */
	double near_t;		       /* when it first was: within T_STILL_SHARE of it */
	double begin_t;		       /* when it had begun to grow */
	double end_t;
};

static void see(struct shape *s, size_t i, double v)
{
	if (!s->n) {
		s->first = s->high = v;
		s->first_at = s->high_at = i;
	}
	if (v > s->high) {
		s->high = v;
		s->high_at = i;
	}
	s->last = v;
	s->n++;
}

static struct shape shape_of(const struct dx_ctx *c, const struct line *l)
{
	double near = 1 - c->thr->v[T_STILL_SHARE], began;
	struct shape s = { 0 };
	bool was_near = false, has_begun = false;

	for (size_t i = 0; i < c->end; i++)
		if (!isnan(at(c, l, i)))
			see(&s, i, at(c, l, i));
	began = s.first + (1 - near) * (s.high - s.first);
	s.low = s.high;
	for (size_t i = 0; s.n && i < c->end; i++) {
		double v = at(c, l, i);

		if (!has_begun && v >= began && v > s.first) {
			has_begun = true;
			/* it came since the sample before */
			s.begin_t = c->s->t[i > s.first_at ? i - 1 : i];
		}
		if (!was_near && v >= near * s.high) {
			was_near = true;
			s.near_t = c->s->t[i];
		}
		if (i > s.high_at && v < s.low)
			s.low = v;
	}
	if (s.n)
		s.end_t = c->s->t[c->end - 1];
	if (!has_begun)
		s.begin_t = s.end_t;
	return s;
}

static struct dx_val or_rss(const struct shape *s, double v)
{
	return s->n ? dx_or(v, NO_RSS) : dx_unknown(NO_RSS);
}

static struct dx_val last_of(struct dx_ctx *c, const struct line *l, const char *why)
{
	struct shape s = shape_of(c, l);

	return s.n ? dx_known(s.last) : dx_unknown(why);
}

static struct dx_val high_of(struct dx_ctx *c, const struct line *l)
{
	struct shape s = shape_of(c, l);

	return s.n ? dx_at(s.high, dx_ts(c, s.near_t)) : dx_unknown(NO_RSS);
}

static struct dx_val growth_of(struct dx_ctx *c, const struct line *l, const char *why)
{
	struct shape s = shape_of(c, l);

	return s.n ? dx_at(s.last - s.first, dx_ts(c, s.begin_t)) : dx_unknown(why);
}

/* Growth that may be a leak: who ends by himself had what his work needed. */
static struct dx_val leaked_of(struct dx_ctx *c, const struct line *l, const char *why)
{
	if (dx_ended(c->p))
		return dx_unknown("the process ended by itself");
	return growth_of(c, l, why);
}

static struct dx_val still_of(struct dx_ctx *c, const struct line *l)
{
	struct shape s = shape_of(c, l);

	return s.n ? dx_at(s.end_t - s.near_t, dx_ts(c, s.near_t)) : dx_unknown(NO_RSS);
}

/* The deepest it fell since its highest, of that. */
static struct dx_val back_of(struct dx_ctx *c, const struct line *l)
{
	struct shape s = shape_of(c, l);

	return or_rss(&s, s.high > 0 ? 1 - s.low / s.high : 0);
}

/* What came while it was looked at; of what was there before nobody knows since when. */
static struct dx_val came_of(struct dx_ctx *c, const struct line *l)
{
	struct shape s = shape_of(c, l);
	double came = s.high - s.first;

	return s.n ? dx_at(came, dx_ts(c, s.begin_t)) : dx_unknown(NO_RSS);
}

/* What is left of what came; all of it where little came. */
static double kept_of(struct dx_ctx *c, const struct line *l)
{
	struct shape s = shape_of(c, l);
	bool came = s.high - s.first >= dx_fact(c, F_SIGNIFICANT)->v;

	return s.n ? s.last - (came ? s.first : 0) : NAN;
}

/* The figure's values of all samples; the caller frees. NULL without memory. */
static double *values_of(const struct dx_ctx *c, const struct line *l)
{
	double *v = malloc((c->end + 1) * sizeof(*v));

	for (size_t i = 0; v && i < c->end; i++)
		v[i] = at(c, l, i);
	return v;
}

static struct dx_val order_of(struct dx_ctx *c, const struct line *l, const char *why)
{
	double *v = values_of(c, l), tau = v ? stats_tau(v, c->end) : NAN;

	free(v);
	return dx_or(tau, why);
}

/*
 * Growth in the last third of the time since it began, over a third of all growth: 1 where
 * it goes on as it came, 0 where it has stopped.
 */
static struct dx_val late_of(struct dx_ctx *c, const struct line *l, const char *why)
{
	struct shape s = shape_of(c, l);
	double from = s.end_t - (s.end_t - s.begin_t) / 3, then = NAN, grown = s.last - s.first;

	for (size_t i = 0; i < c->end && (isnan(then) || c->s->t[i] <= from); i++)
		if (!isnan(at(c, l, i)))
			then = at(c, l, i);
	if (!s.n || grown <= 0 || s.end_t <= s.begin_t)
		return dx_unknown(s.n ? "it did not grow" : why);
	return dx_known((s.last - then) / (grown / 3));
}

static struct dx_val rising_of(struct dx_ctx *c, const struct line *l, const char *why)
{
	struct shape s = shape_of(c, l);

	return s.n ? dx_at(s.end_t - s.begin_t, dx_ts(c, s.begin_t)) : dx_unknown(why);
}

/* --- glibc's malloc ------------------------------------------------------------------------ */

struct dx_val fact_malloc(struct dx_ctx *c)
{
	return last_of(c, &of_malloc, NO_RSS);
}

struct dx_val fact_malloc_high(struct dx_ctx *c)
{
	return high_of(c, &of_malloc);
}

struct dx_val fact_malloc_came(struct dx_ctx *c)
{
	return came_of(c, &of_malloc);
}

struct dx_val fact_malloc_still(struct dx_ctx *c)
{
	return still_of(c, &of_malloc);
}

struct dx_val fact_malloc_back(struct dx_ctx *c)
{
	return back_of(c, &of_malloc);
}

struct gain {
	double bytes, time;
};

static int by_rate(const void *a, const void *b)
{
	const struct gain *x = a, *y = b;
	double l = x->bytes * y->time, r = y->bytes * x->time;

	return (l < r) - (l > r);
}

/* New maxima as gains, one for each step of the series; the count. */
static size_t gains_of(const struct dx_ctx *c, const struct line *l, struct gain *g)
{
	double max = NAN, t = 0;
	size_t n = 0;

	for (size_t i = 0; i < c->end; i++) {
		double v = at(c, l, i);

		if (isnan(v))
			continue;
		if (v > max)
			g[n++] = (struct gain){ v - max, c->s->t[i] - t };
		max = v > max || isnan(max) ? v : max;
		t = c->s->t[i];
	}
	return n;
}

/*
 * The share of the time that holds T_RATCHET_SHARE of the growth, in its steepest steps:
 * bursts have little of it, a leak or a cache that fills has most.
 */
struct dx_val fact_malloc_burst(struct dx_ctx *c)
{
	double came = dx_fact(c, F_MALLOC_CAME)->v, window = dx_fact(c, F_WINDOW)->v;
	double left = came * c->thr->v[T_RATCHET_SHARE], time = 0;
	struct gain *g;
	size_t n;

	if (!(came >= dx_fact(c, F_SIGNIFICANT)->v) || !(window > 0))
		return dx_unknown(BEFORE);
	g = malloc((c->end + 1) * sizeof(*g));
	if (!g)
		return dx_unknown("no memory");
	n = gains_of(c, &of_malloc, g);
	qsort(g, n, sizeof(*g), by_rate);
	for (size_t i = 0; i < n && left > 0; left -= g[i++].bytes)
		time += g[i].time;
	free(g);
	return dx_known(time / window);
}

struct dx_val fact_malloc_kept(struct dx_ctx *c)
{
	double kept = kept_of(c, &of_malloc), all = dx_fact(c, F_MALLOC)->v;
	double ext = dx_external(c, c->end - 1);

	if (isnan(kept))
		return dx_unknown(NO_RSS);
	if (!isnan(ext))
		kept = fmax(fmin(kept, all - ext), 0);
	return dx_at(kept, dx_fact(c, F_MALLOC_HIGH)->ts);
}

struct dx_val fact_heap_told(struct dx_ctx *c)
{
	return dx_known(!isnan(dx_last(c, C_USED)));
}

/*
 * Of the heap at its fullest, what a major collection freed since malloc's memory was at
 * its highest. Most runtimes do not say what they hold outside their heap; but what they
 * hold there hangs on objects in it, and when those died it was freed.
 */
static double heap_gone(struct dx_ctx *c)
{
	double high = NAN, left = NAN;
	uint64_t peak = dx_fact(c, F_MALLOC_HIGH)->ts;

	for (size_t i = 0; i < c->n_gcs; i++) {
		const struct mp_gc *g = &c->gcs[i];

		if (g->before != MP_UNKNOWN && !((double)g->before <= high))
			high = (double)g->before;
		if (dx_major(g) && g->ts >= peak)
			left = (double)g->after;
	}
	return high > 0 && !isnan(left) ? fmax(1 - left / high, 0) : NAN;
}

struct dx_val fact_malloc_freed(struct dx_ctx *c)
{
	double ext = dx_external(c, c->end - 1), high = dx_fact(c, F_MALLOC_HIGH)->v;
	double came = dx_fact(c, F_MALLOC_CAME)->v, most = NAN;

	for (size_t i = 0; i < c->end; i++)
		most = fmax(most, dx_external(c, i));
	if (dx_fact(c, F_HEAP_TOLD)->v < 1)
		return dx_unknown(
			"no heap was told: what of malloc's memory is in use is not known");
	/* an addon's own memory and the compiler's are malloc's too, and no heap tells of them */
	if (!isnan(ext) && !(most >= c->thr->v[T_HALF] * came))
		return dx_unknown("the heap never held most of it: what malloc's memory was for is"
				  " not known");
	if (!isnan(ext) && high > 0)
		return dx_known(fmax(1 - ext / high, 0));
	return dx_or(heap_gone(c), "no major collection since malloc's memory was at its highest:"
				   " what it holds may be garbage still");
}

/* An arena has one heap of 64 MiB (or 8) or several: at most so many arenas. */
struct dx_val fact_arenas(struct dx_ctx *c)
{
	uint64_t each = c->p->prints.seen & MP_PRINT_SMALL_ARENAS ? 8 << 20 : 64 << 20;
	uint64_t size = 0;

	if (!c->p->maps_known)
		return dx_unknown(NO_MAPS);
	for (const struct mp_mapping *v = c->p->maps; v; v = v->next)
		size += v->cls == MP_CLS_ARENA ? v->end - v->start : 0;
	return dx_known(round((double)size / (double)each));
}

struct dx_val fact_cpus(struct dx_ctx *c)
{
	uint64_t n = c->m->meta[MP_META_NCPU];

	return n && n != MP_UNKNOWN ? dx_known((double)n)
				    : dx_unknown("nothing told how many CPUs there are");
}

/* --- other malloc libraries ------------------------------------------------------------------ */

struct dx_val fact_lib(struct dx_ctx *c)
{
	return last_of(c, &of_lib, NO_RSS);
}

/* Bytes a second that came by faults or went by calls, up to sample i from the one before. */
static double bustle(const struct dx_ctx *c, size_t i)
{
	static const struct line moved = { 2, 0, { C_FAULTED, C_DROPPED }, { 0 } };
	double dt = c->s->t[i] - c->s->t[i - 1];

	return dt > 0 ? (at(c, &moved, i) - at(c, &moved, i - 1)) / dt : 0;
}

/* The last sample at which that was T_DECAY_QUIET of the most or more: the program worked. */
static size_t worked_last(const struct dx_ctx *c)
{
	double most = 0;
	size_t last = 0;

	for (size_t i = 1; i < c->end; i++)
		most = fmax(most, bustle(c, i));
	for (size_t i = 1; i < c->end; i++)
		if (bustle(c, i) > most * c->thr->v[T_DECAY_QUIET])
			last = i;
	return last;
}

struct dx_val fact_lib_kept(struct dx_ctx *c)
{
	return dx_or(kept_of(c, &of_lib), NO_RSS);
}

struct dx_val fact_lib_still(struct dx_ctx *c)
{
	double from = c->end ? c->s->t[worked_last(c)] : 0;

	return c->end ? dx_at(c->s->t[c->end - 1] - from, dx_ts(c, from)) : dx_unknown(NO_RSS);
}

/* Of what it had when the program last worked. */
struct dx_val fact_lib_back(struct dx_ctx *c)
{
	double then = c->end ? at(c, &of_lib, worked_last(c)) : NAN;

	return then > 0 ? dx_or(1 - dx_last(c, C_NATIVE) / then, NO_RSS) : dx_unknown(NO_RSS);
}

/* Given back by calls while it was looked at: such a library purges as long as it works. */
struct dx_val fact_lib_purged(struct dx_ctx *c)
{
	return dx_or(dx_last(c, C_DROPPED) - dx_first(c, C_DROPPED), NO_RSS);
}

/* A thread of jemalloc that purges while the program sleeps; names are known of threads
 * that faulted. */
struct dx_val fact_lib_helpers(struct dx_ctx *c)
{
	unsigned n = 0;

	for (size_t i = 0; i < c->p->n_threads; i++)
		n += !strncmp(mp_str(c->m, c->p->threads[i].name), "jemalloc_bg", 11);
	return dx_known(n);
}

/* --- all native memory ------------------------------------------------------------------------ */

struct dx_val fact_native(struct dx_ctx *c)
{
	return last_of(c, &of_native, NO_RSS);
}

struct dx_val fact_native_growth(struct dx_ctx *c)
{
	return leaked_of(c, &of_native, NO_RSS);
}

struct dx_val fact_native_order(struct dx_ctx *c)
{
	return order_of(c, &of_native, NO_RSS);
}

struct dx_val fact_native_late(struct dx_ctx *c)
{
	return late_of(c, &of_native, NO_RSS);
}

struct dx_val fact_native_rising(struct dx_ctx *c)
{
	return rising_of(c, &of_native, NO_RSS);
}

struct dx_val fact_native_rate(struct dx_ctx *c)
{
	double *v = values_of(c, &of_native), r = v ? stats_slope(c->s->t, v, c->end) : NAN;

	free(v);
	return dx_or(r * 3600, NO_RSS);
}

/*
 * A program that began while it was looked at grows because it begins: a compiler, an
 * import, a cache. Who attaches to one that runs sees none of that. A child that was there
 * when the session began is told within the first second.
 */
#define BEGAN_S 1.0

/* The first target was attached to soon after its start: of it alone the start is told. */
static bool began_just_before(const struct dx_ctx *c)
{
	uint64_t start = c->m->meta[MP_META_PROC_START], begin = c->m->meta[MP_META_BOOT_NS];

	if (c->p != mp_model_main(c->m) || !start || start == MP_UNKNOWN || begin == MP_UNKNOWN)
		return false;
	return begin < start || (double)(begin - start) / 1e9 <= c->thr->v[T_START_SOON];
}

/* A start slows down; what has grown so long, and at the end as fast as ever, is none. */
static bool grows_steadily(struct dx_ctx *c)
{
	return dx_fact(c, F_NATIVE_RISING)->v >= c->thr->v[T_START_LONG] &&
	       dx_fact(c, F_NATIVE_LATE)->v >= c->thr->v[T_START_PACE] &&
	       dx_fact(c, F_NATIVE_ORDER)->v >= c->thr->v[T_START_ORDER];
}

struct dx_val fact_starting(struct dx_ctx *c)
{
	const struct mp_proc *first = mp_model_main(c->m);
	bool launched = c->p->launched || (first && first->launched);
	double began = dx_t(c, c->p->start_ts), run = c->end ? c->s->t[c->end - 1] - began : 0;

	if (!launched && !(began > BEGAN_S) && !began_just_before(c))
		return dx_known(0);
	return dx_known(run < c->thr->v[T_WINDOW] && !grows_steadily(c));
}

struct dx_val fact_heap_grew(struct dx_ctx *c)
{
	if (dx_fact(c, F_HEAP_TOLD)->v < 1)
		return dx_known(0);
	return dx_or(dx_last(c, C_COMMITTED) - dx_first(c, C_COMMITTED),
		     "the heap does not say what it has committed");
}

struct dx_val fact_external_grew(struct dx_ctx *c)
{
	return dx_fact(c, F_HEAP_TOLD)->v < 1 ? dx_known(0) : *dx_fact(c, F_OFFHEAP_GROWTH);
}

/* --- mappings ----------------------------------------------------------------------------------
 */

struct dx_val fact_maps(struct dx_ctx *c)
{
	return dx_or(dx_last(c, C_MAPS), NO_MAPS);
}

struct dx_val fact_maps_growth(struct dx_ctx *c)
{
	return leaked_of(c, &of_maps, NO_MAPS);
}

struct dx_val fact_maps_order(struct dx_ctx *c)
{
	return order_of(c, &of_maps, NO_MAPS);
}

struct dx_val fact_maps_late(struct dx_ctx *c)
{
	return late_of(c, &of_maps, NO_MAPS);
}

struct dx_val fact_mmaps_left(struct dx_ctx *c)
{
	return growth_of(c, &of_mmaps, NO_MAPS);
}

struct dx_val fact_mmaps_order(struct dx_ctx *c)
{
	return order_of(c, &of_mmaps, NO_MAPS);
}

struct dx_val fact_mmaps_late(struct dx_ctx *c)
{
	return late_of(c, &of_mmaps, NO_MAPS);
}

struct dx_val fact_other_growth(struct dx_ctx *c)
{
	return leaked_of(c, &of_other, NO_RSS);
}

struct dx_val fact_maps_most(struct dx_ctx *c)
{
	return dx_known(c->thr->v[T_MAPS_MAX]);
}

/* --- threads and stacks
 * --------------------------------------------------------------------------- */

struct dx_val fact_stacks(struct dx_ctx *c)
{
	return last_of(c, &of_stacks, NO_RSS);
}

struct dx_val fact_stacks_growth(struct dx_ctx *c)
{
	return growth_of(c, &of_stacks, NO_RSS);
}

struct dx_val fact_stacks_still(struct dx_ctx *c)
{
	return still_of(c, &of_stacks);
}

struct dx_val fact_threads(struct dx_ctx *c)
{
	return last_of(c, &of_threads, NO_THREADS);
}

struct dx_val fact_threads_growth(struct dx_ctx *c)
{
	return growth_of(c, &of_threads, NO_THREADS);
}

struct dx_val fact_threads_order(struct dx_ctx *c)
{
	return order_of(c, &of_threads, NO_THREADS);
}

struct dx_val fact_threads_late(struct dx_ctx *c)
{
	return late_of(c, &of_threads, NO_THREADS);
}

struct dx_val fact_stacks_left(struct dx_ctx *c)
{
	return last_of(c, &of_left_stacks, NO_THREADS);
}

struct dx_val fact_stacks_left_growth(struct dx_ctx *c)
{
	return growth_of(c, &of_left_stacks, NO_THREADS);
}

struct dx_val fact_stacks_left_order(struct dx_ctx *c)
{
	return order_of(c, &of_left_stacks, NO_THREADS);
}

/* Fibers and guarded blocks look like stacks too, and start none. */
struct dx_val fact_threads_started(struct dx_ctx *c)
{
	return dx_or(dx_last(c, C_THREADS_STARTED) - dx_first(c, C_THREADS_STARTED), NO_THREADS);
}

/* Of those, by the mean size of all: what glibc keeps for threads to come is bounded. */
struct dx_val fact_stacks_left_size(struct dx_ctx *c)
{
	double left = dx_fact(c, F_STACKS_LEFT)->v, size = 0, n = 0;

	for (const struct mp_mapping *v = c->p->maps; v; v = v->next)
		if (v->cls == MP_CLS_STACK) {
			size += (double)(v->end - v->start);
			n++;
		}
	return n > 0 ? dx_or(left * size / n, NO_THREADS) : dx_unknown(NO_MAPS);
}

struct dx_val fact_stack_deepest(struct dx_ctx *c)
{
	const struct mp_mapping *deep = NULL;

	if (!c->p->maps_known)
		return dx_unknown(NO_MAPS);
	for (const struct mp_mapping *v = c->p->maps; v; v = v->next)
		if (v->cls == MP_CLS_STACK && (!deep || v->resident > deep->resident))
			deep = v;
	if (!deep)
		return dx_known(0);
	return dx_at((double)(deep->resident * MP_PAGE_SIZE),
		     deep->last_ts ? deep->last_ts : MP_UNKNOWN);
}
