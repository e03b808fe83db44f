/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * hints.c - the lowest row: the keys that are most useful for what is on the screen, or
 * the answer to what was just asked for. The words are those of the table of keys.
 */
#include <string.h>

#include "tui/draw.h"
#include "tui/keys.h"

/* What is most useful, by what is on screen; other keys with a hint follow. */
static const int in_plot[] = { 'q', '?', ' ', TUI_KEY_LEFT, '.', '+', '0', '\t', 't', 'w', ':', 0 };
static const int in_past[] = { 'q', '?', TUI_KEY_END, TUI_KEY_LEFT, '.', '+', '0', '\t', 't', 0 };
static const int in_table[] = { 'q', '?', TUI_KEY_DOWN, '\r', 's', '/', 't', '\t', 'e', ':', 0 };

#define FIRST_MAX 12 /* keys of a list, and more */

/* A walk over the hints that fit, from the left: whole ones only, and a shorter one may
 * still fit where a long one does not. */
struct hints {
	const struct tui_key *first[FIRST_MAX]; /* the list of this screen       */
	size_t n_first;
	size_t i; /* the next to be looked at: of the list, then of the table */
	const struct tui_key *k;
	int x, end; /* of this one; before the first: where it may begin */
};

static void hints_begin(struct hints *h, const struct tui_frame *f)
{
	const int *list = f->view->in_table || f->view->expand ? in_table
			  : f->view->follow		       ? in_plot
							       : in_past;

	memset(h, 0, sizeof(*h));
	for (; *list && h->n_first < FIRST_MAX; list++) {
		h->first[h->n_first] = tui_key_find(*list);
		h->n_first += h->first[h->n_first] != NULL;
	}
	h->end = f->lay.hints.x - 1;
}

static bool listed(const struct hints *h, const struct tui_key *k)
{
	for (size_t i = 0; i < h->n_first; i++)
		if (h->first[i] == k)
			return true;
	return false;
}

/* The next key with a hint, or NULL. */
static const struct tui_key *next_key(struct hints *h)
{
	while (h->i < h->n_first + tui_keys_n) {
		size_t i = h->i++;
		const struct tui_key *k = i < h->n_first ? h->first[i] : &tui_keys[i - h->n_first];

		if (k->hint && (i < h->n_first || !listed(h, k)))
			return k;
	}
	return NULL;
}

static bool next_hint(const struct tui_frame *f, struct hints *h)
{
	const struct tui_rect *r = &f->lay.hints;

	h->x = h->end + 2;
	while ((h->k = next_key(h)) != NULL) {
		h->end = h->x + (int)strlen(h->k->hint); /* they are ASCII */
		if (h->end <= r->x + r->w)
			return true;
	}
	return false;
}

const struct tui_key *tui_hint_at(const struct tui_frame *f, int x)
{
	struct hints h;

	hints_begin(&h, f);
	while (!f->answer && next_hint(f, &h))
		if (x >= h.x && x < h.end)
			return h.k;
	return NULL;
}

void tui_draw_hints(struct tui_grid *g, const struct tui_frame *f)
{
	const struct tui_rect *r = &f->lay.hints;
	struct hints h;

	if (f->answer) {
		tui_outside_text(g, f, r->x + 1, r->y, r->w - 1, tui_role(f->theme, TUI_R_BOLD),
				 f->answer);
		return;
	}
	hints_begin(&h, f);
	while (next_hint(f, &h)) {
		const char *word = strrchr(h.k->hint, ' ');
		int x = tui_grid_text(g, h.x, r->y, (int)(word - h.k->hint),
				      tui_role(f->theme, TUI_R_KEY), h.k->hint);

		tui_grid_text(g, x, r->y, r->w, tui_role(f->theme, TUI_R_DIM), word);
	}
}
