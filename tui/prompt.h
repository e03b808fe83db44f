/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * prompt.h - the line in which commands and filters are typed: its text, its cursor
 * and what was typed before. State and editing only; it knows no frame and no command.
 */
#ifndef MEMPROF_TUI_PROMPT_H
#define MEMPROF_TUI_PROMPT_H

#include <stdbool.h>
#include <stddef.h>

#define TUI_TEXT_MAX 256 /* bytes of a filter, a command, with its end */
#define TUI_PAST_MAX 16	 /* lines remembered                           */

/* What is being typed. */
enum tui_ask {
	TUI_ASK_NONE = 0,
	TUI_ASK_COMMAND,
	TUI_ASK_FILTER,
	TUI_ASKS,
};

/* What a key has done. */
enum tui_edit {
	TUI_EDIT_NONE = 0, /* nothing: it is no key of a prompt        */
	TUI_EDIT_MOVED,	   /* the text is as it was                    */
	TUI_EDIT_CHANGED,
	TUI_EDIT_TAB,  /* asks for completion: the caller's matter */
	TUI_EDIT_DONE, /* the text counts                          */
	TUI_EDIT_LEFT, /* it does not                              */
};

struct tui_prompt {
	enum tui_ask ask;	 /* TUI_ASK_NONE: closed                            */
	char text[TUI_TEXT_MAX]; /* UTF-8                                           */
	size_t at;		 /* bytes before the cursor, always whole characters */
	char own[TUI_TEXT_MAX];	 /* what stood there before lines of the past did   */
	size_t back;		 /* which of them stands there, 0: none             */
	struct tui_past {
		char v[TUI_PAST_MAX][TUI_TEXT_MAX]; /* newest first */
		size_t n;
	} past[TUI_ASKS];
};

/* Opens it with a text, the cursor after it. */
void tui_prompt_open(struct tui_prompt *p, enum tui_ask ask, const char *text);
/* Closes it and remembers the line for Up. */
void tui_prompt_close(struct tui_prompt *p, bool remember);
/* Edits by a key of tui_screen_key(). It stays open: closing is the caller's. */
enum tui_edit tui_prompt_key(struct tui_prompt *p, int key);
/* Puts a text in place of all from byte `from` on; what does not fit is left out. */
void tui_prompt_replace(struct tui_prompt *p, size_t from, const char *text);

#endif /* MEMPROF_TUI_PROMPT_H */
