/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * status.c - the first lines: who is watched and how well, then the figures.
 * The figures are the plot's legend at the same time.
 */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "tui/draw.h"
#include "user/util/util.h"

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
	return tui_grid_text(g, x, 0, g->w - x, bar, text) + 2;
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

/* What became of the target, when it is gone. */
static bool exit_text(const struct mp_proc *p, char *buf, size_t size)
{
	if (!p || !p->exited)
		return false;
	if (WIFSIGNALED(p->wait_status))
		snprintf(buf, size, " target killed by signal %d ", WTERMSIG(p->wait_status));
	else
		snprintf(buf, size, " target exited %d ", WEXITSTATUS(p->wait_status));
	return true;
}

void tui_draw_status(struct tui_grid *g, const struct tui_frame *f)
{
	const struct mp_proc *p = mp_model_main(f->now);
	const struct tui_style bar = tui_role(f->theme, TUI_R_BAR);
	struct tui_style strong = bar;
	int end = g->w - 1;
	char text[160];
	int x;

	strong.attr |= TUI_BOLD;
	tui_grid_fill(g, f->lay.status, L' ', bar);
	x = tui_grid_text(g, 1, 0, 9, tui_role(f->theme, TUI_R_BAR_DIM), "memprof") + 2;
	if (p) {
		x = tui_outside_text(g, f, x, 0, 16, strong, mp_str(f->now, p->comm));
		snprintf(text, sizeof(text), " (%u)  ", p->tgid);
		x = tui_grid_text(g, x, 0, end - x, bar, text);
	}
	x = draw_state(g, f, x);
	if (f->now->lost_total) {
		snprintf(text, sizeof(text), " LOST %llu ", (unsigned long long)f->now->lost_total);
		end -= tui_text_width(text);
		if (end > x)
			tui_grid_text(g, end, 0, g->w - end, tui_role(f->theme, TUI_R_ALARM), text);
		end -= 1;
	}
	if (f->notice && *f->notice) {
		tui_outside_text(g, f, x, 0, end - x, strong, f->notice);
	} else if (exit_text(p, text, sizeof(text)) && tui_text_width(text) <= end - x) {
		tui_grid_text(g, x, 0, end - x, tui_role(f->theme, TUI_R_PAUSED), text);
	} else {
		draw_hooks(g, f, x, end);
	}
}

/* --- figures --------------------------------------------------------------------- */

enum figure {
	FIG_RSS,
	FIG_MAX,
	FIG_LIVE,
	FIG_FREE,
	FIG_OTHER,
	FIG_FILE,
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
	[FIG_OTHER] = { { "other", "other", "other anon" }, TUI_BAND_OTHER },
	[FIG_FILE] = { { "file", "file", "file, shared" }, TUI_BAND_FILE },
	[FIG_COMMITTED] = { { "commit", "committed", "committed heap" }, TUI_BAND_MAX },
	[FIG_LAZY] = { { "lazy", "lazy", "lazy: not mapped" }, TUI_BAND_LAZY },
	[FIG_LAZYFREE] = { { "lzfree", "lazyfree", "given up, not taken" }, TUI_BAND_LAZYFREE },
	[FIG_USED] = { { "used", "used", "heap used" }, -1 },
	[FIG_OWED] = { { "owed", "owed", "owed: not returned" }, -1 },
};

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
	const struct mp_point *p = tui_view_point(f->view, f->now);
	const struct mp_proc *proc = mp_model_main(f->now);
	struct tui_stack s = { 0 };

	memset(n, 0, sizeof(*n));
	if (!p || !proc)
		return;
	tui_stack(&s, p);
	set(n, FIG_RSS, (uint64_t)s.rss);
	set(n, FIG_MAX, proc->r_rss.max);
	set(n, FIG_OTHER, (uint64_t)s.band[TUI_BAND_OTHER]);
	set(n, FIG_FILE, (uint64_t)s.band[TUI_BAND_FILE]);
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
	return x + 2;
}

/* "name   value" in w cells, the value against the right edge. */
static void draw_figure(struct tui_grid *g, const struct tui_frame *f, const struct figures *n,
			enum figure i, struct tui_rect r, int words)
{
	const struct tui_theme *t = f->theme;
	struct tui_style value = tui_role(t, TUI_R_BOLD);
	char num[16] = "-";
	int x = swatch(g, t, r.x, r.y, defs[i].band);

	if (n->known[i])
		mp_bytes(num, sizeof(num), n->v[i]);
	if (i == FIG_OWED && n->v[i] > 0 && t->depth)
		value.fg = tui_band_color(t, TUI_BAND_FREE);
	tui_grid_text(g, x, r.y, r.x + r.w - x, tui_role(t, TUI_R_TEXT), defs[i].name[words]);
	tui_grid_text_right(g, r.x, r.y, r.w, value, num);
}

static int figure_width(enum figure i, int words)
{
	int w = tui_text_width(defs[i].name[words]) + 1 + 6;

	return defs[i].band < 0 ? w : w + 2;
}

/* Columns of figures, top to bottom; -1 leaves a place empty. */
static const int two_rows[5 * 2] = {
	FIG_RSS,  FIG_MAX,	 FIG_LIVE, FIG_FREE, FIG_OTHER,
	FIG_FILE, FIG_COMMITTED, FIG_LAZY, FIG_USED, FIG_OWED,
};
static const int three_rows[4 * 3] = {
	FIG_RSS,   FIG_MAX,  FIG_USED,	   FIG_LIVE,	  FIG_FREE, FIG_OWED,
	FIG_OTHER, FIG_FILE, FIG_LAZYFREE, FIG_COMMITTED, FIG_LAZY, -1,
};

static void draw_table(struct tui_grid *g, const struct tui_frame *f, const struct figures *n,
		       const int *order, int cols, int rows, int words)
{
	const struct tui_rect *r = &f->lay.numbers;
	int width[5] = { 0 };
	int used = 0, x = r->x + 1;
	int gap;

	for (int c = 0; c < cols; c++) {
		for (int i = 0; i < rows; i++) {
			int fig = order[c * rows + i];
			int w = fig < 0 ? 0 : figure_width((enum figure)fig, words);

			width[c] = w > width[c] ? w : width[c];
		}
		used += width[c];
	}
	gap = (r->w - 1 - used) / (cols - 1);
	gap = gap < 1 ? 1 : gap > 4 ? 4 : gap;
	for (int c = 0; c < cols; c++) {
		for (int i = 0; i < rows; i++) {
			int fig = order[c * rows + i];
			struct tui_rect cell = { x, r->y + i, width[c], 1 };

			/* rare: nothing is said of it where there is none */
			if (fig >= 0 && (fig != FIG_LAZYFREE || n->known[fig]))
				draw_figure(g, f, n, (enum figure)fig, cell, words);
		}
		x += width[c] + gap;
	}
}

/* The narrow screen: one figure a row, explained as far as there is room. */
static void draw_list(struct tui_grid *g, const struct tui_frame *f, const struct figures *n)
{
	static const int order[] = { FIG_RSS,	    FIG_LIVE, FIG_FREE, FIG_OTHER, FIG_FILE,
				     FIG_COMMITTED, FIG_LAZY, FIG_OWED, FIG_USED,  FIG_MAX };
	const struct tui_rect *r = &f->lay.numbers;

	for (int i = 0; i < (int)(sizeof(order) / sizeof(order[0])) && i < r->h; i++) {
		struct tui_rect cell = { r->x + 1, r->y + i, r->w - 2, 1 };

		draw_figure(g, f, n, (enum figure)order[i], cell, 2);
	}
}

void tui_draw_numbers(struct tui_grid *g, const struct tui_frame *f)
{
	struct figures n;
	int w = f->lay.numbers.w;

	figures_of(&n, f);
	if (f->lay.tier == TUI_TIER_NUMBERS)
		draw_list(g, f, &n);
	else if (f->lay.numbers.h == 3)
		draw_table(g, f, &n, three_rows, 4, 3, w >= 70 ? 1 : 0);
	else
		draw_table(g, f, &n, two_rows, 5, 2, w >= 120 ? 2 : 1);
}
