/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ground.h - what a terminal has: its background and its characters, from what it
 * says of itself. Pure: asking it is screen.c's.
 */
#ifndef MEMPROF_TUI_GROUND_H
#define MEMPROF_TUI_GROUND_H

#include <stdbool.h>
#include <wchar.h>

enum tui_ground { TUI_GROUND_UNKNOWN = 0, TUI_GROUND_DARK, TUI_GROUND_LIGHT };

/* The query for the background's colour (xterm's control sequences, OSC 11). */
#define TUI_GROUND_ASK "\033]11;?\033\\"
/* What an answer begins with. */
#define TUI_GROUND_ANSWER "\033]11;"

/* The rest of an answer, up to its end mark: "rgb:ffff/ffff/ffff". */
enum tui_ground tui_ground_of(const char *answer);
/* COLORFGBG, as rxvt and konsole set it: "0;15", "0;default;15". NULL: unknown. */
enum tui_ground tui_ground_of_env(const char *value);
/* Is this a TERM whose terminals either answer or ignore the query? */
bool tui_ground_askable(const char *term);

/* Has the console of the kernel, with whatever font is loaded, this character? */
bool tui_console_has(wchar_t ch);
/* What stands there for a character of ours that it may lack. */
wchar_t tui_console_char(wchar_t ch);

#endif /* MEMPROF_TUI_GROUND_H */
