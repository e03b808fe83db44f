/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * look.c - a frame's models, and keys on a frame whose models may have gone on. Asks
 * the source for states; draws nothing and knows no terminal.
 *
 * What a frame points to (rows, the window's timelines) is good until the source takes
 * events in or works on the past. A key that comes later meets the frame made anew.
 */
#include "tui/draw.h"
#include "tui/keys.h"
#include "tui/pointer.h"

void tui_look(struct tui_frame *f)
{
	const struct tui_source *src = f->src;
	uint64_t ts;

	f->working = false;
	if (!src || !src->now) /* its models are the caller's matter */
		return;
	f->now = src->now(src->ctx);
	ts = tui_view_moment(f->view, f->now);
	f->state = f->now;
	if (f->view->follow || !src->at)
		return;
	f->state = src->at(src->ctx, ts);
	if (f->state || !src->work)
		return;
	f->working = src->work(src->ctx);
	f->state = src->at(src->ctx, ts);
}

int tui_take(struct tui_frame *f, int key, const struct tui_mouse *m)
{
	bool changed;
	int err;

	if (f->old && f->w) {
		tui_look(f);
		err = tui_frame_begin(f, f->w, f->h);
		if (err)
			return err;
	}
	/* what is on the screen, as the model is by now */
	if (f->src && f->src->now)
		f->now = f->src->now(f->src->ctx);
	changed = key == TUI_KEY_MOUSE && m ? tui_pointer(f, m) : tui_key(f, key);
	return changed || f->again;
}
