/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * mouse.h - what terminals say of the mouse, decoded. No terminal and no frame: bytes
 * come in, one after the other, and moments of the mouse come out.
 */
#ifndef MEMPROF_TUI_MOUSE_H
#define MEMPROF_TUI_MOUSE_H

#include <stdbool.h>

/*
 * Buttons, motion with one held, positions as numbers (SGR): in the order in which a
 * terminal that knows less keeps the best it knows. From xterm's ctlseqs, "Mouse Tracking".
 */
#define TUI_MOUSE_ON  "\033[?1000h\033[?1002h\033[?1006h"
#define TUI_MOUSE_OFF "\033[?1006l\033[?1002l\033[?1000l"

/* How a report begins; which of the two is the terminal's choice. */
#define TUI_MOUSE_SGR "\033[<" /* numbers, ';' between them, 'M' or, released, 'm' */
#define TUI_MOUSE_X10 "\033[M" /* three bytes, each 32 above its number            */

enum tui_mouse_what {
	TUI_MOUSE_NOTHING = 0, /* a button without a meaning here */
	TUI_MOUSE_PRESS,       /* the left one; so all after it   */
	TUI_MOUSE_DRAG,
	TUI_MOUSE_RELEASE,
	TUI_MOUSE_WHEEL_UP,
	TUI_MOUSE_WHEEL_DOWN,
	TUI_MOUSE_WHEEL_LEFT,
	TUI_MOUSE_WHEEL_RIGHT,
};

struct tui_mouse {
	enum tui_mouse_what what;
	int x, y; /* cells from the upper left one, 0 0 */
	bool shift;
};

/* A report that is being read. All 0: none is. */
struct tui_mouse_in {
	enum { TUI_MOUSE_IDLE = 0, TUI_MOUSE_NUMBERS, TUI_MOUSE_BYTES } form;
	int v[3], n;
};

/* A report begins, in one of the two forms. */
void tui_mouse_begin(struct tui_mouse_in *in, bool sgr);
/* Its next character. 1: m is complete; 0: there is more to come; -1: this is no report,
 * and the character is lost with it. */
int tui_mouse_feed(struct tui_mouse_in *in, int ch, struct tui_mouse *m);

#endif /* MEMPROF_TUI_MOUSE_H */
