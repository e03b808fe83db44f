/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * layout.c - geometry only: no model, no drawing. What gets rows first when
 * there are few is decided here and nowhere else.
 */
#include "tui/layout.h"

#include <string.h>

#define GUTTER_W      7
#define DETAIL_W      38
#define DETAIL_W_WIDE 46 /* more, and the figures stand too far from their names */
#define FIGURES	      12 /* of the narrow screen, one a row; the first ones matter most */
#define FIGURES_FEW   9

static struct tui_rect rect(int x, int y, int w, int h)
{
	struct tui_rect r = { x, y, w, h };

	return r;
}

/* Rows for everything between the numbers and the key hints. */
struct rows {
	int plot, axis, owed, notes, lanes, counts, table;
};

static void share_rows(struct rows *r, int left, int h, unsigned flags)
{
	bool list = flags & TUI_LAY_LIST;

	memset(r, 0, sizeof(*r));
	if (list)
		flags &= ~(unsigned)(TUI_LAY_NOTES | TUI_LAY_OWED);
	r->axis = 1;
	left -= 1;
	if (left >= 5) {
		r->lanes = list ? 1 : h >= 36 ? 3 : h >= 30 ? 2 : 1;
		left -= r->lanes;
	}
	if (left >= 8) {
		r->counts = 1;
		left -= 1;
	}
	/* arrows in the first rows, the curve in the others */
	if ((flags & TUI_LAY_OWED) && left >= 8) {
		r->owed = h >= 60 ? 5 : h >= 44 ? 4 : h >= 30 ? 3 : h >= 20 ? 2 : 1;
		left -= r->owed;
	}
	if ((flags & TUI_LAY_NOTES) && left >= 8) {
		r->notes = left >= 26 ? 3 : left >= 12 ? 2 : 1;
		left -= r->notes;
	}
	/* the picture comes first: it gets three rows of five; of a list, one of three */
	r->plot = list ? (left + 1) / 3 : (left * 3 + 2) / 5;
	r->table = left - r->plot;
	if (r->table < 3) {
		r->table = 0;
		r->plot = left;
	}
}

/* Too narrow for tables: figures one a row, and where rows are left the picture under them.
 * The list of processes has a narrow form. */
static void narrow(struct tui_layout *l, int w, int h, unsigned flags)
{
	int left = h - 2, y = 1;
	int figures = left >= FIGURES + 4 ? FIGURES : left >= FIGURES_FEW + 3 ? FIGURES_FEW : left;
	int lane;

	l->tier = TUI_TIER_NUMBERS;
	if (flags & TUI_LAY_LIST) {
		l->numbers = rect(0, y, w, 3);
		l->table = rect(0, y + 3, w, left - 3);
		return;
	}
	l->numbers = rect(0, y, w, figures);
	y += figures;
	left -= figures;
	if (left < 3)
		return;
	lane = left >= 5;
	l->gutter = rect(0, y, GUTTER_W, left - 1 - lane);
	l->plot = rect(GUTTER_W, y, w - GUTTER_W - 1, left - 1 - lane);
	y += left - 1 - lane;
	l->axis = rect(0, y, w - 1, 1);
	l->lanes = rect(0, y + 1, w - 1, lane);
}

static int detail_width(int w)
{
	return w < 120 ? 0 : w < 240 ? DETAIL_W : DETAIL_W_WIDE;
}

void tui_layout(struct tui_layout *l, int w, int h, unsigned flags)
{
	struct rows r;
	int numbers = w >= 94 || (w >= 80 && h < 30) ? 2 : 3;
	int side = detail_width(w);
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
		narrow(l, w, h, flags);
		return;
	}
	l->tier = side ? TUI_TIER_DETAIL : TUI_TIER_STANDARD;
	l->numbers = rect(0, y, w, numbers);
	y += numbers;
	top = y;
	if (flags & TUI_LAY_EXPAND) {
		l->table = rect(0, y, w, h - 1 - y);
		return;
	}
	share_rows(&r, h - 2 - numbers, h, flags);
	l->gutter = rect(0, y, GUTTER_W, r.plot);
	l->plot = rect(GUTTER_W, y, plot_w, r.plot);
	y += r.plot;
	l->axis = rect(0, y, GUTTER_W + plot_w, r.axis);
	y += r.axis;
	l->owed = rect(0, y, GUTTER_W + plot_w, r.owed);
	y += r.owed;
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
