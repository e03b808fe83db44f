/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * notes.c - notes as labels that begin at their column. Two rows take turns, so that a
 * label has the room to the next but one. When one is too long all lose what stands
 * before their colon.
 */
#include <string.h>

#include "tui/draw.h"

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

void tui_draw_notes(struct tui_grid *g, const struct tui_frame *f)
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
