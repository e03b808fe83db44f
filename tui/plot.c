/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * plot.c - the picture: RSS as a stacked area, the promised memory above it.
 *
 * The heap's bands lie on top of the rest, so that what the heap committed and
 * nobody touched continues them upwards: the hatched gap is exactly the lazy
 * memory, its upper edge is where RSS would be if every promise were kept.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/draw.h"
#include "user/util/util.h"

/* One column. Heights are in eighths of a row, from the plot's bottom. */
struct column {
	bool any, note;
	struct tui_stack s;
	int64_t rss_min, rss_max;
	int edge[TUI_BAND_RSS]; /* upper edges of the bands  */
	int rss;		/* ... of the last of them   */
	int line;		/* committed heap, -1: none  */
	int min, max;		/* RSS within the column     */
};

struct plot {
	struct tui_grid *g;
	const struct tui_frame *f;
	const struct tui_theme *t;
	struct tui_rect r;
	struct column *cols;
	int8_t *kind; /* the band a cell belongs to wholly, or NONE */
	struct tui_scale scale;
};

#define NONE (-1)

static int eighths(const struct plot *p, int64_t bytes)
{
	int full = p->r.h * 8;
	double v = (double)bytes / (double)p->scale.top * full;

	return v <= 0 ? 0 : v >= full ? full : (int)(v + 0.5);
}

/* Stacks what each column covers; returns the highest value of all. */
static int64_t load(struct plot *p)
{
	int64_t max = 0;

	for (int x = 0; x < p->r.w; x++) {
		struct column *c = &p->cols[x];
		const struct mp_point *pt = tui_frame_col(p->f, x);
		int64_t high;

		if (!pt)
			continue;
		c->any = true;
		tui_stack(&c->s, pt);
		c->rss_min = pt->rss_min;
		c->rss_max = pt->rss_max > c->s.rss ? pt->rss_max : c->s.rss;
		c->note = pt->note != 0;
		high = c->s.committed < 0 ? 0 : c->s.base + c->s.committed;
		high = high > c->rss_max ? high : c->rss_max;
		max = high > max ? high : max;
	}
	return max;
}

/* RSS too small for an eighth gets one all the same, in its largest band. */
static void show_little(struct column *c)
{
	int most = 0;

	for (int b = 1; b < TUI_BAND_RSS; b++)
		if (c->s.band[b] > c->s.band[most])
			most = b;
	for (int b = most; b < TUI_BAND_RSS; b++)
		c->edge[b] = 1;
}

static void measure(struct plot *p)
{
	for (int x = 0; x < p->r.w; x++) {
		struct column *c = &p->cols[x];
		int64_t sum = 0;

		if (!c->any)
			continue;
		for (int b = 0; b < TUI_BAND_RSS; b++) {
			sum += c->s.band[b];
			c->edge[b] = eighths(p, sum);
		}
		if (sum > 0 && c->edge[TUI_BAND_RSS - 1] == 0)
			show_little(c);
		c->rss = c->edge[TUI_BAND_RSS - 1];
		c->line = c->s.committed < 0 ? -1 : eighths(p, c->s.base + c->s.committed);
		c->min = eighths(p, c->rss_min);
		c->max = eighths(p, c->rss_max);
	}
}

/* Eighths of the cell [lo, lo + 8) that a band fills. */
static int cover(const struct column *c, int band, int lo)
{
	int from = band ? c->edge[band - 1] : 0;
	int to = c->edge[band];

	from = from > lo ? from : lo;
	to = to < lo + 8 ? to : lo + 8;
	return to > from ? to - from : 0;
}

/* The two bands with most of a cell, the lower one first; second NONE if alone. */
static void two_bands(const struct column *c, int lo, int *low, int *high)
{
	int best = NONE, next = NONE;

	for (int b = 0; b < TUI_BAND_RSS; b++) {
		int n = cover(c, b, lo);

		if (!n)
			continue;
		if (best == NONE || n > cover(c, best, lo)) {
			next = best;
			best = b;
		} else if (next == NONE || n > cover(c, next, lo)) {
			next = b;
		}
	}
	*low = next != NONE && next < best ? next : best;
	*high = next == NONE ? NONE : next < best ? best : next;
}

/* A cell of the area, in two colours where a boundary crosses it. */
static struct tui_cell fine_cell(const struct plot *p, const struct column *c, int lo, int *kind)
{
	struct tui_cell cell = { L' ', { 0, 0, 0 } };
	int low, high, n;

	two_bands(c, lo, &low, &high);
	if (c->rss < lo + 8) {
		/* RSS ends here: its height must be exact, so the band with
		 * most of the cell stands for all of them */
		int most = high != NONE && cover(c, high, lo) > cover(c, low, lo) ? high : low;

		cell.ch = p->t->g->level[c->rss - lo];
		cell.st.fg = tui_band_color(p->t, most);
		return cell;
	}
	if (high == NONE) {
		*kind = low;
		return tui_band_cell(p->t, low);
	}
	n = c->edge[high - 1] - lo;
	n = n < 1 ? 1 : n > 7 ? 7 : n;
	cell.ch = p->t->g->level[n];
	cell.st.fg = tui_band_color(p->t, low);
	cell.st.bg = tui_band_color(p->t, high);
	return cell;
}

/* Without two colours a cell belongs to the band that has most of it. */
static struct tui_cell coarse_cell(const struct plot *p, const struct column *c, int lo, int *kind)
{
	struct tui_cell blank = { L' ', { 0, 0, 0 } };
	int low, high, most;

	two_bands(c, lo, &low, &high);
	most = high != NONE && cover(c, high, lo) > cover(c, low, lo) ? high : low;
	if (lo > 0 && c->rss - lo < 4)
		return blank;
	*kind = most;
	return tui_band_cell(p->t, most);
}

/* The committed heap's level, where it does not touch the area's own edge. */
static void draw_line(const struct plot *p, const struct column *c, int x)
{
	int row = (c->line - 1) / 8;
	int sub = (c->line - 1) % 8;
	struct tui_cell *cell = tui_grid_at(p->g, p->r.x + x, p->r.y + p->r.h - 1 - row);
	struct tui_style st = tui_role(p->t, TUI_R_LINE);
	bool above = row * 8 >= c->rss;
	int8_t *kind = &p->kind[row * p->r.w + x];

	if (c->line <= 0 || !cell || (!above && c->line > c->rss - 8))
		return;
	if (!above && *kind != NONE)
		st = tui_band_text(p->t, *kind);
	cell->ch = p->t->g->line[sub < 3 ? 0 : sub < 6 ? 1 : 2];
	cell->st = st;
	*kind = NONE;
}

static void draw_column(const struct plot *p, int x)
{
	const struct column *c = &p->cols[x];
	const struct column *prev = x > 0 && p->cols[x - 1].any ? &p->cols[x - 1] : c;
	int high = c->rss > prev->rss ? c->rss : prev->rss;
	int low = c->rss < prev->rss ? c->rss : prev->rss;

	for (int row = 0; row < p->r.h; row++) {
		int lo = row * 8;
		int y = p->r.y + p->r.h - 1 - row;
		int kind = NONE;
		struct tui_cell cell = { L' ', { 0, 0, 0 } };

		if (lo < c->rss) {
			cell = tui_theme_fine(p->t) ? fine_cell(p, c, lo, &kind)
						    : coarse_cell(p, c, lo, &kind);
		} else if (lo + 4 < c->line) {
			cell = tui_band_cell(p->t, TUI_BAND_LAZY);
			kind = TUI_BAND_LAZY;
		} else if (c->note) {
			cell.ch = p->t->g->dots;
			cell.st = tui_role(p->t, TUI_R_DIM);
		}
		/* a spike or a dip inside the column that neither it nor its
		 * neighbour ends at: a ramp is no spike */
		if (lo >= c->rss && c->max > high + 1 && lo < c->max) {
			cell.ch = p->t->g->spike;
			cell.st = tui_role(p->t, TUI_R_BOLD);
			kind = NONE;
		} else if (kind != NONE && lo + 8 <= c->rss && c->min < low - 8 && lo >= c->min) {
			cell.st = tui_band_text(p->t, kind);
			cell.ch = p->t->g->spike;
			kind = NONE;
		}
		tui_grid_put(p->g, p->r.x + x, y, cell.ch, cell.st);
		p->kind[row * p->r.w + x] = (int8_t)kind;
	}
	draw_line(p, c, x);
}

/* --- names written into the bands ------------------------------------------------- */

#define LABEL_LINES 3

struct label {
	int band;
	const char *lines[LABEL_LINES]; /* the first follows the number */
};

/* From the one that says most to the one that needs least room. */
static const struct label labels[] = {
	{ TUI_BAND_LAZY, { " lazy: promised, not mapped yet" } },
	{ TUI_BAND_LAZY, { " lazy:", "promised,", "not mapped yet" } },
	{ TUI_BAND_LAZY, { "", "lazy" } },
	{ TUI_BAND_FREE, { " freed, still resident" } },
	{ TUI_BAND_FREE, { " freed,", "still resident" } },
	{ TUI_BAND_FREE, { "", "freed,", "still here" } },
	{ TUI_BAND_LAZYFREE, { " given up, the kernel may take it" } },
	{ TUI_BAND_LAZYFREE, { " given up,", "still here" } },
	{ TUI_BAND_LAZYFREE, { "", "lazyfree" } },
	{ TUI_BAND_LIVE, { " live heap" } },
	{ TUI_BAND_LIVE, { "", "live" } },
	/* the second line only keeps thin bands from being written over */
	{ TUI_BAND_OTHER, { " other anonymous memory", "" } },
	{ TUI_BAND_OTHER, { " other", "" } },
	{ TUI_BAND_FILE, { " file pages", "" } },
};
#define LABELS_N (sizeof(labels) / sizeof(labels[0]))

/* How many cells of the band lie from here to the right. */
static int run_from(const struct plot *p, int band, int x, int row, int need)
{
	int n = 0;

	while (n < need && x + n < p->r.w && p->kind[row * p->r.w + x + n] == band)
		n++;
	return n;
}

/*
 * A free rectangle of w x h cells in a band, the one nearest to the band's
 * middle, so that a label lies where the eye looks and moves with the picture.
 */
static bool find_room(const struct plot *p, int band, int w, int h, int *at_x, int *at_row)
{
	long sum_x = 0, sum_y = 0, n = 0, best = -1;

	for (int i = 0; i < p->r.w * p->r.h; i++) {
		if (p->kind[i] == band) {
			sum_x += i % p->r.w;
			sum_y += i / p->r.w;
			n++;
		}
	}
	if (n < (long)w * h)
		return false;
	for (int row = 0; row + h <= p->r.h; row++) {
		for (int x = 0; x + w <= p->r.w; x++) {
			long dx = x + w / 2 - sum_x / n;
			long dy = (row + h / 2 - sum_y / n) * 2;
			long far = dx * dx + dy * dy;
			int ok = 0;

			if (best >= 0 && far >= best)
				continue;
			while (ok < h && run_from(p, band, x, row + ok, w) == w)
				ok++;
			if (ok < h)
				continue;
			best = far;
			*at_x = x;
			*at_row = row;
		}
	}
	return best >= 0;
}

static int64_t highest(const struct plot *p, int band, int x, int w)
{
	int64_t max = 0;

	for (int i = x; i < x + w; i++) {
		const struct tui_stack *s = &p->cols[i].s;
		int64_t v = band == TUI_BAND_LAZY ? s->lazy : s->band[band];

		max = v > max ? v : max;
	}
	return max;
}

/* Writes a label into its band; false where it finds no room. */
static bool draw_label(const struct plot *p, const struct label *l)
{
	struct tui_style st = tui_band_text(p->t, l->band);
	int w = 0, n = 0, x, row;
	char text[64], num[16];

	for (; n < LABEL_LINES && l->lines[n]; n++) {
		int len = tui_text_width(l->lines[n]) + (n ? 0 : 6);

		w = len > w ? len : w;
	}
	w += 2;
	if (!find_room(p, l->band, w, n, &x, &row))
		return false;
	mp_bytes(num, sizeof(num), highest(p, l->band, x, w));
	for (int i = 0; i < n; i++) {
		struct tui_rect line = { p->r.x + x, p->r.y + p->r.h - row - n + i, w, 1 };
		int len;

		if (i && !*l->lines[i])
			continue;
		snprintf(text, sizeof(text), " %s%s ", i ? "" : num, l->lines[i]);
		len = tui_text_width(text);
		tui_grid_text(p->g, line.x + (w - len) / 2, line.y, len, st, text);
	}
	return true;
}

/* Nothing but background there, or the dots of a note's line. */
static bool blank(const struct plot *p, struct tui_rect r)
{
	for (int y = r.y; y < r.y + r.h; y++) {
		for (int x = r.x; x < r.x + r.w; x++) {
			const struct tui_cell *c = tui_grid_at(p->g, x, y);

			if (x >= p->r.x + p->r.w || y >= p->r.y + p->r.h || c->st.bg ||
			    (c->ch != L' ' && c->ch != p->t->g->dots))
				return false;
		}
	}
	return true;
}

/* The band's highest right edge: column and upper row; returns its height. */
static int right_edge(const struct plot *p, int band, int *at_x, int *at_row)
{
	int best = 0;

	for (int row = p->r.h - 1; row >= 0; row--) {
		int x = p->r.w - 1, high = 0;

		while (x >= 0 && p->kind[row * p->r.w + x] != band)
			x--;
		while (x >= 0 && high <= row && p->kind[(row - high) * p->r.w + x] == band)
			high++;
		if (high > best) {
			best = high;
			*at_x = x;
			*at_row = row;
		}
	}
	return best;
}

/*
 * A freed band too narrow for its name is often the most telling part of the
 * picture: the name goes into the empty space to its right.
 */
static bool draw_beside(const struct plot *p, const struct label *l)
{
	struct tui_style st = { tui_band_color(p->t, l->band), 0, TUI_BOLD };
	struct tui_rect r = { 0, 0, 0, 0 };
	int x, row, high = right_edge(p, l->band, &x, &row);
	char num[16], text[64];

	if (high < 2)
		return false;
	mp_bytes(num, sizeof(num), highest(p, l->band, x, 1));
	for (; r.h < LABEL_LINES && l->lines[r.h]; r.h++) {
		int w = tui_text_width(l->lines[r.h]) + (r.h ? 0 : tui_text_width(num));

		r.w = w + 3 > r.w ? w + 3 : r.w;
	}
	r.x = p->r.x + x + 1;
	r.y = p->r.y + p->r.h - 1 - row;
	while (high > 0 && !blank(p, r)) {
		r.y++;
		high--;
	}
	if (high <= 0)
		return false;
	tui_grid_put(p->g, r.x + 1, r.y, p->t->g->back, st);
	for (int i = 0; i < r.h; i++) {
		snprintf(text, sizeof(text), "%s%s", i ? "" : num, l->lines[i]);
		tui_grid_text(p->g, r.x + 3, r.y + i, r.w - 3, st, text);
	}
	return true;
}

static void draw_labels(const struct plot *p)
{
	static const struct label beside[] = {
		{ TUI_BAND_FREE, { " freed, still resident" } },
		{ TUI_BAND_FREE, { " freed,", "still resident" } },
		{ TUI_BAND_FREE, { "", "freed" } },
	};
	bool done[TUI_BAND_MAX] = { false };

	for (size_t i = 0; i < LABELS_N; i++)
		if (!done[labels[i].band])
			done[labels[i].band] = draw_label(p, &labels[i]);
	for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++)
		if (!done[TUI_BAND_FREE])
			done[TUI_BAND_FREE] = draw_beside(p, &beside[i]);
	if (!done[TUI_BAND_FREE])
		draw_label(p, &(struct label){ TUI_BAND_FREE, { "", "free" } });
}

static void draw_gutter(const struct plot *p)
{
	const struct tui_rect *r = &p->f->lay.gutter;
	struct tui_style st = tui_role(p->t, TUI_R_DIM);
	char num[16];

	/* the upper edge of a label's row is where its value lies */
	for (int i = 1; i * p->scale.every <= r->h; i++)
		tui_grid_text_right(p->g, r->x, r->y + r->h - i * p->scale.every, r->w - 1, st,
				    mp_bytes(num, sizeof(num), i * p->scale.step));
}

/* A line through the picture at the moment looked at; the bands stay seen. */
static void draw_cursor(const struct plot *p)
{
	struct tui_style st = tui_role(p->t, TUI_R_CURSOR);
	int x = p->f->win.cursor;

	if (x < 0 || x >= p->r.w)
		return;
	for (int row = 0; row < p->r.h; row++) {
		int kind = p->kind[row * p->r.w + x];
		struct tui_cell *c = tui_grid_at(p->g, p->r.x + x, p->r.y + p->r.h - 1 - row);

		if (kind != NONE && kind != TUI_BAND_LAZY)
			c->st = tui_band_text(p->t, kind);
		else
			c->st = st;
		c->ch = p->t->g->vline;
	}
	if (!p->f->view->in_table) {
		p->g->cursor_x = p->r.x + x;
		p->g->cursor_y = p->r.y + p->r.h - 1;
	}
}

void tui_draw_plot(struct tui_grid *g, const struct tui_frame *f)
{
	struct plot p = { .g = g, .f = f, .t = f->theme, .r = f->lay.plot };

	if (p.r.w < 1 || p.r.h < 1)
		return;
	p.cols = calloc((size_t)p.r.w, sizeof(*p.cols));
	p.kind = malloc((size_t)p.r.w * (size_t)p.r.h);
	if (p.cols && p.kind) {
		memset(p.kind, NONE, (size_t)p.r.w * (size_t)p.r.h);
		tui_scale(&p.scale, load(&p), p.r.h);
		measure(&p);
		for (int x = 0; x < p.r.w; x++)
			if (p.cols[x].any)
				draw_column(&p, x);
		draw_gutter(&p);
		draw_cursor(&p);
		draw_labels(&p); /* over the cursor: a name cut in two is none */
	}
	free(p.cols);
	free(p.kind);
}
