/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * layout.c - geometry only: no model, no drawing. What gets rows first when
 * there are few is decided here and nowhere else.
 */
#include "tui/layout.h"

#include <string.h>

#define GUTTER_W 7
#define DETAIL_W 38

static struct tui_rect rect(int x, int y, int w, int h)
{
	struct tui_rect r = { x, y, w, h };

	return r;
}

/* Rows for everything between the numbers and the key hints. */
struct rows {
	int plot, axis, notes, lanes, counts, table;
};

static void share_rows(struct rows *r, int left, int h, bool notes)
{
	memset(r, 0, sizeof(*r));
	r->axis = 1;
	left -= 1;
	if (left >= 5) {
		r->lanes = h >= 44 ? 4 : h >= 36 ? 3 : h >= 30 ? 2 : 1;
		left -= r->lanes;
	}
	if (left >= 8) {
		r->counts = 1;
		left -= 1;
	}
	if (notes && left >= 8) {
		r->notes = left >= 26 ? 3 : left >= 12 ? 2 : 1;
		left -= r->notes;
	}
	/* the picture comes first: it gets three rows of five */
	r->plot = (left * 3 + 2) / 5;
	r->table = left - r->plot;
	if (r->table < 3) {
		r->table = 0;
		r->plot = left;
	}
}

void tui_layout(struct tui_layout *l, int w, int h, bool notes)
{
	struct rows r;
	int numbers = w >= 80 ? 2 : 3;
	int side = w >= 120 ? DETAIL_W : 0;
	int plot_w = w - GUTTER_W - 1 - side;
	int y = 1;
	int top;

	memset(l, 0, sizeof(*l));
	l->w = w;
	l->h = h;
	if (w < TUI_MIN_W || h < TUI_MIN_H)
		return;
	l->status = rect(0, 0, w, 1);
	l->hints = rect(0, h - 1, w, 1);
	if (w < 60) {
		l->tier = TUI_TIER_NUMBERS;
		l->numbers = rect(0, 1, w, h - 2);
		return;
	}
	l->tier = side ? TUI_TIER_DETAIL : TUI_TIER_STANDARD;
	l->numbers = rect(0, y, w, numbers);
	y += numbers;
	top = y;
	share_rows(&r, h - 2 - numbers, h, notes);
	l->gutter = rect(0, y, GUTTER_W, r.plot);
	l->plot = rect(GUTTER_W, y, plot_w, r.plot);
	y += r.plot;
	l->axis = rect(0, y, GUTTER_W + plot_w, r.axis);
	y += r.axis;
	l->notes = rect(0, y, GUTTER_W + plot_w, r.notes);
	y += r.notes;
	l->lanes = rect(0, y, GUTTER_W + plot_w, r.lanes);
	y += r.lanes;
	l->counts = rect(0, y, GUTTER_W + plot_w, r.counts);
	y += r.counts;
	if (side)
		l->detail = rect(w - side, top, side, y - top);
	l->table = rect(0, y, w, r.table);
}
