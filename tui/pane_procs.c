/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pane_procs.c - the processes: who holds how much, how that went, who faults, whose
 * child it is and how it ended. The rows are procs.c's.
 */
#include <stdio.h>
#include <string.h>

#include "tui/draw.h"
#include "tui/pane.h"
#include "tui/procs.h"
#include "user/util/util.h"

enum col {
	C_PID,
	C_NAME,
	C_CURVE,
	C_RSS,
	C_MAX,
	C_GROWN,
	C_LIVE,
	C_OWED,
	C_RATE,
	C_PSS,
	C_PARENT,
	C_END,
	C_N
};

static const struct tui_pcol cols[C_N] = {
	[C_PID] = { .head = "pid", .w = 7, .right = true, .sorts = true, .ascending = true },
	[C_NAME] = { .head = "process",
		     .share = 1,
		     .sorts = true,
		     .ascending = true,
		     .by = "tree" },
	[C_CURVE] = { .head = "RSS over time", .share = 1, .from = 60 },
	[C_RSS] = { .head = "RSS", .w = 6, .right = true, .sorts = true },
	[C_MAX] = { .head = "max", .w = 6, .from = 70, .right = true, .sorts = true },
	[C_GROWN] = { .head = "grown", .w = 7, .from = 60, .right = true, .sorts = true },
	[C_LIVE] = { .head = "live", .w = 6, .from = 100, .right = true, .sorts = true },
	[C_OWED] = { .head = "owed", .w = 6, .from = 90, .right = true, .sorts = true },
	[C_RATE] = { .head = "faults/s", .w = 8, .from = 60, .right = true, .sorts = true },
	[C_PSS] = { .head = "PSS", .w = 6, .from = 120, .right = true, .sorts = true },
	[C_PARENT] = { .head = "parent", .w = 7, .from = 100, .right = true, .sorts = true },
	[C_END] = { .head = "ended", .w = 10, .sorts = true },
};

uint64_t tui_proc_id(const struct mp_proc *p)
{
	/* microseconds have the other bits for 50 days */
	return p->start_ts / 1000 << 22 | (p->tgid & TUI_PROC_PID);
}

static bool there(const struct tui_frame *f)
{
	return f->view->list || tui_procs_seen(f->now) > 1;
}

static int collect(const struct tui_frame *f, struct tui_rows *rows)
{
	const struct tui_procs *ps = &f->procs;
	int *sort = &f->view->ps[TUI_P_PROCS].sort, err = 0;

	/* unless somebody has said: a family by its tree, strangers by what they hold */
	if (*sort < 0 && ps->n > 1)
		*sort = ps->tree ? C_NAME : C_RSS;
	for (size_t i = 0; i < ps->n && !err; i++)
		err = tui_rows_add(rows, tui_proc_id(ps->v[i].p), &ps->v[i]);
	return err;
}

static uint64_t pss(const struct mp_proc *p)
{
	struct mp_shares s;

	mp_proc_shares(p, &s);
	return s.pss;
}

/* MP_UNKNOWN: no heap is known of it, or it has ended. */
static uint64_t live(const struct tui_proc *r)
{
	struct mp_account a;

	if (r->ended || !mp_proc_heap(r->p, NULL))
		return MP_UNKNOWN;
	mp_account(r->p, &a);
	return (uint64_t)a.live_heap;
}

static uint64_t owed(const struct tui_proc *r)
{
	return r->ended || !mp_proc_heap(r->p, NULL) ? MP_UNKNOWN : r->p->owed;
}

/* Unknown is least. */
static uint64_t order(uint64_t v)
{
	return v == MP_UNKNOWN ? 0 : v + 1;
}

static uint64_t value(const struct tui_frame *f, const struct tui_row *row, int col)
{
	const struct tui_proc *r = row->p;

	(void)f;
	switch ((enum col)col) {
	case C_PID:
		return r->p->tgid;
	case C_NAME:
		return r->rank;
	case C_GROWN:
		return r->grown_known ? (uint64_t)r->grown + (1ULL << 63) : 0;
	case C_LIVE:
		return order(live(r));
	case C_OWED:
		return order(owed(r));
	case C_RATE:
		return r->rate_known ? (uint64_t)(r->rate * 1000) + 1 : 0;
	case C_PSS:
		return order(pss(r->p));
	case C_MAX:
		return order(r->p->r_rss.max);
	case C_PARENT:
		return r->p->parent;
	case C_END:
		return r->ended ? r->p->exit_ts : 0;
	default: /* those that have ended come last, by what they held */
		return r->ended ? order(r->p->r_rss.max) >> 1 : (uint64_t)r->rss | 1ULL << 63;
	}
}

static void bytes(char *buf, size_t size, uint64_t v)
{
	snprintf(buf, size, "-");
	if (v != MP_UNKNOWN)
		mp_bytes(buf, size, (int64_t)v);
}

static void grown(char *buf, size_t size, bool known, int64_t v)
{
	snprintf(buf, size, "-");
	if (known)
		mp_bytes_signed(buf, size, v);
}

static void rate(char *buf, size_t size, bool known, double v)
{
	snprintf(buf, size, known ? "%.0f" : "-", v);
}

static bool by_tree(const struct tui_frame *f)
{
	int sort = f->view->ps[TUI_P_PROCS].sort;

	return sort < 0 || sort == C_NAME;
}

static void name(const struct tui_frame *f, const struct tui_proc *r, char *buf, size_t size)
{
	unsigned depth = by_tree(f) && f->procs.tree ? r->depth : 0;

	snprintf(buf, size, "%*s%s", 2 * (int)(depth < 5 ? depth : 5), "",
		 r->p->comm ? mp_str(f->state, r->p->comm) : "?");
}

static void text(const struct tui_frame *f, const struct tui_row *row, int col, char *buf,
		 size_t size)
{
	const struct tui_proc *r = row->p;

	switch ((enum col)col) {
	case C_PID:
		snprintf(buf, size, "%u", r->p->tgid);
		break;
	case C_NAME:
		name(f, r, buf, size);
		break;
	case C_RSS:
		bytes(buf, size, r->rss_known ? (uint64_t)r->rss : MP_UNKNOWN);
		break;
	case C_GROWN:
		grown(buf, size, r->grown_known, r->grown);
		break;
	case C_LIVE:
		bytes(buf, size, live(r));
		break;
	case C_OWED:
		bytes(buf, size, owed(r));
		break;
	case C_RATE:
		rate(buf, size, r->rate_known, r->rate);
		break;
	case C_PSS:
		bytes(buf, size, pss(r->p));
		break;
	case C_MAX:
		bytes(buf, size, r->p->r_rss.max);
		break;
	case C_PARENT:
		snprintf(buf, size, r->p->parent ? "%u" : "-", r->p->parent);
		break;
	case C_END:
		snprintf(buf, size, "%s", "");
		if (r->ended)
			tui_end_brief(r->p, buf, size);
		break;
	case C_CURVE:
	case C_N:
		break;
	}
}

/* The highest that it held in [t0, t1). */
static int64_t peak(const struct mp_proc *p, uint64_t t0, uint64_t t1)
{
	const struct mp_timeline *tl = &p->tl;
	int64_t max = 0;
	size_t i, last;

	if (!tl->n || t1 <= tl->start || (p->exited && t0 > p->exit_ts))
		return 0;
	i = t0 <= tl->start ? 0 : (size_t)((t0 - tl->start) / tl->width);
	last = (size_t)((t1 - 1 - tl->start) / tl->width);
	for (; i <= last && i < tl->n; i++)
		max = tl->p[i].rss_max > max ? tl->p[i].rss_max : max;
	return max;
}

/* Its RSS over the time that the plot shows, each against its own highest. */
static bool paint(struct tui_grid *g, const struct tui_frame *f, const struct tui_row *row, int col,
		  struct tui_rect cell, struct tui_style st)
{
	const struct tui_proc *r = row->p;
	uint64_t t0, t1;
	int64_t most;

	if (col != C_CURVE)
		return false;
	tui_procs_span(f, &t0, &t1);
	most = peak(r->now, t0, t1);
	if (f->theme->depth && !st.bg && !(st.attr & TUI_REVERSE))
		st.fg = tui_band_color(f->theme, TUI_BAND_LIVE);
	for (int i = 0; i < cell.w && t1 > t0; i++) {
		uint64_t a = t0 + (t1 - t0) * (uint64_t)i / (uint64_t)cell.w;
		uint64_t b = t0 + (t1 - t0) * (uint64_t)(i + 1) / (uint64_t)cell.w;
		int64_t v = peak(r->now, a, b > a ? b : a + 1);
		int level = most > 0 ? (int)((v * 8 + most / 2) / most) : 0;

		level = v > 0 && level < 1 ? 1 : level > 8 ? 8 : level;
		tui_grid_put(g, cell.x + i, cell.y, f->theme->g->level[level], st);
	}
	return true;
}

static int role(const struct tui_frame *f, const struct tui_row *row)
{
	const struct tui_proc *r = row->p;

	(void)f;
	return r->ended ? TUI_R_DIM : TUI_R_TEXT;
}

/* Of all rows: what is not known of one that runs is not known of all. */
static uint64_t sum_of(const struct tui_frame *f, uint64_t (*get)(const struct tui_proc *r),
		       bool all)
{
	uint64_t sum = MP_UNKNOWN;

	for (size_t i = 0; i < f->procs.n; i++) {
		uint64_t v = f->procs.v[i].ended ? MP_UNKNOWN : get(&f->procs.v[i]);

		if (v == MP_UNKNOWN && all && !f->procs.v[i].ended)
			return MP_UNKNOWN;
		if (v != MP_UNKNOWN)
			sum = sum == MP_UNKNOWN ? v : sum + v;
	}
	return sum;
}

static uint64_t get_rss(const struct tui_proc *r)
{
	return r->rss_known ? (uint64_t)r->rss : MP_UNKNOWN;
}

static uint64_t get_pss(const struct tui_proc *r)
{
	return pss(r->p);
}

static void total(const struct tui_frame *f, int col, char *buf, size_t size)
{
	const struct tui_procs *ps = &f->procs;
	uint64_t ended = ps->ended + f->state->ended.procs;
	struct tui_proc all = { 0 };

	for (size_t i = 0; i < ps->n; i++) {
		all.grown += ps->v[i].grown;
		all.grown_known |= ps->v[i].grown_known;
		all.rate += ps->v[i].rate;
		all.rate_known |= ps->v[i].rate_known;
	}
	if (col == C_PID)
		snprintf(buf, size, "%llu", (unsigned long long)tui_procs_seen(f->state));
	else if (col == C_NAME)
		snprintf(buf, size, "together");
	else if (col == C_RSS)
		bytes(buf, size, sum_of(f, get_rss, false));
	else if (col == C_MAX)
		bytes(buf, size, f->view->list ? tui_sum_max(&f->sum) : MP_UNKNOWN);
	else if (col == C_GROWN)
		grown(buf, size, all.grown_known, all.grown);
	else if (col == C_LIVE)
		bytes(buf, size, sum_of(f, live, false));
	else if (col == C_OWED)
		bytes(buf, size, sum_of(f, owed, false));
	else if (col == C_RATE)
		rate(buf, size, all.rate_known, all.rate);
	else if (col == C_PSS)
		bytes(buf, size, sum_of(f, get_pss, true));
	else if (col == C_END && ended)
		snprintf(buf, size, "%llu ended", (unsigned long long)ended);
}

/* By the row's id: since the frame was drawn the model may have dropped what it shows. */
static bool open_row(struct tui_frame *f, const struct tui_row *row)
{
	uint32_t pid = row->id & TUI_PROC_PID;

	for (size_t i = 0; i < f->now->n_procs; i++) {
		if (tui_proc_id(f->now->procs[i]) != row->id)
			continue;
		tui_list_choose(f, f->now->procs[i]);
		return true;
	}
	if (!tui_list_pid(f, pid))
		tui_view_say(f->view, "process %u is no longer kept", pid);
	return true;
}

const struct tui_pane tui_pane_procs = {
	.name = "processes",
	.title = "processes: RSS, growth, heap, faults, how they ended",
	.cols = cols,
	.n_cols = C_N,
	.sort = C_NAME,
	.there = there,
	.collect = collect,
	.value = value,
	.text = text,
	.paint = paint,
	.role = role,
	.total = total,
	.open = open_row,
};
