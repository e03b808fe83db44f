/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pane_collections.c - the collections of the heap, each with what became of the
 * memory that it freed.
 */
#include <stdio.h>

#include "tui/draw.h"
#include "tui/pane.h"
#include "user/util/util.h"
#include "user/view/figures.h"
#include "user/view/text.h"

enum col {
	C_WHEN,
	C_KIND,
	C_PAUSE,
	C_BEFORE,
	C_AFTER,
	C_FREED,
	C_RETURNED,
	C_FELL,
	C_LAG,
	C_AGAIN,
	C_REUSED,
	C_OWED,
	C_REASON,
	C_N
};

static const struct tui_pcol cols[C_N] = {
	[C_WHEN] = { .head = "when", .w = 8, .right = true, .sorts = true },
	[C_KIND] = { .head = "kind", .w = 7, .sorts = true },
	[C_PAUSE] = { .head = "pause", .w = 7, .right = true, .sorts = true },
	[C_BEFORE] = { .head = "before", .w = 6, .from = 76, .right = true, .sorts = true },
	[C_AFTER] = { .head = "after", .w = 6, .from = 76, .right = true, .sorts = true },
	[C_FREED] = { .head = "freed", .w = 6, .right = true, .sorts = true },
	[C_RETURNED] = { .head = "returned", .w = 8, .right = true, .sorts = true },
	[C_FELL] = { .head = "RSS fell", .w = 8, .from = 116, .right = true, .sorts = true },
	[C_LAG] = { .head = "lag", .w = 7, .right = true, .sorts = true },
	[C_AGAIN] = { .head = "again",
		      .w = 6,
		      .from = 90,
		      .right = true,
		      .sorts = true,
		      .by = "touched again" },
	[C_REUSED] = { .head = "reused", .w = 6, .from = 104, .right = true, .sorts = true },
	[C_OWED] = { .head = "owed", .w = 6, .right = true, .sorts = true },
	[C_REASON] = { .head = "reason", .share = 1 },
};

static bool there(const struct tui_frame *f)
{
	return mp_fig_gc_known(f->now, tui_view_proc(f->view, f->now));
}

static uint64_t id_of(const struct mp_gc *g)
{
	return g->ts << 3 | g->source;
}

static int collect(const struct tui_frame *f, struct tui_rows *rows)
{
	const struct mp_proc *p = tui_view_proc(f->view, f->state);
	int err = 0;

	for (size_t i = 0; p && i < p->n_gcs && !err; i++)
		err = tui_rows_add(rows, id_of(&p->gcs[i]), &p->gcs[i]);
	return err;
}

static uint64_t owed(const struct mp_gc *g)
{
	return g->freed - g->returned - g->reused;
}

static uint64_t figure(const struct mp_gc *g, int col)
{
	switch ((enum col)col) {
	case C_KIND:
		return g->kind;
	case C_PAUSE:
		return g->pause;
	case C_BEFORE:
		return g->before;
	case C_AFTER:
		return g->after;
	case C_FREED:
		return mp_gc_told(g, g->freed);
	case C_RETURNED:
		return mp_gc_told(g, g->returned);
	case C_FELL:
		return mp_gc_told(g, g->rss_fell);
	case C_LAG:
		return mp_fig_lag(g);
	case C_AGAIN:
		return mp_gc_told(g, g->refaulted);
	case C_REUSED:
		return mp_gc_told(g, g->reused);
	case C_OWED:
		return mp_gc_told(g, owed(g));
	default:
		return g->ts;
	}
}

/* What is not known comes last. */
static uint64_t value(const struct tui_frame *f, const struct tui_row *r, int col)
{
	uint64_t v = figure(r->p, col);

	(void)f;
	return v == MP_UNKNOWN ? 0 : v + 1;
}

static void duration(char *buf, size_t size, uint64_t ns)
{
	if (ns == MP_UNKNOWN)
		snprintf(buf, size, "-");
	else
		mp_duration(buf, size, ns);
}

static void text(const struct tui_frame *f, const struct tui_row *r, int col, char *buf,
		 size_t size)
{
	const struct mp_gc *g = r->p;

	switch ((enum col)col) {
	case C_WHEN:
		tui_moment(buf, size, f, g->ts);
		break;
	case C_KIND:
		snprintf(buf, size, "%s", mp_gc_kind_name(g->kind));
		break;
	case C_PAUSE:
	case C_LAG:
		duration(buf, size, figure(g, col));
		break;
	case C_REASON:
		snprintf(buf, size, "%s", mp_str(f->state, g->reason));
		break;
	default:
		mp_text_bytes(buf, size, figure(g, col));
		break;
	}
}

/* A collection that has ended has its words for good. */
static uint64_t words(const struct tui_frame *f, const struct tui_row *r)
{
	(void)f;
	(void)r;
	return 0;
}

static int role(const struct tui_frame *f, const struct tui_row *r)
{
	const struct mp_gc *g = r->p;

	(void)f;
	return g->kind == MP_GC_MINOR && !g->returned ? TUI_R_DIM : TUI_R_TEXT;
}

static uint64_t when(const struct tui_frame *f, const struct tui_row *r)
{
	(void)f;
	return ((const struct mp_gc *)r->p)->ts;
}

/* --- the page on one --------------------------------------------------------------- */

/* The model keeps no parts of collections: they are read from the stream, a piece a frame. */
static void parts(const struct tui_frame *f, const struct tui_row *r, struct tui_lines *l)
{
	const struct mp_proc *p = tui_view_proc(f->view, f->state);
	const struct tui_parts *parts;
	char a[32];

	if (!f->track || !p)
		return;
	tui_track_parts(f, f->track, p->mm, r->id, r->p);
	parts = &f->track->parts;
	if (parts->n)
		tui_lines_head(l, "its parts, in the order they ended");
	for (unsigned i = 0; i < parts->n; i++)
		tui_lines_row(l, mp_phase_name(parts->v[i].sub), "%7s",
			      mp_duration(a, sizeof(a), parts->v[i].dur));
	if (parts->over)
		tui_lines_add(l, TUI_R_DIM, "  ... and more of them");
	else if (!parts->done)
		tui_lines_add(l, TUI_R_DIM, "  ... its parts are being read");
	if (parts->gone)
		tui_lines_add(l, TUI_R_DIM, "  its parts are no longer kept");
}

static void fate(const struct mp_gc *g, const char *title, struct tui_lines *l)
{
	char a[32];

	tui_lines_head(l, title);
	tui_lines_bytes(l, "given back by calls", g->returned, "");
	tui_lines_bytes(l, "RSS fell in them by", g->rss_fell, "");
	duration(a, sizeof(a), mp_fig_lag(g));
	tui_lines_row(l, "last of them after", "%7s", a);
	tui_lines_bytes(l, "used again by the heap", g->reused, "");
	tui_lines_bytes(l, "still owed", owed(g), "");
	tui_lines_bytes(l, "given back, touched again", g->refaulted, "");
}

/* The same collection, as it is known by now. */
static const struct mp_gc *later(const struct tui_frame *f, const struct mp_gc *g)
{
	const struct mp_proc *p = tui_view_proc(f->view, f->now);

	for (size_t i = p ? p->n_gcs : 0; i-- > 0;)
		if (p->gcs[i].ts == g->ts && p->gcs[i].source == g->source)
			return &p->gcs[i];
	return NULL;
}

static void detail(const struct tui_frame *f, const struct tui_row *r, struct tui_lines *l)
{
	const struct mp_gc *g = r->p, *end = later(f, g);
	char a[32], b[32];

	tui_lines_add(l, TUI_R_BOLD, "%s collection of %s at %s", mp_gc_kind_name(g->kind),
		      mp_source_name(g->source), tui_moment(a, sizeof(a), f, g->ts));
	if (g->reason)
		tui_lines_row(l, "reason", "%s", mp_str(f->state, g->reason));
	duration(a, sizeof(a), g->pause);
	tui_lines_row(l, "program stood still", "%7s", a);
	if (g->start && g->start < g->ts)
		tui_lines_row(l, "from start to end", "%7s",
			      mp_duration(a, sizeof(a), g->ts - g->start));
	tui_lines_row(l, "heap used", "%7s -> %s", mp_text_bytes(a, sizeof(a), g->before),
		      mp_text_bytes(b, sizeof(b), g->after));
	tui_lines_row(l, "heap committed", "%7s -> %s", mp_text_bytes(a, sizeof(a), g->cbefore),
		      mp_text_bytes(b, sizeof(b), g->cafter));
	tui_lines_bytes(l, "freed", g->freed, "");
	fate(g, "what became of that, by the cursor's time", l);
	if (end && (end->returned != g->returned || end->reused != g->reused ||
		    end->refaulted != g->refaulted))
		fate(end, "... and by the end of what is known", l);
	parts(f, r, l);
}

static const char *none(const struct tui_frame *f)
{
	return there(f) ? "no collection yet" : "collections are not seen: no heap source";
}

const struct tui_pane tui_pane_collections = {
	.name = "collections",
	.title = "collections, and what became of what they freed",
	.cols = cols,
	.n_cols = C_N,
	.sort = C_WHEN,
	.there = there,
	.collect = collect,
	.value = value,
	.text = text,
	.words = words,
	.role = role,
	.when = when,
	.detail = detail,
	.none = none,
};
