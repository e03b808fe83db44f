/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * guard.h - the terminal comes back, whatever happens: signals, crashes, exit()
 * from somewhere else, and messages that would tear the picture.
 */
#ifndef MEMPROF_TUI_GUARD_H
#define MEMPROF_TUI_GUARD_H

#include <stdbool.h>

/* TERM names a terminal that can place text. Writes nothing. First of all calls. */
bool tui_guard_term(void);

/*
 * Before curses starts: remembers the terminal's modes and
 * the sequences that restore it, and holds back what is written to stderr.
 */
void tui_guard_arm(void);
/* After curses has started, which installs handlers of its own. */
void tui_guard_signals(void);
/* The terminal is back: lets go of everything, prints what was held back. */
void tui_guard_disarm(void);
/* The signal that asked to leave, or 0. Raise it again after disarm. */
int tui_guard_signal(void);

/* Ctrl-Z, or a SIGTSTP from elsewhere, since the last call: give the terminal back, then
 * tui_guard_stop(). */
bool tui_guard_wants_stop(void);
/* Stops this process; returns when it is continued. */
void tui_guard_stop(void);
/* It was continued, after a stop that nobody can see coming (SIGSTOP), since the last call. */
bool tui_guard_continued(void);
/* The terminal's modes are as they were. */
void tui_guard_modes(void);

#endif /* MEMPROF_TUI_GUARD_H */
