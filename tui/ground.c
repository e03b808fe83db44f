/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ground.c - backgrounds and characters of terminals. Knows no terminal itself.
 */
#include "tui/ground.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* One of rgb:r/g/b, of one to four hexadecimal digits, as a share of its maximum in 1/1000. */
static int component(const char **s)
{
	unsigned long v = 0, max = 0;

	for (int n = 0; n < 4; n++) {
		char c = **s;
		int digit = c >= '0' && c <= '9'   ? c - '0'
			    : c >= 'a' && c <= 'f' ? c - 'a' + 10
			    : c >= 'A' && c <= 'F' ? c - 'A' + 10
						   : -1;

		if (digit < 0)
			break;
		v = v * 16 + (unsigned)digit;
		max = max * 16 + 15;
		(*s)++;
	}
	return max ? (int)(v * 1000 / max) : -1;
}

enum tui_ground tui_ground_of(const char *answer)
{
	/* how bright the eye finds red, green and blue (ITU-R BT.601) */
	static const int weight[3] = { 299, 587, 114 };
	int sum = 0;

	if (strncmp(answer, "rgba:", 5) == 0)
		answer++;
	else if (strncmp(answer, "rgb:", 4) != 0)
		return TUI_GROUND_UNKNOWN;
	answer += 4;
	for (int i = 0; i < 3; i++) {
		int v = component(&answer);

		if (v < 0 || (i < 2 && *answer++ != '/'))
			return TUI_GROUND_UNKNOWN;
		sum += v * weight[i];
	}
	return sum >= 500 * 1000 ? TUI_GROUND_LIGHT : TUI_GROUND_DARK;
}

enum tui_ground tui_ground_of_env(const char *value)
{
	const char *bg = value ? strrchr(value, ';') : NULL;
	char *end;
	long n;

	if (!bg)
		return TUI_GROUND_UNKNOWN;
	n = strtol(bg + 1, &end, 10);
	if (end == bg + 1 || *end || n < 0 || n > 15)
		return TUI_GROUND_UNKNOWN;
	/* of the 16 colours white, and the bright ones but for grey */
	return n == 7 || n > 8 ? TUI_GROUND_LIGHT : TUI_GROUND_DARK;
}

bool tui_ground_askable(const char *term)
{
	/* not: linux, which takes OSC for its palette; vt*, often a serial line */
	static const char *const ask[] = { "xterm",   "tmux",  "foot",	  "alacritty", "rxvt",
					   "konsole", "gnome", "wezterm", "kitty",     "st-" };

	for (size_t i = 0; term && i < sizeof(ask) / sizeof(ask[0]); i++)
		if (strncmp(term, ask[i], strlen(ask[i])) == 0)
			return true;
	return false;
}

/*
 * The console draws with 256 or 512 glyphs. What every font that distributions load
 * has, besides the letters: single lines, half blocks, shades (console_codes(4), and the
 * fonts of Debian's console-setup and kbd).
 */
static const struct {
	wchar_t ch, to;
} console[] = {
	{ 0x2500, 0 },	    { 0x2502, 0 },	{ 0x250c, 0 },	    { 0x2510, 0 },
	{ 0x2514, 0 },	    { 0x2518, 0 },	{ 0x251c, 0 },	    { 0x2524, 0 },
	{ 0x252c, 0 },	    { 0x2534, 0 },	{ 0x253c, 0 },	    { 0x2580, 0 },
	{ 0x2584, 0 },	    { 0x2588, 0 },	{ 0x2591, 0 },	    { 0x2592, 0 },
	{ 0x2593, 0 },	    { 0x00b7, 0 },	{ 0x2581, L'_' },   { 0x2582, L'_' },
	{ 0x2583, 0x2584 }, { 0x2585, 0x2584 }, { 0x2586, 0x2584 }, { 0x2587, 0x2588 },
	{ 0x2594, 0x2580 }, { 0x2573, L'x' },	{ 0x2571, L'/' },   { 0x2572, L'\\' },
	{ 0x2575, 0x2502 }, { 0x2577, 0x2502 }, { 0x250a, L':' },   { 0x2506, L':' },
	{ 0x2508, L'.' },   { 0x2504, L'-' },	{ 0x254c, L'-' },   { 0x2550, L'=' },
	{ 0x2022, L'o' },   { 0x25c6, L'#' },	{ 0x25c7, L'#' },   { 0x25cf, L'O' },
	{ 0x25cb, L'o' },   { 0x2605, L'*' },	{ 0x2212, L'-' },   { 0x2190, L'<' },
	{ 0x2191, L'^' },   { 0x2192, L'>' },	{ 0x2193, L'v' },   { 0x25b2, L'^' },
	{ 0x25b4, L'^' },   { 0x25bc, L'v' },	{ 0x25be, L'v' },   { 0x25b6, L'>' },
	{ 0x25b8, L'>' },   { 0x25ba, L'>' },	{ 0x25c0, L'<' },   { 0x25c2, L'<' },
	{ 0x25c4, L'<' },   { 0x2026, L'~' },	{ 0x258c, L'|' },   { 0x2590, L'|' },
	{ 0x2014, L'-' },   { 0x2013, L'-' },	{ 0x00d7, L'x' },   { 0x2261, L'=' },
	{ 0x256c, L'+' },   { 0x2198, L'f' },	{ 0x25a0, L'D' },   { 0x203c, L'!' },
};
#define CONSOLE_N (sizeof(console) / sizeof(console[0]))

bool tui_console_has(wchar_t ch)
{
	if (ch < 0x80)
		return true;
	for (size_t i = 0; i < CONSOLE_N; i++)
		if (console[i].ch == ch)
			return console[i].to == 0;
	return false;
}

wchar_t tui_console_char(wchar_t ch)
{
	if (ch < 0x80)
		return ch;
	for (size_t i = 0; i < CONSOLE_N; i++)
		if (console[i].ch == ch)
			return console[i].to ? console[i].to : ch;
	return ch; /* a letter of a name: the font has it or not */
}
