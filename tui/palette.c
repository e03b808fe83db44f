/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * palette.c - the colours: for bands, for text, for dark and for light backgrounds.
 *
 * Blue is what the heap uses, orange what it freed and keeps, purple what the kernel may
 * take, the rest is not the heap's. No two bands look alike to readers with any of the
 * three common forms of colour blindness, and what lies on one another differs in
 * brightness too: tests/unit/test_tui_palette.c computes both. With 8 colours, whose looks each
 * terminal chooses, the bands are told apart by their fill characters. Text keeps the
 * terminal's own colours; wherever a background is set, so is the ink.
 */
#include "tui/theme.h"

enum { C_MONO, C_8, C_8_LIGHT, C_256, C_256_LIGHT, C_N };

static const uint8_t band_colors[TUI_BAND_MAX][C_N] = {
	[TUI_BAND_FILE] = { 0, 4, 6, 242, 236 },    [TUI_BAND_SHMEM] = { 0, 2, 2, 80, 29 },
	[TUI_BAND_NATIVE] = { 0, 7, 0, 247, 247 },  [TUI_BAND_OTHER] = { 0, 0, 0, 137, 58 },
	[TUI_BAND_LAZYFREE] = { 0, 5, 5, 177, 90 }, [TUI_BAND_LIVE] = { 0, 6, 4, 26, 26 },
	[TUI_BAND_FREE] = { 0, 3, 1, 214, 172 },    [TUI_BAND_LAZY] = { 0, 6, 4, 74, 25 },
};

/* Black or white, whichever is read better on the band. */
static const uint8_t band_inks[TUI_BAND_RSS][2] = {
	[TUI_BAND_FILE] = { 231, 231 },	   [TUI_BAND_SHMEM] = { 16, 231 },
	[TUI_BAND_NATIVE] = { 16, 16 },	   [TUI_BAND_OTHER] = { 16, 231 },
	[TUI_BAND_LAZYFREE] = { 16, 231 }, [TUI_BAND_LIVE] = { 231, 231 },
	[TUI_BAND_FREE] = { 16, 16 },
};

#define BOLD                   \
	{                      \
		0, 0, TUI_BOLD \
	}
#define REV                       \
	{                         \
		0, 0, TUI_REVERSE \
	}

static const struct tui_style roles[TUI_R_MAX][C_N] = {
	[TUI_R_TEXT] = { { 0 } },
	[TUI_R_DIM] = { { 0, 0, TUI_DIM }, { 0 }, { 0 }, { 245, 0, 0 }, { 241, 0, 0 } },
	[TUI_R_BOLD] = { BOLD, BOLD, BOLD, BOLD, BOLD },
	[TUI_R_BAR] = { REV, REV, REV, { 253, 237, 0 }, { 235, 252, 0 } },
	[TUI_R_BAR_DIM] = { REV, REV, REV, { 248, 237, 0 }, { 240, 252, 0 } },
	[TUI_R_LIVE] = { BOLD,
			 { 7, 2, TUI_BOLD },
			 { 7, 2, TUI_BOLD },
			 { 16, 78, TUI_BOLD },
			 { 16, 78, TUI_BOLD } },
	[TUI_R_PAUSED] = { BOLD,
			   { 4, 3, TUI_BOLD },
			   { 4, 3, TUI_BOLD },
			   { 16, 220, TUI_BOLD },
			   { 16, 220, TUI_BOLD } },
	[TUI_R_REPLAY] = { BOLD,
			   { 7, 6, TUI_BOLD },
			   { 7, 6, TUI_BOLD },
			   { 16, 117, TUI_BOLD },
			   { 16, 117, TUI_BOLD } },
	[TUI_R_ALARM] = { BOLD,
			  { 7, 1, TUI_BOLD },
			  { 7, 1, TUI_BOLD },
			  { 231, 160, TUI_BOLD },
			  { 231, 160, TUI_BOLD } },
	[TUI_R_KEY] = { BOLD, BOLD, BOLD, BOLD, BOLD },
	[TUI_R_SELECT] = { REV, REV, REV, { 231, 24, 0 }, { 16, 153, 0 } },
	[TUI_R_CURSOR] = { BOLD,
			   { 1, 0, TUI_BOLD },
			   { 1, 0, TUI_BOLD },
			   { 206, 0, TUI_BOLD },
			   { 126, 0, TUI_BOLD } },
	[TUI_R_LINE] = { BOLD, BOLD, BOLD, BOLD, BOLD },
	[TUI_R_GC] = { BOLD,
		       { 2, 0, TUI_BOLD },
		       { 2, 0, TUI_BOLD },
		       { 35, 0, TUI_BOLD },
		       { 22, 0, TUI_BOLD } },
	[TUI_R_RELEASE] = { BOLD,
			    { 5, 0, TUI_BOLD },
			    { 5, 0, TUI_BOLD },
			    { 176, 0, TUI_BOLD },
			    { 127, 0, TUI_BOLD } },
	[TUI_R_MAP] = { { 0 }, { 6, 0, 0 }, { 4, 0, 0 }, { 74, 0, 0 }, { 25, 0, 0 } },
	[TUI_R_NOTE] = { { 0 }, { 3, 0, 0 }, { 1, 0, 0 }, { 172, 0, 0 }, { 94, 0, 0 } },
	[TUI_R_STRIP] = { { 0 }, { 6, 0, 0 }, { 4, 0, 0 }, { 74, 236, 0 }, { 25, 254, 0 } },
	[TUI_R_OWED] = { { 0 }, { 3, 0, 0 }, { 1, 0, 0 }, { 214, 0, 0 }, { 94, 0, 0 } },
	[TUI_R_LIMIT] = { BOLD,
			  { 1, 0, TUI_BOLD },
			  { 1, 0, TUI_BOLD },
			  { 210, 0, TUI_BOLD },
			  { 124, 0, TUI_BOLD } },
};

static int column(const struct tui_theme *t)
{
	int light = t->light ? 1 : 0;

	return t->depth >= 256 ? C_256 + light : t->depth >= 8 ? C_8 + light : C_MONO;
}

struct tui_style tui_role(const struct tui_theme *t, enum tui_role role)
{
	return roles[role][column(t)];
}

uint8_t tui_band_color(const struct tui_theme *t, enum tui_band band)
{
	return band_colors[band][column(t)];
}

uint8_t tui_band_ink(const struct tui_theme *t, enum tui_band band)
{
	return band_inks[band][t->light];
}

/* The cube of 6 x 6 x 6 colours has these levels. */
static uint32_t level(unsigned i)
{
	return i ? 55 + 40 * i : 0;
}

uint32_t tui_color_rgb(uint8_t color)
{
	unsigned n = color;

	if (n < 16)
		return TUI_RGB_NONE;
	if (n >= 232)
		return (8 + 10 * (n - 232)) * 0x010101u;
	n -= 16;
	return level(n / 36) << 16 | level(n / 6 % 6) << 8 | level(n % 6);
}
