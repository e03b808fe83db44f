/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * screen.h - the terminal: a grid goes out, keys come in. The only code that
 * knows curses.
 */
#ifndef MEMPROF_TUI_SCREEN_H
#define MEMPROF_TUI_SCREEN_H

#include <stdbool.h>

#include "tui/grid.h"
#include "tui/mouse.h"
#include "tui/theme.h"
#include "tui/tui.h"

/*
 * Takes the terminal and says what it can show, in theme, which must live as long: a
 * terminal may tell its background later. 0, or -ENOTTY, -EOPNOTSUPP
 * (unknown TERM), nothing having been written then.
 */
int tui_screen_open(struct tui_theme *theme, const struct tui_opts *o);
/* Gives the terminal back as it was; harmless when it is not taken. keep: the
 * last picture stays readable above the prompt. */
void tui_screen_close(bool keep);
void tui_screen_size(int *w, int *h);
/* Sends what differs from the last grid sent. */
void tui_screen_show(const struct tui_grid *g);
/* The terminal has taken what was sent: a frame may be shown. */
bool tui_screen_ready(void);
/* Where to wait for that (POLLOUT), or -1: only time tells. */
int tui_screen_pending_fd(void);
/* Stops this process when that was asked for (Ctrl-Z), with the terminal given back
 * meanwhile. True when the terminal was somebody else's: draw. */
bool tui_screen_jobs(void);
/* The next show() sends everything. */
void tui_screen_forget(void);
/* A pending key, TUI_KEY_NONE for one without a meaning here, 0 for none. resized becomes
 * true when the terminal told meanwhile that it looks other than it did: draw. */
int tui_screen_key(bool *resized);
/* What the mouse did, when that key was TUI_KEY_MOUSE. */
const struct tui_mouse *tui_screen_mouse(void);
/* Takes the mouse, or leaves it to the terminal. False: this terminal has none. */
bool tui_screen_mouse_take(bool on);

#endif /* MEMPROF_TUI_SCREEN_H */
