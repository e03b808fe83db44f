/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * screen.h - the terminal: a grid goes out, keys come in. The only code that
 * knows curses.
 */
#ifndef MEMPROF_TUI_SCREEN_H
#define MEMPROF_TUI_SCREEN_H

#include <stdbool.h>

#include "tui/grid.h"
#include "tui/theme.h"

/*
 * Takes the terminal and says what it can show. 0, or -ENOTTY, -EOPNOTSUPP
 * (unknown TERM), nothing having been written then.
 */
int tui_screen_open(struct tui_theme *theme, int color);
/* Gives the terminal back as it was; harmless when it is not taken. keep: the
 * last picture stays readable above the prompt. */
void tui_screen_close(bool keep);
void tui_screen_size(int *w, int *h);
/* Sends what differs from the last grid sent. */
void tui_screen_show(const struct tui_grid *g);
/* The next show() sends everything. */
void tui_screen_forget(void);
/* A pending key, TUI_KEY_NONE for one without a meaning here, 0 for none. */
int tui_screen_key(bool *resized);

#endif /* MEMPROF_TUI_SCREEN_H */
