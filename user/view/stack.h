/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * stack.h - a stack of a report in words, innermost frame first. Frames of a recording without
 * places, which does not say whose addresses a stack has, are those of the figures' process.
 */
#ifndef MEMPROF_VIEW_STACK_H
#define MEMPROF_VIEW_STACK_H

#include "user/view/figures.h"
#include "user/view/json.h"

#define MP_FRAME_MAX 644 /* bytes of a frame in mp_stack_text() */

/* An array "stack", or null where there is none of that id. */
void mp_stack_json(struct mp_json *j, const struct mp_figures *fg, uint64_t id);
/* "a.out+0x11a0 < a.out+0x1240": so many frames, of size / MP_FRAME_MAX at most; or "(no stack)".
 * Returns buf. */
char *mp_stack_text(const struct mp_figures *fg, uint64_t id, char *buf, size_t size);

#endif /* MEMPROF_VIEW_STACK_H */
