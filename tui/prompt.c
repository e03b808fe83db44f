/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * prompt.c - editing of one line of UTF-8. Invariant: `at` is at most the length of
 * the text and never inside a character, and the text holds no control character.
 */
#include "tui/prompt.h"

#include <stdio.h>
#include <string.h>

#include "tui/grid.h"
#include "tui/keys.h"

void tui_prompt_open(struct tui_prompt *p, enum tui_ask ask, const char *text)
{
	p->ask = ask;
	p->back = 0;
	*p->text = '\0';
	p->at = 0;
	tui_prompt_replace(p, 0, text);
}

void tui_prompt_close(struct tui_prompt *p, bool remember)
{
	struct tui_past *past = &p->past[p->ask];

	if (remember && *p->text && (!past->n || strcmp(past->v[0], p->text) != 0)) {
		memmove(past->v[1], past->v[0], sizeof(past->v) - sizeof(past->v[0]));
		memcpy(past->v[0], p->text, sizeof(p->text));
		past->n += past->n < TUI_PAST_MAX;
	}
	p->ask = TUI_ASK_NONE;
}

/* Bytes of the character before `at`. */
static size_t step_back(const struct tui_prompt *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->at; i += n)
		n = tui_text_step(p->text + i);
	return n;
}

/* Takes n bytes out, from `from` on. */
static void cut(struct tui_prompt *p, size_t from, size_t n)
{
	memmove(p->text + from, p->text + from + n, strlen(p->text + from + n) + 1);
	p->at = from;
}

static enum tui_edit insert(struct tui_prompt *p, int key)
{
	char ch[TUI_UTF8_MAX];
	size_t n = tui_text_encode(ch, (wchar_t)key);
	size_t len = strlen(p->text);

	if (len + n >= sizeof(p->text))
		return TUI_EDIT_MOVED;
	memmove(p->text + p->at + n, p->text + p->at, len - p->at + 1);
	memcpy(p->text + p->at, ch, n);
	p->at += n;
	return TUI_EDIT_CHANGED;
}

void tui_prompt_replace(struct tui_prompt *p, size_t from, const char *text)
{
	size_t n;

	p->text[from] = '\0';
	p->at = from;
	while ((n = tui_text_step(text)) != 0 && p->at + n < sizeof(p->text)) {
		/* raw bytes of names from outside: only what a prompt shows as typed */
		if (tui_text_typed(text)) {
			memcpy(p->text + p->at, text, n);
			p->at += n;
		}
		text += n;
	}
	p->text[p->at] = '\0';
}

/* The word before the cursor and the blanks after it. */
static enum tui_edit cut_word(struct tui_prompt *p)
{
	size_t from = p->at;

	while (from && p->text[from - 1] == ' ')
		from--;
	while (from && p->text[from - 1] != ' ')
		from--;
	cut(p, from, p->at - from);
	return TUI_EDIT_CHANGED;
}

/* Lines typed before: older ones (1) or back to the own one (-1). */
static enum tui_edit look_back(struct tui_prompt *p, int by)
{
	const struct tui_past *past = &p->past[p->ask];

	if (by > 0 ? p->back >= past->n : !p->back)
		return TUI_EDIT_MOVED;
	if (!p->back)
		memcpy(p->own, p->text, sizeof(p->own));
	p->back += (size_t)by;
	memcpy(p->text, p->back ? past->v[p->back - 1] : p->own, sizeof(p->text));
	p->at = strlen(p->text);
	return TUI_EDIT_CHANGED;
}

static enum tui_edit go(struct tui_prompt *p, size_t at)
{
	p->at = at;
	return TUI_EDIT_MOVED;
}

static enum tui_edit remove_at(struct tui_prompt *p, size_t from, size_t n)
{
	cut(p, from, n);
	return TUI_EDIT_CHANGED;
}

enum tui_edit tui_prompt_key(struct tui_prompt *p, int key)
{
	size_t before = step_back(p), after = tui_text_step(p->text + p->at);

	switch (key) {
	case '\r':
	case '\n':
		return TUI_EDIT_DONE;
	case 27:
		return TUI_EDIT_LEFT;
	case '\t':
		return TUI_EDIT_TAB;
	case TUI_KEY_BACKSPACE:
	case TUI_CTRL('h'):
	case 127:
		/* what was opened by mistake is left the way it was entered */
		return *p->text ? remove_at(p, p->at - before, before) : TUI_EDIT_LEFT;
	case TUI_KEY_DELETE:
	case TUI_CTRL('d'):
		return remove_at(p, p->at, after);
	case TUI_CTRL('u'):
		return remove_at(p, 0, p->at);
	case TUI_CTRL('k'):
		return remove_at(p, p->at, strlen(p->text + p->at));
	case TUI_CTRL('w'):
		return cut_word(p);
	case TUI_KEY_LEFT:
	case TUI_CTRL('b'):
		return go(p, p->at - before);
	case TUI_KEY_RIGHT:
	case TUI_CTRL('f'):
		return go(p, p->at + after);
	case TUI_KEY_HOME:
	case TUI_CTRL('a'):
		return go(p, 0);
	case TUI_KEY_END:
	case TUI_CTRL('e'):
		return go(p, strlen(p->text));
	case TUI_KEY_UP:
	case TUI_CTRL('p'):
		return look_back(p, 1);
	case TUI_KEY_DOWN:
	case TUI_CTRL('n'):
		return look_back(p, -1);
	default:
		return tui_char_typed(key) ? insert(p, key) : TUI_EDIT_NONE;
	}
}
