/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * axis.c - under the plot, column by column with it: time labels, notes, and
 * the lanes of what happened.
 */
#include <stdio.h>
#include <string.h>

#include "tui/draw.h"
#include "user/util/util.h"

/* The moment at a column's left edge, ns since the session's start. */
static uint64_t column_time(const struct tui_frame *f, int col)
{
	const struct mp_timeline *tl = f->win.tl;
	uint64_t at = tl->start + (uint64_t)(f->win.col0 + col) * f->win.colw;

	return tui_since(f->now, at);
}

/* Time with as much of the second as the step needs. */
static void tick_text(char *buf, size_t size, uint64_t ns, uint64_t step)
{
	char clock[24];

	tui_clock(clock, sizeof(clock), ns);
	if (step < 1000000000ULL)
		snprintf(buf, size, "%s.%0*u", clock, step < 100000000ULL ? 2 : 1,
			 (unsigned)(ns % 1000000000ULL /
				    (step < 100000000ULL ? 10000000ULL : 100000000ULL)));
	else
		snprintf(buf, size, "%s", clock);
}

/* The smallest round step that leaves room between labels. */
static uint64_t tick_step(uint64_t colw)
{
	static const uint64_t ms[] = {
		10,	20,	50,	100,	 200,	  500,	   1000,
		2000,	5000,	10000,	15000,	 30000,	  60000,   120000,
		300000, 600000, 900000, 1800000, 3600000, 7200000, 14400000
	};
	uint64_t step = 1000000;

	for (size_t i = 0; i < sizeof(ms) / sizeof(ms[0]); i++) {
		step = ms[i] * 1000000ULL;
		if (step / colw >= 12)
			return step;
	}
	while (step / colw < 12)
		step *= 2;
	return step;
}

/* The cursor's moment, under its column. Returns the cells it takes. */
static struct tui_rect draw_pointer(struct tui_grid *g, const struct tui_frame *f)
{
	const struct tui_rect *r = &f->lay.axis;
	struct tui_style st = tui_role(f->theme, TUI_R_CURSOR);
	uint64_t ns = tui_since(f->now, tui_view_point(f->view, f->now)->ts);
	int x = f->lay.plot.x + f->win.cursor;
	char clock[24], text[40];
	int w;

	tui_clock(clock, sizeof(clock), ns);
	snprintf(text, sizeof(text), " %s.%02u ", clock, (unsigned)(ns / 10000000 % 100));
	w = tui_text_width(text);
	tui_grid_put(g, x, r->y, f->theme->g->pointer, st);
	if (x + 1 + w <= r->x + r->w) {
		tui_grid_text(g, x + 1, r->y, w, st, text);
		return (struct tui_rect){ x, r->y, w + 1, 1 };
	}
	tui_grid_text(g, x - w, r->y, w, st, text);
	return (struct tui_rect){ x - w, r->y, w + 1, 1 };
}

void tui_draw_axis(struct tui_grid *g, const struct tui_frame *f)
{
	const struct tui_rect *r = &f->lay.axis;
	struct tui_style dim = tui_role(f->theme, TUI_R_DIM);
	struct tui_rect pointer = { 0, 0, 0, 0 };
	uint64_t step;

	if (r->h < 1)
		return;
	tui_grid_text_right(g, r->x, r->y, f->lay.gutter.w - 1, dim, "0");
	if (!f->win.tl)
		return;
	if (f->win.cursor >= 0)
		pointer = draw_pointer(g, f);
	step = tick_step(f->win.colw);
	for (int i = 0; i < f->lay.plot.w; i++) {
		uint64_t a = column_time(f, i);
		uint64_t b = column_time(f, i + 1);
		uint64_t tick = (a + step - 1) / step * step;
		int x = f->lay.plot.x + i;
		char text[40];
		int w;

		if (tick >= b)
			continue;
		tick_text(text, sizeof(text), tick, step);
		w = 1 + tui_text_width(text);
		if (i + w > f->lay.plot.w)
			break;
		if (x < pointer.x + pointer.w && x + w > pointer.x)
			continue;
		tui_grid_put(g, x, r->y, f->theme->g->tick, dim);
		tui_grid_text(g, x + 1, r->y, w - 1, dim, text);
	}
}

/*
 * Notes as labels that begin at their column. Two rows take turns, so that a
 * label has the room to the next but one. When one is too long all lose what stands
 * before their colon.
 */
struct note {
	int x;
	uint32_t id;
};

#define NOTES_MAX 64

static int collect_notes(const struct tui_frame *f, struct note *notes)
{
	int n = 0;

	for (int x = 0; x < f->lay.plot.w && n < NOTES_MAX; x++) {
		const struct mp_point *pt = tui_frame_col(f, x);

		if (pt && pt->note)
			notes[n++] = (struct note){ x, pt->note };
	}
	return n;
}

/* Cells a note's text may take: to the note after it in the same row. */
static int note_room(const struct tui_frame *f, const struct note *notes, int i, int n)
{
	int rows = f->lay.notes.h;
	int next = i + rows < n ? notes[i + rows].x - 1 : f->lay.plot.w;

	return next - notes[i].x - 1;
}

static void draw_notes(struct tui_grid *g, const struct tui_frame *f)
{
	const struct tui_rect *r = &f->lay.notes;
	struct tui_style st = tui_role(f->theme, TUI_R_NOTE);
	struct note notes[NOTES_MAX] = { 0 };
	bool brief = false;
	int n;

	if (r->h < 1)
		return;
	n = collect_notes(f, notes);
	tui_grid_text_right(g, r->x, r->y, f->lay.gutter.w - 1, tui_role(f->theme, TUI_R_DIM),
			    "notes");
	for (int i = 0; i < n; i++)
		brief |= tui_text_width(mp_str(f->now, notes[i].id)) > note_room(f, notes, i, n);
	for (int i = 0; i < n; i++) {
		const char *text = mp_str(f->now, notes[i].id);
		const char *colon = strstr(text, ": ");
		int x = f->lay.plot.x + notes[i].x;
		int y = r->y + i % r->h;

		tui_grid_put(g, x, y, f->theme->g->mark[TUI_M_NOTE], st);
		tui_outside_text(g, f, x + 1, y, note_room(f, notes, i, n), st,
				 brief && colon ? colon + 2 : text);
	}
}

/* What a column of a lane shows: the most telling thing that happened in it. */
static int event_mark(const struct mp_point *p, bool gc, bool calls, bool notes)
{
	if (notes && p->note)
		return TUI_M_NOTE;
	if (gc && p->gc_major)
		return TUI_M_MAJOR;
	if (calls && p->madvise_pages)
		return TUI_M_RELEASE;
	if (gc && p->gc_minor)
		return TUI_M_MINOR;
	if (calls && p->munmap_pages)
		return TUI_M_MUNMAP;
	if (calls && p->mmap)
		return TUI_M_MMAP;
	if (calls && p->munmap)
		return TUI_M_MUNMAP;
	if (calls && p->madvise)
		return TUI_M_RELEASE;
	return -1;
}

enum lane { LANE_ALL, LANE_GC, LANE_CALLS, LANE_OWED, LANE_FAULTS };

static const char *const lane_names[] = { "events", "gc", "calls", "owed", "faults" };

static uint64_t lane_level(const struct mp_point *p, enum lane lane)
{
	return lane == LANE_OWED ? (p->owed == MP_UNKNOWN ? 0 : p->owed) : p->faults;
}

/* A lane of amounts, drawn against its own highest column. */
static void draw_levels(struct tui_grid *g, const struct tui_frame *f, int y, enum lane lane)
{
	struct tui_style st = {
		tui_band_color(f->theme, lane == LANE_OWED ? TUI_BAND_FREE : TUI_BAND_LIVE), 0, 0
	};
	uint64_t max = 0;

	for (int x = 0; x < f->lay.plot.w; x++) {
		const struct mp_point *pt = tui_frame_col(f, x);

		if (pt && lane_level(pt, lane) > max)
			max = lane_level(pt, lane);
	}
	for (int x = 0; max && x < f->lay.plot.w; x++) {
		const struct mp_point *pt = tui_frame_col(f, x);
		uint64_t v = pt ? lane_level(pt, lane) : 0;

		if (v)
			tui_grid_put(g, f->lay.plot.x + x, y,
				     f->theme->g->level[1 + (int)((double)v / (double)max * 7)],
				     st);
	}
}

static void draw_marks(struct tui_grid *g, const struct tui_frame *f, int y, enum lane lane)
{
	for (int x = 0; x < f->lay.plot.w; x++) {
		const struct mp_point *pt = tui_frame_col(f, x);
		int mark;

		if (!pt)
			continue;
		mark = event_mark(pt, lane != LANE_CALLS, lane != LANE_GC,
				  lane != LANE_CALLS && f->lay.notes.h < 1);
		if (mark >= 0)
			tui_grid_put(g, f->lay.plot.x + x, y, f->theme->g->mark[mark],
				     tui_role(f->theme, tui_mark_role((enum tui_mark)mark)));
	}
}

/* One item of the lanes' legend: mark, count, name, and what it amounted to. */
struct item {
	enum tui_mark mark;
	char text[56];
};
#define ITEMS 5

static void set_item(struct item *it, enum tui_mark mark, uint64_t n, const char *name,
		     const char *amount)
{
	it->mark = mark;
	snprintf(it->text, sizeof(it->text), " %llu %s%s%s", (unsigned long long)n, name,
		 *amount ? " " : "", amount);
}

/* Fills in all items, the pauses only when there is room; returns their width. */
static int legend(struct item items[ITEMS], const struct mp_point *s, bool pauses)
{
	char pause[24] = "", back[24] = "";
	int w = 0;

	if (pauses && s->gc_pause)
		mp_duration(pause, sizeof(pause), s->gc_pause);
	if (s->madvise_pages) {
		char num[16];

		mp_bytes(num, sizeof(num), (int64_t)(s->madvise_pages * MP_PAGE_SIZE));
		snprintf(back, sizeof(back), "-%s", num);
	}
	set_item(&items[0], TUI_M_MAJOR, s->gc_major, "major", "");
	set_item(&items[1], TUI_M_MINOR, s->gc_minor, "minor gc", pause);
	set_item(&items[2], TUI_M_RELEASE, s->madvise, "madvise", back);
	set_item(&items[3], TUI_M_MMAP, s->mmap, "mmap", "");
	set_item(&items[4], TUI_M_MUNMAP, s->munmap, "munmap", "");
	for (int i = 0; i < ITEMS; i++)
		w += 1 + tui_text_width(items[i].text) + 2;
	return w - 2;
}

/* The lanes' legend: what there was in the window, or at the cursor. */
static void draw_counts(struct tui_grid *g, const struct tui_frame *f)
{
	const struct tui_rect *r = &f->lay.counts;
	const struct tui_window *win = &f->win;
	struct tui_style dim = tui_role(f->theme, TUI_R_DIM);
	struct item items[ITEMS];
	struct mp_point sum;
	int x = f->lay.plot.x;
	int end = r->x + r->w;

	if (r->h < 1 || !tui_frame_sum(f, win->cursor, &sum))
		return;
	if (win->cursor >= 0)
		tui_grid_text_right(g, r->x, r->y, f->lay.gutter.w - 1, dim, "here");
	if (legend(items, &sum, true) > end - x)
		legend(items, &sum, false);
	for (int i = 0; i < ITEMS && x < end; i++) {
		tui_grid_put(g, x, r->y, f->theme->g->mark[items[i].mark],
			     tui_role(f->theme, tui_mark_role(items[i].mark)));
		x = tui_grid_text(g, x + 1, r->y, end - x - 1, dim, items[i].text) + 2;
	}
}

void tui_draw_lanes(struct tui_grid *g, const struct tui_frame *f)
{
	static const enum lane order[] = { LANE_GC, LANE_CALLS, LANE_OWED, LANE_FAULTS };
	const struct tui_rect *r = &f->lay.lanes;

	draw_notes(g, f);
	for (int i = 0; i < r->h; i++) {
		enum lane lane = r->h == 1 ? LANE_ALL : order[i];

		tui_grid_text_right(g, r->x, r->y + i, f->lay.gutter.w - 1,
				    tui_role(f->theme, TUI_R_DIM), lane_names[lane]);
		if (lane == LANE_OWED || lane == LANE_FAULTS)
			draw_levels(g, f, r->y + i, lane);
		else
			draw_marks(g, f, r->y + i, lane);
	}
	draw_counts(g, f);
}
