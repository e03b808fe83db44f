/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * status.c - the first lines: who is watched and how well, then the figures.
 * The figures are the plot's legend at the same time.
 */
#include <stdio.h>
#include <string.h>

#include "tui/draw.h"
#include "user/util/util.h"
#include "user/view/instant.h"

static int badge(struct tui_grid *g, const struct tui_frame *f, int x, enum tui_role role,
		 const char *text)
{
	return tui_grid_text(g, x, 0, g->w - x, tui_role(f->theme, role), text);
}

/* LIVE, PAUSED -00:12, ENDED or REPLAY, and the time of the moment shown. */
static int draw_state(struct tui_grid *g, const struct tui_frame *f, int x)
{
	const struct tui_style bar = tui_role(f->theme, TUI_R_BAR);
	uint64_t at = tui_view_moment(f->view, f->now);
	char clock[24], text[48];

	if (!f->live) {
		x = badge(g, f, x, TUI_R_REPLAY, " REPLAY ");
	} else if (tui_frame_ended(f) && f->view->follow) {
		x = badge(g, f, x, TUI_R_REPLAY, " ENDED ");
	} else if (f->view->follow) {
		x = badge(g, f, x, TUI_R_LIVE, " LIVE ");
	} else {
		tui_clock(clock, sizeof(clock), f->now->now > at ? f->now->now - at : 0);
		snprintf(text, sizeof(text), " PAUSED -%s ", clock);
		x = badge(g, f, x, TUI_R_PAUSED, text);
	}
	tui_clock(clock, sizeof(clock), tui_since(f->now, at));
	snprintf(text, sizeof(text), " %s", clock);
	/* without a time axis the cursor's moment stands here alone */
	if (!f->view->follow && f->lay.axis.h < 1 && g->w < 60)
		snprintf(text, sizeof(text), " %s.%02u", clock,
			 (unsigned)(tui_since(f->now, at) / 10000000 % 100));
	return tui_grid_text(g, x, 0, g->w - x, bar, text) + 2;
}

#define END_W 28 /* what became of the target, at most so wide */

/* Of the past people want to know what other clocks said then, if there is room for it
 * beside what is more pressing. Returns the column after it. */
static int draw_wall(struct tui_grid *g, const struct tui_frame *f, int x, int end)
{
	uint64_t at = tui_view_moment(f->view, f->now);
	int need = 10 + (tui_frame_ended(f) ? END_W : 0);
	char clock[24];

	if (f->view->follow || (f->notice && *f->notice) || end - x < need ||
	    !mp_wall_text(f->now, at, 0, clock, sizeof(clock)))
		return x;
	return tui_grid_text(g, x - 1, 0, end - x, tui_role(f->theme, TUI_R_BAR_DIM), clock) + 2;
}

/* Which hook got which rung, from the left as far as there is room. */
static void draw_hooks(struct tui_grid *g, const struct tui_frame *f, int x, int end)
{
	const struct tui_style dim = tui_role(f->theme, TUI_R_BAR_DIM);
	bool first = true;

	for (unsigned i = 1; i < MP_FEAT_MAX; i++) {
		const struct mp_probe *pr = &f->now->probes[i];
		char text[64];
		int w;

		if (!pr->known)
			continue;
		snprintf(text, sizeof(text), "%s%s=%s", first ? "hooks: " : " ", mp_feature_name(i),
			 mp_rung_name(pr->rung));
		w = tui_text_width(text);
		if (x + w > end)
			return;
		x = tui_grid_text(g, x, 0, w, dim, text);
		first = false;
	}
}

/* What is not as it should be, of how it is watched and of what is found: from the right, as
 * long as fits behind `x`. It is always in sight, if need be over what else stands there.
 * Returns where it begins. */
static int draw_marks(struct tui_grid *g, const struct tui_frame *f, int x, int end)
{
	struct tui_mark_text marks[3];
	bool notice = f->notice && *f->notice;
	int n = tui_health_marks(f, marks), found = n;

	n += tui_found_mark(f, &marks[n]);
	for (int i = 0; i < n; i++) {
		const struct tui_style st = tui_role(f->theme, (enum tui_role)marks[i].role);
		int w, k = i == found && notice ? 2 : 0; /* what was found is told again */

		/* the other one keeps a cell */
		while (k < 3 && end - tui_text_width(marks[i].text[k]) < x + 2 * (n - 1 - i))
			k++;
		w = tui_text_width(marks[i].text[k]);
		end -= w;
		tui_grid_text(g, end, 0, w, st, marks[i].text[k]);
		end -= end > x;
	}
	return end;
}

/* What became of the target, when it is gone, and what can be done about it: the longest
 * text that fits. */
static bool draw_end(struct tui_grid *g, const struct tui_frame *f, int x, int end)
{
	const struct mp_proc *p = tui_view_proc(f->view, f->now);
	const char *offer = f->unsaved ? ": w saves it, q leaves" : "";
	char how[64], brief[24], at[24], text[6][160];

	if (!p || !tui_frame_ended(f))
		return false;
	tui_end_text(p, how, sizeof(how));
	tui_end_brief(p, brief, sizeof(brief));
	if (f->view->list) {
		snprintf(how, sizeof(how), "all ended");
		snprintf(brief, sizeof(brief), "all ended");
	}
	tui_clock(at, sizeof(at), tui_since(f->now, f->view->list ? f->now->now : p->exit_ts));
	snprintf(text[0], sizeof(text[0]), " %s at %s%s ", how, at, offer);
	snprintf(text[1], sizeof(text[1]), " %s at %s%s ", brief, at, offer);
	snprintf(text[2], sizeof(text[2]), " %s%s ", brief, offer);
	snprintf(text[3], sizeof(text[3]), " %s at %s ", how, at);
	snprintf(text[4], sizeof(text[4]), " %s ", how);
	snprintf(text[5], sizeof(text[5]), " %s ", brief);
	for (int i = *offer ? 0 : 3; i < 6; i++) {
		if (x + tui_text_width(text[i]) > end)
			continue;
		tui_grid_text(g, x, 0, end - x, tui_role(f->theme, TUI_R_PAUSED), text[i]);
		return true;
	}
	return false;
}

#define STATE_W 24 /* the state and its time: they come before the number of the process */

/* Who is looked at. Returns the column after it. */
static int draw_who(struct tui_grid *g, const struct tui_frame *f, int x, int end)
{
	const struct mp_proc *p = tui_view_proc(f->view, f->now);
	const struct tui_style bar = tui_role(f->theme, TUI_R_BAR);
	uint64_t seen = tui_procs_seen(f->now);
	struct tui_style strong = bar;
	char text[64];

	strong.attr |= TUI_BOLD;
	if (f->view->list) {
		snprintf(text, sizeof(text), "%llu process%s  ", (unsigned long long)seen,
			 seen == 1 ? "" : "es");
		return tui_grid_text(g, x, 0, end - x, strong, text);
	}
	if (!p)
		return x;
	x = tui_outside_text(g, f, x, 0, g->w < 60 ? 8 : 16, strong, mp_str(f->now, p->comm));
	snprintf(text, sizeof(text), " (%u)  ", p->tgid);
	if (seen > 1 && g->w >= 80)
		snprintf(text, sizeof(text), " (%u) of %llu  ", p->tgid, (unsigned long long)seen);
	if (x + tui_text_width(text) + STATE_W > g->w)
		snprintf(text, sizeof(text), " ");
	return tui_grid_text(g, x, 0, end - x, bar, text);
}

void tui_draw_status(struct tui_grid *g, const struct tui_frame *f)
{
	struct tui_style strong = tui_role(f->theme, TUI_R_BAR);
	int end = g->w - 1, x = 1;

	strong.attr |= TUI_BOLD;
	tui_grid_fill(g, f->lay.status, L' ', tui_role(f->theme, TUI_R_BAR));
	if (g->w >= 60)
		x = tui_grid_text(g, x, 0, 9, tui_role(f->theme, TUI_R_BAR_DIM), "memprof") + 2;
	x = draw_who(g, f, x, end);
	x = draw_state(g, f, x);
	end = draw_marks(g, f, x, end);
	x = draw_wall(g, f, x, end);
	if (f->notice && *f->notice)
		tui_outside_text(g, f, x, 0, end - x, strong, f->notice);
	else if (!draw_end(g, f, x, end))
		draw_hooks(g, f, x, end);
}

/* --- figures --------------------------------------------------------------------- */

enum figure {
	FIG_RSS,
	FIG_MAX,
	FIG_LIVE,
	FIG_FREE,
	FIG_NATIVE,
	FIG_OTHER,
	FIG_FILE,
	FIG_SHMEM,
	FIG_COMMITTED,
	FIG_LAZY,
	FIG_LAZYFREE,
	FIG_USED,
	FIG_OWED,
	FIG_N,
};

struct figure_def {
	const char *name[3]; /* brief, short, explaining */
	int band;	     /* its colour in the plot, -1: none */
};

static const struct figure_def defs[FIG_N] = {
	[FIG_RSS] = { { "RSS", "RSS", "RSS" }, -1 },
	[FIG_MAX] = { { "max", "max", "max" }, -1 },
	[FIG_LIVE] = { { "live", "live heap", "live heap" }, TUI_BAND_LIVE },
	[FIG_FREE] = { { "free", "free heap", "free heap, resident" }, TUI_BAND_FREE },
	[FIG_NATIVE] = { { "native", "native", "native: malloc, stacks" }, TUI_BAND_NATIVE },
	[FIG_OTHER] = { { "other", "other", "other anon" }, TUI_BAND_OTHER },
	[FIG_FILE] = { { "file", "file", "file pages" }, TUI_BAND_FILE },
	[FIG_SHMEM] = { { "shmem", "shared", "shared memory" }, TUI_BAND_SHMEM },
	[FIG_COMMITTED] = { { "commit", "committed", "committed heap" }, TUI_BAND_MAX },
	[FIG_LAZY] = { { "lazy", "lazy", "lazy: not mapped" }, TUI_BAND_LAZY },
	[FIG_LAZYFREE] = { { "lzfree", "lazyfree", "lazyfree: given up" }, TUI_BAND_LAZYFREE },
	[FIG_USED] = { { "used", "used", "heap used" }, -1 },
	[FIG_OWED] = { { "owed", "owed", "owed: not returned" }, -1 },
};

/* ... of other anonymous memory, where most of it is a heap without figures; none is
 * longer than the longest of its column. */
static const char *const unsplit[] = { "heap", "heap", "heap, no figures" };

struct figures {
	bool known[FIG_N];
	int64_t v[FIG_N];
};

static void set(struct figures *n, enum figure i, uint64_t v)
{
	n->known[i] = v != MP_UNKNOWN;
	n->v[i] = n->known[i] ? (int64_t)v : 0;
}

static void figures_of(struct figures *n, const struct tui_frame *f)
{
	const struct mp_point *p = tui_frame_point(f);
	const struct mp_proc *proc = tui_view_proc(f->view, f->now);
	struct tui_stack s = { 0 };

	memset(n, 0, sizeof(*n));
	if (!p || !proc)
		return;
	set(n, FIG_MAX, f->view->list ? tui_sum_max(&f->sum) : proc->r_rss.max);
	if (!mp_point_known(p)) { /* nor is how it is split */
		set(n, FIG_COMMITTED, p->committed);
		set(n, FIG_USED, p->used);
		return;
	}
	tui_stack(&s, p);
	set(n, FIG_RSS, (uint64_t)s.rss);
	set(n, FIG_NATIVE, (uint64_t)s.band[TUI_BAND_NATIVE]);
	set(n, FIG_OTHER, (uint64_t)s.band[TUI_BAND_OTHER]);
	set(n, FIG_FILE, (uint64_t)s.band[TUI_BAND_FILE]);
	set(n, FIG_SHMEM, (uint64_t)s.band[TUI_BAND_SHMEM]);
	if (s.band[TUI_BAND_LAZYFREE])
		set(n, FIG_LAZYFREE, (uint64_t)s.band[TUI_BAND_LAZYFREE]);
	set(n, FIG_COMMITTED, p->committed);
	set(n, FIG_USED, p->used);
	if (s.committed < 0 && p->used == MP_UNKNOWN)
		return;
	set(n, FIG_LIVE, (uint64_t)s.band[TUI_BAND_LIVE]);
	set(n, FIG_FREE, (uint64_t)s.band[TUI_BAND_FREE]);
	set(n, FIG_OWED, p->owed);
	if (s.committed >= 0)
		set(n, FIG_LAZY, (uint64_t)s.lazy);
}

/* The sample of a figure's look in the plot. Returns the column after it. */
static int swatch(struct tui_grid *g, const struct tui_theme *t, int x, int y, int band)
{
	struct tui_cell c;

	if (band < 0)
		return x;
	if (band == TUI_BAND_MAX) {
		c.ch = t->g->line[1];
		c.st = tui_role(t, TUI_R_LINE);
	} else {
		c = tui_band_cell(t, (enum tui_band)band);
	}
	tui_grid_put(g, x, y, c.ch, c.st);
	return x + 1;
}

/* How a table of figures is set: columns from top to bottom, -1 leaves a place empty. */
struct setting {
	int cols, rows;
	int words; /* which of a figure's names     */
	int apart; /* cells from swatch to name     */
	const int *order;
};

/* "name   value" in w cells, the value against the right edge. */
static void draw_figure(struct tui_grid *g, const struct tui_frame *f, const struct figures *n,
			enum figure i, struct tui_rect r, const struct setting *s)
{
	const struct tui_theme *t = f->theme;
	struct tui_style value = tui_role(t, TUI_R_BOLD);
	char num[16] = "-";
	int x = swatch(g, t, r.x, r.y, defs[i].band);

	if (defs[i].band >= 0)
		x += s->apart;
	if (n->known[i])
		mp_bytes(num, sizeof(num), n->v[i]);
	if (i == FIG_OWED && n->v[i] > 0)
		value.fg = tui_role(t, TUI_R_OWED).fg;
	tui_grid_text(g, x, r.y, r.x + r.w - x, tui_role(t, TUI_R_TEXT),
		      i == FIG_OTHER && tui_heap_unsplit(f) ? unsplit[s->words]
							    : defs[i].name[s->words]);
	tui_grid_text_right(g, r.x, r.y, r.w, value, num);
}

static const int six_by_two[] = {
	FIG_RSS,  FIG_MAX,   FIG_LIVE,	    FIG_FREE, FIG_NATIVE, FIG_OTHER,
	FIG_FILE, FIG_SHMEM, FIG_COMMITTED, FIG_LAZY, FIG_USED,	  FIG_OWED,
};
static const int five_by_three[] = {
	FIG_RSS,      FIG_MAX,	FIG_USED,  FIG_LIVE, FIG_FREE,	    FIG_OWED, FIG_NATIVE, FIG_OTHER,
	FIG_LAZYFREE, FIG_FILE, FIG_SHMEM, -1,	     FIG_COMMITTED, FIG_LAZY, -1,
};
static const int four_by_three[] = {
	FIG_RSS,    FIG_MAX,   FIG_USED, FIG_LIVE,	FIG_FREE, FIG_OWED,
	FIG_NATIVE, FIG_OTHER, FIG_FILE, FIG_COMMITTED, FIG_LAZY, FIG_SHMEM,
};

/* From the one that says most to the one that needs least room. */
static const struct setting settings[] = {
	{ 6, 2, 2, 1, six_by_two },    { 6, 2, 1, 1, six_by_two },    { 6, 2, 0, 0, six_by_two },
	{ 5, 3, 1, 1, five_by_three }, { 5, 3, 1, 0, five_by_three }, { 5, 3, 0, 0, five_by_three },
	{ 4, 3, 0, 0, four_by_three },
};
#define COLS_MAX 6

/* Widths of a setting's columns; returns their sum with a cell between any two. */
static int measure(const struct setting *s, int width[COLS_MAX])
{
	int sum = s->cols - 1;

	for (int c = 0; c < s->cols; c++) {
		width[c] = 0;
		for (int i = 0; i < s->rows; i++) {
			int fig = s->order[c * s->rows + i];
			int w = fig < 0 ? 0 : tui_text_width(defs[fig].name[s->words]) + 1 + 6;

			if (fig >= 0 && defs[fig].band >= 0)
				w += 1 + s->apart;
			width[c] = w > width[c] ? w : width[c];
		}
		sum += width[c];
	}
	return sum;
}

/* What stands in a place: where nothing is shared, what was given up has its place. */
static int figure_at(const struct setting *s, const struct figures *n, int at)
{
	int fig = s->order[at];

	if (fig == FIG_SHMEM && s->order != five_by_three && !n->v[FIG_SHMEM] &&
	    n->known[FIG_LAZYFREE])
		return FIG_LAZYFREE;
	/* rare: nothing is said of it where there is none */
	return fig == FIG_LAZYFREE && !n->known[fig] ? -1 : fig;
}

static void draw_table(struct tui_grid *g, const struct tui_frame *f, const struct figures *n)
{
	const struct tui_rect *r = &f->lay.numbers;
	const struct setting *s = settings;
	int width[COLS_MAX], gap, x = r->x + 1;

	while (s < settings + sizeof(settings) / sizeof(settings[0]) - 1 &&
	       (s->rows != r->h || measure(s, width) > r->w - 1))
		s++;
	gap = 1 + (r->w - 1 - measure(s, width)) / (s->cols - 1);
	gap = gap < 1 ? 1 : gap > 4 ? 4 : gap;
	for (int c = 0; c < s->cols; c++) {
		for (int i = 0; i < s->rows; i++) {
			int fig = figure_at(s, n, c * s->rows + i);
			struct tui_rect cell = { x, r->y + i, width[c], 1 };

			if (fig >= 0)
				draw_figure(g, f, n, (enum figure)fig, cell, s);
		}
		x += width[c] + gap;
	}
}

/* The narrow screen: one figure a row, explained as far as there is room. */
static void draw_list(struct tui_grid *g, const struct tui_frame *f, const struct figures *n)
{
	static const int order[] = { FIG_RSS,	FIG_LIVE,  FIG_FREE,	  FIG_NATIVE,
				     FIG_OTHER, FIG_FILE,  FIG_COMMITTED, FIG_LAZY,
				     FIG_OWED,	FIG_SHMEM, FIG_USED,	  FIG_MAX };
	static const struct setting list = { .words = 2, .apart = 1 };
	const struct tui_rect *r = &f->lay.numbers;

	for (int i = 0; i < (int)(sizeof(order) / sizeof(order[0])) && i < r->h; i++) {
		struct tui_rect cell = { r->x + 1, r->y + i, r->w - 2, 1 };

		draw_figure(g, f, n, (enum figure)order[i], cell, &list);
	}
}

void tui_draw_numbers(struct tui_grid *g, const struct tui_frame *f)
{
	struct figures n;

	figures_of(&n, f);
	if (f->lay.tier == TUI_TIER_NUMBERS)
		draw_list(g, f, &n);
	else
		draw_table(g, f, &n);
}
