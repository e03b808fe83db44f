/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pane_spaces.c - the heaps as they describe themselves: a row for each with its
 * figures, and one for each of its spaces, with a bar of what is used and promised.
 */
#include <stdio.h>

#include "tui/draw.h"
#include "tui/pane.h"
#include "user/util/util.h"
#include "user/view/text.h"

#define WHOLE 0xffffffffu /* the row of a heap, among those of its spaces */

enum col {
	C_NAME,
	C_USED,
	C_COMMITTED,
	C_RESIDENT,
	C_EXTERNAL,
	C_ARRAYS,
	C_LIMIT,
	C_MAX,
	C_BAR,
	C_N
};

static const struct tui_pcol cols[C_N] = {
	[C_NAME] = { .head = "heap, space", .share = 1, .sorts = true, .ascending = true },
	[C_USED] = { .head = "used", .w = 6, .right = true, .sorts = true },
	[C_COMMITTED] = { .head = "committed", .w = 9, .right = true, .sorts = true },
	[C_RESIDENT] = { .head = "resident", .w = 8, .right = true, .sorts = true },
	[C_EXTERNAL] = { .head = "external", .w = 8, .right = true },
	[C_ARRAYS] = { .head = "arrays", .w = 6, .from = 100, .right = true },
	[C_LIMIT] = { .head = "limit", .w = 6, .right = true },
	[C_MAX] = { .head = "most used", .w = 9, .from = 120, .right = true },
	[C_BAR] = { .head = "used, committed", .share = 2 },
};

/* A row is a heap or, with `space`, one of its spaces. */
struct item {
	const struct mp_heap *heap;
	const struct mp_space *space;
	unsigned source, nr;
};

/* The row's matter is found again by its id: source and number of the space. */
static bool item_of(const struct tui_frame *f, const struct tui_row *r, struct item *it)
{
	const struct mp_proc *p = tui_view_proc(f->view, f->state);

	it->source = (unsigned)(r->id >> 32);
	it->nr = (unsigned)(uint32_t)r->id;
	it->heap = r->p;
	it->space = it->nr == WHOLE ? NULL : &it->heap->spaces[it->nr];
	return p != NULL;
}

static bool there(const struct tui_frame *f)
{
	const struct mp_proc *p = tui_view_proc(f->view, f->now);

	for (unsigned s = 1; p && s < MP_SRC_MAX; s++)
		if (p->heaps[s].present)
			return true;
	return false;
}

static int collect(const struct tui_frame *f, struct tui_rows *rows)
{
	const struct mp_proc *p = tui_view_proc(f->view, f->state);
	int err = 0;

	for (unsigned s = 1; p && s < MP_SRC_MAX && !err; s++) {
		const struct mp_heap *h = &p->heaps[s];

		if (!h->present)
			continue;
		err = tui_rows_add(rows, (uint64_t)s << 32 | WHOLE, h);
		for (unsigned i = 0; i < h->n_spaces && i < MP_SPACES_MAX && !err; i++)
			err = tui_rows_add(rows, (uint64_t)s << 32 | i, h);
	}
	return err;
}

/* Resident pages of the heap that the account is about. */
static uint64_t resident(const struct tui_frame *f, const struct item *it)
{
	const struct mp_proc *p = tui_view_proc(f->view, f->state);
	enum mp_heap_source main_source = MP_SRC_MAX;

	if (it->space)
		return it->space->resident;
	if (p->n_figures < 2) /* of several the pages are one class */
		mp_proc_heap(p, &main_source);
	return it->source == main_source
		       ? (p->cls_pages[MP_CLS_HEAP] + p->zheap.pages) * MP_PAGE_SIZE
		       : MP_UNKNOWN;
}

static uint64_t figure(const struct tui_frame *f, const struct item *it, int col)
{
	const struct mp_heap *h = it->heap;
	const struct mp_space *s = it->space;

	switch ((enum col)col) {
	case C_USED:
		return s ? s->used : h->used;
	case C_COMMITTED:
		return s ? s->committed : h->committed;
	case C_RESIDENT:
		return resident(f, it);
	case C_EXTERNAL:
		return s ? MP_UNKNOWN : h->external;
	case C_ARRAYS:
		return s ? MP_UNKNOWN : h->arrays;
	case C_LIMIT:
		return s ? MP_UNKNOWN : h->limit;
	case C_MAX:
		return s ? MP_UNKNOWN : h->r_used.max;
	default:
		return MP_UNKNOWN;
	}
}

static uint64_t value(const struct tui_frame *f, const struct tui_row *r, int col)
{
	struct item it;
	uint64_t v;

	item_of(f, r, &it);
	if (col == C_NAME) /* as the heap tells them, itself first */
		return (uint64_t)it.source << 32 | (uint32_t)(it.nr + 1);
	v = figure(f, &it, col);
	return v == MP_UNKNOWN ? 0 : v + 1;
}

static void text(const struct tui_frame *f, const struct tui_row *r, int col, char *buf,
		 size_t size)
{
	struct item it;

	item_of(f, r, &it);
	if (col == C_NAME && it.space)
		snprintf(buf, size, "  %s", mp_str(f->state, it.space->name));
	else if (col == C_NAME)
		snprintf(buf, size, "%s", mp_source_name(it.source));
	else if (col != C_BAR && !(it.space && (col >= C_EXTERNAL && col <= C_MAX)))
		mp_text_bytes(buf, size, figure(f, &it, col));
}

static void fill(struct tui_grid *g, const struct tui_frame *f, struct tui_rect r, int from, int to,
		 enum tui_band band)
{
	struct tui_cell c = tui_band_cell(f->theme, band);

	for (int x = from; x < to && x < r.w; x++)
		tui_grid_put(g, r.x + x, r.y, c.ch, c.st);
}

/* At most w: what heaps tell of themselves may be any number, a part larger than the whole. */
static int cells(uint64_t part, uint64_t whole, int w)
{
	if (part >= whole)
		return w;
	return (int)((double)part / (double)whole * w + (part ? 0.9999 : 0));
}

/* Used, committed above it, on the scale of what the whole heap has committed. */
static bool paint(struct tui_grid *g, const struct tui_frame *f, const struct tui_row *r, int col,
		  struct tui_rect cell, struct tui_style st)
{
	uint64_t used, committed, whole;
	struct item it;
	int a, b;

	(void)st;
	if (col != C_BAR)
		return false;
	item_of(f, r, &it);
	used = figure(f, &it, C_USED);
	committed = figure(f, &it, C_COMMITTED);
	whole = it.heap->committed != MP_UNKNOWN ? it.heap->committed : it.heap->used;
	if (used == MP_UNKNOWN || whole == MP_UNKNOWN || !whole)
		return true;
	a = cells(used, whole, cell.w);
	b = committed == MP_UNKNOWN ? a : cells(committed, whole, cell.w);
	fill(g, f, cell, 0, a, TUI_BAND_LIVE);
	fill(g, f, cell, a, b, TUI_BAND_LAZY);
	return true;
}

static int role(const struct tui_frame *f, const struct tui_row *r)
{
	(void)f;
	return (uint32_t)r->id == WHOLE ? TUI_R_BOLD : TUI_R_TEXT;
}

static uint64_t when(const struct tui_frame *f, const struct tui_row *r)
{
	(void)f;
	return ((const struct mp_heap *)r->p)->ts;
}

static void range(struct tui_lines *l, const char *name, const struct mp_range *r)
{
	char a[16], b[16], c[16];

	tui_lines_row(l, name, "%7s %7s %7s", mp_text_bytes(a, sizeof(a), r->start),
		      mp_text_bytes(b, sizeof(b), r->max), mp_text_bytes(c, sizeof(c), r->end));
}

static void detail(const struct tui_frame *f, const struct tui_row *r, struct tui_lines *l)
{
	const struct mp_heap *h = r->p;
	struct item it;
	char a[24];

	item_of(f, r, &it);
	tui_lines_add(l, TUI_R_BOLD, "the heap of %s, by itself at %s", mp_source_name(it.source),
		      tui_moment(a, sizeof(a), f, h->ts));
	tui_lines_bytes(l, "used by objects", h->used, "live, or not found dead yet");
	tui_lines_bytes(l, "live after the last major", h->live, "");
	tui_lines_bytes(l, "next collection at", h->goal, "");
	tui_lines_bytes(l, "committed", h->committed, "may be used without asking");
	tui_lines_bytes(l, "limit", h->limit, "");
	tui_lines_bytes(l, "outside, held for it", h->external, "");
	tui_lines_bytes(l, "... of which arrays", h->arrays, "");
	it.space = NULL;
	tui_lines_bytes(l, "pages resident", resident(f, &it), "by memprof's own count");
	tui_lines_head(l, "since it was first seen         start     max     now");
	range(l, "used", &h->r_used);
	range(l, "committed", &h->r_committed);
	range(l, "outside", &h->r_external);
	if (h->n_spaces)
		tui_lines_head(l, "spaces                           used  commit. resident");
	for (unsigned i = 0; i < h->n_spaces && i < MP_SPACES_MAX; i++) {
		const struct mp_space *s = &h->spaces[i];
		const struct mp_range v = { s->used, s->committed, s->resident };

		range(l, mp_str(f->state, s->name), &v);
	}
}

static const char *none(const struct tui_frame *f)
{
	return there(f) ? "the heap has not spoken yet" : "no heap source: nothing told of a heap";
}

const struct tui_pane tui_pane_spaces = {
	.name = "spaces",
	.title = "heaps and their spaces, as they tell",
	.cols = cols,
	.n_cols = C_N,
	.sort = C_NAME,
	.there = there,
	.collect = collect,
	.value = value,
	.text = text,
	.paint = paint,
	.role = role,
	.when = when,
	.detail = detail,
	.none = none,
};
