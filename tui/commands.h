/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * commands.h - the table of commands that ":" takes, and the line they are typed in as
 * part of a frame: its keys, its completion, its drawing.
 *
 * A command does what keys do, or calls the same functions; what it has to say, it says
 * by tui_view_say().
 */
#ifndef MEMPROF_TUI_COMMANDS_H
#define MEMPROF_TUI_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>

#include "tui/draw.h"

struct tui_command {
	const char *name;
	const char *args; /* as the help writes them, or NULL: it takes none */
	const char *help;
	int key; /* the key that does the same, when it takes no argument; 0: run() */
	/* The i-th word that the argument may be, NULL after the last. NULL: free text. */
	const char *(*word)(const struct tui_frame *f, size_t i);
	/* arg: "" without one. */
	void (*run)(struct tui_frame *f, const char *arg);
};

extern const struct tui_command tui_commands[];
extern const size_t tui_commands_n;

/* Words that may stand where the text ends. */
#define TUI_WORDS_MAX 64
struct tui_words {
	const char *v[TUI_WORDS_MAX];
	size_t n;
	size_t from; /* byte of the text where the word begins                */
	bool more;   /* an argument may follow the word                       */
};
void tui_command_words(const struct tui_frame *f, const char *text, struct tui_words *w);

/* Does what a line says. A name may be cut as far as it stays the only one. */
void tui_command(struct tui_frame *f, const char *line);

/* Opens the prompt on the frame, with a text to begin with. */
void tui_ask(struct tui_frame *f, enum tui_ask ask, const char *text);
/* A key while the prompt is open. True when anything may have changed. */
bool tui_ask_key(struct tui_frame *f, int key);
/* The prompt over the key hints, what may be typed in the row above. */
void tui_draw_prompt(struct tui_grid *g, const struct tui_frame *f);

#endif /* MEMPROF_TUI_COMMANDS_H */
