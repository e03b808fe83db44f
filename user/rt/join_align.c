/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * join_align.c - the times of each heap of each run in the logs, and which runs are the
 * recording's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/rt/join_int.h"

#define MS	 1000000ULL
#define ENOUGH	 3	   /* collections of its own, by which a recording can be compared */
#define GOOD	 (5 * MS)  /* an error that nothing else would make less */
#define PAIR_TOL (20 * MS) /* what was seen from outside comes late by */
#define THREADS	 4	   /* those that faulted most are tried */

static int by_stream_and_time(const void *a, const void *b)
{
	const struct join_kept *x = a, *y = b;

	if (x->stream != y->stream)
		return x->stream < y->stream ? -1 : 1;
	return x->est < y->est ? -1 : x->est > y->est;
}

static uint64_t slack_of(enum mp_gclog_lang lang)
{
	if (lang == MP_GCLOG_V8 || lang == MP_GCLOG_V8_NVP)
		return 120000;			    /* a tenth of a MB, and rounded */
	return lang == MP_GCLOG_MPGC ? 0 : 1250000; /* cut to MB */
}

/* The two sides of a comparison. */
struct sides {
	struct mp_align_gc *log, *rec;
	uint32_t *of; /* numbers in seen, of rec's */
	size_t n, m;
};

static void sides_free(struct sides *d)
{
	free(d->log);
	free(d->rec);
	free(d->of);
}

/* Which of seen are of that heap's process and not found in another log yet. */
static bool comparable(const struct join_seen *e, const struct join_stream *s)
{
	return !e->used && e->proc == (uint32_t)s->proc && e->source == mp_gclog_source(s->lang);
}

static int sides_of(const struct mp_join *j, const struct join_stream *s, struct sides *d)
{
	memset(d, 0, sizeof(*d));
	d->log = malloc((s->n + 1) * sizeof(*d->log));
	d->rec = malloc((j->f.seen.n + 1) * sizeof(*d->rec));
	d->of = malloc((j->f.seen.n + 1) * sizeof(*d->of));
	if (!d->log || !d->rec || !d->of) {
		sides_free(d);
		return -ENOMEM;
	}
	for (size_t i = 0; i < s->n; i++) {
		const struct join_kept *k = &j->kept.v[s->from + i];

		d->log[d->n++] = (struct mp_align_gc){
			k->est, k->pause, k->marked != MP_UNKNOWN ? k->marked : k->before, k->after
		};
	}
	for (size_t i = 0; i < j->f.seen.n; i++) {
		if (!comparable(&j->f.seen.v[i], s))
			continue;
		d->of[d->m] = (uint32_t)i;
		d->rec[d->m++] = j->f.seen.v[i].gc;
	}
	return 0;
}

/* --- by what else happened ---------------------------------------------------------------- */

static bool has_mm(const struct join_proc *p, uint32_t mm)
{
	for (size_t i = 0; i < p->mms.n; i++)
		if (p->mms.v[i].mm == mm)
			return true;
	return false;
}

static int by_ts(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The times of a process' marks, of one thread or (0) of all: in order. */
static size_t times_of(const struct join_proc *p, const struct join_mark *v, size_t n, uint32_t tid,
		       uint64_t *out)
{
	size_t got = 0;

	for (size_t i = 0; i < n; i++)
		if ((!tid || v[i].tid == tid) && has_mm(p, v[i].mm))
			out[got++] = v[i].ts;
	qsort(out, got, sizeof(*out), by_ts);
	return got;
}

static int by_tid(const void *a, const void *b)
{
	const struct join_mark *x = a, *y = b;

	return x->tid < y->tid ? -1 : x->tid > y->tid;
}

/* The threads with most marks, most first. */
static size_t busiest(const struct join_mark *v, size_t n, uint32_t tid[THREADS])
{
	struct join_mark *s = malloc((n + 1) * sizeof(*s));
	size_t count[THREADS] = { 0 }, got = 0;

	if (!s || !n) {
		free(s);
		return 0;
	}
	memcpy(s, v, n * sizeof(*s));
	qsort(s, n, sizeof(*s), by_tid);
	for (size_t i = 0, k; i < n; i = k) {
		size_t at;

		for (k = i; k < n && s[k].tid == s[i].tid; k++)
			;
		for (at = got; at && count[at - 1] < k - i; at--)
			;
		if (at == THREADS)
			continue;
		got += got < THREADS;
		memmove(count + at + 1, count + at, (got - at - 1) * sizeof(*count));
		memmove(tid + at + 1, tid + at, (got - at - 1) * sizeof(*tid));
		count[at] = k - i;
		tid[at] = s[i].tid;
	}
	free(s);
	return got;
}

/* Pauses in which a thread of the program did nothing, or memory given back behind
 * collections; taken if that is within what the start allows and says more. */
static void by_marks(const struct mp_join *j, struct join_stream *s, const struct sides *d)
{
	const struct join_proc *p = &j->f.procs.v[s->proc];
	size_t most = j->f.faults.n > j->f.releases.n ? j->f.faults.n : j->f.releases.n, m, n;
	uint64_t *ts = malloc((most + 1) * sizeof(*ts)), window = 2 * s->err;
	uint32_t tid[THREADS];
	struct mp_align a = { 0 };
	bool found = false;

	if (!ts)
		return;
	/* Where threads of the program collect themselves, they fault in pauses of all places. */
	n = s->lang == MP_GCLOG_UNIFIED || s->lang == MP_GCLOG_LEGACY
		    ? busiest(j->f.faults.v, j->f.faults.n, tid)
		    : 0;
	for (size_t i = 0; i < n && !found; i++) {
		m = times_of(p, j->f.faults.v, j->f.faults.n, tid[i], ts);
		found = mp_align_silence(d->log, d->n, ts, m, window, &a);
	}
	if (!found) {
		m = times_of(p, j->f.releases.v, j->f.releases.n, 0, ts);
		found = mp_align_release(d->log, d->n, ts, m, window, &a);
	}
	free(ts);
	if (found && a.err < s->err && (uint64_t)llabs(a.shift) <= s->err + a.err)
		s->a = a;
}

/* --- one heap --------------------------------------------------------------------------- */

static enum mp_align_how how_of(const struct mp_join *j, enum join_base b)
{
	if (j->o.has_offset && b != BASE_NONE)
		return MP_ALIGN_GIVEN;
	return b == BASE_MONO	 ? MP_ALIGN_MONO
	       : b == BASE_WALL	 ? MP_ALIGN_WALL
	       : b == BASE_START ? MP_ALIGN_START
				 : MP_ALIGN_NONE;
}

/* Its line's place among those of the heap whose time is known. */
static bool by_order(const struct mp_join *j, struct join_stream *s)
{
	const struct join_stream *m = &j->streams.v[s->main];
	int64_t lo = s->order_lo, hi = s->order_hi;
	int64_t most = (int64_t)(j->f.last - s->zero - s->last_t) - m->a.shift;

	if (m->a.how == MP_ALIGN_NONE || s->base == BASE_MONO || s->base == BASE_WALL)
		return false;
	hi = hi == INT64_MAX && most > lo ? most : hi;
	if (lo == INT64_MIN || hi == INT64_MAX)
		return false;
	s->a = (struct mp_align){ .how = MP_ALIGN_ORDER,
				  .shift = m->a.shift + lo / 2 + hi / 2,
				  .err = m->a.err + (uint64_t)llabs(hi - lo) / 2 + 2 * MS };
	return true;
}

static int align_one(struct mp_join *j, struct join_stream *s)
{
	struct mp_align same = { 0 };
	struct sides d;
	int err = sides_of(j, s, &d);

	if (err)
		return err;
	s->a = (struct mp_align){ .how = how_of(j, s->base), .err = s->err };
	if (s->main >= 0 && (s->base == BASE_START || s->base == BASE_FREE) && !by_order(j, s))
		s->a.how = MP_ALIGN_NONE;
	if (s->base != BASE_MONO && !j->o.has_offset && d.m &&
	    mp_align_match(d.log, d.n, d.rec, d.m, slack_of(s->lang), s->err + PAIR_TOL,
			   s->err < MP_UNKNOWN / 8 ? 4 * s->err + 2000 * MS : s->err, &same)) {
		s->a = same;
	} else if (s->a.how == MP_ALIGN_START && s->err > GOOD && s->n) {
		by_marks(j, s, &d);
	}
	if (s->a.how != MP_ALIGN_MATCH && same.of) {
		s->a.n = same.n;
		s->a.of = same.of;
	}
	s->doubled = s->a.how != MP_ALIGN_MATCH && d.m >= ENOUGH && !j->o.has_offset &&
		     s->base != BASE_MONO && s->base != BASE_WALL;
	sides_free(&d);
	return 0;
}

/*
 * A Go program has one heap and one collection at a time: one of the log and one recorded that
 * are of the same time are the same, also where their sizes or pauses do not agree. With
 * `have`, d->m of them: those of the recording that are taken.
 */
static void pair_rest(const struct mp_join *j, const struct join_stream *s, const struct sides *d,
		      uint32_t *pair, bool *have)
{
	size_t k = 0;

	for (size_t i = 0; i < d->n; i++)
		if (pair[i])
			have[pair[i] - 1] = true;
	for (size_t i = 0; i < d->n; i++) {
		uint64_t end = d->log[i].ts + (uint64_t)s->a.shift + s->a.err;
		uint64_t back = j->kept.v[s->from + i].len + 2 * s->a.err;

		if (pair[i])
			continue;
		while (k < d->m && (have[k] || d->rec[k].ts + back < end))
			k++;
		if (k < d->m && d->rec[k].ts <= end)
			pair[i] = (uint32_t)++k;
	}
}

/* Of its collections those of the recording's time: before and behind it nothing is the same. */
static size_t within(const struct mp_join *j, const struct join_stream *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct join_kept *k = &j->kept.v[s->from + i];
		uint64_t at = k->est + (uint64_t)s->a.shift;

		n += k->seen || (at >= j->f.first && at <= j->f.last);
	}
	return n;
}

/* Which of its collections the recording has. */
static int pair_up(struct mp_join *j, struct join_stream *s)
{
	uint64_t tol = s->a.how == MP_ALIGN_MATCH ? PAIR_TOL : s->a.err + PAIR_TOL, spread;
	struct sides d;
	uint32_t *pair;
	bool *have;
	size_t got;
	int err;

	if (s->a.how == MP_ALIGN_NONE || s->doubled)
		return 0;
	err = sides_of(j, s, &d);
	pair = err ? NULL : malloc((d.n + 1) * sizeof(*pair));
	have = err ? NULL : calloc(d.m + 1, sizeof(*have));
	if (!pair || !have) {
		if (!err)
			sides_free(&d);
		free(pair);
		free(have);
		return -ENOMEM;
	}
	got = mp_align_pair(d.log, d.n, d.rec, d.m, slack_of(s->lang), s->a.shift, tol, pair,
			    &spread);
	if (s->a.how == MP_ALIGN_MATCH)
		s->a.err = spread + mp_align_grain(s->lang);
	if (s->lang == MP_GCLOG_GO)
		pair_rest(j, s, &d, pair, have);
	for (size_t i = 0; i < d.n; i++) {
		struct join_kept *k = &j->kept.v[s->from + i];

		k->seen = pair[i] ? d.of[pair[i] - 1] + 1 : 0;
		if (!k->seen)
			continue;
		j->f.seen.v[k->seen - 1].used = true;
		j->f.seen.v[k->seen - 1].reason = k->text + 1;
	}
	if (got) {
		size_t most = within(j, s);

		s->a.n = (unsigned)got;
		s->a.of = (unsigned)(most < d.m ? most : d.m);
	}
	free(pair);
	free(have);
	sides_free(&d);
	return 0;
}

/* Where a time is given, or stamps are taken at their word, nothing asks whether what the
 * recording has itself is the same: if it has its own collections then, and most are not found
 * among the log's, one of the two times is wrong. */
static void doubt(struct mp_join *j, struct join_stream *s)
{
	size_t same = 0, log, own = 0;

	if (s->a.how == MP_ALIGN_NONE || s->doubled)
		return;
	for (size_t i = 0; i < s->n; i++)
		same += j->kept.v[s->from + i].seen != 0;
	log = within(j, s) - same;
	for (size_t i = 0; i < j->f.seen.n; i++)
		own += comparable(&j->f.seen.v[i], s);
	s->twice = log >= ENOUGH && own >= ENOUGH && log > same && own > same;
}

/* --- runs -------------------------------------------------------------------------------- */

/* How much speaks for it. */
static uint64_t merit(const struct mp_join *j, const struct join_stream *s)
{
	const struct join_proc *p = &j->f.procs.v[s->proc];
	uint64_t end = s->zero + s->last_t + (uint64_t)s->a.shift;

	if (s->a.how == MP_ALIGN_MATCH)
		return (1ULL << 40) + s->a.n;
	if (p->exit != MP_UNKNOWN && end > p->exit + s->a.err)
		return 0; /* it ran for longer than the process */
	return s->a.how == MP_ALIGN_SILENCE || s->a.how == MP_ALIGN_RELEASE ? 2 : 1;
}

static bool overlap(const struct join_stream *a, const struct join_stream *b)
{
	return a->first_t + 10 * MS < b->last_t && b->first_t + 10 * MS < a->last_t;
}

/* One process wrote one run: of two that cannot both be it, the better, or the later. Parts of
 * one run in several files do not overlap. */
static void one_run(struct mp_join *j)
{
	for (size_t i = 0; i < j->streams.n; i++) {
		struct join_stream *a = &j->streams.v[i];

		for (size_t k = 0; k < i && !a->out; k++) {
			struct join_stream *b = &j->streams.v[k];
			bool rival = !b->out && a->proc == b->proc && a->lang == b->lang &&
				     a->base == b->base && a->isolate == b->isolate && a->proc >= 0;

			if (!rival || (a->base != BASE_START && a->base != BASE_FREE) ||
			    (a->file != b->file && !overlap(a, b)))
				continue;
			if (merit(j, b) > merit(j, a))
				a->out = true;
			else
				b->out = true;
		}
	}
}

int streams_align(struct mp_join *j)
{
	int err = 0;

	if (j->kept.n)
		qsort(j->kept.v, j->kept.n, sizeof(*j->kept.v), by_stream_and_time);
	for (size_t i = 0; i < j->kept.n; i++) {
		struct join_stream *s = &j->streams.v[j->kept.v[i].stream];

		s->from = s->n++ ? s->from : i;
	}
	for (size_t i = 0; i < j->streams.n && !err; i++)
		if (j->streams.v[i].proc >= 0)
			err = align_one(j, &j->streams.v[i]);
	one_run(j);
	for (size_t i = 0; i < j->streams.n && !err; i++)
		if (j->streams.v[i].proc >= 0 && !j->streams.v[i].out)
			err = pair_up(j, &j->streams.v[i]);
	/* when all have found their own */
	for (size_t i = 0; i < j->streams.n && !err; i++)
		if (j->streams.v[i].proc >= 0 && !j->streams.v[i].out)
			doubt(j, &j->streams.v[i]);
	return err;
}
