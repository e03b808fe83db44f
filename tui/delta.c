/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * delta.c - two marked moments and what changed between them, compared once and kept
 * until a mark moves.
 */
#include "tui/delta.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tui/draw.h"
#include "user/util/util.h"

#define SHOWN 40 /* rows of a table; what is beyond is one row, so that all adds up */

/* --- marks --------------------------------------------------------------------------- */

void tui_mark_set(struct tui_view *v, const struct mp_model *m)
{
	uint64_t ts = tui_view_moment(v, m);
	unsigned which = !v->mark[0] ? 0 : !v->mark[1] ? 1 : !v->marked;

	if (!tui_view_proc(v, m))
		return;
	v->mark[which] = ts;
	v->marked = which;
	if (v->mark[!which])
		tui_view_say(v, "mark %c is set: ' shows what changed from A to B", "AB"[which]);
	else
		tui_view_say(v, "mark %c is set: m elsewhere sets %c", "AB"[which], "AB"[!which]);
}

void tui_mark_clear(struct tui_view *v)
{
	v->mark[0] = v->mark[1] = 0;
	v->marked = 0;
}

void tui_mark_go(struct tui_view *v, const struct mp_model *m, int dir)
{
	uint64_t at = tui_view_moment(v, m), best = 0;

	for (int i = 0; i < 2; i++) {
		uint64_t t = v->mark[i];

		if (t && (dir > 0 ? t > at : t < at) && (!best || (dir > 0 ? t < best : t > best)))
			best = t;
	}
	if (best)
		tui_view_go(v, m, best, UINT32_MAX);
	else
		tui_view_say(v, "no mark %s: m sets one",
			     dir > 0 ? "later than this" : "before this");
}

void tui_mark_delta(struct tui_frame *f)
{
	struct tui_view *v = f->view;
	uint64_t at = tui_view_moment(v, f->now);

	if (!v->mark[0] || !v->mark[1]) {
		tui_view_say(v, "two marks are compared: m sets %s",
			     v->mark[0] ? "the second" : "one here");
		return;
	}
	if (v->pane == TUI_P_DELTA) /* to and fro */
		tui_view_go(v, f->now, !v->follow && at == v->mark[0] ? v->mark[1] : v->mark[0],
			    UINT32_MAX);
	v->pane = TUI_P_DELTA;
}

/* --- the comparison ------------------------------------------------------------------ */

static void drop(struct tui_delta *d)
{
	if (d->diff)
		mp_diff_free(d->diff);
	free(d->diff);
	free(d->row);
	memset(d, 0, sizeof(*d));
}

void tui_delta_free(struct tui_delta *d)
{
	drop(d);
}

static void add(struct tui_delta *d, struct tui_delta_row r)
{
	if (mp_grow(&d->row, &d->cap, d->n + 1, sizeof(d->row[0])))
		d->err = -ENOMEM;
	else
		d->row[d->n++] = r;
}

static void add_rows(struct tui_delta *d, enum tui_delta_part part, const struct mp_diff_row *v,
		     size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((v[i].a_known || v[i].b_known) &&
		    (!mp_diff_row_known(&v[i]) || v[i].a != v[i].b))
			add(d, (struct tui_delta_row){ .part = part,
						       .name = v[i].label,
						       .a = v[i].a,
						       .b = v[i].b,
						       .a_known = v[i].a_known,
						       .b_known = v[i].b_known,
						       .unit = v[i].unit });
}

/* The sum of what both can tell; account rows that one side lacks are one of them. */
static void add_sum(struct tui_delta *d)
{
	const struct mp_diff *x = d->diff;
	struct tui_delta_row r = { .part = TUI_D_CLASS,
				   .name = "sum of the classes",
				   .sum = true,
				   .a_known = true,
				   .b_known = true };

	if (!x->rss_known)
		return;
	for (size_t i = 0; i < x->n_account; i++) {
		r.a += mp_diff_row_known(&x->account[i]) ? x->account[i].a : 0;
		r.b += mp_diff_row_known(&x->account[i]) ? x->account[i].b : 0;
	}
	r.wrong = r.b - r.a != x->rss[1] - x->rss[0];
	add(d, r);
}

static void add_table(struct tui_delta *d, enum tui_delta_part part, const struct mp_diff_table *t)
{
	struct tui_delta_row rest = { .part = part, .a_known = true, .b_known = true };
	struct tui_delta_row sum = { .part = part,
				     .name = "sum of them",
				     .sum = true,
				     .a = t->a,
				     .b = t->b,
				     .a_known = true,
				     .b_known = true };
	int64_t a = 0, b = 0;

	if (!t->known || !t->n)
		return;
	for (size_t i = 0; i < t->n; i++) {
		const struct mp_diff_group *g = &t->v[i];

		a += g->a;
		b += g->b;
		if (i < SHOWN && mp_diff_change(g)) {
			add(d, (struct tui_delta_row){ .part = part,
						       .group = g,
						       .a = g->a,
						       .b = g->b,
						       .a_known = true,
						       .b_known = true });
		} else {
			rest.a += g->a;
			rest.b += g->b;
			rest.others++;
		}
	}
	if (rest.others)
		add(d, rest);
	sum.wrong = a != t->a || b != t->b ||
		    (part == TUI_D_MAPPING && d->diff->rss_known &&
		     t->b - t->a != d->diff->rss[1] - d->diff->rss[0]);
	add(d, sum);
}

static void make_rows(struct tui_delta *d)
{
	const struct mp_diff *x = d->diff;

	add(d, (struct tui_delta_row){ .part = TUI_D_RSS,
				       .name = "RSS",
				       .a = x->rss[0],
				       .b = x->rss[1],
				       .a_known = x->rss_told[0],
				       .b_known = x->rss_told[1],
				       .sum = true,
				       .wrong = !mp_diff_check(x) });
	add_rows(d, TUI_D_CLASS, x->account, x->n_account);
	add_sum(d);
	add_rows(d, TUI_D_BESIDE, x->beside, x->n_beside);
	add_table(d, TUI_D_MAPPING, &x->mappings);
	add_table(d, TUI_D_TOUCHED, &x->touched);
	add_table(d, TUI_D_RELEASED, &x->released);
	add_rows(d, TUI_D_GC, x->gc, x->n_gc);
}

static void fill(struct mp_diff_side *s, const struct tui_frame *f, const struct mp_model *m,
		 uint64_t ts)
{
	const struct mp_proc *p = tui_view_proc(f->view, f->now);

	*s = (struct mp_diff_side){ .m = m, .names = f->now, .at = tui_since(f->now, ts) };
	s->info = (struct mp_report_info){ .state = f->live ? "live" : "clean",
					   .duration_ns = MP_UNKNOWN,
					   .events = MP_UNKNOWN,
					   .blocks = MP_UNKNOWN,
					   .bytes = MP_UNKNOWN,
					   .pid = f->view->mm && p ? p->tgid : 0 };
}

static void compare(struct tui_frame *f, const struct mp_model *m[2])
{
	struct tui_delta *d = &f->delta;
	struct mp_diff_side s[2];

	for (int i = 0; i < 2; i++)
		fill(&s[i], f, m[i], f->view->mark[i]);
	d->diff = calloc(1, sizeof(*d->diff));
	d->err = d->diff ? mp_diff_make(d->diff, &s[0], &s[1], f->view->mark[0] <= f->view->mark[1])
			 : -ENOMEM;
	if (d->err) {
		free(d->diff);
		d->diff = NULL;
		return;
	}
	make_rows(d);
}

static bool current(const struct tui_frame *f)
{
	const struct tui_delta *d = &f->delta;

	return d->a == f->view->mark[0] && d->b == f->view->mark[1] && d->mm == f->view->mm;
}

bool tui_delta_wanted(const struct tui_frame *f)
{
	const struct tui_delta *d = &f->delta;
	const struct tui_view *v = f->view;

	return v->pane == TUI_P_DELTA && v->mark[0] && v->mark[1] && f->src && f->src->hold &&
	       !(current(f) && (d->diff || d->err));
}

/* The state at a mark. NULL: it is on its way, or d->err says that it will never be there. */
static const struct mp_model *held(struct tui_frame *f, unsigned i)
{
	const struct tui_source *src = f->src;
	const struct mp_model *m = src->hold(src->ctx, i, f->view->mark[i]);

	if (m || (src->work && src->work(src->ctx)))
		return m;
	/* nothing is under way: it is there now, or never */
	errno = 0;
	m = src->hold(src->ctx, i, f->view->mark[i]);
	if (!m) {
		f->delta.err = errno == ENOMEM ? -ENOMEM : -ENODATA;
		f->delta.lost = "AB"[i];
	}
	return m;
}

bool tui_delta_work(struct tui_frame *f)
{
	struct tui_delta *d = &f->delta;
	const struct mp_model *m[2];

	if (!tui_delta_wanted(f))
		return false;
	if (!current(f))
		drop(d);
	d->a = f->view->mark[0];
	d->b = f->view->mark[1];
	d->mm = f->view->mm;
	/* B is not asked for while A is on its way: it would be from its beginning again */
	for (unsigned i = 0; i < 2; i++) {
		m[i] = held(f, i);
		if (!m[i])
			return !d->err;
	}
	compare(f, m);
	return false;
}
