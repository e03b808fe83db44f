/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * align.c - see align.h.
 *
 * Runtimes count from their own first look at the clock, which is after the start of the
 * process: what is usual was measured on idle and on busy machines (docs/architecture.md).
 * V8, Go and HotSpot all read CLOCK_MONOTONIC, so there is a shift and no drift.
 */
#include "user/rt/align.h"

#include <stdlib.h>
#include <string.h>

#define US 1000ULL
#define MS 1000000ULL

const char *mp_align_name(enum mp_align_how how)
{
	static const char *const names[MP_ALIGN_MAX] = {
		[MP_ALIGN_NONE] = "none",
		[MP_ALIGN_GIVEN] = "given",
		[MP_ALIGN_MONO] = "monotonic stamps",
		[MP_ALIGN_MATCH] = "the same collections",
		[MP_ALIGN_WALL] = "wall clock",
		[MP_ALIGN_SILENCE] = "pauses without faults",
		[MP_ALIGN_RELEASE] = "releases",
		[MP_ALIGN_ORDER] = "order of lines",
		[MP_ALIGN_START] = "process start",
	};

	return names[how < MP_ALIGN_MAX ? how : MP_ALIGN_NONE];
}

/* --- clocks ------------------------------------------------------------------------ */

static uint64_t apart(uint64_t a, uint64_t b)
{
	return a < b ? b - a : a - b;
}

/* How far ts is outside of [from, to). */
static uint64_t outside(uint64_t ts, uint64_t from, uint64_t to)
{
	return ts < from ? from - ts : ts >= to ? ts - to + 1 : 0;
}

uint64_t mp_align_wall(const struct mp_align_clock *c, size_t n, uint64_t wall, uint64_t after,
		       uint64_t *off)
{
	uint64_t best = MP_UNKNOWN, best_off = MP_UNKNOWN;

	for (size_t i = 0; i < n; i++) {
		/* before the machine's start is 0 */
		uint64_t ts = wall + c[i].ts < c[i].wall ? 0 : c[i].ts + (wall - c[i].wall);
		uint64_t d = outside(ts, i ? c[i].ts : 0, i + 1 < n ? c[i + 1].ts : MP_UNKNOWN);

		if (d < best_off || (d == best_off && best < after && ts >= after)) {
			best = ts;
			best_off = d;
		}
	}
	*off = best == MP_UNKNOWN ? 0 : best_off;
	return best;
}

/* CLOCK_BOOTTIME goes on while the machine sleeps, and never back. */
uint64_t mp_align_boot(const struct mp_align_clock *c, size_t n, uint64_t boot)
{
	uint64_t ts = MP_UNKNOWN;

	for (size_t i = 0; i < n && (!i || c[i].boot <= boot); i++)
		if (c[i].boot <= boot || c[i].boot - boot <= c[i].ts)
			ts = c[i].ts + (boot - c[i].boot);
	return ts;
}

/*
 * Between which instants the runtime looked at the clock first.
 *
 * Node makes V8's four workers at once, since Node 10 a fifth thread with them, then the
 * isolate, then others. The java launcher makes the thread of main(), which starts the clock
 * before it makes others. Go starts sysmon right before runtimeInitTime, and the next right
 * behind it (gcenable() in runtime.main()).
 * On an idle machine it is 2 to 3 ms, 0.4 ms and less behind; on one with ten times as much to
 * do as it can 47, 25 and 10 (who makes a thread may lose its turns to others), and it took as
 * much longer up to there since exec.
 */
static bool by_threads(enum mp_gclog_lang lang, uint64_t start, const uint64_t *t, size_t n,
		       uint64_t *lo, uint64_t *hi)
{
	bool v8 = lang == MP_GCLOG_V8 || lang == MP_GCLOG_V8_NVP;
	size_t at = v8 ? 3 : 0;

	if (n <= at)
		return false;
	if (v8 && n > 4 && t[4] - t[3] < 5 * MS)
		at = 4;
	*lo = t[at];
	*hi = t[at] + (lang == MP_GCLOG_GO ? 25 : 5) * MS + (t[at] - start) / 2;
	if (at + 1 < n && t[at + 1] < *hi)
		*hi = t[at + 1];
	return true;
}

uint64_t mp_align_start(enum mp_gclog_lang lang, uint64_t start, bool exact,
			const uint64_t *threads, size_t n, uint64_t *err)
{
	/* ms behind exec: at least, on an idle machine, on one that is busy ten times over */
	static const uint16_t late[MP_GCLOG_LANGS][3] = {
		[MP_GCLOG_V8] = { 15, 60, 1000 },   [MP_GCLOG_V8_NVP] = { 15, 60, 1000 },
		[MP_GCLOG_GO] = { 0, 5, 100 },	    [MP_GCLOG_UNIFIED] = { 5, 30, 500 },
		[MP_GCLOG_LEGACY] = { 5, 30, 500 },
	};
	uint64_t lo, hi;

	if (exact && by_threads(lang, start, threads, n, &lo, &hi)) {
		*err = (hi - lo) / 2 + mp_align_grain(lang);
		return lo + (hi - lo) / 2;
	}
	*err = (late[lang][2] - late[lang][1]) * MS + mp_align_grain(lang) + (exact ? 0 : 10 * MS);
	return start + late[lang][1] * MS;
}

uint64_t mp_align_grain(enum mp_gclog_lang lang)
{
	return lang == MP_GCLOG_MPGC ? US : MS;
}

/* --- the same collections ------------------------------------------------------------ */

static bool near(uint64_t a, uint64_t b, uint64_t by)
{
	return a != MP_UNKNOWN && b != MP_UNKNOWN && apart(a, b) <= by;
}

/* Sizes agree, or what was freed does: heaps of one process are added up by some sources and
 * not by others. Without sizes the pauses have to tell, and pauses that differ always do. */
static bool alike(const struct mp_align_gc *a, const struct mp_align_gc *b, uint64_t slack)
{
	bool pauses = a->pause != MP_UNKNOWN && b->pause != MP_UNKNOWN;

	if (pauses && apart(a->pause, b->pause) > MS + a->pause / 8)
		return false;
	if (near(a->after, b->after, slack))
		return near(a->before, b->before, slack);
	if (a->after == MP_UNKNOWN || b->after == MP_UNKNOWN)
		return pauses && near(a->pause, b->pause, US * 200);
	return pauses && a->before != MP_UNKNOWN && b->before != MP_UNKNOWN &&
	       near(a->before - a->after, b->before - b->after, slack / 4) &&
	       near(a->pause, b->pause, US * 50);
}

#define CLUSTER (10 * MS)  /* shifts of one truth lie so close together */
#define ANCHORS 512u	   /* of the recording's, evenly spread, are looked for */
#define SHIFTS	(1u << 18) /* candidates at most */

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* Where the first of v[0..n) is that is not before ts. */
static size_t lower(const struct mp_align_gc *v, size_t n, uint64_t ts)
{
	size_t lo = 0;

	while (n > lo) {
		size_t mid = lo + (n - lo) / 2;

		if (v[mid].ts < ts)
			lo = mid + 1;
		else
			n = mid;
	}
	return lo;
}

/* All shifts within the window at which some pair agrees. */
static size_t candidates(const struct mp_align_gc *log, size_t n, const struct mp_align_gc *rec,
			 size_t m, uint64_t slack, uint64_t window, int64_t *out)
{
	size_t step = m / ANCHORS + 1, got = 0;

	for (size_t j = 0; j < m; j += step) {
		uint64_t from = rec[j].ts > window ? rec[j].ts - window : 0;

		for (size_t i = lower(log, n, from); i < n && got < SHIFTS; i++) {
			if (log[i].ts > rec[j].ts + window)
				break;
			if (alike(&log[i], &rec[j], slack))
				out[got++] = (int64_t)(rec[j].ts - log[i].ts);
		}
	}
	return got;
}

/* The densest stretch of CLUSTER, not within CLUSTER of `but`: how many are in it. */
static size_t densest(const int64_t *v, size_t n, const int64_t *but, uint64_t within, size_t *at)
{
	size_t best = 0;

	for (size_t i = 0, k = 0; i < n; i++) {
		while (v[i] - v[k] > (int64_t)CLUSTER)
			k++;
		if (but && v[i] >= *but - (int64_t)CLUSTER && v[k] <= *but + (int64_t)CLUSTER)
			continue;
		if ((uint64_t)llabs(v[k + (i - k) / 2]) > within)
			continue;
		if (i - k + 1 > best) {
			best = i - k + 1;
			*at = k;
		}
	}
	return best;
}

bool mp_align_match(const struct mp_align_gc *log, size_t n, const struct mp_align_gc *rec,
		    size_t m, uint64_t slack, uint64_t likely, uint64_t window, struct mp_align *a)
{
	int64_t *v = n && m ? malloc(SHIFTS * sizeof(*v)) : NULL;
	size_t got, best, other, near_by, at = 0, unused, looked = m / (m / ANCHORS + 1);
	bool sure, usual;

	if (!v)
		return false;
	got = candidates(log, n, rec, m, slack, window, v);
	qsort(v, got, sizeof(*v), by_value);
	best = densest(v, got, NULL, likely, &at);
	other = densest(v, got, NULL, window, &unused);
	if (!best || other > 2 * best) { /* what is usual is not so here */
		best = other;
		at = unused;
	}
	a->shift = best ? v[at + best / 2] : 0;
	usual = (uint64_t)llabs(a->shift) <= likely;
	other = best ? densest(v, got, &a->shift, window, &unused) : 0;
	near_by = best ? densest(v, got, &a->shift, likely, &unused) : 0;
	/* By chance pairs agree anywhere. A steady program agrees with itself one period on:
	 * then the shift that is usual is meant. Few that agree say something only where few
	 * could. */
	sure = best >= 3 && (best > 2 * other || (usual && best >= other && best > 2 * near_by));
	if (best && best < 3)
		sure = best >= looked && !other && usual;
	a->n = (unsigned)best;
	a->of = (unsigned)looked;
	a->how = sure ? MP_ALIGN_MATCH : MP_ALIGN_NONE;
	free(v);
	return sure;
}

size_t mp_align_pair(const struct mp_align_gc *log, size_t n, const struct mp_align_gc *rec,
		     size_t m, uint64_t slack, int64_t shift, uint64_t tol, uint32_t *pair,
		     uint64_t *spread)
{
	size_t first = 0, paired = 0, free_from = 0;

	*spread = 0;
	memset(pair, 0, n * sizeof(*pair));
	for (size_t i = 0; i < n; i++) {
		uint64_t ts = log[i].ts + (uint64_t)shift, best = MP_UNKNOWN;
		size_t hit = m;

		while (first < m && rec[first].ts + tol < ts)
			first++;
		if (first < free_from)
			first = free_from;
		for (size_t j = first; j < m && rec[j].ts <= ts + tol; j++) {
			uint64_t d = apart(rec[j].ts, ts);

			if (d < best && alike(&log[i], &rec[j], slack)) {
				best = d;
				hit = j;
			}
		}
		if (hit == m)
			continue;
		pair[i] = (uint32_t)hit + 1;
		free_from = hit + 1; /* both are in order */
		paired++;
		*spread = best > *spread ? best : *spread;
	}
	return paired;
}

/* --- what else happened ---------------------------------------------------------------- */

static size_t first_mark(const uint64_t *v, size_t n, uint64_t ts)
{
	size_t lo = 0;

	while (n > lo) {
		size_t mid = lo + (n - lo) / 2;

		if (v[mid] < ts)
			lo = mid + 1;
		else
			n = mid;
	}
	return lo;
}

#define BIN    MS
#define BINS   4000u /* of a window to both sides */
#define SIGMAS 6
#define ALONE  20 /* bins from a peak to another's */

/* In how many collections a mark falls into each bin of the shift. */
static void histogram(const struct mp_align_gc *log, size_t n, const uint64_t *marks, size_t m,
		      uint64_t window, uint32_t *bins)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t from = log[i].ts > window ? log[i].ts - window : 0, last = MP_UNKNOWN;

		for (size_t k = first_mark(marks, m, from); k < m; k++) {
			uint64_t bin = (marks[k] + window - log[i].ts) / BIN;

			if (marks[k] >= log[i].ts + window || bin >= BINS)
				break;
			if (bin != last) /* a burst is one */
				bins[bin]++;
			last = bin;
		}
	}
}

bool mp_align_release(const struct mp_align_gc *log, size_t n, const uint64_t *marks, size_t m,
		      uint64_t window, struct mp_align *a)
{
	uint32_t bins[BINS] = { 0 };
	size_t used, peak = 0, lo, hi;
	uint64_t sum = 0;
	double mean;

	window = window < BINS / 2 * BIN ? window : BINS / 2 * BIN;
	used = (size_t)(2 * window / BIN);
	if (n < 5 || m < 5 || used < 20)
		return false;
	histogram(log, n, marks, m, window, bins);
	for (size_t b = 0; b < used; b++) {
		sum += bins[b];
		peak = bins[b] > bins[peak] ? b : peak;
	}
	mean = (double)(sum - bins[peak]) / (double)(used - 1);
	a->n = bins[peak];
	a->of = (unsigned)n;
	/* Poisson: (peak - mean)^2 > SIGMAS^2 mean; and often enough to be a habit */
	if (bins[peak] < 5 || bins[peak] * 4 < n ||
	    (bins[peak] - mean) * (bins[peak] - mean) < SIGMAS * SIGMAS * (mean > 1 ? mean : 1))
		return false;
	for (size_t b = 0; b < used; b++) /* a steady program has a peak each period */
		if ((b + ALONE < peak || b > peak + ALONE) && bins[b] * 5 > bins[peak] * 3)
			return false;
	for (lo = peak; lo && bins[lo - 1] * 2 > bins[peak]; lo--)
		;
	for (hi = peak; hi + 1 < used && bins[hi + 1] * 2 > bins[peak]; hi++)
		;
	/* By the first bin that stands out: what is given back comes behind, how far is the
	 * runtime's affair. */
	a->how = MP_ALIGN_RELEASE;
	a->shift = (int64_t)(lo * BIN + BIN / 2) - (int64_t)window;
	a->err = (hi - lo + 1) * BIN + 5 * MS;
	return true;
}

#define STEP	  (MS / 2)
#define EXPECTED  20.0 /* marks that would be in the pauses by chance */
#define MOST_WORK (1u << 24)
/* Of those as many at most are in them: a thread of the program faults in no pause, but times are
 * rounded. More of them have the collector's own threads, and one that others held up. */
#define IN_PAUSES (1 / 20.0)

/* Marks inside the pauses, shifted; counting ends beyond `enough`. */
static size_t inside(const struct mp_align_gc *log, size_t n, const uint64_t *marks, size_t m,
		     int64_t shift, size_t enough)
{
	size_t sum = 0;

	for (size_t i = 0; i < n && sum <= enough; i++) {
		uint64_t end = log[i].ts + (uint64_t)shift;

		if (log[i].pause == MP_UNKNOWN || log[i].pause < MS || log[i].pause > end)
			continue;
		sum += first_mark(marks, m, end) - first_mark(marks, m, end - log[i].pause);
	}
	return sum;
}

bool mp_align_silence(const struct mp_align_gc *log, size_t n, const uint64_t *marks, size_t m,
		      uint64_t window, struct mp_align *a)
{
	int64_t steps = (int64_t)(window / STEP), first = 0, last = 0, best_at = 0;
	size_t best = SIZE_MAX, sum = 0, v;
	double mean;

	if (!n || !m || steps < 4 || (uint64_t)steps * 2 * n > MOST_WORK)
		return false;
	for (int64_t s = -steps; s <= steps; s++) {
		v = inside(log, n, marks, m, s * (int64_t)STEP, SIZE_MAX);
		sum += v;
		if (v < best) {
			best = v;
			best_at = s;
		}
	}
	mean = (double)sum / (double)(2 * steps + 1);
	if (mean < EXPECTED || (double)best > mean * IN_PAUSES)
		return false;
	/* Every shift that is about as silent could be it: they must be one stretch. */
	for (first = best_at; first > -steps; first--)
		if (inside(log, n, marks, m, (first - 1) * (int64_t)STEP, best + 2) > best + 2)
			break;
	for (last = best_at; last < steps; last++)
		if (inside(log, n, marks, m, (last + 1) * (int64_t)STEP, best + 2) > best + 2)
			break;
	for (int64_t s = -steps; s <= steps; s++)
		if ((s < first || s > last) &&
		    inside(log, n, marks, m, s * (int64_t)STEP, best + 2) <= best + 2)
			return false;
	if (first == -steps || last == steps)
		return false;
	a->how = MP_ALIGN_SILENCE;
	a->shift = (first + last) * (int64_t)STEP / 2;
	a->err = (uint64_t)(last - first) * STEP / 2 + MS;
	a->n = (unsigned)(mean - (double)best);
	a->of = (unsigned)mean;
	return true;
}
