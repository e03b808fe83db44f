/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * help.c - the help over everything: the table of keys, the table of commands, and the
 * few things that no table says. Laid out in as many columns as there is room for, and
 * in pages where it is more than the screen holds.
 */
#include <stdio.h>
#include <string.h>

#include "tui/commands.h"
#include "tui/draw.h"
#include "tui/keys.h"

#define COLUMN_W 38 /* a key's name in 8 cells, a blank, its help in 28, a blank */
#define KEY_W	 9
#define ARGS_W	 17 /* the same for a command and its argument */
#define WIDEST	 126
#define LINES	 256

struct line {
	enum { L_HEAD, L_KEY, L_COMMAND, L_TEXT } kind;
	const char *name, *args, *text;
	int bytes; /* of text */
};

struct lines {
	struct line v[LINES];
	int n;
};

static const struct line mouse[] = {
	{ L_HEAD, NULL, NULL, "mouse (Shift: the terminal's own)", 0 },
	{ L_KEY, "click", NULL, "cursor, row, order, key", 0 },
	{ L_KEY, "again", NULL, "all about the row; reverse", 0 },
	{ L_KEY, "drag", NULL, "the cursor along the plot", 0 },
	{ L_KEY, "wheel", NULL, "zoom; scroll the table", 0 },
	{ L_KEY, "sideways", NULL, "through time (Shift wheel)", 0 },
};

static const char *const reading[] = {
	"The filled area is RSS: memory the process really holds.",
	"Hatched above it: memory the heap was promised and nobody has touched; the kernel maps it "
	"page by page, at the first touch (lazy mapping).",
	"Free heap, still resident: collected, but not yet given back; 'owed' is what collections "
	"freed and no call returned so far (deferred reclaim).",
	"Given up (MADV_FREE): in RSS until the kernel needs it and takes it.",
	"Everything shown is of the cursor's moment. Events are collections, releases and notes.",
};

static void add(struct lines *l, struct line line)
{
	if (line.text && !line.bytes)
		line.bytes = (int)strlen(line.text);
	if (l->n < LINES)
		l->v[l->n++] = line;
}

/* Words of a sentence, as many as go into w cells; bytes of them. */
static int fitting(const char *text, int w)
{
	int n = (int)strlen(text);

	if (n <= w)
		return n;
	for (n = w; n > 0 && text[n] != ' '; n--)
		;
	return n ? n : w;
}

/* The sentences are ASCII: a byte is a cell. */
static void add_text(struct lines *l, const char *text, int w)
{
	while (*text) {
		int n = fitting(text, w);

		add(l, (struct line){ L_TEXT, NULL, NULL, text, n });
		text += n;
		text += *text == ' ';
	}
}

static void collect(struct lines *l, const struct tui_frame *f, int w)
{
	l->n = 0;
	for (size_t i = 0; i < tui_keys_n; i++)
		add(l, (struct line){ tui_keys[i].act ? L_KEY : L_HEAD, tui_keys[i].name, NULL,
				      tui_keys[i].help, 0 });
	for (size_t i = 0; i < sizeof(mouse) / sizeof(mouse[0]); i++)
		add(l, mouse[i]);
	add(l, (struct line){ L_HEAD, NULL, NULL, "commands, after :", 0 });
	for (size_t i = 0; i < tui_commands_n; i++)
		add(l, (struct line){ L_COMMAND, tui_commands[i].name, tui_commands[i].args,
				      tui_commands[i].help, 0 });
	add(l, (struct line){ L_HEAD, NULL, NULL, "the picture", 0 });
	for (size_t i = 0; i < sizeof(reading) / sizeof(reading[0]); i++)
		add_text(l, reading[i], w);
	if (f->about)
		add_text(l, f->about + strspn(f->about, " "), w);
}

/* Where a line goes: columns of `rows` from the left, then the next page. A heading never
 * stands alone at the foot of a column. */
static int settle(const struct lines *l, int i, int at, int rows)
{
	return l->v[i].kind == L_HEAD && rows > 1 && at % rows == rows - 1 ? at + 1 : at;
}

static void draw_line(struct tui_grid *g, const struct tui_theme *t, const struct line *l, int x,
		      int y, int w)
{
	const struct tui_style key = tui_role(t, TUI_R_KEY);
	char text[LINES];
	int skip = l->kind == L_KEY ? KEY_W : l->kind == L_COMMAND ? ARGS_W : 0;
	int at;

	if (l->name) {
		at = tui_grid_text(g, x, y, skip - 1, key, l->name);
		if (l->args)
			tui_grid_text(g, at + 1, y, x + skip - 2 - at, tui_role(t, TUI_R_TEXT),
				      l->args);
	}
	snprintf(text, sizeof(text), "%.*s", l->bytes, l->text);
	tui_grid_text(g, x + skip, y, w - skip,
		      tui_role(t, l->kind == L_HEAD   ? TUI_R_BOLD
				  : l->kind == L_TEXT ? TUI_R_DIM
						      : TUI_R_TEXT),
		      text);
}

/* Lays all of it out in n columns of in's height, and draws page `page` of that, unless it
 * is below 0. Returns how many pages there are. */
static int flow(struct tui_grid *g, const struct tui_frame *f, const struct lines *l,
		struct tui_rect in, int n, int page)
{
	int w = in.w / n, last = -1;

	for (int i = 0; i < l->n; i++) {
		int col;

		last = settle(l, i, last + 1, in.h);
		col = last / in.h;
		if (page >= 0 && col / n == page)
			draw_line(g, f->theme, &l->v[i], in.x + col % n * w, in.y + last % in.h,
				  n > 1 ? w - 1 : w);
	}
	return last / (in.h * n) + 1;
}

void tui_draw_help(struct tui_grid *g, const struct tui_frame *f)
{
	struct tui_rect r = { 0, 0, g->w < WIDEST ? g->w : WIDEST, g->h };
	/* on a narrow screen every cell counts */
	int edge = r.w - 4 < COLUMN_W ? 1 : 2;
	struct tui_rect in = { 0, 0, r.w - 2 * edge, r.h - 2 };
	int n = in.w < 2 * COLUMN_W ? 1 : in.w / COLUMN_W, pages;
	size_t *page = &f->view->help_top;
	struct lines l;
	char title[48];

	collect(&l, f, n > 1 ? in.w / n - 2 : in.w);
	pages = flow(g, f, &l, in, n, -1);
	while (pages == 1 && in.h > 1) { /* as low as it goes */
		in.h--;
		if (flow(g, f, &l, in, n, -1) > 1) {
			in.h++;
			break;
		}
	}
	r.h = in.h + 2;
	r.x = (g->w - r.w) / 2;
	r.y = (g->h - r.h) / 2;
	in.x = r.x + edge;
	in.y = r.y + 1;
	*page = *page < (size_t)pages ? *page : (size_t)pages - 1;
	f->view->turns = pages > 1;
	snprintf(title, sizeof(title), pages > 1 ? " help, %zu of %d " : " help ", *page + 1,
		 pages);
	tui_draw_box(g, f->theme, r, title,
		     pages > 1 ? " Down, Up: pages. Other keys leave " : " any key leaves ");
	flow(g, f, &l, in, n, (int)*page);
	g->cursor_x = in.x;
	g->cursor_y = in.y;
}
