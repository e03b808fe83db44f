/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * theme.c - glyph sets, and how a band looks with what the terminal has. The colours
 * are palette.c's.
 */
#include "tui/theme.h"

#include <langinfo.h>
#include <string.h>

static const struct tui_glyphs glyphs_utf8 = {
	.level = { L' ', 0x2581, 0x2582, 0x2583, 0x2584, 0x2585, 0x2586, 0x2587, 0x2588 },
	/* file, shared, native, other, lazyfree, live, free, lazy: what lies on one
	 * another most often differs most */
	.fill = { 0x2593, 0x256c, 0x2261, 0x2591, 0x2573, 0x2588, 0x2592, 0x2571 },
	.line = { 0x2581, 0x2500, 0x2594 },
	.vline = 0x2502,
	.tick = 0x2575,
	.dots = 0x250a,
	.spike = 0x2502,
	.mark = { 0x2022, 0x25c6, 0x2193, L'+', 0x2212, 0x2605, 0x2198, L'a', 0x25a0, L'Y', 0x203c,
		  L'?', 0x25cb },
	.more = 0x00b7,
	.limit = 0x254c,
	.shaft = 0x2500,
	.wait = 0x2508,
	.head = 0x25ba,
	.fall = 0x25bc,
	/* no full block: rows that touch would be one mass */
	.strip = { 0x00b7, 0x2581, 0x2582, 0x2583, 0x2584, 0x2585, 0x2586, 0x2586, 0x2587 },
	.pointer = 0x25b2,
	.sel = 0x25b8,
	.sort = { 0x25bc, 0x25b2 },
	.back = 0x25c2,
	.lost = 0x2026,
	.box = { 0x250c, 0x2510, 0x2514, 0x2518, 0x2500, 0x2502 },
};

static const struct tui_glyphs glyphs_ascii = {
	.level = { L' ', L'.', L'.', L':', L'-', L'=', L'+', L'*', L'#' },
	.fill = { L':', L'%', L'+', L'-', L'x', L'#', L'o', L'/' },
	.line = { L'=', L'=', L'=' },
	.vline = L'|',
	.tick = L'|',
	.dots = L':',
	.spike = L'|',
	.limit = L'-',
	.shaft = L'-',
	.wait = L'.',
	.head = L'>',
	.fall = L'v',
	.mark = { L'm', L'M', L'v', L'+', L'-', L'*', L'f', L'a', L'D', L'Y', L'L', L'?', L'o' },
	.more = L'.',
	.strip = { L'.', L':', L'-', L'=', L'+', L'*', L'#', L'%', L'@' },
	.pointer = L'^',
	.sel = L'>',
	.sort = { L'-', L'+' },
	.back = L'<',
	.lost = L'~',
	.box = { L'+', L'+', L'+', L'+', L'-', L'|' },
};

void tui_theme_init(struct tui_theme *t, bool utf8, int depth)
{
	t->utf8 = utf8;
	t->light = false;
	t->depth = depth >= 256 ? 256 : depth >= 8 ? 8 : 0;
	t->g = utf8 ? &glyphs_utf8 : &glyphs_ascii;
}

bool tui_locale_utf8(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0 && wcwidth(0x2588) == 1;
}

bool tui_theme_fine(const struct tui_theme *t)
{
	return t->utf8 && t->depth >= 256;
}

struct tui_cell tui_band_cell(const struct tui_theme *t, enum tui_band band)
{
	struct tui_cell c = { t->g->fill[band], { tui_band_color(t, band), 0, 0 } };

	if (tui_theme_fine(t) && band != TUI_BAND_LAZY) {
		/* the block in its own colour on its own colour: fonts that
		 * leave a seam around it show none, and copied text keeps it */
		c.ch = t->g->level[8];
		c.st.bg = c.st.fg;
	}
	return c;
}

struct tui_style tui_band_text(const struct tui_theme *t, enum tui_band band)
{
	struct tui_style st = { 0, 0, TUI_BOLD };

	if (tui_theme_fine(t) && band != TUI_BAND_LAZY) {
		st.fg = tui_band_ink(t, band);
		st.bg = tui_band_color(t, band);
	}
	return st;
}

enum tui_role tui_mark_role(enum tui_mark mark)
{
	static const enum tui_role of[TUI_M_MAX] = {
		[TUI_M_MINOR] = TUI_R_GC,	 [TUI_M_MAJOR] = TUI_R_GC,
		[TUI_M_RELEASE] = TUI_R_RELEASE, [TUI_M_MMAP] = TUI_R_MAP,
		[TUI_M_MUNMAP] = TUI_R_MAP,	 [TUI_M_NOTE] = TUI_R_NOTE,
		[TUI_M_FREE] = TUI_R_RELEASE,	 [TUI_M_ADVICE] = TUI_R_DIM,
		[TUI_M_IO] = TUI_R_LIMIT,	 [TUI_M_FORK] = TUI_R_BOLD,
		[TUI_M_LIMIT] = TUI_R_LIMIT,	 [TUI_M_GAP] = TUI_R_DIM,
		[TUI_M_OTHER] = TUI_R_GC,
	};

	return of[mark];
}
