/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * grid.c - cells, clipping and text. Every character that can reach a terminal
 * passes tui_grid_put(), so what it refuses cannot be shown by mistake.
 */
#include "tui/grid.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int tui_grid_resize(struct tui_grid *g, int w, int h)
{
	struct tui_cell *cells;

	if (w < 1)
		w = 1;
	if (h < 1)
		h = 1;
	if (!g->cells || g->w != w || g->h != h) {
		cells = malloc((size_t)w * (size_t)h * sizeof(*cells));
		if (!cells)
			return -ENOMEM;
		free(g->cells);
		g->cells = cells;
		g->w = w;
		g->h = h;
	}
	tui_grid_clear(g);
	return 0;
}

void tui_grid_free(struct tui_grid *g)
{
	free(g->cells);
	memset(g, 0, sizeof(*g));
}

void tui_grid_clear(struct tui_grid *g)
{
	static const struct tui_cell blank = { L' ', { 0, 0, 0 } };
	size_t n = (size_t)g->w * (size_t)g->h;

	for (size_t i = 0; i < n; i++)
		g->cells[i] = blank;
	g->cursor_x = 0;
	g->cursor_y = 0;
}

struct tui_cell *tui_grid_at(const struct tui_grid *g, int x, int y)
{
	if (x < 0 || y < 0 || x >= g->w || y >= g->h)
		return NULL;
	return &g->cells[(size_t)y * (size_t)g->w + (size_t)x];
}

/* Columns of one character: 1 or 2; 0 for what must not be shown. */
static int char_width(wchar_t ch)
{
	int w;

	if (ch >= 0x20 && ch < 0x7f)
		return 1;
	if (ch < 0xa0)
		return 0;
	w = wcwidth(ch);
	return w == 1 || w == 2 ? w : 0;
}

/* Writing over one half of a wide character must not leave the other half. */
static void break_wide(struct tui_grid *g, int x, int y)
{
	struct tui_cell *c = tui_grid_at(g, x, y);
	struct tui_cell *side;

	if (c->ch == 0) {
		side = tui_grid_at(g, x - 1, y);
		if (side)
			side->ch = L' ';
	}
	side = tui_grid_at(g, x + 1, y);
	if (side && side->ch == 0)
		side->ch = L' ';
}

void tui_grid_put(struct tui_grid *g, int x, int y, wchar_t ch, struct tui_style st)
{
	struct tui_cell *c = tui_grid_at(g, x, y);
	struct tui_cell *right;
	int w = char_width(ch);

	if (!c)
		return;
	right = tui_grid_at(g, x + 1, y);
	if (w == 0 || (w == 2 && !right)) {
		ch = L'?';
		w = 1;
	}
	break_wide(g, x, y);
	c->ch = ch;
	c->st = st;
	if (w == 2) {
		break_wide(g, x + 1, y);
		right->ch = 0;
		right->st = st;
	}
}

void tui_grid_fill(struct tui_grid *g, struct tui_rect r, wchar_t ch, struct tui_style st)
{
	for (int y = r.y; y < r.y + r.h; y++)
		for (int x = r.x; x < r.x + r.w; x++)
			tui_grid_put(g, x, y, ch, st);
}

/*
 * Decodes one character without asking the locale. Broken input gives one '?'
 * a byte.
 */
static wchar_t next_char(const char **text)
{
	const unsigned char *s = (const unsigned char *)*text;
	unsigned need = s[0] >= 0xf0 ? 3 : s[0] >= 0xe0 ? 2 : s[0] >= 0xc0 ? 1 : 0;
	uint32_t ch = s[0];

	(*text)++;
	if (s[0] < 0x80)
		return (wchar_t)ch;
	if (!need || s[0] > 0xf4)
		return L'?';
	ch &= 0x3fU >> need;
	for (unsigned i = 1; i <= need; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return L'?';
		ch = ch << 6 | (s[i] & 0x3f);
	}
	*text += need;
	return (wchar_t)ch;
}

int tui_grid_text(struct tui_grid *g, int x, int y, int max_w, struct tui_style st,
		  const char *text)
{
	int end = x + max_w;

	while (*text && x < end) {
		wchar_t ch = next_char(&text);
		int w = char_width(ch);

		if (w == 2 && x + 2 > end)
			break;
		tui_grid_put(g, x, y, ch, st);
		x += w == 2 && x + 2 <= g->w ? 2 : 1;
	}
	return x;
}

void tui_grid_text_right(struct tui_grid *g, int x, int y, int w, struct tui_style st,
			 const char *text)
{
	int tw = tui_text_width(text);

	if (tw > w)
		tw = w;
	tui_grid_text(g, x + w - tw, y, tw, st, text);
}

int tui_text_width(const char *text)
{
	int n = 0;

	while (*text)
		n += char_width(next_char(&text)) == 2 ? 2 : 1;
	return n;
}

size_t tui_text_step(const char *text)
{
	const char *next = text;

	if (*text)
		next_char(&next);
	return (size_t)(next - text);
}

bool tui_char_typed(int ch)
{
	return (ch >= 0x20 && ch < 0x7f) ||
	       (ch >= 0xa0 && ch < 0x10000 && (ch < 0xd800 || ch >= 0xe000));
}

bool tui_text_typed(const char *text)
{
	const char *next = text;
	wchar_t ch = *text ? next_char(&next) : 0;

	/* broken bytes are decoded as '?' */
	return tui_char_typed((int)ch) && (ch != L'?' || *text == '?');
}

size_t tui_text_encode(char out[TUI_UTF8_MAX], wchar_t wide)
{
	uint32_t ch = (uint32_t)wide;

	if (ch < 0x80) {
		out[0] = (char)ch;
		return 1;
	}
	if (ch < 0x800) {
		out[0] = (char)(0xc0 | ch >> 6);
		out[1] = (char)(0x80 | (ch & 0x3f));
		return 2;
	}
	if (ch < 0x10000) {
		out[0] = (char)(0xe0 | ch >> 12);
		out[1] = (char)(0x80 | (ch >> 6 & 0x3f));
		out[2] = (char)(0x80 | (ch & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | ch >> 18);
	out[1] = (char)(0x80 | (ch >> 12 & 0x3f));
	out[2] = (char)(0x80 | (ch >> 6 & 0x3f));
	out[3] = (char)(0x80 | (ch & 0x3f));
	return 4;
}

char *tui_grid_dump(const struct tui_grid *g)
{
	char *out = malloc(((size_t)g->w * 4 + 1) * (size_t)g->h + 1);
	size_t n = 0;

	if (!out)
		return NULL;
	for (int y = 0; y < g->h; y++) {
		size_t line = n;

		for (int x = 0; x < g->w; x++) {
			wchar_t ch = tui_grid_at(g, x, y)->ch;

			if (ch)
				n += tui_text_encode(out + n, ch);
		}
		while (n > line && out[n - 1] == ' ')
			n--;
		out[n++] = '\n';
	}
	out[n] = '\0';
	return out;
}
