/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pointer.h - what the mouse does to the part of the screen it is on.
 */
#ifndef MEMPROF_TUI_POINTER_H
#define MEMPROF_TUI_POINTER_H

#include <stdbool.h>

#include "tui/draw.h"
#include "tui/mouse.h"

/* Acts on the view of the frame last drawn. True when anything may have changed. */
bool tui_pointer(struct tui_frame *f, const struct tui_mouse *m);

#endif /* MEMPROF_TUI_POINTER_H */
