/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * theme.c - glyph sets and palettes.
 *
 * Colours follow Okabe and Ito's palette, which readers with any common colour
 * vision tell apart: blue for what is used, orange for what is owed, purple for
 * what the kernel may take, greys for what is not the heap's. Text keeps the terminal's own
 * colours, so that light and dark backgrounds both work; wherever a background is set, so is the
 * ink.
 */
#include "tui/theme.h"

#include <langinfo.h>
#include <string.h>

static const struct tui_glyphs glyphs_utf8 = {
	.level = { L' ', 0x2581, 0x2582, 0x2583, 0x2584, 0x2585, 0x2586, 0x2587, 0x2588 },
	.fill = { 0x2591, 0x2592, 0x2573, 0x2588, 0x2593, 0x2571 },
	.line = { 0x2581, 0x2500, 0x2594 },
	.vline = 0x2502,
	.tick = 0x2575,
	.dots = 0x250a,
	.spike = 0x2502,
	.mark = { 0x2022, 0x25c6, 0x2193, L'+', 0x2212, 0x2605 },
	.strip = { 0x00b7, 0x2581, 0x2582, 0x2583, 0x2584, 0x2585, 0x2586, 0x2587, 0x2588 },
	.pointer = 0x25b2,
	.sel = 0x25b8,
	.back = 0x25c2,
	.lost = 0x2026,
	.box = { 0x250c, 0x2510, 0x2514, 0x2518, 0x2500, 0x2502 },
};

static const struct tui_glyphs glyphs_ascii = {
	.level = { L' ', L'.', L'.', L':', L'-', L'=', L'+', L'*', L'#' },
	.fill = { L':', L'-', L'x', L'#', L'o', L'/' },
	.line = { L'=', L'=', L'=' },
	.vline = L'|',
	.tick = L'|',
	.dots = L':',
	.spike = L'|',
	.mark = { L'm', L'M', L'v', L'+', L'-', L'*' },
	.strip = { L'.', L':', L'-', L'=', L'+', L'*', L'#', L'%', L'@' },
	.pointer = L'^',
	.sel = L'>',
	.back = L'<',
	.lost = L'~',
	.box = { L'+', L'+', L'+', L'+', L'-', L'|' },
};

enum { D_MONO, D_8, D_256, D_N };

static const uint8_t band_colors[TUI_BAND_MAX][D_N] = {
	[TUI_BAND_FILE] = { 0, 6, 240 }, [TUI_BAND_OTHER] = { 0, 7, 247 },
	[TUI_BAND_LIVE] = { 0, 4, 32 },	 [TUI_BAND_FREE] = { 0, 3, 214 },
	[TUI_BAND_LAZY] = { 0, 6, 74 },	 [TUI_BAND_LAZYFREE] = { 0, 5, 175 },
};

/* Ink that can be read on a band. */
static const uint8_t band_inks[TUI_BAND_MAX][D_N] = {
	[TUI_BAND_FILE] = { 0, 7, 255 }, [TUI_BAND_OTHER] = { 0, 4, 16 },
	[TUI_BAND_LIVE] = { 0, 7, 255 }, [TUI_BAND_FREE] = { 0, 4, 16 },
	[TUI_BAND_LAZY] = { 0, 0, 0 },	 [TUI_BAND_LAZYFREE] = { 0, 7, 16 },
};

static const struct tui_style roles[TUI_R_MAX][D_N] = {
	[TUI_R_TEXT] = { { 0, 0, 0 }, { 0, 0, 0 }, { 0, 0, 0 } },
	[TUI_R_DIM] = { { 0, 0, TUI_DIM }, { 0, 0, 0 }, { 245, 0, 0 } },
	[TUI_R_BOLD] = { { 0, 0, TUI_BOLD }, { 0, 0, TUI_BOLD }, { 0, 0, TUI_BOLD } },
	[TUI_R_BAR] = { { 0, 0, TUI_REVERSE }, { 0, 0, TUI_REVERSE }, { 253, 237, 0 } },
	[TUI_R_BAR_DIM] = { { 0, 0, TUI_REVERSE }, { 0, 0, TUI_REVERSE }, { 248, 237, 0 } },
	[TUI_R_LIVE] = { { 0, 0, TUI_BOLD }, { 7, 2, TUI_BOLD }, { 16, 78, TUI_BOLD } },
	[TUI_R_PAUSED] = { { 0, 0, TUI_BOLD }, { 4, 3, TUI_BOLD }, { 16, 220, TUI_BOLD } },
	[TUI_R_REPLAY] = { { 0, 0, TUI_BOLD }, { 7, 6, TUI_BOLD }, { 16, 117, TUI_BOLD } },
	[TUI_R_ALARM] = { { 0, 0, TUI_BOLD }, { 7, 1, TUI_BOLD }, { 231, 160, TUI_BOLD } },
	[TUI_R_KEY] = { { 0, 0, TUI_BOLD }, { 0, 0, TUI_BOLD }, { 0, 0, TUI_BOLD } },
	[TUI_R_SELECT] = { { 0, 0, TUI_REVERSE }, { 0, 0, TUI_REVERSE }, { 231, 24, 0 } },
	[TUI_R_CURSOR] = { { 0, 0, TUI_BOLD }, { 1, 0, TUI_BOLD }, { 199, 0, TUI_BOLD } },
	[TUI_R_LINE] = { { 0, 0, TUI_BOLD }, { 0, 0, TUI_BOLD }, { 0, 0, TUI_BOLD } },
	[TUI_R_GC] = { { 0, 0, TUI_BOLD }, { 2, 0, TUI_BOLD }, { 35, 0, TUI_BOLD } },
	[TUI_R_RELEASE] = { { 0, 0, TUI_BOLD }, { 5, 0, TUI_BOLD }, { 169, 0, TUI_BOLD } },
	[TUI_R_MAP] = { { 0, 0, 0 }, { 6, 0, 0 }, { 32, 0, 0 } },
	[TUI_R_NOTE] = { { 0, 0, 0 }, { 3, 0, 0 }, { 172, 0, 0 } },
	[TUI_R_STRIP] = { { 0, 0, 0 }, { 6, 0, 0 }, { 74, 236, 0 } },
};

static int column(const struct tui_theme *t)
{
	return t->depth >= 256 ? D_256 : t->depth >= 8 ? D_8 : D_MONO;
}

void tui_theme_init(struct tui_theme *t, bool utf8, int depth)
{
	t->utf8 = utf8;
	t->depth = depth >= 256 ? 256 : depth >= 8 ? 8 : 0;
	t->g = utf8 ? &glyphs_utf8 : &glyphs_ascii;
}

bool tui_locale_utf8(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0 && wcwidth(0x2588) == 1;
}

struct tui_style tui_role(const struct tui_theme *t, enum tui_role role)
{
	return roles[role][column(t)];
}

uint8_t tui_band_color(const struct tui_theme *t, enum tui_band band)
{
	return band_colors[band][column(t)];
}

bool tui_theme_fine(const struct tui_theme *t)
{
	return t->utf8 && t->depth > 0;
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
	struct tui_style st = { band_inks[band][column(t)], 0, TUI_BOLD };

	if (tui_theme_fine(t) && band != TUI_BAND_LAZY)
		st.bg = tui_band_color(t, band);
	else
		st.fg = 0;
	return st;
}

enum tui_role tui_mark_role(enum tui_mark mark)
{
	static const enum tui_role of[TUI_M_MAX] = {
		[TUI_M_MINOR] = TUI_R_GC,	 [TUI_M_MAJOR] = TUI_R_GC,
		[TUI_M_RELEASE] = TUI_R_RELEASE, [TUI_M_MMAP] = TUI_R_MAP,
		[TUI_M_MUNMAP] = TUI_R_MAP,	 [TUI_M_NOTE] = TUI_R_NOTE,
	};

	return of[mark];
}
