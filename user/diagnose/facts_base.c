/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * facts_base.c - facts of any process: how much is much, how long was looked, how much
 * is resident.
 */
#include "user/diagnose/facts.h"

struct dx_val fact_one(struct dx_ctx *c)
{
	(void)c;
	return dx_known(1);
}

struct dx_val fact_zero(struct dx_ctx *c)
{
	(void)c;
	return dx_known(0);
}

/* max(64 MiB, 10 % of RSS); under a limit max(32 MiB, 5 % of it), if that is less. */
struct dx_val fact_significant(struct dx_ctx *c)
{
	const double *thr = c->thr->v;
	double rss = dx_max(c, C_RSS), limit = dx_last(c, C_CG_LIMIT), g, l;

	g = fmax(thr[T_SIG_BYTES], isnan(rss) ? 0 : thr[T_SIG_SHARE] * rss);
	l = fmax(thr[T_SIG_LIMIT_BYTES], thr[T_SIG_LIMIT_SHARE] * limit);
	return dx_known(isnan(limit) ? g : fmin(g, l));
}

struct dx_val fact_window(struct dx_ctx *c)
{
	return dx_known(c->end ? c->s->t[c->end - 1] - c->s->t[0] : 0);
}

struct dx_val fact_rss(struct dx_ctx *c)
{
	return dx_or(dx_last(c, C_RSS), "nothing told RSS");
}

struct dx_val fact_anon(struct dx_ctx *c)
{
	return dx_or(dx_last(c, C_ANON), "nothing told RSS");
}

struct dx_val fact_lost_share(struct dx_ctx *c)
{
	double lost = (double)mp_model_lost_total(c->m), all = lost + (double)c->m->events;

	return dx_known(all > 0 ? lost / all : 0);
}

struct dx_val fact_rss_growth(struct dx_ctx *c)
{
	return dx_or(dx_last(c, C_RSS) - dx_first(c, C_RSS), "nothing told RSS");
}
