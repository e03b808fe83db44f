/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * plot_labels.c - names and figures written into the bands, where they have room.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tui/plot.h"
#include "user/util/util.h"

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
	{ TUI_BAND_LAZYFREE, { " given up, the kernel may take it" } },
	{ TUI_BAND_LAZYFREE, { " given up,", "still here" } },
	{ TUI_BAND_LAZYFREE, { "", "lazyfree" } },
	{ TUI_BAND_LIVE, { " live heap" } },
	{ TUI_BAND_LIVE, { "", "live" } },
	/* the second line only keeps thin bands from being written over */
	{ TUI_BAND_NATIVE, { " native: malloc, stacks", "" } },
	{ TUI_BAND_NATIVE, { " native", "" } },
	{ TUI_BAND_OTHER, { " other anonymous memory", "" } },
	{ TUI_BAND_OTHER, { " other", "" } },
	{ TUI_BAND_SHMEM, { " shared memory", "" } },
	{ TUI_BAND_SHMEM, { " shared", "" } },
	{ TUI_BAND_FILE, { " file pages", "" } },
};
#define LABELS_N (sizeof(labels) / sizeof(labels[0]))

/* Where a band lies, and by cell how many cells of the same kind begin there in its row. */
struct rooms {
	int16_t *run;
	struct {
		long n, sum_x, sum_y;
		int low, high; /* rows */
	} band[TUI_BAND_MAX];
};

static void find_rooms(const struct plot *p, struct rooms *rooms)
{
	for (int row = 0; row < p->r.h; row++) {
		for (int x = p->r.w - 1; x >= 0; x--) {
			int i = row * p->r.w + x;
			int kind = p->kind[i];
			bool same = x + 1 < p->r.w && p->kind[i + 1] == kind;

			rooms->run[i] = (int16_t)(same ? rooms->run[i + 1] + 1 : 1);
			if (kind == PLOT_NONE)
				continue;
			if (!rooms->band[kind].n++)
				rooms->band[kind].low = row;
			rooms->band[kind].high = row;
			rooms->band[kind].sum_x += x;
			rooms->band[kind].sum_y += row;
		}
	}
}

/*
 * A free rectangle of w x h cells in a band, the one nearest to the band's
 * middle, so that a label lies where the eye looks and moves with the picture.
 */
static bool find_room(const struct plot *p, const struct rooms *rooms, int band, int w, int h,
		      int *at_x, int *at_row)
{
	long n = rooms->band[band].n, best = -1;

	if (n < (long)w * h)
		return false;
	for (int row = rooms->band[band].low; row + h <= rooms->band[band].high + 1; row++) {
		long dy = (row + h / 2 - rooms->band[band].sum_y / n) * 2;

		for (int x = 0; x + w <= p->r.w; x++) {
			long dx = x + w / 2 - rooms->band[band].sum_x / n;
			long far = dx * dx + dy * dy;
			int i = row * p->r.w + x;
			int ok = 0;

			if (p->kind[i] != band || rooms->run[i] < w) {
				x += rooms->run[i] - 1;
				continue;
			}
			if (best >= 0 && far >= best)
				continue;
			for (; ok < h && p->kind[i] == band && rooms->run[i] >= w; ok++)
				i += p->r.w;
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
static bool draw_label(const struct plot *p, const struct rooms *rooms, const struct label *l)
{
	struct tui_style st = tui_band_text(p->t, l->band);
	int w = 0, n = 0, x, row;
	char text[64], num[16];

	for (; n < LABEL_LINES && l->lines[n]; n++) {
		int len = tui_text_width(l->lines[n]) + (n ? 0 : 6);

		w = len > w ? len : w;
	}
	w += 2;
	if (!find_room(p, rooms, l->band, w, n, &x, &row))
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
bool plot_blank(const struct plot *p, struct tui_rect r)
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
	while (high > 0 && !plot_blank(p, r)) {
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

/* Names that go before the usual ones, where what is known of the heap is less. */
static void label_heap(const struct plot *p, const struct rooms *rooms, bool done[TUI_BAND_MAX])
{
	static const struct label unsplit[] = {
		{ TUI_BAND_OTHER, { " mostly heap, no figures", "" } },
		{ TUI_BAND_OTHER, { " heap, no figures", "" } },
		{ TUI_BAND_OTHER, { " heap", "" } },
	};

	for (size_t i = 0; tui_heap_unsplit(p->f) && i < sizeof(unsplit) / sizeof(unsplit[0]); i++)
		if (!done[TUI_BAND_OTHER])
			done[TUI_BAND_OTHER] = draw_label(p, rooms, &unsplit[i]);
}

/* What is free, or was: in its band, else beside it. */
static void label_free(const struct plot *p, const struct rooms *rooms)
{
	static const struct label names[2][4] = {
		{ { TUI_BAND_FREE, { " freed, still resident" } },
		  { TUI_BAND_FREE, { " freed,", "still resident" } },
		  { TUI_BAND_FREE, { "", "freed,", "still here" } },
		  { TUI_BAND_FREE, { "", "freed" } } },
		{ { TUI_BAND_FREE, { " free at the last collection, or used since" } },
		  { TUI_BAND_FREE, { " free at last gc,", "or used since" } },
		  { TUI_BAND_FREE, { " free", "or used", "since gc" } },
		  { TUI_BAND_FREE, { "", "free?" } } },
	};
	const struct label *l = names[tui_heap_is_old(p->f)];

	for (int i = 0; i < 3; i++)
		if (draw_label(p, rooms, &l[i]))
			return;
	for (int i = 0; i < 4; i++)
		if (i != 2 && draw_beside(p, &l[i]))
			return;
	draw_label(p, rooms,
		   &(struct label){ TUI_BAND_FREE, { "", l == names[1] ? "free?" : "free" } });
}

void plot_labels(const struct plot *p)
{
	bool done[TUI_BAND_MAX] = { false };
	struct rooms rooms = { 0 };

	rooms.run = malloc((size_t)p->r.w * (size_t)p->r.h * sizeof(rooms.run[0]));
	if (!rooms.run)
		return;
	find_rooms(p, &rooms);
	label_heap(p, &rooms, done);
	for (size_t i = 0; i < LABELS_N; i++)
		if (!done[labels[i].band])
			done[labels[i].band] = draw_label(p, &rooms, &labels[i]);
	label_free(p, &rooms);
	free(rooms.run);
}
