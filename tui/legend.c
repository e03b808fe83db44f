/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * legend.c - a page for who sees the picture for the first time: what each of its parts
 * is, in a line, beside the part as it looks here.
 */
#include "tui/draw.h"

/* What stands before a line: a band, one of the marks, or nothing. */
enum sample {
	S_BANDS = TUI_BAND_MAX, /* below: that band */
	S_COMMITTED,
	S_RANGE,
	S_LIMIT,
	S_ARROW,
	S_WAIT,
	S_NONE,
};

/* Of whom a line is told. */
enum who {
	W_ALL,
	W_NEW,	   /* whose heap's figures are those of the moment */
	W_OLD,	   /* ... of the last collection                   */
	W_SPLIT,   /* whose memory is told apart                   */
	W_UNSPLIT, /* ... all but a heap                           */
};

struct entry {
	int sample;
	const char *name, *text; /* the text has 62 cells at 80 columns */
	enum who who;
};

static const struct entry entries[] = {
	{ S_NONE, "", "The filled area is RSS, memory that the process holds:", W_ALL },
	{ TUI_BAND_FREE, "free heap", "freed by the collector, in RSS still: owed to the system",
	  W_NEW },
	{ TUI_BAND_FREE, "free heap", "free at the last collection, or used since: this heap's",
	  W_OLD },
	{ S_NONE, "", "              figures come with its collections only", W_OLD },
	{ TUI_BAND_LIVE, "live heap", "in use by the program's objects", W_ALL },
	{ TUI_BAND_LAZYFREE, "lazyfree", "given up (MADV_FREE); the kernel takes it when in need",
	  W_ALL },
	{ TUI_BAND_OTHER, "other", "anonymous memory that nothing tells the use of", W_SPLIT },
	{ TUI_BAND_OTHER, "heap", "mostly heap, no figures: what of it is in use nobody tells",
	  W_UNSPLIT },
	{ TUI_BAND_NATIVE, "native", "malloc and the threads' stacks", W_ALL },
	{ TUI_BAND_SHMEM, "shared", "shared memory, tmpfs", W_ALL },
	{ TUI_BAND_FILE, "file", "pages of mapped files: programs, libraries, data", W_ALL },
	{ S_NONE, "", "", W_ALL },
	{ S_COMMITTED, "committed", "what the heap has asked for", W_ALL },
	{ TUI_BAND_LAZY, "lazy", "promised and never touched: not in RSS, costs nothing yet",
	  W_ALL },
	{ S_RANGE, "range", "lowest and highest RSS within a column", W_ALL },
	{ S_LIMIT, "limit", "of the heap or of the control group", W_ALL },
	{ S_NONE, "", "", W_ALL },
	{ S_ARROW, "returned", "from a collection to the moment that RSS fell", W_ALL },
	{ S_WAIT, "owed", "the system has not got this back yet; the curve is the sum", W_ALL },
};
#define ENTRIES ((int)(sizeof(entries) / sizeof(entries[0])))

static bool is_told(const struct tui_frame *f, enum who who)
{
	switch (who) {
	case W_NEW:
		return !tui_heap_is_old(f);
	case W_OLD:
		return tui_heap_is_old(f);
	case W_SPLIT:
		return !tui_heap_unsplit(f);
	case W_UNSPLIT:
		return tui_heap_unsplit(f);
	default:
		return true;
	}
}

static void put(struct tui_grid *g, const struct tui_theme *t, int x, int y, wchar_t ch,
		enum tui_role role)
{
	tui_grid_put(g, x, y, ch, tui_role(t, role));
}

/* In four cells. */
static void draw_sample(struct tui_grid *g, const struct tui_theme *t, int sample, int x, int y)
{
	const struct tui_glyphs *gl = t->g;

	for (int i = 0; i < 3 && sample < TUI_BAND_MAX; i++) {
		struct tui_cell c = tui_band_cell(t, (enum tui_band)sample);

		tui_grid_put(g, x + i, y, c.ch, c.st);
	}
	for (int i = 0; i < 3 && sample == S_COMMITTED; i++)
		put(g, t, x + i, y, gl->line[1], TUI_R_LINE);
	for (int i = 0; i < 3 && sample == S_LIMIT; i++)
		put(g, t, x + i, y, gl->limit, TUI_R_LIMIT);
	if (sample == S_RANGE)
		put(g, t, x + 1, y, gl->spike, TUI_R_BOLD);
	if (sample == S_ARROW || sample == S_WAIT) {
		put(g, t, x, y, gl->mark[TUI_M_MAJOR], TUI_R_GC);
		put(g, t, x + 1, y, sample == S_ARROW ? gl->shaft : gl->wait, TUI_R_OWED);
		put(g, t, x + 2, y, sample == S_ARROW ? gl->head : gl->wait,
		    sample == S_ARROW ? TUI_R_RELEASE : TUI_R_OWED);
	}
}

void tui_draw_legend(struct tui_grid *g, const struct tui_frame *f)
{
	struct tui_rect r = { 0, 0, g->w > 80 ? 80 : g->w, 2 }, in;
	int y, n = 0;

	for (int i = 0; i < ENTRIES; i++)
		n += is_told(f, entries[i].who);
	r.h += n;

	r.h = r.h < g->h ? r.h : g->h;
	r.x = (g->w - r.w) / 2;
	r.y = (g->h - r.h) / 2;
	in = tui_draw_box(g, f->theme, r, " the picture ", " any key leaves ");
	y = in.y;
	for (int i = 0; i < ENTRIES && y < in.y + in.h; i++) {
		const struct entry *e = &entries[i];

		/* where all cannot stand the blank lines go first */
		if (!is_told(f, e->who) || (in.h < n && !*e->name && !*e->text))
			continue;
		draw_sample(g, f->theme, e->sample, in.x, y);
		tui_grid_text(g, in.x + (*e->name ? 4 : 0), y, in.w - 4,
			      tui_role(f->theme, TUI_R_BOLD), e->name);
		tui_grid_text(g, in.x + (*e->name ? 14 : 0), y, in.w - (*e->name ? 14 : 0),
			      tui_role(f->theme, TUI_R_TEXT), e->text);
		y++;
	}
	g->cursor_x = in.x;
	g->cursor_y = in.y;
}
