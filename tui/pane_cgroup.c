/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pane_cgroup.c - what the control group is charged, against the process's own RSS:
 * what the limit counts and RSS does not.
 */
#include <stdio.h>
#include <string.h>

#include "tui/draw.h"
#include "tui/pane.h"
#include "user/util/util.h"
#include "user/view/text.h"

enum item {
	I_LIMIT,
	I_MAX,
	I_CHARGED,
	I_ANON,
	I_FILE,
	I_SHMEM,
	I_KERNEL,
	I_SWAP,
	I_PSS,
	I_PRIVATE,
	I_SHARED,
	I_HUGE,
	I_N, /* from here on: other processes of the group */
};

enum col { C_NAME, C_GROUP, C_OWN, C_BEYOND, C_BAR, C_WHAT, C_N };

static const struct tui_pcol cols[C_N] = {
	[C_NAME] = { .head = "control group", .w = 18, .sorts = true, .ascending = true },
	[C_GROUP] = { .head = "charged", .w = 8, .right = true, .sorts = true },
	[C_OWN] = { .head = "this RSS", .w = 8, .right = true, .sorts = true },
	[C_BEYOND] = { .head = "beyond", .w = 7, .right = true, .sorts = true },
	[C_BAR] = { .head = "of what is charged", .share = 2, .from = 100 },
	[C_WHAT] = { .head = "that is", .share = 3 },
};

static const struct {
	const char *name, *what;
} items[I_N] = {
	[I_LIMIT] = { "limit", "the lowest on the way up" },
	[I_MAX] = { "highest so far", "while it was looked at" },
	[I_CHARGED] = { "charged", "all that the limit counts" },
	[I_ANON] = { "  anonymous", "of all its processes" },
	[I_FILE] = { "  files and cache", "read, written or mapped" },
	[I_SHMEM] = { "  shared memory", "of who touched it first" },
	[I_KERNEL] = { "  the kernel's own", "in no RSS: page tables, slab" },
	[I_SWAP] = { "swap", "beside it" },
	[I_PSS] = { "proportional share", "each shared page by its part" },
	[I_PRIVATE] = { "private and dirty", "what its end would free" },
	[I_SHARED] = { "shared and dirty", "others map it too" },
	[I_HUGE] = { "in huge pages", "touched or not" },
};

static bool there(const struct tui_frame *f)
{
	const struct mp_proc *p = tui_view_proc(f->view, f->now);

	return p && (p->cgroup.version || p->rollup.ts);
}

static const struct mp_proc *proc(const struct tui_frame *f)
{
	return tui_view_proc(f->view, f->state);
}

static bool has_row(const struct mp_proc *p, int item)
{
	if (item >= I_PSS)
		return p->rollup.ts != 0;
	return p->cgroup.version != 0;
}

/* Others that are watched too and are charged to the same group. */
static int collect_others(const struct tui_frame *f, const struct mp_proc *p, struct tui_rows *rows)
{
	int err = 0;

	for (size_t i = 0; i < f->state->n_procs && !err; i++) {
		const struct mp_proc *o = f->state->procs[i];

		if (o != p && !o->exited && o->cgroup.version && o->cgroup.name &&
		    o->cgroup.name == p->cgroup.name)
			err = tui_rows_add(rows, (uint64_t)I_N + o->mm, o);
	}
	return err;
}

static int collect(const struct tui_frame *f, struct tui_rows *rows)
{
	const struct mp_proc *p = proc(f);
	int err = 0;

	for (int i = 0; p && i < I_N && !err; i++)
		if (has_row(p, i))
			err = tui_rows_add(rows, (uint64_t)i, p);
	return p && !err ? collect_others(f, p, rows) : err;
}

static uint64_t group(const struct mp_proc *p, uint64_t item)
{
	const struct mp_cgroup *g = &p->cgroup;
	const uint64_t v[I_N] = {
		[I_LIMIT] = g->limit,	  [I_MAX] = p->r_charged.max, [I_CHARGED] = g->charged,
		[I_ANON] = g->anon,	  [I_FILE] = g->file,	      [I_SHMEM] = g->shmem,
		[I_KERNEL] = g->kernel,	  [I_SWAP] = g->swap,	      [I_PSS] = MP_UNKNOWN,
		[I_PRIVATE] = MP_UNKNOWN, [I_SHARED] = MP_UNKNOWN,    [I_HUGE] = MP_UNKNOWN,
	};

	return item < I_N ? v[item] : MP_UNKNOWN;
}

/* Of the last reading of smaps_rollup, as far as it is of now. */
static uint64_t shares(const struct mp_proc *p, uint64_t item)
{
	struct mp_shares s;

	mp_proc_shares(p, &s);
	return item == I_PSS	   ? s.pss
	       : item == I_PRIVATE ? s.private_dirty
	       : item == I_SHARED  ? s.shared_dirty
				   : s.anon_huge;
}

/* What this process has of it itself. */
static uint64_t own(const struct mp_proc *p, uint64_t item)
{
	if (item >= I_PSS && item < I_N)
		return shares(p, item);
	if (!p->rss_known)
		return MP_UNKNOWN;
	switch (item) {
	case I_CHARGED:
		return mp_proc_rss(p);
	case I_ANON:
		return p->rss.anon * MP_PAGE_SIZE;
	case I_FILE:
		return p->rss.file * MP_PAGE_SIZE;
	case I_SHMEM:
		return p->rss.shmem * MP_PAGE_SIZE;
	case I_SWAP:
		return p->rss.swap * MP_PAGE_SIZE;
	case I_LIMIT:
	case I_MAX:
	case I_KERNEL:
		return MP_UNKNOWN;
	default:
		return mp_proc_rss(p);
	}
}

/* Charged beyond what this process has; what others touched first is theirs. */
static uint64_t beyond(const struct mp_proc *p, uint64_t item)
{
	uint64_t g = group(p, item), o = own(p, item);

	if (item == I_KERNEL)
		return g;
	if (g == MP_UNKNOWN || o == MP_UNKNOWN || item >= I_PSS)
		return MP_UNKNOWN;
	return g > o ? g - o : 0;
}

static uint64_t figure(const struct tui_row *r, int col)
{
	return col == C_GROUP ? group(r->p, r->id)
	       : col == C_OWN ? own(r->p, r->id)
			      : beyond(r->p, r->id);
}

static uint64_t value(const struct tui_frame *f, const struct tui_row *r, int col)
{
	uint64_t v;

	(void)f;
	if (col == C_NAME)
		return r->id;
	v = figure(r, col);
	return v == MP_UNKNOWN ? 0 : v + 1;
}

static void text_other(const struct tui_frame *f, const struct tui_row *r, int col, char *buf,
		       size_t size)
{
	const struct mp_proc *o = r->p;

	if (col == C_NAME)
		snprintf(buf, size, "%s (%u)", mp_str(f->state, o->comm), o->tgid);
	else if (col == C_OWN)
		mp_text_bytes(buf, size, own(o, I_CHARGED));
	else if (col == C_WHAT)
		snprintf(buf, size, "another process in it: its RSS");
}

static void text(const struct tui_frame *f, const struct tui_row *r, int col, char *buf,
		 size_t size)
{
	if (r->id >= I_N)
		text_other(f, r, col, buf, size);
	else if (col == C_NAME)
		snprintf(buf, size, "%s", items[r->id].name);
	else if (col == C_WHAT)
		snprintf(buf, size, "%s", items[r->id].what);
	else if (col == C_GROUP && r->id == I_LIMIT && group(r->p, r->id) == MP_UNKNOWN)
		snprintf(buf, size, "none");
	else if (col == C_OWN || (col == C_GROUP && r->id < I_PSS) ||
		 (col == C_BEYOND && r->id < I_PSS && r->id > I_MAX))
		mp_text_bytes(buf, size, figure(r, col));
}

/* This process's part and the rest, on the scale of the limit or of what is charged. */
static bool paint(struct tui_grid *g, const struct tui_frame *f, const struct tui_row *r, int col,
		  struct tui_rect cell, struct tui_style st)
{
	struct tui_cell mine = tui_band_cell(f->theme, TUI_BAND_LIVE);
	struct tui_cell rest = tui_band_cell(f->theme, TUI_BAND_OTHER);
	uint64_t whole, all, o;

	(void)st;
	if (col != C_BAR)
		return false;
	if (r->id < I_CHARGED || r->id > I_KERNEL)
		return true;
	whole = group(r->p, I_CHARGED);
	all = group(r->p, r->id);
	o = own(r->p, r->id);
	if (whole == MP_UNKNOWN || all == MP_UNKNOWN || !whole)
		return true;
	o = o == MP_UNKNOWN ? 0 : o < all ? o : all;
	for (int x = 0; x < cell.w; x++) {
		double at = (x + 0.5) / cell.w * (double)whole;

		if (at < (double)o)
			tui_grid_put(g, cell.x + x, cell.y, mine.ch, mine.st);
		else if (at < (double)all)
			tui_grid_put(g, cell.x + x, cell.y, rest.ch, rest.st);
	}
	return true;
}

static int role(const struct tui_frame *f, const struct tui_row *r)
{
	(void)f;
	return r->id == I_CHARGED ? TUI_R_BOLD : r->id >= I_PSS ? TUI_R_DIM : TUI_R_TEXT;
}

static void detail(const struct tui_frame *f, const struct tui_row *r, struct tui_lines *l)
{
	const struct mp_proc *p = proc(f);
	char text[64], pct[16] = "";
	uint64_t charged, limit;
	struct mp_shares s;

	(void)r;
	if (!p)
		return;
	charged = group(p, I_CHARGED);
	limit = group(p, I_LIMIT);
	tui_lines_add(l, TUI_R_BOLD, "control group %s, version %u",
		      p->cgroup.name ? mp_str(f->state, p->cgroup.name) : "of unknown name",
		      p->cgroup.version);
	if (charged != MP_UNKNOWN && limit != MP_UNKNOWN)
		tui_percent(pct, sizeof(pct), charged, limit);
	snprintf(text, sizeof(text), "%s%s", pct, *pct ? " of the limit" : "");
	tui_lines_bytes(l, "charged", charged, text);
	for (int i = 0; i < I_N; i++)
		if (i != I_CHARGED && has_row(p, i))
			tui_lines_bytes(l, items[i].name,
					i < I_PSS ? group(p, (uint64_t)i) : own(p, (uint64_t)i),
					items[i].what);
	if (mp_proc_shares(p, &s))
		tui_lines_row(l, "these four were read", "%7s before",
			      mp_duration(pct, sizeof(pct),
					  f->state->now > s.ts ? f->state->now - s.ts : 0));
	else if (p->rollup.ts)
		tui_lines_add(l, TUI_R_DIM,
			      "  \"-\": since the last reading RSS has moved, or it has ended.");
	tui_lines_head(l, "against this process");
	tui_lines_bytes(l, "RSS", own(p, I_CHARGED), "");
	tui_lines_bytes(l, "charged beyond it", beyond(p, I_CHARGED),
			"other processes, cache, the kernel");
	tui_lines_add(
		l, TUI_R_DIM,
		"  RSS counts every page that is mapped, also those charged to another group.");
}

static const char *none(const struct tui_frame *f)
{
	return there(f) ? "nothing told yet" : "no control group with a memory controller";
}

const struct tui_pane tui_pane_cgroup = {
	.name = "cgroup",
	.title = "what the control group is charged",
	.cols = cols,
	.n_cols = C_N,
	.sort = C_NAME,
	.there = there,
	.collect = collect,
	.value = value,
	.text = text,
	.paint = paint,
	.role = role,
	.detail = detail,
	.none = none,
};
