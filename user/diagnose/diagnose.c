/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * diagnose.c - the series of all processes, the rules looked at one after the other, the
 * findings ranked, and what they leave unexplained.
 */
#include "user/diagnose/diagnose.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "user/diagnose/rules.h"
#include "user/util/util.h"

/* A process that ends gives its memory back: what it had up to so long before is judged. */
#define END_S 1.0
/* Bytes of one process that are believed: sums of DX_PROCS_MAX fit in 64 bits. */
#define SUM_MAX 9e15 /* and every one is exact in a double */

#define SHORT 64 /* samples */

struct mp_diagnosis {
	const struct mp_thresholds *thr;
	struct mp_thresholds *own; /* the defaults */
	uint64_t from;		   /* ts of the first event */
	uint64_t next, width;	   /* ns: the next border, the distance of borders */
	size_t n;
	struct dx_series *s[DX_PROCS_MAX];
	uint64_t left_out; /* processes that made room for others */
};

struct mp_diagnosis *mp_diagnosis_new(const struct mp_thresholds *t)
{
	struct mp_diagnosis *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->width = DX_WIDTH0;
	d->own = t ? NULL : mp_thresholds_new();
	d->thr = t ? t : d->own;
	if (d->thr)
		return d;
	free(d);
	return NULL;
}

void mp_diagnosis_free(struct mp_diagnosis *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->n; i++)
		dx_series_free(d->s[i]);
	mp_thresholds_free(d->own);
	free(d);
}

/* --- the series ------------------------------------------------------------------------ */

static const struct mp_proc *process_of(const struct mp_model *m, const struct dx_series *s)
{
	for (size_t i = 0; i < m->n_procs; i++)
		if (m->procs[i]->tgid == s->tgid && m->procs[i]->start_ts == s->start_ts)
			return m->procs[i];
	return NULL;
}

/* Of the processes that have ended the smallest makes way; NULL: none has. */
static struct dx_series *make_way(struct mp_diagnosis *d)
{
	struct dx_series *best = NULL;
	double least = INFINITY;

	for (size_t i = 1; i < d->n; i++) { /* the first target stays */
		double last = d->s[i]->n ? d->s[i]->col[C_RSS][d->s[i]->n - 1] : 0;

		if (!d->s[i]->ended)
			continue;
		if (!best || last < least) {
			best = d->s[i];
			least = last;
		}
	}
	return best;
}

static struct dx_series *find(const struct mp_diagnosis *d, const struct mp_proc *p)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->s[i]->tgid == p->tgid && d->s[i]->start_ts == p->start_ts)
			return d->s[i];
	return NULL;
}

/* Those that live and found no room, and those that made some. */
static uint64_t left_out(const struct mp_diagnosis *d, const struct mp_model *m)
{
	uint64_t n = d->left_out;

	for (size_t i = 0; d->n == DX_PROCS_MAX && i < m->n_procs; i++)
		n += !m->procs[i]->exited && !m->procs[i]->mm_gone && !find(d, m->procs[i]);
	return n;
}

/* The series of p; *err: none, for lack of memory. NULL without: too many that live. */
static struct dx_series *series_of(struct mp_diagnosis *d, const struct mp_proc *p, int *err)
{
	struct dx_series *s = find(d, p);

	if (s)
		return s;
	if (d->n == DX_PROCS_MAX) {
		s = make_way(d);
		d->left_out += s != NULL;
		if (s)
			dx_series_begin(s, p);
		return s;
	}
	s = dx_series_new(p);
	if (s)
		d->s[d->n++] = s;
	else
		*err = -ENOMEM;
	return s;
}

static void halve_all(struct mp_diagnosis *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->s[i]->n > SHORT) /* of a short life no moment can be spared */
			dx_series_halve(d->s[i]);
	if (d->width < MP_UNKNOWN / 4) /* a file may tell any times */
		d->width *= 2;
}

/* `at`: an event that p is told to end by, or to be killed; NULL: a border of the series. */
static int look(struct mp_diagnosis *d, const struct mp_model *m, const struct mp_proc *p,
		uint64_t ts, const struct mp_event *at)
{
	struct dx_series *s;
	int err = 0;

	if (p->mm_gone || p->exited || (!p->rss_known && !p->maps_known))
		return 0;
	s = series_of(d, p, &err);
	if (!s)
		return err;
	if (s->mm != p->mm) {
		s->n = 0; /* another program: exec */
		s->multi = NAN;
	}
	s->mm = p->mm;
	if (s->n == DX_SAMPLES)
		halve_all(d);
	dx_series_add(s, m, p, ts, at != NULL);
	s->ended = at && at->sub != MP_TASK_OOM;
	return 0;
}

int mp_diagnosis_step(struct mp_diagnosis *d, const struct mp_model *m, const struct mp_event *e)
{
	const struct mp_proc *p = NULL;
	int err = 0;

	if (!d->from)
		d->from = e->ts;
	if (e->type == MP_EV_TASK &&
	    (e->sub == MP_TASK_MM_EXIT || e->sub == MP_TASK_EXIT || e->sub == MP_TASK_OOM))
		p = mp_model_proc(m, e->mm);
	if (p && m->now)
		return look(d, m, p, m->now, e);
	if (e->ts < d->next || !m->now || m->in_key)
		return 0;
	for (size_t i = 0; i < m->n_procs && !err; i++)
		err = look(d, m, m->procs[i], m->now, NULL);
	/* a border that nothing happened at is left out, not made up for */
	d->next = e->ts - e->ts % d->width;
	d->next = d->next < MP_UNKNOWN - d->width ? d->next + d->width : MP_UNKNOWN;
	return err;
}

/* --- one process ------------------------------------------------------------------------ */

/* The model keeps the collections that it had of p before an exec. */
static void read_gcs(struct dx_ctx *c)
{
	size_t from = 0;

	while (from < c->p->n_gcs && c->p->gcs[from].ts < c->p->exec_ts)
		from++;
	c->gcs = from ? c->p->gcs + from : c->p->gcs; /* NULL when there are none */
	c->n_gcs = c->p->n_gcs - from;
}

static int read_floor(struct dx_ctx *c)
{
	struct dx_floor *f = &c->floor;

	f->t = malloc(2 * (c->n_gcs + 1) * sizeof(*f->t));
	if (!f->t)
		return -ENOMEM;
	f->v = f->t + c->n_gcs + 1;
	for (size_t i = 0; i < c->n_gcs; i++) {
		const struct mp_gc *g = &c->gcs[i];

		if (!dx_major(g))
			continue;
		f->t[f->n] = dx_t(c, g->ts);
		f->v[f->n++] = (double)g->after;
	}
	return 0;
}

/* Who was killed for lack of memory is judged by what was there just before. */
static size_t before_kill(const struct dx_series *s, const struct mp_model *m,
			  const struct mp_proc *p)
{
	double t = p->oom.ts > m->start ? (double)(p->oom.ts - m->start) / 1e9 : 0;
	size_t end = s->n;

	while (p->oom.ts && end > 1 && s->t[end - 1] > t)
		end--;
	return end;
}

static size_t judged_end(const struct dx_series *s, const struct mp_model *m,
			 const struct mp_proc *p)
{
	size_t end = before_kill(s, m, p), best = end;

	if (!end || p->oom.ts || (!p->exited && !p->mm_gone))
		return end;
	for (size_t i = end; i-- && (end - i <= 2 || s->t[end - 1] - s->t[i] <= END_S);)
		if (!isnan(s->col[C_RSS][i]) &&
		    (best == end || s->col[C_RSS][i] > s->col[C_RSS][best]))
			best = i;
	return best + (best < end);
}

/* To whom advice is given, enum dx_whom. */
static unsigned whom(const struct dx_ctx *c)
{
	static const unsigned of_source[MP_SRC_MAX] = {
		[MP_SRC_GC] = A_GC,   [MP_SRC_V8] = A_V8,	  [MP_SRC_GO] = A_GO,
		[MP_SRC_JVM] = A_JVM, [MP_SRC_PYTHON] = A_PYTHON, [MP_SRC_RUBY] = A_RUBY,
	};
	static const struct {
		unsigned print, whom;
	} of_print[] = { { MP_PRINT_GO, A_GO },
			 { MP_PRINT_V8, A_V8 },
			 { MP_PRINT_JVM, A_JVM },
			 { MP_PRINT_JEMALLOC, A_JEMALLOC },
			 { MP_PRINT_MIMALLOC, A_MIMALLOC },
			 { MP_PRINT_TCMALLOC, A_TCMALLOC } };
	const unsigned other = A_JEMALLOC | A_MIMALLOC | A_TCMALLOC;
	unsigned w = 0;

	for (unsigned s = 1; s < MP_SRC_MAX; s++)
		w |= c->p->heaps[s].present ? of_source[s] : 0;
	for (size_t i = 0; i < sizeof(of_print) / sizeof(of_print[0]); i++)
		w |= c->p->prints.seen & of_print[i].print ? of_print[i].whom : 0;
	if (!(w & (A_V8 | A_GO | A_JVM | A_PYTHON | A_RUBY | A_GC)))
		w |= A_NATIVE;
	if (c->p->prints.seen & MP_PRINT_LIBC && !(w & other))
		w |= A_GLIBC;
	return w | (isnan(dx_last(c, C_CG_LIMIT)) ? 0 : A_CGROUP);
}

/* --- one rule --------------------------------------------------------------------------- */

struct made {
	struct mp_findings *out;
	size_t cap, cap_withheld;
	int err;
};

static bool found(const struct mp_findings *fs, const char *cls, uint32_t pid)
{
	for (size_t i = 0; i < fs->n; i++)
		if (fs->v[i].pid == pid && !strcmp(fs->v[i].cls, cls))
			return true;
	return false;
}

static void withhold(struct made *k, const struct dx_ctx *c, const struct dx_rule *r,
		     const char *why)
{
	struct mp_withheld *w;

	for (size_t i = 0; i < k->out->n_withheld; i++)
		if (!strcmp(k->out->withheld[i].cls, r->cls) &&
		    k->out->withheld[i].pid == c->p->tgid)
			return; /* another rule of the class has */
	k->err = mp_grow(&k->out->withheld, &k->cap_withheld, k->out->n_withheld + 1, sizeof(*w));
	if (k->err)
		return;
	w = &k->out->withheld[k->out->n_withheld++];
	*w = (struct mp_withheld){ .cls = r->cls, .pid = c->p->tgid };
	snprintf(w->why, sizeof(w->why), "%s", why);
}

/* Why a condition is not known to hold. */
static const char *missing(struct dx_ctx *c, const struct dx_cond *q, char *buf, size_t size)
{
	const struct dx_val *v = dx_fact(c, q->fact);
	enum mp_dx_unit unit = dx_fact_unit(q->fact);
	char have[32], need[32];

	v = v->why ? v : dx_fact(c, q->of);
	if (v->why) {
		snprintf(buf, size, "%s", v->why);
		return buf;
	}
	snprintf(buf, size, "%s: %s, and %s are needed", dx_fact_what(q->fact),
		 mp_dx_value(have, sizeof(have), unit, dx_fact(c, q->fact)->v),
		 mp_dx_value(need, sizeof(need), unit, dx_fact(c, q->of)->v * c->thr->v[q->thr]));
	return buf;
}

/* Conditions of one kind: the first that is not known to hold decides, *first. */
static enum dx_truth of_role(struct dx_ctx *c, const struct dx_rule *r, enum dx_role role,
			     const struct dx_cond **first)
{
	enum dx_truth all = DX_YES;

	for (unsigned i = 0; i < r->n_conds; i++) {
		enum dx_truth t = r->conds[i].role == role ? dx_holds(c, &r->conds[i]) : DX_YES;

		if (t == DX_NO) {
			*first = &r->conds[i];
			return DX_NO;
		}
		if (t == DX_MAYBE && all == DX_YES) {
			all = DX_MAYBE;
			*first = &r->conds[i];
		}
	}
	return all;
}

/*
 * DX_MAYBE with why: it would be looked at if that were known. What has not been seen long
 * enough is not asked for its shape: that would be of too little, either way.
 */
static enum dx_truth judge(struct dx_ctx *c, const struct dx_rule *r, char why[MP_DX_TEXT])
{
	const struct dx_cond *q = NULL;
	enum dx_truth t;

	if (of_role(c, r, DX_GATE, &q) != DX_YES)
		return DX_NO;
	t = of_role(c, r, DX_NEED, &q) == DX_YES ? of_role(c, r, DX_MUST, &q) : DX_MAYBE;
	for (unsigned i = 0; i < r->n_nots && t == DX_YES; i++)
		if (dx_holds(c, &r->nots[i].is) == DX_NO)
			return DX_NO;
	if (t == DX_MAYBE)
		missing(c, q, why, MP_DX_TEXT);
	return t;
}

static double confidence(struct dx_ctx *c, const struct dx_rule *r)
{
	double k = r->confidence, window = dx_fact(c, F_WINDOW)->v, least = c->thr->v[T_WINDOW];

	for (unsigned i = 0; i < r->n_strong; i++)
		if (dx_holds(c, &r->strong[i]) == DX_YES)
			k = 1 - (1 - k) / 2;
	for (unsigned i = 0; i < r->n_nots; i++)
		if (dx_holds(c, &r->nots[i].is) == DX_MAYBE)
			k *= 0.8;
	if (r->trend && window < least)
		k *= 0.7 + 0.3 * window / least;
	if (dx_fact(c, F_LOST_SHARE)->v > 0)
		k *= 0.9;
	if (c->o->state && (!strcmp(c->o->state, "truncated") || !strcmp(c->o->state, "damaged")))
		k *= 0.9;
	return k;
}

static void add_conds(struct dx_ctx *c, struct mp_finding *f, const struct dx_cond *q, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const struct dx_val *v = dx_fact(c, q[i].fact);
		/* that there is none of what would speak against it is no evidence */
		bool none = v->v == 0 && q[i].role == DX_GATE;
		bool there = isnan(v->v) || q[i].fact == F_ONE || none;

		for (unsigned e = 0; e < f->n_evidence && !there; e++)
			there = !strcmp(f->evidence[e].what, dx_fact_what(q[i].fact));
		if (!there)
			dx_row(f, dx_fact_what(q[i].fact), dx_fact_unit(q[i].fact), v->v, v->ts);
	}
}

static void add_nots(struct dx_ctx *c, struct mp_finding *f, const struct dx_rule *r)
{
	for (unsigned i = 0; i < r->n_nots && f->n_nots < MP_DX_NOTS; i++) {
		if (dx_holds(c, &r->nots[i].is) != DX_YES)
			continue;
		f->nots[f->n_nots].cls = r->nots[i].cls;
		dx_words(c, r->nots[i].why, f->nots[f->n_nots].why, sizeof(f->nots[f->n_nots].why));
		f->n_nots++;
	}
}

static void add_advice(const struct dx_ctx *c, struct mp_finding *f, const struct dx_rule *r)
{
	unsigned w = whom(c);

	for (size_t i = 0; i < sizeof(r->advice) / sizeof(r->advice[0]); i++)
		if (r->advice[i].text && (!r->advice[i].whom || r->advice[i].whom & w) &&
		    f->n_advice < MP_DX_ADVICE)
			f->advice[f->n_advice++] = r->advice[i].text;
}

static void fill(struct dx_ctx *c, const struct dx_rule *r, struct mp_finding *f)
{
	double bytes = dx_fact(c, r->bytes)->v;
	uint64_t from = dx_fact(c, r->from)->ts;

	*f = (struct mp_finding){
		.cls = r->cls,
		.title = r->title,
		.pid = c->p->tgid,
		.comm = c->p->comm,
		.level = r->level,
		.confidence = confidence(c, r),
		.bytes = bytes > 0 && bytes < 1e18 ? (uint64_t)bytes : 0,
		.from = from != MP_UNKNOWN ? from : dx_ts(c, c->s->t[0]),
		.to = dx_ts(c, c->s->t[c->end - 1]),
		.where = r->where,
		.confirm = r->confirm,
	};
	if (r->n_bad && dx_holds(c, &r->bad) == DX_YES)
		f->level = MP_DX_BAD;
	dx_words(c, r->summary, f->summary, sizeof(f->summary));
	add_conds(c, f, r->conds, r->n_conds);
	add_conds(c, f, r->strong, r->n_strong);
	if (r->more)
		r->more(c, f);
	add_nots(c, f, r);
	add_advice(c, f, r);
}

static void look_at(struct made *k, struct dx_ctx *c, const struct dx_rule *r)
{
	char why[MP_DX_TEXT] = "";
	enum dx_truth t;

	for (size_t i = 0; i < sizeof(r->after) / sizeof(r->after[0]) && r->after[i]; i++)
		if (found(k->out, r->after[i], c->p->tgid))
			return;
	t = judge(c, r, why);
	if (t == DX_NO)
		return;
	if (r->trend && dx_fact(c, F_WINDOW)->v < c->thr->v[T_WINDOW_LEAST]) {
		t = DX_MAYBE;
		dx_words(c, "only {window} were looked at", why, sizeof(why));
	} else if (r->counts && dx_fact(c, F_LOST_SHARE)->v > c->thr->v[T_LOSS_SHARE]) {
		t = DX_MAYBE;
		dx_words(c, "{lost-share} of the events were lost", why, sizeof(why));
	}
	if (t == DX_MAYBE) {
		withhold(k, c, r, why);
		return;
	}
	k->err = mp_grow(&k->out->v, &k->cap, k->out->n + 1, sizeof(*k->out->v));
	if (!k->err)
		fill(c, r, &k->out->v[k->out->n++]);
}

/* --- all -------------------------------------------------------------------------------- */

static int by_bytes(const void *a, const void *b)
{
	const struct mp_finding *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	if (x->level != y->level)
		return x->level > y->level ? -1 : 1;
	return x->pid != y->pid ? (x->pid > y->pid) - (x->pid < y->pid) : strcmp(x->cls, y->cls);
}

/*
 * What findings explain of a process's RSS beside its live heap, each byte once: the one
 * of the most bytes takes first, from where its class lies.
 * rss == live + explained + unexplained, where the account's own unknown is in the last.
 */
static void explain(const struct dx_ctx *c, struct mp_findings *out)
{
	static const enum dx_col cols[W_N][4] = {
		{ C_LIVE },    { C_FREE },    { C_ARENAS, C_NATIVE, C_BRK },
		{ C_STACKS },  { C_RUNTIME }, { C_OTHER },
		{ C_FILE },    { C_SHMEM },   { C_LAZYFREE },
		{ C_UNSPLIT },
	};
	double left[W_N] = { 0 }, live, rss = dx_last(c, C_RSS), taken = 0;

	if (isnan(rss))
		return;
	for (unsigned w = 0; w < W_N; w++)
		for (unsigned i = 0; i < 4 && (!i || cols[w][i]); i++) {
			double v = dx_last(c, cols[w][i]);

			left[w] += isnan(v) ? 0 : v; /* what is not known explains nothing */
		}
	live = left[0];
	out->live_known |= !isnan(dx_last(c, C_USED));
	for (size_t i = 0; i < out->n; i++) {
		double want = (double)out->v[i].bytes;

		for (unsigned w = 0; out->v[i].pid == c->p->tgid && w < W_N; w++) {
			double some = out->v[i].where & 1u << w ? fmin(want, left[w]) : 0;

			left[w] -= some;
			want -= some;
			taken += w ? some : 0; /* the live heap is told apart */
		}
	}
	/* pages that the model believes in may be more than the kernel counts */
	rss = fmin(fmax(rss, 0), SUM_MAX);
	live = fmin(fmax(live, 0), rss);
	out->rss += (uint64_t)rss;
	out->live += (uint64_t)live;
	out->explained += (uint64_t)fmin(fmax(taken, 0), rss - live);
}

/* Seconds of the stream: when it was there last. */
static double last_there(const struct dx_ctx *c)
{
	bool lives = !c->p->exited && !c->p->mm_gone;

	return lives ? dx_t(c, c->m->now) : c->s->t[c->s->n - 1];
}

static bool there(const struct dx_ctx *c, double at)
{
	return c->end && last_there(c) >= at && dx_t(c, c->p->start_ts) <= at;
}

static double rss_at(const struct dx_ctx *c, size_t n, double at)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		if (there(&c[i], at) && !isnan(dx_last(&c[i], C_RSS)))
			sum += dx_last(&c[i], C_RSS);
	return sum;
}

/*
 * Of which moment the sums are: the last one, which is now as long as somebody lives. Who ended
 * just before gave its memory back by that (a command, and the shell that it was started by), so
 * it is the moment of the last END_S at which those that lived had most.
 */
static double moment_of_sums(const struct dx_ctx *c, size_t n)
{
	double end = 0, best = 0, most = -1;

	for (size_t i = 0; i < n; i++)
		end = c[i].end ? fmax(end, last_there(&c[i])) : end;
	for (size_t i = 0; i < n; i++) {
		double at = c[i].end ? last_there(&c[i]) : 0, sum;

		if (!c[i].end || at < end - END_S)
			continue;
		sum = rss_at(c, n, at);
		best = sum > most ? at : best;
		most = fmax(sum, most);
	}
	return best;
}

static int one_process(struct mp_diagnosis *d, struct made *k, struct dx_series *s,
		       const struct mp_model *m, const struct mp_proc *p,
		       const struct mp_diagnose_opts *o, struct dx_ctx *c)
{
	const struct dx_rule *r;

	*c = (struct dx_ctx){ .m = m, .p = p, .s = s, .thr = d->thr, .o = o };
	c->whole = p->start_ts >= d->from && !p->exec_ts;
	c->end = judged_end(s, m, p);
	read_gcs(c);
	k->err = c->end ? read_floor(c) : 0;
	if (c->end && !k->err)
		k->err = dx_read_live(c);
	for (size_t i = 0; c->end && !k->err && (r = dx_rule(i)); i++)
		look_at(k, c, r);
	return k->err;
}

/* Withheld classes that another rule's finding has answered say nothing more. */
static void drop_answered(struct mp_findings *out)
{
	size_t n = 0;

	for (size_t i = 0; i < out->n_withheld; i++)
		if (!found(out, out->withheld[i].cls, out->withheld[i].pid))
			out->withheld[n++] = out->withheld[i];
	out->n_withheld = n;
}

static void sum_up(struct mp_findings *out, struct dx_ctx *c, size_t n)
{
	double at = moment_of_sums(c, n);

	if (out->n)
		qsort(out->v, out->n, sizeof(*out->v), by_bytes);
	drop_answered(out);
	for (size_t i = 0; i < n; i++) {
		out->n_procs += c[i].end > 0;
		out->n_there += there(&c[i], at);
		if (there(&c[i], at))
			explain(&c[i], out);
		free(c[i].floor.t);
		free(c[i].live.t);
	}
	assert(out->rss >= out->live + out->explained);
	out->unexplained = out->rss - out->live - out->explained;
}

int mp_diagnosis_make(struct mp_diagnosis *d, const struct mp_model *m,
		      const struct mp_diagnose_opts *o, struct mp_findings *out)
{
	struct made k = { .out = out };
	struct dx_ctx *c = calloc(d->n + 1, sizeof(*c));
	size_t n = 0;

	*out = (struct mp_findings){ .from = m->first, .to = m->now };
	out->window = m->now > m->first ? m->now - m->first : 0;
	if (!c)
		return -ENOMEM;
	for (size_t i = 0; i < d->n && !k.err; i++) {
		const struct mp_proc *p = process_of(m, d->s[i]);
		const struct dx_series kept = *d->s[i];

		if (!p || (o->pid && p->tgid != o->pid))
			continue;
		/* as it is now, for this once */
		if (!p->mm_gone && !p->exited && p->mm == d->s[i]->mm)
			dx_series_add(d->s[i], m, p, m->now, true);
		one_process(d, &k, d->s[i], m, p, o, &c[n++]);
		*d->s[i] = kept;
	}
	out->left_out = left_out(d, m);
	sum_up(out, c, n);
	free(c);
	if (k.err)
		mp_findings_free(out);
	return k.err;
}

void mp_findings_free(struct mp_findings *f)
{
	free(f->v);
	free(f->withheld);
	memset(f, 0, sizeof(*f));
}
