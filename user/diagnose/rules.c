/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rules.c - all rules in their order, and how a condition is looked at.
 *
 * The order decides two things: a rule's `after` names classes that come before it, and
 * findings of the same bytes are printed in it.
 */
#include "user/diagnose/rules.h"

#include <stdio.h>
#include <string.h>

static const struct dx_rules *const families[] = { &dx_rules_limit, &dx_rules_pages,
						   &dx_rules_native, &dx_rules_gc, &dx_rules_heap };

const struct dx_rule *dx_rule(size_t i)
{
	for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++) {
		if (i < families[f]->n)
			return &families[f]->v[i];
		i -= families[f]->n;
	}
	return NULL;
}

const char *mp_diagnose_class(size_t i)
{
	const struct dx_rule *r = dx_rule(i);

	return r ? r->cls : NULL;
}

enum dx_truth dx_holds(struct dx_ctx *c, const struct dx_cond *q)
{
	double v = dx_fact(c, q->fact)->v, w = dx_fact(c, q->of)->v * c->thr->v[q->thr];

	if (isnan(v) || isnan(w))
		return DX_MAYBE;
	switch (q->op) {
	case DX_GE:
		return v >= w;
	case DX_GT:
		return v > w;
	case DX_LE:
		return v <= w;
	case DX_LT:
		return v < w;
	}
	return DX_MAYBE;
}

char *dx_words(struct dx_ctx *c, const char *tmpl, char *buf, size_t size)
{
	size_t n = 0;

	while (*tmpl && n + 1 < size) {
		const char *end = *tmpl == '{' ? strchr(tmpl, '}') : NULL;
		enum dx_fact f = end ? dx_fact_find(tmpl + 1, (size_t)(end - tmpl - 1)) : F_N;
		char value[32];

		if (f == F_N) {
			buf[n++] = *tmpl++;
			continue;
		}
		mp_dx_value(value, sizeof(value), dx_fact_unit(f), dx_fact(c, f)->v);
		n += (size_t)snprintf(buf + n, size - n, "%s", value);
		tmpl = end + 1;
	}
	buf[n < size ? n : size - 1] = 0;
	return buf;
}

size_t dx_top_maps(const struct mp_proc *p, bool (*of)(enum mp_class),
		   const struct mp_mapping **top, size_t n)
{
	size_t have = 0, at;

	for (const struct mp_mapping *v = p->maps; v; v = v->next) {
		if (!v->resident || !of(v->cls))
			continue;
		for (at = have; at && top[at - 1]->resident < v->resident; at--)
			;
		if (at == n)
			continue;
		have += have < n;
		memmove(&top[at + 1], &top[at], (have - at - 1) * sizeof(*top));
		top[at] = v;
	}
	return have;
}

static struct mp_dx_row *row(struct mp_finding *f, const char *what, enum mp_dx_unit unit,
			     uint64_t ts)
{
	struct mp_dx_row *r = f->n_evidence < MP_DX_EVIDENCE ? &f->evidence[f->n_evidence++] : NULL;

	if (!r)
		return NULL;
	*r = (struct mp_dx_row){ .unit = unit, .v = NAN, .ts = ts };
	snprintf(r->what, sizeof(r->what), "%s", what);
	return r;
}

void dx_row(struct mp_finding *f, const char *what, enum mp_dx_unit unit, double v, uint64_t ts)
{
	struct mp_dx_row *r = row(f, what, unit, ts);

	if (r)
		r->v = v;
}

void dx_row_text(struct mp_finding *f, const char *what, const char *text, uint64_t ts)
{
	struct mp_dx_row *r = row(f, what, MP_DX_WORDS, ts);

	if (r)
		snprintf(r->text, sizeof(r->text), "%s", text);
}
