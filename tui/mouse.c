/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * mouse.c - the two forms of mouse reports. curses decodes them too, but knows no wheel
 * to the side, no motion where its terminal description names none, and nothing right
 * of column 223 in the older form.
 */
#include "tui/mouse.h"

#include <string.h>

/* Bits of a report's first number. */
#define B_BUTTON 3 /* 0 the left one, 3: released (older form) */
#define B_SHIFT	 4
#define B_MOTION 32
#define B_WHEEL	 64
#define B_EXTRA	 128 /* buttons 8 to 11 */

#define COORD_MAX 9999

void tui_mouse_begin(struct tui_mouse_in *in, bool sgr)
{
	memset(in, 0, sizeof(*in));
	in->form = sgr ? TUI_MOUSE_NUMBERS : TUI_MOUSE_BYTES;
}

static enum tui_mouse_what what_of(int b, bool released)
{
	static const enum tui_mouse_what wheel[] = { TUI_MOUSE_WHEEL_UP, TUI_MOUSE_WHEEL_DOWN,
						     TUI_MOUSE_WHEEL_LEFT, TUI_MOUSE_WHEEL_RIGHT };

	if (b & B_EXTRA)
		return TUI_MOUSE_NOTHING;
	if (b & B_WHEEL)
		return released ? TUI_MOUSE_NOTHING : wheel[b & B_BUTTON];
	if (released)
		return TUI_MOUSE_RELEASE;
	if (b & B_BUTTON)
		return TUI_MOUSE_NOTHING;
	return b & B_MOTION ? TUI_MOUSE_DRAG : TUI_MOUSE_PRESS;
}

static int finish(struct tui_mouse_in *in, bool released, struct tui_mouse *m)
{
	in->form = TUI_MOUSE_IDLE;
	if (in->n != 2 || in->v[1] < 1 || in->v[2] < 1)
		return -1;
	m->what = what_of(in->v[0], released);
	m->shift = in->v[0] & B_SHIFT;
	m->x = in->v[1] - 1;
	m->y = in->v[2] - 1;
	return 1;
}

static int feed_number(struct tui_mouse_in *in, int ch, struct tui_mouse *m)
{
	if (ch >= '0' && ch <= '9' && in->v[in->n] <= COORD_MAX) {
		in->v[in->n] = in->v[in->n] * 10 + (ch - '0');
		return 0;
	}
	if (ch == ';' && in->n < 2) {
		in->n++;
		return 0;
	}
	if (ch == 'M' || ch == 'm')
		return finish(in, ch == 'm', m);
	in->form = TUI_MOUSE_IDLE;
	return -1;
}

static int feed_byte(struct tui_mouse_in *in, int ch, struct tui_mouse *m)
{
	int b;

	in->v[in->n] = ch - 32;
	if (ch < 32) {
		in->form = TUI_MOUSE_IDLE;
		return -1;
	}
	if (in->n < 2) {
		in->n++;
		return 0;
	}
	b = in->v[0];
	return finish(in, !(b & B_WHEEL) && (b & B_BUTTON) == 3, m);
}

int tui_mouse_feed(struct tui_mouse_in *in, int ch, struct tui_mouse *m)
{
	if (in->form == TUI_MOUSE_NUMBERS)
		return feed_number(in, ch, m);
	if (in->form == TUI_MOUSE_BYTES)
		return feed_byte(in, ch, m);
	return -1;
}
