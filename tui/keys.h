/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * keys.h - the table of keys. What a key does, how it is called in the help
 * and whether it is hinted at the bottom stand in one row of one table. A row without
 * an action is the heading of those after it.
 */
#ifndef MEMPROF_TUI_KEYS_H
#define MEMPROF_TUI_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "tui/draw.h"

/* Keys that are no character, apart from any that a terminal sends. */
enum tui_keycode {
	TUI_KEY_LEFT = 0x10000,
	TUI_KEY_RIGHT,
	TUI_KEY_UP,
	TUI_KEY_DOWN,
	TUI_KEY_HOME,
	TUI_KEY_END,
	TUI_KEY_PAGE_UP,
	TUI_KEY_PAGE_DOWN,
	TUI_KEY_BACKSPACE,
	TUI_KEY_DELETE,
	TUI_KEY_SLEFT, /* with Shift */
	TUI_KEY_SRIGHT,
	TUI_KEY_MOUSE, /* the terminal's mouse has something to tell */
	TUI_KEY_NONE,  /* nothing to act on */
};

#define TUI_CTRL(c) ((c)&0x1f)

#define TUI_BOTH (1 << 24)

struct tui_key {
	int key[3];	  /* any of these; 0: none */
	const char *name; /* as the help writes it */
	const char *help;
	const char *hint; /* for the bottom line: keys, a blank, one word; or NULL */
	void (*act)(struct tui_frame *f, int arg);
	int arg; /* with TUI_BOTH the second key goes the other way: -arg */
};

extern const struct tui_key tui_keys[];
extern const size_t tui_keys_n;

/* The row of a key, or NULL. */
const struct tui_key *tui_key_find(int key);
/* The key whose hint stands there in the hints' row, or NULL. */
const struct tui_key *tui_hint_at(const struct tui_frame *f, int x);
/* Acts on the view of the frame last drawn. True when anything may have changed. */
bool tui_key(struct tui_frame *f, int key);

#endif /* MEMPROF_TUI_KEYS_H */
