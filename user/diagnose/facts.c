/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * facts.c - the list of facts, each worked out once; what those who write facts share.
 */
#include "user/diagnose/facts.h"

#include <string.h>
#include <sys/wait.h>

static const struct {
	const char *name, *what;
	enum mp_dx_unit unit;
	struct dx_val (*fn)(struct dx_ctx *c);
} list[] = {
#define X(id, name, unit, what, fn) { name, what, unit, fn },
	DX_FACTS(X)
#undef X
};

const struct dx_val *dx_fact(struct dx_ctx *c, enum dx_fact f)
{
	if (!c->have[f]) {
		c->have[f] = true; /* a fact that asks for itself finds what is there: nothing */
		c->val[f] = dx_unknown("it rests on itself");
		c->val[f] = list[f].fn(c);
	}
	return &c->val[f];
}

const char *dx_fact_name(enum dx_fact f)
{
	return list[f].name;
}

const char *dx_fact_what(enum dx_fact f)
{
	return list[f].what;
}

enum mp_dx_unit dx_fact_unit(enum dx_fact f)
{
	return list[f].unit;
}

enum dx_fact dx_fact_find(const char *name, size_t len)
{
	unsigned f = 0;

	while (f < F_N && (strlen(list[f].name) != len || strncmp(list[f].name, name, len) != 0))
		f++;
	return (enum dx_fact)f;
}

struct dx_val dx_known(double v)
{
	return dx_at(v, MP_UNKNOWN);
}

struct dx_val dx_at(double v, uint64_t ts)
{
	if (!isfinite(v)) /* a file may tell anything */
		return dx_unknown("it is not known");
	return (struct dx_val){ v, ts, NULL };
}

struct dx_val dx_unknown(const char *why)
{
	return (struct dx_val){ NAN, MP_UNKNOWN, why };
}

struct dx_val dx_or(double v, const char *why)
{
	return isnan(v) ? dx_unknown(why) : dx_known(v);
}

double dx_min(double a, double b)
{
	return isnan(a) || isnan(b) ? NAN : fmin(a, b);
}

double dx_max2(double a, double b)
{
	return isnan(a) || isnan(b) ? NAN : fmax(a, b);
}

double dx_last(const struct dx_ctx *c, enum dx_col col)
{
	return c->end ? c->s->col[col][c->end - 1] : NAN;
}

double dx_first(const struct dx_ctx *c, enum dx_col col)
{
	for (size_t i = 0; i < c->end; i++)
		if (!isnan(c->s->col[col][i]))
			return c->s->col[col][i];
	return NAN;
}

double dx_max(const struct dx_ctx *c, enum dx_col col)
{
	double max = NAN;

	for (size_t i = 0; i < c->end; i++)
		if (isnan(max) || c->s->col[col][i] > max)
			max = c->s->col[col][i];
	return max;
}

double dx_growth(const struct dx_ctx *c, enum dx_col col)
{
	return dx_last(c, col) - dx_first(c, col);
}

double dx_counted(const struct dx_ctx *c, enum dx_col sum)
{
	return c->whole ? dx_last(c, sum) : dx_growth(c, sum);
}

/* V8's `external` is as old as its last collection; array buffers are counted at once. */
double dx_external(const struct dx_ctx *c, size_t i)
{
	double arrays = i < c->end ? c->s->col[C_ARRAYS][i] : NAN;

	if (c->p->heaps[MP_SRC_V8].present && !isnan(arrays))
		return arrays;
	return i < c->end ? c->s->col[C_EXTERNAL][i] : NAN;
}

bool dx_major(const struct mp_gc *g)
{
	return (g->kind == MP_GC_MAJOR || g->kind == MP_GC_COMPACT) && g->after != MP_UNKNOWN;
}

bool dx_ended(const struct mp_proc *p)
{
	return p->exited && p->exit_known && WIFEXITED(p->wait_status);
}

double dx_sum(const struct dx_ctx *c, size_t i, const enum dx_col *cols, size_t n)
{
	double sum = 0;

	for (size_t k = 0; k < n; k++)
		sum += c->s->col[cols[k]][i];
	return sum;
}

uint64_t dx_ts(const struct dx_ctx *c, double t)
{
	double ns = t * 1e9;

	/* times of a hostile recording may be beyond what a uint64_t holds once they are rounded */
	return ns < 0x1p63 ? c->m->start + (uint64_t)fmax(ns, 0) : MP_UNKNOWN;
}

double dx_t(const struct dx_ctx *c, uint64_t ts)
{
	return ts > c->m->start ? (double)(ts - c->m->start) / 1e9 : 0;
}
