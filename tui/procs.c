/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * procs.c - the processes of the moment looked at, as rows and as a tree; going from the
 * list to one of them and back. How a row looks is pane_procs.c's matter.
 */
#include "tui/procs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tui/draw.h"
#include "user/util/util.h"
#include "user/view/figures.h"

#define RATE_NS	   1000000000ULL  /* over which faults a second are counted */
#define SPAN_NS	   60000000000ULL /* of the curves, where no plot says it    */
#define OPENING_NS 2000000000ULL  /* a session's targets are told within it  */
#define DEPTH_MAX  16

uint64_t tui_procs_seen(const struct mp_model *m)
{
	return m->ended.procs + m->n_procs;
}

char *tui_end_text(const struct mp_proc *p, char *buf, size_t size)
{
	if (!p->exited)
		snprintf(buf, size, "%s", "");
	else if (!p->exit_known)
		snprintf(buf, size, "ended");
	else if (WIFSIGNALED(p->wait_status))
		snprintf(buf, size, "killed by signal %d", WTERMSIG(p->wait_status));
	else
		snprintf(buf, size, "exited %d", WEXITSTATUS(p->wait_status));
	return buf;
}

char *tui_end_brief(const struct mp_proc *p, char *buf, size_t size)
{
	if (p->exited && p->exit_known && WIFSIGNALED(p->wait_status))
		snprintf(buf, size, "signal %d", WTERMSIG(p->wait_status));
	else
		tui_end_text(p, buf, size);
	return buf;
}

void tui_procs_span(const struct tui_frame *f, uint64_t *t0, uint64_t *t1)
{
	const struct tui_window *win = &f->win;
	uint64_t at = f->state ? f->state->now : f->now->now;

	*t1 = at;
	*t0 = f->view->fit || at < f->now->start + SPAN_NS ? f->now->start : at - SPAN_NS;
	if (!win->tl || win->cols < 1)
		return;
	*t0 = win->tl->start + (uint64_t)win->col0 * win->colw;
	*t1 = *t0 + (uint64_t)win->cols * win->colw;
	if (*t1 > f->now->now)
		*t1 = f->now->now;
}

/* --- collecting -------------------------------------------------------------------- */

/* The processes of a model by pid, of one pid in the order they were seen: asked for each
 * row, so that a search through all of them would make a frame's time grow by the square. */
struct pids {
	const struct mp_model *m;
	struct pid {
		uint32_t pid, i;
	} * v;
};

static int by_pid_seen(const void *a, const void *b)
{
	const struct pid *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return x->i < y->i ? -1 : x->i > y->i;
}

/* 0 or -ENOMEM; v->v is the caller's to free. */
static int sort_pids(struct pids *v, const struct mp_model *m)
{
	v->m = m;
	v->v = malloc((m->n_procs + 1) * sizeof(*v->v));
	if (!v->v)
		return -ENOMEM;
	for (size_t i = 0; i < m->n_procs; i++)
		v->v[i] = (struct pid){ m->procs[i]->tgid, (uint32_t)i };
	qsort(v->v, m->n_procs, sizeof(*v->v), by_pid_seen);
	return 0;
}

/* The last one seen of that pid, as mp_model_pid() has it. */
static const struct mp_proc *last_of(const struct pids *v, uint32_t pid)
{
	size_t lo = 0, hi = v->m->n_procs;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (v->v[mid].pid <= pid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && v->v[lo - 1].pid == pid ? v->m->procs[v->v[lo - 1].i] : NULL;
}

/* The same process as it is now: an exec may have given it another mm since. */
static const struct mp_proc *later(const struct pids *now, const struct mp_proc *p)
{
	const struct mp_proc *q = mp_model_proc(now->m, p->mm);

	return q && q->tgid == p->tgid ? q : last_of(now, p->tgid);
}

/* Seen to come into being: others were there when the session began. */
static bool was_born(const struct pids *now, const struct mp_proc *p)
{
	const struct mp_proc *parent;

	if (p->launched || p->start_ts > now->m->start + OPENING_NS)
		return true;
	parent = p->parent ? last_of(now, p->parent) : NULL;
	return parent && parent->forks;
}

/* What it held at ts: nothing before its birth. MP_UNKNOWN within a hole. */
static uint64_t rss_at(const struct pids *now, const struct mp_proc *p, uint64_t ts)
{
	const struct mp_point *pt = mp_tl_at(&p->tl, ts);

	if (pt && !mp_point_known(pt) && pt->bits & MP_PT_GAP)
		return MP_UNKNOWN;
	if (pt && !mp_point_known(pt)) /* before the first figure */
		pt = NULL;
	if (!pt || ts < p->tl.start)
		return p->r_rss.start == MP_UNKNOWN || was_born(now, p) ? 0 : p->r_rss.start;
	return pt && !(p->exited && ts > p->exit_ts) ? (uint64_t)pt->rss : 0;
}

static double fault_rate(const struct tui_proc *r, uint64_t at)
{
	const struct mp_timeline *tl = &r->now->tl;
	uint64_t from = at > RATE_NS ? at - RATE_NS : 0, faults = 0, ns = 0;
	size_t i;

	if (!tl->n || at < tl->start)
		return 0;
	i = (size_t)((at - tl->start) / tl->width);
	i = i < tl->n ? i : tl->n - 1;
	for (i++; i > 0 && (!ns || tl->p[i - 1].ts >= from); i--) {
		faults += tl->p[i - 1].faults;
		ns += tl->width;
	}
	return (double)faults * 1e9 / (double)ns;
}

/* What no hook tells of is not 0; nor does what one held make it shrink when it has ended. */
static void fill(const struct pids *now, struct tui_proc *r, uint64_t t0, uint64_t at)
{
	const struct mp_proc *p = r->p;
	uint64_t before = rss_at(now, r->now, t0);

	r->ended = p->exited;
	r->depth = 0;
	r->rss_known = !r->ended && p->rss_known;
	r->rss = r->rss_known ? (int64_t)mp_proc_rss(p) : 0;
	r->grown_known = r->rss_known && before != MP_UNKNOWN;
	r->grown = r->grown_known ? r->rss - (int64_t)before : 0;
	r->rate_known = !r->ended && mp_fig_seen(now->m, MP_FEAT_FAULTS);
	r->rate = r->rate_known ? fault_rate(r, at) : 0;
}

/* --- the tree ---------------------------------------------------------------------- */

struct node {
	uint32_t pid, i;	       /* whose, and which row           */
	int32_t parent, child, sister; /* rows: -1 = none; youngest child */
};

static int by_pid(const void *a, const void *b)
{
	const struct node *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return x->i < y->i ? -1 : x->i > y->i;
}

/* The last row of a pid before row i, else the first behind it: a number may be used
 * again, but by no ancestor. */
static int32_t row_of(const struct node *sorted, size_t n, uint32_t pid, uint32_t i)
{
	const struct node key = { .pid = pid, .i = i };
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (by_pid(&sorted[mid], &key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo && sorted[lo - 1].pid == pid)
		return (int32_t)sorted[lo - 1].i;
	return lo < n && sorted[lo].pid == pid && sorted[lo].i != i ? (int32_t)sorted[lo].i : -1;
}

/* Not among its own descendants: what is told may be damaged. */
static bool is_ancestor(const struct node *v, int32_t of, int32_t up)
{
	int steps = 0;

	for (; of >= 0 && steps < 64; of = v[of].parent, steps++)
		if (of == up)
			return true;
	return steps == 64;
}

/* Children hang on their parents, the youngest first. */
static void link_nodes(struct tui_procs *ps, struct node *v, const struct node *sorted)
{
	for (size_t i = 0; i < ps->n; i++) {
		uint32_t pid = ps->v[i].now->parent;
		int32_t up = pid ? row_of(sorted, ps->n, pid, (uint32_t)i) : -1;

		if (up < 0 || is_ancestor(v, up, (int32_t)i))
			continue;
		v[i].parent = up;
		v[i].sister = v[up].child;
		v[up].child = (int32_t)i;
		ps->tree = true;
	}
}

/* Ranks from the last row to the first: a parent takes the place before its children,
 * which have taken theirs. */
static void rank_nodes(struct tui_procs *ps, const struct node *v)
{
	uint32_t rank = (uint32_t)ps->n;

	for (size_t root = ps->n; root-- > 0;) {
		int32_t at = (int32_t)root;
		bool down = true;

		if (v[root].parent >= 0)
			continue;
		while (at >= 0) {
			if (down && v[at].child >= 0) {
				at = v[at].child;
				continue;
			}
			ps->v[at].rank = --rank;
			if (at == (int32_t)root)
				break;
			down = v[at].sister >= 0;
			at = down ? v[at].sister : v[at].parent;
		}
	}
	for (size_t i = 0; i < ps->n; i++)
		for (int32_t up = v[i].parent; up >= 0 && ps->v[i].depth < DEPTH_MAX;
		     up = v[up].parent)
			ps->v[i].depth++;
}

static int make_tree(struct tui_procs *ps)
{
	struct node *v = calloc(2 * ps->n + 1, sizeof(*v)), *sorted;

	if (!v)
		return -ENOMEM;
	sorted = v + ps->n;
	for (size_t i = 0; i < ps->n; i++) {
		v[i] = (struct node){ ps->v[i].p->tgid, (uint32_t)i, -1, -1, -1 };
		sorted[i] = v[i];
	}
	qsort(sorted, ps->n, sizeof(*sorted), by_pid);
	ps->tree = false;
	link_nodes(ps, v, sorted);
	rank_nodes(ps, v);
	free(v);
	return 0;
}

int tui_procs_collect(struct tui_frame *f)
{
	const struct mp_model *m = f->state;
	struct tui_procs *ps = &f->procs;
	struct pids now;
	uint64_t t0, t1;

	ps->n = ps->ended = 0;
	if (!m)
		return 0;
	if (mp_grow(&ps->v, &ps->cap, m->n_procs + 1, sizeof(*ps->v)) || sort_pids(&now, f->now))
		return -ENOMEM;
	tui_procs_span(f, &t0, &t1);
	for (size_t i = 0; i < m->n_procs; i++) {
		struct tui_proc *r = &ps->v[ps->n];

		r->p = m->procs[i];
		r->now = m == f->now ? r->p : later(&now, r->p);
		if (!r->now)
			r->now = r->p;
		fill(&now, r, t0, m->now);
		ps->ended += r->ended;
		ps->n++;
	}
	free(now.v);
	return make_tree(ps);
}

/* --- from the list to one, and back ------------------------------------------------- */

void tui_list_show(struct tui_frame *f)
{
	const struct mp_proc *p = tui_view_proc(f->view, f->now);
	struct tui_view *v = f->view;

	if (v->list)
		return;
	v->list = true;
	v->pane_one = v->pane == TUI_P_PROCS ? TUI_P_MAPS : v->pane;
	v->pane = TUI_P_PROCS;
	v->in_table = true;
	v->expand = false;
	if (p)
		v->ps[TUI_P_PROCS].sel = tui_proc_id(p);
}

void tui_list_choose(struct tui_frame *f, const struct mp_proc *p)
{
	struct tui_view *v = f->view;

	v->mm = p->mm;
	v->pid = p->tgid;
	v->ps[TUI_P_PROCS].sel = tui_proc_id(p);
	if (!v->list)
		return;
	v->list = false;
	v->pane = v->pane_one;
	v->in_table = v->expand = false;
}

bool tui_list_pid(struct tui_frame *f, uint32_t pid)
{
	const struct mp_proc *p = mp_model_pid(f->now, pid);

	if (p)
		tui_list_choose(f, p);
	return p;
}

void tui_list_step(struct tui_frame *f, int by)
{
	const struct mp_model *m = f->now;
	const struct mp_proc *p = tui_view_proc(f->view, m);
	size_t i = 0;

	if (f->view->list) {
		tui_pane_select(f, by);
		return;
	}
	while (i < m->n_procs && m->procs[i] != p)
		i++;
	if (m->n_procs < 2) {
		tui_view_say(f->view, "there is one process only");
		return;
	}
	i = (i + m->n_procs + (size_t)(by > 0 ? 1 : m->n_procs - 1)) % m->n_procs;
	tui_list_choose(f, m->procs[i]);
}
